"""The benchmarks run: each stack with each workload for a moment, and what is told of them."""

from __future__ import annotations

import json
import os
import time

import pytest

from benchmarks import report
from benchmarks.harness import Result, Turn, cpu_s, measure
from benchmarks.stacks import STACKS
from benchmarks.workloads import WORKLOADS


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_every_workload_runs_on_every_stack(stack: object) -> None:
    assert stack in STACKS.values()
    results = measure([stack], WORKLOADS.values(), turns=1, seconds=0.01)  # type: ignore[list-item]
    assert len(results) == len(WORKLOADS)
    for (workload, _), result in results.items():
        turn = result.turns[0]
        assert min(turn.server_us, turn.client_us, turn.wall_us) > 0, workload
        assert (turn.p50_us > 0) == WORKLOADS[workload].has_latency


def test_the_clock_of_a_process_is_its_cpu_time() -> None:
    before = time.process_time()
    measured = cpu_s(os.getpid())
    assert before <= measured <= time.process_time()


def _result(workload: str, stack: str, *costs: float) -> Result:
    return Result(WORKLOADS[workload], STACKS[stack], [Turn(cost, 2 * cost, 3 * cost, cost, cost) for cost in costs])


def test_figures_are_medians_and_ratios_those_of_the_turns() -> None:
    ours, theirs = _result("unary", "plait.aio", 1.0, 3.0, 2.0), _result("unary", "grpc.aio", 10.0, 15.0, 40.0)
    assert (ours.median("server_us"), ours.median("both_us")) == (2.0, 6.0)
    assert ours.spread("server_us") == pytest.approx(0.5)
    assert ours.ratio(theirs, "server_us") == 10.0


def test_what_is_told() -> None:
    results = {
        ("unary", "plait.aio"): _result("unary", "plait.aio", 2.0),
        ("unary", "grpc.aio"): _result("unary", "grpc.aio", 16.0),
        ("upload", "plait"): _result("upload", "plait", 1.0),
    }
    assert [line.split() for line in report.lines(results)] == [
        ["unary", "plait.aio", "2.0", "4.0", "grpc.aio", "16.0", "32.0", "8.0x", "8.0x", "p50", "0.12"]
    ], "what has no counterpart is left out"
    page = report.page(results, {"an engine": "3x"})
    assert "| an engine | 3x |" in page
    assert (
        "| unary calls, 100 B, one after the other | 2.0 (0%) | 4.0 (0%) | 16.0 (0%) | 32.0 (0%) | 8.0x | 8.0x | 8.0x |"
        " 2, 2 | 16, 16 |" in page
    )
    line = json.loads(report.ledger_line(results, {}))
    assert line["us"]["unary plait.aio"]["client_us"] == 4.0
    assert line["versions"]["CPython"]
