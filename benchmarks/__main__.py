"""`make bench`: the ratios of this project against what else there is, in a few minutes.

    python -m benchmarks [--full] [--only WORKLOAD ...]

With `--full` it takes longer, and writes docs/performance.md and a line of benchmarks/ledger.jsonl.
"""

from __future__ import annotations

import argparse
import platform
import sys

from benchmarks import bench_engine, bench_hpack, bench_server, report
from benchmarks.harness import measure
from benchmarks.stacks import STACKS
from benchmarks.workloads import WORKLOADS


def codecs() -> dict[str, str]:
    """The layers without I/O, and the server under a load that is written in C."""
    summary: dict[str, str] = {}

    def tell(name: str, value: str) -> None:
        summary[name] = value
        print(f"{name:<62} {value}")

    ours, theirs, ratio = bench_engine.run()
    tell("HTTP/2 engine, unary exchange in memory, against h2", f"{ours:.1f} µs, {theirs:.1f} µs: {ratio:.1f}x")
    for name, value in bench_hpack.ratios().items():
        tell(f"HPACK, {name}, against hpack", f"{value:.1f}x")
    lacking = bench_server.missing()
    if lacking is not None:
        tell("asyncio server under h2load", f"not measured: {lacking} is missing")
        return summary
    ours, theirs, ratio = bench_server.run()
    tell("asyncio server, calls per CPU-second, against grpc.aio", f"{ours:.0f}/s, {theirs:.0f}/s: {ratio:.1f}x")
    return summary


def main(arguments: list[str] | None = None) -> int:
    """Print the ratios; a part that cannot run says what it needs."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="measure Plait against what else there is"
    )
    parser.add_argument("--full", action="store_true", help="measure longer, and write docs/performance.md")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, metavar="WORKLOAD", help="only these, on all stacks")
    options = parser.parse_args(arguments)
    print(f"CPython {platform.python_version()}, {platform.machine()}; CPU time, medians of alternating turns\n")
    summary = {} if options.only else codecs()
    if lacking := report.missing():
        print(f"the stacks are not measured: {', '.join(lacking)} is missing")
        return 0
    turns, seconds = (9, 1.0) if options.full else (5, 0.5)
    workloads = [WORKLOADS[name] for name in options.only or WORKLOADS]
    results = measure(STACKS.values(), workloads, turns=turns, seconds=seconds)
    print("\nCPU µs for each operation: server, client; a ratio above 1 means that Plait needs less\n")
    print("\n".join(report.lines(results)))
    if options.full:
        report.write(results, summary)
    return 0


if __name__ == "__main__":
    sys.exit(main())
