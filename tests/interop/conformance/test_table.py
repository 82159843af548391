"""The table of cases: that it is one, that complete groups cover their lines, and how it is filtered."""

from __future__ import annotations

import re

import pytest

from interop.conformance.model import Level, Role
from interop.conformance.table import all_cases, not_by_frames, select

COMPLETE = {"PRE": 18, "FRM": 13, "SET": 9, "PNG": 10, "STR": 17, "FLW": 12, "HPK": 21, "MSG": 30, "PRI": 6}
"""The groups that are complete, and how many lines each has."""


@pytest.mark.parametrize(("group", "lines"), COMPLETE.items())
def test_a_complete_group_has_a_case_or_a_reason_for_each_of_its_lines(group: str, lines: int) -> None:
    there = {case.group for case in all_cases()} | set(not_by_frames())
    assert [line for number in range(1, lines + 1) if (line := f"{group}-{number:02}") not in there] == []


def test_a_line_with_a_reason_has_no_case() -> None:
    assert {case.group for case in all_cases()} & set(not_by_frames()) == set()


def test_every_case_says_what_it_is() -> None:
    for case in all_cases():
        assert re.fullmatch(r"[A-Z]{3}-\d\d\.[a-z0-9-]+", case.id), case.key
        assert re.fullmatch(r"RFC \d{4} §[\d.]+", case.clause), case.key
        assert case.reason.endswith("."), case.key
        assert "\n" not in case.reason, case.key
        assert case.expectation.patterns, case.key


def test_keys_are_unique_and_both_roles_are_there() -> None:
    cases = all_cases()
    assert len({case.key for case in cases}) == len(cases)
    assert {case.role for case in cases} == set(Role)


def test_h2spec_cases_are_named_as_h2spec_names_them() -> None:
    ids = [entry.id for case in all_cases() for entry in case.h2spec]
    assert ids
    for each in ids:
        assert re.fullmatch(r"(http2|hpack|generic)/[\d.]+/\d+", each), each


def test_the_filters() -> None:
    cases = all_cases()
    assert {case.group for case in select(cases, ids=["SET-01"])} == {"SET-01"}
    assert {case.group[:3] for case in select(cases, ids=["SET", "PNG"])} == {"SET", "PNG"}
    assert [case.id for case in select(cases, ids=["SET-01.empty"], role=Role.CLIENT)] == ["SET-01.empty"]
    assert {case.section for case in select(cases, section="6.9")} == {"6.9", "6.9.1", "6.9.2"}
    assert select(cases, section="6.9.1") != select(cases, section="6.9")
    assert {case.level for case in select(cases, level=Level.MUST)} == {Level.MUST}
    assert select(cases, ids=["SET-0"]) == [], "a name is whole"
