"""gRPC for Python, with grpcio's API: `import grpc_core as grpc` (or `from grpc_core import aio`).

Where is ...?

| question                                        | file                                    |
|-------------------------------------------------|-----------------------------------------|
| status codes, their mappings and texts          | `status`                                |
| metadata                                        | `metadata`                              |
| deadlines on the wire                           | `deadline`                              |
| length-prefixed messages                        | `wire`                                  |
| what a request or response head means           | `headers`                               |
| one call, as a state machine                    | `calls`                                 |
| the calls of one connection                     | `session`                               |
| methods and handlers                            | `methods`                               |
| targets, options, backoff                       | `target`, `options`, `backoff`          |
| TLS and call credentials                        | `credentials`                           |
| the asyncio API                                 | `aio`                                   |
| stubs without generated code; the protoc plugin | `stub`, `codegen`                       |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
    composite_call_credentials,
    composite_channel_credentials,
    dynamic_ssl_server_credentials,
    insecure_server_credentials,
    metadata_call_credentials,
    ssl_channel_credentials,
    ssl_server_certificate_configuration,
    ssl_server_credentials,
)
from grpc_core.errors import FutureCancelledError, FutureTimeoutError, RpcError
from grpc_core.headers import VERSION as __version__
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
from grpc_core.status import Status, StatusCode
from grpc_core.stub import service_handler, stub

if TYPE_CHECKING:
    from grpc_core import aio

__all__ = [
    "AuthMetadataContext",
    "AuthMetadataPlugin",
    "AuthMetadataPluginCallback",
    "CallCredentials",
    "ChannelConnectivity",
    "ChannelCredentials",
    "FutureCancelledError",
    "FutureTimeoutError",
    "GenericRpcHandler",
    "HandlerCallDetails",
    "RpcError",
    "RpcMethodHandler",
    "ServerCertificateConfiguration",
    "ServerCredentials",
    "ServiceRpcHandler",
    "Status",
    "StatusCode",
    "__version__",
    "access_token_call_credentials",
    "aio",
    "composite_call_credentials",
    "composite_channel_credentials",
    "dynamic_ssl_server_credentials",
    "insecure_server_credentials",
    "metadata_call_credentials",
    "method_handlers_generic_handler",
    "service_handler",
    "ssl_channel_credentials",
    "ssl_server_certificate_configuration",
    "ssl_server_credentials",
    "stream_stream_rpc_method_handler",
    "stream_unary_rpc_method_handler",
    "stub",
    "unary_stream_rpc_method_handler",
    "unary_unary_rpc_method_handler",
]


def __getattr__(name: str) -> Any:
    """`grpc_core.aio` is imported when it is first asked for: who does not use asyncio does not load it."""
    if name == "aio":
        import importlib

        return importlib.import_module("grpc_core.aio")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
