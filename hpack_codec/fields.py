"""Fields and field lists (RFC 7541 §1.3): ordered name-value pairs of octets.

A field is a plain tuple. The one thing a tuple cannot say is that its value is a secret which no table may
ever hold, on this hop or on the next (§6.2.3, §7.1.3); `NeverIndexedField` says it, survives decoding, and
is encoded as it came, which is what an intermediary owes its neighbours.
"""

FIELD_OVERHEAD_BYTES = 32
"""Added to the octets of name and value to give the size of a field, in a table (RFC 7541 §4.1) and in a
list (RFC 9113 §6.5.2)."""


class NeverIndexedField(tuple[bytes, bytes]):
    """A field whose literal must never be indexed (RFC 7541 §6.2.3); unpacks like any other field.

    It equals, and hashes as, only its own kind: a cache or a table keyed by fields can therefore never serve
    an indexed representation for it.
    """

    __slots__ = ()

    def __new__(cls, name: bytes, value: bytes) -> "NeverIndexedField":
        return super().__new__(cls, (name, value))

    def __getnewargs__(self) -> tuple[bytes, bytes]:  # What copying and pickling construct it from.
        return (self[0], self[1])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NeverIndexedField) and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return ~tuple.__hash__(self)

    def __repr__(self) -> str:
        return f"NeverIndexedField({self[0]!r}, {self[1]!r})"


Field = tuple[bytes, bytes] | NeverIndexedField
"""Name and value. That a `NeverIndexedField` is a tuple as well, every reader knows but mypyc: said so, it keeps the
object instead of the two values."""

FieldList = tuple[Field, ...]
