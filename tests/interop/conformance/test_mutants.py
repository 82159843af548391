"""The kit against stacks that are wrong: each mutant is noticed by the cases that should, a closer by nearly all."""

from __future__ import annotations

import sys

import pytest

from interop.conformance.commands import in_memory
from interop.conformance.grpc import table as grpc_table
from interop.conformance.grpc.memory import GrpcMemoryConnector
from interop.conformance.grpc.run import run_case as grpc_run_case
from interop.conformance.grpc.tester import GrpcTarget
from interop.conformance.memory import TARGET
from interop.conformance.model import Case, Level, Outcome, Role
from interop.conformance.run import run_case
from interop.conformance.stacks.plait import PlaitServer
from interop.conformance.table import all_cases
from interop.conformance.verdicts import Verdict
from tests.interop.conformance.mutants import MUTANTS, PAGE, Mutant, load, page

BY_KEY = {case.key: case for case in (*all_cases(), *grpc_table.all_cases())}
MUTANTS_MIN = 70
CALLS = GrpcTarget()
NEGATIVE = [
    case
    for case in all_cases()
    if case.role is Role.SERVER and not case.expectation.allows_work and not case.needs - {"hold", "tunnel"}
]
"""The cases of servers that demand an error."""

MAY_CLOSE = ("PRE-04", "PRE-13")
"""§3.4: GOAWAY may be omitted for a peer that does not speak HTTP/2."""


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_killed_by_the_cases_that_should(mutant: Mutant) -> None:
    connector = mutant.connector()
    assert mutant.killed_by
    is_grpc = isinstance(connector, GrpcMemoryConnector)
    for key in mutant.killed_by:
        case = BY_KEY[key]
        results = in_memory(case, connector, False, grpc_run_case, CALLS) if is_grpc else in_memory(case, connector)
        assert any(not result.passes(Level.SHOULD) for result in results), f"{key} does not notice {mutant.name}"


def test_there_are_enough_mutants_and_each_has_a_name_of_its_own() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= MUTANTS_MIN
    groups = {key.partition("/")[2][:3] for mutant in MUTANTS for key in mutant.killed_by}
    assert groups >= {"PRE", "FRM", "SET", "PNG", "STR", "FLW", "HPK", "MSG", "PRI", "GRP"}


def negative_verdicts(name: str) -> list[tuple[Case, Verdict]]:
    """What becomes of the cases that demand an error, but for those that cannot be run against such a stack."""
    connector = next(mutant.connector() for mutant in MUTANTS if mutant.name == name)
    verdicts = [(case, run_case(case, connector, TARGET).verdict) for case in NEGATIVE]
    known = [(case, verdict) for case, verdict in verdicts if verdict is not None]
    assert len(known) >= 0.99 * len(NEGATIVE) > 500
    return known


def test_a_closer_fails_the_negative_cases() -> None:
    verdicts = negative_verdicts("closer")
    assert sum(not verdict.passes(Level.MUST) for _, verdict in verdicts) >= 0.95 * len(verdicts)


def test_an_end_that_serves_and_closes_in_silence_fails_them_too() -> None:
    """Here no probe helps: the outcome itself must not do."""
    verdicts = negative_verdicts("silent-closer")
    assert sum(not verdict.passes(Level.SHOULD) for _, verdict in verdicts) >= 0.95 * len(verdicts)
    outcomes = {verdict.outcome for case, verdict in verdicts if case.group not in MAY_CLOSE}
    assert outcomes <= {Outcome.SILENT_CLOSE, Outcome.TOLERATED}, "an error counts by what it says"


def test_a_mutant_leaves_the_stack_as_it_is() -> None:
    before = {name: module for name, module in sys.modules.items() if name.startswith(("http2", "hpack_codec"))}
    connector = load("http2.windows", "    if increment == 0:", "    if increment < 0:")
    after = {name: module for name, module in sys.modules.items() if name.startswith(("http2", "hpack_codec"))}
    assert after == before
    assert all(after[name] is before[name] for name in before)
    assert PlaitServer.__module__ in sys.modules
    assert sys.modules[PlaitServer.__module__].PlaitServer is PlaitServer
    case = BY_KEY["server/FLW-09.stream"]
    assert not all(result.passed for result in in_memory(case, connector))
    assert all(
        result.passed
        for result in in_memory(case, load("http2.windows", "    if increment == 0:", "    if increment == 0:"))
    )


def test_a_mutant_whose_line_has_gone_says_so() -> None:
    with pytest.raises(AssertionError, match=r"0 times in .*windows.py: no such line"):
        load("http2.windows", "no such line", "")


def test_the_page_is_generated() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python -m tests.interop.conformance.mutants"
