"""A channel and a server joined in memory, on both faces, with and without a clock of the test's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

import grpc_core as grpc
from grpc_core import aio
from grpc_core.status import StatusCode
from grpc_core.sync import Server
from grpc_core.testing import Network, VirtualClock, in_memory, in_memory_sync
from tests.grpc_core.support import method, run, service, status_of
from tests.grpc_core.sync_support import PATIENCE_S, Gate, handlers


async def wait_for_ever(request: bytes, context: aio.ServicerContext) -> bytes:
    await asyncio.Event().wait()
    return b""


# -- asyncio -----------------------------------------------------------------------------------------------------------


def test_a_deadline_of_an_hour_passes_when_the_test_says_so() -> None:
    clock = VirtualClock()

    async def main() -> None:
        async with in_memory(service({"Wait": wait_for_ever})) as channel:
            call = method(channel, "Wait")(b"", timeout=3600)
            await clock.advance(3599.9)
            assert not call.done()
            await clock.advance(0.1)
            assert await call.code() is StatusCode.DEADLINE_EXCEEDED
            assert await call.details() == "Deadline Exceeded"

    clock.run(main())


def test_the_handler_sees_the_same_clock() -> None:
    clock = VirtualClock()
    seen: list[float | None] = []

    async def look(request: bytes, context: aio.ServicerContext) -> bytes:
        seen.append(context.time_remaining())
        await asyncio.sleep(7)
        seen.append(context.time_remaining())
        return context.peer().encode()

    async def main() -> None:
        async with in_memory(service({"Look": look})) as channel:
            call = method(channel, "Look")(b"", timeout=10)
            await clock.advance(7)
            assert await call == b"unix:in-memory"
            assert seen == [pytest.approx(10), pytest.approx(3)]

    clock.run(main())


def test_large_streams_flow_with_back_pressure() -> None:
    """More than the transports and all windows hold: the sender must wait, and everything arrives."""
    sent = 0

    async def many(request: bytes, context: aio.ServicerContext) -> AsyncIterator[bytes]:
        nonlocal sent
        for index in range(200):
            sent = index + 1
            yield bytes([index]) * 65_536

    async def main() -> None:
        handler = grpc.method_handlers_generic_handler(
            "test.Service", {"Many": grpc.unary_stream_rpc_method_handler(many)}
        )
        async with in_memory(handler) as channel:
            many_of: aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/test.Service/Many")
            call = many_of(b"")
            assert await call.read() == bytes(65_536)
            while True:  # until the sender is stuck
                before = sent
                for _ in range(50):
                    await asyncio.sleep(0)
                if sent == before:
                    break
            assert sent < 100, "the reader has taken one message: the sender cannot be through"
            for index in range(1, 200):
                assert await call.read() == bytes([index]) * 65_536
            assert await call.read() is aio.EOF

    run(main())


def test_options_and_arguments_reach_both_sides() -> None:
    async def main() -> None:
        async with in_memory(
            [service({})],
            server_options=(("grpc.max_receive_message_length", 10),),
            channel_options=(("grpc.max_send_message_length", 20),),
            channel_compression=grpc.Compression.Gzip,
            maximum_concurrent_rpcs=1,
        ) as channel:
            assert (await status_of(method(channel)(bytes(15))))[0] is StatusCode.RESOURCE_EXHAUSTED
            assert "(21 vs. 20)" in str(await status_of(method(channel)(bytes(21))))

    run(main())


def test_a_server_that_is_there_is_used_and_left_as_it_was() -> None:
    async def main() -> None:
        server = aio.server(handlers=[service({})])
        network = Network()
        with pytest.raises(ConnectionRefusedError, match="not running"):
            server.new_connection()
        async with in_memory(server) as channel:
            assert await method(channel)(b"x") == b"x"
        with pytest.raises(ConnectionRefusedError, match="not running"):
            server.new_connection()  # it was started here, and so stopped here

        server = aio.server(handlers=[service({})])
        await server.start()
        async with in_memory(server, network=network) as channel:
            assert await method(channel)(b"x") == b"x"
        async with in_memory(server, network=network) as channel:
            assert await method(channel)(b"x") == b"x"
        with pytest.raises(TypeError, match="takes no arguments any more"):
            await in_memory(server, compression=grpc.Compression.Gzip).__aenter__()
        await server.stop(None)
        async with in_memory(server) as channel:
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert "Connection refused" in str(details)

    run(main())


# -- threads -----------------------------------------------------------------------------------------------------------


def echo(request: bytes, context: grpc.ServicerContext) -> bytes:
    return request


def count(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    for index in range(100):
        yield bytes([index])


def test_the_blocking_face_in_memory() -> None:
    network = Network()
    with in_memory_sync(handlers(grpc, {"uu_echo": echo, "us_count": count}), network=network) as channel:
        assert channel.unary_unary("/test.Sync/uu_echo")(b"x", timeout=PATIENCE_S) == b"x"
        assert list(channel.unary_stream("/test.Sync/us_count")(b"")) == [bytes([index]) for index in range(100)]
        assert network.connections_made == 1


def test_a_deadline_of_an_hour_passes_on_the_blocking_face_too() -> None:
    clock, gate, begun = VirtualClock(), Gate(), threading.Event()

    def wait(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(gate.open)
        begun.set()
        gate.wait()
        return b""

    with in_memory_sync(handlers(grpc, {"uu_wait": wait, "uu_echo": echo}), clock=clock) as channel:
        assert channel.unary_unary("/test.Sync/uu_echo")(b"x", timeout=1) == b"x"
        future = channel.unary_unary("/test.Sync/uu_wait").future(b"", timeout=3600)
        assert begun.wait(PATIENCE_S)
        clock.advance_threadsafe(3599)
        assert not future.done()
        assert future.time_remaining() == pytest.approx(1)
        clock.advance_threadsafe(1)
        assert future.code() is StatusCode.DEADLINE_EXCEEDED


def test_faults_are_played_from_the_tests_thread() -> None:
    network, gate, begun = Network(), Gate(), threading.Event()

    def wait(request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(gate.open)
        begun.set()
        gate.wait()
        return b""

    with in_memory_sync(handlers(grpc, {"uu_wait": wait, "uu_echo": echo}), network=network) as channel:
        future = channel.unary_unary("/test.Sync/uu_wait").future(b"")
        assert begun.wait(PATIENCE_S)
        network.break_connection()
        assert future.code() is StatusCode.UNAVAILABLE
        network.hold()
        held = channel.unary_unary("/test.Sync/uu_echo").future(b"x")
        assert not held.done()
        network.release()
        assert held.result(PATIENCE_S) == b"x"
    network.break_connection()  # the loop is there, the connections are not


def test_a_blocking_server_that_is_there_is_used_and_left_as_it_was() -> None:
    with ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool, handlers=[handlers(grpc, {"uu_echo": echo})])
        assert isinstance(server, Server)
        assert not server.is_started
        with in_memory_sync(server) as channel:
            assert channel.unary_unary("/test.Sync/uu_echo")(b"x") == b"x"
        server = grpc.server(pool, handlers=[handlers(grpc, {"uu_echo": echo})])
        server.start()
        for _ in range(2):
            with in_memory_sync(server) as channel:
                assert channel.unary_unary("/test.Sync/uu_echo")(b"x") == b"x"
        with pytest.raises(TypeError, match="nor another clock"), in_memory_sync(server, clock=VirtualClock()):
            pass
        server.stop(None)
