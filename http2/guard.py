"""Budgets against abuse (RFC 9113 §10.5).

Some frames are legal one by one and an attack by the thousand: resets of streams that were just opened, faults that
make us reset, frames that carry nothing. Each kind has a *budget*. A budget refills with time, and with work: a
connection that gets things done may also cancel, ping and pad; one that only makes noise may not.

The clock is an argument (`now`, seconds). A caller that has none passes 0.0 and lives on the refill by work alone.

| budget | spent by                                                    | refilled by each         | attack         |
|--------|-------------------------------------------------------------|--------------------------|----------------|
| resets | RST_STREAM on a request that we have not finished answering | stream that completes    | CVE-2023-44487 |
| faults | a stream error: a reset that the peer makes us send         | stream that completes    | CVE-2025-8671  |
| idle   | PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA ...     | frame with content       | CVE-2019-9512  |
"""

from __future__ import annotations

from http2 import errors
from http2.config import Config
from http2.errors import ErrorCode


class Budget:
    """A token bucket that refills with time and with work. `work_value` is what one unit of work gives back."""

    __slots__ = ("_name", "_per_s", "_seen_s", "_seen_work", "_size", "_tokens", "_work_value")

    def __init__(self, name: str, size: int, per_s: float, work_value: float) -> None:
        self._name = name
        self._size = size
        self._per_s = per_s
        self._work_value = work_value
        self._tokens = float(size)
        self._seen_s = 0.0
        self._seen_work = 0

    def spend(self, now: float, work: int, cost: float = 1.0) -> None:
        """Take `cost` tokens at time `now` after `work` units of work in all.

        Raises a connection error of type ENHANCE_YOUR_CALM when the budget is used up.
        """
        refill = (work - self._seen_work) * self._work_value + max(0.0, now - self._seen_s) * self._per_s
        self._seen_work = work
        self._seen_s = now
        self._tokens = min(self._size, self._tokens + refill) - cost
        if self._tokens < 0:
            raise errors.ConnectionError(
                ErrorCode.ENHANCE_YOUR_CALM,
                f"too many {self._name}; {self._size} are tolerated, and more only as work gets done",
                "RFC 9113 §10.5",
            )


class Guard:
    """The budgets of one connection. Most connections spend of one alone: the others are made when they are needed."""

    __slots__ = ("_config", "_faults", "_resets", "idle")

    def __init__(self, config: Config) -> None:
        self._config = config
        self._resets: Budget | None = None
        self._faults: Budget | None = None
        # A receiver may well announce its window after every frame, on both windows, and ping to measure the path.
        self.idle = Budget("frames without content", config.idle_frames_max, config.idle_frames_per_s, 4.0)

    def spend_reset(self, now: float, completed: int, cost: float = 1.0) -> None:
        """The peer has cancelled a request, after so many streams that were completed."""
        if self._resets is None:
            self._resets = Budget("cancelled requests", self._config.resets_max, self._config.resets_per_s, 1.0)
        self._resets.spend(now, completed, cost)

    def spend_fault(self, now: float, completed: int, cost: float = 1.0) -> None:
        """The peer has made us reset a stream, after so many streams that were completed."""
        if self._faults is None:
            self._faults = Budget("stream errors", self._config.faults_max, self._config.faults_per_s, 1.0)
        self._faults.spend(now, completed, cost)
