"""STR: the life of a stream (RFC 9113 §5.1)."""

from __future__ import annotations

from collections.abc import Iterator

from http2.errors import ErrorCode
from http2.frames import END_STREAM
from interop.conformance.model import (
    Await,
    Barrier,
    Begin,
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
    either,
    send,
    stream_error,
    works,
)
from interop.conformance.phrases import opened
from interop.conformance.script import (
    GET,
    STREAM,
    Frame,
    begun,
    continuation,
    data,
    even,
    headers,
    idle,
    priority,
    push_promise,
    rst_stream,
    window_update,
)

PROTOCOL = connection_error(ErrorCode.PROTOCOL_ERROR)


def _case(
    name: str, role: Role, clause: str, reason: str, steps: tuple[Step, ...], expectation: Expectation, *h2spec: H2spec
) -> Case:
    return Case(name, role, Level.MUST, f"RFC 9113 §{clause}", reason, steps, expectation, h2spec=h2spec)


def _idle() -> Iterator[Case]:
    """STR-01 and STR-02: streams that nobody has opened."""
    reason = "Any frame other than HEADERS or PRIORITY on an idle stream MUST be a connection error PROTOCOL_ERROR."
    frames: tuple[tuple[str, Frame, str], ...] = (
        ("data", data(idle(), b"x"), "5.1/1"),
        ("rst-stream", rst_stream(idle(), ErrorCode.CANCEL), "5.1/2"),
        ("window-update", window_update(idle(), 1), "5.1/3"),
        ("continuation", continuation(idle(), *GET), "5.1/4"),
        ("push-promise", push_promise(idle(), even(), *GET), ""),
    )
    for name, frame, mark in frames:
        cited = (H2spec(f"http2/{mark}"),) if mark else ()
        yield _case(f"STR-01.{name}", Role.SERVER, "5.1", reason, (Begin(), send(frame)), PROTOCOL, *cited)
    reason = "A stream that only the server may open is idle for ever: nothing may come on it."
    for name, frame in (
        ("headers", headers(even(), *GET, end_stream=True)),
        ("data", data(even(), b"x")),
        ("rst-stream", rst_stream(even(), ErrorCode.CANCEL)),
        ("window-update", window_update(even(), 1)),
    ):
        cited = (H2spec("http2/5.1.1/1"),) if name == "headers" else ()
        yield _case(f"STR-02.{name}", Role.SERVER, "5.1.1", reason, (Begin(), send(frame)), PROTOCOL, *cited)


def _late() -> Iterator[Case]:
    """STR-07: what may still come on a closed stream."""
    reason = "WINDOW_UPDATE or RST_STREAM may come for a short time after END_STREAM was sent, and is no error."
    for role in Role:
        for name, frame in (
            ("window-update", window_update(begun(0), 1)),
            ("rst-stream", rst_stream(begun(0), ErrorCode.NO_ERROR)),
            ("priority", priority(begun(0))),
        ):
            steps: tuple[Step, ...] = (*opened(role), Finish(), Barrier(), send(frame), *opened(role), Finish())
            yield _case(f"STR-07.{name}", role, "5.1", reason, steps, works())


def _closed() -> Iterator[Case]:
    """STR-06 and STR-08: what is an error after END_STREAM, and what may be one."""
    blocked = ((0x4, 0),)
    reason = "DATA on a stream that the peer has half-closed MUST be a stream error of type STREAM_CLOSED."
    case = _case(
        "STR-06.data",
        Role.SERVER,
        "5.1",
        reason,
        (Begin(end=True), Await(What.HEAD), send(data(STREAM, b"late"))),
        stream_error(ErrorCode.STREAM_CLOSED),
        H2spec("http2/5.1/5"),
        H2spec("http2/6.1/2", Mark.DUPLICATE),
    )
    behaviour = type(case.behaviour)(settings=blocked)
    yield Case(**{**vars(case), "behaviour": behaviour})
    reason = "DATA on a stream that has been closed for long may be an error or be ignored; it breaks nothing else."
    closed = either(stream_error(ErrorCode.STREAM_CLOSED), works())
    steps: tuple[Step, ...] = (Begin(end=True), Finish(), Barrier(), send(Frame(0, END_STREAM, STREAM, (b"late",))))
    mark = H2spec("http2/5.1/11", Mark.STRICTER)
    yield Case("STR-08.data", Role.SERVER, Level.MAY, "RFC 9113 §5.1", reason, steps, closed, h2spec=(mark,))


def cases() -> list[Case]:
    """The group, as far as it goes."""
    return [*_idle(), *_late(), *_closed()]
