"""`python -m interop conformance matrix`: the kit on all servers and clients of others that are here, one by one."""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from interop.conformance import commands
from interop.conformance.grpc import table as grpc_table
from interop.conformance.matrix import (
    CLIENT,
    GRPC_CLIENT,
    GRPC_SERVER,
    KINDS,
    SERVER,
    Matrix,
    Row,
    from_json,
    run_client,
    run_grpc_client,
    run_grpc_server,
    run_server,
)
from interop.conformance.matrix_html import as_html
from interop.conformance.matrix_page import as_markdown
from interop.conformance.model import Case, Level, Role
from interop.conformance.peers.clients import CLIENTS
from interop.conformance.peers.findings import FINDINGS
from interop.conformance.peers.grpc import GRPC_CLIENTS, GRPC_SERVERS
from interop.conformance.peers.servers import SERVERS
from interop.conformance.progress import Progress
from interop.conformance.server import Plan
from interop.conformance.server_command import DELIVERIES, count_from, seconds_from
from interop.conformance.table import all_cases, select
from interop.peers.process import ends_on_sigterm

NAMES: Final = tuple(
    f"{kind}/{name}"
    for kind, peers in ((SERVER, SERVERS), (CLIENT, CLIENTS), (GRPC_SERVER, GRPC_SERVERS), (GRPC_CLIENT, GRPC_CLIENTS))
    for name in peers
)
TIMEOUT_S: Final = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All of its arguments."""
    parser.epilog = f"NAME is one of {', '.join(NAMES)}, or what is behind the stroke for both."
    parser.add_argument("ids", nargs="*", metavar="ID", help="only these groups, lines or cases, e.g. SET, SET-01")
    parser.add_argument("--section", default="", help="only cases of this section of the RFC and below, e.g. 6.9")
    parser.add_argument("--only", nargs="+", action="extend", metavar="NAME", type=_name, help="only these peers")
    parser.add_argument("--programs", metavar="DIR", help="look for programs there first, e.g. the bin of a venv")
    parser.add_argument("--markdown", metavar="FILE", help="write the page to FILE")
    parser.add_argument("--html", metavar="FILE", help="write the page to FILE, with every case")
    parser.add_argument("--json", metavar="FILE", help="write the figures to FILE")
    parser.add_argument(
        "--from-json",
        metavar="FILE",
        help="run nothing, or what --only names: the rest is what --json wrote to FILE",
    )
    parser.add_argument(
        "--timeout", type=seconds_from, default=TIMEOUT_S, metavar="S", help="seconds to wait (default: 3)"
    )
    parser.add_argument("--parallel", type=count_from, default=4, metavar="N", help="so many at once (default: 4)")
    parser.add_argument("--delivery", choices=DELIVERIES, default="both", help="whole, octet by octet (default: both)")


def run(arguments: argparse.Namespace) -> int:
    """The exit status: 0 when something was run and nothing that is here could not be."""
    for path in filter(None, (arguments.json, arguments.markdown, arguments.html)):
        try:
            open(path, "ab").close()
        except OSError as error:
            return _refuse(f"cannot write {path}: {error.strerror}")
    known = None
    if arguments.from_json:
        try:
            known = from_json(Path(arguments.from_json).read_text("utf-8"))
        except (OSError, ValueError, TypeError, LookupError) as error:
            return _refuse(f"{arguments.from_json} holds no matrix: {error}")
    matrix = known or Matrix("", "", ())
    if known is None or arguments.only:
        if not any(_cases(arguments, kind) for kind in KINDS):
            return _refuse("no case is named so")
        if arguments.programs:
            os.environ["PATH"] = os.pathsep.join(
                (os.path.abspath(arguments.programs), os.environ.get("PATH", os.defpath))
            )
        with ends_on_sigterm():
            for latest in run_all(arguments, matrix):
                matrix = latest
                _write(arguments, matrix)
    _write(arguments, matrix)
    broken = [row for row in matrix.rows if row.problem and not row.problem.startswith("not here")]
    return commands.PASSED if matrix.rows and not broken else commands.FAILED


def _write(arguments: argparse.Namespace, matrix: Matrix) -> None:
    if arguments.json:
        Path(arguments.json).write_text(matrix.as_json(), "utf-8")
    if arguments.markdown:
        Path(arguments.markdown).write_text(as_markdown(matrix, FINDINGS), "utf-8")
    if arguments.html:
        Path(arguments.html).write_text(as_html(matrix, FINDINGS), "utf-8")


def run_all(arguments: argparse.Namespace, known: Matrix) -> Iterator[Matrix]:
    """The matrix, again after each of the peers that the arguments name; a line on standard error when it is done."""
    plan = Plan(DELIVERIES[arguments.delivery], arguments.parallel, arguments.timeout)
    names = [name for name in NAMES if not arguments.only or name in arguments.only or _plain(name) in arguments.only]
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    how = f"each case {'whole and octet by octet' if len(plan.deliveries) > 1 else plan.deliveries[0].value}"
    how += f", {plan.parallel} connections at once, {plan.timeout_s:g} s for an answer"
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    for name in names:
        kind, _, plain = name.partition("/")
        cases = _cases(arguments, kind)
        progress = Progress(sys.stderr, len(cases) * len(plan.deliveries), Level.MAY)
        begin_s = time.monotonic()
        if kind == SERVER:
            row = run_server(SERVERS[plain], cases, plan, progress.update)
        elif kind == CLIENT:
            row = run_client(CLIENTS[plain], cases, plan, progress.update)
        elif kind == GRPC_SERVER:
            row = run_grpc_server(GRPC_SERVERS[plain], cases, plan, progress.update)
        else:
            row = run_grpc_client(GRPC_CLIENTS[plain], cases, plan, progress.update)
        progress.clear()
        print(f"{name:18} {_told(row)}  ({time.monotonic() - begin_s:.0f} s)", file=sys.stderr, flush=True)
        known = merged(known, Matrix(system, how, (replace(row, date=date),)))
        yield known


def _cases(arguments: argparse.Namespace, kind: str) -> Sequence[Case]:
    """The cases that the arguments name, of a kind of row."""
    table = grpc_table.all_cases() if kind in (GRPC_SERVER, GRPC_CLIENT) else all_cases()
    role = Role.CLIENT if kind in (CLIENT, GRPC_CLIENT) else Role.SERVER
    return select(table, role=role, section=arguments.section, ids=arguments.ids)


def merged(known: Matrix, new: Matrix) -> Matrix:
    """The new rows in the place of the known ones, all in the usual order."""
    rows = {row.key: row for row in (*known.rows, *new.rows)}
    order = [name for name in NAMES if name in rows] + [name for name in rows if name not in NAMES]
    return replace(new, rows=tuple(rows[name] for name in order))


def _told(row: Row) -> str:
    if row.problem:
        return row.absence
    broken = ", ".join(f"{row.broke(level)} {level.name}" for level in sorted(Level, reverse=True))
    return f"{row.version:12} {len(row.ran)} cases: {row.broke(None)} passed, broke {broken}"


def _plain(name: str) -> str:
    return name.rpartition("/")[2]


def _name(text: str) -> str:
    if text not in NAMES and text not in map(_plain, NAMES):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(NAMES)}")
    return text


def _refuse(reason: str) -> int:
    print(f"interop conformance: {' '.join(reason.split())}", file=sys.stderr)
    return commands.USAGE
