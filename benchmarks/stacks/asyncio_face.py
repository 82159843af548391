"""The workloads on the asyncio API, of Plait or of grpcio: see `benchmarks.stacks`."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.stacks.command import answer, commands
from benchmarks.workloads import (
    DOWNLOAD,
    PING_PONG,
    SERVICE,
    UNARY,
    UPLOAD,
    Workload,
    repeat_request,
    repeated,
)


async def _echo(request: bytes, context: Any) -> bytes:
    return request


async def _repeat(request: bytes, context: Any) -> AsyncIterator[bytes]:
    count, message = repeated(request)
    for _ in range(count):
        yield message


async def _collect(requests: AsyncIterator[bytes], context: Any) -> bytes:
    async for _ in requests:
        pass
    return b""


async def _ping_pong(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


async def serve(grpc: Any, aio: Any) -> None:
    """Serve until the process is ended."""
    server = aio.server()
    handlers = {
        UNARY: grpc.unary_unary_rpc_method_handler(_echo),
        DOWNLOAD: grpc.unary_stream_rpc_method_handler(_repeat),
        UPLOAD: grpc.stream_unary_rpc_method_handler(_collect),
        PING_PONG: grpc.stream_stream_rpc_method_handler(_ping_pong),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


class Client:
    """Makes the calls of one workload until the time is over."""

    def __init__(self, channel: Any, workload: Workload, seconds: float) -> None:
        self._channel = channel
        self._workload = workload
        self._message = bytes(workload.size)
        self._end = time.perf_counter() + seconds
        self.latencies_s: list[float] = []
        self.operations = 0

    async def run(self) -> None:
        """As many workers as the workload has calls at a time."""
        works = {UNARY: self._unary, DOWNLOAD: self._download, UPLOAD: self._upload, PING_PONG: self._ping_pong}
        await asyncio.gather(*[works[self._workload.method]() for _ in range(self._workload.concurrency)])

    async def _unary(self) -> None:
        call = self._channel.unary_unary(self._workload.path)
        before = time.perf_counter()
        while before < self._end:
            await call(self._message)
            now = time.perf_counter()
            self.latencies_s.append(now - before)
            self.operations += 1
            before = now

    async def _download(self) -> None:
        call = self._channel.unary_stream(self._workload.path)
        while time.perf_counter() < self._end:
            async for _ in call(repeat_request(self._workload)):
                self.operations += 1

    async def _upload(self) -> None:
        call = self._channel.stream_unary(self._workload.path)

        async def requests() -> AsyncIterator[bytes]:
            for _ in range(self._workload.count):
                yield self._message

        while time.perf_counter() < self._end:
            await call(requests())
            self.operations += self._workload.count

    async def _ping_pong(self) -> None:
        make = self._channel.stream_stream(self._workload.path)
        while time.perf_counter() < self._end:
            call = make()
            before = time.perf_counter()
            for _ in range(self._workload.count):
                await call.write(self._message)
                await call.read()
                now = time.perf_counter()
                self.latencies_s.append(now - before)
                before = now
            await call.done_writing()
            await call.code()
            self.operations += self._workload.count


async def measure(aio: Any, port: str) -> None:
    """Do what the lines of the standard input say."""
    async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        for workload, seconds in commands():  # nothing else runs in this loop between two workloads
            client = Client(channel, workload, seconds)
            await client.run()
            answer(workload, client.operations, client.latencies_s)


def main(role: str, module: str, *arguments: str) -> None:
    """Run the server or the client of one module."""
    grpc, aio = importlib.import_module(module), importlib.import_module(f"{module}.aio")
    asyncio.run(serve(grpc, aio) if role == "server" else measure(aio, *arguments))


if __name__ == "__main__":
    main(*sys.argv[1:])
