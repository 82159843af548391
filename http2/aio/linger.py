"""The last moments of a connection that we end: nothing more is said, and what still comes is read and thrown away.

Octets that arrive at a socket which is closed are answered with a reset, and a reset destroys what was sent before it
and is still on its way (RFC 9112 §9.6). HTTP/2 has such octets at every end: the WINDOW_UPDATE for the last content,
the answer to a PING. So a connection is closed in steps:

    GOAWAY, everything is written  ->  our half is shut down  ->  read on, up to the peer's end of file  ->  closed

How long the third step lasts is decided here. The peer's end of file is its usual end; without that, it is this:

|                                   | after the last stream             | cut off, or failed |
|-----------------------------------|-----------------------------------|--------------------|
| what we said makes its way        | no end                            | `linger_s` in all  |
| it makes none                     | `stall_s`                         | `linger_s` in all  |
| all has arrived                   | `linger_s`; in a hurry, no time   | the same           |
| more comes than can be on its way | no time                           | no time            |

What makes its way is in the transport's buffer or in the kernel's, where the kernel tells (Linux).
"""

from __future__ import annotations

import asyncio
import math
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from http2.aio.transport import Timeouts

if sys.platform == "linux":
    import fcntl
    import termios

_FIRST_PAUSE_S: Final = 0.01
_LAST_PAUSE_S: Final = 1.0
"""The pauses after which it is looked at how much has left; each is twice as long as the one before."""


def unsent_bytes(transport: asyncio.Transport) -> int:
    """How many octets that were written have not arrived at the peer's machine, as far as is known."""
    unsent = transport.get_write_buffer_size()
    if sys.platform == "linux":
        sock = transport.get_extra_info("socket")
        if sock is not None:
            try:
                queued = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))  # SIOCOUTQ, by its other name
            except (OSError, ValueError):
                return unsent  # a socket that has none, or is closed
            unsent += int.from_bytes(queued, sys.byteorder)
    return unsent


class Linger:
    """Closes a transport when it is time. To be stopped when the transport is gone."""

    __slots__ = (
        "_bytes_left",
        "_deadline",
        "_hurries",
        "_loop",
        "_pause_s",
        "_since",
        "_timeouts",
        "_timer",
        "_transport",
        "_unsent",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        timeouts: Timeouts,
        is_drained: bool,
        bytes_max: int,
    ) -> None:
        """`is_drained`: whether all streams are done. `bytes_max`: how much the peer can have on its way."""
        self._loop = loop
        self._transport = transport
        self._timeouts = timeouts
        self._bytes_left = bytes_max
        self._hurries = False
        self._unsent = -1
        self._since = now = loop.time()  # when the number of unsent octets has changed
        self._deadline = math.inf if is_drained else now + timeouts.linger_s
        self._pause_s = _FIRST_PAUSE_S
        self._timer = loop.call_at(min(now + self._pause_s, self._deadline), self._look)

    def received(self, length: int) -> None:
        """So many octets have come, which nobody wants."""
        self._bytes_left -= length
        if self._bytes_left < 0:
            self._transport.abort()

    def hurry(self) -> None:
        """Somebody waits for the end: close as soon as all has arrived."""
        if not self._hurries:
            self._hurries = True
            self._pause_s = _FIRST_PAUSE_S
            self.stop()
            self._look()

    def stop(self) -> None:
        """The transport is gone."""
        self._timer.cancel()

    def _look(self) -> None:
        """Close if it is time; if not, or if closing takes the peer's part too, as with TLS, look again later."""
        now = self._loop.time()
        unsent = unsent_bytes(self._transport)
        if unsent != self._unsent:
            self._unsent = unsent
            self._since = now
        due = min(self._since + self._patience_s, self._deadline)
        next_look = now + self._pause_s
        if now < due:
            next_look = min(next_look, due)
        elif self._transport.is_closing() or now >= self._deadline:
            return self._transport.abort()
        else:
            self._transport.close()
            self._since = now
        self._pause_s = min(2 * self._pause_s, _LAST_PAUSE_S)
        self._timer = self._loop.call_at(next_look, self._look)
        return None

    @property
    def _patience_s(self) -> float:
        """How long the number of unsent octets may stay what it is."""
        if self._unsent:
            return self._timeouts.stall_s
        return 0.0 if self._hurries else self._timeouts.linger_s
