"""Going away (RFC 9113 §6.8 and §5.4.1): how a connection comes to its end, from either side.

    gracefully   no new streams, those that are open finish, then the connection ends; a server announces it first with
                 the highest identifier, and waits a round trip for requests that are already on their way
    at once      GOAWAY with a reason, and every stream that is open is lost

Whoever ends it, `terminate` is the last step, and `ConnectionTerminated` the last event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from http2.errors import ErrorCode, error_name
from http2.events import ConnectionTerminated, StreamReset
from http2.frames import STREAM_ID_MASK, build_goaway
from http2.stream_states import is_closed
from http2.streams import NO_GOAWAY

if TYPE_CHECKING:
    from http2.connection import Connection

GRACE_PING: Final = b"goodbye?"  # its acknowledgement tells that the peer has seen our first GOAWAY (§6.8)
CLEAN_FAREWELL: tuple[int, bool, str] = (ErrorCode.NO_ERROR, False, "all streams are done after GOAWAY")
"""What a connection ends with when its last stream is done, unless the peer has said GOAWAY with an error."""


def announce(c: Connection, reason: str) -> None:
    """Begin to go away gracefully. `reason` is told to the peer, as debug data."""
    c.shut_down_reason = reason.encode()[:1024]
    if c.is_client:
        go_away_finally(c)
    else:
        c.is_draining = True
        c.emit_control(build_goaway(STREAM_ID_MASK, ErrorCode.NO_ERROR, c.shut_down_reason))
        c.ping(GRACE_PING)


def go_away_finally(c: Connection) -> None:
    """The last stream identifier is known: what has a higher one is ignored from here on."""
    c.is_draining = True
    c.streams.goaway_id = c.streams.last_peer_id
    c.emit_control(build_goaway(c.streams.last_peer_id, ErrorCode.NO_ERROR, c.shut_down_reason))
    finish_draining(c)


def peer_goes_away(c: Connection, last_stream_id: int, error_code: int, debug_data: bytes) -> None:
    """GOAWAY has come: our streams above its last stream id are lost, and were not processed (§6.8)."""
    if error_code != ErrorCode.NO_ERROR:
        text = debug_data[:200].decode("utf-8", "backslashreplace")
        c.farewell = (error_code, True, f"GOAWAY {error_name(error_code)} {text!r}")
    if c.is_client:
        running = [s for s in c.streams.by_id.values() if not is_closed(s.state)]
        lost = [s for s in running if s.id > last_stream_id or s.head_queued is not None]
        for stream in lost:
            reason = "not processed before GOAWAY"
            c.events.append(
                StreamReset(stream.id, ErrorCode.REFUSED_STREAM, True, reason, True, stream.head_queued is not None)
            )
        c.is_draining = True
        for stream in lost:
            c.drop(stream)
    if c.is_draining or error_code != ErrorCode.NO_ERROR:
        finish_draining(c)


def finish_draining(c: Connection) -> None:
    """A connection that is going away ends with its last stream."""
    if c.is_closed or not c.streams.are_done():
        return
    if c.is_client or c.streams.goaway_id != NO_GOAWAY or c.farewell[0] != ErrorCode.NO_ERROR:
        terminate(c, *c.farewell)


def go_away(c: Connection, error_code: int, reason: str) -> None:
    """The last frame of this connection. §6.8: the last stream id never exceeds that of an earlier GOAWAY."""
    last_stream_id = min(c.streams.last_peer_id, c.streams.goaway_id)
    c.emit_control(build_goaway(last_stream_id, error_code, reason.encode()[:1024]))
    terminate(c, error_code, False, reason)


def terminate(c: Connection, error_code: int, by_peer: bool, reason: str) -> None:
    """The end: nothing more is read or sent but what is in the output."""
    c.is_closed = True
    c.is_draining = True
    c.termination = ConnectionTerminated(error_code, by_peer, reason)
    c.events.append(c.termination)
    c.scheduler.clear()
