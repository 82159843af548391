"""The dialogue between the harness and a client: a workload in a line, what came of it in a line."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterator, Sequence

from benchmarks.workloads import WORKLOADS, Workload


def commands() -> Iterator[tuple[Workload, float]]:
    """(workload, seconds) for each line of the standard input."""
    for line in iter(sys.stdin.readline, ""):
        name, seconds = line.split()
        yield WORKLOADS[name], float(seconds)


def answer(workload: Workload, operations: int, latencies_s: Sequence[float]) -> None:
    """Say how many operations there were, and the quantiles of their times."""
    told: dict[str, object] = {"operations": operations}
    if workload.has_latency:
        cuts = statistics.quantiles(latencies_s, n=100) if len(latencies_s) > 1 else list(latencies_s) * 99
        told["latencies_us"] = {"p50": cuts[49] * 1e6, "p99": cuts[98] * 1e6}
    print(json.dumps(told), flush=True)
