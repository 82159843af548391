"""Connection backoff: W172 of the checklist."""

from __future__ import annotations

import pytest

from grpc_core.backoff import Backoff


@pytest.mark.wire("W172")
@pytest.mark.parametrize(
    ("failures", "middle_s"), [(1, 1.0), (2, 1.6), (3, 2.56), (10, 1.6**9), (11, 1.6**10), (12, 120.0), (10_000, 120.0)]
)
def test_w172_the_delay_grows_to_a_maximum_and_is_spread_by_a_fifth(failures: int, middle_s: float) -> None:
    backoff = Backoff()
    assert backoff.delay_s(failures, 0.5) == pytest.approx(middle_s)
    assert backoff.delay_s(failures, 0.0) == pytest.approx(middle_s * 0.8)
    assert backoff.delay_s(failures, 1.0) == pytest.approx(middle_s * 1.2)


def test_the_parameters_are_those_of_the_options() -> None:
    backoff = Backoff(initial_s=0.1, maximum_s=0.2)
    assert [round(backoff.delay_s(n, 0.5), 3) for n in (1, 2, 3)] == [0.1, 0.16, 0.2]
    assert Backoff().connect_timeout_s == 20.0
