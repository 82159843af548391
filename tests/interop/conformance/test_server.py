"""The kit against servers on the network: Plait's at its best, and those that do nothing of what they should."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from http2.frames import PREFACE, SETTINGS, build_frame
from interop.conformance import sockets
from interop.conformance.driving import Delivery
from interop.conformance.exchange import Answer, Target
from interop.conformance.model import Level, Outcome, Role, send, works
from interop.conformance.run import Result, Unusable
from interop.conformance.script import ping
from interop.conformance.server import (
    ANSWERED_EARLY,
    GIVE_UP_AFTER,
    NO_CONTENT,
    Plan,
    diagnosis,
    reference,
    run_cases,
    undecided,
)
from interop.conformance.sockets import Endpoint
from interop.conformance.stacks.plait import PlaitServer
from interop.conformance.table import all_cases, select
from tests.interop.conformance import fakes
from tests.interop.conformance.servers import Script, plait, scripted
from tests.support.tls import TlsFiles

QUICK = {False: 12, True: 40}
"""Over TCP and over TLS: of so many cases one is run here. `make conformance` runs all."""

SERVER_CASES = [case for case in all_cases() if case.role is Role.SERVER and not case.patience_s]
FEW = select(SERVER_CASES, ids=["PNG-01", "SET-01", "PRE-06"])


def found(port: int, timeout_s: float = 5.0) -> Endpoint:
    return Endpoint.find("127.0.0.1", port, timeout_s=timeout_s)


def target_of(endpoint: Endpoint, path: str = "/", echo_path: str = "/echo") -> Target:
    authority = f"{endpoint.host}:{endpoint.port}"
    return Target("https" if endpoint.tls else "http", authority, path, echo_path)


def not_best(results: list[Result]) -> list[str]:
    return [
        f"{result.case.id} {result.delivery.value} {result.verdict or result.skipped}"
        for result in results
        if not (result.skipped.startswith("needs ") if result.verdict is None else result.verdict.best)
    ]


@pytest.mark.parametrize("tls", [False, True])
def test_plaits_server_is_at_its_best(tls: bool, tls_files: TlsFiles) -> None:
    with plait(*(("--tls-cert", str(tls_files.cert), "--tls-key", str(tls_files.key)) if tls else ())) as address:
        host, _, port = address.rpartition(":")
        endpoint = Endpoint.find(host, int(port), tls=tls)
        cases = [*SERVER_CASES[:: QUICK[tls]], *(case for case in SERVER_CASES if "tls" in case.needs)]
        results = run_cases(cases, endpoint, reference(endpoint, target_of(endpoint)))
    assert len(results) == 2 * len(cases)
    assert not not_best(results)


def of_tls(port: int, *ids: str) -> list[Result]:
    """Cases in one delivery against a TLS server on this port."""
    endpoint = Endpoint.find("127.0.0.1", port, tls=True)
    target = reference(endpoint, target_of(endpoint))
    return run_cases(select(SERVER_CASES, ids=ids), endpoint, target, Plan((Delivery.WHOLE,)))


def test_a_server_that_asks_for_a_certificate_behind_the_handshake(tls_files: TlsFiles) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files.cert, tls_files.key)
    context.load_verify_locations(tls_files.cert)
    context.set_alpn_protocols(["h2"])
    context.post_handshake_auth = True
    context.verify_mode = ssl.CERT_OPTIONAL

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            with contextlib.suppress(ssl.SSLError):  # only who lets it is asked
                secure.verify_client_post_handshake()
            serving(PlaitServer(), secure)

    with scripted(serve) as port:
        (result,) = of_tls(port, "PRE-18")
    assert result.verdict is not None
    assert (result.verdict.outcome, result.verdict.breaks) == (Outcome.TOLERATED, Level.MUST)
    assert "PRE-18: the server asks for a certificate" in str(result.verdict.violations[0])


def test_a_server_that_compresses(tls_files: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """`test_tls_hello` shows how that is found out."""
    monkeypatch.setattr(sockets, "agrees_to_compress", lambda connection, host, timeout_s: connection.close() or True)
    with plait("--tls-cert", str(tls_files.cert), "--tls-key", str(tls_files.key)) as address:
        results = of_tls(int(address.rpartition(":")[2]), "PRE-16")
    failed = [result for result in results if not result.passed]
    assert [(result.case.id, str(result.verdict and result.verdict.violations[0])) for result in failed] == [
        ("PRE-16.compression", "PRE-16: the server agrees to compress what TLS 1.2 carries (RFC 9113 §9.2.1)")
    ]


def test_a_server_that_answers_post_with_405_is_tested_all_the_same() -> None:
    with plait() as address:
        endpoint = found(int(address.rpartition(":")[2]))
        target = reference(endpoint, target_of(endpoint, echo_path="/"))
        assert not target.echoes
        assert not not_best(run_cases(FEW, endpoint, target, Plan((Delivery.WHOLE,), parallel=2)))


def test_a_stream_that_is_answered_early_cannot_be_broken_any_more() -> None:
    """Nothing is said of such a case, neither good nor bad, as long as the server lives."""
    with plait() as address:
        endpoint = found(int(address.rpartition(":")[2]))
        target = reference(endpoint, target_of(endpoint, echo_path="/"))
        results = run_cases(
            select(SERVER_CASES, ids=["STR-09", "FLW-02.padded-returned", "MSG-19"]),
            endpoint,
            target,
            Plan(timeout_s=1),
        )
    assert not [result for result in results if not result.passed]
    assert {result.skipped for result in results} == {"", ANSWERED_EARLY}


def test_answers_4xx_to_all_are_not_held_against_a_server() -> None:
    with plait() as address:
        endpoint = found(int(address.rpartition(":")[2]))
        with pytest.raises(Unusable, match="GET /nothing is answered with 404; name a path that is answered with 200"):
            reference(endpoint, target_of(endpoint, "/nothing"))
        target = reference(endpoint, target_of(endpoint, "/nothing"), status=404)
        results = run_cases(select(SERVER_CASES, ids=["MSG-12", "FLW-06"]), endpoint, target, Plan(timeout_s=1))
    assert not [result for result in results if not result.passed]
    assert NO_CONTENT in {result.skipped for result in results}


def test_nothing_excuses_a_server_that_does_not_answer_pings() -> None:
    tolerated = fakes.run(fakes.case(send(ping(b"7 bytes")), allowed=works()), fakes.hanging)
    assert tolerated.verdict is not None
    assert tolerated.verdict.outcome is Outcome.HUNG
    assert undecided(tolerated, Target(get=Answer(404, b""))) == ""


def serving(server: PlaitServer, connection: socket.socket) -> None:
    """A server without I/O, on a connection."""
    while octets := connection.recv(1 << 16):
        connection.sendall(server.receive(octets))
        if server.is_closed:
            return


class Wrong(PlaitServer):
    """Answers every error as `behave` says."""

    def __init__(self, behave: Script) -> None:
        super().__init__()
        self.behave = behave

    def serve(self, connection: socket.socket) -> None:
        while octets := connection.recv(1 << 16):
            said = self.receive(octets)
            if self.is_closed:
                self.behave(connection)
                return
            connection.sendall(said)


def end(connection: socket.socket) -> None:
    """In order: what still comes is read, so that the kernel has no reason for a reset."""
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(1 << 16):
        pass


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


SHORT_PING = select(SERVER_CASES, ids=["PNG-01.on-stream"])
ONCE = Plan((Delivery.WHOLE,), timeout_s=0.3)


@pytest.mark.parametrize(
    ("behave", "outcome", "seen"),
    [
        (end, Outcome.SILENT_CLOSE, "the connection was closed without GOAWAY"),
        (reset, Outcome.SILENT_CLOSE, "the connection was reset"),
        (lambda connection: connection.recv(1 << 16) and connection.recv(1), Outcome.HUNG, "PING was not answered"),
    ],
)
def test_an_end_a_reset_and_silence_are_told_apart(behave: Script, outcome: Outcome, seen: str) -> None:
    with scripted(lambda connection: Wrong(behave).serve(connection)) as port:
        endpoint = found(port)
        (result,) = run_cases(SHORT_PING, endpoint, reference(endpoint, target_of(endpoint)), ONCE)
    assert result.verdict is not None
    assert result.verdict.outcome is outcome
    assert result.verdict.seen.startswith(seen)
    assert not result.passed


def test_a_case_that_hung_is_run_again_with_more_time() -> None:
    answers = []

    def slow_once(connection: socket.socket) -> None:
        answers.append(1)
        if len(answers) == 4:  # after a look whether somebody listens and two reference requests
            while connection.recv(1 << 16):
                pass
        serving(PlaitServer(), connection)

    with scripted(slow_once) as port:
        endpoint = found(port)
        target = reference(endpoint, target_of(endpoint))
        (result,) = run_cases(SHORT_PING, endpoint, target, Plan((Delivery.WHOLE,), timeout_s=0.3))
    assert result.verdict is not None
    assert result.verdict.outcome is Outcome.EXACT
    assert len(answers) == 7, "the case and its fresh connection, twice"


# -- a server that goes ------------------------------------------------------------------------------------------------

MORTAL = """
import os, socket, sys, threading
from interop.conformance.stacks.plait import PlaitServer
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
def serve(connection):
    server = PlaitServer()
    while octets := connection.recv(65536):
        said = server.receive(octets)
        if server.is_closed:
            os._exit(3)
        connection.sendall(said)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""


@pytest.fixture
def mortal() -> Iterator[int]:
    """The port of a server whose process dies of the first error of a client."""
    with subprocess.Popen([sys.executable, "-c", MORTAL], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def test_a_server_that_dies_has_crashed_and_the_rest_is_not_run(mortal: int) -> None:
    endpoint = found(mortal, 0.3)
    target = reference(endpoint, target_of(endpoint))
    seen: list[Result] = []
    cases = [*select(SERVER_CASES, ids=["SET-01.empty"]), *SHORT_PING, *FEW[:3]]
    results = run_cases(cases, endpoint, target, Plan((Delivery.WHOLE,), parallel=1, timeout_s=0.3), seen.append)
    assert seen == results
    works, crashed, *rest = results
    assert works.passed
    assert crashed.verdict is not None
    assert (crashed.verdict.outcome, crashed.verdict.breaks) == (Outcome.CRASHED, Level.MUST)
    assert [result.skipped for result in rest] == ["the server has gone: Connection refused"] * 3


def test_a_server_that_answers_nobody_any_more_is_given_up() -> None:
    answered = []
    done = threading.Event()

    def serve(connection: socket.socket) -> None:
        if len(answered) >= 4:  # two looks whether somebody listens, two reference requests
            done.wait(30)
        answered.append(1)
        serving(PlaitServer(), connection)

    with scripted(serve) as port:
        endpoint = found(port, 0.1)
        target = reference(found(port), target_of(endpoint))
        cases = (FEW * 2)[: GIVE_UP_AFTER + 4]
        results = run_cases(cases, endpoint, target, Plan((Delivery.WHOLE,), parallel=2, timeout_s=0.05))
        done.set()
    hung = [result.verdict.outcome for result in results if result.verdict is not None]
    assert set(hung) == {Outcome.HUNG}
    assert GIVE_UP_AFTER <= len(hung) <= GIVE_UP_AFTER + 1
    assert results[-1].skipped == f"the server answered nobody any more after {GIVE_UP_AFTER} cases"


# -- what cannot be tested ---------------------------------------------------------------------------------------------


def say(octets: bytes) -> Script:
    """Say this to whoever comes, then wait for the end."""

    def script(connection: socket.socket) -> None:
        connection.sendall(octets)
        while connection.recv(1 << 16):
            pass

    return script


def unknown_frames(connection: socket.socket) -> None:
    connection.sendall(build_frame(SETTINGS, 0, 0, b""))
    while True:
        connection.sendall(build_frame(0x55, 0, 0, b"again") * 100)


def closes_after_preface(connection: socket.socket) -> None:
    connection.recv(len(PREFACE))
    connection.recv(1 << 16)


def resets_after_preface(connection: socket.socket) -> None:
    connection.recv(1)
    reset(connection)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (say(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "speaks HTTP/1 on this port.*HTTP/1.1 400"),
        (say(b"HTTP/1.1 400 Bad\r\n\r\nplain HTTP request sent to HTTPS port"), "port for TLS: try --tls"),
        (say(b"\x15\x03\x03\x00\x02\x02\x0a"), "speaks TLS on this port.*use --tls"),
        (say(bytes(range(100, 200))), "is not HTTP/2: it begins with defghijk"),
        (say(b""), r"said nothing within 0\.3 s"),
        (say(build_frame(SETTINGS, 0, 0)), "SETTINGS and their acknowledgement did not come"),
        (closes_after_preface, "closed the connection and said nothing"),
        (resets_after_preface, "reset the connection and said nothing"),
        (unknown_frames, "SETTINGS and their acknowledgement did not come"),
    ],
)
def test_a_server_that_cannot_be_tested_is_told_by_what_it_said(script: Script, reason: str) -> None:
    with scripted(script) as port:
        endpoint = found(port, 0.3)
        with pytest.raises(Unusable, match=reason):
            reference(endpoint, target_of(endpoint))


def test_of_nothing_there_is_no_diagnosis_but_silence() -> None:
    assert diagnosis(None, Endpoint("h", 1, ("h", 1), socket.AF_INET)) == "the server said nothing within 5 s"
