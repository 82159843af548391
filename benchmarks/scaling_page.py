"""What `benchmarks.scaling` makes of its measurements: exponents, findings, docs/scaling.md and its plots."""

from __future__ import annotations

import importlib.util
import math
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.stacks.scaling_face import AUTO

SUPER_LINEAR: Final = 1.15
"""An exponent above this is a finding: twice as much costs more than 2.2 times as much."""
NO_GC: Final = ", no GC"
"""How the title of a curve ends that is measured without garbage collector too."""
OF_OPTIMUM: Final = 0.8
WINDOW_MAX: Final = 1 << 24
"""What windows grow to in gRPC."""


@dataclass
class Curve:
    """CPU time of an operation against something that there is more of.

    `is_shared`: an operation is done for each of them, so all of them together are what must not grow faster than they.
    `is_control`: it says what the machine does by itself, and is no finding.
    """

    subject: str
    title: str
    unit: str
    points: Sequence[int]
    is_shared: bool = False
    turns: dict[int, list[float]] = field(default_factory=dict)
    is_control: bool = False

    def cost_us(self, x: int) -> float:
        """The median of the turns, for one operation."""
        return statistics.median(self.turns[x])

    def _log(self, x: int) -> tuple[float, float]:
        return math.log(x), math.log(self.cost_us(x) * (x if self.is_shared else 1))

    @property
    def exponent(self) -> float:
        """The slope of the line through the logarithms: cost grows with this power. A point at 0 is left out."""
        points = [self._log(x) for x in self.points if x]
        return statistics.linear_regression(*zip(*points, strict=True)).slope if len(points) > 1 else 0.0

    @property
    def last_exponent(self) -> float:
        """The same for the upper half of the points alone, where what does not depend on them no longer counts."""
        points = [self._log(x) for x in self.points if x]
        upper = points[-max(len(points) // 2, 2) :]
        return statistics.linear_regression(*zip(*upper, strict=True)).slope if len(upper) > 1 else 0.0

    @property
    def is_super_linear(self) -> bool:
        """Whether this is a finding."""
        return max(self.exponent, self.last_exponent) > SUPER_LINEAR and not self.is_control


@dataclass(frozen=True)
class Flow:
    """The throughput of one stream: which way, in which window, over what path."""

    to_server: bool
    window: str
    round_trip_s: float
    bytes_per_s: float

    @property
    def window_bytes(self) -> int:
        """The window, or what it may grow to."""
        return WINDOW_MAX if self.window == AUTO else int(self.window)


def optimum(flow: Flow, flows: Sequence[Flow]) -> float:
    """What the window allows, but not more than this machine moves the same way.

    That is what it moves without delay; for a window that grows, what it moves over the same path with the fixed window
    that this one may grow to, because the relay is work for the machine too.
    """
    same_way = [other for other in flows if other.to_server == flow.to_server]
    largest = [
        other.bytes_per_s
        for other in same_way
        if other.window != AUTO and other.window_bytes == WINDOW_MAX and other.round_trip_s == flow.round_trip_s
    ]
    if flow.window == AUTO and largest:
        capacity = largest[0]
    else:
        capacity = max(other.bytes_per_s for other in same_way if not other.round_trip_s)
    return min(flow.window_bytes / flow.round_trip_s, capacity) if flow.round_trip_s else capacity


def findings(curves: Sequence[Curve], flows: Sequence[Flow]) -> list[str]:
    """What is not as it should be."""
    uncollected = {curve.title.removesuffix(NO_GC): curve for curve in curves if curve.title.endswith(NO_GC)}
    found = []
    for curve in curves:
        if curve.is_super_linear:
            found.append(
                f"**Super-linear**: {curve.subject}, {curve.title}: exponent {curve.exponent:.2f}, in the upper half"
                f" {curve.last_exponent:.2f}"
                + (
                    f"; without garbage collector {other.last_exponent:.2f}"
                    if (other := uncollected.get(curve.title))
                    else ""
                )
                + "."
            )
    for flow in flows:
        # Where the window that they begin with is large enough, the figures say how busy the machine was.
        if flow.window == AUTO and flow.round_trip_s >= 0.01:
            share = flow.bytes_per_s / optimum(flow, flows)
            if share < OF_OPTIMUM:
                found.append(
                    f"**Below {OF_OPTIMUM:.0%}**: {_way(flow)} at {flow.round_trip_s * 1e3:g} ms with growing windows:"
                    f" {share:.0%} of the optimum."
                )
    return found


def write(page: Path, curves: Sequence[Curve], flows: Sequence[Flow]) -> list[str]:
    """Write the page, and its plots into the folder `img` beside it. Returns lines for the terminal."""
    has_plots = importlib.util.find_spec("matplotlib") is not None
    if has_plots:
        _plot_all(page.parent / "img" / f"{page.stem}-", curves, flows)
    page.write_text("\n".join(_parts(page, curves, flows, has_plots)))
    lines = [f"{curve.subject:<12} {curve.title:<42} exponent {curve.exponent:.2f}" for curve in curves]
    lines += findings(curves, flows) or ["no findings"]
    return lines + ([] if has_plots else ["no plots: matplotlib is missing (pip install '.[bench]')"])


def _parts(page: Path, curves: Sequence[Curve], flows: Sequence[Flow], has_plots: bool) -> Iterator[str]:
    told = f"CPython {platform.python_version()}, {platform.machine()} with {os.cpu_count()} cores"
    turns = len(next(iter(curves[0].turns.values())))
    yield f"""\
# Scaling

What an operation costs when there is more of everything, and how well long paths are used. Written by `make
bench-scaling`; the figures are from one machine ({told}) and mean little elsewhere, the shapes
mean more.

Costs are CPU microseconds, user and system, of server and client together: `grpc_core.aio` on both sides, each a
process on a core of its own, the default event loop; medians of {turns} turns. The exponent is the slope of the line
through the logarithms, of all points and of the upper half of them: 1 is linear, and above {SUPER_LINEAR} is a finding.
Where an operation is done for each stream or connection, it is that of all of them together.
"""
    found = findings(curves, flows)
    yield "## Findings\n"
    yield ("\n".join(f"- {finding}" for finding in found) if found else _no_findings()) + "\n"
    for subject, title in (
        ("streams", "Concurrent streams"),
        ("connections", "Connections"),
        ("size", "Size of messages"),
        ("fields", "Header fields"),
    ):
        yield f"## {title}\n"
        mine = [curve for curve in curves if curve.subject == subject]
        yield _table(mine)
        yield _REMARKS.get(subject, "")
        if has_plots:
            yield f"![{title}](img/{page.stem}-{subject}.png) ([SVG](img/{page.stem}-{subject}.svg))\n"
    yield _windows(page, flows, has_plots)


_REMARKS: Final = {
    "streams": """\
One call at a time pays for every wake-up of both processes; many share reads, writes and turns of the event loop. What
an operation costs more on thousands of streams is mostly CPython's garbage collector, which looks at all that is alive
again and again: *no GC* is measured without it. With ten thousand messages under way at once, what belongs to them
lives long enough to be taken for old, and when a quarter as much again has come as was old before, all of it is looked
at. A program with that many streams may call `gc.freeze()` when it has started, and raise the thresholds of
`gc.set_threshold`.
""",
    "connections": """\
A call on each in turn shares nothing with its neighbours: every one of them has its reads, its writes and its wake-ups.
""",
    "size": """\
*One copy* is the machine's own curve: memory that is there, copied to memory that is there. Beyond its caches each
octet costs several times as much, and every message is copied a few times: by the kernel, out of the buffer and into
one piece. What is free of the heap is kept for messages as large as those that come (`http2.heap`); with pages that
come anew, a call of 4 MiB took 2.5 times as long.
""",
    "fields": """\
Fields that repeat are cheap as long as HPACK's table holds them, with 4,096 octets some 80 of them. Those that stand
behind them in a longer list are literals, and do not push the first ones out: so the table stays as it is, and the
block as a whole is one that both ends know. The encoder has seen a few requests before it is measured, so that it knows
which values come again. (gRPC takes up to 256 fields.)
""",
}


def _no_findings() -> str:
    return f"None: nothing is super-linear, and growing windows reach {OF_OPTIMUM:.0%} of the optimum or more."


def _table(curves: Sequence[Curve]) -> str:
    """A row for each point, a column for each curve, and the exponents."""
    rows = [
        f"| {curves[0].unit} | " + " | ".join(f"µs: {curve.title}" for curve in curves) + " |",
        "|---|" + "---|" * len(curves),
    ]
    for x in curves[0].points:
        rows.append(f"| {x:,} | " + " | ".join(f"{curve.cost_us(x):,.1f}" for curve in curves) + " |")
    exponents = (f"{curve.exponent:.2f}, {curve.last_exponent:.2f}" for curve in curves)
    rows.append("| exponent: all, upper half | " + " | ".join(exponents) + " |")
    return "\n".join(rows) + "\n"


def _way(flow: Flow) -> str:
    return "upload" if flow.to_server else "download"


def _name(window: str) -> str:
    if window == AUTO:
        return "growing"
    return f"{int(window) >> 20} MiB" if int(window) >= 1 << 20 else f"{int(window) >> 10} KiB"


def _windows(page: Path, flows: Sequence[Flow], has_plots: bool) -> str:
    """The section on windows and round trips."""
    times = sorted({flow.round_trip_s for flow in flows})
    windows = list(dict.fromkeys(flow.window for flow in flows))
    parts = [
        """\
## Windows and round trips

One stream, in MB/s, the better of two turns; in brackets the share of the optimum, which is the window in each round
trip, but not more than the machine moves in this direction without a delay; for growing windows, not more than it moves
over the same path with a window that has 16 MiB from the beginning. Between client and server is a relay in user space,
because the kernel at hand has no netem: `benchmarks/relay.py` has latency and nothing else, no limit of bandwidth, no
loss, and TCP's own windows end at it. *Growing* windows begin at 1 MiB and may become 16 MiB
([how](http2.md#windows-that-grow)); they are measured when 14 round trips have passed.
`tests/grpc_core/test_bandwidth_delay.py` shows the same in virtual time, where no machine is the limit: at 50 ms,
growing windows give the whole optimum of 335 MB/s.

A window of fixed size stays below its optimum for two reasons. It is announced in parts, and what lies unannounced
between two bursts is missing from it. And while a burst is worked on, which at these speeds takes as long as a short
round trip, nothing is under way.
"""
    ]
    for to_server in (False, True):
        mine = {(flow.window, flow.round_trip_s): flow for flow in flows if flow.to_server == to_server}
        rows = [
            f"| {'upload' if to_server else 'download'}, window | "
            + " | ".join(f"{time * 1e3:g} ms" if time else "no delay" for time in times)
            + " |",
            "|---|" + "---|" * len(times),
        ]
        for window in windows:
            cells = []
            for time in times:
                flow = mine[window, time]
                share = f" ({flow.bytes_per_s / optimum(flow, flows):.0%})" if time else ""
                cells.append(f"{flow.bytes_per_s / 1e6:.1f}{share}")
            rows.append(f"| {_name(window)} | " + " | ".join(cells) + " |")
        parts.append("\n".join(rows) + "\n")
    if has_plots:
        parts.append(f"![Windows and round trips](img/{page.stem}-windows.png) ([SVG](img/{page.stem}-windows.svg))\n")
    return "\n".join(parts)


# -- plots -------------------------------------------------------------------------------------------------------------


def _plot_all(prefix: Path, curves: Sequence[Curve], flows: Sequence[Flow]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "plait"
    from matplotlib import pyplot as plt

    prefix.parent.mkdir(exist_ok=True)
    for subject in dict.fromkeys(curve.subject for curve in curves):
        figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
        for curve in curves:
            if curve.subject == subject:
                _plot_curve(axes, curve)
        axes.set_ylim(bottom=0.1 if subject in ("size", "fields") else 0)
        axes.set_ylabel("CPU µs for each operation")
        axes.legend()
        axes.grid(alpha=0.3)
        _save(figure, f"{prefix}{subject}")
    figure, both = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained", sharey=True)
    for to_server, axes in zip((False, True), both, strict=True):
        _plot_flows(axes, [flow for flow in flows if flow.to_server == to_server])
    both[0].set_ylabel("MB/s")
    _save(figure, f"{prefix}windows")
    plt.close("all")


def _plot_curve(axes: Any, curve: Curve) -> None:
    points = [x for x in curve.points if x]
    median = [curve.cost_us(x) for x in points]
    label = f"{curve.title} (exponent {curve.exponent:.2f})"
    (line,) = axes.plot(points, median, marker="o", label=label)
    turns = [curve.turns[x] for x in points]
    axes.fill_between(points, [min(t) for t in turns], [max(t) for t in turns], color=line.get_color(), alpha=0.2)
    axes.set_xscale("log")
    axes.set_xlabel(curve.unit)
    if not curve.is_shared:
        axes.set_yscale("log")


def _plot_flows(axes: Any, flows: Sequence[Flow]) -> None:
    for window in dict.fromkeys(flow.window for flow in flows):
        mine = [flow for flow in flows if flow.window == window and flow.round_trip_s]
        times = [flow.round_trip_s * 1e3 for flow in mine]
        width = 3 if window == AUTO else 1.2
        (line,) = axes.plot(
            times, [flow.bytes_per_s / 1e6 for flow in mine], marker="o", linewidth=width, label=_name(window)
        )
        if window != AUTO:
            best = [flow.window_bytes / flow.round_trip_s / 1e6 for flow in mine]
            axes.plot(times, best, linestyle=":", color=line.get_color(), linewidth=1)
    capacity = max(flow.bytes_per_s for flow in flows if not flow.round_trip_s) / 1e6
    axes.axhline(capacity, color="grey", linestyle="--", linewidth=1, label="without delay")
    axes.set(xscale="log", yscale="log", xlabel="round-trip time in ms; dotted: window / round trip", ylim=(0.3, 2_000))
    axes.set_title("upload" if flows[0].to_server else "download")
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)


def _save(figure: Any, path: str) -> None:
    figure.savefig(f"{path}.png", dpi=110)
    figure.savefig(f"{path}.svg", metadata={"Date": None})
