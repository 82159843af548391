"""Servers and clients of others: started, asked, and ended, where they are on this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

from interop.conformance.driving import Delivery
from interop.conformance.grpc import table as grpc_table
from interop.conformance.matrix import run_client, run_grpc_client, run_grpc_server, run_server
from interop.conformance.matrix_command import NAMES
from interop.conformance.model import Role
from interop.conformance.peers import running as running_module
from interop.conformance.peers.clients import CLIENTS
from interop.conformance.peers.findings import ANY, FINDINGS, Finding, finding_for
from interop.conformance.peers.grpc import GRPC_CLIENTS, GRPC_SERVERS
from interop.conformance.peers.peer import Place, ServerPeer, program, python_with, version_in
from interop.conformance.peers.running import free_port, running
from interop.conformance.peers.servers import SERVERS
from interop.conformance.run import KNOWN_BODY
from interop.conformance.server import Plan
from interop.conformance.table import all_cases, select
from interop.peers.peer import Missing
from interop.peers.process import StartFailed, serving

PLAN = Plan((Delivery.WHOLE,), parallel=2, timeout_s=5.0)
QUICK = ("PNG-01.echo-0", "SET-01.empty")


def made(name: str, code: str, *, needs_backend: bool = False) -> ServerPeer:
    """A server that is a few lines of Python; its port is the first argument, the backend's the second."""

    def setup(place: Place) -> Sequence[str]:
        path = place.write("server.py", textwrap.dedent(code))
        return [sys.executable, path, str(place.port), str(place.backend_port)]

    return ServerPeer(name, name, "nothing", "itself", lambda: "1.0", setup, needs_backend)


LISTENS = """
    import socket, sys, time
    with socket.create_server(("127.0.0.1", int(sys.argv[1]))):
        time.sleep(60)
"""


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# -- running -----------------------------------------------------------------------------------------------------------


def test_a_server_runs_for_the_length_of_the_block() -> None:
    with running(made("quiet", LISTENS)) as port:
        assert is_listening(port)
    assert not is_listening(port)


def test_a_server_that_does_not_want_to_end_is_ended_with_all_it_has_started() -> None:
    stubborn = """
        import os, signal, socket, sys, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        os.fork()  # a worker, which has the listener too
        time.sleep(60)
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running_module, "END_TIMEOUT_S", 0.2)
        with running(made("stubborn", stubborn)) as port:
            assert is_listening(port)
    assert not is_listening(port)


def test_a_server_that_ends_at_once_says_why() -> None:
    with pytest.raises(StartFailed, match="exit status 3") as failed, running(made("dies", "raise SystemExit(3)")):
        pass
    assert failed.value.stderr == ""
    with pytest.raises(StartFailed) as failed, running(made("complains", "raise SystemExit('port in use')")):
        pass
    assert "port in use" in failed.value.stderr


def test_a_server_that_never_listens_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_module, "START_TIMEOUT_S", 0.2)
    monkeypatch.setattr(running_module, "ATTEMPTS", 1)
    with (
        pytest.raises(StartFailed, match="did not listen within"),
        running(made("deaf", "import time; time.sleep(60)")),
    ):
        pass


def test_a_program_that_is_not_there_is_named() -> None:
    peer = ServerPeer("gone", "gone", "nothing", "", lambda: "", lambda place: ["/nowhere/gone"])
    with pytest.raises(StartFailed, match="cannot start /nowhere/gone: No such file"), running(peer):
        pass
    with pytest.raises(Missing, match="no-such-server is not on the path"):
        program("no-such-server")
    with pytest.raises(Missing, match="no_such_module"):
        python_with("no_such_module")


def test_a_port_that_is_free_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as listener:
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("nghttpd nghttp2/1.52.0\n", "1.52.0"),
        ("v20.20.2", "20.20.2"),
        ("HAProxy version 2.6.12-1+deb12u4 2026/10/17", "2.6.12-1+deb12u4"),
        ("nothing here", "of unknown version"),
        (None, "of unknown version"),
    ],
)
def test_versions_are_found_in_what_programs_say(text: str | None, version: str) -> None:
    assert version_in(text) == version


# -- the backend -------------------------------------------------------------------------------------------------------


def exchange(address: str, request: bytes) -> bytes:
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while octets := connection.recv(4096):
            answer += octets
    return answer


def test_the_backend_echoes_what_is_posted_and_knows_the_rest() -> None:
    with serving([sys.executable, "-m", "interop.conformance.peers.backend"]) as server:
        two = b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nfour" + b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
        answer = exchange(server.address, two)
        assert answer.count(b"HTTP/1.1 200 OK") == 2
        assert b"\r\n\r\nfourHTTP/1.1" in answer
        assert answer.endswith(b"\r\n\r\n" + KNOWN_BODY)
        chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
        answer = exchange(server.address, chunked + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
        assert answer.endswith(b"\r\n\r\nabcde")
        head = exchange(server.address, b"HEAD / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert head.endswith(b"Content-Length: %d\r\n\r\n" % len(KNOWN_BODY))
        many = b"".join(b"x-%d: y\r\n" % number for number in range(500))
        assert b" 200 OK" in exchange(server.address, b"GET / HTTP/1.1\r\n" + many + b"Connection: close\r\n\r\n")
        assert exchange(server.address, b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n") == b""


def test_a_server_in_front_of_the_backend_is_told_its_port() -> None:
    passes_on = """
        import socket, sys
        backend = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
        with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listener:
            listener.accept()[0].close()
            listener.accept()[0].sendall(b"passed on")
    """
    with (
        running(made("passes-on", passes_on, needs_backend=True)) as port,
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
    ):
        assert connection.recv(100) == b"passed on"


# -- those that are here -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_is_here_answers_the_simplest_cases(name: str) -> None:
    row = run_server(SERVERS[name], select(all_cases(), ids=QUICK, role=Role.SERVER), PLAN)
    if row.problem.startswith("not here"):
        pytest.skip(row.problem)
    assert row.problem == ""
    assert row.version[:1].isdigit(), row.version
    assert [line.id for line in row.ran] == ["PNG-01.echo-0", "SET-01.empty"]
    assert row.failed == []


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_that_is_here_answers_the_simplest_cases(name: str) -> None:
    row = run_client(CLIENTS[name], select(all_cases(), ids=("PNG-01.echo-0",), role=Role.CLIENT), PLAN)
    if row.problem.startswith("not here"):
        pytest.skip(row.problem)
    assert row.problem == ""
    assert row.version[:1].isdigit(), row.version
    assert [line.id for line in row.ran] == ["PNG-01.echo-0"]
    assert row.failed == []


@pytest.mark.parametrize("name", ["plait", "grpcio", "grpc_go"])
def test_servers_and_clients_of_grpc_answer_the_simplest_cases(name: str) -> None:
    """Others need builds that take a minute: `make conformance-matrix`."""
    ids = ("GRP-10", "GRP-12")
    for row in (
        run_grpc_server(GRPC_SERVERS[name], select(grpc_table.all_cases(), ids=ids[:1], role=Role.SERVER)[:1], PLAN),
        run_grpc_client(GRPC_CLIENTS[name], select(grpc_table.all_cases(), ids=ids[1:], role=Role.CLIENT)[:1], PLAN),
    ):
        if row.problem.startswith("not here"):
            pytest.skip(row.problem)
        assert row.problem == ""
        assert row.version[:1].isdigit(), row.version
        assert len(row.ran) == 1
        assert [line.id for line in row.failed if line.breaks == "MUST"] == []


def test_one_that_is_not_here_is_named_and_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    row = run_server(SERVERS["nginx"], [], PLAN)
    assert row.problem == "not here: the program nginx is not on the path"
    assert row.install == "apt-get install nginx"
    assert run_client(CLIENTS["curl"], [], PLAN).problem == "not here: the program curl is not on the path"


def test_one_that_cannot_be_started_or_does_not_answer_has_a_problem() -> None:
    row = run_server(made("complains", "raise SystemExit('no, port in use')"), [], PLAN)
    assert row.problem.startswith("cannot be tested: it ended before it listened, exit status 1 (no, port in use)")
    row = run_server(made("quiet", LISTENS), [], Plan(PLAN.deliveries, timeout_s=0.2))
    assert row.problem == "cannot be tested: the server said nothing within 0.2 s"


def test_programs_in_other_languages_are_in_the_checkout() -> None:
    folder = Path(running_module.__file__).parent / "programs"
    for path in ("asgi_app.py", "node_server.mjs", "node_client.mjs", "httpx_client.py", "go_http/go.mod"):
        assert (folder / path).is_file(), path
    known = KNOWN_BODY.decode().rstrip("\n")
    for path in ("asgi_app.py", "node_server.mjs", "go_http/server/main.go"):
        assert known in (folder / path).read_text("utf-8"), path


# -- findings ----------------------------------------------------------------------------------------------------------


def test_the_first_finding_that_fits_speaks_for_a_failure() -> None:
    closes = Finding(("server/a",), (ANY,), "It does not close.", about="not closed")
    frames = Finding((ANY,), ("FRM-06", "PNG"), "Sizes are not checked.")
    exact = Finding(("server/b",), ("FRM-07.data",), "Only this one.")
    findings = (closes, frames, exact)
    assert finding_for(findings, "server/a", "FRM-06.data", "exact; the connection was not closed") is closes
    assert finding_for(findings, "server/a", "FRM-06.data", "tolerated") is frames
    assert finding_for(findings, "client/a", "PNG-01.echo", "hung") is frames
    assert finding_for(findings, "server/b", "FRM-07.data", "hung") is exact
    assert finding_for(findings, "server/b", "FRM-07.data-more", "hung") is exact
    assert finding_for(findings, "server/b", "FRM-07.database", "hung") is None
    assert finding_for(findings, "server/b", "PNGX-01.a", "hung") is None


def test_findings_name_peers_and_cases_that_exist() -> None:
    peers = {*NAMES, ANY}
    ids = [case.id for case in (*all_cases(), *grpc_table.all_cases())]
    for finding in FINDINGS:
        assert set(finding.peers) <= peers, finding
        for name in finding.cases:
            alone = Finding((ANY,), (name,), "")
            assert any(alone.fits("", case_id, "") for case_id in ids), name


def test_go_programs_are_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        subprocess.run(["go", "version"], check=True, capture_output=True)
    except OSError:
        pytest.skip("no Go on this machine")
    from interop.conformance.peers.servers import go_program

    assert Path(go_program("server")).is_file()
    monkeypatch.setenv("PATH", "")  # built before: nothing is needed any more
    assert Path(go_program("client")).is_file()
