"""How long a connection is kept: a server's limits on idleness and age (gRFC A9), a channel's idle timeout (A62).

    MAX_CONNECTION_IDLE       no call for that long             -> GOAWAY "max_idle"
    MAX_CONNECTION_AGE        that long since it was made       -> GOAWAY "max_age", running calls may finish
    MAX_CONNECTION_AGE_GRACE  that long after GOAWAY "max_age"  -> cut

All are infinite by default. Nobody is told when a call begins or ends, which would cost something on every call:
`Idle` is polled, and sees by the count of calls that were ever begun whether one has come and gone since. So idleness
is noticed after one to two times the limit, as in gRPC's C core.

Without I/O: time is an argument, in seconds, and `due` says when to poll again.
"""

from __future__ import annotations

import enum
import math
from typing import Final, NamedTuple

AGE_JITTER: Final = 0.1
"""gRFC A9: "A random jitter of +/-10% will be added to MAX_CONNECTION_AGE to spread out connection storms"."""

GRACE_PING_S: Final = 20.0
"""How long the answer to the PING between the two GOAWAYs of a graceful shutdown is waited for, as in the C core."""


class LifetimeOptions(NamedTuple):
    """A server's limits, in seconds."""

    idle_s: float = math.inf
    age_s: float = math.inf
    age_grace_s: float = math.inf

    @property
    def is_infinite(self) -> bool:
        """Whether neither idleness nor age ends a connection."""
        return self.idle_s == self.age_s == math.inf


class Idle:
    """Whether there have been no calls for a while."""

    __slots__ = ("_quiet_since", "_started", "_timeout_s", "due")

    def __init__(self, now: float, timeout_s: float, started: int = 0) -> None:
        self._timeout_s = timeout_s
        self._quiet_since = now
        self._started = started
        self.due = now + timeout_s

    def poll(self, now: float, started: int, has_calls: bool) -> bool:
        """True when no call has run for the time. `started` counts the calls that were ever begun."""
        if has_calls or started != self._started:
            self._started = started
            self._quiet_since = now
        self.due = self._quiet_since + self._timeout_s
        return now >= self.due


class Step(enum.Enum):
    """What a server does with a connection after a poll. The value of the first two is GOAWAY's debug data."""

    STAY = ""
    IDLE = "max_idle"
    OLD = "max_age"
    CUT = "the grace after max_age is over"


class Lifetime:
    """The life of one connection of a server. After IDLE or OLD the caller says GOAWAY, after CUT it closes."""

    __slots__ = ("_cut_at", "_idle", "_is_leaving", "_old_at", "_options", "due")

    def __init__(self, now: float, options: LifetimeOptions, random: float) -> None:
        """The connection was made `now`; `random`, from 0 to 1, spreads its age."""
        self._options = options
        self._idle = Idle(now, options.idle_s)
        self._old_at = now + options.age_s * (1 - AGE_JITTER + 2 * AGE_JITTER * random)
        self._cut_at = math.inf
        self._is_leaving = False
        self.due = min(self._idle.due, self._old_at)

    def poll(self, now: float, started: int, has_calls: bool) -> Step:
        """What is to be done now."""
        step = self._step(now, started, has_calls)
        if step is Step.CUT:
            self.due = math.inf
        else:
            self.due = self._cut_at if self._is_leaving else min(self._idle.due, self._old_at)
        return step

    def _step(self, now: float, started: int, has_calls: bool) -> Step:
        if self._is_leaving:
            return Step.CUT if now >= self._cut_at else Step.STAY
        is_idle = self._idle.poll(now, started, has_calls)
        if now >= self._old_at:
            self._is_leaving = True
            self._cut_at = now + self._options.age_grace_s
            return Step.OLD
        if is_idle:
            self._is_leaving = True
            return Step.IDLE
        return Step.STAY
