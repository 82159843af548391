"""What a handler of the asyncio server is given: its call (grpcio's `grpc.aio.ServicerContext`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, NoReturn

from grpc_core.aio.eof import EOF
from grpc_core.calls import ServerCall
from grpc_core.compression import coding_of
from grpc_core.errors import AbortError, UsageError
from grpc_core.logs import logger
from grpc_core.metadata import Fields, MetadataPairs, MetadataValue, encode_metadata, metadata_pairs
from grpc_core.methods import Served
from grpc_core.propagation import HandledCall
from grpc_core.status import StatusCode, normalize_code
from grpc_core.type_variables import Request, Response
from grpc_core.wire import MessageError

if TYPE_CHECKING:
    from grpc_core.aio.protocol import ServerProtocol

MetadataLike = Iterable[tuple[str, MetadataValue]]
ALREADY_FINISHED = "RPC already finished."

_log = logger("aio.server")


class ServicerContext(Generic[Request, Response]):
    """One call, as its handler sees it. Made by the server."""

    __slots__ = (
        "_call",
        "_callbacks",
        "_code",
        "_deadline",
        "_details",
        "_method",
        "_protocol",
        "_trailing",
        "_trailing_fields",
        "_waiters",
        "aborted",
        "handled",
    )

    def __init__(self, call: ServerCall, method: Served, protocol: ServerProtocol, deadline: float | None) -> None:
        self._call = call
        self._method = method
        self._protocol = protocol
        self._deadline = deadline
        self._code: StatusCode | None = None
        self._details = ""
        self._trailing: MetadataPairs = ()
        self._trailing_fields: Fields = ()
        self._callbacks: list[Callable[[ServicerContext], None]] = []
        self._waiters: list[asyncio.Future[None]] = []
        self.aborted = False
        self.handled = HandledCall() if deadline is None else HandledCall(protocol.loop.time, deadline)
        """What the calls made from the handler inherit."""

    # -- about the call ------------------------------------------------------------------------------------------------

    def invocation_metadata(self) -> MetadataPairs:
        """The client's metadata: pairs, in order, with `key` and `value`; bytes where the key ends in "-bin"."""
        return metadata_pairs(self._call.request.metadata)

    def peer(self) -> str:
        """The client's address, e.g. "ipv4:127.0.0.1:5000"."""
        return self._protocol.peer

    def peer_identities(self) -> Iterable[bytes] | None:
        """Who the client has proved to be; None without a TLS client certificate."""
        key = self.peer_identity_key()
        return None if key is None else self.auth_context()[key]

    def peer_identity_key(self) -> str | None:
        """By what the client was identified; None without a TLS client certificate."""
        return self._protocol.security.identity_key

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What is known of the connection's security, with C-core's names."""
        return self._protocol.security.properties

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline, or None when it has none."""
        return None if self._deadline is None else max(self._deadline - self._protocol.loop.time(), 0.0)

    def cancelled(self) -> bool:
        """Whether the call was cancelled, or the client has gone."""
        return self._call.is_cancelled

    def done(self) -> bool:
        """Whether the call is over."""
        return self._call.is_over

    def add_done_callback(self, callback: Callable[[ServicerContext], None]) -> None:
        """Call `callback(context)` when the call is over."""
        if self._call.is_over:
            callback(self)
        else:
            self._callbacks.append(callback)

    # -- the status ----------------------------------------------------------------------------------------------------

    def set_code(self, code: Any) -> None:
        """The status code to end with when the handler returns; the default is OK."""
        self._code = normalize_code(code)

    def set_details(self, details: str) -> None:
        """The status text to end with."""
        self._details = details if isinstance(details, str) else str(details)

    def code(self) -> StatusCode | None:
        """What `set_code` was given."""
        return self._code

    def details(self) -> str:
        """What `set_details` was given."""
        return self._details

    def set_trailing_metadata(self, trailing_metadata: MetadataLike) -> None:
        """The metadata to send with the status. Raises ValueError when it is not valid."""
        pairs = tuple(trailing_metadata)
        self._trailing_fields = encode_metadata(pairs)
        self._trailing = pairs

    def trailing_metadata(self) -> MetadataPairs:
        """What `set_trailing_metadata` was given."""
        return self._trailing

    async def abort(self, code: Any, details: str = "", trailing_metadata: MetadataLike = ()) -> NoReturn:
        """End the call with this status, now, and leave the handler with AbortError."""
        if self.aborted:
            raise UsageError("Abort already called!")
        self.aborted = True
        status = normalize_code(code)
        if status is StatusCode.OK:
            status, details = StatusCode.UNKNOWN, f"abort() called with StatusCode.OK; details: {details}"
        metadata = tuple(trailing_metadata)
        if metadata:
            self.set_trailing_metadata(metadata)
        self._code, self._details = status, details
        self.finish(status, details)
        raise AbortError("Locally aborted.")

    async def abort_with_status(self, status: Any) -> NoReturn:
        """As `abort`, with an object that has `code`, `details` and `trailing_metadata`."""
        await self.abort(status.code, status.details, status.trailing_metadata or ())

    # -- sending and receiving -----------------------------------------------------------------------------------------

    async def send_initial_metadata(self, initial_metadata: MetadataLike) -> None:
        """Send initial metadata now, instead of with the first message. Raises UsageError the second time."""
        if self._call.headers_sent:
            raise UsageError("Initial metadata already sent")
        self._call.send_initial_metadata(encode_metadata(tuple(initial_metadata)))
        self._protocol.schedule_flush()

    async def read(self) -> Request:
        """The next request, or `EOF` when the client sends no more. Only for methods with a stream of requests.

        Raises asyncio.InvalidStateError when the call is over.
        """
        if not self._method.request_streaming:
            raise UsageError("read is for methods with a stream of requests")
        inbox = self._call.inbox
        while True:
            message = inbox.take()
            if message is not None:
                self._return_credit()
                request: Request = self.deserialize(message)
                return request
            if self._call.is_over:
                raise asyncio.InvalidStateError(ALREADY_FINISHED)
            if inbox.is_over:
                return EOF  # type: ignore[return-value]  # as grpcio says it: a type for both could not be told apart
            self._return_credit()
            await self._changed()

    def _return_credit(self) -> None:
        """Let WINDOW_UPDATE leave, where reading has given back enough for one."""
        if self._protocol.connection.has_output:
            self._protocol.schedule_flush()

    def request_was_compressed(self) -> bool:
        """Whether the request that was read last had come compressed. False before the first. Not in grpcio."""
        return self._call.inbox.taken_flag == 1

    async def write(self, message: Response) -> None:
        """Send one response; returns when there is room for the next. Only for methods with a stream of responses.

        Raises asyncio.InvalidStateError when the call is over.
        """
        if not self._method.response_streaming:
            raise UsageError("write is for methods with a stream of responses")
        if self._call.is_over:
            raise asyncio.InvalidStateError(ALREADY_FINISHED)
        self._call.send_message(self.serialize(message))
        self._protocol.schedule_flush()
        while not (self._call.can_send or self._call.is_over):
            await self._changed()

    def set_compression(self, compression: Any) -> None:
        """Compress the responses, if the client reads that coding. Raises ValueError for what is no Compression,
        UsageError after initial metadata, which names the coding."""
        coding = coding_of(compression)
        if self._call.headers_sent:
            raise UsageError("compression is set before initial metadata is sent")
        self._call.compress_with(coding)

    def disable_next_message_compression(self) -> None:
        """Send the next message as it is."""
        self._call.send_next_plain()

    # -- for the server ------------------------------------------------------------------------------------------------

    def handle_with(self, method: Served) -> None:
        """The method, where interceptors have decided on its handler only now."""
        self._method = method

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that the call belongs to."""
        return self._protocol.loop

    def deserialize(self, message: bytes) -> Any:
        """A request from its octets. Raises MessageError INTERNAL, after logging why."""
        deserialize = self._method.request_deserializer
        if deserialize is None:
            return message
        try:
            return deserialize(message)
        except Exception:
            _log.exception("a request of %s cannot be deserialized", self._call.request.path)
            raise MessageError(StatusCode.INTERNAL, "Exception deserializing request!")

    def serialize(self, response: Any) -> bytes:
        """The octets of a response. Raises MessageError INTERNAL, after logging why."""
        serialize = self._method.response_serializer
        try:
            message = serialize(response) if serialize is not None else response
        except Exception:
            _log.exception("a response of %s cannot be serialized", self._call.request.path)
            raise MessageError(StatusCode.INTERNAL, "Failed to serialize response!")
        if not isinstance(message, bytes):
            raise MessageError(StatusCode.INTERNAL, "Failed to serialize response!")
        return message

    async def _changed(self) -> None:
        future: asyncio.Future[None] = self._protocol.loop.create_future()
        self._waiters.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future in self._waiters:  # a handler that gives up waiting, again and again, leaves nothing behind
                self._waiters.remove(future)
            raise

    def wake(self) -> None:
        """Something has happened to the call: whoever waits looks again."""
        waiters, self._waiters = self._waiters, []
        self._protocol.wake(waiters)

    def finish(self, code: StatusCode, details: str) -> None:
        """Send the status, unless the call is over. Other tasks of its handler that wait for the call look again."""
        self._call.finish(code, details, self._trailing_fields)
        self._protocol.schedule_flush()
        if self._waiters:
            self.wake()

    def respond(self, response: Any) -> None:
        """The handler has returned its one response: send it, with the status OK or the one that was set.

        Raises MessageError when it cannot be sent.
        """
        code = self._code
        if code is not None and code is not StatusCode.OK:
            self.finish(code, self._details)  # a call that failed has no response, as in grpcio
        elif not self._call.is_over:
            self._call.respond(self.serialize(response), self._details, self._trailing_fields)
            self._protocol.schedule_flush()
            if self._waiters:
                self.wake()

    def end(self) -> None:
        """The handler has ended, and with it the call, whose observer need not be kept any longer."""
        self.handled.end()
        self._call.observer = None  # else whoever is told and what it is told of would be left to the garbage collector
        if self._callbacks:
            self.run_callbacks()

    def run_callbacks(self) -> None:
        """The call is over: tell those who asked to know."""
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self._protocol.loop.call_soon(callback, self)


class RequestIterator:
    """The requests of a stream, for a handler that is a coroutine: `async for request in requests`."""

    __slots__ = ("_context",)

    def __init__(self, context: ServicerContext) -> None:
        self._context = context

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        request = await self._context.read()
        if request is EOF:
            raise StopAsyncIteration
        return request


class SyncRequestIterator:
    """The requests of a stream, for a handler that is a plain function: `for request in requests`."""

    __slots__ = ("_context",)

    def __init__(self, context: ServicerContext) -> None:
        self._context = context

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        request = asyncio.run_coroutine_threadsafe(self._context.read(), self._context.loop).result()
        if request is EOF:
            raise StopIteration
        return request


class SyncServicerContext:
    """The same for a handler that is a plain function: what has to be awaited there is simply called here.

    The function runs in another thread than the event loop, which does the work while the function waits. Everything
    else is `ServicerContext`'s own.
    """

    __slots__ = ("_context",)

    def __init__(self, context: ServicerContext) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def abort(self, code: Any, details: str = "", trailing_metadata: MetadataLike = ()) -> Any:
        """As `ServicerContext.abort`."""
        return self._done(self._context.abort(code, details, trailing_metadata))

    def abort_with_status(self, status: Any) -> Any:
        """As `ServicerContext.abort_with_status`."""
        return self._done(self._context.abort_with_status(status))

    def send_initial_metadata(self, initial_metadata: MetadataLike) -> Any:
        """As `ServicerContext.send_initial_metadata`."""
        return self._done(self._context.send_initial_metadata(initial_metadata))

    def read(self) -> Any:
        """As `ServicerContext.read`."""
        return self._done(self._context.read())

    def write(self, message: Any) -> Any:
        """As `ServicerContext.write`."""
        return self._done(self._context.write(message))

    def is_active(self) -> bool:
        """Whether the call is not over."""
        return not self._context.done()

    def add_callback(self, callback: Callable[[], None]) -> Any:
        """Call `callback()`, on the event loop, when the call is over. False, and it is not called, when it is now."""
        return self._done(self._add_callback(callback))

    async def _add_callback(self, callback: Callable[[], None]) -> bool:
        if self._context.done():
            return False
        self._context.add_done_callback(lambda _: callback())
        return True

    def _done(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run_coroutine_threadsafe(coroutine, self._context.loop).result()
        return coroutine  # the function has returned an awaitable, and that is awaited on the event loop
