"""What the tests of the examples share: servers of either library, programs, and a way to break a connection."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.modules import MODULES

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0

PAIRS = ("plait-plait", "plait-grpcio", "grpcio-plait")
"""Server and client: whose modules they use. What is between them is the same source."""
EVERY_PAIR = pytest.mark.parametrize("pair", PAIRS)


def modules_of(pair: str) -> tuple[Any, Any]:
    """(the server's module, the client's module)."""
    server, client = pair.split("-")
    return MODULES[server](), MODULES[client]()


def run(main: Awaitable[None]) -> None:
    """Run a test to its end, but not for ever."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await main

    asyncio.run(bounded())


@asynccontextmanager
async def served(grpc: Any, register: Callable[[Any], None]) -> AsyncIterator[int]:
    """The port of an asyncio server of that module."""
    server = grpc.aio.server()
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


class Cutter:
    """A way to a server that can be cut: every connection on it is broken at once; later ones are whole."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.get_running_loop()
        self.port = 0
        self.cuts = 0

    def cut(self) -> None:
        """Break it. From any thread."""
        self._loop.call_soon_threadsafe(self._cut)

    def _cut(self) -> None:
        self.cuts += 1
        for writer in self._writers:
            writer.transport.abort()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until one of its ends is gone."""
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers |= {writer, there_writer}
        try:
            await asyncio.gather(self._carry(reader, there_writer), self._carry(there_reader, writer))
        finally:
            self._writers -= {writer, there_writer}

    @staticmethod
    async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while octets := await reader.read(1 << 16):
                writer.write(octets)
                await writer.drain()
        except ConnectionError:
            pass  # it was cut
        finally:
            writer.close()


@asynccontextmanager
async def cuttable(port: int) -> AsyncIterator[Cutter]:
    """A way to the server on that port which can be cut."""
    cutter = Cutter(port)
    listener = await asyncio.start_server(cutter.connected, "127.0.0.1", 0)
    cutter.port = listener.sockets[0].getsockname()[1]
    try:
        yield cutter
    finally:
        listener.close()
        cutter._cut()
        await listener.wait_closed()


@asynccontextmanager
async def program(module: str, *arguments: str) -> AsyncIterator[Any]:
    """`python -m examples.MODULE ...`; it ends before the test does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"examples.{module}",
        *arguments,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def listening(process: Any) -> str:
    """Where a server listens, from the first line that it prints."""
    line = (await process.stdout.readline()).decode()
    assert line.startswith("LISTENING "), line + (await process.stderr.read()).decode()
    return line.removeprefix("LISTENING ").strip()
