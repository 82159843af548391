import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpack_codec.dynamic_table import DynamicTable, SearchableDynamicTable
from hpack_codec.fields import Field

A, B, C = (b"a", b"1"), (b"b", b"22"), (b"a", b"333")  # 34, 35 and 36 bytes.


@pytest.mark.parametrize("table_class", [DynamicTable, SearchableDynamicTable])
def test_indices_run_from_the_newest(table_class: type[DynamicTable]) -> None:
    table = table_class()
    for field in (A, B, C):
        table.insert(field)
    assert [table.field_at(index) for index in (61, 62, 63, 64, 65)] == [None, C, B, A, None]
    assert table.snapshot() == [C, B, A]
    assert table.size_bytes == 34 + 35 + 36


@pytest.mark.parametrize("table_class", [DynamicTable, SearchableDynamicTable])
def test_hpk_01_an_evicted_index_is_gone(table_class: type[DynamicTable]) -> None:
    table = table_class(34 + 35)
    table.insert(A)
    table.insert(B)
    assert table.field_at(63) == A
    table.insert(C)
    assert table.snapshot() == [C], "36 bytes beside 35 do not fit either"
    assert table.field_at(63) is None


@pytest.mark.parametrize("table_class", [DynamicTable, SearchableDynamicTable])
def test_hpk_11_an_entry_larger_than_the_table_empties_it(table_class: type[DynamicTable]) -> None:
    table = table_class(80)
    table.insert(A)
    generation = table.generation
    table.insert((b"x", b"y" * 48))
    assert table.snapshot() == []
    assert table.size_bytes == 0
    assert table.generation != generation
    table.insert(A)
    table.insert((b"x", b"y" * 47))
    assert table.size_bytes == 80, "one that fits exactly is kept, and takes the place of all others"


def test_resizing_evicts_the_oldest_first() -> None:
    table = SearchableDynamicTable()
    for field in (A, B, C):
        table.insert(field)
    table.resize(36 + 35)
    assert table.snapshot() == [C, B]
    generation = table.generation
    table.resize(36 + 35)
    assert table.generation == generation, "nothing changed"
    table.resize(0)
    assert table.snapshot() == []
    table.resize(4096)
    assert table.field_at(62) is None, "what was evicted does not come back"
    assert (table.number_of_field, table.number_of_name) == ({}, {})


def test_hpk_12_duplicates_are_both_indexable_and_the_newest_is_found() -> None:
    table = SearchableDynamicTable(34 * 2)
    table.insert(A)
    table.insert(A)
    assert table.snapshot() == [A, A]
    table.insert(A)  # Evicts the first; the search must not lose the others with it.
    assert table.number_of_field == {A: 2}
    assert table.number_of_name == {b"a": 2}


FIELDS = st.tuples(st.sampled_from([b"a", b"b", b"cc"]), st.binary(max_size=40))
OPERATIONS = st.lists(st.one_of(FIELDS, st.integers(0, 200)), max_size=40)


@given(OPERATIONS)
def test_against_a_plain_list(operations: list[Field | int]) -> None:
    table, model, bytes_max = SearchableDynamicTable(150), list[Field](), 150
    for operation in operations:
        if isinstance(operation, int):
            bytes_max = operation
            table.resize(bytes_max)
        else:
            table.insert(operation)
            model.insert(0, operation)
        while sum(len(name) + len(value) + 32 for name, value in model) > bytes_max:
            # §4.4 evicts before it adds: an entry too large for the table goes, and takes all others with it.
            model.pop()
        assert table.snapshot() == model
        assert table.size_bytes == sum(len(name) + len(value) + 32 for name, value in model)
        for field, number in table.number_of_field.items():
            assert table.inserted - 1 - number == model.index(field)
        for name, number in table.number_of_name.items():
            assert table.inserted - 1 - number == [field[0] for field in model].index(name)
        assert set(table.number_of_field) == set(model)
        assert set(table.number_of_name) == {name for name, _ in model}
