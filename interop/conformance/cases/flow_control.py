"""FLW: flow control (RFC 9113 §5.2, §6.9)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from http2.errors import ErrorCode
from http2.frames import WINDOW_UPDATE
from http2.settings import Setting
from interop.conformance.model import (
    Await,
    Barrier,
    Begin,
    Behave,
    Behaviour,
    Case,
    Expectation,
    Finish,
    H2spec,
    Level,
    Mark,
    Role,
    Step,
    What,
    connection_error,
    send,
    stream_error,
    works,
)
from interop.conformance.phrases import opened
from interop.conformance.script import OK, STREAM, Content, Frame, Room, data, headers, settings, window_update

WINDOW = int(Setting.INITIAL_WINDOW_SIZE)
MAX_WINDOW = 2**31 - 1
FLOW_CONTROL = connection_error(ErrorCode.FLOW_CONTROL_ERROR)


def _case(
    name: str, role: Role, clause: str, reason: str, steps: tuple[Step, ...], expectation: Expectation, *h2spec: H2spec
) -> Case:
    return Case(name, role, Level.MUST, f"RFC 9113 §{clause}", reason, steps, expectation, h2spec=h2spec)


def _exceeded() -> Iterator[Case]:
    """FLW-01: more than a window allows, by one octet."""
    reason = "A receiver MUST treat DATA beyond its window as an error of type FLOW_CONTROL_ERROR."
    holds = frozenset({"hold"})
    for role in Role:
        begin: tuple[Step, ...] = (Begin(hold=True),)
        if role is Role.CLIENT:
            begin = (*begin, send(headers(STREAM, *OK)))
        steps: tuple[Step, ...] = (*begin, send(Content(STREAM, Room(STREAM)), data(STREAM, end_stream=True)), Finish())
        case = _case("FLW-01.exactly", role, "6.9.1", "DATA up to the window's end is no error.", steps, works())
        yield replace(case, needs=holds)
        error = stream_error(ErrorCode.FLOW_CONTROL_ERROR)
        steps = (*begin, send(Content(STREAM, Room(STREAM, more=1))))
        yield replace(_case("FLW-01.one-more", role, "6.9.1", reason, steps, error), needs=holds)


def _never_more() -> Iterator[Case]:
    """FLW-05: small windows; `checks` counts every octet of DATA."""
    reason = "No more DATA is sent than both windows allow, whatever they are."
    for size in (1, 2, 7, 16_383):
        steps: tuple[Step, ...] = (Begin(), send(data(STREAM, b"e" * 300)), Finish())
        case = _case(f"FLW-05.window-{size}", Role.SERVER, "6.9.1", reason, steps, works())
        yield replace(case, behaviour=Behaviour(settings=((WINDOW, size),)))


def _adjusted() -> Iterator[Case]:
    """FLW-06 and FLW-07: INITIAL_WINDOW_SIZE and the windows of open streams."""
    steps: tuple[Step, ...] = (
        Begin(end=True),
        Await(What.HEAD),
        Barrier(),
        send(settings((WINDOW, 1))),
        Await(What.CONTENT, count=1),
        Behave(give_windows=True),
        send(settings((WINDOW, 65_535))),
        Finish(),
    )
    reason = "A change of SETTINGS_INITIAL_WINDOW_SIZE adjusts the windows of all open streams."
    mark = H2spec("http2/6.9.2/1", Mark.WEAK)
    case = _case("FLW-06.raised", Role.SERVER, "6.9.2", reason, steps, works(), mark)
    yield replace(case, behaviour=Behaviour(settings=((WINDOW, 0),), give_windows=False))
    reason = "A window that SETTINGS take above 2^31-1 MUST be a connection error of type FLOW_CONTROL_ERROR."
    for role in Role:
        steps = (
            *opened(role),
            send(window_update(STREAM, MAX_WINDOW - 65_535), settings((WINDOW, 65_536))),
        )
        yield _case("FLW-07.overflow", role, "6.9.2", reason, steps, FLOW_CONTROL)


def _overflow() -> Iterator[Case]:
    """FLW-08 and FLW-09: increments that are too large, or zero."""
    rest = MAX_WINDOW - 65_535
    for role in Role:
        begun = opened(role)
        reason = "A window may be 2^31-1 octets, and not one more."
        steps = (*begun, send(window_update(STREAM, rest)), Finish())
        yield _case("FLW-08.stream-highest", role, "6.9.1", reason, steps, works())
        steps = (*begun, send(window_update(STREAM, rest), window_update(STREAM, 1)))
        error = stream_error(ErrorCode.FLOW_CONTROL_ERROR)
        yield _case("FLW-08.stream", role, "6.9.1", reason, steps, error, H2spec("http2/6.9.1/3"))
        steps = (send(window_update(0, rest), window_update(0, 1)),)
        yield _case("FLW-08.connection", role, "6.9.1", reason, steps, FLOW_CONTROL, H2spec("http2/6.9.1/2"))
        reason = "An increment of 0 MUST be an error of type PROTOCOL_ERROR, the stream's or the connection's."
        for name, payload in (("", bytes(4)), ("-reserved-bit", b"\x80\0\0\0")):
            frame = Frame(WINDOW_UPDATE, 0, STREAM, (payload,))
            error = stream_error(ErrorCode.PROTOCOL_ERROR)
            marks = (H2spec("http2/6.9/2"),) if not name else ()
            yield _case(f"FLW-09.stream{name}", role, "6.9", reason, (*begun, send(frame)), error, *marks)
            frame = replace(frame, stream=0)
            error = connection_error(ErrorCode.PROTOCOL_ERROR)
            marks = (H2spec("http2/6.9/1"),) if not name else ()
            yield _case(f"FLW-09.connection{name}", role, "6.9", reason, (send(frame),), error, *marks)


def cases() -> list[Case]:
    """The group, as far as it goes."""
    return [*_exceeded(), *_never_more(), *_adjusted(), *_overflow()]
