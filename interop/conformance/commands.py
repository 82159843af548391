"""`python -m interop conformance ...`: the command lines of the kit.

    memory   [--stack plait|h2]        the cases against a Python stack, without sockets
    server   HOST:PORT [--tls]         the cases against a server, over TCP or TLS
    client   [--tls] -- CMD {url}      the cases against a client that is started for each of them
    matrix   [--only NAME]             the cases against all servers and clients of others that are here

Exit status: 0 when nothing was broken at the level asked for, 1 when something was, 2 for a command line that is not
valid or a target that cannot be tested, 130 when it was interrupted.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from interop.conformance import report, stacks
from interop.conformance.driving import Delivery, Options
from interop.conformance.exchange import Target
from interop.conformance.html import as_html
from interop.conformance.junit import as_junit
from interop.conformance.memory import TARGET, MemoryConnector
from interop.conformance.model import Case, Level, Role
from interop.conformance.run import Result, run_case
from interop.conformance.table import all_cases, select

PASSED: Final = 0
FAILED: Final = 1
USAGE: Final = 2

LEVELS: Final = {level.name.lower(): level for level in Level}
BOTH_WAYS: Final = (Delivery.WHOLE, Delivery.OCTETS)
SPLITS_MAX: Final = 256
"""Octets of a script up to which every split point is tried; of a longer one, so many at each end."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The subcommands and their arguments."""
    commands = parser.add_subparsers(dest="way", metavar="|".join(SUBCOMMANDS), required=True)
    for name, (purpose, add, run) in SUBCOMMANDS.items():
        subparser = commands.add_parser(name, help=purpose, description=purpose)
        add(subparser)
        if name not in WITHOUT_FILTERS:
            add_filters(subparser)
        subparser.set_defaults(run=run)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """What every way of running has: which cases, and what is made of the results."""
    parser.add_argument("ids", nargs="*", metavar="ID", help="groups, lines or cases, e.g. SET, SET-01, SET-01.empty")
    parser.add_argument("--grpc", action="store_true", help="the gRPC level: calls, in the place of HTTP/2 requests")
    parser.add_argument("--section", default="", help="only cases of this section of the RFC and below, e.g. 6.9")
    parser.add_argument(
        "--level", choices=LEVELS, default="should", help="what must not be broken for exit status 0 (default: should)"
    )
    parser.add_argument("--explain", metavar="ID", help="show one case: its frames, both ways, and the verdict")
    parser.add_argument("--json", metavar="FILE", help="write every run to FILE, - for standard output")
    parser.add_argument("--junit", metavar="FILE", help="write every run to FILE as JUnit does")
    parser.add_argument(
        "--html", metavar="FILE", help="write a page for a browser, with the frames of every case, to FILE"
    )
    parser.add_argument("--list", action="store_true", help="list the cases instead of running them")


def run_conformance(arguments: argparse.Namespace) -> int:
    """The exit status of the command line that was parsed."""
    run: Callable[[argparse.Namespace], int] = arguments.run
    return run(arguments)


def chosen(arguments: argparse.Namespace, roles: Sequence[Role]) -> list[Case]:
    """The cases that the arguments name, of these roles."""
    ids = [arguments.explain] if arguments.explain else arguments.ids
    cases = select(cases_of(arguments), section=arguments.section, ids=ids)
    return [case for case in cases if case.role in roles]


def cases_of(arguments: argparse.Namespace) -> Sequence[Case]:
    """The cases of the level that is asked for."""
    if not arguments.grpc:
        return all_cases()
    from interop.conformance.grpc import table  # which needs protobuf

    return table.all_cases()


def list_cases(cases: Sequence[Case]) -> int:
    """Print the cases; the exit status."""
    for case in cases:
        print(f"{case.key:44} {case.level.name:6} {case.clause:20} {case.reason}")
    return PASSED


def unwritable(arguments: argparse.Namespace) -> str:
    """Why one of the files that are asked for could not be written; asked before a long run. Empty when all can."""
    for path in (arguments.json, arguments.junit, arguments.html):
        if path and path != "-":
            try:
                open(path, "ab").close()
            except OSError as error:
                return f"cannot write {path}: {error.strerror}"
    return ""


def finish(arguments: argparse.Namespace, results: Sequence[Result], subject: str, *, by_section: bool = False) -> int:
    """Print and write what the arguments ask for; the exit status. `subject` says in words what was tested."""
    level = LEVELS[arguments.level]
    try:
        if arguments.junit:
            _write(arguments.junit, as_junit(results, level))
        if arguments.html:
            _write(arguments.html, as_html(results, level, subject).encode())
        if arguments.json:
            text = json.dumps(report.as_json(results), indent=1) + "\n"
            if arguments.json == "-":
                print(text, end="")
            else:
                _write(arguments.json, text.encode())
    except OSError as error:
        return refuse(f"cannot write {error.filename}: {error.strerror}")
    if arguments.explain:
        for case in dict.fromkeys(result.case for result in results):
            print(report.explain(case, [result for result in results if result.case is case]))
    elif arguments.json != "-":
        for result in results:
            if not result.passes(level):
                print(report.failure_line(result))
        if by_section:
            print(report.sections(results, level))
        print(report.summary(results, level))
    return PASSED if all(result.passes(level) for result in results) else FAILED


def _write(path: str, document: bytes) -> None:
    with open(path, "wb") as file:
        file.write(document)


def refuse(reason: str) -> int:
    """Say in one line why nothing could be run, or written; the exit status."""
    print(f"interop conformance: {' '.join(reason.split())}", file=sys.stderr)
    return USAGE


# -- memory ------------------------------------------------------------------------------------------------------------


def _add_memory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--stack", choices=stacks.STACKS, default="plait", help="the stack to test (default: plait)")
    parser.add_argument("--role", choices=[role.value for role in Role], help="only in this role (default: both)")
    parser.add_argument("--splits", action="store_true", help="also cut what is sent in two, at every octet")


def _run_memory(arguments: argparse.Namespace) -> int:
    try:
        connector = stacks.grpc_connector(arguments.stack) if arguments.grpc else stacks.connector(arguments.stack)
    except LookupError as error:
        return refuse(str(error))
    except ImportError as error:
        return refuse(f"the stack {arguments.stack} needs a package: {error}")
    roles = [role for role in connector.roles if arguments.role in (None, role.value)]
    cases = chosen(arguments, roles)
    if not cases:
        return refuse("no case is named so; see --list")
    if arguments.list:
        return list_cases(cases)
    if problem := unwritable(arguments):
        return refuse(problem)
    more: dict[str, Any] = {}
    if arguments.grpc:
        from interop.conformance.grpc import run, tester

        more = {"run_case": run.run_case, "target": tester.GrpcTarget()}
    results = [result for case in cases for result in in_memory(case, connector, arguments.splits, **more)]
    return finish(arguments, results, f"the stack {arguments.stack}, in memory")


RunCase = Callable[[Case, MemoryConnector, Target, Options], Result]


def in_memory(
    case: Case,
    connector: MemoryConnector,
    splits: bool = False,
    run_case: RunCase = run_case,
    target: Target = TARGET,
) -> list[Result]:
    """A case against a stack in memory: whole, octet by octet and, if asked for, cut at every point."""
    results = [run_case(case, connector, target, Options(delivery)) for delivery in BOTH_WAYS]
    if splits and results[0].verdict is not None:
        length = results[0].octets_sent
        points = [point for point in range(1, length) if point <= SPLITS_MAX or point >= length - SPLITS_MAX]
        results += [run_case(case, connector, target, Options(Delivery.SPLIT, point)) for point in points]
    return results


# -- server ------------------------------------------------------------------------------------------------------------


def _add_server(parser: argparse.ArgumentParser) -> None:
    from interop.conformance import server_command  # which builds on this module

    server_command.add_arguments(parser)


def _run_server(arguments: argparse.Namespace) -> int:
    from interop.conformance import server_command

    return server_command.run(arguments)


# -- client ------------------------------------------------------------------------------------------------------------


def _add_client(parser: argparse.ArgumentParser) -> None:
    from interop.conformance import client_command  # which builds on this module

    client_command.add_arguments(parser)


def _run_client(arguments: argparse.Namespace) -> int:
    from interop.conformance import client_command

    return client_command.run(arguments)


# -- matrix ------------------------------------------------------------------------------------------------------------


def _add_matrix(parser: argparse.ArgumentParser) -> None:
    from interop.conformance import matrix_command  # which builds on this module

    matrix_command.add_arguments(parser)


def _run_matrix(arguments: argparse.Namespace) -> int:
    from interop.conformance import matrix_command

    return matrix_command.run(arguments)


AddArguments = Callable[[argparse.ArgumentParser], None]
RunWay = Callable[[argparse.Namespace], int]

SUBCOMMANDS: Final[dict[str, tuple[str, AddArguments, RunWay]]] = {
    "memory": ("the cases against a Python stack in memory", _add_memory, _run_memory),
    "server": ("the cases against a server over TCP or TLS", _add_server, _run_server),
    "client": ("the cases against a client: its command comes behind --", _add_client, _run_client),
    "matrix": ("all cases against all servers and clients of others that are here", _add_matrix, _run_matrix),
}
"""Name -> what it is for, its arguments, what runs it. Another way of running is one more entry."""

WITHOUT_FILTERS: Final = frozenset({"matrix"})
"""Ways of running whose arguments are all their own."""
