"""The callables of a channel with interceptors, and the way of a call through them.

    caller:  channel.unary_unary(...)(request)        -> InterceptedUnaryUnaryCall, at once
    task:    first.intercept_unary_unary(...) -> second.intercept_unary_unary(...) -> the call on the wire

Where an interceptor returns no call but a response, or an async iterator of responses, a call is made of it
(`responses`), so that the next one out, and the caller, always see a call. A channel without interceptors does not load
this file, and its calls do not know of it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple

from grpc_core.aio import interfaces
from grpc_core.aio.call import UnaryUnaryCall
from grpc_core.aio.channel import (
    Channel,
    MetadataLike,
    Method,
    StreamStreamMultiCallable,
    StreamUnaryMultiCallable,
    UnaryStreamMultiCallable,
    UnaryUnaryMultiCallable,
)
from grpc_core.aio.held import HeldStreamStreamCall, HeldUnaryStreamCall
from grpc_core.aio.intercepted import (
    InterceptedStreamStreamCall,
    InterceptedStreamUnaryCall,
    InterceptedUnaryStreamCall,
    InterceptedUnaryUnaryCall,
)
from grpc_core.aio.interceptors import ClientCallDetails, Step
from grpc_core.aio.responses import ResponseOnly, ResponsesOnly, StreamResponsesOnly
from grpc_core.aio.streaming import RequestIterator, StreamUnaryCall
from grpc_core.metadata import Metadata
from grpc_core.type_variables import Request, Response


class Kind(NamedTuple):
    """One of the four kinds of call."""

    make: Callable[..., interfaces.Call]
    """Makes the call on the wire: (method, settings, request or requests)."""
    wrap: Callable[[interfaces.Call | None, Any], interfaces.Call]
    """Makes a call of a value that is none: (the last call that was made, the value)."""


UNARY_UNARY = Kind(UnaryUnaryCall, ResponseOnly)
UNARY_STREAM = Kind(HeldUnaryStreamCall, ResponsesOnly)
STREAM_UNARY = Kind(StreamUnaryCall, ResponseOnly)
STREAM_STREAM = Kind(HeldStreamStreamCall, StreamResponsesOnly)


class Pipeline:
    """One call on its way through the interceptors."""

    __slots__ = ("_compression", "_kind", "_last", "_method", "_steps", "details")

    def __init__(
        self,
        kind: Kind,
        method: Method[Any, Any],
        steps: tuple[Step, ...],
        details: ClientCallDetails,
        compression: Any,
    ) -> None:
        self._kind = kind
        self._method = method
        self._steps = steps
        self._compression = compression
        self._last: interfaces.Call | None = None
        self.details = details

    @property
    def channel(self) -> Channel:
        """Where the call is to be made."""
        return self._method.channel

    async def run(self, request: Any) -> interfaces.Call:
        """Send the call on its way: the call that the first interceptor returns, or what it raises."""
        return await self._run(0, self.details, request)

    async def _run(self, index: int, details: ClientCallDetails, request: Any) -> interfaces.Call:
        """Ask the interceptors from that one on, and then make the call."""
        if index == len(self._steps):
            call = self._made(details, request)
        else:
            continuation = functools.partial(self._run, index + 1)
            returned = await self._steps[index](continuation, details, request)
            call = returned if _is_call(returned) else self._kind.wrap(self._last, returned)
        self._last = call
        return call

    def _made(self, details: ClientCallDetails, request: Any) -> interfaces.Call:
        """The call on the wire. Raises UsageError and ValueError, as a call without interceptors does."""
        method = self._method
        path = details.method.decode() if isinstance(details.method, bytes) else details.method
        if path != method.path:
            method = Method(method.channel, path, method.request_serializer, method.response_deserializer)
        settings = method.channel.settings(
            details.timeout, details.metadata, details.credentials, details.wait_for_ready, self._compression
        )
        return self._kind.make(method, settings, request)


def _is_call(value: Any) -> bool:
    """Whether an interceptor has returned a call: ours, or one with the same methods."""
    return isinstance(value, interfaces.Call) or (
        callable(getattr(value, "trailing_metadata", None)) and callable(getattr(value, "add_done_callback", None))
    )


class Intercepting(Generic[Request, Response]):
    """What the callables add to those without interceptors."""

    kind: Kind

    def __init__(self, method: Method[Request, Response], steps: tuple[Step, ...]) -> None:
        self._method = method
        self._steps = steps
        self._path = method.path.encode()

    def _pipeline(
        self,
        timeout: float | None,
        metadata: MetadataLike | None,
        credentials: Any,
        wait_for_ready: bool | None,
        compression: Any,
    ) -> Pipeline:
        given = metadata if isinstance(metadata, Metadata) else Metadata.from_tuple(metadata)
        details = ClientCallDetails(self._path, timeout, given, credentials, wait_for_ready)
        return Pipeline(self.kind, self._method, self._steps, details, compression)


class InterceptedUnaryUnary(Intercepting[Request, Response], UnaryUnaryMultiCallable[Request, Response]):
    """Makes calls with one request and one response."""

    kind = UNARY_UNARY

    def __call__(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> InterceptedUnaryUnaryCall[Request, Response]:
        """Start a call: its way through the interceptors."""
        return InterceptedUnaryUnaryCall(
            self._pipeline(timeout, metadata, credentials, wait_for_ready, compression), request
        )


class InterceptedUnaryStream(Intercepting[Request, Response], UnaryStreamMultiCallable[Request, Response]):
    """Makes calls with one request and a stream of responses."""

    kind = UNARY_STREAM

    def __call__(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> InterceptedUnaryStreamCall[Request, Response]:
        """Start a call: its way through the interceptors."""
        return InterceptedUnaryStreamCall(
            self._pipeline(timeout, metadata, credentials, wait_for_ready, compression), request
        )


class InterceptedStreamUnary(Intercepting[Request, Response], StreamUnaryMultiCallable[Request, Response]):
    """Makes calls with a stream of requests and one response."""

    kind = STREAM_UNARY

    def __call__(
        self,
        request_iterator: RequestIterator[Request] | None = None,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> InterceptedStreamUnaryCall[Request, Response]:
        """Start a call: its way through the interceptors."""
        return InterceptedStreamUnaryCall(
            self._pipeline(timeout, metadata, credentials, wait_for_ready, compression), request_iterator
        )


class InterceptedStreamStream(Intercepting[Request, Response], StreamStreamMultiCallable[Request, Response]):
    """Makes calls with a stream of requests and a stream of responses."""

    kind = STREAM_STREAM

    def __call__(
        self,
        request_iterator: RequestIterator[Request] | None = None,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> InterceptedStreamStreamCall[Request, Response]:
        """Start a call: its way through the interceptors."""
        return InterceptedStreamStreamCall(
            self._pipeline(timeout, metadata, credentials, wait_for_ready, compression), request_iterator
        )


_CALLABLES: Final[dict[str, Any]] = {
    "unary_unary": InterceptedUnaryUnary,
    "unary_stream": InterceptedUnaryStream,
    "stream_unary": InterceptedStreamUnary,
    "stream_stream": InterceptedStreamStream,
}


def intercepting(kind: str, method: Method[Any, Any], steps: tuple[Step, ...]) -> Any:
    """The callable of a method of that kind whose calls go through these steps."""
    return _CALLABLES[kind](method, steps)
