"""The command line of the kit: what it prints, writes and returns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from interop.__main__ import main
from interop.conformance import commands, report, stacks
from interop.conformance.model import Level, Outcome
from tests.interop.conformance.fakes import WRONG_CODE, run, with_code
from tests.interop.conformance.test_verdicts import SHORT_PING


def conformance(*arguments: str) -> int:
    return main(["conformance", *arguments])


def test_a_stack_that_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance("memory", "SET-01") == 0
    line = capsys.readouterr().out
    assert line.startswith("36 runs of 18 cases: 36 passed (36 at their best), 0 failed at SHOULD")


def test_a_stack_that_fails_says_what_was_sent_what_came_what_was_allowed(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance("memory", "--stack", "h2", "--role", "server", "FRM-01.0x0a", "FRM-01.0x0b") == 1
    first, second, summary = capsys.readouterr().out.splitlines()
    sent = "1 more + type 0x0a on the connection + type 0x0a on stream 1 + type 0x0a on stream 3 + 1 more"
    assert first.startswith(f"MUST server/FRM-01.0x0a (whole): sent {sent}; came wrong")
    assert "came wrong: GOAWAY on the connection: FRAME_SIZE_ERROR" in first
    assert first.endswith("allowed: goes on working  [RFC 9113 §4.1]")
    assert "(octets)" in second
    assert summary.startswith("4 runs of 2 cases: 2 passed (2 at their best), 2 failed at SHOULD")


def test_the_level_decides_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    case = ("memory", "--stack", "h2", "--role", "server", "FRM-06.unknown-longest")
    assert conformance(*case) == 0, "nobody must judge a frame by its header"
    assert conformance(*case, "--level", "may") == 1
    assert "MAY server/FRM-06.unknown-longest" in capsys.readouterr().out


def test_a_case_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance("memory", "--role", "server", "--explain", "PNG-01.on-stream") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "server/PNG-01.on-stream  MUST  RFC 9113 §6.7"
    assert "  h2spec http2/6.7/3: valid" in lines
    assert "    -> PING on stream 1: 0x0000000000000000" in lines
    assert any(line.startswith("    <- GOAWAY on the connection: PROTOCOL_ERROR, last stream 1") for line in lines)
    assert lines.count("    passed") == 2
    assert lines.count("    the case:") == 2
    assert (
        lines[lines.index("    -> PING on stream 1: 0x0000000000000000") + 1]
        == "       ^ this is what the case is about"
    )
    assert lines.count("       ^ decides: exact") == 2


def test_every_run_is_written_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.json"
    assert conformance("memory", "--json", str(path), "SET-01.empty", "PRE-04.truncated") == 0
    entries = json.loads(path.read_text("utf-8"))
    assert [(entry["id"], entry["role"], entry["delivery"]) for entry in entries] == [
        ("PRE-04.truncated", "server", "whole"),
        ("PRE-04.truncated", "server", "octets"),
        ("SET-01.empty", "server", "whole"),
        ("SET-01.empty", "server", "octets"),
        ("SET-01.empty", "client", "whole"),
        ("SET-01.empty", "client", "octets"),
    ]
    assert entries[0]["skipped"] == "needs time"
    assert (entries[2]["outcome"], entries[2]["best"], entries[2]["breaks"]) == ("tolerated", True, None)
    assert {"sent": True, "text": "SETTINGS on the connection"} in entries[2]["frames"]
    capsys.readouterr()
    assert conformance("memory", "--json", "-", "SET-01.empty") == 0
    assert len(json.loads(capsys.readouterr().out)) == 4


def test_what_cannot_be_done_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance("memory", "XYZ") == 2
    assert capsys.readouterr().err == "interop conformance: no case is named so; see --list\n"
    assert conformance("memory", "SET-01.empty", "--json", str(tmp_path / "no" / "file")) == 2
    assert "cannot write" in capsys.readouterr().err


def test_a_stack_that_is_not_installed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(stacks.STACKS, "h2", "interop.conformance.stacks.not_there")
    assert conformance("memory", "--stack", "h2") == 2
    assert "the stack h2 needs a package" in capsys.readouterr().err


def test_the_cases_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance("memory", "--list", "--section", "6.7", "--role", "client") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["client/FRM-08.ping-0", "MUST", "RFC", "9113"]


@pytest.mark.parametrize(
    "arguments", [(), ("nonsense",), ("memory", "--stack", "h3"), ("memory", "--level", "must-not")]
)
def test_a_bad_command_line(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        conformance(*arguments)
    assert raised.value.code == 2
    assert "usage: " in capsys.readouterr().err


def test_a_fault_beside_the_outcome_is_in_the_line() -> None:
    result = run(SHORT_PING, with_code(WRONG_CODE))
    line = report.failure_line(result)
    assert line.startswith("MUST server/TST-01.test (whole): sent PING on the connection: 7 octets 7 bytes")
    assert "came wrong: GOAWAY on the connection: CANCEL" in line
    assert result.verdict is not None
    assert result.verdict.outcome is Outcome.WRONG
    assert "1 failed at MUST" in report.summary([result], Level.MUST)


def test_ways_of_running_are_a_table() -> None:
    assert "memory" in commands.SUBCOMMANDS


def test_a_reader_that_has_seen_enough_gets_no_traceback() -> None:
    command = [sys.executable, "-m", "interop", "conformance", "memory", "--list"]  # far more than a pipe holds
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(7) == b"client/"
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141, "what a shell reports for SIGPIPE"
