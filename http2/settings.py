"""SETTINGS (RFC 9113 §6.5): what each endpoint tells the other about itself, and when it begins to count.

Two directions, two rules. The **peer's** settings count as soon as we have read them; we acknowledge each frame at
once. **Our** settings count when the peer has acknowledged them. Between sending and acknowledgement the peer may act
by the old values or by the new ones, so for that time we allow whichever is more generous (§6.5.3, §6.9.3).

All entries of a frame are checked before any of them is applied, so that a bad frame changes nothing.
"""

from __future__ import annotations

from enum import IntEnum

from http2 import errors
from http2.config import MAX_FRAME_SIZE, MAX_UINT32, MAX_WINDOW, MIN_FRAME_SIZE, Config
from http2.errors import ErrorCode


class Setting(IntEnum):
    """The identifiers of §6.5.2, and those of RFC 8441 §3 and RFC 9218 §2.1 whose values must be checked."""

    HEADER_TABLE_SIZE = 0x1
    ENABLE_PUSH = 0x2
    MAX_CONCURRENT_STREAMS = 0x3
    INITIAL_WINDOW_SIZE = 0x4
    MAX_FRAME_SIZE = 0x5
    MAX_HEADER_LIST_SIZE = 0x6
    ENABLE_CONNECT_PROTOCOL = 0x8
    NO_RFC7540_PRIORITIES = 0x9


HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE_ID, MAX_HEADER_LIST_SIZE = (
    int(setting) for setting in list(Setting)[:6]
)

DEFAULT_WINDOW = 65_535
STREAMS_BEFORE_SETTINGS = 100
"""How many streams a client opens before it has seen the server's SETTINGS. Unlimited is the RFC's default, but a
stream over the unseen limit would only be refused; §5.1.2 recommends that the limit be no smaller than 100."""

# identifier: (lowest value, highest value, error code, section); identifiers that are not here are ignored (§6.5.2).
_ALLOWED: dict[int, tuple[int, int, ErrorCode, str]] = {
    Setting.ENABLE_PUSH: (0, 1, ErrorCode.PROTOCOL_ERROR, "RFC 9113 §6.5.2"),
    Setting.INITIAL_WINDOW_SIZE: (0, MAX_WINDOW, ErrorCode.FLOW_CONTROL_ERROR, "RFC 9113 §6.5.2"),
    Setting.MAX_FRAME_SIZE: (MIN_FRAME_SIZE, MAX_FRAME_SIZE, ErrorCode.PROTOCOL_ERROR, "RFC 9113 §6.5.2"),
    Setting.ENABLE_CONNECT_PROTOCOL: (0, 1, ErrorCode.PROTOCOL_ERROR, "RFC 8441 §3"),
    Setting.NO_RFC7540_PRIORITIES: (0, 1, ErrorCode.PROTOCOL_ERROR, "RFC 9218 §2.1"),
}


def setting_name(identifier: int) -> str:
    """The RFC's name of a setting; an unknown one as hexadecimal."""
    try:
        return Setting(identifier).name
    except ValueError:
        return f"{identifier:#x}"


def check_entries(entries: list[tuple[int, int]], from_server: bool) -> None:
    """Raise the connection error that §6.5.2 prescribes for the first entry that is out of range."""
    for identifier, value in entries:
        rule = _ALLOWED.get(identifier)
        if rule is None:
            continue
        low, high, code, section = rule
        if identifier == ENABLE_PUSH and from_server:
            high = 0  # §6.5.2: "A client MUST treat receipt of a SETTINGS frame with SETTINGS_ENABLE_PUSH set to 1..."
        if not low <= value <= high:
            raise errors.ConnectionError(
                code, f"SETTINGS_{setting_name(identifier)} is {value}; allowed are {low} to {high}", section
            )


class PeerSettings:
    """What the peer has told us. Plain attributes, because the send path reads them for every frame."""

    __slots__ = (
        "concurrent_streams_max",
        "connect_protocol",
        "field_list_bytes_max",
        "frame_bytes_max",
        "header_table_bytes",
        "push_enabled",
        "received",
        "stream_window_bytes",
    )

    def __init__(self) -> None:
        self.received = False
        self.header_table_bytes = 4096
        self.push_enabled = True
        self.concurrent_streams_max = STREAMS_BEFORE_SETTINGS
        self.stream_window_bytes = DEFAULT_WINDOW
        self.frame_bytes_max = MIN_FRAME_SIZE
        self.field_list_bytes_max = MAX_UINT32
        self.connect_protocol = False

    def apply(self, entries: list[tuple[int, int]]) -> None:
        """Apply checked entries in their order: §6.5.3, "the last value"."""
        if not self.received:
            self.received = True
            self.concurrent_streams_max = MAX_UINT32
        for identifier, value in entries:
            if identifier == HEADER_TABLE_SIZE:
                self.header_table_bytes = value
            elif identifier == ENABLE_PUSH:
                self.push_enabled = bool(value)
            elif identifier == MAX_CONCURRENT_STREAMS:
                self.concurrent_streams_max = value
            elif identifier == INITIAL_WINDOW_SIZE:
                self.stream_window_bytes = value
            elif identifier == MAX_FRAME_SIZE_ID:
                self.frame_bytes_max = value
            elif identifier == MAX_HEADER_LIST_SIZE:
                self.field_list_bytes_max = value
            elif identifier == Setting.ENABLE_CONNECT_PROTOCOL:
                if self.connect_protocol and not value:
                    raise errors.ConnectionError(
                        ErrorCode.PROTOCOL_ERROR,
                        "SETTINGS_ENABLE_CONNECT_PROTOCOL went back from 1 to 0",
                        "RFC 8441 §3",
                    )
                self.connect_protocol = bool(value)


class LocalSettings:
    """What we have told the peer: the values in force, and those on their way.

    `pending` holds one dict per SETTINGS frame without an ACK, the oldest first.
    The three attributes below are what the receive path judges by: the more generous of those and of what the peer has
    confirmed.
    """

    __slots__ = (
        "_acknowledged_frame_bytes_max",
        "_acknowledged_stream_window_bytes",
        "concurrent_streams_max",
        "frame_bytes_max",
        "pending",
        "stream_window_bytes",
    )

    def __init__(self) -> None:
        self._acknowledged_frame_bytes_max = MIN_FRAME_SIZE
        self._acknowledged_stream_window_bytes = DEFAULT_WINDOW
        self.pending: tuple[dict[int, int], ...] = ()
        self.concurrent_streams_max = MAX_UINT32
        self.frame_bytes_max = MIN_FRAME_SIZE
        self.stream_window_bytes = DEFAULT_WINDOW

    def sent(self, values: dict[int, int]) -> None:
        """A SETTINGS frame with `values` has entered the output."""
        self.pending = (*self.pending, values)
        if MAX_CONCURRENT_STREAMS in values:
            # Counted at once: a burst that races with the acknowledgement must not get past the limit.
            self.concurrent_streams_max = values[MAX_CONCURRENT_STREAMS]
        self._judge()

    def acknowledge(self) -> dict[int, int]:
        """The oldest unacknowledged SETTINGS frame is confirmed: return its values.

        Raises a connection error when there is none: the peer confirms what nobody said.
        """
        if not self.pending:
            raise errors.ConnectionError(
                ErrorCode.PROTOCOL_ERROR,
                "SETTINGS acknowledgement without a SETTINGS frame to acknowledge",
                "RFC 9113 §6.5",
            )
        values, *pending = self.pending
        self.pending = tuple(pending)
        self._acknowledged_frame_bytes_max = values.get(MAX_FRAME_SIZE_ID, self._acknowledged_frame_bytes_max)
        self._acknowledged_stream_window_bytes = values.get(INITIAL_WINDOW_SIZE, self._acknowledged_stream_window_bytes)
        self._judge()
        return values

    def _judge(self) -> None:
        self.frame_bytes_max = self._most_generous(MAX_FRAME_SIZE_ID, self._acknowledged_frame_bytes_max)
        self.stream_window_bytes = self._most_generous(INITIAL_WINDOW_SIZE, self._acknowledged_stream_window_bytes)

    def _most_generous(self, identifier: int, acknowledged: int) -> int:
        return max([acknowledged, *(frame[identifier] for frame in self.pending if identifier in frame)])


def initial_settings(config: Config, is_client: bool) -> dict[int, int]:
    """The entries of our first SETTINGS frame. Values that equal the RFC's defaults are left out."""
    values = {
        HEADER_TABLE_SIZE: config.header_table_bytes,
        INITIAL_WINDOW_SIZE: config.stream_window_bytes,
        MAX_FRAME_SIZE_ID: config.frame_bytes_max,
    }
    defaults = {HEADER_TABLE_SIZE: 4096, INITIAL_WINDOW_SIZE: DEFAULT_WINDOW, MAX_FRAME_SIZE_ID: MIN_FRAME_SIZE}
    entries = {key: value for key, value in values.items() if value != defaults[key]}
    if is_client:
        entries[ENABLE_PUSH] = 0  # §6.5.2: a client that wants no PUSH_PROMISE says so.
    else:
        entries[MAX_CONCURRENT_STREAMS] = config.concurrent_streams_max
    entries[MAX_HEADER_LIST_SIZE] = config.field_list_bytes_max
    return dict(sorted(entries.items()))
