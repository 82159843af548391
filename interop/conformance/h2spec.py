"""The 204 cases of h2spec (147 for servers, 57 for clients), and what this kit has in their place.

Most are named by the cases that stand for them (`Case.h2spec`). `ELSEWHERE` has the others: what h2spec checks in one
case and this kit in a whole line, and the cases for clients, which h2spec numbers by themselves. `table()` joins both.
Facts about h2spec 2.6.0; nothing of its text or code is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from interop.conformance.model import Case, Mark

SERVER_CASES: dict[str, int] = {
    "generic/1": 1, "generic/2": 5, "generic/3.1": 3, "generic/3.2": 3, "generic/3.3": 5, "generic/3.4": 1,
    "generic/3.5": 1, "generic/3.7": 1, "generic/3.8": 1, "generic/3.9": 2, "generic/3.10": 2, "generic/4": 4,
    "generic/5": 15,
    "http2/3.5": 2, "http2/4.1": 3, "http2/4.2": 3, "http2/4.3": 3, "http2/5.1": 13, "http2/5.1.1": 2,
    "http2/5.1.2": 1, "http2/5.3.1": 2, "http2/5.4.1": 2, "http2/5.5": 2, "http2/6.1": 3, "http2/6.2": 4,
    "http2/6.3": 2, "http2/6.4": 3, "http2/6.5": 3, "http2/6.5.2": 5, "http2/6.5.3": 2, "http2/6.7": 4,
    "http2/6.8": 1, "http2/6.9": 3, "http2/6.9.1": 3, "http2/6.9.2": 3, "http2/6.10": 6, "http2/7": 2,
    "http2/8.1": 1, "http2/8.1.2": 1, "http2/8.1.2.1": 4, "http2/8.1.2.2": 2, "http2/8.1.2.3": 7,
    "http2/8.1.2.6": 2, "http2/8.2": 1,
    "hpack/2.3.3": 2, "hpack/4.2": 1, "hpack/5.2": 3, "hpack/6.1": 1, "hpack/6.3": 1,
}  # fmt: skip
"""Section of h2spec -> how many cases it has, numbered from 1."""

CLIENT_CASES: dict[str, int] = {
    "client/1": 1, "client/4.1": 3, "client/4.2": 3, "client/4.3": 1, "client/5.1": 10, "client/5.1.1": 1,
    "client/5.4.1": 2, "client/5.5": 1, "client/6.1": 3, "client/6.2": 3, "client/6.3": 2, "client/6.4": 3,
    "client/6.5": 3, "client/6.5.2": 4, "client/6.5.3": 1, "client/6.7": 4, "client/6.8": 1, "client/6.9": 3,
    "client/6.9.1": 2, "client/6.10": 6,
}  # fmt: skip
"""The same for h2spec's server that tests clients."""

_VALID, _STRICTER, _DUPLICATE = Mark.VALID, Mark.STRICTER, Mark.DUPLICATE
_WEAK, _OVER = Mark.WEAK, Mark.OVER_STRICT

ELSEWHERE: dict[str, tuple[Mark, str]] = {
    "generic/1/1": (_VALID, "PRE-06"),
    "generic/2/1": (_VALID, "PRI-01"),
    "generic/3.1/1": (_VALID, "FRM-05"), "generic/3.1/2": (_VALID, "FRM-11"), "generic/3.1/3": (_VALID, "FLW-02"),
    "generic/3.2/1": (_VALID, "PRE-06"), "generic/3.2/2": (_VALID, "FRM-02"), "generic/3.2/3": (_VALID, "PRI-01"),
    "generic/3.5/1": (_VALID, "SET-01"),
    "generic/3.7/1": (_DUPLICATE, "PNG-01"),
    "generic/3.8/1": (_WEAK, "PNG-02"),
    "generic/3.9/1": (_VALID, "FLW-08"), "generic/3.9/2": (_VALID, "FLW-08"),
    "generic/4/1": (_VALID, "PRE-06"), "generic/4/3": (_VALID, "FLW-05"),
    "http2/5.4.1/1": (_VALID, "PNG-01"), "http2/5.4.1/2": (_VALID, "PNG-06"),
    "http2/6.2/1": (_DUPLICATE, "FRM-12"), "http2/6.2/2": (_DUPLICATE, "FRM-12"),
    "http2/6.5.3/1": (_VALID, "SET-01"), "http2/6.5.3/2": (_VALID, "SET-02"),
    "http2/7/1": (_VALID, "PNG-07"), "http2/7/2": (_VALID, "PNG-07"),
    "client/1/1": (_VALID, "PRE-08"),
    "client/4.1/1": (_VALID, "FRM-01"), "client/4.1/2": (_VALID, "FRM-02"), "client/4.1/3": (_VALID, "FRM-03"),
    "client/4.2/1": (_VALID, "FRM-05"), "client/4.2/2": (_VALID, "FRM-07"), "client/4.2/3": (_WEAK, "FRM-07"),
    "client/4.3/1": (_VALID, "HPK-04"),
    **{f"client/5.1/{number}": (_VALID, "STR-16") for number in (1, 2, 3, 4)},
    **{f"client/5.1/{number}": (_STRICTER, "STR-08") for number in (5, 6, 8, 9)},
    "client/5.1/7": (_VALID, "STR-01"), "client/5.1/10": (_VALID, "STR-01"),
    "client/5.1.1/1": (_VALID, "STR-16"),
    "client/5.4.1/1": (_VALID, "PNG-01"), "client/5.4.1/2": (_VALID, "PNG-06"),
    "client/5.5/1": (_DUPLICATE, "FRM-01"),
    "client/6.1/1": (_VALID, "STR-16"), "client/6.1/2": (_STRICTER, "STR-08"), "client/6.1/3": (_VALID, "FRM-08"),
    "client/6.2/1": (_VALID, "FRM-12"), "client/6.2/2": (_VALID, "STR-16"), "client/6.2/3": (_VALID, "FRM-08"),
    "client/6.3/1": (_VALID, "PRI-01"), "client/6.3/2": (_VALID, "FRM-08"),
    "client/6.4/1": (_VALID, "STR-16"), "client/6.4/2": (_DUPLICATE, "STR-16"), "client/6.4/3": (_VALID, "FRM-08"),
    **{f"client/6.5/{number}": (_VALID, "SET-07") for number in (1, 2, 3)},
    **{f"client/6.5.2/{number}": (_VALID, "SET-04") for number in (1, 2, 3)},
    "client/6.5.2/4": (_VALID, "SET-05"),
    "client/6.5.3/1": (_VALID, "SET-02"),
    **{f"client/6.7/{number}": (_VALID, "PNG-01") for number in (1, 2, 3)},
    "client/6.7/4": (_VALID, "FRM-08"),
    "client/6.8/1": (_VALID, "PNG-02"),
    "client/6.9/1": (_VALID, "FLW-09"), "client/6.9/2": (_VALID, "FLW-09"), "client/6.9/3": (_VALID, "FRM-08"),
    "client/6.9.1/1": (_OVER, "FLW-08"), "client/6.9.1/2": (_OVER, "FLW-08"),
    "client/6.10/1": (_VALID, "HPK-16"), "client/6.10/2": (_VALID, "FRM-12"), "client/6.10/3": (_VALID, "STR-16"),
    "client/6.10/4": (_VALID, "STR-01"), "client/6.10/5": (_VALID, "STR-01"), "client/6.10/6": (_DUPLICATE, "FRM-12"),
}  # fmt: skip
"""h2spec's id -> what RFC 9113 makes of it, and the line that is here in its place."""

_CLOSED = "RFC 9113 §5.1: what comes on a closed stream MAY be an error, or be discarded; RFC 7540 had a MUST."
_ANSWER = "RFC 9113 §8.1.1: a server MAY answer a malformed request, with 400 or another status."
_DEPENDENCY = "RFC 9113 §5.3.2 deprecates dependencies; that a stream depends on itself is no error any more."

REASONS: dict[str, str] = {
    **{f"http2/5.1/{number}": _CLOSED for number in (8, 9, 11, 12)},
    **{f"client/5.1/{number}": _CLOSED for number in (5, 6, 8, 9)},
    "client/6.1/2": _CLOSED,
    "http2/5.3.1/1": _DEPENDENCY,
    "http2/5.3.1/2": _DEPENDENCY,
    "http2/3.5/2": "RFC 9113 §3.4: GOAWAY may be left out, and a port with HTTP/1 too answers in HTTP/1.",
    "http2/4.2/3": "It sends a block of a fixed size, which is none too large for who has announced more.",
    "client/4.2/3": "It sends a block of a fixed size, which is none too large for who has announced more.",
    "hpack/6.3/1": "The size it sends is computed in 32 bits, and wraps to 0 where the highest was announced.",
    "http2/6.9.2/1": "It ends at the first DATA frame, whatever its length.",
    "http2/6.9.2/2": "It ends at the first DATA frame, whatever its length.",
    "http2/6.9.2/3": "It repeats http2/6.5.2/2, and overflows no window.",
    "http2/6.1/2": "It repeats http2/5.1/5.",
    "http2/6.2/1": "It repeats http2/4.3/2.",
    "http2/6.2/2": "It repeats http2/4.3/3.",
    "http2/6.4/2": "It repeats http2/5.1/2.",
    "http2/8.1.2.3/2": "It leaves :scheme out, too.",
    "http2/5.5/1": "It repeats http2/4.1/1.",
    "client/5.5/1": "It repeats client/4.1/1.",
    "client/6.4/2": "It repeats client/5.1/2.",
    "client/6.10/6": "DATA comes inside the open block, which is client/6.10/2.",
    "client/6.9.1/1": "RFC 9113 §5.4: a generic code is allowed, and a GOAWAY may get lost.",
    "client/6.9.1/2": "RFC 9113 §5.4.1: a stream error may be treated as a connection error.",
    "generic/3.7/1": "It repeats http2/6.7/1.",
    "generic/3.8/1": "A PING or the end is taken as an answer to GOAWAY; that streams complete is not looked at.",
}
"""h2spec's id -> why it is not simply valid. An over-strict one of §8.1.2 without an entry has `_ANSWER`."""


class Row(NamedTuple):
    """A case of h2spec: `lines` are those of the cases in its place."""

    id: str
    mark: Mark
    lines: tuple[str, ...]
    reason: str


def all_ids() -> list[str]:
    """Every id, servers' first."""
    return [
        f"{section}/{number}"
        for sections in (SERVER_CASES, CLIENT_CASES)
        for section, count in sections.items()
        for number in range(1, count + 1)
    ]


def table(cases: Iterable[Case]) -> list[Row]:
    """A row for every case of h2spec. Raises KeyError for one that neither a case nor `ELSEWHERE` knows."""
    named: dict[str, tuple[Mark, set[str]]] = {}
    for case in cases:
        for entry in case.h2spec:
            mark, lines = named.setdefault(entry.id, (entry.mark, set()))
            if mark is not entry.mark:
                raise ValueError(f"{entry.id} is {mark.value} for one case and {entry.mark.value} for {case.key}")
            lines.add(case.group)
    rows = []
    for each in all_ids():
        if each in named:
            mark, lines = named[each]
        else:
            mark, line = ELSEWHERE[each]
            lines = {line}
        reason = REASONS.get(each, "")
        if mark is Mark.OVER_STRICT and not reason:
            reason = _ANSWER
        rows.append(Row(each, mark, tuple(sorted(lines)), reason))
    return rows
