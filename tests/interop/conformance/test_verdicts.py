"""Each class of outcome, produced by a server that behaves so, and what it breaks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from http2.errors import ErrorCode
from http2.frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS_ACK,
    build_frame,
    build_settings,
)
from interop.conformance.exchange import Answer, ClientResult
from interop.conformance.memory import TARGET
from interop.conformance.model import (
    Await,
    Begin,
    Behaviour,
    Case,
    Finish,
    Kind,
    Level,
    Outcome,
    Role,
    What,
    connection_error,
    either,
    malformed,
    or_waits,
    send,
    stream_error,
    works,
)
from interop.conformance.script import (
    GET,
    OK,
    POST,
    STREAM,
    Frame,
    Literal,
    data,
    goaway,
    headers,
    idle,
    ping,
    settings,
    window_update,
    without,
)
from interop.conformance.stacks.plait import PlaitClient
from interop.conformance.table import all_cases
from interop.conformance.tester import Tester
from interop.conformance.verdicts import observe
from tests.interop.conformance.fakes import (
    WRONG_CODE,
    Fake,
    Rewrite,
    as_it_is,
    case,
    crashing,
    escalating,
    frame_type,
    hanging,
    lingering,
    run,
    silent,
    with_code,
)

SHORT_PING = case(send(Frame(PING, payload=(b"7 bytes",))), allowed=connection_error(ErrorCode.FRAME_SIZE_ERROR))
ZERO_INCREMENT = case(Begin(), send(window_update(STREAM, 0)), allowed=stream_error(ErrorCode.PROTOCOL_ERROR))
HALF_CLOSED = case(Begin(end=True), Finish(), send(window_update(STREAM, 1)), allowed=works())
BAD_NAME = case(send(headers(idle(), *GET, Literal(b"X-Upper", b"1"), end_stream=True)), allowed=malformed())
INTERNAL = int(ErrorCode.INTERNAL_ERROR)


@pytest.mark.parametrize(
    ("wanted", "rewrite", "outcome", "breaks"),
    [
        (SHORT_PING, as_it_is, Outcome.EXACT, None),
        (SHORT_PING, with_code(INTERNAL), Outcome.GENERIC, None),
        (SHORT_PING, with_code(WRONG_CODE), Outcome.WRONG, Level.MUST),
        (SHORT_PING, with_code(0), Outcome.WRONG, Level.MUST),
        (SHORT_PING, silent, Outcome.SILENT_CLOSE, Level.SHOULD),
        (SHORT_PING, hanging, Outcome.HUNG, Level.MUST),
        (SHORT_PING, crashing, Outcome.CRASHED, Level.MUST),
        (SHORT_PING, lingering, Outcome.EXACT, Level.MUST),
        (ZERO_INCREMENT, as_it_is, Outcome.EXACT, None),
        (ZERO_INCREMENT, with_code(INTERNAL), Outcome.GENERIC, None),
        (ZERO_INCREMENT, escalating, Outcome.ESCALATED, None),
        (ZERO_INCREMENT, with_code(WRONG_CODE), Outcome.WRONG, Level.MUST),
        (ZERO_INCREMENT, silent, Outcome.SILENT_CLOSE, Level.SHOULD),
        (ZERO_INCREMENT, hanging, Outcome.HUNG, Level.MUST),
        (ZERO_INCREMENT, crashing, Outcome.CRASHED, Level.MUST),
        (BAD_NAME, as_it_is, Outcome.EXACT, None),
        (BAD_NAME, with_code(int(ErrorCode.NO_ERROR)), Outcome.ANSWERED, None),
        (BAD_NAME, hanging, Outcome.HUNG, Level.MUST),
        (BAD_NAME, silent, Outcome.SILENT_CLOSE, Level.SHOULD),
        (HALF_CLOSED, as_it_is, Outcome.TOLERATED, None),
    ],
)
def test_the_class_of_an_outcome(wanted: Case, rewrite: Rewrite, outcome: Outcome, breaks: Level | None) -> None:
    result = run(wanted, rewrite)
    assert result.verdict is not None
    assert (result.verdict.outcome, result.verdict.breaks) == (outcome, breaks), result


def test_what_is_tolerated_where_an_error_is_demanded_breaks_the_rule() -> None:
    wanted = case(send(ping(b"12345678")), allowed=connection_error(ErrorCode.PROTOCOL_ERROR))
    verdict = run(wanted).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.breaks, verdict.best) == (Outcome.TOLERATED, Level.MUST, False)


def test_an_error_where_tolerance_is_demanded_breaks_the_rule() -> None:
    verdict = run(case(*SHORT_PING.steps, allowed=works())).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.breaks) == (Outcome.WRONG, Level.MUST)


def test_a_stream_error_where_a_connection_error_is_demanded_breaks_the_rule() -> None:
    verdict = run(case(*ZERO_INCREMENT.steps, allowed=connection_error(ErrorCode.PROTOCOL_ERROR))).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.breaks) == (Outcome.WRONG, Level.MUST)


def test_no_level_above_the_case_is_broken() -> None:
    wanted = case(*SHORT_PING.steps, allowed=connection_error(ErrorCode.FRAME_SIZE_ERROR), level=Level.MAY)
    verdict = run(wanted, silent).verdict
    assert verdict is not None
    assert verdict.breaks is Level.MAY, "the rule is a MAY, so that saying nothing about it breaks no SHOULD"
    assert verdict.passes(Level.SHOULD)
    assert not verdict.passes(Level.MAY)


def unanswered(fake: Fake, frame: bytes) -> bytes:
    """Serves PING and SETTINGS, and no request."""
    return b"" if frame_type(frame) in (DATA, HEADERS) else frame


def acknowledging_once() -> Rewrite:
    """Acknowledges its first SETTINGS only."""
    acknowledgements = iter((SETTINGS_ACK,))
    return lambda fake, frame: frame if frame != SETTINGS_ACK else next(acknowledgements, b"")


@pytest.mark.parametrize("level", Level)
def test_how_bad_silence_is(level: Level) -> None:
    """PING and SETTINGS must be answered whatever the case is about; a request as the rule of the case says."""
    more = case(send(settings()), Await(What.SETTINGS_ACK), allowed=works(), level=level)
    request = case(Begin(end=True), Finish(), allowed=works(), level=level)
    for wanted, rewrite, breaks in (
        (more, acknowledging_once(), Level.MUST),
        (case(*ZERO_INCREMENT.steps, allowed=ZERO_INCREMENT.expectation, level=level), hanging, Level.MUST),
        (request, unanswered, max(level, Level.SHOULD)),
    ):
        verdict = run(replace(wanted, probe=False), rewrite, fresh=False).verdict
        assert verdict is not None
        assert (verdict.outcome, verdict.breaks) == (Outcome.HUNG, breaks), verdict


def test_either_allows_both_and_prefers_the_first() -> None:
    allowed = either(works(), connection_error(ErrorCode.FRAME_SIZE_ERROR))
    verdict = run(case(*SHORT_PING.steps, allowed=allowed)).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.breaks) == (Outcome.EXACT, None)
    assert str(allowed).startswith("goes on working; GOAWAY FRAME_SIZE_ERROR")


def test_an_answer_that_should_have_been_another_is_no_success() -> None:
    """A server that refuses what it must serve: 400 is an answer, and not the one that is due."""
    verdict = run(case(send(headers(idle(), *without(POST, b":path"), end_stream=True)), allowed=works())).verdict
    assert verdict is not None
    assert verdict.breaks is Level.MUST


def test_what_is_no_error_yet_is_only_a_may() -> None:
    allowed = or_waits(connection_error(ErrorCode.FRAME_SIZE_ERROR))
    half = case(send(Frame(PING, length=16_385)), allowed=allowed)
    wanted = replace(half, barrier=False, probe=False)
    for rewrite, breaks in ((as_it_is, None), (hanging, Level.MAY), (silent, Level.SHOULD), (with_code(8), Level.MUST)):
        verdict = run(wanted, rewrite).verdict
        assert verdict is not None
        assert verdict.breaks is breaks, verdict


def is_negative(wanted: Case) -> bool:
    """Whether what the case does must be an error, and not one that a bare end is a full answer to."""
    kinds = [pattern.kind for pattern in wanted.expectation.patterns if pattern.breaks in (None, Level.MAY)]
    return wanted.role is Role.SERVER and Kind.WORKS not in kinds[:1] and not wanted.needs & {"time", "tls"}


@pytest.mark.parametrize("rewrite", [silent, crashing, with_code(WRONG_CODE)])
def test_who_only_closes_crashes_or_errs_fails_95_of_100_negative_cases(rewrite: Rewrite) -> None:
    negative = [wanted for wanted in all_cases() if is_negative(wanted)]
    passed = [wanted.key for wanted in negative if run(wanted, rewrite).passes(Level.SHOULD)]
    assert len(negative) > 300
    assert len(passed) <= len(negative) / 20, passed


@pytest.mark.parametrize(("answered", "kind"), [(True, Kind.WORKS), (False, Kind.CLOSED)])
def test_a_client_that_was_sent_away_may_leave_with_octets_unread(answered: bool, kind: Kind) -> None:
    """TCP makes a reset of its close then. With a request open it is one."""
    client = PlaitClient()
    client.request(None, False)
    tester = Tester(Role.CLIENT, TARGET, Behaviour())
    tester.start()
    tester.receive(client.receive(tester.take_output()))
    tester.send(headers(STREAM, *OK), goaway(STREAM, ErrorCode.NO_ERROR))
    if answered:
        tester.finish(STREAM, b"")
    tester.receive(client.receive(tester.take_output()))
    tester.ping()
    tester.receive(client.receive(tester.take_output()))
    tester.receive_end(was_reset=True)
    tester.results = [ClientResult(True, Answer(200, b""))]
    assert observe(tester, tester.exchange(STREAM), crashed="", hung="", unmet="").kind is kind


@pytest.mark.parametrize(
    ("status", "code", "kind", "is_whole"),
    [
        (400, ErrorCode.STREAM_CLOSED, Kind.ANSWER, True),  # a refusal, and the reset of what came behind the request
        (400, ErrorCode.STREAM_CLOSED, Kind.ANSWER, False),
        (400, ErrorCode.PROTOCOL_ERROR, Kind.STREAM_ERROR, True),
        (200, ErrorCode.STREAM_CLOSED, Kind.STREAM_ERROR, True),
        (404, ErrorCode.STREAM_CLOSED, Kind.STREAM_ERROR, True),  # what every request gets from this server
    ],
)
def test_a_reset_behind_a_refusal_takes_nothing_from_it(
    status: int, code: ErrorCode, kind: Kind, is_whole: bool
) -> None:
    """RFC 9113 §8.1.1: a server may answer a malformed request before it closes or resets the stream."""
    known = Answer(404 if status == 404 else 200, b"")
    tester = Tester(Role.SERVER, replace(TARGET, get=known), Behaviour())
    tester.start()
    tester.send(headers(1, *POST), data(1, b"late", end_stream=True))
    tester.take_output()
    block = b"\x48\x03%d" % status
    tester.receive(build_settings({}) + build_frame(HEADERS, END_HEADERS | (END_STREAM if is_whole else 0), 1, block))
    tester.receive(build_frame(RST_STREAM, 0, 1, int(code).to_bytes(4, "big")))
    seen = observe(tester, tester.exchange(1), crashed="", hung="", unmet="")
    assert seen.kind is kind
    assert seen.status == (status if kind is Kind.ANSWER else 0)
