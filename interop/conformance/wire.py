"""Frames as they pass, of both directions: found in the octets, kept, and put into words for a reader."""

from __future__ import annotations

from dataclasses import dataclass

from hpack_codec import FieldList
from http2.errors import error_name
from http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_HEADER_BYTES,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_FLAG,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM_ID_MASK,
    WINDOW_UPDATE,
    FrameType,
    unpack_header,
)
from http2.settings import setting_name

DEFINED_FLAGS: dict[int, tuple[tuple[int, str], ...]] = {
    DATA: ((END_STREAM, "END_STREAM"), (PADDED, "PADDED")),
    HEADERS: (
        (END_STREAM, "END_STREAM"),
        (END_HEADERS, "END_HEADERS"),
        (PADDED, "PADDED"),
        (PRIORITY_FLAG, "PRIORITY"),
    ),
    SETTINGS: ((ACK, "ACK"),),
    PUSH_PROMISE: ((END_HEADERS, "END_HEADERS"), (PADDED, "PADDED")),
    PING: ((ACK, "ACK"),),
    CONTINUATION: ((END_HEADERS, "END_HEADERS"),),
}
RAW = -1
"""In place of a type: octets that were sent and are no frame."""

SHOWN = 24
"""Octets of a text that are shown in a line for a terminal."""


@dataclass(frozen=True)
class WireFrame:
    """A frame that passed. `fields` is what the field block decodes to that ends with it; None where none does."""

    is_sent: bool
    type: int
    flags: int
    stream_id: int
    payload: bytes
    reserved: bool = False
    length: int = 0
    fields: FieldList | None = None

    @property
    def name(self) -> str:
        """The RFC's name of its type."""
        return FrameType(self.type).name if self.type <= CONTINUATION else f"type {self.type:#04x}"

    @property
    def ends_stream(self) -> bool:
        """Whether it carries END_STREAM."""
        return self.type in (DATA, HEADERS) and bool(self.flags & END_STREAM)

    @property
    def is_ack(self) -> bool:
        """Whether it acknowledges SETTINGS or a PING."""
        return self.type in (SETTINGS, PING) and bool(self.flags & ACK)

    def uint32(self, offset: int = 0) -> int:
        """Four octets of the payload; 0 where it is too short."""
        return int.from_bytes(self.payload[offset : offset + 4], "big")

    def content(self) -> bytes:
        """DATA without its padding; b"" where the padding is wrong."""
        if not self.flags & PADDED:
            return self.payload
        return self.payload[1 : len(self.payload) - self.payload[0]] if self.payload else b""

    def flag_names(self) -> list[str]:
        """The flags by the RFC's names, what has none as a number, and a reserved bit that is set."""
        names = []
        flags = self.flags
        for bit, name in DEFINED_FLAGS.get(self.type, ()):
            if flags & bit:
                names.append(name)
                flags &= ~bit
        return names + ([f"{flags:#04x}"] if flags else []) + (["R=1"] if self.reserved else [])

    def __str__(self) -> str:
        """One line: name, flags, stream, length, and what it says."""
        if self.type == RAW:
            return f"octets {self.says()}"
        parts = [
            self.name,
            *self.flag_names(),
            f"on stream {self.stream_id}" if self.stream_id else "on the connection",
        ]
        said = self.says()
        return " ".join(parts) + (f": {said}" if said else "")

    def says(self, shown: int = SHOWN) -> str:
        """What is in it, for a reader; `shown` is how many octets of a text are. Empty when there is nothing."""
        if self.type == RAW:
            return show(self.payload, shown)
        said = self._payload(shown)
        if self.length == len(self.payload):
            return said
        return f"{len(self.payload)} of {self.length} octets; {said}" if said else f"0 of {self.length} octets"

    def _payload(self, shown: int) -> str:
        if self.fields is not None:
            return ", ".join(f"{show(name, shown)}={show(value, shown)}" for name, value in self.fields)
        exact = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}.get(self.type)
        if self.type in (RST_STREAM, WINDOW_UPDATE) and len(self.payload) == exact:
            if self.type == RST_STREAM:
                return error_name(self.uint32())
            return f"+{self.uint32() & STREAM_ID_MASK}"
        if self.type == GOAWAY and len(self.payload) >= 8:
            debug = self.payload[8:]
            return f"{error_name(self.uint32(4))}, last stream {self.uint32() & STREAM_ID_MASK}" + (
                f", {show(debug, shown)}" if debug else ""
            )
        if self.type == SETTINGS and self.payload and len(self.payload) % 6 == 0:
            entries = [
                (int.from_bytes(self.payload[i : i + 2], "big"), self.uint32(i + 2))
                for i in range(0, min(len(self.payload), 60), 6)
            ]
            listed = ", ".join(f"{setting_name(key)}={value}" for key, value in entries)
            return listed + (", ..." if len(self.payload) > 60 else "")
        if self.payload:
            size = f"{len(self.payload)} octets " if exact is None or len(self.payload) != exact else ""
            return size + show(self.payload, shown)
        return ""


def show(octets: bytes, shown: int = SHOWN) -> str:
    """Octets for a reader: as text where they are, else as hexadecimal; what is longer than `shown` is cut."""
    start = octets[:shown]
    text = (
        repr(start)[2:-1] if all(0x20 <= octet < 0x7F or octet in b"\r\n\t" for octet in start) else "0x" + start.hex()
    )
    return text + ("..." if len(octets) > shown else "")


class FrameCutter:
    """Cuts octets into frames, whatever the frames say. Keeps an incomplete one."""

    def __init__(self, is_sent: bool) -> None:
        self.is_sent = is_sent
        self.buffer = bytearray()

    def feed(self, octets: bytes) -> list[WireFrame]:
        """The frames that are complete with these octets."""
        self.buffer += octets
        frames = []
        while len(self.buffer) >= FRAME_HEADER_BYTES:
            length_and_type, flags, stream_id = unpack_header(self.buffer)
            length = length_and_type >> 8
            stop = FRAME_HEADER_BYTES + length
            if stop > len(self.buffer):
                break
            payload = bytes(self.buffer[FRAME_HEADER_BYTES:stop])
            frames.append(
                WireFrame(
                    self.is_sent,
                    length_and_type & 0xFF,
                    flags,
                    stream_id & STREAM_ID_MASK,
                    payload,
                    stream_id > STREAM_ID_MASK,
                    length,
                )
            )
            del self.buffer[:stop]
        return frames
