"""`make bench`: the ratios of this project against what else there is, in a few minutes.

    python -m benchmarks [--full] [--only WORKLOAD ...] [--seconds S] [--turns N]
    python -m benchmarks --page

With `--full` it takes about ten minutes, writes the figures into docs/performance.md, draws its plots and adds a line
to benchmarks/ledger.jsonl; with `--page` it measures nothing and writes the page and the plots from the last line.
"""

from __future__ import annotations

import argparse
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import bench_engine, bench_hpack, bench_server, footprint, plots, record, report
from benchmarks.harness import WARM_UP_S, measure
from benchmarks.progress import Progress
from benchmarks.record import Record
from benchmarks.stacks import ALONE, CROSSED, OVER_TLS, Pairing
from benchmarks.workloads import CONNECTIONS, CROSS_WORKLOADS, STREAMS, TLS_WORKLOADS, WORKLOADS, Workload

_CODECS_S: Final = 12.0
"""About how long each of the comparisons without I/O takes, for the progress bar."""


@dataclass(frozen=True)
class Plan:
    """How long everything is measured."""

    seconds: float
    turns: int
    numbers: dict[str, int]
    """How many streams and connections are held."""

    @property
    def fewer(self) -> int:
        """The turns of what is measured besides the stacks alone."""
        return max(1, self.turns * 2 // 3)

    def parts(self) -> list[tuple[tuple[Pairing, ...], tuple[Workload, ...], int]]:
        """(pairings, workloads, turns), one run after the other."""
        return [
            (ALONE, tuple(WORKLOADS.values()), self.turns),
            (OVER_TLS, tuple(WORKLOADS[name] for name in TLS_WORKLOADS), self.fewer),
            (CROSSED, tuple(WORKLOADS[name] for name in CROSS_WORKLOADS), self.fewer),
        ]

    def duration_s(self) -> float:
        """About how long all of it takes."""
        stacks = sum(
            len(pairings) * len(workloads) * (turns * self.seconds + min(WARM_UP_S, self.seconds))
            for pairings, workloads, turns in self.parts()
        )
        load = len(ALONE) * self.fewer * self.seconds
        return stacks + load + 3 * _CODECS_S + footprint.duration_s(self.turns)


def codecs(told: Record, progress: Progress) -> None:
    """The layers without I/O."""
    for library in bench_engine.LIBRARIES:
        progress.step(_CODECS_S, f"engine against {library}")
        if (lacking := bench_engine.missing(library)) is not None:
            told.failures[f"engine against {library}"] = lacking
            continue
        told.codecs[f"engine against {library}"] = bench_engine.run(library)
    progress.step(_CODECS_S, "HPACK")
    for name, (ratio, their_us, our_us) in bench_hpack.measure().items():
        told.codecs[f"HPACK {name} against hpack"] = our_us, their_us, ratio


def everything(plan: Plan, progress: Progress) -> Record:
    """All that there is to measure."""
    told = record.new()
    codecs(told, progress)
    if (lacking := bench_server.missing()) is not None:
        told.failures["servers under h2load"] = lacking
    else:
        told.load = bench_server.run(turns=plan.fewer, seconds=plan.seconds, progress=progress)
    for pairings, workloads, turns in plan.parts():
        told.measured.add(measure(pairings, workloads, turns=turns, seconds=plan.seconds, progress=progress))
    told.footprint = footprint.run(turns=plan.turns, numbers=plan.numbers, progress=progress)
    progress.clear()
    return told


def tell(told: Record) -> None:
    """Print what was measured."""
    if told.codecs:
        print()
    for name, (ours, theirs, ratio) in told.codecs.items():
        print(f"{name:<40} {ours:8.2f} µs {theirs:8.2f} µs {ratio:7.1f}x")
    print("\nCPU µs for each operation: server, client; a ratio above 1 means that Plait needs less\n")
    print("\n".join(report.lines(told.measured.results)))
    print("\nOther stacks\n")
    print("\n".join(report.others(told.measured.results)))
    print("\nTargets\n")
    print("\n".join(report.target_lines(told)))
    if failures := told.every_failure():
        print("\nNot measured\n")
        print("\n".join(f"{name}: {reason}" for name, reason in failures.items()))


def write(told: Record) -> None:
    """Write the page and its plots."""
    report.write(told)
    if (lacking := plots.missing()) is not None:
        print(f"the plots are those of before: {lacking}", file=sys.stderr)
    else:
        plots.write(told)


def main(arguments: list[str] | None = None) -> int:
    """Print the ratios; a part that cannot run says what it needs."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="measure Plait against what else there is"
    )
    parser.add_argument("--full", action="store_true", help="measure longer; write the page, its plots and the ledger")
    parser.add_argument("--page", action="store_true", help="measure nothing: the page and plots of the last full run")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, metavar="WORKLOAD", help="only these, on all stacks")
    parser.add_argument("--seconds", type=float, help="how long a turn takes (default: 0.35, with --full 0.4)")
    parser.add_argument("--turns", type=int, help="how many turns each stack has (default: 4, with --full 7)")
    parser.add_argument("--streams", type=int, default=footprint.NUMBERS[STREAMS], help="how many are held open")
    parser.add_argument("--connections", type=int, default=footprint.NUMBERS[CONNECTIONS], help="how many are idle")
    options = parser.parse_args(arguments)
    if options.page:
        if not record.LEDGER.exists():
            parser.error(f"{record.LEDGER} is not there: a full run writes it")
        write(record.read(record.LEDGER.read_text().splitlines()[-1]))
        return 0
    if not Path("/proc/self/smaps_rollup").exists():
        parser.error("the benchmarks read /proc, of Linux 4.14 and later")
    plan = Plan(
        options.seconds or (0.4 if options.full else 0.35),
        options.turns or (7 if options.full else 4),
        {STREAMS: options.streams, CONNECTIONS: options.connections},
    )
    print(f"CPython {platform.python_version()}, {platform.machine()}; CPU time, medians of alternating turns")
    if options.only:
        told = record.new()
        workloads = [WORKLOADS[name] for name in options.only]
        seconds = len(ALONE) * len(workloads) * (plan.seconds * plan.turns + WARM_UP_S)
        progress = Progress(seconds)
        told.measured = measure(ALONE, workloads, turns=plan.turns, seconds=plan.seconds, progress=progress)
        progress.clear()
        tell(told)
        return 0
    told = everything(plan, Progress(plan.duration_s()))
    tell(told)
    if options.full:
        with record.LEDGER.open("a") as ledger:
            print(told.line(), file=ledger)
        write(told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
