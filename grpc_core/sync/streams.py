"""Calls as streams, for threads: `channel.stream(...)` on the client, `Handler` and `ServerStream` on the server.

    with channel.stream("/demo.Chat/Talk", str.encode, bytes.decode) as stream:
        stream.send("hello")
        reply = stream.recv(timeout=5)
        stream.close_send()

The same as `grpc_core.aio.streams`, whose text says why; only that waiting is blocking.

**Sending and receiving share no lock.** What is sent goes through the call's `Outlet`, what is received through its
`Inlet` (`pipes`), and each has its own. So one thread may block in `send`, because the server does not read, while
another receives, and the other way round.
"""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, Self, Unpack, cast, overload

from grpc_core.aio.streams import (
    ALL_RECEIVED,
    CLOSED,
    ENDS_BY_RETURNING,
    NOT_STARTED,
    RECEIVING,
    SEND_CLOSED,
    STARTED,
    MetadataLike,
    StreamSettings,
    refuse_unknown,
)
from grpc_core.errors import EndOfStream, StreamTimeoutError, UsageError
from grpc_core.metadata import MetadataPairs
from grpc_core.router import StreamHandler, stand_in
from grpc_core.status import StatusCode, normalize_code
from grpc_core.sync.call import _MultiThreadedRendezvous
from grpc_core.sync.feed import Feed
from grpc_core.sync.servicer import RequestIterator, ServicerContext
from grpc_core.type_variables import Request, Response

if TYPE_CHECKING:
    from grpc_core.sync.channel import Channel

ONE_REQUEST: Final = "recv is for methods with a stream of requests"
ONE_RESPONSE: Final = "send is for methods with a stream of responses"


class ClientStream(Generic[Request, Response]):
    """A call, as two streams: one to send to, one to receive from. Each from any thread, at its own pace.

    Made by `channel.stream`. `start` it, or enter it as a context manager, which cancels at its end what is not over.
    """

    def __init__(self, make: Callable[[Feed[Request]], Any]) -> None:
        """`make` starts the call, with these requests: what a `stream_stream` callable returns."""
        self._make = make
        self._feed: Feed[Request] = Feed()
        self._call: Any = None
        self._send_closed = False
        # For a call that an interceptor has put in place of ours: the message that a thread is waiting for.
        self._receiving = threading.Lock()
        self._pending: concurrent.futures.Future[Any] | None = None

    # -- sending and receiving -----------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start the call; returns when it is on a connection. Raises RpcError when that fails, UsageError the second
        time."""
        if self._call is not None:
            raise UsageError(STARTED)
        self._call = call = self._make(self._feed)
        if not self._feed.is_attached and not call.add_callback(self._feed.close):
            self._feed.close()
        if isinstance(call, _MultiThreadedRendezvous) and not call.wait_for_connection():
            raise call
        return self

    def send(self, message: Request) -> None:
        """Send one message; blocks while there is no room for it.

        Raises UsageError after `close_send`, EndOfStream when the call is over (`recv` tells how), and whatever the
        serializer raises.
        """
        call = self._started()
        if self._send_closed:
            raise UsageError(SEND_CLOSED)
        if not self._feed.put(message):
            code, details = call.code(), call.details()
            ending = f"{code.name}: {details}" if details else code.name
            raise EndOfStream(f"the call is over ({ending}): nothing can be sent any more")

    def close_send(self) -> None:
        """Send no more. May be called again, and when the call is over: then nothing happens."""
        self._started()
        self._send_closed = True
        self._feed.end()

    def recv(self, timeout: float | None = None) -> Response:
        """The next message. Raises EndOfStream when the call has ended with OK, RpcError when with anything else.

        When `timeout` seconds have passed before that it raises StreamTimeoutError; the call goes on, and no message
        is lost.
        """
        call = self._started()
        try:
            return cast(
                Response, call.take(timeout) if isinstance(call, _MultiThreadedRendezvous) else self._next(timeout)
            )
        except StopIteration:
            raise EndOfStream(ALL_RECEIVED)
        except TimeoutError:
            raise StreamTimeoutError(f"no message within {timeout} s")

    def _next(self, timeout: float | None) -> Any:
        """The next message of an iterator that cannot be asked for a limited time: a thread waits for it."""
        if not self._receiving.acquire(blocking=False):
            raise UsageError(RECEIVING)
        try:
            pending = self._pending
            if pending is None:
                pending = self._pending = concurrent.futures.Future()
                threading.Thread(target=_fulfil, args=(pending, self._call), name="grpc_core recv", daemon=True).start()
            concurrent.futures.wait((pending,), timeout)
            if not pending.done():
                raise TimeoutError
            self._pending = None
        finally:
            self._receiving.release()
        return pending.result()

    def __iter__(self) -> Iterator[Response]:
        return self

    def __next__(self) -> Response:
        try:
            return self.recv()
        except EndOfStream:
            raise StopIteration

    # -- about the call ------------------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Cancel the call: both directions end with CANCELLED. False when it was over."""
        return bool(self._started().cancel())

    def done(self) -> bool:
        """Whether the call is over."""
        return not self._started().is_active()

    def time_remaining(self) -> float | None:
        """Seconds to the deadline, or None when there is none."""
        return cast("float | None", self._started().time_remaining())

    def initial_metadata(self) -> MetadataPairs:
        """What the server sent before its first message; waits for it."""
        return cast(MetadataPairs, self._started().initial_metadata())

    def trailing_metadata(self) -> MetadataPairs:
        """What the server sent with the status; waits for it."""
        return cast(MetadataPairs, self._started().trailing_metadata())

    def code(self) -> StatusCode:
        """The status code; waits for it. It comes when all messages of the server have arrived, or the call failed."""
        return cast(StatusCode, self._started().code())

    def details(self) -> str:
        """The status text; waits for it."""
        return cast(str, self._started().details())

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._call.cancel()

    def _started(self) -> Any:
        if self._call is None:
            raise UsageError(NOT_STARTED)
        return self._call


def _fulfil(pending: concurrent.futures.Future[Any], responses: Iterator[Any]) -> None:
    try:
        pending.set_result(next(responses))
    except BaseException as error:
        pending.set_exception(error)


def _factories(channel: StreamCalls) -> Channel:
    """The channel that this is a part of, with its four factories of callables."""
    return cast("Channel", channel)


class StreamCalls:
    """The part of a blocking channel for people who think in streams."""

    @overload
    def stream(
        self,
        method: str,
        request_serializer: None = None,
        response_deserializer: None = None,
        **settings: Unpack[StreamSettings],
    ) -> ClientStream[bytes, bytes]: ...

    @overload
    def stream(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes],
        response_deserializer: Callable[[bytes], Response],
        **settings: Unpack[StreamSettings],
    ) -> ClientStream[Request, Response]: ...

    def stream(
        self,
        method: str,
        request_serializer: Any = None,
        response_deserializer: Any = None,
        **settings: Unpack[StreamSettings],
    ) -> ClientStream[Any, Any]:
        """A stream for one call of a method of any kind; `method` is "/package.Service/Method". It is not started yet.

        `settings` are `StreamSettings`. Raises TypeError for any other.
        """
        refuse_unknown(settings)
        made = _factories(self).stream_stream(method, request_serializer, response_deserializer)
        return ClientStream(lambda requests: made(requests, **settings))

    def call_unary(
        self,
        method: str,
        request: Request,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        **settings: Unpack[StreamSettings],
    ) -> Response:
        """Send one request, and give the one response. Raises RpcError for any status but OK."""
        return _factories(self).unary_unary(method, request_serializer, response_deserializer)(request, **settings)

    def call_client_streaming(
        self,
        method: str,
        requests: Iterable[Request],
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        **settings: Unpack[StreamSettings],
    ) -> Response:
        """Send what the iterable gives, from a thread of its own, and give the one response. Raises RpcError."""
        made = _factories(self).stream_unary(method, request_serializer, response_deserializer)
        return made(iter(requests), **settings)

    def call_server_streaming(
        self,
        method: str,
        request: Request,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        **settings: Unpack[StreamSettings],
    ) -> Iterator[Response]:
        """Send one request, and iterate over the responses; the iteration raises RpcError. It is a call, too."""
        return _factories(self).unary_stream(method, request_serializer, response_deserializer)(request, **settings)

    def call_bidirectional_streaming(
        self,
        method: str,
        requests: Iterable[Request],
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        **settings: Unpack[StreamSettings],
    ) -> Iterator[Response]:
        """Send what the iterable gives, and iterate over the responses meanwhile; raises as the others do."""
        made = _factories(self).stream_stream(method, request_serializer, response_deserializer)
        return made(iter(requests), **settings)


# -- the server --------------------------------------------------------------------------------------------------------


class ServerStream(Generic[Request, Response]):
    """A call, seen from its handler. `context` is the servicer's context, with all that is not here."""

    def __init__(self, context: ServicerContext, requests: RequestIterator | None, streams_responses: bool) -> None:
        self.context = context
        self._requests = requests
        self._streams_responses = streams_responses
        self._is_closed = False

    @property
    def metadata(self) -> MetadataPairs:
        """The client's metadata: pairs in their order."""
        return self.context.invocation_metadata()

    def done(self) -> bool:
        """Whether the call is over."""
        return not self.context.is_active()

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline, or None when it has none."""
        return self.context.time_remaining()

    def recv(self, timeout: float | None = None) -> Request:
        """The next request. Raises EndOfStream when the client sends no more; RpcError when it has gone, which ends the
        handler unless it is caught.

        When `timeout` seconds have passed before that it raises StreamTimeoutError; the call goes on, and no request
        is lost. Raises UsageError for a method with one request, which the handler was given.
        """
        if self._requests is None:
            raise UsageError(ONE_REQUEST)
        try:
            return cast(Request, self._requests.take(timeout))
        except StopIteration:
            raise EndOfStream(ALL_RECEIVED)
        except TimeoutError:
            raise StreamTimeoutError(f"no message within {timeout} s")

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        try:
            return self.recv()
        except EndOfStream:
            raise StopIteration

    def send(self, message: Response) -> None:
        """Send one response; blocks while there is no room for it.

        Raises UsageError after `close`, and for a method with one response, which the handler returns; EndOfStream when
        the client has gone.
        """
        if self._is_closed:
            raise UsageError(f"{CLOSED}: nothing can be sent any more")
        if self.context.put is None:
            raise UsageError(ONE_RESPONSE)
        if not self.context.put(message):
            raise EndOfStream("the call is over: nothing can be sent any more")

    def send_initial_metadata(self, metadata: MetadataLike) -> None:
        """Send initial metadata now, instead of with the first message. Raises ValueError when that is too late."""
        self.context.send_initial_metadata(metadata)

    def set_trailing_metadata(self, metadata: MetadataLike) -> None:
        """The metadata to send with the status."""
        self.context.set_trailing_metadata(tuple(metadata))

    def close(self, code: StatusCode = StatusCode.OK, details: str = "") -> None:
        """End the call with this status, after what was sent; waits until that is written.

        The handler may go on; nobody waits for it. Without it, a handler that returns ends the call with OK. Raises
        UsageError the second time.
        """
        if self._is_closed:
            raise UsageError(f"{CLOSED} already")
        status = normalize_code(code)
        if status is StatusCode.OK and not self._streams_responses:
            raise UsageError(ENDS_BY_RETURNING)
        self._is_closed = True
        self.context.close(status, details)


class Handler(StreamHandler, Generic[Request, Response]):
    """Handles calls on a blocking server, each in a thread of its pool. Override the methods for the kinds that it is
    registered for.

    A handler ends the call by returning, with `stream.close`, with `stream.context.abort`, or by any other exception,
    which is UNKNOWN to the client.
    """

    @stand_in
    def handle_unary(self, request: Request, stream: ServerStream[Request, Response]) -> Response:
        """One request; returns the response."""
        raise NotImplementedError

    @stand_in
    def handle_client_streaming(self, stream: ServerStream[Request, Response]) -> Response:
        """Receives requests; returns the response."""
        raise NotImplementedError

    @stand_in
    def handle_server_streaming(self, request: Request, stream: ServerStream[Request, Response]) -> None:
        """One request; sends responses."""
        raise NotImplementedError

    @stand_in
    def handle_bidirectional_streaming(self, stream: ServerStream[Request, Response]) -> None:
        """Receives requests and sends responses, in any order."""
        raise NotImplementedError

    def _behavior(self, rpc_type: str) -> Callable[..., Any]:
        def unary(request: Any, context: Any) -> Any:
            return self.handle_unary(request, ServerStream(_blocking(context), None, False))

        def client_streaming(requests: Any, context: Any) -> Any:
            return self.handle_client_streaming(ServerStream(_blocking(context), requests, False))

        def server_streaming(request: Any, context: Any) -> tuple[()]:
            self.handle_server_streaming(request, ServerStream(_blocking(context), None, True))
            return ()  # all was sent

        def bidirectional_streaming(requests: Any, context: Any) -> tuple[()]:
            self.handle_bidirectional_streaming(ServerStream(_blocking(context), requests, True))
            return ()

        behaviors: dict[str, Callable[..., Any]] = {
            "unary": unary,
            "client_streaming": client_streaming,
            "server_streaming": server_streaming,
            "bidirectional_streaming": bidirectional_streaming,
        }
        return behaviors[rpc_type]


def _blocking(context: object) -> ServicerContext:
    """Raises TypeError on another server than ours for threads."""
    if not isinstance(context, ServicerContext):
        raise TypeError("grpc_core.Handler is for grpc_core.server; on an asyncio server derive from aio.Handler")
    return context
