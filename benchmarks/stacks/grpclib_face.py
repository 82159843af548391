"""The workloads on grpclib: see `benchmarks.stacks`."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from typing import Any, Final

from grpclib.client import Channel, StreamStreamMethod, StreamUnaryMethod, UnaryStreamMethod, UnaryUnaryMethod
from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.server import Server

from benchmarks.stacks.command import Options, answer, options, orders, refuse
from benchmarks.workloads import (
    CONNECT,
    DOWNLOAD,
    PING_PONG,
    SERVICE,
    STREAMS,
    UNARY,
    UPLOAD,
    Workload,
    repeat_request,
    repeated,
)

_AT_A_TIME: Final = 50
_STREAMS_EACH: Final = 100
"""How many streams a server of grpclib allows on a connection; nothing in its interface changes that."""
_MESSAGE: Final = bytes(100)


class Octets(CodecBase):
    """Messages as they are, without a serializer, as with the other stacks."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        """The message itself."""
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        """The message itself."""
        return data


class Bench:
    """The service."""

    async def _echo(self, stream: Any) -> None:
        await stream.send_message(await stream.recv_message())

    async def _repeat(self, stream: Any) -> None:
        count, message = repeated(await stream.recv_message())
        for _ in range(count):
            await stream.send_message(message)

    async def _collect(self, stream: Any) -> None:
        async for _ in stream:
            pass
        await stream.send_message(b"")

    async def _ping_pong(self, stream: Any) -> None:
        async for request in stream:
            await stream.send_message(request)

    def __mapping__(self) -> dict[str, Handler]:
        methods = {
            UNARY: (self._echo, Cardinality.UNARY_UNARY),
            DOWNLOAD: (self._repeat, Cardinality.UNARY_STREAM),
            UPLOAD: (self._collect, Cardinality.STREAM_UNARY),
            PING_PONG: (self._ping_pong, Cardinality.STREAM_STREAM),
        }
        return {f"/{SERVICE}/{name}": Handler(method, kind, bytes, bytes) for name, (method, kind) in methods.items()}


async def serve(told: Options) -> None:
    """Serve until the process is ended."""
    context = None
    if told.tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(told.tls / "server1.pem", told.tls / "server1.key")
        context.set_alpn_protocols(["h2"])
    server = Server([Bench()], codec=Octets())
    await server.start("127.0.0.1", 0, ssl=context)
    listening: Any = server._server  # Nothing public tells which port it got.
    print(listening.sockets[0].getsockname()[1], flush=True)
    await server.wait_closed()


def connector(told: Options) -> Callable[[], Channel]:
    """What makes a channel."""
    context = None
    if told.tls:
        context = ssl.create_default_context(cafile=str(told.tls / "ca.pem"))
        context.set_alpn_protocols(["h2"])
    return lambda: Channel("127.0.0.1", int(told.port), codec=Octets(), ssl=context)


class Client:
    """Makes the calls of one workload until the time is over."""

    def __init__(self, connect: Callable[[], Channel], channel: Channel, workload: Workload, seconds: float) -> None:
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

    def _goes_on(self, now: float) -> bool:
        # One operation at least: a machine may be so busy that the time is over before the first.
        return now < self._end or not self.operations

    async def _unary(self) -> None:
        call = UnaryUnaryMethod(self._channel, self._workload.path, bytes, bytes)
        before = time.perf_counter()
        while self._goes_on(before):
            await call(self._message)
            before = self._over(before)

    async def _reconnect(self) -> None:
        before = time.perf_counter()
        while self._goes_on(before):
            async with self._connect() as channel:
                await UnaryUnaryMethod(channel, self._workload.path, bytes, bytes)(self._message)
            before = self._over(before)

    def _over(self, before: float) -> float:
        now = time.perf_counter()
        self.latencies_s.append(now - before)
        self.operations += 1
        return now

    async def _download(self) -> None:
        method = UnaryStreamMethod(self._channel, self._workload.path, bytes, bytes)
        while self._goes_on(time.perf_counter()):
            async with method.open() as stream:
                await stream.send_message(repeat_request(self._workload), end=True)
                async for _ in stream:
                    self.operations += 1

    async def _upload(self) -> None:
        method = StreamUnaryMethod(self._channel, self._workload.path, bytes, bytes)
        while self._goes_on(time.perf_counter()):
            async with method.open() as stream:
                for number in range(self._workload.count):
                    await stream.send_message(self._message, end=number == self._workload.count - 1)
                await stream.recv_message()
            self.operations += self._workload.count

    async def _ping_pong(self) -> None:
        method = StreamStreamMethod(self._channel, self._workload.path, bytes, bytes)
        while self._goes_on(time.perf_counter()):
            async with method.open() as stream:
                before = time.perf_counter()
                for _ in range(self._workload.count):
                    await stream.send_message(self._message)
                    await stream.recv_message()
                    before = self._over(before)
                await stream.end()


class Holder:
    """Opens streams or connections, and keeps them as long as it lives."""

    def __init__(self, connect: Callable[[], Channel]) -> None:
        self._connect = connect
        self._held: list[Any] = []

    async def hold(self, what: str, number: int) -> None:
        """So many, some at a time; streams on as many connections as they need."""
        channel = self._connect()
        for first in range(0, number, _AT_A_TIME):
            if what == STREAMS and first % _STREAMS_EACH == 0:
                channel = self._connect()
            here = range(min(_AT_A_TIME, number - first))
            await asyncio.gather(*[self._stream(channel) if what == STREAMS else self._connection() for _ in here])

    async def _stream(self, channel: Channel) -> None:
        opened = StreamStreamMethod(channel, f"/{SERVICE}/{PING_PONG}", bytes, bytes).open()
        stream = await opened.__aenter__()
        await stream.send_message(_MESSAGE)
        await stream.recv_message()
        self._held.append((channel, opened, stream))

    async def _connection(self) -> None:
        channel = self._connect()
        await UnaryUnaryMethod(channel, f"/{SERVICE}/{UNARY}", bytes, bytes)(_MESSAGE)
        self._held.append(channel)


async def measure(connect: Callable[[], Channel]) -> None:
    """Do what the lines of the standard input say."""
    async with connect() as channel:
        holder = Holder(connect)
        for order, number in orders():
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
    """Run the server or the client."""
    told = options()
    asyncio.run(serve(told) if told.role == "server" else measure(connector(told)))


if __name__ == "__main__":
    main()
