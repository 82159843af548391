"""`make bench-compare BASE=REV`: what is checked out here against another commit, side by side in one run.

    python -m benchmarks.compare BASE [--only WORKLOAD ...] [--seconds S] [--turns N]

The other commit is laid out in a temporary folder, with the benchmarks of here, so that both do the same. Both take
turns with everything; a ratio is the median over the turns, and beside it stands how far the quartiles are apart. What
is not committed here is measured too.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks import bench_server
from benchmarks.harness import PATIENCE_S, Measured, Program, StackFailed, measure, spread
from benchmarks.progress import Progress
from benchmarks.stacks import STACKS, Pairing
from benchmarks.stacks.codec_face import WORKS
from benchmarks.workloads import WORKLOADS

FACES: Final = ("plait.aio", "plait")
DEFAULT: Final = ("unary", "unary-64", "download", "upload", "ping-pong", "unary-1m", "download-1m", "upload-1m")
"""The workloads that are measured unless others are named."""
_BASE: Final = " of before"


@dataclass(frozen=True)
class Row:
    """One thing that was measured on both sides, turn by turn. Less is better."""

    what: str
    before: list[float]
    after: list[float]

    def line(self) -> str:
        """Both medians, and how many times as much it was before."""
        ratios = [was / now for was, now in zip(self.before, self.after, strict=True)]
        medians = [statistics.median(values) for values in (self.before, self.after)]
        return (
            f"{self.what:<34} {medians[0]:10.2f} {medians[1]:10.2f} {statistics.median(ratios):8.3f}x"
            f"   spread {spread(ratios):.1%}"
        )


class NoSuchCommit(Exception):
    """Git does not know it. The text is what it says."""


@contextlib.contextmanager
def laid_out(base: str) -> Iterator[Path]:
    """A folder with the sources of a commit and the benchmarks of here. Raises NoSuchCommit."""
    done = subprocess.run(["git", "archive", base], capture_output=True, check=False)
    if done.returncode != 0:
        raise NoSuchCommit(done.stderr.decode(errors="replace").strip())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        shutil.rmtree(folder / "benchmarks", ignore_errors=True)
        shutil.copytree("benchmarks", folder / "benchmarks", ignore=shutil.ignore_patterns("__pycache__"))
        yield folder


def codecs(folder: Path, turns: int, seconds: float, progress: Progress) -> list[Row]:
    """The engine and HPACK, in a process of each side."""
    core = sorted(os.sched_getaffinity(0))[-1]
    rows = {name: Row(f"{name}, µs", [], []) for name in WORKS}
    with contextlib.ExitStack() as exits:
        command = [sys.executable, "-m", "benchmarks.stacks.codec_face"]
        sides = [Program(command, core, exits, where) for where in (folder, None)]
        for turn in range(turns + 1):
            for name, row in rows.items():
                for side, values in zip(sides, (row.before, row.after), strict=True):
                    progress.step(seconds, name)
                    side.say(json.dumps({"name": name, "number": seconds}))
                    told = json.loads(side.hear(seconds + PATIENCE_S))
                    if turn:
                        values.append(told["cpu_us"])
    return list(rows.values())


def _pairings(folder: Path) -> list[Pairing]:
    pairings = []
    for name in FACES:
        now = STACKS[name]
        was = replace(now, name=now.name + _BASE, folder=folder)
        pairings += [Pairing(was, was), Pairing(now, now)]
    return pairings


def servers(folder: Path, turns: int, seconds: float, progress: Progress) -> list[Row]:
    """The servers under h2load. Raises StackFailed when one of them fails."""
    load = bench_server.run(_pairings(folder), turns=turns, seconds=seconds, progress=progress)
    if load.failures:
        raise StackFailed("; ".join(f"{name}: {reason}" for name, reason in load.failures.items()))
    costs = {name: [1e6 / calls for calls in values] for name, values in load.calls.items()}
    return [Row(f"{name}, server under h2load, µs", costs[name + _BASE], costs[name]) for name in FACES]


def rows_of(measured: Measured) -> Iterator[Row]:
    """What the stacks need for each operation, both ends, and the median time where that can be told."""
    for (workload, name), now in measured.results.items():
        was = measured.results.get((workload, name + _BASE))
        if was is None:
            continue
        for figure, text in (("server_us", "server"), ("client_us", "client"), ("p50_us", "p50")):
            if figure != "p50_us" or now.workload.has_latency:
                yield Row(f"{name} {workload}, {text}, µs", was.values(figure), now.values(figure))


def main(arguments: list[str] | None = None) -> int:
    """Print the ratios."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description="measure what is checked out against another commit"
    )
    parser.add_argument("base", help="the other commit, as git knows it")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=DEFAULT, metavar="WORKLOAD", help="only these")
    parser.add_argument("--seconds", type=float, default=0.4, help="how long a turn takes (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="how many turns each side has (default: %(default)s)")
    options = parser.parse_args(arguments)
    turns, seconds = options.turns, options.seconds
    codec_s = min(seconds, 0.2)
    workloads = [WORKLOADS[name] for name in options.only]
    sides = 2 * len(FACES)
    progress = Progress(
        2 * len(WORKS) * codec_s * (turns + 1)
        + sides * turns * seconds
        + sides * len(workloads) * seconds * (turns + 1)
    )
    print(f"µs before ({options.base}) and now; above 1x is faster than before\n")
    try:
        with laid_out(options.base) as folder:
            _print(codecs(folder, turns, codec_s, progress), progress)
            if (lacking := bench_server.missing()) is None:
                _print(servers(folder, turns, seconds, progress), progress)
            else:
                print(f"no server under load: {lacking}")
            measured = measure(_pairings(folder), workloads, turns=turns, seconds=seconds, progress=progress)
            _print(list(rows_of(measured)), progress)
    except (NoSuchCommit, StackFailed) as problem:
        progress.clear()
        print(f"{parser.prog}: {problem}", file=sys.stderr)
        return 1
    for name, reason in measured.failures.items():
        print(f"not measured: {name}: {reason}")
    return 1 if measured.failures else 0


def _print(rows: list[Row], progress: Progress) -> None:
    progress.clear()
    print("\n".join(row.line() for row in rows), flush=True)


if __name__ == "__main__":
    sys.exit(main())
