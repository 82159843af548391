"""Randomness that leaves the program's own alone."""

from __future__ import annotations

import random

from grpc_core.aio import chance


def test_numbers_are_in_their_range_and_differ() -> None:
    fractions = {chance.fraction() for _ in range(100)}
    assert len(fractions) > 90
    assert all(0 <= number < 1 for number in fractions)
    assert {chance.below(3) for _ in range(1000)} == {0, 1, 2}


def test_a_program_that_has_seeded_its_generator_gets_its_numbers() -> None:
    random.seed(7)
    due = [random.random() for _ in range(3)]
    random.seed(7)
    seen = []
    for _ in range(3):
        chance.fraction()
        chance.below(10)
        seen.append(random.random())
    assert seen == due
