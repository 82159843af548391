"""The blocking channel (grpcio's `grpc.Channel`): an `aio.Channel` on the I/O thread, and callables that wait."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, Generic

from grpc_core import aio, interfaces
from grpc_core.compression import Compression
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.credentials import CallCredentials, ChannelCredentials
from grpc_core.interfaces import ChannelOptions, MetadataLike
from grpc_core.metadata import encode_metadata
from grpc_core.status import StatusCode
from grpc_core.sync import loop
from grpc_core.sync.call import _InactiveRpcError, _MultiThreadedRendezvous, take_response
from grpc_core.sync.connectivity import Watch
from grpc_core.sync.exchange import SERIALIZING_FAILED, Exchange, Outcome, _log, serialized
from grpc_core.sync.feed import Feed
from grpc_core.sync.loop import Callbacks, IoThread
from grpc_core.sync.streams import StreamCalls
from grpc_core.type_variables import Request, Response

CLOSED: Final = "Cannot invoke RPC on closed channel!"

StateCallback = Callable[[ChannelConnectivity], None]


class _Engine:
    """What a channel is in one process: the I/O thread, the channel there, and what watches its state."""

    __slots__ = ("callbacks", "channel", "io", "watch")

    def __init__(self, io: IoThread, channel: aio.Channel) -> None:
        self.io = io
        self.channel = channel
        self.callbacks = Callbacks()
        self.watch = Watch(io, channel, self.callbacks)


class _MultiCallable(Generic[Request, Response]):
    """Makes calls of one method."""

    streams_requests = False
    streams_responses = False

    def __init__(
        self,
        channel: Channel,
        path: str,
        serializer: Callable[[Request], bytes] | None,
        deserializer: Callable[[bytes], Response] | None,
    ) -> None:
        self._channel = channel
        self._path = path
        self._serializer = serializer
        self._deserializer = deserializer
        self._known: tuple[_Engine, Any] | None = None

    def _made_by(self, engine: _Engine) -> Any:
        """The callable of the engine's channel; it is another one in a forked child."""
        known = self._known
        if known is None or known[0] is not engine:
            kinds = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
            factory = getattr(engine.channel, kinds[2 * self.streams_requests + self.streams_responses])
            known = self._known = engine, factory(self._path)
        return known[1]

    def _begin(
        self,
        request: Any,
        timeout: float | None,
        metadata: MetadataLike | None,
        credentials: Any,
        wait_for_ready: bool | None,
        compression: Any,
    ) -> Exchange:
        """Start a call; what the caller did wrong is raised here, in the caller's thread."""
        engine = self._channel._engine()
        if metadata is not None:
            metadata = tuple(metadata)
            encode_metadata(metadata)
        message = b""
        requests = iter(request) if self.streams_requests else None
        if requests is None:
            try:
                message = serialized(request, self._serializer)
            except Exception:
                _log.exception(SERIALIZING_FAILED)
                raise _InactiveRpcError(Outcome(StatusCode.INTERNAL, SERIALIZING_FAILED))
        make = self._made_by(engine)

        def begin(exchange: Exchange, _channel: Channel = self._channel) -> Any:
            """On the I/O thread. It holds the channel, which so lives as long as the call."""
            return make(
                message if exchange.outlet is None else exchange.outlet,
                timeout=timeout,
                metadata=metadata,
                credentials=credentials,
                wait_for_ready=wait_for_ready,
                compression=compression,
            )

        exchange = Exchange(
            engine.io,
            begin,
            engine.callbacks,
            timeout,
            self.streams_requests,
            self.streams_responses,
        )
        if credentials is None and compression is None:
            exchange.start()
        else:
            exchange.start_checked()
        if isinstance(request, Feed):
            request.attach(exchange, self._serializer)
        elif requests is not None:
            exchange.send_all(requests, self._serializer)
        return exchange

    def _started(self, request: Any, *settings: Any) -> _MultiThreadedRendezvous[Response]:
        return _MultiThreadedRendezvous(self._begin(request, *settings), self._deserializer)

    def _response(self, request: Any, *settings: Any) -> Response:
        exchange = self._begin(request, *settings)
        try:
            response: Response = take_response(exchange, self._deserializer)
            return response
        except BaseException:
            if not exchange.is_over:  # the wait was interrupted, by a signal
                exchange.abandon("the caller was interrupted")
            raise

    def _with_call(self, request: Any, *settings: Any) -> tuple[Response, interfaces.Call]:
        call = self._started(request, *settings)
        if call.code() is not StatusCode.OK:
            raise _InactiveRpcError(call._settled())
        return call.result(), call


class UnaryUnaryMultiCallable(_MultiCallable[Request, Response], interfaces.UnaryUnaryMultiCallable[Request, Response]):
    """Makes calls with one request and one response."""

    def __call__(
        self,
        request: Request,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> Response:
        """Make a call and wait for the response. Raises RpcError for any status but OK."""
        return self._response(request, timeout, metadata, credentials, wait_for_ready, compression)

    def with_call(
        self,
        request: Request,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> tuple[Response, interfaces.Call]:
        """Make a call and wait for it; the response and the `Call`. Raises RpcError for any status but OK."""
        return self._with_call(request, timeout, metadata, credentials, wait_for_ready, compression)

    def future(
        self,
        request: Request,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> _MultiThreadedRendezvous[Response]:
        """Start a call: an object that is a `Future` and a `Call`."""
        return self._started(request, timeout, metadata, credentials, wait_for_ready, compression)


class UnaryStreamMultiCallable(
    _MultiCallable[Request, Response], interfaces.UnaryStreamMultiCallable[Request, Response]
):
    """Makes calls with one request and a stream of responses."""

    streams_responses = True

    def __call__(
        self,
        request: Request,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> _MultiThreadedRendezvous[Response]:
        """Start a call: an iterator over the responses that is a `Future` and a `Call` too."""
        return self._started(request, timeout, metadata, credentials, wait_for_ready, compression)


class StreamUnaryMultiCallable(
    _MultiCallable[Request, Response], interfaces.StreamUnaryMultiCallable[Request, Response]
):
    """Makes calls with an iterator of requests and one response."""

    streams_requests = True

    def __call__(
        self,
        request_iterator: Iterable[Request],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> Response:
        """Make a call and wait for the response. Raises RpcError for any status but OK."""
        return self._response(request_iterator, timeout, metadata, credentials, wait_for_ready, compression)

    def with_call(
        self,
        request_iterator: Iterable[Request],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> tuple[Response, interfaces.Call]:
        """Make a call and wait for it; the response and the `Call`. Raises RpcError for any status but OK."""
        return self._with_call(request_iterator, timeout, metadata, credentials, wait_for_ready, compression)

    def future(
        self,
        request_iterator: Iterable[Request],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> _MultiThreadedRendezvous[Response]:
        """Start a call: an object that is a `Future` and a `Call`."""
        return self._started(request_iterator, timeout, metadata, credentials, wait_for_ready, compression)


class StreamStreamMultiCallable(
    _MultiCallable[Request, Response], interfaces.StreamStreamMultiCallable[Request, Response]
):
    """Makes calls with an iterator of requests and a stream of responses."""

    streams_responses = True
    streams_requests = True

    def __call__(
        self,
        request_iterator: Iterable[Request],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> _MultiThreadedRendezvous[Response]:
        """Start a call: an iterator over the responses that is a `Future` and a `Call` too."""
        return self._started(request_iterator, timeout, metadata, credentials, wait_for_ready, compression)


class Channel(StreamCalls, interfaces.Channel):
    """A channel to one target, for any number of threads. Nothing happens before its first use.

    A process that was forked from the one that made it has a channel of its own in it.
    """

    def __init__(self, make: Callable[[], aio.Channel], io: Callable[[], IoThread] = loop.current) -> None:
        """`make` makes the channel of the engine, `io` gives the thread that it lives in."""
        self._make = make
        self._io = io
        self._first: aio.Channel | None = make()  # raises what is wrong with its arguments
        self._current: _Engine | None = None
        self._is_closed = False

    def _engine(self) -> _Engine:
        """What this channel is in this process. Raises ValueError when it is closed."""
        if self._is_closed:
            raise ValueError(CLOSED)
        engine = self._current
        if engine is not None and loop.is_current(engine.io):
            return engine
        io = self._io()
        with loop.lock():
            engine = self._current
            if engine is None or engine.io is not io:
                channel, self._first = self._first or self._make(), None
                engine = self._current = _Engine(io, channel)
        return engine

    # -- grpcio's API --------------------------------------------------------------------------------------------------

    def subscribe(self, callback: StateCallback, try_to_connect: bool | None = False) -> None:
        """Call `callback(state)` on another thread, now and whenever the state changes.

        With `try_to_connect` an idle channel begins to connect, now and whenever it is idle again.
        """
        self._engine().watch.add(callback, bool(try_to_connect))

    def unsubscribe(self, callback: StateCallback) -> None:
        """Call it no longer. A callback that was not subscribed is nothing to complain of."""
        if self._current is not None:
            self._current.watch.remove(callback)

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> UnaryUnaryMultiCallable[Request, Response]:
        """A callable for a method with one request and one response; `method` is "/package.Service/Method"."""
        return UnaryUnaryMultiCallable(self, method, request_serializer, response_deserializer)

    def unary_stream(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> UnaryStreamMultiCallable[Request, Response]:
        """A callable for a method with one request and a stream of responses."""
        return UnaryStreamMultiCallable(self, method, request_serializer, response_deserializer)

    def stream_unary(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> StreamUnaryMultiCallable[Request, Response]:
        """A callable for a method with a stream of requests and one response."""
        return StreamUnaryMultiCallable(self, method, request_serializer, response_deserializer)

    def stream_stream(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> StreamStreamMultiCallable[Request, Response]:
        """A callable for a method with a stream of requests and a stream of responses."""
        return StreamStreamMultiCallable(self, method, request_serializer, response_deserializer)

    def close(self) -> None:
        """Close the channel, and wait until its connections are closed.

        Calls that still run end with CANCELLED "Channel closed!"; new ones raise ValueError.
        """
        if self._is_closed:
            return
        self._is_closed = True
        engine = self._current
        if engine is None or not loop.is_current(engine.io):
            return
        if engine.io.is_here():
            engine.io.run_unwatched(engine.channel.close)
        else:
            engine.io.run(engine.channel.close())

    def __del__(self, _is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        if _is_finalizing():  # our own global names may be gone by now
            return
        engine = getattr(self, "_current", None)
        if engine is not None and not self._is_closed and loop.is_current(engine.io):
            engine.io.run_unwatched(engine.channel.close)


def insecure_channel(target: str, options: ChannelOptions | None = None, compression: Any = None) -> Channel:
    """A channel without TLS. Raises ValueError or TypeError for a malformed target or option."""
    return Channel(lambda: aio.insecure_channel(target, options, compression))


def secure_channel(
    target: str, credentials: ChannelCredentials, options: ChannelOptions | None = None, compression: Any = None
) -> Channel:
    """A channel with TLS. Raises ValueError or TypeError for a malformed target or option."""
    return Channel(lambda: aio.secure_channel(target, credentials, options, compression))
