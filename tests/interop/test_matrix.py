"""Every scenario against the real peers; then the matrix itself, with programs in the peers' place that go wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop import __main__ as command_line
from interop import matrix, official_matrix
from interop.cases import CHECKS, Outcome
from interop.matrix import SCENARIOS, Report, Result, Scenario, Workplace, is_fault, required, run_scenario
from interop.peers import certificate, plait
from interop.peers.http_tools import HTTP_TOOLS, HttpTool
from interop.peers.peer import BuildFailed, Commands, Missing
from interop.peers.process import environment
from tests.interop.programs import ALL_HELD, GOOD_SERVER, client, python

# The scenarios.


@pytest.fixture(scope="module")
def place() -> Iterator[Workplace]:
    """The workplace that the real scenarios share: one build, one certificate."""
    with matrix.workplace() as made:
        yield made


@pytest.mark.timeout(600)  # The first one builds the Go programs.
@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_scenario(scenario: Scenario, place: Workplace) -> None:
    report = run_scenario(scenario, place)
    if report.result is Result.MISSING and not is_fault(report, required()):
        pytest.skip(f"{scenario.peer} is missing: {report.problem}")
    assert report.result is Result.PASS, "\n".join(report.details())


def test_the_scenarios_are_all_pairings() -> None:
    """Four with each gRPC peer, eight in all; each HTTP tool over plaintext and TLS."""
    assert [str(scenario) for scenario in SCENARIOS] == [
        "grpc_go: grpc_go server, grpc_go client, plaintext",
        "grpc_go: grpc_go server, plait client, plaintext",
        "grpc_go: plait server, grpc_go client, plaintext",
        "grpc_go: plait server, plait client, plaintext",
        "grpcio: grpcio server, grpcio client, plaintext",
        "grpcio: grpcio server, plait client, plaintext",
        "grpcio: plait server, grpcio client, plaintext",
        "grpcio: plait server, plait client, plaintext",
        "curl: plait server, curl client, plaintext",
        "curl: plait server, curl client, TLS",
        "nghttp: plait server, nghttp client, plaintext",
        "nghttp: plait server, nghttp client, TLS",
    ]


# Peers that go wrong.

OTHER = Scenario("other", "other", "other")


def report_of(directory: Path, *, server: str = GOOD_SERVER, other_client: list[str] | None = None) -> Report:
    """The report on a peer that is made of these two programs."""
    commands = Commands(python(server), other_client or client(ALL_HELD), "other 1")
    return run_scenario(OTHER, Workplace(directory, {"other": lambda: commands}))


def test_a_good_peer_passes(tmp_path: Path) -> None:
    """Else the tests below would show nothing."""
    report = report_of(tmp_path)
    assert (report.result, report.details()) == (Result.PASS, [])
    assert [outcome.check for outcome in report.checks] == list(CHECKS)


def test_a_check_that_fails_is_told(tmp_path: Path) -> None:
    lines = [("greeting", False, "the reply is 'Hi'"), *ALL_HELD[1:]]
    report = report_of(tmp_path, other_client=client(lines, exit_status=1))
    assert (report.result, report.details()) == (Result.FAIL, ["greeting: the reply is 'Hi'"])


@pytest.mark.parametrize(
    ("other_client", "problem"),
    [
        (client(ALL_HELD[:-1]), "the client reports ["),
        (client([*ALL_HELD, ALL_HELD[0]]), "the client reports ["),
        (client([]), "the client printed '', which is no check's line"),
        (client(ALL_HELD, exit_status=1), "the client ended with exit status 1"),
        (client([("greeting", False, "no"), *ALL_HELD[1:]]), "the client ended with exit status 0"),
        (python("print('ready')"), "the client printed 'ready', which is no check's line"),
        (python("""print('{"check": "greeting"}')"""), 'the client printed \'{"check": "greeting"}\', which is no'),
        (python("print('[]')"), "the client printed '[]', which is no check's line"),
        (python("pass"), "the client reports []"),
        (python("import os; os.kill(os.getpid(), 9)"), "the client ended by SIGKILL"),
        (["./no-such-client"], "the client cannot start ./no-such-client"),
    ],
)
def test_a_client_that_cannot_be_believed(tmp_path: Path, other_client: list[str], problem: str) -> None:
    report = report_of(tmp_path, other_client=other_client)
    assert report.result is Result.FAIL
    assert report.problem is not None
    assert report.problem.startswith(problem)


def test_what_a_client_says_of_its_end_is_shown(tmp_path: Path) -> None:
    report = report_of(tmp_path, other_client=client(ALL_HELD[:1], exit_status=2, stderr="one\ntwo\n"))
    assert report.details()[-2:] == ["| one", "| two"]


def test_a_client_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "_CLIENT_TIMEOUT_S", 0.5)
    report = report_of(tmp_path, other_client=python("import time; time.sleep(60)"))
    assert (report.result, report.problem) == (Result.FAIL, "the client was still running after 0.5 s")


def test_a_server_that_crashes_at_start_is_quoted(tmp_path: Path) -> None:
    report = report_of(tmp_path, server="raise SystemExit('no such port')")
    assert report.result is Result.FAIL
    assert report.details() == ["the server ended before its LISTENING line, exit status 1", "| no such port"]


def test_a_server_that_ends_badly_fails_though_every_check_held(tmp_path: Path) -> None:
    report = report_of(tmp_path, server=GOOD_SERVER.replace("sys.exit(0)", "sys.exit('lost a call')"))
    assert report.result is Result.FAIL
    assert report.details() == ["the server did not stop cleanly on SIGTERM: exit status 1", "| lost a call"]
    assert len(report.checks) == len(CHECKS)


def raising(error: Exception, calls: list[str] | None = None) -> Callable[[], Commands]:
    def commands() -> Commands:
        if calls is not None:
            calls.append("made")
        raise error

    return commands


def test_a_peer_that_is_not_here(tmp_path: Path) -> None:
    report = run_scenario(OTHER, Workplace(tmp_path, {"other": raising(Missing("no toolchain"))}))
    assert (report.result, report.problem) == (Result.MISSING, "no toolchain")
    assert not is_fault(report, frozenset({"plait"}))
    assert is_fault(report, frozenset({"other"}))


def test_a_peer_that_does_not_build_fails_with_the_output_and_is_not_built_again(tmp_path: Path) -> None:
    calls: list[str] = []
    place = Workplace(tmp_path, {"other": raising(BuildFailed("go build failed", "main.go:1: oops\n"), calls)})
    for _ in range(2):
        report = run_scenario(OTHER, place)
        assert (report.result, report.details()) == (Result.FAIL, ["go build failed", "| main.go:1: oops"])
    assert calls == ["made"]


# An HTTP tool that goes wrong.


def curl_report(place: Workplace, monkeypatch: pytest.MonkeyPatch, script: str, over: str = matrix.PLAINTEXT) -> Report:
    """The report on a shell script in curl's place, against our own server."""
    path = place.received("curl")
    path.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then echo curl 9 HTTP2; exit; fi\n{script}\n')
    path.chmod(0o755)
    monkeypatch.setattr(HttpTool, "command", lambda self: str(path))
    return run_scenario(Scenario("curl", "plait", "curl", over), place)


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("exit 0", "0 octets, SHA-256 e3b0c44298fc1c14; 10485760 octets"),
        ("echo wrong", "6 octets"),
        ("echo cannot connect >&2; exit 7", "exit status 7; it says: cannot connect"),
        ("kill -9 $$", "curl ended by SIGKILL"),
        # The right content does not make up for a tool that says that something was wrong.
        ('eval file=\\"\\${$#}\\"; cd "$(dirname "$0")"; cat root/payload.bin; exit 18', "exit status 18"),
    ],
)
def test_a_transfer_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, detail: str) -> None:
    report = curl_report(Workplace(tmp_path), monkeypatch, script)
    assert report.result is Result.FAIL
    assert [outcome.check for outcome in report.checks] == ["get_10_mib", "echo_10_mib"]
    assert all(detail in outcome.detail for outcome in report.checks), report.details()


def test_tls_without_anything_to_make_a_certificate_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate, "make", raising_make)
    report = curl_report(Workplace(tmp_path), monkeypatch, "exit 0", matrix.TLS)
    assert (report.result, report.problem) == (Result.MISSING, "no certificate")


def raising_make(directory: Path) -> None:
    raise Missing("no certificate")


# The table.


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """grpcio and Plait pass everything, grpc_go is missing, and neither curl nor nghttp is here."""
    passing = Commands(python(GOOD_SERVER), client(ALL_HELD), "good 1")
    monkeypatch.setattr(plait, "commands", lambda: passing)
    monkeypatch.setitem(matrix.GRPC_PEERS, "grpcio", lambda: passing)
    monkeypatch.setitem(matrix.GRPC_PEERS, "grpc_go", raising(Missing("no Go")))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("INTEROP_REQUIRE", raising=False)


def rows(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines() if "plaintext" in line or "TLS" in line]


def test_the_table(peers: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["matrix", "--case", "helloworld"]) == 0
    output = capsys.readouterr().out
    results = [(row[0], row[1], row[2], row[4]) for row in rows(output)]
    assert results == [
        ("grpc_go", "grpc_go", "grpc_go", "MISSING"),
        ("grpc_go", "grpc_go", "plait", "MISSING"),
        ("grpc_go", "plait", "grpc_go", "MISSING"),
        ("grpc_go", "plait", "plait", "PASS"),
        ("grpcio", "grpcio", "grpcio", "PASS"),
        ("grpcio", "grpcio", "plait", "PASS"),
        ("grpcio", "plait", "grpcio", "PASS"),
        ("grpcio", "plait", "plait", "PASS"),
        ("curl", "plait", "curl", "MISSING"),
        ("curl", "plait", "curl", "MISSING"),
        ("nghttp", "plait", "nghttp", "MISSING"),
        ("nghttp", "plait", "nghttp", "MISSING"),
    ]
    assert "12 scenarios: 5 PASS, 7 MISSING" in output
    assert "    no Go\n" in output
    assert "nghttp is not on the path (in Debian: the package nghttp2-client)" in output


@pytest.mark.parametrize(
    ("names", "exit_status"), [("grpc_go", 1), ("curl , h2load", 1), ("grpcio", 0), ("h2load", 0), ("", 0)]
)
def test_a_missing_peer_is_a_fault_where_it_is_required(
    peers: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], names: str, exit_status: int
) -> None:
    monkeypatch.setenv("INTEROP_REQUIRE", names)
    assert command_line.main(["matrix", "--case", "helloworld"]) == exit_status
    assert ("MISSING (required)" in capsys.readouterr().out) == bool(exit_status)


def test_a_failure_is_a_fault(
    peers: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lines = [("greeting", False, "a \x1b[31mred\x1b[0m reply"), *ALL_HELD[1:]]
    failing = Commands(python(GOOD_SERVER), client(lines, exit_status=1), "bad 1")
    monkeypatch.setitem(matrix.GRPC_PEERS, "grpcio", lambda: failing)
    results = tmp_path / "results.json"
    assert command_line.main(["matrix", "--case", "helloworld", "--peers", "grpcio", "--json", str(results)]) == 1
    output = capsys.readouterr().out
    assert [row[4:] for row in rows(output)] == [
        ["FAIL", rows(output)[0][5], "6", "of", "7"],
        ["PASS", rows(output)[1][5], "7", "of", "7"],
        ["FAIL", rows(output)[2][5], "6", "of", "7"],
        ["PASS", rows(output)[3][5], "7", "of", "7"],
    ]
    assert "    greeting: a \\x1b[31mred\\x1b[0m reply\n" in output, "a peer must not write to the terminal"
    told = json.loads(results.read_text())
    assert told["case"] == "helloworld"
    assert told["peers"] == {"grpcio": "bad 1", "plait": "good 1"}
    assert [scenario["result"] for scenario in told["scenarios"]] == ["FAIL", "PASS", "FAIL", "PASS"]
    assert told["scenarios"][0]["checks"][0] == {"check": "greeting", "ok": False, "detail": lines[0][2]}


def test_only_the_chosen_peers_run(peers: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["matrix", "--case", "helloworld", "--peers", "nghttp,grpc_go"]) == 0
    assert {row[0] for row in rows(capsys.readouterr().out)} == {"grpc_go", "nghttp"}


def test_a_file_that_cannot_be_written(peers: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    nowhere = str(tmp_path / "no" / "file")
    assert command_line.main(["matrix", "--case", "helloworld", "--peers", "curl", "--json", nowhere]) == 1
    assert capsys.readouterr().err.endswith("No such file or directory\n")


def test_only_what_is_chosen_is_spoken_over(peers: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["matrix", "--case", "helloworld", "--peers", "nghttp,grpcio", "--over", "TLS"]) == 0
    assert [row[:4] for row in rows(capsys.readouterr().out)] == [["nghttp", "plait", "nghttp", "TLS"]]


def test_without_a_case_all_are_run(peers: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(official_matrix, "run_cases", lambda *arguments: asked.append(arguments[:3]))
    assert command_line.main(["matrix", "--peers", "nghttp"]) == 0
    assert asked == [(official_matrix.ALL_CASES, ("nghttp",), matrix.OVER)]


@pytest.mark.parametrize(
    "argv",
    [
        ["matrix", "--peers", "grpc_cobol"],
        ["matrix", "--case", "goodbye"],
        ["matrix", "--over", "carrier pigeon"],
        ["nonsense"],
        [],
    ],
)
def test_a_command_line_that_is_not_valid(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        command_line.main(argv)
    assert raised.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_details_put_the_reason_first() -> None:
    report = Report(
        OTHER, Result.FAIL, 1.0, [Outcome("a", True, "x"), Outcome("b", False, "y")], "reason", "log\nlog 2"
    )
    assert report.details() == ["reason", "b: y", "| log", "| log 2"]


def test_http_tools_are_found_by_their_names() -> None:
    assert [tool.name for tool in HTTP_TOOLS.values()] == list(HTTP_TOOLS) == ["curl", "nghttp"]


# The end of a run.


def processes_with(mark: str) -> list[int]:
    """The processes whose environment holds the text. (Of one that has ended it is empty.)"""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            pass  # It has ended, or belongs to somebody else.
    return found


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found by /proc")
@pytest.mark.parametrize(
    ("signal_number", "exit_status"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_nothing_is_left_behind(signal_number: signal.Signals, exit_status: int) -> None:
    mark = f"PLAIT_TEST_MARK={os.getpid()}-{signal_number}"
    name, value = mark.split("=")
    with subprocess.Popen(
        [sys.executable, "-m", "interop", "matrix", "--case", "helloworld", "--peers", "grpcio"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**environment(), name: value},
    ) as run:
        try:
            assert run.stdout is not None
            while not (line := run.stdout.readline()).startswith(b"peer "):
                assert line, "the run ended before its table"
            # The servers and clients of four scenarios come now, which take seconds.
            assert processes_with(mark), "what is looked for would be found"
            run.send_signal(signal_number)
            _, stderr = run.communicate(timeout=30)
        finally:
            run.kill()
    assert (run.returncode, stderr) == (exit_status, b"")
    assert processes_with(mark) == []
