"""Every statement of the table has a test that names it, or a reason; the page says so truthfully."""

from __future__ import annotations

import pytest

from tests.grpc_core.wire_statements import PAGE, TABLE, Mark, Statement, all_marks, faults, marks, page, statements

REFRESH = "run: python -m tests.grpc_core.wire_statements"


def test_every_statement_has_a_test_or_a_reason() -> None:
    found = faults(statements(TABLE.read_text(encoding="utf-8")), all_marks())
    assert not found, "\n".join([*found, REFRESH])


def test_the_page_is_what_the_table_and_the_markers_say() -> None:
    expected = page(statements(TABLE.read_text(encoding="utf-8")), all_marks())
    assert PAGE.read_text(encoding="utf-8") == expected, REFRESH


def line(number: str = "W001", plait: str = "does so", why_not: str = "") -> Statement:
    return Statement("Requests", number, "A request is so.", plait, why_not)


MARK = Mark("W001", "tests/grpc_core/test_wire.py", 3)


@pytest.mark.parametrize(
    ("table", "found", "fault"),
    [
        ([line()], [], "W001 has neither a test nor a reason why it has none"),
        ([line(why_not="not there")], [MARK], "W001 has a test, and a reason why it has none: not there"),
        ([line(plait="")], [MARK], "W001 has no word on what Plait does"),
        (
            [line()],
            [MARK, Mark("W999", "tests/grpc_core/test_wire.py", 9)],
            "tests/grpc_core/test_wire.py:9: no statement has the number W999",
        ),
        ([line(), line()], [MARK], "a number stands there twice"),
    ],
)
def test_a_fault_is_found(table: list[Statement], found: list[Mark], fault: str) -> None:
    assert faults(table, found) == [fault]


def test_what_is_in_order_has_no_faults() -> None:
    assert faults([line(), line("W002", why_not="not there")], [MARK]) == []


def test_markers_are_read_wherever_they_stand() -> None:
    source = """
pytestmark = pytest.mark.wire("W001")
@pytest.mark.wire("W002", "W003")
async def test_it(): ...
@pytest.mark.parametrize("case", [pytest.param(1, marks=pytest.mark.wire("W004"))])
class TestIt: ...
pytest.mark.timeout("W005")
"""
    assert list(marks("t.py", source)) == [
        Mark("W001", "t.py", 2),
        Mark("W002", "t.py", 3),
        Mark("W003", "t.py", 3),
        Mark("W004", "t.py", 5),
    ]


def test_a_marker_that_cannot_be_read_is_a_fault() -> None:
    with pytest.raises(ValueError, match=r"t\.py:1: a statement's number is written out"):
        list(marks("t.py", "pytest.mark.wire(*NUMBERS)"))


def test_the_page_links_each_file_once_and_gives_the_reason_where_there_is_none() -> None:
    text = page([line(), line("W002", why_not="not there")], [MARK, MARK])
    assert "| W001 | A request is so. | does so | [wire](../tests/grpc_core/test_wire.py) |\n" in text
    assert "| W002 | A request is so. | does so | none: not there |\n" in text
    assert text.count("## Requests\n") == 1


def test_a_line_that_is_no_row_is_an_error() -> None:
    with pytest.raises(ValueError):
        statements("number\nW001\tonly two columns")
