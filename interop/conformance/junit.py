"""Results as a JUnit file, which build servers read: always well-formed XML, whatever the other end has said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from interop.conformance import report
from interop.conformance.model import Level
from interop.conformance.run import Result

_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0 §2.2: no escape makes these characters part of a document."""


def as_junit(results: Sequence[Result], level: Level) -> bytes:
    """The document: a suite for each section of the RFC, a test case for each run."""
    suites: dict[str, list[Result]] = {}
    for result in results:
        suites.setdefault(report.section_of(result.case), []).append(result)
    root = ElementTree.Element("testsuites", {"name": "HTTP/2 conformance", **_counts(results, level)})
    for section in sorted(suites, key=report.section_order):
        suite = ElementTree.SubElement(root, "testsuite", {"name": section, **_counts(suites[section], level)})
        for result in suites[section]:
            _add(suite, result, level)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _counts(results: Sequence[Result], level: Level) -> dict[str, str]:
    failed = sum(not result.passes(level) for result in results)
    skipped = sum(result.verdict is None for result in results)
    return {"tests": str(len(results)), "failures": str(failed), "errors": "0", "skipped": str(skipped)}


def _add(suite: ElementTree.Element, result: Result, level: Level) -> None:
    case = result.case
    name = _clean(f"{case.id} ({result.delivery.value}): {case.reason}")
    element = ElementTree.SubElement(suite, "testcase", classname=f"{case.role.value}.{case.group}", name=name)
    if result.verdict is None:
        ElementTree.SubElement(element, "skipped", message=_clean(result.skipped))
    elif not result.passes(level):
        assert result.verdict.breaks is not None
        line = _clean(report.failure_line(result))
        failure = ElementTree.SubElement(element, "failure", type=result.verdict.breaks.name, message=line)
        failure.text = _clean(report.explain(case, [result]))


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
