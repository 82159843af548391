"""Flow-control windows (RFC 9113 §5.2 and §6.9).

Only DATA is flow controlled, by its whole payload with padding (§6.9.1). Every octet counts against two windows, its
stream's and the connection's: both or neither.

**Receiving.** A `ReceiveWindow` knows four numbers, and this equation always holds:

    limit == available + held + unsent

    available   what the peer may still send
    held        what has arrived and the application has not consumed
    unsent      what was consumed and not yet announced by WINDOW_UPDATE

DATA moves octets from `available` to `held`, consuming moves them from `held` to `unsent`, and WINDOW_UPDATE moves them
from `unsent` back to `available`. No octet is ever made or lost. That is the whole of back-pressure: an application
that does not consume stops the sender, and what it costs us is at most `limit`.

A window is announced when half of it is unsent, or `ANNOUNCED_BYTES` of a large one: seldom enough that a WINDOW_UPDATE
costs little, early enough that a sender at the far end of a long path does not run dry, if the window is what the path
holds (`bandwidth_delay`). What lies unsent between two bursts is missing from the window: with half of 16 MiB unsent,
such a sender was seen to move 10 MiB in each round trip.

**Sending.** A send window is one signed integer, because SETTINGS may make it negative (§6.9.2). It is kept as a plain
attribute of stream and connection, which the send path reads and writes; `grown` holds its only rule.
"""

from __future__ import annotations

from typing import Final

from http2 import errors
from http2.config import MAX_WINDOW
from http2.errors import ErrorCode, StreamError

ANNOUNCED_BYTES: Final = 262_144
"""What is worth a WINDOW_UPDATE though it is not half of a window: four turns of a stream, and each costs more."""


class ReceiveWindow:
    """What the peer may send us, on one stream or on the connection. Invariant: limit == available + held + unsent.

    `announced` is all that the peer was ever allowed to send, so `announced - available` is all that ever arrived.
    """

    __slots__ = ("announced", "available", "held", "limit", "unsent")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.announced = limit
        self.available = limit
        self.held = 0
        self.unsent = 0

    def receive(self, length: int) -> bool:
        """Take `length` octets of DATA into the window. False, and no change, when the peer may not send so much."""
        if length > self.available and length:  # an empty frame always fits, even where SETTINGS made it negative
            return False
        self.available -= length
        self.held += length
        return True

    def consume(self, length: int) -> int:
        """The application is done with `length` held octets.

        Returns the increment to announce by WINDOW_UPDATE now, 0 while it is not worth a frame.
        """
        self.held -= length
        self.unsent = unsent = self.unsent + length
        return self._due() if unsent * 2 >= self.limit or unsent >= ANNOUNCED_BYTES else 0

    def resize(self, limit: int) -> int:
        """The limit has changed, by SETTINGS, where `available` may become negative: the peer must then wait (§6.9.2).

        Returns the increment to announce now: what was too little of a large window may be all of a small one.
        """
        change = limit - self.limit
        self.announced += change
        self.available += change
        self.limit = limit
        return self._due()

    def _due(self) -> int:
        """What is worth a WINDOW_UPDATE: half of a small window, 1/64 of a very large one."""
        increment = self.unsent
        limit = self.limit
        if (increment * 2 < limit and (increment < ANNOUNCED_BYTES or increment * 64 < limit)) or not increment:
            return 0
        self.announced += increment
        self.available += increment
        self.unsent = 0
        return increment

    def is_balanced(self) -> bool:
        """Whether the invariant holds; the tests ask after every step."""
        return self.limit == self.available + self.held + self.unsent and self.held >= 0 and self.unsent >= 0


def receive_in_both(connection: ReceiveWindow, stream: ReceiveWindow, length: int) -> bool:
    """Take `length` octets of DATA into both windows that count them. False, and no change, where one has no room."""
    if length and (length > connection.available or length > stream.available):
        return False
    connection.available -= length
    connection.held += length
    stream.available -= length
    stream.held += length
    return True


def consume_in_both(connection: ReceiveWindow, stream: ReceiveWindow, length: int) -> bool:
    """The application is done with `length` octets. Returns whether one of the two may have an increment to announce.

    Who is told so asks each with `consume(0)`.
    """
    connection.held -= length
    connection.unsent = unsent = connection.unsent + length
    stream.held -= length
    stream.unsent = stream_unsent = stream.unsent + length
    return (
        unsent * 2 >= connection.limit
        or stream_unsent * 2 >= stream.limit
        or unsent >= ANNOUNCED_BYTES
        or stream_unsent >= ANNOUNCED_BYTES
    )


def grown(window: int, increment: int, stream_id: int) -> int:
    """A send window after WINDOW_UPDATE. Raises the error of §6.9 for an increment of zero and of §6.9.1 for overflow.

    Stream 0 is the connection, where both are connection errors.
    """
    if increment == 0:
        code, message, rule = (
            ErrorCode.PROTOCOL_ERROR,
            "WINDOW_UPDATE with an increment of 0; at least 1 is required",
            "RFC 9113 §6.9",
        )
    elif window + increment > MAX_WINDOW:
        code, message, rule = (
            ErrorCode.FLOW_CONTROL_ERROR,
            f"WINDOW_UPDATE of {increment} on a window of {window} octets; at most {MAX_WINDOW} are allowed",
            "RFC 9113 §6.9.1",
        )
    else:
        return window + increment
    if stream_id == 0:
        raise errors.ConnectionError(code, message, rule)
    raise StreamError(stream_id, code, message, rule)
