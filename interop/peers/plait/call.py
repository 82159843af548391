"""`python -m interop.peers.plait.call HOST:PORT`: one call on Plait."""

import sys

import grpc_core
from interop.peers import one_call

if __name__ == "__main__":
    sys.exit(one_call.run(grpc_core))
