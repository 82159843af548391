"""What `make bench` prints, and what `make bench-full` writes into docs/performance.md: between two markers, so that
what people have written around them stays."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from benchmarks import targets
from benchmarks.footprint import median_ratio
from benchmarks.harness import Result, Results, spread
from benchmarks.record import Record
from benchmarks.stacks import ALONE, CROSSED, OVER_TLS, PAIRS
from benchmarks.workloads import CONNECTIONS, STREAMS, WORKLOADS, Workload

PAGE: Final = Path("docs/performance.md")
BEGIN: Final = "<!-- Figures: what is between here and the end of the figures is written by `make bench-full`. -->"
END: Final = "<!-- End of the figures. -->"

PLOTS: Final = {
    "targets": "Each target as a share of what is wanted: at or right of the line it is met",
    "server": "Calls per CPU-second of each server under h2load",
    "cost": "CPU time of an operation, server and client, in each stack",
    "memory": "Memory per open stream and per idle connection",
}
"""The plots of the page, docs/img/performance-NAME.png and .svg, and what they show."""


def _pairs(results: Results) -> Iterator[tuple[Workload, Result, Result]]:
    for workload in WORKLOADS.values():
        for ours, theirs in PAIRS:
            if (workload.name, ours) in results and (workload.name, theirs) in results:
                yield workload, results[workload.name, ours], results[workload.name, theirs]


# -- The terminal ------------------------------------------------------------------------------------------------------


def lines(results: Results) -> Iterator[str]:
    """One line for each workload and pair of stacks: CPU time of server and client, and the ratios."""
    for workload, ours, theirs in _pairs(results):
        cost = f"{ours.median('server_us'):8.1f} {ours.median('client_us'):8.1f}"
        their_cost = f"{theirs.median('server_us'):8.1f} {theirs.median('client_us'):8.1f}"
        ratios = f"{ours.ratio(theirs, 'server_us'):5.1f}x {ours.ratio(theirs, 'client_us'):5.1f}x"
        p50 = f"   p50 {1 / ours.ratio(theirs, 'p50_us'):.2f}" if workload.has_latency else ""
        yield f"{workload.name:<12} {ours.name:>9} {cost} {theirs.name:>9} {their_cost}  {ratios}{p50}"


def others(results: Results) -> Iterator[str]:
    """One line for each workload: what an operation costs in each stack that is not among the pairs."""
    paired = {name for pair in PAIRS for name in pair}
    for workload in WORKLOADS.values():
        costs = [
            f"{name} {result.median('server_us'):.0f} {result.median('client_us'):.0f}"
            for (which, name), result in results.items()
            if which == workload.name and name not in paired and "TLS" not in name and " to " not in name
        ]
        if costs:
            yield f"{workload.name:<12} {', '.join(costs)}"


def target_lines(record: Record) -> Iterator[str]:
    """One line for each target."""
    for target, measured, over_tls in targets.rows(record):
        told = "not measured" if measured is None else f"{measured:.2f}x, {target.verdict(measured) or 'stated'}"
        tls = "" if over_tls is None else f"; TLS {over_tls:.2f}x"
        yield f"{target.text:<58} {target.against:<8} {target.wanted:<14} {told}{tls}"


# -- The page ----------------------------------------------------------------------------------------------------------


def with_figures(page: str, figures: str) -> str:
    """The page with new figures in place of those between the markers; a page without markers gets them at its end."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if begin and not end:
        raise ValueError(f"{PAGE} has the marker where the figures begin, and none where they end")
    return f"{before.rstrip()}\n\n{BEGIN}\n\n{figures.strip()}\n\n{END}\n{after.removeprefix(chr(10))}"


def figures(record: Record) -> str:
    """All that stands between the markers."""
    told = "; ".join(f"{name} {version}" for name, version in record.versions.items())
    parts = [
        f"Measured at {record.at}, commit `{record.commit}`, with {told}.",
        "## Targets\n\n" + _target_table(record),
        _image("targets"),
        "## Server alone\n\nUnary calls of 100 B under h2load, 4 connections with 16 calls at a time each, the server"
        " on one core. Calls per second are of wall time.\n\n" + _load_table(record),
        _image("server"),
        "## Workloads\n\nCPU microseconds (user and system) of an operation, of the server and of the client, each a"
        " process on a core of its own; medians of interleaved turns, and in brackets how far the quartiles are apart."
        " `p50, p99` is the time of one operation in microseconds, where each waits for the one before. The three"
        " ratios say how many times as much a stack takes as Plait's with the same kind of API does.\n\n"
        + _workload_tables(record, [pairing.name for pairing in ALONE]),
        _image("cost"),
        "## Over TLS\n\nCPU microseconds of an operation, server + client.\n\n"
        + _workload_tables(record, [pairing.name for pairing in OVER_TLS], headings=False),
        "## Across stacks\n\nCPU microseconds of an operation, server + client. The columns name the client,"
        " then the server.\n\n" + _workload_tables(record, [pairing.name for pairing in CROSSED], headings=False),
        "## Without I/O\n\n" + _codec_table(record),
        "## Memory, import, size\n\n" + _memory_table(record),
        _image("memory"),
        _import_table(record),
        _size_table(record),
    ]
    if failures := record.every_failure():
        parts.append("## Not measured\n\n" + _table(("what", "why"), failures.items()))
    return "\n\n".join(part for part in parts if part)


def _image(name: str) -> str:
    return f"[![{PLOTS[name]}](img/performance-{name}.png)](img/performance-{name}.svg)"


def _table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    rows = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _target_table(record: Record) -> str:
    body = []
    for target, measured, over_tls in targets.rows(record):
        told = "not measured" if measured is None else f"{measured:.2f}x"
        verdict = "" if measured is None else target.verdict(measured)
        tls = "" if over_tls is None else f"{over_tls:.2f}x"
        body.append([target.text, target.against, target.wanted, told, verdict, tls])
    return _table(("what", "against", "wanted", "measured", "", "over TLS"), body)


def _load_table(record: Record) -> str:
    calls, elapsed = record.load.calls, record.load.elapsed
    body = [
        [
            name,
            f"{statistics.median(values):,.0f} ({spread(values):.0%})",
            f"{statistics.median(elapsed[name]):,.0f}",
            f"{median_ratio(values, calls['plait.aio']):.2f}x" if "plait.aio" in calls else "",
        ]
        for name, values in calls.items()
    ]
    return _table(("stack", "calls per CPU-second", "calls per second", "plait.aio against it"), body)


def _workload_tables(record: Record, names: Sequence[str], *, headings: bool = True) -> str:
    """A table of all workloads where they need no more than a cell, or one for each workload."""
    results = record.measured.results
    names = [name for name in names if any((workload, name) in results for workload in WORKLOADS)]
    if not headings:
        body = []
        for workload in WORKLOADS.values():
            cells = [_cost(results.get((workload.name, name))) for name in names]
            if any(cells):
                body.append([workload.text, *cells])
        return _table(("operation", *names), body)
    parts = []
    for workload in WORKLOADS.values():
        body = [_row(workload, name, results) for name in names if (workload.name, name) in results]
        head = ("stack", "server", "client", "p50, p99", "server", "client", "both")
        parts.append(f"### {workload.text[0].upper()}{workload.text[1:]}\n\n{_table(head, body)}")
    return "\n\n".join(parts)


def _cost(result: Result | None) -> str:
    if result is None:
        return ""
    p50 = f"; p50 {result.median('p50_us'):.0f}" if result.workload.has_latency else ""
    return f"{result.median('server_us'):.1f} + {result.median('client_us'):.1f}{p50}"


def _row(workload: Workload, name: str, results: Results) -> list[str]:
    result = results[workload.name, name]
    cells = [name, *(f"{result.median(end):.1f} ({result.spread(end):.0%})" for end in ("server_us", "client_us"))]
    cells.append(
        f"{result.median('p50_us'):.0f}, {result.median('p99_us'):.0f}" if workload.has_latency else "",
    )
    ours = results.get((workload.name, "plait" if name in ("plait", "grpc", "echo") else "plait.aio"))
    for figure in ("server_us", "client_us", "both_us"):
        cells.append(f"{ours.ratio(result, figure):.2f}x" if ours else "")
    return cells


def _codec_table(record: Record) -> str:
    body = [
        [name, f"{ours:.2f}", f"{theirs:.2f}", f"{ratio:.2f}x"] for name, (ours, theirs, ratio) in record.codecs.items()
    ]
    return _table(("what", "Plait, µs", "other, µs", "ratio"), body)


def _memory_table(record: Record) -> str:
    held, peaks = record.footprint.memory_kib, record.measured.peaks_mib
    body = []
    for name in (pairing.name for pairing in ALONE):
        cells = [held.get(what, {}).get(name) for what in (STREAMS, CONNECTIONS)]
        if any(cells) or name in peaks:
            kib = [f"{cell[0]:.1f} + {cell[1]:.1f}" if cell else "" for cell in cells]
            body.append([name, *kib, f"{peaks[name][0]:.0f} + {peaks[name][1]:.0f}" if name in peaks else ""])
    return (
        "KiB of each open stream (10,000 of them, each with a message each way) and of each idle connection (1,000,"
        " each with one call behind it), server + client: what the processes grew by that they share with no other."
        " The last column is the most memory that server and client ever had during the workloads above, in MiB."
        " grpclib's streams are spread over 100 connections, for its server allows no more than 100 on each; the"
        " others' are on one.\n\n" + _table(("stack", "open stream, KiB", "idle connection, KiB", "peak, MiB"), body)
    )


def _import_table(record: Record) -> str:
    body = [
        [f"`{name}`", f"{statistics.median(values):.0f} ({spread(values):.0%})"]
        for name, values in record.footprint.import_ms.items()
    ]
    return _table(("import", "CPU ms"), body) if body else ""


def _size_table(record: Record) -> str:
    body = [[name, f"{size:.1f}"] for name, size in record.footprint.size_mib.items()]
    return _table(("installed, with what it needs", "MiB"), body) if body else ""


def write(record: Record, page: Path = PAGE) -> None:
    """Put the figures of a run into the page."""
    there = page.read_text() if page.exists() else "# Performance\n"
    page.write_text(with_figures(there, figures(record)))
