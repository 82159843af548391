"""Encoding field lists (RFC 7541 §6), and what to keep out of the table (§7.1).

For each field, the first of these that applies:

    it is in a table                                  indexed                     one or two octets
    it is a secret                                    literal, never indexed      §7.1.3
    its value will not come again, or has no room     literal without indexing
    otherwise                                         literal, and a new entry    indexed from now on

*A secret* is a `NeverIndexedField`, or has a name in `never_indexed_names`, or is a short cookie: whoever
can add fields to a connection and see sizes could guess it one attempt at a time, and a short one within few.

*Will not come again* is known of some names (`VARYING_NAMES`). Of others it is learnt: after four entries
under one name of which none was used again, a value is only entered when it is the same as that name's last.
A trace id therefore stops flushing the table after four requests, while a token that is renewed each hour
costs one literal more.

*Has no room* a field that would fill a large part of the table, and one that stands so far behind in its list
that the table cannot hold all that are before it too: it would push out the first, these the next, and so on with
every list, so that all of a hundred fields that repeat would be literals for ever, and not the last twenty.
"""

from collections.abc import Iterable
from functools import lru_cache

from hpack_codec.block_cache import BlockCache
from hpack_codec.dynamic_table import TABLE_BYTES_DEFAULT, SearchableDynamicTable
from hpack_codec.fields import FIELD_OVERHEAD_BYTES, Field, FieldList, NeverIndexedField
from hpack_codec.integers import INTEGER_MAX, encode_integer
from hpack_codec.representations import (
    INCREMENTAL,
    INDEXED,
    NEVER_INDEXED,
    SIZE_UPDATE,
    WITHOUT_INDEXING,
    Representation,
)
from hpack_codec.static_table import STATIC_ENTRIES, STATIC_INDEX_OF_FIELD, STATIC_INDEX_OF_NAME
from hpack_codec.strings import encode_name, encode_string

NEVER_INDEXED_NAMES = frozenset((b"authorization", b"proxy-authorization", b"set-cookie"))
"""Fields that carry credentials by definition (RFC 7541 §7.1.3)."""

COOKIE_BYTES_MIN = 20
"""A shorter cookie does not hold enough entropy to be safe from guessing in a table (RFC 7541 §7.1.3)."""

VARYING_NAMES = frozenset(
    (
        b"age",
        b"content-length",
        b"content-range",
        b"date",
        b"etag",
        b"expires",
        b"grpc-timeout",
        b"if-modified-since",
        b"if-none-match",
        b"if-unmodified-since",
        b"last-modified",
        b"location",
        b"range",
        b"retry-after",
    )
)
"""Fields whose value belongs to one message or one resource: an entry would push out one that is used."""

ENTRY_SHARE_MAX = 4
"""An entry may take up to one in so many of the table's bytes; a larger one would empty most of it."""

FRUITLESS_ENTRIES_MAX = 4
"""Entries under one name that may go unused before the name must prove that its values repeat."""

SHORT_LIST_FIELDS = 32
"""A list that is not longer seldom fills the table, and is not measured."""

TRACKED_NAMES_MAX = 128
"""Names whose history is kept: the table of 4,096 bytes holds no more; beyond it, history starts anew."""

_INDEXED_STATIC = {field: encode_integer(index, 7, INDEXED.pattern) for field, index in STATIC_INDEX_OF_FIELD.items()}


@lru_cache(maxsize=16)
def _representation_by_name(never_indexed_names: frozenset[bytes]) -> dict[bytes, Representation]:
    """What the name alone decides; shared by the encoders of a process, which seldom differ in it."""
    return dict.fromkeys(VARYING_NAMES, WITHOUT_INDEXING) | dict.fromkeys(never_indexed_names, NEVER_INDEXED)


class Encoder:
    """Encodes the blocks of one direction of one connection, in the order in which they are sent.

    `table_bytes_max` is this end's own cap on the table, whatever the peer allows. A block must be sent once
    it is encoded: the peer's table follows it. `generation` changes whenever the dynamic table does.
    """

    __slots__ = (
        "_bytes_cap",
        "_bytes_smallest",
        "_bytes_target",
        "_cache",
        "_fruitless",
        "_known",
        "_last_value",
        "_on_probation",
        "_peer_bytes_max",
        "_representation_by_name",
        "_table",
        "generation",
    )

    def __init__(
        self,
        *,
        table_bytes_max: int = TABLE_BYTES_DEFAULT,
        never_indexed_names: frozenset[bytes] = NEVER_INDEXED_NAMES,
    ) -> None:
        if not 0 <= table_bytes_max <= INTEGER_MAX:
            raise ValueError(f"table_bytes_max is {table_bytes_max}, allowed 0 to {INTEGER_MAX}")
        self._representation_by_name = _representation_by_name(never_indexed_names)
        self._table = SearchableDynamicTable()
        self._cache: BlockCache[FieldList, bytes] = BlockCache()
        self._known = self._cache.values
        self._fruitless: dict[bytes, int] = {}
        self._last_value: dict[bytes, bytes] | None = None  # of names that have had their fruitless entries
        self._bytes_cap = table_bytes_max
        self._peer_bytes_max = TABLE_BYTES_DEFAULT
        self._bytes_target = TABLE_BYTES_DEFAULT
        self._bytes_smallest: int | None = None  # Not None: a size update is due, and this comes first.
        self._on_probation = False  # The block holds a value that would be entered if it came again.
        self.generation = 0
        if table_bytes_max < TABLE_BYTES_DEFAULT:
            self.set_table_bytes_max(TABLE_BYTES_DEFAULT)

    def set_table_bytes_max(self, size: int) -> None:
        """The peer's SETTINGS_HEADER_TABLE_SIZE; the next block announces what this end makes of it.

        Of several changes between two blocks, the smallest is announced and then the last (§4.2). A reduction
        is always announced, even to a size above this end's own cap: RFC 9113 §4.3.1 lets a peer insist.
        Raises ValueError when `size` is not a setting's value.
        """
        if not 0 <= size <= INTEGER_MAX:
            raise ValueError(f"SETTINGS_HEADER_TABLE_SIZE is {size}, allowed 0 to {INTEGER_MAX}")
        target = min(size, self._bytes_cap)
        if size < self._peer_bytes_max or target != self._bytes_target:
            smallest = self._bytes_smallest
            self._bytes_smallest = target if smallest is None else min(smallest, target)
            self._cache.clear()
        self._peer_bytes_max = size
        self._bytes_target = target

    def encode(self, fields: Iterable[Field]) -> bytes:
        """The field block for `fields`, in their order. A tuple that was encoded before is looked up."""
        if type(fields) is not tuple:
            fields = tuple(fields)
        block = self._known.get(fields)
        if block is not None:
            return block
        table = self._table
        unchanged = self._bytes_smallest is None
        self._on_probation = False
        try:
            block = self._compose(fields)
        except BaseException:
            # Entries of a block that is never sent are unknown to the peer: have both ends forget everything.
            self._bytes_smallest = 0
            self._cache.clear()
            raise
        if unchanged and table.generation == self.generation:
            if not self._on_probation:
                list_bytes = sum([len(name) + len(value) + FIELD_OVERHEAD_BYTES for name, value in fields])
                self._cache.store(fields, block, len(block) + list_bytes)
        else:
            self.generation = table.generation
            self._cache.clear()
        return block

    def _compose(self, fields: FieldList) -> bytes:
        table = self._table
        number_of_field = table.number_of_field
        octets = bytearray()
        if self._bytes_smallest is not None:
            octets += self._size_updates(self._bytes_smallest)
        fitting = len(fields)
        if fitting > SHORT_LIST_FIELDS:
            fitting = self._fitting(fields)
        position = 0  # counted by hand: what enumerate gives, mypyc makes plain tuples of
        for field in fields:
            indexed = _INDEXED_STATIC.get(field)
            if indexed is not None:
                octets += indexed
            elif (number := number_of_field.get(field)) is not None:
                octets += encode_integer(STATIC_ENTRIES + table.inserted - number, 7, INDEXED.pattern)
                self._fruitless.pop(field[0], None)
            else:
                octets += self._literal(field, position < fitting)
            position += 1  # noqa: SIM113
        return bytes(octets)

    def _fitting(self, fields: FieldList) -> int:
        """How many of `fields`, from the first on, the table holds at once."""
        room_bytes = self._table.bytes_max
        for count, (name, value) in enumerate(fields):
            room_bytes -= len(name) + len(value) + FIELD_OVERHEAD_BYTES
            if room_bytes < 0:
                return count
        return len(fields)

    def _literal(self, field: Field, fits: bool) -> bytes:
        """A literal representation of `field`, which is in no table; it `fits` unless its list is longer than that."""
        name, value = field
        table = self._table
        if type(field) is NeverIndexedField:
            representation = NEVER_INDEXED
        else:
            representation = self._representation_by_name.get(name) or self._representation_by_value(name, value, fits)
        index = STATIC_INDEX_OF_NAME.get(name)
        if index is None:
            number = table.number_of_name.get(name)
            index = 0 if number is None else STATIC_ENTRIES + table.inserted - number
        start = encode_integer(index, representation.prefix_bits, representation.pattern)
        if index == 0:
            start += encode_name(name)
        if representation is INCREMENTAL:
            table.insert(field)
        return start + encode_string(value)

    def _representation_by_value(self, name: bytes, value: bytes, fits: bool) -> Representation:
        if name == b"cookie" and len(value) < COOKIE_BYTES_MIN:
            return NEVER_INDEXED
        size_bytes = len(name) + len(value) + FIELD_OVERHEAD_BYTES
        if size_bytes * ENTRY_SHARE_MAX > self._table.bytes_max or not fits:
            return WITHOUT_INDEXING
        fruitless = self._fruitless.get(name, 0)
        if fruitless >= FRUITLESS_ENTRIES_MAX:
            if self._last_value is None:
                self._last_value = {}
            repeats = self._last_value.get(name) == value
            self._last_value[name] = value
            if repeats:
                return INCREMENTAL
            self._on_probation = True
            return WITHOUT_INDEXING
        if len(self._fruitless) >= TRACKED_NAMES_MAX:
            self._fruitless.clear()
            self._last_value = None
        self._fruitless[name] = fruitless + 1
        return INCREMENTAL

    def _size_updates(self, smallest: int) -> bytes:
        """The size updates that are due (§4.2), executed on this end's table."""
        octets = b""
        for size in sorted({smallest, self._bytes_target}):
            octets += encode_integer(size, SIZE_UPDATE.prefix_bits, SIZE_UPDATE.pattern)
            self._table.resize(size)
        self._bytes_smallest = None
        return octets
