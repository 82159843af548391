"""What the programs of the examples share: a server until Ctrl-C, a client that ends well, and typed lines.

A program never shows a traceback for what is no fault of its own: what went wrong is one line on standard error, and
the exit status is not 0.
"""

from __future__ import annotations

import argparse
import asyncio
import codecs
import inspect
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, Final

import grpc_core as grpc
from grpc_core import standard_input

FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
GRACE_S: Final = 1.0
OPTIONS: Final = (("grpc.so_reuseport", 0),)
"""By default gRPC servers share a port; who starts a program twice by mistake would not be told."""

Register = Callable[[grpc.aio.Server], None]


# -- servers -----------------------------------------------------------------------------------------------------------


def server_parser(description: str | None, port: int) -> argparse.ArgumentParser:
    """The options that each server has."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=port, help="the port; 0: any free one (default: %(default)s)")
    return parser


def serve(host: str, port: int, register: Register) -> int:
    """Serve what `register` adds to a server, until Ctrl-C or SIGTERM; the exit status."""
    return asyncio.run(_serve(host, port, register))


async def _serve(host: str, port: int, register: Register) -> int:
    server = grpc.aio.server(options=OPTIONS)
    register(server)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        bound = server.add_insecure_port(address)
    except RuntimeError as error:
        print(f"cannot listen on {address}: {error}", file=sys.stderr)
        return USAGE
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    print(f"LISTENING {address.rpartition(':')[0]}:{bound}", flush=True)
    await stop.wait()
    await server.stop(GRACE_S)
    return 0


# -- clients -----------------------------------------------------------------------------------------------------------


class Problem(Exception):
    """Something that the user is told in one line."""


def run(main: Callable[[], Coroutine[Any, Any, None] | None]) -> int:
    """Run a client, a function or a coroutine function, to its end; the exit status."""
    try:
        result = main()
        if inspect.iscoroutine(result):
            asyncio.run(result)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # who reads our output has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except grpc.RpcError as error:
        call: Any = error  # errors of either face have a code and details
        print(f"{call.code().name}: {call.details()}", file=sys.stderr)
        return FAILED
    except (Problem, OSError) as error:
        print(error, file=sys.stderr)
        return USAGE
    return 0


async def lines() -> AsyncIterator[str]:
    """What is typed, line by line, without holding up the event loop."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = ""
    async for octets in standard_input.chunks():
        *whole, text = (text + decoder.decode(octets)).split("\n")
        for line in whole:
            yield line
    if text:
        yield text


async def either(*awaitables: Awaitable[None]) -> None:
    """Wait until one of them has ended, end the others, and raise what the first has raised."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()
