"""The table of coverage has no gap, its page is up to date, and h2spec's cases all have a place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interop.conformance.model import Mark
from interop.conformance.table import all_cases, not_by_frames
from tests.interop.conformance.coverage import PAGE, TABLE, Statement, current_page, gaps, statements

ALL = statements(TABLE.read_text(encoding="utf-8"))
CASE = all_cases()[0]
LINES_OF_HTTP_2 = {
    "PRE": 18,
    "FRM": 13,
    "SET": 9,
    "PNG": 10,
    "STR": 17,
    "FLW": 12,
    "HPK": 21,
    "MSG": 30,
    "CLI": 19,
    "PRI": 6,
}
STATEMENT = Statement("9113", CASE.section, "MUST", "It is so.", (CASE.group,), "")


def test_every_statement_has_a_case_or_a_reason_and_every_case_a_statement() -> None:
    assert gaps(ALL, all_cases(), not_by_frames()) == []


def test_no_line_of_the_list_is_left_out() -> None:
    """Each group counts from 01 without a gap, and a line has cases or a reason, never both."""
    shown = {case.group for case in all_cases()}
    assert not shown & set(not_by_frames())
    numbers: dict[str, list[int]] = {}
    for line in sorted(shown | set(not_by_frames())):
        group, _, number = line.partition("-")
        numbers.setdefault(group, []).append(int(number))
    assert {group: numbers[group] for group in LINES_OF_HTTP_2} == {
        group: list(range(1, count + 1)) for group, count in LINES_OF_HTTP_2.items()
    }


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == current_page(), "run python -m tests.interop.conformance.coverage"


def test_every_line_of_the_table_is_one_of_a_known_level() -> None:
    levels = {"MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "states"}
    assert {each.level for each in ALL} <= levels
    assert len({(each.clause, each.text) for each in ALL}) == len(ALL)
    assert {each.rfc for each in ALL} == {"9113", "7541"}
    assert all(each.text.endswith(".") for each in ALL)


@pytest.mark.parametrize(
    ("statement", "gap"),
    [
        (STATEMENT, []),
        (STATEMENT._replace(lines=(), reason="It cannot be seen."), []),
        (STATEMENT._replace(lines=()), [f"{STATEMENT.clause} It is so.: no case and no reason"]),
        (
            STATEMENT._replace(lines=("ABC-01",)),
            [f"{STATEMENT.clause} It is so.: ABC-01 has neither cases nor a reason"],
        ),
        (STATEMENT._replace(lines=("XYZ-01",)), []),
    ],
)
def test_a_gap_is_found(statement: Statement, gap: list[str]) -> None:
    assert gaps([statement], [CASE], {"XYZ-01": "it has one"}) == gap


def test_a_case_with_an_unknown_clause_is_found() -> None:
    strange = replace(CASE, clause="RFC 9113 §99.9")
    assert gaps([STATEMENT], [strange], {}) == [f"{CASE.key}: there is no statement for RFC 9113 §99.9"]
    assert gaps([STATEMENT], [replace(CASE, clause="RFC 9110 §9.1")], {}) == []


def test_a_line_with_too_few_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2 has 2 columns instead of 6"):
        statements("head\na\tb\n")


def test_marks_are_values_of_the_page() -> None:
    page = current_page()
    assert [mark.value for mark in Mark if f"| {mark.value} |" not in page] == []
