"""The gRPC level against servers over TCP and TLS: Plait's at their best, others as they are known."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from interop.__main__ import main
from interop.conformance.driving import Delivery
from interop.conformance.model import Level, Role
from interop.conformance.report import failure_line
from interop.conformance.run import Result
from interop.matrix import required
from interop.peers import plait
from interop.peers.peer import Missing
from interop.peers.process import serving
from tests.interop.conformance.grpc.known import KNOWN, surprises
from tests.interop.conformance.grpc.servers import SERVERS, failing, results_of, server_cases
from tests.interop.conformance.servers import plait as plain_http2
from tests.interop.conformance.servers import scripted
from tests.support.tls import TlsFiles

CASES_MIN = 280


def assert_at_best(results: list[Result]) -> None:
    """Every MUST and SHOULD is kept, and what is demanded comes as the documents prefer it."""
    assert not [failure_line(result) for result in results if not result.passed]
    not_best = {
        result.case.id
        for result in results
        if result.verdict is not None and not result.verdict.best and result.case.level > Level.MAY
    }
    assert not_best == set()
    assert sum(result.verdict is not None for result in results) >= CASES_MIN


@pytest.mark.parametrize("name", ["plait", "plait_sync"])
def test_plait_is_at_its_best(name: str) -> None:
    assert_at_best(results_of(name, server_cases()))


def test_plait_is_at_its_best_octet_by_octet() -> None:
    assert_at_best(results_of("plait", server_cases(), deliveries=[Delivery.OCTETS]))


def test_plait_is_at_its_best_over_tls(tls_files: TlsFiles) -> None:
    assert_at_best(results_of("plait", server_cases(), tls=tls_files))


@pytest.mark.parametrize("name", [name for name in SERVERS if not name.startswith("plait")])
def test_others_are_as_they_are_known(name: str) -> None:
    try:
        results = results_of(name, server_cases())
    except Missing as missing:
        (pytest.fail if name in required() else pytest.skip)(str(missing))
    assert surprises(failing(results), KNOWN[name]) == []


# -- the command line --------------------------------------------------------------------------------------------------


def server(*arguments: str) -> int:
    return main(["conformance", "server", *arguments, "--grpc", "--timeout", "3"])


def test_a_server_that_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving([*plait.commands().server, "--port", "0"]) as running:
        assert server(running.address, "GRP-05", "--json", str(tmp_path / "results.json")) == 0
        assert server(running.address, "--explain", "GRP-05.flag-2") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "0 failed at SHOULD" in printed.out
    assert "server/GRP-05.flag-2  MUST  gRPC §4 W052" in printed.out
    assert "allowed, best first: INTERNAL; any status but OK; RST_STREAM of any code" in printed.out
    entries = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert {entry["clause"].split()[1] for entry in entries} == {"§4"}


def test_cases_are_listed_by_section(capsys: pytest.CaptureFixture[str]) -> None:
    assert server("nobody.invalid:1", "--list", "--section", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(" gRPC §2 W02" in line for line in lines)
    assert len(lines) == sum(case.section == "2" for case in server_cases()) > 20


def refused(address: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert server(address, "--timeout", "1") == 2
    return capsys.readouterr().err


def test_a_server_that_is_none_of_grpc(capsys: pytest.CaptureFixture[str]) -> None:
    with plain_http2() as address:
        said = refused(address, capsys)
    assert "cannot be tested: it is no gRPC server: it answers a call with :status" in said


def test_a_server_without_the_service(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from grpc_core import sync

    other = sync.server(ThreadPoolExecutor(1))
    port = other.add_insecure_port("127.0.0.1:0")
    other.start()
    try:
        said = refused(f"127.0.0.1:{port}", capsys)
    finally:
        other.stop(None).wait()
    assert "cannot be tested: it has no grpc.testing.TestService: UnaryCall is UNIMPLEMENTED" in said


def test_a_server_of_http_1(capsys: pytest.CaptureFixture[str]) -> None:
    def http_1(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(4096)

    with scripted(http_1) as port:
        assert "speaks HTTP/1" in refused(f"127.0.0.1:{port}", capsys)


def test_every_case_is_about_a_statement_and_has_a_group() -> None:
    for case in server_cases():
        assert case.role is Role.SERVER
        assert case.clause.startswith("gRPC §")
        assert case.group.startswith("GRP-")
        assert case.reason.endswith(".")
        assert case.expectation.patterns
