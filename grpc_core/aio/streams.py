"""Calls as streams, on asyncio: `channel.stream(...)` on the client, `Handler` and `ServerStream` on the server.

    async with channel.stream("/demo.Chat/Talk", str.encode, bytes.decode) as stream:
        await stream.send("hello")
        reply = await stream.recv(timeout=5)
        await stream.close_send()

A thin layer: a stream is a call of the channel's `stream_stream`, with its interceptors, deadline and back-pressure.
What it adds is a `recv` that can give up waiting without harm to the call, and errors that say whose turn it was.

`recv` raises `EndOfStream` at the end, rather than give a value that stands for it: so what it gives is always a
message, no message can be mistaken for the end, and who forgets the end hears of it. Iteration simply ends.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypedDict, Unpack, cast, overload

from grpc_core.aio.eof import EOF
from grpc_core.credentials import CallCredentials
from grpc_core.errors import AioRpcError, EndOfStream, RpcError, StreamTimeoutError, UsageError
from grpc_core.metadata import Metadata, MetadataPairs, MetadataValue
from grpc_core.router import StreamHandler, stand_in
from grpc_core.status import StatusCode, normalize_code
from grpc_core.type_variables import Request, Response

if TYPE_CHECKING:
    from grpc_core.aio.channel import Channel
    from grpc_core.aio.context import ServicerContext

MetadataLike = Iterable[tuple[str, MetadataValue]]
RequestIterator = AsyncIterable[Request] | Iterable[Request]

NOT_STARTED = "the stream was not started"
STARTED = "the stream was started already"
SEND_CLOSED = "nothing can be sent after close_send"
RECEIVING = "another task is receiving from this stream"
CLOSED = "the stream was closed by its handler"
ENDS_BY_RETURNING = "a method with one response ends with OK by returning it"
ALL_RECEIVED = "there are no more messages"


class StreamSettings(TypedDict, total=False):
    """What a caller may say about one call."""

    timeout: float | None
    """Seconds until the call ends with DEADLINE_EXCEEDED."""
    metadata: MetadataLike | None
    credentials: CallCredentials | None
    wait_for_ready: bool | None
    """Whether the call waits for a connection, instead of failing when there is none."""
    compression: Any


class ClientStream(Generic[Request, Response]):
    """A call, as two streams: one to send to, one to receive from. Each at its own pace, from any task.

    Made by `channel.stream`. `start` it, or enter it as a context manager, which cancels at its end what is not over.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        """`make` starts the call: an `aio.StreamStreamCall`."""
        self._make = make
        self._call: Any = None
        self._reading: asyncio.Task[Any] | None = None
        self._is_receiving = False
        self._send_closed = False

    # -- sending and receiving -----------------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Start the call; returns when it is on a connection. Raises AioRpcError when that fails, UsageError the second
        time."""
        if self._call is not None:
            raise UsageError(STARTED)
        self._call = self._make()
        try:
            await self._call.wait_for_connection()
        except RpcError:
            raise
        except asyncio.CancelledError:
            if _is_cancelled_itself():
                self._call.cancel()
                raise
            raise await self._error()  # the call was cancelled, not this task
        return self

    async def send(self, message: Request) -> None:
        """Send one message; returns when there is room for the next.

        Raises UsageError after `close_send`, EndOfStream when the call is over (`recv` tells how), and whatever the
        serializer raises.
        """
        call = self._started()
        if self._send_closed:
            raise UsageError(SEND_CLOSED)
        if not call.done():
            try:
                await call.write(message)
                return
            except (RpcError, asyncio.InvalidStateError):
                pass  # it ended meanwhile
            except asyncio.CancelledError:
                if _is_cancelled_itself():
                    raise
        raise EndOfStream(f"the call is over ({await self._ending()}): nothing can be sent any more")

    async def close_send(self) -> None:
        """Send no more. May be called again, and when the call is over: then nothing happens."""
        call = self._started()
        if not self._send_closed and not call.done():
            self._send_closed = True
            try:
                await call.done_writing()
            except (RpcError, asyncio.InvalidStateError):
                pass  # it ended meanwhile
            except asyncio.CancelledError:
                if _is_cancelled_itself():
                    raise
        self._send_closed = True

    async def recv(self, timeout: float | None = None) -> Response:
        """The next message. Raises EndOfStream when the call has ended with OK, AioRpcError when with anything else.

        When `timeout` seconds have passed before that it raises StreamTimeoutError; the call goes on, and no message
        is lost. So it is when the task is cancelled. Only one task at a time may receive.
        """
        self._started()
        if self._is_receiving:
            raise UsageError(RECEIVING)
        reading = self._reading
        if reading is None:
            # A task of its own: to stop waiting for it does not stop it, and what it has read lies there until it is
            # asked for.
            reading = self._reading = asyncio.get_running_loop().create_task(self._read())
        self._is_receiving = True
        try:
            if not reading.done():
                await asyncio.wait((reading,), timeout=timeout)
        finally:
            self._is_receiving = False
        if not reading.done():
            raise StreamTimeoutError(f"no message within {timeout} s")
        message = reading.result()
        if message is EOF:  # the task stays, and with it the answer
            code = await self._call.code()
            if code is StatusCode.OK:
                raise EndOfStream(ALL_RECEIVED)
            raise await self._error()
        self._reading = None
        return cast(Response, message)

    async def _read(self) -> Any:
        """The next message, or `EOF` when there is none because the call is over, however it ended."""
        try:
            return await self._call.read()
        except (RpcError, asyncio.CancelledError):
            if not self._call.done():
                raise
            return EOF

    def __aiter__(self) -> AsyncIterator[Response]:
        return self

    async def __anext__(self) -> Response:
        try:
            return await self.recv()
        except EndOfStream:
            raise StopAsyncIteration

    # -- about the call ------------------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Cancel the call: both directions end with CANCELLED. False when it was over."""
        return bool(self._started().cancel())

    def done(self) -> bool:
        """Whether the call is over."""
        return bool(self._started().done())

    def time_remaining(self) -> float | None:
        """Seconds to the deadline, or None when there is none."""
        return cast("float | None", self._started().time_remaining())

    async def initial_metadata(self) -> Metadata:
        """What the server sent before its first message; waits for it."""
        return cast(Metadata, await self._started().initial_metadata())

    async def trailing_metadata(self) -> Metadata:
        """What the server sent with the status; waits for it."""
        return cast(Metadata, await self._started().trailing_metadata())

    async def code(self) -> StatusCode:
        """The status code; waits for it. It comes when all messages of the server have arrived, or the call failed."""
        return cast(StatusCode, await self._started().code())

    async def details(self) -> str:
        """The status text; waits for it."""
        return cast(str, await self._started().details())

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._call.cancel()
        if self._reading is not None:
            self._reading.cancel()  # an interceptor's own iterator does not hear of the call's end
            await asyncio.wait((self._reading,))

    # -- inside --------------------------------------------------------------------------------------------------------

    def _started(self) -> Any:
        if self._call is None:
            raise UsageError(NOT_STARTED)
        return self._call

    async def _ending(self) -> str:
        code, details = await self._call.code(), await self._call.details()
        return f"{code.name}: {details}" if details else str(code.name)

    async def _error(self) -> AioRpcError:
        call = self._call
        return AioRpcError(
            await call.code(),
            await call.initial_metadata(),
            await call.trailing_metadata(),
            await call.details(),
            await call.debug_error_string(),
        )


def _is_cancelled_itself() -> bool:
    """Whether it is the running task that is being cancelled, and not what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def refuse_unknown(settings: StreamSettings) -> None:
    """Raises TypeError for a setting that there is not, now: a stream would do so when it is started."""
    if unknown := settings.keys() - StreamSettings.__annotations__.keys():
        raise TypeError(f"a call has no setting {', '.join(sorted(unknown))}")


def _factories(channel: StreamCalls) -> Channel:
    """The channel that this is a part of, with its four factories of callables."""
    return cast("Channel", channel)


class StreamCalls:
    """The part of `aio.Channel` for people who think in streams."""

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
        return ClientStream(functools.partial(made, None, **settings))

    async def call_unary(
        self,
        method: str,
        request: Request,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        **settings: Unpack[StreamSettings],
    ) -> Response:
        """Send one request, and give the one response. Raises AioRpcError for any status but OK."""
        made = _factories(self).unary_unary(method, request_serializer, response_deserializer)
        return await made(request, **settings)

    async def call_client_streaming(
        self,
        method: str,
        requests: RequestIterator[Request],
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        **settings: Unpack[StreamSettings],
    ) -> Response:
        """Send what the iterable gives, async or plain, and give the one response. Raises AioRpcError."""
        made = _factories(self).stream_unary(method, request_serializer, response_deserializer)
        return await made(requests, **settings)

    def call_server_streaming(
        self,
        method: str,
        request: Request,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        **settings: Unpack[StreamSettings],
    ) -> AsyncIterable[Response]:
        """Send one request, and iterate over the responses; the iteration raises AioRpcError. It is a call, too."""
        made = _factories(self).unary_stream(method, request_serializer, response_deserializer)
        return made(request, **settings)

    def call_bidirectional_streaming(
        self,
        method: str,
        requests: RequestIterator[Request],
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        **settings: Unpack[StreamSettings],
    ) -> AsyncIterable[Response]:
        """Send what the iterable gives, and iterate over the responses meanwhile; raises as the others do."""
        made = _factories(self).stream_stream(method, request_serializer, response_deserializer)
        return made(requests, **settings)


# -- the server --------------------------------------------------------------------------------------------------------


class ServerStream(Generic[Request, Response]):
    """A call, seen from its handler. `context` is the servicer's context, with all that is not here."""

    def __init__(self, context: ServicerContext, streams_responses: bool) -> None:
        self.context = context
        self._streams_responses = streams_responses
        self._is_closed = False

    @property
    def metadata(self) -> MetadataPairs:
        """The client's metadata: pairs in their order."""
        return self.context.invocation_metadata()

    def done(self) -> bool:
        """Whether the call is over."""
        return self.context.done()

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline, or None when it has none."""
        return self.context.time_remaining()

    async def recv(self, timeout: float | None = None) -> Request:
        """The next request. Raises EndOfStream when the client sends no more, or when the call is over.

        When `timeout` seconds have passed before that it raises StreamTimeoutError; the call goes on, and no request
        is lost. Raises UsageError for a method with one request, which the handler was given.
        """
        try:
            async with asyncio.timeout(timeout):
                message = await self.context.read()
        except TimeoutError:
            raise StreamTimeoutError(f"no message within {timeout} s")
        except asyncio.InvalidStateError:
            raise EndOfStream("the call is over: nothing can be received any more")
        if message is EOF:
            raise EndOfStream(ALL_RECEIVED)
        return cast(Request, message)

    def __aiter__(self) -> AsyncIterator[Request]:
        return self

    async def __anext__(self) -> Request:
        try:
            return await self.recv()
        except EndOfStream:
            raise StopAsyncIteration

    async def send(self, message: Response) -> None:
        """Send one response; returns when there is room for the next.

        Raises UsageError after `close`, and for a method with one response, which the handler returns; EndOfStream when
        the client has gone.
        """
        if self._is_closed:
            raise UsageError(f"{CLOSED}: nothing can be sent any more")
        try:
            await self.context.write(message)
        except asyncio.InvalidStateError:
            raise EndOfStream("the call is over: nothing can be sent any more")

    async def send_initial_metadata(self, metadata: MetadataLike) -> None:
        """Send initial metadata now, instead of with the first message. Raises UsageError the second time."""
        await self.context.send_initial_metadata(metadata)

    def set_trailing_metadata(self, metadata: MetadataLike) -> None:
        """The metadata to send with the status."""
        self.context.set_trailing_metadata(metadata)

    async def close(self, code: StatusCode = StatusCode.OK, details: str = "") -> None:
        """End the call with this status, after what was sent. The handler may go on; nobody waits for it.

        Without it, a handler that returns ends the call with OK. Raises UsageError the second time.
        """
        if self._is_closed:
            raise UsageError(f"{CLOSED} already")
        status = normalize_code(code)
        if status is StatusCode.OK and not self._streams_responses:
            raise UsageError(ENDS_BY_RETURNING)
        self._is_closed = True
        self.context.finish(status, details)
        self.context.run_callbacks()


class Handler(StreamHandler, Generic[Request, Response]):
    """Handles calls on an asyncio server. Override the methods for the kinds that it is registered for.

    A handler ends the call by returning, with `stream.close`, with `stream.context.abort`, or by any other exception,
    which is UNKNOWN to the client. When the client goes away, the handler is cancelled.
    """

    has_coroutines = True

    @stand_in
    async def handle_unary(self, request: Request, stream: ServerStream[Request, Response]) -> Response:
        """One request; returns the response."""
        raise NotImplementedError

    @stand_in
    async def handle_client_streaming(self, stream: ServerStream[Request, Response]) -> Response:
        """Receives requests; returns the response."""
        raise NotImplementedError

    @stand_in
    async def handle_server_streaming(self, request: Request, stream: ServerStream[Request, Response]) -> None:
        """One request; sends responses."""
        raise NotImplementedError

    @stand_in
    async def handle_bidirectional_streaming(self, stream: ServerStream[Request, Response]) -> None:
        """Receives requests and sends responses, in any order."""
        raise NotImplementedError

    def _behavior(self, rpc_type: str) -> Callable[..., Any]:
        async def unary(request: Any, context: ServicerContext) -> Any:
            return await self.handle_unary(request, ServerStream(context, False))

        async def client_streaming(requests: object, context: ServicerContext) -> Any:
            return await self.handle_client_streaming(ServerStream(context, False))

        async def server_streaming(request: Any, context: ServicerContext) -> None:
            await self.handle_server_streaming(request, ServerStream(context, True))

        async def bidirectional_streaming(requests: object, context: ServicerContext) -> None:
            await self.handle_bidirectional_streaming(ServerStream(context, True))

        behaviors: dict[str, Callable[..., Any]] = {
            "unary": unary,
            "client_streaming": client_streaming,
            "server_streaming": server_streaming,
            "bidirectional_streaming": bidirectional_streaming,
        }
        return behaviors[rpc_type]
