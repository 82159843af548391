"""Meters for budgets: what one end of a connection calls, allocates and writes, without what the other end does.

The end that is measured is a real protocol on a `RecordingTransport`; the test plays the other end with an
`http2.Connection`, while nothing is measured. All figures are counts, the same on every machine with one CPython.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

TICKS = 12
"""Turns of the event loop within which an end has done what it can do without the other."""


class RecordingTransport(asyncio.Transport):
    """Takes what is written, as a socket that is never full, and keeps it call by call."""

    def __init__(self) -> None:
        super().__init__({"peername": "in-memory", "sockname": "in-memory"})
        self.protocol: asyncio.BaseProtocol | None = None
        self.writes: list[bytes] = []
        self._is_closing = False

    def join(self, protocol: asyncio.BaseProtocol) -> None:
        """Become this protocol's transport."""
        self.protocol = protocol
        protocol.connection_made(self)

    def write(self, data: Any) -> None:
        self.writes.append(data)

    def writelines(self, list_of_data: Any) -> None:
        self.writes.append(b"".join(list_of_data))

    def take(self) -> bytes:
        """What was written since the last time."""
        octets = b"".join(self.writes)
        self.writes.clear()
        return octets

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        if not self._is_closing and self.protocol is not None:
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)
        self._is_closing = True

    def abort(self) -> None:
        self.close()

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        """A socket that has nothing to read."""

    def resume_reading(self) -> None:
        """And never will."""


READ_BYTES = 65_536


def reads_of(octets: bytes) -> list[bytes]:
    """Octets as an event loop may read them from a socket; made before anything is measured."""
    return [octets[start : start + READ_BYTES] for start in range(0, len(octets), READ_BYTES)]


def feed(protocol: asyncio.BaseProtocol, reads: list[bytes]) -> None:
    """Let octets arrive, as asyncio's selector event loop hands them over."""
    for octets in reads:
        if isinstance(protocol, asyncio.BufferedProtocol):
            rest = memoryview(octets)
            while rest:
                buffer = memoryview(protocol.get_buffer(-1))
                size = min(len(buffer), len(rest))
                buffer[:size] = rest[:size]
                rest = rest[size:]
                protocol.buffer_updated(size)
        else:
            assert isinstance(protocol, asyncio.Protocol)
            protocol.data_received(octets)


async def ticks() -> None:
    """Let the event loop turn until nothing is left to do."""
    for _ in range(TICKS):
        await asyncio.sleep(0)


class Meter:
    """What the two below have in common: `on` for each part that counts, `per` when all have been."""

    def __init__(self) -> None:
        self.parts = 0
        self.totals: list[int] = []

    def _begin(self) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        raise NotImplementedError

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Count in this block."""
        self.parts += 1
        gc.disable()  # it would run at any time
        self._begin()
        try:
            yield
        finally:
            sys.setprofile(None)
            self._end()
            gc.enable()

    async def per(self, operations: int) -> list[float]:
        """The totals for each of so many operations, without what the event loop does in as many parts by itself."""
        counted, parts = list(self.totals), self.parts
        for _ in range(parts):
            with self.on():
                await ticks()
        return [(before - (after - before)) / operations for before, after in zip(counted, self.totals, strict=True)]


class Calls(Meter):
    """Counts Python calls and C calls."""

    def __init__(self) -> None:
        super().__init__()
        self.totals = [0, 0]

    def _hear(self, frame: FrameType, event: str, argument: object) -> None:
        if event == "call":
            self.totals[0] += 1
        elif event == "c_call":
            self.totals[1] += 1

    def _begin(self) -> None:
        sys.setprofile(self._hear)

    def _end(self) -> None:
        """Nothing is left to do."""


class Allocations(Meter):
    """Sums up, over every two neighbouring calls and returns, what was allocated more than freed between them.

    That is all that was allocated, but for what was also freed between the same two: of `blocks`, the small objects of
    Python's allocator; of `octets`, all memory that Python knows of, so that a copy of a payload counts with its size.
    """

    def __init__(self, of_octets: bool) -> None:
        super().__init__()
        self.totals = [0]
        self._now: Callable[[], int] = _traced_octets if of_octets else sys.getallocatedblocks
        self._of_octets = of_octets
        self._before = 0

    def _hear(self, frame: FrameType, event: str, argument: object) -> None:
        now = self._now()
        if now > self._before:
            self.totals[0] += now - self._before
        self._before = self._now()  # once more: what this function itself has taken does not count

    def _begin(self) -> None:
        if self._of_octets:
            tracemalloc.start()
        self._before = self._now()
        sys.setprofile(self._hear)

    def _end(self) -> None:
        if self._of_octets:
            tracemalloc.stop()


def _traced_octets() -> int:
    return tracemalloc.get_traced_memory()[0]
