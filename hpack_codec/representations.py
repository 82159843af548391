"""How an instruction of a field block begins (RFC 7541 §6): the first octet's high bits name it.

1.......  §6.1    indexed field                          index on 7 bits
01......  §6.2.1  literal with incremental indexing      index of the name on 6 bits, or 0 and a string
001.....  §6.3    dynamic table size update              size on 5 bits
0001....  §6.2.3  literal never indexed                  index of the name on 4 bits, or 0 and a string
0000....  §6.2.2  literal without indexing               index of the name on 4 bits, or 0 and a string
"""

from typing import NamedTuple


class Representation(NamedTuple):
    """`pattern` is the first octet with the low `prefix_bits`, the prefix of an integer, all zero."""

    pattern: int
    prefix_bits: int
    rule: str
    title: str


INDEXED = Representation(0x80, 7, "RFC 7541 §6.1", "indexed field")
INCREMENTAL = Representation(0x40, 6, "RFC 7541 §6.2.1", "literal with incremental indexing")
SIZE_UPDATE = Representation(0x20, 5, "RFC 7541 §6.3", "dynamic table size update")
NEVER_INDEXED = Representation(0x10, 4, "RFC 7541 §6.2.3", "literal never indexed")
WITHOUT_INDEXING = Representation(0x00, 4, "RFC 7541 §6.2.2", "literal without indexing")

_DOWNWARDS = (INDEXED, INCREMENTAL, SIZE_UPDATE, NEVER_INDEXED, WITHOUT_INDEXING)


def representation_of(octet: int) -> Representation:
    """The representation that begins with `octet` (0 to 255)."""
    return next(representation for representation in _DOWNWARDS if octet >= representation.pattern)
