"""Plait as a peer: the same programs as grpcio's, on `grpc_core`."""

from interop.peers.peer import Commands, blocking, python_commands


def commands() -> Commands:
    """The commands, with the asyncio face; they are always there."""
    import grpc_core

    return python_commands(__name__, f"plait {grpc_core.__version__}")


def blocking_commands() -> Commands:
    """The commands, with the blocking face; they are always there."""
    return blocking(commands())
