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
from http2.errors import ErrorCode, StreamError, error_name
from http2.frames import ACK, FRAME_HEADER_BYTES, PREFACE, SETTINGS, STREAM_ID_MASK, FrameType, unpack_header
from http2.receiving import HANDLERS

if TYPE_CHECKING:
    from http2.connection import Connection


class FrameReader:
    """Splits what arrives into frames. Holds at most one incomplete frame."""

    __slots__ = ("_needed", "_preface_due", "_start", "_tail", "saw_http_1")

    def __init__(self, expect_preface: bool) -> None:
        self._tail = bytearray()
        self._needed = 0
        self._preface_due = expect_preface
        self._start = b""  # what has come while the preface is due
        self.saw_http_1 = False

    @property
    def buffered_bytes(self) -> int:
        """How many octets of an incomplete frame are kept."""
        return len(self._tail)

    def read(self, c: Connection, data: bytes) -> None:
        """Handle every frame that is complete with `data`. Raises the connection error that stops it."""
        if self._preface_due:
            data = self._read_preface(data)
        offset = self._read_tail(c, data) if self._tail else 0
        if offset < len(data) and not c.is_closed:
            offset = self._walk(c, data, offset)
            if offset < len(data):
                self._tail += data[offset:]

    def _read_tail(self, c: Connection, data: bytes) -> int:
        """Complete the frame that is kept, and no more of `data` than that; return how much of it was taken."""
        tail = self._tail
        offset = 0
        while tail and offset < len(data):
            missing = self._needed - len(tail)
            tail += data[offset : offset + missing]
            offset += missing
            if len(tail) == self._needed:  # of the frame's header, or of all of it
                known = bytes(tail)
                tail.clear()
                if not self._walk(c, known, 0):
                    tail += known
        return offset

    def _walk(self, c: Connection, data: bytes, offset: int) -> int:
        """Handle the frames in `data` from `offset` on; return where the one begins that is not complete.

        `_needed` is then how much of it has to be there before it is worth another look.
        """
        end = len(data)
        needed = FRAME_HEADER_BYTES
        while end - offset >= FRAME_HEADER_BYTES:
            length_and_type, flags, stream_id = unpack_header(data, offset)
            if c.gate is not None:
                c.gate(c, length_and_type, flags, stream_id & STREAM_ID_MASK)
            length = length_and_type >> 8
            if length > c.local.frame_bytes_max:
                raise _oversized(length_and_type, c.local.frame_bytes_max)
            start = offset + FRAME_HEADER_BYTES
            stop = start + length
            if stop > end:
                needed += length
                break
            offset = stop
            try:
                HANDLERS[length_and_type & 0xFF](c, flags, stream_id & STREAM_ID_MASK, data[start:stop])
            except StreamError as error:
                c.fail_stream(error)
            if c.is_closed:
                return end
        self._needed = needed
        return offset

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


def _oversized(length_and_type: int, limit: int) -> errors.ConnectionError:
    # §4.2 allows a stream error for some types; ending the connection spares us the payload of all of them.
    return errors.ConnectionError(
        ErrorCode.FRAME_SIZE_ERROR,
        f"{frame_name(length_and_type & 0xFF)} frame with a payload of {length_and_type >> 8} octets;"
        f" SETTINGS_MAX_FRAME_SIZE is {limit} ({error_name(ErrorCode.FRAME_SIZE_ERROR)})",
        "RFC 9113 §4.2",
    )
