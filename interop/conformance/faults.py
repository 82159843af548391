"""What is wrong beside the outcome of a case: what a client told its user or made again, what messages contained."""

from __future__ import annotations

from http2.errors import ErrorCode
from http2.frames import GOAWAY, STREAM_ID_MASK
from interop.conformance.exchange import Exchange
from interop.conformance.model import Case, Level, Role
from interop.conformance.tester import Tester
from interop.conformance.verdicts import Fault


def told(case: Case, tester: Tester, begun: list[Exchange]) -> list[Fault]:
    """What a client has told its user, of each request: something at last, and no success where there was none."""
    faults = []
    for exchange in begun if tester.role is Role.CLIENT else ():
        result = tester.result_of(exchange)
        if not result.is_done:
            faults.append(Fault(f"the connection is over, and the client still waits on stream {exchange.stream_id}"))
        elif result.answer is not None and not exchange.is_sent and not result.retried and not tester.was_asked_again:
            text = f"stream {exchange.stream_id} never was complete, and the client says it was"
            faults.append(Fault(text, case.level))
    return faults


def contents(
    case: Case, tester: Tester, begun: list[Exchange], subject: Exchange | None, *, works: bool
) -> list[Fault]:
    """What came of the exchanges of the script must be right, whole and octet for octet."""
    if case.expectation.allows_work:
        complete = [exchange for exchange in begun if exchange.is_sent and works]
        return [Fault(problem) for exchange in complete if (problem := tester.problem_of(exchange))]
    if case.expectation.is_about_stream and not tester.is_over:
        others = [exchange for exchange in begun if exchange.is_sent and exchange is not subject]
        faults = [Fault(problem) for exchange in others if (problem := tester.problem_of(exchange))]
        if faults:
            return faults
    if ErrorCode.STREAM_CLOSED in case.expectation.patterns[0].codes:
        return []  # what came behind a message takes nothing from one that was complete before
    if tester.role is Role.CLIENT and subject is not None and case.expectation.is_about_stream:
        result = tester.result_of(subject)
        if result.answer is not None and not result.retried and subject.is_sent:
            text = "the client has handed the message over as complete (RFC 9113 §8.1.1)"
            return [Fault(text, case.level)]
    return []


def made_again(tester: Tester, begun: list[Exchange]) -> list[Fault]:
    """A POST that a client has made again although we may have processed it (RFC 9110 §9.2.2: SHOULD NOT).

    We have not where we refused it, or where our GOAWAY left it out (RFC 9113 §8.7).
    """
    if tester.role is not Role.CLIENT or not begun or begun[0].method != b"POST":
        return []
    first = begun[0]
    left_out = any(
        frame.is_sent and frame.type == GOAWAY and frame.uint32() & STREAM_ID_MASK < first.stream_id
        for frame in tester.frames
    )
    if first.sent_reset == ErrorCode.REFUSED_STREAM or left_out:
        return []
    if not tester.was_asked_again and not tester.result_of(first).retried:
        return []
    return [Fault("the client has made a POST again that may have been processed (RFC 9110 §9.2.2)", Level.SHOULD)]
