"""What `make bench` prints, and what `make bench-full` writes: docs/performance.md, and a line of the ledger."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from benchmarks.harness import Result
from benchmarks.stacks import PAIRS, STACKS
from benchmarks.workloads import WORKLOADS, Workload

Results = Mapping[tuple[str, str], Result]

LEDGER: Final = Path("benchmarks/ledger.jsonl")
PAGE: Final = Path("docs/performance.md")
MEASURED: Final = ("server_us", "client_us", "wall_us", "p50_us", "p99_us")


def versions() -> dict[str, str]:
    """What the figures depend on, as far as a name can say it."""
    told = {"CPython": platform.python_version(), "machine": f"{platform.machine()}, {os.cpu_count()} cores"}
    told |= {name: importlib.metadata.version(name) for name in ("plait", "grpcio", "h2", "hpack")}
    return told


def _pairs(results: Results) -> Iterator[tuple[Workload, Result, Result]]:
    for workload in WORKLOADS.values():
        for ours, theirs in PAIRS:
            if (workload.name, ours) in results and (workload.name, theirs) in results:
                yield workload, results[workload.name, ours], results[workload.name, theirs]


def lines(results: Results) -> Iterator[str]:
    """One line for each workload and pair of stacks: CPU time of server and client, and the ratios."""
    for workload, ours, theirs in _pairs(results):
        cost = f"{ours.median('server_us'):8.1f} {ours.median('client_us'):8.1f}"
        their_cost = f"{theirs.median('server_us'):8.1f} {theirs.median('client_us'):8.1f}"
        ratios = f"{ours.ratio(theirs, 'server_us'):5.1f}x {ours.ratio(theirs, 'client_us'):5.1f}x"
        p50 = f"   p50 {1 / ours.ratio(theirs, 'p50_us'):.2f}" if workload.has_latency else ""
        yield f"{workload.name:<12} {ours.stack.name:>9} {cost} {theirs.stack.name:>9} {their_cost}  {ratios}{p50}"


def page(results: Results, summary: Mapping[str, str]) -> str:
    """docs/performance.md."""
    told = "; ".join(f"{name} {version}" for name, version in versions().items())
    parts = [
        "# Performance\n",
        "Written by `make bench-full`. The figures are from one machine and mean little elsewhere; ratios mean more."
        f" Measured with {told}.\n",
        "| what | measured |\n|---|---|\n"
        + "\n".join(f"| {name} | {value} |" for name, value in summary.items())
        + "\n",
        "Below: CPU microseconds (user and system) for each operation, of the server and of the client, each a process"
        " on a core of its own; medians of interleaved turns, and in brackets how far the quartiles are apart. A ratio"
        " above 1 means that Plait needs less. `p50` and `p99` are the time of one operation in microseconds, where"
        " each waits for the one before.\n",
    ]
    for ours, theirs in PAIRS:
        title = f"{ours} against {theirs}"
        parts.append(
            f"## {title}\n\n| operation | {ours} server | client | {theirs} server | client | server | client | both |"
            f" {ours} p50, p99 | {theirs} p50, p99 |\n|---|---|---|---|---|---|---|---|---|---|\n"
            + "\n".join(_row(*row) for row in _pairs(results) if row[1].stack.name == ours)
            + "\n"
        )
    return "\n".join(parts)


def _row(workload: Workload, ours: Result, theirs: Result) -> str:
    cells = [workload.text]
    for result in (ours, theirs):
        cells += [f"{result.median(figure):.1f} ({result.spread(figure):.0%})" for figure in ("server_us", "client_us")]
    cells += [f"{ours.ratio(theirs, figure):.1f}x" for figure in ("server_us", "client_us", "both_us")]
    for result in (ours, theirs):
        cells.append(f"{result.median('p50_us'):.0f}, {result.median('p99_us'):.0f}" if workload.has_latency else "-")
    return "| " + " | ".join(cells) + " |"


def ledger_line(results: Results, summary: Mapping[str, str]) -> str:
    """One line of JSON: when, with what, and the medians."""
    figures = {
        f"{workload} {stack}": {name: round(result.median(name), 2) for name in MEASURED}
        for (workload, stack), result in results.items()
    }
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps({"at": stamp, "versions": versions(), "summary": dict(summary), "us": figures})


def write(results: Results, summary: Mapping[str, str]) -> None:
    """Write the page, and add to the ledger."""
    PAGE.write_text(page(results, summary))
    with LEDGER.open("a") as ledger:
        print(ledger_line(results, summary), file=ledger)


def missing() -> list[str]:
    """The modules that a stack needs and this machine lacks."""
    return sorted({lacking for stack in STACKS.values() if (lacking := stack.missing()) is not None})
