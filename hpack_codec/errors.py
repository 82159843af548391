"""What can be wrong with a field block, and what it costs.

The type is the scope. A block that cannot be decoded leaves the two dynamic tables out of step, so every
later block on the connection would be read wrongly: `HpackError`, and the connection must end (RFC 9113
§4.3, COMPRESSION_ERROR). A block that was decoded, but into more than its reader is willing to keep, costs
one message only: `FieldListTooLarge` (RFC 9113 §10.5.1).
"""

from typing import ClassVar


class HpackError(Exception):
    """The block cannot be decoded; the decoder's state is lost and the connection must end.

    `rule` is the section that was broken (`"RFC 7541 §6.1"`), `offset` the octet of the block at which the
    offending item begins. The message says what came, where, and what was allowed.
    """

    def __init__(self, message: str, *, rule: str, offset: int) -> None:
        super().__init__(f"{message} (octet {offset}; {rule})")
        self.rule = rule
        self.offset = offset


class FieldListTooLarge(Exception):
    """The list is larger than the decoder may return; the dynamic table is in step, the connection may go on.

    `size_bytes` (name + value + 32 for each field, RFC 9113 §6.5.2) and `field_count` describe the whole
    list, `limit` says in words which limit it passed.
    """

    rule: ClassVar[str] = "RFC 9113 §10.5.1"

    def __init__(self, *, size_bytes: int, field_count: int, limit: str) -> None:
        super().__init__(f"field list of {size_bytes} bytes in {field_count} fields, allowed {limit} ({self.rule})")
        self.size_bytes = size_bytes
        self.field_count = field_count
        self.limit = limit
