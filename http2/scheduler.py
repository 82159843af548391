"""Who sends DATA next (RFC 9113 §5.2, §5.3, §6.9).

DATA that finds no room in a window, or no room in the output, waits in the queue of its stream. A stream that could
send stands in a ring; each turn takes one frame from the first and puts it at the end, so that streams share the
connection fairly, frame by frame; one that is alone may send longer frames. A stream whose own window is closed leaves
the ring and comes back with its WINDOW_UPDATE. When the connection's window is closed nobody moves, and the ring is
kept as it is; only a stream that is reset leaves it even then, or a peer that keeps that window closed could fill it.
An end without content needs no window (§6.9.1) and never waits here.

Trailers wait behind the DATA of their stream, because a field block is encoded when it enters the output: the order on
the wire is the order of encoding (RFC 7541 §2.2).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from http2.events import StreamWritable
from http2.stream import Stream

if TYPE_CHECKING:
    from http2.connection import Connection

TURN_BYTES = 65_536
"""The longest frame of a stream among others."""
LONE_TURN_BYTES = 1_114_112
"""The longest frame of a stream that is alone: a message of 1 MiB, with what is around it. On a path of 1 Mbit/s an
answer to PING waits 9 s for its end, which is less than anybody's keepalive timeout."""

LARGE_BYTES = 65_536
"""A piece of content of this size begins a frame, whatever stands before it: that is cheaper than a copy."""


class Scheduler:
    """The ring of streams that have something queued and a window to send it."""

    __slots__ = ("ring",)

    def __init__(self) -> None:
        self.ring: OrderedDict[int, Stream] | None = None  # by stream identifier, in the order of turns

    def add(self, stream: Stream) -> None:
        """Put a stream with queued output into the ring, unless it is there."""
        if self.ring is None:
            self.ring = OrderedDict()
        self.ring.setdefault(stream.id, stream)

    def remove(self, stream: Stream) -> None:
        """Take a stream that has gone out of the ring, if it is there."""
        if self.ring is not None:
            self.ring.pop(stream.id, None)

    def clear(self) -> None:
        """Nobody sends any more."""
        self.ring = None

    def fill(self, c: Connection) -> None:
        """Move queued DATA into the output, in turn, while the connection's window and the output have room."""
        ring = self.ring
        limit = frame_bytes_max(c)
        while ring and c.send_window > 0 and c.output_data_bytes < c.config.output_bytes_max:
            _, stream = ring.popitem(last=False)
            if stream.queued_bytes and stream.send_window > 0:
                self._send_next(c, stream, limit)

    def _send_next(self, c: Connection, stream: Stream, limit: int) -> None:
        """Send one frame of DATA from the queue; with the last one, the end that follows it."""
        payload = _take(stream, min(limit, stream.send_window, c.send_window))
        if stream.queued_bytes:
            c.emit_data(stream, payload, False)
            self.add(stream)
        elif stream.trailers_queued is not None:
            c.emit_data(stream, payload, False)
            c.emit_head(stream, stream.trailers_queued, True)
        else:
            c.emit_data(stream, payload, stream.end_queued)
            if not stream.end_queued:
                c.events.append(StreamWritable(stream.id))


def frame_bytes_max(c: Connection) -> int:
    """How long a frame of DATA may be now, where the peer allows it: others have to wait for its end."""
    return min(c.peer.frame_bytes_max, LONE_TURN_BYTES if len(c.streams.by_id) == 1 else TURN_BYTES)


def _take(stream: Stream, room: int) -> bytes | memoryview:
    """Up to `room` octets from the front of the queue; small pieces are joined into one frame, large ones are not."""
    queue = stream.queue
    assert queue is not None
    parts: list[bytes | memoryview] = []
    left = room
    while queue and left:
        if parts and len(queue[0]) >= LARGE_BYTES:
            break
        chunk = queue.popleft()
        if len(chunk) > left:
            view = memoryview(chunk)  # the rest of a large chunk is never copied, however many frames it fills
            queue.appendleft(view[left:])
            chunk = view[:left]
        parts.append(chunk)
        left -= len(chunk)
    stream.queued_bytes -= room - left
    return parts[0] if len(parts) == 1 else b"".join(parts)
