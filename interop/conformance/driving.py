"""A tester and whom it tests, joined: octets are carried both ways until something is met, or the time is up.

A `Driver` is one connection to whom is tested: octets out, octets in, end. A `Connector` makes them, one for a case and
one for its fresh probe. Nothing here knows whether there is a socket or a stack in memory behind them. A `Run` carries
out the steps of a case; how their octets are cut, the `Options` say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from http2.settings import setting_name
from interop.conformance.exchange import ClientResult, Exchange
from interop.conformance.model import (
    Ask,
    Await,
    Barrier,
    Begin,
    Behave,
    Finish,
    OnlyIf,
    Role,
    Send,
    Step,
    What,
)
from interop.conformance.script import CannotDo
from interop.conformance.tester import Tester

PATIENCE = 4
"""So many times as long as usual: what is waited for as long as something comes, and a case that hung, run again."""

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
