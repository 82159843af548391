"""The loop of the I/O thread: what other threads post is run, in order, and they ring only when it sleeps."""

from __future__ import annotations

import asyncio
import os
import selectors
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from grpc_core.sync.loop import IoThread
from grpc_core.sync.waking import WakingLoop, WakingSelector, new_event_loop
from tests.grpc_core.sync_support import PATIENCE_S

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the loop is asyncio's own")


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each time that a bell was rung."""
    rung: list[int] = []
    write = os.eventfd_write

    def ring(descriptor: int, value: int) -> None:
        rung.append(value)
        write(descriptor, value)

    monkeypatch.setattr(os, "eventfd_write", ring)
    return rung


@contextmanager
def running() -> Iterator[WakingLoop]:
    """A loop that runs in a thread of its own."""
    selector, loop = new_event_loop()
    assert isinstance(loop, WakingLoop)
    io = IoThread(selector, loop)
    try:
        yield loop
    finally:
        io.post(loop.stop)
        io.thread.join()
        loop.close()


def test_what_is_posted_while_the_loop_works_needs_no_ring(rings: list[int]) -> None:
    with running() as loop:
        is_working, may_go_on, is_done = threading.Event(), threading.Event(), threading.Event()
        ran: list[int] = []

        def work() -> None:
            is_working.set()
            assert may_go_on.wait(PATIENCE_S)

        loop.call_soon_threadsafe(work)
        assert is_working.wait(PATIENCE_S)
        before = len(rings)
        for number in range(100):
            loop.call_soon_threadsafe(ran.append, number)
        loop.call_soon_threadsafe(is_done.set)
        assert len(rings) == before
        may_go_on.set()
        assert is_done.wait(PATIENCE_S)
        assert ran == list(range(100))


def test_all_who_post_while_the_loop_sleeps_ring_once(rings: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    selector = WakingSelector()
    sleep = selectors.EpollSelector.select
    timeouts: list[float | None] = []

    def select(self: selectors.EpollSelector, timeout: float | None = None) -> list[object]:
        timeouts.append(timeout)
        if timeout is None:
            for _ in range(3):
                selector.wake()
        return list(sleep(self, timeout))

    monkeypatch.setattr(selectors.EpollSelector, "select", select)
    assert selector.select(None) == [], "the bell is no event of the loop's"
    assert rings == [1]
    assert selector.select(0) == [], "it does not go on ringing"
    assert timeouts == [None, 0]
    selector.close()


def test_news_that_come_before_the_loop_sleeps_keep_it_awake(rings: list[int]) -> None:
    selector = WakingSelector()
    selector.wake()
    assert selector.select(None) == [], "else it would sleep for ever"
    assert rings == []
    selector.close()


def test_a_ring_that_comes_late_wakes_the_next_sleep_once(rings: list[int]) -> None:
    """The loop was woken by a socket in the moment in which somebody rang."""
    selector = WakingSelector()
    read, write = os.pipe()
    selector.register(read, selectors.EVENT_READ)
    selector.select(0)
    os.eventfd_write(selector._bell, 1)
    os.write(write, b"x")
    assert [key.fd for key, _ in selector.select(None)] == [read], "what is real stays"
    assert [key.fd for key, _ in selector.select(0)] == [read]
    assert os.read(read, 9) == b"x"
    assert selector.select(0) == []
    selector.close()
    os.close(read)
    os.close(write)


def test_asyncio_tells_the_loop_of_what_is_posted() -> None:
    """`_write_to_self` is asyncio's name for it, and not in its documentation."""
    selector, loop = new_event_loop()
    assert isinstance(selector, WakingSelector)
    loop.call_soon_threadsafe(loop.stop)
    assert selector._has_news
    loop.run_forever()
    assert not selector._has_news
    loop.close()


def test_many_threads_post_and_nothing_is_lost_or_late() -> None:
    ran: dict[int, list[int]] = {name: [] for name in range(8)}
    with running() as loop:

        def post(name: int) -> None:
            done = threading.Event()
            for number in range(300):
                loop.call_soon_threadsafe(ran[name].append, number)
                if number % 3 == 0:  # now and then the loop falls asleep
                    done.clear()
                    loop.call_soon_threadsafe(done.set)
                    assert done.wait(PATIENCE_S), "the loop has slept through what was posted"

        threads = [threading.Thread(target=post, args=(name,)) for name in ran]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "end"), loop).result(PATIENCE_S) == "end"
    assert all(numbers == list(range(300)) for numbers in ran.values())


def test_timers_run_beside_posts() -> None:
    with running() as loop:
        done = threading.Event()
        loop.call_soon_threadsafe(loop.call_later, 0.01, done.set)
        assert done.wait(PATIENCE_S)


def test_a_closed_loop_gives_its_bell_back() -> None:
    _, loop = new_event_loop()
    assert isinstance(loop, WakingLoop)
    bell = loop._waker._bell
    os.fstat(bell)
    loop.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(bell)


def test_another_system_gets_the_ordinary_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    selector, loop = new_event_loop()
    assert type(loop) is asyncio.SelectorEventLoop
    assert type(selector) is selectors.DefaultSelector
    loop.close()
