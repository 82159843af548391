"""Measures workloads on stacks: server and client of each in processes of their own, all stacks in turn.

The figure that counts is CPU time per operation, user and system, of all threads of a process: it says what an
operation costs, where wall time says what else the machine was doing. Every stack takes its turn with every workload,
again and again, so that all of them meet the same neighbours; what is told is the median of the turns, and the median
of the ratios within a turn.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from benchmarks.stacks import Stack
from benchmarks.workloads import Workload

WARM_UP_S = 0.1


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, with all its threads, so far.

    Linux (clock_getcpuclockid(3)): the number of such a clock is made of the complement of the process's.
    """
    return time.clock_gettime((~pid << 3) | 2)


@dataclass(frozen=True)
class Turn:
    """What one turn of one stack has cost, in microseconds per operation. Latencies are 0 where there are none."""

    server_us: float
    client_us: float
    wall_us: float
    p50_us: float
    p99_us: float

    @property
    def both_us(self) -> float:
        """CPU time of both ends."""
        return self.server_us + self.client_us


@dataclass
class Result:
    """All turns of one stack with one workload."""

    workload: Workload
    stack: Stack
    turns: list[Turn] = field(default_factory=list)

    def values(self, figure: str) -> list[float]:
        """One figure of the turns, in their order."""
        return [getattr(turn, figure) for turn in self.turns]

    def median(self, figure: str) -> float:
        """The median of one figure of the turns."""
        return statistics.median(self.values(figure))

    def spread(self, figure: str) -> float:
        """How far the quartiles are apart, as a share of the median."""
        values = self.values(figure)
        low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [0.0] * 3
        return (high - low) / statistics.median(values)

    def ratio(self, other: Result, figure: str) -> float:
        """How many times as much the other one took: the median over the turns."""
        pairs = zip(self.values(figure), other.values(figure), strict=True)
        return statistics.median([theirs / ours for ours, theirs in pairs])


class Bench:
    """One stack that runs: its server, and its client, which are told what to do line by line."""

    def __init__(self, stack: Stack, server: subprocess.Popen[str], client: subprocess.Popen[str]) -> None:
        self.stack = stack
        self._server = server
        self._client = client

    def turn(self, workload: Workload, seconds: float) -> Turn:
        """Let it work for so long. Raises RuntimeError when its client has failed."""
        before = cpu_s(self._server.pid), cpu_s(self._client.pid), time.perf_counter()
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._client.stdin.write(f"{workload.name} {seconds}\n")
        self._client.stdin.flush()
        line = self._client.stdout.readline()
        if not line:
            raise RuntimeError(f"the client of {self.stack.name} has failed with {workload.name}")
        told = json.loads(line)
        after = cpu_s(self._server.pid), cpu_s(self._client.pid), time.perf_counter()
        server_us, client_us, wall_us = (
            (end - start) * 1e6 / told["operations"] for start, end in zip(before, after, strict=True)
        )
        latencies = told.get("latencies_us", {"p50": 0.0, "p99": 0.0})
        return Turn(server_us, client_us, wall_us, latencies["p50"], latencies["p99"])


@contextlib.contextmanager
def running(stack: Stack) -> Iterator[Bench]:
    """The server of a stack on one core, its client on another."""
    cores = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as exits:
        server = exits.enter_context(_process(stack.command("server"), cores[0]))
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        client = exits.enter_context(_process(stack.command("client", port), cores[-1]))
        yield Bench(stack, server, client)


@contextlib.contextmanager
def _process(command: list[str], core: int) -> Iterator[subprocess.Popen[str]]:
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, *command], stdin=pipe, stdout=pipe, text=True)
    os.sched_setaffinity(process.pid, {core})
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def measure(
    stacks: Iterable[Stack], workloads: Iterable[Workload], *, turns: int, seconds: float
) -> dict[tuple[str, str], Result]:
    """The results by the names of workload and stack."""
    workloads = list(workloads)
    with contextlib.ExitStack() as exits:
        benches = [exits.enter_context(running(stack)) for stack in stacks]
        results = {
            (workload.name, bench.stack.name): Result(workload, bench.stack)
            for workload in workloads
            for bench in benches
        }
        for workload in workloads:
            for bench in benches:
                bench.turn(workload, WARM_UP_S)
        for _ in range(turns):
            for workload in workloads:
                for bench in benches:
                    results[workload.name, bench.stack.name].turns.append(bench.turn(workload, seconds))
    return results
