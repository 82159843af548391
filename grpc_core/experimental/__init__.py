"""grpcio's `grpc.experimental`: calls without a channel in sight, and small things.

    grpc_core.experimental.unary_unary(request, "localhost:50051", "/demo.Greeter/SayHello", insecure=True)

makes a call on a channel that is kept for the next one (`channel_cache`). The functions warn that they are
experimental, as grpcio's do. They are here because the third class that grpcio's generated code defines for each
service consists of them.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import grpc_core
from grpc_core.compression import Compression
from grpc_core.credentials import CallCredentials, ChannelCredentials, insecure_channel_credentials
from grpc_core.experimental.channel_cache import ChannelCache
from grpc_core.interfaces import MetadataLike
from grpc_core.methods import RpcMethodHandler
from grpc_core.stub import KINDS

if TYPE_CHECKING:
    from grpc_core import aio as aio
    from grpc_core.type_variables import Request, Response

__all__ = [
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

Function = TypeVar("Function", bound=Callable[..., Any])
CallOptions = Iterable[tuple[Any, Any]]

DEFAULT_TIMEOUT_S: Final = float(os.environ.get("GRPC_PYTHON_DEFAULT_TIMEOUT_SECONDS", "60"))
_ONE_OR_THE_OTHER: Final = (
    "The insecure option is mutually exclusive with the channel_credentials option. Please use one or the other."
)


class ChannelOptions:
    """Channel options that only Python knows."""

    SingleThreadedUnaryStream = "SingleThreadedUnaryStream"
    """Accepted and ignored: reading a stream of responses needs no thread of its own here."""


class UsageError(Exception):
    """The API was used in a way that it does not allow."""


class ExperimentalApiWarning(Warning):
    """What was called may change without notice."""


_warned: set[str] = set()


def _experimental(function: Function) -> Function:
    """The function; at its first call it warns that it is experimental."""

    @functools.wraps(function)
    def warns(*arguments: Any, **named: Any) -> Any:
        name = function.__name__
        if name not in _warned:
            _warned.add(name)
            text = f"'{name}' is an experimental API. It is subject to change or removal between minor releases."
            warnings.warn(f"{text} Proceed with caution.", ExperimentalApiWarning, stacklevel=2)
        return function(*arguments, **named)

    return warns  # type: ignore[return-value]  # it has the function's signature


def ssl_channel_credentials_with_custom_signer(
    *,
    private_key_sign_fn: Callable[..., Any],
    root_certificates: bytes | None = None,
    certificate_chain: bytes,
) -> NoReturn:
    """Raises NotImplementedError: Python's `ssl` module has to be given the private key itself."""
    raise NotImplementedError(
        "Python's ssl module signs with a private key that it holds; it cannot leave signing to a function"
    )


def wrap_server_method_handler(
    wrapper: Callable[[Callable[..., Any]], Callable[..., Any]], handler: RpcMethodHandler | None
) -> RpcMethodHandler | None:
    """The handler, with `wrapper(behavior)` in place of its behavior. None for None."""
    if handler is None:
        return None
    kind = KINDS[handler.request_streaming, handler.response_streaming]
    foreign: Any = handler  # whatever it is, it has the method of a named tuple
    wrapped: RpcMethodHandler = foreign._replace(**{kind: wrapper(getattr(handler, kind))})
    return wrapped


# -- calls without a channel in sight ----------------------------------------------------------------------------------

_channels = ChannelCache()


def _callable(
    kind: str,
    target: str,
    method: str,
    serializers: tuple[Any, Any],
    options: CallOptions,
    credentials: ChannelCredentials | None,
    insecure: bool,
    compression: Compression | None,
) -> Any:
    """The multi-callable, on a channel from the cache."""
    if insecure and credentials is not None:
        raise ValueError(_ONE_OR_THE_OTHER)
    channel = _channels.get(target, tuple(options), credentials, insecure, compression)
    return getattr(channel, kind)(method, *serializers)


@_experimental
def unary_unary(
    request: Request,
    target: str,
    method: str,
    request_serializer: Callable[[Request], bytes] | None = None,
    response_deserializer: Callable[[bytes], Response] | None = None,
    options: CallOptions = (),
    channel_credentials: ChannelCredentials | None = None,
    insecure: bool = False,
    call_credentials: CallCredentials | None = None,
    compression: Compression | None = None,
    wait_for_ready: bool | None = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
    metadata: MetadataLike | None = None,
    _registered_method: bool | None = False,
) -> Response:
    """Make a call with one request and one response. With TLS and the system's roots, unless something else is said.

    It waits for a connection (`wait_for_ready`) unless that is False. Raises RpcError for any status but OK.
    """
    serializers = request_serializer, response_deserializer
    call = _callable("unary_unary", target, method, serializers, options, channel_credentials, insecure, compression)
    response: Response = call(request, timeout, metadata, call_credentials, wait_for_ready is not False)
    return response


@_experimental
def unary_stream(
    request: Request,
    target: str,
    method: str,
    request_serializer: Callable[[Request], bytes] | None = None,
    response_deserializer: Callable[[bytes], Response] | None = None,
    options: CallOptions = (),
    channel_credentials: ChannelCredentials | None = None,
    insecure: bool = False,
    call_credentials: CallCredentials | None = None,
    compression: Compression | None = None,
    wait_for_ready: bool | None = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
    metadata: MetadataLike | None = None,
    _registered_method: bool | None = False,
) -> Iterator[Response]:
    """As `unary_unary`, with a stream of responses: an iterator."""
    serializers = request_serializer, response_deserializer
    call = _callable("unary_stream", target, method, serializers, options, channel_credentials, insecure, compression)
    responses: Iterator[Response] = call(request, timeout, metadata, call_credentials, wait_for_ready is not False)
    return responses


@_experimental
def stream_unary(
    request_iterator: Iterable[Request],
    target: str,
    method: str,
    request_serializer: Callable[[Request], bytes] | None = None,
    response_deserializer: Callable[[bytes], Response] | None = None,
    options: CallOptions = (),
    channel_credentials: ChannelCredentials | None = None,
    insecure: bool = False,
    call_credentials: CallCredentials | None = None,
    compression: Compression | None = None,
    wait_for_ready: bool | None = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
    metadata: MetadataLike | None = None,
    _registered_method: bool | None = False,
) -> Response:
    """As `unary_unary`, with an iterator of requests."""
    serializers = request_serializer, response_deserializer
    call = _callable("stream_unary", target, method, serializers, options, channel_credentials, insecure, compression)
    response: Response = call(request_iterator, timeout, metadata, call_credentials, wait_for_ready is not False)
    return response


@_experimental
def stream_stream(
    request_iterator: Iterable[Request],
    target: str,
    method: str,
    request_serializer: Callable[[Request], bytes] | None = None,
    response_deserializer: Callable[[bytes], Response] | None = None,
    options: CallOptions = (),
    channel_credentials: ChannelCredentials | None = None,
    insecure: bool = False,
    call_credentials: CallCredentials | None = None,
    compression: Compression | None = None,
    wait_for_ready: bool | None = None,
    timeout: float | None = DEFAULT_TIMEOUT_S,
    metadata: MetadataLike | None = None,
    _registered_method: bool | None = False,
) -> Iterator[Response]:
    """As `unary_unary`, with an iterator of requests and a stream of responses: an iterator."""
    serializers = request_serializer, response_deserializer
    call = _callable("stream_stream", target, method, serializers, options, channel_credentials, insecure, compression)
    responses: Iterator[Response] = call(
        request_iterator, timeout, metadata, call_credentials, wait_for_ready is not False
    )
    return responses


def __getattr__(name: str) -> Any:
    """`grpc.experimental.aio` is where the asyncio API began; it is `grpc_core.aio`."""
    if name == "aio":
        return grpc_core.aio
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
