"""PRI: priority (RFC 9113 §5.3, RFC 9218). RFC 9218 is an extension: who does not know it ignores its frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from http2.errors import ErrorCode
from http2.frames import PRIORITY
from interop.conformance.model import (
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
    connection_error,
    either,
    or_calm,
    send,
    stream_error,
    works,
)
from interop.conformance.phrases import EXCHANGE, before_head, head, head_stream, opened
from interop.conformance.script import (
    GET,
    STREAM,
    Frame,
    Literal,
    Ref,
    Uint31,
    begun,
    even,
    headers,
    idle,
    priority,
    unknown,
)

SECTION = "RFC 9113 §5.3.2"
PRIORITY_UPDATE = 0x10
PROTOCOL = connection_error(ErrorCode.PROTOCOL_ERROR)
SIZE = connection_error(ErrorCode.FRAME_SIZE_ERROR)

NOT_BY_FRAMES = {
    "PRI-06": "RFC 9218 §10 leaves the order of answers to the server, and what is ready when is a matter of time.",
}


def _must(
    name: str, role: Role, clause: str, reason: str, steps: tuple[Step, ...], expectation: Expectation, *marks: H2spec
) -> Case:
    return Case(name, role, Level.MUST, clause, reason, steps, expectation, h2spec=marks)


def _ignored(role: Role) -> Iterator[Case]:
    """PRI-01: PRIORITY says nothing any more, on any stream and in any state."""
    reason = "PRIORITY may come on a stream in any state, and what it says is ignored."
    itself = (
        "A stream that depends on itself was an error in RFC 7540, and is none any more; no word forbids the old way."
    )
    obsolete = {"itself": "5.3.1/2"} if role is Role.SERVER else {}
    generic = {"weight-1": "3.3/1", "weight-256": "3.3/2", "on-stream": "3.3/3", "exclusive": "3.3/4"}
    for name, frame in (
        ("itself", priority(STREAM, STREAM)),
        ("itself-exclusive", priority(STREAM, STREAM, exclusive=True)),
        ("weight-1", priority(STREAM, weight=0)),
        ("weight-256", priority(STREAM, weight=255)),
        ("on-stream", priority(STREAM, idle())),
        ("exclusive", priority(STREAM, 0, exclusive=True)),
        ("idle", priority(idle(3))),
        ("idle-itself", priority(idle(3), idle(3))),
        ("even", priority(even(2))),
        ("highest", priority(2**31 - 1)),
    ):
        marks: tuple[H2spec, ...] = ()
        if name in obsolete:
            marks = (H2spec(f"http2/{obsolete[name]}", Mark.OBSOLETE),)
        elif name in generic and role is Role.SERVER:
            marks = (H2spec(f"generic/{generic[name]}"),)
        why = itself if "itself" in name else reason
        steps: tuple[Step, ...] = (*opened(role), send(frame), Finish())
        case = _must(f"PRI-01.{name}", role, SECTION, why, steps, works(), *marks)
        yield replace(case, level=Level.MAY) if "itself" in name else case
    steps = (*EXCHANGE, Barrier(), send(priority(begun(0))), *EXCHANGE)
    yield _must("PRI-01.closed", role, SECTION, reason, steps, works())
    steps = (*opened(role), send(*(priority(STREAM, weight=weight) for weight in range(100))), Finish())
    yield _must("PRI-01.hundred", role, SECTION, reason, steps, works())
    reason = "The priority fields of HEADERS are skipped, whatever they say."
    stream_3 = (3).to_bytes(4, "big")
    for name, fields, padding in (
        ("root", bytes(4) + b"\x0f", None),
        ("other", stream_3 + b"\xff", None),
        ("exclusive", b"\x80" + bytes(3) + b"\0", None),
        ("itself", (1).to_bytes(4, "big") + b"\x0f", None),
        ("padded", stream_3 + b"\x0f", 7),
    ):
        frame = headers(head_stream(role), *head(role), priority=fields, padding=padding)
        steps = (*before_head(role), send(frame), Finish())
        obsolete_mark = (H2spec("http2/5.3.1/1", Mark.OBSOLETE),) if name == "itself" and role is Role.SERVER else ()
        why = itself if name == "itself" else reason
        case = _must(f"PRI-01.headers-{name}", role, SECTION, why, steps, works(), *obsolete_mark)
        yield replace(case, level=Level.MAY) if name == "itself" else case


def _shapes(role: Role) -> Iterator[Case]:
    """PRI-01: where PRIORITY is an error."""
    reason = "PRIORITY with a length other than 5 octets MUST be a stream error of type FRAME_SIZE_ERROR."
    for length in (0, 4, 6):
        steps: tuple[Step, ...] = (*opened(role), send(Frame(PRIORITY, 0, STREAM, (bytes(length),))))
        marks = (H2spec("http2/6.3/2"),) if (length, role) == (4, Role.SERVER) else ()
        error = stream_error(ErrorCode.FRAME_SIZE_ERROR)
        yield _must(f"PRI-01.length-{length}", role, "RFC 9113 §6.3", reason, steps, error, *marks)
    reason = "PRIORITY on stream 0 MUST be a connection error of type PROTOCOL_ERROR."
    steps = (Begin(), send(priority(0, STREAM)))
    marks = (H2spec("http2/6.3/1"),) if role is Role.SERVER else ()
    yield _must("PRI-01.on-connection", role, "RFC 9113 §6.3", reason, steps, PROTOCOL, *marks)


def _opens_nothing() -> Iterator[Case]:
    """PRI-02: PRIORITY opens no stream."""
    reason = "PRIORITY on an idle stream does not open it: lower identifiers can be used, and no stream is counted."
    steps: tuple[Step, ...] = (send(*(priority(idle(number)) for number in range(1, 101))), *EXCHANGE, *EXCHANGE)
    mark = H2spec("generic/3.3/5")
    yield _must("PRI-02.idle", Role.SERVER, SECTION, reason, steps, or_calm(works()), mark)
    reason = "Very many PRIORITY frames cost nothing, or end the connection with ENHANCE_YOUR_CALM."
    steps = (send(*(priority(idle(number)) for number in range(1, 2_001))), *EXCHANGE)
    allowed = either(works(), connection_error(ErrorCode.ENHANCE_YOUR_CALM))
    yield Case("PRI-02.flood", Role.SERVER, Level.SHOULD, "RFC 9113 §10.5", reason, steps, allowed)


def _updates() -> Iterator[Case]:
    """PRI-03 and PRI-04: PRIORITY_UPDATE, which is ignored by who does not know it."""

    def update(of: Ref | int, value: bytes = b"u=1", on: Ref | int = 0) -> Frame:
        return Frame(PRIORITY_UPDATE, 0, on, (Uint31(of), value))

    role, clause = Role.SERVER, "RFC 9218 §7.1"
    reason = "Who knows PRIORITY_UPDATE treats a wrong one as a connection error; who does not ignores it (§5.5)."
    protocol = either(PROTOCOL, works())
    for name, frame, allowed in (
        ("on-stream", update(STREAM, on=STREAM), protocol),
        ("short", unknown(PRIORITY_UPDATE, 0, b"\0\0\0"), either(SIZE, works())),
        ("of-connection", update(0), protocol),
        ("of-idle-push", update(even()), protocol),
    ):
        steps: tuple[Step, ...] = (Begin(), send(frame), Finish())
        yield Case(f"PRI-03.{name}", role, Level.SHOULD, clause, reason, steps, allowed)
    reason = "PRIORITY_UPDATE may come for a stream in any state; what its value means is no error."
    for name, frame in (
        ("open", update(STREAM)),
        ("idle", update(idle())),
        ("idle-far", update(idle(40))),
        ("not-a-dictionary", update(STREAM, b"u=?;;=")),
        ("no-value", update(STREAM, b"")),
        ("large", update(STREAM, b"x" * 1_000)),
        ("reserved", Frame(PRIORITY_UPDATE, 0, 0, (Uint31(STREAM, reserved=True), b"u=0"))),
    ):
        allowed = either(works(), PROTOCOL) if name == "not-a-dictionary" else works()
        steps = (Begin(), send(frame), Finish())
        yield Case(f"PRI-04.{name}", role, Level.SHOULD, clause, reason, steps, allowed)
    steps = (*EXCHANGE, Barrier(), send(update(begun(0))), *EXCHANGE)
    yield _must("PRI-04.closed", role, clause, "PRIORITY_UPDATE for a closed stream is ignored.", steps, works())
    steps = (send(update(idle(), b"u=7"), update(idle(), b"u=0, i")), *EXCHANGE)
    yield Case("PRI-04.twice", role, Level.SHOULD, clause, reason, steps, works())


def _fields() -> Iterator[Case]:
    """PRI-05: the priority field."""
    reason = "A value of the priority field that means nothing is as good as none, and never an error."
    for name, values in (
        ("urgent", (b"u=0",)),
        ("incremental", (b"u=7, i",)),
        ("nine", (b"u=9",)),
        ("negative", (b"u=-1",)),
        ("fraction", (b"u=1.5",)),
        ("text", (b"u=high",)),
        ("not-a-dictionary", (b"=;,(",)),
        ("raw", (b"\xff\xfe",)),
        ("empty", (b"",)),
        ("unknown-key", (b"u=2, kit=?1",)),
        ("twice", (b"u=1, u=5",)),
        ("two-fields", (b"u=1", b"i")),
    ):
        fields = tuple(Literal(b"priority", value) for value in values)
        steps: tuple[Step, ...] = (send(headers(idle(), *GET, *fields, end_stream=True)), Finish())
        yield Case(f"PRI-05.{name}", Role.SERVER, Level.SHOULD, "RFC 9218 §4", reason, steps, works())


def cases() -> list[Case]:
    """The group."""
    by_role = [case for role in Role for part in (_ignored, _shapes) for case in part(role)]
    return [*by_role, *_opens_nothing(), *_updates(), *_fields()]
