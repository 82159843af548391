"""The gRPC level against clients over TCP and TLS: Plait's at their best, others as they are known."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from interop.__main__ import main
from interop.conformance.driving import Delivery
from interop.conformance.grpc import clients
from interop.conformance.grpc.bench import GrpcBench
from interop.conformance.grpc.clients import Ended, Function, Program, read_output
from interop.conformance.grpc.tester import told
from interop.conformance.model import Level, Outcome
from interop.conformance.report import failure_line
from interop.conformance.run import Result, Unusable
from interop.matrix import required
from interop.peers.peer import Missing
from tests.interop.conformance.grpc.clients import CLIENTS, client_cases, results_of
from tests.interop.conformance.grpc.known import KNOWN_CLIENTS, surprises
from tests.interop.conformance.grpc.servers import failing

CASES_MIN = 240
BY_ID = {case.id: case for case in client_cases()}
CALL = (sys.executable, "-m", "interop.peers.plait.call", "{target}")


def assert_at_best(results: list[Result]) -> None:
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
    assert_at_best(results_of(name, client_cases()))


def test_plait_is_at_its_best_octet_by_octet() -> None:
    assert_at_best(results_of("plait", client_cases(), deliveries=[Delivery.OCTETS]))


def test_plait_is_at_its_best_over_tls() -> None:
    assert_at_best(results_of("plait", client_cases(), tls=True))


@pytest.mark.parametrize("name", [name for name in CLIENTS if not name.startswith("plait")])
def test_others_are_as_they_are_known(name: str) -> None:
    try:
        results = results_of(name, client_cases())
    except Missing as missing:
        (pytest.fail if name in required() else pytest.skip)(str(missing))
    assert surprises(failing(results), KNOWN_CLIENTS[name]) == []


# -- what a program tells ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "code", "text", "size"),
    [
        (b"reply 31\nstatus 0\n", 0, None, 31),
        (b"status 5 not%20here\n", 5, "not here", None),
        (b"noise\nstatus NOT_FOUND not here\nmore noise\n", 5, "not here", None),
        (b"status cancelled \n", 1, "", None),
        (b"status Canceled x", 1, "x", None),
        (b"status 99 %E2%98%BA", 99, "☺", None),
    ],
)
def test_what_a_program_tells(output: bytes, code: int, text: str | None, size: int | None) -> None:
    assert read_output(output) == told(code, text, size)


@pytest.mark.parametrize("output", [b"", b"statuses 0", b"status\n", b"status of it", b"reply 5", b"\xff\xfe"])
def test_a_program_that_tells_nothing(output: bytes) -> None:
    assert read_output(output) is None


@pytest.mark.parametrize(
    ("command", "reason"), [((), "no command is given"), (("call",), "the command has no {target}")]
)
def test_a_command_that_cannot_be_told_the_target(command: tuple[str, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Program(command)


def run(call: clients.Function | clients.Program, case: str) -> Result:
    with GrpcBench(call, timeout_s=3.0) as bench:
        return bench.run(BY_ID[case])


def outcome(result: Result) -> Outcome:
    assert result.verdict is not None
    return result.verdict.outcome


def test_a_client_that_always_says_ok_is_found_out() -> None:
    from tests.interop.conformance.grpc.clients import FACES, function

    honest = function(FACES["plait"](), lambda: None)

    def call(target: str, deadline_s: float) -> Ended:
        _, text, size = honest._call(target, deadline_s)
        return 0, text, size

    liar = Function(call)
    for case in ("GRP-13.status-5", "GRP-12.cancel", "GRP-13.no-status", "GRP-11.404"):
        assert outcome(run(liar, case)) is Outcome.TOLERATED
        assert not run(liar, case).passed
    assert run(liar, "GRP-13.reply").passed


def test_a_client_with_the_wrong_reply_or_message_is_found_out() -> None:
    from tests.interop.conformance.grpc.clients import FACES, function

    honest = function(FACES["plait"](), lambda: None)

    def call(target: str, deadline_s: float) -> Ended:
        code, text, size = honest._call(target, deadline_s)
        return code, f"{text}!", None if size is None else size + 1

    liar = Function(call)
    assert not run(liar, "GRP-13.reply").passed
    text = run(liar, "GRP-13.status-5")
    assert text.verdict is not None
    assert [fault.text for fault in text.verdict.faults][:1] == ["the message is 'why!'; 'why' is due"]


def test_a_client_that_raises_or_does_not_connect() -> None:
    def raises(target: str, deadline_s: float) -> Ended:
        raise KeyError(target)

    result = run(Function(raises), "GRP-13.reply")
    assert outcome(result) is Outcome.HUNG
    assert result.verdict is not None
    assert "ended without having connected: KeyError" in result.verdict.seen


# -- the command line --------------------------------------------------------------------------------------------------


def client(*arguments: str) -> int:
    return main(["conformance", "client", "--grpc", *arguments])


def test_a_program_that_passes(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("GRP-13.reply", "GRP-12.cancel", "--delivery", "whole", "--", *CALL)
    assert client(*words, "--timeout", "{timeout}") == 0
    assert "2 cases: 2 passed (2 at their best)" in capsys.readouterr().out
    assert client("--explain", "GRP-15.deadline", "--", *CALL) == 0
    assert "skipped: the client is not told deadlines" in capsys.readouterr().out


def test_a_program_over_tls(capsys: pytest.CaptureFixture[str]) -> None:
    assert client("GRP-13.reply", "--tls", "--delivery", "whole", "--", *CALL, "--tls-ca", "{ca}", "--blocking") == 0
    assert "1 passed" in capsys.readouterr().out


def test_a_program_without_a_status(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert client("GRP-13.reply", "--timeout", "2", "--", sys.executable, "-c", "print(1)", "{target}") == 2
    assert "cannot be tested: the client ended without having connected" in capsys.readouterr().err


def test_a_client_that_cannot_be_used() -> None:
    bench = GrpcBench(Function(lambda target, deadline_s: (14, "no", None)), timeout_s=1.0)
    with bench, pytest.raises((Unusable, OSError), match="without having connected"):
        bench.check()
