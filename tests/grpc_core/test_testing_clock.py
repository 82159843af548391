"""A clock that a test moves: nothing that waits for time happens before, and everything does when it is due."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from grpc_core.testing import Stalled, VirtualClock
from grpc_core.testing.clock import START_S


def test_timers_fire_in_their_order_at_their_time_and_not_before() -> None:
    clock = VirtualClock()
    fired: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        fired.append((name, clock.now - START_S))

    async def main() -> None:
        sleepers = [asyncio.create_task(sleeper(name, s)) for name, s in (("c", 30), ("a", 10), ("b", 20))]
        await clock.advance(9.999)
        assert fired == []
        await clock.advance(0.001)
        assert fired == [("a", 10)]
        await clock.advance(20)
        assert fired == [("a", 10), ("b", 20), ("c", 30)], "each at its own time, though the step was longer"
        await asyncio.gather(*sleepers)

    clock.run(main())


def test_what_a_timer_sets_off_is_part_of_the_same_advance() -> None:
    clock = VirtualClock()
    ticks: list[float] = []

    async def ticker() -> None:
        while True:
            await asyncio.sleep(60)
            ticks.append(clock.now - START_S)

    async def main() -> None:
        task = asyncio.create_task(ticker())
        before = time.monotonic()
        await clock.advance(3600)
        assert ticks == [60.0 * (index + 1) for index in range(60)]
        await clock.advance(10 * 86_400)  # asyncio waits a day at most at a time
        assert len(ticks) == 60 + 24 * 60 * 10
        assert time.monotonic() - before < 20, "in no time"
        task.cancel()

    clock.run(main())


def test_advancing_by_nothing_lets_everything_come_to_rest() -> None:
    clock = VirtualClock()

    async def main() -> None:
        steps = 0

        async def walk() -> None:
            nonlocal steps
            for _ in range(100):
                await asyncio.sleep(0)
                steps += 1

        task = asyncio.create_task(walk())
        await clock.advance(0)
        assert (steps, clock.now) == (100, START_S)
        await task

    clock.run(main())


def test_sockets_and_threads_go_on_as_usual() -> None:
    clock = VirtualClock()

    async def main() -> None:
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)
            loop = asyncio.get_running_loop()
            assert await loop.run_in_executor(None, lambda: 42) == 42
            receiving = loop.create_task(loop.sock_recv(here, 10))
            threading.Thread(target=there.send, args=(b"x",)).start()
            assert await receiving == b"x"
        assert clock.now == START_S

    clock.run(main())


def test_a_test_that_waits_for_time_that_nobody_moves_is_told_so() -> None:
    clock = VirtualClock(patience_s=0.05)
    with pytest.raises(Stalled, match=r"nothing has happened for 0\.05 real seconds: the next timer is due in 10 s"):
        clock.run(asyncio.sleep(10))
    with pytest.raises(Stalled, match="no timer is set"):
        clock.run(_wait_for_ever())


async def _wait_for_ever() -> None:
    await asyncio.Event().wait()


def test_the_callers_own_cancellation_is_no_stall() -> None:
    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    with pytest.raises(asyncio.CancelledError):
        VirtualClock().run(main())


def test_from_another_thread() -> None:
    clock = VirtualClock()
    with pytest.raises(RuntimeError, match="no event loop yet"):
        clock.advance_threadsafe(1)

    async def main() -> float:
        thread = threading.Thread(target=clock.advance_threadsafe, args=(5,))
        sleeping = asyncio.create_task(asyncio.sleep(5))
        thread.start()
        await sleeping
        await asyncio.get_running_loop().run_in_executor(None, thread.join)
        return clock.now - START_S

    assert clock.run(main()) == 5


def test_wrong_uses_are_refused() -> None:
    clock = VirtualClock()

    async def main() -> None:
        for seconds in (-1, float("nan")):
            with pytest.raises(ValueError, match="time does not go back"):
                await clock.advance(seconds)
        with pytest.raises(RuntimeError, match="has an event loop that is not closed"):
            clock.new_loop()
        with pytest.raises(RuntimeError, match="not that of the running event loop"):
            await VirtualClock().advance(1)
        first = asyncio.create_task(clock.advance(1))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="being advanced already"):
            await clock.advance(1)
        await first

    clock.run(main())


def test_an_advance_that_is_cancelled_leaves_the_clock_usable() -> None:
    clock = VirtualClock()

    async def main() -> None:
        task = asyncio.create_task(clock.advance(1))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await clock.advance(1)
        assert clock.now == START_S + 1

    clock.run(main())
