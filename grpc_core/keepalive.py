"""Keepalive: whether the peer is still there, and whether it asks that of us too often (gRFC A8 and A9, keepalive.md).

A connection over which nothing comes may be quiet or dead; TCP alone takes many minutes to tell which. `Keepalive`
sends a PING after a time of silence and gives the connection up when no octet follows it. PINGs cost the other end
something, and a client that sends them without need drains the batteries and the servers of everybody: so a server
keeps count with `PingPolice` and answers excess with GOAWAY (ENHANCE_YOUR_CALM, "too_many_pings").

Both are without I/O. Time is an argument, in seconds on one monotonic clock; `Keepalive.due` says when to poll next.
What they ask about the connection are three plain facts: `heard`, when an octet last came from the peer; `progress`, a
count that grows whenever we send HEADERS, DATA or a stream's window; `has_calls`, whether a call is running.

This is the polite side of ping abuse. A flood is stopped much earlier, by the budget "idle" of `http2.guard`: that one
protects us from cost, this one protects the network from chatter. Their limits are far apart (a thousand PINGs in
seconds; three in five minutes), so that neither gets into the other's way.
"""

from __future__ import annotations

import enum
import math
from typing import Final, NamedTuple

CLIENT_TIME_S_MIN: Final = 10.0
"""gRFC A8: "the minimum keepalive time is 10 s"; what is shorter is raised to it."""

SERVER_TIME_S_MIN: Final = 1.0
"""gRFC A9 gives servers this floor."""

THROTTLE_S: Final = 60.0
"""How far apart PINGs are once `pings_without_data_max` of them were sent without anything of use between them."""

NO_CALLS_INTERVAL_S: Final = 7200.0
"""gRFC A8: without calls a server takes one PING in two hours, unless it permits more."""

TOO_MANY_PINGS: Final = b"too_many_pings"
"""The debug data of the GOAWAY; clients look for exactly these octets."""


class KeepaliveOptions(NamedTuple):
    """What both ends may configure. Times are seconds; `time_s` None is the default of the role."""

    time_s: float | None = None
    timeout_s: float = 20.0
    without_calls: bool = False
    pings_without_data_max: int = 2
    ping_interval_s_min: float = 300.0
    ping_strikes_max: int = 2

    def for_client(self) -> KeepaliveOptions:
        """The same with a client's times: never, unless asked for; then not more often than every ten seconds."""
        return self._replace(time_s=math.inf if self.time_s is None else max(self.time_s, CLIENT_TIME_S_MIN))

    def for_server(self) -> KeepaliveOptions:
        """The same with a server's times: every two hours, also without calls."""
        time_s = 7200.0 if self.time_s is None else max(self.time_s, SERVER_TIME_S_MIN)
        return self._replace(time_s=time_s, without_calls=True)


class Verdict(enum.Enum):
    """What to do after a poll."""

    WAIT = enum.auto()
    PING = enum.auto()
    DEAD = enum.auto()


class Keepalive:
    """When one end of a connection pings, and when it gives the other end up."""

    __slots__ = ("_heard_at_ping", "_pinged_at", "_pings", "_progress", "_time_s", "due", "options")

    def __init__(self, options: KeepaliveOptions, backoff: float = 1.0) -> None:
        """`options` are those of a role. `backoff` stretches the time: a server has found our PINGs too many."""
        assert options.time_s is not None
        self.options = options
        self._time_s = options.time_s * backoff
        self._pinged_at = -math.inf
        self._heard_at_ping: float | None = None  # set while an answer is awaited
        self._pings = 0
        self._progress = 0
        self.due = math.inf
        """When to poll again, if nothing else happens before; infinity is never. A call that begins is such a thing."""

    @property
    def is_on(self) -> bool:
        """Whether there is anything to poll for."""
        return self._time_s < math.inf

    def poll(self, now: float, heard: float, progress: int, has_calls: bool) -> Verdict:
        """What is to be done now. PING: send one. DEAD: nothing has come since the PING, give the connection up."""
        options = self.options
        if self._heard_at_ping is not None:
            if heard == self._heard_at_ping:
                self.due = self._pinged_at + options.timeout_s
                return Verdict.DEAD if now >= self.due else Verdict.WAIT
            self._heard_at_ping = None
        if not (self.is_on and (has_calls or options.without_calls)):
            self.due = math.inf
            return Verdict.WAIT
        if progress != self._progress:
            self._progress = progress
            self._pings = 0
        due = heard + self._time_s
        if 0 < options.pings_without_data_max <= self._pings:
            due = max(due, self._pinged_at + THROTTLE_S)
        if now < due:
            self.due = due
            return Verdict.WAIT
        self._pinged_at = now
        self._heard_at_ping = heard
        self._pings += 1
        self.due = now + min(options.timeout_s, self._time_s)  # an answer would make the next PING due by then
        return Verdict.PING


class PingPolice:
    """A server's count of PINGs that come too soon (gRFC A8, "Server Enforcement").

    A PING may come `ping_interval_s_min` after the one before, two hours after it when no call runs (unless that is
    permitted), and at any time after we have sent something: then the count begins anew.
    """

    __slots__ = ("_last", "_options", "_progress", "strikes")

    def __init__(self, options: KeepaliveOptions) -> None:
        self._options = options
        self._last = -math.inf
        self._progress = 0
        self.strikes = 0

    def received(self, now: float, progress: int, has_calls: bool) -> bool:
        """A PING has come. True when it is one too many."""
        options = self._options
        if progress != self._progress:
            self._progress = progress
            self.strikes = 0
            self._last = -math.inf
        tolerated = has_calls or options.without_calls
        interval = options.ping_interval_s_min if tolerated else max(NO_CALLS_INTERVAL_S, options.ping_interval_s_min)
        too_early = now < self._last + interval
        self._last = now
        if too_early:
            self.strikes += 1
        return 0 < options.ping_strikes_max < self.strikes
