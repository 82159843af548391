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
    either,
    malformed,
    or_calm,
    send,
    stream_error,
    works,
)
from interop.conformance.phrases import before_head, head, head_stream, opened
from interop.conformance.script import (
    OK,
    STREAM,
    Content,
    Frame,
    Literal,
    Room,
    RoomOfConnection,
    begun,
    data,
    headers,
    ping,
    priority,
    rst_stream,
    settings,
    unknown,
    window_update,
)

WINDOW = int(Setting.INITIAL_WINDOW_SIZE)
MAX_WINDOW = 2**31 - 1
FLOW_CONTROL = connection_error(ErrorCode.FLOW_CONTROL_ERROR)
STREAM_FLOW = stream_error(ErrorCode.FLOW_CONTROL_ERROR)
HOLD = frozenset({"hold"})
STREAMS = 17
"""Streams with windows of 65,535 octets that fill a connection window of 2^20."""

NOT_BY_FRAMES = {
    "FLW-10": "no frame makes an endpoint lower its SETTINGS_INITIAL_WINDOW_SIZE; it is announced once",
}


def _case(
    name: str, role: Role, clause: str, reason: str, steps: tuple[Step, ...], expectation: Expectation, *h2spec: H2spec
) -> Case:
    return Case(name, role, Level.MUST, f"RFC 9113 §{clause}", reason, steps, expectation, h2spec=h2spec)


def _holding(role: Role) -> tuple[Step, ...]:
    """A stream whose content the other end's application does not use before it has ended."""
    begin: tuple[Step, ...] = (Begin(hold=True),)
    return begin if role is Role.SERVER else (*begin, send(headers(STREAM, *OK)))


def _exceeded(role: Role) -> Iterator[Case]:
    """FLW-01: more than a window allows, by one octet."""
    reason = "A receiver MUST treat DATA beyond its window as an error of type FLOW_CONTROL_ERROR."
    exactly = "DATA up to the window's end is no error."
    begin = _holding(role)
    steps: tuple[Step, ...] = (*begin, send(Content(STREAM, Room(STREAM)), data(STREAM, end_stream=True)), Finish())
    yield replace(_case("FLW-01.exactly", role, "6.9.1", exactly, steps, works()), needs=HOLD)
    steps = (*begin, send(Content(STREAM, Room(STREAM, more=1))))
    yield replace(_case("FLW-01.one-more", role, "6.9.1", reason, steps, STREAM_FLOW), needs=HOLD)
    many = begin * STREAMS
    filled = tuple(Content(begun(number), Room(begun(number))) for number in range(STREAMS - 1))
    steps = (*many, send(*filled, Content(STREAM, RoomOfConnection(STREAM))), Barrier())
    ends = tuple(Finish(begun(number), b"") for number in range(STREAMS)) if role is Role.SERVER else ()
    case = _case("FLW-01.connection-exactly", role, "6.9.1", exactly, (*steps, *ends), works())
    yield replace(case, needs=HOLD, probe=bool(ends))
    steps = (*many, send(*filled, Content(STREAM, RoomOfConnection(STREAM, more=1))))
    allowed = either(FLOW_CONTROL, STREAM_FLOW)
    yield replace(_case("FLW-01.connection-one-more", role, "6.9.1", reason, steps, allowed), needs=HOLD)


def _padding(role: Role) -> Iterator[Case]:
    """FLW-02: padding is counted, and given back."""
    reason = "The entire DATA frame payload counts, with Pad Length and padding; so it is given back, too."
    begin = _holding(role)
    padded = data(STREAM, b"p", padding=255)
    steps: tuple[Step, ...] = (
        *begin,
        send(Content(STREAM, Room(STREAM, more=-257)), padded, data(STREAM, end_stream=True)),
        Finish(),
    )
    yield replace(_case("FLW-02.exactly", role, "6.1", reason, steps, works()), needs=HOLD)
    steps = (*begin, send(Content(STREAM, Room(STREAM, more=-256)), padded))
    yield replace(_case("FLW-02.one-more", role, "6.1", reason, steps, STREAM_FLOW), needs=HOLD)
    for name, frame in (("padded", padded), ("only-padding", data(STREAM, b"", padding=255))):
        batch: tuple[Step, ...] = (
            Await(What.WINDOW, STREAM, 50 * 257),
            Await(What.WINDOW, 0, 50 * 257),
            send(*(frame,) * 50),
        )
        steps = (*opened(role), *batch * 8, Finish())
        allowed = works() if name == "padded" else or_calm(works())  # so many without content are suspicious
        yield _case(f"FLW-02.{name}-returned", role, "6.9", reason, steps, allowed)


def _discarded(role: Role) -> Iterator[Case]:
    """FLW-03: DATA that nobody reads counts all the same, and comes back."""
    reason = "DATA on a stream that the receiver has reset counts toward the connection window, and is given back."
    one: tuple[Step, ...] = (
        *opened(role),
        send(window_update(STREAM, 0), Content(STREAM, Room(STREAM))),
        Await(What.WINDOW, 0, 16_384),
    )
    first = stream_error(ErrorCode.PROTOCOL_ERROR, stream=begun(0))
    closed = connection_error(ErrorCode.STREAM_CLOSED)
    steps = (*one * 20, *opened(role), Finish())
    yield _case("FLW-03.reset", role, "6.9", reason, steps, either(first, closed))
    reason = "So does DATA with an error of its own, here beyond what content-length announced."
    wrong = Literal(b"content-length", b"3")
    start = (*before_head(role), send(headers(head_stream(role), *head(role), wrong)))
    too_long: tuple[Step, ...] = (
        *start,
        Await(What.WINDOW, 0, 16_384),
        send(data(STREAM, bytes(16_384), end_stream=True)),
    )
    more = (*too_long, send(rst_stream(STREAM, ErrorCode.CANCEL)))
    steps = (*too_long, *more * 10, Await(What.WINDOW, 0, 16_384), *opened(role), Finish())
    yield _case("FLW-03.malformed", role, "6.9", reason, steps, malformed(begun(0)))


def _empty() -> Iterator[Case]:
    """FLW-04: DATA without content needs no window."""
    reason = (
        "DATA of length zero with END_STREAM MAY be sent where there is no window, and is taken where there is none."
    )
    for role in Role:
        steps: tuple[Step, ...] = (
            *_holding(role),
            send(Content(STREAM, Room(STREAM)), data(STREAM), data(STREAM), data(STREAM, end_stream=True)),
            Finish(),
        )
        yield replace(_case("FLW-04.taken", role, "6.9.1", reason, steps, works()), needs=HOLD)
    closed = Behaviour(settings=((WINDOW, 0),), give_windows=False)
    reason = "A message without content is sent whole although the window is 0."
    steps = (Begin(), Finish(content=b""))
    case = _case("FLW-04.sent", Role.SERVER, "6.9.1", reason, steps, works())
    yield replace(case, behaviour=closed, needs=HOLD)
    steps = (Begin(content=b""), Await(What.ANSWER), Finish())
    yield replace(_case("FLW-04.sent", Role.CLIENT, "6.9.1", reason, steps, works()), behaviour=closed)


def _never_more() -> Iterator[Case]:
    """FLW-05: small windows; `checks` counts every octet of DATA."""
    reason = "No more DATA is sent than both windows allow, whatever they are."
    for size in (1, 2, 7, 16_383, 65_535):
        behaviour = Behaviour(settings=((WINDOW, size),))
        content = b"e" * min(300 if size < 100 else 3 * size, 100_000)
        parts = tuple(data(STREAM, content[start : start + 16_384]) for start in range(0, len(content), 16_384))
        sent = tuple(step for part in parts for step in (Await(What.WINDOW, STREAM, 16_384), send(part)))
        steps: tuple[Step, ...] = (Begin(), *sent, Finish())
        marks = (H2spec("http2/6.9.1/1"),) if size == 1 else ()
        case = _case(f"FLW-05.window-{size}", Role.SERVER, "6.9.1", reason, steps, works(), *marks)
        yield replace(case, behaviour=behaviour)
        steps = (Begin(content=content), Await(What.ANSWER), Finish())
        case = _case(f"FLW-05.window-{size}", Role.CLIENT, "6.9.1", reason, steps, works())
        yield replace(case, behaviour=behaviour)


def _adjusted() -> Iterator[Case]:
    """FLW-06: INITIAL_WINDOW_SIZE and the windows of open streams."""
    all_given = (Behave(give_windows=True), send(settings((WINDOW, 65_535)), window_update(0, 100_000)))
    reason = "A change of SETTINGS_INITIAL_WINDOW_SIZE adjusts the windows of all open streams."
    below = "A window may become negative; nothing is sent before WINDOW_UPDATE has made it positive again."
    alone = "SETTINGS_INITIAL_WINDOW_SIZE does not change the window of the connection."
    content = b"a" * 100
    to_zero = send(settings((WINDOW, 0)))
    for role in Role:
        begin: tuple[Step, ...] = (Begin(content=content),)
        ends: tuple[Step, ...] = (*all_given, Await(What.ANSWER), Finish())
        if role is Role.SERVER:
            begin = (Begin(end=True), Await(What.HEAD))
            ends = (*all_given, Finish())
        raised = (send(settings((WINDOW, 1))), Await(What.CONTENT, count=1), Barrier())
        marks = (H2spec("http2/6.9.2/1", Mark.WEAK),) if role is Role.SERVER else ()
        case = _case("FLW-06.raised", role, "6.9.2", reason, (*begin, Barrier(), *raised, *ends), works(), *marks)
        yield replace(case, behaviour=Behaviour(settings=((WINDOW, 0),), give_windows=False))
        came = Await(What.CONTENT, count=10)
        steps = (*begin, came, to_zero, Barrier(), send(window_update(STREAM, 10)), Barrier())
        more = (send(window_update(STREAM, 2)), Await(What.CONTENT, count=12), Barrier(), *ends)
        marks = (H2spec("http2/6.9.2/2", Mark.WEAK),) if role is Role.SERVER else ()
        case = _case("FLW-06.negative", role, "6.9.2", below, (*steps, *more), works(), *marks)
        yield replace(case, behaviour=Behaviour(settings=((WINDOW, 10),), give_windows=False))
    wide = Behaviour(settings=((WINDOW, 200_000),), give_windows=False)
    given: tuple[Step, ...] = (Behave(give_windows=True), send(window_update(0, 100_000)))
    uploads = (Begin(content=b"w" * 70_000), Await(What.CONTENT, count=65_535), Barrier())
    ends = (*given, Await(What.ANSWER), Finish())
    case = _case("FLW-06.not-connection", Role.CLIENT, "6.9.2", alone, (*uploads, *ends), works())
    yield replace(case, behaviour=wide)
    parts = (Await(What.WINDOW, STREAM, 14_000), send(data(STREAM, b"w" * 14_000))) * 5
    steps = (Begin(), *parts, send(data(STREAM, end_stream=True)), Await(What.CONTENT, count=65_535), Barrier())
    case = _case("FLW-06.not-connection", Role.SERVER, "6.9.2", alone, (*steps, *given, Finish()), works())
    yield replace(case, behaviour=wide, needs=HOLD)
    held = "WINDOW_UPDATE on a stream does not change the window of the connection."
    steps = (*uploads, send(window_update(STREAM, 10_000)), Barrier(), *ends)
    case = _case("FLW-06.stream-not-connection", Role.CLIENT, "6.9", held, steps, works())
    yield replace(case, behaviour=wide)


def _overflown() -> Iterator[Case]:
    """FLW-07: SETTINGS that take a window too far."""
    reason = "A window that SETTINGS take above 2^31-1 MUST be a connection error of type FLOW_CONTROL_ERROR."
    for role in Role:
        steps = (
            *opened(role),
            send(window_update(STREAM, MAX_WINDOW - 65_535), settings((WINDOW, 65_536))),
        )
        yield _case("FLW-07.overflow", role, "6.9.2", reason, steps, FLOW_CONTROL)
        steps = (*opened(role), send(window_update(STREAM, 1), settings((WINDOW, MAX_WINDOW))))
        yield _case("FLW-07.by-one", role, "6.9.2", reason, steps, FLOW_CONTROL)
        steps = (*opened(role), send(settings((WINDOW, MAX_WINDOW))), Await(What.SETTINGS_ACK), Finish())
        exactly = "SETTINGS_INITIAL_WINDOW_SIZE may be 2^31-1."
        yield _case("FLW-07.highest", role, "6.9.2", exactly, steps, works())


def _overflow() -> Iterator[Case]:
    """FLW-08 and FLW-09: increments that are too large, or zero."""
    rest = MAX_WINDOW - 65_535
    for role in Role:
        begun_one = opened(role)
        reason = "A window may be 2^31-1 octets, and not one more."
        steps = (*begun_one, send(window_update(STREAM, rest)), Finish())
        yield _case("FLW-08.stream-highest", role, "6.9.1", reason, steps, works())
        steps = (*begun_one, send(window_update(0, rest)), Finish())
        yield _case("FLW-08.connection-highest", role, "6.9.1", reason, steps, works())
        steps = (*begun_one, send(window_update(STREAM, rest), window_update(STREAM, 1)))
        error = stream_error(ErrorCode.FLOW_CONTROL_ERROR)
        yield _case("FLW-08.stream", role, "6.9.1", reason, steps, error, H2spec("http2/6.9.1/3"))
        steps = (send(window_update(0, rest), window_update(0, 1)),)
        yield _case("FLW-08.connection", role, "6.9.1", reason, steps, FLOW_CONTROL, H2spec("http2/6.9.1/2"))
        reason = "An increment of 0 MUST be an error of type PROTOCOL_ERROR, the stream's or the connection's."
        for name, payload in (("", bytes(4)), ("-reserved-bit", b"\x80\0\0\0")):
            frame = Frame(WINDOW_UPDATE, 0, STREAM, (payload,))
            error = stream_error(ErrorCode.PROTOCOL_ERROR)
            marks = (H2spec("http2/6.9/2"),) if not name else ()
            yield _case(f"FLW-09.stream{name}", role, "6.9", reason, (*begun_one, send(frame)), error, *marks)
            frame = replace(frame, stream=0)
            error = connection_error(ErrorCode.PROTOCOL_ERROR)
            marks = (H2spec("http2/6.9/1"),) if not name else ()
            yield _case(f"FLW-09.connection{name}", role, "6.9", reason, (send(frame),), error, *marks)


def _no_deadlock() -> Iterator[Case]:
    """FLW-11: flow control is about DATA alone."""
    reason = "Only DATA is subject to flow control: every other frame is read and answered with all windows at 0."
    blocked = Behaviour(settings=((WINDOW, 0),), give_windows=False)
    others = send(ping(b"blocked?"), settings(), priority(STREAM), window_update(0, 1), unknown(0x20, STREAM))
    answered = (Await(What.PONG), Await(What.SETTINGS_ACK))
    opens = send(settings((WINDOW, 65_535)))
    steps: tuple[Step, ...] = (
        *(Begin(end=True), Await(What.HEAD), others, *answered),
        *(Begin(end=True), Await(What.HEAD), send(rst_stream(STREAM, ErrorCode.CANCEL)), Barrier()),
        *(opens, Finish(begun(0))),
    )
    case = _case("FLW-11.ours", Role.SERVER, "5.2.2", reason, steps, works(begun(0)))
    yield replace(case, behaviour=blocked)
    steps = (
        *(Begin(content=b"b" * 1_000), others, *answered, Begin(), Finish(begun(1))),
        *(opens, Await(What.ANSWER, begun(0)), Finish(begun(0))),
    )
    case = _case("FLW-11.ours", Role.CLIENT, "5.2.2", reason, steps, works(begun(0)))
    yield replace(case, behaviour=blocked)
    reason = "With its own windows used up, it still reads everything but DATA, and serves what needs no window."
    for role in Role:
        filled = send(Content(STREAM, Room(STREAM)))
        ends = (data(begun(0), end_stream=True),)
        steps = (*_holding(role), filled, others, *answered, *opened(role)[:1])
        trailers = (
            send(headers(STREAM, *OK, end_stream=True)) if role is Role.CLIENT else send(data(STREAM, end_stream=True))
        )
        last = (Finish(begun(1), b""),) if role is Role.SERVER else (trailers, Await(What.RESULT, begun(1)))
        steps = (*steps, *(() if role is Role.CLIENT else (trailers,)), *last, send(*ends), Finish(begun(0)))
        case = _case("FLW-11.its-own", role, "5.2.2", reason, steps, works(begun(0)))
        yield replace(case, needs=HOLD)


def _back_pressure() -> Iterator[Case]:
    """FLW-12: windows are given back when the application has used what came."""
    reason = "A receiver gives windows back as it uses the content, not as it comes: otherwise they limit nothing."
    used = "What the application has used is given back, on the connection too, so that others can go on."
    for role in Role:
        steps: tuple[Step, ...] = (*_holding(role), send(Content(STREAM, Room(STREAM))), Barrier(), Barrier())
        case = _case("FLW-12.held", role, "5.2.1", reason, (*steps, send(data(STREAM, b"x"))), STREAM_FLOW)
        yield replace(case, level=Level.SHOULD, needs=HOLD)
        ended = (send(data(STREAM, end_stream=True)), Finish())
        once = (*_holding(role), send(Content(STREAM, Room(STREAM))), *ended, Await(What.WINDOW, 0, 16_384))
        case = _case("FLW-12.returned", role, "6.9", used, once * 20, works())
        yield replace(case, level=Level.SHOULD, needs=HOLD)
        batch: tuple[Step, ...] = (Await(What.WINDOW, STREAM, 16_384), send(data(STREAM, bytes(16_384))))
        case = _case("FLW-12.stream-returned", role, "6.9", used, (*opened(role), *batch * 10, Finish()), works())
        yield replace(case, level=Level.SHOULD)


def cases() -> list[Case]:
    """The group."""
    by_role = [case for role in Role for part in (_exceeded, _padding, _discarded) for case in part(role)]
    parts = (_empty, _never_more, _adjusted, _overflown, _overflow, _no_deadlock, _back_pressure)
    return [*by_role, *(case for part in parts for case in part())]
