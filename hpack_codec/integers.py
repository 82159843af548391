"""Integer representation (RFC 7541 §5.1).

An integer starts in the low N bits of an octet whose high bits say what it is for:

      0   1   2   3   4   5   6   7
    +---+---+---+-------------------+
    | ? | ? | ? |  value < 2^N - 1  |       the whole integer, or
    +---+---+---+-------------------+
    | ? | ? | ? | 1   1   1   1   1 |       2^N - 1, and the rest follows,
    +---+---------------------------+
    | 1 |   seven bits              |       least significant group first,
    +---+---------------------------+
    | 0 |   last seven bits         |       ended by a clear top bit.
    +---+---------------------------+

The format sets no bound, and §5.1 requires each reader to set its own ("Integer encodings that exceed
implementation limits -- in value or octet length -- MUST be treated as decoding errors"): here five further
octets and 2^32 - 1, which is the largest setting an HTTP/2 peer can announce. Decoding is therefore
constant time, whatever the peer sends.
"""

from hpack_codec.errors import HpackError

INTEGER_MAX = 2**32 - 1
CONTINUATION_OCTETS_MAX = 5

_RULE = "RFC 7541 §5.1"
_ONE_OCTET = [bytes((octet,)) for octet in range(256)]


def decode_integer(block: bytes, offset: int, prefix_bits: int) -> tuple[int, int]:
    """The integer whose prefix is the low `prefix_bits` (1 to 8) of `block[offset]`, and the offset after it.

    Raises `HpackError` when the block ends before the integer does, or when it passes the limits above.
    """
    if offset >= len(block):
        raise HpackError("the block ends where an integer should begin", rule=_RULE, offset=offset)
    prefix_max = (1 << prefix_bits) - 1
    value = block[offset] & prefix_max
    if value < prefix_max:
        return value, offset + 1
    shift = 0
    continuation = block[offset + 1 : offset + 1 + CONTINUATION_OCTETS_MAX]
    for position, octet in enumerate(continuation, offset + 2):
        value += (octet & 0x7F) << shift
        if octet < 0x80:
            if value > INTEGER_MAX:
                raise HpackError(f"integer {value}, allowed up to {INTEGER_MAX}", rule=_RULE, offset=offset)
            return value, position
        shift += 7
    if len(continuation) == CONTINUATION_OCTETS_MAX:
        raise HpackError(
            f"integer goes on after {CONTINUATION_OCTETS_MAX} continuation octets", rule=_RULE, offset=offset
        )
    raise HpackError("the block ends inside an integer", rule=_RULE, offset=offset)


def encode_integer(value: int, prefix_bits: int, pattern: int = 0) -> bytes:
    """`value` (0 to `INTEGER_MAX`) on a prefix of `prefix_bits` (1 to 8), under the high bits of `pattern`."""
    prefix_max = (1 << prefix_bits) - 1
    if value < prefix_max:
        return _ONE_OCTET[pattern | value]
    octets = bytearray((pattern | prefix_max,))
    value -= prefix_max
    while value > 0x7F:
        octets.append(0x80 | (value & 0x7F))
        value >>= 7
    octets.append(value)
    return bytes(octets)
