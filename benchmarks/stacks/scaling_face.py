"""The two ends of `benchmarks.scaling`, each a process of its own.

    python -m benchmarks.stacks.scaling_face COLLECTOR server         prints {window: port} as JSON, and serves
    python -m benchmarks.stacks.scaling_face COLLECTOR client PORTS   PORTS is that JSON

COLLECTOR is "on", or "off" for a process whose garbage collector does not run by itself.

The client reads lines of JSON, `{"do": NAME, ...arguments}`, does what `Client` has under that name and answers each
with a line of JSON. What is prepared by one command is measured in the next, so that who asks can read clocks in
between.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final

import grpc_core as grpc
from grpc_core import aio

SERVICE: Final = "scaling.Scaling"
AUTO: Final = "auto"
WINDOWS: Final = (*(str(1 << bits) for bits in (16, 18, 20, 22, 24)), AUTO)
"""The windows of servers and channels: growing, or so many octets without growth."""
CONNECTING_AT_A_TIME: Final = 50


def window_options(window: str) -> list[tuple[str, int]]:
    """Channel or server options, also for messages of any size."""
    options = [("grpc.max_receive_message_length", -1)]
    if window != AUTO:
        options += [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", int(window))]
    return options


async def _echo(request: bytes, context: Any) -> bytes:
    return request


async def _download(request: bytes, context: Any) -> AsyncIterator[bytes]:
    message = bytes(int(request))
    while True:
        yield message


async def _upload(requests: AsyncIterator[bytes], context: Any) -> bytes:
    async for _ in requests:
        pass
    return b""


async def _ping_pong(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


async def serve() -> None:
    """A server for each window, until the process is ended."""
    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(_echo),
        "Download": grpc.unary_stream_rpc_method_handler(_download),
        "Upload": grpc.stream_unary_rpc_method_handler(_upload),
        "PingPong": grpc.stream_stream_rpc_method_handler(_ping_pong),
    }
    servers, ports = [], {}
    for window in WINDOWS:
        server = aio.server(options=window_options(window))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        ports[window] = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        servers.append(server)
    print(json.dumps(ports), flush=True)
    await asyncio.gather(*[server.wait_for_termination() for server in servers])


async def _at_a_time(limit: int, jobs: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """Do all jobs, so many at a time."""
    left = iter(jobs)

    async def worker() -> None:
        for job in left:
            await job()

    await asyncio.gather(*[worker() for _ in range(limit)])


class Client:
    """What can be done. Each method is a command; what it returns is the answer."""

    def __init__(self, ports: dict[str, int]) -> None:
        self._ports = ports
        self._channels: list[Any] = []
        self._streams: list[Any] = []

    def _channel(self, window: str = AUTO, port: int | None = None) -> Any:
        channel = aio.insecure_channel(f"127.0.0.1:{port or self._ports[window]}", options=window_options(window))
        self._channels.append(channel)
        return channel

    async def close(self) -> None:
        """Forget all channels and streams."""
        for stream in self._streams:
            stream.cancel()
        for channel in self._channels:
            await channel.close()
        self._streams.clear()
        self._channels.clear()
        gc.collect()

    async def open(self) -> None:
        """One channel, connected."""
        await self._channel().unary_unary(f"/{SERVICE}/Echo")(b"")

    async def calls(self, concurrency: int, operations: int, size: int = 100) -> None:
        """Unary calls on the one channel, so many at a time."""
        echo = self._channels[0].unary_unary(f"/{SERVICE}/Echo")
        message = bytes(size)
        await _at_a_time(concurrency, [lambda: echo(message)] * operations)

    async def open_streams(self, count: int) -> None:
        """So many streams on the one channel, each of which has carried a message."""
        method = self._channels[0].stream_stream(f"/{SERVICE}/PingPong")
        self._streams = [method() for _ in range(count)]
        await self.round_trips(1)

    async def round_trips(self, rounds: int) -> None:
        """A message there and back on each stream, all of them at once, and again."""
        message = bytes(100)

        async def one(stream: Any) -> None:
            for _ in range(rounds):
                await stream.write(message)
                await stream.read()

        await asyncio.gather(*[one(stream) for stream in self._streams])

    async def connect(self, count: int) -> None:
        """So many more channels, each of which has made a call."""
        channels = [self._channel() for _ in range(count)]
        await _at_a_time(CONNECTING_AT_A_TIME, [_echo_on(channel) for channel in channels])

    async def call_each(self, rounds: int, at_a_time: int = 1) -> None:
        """A call on each of the channels, one after the other, and again."""
        await _at_a_time(at_a_time, [_echo_on(channel) for channel in self._channels] * rounds)

    async def transfer(
        self, to_server: bool, window: str, port: int, size: int, warm_up_s: float, seconds: float
    ) -> float:
        """Messages of one stream through `port`: octets per second, after the time to warm up."""
        channel = self._channel(window, port)
        loop = asyncio.get_running_loop()
        call = (
            channel.stream_unary(f"/{SERVICE}/Upload")()
            if to_server
            else channel.unary_stream(f"/{SERVICE}/Download")(b"%d" % size)
        )
        message = bytes(size)
        moved, since, start = 0, 0, loop.time()
        counting_from = start + warm_up_s
        now = start
        while now < counting_from + seconds:
            await (call.write(message) if to_server else call.read())
            now = loop.time()
            moved += size
            if now < counting_from:
                since, start = moved, now
        call.cancel()
        return (moved - since) / (now - start)


def _echo_on(channel: Any) -> Callable[[], Awaitable[bytes]]:
    echo = channel.unary_unary(f"/{SERVICE}/Echo")
    return lambda: echo(b"x" * 100)


async def obey(ports: dict[str, int]) -> None:
    """Do what the lines of the standard input say."""
    client = Client(ports)
    for line in iter(sys.stdin.readline, ""):
        command = json.loads(line)
        answer = await getattr(client, command.pop("do"))(**command)
        print(json.dumps(answer), flush=True)
    await client.close()


def main(collector: str, role: str, *arguments: str) -> None:
    """Run one end."""
    if collector == "off":
        gc.disable()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(serve() if role == "server" else obey(json.loads(arguments[0])))


if __name__ == "__main__":
    main(*sys.argv[1:])
