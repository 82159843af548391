"""The layers without I/O of this project, told what to do as the other programs are: see `benchmarks.stacks`.

It has no server and takes no port. An order names one of `WORKS` and says for how long, and the answer has the CPU time
of one operation: {"operations": NUMBER, "cpu_us": MICROSECONDS}.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Final

from benchmarks import bench_engine, bench_hpack

WORKS: Final = ("engine", *bench_hpack.NAMES)


def works() -> dict[str, tuple[Callable[[], object], int]]:
    """A name -> what does some of it, and how many operations that is."""
    made: dict[str, tuple[Callable[[], object], int]] = {"engine": (bench_engine.plait_exchange(), 1)}
    return made | {name: (ours, bench_hpack.LISTS) for name, (_, ours) in bench_hpack.pairs().items()}


def measure(work: Callable[[], object], seconds: float) -> tuple[int, float]:
    """(how often it was done, CPU microseconds of each time)."""
    times = 0
    gc.collect()
    end = time.perf_counter() + seconds
    before = time.process_time()
    while not times or time.perf_counter() < end:
        for _ in range(10):  # So that the clock is no part of what is measured.
            work()
        times += 10
    return times, (time.process_time() - before) / times * 1e6


def main() -> None:
    """Do what the lines of the standard input say."""
    made = works()
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        work, operations = made[order["name"]]
        times, cpu_us = measure(work, order["number"])
        print(json.dumps({"operations": times * operations, "cpu_us": cpu_us / operations}), flush=True)


if __name__ == "__main__":
    main()
