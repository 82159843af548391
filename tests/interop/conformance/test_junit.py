"""JUnit files parse, whatever a server has said, and count what they hold."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from interop.conformance.driving import Delivery
from interop.conformance.junit import as_junit
from interop.conformance.model import Level
from interop.conformance.run import Result
from tests.interop.conformance.fakes import WRONG_CODE, run, with_code
from tests.interop.conformance.test_verdicts import SHORT_PING


def test_failures_and_what_was_skipped_are_counted() -> None:
    results = [
        run(SHORT_PING),
        run(SHORT_PING, with_code(WRONG_CODE)),
        Result(SHORT_PING, Delivery.WHOLE, skipped="why"),
    ]
    root = ElementTree.fromstring(as_junit(results, Level.MUST))
    (suite,) = root
    for element in (root, suite):
        counts = {name: element.get(name) for name in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": "3", "failures": "1", "errors": "0", "skipped": "1"}
    assert suite.get("name") == "RFC 9113 §5.4"
    passed, failed, skipped = suite
    assert len(passed) == 0
    failure, why = failed.find("failure"), skipped.find("skipped")
    assert failure is not None
    assert why is not None
    assert failure.get("type") == "MUST"
    assert "came wrong: GOAWAY on the connection: CANCEL" in (failure.get("message") or "")
    assert why.get("message") == "why"


@pytest.mark.parametrize("text", ["\x00", "\x1b[31m", "\ud800", "\uffff", "<&\"'>]]>", "é\u20ac\U0001f600"])
def test_no_octet_breaks_the_document(text: str) -> None:
    case = replace(SHORT_PING, reason=text)
    document = as_junit([Result(case, Delivery.WHOLE, skipped=text)], Level.MUST)
    skipped = ElementTree.fromstring(document).find(".//skipped")
    assert skipped is not None
    message = skipped.get("message") or ""
    assert message == text or message.startswith("\\x")
