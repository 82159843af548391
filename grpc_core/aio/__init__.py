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
| the server: ports and connections          | `server`   |
| how a handler is run                       | `rpc`      |
| what a handler is given                    | `context`  |
| sessions on asyncio connections            | `protocol` |
"""

import logging

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
from grpc_core.aio.eof import EOF
from grpc_core.aio.intercepted import InterceptedUnaryUnaryCall
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
from grpc_core.aio.server import Server, server
from grpc_core.aio.streams import ClientStream, Handler, ServerStream
from grpc_core.errors import AbortError, AioRpcError, BaseError, InternalError, UsageError
from grpc_core.metadata import Metadata
from grpc_core.options import ChannelOptions as ChannelArgumentType

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

# As in grpcio, what is logged is seen by programs that set up logging, and by no others. Nothing of `grpc_core` logs
# before this is imported, nor does it import `logging`.
logging.getLogger("grpc_core").addHandler(logging.NullHandler())


def init_grpc_aio() -> None:
    """Nothing: grpcio starts its core with this, and there is nothing to start here."""


def shutdown_grpc_aio() -> None:
    """Nothing: grpcio stops its core with this, and there is nothing to stop here."""
