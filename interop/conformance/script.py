"""What a case puts on the wire, as data: frames that may be wrong in any part, and field blocks written by hand.

    ping(b"12345678")                                        a frame as the RFC wants it
    ping(b"1234567")                                         one octet short
    Frame(PING, flags=0x10, stream=0, payload=(bytes(8),))   any type, flags, stream identifier
    Frame(SETTINGS, length=16_385)                           a header that announces what never comes
    headers(STREAM, *GET, end_stream=True, padding=3)        a field block, instruction by instruction
    FieldBlock(STREAM, GET, at=(1, 5))                       HEADERS and CONTINUATION, cut at these octets
    Raw(b"PRI * HTTP/1.1")                                   octets

Everything here is frozen and says nothing about time or transport. What is only known when the case runs is *symbolic*:
a stream identifier may be a `Ref` (`STREAM`, `idle()`, `begun(0)`, `even()`), the value of a field may be a `Symbol`
(the authority and the paths of whom is tested). `octets(context)` puts the values in.

**Field blocks are stateless.** Each field is one HPACK instruction (`Indexed`, `Literal`, `SizeUpdate`, `Octets`), by
default a literal without indexing, which no table of either end can change. A case that wants the dynamic table says
so, instruction by instruction, and knows the indices itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from typing import Protocol

from hpack_codec.huffman import huffman_encode
from hpack_codec.integers import encode_integer
from hpack_codec.representations import (
    INCREMENTAL,
    INDEXED,
    NEVER_INDEXED,
    SIZE_UPDATE,
    WITHOUT_INDEXING,
    Representation,
)
from http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_FLAG,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    build_frame,
    pack_header,
)
from http2.settings import HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS

# -- what is known only when the case runs -----------------------------------------------------------------------------


class Symbol(Enum):
    """A field value that belongs to whom is tested."""

    SCHEME = "scheme"
    AUTHORITY = "authority"
    PATH = "path"  # answers GET with 200 and a body that is always the same
    ECHO = "echo"  # answers POST with 200 and the request's content, or with what the reference request got
    HOLD = "hold"  # as ECHO, and does not consume the content before it has ended (a case with it `needs` "hold")


@dataclass(frozen=True)
class Ref:
    """A stream that has no number yet. `kind` is "begun", "idle" or "even": see the functions below."""

    kind: str
    number: int = 0


StreamId = int | Ref


def begun(number: int) -> Ref:
    """The stream that was begun as the `number`-th of the case, from 0; negative numbers count from the last."""
    return Ref("begun", number)


def idle(number: int = 0) -> Ref:
    """A stream that the client has not opened: the next odd identifier, or the `number`-th after it."""
    return Ref("idle", number)


def even(number: int = 0) -> Ref:
    """A stream that only the server could open: 2, or the `number`-th after it."""
    return Ref("even", number)


STREAM = begun(-1)
"""The stream that was begun last."""


class CannotDo(Exception):
    """What the script asks for is not possible with whom is tested; the case is skipped with this text."""


@dataclass(frozen=True)
class FrameSize:
    """The SETTINGS_MAX_FRAME_SIZE of whom is tested, and `more` octets."""

    more: int = 0

    def octets_in(self, context: Context) -> int:
        """The number. Raises CannotDo for one that no frame can have."""
        size = context.frame_bytes_max + self.more
        if size > 2**24 - 1:
            raise CannotDo("its SETTINGS_MAX_FRAME_SIZE is so large that no frame can be larger")
        return size


@dataclass(frozen=True)
class Room:
    """What the windows of whom is tested allow us to send on a stream now, and `more` octets."""

    stream: StreamId
    more: int = 0

    def octets_in(self, context: Context) -> int:
        """The number."""
        return max(0, context.room(context.stream_id(self.stream)) + self.more)


@dataclass(frozen=True)
class RoomOfConnection:
    """What its connection window allows us to send, and `more` octets, all of them on a stream that could take them."""

    stream: StreamId
    more: int = 0

    def octets_in(self, context: Context) -> int:
        """The number. Raises CannotDo where the window of the stream is the smaller one."""
        room = context.room(0)
        if context.room(context.stream_id(self.stream)) < room:
            raise CannotDo("its connection window is larger than those of all streams of the script together")
        return room + self.more


@dataclass(frozen=True)
class TableSize:
    """The SETTINGS_HEADER_TABLE_SIZE of whom is tested, and `more` octets."""

    more: int = 0

    def octets_in(self, context: Context) -> int:
        """The number."""
        return context.setting(HEADER_TABLE_SIZE, 4096) + self.more


Size = FrameSize | Room | RoomOfConnection


class Context(Protocol):
    """Who puts the values in."""

    def setting(self, identifier: int, initial: int) -> int:
        """What whom is tested has announced; `initial` where it has not."""

    def room(self, stream_id: int) -> int:
        """What both windows of whom is tested allow us to send on a stream; on 0, the connection's window."""

    @property
    def frame_bytes_max(self) -> int:
        """The SETTINGS_MAX_FRAME_SIZE of whom is tested."""

    def stream_id(self, stream: StreamId) -> int:
        """The number of a stream."""

    def value(self, symbol: Symbol) -> bytes:
        """The octets that a symbol stands for."""


# -- field blocks (RFC 7541 §6) ----------------------------------------------------------------------------------------


def _string(octets: bytes, huffman: bool) -> bytes:
    if not huffman:
        return encode_integer(len(octets), 7) + octets
    coded = huffman_encode(octets)
    return encode_integer(len(coded), 7, 0x80) + coded


@dataclass(frozen=True)
class Indexed:
    """§6.1: a field of the static table (1 to 61) or of the dynamic one (62 and above)."""

    index: int

    def octets(self, context: Context) -> bytes:
        """The instruction."""
        return encode_integer(self.index, INDEXED.prefix_bits, INDEXED.pattern)


@dataclass(frozen=True)
class Literal:
    """§6.2: a field with its value, and its name or the index of its name; `how` says whether it enters the table."""

    name: bytes | int
    value: bytes | Symbol
    how: Representation = WITHOUT_INDEXING
    huffman: bool = False

    def octets(self, context: Context) -> bytes:
        """The instruction."""
        index = self.name if isinstance(self.name, int) else 0
        octets = encode_integer(index, self.how.prefix_bits, self.how.pattern)
        if isinstance(self.name, bytes):
            octets += _string(self.name, self.huffman)
        value = context.value(self.value) if isinstance(self.value, Symbol) else self.value
        return octets + _string(value, self.huffman)


@dataclass(frozen=True)
class SizeUpdate:
    """§6.3: the dynamic table is to have this size."""

    size: int | TableSize

    def octets(self, context: Context) -> bytes:
        """The instruction."""
        size = self.size if isinstance(self.size, int) else self.size.octets_in(context)
        return encode_integer(size, SIZE_UPDATE.prefix_bits, SIZE_UPDATE.pattern)


@dataclass(frozen=True)
class Octets:
    """Octets as they are: a broken instruction, padding, a priority."""

    raw: bytes

    def octets(self, context: Context) -> bytes:
        """The octets."""
        return self.raw


@dataclass(frozen=True)
class Uint31:
    """A stream identifier in a payload: of PUSH_PROMISE, GOAWAY or PRIORITY."""

    stream: StreamId
    reserved: bool = False

    def octets(self, context: Context) -> bytes:
        """Four octets."""
        return (context.stream_id(self.stream) | (0x8000_0000 if self.reserved else 0)).to_bytes(4, "big")


@dataclass(frozen=True)
class Filler:
    """So many octets of zero."""

    size: Size

    def octets(self, context: Context) -> bytes:
        """The octets."""
        return bytes(self.size.octets_in(context))


Instruction = Indexed | Literal | SizeUpdate | Octets
Piece = Indexed | Literal | SizeUpdate | Octets | Uint31 | Filler


def incremental(name: bytes | int, value: bytes, huffman: bool = False) -> Literal:
    """§6.2.1: a literal that enters the dynamic table."""
    return Literal(name, value, INCREMENTAL, huffman)


def never_indexed(name: bytes | int, value: bytes, huffman: bool = False) -> Literal:
    """§6.2.3: a literal that no table may hold."""
    return Literal(name, value, NEVER_INDEXED, huffman)


Block = tuple[Instruction, ...]

GET: Block = (
    Literal(b":method", b"GET"),
    Literal(b":scheme", Symbol.SCHEME),
    Literal(b":authority", Symbol.AUTHORITY),
    Literal(b":path", Symbol.PATH),
)
POST: Block = (
    Literal(b":method", b"POST"),
    Literal(b":scheme", Symbol.SCHEME),
    Literal(b":authority", Symbol.AUTHORITY),
    Literal(b":path", Symbol.ECHO),
)
OK: Block = (Literal(b":status", b"200"),)


def without(block: Block, *names: bytes) -> Block:
    """The block without the literals of these names."""
    return tuple(item for item in block if not (isinstance(item, Literal) and item.name in names))


def replacing(block: Block, name: bytes, value: bytes | Symbol) -> Block:
    """The block with another value for the literal of this name, in its place."""
    return tuple(
        replace(item, value=value) if isinstance(item, Literal) and item.name == name else item for item in block
    )


# -- frames (RFC 9113 §4.1, §6) ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Frame:
    """Any frame. `length` is what the header announces where that is not the payload's; `reserved` sets the R bit."""

    type: int
    flags: int = 0
    stream: StreamId = 0
    payload: tuple[Piece | bytes, ...] = ()
    length: int | FrameSize | None = None
    reserved: bool = False

    def octets(self, context: Context) -> bytes:
        """The frame with all its values. Raises CannotDo."""
        stream_id = context.stream_id(self.stream) | (0x8000_0000 if self.reserved else 0)
        payload = b"".join(part if isinstance(part, bytes) else part.octets(context) for part in self.payload)
        if self.length is None:
            return build_frame(self.type, self.flags, stream_id, payload)
        length = self.length if isinstance(self.length, int) else self.length.octets_in(context)
        return pack_header(length << 8 | self.type, self.flags, stream_id) + payload


@dataclass(frozen=True)
class FieldBlock:
    """A field block over HEADERS and CONTINUATION: cut before each of the octets `at`; equal cuts give empty frames."""

    stream: StreamId
    block: Block
    at: tuple[int, ...]
    end_stream: bool = False

    def octets(self, context: Context) -> bytes:
        """The frames."""
        stream_id = context.stream_id(self.stream)
        octets = b"".join(part.octets(context) for part in self.block)
        cuts = (0, *(min(cut, len(octets)) for cut in self.at), len(octets))
        frames = []
        for number, (start, stop) in enumerate(pairwise(cuts)):
            flags = END_HEADERS if number == len(cuts) - 2 else 0
            if number == 0 and self.end_stream:
                flags |= END_STREAM
            frames.append(build_frame(CONTINUATION if number else HEADERS, flags, stream_id, octets[start:stop]))
        return b"".join(frames)


@dataclass(frozen=True)
class Raw:
    """Octets that need not be a frame."""

    raw: bytes

    def octets(self, context: Context) -> bytes:
        """The octets."""
        return self.raw


@dataclass(frozen=True)
class Content:
    """So many octets in as many DATA frames of 2^14 octets as they need."""

    stream: StreamId
    size: Size | int
    end_stream: bool = False

    def octets(self, context: Context) -> bytes:
        """The frames. Raises CannotDo for more than is sensible to send."""
        size = self.size if isinstance(self.size, int) else self.size.octets_in(context)
        if size > CONTENT_MAX:
            raise CannotDo(f"its window is {size} octets large; more than {CONTENT_MAX} are not sent to fill one")
        stream_id = context.stream_id(self.stream)
        frames = []
        for start in range(0, max(size, 1), 16_384):
            length = min(16_384, size - start)
            last = start + length >= size
            frames.append(build_frame(DATA, END_STREAM if self.end_stream and last else 0, stream_id, b"c" * length))
        return b"".join(frames)


@dataclass(frozen=True)
class Requests:
    """The heads of as many requests as whom is tested allows at once, less those `open` already, and `more`."""

    open: int = 0
    more: int = 0

    def octets(self, context: Context) -> bytes:
        """The frames. Raises CannotDo where there is no limit, or one that is more than is sensible to reach."""
        limit = context.setting(MAX_CONCURRENT_STREAMS, 2**32 - 1)
        if limit > REQUESTS_MAX:
            raise CannotDo(f"it allows more than {REQUESTS_MAX} streams at once")
        count = limit - self.open + self.more
        return b"".join(headers(idle(number), *POST).octets(context) for number in range(count))


CONTENT_MAX = 1 << 24
REQUESTS_MAX = 1_000

Spec = Frame | FieldBlock | Content | Requests | Raw


def _padded(
    flags: int, payload: tuple[Piece | bytes, ...], padding: int | None
) -> tuple[int, tuple[Piece | bytes, ...]]:
    if padding is None:
        return flags, payload
    return flags | PADDED, (bytes([padding]), *payload, bytes(padding))


def data(stream: StreamId, content: bytes = b"", *, end_stream: bool = False, padding: int | None = None) -> Frame:
    """DATA (§6.1), with that many octets of padding when `padding` is not None."""
    flags, payload = _padded(END_STREAM if end_stream else 0, (content,), padding)
    return Frame(DATA, flags, stream, payload)


def headers(
    stream: StreamId,
    *block: Instruction,
    end_stream: bool = False,
    end_headers: bool = True,
    padding: int | None = None,
    priority: bytes | None = None,
) -> Frame:
    """HEADERS (§6.2); `priority` are the five octets of its deprecated fields."""
    flags = (END_STREAM if end_stream else 0) | (END_HEADERS if end_headers else 0)
    payload: tuple[Piece | bytes, ...] = block
    if priority is not None:
        flags |= PRIORITY_FLAG
        payload = (priority, *payload)
    flags, payload = _padded(flags, payload, padding)
    return Frame(HEADERS, flags, stream, payload)


def priority(stream: StreamId, depends_on: StreamId = 0, weight: int = 15, *, exclusive: bool = False) -> Frame:
    """PRIORITY (§6.3)."""
    return Frame(PRIORITY, 0, stream, (Uint31(depends_on, exclusive), bytes([weight])))


def rst_stream(stream: StreamId, error_code: int) -> Frame:
    """RST_STREAM (§6.4)."""
    return Frame(RST_STREAM, 0, stream, (error_code.to_bytes(4, "big"),))


def settings(*entries: tuple[int, int]) -> Frame:
    """SETTINGS (§6.5) with these entries, in their order, repeated ones too."""
    return Frame(SETTINGS, payload=tuple(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in entries))


def settings_ack() -> Frame:
    """The acknowledgement of SETTINGS."""
    return Frame(SETTINGS, ACK)


def push_promise(stream: StreamId, promised: StreamId, *block: Instruction, end_headers: bool = True) -> Frame:
    """PUSH_PROMISE (§6.6)."""
    return Frame(PUSH_PROMISE, END_HEADERS if end_headers else 0, stream, (Uint31(promised), *block))


def ping(payload: bytes = b"plait-99", *, ack: bool = False) -> Frame:
    """PING (§6.7)."""
    return Frame(PING, ACK if ack else 0, 0, (payload,))


def goaway(last_stream: StreamId, error_code: int, debug_data: bytes = b"") -> Frame:
    """GOAWAY (§6.8)."""
    return Frame(GOAWAY, 0, 0, (Uint31(last_stream), error_code.to_bytes(4, "big"), debug_data))


def window_update(stream: StreamId, increment: int) -> Frame:
    """WINDOW_UPDATE (§6.9)."""
    return Frame(WINDOW_UPDATE, 0, stream, (increment.to_bytes(4, "big"),))


def continuation(stream: StreamId, *block: Instruction, end_headers: bool = True) -> Frame:
    """CONTINUATION (§6.10)."""
    return Frame(CONTINUATION, END_HEADERS if end_headers else 0, stream, block)


def unknown(frame_type: int, stream: StreamId = 0, payload: bytes = b"", flags: int = 0) -> Frame:
    """A frame of a type that RFC 9113 does not define (§5.5)."""
    return Frame(frame_type, flags, stream, (payload,))


def all_octets(specs: Iterable[Spec], context: Context) -> bytes:
    """Several of them in one piece."""
    return b"".join(spec.octets(context) for spec in specs)
