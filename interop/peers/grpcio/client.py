"""`python -m interop.peers.grpcio.client`: the helloworld checks on grpcio, the official gRPC for Python."""

import sys

import grpc

from interop.peers.command_line import run_client

if __name__ == "__main__":
    sys.exit(run_client(grpc))
