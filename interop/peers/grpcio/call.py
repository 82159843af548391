"""`python -m interop.peers.grpcio.call HOST:PORT`: one call on grpcio."""

import sys

import grpc

from interop.peers import one_call

if __name__ == "__main__":
    sys.exit(one_call.run(grpc))
