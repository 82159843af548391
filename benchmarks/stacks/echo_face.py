"""No gRPC and no HTTP/2: the octets of a message, sent back as they come. See `benchmarks.stacks`.

It does ping-pong alone, and shows what of a round trip is the event loop's and the system's: with --loop=asyncio two
protocols on asyncio's event loop, with --loop=none two blocking sockets. No stack on the same loop can take less.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable
from typing import Final

from benchmarks.stacks.command import Options, answer, options, orders
from benchmarks.workloads import Workload

_FRAME_BYTES: Final = 9 + 5
"""What stands before a message: the head of a DATA frame and that of a message."""


class Echo(asyncio.Protocol):
    """Says what it hears."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


class Caller(Echo):
    """Says what it hears, until it is told not to; `told` is called with what each round trip has taken."""

    def __init__(self, told: Callable[[float], bool], message: bytes) -> None:
        self._told = told
        self._message = message
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._begun = time.perf_counter()
        self._transport.write(self._message)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        goes_on = self._told(now - self._begun)
        self._begun = now
        if goes_on:
            self._transport.write(data)
        else:
            self._transport.close()
            self.over.set_result(None)


async def serve() -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def serve_blocking() -> None:
    """One connection after the other, until the process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(ConnectionResetError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while data := connection.recv(65_536):
                    connection.sendall(data)


def measure(told: Options) -> None:
    """Do what the lines of the standard input say."""
    for workload, seconds in orders():
        assert isinstance(workload, Workload)
        latencies_s: list[float] = []
        end = time.perf_counter() + seconds

        def note(latency_s: float, latencies_s: list[float] = latencies_s, end: float = end) -> bool:
            latencies_s.append(latency_s)
            return time.perf_counter() < end

        message = bytes(_FRAME_BYTES + workload.size)
        if told.loop == "asyncio":
            asyncio.run(_call(told, note, message))
        else:
            _call_blocking(told, note, message)
        answer(workload, len(latencies_s), latencies_s)


async def _call(told: Options, note: Callable[[float], bool], message: bytes) -> None:
    loop = asyncio.get_running_loop()
    _, caller = await loop.create_connection(lambda: Caller(note, message), "127.0.0.1", int(told.port))
    await caller.over


def _call_blocking(told: Options, note: Callable[[float], bool], message: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(told.port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        goes_on = True
        while goes_on:
            begun = time.perf_counter()
            connection.sendall(message)
            connection.recv(65_536)
            goes_on = note(time.perf_counter() - begun)


def main() -> None:
    """Run the server or the client."""
    told = options()
    if told.role == "client":
        measure(told)
    elif told.loop == "asyncio":
        asyncio.run(serve())
    else:
        serve_blocking()


if __name__ == "__main__":
    main()
