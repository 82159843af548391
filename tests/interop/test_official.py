"""The official interop cases: every pairing of server and client, every client against our negative servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop import __main__ as command_line
from interop import matrix, official_matrix
from interop.matrix import Result, Scenario, Workplace, is_fault, required
from interop.official_cases import NEGATIVE, NOT_IN_PLAIT, OFFICIAL
from interop.official_matrix import ALL_CASES, OFFICIAL_PEERS, negative_scenarios, run_scenario, scenarios
from interop.peers import grpc_java, plait
from interop.peers.peer import Commands, Missing
from tests.interop.programs import GOOD_SERVER, python


@pytest.fixture(scope="module")
def place() -> Iterator[Workplace]:
    """The workplace that the scenarios share: one build."""
    with matrix.workplace(OFFICIAL_PEERS) as made:
        yield made


@pytest.mark.timeout(600)  # The first one with Go builds the Go programs.
@pytest.mark.parametrize("scenario", [*scenarios(), *negative_scenarios()], ids=str)
def test_scenario(scenario: Scenario, place: Workplace) -> None:
    report = run_scenario(scenario, place, ALL_CASES)
    if report.result is Result.MISSING and not is_fault(report, required()):
        pytest.skip(f"{scenario.peer} is missing: {report.problem}")
    assert report.result is Result.PASS, "\n".join(report.details())
    suite = NEGATIVE if scenario.server == official_matrix.NEGATIVE_SERVER else OFFICIAL
    lacks = place.commands(scenario.client).lacks
    assert [outcome.check for outcome in report.checks] == [case for case in suite if case not in lacks]


def test_plait_lacks_no_case_but_those_that_it_names(place: Workplace) -> None:
    """What a client of ours does not have is named in one place, and is not a case of another name."""
    assert place.commands("plait").lacks == {}
    assert list(ALL_CASES) == [*OFFICIAL, *NOT_IN_PLAIT, *NEGATIVE]
    assert len(set(ALL_CASES)) == len(ALL_CASES)


def test_the_scenarios_are_all_pairings() -> None:
    pairs = [(scenario.peer, scenario.server, scenario.client) for scenario in scenarios()]
    assert pairs == [
        ("plait", "plait", "plait"),
        ("grpc_go", "plait", "grpc_go"),
        ("grpc_java", "plait", "grpc_java"),
        ("grpcio", "plait", "grpcio"),
        ("grpc_go", "grpc_go", "plait"),
        ("grpc_java", "grpc_java", "plait"),
        ("grpcio", "grpcio", "plait"),
        ("grpc_go", "grpc_go", "grpc_go"),
        ("grpc_java", "grpc_java", "grpc_java"),
        ("grpcio", "grpcio", "grpcio"),
    ]
    assert [str(scenario) for scenario in negative_scenarios()] == [
        "plait: negative server, plait client, plaintext",
        "grpc_go: negative server, grpc_go client, plaintext",
        "grpc_java: negative server, grpc_java client, plaintext",
        "grpcio: negative server, grpcio client, plaintext",
    ]


# The table, with programs in the peers' place.

CLIENT = """
import json, sys
names = sys.argv[sys.argv.index("--check") + 1].split(",")
for name in names:
    print(json.dumps({"check": name, "ok": name not in BAD, "detail": "as told"}))
sys.exit(any(name in BAD for name in names))
"""


def peer(*bad: str, **lacks: str) -> Callable[[], Commands]:
    """A peer whose client says that the bad cases fail."""
    return lambda: Commands(python(GOOD_SERVER), python(CLIENT.replace("BAD", repr(bad))), "good 1", lacks)


@pytest.fixture
def peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plait passes all; grpcio lacks a case and fails one; grpc_go and grpc_java are missing."""

    def missing() -> Commands:
        raise Missing("no such tool")

    made = {
        "plait": peer(),
        "grpcio": peer("ping_pong", large_unary="has none"),
        "grpc_go": missing,
        "grpc_java": missing,
    }
    for name, commands in made.items():
        monkeypatch.setitem(OFFICIAL_PEERS, name, commands)
    monkeypatch.setattr(plait, "commands", made["plait"])
    monkeypatch.delenv("INTEROP_REQUIRE", raising=False)


def test_a_cell_says_what_became_of_its_case(peers: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    assert command_line.main(["matrix", "--case", "ping_pong", "--peers", "grpcio", "--json", str(results)]) == 1
    output = capsys.readouterr().out
    assert [line.split() for line in output.splitlines() if line.startswith(("server ", "client ", "ping_pong"))] == [
        ["server", "plait", "plait", "grpcio", "grpcio"],
        ["client", "plait", "grpcio", "plait", "grpcio"],
        ["ping_pong", "PASS", "FAIL", "PASS", "FAIL"],
    ]
    assert "    plait server, grpcio client: ping_pong: as told\n" in output
    told = json.loads(results.read_text())
    assert told["case"] == "ping_pong"
    assert told["peers"] == {"plait (official)": "good 1", "grpcio (official)": "good 1"}
    assert [scenario["result"] for scenario in told["official"]["scenarios"]] == ["PASS", "FAIL", "PASS", "FAIL"]
    assert "negative" not in told


def test_a_case_that_a_client_does_not_have_is_no_fault(peers: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["matrix", "--case", "large_unary", "--peers", "grpcio"]) == 0
    output = capsys.readouterr().out
    assert "large_unary  PASS   -       PASS    -\n" in output
    assert "    large_unary, grpcio client: has none\n" in output


def test_a_case_that_plait_does_not_have_is_run_by_nobody(peers: None, capsys: pytest.CaptureFixture[str]) -> None:
    (case, why), *_ = NOT_IN_PLAIT.items()
    assert command_line.main(["matrix", "--case", case, "--peers", "grpcio"]) == 0
    output = capsys.readouterr().out
    assert f"{case}  -      -       -       -\n" in output
    assert f"    {case}: {why}\n" in output


@pytest.mark.parametrize(("names", "exit_status"), [("", 0), ("grpc_java", 1)])
def test_a_missing_peer_is_a_fault_where_it_is_required(
    peers: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], names: str, exit_status: int
) -> None:
    monkeypatch.setenv("INTEROP_REQUIRE", names)
    assert command_line.main(["matrix", "--case", "goaway", "--peers", "grpc_java"]) == exit_status
    output = capsys.readouterr().out
    assert "goaway  PASS      MISSING\n" in output
    assert "    negative server, grpc_java client: no such tool\n" in output


def test_java_that_is_not_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Missing, match="no Java on this machine: the command `java` is not on the path"):
        grpc_java.commands(builds=tmp_path)
    with pytest.raises(Missing, match="the Java sources are not part of an installed Plait"):
        grpc_java.commands(tmp_path)
