"""The benchmarks run: each stack with each workload for a moment, and what is told of those that fail."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks import bench_engine, bench_server
from benchmarks.harness import Program, Result, StackFailed, Turn, cpu_s, measure, running
from benchmarks.stacks import ALONE, CROSSED, OVER_TLS, STACKS, Pairing, Stack
from benchmarks.workloads import CROSS_WORKLOADS, TLS_WORKLOADS, WORKLOADS

EVERY = (*ALONE, *OVER_TLS, *CROSSED)


def _workloads(pairing: Pairing) -> list[str]:
    if pairing in ALONE:
        return [name for name in WORKLOADS if pairing.can(name)]
    return list(TLS_WORKLOADS if pairing.is_tls else CROSS_WORKLOADS)


@pytest.mark.parametrize("pairing", EVERY, ids=[pairing.name for pairing in EVERY])
def test_every_workload_runs_on_every_stack(pairing: Pairing) -> None:
    if (lacking := pairing.missing()) is not None:
        pytest.skip(lacking)
    names = _workloads(pairing)
    measured = measure([pairing], [WORKLOADS[name] for name in names], turns=1, seconds=0.01)
    assert measured.failures == {}
    assert [workload for workload, _ in measured.results] == names
    for (workload, _), result in measured.results.items():
        turn = result.turns[0]
        assert min(turn.server_us, turn.client_us, turn.wall_us) > 0, workload
        assert (turn.p50_us > 0) == WORKLOADS[workload].has_latency
    assert min(measured.peaks_mib[pairing.name]) > 1


def test_every_server_bears_the_load() -> None:
    if (lacking := bench_server.missing()) is not None:
        pytest.skip(lacking)
    here = [pairing for pairing in ALONE if pairing.can("unary") and pairing.missing() is None]
    load = bench_server.run(here, turns=1, seconds=0.01)
    assert load.failures == {}
    assert list(load.calls) == list(load.elapsed) == [pairing.name for pairing in here]


@pytest.mark.parametrize("library", bench_engine.LIBRARIES)
def test_an_exchange_of_every_engine(library: str) -> None:
    if (lacking := bench_engine.missing(library)) is not None:
        pytest.skip(lacking)
    make, _ = bench_engine.LIBRARIES[library]
    exchange = make()
    exchange()  # It raises where the library refuses what it is given: h2 and ngh2 check what they send and receive.
    assert exchange() is None


def test_the_clock_of_a_process_is_its_cpu_time() -> None:
    before = time.process_time()
    measured = cpu_s(os.getpid())
    assert before <= measured <= time.process_time()


# -- What fails --------------------------------------------------------------------------------------------------------


def test_what_lacks_is_named_and_the_others_go_on() -> None:
    absent = Stack("absent", "asyncio_face", "grpc_core", needs=("no_such_module",))
    broken = Stack("broken", "asyncio_face", "no_such_module")
    pairings = [Pairing(absent, absent), Pairing(broken, broken), ALONE[0]]
    measured = measure(pairings, [WORKLOADS["unary"]], turns=1, seconds=0.01)
    assert measured.failures == {
        "absent": "no_such_module is missing",
        "broken": "ModuleNotFoundError: No module named 'no_such_module'",
    }
    assert list(measured.results) == [("unary", "plait.aio")]


def test_a_client_that_fails_says_why_and_is_asked_no_more() -> None:
    broken = Stack("broken", "asyncio_face", "no_such_module")
    pairing = Pairing(STACKS["plait.aio"], broken)
    measured = measure([pairing], [WORKLOADS["unary"], WORKLOADS["download"]], turns=1, seconds=0.01)
    assert measured.failures == {
        "broken to plait.aio, unary": "ModuleNotFoundError: No module named 'no_such_module'",
    }
    assert measured.results == {}
    assert measured.peaks_mib == {}


def test_an_order_that_cannot_be_carried_out_is_refused() -> None:
    with running(Pairing(STACKS["plait"], STACKS["plait"])) as bench:
        with pytest.raises(StackFailed, match="NotImplementedError: open-streams"):
            bench.order("open-streams", 1, 20)
        assert not bench.is_broken
        assert bench.turn(WORKLOADS["unary"], 0.01).server_us > 0, "it goes on"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys; print('first'); print('the reason', file=sys.stderr); sys.exit(1)", "the reason"),
        ("raise SystemExit", "it has ended without a word"),
        ("import time; time.sleep(60)", "silent for 0 s"),
    ],
)
def test_what_a_program_says_that_does_not_answer(program: str, reason: str) -> None:
    with contextlib.ExitStack() as exits:
        process = Program([sys.executable, "-c", program], min(os.sched_getaffinity(0)), exits)
        patience_s = 0.2 if "sleep" in program else 20.0
        if "first" in program:
            assert process.hear(patience_s) == "first"
        with pytest.raises(StackFailed, match=reason):
            process.hear(patience_s)


def test_a_program_runs_on_its_core_and_this_process_where_it_was() -> None:
    cores = os.sched_getaffinity(0)
    with contextlib.ExitStack() as exits:
        program = "import os; print(os.sched_getaffinity(0)); input()"
        process = Program([sys.executable, "-c", program], max(cores), exits)
        assert process.hear(20.0) == f"{{{max(cores)}}}"
        assert process.peak_mib() > 1
    assert os.sched_getaffinity(0) == cores
    assert not Path(f"/proc/{process.pid}").exists()


# -- Figures -----------------------------------------------------------------------------------------------------------


def _result(workload: str, stack: str, *costs: float) -> Result:
    return Result(WORKLOADS[workload], stack, [Turn(cost, 2 * cost, 3 * cost, cost, cost) for cost in costs])


def test_figures_are_medians_and_ratios_those_of_the_turns() -> None:
    ours, theirs = _result("unary", "plait.aio", 1.0, 3.0, 2.0), _result("unary", "grpc.aio", 10.0, 15.0, 40.0)
    assert (ours.median("server_us"), ours.median("both_us")) == (2.0, 6.0)
    assert ours.spread("server_us") == pytest.approx(0.5)
    assert ours.ratio(theirs, "server_us") == 10.0
