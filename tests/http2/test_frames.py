"""Frames (RFC 9113 §4.1, §6): layouts. Each parser sees a frame whole, octet by octet and with another frame behind it;
`test_frame_reader` does the cutting."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from http2 import errors, frames
from http2.errors import ErrorCode, StreamError


def test_a_frame_is_nine_octets_and_its_payload() -> None:
    frame = frames.build_frame(0xBE, 0x55, 0x01020304, b"payload")
    assert frame == b"\x00\x00\x07\xbe\x55\x01\x02\x03\x04payload"
    assert frames.unpack_header(frame) == (7 << 8 | 0xBE, 0x55, 0x01020304)


def test_types_have_the_rfcs_numbers() -> None:
    assert [int(frame_type) for frame_type in frames.FrameType] == list(range(10))
    assert frames.FrameType(frames.CONTINUATION).name == "CONTINUATION"
    assert frames.FrameType(frames.DATA).name == "DATA"


def test_the_preface_is_the_rfcs() -> None:
    assert frames.PREFACE.hex() == "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a"


# The octets of whole frames, as §6 draws them.
BUILT = [
    ("DATA", frames.build_data_header(5, 1, True), "000005 00 01 00000001"),
    ("DATA without end", frames.build_data_header(2**24 - 1, 1, False), "ffffff 00 00 00000001"),
    ("HEADERS", frames.build_field_block(b"\x82\x84", 1, True, 16_384), "000002 01 05 00000001 8284"),
    ("HEADERS without end", frames.build_field_block(b"\x82", 1, False, 16_384), "000001 01 04 00000001 82"),
    ("RST_STREAM", frames.build_rst_stream(3, 0xFFFFFFFF), "000004 03 00 00000003 ffffffff"),
    ("SETTINGS", frames.build_settings({4: 2**31 - 1, 3: 7}), "00000c 04 00 00000000 0004 7fffffff 0003 00000007"),
    ("SETTINGS, empty", frames.build_settings({}), "000000 04 00 00000000"),
    ("SETTINGS ACK", frames.SETTINGS_ACK, "000000 04 01 00000000"),
    ("PUSH_PROMISE", frames.build_push_promise(1, 2, b"\x82"), "000005 05 04 00000001 00000002 82"),
    ("PING", frames.build_ping(b"12345678"), "000008 06 00 00000000 3132333435363738"),
    ("PING ACK", frames.build_ping(b"12345678", ack=True), "000008 06 01 00000000 3132333435363738"),
    ("GOAWAY", frames.build_goaway(2**31 - 1, 11, b"why"), "00000b 07 00 00000000 7fffffff 0000000b 776879"),
    ("WINDOW_UPDATE", frames.build_window_update(1, 2**31 - 1), "000004 08 00 00000001 7fffffff"),
]


@pytest.mark.parametrize(("built", "octets"), [case[1:] for case in BUILT], ids=[case[0] for case in BUILT])
def test_frames_are_built_as_the_rfc_draws_them(built: bytes, octets: str) -> None:
    assert built == bytes.fromhex(octets)


def test_a_long_block_is_continued_in_frames_of_the_size_the_peer_takes() -> None:
    octets = frames.build_field_block(b"aaabbbc", 9, True, 3)
    assert octets == (
        frames.build_frame(frames.HEADERS, frames.END_STREAM, 9, b"aaa")
        + frames.build_frame(frames.CONTINUATION, 0, 9, b"bbb")
        + frames.build_frame(frames.CONTINUATION, frames.END_HEADERS, 9, b"c")
    ), "§6.10: END_STREAM on HEADERS, END_HEADERS on the last"
    exact = frames.build_field_block(b"aaabbb", 9, False, 3)
    assert exact == (
        frames.build_frame(frames.HEADERS, 0, 9, b"aaa")
        + frames.build_frame(frames.CONTINUATION, frames.END_HEADERS, 9, b"bbb")
    ), "no empty frame at the end"


PARSED: list[tuple[str, Callable[[], object], object]] = [
    ("HEADERS", lambda: frames.parse_headers(0, b"block"), b"block"),
    ("HEADERS, padded", lambda: frames.parse_headers(frames.PADDED, b"\x02blockPP"), b"block"),
    ("HEADERS, only padding", lambda: frames.parse_headers(frames.PADDED, b"\x02PP"), b""),
    ("HEADERS, priority", lambda: frames.parse_headers(frames.PRIORITY_FLAG, b"12345block"), b"block"),
    ("HEADERS, both", lambda: frames.parse_headers(0x28, b"\x0112345blockP"), b"block"),
    ("padding of nothing", lambda: frames.remove_padding(b"\x00", "DATA", "§6.1"), b""),
    ("padding of zero", lambda: frames.remove_padding(b"\x00abc", "DATA", "§6.1"), b"abc"),
    ("padding that is not zero", lambda: frames.remove_padding(b"\x03abcPAD", "DATA", "§6.1"), b"abc"),
    ("PRIORITY", lambda: frames.check_priority(1, bytes(5)), None),
    ("RST_STREAM", lambda: frames.parse_rst_stream(b"\xff\xff\xff\xff"), 2**32 - 1),
    ("SETTINGS, empty", lambda: frames.parse_settings(b""), []),
    ("SETTINGS, repeated", lambda: frames.parse_settings(bytes.fromhex("000400000001" * 2)), [(4, 1), (4, 1)]),
    ("PING", lambda: frames.check_ping(b"12345678"), None),
    ("GOAWAY", lambda: frames.parse_goaway(b"\xff\xff\xff\xff\0\0\0\x0bwhy"), (2**31 - 1, 11, b"why")),
    ("GOAWAY without debug data", lambda: frames.parse_goaway(bytes(8)), (0, 0, b"")),
    ("WINDOW_UPDATE", lambda: frames.parse_window_update(b"\x00\x00\x01\x00"), 256),
    ("WINDOW_UPDATE, reserved bit", lambda: frames.parse_window_update(b"\x80\x00\x00\x00"), 0),
]


@pytest.mark.parametrize(("parse", "result"), [case[1:] for case in PARSED], ids=[case[0] for case in PARSED])
def test_payloads_are_parsed(parse: Callable[[], object], result: object) -> None:
    assert parse() == result


# FRM-08: (what, parser, code, section); all of them end the connection.
BAD: list[tuple[str, Callable[[], object], ErrorCode, str]] = [
    ("DATA, no Pad Length", lambda: frames.remove_padding(b"", "DATA", "§6.1"), ErrorCode.FRAME_SIZE_ERROR, "§6.1"),
    ("DATA, all padding", lambda: frames.remove_padding(b"\x03ab", "DATA", "§6.1"), ErrorCode.PROTOCOL_ERROR, "§6.1"),
    ("DATA, 1 too many", lambda: frames.remove_padding(b"\x01", "DATA", "§6.1"), ErrorCode.PROTOCOL_ERROR, "§6.1"),
    ("HEADERS, no Pad Length", lambda: frames.parse_headers(8, b""), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.2"),
    ("HEADERS, all padding", lambda: frames.parse_headers(8, b"\x05abc"), ErrorCode.PROTOCOL_ERROR, "RFC 9113 §6.2"),
    (
        "HEADERS, short priority",
        lambda: frames.parse_headers(0x20, b"1234"),
        ErrorCode.FRAME_SIZE_ERROR,
        "RFC 9113 §6.2",
    ),
    (
        "HEADERS, both, short",
        lambda: frames.parse_headers(0x28, b"\x0112345"),
        ErrorCode.FRAME_SIZE_ERROR,
        "RFC 9113 §6.2",
    ),
    ("RST_STREAM, 0", lambda: frames.parse_rst_stream(b""), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.4"),
    ("RST_STREAM, 3", lambda: frames.parse_rst_stream(b"123"), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.4"),
    ("RST_STREAM, 5", lambda: frames.parse_rst_stream(b"12345"), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.4"),
    ("SETTINGS, 1", lambda: frames.parse_settings(bytes(1)), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.5"),
    ("SETTINGS, 5", lambda: frames.parse_settings(bytes(5)), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.5"),
    ("SETTINGS, 7", lambda: frames.parse_settings(bytes(7)), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.5"),
    ("PING, 7", lambda: frames.check_ping(bytes(7)), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.7"),
    ("PING, 9", lambda: frames.check_ping(bytes(9)), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.7"),
    ("GOAWAY, 7", lambda: frames.parse_goaway(bytes(7)), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.8"),
    ("WINDOW_UPDATE, 3", lambda: frames.parse_window_update(bytes(3)), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.9"),
    ("WINDOW_UPDATE, 5", lambda: frames.parse_window_update(bytes(5)), ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.9"),
]


@pytest.mark.parametrize(("parse", "code", "rule"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bad_payload_ends_the_connection(parse: Callable[[], object], code: ErrorCode, rule: str) -> None:
    with pytest.raises(errors.ConnectionError) as caught:
        parse()
    assert (caught.value.error_code, caught.value.rule) == (code, rule)


@pytest.mark.parametrize("length", [0, 4, 6])
def test_a_priority_of_the_wrong_length_ends_its_stream(length: int) -> None:
    with pytest.raises(StreamError, match=f"a payload of {length} octets; it has 5") as caught:
        frames.check_priority(7, bytes(length))
    assert caught.value.stream_id == 7
    assert (caught.value.error_code, caught.value.rule) == (ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §6.3")
