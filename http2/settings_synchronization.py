"""Settings synchronization (RFC 9113 §6.5.3): what SETTINGS change in a connection, and from when on.

The peer's values count when they come, and are acknowledged at once. Ours count when the peer acknowledges them; until
then it may send by the old ones and by the new ones (`settings.LocalSettings`). A new INITIAL_WINDOW_SIZE changes the
windows of all streams, but not the connection's (§6.9.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from http2 import errors
from http2.config import MAX_WINDOW
from http2.errors import ErrorCode
from http2.events import SettingsAcknowledged
from http2.frames import build_settings, build_window_update
from http2.settings import HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE
from http2.stream import OVER
from http2.stream_states import is_closed

if TYPE_CHECKING:
    from http2.connection import Connection


def send_settings(c: Connection, values: dict[int, int]) -> None:
    """Announce values of ours, which were checked."""
    before = c.local.stream_window_bytes
    c.local.sent(dict(values))
    c.emit_control(build_settings(values))
    _resize_receive_windows(c, c.local.stream_window_bytes - before)


def settings_acknowledged(c: Connection) -> None:
    """The peer confirms our oldest SETTINGS frame: its values are in force (§6.5.3)."""
    before = c.local.stream_window_bytes
    values = c.local.acknowledge()
    _resize_receive_windows(c, c.local.stream_window_bytes - before)
    if HEADER_TABLE_SIZE in values:
        c.decoder.set_table_bytes_max(values[HEADER_TABLE_SIZE])
    c.events.append(SettingsAcknowledged(values))


def apply_peer_settings(c: Connection, entries: list[tuple[int, int]]) -> None:
    """Checked entries from the peer take effect: on what we encode and on every send window (§6.9.2)."""
    before = c.peer.stream_window_bytes
    for identifier, value in entries:
        if identifier == HEADER_TABLE_SIZE:
            c.encoder.set_table_bytes_max(value)  # each of them: the smallest is signalled (RFC 7541 §4.2)
        elif identifier == INITIAL_WINDOW_SIZE:
            _check_window_change(c, value - before)
    c.peer.apply(entries)
    change = c.peer.stream_window_bytes - before
    if change:
        c.spend_idle(len(c.streams.by_id) // 16)
        for stream in c.streams.by_id.values():
            stream.send_window += change
            if stream.queued_bytes and stream.send_window > 0 and stream.head_queued is None:
                c.scheduler.add(stream)


def _resize_receive_windows(c: Connection, change: int) -> None:
    """Our INITIAL_WINDOW_SIZE has changed: so do the windows of all streams, but not the connection's (§6.9.2)."""
    if change:
        for stream in c.streams.by_id.values():
            increment = stream.resize(stream.limit + change)
            if increment and stream.receive_phase != OVER:
                c.emit_control(build_window_update(stream.id, increment))


def _check_window_change(c: Connection, change: int) -> None:
    """§6.9.2: a change of INITIAL_WINDOW_SIZE that overflows any window is a connection error."""
    for stream in c.streams.by_id.values():
        if stream.send_window + change > MAX_WINDOW and not is_closed(stream.state):
            raise errors.ConnectionError(
                ErrorCode.FLOW_CONTROL_ERROR,
                f"SETTINGS_INITIAL_WINDOW_SIZE overflows the window of stream {stream.id}",
                "RFC 9113 §6.9.2",
            )
