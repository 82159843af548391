"""The Huffman code (RFC 7541 Appendix B), as the lengths of its 257 codes.

The code is canonical: codes of one length are consecutive numbers in the order of their symbols, and the
first of a length continues after the last of the shorter ones. The lengths therefore are the whole table;
`CODES` is computed from them and equals the RFC's second column, written as text: `"11111000"` for `"&"`.
"""

EOS = 256
"""The end-of-string symbol: thirty ones, never sent, whose beginning serves as padding (§5.2)."""

# One row for sixteen symbols: row 2 begins with the space, row 3 with "0", row 4 with "@".
CODE_LENGTHS_BITS = (
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
     6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,
     5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
    13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
     7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
    15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,
     6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
)  # fmt: skip


def canonical_codes(lengths_bits: tuple[int, ...]) -> list[str]:
    """The canonical code with these lengths: for each symbol its code, as a text of "0" and "1"."""
    codes = [""] * len(lengths_bits)
    code = length = 0
    for next_length, symbol in sorted((length, symbol) for symbol, length in enumerate(lengths_bits)):
        code <<= next_length - length
        length = next_length
        codes[symbol] = f"{code:0{length}b}"
        code += 1
    return codes


CODES = canonical_codes(CODE_LENGTHS_BITS)
