"""h2spec's 204 cases: each has a place here, and a reason where it is not valid as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interop.conformance import h2spec
from interop.conformance.model import H2spec, Mark
from interop.conformance.table import all_cases, not_by_frames

ROWS = h2spec.table(all_cases())


def test_there_are_147_for_servers_and_57_for_clients() -> None:
    assert sum(h2spec.SERVER_CASES.values()) == 147
    assert sum(h2spec.CLIENT_CASES.values()) == 57
    assert len(ROWS) == len({row.id for row in ROWS}) == 204


def test_what_is_not_valid_has_a_reason_and_what_is_valid_has_none() -> None:
    assert [row for row in ROWS if (row.mark is not Mark.VALID) != bool(row.reason)] == []


def test_every_row_names_lines_that_have_cases() -> None:
    shown = {case.group for case in all_cases()} | set(not_by_frames())
    assert [row for row in ROWS if not row.lines or not set(row.lines) <= shown] == []


def test_nothing_is_said_twice_or_of_what_is_not_there() -> None:
    named = {entry.id for case in all_cases() for entry in case.h2spec}
    ids = set(h2spec.all_ids())
    assert named <= ids
    assert set(h2spec.REASONS) <= ids
    assert named & set(h2spec.ELSEWHERE) == set()


def test_a_case_of_h2spec_is_one_thing() -> None:
    one = replace(all_cases()[0], h2spec=(H2spec("http2/4.1/1"),))
    other = replace(one, h2spec=(H2spec("http2/4.1/1", Mark.WEAK),))
    with pytest.raises(ValueError, match=r"http2/4\.1/1 is valid for one case and weak"):
        h2spec.table([one, other])
