"""The command `plait`: one entry point that reaches every layer's own command line.

    plait hpack explain 828684          as  python -m hpack_codec explain 828684
    plait http2 serve                   as  python -m http2 serve

A command's package is imported when the command is given, so that none pays for another, and one whose requirements are
not installed does not stop the others.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from typing import Final, NamedTuple

OK = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130  # What a shell reports for a command that SIGINT has ended.


class Command(NamedTuple):
    """Where a command's `main(argv)` is, what is put before its arguments, and what the usage text says of it."""

    module: str
    arguments: tuple[str, ...]
    purpose: str


COMMANDS: Final[dict[str, Command]] = {
    "hpack": Command("hpack_codec.__main__", (), "explain a field block, instruction by instruction"),
    "http2": Command("http2.__main__", (), "serve files, make a request, explain frames"),
    "grpc": Command("grpc_core.__main__", (), "a server and a client for gRPC"),
    "interop": Command("interop.__main__", (), "Plait against other implementations"),
    "demo": Command("interop.__main__", ("demo",), "a few calls, frame by frame"),
}


def usage() -> str:
    """The usage text."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}  {command.purpose}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: plait COMMAND ARGUMENTS...",
            "       plait --help | --version",
            "",
            "HTTP/2, HPACK and gRPC for Python. Commands, each with a --help of its own:",
            *lines,
        ]
    )


def main(argv: list[str] | None = None) -> int:
    """Runs `plait` with the arguments; the exit status: the command's own, or 2 where there is no such command."""
    argv = sys.argv[1:] if argv is None else argv
    if not argv:
        print(usage(), file=sys.stderr)
        return USAGE
    name, *rest = argv
    try:
        if name in ("-h", "--help"):
            print(usage())
            return OK
        if name == "--version":
            import grpc_core

            print(f"plait {grpc_core.__version__}")
            return OK
        if name not in COMMANDS:
            print(f"plait: there is no command {name!r}; there are {', '.join(COMMANDS)}", file=sys.stderr)
            return USAGE
        command = COMMANDS[name]
        run: Callable[[list[str]], int] = importlib.import_module(command.module).main
        status = run([*command.arguments, *rest])
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has left. What is still buffered must not fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
