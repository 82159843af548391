"""The command lines of the Python peers, the same for grpcio and for Plait.

A server listens on 127.0.0.1, prints `LISTENING host:port` as its first line and stops on SIGTERM, on SIGINT or when
its standard input ends: a harness that dies takes its servers with it. A client prints a line of JSON for each check.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from interop import cases, official_cases
from interop.official_service import TestService

_READ_BYTES = 4096
_STDIN = 0


def run_server(grpc: Any, argv: list[str] | None = None) -> int:
    """Serves Greeter and TestService with the module until it is told to stop; the exit status."""
    parser = argparse.ArgumentParser(description="A server for helloworld.Greeter and grpc.testing.TestService.")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on (default: any free one)")
    options = parser.parse_args(argv)
    return asyncio.run(_serve(grpc, options.port))


async def _serve(grpc: Any, port: int) -> int:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((cases.Greeter(grpc).handler(), TestService(grpc).handler()))
    try:
        port = server.add_insecure_port(f"127.0.0.1:{port}")
    except (OSError, RuntimeError) as error:
        print(f"cannot listen on 127.0.0.1:{port}: {error}", file=sys.stderr)
        return 1
    await server.start()
    stop = told_to_stop()
    print(f"LISTENING 127.0.0.1:{port}", flush=True)
    await stop.wait()
    await server.stop(None)
    return 0


def told_to_stop() -> asyncio.Event:
    """An event that a signal or the end of standard input sets."""
    loop = asyncio.get_running_loop()
    event = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)

    def watch() -> None:
        try:
            while os.read(_STDIN, _READ_BYTES):
                pass
        except OSError:
            pass  # There is no standard input, or it was closed: it has ended.
        try:
            loop.call_soon_threadsafe(event.set)
        except RuntimeError:
            pass  # The loop is closed: the server has stopped already.

    # A thread, because an event loop cannot wait for a file or for /dev/null. It reads the descriptor itself: a thread
    # inside `sys.stdin` would hold a lock that the ending interpreter needs.
    threading.Thread(target=watch, daemon=True).start()
    return event


Suite = Callable[[Any, str, Sequence[str]], AsyncIterator[cases.Outcome]]


async def _helloworld(grpc: Any, address: str, names: Sequence[str]) -> AsyncIterator[cases.Outcome]:
    async with grpc.aio.insecure_channel(address) as channel:
        async for outcome in cases.run_checks(grpc, channel, names):
            yield outcome


SUITES: Final[dict[str, tuple[Suite, Sequence[str]]]] = {
    "helloworld": (_helloworld, tuple(cases.CHECKS)),
    "official": (official_cases.run_cases, tuple(official_cases.OFFICIAL)),
    "negative": (official_cases.run_negative_cases, tuple(official_cases.NEGATIVE)),
}
"""What a client can run: suite -> (what runs it, the names of its checks)."""


def run_client(grpc: Any, argv: list[str] | None = None) -> int:
    """Makes the checks of a suite with the module; the exit status."""
    parser = argparse.ArgumentParser(
        description="A client that makes the checks of a suite, helloworld if none is named."
    )
    parser.add_argument(
        "--addr",
        required=True,
        metavar="HOST:PORT",
        help="the server; with --suite negative, one for each check, with commas",
    )
    parser.add_argument("--suite", choices=SUITES, default="helloworld", help="what is checked (default: %(default)s)")
    parser.add_argument("--check", metavar="NAME,...", help="make these checks of the suite alone")
    options = parser.parse_args(argv)
    suite, names = SUITES[options.suite]
    chosen = names if options.check is None else options.check.split(",")
    for name in chosen:
        if name not in names:
            parser.error(f"no check of {options.suite} is named {name!r}; there are {', '.join(names)}")
    if options.suite == "negative" and len(options.addr.split(",")) != len(chosen):
        parser.error(f"{len(chosen)} checks of {options.suite} need an address each, with commas in --addr")
    return asyncio.run(_report(suite(grpc, options.addr, chosen)))


async def _report(outcomes: AsyncIterator[cases.Outcome]) -> int:
    exit_status = 0
    async for outcome in outcomes:
        print(json.dumps(dataclasses.asdict(outcome)), flush=True)
        if not outcome.ok:
            exit_status = 1
    return exit_status
