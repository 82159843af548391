from collections.abc import Callable

import pytest

from hpack_codec import Decoder, FieldList, FieldListTooLarge, HpackError, NeverIndexedField, field_decoder
from hpack_codec.integers import INTEGER_MAX, encode_integer
from hpack_codec.strings import encode_string


def incremental(name: bytes, value: bytes) -> bytes:
    return b"\x40" + encode_string(name) + encode_string(value)


def size_update(size: int) -> bytes:
    return encode_integer(size, 5, 0x20)


def indexed(index: int) -> bytes:
    return encode_integer(index, 7, 0x80)


A = incremental(b"a", b"1")
FIRST_DYNAMIC = indexed(62)


def refused(block: bytes, rule: str, offset: int, decoder: Decoder[FieldList] | None = None) -> str:
    """Asserts that `block` is refused by this rule at this octet; the message."""
    with pytest.raises(HpackError) as caught:
        (decoder or field_decoder()).decode(block)
    assert (caught.value.rule, caught.value.offset) == (rule, offset)
    return str(caught.value)


# The five representations.


def test_each_representation() -> None:
    decoder = field_decoder()
    block = b"\x82" + b"\x04\x01x" + b"\x00\x01n\x01v" + b"\x10\x01n\x01v" + b"\x1f\x08\x01s" + A + FIRST_DYNAMIC
    assert decoder.decode(block) == (
        (b":method", b"GET"),
        (b":path", b"x"),
        (b"n", b"v"),
        NeverIndexedField(b"n", b"v"),
        NeverIndexedField(b"authorization", b"s"),
        (b"a", b"1"),
        (b"a", b"1"),
    )


def test_an_empty_block_is_an_empty_list() -> None:
    assert field_decoder().decode(b"") == ()


# Indices (§2.3.3).


def test_hpk_01_an_index_beyond_the_table() -> None:
    assert "index 62, allowed 1 to 61" in refused(b"\x82" + FIRST_DYNAMIC, "RFC 7541 §6.1", 1)
    decoder = field_decoder()
    decoder.decode(A)
    assert "index 63, allowed 1 to 62" in refused(indexed(63), "RFC 7541 §6.1", 0, decoder)


def test_hpk_01_an_index_is_valid_until_its_entry_is_evicted() -> None:
    decoder = field_decoder(table_bytes_max=34 * 2)
    decoder.decode(A + A)
    assert decoder.decode(indexed(63)) == ((b"a", b"1"),)
    decoder.decode(incremental(b"b", b"22"))
    refused(indexed(63), "RFC 7541 §6.1", 0, decoder)


def test_hpk_02_index_zero_and_a_name_beyond_the_table() -> None:
    assert "index 0" in refused(b"\x80", "RFC 7541 §6.1", 0)
    for pattern, prefix_bits, rule in [
        (0x40, 6, "RFC 7541 §6.2.1"),
        (0x00, 4, "RFC 7541 §6.2.2"),
        (0x10, 4, "RFC 7541 §6.2.3"),
    ]:
        refused(encode_integer(62, prefix_bits, pattern) + b"\x01v", rule, 0)


def test_the_largest_index_costs_nothing() -> None:
    assert f"index {INTEGER_MAX}" in refused(indexed(INTEGER_MAX), "RFC 7541 §6.1", 0)


# Truncation (§5.1, §5.2).


@pytest.mark.parametrize(
    "instruction",
    [
        indexed(62),
        indexed(190),
        A,
        b"\x7f\x80\x01\x01v",
        b"\x00\x01n" + encode_string(b"\x00" * 200),
        b"\x10" + encode_string(b"n" * 300) + b"\x01v",
        size_update(4096),
    ],
    ids=lambda instruction: instruction.hex()[:12],
)
def test_hpk_04_each_instruction_whole_truncated_and_with_trailing_data(instruction: bytes) -> None:
    def prepared() -> Decoder[FieldList]:
        decoder = field_decoder(table_bytes_max=8192)
        decoder.decode(b"".join(incremental(b"n%d" % number, b"v") for number in range(200)))
        return decoder

    whole = prepared().decode(instruction)
    assert prepared().decode(instruction + b"\x82") == whole + ((b":method", b"GET"),)
    for end in range(1, len(instruction)):
        with pytest.raises(HpackError) as caught:
            prepared().decode(instruction[:end])
        assert caught.value.offset <= end


def test_hpk_05_a_string_longer_than_the_block() -> None:
    message = refused(b"\x00\x01n" + encode_integer(2**31, 7) + b"v", "RFC 7541 §5.2", 3)
    assert "2147483648 octets, 1 are left" in message


def test_hpk_07_a_string_over_its_limit_is_undecodable() -> None:
    decoder = field_decoder(string_bytes_max=10)
    assert decoder.decode(incremental(b"n" * 10, b"v" * 10)) == ((b"n" * 10, b"v" * 10),)
    refused(incremental(b"n", b"v" * 11), "RFC 7541 §5.2", 3, decoder)


# Size updates (§4.2, §6.3).


@pytest.mark.parametrize(
    "block", [size_update(0), size_update(4096), size_update(0) + size_update(4096), size_update(100) + b"\x82"]
)
def test_hpk_08_one_or_two_size_updates_at_the_start(block: bytes) -> None:
    assert len(field_decoder().decode(block)) == block.count(b"\x82")


def test_hpk_08_a_third_size_update() -> None:
    refused(size_update(0) * 3, "RFC 7541 §4.2", 2)


@pytest.mark.parametrize("before", [b"\x82", A, size_update(0) + b"\x82"])
def test_hpk_08_a_size_update_after_a_field(before: bytes) -> None:
    refused(before + size_update(0) + b"\x82", "RFC 7541 §4.2", len(before))


def test_hpk_08_a_size_update_beyond_the_setting() -> None:
    assert "4097 bytes, allowed 4096" in refused(size_update(4097), "RFC 7541 §6.3", 0)
    decoder = field_decoder()
    decoder.set_table_bytes_max(8192)
    assert decoder.decode(size_update(8192)) == ()
    refused(size_update(8193), "RFC 7541 §6.3", 0, decoder)


def test_hpk_09_a_reduction_must_be_answered_in_the_next_block() -> None:
    for late in (b"\x82", b"", size_update(101), size_update(4096)):
        decoder = field_decoder()
        decoder.decode(b"\x82")
        assert decoder.decode(b"\x82") == ((b":method", b"GET"),)
        decoder.set_table_bytes_max(100)
        with pytest.raises(HpackError):
            decoder.decode(late)
    decoder = field_decoder()
    decoder.set_table_bytes_max(100)
    assert decoder.decode(size_update(100) + b"\x82") == ((b":method", b"GET"),)
    assert decoder.decode(b"\x82") == ((b":method", b"GET"),), "once is enough"


def test_hpk_09_the_error_names_the_rule() -> None:
    decoder = field_decoder()
    decoder.set_table_bytes_max(100)
    assert "without size update after the table was reduced to 100 bytes" in refused(
        b"\x82", "RFC 9113 §4.3.1", 0, decoder
    )


def test_hpk_09_of_several_reductions_the_smallest_must_come_first() -> None:
    for conforming in (size_update(0) + size_update(4096), size_update(0)):
        decoder = field_decoder()
        decoder.set_table_bytes_max(0)
        decoder.set_table_bytes_max(4096)
        assert decoder.decode(conforming + b"\x82") == ((b":method", b"GET"),)
    decoder = field_decoder()
    decoder.set_table_bytes_max(0)
    decoder.set_table_bytes_max(4096)
    refused(size_update(4096), "RFC 9113 §4.3.1", 0, decoder)


def test_a_reduction_above_the_size_in_use_demands_nothing() -> None:
    decoder = field_decoder()
    decoder.decode(size_update(100))
    decoder.set_table_bytes_max(200)
    assert decoder.decode(b"\x82") == ((b":method", b"GET"),)


# Eviction (§4.3, §4.4).


def test_hpk_11_an_old_index_after_a_size_update_to_zero() -> None:
    decoder = field_decoder()
    decoder.decode(A)
    refused(size_update(0) + FIRST_DYNAMIC, "RFC 7541 §6.1", 1, decoder)


def test_hpk_11_an_entry_larger_than_the_table_empties_it() -> None:
    decoder = field_decoder(table_bytes_max=100)
    decoder.decode(A)
    assert decoder.decode(incremental(b"b", b"v" * 100)) == ((b"b", b"v" * 100),)
    refused(FIRST_DYNAMIC, "RFC 7541 §6.1", 0, decoder)


def test_hpk_11_a_name_taken_from_the_entry_that_is_evicted_for_it() -> None:
    decoder = field_decoder(table_bytes_max=40)
    decoder.decode(A)
    assert decoder.decode(b"\x7e" + encode_string(b"22")) == ((b"a", b"22"),)
    assert decoder.decode(FIRST_DYNAMIC) == ((b"a", b"22"),)


def test_hpk_12_duplicate_entries_are_both_indexable() -> None:
    decoder = field_decoder()
    decoder.decode(A + A)
    assert decoder.decode(indexed(62) + indexed(63)) == ((b"a", b"1"), (b"a", b"1"))


def test_hpk_14_a_never_indexed_literal_is_not_entered_and_keeps_its_mark() -> None:
    decoder = field_decoder()
    (field,) = decoder.decode(b"\x10\x01n\x01v")
    assert type(field) is NeverIndexedField
    refused(FIRST_DYNAMIC, "RFC 7541 §6.1", 0, decoder)


# Limits on the list.


def test_hpk_20_a_list_at_its_limits_is_returned() -> None:
    assert len(field_decoder(list_bytes_max=42 * 3).decode(b"\x82" * 3)) == 3  # ":method: GET" is 42 bytes.
    assert len(field_decoder(fields_max=3).decode(b"\x82" * 3)) == 3


@pytest.mark.parametrize("limits", [{"list_bytes_max": 42 * 3 - 1}, {"fields_max": 2}, {"list_bytes_max": 0}])
def test_hpk_20_a_list_over_a_limit_is_described(limits: dict[str, int]) -> None:
    with pytest.raises(FieldListTooLarge) as caught:
        field_decoder(**limits).decode(b"\x82" * 3)
    error = caught.value
    assert (error.size_bytes, error.field_count, error.rule) == (126, 3, "RFC 9113 §10.5.1")
    assert not isinstance(error, HpackError)
    assert error.limit in str(error)
    assert str(next(iter(limits.values()))) in error.limit


def test_hpk_17_an_over_limit_block_still_updates_the_table() -> None:
    decoder = field_decoder(fields_max=1)
    for _ in range(2):
        with pytest.raises(FieldListTooLarge):
            decoder.decode(b"\x82\x82" + A + incremental(b"b", b"2"))
    assert decoder.decode(FIRST_DYNAMIC) == ((b"b", b"2"),)
    assert decoder.decode(indexed(65)) == ((b"a", b"1"),)


def test_an_error_after_the_limit_is_still_an_error() -> None:
    refused(b"\x82\x82\x80", "RFC 7541 §6.1", 2, field_decoder(fields_max=1))


def test_hpack_bomb_is_counted_not_kept() -> None:
    decoder = field_decoder()
    decoder.decode(incremental(b"a", b"v" * 4000))
    with pytest.raises(FieldListTooLarge) as caught:
        decoder.decode(FIRST_DYNAMIC * 100_000)
    assert caught.value.size_bytes == 100_000 * 4033


@pytest.mark.parametrize("name", ["table_bytes_max", "list_bytes_max", "fields_max", "string_bytes_max"])
def test_limits_out_of_range_fail_at_construction_by_name(name: str) -> None:
    for wrong in (-1, 2**32):
        with pytest.raises(ValueError, match=f"{name} is {wrong}"):
            field_decoder(**{name: wrong})


def test_a_setting_out_of_range_changes_nothing() -> None:
    decoder = field_decoder()
    for wrong in (-1, 2**32):
        with pytest.raises(ValueError, match=f"{wrong}"):
            decoder.set_table_bytes_max(wrong)
    assert decoder.decode(b"\x82") == ((b":method", b"GET"),)


# The cache of validated blocks.


class Counting:
    """A `finish` that counts its calls."""

    def __init__(self, answer: Callable[[FieldList], object]) -> None:
        self.calls = 0
        self.answer = answer

    def __call__(self, fields: FieldList) -> object:
        self.calls += 1
        return self.answer(fields)


def test_finish_runs_once_for_a_block_that_leaves_the_table_alone() -> None:
    finish = Counting(lambda fields: list(fields))
    decoder = Decoder(finish)
    assert decoder.decode(b"\x82") is decoder.decode(bytes(bytearray(b"\x82")))
    assert finish.calls == 1


def test_generation_changes_with_the_table_and_the_cache_goes_with_it() -> None:
    decoder = field_decoder()
    decoder.decode(A)
    generation = decoder.generation
    assert decoder.decode(FIRST_DYNAMIC) == ((b"a", b"1"),)
    assert decoder.decode(FIRST_DYNAMIC) == ((b"a", b"1"),)
    assert decoder.generation == generation
    decoder.decode(incremental(b"b", b"2"))
    assert decoder.generation != generation
    assert decoder.decode(FIRST_DYNAMIC) == ((b"b", b"2"),), "the same block means something else now"


def test_a_size_update_alone_makes_the_cache_forget() -> None:
    decoder = field_decoder()
    decoder.decode(A)
    assert decoder.decode(FIRST_DYNAMIC) == ((b"a", b"1"),)
    generation = decoder.generation
    decoder.decode(size_update(0))
    assert decoder.generation != generation
    refused(FIRST_DYNAMIC, "RFC 7541 §6.1", 0, decoder)


def test_an_insertion_is_never_served_from_the_cache() -> None:
    decoder = field_decoder()
    for count in range(1, 4):
        decoder.decode(A)
        assert len(decoder.decode(indexed(61 + count))) == 1, "each block added an entry"


def test_what_finish_raises_passes_through_and_the_table_is_in_step() -> None:
    class Refused(Exception):
        pass

    def refuse(fields: FieldList) -> object:
        raise Refused

    finish = Counting(refuse)
    decoder = Decoder(finish)
    for block in (A, b"\x82", b"\x82"):
        with pytest.raises(Refused):
            decoder.decode(block)
    assert finish.calls == 3, "a refusal is not remembered"
    finish.answer = list
    assert decoder.decode(FIRST_DYNAMIC) == [(b"a", b"1")]


def test_a_result_of_none_is_computed_again() -> None:
    finish = Counting(lambda fields: None)
    decoder = Decoder(finish)
    assert decoder.decode(b"\x82") is decoder.decode(b"\x82") is None
    assert finish.calls == 2


def test_an_over_limit_block_is_refused_every_time() -> None:
    decoder = field_decoder(fields_max=1)
    for _ in range(3):
        with pytest.raises(FieldListTooLarge):
            decoder.decode(b"\x82\x82")
