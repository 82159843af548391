"""The plots of docs/performance.md, each as PNG and as SVG. They need matplotlib."""

from __future__ import annotations

import importlib.util
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks import targets
from benchmarks.record import Record
from benchmarks.stacks import ALONE
from benchmarks.workloads import CONNECTIONS, STREAMS, WORKLOADS

FOLDER: Final = Path("docs/img")
OURS: Final = "#1f6f8b"
THEIRS: Final = "#b0b7bd"
MET: Final = "#1f6f8b"
MISSED: Final = "#c0552d"
CLIENT: Final = "#e0a458"

_STYLE: Final[dict[Any, Any]] = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "svg.hashsalt": "plait",
    "figure.constrained_layout.use": True,
}


def missing() -> str | None:
    """What is needed and this machine lacks."""
    return None if importlib.util.find_spec("matplotlib") else "matplotlib is missing"


def write(record: Record, folder: Path = FOLDER) -> list[Path]:
    """Draw all plots for which there are figures; their files."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, draw in _PLOTS.items():
        with pyplot.rc_context(_STYLE):
            figure = draw(record, pyplot)
            if figure is None:
                continue
            told = f"commit {record.commit}, CPython {record.versions['CPython']}"
            figure.supxlabel(told, fontsize=8, color="#777777")
            for kind in ("png", "svg"):
                file = folder / f"performance-{name}.{kind}"
                # Without a date in it, the same figures are the same file.
                figure.savefig(file, dpi=130, metadata={"Date": None} if kind == "svg" else None)
                files.append(file)
            pyplot.close(figure)
    return files


def _targets(record: Record, pyplot: Any) -> Any:
    """A bar for each target: how much of it is reached, on a logarithmic scale around "reached"."""
    rows = [
        (target, measured, target.limit / measured if target.is_most else measured / target.limit)
        for target, measured, _ in targets.rows(record)
        if measured is not None and target.limit is not None
    ]
    if not rows:
        return None
    rows.reverse()
    figure, axes = pyplot.subplots(figsize=(10, 0.34 * len(rows) + 1.2))
    colors = [MET if share >= 1 else MISSED for _, _, share in rows]
    axes.barh(range(len(rows)), [share - 1 for _, _, share in rows], left=1, color=colors, height=0.7)
    axes.set_xscale("log")
    axes.axvline(1, color="#333333", linewidth=1)
    axes.set_yticks(range(len(rows)), [f"{target.text}  ({target.against})" for target, _, _ in rows])
    lowest, highest = min(share for *_, share in rows), max(share for *_, share in rows)
    for place, (target, measured, share) in enumerate(rows):
        text = f"{measured:.2f}x, wanted {target.limit:g}x"
        axes.annotate(text, (max(share, 1), place), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_xticks([0.25, 0.5, 1, 2, 4, 8, 16], ["¼", "½", "1", "2", "4", "8", "16"])
    axes.minorticks_off()
    axes.set_xlim(min(lowest, 0.8) / 1.2, max(highest, 1.25) * 2.5)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xlabel("measured, as a multiple of the target (beyond the line: met)")
    axes.set_title("Targets")
    return figure


def _server(record: Record, pyplot: Any) -> Any:
    """A bar for each server: calls per CPU-second."""
    calls = {name: statistics.median(values) for name, values in record.load.calls.items()}
    if not calls:
        return None
    names = sorted(calls, key=lambda name: calls[name])
    figure, axes = pyplot.subplots(figsize=(8, 0.45 * len(names) + 1.4))
    bars = axes.barh(names, [calls[name] for name in names], color=[_color(name) for name in names])
    axes.bar_label(bars, [f"{calls[name]:,.0f}" for name in names], padding=4, fontsize=9)
    axes.margins(x=0.12)
    axes.set_xlabel("calls per CPU-second")
    axes.set_title("Server alone: unary calls of 100 B under h2load")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    return figure


def _cost(record: Record, pyplot: Any) -> Any:
    """A panel for each workload, a bar for each stack: CPU time of the server and of the client."""
    results = record.measured.results
    names = [pairing.name for pairing in reversed(ALONE)]
    workloads = [workload for workload in WORKLOADS.values() if any((workload.name, name) in results for name in names)]
    if not workloads:
        return None
    columns = 3
    lines = -(-len(workloads) // columns)
    figure, panels = pyplot.subplots(lines, columns, figsize=(12, 2.5 * lines + 0.6), squeeze=False)
    for panel in panels.flat[len(workloads) :]:
        panel.remove()
    for workload, axes in zip(workloads, panels.flat, strict=False):
        here = [name for name in names if (workload.name, name) in results]
        servers = [results[workload.name, name].median("server_us") for name in here]
        clients = [results[workload.name, name].median("client_us") for name in here]
        axes.barh(here, servers, color=OURS, label="server")
        axes.barh(here, clients, left=servers, color=CLIENT, label="client")
        sums = [server + client for server, client in zip(servers, clients, strict=True)]
        for place, total in enumerate(sums):
            axes.annotate(
                f"{total:,.0f}" if total >= 20 else f"{total:.1f}",
                (total, place),
                xytext=(3, 0),
                textcoords="offset points",
                va="center",
                fontsize=7.5,
            )
        axes.margins(x=0.2)
        axes.tick_params(labelsize=8)
        axes.locator_params(axis="x", nbins=4)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:g}")
        axes.set_title(workload.text, fontsize=9)
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=2, frameon=False)
    figure.suptitle("CPU microseconds of one operation (less is better)", x=0.01, ha="left", fontsize=11)
    return figure


def _memory(record: Record, pyplot: Any) -> Any:
    """Two panels: KiB of each open stream and of each idle connection, of server and client."""
    held = record.footprint.memory_kib
    panels = [
        (text, held[what])
        for what, text in ((STREAMS, "an open stream"), (CONNECTIONS, "an idle connection"))
        if held.get(what)
    ]
    if not panels:
        return None
    figure, all_axes = pyplot.subplots(1, len(panels), figsize=(10, 3.4), squeeze=False)
    for (text, values), axes in zip(panels, all_axes.flat, strict=True):
        names = list(reversed(values))
        for offset, end, color, label in ((0.2, 0, OURS, "server"), (-0.2, 1, CLIENT, "client")):
            places = [place + offset for place in range(len(names))]
            bars = axes.barh(places, [values[name][end] for name in names], height=0.38, color=color, label=label)
            axes.bar_label(bars, [f"{values[name][end]:.1f}" for name in names], padding=3, fontsize=8)
        axes.set_yticks(range(len(names)), names)
        axes.margins(x=0.15)
        axes.set_xlabel("KiB")
        axes.set_title(f"Memory of {text}")
    all_axes.flat[0].legend(frameon=False, loc="lower right")
    return figure


def _color(name: str) -> str:
    return OURS if name.startswith("plait") else THEIRS


_PLOTS: Final[dict[str, Callable[[Record, Any], Any]]] = {
    "targets": _targets,
    "server": _server,
    "cost": _cost,
    "memory": _memory,
}
