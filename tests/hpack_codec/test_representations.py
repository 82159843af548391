import pytest

from hpack_codec.representations import (
    INCREMENTAL,
    INDEXED,
    NEVER_INDEXED,
    SIZE_UPDATE,
    WITHOUT_INDEXING,
    Representation,
    representation_of,
)

RANGES = [
    (0x00, 0x0F, WITHOUT_INDEXING),
    (0x10, 0x1F, NEVER_INDEXED),
    (0x20, 0x3F, SIZE_UPDATE),
    (0x40, 0x7F, INCREMENTAL),
    (0x80, 0xFF, INDEXED),
]


@pytest.mark.parametrize(("first", "last", "representation"), RANGES)
def test_every_first_octet(first: int, last: int, representation: Representation) -> None:
    assert {representation_of(octet) for octet in range(first, last + 1)} == {representation}
    assert last - first + 1 == 1 << representation.prefix_bits
