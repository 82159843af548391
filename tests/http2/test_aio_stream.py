"""Back-pressure over real sockets: who does not read stops who sends, and memory stays within the windows."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest

from http2 import Config, StreamClosedError
from http2.aio import ContentTooLarge, Request, client_ssl_context, server_ssl_context
from http2.aio.stream import SEND_QUEUE_BYTES
from tests.support.aio import hello, joined, run, stalled, still_serves
from tests.support.tls import TlsFiles

MIB = 1 << 20
CHUNK = 16_384
TOTAL = 16 * MIB
STREAM_WINDOW = Config().stream_window_bytes


@contextmanager
def memory_within(octets: int) -> Iterator[None]:
    """Fail when more than `octets` were ever allocated at once inside."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= octets, f"{peak} octets were in use; {octets} are allowed"


def pieces(sent: list[int]) -> Iterator[bytes]:
    """TOTAL octets in fresh pieces, so that each one that is kept costs memory; `sent` counts them."""
    for number in range(TOTAL // CHUNK):
        sent.append(CHUNK)
        yield number.to_bytes(4, "big") * (CHUNK // 4)


def check_piece(content: bytearray, at: int) -> int:
    """Look at the whole pieces in `content`, throw them away, and return the number of the next one."""
    while len(content) >= CHUNK:
        assert content[:CHUNK] == at.to_bytes(4, "big") * (CHUNK // 4)
        del content[:CHUNK]
        at += 1
    return at


@pytest.mark.parametrize("over_tls", [False, True])
def test_a_handler_that_does_not_read_stops_the_client(over_tls: bool, tls_files: TlsFiles) -> None:
    server_ssl = server_ssl_context(tls_files.cert, tls_files.key) if over_tls else None
    client_ssl = client_ssl_context(tls_files.cert) if over_tls else None

    async def main() -> None:
        may_read = asyncio.Event()

        async def handler(request: Request) -> None:
            await may_read.wait()
            content, at = bytearray(), 0
            async for chunk in request:
                content += chunk
                at = check_piece(content, at)
            await request.respond(200, (), b"%d" % at)

        async with joined(handler, server_ssl=server_ssl, client_ssl=client_ssl) as (_, client):
            sent: list[int] = []

            async def body() -> AsyncIterator[bytes]:
                for piece in pieces(sent):
                    yield piece

            with memory_within(STREAM_WINDOW + MIB):
                posting = asyncio.create_task(client.request("POST", "/", body=body()))
                await stalled(lambda: len(sent), client)
                assert sum(sent) <= STREAM_WINDOW + SEND_QUEUE_BYTES + 2 * CHUNK
            may_read.set()
            response = await posting
            assert await response.read() == b"%d" % (TOTAL // CHUNK), "and then everything arrives"

    run(main())


@pytest.mark.parametrize("over_tls", [False, True])
def test_a_client_that_does_not_read_stops_the_handler(over_tls: bool, tls_files: TlsFiles) -> None:
    server_ssl = server_ssl_context(tls_files.cert, tls_files.key) if over_tls else None
    client_ssl = client_ssl_context(tls_files.cert) if over_tls else None

    async def main() -> None:
        sent: list[int] = []

        async def handler(request: Request) -> None:
            request.send_headers(200)
            for piece in pieces(sent):
                await request.send_data(piece)

        async with joined(handler, server_ssl=server_ssl, client_ssl=client_ssl) as (_, client):
            with memory_within(STREAM_WINDOW + MIB):
                response = await client.request("GET", "/")
                await stalled(lambda: len(sent), client)
                assert sum(sent) <= STREAM_WINDOW + SEND_QUEUE_BYTES + 2 * CHUNK
            content, at = bytearray(), 0
            async for chunk in response:
                content += chunk
                at = check_piece(content, at)
            assert at * CHUNK == TOTAL, "and then everything arrives"

    run(main())


def test_an_echo_of_more_than_the_windows_comes_back_whole() -> None:
    """Both directions at once, through windows of 64 KiB: each reads what the other sends."""
    config = Config(connection_window_bytes=65_535)

    async def main() -> None:
        async def echo(request: Request) -> None:
            request.send_headers(200)
            async for chunk in request:
                await request.send_data(chunk)

        async with joined(echo, server_config=config, client_config=config) as (_, client):
            sent: list[int] = []

            async def body() -> AsyncIterator[bytes]:
                for piece in pieces(sent):
                    yield piece

            response = await client.request("POST", "/echo", body=body())
            content, at = bytearray(), 0
            async for chunk in response:
                content += chunk
                at = check_piece(content, at)
            assert at * CHUNK == TOTAL

    run(main())


def test_one_stream_that_is_not_read_does_not_stop_another() -> None:
    async def main() -> None:
        async def handler(request: Request) -> None:
            if request.path == "/":
                return await hello(request)
            request.send_headers(200)
            while True:
                await request.send_data(bytes(CHUNK))

        async with joined(handler) as (_, client):
            unread = [await client.request("GET", f"/{number}") for number in range(10)]
            await still_serves(client)
            for response in unread:
                response.close()
            await still_serves(client)
            await client.ping()
            window = client._connection.receive_window
            assert window.held == 0, "closed responses have given their share of the window back"

    run(main())


def test_read_stops_at_its_limit() -> None:
    async def main() -> None:
        async def handler(request: Request) -> None:
            await request.respond(200, (), b"12345")

        async with joined(handler) as (_, client):
            async with await client.request("GET", "/") as response:
                with pytest.raises(ContentTooLarge, match="longer than 4 octets"):
                    await response.read(4)
            response = await client.request("GET", "/")
            assert await response.read(5) == b"12345"

    run(main())


def test_two_tasks_cannot_read_or_send_at_once() -> None:
    """Who reads takes; two readers would each get a part."""

    async def main() -> None:
        blocked = asyncio.Event()
        told: list[str] = []

        async def handler(request: Request) -> None:
            request.send_headers(200)
            reading = asyncio.create_task(request.read(10))
            sending = asyncio.create_task(request.send_data(bytes(1 << 20)))
            await asyncio.sleep(0)
            for attempt in (request.read(10), request.send_data(b"more")):
                try:
                    await attempt
                except RuntimeError as error:
                    told.append(str(error))
            reading.cancel()
            sending.cancel()
            await asyncio.wait([reading, sending])
            blocked.set()

        async with joined(handler) as (_, client):

            async def body() -> AsyncIterator[bytes]:
                await blocked.wait()
                yield b"late"

            response = await client.request("POST", "/", body=body())
            await blocked.wait()
            assert told == [
                "stream 1 is already being read by another task",
                "another task is already sending on stream 1",
            ]
            response.close()

    run(main())


def test_a_stream_that_was_reset_here_can_neither_be_read_nor_sent_on() -> None:
    async def main() -> None:
        told: list[str] = []

        async def handler(request: Request) -> None:
            request.reset()
            for attempt in (anext(request), request.read(10), request.send_data(b"x"), request.respond(200)):
                with pytest.raises(StreamClosedError) as caught:
                    await attempt
                told.append(str(caught.value))

        async with joined(handler) as (_, client):
            with pytest.raises(OSError, match="reset stream 1 with CANCEL"):
                await client.request("POST", "/", body=b"unread")
            assert told == ["stream 1 was reset here"] * 4

    run(main())


def test_who_waits_for_room_is_told_that_the_stream_has_gone() -> None:
    async def main() -> None:
        told: list[str] = []

        async def handler(request: Request) -> None:
            request.send_headers(200)
            sending = asyncio.create_task(request.send_data(bytes(1 << 20)))
            await asyncio.sleep(0)
            request.reset()
            with pytest.raises(StreamClosedError) as caught:
                await sending
            told.append(str(caught.value))

        async with joined(handler) as (_, client):
            with pytest.raises(OSError, match="reset stream 1 with CANCEL"):
                await (await client.request("GET", "/")).read()
            assert told == ["stream 1 was reset here"]

    run(main())
