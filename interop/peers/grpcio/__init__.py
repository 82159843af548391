"""grpcio, the official gRPC for Python, as a peer. Its programs use nothing of Plait but `interop` itself."""

from importlib import metadata

from interop.peers.peer import Commands, Missing, python_commands


def commands() -> Commands:
    """The commands. Raises Missing where grpcio is not installed."""
    try:
        version = metadata.version("grpcio")
    except metadata.PackageNotFoundError:
        raise Missing("grpcio is not installed for this Python: pip install grpcio")
    lacks = {"data_frame_padding": "gRPC core refuses DATA frames with padding (its issue 9779)"}
    return python_commands(__name__, f"grpcio {version}")._replace(lacks=lacks)
