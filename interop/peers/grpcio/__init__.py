"""grpcio, the official gRPC for Python, as a peer. Its programs use nothing of Plait but `interop` itself."""

from importlib import metadata

from interop.peers.peer import Commands, Missing, blocking, python_commands

_CANNOT_TELL = "grpcio does not tell whether a response came compressed"


def commands() -> Commands:
    """The commands, with its asyncio API. Raises Missing where grpcio is not installed."""
    try:
        version = metadata.version("grpcio")
    except metadata.PackageNotFoundError:
        raise Missing("grpcio is not installed for this Python: pip install grpcio")
    does_not_look = "grpcio does not tell a handler whether a request came compressed"
    return python_commands(__name__, f"grpcio {version}")._replace(
        lacks={
            "client_compressed_streaming": "grpcio cannot send one request of a compressed call as it is",
            "server_compressed_unary": _CANNOT_TELL,
            "server_compressed_streaming": _CANNOT_TELL,
            "data_frame_padding": "gRPC core refuses DATA frames with padding (its issue 9779)",
        },
        server_lacks=dict.fromkeys(("client_compressed_unary", "client_compressed_streaming"), does_not_look),
    )


def blocking_commands() -> Commands:
    """The commands, with its blocking API. Raises Missing where grpcio is not installed."""
    return blocking(commands())
