"""gRPC for Python, with grpcio's API: `import grpc_core as grpc` (or `from grpc_core import aio`).

Where is ...?

| question                                        | file                                    |
|-------------------------------------------------|-----------------------------------------|
| status codes, their mappings and texts          | `status`                                |
| why a call failed                               | `errors`, `explanation`                 |
| metadata                                        | `metadata`                              |
| deadlines on the wire                           | `deadline`                              |
| length-prefixed messages                        | `wire`                                  |
| what a request or response head means           | `headers`                               |
| one call, as a state machine                    | `calls`                                 |
| the messages that came for it, and their credit | `inbox`                                 |
| the calls of one connection                     | `session`                               |
| methods and handlers                            | `methods`                               |
| handlers and calls as streams; a router         | `router`, `aio.streams`, `sync.streams` |
| targets, options, backoff                       | `target`, `options`, `backoff`          |
| where a channel connects to                     | `resolver`, `balancing`, `proxy`        |
| how its connections are made and replaced       | `aio.link`, `.subchannel`, `.dialing`   |
| how connections are kept, and how long          | `keepalive`, `lifetime`, `aio.upkeep`   |
| what is configured for methods; calls again     | `service_config`, `retry`, `hedging`    |
| TLS, local and call credentials                 | `credentials`, `locality`               |
| message compression                             | `compression`                           |
| what calls inherit that a handler makes         | `propagation`                           |
| the asyncio API                                 | `aio`                                   |
| the blocking API, and its interfaces            | `sync`, `interfaces`                    |
| what is counted and told of channels, servers   | `counters`, `introspection`, `channelz` |
| tests in memory, and a clock for them           | `testing`                               |
| interceptors                                    | `aio.interceptors`, `sync.interceptors` |
| stubs without generated code; the protoc plugin | `stub`, `codegen`                       |
| health and reflection, and who asks for them    | `health`, `reflection`, `caller`        |
| a server to try things on                       | `serve`, `demo`, `route_guide`          |
| what generated code is made of                  | `generated`                             |
| the name `grpc` for programs of grpcio          | `compat`                                |
| a `google.rpc.Status` with a status             | `status_details`                        |
| calls without a channel in sight                | `experimental`                          |
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from grpc_core import generated
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.credentials import (
    AuthMetadataContext,
    AuthMetadataPlugin,
    AuthMetadataPluginCallback,
    CallCredentials,
    ChannelCredentials,
    ServerCertificateConfiguration,
    ServerCredentials,
    access_token_call_credentials,
    alts_channel_credentials,
    alts_server_credentials,
    composite_call_credentials,
    composite_channel_credentials,
    compute_engine_channel_credentials,
    dynamic_ssl_server_credentials,
    insecure_server_credentials,
    local_channel_credentials,
    local_server_credentials,
    metadata_call_credentials,
    ssl_channel_credentials,
    ssl_server_certificate_configuration,
    ssl_server_credentials,
    xds_channel_credentials,
    xds_server_credentials,
)
from grpc_core.errors import (
    AbortError,
    EndOfStream,
    FutureCancelledError,
    FutureTimeoutError,
    RpcError,
    StreamTimeoutError,
)
from grpc_core.interfaces import (
    Call,
    Channel,
    ClientCallDetails,
    Future,
    RpcContext,
    Server,
    ServerInterceptor,
    ServicerContext,
    StreamStreamClientInterceptor,
    StreamStreamMultiCallable,
    StreamUnaryClientInterceptor,
    StreamUnaryMultiCallable,
    UnaryStreamClientInterceptor,
    UnaryStreamMultiCallable,
    UnaryUnaryClientInterceptor,
    UnaryUnaryMultiCallable,
)
from grpc_core.locality import LocalConnectionType
from grpc_core.methods import (
    GenericRpcHandler,
    HandlerCallDetails,
    RpcMethodHandler,
    ServiceRpcHandler,
    method_handlers_generic_handler,
    stream_stream_rpc_method_handler,
    stream_unary_rpc_method_handler,
    unary_stream_rpc_method_handler,
    unary_unary_rpc_method_handler,
)
from grpc_core.router import Router
from grpc_core.status import Status, StatusCode
from grpc_core.stub import service_handler, stub

if TYPE_CHECKING:
    from grpc_core import aio, experimental
    from grpc_core.codegen.runtime import protos, protos_and_services, services
    from grpc_core.compression import Compression
    from grpc_core.sync.channel import insecure_channel, secure_channel
    from grpc_core.sync.connectivity import channel_ready_future
    from grpc_core.sync.interceptors import intercept_channel
    from grpc_core.sync.server import server
    from grpc_core.sync.streams import ClientStream, Handler, ServerStream

__all__ = [
    "AbortError",
    "AuthMetadataContext",
    "AuthMetadataPlugin",
    "AuthMetadataPluginCallback",
    "Call",
    "CallCredentials",
    "Channel",
    "ChannelConnectivity",
    "ChannelCredentials",
    "ClientCallDetails",
    "ClientStream",
    "Compression",
    "EndOfStream",
    "Future",
    "FutureCancelledError",
    "FutureTimeoutError",
    "GenericRpcHandler",
    "Handler",
    "HandlerCallDetails",
    "LocalConnectionType",
    "Router",
    "RpcContext",
    "RpcError",
    "RpcMethodHandler",
    "Server",
    "ServerCertificateConfiguration",
    "ServerCredentials",
    "ServerInterceptor",
    "ServerStream",
    "ServiceRpcHandler",
    "ServicerContext",
    "Status",
    "StatusCode",
    "StreamStreamClientInterceptor",
    "StreamStreamMultiCallable",
    "StreamTimeoutError",
    "StreamUnaryClientInterceptor",
    "StreamUnaryMultiCallable",
    "UnaryStreamClientInterceptor",
    "UnaryStreamMultiCallable",
    "UnaryUnaryClientInterceptor",
    "UnaryUnaryMultiCallable",
    "__version__",
    "access_token_call_credentials",
    "aio",
    "alts_channel_credentials",
    "alts_server_credentials",
    "channel_ready_future",
    "composite_call_credentials",
    "composite_channel_credentials",
    "compute_engine_channel_credentials",
    "dynamic_ssl_server_credentials",
    "experimental",
    "generated",
    "insecure_channel",
    "insecure_server_credentials",
    "intercept_channel",
    "local_channel_credentials",
    "local_server_credentials",
    "metadata_call_credentials",
    "method_handlers_generic_handler",
    "protos",
    "protos_and_services",
    "secure_channel",
    "server",
    "service_handler",
    "services",
    "ssl_channel_credentials",
    "ssl_server_certificate_configuration",
    "ssl_server_credentials",
    "stream_stream_rpc_method_handler",
    "stream_unary_rpc_method_handler",
    "stub",
    "unary_stream_rpc_method_handler",
    "unary_unary_rpc_method_handler",
    "xds_channel_credentials",
    "xds_server_credentials",
]


__version__ = "0.1.0"

_MODULES = frozenset({"aio", "experimental"})
_MODULE_OF = {
    "ClientStream": "grpc_core.sync",
    "Compression": "grpc_core.compression",
    "Handler": "grpc_core.sync",
    "ServerStream": "grpc_core.sync",
    "channel_ready_future": "grpc_core.sync",
    "insecure_channel": "grpc_core.sync",
    "intercept_channel": "grpc_core.sync",
    "protos": "grpc_core.codegen.runtime",
    "protos_and_services": "grpc_core.codegen.runtime",
    "secure_channel": "grpc_core.sync",
    "server": "grpc_core.sync",
    "services": "grpc_core.codegen.runtime",
}


def __dir__() -> list[str]:
    """All that can be asked for, loaded or not: for completion, `help` and `unittest.mock.create_autospec`."""
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # For type checkers any name would be one of these.

    def __getattr__(name: str) -> Any:
        """What needs a connection, an event loop or protobuf is imported when it is first asked for: who needs none
        loads none."""
        if name in _MODULES:
            return importlib.import_module(f"grpc_core.{name}")
        if name in _MODULE_OF:
            value = globals()[name] = getattr(importlib.import_module(_MODULE_OF[name]), name)
            return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
