"""Servers, clients and hand-written peers on loopback sockets, for the tests of `http2.aio`."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ssl import SSLContext

import pytest

from http2.aio import Client, Handler, Request, Server, Timeouts, connect, serve
from http2.config import Config
from http2.frames import GOAWAY, HEADERS, PREFACE, SETTINGS_ACK, build_settings, parse_goaway, unpack_header

PATIENCE_S = 60.0
"""No test waits longer for what it expects."""


def tool(name: str) -> str:
    """The path of a foreign program. Without it the test is skipped, or fails where INTEROP_REQUIRE names it."""
    path = shutil.which(name)
    if path is None:
        required = os.environ.get("INTEROP_REQUIRE", "").replace(" ", "").split(",")
        message = f"{name} is not installed"
        (pytest.fail if name in required else pytest.skip)(message)
    return path


def run(main: Awaitable[None]) -> None:
    """Run a test to its end, but not for ever."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await main

    asyncio.run(bounded())


@asynccontextmanager
async def joined(
    handler: Handler,
    *,
    server_ssl: SSLContext | None = None,
    client_ssl: SSLContext | None = None,
    server_config: Config | None = None,
    client_config: Config | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncIterator[tuple[Server, Client]]:
    """A server and a client that is connected to it."""
    server = await serve(handler, ssl=server_ssl, config=server_config, timeouts=timeouts)
    async with server, await connect("127.0.0.1", server.port, ssl=client_ssl, config=client_config) as client:
        yield server, client


async def hello(request: Request) -> None:
    """The smallest handler."""
    await request.respond(200, [("content-type", "text/plain")], b"hello")


async def still_serves(client: Client) -> None:
    """A connection that did nothing wrong works."""
    response = await client.request("GET", "/")
    assert (response.status, await response.read()) == (200, b"hello")


async def stalled(progress: Callable[[], int], client: Client) -> int:
    """Wait until a sender makes no more progress, and return how far it came.

    Progress is looked at after round trips on the same connection, in which a sender that has room would have sent.
    """
    before, quiet = -1, 0
    while quiet < 5:
        await client.ping()
        quiet = quiet + 1 if progress() == before else 0
        before = progress()
    return before


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def foreign_server(script: Script, ssl: SSLContext | None = None) -> AsyncIterator[int]:
    """A server that plays `script` with each client; its port. What it has opened it closes."""
    done: list[asyncio.Task[None]] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        done.append(task)
        try:
            await script(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has had enough
        finally:
            writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0, ssl=ssl)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        for task in done:
            task.cancel()
        await asyncio.gather(*done, return_exceptions=True)


async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, settings: dict[int, int]) -> None:
    """A hand-written server's part of the handshake."""
    await reader.readexactly(len(PREFACE))
    writer.write(build_settings(settings) + SETTINGS_ACK)


async def next_frame(reader: asyncio.StreamReader, frame_type: int = HEADERS) -> tuple[int, int, bytes]:
    """(flags, stream, payload) of the next frame of this type; others are skipped."""
    while True:
        length_and_type, flags, stream_id = unpack_header(await reader.readexactly(9))
        payload = await reader.readexactly(length_and_type >> 8)
        if length_and_type & 0xFF == frame_type:
            return flags, stream_id, payload


async def answer_to(port: int, octets: bytes, *, ssl: SSLContext | None = None, half_close: bool = False) -> bytes:
    """Say `octets` to a server and return all that it says until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ssl)
    try:
        writer.write(octets)
        if half_close:
            writer.write_eof()
        return await reader.read()
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            pass  # the server was faster


def goaway_in(octets: bytes) -> tuple[int, str]:
    """(error code, debug text) of the GOAWAY that ends these octets."""
    offset = 0
    last = None
    while offset < len(octets):
        length_and_type, _, _ = unpack_header(octets, offset)
        end = offset + 9 + (length_and_type >> 8)
        last = (length_and_type & 0xFF, octets[offset + 9 : end])
        offset = end
    assert last is not None, "nothing was said"
    assert last[0] == GOAWAY, f"the last frame has type {last[0]}"
    _, error_code, debug_data = parse_goaway(last[1])
    return error_code, debug_data.decode()
