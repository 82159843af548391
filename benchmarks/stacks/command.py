"""What the programs have in common: the command line, and the dialogue with the harness, a line for a line."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.workloads import WORKLOADS, Workload


class Options(argparse.Namespace):
    """What a program is told on its command line."""

    role: str
    port: str
    module: str
    loop: str
    tls: Path | None

    @property
    def target(self) -> str:
        """Where the server is."""
        return f"127.0.0.1:{self.port}"

    def pem(self, name: str) -> bytes:
        """A file of the certificate: server1.pem, server1.key or ca.pem."""
        assert self.tls is not None
        return (self.tls / name).read_bytes()


def options() -> Options:
    """The command line of this program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=("server", "client"))
    parser.add_argument("--port", default="0", help="the server's, for a client")
    parser.add_argument("--module", default="")
    parser.add_argument("--loop", default="asyncio")
    parser.add_argument("--tls", type=Path, help="the folder with the certificate; without it, no TLS")
    return parser.parse_args(namespace=Options())


def orders() -> Iterator[tuple[Workload | str, float]]:
    """For each line of the standard input: (workload, seconds), or (what to hold, how many)."""
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        yield WORKLOADS.get(order["name"], order["name"]), order["number"]


def answer(workload: Workload | str, operations: int, latencies_s: Sequence[float] = ()) -> None:
    """Say how many operations there were, and the quantiles of their times."""
    told: dict[str, object] = {"operations": operations}
    if isinstance(workload, Workload) and workload.has_latency:
        cuts = statistics.quantiles(latencies_s, n=100) if len(latencies_s) > 1 else list(latencies_s) * 99
        told["latencies_us"] = {"p50": cuts[49] * 1e6, "p99": cuts[98] * 1e6}
    print(json.dumps(told), flush=True)


def refuse(error: Exception) -> None:
    """Say that the order could not be carried out, and why."""
    print(json.dumps({"error": f"{type(error).__name__}: {error}".splitlines()[0]}), flush=True)
