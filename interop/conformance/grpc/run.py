"""Runs one case of the gRPC level, and judges it by the status of its call.

As `conformance.run`, with the same drivers and connectors: the handshake, the steps, a PING that must be answered; then
a call on the same connection where it lives, and one on a fresh connection always, whose replies are compared. What
differs is what is looked at: of a server the status that came on the stream of the case, of a client the status that
its user was told. Beside it count the form of everything that came (`calls`) and the rules of HTTP/2 (`checks`).
"""

from __future__ import annotations

from dataclasses import replace

from http2.errors import ErrorCode, error_name
from http2.frames import RST_STREAM
from interop.conformance.driving import Connector, Options, Run
from interop.conformance.exchange import Exchange, Target
from interop.conformance.grpc.calls import Call, field_of
from interop.conformance.grpc.endings import Ending, name_of
from interop.conformance.grpc.service import difference, reply_due
from interop.conformance.grpc.tester import GrpcTester
from interop.conformance.model import Ask, Barrier, Begin, Behaviour, Case, Close, Expectation, Kind, Role, Send
from interop.conformance.recording import Phase
from interop.conformance.run import FRESH_FAULT, Result, Unusable, fresh_connection
from interop.conformance.script import CannotDo
from interop.conformance.verdicts import Fault, Observation, judge
from interop.conformance.wire import WireFrame, show


def run_case(case: Case, connector: Connector, target: Target, options: Options | None = None) -> Result:
    """Run a case and judge it. Raises OSError when whom is tested cannot be reached at all."""
    options = options or Options()
    if case.patience_s > options.timeout_s:
        options = replace(options, timeout_s=case.patience_s)
    missing = case.needs - connector.offers
    if missing:
        return Result(case, options.delivery, skipped=f"needs {', '.join(sorted(missing))}")
    tester = target.tester(case.role, case.behaviour)
    assert isinstance(tester, GrpcTester), "the target is one for calls"
    driver = connector.connect(case.role)
    run = Run(tester, driver, options)
    faults: list[Fault] = []
    try:
        unmet, hung = _script(case, run)
        subject = tester.exchange(case.expectation.stream)
        begun = tester.exchanges[:]
        survives = not hung and not unmet and not tester.is_over
        if survives and case.probe and (problem := _probe(run)) and not tester.is_over:
            faults.append(Fault(f"the connection does not work afterwards: {problem}"))
        crashed = driver.crashed
        if tester.error_goaway is not None and not run.drain():
            faults.append(Fault("GOAWAY came, and the connection was not closed (RFC 9113 §5.4.1)"))
    except CannotDo as reason:
        return Result(case, options.delivery, None, str(reason), tuple(tester.frames), notes=tester.notes())
    finally:
        driver.close()
    tester.results = driver.results()
    seen = observe(tester, subject, case.expectation, crashed=crashed or driver.crashed, hung=hung, unmet=unmet)
    faults += _others(tester, begun, subject)
    faults += _text(tester, subject, case.expectation, seen)
    if options.fresh and (problem := fresh_connection(connector, case.role, target, options.timeout_s)):
        faults.append(Fault(f"{FRESH_FAULT}: {problem}"))
    violations = (*tester.passive.violations, *tester.form_violations())
    verdict = judge(case, seen, tuple(faults), violations)
    return Result(case, options.delivery, verdict, "", tuple(tester.frames), run.octets_sent, tester.notes())


def _script(case: Case, run: Run) -> tuple[str, str]:
    """Handshake, steps and barrier. In words: what a step waited for in vain, and that the connection is dead."""
    tester = run.tester
    tester.enter(Phase.HANDSHAKE)
    if case.behaviour.handshake and not run.handshake():
        return "", "" if tester.is_over else "the handshake did not come to its end"
    tester.enter(Phase.SCRIPT)
    for number, step in enumerate(case.steps):
        if tester.is_over and not isinstance(step, Close):
            if tester.has_left and any(isinstance(each, Send | Begin | Ask) for each in case.steps[number:]):
                raise CannotDo("the client goes when it has its status, and the script goes on")
            break
        try:
            problem = run.perform(step)
        except LookupError as error:
            problem = str(error)
        if problem:
            return ("" if tester.is_over else problem), ""
    if tester.is_over or not case.barrier:
        return "", ""
    tester.enter(Phase.BARRIER)
    problem = run.perform(Barrier())
    return "", "" if tester.is_over or not problem else f"PING was not answered: {problem}"


def _probe(run: Run) -> str:
    """Another call on the same connection: what is wrong with it."""
    try:
        run.tester.enter(Phase.PROBE)
        run.tester.restore()
        return run.exchange()
    except CannotDo:
        return ""  # such a client makes one call a connection


def observe(
    tester: GrpcTester, exchange: Exchange | None, expectation: Expectation, *, crashed: str, hung: str, unmet: str
) -> Observation:
    """What a finished tester has seen of a call, and else."""
    if crashed:
        return Observation(None, text=crashed, crashed=crashed)
    if tester.role is Role.CLIENT and tester.call_result(exchange).is_done:
        return _told(tester, exchange)
    if tester.error_goaway is not None:
        goaway = tester.error_goaway
        return Observation(Kind.CONNECTION_ERROR, goaway.uint32(4), text=str(goaway), frame=goaway)
    if tester.foreign:
        return Observation(Kind.CLOSED, text=tester.foreign)
    if tester.has_ended and not tester.has_left:
        text = "the connection was reset" if tester.was_reset else "the connection was closed without GOAWAY"
        return Observation(Kind.CLOSED, text=text)
    if hung:
        return Observation(None, text=hung, is_dead=True)
    if exchange is not None and exchange.is_decided and tester.role is Role.SERVER:
        return replace(_answered(tester, exchange, expectation), frame=_ending(tester, exchange))
    if unmet:
        return Observation(None, text=unmet)
    if tester.role is Role.CLIENT and exchange is not None:
        return Observation(None, text="the client has not told its user how the call ended")
    return Observation(Kind.WORKS, text="everything went on working")


def _told(tester: GrpcTester, exchange: Exchange | None) -> Observation:
    """By what a client's user was told. Where it has made its call again, here, that one is what it was told of."""
    result = tester.call_result(exchange)
    made = tester.exchanges[-1] if tester.was_asked_again else exchange
    problem = tester.problem_told(made, result) if made is not None else ""
    if result.code == 0 and not problem:
        return Observation(Kind.WORKS, text="the client told its user OK" + (", at a retry" if result.retried else ""))
    if result.code == 0:
        return Observation(Kind.STATUS, 0, text=f"OK, and {problem}")
    if result.code < 0:
        return Observation(None, text=f"the client told its user no status: {result.error}")
    return Observation(Kind.STATUS, result.code, text=f"the client told its user {result.error}")


def _answered(tester: GrpcTester, exchange: Exchange, expectation: Expectation) -> Observation:
    """By what came on a server's stream."""
    if exchange.sent_reset is not None:
        return Observation(Kind.WORKS, text="the call was cancelled by us")
    call, request = tester.came(exchange), tester.sent(exchange)
    wants_http = any(pattern.kind is Kind.ANSWER for pattern in expectation.patterns)
    said = _shown(call)
    if call.status is None or (call.http_status != 200 and wants_http):
        if call.ended and call.http_status not in (0, 200):
            return Observation(Kind.ANSWER, status=call.http_status, text=said)
        if exchange.reset_code not in (None, ErrorCode.NO_ERROR) or not call.ended:
            code = exchange.reset_code or 0
            return Observation(Kind.STREAM_ERROR, code, text=f"RST_STREAM {error_name(code)}")
        return Observation(Kind.STATUS, -1, text=f"{said}, and no grpc-status")
    due = reply_due(request) if exchange.is_sent else None
    problem = difference(request, call, due) if due is not None else "" if call.status == 0 else said
    if not problem:
        return Observation(Kind.WORKS, text=said)
    return Observation(Kind.STATUS, call.status, text=f"{said}: {problem}" if call.status == 0 else said)


def _ending(tester: GrpcTester, exchange: Exchange) -> WireFrame | None:
    """The last frame that a status can be in: one that ends a field block, or RST_STREAM."""
    came = (frame for frame in reversed(tester.frames) if not frame.is_sent and frame.stream_id == exchange.stream_id)
    return next((frame for frame in came if frame.fields is not None or frame.type == RST_STREAM), None)


def _shown(call: Call) -> str:
    """An answer in a line."""
    parts = [] if call.http_status == 200 else [f":status {call.http_status}"]
    if call.status is not None:
        text = f" {call.text[:80]!r}" if call.text else ""
        parts.append(f"{name_of(call.status)}{text}")
    elif value := field_of(call.ending, b"grpc-status"):
        parts.append(f"grpc-status {show(value)}")
    if call.messages:
        parts.append(f"{len(call.messages)} message{'s' if len(call.messages) > 1 else ''}")
    return ", ".join(parts) or "the end of the stream"


def _others(tester: GrpcTester, begun: list[Exchange], subject: Exchange | None) -> list[Fault]:
    """What is wrong with calls that were whole, and are not what the case is about."""
    if tester.is_over or tester.role is Role.CLIENT:
        return []
    others = [exchange for exchange in begun if exchange.is_sent and exchange is not subject]
    return [Fault(problem) for exchange in others if (problem := tester.problem_of(exchange))]


def _text(tester: GrpcTester, exchange: Exchange | None, expectation: Expectation, seen: Observation) -> list[Fault]:
    """Where the right status has the wrong message."""
    if seen.kind is not Kind.STATUS:
        return []
    if tester.role is Role.CLIENT:
        came = tester.call_result(exchange).text
    elif exchange is None:
        return []
    else:
        came = tester.came(exchange).text
    due = [p.text for p in expectation.patterns if isinstance(p, Ending) and seen.code in p.codes]
    if came is None or not due or due[0] is None or due[0] == came:
        return []
    return [Fault(f"the message is {came!r}; {due[0]!r} is due")]


def check(connector: Connector, role: Role, target: Target, timeout_s: float) -> None:
    """The simplest call must work. Raises Unusable, with what came instead, and OSError."""
    tester = target.tester(role, Behaviour())
    assert isinstance(tester, GrpcTester), "the target is one for calls"
    driver = connector.connect(role)
    run = Run(tester, driver, Options(timeout_s=timeout_s))
    try:
        problem = "" if run.handshake() else "SETTINGS and their acknowledgement did not come"
        problem = problem or run.exchange()
    finally:
        driver.close()
    if tester.foreign or driver.crashed:
        raise Unusable(tester.foreign or driver.crashed)
    if not problem:
        return
    exchange = tester.exchanges[0] if tester.exchanges else None
    if exchange is None or role is Role.CLIENT:
        raise Unusable(problem)
    call = tester.came(exchange)
    if call.head and call.status is None:
        raise Unusable(f"it is no gRPC server: it answers a call with {_shown(call)}, and no grpc-status")
    if call.status == 12:
        raise Unusable("it has no grpc.testing.TestService: UnaryCall is UNIMPLEMENTED")
    raise Unusable(problem)
