"""Unary gRPC calls per CPU-second of each stack's server, under h2load (nghttp2), which is in C.

Each server is a process on one core, the load on another; all servers take turns. The request is 105 octets of DATA,
the handler returns what it got. h2load speaks no gRPC but counts a response as good only with status 200; that calls
succeed is checked with the stack's own client first.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from benchmarks.harness import Bench, StackFailed, cpu_s, running
from benchmarks.progress import Progress
from benchmarks.stacks import ALONE, Pairing
from benchmarks.workloads import WORKLOADS

MESSAGE: Final = b"\0\0\0\0\x64" + b"x" * 100
CONNECTIONS: Final = 4
STREAMS: Final = 16
_FIRST_CALLS: Final = 1000
"""How many calls tell how many fill the time."""
_PATIENCE_S: Final = 60.0


@dataclass
class Load:
    """What the servers did under load."""

    calls: dict[str, list[float]] = field(default_factory=dict)
    """A stack -> its calls per CPU-second, turn by turn."""
    elapsed: dict[str, list[float]] = field(default_factory=dict)
    """A stack -> its calls per second of wall time, on one core."""
    failures: dict[str, str] = field(default_factory=dict)


def missing() -> str | None:
    """What this benchmark needs and this machine lacks; None when it can run."""
    return None if shutil.which("h2load") else "h2load (Debian: nghttp2-client) is missing"


def run(pairings: Iterable[Pairing] = ALONE, *, turns: int, seconds: float, progress: Progress | None = None) -> Load:
    """Every stack's server under load, in turn; those that cannot are named with the reason."""
    progress = progress or Progress(0.0)
    load = Load()
    with contextlib.ExitStack() as exits:
        body = exits.enter_context(tempfile.NamedTemporaryFile())
        body.write(MESSAGE)
        body.flush()
        servers: dict[str, tuple[Bench, int]] = {}
        for pairing in pairings:
            if not pairing.can("unary"):
                continue
            try:
                if (lacking := pairing.missing()) is not None:
                    raise StackFailed(lacking)
                bench = exits.enter_context(running(pairing))
                bench.turn(WORKLOADS["unary"], 0.02)
                _, per_s = _calls(bench, body.name, _FIRST_CALLS)
                servers[pairing.name] = bench, max(int(per_s * seconds), _FIRST_CALLS // 10)
            except StackFailed as failure:
                load.failures[pairing.name] = str(failure)
        for _ in range(turns):
            for name, (bench, calls) in list(servers.items()):
                progress.step(seconds, f"h2load, {name}")
                try:
                    per_cpu_s, per_s = _calls(bench, body.name, calls)
                except StackFailed as failure:
                    load.failures[name] = str(failure)
                    del servers[name]
                    continue
                load.calls.setdefault(name, []).append(per_cpu_s)
                load.elapsed.setdefault(name, []).append(per_s)
    for name in load.failures:  # Fewer turns than the others have would not be comparable.
        load.calls.pop(name, None)
        load.elapsed.pop(name, None)
    return load


def _calls(bench: Bench, body: str, calls: int) -> tuple[float, float]:
    """(calls per CPU-second of the server, calls per second)."""
    command = ["h2load", f"-n{calls}", f"-c{CONNECTIONS}", f"-m{STREAMS}", "-d", body]
    command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    before = cpu_s(bench.server.pid)
    with subprocess.Popen(
        [*command, f"http://127.0.0.1:{bench.port}{WORKLOADS['unary'].path}"], stdout=subprocess.PIPE, text=True
    ) as load:
        os.sched_setaffinity(load.pid, {sorted(os.sched_getaffinity(0))[-1]})
        try:
            told, _ = load.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            load.kill()
            raise StackFailed(f"h2load: silent for {_PATIENCE_S:.0f} s") from None
    spent_s = cpu_s(bench.server.pid) - before
    per_s = re.search(r"([\d.]+) req/s", told)
    if f" {calls} succeeded" not in told or per_s is None:
        problem = next((line for line in told.splitlines() if line.startswith("requests:")), told[-200:])
        raise StackFailed(f"h2load: {problem}")
    return calls / spent_s, float(per_s[1])
