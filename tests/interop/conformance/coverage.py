"""Every normative statement of RFC 9113 and RFC 7541, and the cases that show it; every case of h2spec, and ours.

`statements.tsv` has a line for each statement: its section, its level, a paraphrase, the lines of the kit's list that
show it, and, where none does, why not. `docs/coverage.md` is written from it, from the cases and from
`interop.conformance.h2spec` by

    python -m tests.interop.conformance.coverage

`gaps` is what is wrong with the table: a statement with neither, a line that has no case, a clause that is unknown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from interop.conformance import h2spec
from interop.conformance.model import Case
from interop.conformance.table import all_cases, not_by_frames
from tests.interop.conformance import coverage_grpc

TABLE = Path(__file__).with_name("statements.tsv")
PAGE = Path(__file__).parents[3] / "docs/coverage.md"
OTHER_RFCS = {"RFC 7838", "RFC 8336", "RFC 8441", "RFC 9110", "RFC 9218"}
"""What cases may cite besides; this table does not list it."""

_HEAD = """\
# What the conformance kit covers

Every normative statement of RFC 9113 and RFC 7541, in our words, and the lines of the kit's list whose cases show it;
`python -m interop conformance memory --explain LINE` shows them. Where no case does, the reason. Behind it: all cases
of h2spec and what is here in their place.

The list of RFC 9113 was made from its text, paragraph by paragraph (neighbouring sentences about one rule are one
statement). That of RFC 7541, which states most of its rules without key words, was made from its sections and from the
rules that `hpack_codec` cites. "states" marks a statement without a key word of RFC 2119 that cases are about. At the
end, the same for gRPC.

This page is written by `python -m tests.interop.conformance.coverage`; `tests/interop/conformance/test_coverage.py`
fails when it is not up to date, when a statement has neither a case nor a reason, and when a case cites a section that
has no statement.
"""


class Statement(NamedTuple):
    """One line of the table; `lines` are lines of the kit's list."""

    rfc: str
    section: str
    level: str
    text: str
    lines: tuple[str, ...]
    reason: str

    @property
    def clause(self) -> str:
        """As cases write it."""
        return f"RFC {self.rfc} §{self.section}"


def statements(table: str) -> list[Statement]:
    """The statements in the text of the table, in the order of their sections. Raises ValueError for a wrong line."""
    found = []
    for number, line in enumerate(table.splitlines()[1:], start=2):
        columns = line.split("\t")
        if len(columns) != 6:
            raise ValueError(f"line {number} has {len(columns)} columns instead of 6")
        rfc, section, level, text, lines, reason = columns
        found.append(Statement(rfc, section, level, text, tuple(lines.split()), reason))
    return sorted(found, key=lambda each: (-int(each.rfc), [int(part) for part in each.section.split(".")]))


def gaps(table: Iterable[Statement], cases: Collection[Case], without: Mapping[str, str]) -> list[str]:
    """What is wrong, in words. `without` has the lines that no frames can show, with the reason."""
    table = list(table)
    shown = {case.group for case in cases}
    found = [
        f"{each.clause} {each.text}: {line} has neither cases nor a reason"
        for each in table
        for line in each.lines
        if line not in shown and line not in without
    ]
    found += [
        f"{each.clause} {each.text}: no case and no reason" for each in table if not each.lines and not each.reason
    ]
    known = {each.clause for each in table}
    found += [
        f"{case.key}: there is no statement for {case.clause}"
        for case in cases
        if case.clause not in known and case.clause.partition(" §")[0] not in OTHER_RFCS
    ]
    return found


def page(table: Iterable[Statement], cases: Collection[Case], without: Mapping[str, str]) -> str:
    """The text of docs/coverage.md."""
    parts = [_HEAD]
    shown = {case.group for case in cases}
    table = list(table)
    for rfc in dict.fromkeys(each.rfc for each in table):
        parts.append(f"\n## RFC {rfc}\n\n| section | level | statement | cases, or why none |\n|---|---|---|---|\n")
        for each in table:
            if each.rfc == rfc:
                with_cases = [line for line in each.lines if line in shown]
                reasons = [f"{line}: {without[line]}" for line in each.lines if line in without]
                said = ", ".join(with_cases)
                said = ". ".join(part.rstrip(".") for part in (said, *reasons, each.reason) if part)
                parts.append(f"| {each.section} | {each.level} | {each.text} | {said} |\n")
    parts.append("\n## Lines of the list that no frames show\n\n| line | why |\n|---|---|\n")
    parts += [f"| {line} | {reason.rstrip('.')} |\n" for line, reason in sorted(without.items())]
    rows = h2spec.table(cases)
    valid = sum(row.mark is h2spec.Mark.VALID for row in rows)
    parts.append(
        f"\n## h2spec\n\n{len(rows)} cases, {valid} of them valid as they are; `client/` are those of h2specd.\n\n"
    )
    parts.append("| h2spec | under RFC 9113 | here | why |\n|---|---|---|---|\n")
    parts += [f"| {row.id} | {row.mark.value} | {', '.join(row.lines)} | {row.reason} |\n" for row in rows]
    return "".join(parts)


def current_page() -> str:
    """What docs/coverage.md should be now."""
    return (
        page(statements(TABLE.read_text(encoding="utf-8")), all_cases(), not_by_frames()) + coverage_grpc.current_part()
    )


if __name__ == "__main__":
    problems = gaps(statements(TABLE.read_text(encoding="utf-8")), all_cases(), not_by_frames())
    PAGE.write_text(current_page(), encoding="utf-8")
    raise SystemExit("\n".join(problems) or None)
