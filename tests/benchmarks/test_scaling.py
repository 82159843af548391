"""The scaling benchmark runs, its relay delays and loses nothing, and what it makes of figures is right."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import relay, scaling
from benchmarks.scaling import QUICK, Plan
from benchmarks.scaling_page import NO_GC, Curve, Flow, findings, optimum, write

TINY = Plan((1, 3), (1, 2), (0, 100_000), (1, 5), (0.001,), QUICK.windows, 4, 1, 0.01)


def curve(exponent: float, is_shared: bool = False) -> Curve:
    points = [0, 1, 10, 100, 1_000]
    return Curve("subject", "title", "things", points, is_shared, {x: [7.0 * x**exponent] for x in points})


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 1.3])
def test_the_exponent_is_the_power_by_which_costs_grow(exponent: float) -> None:
    assert curve(exponent).exponent == pytest.approx(exponent)
    assert curve(exponent).last_exponent == pytest.approx(exponent)
    assert curve(exponent, is_shared=True).exponent == pytest.approx(exponent + 1), "of all of them together"
    assert curve(exponent).is_super_linear == (exponent > 1.15)


def test_what_is_super_linear_only_for_many_is_a_finding_too() -> None:
    late = Curve("subject", "title", "things", [1, 10, 100, 1_000], False, {1: [1], 10: [1], 100: [1], 1_000: [100]})
    assert late.exponent < 1.15 < late.last_exponent
    assert findings([late, curve(1.0)], []) == [
        f"**Super-linear**: subject, title: exponent {late.exponent:.2f}, in the upper half 2.00."
    ]


def test_a_finding_says_how_it_is_without_garbage_collector_and_a_control_is_none() -> None:
    with_it, without, control = curve(1.3), curve(1.0), curve(1.5)
    without.title += NO_GC
    control.is_control = True
    assert findings([with_it, without, control], []) == [
        "**Super-linear**: subject, title: exponent 1.30, in the upper half 1.30; without garbage collector 1.00."
    ]


def test_the_optimum_is_the_window_in_each_round_trip_within_what_the_machine_does() -> None:
    flows = [
        Flow(True, "65536", 0.0, 50e6),
        Flow(True, "16777216", 0.0, 200e6),
        Flow(True, "16777216", 0.05, 150e6),
        Flow(False, "16777216", 0.0, 900e6),
        narrow := Flow(True, "65536", 0.05, 1e6),
        growing := Flow(True, "auto", 0.05, 110e6),
    ]
    assert optimum(narrow, flows) == 65536 / 0.05
    assert optimum(flows[2], flows) == 200e6
    assert optimum(growing, flows) == 150e6, "what the fixed window does that it may grow to"
    assert findings([], flows) == ["**Below 80%**: upload at 50 ms with growing windows: 73% of the optimum."]


def test_everything_is_measured_and_told(tmp_path: Path) -> None:
    with scaling.running() as ends:
        curves = scaling.measure(ends, ends, TINY)
        flows = scaling.flows(ends, TINY)
    assert {curve.subject for curve in curves} == {"streams", "connections", "size", "fields"}
    for measured in curves:
        assert all(measured.cost_us(x) > 0 for x in measured.points), measured.title
    assert len(flows) == 2 * 2 * len(TINY.windows)
    assert all(flow.bytes_per_s > 0 for flow in flows)
    page = tmp_path / "scaling.md"
    lines = write(page, curves, flows)
    assert len(lines) > len(curves)
    text = page.read_text()
    for title in ("Findings", "Concurrent streams", "Connections", "Size of messages", "Header fields", "Windows and"):
        assert f"## {title}" in text
    has_plots = importlib.util.find_spec("matplotlib") is not None
    assert len(list(tmp_path.glob("img/scaling-*.svg"))) == (5 if has_plots else 0)


def test_a_failed_process_is_told() -> None:
    with scaling.running() as ends, pytest.raises(RuntimeError, match="a process has failed"):
        ends.ask("no such thing")


def test_the_relay_carries_all_octets_in_order_and_late() -> None:
    payload = bytes(range(256)) * 1_000

    async def main() -> tuple[bytes, float]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(await reader.read(-1))
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        process.stdin.write(f"{server.sockets[0].getsockname()[1]} 0.05\n".encode())
        process.stdin.flush()
        port = int(process.stdout.readline())
        loop = asyncio.get_running_loop()
        start = loop.time()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(payload)
        writer.write_eof()
        received = await reader.read(-1)
        took = loop.time() - start
        writer.close()
        await writer.wait_closed()
        server.close()
        return received, took

    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-m", "benchmarks.relay"], stdin=pipe, stdout=pipe) as process:
        received, took = asyncio.run(main())
        process.stdin.close()
    assert received == payload
    assert took >= 0.05, "a round trip"


def test_the_relay_takes_it_quietly_that_nobody_is_there_to_hear_the_end() -> None:
    class Near(relay._End):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            lost.set_result(None)

    async def main() -> None:
        nonlocal lost
        loop = asyncio.get_running_loop()
        lost = loop.create_future()
        near, far = Near(0.0), relay._End(0.0)
        near.other, far.other = far, near
        with socket.create_server(("127.0.0.1", 0)) as listener:
            await loop.create_connection(lambda: near, *listener.getsockname())
            peer, _ = listener.accept()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets
        peer.close()
        far.eof_received()
        await asyncio.wait_for(lost, 30)

    lost: asyncio.Future[None]
    asyncio.run(main())


def test_the_command_says_how_it_is_used() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.scaling", "--help"], capture_output=True, text=True, check=True
    )
    assert "--quick" in told.stdout
