"""PNG: PING, GOAWAY and error codes (RFC 9113 §5.4, §6.7, §6.8, §7)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from http2.errors import ErrorCode
from http2.frames import ACK, GOAWAY, PING
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
    Role,
    Step,
    What,
    connection_error,
    either,
    for_both,
    send,
    works,
)
from interop.conformance.phrases import EXCHANGE, opened
from interop.conformance.script import (
    OK,
    STREAM,
    Frame,
    begun,
    data,
    goaway,
    headers,
    ping,
    rst_stream,
    settings,
)

PROTOCOL = connection_error(ErrorCode.PROTOCOL_ERROR)
WINDOW = int(Setting.INITIAL_WINDOW_SIZE)
HIGHEST = 2**31 - 1
UNKNOWN_CODES = (0x0E, 0xFF, 2**32 - 1)
PATTERNS = (bytes(8), b"\xff" * 8, b"12345678", bytes(range(8)), b"\x80\0\0\0\0\0\0\x01", b"\r\n\r\n\r\n\r\n",
            b"PRI * HT", b"\xde\xad\xbe\xef\xca\xfe\xba\xbe")  # fmt: skip

NOT_BY_FRAMES = {
    "PNG-03": "no frame makes an endpoint go away gracefully; who runs the kit in-process can shut it down himself",
    "PNG-04": "no frame makes a server shut down gracefully; who runs the kit in-process can shut it down himself",
    "PNG-09": "answering before the request is complete is the application's choice; where one does, `checks` watches",
}


def _case(
    name: str, role: Role, clause: str, reason: str, steps: tuple[Step, ...], expectation: Expectation, *h2spec: H2spec
) -> Case:
    return Case(name, role, Level.MUST, f"RFC 9113 §{clause}", reason, steps, expectation, h2spec=h2spec)


def _pings() -> Iterator[Case]:
    """PNG-01."""
    echo = "A receiver MUST answer PING with the ACK flag and an identical payload."
    for number, pattern in enumerate(PATTERNS):
        steps: tuple[Step, ...] = (send(ping(pattern)), Await(What.PONG))
        mark = (H2spec("http2/6.7/1"),) if number == 0 else ()
        yield _case(f"PNG-01.echo-{number}", Role.SERVER, "6.7", echo, steps, works(), *mark)
    steps = (send(*(ping(pattern) for pattern in PATTERNS)), Await(What.PONG))
    yield _case("PNG-01.echo-all", Role.SERVER, "6.7", echo, steps, works())
    reason = "An endpoint MUST NOT respond to PING frames containing the ACK flag."
    steps = (send(ping(b"unasked!", ack=True)), Barrier(), *EXCHANGE)
    yield _case("PNG-01.ack", Role.SERVER, "6.7", reason, steps, works(), H2spec("http2/6.7/2"))
    reason = "A PING with a stream identifier other than 0 MUST be a connection error of type PROTOCOL_ERROR."
    for name, flags in (("on-stream", 0), ("ack-on-stream", ACK)):
        steps = (Begin(), send(Frame(PING, flags, STREAM, (bytes(8),))))
        mark = (H2spec("http2/6.7/3"),) if flags == 0 else ()
        yield _case(f"PNG-01.{name}", Role.SERVER, "6.7", reason, steps, PROTOCOL, *mark)


def _ping_while_blocked() -> Iterator[Case]:
    """PNG-01: a PING is answered while a body waits for its window."""
    case = _case(
        "PNG-01.while-blocked",
        Role.SERVER,
        "6.7",
        "PING is answered although the answer to a request waits for its window: PING responses come first.",
        (
            Begin(end=True),
            Await(What.HEAD),
            Barrier(),
            send(settings((WINDOW, 65_535))),
            Finish(),
        ),
        works(),
    )
    yield replace(case, behaviour=Behaviour(settings=((WINDOW, 0),)))


def _goaways(role: Role) -> Iterator[Case]:
    """PNG-02, PNG-07 and PNG-08: what GOAWAY may say, and that streams below its last one complete."""

    def tolerated(name: str, clause: str, reason: str, *frames: Frame) -> Case:
        steps: tuple[Step, ...] = (*opened(role), send(*frames), Finish())
        return replace(_case(name, role, clause, reason, steps, works()), probe=False)

    below = "Streams at or below the last stream identifier of a GOAWAY complete."
    last = STREAM if role is Role.CLIENT else 0
    yield tolerated("PNG-02.completes", "6.8", below, goaway(last, ErrorCode.NO_ERROR))
    highest = tolerated("PNG-02.highest", "6.8", below, goaway(HIGHEST, ErrorCode.NO_ERROR))
    again = "An endpoint MAY send several GOAWAY frames; the last stream identifier only becomes smaller."
    smaller = tolerated("PNG-02.smaller", "6.8", again, goaway(HIGHEST, 0), goaway(last, 0))
    # Only a server is told to begin so; of a client it is a stream that no server opens, and nothing forbids to mind.
    yield from (replace(case, level=case.level if role is Role.CLIENT else Level.MAY) for case in (highest, smaller))
    larger = replace(
        tolerated("PNG-02.larger", "6.8", again, goaway(last, 0), goaway(HIGHEST, 0)),
        expectation=either(PROTOCOL, works()),
        level=Level.SHOULD,
    )
    yield larger
    reason = "GOAWAY with a stream identifier other than 0 MUST be a connection error of type PROTOCOL_ERROR."
    frame = Frame(GOAWAY, 0, STREAM, (bytes(8),))
    yield _case("PNG-02.on-stream", role, "6.8", reason, (Begin(), send(frame)), PROTOCOL, H2spec("http2/6.8/1"))
    for name, debug in (("none", b""), ("large", b"d" * 16_376), ("no-text", bytes(range(256))), ("nul", b"a\0b\r\nc")):
        reason = "GOAWAY may carry any octets as debug data, which mean nothing."
        yield tolerated(f"PNG-08.{name}", "6.8", reason, goaway(last, ErrorCode.NO_ERROR, debug))


def _codes(role: Role) -> Iterator[Case]:
    """PNG-07: codes that nobody has defined."""
    reason = "Unknown or unsupported error codes MUST NOT trigger any special behavior."
    for code in UNKNOWN_CODES:
        steps: tuple[Step, ...] = (*opened(role), send(rst_stream(STREAM, code)))
        yield _case(f"PNG-07.rst-stream-{code:#x}", role, "7", reason, steps, works())
    for code in UNKNOWN_CODES:
        steps = (*opened(role), send(goaway(HIGHEST, code)), Await(What.END))
        ended = either(works(), connection_error(*ErrorCode))
        case = _case(f"PNG-07.goaway-{code:#x}", role, "7", reason, (*steps[:-1],), ended)
        yield replace(case, probe=False)


def _clients() -> Iterator[Case]:
    """PNG-02, PNG-05 and PNG-10: what only a client can get wrong."""
    reason = "A request above the last stream identifier was not processed: its user is told, or it is made again."
    steps: tuple[Step, ...] = (Begin(), send(goaway(0, ErrorCode.NO_ERROR)), Await(What.RESULT))
    yield replace(_case("PNG-02.above", Role.CLIENT, "6.8", reason, steps, works()), probe=False)
    reason = "Receivers of a GOAWAY frame MUST NOT open additional streams on the connection."
    goes_away = send(goaway(STREAM, ErrorCode.NO_ERROR))
    steps = (*opened(Role.CLIENT), goes_away, Barrier(), Ask(), Barrier(), Finish(begun(0)))
    case = _case("PNG-05.no-new-stream", Role.CLIENT, "6.8", reason, steps, works(begun(0)))
    yield replace(case, probe=False)
    reason = "Clients MUST NOT discard responses as a result of receiving RST_STREAM(NO_ERROR) after them."
    steps = (
        Begin(content=b"u" * 200_000),
        send(headers(STREAM, *OK), data(STREAM, b"early", end_stream=True), rst_stream(STREAM, ErrorCode.NO_ERROR)),
        Finish(),
    )
    quiet = Behaviour(give_windows=False)
    yield replace(_case("PNG-10.early", Role.CLIENT, "8.1", reason, steps, works()), behaviour=quiet)


def _announced(role: Role) -> Iterator[Case]:
    """PNG-06: GOAWAY tells what was processed, and then the connection closes."""
    reason = "A connection error is announced by GOAWAY with the last stream that was processed; then comes the end."
    steps: tuple[Step, ...] = (*EXCHANGE, *EXCHANGE, send(Frame(PING, payload=(bytes(7),))))
    yield replace(
        _case("PNG-06.after-two", role, "5.4.1", reason, steps, connection_error(ErrorCode.FRAME_SIZE_ERROR)),
        level=Level.SHOULD,
    )
    steps = (Begin(), send(data(0, b"x")))
    yield replace(_case("PNG-06.with-one-open", role, "5.4.1", reason, steps, PROTOCOL), level=Level.SHOULD)


def cases() -> list[Case]:
    """The group."""
    by_role = [case for role in Role for part in (_goaways, _codes, _announced) for case in part(role)]
    return [*for_both(_pings()), *_ping_while_blocked(), *by_role, *_clients()]
