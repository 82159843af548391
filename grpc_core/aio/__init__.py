"""gRPC on asyncio, with the API of grpcio's `grpc.aio`.

| question                                   | file       |
|--------------------------------------------|------------|
| the channel and its multi-callables        | `channel`  |
| what a call of a client promises           | `interfaces`|
| a call in progress, on the client          | `call`     |
| calls with streams                         | `streaming`|
| calls as streams, on both sides            | `streams`  |
| what is told of them all                   | `describing` |
| interceptors: what a program writes        | `interceptors`|
| the way of a call through them             | `interception`|
| a call that went through them              | `intercepted`, `responses`|
| the connection behind a channel            | `link`     |
| the server: ports and connections          | `serving`  |
| how a handler is run                       | `rpc`      |
| what a handler is given                    | `context`  |
| sessions on asyncio connections            | `protocol` |
"""

import importlib
from typing import TYPE_CHECKING, Any

from grpc_core.aio.eof import EOF
from grpc_core.aio.interceptors import (
    ClientCallDetails,
    ClientInterceptor,
    ServerInterceptor,
    StreamStreamClientInterceptor,
    StreamUnaryClientInterceptor,
    UnaryStreamClientInterceptor,
    UnaryUnaryClientInterceptor,
)
from grpc_core.aio.interfaces import (
    Call,
    RpcContext,
    StreamStreamCall,
    StreamUnaryCall,
    UnaryStreamCall,
    UnaryUnaryCall,
)
from grpc_core.errors import AbortError, AioRpcError, BaseError, InternalError, UsageError
from grpc_core.interfaces import ChannelOptions as ChannelArgumentType
from grpc_core.metadata import Metadata

if TYPE_CHECKING:
    from grpc_core.aio.channel import (
        Channel,
        StreamStreamMultiCallable,
        StreamUnaryMultiCallable,
        UnaryStreamMultiCallable,
        UnaryUnaryMultiCallable,
        insecure_channel,
        secure_channel,
    )
    from grpc_core.aio.context import ServicerContext
    from grpc_core.aio.intercepted import InterceptedUnaryUnaryCall
    from grpc_core.aio.serving import Server, server
    from grpc_core.aio.streams import ClientStream, Handler, ServerStream

__all__ = [
    "EOF",
    "AbortError",
    "AioRpcError",
    "BaseError",
    "Call",
    "Channel",
    "ChannelArgumentType",
    "ClientCallDetails",
    "ClientInterceptor",
    "ClientStream",
    "Handler",
    "InterceptedUnaryUnaryCall",
    "InternalError",
    "Metadata",
    "RpcContext",
    "Server",
    "ServerInterceptor",
    "ServerStream",
    "ServicerContext",
    "StreamStreamCall",
    "StreamStreamClientInterceptor",
    "StreamStreamMultiCallable",
    "StreamUnaryCall",
    "StreamUnaryClientInterceptor",
    "StreamUnaryMultiCallable",
    "UnaryStreamCall",
    "UnaryStreamClientInterceptor",
    "UnaryStreamMultiCallable",
    "UnaryUnaryCall",
    "UnaryUnaryClientInterceptor",
    "UnaryUnaryMultiCallable",
    "UsageError",
    "init_grpc_aio",
    "insecure_channel",
    "secure_channel",
    "server",
    "shutdown_grpc_aio",
]

_MODULE_OF = {
    "Channel": "channel",
    "ClientStream": "streams",
    "Handler": "streams",
    "InterceptedUnaryUnaryCall": "intercepted",
    "Server": "serving",
    "ServerStream": "streams",
    "ServicerContext": "context",
    "StreamStreamMultiCallable": "channel",
    "StreamUnaryMultiCallable": "channel",
    "UnaryStreamMultiCallable": "channel",
    "UnaryUnaryMultiCallable": "channel",
    "insecure_channel": "channel",
    "secure_channel": "channel",
    "server": "serving",
}


def __dir__() -> list[str]:
    """All that can be asked for, loaded or not: for completion, `help` and `unittest.mock.create_autospec`."""
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # For type checkers any name would be one of these.

    def __getattr__(name: str) -> Any:
        """What works is imported when it is first asked for: a client loads no server, a server no client."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        return value


def init_grpc_aio() -> None:
    """Nothing: grpcio starts its core with this, and there is nothing to start here."""


def shutdown_grpc_aio() -> None:
    """Nothing: grpcio stops its core with this, and there is nothing to stop here."""
