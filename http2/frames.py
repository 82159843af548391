"""Frames (RFC 9113 §4.1 and §6): the layout of each type, its builder next to its parser, in the RFC's order.

Every frame begins with nine octets:

    +-----------------------------------------------+
    |                 Length (24)                   |
    +---------------+---------------+---------------+
    |   Type (8)    |   Flags (8)   |
    +-+-------------+---------------+-------------------------------+
    |R|                 Stream Identifier (31)                      |
    +=+=============================================================+
    |                   Frame Payload (0...)                      ...
    +---------------------------------------------------------------+

`build_*` return the octets of a whole frame (for DATA and field blocks only the nine octets, because the payload is
sent without a copy). `parse_*` take the payload and return its parts, or raise the error that §6 prescribes for a bad
one. Nothing in this file knows about connections or states: a frame that parses may still be wrong where it stands.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from http2 import errors
from http2.errors import ErrorCode, StreamError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113 §3.4: the first 24 octets a client sends
FRAME_HEADER_BYTES = 9
STREAM_ID_MASK = 0x7FFF_FFFF  # §4.1: the reserved bit "MUST be ignored when receiving"


class FrameType(IntEnum):
    """The ten types of §6. The hot code uses the plain ints below; this enum is for people."""

    DATA = 0x00
    HEADERS = 0x01
    PRIORITY = 0x02
    RST_STREAM = 0x03
    SETTINGS = 0x04
    PUSH_PROMISE = 0x05
    PING = 0x06
    GOAWAY = 0x07
    WINDOW_UPDATE = 0x08
    CONTINUATION = 0x09


DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM = 0x01  # DATA, HEADERS
ACK = 0x01  # SETTINGS, PING
END_HEADERS = 0x04  # HEADERS, PUSH_PROMISE, CONTINUATION
PADDED = 0x08  # DATA, HEADERS, PUSH_PROMISE
PRIORITY_FLAG = 0x20  # HEADERS

# Length and type share the first four octets, so that one unpack gives `length << 8 | type`, flags and stream id.
_HEADER = Struct(">LBL")
_UINT32 = Struct(">L")
_TWO_UINT32 = Struct(">LL")
_SETTING = Struct(">HL")
_WHOLE_UINT32_FRAME = Struct(">LBLL")

unpack_header = _HEADER.unpack_from
pack_header = _HEADER.pack


def build_frame(frame_type: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """Any frame, unchecked: what tests and tools use to say exactly what goes on the wire."""
    return pack_header(len(payload) << 8 | frame_type, flags, stream_id) + payload


def _size_error(name: str, length: int, allowed: str, rule: str) -> errors.ConnectionError:
    return errors.ConnectionError(
        ErrorCode.FRAME_SIZE_ERROR, f"{name} frame with a payload of {length} octets; {allowed}", rule
    )


def remove_padding(payload: bytes, frame_name: str, rule: str) -> bytes:
    """The payload of a PADDED frame without Pad Length and padding (§6.1). Padding must not fill the whole frame.

    The content of the padding is not looked at: §6.1 says a receiver "is not obligated to verify padding".
    """
    if not payload:
        raise _size_error(frame_name, 0, "the PADDED flag needs a Pad Length octet", rule)
    pad_length = payload[0]
    if pad_length >= len(payload):
        raise errors.ConnectionError(
            ErrorCode.PROTOCOL_ERROR,
            f"{frame_name} frame of {len(payload)} octets with {pad_length} octets of padding; at most"
            f" {len(payload) - 1} fit",
            rule,
        )
    return payload[1 : len(payload) - pad_length]


# -- DATA (§6.1) -------------------------------------------------------------------------------------------------------


def build_data_header(length: int, stream_id: int, end_stream: bool) -> bytes:
    """The nine octets that precede `length` octets of DATA."""
    return pack_header(length << 8, END_STREAM if end_stream else 0, stream_id)


# -- HEADERS (§6.2) and CONTINUATION (§6.10) ---------------------------------------------------------------------------


def build_field_block(block: bytes, stream_id: int, end_stream: bool, frame_bytes_max: int) -> bytes:
    """One HEADERS frame and as many CONTINUATION frames as the block needs (§4.3)."""
    length = len(block)
    if length <= frame_bytes_max:
        flags = END_HEADERS | END_STREAM if end_stream else END_HEADERS
        return pack_header(length << 8 | HEADERS, flags, stream_id) + block
    frames = [build_frame(HEADERS, END_STREAM if end_stream else 0, stream_id, block[:frame_bytes_max])]
    for start in range(frame_bytes_max, length, frame_bytes_max):
        last = start + frame_bytes_max >= length
        fragment = block[start : start + frame_bytes_max]
        frames.append(build_frame(CONTINUATION, END_HEADERS if last else 0, stream_id, fragment))
    return b"".join(frames)


def parse_headers(flags: int, payload: bytes) -> bytes:
    """The field block fragment of a HEADERS frame. Priority fields are skipped: §5.3.2 deprecates them."""
    if flags & PADDED:
        payload = remove_padding(payload, "HEADERS", "RFC 9113 §6.2")
    if flags & PRIORITY_FLAG:
        if len(payload) < 5:
            raise _size_error("HEADERS", len(payload), "the PRIORITY flag needs 5 octets", "RFC 9113 §6.2")
        payload = payload[5:]
    return payload


# -- PRIORITY (§6.3) ---------------------------------------------------------------------------------------------------


def check_priority(stream_id: int, payload: bytes) -> None:
    """PRIORITY is deprecated (§5.3.2): it is measured and then ignored."""
    if len(payload) != 5:
        raise StreamError(
            stream_id,
            ErrorCode.FRAME_SIZE_ERROR,
            f"PRIORITY frame with a payload of {len(payload)} octets; it has 5",
            "RFC 9113 §6.3",
        )


# -- RST_STREAM (§6.4) -------------------------------------------------------------------------------------------------


def build_rst_stream(stream_id: int, error_code: int) -> bytes:
    """A RST_STREAM frame."""
    return _WHOLE_UINT32_FRAME.pack(4 << 8 | RST_STREAM, 0, stream_id, error_code)


def parse_rst_stream(payload: bytes) -> int:
    """The error code of a RST_STREAM frame."""
    if len(payload) != 4:
        raise _size_error("RST_STREAM", len(payload), "it has 4", "RFC 9113 §6.4")
    code: int = _UINT32.unpack(payload)[0]
    return code


# -- SETTINGS (§6.5) ---------------------------------------------------------------------------------------------------

SETTINGS_ACK = pack_header(SETTINGS, ACK, 0)


def build_settings(settings: dict[int, int]) -> bytes:
    """A SETTINGS frame with the given identifier -> value entries, in their order."""
    return build_frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(key, value) for key, value in settings.items()))


def parse_settings(payload: bytes) -> list[tuple[int, int]]:
    """The entries of a SETTINGS frame in their order; a repeated identifier stays repeated (§6.5.3: the last wins)."""
    if len(payload) % 6:
        raise _size_error("SETTINGS", len(payload), "entries have 6 octets each", "RFC 9113 §6.5")
    return list(_SETTING.iter_unpack(payload))


# -- PUSH_PROMISE (§6.6) -----------------------------------------------------------------------------------------------


def build_push_promise(stream_id: int, promised_id: int, block: bytes) -> bytes:
    """A PUSH_PROMISE frame with its whole field block; for tests: this implementation never promises."""
    return build_frame(PUSH_PROMISE, END_HEADERS, stream_id, _UINT32.pack(promised_id) + block)


# -- PING (§6.7) -------------------------------------------------------------------------------------------------------

_PING_HEADER = pack_header(8 << 8 | PING, 0, 0)
_PING_ACK_HEADER = pack_header(8 << 8 | PING, ACK, 0)


def build_ping(payload: bytes, ack: bool = False) -> bytes:
    """A PING frame with eight octets of opaque data."""
    return (_PING_ACK_HEADER if ack else _PING_HEADER) + payload


def check_ping(payload: bytes) -> None:
    """PING carries exactly eight octets."""
    if len(payload) != 8:
        raise _size_error("PING", len(payload), "it has 8", "RFC 9113 §6.7")


# -- GOAWAY (§6.8) -----------------------------------------------------------------------------------------------------


def build_goaway(last_stream_id: int, error_code: int, debug_data: bytes = b"") -> bytes:
    """A GOAWAY frame."""
    return build_frame(GOAWAY, 0, 0, _TWO_UINT32.pack(last_stream_id, error_code) + debug_data)


def parse_goaway(payload: bytes) -> tuple[int, int, bytes]:
    """(last stream id, error code, debug data) of a GOAWAY frame."""
    if len(payload) < 8:
        raise _size_error("GOAWAY", len(payload), "it has at least 8", "RFC 9113 §6.8")
    last_stream_id, error_code = _TWO_UINT32.unpack_from(payload)
    return last_stream_id & STREAM_ID_MASK, error_code, payload[8:]


# -- WINDOW_UPDATE (§6.9) ----------------------------------------------------------------------------------------------


def build_window_update(stream_id: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame; stream 0 is the connection."""
    return _WHOLE_UINT32_FRAME.pack(4 << 8 | WINDOW_UPDATE, 0, stream_id, increment)


def parse_window_update(payload: bytes) -> int:
    """The increment of a WINDOW_UPDATE frame, without its reserved bit. It may be zero: whose error that is, the
    receiver knows."""
    if len(payload) != 4:
        raise _size_error("WINDOW_UPDATE", len(payload), "it has 4", "RFC 9113 §6.9")
    increment: int = _UINT32.unpack(payload)[0]
    return increment & STREAM_ID_MASK
