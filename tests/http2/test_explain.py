"""The log of frames: every type in words, in any chunking, and one line for what cannot be read."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpack_codec import Encoder, NeverIndexedField
from http2.explain import CLIENT, SERVER, FrameLog, tap
from http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PRIORITY_FLAG,
    PUSH_PROMISE,
    SETTINGS,
    build_frame,
    build_goaway,
    build_ping,
    build_rst_stream,
    build_settings,
    build_window_update,
)

REQUEST = (
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":path", b"/"),
    NeverIndexedField(b"authorization", b"secret"),
    (b"x-odd", b"\xc3\xa9 \xff\x1b[31m"),
)
BLOCK = Encoder().encode(REQUEST)
FIELDS = [
    ":method: GET",
    ":scheme: http",
    ":path: /",
    "authorization: secret  (never indexed)",
    "x-odd: é \\xff\\x1b[31m",
]

FRAMES: list[tuple[bytes, list[str]]] = [
    (build_frame(DATA, END_STREAM, 1, b"hello\n"), ["DATA           stream 1  END_STREAM  6 octets", "'hello\\n'"]),
    (build_frame(DATA, 0, 1, b"x"), ["DATA           stream 1  1 octet", "'x'"]),
    (build_frame(DATA, 0, 1), ["DATA           stream 1  0 octets"]),
    (
        build_frame(DATA, PADDED | 0x40, 1, b"\x02" + bytes(range(40)) + b"\0\0"),
        ["DATA           stream 1  PADDED 0x40  43 octets", bytes(range(32)).hex(" ") + " ... (40 octets)"],
    ),
    (
        build_frame(HEADERS, END_STREAM | END_HEADERS, 3, BLOCK),
        [f"HEADERS        stream 3  END_STREAM END_HEADERS  {len(BLOCK)} octets", *FIELDS],
    ),
    (
        build_frame(HEADERS, END_HEADERS | PADDED | PRIORITY_FLAG, 3, b"\x01" + bytes(5) + BLOCK + b"\0"),
        [f"HEADERS        stream 3  END_HEADERS PADDED PRIORITY  {len(BLOCK) + 7} octets", *FIELDS],
    ),
    (build_frame(PRIORITY, 0, 5, bytes(5)), ["PRIORITY       stream 5  5 octets", "deprecated (RFC 9113 §5.3.2)"]),
    (build_rst_stream(5, 8), ["RST_STREAM     stream 5  4 octets", "CANCEL"]),
    (build_rst_stream(5, 0xFFFF), ["RST_STREAM     stream 5  4 octets", "0xffff"]),
    (
        build_settings({1: 0, 3: 100, 0xABC: 5}),
        ["SETTINGS       connection  18 octets", "HEADER_TABLE_SIZE = 0", "MAX_CONCURRENT_STREAMS = 100", "0xabc = 5"],
    ),
    (build_frame(SETTINGS, ACK, 0), ["SETTINGS       connection  ACK  0 octets"]),
    (
        build_frame(PUSH_PROMISE, END_HEADERS, 1, b"\x80\0\0\x02" + BLOCK),
        [f"PUSH_PROMISE   stream 1  END_HEADERS  {len(BLOCK) + 4} octets", "promises stream 2", *FIELDS],
    ),
    (
        build_frame(PUSH_PROMISE, END_HEADERS | PADDED, 1, b"\x01\0\0\0\x02" + BLOCK + b"\0"),
        [f"PUSH_PROMISE   stream 1  END_HEADERS PADDED  {len(BLOCK) + 6} octets", "promises stream 2", *FIELDS],
    ),
    (build_ping(b"abcdefgh"), ["PING           connection  8 octets", "'abcdefgh'"]),
    (build_ping(bytes(8), ack=True), ["PING           connection  ACK  8 octets", "00 00 00 00 00 00 00 00"]),
    (
        build_goaway(7, 0xB, b"too\nmany"),
        ["GOAWAY         connection  16 octets", "ENHANCE_YOUR_CALM, last stream 7", "debug data: too\\nmany"],
    ),
    (build_goaway(0, 0), ["GOAWAY         connection  8 octets", "NO_ERROR, last stream 0"]),
    (build_window_update(1, 1000), ["WINDOW_UPDATE  stream 1  4 octets", "+1000"]),
    (build_frame(0xBE, 0x81, 9, b"\xff"), ["type 0xbe      stream 9  0x81  1 octet", "ff"]),
    (build_frame(0xBE, 0, 9), ["type 0xbe      stream 9  0 octets"]),
]


def shown(lines: list[str], role: str = CLIENT) -> list[str]:
    """Lines as a log of `role` prints them."""
    return [f"{role}  {lines[0]}", *(" " * 12 + line for line in lines[1:])]


@pytest.mark.parametrize("number", range(len(FRAMES)))
def test_each_frame_in_words(number: int) -> None:
    octets, lines = FRAMES[number]
    log = FrameLog(CLIENT)
    assert log.feed(octets) == shown(lines)
    assert log.finish() is None


def whole_connection() -> tuple[bytes, list[str]]:
    """The preface and one frame of each kind, whose field blocks are encoded in their order."""
    encoder = Encoder()
    octets, lines = PREFACE, [f"{CLIENT}  preface        PRI * HTTP/2.0"]
    for frame, described in FRAMES:
        if BLOCK in frame:
            continue
        octets += frame
        lines += shown(described)
    for stream_id in (1, 3):  # the second block only points at what the first has put into the table
        block = encoder.encode(REQUEST)
        octets += build_frame(HEADERS, END_HEADERS, stream_id, block)
        lines += shown([f"HEADERS        stream {stream_id}  END_HEADERS  {len(block)} octets", *FIELDS])
    return octets, lines


@given(cuts=st.lists(st.integers(min_value=0, max_value=600), max_size=20))
def test_any_chunking_gives_the_same_lines(cuts: list[int]) -> None:
    octets, lines = whole_connection()
    log = FrameLog(CLIENT)
    seen = []
    edges = sorted({0, len(octets), *(cut for cut in cuts if cut < len(octets))})
    for start, stop in itertools.pairwise(edges):
        seen += log.feed(octets[start:stop])
    assert seen == lines
    assert log.finish() is None


def test_octet_by_octet() -> None:
    octets, lines = whole_connection()
    log = FrameLog(CLIENT)
    assert [line for octet in octets for line in log.feed(bytes([octet]))] == lines


@given(octets=st.binary(max_size=200))
def test_any_octets_are_shown_or_refused_but_nothing_is_raised(octets: bytes) -> None:
    for start in (b"", PREFACE):
        for role in (CLIENT, SERVER):
            log = FrameLog(role)
            lines = log.feed(start + octets)
            problem = log.finish()
            assert all(line.isprintable() for line in lines)
            assert problem is None or problem.isprintable()
            if problem is not None:
                assert log.feed(b"more") == []


def test_a_block_goes_on_in_continuation() -> None:
    log = FrameLog(SERVER)
    assert log.feed(build_frame(HEADERS, 0, 1, BLOCK[:5])) == shown(
        ["HEADERS        stream 1  5 octets", "(the field block goes on)"], SERVER
    )
    lines = log.feed(build_frame(CONTINUATION, END_HEADERS, 1, BLOCK[5:]))
    assert lines == shown([f"CONTINUATION   stream 1  END_HEADERS  {len(BLOCK) - 5} octets", *FIELDS], SERVER)


def test_what_is_not_valid_is_said_and_the_log_goes_on() -> None:
    log = FrameLog(CLIENT)
    lines = log.feed(build_frame(PING, 0, 0, b"short") + build_ping(bytes(8)))
    assert lines[1].strip() == "not valid: PING frame with a payload of 5 octets; it has 8 (RFC 9113 §6.7)"
    assert lines[2] == f"{CLIENT}  PING           connection  8 octets"


def test_a_table_of_any_size_is_followed() -> None:
    """The limit is in the SETTINGS of the other direction, which this log does not see."""
    encoder = Encoder(table_bytes_max=65_536)
    encoder.set_table_bytes_max(65_536)
    log = FrameLog(CLIENT)
    for number in range(100):
        fields = ((b":method", b"GET"), (b"x-long", b"%d" % number * 100))
        lines = log.feed(build_frame(HEADERS, END_HEADERS, 1, encoder.encode(fields)))
        assert lines[-1].endswith(f"x-long: {str(number) * 100}")


def test_a_list_that_is_too_large_is_said_and_the_log_goes_on() -> None:
    encoder = Encoder()
    fields = tuple((b"x-%d" % number, b"") for number in range(5_000))
    log = FrameLog(CLIENT)
    lines = log.feed(build_frame(HEADERS, END_HEADERS, 1, encoder.encode(fields)))
    assert "5000 fields" in lines[1]
    assert log.feed(build_frame(HEADERS, END_HEADERS, 3, encoder.encode(REQUEST)))[1:] == shown(["", *FIELDS])[1:]


def test_a_block_that_cannot_be_decoded_ends_the_log() -> None:
    log = FrameLog(CLIENT)
    lines = log.feed(build_frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff") + build_ping(bytes(8)))
    assert len(lines) == 2, "nothing after it can be trusted"
    assert "a field block cannot be decoded" in lines[1]
    assert log.finish() == log.problem == lines[1].strip()


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"GET / HTTP/1.1\r\n", "this is not HTTP/2: it begins with b'GET / HTTP/1.1\\r\\n'"),
        (b"HTTP/1.1 400 Bad Request\r\n", "this is not HTTP/2: it begins with b'HTTP/1.1 400 Bad Request\\r\\n'"),
        (b"PRI * HTTP/1.1\r\n", "this is not HTTP/2: it begins with b'PRI * HTTP/1.1\\r\\n'"),
        (b"\x16\x03\x01", "this is not HTTP/2: it begins with a TLS handshake"),
        (b"\x15\x03\x01", "this is not HTTP/2: it begins with a TLS alert"),
        (PREFACE[:5], "the preface is cut short: 5 of 24 octets"),
        (b"\0\0\0\x04", "a frame is cut short: 4 of the 9 octets of its header"),
        (build_ping(bytes(8))[:-1], "a frame is cut short: 7 of the 8 octets of its payload"),
    ],
)
def test_what_cannot_be_read_is_one_line(octets: bytes, problem: str) -> None:
    log = FrameLog(CLIENT)
    assert log.feed(octets) == []
    assert log.finish() == problem
    assert log.feed(b"more") == []


def test_the_caller_may_say_what_data_means() -> None:
    log = FrameLog(SERVER, describe_data=lambda stream_id, octets: f"stream {stream_id}\nhas {len(octets)}")
    assert log.feed(build_frame(DATA, PADDED, 1, b"\x01abc\0") + build_frame(DATA, END_STREAM, 1)) == [
        "server  DATA           stream 1  PADDED  5 octets",
        "            stream 1",
        "            has 3",
        "server  DATA           stream 1  END_STREAM  0 octets",
    ]


def test_a_role_is_client_or_server() -> None:
    with pytest.raises(ValueError, match="'proxy'"):
        FrameLog("proxy")


@pytest.mark.parametrize("is_client", [True, False])
def test_a_tap_shows_both_directions_in_their_order(is_client: bool) -> None:
    lines: list[str] = []
    see = tap(is_client, lines.append)
    own, other = (CLIENT, SERVER) if is_client else (SERVER, CLIENT)
    see("sent", build_ping(bytes(8)))
    see("received", build_frame(HEADERS, END_HEADERS, 1, b"\x80"))
    see("received", build_ping(bytes(8)))
    see("sent", b"")
    assert [line for line in lines if not line.startswith(" ")][:2] == [
        f"{own}  PING           connection  8 octets",
        f"{other}  HEADERS        stream 1  END_HEADERS  1 octet",
    ]
    assert lines[-1].startswith(f"{other}  a field block cannot be decoded"), "it is said once, and that is the end"
