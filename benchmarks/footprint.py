"""What a stack takes when it does nothing: memory per open stream and idle connection, time to import, octets on disk.

Memory is what a process has to itself (proc(5), Private_Clean and Private_Dirty of smaps_rollup): what it grew by while
its client opened so many streams or connections, divided by how many. Some are opened before it counts, so that pools
and tables that grow once do not. The kernel's buffers for a socket are in no process and not in the figure.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.harness import StackFailed, running
from benchmarks.progress import Progress
from benchmarks.stacks import ALONE, Pairing
from benchmarks.workloads import CONNECTIONS, STREAMS, WORKLOADS

NUMBERS: Final = {STREAMS: 10_000, CONNECTIONS: 1_000}
FIRST: Final = 100
"""How many are opened before it counts."""
_PATIENCE_S: Final = 60.0
_HOLD_S: Final = 3.0
"""About how long one takes, for the progress bar."""

IMPORTS: Final = ("grpc_core", "grpc_core.aio", "grpc", "grpc.aio", "grpclib.client", "connectrpc.client")
FIRST_CHANNEL: Final = ", first channel"
"""Follows a module in the name of what is measured when a channel is made, too, and closed."""
CHANNELS: Final = tuple(module + FIRST_CHANNEL for module in ("grpc_core", "grpc_core.aio", "grpc", "grpc.aio"))
DISTRIBUTIONS: Final = {
    "grpcio": ("grpcio", "typing_extensions"),
    "grpclib": ("grpclib", "h2", "hpack", "hyperframe", "multidict"),
    "connectrpc": ("connectrpc", "pyqwest", "protobuf-py", "protobuf-py-ext", "typing_extensions"),
}
"""A library, and what is installed with it. Plait's packages lie in this repository, and are counted there."""


@dataclass
class Footprint:
    """What was measured."""

    memory_kib: dict[str, dict[str, tuple[float, float]]] = field(default_factory=dict)
    """What is held -> a pairing -> KiB for each, of the server and of the client."""
    import_ms: dict[str, list[float]] = field(default_factory=dict)
    """A module, or one and its first channel -> CPU milliseconds that takes, turn by turn."""
    size_mib: dict[str, float] = field(default_factory=dict)
    """A library -> MiB of its files, with what it needs."""
    failures: dict[str, str] = field(default_factory=dict)


def own_kib(pid: int) -> float:
    """The memory that a process shares with no other, in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return float(sum(int(line.split()[1]) for line in lines if line.startswith(("Private_Clean:", "Private_Dirty:"))))


def held(pairing: Pairing, what: str, number: int) -> tuple[float, float]:
    """KiB for each of so many, of the server and of the client. Raises StackFailed."""
    if (lacking := pairing.missing()) is not None:
        raise StackFailed(lacking)
    with running(pairing) as bench:
        processes = bench.server, bench.client
        bench.turn(WORKLOADS["unary"], 0.05)
        bench.order(what, FIRST, _PATIENCE_S)
        before = [own_kib(process.pid) for process in processes]
        bench.order(what, number, _PATIENCE_S)
        server_kib, client_kib = (
            (own_kib(each.pid) - was) / number for each, was in zip(processes, before, strict=True)
        )
    return server_kib, client_kib


def import_cpu_ms(statement: str) -> float:
    """CPU milliseconds of an interpreter that runs a statement and ends.

    It keeps its bytecode, as that of installed packages is kept: else what is measured is the compiler.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", statement]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise StackFailed(f"{statement}: exit status {process.returncode}")
    return (usage.ru_utime + usage.ru_stime) * 1e3


def imports(turns: int, progress: Progress, names: Sequence[str] = (*IMPORTS, *CHANNELS)) -> dict[str, list[float]]:
    """A name -> what that adds to an interpreter's CPU time, turn by turn; absent modules are left out."""
    statements = {name: _statement(name) for name in names if importlib.util.find_spec(re.split("[.,]", name)[0])}
    times: dict[str, list[float]] = {name: [] for name in statements}
    for turn in range(turns + 1):
        progress.step(0.15 * len(statements), "imports")
        empty_ms = import_cpu_ms("pass")
        for name, statement in statements.items():
            took_ms = import_cpu_ms(statement) - empty_ms
            if turn:  # The first only fills the disk's cache, and writes bytecode.
                times[name].append(took_ms)
    return times


def _statement(name: str) -> str:
    module = name.removesuffix(FIRST_CHANNEL)
    if module == name:
        return f"import {module}"
    if not module.endswith(".aio"):
        return f"import {module} as grpc; grpc.insecure_channel('127.0.0.1:1').close()"
    return (
        f"import asyncio, {module} as aio\n"
        "async def main(): await aio.insecure_channel('127.0.0.1:1').close()\n"
        "asyncio.run(main())"
    )


def sizes() -> dict[str, float]:
    """A library -> MiB of its files, without compiled bytecode; absent ones are left out."""
    told = {"plait": sum(_octets(Path(name).rglob("*")) for name in ("hpack_codec", "http2", "grpc_core"))}
    told["plait with protobuf"] = told["plait"] + _installed("protobuf")
    for library, distributions in DISTRIBUTIONS.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            importlib.metadata.version(library)
            told[library] = sum(_installed(name) for name in distributions)
    return {library: octets / 2**20 for library, octets in told.items()}


def _octets(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths if path.is_file() and path.suffix != ".pyc")


def _installed(distribution: str) -> int:
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        return 0
    return _octets(Path(str(file.locate())) for file in files)


def _holds(pairings: Iterable[Pairing]) -> Iterator[tuple[str, Pairing]]:
    for what in NUMBERS:
        for pairing in pairings:
            if pairing.can(what):
                yield what, pairing


def duration_s(turns: int) -> float:
    """About how long `run` takes, for the progress bar."""
    return _HOLD_S * len(list(_holds(ALONE))) + 0.15 * len((*IMPORTS, *CHANNELS)) * (turns + 1)


def run(*, turns: int, progress: Progress | None = None, numbers: dict[str, int] | None = None) -> Footprint:
    """Everything that this module measures; what fails is named with the reason."""
    progress = progress or Progress(0.0)
    told = Footprint()
    for what, pairing in _holds(ALONE):
        progress.step(_HOLD_S, f"{what}, {pairing.name}")
        try:
            told.memory_kib.setdefault(what, {})[pairing.name] = held(pairing, what, (numbers or NUMBERS)[what])
        except StackFailed as failure:
            told.failures[f"{pairing.name}, {what}"] = str(failure)
    told.import_ms = imports(turns, progress)
    told.size_mib = sizes()
    return told


def median_ratio(ours: list[float], theirs: list[float]) -> float:
    """How many times as much the others took: the median over the turns."""
    return statistics.median([them / us for us, them in zip(ours, theirs, strict=True)])
