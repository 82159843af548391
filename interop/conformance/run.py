"""Runs one case: the script, the barrier, two probes, the verdict. How octets get there and back is in `driving`.

    result = run_case(case, connector, target, Options())

1.  The handshake, unless the case does it itself.
2.  The steps. One that waits in vain ends the script.
3.  A PING whose answer must come back (`Case.barrier`): then everything before it has been read. No time is waited.
4.  **The same connection**: where it survives, another request must work, with the content it should have.
5.  After GOAWAY, the end of the connection must come (§5.4.1: "the endpoint MUST close the TCP connection").
6.  **A fresh connection** must work, always.

An error that comes late, during 4, is the outcome of the case as if it had come at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from interop.conformance.checks import Violation
from interop.conformance.driving import Connector, Delivery, Options, Run
from interop.conformance.exchange import Target
from interop.conformance.faults import contents, made_again, told
from interop.conformance.model import (
    Ask,
    Barrier,
    Begin,
    Behaviour,
    Case,
    Close,
    Kind,
    Level,
    Role,
    Send,
    Step,
)
from interop.conformance.recording import Notes, Phase
from interop.conformance.script import CannotDo
from interop.conformance.tester import Tester
from interop.conformance.verdicts import Fault, Verdict, judge, observe
from interop.conformance.wire import WireFrame

KNOWN_BODY = b"A known body, the same for every request.\n"
"""What a server that is made for the kit answers to GET, and what the tester answers to a client."""


SECOND_CHANCES = 16
"""So many cases that hung are run again in one run: a machine that is busy must not look like a fault."""

FRESH_FAULT = "a fresh connection does not work afterwards"


@dataclass(frozen=True)
class Result:
    """What became of a case. `verdict` is None when it was skipped, and `skipped` says why."""

    case: Case
    delivery: Delivery
    verdict: Verdict | None = None
    skipped: str = ""
    frames: tuple[WireFrame, ...] = field(default=(), repr=False)
    octets_sent: int = 0
    notes: Notes = field(default_factory=Notes, repr=False)
    """What the `frames` are."""

    @property
    def passed(self) -> bool:
        """Whether nothing was broken, or nothing was run."""
        return self.verdict is None or self.verdict.passed

    def passes(self, level: Level) -> bool:
        """Whether nothing was broken at this level or a stronger one."""
        return self.verdict is None or self.verdict.passes(level)


def run_case(case: Case, connector: Connector, target: Target, options: Options | None = None) -> Result:
    """Run a case and judge it. Raises OSError when whom is tested cannot be reached at all."""
    options = options or Options()
    if case.patience_s > options.timeout_s:
        options = replace(options, timeout_s=case.patience_s)
    missing = case.needs - connector.offers
    if missing:
        return Result(case, options.delivery, skipped=f"needs {', '.join(sorted(missing))}")
    tester = target.tester(case.role, case.behaviour)
    driver = connector.connect(case.role)
    run = Run(tester, driver, options)
    faults: list[Fault] = []
    try:
        unmet, hung = _script(case, run)
        begun = tester.exchanges[:]
        subject = tester.exchange(case.expectation.stream)
        has_left = options.leaves and tester.has_left
        survives = not hung and not tester.is_over
        if survives and case.probe and (problem := _same_connection(run)) and not tester.is_over:
            faults.append(Fault(f"the connection does not work afterwards: {problem}"))
        crashed = driver.crashed
        if run.starved:  # also where a stream error is what was seen: credit that is lost is lost for all
            faults.append(Fault(f"{run.starved}: what was sent is not given back (RFC 9113 §6.9)"))
        if tester.error_goaway is not None and not run.drain():
            faults.append(Fault("GOAWAY came, and the connection was not closed (RFC 9113 §5.4.1)"))
    except CannotDo as reason:
        return Result(case, options.delivery, None, str(reason), tuple(tester.frames), notes=tester.notes())
    finally:
        driver.close()
    tester.results = driver.results()
    has_left = has_left or (options.leaves and tester.has_left)
    seen = observe(tester, subject, crashed=crashed or driver.crashed, hung=hung, unmet=unmet, has_left=has_left)
    if has_left and run.sent_behind and seen.kind is Kind.WORKS and not case.expectation.allows_work:
        gone = "the client goes when it has its answer, and need not see what comes behind it"
        return Result(case, options.delivery, None, gone, tuple(tester.frames), notes=tester.notes())
    if tester.was_asked_again:
        begun = begun[: len(tester.results)]  # the rest are requests that it has made again by itself
    faults += told(case, tester, begun)
    faults += made_again(tester, begun)
    faults += contents(case, tester, begun, subject, works=seen.kind is Kind.WORKS)
    if case.answer_status and (subject is None or subject.status != case.answer_status):
        faults.append(Fault(f"the request was not answered with {case.answer_status}", Level.SHOULD))
    if options.fresh and (problem := fresh_connection(connector, case.role, target, options.timeout_s)):
        faults.append(Fault(f"{FRESH_FAULT}: {problem}"))
    verdict = judge(case, seen, tuple(faults), tuple(tester.passive.violations))
    return Result(case, options.delivery, verdict, "", tuple(tester.frames), run.octets_sent, tester.notes())


def with_violations(result: Result, violations: Sequence[Violation]) -> Result:
    """The result, and rules that were broken outside of its frames."""
    verdict = result.verdict
    if verdict is None or not violations:
        return result
    levels = [violation.level for violation in violations] + ([] if verdict.breaks is None else [verdict.breaks])
    verdict = replace(verdict, breaks=max(levels), best=False, violations=(*verdict.violations, *violations))
    return replace(result, verdict=verdict)


def _script(case: Case, run: Run) -> tuple[str, str]:
    """Handshake, steps and barrier. In words: what a step waited for in vain, and that the connection is dead.

    Both are empty when the connection is over: then that is what was seen.
    """
    tester = run.tester
    tester.enter(Phase.HANDSHAKE)
    if case.behaviour.handshake and not (run.handshake() and (not run.options.leaves or run.until(_has_asked(tester)))):
        return "", "" if tester.is_over else "the handshake did not come to its end"
    tester.enter(Phase.SCRIPT)
    unmet = _steps(case, run)
    if tester.is_over:
        return "", ""
    if not case.barrier:
        run.until(lambda: False)
        return "" if tester.is_over else unmet, ""
    tester.enter(Phase.BARRIER)
    problem = run.perform(Barrier())
    if not problem and not unmet:
        unmet = _decision(case, run)
    if tester.is_over:
        return "", ""
    return unmet, f"PING was not answered: {problem}" if problem else ""


def _has_asked(tester: Tester) -> Callable[[], bool]:
    """Whether the request is there that such a client makes unbidden: else its stream would still be idle."""
    return lambda: bool(tester.exchanges)


GONE_WITH_ITS_ANSWER = "the client goes when it has its answer, and the script goes on"


def _steps(case: Case, run: Run) -> str:
    """The steps, up to one that waits in vain. Raises CannotDo where a client goes before the script is through."""
    for number, step in enumerate(case.steps):
        rest = case.steps[number:]
        is_kept = number > 0 and isinstance(step, Send) and isinstance(case.steps[number - 1], Send)
        if run.options.leaves and not is_kept and _goes_on(rest):
            _still_there(run)
        if run.tester.is_over and not isinstance(step, Close):
            break
        # To who goes soon, what the script sends at once is also written at once.
        is_more = run.options.leaves and len(rest) > 1 and isinstance(rest[1], Send)
        try:
            problem = run.keep(step) if is_more and isinstance(step, Send) else run.perform(step)
        except LookupError as error:
            problem = str(error)
        if problem and run.options.leaves and run.tester.has_left and _goes_on(rest[1:]):
            raise CannotDo(GONE_WITH_ITS_ANSWER)
        if problem:
            return problem
    return ""


def _goes_on(steps: tuple[Step, ...]) -> bool:
    return any(isinstance(step, Send | Begin | Ask) for step in steps)


def _still_there(run: Run) -> None:
    """The script goes on. A client that has its answer goes, sooner or later; that is not to be a matter of time.

    What is an error shows by the PING: then the connection is over. Raises CannotDo where the client may have gone.
    """
    tester = run.tester
    if not tester.all_is_said:
        return
    run.perform(Barrier())
    if not tester.is_over or tester.has_left:
        raise CannotDo(GONE_WITH_ITS_ANSWER)


def _decision(case: Case, run: Run) -> str:
    """Where the outcome is a stream's and that one is still undecided, wait for it: an application may take its
    time."""
    exchange = run.tester.exchange(case.expectation.stream)
    if case.expectation.allows_work or exchange is None:
        return ""
    ours_is_over = exchange.sent_end or exchange.sent_reset is not None
    if not case.expectation.is_about_stream or exchange.is_decided:
        return ""
    if run.tester.role is Role.SERVER and not run.until(lambda: exchange.is_decided) and ours_is_over:
        return "" if run.tester.is_over else f"stream {exchange.stream_id} got no answer"
    return ""


def _same_connection(run: Run) -> str:
    try:
        run.tester.enter(Phase.PROBE)
        run.tester.restore()
        return run.exchange()
    except CannotDo:
        return ""  # such a client makes one request a connection


def fresh_connection(connector: Connector, role: Role, target: Target, timeout_s: float) -> str:
    """A new connection, and one request on it. What is wrong, or empty."""
    try:
        return first_exchange(connector, role, target, timeout_s)
    except OSError as error:
        return f"it cannot be made ({error})"


def first_exchange(connector: Connector, role: Role, target: Target, timeout_s: float) -> str:
    """A new connection, and one request on it. What is wrong, or empty. Raises OSError when there is none."""
    driver = connector.connect(role)
    run = Run(target.tester(role, Behaviour()), driver, Options(timeout_s=timeout_s))
    try:
        problem = "" if run.handshake() else "the handshake did not come to its end"
        problem = problem or run.exchange()
        return run.tester.foreign or driver.crashed or problem
    except CannotDo as reason:
        return str(reason)
    finally:
        driver.close()


class Unusable(Exception):
    """Whom is to be tested does not do the simplest thing; the text says what came instead."""
