"""HPACK: header compression for HTTP/2 (RFC 7541), without I/O.

    where                  what                                             RFC 7541
    fields                 Field, FieldList, NeverIndexedField              §1.3, §6.2.3
    static_table           the sixty-one fields known from the start        §2.3.1, App. A
    dynamic_table          insertion, eviction, lookup, size                §2.3.2, §2.3.3, §4
    integers               integer representation                           §5.1
    strings                string literals                                  §5.2
    huffman                the Huffman code, both ways                      §5.2
    huffman_codes          the code itself                                  App. B
    representations        the first octets of the instructions             §6
    decoder                field block -> field list                        §3, §6
    encoder                field list -> field block; what to keep secret   §6, §7.1
    block_cache            remembering blocks that repeat                   (not in the RFC)
    explain, __main__      python -m hpack_codec explain HEX
    errors                 HpackError, FieldListTooLarge

One `Encoder` serves what a connection sends and one `Decoder` what it receives, each in the order on the wire.
"""

from hpack_codec import decoder as _decoder
from hpack_codec.decoder import Decoder, FieldDecoder, field_decoder
from hpack_codec.encoder import Encoder
from hpack_codec.errors import FieldListTooLarge, HpackError
from hpack_codec.fields import Field, FieldList, NeverIndexedField

__all__ = [
    "IS_COMPILED",
    "Decoder",
    "Encoder",
    "Field",
    "FieldDecoder",
    "FieldList",
    "FieldListTooLarge",
    "HpackError",
    "NeverIndexedField",
    "field_decoder",
]

IS_COMPILED = not _decoder.__file__.endswith((".py", ".pyc"))
"""Whether this is the optional build by mypyc (docs/compiled.md) and not pure Python."""
