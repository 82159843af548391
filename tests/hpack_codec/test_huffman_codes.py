from fractions import Fraction

import pytest
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from hpack_codec.huffman_codes import CODE_LENGTHS_BITS, CODES, EOS, canonical_codes

# Read from RFC 7541 Appendix B: the ends of each length, and what surrounds a change of length.
APPENDIX_B = {
    ord("0"): "00000",
    ord("t"): "01001",
    ord(" "): "010100",
    ord("u"): "101101",
    ord(":"): "1011100",
    ord("z"): "1111011",
    ord("&"): "11111000",
    ord("Z"): "11111101",
    ord("!"): "1111111000",
    0: "1111111111000",
    ord("\\"): "1111111111111110000",
    10: "111111111111111111111111111100",
    22: "111111111111111111111111111110",
    EOS: "1" * 30,
}


@pytest.mark.parametrize(("symbol", "code"), APPENDIX_B.items())
def test_codes_of_appendix_b(symbol: int, code: str) -> None:
    assert CODES[symbol] == code


def test_all_codes_equal_those_of_an_independent_table() -> None:
    independent = [f"{code:0{length}b}" for code, length in zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True)]
    assert independent == CODES


def test_the_code_is_complete() -> None:
    assert len(CODES) == 257
    assert sum(Fraction(1, 2**length) for length in CODE_LENGTHS_BITS) == 1, "Kraft's sum of a complete code"


def test_canonical_codes_of_a_small_alphabet() -> None:
    assert canonical_codes((2, 1, 3, 3)) == ["10", "0", "110", "111"]
