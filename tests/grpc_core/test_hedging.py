"""Hedging without I/O: how many attempts, and what a failed one means."""

from __future__ import annotations

import math

import pytest

from grpc_core.hedging import CallHedging
from grpc_core.retry import Throttle
from grpc_core.service_config import HedgingPolicy, Throttling
from grpc_core.status import StatusCode

UNAVAILABLE, INTERNAL = StatusCode.UNAVAILABLE, StatusCode.INTERNAL
POLICY = HedgingPolicy(3, 0.5, frozenset({UNAVAILABLE}))


def begun(count: int, throttle: Throttle | None = None) -> CallHedging:
    hedging = CallHedging(POLICY, throttle)
    for _ in range(count):
        assert hedging.may_begin
        hedging.begun += 1
    return hedging


@pytest.mark.wire("W168")
def test_so_many_attempts_so_far_apart() -> None:
    assert CallHedging(POLICY, None).delay_s == 0.5
    assert not begun(3).may_begin


@pytest.mark.wire("W168")
@pytest.mark.parametrize(
    ("count", "code", "pushback", "pause_s"),
    [
        (1, INTERNAL, None, None),
        (1, INTERNAL, "100", None),
        (1, UNAVAILABLE, None, 0.0),
        (1, UNAVAILABLE, "250", 0.25),
        (1, UNAVAILABLE, "-1", math.inf),
        (1, UNAVAILABLE, "soon", math.inf),
        (3, UNAVAILABLE, None, math.inf),
    ],
)
def test_what_a_failed_attempt_means(count: int, code: StatusCode, pushback: str | None, pause_s: float | None) -> None:
    hedging = begun(count)
    assert hedging.failed(code, pushback) == pause_s
    if pushback in ("-1", "soon"):
        assert not hedging.may_begin, "the server forbids it"


@pytest.mark.wire("W166", "W168")
def test_failures_take_tokens_and_without_them_nothing_more_begins() -> None:
    throttle = Throttle(Throttling(4, 1))
    hedging = begun(1, throttle)
    assert hedging.failed(UNAVAILABLE, None) == 0.0
    assert hedging.failed(UNAVAILABLE, None) == math.inf, "half of the tokens are gone"
    assert begun(1, throttle).may_begin is False, "the first attempt of a call is always made"
    begun(1, throttle).succeeded()
    assert begun(1, throttle).may_begin
    before = throttle.tokens
    begun(1, throttle).failed(INTERNAL, None)
    assert throttle.tokens == before, "a fatal status says nothing about the load"
