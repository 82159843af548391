"""An HTTP/2 client on asyncio: one connection, many requests at once.

    async with await connect("https://example.org") as client:
        response = await client.request("GET", "/")
        print(response.status, await response.read())

A response must be read to its end or closed (`async with response`, or `response.close()`): content that nobody reads
keeps its share of the connection's window, which is what stops the server from sending it.

`connect` returns when the server's SETTINGS have come: by then it is known that HTTP/2 is spoken at the other end, and
how many streams may be open. Requests over that number wait inside the connection.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl as tls
from collections.abc import AsyncIterable, Callable, Iterable
from typing import Self
from urllib.parse import urlsplit

from hpack_codec import FieldList
from http2.aio.errors import (
    ConnectError,
    ConnectionLost,
    NotHTTP2Error,
    RequestTimeout,
    StreamResetError,
    TLSError,
    TruncatedBody,
)
from http2.aio.stream import HttpStream, StreamsProtocol
from http2.aio.tls import client_ssl_context
from http2.aio.transport import Tap, Timeouts
from http2.config import Config
from http2.connection import Connection
from http2.errors import ConnectionClosedError, ErrorCode, error_name
from http2.events import (
    ConnectionTerminated,
    Event,
    GoAwayReceived,
    HeadEvent,
    PingAcknowledged,
    SettingsReceived,
    StreamReset,
)
from http2.messages import Head, field_list

Fields = Iterable[tuple[str | bytes, str | bytes]]
"""Fields as people write them: names in any case, text or octets."""

Body = bytes | AsyncIterable[bytes]

_SEEN_BYTES = 40  # how much of an answer that is not HTTP/2 is quoted


class Response(HttpStream):
    """A response: `status`, `headers`, then the content by `async for` or `read()`, then `trailers`."""

    def __init__(self, protocol: _ClientProtocol, stream_id: int) -> None:
        super().__init__(protocol, stream_id)
        self.status = 0
        self._head: Head | None = None
        self._head_waiter: asyncio.Future[None] = protocol.loop.create_future()
        self._body_task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Response {self.status or '(waiting)'} on stream {self.stream_id}>"

    @property
    def headers(self) -> FieldList:
        """The fields of the response without `:status`: (name, value) pairs of octets, names in lower case."""
        assert self._head is not None
        return tuple([field for field in self._head.fields if field[0][:1] != b":"])

    def header(self, name: str, default: str = "") -> str:
        """The value of the first field with this name."""
        assert self._head is not None
        return self._head.get(name.lower().encode("latin-1"), default.encode("latin-1")).decode("latin-1")

    async def read(self, limit: int | None = None) -> bytes:
        """The whole content, or what is left of it. Raises ContentTooLarge beyond `limit` octets, and ClientError when
        it does not arrive whole."""
        return await self._read(limit)

    def close(self) -> None:
        """End the exchange here: what is not complete is reset with CANCEL, what was not read is dropped."""
        if self.stream_id in self._protocol.streams:
            self.reset(ErrorCode.CANCEL)
        self._discard()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    def reset(self, error_code: int = ErrorCode.CANCEL) -> None:
        """End the stream now with RST_STREAM."""
        super().reset(error_code)
        self._exchange_over()

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _send_body(self, body: AsyncIterable[bytes]) -> None:
        try:
            async for chunk in body:
                await self.send_data(chunk)
            await self.send_data(b"", end_stream=True)
        except Exception as error:
            if self._error is None:  # else the stream has ended under us, and whoever reads the response is told why
                self.reset(ErrorCode.CANCEL)
                self._fail_anew(error)
        else:
            self._body_task = None
            self._leave_when_over()

    def _head_received(self, head: Head, end_stream: bool) -> None:
        self._head = head
        self.status = head.status
        self._received_all = end_stream
        if not self._head_waiter.done():
            self._head_waiter.set_result(None)

    def _leave_when_over(self) -> None:
        """Both sides have ended: the connection need not know this stream any more."""
        if self._received_all and self._body_task is None:
            self._protocol.streams.pop(self.stream_id, None)
            self._exchange_over()

    def _exchange_over(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        task, self._body_task = self._body_task, None
        if task is not None and task is not asyncio.current_task(self._protocol.loop):
            task.cancel()

    def _fail(self, error: Exception) -> None:
        super()._fail(error)
        if not self._head_waiter.done():
            self._head_waiter.set_result(None)

    def _fail_anew(self, error: Exception) -> None:
        """Fail with a better reason than the reset that it led to."""
        self._error = None
        self._fail(error)

    def _expire(self, timeout_s: float) -> None:
        self._timer = None
        what = f"only {self._received_bytes} octets of the content" if self._head is not None else "no response"
        self.reset(ErrorCode.CANCEL)
        self._fail_anew(RequestTimeout(f"{what} within {timeout_s} s"))


class _ClientProtocol(StreamsProtocol[Response]):
    """The connection of a client."""

    def __init__(self, address: str, config: Config | None, timeouts: Timeouts | None, tap: Tap | None) -> None:
        super().__init__(Connection.client(config), timeouts, tap)
        self.address = address
        self.ready: asyncio.Future[None] = self.loop.create_future()
        """Done when the server's SETTINGS have come, or never will."""
        self.pings: dict[bytes, asyncio.Future[float]] = {}
        self.lost_by: Exception | None = None
        self.first_octets = b""
        self._goaway: GoAwayReceived | None = None

    def data_received(self, data: bytes | memoryview) -> None:
        if not self.ready.done():
            self.first_octets = (self.first_octets + data)[:_SEEN_BYTES]
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost_by = exc
        super().connection_lost(exc)

    def head_received(self, event: HeadEvent) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            stream._head_received(event.head, event.end_stream)
            if event.end_stream:
                stream._leave_when_over()

    def content_ended(self, stream: Response) -> None:
        stream._leave_when_over()

    def stream_reset(self, stream: Response, event: StreamReset) -> None:
        name = error_name(event.error_code)
        if event.by_peer:
            message = f"{self.address} reset stream {event.stream_id} with {name}"
        else:
            message = f"{self.address} broke the protocol on stream {event.stream_id} ({name})"
        if event.reason:
            message += f": {event.reason}"
        if event.unprocessed and self._goaway is not None:
            message += f"; {self._goaway_text()}"
        stream._fail(StreamResetError(message, event.error_code, event.unprocessed))
        stream._exchange_over()

    def terminated(self, event: ConnectionTerminated) -> None:
        error = self.lost(event)
        while self.streams:
            _, stream = self.streams.popitem()
            if stream.status and not stream._received_all:
                message = f"the content ended after {stream._received_bytes} octets: {error}"
                stream._fail(TruncatedBody(message, error.error_code))
            else:
                stream._fail(error)
            stream._exchange_over()
        for waiter in self.pings.values():
            if not waiter.done():
                waiter.set_exception(error)
        self.pings.clear()
        if not self.ready.done():
            self.ready.set_result(None)

    def other_event(self, event: Event) -> None:
        if isinstance(event, PingAcknowledged):
            waiter = self.pings.pop(event.payload, None)
            if waiter is not None and not waiter.done():
                waiter.set_result(self.loop.time())
        elif isinstance(event, GoAwayReceived):
            self._goaway = event
        elif isinstance(event, SettingsReceived) and not self.ready.done():
            self.ready.set_result(None)

    def lost(self, termination: ConnectionTerminated | None) -> ConnectionLost:
        """The error that says why this connection can do no more."""
        error_code: int = ErrorCode.NO_ERROR
        reasons = []
        if self._goaway is not None:
            error_code = self._goaway.error_code
            reasons.append(self._goaway_text())
        if termination is not None:
            error_code = error_code or termination.error_code
            cause = f" ({self.lost_by})" if self.lost_by is not None else ""
            reasons.append(f"the connection to {self.address} ended: {termination.reason}{cause}")
        return ConnectionLost("; ".join(reasons), error_code)

    def _goaway_text(self) -> str:
        assert self._goaway is not None
        debug = self._goaway.debug_data[:200].decode("utf-8", "backslashreplace")
        text = f": {debug}" if debug else ""
        return f"{self.address} said GOAWAY {error_name(self._goaway.error_code)}{text}"


class Client:
    """One connection to a server; `connect` makes it."""

    def __init__(self, protocol: _ClientProtocol, scheme: str, authority: str) -> None:
        self.scheme = scheme
        self.authority = authority
        self._protocol = protocol
        self._connection = protocol.connection
        self._ping_count = 0

    @property
    def is_open(self) -> bool:
        """Whether a new request has a chance: the connection has not ended and is not going away."""
        return not (self._connection.is_closed or self._connection.is_draining)

    async def request(
        self,
        method: str,
        path: str,
        headers: Fields = (),
        body: Body | None = None,
        *,
        timeout_s: float | None = None,
    ) -> Response:
        """Send a request and return its response when the head of it has come; the content is read from there.

        `body` is sent with its content-length when it is bytes, and piece by piece as the server takes it when it is an
        async iterable; an exception of the iterable resets the stream and is raised here or by the reader.
        `timeout_s` bounds the whole exchange, content included. Raises ClientError for what server and network did,
        `http2.UsageError` for a request that is malformed. Cancelling it resets the stream.
        """
        fields: FieldList = (
            (b":method", method.encode("latin-1")),
            (b":scheme", self.scheme.encode("latin-1")),
            (b":authority", self.authority.encode("latin-1")),
            (b":path", path.encode("latin-1")),
            *field_list(headers),
        )
        if isinstance(body, bytes) and not any(name == b"content-length" for name, _ in fields):
            fields += ((b"content-length", b"%d" % len(body)),)
        protocol = self._protocol
        try:
            stream_id = self._connection.open_stream(fields, end_stream=not body)
        except ConnectionClosedError as error:
            lost = protocol.lost(self._connection.termination)
            raise ConnectionLost(str(lost) or str(error), lost.error_code, unprocessed=True)
        response = Response(protocol, stream_id)
        protocol.streams[stream_id] = response
        protocol.schedule_flush()
        if timeout_s is not None:
            response._timer = protocol.loop.call_later(timeout_s, response._expire, timeout_s)
        try:
            if isinstance(body, bytes):
                if body:
                    await response.send_data(body, end_stream=True)
            elif body is not None:
                response._body_task = protocol.loop.create_task(response._send_body(body))
            await response._head_waiter
        except BaseException:
            response.close()
            raise
        if response._head is None:
            assert response._error is not None
            raise response._error
        return response

    async def ping(self) -> float:
        """Send a PING and return the seconds until its answer (RFC 9113 §6.7). Raises ConnectionLost."""
        protocol = self._protocol
        if self._connection.is_closed:
            raise protocol.lost(self._connection.termination)
        self._ping_count += 1
        payload = self._ping_count.to_bytes(8, "big")
        waiter: asyncio.Future[float] = protocol.loop.create_future()
        protocol.pings[payload] = waiter
        sent_s = protocol.loop.time()
        self._connection.ping(payload)
        protocol.schedule_flush()
        return await waiter - sent_s

    async def close(self) -> None:
        """Say GOAWAY and close. Exchanges that are still open fail with ConnectionLost."""
        protocol = self._protocol
        protocol.abort(ErrorCode.NO_ERROR, "closed by the client")
        if not protocol.has_said_all:
            await asyncio.wait([protocol.closed], timeout=protocol.timeouts.linger_s)
        protocol.kill()
        await protocol.closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


async def connect(
    host: str,
    port: int | None = None,
    *,
    ssl: tls.SSLContext | None = None,
    config: Config | None = None,
    timeouts: Timeouts | None = None,
    tap: Tap | None = None,
    timeout_s: float | None = 30.0,
) -> Client:
    """Connect to "http://host:port", "https://host:port" or (host, port), and wait for the server's SETTINGS.

    A `host` without scheme is plaintext, with prior knowledge (RFC 9113 §3.3), unless `ssl` is given. `timeout_s`
    bounds everything up to the SETTINGS. Raises ClientError; ValueError for an address that is none.
    """
    scheme, host, port = _split(host, port, ssl is not None)
    if scheme == "https" and ssl is None:
        ssl = client_ssl_context()
    shown = f"[{host}]" if ":" in host else host
    address = f"{shown}:{port}"
    authority = shown if port == _DEFAULT_PORTS[scheme] else address
    try:
        async with asyncio.timeout(timeout_s):
            protocol = await _open(host, port, ssl, address, config, timeouts, tap)
    except TimeoutError:
        raise ConnectError(f"no connection to {address} within {timeout_s} s")
    return Client(protocol, scheme, authority)


_DEFAULT_PORTS = {"http": 80, "https": 443}


def _split(host: str, port: int | None, is_tls: bool) -> tuple[str, str, int]:
    """(scheme, host, port) of what `connect` was given."""
    scheme = "https" if is_tls else "http"
    if "://" in host:
        parts = urlsplit(host)
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError(f"{host!r} has the scheme {parts.scheme!r}; http and https are possible")
        if not parts.hostname:
            raise ValueError(f"{host!r} names no host")
        scheme, host, port = parts.scheme, parts.hostname, port or parts.port
    return scheme, host, port or _DEFAULT_PORTS[scheme]


async def _open(
    host: str,
    port: int,
    ssl: tls.SSLContext | None,
    address: str,
    config: Config | None,
    timeouts: Timeouts | None,
    tap: Tap | None,
) -> _ClientProtocol:
    """Open the transport and wait until HTTP/2 is spoken on it."""

    def new_protocol() -> _ClientProtocol:
        return _ClientProtocol(address, config, timeouts, tap)

    try:
        protocol = await _open_transport(new_protocol, host, port, ssl)
    except tls.SSLCertVerificationError as error:
        raise TLSError(f"the certificate of {address} is not accepted: {error.verify_message}")
    except tls.SSLError as error:
        raise TLSError(
            f"the TLS handshake with {address} failed: {getattr(error, 'reason', None) or error}; is it a TLS port?"
        )
    except OSError as error:
        raise ConnectError(f"cannot connect to {address}: {error.strerror or error}")
    except UnicodeError:  # the resolver's answer to a label that is empty or too long
        raise ConnectError(f"cannot connect to {address}: {host!r} is no host name")
    try:
        await protocol.ready
    except BaseException:
        protocol.kill()
        raise
    termination = protocol.connection.termination
    if termination is None or protocol.connection.peer.received:
        return protocol
    protocol.flush()  # RFC 9113 §3.4: what is no preface is a connection error, and GOAWAY says so (§5.4.1)
    await asyncio.wait([protocol.closed], timeout=protocol.timeouts.linger_s)
    protocol.kill()
    await protocol.closed
    if "ALPN" in termination.reason:
        raise TLSError(f"{address} does not offer HTTP/2: {termination.reason}")
    seen = protocol.first_octets
    if not seen:
        raise NotHTTP2Error(f"{address} did not answer in HTTP/2: {termination.reason}")
    raise NotHTTP2Error(f"{address} does not speak HTTP/2, it answered {seen!r}: {termination.reason}")


async def _open_transport(
    new_protocol: Callable[[], _ClientProtocol], host: str, port: int, ssl: tls.SSLContext | None
) -> _ClientProtocol:
    """Connect to the first address of a host that answers. Raises OSError that names what became of each of them."""
    loop = asyncio.get_running_loop()
    failures = []
    for *_, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        server_hostname = host if ssl is not None else None
        try:
            _, protocol = await loop.create_connection(
                new_protocol, str(address[0]), port, ssl=ssl, server_hostname=server_hostname
            )
        except tls.SSLError:
            raise
        except OSError as error:
            if isinstance(error, (ConnectionResetError, ConnectionAbortedError)) and ssl is not None:
                raise tls.SSLError(
                    str(error) or "the connection was closed"
                )  # somebody accepted, and left in the handshake
            reason = os.strerror(error.errno) if error.errno else str(error)
            failures.append(f"{reason} ({address[0]})")
        else:
            return protocol
    raise OSError(", ".join(failures))
