"""How far windows grow: the bandwidth-delay product of the path (RFC 9113 §5.2.2; RFC 7323 §1.1).

A window that is smaller than what a path holds (its bandwidth times its round-trip time) makes the sender wait for
WINDOW_UPDATEs: it moves one window in each round trip, however wide the path is. A window that is large from the start
is memory that any peer may fill. So windows begin small, and grow for those whose path shows that it holds more.

**The measurement.** With the first DATA of a burst goes a PING. What has arrived until its acknowledgement comes back
was all sent before the peer saw the PING: within credit that it had by then, in one round trip. So this sample is never
more than the windows; where they are what holds the sender up, it is about as much as they are.

**The rule.** A sample of at least half of the window, at a bandwidth that none before has reached, doubles the window,
up to a maximum. Half, because of a window of 1 MiB a quarter may be unannounced, and another quarter be a message that
is not complete. Where the path, the peer's congestion control or an application is what holds the sender up, the sample
stays small; where a longer queue on the path is all that a larger window has brought, the bandwidth stays the same:
then nothing grows. A window that is too small doubles every two round trips: the next sample begins when the new credit
has brought its first octets.

**What it costs.** A PING is sent only when DATA came after the one before it was acknowledged, and after a window had
to be announced: connections that carry little never send one. A peer that counts PINGs has always sent DATA between
two of ours, which excuses them (gRFC A8). Samples that lead to nothing make the next ones rarer, down to one per
second, and at the maximum they end. Who delays an acknowledgement gets the maximum at most: that is the limit to set.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from http2.config import MAX_WINDOW
from http2.frames import build_window_update
from http2.settings import INITIAL_WINDOW_SIZE

if TYPE_CHECKING:
    from http2.connection import Connection

PATH_PING: Final = b"pathtime"
"""The octets of the PING that measures."""

BETTER: Final = 1.1
"""How many times the best bandwidth so far a sample must reach: less may be a longer queue, or chance."""

PATIENCE: Final = 4
"""Samples in a row that may lead to nothing before the next ones wait: a burst may begin in the middle of a sample."""

WAIT_S_MIN: Final = 0.1
WAIT_S_MAX: Final = 1.0
"""The pauses between samples that lead to nothing: each twice the one before."""


class BandwidthDelay:
    """One connection's samples. Times are seconds on the clock of `Connection.receive_data`.

    When a window is announced, `is_armed` is set; from `due` on the next DATA begins a sample with `begin`, and
    the acknowledgement of its PING ends it with `end`. While one runs, and when none is wanted any more, `due` is
    infinite. Both methods get the number of octets of DATA that have ever arrived.
    """

    __slots__ = ("_arrived", "_bandwidth", "_began", "_failures", "_maximum", "due", "is_armed", "is_sampling")

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._arrived = 0
        self._bandwidth = 0.0  # the best, in octets per second
        self._began = 0.0
        self._failures = 0
        self.is_armed = False
        self.is_sampling = False
        self.due = -math.inf

    def begin(self, now: float, arrived: int) -> None:
        """DATA is coming in, and the PING goes out. `arrived` does not yet count that DATA."""
        self._began = now
        self._arrived = arrived
        self.is_armed = False
        self.is_sampling = True
        self.due = math.inf

    def end(self, now: float, arrived: int, window: int) -> int:
        """The acknowledgement is back. Returns what the windows of streams, now `window`, should be; 0 for no change.

        Without a clock (`now` stands still) nothing grows.
        """
        self.is_sampling = False
        sample = arrived - self._arrived
        elapsed = now - self._began
        if elapsed > 0 and sample * 2 >= window and sample > self._bandwidth * BETTER * elapsed:
            self._bandwidth = sample / elapsed
            self._failures = 0
            grown = min(2 * max(sample, window), self._maximum)
            self.due = now + elapsed if grown < self._maximum else math.inf
            return grown if grown > window else 0
        self._failures += 1
        beyond = min(self._failures - PATIENCE, 8)
        self.due = now if beyond < 0 else now + min(WAIT_S_MIN * 2**beyond, WAIT_S_MAX)
        return 0

    def acknowledged(self, c: Connection) -> None:
        """The PING is back: windows of streams may grow, by SETTINGS, and the connection's by as many octets."""
        before = c.local.stream_window_bytes
        window = c.receive_window
        grown = self.end(c.now, window.announced - window.available, before)
        if not grown:
            return
        c.update_settings({INITIAL_WINDOW_SIZE: grown})
        change = min(grown - before, MAX_WINDOW - window.limit)
        increment = change + window.resize(window.limit + change)
        if increment:
            c.emit_control(build_window_update(0, increment))
