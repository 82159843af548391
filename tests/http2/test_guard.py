"""Budgets (RFC 9113 §10.5): arithmetic here; the attacks and their legitimate twins stand at the end of
`test_connection`."""

from __future__ import annotations

import pytest

from http2 import errors
from http2.config import Config
from http2.errors import ErrorCode
from http2.guard import Budget, Guard


def test_a_budget_lasts_as_long_as_it_says_and_then_ends_the_connection() -> None:
    budget = Budget("noises", 3, per_s=0.0, work_value=0.0)
    for _ in range(3):
        budget.spend(0.0, 0)
    with pytest.raises(errors.ConnectionError, match="too many noises; 3 are tolerated") as caught:
        budget.spend(0.0, 0)
    assert caught.value.error_code == ErrorCode.ENHANCE_YOUR_CALM
    assert caught.value.rule == "RFC 9113 §10.5"


def test_time_refills_it() -> None:
    budget = Budget("noises", 3, per_s=0.5, work_value=0.0)
    for step in range(100):
        budget.spend(step * 2.0, 0)


def test_time_that_goes_back_refills_nothing() -> None:
    budget = Budget("noises", 1, per_s=1.0, work_value=0.0)
    budget.spend(100.0, 0)
    with pytest.raises(errors.ConnectionError):
        budget.spend(50.0, 0)


def test_work_refills_it() -> None:
    budget = Budget("noises", 3, per_s=0.0, work_value=2.0)
    for work in range(100):
        budget.spend(0.0, work, cost=2.0)


def test_it_never_holds_more_than_its_size() -> None:
    budget = Budget("noises", 3, per_s=1.0, work_value=1.0)
    budget.spend(1e9, 10**9, cost=3.0)
    with pytest.raises(errors.ConnectionError):
        budget.spend(1e9, 10**9)


def test_the_sizes_come_from_the_config() -> None:
    guard = Guard(Config(resets_max=1, faults_max=2, idle_frames_max=3))
    for budget, size in ((guard.resets, 1), (guard.faults, 2), (guard.idle, 3)):
        budget.spend(0.0, 0, cost=size)
        with pytest.raises(errors.ConnectionError, match=f"; {size} are tolerated"):
            budget.spend(0.0, 0)
