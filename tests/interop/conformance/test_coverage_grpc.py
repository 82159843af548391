"""The table of coverage of the gRPC level has no gap; docs/coverage.md has it (`test_coverage`)."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace

from interop.conformance.grpc import calls
from interop.conformance.grpc.table import all_cases
from tests.interop.conformance.coverage_grpc import REASONS, current_part, gaps, shown_by, statements

CASES = all_cases()


def test_every_statement_has_a_case_or_a_reason_and_every_case_a_statement() -> None:
    assert gaps(CASES, REASONS) == []


def test_all_requests_answers_and_statuses_are_there() -> None:
    numbers = [each.number for each in statements()]
    assert {"W001", "W093", "A7", "A8", "W103"} <= set(numbers)
    assert "W120" not in numbers
    assert len(numbers) > 75


def test_what_is_watched_is_what_the_source_says() -> None:
    assert set(re.findall(r'"(W\d{3})"', inspect.getsource(calls))) == calls.WATCHED


def test_gaps_are_found() -> None:
    without = [case for case in CASES if not case.clause.endswith("W053")]
    (gap,) = gaps(without, REASONS)
    assert gap.startswith("W053 ")
    assert gap.endswith(": no case and no reason")
    assert gaps(CASES, {**REASONS, "W053": "none"}) == ["W053 has a reason, and cases too"]
    assert "GRP-16 has no cases" in gaps([case for case in CASES if case.group != "GRP-16"], REASONS)
    strange = replace(CASES[0], id="GRP-99.x", clause="gRPC §4 W999")
    assert gaps([*CASES, strange], REASONS) == [
        f"{strange.key}: there is no statement gRPC §4 W999",
        "GRP-99 is no line of the list",
    ]


def test_the_part_names_lines_and_counts() -> None:
    text = current_part()
    assert "| W052 | A flag other than 0 and 1 is INTERNAL. | GRP-05, GRP-13, watched |" in text
    assert shown_by("W056", CASES) == ["GRP-08", "GRP-13"]
