"""How things are timed here: CPU time, in alternation, and the median of the ratios.

Wall time says what else the machine was doing. CPU time says what the code costs; alternating the two sides in short
turns lets both meet the same caches and the same neighbours; the median forgets the turns that went wrong.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable


def cpu_us(operation: Callable[[], object], count: int) -> float:
    """CPU microseconds of one `operation`, over `count` of them."""
    gc.collect()
    start = time.process_time()
    for _ in range(count):
        operation()
    return (time.process_time() - start) / count * 1e6


def compare(
    ours: Callable[[], object], theirs: Callable[[], object], *, ours_count: int, theirs_count: int, turns: int = 7
) -> tuple[float, float, float]:
    """(our µs, their µs, their µs / our µs): medians over alternating turns."""
    cpu_us(ours, ours_count // 4)
    cpu_us(theirs, theirs_count // 4)
    rows = [(cpu_us(ours, ours_count), cpu_us(theirs, theirs_count)) for _ in range(turns)]
    return (
        statistics.median(row[0] for row in rows),
        statistics.median(row[1] for row in rows),
        statistics.median(row[1] / row[0] for row in rows),
    )
