"""The fixtures, in a test session of their own; and that pytest is loaded by nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CONFTEST = 'pytest_plugins = ["grpc_core.testing.plugin"]\n'
PROGRAM = """
import asyncio
import grpc_core as grpc
from grpc_core.testing import in_memory

def echo(request, context):
    return request

async def wait(request, context):
    await asyncio.Event().wait()

def handlers(behavior):
    return grpc.method_handlers_generic_handler("t.T", {"M": grpc.unary_unary_rpc_method_handler(behavior)})

def test_blocking(grpc_channel_to, grpc_network):
    grpc_network.chunk_bytes = 1
    channel = grpc_channel_to(handlers(echo))
    assert channel.unary_unary("/t.T/M")(b"x") == b"x"
    assert grpc_network.connections_made == 1

def test_clock(virtual_clock):
    async def main():
        async with in_memory(handlers(wait)) as channel:
            call = channel.unary_unary("/t.T/M")(b"", timeout=3600)
            await virtual_clock.advance(3600)
            assert await call.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    virtual_clock.run(main())

def test_both(grpc_channel_to, virtual_clock):
    channel = grpc_channel_to(handlers(echo), clock=virtual_clock)
    assert channel.unary_unary("/t.T/M")(b"x", timeout=1) == b"x"
"""


def test_the_fixtures_work_in_a_project_that_asks_for_them(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", "."]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_nothing_but_the_plugin_loads_pytest_and_nothing_loads_the_plugin() -> None:
    program = "import sys, grpc_core.testing; print({'pytest', 'grpc_core.testing.plugin'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
