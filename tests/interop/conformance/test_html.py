"""The HTML report: well-formed, whole, closed to everything outside; and what it does in a real Chromium.

The browser's tests are skipped where there is no Chromium, unless INTEROP_REQUIRE lists it.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from http2.frames import PING, SETTINGS, build_goaway
from interop.__main__ import main
from interop.conformance import clauses, html, report
from interop.conformance.driving import Delivery
from interop.conformance.html import as_html, entries_of
from interop.conformance.memory import TARGET
from interop.conformance.model import Begin, Case, Finish, Level, Role, send, works
from interop.conformance.run import Result, run_case
from interop.conformance.script import STREAM, data, ping
from interop.conformance.stacks import connector as stack
from interop.conformance.table import all_cases, select
from tests.interop.conformance.fakes import WRONG_CODE, Fake, case, frame_type, lingering, run, with_code
from tests.interop.conformance.grpc.servers import results_of, server_cases
from tests.interop.conformance.screenshots import BYTES_MAX, PICTURES, take
from tests.interop.conformance.servers import plait
from tests.interop.conformance.test_verdicts import SHORT_PING
from tests.support.chromium import DESKTOP, PHONE, Chromium, Page
from tests.support.tls import TlsFiles

VOID = {"meta", "input", "br", "hr", "link", "img"}
HOSTILE = b"<script>hacked=1</script><img src=x onerror=hacked=1>\"'&\x00\xff\xfe\x1b[31m"


class Strict(HTMLParser):
    """Fails on markup that is not well-formed; keeps what the tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, self.getpos()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]

    def links(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.tags if tag == "a"]

    def cases(self) -> list[dict[str, str]]:
        return [a for tag, a in self.tags if tag == "details" and a.get("class", "").startswith("case ")]


def parsed(*results: Result, level: Level = Level.SHOULD, subject: str = "a test") -> Strict:
    return Strict(as_html(results, level, subject))


def skipped(cases: Iterator[Case] | tuple[Case, ...]) -> list[Result]:
    return [Result(each, Delivery.WHOLE, skipped="why") for each in cases]


# -- the page ----------------------------------------------------------------------------------------------------------


def test_every_result_is_there_under_its_outcome() -> None:
    results = [
        run(SHORT_PING),
        run(replace(SHORT_PING, id="TST-02.wrong"), with_code(WRONG_CODE)),
        Result(replace(SHORT_PING, id="TST-03.skipped"), Delivery.WHOLE, skipped="it needs a <tunnel>"),
    ]
    page = parsed(*results, subject="the server <x>")
    assert [(c["id"], c["data-status"], c["data-outcome"], c["data-level"]) for c in page.cases()] == [
        ("server-tst-02.wrong", "failed", "wrong", "MUST"),
        ("server-tst-01.test", "passed", "exact", "MUST"),
        ("server-tst-03.skipped", "skipped", "skipped", "MUST"),
    ]
    assert "Conformance of the server <x>" in page.text
    assert "✗ 1 case failed" in page.text
    assert "3 cases, 2 runs. A case fails when one of its runs breaks a MUST or SHOULD." in page.text
    assert "skipped: it needs a <tunnel>" in page.text
    assert "whole: wrong; breaks MUST: GOAWAY on the connection: CANCEL" in page.text
    assert "Allowed, best first: GOAWAY FRAME_SIZE_ERROR; GOAWAY PROTOCOL_ERROR/INTERNAL_ERROR" in page.text


def test_what_passes_is_said() -> None:
    assert "✓ All that ran passed" in parsed(run(SHORT_PING)).text
    page = parsed(Result(SHORT_PING, Delivery.WHOLE, skipped="why"))
    assert "Nothing passed" in page.text
    assert "What failed" not in page.text
    parsed()


def test_the_level_decides_what_has_failed() -> None:
    result = run(replace(SHORT_PING, level=Level.SHOULD), with_code(WRONG_CODE))
    assert [c["data-status"] for c in parsed(result).cases()] == ["failed"]
    assert [c["data-status"] for c in parsed(result, level=Level.MUST).cases()] == ["passed"]


def test_an_exchange_is_annotated() -> None:
    page = parsed(run(SHORT_PING))
    assert "→ PING length 7 7 octets 7 bytes stimulus" in page.text
    assert re.search(r"← GOAWAY length \d+ FRAME_SIZE_ERROR, last stream 0, .*? decides: exact", page.text)
    assert "→ SETTINGS length 6 ENABLE_PUSH=0" in page.text, "a handshake that one case has is shown there"


def test_the_runs_of_a_case_share_an_exchange_where_they_agree() -> None:
    both = [run(SHORT_PING), run(SHORT_PING, delivery=Delivery.OCTETS)]
    page = parsed(*both)
    assert Counter(tag for tag, _ in page.tags)["ol"] == 1
    assert "whole, octets: exact" in page.text
    differing = [both[0], run(SHORT_PING, with_code(WRONG_CODE), Delivery.OCTETS)]
    page = parsed(*differing)
    assert Counter(tag for tag, _ in page.tags)["ol"] == 3, "the usual handshake, and an exchange each"
    assert page.text.index("octets: wrong") < page.text.index("whole: exact"), "the worst first"
    assert [c["data-outcome"] for c in page.cases()] == ["wrong"]


def test_cuts_are_counted() -> None:
    splits = [replace(run(SHORT_PING), delivery=Delivery.SPLIT) for _ in range(3)]
    assert "whole, 3 cuts: exact" in parsed(run(SHORT_PING), *splits).text


def test_the_usual_handshake_is_shown_once() -> None:
    results = [run(replace(SHORT_PING, id=f"TST-0{number}.test")) for number in range(5)]
    page = parsed(*results)
    assert page.text.count("ENABLE_PUSH=0") == 1
    assert page.text.count("the handshake , as usual") + page.text.count("the handshake, as usual") == 5


def test_of_a_long_exchange_the_middle_is_left_out() -> None:
    wanted = case(Begin(), *(send(data(STREAM, b"x")) for _ in range(300)), Finish(), allowed=works())
    result = run(wanted)
    page = parsed(result)
    shown = sum(tag == "li" and a.get("class") in ("sent", "came") for tag, a in page.tags)
    assert shown == html.FRAMES_MAX
    assert f"{len(result.frames) - shown} frames left out" in page.text


def broken_ping(fake: Fake, frame: bytes) -> bytes:
    return frame[:4] + bytes([frame[4] | 0x40]) + frame[5:] if frame_type(frame) == PING else frame


def test_what_is_broken_in_passing_is_at_its_frame_and_in_the_list_of_failures() -> None:
    page = parsed(run(case(send(ping(b"12345678")), allowed=works()), broken_ping))
    said = "FRM-04: undefined flags 0x40 in PING ACK 0x40 on the connection: 12345678"
    assert page.text.count(said) == 3, "among the failures, of the run, at the frame"


def test_a_fault_is_told() -> None:
    page = parsed(run(SHORT_PING, lingering))
    assert "✗ GOAWAY came, and the connection was not closed" in page.text


# -- links -------------------------------------------------------------------------------------------------------------


def assert_links_lead_somewhere(page: Strict) -> None:
    ids = Counter(page.ids())
    assert [name for name, count in ids.items() if count > 1] == []
    places = [link.removeprefix("#") for link in page.links() if link.startswith("#")]
    assert [place for place in places if place not in ids] == []


def test_every_case_of_the_table_has_its_place_and_every_link_leads_somewhere() -> None:
    page = parsed(*skipped(all_cases()))
    assert_links_lead_somewhere(page)
    assert len(page.cases()) == len(all_cases())
    sections = {clauses.anchor(report.section_of(case)) for case in all_cases()}
    assert sections <= set(page.ids())
    outside = {link for link in page.links() if not link.startswith("#")}
    assert outside == {clauses.url(case.clause) for case in all_cases() if clauses.url(case.clause)} | {
        clauses.url(report.section_of(case)) for case in all_cases() if clauses.url(case.clause)
    }


def test_a_cell_of_the_matrix_leads_to_its_cases() -> None:
    page = parsed(run(SHORT_PING), run(replace(SHORT_PING, id="TST-02.wrong"), with_code(WRONG_CODE)))
    assert_links_lead_somewhere(page)
    assert {"#rfc-9113-5.4", "#rfc-9113-5.4-exact", "#rfc-9113-5.4-wrong", "#server-tst-02.wrong"} <= set(page.links())
    cells = [a for tag, a in page.tags if tag == "td" and "data-label" in a]
    assert [a["data-label"] for a in cells] == ["cases", "MUST", "exact", "wrong"]
    assert (
        "Not seen: generic, escalated, answered, reported, silent-close, tolerated, hung, crashed, skipped."
        in page.text
    )


@pytest.mark.parametrize("clause", ["gRPC §6 W081", "gRPC over HTTP/2", "a <document> §", ""])
def test_a_document_that_is_unknown_has_its_sections_too(clause: str) -> None:
    page = parsed(run(SHORT_PING), run(replace(SHORT_PING, clause=clause, id="GRP-01.test")))
    assert_links_lead_somewhere(page)
    assert "server-grp-01.test" in page.ids()
    assert clause.split(" §")[0] in page.text


# -- whatever the other end says ---------------------------------------------------------------------------------------


def hostile(fake: Fake, frame: bytes) -> bytes:
    """Says GOAWAY to everything, with a text that is not kind."""
    if frame_type(frame) == SETTINGS:
        return frame
    fake.closed = True
    return build_goaway(0, 1, HOSTILE)


def hostile_results() -> list[Result]:
    text = HOSTILE.decode("latin-1") + "\ud800"
    seen = run(SHORT_PING, hostile)
    assert seen.verdict is not None
    named = replace(SHORT_PING, id=f"TST-02.{text}", reason=text)
    return [seen, replace(seen, case=named, verdict=replace(seen.verdict, seen=text)), *skipped((named,))]


def test_no_octet_of_the_other_end_becomes_markup() -> None:
    document = as_html(hostile_results(), Level.SHOULD, HOSTILE.decode("latin-1"))
    page = Strict(document)
    tags = Counter(tag for tag, _ in page.tags)
    assert (tags["script"], tags["img"], tags["style"]) == (1, 0, 1)
    assert all(not name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", document)
    assert "<script>hacked=1</script>" in page.text
    document.encode()


def test_the_page_loads_nothing() -> None:
    document = as_html(hostile_results(), Level.SHOULD, "a test")
    page = Strict(document)
    assert not {"link", "img", "iframe", "object", "embed", "audio", "video", "source", "base"} & {
        t for t, _ in page.tags
    }
    assert all("src" not in a and "srcset" not in a and "style" not in a for _, a in page.tags)
    assert all(tag == "a" for tag, a in page.tags if "href" in a)
    styles = re.findall("<style>(.*?)</style>", document, re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0]
    assert "@import" not in styles[0]


# -- the command line --------------------------------------------------------------------------------------------------


def test_the_page_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.html"
    assert main(["conformance", "memory", "--html", str(path), "SET-01.empty"]) == 0
    page = Strict(path.read_text("utf-8"))
    assert {c["id"] for c in page.cases()} == {"server-set-01.empty", "client-set-01.empty"}
    assert "Conformance of the stack plait, in memory" in page.text
    assert '<select name="role">' in path.read_text("utf-8")
    assert capsys.readouterr().out.startswith("4 runs of 2 cases")


def test_a_page_that_cannot_be_written_is_told_before_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "no" / "report.html")
    assert main(["conformance", "memory", "--html", path, "SET-01.empty"]) == 2
    assert capsys.readouterr() == ("", f"interop conformance: cannot write {path}: No such file or directory\n")


def test_a_server_is_named_and_so_is_tls(tmp_path: Path, tls_files: TlsFiles) -> None:
    path = tmp_path / "report.html"
    with plait("--tls-cert", str(tls_files.cert), "--tls-key", str(tls_files.key)) as address:
        command = ["conformance", "server", address, "PNG-01.on-stream", "--tls", "--echo-path", "/echo"]
        assert main([*command, "--html", str(path)]) == 0
    page = Strict(path.read_text("utf-8"))
    assert f"Conformance of the server {address}, over TLS" in page.text
    assert [(c["id"], c["data-outcome"]) for c in page.cases()] == [("server-png-01.on-stream", "exact")]


def test_calls_have_sections_of_their_own() -> None:
    page = parsed(*results_of("plait", [each for each in server_cases() if each.group == "GRP-01"]))
    assert_links_lead_somewhere(page)
    assert "gRPC over HTTP/2" in page.text
    assert "§1 Request headers" in page.text
    assert "grpc-status=0" in page.text
    assert "decides: tolerated" in page.text


# -- in a browser ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results() -> list[Result]:
    """Every case for servers against a stack that fails some."""
    connector = stack("h2")
    cases = select(all_cases(), role=Role.SERVER)
    return [run_case(each, connector, TARGET) for each in cases]


@pytest.fixture(scope="module")
def written(results: list[Result], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(as_html(results, Level.SHOULD, "the stack h2, in memory"), "utf-8")
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as started:
        yield started


def assert_fits(page: Page, width: int) -> None:
    """Nothing sticks out of the screen at the right; what does is named."""
    assert page.evaluate("document.documentElement.clientWidth") == width
    if page.evaluate("document.documentElement.scrollWidth") > width:
        raise AssertionError(
            page.evaluate(
                "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
                ".slice(0, 5).map(e => e.outerHTML.slice(0, 120)).join(' ')"
            )
        )


def shown_cases(page: Page) -> list[str]:
    found: list[str] = page.evaluate("[...document.querySelectorAll('#cases .case:not([hidden])')].map(e => e.id)")
    return found


def test_a_whole_run_is_a_page_of_reasonable_size(written: Path, results: list[Result]) -> None:
    assert written.stat().st_size < 5_000_000
    page = Strict(written.read_text("utf-8"))
    assert_links_lead_somewhere(page)
    assert {c["id"] for c in page.cases()} == {clauses.anchor(result.case.key) for result in results}


def test_a_phone_shows_it_without_scrolling_sideways(browser: Chromium, written: Path) -> None:
    page = browser.open(written.as_uri(), PHONE)
    assert_fits(page, PHONE.width)
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert_fits(page, PHONE.width)  # with every case unfolded


def test_a_desktop_shows_the_whole_matrix(browser: Chromium, written: Path) -> None:
    page = browser.open(written.as_uri(), DESKTOP)
    assert_fits(page, DESKTOP.width)
    assert page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('.wide'))")


def test_it_asks_for_nothing_but_itself(browser: Chromium, written: Path) -> None:
    page = browser.open(written.as_uri())
    assert page.requests() == [written.as_uri()]


def test_the_filter_shows_what_fits(browser: Chromium, written: Path, results: list[Result]) -> None:
    page = browser.open(written.as_uri())
    entries = entries_of(results, Level.SHOULD)
    everything = {entry.anchor for entry in entries}
    assert set(shown_cases(page)) == everything
    choose = (
        "((name, value) => { const field = document.forms[0].elements[name]; field.value = value;"
        " field.dispatchEvent(new Event('input', {bubbles: true})); })"
    )
    page.evaluate(f"{choose}('status', 'failed')")
    failed = {entry.anchor for entry in entries if entry.status is html.Status.FAILED}
    assert len(failed) > 20
    assert set(shown_cases(page)) == failed
    assert page.evaluate("document.querySelector('output').value") == f"{len(failed)} of {len(everything)} cases"
    assert page.evaluate("[...document.querySelectorAll('.section:not([hidden])')].every(each => each.open)")
    page.evaluate(f"{choose}('level', 'SHOULD')")
    wanted = {entry.anchor for entry in entries if entry.anchor in failed and entry.case.level is Level.SHOULD}
    assert set(shown_cases(page)) == wanted
    page.evaluate(f"{choose}('outcome', 'escalated')")
    assert set(shown_cases(page)) == {e.anchor for e in entries if e.anchor in wanted and e.column == "escalated"}
    page.evaluate("document.forms[0].reset()")
    page.evaluate(f"{choose}('text', 'PING with a STREAM identifier')")
    assert set(shown_cases(page)) == {"server-png-01.on-stream", "server-png-01.ack-on-stream"}
    page.evaluate(f"{choose}('text', 'type 0x0a')")
    assert "server-frm-01.0x0a" in shown_cases(page), "a frame that a case is about"
    page.evaluate(f"{choose}('text', 'plait-01')")
    assert len(shown_cases(page)) < 10, "and not the PING behind it, which all have"
    page.evaluate(f"{choose}('text', 'no case says this')")
    assert shown_cases(page) == []


def test_a_case_unfolds_by_a_key(browser: Chromium, written: Path) -> None:
    page = browser.open(f"{written.as_uri()}#rfc-9113-6.7")
    place = "document.getElementById('server-png-01.on-stream')"
    assert page.evaluate(f"{place}.closest('.section').open")
    assert not page.evaluate(f"{place}.open")
    page.evaluate(f"{place}.querySelector('summary').focus()")
    page.press("Enter", 13)
    assert page.evaluate(f"{place}.open")
    assert page.evaluate(f"{place}.querySelector('mark').checkVisibility()")
    assert "stimulus" in page.evaluate(f"{place}.innerText")


def test_a_cell_leads_to_its_cases_also_where_the_filter_hides_them(browser: Chromium, written: Path) -> None:
    page = browser.open(written.as_uri())
    page.evaluate("document.forms[0].elements.text.value = 'settings'; filter()")
    cell = "document.querySelector('a[href=\"#rfc-9113-6.7-exact\"]')"
    assert (
        page.evaluate(f"new Promise(done => {{ addEventListener('hashchange', () => done(1)); {cell}.click(); }})") == 1
    )
    heading = "document.getElementById('rfc-9113-6.7-exact')"
    top = page.evaluate(f"{heading}.getBoundingClientRect().top")
    assert 0 <= top < DESKTOP.height
    count = int(page.evaluate(f"{cell}.textContent"))
    shown = f"[...{heading}.parentElement.querySelectorAll('.case')].filter(each => each.checkVisibility()).length"
    assert page.evaluate(shown) == count > 0


def test_unfolding_and_folding_all(browser: Chromium, written: Path) -> None:
    page = browser.open(written.as_uri())
    page.evaluate("document.forms[0].elements.text.value = 'png-01'; filter()")
    page.evaluate("document.forms[0].elements.unfold.click()")
    opened = "[...document.querySelectorAll('#cases .case')].filter(each => each.open).map(each => each.id)"
    assert page.evaluate(opened) == shown_cases(page) != []
    page.evaluate("document.forms[0].elements.fold.click()")
    assert page.evaluate(opened) == []


def test_without_its_script_it_is_all_there(browser: Chromium, written: Path) -> None:
    page = browser.open(f"{written.as_uri()}#server-png-01.on-stream", script=False)
    assert not page.evaluate("document.getElementById('filter').checkVisibility()")
    place = "document.getElementById('server-png-01.on-stream')"
    assert page.evaluate(f"{place}.querySelector('summary').checkVisibility()"), (
        "a link unfolds what is around its target"
    )
    page.evaluate(f"{place}.querySelector('summary').click()")
    assert page.evaluate(f"{place}.querySelector('ol').checkVisibility()")


def test_dark_is_dark(browser: Chromium, written: Path) -> None:
    grounds = []
    for dark in (False, True):
        page = browser.open(written.as_uri(), dark=dark)
        colours = page.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.body))")
        grounds.append([sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours])
    (light_ground, light_ink), (dark_ground, dark_ink) = grounds
    assert light_ground > 600 > light_ink
    assert dark_ground < 100 < dark_ink


def test_on_paper_the_failures_are_unfolded(browser: Chromium, written: Path) -> None:
    page = browser.open(written.as_uri())
    page.call("Emulation.setEmulatedMedia", media="print")
    visible = "(id => document.getElementById(id).querySelector('ol').checkVisibility({contentVisibilityAuto: true}))"
    assert page.evaluate(f"{visible}('server-frm-01.0x0a')")
    assert not page.evaluate(f"{visible}('server-frm-01.0x0b')")
    assert not page.evaluate("document.getElementById('filter').checkVisibility()")


def test_nothing_hostile_runs(browser: Chromium, tmp_path: Path) -> None:
    path = tmp_path / "hostile.html"
    path.write_text(as_html(hostile_results(), Level.SHOULD, HOSTILE.decode("latin-1")), "utf-8")
    page = browser.open(path.as_uri(), PHONE)
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.requests() == [path.as_uri()]
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert_fits(page, PHONE.width)
    assert "<script>hacked=1</script>" in page.evaluate("document.body.innerText")


def test_the_policy_stops_what_is_not_the_pages_own(browser: Chromium, tmp_path: Path) -> None:
    document = as_html([run(SHORT_PING)], Level.SHOULD, "a test")
    path = tmp_path / "page.html"
    path.write_text(
        document.replace("<h1>", "<img src='x.png' onerror='hacked = 1'><script>hacked = 1</script><h1>"), "utf-8"
    )
    page = browser.open(path.as_uri())
    assert page.evaluate("typeof hacked") == "undefined"
    assert not page.evaluate("document.getElementById('filter').hidden"), "its own script runs"


def test_the_pictures_are_of_their_size(browser: Chromium, written: Path, tmp_path: Path) -> None:
    taken = take(browser, written, tmp_path)
    assert [path.name for path in taken] == [picture.name for picture in PICTURES]
    for path, picture in zip(taken, PICTURES, strict=True):
        octets = path.read_bytes()
        width, height = struct.unpack_from(">II", octets, 16)  # of the IHDR chunk
        screen = picture.screen
        assert (width, height) == (screen.width * screen.scale, screen.height * screen.scale)
        assert len(octets) < BYTES_MAX
