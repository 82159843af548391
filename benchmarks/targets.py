"""What the project wants to reach, as ratios in one run, and whether a run has reached it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.footprint import FIRST_CHANNEL, median_ratio
from benchmarks.record import Record
from benchmarks.workloads import CONNECTIONS, STREAMS

Measure = Callable[[Record, str], float | None]
"""What a run says of a target. The second argument is what pairings have after their names: ", TLS" or nothing."""


@dataclass(frozen=True)
class Target:
    """A ratio to another implementation, at least or at most so high."""

    text: str
    against: str
    limit: float | None
    """None where there is none and the ratio is only told."""
    measure: Measure
    is_most: bool = False
    """Whether less is better."""
    has_tls: bool = True
    """Whether TLS makes a difference to it."""

    @property
    def wanted(self) -> str:
        """The limit as it is written."""
        if self.limit is None:
            return "state it"
        return f"{'at most' if self.is_most else 'at least'} {self.limit:g}x"

    def verdict(self, measured: float) -> str:
        """Whether it is met, and by how much it is missed."""
        if self.limit is None:
            return ""
        if measured <= self.limit if self.is_most else measured >= self.limit:
            return "met"
        if self.is_most:
            return f"over by {measured / self.limit - 1:.0%}"
        return f"short by {1 - measured / self.limit:.0%}"


def _cost(workload: str, ours: str, theirs: str, figure: str = "both_us") -> Measure:
    """How many times as much CPU time theirs takes."""

    def measure(record: Record, tls: str) -> float | None:
        results = record.measured.results
        mine, other = results.get((workload, ours + tls)), results.get((workload, theirs + tls))
        return mine.ratio(other, figure) if mine and other else None

    return measure


def _latency(workload: str, ours: str, theirs: str) -> Measure:
    """Our median time as a share of theirs."""
    return _cost(workload, theirs, ours, "p50_us")


def _load(theirs: str) -> Measure:
    """How many times as many calls our server makes of a CPU-second."""

    def measure(record: Record, tls: str) -> float | None:
        calls = record.load.calls
        if "plait.aio" not in calls or theirs not in calls:
            return None
        return median_ratio(calls[theirs], calls["plait.aio"])

    return measure


def _codec(name: str) -> Measure:
    def measure(record: Record, tls: str) -> float | None:
        return record.codecs[name][2] if name in record.codecs else None

    return measure


def _memory(what: str, end: int) -> Measure:
    """Our memory as a share of theirs."""

    def measure(record: Record, tls: str) -> float | None:
        held = record.footprint.memory_kib.get(what, {})
        return held["plait.aio"][end] / held["grpc.aio"][end] if {"plait.aio", "grpc.aio"} <= held.keys() else None

    return measure


def _import(ours: str, theirs: str) -> Measure:
    def measure(record: Record, tls: str) -> float | None:
        times = record.footprint.import_ms
        return median_ratio(times[theirs], times[ours]) if {ours, theirs} <= times.keys() else None

    return measure


def _least(text: str, limit: float, workload: str, *, sync: bool = False) -> Target:
    ours, theirs = ("plait", "grpc") if sync else ("plait.aio", "grpc.aio")
    return Target(text, theirs, limit, _cost(workload, ours, theirs))


TARGETS: Final = (
    Target("unary 100 B, calls per CPU-second of the server, h2load", "grpc.aio", 12, _load("grpc.aio"), has_tls=False),
    Target("unary 100 B, calls per CPU-second of the server, h2load", "grpclib", 15, _load("grpclib"), has_tls=False),
    _least("unary 100 B end to end, 64 at a time", 8, "unary-64"),
    Target("unary 100 B, p50, one at a time", "grpc.aio", 0.3, _latency("unary", "plait.aio", "grpc.aio"), True),
    _least("messages of 100 B, server stream", 6, "download"),
    _least("messages of 100 B, client stream", 6, "upload"),
    _least("ping-pong of 100 B on one stream", 5, "ping-pong"),
    _least("unary 1 MiB", 1.5, "unary-1m"),
    _least("download of 1 MiB messages", 1.5, "download-1m"),
    _least("upload of 1 MiB messages", 1.5, "upload-1m"),
    Target("blocking unary 100 B, p50, one at a time", "grpc", 0.4, _latency("unary", "plait", "grpc"), True),
    _least("blocking, messages of 100 B, server stream", 4, "download", sync=True),
    _least("blocking, messages of 100 B, client stream", 4, "upload", sync=True),
    Target("engine, unary exchange in memory", "h2", 15, _codec("engine against h2"), has_tls=False),
    *(
        Target(f"HPACK {name}", "hpack", limit, _codec(f"HPACK {name} against hpack"), has_tls=False)
        for name, limit in (
            ("encode, repeated", 20),
            ("decode, repeated", 20),
            ("encode, new values", 4),
            ("decode, new values", 4),
            ("encode, fresh", 4),
            ("decode, fresh", 4),
        )
    ),
    *(
        Target(f"memory per {text}, {end}", "grpc.aio", 0.5, _memory(what, index), True, False)
        for what, text in ((CONNECTIONS, "idle connection"), (STREAMS, "open stream"))
        for index, end in enumerate(("server", "client"))
    ),
    *(
        Target(f"import of the {face} API{more}", theirs, 0.5, _import(ours + more, theirs + more), True, False)
        for more in ("", FIRST_CHANNEL)
        for face, ours, theirs in (("blocking", "grpc_core", "grpc"), ("asyncio", "grpc_core.aio", "grpc.aio"))
    ),
    Target("unary 100 B, calls per CPU-second of the server, h2load", "grpc-go", None, _load("grpc-go"), has_tls=False),
)


def rows(record: Record) -> list[tuple[Target, float | None, float | None]]:
    """(target, what a run has measured, and what over TLS); None where it has not."""
    return [
        (target, target.measure(record, ""), target.measure(record, ", TLS") if target.has_tls else None)
        for target in TARGETS
    ]
