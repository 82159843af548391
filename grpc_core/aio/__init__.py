"""gRPC on asyncio, with the API of grpcio's `grpc.aio`. This release makes and serves unary calls.

| question                                   | file       |
|--------------------------------------------|------------|
| the channel and its multi-callables        | `channel`  |
| a call in progress, on the client          | `call`     |
| the connection behind a channel            | `link`     |
| the server and how handlers run            | `server`   |
| what a handler is given                    | `context`  |
| sessions on asyncio connections            | `protocol` |
"""

from grpc_core.aio.call import Call, UnaryUnaryCall
from grpc_core.aio.channel import Channel, UnaryUnaryMultiCallable, insecure_channel
from grpc_core.aio.context import ServicerContext
from grpc_core.aio.server import Server, server
from grpc_core.errors import AbortError, AioRpcError, BaseError, InternalError, UsageError
from grpc_core.metadata import Metadata

__all__ = [
    "AbortError",
    "AioRpcError",
    "BaseError",
    "Call",
    "Channel",
    "InternalError",
    "Metadata",
    "Server",
    "ServicerContext",
    "UnaryUnaryCall",
    "UnaryUnaryMultiCallable",
    "UsageError",
    "insecure_channel",
    "server",
]
