"""The rules that are watched in passing: each is broken by frames that a test writes by hand, and noted once."""

from __future__ import annotations

import pytest

from hpack_codec import FieldList
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
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)
from interop.conformance.checks import Passive
from interop.conformance.model import Role
from interop.conformance.wire import WireFrame

OK: FieldList = ((b":status", b"200"),)
GET: FieldList = ((b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"a"))
HEAD: FieldList = ((b":method", b"HEAD"), *GET[1:])
SERVER, CLIENT = Role.SERVER, Role.CLIENT


def frame(
    kind: int,
    stream: int = 0,
    payload: bytes = b"",
    flags: int = 0,
    fields: FieldList | None = None,
    *,
    sent: bool = False,
) -> WireFrame:
    if fields is not None:
        flags |= END_HEADERS
    return WireFrame(sent, kind, flags, stream, payload, length=len(payload), fields=fields)


def ours(
    kind: int, stream: int = 0, payload: bytes = b"", flags: int = 0, fields: FieldList | None = None
) -> WireFrame:
    return frame(kind, stream, payload, flags, fields, sent=True)


def uint32(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


def entry(key: int, value: int) -> bytes:
    return key.to_bytes(2, "big") + uint32(value)


FIRST = frame(SETTINGS)
LONG = frame(HEADERS, 1, flags=END_STREAM, fields=(*OK, (b"content-length", b"9")))
REQUEST = ours(HEADERS, 1, flags=END_STREAM, fields=GET)
ANSWER = frame(HEADERS, 1, fields=OK)
ASKED = frame(HEADERS, 1, flags=END_STREAM, fields=GET)
DONE = frame(DATA, 1, flags=END_STREAM)
PINGED = ours(PING, payload=b"12345678")
PONG = frame(PING, payload=b"12345678", flags=ACK)


def watched(role: Role, *frames: WireFrame) -> list[str]:
    """The rules that were broken."""
    passive = Passive(role)
    for each in frames:
        (passive.sent if each.is_sent else passive.received)(each)
    return [violation.rule for violation in passive.violations]


@pytest.mark.parametrize(
    ("role", "frames"),
    [
        (SERVER, (FIRST, REQUEST, ANSWER, frame(DATA, 1, b"x"), DONE)),
        (SERVER, (FIRST, REQUEST, frame(HEADERS, 1, fields=((b":status", b"103"),)), ANSWER, DONE)),
        (SERVER, (FIRST, REQUEST, ANSWER, frame(HEADERS, 1, flags=END_STREAM, fields=((b"x-t", b"1"),)))),
        (SERVER, (FIRST, REQUEST, ANSWER, DONE, frame(RST_STREAM, 1, uint32(0)), frame(GOAWAY, 0, uint32(1, 0)))),
        (SERVER, (FIRST, PINGED, PONG, ours(SETTINGS), frame(SETTINGS, flags=ACK))),
        (SERVER, (FIRST, frame(0x20, 99, b"anything", 0xFF))),
        (
            SERVER,
            (FIRST, ours(HEADERS, 1, fields=HEAD), frame(HEADERS, 1, flags=1, fields=(*OK, (b"content-length", b"9")))),
        ),
        (SERVER, (FIRST, REQUEST, frame(HEADERS, 1), frame(CONTINUATION, 1, fields=OK), DONE)),
        (CLIENT, (FIRST, ASKED, frame(HEADERS, 5, fields=GET), frame(DATA, 5, b"x"), frame(RST_STREAM, 5, uint32(8)))),
    ],
)
def test_what_is_right_breaks_nothing(role: Role, frames: tuple[WireFrame, ...]) -> None:
    assert watched(role, *frames) == []


@pytest.mark.parametrize(
    ("rule", "role", "frames"),
    [
        ("PRE-06", SERVER, (frame(PING, payload=bytes(8)),)),
        ("PRE-08", CLIENT, (frame(SETTINGS, flags=ACK),)),
        ("PRE-07", SERVER, (FIRST, frame(SETTINGS, flags=ACK))),
        ("PNG-01", SERVER, (FIRST, PINGED, PONG, PONG)),
        ("PNG-01", SERVER, (FIRST, PINGED, frame(PING, payload=b"other...", flags=ACK))),
        ("FRM-04", SERVER, (FIRST, WireFrame(False, PING, 0, 0, bytes(8), reserved=True, length=8))),
        ("FRM-04", SERVER, (FIRST, frame(PING, payload=bytes(8), flags=0x80))),
        ("FRM-04", SERVER, (FIRST, REQUEST, ANSWER, frame(DATA, 1, b"\x02xy\x00\x01", PADDED))),
        ("FRM-04", SERVER, (FIRST, REQUEST, ANSWER, frame(DATA, 1, b"\x05xy", PADDED))),
        ("FRM-04", SERVER, (FIRST, frame(PING, payload=bytes(7)))),
        ("FRM-04", SERVER, (FIRST, frame(SETTINGS, payload=bytes(5)))),
        ("FRM-04", SERVER, (FIRST, frame(PING, 1, bytes(8)))),
        ("FRM-04", SERVER, (FIRST, frame(GOAWAY, 0, bytes(7)))),
        ("FRM-09", SERVER, (FIRST, REQUEST, ANSWER, frame(DATA, 1, bytes(16_385)))),
        ("FRM-12", SERVER, (FIRST, REQUEST, frame(HEADERS, 1, b"a"), frame(PING, payload=bytes(8)))),
        ("FRM-12", SERVER, (FIRST, REQUEST, ANSWER, frame(CONTINUATION, 1, b"a"))),
        ("STR-06", SERVER, (FIRST, REQUEST, ANSWER, DONE, frame(DATA, 1))),
        ("STR-06", SERVER, (FIRST, REQUEST, frame(RST_STREAM, 1, uint32(1)), ANSWER)),
        ("STR-11", SERVER, (FIRST, REQUEST, frame(RST_STREAM, 1, uint32(1)), frame(RST_STREAM, 1, uint32(1)))),
        ("STR-10", SERVER, (FIRST, REQUEST, ours(RST_STREAM, 1, uint32(8)), PINGED, PONG, ANSWER)),
        ("STR-01", SERVER, (FIRST, frame(HEADERS, 3, fields=OK))),
        ("STR-01", SERVER, (FIRST, frame(RST_STREAM, 1, uint32(1)))),
        ("STR-17", SERVER, (FIRST, REQUEST, frame(DATA, 1, b"x"))),
        ("STR-15", CLIENT, (FIRST, frame(HEADERS, 2, fields=GET))),
        ("STR-15", CLIENT, (FIRST, frame(HEADERS, 5, fields=GET), frame(HEADERS, 3, fields=GET))),
        ("STR-14", CLIENT, (FIRST, ours(SETTINGS, payload=entry(3, 1)), frame(SETTINGS, flags=ACK), ASKED,
                            frame(HEADERS, 3, fields=GET))),
        ("FLW-05", SERVER, (FIRST, ours(SETTINGS, payload=entry(4, 1)), frame(SETTINGS, flags=ACK), REQUEST, ANSWER,
                            frame(DATA, 1, b"xx"))),
        ("FLW-05", SERVER, (FIRST, REQUEST, ANSWER, *[frame(DATA, 1, bytes(16_384))] * 4)),
        ("FLW-08", SERVER, (FIRST, frame(WINDOW_UPDATE, 0, uint32(2**31 - 1)))),
        ("FLW-08", SERVER, (FIRST, REQUEST, frame(WINDOW_UPDATE, 1, uint32(2**31 - 1)))),
        ("FLW-09", SERVER, (FIRST, frame(WINDOW_UPDATE, 0, uint32(0)))),
        ("SET-03", SERVER, (frame(SETTINGS, payload=entry(2, 1)),)),
        ("SET-03", SERVER, (FIRST, ours(SETTINGS, payload=entry(2, 0)), frame(SETTINGS, flags=ACK), REQUEST,
                            frame(PUSH_PROMISE, 1, uint32(2), END_HEADERS))),
        ("SET-04", SERVER, (frame(SETTINGS, payload=entry(5, 1)),)),
        ("PNG-02", SERVER, (FIRST, frame(GOAWAY, 0, uint32(1, 0)), frame(GOAWAY, 0, uint32(3, 0)))),
        ("PNG-06", SERVER, (FIRST, REQUEST, ANSWER, DONE, frame(GOAWAY, 0, uint32(0, 1)))),
        ("PNG-05", CLIENT, (FIRST, ours(GOAWAY, 0, uint32(0, 0)), PINGED, PONG, ASKED)),
        ("FRM-13", SERVER, (FIRST, frame(GOAWAY, 0, uint32(0, 1)), frame(GOAWAY, 0, uint32(0, 1)))),
        ("MSG-07", SERVER, (FIRST, REQUEST, frame(HEADERS, 1, fields=(*OK, (b"connection", b"close"))))),
        ("MSG-07", SERVER, (FIRST, REQUEST, frame(HEADERS, 1, fields=(*OK, (b"X-Upper", b"1"))))),
        ("MSG-21", SERVER, (FIRST, REQUEST, ANSWER, frame(HEADERS, 1, fields=((b"x-t", b"1"),)))),
        ("MSG-21", SERVER, (FIRST, REQUEST, frame(HEADERS, 1, fields=((b"x-t", b"1"),)))),
        ("MSG-19", SERVER, (FIRST, REQUEST, frame(HEADERS, 1, fields=(*OK, (b"content-length", b"9"))), DONE)),
        ("CLI-02", SERVER, (FIRST, REQUEST, frame(HEADERS, 1, flags=END_STREAM, fields=((b":status", b"103"),)))),
        ("CLI-10", CLIENT, (FIRST, frame(HEADERS, 1, fields=GET[1:]))),
    ],
)  # fmt: skip
def test_what_is_wrong_is_noted(rule: str, role: Role, frames: tuple[WireFrame, ...]) -> None:
    assert rule in watched(role, *frames)


def test_a_violation_is_noted_once() -> None:
    bad = frame(WINDOW_UPDATE, 0, uint32(0))
    assert watched(SERVER, FIRST, bad, bad, bad) == ["FLW-09"]


def test_settings_on_their_way_excuse_what_either_value_allows() -> None:
    smaller = ours(SETTINGS, payload=entry(4, 1))
    assert watched(SERVER, FIRST, REQUEST, smaller, ANSWER, frame(DATA, 1, b"two")) == []
    raised = ours(SETTINGS, payload=entry(5, 32_768))
    assert watched(SERVER, FIRST, REQUEST, raised, ANSWER, frame(DATA, 1, bytes(16_385))) == []


def test_the_room_for_our_data_is_known() -> None:
    passive = Passive(SERVER)
    for each in (frame(SETTINGS, payload=entry(4, 1_000)), ours(HEADERS, 1, fields=GET), ours(DATA, 1, b"x" * 10)):
        (passive.sent if each.is_sent else passive.received)(each)
    assert (passive.room(0), passive.room(1), passive.room(3)) == (65_525, 990, 1_000)
    passive.received(frame(WINDOW_UPDATE, 1, uint32(5)))
    assert passive.room(1) == 995


def test_a_stream_below_one_that_was_opened_is_closed_and_not_idle() -> None:
    reset = frame(RST_STREAM, 3, uint32(5))
    assert watched(SERVER, FIRST, ours(HEADERS, 7, fields=GET), reset) == []
    assert watched(SERVER, FIRST, ours(HEADERS, 1, fields=GET), reset) == ["STR-01"]


def test_who_goes_on_after_its_reset_may_be_told_so() -> None:
    closed = (ours(HEADERS, 1, fields=GET), ours(RST_STREAM, 1, uint32(8)), PINGED, PONG)
    reset = frame(RST_STREAM, 1, uint32(5))
    assert watched(SERVER, FIRST, *closed, reset) == ["STR-10"]
    assert watched(SERVER, FIRST, *closed, ours(DATA, 1, b"late"), reset) == []


def test_a_second_reset_may_come_for_a_frame_that_was_sent_when_the_first_was_known() -> None:
    """RFC 9113 §5.4.2: "if it receives frames on a closed stream after more than a round-trip time"."""
    opened = (FIRST, ours(HEADERS, 1, fields=GET))
    reset, late = frame(RST_STREAM, 1, uint32(5)), ours(DATA, 1, b"late")
    assert watched(SERVER, *opened, late, reset, reset) == ["STR-11"]
    assert watched(SERVER, *opened, reset, late, reset) == []
    assert watched(SERVER, *opened, reset, late, reset, ANSWER) == ["STR-06"], "nothing else may come"


def test_a_stream_that_was_skipped_is_reset_once_too() -> None:
    skipped = (FIRST, ours(HEADERS, 7, fields=GET), ours(DATA, 5, b"x"))
    reset = frame(RST_STREAM, 5, uint32(5))
    assert watched(SERVER, *skipped, reset) == []
    assert watched(SERVER, *skipped, reset, reset) == ["STR-11"]
