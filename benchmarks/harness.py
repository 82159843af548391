"""Measures workloads on stacks: server and client of each in processes of their own, all stacks in turn.

The figure that counts is CPU time per operation, user and system, of all threads of a process: it says what an
operation costs, where wall time says what else the machine was doing. Every stack takes its turn with every workload,
again and again, so that all of them meet the same neighbours; what is told is the median of the turns, and the median
of the ratios within a turn. A stack that fails is named with what it said, and the others go on.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from benchmarks.progress import Progress
from benchmarks.stacks import Pairing
from benchmarks.workloads import WORKLOADS, Workload
from interop.peers import certificate
from interop.peers.peer import BuildFailed, Missing

WARM_UP_S: Final = 0.1
PATIENCE_S: Final = 30.0
"""How much longer than it was told a program may take to answer."""

_ENVIRONMENT: Final = os.environ | {"GOMAXPROCS": "1"}
"""One core is what each gets: Go is told so, that it does not plan for more."""

FIGURES: Final = ("server_us", "client_us", "wall_us", "p50_us", "p99_us")


class StackFailed(Exception):
    """A stack did not do what it was told. The text says which, and what it said."""


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
    """All turns of one pairing with one workload."""

    workload: Workload
    name: str
    turns: list[Turn] = field(default_factory=list)

    def values(self, figure: str) -> list[float]:
        """One figure of the turns, in their order."""
        return [getattr(turn, figure) for turn in self.turns]

    def median(self, figure: str) -> float:
        """The median of one figure of the turns."""
        return statistics.median(self.values(figure))

    def spread(self, figure: str) -> float:
        """How far the quartiles are apart, as a share of the median."""
        return spread(self.values(figure))

    def ratio(self, other: Result, figure: str) -> float:
        """How many times as much the other one took: the median over the turns."""
        return statistics.median(self.ratios(other, figure))

    def ratios(self, other: Result, figure: str) -> list[float]:
        """How many times as much the other one took, turn by turn."""
        return [theirs / ours for ours, theirs in zip(self.values(figure), other.values(figure), strict=True)]


def spread(values: list[float]) -> float:
    """How far the quartiles are apart, as a share of the median."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [0.0] * 3
    return (high - low) / statistics.median(values)


Results = dict[tuple[str, str], Result]
"""By the names of workload and pairing."""


@dataclass
class Measured:
    """What came of measuring."""

    results: Results = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    """A pairing, or a pairing with a workload -> why there is no figure."""
    peaks_mib: dict[str, tuple[float, float]] = field(default_factory=dict)
    """A pairing -> the most memory that its server, and its client, ever had."""

    def add(self, other: Measured) -> None:
        """Take in what another run has measured."""
        self.results |= other.results
        self.failures |= other.failures
        self.peaks_mib |= other.peaks_mib


class Program:
    """A process of a stack on one core."""

    def __init__(self, command: list[str], core: int, exits: contextlib.ExitStack, folder: Path | None = None) -> None:
        self._errors: IO[str] = exits.enter_context(tempfile.TemporaryFile("w+"))  # noqa: SIM115  # it is the stack's
        pipe = subprocess.PIPE
        mine = os.sched_getaffinity(0)
        # A process is born where its parent is, and so are all its threads: pinned later, those of Go would go astray.
        os.sched_setaffinity(0, {core})
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=self._errors, text=True, cwd=folder, env=_ENVIRONMENT
            )
        finally:
            os.sched_setaffinity(0, mine)
        exits.callback(self._end)
        self.pid = self._process.pid

    def say(self, line: str) -> None:
        """Give it an order."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # What it said before it ended is told when its answer is missing.
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def hear(self, patience_s: float) -> str:
        """The next line that it prints. Raises StackFailed when it ends, or is silent for too long."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], patience_s)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            self._errors.seek(0)
            told = [line for line in self._errors.read().splitlines() if line.strip()]
            silent = "" if ready else f"silent for {patience_s:.0f} s "
            raise StackFailed(f"{silent}{told[-1] if told else ''}".strip() or "it has ended without a word")
        return line.strip()

    def peak_mib(self) -> float:
        """The most memory it ever had (proc(5), VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()


class Bench:
    """A pairing that runs: its server, and its client, which is told what to do line by line."""

    def __init__(self, pairing: Pairing, port: str, server: Program, client: Program) -> None:
        self.pairing = pairing
        self.port = port
        self.server = server
        self.client = client
        self.is_broken = False

    def turn(self, workload: Workload, seconds: float) -> Turn:
        """Let it work for so long. Raises StackFailed."""
        before = cpu_s(self.server.pid), cpu_s(self.client.pid), time.perf_counter()
        told = self.order(workload.name, seconds, seconds + PATIENCE_S)
        after = cpu_s(self.server.pid), cpu_s(self.client.pid), time.perf_counter()
        server_us, client_us, wall_us = (
            (end - start) * 1e6 / told["operations"] for start, end in zip(before, after, strict=True)
        )
        latencies = told.get("latencies_us", {"p50": 0.0, "p99": 0.0})
        return Turn(server_us, client_us, wall_us, latencies["p50"], latencies["p99"])

    def order(self, name: str, number: float, patience_s: float) -> dict[str, Any]:
        """Give its client an order; what it answers. Raises StackFailed."""
        told: dict[str, Any] = {"name": name, "number": number}
        if (workload := WORKLOADS.get(name)) is not None:
            told |= {"kind": workload.kind, "size": workload.size, "count": workload.count}
            told["concurrency"] = workload.concurrency
        self.client.say(json.dumps(told))
        try:
            told = json.loads(self.client.hear(patience_s))
        except StackFailed:
            self.is_broken = True
            raise
        if "error" in told:
            raise StackFailed(told["error"])
        return told


@contextlib.contextmanager
def running(pairing: Pairing) -> Iterator[Bench]:
    """The server of a pairing on one core, its client on another. Raises StackFailed when they do not start."""
    cores = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as exits:
        try:
            tls = None
            if pairing.is_tls:
                folder = Path(exits.enter_context(tempfile.TemporaryDirectory()))
                tls = certificate.make(folder).key.parent
            server = Program(pairing.server.command("server", tls=tls), cores[0], exits, pairing.server.folder)
            port = server.hear(PATIENCE_S)
            client = Program(pairing.client.command("client", port, tls), cores[-1], exits, pairing.client.folder)
        except (Missing, BuildFailed) as problem:
            raise StackFailed(str(problem)) from None
        yield Bench(pairing, port, server, client)


def measure(
    pairings: Iterable[Pairing],
    workloads: Iterable[Workload],
    *,
    turns: int,
    seconds: float,
    progress: Progress | None = None,
) -> Measured:
    """Every workload on every pairing, in turn; those that cannot are named with the reason."""
    progress = progress or Progress(0.0)
    workloads = list(workloads)
    measured = Measured()
    with contextlib.ExitStack() as exits:
        benches = list(_started(pairings, exits, measured))
        results = measured.results
        for workload in workloads:
            for bench in benches:
                if bench.pairing.can(workload.name):
                    results[workload.name, bench.pairing.name] = Result(workload, bench.pairing.name)
        for turn in range(turns + 1):
            for workload in workloads:
                for bench in benches:
                    duration_s = seconds if turn else min(WARM_UP_S, seconds)
                    progress.step(duration_s, f"{workload.name}, {bench.pairing.name}")
                    if (result := results.get((workload.name, bench.pairing.name))) is None:
                        continue
                    cost = _turn(bench, workload, duration_s, measured)
                    if cost is not None and turn:
                        result.turns.append(cost)
        for bench in benches:
            if not bench.is_broken:
                measured.peaks_mib[bench.pairing.name] = bench.server.peak_mib(), bench.client.peak_mib()
    return measured


def _started(pairings: Iterable[Pairing], exits: contextlib.ExitStack, measured: Measured) -> Iterator[Bench]:
    for pairing in pairings:
        if (lacking := pairing.missing()) is not None:
            measured.failures[pairing.name] = lacking
            continue
        try:
            yield exits.enter_context(running(pairing))
        except StackFailed as failure:
            measured.failures[pairing.name] = str(failure)


def _turn(bench: Bench, workload: Workload, seconds: float, measured: Measured) -> Turn | None:
    name = bench.pairing.name
    if not bench.is_broken:
        try:
            return bench.turn(workload, seconds)
        except StackFailed as failure:
            measured.failures[f"{name}, {workload.name}"] = str(failure)
    # A figure of fewer turns than the others have would not be comparable.
    del measured.results[workload.name, name]
    return None
