import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpack_codec.errors import HpackError
from hpack_codec.huffman import huffman_encode
from hpack_codec.integers import encode_integer
from hpack_codec.strings import REMEMBERED_BYTES_MAX, _remembered_name, decode_string, encode_string


@given(st.binary(max_size=300), st.binary(max_size=3), st.binary(max_size=3))
def test_round_trip_whole_truncated_and_with_trailing_data(text: bytes, before: bytes, after: bytes) -> None:
    raw = encode_integer(len(text), 7) + text
    coded = huffman_encode(text)
    huffman = encode_integer(len(coded), 7, 0x80) + coded
    assert encode_string(text) == min(raw, huffman, key=len)
    for literal in (raw, huffman):
        end = len(before) + len(literal)
        assert decode_string(before + literal + after, len(before), len(text)) == (text, end)
        for cut in range(len(before), end):
            with pytest.raises(HpackError, match=r"the block ends|are left in the block") as caught:
                decode_string((before + literal)[:cut], len(before), len(text))
            assert caught.value.offset == len(before)


def test_hpk_05_a_length_beyond_the_block_is_refused_before_anything_is_copied() -> None:
    announced = encode_integer(2**32 - 1, 7)
    with pytest.raises(HpackError, match=r"string of 4294967295 octets, 2 are left .*octet 0; RFC 7541 §5.2"):
        decode_string(announced + b"ab", 0, 2**32 - 1)


@pytest.mark.parametrize("text", [b"0" * 101, b"\x00" * 101])
def test_hpk_07_a_string_over_the_limit_is_refused_in_either_coding(text: bytes) -> None:
    coded = huffman_encode(text)
    for literal in (encode_integer(101, 7) + text, encode_integer(len(coded), 7, 0x80) + coded):
        with pytest.raises(HpackError, match="100"):
            decode_string(literal, 0, 100)
        assert decode_string(literal, 0, 101) == (text, len(literal))


@given(st.binary(max_size=100), st.integers(0, 3))
def test_a_name_is_the_same_when_it_is_remembered(name: bytes, begin: int) -> None:
    coded = huffman_encode(name)
    block = bytes(begin) + encode_integer(len(coded), 7, 0x80) + coded
    assert decode_string(block, begin, len(name), True) == (name, len(block))
    assert decode_string(block, begin, len(name), True) == (name, len(block))
    if name:
        with pytest.raises(HpackError, match="more than") as caught:
            decode_string(block, begin, len(name) - 1, True)
        assert caught.value.offset == begin, "a smaller limit holds, and the place is this block's"


def test_only_short_names_are_remembered() -> None:
    coded = huffman_encode(b"a" * 200)
    before = _remembered_name.cache_info().currsize
    assert len(coded) > REMEMBERED_BYTES_MAX
    assert decode_string(encode_integer(len(coded), 7, 0x80) + coded, 0, 1000, True)[0] == b"a" * 200
    assert _remembered_name.cache_info().currsize == before
