"""`python -m grpc_core`: the main job, visible.

demo                       a server and a client in one process, and every frame between them
serve [--host] [--port]    the demonstration's Greeter, with health and reflection, for any gRPC client
call HOST:PORT ...         asks a server what it has, and calls it, with JSON
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys


def main(argv: list[str] | None = None) -> int:
    """Run one of the commands; returns the exit code."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "demo":
        from grpc_core import demo

        asyncio.run(demo.run(print))
        return 0
    if arguments.command == "serve":
        return asyncio.run(_serve(arguments.host, arguments.port, arguments.verbose))
    try:
        return asyncio.run(_call(arguments))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # who reads our output has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grpc_core", description="gRPC in pure Python.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", help="a server and a client in one process, and every frame between them")
    serve = commands.add_parser("serve", help="serve helloworld.Greeter, health and reflection until Ctrl-C")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    serve.add_argument("--verbose", action="store_true", help="print every frame")
    call = commands.add_parser("call", help="call a server that has reflection, with JSON")
    call.add_argument("target", metavar="HOST:PORT")
    call.add_argument("what", nargs="?", default="list", metavar="list | describe | SERVICE/METHOD")
    call.add_argument("symbol", nargs="?", metavar="SYMBOL", help="what to describe; without it, all services")
    call.add_argument(
        "-d", dest="data", metavar="JSON | @FILE | -", help="the message, or, for a stream, any number of them"
    )
    call.add_argument("-H", dest="headers", action="append", default=[], metavar="KEY: VALUE", help="metadata")
    call.add_argument("--timeout", metavar="S", help="seconds for all of it")
    return parser


async def _serve(host: str, port: int, verbose: bool) -> int:
    from grpc_core import demo
    from grpc_core.health import SERVICE_NAME, add_health
    from grpc_core.reflection import enable_reflection

    server = demo.make_server(print if verbose else None)
    health = add_health(server)
    health.set(demo.GREETER.full_name, 1)
    enable_reflection([demo.GREETER, SERVICE_NAME], server)
    try:
        bound = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        print(f"grpc_core serve: {error}", file=sys.stderr)
        return 2
    await server.start()
    print(f"LISTENING {host}:{bound}", flush=True)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    health.enter_graceful_shutdown()
    await server.stop(1)
    return 0


async def _call(arguments: argparse.Namespace) -> int:
    from grpc_core import aio, caller

    try:
        if arguments.what != "describe" and arguments.symbol is not None:
            raise caller.Failure(caller.USAGE, f"{arguments.symbol!r} is one argument too many")
        if arguments.what not in ("list", "describe") and "/" not in arguments.what.lstrip("/"):
            raise caller.Failure(caller.USAGE, f"{arguments.what!r} is not list, describe or SERVICE/METHOD")
        if arguments.what in ("list", "describe") and arguments.data is not None:
            raise caller.Failure(caller.USAGE, f"-d is for calls; {arguments.what} sends nothing")
        try:
            channel = aio.insecure_channel(arguments.target)
        except ValueError as error:
            raise caller.Failure(caller.USAGE, str(error))
        try:
            timeout_s = None if arguments.timeout is None else caller.parse_timeout(arguments.timeout)
        except ValueError:
            raise caller.Failure(caller.USAGE, f"--timeout {arguments.timeout!r} is not a number of seconds above 0")
        request = caller.Request(
            arguments.what,
            arguments.symbol,
            caller.read_documents(arguments.data),
            caller.parse_metadata(arguments.headers),
            timeout_s,
            is_ascii="utf" not in (sys.stdout.encoding or "").lower(),
        )
        async with channel:
            await caller.run(channel, request, lambda line: print(line, flush=True))
    except caller.Failure as failure:
        print(f"grpc_core call: {failure}", file=sys.stderr)
        return failure.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
