"""`make bench-scaling`: what an operation costs when there is more of everything, and how long paths are used.

    python -m benchmarks.scaling [--quick] [--output PAGE]

Server and client are processes on cores of their own; the figure is CPU time, of both, so it is the same whatever else
the machine does. Each curve is walked through several times, and the median counts. What has no I/O is measured in
memory. Writes docs/scaling.md with its plots; with `--quick` every curve has few points and little time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.harness import cpu_s
from benchmarks.scaling_page import NO_GC, Curve, Flow, write
from benchmarks.stacks.scaling_face import AUTO, WINDOWS
from benchmarks.timing import cpu_us
from hpack_codec.encoder import FRUITLESS_ENTRIES_MAX
from http2 import Config, Connection, DataReceived

PAGE: Final = Path("docs/scaling.md")
FIELDS_MAX: Final = 1_000
ROUND_TRIPS_S: Final = (0.001, 0.01, 0.05, 0.1)
NO_DELAY_S: Final = 0.0


@dataclass
class Plan:
    """What is measured: the points of each curve, how often, and how much at each."""

    streams: Sequence[int] = (1, 10, 100, 1_000, 3_000, 10_000)
    connections: Sequence[int] = (1, 10, 100, 1_000, 5_000)
    sizes: Sequence[int] = (0, 1 << 10, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24)
    fields: Sequence[int] = (1, 10, 30, 100, 300, FIELDS_MAX)
    round_trips_s: Sequence[float] = ROUND_TRIPS_S
    windows: Sequence[str] = field(default_factory=lambda: WINDOWS)
    operations: int = 2_000
    turns: int = 3
    transfer_s: float = 0.4
    seconds_max: float = 150.0  # after that no further turn begins


QUICK: Final = Plan((1, 30), (1, 20), (0, 1 << 20), (1, 100), (0.002,), (AUTO, "65536"), 50, 1, 0.05)


class Ends:
    """A server and a client that run, and between them, on demand, a path with latency."""

    def __init__(self, server: subprocess.Popen[str], client: subprocess.Popen[str], relay: subprocess.Popen[str]):
        self._server, self._client, self._relay = server, client, relay
        self.ports: dict[str, int] = {}

    def start(self, told: str) -> None:
        """The server has said its ports."""
        self.ports = json.loads(told)

    def ask(self, do: str, **arguments: Any) -> Any:
        """Let the client do something. Raises RuntimeError when it has failed."""
        return json.loads(_say(self._client, json.dumps({"do": do, **arguments})))

    def cost_us(self, operations: int, do: str, /, **arguments: Any) -> float:
        """CPU microseconds of both ends for each of so many operations."""
        pids = self._server.pid, self._client.pid
        before = sum(map(cpu_s, pids))
        self.ask(do, **arguments)
        return (sum(map(cpu_s, pids)) - before) * 1e6 / operations

    def close(self) -> None:
        """Forget all connections, and wait until the server has forgotten them too."""
        self.ask("close")
        before = -1.0
        while (now := cpu_s(self._server.pid)) - before > 0.001:
            before = now
            time.sleep(0.02)

    def path_to(self, window: str, round_trip_s: float) -> int:
        """The port of a path to the server with that window."""
        return int(_say(self._relay, f"{self.ports[window]} {round_trip_s}"))


def _say(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    print(line, file=process.stdin, flush=True)
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"a process has failed with {line}")
    return answer


@contextlib.contextmanager
def running(collector: str = "on") -> Iterator[Ends]:
    """The processes: the server on one core, the client on another, the relay where there is room."""
    cores = sorted(os.sched_getaffinity(0))
    with contextlib.ExitStack() as exits:

        def start(core: int | None, *command: str) -> subprocess.Popen[str]:
            pipe = subprocess.PIPE
            process = subprocess.Popen([sys.executable, "-m", *command], stdin=pipe, stdout=pipe, text=True)
            exits.callback(process.communicate)
            exits.callback(process.kill)
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            return process

        server = start(cores[0], "benchmarks.stacks.scaling_face", collector, "server")
        assert server.stdout is not None
        told = server.stdout.readline()
        client = start(cores[-1], "benchmarks.stacks.scaling_face", collector, "client", told)
        ends = Ends(server, client, start(None, "benchmarks.relay"))
        ends.start(told)
        yield ends


# -- the curves: each function gives the cost at one point -------------------------------------------------------------


def calls_at_a_time(ends: Ends, count: int, operations: int) -> float:
    """Unary calls, so many at once on one connection."""
    operations = max(operations, count)
    ends.ask("open")
    ends.ask("calls", concurrency=count, operations=count)
    cost = ends.cost_us(operations, "calls", concurrency=count, operations=operations)
    ends.close()
    return cost


def open_streams(ends: Ends, count: int, operations: int) -> float:
    """Round trips of messages on so many open streams of one connection, all at once."""
    rounds = max(-(-operations // count), 4)  # a full collection comes with every second round or so
    ends.ask("open")
    ends.ask("open_streams", count=count)
    ends.ask("round_trips", rounds=1)
    cost = ends.cost_us(rounds * count, "round_trips", rounds=rounds)
    ends.close()
    return cost


def connecting(ends: Ends, count: int, operations: int) -> float:
    """Connections made, with their first call, until there are so many."""
    cost = ends.cost_us(count, "connect", count=count)
    ends.close()
    return cost


def calls_on_connections(ends: Ends, count: int, operations: int) -> float:
    """Calls on each of so many connections in turn."""
    rounds = -(-operations // 2 // count)
    ends.ask("connect", count=count)
    ends.ask(
        "call_each", rounds=2, at_a_time=64
    )  # from the third on, the head of a request is one that was seen before
    cost = ends.cost_us(rounds * count, "call_each", rounds=rounds)
    ends.close()
    return cost


def call_of_size(ends: Ends, size: int, operations: int) -> float:
    """Unary calls with a message of that size there and back, one after the other."""
    operations = max(min(operations, (1 << 26) // (size + 1)), 2)
    ends.ask("open")
    ends.ask("calls", concurrency=1, operations=2, size=size)
    cost = ends.cost_us(operations, "calls", concurrency=1, operations=operations, size=size)
    ends.close()
    return cost


def one_copy(ends: Ends, size: int, operations: int) -> float:
    """What a copy of so many octets costs, in memory that is used again."""
    source, target = bytes(size), bytearray(size)

    def copy() -> None:
        target[:] = source

    return cpu_us(copy, max(min(operations, (1 << 27) // (size + 1)), 4))


def _field_exchange(count: int, is_cold: bool) -> Callable[[], None]:
    """A request with so many fields from one connection to another; `is_cold`: with values never seen before."""
    config = Config(
        fields_max=FIELDS_MAX + 10,
        field_list_bytes_max=1 << 20,
        field_block_bytes_max=1 << 20,
        continuation_frames_max=100,
    )
    client, server = Connection.client(config), Connection.server(config)
    base = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a/b"), (b":authority", b"localhost")]
    names = [b"field-%d" % index for index in range(count)]
    turn = 0

    def transfer() -> None:
        for sender, receiver in ((client, server), (server, client)):
            octets = b"".join(sender.data_to_send())
            for event in receiver.receive_data(octets) if octets else ():
                assert type(event) is not DataReceived

    def exchange() -> None:
        nonlocal turn
        turn += is_cold
        stream_id = client.open_stream(base + [(name, b"value %d" % turn) for name in names], end_stream=True)
        transfer()
        server.send_headers(stream_id, [(b":status", b"204")], end_stream=True)
        transfer()

    transfer()
    transfer()
    return exchange


def cold_fields(ends: Ends, count: int, operations: int) -> float:
    """A request with so many fields, whose values are new each time, sent and received in memory."""
    return _settled_us(_field_exchange(count, True), operations // count)


def repeated_fields(ends: Ends, count: int, operations: int) -> float:
    """The same request again and again."""
    return _settled_us(_field_exchange(count, False), operations // count)


def _settled_us(exchange: Callable[[], None], count: int) -> float:
    """What an exchange costs when the encoder has learnt which values come again."""
    for _ in range(FRUITLESS_ENTRIES_MAX + 2):
        exchange()
    return cpu_us(exchange, max(count, 5))


Cost = Callable[[Ends, int, int], float]


def curves(plan: Plan, uncollected: Ends) -> list[tuple[Curve, Cost]]:
    """What is measured, and how. `uncollected` are ends whose garbage collectors do not run."""
    streams, connections = "concurrent streams", "connections"

    def twice(subject: str, title: str, unit: str, points: Sequence[int], cost: Cost) -> list[tuple[Curve, Cost]]:
        """As it is, and without garbage collector."""
        return [
            (Curve(subject, title, unit, points, True), cost),
            (
                Curve(subject, title + NO_GC, unit, points, True),
                lambda _, count, operations: cost(uncollected, count, operations),
            ),
        ]

    return [
        *twice("streams", "calls, so many at a time", streams, plan.streams, calls_at_a_time),
        *twice("streams", "messages there and back", streams, plan.streams, open_streams),
        *twice("connections", "connecting, with the first call", connections, plan.connections, connecting),
        (Curve("connections", "a call on each in turn", connections, plan.connections, True), calls_on_connections),
        (Curve("size", "unary call, the message there and back", "octets of a message", plan.sizes), call_of_size),
        (Curve("size", "one copy in memory", "octets of a message", plan.sizes, is_control=True), one_copy),
        (Curve("fields", "request with new values, in memory", "fields", plan.fields), cold_fields),
        (Curve("fields", "request that repeats, in memory", "fields", plan.fields), repeated_fields),
    ]


def measure(ends: Ends, uncollected: Ends, plan: Plan) -> list[Curve]:
    """All curves, several times; the medians."""
    measured = curves(plan, uncollected)
    for each in (ends, uncollected):
        each.ask("open")
        each.ask("calls", concurrency=10, operations=plan.operations)  # everything is imported and cached then
        each.close()
    end = time.monotonic() + plan.seconds_max
    for turn in range(plan.turns):
        if turn and time.monotonic() > end:
            break
        for curve, cost in measured:
            print(f"turn {turn + 1} of {plan.turns}: {curve.subject}, {curve.title}", file=sys.stderr, flush=True)
            for x in curve.points:
                curve.turns.setdefault(x, []).append(cost(ends, x, plan.operations))
    return [curve for curve, _ in measured]


def flows(ends: Ends, plan: Plan) -> list[Flow]:
    """Throughput both ways for every window and round-trip time."""
    found = []
    for round_trip_s in (NO_DELAY_S, *plan.round_trips_s):
        print(f"windows at a round-trip time of {round_trip_s * 1e3:g} ms", file=sys.stderr, flush=True)
        speeds: dict[tuple[bool, str], list[float]] = {}
        for _ in range(min(plan.turns, 2)):
            for window in plan.windows:
                port = ends.path_to(window, round_trip_s)
                for to_server in (True, False):
                    speed = ends.ask(
                        "transfer",
                        to_server=to_server,
                        window=window,
                        port=port,
                        size=262_144 if window == AUTO else min(int(window) // 4, 262_144),
                        warm_up_s=max(plan.transfer_s, (14 if window == AUTO else 4) * round_trip_s),
                        seconds=max(plan.transfer_s, 8 * round_trip_s),
                    )
                    ends.ask("close")
                    speeds.setdefault((to_server, window), []).append(speed)
        for (to_server, window), each in speeds.items():
            found.append(Flow(to_server, window, round_trip_s, max(each)))  # what disturbs it only makes it slower
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description="measure how costs grow")
    parser.add_argument("--quick", action="store_true", help="few points and little time, to see that it works")
    parser.add_argument("--turns", type=int, metavar="COUNT", help="how often each curve is walked through")
    parser.add_argument("--output", type=Path, default=PAGE, metavar="PAGE", help="the page; plots go beside it")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    plan = QUICK if options.quick else Plan()
    if options.turns:
        plan = replace(plan, turns=options.turns)
    with running() as ends:
        with running("off") as uncollected:
            found = measure(ends, uncollected, plan)
        moved = flows(ends, plan)
    for line in write(options.output, found, moved):
        print(line)
    print(f"{options.output} was written after {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
