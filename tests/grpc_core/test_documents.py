"""JSON documents that come in pieces: whole, octet by octet, and with what is wrong said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpc_core import documents
from grpc_core.documents import DocumentSplitter, NotJson, parse_documents

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def split(*pieces: bytes) -> list[Any]:
    splitter = DocumentSplitter()
    found = [document for piece in pieces for document in splitter.feed(piece)]
    return found + list(splitter.feed(b"", is_last=True))


def test_documents_have_only_white_space_between_them() -> None:
    assert parse_documents(' {"a": 1}\t[2]"b"3 null\n') == ({"a": 1}, [2], "b", 3, None)
    assert parse_documents(" \n") == ()


@given(st.lists(VALUES, max_size=4), st.sampled_from(["\n", " ", "\r\n\t"]), st.booleans())
def test_however_documents_are_cut_they_are_the_same(values: list[Any], space: str, is_ascii: bool) -> None:
    octets = space.join(json.dumps(value, ensure_ascii=is_ascii) for value in values).encode("utf-8", "surrogatepass")
    try:
        octets.decode()
    except UnicodeDecodeError:
        return  # a lone surrogate, which is no UTF-8
    assert split(octets) == values
    assert split(*(octets[i : i + 1] for i in range(len(octets)))) == values


def test_a_document_is_given_when_its_last_octet_has_come() -> None:
    splitter = DocumentSplitter()
    assert list(splitter.feed(b' {"a": "}\\"')) == []
    assert list(splitter.feed(b'"}[')) == [{"a": '}"'}]
    assert list(splitter.feed(b"] 17")) == [[]], "a number may go on"
    assert list(splitter.feed(b"4 ")) == [174]
    assert list(splitter.feed(b'"x\\')) == []
    assert list(splitter.feed(b'n"')) == ["x\n"]
    assert list(splitter.feed(b"true", is_last=True)) == [True]


@pytest.mark.parametrize(
    ("pieces", "reason"),
    [
        ([b"}"], "is not JSON: Expecting value: line 1 column 1"),
        ([b'{"a" 1}'], "is not JSON: Expecting ':' delimiter"),
        ([b"nul "], "is not JSON: Expecting value"),
        ([b'{"a"'], "is not JSON: Expecting ':' delimiter"),
        ([b'"open'], "is not JSON: Unterminated string"),
        ([b"[" * 100_000], "is nested too deeply"),
        ([b'"\xff"'], "is not UTF-8"),
        ([b'"\xc3'], "is not UTF-8"),
    ],
)
def test_what_is_wrong_is_said(pieces: list[bytes], reason: str) -> None:
    with pytest.raises(NotJson, match=f"^{reason}"):
        split(*pieces)


def test_a_mistake_comes_after_what_was_right_before_it() -> None:
    found = DocumentSplitter().feed(b"1 2 }")
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(NotJson):
        next(found)


def test_a_document_without_an_end_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "WAITING_LETTERS_MAX", 10)
    with pytest.raises(NotJson, match="is longer than 10 letters"):
        split(b"[1, 2, 3, 4")
    assert split(b"[1, 2, 3, ", b"4]")[0] == [1, 2, 3, 4]
