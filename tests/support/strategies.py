"""What hypothesis draws: chunkings, frames that may be wrong, valid sessions, and things to do on a pair."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from hpack_codec import Encoder
from http2.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    PADDED,
    PREFACE,
    PRIORITY_FLAG,
    build_field_block,
    build_frame,
    build_ping,
    build_rst_stream,
    build_settings,
    build_window_update,
)
from tests.support.pair import GET, OK, POST, TRAILERS

stream_ids = st.sampled_from([0, 1, 2, 3, 5, 7, 9, 2**31 - 1, 2**31 + 1])
flag_sets = st.sampled_from([0, END_STREAM, END_HEADERS, END_HEADERS | END_STREAM, PADDED, PRIORITY_FLAG, ACK, 0xFF])

_encoder = Encoder(table_bytes_max=0)  # no entries: its blocks mean the same in every order
_encoder.encode(())  # says the size update that is due
BLOCKS = [_encoder.encode(fields) for fields in (GET, POST, OK, TRAILERS, GET + ((b"content-length", b"3"),))]

field_blocks = st.one_of(st.sampled_from(BLOCKS), st.binary(max_size=40))
frames = st.one_of(
    st.builds(build_frame, st.integers(0, 255), flag_sets, stream_ids, st.binary(max_size=40)),
    st.builds(build_frame, st.just(1), flag_sets, stream_ids, field_blocks),
    st.builds(lambda i, end, block: build_field_block(block, i, end, 16_384), stream_ids, st.booleans(), field_blocks),
    st.builds(build_frame, st.just(0), flag_sets, stream_ids, st.binary(max_size=100)),
    st.builds(build_window_update, stream_ids, st.sampled_from([0, 1, 1000, 2**31 - 1])),
    st.builds(build_rst_stream, stream_ids, st.integers(0, 20)),
    st.builds(
        build_settings, st.dictionaries(st.integers(0, 10), st.sampled_from([0, 1, 2, 100, 16_384, 2**31]), max_size=3)
    ),
    st.builds(build_ping, st.binary(min_size=8, max_size=8), st.booleans()),
)
octets = st.one_of(st.binary(max_size=60), st.lists(frames, max_size=12).map(b"".join))


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    """`data` in pieces: cut at each of `cuts`, taken modulo its length."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:stop] for start, stop in pairwise(places)]


cut_lists = st.lists(st.integers(0, 1 << 20), max_size=20)


def client_session() -> bytes:
    """What a well-behaved client says: requests with content, padding, trailers, and the other frames."""
    encoder = Encoder()
    return b"".join(
        (
            PREFACE,
            build_settings({4: 1000, 3: 100}),
            build_field_block(encoder.encode(GET), 1, True, 16_384),
            build_field_block(encoder.encode(POST + ((b"x-long", b"v" * 300),)), 3, False, 100),
            build_frame(0, PADDED, 3, b"\x05hello" + bytes(5)),
            build_ping(b"12345678"),
            build_window_update(0, 1000),
            build_frame(4, ACK, 0),
            build_frame(0, 0, 3, b"world"),
            build_frame(2, 0, 5, b"\0\0\0\1\x10"),
            build_field_block(encoder.encode(TRAILERS), 3, True, 16_384),
            build_frame(0xBE, 0x55, 0, b"unknown"),
            build_field_block(encoder.encode(GET + ((b"x-new", b"entry"),)), 5, False, 16_384),
            build_window_update(5, 100),
            build_rst_stream(5, 8),
            build_field_block(encoder.encode(GET + ((b"x-new", b"entry"),)), 7, True, 16_384),
            build_frame(7, 0, 0, b"\0\0\0\0\0\0\0\0bye"),
        )
    )


def server_session() -> bytes:
    """What a well-behaved server says to a client that has opened streams 1, 3 and 5."""
    encoder = Encoder()
    return b"".join(
        (
            build_settings({3: 100, 5: 20_000}),
            build_frame(4, ACK, 0),
            build_field_block(encoder.encode(((b":status", b"103"), (b"link", b"</style.css>"))), 1, False, 16_384),
            build_field_block(encoder.encode(OK + ((b"x-new", b"entry"),)), 1, False, 16_384),
            build_frame(0, PADDED, 1, b"\x03hello" + bytes(3)),
            build_field_block(encoder.encode(OK + ((b"x-new", b"entry"),)), 3, True, 16_384),
            build_ping(b"12345678"),
            build_field_block(encoder.encode(TRAILERS), 1, True, 16_384),
            build_rst_stream(5, 7),
            build_window_update(0, 1000),
            build_frame(7, 0, 0, b"\0\0\0\5\0\0\0\0bye"),
        )
    )


sides = st.booleans()
few = st.integers(0, 5)
operations = st.one_of(
    st.tuples(st.just("open"), st.booleans()),
    st.tuples(st.just("open"), st.just(False)),
    st.tuples(st.just("respond"), few, st.booleans()),
    st.tuples(st.just("data"), sides, few, st.integers(0, 300), st.booleans()),
    st.tuples(st.just("data"), sides, few, st.integers(0, 300), st.just(False)),
    st.tuples(st.just("trailers"), sides, few),
    st.tuples(st.just("consume"), sides, few, st.integers(1, 200)),
    st.tuples(st.just("reset"), sides, few),
    st.tuples(st.just("ping"), sides),
    st.tuples(
        st.just("settings"),
        sides,
        st.sampled_from([(1, 0), (1, 100), (1, 4096), (3, 0), (3, 1), (3, 3), (4, 0), (4, 7), (4, 300), (5, 17_000)]),
    ),
    st.tuples(st.just("pump")),
    st.tuples(st.just("deliver"), sides, st.integers(1, 200)),
    st.tuples(st.just("run")),
)
