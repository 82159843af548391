"""Clauses have titles, places and anchors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from interop.conformance import clauses, report
from interop.conformance.grpc.table import all_cases as grpc_cases
from interop.conformance.table import all_cases

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("clause", "url"),
    [
        ("RFC 9113 §6.9.1", "https://www.rfc-editor.org/rfc/rfc9113.html#section-6.9.1"),
        ("RFC 7541 §7", "https://www.rfc-editor.org/rfc/rfc7541.html#section-7"),
        ("RFC 7541 §B", "https://www.rfc-editor.org/rfc/rfc7541.html#appendix-B"),
        ("RFC 9113 §10.5 (CVE-2019-9515)", "https://www.rfc-editor.org/rfc/rfc9113.html#section-10.5"),
        ("RFC 9113", "https://www.rfc-editor.org/rfc/rfc9113.html"),
        ("RFC 9113 §", "https://www.rfc-editor.org/rfc/rfc9113.html"),
        ("gRPC §2 W021", "https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md"),
        ("gRPC-Web §2", ""),
        ("RFC <script>", ""),
        ("RFC ٣", ""),
        ("", ""),
    ],
)
def test_a_clause_of_an_rfc_is_a_place_on_its_page(clause: str, url: str) -> None:
    assert clauses.url(clause) == url


def test_every_section_that_a_case_is_about_has_a_title_and_its_document_too() -> None:
    sections = {report.section_of(case) for case in (*all_cases(), *grpc_cases())}
    assert len(sections) > 60
    assert [section for section in sections if not clauses.section_title(section)] == []
    assert [s for s in sections if not clauses.document_title(clauses.document_of(s))] == []


def test_the_sections_of_grpc_are_those_of_the_document() -> None:
    headings = re.findall("^## (.*)$", (ROOT / "docs" / "grpc-wire.md").read_text("utf-8"), re.MULTILINE)
    titles = [clauses.section_title(f"gRPC §{number}") for number in range(1, 14)]
    assert titles == headings[:13]


def test_what_is_unknown_has_no_title() -> None:
    assert clauses.section_title("gRPC-Web §1") == ""
    assert clauses.document_title("gRPC-Web") == ""


def test_an_anchor_has_nothing_that_must_be_escaped() -> None:
    assert clauses.anchor("RFC 9113 §6.9", "exact") == "rfc-9113-6.9-exact"
    assert clauses.anchor('"<script>" &') == "script"


def test_sections_have_anchors_of_their_own() -> None:
    sections = {report.section_of(case) for case in all_cases()}
    assert len({clauses.anchor(section) for section in sections}) == len(sections)
