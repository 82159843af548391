"""How a call may end, as data: the patterns of a case (`model.Expectation`), in the words of gRPC.

    status(13)                          INTERNAL, and nothing else
    status(13, 12, resets=ANY)          INTERNAL is best; UNIMPLEMENTED and RST_STREAM of any code are allowed
    http(415)                           an HTTP status
    either(works(), status(12))         as the service should answer, or UNIMPLEMENTED

`works()` is `model.works()`: the call ends as its request asks for (`service.reply_due`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from grpc_core.status import CODES
from http2.errors import ErrorCode
from interop.conformance.model import Expectation, Kind, Outcome, Pattern, either, works
from interop.conformance.script import STREAM, StreamId

__all__ = ["ANY", "Ending", "clause", "either", "http", "malformed", "name_of", "status", "works"]

OK: Final = 0
CANCELLED: Final = 1
UNKNOWN: Final = 2
DEADLINE_EXCEEDED: Final = 4
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
UNAUTHENTICATED: Final = 16

ANY: Final = frozenset({-1})
"""In the place of error codes: whichever."""
ERRORS: Final = tuple(range(1, 17))
"""Every status but OK."""

_SECTIONS: Final = ((17, 1), (28, 2), (40, 3), (58, 4), (71, 5), (93, 6), (103, 8), (111, 9), (130, 10), (146, 11),
                    (155, 12), (169, 13))  # fmt: skip
"""Up to which statement of docs/grpc-wire.md a section goes."""


def clause(statement: str) -> str:
    """The clause of a case about a statement of docs/grpc-wire.md: "W052" is "gRPC §4 W052", "A7" is "gRPC §7 A7"."""
    number = int(statement[1:])
    section = number if statement[0] == "A" else next(part for last, part in _SECTIONS if number <= last)
    return f"gRPC §{section} {statement}"


def name_of(code: int) -> str:
    """The name of a status code, or its number."""
    return CODES[code].name if 0 <= code < len(CODES) else str(code)


@dataclass(frozen=True)
class Ending(Pattern):
    """A gRPC status, one of `codes`, and with `text` one that has this message."""

    text: str | None = None

    def __str__(self) -> str:
        names = (
            "any status but OK" if len(self.codes) >= len(ERRORS) - 1 else "/".join(map(name_of, sorted(self.codes)))
        )
        return names + (f" {self.text!r}" if self.text is not None else "")


def status(
    best: int,
    *others: int,
    text: str | None = None,
    resets: Iterable[int] = (),
    statuses: Iterable[int] = (),
    stream: StreamId = STREAM,
) -> Expectation:
    """The status that is demanded; others, RST_STREAM of these codes, and HTTP statuses that are allowed."""
    patterns: list[Pattern] = [Ending(Kind.STATUS, Outcome.EXACT, frozenset({best}), best=True, text=text)]
    if rest := frozenset(others) - {best}:
        patterns.append(Ending(Kind.STATUS, Outcome.GENERIC, rest))
    return Expectation((*patterns, *_other_patterns(resets, statuses)), stream)


def http(*statuses: int, others: Iterable[int] = (), resets: Iterable[int] = ()) -> Expectation:
    """One of these HTTP statuses; gRPC statuses and RST_STREAM that are allowed in its place."""
    patterns: list[Pattern] = [Pattern(Kind.ANSWER, Outcome.ANSWERED, statuses=frozenset(statuses), best=True)]
    if others:
        patterns.append(Ending(Kind.STATUS, Outcome.GENERIC, frozenset(others)))
    return Expectation((*patterns, *_other_patterns(resets, ())))


def malformed(best: int = INTERNAL) -> Expectation:
    """A request that HTTP/2 calls malformed, or too large: an HTTP status, the gRPC status, or a stream error, all of
    them good; other errors are allowed."""
    reset = Pattern(Kind.STREAM_ERROR, Outcome.EXACT, frozenset({int(ErrorCode.PROTOCOL_ERROR)}), best=True)
    patterns = either(http(*range(400, 500)), status(best, *ERRORS)).patterns
    return Expectation((*patterns, reset, *_other_patterns(ANY, ())))


def _other_patterns(resets: Iterable[int], statuses: Iterable[int]) -> Iterable[Pattern]:
    if codes := frozenset(resets):
        yield Pattern(Kind.STREAM_ERROR, Outcome.ESCALATED, frozenset() if codes == ANY else codes)
    if statuses:
        yield Pattern(Kind.ANSWER, Outcome.ANSWERED, statuses=frozenset(statuses))
