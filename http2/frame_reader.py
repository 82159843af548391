"""From octets to frames (RFC 9113 §3.4, §4.1 to §4.3, §6.10).

The reader walks over the octets it is given, finds where each frame begins and ends, and hands its payload to the
handler of its type (`receiving.HANDLERS`). There is no object per frame and one copy of each payload. Only an
incomplete frame at the end is kept, and it is not looked at again before it can be complete: a peer that sends octet by
octet costs as much per octet as any other.

Three rules belong to the sequence of frames rather than to any one of them. Two are a *gate*, a function that every
frame has to pass while there is one: the first frame must be SETTINGS (§3.4), and a field block must not be interrupted
(§6.10). The third is the size limit (§4.2), which is judged by the frame's header: no frame that is too large is ever
waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from http2 import errors
from http2.config import MIN_FRAME_SIZE
from http2.errors import ErrorCode, StreamError, error_name
from http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    FRAME_HEADER_BYTES,
    HEADERS,
    PREFACE,
    SETTINGS,
    STREAM_ID_MASK,
    FrameType,
    unpack_header,
)
from http2.receiving import HANDLERS, endless_block, over_window

if TYPE_CHECKING:
    from http2.connection import Connection


OTHER_FRAME_BYTES_MAX = 65_536
"""The payload of a frame that is neither DATA nor part of a field block. A gRPC peer sends the hundredth part of it."""
_AROUND_BLOCK_BYTES = 1 + 255 + 5  # padding, its length, and a priority
_GATHERED_BYTES = 1024
"""Parts of a payload below this size are gathered."""
_LARGE_BYTES = 4096
"""A payload of this size is copied by itself out of a buffer that its owner uses again."""
_RUN_BYTES = 16_384
"""Smaller frames are copied out of it together: a copy for each of them costs more than one of all."""


class FrameReader:
    """Splits what arrives into frames. Holds at most one incomplete frame.

    `_missing` octets are missing of a frame whose header has come: that is `_header`, and `_parts` are what has come of
    its payload. Without one, `_start` is the beginning of a header, or of the preface.
    """

    __slots__ = ("_header", "_missing", "_parts", "_preface_due", "_start", "saw_http_1")

    def __init__(self, expect_preface: bool) -> None:
        self._preface_due = expect_preface
        self._start = b""
        self._header = (0, 0, 0)
        self._missing = 0
        self._parts: list[bytes | bytearray | memoryview] = []
        self.saw_http_1 = False

    @property
    def buffered_bytes(self) -> int:
        """How many octets of an incomplete frame are kept."""
        if self._missing:
            return FRAME_HEADER_BYTES + (self._header[0] >> 8) - self._missing
        return len(self._start)

    def read(self, c: Connection, data: bytes | memoryview) -> None:
        """Handle every frame that is complete with `data`. Raises the connection error that stops it.

        A memoryview stands for a buffer that is used again: nothing of it is kept but copies.
        """
        offset = 0
        if self._missing:
            offset = self._read_missing(c, data)
        elif self._preface_due:
            data = self._read_preface(bytes(data))
        elif self._start:
            data = self._start + data
            self._start = b""
        if c.is_closed:
            return
        if isinstance(data, bytes):
            offset = self._walk(c, data, offset)
        else:
            offset = self._walk_buffer(c, data, offset)
        left = len(data) - offset
        if left >= FRAME_HEADER_BYTES:
            self._header = header = unpack_header(data, offset)
            self._missing = FRAME_HEADER_BYTES + (header[0] >> 8) - left
            self._keep(data[offset + FRAME_HEADER_BYTES :])
        elif left and not self._preface_due:
            self._start = bytes(data[offset:])

    def _read_missing(self, c: Connection, data: bytes | memoryview) -> int:
        """Complete the frame that is kept, if `data` does; return how much of it was taken."""
        missing = self._missing
        if len(data) < missing:
            self._missing = missing - len(data)
            self._keep(data)
            return len(data)
        self._missing = 0
        parts = self._parts
        parts.append(data[:missing])
        payload = b"".join(parts)
        parts.clear()
        self._handle(c, *self._header, payload)
        return missing

    def _keep(self, part: bytes | memoryview) -> None:
        """Keep a part of a payload. Small ones are gathered: octet by octet they must not cost an object for each."""
        parts = self._parts
        if len(part) >= _GATHERED_BYTES:
            parts.append(bytes(part))
        elif parts and isinstance(last := parts[-1], bytearray) and len(last) < _RUN_BYTES:
            last += part
        elif part:
            parts.append(bytearray(part))

    def _walk(self, c: Connection, data: bytes, offset: int) -> int:
        """Handle the frames in `data` from `offset` on; return where the one begins that is not complete."""
        end = len(data)
        while end - offset >= FRAME_HEADER_BYTES:
            length_and_type, flags, stream_id = unpack_header(data, offset)
            if c.gate is not None:
                c.gate(c, length_and_type, flags, stream_id & STREAM_ID_MASK)
            length = length_and_type >> 8
            if length > MIN_FRAME_SIZE:
                judge_length(c, length_and_type)
            start = offset + FRAME_HEADER_BYTES
            stop = start + length
            if stop > end:
                break
            offset = stop
            try:
                HANDLERS[length_and_type & 0xFF](c, flags, stream_id & STREAM_ID_MASK, data[start:stop])
            except StreamError as error:
                c.fail_stream(error)
            if c.is_closed:
                return end
        return offset

    def _walk_buffer(self, c: Connection, data: memoryview, offset: int) -> int:
        """As `_walk`, in a buffer that is used again: large payloads are copied out of it, once."""
        end = len(data)
        while end - offset >= FRAME_HEADER_BYTES:
            length_and_type, flags, stream_id = unpack_header(data, offset)
            length = length_and_type >> 8
            stop = offset + FRAME_HEADER_BYTES + length
            if length < _LARGE_BYTES:
                taken = self._walk(c, bytes(data[offset : offset + _RUN_BYTES]), 0)
                if not taken:
                    break
                offset += taken
            elif stop > end:
                self._walk(c, bytes(data[offset : offset + FRAME_HEADER_BYTES]), 0)  # to judge by its header
                break
            else:
                if c.gate is not None:
                    c.gate(c, length_and_type, flags, stream_id & STREAM_ID_MASK)
                if length > MIN_FRAME_SIZE:
                    judge_length(c, length_and_type)
                self._handle(c, length_and_type, flags, stream_id, bytes(data[offset + FRAME_HEADER_BYTES : stop]))
                offset = stop
            if c.is_closed:
                return end
        return offset

    def _handle(self, c: Connection, length_and_type: int, flags: int, stream_id: int, payload: bytes) -> None:
        """One frame, which has passed the gate."""
        try:
            HANDLERS[length_and_type & 0xFF](c, flags, stream_id & STREAM_ID_MASK, payload)
        except StreamError as error:
            c.fail_stream(error)

    def _read_preface(self, data: bytes) -> bytes:
        """§3.4: compare with the client's preface as far as it has come; return what follows it."""
        seen = self._start + data
        part = seen[: len(PREFACE)]
        if PREFACE.startswith(part):
            self._preface_due = len(part) < len(PREFACE)
            self._start = part if self._preface_due else b""
            return seen[len(part) :]
        if may_become_http_1(seen):
            self._start = seen
            return b""
        self.saw_http_1 = is_http_1(seen)
        raise errors.ConnectionError(
            ErrorCode.PROTOCOL_ERROR, f"the connection begins with {describe_start(seen)}", "RFC 9113 §3.4"
        )


_HTTP_1_TEXT = b"This port speaks only HTTP/2 (prior knowledge, RFC 9113 section 3.3).\n"
HTTP_1_ANSWER = (
    b"HTTP/1.1 505 HTTP Version Not Supported\r\nconnection: close\r\ncontent-type: text/plain\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_HTTP_1_TEXT), _HTTP_1_TEXT)
)
"""What a server says to a client that speaks HTTP/1 (RFC 9110 §15.6.6)."""


def describe_start(data: bytes) -> str:
    """What somebody is likely to speak whose first octets are not HTTP/2's."""
    if data[:1] == b"\x16" and data[1:2] in (b"\x03", b""):
        return "a TLS handshake, but this is a plaintext port"
    if is_http_1(data):
        return f"an HTTP/1 request, but this port speaks only HTTP/2: {bytes(data[:40])!r}"
    return f"{bytes(data[:24])!r} instead of the HTTP/2 preface"


def is_http_1(data: bytes) -> bool:
    """Whether octets that are no HTTP/2 preface look like the request line of HTTP/1 (RFC 9112 §3)."""
    method, space, rest = bytes(data[:8192]).partition(b" ")
    return bool(space) and method.isalpha() and method.isupper() and (rest[:1] == b"/" or b"HTTP/1" in rest)


def may_become_http_1(data: bytes) -> bool:
    """Whether octets that are no preface may be the first ones of a request line, so that more of it must tell."""
    method, _, rest = bytes(data[:_REQUEST_LINE_BYTES]).partition(b" ")
    is_unfinished = len(data) < _REQUEST_LINE_BYTES and b"\n" not in rest and not is_http_1(data)
    return is_unfinished and method.isalpha() and method.isupper() and len(method) <= _METHOD_BYTES


_METHOD_BYTES = 16  # longer than every registered method that is asked of anybody
_REQUEST_LINE_BYTES = 256  # of CONNECT and OPTIONS, whose targets do not begin with a slash
_HTTP = int.from_bytes(b"HTTP", "big")


def first_frame_gate(c: Connection, length_and_type: int, flags: int, stream_id: int) -> None:
    """§3.4: the first frame of each side is SETTINGS, and not an acknowledgement."""
    if length_and_type == _HTTP:
        message = "the peer answered with HTTP/1, it does not speak HTTP/2"
    elif length_and_type >> 16 == 0x1503:
        message = "the peer answered with a TLS alert, it expects TLS"
    elif length_and_type & 0xFF != SETTINGS:
        message = f"the first frame is {frame_name(length_and_type & 0xFF)}; SETTINGS is required"
    elif flags & ACK:
        message = "the first frame is an acknowledgement of SETTINGS; SETTINGS itself is required"
    else:
        c.gate = None
        return
    raise errors.ConnectionError(ErrorCode.PROTOCOL_ERROR, message, "RFC 9113 §3.4")


def frame_name(frame_type: int) -> str:
    """The RFC's name of a frame type; an unknown one as hexadecimal."""
    try:
        return FrameType(frame_type).name
    except ValueError:
        return f"a frame of type {frame_type:#x}"


def judge_length(c: Connection, length_and_type: int) -> None:
    """§4.2, and our own limits, for a frame of more than 16 KiB whose header has come.

    §4.2 allows a stream error for some types; ending the connection spares us the payload of all of them.
    """
    length, frame_type = length_and_type >> 8, length_and_type & 0xFF
    name = f"{frame_name(frame_type)} frame with a payload of {length} octets"
    if length > c.local.frame_bytes_max:
        code = ErrorCode.FRAME_SIZE_ERROR
        message = f"{name}; SETTINGS_MAX_FRAME_SIZE is {c.local.frame_bytes_max} ({error_name(code)})"
        raise errors.ConnectionError(code, message, "RFC 9113 §4.2")
    if frame_type == DATA:
        if length > c.receive_window.available:
            raise over_window(c, length)
    elif frame_type in (HEADERS, CONTINUATION):
        if length > c.config.field_block_bytes_max + _AROUND_BLOCK_BYTES:
            raise endless_block(c, length, int(frame_type == CONTINUATION))
    elif length > OTHER_FRAME_BYTES_MAX:
        message = f"{name}; {OTHER_FRAME_BYTES_MAX} are allowed where it is no DATA"
        raise errors.ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, message, "RFC 9113 §10.5")
