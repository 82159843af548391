"""The published matrix: from results to lines, to pages, and its command line."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from interop.__main__ import main
from interop.conformance import matrix_command
from interop.conformance.checks import Violation
from interop.conformance.driving import Delivery
from interop.conformance.matrix import CaseLine, Matrix, Row, case_lines, counts, from_json
from interop.conformance.matrix_html import as_html
from interop.conformance.matrix_page import UNEXPLAINED, as_markdown, explained
from interop.conformance.model import Case, Level, Outcome, Role
from interop.conformance.peers.findings import ANY, Finding
from interop.conformance.run import Result
from interop.conformance.table import all_cases, select
from interop.conformance.verdicts import Fault, Verdict

PING, SETTINGS = (select(all_cases(), ids=[name], role=Role.SERVER)[0] for name in ("PNG-01.on-stream", "SET-01.empty"))
FINE = Verdict(Outcome.EXACT, "GOAWAY", None, best=True)


def result(
    case: Case, breaks: Level | None = None, delivery: Delivery = Delivery.WHOLE, seen: str = "GOAWAY"
) -> Result:
    outcome = Outcome.EXACT if breaks is None else Outcome.TOLERATED
    return Result(case, delivery, Verdict(outcome, seen, breaks, best=breaks is None))


# -- lines -------------------------------------------------------------------------------------------------------------


def test_the_worst_delivery_speaks_for_a_case() -> None:
    worst = result(PING, Level.SHOULD, Delivery.OCTETS, "nothing")
    (line,) = case_lines([result(PING), worst])
    assert (line.breaks, line.outcome, line.seen, line.deliveries) == ("SHOULD", "tolerated", "nothing", "octets")
    assert (line.id, line.group, line.level, line.clause) == ("PNG-01.on-stream", "PNG-01", "MUST", "RFC 9113 §6.7")
    (line,) = case_lines([result(PING, Level.MAY), result(PING, Level.MUST, Delivery.OCTETS)])
    assert (line.breaks, line.deliveries) == ("MUST", "whole, octets")


def test_a_line_of_a_case_that_passed_says_its_outcome_only() -> None:
    (line,) = case_lines([result(PING), Result(PING, Delivery.OCTETS, skipped="the server has gone")])
    assert (line.outcome, line.breaks, line.skipped, line.seen, line.allowed) == ("exact", "", "", "", "")


def test_a_case_is_skipped_when_all_its_runs_were() -> None:
    (line,) = case_lines([Result(PING, delivery, skipped="needs tls") for delivery in Delivery])
    assert (line.skipped, line.outcome) == ("needs tls", "")


def test_what_was_found_beside_the_outcome_is_there_once() -> None:
    verdict = Verdict(
        Outcome.EXACT,
        "x" * 1000,
        Level.MUST,
        best=False,
        faults=(Fault("a"), Fault("a")),
        violations=(Violation("FRM", "b"),),
    )
    (line,) = case_lines([Result(PING, Delivery.WHOLE, verdict)])
    assert line.also == "a; FRM: b"
    assert len(line.seen) == 400


def test_lines_are_counted_by_section() -> None:
    lines = case_lines([result(PING, Level.MAY), result(SETTINGS)])
    table = counts(lines, lambda line: line.clause)
    assert table["RFC 9113 §6.7"] == {"ran": 1, "MAY": 1}
    assert table["RFC 9113 §6.5"] == {"ran": 1, "passed": 1}


# -- pages -------------------------------------------------------------------------------------------------------------


def matrix() -> Matrix:
    lines = (
        CaseLine("PNG-01.echo", "MUST", "RFC 9113 §6.7", "PING is answered.", outcome="exact"),
        CaseLine(
            "PNG-01.a|b", "MUST", "RFC 9113 §6.7", "PING is short.", breaks="MUST", outcome="tolerated",
            seen="all | went\non", also="more", allowed="GOAWAY", sent="PING", deliveries="whole",
        ),
        CaseLine("SET-01.x", "SHOULD", "RFC 9113 §6.5.2", "Why.", breaks="MAY", outcome="hung", seen="nothing"),
        CaseLine("TLS-01.x", "MUST", "RFC 9113 §9.2", "TLS.", skipped="needs tls"),
    )  # fmt: skip
    good = Row(
        "good", "server", "A good one", "1.0", "apt-get install good", "a handler", date="2026-01-02", lines=lines[:1]
    )
    other = Row("other", "server", "Another <one>", "2.0", "pip install other", date="2026-01-03", lines=lines)
    gone = Row("gone", "server", "Gone", install="apt-get install gone", date="2026-01-03", problem="not here: no gone")
    client = Row("other", "client", "A client", "3.0", "npm install", date="2026-01-03", lines=lines[:2])
    return Matrix("Linux", "each case whole", (good, other, gone, client))


FINDINGS = (Finding(("server/other",), ("PNG",), "Short PINGs are taken."),)


def test_the_page_has_all_figures_and_what_the_failures_are() -> None:
    page = as_markdown(matrix(), FINDINGS)
    assert "Run on 2026-01-02 to 2026-01-03, Linux; each case whole." in page
    assert "| [A good one](#a-good-one-server) | 1.0 | 1 | 1 | 0 | 0 | 0 | 0 | 1 | 0 |" in page
    assert "| [Another <one>](#another-one-server) | 2.0 | 3 | 1 | 1 | 0 | 1 | 1 | 2 | 2 |" in page
    assert "- Gone: not here: no gone. To install: apt-get install gone." in page
    assert "| RFC 9113 §6.7 PING | 2 | . | 1 MUST |" in page
    assert "| RFC 9113 §9.2 Use of TLS Features | 1 | - | - |" in page
    assert "| MUST | 2 | 1 | 1 | 0 | 0 | 1 |" in page
    assert "Outcomes: 1 exact, 1 tolerated, 1 hung." in page
    assert "Skipped: 1 needs tls." in page
    assert "Short PINGs are taken. (1 case)\n\n- MUST **PNG-01** `a\\|b`. RFC 9113 §6.7: PING is short." in page
    assert "Came tolerated: all \\| went on; more" in page
    assert f"{UNEXPLAINED} (1 case)" in page
    assert "## A client: client" in page
    assert "Nothing failed." in page


def test_the_page_is_the_same_for_the_same_figures() -> None:
    assert as_markdown(matrix(), FINDINGS) == as_markdown(from_json(matrix().as_json()), FINDINGS)


def test_failures_stand_by_what_they_are_and_the_unexplained_last() -> None:
    other = matrix().rows[1]
    assert [(text, len(lines)) for text, lines in explained(other, FINDINGS)] == [
        ("Short PINGs are taken.", 1),
        (UNEXPLAINED, 1),
    ]
    assert [text for text, _ in explained(other, (Finding((ANY,), (ANY,), "All."),))] == ["All."]


def test_many_cases_of_a_line_are_not_all_named() -> None:
    line = matrix().rows[1].lines[1]
    lines = tuple(replace(line, id=f"PNG-01.c{number}") for number in range(12))
    row = replace(matrix().rows[1], lines=lines)
    page = as_markdown(replace(matrix(), rows=(row,)), ())
    assert "`c0`, `c1`, `c2`, `c3`, `c4`, `c5`, `c6`, `c7` and 4 more" in page


# -- the command line --------------------------------------------------------------------------------------------------


def test_the_matrix_of_one_is_run_and_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "page.md"
    only = ["PNG-01.echo-0", "--only", "server/plait", "--delivery", "whole"]
    assert main(["conformance", "matrix", *only, "--json", str(figures), "--markdown", str(page)]) == 0
    assert "1 cases: 1 passed, broke 0 MUST, 0 SHOULD, 0 MAY" in capfd.readouterr().err
    (row,) = from_json(figures.read_text("utf-8")).rows
    assert (row.key, [line.id for line in row.lines]) == ("server/plait", ["PNG-01.echo-0"])
    first = page.read_text("utf-8")
    assert main(["conformance", "matrix", "--from-json", str(figures), "--markdown", str(page)]) == 0
    assert page.read_text("utf-8") == first


def test_rows_that_are_run_again_take_the_place_of_those_that_are_known() -> None:
    known = matrix()
    again = replace(known.rows[1], version="9.9", name="nginx")
    new = replace(known, rows=(again, replace(known.rows[0], version="8.8")))
    rows = matrix_command.merged(known, new).rows
    assert [(row.key, row.version) for row in rows] == [
        ("server/nginx", "9.9"),
        ("server/good", "8.8"),
        ("server/other", "2.0"),
        ("server/gone", ""),
        ("client/other", "3.0"),
    ]


def test_the_html_page_has_every_figure_and_every_failed_case() -> None:
    page = as_html(matrix(), FINDINGS)
    assert "Run on 2026-01-02 to 2026-01-03, Linux; each case whole." in page
    assert '<span class="good" title="all passed">1</span>' in page
    assert '<a class="bad" href="#server-other-rfc-9113-6.7" title="1 broke a MUST">1 of 2</a>' in page
    assert 'id="server-other-rfc-9113-6.7"' in page
    assert '<a class="fair" href="#server-other-rfc-9113-6.5" title="1 broke a MAY">1 of 1</a>' in page
    assert '<span class="none" title="none was run">-</span>' in page
    assert "Another &lt;one&gt;: server" in page
    assert "<one>" not in page
    assert "Gone: not here: no gone. To install: apt-get install gone." in page
    assert "Short PINGs are taken. (1 case)" in page
    assert f"{UNEXPLAINED} (1 case)" in page
    assert "Came: <b>tolerated</b>: all | went" in page
    assert "(only whole)" in page
    targets = set(re.findall(r' id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= targets
    assert len(targets) == len(re.findall(r' id="', page))


def test_who_is_not_here_is_told_and_is_no_failure(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: None)
    assert main(["conformance", "matrix", "PNG-01", "--only", "nginx"]) == 0
    said = capfd.readouterr().err
    assert "not here: the program nginx is not on the path. To install: apt-get install nginx." in said


def test_what_makes_no_sense_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def refused(*arguments: str) -> str:
        status: object
        try:
            status = main(["conformance", "matrix", *arguments])
        except SystemExit as stop:
            status = stop.code
        assert status == 2
        return capfd.readouterr().err

    assert "no case is named so" in refused("NO-SUCH")
    assert "'nobody' is none of server/plait" in refused("--only", "nobody")
    assert "cannot write" in refused("--json", str(tmp_path / "no" / "file"))
    assert "holds no matrix" in refused("--from-json", str(tmp_path / "none"))
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"rows": [{"name": "x"}]}))
    assert "holds no matrix" in refused("--from-json", str(wrong))


def test_a_name_without_a_role_means_both() -> None:
    assert {"server/plait", "client/plait", "server/nginx", "client/curl"} <= set(matrix_command.NAMES)
