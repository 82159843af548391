"""The blocking API in the shape of the asyncio one: what the official cases rest on, where they do not show it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

import grpc_core
from interop.faces import AsyncFace, BlockingFace, BlockingRequests, complete
from tests.support.modules import MODULES

PATIENCE_S = 30.0


def test_a_coroutine_that_does_not_suspend_is_completed_without_a_loop() -> None:
    async def steps() -> AsyncIterator[int]:
        async for number in BlockingRequests(iter([1, 2])):
            yield number

    async def total() -> int:
        return sum([number async for number in steps()])

    assert complete(total()) == 3


def test_what_it_raises_is_raised() -> None:
    async def fail() -> None:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        complete(fail())


def test_a_coroutine_that_suspends_is_an_error_and_not_a_wrong_result() -> None:
    async def suspend() -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="has suspended"):
        complete(suspend())


def test_at_once_is_at_once_and_what_one_raises_is_raised() -> None:
    """Each waits for the other: one after the other, they would wait for ever."""
    barrier = threading.Barrier(2)

    async def meet(fails: bool) -> None:
        barrier.wait(PATIENCE_S)
        if fails:
            raise LookupError("met, and failed")

    face = BlockingFace(grpc_core)
    face.run(face.together([meet(False), meet(False)]))
    with pytest.raises(LookupError, match="met, and failed"):
        face.run(face.together([meet(False), meet(True)]))


@pytest.mark.parametrize("name", MODULES)
def test_no_longer_ready_returns_where_a_channel_is_not_ready_and_else_says_so(name: str) -> None:
    module = MODULES[name]()

    async def echo(request: bytes, context: Any) -> bytes:
        return request

    async def serve() -> None:
        face = AsyncFace(module)
        server = face.server()
        handler = module.unary_unary_rpc_method_handler(face.behavior(echo, "unary_unary"))
        server.add_generic_rpc_handlers((module.method_handlers_generic_handler("s", {"Echo": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await face.start(server)
        for client in (AsyncFace(module), BlockingFace(module)):
            await asyncio.to_thread(client.run, use(client, f"127.0.0.1:{port}"))
        await face.stop(server)

    async def use(face: Any, address: str) -> None:
        idle, channel = face.channel(address, None), face.channel(address, None)
        await face.no_longer_ready(idle, PATIENCE_S)  # it has never been
        call = face.begin(channel, "unary_unary", "/s/Echo", (None, None), b"hello", timeout=PATIENCE_S)
        assert await call == b"hello"
        with pytest.raises(TimeoutError):
            await face.no_longer_ready(channel, 0.05)
        await face.close(channel)
        await face.close(idle)

    asyncio.run(serve())
