"""CLI: what only a client can get wrong: responses, pushes, retries, incomplete transfers (RFC 9113 §6.6, §8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from http2.errors import ErrorCode
from http2.frames import DATA
from http2.settings import ENABLE_PUSH, Setting
from interop.conformance.model import (
    Ask,
    Await,
    Barrier,
    Begin,
    Behave,
    Behaviour,
    Case,
    Close,
    Expectation,
    Finish,
    Kind,
    Level,
    OnlyIf,
    Outcome,
    Pattern,
    Role,
    Step,
    What,
    connection_error,
    either,
    malformed,
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
    Block,
    Frame,
    Indexed,
    Literal,
    begun,
    data,
    even,
    goaway,
    headers,
    idle,
    incremental,
    push_promise,
    rst_stream,
    unknown,
    window_update,
    without,
)

NOT_BY_FRAMES = {
    "CLI-11": "What a client's user may set, and what is refused before it is sent, is asked of its API.",
    "CLI-13": "The windows of a client are FLW-01 to FLW-05; when it gives up waiting is its own deadline.",
}

ALTSVC, ORIGIN, PRIORITY_UPDATE = 0x0A, 0x0C, 0x10
PROTOCOL = connection_error(ErrorCode.PROTOCOL_ERROR)
TOLD = Expectation(tuple(Pattern(kind, Outcome.REPORTED, best=True) for kind in Kind))
"""Whatever the client does with a connection that has ended under it: its user is told, which is looked at always."""


def _case(
    name: str,
    clause: str,
    reason: str,
    steps: tuple[Step, ...],
    expectation: Expectation,
    level: Level = Level.MUST,
    rfc: int = 9113,
) -> Case:
    return Case(name, Role.CLIENT, level, f"RFC {rfc} §{clause}", reason, steps, expectation)


def _field(name: bytes, value: bytes) -> Literal:
    return Literal(name, value)


def _status(value: bytes) -> Block:
    return (_field(b":status", value),)


def _heads() -> Iterator[Case]:
    """CLI-01: what the head of a response is made of."""
    reason = "A response has exactly one :status, of three digits, before all other fields, and no other pseudo-header."
    bad: dict[str, Block] = {
        "no-status": (_field(b"x-kit", b"v"),),
        "empty-block": (),
        "two-statuses": (*OK, *OK),
        "late-status": (_field(b"x-kit", b"v"), *OK),
        "unknown-pseudo": (*OK, _field(b":kit", b"v")),
    }
    bad |= {f"status-{name}": _status(value) for name, value in (
        ("letters", b"abc"), ("two-digits", b"99"), ("four-digits", b"2000"), ("empty", b""), ("sign", b"+20"),
        ("space", b"20 "), ("hexadecimal", b"0xc8"),
    )}  # fmt: skip
    bad |= {f"request-{name.decode()}": (*OK, _field(b":" + name, value)) for name, value in (
        (b"method", b"GET"), (b"path", b"/"), (b"scheme", b"http"), (b"authority", b"localhost"),
    )}  # fmt: skip
    for name, block in bad.items():
        steps: tuple[Step, ...] = (Begin(end=True), send(headers(STREAM, *block)), Finish())
        yield _case(f"CLI-01.{name}", "8.3.2", reason, steps, malformed())


def _informational() -> Iterator[Case]:
    """CLI-02: responses before the response."""
    reason = "Any number of informational responses may come before the final one, which is the answer."
    for name, statuses in (("100", (100,)), ("102", (102,)), ("103", (103,)), ("many", (100, 102, 103) * 5)):
        heads = [headers(STREAM, *_status(b"%d" % status), _field(b"x-kit", b"1")) for status in statuses]
        steps: tuple[Step, ...] = (Begin(end=True), send(*heads), Finish())
        yield _case(f"CLI-02.{name}", "8.1", reason, steps, works())
    reason = "An informational response does not end the message: with END_STREAM it is malformed."
    steps = (Begin(end=True), send(headers(STREAM, *_status(b"100"), end_stream=True)), Await(What.RESULT))
    yield _case("CLI-02.ends-stream", "8.1", reason, steps, malformed())
    reason = "HTTP/2 removes 101 (Switching Protocols)."
    steps = (Begin(end=True), send(headers(STREAM, *_status(b"101"))), Finish())
    yield _case("CLI-02.101", "8.6", reason, steps, malformed())
    reason = "Nothing but trailers comes behind the final response."
    steps = (Begin(end=True), send(headers(STREAM, *OK), headers(STREAM, *_status(b"103"))), Finish())
    yield _case("CLI-02.after-final", "8.1", reason, steps, malformed())
    reason = "However many informational responses come, nothing grows without a bound."
    steps = (Begin(end=True), send(*(headers(STREAM, *_status(b"103")) for _ in range(2_000))), Finish())
    calm = ErrorCode.ENHANCE_YOUR_CALM
    bounded = either(works(), connection_error(calm), stream_error(calm, ErrorCode.CANCEL))
    yield _case("CLI-02.flood", "10.5", reason, steps, bounded, Level.SHOULD)


def _malformed() -> Iterator[Case]:
    """CLI-03 to CLI-05: lengths, content where none may be, trailers."""
    reason = "A client MUST NOT accept a malformed response: its content is not what content-length says."
    lengths: dict[str, tuple[bytes, ...]] = {
        "longer": (b"100",), "shorter": (b"1",), "zero": (b"0",), "letters": (b"abc",), "negative": (b"-42",),
        "two": (b"42", b"43"),
    }  # fmt: skip
    for name, values in lengths.items():
        fields = [_field(b"content-length", value) for value in values]
        steps: tuple[Step, ...] = (Begin(end=True), send(headers(STREAM, *OK, *fields)), Finish())
        yield _case(f"CLI-03.length-{name}", "8.1.1", reason, steps, malformed())
    head = headers(STREAM, *OK, _field(b"content-length", b"5"), end_stream=True)
    steps = (Begin(end=True), send(head), Await(What.RESULT))
    yield _case("CLI-03.length-no-content", "8.1.1", reason, steps, malformed())
    for name, field in (
        ("pseudo", _field(b":status", b"200")),
        ("upper-case", _field(b"X-Kit", b"v")),
        ("connection", _field(b"connection", b"close")),
        ("line-feed", _field(b"x-kit", b"a\nb")),
    ):
        steps = (
            Begin(end=True),
            send(headers(STREAM, *OK), data(STREAM, b"content"), headers(STREAM, field, end_stream=True)),
            Await(What.RESULT),
        )
        clause, told = "8.1", "Trailers are fields without pseudo-headers, well-formed as those of the head."
        yield _case(f"CLI-03.trailers-{name}", clause, told, steps, malformed())

    reason = "204 and 304 have no content."
    for status in (b"204", b"304"):
        steps = (Begin(end=True), send(headers(STREAM, *_status(status))), Finish())
        yield _case(f"CLI-04.{status.decode()}-content", "8.1.1", reason, steps, malformed(), Level.SHOULD)
    steps = (Begin(end=True), send(headers(STREAM, *_status(b"204"), end_stream=True)), Await(What.RESULT))
    yield _case("CLI-04.204", "8.1", "A response without content is complete with its head.", steps, works())
    head = headers(STREAM, *_status(b"304"), _field(b"content-length", b"100"), end_stream=True)
    steps = (Begin(end=True), send(head), Await(What.RESULT))
    yield _case("CLI-04.304-length", "8.1.1", "304 may have the length of what it has not.", steps, works())

    reason = "The answer to HEAD has no content, whatever its content-length says; with content it is malformed."
    head = headers(STREAM, *OK, _field(b"content-length", b"100"), end_stream=True)
    steps = (Begin(end=True, head=True), send(head), Await(What.RESULT))
    yield _case("CLI-04.head-length", "8.1.1", reason, steps, works())
    steps = (Begin(end=True, head=True), send(headers(STREAM, *OK)), Finish())
    yield _case("CLI-04.head-empty-data", "8.1.1", reason, steps, works())
    steps = (Begin(end=True, head=True), send(headers(STREAM, *OK), data(STREAM, b"content", end_stream=True)))
    yield _case("CLI-04.head-content", "8.1.1", reason, (*steps, Await(What.RESULT)), malformed(), Level.SHOULD)

    head = headers(STREAM, *OK)
    steps = (Begin(end=True), send(head, data(STREAM, b"content"), headers(STREAM, _field(b"x-kit", b"v"))), Finish())
    reason = "HEADERS behind the final head, without END_STREAM, make a message malformed."
    yield _case("CLI-05.no-end", "8.1", reason, steps, malformed())
    steps = (
        Begin(end=True),
        send(head, data(STREAM, b"content"), headers(STREAM, _field(b"x-kit", b"v"), end_stream=True)),
        Await(What.RESULT),
    )
    yield _case("CLI-05.trailers", "8.1", "Trailers may end a response.", steps, works())


def _pushes() -> Iterator[Case]:
    """CLI-06 to CLI-09: pushes that are not allowed, and reserved streams."""
    begin = Begin(end=True)
    reason = "A client that has forbidden pushes MUST treat PUSH_PROMISE as a connection error of type PROTOCOL_ERROR."
    promise = push_promise(STREAM, even(), *GET)
    yield _case("CLI-06.forbidden", "6.6", reason, (OnlyIf(ENABLE_PUSH, 0, initial=1), begin, send(promise)), PROTOCOL)
    reason = "A promised stream is a new one of the server's: even, and above all before."
    for name, frames in (
        ("odd", (push_promise(STREAM, idle(), *GET),)),
        ("zero", (push_promise(STREAM, 0, *GET),)),
        ("lower", (push_promise(STREAM, even(3), *GET), push_promise(STREAM, even(), *GET))),
        ("again", (promise, promise)),
    ):
        yield _case(f"CLI-06.{name}", "5.1.1", reason, (begin, send(*frames)), PROTOCOL)
    reason = "PUSH_PROMISE comes on a stream that the client has opened, and that the server has not ended."
    yield _case("CLI-07.connection", "6.6", reason, (begin, send(push_promise(0, even(), *GET))), PROTOCOL)
    yield _case("CLI-07.idle", "6.6", reason, (begin, send(push_promise(idle(), even(), *GET))), PROTOCOL)
    ended = headers(STREAM, *OK, end_stream=True)
    yield _case("CLI-07.ended", "6.6", reason, (begin, send(ended), send(promise)), PROTOCOL)
    reason = "A promise that was on its way when the client reset the stream is handled, and its block is decoded."
    fault = window_update(STREAM, 0)  # the client resets the stream for it
    entry = incremental(b"x-kit-entry", b"pushed")
    steps: tuple[Step, ...] = (OnlyIf(ENABLE_PUSH, 1, initial=1), *opened(Role.CLIENT))
    steps = (*steps, send(fault, push_promise(STREAM, even(), *GET, entry)), *following(Role.CLIENT, Indexed(62)))
    yield _case("CLI-07.reset", "6.6", reason, steps, stream_error(ErrorCode.PROTOCOL_ERROR, stream=begun(0)))
    reason = "A promised request is safe, has no content, is complete, and is for an authority of the server's."
    foreign = tuple(_field(b":authority", b"elsewhere.test") if f == GET[2] else f for f in GET)
    for name, block in (
        ("unsafe", POST),
        ("no-method", without(GET, b":method")),
        ("no-authority", without(GET, b":authority")),
        ("content", (*GET, _field(b"content-length", b"5"))),
        ("foreign", foreign),
    ):
        steps = (OnlyIf(ENABLE_PUSH, 1, initial=1), begin, send(push_promise(STREAM, even(), *block)))
        refused = stream_error(ErrorCode.PROTOCOL_ERROR, stream=even())
        yield _case(f"CLI-08.{name}", "8.4.1", reason, steps, refused)
    reason = "On a stream that is reserved for a push, the head comes first."
    for name, frame in (("data", data(even(), b"x")), ("window-update", window_update(even(), 1))):
        yield _case(f"CLI-09.{name}", "5.1", reason, (begin, send(promise, frame)), PROTOCOL)


def _requests() -> Iterator[Case]:
    """CLI-10, CLI-12, CLI-14 and CLI-17: requests, and when they are made again."""
    reason = "Requests are well-formed: :authority, a path, pseudo-header fields first. Watched in every case."
    yield _case("CLI-10.request", "8.3.1", reason, EXCHANGE, works())
    reason = "A request that was refused has not been processed: it is made again, or its user is told."
    steps: tuple[Step, ...] = (
        Begin(end=True),
        Behave(answer=True),
        send(rst_stream(STREAM, ErrorCode.REFUSED_STREAM)),
        Await(What.RESULT, begun(0)),
    )
    yield replace(_case("CLI-12.refused", "8.7", reason, steps, TOLD), probe=False)
    reason = "A POST that may have been processed is not made again unasked."
    post, again = Begin(content=b"once"), Await(What.RESULT, begun(0))
    for name, lost in (
        ("internal-error", (send(rst_stream(STREAM, ErrorCode.INTERNAL_ERROR)),)),
        ("cancel", (send(rst_stream(STREAM, ErrorCode.CANCEL)),)),
        ("goaway", (send(goaway(STREAM, ErrorCode.NO_ERROR)), Close())),
        ("close", (Close(),)),
    ):
        steps = (post, Await(What.ANSWER), Behave(answer=True), *lost, again)  # what it asks again, is answered
        case = _case(f"CLI-12.post-{name}", "9.2.2", reason, steps, TOLD, Level.SHOULD, 9110)
        yield replace(case, probe=False, barrier=name not in ("goaway", "close"))
    reason = "A request that was reset has failed, and its user is told."
    for code in (ErrorCode.NO_ERROR, ErrorCode.INTERNAL_ERROR, ErrorCode.CANCEL, ErrorCode.ENHANCE_YOUR_CALM):
        name = code.name.lower().replace("_", "-")
        before = (Begin(end=True), send(headers(STREAM, *OK), data(STREAM, b"part")))
        steps = (*before, send(rst_stream(STREAM, code)), Await(What.RESULT))
        yield replace(_case(f"CLI-12.reset-{name}", "8.1", reason, steps, TOLD), probe=False)
    reason = "A limit of the server's for field lists is advice: the request is made, or its user is told."
    case = _case("CLI-14.list-size", "6.5.2", reason, (Ask(), Barrier()), TOLD)
    yield replace(case, behaviour=Behaviour(settings=((int(Setting.MAX_HEADER_LIST_SIZE), 100),)), probe=False)
    reason = "421: the request may be made again on another connection, once; it is no fault of the connection."
    misdirected = headers(STREAM, *_status(b"421"))
    yield _case("CLI-17.answered", "9.1.1", reason, (Begin(end=True), send(misdirected), Finish()), TOLD)
    end = replace(misdirected, flags=misdirected.flags | 1)
    case = _case("CLI-17.again", "9.1.1", reason, (Begin(end=True), send(end), Await(What.RESULT)), TOLD)
    yield replace(case, behaviour=Behaviour(again=(end,)), needs=frozenset({"program"}), probe=False)
    reason = "Somebody who is told to be calm does not connect again and again at once."
    calm = goaway(0, ErrorCode.ENHANCE_YOUR_CALM, b"too_many_pings")
    case = _case("CLI-19.calm", "6.8", reason, (Begin(end=True), send(calm), Close()), TOLD, Level.SHOULD)
    yield replace(case, behaviour=Behaviour(again=(calm,)), needs=frozenset({"program"}), probe=False)


def _extensions() -> Iterator[Case]:
    """CLI-15 and CLI-16: frames that RFC 9113 does not know."""
    reason = "A client that knows PRIORITY_UPDATE MUST answer it with a connection error; others ignore it."
    steps: tuple[Step, ...] = (Begin(end=True), send(unknown(PRIORITY_UPDATE, 0, b"\0\0\0\1u=0")), Finish())
    yield _case("CLI-15.priority-update", "7.1", reason, steps, either(PROTOCOL, works()), rfc=9218)
    entries = b"\0\x14https://example.test"
    for name, frame, rfc in (
        ("origin-empty", unknown(ORIGIN), 8336),
        ("origin", unknown(ORIGIN, 0, entries), 8336),
        ("origin-many", unknown(ORIGIN, 0, entries * 700), 8336),
        ("origin-broken", unknown(ORIGIN, 0, b"\xff\xffx"), 8336),
        ("origin-on-stream", unknown(ORIGIN, STREAM, entries), 8336),
        ("altsvc", unknown(ALTSVC, 0, b'\0\x14https://example.testh2=":1"'), 7838),
        ("altsvc-on-stream", unknown(ALTSVC, STREAM, b'\0\0h2=":1"'), 7838),
        ("altsvc-broken", unknown(ALTSVC, 0, b"\xff"), 7838),
        ("altsvc-large", unknown(ALTSVC, 0, b"\0\0" + b"h" * 16_000), 7838),
    ):
        reason = "What is optional is used or ignored, and never breaks a request."
        steps = (Begin(end=True), send(frame), Finish())
        clause = "2.1" if rfc == 8336 else "4"
        yield _case(f"CLI-16.{name}", clause, reason, steps, works(), Level.SHOULD, rfc)
    flood = tuple(unknown(ORIGIN, 0, entries * 700) for _ in range(20))
    steps = (Begin(end=True), send(*flood), Finish())
    calm = connection_error(ErrorCode.ENHANCE_YOUR_CALM)
    yield _case("CLI-16.origin-flood", "2.1", reason, steps, either(works(), calm), Level.SHOULD, 8336)


def _truncated() -> Iterator[Case]:
    """CLI-18: the end of the connection is not the end of a message."""
    reason = (
        "A message ends with END_STREAM. When the connection ends before it, the client says that it is incomplete."
    )
    length = _field(b"content-length", b"1000")
    part = data(STREAM, b"a part of the content")
    for name, frames in (
        ("before-head", ()),
        ("after-head", (headers(STREAM, *OK),)),
        ("after-informational", (headers(STREAM, *_status(b"103")),)),
        ("in-field-block", (headers(STREAM, *OK, end_headers=False),)),
        ("in-content", (headers(STREAM, *OK), part)),
        ("in-content-of-length", (headers(STREAM, *OK, length), part)),
        ("before-end-stream", (headers(STREAM, *OK, _field(b"content-length", b"21")), part)),
        ("in-frame", (headers(STREAM, *OK), Frame(DATA, 1, STREAM, (b"half",), length=1_000))),
        ("after-goaway", (headers(STREAM, *OK), part, goaway(STREAM, ErrorCode.NO_ERROR))),
        ("after-goaway-with-error", (headers(STREAM, *OK), part, goaway(STREAM, ErrorCode.INTERNAL_ERROR))),
    ):
        steps: tuple[Step, ...] = (Begin(end=True), *((send(*frames),) if frames else ()), Close())
        level = Level.SHOULD if name == "before-end-stream" else Level.MUST  # nothing is missing but the word of it
        case = _case(f"CLI-18.{name}", "8.1", reason, steps, TOLD, level)
        yield replace(case, barrier=False, probe=False)


def _secure() -> Iterator[Case]:
    """PRE-17: over TLS."""
    reason = "A client names the host that it connects to in the TLS handshake (SNI)."
    yield replace(_case("PRE-17.sni", "9.2", reason, EXCHANGE, works()), needs=frozenset({"tls"}))


def cases() -> list[Case]:
    """The group."""
    parts = (_heads, _informational, _malformed, _pushes, _requests, _extensions, _truncated, _secure)
    return [case for part in parts for case in part()]
