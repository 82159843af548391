"""python -m http2 serve | get | explain: a server, a client, and a decoder of frames, to try HTTP/2 out.

Only the first two need an event loop, so only they import one.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

from http2.explain import CLIENT, SERVER, FrameLog

OK = 0
USAGE = 2
FAILED = 3
INTERRUPTED = 130  # what a shell reports for a command that SIGINT has ended

_EXIT_CODES = (
    """exit codes: 0 success; 1 an HTTP status of 400 or more; 2 wrong usage; 3 no HTTP/2, or not to the end"""
)


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "explain":
            return _explain(arguments)
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough. What is still buffered must not fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def _run(arguments: argparse.Namespace) -> int:
    import asyncio

    from http2.aio import commands

    command = commands.run_server if arguments.command == "serve" else commands.run_get
    return asyncio.run(command(arguments))


def _explain(arguments: argparse.Namespace) -> int:
    """Print the frames in octets from the command line, a file or standard input."""
    try:
        octets = _octets(" ".join(arguments.octets))
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}", USAGE)
    except ValueError as error:
        return _complain(str(error), USAGE)
    if not octets:
        return _complain("there are no octets to explain", USAGE)
    log = FrameLog(arguments.role)
    for line in log.feed(octets):
        print(line)
    sys.stdout.flush()
    problem = log.finish()
    return OK if problem is None else _complain(problem, FAILED)


def _octets(text: str) -> bytes:
    """The octets that HEX, @FILE or - stands for. A file may hold the octets themselves or hexadecimal text."""
    if text == "-":
        content = sys.stdin.buffer.read()
    elif text.startswith("@"):
        content = Path(text[1:]).read_bytes()
    else:
        return _from_hex(text)
    try:
        return _from_hex(content.decode("ascii"))
    except ValueError:
        return content


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x").replace(":", " "))
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not hexadecimal; give pairs of digits, @FILE or -")


def _complain(reason: str, exit_code: int) -> int:
    print(f"http2 explain: {reason}", file=sys.stderr)
    return exit_code


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; 0 to 65535 are possible")
    return int(text)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; seconds above 0 are possible")
    return seconds


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and where help is."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog.removeprefix('python -m ')}: {message} (try --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m http2", description="HTTP/2 (RFC 9113) to try out.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve|get|explain")

    serve = commands.add_parser("serve", help="a server: files, /echo, /hold, /bytes/N, /drip/N")
    serve.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=_port, default=0, help="the port to listen on (default: any free one)")
    serve.add_argument("--root", metavar="DIR", help="serve the files of this directory")
    serve.add_argument("--tls-cert", metavar="FILE", help="serve over TLS with this certificate chain (PEM)")
    serve.add_argument("--tls-key", metavar="FILE", help="its private key, unless the same file holds it")
    serve.add_argument("--verbose", action="store_true", help="print every frame on standard error")

    get = commands.add_parser("get", help="a client for one request", epilog=_EXIT_CODES)
    get.add_argument("url", metavar="URL", help="http:// (prior knowledge) or https://")
    get.add_argument("-H", dest="header", metavar="FIELD", action="append", default=[], help='a field: "name: value"')
    get.add_argument("-X", dest="method", metavar="METHOD", help="the method (default: GET, with -d POST)")
    get.add_argument("-d", dest="data", metavar="DATA", help="content to send, or @FILE")
    get.add_argument("-o", dest="output", metavar="FILE", help="write the response's content to this file")
    get.add_argument("-i", dest="include", action="store_true", help="write status and fields too")
    get.add_argument("-v", dest="verbose", action="store_true", help="print every frame on standard error")
    get.add_argument("--insecure", action="store_true", help="accept any certificate")
    get.add_argument("--cacert", metavar="FILE", help="trust the authorities in this file (PEM)")
    get.add_argument("--timeout", metavar="S", type=_seconds, help="give up after so many seconds")

    explain = commands.add_parser("explain", help="a decoder: frames as lines to read")
    explain.add_argument(
        "octets", metavar="HEX|@FILE|-", nargs="+", help="octets in hexadecimal, a file, or standard input"
    )
    explain.add_argument(
        "--role", choices=(CLIENT, SERVER), default=CLIENT, help="who sent them (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
