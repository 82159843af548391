"""`python -m interop.peers.grpcio.server`: a Greeter server on grpcio, the official gRPC for Python."""

import sys

import grpc

from interop.peers.command_line import run_server

if __name__ == "__main__":
    sys.exit(run_server(grpc))
