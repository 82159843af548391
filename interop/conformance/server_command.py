"""`python -m interop conformance server HOST:PORT`: its arguments, and what is told when a server cannot be tested."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from typing import Final

from interop.conformance import commands
from interop.conformance.driving import Delivery
from interop.conformance.exchange import Target
from interop.conformance.model import Role
from interop.conformance.progress import Progress
from interop.conformance.run import Unusable
from interop.conformance.server import GONE, NOBODY, Plan, reference, run_cases
from interop.conformance.sockets import Endpoint

DELIVERIES: Final = {
    "both": commands.BOTH_WAYS,
    "whole": (Delivery.WHOLE,),
    "octets": (Delivery.OCTETS,),
}
PARALLEL_MAX: Final = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What only this way of running has."""
    parser.add_argument("server", metavar="HOST:PORT", type=_address, help="the server, e.g. localhost:8080, [::1]:443")
    parser.add_argument("--tls", action="store_true", help="over TLS, with ALPN; certificates are not verified")
    parser.add_argument(
        "--path", type=_path, default="/", help="GET of it must be answered with 200 and always the same (default: /)"
    )
    parser.add_argument(
        "--status", type=_status, default=200, help="what GET of it is answered with, for a server without such a path"
    )
    parser.add_argument(
        "--echo-path", type=_path, metavar="PATH", help="POST goes here, best answered with its content (default: PATH)"
    )
    parser.add_argument(
        "--hold-path", type=_path, metavar="PATH", help="as --echo-path, but reads the content only when all is there"
    )
    parser.add_argument(
        "--timeout",
        type=seconds_from,
        default=5.0,
        metavar="S",
        help="seconds to wait for an answer (default: 5)",
    )
    parser.add_argument(
        "--parallel", type=count_from, default=4, metavar="N", help="connections at the same time (default: 4)"
    )
    parser.add_argument(
        "--delivery",
        choices=DELIVERIES,
        default="both",
        help="whole, octet by octet (default: both)",
    )


def run(arguments: argparse.Namespace) -> int:
    """The exit status."""
    cases = commands.chosen(arguments, (Role.SERVER,))
    if not cases:
        return commands.refuse("no case for servers is named so; see --list")
    if arguments.list:
        return commands.list_cases(cases)
    if problem := commands.unwritable(arguments):
        return commands.refuse(problem)
    host, port = arguments.server
    target = Target(
        "https" if arguments.tls else "http",
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        arguments.path,
        arguments.echo_path or arguments.path,
        arguments.hold_path or arguments.echo_path or arguments.path,
    )
    plan = Plan(DELIVERIES[arguments.delivery], arguments.parallel, arguments.timeout)
    try:
        endpoint = Endpoint.find(host, port, tls=arguments.tls, timeout_s=arguments.timeout)
        if arguments.grpc:
            from interop.conformance.grpc import server as grpc_server

            target, plan = grpc_server.reference(endpoint, target), grpc_server.of_calls(plan)
        else:
            target = reference(endpoint, target, arguments.status)
    except (OSError, Unusable) as error:
        return commands.refuse(f"{target.authority} cannot be tested: {getattr(error, 'strerror', None) or error}")
    plan = replace(plan, needs=frozenset({"hold"} if arguments.hold_path else ()))
    progress = Progress(sys.stderr, len(cases) * len(plan.deliveries), commands.LEVELS[arguments.level])
    try:
        results = run_cases(cases, endpoint, target, plan, progress.update)
    finally:
        progress.clear()
    status = commands.finish(
        arguments, results, f"the server {target.authority}{', over TLS' if arguments.tls else ''}", by_section=True
    )
    if not target.echoes:
        said = f"POST {target.echo_path} is answered with {target.post.status if target.post else 0}"
        print(f"{said}, and not with its content; --echo-path names a path that shows more", file=sys.stderr)
    if gone := next((result.skipped for result in results if result.skipped.startswith((GONE, NOBODY))), ""):
        print(f"interop conformance: {gone}; what was left to run was not run", file=sys.stderr)
        return commands.FAILED
    return status


# -- arguments ---------------------------------------------------------------------------------------------------------


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, e.g. localhost:8080 or [::1]:8080")
    return host, int(port)


def _path(text: str) -> str:
    if not text.startswith("/") or not all("!" <= character <= "~" for character in text) or "#" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a path: it begins with / and is percent-encoded")
    return text


def seconds_from(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from above 0 to 3600")
    return seconds


def _status(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) == 3 and text[0] in "2345"):
        raise argparse.ArgumentTypeError(f"{text!r} is no final status, e.g. 200")
    return int(text)


def count_from(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if not 1 <= number <= PARALLEL_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {PARALLEL_MAX}")
    return number
