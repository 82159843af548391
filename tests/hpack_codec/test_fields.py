import copy
import pickle

from hpack_codec import NeverIndexedField


def test_unpacks_like_a_field() -> None:
    name, value = NeverIndexedField(b"authorization", b"secret")
    assert (name, value) == (b"authorization", b"secret")


def test_equals_only_its_own_kind_from_both_sides() -> None:
    plain, never = (b"a", b"b"), NeverIndexedField(b"a", b"b")
    assert never == NeverIndexedField(b"a", b"b")
    assert not never != NeverIndexedField(b"a", b"b")  # noqa: SIM202  # __ne__ is a method of its own.
    assert never != NeverIndexedField(b"a", b"c")
    assert never != plain
    assert plain != never
    assert not never == plain  # noqa: SIM201
    assert not plain == never  # noqa: SIM201


def test_a_cache_keyed_by_lists_keeps_the_two_apart() -> None:
    plain, never = ((b"a", b"b"),), (NeverIndexedField(b"a", b"b"),)
    cache: dict[tuple[tuple[bytes, bytes], ...], str] = {plain: "plain"}
    assert cache.get(never) is None
    cache[never] = "never"
    assert cache[plain] == "plain"
    assert hash(plain[0]) != hash(never[0])


def test_copies_stay_never_indexed() -> None:
    never = NeverIndexedField(b"a", b"b")
    for other in (copy.copy(never), copy.deepcopy(never), pickle.loads(pickle.dumps(never))):
        assert other == never
    assert repr(never) == "NeverIndexedField(b'a', b'b')"
