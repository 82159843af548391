"""`make bench`: the ratios of this project against what else there is, in about a minute."""

from __future__ import annotations

import platform
import sys

from benchmarks import bench_engine, bench_hpack, bench_server


def main() -> int:
    """Print the table of ratios; a part that cannot run says what it needs."""
    print(f"CPython {platform.python_version()}, {platform.machine()}; CPU time, medians of alternating turns\n")
    ours, theirs, ratio = bench_engine.run()
    print(f"engine   in-memory unary exchange, against h2         {ours:8.1f} µs    {theirs:8.1f} µs   {ratio:6.1f}x")
    for name, value in bench_hpack.ratios().items():
        print(f"hpack    {name + ', against hpack':<47}                           {value:6.1f}x")
    lacking = bench_server.missing()
    if lacking is not None:
        print(f"server   not measured: {lacking} is missing")
        return 0
    ours, theirs, ratio = bench_server.run()
    print(f"server   unary calls per CPU-second, against grpc.aio {ours:8.0f}/s    {theirs:8.0f}/s    {ratio:6.1f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
