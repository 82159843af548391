"""Frames and field blocks as data: the octets they become, right and wrong ones."""

from __future__ import annotations

import pytest

from hpack_codec import NeverIndexedField, field_decoder
from http2 import frames
from http2.errors import ErrorCode
from http2.settings import MAX_CONCURRENT_STREAMS
from interop.conformance import script
from interop.conformance.script import (
    GET,
    STREAM,
    CannotDo,
    Content,
    FieldBlock,
    Filler,
    Frame,
    FrameSize,
    Indexed,
    Literal,
    Octets,
    Raw,
    Requests,
    Room,
    RoomOfConnection,
    SizeUpdate,
    StreamId,
    Symbol,
    TableSize,
    idle,
    incremental,
    never_indexed,
    replacing,
    without,
)
from interop.conformance.wire import FrameCutter


class Values:
    """Values for a test: stream 5 is begun, 7 is idle, 2 is even."""

    frame_bytes_max = 16_384

    def stream_id(self, stream: StreamId) -> int:
        return stream if isinstance(stream, int) else {"begun": 5, "idle": 7, "even": 2}[stream.kind]

    def value(self, symbol: Symbol) -> bytes:
        return symbol.value.encode()

    def room(self, stream_id: int) -> int:
        return 40_000 if stream_id else self.connection

    connection = 40_000

    def setting(self, identifier: int, initial: int) -> int:
        return {MAX_CONCURRENT_STREAMS: 3}.get(identifier, initial)


VALUES = Values()


@pytest.mark.parametrize(
    ("frame", "octets"),
    [
        (script.ping(b"12345678"), frames.build_ping(b"12345678")),
        (script.ping(b"12345678", ack=True), frames.build_ping(b"12345678", ack=True)),
        (script.settings((3, 100), (4, 1)), frames.build_settings({3: 100, 4: 1})),
        (script.settings_ack(), frames.SETTINGS_ACK),
        (script.rst_stream(STREAM, ErrorCode.CANCEL), frames.build_rst_stream(5, ErrorCode.CANCEL)),
        (script.goaway(idle(), 1, b"why"), frames.build_goaway(7, 1, b"why")),
        (script.window_update(0, 9), frames.build_window_update(0, 9)),
        (script.data(3, b"x", end_stream=True), frames.build_data_header(1, 3, True) + b"x"),
        (script.data(3, b"x", padding=2), frames.build_frame(frames.DATA, frames.PADDED, 3, b"\x02x\0\0")),
        (script.priority(3, 1, 9, exclusive=True), frames.build_frame(frames.PRIORITY, 0, 3, b"\x80\0\0\x01\x09")),
        (script.headers(3, Indexed(2), priority=bytes(5)), frames.build_frame(1, 0x24, 3, bytes(5) + b"\x82")),
        (script.push_promise(1, 2, Indexed(2)), frames.build_push_promise(1, 2, b"\x82")),
        (script.continuation(1, Indexed(2)), frames.build_frame(frames.CONTINUATION, 4, 1, b"\x82")),
        (script.unknown(0xAB, 1, b"x", 3), frames.build_frame(0xAB, 3, 1, b"x")),
    ],
)
def test_a_frame_as_the_rfc_wants_it(frame: Frame, octets: bytes) -> None:
    assert frame.octets(VALUES) == octets


def test_frames_that_lie() -> None:
    assert Frame(frames.PING, length=9).octets(VALUES) == b"\0\0\x09\x06\0\0\0\0\0", (
        "a length that is not the payload's"
    )
    assert Frame(0, reserved=True, stream=1).octets(VALUES)[5:] == b"\x80\0\0\x01", "the reserved bit"
    assert Frame(0, length=FrameSize(1)).octets(VALUES)[:3] == b"\0\x40\x01", "one more than is allowed"
    assert len(Frame(0, payload=(Filler(FrameSize(1)),)).octets(VALUES)) == 9 + 16_385
    with pytest.raises(CannotDo, match="no frame can be larger"):
        FrameSize(2**24).octets_in(VALUES)


def test_field_blocks_are_written_instruction_by_instruction() -> None:
    block = (
        SizeUpdate(100),
        *GET,
        incremental(b"x-a", b"1"),
        Indexed(62),
        never_indexed(b"x-b", b"secret", huffman=True),
        Literal(58, Symbol.PATH, huffman=True),
    )
    octets = b"".join(part.octets(VALUES) for part in block)
    fields = field_decoder().decode(octets)
    assert fields == (
        (b":method", b"GET"),
        (b":scheme", b"scheme"),
        (b":authority", b"authority"),
        (b":path", b"path"),
        (b"x-a", b"1"),
        (b"x-a", b"1"),
        NeverIndexedField(b"x-b", b"secret"),
        (b"user-agent", b"path"),
    )
    assert Octets(b"\xff").octets(VALUES) == b"\xff"


def test_fields_can_be_left_out_and_replaced_alone() -> None:
    assert [item.name for item in without(GET, b":path") if isinstance(item, Literal)] == [
        b":method",
        b":scheme",
        b":authority",
    ]
    assert replacing(GET, b":path", b"")[3] == Literal(b":path", b"")
    assert replacing(GET, b":path", b"")[:3] == GET[:3]


def test_a_field_block_is_cut_where_it_is_told() -> None:
    whole = b"".join(part.octets(VALUES) for part in GET)
    block = FieldBlock(STREAM, GET, at=(1, 1, 10_000), end_stream=True)
    seen = FrameCutter(is_sent=True).feed(block.octets(VALUES))
    assert [(frame.type, frame.flags, frame.stream_id, len(frame.payload)) for frame in seen] == [
        (frames.HEADERS, frames.END_STREAM, 5, 1),
        (frames.CONTINUATION, 0, 5, 0),
        (frames.CONTINUATION, 0, 5, len(whole) - 1),
        (frames.CONTINUATION, frames.END_HEADERS, 5, 0),
    ]
    assert b"".join(frame.payload for frame in seen) == whole


def test_content_fills_what_room_there_is() -> None:
    seen = FrameCutter(is_sent=True).feed(Content(STREAM, Room(STREAM, more=1), end_stream=True).octets(VALUES))
    assert [(len(frame.payload), frame.flags) for frame in seen] == [(16_384, 0), (16_384, 0), (7_233, 1)]
    assert Content(STREAM, 0, end_stream=True).octets(VALUES) == frames.build_data_header(0, 5, True)
    with pytest.raises(CannotDo, match="large"):
        Content(STREAM, 1 << 30).octets(VALUES)


def test_the_window_of_the_connection_is_filled_where_a_stream_can() -> None:
    assert RoomOfConnection(STREAM, more=1).octets_in(VALUES) == 40_001
    wide = Values()
    wide.connection = 40_001
    with pytest.raises(CannotDo, match="those of all streams"):
        RoomOfConnection(STREAM).octets_in(wide)


def test_a_table_size_is_the_one_that_was_announced() -> None:
    assert SizeUpdate(TableSize(more=1)).octets(VALUES) == SizeUpdate(4097).octets(VALUES)


def test_as_many_requests_as_are_allowed() -> None:
    seen = FrameCutter(is_sent=True).feed(Requests(open=1, more=2).octets(VALUES))
    assert [frame.type for frame in seen] == [frames.HEADERS] * 4
    values = Values()
    values.setting = lambda identifier, initial: initial  # type: ignore[method-assign]
    with pytest.raises(CannotDo, match="more than 1000 streams"):
        Requests().octets(values)


def test_octets_are_left_as_they_are() -> None:
    assert Raw(b"PRI").octets(VALUES) == b"PRI"
