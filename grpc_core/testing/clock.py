"""Time that stands still until a test moves it.

`VirtualClock` has an event loop whose `time()` is the clock's. Timers (deadlines, backoff, keepalive, `asyncio.sleep`)
are due by that time, so a call with a deadline of an hour fails when the test says `await clock.advance(3600)`, in no
time, and never because the machine was slow. Everything else (sockets, threads, `call_soon`) goes on as usual.

`advance` moves from timer to timer, in their order, and lets the loop come to rest after each: a timer that is set by
what another one did fires too, if it is due before the end. At rest means that no callback is ready and no socket has
data. Work in other threads is not seen, and not waited for.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

START_S = 1_000.0
"""What the clock shows at first: not 0, which a program might take for "never"."""
PATIENCE_S = 30.0


class Stalled(RuntimeError):
    """Nothing could happen any more without the clock being advanced, and nobody advanced it."""


class _Selector(selectors.DefaultSelector):
    """A selector that is told by the event loop how long until the next timer, and asks the clock about it."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        # The loop is at rest: nothing is ready, and only a timer or another thread can change that.
        if self._clock._move(timeout):
            return events
        events = super().select(self._clock.patience_s)
        if not events:
            self._clock._stall(timeout)
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """The event loop of a clock."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.selector = _Selector(clock)
        super().__init__(self.selector)

    def time(self) -> float:
        """Seconds by the clock."""
        return self.clock.now


class VirtualClock:
    """A clock for one event loop: `run` it, or give `loop` to whoever runs it."""

    def __init__(self, patience_s: float | None = PATIENCE_S) -> None:
        """`patience_s`: after so many real seconds at rest, without an advance, `run` ends with `Stalled`."""
        self.patience_s = patience_s
        self.now = START_S
        """Seconds; what the event loop's `time()` gives."""
        self._loop: VirtualTimeLoop | None = None
        self._target = START_S
        self._arrived: asyncio.Future[None] | None = None
        self._main: asyncio.Task[Any] | None = None
        self._stalled = ""

    def new_loop(self) -> VirtualTimeLoop:
        """An event loop whose time is this clock's. A clock serves one loop at a time."""
        if self._loop is not None and not self._loop.is_closed():
            raise RuntimeError("the clock has an event loop that is not closed")
        self._loop = VirtualTimeLoop(self)
        return self._loop

    def run(self, main: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine to its end on a new event loop, as `asyncio.run` does. Raises Stalled."""

        async def watched() -> Result:
            self._main = asyncio.current_task()
            try:
                return await main
            except asyncio.CancelledError:
                if self._stalled:
                    raise Stalled(self._stalled)
                raise
            finally:
                self._main = None

        self._stalled = ""
        with asyncio.Runner(loop_factory=self.new_loop) as runner:
            return runner.run(watched())

    async def advance(self, seconds: float) -> None:
        """Let so many seconds pass, and everything that is due meanwhile happen. 0 lets the loop come to rest."""
        if seconds < 0 or math.isnan(seconds):
            raise ValueError(f"advance({seconds}): time does not go back")
        if self._arrived is not None:
            raise RuntimeError("the clock is being advanced already")
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            raise RuntimeError("the clock is not that of the running event loop; see VirtualClock.run")
        self._target = self.now + seconds
        self._arrived = loop.create_future()
        try:
            await self._arrived
        finally:
            self._arrived = None

    def advance_threadsafe(self, seconds: float) -> None:
        """As `advance`, from another thread than the event loop's; returns when it is done."""
        if self._loop is None:
            raise RuntimeError("the clock has no event loop yet")
        asyncio.run_coroutine_threadsafe(self.advance(seconds), self._loop).result()

    # -- for the selector ----------------------------------------------------------------------------------------------

    def _move(self, until_timer_s: float | None) -> bool:
        """The loop is at rest. Returns whether that has changed."""
        arrived = self._arrived
        if arrived is None or arrived.done():
            return False
        if self.now < self._target:
            self.now = self._target if until_timer_s is None else min(self.now + until_timer_s, self._target)
        else:
            arrived.set_result(None)
        return True

    def _stall(self, until_timer_s: float | None) -> None:
        if self._main is None or self._stalled:
            return
        timer = "no timer is set" if until_timer_s is None else f"the next timer is due in {until_timer_s:.6g} s"
        self._stalled = (
            f"nothing has happened for {self.patience_s} real seconds: {timer}, and nobody advances the clock"
        )
        self._main.cancel()
