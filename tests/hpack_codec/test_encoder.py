import copy

import hpack
import pytest

from hpack_codec import Encoder, Field, FieldList, NeverIndexedField, field_decoder
from hpack_codec.decoder import InstructionReader
from hpack_codec.encoder import COOKIE_BYTES_MIN, FRUITLESS_ENTRIES_MAX, TRACKED_NAMES_MAX, VARYING_NAMES
from hpack_codec.explain import steps
from hpack_codec.representations import INCREMENTAL, INDEXED, NEVER_INDEXED, SIZE_UPDATE, WITHOUT_INDEXING


class Wire:
    """Reads what an encoder sends: the representations of each block and the numbers in them."""

    def __init__(self, encoder: Encoder, table_bytes_max: int = 1 << 20) -> None:
        self.encoder = encoder
        self.reader = InstructionReader(table_bytes_max=table_bytes_max, string_bytes_max=1 << 20)

    def send(self, *fields: Field) -> list[tuple[str, int]]:
        executed = list(steps(self.reader, self.encoder.encode(fields)))
        decoded = tuple(step.field for step in executed if step.field is not None)
        assert [tuple(field) for field in decoded] == [tuple(field) for field in fields]
        return [(step.representation.title, step.number) for step in executed]

    def titles(self, *fields: Field) -> list[str]:
        return [title for title, _ in self.send(*fields)]


def test_indexed_when_in_a_table_and_entered_when_not() -> None:
    wire = Wire(Encoder())
    fields = ((b":method", b"GET"), (b":path", b"/x"), (b"n", b"v"))
    assert wire.send(*fields) == [(INDEXED.title, 2), (INCREMENTAL.title, 4), (INCREMENTAL.title, 0)]
    assert wire.send(*fields) == [(INDEXED.title, 2), (INDEXED.title, 63), (INDEXED.title, 62)]
    assert wire.send((b"n", b"w")) == [(INCREMENTAL.title, 62)], "the name comes from the dynamic table"


def test_hpk_15_secrets_are_never_indexed() -> None:
    wire = Wire(Encoder())
    for name in (b"authorization", b"proxy-authorization", b"set-cookie"):
        for _ in range(2):
            assert wire.titles((name, b"secret-secret-secret-secret")) == [NEVER_INDEXED.title]
    assert wire.titles((b"cookie", b"c" * (COOKIE_BYTES_MIN - 1))) == [NEVER_INDEXED.title]
    assert wire.titles((b"cookie", b"c" * COOKIE_BYTES_MIN)) == [INCREMENTAL.title]


def test_hpk_15_names_of_the_caller() -> None:
    wire = Wire(Encoder(never_indexed_names=frozenset((b"x-token",))))
    assert wire.titles((b"x-token", b"v"), (b"authorization", b"v")) == [NEVER_INDEXED.title, INCREMENTAL.title]


@pytest.mark.parametrize("field", [(b":method", b"GET"), (b"n", b"v"), (b"date", b"now"), (b"cookie", b"c" * 40)])
def test_hpk_14_a_never_indexed_field_stays_one_whatever_the_tables_hold(field: Field) -> None:
    wire = Wire(Encoder())
    wire.send(field)
    never = NeverIndexedField(*field)
    for _ in range(2):
        assert wire.titles(never) == [NEVER_INDEXED.title]
    assert wire.titles(field) != [NEVER_INDEXED.title]


def test_hpk_14_a_proxy_passes_the_mark_on() -> None:
    (received,) = field_decoder().decode(b"\x10\x01n\x01v")
    (forwarded,) = field_decoder().decode(Encoder().encode((received,)))
    assert forwarded == NeverIndexedField(b"n", b"v")


@pytest.mark.parametrize("name", sorted(VARYING_NAMES))
def test_values_known_to_vary_are_not_entered(name: bytes) -> None:
    wire = Wire(Encoder())
    assert wire.titles((name, b"v"), (name, b"v")) == [WITHOUT_INDEXING.title] * 2


def test_large_entries_are_not_entered() -> None:
    wire = Wire(Encoder())
    assert wire.titles((b"n", b"v" * (1024 - 33)), (b"n", b"v" * (1024 - 32))) == [
        INCREMENTAL.title,
        WITHOUT_INDEXING.title,
    ]


def test_a_name_whose_values_never_repeat_stops_being_entered_until_one_does() -> None:
    wire = Wire(Encoder())
    first = [wire.titles((b"trace", b"%d" % number))[0] for number in range(FRUITLESS_ENTRIES_MAX + 3)]
    assert first == [INCREMENTAL.title] * FRUITLESS_ENTRIES_MAX + [WITHOUT_INDEXING.title] * 3
    # Identical lists, so this also says that a list with such a value is not served from the cache.
    steady = [wire.titles((b"trace", b"steady"))[0] for _ in range(4)]
    assert steady == [WITHOUT_INDEXING.title, INCREMENTAL.title, INDEXED.title, INDEXED.title]
    assert wire.titles((b"trace", b"other")) == [INCREMENTAL.title], "a use of an entry starts the count again"


def test_the_history_of_names_is_bounded() -> None:
    encoder = Encoder()
    for number in range(TRACKED_NAMES_MAX * 10):
        encoder.encode(((b"name-%d" % number, b"v"),))
        assert len(encoder._fruitless) <= TRACKED_NAMES_MAX
        assert len(encoder._last_value or ()) <= TRACKED_NAMES_MAX


@pytest.mark.parametrize("value_bytes", [4, 20])
def test_of_a_list_larger_than_the_table_the_first_fields_are_entered_for_good(value_bytes: int) -> None:
    wire = Wire(Encoder())
    fields = [(b"name-%d" % number, b"v" * value_bytes) for number in range(200)]
    first, second, third = (wire.titles(*fields) for _ in range(3))
    entered = first.count(INCREMENTAL.title)
    assert 60 < entered < 100, "what 4,096 octets hold"
    assert first == [INCREMENTAL.title] * entered + [WITHOUT_INDEXING.title] * (200 - entered)
    assert second == third == [INDEXED.title] * entered + [WITHOUT_INDEXING.title] * (200 - entered)
    assert wire.titles((b"another", b"v")) == [INCREMENTAL.title], "a full table still takes what comes by itself"


def test_values_that_never_repeat_leave_the_table_alone_in_a_long_list_too() -> None:
    wire = Wire(Encoder())
    for turn in range(FRUITLESS_ENTRIES_MAX):
        wire.send(*[(b"name-%d" % number, b"%d" % turn) for number in range(200)])
    generation = wire.encoder.generation
    for turn in range(FRUITLESS_ENTRIES_MAX, FRUITLESS_ENTRIES_MAX + 3):
        titles = wire.titles(*[(b"name-%d" % number, b"%d" % turn) for number in range(200)])
        assert set(titles) == {WITHOUT_INDEXING.title}
    assert wire.encoder.generation == generation


# The cache.


def test_a_repeated_tuple_is_looked_up_and_a_list_is_encoded_the_same() -> None:
    encoder = Encoder()
    fields: FieldList = ((b"n", b"v"), (b":method", b"GET"))
    first, second = encoder.encode(fields), encoder.encode(fields)
    assert first != second, "an entry was made, then used"
    assert encoder.encode(copy.deepcopy(fields)) is second
    assert encoder.encode(iter(list(fields))) == second
    encoder.encode(((b"m", b"w"),))
    assert encoder.encode(fields) == b"\xbf\x82", "the entry has moved up by one"


def test_generation_changes_with_the_table() -> None:
    encoder = Encoder()
    start = encoder.generation
    encoder.encode(((b":method", b"GET"),))
    assert encoder.generation == start
    encoder.encode(((b"n", b"v"),))
    assert encoder.generation != start


# Size updates.


def test_hpk_10_a_reduction_is_announced_in_the_next_block_once() -> None:
    for size in (0, 100):
        wire = Wire(Encoder())
        wire.send((b"n", b"v" * 80))
        wire.encoder.set_table_bytes_max(size)
        assert wire.send((b":method", b"GET")) == [(SIZE_UPDATE.title, size), (INDEXED.title, 2)]
        assert wire.reader.table.snapshot() == []
        assert wire.send((b":method", b"GET")) == [(INDEXED.title, 2)]


def test_hpk_10_of_several_changes_the_smallest_and_the_last_are_announced() -> None:
    wire = Wire(Encoder())
    wire.send((b"n", b"v"))
    for size in (1000, 0, 300, 4096):
        wire.encoder.set_table_bytes_max(size)
    assert wire.send((b"n", b"v")) == [(SIZE_UPDATE.title, 0), (SIZE_UPDATE.title, 4096), (INCREMENTAL.title, 0)]


def test_hpk_10_a_cached_block_does_not_hide_the_announcement() -> None:
    wire = Wire(Encoder())
    for _ in range(3):
        wire.send((b":method", b"GET"))
    wire.encoder.set_table_bytes_max(0)
    assert wire.send((b":method", b"GET"))[0] == (SIZE_UPDATE.title, 0)


def test_hpk_10_our_decoder_and_hpacks_accept_the_announcement() -> None:
    encoder, ours, theirs = Encoder(), field_decoder(), hpack.Decoder()
    fields = ((b"n", b"v"), (b"m", b"w"))
    for changes in ([], [0], [4096], [0, 4096], [100, 50, 200], []):
        for size in changes:
            encoder.set_table_bytes_max(size)
            ours.set_table_bytes_max(size)
            theirs.max_allowed_table_size = size
        block = encoder.encode(fields)
        assert ours.decode(block) == fields
        assert tuple(tuple(field) for field in theirs.decode(block, raw=True)) == fields


def test_hpk_19_the_peers_setting_is_bounded_by_our_cap() -> None:
    wire = Wire(Encoder(table_bytes_max=8192))
    wire.encoder.set_table_bytes_max(2**32 - 1)
    assert wire.send((b"n", b"v"))[0] == (SIZE_UPDATE.title, 8192)
    wire.encoder.set_table_bytes_max(1)
    assert wire.send((b"n", b"v")) == [(SIZE_UPDATE.title, 1), (WITHOUT_INDEXING.title, 0)]


def test_hpk_19_a_cap_below_the_default_is_announced_at_once() -> None:
    wire = Wire(Encoder(table_bytes_max=256))
    assert wire.send((b":method", b"GET")) == [(SIZE_UPDATE.title, 256), (INDEXED.title, 2)]


def test_hpk_10_a_reduction_above_our_cap_is_announced_too() -> None:
    wire = Wire(Encoder(table_bytes_max=256))
    wire.send((b":method", b"GET"))
    wire.encoder.set_table_bytes_max(1000)
    assert wire.send((b":method", b"GET")) == [(SIZE_UPDATE.title, 256), (INDEXED.title, 2)]
    assert wire.send((b":method", b"GET")) == [(INDEXED.title, 2)], "once: the announcement is not cached"


def test_a_cap_above_the_default_waits_for_the_peer() -> None:
    assert Wire(Encoder(table_bytes_max=8192)).send((b":method", b"GET")) == [(INDEXED.title, 2)]


def test_values_out_of_range_are_refused() -> None:
    for wrong in (-1, 2**32):
        with pytest.raises(ValueError, match=f"table_bytes_max is {wrong}"):
            Encoder(table_bytes_max=wrong)
        with pytest.raises(ValueError, match=f"SETTINGS_HEADER_TABLE_SIZE is {wrong}"):
            Encoder().set_table_bytes_max(wrong)


# The caller's mistakes.


def test_a_field_that_is_not_octets_does_not_leave_the_tables_out_of_step() -> None:
    wire = Wire(Encoder())
    wire.send((b"a", b"1"))
    wrong: tuple[object, ...] = ((b"b", b"2"), (b"c", "text"))
    with pytest.raises(TypeError):
        wire.encoder.encode(wrong)  # type: ignore[arg-type]  # The mistake under test.
    assert wire.send((b"a", b"1"), (b"b", b"2")) == [
        (SIZE_UPDATE.title, 0),
        (SIZE_UPDATE.title, 4096),
        (INCREMENTAL.title, 0),
        (INCREMENTAL.title, 0),
    ]
    assert wire.send((b"a", b"1"), (b"b", b"2")) == [(INDEXED.title, 63), (INDEXED.title, 62)]
