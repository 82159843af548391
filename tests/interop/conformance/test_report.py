"""What a line says of what was sent, and what is said of each frame."""

from __future__ import annotations

from interop.conformance import report
from interop.conformance.driving import Delivery
from interop.conformance.model import Begin, Finish, Outcome, Step, send, works
from interop.conformance.run import Result
from interop.conformance.script import STREAM, data, ping
from tests.interop.conformance.fakes import case, run

HEAD = "HEADERS END_HEADERS on stream 1: :method=POST, :scheme=http, :authority=localhost, :path=/echo"
ENDS = "DATA END_STREAM on stream 1: 8 octets finished"


def sent(*steps: Step) -> str:
    return report.stimulus(run(case(*steps, allowed=works())))


def test_a_short_script_is_shown_whole() -> None:
    stimulus = "PING on the connection: 12345678"
    assert sent(Begin(), send(ping(b"12345678")), Finish()) == f"{HEAD} + {stimulus} + {ENDS}"
    assert sent(send(ping(b"12345678"))) == stimulus
    assert sent(Begin(), Finish()) == f"{HEAD} + {ENDS}"


def test_of_a_long_script_the_last_of_what_it_is_about_is_shown_and_the_rest_is_counted() -> None:
    pieces = [send(data(STREAM, b"%d" % number)) for number in range(5)]
    shown = " + ".join(f"DATA on stream 1: 1 octets {number}" for number in (2, 3, 4))
    assert sent(Begin(), *pieces, Finish()) == f"3 more + {shown} + 1 more"


def test_where_it_is_about_less_than_three_frames_those_around_are_shown() -> None:
    begun = (Begin(), Begin(), Begin())
    stimulus = "PING on the connection: 12345678"
    head = HEAD.replace("stream 1", "stream 3")
    assert sent(*begun, send(ping(b"12345678"))) == f"{HEAD} + {head} + 1 more + {stimulus}"


def test_nothing_is_nothing() -> None:
    assert report.stimulus(Result(case(allowed=works()), Delivery.WHOLE)) == "nothing"


def test_frames_in_a_row_that_a_case_is_about_are_told_once() -> None:
    wanted = case(send(ping(b"12345678"), ping(b"12345678")), allowed=works())
    lines = report.explain(wanted, [run(wanted)]).splitlines()
    assert lines.count("       ^ these 2 are what the case is about") == 1


def test_every_outcome_has_a_meaning() -> None:
    assert list(report.MEANING) == list(Outcome)
