"""Retries without I/O: which attempts are followed by another, when, and with what."""

from __future__ import annotations

import pytest

from grpc_core.retry import CallRetry, Throttle
from grpc_core.service_config import RetryPolicy, Throttling
from grpc_core.status import StatusCode

UNAVAILABLE, OK = StatusCode.UNAVAILABLE, StatusCode.OK
POLICY = RetryPolicy(5, 1.0, 3.0, 2.0, frozenset({UNAVAILABLE}))


def delays(
    retry: CallRetry, *pushbacks: str | None, random: float = 0.5, code: StatusCode = UNAVAILABLE
) -> list[float | None]:
    return [retry.delay_s(code, pushback, random) for pushback in pushbacks]


@pytest.mark.wire("W161", "W160")
@pytest.mark.parametrize(("random", "factor"), [(0.0, 0.8), (0.5, 1.0), (1.0, 1.2)])
def test_delays_grow_to_the_maximum_and_are_spread_by_a_fifth(random: float, factor: float) -> None:
    found = delays(CallRetry(POLICY, None), *[None] * 5, random=random)
    assert found[-1] is None, "the fifth attempt was the last"
    assert found[:-1] == pytest.approx([1 * factor, 2 * factor, 3 * factor, 3 * factor])


@pytest.mark.wire("W163")
def test_attempts_are_counted_from_the_first() -> None:
    retry = CallRetry(POLICY, None)
    assert retry.attempts == 1
    delays(retry, None, None)
    assert retry.attempts == 3
    delays(retry, None, code=StatusCode.INTERNAL)
    assert retry.attempts == 3, "not retryable"


@pytest.mark.wire("W164")
def test_pushback_decides_and_the_backoff_begins_anew_after_it() -> None:
    assert delays(CallRetry(POLICY, None), None, None, "250", None) == [1, 2, 0.25, 1]
    assert delays(CallRetry(POLICY, None), "0") == [0]
    for no in ("-1", "soon", "", "1.5", "99999999999999999999", "٣"):
        assert delays(CallRetry(POLICY, None), no) == [None], no


@pytest.mark.wire("W164")
def test_pushback_does_not_make_a_code_retryable() -> None:
    assert delays(CallRetry(POLICY, None), "10", code=StatusCode.INTERNAL) == [None]


class Sent:
    """What is sent on an attempt."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def send_message(self, message: bytes, end: bool = False, *, plain: bool = False) -> None:
        assert not end
        self.said.append((message, plain))

    def half_close(self) -> None:
        self.said.append("end")


@pytest.mark.wire("W162")
def test_what_was_sent_is_sent_again() -> None:
    retry = CallRetry(POLICY, None)
    retry.keep(b"one")
    retry.keep(b"two", plain=True)
    first, second = Sent(), Sent()
    retry.replay(first)
    retry.half_closed()
    retry.replay(second)
    assert first.said == [(b"one", False), (b"two", True)]
    assert second.said == [*first.said, "end"]


@pytest.mark.wire("W162")
def test_too_much_to_be_kept_commits() -> None:
    retry = CallRetry(POLICY, None, 10)
    assert retry.has_room_for(10)
    assert not retry.has_room_for(11)
    retry.keep(bytes(10))
    assert not retry.committed
    retry.keep(b"x")
    assert retry.committed
    sent = Sent()
    retry.keep(b"later")
    retry.replay(sent)
    assert sent.said == [], "nothing is held any more"
    assert delays(retry, None) == [None]


@pytest.mark.wire("W162")
def test_a_committed_call_is_not_made_again() -> None:
    retry = CallRetry(POLICY, None)
    retry.commit()
    assert delays(retry, None) == [None]


@pytest.mark.wire("W166")
def test_throttling_stops_retries_at_half_the_tokens_until_calls_succeed() -> None:
    throttle = Throttle(Throttling(4, 0.5))
    assert delays(CallRetry(POLICY, throttle), None, None) == [1, None], "3 left, then 2"
    assert throttle.tokens == 2
    assert not throttle.allows
    CallRetry(POLICY, throttle).succeeded()
    assert throttle.tokens == 2.5
    assert throttle.allows
    for _ in range(10):
        throttle.succeeded()
    assert throttle.tokens == 4, "not more than there were"
    for _ in range(10):
        throttle.failed()
    assert throttle.tokens == 0


@pytest.mark.wire("W166")
def test_what_counts_as_a_failure() -> None:
    throttle = Throttle(Throttling(10, 1))
    delays(CallRetry(POLICY, throttle), None, code=StatusCode.INTERNAL)
    assert throttle.tokens == 10, "a code that is not retryable says nothing about the load"
    delays(CallRetry(POLICY, throttle), "-1", code=StatusCode.INTERNAL)
    assert throttle.tokens == 9, "but the server's no does"
    delays(CallRetry(POLICY, throttle), None)
    assert throttle.tokens == 8
