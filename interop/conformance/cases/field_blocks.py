"""HPK: field blocks as a whole (RFC 9113 §4.3, §10.5.1): in pieces, discarded, too large. `hpack` has the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from http2.errors import ErrorCode
from interop.conformance.model import (
    CLIENT_FAULTS,
    Barrier,
    Begin,
    Case,
    Expectation,
    Finish,
    H2spec,
    Kind,
    Level,
    Outcome,
    Pattern,
    Role,
    Step,
    connection_error,
    either,
    malformed,
    send,
    stream_error,
    works,
)
from interop.conformance.phrases import before_head, following, head, head_stream, message, opened
from interop.conformance.script import (
    GET,
    POST,
    STREAM,
    Block,
    FieldBlock,
    Indexed,
    Literal,
    Requests,
    Spec,
    begun,
    even,
    goaway,
    headers,
    idle,
    incremental,
    push_promise,
    rst_stream,
    window_update,
)

ENTRY = incremental(b"x-kit", b"entered")
CONTINUATIONS = 8
"""CONTINUATION frames in one block: few enough not to look like a flood (§10.5); nghttp2 takes no more than eight."""


def _case(
    name: str, role: Role, clause: str, reason: str, steps: tuple[Step, ...], expectation: Expectation, *h2spec: H2spec
) -> Case:
    return Case(name, role, Level.MUST, f"RFC {clause}", reason, steps, expectation, h2spec=h2spec)


def _fragments(role: Role) -> Iterator[Case]:
    """HPK-16: a block is one, however it is cut."""
    reason = "Field block fragments are put together before they are decoded, wherever they were cut."
    block: Block = (
        *head(role),
        Literal(b"x-kit", b"v" * 130, huffman=False),
        Literal(b"x-huffman", b"www.example.com", huffman=True),
        Literal(b"x-integer", b"i" * 300),
    )
    cuts: tuple[tuple[str, tuple[int, ...]], ...] = (
        ("each-octet", tuple(range(1, CONTINUATIONS + 1))),
        ("empty", (0, 0, 5, 5)),
        ("empty-last", (10_000, 10_000)),
        ("inside-string", (7,)),
    )
    for name, at in cuts:
        steps: tuple[Step, ...] = (*before_head(role), send(FieldBlock(head_stream(role), block, at)), Finish())
        marks = {"each-octet": ("http2/6.10/1", "generic/3.10/2"), "inside-string": ("generic/3.10/1",)}.get(name, ())
        cited = tuple(H2spec(mark) for mark in marks) if role is Role.SERVER else ()
        yield _case(f"HPK-16.{name}", role, "9113 §4.3", reason, steps, works(), *cited)
    tail: Block = (
        incremental(b"x-kit-huffman", b"www.example.com", huffman=True),
        Literal(b"x-i", b"i" * 300),
        Indexed(62),
    )
    for number in range(1, 40):
        at = (number,)
        steps = (*before_head(role), send(FieldBlock(head_stream(role), (*head(role), *tail), at)), Finish())
        yield _case(f"HPK-16.at-{number:02}", role, "9113 §4.3", reason, steps, works())


def _discarded(role: Role) -> Iterator[Case]:
    """HPK-17: blocks of messages that nobody wants are decoded all the same."""
    reason = "Field blocks are decompressed even if they are discarded: a later block may refer to what they entered."
    first = stream_error(ErrorCode.PROTOCOL_ERROR, stream=begun(0))
    uses = following(role, Indexed(62))
    fault = window_update(STREAM, 0)
    reset = rst_stream(STREAM, ErrorCode.CANCEL)
    trailers = headers(STREAM, ENTRY, end_stream=True)
    ways: tuple[tuple[str, tuple[Step, ...], Expectation], ...] = (
        ("after-its-reset", (*opened(role), send(fault, trailers)), first),
        ("malformed", message(role, Literal(b"Upper", b"v"), ENTRY), malformed(begun(0))),
        ("malformed-at-the-end", message(role, ENTRY, Literal(b"Upper", b"v")), malformed(begun(0))),
        ("trailers-without-end", (*opened(role), send(headers(STREAM, ENTRY))), malformed(begun(0))),
    )
    for name, steps, allowed in ways:
        yield _case(f"HPK-17.{name}", role, "9113 §4.3", reason, (*steps, *uses), allowed)
    closed = connection_error(ErrorCode.STREAM_CLOSED, ErrorCode.PROTOCOL_ERROR)
    late = either(works(begun(0)), closed, stream_error(ErrorCode.STREAM_CLOSED))
    steps = (*opened(role), send(reset, trailers), *uses)
    case = _case("HPK-17.after-our-reset", role, "9113 §4.3", reason, steps, late)
    yield replace(case, level=Level.SHOULD)
    steps = (*opened(role), send(trailers), *uses)
    yield _case("HPK-17.trailers", role, "9113 §4.3", reason, steps, works())
    if role is Role.SERVER:
        refused = stream_error(ErrorCode.REFUSED_STREAM, ErrorCode.PROTOCOL_ERROR, stream=begun(-2))
        full = send(Requests(), headers(idle(), *POST, ENTRY))
        steps = (full, send(rst_stream(begun(0), ErrorCode.CANCEL)), Barrier(), *uses)
        yield _case("HPK-17.refused", role, "9113 §4.3", reason, steps, refused)
    else:
        steps = (Begin(), send(push_promise(STREAM, even(), *GET, ENTRY)), *uses)
        pushed = either(connection_error(ErrorCode.PROTOCOL_ERROR), works(begun(0)))
        yield _case(
            "HPK-17.push", role, "9113 §6.6", "A push that was forbidden is an error, decoded or not.", steps, pushed
        )
    yield from _after_goaway(role)


def _after_goaway(role: Role) -> Iterator[Case]:
    """HPK-17: our GOAWAY ends no stream that is open, and no table."""
    reason = "After GOAWAY the field blocks of open streams are decoded as before."
    last = STREAM if role is Role.CLIENT else 0
    steps: tuple[Step, ...] = (*opened(role), send(goaway(last, ErrorCode.NO_ERROR)))
    steps = (*steps, send(headers(STREAM, ENTRY, Indexed(62), end_stream=True)), Finish())
    yield replace(_case("HPK-17.after-goaway", role, "9113 §6.8", reason, steps, works()), probe=False)


def _allowed_for_large() -> Expectation:
    """431, any reset, the end of the connection, or that it is taken: each for the stream that was begun first."""
    codes = (ErrorCode.ENHANCE_YOUR_CALM, ErrorCode.COMPRESSION_ERROR, ErrorCode.FRAME_SIZE_ERROR)
    stream_codes = (*codes, ErrorCode.REFUSED_STREAM, ErrorCode.PROTOCOL_ERROR)
    patterns = (
        Pattern(Kind.ANSWER, Outcome.ANSWERED, statuses=CLIENT_FAULTS),
        *works().patterns,
        *stream_error(*stream_codes).patterns,
        *connection_error(*codes).patterns,
    )
    return Expectation(tuple(replace(pattern, best=pattern.breaks is None) for pattern in patterns), begun(0))


def _large(role: Role) -> Iterator[Case]:
    """HPK-07, HPK-18 and HPK-20: field sections that are more than somebody takes."""
    allowed = _allowed_for_large()
    reason = "A field section over SETTINGS_MAX_HEADER_LIST_SIZE is answered with 431, reset, or ends the connection."
    sections: tuple[tuple[str, str, Block], ...] = (
        ("20.values", "9113 §10.5.1", tuple(Literal(b"x-%d" % i, b"v" * 2_000) for i in range(60))),
        ("20.fields", "9113 §10.5.1", tuple(Literal(b"x-%d" % i, b"v") for i in range(3_000))),
        ("20.empty-values", "9113 §10.5.1", (Literal(b"x", b""),) * 3_000),
        ("20.references", "9113 §10.5.1", (incremental(b"x", b"v" * 3_000), *(Indexed(62),) * 1_000)),
        ("07.huffman", "7541 §7.4", (Literal(b"x-kit", b"0" * 24_000, huffman=True),) * 8),
        *((("20.cookies", "9113 §8.2.3", (Literal(32, b"a=b"),) * 2_000),) if role is Role.SERVER else ()),
    )
    for name, clause, block in sections:
        sent = send(*_in_frames(role, (*block, ENTRY)))
        case = _case(f"HPK-{name}", role, clause, reason, (*before_head(role), sent, Finish(begun(0))), allowed)
        yield replace(case, level=Level.SHOULD)
        text = "A block that is too large is decoded to its end all the same, or the connection ends."
        steps = (*before_head(role), sent, Barrier(), *following(role, Indexed(62)))
        yield _case(f"HPK-18.{name.partition('.')[2]}", role, "9113 §4.3", text, steps, allowed)


def _in_frames(role: Role, block: Block) -> tuple[Spec, ...]:
    """A message with a large block, in as few frames as it takes."""
    return (FieldBlock(head_stream(role), (*head(role), *block), tuple(range(16_384, 16_384 * 12, 16_384))),)


def cases() -> list[Case]:
    """This part of the group."""
    return [case for role in Role for part in (_fragments, _discarded, _large) for case in part(role)]
