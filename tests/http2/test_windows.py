"""Flow-control windows (RFC 9113 §5.2, §6.9)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from http2 import errors
from http2.config import MAX_WINDOW
from http2.errors import ErrorCode, StreamError
from http2.windows import ReceiveWindow, grown


def numbers(window: ReceiveWindow) -> tuple[int, int, int, int]:
    assert window.is_balanced()
    return window.limit, window.available, window.held, window.unsent


def test_octets_go_round() -> None:
    window = ReceiveWindow(100)
    assert window.receive(60)
    assert numbers(window) == (100, 40, 60, 0)
    assert window.consume(49) == 0, "under half of the window is not worth a frame"
    assert numbers(window) == (100, 40, 11, 49)
    assert window.consume(1) == 50, "half of the window is announced"
    assert numbers(window) == (100, 90, 10, 0)


@pytest.mark.parametrize(
    ("limit", "worth"),
    [
        (1, 1),
        (65_535, 32_768),
        (524_288, 262_144),
        (1 << 20, 262_144),
        (1 << 22, 262_144),
        (1 << 24, 262_144),
        (1 << 26, 1 << 20),
    ],
)
def test_of_a_large_window_less_than_half_is_announced(limit: int, worth: int) -> None:
    window = ReceiveWindow(limit)
    assert window.receive(limit)
    assert window.consume(worth - 1) == 0
    assert window.consume(1) == worth
    assert window.resize(limit * 2) == 0
    assert window.announced - window.available == limit, "what has arrived, whatever was announced"
    assert window.is_balanced()


def test_one_octet_too_many_is_refused_and_changes_nothing() -> None:
    window = ReceiveWindow(100)
    assert not window.receive(101)
    assert numbers(window) == (100, 100, 0, 0)
    assert window.receive(100), "FLW-01: the last octet still fits"
    assert not window.receive(1)


def test_nothing_is_announced_when_nothing_was_consumed() -> None:
    assert ReceiveWindow(0).consume(0) == 0, "an increment of 0 is an error (§6.9)"
    assert ReceiveWindow(100).consume(0) == 0


@pytest.mark.parametrize("limit", [0, 10])
def test_empty_data_passes_a_closed_and_a_negative_window(limit: int) -> None:
    window = ReceiveWindow(100)
    assert window.receive(50)
    window.resize(limit)
    assert window.available == limit - 50
    assert window.receive(0), "FLW-04"
    assert not window.receive(1)
    assert numbers(window) == (limit, limit - 50, 50, 0)


def test_a_smaller_limit_makes_due_what_was_too_little_before() -> None:
    window = ReceiveWindow(100)
    assert window.receive(100)
    assert window.consume(40) == 0
    assert window.resize(70) == 40, "nothing else would ever announce it, if the application has consumed all it got"
    assert numbers(window) == (70, 10, 60, 0)


def test_a_larger_limit_opens_the_window() -> None:
    window = ReceiveWindow(10)
    assert window.receive(10)
    assert window.resize(30) == 0, "the peer knows by SETTINGS"
    assert numbers(window) == (30, 20, 10, 0)


@pytest.mark.parametrize(("held", "unsent"), [(-1, 1), (1, -1), (1, 0)])
def test_what_is_out_of_balance_is_seen(held: int, unsent: int) -> None:
    window = ReceiveWindow(10)
    window.held, window.unsent = held, unsent
    assert not window.is_balanced()


@given(st.integers(0, 200), st.lists(st.tuples(st.sampled_from(["receive", "consume", "resize"]), st.integers(0, 200))))
def test_no_octet_is_made_or_lost(limit: int, steps: list[tuple[str, int]]) -> None:
    """FLW-12: what is announced is never more than what was received, and a sender is never left without hope."""
    window = ReceiveWindow(limit)
    received = announced = 0
    for name, value in steps:
        if name == "receive":
            received += value if window.receive(value) else 0
        elif name == "consume":
            announced += window.consume(min(value, window.held))
        else:
            announced += window.resize(value)
        assert window.is_balanced()
        assert announced + window.unsent + window.held == received
        assert window.held or not window.limit or window.available > 0, "all consumed: the sender can go on"


# -- sending -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "increment", "result"),
    [(0, 1, 1), (-5, 5, 0), (0, MAX_WINDOW, MAX_WINDOW), (65_535, MAX_WINDOW - 65_535, MAX_WINDOW)],
)
def test_a_send_window_grows_to_the_largest_that_is_allowed(window: int, increment: int, result: int) -> None:
    assert grown(window, increment, 0) == result, "FLW-08"
    assert grown(window, increment, 3) == result


@pytest.mark.parametrize(
    ("window", "increment", "code", "text", "rule"),
    [
        (0, 0, ErrorCode.PROTOCOL_ERROR, "increment of 0", "RFC 9113 §6.9"),
        (MAX_WINDOW, 0, ErrorCode.PROTOCOL_ERROR, "increment of 0", "RFC 9113 §6.9"),
        (1, MAX_WINDOW, ErrorCode.FLOW_CONTROL_ERROR, "at most 2147483647", "RFC 9113 §6.9.1"),
        (MAX_WINDOW, 1, ErrorCode.FLOW_CONTROL_ERROR, "at most 2147483647", "RFC 9113 §6.9.1"),
    ],
)
def test_a_wrong_increment_has_the_scope_of_its_window(
    window: int, increment: int, code: ErrorCode, text: str, rule: str
) -> None:
    with pytest.raises(StreamError, match=text) as stream_error:
        grown(window, increment, 3)
    with pytest.raises(errors.ConnectionError, match=text) as connection_error:
        grown(window, increment, 0)
    assert stream_error.value.stream_id == 3
    assert {stream_error.value.error_code, connection_error.value.error_code} == {code}
    assert {stream_error.value.rule, connection_error.value.rule} == {rule}
