from hpack.table import HeaderTable

from hpack_codec.static_table import STATIC_ENTRIES, STATIC_INDEX_OF_FIELD, STATIC_INDEX_OF_NAME, STATIC_TABLE


def test_equals_an_independent_copy_of_appendix_a() -> None:
    assert STATIC_ENTRIES == 61
    assert STATIC_TABLE[1:] == HeaderTable.STATIC_TABLE


def test_entries_of_appendix_a() -> None:
    assert STATIC_TABLE[2] == (b":method", b"GET")
    assert STATIC_TABLE[16] == (b"accept-encoding", b"gzip, deflate")
    assert STATIC_TABLE[61] == (b"www-authenticate", b"")


def test_every_entry_is_found_and_names_under_their_lowest_index() -> None:
    for index, field in enumerate(STATIC_TABLE[1:], 1):
        assert STATIC_INDEX_OF_FIELD[field] == index
    assert STATIC_INDEX_OF_NAME[b":status"] == 8
    assert len(STATIC_INDEX_OF_NAME) == len({name for name, _ in STATIC_TABLE[1:]})
