"""What one unary call costs, file by file: each end is profiled in turn, in a process of its own.

    python -m benchmarks.anatomy [--workload unary-64] [--seconds 2]

The profiler makes everything slower, small functions most. So it only says how the time is divided; the microseconds
are that share of what a call costs without a profiler, measured in the same run. What functions in C take counts where
they are called, system calls by themselves.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import pstats
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import grpc_core as grpc
from benchmarks.harness import cpu_s
from benchmarks.stacks import asyncio_face
from benchmarks.stacks.command import Options
from benchmarks.workloads import WORKLOADS
from grpc_core import aio

ROOT: Final = Path(__file__).parents[1]
SYSTEM_CALLS: Final = {
    "<method 'send' of '_socket.socket' objects>": "send",
    "<method 'recv_into' of '_socket.socket' objects>": "recv",
    "<method 'poll' of 'select.epoll' objects>": "epoll_wait",
}
LOOP: Final = "asyncio"
PROGRAM: Final = "the program: handler or caller"
ROWS_MAX: Final = 16


@dataclass
class Anatomy:
    """One end of a call: (calls of Python functions, share of the time) by file, and what was counted by name."""

    calls: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    shares: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    counts: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def hits(self, lookups: str, misses: str) -> float:
        """The share of lookups in a cache that found something."""
        return 1 - self.counts[misses] / self.counts[lookups] if self.counts[lookups] else 0.0


def place(file: str) -> str:
    """Where a function belongs: a file of ours, the event loop with what it is built of, or the program."""
    path = Path(file)
    if path.is_relative_to(ROOT / "benchmarks") or not path.is_absolute():
        return PROGRAM
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else LOOP


def dissect(stats: dict[Any, Any], operations: int) -> Anatomy:
    """The entries of a profile (`pstats.Stats.stats`), for each of so many operations."""
    anatomy = Anatomy()
    seconds: dict[str, float] = defaultdict(float)
    for (file, _, name), (_, calls, own_s, _, callers) in stats.items():
        anatomy.counts[f"{Path(file).name}:{name}" if file != "~" else name] += calls / operations
        if file != "~":
            anatomy.calls[place(file)] += calls / operations
            seconds[place(file)] += own_s
        elif name in SYSTEM_CALLS:
            seconds[SYSTEM_CALLS[name]] += own_s
            anatomy.calls[SYSTEM_CALLS[name]] += calls / operations
        else:
            for (caller, *_), (_, _, its_s, _) in callers.items():
                seconds[place(caller) if caller != "~" else LOOP] += its_s
    del seconds["epoll_wait"]  # most of it is waiting
    total = sum(seconds.values())
    for where, spent in seconds.items():
        anatomy.shares[where] = spent / total
    return anatomy


# -- the two processes -------------------------------------------------------------------------------------------------


async def _serve(profiles: bool) -> None:
    """Serve; with `profiles`, between two lines of the standard input, and tell what was seen."""
    told = Options(role="server", port="0", tls=None)
    serving = asyncio.ensure_future(asyncio_face.serve(grpc, aio, told))
    profile = cProfile.Profile()
    for begins in (True, False):
        await asyncio.to_thread(sys.stdin.readline)
        if profiles:
            profile.enable() if begins else profile.disable()
    serving.cancel()
    _tell(profile if profiles else None)


async def _call(port: str, workload: str, seconds: float, profiles: bool) -> None:
    """Make calls, and tell how many; with `profiles`, what was seen too."""
    connect = partial(aio.insecure_channel, f"127.0.0.1:{port}")
    async with connect() as channel:
        await asyncio_face.Client(connect, channel, WORKLOADS[workload], 0.2).run()
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        client = asyncio_face.Client(connect, channel, WORKLOADS[workload], seconds)
        profile = cProfile.Profile()
        if profiles:
            profile.enable()
        await client.run()
        profile.disable()
        print(client.operations, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    _tell(profile if profiles else None)


def _tell(profile: cProfile.Profile | None) -> None:
    entries: list[Any] = []
    if profile is not None:
        stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]  # what it is made for, and not in its stub
        entries = [
            [list(key), [*value[:4], [[list(caller), list(its)] for caller, its in value[4].items()]]]
            for key, value in stats.items()
        ]
    print(json.dumps(entries), flush=True)


def _entries(line: str) -> dict[Any, Any]:
    return {
        tuple(key): (*value[:4], {tuple(caller): tuple(its) for caller, its in value[4]})
        for key, value in json.loads(line)
    }


def run(workload: str, seconds: float, profiled: str) -> tuple[Anatomy | None, tuple[float, float]]:
    """The anatomy of that end ("server", "client" or "" for none), and what server and client cost, in microseconds."""
    command = [sys.executable, "-m", "benchmarks.anatomy", "--workload", workload, "--seconds", str(seconds)]
    pipe = subprocess.PIPE

    def start(role: str, *more: str) -> subprocess.Popen[str]:
        wanted = ["--profiles"] if role == profiled else []
        return subprocess.Popen([*command, "--role", role, *more, *wanted], stdin=pipe, stdout=pipe, text=True)

    with start("server") as server:
        port = _line(server)
        with start("client", "--port", port) as client:
            _line(client)
            _order(server)
            before = cpu_s(server.pid), cpu_s(client.pid)
            _order(client)
            operations = int(_line(client))
            costs = (cpu_s(server.pid) - before[0], cpu_s(client.pid) - before[1])
            _order(server)
            _order(client)
            seen = {"server": _line(server), "client": _line(client)}
    anatomy = dissect(_entries(seen[profiled]), operations) if profiled else None
    return anatomy, (costs[0] / operations * 1e6, costs[1] / operations * 1e6)


def _order(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a process has ended before it was told to")
    return line.strip()


# -- the table ---------------------------------------------------------------------------------------------------------


def table(end: str, anatomy: Anatomy, cost_us: float) -> Iterator[str]:
    """The lines of one end's table, in Markdown, and what was counted beside."""
    yield f"### {end}: {cost_us:.1f} µs\n"
    yield "| where | Python calls | µs | share |\n|---|---|---|---|"
    rows = sorted(anatomy.shares.items(), key=lambda row: -row[1])
    for where, share in rows[:ROWS_MAX]:
        yield f"| {where} | {anatomy.calls[where]:.2f} | {share * cost_us:.2f} | {share:.1%} |"
    rest = rows[ROWS_MAX:]
    calls, share = sum(anatomy.calls[where] for where, _ in rest), sum(share for _, share in rest)
    yield f"| {len(rest)} more | {calls:.2f} | {share * cost_us:.2f} | {share:.1%} |"
    yield (
        f"\nBlocks decoded: {anatomy.counts['decoder.py:decode']:.2f} for each call, of which"
        f" {anatomy.hits('decoder.py:decode', 'decoder.py:_execute'):.1%} were known. Blocks encoded:"
        f" {anatomy.counts['encoder.py:encode']:.2f}, {anatomy.hits('encoder.py:encode', 'encoder.py:_compose'):.1%}"
        f" known. Writes: {anatomy.calls['send']:.3f}; reads: {anatomy.calls['recv']:.3f}; waits for events:"
        f" {anatomy.calls['epoll_wait']:.3f}.\n"
    )


def main(arguments: list[str] | None = None) -> None:
    """Print the tables; or, for another process of this program, be an end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anatomy", description="what one call costs")
    parser.add_argument("--workload", default="unary-64", choices=WORKLOADS)
    parser.add_argument("--seconds", type=float, default=2.0)
    for hidden in ("--role", "--port"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--profiles", action="store_true", help=argparse.SUPPRESS)
    told = parser.parse_args(arguments)
    if told.role == "server":
        asyncio.run(_serve(told.profiles))
    elif told.role == "client":
        asyncio.run(_call(told.port, told.workload, told.seconds, told.profiles))
    else:
        _, costs = run(told.workload, told.seconds, "")
        for end, cost_us in zip(("server", "client"), costs, strict=True):
            anatomy, _ = run(told.workload, told.seconds, end)
            assert anatomy is not None
            print("\n".join(table(end, anatomy, cost_us)))


if __name__ == "__main__":
    main()
