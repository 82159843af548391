"""Every limit of a connection, in one place, each with the sentence that motivates it.

The rule behind this file: whatever the peer can make grow has a limit (RFC 9113 §10.5: "An HTTP/2 connection can
demand a greater commitment of resources to operate than an HTTP/1.1 connection").
Sizes are octets, times are seconds. A bad value fails at construction with the name of the field.
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_WINDOW = 2**31 - 1  # RFC 9113 §6.9.1: "A sender MUST NOT allow a flow-control window to exceed 2^31-1 octets."
MIN_FRAME_SIZE = 2**14  # RFC 9113 §4.2: every implementation can receive frames of this size.
MAX_FRAME_SIZE = 2**24 - 1  # RFC 9113 §4.2: the length field has 24 bits.
MAX_UINT32 = 2**32 - 1


@dataclass(frozen=True)
class Config:
    """The limits of one connection. The defaults suit a server on the open Internet."""

    # -- announced in SETTINGS (RFC 9113 §6.5.2) --

    header_table_bytes: int = 4096
    """Size of our HPACK decoding table. More helps only peers with many distinct, repeated fields."""

    concurrent_streams_max: int = 100
    """Streams the peer may have open at once; one more is refused with REFUSED_STREAM. §5.1.2 recommends >= 100."""

    stream_window_bytes: int = 65_535
    """Receive window of each stream: what one unread stream may cost us. Also the bandwidth-delay bound of a stream,
    unless `stream_window_bytes_max` lets it grow."""

    connection_window_bytes: int = 1_048_576
    """Receive window of the connection: what all unread streams together may cost us."""

    frame_bytes_max: int = 16_384
    """Largest frame payload we accept. A frame is held in memory until it is complete."""

    field_list_bytes_max: int = 65_536
    """Decoded size of one field section (name + value + 32 each). A few octets on the wire can stand for kilobytes."""

    # -- not announced --

    stream_window_bytes_max: int = 0
    """How far the windows of streams may grow on a path that holds more (`bandwidth_delay`); what is not above
    `stream_window_bytes` leaves them as they are. The connection's window grows by as many octets, so one unread stream
    takes nothing from the others; together they may then cost us `connection_window_bytes + stream_window_bytes_max -
    stream_window_bytes`."""

    fields_max: int = 256
    """Fields in one section. One-octet references to near-empty entries stay small in bytes but not in objects."""

    field_block_bytes_max: int = 65_536
    """Encoded size of one field block over HEADERS and CONTINUATION: it must be kept until END_HEADERS."""

    continuation_frames_max: int = 16
    """CONTINUATION frames in one field block: endless tiny fragments cost work without ever becoming a request."""

    encoder_table_bytes_max: int = 4096
    """Our own cap on the HPACK table we keep for sending, whatever the peer would allow."""

    output_bytes_max: int = 262_144
    """DATA moved into the output before it is taken; the rest waits in its stream, where it can still be cancelled."""

    unsent_control_bytes_max: int = 65_536
    """Replies that lie unsent before we stop reading, those to PING, SETTINGS and faults and the heads of a server's
    responses: a peer that never reads cannot make us buffer answers without end."""

    settings_entries_max: int = 32
    """Entries in one SETTINGS frame that cost nothing; the RFCs define fewer than ten, a flood of them is work."""

    reset_streams_remembered: int = 128
    """Recently reset streams whose late frames are told apart from misuse; older ones are only known to be closed."""

    resets_max: int = 200
    """Budget of streams the peer resets before we answered (Rapid Reset): each costs us a request for nothing."""

    resets_per_s: float = 20.0
    """How fast that budget refills."""

    faults_max: int = 100
    """Budget of stream errors that make us reset (MadeYouReset): the same cost, provoked the other way round."""

    faults_per_s: float = 10.0
    """How fast that budget refills."""

    idle_frames_max: int = 1_000
    """Budget of frames without progress: PRIORITY, empty DATA, unknown types, needless WINDOW_UPDATEs, PINGs."""

    idle_frames_per_s: float = 100.0
    """How fast that budget refills."""

    informational_max: int = 64
    """1xx responses before the final one of a stream, on the client."""

    # -- behaviour --

    check_path: bool = True
    """Whether a request whose :path is not in origin form is malformed (§8.3.1). gRPC turns this off, because it
    answers such a path with the status UNIMPLEMENTED; the path is never repaired."""

    join_cookies: bool = True
    """Whether several cookie fields are joined with "; " for the application (§8.2.3)."""

    def __post_init__(self) -> None:
        """Raise ValueError that names the field which is out of range."""
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"Config.{name} must be an int, not {type(value).__name__}")
            if not low <= value <= high:
                raise ValueError(f"Config.{name} is {value}; allowed are {low} to {high}")
        for name in ("resets_per_s", "faults_per_s", "idle_frames_per_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"Config.{name} is {getattr(self, name)}; it must not be negative")


_RANGES = (
    ("header_table_bytes", 0, MAX_UINT32),
    ("concurrent_streams_max", 0, MAX_UINT32),
    ("stream_window_bytes", 0, MAX_WINDOW),
    ("connection_window_bytes", 65_535, MAX_WINDOW),  # §6.9.2: the connection window starts at 65,535 and can only grow
    ("frame_bytes_max", MIN_FRAME_SIZE, MAX_FRAME_SIZE),
    ("field_list_bytes_max", 0, MAX_UINT32),
    ("stream_window_bytes_max", 0, MAX_WINDOW),
    ("fields_max", 1, MAX_UINT32),
    ("field_block_bytes_max", 1, MAX_UINT32),
    ("continuation_frames_max", 0, MAX_UINT32),
    ("encoder_table_bytes_max", 0, MAX_UINT32),
    ("output_bytes_max", 1, MAX_UINT32),
    ("unsent_control_bytes_max", 1, MAX_UINT32),
    ("settings_entries_max", 1, MAX_UINT32),
    ("reset_streams_remembered", 0, MAX_UINT32),
    ("resets_max", 1, MAX_UINT32),
    ("faults_max", 1, MAX_UINT32),
    ("idle_frames_max", 1, MAX_UINT32),
    ("informational_max", 0, MAX_UINT32),
)
