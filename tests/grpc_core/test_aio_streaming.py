"""Calls with streams, over loopback: ours against ours, and against grpcio in both roles, with the same program."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import grpc_core
from grpc_core import aio
from grpc_core.aio.streaming import HALF_CLOSED, STYLES_MIXED
from grpc_core.testing import in_memory
from http2.errors import ErrorCode
from http2.frames import END_STREAM, build_rst_stream
from tests.grpc_core.support import Raw, facing, run
from tests.support.modules import pair

__all__ = ["pair"]

PATIENCE_S = 30.0
MIB = 1 << 20
OURS = (grpc_core, grpc_core)


def _handlers(grpc: Any) -> Any:
    """One service with every kind of streaming handler that the API knows, for either module."""

    async def count(request: bytes, context: Any) -> AsyncIterator[bytes]:
        await context.send_initial_metadata((("x-initial", "i"),))
        context.set_trailing_metadata((("x-trailing-bin", b"\0t"),))
        for number in range(int(request)):
            yield b"%d" % number

    async def count_by_write(request: bytes, context: Any) -> None:
        for number in range(int(request)):
            await context.write(b"%d" % number)

    async def total(requests: AsyncIterator[bytes], context: Any) -> bytes:
        return b"%d" % sum([len(request) async for request in requests])

    async def total_by_read(requests: AsyncIterator[bytes], context: Any) -> bytes:
        octets = 0
        while (request := await context.read()) is not grpc.aio.EOF:
            octets += len(request)
        return b"%d" % octets

    async def echo(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request

    async def echo_by_hand(requests: AsyncIterator[bytes], context: Any) -> None:
        while (request := await context.read()) is not grpc.aio.EOF:
            await context.write(request)

    async def fail_after_two(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"
        await context.abort(grpc.StatusCode.DATA_LOSS, "lost the third")

    def count_plain(request: bytes, context: Any) -> Iterator[bytes]:
        for number in range(int(request)):
            yield b"%d" % number

    unary_stream, stream_unary, stream_stream = (
        grpc.unary_stream_rpc_method_handler,
        grpc.stream_unary_rpc_method_handler,
        grpc.stream_stream_rpc_method_handler,
    )
    return grpc.method_handlers_generic_handler(
        "test.Streams",
        {
            "Count": unary_stream(count),
            "CountByWrite": unary_stream(count_by_write),
            "CountPlain": unary_stream(count_plain),
            "Total": stream_unary(total),
            "TotalByRead": stream_unary(total_by_read),
            "Echo": stream_stream(echo),
            "EchoByHand": stream_stream(echo_by_hand),
            "FailAfterTwo": stream_stream(fail_after_two),
        },
    )


@asynccontextmanager
async def joined(pair: tuple[Any, Any]) -> AsyncIterator[Any]:
    """A channel of the one module to a server of the other."""
    server_module, client_module = pair
    server = server_module.aio.server()
    server.add_generic_rpc_handlers((_handlers(server_module),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with client_module.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)


def play(pair: tuple[Any, Any], scene: Callable[[Any, Any], Awaitable[None]]) -> None:
    """Run `scene(channel, the client's module)`."""

    async def main() -> None:
        async with asyncio.timeout(PATIENCE_S), joined(pair) as channel:
            await scene(channel, pair[1])

    if pair == OURS:
        run(main())  # which also sees that nothing is left behind
    else:
        asyncio.run(main())


async def _some(*messages: bytes) -> AsyncIterator[bytes]:
    for message in messages:
        yield message


# -- every kind, every style, every pair -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Count", "CountByWrite", "CountPlain"])
def test_responses_come_in_order_and_then_the_status(pair: tuple[Any, Any], name: str) -> None:
    async def scene(channel: Any, grpc: Any) -> None:
        call = channel.unary_stream(f"/test.Streams/{name}")(b"5")
        assert [response async for response in call] == [b"0", b"1", b"2", b"3", b"4"]
        assert (await call.code()).name == "OK"
        assert [response async for response in channel.unary_stream(f"/test.Streams/{name}")(b"0")] == []

    play(pair, scene)


def test_read_ends_with_eof_again_and_again(pair: tuple[Any, Any]) -> None:
    async def scene(channel: Any, grpc: Any) -> None:
        call = channel.unary_stream("/test.Streams/Count")(b"2")
        assert dict(await call.initial_metadata()).get("x-initial") == "i"
        assert [await call.read(), await call.read()] == [b"0", b"1"]
        assert await call.read() is grpc.aio.EOF
        assert await call.read() is grpc.aio.EOF
        assert dict(await call.trailing_metadata()).get("x-trailing-bin") == b"\0t"

    play(pair, scene)


@pytest.mark.parametrize("name", ["Total", "TotalByRead"])
def test_requests_from_iterators_and_by_write(pair: tuple[Any, Any], name: str) -> None:
    async def scene(channel: Any, grpc: Any) -> None:
        method = channel.stream_unary(f"/test.Streams/{name}")
        assert await method(_some(b"a", b"bb", b"")) == b"3"
        assert await method([b"a"] * 4) == b"4"
        assert await method(iter(())) == b"0"
        call = method()
        await call.write(b"12")
        await call.write(b"345")
        await call.done_writing()
        assert await call == b"5"

    play(pair, scene)


@pytest.mark.parametrize("name", ["Echo", "EchoByHand"])
def test_both_ways_in_turn_and_at_once(pair: tuple[Any, Any], name: str) -> None:
    async def scene(channel: Any, grpc: Any) -> None:
        method = channel.stream_stream(f"/test.Streams/{name}")
        call = method()
        for number in range(50):
            await call.write(b"%d" % number)
            assert await call.read() == b"%d" % number
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert (await call.code()).name == "OK"
        assert [response async for response in method(_some(b"x", b"", b"y" * 100_000))] == [b"x", b"", b"y" * 100_000]

        call = method()

        async def write() -> None:
            for _ in range(40):
                await call.write(b"z" * 200_000)
            await call.done_writing()

        writing = asyncio.create_task(write())
        received = 0
        while (response := await call.read()) is not grpc.aio.EOF:
            received += len(response)
        await writing
        assert received == 8_000_000

    play(pair, scene)


@pytest.mark.wire("W093")
def test_the_messages_before_a_bad_status_are_delivered(pair: tuple[Any, Any]) -> None:
    async def scene(channel: Any, grpc: Any) -> None:
        call = channel.stream_stream("/test.Streams/FailAfterTwo")()
        assert [await call.read(), await call.read()] == [b"one", b"two"]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert (caught.value.code().name, caught.value.details()) == ("DATA_LOSS", "lost the third")

    play(pair, scene)


def test_cancelling_in_the_middle(pair: tuple[Any, Any]) -> None:
    async def scene(channel: Any, grpc: Any) -> None:
        call = channel.stream_stream("/test.Streams/Echo")()
        await call.write(b"x")
        assert await call.read() == b"x"
        assert call.cancel()
        assert not call.cancel()
        assert (await call.code()).name == "CANCELLED"
        assert await call.details() == "Locally cancelled by application!"
        with pytest.raises(asyncio.CancelledError):
            await call.read()
        assert await channel.stream_unary("/test.Streams/Total")([b"still here"]) == b"10"

    play(pair, scene)


def test_a_deadline_ends_a_stream(pair: tuple[Any, Any]) -> None:
    async def scene(channel: Any, grpc: Any) -> None:
        call = channel.stream_stream("/test.Streams/Echo")(timeout=0.2)
        await call.write(b"x")
        assert await call.read() == b"x"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code().name == "DEADLINE_EXCEEDED"

    play(pair, scene)


# -- what only concerns us ---------------------------------------------------------------------------------------------


def test_misuse_is_refused() -> None:
    async def scene(channel: Any, grpc: Any) -> None:
        call = channel.stream_stream("/test.Streams/Echo")(_some(b"x"))
        with pytest.raises(aio.UsageError, match=STYLES_MIXED):
            await call.write(b"y")
        with pytest.raises(aio.UsageError, match=STYLES_MIXED):
            await call.done_writing()
        assert await call.read() == b"x"
        with pytest.raises(aio.UsageError, match=STYLES_MIXED):
            aiter(call)
        assert await call.read() is aio.EOF

        call = channel.stream_unary("/test.Streams/Total")()
        await call.write(b"y")
        await call.done_writing()
        with pytest.raises(asyncio.InvalidStateError, match=HALF_CLOSED):
            await call.write(b"late")
        assert await call == b"1"
        with pytest.raises(asyncio.InvalidStateError, match="already finished"):
            await call.write(b"later")

    play(OURS, scene)


def test_an_iterator_that_raises_ends_the_call() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise RuntimeError("out of messages")

    async def scene(channel: Any, grpc: Any) -> None:
        with pytest.raises(aio.AioRpcError) as caught:
            await channel.stream_unary("/test.Streams/Total")(broken())
        assert caught.value.code() is grpc_core.StatusCode.UNKNOWN
        assert "Exception iterating requests!" in str(caught.value.details())
        assert "out of messages" in str(caught.value.details())

    play(OURS, scene)


@pytest.mark.wire("W125")
def test_a_handler_that_does_not_read_stops_the_writer() -> None:
    """Back-pressure: the sender stalls when the windows are full, and our memory stays within them and 1 MiB."""
    reading = asyncio.Event()

    async def wait_then_total(requests: AsyncIterator[bytes], context: Any) -> bytes:
        await reading.wait()
        return b"%d" % sum([len(request) async for request in requests])

    async def main() -> None:
        server = aio.server()
        handler = grpc_core.stream_unary_rpc_method_handler(wait_then_total)
        server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler("s", {"M": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        message = b"m" * 32_768
        count = 1_000
        async with asyncio.timeout(PATIENCE_S), aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.stream_unary("/s/M")()
            await call.write(message)
            tracemalloc.start()
            try:
                written = 1
                while True:  # until one write does not return although the loop has nothing else to do
                    write = asyncio.ensure_future(call.write(message))
                    done, _ = await asyncio.wait([write], timeout=0.5)
                    if not done:
                        break
                    written += 1
                held = tracemalloc.get_traced_memory()[0]
            finally:
                tracemalloc.stop()
            window = 1_048_576  # of the stream, as grpc_core.options announces it
            assert written * len(message) <= window + MIB, "the sender must stall"
            assert held <= 2 * window + MIB, f"{held} octets are held at both ends together"
            reading.set()
            await write
            for _ in range(count):
                await call.write(message)
            await call.done_writing()
            assert await call == b"%d" % ((written + 1 + count) * len(message))
        await server.stop(None)

    run(main())


@pytest.mark.wire("W125")
def test_a_client_that_does_not_read_stops_the_handler() -> None:
    sent = 0

    async def flood(request: bytes, context: Any) -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 1
            yield b"m" * 32_768

    async def main() -> None:
        server = aio.server()
        handler = grpc_core.unary_stream_rpc_method_handler(flood)
        server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler("s", {"M": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with asyncio.timeout(PATIENCE_S), aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_stream("/s/M")(b"")
            assert await call.read() == b"m" * 32_768
            seen = -1
            while seen != sent:  # until the handler makes no progress any more
                seen = sent
                await asyncio.wait([asyncio.ensure_future(call.code())], timeout=0.3)
            assert sent * 32_768 <= 1_048_576 + MIB
            responses = 1
            while (await call.read()) is not aio.EOF:
                responses += 1
            assert responses == 1_000
        await server.stop(None)

    run(main())


def test_a_generator_whose_client_does_not_read_ends_in_the_task_of_its_handler() -> None:
    """What stands open in it (a lock, a transaction, a TaskGroup) is closed where it was opened, and before the call
    counts as ended."""

    async def main() -> None:
        ended: list[bool] = []

        async def endless(request: bytes, context: aio.ServicerContext) -> AsyncIterator[bytes]:
            mine = asyncio.current_task()
            try:
                while True:
                    yield bytes(100_000)
            finally:
                await asyncio.sleep(0)
                ended.append(asyncio.current_task() is mine)

        server = aio.server()
        handlers = {"Endless": grpc_core.unary_stream_rpc_method_handler(endless)}
        server.add_registered_method_handlers("test.Service", handlers)
        async with in_memory(server) as channel:
            call = channel.unary_stream("/test.Service/Endless")(b"")
            await call.read()
            await asyncio.sleep(0)
            await server.stop(None)
            assert ended == [True]
            assert await call.code() is grpc_core.StatusCode.UNAVAILABLE

    run(main())


def test_nothing_is_left_of_many_streams_cancelled_at_any_point() -> None:
    async def scene(channel: Any, grpc: Any) -> None:
        for number in range(300):
            call = channel.stream_stream("/test.Streams/Echo")()
            for _ in range(number % 4):
                await call.write(b"x" * (number % 7) * 1_000)
            if number % 3:
                await call.read() if number % 4 else None
            call.cancel()
        assert await channel.stream_unary("/test.Streams/Total")([b"done"]) == b"4"
        connection = channel.link.ready.connection
        await asyncio.sleep(0)
        window = connection.receive_window
        assert window.is_balanced()
        assert window.held == 0
        assert not connection.streams.by_id
        assert not channel.link.ready.session.calls

    play(OURS, scene)


def test_responses_that_nobody_reads_are_given_back_with_the_call() -> None:
    """A call that is over and dropped must not keep the connection's window from the others."""

    async def scene(channel: Any, grpc: Any) -> None:
        call = channel.unary_stream("/test.Streams/Count")(b"100")
        assert (await call.code()).name == "OK"
        window = channel.link.ready.connection.receive_window
        assert window.held > 0
        del call
        gc.collect()
        await asyncio.sleep(0)
        assert window.held == 0

    play(OURS, scene)


def test_responses_are_given_back_without_the_garbage_collector() -> None:
    """A call with a stream of requests is in a cycle with its writer; nobody else may have to wait for its end."""

    async def scene(channel: Any, grpc: Any) -> None:
        call = channel.stream_stream("/test.Streams/Echo")([b"x" * 1_000] * 20)
        assert (await call.code()).name == "OK"
        window = channel.link.ready.connection.receive_window
        assert window.held > 0
        gc.disable()
        try:
            del call
            await asyncio.sleep(0)
            assert window.held == 0
        finally:
            gc.enable()

    play(OURS, scene)


def test_a_call_that_waits_for_the_window_goes_on_when_others_are_dropped() -> None:
    """What they give back is announced at once, although nothing else is said on the connection."""

    async def large(request: bytes, context: aio.ServicerContext) -> AsyncIterator[bytes]:
        yield bytes(900_000)

    async def main() -> None:
        server = aio.server()
        handler = grpc_core.unary_stream_rpc_method_handler(large)
        server.add_generic_rpc_handlers([grpc_core.method_handlers_generic_handler("test.Large", {"Get": handler})])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        octets = 0
        window_is_full = asyncio.Event()

        def tap(direction: str, data: bytes) -> None:
            nonlocal octets
            octets += len(data) if direction == "received" else 0
            if octets >= 4 * MIB:
                window_is_full.set()

        async with aio.Channel(f"127.0.0.1:{port}", tap=tap) as channel:
            method: Any = channel.unary_stream("/test.Large/Get")
            dropped = [method(b"") for _ in range(4)]
            for call in dropped:
                assert (await call.code()).name == "OK"
            waiting = method(b"")
            await window_is_full.wait()
            assert not waiting.done()
            del call, dropped
            gc.collect()
            assert (await waiting.code()).name == "OK"
        await server.stop(None)

    run(main())


def test_a_request_that_cannot_be_serialized_raises_and_nothing_more() -> None:
    """There is no call then, and what there is of it must not complain when it is collected."""

    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1") as channel:
            method: Any = channel.unary_stream("/test.Streams/Count")
            with pytest.raises(TypeError, match="bytes are required"):
                method(3)

    run(main())


@pytest.mark.parametrize("kind", ["stream_unary", "stream_stream"])
def test_a_stream_that_has_ended_is_not_made_again(kind: str) -> None:
    """Its end is part of what was sent: an attempt without it would wait for the server for ever."""

    async def refuse(raw: Raw) -> None:
        while (frame := await raw.next_frame()) is not None:
            if frame.stream_id and frame.flags & END_STREAM:
                raw.sends(build_rst_stream(frame.stream_id, ErrorCode.REFUSED_STREAM))

    async def main() -> None:
        async with facing(refuse) as channel:
            await channel.channel_ready()
            assert await getattr(channel, kind)("/test.Streams/Total")([]).code() is grpc_core.StatusCode.UNAVAILABLE

    run(main())


def test_a_message_that_cannot_be_read_ends_a_stream() -> None:
    async def scene(channel: Any, grpc: Any) -> None:
        call = channel.stream_stream("/test.Streams/Echo")()
        await call.write(b"good")
        assert await call.read() == b"good"
        connection = channel.link.ready.connection
        connection.send_data(1, b"\x02" + bytes(4))
        channel.link.ready.schedule_flush()
        with pytest.raises(aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() is grpc_core.StatusCode.INTERNAL
        assert await channel.stream_unary("/test.Streams/Total")([b"still here"]) == b"10"

    play(OURS, scene)


def test_calls_that_end_before_there_is_a_connection_leave_nothing_behind() -> None:
    def broken() -> Iterator[bytes]:
        raise ValueError("no first message")
        yield b""

    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1") as channel:
            for _ in range(20):
                call = channel.stream_unary("/s/M")(broken(), wait_for_ready=True)
                assert await call.code() is grpc_core.StatusCode.UNKNOWN
            await asyncio.sleep(0)
            assert all(future.done() for future, _ in channel.link._waiting)
            running = asyncio.all_tasks() - {asyncio.current_task()}
            assert len(running) <= 1, "but for the one that connects"

    run(main())
