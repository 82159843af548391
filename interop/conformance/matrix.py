"""The published matrix: the kit on servers and clients of others, as data that the pages are made of.

    row = run_server(SERVERS["nginx"], plan)        # a server for the length of the run, all cases, the worst of each
    matrix = Matrix("Linux x86_64", "each case whole", (row,))
    text = as_markdown(matrix, FINDINGS)            # `matrix_page`, `matrix_html`

A `CaseLine` is a case with the worst of its deliveries. It counts under the strongest level that was broken: a MUST
whose connection error came without GOAWAY is there, and broke a SHOULD.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from interop.conformance import client_command, server
from interop.conformance.bench import Bench
from interop.conformance.clients import Program
from interop.conformance.exchange import Target
from interop.conformance.grpc import server as grpc_server
from interop.conformance.grpc.bench import GrpcBench
from interop.conformance.grpc.clients import Program as GrpcProgram
from interop.conformance.model import Case, Level
from interop.conformance.peers.grpc import GrpcClientPeer, GrpcServerPeer
from interop.conformance.peers.peer import ClientPeer, ServerPeer, version_in
from interop.conformance.peers.running import ADDRESS, running
from interop.conformance.report import stimulus
from interop.conformance.run import Result, Unusable
from interop.conformance.sockets import Endpoint
from interop.peers.peer import BuildFailed, Missing, NeedsCheckout
from interop.peers.process import StartFailed, serving

SERVER: Final = "server"
CLIENT: Final = "client"
GRPC_SERVER: Final = "grpc-server"
GRPC_CLIENT: Final = "grpc-client"
KINDS: Final = {
    SERVER: "Servers",
    CLIENT: "Clients",
    GRPC_SERVER: "Servers of gRPC",
    GRPC_CLIENT: "Clients of gRPC",
}
"""What a row is about, in the order of the pages, and how a reader calls it."""

OnResult = Callable[[Result], None]
_TEXT_MAX = 400
"""Letters of what was sent or seen that are kept."""


@dataclass(frozen=True)
class CaseLine:
    """What became of a case. `breaks` is the strongest level that was broken, empty when none was."""

    id: str
    level: str
    clause: str
    reason: str
    skipped: str = ""
    breaks: str = ""
    outcome: str = ""
    seen: str = ""
    also: str = ""
    allowed: str = ""
    sent: str = ""
    deliveries: str = ""
    """The deliveries in which it failed, e.g. "whole, octets"."""

    @property
    def group(self) -> str:
        """The line of the list it belongs to, e.g. `FRM-01`."""
        return self.id.partition(".")[0]


@dataclass(frozen=True)
class Row:
    """One server or client. `problem` says why there are no lines."""

    name: str
    kind: str
    title: str
    version: str = ""
    install: str = ""
    answers: str = ""
    note: str = ""
    date: str = ""
    """The day on which it was run, as ISO 8601 writes it."""

    problem: str = ""
    lines: tuple[CaseLine, ...] = ()

    @property
    def absence(self) -> str:
        """Why there are no lines, in sentences."""
        return f"{self.problem}. To install: {self.install}." if self.install else f"{self.problem}."

    @property
    def key(self) -> str:
        """Unique in the matrix, e.g. "server/nginx"."""
        return f"{self.kind}/{self.name}"

    @property
    def ran(self) -> list[CaseLine]:
        """The cases that were run."""
        return [line for line in self.lines if not line.skipped]

    @property
    def failed(self) -> list[CaseLine]:
        """The cases in which something was broken."""
        return [line for line in self.lines if line.breaks]

    def broke(self, level: Level | None, of: str = "") -> int:
        """How many cases broke this level at most, None: nothing; `of`: only cases of rules of a level."""
        name = level.name if level is not None else ""
        return sum(line.breaks == name and of in ("", line.level) for line in self.ran)


@dataclass(frozen=True)
class Matrix:
    """All of it."""

    system: str
    how: str
    """How the cases were run, for the reader."""
    rows: tuple[Row, ...]

    @property
    def dates(self) -> str:
        """The day on which all was run, or the first and the last."""
        return " to ".join(dict.fromkeys((min(row.date for row in self.rows), max(row.date for row in self.rows))))

    def as_json(self) -> str:
        """The document that `from_json` reads."""
        return json.dumps(dataclasses.asdict(self), indent=1) + "\n"


def from_json(text: str) -> Matrix:
    """The matrix that `as_json` has written. Raises ValueError and its like for another document."""
    document: dict[str, Any] = json.loads(text)
    rows = [Row(**{**row, "lines": tuple(CaseLine(**line) for line in row["lines"])}) for row in document.pop("rows")]
    return Matrix(**document, rows=tuple(rows))


def case_lines(results: Iterable[Result]) -> tuple[CaseLine, ...]:
    """A line for each case, of its worst run, in the order of the cases."""
    runs: dict[str, list[Result]] = {}
    for result in results:
        runs.setdefault(result.case.key, []).append(result)
    return tuple(_line(of_case) for of_case in runs.values())


def _line(runs: Sequence[Result]) -> CaseLine:
    worst = max(runs, key=_severity)
    case, verdict = worst.case, worst.verdict
    if verdict is None:
        return CaseLine(case.id, case.level.name, case.clause, case.reason, skipped=worst.skipped)
    line = CaseLine(case.id, case.level.name, case.clause, case.reason, outcome=verdict.outcome.value)
    if verdict.breaks is None:
        return line
    also = [fault.text for fault in verdict.faults] + [str(violation) for violation in verdict.violations]
    return dataclasses.replace(
        line,
        breaks=verdict.breaks.name,
        seen=verdict.seen[:_TEXT_MAX],
        also="; ".join(dict.fromkeys(also))[:_TEXT_MAX],
        allowed=str(case.expectation),
        sent=stimulus(worst)[:_TEXT_MAX],
        deliveries=", ".join(run.delivery.value for run in runs if _severity(run) >= Level.MAY),
    )


def _severity(result: Result) -> int:
    """Worse is higher; a case that was skipped in one delivery and passed in the other has passed."""
    if result.verdict is None:
        return -1
    return 0 if result.verdict.breaks is None else result.verdict.breaks.value


def counts(lines: Iterable[CaseLine], section_of: Callable[[CaseLine], str]) -> dict[str, Counter[str]]:
    """Of each section: how many lines "ran", "passed", were "skipped", and broke "MUST", "SHOULD" or "MAY"."""
    table: dict[str, Counter[str]] = {}
    for line in lines:
        row = table.setdefault(section_of(line), Counter())
        row["skipped" if line.skipped else "ran"] += 1
        if not line.skipped:
            row[line.breaks or "passed"] += 1
    return table


# -- running -----------------------------------------------------------------------------------------------------------


def run_server(peer: ServerPeer, cases: Sequence[Case], plan: server.Plan, on_result: OnResult | None = None) -> Row:
    """The row of a server: it is started, all cases are run, it is ended."""
    row = Row(peer.name, SERVER, peer.title, install=peer.install, answers=peer.answers, note=peer.note)
    if peer.deliveries:
        plan = dataclasses.replace(plan, deliveries=peer.deliveries)
    try:
        row = dataclasses.replace(row, version=peer.version())
        with running(peer) as port:
            endpoint = Endpoint.find(ADDRESS, port, timeout_s=plan.timeout_s)
            hold_path = peer.hold_path or peer.echo_path
            target = Target("http", f"{ADDRESS}:{port}", peer.path, peer.echo_path, hold_path)
            target = server.reference(endpoint, target, peer.status)
            if peer.hold_path:
                plan = dataclasses.replace(plan, needs=plan.needs | {"hold"})
            results = server.run_cases(cases, endpoint, target, plan, on_result)
    except (Missing, BuildFailed, StartFailed, Unusable, OSError) as error:
        return _absent(row, error)
    return dataclasses.replace(row, lines=case_lines(results))


def run_grpc_server(
    peer: GrpcServerPeer, cases: Sequence[Case], plan: server.Plan, on_result: OnResult | None = None
) -> Row:
    """The row of a server of gRPC: cases of the gRPC level, against TestService."""
    row = Row(peer.name, GRPC_SERVER, peer.title, install=peer.install, answers="the official TestService")
    try:
        commands = peer.commands()
        row = dataclasses.replace(row, version=version_in(commands.version))
        with serving([*commands.server, "--port", "0"]) as running_server:
            host, _, port = running_server.address.rpartition(":")
            endpoint = Endpoint.find(host, int(port), timeout_s=plan.timeout_s)
            target = grpc_server.reference(endpoint, Target("http", running_server.address, "/"))
            results = server.run_cases(cases, endpoint, target, grpc_server.of_calls(plan), on_result)
    except (Missing, BuildFailed, StartFailed, Unusable, OSError) as error:
        return _absent(row, error)
    return dataclasses.replace(row, lines=case_lines(results))


def run_client(peer: ClientPeer, cases: Sequence[Case], plan: server.Plan, on_result: OnResult | None = None) -> Row:
    """The row of a client, which is started for each case."""

    def bench() -> Bench:
        return Bench(Program(peer.command(), shows_content=peer.shows_content), timeout_s=plan.timeout_s)

    return _run_client(CLIENT, peer, bench, cases, plan, on_result)


def run_grpc_client(
    peer: GrpcClientPeer, cases: Sequence[Case], plan: server.Plan, on_result: OnResult | None = None
) -> Row:
    """The row of a client of gRPC, which is started for each case."""

    def bench() -> Bench:
        return GrpcBench(GrpcProgram(peer.command()), timeout_s=plan.timeout_s)

    return _run_client(GRPC_CLIENT, peer, bench, cases, plan, on_result)


def _run_client(
    kind: str,
    peer: ClientPeer | GrpcClientPeer,
    bench_of: Callable[[], Bench],
    cases: Sequence[Case],
    plan: server.Plan,
    on_result: OnResult | None,
) -> Row:
    row = Row(peer.name, kind, peer.title, install=peer.install, note=peer.note)
    try:
        row = dataclasses.replace(row, version=version_in(peer.version()))
        with bench_of() as bench:
            bench.check()
            update = on_result or (lambda result: None)
            deliveries = peer.deliveries or plan.deliveries
            results = client_command.run_cases(bench, cases, deliveries, plan.parallel, update)
    except (Missing, BuildFailed, StartFailed, Unusable, OSError) as error:
        return _absent(row, error)
    return dataclasses.replace(row, lines=case_lines(results))


def _absent(row: Row, error: Exception) -> Row:
    """The row of what cannot be tested: why, and how it is installed, where that would help and is not said yet."""
    helps = not isinstance(error, NeedsCheckout) and row.install not in str(error)
    return dataclasses.replace(row, problem=_problem(error), install=row.install if helps else "")


def _problem(error: Exception) -> str:
    said = getattr(error, "stderr", "") or getattr(error, "output", "")
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
    if isinstance(error, Missing):
        return f"not here: {error}"
    return " ".join(f"cannot be tested: {error}{f' ({last[:200]})' if last else ''}".split())
