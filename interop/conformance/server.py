"""A server on the network, case by case: several connections at once, each case on one of its own.

    target = reference(endpoint, Target("http", "localhost:8080", "/"))     # raises Unusable: why it cannot be tested
    results = run_cases(cases, endpoint, target, Plan(parallel=4))

Before the first case two reference requests tell what is right for this server: the answers to GET and to POST, which
every later one is compared with. What does not even do that is diagnosed by the octets that came.

Cases that wait for a timeout of the server go first, so that the others run meanwhile. A server that has gone, or that
answers nobody any more, is noticed: what was left to run is then skipped and says so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from http2.errors import ErrorCode
from http2.frames import FRAME_HEADER_BYTES, HEADERS, PING, RST_STREAM, SETTINGS, STREAM_ID_MASK, unpack_header
from interop.conformance.driving import PATIENCE, Delivery, Options
from interop.conformance.exchange import Target
from interop.conformance.model import Case, Kind, Outcome
from interop.conformance.reference import learn
from interop.conformance.run import FRESH_FAULT, SECOND_CHANCES, Result, Unusable, run_case, with_violations
from interop.conformance.sockets import Endpoint, SocketConnector, SocketDriver, tls_context
from interop.conformance.wire import WireFrame, show

GIVE_UP_AFTER = 8
"""Cases in a row after which a fresh connection did not work, before the rest is not tried any more."""

GONE = "the server has gone"
NOBODY = "the server answered nobody any more"

DYING_S = 0.3

_RETRY_S = 0.05


@dataclass(frozen=True)
class Plan:
    """How the cases are run. `timeout_s` is for one answer, `parallel` the connections at the same time."""

    deliveries: tuple[Delivery, ...] = (Delivery.WHOLE, Delivery.OCTETS)
    parallel: int = 4
    timeout_s: float = 5.0
    needs: frozenset[str] = frozenset()
    """Needs of cases (`Case.needs`) that this server serves besides."""

    second_chances: int = SECOND_CHANCES
    """So many cases that hung are run again, with more time."""

    run_case: Callable[[Case, SocketConnector, Target, Options], Result] = run_case
    excuses: bool = True
    """Whether a case counts as skipped that a server has answered before it could be asked: see `undecided`."""


def reference(endpoint: Endpoint, target: Target, status: int = 200) -> Target:
    """The target with the answers that the server gives; GET must get `status`.

    Raises Unusable and OSError, with a text for a person."""
    connector = SocketConnector(endpoint)
    try:
        return learn(connector, target, endpoint.timeout_s, status)
    except Unusable as reason:
        raise Unusable(diagnosis(connector.last, endpoint) or str(reason))


def diagnosis(driver: SocketDriver | None, endpoint: Endpoint) -> str:
    """What a server speaks that does not speak HTTP/2, by the octets that came first; empty when it seems to."""
    first = driver.first if driver is not None else b""
    if driver is not None and driver.tls is not None:
        first = b""  # these are records
        return ""
    if not first:
        if driver is not None and driver.has_ended:
            how = "reset" if driver.was_reset else "closed"
            return f"the server {how} the connection and said nothing; does it speak HTTP/2 without TLS on this port?"
        return f"the server said nothing within {endpoint.timeout_s:g} s"
    if first[:2] == b"\x15\x03" and not endpoint.tls:
        return "the server speaks TLS on this port (it answered with an alert): use --tls"
    if first[:5] == b"HTTP/":
        line = show(first.partition(b"\r\n")[0])
        hint = "; perhaps this is its port for TLS: try --tls" if b"https" in first.lower() and not endpoint.tls else ""
        return f"the server speaks HTTP/1 on this port, and no HTTP/2 with prior knowledge: {line}{hint}"
    if len(first) >= FRAME_HEADER_BYTES:
        length_and_type, _, stream_id = unpack_header(first)
        if length_and_type & 0xFF != SETTINGS or stream_id & STREAM_ID_MASK:
            return f"what the server says is not HTTP/2: it begins with {show(first)}, and not with SETTINGS"
    return ""


def run_cases(
    cases: Sequence[Case],
    endpoint: Endpoint,
    target: Target,
    plan: Plan | None = None,
    on_result: Callable[[Result], None] | None = None,
) -> list[Result]:
    """The results of every case in every delivery, in the order of the cases; `on_result` gets each when it is there.

    It is called in one thread at a time, but not in the caller's.
    """
    plan = plan or Plan()
    for case in cases:
        if case.behaviour.tls is not None:
            tls_context(case.behaviour.tls)  # made here, and not by two threads at once
    jobs = [(case, delivery) for case in cases for delivery in plan.deliveries]
    order = sorted(range(len(jobs)), key=lambda number: -jobs[number][0].patience_s)
    watch = _Watch(endpoint, plan.second_chances, on_result)
    pool = ThreadPoolExecutor(plan.parallel, "case")
    try:
        futures: dict[int, Future[Result]] = {
            number: pool.submit(watch.run, *jobs[number], target, plan) for number in order
        }
        return [futures[number].result() for number in range(len(jobs))]
    except KeyboardInterrupt:
        watch.interrupt()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


ANSWERED_EARLY = "the request was answered before all of it was there: --echo-path names a path that shows more"
ANSWERED_ALIKE = "good requests are answered with 4xx too, so that an error cannot be told from them"

NO_CONTENT = "GET is answered without content: --path names a path that shows more"


def undecided(result: Result, target: Target) -> str:
    """Why a case that failed shows nothing with this server; empty when it does.

    Only where the server is alive: its PINGs were answered, and nothing else was wrong. A stream that it has closed
    already, with its answer, cannot be broken any more.
    """
    verdict = result.verdict
    if verdict is None or verdict.passed or verdict.faults or verdict.violations:
        return ""
    if verdict.outcome not in (Outcome.TOLERATED, Outcome.HUNG) or not _pings_are_answered(result.frames):
        return ""
    alike = target.get is not None and 400 <= target.get.status < 500
    if alike and any(pattern.kind is Kind.ANSWER for pattern in result.case.expectation.patterns):
        return ANSWERED_ALIKE
    if verdict.outcome is Outcome.HUNG and target.get is not None and not target.get.content:
        return NO_CONTENT
    return ANSWERED_EARLY if _answered_early(result.frames) else ""


def _pings_are_answered(frames: Sequence[WireFrame]) -> bool:
    sent = [frame.payload for frame in frames if frame.type == PING and frame.is_sent and not frame.is_ack]
    answers = [frame.payload for frame in frames if frame.type == PING and not frame.is_sent and frame.is_ack]
    return bool(sent) and sent[-1] in answers


def _answered_early(frames: Sequence[WireFrame]) -> bool:
    """Whether a stream was ended from the other side, without an error, before we had ended it.

    What came while we were sending is read later: there RST_STREAM(NO_ERROR) tells it (§8.1).
    """
    begun: set[int] = set()
    unfinished: set[int] = set()
    for frame in frames:
        if frame.is_sent:
            if frame.ends_stream or frame.type == RST_STREAM:
                unfinished.discard(frame.stream_id)
            elif frame.type == HEADERS:
                unfinished.add(frame.stream_id)
                begun.add(frame.stream_id)
        elif frame.stream_id in (unfinished if frame.ends_stream else begun if _is_enough(frame) else ()):
            return True
    return False


def _is_enough(frame: WireFrame) -> bool:
    return frame.type == RST_STREAM and frame.uint32() == ErrorCode.NO_ERROR


class _Watch:
    """Runs cases, and keeps an eye on whether the server is still there."""

    def __init__(self, endpoint: Endpoint, second_chances: int, on_result: Callable[[Result], None] | None) -> None:
        self._endpoint = endpoint
        self._on_result = on_result
        self._lock = threading.Lock()
        self._given_up = ""
        self._failed_in_a_row = 0
        self._second_chances = second_chances
        self._busy: set[SocketConnector] = set()

    def interrupt(self) -> None:
        """End the cases that run, whatever they wait for."""
        self._give_up("interrupted")
        for connector in list(self._busy):
            connector.abort()

    def run(self, case: Case, delivery: Delivery, target: Target, plan: Plan) -> Result:
        """The result of one case; skipped once the server has gone."""
        if self._given_up:
            return self._done(Result(case, delivery, skipped=self._given_up))
        connector = SocketConnector(self._endpoint, case.behaviour.tls, plan.needs)
        options = Options(delivery, timeout_s=plan.timeout_s)
        self._busy.add(connector)
        try:
            result = self._run(case, connector, target, options, plan)
            if self._deserves_a_second_chance(result, target, plan):
                options = replace(options, timeout_s=PATIENCE * plan.timeout_s)
                connector.offer = case.behaviour.tls
                result = self._run(case, connector, target, options, plan)
        except OSError as error:
            self._give_up(f"{GONE}: {getattr(error, 'strerror', None) or error}")
            return self._done(Result(case, delivery, skipped=self._given_up))
        finally:
            self._busy.discard(connector)
        if result.verdict is not None:
            fresh_works = not any(fault.text.startswith(FRESH_FAULT) for fault in result.verdict.faults)
            if not fresh_works and not self._given_up and self._has_died():
                verdict = replace(result.verdict, outcome=Outcome.CRASHED, best=False)
                result = replace(result, verdict=verdict)
            with self._lock:
                self._failed_in_a_row = 0 if fresh_works else self._failed_in_a_row + 1
            if self._failed_in_a_row >= GIVE_UP_AFTER:
                self._give_up(f"{NOBODY} after {GIVE_UP_AFTER} cases")
        if plan.excuses and (reason := undecided(result, target)):
            result = replace(result, verdict=None, skipped=reason)
        return self._done(result)

    def _deserves_a_second_chance(self, result: Result, target: Target, plan: Plan) -> bool:
        if result.verdict is None or result.verdict.outcome is not Outcome.HUNG or self._given_up:
            return False
        if plan.excuses and undecided(result, target):
            return False
        with self._lock:
            self._second_chances -= 1
            return self._second_chances >= 0

    def _run(self, case: Case, connector: SocketConnector, target: Target, options: Options, plan: Plan) -> Result:
        try:
            result = plan.run_case(case, connector, target, options)
        except OSError:
            if not self._is_back():
                raise
            result = plan.run_case(case, connector, target, options)
        return with_violations(result, connector.violations)

    def _has_died(self) -> bool:
        """Whether nobody listens any more. One that is dying may still take a connection, and then ends it."""
        deadline = time.monotonic() + DYING_S
        while time.monotonic() < deadline:
            try:
                driver = SocketDriver(self._endpoint.open(), self._endpoint.timeout_s)
            except ConnectionRefusedError:
                return True
            except OSError:
                return False
            said = driver.receive(deadline if not self._endpoint.tls else driver.now() + _RETRY_S)
            driver.close()
            if said != b"":
                return False
        return False

    def _is_back(self) -> bool:
        """Whether somebody listens again within the timeout: a server may be started again when it has died."""
        deadline = time.monotonic() + self._endpoint.timeout_s
        while time.monotonic() < deadline and not self._given_up:
            try:
                self._endpoint.open().close()
            except OSError:
                time.sleep(_RETRY_S)
            else:
                return True
        return False

    def _give_up(self, reason: str) -> None:
        with self._lock:
            self._given_up = self._given_up or reason

    def _done(self, result: Result) -> Result:
        if self._on_result is not None:
            with self._lock:
                self._on_result(result)
        return result
