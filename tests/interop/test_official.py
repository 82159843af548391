"""The official interop cases: every pairing of server and client, every client against our negative servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interop import matrix, official_matrix
from interop.matrix import Result, Scenario, Workplace, is_fault, required
from interop.official_cases import CASES, NEGATIVE, NOT_IN_PLAIT, OFFICIAL
from interop.official_matrix import ALL_CASES, OFFICIAL_PEERS, negative_scenarios, run_scenario, scenarios


@pytest.fixture(scope="module")
def place() -> Iterator[Workplace]:
    """The workplace that the scenarios share: one build."""
    with matrix.workplace(OFFICIAL_PEERS) as made:
        yield made


@pytest.mark.timeout(600)  # The first one with Go builds the Go programs.
@pytest.mark.parametrize("scenario", [*scenarios(), *negative_scenarios()], ids=str)
def test_scenario(scenario: Scenario, place: Workplace) -> None:
    report = run_scenario(scenario, place, ALL_CASES)
    if report.result is Result.MISSING and not is_fault(report, required()):
        pytest.skip(f"{scenario.peer} is missing: {report.problem}")
    assert report.result is Result.PASS, "\n".join(report.details())
    suite = NEGATIVE if scenario.server == official_matrix.NEGATIVE_SERVER else OFFICIAL
    lacks = place.commands(scenario.client).lacks
    assert [outcome.check for outcome in report.checks] == [case for case in suite if case not in lacks]


def test_plait_lacks_no_case_but_those_that_it_names(place: Workplace) -> None:
    """What a client of ours does not have is named in one place, and is not a case of another name."""
    assert place.commands("plait").lacks == {}
    assert not set(NOT_IN_PLAIT) & set(CASES)
    assert set(ALL_CASES) == {*CASES, *NOT_IN_PLAIT}


def test_the_scenarios_are_all_pairings() -> None:
    pairs = [(scenario.peer, scenario.server, scenario.client) for scenario in scenarios()]
    assert pairs == [
        ("plait", "plait", "plait"),
        ("grpc_go", "plait", "grpc_go"),
        ("grpcio", "plait", "grpcio"),
        ("grpc_go", "grpc_go", "plait"),
        ("grpcio", "grpcio", "plait"),
        ("grpc_go", "grpc_go", "grpc_go"),
        ("grpc_go", "grpc_go", "grpcio"),
        ("grpcio", "grpcio", "grpc_go"),
        ("grpcio", "grpcio", "grpcio"),
    ]
    assert [str(scenario) for scenario in negative_scenarios()] == [
        "plait: negative server, plait client, plaintext",
        "grpc_go: negative server, grpc_go client, plaintext",
        "grpcio: negative server, grpcio client, plaintext",
    ]
