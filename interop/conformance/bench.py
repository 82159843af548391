"""Where clients are tested that connect by themselves: programs that are started, functions of a test-suite.

    client = Program(["curl", "-sS", "--http2-prior-knowledge", "{url}"])     # or Function(fetch)
    with Bench(client) as bench:
        result = bench.run(case)

The kit is the server. For each case it listens on a free port of loopback, starts the client with the URL, and takes
the first connection that comes: that one is the case's. Whatever the client connects later is served as any server
would, so that a client may make a request again that was refused.

**What such a client tells.** A program tells its user by its exit status and its output: 0 and the content, octet for
octet, or another status. A function returns the content, or raises. That counts as much as the frames: a client that
resets a malformed response and then hands it over as complete has failed.

**What "the connection survives" means.** A program that makes one request goes when it has its answer, or when it has
given up. That is no outcome: what counts is what it sent before, and what it told its user. So:

* Its one request comes unbidden. A script that has no use for it leaves it open, and it is the probe of the same
  connection: it must be answered, and be reported as a success.
* A script that goes on when the client has gone cannot be run, and is skipped. So is one that wants two requests.
* A client that closes without a frame while a stream is open has closed silently, as a server would have.
* Nothing is left of a program for a case to break, so no fresh connection is tried after each one. A function, which
  may keep a pool, gets one.

A `Function` with `reuses=True` is called again for the second request; if it then makes another connection, which is
its right, the case is skipped.
"""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from select import POLLIN, poll
from typing import Final, Self

from interop.conformance.checks import Violation
from interop.conformance.clients import Attempt, Client
from interop.conformance.driving import PATIENCE, Connector, Delivery, Options, Run
from interop.conformance.exchange import ClientResult, Exchange, Target
from interop.conformance.memory import TARGET
from interop.conformance.model import Begin, Behaviour, Case, Level, Outcome, Role, TlsOffer
from interop.conformance.run import SECOND_CHANCES, Result, Unusable, first_exchange, run_case, with_violations
from interop.conformance.script import CannotDo
from interop.conformance.sockets import H2_OFFER, SocketDriver, Unreachable, apply_offer
from interop.conformance.verdicts import Verdict
from interop.peers import certificate

ADDRESS: Final = "127.0.0.1"
NO_METHOD: Final = "the client makes no request with this method"
CONNECTIONS_MAX: Final = 10
"""So many connections for one request, within the time of a case, are a loop (§6.8: one backs off)."""


class ClientDriver(SocketDriver):
    """The connection of a case (`driving.Driver`): the first that came after the client was started."""

    def __init__(self, stage: _Stage, connection: socket.socket, timeout_s: float) -> None:
        super().__init__(connection, timeout_s)
        self._stage = stage
        self._asked = 0
        self._is_closed = False

    def receive(self, deadline: float) -> bytes | None:
        """As any driver; at the end of the connection, wait for what the client says then to its user.

        None also when the user has been told something: `results` has changed.
        """
        stage = self._stage
        while True:
            octets = super().receive(0.0)
            if octets is None and stage.has_news():
                octets = super().receive(0.0)  # a program's end closes its connection before it is told to us
                if octets is None:
                    return None
            if octets == b"":
                self._end_too()
                stage.wait(deadline - self.now())
            if octets is not None or not self._wait_for_either(deadline):
                return octets

    def _end_too(self) -> None:
        """End our half when the client has ended its: it may wait for that before it tells its user."""
        self._deaf = True
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it is no connection any more

    def _wait_for_either(self, deadline: float) -> bool:
        """Wait for octets or for news of the client. False when the time is up."""
        waiting = poll()
        waiting.register(self._socket, POLLIN)
        waiting.register(self._stage.bell, POLLIN)
        return bool(waiting.poll(max(0.0, deadline - self.now()) * 1000))

    def request(self, content: bytes | None, hold: bool, head: bool = False) -> None:
        """The first comes unbidden; for another, a function is called again. Raises CannotDo."""
        self._asked += 1
        if self._asked > 1:
            self._stage.start_again(Begin(content=content, head=head))

    def results(self) -> list[ClientResult]:
        """What has been told, of each request."""
        return self._stage.results()

    def close(self) -> None:
        """Close the connection, and give the client its time to say so; then it is ended."""
        if self._is_closed:
            return
        self._is_closed = True
        super().close()
        self._stage.close()
        self.crashed = self.crashed or self._stage.crashed


def _is_asked(exchange: Exchange) -> bool:
    """Whether a request is complete and has no answer."""
    return exchange.ended and not exchange.sent_end and exchange.sent_reset is None and exchange.reset_code is None


class _OtherDriver(SocketDriver):
    """A connection that the client made later. It is served by a thread, and ended by another."""

    def hang_up(self) -> None:
        """End it, whatever its thread does."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has been closed


class _Stage:
    """One case: a port, the client that was started for it, and the connections it has made."""

    def __init__(self, bench: Bench, first: Begin, behaviour: Behaviour) -> None:
        self._bench = bench
        self._again = behaviour.again
        self._offer = behaviour.tls
        self._timeout_s = bench.timeout_s
        self._attempts: list[Attempt] = []
        self._others: list[_OtherDriver] = []
        self._told = 0
        self._closing = False
        self.others = 0
        self.served = 0  # of others, how many were answered
        self.violations: list[Violation] = []
        self.server_name: str | None = None
        self.bell, self._clapper = socket.socketpair()
        self.bell.setblocking(False)
        self._listener = socket.create_server((ADDRESS, 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.url = bench.url(self.port)
        try:
            self._start(first)
        except BaseException:
            self._close_sockets()
            raise

    def _start(self, step: Begin) -> None:
        bench = self._bench
        self._attempts.append(bench.client.start(self.url, step.content, bench.authority, self._ring, step.head))

    def start_again(self, step: Begin) -> None:
        """Have the client make another request. Raises CannotDo."""
        client = self._bench.client
        if client.leaves:
            raise CannotDo("the client makes one request, and is gone then")
        if not client.can_send(step.content, step.head):
            raise CannotDo(NO_METHOD)
        self._start(step)

    def _ring(self) -> None:
        try:
            self._clapper.send(b"!")
        except OSError:
            pass  # the case is over

    def accept(self) -> ClientDriver:
        """The first connection. Raises Unreachable when none comes."""
        deadline = time.monotonic() + self._timeout_s
        waiting = poll()
        waiting.register(self._listener, POLLIN)
        waiting.register(self.bell, POLLIN)
        events = dict(waiting.poll(self._timeout_s * 1000))
        if self._listener.fileno() not in events:
            result = self._attempts[0].result
            self._end()
            if not events:
                raise Unreachable(f"the client did not connect within {self._timeout_s:g} s")
            told = result.error or "it reported success"
            raise Unreachable(f"the client ended without having connected: {told}")
        connection, _ = self._listener.accept()
        driver = ClientDriver(self, connection, max(0.1, deadline - time.monotonic()))
        try:
            self._secure(driver)
        except OSError:
            driver.close()
            raise
        threading.Thread(target=self._accept_others, daemon=True, name="conformance-others").start()
        return driver

    def _secure(self, driver: SocketDriver) -> None:
        """The TLS handshake, if any. Raises Unreachable; where a case is about it, it has what came of it instead."""
        context = self._bench.context(self._note_name, self._offer)
        if context is None:
            return
        try:
            driver.start_tls(context, None)
        except OSError:
            if self._offer is None:
                raise
            driver.end()
            return
        assert driver.tls is not None
        if self._offer is not None:
            return
        if driver.tls.selected_alpn_protocol() != "h2":
            raise Unreachable('the client does not offer "h2" by ALPN (RFC 9113 §3.2)')
        if self.server_name is None and self._bench.host != ADDRESS:
            text = f"the client names no host by SNI, and the URL has {self._bench.host}"
            self.violations.append(Violation("PRE-17", text))

    def _note_name(self, name: str | None) -> None:
        self.server_name = name or self.server_name

    # -- connections behind the first ----------------------------------------------------------------------------------

    def _accept_others(self) -> None:
        while not self._closing:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.others += 1
            if self.others > CONNECTIONS_MAX:
                connection.close()
                continue
            driver = _OtherDriver(connection, self._timeout_s)
            self._others.append(driver)
            threading.Thread(target=self._serve, args=(driver,), daemon=True, name="conformance-other").start()

    def _serve(self, driver: _OtherDriver) -> None:
        """As any server would; or as the case says of connections that are made again."""
        try:
            self._secure(driver)
            tester = self._bench.target(self.port).tester(Role.CLIENT, Behaviour())
            run = Run(tester, driver, Options(timeout_s=self._timeout_s))
            tester.start()
            while run.until(lambda: tester.settings_received > 0 and any(map(_is_asked, tester.exchanges))):
                exchange = next(filter(_is_asked, tester.exchanges))
                if self._again:
                    tester.send(*self._again)
                    run.flush()
                    break
                tester.finish(exchange.stream_id, b"")
                self.served += 1
                run.flush()
        except (OSError, ValueError):
            pass  # it was closed while it was served, by either side
        finally:
            driver.close()

    # -- what the client tells -----------------------------------------------------------------------------------------

    def has_news(self) -> bool:
        """Whether something was told that `results` has not given yet."""
        try:
            self.bell.recv(64)
        except OSError:
            pass
        return sum(attempt.done.is_set() for attempt in self._attempts) > self._told

    def results(self) -> list[ClientResult]:
        """What was told, of each request."""
        results = [attempt.result for attempt in self._attempts]
        self._told = sum(result.is_done for result in results)
        if not self.served:
            return results
        return [replace(result, retried=True) if result.answer is not None else result for result in results]

    def wait(self, seconds: float) -> None:
        """Until every request is over, but no longer."""
        deadline = time.monotonic() + seconds
        for attempt in self._attempts:
            attempt.done.wait(max(0.0, deadline - time.monotonic()))

    @property
    def crashed(self) -> str:
        """How a program died."""
        return next((attempt.crashed for attempt in self._attempts if attempt.crashed), "")

    def close(self) -> None:
        """Wait for the client's last words, and end it."""
        self.wait(self._timeout_s)
        self._end()
        if self._again and self.others > 1:
            text = f"the client has made a misdirected request again {self.others} times"
            self.violations.append(Violation("CLI-17", text))
        if self.others > CONNECTIONS_MAX:
            text = f"the client connected {self.others} more times for one request"
            self.violations.append(Violation("CLI-19", text, Level.SHOULD))

    def _end(self) -> None:
        self._closing = True
        for attempt in self._attempts:
            attempt.stop()
        self._close_sockets()

    def _close_sockets(self) -> None:
        for other in self._others:
            other.hang_up()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # else a thread in accept() stays in it
        except OSError:
            pass
        for part in (self._listener, self.bell, self._clapper):
            part.close()


@dataclass(frozen=True)
class _Connector:
    """Connections of one case (`driving.Connector`)."""

    bench: Bench
    first: Begin = field(default_factory=Begin)
    behaviour: Behaviour = field(default_factory=Behaviour)
    stages: list[_Stage] = field(default_factory=list)

    @property
    def offers(self) -> frozenset[str]:
        """What a client that connects by itself makes possible."""
        return self.bench.offers

    def connect(self, role: Role) -> ClientDriver:
        """Start the client and take its connection. Raises OSError."""
        if role is not Role.CLIENT:
            raise ConnectionRefusedError("whom is tested is a client")
        behaviour = Behaviour() if self.stages else self.behaviour  # what the case says is for its own connection
        stage = _Stage(self.bench, self.first, behaviour)
        self.stages.append(stage)
        return stage.accept()


class Bench:
    """Where a client is tested: over TCP, or with `tls` over TLS with a certificate that is made here.

    `authority` is the file with what the client must trust. `timeout_s` is how long it may take to connect, to answer
    and to tell its user; `second_chances`, how many cases that hung are run again with more time. Cases may be run by
    several threads at once.
    """

    cannot_send = NO_METHOD
    """Why a case is skipped that wants of the client what it cannot do (`Client.can_send`)."""

    def __init__(
        self, client: Client, *, tls: bool = False, timeout_s: float = 5.0, second_chances: int = SECOND_CHANCES
    ) -> None:
        self.client = client
        self.timeout_s = timeout_s
        self._second_chances = second_chances
        self._lock = threading.Lock()
        self.host = "localhost" if tls else ADDRESS
        self.tls: certificate.Certificate | None = None
        self._directory = tempfile.TemporaryDirectory(prefix="conformance-") if tls else None
        if self._directory is not None:
            self.tls = certificate.make(Path(self._directory.name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._directory is not None:
            self._directory.cleanup()

    @property
    def offers(self) -> frozenset[str]:
        """What a client that connects by itself makes possible."""
        return frozenset({"program", "tls"} if self.tls is not None else {"program"})

    @property
    def authority(self) -> Path | None:
        """The certificate of the authority, in PEM; None without TLS."""
        return self.tls.authority if self.tls is not None else None

    def url(self, port: int) -> str:
        """Where the client is sent."""
        return f"{'https' if self.tls is not None else 'http'}://{self.host}:{port}/"

    def target(self, port: int) -> Target:
        """What requests are for."""
        scheme = "https" if self.tls is not None else "http"
        return Target(scheme=scheme, authority=f"{self.host}:{port}", get=TARGET.get)

    def context(self, note_name: Callable[[str | None], None], offer: TlsOffer | None = None) -> ssl.SSLContext | None:
        """A server's context that takes h2, or what a case says, and tells the name that it is asked for."""
        if self.tls is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        apply_offer(context, offer or H2_OFFER)
        context.sni_callback = lambda connection, name, of: note_name(name)
        return context

    def check(self) -> None:
        """Make sure that the simplest request works. Raises Unusable with what came instead, OSError if nothing."""
        connector = _Connector(self)
        if problem := self.first_exchange(connector):
            told = [result.error for stage in connector.stages for result in stage.results() if result.error]
            raise Unusable("; ".join([problem, *(text for text in told if text not in problem)]))

    def run(self, case: Case, delivery: Delivery = Delivery.WHOLE) -> Result:
        """Run a case. One that hangs gets a second run with more time; one to which the client does not come hangs."""
        result = self._run(case, delivery)
        if result.verdict is None or result.verdict.outcome is not Outcome.HUNG:
            return result
        with self._lock:
            self._second_chances -= 1
            if self._second_chances < 0:
                return result
        patient = copy(self)
        patient.timeout_s = PATIENCE * self.timeout_s
        return patient._run(case, delivery)

    def _run(self, case: Case, delivery: Delivery) -> Result:
        first = next((step for step in case.steps if isinstance(step, Begin)), Begin())
        if not self.client.can_send(first.content, first.head):
            return Result(case, delivery, skipped=self.cannot_send)
        options = Options(delivery, timeout_s=self.timeout_s, fresh=self.client.keeps_state, leaves=self.client.leaves)
        connector = _Connector(self, first, case.behaviour)
        try:
            result = self.run_case(case, connector, options)
        except OSError as error:
            return Result(case, delivery, Verdict(Outcome.HUNG, str(error), Level.MUST, best=False))
        violations = [violation for stage in connector.stages for violation in stage.violations]
        return with_violations(result, [violation for violation in violations if violation.rule == case.group])

    def first_exchange(self, connector: Connector) -> str:
        """One request: what is wrong with it, or empty."""
        return first_exchange(connector, Role.CLIENT, TARGET, self.timeout_s)

    def run_case(self, case: Case, connector: Connector, options: Options) -> Result:
        """Run a case on the connection that the client makes. Raises OSError when it makes none."""
        return run_case(case, connector, TARGET, options)
