"""The frames of a run, and what is said of each."""

from __future__ import annotations

from dataclasses import replace

from http2.errors import ErrorCode
from http2.frames import GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS
from interop.conformance.driving import Delivery
from interop.conformance.model import Begin, Finish, send, stream_error, works
from interop.conformance.recording import Phase
from interop.conformance.run import Result
from interop.conformance.script import STREAM, data, ping, window_update
from interop.conformance.transcript import Gap, Line, transcript
from tests.interop.conformance.fakes import Fake, case, frame_type, run, with_code
from tests.interop.conformance.test_verdicts import SHORT_PING, ZERO_INCREMENT


def lines_of(result: Result, frames_max: int | None = None) -> list[Line]:
    return [entry for entry in transcript(result, frames_max) if isinstance(entry, Line)]


def test_every_frame_is_there_in_its_phase() -> None:
    result = run(case(Begin(), send(ping(b"12345678")), Finish(), allowed=works()))
    entries = transcript(result)
    assert [entry for entry in entries if isinstance(entry, Phase)] == list(Phase)
    assert tuple(line.frame for line in lines_of(result)) == result.frames
    script = entries[entries.index(Phase.SCRIPT) : entries.index(Phase.BARRIER)]
    assert [line.frame.type for line in script if isinstance(line, Line)][:2] == [HEADERS, PING]
    handshake = entries[: entries.index(Phase.SCRIPT)]
    assert {line.frame.type for line in handshake if isinstance(line, Line)} >= {SETTINGS}


def test_the_stimulus_is_what_the_script_sends_by_itself() -> None:
    result = run(case(Begin(), send(ping(b"12345678")), Finish(), allowed=works()))
    assert [line.frame.payload for line in lines_of(result) if line.is_stimulus] == [b"12345678"]


def test_the_frame_that_decided_says_so() -> None:
    goaway = [line for line in lines_of(run(SHORT_PING)) if line.decides]
    assert [(line.frame.type, line.decides, line.notes) for line in goaway] == [(GOAWAY, "exact", ["decides: exact"])]
    wrong = run(ZERO_INCREMENT, with_code(int(ErrorCode.CANCEL)))
    reset = [line for line in lines_of(wrong) if line.decides]
    assert [(line.frame.type, line.decides) for line in reset] == [(RST_STREAM, "wrong")]


def test_an_answer_that_decided_is_its_head() -> None:
    from tests.interop.conformance.test_verdicts import BAD_NAME

    allowed = run(BAD_NAME, with_code(0))
    (head,) = [line for line in lines_of(allowed) if line.decides]
    assert head.decides == "answered"
    assert head.frame.fields is not None
    assert (b":status", b"400") in head.frame.fields


def reserved(fake: Fake, frame: bytes) -> bytes:
    """Sets the reserved bit of every PING, and an undefined flag with it."""
    if frame_type(frame) != PING:
        return frame
    return frame[:4] + bytes([frame[4] | 0x40, frame[5] | 0x80]) + frame[6:]


def test_a_rule_that_is_broken_in_passing_stands_at_the_frame() -> None:
    result = run(case(send(ping(b"12345678")), allowed=works()), reserved)
    broken = [line for line in lines_of(result) if line.broken]
    assert broken[0].frame.type == PING
    assert not broken[0].frame.is_sent
    assert [note.split(":")[0] for note in broken[0].notes] == ["breaks FRM-04"] * 2
    assert result.verdict is not None
    assert len([text for line in broken for text in line.broken]) == len(result.verdict.violations)


def test_the_middle_of_a_long_exchange_is_left_out_but_for_what_there_is_to_say() -> None:
    result = run(case(Begin(), *(send(data(STREAM, b"x")) for _ in range(100)), Finish(), allowed=works()))
    entries = transcript(result, 12)
    shown, gaps = lines_of(result, 12), [entry for entry in entries if isinstance(entry, Gap)]
    assert len(shown) == 12
    assert [line.frame for line in shown[:8]] == list(result.frames[:8])
    assert sum(gap.frames for gap in gaps) + 12 == len(result.frames) > 100

    at = 60
    noted = replace(result.verdict, decisive=result.frames[at]) if result.verdict is not None else None
    entries = transcript(replace(result, verdict=noted), 12)
    (decisive,) = [entry for entry in entries if isinstance(entry, Line) and entry.decides]
    assert decisive.frame is result.frames[at]
    gaps = [entry for entry in entries if isinstance(entry, Gap)]
    assert sum(gap.frames for gap in gaps) + 13 == len(result.frames)


def test_what_was_skipped_may_have_no_frames() -> None:
    assert transcript(Result(SHORT_PING, Delivery.WHOLE, skipped="why")) == []


def test_a_stream_error_is_found_on_its_stream() -> None:
    wanted = case(Begin(), Begin(), send(window_update(STREAM, 0)), allowed=stream_error(ErrorCode.PROTOCOL_ERROR))
    result = run(wanted)
    (decisive,) = [line for line in lines_of(result) if line.decides]
    assert (decisive.frame.type, decisive.frame.stream_id) == (RST_STREAM, 3)
