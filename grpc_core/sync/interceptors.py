"""Interceptors of blocking clients: `intercept_channel` (grpcio's), over any channel with grpcio's interface.

A channel that intercepts makes callables that intercept. Theirs is one interceptor each; several interceptors are
several channels, one around the other, so that the first named is the first asked.

    interceptor.intercept_unary_unary(continuation, details, request)
        continuation(details, request)  ->  the callable of the channel inside: with_call, or future, or __call__

What a continuation returns is a call and a future for every kind of call and however it was made. For one that was made
and waited for (`__call__`, `with_call`) it is over: `_Answer` with a response, the error of the call (which is a call
and a future), or `_Fault`, when something else was raised. So an interceptor never needs `try`, and what it returns is
asked for `result()` last of all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Final, NamedTuple, NoReturn

from grpc_core import interfaces
from grpc_core.compression import Compression
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.credentials import CallCredentials
from grpc_core.errors import RpcError
from grpc_core.interfaces import MetadataLike
from grpc_core.metadata import MetadataPairs
from grpc_core.status import StatusCode
from grpc_core.sync.streams import StreamCalls

FAULT: Final = "Exception raised while intercepting the RPC"
NOT_AN_INTERCEPTOR: Final = (
    "interceptor must be grpc.UnaryUnaryClientInterceptor or grpc.UnaryStreamClientInterceptor or "
    "grpc.StreamUnaryClientInterceptor or grpc.StreamStreamClientInterceptor"
)

KINDS: Final = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


class _Fields(NamedTuple):
    method: str
    timeout: float | None
    metadata: MetadataLike | None
    credentials: Any
    wait_for_ready: bool | None
    compression: Compression | None


_SETTINGS: Final = _Fields._fields[1:]


class _ClientCallDetails(_Fields, interfaces.ClientCallDetails):
    """What a call is to be, as the first interceptor is given it. `_replace` makes a copy with other values."""

    __slots__ = ()


def _completed(details: Any, given: _ClientCallDetails) -> _ClientCallDetails:
    """What an interceptor hands on; attributes that its object does not have are as they were."""
    if isinstance(details, _ClientCallDetails):
        return details
    handed_on: dict[str, Any] = {name: getattr(details, name, value) for name, value in given._asdict().items()}
    return given._replace(**handed_on)


class _Answer(interfaces.Call, interfaces.Future):
    """A call that is over and OK, and its response."""

    def __init__(self, response: Any, call: Any) -> None:
        self._response = response
        self._call = call

    def initial_metadata(self) -> MetadataPairs:
        metadata: MetadataPairs = self._call.initial_metadata()
        return metadata

    def trailing_metadata(self) -> MetadataPairs:
        metadata: MetadataPairs = self._call.trailing_metadata()
        return metadata

    def code(self) -> StatusCode:
        code: StatusCode = self._call.code()
        return code

    def details(self) -> str:
        details: str = self._call.details()
        return details

    def is_active(self) -> bool:
        return bool(self._call.is_active())

    def time_remaining(self) -> float | None:
        remaining: float | None = self._call.time_remaining()
        return remaining

    def cancel(self) -> bool:
        return bool(self._call.cancel())

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return bool(self._call.add_callback(callback))

    def cancelled(self) -> bool:
        return False

    def running(self) -> bool:
        return False

    def done(self) -> bool:
        return True

    def result(self, timeout: float | None = None) -> Any:
        return self._response

    def exception(self, timeout: float | None = None) -> None:
        return None

    def traceback(self, timeout: float | None = None) -> None:
        return None

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        fn(self)


class _Fault(RpcError, interfaces.Call, interfaces.Future):
    """In place of a call that no call came of: an exception that was raised on the way, to be raised when asked."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error
        self._traceback = sys.exc_info()[2]

    def initial_metadata(self) -> Any:
        return None

    def trailing_metadata(self) -> Any:
        return None

    def code(self) -> StatusCode:
        return StatusCode.INTERNAL

    def details(self) -> str:
        return FAULT

    def is_active(self) -> bool:
        return False

    def time_remaining(self) -> float | None:
        return None

    def cancel(self) -> bool:
        return False

    def add_callback(self, callback: Callable[[], None]) -> bool:
        return False

    def cancelled(self) -> bool:
        return False

    def running(self) -> bool:
        return False

    def done(self) -> bool:
        return True

    def result(self, timeout: float | None = None) -> NoReturn:
        raise self._error

    def exception(self, timeout: float | None = None) -> BaseException:
        return self._error

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        return self._traceback

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        fn(self)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        raise self._error

    def next(self) -> Any:
        return self.__next__()


class _MultiCallable:
    """Makes calls of one method through one interceptor."""

    def __init__(self, make: Callable[[str], Any], path: str, intercept: Callable[[Any, Any, Any], Any]) -> None:
        """`make(path)` is the callable of the channel inside; `intercept` the interceptor's method for the kind."""
        self._make = make
        self._path = path
        self._intercept = intercept
        self._inner = make(path)

    def _way_on(self, given: _ClientCallDetails, begin: Callable[..., Any]) -> Callable[[Any, Any], Any]:
        """The continuation: `begin(callable, request, settings)` for what the interceptor hands on."""

        def continuation(details: Any, request: Any) -> Any:
            path, *settings = _completed(details, given)
            inner = self._inner if path == self._path else self._make(path)
            return begin(inner, request, *settings)

        return continuation

    def _given(self, *settings: Any) -> _ClientCallDetails:
        """What the caller says."""
        return _ClientCallDetails(self._path, *settings)

    def _waited_for(self, request: Any, given: _ClientCallDetails) -> tuple[Any, Any]:
        """(response, call) of a call that is waited for; raises what its outcome or the interceptor raises."""
        call = self._intercept(self._way_on(given, _called), given, request)
        return call.result(), call

    def _started(self, request: Any, given: _ClientCallDetails, begin: Callable[..., Any]) -> Any:
        """What the interceptor returns for a call that is not waited for; a `_Fault` when it raises."""
        try:
            return self._intercept(self._way_on(given, begin), given, request)
        except Exception as error:
            return _Fault(error)


def _called(inner: Any, request: Any, *settings: Any) -> Any:
    """Make a call with one response, and wait for it: the call that is over, whether it is OK or not."""
    try:
        return _Answer(*inner.with_call(request, **dict(zip(_SETTINGS, settings, strict=True))))
    except Exception as error:
        return error if _is_call(error) else _Fault(error)


def _started(inner: Any, request: Any, *settings: Any) -> Any:
    """Start a call with one response: a future."""
    return inner.future(request, **dict(zip(_SETTINGS, settings, strict=True)))


def _streamed(inner: Any, request: Any, *settings: Any) -> Any:
    """Start a call with a stream of responses: an iterator."""
    return inner(request, **dict(zip(_SETTINGS, settings, strict=True)))


def _is_call(error: Exception) -> bool:
    """Whether an exception is a call that has failed, of whatever library."""
    return callable(getattr(error, "code", None)) and callable(getattr(error, "result", None))


class _UnaryUnary(_MultiCallable, interfaces.UnaryUnaryMultiCallable[Any, Any]):
    """Makes calls with one request and one response."""

    def __call__(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> Any:
        """Make a call and wait for the response. Raises RpcError for any status but OK."""
        given = self._given(timeout, metadata, credentials, wait_for_ready, compression)
        return self._waited_for(request, given)[0]

    def with_call(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> tuple[Any, Any]:
        """Make a call and wait for it; the response and the call, as the interceptor returns it."""
        given = self._given(timeout, metadata, credentials, wait_for_ready, compression)
        return self._waited_for(request, given)

    def future(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> Any:
        """Start a call: an object that is a `Future` and a `Call`."""
        return self._started(
            request, self._given(timeout, metadata, credentials, wait_for_ready, compression), _started
        )


class _UnaryStream(_MultiCallable, interfaces.UnaryStreamMultiCallable[Any, Any]):
    """Makes calls with one request and a stream of responses."""

    def __call__(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> Any:
        """Start a call: an iterator over the responses that is a `Future` and a `Call` too."""
        return self._started(
            request, self._given(timeout, metadata, credentials, wait_for_ready, compression), _streamed
        )


class _StreamUnary(_MultiCallable, interfaces.StreamUnaryMultiCallable[Any, Any]):
    """Makes calls with an iterator of requests and one response."""

    def __call__(
        self,
        request_iterator: Iterable[Any],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> Any:
        """Make a call and wait for the response. Raises RpcError for any status but OK."""
        return self._waited_for(
            request_iterator, self._given(timeout, metadata, credentials, wait_for_ready, compression)
        )[0]

    def with_call(
        self,
        request_iterator: Iterable[Any],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> tuple[Any, Any]:
        """Make a call and wait for it; the response and the call, as the interceptor returns it."""
        return self._waited_for(
            request_iterator, self._given(timeout, metadata, credentials, wait_for_ready, compression)
        )

    def future(
        self,
        request_iterator: Iterable[Any],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> Any:
        """Start a call: an object that is a `Future` and a `Call`."""
        return self._started(
            request_iterator, self._given(timeout, metadata, credentials, wait_for_ready, compression), _started
        )


class _StreamStream(_MultiCallable, interfaces.StreamStreamMultiCallable[Any, Any]):
    """Makes calls with an iterator of requests and a stream of responses."""

    def __call__(
        self,
        request_iterator: Iterable[Any],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> Any:
        """Start a call: an iterator over the responses that is a `Future` and a `Call` too."""
        return self._started(
            request_iterator, self._given(timeout, metadata, credentials, wait_for_ready, compression), _streamed
        )


_CALLABLES: Final[dict[str, type[_MultiCallable]]] = dict(
    zip(KINDS, (_UnaryUnary, _UnaryStream, _StreamUnary, _StreamStream), strict=True)
)


class _Channel(StreamCalls, interfaces.Channel):
    """A channel whose calls of some kinds go through an interceptor before they get to the channel inside."""

    def __init__(self, channel: Any, interceptor: Any) -> None:
        self._inner = channel
        self._interceptor = interceptor

    def _callable(
        self,
        kind: str,
        method: str,
        request_serializer: Callable[[Any], bytes] | None,
        response_deserializer: Callable[[bytes], Any] | None,
        _registered_method: bool | None,
    ) -> Any:
        def make(path: str) -> Any:
            factory = getattr(self._inner, kind)
            return factory(path, request_serializer, response_deserializer, _registered_method)

        intercept = getattr(self._interceptor, f"intercept_{kind}", None)
        return make(method) if intercept is None else _CALLABLES[kind](make, method, intercept)

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """A callable for a method with one request and one response."""
        return self._callable("unary_unary", method, request_serializer, response_deserializer, _registered_method)

    def unary_stream(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """A callable for a method with one request and a stream of responses."""
        return self._callable("unary_stream", method, request_serializer, response_deserializer, _registered_method)

    def stream_unary(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """A callable for a method with a stream of requests and one response."""
        return self._callable("stream_unary", method, request_serializer, response_deserializer, _registered_method)

    def stream_stream(
        self,
        method: str,
        request_serializer: Callable[[Any], bytes] | None = None,
        response_deserializer: Callable[[bytes], Any] | None = None,
        _registered_method: bool | None = False,
    ) -> Any:
        """A callable for a method with a stream of requests and a stream of responses."""
        return self._callable("stream_stream", method, request_serializer, response_deserializer, _registered_method)

    def subscribe(self, callback: Callable[[ChannelConnectivity], None], try_to_connect: bool | None = False) -> None:
        """As the channel inside."""
        self._inner.subscribe(callback, try_to_connect=try_to_connect)

    def unsubscribe(self, callback: Callable[[ChannelConnectivity], None]) -> None:
        """As the channel inside."""
        self._inner.unsubscribe(callback)

    def close(self) -> None:
        """Close the channel inside."""
        self._inner.close()


def intercept_channel(channel: Any, *interceptors: Any) -> interfaces.Channel:
    """A channel whose calls go through the interceptors, in their order, and then to `channel`, ours or any other.

    Raises TypeError, in grpcio's words, for an object that is no interceptor: that has none of the four methods.
    """
    for interceptor in reversed(interceptors):
        if not any(callable(getattr(interceptor, f"intercept_{kind}", None)) for kind in KINDS):
            raise TypeError(NOT_AN_INTERCEPTOR)
        channel = _Channel(channel, interceptor)
    intercepted: interfaces.Channel = channel
    return intercepted
