"""`python -m interop conformance client -- CMD`: what it prints, writes and returns, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from interop.__main__ import main
from tests.interop.conformance.clients import GET

SLOW = ("--timeout", "20")


def client(*arguments: str) -> int:
    return main(["conformance", "client", *arguments])


def python(code: str) -> tuple[str, ...]:
    return ("--", sys.executable, "-c", code, "{url}")


def test_a_client_that_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.json"
    assert client("SET-01.empty", "SET-03.1", "--json", str(path), *SLOW, "--", *GET) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("4 runs of 2 cases: 4 passed (4 at their best)")
    assert [entry["outcome"] for entry in json.loads(path.read_text("utf-8"))] == ["tolerated"] * 2 + ["exact"] * 2


def test_a_client_over_tls(capsys: pytest.CaptureFixture[str]) -> None:
    command = (*GET[:-1], "--cacert", "{ca}", GET[-1])
    assert client("PRE-17", "--tls", "--delivery", "whole", *SLOW, "--", *command) == 0
    assert "1 runs of 1 cases: 1 passed" in capsys.readouterr().out


def test_a_client_that_fails(capsys: pytest.CaptureFixture[str]) -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'http2', 'get', sys.argv[1]])"
    assert client("CLI-18.in-content", "--delivery", "whole", *SLOW, *python(code)) == 1
    line = capsys.readouterr().out.splitlines()[0]
    assert line.startswith(
        "MUST client/CLI-18.in-content (whole): sent HEADERS END_HEADERS on stream 1: :status=200 + "
    )
    assert "stream 1 never was complete, and the client says it was" in line


def test_a_case_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert client("--explain", "SET-03.1", "--delivery", "whole", *SLOW, "--", *GET) == 0
    assert "    -> SETTINGS on the connection: ENABLE_PUSH=1" in capsys.readouterr().out.splitlines()


def test_the_cases_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert client("CLI-10", "--list") == 0
    assert capsys.readouterr().out.startswith("client/CLI-10.request")


EXITS = "import sys; sys.exit('no such option')"
NEVER_CONNECTS = "import time; time.sleep(60)"
NEVER_ENDS = """import socket, sys, time
connection = socket.create_connection(('127.0.0.1', int(sys.argv[1].split(':')[2].strip('/'))))
time.sleep(60)"""
CRASHES = "import os; os.abort()"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ((), "no command is given; it comes after --"),
        (("--", "curl", "http://localhost/"), "the command has no {url}: nothing would tell curl where to connect"),
        (("--", "no-such-client", "{url}"), "no-such-client cannot be tested: cannot start no-such-client: No such"),
        (python(EXITS), "ended without having connected: exit status 1: no such option"),
        (python(CRASHES), "ended without having connected: exit status -6"),
        (("--timeout", "0.5", *python(NEVER_CONNECTS)), "the client did not connect within 0.5 s"),
        (("--timeout", "0.5", *python(NEVER_ENDS)), "the handshake did not come to its end"),
        (("--json", "/no/such/folder/file", *python(EXITS)), "cannot write /no/such/folder/file"),
        (("NO-99", *python(EXITS)), "no case for clients is named so; see --list"),
    ],
)  # fmt: skip
def test_what_cannot_be_tested_is_told_in_a_line(
    command: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert client(*command) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("interop conformance: ")
    assert reason in output.err
    assert output.err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--timeout", "0"), ("--timeout", "soon"), ("--parallel", "0")])
def test_arguments_out_of_range(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        client(*arguments, "--", "curl", "{url}")
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
