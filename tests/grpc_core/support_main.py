"""What the tests of `python -m grpc_core` share: a service with a method of each kind, and the program, run twice over:
as a function in a thread, and as a process.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

import grpc_core
from grpc_core import aio, reflection
from grpc_core.__main__ import main
from grpc_core.stub import service_handler
from tests.grpc_core.support_services import describe_zoo, official, running
from tests.support.aio import run as run_loosely

POOL = describe_zoo()
KEEPER = POOL.FindServiceByName("zoo.Keeper")
Animal: Any = GetMessageClass(POOL.FindMessageTypeByName("zoo.Animal"))


class Keeper:
    """A method of each kind, for a server of either library: `grpc` is its module."""

    def __init__(self, grpc: Any) -> None:
        self._grpc = grpc

    async def Unary(self, request: Any, context: Any) -> Any:
        if request.name == "bad":
            await context.abort(self._grpc.StatusCode.FAILED_PRECONDITION, "bad\nanimal")
        if request.name == "slow":
            await asyncio.Event().wait()
        if request.name == "metadata":
            return Animal(friends=sorted(f"{k}={v!r}" for k, v in context.invocation_metadata() if k[0] == "x"))
        return Animal(name=request.name, legs=request.legs + 1)

    async def Out(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for number in range(request.legs):
            yield Animal(name=request.name, legs=number + 1)
        if request.name == "bad":
            await context.abort(self._grpc.StatusCode.DATA_LOSS, "no more")

    async def In(self, requests: Any, context: Any) -> Any:
        return Animal(friends=[request.name async for request in requests])

    async def Both(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield Animal(name=request.name)


def our_server() -> Any:
    server = aio.server()
    server.add_generic_rpc_handlers((service_handler(KEEPER, Keeper(grpc_core)),))
    reflection.enable_reflection([KEEPER], server)
    return server


def grpcio_server() -> Any:
    grpc = official("grpc")
    official("grpc.aio")
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((service_handler(KEEPER, Keeper(grpc)),))
    official("grpc_reflection.v1alpha.reflection").enable_server_reflection(["zoo.Keeper"], server, pool=POOL)
    return server


SERVERS: dict[str, Callable[[], Any]] = {"ours": our_server, "grpcio": grpcio_server}
EVERY_SERVER = pytest.mark.parametrize("make_server", SERVERS.values(), ids=SERVERS)
Outcome = tuple[int, str, str]


class Capture:
    """Calls `main` in a thread, while servers run in this one."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    async def __call__(self, *arguments: str) -> Outcome:
        """(exit code, standard output, standard error)."""

        def call_main() -> int:
            try:
                return main(["call", *arguments])
            except SystemExit as stop:  # argparse's way
                return int(str(stop.code))

        exit_code = await asyncio.to_thread(call_main)
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return exit_code, captured.out, captured.err.removeprefix("grpc_core call: ")


def outcome(make_server: Callable[[], Any], call: Capture, *arguments: str) -> Outcome:
    """Of one `call` to a server of its own."""
    outcomes = []

    async def main() -> None:
        async with running(make_server()) as port:
            outcomes.append(await call(f"127.0.0.1:{port}", *arguments))

    run_loosely(main())
    return outcomes[0]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONWARNINGS": "error"}


@asynccontextmanager
async def program(*arguments: str) -> AsyncIterator[Any]:
    """`python -m grpc_core ...`; it ends before the test does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "grpc_core",
        *arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
