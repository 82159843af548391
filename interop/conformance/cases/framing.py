"""FRM: frames (RFC 9113 §4, §5.5, and the lengths of §6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from http2.errors import ErrorCode
from http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_FLAG,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)
from http2.settings import Setting
from interop.conformance.model import (
    CLIENT_FAULTS,
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
    or_waits,
    send,
    stream_error,
    works,
)
from interop.conformance.phrases import EXCHANGE, before_head, head, head_stream, opened, samples
from interop.conformance.script import (
    STREAM,
    FieldBlock,
    Filler,
    Frame,
    FrameSize,
    Literal,
    Raw,
    StreamId,
    continuation,
    data,
    headers,
    idle,
    ping,
    settings,
    unknown,
)

SIZE_ERROR = connection_error(ErrorCode.FRAME_SIZE_ERROR)
PROTOCOL = connection_error(ErrorCode.PROTOCOL_ERROR)
UNKNOWN_TYPES = [kind for kind in range(0x0A, 0x100) if kind != 0x10]  # 0x10 is PRIORITY_UPDATE (RFC 9218)
LARGE_UNKNOWN_TYPES = (0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x11, 0x20, 0x40, 0x80, 0xF0, 0xFF)
MAX = 16_384  # the smallest SETTINGS_MAX_FRAME_SIZE that there is
ALL_FLAGS = {DATA: END_STREAM | PADDED, HEADERS: END_STREAM | END_HEADERS | PADDED | PRIORITY_FLAG, SETTINGS: 1, PING:
1,
             CONTINUATION: END_HEADERS}  # fmt: skip


def _case(
    name: str,
    role: Role,
    clause: str,
    reason: str,
    steps: tuple[Step, ...],
    expectation: Expectation,
    *h2spec: H2spec,
    level: Level = Level.MUST,
) -> Case:
    return Case(name, role, level, f"RFC 9113 §{clause}", reason, steps, expectation, h2spec=h2spec)


def _unknown_types(role: Role) -> Iterator[Case]:
    """FRM-01: types that nobody has defined, everywhere, empty and large."""
    reason = "Implementations MUST ignore and discard frames of unknown types, wherever they come."
    for kind in UNKNOWN_TYPES:
        places: tuple[StreamId, ...] = (0, STREAM, idle())
        steps: tuple[Step, ...] = (Begin(), send(*(unknown(kind, place) for place in places)), Finish())
        marks = (H2spec("http2/4.1/1"), H2spec("http2/5.5/1", Mark.DUPLICATE)) if kind == 0x16 else ()
        yield _case(f"FRM-01.{kind:#04x}", role, "4.1", reason, steps, works(), *marks)
    for kind in LARGE_UNKNOWN_TYPES:
        for place_name, place in (("connection", 0), ("open", STREAM), ("idle", idle())):
            steps = (Begin(), send(unknown(kind, place, bytes(MAX), flags=0xFF)), Finish())
            yield _case(f"FRM-01.{kind:#04x}-large-{place_name}", role, "4.1", reason, steps, works())


def _ignored_bits(role: Role) -> Iterator[Case]:
    """FRM-02 and FRM-03: bits without a meaning."""
    for sample in samples(role):
        frame = sample.frame
        flags = frame.flags | 0xFF & ~ALL_FLAGS.get(frame.type, 0)
        marks = {"data": "4.1/2", "headers": "4.1/2"}.get(sample.name)
        case = _case(
            f"FRM-02.{sample.name}",
            role,
            "4.1",
            "Unused flags MUST be ignored on receipt.",
            (*sample.before, send(replace(frame, flags=flags)), *sample.after),
            works(),
            *((H2spec(f"http2/{marks}"),) if marks else ()),
        )
        yield replace(case, probe=sample.goes_on)
        case = _case(
            f"FRM-03.{sample.name}",
            role,
            "4.1",
            "The reserved bit MUST be ignored when receiving.",
            (*sample.before, send(replace(frame, reserved=True)), *sample.after),
            works(),
            *((H2spec("http2/4.1/3"),) if sample.name == "ping" else ()),
        )
        yield replace(case, probe=sample.goes_on)


def _emitted(role: Role) -> Iterator[Case]:
    """FRM-04 and FRM-09: what is emitted is watched in every case; these make it emit something."""
    yield _case(
        "FRM-04.exchange",
        role,
        "4.1",
        "Reserved bit, undefined flags and padding are zero in what is sent: watched in this and in every other case.",
        (*EXCHANGE, *opened(role), Finish()),
        works(),
    )
    size = int(Setting.MAX_FRAME_SIZE)
    content = tuple(data(STREAM, bytes([65 + part]) * MAX) for part in range(3))
    for name, first, then in (("raised", 65_536, None), ("lowered", 65_536, MAX), ("highest", 2**24 - 1, None)):
        lowered: tuple[Step, ...] = () if then is None else (send(settings((size, then))), Await(What.SETTINGS_ACK))
        case = _case(
            f"FRM-09.{name}",
            role,
            "4.2",
            "No frame is larger than the receiver's SETTINGS_MAX_FRAME_SIZE, also after that was changed.",
            (*lowered, *opened(role), send(*content), Finish()),
            works(),
        )
        yield replace(case, behaviour=Behaviour(settings=((size, first),)))


def _accepted_sizes(role: Role) -> Iterator[Case]:
    """FRM-05, FRM-10, FRM-11: frames that are as large as they may be, and many at once."""
    reason = "All implementations MUST be capable of receiving frames up to 2^14 octets."
    steps = (*opened(role), send(data(STREAM, b"d" * MAX)), Finish())
    yield _case("FRM-05.data", role, "4.2", reason, steps, works(), H2spec("http2/4.2/1"))
    steps = (*opened(role), send(data(STREAM, b"d" * (MAX - 256), padding=255)), Finish())
    yield _case("FRM-05.data-padded", role, "4.2", reason, steps, works())
    big = tuple(Literal(b"x-filler-%d" % number, b"f" * 1_000) for number in range(15))
    refused = answer(*CLIENT_FAULTS) if role is Role.SERVER else stream_error(ErrorCode.ENHANCE_YOUR_CALM)
    for name, specs in (
        ("headers", (headers(head_stream(role), *head(role), *big),)),
        ("continuation", (FieldBlock(head_stream(role), (*head(role), *big), (1,)),)),
    ):
        yield _case(
            f"FRM-05.{name}",
            role,
            "4.2",
            f"{reason} A field list of 16 KiB may still be more than somebody takes (§10.5.1).",
            (*before_head(role), send(*specs), Finish()),
            either(works(), refused),
        )
    case = _case(
        "FRM-10.unacknowledged",
        role,
        "6.5.3",
        "Before its SETTINGS are acknowledged the old frame size holds, and every frame of that size is taken.",
        (*opened(role), send(data(STREAM, b"d" * MAX)), Finish()),
        works(),
    )
    yield replace(case, behaviour=Behaviour(ack_settings=False))
    steps = (
        *opened(role),
        send(
            *(ping(b"ping %03d" % number) for number in range(50)), settings(), *(data(STREAM, b"d") for _ in range(50))
        ),
        Finish(),
    )
    yield _case(
        "FRM-11.coalesced", role, "4.1", "Frames are found by their length, however they are cut.", steps, works()
    )


def _oversized(role: Role) -> Iterator[Case]:
    """FRM-06 and FRM-07: frames that are larger than allowed, announced only, and whole."""
    on_stream = either(stream_error(ErrorCode.FRAME_SIZE_ERROR), SIZE_ERROR)
    reason = "An endpoint MUST send FRAME_SIZE_ERROR if a frame exceeds SETTINGS_MAX_FRAME_SIZE."
    block = (*before_head(role), send(headers(head_stream(role), *head(role), end_headers=False)))
    kinds: tuple[tuple[str, int, StreamId, tuple[Step, ...], Expectation], ...] = (
        ("data", DATA, STREAM, opened(role), either(SIZE_ERROR, on_stream)),
        ("headers", HEADERS, head_stream(role), before_head(role), SIZE_ERROR),
        ("priority", PRIORITY, STREAM, opened(role), either(SIZE_ERROR, on_stream)),
        ("rst-stream", RST_STREAM, STREAM, opened(role), SIZE_ERROR),
        ("settings", SETTINGS, 0, (), SIZE_ERROR),
        ("ping", PING, 0, (), SIZE_ERROR),
        ("goaway", GOAWAY, 0, (), SIZE_ERROR),
        ("window-update", WINDOW_UPDATE, 0, (), SIZE_ERROR),
        ("continuation", CONTINUATION, STREAM, block, SIZE_ERROR),
        ("unknown", 0x20, 0, (), SIZE_ERROR),
    )
    marks = {"data": "4.2/2", "headers": "4.2/3"}
    for name, kind, stream, before, expectation in kinds:
        flags = END_HEADERS if kind in (HEADERS, CONTINUATION) else 0
        for length_name, length in (("one-more", FrameSize(1)), ("longest", 2**24 - 1)):
            frame = Frame(kind, flags, stream, length=length)
            case = _case(
                f"FRM-06.{name}-{length_name}",
                role,
                "4.2",
                "Its header tells that a frame is too large: nobody has to wait for the payload, or to keep it.",
                (*before, send(frame)),
                or_waits(expectation),
            )
            yield replace(case, barrier=False, probe=False)
        frame = Frame(kind, flags, stream, (Filler(FrameSize(1)),))
        mark = (
            (H2spec(f"http2/{marks[name]}", Mark.BROKEN if name == "headers" else Mark.VALID),) if name in marks else ()
        )
        yield _case(f"FRM-07.{name}", role, "4.2", reason, (*before, send(frame)), expectation, *mark)


def _lengths(role: Role) -> Iterator[Case]:
    """FRM-08: payloads that are too short for their layout, or have a fixed length and another one."""
    reason = "A frame that is too small for its mandatory data, or has not its fixed length, is a FRAME_SIZE_ERROR."
    for name, flags, length in (
        ("padded", PADDED, 0),
        ("priority", PRIORITY_FLAG, 4),
        ("priority-empty", PRIORITY_FLAG, 0),
        ("padded-priority", PADDED | PRIORITY_FLAG, 5),
    ):
        frame = Frame(HEADERS, END_HEADERS | flags, head_stream(role), (bytes(length),))
        yield _case(f"FRM-08.headers-{name}", role, "6.2", reason, (*before_head(role), send(frame)), SIZE_ERROR)
    steps = (*opened(role), send(Frame(DATA, PADDED, STREAM)))
    expectation = either(SIZE_ERROR, stream_error(ErrorCode.FRAME_SIZE_ERROR))
    yield _case("FRM-08.data-padded", role, "6.1", reason, steps, expectation)
    fixed: tuple[tuple[str, int, str, tuple[int, ...], StreamId, Expectation], ...] = (
        ("rst-stream", RST_STREAM, "6.4", (0, 3, 5), STREAM, SIZE_ERROR),
        ("goaway", GOAWAY, "6.8", (0, 7), 0, SIZE_ERROR),
        ("window-update", WINDOW_UPDATE, "6.9", (0, 3, 5), 0, SIZE_ERROR),
        ("window-update-stream", WINDOW_UPDATE, "6.9", (0, 3, 5), STREAM, SIZE_ERROR),
        ("ping", PING, "6.7", (0, 7, 9), 0, SIZE_ERROR),
        ("priority", PRIORITY, "6.3", (0, 4, 6), STREAM, stream_error(ErrorCode.FRAME_SIZE_ERROR)),
    )
    marks = {
        "rst-stream-3": "6.4/3", "window-update-3": "6.9/3", "ping-7": "6.7/4", "priority-4": "6.3/2",
    }  # fmt: skip
    for name, kind, clause, lengths, stream, expected in fixed:
        for length in lengths:
            before = opened(role) if stream else ()
            steps = (*before, send(Frame(kind, 0, stream, (bytes(length),))))
            mark = marks.get(f"{name}-{length}")
            cited = (H2spec(f"http2/{mark}"),) if mark else ()
            yield _case(f"FRM-08.{name}-{length}", role, clause, reason, steps, expected, *cited)
    for length in (0, 3):
        steps = (*opened(role), send(Frame(PUSH_PROMISE, END_HEADERS, STREAM, (bytes(length),))))
        either_code = connection_error(ErrorCode.FRAME_SIZE_ERROR, ErrorCode.PROTOCOL_ERROR)
        yield _case(f"FRM-08.push-promise-{length}", role, "6.6", reason, steps, either_code)
    reason = "Padding that has the length of the payload or more MUST be a connection error of type PROTOCOL_ERROR."
    for name, octets in (("fills", b"\x06" + bytes(5)), ("exceeds", b"\xff" + bytes(5))):
        frame = Frame(DATA, PADDED, STREAM, (octets,))
        cited = (H2spec("http2/6.1/3"),) if name == "fills" else ()
        yield _case(f"FRM-08.data-padding-{name}", role, "6.1", reason, (*opened(role), send(frame)), PROTOCOL, *cited)
        frame = Frame(HEADERS, PADDED | END_HEADERS, head_stream(role), (octets,))
        cited = (H2spec("http2/6.2/4"),) if name == "fills" else ()
        steps = (*before_head(role), send(frame))
        yield _case(f"FRM-08.headers-padding-{name}", role, "6.2", reason, steps, PROTOCOL, *cited)


def _interrupted(role: Role) -> Iterator[Case]:
    """FRM-12: a field block is one piece."""
    reason = "A field block MUST be contiguous: a frame of another type, or of another stream, is a PROTOCOL_ERROR."
    fields = head(role)
    start = (*before_head(role), send(headers(head_stream(role), *fields[:1], end_headers=False)))
    between: tuple[tuple[str, Frame], ...] = (
        ("unknown-same-stream", unknown(0x20, STREAM)),
        ("unknown-connection", unknown(0x20)),
        ("unknown-other-stream", unknown(0x20, idle(1))),
        ("ping", ping(b"between!")),
        ("settings", settings()),
        ("data", data(STREAM, b"between")),
        ("priority", Frame(PRIORITY, 0, STREAM, (bytes(5),))),
        ("headers", headers(STREAM, *fields)),
        ("continuation-other-stream", continuation(idle(1), *fields[1:])),
    )
    marks = {
        "unknown-same-stream": "5.5/2",
        "priority": "4.3/2",
        "data": "6.10/2",
        "continuation-other-stream": "4.3/3",
    }
    for name, frame in between:
        rest = () if name == "continuation-other-stream" else (continuation(STREAM, *fields[1:]),)
        steps = (*start, send(frame, *rest))
        mark = (H2spec(f"http2/{marks[name]}"),) if name in marks else ()
        yield _case(f"FRM-12.{name}", role, "4.3", reason, steps, PROTOCOL, *mark)
    steps = (
        *start,
        send(
            continuation(STREAM, *fields[1:2], end_headers=False),
            unknown(0x20, STREAM),
            continuation(STREAM, *fields[2:]),
        ),
    )
    yield _case("FRM-12.between-continuations", role, "4.3", reason, steps, PROTOCOL)


def _two_errors(role: Role) -> Iterator[Case]:
    """FRM-13: the first error is the one that counts."""
    yield _case(
        "FRM-13.garbage-behind",
        role,
        "5.4",
        "An endpoint SHOULD report at most one connection error, and what comes behind it is not read.",
        (send(Frame(PING, payload=(bytes(7),)), Raw(b"\xff" * 100)),),
        SIZE_ERROR,
    )
    yield _case(
        "FRM-13.two-errors",
        role,
        "5.4",
        "An endpoint SHOULD report at most one connection error, and what comes behind it is not read.",
        (send(Frame(PING, payload=(bytes(7),)), Frame(SETTINGS, payload=(bytes(5),)), data(0, b"x")),),
        SIZE_ERROR,
    )


def cases() -> list[Case]:
    """The group."""
    parts = (_unknown_types, _ignored_bits, _emitted, _accepted_sizes, _oversized, _lengths, _interrupted, _two_errors)
    return [case for role in Role for part in parts for case in part(role)]
