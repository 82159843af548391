"""Runs one case through a `Driver`: the script, the barrier, two probes, the verdict.

    result = run_case(case, connector, target, Options())

A `Driver` is one connection to whom is tested: octets out, octets in, end. A `Connector` makes them, one for the case
and one for the fresh probe. Nothing here knows whether there is a socket or a stack in memory behind them.

1.  The handshake, unless the case does it itself.
2.  The steps. One that waits in vain ends the script.
3.  A PING whose answer must come back (`Case.barrier`): then everything before it has been read. No time is waited.
4.  **The same connection**: where it survives, another request must work, with the content it should have.
5.  After GOAWAY, the end of the connection must come (§5.4.1: "the endpoint MUST close the TCP connection").
6.  **A fresh connection** must work, always.

An error that comes late, during 4, is the outcome of the case as if it had come at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from http2.settings import setting_name
from interop.conformance.checks import Violation
from interop.conformance.exchange import ClientResult, Exchange, Target
from interop.conformance.faults import contents, made_again, told
from interop.conformance.model import (
    Ask,
    Await,
    Barrier,
    Begin,
    Behave,
    Behaviour,
    Case,
    Close,
    Finish,
    Kind,
    Level,
    OnlyIf,
    Role,
    Send,
    Step,
    What,
)
from interop.conformance.recording import Notes, Phase
from interop.conformance.script import CannotDo
from interop.conformance.tester import Tester
from interop.conformance.verdicts import Fault, Verdict, judge, observe
from interop.conformance.wire import WireFrame

KNOWN_BODY = b"A known body, the same for every request.\n"
"""What a server that is made for the kit answers to GET, and what the tester answers to a client."""


PATIENCE = 4
"""So many times as long as usual: what is waited for as long as something comes, and a case that hung, run again."""

SECOND_CHANCES = 16
"""So many cases that hung are run again in one run: a machine that is busy must not look like a fault."""

FRESH_FAULT = "a fresh connection does not work afterwards"

ENDS = 512
"""Octets at either end of a long output that are sent one by one."""


class Driver(Protocol):
    """One connection to whom is tested."""

    @property
    def crashed(self) -> str:
        """The exception or the exit that ended it; empty while there is none."""

    @property
    def was_reset(self) -> bool:
        """Whether the end that was received was an error of the transport (of TCP: RST)."""

    def send(self, octets: bytes) -> None:
        """Give octets to the other end. When it has gone, nothing happens: the end is then received."""

    def receive(self, deadline: float) -> bytes | None:
        """Some octets; b"" at the end; None when the deadline (of `now`) passes, in memory when nothing can come."""

    def close(self) -> None:
        """Close the connection."""

    def now(self) -> float:
        """Seconds on a clock that never goes back; in memory it may stand still."""

    def request(self, content: bytes | None, hold: bool, head: bool = False) -> None:
        """Have a client under test make a request on this connection: GET, POST of the content, or HEAD.

        With `hold` its user does not consume the answer before it has ended. Raises CannotDo.
        """

    def results(self) -> list[ClientResult]:
        """What a client under test has told about its requests, in their order."""


class Connector(Protocol):
    """Makes connections to whom is tested. `offers` are the `Case.needs` that it can serve."""

    @property
    def offers(self) -> frozenset[str]:
        """Needs of cases that can be served."""

    def connect(self, role: Role) -> Driver:
        """A new connection, or a new client that connects. Raises OSError when that fails."""


class Delivery(Enum):
    """How the octets of a step are cut."""

    WHOLE = "whole"
    OCTETS = "octets"
    SPLIT = "split"  # in two, at `Options.split_at` of all that is sent


@dataclass(frozen=True)
class Options:
    """How cases are run. `timeout_s` is how long an answer may take, over sockets; of a long one, its next part."""

    delivery: Delivery = Delivery.WHOLE
    split_at: int = 0
    timeout_s: float = 2.0
    fresh: bool = True
    """Whether a fresh connection is tried after the case. A program that ends with each case has nothing to break."""

    leaves: bool = False
    """Whether whom is tested is a client that goes when it has what it asked for: that is no outcome then."""


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


class Run:
    """A tester and a driver, joined."""

    def __init__(self, tester: Tester, driver: Driver, options: Options) -> None:
        self.tester = tester
        self.driver = driver
        self.options = options
        self.octets_sent = 0
        self.requests = 0
        self.sent_behind = False
        """Whether something was sent when a client had all its answers, and could have gone."""
        self.starved = ""  # a window that did not come although the connection lived

    def flush(self) -> None:
        """Write what the tester has to say, cut as the options want it."""
        while octets := self.tester.take_output():
            delivery = self.options.delivery
            start = self.octets_sent
            self.octets_sent += len(octets)
            if self.sent_behind and self.options.leaves:
                self.driver.send(octets)  # in one piece: who goes when it has its answer would not see the rest of it
            elif delivery is Delivery.OCTETS:
                for piece in _one_by_one(octets):
                    self.driver.send(piece)
            elif delivery is Delivery.SPLIT and start < self.options.split_at < self.octets_sent:
                cut = self.options.split_at - start
                self.driver.send(octets[:cut])
                self.driver.send(octets[cut:])
            else:
                self.driver.send(octets)

    def until(self, is_met: Callable[[], bool]) -> bool:
        """Carry octets both ways until something is met, or the connection is over, or the time is up."""
        timeout_s = self.options.timeout_s
        deadline = self.driver.now() + timeout_s
        limit = self.driver.now() + PATIENCE * timeout_s  # for who talks without end, and not about this
        tester = self.tester
        while True:
            self.flush()
            tester.results = self.driver.results()
            if is_met():
                return True
            if tester.is_over:
                return False
            octets = self.driver.receive(deadline)
            if octets is None:
                if self.driver.results() == tester.results:
                    return False
                continue  # it was not octets that came, but the word of the client to its user
            self._take(octets)
            now = self.driver.now()
            if now > limit:
                return is_met()
            deadline = min(now + timeout_s, limit)  # many round trips may be due, on a machine that is busy

    def drain(self) -> bool:
        """Read on after GOAWAY, until the connection ends. False when it does not in time."""
        deadline = self.driver.now() + self.options.timeout_s
        tester = self.tester
        while not tester.has_ended:
            octets = self.driver.receive(deadline)
            if octets is None and (results := self.driver.results()) != tester.results:
                tester.results = results
                continue
            if octets is None or self.driver.now() > deadline:
                return False
            self._take(octets)
            tester.take_output()
        return True

    def _take(self, octets: bytes) -> None:
        if octets:
            self.tester.receive(octets)
        else:
            self.tester.receive_end(was_reset=self.driver.was_reset)

    def handshake(self) -> bool:
        """Preface and SETTINGS both ways, and their acknowledgements."""
        self.tester.start()
        wait = What.SETTINGS if self.tester.ack_settings else What.SETTINGS_ACK
        return self.until(lambda: self.tester.is_met(Await(wait)))

    def keep(self, step: Send) -> str:
        """Put the frames of a step into the output, which the next `flush` writes. Nothing is waited for in vain."""
        tester = self.tester
        first = len(tester.frames)
        was_done = tester.all_is_said
        tester.send(*step.specs)
        tester.stimulus.update(range(first, len(tester.frames)))
        self.sent_behind |= was_done or (tester.all_is_said and not tester.frames[-1].ends_stream)
        return ""

    def perform(self, step: Step) -> str:
        """Carry out a step. What it waited for in vain, in words; empty when all went well."""
        tester = self.tester
        if isinstance(step, Send):
            self.keep(step)
            self.flush()
        elif isinstance(step, Begin):
            return self._begin(step)
        elif isinstance(step, Ask):
            self.flush()
            self.driver.request(step.content, False)
        elif isinstance(step, Finish):
            tester.finish(step.stream, step.content)
            return self._wait(Await(What.ANSWER if tester.role is Role.SERVER else What.RESULT, step.stream))
        elif isinstance(step, Await):
            return self._wait(step)
        elif isinstance(step, Barrier):
            tester.ping()
            return self._wait(Await(What.PONG))
        elif isinstance(step, Behave):
            for name in ("ack_settings", "answer_pings", "give_windows", "answer"):
                value = getattr(step, name)
                if value is not None:
                    setattr(tester, name, value)
        elif isinstance(step, OnlyIf):
            if (value := tester.setting(step.setting, step.initial)) != step.value:
                raise CannotDo(f"its {setting_name(step.setting)} is {value}")
        else:
            self.flush()
            self.driver.close()
        return ""

    def _begin(self, step: Begin) -> str:
        tester = self.tester
        if tester.role is Role.SERVER:
            tester.begin(step)
            self.flush()
            return ""
        self.requests += 1
        self.driver.request(step.content, step.hold, step.head)
        problem = self._wait(Await(What.REQUEST, count=self.requests))
        if not problem:
            tester.exchanges[-1].asked = step.content
        return problem

    def _wait(self, wait: Await) -> str:
        if self.until(lambda: self.tester.is_met(wait)):
            return ""
        problem = f"{wait.what.value} did not come"
        # The window of a stream that was answered before it ended is not needed any more; the connection's always is.
        if wait.what is What.WINDOW and wait.stream == 0 and not self.tester.is_over:
            self.starved = problem
        return problem

    def exchange(self) -> str:
        """One request that must work. What is wrong with it, or empty."""
        known = len(self.tester.exchanges)
        if self.tester.role is Role.CLIENT and self.requests == 0:
            known = 0  # a client may have made its first request without having been asked
        problem = self.perform(Begin(end=True)) or self.perform(Finish())
        if problem:
            return problem
        exchange: Exchange = self.tester.exchanges[known]
        return self.tester.problem_of(exchange)


def _one_by_one(octets: bytes) -> Iterator[bytes]:
    """Single octets; of what is long only the first and the last ones, and what is between in pieces of odd length."""
    first, last = (len(octets), len(octets)) if len(octets) <= 4 * ENDS else (ENDS, len(octets) - ENDS)
    for index in range(first):
        yield octets[index : index + 1]
    for index in range(first, last, 997):
        yield octets[index : min(index + 997, last)]
    for index in range(last, len(octets)):
        yield octets[index : index + 1]


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
