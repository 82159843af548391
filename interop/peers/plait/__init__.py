"""Plait as a peer: the same programs as grpcio's, on `grpc_core`."""

from interop.peers.peer import Commands, python_commands


def commands() -> Commands:
    """The commands; they are always there."""
    import grpc_core

    return python_commands(__name__, f"plait {grpc_core.__version__}")
