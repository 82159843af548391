"""The command lines of the Python peers, the same for grpcio and for Plait.

A server listens on 127.0.0.1, prints `LISTENING host:port` as its first line and stops on SIGTERM, on SIGINT or when
its standard input ends: a harness that dies takes its servers with it. A client prints a line of JSON for each check.
Both speak TLS where they are given files for it, and use the module's blocking API with `--blocking`.
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
from pathlib import Path
from typing import Any, Final

from interop import cases, official_cases
from interop.faces import AsyncFace, BlockingFace, Face, Identity, Trust, add_port
from interop.official_service import TestService

_READ_BYTES = 4096
_STDIN = 0


def add_server_tls(parser: argparse.ArgumentParser) -> None:
    """The options of every peer's server for TLS."""
    parser.add_argument("--tls-cert", type=Path, metavar="FILE", help="speak TLS with this certificate, in PEM")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key, in PEM")


def add_client_tls(parser: argparse.ArgumentParser) -> None:
    """The options of every peer's client for TLS."""
    parser.add_argument("--tls-ca", type=Path, metavar="FILE", help="speak TLS, and trust this authority, in PEM")
    parser.add_argument("--tls-name", metavar="NAME", help="the name that the server proves")


def _read(parser: argparse.ArgumentParser, path: Path) -> bytes:
    """The content of a file of the command line, which ends here where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        parser.error(f"cannot read {path}: {error.strerror}")


def _together(parser: argparse.ArgumentParser, first: object, second: object, names: str) -> bool:
    """Whether both options were given; the command line ends here where only one was."""
    if (first is None) is not (second is None):
        parser.error(f"{names} go together")
    return first is not None


def run_server(grpc: Any, argv: list[str] | None = None) -> int:
    """Serves TestService and, unless it is blocking, Greeter with the module until it is told to stop; the exit
    status."""
    parser = argparse.ArgumentParser(description="A server for helloworld.Greeter and grpc.testing.TestService.")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on (default: any free one)")
    parser.add_argument("--blocking", action="store_true", help="with the blocking API, and without Greeter")
    add_server_tls(parser)
    options = parser.parse_args(argv)
    identity = None
    if _together(parser, options.tls_cert, options.tls_key, "--tls-cert and --tls-key"):
        identity = Identity(_read(parser, options.tls_cert), _read(parser, options.tls_key))
    face: Face = BlockingFace(grpc) if options.blocking else AsyncFace(grpc)
    handlers = [TestService(face).handler()]
    if not options.blocking:
        handlers.append(cases.Greeter(grpc).handler())
    return asyncio.run(_serve(face, handlers, options.port, identity))


async def _serve(face: Face, handlers: Sequence[Any], port: int, identity: Identity | None) -> int:
    server = face.server()
    server.add_generic_rpc_handlers(tuple(handlers))
    try:
        port = add_port(face.grpc, server, f"127.0.0.1:{port}", identity)
    except (OSError, RuntimeError) as error:
        print(f"cannot listen on 127.0.0.1:{port}: {error}", file=sys.stderr)
        return 1
    await face.start(server)
    stop = told_to_stop()
    print(f"LISTENING 127.0.0.1:{port}", flush=True)
    await stop.wait()
    await face.stop(server)
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


Suite = Callable[[Face, str, Trust | None, Sequence[str]], AsyncIterator[cases.Outcome]]


async def _helloworld(
    face: Face, address: str, trust: Trust | None, names: Sequence[str]
) -> AsyncIterator[cases.Outcome]:
    channel = face.channel(address, trust)
    async for outcome in cases.run_checks(face.grpc, channel, names):
        yield outcome
    await face.close(channel)


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
    parser.add_argument("--blocking", action="store_true", help="with the blocking API; not for helloworld")
    add_client_tls(parser)
    options = parser.parse_args(argv)
    suite, names = SUITES[options.suite]
    chosen = names if options.check is None else options.check.split(",")
    for name in chosen:
        if name not in names:
            parser.error(f"no check of {options.suite} is named {name!r}; there are {', '.join(names)}")
    if options.suite == "negative" and len(options.addr.split(",")) != len(chosen):
        parser.error(f"{len(chosen)} checks of {options.suite} need an address each, with commas in --addr")
    if options.suite == "helloworld" and options.blocking:
        parser.error("helloworld is for the asyncio API: leave --blocking out, or name another --suite")
    trust = None
    if _together(parser, options.tls_ca, options.tls_name, "--tls-ca and --tls-name"):
        trust = Trust(_read(parser, options.tls_ca), options.tls_name)
    face: Face = BlockingFace(grpc) if options.blocking else AsyncFace(grpc)
    return face.run(_report(suite(face, options.addr, trust, chosen)))


async def _report(outcomes: AsyncIterator[cases.Outcome]) -> int:
    exit_status = 0
    async for outcome in outcomes:
        print(json.dumps(dataclasses.asdict(outcome)), flush=True)
        if not outcome.ok:
            exit_status = 1
    return exit_status
