"""The server: what each kind of handler makes of its stream, over real sockets."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator

import pytest

from hpack_codec import Encoder
from http2 import Config, ErrorCode, StreamClosedError, UsageError
from http2.aio import ConnectionLost, Request, StreamResetError, Timeouts, TruncatedBody, connect, serve
from http2.frames import (
    DATA,
    GOAWAY,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS_ACK,
    WINDOW_UPDATE,
    build_frame,
    build_rst_stream,
    build_settings,
    parse_goaway,
    parse_rst_stream,
)
from tests.support.aio import PATIENCE_S, hello, joined, next_frame, run, still_serves
from tests.support.pair import GET, POST

HANDSHAKE = PREFACE + build_settings({}) + SETTINGS_ACK


def test_a_request_has_all_its_parts() -> None:
    seen: list[object] = []

    async def handler(request: Request) -> None:
        seen.extend([request.method, request.scheme, request.path, request.authority, request.headers])
        seen.extend([request.header("X-One"), request.header("x-none", "absent"), request.peername[0], repr(request)])
        seen.append(await request.read(100))
        await request.respond(201, [("Content-Type", "text/plain"), (b"x-raw", b"\xff")], b"made")

    async def main() -> None:
        async with joined(handler) as (server, client):
            response = await client.request("PUT", "/a?b=c", [("X-One", "1")], b"content")
            assert (response.status, response.header("content-type")) == (201, "text/plain")
            assert response.headers == (
                (b"content-type", b"text/plain"),
                (b"x-raw", b"\xff"),
                (b"content-length", b"4"),
            )
            assert await response.read() == b"made"
            authority = f"127.0.0.1:{server.port}"
            headers = ((b"x-one", b"1"), (b"content-length", b"7"))
            assert seen[:5] == ["PUT", "http", "/a?b=c", authority, headers]
            assert seen[5:] == ["1", "absent", "127.0.0.1", "<Request PUT /a?b=c on stream 1>", b"content"]

    run(main())


def test_content_and_trailers_go_both_ways_piece_by_piece() -> None:
    async def handler(request: Request) -> None:
        request.send_headers(200)
        async for chunk in request:
            await request.send_data(chunk.upper())
        await request.send_trailers([("x-checksum", "42"), *request.trailers])

    async def main() -> None:
        async with joined(handler) as (_, client):
            first_is_back = asyncio.Event()

            async def body() -> AsyncIterator[bytes]:
                yield b"first"
                await first_is_back.wait()
                yield b"second"

            response = await client.request("POST", "/", body=body())
            assert await anext(response) == b"FIRST", "it comes back before the request has ended"
            first_is_back.set()
            assert await response.read() == b"SECOND"
            assert response.trailers == ((b"x-checksum", b"42"),)

    run(main())


def test_head_gets_the_fields_of_get_and_no_content() -> None:
    async def handler(request: Request) -> None:
        if request.path == "/whole":
            return await request.respond(200, (), b"four")
        request.send_headers(200, [("content-length", "4")])
        await request.send_data(b"four")

    async def main() -> None:
        async with joined(handler) as (_, client):
            for path in ("/whole", "/pieces"):
                response = await client.request("HEAD", path)
                assert (response.status, response.header("content-length")) == (200, "4")
                assert await response.read() == b""

    run(main())


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_content_gets_no_content_length(status: int) -> None:
    async def handler(request: Request) -> None:
        with pytest.raises(UsageError, match="has no content"):
            await request.respond(status, (), b"x")
        await request.respond(status)

    async def main() -> None:
        async with joined(handler) as (_, client):
            response = await client.request("GET", "/")
            assert (response.status, response.headers, await response.read()) == (status, (), b"")

    run(main())


def test_a_client_that_expects_100_continue_is_told_when_its_content_is_wanted() -> None:
    async def handler(request: Request) -> None:
        if request.path == "/wanted":
            await request.read(10)
        await request.respond(200)

    async def main() -> None:
        async with await serve(handler) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            encoder = Encoder()
            expecting = tuple(field for field in POST if field[0] != b":path") + ((b"expect", b"100-continue"),)
            heads = []
            for stream_id, path in ((1, b"/wanted"), (3, b"/not-wanted")):
                block = encoder.encode(((b":path", path), *expecting))
                heads.append(build_frame(HEADERS, 4, stream_id, block))
            writer.write(HANDSHAKE + heads[0])
            flags, stream_id, block = await next_frame(reader)
            assert (flags, stream_id, block) == (4, 1, Encoder().encode(((b":status", b"100"),)))
            writer.write(build_frame(DATA, 1, 1, b"content") + heads[1])
            assert (await next_frame(reader))[0] == 5, "the answer"
            flags, stream_id, _ = await next_frame(reader)
            assert (flags, stream_id) == (5, 3), "no 100 for who does not want the content"
            writer.close()
            await writer.wait_closed()

    run(main())


# -- handlers that fail ------------------------------------------------------------------------------------------------


async def nothing(request: Request) -> None:
    """Forget to answer."""


async def broken(request: Request) -> None:
    raise LookupError("no such thing")


async def bad_answer(request: Request) -> None:
    await request.respond(200, [("bad name", "x")])


async def too_large(request: Request) -> None:
    await request.read(3)


@pytest.mark.parametrize(
    ("handler", "status", "logged"),
    [
        (nothing, 500, "<Request POST /x on stream 1>: the handler returned without an answer"),
        (broken, 500, "<Request POST /x on stream 1>: the handler failed"),
        (bad_answer, 500, "<Request POST /x on stream 1>: the handler failed"),
        (too_large, 413, None),
    ],
)
def test_a_handler_that_gives_no_answer_leaves_it_to_the_server(
    handler: object, status: int, logged: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with joined(handler) as (_, client):  # type: ignore[arg-type]  # the parameters are handlers
            response = await client.request("POST", "/x", body=b"four")
            assert (response.status, await response.read()) == (status, b"")

    with caplog.at_level(logging.ERROR, "http2"):
        run(main())
    assert [record.getMessage() for record in caplog.records] == ([logged] if logged else [])


async def breaks_off(request: Request) -> None:
    request.send_headers(200)
    await request.send_data(b"half")
    raise LookupError("no more")


async def ends_short(request: Request) -> None:
    request.send_headers(200, [("content-length", "5")])
    await request.send_data(b"half")


@pytest.mark.parametrize("handler", [breaks_off, ends_short])
def test_an_answer_that_breaks_off_is_reset(handler: object, caplog: pytest.LogCaptureFixture) -> None:
    """The client must not take half an answer for a whole one."""

    async def main() -> None:
        async with joined(handler) as (_, client):  # type: ignore[arg-type]  # the parameters are handlers
            response = await client.request("GET", "/")
            with pytest.raises(StreamResetError, match="reset stream 1 with INTERNAL_ERROR") as caught:
                await response.read()
            assert caught.value.error_code == ErrorCode.INTERNAL_ERROR

    with caplog.at_level(logging.ERROR, "http2"):
        run(main())
    assert [record.getMessage() for record in caplog.records] == ["<Request GET / on stream 1>: the handler failed"]


def test_an_error_after_the_whole_answer_only_reaches_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: Request) -> None:
        await hello(request)
        raise LookupError("afterwards")

    async def main() -> None:
        async with joined(handler) as (_, client):
            await still_serves(client)
            await still_serves(client)

    with caplog.at_level(logging.ERROR, "http2"):
        run(main())
    assert len(caplog.records) == 2


def test_a_handler_that_is_cancelled_from_within_resets_its_stream() -> None:
    async def handler(request: Request) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        async with joined(handler) as (_, client):
            with pytest.raises(StreamResetError, match="CANCEL"):
                await client.request("GET", "/")

    run(main())


def test_an_answer_the_peer_does_not_accept_is_reset(caplog: pytest.LogCaptureFixture) -> None:
    """The client announced so small a SETTINGS_MAX_HEADER_LIST_SIZE that not even a 500 fits."""

    async def main() -> None:
        async with joined(hello, client_config=Config(field_list_bytes_max=30)) as (_, client):
            with pytest.raises(StreamResetError, match="INTERNAL_ERROR"):
                await client.request("GET", "/")

    run(main())
    assert len(caplog.records) == 2


def test_a_second_answer_is_a_mistake() -> None:
    async def handler(request: Request) -> None:
        await hello(request)
        with pytest.raises(UsageError, match="answered already"):
            request.send_headers(200)
        with pytest.raises(StreamClosedError):
            await request.send_data(b"x")

    async def main() -> None:
        async with joined(handler) as (_, client):
            await still_serves(client)

    run(main())


# -- requests that are not read, not wanted, not served ----------------------------------------------------------------


@pytest.mark.parametrize("answer_bytes", [5, 300_000])
def test_a_request_that_is_not_read_is_stopped_after_the_answer(answer_bytes: int) -> None:
    """RFC 9113 §8.1: the whole answer, END_STREAM, then RST_STREAM(NO_ERROR); and the content's credit goes back."""

    async def handler(request: Request) -> None:
        await request.respond(200, (), bytes(answer_bytes))

    async def main() -> None:
        async with joined(handler) as (server, client):
            abandoned = asyncio.Event()

            async def body() -> AsyncIterator[bytes]:
                yield bytes(40_000)
                try:
                    await asyncio.Event().wait()
                finally:
                    abandoned.set()

            response = await client.request("POST", "/", body=body())
            assert await response.read() == bytes(answer_bytes)
            await abandoned.wait()  # the rest of the body is not asked for
            (protocol,) = server._connections
            assert protocol.streams == {}
            assert protocol._unread == set()
            window = protocol.connection.receive_window
            assert (window.held, window.available + window.unsent) == (0, window.limit)

    run(main())


def test_what_comes_of_an_unread_request_while_its_answer_waits_is_credited() -> None:
    """The client reads only when it has sent more than a window: that must not be a deadlock."""

    async def handler(request: Request) -> None:
        await request.respond(200, (), bytes(300_000))

    async def main() -> None:
        async with joined(handler) as (_, client):
            window_passed = asyncio.Event()

            async def body() -> AsyncIterator[bytes]:
                for _ in range(20):
                    yield bytes(16_384)
                window_passed.set()
                await asyncio.Event().wait()

            response = await client.request("POST", "/", body=body())
            await window_passed.wait()
            assert await response.read() == bytes(300_000)

    run(main())


def test_the_frames_of_an_answer_to_an_unread_request() -> None:
    async def main() -> None:
        async with await serve(hello) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(HANDSHAKE + build_frame(HEADERS, 4, 1, Encoder().encode(POST)))
            assert (await next_frame(reader, DATA))[0] == 1, "END_STREAM first"
            _, stream_id, payload = await next_frame(reader, RST_STREAM)
            assert (stream_id, parse_rst_stream(payload)) == (1, ErrorCode.NO_ERROR)
            writer.write(build_frame(DATA, 0, 1, bytes(16_000)) * 40)
            _, stream_id, _ = await next_frame(reader, WINDOW_UPDATE)
            assert stream_id == 0, "what comes late is credited to the connection"
            writer.close()
            await writer.wait_closed()

    run(main())


def test_a_request_that_ends_while_its_answer_waits_needs_no_reset() -> None:
    """The answer is larger than the client's window, so that the end of the request comes before the answer's."""

    async def handler(request: Request) -> None:
        await request.respond(200, (), bytes(100_000))

    async def main() -> None:
        async with joined(handler) as (server, client):
            answered = asyncio.Event()

            async def body() -> AsyncIterator[bytes]:
                yield b"first"
                await answered.wait()
                yield b"second"

            response = await client.request("POST", "/", body=body())
            answered.set()
            await client.ping()
            (protocol,) = server._connections
            assert protocol._unread == set()
            assert protocol.streams == {}
            assert await response.read() == bytes(100_000)
            assert response._error is None

    run(main())


def test_a_client_that_resets_cancels_the_handler() -> None:
    async def main() -> None:
        started, ended = asyncio.Event(), asyncio.Event()
        told: list[str] = []

        async def handler(request: Request) -> None:
            if request.path == "/":
                return await hello(request)
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                with pytest.raises(StreamClosedError) as caught:
                    await request.respond(200)
                told.append(str(caught.value))
                raise
            finally:
                ended.set()

        async with joined(handler) as (_, client):
            waiting = asyncio.create_task(client.request("GET", "/slow"))
            await started.wait()
            waiting.cancel()
            await ended.wait()
            assert told == ["stream 1 was reset by the client: CANCEL"]
            await still_serves(client)

    run(main())


def test_a_client_that_disconnects_cancels_the_handler() -> None:
    async def main() -> None:
        started, ended = asyncio.Event(), asyncio.Event()

        async def handler(request: Request) -> None:
            started.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        async with await serve(handler) as server:
            client = await connect("127.0.0.1", server.port)
            waiting = asyncio.create_task(client.request("GET", "/"))
            await started.wait()
            assert client._protocol.transport is not None
            client._protocol.transport.abort()
            await ended.wait()
            with pytest.raises(ConnectionLost):
                await waiting

    run(main())


def test_resets_do_not_make_room_for_more_handlers() -> None:
    """Rapid Reset (CVE-2023-44487): a stream that was reset leaves the count of streams, not that of handlers."""
    limit = 5

    async def main() -> None:
        running = most = 0
        started, release = asyncio.Semaphore(0), asyncio.Event()

        async def stubborn(request: Request) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            started.release()
            try:
                await release.wait()
            except asyncio.CancelledError:
                await release.wait()  # a clean-up that takes its time
            finally:
                running -= 1

        async with await serve(stubborn, config=Config(concurrent_streams_max=limit)) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            encoder = Encoder()
            writer.write(HANDSHAKE)
            for number in range(20):
                stream_id = 1 + 2 * number
                writer.write(build_frame(HEADERS, 5, stream_id, encoder.encode(GET)))
                if number >= limit:
                    _, refused_id, payload = await next_frame(reader, RST_STREAM)
                    assert (refused_id, parse_rst_stream(payload)) == (stream_id, ErrorCode.REFUSED_STREAM)
                else:
                    await started.acquire()
                    writer.write(build_rst_stream(stream_id, ErrorCode.CANCEL))
            assert most <= limit
            release.set()
            writer.close()
            await writer.wait_closed()
        assert running == 0

    run(main())


def test_a_stream_that_is_reset_makes_room_in_the_same_read() -> None:
    """RFC 9113 §5.1.2: what is closed does not count. The cancelled handler has only not had its turn yet."""
    limit = 2

    async def main() -> None:
        running = most = 0

        async def waits(request: Request) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            try:
                await request.respond(200, [], await request.read(100))
            finally:
                running -= 1

        async with await serve(waits, config=Config(concurrent_streams_max=limit)) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            encoder = Encoder()
            heads = [build_frame(HEADERS, 4, stream_id, encoder.encode(POST)) for stream_id in (1, 3, 5, 7, 9)]
            cancels = [build_rst_stream(stream_id, ErrorCode.CANCEL) for stream_id in (1, 3, 5, 7, 9)]
            writer.write(HANDSHAKE + heads[0] + heads[1])
            at_once = [cancels[0], heads[2], cancels[2], heads[3], cancels[1], heads[4]]  # 5 goes before it begins
            content = build_frame(DATA, 1, 9, b"content")
            writer.write(b"".join(at_once) + content)
            _, stream_id, payload = await next_frame(reader, DATA)
            assert (stream_id, payload) == (9, b"content"), "what came while it waited is there"
            assert most <= limit
            writer.close()
            await writer.wait_closed()
        assert running == 0

    run(main())


def test_a_refused_request_with_content_costs_no_credit() -> None:
    """Head and content come in one read: the content is already an event when the stream is refused."""

    async def main() -> None:
        async with await serve(hello, config=Config(concurrent_streams_max=0)) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            content = build_frame(DATA, 0, 1, bytes(10_000))
            writer.write(HANDSHAKE + build_frame(HEADERS, 4, 1, Encoder().encode(POST)) + content)
            _, stream_id, payload = await next_frame(reader, RST_STREAM)
            assert (stream_id, parse_rst_stream(payload)) == (1, ErrorCode.REFUSED_STREAM)
            (protocol,) = server._connections
            window = protocol.connection.receive_window
            assert (window.held, window.available + window.unsent) == (0, window.limit)
            writer.close()
            await writer.wait_closed()

    run(main())


def test_a_handler_that_has_answered_may_tidy_up_after_the_client_has_gone() -> None:
    async def main() -> None:
        gone, tidy = asyncio.Event(), asyncio.Event()

        async def handler(request: Request) -> None:
            await hello(request)
            await gone.wait()
            tidy.set()

        async with await serve(handler) as server:
            async with await connect("127.0.0.1", server.port) as client:
                await still_serves(client)
            (protocol,) = server._connections
            await protocol.closed
            gone.set()
            await tidy.wait()

    run(main())


# -- the end -----------------------------------------------------------------------------------------------------------


def test_close_lets_open_streams_finish() -> None:
    async def main() -> None:
        started, finish = asyncio.Event(), asyncio.Event()

        async def handler(request: Request) -> None:
            request.send_headers(200)
            await request.send_data(b"first, ")
            started.set()
            await finish.wait()
            await request.send_data(b"second")

        server = await serve(handler)
        async with await connect("127.0.0.1", server.port) as client:
            response = await client.request("GET", "/")
            await started.wait()
            closing = asyncio.create_task(server.close(grace_s=30))
            await client.ping()
            assert not client.is_open, "GOAWAY has come"
            with pytest.raises(ConnectionLost, match="said GOAWAY NO_ERROR") as caught:
                await client.request("GET", "/")
            assert caught.value.unprocessed
            with pytest.raises(OSError, match="cannot connect"):
                await connect("127.0.0.1", server.port)
            finish.set()
            assert await response.read() == b"first, second"
            await closing
            assert server.connection_count == 0

    run(main())


def test_close_ends_what_does_not_finish_in_time() -> None:
    async def main() -> None:
        started = asyncio.Event()
        cancelled = False

        async def handler(request: Request) -> None:
            nonlocal cancelled
            request.send_headers(200)
            started.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled = True
                raise

        server = await serve(handler)
        async with await connect("127.0.0.1", server.port) as client:
            response = await client.request("GET", "/")
            await started.wait()
            await server.close(grace_s=0)
            assert cancelled
            with pytest.raises(TruncatedBody, match="the time for open streams is over"):
                await response.read()

    run(main())


def test_close_does_not_wait_for_a_client_that_does_not_read(server_is_stuck: asyncio.Event) -> None:
    window = 1 << 30

    async def endless(request: Request) -> None:
        request.send_headers(200)
        while True:
            await request.send_data(bytes(65_536))

    async def main() -> None:
        server = await serve(endless, timeouts=Timeouts(linger_s=0.05))
        config = Config(stream_window_bytes=window, connection_window_bytes=window)
        client = await connect("127.0.0.1", server.port, config=config)
        response = await client.request("GET", "/")
        assert client._protocol.transport is not None
        client._protocol.transport.pause_reading()
        await server_is_stuck.wait()
        await server.close(grace_s=0)
        assert server.connection_count == 0
        client._protocol.kill()
        with pytest.raises(TruncatedBody):
            await response.read()

    run(main())


def test_close_does_not_spend_its_grace_on_clients_that_are_silent() -> None:
    async def main() -> None:
        server = await serve(hello, timeouts=Timeouts(linger_s=PATIENCE_S))
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE + build_frame(HEADERS, 5, 1, Encoder().encode(GET)))
        await next_frame(reader, DATA)
        async with asyncio.timeout(PATIENCE_S / 2):
            await server.close(grace_s=PATIENCE_S)
        for last_stream_id in (2**31 - 1, 1):
            assert parse_goaway((await next_frame(reader, GOAWAY))[2])[:2] == (last_stream_id, ErrorCode.NO_ERROR)
        assert await reader.read() == b""
        writer.close()

    run(main())


def test_close_waits_for_the_stream_of_a_silent_client_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("http2.aio.server._ANSWER_S", 0.01)

    async def main() -> None:
        called, go = asyncio.Event(), asyncio.Event()

        async def handler(request: Request) -> None:
            called.set()
            await go.wait()
            await hello(request)

        server = await serve(handler, timeouts=Timeouts(linger_s=0.01))
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(HANDSHAKE + build_frame(HEADERS, 5, 1, Encoder().encode(GET)))
        await called.wait()
        closing = asyncio.create_task(server.close(grace_s=PATIENCE_S))
        for last_stream_id in (2**31 - 1, 1):
            assert parse_goaway((await next_frame(reader, GOAWAY))[2])[:2] == (last_stream_id, ErrorCode.NO_ERROR)
        go.set()
        assert (await next_frame(reader, DATA))[2] == b"hello"
        async with asyncio.timeout(PATIENCE_S / 2):
            await closing
        writer.close()

    run(main())


def test_close_cancels_handlers_that_tidy_up_for_ever() -> None:
    async def main() -> None:
        async def handler(request: Request) -> None:
            await hello(request)
            await asyncio.Event().wait()

        server = await serve(handler)
        async with await connect("127.0.0.1", server.port) as client:
            await still_serves(client)
            await server.close(grace_s=0)
        assert server.connection_count == 0

    run(main())


def test_a_connection_that_is_made_while_the_server_closes_is_sent_away() -> None:
    async def main() -> None:
        server = await serve(hello)
        protocol = server._new_protocol()
        await server.close()
        ours, theirs = socket.socketpair()
        await asyncio.get_running_loop().create_connection(lambda: protocol, sock=ours)
        reader, writer = await asyncio.open_connection(sock=theirs)
        _, _, payload = await next_frame(reader, GOAWAY)
        assert parse_goaway(payload)[1] == ErrorCode.NO_ERROR
        writer.close()
        await writer.wait_closed()
        await protocol.finished

    run(main())


def test_a_port_in_use_is_an_oserror() -> None:
    async def main() -> None:
        taken = socket.create_server(("127.0.0.1", 0))
        with taken, pytest.raises(OSError, match="address already in use"):
            await serve(hello, port=taken.getsockname()[1])

    run(main())


def test_the_addresses_of_a_server() -> None:
    async def main() -> None:
        async with await serve(hello) as server:
            assert server.addresses == [("127.0.0.1", server.port)]
            assert server.port > 0

    run(main())
