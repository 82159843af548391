"""`python -m grpc_core`: the main job, visible.

demo                       a server and a client in one process, and every frame between them
serve [--host] [--port]    the demonstration's Greeter, for any gRPC client
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys


def main(argv: list[str] | None = None) -> int:
    """Run one of the commands; returns the exit code."""
    parser = argparse.ArgumentParser(prog="grpc_core", description="gRPC in pure Python.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", help="a server and a client in one process, and every frame between them")
    serve = commands.add_parser("serve", help="serve helloworld.Greeter until Ctrl-C")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=0, help="0 chooses a free one")
    serve.add_argument("--verbose", action="store_true", help="print every frame")
    arguments = parser.parse_args(argv)

    from grpc_core import demo

    if arguments.command == "demo":
        asyncio.run(demo.run(print))
        return 0
    return asyncio.run(_serve(arguments.host, arguments.port, arguments.verbose))


async def _serve(host: str, port: int, verbose: bool) -> int:
    from grpc_core import demo

    server = demo.make_server(print if verbose else None)
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
    await server.stop(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
