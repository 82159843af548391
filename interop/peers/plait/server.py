"""`python -m interop.peers.plait.server`: a Greeter server on Plait."""

import sys

import grpc_core
from interop.peers.command_line import run_server

if __name__ == "__main__":
    sys.exit(run_server(grpc_core))
