"""`maximum_concurrent_rpcs`, whatever ends the calls: cancelled, broken, late or lost at every point, on both faces.

The count must come back to what it was. Were a place lost, the server would refuse what it may take; were one counted
back twice, it would take more than it may.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from http2.errors import ErrorCode
from http2.frames import HEADERS, build_rst_stream, build_window_update
from tests.grpc_core.support import PATIENCE_S, SERVICE, Events, Raw, message, request

LIMIT = 2
GOOD = message(b"x")


class Client:
    """A client by hand that can ask how many calls the server takes at once."""

    def __init__(self, raw: Raw, started: Events) -> None:
        self.raw = raw
        self.started = started
        self.stream_id = -1

    def opens(self, name: bytes, *content: bytes, ends: bool = True, **changes: bytes) -> int:
        """Begin a call on a new stream."""
        self.stream_id += 2
        fields = request(path=b"/test.Service/" + name, **changes)
        self.raw.sends(self.raw.headers(self.stream_id, fields))
        for index, part in enumerate(content):
            self.raw.sends(self.raw.data(self.stream_id, part, end_stream=ends and index == len(content) - 1))
        return self.stream_id

    def resets(self, stream_id: int) -> None:
        self.raw.sends(build_rst_stream(stream_id, ErrorCode.CANCEL))

    async def waits(self) -> int:
        """A call whose handler runs; made again while the handlers of calls that are over still end."""
        before = len(self.started.seen)
        stream_id = self.opens(b"Wait", GOOD)
        while await self.refused():
            stream_id = self.opens(b"Wait", GOOD)
        await self.started.count(before + 1)
        return stream_id

    async def refused(self) -> int:
        """How many of the calls made since were refused: all answers up to that of one that nobody serves are in."""
        last = self.opens(b"Nope", GOOD)
        count = 0
        while (frame := await self.raw.next_of(HEADERS)).stream_id != last:
            count += dict(frame.fields).get(b"grpc-status") == b"8"
        return count

    async def places(self) -> int:
        """How many calls run at once when more are made than may."""
        before = len(self.started.seen)
        stream_ids = [self.opens(b"Wait", GOOD) for _ in range(LIMIT + 2)]
        taken = len(stream_ids) - await self.refused()
        await self.started.count(before + taken)
        for stream_id in stream_ids:
            self.resets(stream_id)
        await self.refused()  # the handlers have a moment to end
        return taken

    async def all_places_are_free(self) -> None:
        """The handler of a call that is over may need a moment to end."""
        while (taken := await self.places()) < LIMIT:
            pass
        assert taken == LIMIT, "never more"


async def after_the_head(client: Client) -> None:
    client.resets(client.opens(b"Echo"))


async def inside_a_message(client: Client) -> None:
    client.resets(client.opens(b"Echo", GOOD[:3], ends=False))


async def after_the_message(client: Client) -> None:
    client.resets(client.opens(b"Echo", GOOD, ends=False))


async def after_the_request(client: Client) -> None:
    client.resets(client.opens(b"Wait", GOOD))


async def while_the_handler_runs(client: Client) -> None:
    client.resets(await client.waits())


async def twice(client: Client) -> None:
    stream_id = await client.waits()
    client.resets(stream_id)
    client.resets(stream_id)


async def while_the_response_waits_for_its_window(client: Client) -> None:
    stream_id = client.opens(b"Large", GOOD)
    while await client.refused() or not any(frame.stream_id == stream_id for frame in client.raw.all_frames):
        stream_id = client.opens(b"Large", GOOD)
    client.resets(stream_id)
    client.raw.sends(build_window_update(0, 1 << 20))


async def after_the_response(client: Client) -> None:
    stream_id = client.opens(b"Echo", GOOD)
    await client.raw.answer(stream_id)
    client.resets(stream_id)


async def a_broken_message(client: Client) -> None:
    await client.raw.answer(client.opens(b"Echo", message(b"x", flag=9)))


async def a_broken_end(client: Client) -> None:
    stream_id = client.opens(b"Echo", GOOD, ends=False)
    client.raw.sends(client.raw.headers(stream_id, ((b"X", b"y"),), end_stream=True))


async def a_deadline_that_has_passed(client: Client) -> None:
    await client.raw.answer(client.opens(b"Wait", GOOD, grpc_timeout=b"0n"))


async def a_deadline_while_the_request_comes(client: Client) -> None:
    await client.raw.answer(client.opens(b"Wait", GOOD[:3], ends=False, grpc_timeout=b"1m"))


async def a_deadline_while_the_handler_runs(client: Client) -> None:
    await client.raw.answer(client.opens(b"Wait", GOOD, grpc_timeout=b"1m"))


async def an_exception(client: Client) -> None:
    await client.raw.answer(client.opens(b"Fail", GOOD))


POINTS: list[Callable[[Client], Awaitable[None]]] = [
    after_the_head,
    inside_a_message,
    after_the_message,
    after_the_request,
    while_the_handler_runs,
    twice,
    while_the_response_waits_for_its_window,
    after_the_response,
    a_broken_message,
    a_broken_end,
    a_deadline_that_has_passed,
    a_deadline_while_the_request_comes,
    a_deadline_while_the_handler_runs,
    an_exception,
]


@asynccontextmanager
async def limited_aio(started: Events) -> AsyncIterator[int]:
    async def echo(request: bytes, context: aio.ServicerContext) -> bytes:
        return request

    async def wait(request: bytes, context: aio.ServicerContext) -> bytes:
        started()
        await asyncio.Event().wait()
        return b""

    async def large(request: bytes, context: aio.ServicerContext) -> bytes:
        return bytes(1 << 20)

    async def fail(request: bytes, context: aio.ServicerContext) -> bytes:
        raise ValueError

    server = aio.server(maximum_concurrent_rpcs=LIMIT)
    server.add_generic_rpc_handlers((_service(echo, wait, large, fail),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


@asynccontextmanager
async def limited_sync(started: Events) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()

    def echo(request: bytes, context: grpc.ServicerContext) -> bytes:
        return request

    def wait(request: bytes, context: grpc.ServicerContext) -> bytes:
        over = threading.Event()
        if context.add_callback(over.set):
            loop.call_soon_threadsafe(started)
            over.wait(PATIENCE_S)
        return b""

    def large(request: bytes, context: grpc.ServicerContext) -> bytes:
        return bytes(1 << 20)

    def fail(request: bytes, context: grpc.ServicerContext) -> bytes:
        raise ValueError

    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, maximum_concurrent_rpcs=LIMIT)
        server.add_generic_rpc_handlers((_service(echo, wait, large, fail),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield port
        finally:
            await asyncio.to_thread(server.stop(None).wait)


def _service(echo: Any, wait: Any, large: Any, fail: Any) -> grpc.GenericRpcHandler:
    behaviors = {"Echo": echo, "Wait": wait, "Large": large, "Fail": fail}
    return grpc.method_handlers_generic_handler(
        SERVICE, {name: grpc.unary_unary_rpc_method_handler(behavior) for name, behavior in behaviors.items()}
    )


@pytest.mark.wire("W101", "A9")
@pytest.mark.parametrize("limited", [limited_aio, limited_sync])
@pytest.mark.parametrize("point", POINTS)
def test_a_place_is_free_again_and_never_two(point: Callable[[Client], Awaitable[None]], limited: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S):
            started = Events()
            async with limited(started) as port, await Raw.connect(port) as raw:
                client = Client(raw, started)
                for _ in range(3):
                    await point(client)
                    await client.all_places_are_free()

    asyncio.run(main())


@pytest.mark.wire("W103")
@pytest.mark.parametrize("limited", [limited_aio, limited_sync])
def test_calls_of_a_lost_connection_free_their_places(limited: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S):
            started = Events()
            async with limited(started) as port:
                for _ in range(3):
                    async with await Raw.connect(port) as raw:
                        client = Client(raw, started)
                        await client.waits()
                        await client.waits()
                    async with await Raw.connect(port) as raw:
                        await Client(raw, started).all_places_are_free()

    asyncio.run(main())
