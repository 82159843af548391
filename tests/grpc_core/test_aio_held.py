"""Who lets go of a call with a stream of responses, ends it: the handlers of our server see it, and grpcio's."""

from __future__ import annotations

import asyncio
import copy
import gc
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import grpc_core
from grpc_core import aio
from grpc_core.aio.held import HeldUnaryStreamCall
from tests.grpc_core.support import PATIENCE_S, Events
from tests.support.modules import MODULES


@pytest.fixture(params=MODULES)
def pair(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """(the server's module, ours)."""
    return MODULES[request.param](), grpc_core


class Peers:
    """A server whose methods answer without end, and a channel to it."""

    def __init__(self, channel: Any, cancelled: Events) -> None:
        self.channel = channel
        self.cancelled = cancelled
        self.endless = channel.unary_stream("/s/Endless")
        self.echo = channel.stream_stream("/s/Echo")


@asynccontextmanager
async def joined(server_module: Any, client_module: Any) -> AsyncIterator[Peers]:
    cancelled = Events()

    async def endless(request: bytes, context: Any) -> AsyncIterator[bytes]:
        number = 0
        try:
            while True:
                yield b"%d" % number
                number += 1
        finally:
            cancelled()

    async def echo(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        try:
            async for request in requests:
                yield request
        finally:
            cancelled()

    server = server_module.aio.server()
    methods = {
        "Endless": server_module.unary_stream_rpc_method_handler(endless),
        "Echo": server_module.stream_stream_rpc_method_handler(echo),
    }
    server.add_generic_rpc_handlers((server_module.method_handlers_generic_handler("s", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with asyncio.timeout(PATIENCE_S), client_module.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Peers(channel, cancelled)
    finally:
        await server.stop(None)


def test_a_loop_that_is_left_ends_the_call(pair: tuple[Any, Any]) -> None:
    async def main() -> None:
        async with joined(*pair) as peers:
            async for response in peers.endless(b""):
                assert response == b"0"
                break
            gc.collect()
            assert await peers.cancelled.count(1) == [None]

    asyncio.run(main())


def test_a_call_that_is_dropped_after_a_read_is_ended(pair: tuple[Any, Any]) -> None:
    async def main() -> None:
        async with joined(*pair) as peers:
            for call in (peers.endless(b""), peers.echo()):
                if hasattr(call, "write"):
                    await call.write(b"0")
                assert await call.read() == b"0"
            del call
            gc.collect()
            assert await peers.cancelled.count(2) == [None, None]

    asyncio.run(main())


def test_a_call_that_is_held_goes_on(pair: tuple[Any, Any]) -> None:
    """Two loops over the same call: the second goes on where the first was left."""

    async def main() -> None:
        async with joined(*pair) as peers:
            call = peers.endless(b"")
            seen = []
            for _ in range(2):
                async for response in call:
                    seen.append(response)
                    if len(seen) % 3 == 0:
                        break
                gc.collect()
            assert seen == [b"0", b"1", b"2", b"3", b"4", b"5"]
            assert not call.done()
            assert call.cancel()
            assert await peers.cancelled.count(1) == [None]

    asyncio.run(main())


def test_who_reads_holds_the_call(pair: tuple[Any, Any]) -> None:
    """Nobody has a name for these calls, but they are being read."""

    async def main() -> None:
        async with joined(*pair) as peers:
            iterator = aiter(peers.endless(b""))
            for number in range(5):
                gc.collect()
                assert await anext(iterator) == b"%d" % number
            assert not peers.cancelled.seen
            del iterator
            gc.collect()
            await peers.cancelled.count(1)

    asyncio.run(main())


def test_a_call_holds_itself_while_its_requests_are_taken(pair: tuple[Any, Any]) -> None:
    async def main() -> None:
        more = asyncio.Event()
        taken = Events()

        async def requests() -> AsyncIterator[bytes]:
            yield b"1"
            taken()
            await more.wait()
            yield b"2"

        async with joined(*pair) as peers:
            peers.echo(requests())
            await taken.count(1)
            gc.collect()
            await asyncio.sleep(0)
            assert not peers.cancelled.seen, "its requests are still being taken"
            more.set()
            assert len(await peers.cancelled.count(1)) == 1

    asyncio.run(main())


def test_a_done_callback_is_given_the_call_that_the_caller_holds(pair: tuple[Any, Any]) -> None:
    async def main() -> None:
        over = Events()
        async with joined(*pair) as peers:
            call = peers.endless(b"")
            call.add_done_callback(over)
            assert await call.read() == b"0"
            call.cancel()
            assert await over.count(1) == [call]

    asyncio.run(main())


def test_a_call_may_be_collected_in_another_thread_and_after_its_loop() -> None:
    kept: list[Any] = []

    async def main() -> None:
        async with joined(grpc_core, grpc_core) as peers:
            for _ in range(2):
                call = peers.endless(b"")
                assert isinstance(call, HeldUnaryStreamCall)
                assert isinstance(call, aio.UnaryStreamCall)
                assert await call.read() == b"0"
                kept.append(call)
            engine = call._call
            del call
            collector = threading.Thread(target=kept.pop)
            collector.start()
            await asyncio.to_thread(collector.join)
            assert await peers.cancelled.count(1) == [None]
            assert (await engine.code()).name == "CANCELLED"
            assert await engine.details() == "Cancelled upon garbage collection!"

    asyncio.run(main())
    kept[0]._call._code = None  # as if it had not been ended with its channel
    kept.clear()
    gc.collect()


@pytest.mark.parametrize("name", ["peer_that_is_not_there", "_hidden"])
def test_a_handle_has_what_the_call_has_and_no_more(name: str) -> None:
    async def main() -> None:
        async with joined(grpc_core, grpc_core) as peers:
            call: Any = peers.endless(b"")
            assert call.response_was_compressed() is False
            assert "running" in repr(call)
            with pytest.raises(AttributeError, match=name):
                getattr(call, name)

    asyncio.run(main())


def test_a_copy_of_a_handle_is_another_handle_on_the_same_call() -> None:
    async def main() -> None:
        async with joined(grpc_core, grpc_core) as peers:
            call: Any = peers.endless(b"")
            other = copy.copy(call)
            assert other._call is call._call
            call.cancel()
            assert other.cancelled()

    asyncio.run(main())
