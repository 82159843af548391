"""The official interop cases as a table: a row for each case, a column for each pairing of a server and a client.

`official` pairs Plait with every peer, and every peer with itself: this shows that the cases are right, for no code of
ours takes part in what the two exchange. `negative` holds each client against our servers that go wrong on purpose.

A cell is PASS, FAIL, MISSING as in `matrix`, or `-` for a case that the client, or Plait, does not have. Below the
table stands why.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from interop import matrix
from interop.cases import Outcome
from interop.matrix import PLAIT, Report, Result, Scenario, ScenarioFailed, Workplace
from interop.official_cases import NEGATIVE, NOT_IN_PLAIT, OFFICIAL
from interop.peers import grpc_go_official, grpc_java, grpcio, plait
from interop.peers.peer import Commands

OFFICIAL_PEERS: Final[dict[str, Callable[[], Commands]]] = {
    PLAIT: plait.commands,
    "grpc_go": grpc_go_official.commands,
    "grpc_java": grpc_java.commands,
    "grpcio": grpcio.commands,
}
NEGATIVE_SERVER: Final = "negative"
ALL_CASES: Final = (*OFFICIAL, *NOT_IN_PLAIT, *NEGATIVE)

_NOT_RUN = "-"


def scenarios(names: Sequence[str] = tuple(OFFICIAL_PEERS)) -> tuple[Scenario, ...]:
    """Plait with each of the named peers, both ways; then each of the others with itself."""
    pairs = [(PLAIT, name) for name in names] + [(name, PLAIT) for name in names if name != PLAIT]
    pairs += [(name, name) for name in names if name != PLAIT]
    return tuple(Scenario(client if server == PLAIT else server, server, client) for server, client in pairs)


def negative_scenarios(names: Sequence[str] = tuple(OFFICIAL_PEERS)) -> tuple[Scenario, ...]:
    """Each of the named peers as client."""
    return tuple(Scenario(name, NEGATIVE_SERVER, name) for name in names)


def run_scenario(scenario: Scenario, place: Workplace, cases: Sequence[str]) -> Report:
    """Runs those of the cases that are of the scenario's suite and that its client has. Nothing is raised."""

    def checks() -> list[Outcome]:
        client = place.commands(scenario.client)
        if scenario.server == NEGATIVE_SERVER:
            return _negative(client, [case for case in cases if case in NEGATIVE and case not in client.lacks])
        names = [case for case in cases if case in OFFICIAL and case not in client.lacks]
        command = [*client.client, "--suite", "official", "--check", ",".join(names)]
        return matrix.outcomes_of(place.commands(scenario.server).server, command, names) if names else []

    return matrix.report_on(scenario, checks)


def _negative(client: Commands, cases: Sequence[str]) -> list[Outcome]:
    """The cases with a server each. What the server saw counts as much as what the client says."""
    if not cases:
        return []
    names = ",".join(cases)
    server = [sys.executable, "-m", "interop.negative_server", "--case", names]
    command = [*client.client, "--suite", "negative", "--check", names]
    try:
        return matrix.outcomes_of(server, command, cases)
    except ScenarioFailed as failure:
        seen = dict(line.split(": ", 1) for line in failure.log.splitlines() if ": " in line)
        failure.checks = [
            Outcome(told.check, False, seen[told.check]) if told.check in seen else told for told in failure.checks
        ]
        raise


# The table.


def why_not_run(case: str, lacks: Mapping[str, str]) -> str | None:
    """Why a client with these gaps does not run the case, or None if it does."""
    return NOT_IN_PLAIT.get(case) or lacks.get(case)


def _cell(report: Report, case: str, lacks: Mapping[str, str]) -> str:
    if why_not_run(case, lacks) is not None:
        return _NOT_RUN
    if report.result is Result.MISSING:
        return str(Result.MISSING)
    outcome = next((outcome for outcome in report.checks if outcome.check == case), None)
    return str(Result.PASS if outcome is not None and outcome.ok else Result.FAIL)


def table_lines(
    reports: Sequence[Report], cases: Sequence[str], lacks: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    """The table, then what its cells do not say. `lacks` maps a client to the cases that it does not have."""
    columns = [("server", "client"), *((report.scenario.server, report.scenario.client) for report in reports)]
    lines = [[server for server, _ in columns], [client for _, client in columns]]
    for case in cases:
        lines.append([case, *(_cell(report, case, lacks.get(report.scenario.client, {})) for report in reports)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    for case in cases:
        if case in NOT_IN_PLAIT:
            yield f"    {case}: {NOT_IN_PLAIT[case]}"
        for client in dict.fromkeys(report.scenario.client for report in reports):
            if case in lacks.get(client, {}) and case not in NOT_IN_PLAIT:
                yield f"    {case}, {client} client: {lacks[client][case]}"
    for report in reports:
        for detail in report.details():
            yield f"    {report.scenario.server} server, {report.scenario.client} client: {matrix.printable(detail)}"


def run_cases(cases: Sequence[str], peers: Iterable[str], results: dict[str, Any]) -> bool:
    """Runs the cases over the peers and Plait, prints the tables, adds to the results. Whether a cell is at fault."""
    chosen = [name for name in OFFICIAL_PEERS if name == PLAIT or name in peers]
    must_be_there = matrix.required()
    at_fault = False
    with matrix.workplace(OFFICIAL_PEERS) as place:
        print()
        results["peers"] |= {f"{peer} (official)": told for peer, told in matrix.print_versions(chosen, place).items()}
        lacks = {name: place.commands(name).lacks for name in chosen if place.is_here(name)}
        for suite, members, pairings in (
            ("official", {*OFFICIAL, *NOT_IN_PLAIT}, scenarios(chosen)),
            ("negative", {*NEGATIVE}, negative_scenarios(chosen)),
        ):
            rows = [case for case in cases if case in members]
            if not rows:
                continue
            reports = []
            for scenario in pairings:
                reports.append(run_scenario(scenario, place, rows))
                print(f"{suite}: {scenario.server} server, {scenario.client} client: {reports[-1].seconds:.1f} s")
            print()
            for line in table_lines(reports, rows, lacks):
                print(line)
            print(flush=True)
            not_run = {
                client: {case: why for case in rows if (why := why_not_run(case, lacks.get(client, {})))}
                for client in chosen
            }
            results[suite] = {"cases": rows, "not_run": not_run, "scenarios": matrix.as_json(reports)}
            at_fault = at_fault or any(matrix.is_fault(report, must_be_there) for report in reports)
    return at_fault
