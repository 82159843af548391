import tracemalloc

import pytest
from hpack.huffman_table import decode_huffman
from hypothesis import given
from hypothesis import strategies as st

from hpack_codec.errors import HpackError
from hpack_codec.huffman import huffman_decode, huffman_encode
from hpack_codec.huffman_codes import CODES, EOS

NO_LIMIT = 1 << 20


def octets_of(bits: str) -> bytes:
    """`bits`, which must be whole octets."""
    assert len(bits) % 8 == 0, "the test's own bits must fill their octets"
    return bytes(int(bits[begin : begin + 8], 2) for begin in range(0, len(bits), 8))


# RFC 7541 C.4 and C.6.
APPENDIX_C = {
    b"www.example.com": "f1e3c2e5f23a6ba0ab90f4ff",
    b"no-cache": "a8eb10649cbf",
    b"custom-key": "25a849e95ba97d7f",
    b"custom-value": "25a849e95bb8e8b4bf",
    b"302": "6402",
    b"private": "aec3771a4b",
    b"Mon, 21 Oct 2013 20:13:21 GMT": "d07abe941054d444a8200595040b8166e082a62d1bff",
    b"https://www.example.com": "9d29ad171863c78f0b97c8e9ae82ae43d3",
    b"307": "640eff",
    b"gzip": "9bd9ab",
}


@pytest.mark.parametrize(("text", "octets"), APPENDIX_C.items())
def test_strings_of_appendix_c(text: bytes, octets: str) -> None:
    assert huffman_encode(text).hex() == octets
    assert huffman_decode(bytes.fromhex(octets), NO_LIMIT) == text


@pytest.mark.parametrize("symbol", range(256))
def test_hpk_06_every_symbol_alone_and_repeated(symbol: int) -> None:
    for text in (bytes([symbol]), bytes([symbol]) * 9):
        octets = huffman_encode(text)
        assert huffman_decode(octets, NO_LIMIT) == text
        assert decode_huffman(octets) == text, "an independent decoder reads the same"


def test_hpk_06_an_empty_string_is_accepted() -> None:
    assert huffman_encode(b"") == b""
    assert huffman_decode(b"", NO_LIMIT) == b""


@pytest.mark.parametrize("symbols", range(8, 16))
def test_hpk_06_padding_of_up_to_seven_ones_is_accepted(symbols: int) -> None:
    code = CODES[ord("0")] * symbols  # Five bits each: every remainder by eight occurs.
    assert huffman_decode(octets_of(code + "1" * (-len(code) % 8)), NO_LIMIT) == b"0" * symbols


REJECTED = {
    "padding of eight ones alone": ("11111111", "padding of 8 bits"),
    "padding of eight ones after a symbol": (CODES[ord("&")] + "1" * 8, "padding of 8 bits"),
    "padding of fifteen ones": (CODES[ord("z")] + "1" * 9 + "1" * 8, "padding of 17 bits"),
    "padding of one zero": (CODES[ord("z")] + "0", "not the beginning of EOS"),
    "padding of three zeros": (CODES[ord("0")] + "000", "not the beginning of EOS"),
    "padding that ends in a zero": (CODES[ord("0")] + "110", "not the beginning of EOS"),
    "EOS at the end": (CODES[ord("0")] * 2 + CODES[EOS], "contains EOS"),
    "EOS in the middle": (CODES[EOS] + CODES[ord("0")] * 2, "contains EOS"),
    "EOS, then octets enough to leave any other state": (CODES[EOS] + "11" + CODES[ord("&")] * 9, "contains EOS"),
    "a code cut short": (CODES[0][:8] + "1" * 4 + "0" * 4, "not the beginning of EOS"),
}


@pytest.mark.parametrize(("bits", "reason"), REJECTED.values(), ids=REJECTED.keys())
def test_hpk_06_wrong_padding_and_eos_are_rejected(bits: str, reason: str) -> None:
    with pytest.raises(HpackError, match=reason) as caught:
        huffman_decode(octets_of(bits), NO_LIMIT, 17)
    assert caught.value.offset == 17
    assert caught.value.rule == "RFC 7541 §5.2"
    long = octets_of(CODES[ord("&")] * 40 + bits)
    with pytest.raises(HpackError, match=reason):  # The same verdict from the path that watches a limit.
        huffman_decode(long, 60)


@given(st.binary(max_size=60))
def test_random_octets_are_read_as_by_an_independent_decoder(octets: bytes) -> None:
    try:
        expected: bytes | None = decode_huffman(octets)
    except Exception:
        expected = None
    try:
        decoded: bytes | None = huffman_decode(octets, NO_LIMIT)
    except HpackError:
        decoded = None
    assert decoded == expected


@given(st.binary(max_size=200))
def test_round_trip_and_limit(text: bytes) -> None:
    octets = huffman_encode(text)
    assert huffman_decode(octets, len(text)) == text
    if text:
        with pytest.raises(HpackError, match=f"more than {len(text) - 1} bytes"):
            huffman_decode(octets, len(text) - 1)


def test_truncated_at_every_octet() -> None:
    text = b"Mon, 21 Oct 2013 20:13:21 GMT \x00\xff"
    octets = huffman_encode(text)
    for end in range(len(octets)):
        try:
            decoded = huffman_decode(octets[:end], NO_LIMIT)
        except HpackError:
            continue
        assert text.startswith(decoded), "what is accepted is a prefix that happens to end in valid padding"


def test_hpk_07_a_string_over_the_limit_is_refused_before_it_is_expanded() -> None:
    octets = huffman_encode(b"0" * 1_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(HpackError, match="more than 100 bytes"):
            huffman_decode(octets, 100)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 200_000, "the first rows of the automaton, perhaps; none of the million octets"
