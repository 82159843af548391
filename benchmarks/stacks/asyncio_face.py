"""The workloads on the asyncio API, of Plait or of grpcio: see `benchmarks.stacks`."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from benchmarks.stacks.command import Options, answer, options, orders, refuse
from benchmarks.workloads import (
    CONNECT,
    CONNECTIONS,
    DOWNLOAD,
    PING_PONG,
    SERVICE,
    STREAMS,
    STREAMS_MAX,
    UNARY,
    UPLOAD,
    Workload,
    repeat_request,
    repeated,
)

_AT_A_TIME: Final = 50
_MESSAGE: Final = bytes(100)


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


async def serve(grpc: Any, aio: Any, told: Options) -> None:
    """Serve until the process is ended."""
    server = aio.server(options=[("grpc.max_concurrent_streams", STREAMS_MAX)])
    handlers = {
        UNARY: grpc.unary_unary_rpc_method_handler(_echo),
        DOWNLOAD: grpc.unary_stream_rpc_method_handler(_repeat),
        UPLOAD: grpc.stream_unary_rpc_method_handler(_collect),
        PING_PONG: grpc.stream_stream_rpc_method_handler(_ping_pong),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    if told.tls:
        credentials = grpc.ssl_server_credentials([(told.pem("server1.key"), told.pem("server1.pem"))])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


def connector(grpc: Any, aio: Any, told: Options) -> Callable[[], Any]:
    """What makes a channel with a connection of its own."""
    # grpcio's channels with the same target and options share connections, unless they are told not to.
    alone = [("grpc.use_local_subchannel_pool", 1)]
    if told.tls:
        credentials = grpc.ssl_channel_credentials(told.pem("ca.pem"))
        return lambda: aio.secure_channel(told.target, credentials, options=alone)
    return lambda: aio.insecure_channel(told.target, options=alone)


class Client:
    """Makes the calls of one workload until the time is over."""

    def __init__(self, connect: Callable[[], Any], channel: Any, workload: Workload, seconds: float) -> None:
        self._connect = connect
        self._channel = channel
        self._workload = workload
        self._message = bytes(workload.size)
        self._end = time.perf_counter() + seconds
        self.latencies_s: list[float] = []
        self.operations = 0

    async def run(self) -> None:
        """As many workers as the workload has calls at a time."""
        works = {
            UNARY: self._unary,
            DOWNLOAD: self._download,
            UPLOAD: self._upload,
            PING_PONG: self._ping_pong,
            CONNECT: self._reconnect,
        }
        await asyncio.gather(*[works[self._workload.kind]() for _ in range(self._workload.concurrency)])

    async def _reconnect(self) -> None:
        before = time.perf_counter()
        while self._goes_on(before):
            async with self._connect() as channel:
                await channel.unary_unary(self._workload.path)(self._message)
            now = time.perf_counter()
            self.latencies_s.append(now - before)
            self.operations += 1
            before = now

    def _goes_on(self, now: float) -> bool:
        # One operation at least: a machine may be so busy that the time is over before the first.
        return now < self._end or not self.operations

    async def _unary(self) -> None:
        call = self._channel.unary_unary(self._workload.path)
        before = time.perf_counter()
        while self._goes_on(before):
            await call(self._message)
            now = time.perf_counter()
            self.latencies_s.append(now - before)
            self.operations += 1
            before = now

    async def _download(self) -> None:
        call = self._channel.unary_stream(self._workload.path)
        while self._goes_on(time.perf_counter()):
            async for _ in call(repeat_request(self._workload)):
                self.operations += 1

    async def _upload(self) -> None:
        call = self._channel.stream_unary(self._workload.path)

        async def requests() -> AsyncIterator[bytes]:
            for _ in range(self._workload.count):
                yield self._message

        while self._goes_on(time.perf_counter()):
            await call(requests())
            self.operations += self._workload.count

    async def _ping_pong(self) -> None:
        make = self._channel.stream_stream(self._workload.path)
        while self._goes_on(time.perf_counter()):
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


class Holder:
    """Opens streams or connections, and keeps them as long as it lives."""

    def __init__(self, connect: Callable[[], Any], channel: Any) -> None:
        self._connect = connect
        self._channel = channel
        self._held: list[Any] = []

    async def hold(self, what: str, number: int) -> None:
        """So many, some at a time."""
        one = {STREAMS: self._stream, CONNECTIONS: self._connection}[what]
        for first in range(0, number, _AT_A_TIME):
            await asyncio.gather(*[one() for _ in range(min(_AT_A_TIME, number - first))])

    async def _stream(self) -> None:
        call = self._channel.stream_stream(f"/{SERVICE}/{PING_PONG}")()
        await call.write(_MESSAGE)
        await call.read()
        self._held.append(call)

    async def _connection(self) -> None:
        channel = self._connect()
        await channel.unary_unary(f"/{SERVICE}/{UNARY}")(_MESSAGE)
        self._held.append(channel)


async def measure(connect: Callable[[], Any]) -> None:
    """Do what the lines of the standard input say."""
    async with connect() as channel:
        holder = Holder(connect, channel)
        for order, number in orders():  # nothing else runs in this loop between two orders
            try:
                if isinstance(order, str):
                    await holder.hold(order, int(number))
                    answer(order, int(number))
                else:
                    client = Client(connect, channel, order, number)
                    await client.run()
                    answer(order, client.operations, client.latencies_s)
            except Exception as error:
                refuse(error)


def main() -> None:
    """Run the server or the client of one module."""
    told = options()
    grpc, aio = importlib.import_module(told.module), importlib.import_module(f"{told.module}.aio")
    new_loop = importlib.import_module(told.loop).new_event_loop
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(serve(grpc, aio, told) if told.role == "server" else measure(connector(grpc, aio, told)))


if __name__ == "__main__":
    main()
