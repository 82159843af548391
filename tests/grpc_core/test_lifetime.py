"""How long connections are kept, without I/O."""

from __future__ import annotations

import math

import pytest

from grpc_core.lifetime import Idle, Lifetime, LifetimeOptions, Step


def test_by_default_a_connection_lives_for_ever() -> None:
    life = Lifetime(0, LifetimeOptions(), 0.5)
    assert life.due == math.inf
    assert life.poll(1e12, 0, False) is Step.STAY


@pytest.mark.wire("W150")
def test_a_connection_that_never_had_a_call_is_idle_from_the_start() -> None:
    life = Lifetime(100, LifetimeOptions(idle_s=5), 0.5)
    assert life.due == 105
    assert life.poll(104, 0, False) is Step.STAY
    assert life.poll(105, 0, False) is Step.IDLE
    assert life.due == math.inf, "nothing is left to do"


@pytest.mark.wire("W150", "W171")
def test_calls_put_idleness_off_also_those_that_nobody_saw() -> None:
    idle = Idle(0, 5)
    assert not idle.poll(5, 1, True), "one is running"
    assert idle.due == 10
    assert not idle.poll(10, 2, False), "another has come and gone"
    assert not idle.poll(14.9, 2, False)
    assert idle.poll(15, 2, False)


@pytest.mark.wire("W150")
@pytest.mark.parametrize(("random", "old_at"), [(0.0, 90), (0.5, 100), (1.0, 110)])
def test_age_is_spread_by_a_tenth(random: float, old_at: float) -> None:
    life = Lifetime(0, LifetimeOptions(age_s=100), random)
    assert life.due == pytest.approx(old_at)
    assert life.poll(old_at - 0.001, 9, True) is Step.STAY
    assert life.poll(old_at + 0.001, 9, True) is Step.OLD, "calls do not help"
    assert life.due == math.inf, "the grace is infinite"
    assert life.poll(1e9, 9, True) is Step.STAY


@pytest.mark.wire("W150")
def test_after_the_grace_it_is_cut() -> None:
    life = Lifetime(0, LifetimeOptions(age_s=100, age_grace_s=7), 0.5)
    assert life.poll(100, 1, True) is Step.OLD
    assert life.due == 107
    assert life.poll(106, 1, True) is Step.STAY
    assert life.poll(107, 1, True) is Step.CUT
    assert life.due == math.inf


def test_the_words_of_goaway() -> None:
    assert (Step.IDLE.value, Step.OLD.value) == ("max_idle", "max_age")
