from hpack_codec.block_cache import BYTES_MAX, ENTRIES_MAX, BlockCache


def test_stores_looks_up_and_clears() -> None:
    cache: BlockCache[bytes, str] = BlockCache()
    lookup = cache.values.get
    cache.store(b"a", "1", 10)
    assert (lookup(b"a"), lookup(b"b")) == ("1", None)
    cache.clear()
    assert lookup(b"a") is None


def test_bounded_in_entries() -> None:
    cache: BlockCache[int, int] = BlockCache()
    for number in range(ENTRIES_MAX + 10):
        cache.store(number, number, 1)
        assert cache.values.get(number) == number, "the last stored is always there"
        assert sum(cache.values.get(other) is not None for other in range(number + 1)) <= ENTRIES_MAX


def test_bounded_in_bytes() -> None:
    cache: BlockCache[int, int] = BlockCache()
    for number in range(100):
        cache.store(number, number, BYTES_MAX // 10)
        kept = [other for other in range(number + 1) if cache.values.get(other) is not None]
        assert number in kept
        assert len(kept) <= 10


def test_what_is_too_large_alone_is_not_kept() -> None:
    cache: BlockCache[int, int] = BlockCache()
    cache.store(1, 1, BYTES_MAX + 1)
    assert cache.values.get(1) is None
    cache.store(2, 2, BYTES_MAX)
    assert cache.values.get(2) == 2
