"""Events are compared by what they say and print it."""

from __future__ import annotations

import pytest

from http2 import events as e
from http2.errors import ErrorCode
from http2.messages import Head, read_head
from tests.support.pair import GET, OK, TRAILERS

REQUEST = read_head(GET)

EXAMPLES = [
    (e.DataReceived(1, b"x", True), "DataReceived(data=b'x', end_stream=True, stream_id=1)"),
    (
        e.StreamReset(1, 8, True),
        "StreamReset(by_peer=True, error_code=8, reason='', stream_id=1, unprocessed=False, unsent=False)",
    ),
    (e.StreamWritable(1), "StreamWritable(stream_id=1)"),
    (e.SettingsReceived([(4, 1)]), "SettingsReceived(entries=[(4, 1)])"),
    (e.SettingsAcknowledged({4: 1}), "SettingsAcknowledged(values={4: 1})"),
    (e.PingReceived(b"12345678"), "PingReceived(payload=b'12345678')"),
    (e.PingAcknowledged(b"12345678"), "PingAcknowledged(payload=b'12345678')"),
    (e.GoAwayReceived(3, 0, b"bye"), "GoAwayReceived(debug_data=b'bye', error_code=0, last_stream_id=3)"),
    (
        e.ConnectionTerminated(0, False, "done"),
        "ConnectionTerminated(by_peer=False, error_code=0, reason='done')",
    ),
    (e.RequestReceived(1, REQUEST, True), f"RequestReceived(1, {GET!r}, end_stream=True)"),
    (e.ResponseReceived(1, read_head(OK), False), f"ResponseReceived(1, {OK!r}, end_stream=False)"),
    (
        e.InformationalReceived(1, read_head(((b":status", b"103"),)), False),
        "InformationalReceived(1, ((b':status', b'103'),), end_stream=False)",
    ),
    (e.TrailersReceived(1, read_head(TRAILERS), True), f"TrailersReceived(1, {TRAILERS!r}, end_stream=True)"),
]


@pytest.mark.parametrize(("event", "text"), EXAMPLES, ids=lambda x: type(x).__name__)
def test_an_event_prints_what_it_says(event: e.Event, text: str) -> None:
    assert repr(event) == text


@pytest.mark.parametrize("place", range(len(EXAMPLES)))
def test_an_event_equals_only_its_like(place: int) -> None:
    event = EXAMPLES[place][0]
    assert [other == event for other, _ in EXAMPLES].count(True) == 1
    assert event != "something else"
    with pytest.raises(TypeError):
        hash(event)


def test_two_heads_with_the_same_fields_make_equal_events() -> None:
    assert e.RequestReceived(1, read_head(GET), True) == e.RequestReceived(1, read_head(GET), True)
    assert e.RequestReceived(1, REQUEST, True) != e.RequestReceived(3, REQUEST, True)
    assert e.RequestReceived(1, REQUEST, True) != e.TrailersReceived(1, REQUEST, True)
    assert e.DataReceived(1, b"x", True) != e.DataReceived(1, b"x", False)


def test_a_termination_says_whether_it_was_clean_and_why() -> None:
    clean = e.ConnectionTerminated(ErrorCode.NO_ERROR, False, "done")
    failed = e.ConnectionTerminated(ErrorCode.PROTOCOL_ERROR, True, "nonsense")
    assert (clean.is_clean, failed.is_clean) == (True, False)
    assert (str(clean), str(failed)) == ("NO_ERROR: done", "PROTOCOL_ERROR: nonsense")


def test_heads_are_shared_not_copied() -> None:
    head: Head = read_head(GET)
    assert e.RequestReceived(1, head, True).head is head
