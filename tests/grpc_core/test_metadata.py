"""Metadata: the multi-dict against grpcio's, and W014, W015, W030 to W035, W037 of the checklist by name."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import grpc.aio
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grpc_core.metadata import (
    Metadata,
    MetadataError,
    MetadataTypeError,
    decode_metadata,
    encode_metadata,
    metadata_size,
)

# --- To fields --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metadata", [None, (), [], Metadata(), grpc.aio.Metadata(), iter(())])
def test_no_metadata_is_no_fields(metadata: Any) -> None:
    assert encode_metadata(metadata) == ()


class _Metadatum(NamedTuple):
    """As grpcio shows received pairs."""

    key: str
    value: str | bytes


PAIRS = (("a", "1"), ("b-bin", b"\x00\xff"), ("a", "2"))
FIELDS = ((b"a", b"1"), (b"b-bin", b"AP8"), (b"a", b"2"))


@pytest.mark.wire("W033", "W035")
def test_w033_pairs_keep_their_order_and_are_never_joined() -> None:
    assert encode_metadata(PAIRS) == FIELDS
    assert decode_metadata(FIELDS) == PAIRS


@pytest.mark.parametrize(
    "make", [list, iter, lambda pairs: map(list, pairs), lambda pairs: itertools.starmap(_Metadatum, pairs)]
)
def test_any_iterable_of_pairs_will_do(make: Callable[[Any], Any]) -> None:
    assert encode_metadata(make(PAIRS)) == FIELDS


@pytest.mark.parametrize("make", [Metadata, grpc.aio.Metadata])
def test_metadata_objects_of_either_make(make: Callable[..., Any]) -> None:
    assert encode_metadata(make(*PAIRS)) == ((b"a", b"1"), (b"a", b"2"), (b"b-bin", b"AP8"))


@pytest.mark.wire("W030")
@pytest.mark.parametrize("key", ["k", "0", "a-b_c.d", "-", "x-bin.", "bin", "grpc"])
def test_w030_legal_keys(key: str) -> None:
    assert encode_metadata([(key, "v")]) == ((key.encode(), b"v"),)


@pytest.mark.wire("W030")
@pytest.mark.parametrize(
    ("key", "rule"),
    [
        ("", "is empty"),
        ("Key", "has a character"),
        ("a b", "has a character"),
        ("a:b", "has a character"),
        (":path", "has a character"),
        ("a\n", "has a character"),
        ("\N{LATIN SMALL LETTER E WITH ACUTE}", "has a character"),
        ("\N{ARABIC-INDIC DIGIT ONE}", "has a character"),
        ("grpc-timeout", "reserved for gRPC"),
        ("grpc-status", "reserved for gRPC"),
        ("grpc-anything", "reserved for gRPC"),
        ("connection", "RFC 9113 §8.2.2"),
        ("keep-alive", "RFC 9113 §8.2.2"),
        ("proxy-connection", "RFC 9113 §8.2.2"),
        ("transfer-encoding", "RFC 9113 §8.2.2"),
        ("upgrade", "RFC 9113 §8.2.2"),
    ],
)
def test_w030_illegal_keys_are_named_with_the_rule(key: str, rule: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="metadata was invalid") as caught:
            encode_metadata([("ok", "1"), (key, "v")])
        assert repr(key) in str(caught.value)
        assert rule in str(caught.value)


@pytest.mark.wire("W014")
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("grpc-previous-rpc-attempts", "1"),
        ("grpc-retry-pushback-ms", "-1"),
        ("grpc-status-details-bin", b"d"),
        ("grpc-tags-bin", b"t"),
        ("grpc-trace-bin", b"t"),
    ],
)
def test_w014_the_grpc_keys_that_applications_use(key: str, value: str | bytes) -> None:
    fields = encode_metadata([(key, value)])
    assert len(fields) == 1
    assert decode_metadata(fields) == ((key, value),)


@pytest.mark.parametrize("key", ["content-length", "content-type", "host", "te", "user-agent"])
def test_fields_that_the_library_writes_are_left_out_as_in_grpcio(key: str) -> None:
    assert encode_metadata([(key, "x"), ("k", "v")]) == ((b"k", b"v"),)


@pytest.mark.wire("W031")
def test_w031_printable_ascii_is_sent_as_it_is() -> None:
    printable = "".join(map(chr, range(0x21, 0x7F)))
    assert encode_metadata([("k", printable), ("k", printable.encode())]) == ((b"k", printable.encode()),) * 2
    assert encode_metadata([("k", "")]) == ((b"k", b""),)


@pytest.mark.wire("W031")
def test_w031_white_space_at_the_ends_is_stripped() -> None:
    assert encode_metadata([("k", "  a b ")]) == ((b"k", b"a b"),), "RFC 9113 §8.2.1 has no field value with it"


@pytest.mark.wire("W031")
@pytest.mark.parametrize("value", ["\x00", "a\tb", "a\r\nb", "\x1f", "\x7f", "é", "\x80", "\ud800", b"\xff"])
def test_w031_any_other_character_is_a_local_error(value: str | bytes) -> None:
    with pytest.raises(MetadataError, match=r'value of key "k" has byte 0x.. outside printable ASCII'):
        encode_metadata([("k", value)])


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ([("k-bin", "text")], 'Binary metadata key="k-bin" expected bytes'),
        ([("k-bin", None)], 'Binary metadata key="k-bin" expected bytes'),
        ([("k", 1)], 'value of key "k" is of'),
        ([("k", None)], 'value of key "k" is of'),
        ([(1, "v")], "key 1 is of"),
        ([("k", "v", "w")], "expected pairs"),
        (["kv"], "expected pairs"),
        ({"k": "v"}, "expected pairs"),
        ("kv", "expected pairs"),
    ],
)
def test_wrong_types_are_named(metadata: Any, text: str) -> None:
    with pytest.raises(MetadataTypeError, match=text) as caught:
        encode_metadata(metadata)
    assert isinstance(caught.value, ValueError), "for those who expect what the sync API of grpcio raises"
    assert isinstance(caught.value, TypeError), "for those who expect what its aio API raises"


def test_keys_may_be_bytes() -> None:
    key: Any = b"k"
    assert encode_metadata([(key, "v")]) == ((b"k", b"v"),)


@pytest.mark.wire("W032")
@pytest.mark.parametrize(
    ("value", "encoded"), [(b"", b""), (b"f", b"Zg"), (b"fo", b"Zm8"), (b"foo", b"Zm9v"), (b"\xfb\xff", b"+/8")]
)
def test_w032_base64_is_sent_without_padding(value: bytes, encoded: bytes) -> None:
    assert encode_metadata([("k-bin", value)]) == ((b"k-bin", encoded),)


# --- From fields ------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W015", "W013", "W014")
@pytest.mark.parametrize(
    "name",
    [b":path", b":authority", b":method", b":scheme", b":status", b":new", b"content-type", b"te", b"content-length"]
    + [
        b"grpc-timeout",
        b"grpc-encoding",
        b"grpc-accept-encoding",
        b"grpc-status",
        b"grpc-message",
        b"grpc-message-type",
        b"host",
    ]
    + [b"grpc-unknown", b"not!a!key", b"caf\xe9", b""],
)
def test_w015_fields_of_http_and_grpc_are_hidden(name: bytes) -> None:
    assert decode_metadata([(name, b"x"), (b"k", b"v")]) == (("k", "v"),)


@pytest.mark.wire("W012", "W015")
@pytest.mark.parametrize("key", ["user-agent", "authorization", "traceparent", "lb-token"])
def test_w012_other_fields_are_shown(key: str) -> None:
    assert decode_metadata([(key.encode(), b"x")]) == ((key, "x"),)


@pytest.mark.wire("W032", "W033")
@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        (b"", [b""]),
        (b"Zg", [b"f"]),
        (b"Zg==", [b"f"]),
        (b"Zm8", [b"fo"]),
        (b"Zm8=", [b"fo"]),
        (b"Zm9v", [b"foo"]),
        (b"+/8", [b"\xfb\xff"]),
        (b"Zg,Zm8=, Zm9v", [b"f", b"fo", b"foo"]),  # W033: split at commas, then decode.
        (b",", [b"", b""]),
    ],
)
def test_w032_w033_base64_padded_or_not_joined_or_not(value: bytes, decoded: list[bytes]) -> None:
    assert decode_metadata([(b"k-bin", value)]) == tuple(("k-bin", item) for item in decoded)


@pytest.mark.wire("W034")
@pytest.mark.parametrize(
    "value", [b"Z", b"Zm9vZ", b"Z===", b"=", b"Zg=", b"Zg===", b"Zg==Zg==", b"Z*==", b"Z g", b"-_8", b"\xff"]
)
def test_w034_bad_base64_names_the_key(value: bytes) -> None:
    with pytest.raises(MetadataError, match='value of key "k-bin" is not base64'):
        decode_metadata([(b"k-bin", b"Zg"), (b"k-bin", value)])


@pytest.mark.wire("W031")
def test_w031_a_value_outside_ascii_is_no_error_and_can_be_echoed() -> None:
    received = decode_metadata([(b"k", "caf\N{LATIN SMALL LETTER E WITH ACUTE}\t!".encode())])
    assert received == (("k", r"caf\xc3\xa9\x09!"),)
    assert encode_metadata(received) == ((b"k", rb"caf\xc3\xa9\x09!"),)


_NAMES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([b"k", b"k-bin", b"grpc-trace-bin", b"grpc-x", b"user-agent", b"host", b"te", b":path", b"K"]),
)


@pytest.mark.wire("W031")
@given(st.lists(st.tuples(_NAMES, st.binary(max_size=12))))
@example([(b"k-bin", b"Zg,,=")])
def test_w031_whatever_is_shown_can_be_sent_back(fields: list[tuple[bytes, bytes]]) -> None:
    try:
        received = decode_metadata(fields)
    except MetadataError:
        assert any(name.endswith(b"-bin") for name, _ in fields), "only base64 can be wrong"
        return
    encode_metadata(received)


_KEYS = st.text("abz09_.-", min_size=1, max_size=6)
_PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E)).map(str.strip)


@given(
    st.lists(
        st.one_of(
            st.tuples(_KEYS.filter(lambda key: not key.endswith("-bin")), _PRINTABLE),
            st.tuples(_KEYS.map(lambda key: key + "-bin"), st.binary()),
        )
    )
)
def test_metadata_round_trips(pairs: list[tuple[str, str | bytes]]) -> None:
    fields = encode_metadata(pairs)
    assert decode_metadata(fields) == tuple(pairs)
    for (name, wire), (_, value) in zip(fields, pairs, strict=True):
        if isinstance(value, bytes):
            assert (name[-4:], wire) == (b"-bin", base64.b64encode(value).rstrip(b"="))


@pytest.mark.wire("W037")
def test_w037_size_counts_the_encoded_bytes_and_32_a_field() -> None:
    assert metadata_size(()) == 0
    assert metadata_size(encode_metadata([("k", "vv"), ("k-bin", b"123")])) == (1 + 2 + 32) + (5 + 4 + 32)


# --- The multi-dict ---------------------------------------------------------------------------------------------------

_Operation = tuple[str, tuple[Any, ...]]
_key = st.sampled_from(["a", "b", "c"])
_value = st.sampled_from(["1", "2", b"3"])
_pairs = st.lists(st.tuples(_key, _value), max_size=3).map(tuple)
_operations: st.SearchStrategy[list[_Operation]] = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.tuples(_key, _value)),
        st.tuples(st.just("get"), st.tuples(_key)),
        st.tuples(st.just("get"), st.tuples(_key, _value)),
        st.tuples(st.just("get_all"), st.tuples(_key)),
        st.tuples(st.just("set_all"), st.tuples(_key, st.lists(_value, max_size=2))),
        st.tuples(st.just("delete_all"), st.tuples(_key)),
        st.tuples(st.just("__getitem__"), st.tuples(_key)),
        st.tuples(st.just("__setitem__"), st.tuples(_key, _value)),
        st.tuples(st.just("__delitem__"), st.tuples(_key)),
        st.tuples(st.just("__contains__"), st.tuples(st.one_of(_key, st.just(1), st.just([])))),
        st.tuples(st.just("__len__"), st.just(())),
        st.tuples(st.just("__eq__"), st.tuples(_pairs)),
        st.tuples(st.just("__add__"), st.tuples(_pairs)),
        st.tuples(st.just("__add__"), st.just((1,))),
        st.tuples(st.just("__eq__"), st.just((1,))),
    ),
    max_size=12,
)


def _outcome(metadata: Any, name: str, arguments: tuple[Any, ...]) -> Any:
    try:
        result = getattr(metadata, name)(*[list(a) if isinstance(a, list) else a for a in arguments])
    except Exception as error:
        return type(error)
    return tuple(result) if type(result).__name__ == "Metadata" else result


@given(_pairs, _operations)
@example((("a", "1"),), [("set_all", ("a", [])), ("__delitem__", ("a",)), ("__setitem__", ("a", "2"))])
@example((("a", "1"),), [("set_all", ("a", [])), ("__getitem__", ("a",)), ("__contains__", ("a",)), ("get", ("a",))])
def test_the_multi_dict_does_what_grpcios_does(
    pairs: tuple[tuple[str, Any], ...], operations: list[_Operation]
) -> None:
    ours, theirs = Metadata(*pairs), grpc.aio.Metadata(*pairs)
    for name, arguments in operations:
        assert _outcome(ours, name, arguments) == _outcome(theirs, name, arguments), name
        assert tuple(ours) == tuple(theirs)
        assert list(ours.keys()) == list(theirs.keys())
        assert list(ours.values()) == list(theirs.values())
        assert list(ours.items()) == list(theirs.items())
        assert repr(ours) == repr(theirs)


def test_from_tuple() -> None:
    assert Metadata.from_tuple(PAIRS) == Metadata(*PAIRS)
    assert Metadata.from_tuple(()) == Metadata.from_tuple(None) == Metadata()


def test_sums_and_equality_of_two_metadata() -> None:
    left, right = Metadata(("a", "1")), Metadata(("b", "2"), ("a", "3"))
    assert left + right == Metadata(("a", "1"), ("a", "3"), ("b", "2"))
    assert left != right
    assert left == Metadata(("a", "1")), "the operands are unchanged"


def test_a_mutable_thing_has_no_hash() -> None:
    with pytest.raises(TypeError):
        hash(Metadata())


def test_values_handed_out_and_taken_in_are_copies() -> None:
    values: list[str | bytes] = ["1"]
    metadata = Metadata()
    metadata.set_all("a", values)
    values.append("2")
    metadata.get_all("a").append("3")
    assert tuple(metadata) == (("a", "1"),)
