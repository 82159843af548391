"""Runs that are compared: what counts as the same, and what a difference looks like."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace

import pytest

from interop.conformance.driving import Delivery
from interop.conformance.model import Case, Role
from interop.conformance.run import Result
from tests.interop.conformance import fakes, repeat
from tests.interop.conformance.test_verdicts import SHORT_PING


def test_a_run_like_the_first_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert repeat.main(["server", "SET-01.empty", "--runs", "2", "--idle", "--tls"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("run 1: 2 verdicts, 0 skipped, 0 lines, ")
    assert second.startswith("run 2: 2 verdicts, 0 skipped, 0 lines, ")


@pytest.mark.parametrize("suite", ["function", "command"])
def test_clients_too(suite: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert repeat.main([suite, "SET-01.empty", "--runs", "1", "--idle", "--whole"]) == 0
    assert capsys.readouterr().out.startswith("run 1: 1 verdicts, 0 skipped, 0 lines, ")


def test_a_run_that_differs_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    behaviours = iter([fakes.as_it_is, fakes.with_code(fakes.WRONG_CODE)])

    def suite(cases: list[Case], tls: bool, deliveries: tuple[Delivery, ...]) -> list[Result]:
        result = fakes.run(SHORT_PING, next(behaviours))
        return [result, Result(replace(SHORT_PING, id="TST-02"), Delivery.WHOLE, skipped="not here")]

    monkeypatch.setitem(repeat.SUITES, "server", (Role.SERVER, suite))
    assert repeat.main(["server", "--runs", "2", "--idle"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("run 2: 2 verdicts, 1 skipped, 2 lines, ")
    wrong = "wrong, breaks MUST, GOAWAY on the connection: CANCEL, last stream 0"
    assert [line.partition(": ") for line in lines[2:]] == [
        ("  server/TST-01.test (whole)", ": ", wrong),
        ("  server/TST-01.test (whole)", ": ", f"first exact, best; now {wrong}"),
    ]


def test_the_cores_are_kept_busy_and_let_go() -> None:
    with repeat.busy(2):
        assert len(multiprocessing.active_children()) == 2
    assert multiprocessing.active_children() == []
