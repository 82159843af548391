"""A field block, instruction by instruction, as a reader of RFC 7541 would go through it with a pencil.

`steps` runs the decoder's own `InstructionReader` over a block and looks at the table before and after each
instruction; what is valid, and what an octet means, is decided there and nowhere else.
"""

from collections.abc import Iterator
from typing import NamedTuple

from hpack_codec.decoder import InstructionReader
from hpack_codec.fields import FIELD_OVERHEAD_BYTES, Field
from hpack_codec.integers import decode_integer
from hpack_codec.representations import (
    INCREMENTAL,
    INDEXED,
    NEVER_INDEXED,
    SIZE_UPDATE,
    Representation,
    representation_of,
)
from hpack_codec.static_table import STATIC_ENTRIES

_OCTETS_PER_LINE = 16


class Step(NamedTuple):
    """One executed instruction: its octets at `offset`, and the dynamic table, newest entry first."""

    offset: int
    octets: bytes
    representation: Representation
    number: int
    """The integer at its start: an index, the index of a name or 0, or a size in bytes."""
    field: Field | None
    """What it adds to the field list; None for a size update."""
    before: list[Field]
    after: list[Field]


def steps(reader: InstructionReader, block: bytes) -> Iterator[Step]:
    """Executes `block`, yielding each instruction once it is done. Raises `HpackError` at one that is not valid."""
    offset = updates = 0
    fields_began = False
    while offset < len(block):
        before = reader.table.snapshot()
        representation = representation_of(block[offset])
        field: Field | None = None
        if representation is SIZE_UPDATE and not fields_began:
            end = reader.size_update_at(block, offset, updates)
            updates += 1
        else:
            if not fields_began:
                reader.end_size_updates(offset)
                fields_began = True
            field, end = reader.field_at(block, offset)
        number, _ = decode_integer(block, offset, representation.prefix_bits)
        yield Step(offset, block[offset:end], representation, number, field, before, reader.table.snapshot())
        offset = end
    if not fields_began:
        reader.end_size_updates(offset)


def describe(step: Step) -> str:
    """The step in a few lines of text, ending in a newline."""
    representation = step.representation
    lines = [f"octet {step.offset}: {representation.title} ({representation.rule})"]
    for begin in range(0, len(step.octets), _OCTETS_PER_LINE):
        lines.append(f"    {step.octets[begin : begin + _OCTETS_PER_LINE].hex(' ')}")
    lines.append(f"    {_pattern(step)}")
    lines.extend(f"    {line}" for line in _meaning(step))
    if step.before == step.after and step.representation is not INCREMENTAL:
        lines.append(f"    table: {_size(step.after)}, unchanged")
    else:
        lines.append(f"    table before: {_size(step.before)}")
        lines.extend(_entries(step.before))
        lines.append(f"    table after: {_size(step.after)}")
        lines.extend(_entries(step.after))
    return "\n".join(lines) + "\n"


def _pattern(step: Step) -> str:
    """The first octet in bits: those that name the representation, then the prefix of the integer."""
    bits = f"{step.octets[0]:08b}"
    split = 8 - step.representation.prefix_bits
    more = ", continued" if set(bits[split:]) == {"1"} else ""
    return f"bits {bits[:split]} {bits[split:]}: prefix of {8 - split} bits{more}, value {step.number}"


def _meaning(step: Step) -> list[str]:
    if step.field is None:
        return [f"maximum size of the dynamic table becomes {step.number} bytes"]
    name, value = step.field
    where = "static" if step.number <= STATIC_ENTRIES else "dynamic"
    if step.representation is INDEXED:
        return [f"field {step.number} of the {where} table", f"=> {_text(step.field)}"]
    source = f"index {step.number} of the {where} table" if step.number else f"literal of {len(name)} bytes"
    lines = [f"name from {source}, value a literal of {len(value)} bytes", f"=> {_text(step.field)}"]
    if step.representation is NEVER_INDEXED:
        lines.append("no intermediary may ever enter it into a table")
    if step.representation is INCREMENTAL and step.field not in step.after[:1]:
        lines.append("larger than the table: which is now empty, and that is no error (§4.4)")
    return lines


def _entries(table: list[Field]) -> list[str]:
    return [f"        [{index}] {_text(field)}" for index, field in enumerate(table, STATIC_ENTRIES + 1)]


def _size(table: list[Field]) -> str:
    size_bytes = sum(len(name) + len(value) + FIELD_OVERHEAD_BYTES for name, value in table)
    return f"{len(table)} {'entry' if len(table) == 1 else 'entries'}, {size_bytes} bytes"


def _text(field: Field) -> str:
    """A field as text in which every octet that is not printable ASCII, a terminal's escape say, is spelt out."""
    name, value = (repr(octets)[2:-1] for octets in field)
    return f"{name}: {value}"
