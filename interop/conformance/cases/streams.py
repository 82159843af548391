"""STR: the life of a stream (RFC 9113 §5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from http2.errors import ErrorCode
from http2.frames import END_HEADERS, END_STREAM, HEADERS, PRIORITY
from http2.settings import Setting
from interop.conformance.model import (
    Ask,
    Await,
    Barrier,
    Begin,
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
from interop.conformance.phrases import EXCHANGE, following, opened
from interop.conformance.script import (
    GET,
    OK,
    POST,
    STREAM,
    Frame,
    Indexed,
    Literal,
    Requests,
    begun,
    continuation,
    data,
    even,
    headers,
    idle,
    incremental,
    priority,
    push_promise,
    rst_stream,
    settings,
    window_update,
)

PROTOCOL = connection_error(ErrorCode.PROTOCOL_ERROR)
STREAM_CLOSED = stream_error(ErrorCode.STREAM_CLOSED)
WINDOW = int(Setting.INITIAL_WINDOW_SIZE)
STREAMS = int(Setting.MAX_CONCURRENT_STREAMS)
BLOCKED = Behaviour(settings=((WINDOW, 0),))
"""Our windows are closed: an answer begins and cannot end."""

HIGHEST = 2**31 - 1
TRAILER = Literal(b"x-kit-trailer", b"late")
ENTRY = incremental(b"x-kit", b"entered")
UPLOAD = b"u" * 200_000

NOT_BY_FRAMES = {
    "STR-13": "no frame makes a server lower its SETTINGS_MAX_CONCURRENT_STREAMS; it is announced once",
}


def _case(
    name: str, role: Role, clause: str, reason: str, steps: tuple[Step, ...], expectation: Expectation, *h2spec: H2spec
) -> Case:
    return Case(name, role, Level.MUST, f"RFC 9113 §{clause}", reason, steps, expectation, h2spec=h2spec)


def _marks(*ids: str, mark: Mark = Mark.VALID) -> tuple[H2spec, ...]:
    return tuple(H2spec(name, mark) for name in ids)


# -- idle and never opened ---------------------------------------------------------------------------------------------


def _idle() -> Iterator[Case]:
    """STR-01 and STR-02: streams that nobody has opened."""
    reason = "Any frame other than HEADERS or PRIORITY on an idle stream MUST be a connection error PROTOCOL_ERROR."
    frames: tuple[tuple[str, Frame, tuple[str, ...]], ...] = (
        ("data", data(idle(), b"x"), ("http2/5.1/1",)),
        ("rst-stream", rst_stream(idle(), ErrorCode.CANCEL), ("http2/5.1/2",)),
        ("window-update", window_update(idle(), 1), ("http2/5.1/3",)),
        ("continuation", continuation(idle(), *GET), ("http2/5.1/4",)),
        ("push-promise", push_promise(idle(), even(), *GET), ()),
    )
    for name, frame, marks in frames:
        yield _case(f"STR-01.{name}", Role.SERVER, "5.1", reason, (Begin(), send(frame)), PROTOCOL, *_marks(*marks))
    duplicate = H2spec("http2/6.4/2", Mark.DUPLICATE)
    steps: tuple[Step, ...] = (send(rst_stream(idle(), ErrorCode.CANCEL)),)
    yield _case("STR-01.rst-stream-first", Role.SERVER, "6.4", reason, steps, PROTOCOL, duplicate)
    reason = "A stream that only the server may open is idle for ever: nothing may come on it."
    for name, frame in (
        ("headers", headers(even(), *GET, end_stream=True)),
        ("data", data(even(), b"x")),
        ("rst-stream", rst_stream(even(), ErrorCode.CANCEL)),
        ("window-update", window_update(even(), 1)),
    ):
        cited = _marks("http2/5.1.1/1") if name == "headers" else ()
        yield _case(f"STR-02.{name}", Role.SERVER, "5.1.1", reason, (Begin(), send(frame)), PROTOCOL, *cited)


def _never_opened_by_client() -> Iterator[Case]:
    """STR-16 and STR-17: what a server may not send."""
    reason = "A server opens streams with PUSH_PROMISE only; any frame but PRIORITY on an idle one is a PROTOCOL_ERROR."
    for where, stream in (("even", even()), ("odd", idle())):
        for name, frame in (
            ("headers", headers(stream, *OK, end_stream=True)),
            ("data", data(stream, b"x")),
            ("rst-stream", rst_stream(stream, ErrorCode.CANCEL)),
            ("window-update", window_update(stream, 1)),
            ("continuation", continuation(stream, *OK)),
        ):
            yield _case(f"STR-16.{where}-{name}", Role.CLIENT, "5.1.1", reason, (Begin(), send(frame)), PROTOCOL)
    reason = "HEADERS or DATA with the stream identifier 0 MUST be a connection error of type PROTOCOL_ERROR."
    for role in Role:
        for name, frame, clause, mark in (
            ("headers", headers(0, *(GET if role is Role.SERVER else OK), end_stream=True), "6.2", "http2/6.2/3"),
            ("data", data(0, b"x"), "6.1", "http2/6.1/1"),
            ("rst-stream", rst_stream(0, ErrorCode.CANCEL), "6.4", "http2/6.4/1"),
            ("continuation", continuation(0, *OK), "6.10", "http2/6.10/3"),
        ):
            steps = (Begin(), send(frame))
            yield _case(f"STR-16.connection-{name}", role, clause, reason, steps, PROTOCOL, *_marks(mark))
    reason = "DATA before the head of the response is malformed: a stream error of type PROTOCOL_ERROR."
    for name, frame in (("data", data(STREAM, b"early")), ("data-end", data(STREAM, b"early", end_stream=True))):
        steps = (Begin(), send(frame))
        yield _case(f"STR-17.{name}", Role.CLIENT, "8.1", reason, steps, stream_error(ErrorCode.PROTOCOL_ERROR))


# -- identifiers -------------------------------------------------------------------------------------------------------


def _skipped() -> Iterator[Case]:
    """STR-03 and STR-05: identifiers that are left out, and the last one."""
    start: tuple[Step, ...] = (Begin(), send(headers(idle(2), *POST)))  # streams 1 and 7
    reason = "The first use of an identifier closes all idle streams below it: a request on one is a PROTOCOL_ERROR."
    for stream in (3, 5):
        steps = (*start, send(headers(stream, *GET, end_stream=True)))
        marks = _marks("http2/5.1.1/2") if stream == 5 else ()
        allowed = connection_error(ErrorCode.PROTOCOL_ERROR, ErrorCode.STREAM_CLOSED)
        yield _case(f"STR-03.headers-{stream}", Role.SERVER, "5.1.1", reason, steps, allowed, *marks)
    reason = "A stream that was left out is closed, not idle: what comes on it may be an error or be ignored."
    allowed = either(connection_error(ErrorCode.STREAM_CLOSED, ErrorCode.PROTOCOL_ERROR), works())
    for name, frame in (
        ("data", data(3, b"x")),
        ("window-update", window_update(3, 1)),
        ("rst-stream", rst_stream(3, ErrorCode.CANCEL)),
    ):
        case = _case(f"STR-03.{name}", Role.SERVER, "5.1.1", reason, (*start, send(frame)), allowed)
        yield replace(case, level=Level.MAY)
    reason = "The two requests around the identifiers that were left out are answered."
    steps = (*start, Finish(begun(0)), Finish(begun(1)))
    yield _case("STR-03.answered", Role.SERVER, "5.1.1", reason, steps, works())
    reason = "2^31-1 is a stream identifier like others, and the last one of a connection."
    steps = (send(headers(HIGHEST, *GET, end_stream=True)), Finish())
    yield replace(_case("STR-05.highest", Role.SERVER, "5.1.1", reason, steps, works()), probe=False)
    steps = (
        send(headers(HIGHEST, *GET, end_stream=True)),
        Finish(),
        send(headers(1, *GET, end_stream=True)),
    )
    reason = "Behind 2^31-1 there is no stream identifier; it does not begin again at 1."
    allowed = connection_error(ErrorCode.PROTOCOL_ERROR, ErrorCode.STREAM_CLOSED)
    yield replace(_case("STR-05.wraparound", Role.SERVER, "5.1.1", reason, steps, allowed), probe=False)


def _reused() -> Iterator[Case]:
    """STR-04: an identifier is used once."""
    reason = "Stream identifiers cannot be reused: a second request on one is an error of the connection or the stream."
    again = send(headers(STREAM, *GET, end_stream=True))
    closed = either(connection_error(ErrorCode.STREAM_CLOSED, ErrorCode.PROTOCOL_ERROR), STREAM_CLOSED)
    steps: tuple[Step, ...] = (*EXCHANGE, Barrier(), again)
    yield _case("STR-04.completed", Role.SERVER, "5.1.1", reason, steps, closed)
    steps = (*EXCHANGE, *EXCHANGE, *EXCHANGE, send(headers(begun(0), *GET, end_stream=True)))
    yield _case("STR-04.first-of-three", Role.SERVER, "5.1.1", reason, steps, replace(closed, stream=begun(0)))
    reason = "A second head on an open stream, without END_STREAM, is malformed."
    yield _case("STR-04.open", Role.SERVER, "8.1", reason, (Begin(), send(headers(STREAM, *GET))), malformed())


# -- half-closed and closed --------------------------------------------------------------------------------------------


def _half_closed() -> Iterator[Case]:
    """STR-06: what is an error after END_STREAM, and what is none."""
    reason = "After END_STREAM only WINDOW_UPDATE, PRIORITY and RST_STREAM may come; else it is STREAM_CLOSED."
    ended: tuple[Step, ...] = (Begin(end=True), Await(What.HEAD))
    late: tuple[tuple[str, Frame, tuple[H2spec, ...]], ...] = (
        ("data", data(STREAM, b"late"), (H2spec("http2/5.1/5"), H2spec("http2/6.1/2", Mark.DUPLICATE))),
        ("data-empty", data(STREAM), ()),
        ("headers", headers(STREAM, TRAILER, end_stream=True), (H2spec("http2/5.1/6"),)),
        ("request", headers(STREAM, *GET, end_stream=True), ()),
    )
    for name, frame, marks in late:
        case = _case(f"STR-06.{name}", Role.SERVER, "5.1", reason, (*ended, send(frame)), STREAM_CLOSED, *marks)
        yield replace(case, behaviour=BLOCKED)
    # A client that has its answer may cancel what it still sends of its request, before or after the late frame.
    uploads = Behaviour(give_windows=False)
    begin: tuple[Step, ...] = (Begin(content=UPLOAD), send(headers(STREAM, *OK), data(STREAM, b"ok", end_stream=True)))
    for name, frame, _ in late[:3]:
        allowed = stream_error(ErrorCode.STREAM_CLOSED, ErrorCode.CANCEL)
        case = _case(f"STR-06.{name}", Role.CLIENT, "5.1", reason, (*begin, send(frame)), allowed)
        yield replace(case, behaviour=uploads)
    error = either(connection_error(ErrorCode.PROTOCOL_ERROR, ErrorCode.STREAM_CLOSED), STREAM_CLOSED)
    steps: tuple[Step, ...] = (*ended, send(continuation(STREAM, TRAILER)))
    text = "CONTINUATION belongs to a field block; without one it MUST be a connection error of type PROTOCOL_ERROR."
    case = _case("STR-06.continuation", Role.SERVER, "6.10", text, steps, error, *_marks("http2/5.1/7"))
    yield replace(case, behaviour=BLOCKED)
    reason = "WINDOW_UPDATE, PRIORITY and RST_STREAM may come on a half-closed stream, and mean what they say."
    steps = (*ended, Barrier(), send(priority(STREAM), window_update(STREAM, 100_000)), Finish())
    case = _case(
        "STR-06.window-update", Role.SERVER, "5.1", reason, steps, works(), *_marks("generic/2/2", "generic/2/3")
    )
    yield replace(case, behaviour=BLOCKED)
    steps = (*ended, send(rst_stream(STREAM, ErrorCode.CANCEL)), Barrier())
    case = _case("STR-06.rst-stream", Role.SERVER, "5.1", reason, steps, works(), *_marks("generic/2/4"))
    yield replace(case, behaviour=BLOCKED)
    steps = (*begin[:1], send(headers(STREAM, *OK), priority(STREAM), window_update(STREAM, 10)), Finish())
    case = _case("STR-06.window-update", Role.CLIENT, "5.1", reason, steps, works())
    yield replace(case, behaviour=uploads)


def _late() -> Iterator[Case]:
    """STR-07: what may still come on a closed stream."""
    reason = "WINDOW_UPDATE or RST_STREAM may come for a short time after END_STREAM was sent, and is no error."
    for role in Role:
        for name, frame in (
            ("window-update", window_update(begun(0), 1)),
            ("rst-stream", rst_stream(begun(0), ErrorCode.NO_ERROR)),
            ("priority", priority(begun(0))),
        ):
            for how, between in (("", (Barrier(),)), ("-at-once", ())):
                steps: tuple[Step, ...] = (*opened(role), Finish(), *between, send(frame), *opened(role), Finish())
                marks = _marks("generic/2/5") if name == "priority" and not how and role is Role.SERVER else ()
                yield _case(f"STR-07.{name}{how}", role, "5.1", reason, steps, works(), *marks)
        reason = "PRIORITY may come on a stream in any state, also on one that was closed long ago."
        many = (*opened(role), Finish()) * 5
        steps = (*many, send(priority(begun(0)), priority(begun(1), begun(2))), *opened(role), Finish())
        yield _case("STR-07.priority-long-closed", role, "5.1", reason, steps, works())


def _closed() -> Iterator[Case]:
    """STR-08: what may be an error on a closed stream, and may be ignored."""
    reason = "What comes on a closed stream may be an error or be ignored, and breaks nothing else."
    allowed = either(connection_error(ErrorCode.STREAM_CLOSED, ErrorCode.PROTOCOL_ERROR), STREAM_CLOSED, works())
    one: tuple[Step, ...] = (Begin(end=True), Finish(), Barrier())
    reset: tuple[Step, ...] = (Begin(), send(rst_stream(STREAM, ErrorCode.CANCEL)), Barrier())
    for state, start, numbers in (("", one, (11, 12)), ("-after-reset", reset, (8, 9))):
        for number, name, frame in zip(
            numbers,
            ("data", "headers"),
            (data(STREAM, b"late", end_stream=True), headers(STREAM, TRAILER, end_stream=True)),
            strict=True,
        ):
            mark = H2spec(f"http2/5.1/{number}", Mark.STRICTER)
            steps = (*start, send(frame))
            case = _case(f"STR-08.{name}{state}", Role.SERVER, "5.1", reason, steps, allowed, mark)
            yield replace(case, level=Level.MAY)
    text = "CONTINUATION belongs to a field block; without one it MUST be a connection error of type PROTOCOL_ERROR."
    for state, start, number in (("", one, 13), ("-after-reset", reset, 10)):
        steps = (*start, send(continuation(STREAM, TRAILER)))
        error = either(connection_error(ErrorCode.PROTOCOL_ERROR, ErrorCode.STREAM_CLOSED), STREAM_CLOSED)
        marks = _marks(f"http2/5.1/{number}")
        yield _case(f"STR-08.continuation{state}", Role.SERVER, "6.10", text, steps, error, *marks)
    for state, start in (
        ("", (*opened(Role.CLIENT), Finish(), Barrier())),
        ("-after-reset", (*opened(Role.CLIENT), send(rst_stream(STREAM, ErrorCode.CANCEL)), Barrier())),
    ):
        for name, frame in (
            ("data", data(STREAM, b"late", end_stream=True)),
            ("headers", headers(STREAM, TRAILER, end_stream=True)),
        ):
            case = _case(f"STR-08.{name}{state}", Role.CLIENT, "5.1", reason, (*start, send(frame)), allowed)
            yield replace(case, level=Level.MAY)


# -- resets ------------------------------------------------------------------------------------------------------------


def _resets(role: Role) -> Iterator[Case]:
    """STR-09, STR-10 and STR-11: after RST_STREAM, its own and ours."""
    fault = window_update(STREAM, 0)  # a stream error, whoever it is and whatever it does
    reason = "An endpoint MUST ignore what was on its way when it sent RST_STREAM, and still decodes and counts it."
    first = replace(stream_error(ErrorCode.PROTOCOL_ERROR), stream=begun(0))
    on_its_way: tuple[tuple[str, tuple[Frame, ...]], ...] = (
        ("data", (data(STREAM, b"on its way"), data(STREAM, b"and more", end_stream=True))),
        ("headers", (headers(STREAM, ENTRY, end_stream=True),)),
        ("data-headers", (data(STREAM, b"on its way"), headers(STREAM, ENTRY, end_stream=True))),
        ("window-update", (window_update(STREAM, 1),)),
        ("rst-stream", (rst_stream(STREAM, ErrorCode.CANCEL),)),
        ("priority", (priority(STREAM),)),
    )
    for name, frames in on_its_way:
        entered = any(frame.type == HEADERS for frame in frames)
        more = following(role, Indexed(62)) if entered else following(role)
        steps = (*opened(role), send(fault, *frames), *more)
        yield _case(f"STR-09.{name}", role, "5.1", reason, steps, first)
    reason = "An endpoint MUST NOT send RST_STREAM in response to RST_STREAM, nor any other frame but PRIORITY."
    # That another request works, the probe shows; a client that makes but one has nothing to do any more.
    another: tuple[Step, ...] = EXCHANGE if role is Role.SERVER else ()
    for code in (ErrorCode.CANCEL, ErrorCode.NO_ERROR, ErrorCode.REFUSED_STREAM, ErrorCode.PROTOCOL_ERROR):
        name = code.name.lower().replace("_", "-")
        steps = (*opened(role), send(rst_stream(STREAM, code)), Barrier(), *another)
        mark = _marks("generic/3.4/1") if code is ErrorCode.CANCEL and role is Role.SERVER else ()
        yield _case(f"STR-10.{name}", role, "5.4.2", reason, steps, works(begun(0)), *mark)
    twice = rst_stream(STREAM, ErrorCode.CANCEL)
    steps = (*opened(role), send(twice, twice), Barrier(), *another)
    yield _case("STR-10.twice", role, "5.4.2", reason, steps, works(begun(0)))
    open_window = send(settings((WINDOW, 65_535)), window_update(0, 100_000))
    if role is Role.SERVER:
        steps = (Begin(end=True), Await(What.HEAD), send(twice), Barrier(), open_window, Barrier(), *EXCHANGE)
        behaviour = BLOCKED
    else:
        steps = (Begin(content=UPLOAD), send(twice), Barrier(), open_window, Barrier(), *another)
        behaviour = Behaviour(give_windows=False)
    reason = "What waited for a window when RST_STREAM came is never sent."
    yield replace(_case("STR-10.while-blocked", role, "5.1", reason, steps, works(begun(0))), behaviour=behaviour)
    reason = "An endpoint sends not more than one RST_STREAM for a stream, however many errors come on it."
    steps = (*opened(role), send(fault, fault, fault), *opened(role), Finish())
    yield replace(_case("STR-11.one", role, "5.4.2", reason, steps, first), level=Level.SHOULD)
    steps = (*opened(role), send(fault, data(STREAM, b"x"), fault, headers(STREAM, TRAILER)), *opened(role), Finish())
    yield replace(_case("STR-11.other-errors", role, "5.4.2", reason, steps, first), level=Level.SHOULD)
    long = Frame(PRIORITY, 0, STREAM, (bytes(6),))  # on any other stream an error of that stream, FRAME_SIZE_ERROR
    steps = (*opened(role), send(fault, long, long), *opened(role), Finish())
    allowed = either(first, connection_error(ErrorCode.FRAME_SIZE_ERROR))
    yield replace(_case("STR-11.priority", role, "5.4.2", reason, steps, allowed), level=Level.SHOULD)


# -- how many at once --------------------------------------------------------------------------------------------------


def _concurrency() -> Iterator[Case]:
    """STR-12: one stream more than the server allows; that streams which end make room."""
    refused = stream_error(ErrorCode.REFUSED_STREAM, ErrorCode.PROTOCOL_ERROR)
    reason = "A stream beyond SETTINGS_MAX_CONCURRENT_STREAMS is an error of that stream; all others complete."
    steps: tuple[Step, ...] = (send(Requests(more=1)), Finish(begun(0)), Finish(begun(-2)))
    yield _case("STR-12.one-more", Role.SERVER, "5.1.2", reason, steps, refused, *_marks("http2/5.1.2/1"))
    steps = (send(Requests(more=3)), Finish(begun(0)), Finish(begun(-4)))
    yield _case("STR-12.three-more", Role.SERVER, "5.1.2", reason, steps, replace(refused, stream=begun(-2)))
    reason = "As many streams as were announced may be open at once, and all of them are answered."
    steps = (send(Requests()), Finish(begun(0)), Finish(begun(1)), Finish(begun(-1)))
    yield _case("STR-12.exactly", Role.SERVER, "5.1.2", reason, steps, works(begun(0)))
    reason = "A stream that has ended, by END_STREAM of both or by RST_STREAM, counts no more."
    steps = (send(Requests()), Finish(begun(0)), Begin(), Finish(), Begin(), Finish())
    yield _case("STR-12.room-by-end", Role.SERVER, "5.1.2", reason, steps, works())
    reset = send(rst_stream(begun(-1), ErrorCode.CANCEL))
    steps = (
        send(Requests()),
        reset,
        Begin(),
        Finish(),
        send(rst_stream(begun(0), ErrorCode.CANCEL)),
        Begin(),
        Finish(),
    )
    yield _case("STR-12.room-by-reset", Role.SERVER, "5.1.2", reason, steps, works())
    steps = (
        send(Requests()),
        send(window_update(STREAM, 0)),
        Barrier(),
        Begin(),
        Finish(),
    )
    case = _case(
        "STR-12.room-by-its-reset", Role.SERVER, "5.1.2", reason, steps, stream_error(ErrorCode.PROTOCOL_ERROR)
    )
    yield replace(case, expectation=replace(case.expectation, stream=begun(-2)))
    reason = "Idle and closed streams do not count: PRIORITY on a stream does not open it."
    idle_ones = tuple(priority(idle(number)) for number in range(200))
    steps = (Begin(), send(*idle_ones), Finish(), Begin(), Finish())
    yield _case("STR-12.priority-opens-nothing", Role.SERVER, "5.1.2", reason, steps, or_calm(works()))


def _limited_client() -> Iterator[Case]:
    """STR-14 and STR-15: a client under our limit; `checks` counts its streams and looks at their identifiers."""
    reason = "Endpoints MUST NOT exceed the limit set by their peer: the next request waits, or its user is told."
    for limit in (1, 2):
        begin: tuple[Step, ...] = (Begin(),) * limit
        steps = (*begin, Ask(), Barrier(), *(Finish(begun(number)) for number in range(limit)))
        case = _case(f"STR-14.{limit}", Role.CLIENT, "5.1.2", reason, steps, works(begun(0)))
        yield replace(case, behaviour=Behaviour(settings=((STREAMS, limit),)), probe=False)
    closed = (send(settings((STREAMS, 0))), Await(What.SETTINGS_ACK))
    steps = (Begin(), *closed, Ask(), Barrier(), Finish(begun(0)), Barrier())
    reason = "A limit of 0 keeps new streams from being opened, and those that are open go on."
    yield replace(_case("STR-14.0", Role.CLIENT, "5.1.2", reason, steps, works(begun(0))), probe=False)
    raised = (send(settings((STREAMS, 100))), Await(What.SETTINGS_ACK))
    steps = (*closed, *raised, Begin(), Begin(), Finish(begun(0)), Finish(begun(1)))
    reason = "Once the limit is raised streams are opened again."
    yield _case("STR-14.raised", Role.CLIENT, "5.1.2", reason, steps, works())
    reason = "A client's streams have odd identifiers that only increase; one that was refused is not used again."
    steps = (*opened(Role.CLIENT), Finish()) * 4
    yield _case("STR-15.increasing", Role.CLIENT, "5.1.1", reason, steps, works())
    steps = (Begin(), send(rst_stream(STREAM, ErrorCode.REFUSED_STREAM)), Barrier(), Ask(), Barrier())
    yield replace(_case("STR-15.refused", Role.CLIENT, "5.1.1", reason, steps, works(begun(0))), probe=False)


# -- CONTINUATION where none may be ------------------------------------------------------------------------------------


def _continuations() -> Iterator[Case]:
    """STR-01: CONTINUATION behind a block that has ended, or none."""
    reason = "CONTINUATION MUST follow HEADERS, PUSH_PROMISE or CONTINUATION without END_HEADERS; else PROTOCOL_ERROR."
    ended = Frame(HEADERS, END_HEADERS | END_STREAM, idle(), GET)
    for name, specs, mark in (
        ("behind-headers", (ended, continuation(STREAM, TRAILER)), "http2/6.10/4"),
        (
            "behind-continuation",
            (
                headers(idle(), *GET[:1], end_headers=False),
                continuation(STREAM, *GET[1:]),
                continuation(STREAM, TRAILER),
            ),
            "http2/6.10/5",
        ),
        ("behind-data", (headers(idle(), *POST), data(STREAM, b"x"), continuation(STREAM, TRAILER)), "http2/6.10/6"),
    ):
        yield _case(f"STR-01.{name}", Role.SERVER, "6.10", reason, (send(*specs),), PROTOCOL, *_marks(mark))
    steps = (*opened(Role.CLIENT), send(continuation(STREAM, TRAILER)))
    yield _case("STR-01.behind-headers", Role.CLIENT, "6.10", reason, steps, PROTOCOL)


def cases() -> list[Case]:
    """The group."""
    parts = (_idle, _never_opened_by_client, _skipped, _reused, _half_closed, _late, _closed, _concurrency)
    more = (_limited_client, _continuations)
    return [case for part in (*parts, *more) for case in part()] + [case for role in Role for case in _resets(role)]
