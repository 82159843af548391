"""Two asyncio transports joined in memory: what one end writes, the other's protocol receives. No socket is involved.

They keep the contract of asyncio's own transports, which is what the wire engine relies on:

*   `write` never delivers at once; octets arrive in a later turn of the event loop, in order.
*   **Flow control.** Octets that were written and not delivered are in the writer's buffer. Above its high-water mark
    its protocol hears `pause_writing`, at the low one again `resume_writing`. A reader that has called `pause_reading`
    gets nothing, and so stops the writer.
*   **Half close.** After `write_eof` the other end hears `eof_received` once all octets have arrived; unless that
    returns true its transport closes.
*   **Close** delivers what is written first; **abort** throws it away, and the other end hears `connection_lost` with
    ConnectionResetError, as after a TCP reset.

What lies between the ends (delay, cuts, a stop) is asked of a `Conditions` object at each delivery.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, Protocol

from http2.aio.transport import ConnectionProtocol

READ_BYTES_MAX: Final = 262_144
"""The most that is delivered in one piece; asyncio reads no more from a socket at a time."""
HIGH_WATER_BYTES: Final = 65_536
Receiver = asyncio.Protocol | ConnectionProtocol
"""What takes octets by `data_received`."""


class Conditions(Protocol):
    """How octets travel; may change at any time."""

    delay_s: float
    """Seconds, by the clock of the event loop, from `write` to arrival."""
    chunk_bytes: int | None
    """The most octets that arrive in one piece; None for as many as there are."""
    is_held: bool
    """While true nothing arrives."""


class MemoryTransport(asyncio.Transport):
    """One end. Made in pairs by `join`."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Receiver, conditions: Conditions) -> None:
        super().__init__({"peername": "in-memory", "sockname": "in-memory"})
        self.other: MemoryTransport = self
        self._loop = loop
        self._protocol = protocol
        self._conditions = conditions
        self._written: deque[tuple[float, bytes]] = deque()  # when it may arrive, and what
        self._written_bytes = 0
        self._high, self._low = HIGH_WATER_BYTES, HIGH_WATER_BYTES // 4
        self._has_paused_writer = False
        self._is_reading = True
        self._is_closing = False
        self._is_lost = False
        self._eof_due = False  # the other end is to hear of our end when all octets have arrived
        self._eof_told = False
        self._delivery: asyncio.Handle | None = None

    # -- writing -------------------------------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send octets."""
        if self._eof_due and not self._is_closing:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not data or self._is_closing:
            return
        self._written.append((self._loop.time() + self._conditions.delay_s, bytes(data)))
        self._written_bytes += len(data)
        self.schedule()
        if self._written_bytes > self._high and not self._has_paused_writer:
            self._has_paused_writer = True
            self._protocol.pause_writing()

    def write_eof(self) -> None:
        """Send no more; what is written still arrives."""
        if not self._is_closing:
            self._eof_due = True
            self.schedule()

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return self._written_bytes

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Where the writer's protocol is paused and resumed, in octets."""
        if high is None:
            high = HIGH_WATER_BYTES if low is None else 4 * low
        if low is None:
            low = high // 4
        if not 0 <= low <= high:
            raise ValueError(f"high ({high}) must be >= low ({low}) must be >= 0")
        self._high, self._low = high, low

    # -- reading -------------------------------------------------------------------------------------------------------

    def is_reading(self) -> bool:
        return self._is_reading and not self._is_closing

    def pause_reading(self) -> None:
        """Take nothing more for now."""
        self._is_reading = False

    def resume_reading(self) -> None:
        """Take octets again."""
        if not self._is_reading:
            self._is_reading = True
            self.other.schedule()

    # -- ending --------------------------------------------------------------------------------------------------------

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        """Close, after what is written has arrived."""
        if not self._is_closing:
            self._is_closing = self._eof_due = True
            self.schedule()

    def abort(self) -> None:
        """Close at once, and reset the other end."""
        if self._is_lost:
            return
        self.lose(None)
        self.other.lose(ConnectionResetError(104, "Connection reset by peer"))

    def lose(self, error: Exception | None) -> None:
        """The connection is gone: tell the protocol, once."""
        if self._is_lost:
            return
        self._is_lost = self._is_closing = True
        self._written.clear()
        self._written_bytes = 0
        if self._delivery is not None:
            self._delivery.cancel()
            self._delivery = None
        self._loop.call_soon(self._protocol.connection_lost, error)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, Receiver)
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    # -- delivery ------------------------------------------------------------------------------------------------------

    def schedule(self) -> None:
        """Deliver in a later turn of the event loop, when it is time."""
        if self._delivery is not None or self._is_lost or self._conditions.is_held:
            return
        due = self._written[0][0] if self._written else 0.0
        if due > self._loop.time():
            self._delivery = self._loop.call_at(due, self._deliver)
        else:
            self._delivery = self._loop.call_soon(self._deliver)

    def _deliver(self) -> None:
        """Hand over all that may arrive now."""
        self._delivery = None
        reader = self.other
        while self._may_arrive(reader):
            data = self._next_piece()
            if not reader._is_closing:  # a socket that is closed reads no more
                reader._protocol.data_received(data)
            if self._is_lost:
                return
            self._written_bytes -= len(data)
            if self._has_paused_writer and self._written_bytes <= self._low:
                self._has_paused_writer = False
                self._protocol.resume_writing()
        if self._written:
            if reader._is_reading:
                self.schedule()
        elif self._eof_due and not self._conditions.is_held:
            self._end(reader)

    def _may_arrive(self, reader: MemoryTransport) -> bool:
        if not self._written or self._conditions.is_held:
            return False
        return (reader._is_reading or reader._is_closing) and self._written[0][0] <= self._loop.time()

    def _next_piece(self) -> bytes:
        """The octets that arrive next, in one piece."""
        limit = self._conditions.chunk_bytes or READ_BYTES_MAX
        due, data = self._written.popleft()
        if len(data) > limit:
            self._written.appendleft((due, data[limit:]))
            return data[:limit]
        if self._conditions.chunk_bytes is None:  # a socket does not keep the boundaries between writes
            pieces, size, now = [data], len(data), self._loop.time()
            while self._written and self._written[0][0] <= now and size + len(self._written[0][1]) <= limit:
                pieces.append(self._written.popleft()[1])
                size += len(pieces[-1])
            data = b"".join(pieces)
        return data

    def _end(self, reader: MemoryTransport) -> None:
        """All octets have arrived: the other end hears that there are no more."""
        if not self._eof_told:
            self._eof_told = True
            if not reader._is_closing and not reader._protocol.eof_received():
                reader.close()
        if self._is_closing:
            self.lose(None)


def join(
    loop: asyncio.AbstractEventLoop, first: Receiver, second: Receiver, conditions: Conditions
) -> tuple[MemoryTransport, MemoryTransport]:
    """Join two protocols: both hear `connection_made`, the first one first."""
    ends = MemoryTransport(loop, first, conditions), MemoryTransport(loop, second, conditions)
    ends[0].other, ends[1].other = ends[1], ends[0]
    for end, protocol in zip(ends, (first, second), strict=True):
        protocol.connection_made(end)
    return ends
