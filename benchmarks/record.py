"""Everything that one run has measured, and its line in the ledger, from which the page can be made again."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.bench_server import Load
from benchmarks.footprint import Footprint
from benchmarks.harness import FIGURES, Measured, Result, Turn
from benchmarks.stacks import STACKS
from benchmarks.workloads import WORKLOADS

LEDGER: Final = Path("benchmarks/ledger.jsonl")
_LIBRARIES: Final = (
    "plait",
    "grpcio",
    "grpclib",
    "connectrpc",
    "pyqwest",
    "hypercorn",
    "uvloop",
    "h2",
    "hpack",
    "ngh2",
    "protobuf",
)


@dataclass
class Record:
    """One run."""

    at: str
    """When it began, in UTC."""
    commit: str
    versions: dict[str, str]
    measured: Measured = field(default_factory=Measured)
    """The stacks alone, over TLS, and crossed."""
    codecs: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    """What was compared without I/O -> our microseconds, theirs, and the median of the ratios."""
    load: Load = field(default_factory=Load)
    footprint: Footprint = field(default_factory=Footprint)
    failures: dict[str, str] = field(default_factory=dict)
    """What has no figure -> why."""

    def every_failure(self) -> dict[str, str]:
        """What has no figure -> why, of all parts."""
        load = {f"{name}, h2load": reason for name, reason in self.load.failures.items()}
        return self.failures | self.measured.failures | load | self.footprint.failures

    def line(self) -> str:
        """The line of JSON, all turns of everything in it."""
        us: dict[str, dict[str, dict[str, list[float]]]] = {}
        for (workload, name), result in self.measured.results.items():
            us.setdefault(name, {})[workload] = {figure: _short(result.values(figure)) for figure in FIGURES}
        return json.dumps(
            {
                "at": self.at,
                "commit": self.commit,
                "versions": self.versions,
                "codecs_us": {name: _short(values) for name, values in self.codecs.items()},
                "calls_per_cpu_s": {name: _short(values) for name, values in self.load.calls.items()},
                "calls_per_s": {name: _short(values) for name, values in self.load.elapsed.items()},
                "us": us,
                "peaks_mib": {name: _short(values) for name, values in self.measured.peaks_mib.items()},
                "memory_kib": {
                    what: {name: _short(values) for name, values in held.items()}
                    for what, held in self.footprint.memory_kib.items()
                },
                "import_ms": {name: _short(values) for name, values in self.footprint.import_ms.items()},
                "size_mib": {name: round(size, 2) for name, size in self.footprint.size_mib.items()},
                "failures": self.every_failure(),
            }
        )


def _short(values: list[float] | tuple[float, ...]) -> list[float]:
    """With four digits that count, as many as a measurement has."""
    return [float(f"{value:.4g}") for value in values]


def read(line: str) -> Record:
    """The run of a line of the ledger."""
    told: dict[str, Any] = json.loads(line)
    measured = Measured(peaks_mib={name: (server, client) for name, (server, client) in told["peaks_mib"].items()})
    for name, workloads in told["us"].items():
        for workload, figures in workloads.items():
            turns = [Turn(*turn) for turn in zip(*(figures[figure] for figure in FIGURES), strict=True)]
            measured.results[workload, name] = Result(WORKLOADS[workload], name, turns)
    memory = {
        what: {name: (server, client) for name, (server, client) in held.items()}
        for what, held in told["memory_kib"].items()
    }
    return Record(
        told["at"],
        told["commit"],
        told["versions"],
        measured,
        {name: (ours, theirs, ratio) for name, (ours, theirs, ratio) in told["codecs_us"].items()},
        Load(told["calls_per_cpu_s"], told["calls_per_s"]),
        Footprint(memory, told["import_ms"], told["size_mib"]),
        told["failures"],
    )


def new() -> Record:
    """An empty record of now, here."""
    return Record(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), commit(), versions())


def commit() -> str:
    """What is checked out, and whether it was changed; empty where there is no repository."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """What the figures depend on, as far as a name can say it."""
    told = {
        "CPython": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}",
    }
    for name in _LIBRARIES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            told[name] = importlib.metadata.version(name)
    if STACKS["grpc-go"].missing() is None:
        from interop.peers import grpc_go

        told["grpc-go"] = grpc_go.pinned_version(grpc_go.SOURCES)
    return told
