"""The official interop cases as tables: for each server a row for each case and a column for each client.

`official` holds every client against both faces of Plait, and both faces against every server, in plaintext and over
TLS; every other program meets itself too: this shows that the cases are right, for no code of ours takes part in what
the two exchange. `negative` holds each client against our servers that go wrong on purpose.

A server is started once and serves one client after the other. A cell is PASS, FAIL, MISSING as in `matrix`, or `-` for
a case that the client, or the server, does not have. Below the tables stands why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple

from interop import matrix
from interop.cases import Outcome
from interop.matrix import OVER, PLAIT, TLS, Report, Result, Scenario, ScenarioFailed, Workplace
from interop.official_cases import NEGATIVE, OFFICIAL
from interop.peers import certificate, grpc_go_official, grpc_java, grpc_js, grpcio, plait
from interop.peers.peer import BuildFailed, Commands, Missing
from interop.peers.process import StartFailed, run, serving


class Program(NamedTuple):
    """A server and a client that take part. `peer` is whose they are: two APIs of one library are one peer."""

    peer: str
    commands: Callable[[], Commands]


PLAIT_SYNC: Final = "plait_sync"
PROGRAMS: Final[dict[str, Program]] = {
    PLAIT: Program(PLAIT, plait.commands),
    PLAIT_SYNC: Program(PLAIT, plait.blocking_commands),
    "grpc_go": Program("grpc_go", grpc_go_official.commands),
    "grpc_java": Program("grpc_java", grpc_java.commands),
    "grpc_js": Program("grpc_js", grpc_js.commands),
    "grpcio": Program("grpcio", grpcio.commands),
    "grpcio_sync": Program("grpcio", grpcio.blocking_commands),
}
OURS: Final = (PLAIT, PLAIT_SYNC)
NEGATIVE_SERVER: Final = "negative"
ALL_CASES: Final = (*OFFICIAL, *NEGATIVE)
CLIENT_TIMEOUT_S: Final = 180.0

_NOT_RUN = "-"

Lacks = Mapping[str, Mapping[str, str]]
"""Program -> case -> why it does not have it."""


def official_workplace() -> Any:
    """A workplace for the programs here."""
    return matrix.workplace({name: program.commands for name, program in PROGRAMS.items()})


def scenarios(names: Sequence[str] = tuple(PROGRAMS), over: Sequence[str] = OVER) -> tuple[Scenario, ...]:
    """Those of the named programs, server by server: Plait's two with every client, others with Plait's and their own.

    The programs of Plait take part where they are named.
    """
    pairs = [
        (server, client) for server in names for client in names if server in OURS or client in OURS or server == client
    ]
    return tuple(
        Scenario(PROGRAMS[client if server in OURS else server].peer, server, client, way)
        for way in over
        for server, client in pairs
    )


def negative_scenarios(names: Sequence[str] = tuple(PROGRAMS)) -> tuple[Scenario, ...]:
    """Each of the named programs as client."""
    return tuple(Scenario(PROGRAMS[name].peer, NEGATIVE_SERVER, name) for name in names)


def cases_of(scenario: Scenario, place: Workplace, cases: Sequence[str]) -> list[str]:
    """Those of the cases that are of the scenario's suite and that both its sides have. Raises Missing, BuildFailed."""
    lacks = place.commands(scenario.client).lacks
    if scenario.server == NEGATIVE_SERVER:
        return [case for case in cases if case in NEGATIVE and case not in lacks]
    server_lacks = place.commands(scenario.server).server_lacks
    return [case for case in cases if case in OFFICIAL and case not in lacks and case not in server_lacks]


def run_scenarios(group: Iterable[Scenario], place: Workplace, cases: Sequence[str]) -> Iterator[Report]:
    """Runs scenarios; those with the same server that follow each other share it. Nothing is raised.

    How a server ends is known after its last client: where that is badly, a report of its own tells it.
    """
    for (server, over), members in groupby(group, lambda scenario: (scenario.server, scenario.over)):
        if server == NEGATIVE_SERVER:
            yield from (_negative(scenario, place, cases) for scenario in members)
        else:
            yield from _with_one_server(server, over, list(members), place, cases)


def _with_one_server(
    name: str, over: str, group: Sequence[Scenario], place: Workplace, cases: Sequence[str]
) -> Iterator[Report]:
    def failing(error: Exception) -> Callable[[], list[Outcome]]:
        def raise_it() -> list[Outcome]:
            raise error

        return raise_it

    reported = 0
    try:
        server_tls: list[str] = []
        client_tls: list[str] = []
        if over == TLS:
            files = place.certificate()
            server_tls = ["--tls-cert", str(files.certificate), "--tls-key", str(files.key)]
            client_tls = ["--tls-ca", str(files.authority), "--tls-name", certificate.NAME]
        with serving([*place.commands(name).server, *server_tls, "--port", "0"]) as server:
            for scenario in group:
                yield matrix.report_on(scenario, partial(_checks, scenario, place, cases, server.address, client_tls))
                reported += 1
    except (Missing, BuildFailed, StartFailed) as error:
        yield from (matrix.report_on(scenario, failing(error)) for scenario in group[reported:])
        return
    if server.problem is not None:
        ended_badly = Scenario(PROGRAMS[name].peer if name in PROGRAMS else name, name, "(its end)", over)
        yield matrix.report_on(ended_badly, failing(ScenarioFailed(f"the server {server.problem}", server.stderr)))


def _checks(
    scenario: Scenario, place: Workplace, cases: Sequence[str], address: str, tls: Sequence[str]
) -> list[Outcome]:
    names = cases_of(scenario, place, cases)
    if not names:
        return []
    command = [*place.commands(scenario.client).client, *tls, "--suite", "official", "--check", ",".join(names)]
    return matrix.outcomes_told_by(run([*command, "--addr", address], timeout_s=CLIENT_TIMEOUT_S), names)


def _negative(scenario: Scenario, place: Workplace, cases: Sequence[str]) -> Report:
    """The cases with a server each. What the server saw counts as much as what the client says."""

    def checks() -> list[Outcome]:
        chosen = cases_of(scenario, place, cases)
        if not chosen:
            return []
        names = ",".join(chosen)
        server = [sys.executable, "-m", "interop.negative_server", "--case", names]
        command = [*place.commands(scenario.client).client, "--suite", "negative", "--check", names]
        try:
            return matrix.outcomes_of(server, command, chosen)
        except ScenarioFailed as failure:
            seen = dict(line.split(": ", 1) for line in failure.log.splitlines() if ": " in line)
            failure.checks = [
                replace(told, ok=False, detail=seen[told.check]) if told.check in seen else told
                for told in failure.checks
            ]
            raise

    return matrix.report_on(scenario, checks)


# The tables.


def _cell(report: Report, case: str, lacks: Lacks, server_lacks: Lacks) -> str:
    scenario = report.scenario
    if case in lacks.get(scenario.client, {}) or case in server_lacks.get(scenario.server, {}):
        return _NOT_RUN
    if report.result is Result.MISSING:
        return str(Result.MISSING)
    outcome = next((outcome for outcome in report.checks if outcome.check == case), None)
    return str(Result.PASS if outcome is not None and outcome.ok else Result.FAIL)


def _aligned(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _is_of_a_client(report: Report) -> bool:
    return report.scenario.client in PROGRAMS


def table_lines(reports: Sequence[Report], cases: Sequence[str], lacks: Lacks, server_lacks: Lacks) -> Iterator[str]:
    """A table for each server, a summary of all, then what the cells do not say."""
    tables = groupby(filter(_is_of_a_client, reports), lambda report: (report.scenario.over, report.scenario.server))
    for (over, server), group in tables:
        columns = list(group)
        yield f"{server} server, {over}; the clients:"
        header = ["", *(report.scenario.client for report in columns)]
        rows = [[case, *(_cell(report, case, lacks, server_lacks) for report in columns)] for case in cases]
        yield from _aligned([header, *rows])
        yield ""
    yield from summary_lines(reports, cases, lacks, server_lacks)
    yield from _reasons(cases, "client", lacks, {report.scenario.client for report in reports})
    yield from _reasons(cases, "server", server_lacks, {report.scenario.server for report in reports})
    for report in reports:
        scenario = report.scenario
        for detail in report.details():
            where = f"{scenario.server} server, {scenario.client} client, {scenario.over}"
            yield f"    {where}: {matrix.printable(detail)}"


def summary_lines(reports: Sequence[Report], cases: Sequence[str], lacks: Lacks, server_lacks: Lacks) -> Iterator[str]:
    """A row for each server, a column for each client: how many cases passed, of those that both have."""
    clients = list(dict.fromkeys(report.scenario.client for report in reports if _is_of_a_client(report)))
    ways = list(dict.fromkeys(report.scenario.over for report in reports))
    yield f"server \\ client: cases that passed, of those that both have; {', then '.join(ways)}"
    cells: dict[tuple[str, str], list[str]] = {}
    for report in filter(_is_of_a_client, reports):
        told = [_cell(report, case, lacks, server_lacks) for case in cases]
        count = f"{told.count(str(Result.PASS))}/{len(told) - told.count(_NOT_RUN)}"
        is_missing = report.result is Result.MISSING
        cell = cells.setdefault((report.scenario.server, report.scenario.client), [])
        cell.append(str(Result.MISSING) if is_missing else count)
    lines = [["", *clients]]
    for server in dict.fromkeys(report.scenario.server for report in reports):
        lines.append([server, *(" ".join(dict.fromkeys(cells.get((server, client), [""]))) for client in clients)])
    yield from _aligned(lines)
    yield ""


def _reasons(cases: Sequence[str], role: str, lacks: Lacks, present: set[str]) -> Iterator[str]:
    """Why cells are `-`: each reason once, with whom and what it concerns."""
    concerned: dict[str, tuple[list[str], list[str]]] = {}
    for name, gaps in lacks.items():
        for case in cases:
            if name in present and case in gaps:
                names, lacking = concerned.setdefault(gaps[case], ([], []))
                names.extend([name] * (name not in names))
                lacking.extend([case] * (case not in lacking))
    for why, (names, lacking) in concerned.items():
        yield f"    {', '.join(lacking)}; {' and '.join(names)} {role}: {why}"


def run_cases(cases: Sequence[str], peers: Iterable[str], over: Sequence[str], results: dict[str, Any]) -> bool:
    """Runs the cases over the peers and Plait, prints the tables, adds to the results. Whether a cell is at fault."""
    chosen = [name for name, program in PROGRAMS.items() if program.peer == PLAIT or program.peer in peers]
    must_be_there = matrix.required()
    at_fault = False
    with official_workplace() as place:
        print()
        results["peers"] |= {f"{peer} (official)": told for peer, told in matrix.print_versions(chosen, place).items()}
        here = {name: place.commands(name) for name in chosen if place.is_here(name)}
        lacks = {name: commands.lacks for name, commands in here.items()}
        server_lacks = {name: commands.server_lacks for name, commands in here.items()}
        for suite, members, pairings in (
            ("official", OFFICIAL, scenarios(chosen, over)),
            ("negative", NEGATIVE, negative_scenarios(chosen)),
        ):
            rows = [case for case in cases if case in members]
            if not rows:
                continue
            reports = []
            for report in run_scenarios(pairings, place, rows):
                reports.append(report)
                print(_progress(suite, report), flush=True)
            print()
            for line in table_lines(reports, rows, lacks, server_lacks):
                print(line)
            print(flush=True)
            results[suite] = {
                "cases": rows,
                "not_run": {
                    "client": {name: _of(rows, gaps) for name, gaps in lacks.items()},
                    "server": {name: _of(rows, gaps) for name, gaps in server_lacks.items()},
                },
                "scenarios": matrix.as_json(reports),
            }
            at_fault = at_fault or any(matrix.is_fault(report, must_be_there) for report in reports)
    return at_fault


def _of(cases: Sequence[str], gaps: Mapping[str, str]) -> dict[str, str]:
    return {case: gaps[case] for case in cases if case in gaps}


def _progress(suite: str, report: Report) -> str:
    scenario = report.scenario
    passed = sum(outcome.ok for outcome in report.checks)
    pair = f"{suite}, {scenario.over}: {scenario.server} server, {scenario.client} client"
    return f"{pair}: {report.result}, {passed} of {len(report.checks)} in {report.seconds:.1f} s"
