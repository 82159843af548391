"""An HTTP/2 server on asyncio: one coroutine per request.

    async def handler(request: Request) -> None:
        await request.respond(200, [("content-type", "text/plain")], b"hello\\n")

    async with await serve(handler, port=8080) as server:
        ...

What becomes of a handler and of its stream:

| the handler                                | the client gets                                                         |
|--------------------------------------------|-------------------------------------------------------------------------|
| returns after an answer                    | the end of the answer, if the handler has not sent it                   |
| returns before the request was read        | the same, then RST_STREAM(NO_ERROR): "no need to go on" (RFC 9113 §8.1) |
| returns without an answer, or raises       | 500 (`ContentTooLarge`: 413)                                            |
| raises after the answer has begun          | RST_STREAM(INTERNAL_ERROR)                                              |
| runs when the client resets or disconnects | nothing; the handler is cancelled                                       |

A cancelled handler still counts until it has really ended: no connection ever keeps more than
`Config.concurrent_streams_max` handlers busy, however fast it opens and resets streams (§10.5; CVE-2023-44487). A
request beyond that waits some turns of the loop for a cancelled handler to end (a stream that was reset has made room,
§5.1.2), and is then refused with REFUSED_STREAM, which is safe to retry.
"""

from __future__ import annotations

import asyncio
import logging
import ssl as tls
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from typing import Any, Self

from hpack_codec import FieldList
from http2.aio.stream import ContentTooLarge, HttpStream, StreamsProtocol
from http2.aio.transport import Tap, Timeouts
from http2.config import Config
from http2.connection import Connection
from http2.errors import ErrorCode, StreamClosedError, UsageError, error_name
from http2.events import ConnectionTerminated, HeadEvent, StreamReset
from http2.messages import Head, MalformedMessage, field_list, read_head

logger = logging.getLogger("http2")

Fields = Iterable[tuple[str | bytes, str | bytes]]
"""Fields as people write them: names in any case, text or octets."""

GRACE_S = 5.0
"""How long `Server.close` lets open streams go on, unless told otherwise."""

_ANSWER_S = 0.5  # from GOAWAY to the final one, for a client that does not answer


TURNS_TO_END = 16
"""Turns of the event loop that a cancelled handler has to end in, before a request that waits for it is refused."""

_NO_CONTENT = (204, 304)  # RFC 9110 §15.3.5 and §15.4.5


@lru_cache(maxsize=256)
def _head(status: int, headers: tuple[tuple[str | bytes, str | bytes], ...], length: int = -1) -> Head:
    """The head of a response, checked, with a content-length unless that is -1 or there already. Raises UsageError.

    Answers repeat: taking a head from the cache makes small ones 1.3 times as fast.
    """
    fields = field_list(headers)
    if length >= 0 and status not in _NO_CONTENT and not any(name == b"content-length" for name, _ in fields):
        fields += ((b"content-length", b"%d" % length),)
    try:
        return read_head(((b":status", b"%d" % status), *fields), join_cookies=False)
    except MalformedMessage as error:
        raise UsageError(f"{error} ({error.rule})")


class Request(HttpStream):
    """A request, and the way to answer it.

    `method`, `scheme`, `path` (with its query), `authority`: text. `headers`: (name, value) pairs of octets, names in
    lower case. The content: `async for chunk in request` or `await request.read(limit)`; `trailers` after that.
    """

    def __init__(self, protocol: _ServerProtocol, stream_id: int, head: Head, end_stream: bool) -> None:
        super().__init__(protocol, stream_id)
        self.method = head.method.decode("latin-1")
        self.scheme = head.scheme.decode("latin-1")
        self.path = head.path.decode("latin-1")
        self.authority = head.authority.decode("latin-1")
        self._head = head
        self._received_all = end_stream
        self._continue_due = not end_stream and head.get(b"expect").lower() == b"100-continue"
        self._answered = False
        self._sent_all = False
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path} on stream {self.stream_id}>"

    @property
    def headers(self) -> FieldList:
        """The fields of the request without the pseudo-header fields."""
        return tuple([field for field in self._head.fields if field[0][:1] != b":"])

    def header(self, name: str, default: str = "") -> str:
        """The value of the first field with this name."""
        return self._head.get(name.lower().encode("latin-1"), default.encode("latin-1")).decode("latin-1")

    @property
    def peername(self) -> Any:
        """The client's address as the socket gives it."""
        return self._protocol.peername

    async def __anext__(self) -> bytes:
        if self._continue_due:
            self._continue_due = False
            if not self._answered:
                self.send_informational(100)  # RFC 9110 §10.1.1: the client waits to hear that its content is wanted
        return await super().__anext__()

    async def read(self, limit: int) -> bytes:
        """The whole content, or what is left of it. Raises ContentTooLarge beyond `limit` octets: unless the handler
        catches it, the client gets 413."""
        return await self._read(limit)

    def send_informational(self, status: int, headers: Fields = ()) -> None:
        """Send a 1xx response; the final one follows."""
        self._send_head(_head(status, tuple(headers)), False)

    def send_headers(self, status: int, headers: Fields = (), end_stream: bool = False) -> None:
        """Begin the answer. The content follows with `send_data`; returning from the handler ends it.

        Raises UsageError for malformed fields or a second answer, StreamClosedError when the stream has gone.
        """
        self._send_head(_head(status, tuple(headers)), end_stream)
        self._answered = True
        self._sent_all = end_stream

    async def send_data(self, data: bytes, end_stream: bool = False) -> None:
        """Send content; wait while more than 64 KiB of it are queued. The answer to HEAD has none: it is dropped."""
        if self.method == "HEAD":
            data = b""
            if not end_stream:
                return
        await super().send_data(data, end_stream)
        if end_stream:
            self._sent_all = True

    async def send_trailers(self, fields: Fields) -> None:
        """End the answer with trailers."""
        self._connection.send_headers(self.stream_id, field_list(fields), True)
        self._sent_all = True
        self._protocol.schedule_flush()

    async def respond(self, status: int, headers: Fields = (), body: bytes = b"") -> None:
        """Send a whole answer, with its content-length. It leaves by itself as fast as the client reads."""
        if body and status in _NO_CONTENT:
            raise UsageError(f"a response with status {status} has no content (RFC 9110 §6.4.1)")
        ends = not body or self.method == "HEAD"
        self._send_head(_head(status, tuple(headers), len(body)), ends)
        self._answered = True
        self._sent_all = ends
        if not ends:
            await self.send_data(body, end_stream=True)

    def _send_head(self, head: Head, end_stream: bool) -> None:
        if self._error is not None:
            raise self._error
        if self._answered:
            raise UsageError(f"stream {self.stream_id} has been answered already")
        self._connection.send_headers(self.stream_id, head, end_stream)
        self._protocol.schedule_flush()

    # -- the end of the handler ----------------------------------------------------------------------------------------

    async def _finish(self) -> None:
        """The handler has returned: complete what it left open."""
        if self._error is not None:
            return
        if not self._answered:
            logger.error("%r: the handler returned without an answer", self)
            return await self._answer_error(500)
        if not self._sent_all:
            await self.send_data(b"", end_stream=True)

    async def _answer_error(self, status: int) -> None:
        """The handler has failed: say so, or break off what it had begun."""
        if self._error is not None or self._sent_all:
            return
        if not self._answered:
            try:
                return await self.respond(status)
            except UsageError as error:
                logger.error("%r: no answer possible: %s", self, error)
        self.reset(ErrorCode.INTERNAL_ERROR)


Handler = Callable[[Request], Awaitable[None]]


class _ServerProtocol(StreamsProtocol[Request]):
    """One connection of a server."""

    def __init__(self, server: Server, tap: Tap | None) -> None:
        super().__init__(Connection.server(server.config), server.timeouts, tap)
        self._server = server
        self.finished: asyncio.Future[None] = self.loop.create_future()
        """Done when the transport is gone and no handler runs any more."""
        self._handlers: set[asyncio.Task[None]] = set()
        self._unread: set[int] = set()  # answered streams whose requests go on, and that end when the answer has left

    # -- the connection ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server._connections.add(self)
        if self._server._closing:
            self.shut_down()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._finish_when_idle()

    def flush(self) -> None:
        super().flush()
        if self._unread:
            self._stop_unread()

    def shut_down(self) -> None:
        """No new streams; the connection ends with those that are open."""
        self.connection.shut_down()
        self.schedule_flush()

    def cut_off(self, reason: str) -> None:
        """End the connection, and the handlers that are still busy."""
        self.abort(ErrorCode.NO_ERROR, reason)
        self.hurry()
        for task in self._handlers:
            task.cancel()

    def _finish_when_idle(self) -> None:
        if self.is_gone and not self._handlers and not self.finished.done():
            self.finished.set_result(None)
            self._server._connections.discard(self)

    # -- events --------------------------------------------------------------------------------------------------------

    def head_received(self, event: HeadEvent) -> None:
        request = Request(self, event.stream_id, event.head, event.end_stream)
        self.streams[event.stream_id] = request
        busy = self._handlers
        if len(busy) < self.connection.config.concurrent_streams_max:
            self._start(request)
        else:
            self._start_late(request, TURNS_TO_END if any(task.cancelling() for task in busy) else 0)

    def _start(self, request: Request) -> None:
        request._task = task = self.loop.create_task(self._run(request))
        self._handlers.add(task)
        task.add_done_callback(self._task_done)

    def _start_late(self, request: Request, turns: int) -> None:
        """Start the handler if there is room by now; wait for some turns of the loop; then refuse the request."""
        if request._error is not None:
            return  # it has gone meanwhile
        if len(self._handlers) < self.connection.config.concurrent_streams_max:
            self._start(request)
        elif turns:
            self.loop.call_soon(self._start_late, request, turns - 1)
        else:
            request.reset(ErrorCode.REFUSED_STREAM)

    def content_ended(self, stream: Request) -> None:
        if stream.stream_id in self._unread:
            self._unread.discard(stream.stream_id)
            del self.streams[stream.stream_id]
            stream._discard()

    def stream_reset(self, stream: Request, event: StreamReset) -> None:
        who = "the client" if event.by_peer else "us"
        reason = f"stream {event.stream_id} was reset by {who}: {error_name(event.error_code)} {event.reason}".rstrip()
        self._lose(stream, StreamClosedError(reason))

    def terminated(self, event: ConnectionTerminated) -> None:
        if not event.is_clean:
            logger.info("connection from %s ended: %s", self.peername, event)
        while self.streams:
            _, stream = self.streams.popitem()
            self._lose(stream, StreamClosedError(f"the connection ended: {event}"))

    def _lose(self, stream: Request, error: StreamClosedError) -> None:
        """The stream is gone. Nobody waits for its handler any more, unless that has answered and is tidying up."""
        self._unread.discard(stream.stream_id)
        stream._fail(error)
        if not stream._sent_all and stream._task is not None:
            stream._task.cancel()

    # -- handlers ------------------------------------------------------------------------------------------------------

    async def _run(self, request: Request) -> None:
        """Run the handler for one request, and end its stream however the handler ends."""
        try:
            await self._server.handler(request)
            await request._finish()
        except ContentTooLarge:
            await request._answer_error(413)
        except Exception as error:
            if request._error is None:
                logger.error("%r: the handler failed", request, exc_info=error)
            await request._answer_error(500)
        finally:
            if request._error is None:
                self._handler_ended(request)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._handlers.discard(task)
        self._finish_when_idle()

    def _handler_ended(self, request: Request) -> None:
        if not request._sent_all:
            request.reset(ErrorCode.CANCEL)  # the handler was cancelled, but not by the client
        elif request._received_all:
            self.streams.pop(request.stream_id, None)
            request._discard()
        else:
            self._unread.add(request.stream_id)
            request._discard()
            self.schedule_flush()

    def _stop_unread(self) -> None:
        """RFC 9113 §8.1: a server may stop a request "after sending a complete response", with RST_STREAM(NO_ERROR)."""
        for stream_id in [stream_id for stream_id in self._unread if not self.connection.queued_bytes(stream_id)]:
            self._unread.discard(stream_id)
            self.streams[stream_id].reset(ErrorCode.NO_ERROR)


class Server:
    """A running server; `serve` makes it. `addresses` are the (host, port) pairs it listens on."""

    def __init__(
        self, handler: Handler, config: Config | None, timeouts: Timeouts | None, tap_factory: Callable[[], Tap] | None
    ) -> None:
        self.handler = handler
        self.config = config or Config()
        self.timeouts = timeouts or Timeouts()
        self.addresses: list[tuple[str, int]] = []
        self._tap_factory = tap_factory
        self._listener: asyncio.Server | None = None
        self._connections: set[_ServerProtocol] = set()
        self._closing = False

    @property
    def port(self) -> int:
        """The port of the first address."""
        return self.addresses[0][1]

    @property
    def connection_count(self) -> int:
        """How many connections are open, or have handlers that still run."""
        return len(self._connections)

    async def close(self, grace_s: float = GRACE_S) -> None:
        """Stop listening; say GOAWAY to every client and let open streams finish for `grace_s`; then close.

        Returns when every connection is closed and every handler has ended. A client that does not answer within half a
        second is waited for only as long as its streams are open; handlers that are still busy after the grace are
        cancelled.
        May be called again, with less grace, to hurry up a close that is under way.
        """
        self._closing = True
        if self._listener is not None:
            self._listener.close()
        for protocol in list(self._connections):
            protocol.shut_down()
        if grace_s > _ANSWER_S and not await self._all_closed(_ANSWER_S):
            grace_s -= _ANSWER_S
            for protocol in list(self._connections):
                protocol.finish_shut_down()
        await self._all_closed(grace_s)
        for protocol in list(self._connections):
            protocol.cut_off("the server is closing and the time for open streams is over")
        if not await self._all_closed(self.timeouts.linger_s):
            for protocol in list(self._connections):
                protocol.kill()
            await self._all_closed(None)

    async def _all_closed(self, timeout_s: float | None) -> bool:
        if self._connections:
            await asyncio.wait([protocol.finished for protocol in self._connections], timeout=timeout_s)
        return not self._connections

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def _listen(self, host: str | None, port: int, ssl: tls.SSLContext | None) -> None:
        handshake_s = self.timeouts.handshake_s if ssl is not None else None
        self._listener = await asyncio.get_running_loop().create_server(
            self._new_protocol, host, port, ssl=ssl, ssl_handshake_timeout=handshake_s, backlog=1024
        )
        self.addresses = [socket.getsockname()[:2] for socket in self._listener.sockets]

    def _new_protocol(self) -> _ServerProtocol:
        return _ServerProtocol(self, self._tap_factory() if self._tap_factory is not None else None)


async def serve(
    handler: Handler,
    host: str | None = "127.0.0.1",
    port: int = 0,
    *,
    ssl: tls.SSLContext | None = None,
    config: Config | None = None,
    timeouts: Timeouts | None = None,
    tap_factory: Callable[[], Tap] | None = None,
) -> Server:
    """Listen on `host` and `port` (0: any free one) and run `handler` in a task of its own for each request.

    Plaintext with prior knowledge (RFC 9113 §3.3), or TLS with a context like `server_ssl_context` makes. `tap_factory`
    makes, for each connection, a function that sees all its octets. Raises OSError when the address cannot be used.
    """
    server = Server(handler, config, timeouts, tap_factory)
    await server._listen(host, port, ssl)
    return server
