"""How a connection is closed: so that what was said last arrives, and so that nobody can hold it."""

from __future__ import annotations

import asyncio
import heapq
import socket
import sys
from collections.abc import Callable

import pytest

from hpack_codec import Encoder
from http2 import ErrorCode
from http2.aio import (
    Request,
    Timeouts,
    client_ssl_context,
    connect,
    serve,
    server_ssl_context,
)
from http2.aio.linger import Linger, unsent_bytes
from http2.frames import (
    DATA,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    SETTINGS_ACK,
    build_frame,
    build_goaway,
    build_ping,
    build_settings,
    build_window_update,
    parse_goaway,
)
from tests.support.aio import PATIENCE_S, foreign_server, goaway_in, greets, hello, next_frame, run
from tests.support.late_reader import LateReader, turns_of_the_loop
from tests.support.pair import GET
from tests.support.tls import TlsFiles

# -- when it is time ---------------------------------------------------------------------------------------------------

BEGIN = 100.0
TIMES = Timeouts(linger_s=1.0, stall_s=20.0)


class Timer:
    """What `call_at` gives."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class Clock:
    """The part of an event loop that a `Linger` uses, in virtual time."""

    def __init__(self) -> None:
        self.now = BEGIN
        self._due: list[tuple[float, int, Timer]] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        assert when > self.now, "a look that is due already would be repeated without end"
        timer = Timer(callback)
        heapq.heappush(self._due, (when, len(self._due), timer))
        return timer

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self._due and self._due[0][0] <= end:
            self.now, _, timer = heapq.heappop(self._due)
            if timer.callback is not None:
                timer.callback()
        self.now = end


class Wire:
    """The part of a transport that a `Linger` uses, and the `Linger`. `closes`: whether closing needs no peer."""

    def __init__(
        self, unsent: int = 0, is_drained: bool = True, closes: bool = True, timeouts: Timeouts = TIMES
    ) -> None:
        self.clock = Clock()
        self.unsent = unsent
        self.closed_after: float | None = None
        self.aborted_after: float | None = None
        self._closes = closes
        self.linger = Linger(self.clock, self, timeouts, is_drained, 1000)  # type: ignore[arg-type]  # a part of each

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def get_extra_info(self, name: str) -> None:
        return None

    def is_closing(self) -> bool:
        return self.closed_after is not None

    def close(self) -> None:
        assert self.closed_after is None
        self.closed_after = self.clock.now - BEGIN
        if self._closes:
            self.clock.call_at(self.clock.now + 0.001, self.linger.stop)

    def abort(self) -> None:
        assert self.aborted_after is None
        self.aborted_after = self.clock.now - BEGIN
        self.linger.stop()


def test_when_all_has_arrived_the_peer_has_a_second() -> None:
    wire = Wire()
    wire.clock.run(60)
    assert (wire.closed_after, wire.aborted_after) == (pytest.approx(1.01), None), "the first look begins the count"


def test_as_long_as_something_leaves_there_is_no_end() -> None:
    wire = Wire(unsent=10_000)
    for _ in range(600):
        wire.clock.run(15)
        wire.unsent -= 1
    wire.unsent = 0
    wire.clock.run(0.99)
    assert wire.closed_after is None
    wire.clock.run(1.1)
    assert wire.closed_after is not None, "a second after this was seen, at the latest a second after it was so"
    assert wire.aborted_after is None


def test_what_makes_no_way_is_given_up() -> None:
    wire = Wire(unsent=10, closes=False)
    wire.clock.run(60)
    assert wire.closed_after == pytest.approx(20.01)
    assert wire.aborted_after == pytest.approx(40, abs=1), "closing waits for it, too, and no longer"


def test_a_connection_that_failed_has_a_second_in_all() -> None:
    wire = Wire(unsent=10_000, is_drained=False)
    for _ in range(100):
        wire.clock.run(0.1)
        wire.unsent -= 1
    assert (wire.closed_after, wire.aborted_after) == (None, pytest.approx(1.0))


@pytest.mark.parametrize("is_drained", [True, False])
def test_who_is_in_a_hurry_waits_only_for_what_has_not_arrived(is_drained: bool) -> None:
    wire = Wire(unsent=10, is_drained=is_drained)
    wire.linger.hurry()
    wire.clock.run(0.1)
    wire.linger.hurry()  # once is enough
    assert wire.closed_after is None
    wire.unsent = 0
    wire.clock.run(0.2)
    assert wire.closed_after == pytest.approx(0.15)
    wire = Wire(is_drained=is_drained)
    wire.clock.run(0.5)
    wire.linger.hurry()
    assert wire.closed_after == pytest.approx(0.5)


@pytest.mark.parametrize(("hurries", "seconds"), [(False, 1.0), (True, 0.01)])
def test_tls_that_waits_for_the_peer_to_close_it_is_given_the_same_time_again(hurries: bool, seconds: float) -> None:
    wire = Wire(closes=False)
    if hurries:
        wire.linger.hurry()
    wire.clock.run(60)
    assert wire.closed_after is not None
    assert wire.aborted_after == pytest.approx(wire.closed_after + seconds)


def test_a_peer_that_sends_on_and_on_is_left() -> None:
    wire = Wire()
    wire.linger.received(600)
    wire.linger.received(400)
    wire.clock.run(0.5)
    assert wire.aborted_after is None
    wire.linger.received(1)
    assert wire.aborted_after == pytest.approx(0.5)


def test_no_time_at_all_can_be_asked_for() -> None:
    wire = Wire(timeouts=Timeouts(linger_s=0.0))
    wire.clock.run(1)
    assert wire.closed_after == pytest.approx(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel does not tell")
def test_what_the_kernel_holds_is_unsent_too() -> None:
    ours, theirs = socket.socketpair()

    class Transport:
        def __init__(self, sock: socket.socket | None) -> None:
            self.sock = sock

        def get_write_buffer_size(self) -> int:
            return 7

        def get_extra_info(self, name: str) -> socket.socket | None:
            assert name == "socket"
            return self.sock

    def unsent(sock: socket.socket | None) -> int:
        return unsent_bytes(Transport(sock))  # type: ignore[arg-type]  # a part of one

    with ours, theirs:
        assert unsent(ours) == unsent(None) == 7
        ours.send(bytes(1000))
        assert unsent(ours) > 1000
        theirs.recv(1000)
        assert unsent(ours) == 7
    assert unsent(ours) == 7, "a socket that is closed holds nothing"
    with open(__file__) as no_socket:
        assert unsent(no_socket) == 7  # type: ignore[arg-type]


# -- over real sockets -------------------------------------------------------------------------------------------------

BODY = bytes(range(256)) * 800
"""A response that the kernel takes whole, and a client with little room does not."""
REQUEST = build_frame(HEADERS, 5, 1, Encoder().encode(GET))


@pytest.mark.parametrize("stops", [False, True])
def test_the_last_response_reaches_a_client_that_goes_on_sending(server_ends: asyncio.Event, stops: bool) -> None:
    async def main() -> None:
        called, go = asyncio.Event(), asyncio.Event()

        async def handler(request: Request) -> None:
            called.set()
            await go.wait()
            await request.respond(200, (), BODY)

        async with await serve(handler, timeouts=Timeouts(linger_s=PATIENCE_S)) as server:
            client = await LateReader.connect(server.port)
            await client.says(REQUEST)
            await called.wait()
            (protocol,) = server._connections
            protocol.shut_down()
            await asyncio.sleep(0)
            await client.says(build_ping(b"goodbye?", ack=True))
            assert await client.hears_goaway() == [(2**31 - 1, 0), (1, 0)]
            go.set()
            await server_ends.wait()
            await turns_of_the_loop()
            if stops:  # no time is left for streams, but this one is done
                closing = asyncio.create_task(server.close(0))
                await turns_of_the_loop()
            await client.hears_all()
            assert b"".join(client.of(DATA)) == BODY
            client.sock.close()
            await protocol.finished
            if stops:
                await closing

    run(main())


async def sends_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(bytes(65_536))
        await writer.drain()


def test_what_comes_after_the_end_is_not_read_for_ever(server_ends: asyncio.Event) -> None:
    """As much as the client may have sent before it knew is thrown away, then the connection."""

    async def main() -> None:
        timeouts = Timeouts(linger_s=PATIENCE_S)
        async with await serve(hello, timeouts=timeouts) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(PREFACE + build_settings({}) + build_frame(PING, 0, 1, bytes(8)))
            await server_ends.wait()
            assert goaway_in(await reader.read())[0] == ErrorCode.PROTOCOL_ERROR
            (protocol,) = server._connections
            with pytest.raises(ConnectionError):
                await sends_for_ever(writer)
            await protocol.finished

    run(main())


def test_a_client_whose_server_goes_away_reads_to_the_end() -> None:
    """The server may still answer and ask, and does not meet a closed socket."""

    async def main() -> None:
        said_all = asyncio.Event()

        async def goes_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await greets(reader, writer, {})
            writer.write(build_goaway(0, ErrorCode.NO_ERROR, b""))
            await reader.read()
            for _ in range(3):
                writer.write(build_ping(bytes(8)))
                await turns_of_the_loop()
                await writer.drain()
            said_all.set()

        async with foreign_server(goes_away) as port:
            client = await connect("127.0.0.1", port, timeouts=Timeouts(linger_s=2 * PATIENCE_S))
            await said_all.wait()
            await client._protocol.closed

    run(main())


def test_a_client_that_has_said_all_does_not_wait_for_the_server() -> None:
    async def main() -> None:
        closed = asyncio.Event()

        async def never_closes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await greets(reader, writer, {})
            await reader.read()
            await closed.wait()

        async with foreign_server(never_closes) as port:
            client = await connect("127.0.0.1", port, timeouts=Timeouts(linger_s=2 * PATIENCE_S))
            await client.close()
            closed.set()

    run(main())


def test_the_last_response_over_tls_reaches_a_client_that_goes_on_sending(
    tls_files: TlsFiles, server_ends: asyncio.Event
) -> None:
    async def main() -> None:
        called, go = asyncio.Event(), asyncio.Event()

        async def handler(request: Request) -> None:
            called.set()
            await go.wait()
            await request.respond(200, (), BODY)

        async with await serve(handler, ssl=server_ssl_context(tls_files.cert, tls_files.key)) as server:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", server.port))
            connects = client_ssl_context(tls_files.cert)
            reader, writer = await asyncio.open_connection(sock=sock, ssl=connects, server_hostname="localhost")
            window = 1 << 30
            writer.write(
                PREFACE + build_settings({4: window}) + SETTINGS_ACK + build_window_update(0, window) + REQUEST
            )
            await called.wait()
            (protocol,) = server._connections
            protocol.shut_down()
            await next_frame(reader, GOAWAY)
            writer.write(build_ping(b"goodbye?", ack=True))
            await next_frame(reader, GOAWAY)
            writer.transport.pause_reading()
            go.set()
            await server_ends.wait()
            await turns_of_the_loop()
            for _ in range(2):  # to asyncio's TLS the first would be an error, on which the second meets no socket
                writer.write(build_window_update(0, 1))
                await turns_of_the_loop()
            writer.transport.resume_reading()
            content = 0
            while content < len(BODY):
                content += len((await next_frame(reader, DATA))[2])
            writer.close()
            await protocol.finished

    run(main())


def test_over_tls_the_client_may_close_until_somebody_is_in_a_hurry(tls_files: TlsFiles) -> None:
    """It knows from GOAWAY that there is no more to come; TLS is closed for it when it stays."""

    async def main() -> None:
        ssl = server_ssl_context(tls_files.cert, tls_files.key)
        connects = client_ssl_context(tls_files.cert)
        async with await serve(hello, ssl=ssl, timeouts=Timeouts(linger_s=2 * PATIENCE_S)) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=connects)
            writer.write(PREFACE + build_settings({}) + SETTINGS_ACK + REQUEST)
            await next_frame(reader, DATA)
            (protocol,) = server._connections
            transport = protocol.transport
            assert transport is not None
            protocol.shut_down()
            writer.write(build_ping(b"goodbye?", ack=True))
            for last_stream_id in (2**31 - 1, 1):
                assert parse_goaway((await next_frame(reader, GOAWAY))[2])[0] == last_stream_id
            assert not transport.is_closing(), "TLS would take this for an attack:"
            writer.write(build_window_update(0, 1))
            await turns_of_the_loop()
            closing = asyncio.create_task(server.close(0))
            assert await reader.read() == b""
            await closing
            writer.close()

    run(main())
