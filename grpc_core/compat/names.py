"""What the alias consists of: for each module of grpcio that programs import, its names and where they are here.

The public names are grpcio's `__all__`. The private ones are those that widely used packages reach into, although they
should not: error classes that their tests make, classes they patch, constants they spell out. A private name is the
thing here that plays its part; where there is none (`cygrpc` is C-core), `stand_ins` has one.

A name is written "module:attribute". Nothing is imported before somebody asks for the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

GRPC: Final = [
    "AuthMetadataContext",
    "AuthMetadataPlugin",
    "AuthMetadataPluginCallback",
    "Call",
    "CallCredentials",
    "Channel",
    "ChannelConnectivity",
    "ChannelCredentials",
    "ClientCallDetails",
    "Compression",
    "Future",
    "FutureCancelledError",
    "FutureTimeoutError",
    "GenericRpcHandler",
    "HandlerCallDetails",
    "LocalConnectionType",
    "RpcContext",
    "RpcError",
    "RpcMethodHandler",
    "Server",
    "ServerCertificateConfiguration",
    "ServerCredentials",
    "ServerInterceptor",
    "ServiceRpcHandler",
    "ServicerContext",
    "Status",
    "StatusCode",
    "StreamStreamClientInterceptor",
    "StreamStreamMultiCallable",
    "StreamUnaryClientInterceptor",
    "StreamUnaryMultiCallable",
    "UnaryStreamClientInterceptor",
    "UnaryStreamMultiCallable",
    "UnaryUnaryClientInterceptor",
    "UnaryUnaryMultiCallable",
    "access_token_call_credentials",
    "alts_channel_credentials",
    "alts_server_credentials",
    "channel_ready_future",
    "composite_call_credentials",
    "composite_channel_credentials",
    "compute_engine_channel_credentials",
    "dynamic_ssl_server_credentials",
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
    "services",
    "ssl_channel_credentials",
    "ssl_server_certificate_configuration",
    "ssl_server_credentials",
    "stream_stream_rpc_method_handler",
    "stream_unary_rpc_method_handler",
    "unary_stream_rpc_method_handler",
    "unary_unary_rpc_method_handler",
    "xds_channel_credentials",
    "xds_server_credentials",
]
"""The 64 names of `grpc.__all__`."""

AIO: Final = [
    "AbortError",
    "AioRpcError",
    "BaseError",
    "Call",
    "Channel",
    "ClientCallDetails",
    "ClientInterceptor",
    "EOF",
    "InterceptedUnaryUnaryCall",
    "InternalError",
    "Metadata",
    "RpcContext",
    "Server",
    "ServerInterceptor",
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
"""The 33 names of `grpc.aio.__all__`."""

EXPERIMENTAL: Final = [
    "ChannelOptions",
    "ExperimentalApiWarning",
    "UsageError",
    "insecure_channel_credentials",
    "ssl_channel_credentials_with_custom_signer",
    "stream_stream",
    "stream_unary",
    "unary_stream",
    "unary_unary",
    "wrap_server_method_handler",
]
"""The 10 names of `grpc.experimental.__all__`."""

PUBLIC: Final[Mapping[str, list[str]]] = {
    "grpc": GRPC,
    "grpc.aio": AIO,
    "grpc.experimental": EXPERIMENTAL,
    "grpc.experimental.aio": AIO,
}
"""The modules that have an `__all__`, with it."""


def _of(module: str, names: str) -> dict[str, str]:
    """Names that are called the same in a module of ours."""
    return {name: f"{module}:{name}" for name in names.split()}


_HERE: Final = "grpc_core.compat.stand_ins"
_AIO_CALLABLES: Final = (
    "Channel UnaryUnaryMultiCallable UnaryStreamMultiCallable StreamUnaryMultiCallable StreamStreamMultiCallable"
)
_AIO_INTERCEPTORS: Final = (
    "ClientCallDetails ClientInterceptor ServerInterceptor InterceptedUnaryUnaryCall UnaryUnaryClientInterceptor "
    "UnaryStreamClientInterceptor StreamUnaryClientInterceptor StreamStreamClientInterceptor"
)
_TYPES: Final = (
    "DeserializingFunction DoneCallbackType MetadataKey MetadataType MetadataValue MetadatumType RequestIterableType "
    "RequestType ResponseIterableType ResponseType SerializingFunction"
)

MODULES: Final[Mapping[str, Mapping[str, str]]] = {
    "grpc": _of("grpc_core", " ".join(GRPC)) | {"__version__": f"{_HERE}:API_VERSION"},
    "grpc._channel": _of("grpc_core.sync.call", "_InactiveRpcError _MultiThreadedRendezvous _Rendezvous")
    | {"_SingleThreadedRendezvous": "grpc_core.sync.call:_MultiThreadedRendezvous"}
    | _of("grpc_core.sync.channel", "Channel")
    | {
        f"_{kind}MultiCallable": f"grpc_core.sync.channel:{kind}MultiCallable"
        for kind in ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream")
    }
    | _of(_HERE, "_EMPTY_FLAGS _RPCState _event_handler _handle_event"),
    "grpc._common": _of(_HERE, "decode encode"),
    "grpc._cython": {},
    "grpc._cython.cygrpc": _of(
        _HERE, "ChannelArgKey CompressionAlgorithm OperationType ReceiveMessageOperation get_fork_epoch"
    )
    | _of("grpc_core.aio", "AbortError BaseError EOF InternalError UsageError")
    | {"_ServicerContext": "grpc_core.aio:ServicerContext", "_EOF": "grpc_core.aio.eof:EndOfFile"},
    "grpc._grpcio_metadata": {"__version__": f"{_HERE}:API_VERSION"},
    "grpc._interceptor": _of("grpc_core.sync.interceptors", "_ClientCallDetails"),
    "grpc._runtime_protos": _of("grpc_core", "protos protos_and_services services"),
    "grpc._server": {"_Context": "grpc_core.sync.servicer:ServicerContext"}
    | {"_Server": "grpc_core.sync.server:Server", "_RequestIterator": "grpc_core.sync.servicer:RequestIterator"},
    "grpc._simple_stubs": _of("grpc_core.experimental", "stream_stream stream_unary unary_stream unary_unary"),
    "grpc._typing": _of(_HERE, "DeserializingFunction DoneCallbackType MetadataType SerializingFunction"),
    "grpc._utilities": _of(_HERE, "first_version_is_lower")
    | _of("grpc_core", "channel_ready_future")
    | {"RpcMethodHandler": "grpc_core.methods:MethodHandler"},
    "grpc.aio": _of("grpc_core.aio", " ".join([*AIO, "ChannelArgumentType"])),
    "grpc.aio._base_call": _of(
        "grpc_core.aio", "Call RpcContext StreamStreamCall StreamUnaryCall UnaryStreamCall UnaryUnaryCall"
    ),
    "grpc.aio._base_channel": _of("grpc_core.aio", _AIO_CALLABLES),
    "grpc.aio._base_server": _of("grpc_core.aio", "Server ServicerContext"),
    "grpc.aio._call": _of("grpc_core.aio", "AioRpcError")
    | _of("grpc_core.aio.call", "Call UnaryUnaryCall")
    | _of("grpc_core.aio.streaming", "StreamStreamCall StreamUnaryCall UnaryStreamCall")
    | {
        "_StreamResponseMixin": "grpc_core.aio.streaming:StreamResponse",
        "_UnaryResponseMixin": "grpc_core.aio.call:UnaryResponse",
        "_StreamRequestMixin": "grpc_core.aio.streaming:RequestWriter",
    },
    "grpc.aio._channel": _of("grpc_core.aio", f"{_AIO_CALLABLES} insecure_channel secure_channel"),
    "grpc.aio._interceptor": _of("grpc_core.aio", _AIO_INTERCEPTORS),
    "grpc.aio._metadata": _of("grpc_core.aio", "Metadata"),
    "grpc.aio._server": _of("grpc_core.aio", "Server server"),
    "grpc.aio._typing": _of(_HERE, _TYPES)
    | _of("grpc_core.aio", "ChannelArgumentType Metadata")
    | {"EOFType": "grpc_core.aio.eof:EndOfFile"},
    "grpc.experimental": _of("grpc_core.experimental", " ".join(EXPERIMENTAL)),
    "grpc.experimental.aio": _of("grpc_core.aio", " ".join(AIO)),
    "grpc.experimental.gevent": _of("grpc_core.experimental.gevent", "init_gevent"),
    "grpc.experimental.session_cache": _of(
        "grpc_core.experimental.session_cache", "SSLSessionCache ssl_session_cache_lru"
    ),
}
"""Every module of the alias: its names, and where each is found. Modules below it are attributes of it too."""
