"""The soak: many calls of all four kinds on one channel, a fifth of them cancelled at random points, and nothing left.

    python -m benchmarks.soak [--calls N] [--seed N]

Server and client run in one process, on one connection over loopback. Every call that is not cancelled is checked octet
by octet. Whenever a batch has ended, everything must be as it was before it: no task, no call, no stream, both
connection windows whole and of one mind, and after the first batch, which warms the caches up, no more memory.

The exit status is 1, with a line that says what is left, when that does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import grpc_core as grpc
from grpc_core import aio
from http2.connection import Connection

SERVICE: Final = "soak.Service"
CONCURRENCY: Final = 64
CANCELS_SHARE: Final = 0.4
"""So many calls are cancelled, some of them too late: more than a fifth of all end so."""
MESSAGES_MAX: Final = 8
GROWTH_BYTES_MAX: Final = 2**20
"""What the memory may have grown by, from the end of the first batch to the end of the last."""
BATCHES: Final = 10
_CANCEL_HOPS_MAX: Final = 7
"""A call is cancelled after up to so many turns of the event loop: from before it has begun to after its end."""
_QUIET_S_MAX: Final = 30.0
_SIZES: Final = (0, 1, 100, 100, 1000) * 8 + (5000, 60_000)


class Leak(Exception):
    """Something is left after all calls have ended. The text says what."""


# -- the service -------------------------------------------------------------------------------------------------------


async def _echo(request: bytes, context: aio.ServicerContext) -> bytes:
    return request


async def _repeat(request: bytes, context: aio.ServicerContext) -> AsyncIterator[bytes]:
    for _ in range(request[0]):
        yield request


async def _join(requests: AsyncIterator[bytes], context: aio.ServicerContext) -> bytes:
    return b"".join([request async for request in requests])


async def _echo_all(requests: AsyncIterator[bytes], context: aio.ServicerContext) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


def _handler() -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Echo": grpc.unary_unary_rpc_method_handler(_echo),
            "Repeat": grpc.unary_stream_rpc_method_handler(_repeat),
            "Join": grpc.stream_unary_rpc_method_handler(_join),
            "EchoAll": grpc.stream_stream_rpc_method_handler(_echo_all),
        },
    )


# -- the calls ---------------------------------------------------------------------------------------------------------


@dataclass
class Report:
    """What a soak has done. `growth_bytes` is the memory after each batch, against the first."""

    calls: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    growth_bytes: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.calls.items()))
        ends = ", ".join(f"{count} {code}" for code, count in sorted(self.ended.items()))
        growth = ", ".join(f"{bytes_ / 1024:+.0f}" for bytes_ in self.growth_bytes)
        total = sum(self.calls.values())
        return f"{total} calls in {self.seconds:.0f} s: {kinds}; ended {ends}; memory after each batch, KiB: {growth}"


class Soak:
    """Calls on one channel. The same seed gives the same calls, though not the same interleaving."""

    def __init__(self, channel: aio.Channel, seed: int) -> None:
        self._random = random.Random(seed)
        self._echo = channel.unary_unary(f"/{SERVICE}/Echo")
        self._repeat = channel.unary_stream(f"/{SERVICE}/Repeat")
        self._join = channel.stream_unary(f"/{SERVICE}/Join")
        self._echo_all = channel.stream_stream(f"/{SERVICE}/EchoAll")
        self._kinds: list[Callable[[], tuple[Any, Awaitable[None]]]] = [
            self._unary_unary,
            self._unary_stream,
            self._stream_unary,
            self._stream_stream,
        ]
        self.report = Report()

    async def batch(self, calls: int) -> None:
        """Make so many calls, `CONCURRENCY` at a time."""
        left = iter(range(calls))

        async def work() -> None:
            for _ in left:
                await self._one()

        async with asyncio.TaskGroup() as workers:
            for _ in range(CONCURRENCY):
                workers.create_task(work())

    async def _one(self) -> None:
        begin = self._random.choice(self._kinds)
        call, finish = begin()
        self.report.calls[begin.__name__.lstrip("_")] += 1
        is_cancelled = self._random.random() < CANCELS_SHARE
        if is_cancelled:
            self._cancel_after(call, self._random.randrange(_CANCEL_HOPS_MAX))
        try:
            await finish
        except (asyncio.CancelledError, asyncio.InvalidStateError):
            if not is_cancelled or not call.cancelled():
                raise
        self.report.ended[(await call.code()).name] += 1

    @staticmethod
    def _cancel_after(call: Any, hops: int) -> None:
        loop = asyncio.get_running_loop()

        def hop(left: int) -> None:
            if left:
                loop.call_soon(hop, left - 1)
            else:
                call.cancel()

        hop(hops)

    def _message(self) -> bytes:
        """At least one octet, which says how often it is to be repeated; mostly small, now and then of many frames."""
        size = self._random.choice(_SIZES)
        return bytes([self._random.randint(0, MESSAGES_MAX)]) + self._random.randbytes(size)

    def _messages(self) -> list[bytes]:
        return [self._message() for _ in range(self._random.randint(0, MESSAGES_MAX))]

    def _unary_unary(self) -> tuple[Any, Awaitable[None]]:
        message = self._message()
        call = self._echo(message)

        async def finish() -> None:
            _expect(await call, message)

        return call, finish()

    def _unary_stream(self) -> tuple[Any, Awaitable[None]]:
        message = self._message()
        call = self._repeat(message)

        async def finish() -> None:
            _expect([response async for response in call], [message] * message[0])

        return call, finish()

    def _stream_unary(self) -> tuple[Any, Awaitable[None]]:
        messages = self._messages()
        call = self._join(iter(messages))

        async def finish() -> None:
            _expect(await call, b"".join(messages))

        return call, finish()

    def _stream_stream(self) -> tuple[Any, Awaitable[None]]:
        messages = self._messages()
        call = self._echo_all()

        async def finish() -> None:
            for message in messages:
                await call.write(message)
                _expect(await call.read(), message)
            await call.done_writing()
            _expect(await call.read(), aio.EOF)

        return call, finish()


def _expect(seen: object, due: object) -> None:
    if seen != due:
        raise Leak(f"a call answered {seen!r:.80}; {due!r:.80} was due")


# -- what must not be left ---------------------------------------------------------------------------------------------


def _left(server: aio.Server, client: Connection, peer: Connection, tasks_before: int) -> str:
    """What is still there of calls that have ended; empty when nothing is."""
    if server._rpcs:
        return f"{len(server._rpcs)} handlers"
    for name, connection in (("client", client), ("server", peer)):
        if connection.streams.by_id or not connection.streams.are_done():
            return f"{len(connection.streams.by_id)} streams of the {name}"
        window = connection.receive_window
        if window.held or not window.is_balanced():
            return f"{window.held} octets of credit of the {name}"
    for name, sender, receiver in (("client", client, peer), ("server", peer, client)):
        if sender.send_window != receiver.receive_window.available:
            return f"the {name} may send {sender.send_window}, its peer takes {receiver.receive_window.available}"
    if len(asyncio.all_tasks()) != tasks_before:
        return f"{len(asyncio.all_tasks()) - tasks_before} tasks"
    return ""


async def _quiet(server: aio.Server, channel: aio.Channel, tasks_before: int) -> None:
    """Return when all is as before the calls. Raises Leak when it does not become so."""
    ready = channel.link.ready
    if ready is None or len(server._protocols) != 1:
        raise Leak(f"the connection was not kept: {len(server._protocols)} connections at the server")
    (peer,) = server._protocols
    end_s = time.monotonic() + _QUIET_S_MAX
    while left := _left(server, ready.connection, peer.connection, tasks_before):
        if time.monotonic() > end_s:
            raise Leak(f"{left} left {_QUIET_S_MAX:g} s after the last call")
        await asyncio.sleep(0)


def _allocated_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def soak(calls: int, seed: int, emit: Callable[[str], None] = lambda line: None) -> Report:
    """Make the calls, in batches. Raises Leak."""
    begin_s = time.monotonic()
    server = aio.server()
    server.add_generic_rpc_handlers((_handler(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    tracemalloc.start()
    try:
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await channel.channel_ready()
            tasks_before = len(asyncio.all_tasks())
            made = Soak(channel, seed)
            first_bytes = 0
            for batch in range(BATCHES):
                await made.batch(calls // BATCHES)
                await _quiet(server, channel, tasks_before)
                allocated_bytes = _allocated_bytes()
                first_bytes = first_bytes or allocated_bytes
                made.report.growth_bytes.append(allocated_bytes - first_bytes)
                made.report.seconds = time.monotonic() - begin_s
                emit(f"batch {batch + 1} of {BATCHES}: {made.report}")
            if made.report.growth_bytes[-1] > GROWTH_BYTES_MAX:
                raise Leak(f"memory: {made.report}")
            return made.report
    finally:
        tracemalloc.stop()
        await server.stop(None)


def main(argv: list[str] | None = None) -> int:
    """Run a soak from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=9113, help="for the choice of calls (default: %(default)s)")
    options = parser.parse_args(argv)
    try:
        print(asyncio.run(soak(options.calls, options.seed, lambda line: print(line, file=sys.stderr, flush=True))))
    except Leak as leak:
        print(f"soak: {leak}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
