"""Decoding field blocks (RFC 7541 §3, §6).

A block is a sequence of instructions, executed in order against the dynamic table:

    block = up to two size updates, then fields                                    §4.2, §3.2

`InstructionReader` executes one instruction; `Decoder` runs a block through it, keeps account of the list's
size, and remembers blocks that repeat (`block_cache`). `explain` runs the same reader more slowly.

Whatever happens to a list, its block is executed to the end: the table is shared with the peer's encoder,
and a field left out here would shift every index that comes after it.
"""

from collections.abc import Callable
from typing import Generic, TypeVar

from hpack_codec.block_cache import BlockCache
from hpack_codec.dynamic_table import TABLE_BYTES_DEFAULT, DynamicTable
from hpack_codec.errors import FieldListTooLarge, HpackError
from hpack_codec.fields import FIELD_OVERHEAD_BYTES, Field, FieldList, NeverIndexedField
from hpack_codec.integers import INTEGER_MAX, decode_integer
from hpack_codec.representations import SIZE_UPDATE, representation_of
from hpack_codec.static_table import STATIC_ENTRIES, STATIC_TABLE
from hpack_codec.strings import decode_string

T = TypeVar("T")

LIST_BYTES_MAX = 65536
"""A field list is held in memory for as long as its message; one octet of a block can stand for 4 KiB of it."""

FIELDS_MAX = 256
"""Each field costs its reader far more than its octets, so their number is bounded too (CVE-2026-49975)."""

STRING_BYTES_MAX = 65536
"""No string longer than a whole list is worth decoding; Huffman coding can expand a block by 8/5."""

SIZE_UPDATES_MAX = 2
"""The smallest maximum since the last block, and the last one: more can only be work for nothing (§4.2)."""


class InstructionReader:
    """Executes instructions one at a time against `table`, the decoder's dynamic table."""

    __slots__ = ("_reduced_to_bytes", "_table_bytes_limit", "string_bytes_max", "table")

    def __init__(self, *, table_bytes_max: int, string_bytes_max: int) -> None:
        self.table = DynamicTable(table_bytes_max)
        self.string_bytes_max = string_bytes_max
        self._table_bytes_limit = table_bytes_max
        self._reduced_to_bytes: int | None = None

    def set_table_bytes_max(self, size: int) -> None:
        """The peer acknowledged this SETTINGS_HEADER_TABLE_SIZE: see `Decoder.set_table_bytes_max`."""
        if not 0 <= size <= INTEGER_MAX:
            raise ValueError(f"table_bytes_max is {size}, allowed 0 to {INTEGER_MAX}")
        self._table_bytes_limit = size
        reduced_to = self.table.bytes_max if self._reduced_to_bytes is None else self._reduced_to_bytes
        if size < reduced_to:
            self._reduced_to_bytes = size

    def size_update_at(self, block: bytes, offset: int, updates_before: int) -> int:
        """Executes the size update at `offset`, the block having had `updates_before`; the offset after it."""
        size, end = decode_integer(block, offset, SIZE_UPDATE.prefix_bits)
        if updates_before >= SIZE_UPDATES_MAX:
            message = f"a block with more than {SIZE_UPDATES_MAX} size updates"
            raise HpackError(message, rule="RFC 7541 §4.2", offset=offset)
        if size > self._table_bytes_limit:
            message = f"size update to {size} bytes, allowed {self._table_bytes_limit}"
            raise HpackError(message, rule="RFC 7541 §6.3", offset=offset)
        if self._reduced_to_bytes is not None:
            if size > self._reduced_to_bytes:
                raise self._missing_update(f"a first size update to {size} bytes", offset)
            self._reduced_to_bytes = None
        self.table.resize(size)
        return end

    def end_size_updates(self, offset: int) -> None:
        """The block's fields begin at `offset`; a size update that was due must have come by now."""
        if self._reduced_to_bytes is not None:
            raise self._missing_update("a block without size update", offset)

    def _missing_update(self, what: str, offset: int) -> HpackError:
        message = f"{what} after the table was reduced to {self._reduced_to_bytes} bytes"
        return HpackError(message, rule="RFC 9113 §4.3.1", offset=offset)

    def field_at(self, block: bytes, offset: int) -> tuple[Field, int]:
        """Executes the field representation at `offset`; the field it stands for, and the offset after it.

        This is the hot path: an index that fits its prefix is read here, and a dynamic entry looked up here,
        without a call. Index 0 is in neither table, and so needs no rule of its own.
        """
        octet = block[offset]
        if octet >= 0x80:
            if octet < 0xFF:
                index = octet & 0x7F
                end = offset + 1
            else:
                index, end = decode_integer(block, offset, 7)
            if 0 < index <= STATIC_ENTRIES:
                return STATIC_TABLE[index], end
            entries = self.table.entries
            if index == 0 or index - STATIC_ENTRIES > len(entries):
                raise self._index_error(index, octet, offset)
            return entries[STATIC_ENTRIES - index], end

        if octet >= 0x40:
            prefix_max = 0x3F
        elif octet >= 0x20:
            raise HpackError("a size update after a field", rule="RFC 7541 §4.2", offset=offset)
        else:
            prefix_max = 0x0F
        index = octet & prefix_max
        if index == 0:
            name, end = decode_string(block, offset + 1, self.string_bytes_max, True)
        else:
            end = offset + 1
            if index == prefix_max:
                index, end = decode_integer(block, offset, 6 if octet >= 0x40 else 4)
            field = STATIC_TABLE[index] if index <= STATIC_ENTRIES else self.table.field_at(index)
            if field is None:
                raise self._index_error(index, octet, offset)
            name = field[0]
        value, end = decode_string(block, end, self.string_bytes_max)
        if octet >= 0x40:
            field = (name, value)
            self.table.insert(field)
            return field, end
        if octet >= 0x10:
            return NeverIndexedField(name, value), end
        return (name, value), end

    def _index_error(self, index: int, octet: int, offset: int) -> HpackError:
        last = STATIC_ENTRIES + len(self.table.entries)
        rule = representation_of(octet).rule
        return HpackError(f"index {index}, allowed 1 to {last}", rule=rule, offset=offset)


class Decoder(Generic[T]):
    """Decodes the blocks of one direction of one connection, in the order in which they arrive.

    `finish` turns a field list into what the caller wants of it (a check, a parsed request); it runs once for
    each distinct block for as long as the table stays the same. What it raises passes through `decode`; the
    table is in step all the same. A result of None is not remembered.

    `table_bytes_max` is the SETTINGS_HEADER_TABLE_SIZE the peer starts with, `list_bytes_max` and
    `fields_max` bound a list (over them: `FieldListTooLarge`), `string_bytes_max` one name or value (over it:
    `HpackError`, since the string is not even looked at). Limits out of range raise ValueError.

    `generation` changes whenever the dynamic table does.
    """

    __slots__ = ("_cache", "_fields_max", "_finish", "_known", "_list_bytes_max", "_reader", "generation")

    def __init__(
        self,
        finish: Callable[[FieldList], T],
        *,
        table_bytes_max: int = TABLE_BYTES_DEFAULT,
        list_bytes_max: int = LIST_BYTES_MAX,
        fields_max: int = FIELDS_MAX,
        string_bytes_max: int = STRING_BYTES_MAX,
    ) -> None:
        limits = (table_bytes_max, list_bytes_max, fields_max, string_bytes_max)
        if min(limits) < 0 or max(limits) > INTEGER_MAX:
            names = ("table_bytes_max", "list_bytes_max", "fields_max", "string_bytes_max")
            wrong = ", ".join(f"{name} is {limit}" for name, limit in zip(names, limits, strict=True))
            raise ValueError(f"{wrong}; allowed is 0 to {INTEGER_MAX}")
        self._finish = finish
        self._list_bytes_max = list_bytes_max
        self._fields_max = fields_max
        self._reader = InstructionReader(table_bytes_max=table_bytes_max, string_bytes_max=string_bytes_max)
        self._cache: BlockCache[bytes, T] = BlockCache()
        self._known = self._cache.values
        self.generation = 0

    def decode(self, block: bytes) -> T:
        """`finish` of the field list that `block` (a whole field block) encodes.

        Raises `HpackError` when the block is not valid: the decoder must not be used again. Raises
        `FieldListTooLarge` when the list passes a limit: the decoder may be used on.
        """
        result = self._known.get(block)
        if result is not None:
            return result
        try:
            fields, size_bytes = self._execute(block)
        finally:
            unchanged = self.generation == self._reader.table.generation
            if not unchanged:
                self.generation = self._reader.table.generation
                self._cache.clear()
        result = self._finish(fields)
        if unchanged and result is not None:
            self._cache.store(block, result, len(block) + size_bytes)
        return result

    def set_table_bytes_max(self, size: int) -> None:
        """Our SETTINGS_HEADER_TABLE_SIZE, once the peer has acknowledged it.

        A size below the one in use must be answered by a size update at the start of the next block (RFC 9113
        §4.3.1); of several reductions the smallest counts (RFC 7541 §4.2). Raises ValueError out of range.
        """
        self._reader.set_table_bytes_max(size)
        self._cache.clear()

    def _execute(self, block: bytes) -> tuple[FieldList, int]:
        reader = self._reader
        end = len(block)
        offset = updates = 0
        while offset < end and block[offset] & 0xE0 == SIZE_UPDATE.pattern:
            offset = reader.size_update_at(block, offset, updates)
            updates += 1
        reader.end_size_updates(offset)

        field_at = reader.field_at
        list_bytes_max = self._list_bytes_max
        fields_max = self._fields_max
        fields: list[Field] = []
        size_bytes = 0
        while offset < end:
            field, offset = field_at(block, offset)
            fields.append(field)
            size_bytes += len(field[0]) + len(field[1]) + FIELD_OVERHEAD_BYTES
            if size_bytes > list_bytes_max or len(fields) > fields_max:
                raise self._drain(block, offset, size_bytes, len(fields))
        return tuple(fields), size_bytes

    def _drain(self, block: bytes, offset: int, size_bytes: int, count: int) -> FieldListTooLarge:
        """Executes the rest of a block whose list is over a limit, retaining nothing of it."""
        while offset < len(block):
            (name, value), offset = self._reader.field_at(block, offset)
            size_bytes += len(name) + len(value) + FIELD_OVERHEAD_BYTES
            count += 1
        limit = f"{self._list_bytes_max} bytes in {self._fields_max} fields"
        return FieldListTooLarge(size_bytes=size_bytes, field_count=count, limit=limit)


def _as_it_is(fields: FieldList) -> FieldList:
    return fields


def field_decoder(
    *,
    table_bytes_max: int = TABLE_BYTES_DEFAULT,
    list_bytes_max: int = LIST_BYTES_MAX,
    fields_max: int = FIELDS_MAX,
    string_bytes_max: int = STRING_BYTES_MAX,
) -> Decoder[FieldList]:
    """A decoder that returns the field lists themselves."""
    return Decoder(
        _as_it_is,
        table_bytes_max=table_bytes_max,
        list_bytes_max=list_bytes_max,
        fields_max=fields_max,
        string_bytes_max=string_bytes_max,
    )


FieldDecoder = Decoder[FieldList]
