import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpack_codec.errors import HpackError
from hpack_codec.integers import CONTINUATION_OCTETS_MAX, INTEGER_MAX, decode_integer, encode_integer

# RFC 7541 C.1: value, bits of prefix, octets.
APPENDIX_C1 = [
    (10, 5, "0a"),
    (1337, 5, "1f9a0a"),
    (42, 8, "2a"),
]


@pytest.mark.parametrize(("value", "prefix_bits", "octets"), APPENDIX_C1)
def test_appendix_c1(value: int, prefix_bits: int, octets: str) -> None:
    assert encode_integer(value, prefix_bits).hex() == octets
    assert decode_integer(bytes.fromhex(octets), 0, prefix_bits) == (value, len(octets) // 2)


@given(st.integers(0, INTEGER_MAX), st.integers(1, 8), st.binary(max_size=3), st.binary(max_size=3))
def test_round_trip_whole_truncated_and_with_trailing_data(
    value: int, prefix_bits: int, before: bytes, after: bytes
) -> None:
    pattern = 0xFF & ~((1 << prefix_bits) - 1)  # All high bits set: they must not leak into the value.
    octets = encode_integer(value, prefix_bits, pattern)
    assert octets[0] & pattern == pattern
    assert decode_integer(before + octets + after, len(before), prefix_bits) == (value, len(before) + len(octets))
    for end in range(len(octets)):
        with pytest.raises(HpackError, match="the block ends") as caught:
            decode_integer(before + octets[:end], len(before), prefix_bits)
        assert caught.value.offset == len(before)
        assert caught.value.rule == "RFC 7541 §5.1"


def test_hpk_03_five_continuation_octets_that_fit_are_accepted() -> None:
    assert decode_integer(bytes.fromhex("ff8080808000"), 0, 7) == (127, 6)
    assert decode_integer(b"\x7f" + encode_integer(INTEGER_MAX, 7)[1:], 0, 7) == (INTEGER_MAX, 6)


@pytest.mark.parametrize("zeros", [CONTINUATION_OCTETS_MAX, 10, 100_000])
def test_hpk_03_a_longer_integer_is_refused_however_long(zeros: int) -> None:
    with pytest.raises(HpackError, match="5 continuation octets"):
        decode_integer(b"\x7f" + b"\x80" * zeros + b"\x00", 0, 7)


def test_hpk_03_a_value_over_the_limit_is_refused() -> None:
    with pytest.raises(HpackError, match=f"{INTEGER_MAX + 1}, allowed up to {INTEGER_MAX}"):
        decode_integer(encode_integer(INTEGER_MAX + 1, 7), 0, 7)
    with pytest.raises(HpackError, match="allowed up to"):
        decode_integer(bytes.fromhex("7fffffffff7f"), 0, 7)
