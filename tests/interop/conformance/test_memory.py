"""All cases against stacks in memory: Plait's at their best, h2's known failures, adapters that go wrong."""

from __future__ import annotations

import pytest

from interop.conformance import stacks
from interop.conformance.commands import in_memory
from interop.conformance.memory import OCTETS_MAX, TARGET, MemoryConnector, MemoryDriver
from interop.conformance.model import Case, Level, Outcome, Role, works
from interop.conformance.report import failure_line
from interop.conformance.run import Result, run_case
from interop.conformance.script import CannotDo
from interop.conformance.stacks.plait import PlaitServer
from interop.conformance.table import all_cases, select
from tests.interop.conformance.fakes import case as case_of

GROUPS = sorted({case.id[:3] for case in all_cases()})

H2_FAILS = {
    # An ALTSVC frame that is no ALTSVC frame is to be ignored (RFC 7838 §4); hyperframe calls it a FRAME_SIZE_ERROR.
    "FRM-01": {"server": "0x0a", "client": "0x0a"},
    # GOAWAY closes the connection for everything that follows: streams below the last one do not complete.
    "FRM-02": {"server": "goaway", "client": "goaway"},
    "FRM-03": {"server": "goaway", "client": "goaway"},
    "HPK-17": {"server": "after-goaway", "client": "after-goaway"},
    "PNG-02": {"server": "completes", "client": "above completes highest smaller"},
    "PNG-05": {"client": "no-new-stream"},
    "PNG-08": {"server": "large no-text none nul", "client": "large no-text none nul"},
    # Names, paths, schemes, methods and authorities are not looked at, and te may be in a response.
    "MSG-05": {
        "server": "quote parenthesis comma slash semicolon less equals question-mark at bracket backslash brace",
        "client": "quote parenthesis comma slash semicolon less equals question-mark at bracket backslash brace",
    },
    "MSG-06": {"client": "te-trailers"},
    # A :status is whatever int() reads, or raises for.
    "MSG-10": {
        "client": "response-status-text response-status-empty response-status-two-digits response-status-four-digits"
        " response-status-signed response-status-switching-protocols",
    },
    "MSG-12": {"server": "no-slash asterisk absolute fragment space control delete raw-utf-8"},
    "MSG-14": {"server": "empty with-slashes digit-first"},
    "MSG-15": {"server": "empty space control separator comma raw"},
    "MSG-16": {"server": "userinfo password empty port-text two-ports path space"},
    # A message that ends with HEADERS is not compared with its content-length.
    "MSG-19": {"server": "shorter-before-trailers no-content", "client": "shorter-before-trailers no-content"},
    # A malformed request ends the connection, and is not answered.
    "MSG-23": {"server": "name value path"},
    "MSG-24": {"server": "empty-authority trailers"},
    # 204 and 304 have no meaning of their own.
    "MSG-28": {
        "client": "204-length-empty-data 204-with-content 304-length-empty-data 304-with-content",
    },
    # A status is whatever `int` takes, and what it does not take is not caught by our adapter.
    "CLI-01": {
        "client": "status-empty status-four-digits status-hexadecimal status-letters status-sign status-two-digits"
    },
    "CLI-02": {"client": "101"},
    # A head that ends the stream is not held against its content-length; 204 and 304 may have content.
    "CLI-03": {"client": "length-no-content"},
    "CLI-04": {"client": "204-content 304-content"},
    # What is pushed is the application's affair; a reserved stream takes what it must not.
    "CLI-08": {"client": "content foreign unsafe"},
    "CLI-09": {"client": "data window-update"},
    "CLI-16": {"client": "altsvc-broken"},
    # SETTINGS need not be the first frame.
    "PRE-02": {"server": "goaway headers ping priority unknown window-update"},
    "PRE-03": {"server": "settings-ack"},
    "PRE-09": {"client": "goaway headers ping priority rst-stream settings-ack unknown window-update"},
    # "HTTP" is the length of a frame that never comes.
    "PRE-10": {"client": "http-1"},
    # RST_STREAM on a stream that does not exist is not looked at.
    "STR-01": {"server": "rst-stream"},
    "STR-02": {"server": "rst-stream"},
    "STR-16": {"client": "even-rst-stream odd-rst-stream"},
}
"""h2 4.4.1: line of the list -> role -> the cases of it that fail. One that is mended, or new, is an edit here."""


def results_of(cases: list[Case], stack: str) -> list[Result]:
    connector = stacks.connector(stack)
    return [result for case in cases for result in in_memory(case, connector)]


@pytest.mark.parametrize("group", GROUPS)
def test_plait_passes_every_case_at_its_best(group: str) -> None:
    results = results_of(select(all_cases(), ids=[group]), "plait")
    assert [failure_line(r) for r in results if r.verdict is not None and not r.verdict.best] == []


def test_only_what_needs_time_is_skipped_in_memory() -> None:
    skipped = [case for case in all_cases() if case.needs - MemoryConnector.offers]
    assert all(case.needs <= {"time", "tls", "program"} for case in skipped)
    assert len(skipped) < len(all_cases()) / 100


@pytest.mark.parametrize(
    "case", select(all_cases(), ids=["SET-01.empty", "PNG-01.echo-0", "FLW-09.stream"]), ids=lambda c: c.key
)
def test_every_split_point(case: Case) -> None:
    results = in_memory(case, stacks.connector("plait"), splits=True)
    assert len(results) == 2 + results[0].octets_sent - 1
    assert [failure_line(result) for result in results if not result.passed] == []


@pytest.mark.parametrize("group", GROUPS)
def test_h2_fails_what_it_is_known_to_fail(group: str) -> None:
    """The same cases must be able to fail; and what a widespread stack fails is not for the kit to get wrong."""
    failed = {r.case.key for r in results_of(select(all_cases(), ids=[group]), "h2") if not r.passes(Level.SHOULD)}
    known = {
        f"{role}/{line}.{name}"
        for line, roles in H2_FAILS.items()
        for role, names in roles.items()
        for name in names.split()
        if line.startswith(group)
    }
    assert sorted(failed) == sorted(known)


class Endless(PlaitServer):
    """Says more whenever it is asked."""

    def receive(self, octets: bytes) -> bytes:
        return super().receive(octets) + bytes(1 << 20)


def test_a_stack_that_never_stops_is_ended() -> None:
    driver = MemoryDriver(Endless())
    total = 0
    while octets := driver.receive(0.0):
        total += len(octets)
    assert OCTETS_MAX <= total <= OCTETS_MAX + (1 << 21)


class Raising(PlaitServer):
    """Raises at the end."""

    def receive_end(self) -> None:
        raise KeyError("stream")


def test_what_is_raised_at_the_end_is_a_crash() -> None:
    verdict = run_case(case_of(allowed=works()), MemoryConnector(Raising), TARGET).verdict
    assert verdict is not None
    assert (verdict.outcome, verdict.breaks) == (Outcome.CRASHED, Level.MUST)
    assert verdict.seen == "at the end: KeyError: 'stream'"


def test_a_role_without_a_stack_cannot_be_connected_to() -> None:
    connector = MemoryConnector(PlaitServer)
    assert connector.roles == [Role.SERVER]
    with pytest.raises(ConnectionRefusedError, match="no client"):
        connector.connect(Role.CLIENT)
    with pytest.raises(CannotDo, match="no client"):
        connector.connect(Role.SERVER).request(None, False)


def test_stacks_are_known_by_name() -> None:
    assert stacks.connector("plait").roles == [Role.SERVER, Role.CLIENT]
    with pytest.raises(LookupError, match="there is no stack 'h3'; there are plait, h2"):
        stacks.connector("h3")
