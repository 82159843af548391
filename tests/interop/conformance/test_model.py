"""Cases as data: what they say of themselves, and what the builders of expectations allow."""

from __future__ import annotations

from http2.errors import ErrorCode
from interop.conformance.model import (
    Kind,
    Level,
    Outcome,
    Role,
    answer,
    connection_error,
    either,
    for_both,
    malformed,
    send,
    stream_error,
    works,
)
from interop.conformance.script import STREAM, begun, ping
from tests.interop.conformance.fakes import case


def kinds(expectation: object) -> list[tuple[Kind, Outcome]]:
    return [(pattern.kind, pattern.outcome) for pattern in expectation.patterns]  # type: ignore[attr-defined]


def test_a_connection_error_may_be_generic_and_should_not_be_silent() -> None:
    expectation = connection_error(ErrorCode.FRAME_SIZE_ERROR)
    assert kinds(expectation) == [
        (Kind.CONNECTION_ERROR, Outcome.EXACT),
        (Kind.CONNECTION_ERROR, Outcome.GENERIC),
        (Kind.CLOSED, Outcome.SILENT_CLOSE),
    ]
    assert expectation.patterns[-1].breaks is Level.SHOULD
    assert str(expectation) == "GOAWAY FRAME_SIZE_ERROR; GOAWAY PROTOCOL_ERROR/INTERNAL_ERROR"
    assert not expectation.is_about_stream


def test_a_stream_error_may_be_escalated() -> None:
    expectation = stream_error(ErrorCode.STREAM_CLOSED)
    assert [outcome for _, outcome in kinds(expectation)] == [
        Outcome.EXACT,
        Outcome.GENERIC,
        Outcome.ESCALATED,
        Outcome.ESCALATED,
        Outcome.SILENT_CLOSE,
    ]
    assert expectation.is_about_stream
    assert [pattern.best for pattern in expectation.patterns] == [True, False, False, False, False]


def test_a_malformed_request_may_be_answered_and_that_is_as_good() -> None:
    pattern = malformed().patterns[1]
    assert (pattern.kind, pattern.outcome, pattern.best) == (Kind.ANSWER, Outcome.ANSWERED, True)
    assert str(pattern) == "answer 400-499"
    assert str(answer(404)) == "answer 404"


def test_either_keeps_the_order_and_drops_what_is_there_twice() -> None:
    one, other = works(begun(0)), connection_error(ErrorCode.PROTOCOL_ERROR)
    assert either(one, other, one).patterns == (*one.patterns, *other.patterns)
    assert either(one, other).stream == begun(0), "the first says which stream it is about"
    assert either(one, other).allows_work
    assert not other.allows_work


def test_a_case_knows_its_line_and_its_section() -> None:
    wanted = case(send(ping()), allowed=works())
    assert (wanted.group, wanted.key, wanted.section) == ("TST-01", "server/TST-01.test", "5.4")
    assert wanted.expectation.stream == STREAM


def test_a_case_for_both_is_two_cases() -> None:
    assert [each.role for each in for_both([case(allowed=works())])] == [Role.SERVER, Role.CLIENT]
