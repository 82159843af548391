"""The official interop cases: a part of the pairings of server and client, every client against our negative servers.

`python -m interop matrix --case all` runs all pairings with all cases, and CI does; what is here is one way through it
that meets every program in both roles: Plait's asyncio face in plaintext, its blocking face over TLS, each with every
peer, and without the cases that are many calls.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop import __main__ as command_line
from interop import official_matrix
from interop.matrix import PLAINTEXT, TLS, Report, Result, Scenario, Workplace, is_fault, required
from interop.official_cases import COMPRESSION, NEGATIVE, OFFICIAL
from interop.official_matrix import (
    ALL_CASES,
    PLAIT_SYNC,
    PROGRAMS,
    Program,
    cases_of,
    negative_scenarios,
    run_scenarios,
    scenarios,
)
from interop.peers import certificate, grpc_java, grpc_js, plait
from interop.peers.grpc_java.run import command
from interop.peers.peer import Commands, Missing
from tests.interop.programs import GOOD_SERVER, python

SHORT = [case for case in OFFICIAL if case not in ("rpc_soak", "channel_soak", "concurrent_large_unary")]
CHOSEN = [
    *(pair for pair in scenarios(over=[PLAINTEXT]) if "plait" in (pair.server, pair.client)),
    *(pair for pair in scenarios(over=[TLS]) if PLAIT_SYNC in (pair.server, pair.client)),
]
GROUPED = {
    scenario: [other for other in CHOSEN if (other.server, other.over) == (scenario.server, scenario.over)]
    for scenario in CHOSEN
}


@pytest.fixture(scope="module")
def place() -> Iterator[Workplace]:
    """The workplace that the scenarios share: one build, one certificate."""
    with official_matrix.official_workplace() as made:
        yield made


@pytest.fixture(scope="module")
def reports() -> dict[Scenario, Report]:
    """What came of those that have run: a server's, which it serves one after the other, run with the first of them."""
    return {}


def check(scenario: Scenario, report: Report, place: Workplace, cases: list[str]) -> None:
    if report.result is Result.MISSING and not is_fault(report, required()):
        pytest.skip(f"{scenario.peer} is missing: {report.problem}")
    assert report.result is Result.PASS, "\n".join(report.details())
    assert [outcome.check for outcome in report.checks] == cases_of(scenario, place, cases)


@pytest.mark.wire("W060", "W061", "W069", "W071")
@pytest.mark.timeout(600)  # The first one with Go builds the Go programs.
@pytest.mark.parametrize("scenario", CHOSEN, ids=str)
def test_scenario(scenario: Scenario, place: Workplace, reports: dict[Scenario, Report]) -> None:
    if scenario not in reports:
        for report in run_scenarios(GROUPED[scenario], place, SHORT):
            assert report.scenario in CHOSEN, report.details()  # else it tells that a server has ended badly
            reports[report.scenario] = report
    check(scenario, reports[scenario], place, SHORT)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", negative_scenarios(), ids=str)
def test_negative_scenario(scenario: Scenario, place: Workplace) -> None:
    (report,) = run_scenarios([scenario], place, ALL_CASES)
    check(scenario, report, place, list(NEGATIVE))


def test_plait_has_every_case(place: Workplace) -> None:
    for name in official_matrix.OURS:
        assert (place.commands(name).lacks, place.commands(name).server_lacks) == ({}, {})
    assert list(ALL_CASES) == [*OFFICIAL, *NEGATIVE]
    assert len(set(ALL_CASES)) == len(ALL_CASES)
    assert len(COMPRESSION) == 4


def test_the_scenarios_are_plait_s_faces_with_every_program_and_each_program_with_itself() -> None:
    programs = ["plait", "plait_sync", "grpc_go", "grpc_java", "grpc_js", "grpcio", "grpcio_sync"]
    assert list(PROGRAMS) == programs
    pairs = [(scenario.server, scenario.client) for scenario in scenarios(over=[TLS])]
    ours = [(server, client) for server in programs[:2] for client in programs]
    theirs = [(name, client) for name in programs[2:] for client in ("plait", "plait_sync", name)]
    assert pairs == ours + theirs
    assert [scenario.over for scenario in scenarios()] == [PLAINTEXT] * len(pairs) + [TLS] * len(pairs)
    about = {(scenario.server, scenario.client): scenario.peer for scenario in scenarios()}
    assert about["plait", "plait_sync"] == "plait"
    assert about["plait_sync", "grpcio_sync"] == about["grpcio_sync", "plait"] == "grpcio", "two APIs, one peer"
    assert [str(scenario) for scenario in negative_scenarios(["plait_sync", "grpc_js"])] == [
        "plait: negative server, plait_sync client, plaintext",
        "grpc_js: negative server, grpc_js client, plaintext",
    ]


def test_what_is_run_here_meets_every_program_in_both_roles_and_both_ways() -> None:
    for way, face in ((PLAINTEXT, "plait"), (TLS, PLAIT_SYNC)):
        pairs = {(scenario.server, scenario.client) for scenario in CHOSEN if scenario.over == way}
        assert {(face, name) for name in PROGRAMS} | {(name, face) for name in PROGRAMS} == pairs


# The table, with programs in the peers' place.

CLIENT = """
import json, sys
names = sys.argv[sys.argv.index("--check") + 1].split(",")
for name in names:
    print(json.dumps({"check": name, "ok": name not in BAD, "detail": "as told"}))
sys.exit(any(name in BAD for name in names))
"""


def peer(*bad: str, server: str = GOOD_SERVER, **lacks: str) -> Callable[[], Commands]:
    """A peer whose client says that the bad cases fail."""
    return lambda: Commands(python(server), python(CLIENT.replace("BAD", repr(bad))), "good 1", lacks)


def missing() -> Commands:
    raise Missing("no such tool")


def take_the_place_of(monkeypatch: pytest.MonkeyPatch, **commands: Callable[[], Commands]) -> None:
    for name, made in commands.items():
        monkeypatch.setitem(PROGRAMS, name, Program(PROGRAMS[name].peer, made))


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plait passes all; grpcio lacks a case and fails one, and its server lacks another; the others are missing."""
    for name in ("plait_sync", "grpcio_sync"):
        monkeypatch.delitem(PROGRAMS, name)
    grpcio = peer("ping_pong", large_unary="has none")()._replace(server_lacks={"empty_unary": "serves none"})
    take_the_place_of(
        monkeypatch, plait=peer(), grpcio=lambda: grpcio, grpc_go=missing, grpc_java=missing, grpc_js=missing
    )
    monkeypatch.setattr(plait, "commands", peer())
    monkeypatch.delenv("INTEROP_REQUIRE", raising=False)


def tables(output: str) -> list[list[str]]:
    """The lines of the tables of servers."""
    wanted = ("plait server, ", "grpcio server, ", "        ", "ping_pong ", "large_unary ", "empty_unary ")
    begin = next(i for i, line in enumerate(output.splitlines()) if line.endswith("; the clients:"))
    end = next(i for i, line in enumerate(output.splitlines()) if line.startswith("server \\ client"))
    return [line.split() for line in output.splitlines()[begin:end] if line.startswith(wanted)]


def test_a_cell_says_what_became_of_its_case(peers: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    argv = ["matrix", "--case", "ping_pong", "--peers", "grpcio", "--over", "plaintext", "--json", str(results)]
    assert command_line.main(argv) == 1
    output = capsys.readouterr().out
    assert tables(output) == [
        ["plait", "server,", "plaintext;", "the", "clients:"],
        ["plait", "grpcio"],
        ["ping_pong", "PASS", "FAIL"],
        ["grpcio", "server,", "plaintext;", "the", "clients:"],
        ["plait", "grpcio"],
        ["ping_pong", "PASS", "FAIL"],
    ]
    assert "official, plaintext: plait server, grpcio client: FAIL, 0 of 1 in " in output
    assert "\nplait   1/1    0/1\ngrpcio  1/1    0/1\n" in output
    assert "    plait server, grpcio client, plaintext: ping_pong: as told\n" in output
    told = json.loads(results.read_text())
    assert told["case"] == "ping_pong"
    assert told["peers"] == {"plait (official)": "good 1", "grpcio (official)": "good 1"}
    assert [scenario["result"] for scenario in told["official"]["scenarios"]] == ["PASS", "FAIL", "PASS", "FAIL"]
    assert {scenario["over"] for scenario in told["official"]["scenarios"]} == {"plaintext"}
    assert "negative" not in told


def test_both_ways_are_summed_up_together(peers: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["matrix", "--case", "ping_pong", "--peers", "grpcio"]) == 1
    output = capsys.readouterr().out
    assert "server \\ client: cases that passed, of those that both have; plaintext, then TLS\n" in output
    assert "plait server, TLS; the clients:" in output
    assert "\nplait   1/1    0/1\n" in output, "the same twice is said once"


def test_a_case_that_one_side_does_not_have_is_no_fault(
    peers: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    arguments = ["--peers", "grpcio", "--over", "plaintext", "--json", str(tmp_path / "results")]
    assert command_line.main(["matrix", "--case", "large_unary", *arguments]) == 0
    output = capsys.readouterr().out
    assert [line[1:] for line in tables(output) if line[0] == "large_unary"] == [["PASS", "-"], ["PASS", "-"]]
    assert "    large_unary; grpcio client: has none\n" in output
    assert command_line.main(["matrix", "--case", "empty_unary", *arguments]) == 0
    output = capsys.readouterr().out
    assert [line[1:] for line in tables(output) if line[0] == "empty_unary"] == [["PASS", "PASS"], ["-", "-"]]
    assert "    empty_unary; grpcio server: serves none\n" in output
    told = json.loads((tmp_path / "results").read_text())["official"]["not_run"]
    assert told == {
        "client": {"plait": {}, "grpcio": {}},
        "server": {"plait": {}, "grpcio": {"empty_unary": "serves none"}},
    }


@pytest.mark.parametrize(("names", "exit_status"), [("", 0), ("grpc_java", 1)])
def test_a_missing_peer_is_a_fault_where_it_is_required(
    peers: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], names: str, exit_status: int
) -> None:
    monkeypatch.setenv("INTEROP_REQUIRE", names)
    assert command_line.main(["matrix", "--case", "goaway", "--peers", "grpc_java"]) == exit_status
    output = capsys.readouterr().out
    assert "goaway  PASS   MISSING\n" in output
    assert "    negative server, grpc_java client, plaintext: no such tool\n" in output


def test_a_server_that_is_missing(peers: None, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["matrix", "--case", "ping_pong", "--peers", "grpc_js", "--over", "plaintext"]
    assert command_line.main(argv) == 0
    output = capsys.readouterr().out
    assert "\nplait    1/1      MISSING\ngrpc_js  MISSING  MISSING\n" in output


def test_a_server_that_ends_badly_is_a_fault_though_every_case_held(
    peers: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    take_the_place_of(monkeypatch, grpcio=peer(server=GOOD_SERVER.replace("sys.exit(0)", "sys.exit('lost a call')")))
    assert command_line.main(["matrix", "--case", "ping_pong", "--peers", "grpcio", "--over", "plaintext"]) == 1
    output = capsys.readouterr().out
    assert "\ngrpcio  1/1    1/1\n" in output
    where = "    grpcio server, (its end) client, plaintext: "
    assert f"{where}the server did not stop cleanly on SIGTERM: exit status 1\n{where}| lost a call\n" in output


def test_tls_without_anything_to_make_a_certificate_with(
    peers: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(directory: Path) -> None:
        raise Missing("no certificate")

    monkeypatch.setattr(certificate, "make", make)
    assert command_line.main(["matrix", "--case", "ping_pong", "--peers", "grpcio", "--over", "tls"]) == 0
    output = capsys.readouterr().out
    assert "plait server, plait client, TLS: no certificate\n" in output


def test_java_that_is_not_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Missing, match="no Java on this machine: the command `java` is not on the path"):
        grpc_java.commands(builds=tmp_path)
    with pytest.raises(Missing, match="the Java sources are not part of an installed Plait"):
        grpc_java.commands(tmp_path)


def test_node_that_is_not_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Missing, match=r"no Node\.js on this machine: the command `node` is not on the path"):
        grpc_js.commands(builds=tmp_path)
    with pytest.raises(Missing, match=r"the Node\.js sources are not part of an installed Plait"):
        grpc_js.commands(tmp_path)


def test_grpc_java_loads_our_certificates_by_class_path(tmp_path: Path) -> None:
    """Plaintext needs none; a file that lies elsewhere is refused, for grpc-java would load its own instead."""
    plain = command(tmp_path, None, ["server"])
    assert plain[plain.index("-cp") + 1] == f"{tmp_path}/classes:{tmp_path}/libraries/*"
    secure = command(tmp_path, tmp_path / "certs" / "ca.pem", ["client"])
    assert secure[secure.index("-cp") + 1] == f"{tmp_path}:{tmp_path}/classes:{tmp_path}/libraries/*"
    with pytest.raises(ValueError, match="is not in a folder named certs"):
        command(tmp_path, tmp_path / "ca.pem", ["client"])
