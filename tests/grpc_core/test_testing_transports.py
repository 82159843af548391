"""Transports in memory keep the contract of asyncio's: what can be asked of a socket pair, is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from grpc_core.testing import MemoryTransport, Network, VirtualClock, join
from tests.grpc_core.support import PATIENCE_S, run


class Recorder(asyncio.Protocol):
    """Writes down what a protocol is told."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.received = b""
        self.pieces: list[int] = []
        self.keeps_open = False
        self.transport: asyncio.Transport
        self.lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._note("made")

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.pieces.append(len(data))
        self._news.set()

    def eof_received(self) -> bool:
        self._note("eof")
        return self.keeps_open

    def connection_lost(self, exc: Exception | None) -> None:
        self._note("lost" if exc is None else f"lost: {type(exc).__name__}")
        self.lost.set_result(exc)

    def pause_writing(self) -> None:
        self._note("pause")

    def resume_writing(self) -> None:
        self._note("resume")

    def _note(self, what: str) -> None:
        self.log.append(what)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._news.clear()
                await self._news.wait()


Joined = tuple[Recorder, Recorder]


async def in_memory_pair(network: Network) -> Joined:
    first, second = Recorder(), Recorder()
    join(asyncio.get_running_loop(), first, second, network)
    return first, second


async def socket_pair(network: Network) -> Joined:
    loop = asyncio.get_running_loop()
    recorders = []
    for end in socket.socketpair():
        end.setblocking(False)
        _, recorder = await loop.create_connection(Recorder, sock=end)
        recorders.append(recorder)
    return recorders[0], recorders[1]


both = pytest.mark.parametrize("pair", [in_memory_pair, socket_pair])
Pair = Callable[[Network], Awaitable[Joined]]


async def settle() -> None:
    """Let every callback run that can: nothing happens that is not due."""
    for _ in range(20):
        await asyncio.sleep(0)


@both
def test_octets_arrive_in_order_and_close_delivers_them_first(pair: Pair) -> None:
    async def main() -> None:
        first, second = await pair(Network())
        for index in range(100):
            first.transport.write(bytes([index]))
        first.transport.write(b"")
        assert second.received == b"", "nothing arrives while write is called"
        first.transport.close()
        first.transport.write(b"too late")
        assert first.transport.is_closing()
        await asyncio.gather(first.lost, second.lost)
        assert second.received == bytes(range(100))
        assert (first.log, second.log) == (["made", "lost"], ["made", "eof", "lost"])

    run(main())


@both
def test_a_half_closed_connection_goes_on_the_other_way(pair: Pair) -> None:
    async def main() -> None:
        first, second = await pair(Network())
        second.keeps_open = True
        assert first.transport.can_write_eof()
        first.transport.write(b"question")
        first.transport.write_eof()
        with pytest.raises(RuntimeError, match=r"write_eof"):
            first.transport.write(b"more")
        await second.until(lambda: "eof" in second.log)
        assert second.received == b"question"
        second.transport.write(b"answer")
        second.transport.close()
        await asyncio.gather(first.lost, second.lost)
        assert first.received == b"answer"
        assert second.log == ["made", "eof", "lost"]

    run(main())


@both
def test_a_reader_that_pauses_stops_the_writer_and_lets_it_go_on(pair: Pair) -> None:
    async def main() -> None:
        first, second = await pair(Network())
        second.transport.pause_reading()
        assert not second.transport.is_reading()
        written = 0
        while "pause" not in first.log:
            first.transport.write(bytes(65_536))
            written += 65_536
            await settle()
        assert second.received == b""
        assert first.transport.get_write_buffer_size() > first.transport.get_write_buffer_limits()[1]
        second.transport.resume_reading()
        await first.until(lambda: "resume" in first.log)
        await second.until(lambda: len(second.received) == written)
        first.transport.close()
        await asyncio.gather(first.lost, second.lost)

    run(main())


@both
def test_limits_of_the_buffer_are_those_that_were_set(pair: Pair) -> None:
    async def main() -> None:
        first, second = await pair(Network())
        transport = first.transport
        for arguments, limits in (
            ({"high": 100}, (25, 100)),
            ({"high": 100, "low": 100}, (100, 100)),
            ({"low": 10}, (10, 40)),
            ({}, (16_384, 65_536)),
        ):
            transport.set_write_buffer_limits(**arguments)
            assert transport.get_write_buffer_limits() == limits
        with pytest.raises(ValueError, match=r"high \(1\) must be >= low \(2\)"):
            transport.set_write_buffer_limits(1, 2)
        transport.close()
        await asyncio.gather(first.lost, second.lost)

    run(main())


@both
def test_abort_ends_both_sides(pair: Pair) -> None:
    async def main() -> None:
        first, second = await pair(Network())
        second.transport.pause_reading()
        first.transport.write(bytes(10))
        await settle()
        first.transport.abort()
        first.transport.abort()
        second.transport.resume_reading()
        await asyncio.gather(first.lost, second.lost)
        assert first.log == ["made", "lost"]
        assert second.log[-1].startswith("lost")

    run(main())


def test_abort_is_a_reset_for_the_other_side_and_octets_on_their_way_are_lost() -> None:
    async def main() -> None:
        first, second = await in_memory_pair(Network())
        first.transport.write(b"lost")
        first.transport.abort()
        assert isinstance(await second.lost, ConnectionResetError)
        assert await first.lost is None
        assert second.received == b""

    run(main())


@pytest.mark.parametrize(("chunk_bytes", "pieces"), [(None, [7]), (1, [1] * 7), (3, [3, 1, 3]), (100, [4, 3])])
def test_octets_are_cut_as_asked_and_joined_otherwise(chunk_bytes: int | None, pieces: list[int]) -> None:
    async def main() -> None:
        first, second = await in_memory_pair(Network(chunk_bytes=chunk_bytes))
        first.transport.write(b"abcd")
        first.transport.write(bytearray(b"efg"))
        first.transport.close()
        await asyncio.gather(first.lost, second.lost)
        assert (second.received, second.pieces) == (b"abcdefg", pieces)

    run(main())


def test_one_piece_is_at_most_what_a_socket_gives() -> None:
    async def main() -> None:
        first, second = await in_memory_pair(Network())
        for _ in range(3):
            first.transport.write(bytes(200_000))
        first.transport.write(bytes(300_000))
        first.transport.close()
        await asyncio.gather(first.lost, second.lost)
        assert second.pieces == [200_000, 200_000, 200_000, 262_144, 37_856]

    run(main())


def test_a_reader_that_pauses_or_aborts_at_a_piece_gets_no_more_then() -> None:
    async def main() -> None:
        network = Network(chunk_bytes=1)
        first, second = await in_memory_pair(network)
        first.transport.write(b"ab")

        def take_and_pause(data: bytes) -> None:
            Recorder.data_received(second, data)
            second.transport.pause_reading()

        second.data_received = take_and_pause  # type: ignore[method-assign]
        await second.until(lambda: second.received == b"a")
        await settle()
        assert second.received == b"a"
        second.data_received = lambda data: second.transport.abort()  # type: ignore[method-assign]
        second.transport.resume_reading()
        assert isinstance(await first.lost, ConnectionResetError)
        assert await second.lost is None

    run(main())


def test_what_reaches_a_side_that_has_closed_is_forgotten() -> None:
    async def main() -> None:
        network = Network()
        first, second = await in_memory_pair(network)
        first.keeps_open = True
        second.transport.close()
        first.transport.write(b"too late")
        await second.lost
        assert "eof" in first.log
        first.transport.write(b"and later")
        first.transport.close()
        await first.lost
        assert second.received == b""

    run(main())


def test_the_protocol_can_be_changed_and_is_what_is_told() -> None:
    async def main() -> None:
        first, second = await in_memory_pair(Network())
        other = Recorder()
        transport = second.transport
        transport.set_protocol(other)
        assert transport.get_protocol() is other
        assert transport.get_extra_info("peername") == "in-memory"
        first.transport.write(b"x")
        first.transport.close()
        await asyncio.gather(first.lost, other.lost)
        assert (second.received, other.received) == (b"", b"x")
        assert isinstance(transport, MemoryTransport)

    run(main())


def test_what_is_written_later_arrives_later() -> None:
    clock = VirtualClock()

    async def main() -> None:
        first, second = await in_memory_pair(Network(delay_s=10))
        first.transport.write(b"a")
        await clock.advance(5)
        first.transport.write(b"b")
        await clock.advance(5)
        assert second.received == b"a"
        await clock.advance(5)
        assert second.received == b"ab"
        first.transport.close()
        await asyncio.gather(first.lost, second.lost)

    clock.run(main())


@both
def test_calls_that_change_nothing(pair: Pair) -> None:
    async def main() -> None:
        first, second = await pair(Network())
        first.transport.resume_reading()
        assert first.transport.is_reading()
        first.transport.close()
        first.transport.close()
        first.transport.write_eof()
        await asyncio.gather(first.lost, second.lost)
        assert (first.log, second.log) == (["made", "lost"], ["made", "eof", "lost"])

    run(main())
