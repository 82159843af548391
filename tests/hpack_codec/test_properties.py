"""What holds for every input: round trips, hostile blocks, and agreement with an independent codec."""

import hpack
import pytest
from hpack.struct import NeverIndexedHeaderTuple
from hypothesis import given
from hypothesis import strategies as st

from hpack_codec import Encoder, Field, FieldList, FieldListTooLarge, HpackError, NeverIndexedField, field_decoder
from hpack_codec.integers import encode_integer
from hpack_codec.static_table import STATIC_TABLE

# Few names and values, so that lists repeat and tables are hit, beside arbitrary octets.
NAMES = st.one_of(
    st.sampled_from([b":path", b"cookie", b"date", b"authorization", b"x-trace", b"te"]), st.binary(max_size=20)
)
VALUES = st.one_of(st.sampled_from([b"", b"trailers", b"/", b"0", b"v" * 60]), st.binary(max_size=80))
PLAIN = st.one_of(st.sampled_from(STATIC_TABLE[1:]), st.tuples(NAMES, VALUES))
FIELDS = st.one_of(PLAIN, st.builds(NeverIndexedField, NAMES, VALUES))
LISTS: st.SearchStrategy[FieldList] = st.lists(FIELDS, max_size=8).map(tuple)
SIZES = st.sampled_from([0, 40, 100, 300, 4096, 10_000])
CONVERSATIONS = st.lists(st.one_of(LISTS, SIZES), max_size=15)


def plain(fields: FieldList) -> list[Field]:
    return [(name, value) for name, value in fields]


@given(CONVERSATIONS, st.sampled_from([64, 4096, 8192]))
def test_round_trip_through_any_changes_of_table_size(conversation: list[FieldList | int], cap: int) -> None:
    encoder, decoder = Encoder(table_bytes_max=cap), field_decoder()
    for item in conversation:
        if isinstance(item, int):
            encoder.set_table_bytes_max(item)
            decoder.set_table_bytes_max(item)
            continue
        for _ in range(2):  # The second time may come from the caches at both ends.
            decoded = decoder.decode(encoder.encode(item))
            assert plain(decoded) == plain(item)
            for sent, received in zip(item, decoded, strict=True):
                assert type(received) is NeverIndexedField or type(sent) is not NeverIndexedField


@given(CONVERSATIONS)
def test_our_blocks_mean_the_same_to_hpack(conversation: list[FieldList | int]) -> None:
    encoder, decoder = Encoder(), hpack.Decoder()
    for item in conversation:
        if isinstance(item, int):
            encoder.set_table_bytes_max(item)
            decoder.max_allowed_table_size = max(item, decoder.header_table_size)
            continue
        received = decoder.decode(encoder.encode(item), raw=True)
        assert [tuple(field) for field in received] == plain(item)
        for sent, field in zip(item, received, strict=True):
            assert isinstance(field, NeverIndexedHeaderTuple) or type(sent) is not NeverIndexedField


@given(st.lists(LISTS, max_size=10), st.booleans())
def test_hpacks_blocks_mean_the_same_to_us(lists: list[FieldList], huffman: bool) -> None:
    encoder, decoder = hpack.Encoder(), field_decoder()
    for fields in lists:
        sensitive = [(name, value, type(field) is NeverIndexedField) for field in fields for name, value in [field]]
        decoded = decoder.decode(encoder.encode(sensitive, huffman=huffman))
        assert plain(decoded) == plain(fields)


# Blocks that are nearly right find more than random octets do: instructions with arbitrary numbers and strings.
INTEGERS = st.one_of(st.integers(0, 70), st.integers(0, 2**33))
STRINGS = st.builds(
    lambda octets, flag, slip: encode_integer(max(0, len(octets) + slip), 7, flag) + octets,
    st.binary(max_size=12),
    st.sampled_from([0, 0x80]),
    st.sampled_from([0, 0, 0, 0, 1, -1]),
)
INSTRUCTIONS = st.one_of(
    st.builds(lambda index: encode_integer(index, 7, 0x80), INTEGERS),
    st.builds(lambda size: encode_integer(size, 5, 0x20), INTEGERS),
    st.builds(
        lambda pattern, name, value: bytes([pattern]) + name + value, st.sampled_from([0x40, 0x10, 0]), STRINGS, STRINGS
    ),
    st.binary(max_size=6),
)
BLOCKS = st.one_of(st.binary(max_size=60), st.lists(INSTRUCTIONS, max_size=8).map(b"".join))
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "table_bytes_max": st.sampled_from([0, 60, 4096]),
        "list_bytes_max": st.integers(0, 200),
        "fields_max": st.integers(0, 5),
        "string_bytes_max": st.integers(0, 20),
    },
)


@given(st.lists(BLOCKS, max_size=8), LIMITS)
def test_any_octets_decode_or_raise_one_of_two_errors(blocks: list[bytes], limits: dict[str, int]) -> None:
    decoder = field_decoder(**limits)
    for block in blocks:
        refusal = None
        try:
            decoder.decode(block)
        except FieldListTooLarge:
            continue
        except HpackError as error:
            refusal = error
        if refusal is not None:
            assert 0 <= refusal.offset <= len(block)
            assert refusal.rule.startswith("RFC ")
            return


@given(BLOCKS)
def test_what_we_accept_hpack_reads_alike(block: bytes) -> None:
    try:
        decoded = field_decoder().decode(block)
    except HpackError:
        return
    assert [tuple(field) for field in hpack.Decoder().decode(block, raw=True)] == plain(decoded)


@given(st.lists(BLOCKS, max_size=6), st.lists(st.integers(0, 5), max_size=30), LIMITS)
def test_the_cache_never_changes_a_result(blocks: list[bytes], order: list[int], limits: dict[str, int]) -> None:
    stream = [blocks[number] for number in order if number < len(blocks)]
    caching, plain_decoder = field_decoder(**limits), field_decoder(**limits)
    for block in stream:
        plain_decoder._cache.clear()  # This one always reads the octets.
        outcomes = []
        for decoder in (caching, plain_decoder):
            try:
                outcomes.append(repr(decoder.decode(block)))
            except (HpackError, FieldListTooLarge) as error:
                outcomes.append(repr(error))
        assert outcomes[0] == outcomes[1]
        assert caching.generation == plain_decoder.generation
        if "HpackError" in outcomes[0]:
            return


@given(st.lists(LISTS, min_size=1, max_size=6), st.integers(0, 4), st.integers(0, 400))
def test_hpk_17_over_limit_lists_keep_the_table_in_step(
    lists: list[FieldList], fields_max: int, list_bytes_max: int
) -> None:
    encoder = Encoder()
    strict = field_decoder(fields_max=fields_max, list_bytes_max=list_bytes_max)
    generous = field_decoder()
    for fields in lists:
        block = encoder.encode(fields)
        expected = generous.decode(block)
        size_bytes = sum(len(name) + len(value) + 32 for name, value in fields)
        if len(fields) <= fields_max and size_bytes <= list_bytes_max:
            assert strict.decode(block) == expected
        else:
            with pytest.raises(FieldListTooLarge) as caught:
                strict.decode(block)
            assert (caught.value.size_bytes, caught.value.field_count) == (size_bytes, len(fields))
        assert strict._reader.table.snapshot() == generous._reader.table.snapshot()
