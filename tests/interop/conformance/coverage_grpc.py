"""The part of docs/coverage.md about gRPC: statements of docs/grpc-wire.md, the lines of the list, and their cases.

A case names its statement in its clause ("gRPC §4 W052"); the form of all that comes is watched beside
(`interop.conformance.grpc.calls.WATCHED`). What is left needs a reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from interop.conformance.grpc.calls import WATCHED
from interop.conformance.grpc.table import all_cases
from interop.conformance.model import Case, Role
from tests.grpc_core import wire_statements

LAST: Final = 103
"""The last statement that the gRPC level is held to: those on connections, retries and names come behind it."""

TABLES: Final = ("A7", "A8", "A9")
"""The tables of statuses for HTTP statuses, for error codes, and of a library's own."""

REASONS: Final[Mapping[str, str]] = {
    "W015": "What an application is shown of the fields, no frame tells.",
    "W028": "What an application is told of its deadline, no frame tells.",
    "W035": "Whether a value is text or octets for an application, no frame tells.",
    "W038": "The soft limit and its chance are one implementation's; GRP-09 has metadata below and above any limit.",
    "W067": "It takes a coding that a server reads and does not list, and no script can know one.",
    "W069": "Whether a sender compresses is its own choice; that its flags fit is watched.",
    "W086": "The details of a status are for whoever reads them, above the client.",
    "W100": "A server aborts without trailers only where it cannot send any, and no script can bring that about.",
    "W102": "As W100.",
}

LINES: Final[Mapping[str, str]] = {
    "GRP-01": "Content types that are gRPC's, and 415 for those that are not.",
    "GRP-02": "HTTP methods, `te`, paths that call nothing, what else is in a head.",
    "GRP-03": "Unknown services and methods.",
    "GRP-04": "The grammar of `grpc-timeout`, and deadlines that pass.",
    "GRP-05": "Prefixes: the compressed flag, lengths over the limit.",
    "GRP-06": "DATA frames and messages; END_STREAM inside a message.",
    "GRP-07": "Codings, spoilt data, bombs, codings of answers.",
    "GRP-08": "Methods that take one request; half-close; cancellation.",
    "GRP-09": "Metadata: `-bin`, reserved names, odd values, sizes.",
    "GRP-10": "`grpc-status` and `grpc-message` of a server.",
    "GRP-11": "HTTP statuses in the place of gRPC's.",
    "GRP-12": "RST_STREAM codes.",
    "GRP-13": "Answers: Trailers-Only, what is missing or too much, statuses, messages, codings.",
    "GRP-14": "The scenarios of http2-interop-test-descriptions, and flow control.",
    "GRP-15": "PINGs, GOAWAY, lost connections, deadlines.",
    "GRP-16": "The official interop cases.",
}


def statements() -> list[wire_statements.Statement]:
    """Those that the gRPC level is held to."""
    found = wire_statements.statements(wire_statements.TABLE.read_text(encoding="utf-8"))
    return [each for each in found if each.number in TABLES or (each.number[0] == "W" and int(each.number[1:]) <= LAST)]


def shown_by(number: str, cases: Iterable[Case]) -> list[str]:
    """The lines whose cases are about a statement."""
    return sorted({case.group for case in cases if case.clause.endswith(f" {number}")})


def gaps(cases: Collection[Case], reasons: Mapping[str, str]) -> list[str]:
    """What is wrong, in words: statements with neither cases nor a reason, reasons that a case has made untrue."""
    known = statements()
    found = []
    for each in known:
        is_shown = bool(shown_by(each.number, cases)) or each.number in WATCHED
        if not is_shown and each.number not in reasons:
            found.append(f"{each.number} {each.text}: no case and no reason")
        if is_shown and each.number in reasons:
            found.append(f"{each.number} has a reason, and cases too")
    everything = wire_statements.statements(wire_statements.TABLE.read_text(encoding="utf-8"))
    numbers = {each.number for each in everything}
    found += [
        f"{case.key}: there is no statement {case.clause}" for case in cases if case.clause.split()[-1] not in numbers
    ]
    groups = {case.group for case in cases}
    found += [f"{line} has no cases" for line in LINES if line not in groups]
    return found + [f"{group} is no line of the list" for group in sorted(groups - set(LINES))]


def part(cases: Collection[Case]) -> str:
    """The text for docs/coverage.md."""
    parts = [
        "\n## gRPC\n\nThe statements of [grpc-wire.md](grpc-wire.md) on requests, answers, messages and statuses.",
        ' "Watched" is the form of everything that whom is tested sends, in every case.\n\n',
        "| | statement | cases, or why none |\n|---|---|---|\n",
    ]
    for each in statements():
        said = ", ".join((*shown_by(each.number, cases), *(["watched"] if each.number in WATCHED else [])))
        parts.append(f"| {each.number} | {each.text} | {said or REASONS[each.number].rstrip('.')} |\n")
    parts.append("\n| line | what it is about | servers | clients |\n|---|---|---|---|\n")
    for line, text in LINES.items():
        counts = [
            sum(case.group == line and case.role is role for case in cases) for role in (Role.SERVER, Role.CLIENT)
        ]
        parts.append(f"| {line} | {text} | {' | '.join(str(count or '') for count in counts)} |\n")
    return "".join(parts)


def current_part() -> str:
    """What it should be now."""
    return part(all_cases())
