"""The statements of gRPC over HTTP/2 that Plait is held to, and which tests show them.

`wire_statements.tsv` has a line for each: its number, the statement, what Plait does, and, where no test shows it, why
not. A test that shows statements carries their numbers, `@pytest.mark.wire("W020", "W022")`: on a function, on a case
of `parametrize`, or as `pytestmark`. `docs/grpc-wire.md` is written from both by

    python -m tests.grpc_core.wire_statements

which also drops the reasons that a test has made untrue.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TABLE = Path(__file__).with_suffix(".tsv")
PAGE = ROOT / "docs/grpc-wire.md"

_HEAD = """\
# gRPC on the wire, statement by statement

What the documents of gRPC ask of an implementation, and what the official ones really do, as a list of numbered
statements; what Plait makes of each; and the tests that show it, by their markers. A line without a test says why it
has none.

This page is written by `python -m tests.grpc_core.wire_statements` from `tests/grpc_core/wire_statements.tsv` and the
markers of the tests; `tests/grpc_core/test_wire_statements.py` fails when it is not up to date.
"""


class Statement(NamedTuple):
    """One line of the table, with the heading that it stands under."""

    heading: str
    number: str
    text: str
    plait: str
    why_not: str


class Mark(NamedTuple):
    """One statement named by a marker in the file at `path`, which is relative to the repository."""

    number: str
    path: str
    line: int


def statements(table: str) -> list[Statement]:
    """The statements in the text of the table. Raises ValueError for a line that has not four columns."""
    found = []
    heading = ""
    for line in table.splitlines()[1:]:
        if line.startswith("# "):
            heading = line[2:]
        else:
            number, text, plait, why_not = line.split("\t")
            found.append(Statement(heading, number, text, plait, why_not))
    return found


def marks(path: str, source: str) -> Iterator[Mark]:
    """The statements that the markers in a file's text name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.wire":
            for argument in node.args:
                if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                    raise ValueError(f"{path}:{node.lineno}: a statement's number is written out, in quotes")
                yield Mark(argument.value, path, node.lineno)


def all_marks() -> list[Mark]:
    """The markers of all tests."""
    return [
        mark
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        for mark in marks(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8"))
    ]


def faults(table: list[Statement], found: list[Mark]) -> list[str]:
    """What is wrong with the table or the markers, a line for each fault."""
    known = {statement.number for statement in table}
    tested = {mark.number for mark in found}
    lines = [
        f"{mark.path}:{mark.line}: no statement has the number {mark.number}"
        for mark in found
        if mark.number not in known
    ]
    for _, number, _, plait, why_not in table:
        if number in tested and why_not:
            lines.append(f"{number} has a test, and a reason why it has none: {why_not}")
        if number not in tested and not why_not:
            lines.append(f"{number} has neither a test nor a reason why it has none")
        if not plait:
            lines.append(f"{number} has no word on what Plait does")
    if len(known) < len(table):
        lines.append("a number stands there twice")
    return lines


def page(table: list[Statement], found: list[Mark]) -> str:
    """The text of `docs/grpc-wire.md`."""
    files: dict[str, list[str]] = {}
    for number, path, _ in found:
        names = files.setdefault(number, [])
        link = f"[{Path(path).stem.removeprefix('test_')}](../{path})"
        if link not in names:
            names.append(link)
    lines = [_HEAD]
    heading = ""
    for statement in table:
        if statement.heading != heading:
            heading = statement.heading
            lines.append(f"## {heading}\n\n| | statement | Plait | tests |\n|---|---|---|---|")
            if len(lines) > 2:
                lines[-1] = "\n" + lines[-1]
        shown = ", ".join(files.get(statement.number, ())) or f"none: {statement.why_not}"
        lines.append(f"| {statement.number} | {statement.text} | {statement.plait} | {shown} |")
    return "\n".join(lines) + "\n"


def write() -> None:
    """Write the page; drop the reasons of statements that have a test."""
    tested = {mark.number for mark in all_marks()}
    lines = []
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        columns = line.split("\t")
        lines.append("\t".join([*columns[:3], ""]) if columns[0] in tested else line)
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    PAGE.write_text(page(statements("\n".join(lines)), all_marks()), encoding="utf-8")


if __name__ == "__main__":
    write()
