"""The transport: one write per tick, and what a bad peer gets, over real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys

import pytest

from hpack_codec import Encoder
from http2 import Config, Connection, ErrorCode, Event, RequestReceived, StreamWritable
from http2.aio import ConnectionProtocol, Request, Timeouts, client_ssl_context, connect, serve, server_ssl_context
from http2.aio.transport import LARGE_BYTES, receive_buffer, write_large
from http2.frames import (
    ACK,
    DATA,
    HEADERS,
    PING,
    PREFACE,
    SETTINGS_ACK,
    build_frame,
    build_settings,
    build_window_update,
)
from tests.support.aio import answer_to, goaway_in, hello, joined, next_frame, run, still_serves
from tests.support.pair import GET, OK
from tests.support.tls import TlsFiles

HANDSHAKE = PREFACE + build_settings({}) + SETTINGS_ACK

BAD_PEERS = {
    "TLS on a plaintext port": (
        bytes.fromhex("1603010200010001fc0303") + bytes(40),
        ErrorCode.PROTOCOL_ERROR,
        "the connection begins with a TLS handshake, but this is a plaintext port (RFC 9113 §3.4)",
    ),
    "not HTTP at all": (
        b"EHLO example.com\r\n",
        ErrorCode.PROTOCOL_ERROR,
        "b'EHLO example.com\\r\\n' instead of the HTTP/2 preface (RFC 9113 §3.4)",
    ),
    "a first frame that is not SETTINGS": (
        PREFACE + build_frame(6, 0, 0, bytes(8)),
        ErrorCode.PROTOCOL_ERROR,
        "the first frame is PING; SETTINGS is required (RFC 9113 §3.4)",
    ),
    "an oversized frame": (
        HANDSHAKE + build_frame(DATA, 0, 1, bytes(16_385)),
        ErrorCode.FRAME_SIZE_ERROR,
        "DATA frame with a payload of 16385 octets; SETTINGS_MAX_FRAME_SIZE is 16384",
    ),
    "bad HPACK": (
        HANDSHAKE + build_frame(HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff"),
        ErrorCode.COMPRESSION_ERROR,
        "RFC 7541",
    ),
}


@pytest.mark.parametrize("name", BAD_PEERS)
def test_a_bad_peer_is_told_why_and_nobody_else_suffers(name: str) -> None:
    octets, error_code, text = BAD_PEERS[name]

    async def main() -> None:
        async with joined(hello) as (server, innocent):
            answer = await answer_to(server.port, octets)
            code, debug_text = goaway_in(answer)
            assert code == error_code
            assert text in debug_text
            await still_serves(innocent)

    run(main())


def test_an_http_1_request_gets_an_answer_it_can_read() -> None:
    async def main() -> None:
        async with joined(hello) as (server, innocent):
            answer = await answer_to(server.port, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 505 HTTP Version Not Supported\r\n")
            assert b"This port speaks only HTTP/2" in answer
            await still_serves(innocent)

    run(main())


def test_half_a_preface_does_not_hold_a_socket() -> None:
    async def main() -> None:
        async with joined(hello, timeouts=Timeouts(handshake_s=0.05)) as (server, innocent):
            code, text = goaway_in(await answer_to(server.port, PREFACE[:10]))
            assert (code, text) == (ErrorCode.SETTINGS_TIMEOUT, "no SETTINGS within 0.05 s (RFC 9113 §3.4)")
            await still_serves(innocent)

    run(main())


def test_a_peer_that_leaves_in_the_middle_of_the_preface_is_forgotten() -> None:
    async def main() -> None:
        async with joined(hello) as (server, innocent):
            assert await answer_to(server.port, PREFACE[:10], half_close=True) == b""
            await still_serves(innocent)
            assert server.connection_count == 1

    run(main())


def test_settings_that_are_never_acknowledged_end_the_connection() -> None:
    async def main() -> None:
        async with joined(hello, timeouts=Timeouts(settings_s=0.05)) as (server, innocent):
            code, text = goaway_in(await answer_to(server.port, PREFACE + build_settings({})))
            assert (code, text) == (
                ErrorCode.SETTINGS_TIMEOUT,
                "SETTINGS not acknowledged within 0.05 s (RFC 9113 §6.5.3)",
            )
            await still_serves(innocent)

    run(main())


def test_plaintext_on_a_tls_port_ends_that_connection_only(tls_files: TlsFiles) -> None:
    async def main() -> None:
        async with joined(
            hello,
            server_ssl=server_ssl_context(tls_files.cert, tls_files.key),
            client_ssl=client_ssl_context(tls_files.cert),
        ) as (server, innocent):
            try:
                answer = await answer_to(server.port, HANDSHAKE)
            except ConnectionResetError:
                answer = b""
            assert answer[:1] in (b"", b"\x15"), "nothing, or a TLS alert"
            await still_serves(innocent)

    run(main())


@pytest.mark.parametrize("offered", [None, "http/1.1"])
def test_a_tls_client_without_h2_in_alpn_is_told_so(tls_files: TlsFiles, offered: str | None) -> None:
    context = ssl.create_default_context(cafile=str(tls_files.cert))
    if offered is not None:
        context.set_alpn_protocols([offered])

    async def main() -> None:
        async with joined(
            hello,
            server_ssl=server_ssl_context(tls_files.cert, tls_files.key),
            client_ssl=client_ssl_context(tls_files.cert),
        ) as (server, innocent):
            code, text = goaway_in(await answer_to(server.port, HANDSHAKE, ssl=context))
            assert (code, text) == (
                ErrorCode.PROTOCOL_ERROR,
                'ALPN agreed on None; "h2" is required (RFC 9113 §3.2)',
            )
            answer = await answer_to(server.port, b"GET / HTTP/1.1\r\n\r\n", ssl=context)
            assert answer.startswith(b"HTTP/1.1 505 "), "an HTTP/1 client gets an answer it can read"
            await still_serves(innocent)

    run(main())


def test_a_small_response_is_one_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """SETTINGS and their acknowledgement leave with the first response; each later one is a write of its own."""
    from asyncio import selector_events

    writes: list[bytes] = []
    write = selector_events._SelectorSocketTransport.write  # type: ignore[attr-defined]  # the only place to count

    def counting(transport: asyncio.Transport, data: bytes) -> None:
        if transport.get_extra_info("sockname")[1] == port:
            writes.append(data)
        write(transport, data)

    monkeypatch.setattr(selector_events._SelectorSocketTransport, "write", counting)  # type: ignore[attr-defined]
    port = 0

    async def main() -> None:
        nonlocal port
        async with joined(hello) as (server, client):
            await still_serves(client)
            await client.ping()  # whatever else is due has left
            port = server.port
            response = await client.request("GET", "/")
            await response.read()
            assert len(writes) == 1
            assert writes[0].endswith(b"hello")
            writes.clear()
            responses = await asyncio.gather(*[client.request("GET", "/") for _ in range(50)])
            for response in responses:
                await response.read()
            assert len(writes) == 1, "fifty requests that came together are answered together"
            port = 0

    run(main())


LARGE = Config(frame_bytes_max=1_000_000, stream_window_bytes=4_000_000, connection_window_bytes=8_000_000)
BODY = bytes(range(256)) * 12_000  # 3 MB


async def echo(request: Request) -> None:
    request.send_headers(200)
    async for chunk in request:
        await request.send_data(chunk)


@pytest.mark.parametrize("over_tls", [False, True])
def test_large_frames_go_both_ways(tls_files: TlsFiles, over_tls: bool) -> None:
    """Two connections at a time, so that their octets meet in the loop's buffer."""

    async def main() -> None:
        accepts = server_ssl_context(tls_files.cert, tls_files.key) if over_tls else None
        connects = client_ssl_context(tls_files.cert) if over_tls else None

        async def there_and_back(port: int, body: bytes) -> bytes:
            async with await connect("127.0.0.1", port, ssl=connects, config=LARGE) as client:
                response = await client.request("POST", "/", body=body)
                return await response.read()

        async with await serve(echo, ssl=accepts, config=LARGE) as server:
            bodies = [BODY, BODY[::-1], BODY[100:]]
            assert await asyncio.gather(*[there_and_back(server.port, body) for body in bodies]) == bodies

    run(main())


def test_connections_of_a_loop_receive_into_one_buffer() -> None:
    async def buffer() -> memoryview:
        loop = asyncio.get_running_loop()
        assert receive_buffer(loop) is receive_buffer(loop)
        return receive_buffer(loop)

    assert asyncio.run(buffer()) is not asyncio.run(buffer()), "another loop may run in another thread"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork, and the buffer is not shared")
def test_the_buffer_begins_with_a_page_which_a_forked_process_does_not_share() -> None:
    program = """
import asyncio, ctypes, mmap, os
from http2.aio.transport import receive_buffer

buffer = receive_buffer(asyncio.new_event_loop())
print(ctypes.addressof(ctypes.c_char.from_buffer(buffer)) % mmap.PAGESIZE)
buffer[:] = bytes(len(buffer))
child = os.fork()
if not child:
    buffer[:1] = b"x"
    os._exit(0)
os.waitpid(child, 0)
print(buffer[0])
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.split() == ["0", "0"]


def test_large_pieces_are_written_without_a_copy() -> None:
    written: list[bytes | memoryview] = []

    class Writes(asyncio.Transport):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            assert not isinstance(data, bytearray)
            written.append(data)

    large, other = bytes(LARGE_BYTES), bytes(range(256)) * 1_000
    chunks: list[bytes | memoryview] = [b"head", large, b"small", b"head", memoryview(other)[1:], b"tail"]
    write_large(Writes(), chunks)
    assert b"".join(written) == b"".join(chunks)
    views = [piece.obj for piece in written if isinstance(piece, memoryview)]
    assert views[0] is large
    assert views[1] is other
    assert [len(piece) for piece in written if isinstance(piece, bytes)] == [4 + 16_384, 9 + 16_384, 4]


def test_a_peer_that_breaks_the_rules_and_does_not_read_cannot_hold_the_socket(server_is_stuck: asyncio.Event) -> None:
    window = 1 << 30
    wide_open = build_settings({4: window}) + SETTINGS_ACK + build_window_update(0, window)
    request = build_frame(HEADERS, 5, 1, Encoder().encode(GET))

    async def endless(request: Request) -> None:
        request.send_headers(200)
        while True:
            await request.send_data(bytes(65_536))

    async def main() -> None:
        async with await serve(endless, timeouts=Timeouts(linger_s=0.05)) as server:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
            writer.write(PREFACE + wide_open + request)
            await server_is_stuck.wait()
            (protocol,) = server._connections
            writer.write(build_frame(PING, 0, 1, bytes(8)))  # a PING belongs on stream 0
            await protocol.finished
            assert protocol.connection.termination is not None
            assert protocol.connection.termination.error_code == ErrorCode.PROTOCOL_ERROR
            writer.transport.abort()

    run(main())


def test_an_answer_that_is_stuck_when_the_connection_ends_still_arrives(server_is_stuck: asyncio.Event) -> None:
    """With the last stream of a server that closes, the connection is over before the end of that stream is written."""
    chunk = bytes(range(256)) * 256
    sent = 0

    async def main() -> None:
        go = asyncio.Event()

        async def large(request: Request) -> None:
            nonlocal sent
            request.send_headers(200)
            await go.wait()
            while not server_is_stuck.is_set():
                await request.send_data(chunk)
                sent += len(chunk)
                await asyncio.sleep(0)

        config = Config(stream_window_bytes=1 << 30, connection_window_bytes=1 << 30)
        server = await serve(large)
        async with await connect("127.0.0.1", server.port, config=config) as client:
            response = await client.request("GET", "/")
            closing = asyncio.create_task(server.close(60))
            await asyncio.sleep(0)
            await client.ping()  # GOAWAY has gone both ways; only this stream keeps the connection
            transport = client._protocol.transport
            assert transport is not None
            transport.pause_reading()
            go.set()
            (protocol,) = server._connections
            while not protocol.connection.is_closed:
                await server_is_stuck.wait()
                await asyncio.sleep(0)
            assert protocol.connection.has_output, "the end of the answer is still here"
            transport.resume_reading()
            content = await response.read()
            assert (len(content), content[-1:]) == (sent, chunk[-1:])
            await closing

    run(main())


def test_a_connection_that_is_killed_when_there_is_room_again_is_lost_once() -> None:
    """asyncio says that there is room in the middle of its writing, and loses a transport twice that is closed then."""
    window = 1 << 30
    wide_open = build_settings({4: window}) + SETTINGS_ACK + build_window_update(0, window)
    request = build_frame(HEADERS, 5, 1, Encoder().encode(GET))

    class KilledForRoom(ConnectionProtocol):
        def events_received(self, events: list[Event]) -> None:
            for event in events:
                if isinstance(event, RequestReceived):
                    self.connection.send_headers(event.stream_id, OK)
                    self.connection.send_data(event.stream_id, bytes(1 << 21))
                elif isinstance(event, StreamWritable):
                    self.kill()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        logged: list[str] = []
        loop.set_exception_handler(lambda _, context: logged.append(context["message"]))
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.setblocking(False)
            _, protocol = await loop.connect_accepted_socket(lambda: KilledForRoom(Connection.server()), ours)
            await loop.sock_sendall(theirs, PREFACE + wide_open + request)
            received = 0
            while octets := await loop.sock_recv(theirs, 1 << 20):
                received += len(octets)
            assert received > 1 << 19, "it was stuck before"
            await protocol.closed
            await asyncio.sleep(0)
        assert not logged

    run(main())


def test_a_stream_of_replies_that_nobody_reads_stops_our_reading(
    server_is_stuck: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each PING costs us an answer; a peer that sends them and reads none is not read any more, until it reads."""
    config = Config(unsent_control_bytes_max=1_000, idle_frames_max=10**6)
    request = build_frame(HEADERS, 5, 1, Encoder().encode(GET))
    window = 1 << 30
    pings = 200

    async def large(request: Request) -> None:
        await request.respond(200, (), bytes(1 << 24))

    async def main() -> None:
        async with await serve(large, config=config) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1)
            writer.write(PREFACE + build_settings({4: window}) + SETTINGS_ACK + build_window_update(0, window))
            writer.write(request)
            await server_is_stuck.wait()
            (protocol,) = server._connections
            transport = protocol.transport
            assert transport is not None
            reading_stopped = asyncio.Event()
            pause_reading = transport.pause_reading

            def pause() -> None:
                pause_reading()
                reading_stopped.set()

            monkeypatch.setattr(transport, "pause_reading", pause)
            writer.write(build_frame(PING, 0, 0, bytes(8)) * pings)
            await reading_stopped.wait()
            assert not transport.is_reading()
            answers = 0
            while answers < pings:
                flags, _, _ = await next_frame(reader, PING)
                answers += flags == ACK
            assert transport.is_reading(), "when the answers have left, reading goes on"
            writer.transport.abort()

    run(main())
