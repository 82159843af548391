"""The loop of the I/O thread: what other threads post is run, in order, and they ring only when it sleeps."""

from __future__ import annotations

import asyncio
import os
import selectors
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from grpc_core.sync.loop import IoThread
from grpc_core.sync.waking import CALLBACKS_MAX, WakingLoop, WakingSelector, hand_over_to, new_event_loop
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


def each_in_a_thread(function: Callable[[int], None], names: Iterable[int]) -> None:
    """Call a function with each name, all at once; return when all have."""
    threads = [threading.Thread(target=function, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


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

        each_in_a_thread(post, ran)
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


# -- turns in other threads --------------------------------------------------------------------------------------------


class Sleeps:
    """How often a loop has fallen asleep, from where on its turn can be taken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._changed = threading.Condition()
        self._count = 0
        select = selectors.EpollSelector.select

        def counting(selector: selectors.EpollSelector, timeout: float | None = None) -> list[Any]:
            if timeout is None:
                with self._changed:
                    self._count += 1
                    self._changed.notify_all()
            return list(select(selector, timeout))

        monkeypatch.setattr(selectors.EpollSelector, "select", counting)

    def wait(self, count: int = 1) -> None:
        """Until it has slept so often since the last time that somebody waited here."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._count >= count, PATIENCE_S)
            self._count = 0


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> Sleeps:
    return Sleeps(monkeypatch)


def in_thread(function: Callable[[], object]) -> int:
    """Call a function in a thread of its own, to its end. Gives the thread's identifier."""
    failures: list[BaseException] = []

    def call() -> None:
        try:
            function()
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join(PATIENCE_S)
    assert thread.ident is not None
    assert not thread.is_alive()
    if failures:
        raise failures[0]
    return thread.ident


class Where:
    """Notes in which threads it was called."""

    def __init__(self) -> None:
        self.idents: list[int] = []
        self.was_called = threading.Event()

    def __call__(self) -> None:
        self.idents.append(threading.get_ident())
        self.was_called.set()


def test_who_finds_the_loop_asleep_takes_its_turn(sleeps: Sleeps, rings: list[int]) -> None:
    """With all that follows from it, as if it was the loop; which does not even wake."""
    where, later = Where(), Where()
    seen: list[object] = []
    with running() as loop:
        sleeps.wait()

        def first() -> None:
            where()
            seen.append(asyncio.get_running_loop())
            loop.call_soon(later)

        def take() -> None:
            loop.run_soon(first)
            assert later.was_called.is_set(), "it is done when `run_soon` returns"
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()

        ident = in_thread(take)
        assert rings == []
    assert where.idents == later.idents == [ident]
    assert seen == [loop]


def test_there_is_one_turn_in_a_sleep_and_none_for_a_while_where_more_was_to_do(
    sleeps: Sleeps, rings: list[int]
) -> None:
    with running() as loop:
        sleeps.wait()
        first, second = Where(), Where()

        def both() -> None:
            loop.run_soon(first)
            loop.run_soon(second)

        ident = in_thread(both)
        assert second.was_called.wait(PATIENCE_S)
        assert first.idents == [ident]
        assert second.idents != [ident]
        assert rings == [1]
        turns = []
        for _ in range(40):
            sleeps.wait()
            where = Where()
            ident = in_thread(lambda where=where: loop.run_soon(where))  # type: ignore[misc]  # a default binds it
            assert where.was_called.wait(PATIENCE_S)
            turns.append(where.idents == [ident])
            if turns[-1]:
                break
        assert turns.index(True) == 32


@pytest.mark.parametrize("why", ["main", "another loop", "deep", "debug"])
def test_who_might_not_come_to_the_end_takes_no_turn(sleeps: Sleeps, rings: list[int], why: str) -> None:
    """The handler of a signal may raise in the main thread; a stack may be used up; asyncio forbids the others."""
    where = Where()
    with running() as loop:
        sleeps.wait()

        async def another_loop() -> None:
            loop.run_soon(where)

        def deep(depth: int) -> None:
            if depth:
                deep(depth - 1)
            else:
                loop.run_soon(where)

        if why == "main":
            assert threading.current_thread() is threading.main_thread()
            loop.run_soon(where)
        elif why == "another loop":
            in_thread(lambda: asyncio.run(another_loop()))
        elif why == "deep":
            in_thread(lambda: deep(sys.getrecursionlimit() - 100))
        else:
            loop.set_debug(True)
            in_thread(lambda: loop.run_soon(where))
        assert where.was_called.wait(PATIENCE_S)
        idents: list[int] = []
        done = threading.Event()
        loop.call_soon_threadsafe(lambda: (idents.append(threading.get_ident()), done.set()))
        assert done.wait(PATIENCE_S)
    assert where.idents == idents, "the loop's own thread"
    assert rings


def test_a_timer_set_in_a_turn_runs_in_time(sleeps: Sleeps, rings: list[int]) -> None:
    done, late = threading.Event(), threading.Event()
    with running() as loop:
        sleeps.wait()
        in_thread(lambda: loop.run_soon(loop.call_later, 0.01, done.set))
        assert done.wait(PATIENCE_S), "the loop slept on, as if there was no timer"
        assert rings == [1]
        loop.call_soon_threadsafe(loop.call_later, 3600, late.set)
    assert not late.is_set()


def test_a_turn_ends_and_the_loop_does_the_rest(sleeps: Sleeps) -> None:
    idents: list[int] = []
    done = threading.Event()
    with running() as loop:
        sleeps.wait()

        def again() -> None:
            idents.append(threading.get_ident())
            if len(idents) < CALLBACKS_MAX + 10:
                loop.call_soon(again)
            else:
                done.set()

        ident = in_thread(lambda: loop.run_soon(again))
        assert done.wait(PATIENCE_S)
    assert idents.count(ident) == CALLBACKS_MAX
    assert ident not in idents[CALLBACKS_MAX:]


def test_what_a_callback_raises_is_the_loops_affair_and_what_is_cancelled_does_not_run(sleeps: Sleeps) -> None:
    raised: list[object] = []
    where = Where()
    with running() as loop:
        loop.set_exception_handler(lambda loop, context: raised.append(context["exception"]))
        sleeps.wait()

        def cancels_and_fails() -> None:
            loop.call_soon(where).cancel()
            raise ZeroDivisionError

        in_thread(lambda: loop.run_soon(cancels_and_fails))
        assert [type(error) for error in raised] == [ZeroDivisionError]
        assert not where.idents
        assert asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "goes on"), loop).result(PATIENCE_S) == "goes on"


def test_the_loop_does_not_go_on_before_a_turn_ends(sleeps: Sleeps) -> None:
    order: list[str] = []
    is_working, may_go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        is_working.set()
        assert may_go_on.wait(PATIENCE_S)
        order.append("turn")

    with running() as loop:
        sleeps.wait()
        thread = threading.Thread(target=loop.run_soon, args=(work,))
        thread.start()
        assert is_working.wait(PATIENCE_S)
        loop.call_soon_threadsafe(lambda: (order.append("loop"), done.set()))  # it wakes, and finds its turn taken
        may_go_on.set()
        assert done.wait(PATIENCE_S)
        thread.join()
    assert order == ["turn", "loop"]


def test_what_was_heard_of_a_descriptor_that_is_another_now_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was registered anew in a turn, while the loop was about to wake."""
    selector = WakingSelector()
    read, write = os.pipe()
    os.write(write, b"x")
    selector.register(read, selectors.EVENT_READ, "before")
    select = selectors.EpollSelector.select

    def and_meanwhile(self: selectors.EpollSelector, timeout: float | None = None) -> list[Any]:
        events = list(select(self, timeout))
        if timeout is None:
            selector.unregister(read)
            selector.register(read, selectors.EVENT_READ, "after")
        return events

    monkeypatch.setattr(selectors.EpollSelector, "select", and_meanwhile)
    assert selector.select(None) == []
    assert [key.data for key, _ in selector.select(0)] == ["after"]
    selector.close()
    os.close(read)
    os.close(write)


def test_many_threads_take_turns_and_nothing_is_lost_late_or_out_of_order() -> None:
    ran: dict[int, list[int]] = {name: [] for name in range(8)}
    inside: list[int] = []

    def run(name: int, number: int) -> None:
        inside.append(name)
        ran[name].append(number)
        assert inside == [name], "two run at a time"
        inside.pop()

    with running() as loop:
        failures: list[object] = []
        loop.set_exception_handler(lambda loop, context: failures.append(context))

        def post(name: int) -> None:
            for number in range(300):
                loop.run_soon(run, name, number)
                if number % 3 == 0:  # now and then the loop falls asleep
                    done = threading.Event()
                    loop.run_soon(loop.call_soon, done.set)
                    assert done.wait(PATIENCE_S), "the loop has slept through what was posted"

        each_in_a_thread(post, ran)
        assert asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "end"), loop).result(PATIENCE_S) == "end"
    assert not failures
    assert all(numbers == list(range(300)) for numbers in ran.values())


def test_an_ordinary_loop_is_posted_to(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.SelectorEventLoop()
    assert hand_over_to(loop) == loop.call_soon_threadsafe
    loop.close()
