"""From what was seen to a verdict.

`observe` reduces a finished `Tester` to one `Observation`: a connection error, a stream error, an answer, a close, or
that everything works, in that order of precedence; or that nothing came (`HUNG`), or that it crashed. `judge` looks for
the first pattern of the case's expectation that fits. A case *passes* at its level when a pattern fits that breaks
nothing, no `Fault` was found beside it, and no rule was broken in passing.

| seen                        | demanded: connection error   | demanded: stream error       | demanded: tolerance |
|-----------------------------|------------------------------|------------------------------|---------------------|
| GOAWAY, the demanded code   | exact                        | escalated                    | wrong               |
| GOAWAY, a generic code      | generic                      | escalated                    | wrong               |
| GOAWAY, another code        | wrong                        | wrong                        | wrong               |
| RST_STREAM, demanded code   | wrong                        | exact                        | wrong               |
| RST_STREAM, a generic code  | wrong                        | generic                      | wrong               |
| an HTTP status 4xx          | wrong                        | answered, if malformed       | wrong               |
| an error for a client's user| wrong                        | reported, if malformed       | wrong               |
| end without GOAWAY          | silent-close (breaks SHOULD) | silent-close (breaks SHOULD) | silent-close        |
| everything works            | tolerated (breaks the rule)  | tolerated (breaks the rule)  | tolerated (best)    |
| nothing                     | hung                         | hung                         | hung                |

**How bad it is that nothing came** (`_level_of_silence`). A PING that is not answered, and SETTINGS that are not
acknowledged, break a MUST whatever the case is about (§6.7, §6.5.3): the connection is dead. What else did not come is
demanded by the rule of the case, and has its level: a server that waits for the rest of a preface for ever breaks no
more than a SHOULD. But where the rule is a MAY, an end is free in which of two ways it goes on, and not to do neither:
that a response is sent (§8.1) is a statement without a key word, and counts as a SHOULD.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from http2.errors import ErrorCode, error_name
from http2.frames import RST_STREAM
from interop.conformance.checks import Violation
from interop.conformance.exchange import Exchange
from interop.conformance.model import Case, Expectation, Kind, Level, Outcome, Pattern, Role, What
from interop.conformance.tester import Tester
from interop.conformance.wire import WireFrame

_ALWAYS_ANSWERED = (What.SETTINGS, What.SETTINGS_ACK, What.PONG)


@dataclass(frozen=True)
class Observation:
    """What was seen: `kind` None means that nothing came, or that it `crashed`; with `is_dead` no answer to PING or
    SETTINGS did, which MUST be answered."""

    kind: Kind | None
    code: int = 0
    status: int = 0
    text: str = ""
    crashed: str = ""
    is_dead: bool = False
    frame: WireFrame | None = None
    """The frame that says so, where it was one."""


@dataclass(frozen=True)
class Fault:
    """Something wrong beside the outcome itself: a probe that fails, a body that differs."""

    text: str
    level: Level = Level.MUST


@dataclass(frozen=True)
class Verdict:
    """`breaks` is the strongest level that was broken, None when the case passes; `best` that nothing could be
    better."""

    outcome: Outcome
    seen: str
    breaks: Level | None
    best: bool
    faults: tuple[Fault, ...] = ()
    violations: tuple[Violation, ...] = field(default=())
    decisive: WireFrame | None = field(default=None, repr=False, compare=False)
    """The frame that decided, where one did: of the very `Result.frames`."""

    @property
    def passed(self) -> bool:
        """Whether nothing was broken at any level."""
        return self.breaks is None

    def passes(self, level: Level) -> bool:
        """Whether nothing was broken at this level or a stronger one."""
        return self.breaks is None or self.breaks < level


def observe(
    tester: Tester, exchange: Exchange | None, *, crashed: str, hung: str, unmet: str, has_left: bool = False
) -> Observation:
    """What a finished tester has seen, of an exchange and else.

    In words or empty: `crashed`; `hung`, that the connection is dead, which counts more than what a stream got before;
    `unmet`, what a step waited for in vain, which counts only where nothing else was seen. `has_left`: a client that
    was done has closed the connection, which says nothing.
    """
    if crashed:
        return Observation(None, text=crashed, crashed=crashed)
    if tester.foreign:
        kind = Kind.ANSWER if tester.foreign_status else Kind.CLOSED
        return Observation(kind, status=tester.foreign_status, text=tester.foreign)
    if tester.error_goaway is not None:
        code = tester.error_goaway.uint32(4)
        return Observation(Kind.CONNECTION_ERROR, code, text=str(tester.error_goaway), frame=tester.error_goaway)
    reset = exchange.reset_code if exchange is not None else None
    # Who was asked to go closes; where our last octets were still unread, TCP makes a reset of that.
    has_gone = tester.passive.we_went_away and (tester.has_left or not tester.was_reset)
    if tester.has_ended and not has_left and not has_gone:
        if tester.goaways:
            last = tester.goaways[-1]
            return Observation(Kind.CONNECTION_ERROR, last.uint32(4), text=f"{last}, then the end", frame=last)
        text = "the connection was reset" if tester.was_reset else "the connection was closed without GOAWAY"
        return Observation(Kind.CLOSED, text=text)
    if hung:
        return Observation(None, text=hung, is_dead=True)
    if reset == ErrorCode.STREAM_CLOSED and exchange is not None and _was_refused(tester, exchange):
        # §8.1.1: it may answer before it resets the stream; what it resets here is what came behind its answer.
        text = f"stream {exchange.stream_id} was answered with {exchange.status}, and what came then was reset"
        return Observation(Kind.ANSWER, status=exchange.status, text=text, frame=_head_of(tester, exchange))
    if exchange is not None and reset is not None and not (reset == ErrorCode.NO_ERROR and exchange.ended):
        text = f"RST_STREAM {error_name(reset)}"
        return Observation(Kind.STREAM_ERROR, reset, text=text, frame=_reset_of(tester, exchange))
    if exchange is not None and exchange.status >= 400 and (wrong := tester.problem_of(exchange)):
        return Observation(Kind.ANSWER, status=exchange.status, text=wrong, frame=_head_of(tester, exchange))
    if tester.role is Role.CLIENT and exchange is not None and exchange.is_sent:
        result = tester.result_of(exchange)
        waited = What.RESULT.value in unmet  # what it says at the end of the connection, that we close, is too late
        if result.is_done and result.answer is None and not waited:
            return Observation(Kind.REPORTED, text=f"the client told its user: {result.error}")
    if unmet:
        return Observation(None, text=unmet, is_dead=any(what.value in unmet for what in _ALWAYS_ANSWERED))
    return Observation(Kind.WORKS, text="everything went on working")


def _was_refused(tester: Tester, exchange: Exchange) -> bool:
    """Whether there is an answer 4xx, to what a good request gets another one."""
    usual = tester.target.get.status if tester.target.get is not None else 200
    return 400 <= exchange.status < 500 and exchange.status != usual


def judge(case: Case, seen: Observation, faults: tuple[Fault, ...], violations: tuple[Violation, ...]) -> Verdict:
    """The verdict on a case."""
    pattern = _pattern_for(case.expectation, seen)
    if pattern is not None:
        outcome, breaks, best = pattern.outcome, pattern.breaks, pattern.best
        if breaks is not None:
            breaks = min(breaks, case.level)
    else:
        outcome, breaks, best = _class_of(seen), case.level, False
        if outcome is Outcome.CRASHED:
            breaks = Level.MUST  # no rule lets an end do that
        elif outcome is Outcome.HUNG:
            breaks = _level_of_silence(case, seen)
    levels = [fault.level for fault in faults] + [violation.level for violation in violations]
    levels += [] if breaks is None else [breaks]
    broken = max(levels, default=None)
    return Verdict(outcome, seen.text, broken, best and broken is None, faults, violations, seen.frame)


def _reset_of(tester: Tester, exchange: Exchange) -> WireFrame | None:
    of_stream = (frame for frame in tester.frames if not frame.is_sent and frame.stream_id == exchange.stream_id)
    return next((frame for frame in of_stream if frame.type == RST_STREAM), None)


def _head_of(tester: Tester, exchange: Exchange) -> WireFrame | None:
    """The frame that ends the field block with the final status."""
    of_stream = (frame for frame in tester.frames if not frame.is_sent and frame.stream_id == exchange.stream_id)
    status = (b":status", b"%d" % exchange.status)
    return next((frame for frame in of_stream if frame.fields is not None and status in frame.fields), None)


def _level_of_silence(case: Case, seen: Observation) -> Level:
    """What an end breaks that says nothing: see the head of this file."""
    return Level.MUST if seen.is_dead else max(case.level, Level.SHOULD)


def _pattern_for(expectation: Expectation, seen: Observation) -> Pattern | None:
    for pattern in expectation.patterns:
        if pattern.kind is not seen.kind or (pattern.codes and seen.code not in pattern.codes):
            continue
        if pattern.statuses and seen.status not in pattern.statuses:
            continue
        return pattern
    return None


def _class_of(seen: Observation) -> Outcome:
    """The class of an outcome that is not allowed."""
    if seen.crashed:
        return Outcome.CRASHED
    if seen.kind is None:
        return Outcome.HUNG
    classes = {Kind.WORKS: Outcome.TOLERATED, Kind.CLOSED: Outcome.SILENT_CLOSE, Kind.ANSWER: Outcome.ANSWERED}
    return classes.get(seen.kind, Outcome.WRONG)
