"""What is told of a run: on the terminal, on the page, in the plots, in the ledger, and what is kept of the page."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from benchmarks import plots, record, report, targets
from benchmarks.bench_server import Load
from benchmarks.footprint import Footprint
from benchmarks.harness import Measured, Result, Turn
from benchmarks.progress import Progress
from benchmarks.record import Record
from benchmarks.workloads import CONNECTIONS, STREAMS, WORKLOADS


def _result(workload: str, stack: str, *costs: float) -> Result:
    return Result(WORKLOADS[workload], stack, [Turn(cost, 2 * cost, 3 * cost, cost, cost) for cost in costs])


def _record() -> Record:
    results = [
        _result("unary", "plait.aio", 2.0, 2.0),
        _result("unary", "grpc.aio", 16.0, 16.0),
        _result("unary", "plait.aio, TLS", 4.0, 4.0),
        _result("unary", "grpc.aio, TLS", 16.0, 16.0),
        _result("unary", "plait.aio to grpc-go", 3.0, 3.0),
        _result("unary", "grpclib", 20.0, 20.0),
        _result("download", "plait.aio", 3.0, 3.0),
        _result("download", "grpc.aio", 12.0, 12.0),
        _result("upload", "plait", 1.0, 1.0),
    ]
    return Record(
        "2026-01-02T03:04:05Z",
        "0123abc",
        {"CPython": "3.11.0", "plait": "0.1.0"},
        Measured(
            {(each.workload.name, each.name): each for each in results}, {"grpc-go": "no Go"}, {"plait.aio": (31, 32)}
        ),
        {"engine against h2": (40.0, 600.0, 15.0)},
        Load(
            {"plait.aio": [24000.0, 26000.0], "grpc.aio": [2000.0, 2000.0]},
            {"plait.aio": [9.0, 9.0], "grpc.aio": [2.0, 2.0]},
        ),
        Footprint(
            {STREAMS: {"plait.aio": (4.0, 3.0), "grpc.aio": (20.0, 20.0)}, CONNECTIONS: {"plait.aio": (12.0, 20.0)}},
            {"grpc_core": [90.0, 90.0], "grpc": [180.0, 180.0]},
            {"plait": 1.04},
        ),
        {"a part": "its reason"},
    )


# -- The terminal ------------------------------------------------------------------------------------------------------


def test_lines() -> None:
    told = _record()
    assert [line.split() for line in report.lines(told.measured.results)] == [
        ["unary", "plait.aio", "2.0", "4.0", "grpc.aio", "16.0", "32.0", "8.0x", "8.0x", "p50", "0.12"],
        ["download", "plait.aio", "3.0", "6.0", "grpc.aio", "12.0", "24.0", "4.0x", "4.0x"],
    ], "what has no counterpart is left out"
    assert [line.split() for line in report.others(told.measured.results)] == [["unary", "grpclib", "20", "40"]]


def test_the_bar_is_drawn_on_a_terminal_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, total_s, is_drawn in ((Terminal(), 4.0, True), (io.StringIO(), 4.0, False), (Terminal(), 0.0, False)):
        monkeypatch.setattr(sys, "stderr", stream)
        progress = Progress(total_s)
        progress.step(2.0, "first")
        progress.step(2.0, "second")
        drawn = stream.getvalue()
        assert ("50%  second" in drawn) == is_drawn
        progress.clear()
        assert (stream.getvalue() == "") == (not is_drawn)


# -- Targets -----------------------------------------------------------------------------------------------------------


def test_targets_are_met_or_missed_by_so_much() -> None:
    lines = {line[:67].strip(): line[67:].split(None, 3) for line in report.target_lines(_record())}
    told = {(target.text, target.against): (measured, tls) for target, measured, tls in targets.rows(_record())}
    assert told["unary 100 B, p50, one at a time", "grpc.aio"] == (0.125, 0.25)
    assert told["messages of 100 B, server stream", "grpc.aio"] == (4.0, None)
    assert told["engine, unary exchange in memory", "h2"] == (15.0, None)
    assert told["memory per open stream, client", "grpc.aio"] == (0.15, None)
    assert told["memory per idle connection, server", "grpc.aio"] == (None, None), "nothing to compare with"
    assert told["import of the blocking API", "grpc"] == (0.5, None)
    assert told["unary 100 B, calls per CPU-second of the server, h2load", "grpc.aio"] == (12.5, None)
    assert lines["messages of 100 B, server stream                           grpc.aio"][:3] == ["at", "least", "6x"]
    assert len(lines) == len(targets.TARGETS)


@pytest.mark.parametrize(
    ("is_most", "measured", "verdict"),
    [
        (False, 4.0, "met"),
        (False, 3.0, "short by 25%"),
        (True, 4.0, "met"),
        (True, 5.0, "over by 25%"),
    ],
)
def test_verdicts(is_most: bool, measured: float, verdict: str) -> None:
    target = targets.Target("something", "another", 4.0, lambda *_: None, is_most)
    assert target.verdict(measured) == verdict
    assert target.wanted == ("at most 4x" if is_most else "at least 4x")


# -- The page ----------------------------------------------------------------------------------------------------------


def test_the_page_has_all_that_was_measured_and_what_was_not() -> None:
    page = report.figures(_record())
    for row in (
        "| unary 100 B, p50, one at a time | grpc.aio | at most 0.3x | 0.12x | met | 0.25x |",
        "| messages of 100 B, server stream | grpc.aio | at least 6x | 4.00x | short by 33% |  |",
        "| plait.aio | 25,000 (4%) | 9 | 1.00x |",
        "| grpc.aio | 16.0 (0%) | 32.0 (0%) | 16, 16 | 8.00x | 8.00x | 8.00x |",
        "| unary calls, 100 B, one after the other | 4.0 + 8.0; p50 4 | 16.0 + 32.0; p50 16 |",
        "| engine against h2 | 40.00 | 600.00 | 15.00x |",
        "| plait.aio | 4.0 + 3.0 | 12.0 + 20.0 | 31 + 32 |",
        "| `grpc_core` | 90 (0%) |",
        "| plait | 1.0 |",
        "| a part | its reason |",
        "| grpc-go | no Go |",
    ):
        assert row in page, row
    assert "commit `0123abc`" in page


def test_what_people_wrote_stays() -> None:
    page = report.with_figures("# Title\n\nWords.\n", "first")
    assert page == f"# Title\n\nWords.\n\n{report.BEGIN}\n\nfirst\n\n{report.END}\n"
    page += "\n## Explanations\n\nMore words.\n"
    assert report.with_figures(page, "second") == page.replace("first", "second")
    with pytest.raises(ValueError, match="none where they end"):
        report.with_figures(page.replace(report.END, ""), "third")


def test_the_page_of_the_repository_can_be_written_again(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    if report.PAGE.exists():
        page.write_text(report.PAGE.read_text())
    report.write(_record(), page)
    first = page.read_text()
    report.write(_record(), page)
    assert page.read_text() == first
    assert first.count(report.BEGIN) == first.count(report.END) == 1


# -- The ledger --------------------------------------------------------------------------------------------------------


def test_a_page_can_be_made_of_a_line_of_the_ledger() -> None:
    line = _record().line()
    told = json.loads(line)
    assert told["us"]["plait.aio"]["unary"]["client_us"] == [4.0, 4.0]
    assert told["commit"] == "0123abc"
    assert report.figures(record.read(line)) == report.figures(_record())


def test_a_record_says_where_and_with_what() -> None:
    told = record.new()
    assert told.versions["CPython"] == sys.version.split()[0]
    assert {"plait", "h2", "hpack", "machine"} <= told.versions.keys()
    assert report.figures(told), "there is a page without any figure"


# -- The plots ---------------------------------------------------------------------------------------------------------


def test_plots(tmp_path: Path) -> None:
    if (lacking := plots.missing()) is not None:
        pytest.skip(lacking)
    files = plots.write(_record(), tmp_path)
    assert {file.name for file in files} == {
        f"performance-{name}.{kind}" for name in report.PLOTS for kind in ("png", "svg")
    }
    for file in files:
        assert file.read_bytes()[:4] in (b"\x89PNG", b"<?xm")
    assert plots.write(Record("", "", {"CPython": ""}), tmp_path / "empty") == [], "nothing is drawn of nothing"
