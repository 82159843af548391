"""Unary gRPC calls per CPU-second of the server, under h2load (nghttp2): ours on asyncio against grpc.aio.

Each server runs alone in a process of its own; its CPU time, user and system, is read from the operating system when
the load is over. The request is 105 octets of DATA, the handler a coroutine that returns 100. h2load speaks no gRPC
but counts a response as good only with status 200; that calls succeed is checked with a real client first.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

MESSAGE = b"\0\0\0\0\x64" + b"x" * 100
CONNECTIONS, STREAMS = 4, 16
TURNS = 3

_SERVER = """
import asyncio
{imports}

async def handle(request, context):
    return request

async def main():
    server = aio.server()
    handlers = {{"Unary": grpc.unary_unary_rpc_method_handler(handle)}}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Bench", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio.insecure_channel(f"127.0.0.1:{{port}}") as channel:
        assert await channel.unary_unary("/bench.Bench/Unary")(b"ready") == b"ready"
    print(port, flush=True)
    await server.wait_for_termination()

asyncio.run(main())
"""
IMPORTS = {
    "plait": "import grpc_core as grpc; from grpc_core import aio",
    "grpc.aio": "import grpc; from grpc import aio",
}


def missing() -> str | None:
    """What this benchmark needs and this machine lacks; None when it can run."""
    if shutil.which("h2load") is None:
        return "h2load (Debian: nghttp2-client)"
    try:
        import grpc  # noqa: F401  # whether it is there is the question
    except ImportError:
        return "grpcio"
    return None if Path("/proc/self/stat").exists() else "a /proc file system"


def _cpu_s(pid: int) -> float:
    """User and system time of a process with all its threads, in seconds (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def calls_per_cpu_s(stack: str, calls: int) -> float:
    """Calls per CPU-second of one stack's server."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.NamedTemporaryFile() as body:
        body.write(MESSAGE)
        body.flush()
        server = subprocess.Popen(
            [sys.executable, "-c", _SERVER.format(imports=IMPORTS[stack])], stdout=subprocess.PIPE, text=True
        )
        try:
            os.sched_setaffinity(server.pid, {cores[0]})
            assert server.stdout is not None
            port = int(server.stdout.readline())
            before = _cpu_s(server.pid)
            command = ["h2load", f"-n{calls}", f"-c{CONNECTIONS}", f"-m{STREAMS}", "-d", body.name]
            command += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
            load = subprocess.Popen(
                [*command, f"http://127.0.0.1:{port}/bench.Bench/Unary"], stdout=subprocess.PIPE, text=True
            )
            os.sched_setaffinity(load.pid, {cores[-1]})
            report, _ = load.communicate()
            if f" {calls} succeeded" not in report:
                raise RuntimeError(f"h2load against {stack}:\n{report}")
            return calls / (_cpu_s(server.pid) - before)
        finally:
            server.kill()
            server.wait()
            assert server.stdout is not None
            server.stdout.close()


def run() -> tuple[float, float, float]:
    """(our calls per CPU-second, grpc.aio's, ratio): medians over alternating turns."""
    rows = [(calls_per_cpu_s("plait", 20_000), calls_per_cpu_s("grpc.aio", 4_000)) for _ in range(TURNS)]
    return (
        statistics.median(row[0] for row in rows),
        statistics.median(row[1] for row in rows),
        statistics.median(row[0] / row[1] for row in rows),
    )
