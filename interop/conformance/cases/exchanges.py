"""MSG-19 to MSG-30: how messages are framed (RFC 9113 §8.1), CONNECT (§8.5), push (§8.4) and what methods mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from http2.errors import ErrorCode
from http2.frames import END_HEADERS, PUSH_PROMISE
from http2.settings import Setting
from interop.conformance.model import (
    Await,
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
    answer,
    connection_error,
    either,
    malformed,
    send,
    stream_error,
    works,
)
from interop.conformance.phrases import before_head, head, head_stream, opened
from interop.conformance.script import (
    GET,
    OK,
    POST,
    STREAM,
    Block,
    Frame,
    Instruction,
    Literal,
    Spec,
    data,
    even,
    headers,
    idle,
    push_promise,
    replacing,
    without,
)

PROTOCOL = connection_error(ErrorCode.PROTOCOL_ERROR)
WINDOW = int(Setting.INITIAL_WINDOW_SIZE)
LENGTH = "RFC 9113 §8.1.1"
FRAMING = "RFC 9113 §8.1"
TRAILER = Literal(b"x-trailer", b"t")


def _must(
    name: str, role: Role, clause: str, reason: str, steps: tuple[Step, ...], expectation: Expectation, *marks: H2spec
) -> Case:
    return Case(name, role, Level.MUST, clause, reason, steps, expectation, h2spec=marks)


def _message(role: Role, extra: tuple[Literal, ...], *rest: Spec, end_stream: bool = False) -> tuple[Step, ...]:
    """A head with more fields, and what follows it."""
    first = headers(head_stream(role), *head(role), *extra, end_stream=end_stream)
    return (*before_head(role), send(first), *((send(*rest),) if rest else ()), Finish())


def _request(*block: Instruction) -> tuple[Step, ...]:
    """A request without content."""
    return (send(headers(idle(), *block, end_stream=True)), Finish())


def _lengths(role: Role) -> Iterator[Case]:
    """MSG-19: content-length and what comes."""
    reason = "A message is malformed if the value of content-length does not equal the sum of its DATA payload lengths."
    five = (Literal(b"content-length", b"5"),)
    zero = (Literal(b"content-length", b"0"),)
    trailers = headers(STREAM, TRAILER, end_stream=True)
    whole, part = data(STREAM, b"12345", end_stream=True), data(STREAM, b"123")
    good: tuple[tuple[str, tuple[Step, ...]], ...] = (
        ("exact", _message(role, five, whole)),
        ("in-pieces", _message(role, five, part, data(STREAM, b"45"), data(STREAM, end_stream=True))),
        ("padded", _message(role, five, data(STREAM, b"12345", padding=100, end_stream=True))),
        ("before-trailers", _message(role, five, data(STREAM, b"12345"), trailers)),
        ("zero", _message(role, zero, data(STREAM, end_stream=True))),
        ("zero-at-once", _message(role, zero, end_stream=True)),
    )
    for name, steps in good:
        equal = "A content-length that equals the sum of the DATA payload lengths is right, however they come."
        yield _must(f"MSG-19.{name}", role, LENGTH, equal, steps, works())
    marks = {"shorter": "8.1.2.6/1", "shorter-in-pieces": "8.1.2.6/2"}
    bad: tuple[tuple[str, tuple[Step, ...]], ...] = (
        ("shorter", _message(role, five, data(STREAM, b"1234", end_stream=True))),
        ("longer", _message(role, five, data(STREAM, b"123456", end_stream=True))),
        ("shorter-in-pieces", _message(role, five, part, data(STREAM, b"4", end_stream=True))),
        ("longer-in-pieces", _message(role, five, part, data(STREAM, b"456"), data(STREAM, end_stream=True))),
        ("padding-counted", _message(role, five, data(STREAM, b"1", padding=3, end_stream=True))),
        ("shorter-before-trailers", _message(role, five, part, trailers)),
        ("longer-before-trailers", _message(role, five, data(STREAM, b"123456"), trailers)),
        ("no-content", _message(role, five, end_stream=True)),
        ("empty-content", _message(role, five, data(STREAM, end_stream=True))),
        ("zero-and-content", _message(role, zero, data(STREAM, b"1", end_stream=True))),
    )
    for name, steps in bad:
        cited = (H2spec(f"http2/{marks[name]}", Mark.OVER_STRICT),) if name in marks and role is Role.SERVER else ()
        yield _must(f"MSG-19.{name}", role, LENGTH, reason, steps, malformed(), *cited)


def _length_values(role: Role) -> Iterator[Case]:
    """MSG-20: what is a content-length."""
    clause = "RFC 9110 §8.6"
    whole = data(STREAM, b"12345", end_stream=True)
    reason = "A content-length is one or more digits; another value makes the message malformed."
    for name, value in (
        ("plus", b"+5"),
        ("minus", b"-5"),
        ("negative", b"-1"),
        ("hexadecimal", b"0x5"),
        ("fraction", b"5.0"),
        ("exponent", b"5e0"),
        ("empty", b""),
        ("text", b"five"),
        ("inner-space", b"0 5"),
        ("underscore", b"0_5"),
        ("wide-digit", "５".encode()),
        ("arabic-digit", "٥".encode()),
        ("superscript", b"\xb5"),
        ("list-differs", b"5, 6"),
        ("huge", b"99999999999999999999999999"),
        ("wraps-32", b"4294967301"),
        ("wraps-64", b"18446744073709551621"),
    ):
        steps = _message(role, (Literal(b"content-length", value),), whole)
        yield _must(f"MSG-20.{name}", role, clause, reason, steps, malformed())
    reason = "Two content-length fields that differ make the message malformed."
    for name, first, second in (("differ", b"5", b"6"), ("differ-right-last", b"6", b"5"), ("one-bad", b"5", b"x")):
        fields: tuple[Literal, ...] = (Literal(b"content-length", first), Literal(b"content-length", second))
        yield _must(f"MSG-20.two-{name}", role, clause, reason, _message(role, fields, whole), malformed())
    reason = "A length that is repeated may be taken as one, or the message rejected."
    repeated: tuple[tuple[str, tuple[bytes, ...]], ...] = (
        ("two-equal", (b"5", b"5")),
        ("list-equal", (b"5, 5",)),
        ("list-equal-tight", (b"5,5",)),
        ("two-equal-numbers", (b"5", b"05")),
    )
    for name, values in repeated:
        fields = tuple(Literal(b"content-length", value) for value in values)
        steps = _message(role, fields, whole)
        yield Case(f"MSG-20.{name}", role, Level.MAY, clause, reason, steps, either(works(), malformed()))
    steps = _message(role, (Literal(b"content-length", b"005"),), whole)
    yield _must("MSG-20.leading-zeros", role, clause, "Digits may be zeros in front.", steps, works())


def _framing(role: Role) -> Iterator[Case]:
    """MSG-21: one head, DATA, perhaps trailers, the end."""
    reason = "A HEADERS frame without END_STREAM that follows the final head makes the message malformed."
    steps: tuple[Step, ...] = (*opened(role), send(headers(STREAM, TRAILER)), Finish())
    marks = (H2spec("http2/8.1/1", Mark.OVER_STRICT),) if role is Role.SERVER else ()
    yield _must("MSG-21.trailers-go-on", role, FRAMING, reason, steps, malformed(), *marks)
    steps = (*opened(role), send(data(STREAM, b"x"), headers(STREAM, TRAILER), data(STREAM, b"y")), Finish())
    yield _must("MSG-21.trailers-inside", role, FRAMING, reason, steps, malformed())
    steps = (*opened(role), send(headers(STREAM, *head(role), end_stream=True)), Finish())
    reason = "A second head is no trailers: it has pseudo-header fields."
    yield _must("MSG-21.second-head", role, FRAMING, reason, steps, malformed())
    steps = (*opened(role), send(data(STREAM, b"x"), headers(STREAM, *head(role))), Finish())
    yield _must("MSG-21.second-head-goes-on", role, FRAMING, reason, steps, malformed())
    if role is Role.CLIENT:
        steps = (*opened(role), send(headers(STREAM, Literal(b":status", b"103"))), Finish())
        reason = "An informational response does not follow the final one."
        yield _must("MSG-21.informational-late", role, FRAMING, reason, steps, malformed())
        steps = (Begin(), send(headers(STREAM, Literal(b":status", b"103"), end_stream=True)), Finish())
        reason = "An informational response with END_STREAM is malformed."
        yield _must("MSG-21.informational-ends", role, FRAMING, reason, steps, malformed())
        early = (headers(STREAM, Literal(b":status", b"%d" % status)) for status in (100, 103, 102, 103))
        steps = (Begin(), send(*early, headers(STREAM, *OK)), Finish())
        reason = "Any number of informational responses may come before the final one."
        yield _must("MSG-21.informational", role, FRAMING, reason, steps, works())
        return
    reason = "Nothing may follow on a stream that its peer has half-closed: a stream error of type STREAM_CLOSED."
    closed = stream_error(ErrorCode.STREAM_CLOSED)
    trailers = headers(STREAM, TRAILER, end_stream=True)
    for name, frame in (
        ("data", data(STREAM, b"late")),
        ("data-end", data(STREAM, b"late", end_stream=True)),
        ("trailers", trailers),
        ("head", headers(STREAM, *GET, end_stream=True)),
    ):
        steps = (Begin(), send(data(STREAM, b"x"), trailers), Await(What.HEAD), send(frame))
        case = _must(f"MSG-21.{name}-after-trailers", role, "RFC 9113 §5.1", reason, steps, closed)
        yield replace(case, behaviour=Behaviour(settings=((WINDOW, 0),)))


def _graded() -> Iterator[Case]:
    """MSG-22 and MSG-23: what a server says to a malformed request."""
    role = Role.SERVER
    bad = Literal(b"X-Upper", b"v")
    reason = "A server MAY send an HTTP response before it closes or resets the stream of a malformed request."
    steps: tuple[Step, ...] = (send(headers(idle(), *POST, bad)), send(data(STREAM, b"late")))
    yield Case("MSG-22.open", role, Level.MAY, LENGTH, reason, steps, malformed())
    reason = "A request that breaks the rules for fields SHOULD be answered with 400."
    for name, block in (
        ("name", (*GET, bad)),
        ("value", (*GET, Literal(b"x-kit", b"a\0"))),
        ("path", replacing(GET, b":path", b"/\n")),
    ):
        steps = _request(*block)
        case = Case(f"MSG-23.{name}", role, Level.SHOULD, "RFC 9113 §8.2.1", reason, steps, malformed())
        yield replace(case, answer_status=400)


def _connect() -> Iterator[Case]:
    """MSG-24 and MSG-25: tunnels."""
    role, clause = Role.SERVER, "RFC 9113 §8.5"
    connect: Block = (Literal(b":method", b"CONNECT"), Literal(b":authority", b"localhost:80"))
    reason = "A CONNECT request has :authority, and neither :scheme nor :path; another one is malformed."
    scheme, path = Literal(b":scheme", b"http"), Literal(b":path", b"/")
    for name, block in (
        ("scheme", (*connect, scheme)),
        ("path", (*connect, path)),
        ("scheme-and-path", (*connect, scheme, path)),
        ("no-authority", without(connect, b":authority")),
        ("empty-authority", replacing(connect, b":authority", b"")),
    ):
        steps: tuple[Step, ...] = (send(headers(idle(), *block)), send(data(STREAM, b"x", end_stream=True)))
        yield _must(f"MSG-24.{name}", role, clause, reason, steps, malformed())
    refused = (answer(*range(300, 600)), stream_error(*ErrorCode))
    reason = "A CONNECT request opens a tunnel or is refused, and does not end the connection."
    steps = (send(headers(idle(), *connect)), send(data(STREAM, b"there and back", end_stream=True)), Finish())
    yield Case("MSG-24.tunnel", role, Level.SHOULD, clause, reason, steps, either(works(), *refused))
    reason = "On a tunnel only DATA, RST_STREAM, WINDOW_UPDATE and PRIORITY may come; HEADERS is a stream error."
    steps = (
        send(headers(idle(), *connect)),
        Await(What.HEAD),
        send(data(STREAM, b"x"), headers(STREAM, TRAILER, end_stream=True)),
        Finish(),
    )
    error = stream_error(ErrorCode.PROTOCOL_ERROR)
    case = _must("MSG-24.trailers", role, clause, reason, steps, either(error, *refused))
    yield replace(case, needs=frozenset({"tunnel"}))

    clause = "RFC 8441 §4"
    extended: Block = (*replacing(GET, b":method", b"CONNECT"), Literal(b":protocol", b"websocket"))
    reason = "An extended CONNECT is for servers that have announced SETTINGS_ENABLE_CONNECT_PROTOCOL."
    steps = (send(headers(idle(), *extended)), send(data(STREAM, b"x", end_stream=True)), Finish())
    allowed = either(malformed(), answer(*range(300, 600)), works())
    yield Case("MSG-25.websocket", role, Level.SHOULD, clause, reason, steps, allowed)
    reason = "The request of an extended CONNECT has :scheme, :path and :authority; another one is malformed."
    for field in (b":scheme", b":path", b":authority"):
        steps = (send(headers(idle(), *without(extended, field))), send(data(STREAM, b"x", end_stream=True)))
        yield _must(f"MSG-25.no-{field[1:].decode()}", role, clause, reason, steps, malformed())
    reason = "A request with another method has no :protocol."
    block = (*GET, Literal(b":protocol", b"websocket"))
    yield _must("MSG-25.get", role, clause, reason, _request(*block), malformed())


def _push() -> Iterator[Case]:
    """MSG-26: clients cannot push."""
    role, clause = Role.SERVER, "RFC 9113 §8.4"
    reason = "A client cannot push: a server MUST treat PUSH_PROMISE as a connection error of type PROTOCOL_ERROR."
    for name, frame in (
        ("promise", push_promise(STREAM, even(), *GET)),
        ("odd", push_promise(STREAM, idle(), *GET)),
        ("goes-on", push_promise(STREAM, even(), *GET, end_headers=False)),
        ("on-connection", push_promise(0, even(), *GET)),
    ):
        marks = (H2spec("http2/8.2/1"),) if name == "promise" else ()
        case = _must(f"MSG-26.{name}", role, clause, reason, (Begin(), send(frame)), PROTOCOL, *marks)
        yield replace(case, barrier=name != "goes-on")
    allowed = connection_error(ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR)
    steps: tuple[Step, ...] = (Begin(), send(Frame(PUSH_PROMISE, END_HEADERS, STREAM, (b"\0\0",))))
    yield _must("MSG-26.truncated", role, clause, reason, steps, allowed)


def _methods() -> Iterator[Case]:
    """MSG-27 and MSG-28, of a server: Expect and HEAD; what such a response may hold is watched by `checks`."""
    role = Role.SERVER
    reason = "A request that expects 100-continue is answered by 100 or by a final status, and its content is taken."
    expect = Literal(b"expect", b"100-continue")
    steps: tuple[Step, ...] = (Begin(extra=(expect,)), Finish())
    yield _must("MSG-27.continue", role, "RFC 9110 §10.1.1", reason, steps, works())
    steps = (Begin(extra=(expect,)), send(data(STREAM, b"at "), data(STREAM, b"once")), Finish())
    yield _must("MSG-27.at-once", role, "RFC 9110 §10.1.1", reason, steps, works())
    reason = "The response to HEAD has no content: END_STREAM is on its HEADERS or on an empty DATA."
    steps = _request(*replacing(GET, b":method", b"HEAD"))
    yield _must("MSG-28.head", role, "RFC 9110 §9.3.2", reason, steps, works(), H2spec("generic/4/2"))


def _without_content() -> Iterator[Case]:
    """MSG-28, of a client: responses that have no content by their status."""
    role, clause = Role.CLIENT, "RFC 9110 §6.4.1"
    for status in (204, 304):
        code = Literal(b":status", b"%d" % status)
        blocks: tuple[tuple[str, Block], ...] = (("", (code,)), ("-length", (code, Literal(b"content-length", b"5"))))
        for name, block in blocks:
            reason = "A response with the status 204 or 304 ends with its head, whatever content-length it would have."
            level = Level.SHOULD if (status, name) == (204, "-length") else Level.MUST
            ends: tuple[tuple[str, tuple[Spec, ...]], ...] = (
                ("at-once", (headers(STREAM, *block, end_stream=True),)),
                ("empty-data", (headers(STREAM, *block), data(STREAM, end_stream=True))),
            )
            for how, frames in ends:
                steps: tuple[Step, ...] = (Begin(), send(*frames), Finish())
                yield Case(f"MSG-28.{status}{name}-{how}", role, level, clause, reason, steps, works())
        reason = "A response with the status 204 or 304 has no content; one that has some is malformed."
        steps = (Begin(), send(headers(STREAM, code), data(STREAM, b"x", end_stream=True)), Finish())
        yield _must(f"MSG-28.{status}-with-content", role, clause, reason, steps, malformed())


def _pieces(role: Role) -> Iterator[Case]:
    """MSG-29: content is the same, however it is cut."""
    reason = "The content of a message is what all its DATA frames carry, empty ones and such of one octet among them."
    octets = [data(STREAM, bytes([octet])) for octet in range(64)]
    cuts: tuple[tuple[str, tuple[Frame, ...]], ...] = (
        ("octets", tuple(octets)),
        ("empty", tuple(frame for octet in octets[:16] for frame in (data(STREAM), octet, data(STREAM, padding=0)))),
        ("only-padding", (data(STREAM, padding=255), *octets[:4], data(STREAM, padding=1))),
        ("padded", tuple(data(STREAM, bytes([octet]), padding=octet) for octet in range(0, 256, 17))),
    )
    for name, frames in cuts:
        steps: tuple[Step, ...] = (*opened(role), send(*frames), Finish())
        yield Case(f"MSG-29.{name}", role, Level.SHOULD, FRAMING, reason, steps, works())


def _trailers(role: Role) -> Iterator[Case]:
    """MSG-30: trailers."""
    reason = "A message may end with trailers, whether it has content or not."
    marks = (H2spec("generic/4/4"),) if role is Role.SERVER else ()
    for name, frames in (
        ("after-content", (data(STREAM, b"content"), headers(STREAM, TRAILER, end_stream=True))),
        ("after-nothing", (headers(STREAM, TRAILER, end_stream=True),)),
        ("many", (headers(STREAM, *(Literal(b"x-%d" % n, b"t") for n in range(40)), end_stream=True),)),
        ("empty", (data(STREAM, b"content"), headers(STREAM, end_stream=True))),
    ):
        steps: tuple[Step, ...] = (*opened(role), send(*frames), Finish())
        cited = marks if name == "after-content" else ()
        level = Level.MAY if name == "empty" else Level.MUST
        allowed = either(works(), malformed()) if name == "empty" else works()
        yield Case(f"MSG-30.{name}", role, level, FRAMING, reason, steps, allowed, h2spec=cited)
    reason = "Fields that must not be in trailers are ignored, or the message is rejected."
    for field, value in (
        (b"content-length", b"7"),
        (b"host", b"localhost"),
        (b"authorization", b"x"),
        (b"te", b"gzip"),
    ):
        trailers = headers(STREAM, Literal(field, value), end_stream=True)
        steps = (*opened(role), send(data(STREAM, b"content"), trailers), Finish())
        allowed = either(works(), malformed())
        name = field.decode()
        yield Case(f"MSG-30.{name}", role, Level.MAY, "RFC 9110 §6.5.1", reason, steps, allowed)


def cases() -> list[Case]:
    """Framing and methods."""
    parts = (_lengths, _length_values, _framing, _pieces, _trailers)
    by_role = [case for role in Role for part in parts for case in part(role)]
    return [*by_role, *_graded(), *_connect(), *_push(), *_methods(), *_without_content()]
