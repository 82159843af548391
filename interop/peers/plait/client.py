"""`python -m interop.peers.plait.client`: the helloworld checks on Plait."""

import sys

import grpc_core
from interop.peers.command_line import run_client

if __name__ == "__main__":
    sys.exit(run_client(grpc_core))
