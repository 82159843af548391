"""Messages between threads: in order, bounded, woken when it matters, ended from either side."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from grpc_core.sync import loop, pipes
from grpc_core.sync.pipes import QUEUED_BYTES_MAX, Inlet, Outlet, _gate, _pass
from tests.grpc_core.sync_support import PATIENCE_S

LARGE = bytes(QUEUED_BYTES_MAX)


def on_loop(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function returns on the I/O thread, after everything that was posted before."""

    async def call() -> Any:
        return function(*arguments)

    return loop.current().run(call())


def test_an_inlet_gives_messages_in_order_and_then_nothing() -> None:
    io = loop.current()
    inlet = Inlet(io.loop)

    async def fill() -> None:
        for number in range(5_000):
            await inlet.put(b"%d" % number)
        inlet.end()

    filling = asyncio.run_coroutine_threadsafe(fill(), io.loop)
    assert [inlet.take() for _ in range(5_000)] == [b"%d" % number for number in range(5_000)]
    assert inlet.take() is None
    assert inlet.take() is None, "as often as one asks"
    filling.result(PATIENCE_S)


def test_an_inlet_makes_its_source_wait_while_it_is_full() -> None:
    io = loop.current()
    inlet = Inlet(io.loop)
    put = 0

    async def fill() -> None:
        nonlocal put
        for _ in range(3):
            await inlet.put(LARGE)
            put += 1

    filling = asyncio.run_coroutine_threadsafe(fill(), io.loop)
    on_loop(lambda: None)
    assert (put, filling.done()) == (0, False)
    for count in (1, 2, 3):
        assert inlet.take() == LARGE
        while put < count:
            on_loop(lambda: None)
        assert put == count
    filling.result(PATIENCE_S)


def test_an_inlet_that_nobody_takes_from_lets_its_source_go() -> None:
    io = loop.current()
    inlet = Inlet(io.loop)
    filling = asyncio.run_coroutine_threadsafe(inlet.put(LARGE), io.loop)
    on_loop(inlet.end, True)
    filling.result(PATIENCE_S)
    assert inlet.take() is None, "what was queued is discarded"


def test_the_end_wakes_everybody_who_waits_at_an_inlet() -> None:
    inlet = Inlet(loop.current().loop)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(inlet.take) for _ in range(3)]
        on_loop(inlet.end)
        assert [future.result(PATIENCE_S) for future in waiting] == [None, None, None]


def test_an_outlet_gives_messages_in_order_and_then_ends() -> None:
    io = loop.current()
    outlet = Outlet(io.loop)

    async def drain() -> list[bytes]:
        return [message async for message in outlet]

    draining = asyncio.run_coroutine_threadsafe(drain(), io.loop)
    on_loop(lambda: None)  # so that the first message finds it waiting
    for number in range(5_000):
        assert outlet.put(b"%d" % number)
    outlet.end()
    assert draining.result(PATIENCE_S) == [b"%d" % number for number in range(5_000)]


def test_an_outlet_that_is_full_blocks_until_there_is_room() -> None:
    io = loop.current()
    outlet = Outlet(io.loop)
    assert outlet.put(LARGE)
    second = threading.Event()

    def put() -> None:
        outlet.put(LARGE)
        second.set()

    thread = threading.Thread(target=put)
    thread.start()
    assert not second.wait(0.05)

    async def take() -> bytes:
        return await outlet.__anext__()

    assert io.run(take()) == LARGE
    assert second.wait(PATIENCE_S)
    thread.join()


def test_a_closed_outlet_takes_nothing_and_frees_who_waits() -> None:
    io = loop.current()
    outlet = Outlet(io.loop)
    outlet.put(LARGE)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(outlet.put, LARGE)
        on_loop(outlet.close)
        assert waiting.result(PATIENCE_S) is False
    assert outlet.put(b"") is False

    async def drain() -> list[bytes]:
        return [message async for message in outlet]

    assert io.run(drain()) == []


def test_an_inlet_says_of_the_message_taken_last_whether_it_came_compressed() -> None:
    io = loop.current()
    inlet = Inlet(io.loop)

    async def fill() -> None:
        for was_compressed in (True, False, True):
            await inlet.put(b"message", was_compressed)
        inlet.end()

    io.run(fill())
    assert not inlet.taken_was_compressed, "none is taken yet"
    assert [(inlet.take(), inlet.taken_was_compressed)[1] for _ in range(3)] == [True, False, True]
    assert inlet.take() is None
    assert inlet.taken_was_compressed, "the end is no message"


def test_an_outlet_announces_a_message_that_is_to_be_sent_as_it_is() -> None:
    io = loop.current()
    outlet = Outlet(io.loop)
    seen: list[bytes | str] = []
    outlet.before_plain = lambda: seen.append("plain:")
    for message, plain in ((b"1", False), (b"2", True), (b"3", False)):
        outlet.put(message, plain)
    outlet.end()

    async def drain() -> None:
        async for message in outlet:
            seen.append(message)

    io.run(drain())
    assert seen == [b"1", "plain:", b"2", b"3"]


def test_who_gives_up_waiting_leaves_the_line() -> None:
    inlet = Inlet(loop.current().loop)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            inlet.take(0)
    assert not inlet._gates
    asyncio.run_coroutine_threadsafe(inlet.put(b"message"), loop.current().loop).result(PATIENCE_S)
    assert inlet.take(0) == b"message", "and no message is lost"


def test_who_gives_up_when_the_gate_was_just_opened_lets_the_next_one_pass() -> None:
    """Else a message would lie there while somebody waits for it."""
    lock, gates = threading.Lock(), deque[threading.Lock]()
    first, second = _gate(gates), _gate(gates)
    assert gates.popleft() is first  # as `put` does, which is about to open it
    assert not _pass(first, gates, lock, until=time.monotonic())
    assert not second.locked()
    assert not gates
    assert _pass(second, gates, lock)


def test_who_is_interrupted_while_waiting_for_room_leaves_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a handler of a signal does that raises."""
    outlet = Outlet(loop.current().loop)
    assert outlet.put(LARGE)
    monkeypatch.setattr(pipes, "_gate", lambda gates: gates.append(interrupted := _Interrupted()) or interrupted)
    with pytest.raises(KeyboardInterrupt):
        outlet.put(LARGE)
    assert not outlet._gates


class _Interrupted:
    def acquire(self, timeout: float) -> bool:
        raise KeyboardInterrupt
