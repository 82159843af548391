"""The matrix: every scenario of server and client, run as programs of their own, and a table of what came of it.

A scenario has one of three results. PASS: every check held, and the server ended as it should. FAIL: anything else that
ran, or should have. MISSING: something that the scenario needs is not on this machine. MISSING is no fault, unless the
environment variable INTEROP_REQUIRE names the peer (names with commas between them, as CI gives them).

What a scenario checks depends on the kind of its peer:

| kind          | peers            | the checks                                                                       |
|---------------|------------------|----------------------------------------------------------------------------------|
| gRPC          | grpc_go, grpcio  | those of `cases`: its server and ours, each with its client and ours             |
| HTTP/2 client | curl, nghttp     | 10 MiB from a file of `python -m http2 serve`, and 10 MiB to /echo and back      |

That is `--case helloworld`. The official interop cases are other tables, in `official_matrix`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

from interop.cases import CHECKS, Outcome
from interop.official_cases import NEGATIVE, OFFICIAL
from interop.peers import certificate, grpc_go, grpcio, plait
from interop.peers.certificate import Certificate
from interop.peers.http_tools import HTTP_TOOLS, TRANSFER_TIMEOUT_S, HttpTool
from interop.peers.peer import BuildFailed, Commands, Missing
from interop.peers.process import Finished, Server, StartFailed, ends_on_sigterm, last_lines, run, serving

HELLOWORLD: Final = "helloworld"
ALL: Final = "all"
CASES: Final = (HELLOWORLD, *OFFICIAL, *NEGATIVE, ALL)
PLAIT: Final = "plait"
GRPC_PEERS: Final[dict[str, Callable[[], Commands]]] = {"grpc_go": grpc_go.commands, "grpcio": grpcio.commands}
OFFICIAL_ONLY: Final = ("grpc_java", "grpc_js")
"""Peers that come with the official cases alone."""
PEERS: Final = (*GRPC_PEERS, *OFFICIAL_ONLY, *HTTP_TOOLS)
PLAINTEXT: Final = "plaintext"
TLS: Final = "TLS"
OVER: Final = (PLAINTEXT, TLS)
PAYLOAD_BYTES: Final = 10 * 2**20

_CLIENT_TIMEOUT_S = 90.0
_PAYLOAD_NAME = "payload.bin"
_PAYLOAD_SEED = 9113


class Result(StrEnum):
    """What a cell of the table says."""

    PASS = "PASS"
    FAIL = "FAIL"
    MISSING = "MISSING"


@dataclass(frozen=True)
class Scenario:
    """A server and a client. `peer` is whom the scenario is about: who is missing if it cannot run."""

    peer: str
    server: str
    client: str
    over: str = PLAINTEXT

    def __str__(self) -> str:
        return f"{self.peer}: {self.server} server, {self.client} client, {self.over}"


@dataclass(frozen=True)
class Report:
    """What became of a scenario. `problem` is the reason in a line; `log` what a program printed to explain it."""

    scenario: Scenario
    result: Result
    seconds: float
    checks: list[Outcome] = field(default_factory=list)
    problem: str | None = None
    log: str = ""

    def details(self) -> list[str]:
        """Why the result is not PASS, line by line."""
        failed = [f"{outcome.check}: {outcome.detail}" for outcome in self.checks if not outcome.ok]
        reason = [] if self.problem is None else [self.problem]
        return reason + failed + [f"| {line}" for line in self.log.splitlines()]


def _scenarios() -> Iterator[Scenario]:
    for peer in GRPC_PEERS:
        for server in (peer, PLAIT):
            for client in (peer, PLAIT):
                yield Scenario(peer, server, client)
    for tool in HTTP_TOOLS:
        for over in OVER:
            yield Scenario(tool, PLAIT, tool, over)


SCENARIOS: Final = tuple(_scenarios())


class ScenarioFailed(Exception):
    """A scenario that came to no list of checks, or whose list is not all there is to say."""

    def __init__(self, problem: str, log: str = "", checks: Sequence[Outcome] = ()) -> None:
        super().__init__(problem)
        self.log = log
        self.checks = list(checks)


class Workplace:
    """What scenarios share for the length of a run: built peers, the 10 MiB, a certificate. Each is made when needed.

    `directory` is an empty directory, which the caller removes. `grpc_peers` maps names to their `commands()`.
    """

    def __init__(self, directory: Path, grpc_peers: Mapping[str, Callable[[], Commands]] | None = None) -> None:
        self._directory = directory
        self._factories = {PLAIT: plait.commands, **(GRPC_PEERS if grpc_peers is None else grpc_peers)}
        self._made: dict[str, Any] = {}

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` returned or raised when it was first called under the name: a build fails once, not thrice."""
        if name not in self._made:
            try:
                self._made[name] = make()
            except (Missing, BuildFailed) as error:
                self._made[name] = error
        made = self._made[name]
        if isinstance(made, Exception):
            raise made
        return made

    def commands(self, peer: str) -> Commands:
        """The command lines of a gRPC peer. Raises Missing and BuildFailed."""
        commands: Commands = self._once(peer, self._factories[peer])
        return commands

    def is_here(self, peer: str) -> bool:
        """Whether `commands` has an answer."""
        try:
            self.commands(peer)
        except (Missing, BuildFailed):
            return False
        return True

    def version(self, peer: str) -> str:
        """What the peer is, in a few words. Raises Missing and BuildFailed."""
        if peer not in HTTP_TOOLS:
            return self.commands(peer).version
        version: str = self._once(peer, HTTP_TOOLS[peer].version)
        return version

    def certificate(self) -> Certificate:
        """A certificate for 127.0.0.1. Raises Missing."""
        made: Certificate = self._once("the certificate", lambda: certificate.make(self._directory))
        return made

    def root(self) -> Path:
        """A directory that holds the payload, 10 MiB that do not compress, and nothing else."""

        def make() -> Path:
            root = self._directory / "root"
            root.mkdir()
            (root / _PAYLOAD_NAME).write_bytes(random.Random(_PAYLOAD_SEED).randbytes(PAYLOAD_BYTES))
            return root

        root: Path = self._once("the payload", make)
        return root

    def received(self, name: str) -> Path:
        """Where the content of a response is kept until it is compared."""
        return self._directory / name


@contextmanager
def workplace(grpc_peers: Mapping[str, Callable[[], Commands]] | None = None) -> Iterator[Workplace]:
    """A workplace in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="plait-interop-") as directory:
        yield Workplace(Path(directory), grpc_peers)


# Scenarios.


def run_scenario(scenario: Scenario, place: Workplace) -> Report:
    """Runs one scenario to its end. What goes wrong is in the report; nothing is raised for it."""

    def checks() -> list[Outcome]:
        if scenario.peer in HTTP_TOOLS:
            return _transfer(HTTP_TOOLS[scenario.peer], scenario.over, place)
        return outcomes_of(
            place.commands(scenario.server).server, place.commands(scenario.client).client, tuple(CHECKS)
        )

    return report_on(scenario, checks)


def report_on(scenario: Scenario, checks: Callable[[], list[Outcome]]) -> Report:
    """The report on what `checks` returns or raises: Missing, BuildFailed, StartFailed or ScenarioFailed."""
    begin_s = time.monotonic()
    report = partial(Report, scenario)
    try:
        outcomes = checks()
        result = Result.PASS if all(outcome.ok for outcome in outcomes) else Result.FAIL
        return report(result, time.monotonic() - begin_s, outcomes)
    except Missing as missing:
        return report(Result.MISSING, time.monotonic() - begin_s, problem=str(missing))
    except BuildFailed as failure:
        return report(Result.FAIL, time.monotonic() - begin_s, problem=str(failure), log=last_lines(failure.output))
    except StartFailed as failure:
        return report(Result.FAIL, time.monotonic() - begin_s, problem=f"the server {failure}", log=failure.stderr)
    except ScenarioFailed as failure:
        return report(Result.FAIL, time.monotonic() - begin_s, failure.checks, str(failure), failure.log)


def outcomes_of(server_command: Sequence[str], client_command: Sequence[str], names: Sequence[str]) -> list[Outcome]:
    """The named checks with a server of their own. Raises StartFailed, and ScenarioFailed with those that were made."""
    with serving([*server_command, "--port", "0"]) as server:
        client = run([*client_command, "--addr", server.address], timeout_s=_CLIENT_TIMEOUT_S)
    outcomes = outcomes_told_by(client, names)
    _expect_clean_end(server, outcomes)
    return outcomes


def outcomes_told_by(client: Finished, names: Sequence[str]) -> list[Outcome]:
    """The named checks, as a client has reported them. Raises ScenarioFailed, with those that it made."""
    outcomes = _outcomes(client)
    reported = [outcome.check for outcome in outcomes]
    if client.problem is not None:
        raise ScenarioFailed(f"the client {client.problem}", client.stderr, outcomes)
    if reported != list(names):
        raise ScenarioFailed(f"the client reports {reported}, not {list(names)}", client.stderr, outcomes)
    if client.exit_status != (0 if all(outcome.ok for outcome in outcomes) else 1):
        raise ScenarioFailed(f"the client ended with exit status {client.exit_status}", client.stderr, outcomes)
    return outcomes


def _outcomes(client: Finished) -> list[Outcome]:
    outcomes = []
    for line in client.stdout.splitlines():
        try:
            told = json.loads(line)
            outcomes.append(Outcome(str(told["check"]), told["ok"] is True, str(told["detail"])))
        except (ValueError, LookupError, TypeError):
            raise ScenarioFailed(f"the client printed {line[:80]!r}, which is no check's line", client.stderr, outcomes)
    return outcomes


def _expect_clean_end(server: Server, outcomes: Sequence[Outcome]) -> None:
    if server.problem is not None:
        raise ScenarioFailed(f"the server {server.problem}", server.stderr, outcomes)


def _transfer(tool: HttpTool, over: str, place: Workplace) -> list[Outcome]:
    """10 MiB each way through our HTTP/2 server. Raises Missing, StartFailed and ScenarioFailed."""
    place.version(tool.name)
    program = tool.command()
    root = place.root()
    serve = [sys.executable, "-m", "http2", "serve", "--port", "0", "--root", str(root)]
    trusted = None
    if over == TLS:
        files = place.certificate()
        serve += ["--tls-cert", str(files.certificate), "--tls-key", str(files.key)]
        trusted = files.authority
    payload = root / _PAYLOAD_NAME
    with serving(serve) as server:
        origin = f"{'http' if trusted is None else 'https'}://{server.address}"
        request = [program, *tool.arguments(trusted)]
        requests = {
            "get_10_mib": [*request, f"{origin}/{_PAYLOAD_NAME}"],
            "echo_10_mib": [*request, *tool.post(payload), f"{origin}/echo"],
        }
        outcomes = [_transferred(name, command, payload, place) for name, command in requests.items()]
    _expect_clean_end(server, outcomes)
    return outcomes


def _transferred(name: str, command: list[str], payload: Path, place: Workplace) -> Outcome:
    """Whether the program's output is the payload."""
    received = place.received(name)
    with received.open("wb") as stdout:
        done = run(command, timeout_s=TRANSFER_TIMEOUT_S + 10, stdout=stdout)
    seen = f"{received.stat().st_size} octets, SHA-256 {_sha256(received)[:16]}"
    due = f"{payload.stat().st_size} octets, SHA-256 {_sha256(payload)[:16]}"
    received.unlink()
    if done.problem is not None:
        return Outcome(name, False, f"{Path(command[0]).name} {done.problem}; {seen}")
    if done.exit_status != 0 or seen != due:
        said = " ".join(done.stderr.split())[-300:]
        return Outcome(name, False, f"{seen}; {due} were due; exit status {done.exit_status}; it says: {said}")
    return Outcome(name, True, seen)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# The table.


def required(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The peers that INTEROP_REQUIRE names. Others than those of the matrix may stand there too."""
    names = (name.strip() for name in environment.get("INTEROP_REQUIRE", "").split(","))
    return frozenset(name for name in names if name)


def is_fault(report: Report, must_be_there: frozenset[str]) -> bool:
    """Whether the report makes the run fail."""
    return report.result is Result.FAIL or (report.result is Result.MISSING and report.scenario.peer in must_be_there)


_WIDTHS = {"peer": 7, "server": 7, "client": 7, "over": 9, "result": 18, "seconds": 7, "checks": 6}


def _row(report: Report, must_be_there: frozenset[str]) -> tuple[str, ...]:
    scenario, checks = report.scenario, report.checks
    held = f"{sum(outcome.ok for outcome in checks)} of {len(checks)}" if checks else "-"
    result = str(report.result)
    if report.result is Result.MISSING and scenario.peer in must_be_there:
        result += " (required)"
    return scenario.peer, scenario.server, scenario.client, scenario.over, result, f"{report.seconds:.1f}", held


def _line(cells: Sequence[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, _WIDTHS.values(), strict=True)).rstrip()


def printable(text: str) -> str:
    """The text without control characters: it comes from other programs and goes to a terminal."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def table_lines(reports: Iterable[Report], must_be_there: frozenset[str]) -> Iterator[str]:
    """The table, a line at a time, as far as the reports have come; under each row why it is not PASS."""
    yield _line(tuple(_WIDTHS))
    counts = dict.fromkeys(Result, 0)
    for report in reports:
        counts[report.result] += 1
        yield _line(_row(report, must_be_there))
        yield from (f"    {printable(line)}" for line in report.details())
    summary = ", ".join(f"{count} {result}" for result, count in counts.items() if count)
    yield f"{sum(counts.values())} scenarios: {summary}"


def as_json(reports: Iterable[Report]) -> list[dict[str, Any]]:
    """The reports for programs."""
    return [
        {
            **asdict(report.scenario),
            "result": str(report.result),
            "seconds": round(report.seconds, 3),
            "checks": [asdict(outcome) for outcome in report.checks],
            "problem": report.problem,
            "log": report.log,
        }
        for report in reports
    ]


def _over(text: str) -> tuple[str, ...]:
    known = {name.lower(): name for name in OVER}
    names = text.lower().split(",")
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is nothing to speak over; there are {', '.join(known)}")
    return tuple(known[name] for name in names)


def _peer_names(text: str) -> tuple[str, ...]:
    names = text.split(",")
    for name in names:
        if name not in PEERS:
            raise argparse.ArgumentTypeError(f"no peer is named {name!r}; there are {', '.join(PEERS)}")
    return tuple(names)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m interop matrix`."""
    parser.add_argument(
        "--case",
        choices=CASES,
        default=ALL,
        metavar="CASE",
        help=f"what is checked, of {', '.join(CASES)} (default: %(default)s)",
    )
    parser.add_argument(
        "--peers", type=_peer_names, default=PEERS, metavar="NAME,...", help=f"of {', '.join(PEERS)} (default: all)"
    )
    parser.add_argument(
        "--over", type=_over, default=OVER, metavar="NAME,...", help="of plaintext, tls (default: both)"
    )
    parser.add_argument("--json", metavar="FILE", help="write the results to this file too, as JSON")


def run_matrix(options: argparse.Namespace) -> int:
    """Runs what the options choose and prints the tables. The exit status: 1 if a scenario is at fault."""
    from interop import official_matrix

    results: dict[str, Any] = {"case": options.case, "peers": {}}
    at_fault = False
    with ends_on_sigterm():
        if options.case in (HELLOWORLD, ALL):
            at_fault = _run_helloworld(options.peers, options.over, results)
        if options.case != HELLOWORLD:
            cases = official_matrix.ALL_CASES if options.case == ALL else (options.case,)
            at_fault = official_matrix.run_cases(cases, options.peers, options.over, results) or at_fault
    if options.json is not None:
        try:
            Path(options.json).write_text(json.dumps(results, indent=2) + "\n")
        except OSError as error:
            print(f"interop: cannot write {options.json}: {error.strerror}", file=sys.stderr)
            return 1
    return 1 if at_fault else 0


def print_versions(peers: Iterable[str], place: Workplace) -> dict[str, str]:
    """What each peer is, or why it is not here: printed, and returned."""
    versions = {}
    for peer in peers:
        try:
            versions[peer] = place.version(peer)
        except (Missing, BuildFailed) as error:
            versions[peer] = str(error)
        print(f"{peer}: {versions[peer]}", flush=True)
    print()
    return versions


def _run_helloworld(peers: Sequence[str], over: Sequence[str], results: dict[str, Any]) -> bool:
    """Runs the scenarios of the peers and prints their table. Whether one of them is at fault."""
    must_be_there = required()
    reports: list[Report] = []
    peers = [peer for peer in peers if peer not in OFFICIAL_ONLY]
    with workplace() as place:
        results["peers"] |= print_versions((*peers, PLAIT), place)

        def run_each() -> Iterator[Report]:
            for scenario in SCENARIOS:
                if scenario.peer in peers and scenario.over in over:
                    reports.append(run_scenario(scenario, place))
                    yield reports[-1]

        for line in table_lines(run_each(), must_be_there):
            print(line, flush=True)
    results["scenarios"] = as_json(reports)
    return any(is_fault(report, must_be_there) for report in reports)
