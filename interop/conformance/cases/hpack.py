"""HPK: field compression (RFC 9113 §4.3, RFC 7541)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from http2.errors import ErrorCode
from http2.settings import Setting
from interop.conformance.model import (
    Await,
    Behaviour,
    Case,
    Finish,
    H2spec,
    Level,
    Role,
    Step,
    What,
    connection_error,
    send,
    works,
)
from interop.conformance.phrases import EXCHANGE, before_head, head, head_stream
from interop.conformance.script import (
    FieldBlock,
    Indexed,
    Instruction,
    Literal,
    Octets,
    SizeUpdate,
    headers,
    incremental,
    settings,
)

COMPRESSION = connection_error(ErrorCode.COMPRESSION_ERROR)
TABLE_SIZE = int(Setting.HEADER_TABLE_SIZE)


def _with(role: Role, *block: Instruction) -> tuple[Step, ...]:
    """A message with these instructions behind its pseudo-header fields."""
    return (*before_head(role), send(headers(head_stream(role), *head(role), *block)))


def _errors(role: Role) -> Iterator[Case]:
    """HPK-01, HPK-02, HPK-04 and HPK-05: blocks that cannot be decoded."""
    bad: tuple[tuple[str, str, str, Instruction, str], ...] = (
        ("HPK-01.empty-table", "2.3.3", "An index beyond both tables is an error.", Indexed(62), "2.3.3/1"),
        ("HPK-02.index-0", "6.1", "The index 0 is not used, and is an error.", Indexed(0), ""),
        ("HPK-02.name-index", "6.2.1", "So is a name beyond both tables.", Literal(70, b"v"), "2.3.3/2"),
        ("HPK-04.index", "5.1", "An integer that the block cuts off is an error.", Octets(b"\xff"), ""),
        ("HPK-04.name-length", "5.1", "So is a name whose length is cut off.", Octets(b"\x00\x7f"), ""),
        ("HPK-05.too-long", "5.2", "A string that is longer than the block is an error.", Octets(b"\x00\x0aabc"), ""),
    )
    for name, clause, reason, instruction, mark in bad:
        marks = (H2spec(f"hpack/{mark}"),) if mark else ()
        steps = _with(role, instruction)
        yield Case(name, role, Level.MUST, f"RFC 7541 §{clause}", reason, steps, COMPRESSION, h2spec=marks)


def _table(role: Role) -> Iterator[Case]:
    """HPK-08, HPK-10 and HPK-12: the dynamic table."""
    reason = "A dynamic table size update MUST occur at the beginning of the field block."
    steps = _with(role, SizeUpdate(100))
    yield Case("HPK-08.after-field", role, Level.MUST, "RFC 7541 §4.2", reason, steps, COMPRESSION)
    reason = "A field that was entered, even twice, is there under its index in the same block and in the next."
    twice = (incremental(b"x-kit", b"entered"), incremental(b"x-kit", b"entered"), Indexed(62), Indexed(63))
    steps = (*_with(role, *twice), Finish(), *_with(role, Indexed(62), Indexed(63)), Finish())
    yield Case("HPK-12.twice", role, Level.MUST, "RFC 7541 §2.3.2", reason, steps, works())
    reason = "After a reduced SETTINGS_HEADER_TABLE_SIZE was acknowledged, the next block begins with a size update."
    for size in (0, 100):
        steps = (*EXCHANGE, send(settings((TABLE_SIZE, size))), Await(What.SETTINGS_ACK), *EXCHANGE)
        yield Case(f"HPK-10.{size}", role, Level.MUST, "RFC 9113 §4.3.1", reason, steps, works())
    case = Case("HPK-10.from-the-start", role, Level.MUST, "RFC 9113 §4.3.1", reason, EXCHANGE, works())
    yield replace(case, behaviour=Behaviour(settings=((TABLE_SIZE, 0),)))


def _fragments(role: Role) -> Iterator[Case]:
    """HPK-16: a block is one, however it is cut."""
    reason = "Field block fragments are put together before they are decoded, wherever they were cut."
    for name, at in (("each-octet", tuple(range(1, 13))), ("empty", (0, 0, 5, 5)), ("inside-string", (7,))):
        block = FieldBlock(head_stream(role), head(role), at)
        steps: tuple[Step, ...] = (*before_head(role), send(block), Finish())
        yield Case(f"HPK-16.{name}", role, Level.MUST, "RFC 9113 §4.3", reason, steps, works())


def cases() -> list[Case]:
    """The group, as far as it goes."""
    return [case for role in Role for part in (_errors, _table, _fragments) for case in part(role)]
