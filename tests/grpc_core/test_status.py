"""Status codes: numbers, texts, and every way one is read, written, mapped or guessed."""

from __future__ import annotations

import ast
import collections
import enum
import re
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpc_core import status
from grpc_core.status import StatusCode
from http2.errors import ErrorCode


def test_the_codes_are_those_of_grpcio() -> None:
    assert {code.name: code.value for code in StatusCode} == {code.name: code.value for code in grpc.StatusCode}


def test_codes_can_be_looked_up_by_number() -> None:
    assert [status.CODES[code.value[0]] for code in StatusCode] == list(StatusCode)


@pytest.mark.wire("W081")
@pytest.mark.parametrize("code", StatusCode)
def test_w081_the_header_is_decimal_without_leading_zeros(code: StatusCode) -> None:
    assert status.STATUS_HEADER[code] == str(code.value[0]).encode()
    assert status.parse_status(status.STATUS_HEADER[code]) == (code, None)


@pytest.mark.wire("W085")
@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"00", StatusCode.OK),
        (b"005", StatusCode.NOT_FOUND),
        (b"0" * 10_000 + b"16", StatusCode.UNAUTHENTICATED),
        (b"17", StatusCode.UNKNOWN),
        (b"99", StatusCode.UNKNOWN),
        (b"9" * 10_000, StatusCode.UNKNOWN),
    ],
)
def test_w085_a_number_is_read_and_an_unknown_one_keeps_the_message(value: bytes, code: StatusCode) -> None:
    assert status.parse_status(value) == (code, None)


@pytest.mark.wire("W085")
@pytest.mark.parametrize("value", [b"", b"-1", b"+1", b" 1", b"1.0", b"OK", b"0x1", "١".encode()])
def test_w085_what_is_not_a_number_is_unknown_and_quoted(value: bytes) -> None:
    code, details = status.parse_status(value)
    assert code is StatusCode.UNKNOWN
    assert details is not None
    assert repr(value) in details


@pytest.mark.wire("W083")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", b""),
        ("plain ASCII, with ~ and !", b"plain ASCII, with ~ and !"),
        ("100%", b"100%25"),
        ("a\r\n\tb\x7f", b"a%0D%0A%09b%7F"),
        ("☺", b"%E2%98%BA"),
        ("😈", b"%F0%9F%98%88"),
        # W084, the text of the interop case special_status_message.
        (
            "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
            b"%09%0Atest with whitespace%0D%0Aand Unicode BMP %E2%98%BA and non-BMP %F0%9F%98%88%09%0A",
        ),
        # RFC 9113 §8.2.1: no white space at either end of a field value.
        (" x ", b"%20x%20"),
        (" ", b"%20"),
        ("  ", b"%20%20"),
    ],
)
def test_w083_messages_are_percent_encoded(text: str, value: bytes) -> None:
    assert status.encode_message(text) == value
    assert status.decode_message(value) == text


@pytest.mark.wire("W083")
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"a%20b%E2%98%BA%zz", "a b☺%zz"),
        (b"%", "%"),
        (b"%4", "%4"),
        (b"%%41", "%A"),
        (b"%e2%98%ba", "☺"),
        (b"%FF", "\N{REPLACEMENT CHARACTER}"),
        ("☺".encode(), "☺"),
        (b"%2541", "%41"),
    ],
)
def test_w083_the_decoder_never_fails(value: bytes, text: str) -> None:
    assert status.decode_message(value) == text


def test_a_lone_surrogate_does_not_stop_a_status() -> None:
    assert status.encode_message("a\ud800b") == b"a?b"


@pytest.mark.wire("W084")
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_w084_every_text_round_trips_as_a_legal_field_value(text: str) -> None:
    value = status.encode_message(text)
    assert re.fullmatch(rb"(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?", value)
    assert status.decode_message(value) == text


@given(st.binary())
def test_any_bytes_decode_to_a_text_that_encodes(value: bytes) -> None:
    text = status.decode_message(value)
    assert status.decode_message(status.encode_message(text)) == text


@pytest.mark.wire("A7")
@pytest.mark.parametrize(
    ("http_status", "code"),
    [
        (400, StatusCode.INTERNAL),
        (401, StatusCode.UNAUTHENTICATED),
        (403, StatusCode.PERMISSION_DENIED),
        (404, StatusCode.UNIMPLEMENTED),
        (429, StatusCode.UNAVAILABLE),
        (502, StatusCode.UNAVAILABLE),
        (503, StatusCode.UNAVAILABLE),
        (504, StatusCode.UNAVAILABLE),
        *((other, StatusCode.UNKNOWN) for other in (200, 204, 302, 402, 418, 500, 501, 505, 599)),
    ],
)
def test_a7_http_status(http_status: int, code: StatusCode) -> None:
    assert status.status_from_http(http_status) is code


@pytest.mark.wire("A8")
@pytest.mark.parametrize(
    ("error_code", "code"),
    [
        (0x0, StatusCode.INTERNAL),  # NO_ERROR
        (0x1, StatusCode.INTERNAL),  # PROTOCOL_ERROR
        (0x2, StatusCode.INTERNAL),  # INTERNAL_ERROR
        (0x3, StatusCode.INTERNAL),  # FLOW_CONTROL_ERROR
        (0x4, StatusCode.INTERNAL),  # SETTINGS_TIMEOUT
        (0x5, StatusCode.INTERNAL),  # STREAM_CLOSED
        (0x6, StatusCode.INTERNAL),  # FRAME_SIZE_ERROR
        (0x7, StatusCode.UNAVAILABLE),  # REFUSED_STREAM
        (0x8, StatusCode.CANCELLED),  # CANCEL
        (0x9, StatusCode.INTERNAL),  # COMPRESSION_ERROR
        (0xA, StatusCode.INTERNAL),  # CONNECT_ERROR
        (0xB, StatusCode.RESOURCE_EXHAUSTED),  # ENHANCE_YOUR_CALM
        (0xC, StatusCode.PERMISSION_DENIED),  # INADEQUATE_SECURITY
        (0xD, StatusCode.INTERNAL),  # HTTP_1_1_REQUIRED
        (0xE, StatusCode.INTERNAL),
        (0xFFFFFFFF, StatusCode.INTERNAL),
    ],
)
def test_a8_reset(error_code: int, code: StatusCode) -> None:
    assert status.status_from_reset(error_code) is code


@pytest.mark.wire("W100")
def test_w100_a_status_as_a_reset() -> None:
    expected = dict.fromkeys(StatusCode, 0x2) | {
        StatusCode.CANCELLED: 0x8,
        StatusCode.DEADLINE_EXCEEDED: 0x8,
        StatusCode.RESOURCE_EXHAUSTED: 0xB,
        StatusCode.PERMISSION_DENIED: 0xC,
        StatusCode.UNAVAILABLE: 0x7,
    }
    assert {code: status.reset_from_status(code) for code in StatusCode} == expected


class _Foreign(enum.Enum):
    ABORTED = (10, "aborted")
    PLAIN = 5
    TEXT = "text"
    BEYOND = (17, "beyond")
    EMPTY = ()


class _ForeignInt(enum.IntEnum):
    ABORTED = 10


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (StatusCode.ABORTED, StatusCode.ABORTED),
        (grpc.StatusCode.ABORTED, StatusCode.ABORTED),
        (_Foreign.ABORTED, StatusCode.ABORTED),
        (_Foreign.PLAIN, StatusCode.NOT_FOUND),
        (_ForeignInt.ABORTED, StatusCode.ABORTED),
        (0, StatusCode.OK),
        (16, StatusCode.UNAUTHENTICATED),
    ],
)
def test_codes_of_any_make_are_normalised(code: object, expected: StatusCode) -> None:
    assert status.normalize_code(code) is expected


@pytest.mark.parametrize("code", [-1, 17, _Foreign.BEYOND])
def test_a_number_without_a_code_is_a_value_error(code: object) -> None:
    with pytest.raises(ValueError, match="is not a status code: the numbers are 0 to 16"):
        status.normalize_code(code)


@pytest.mark.parametrize("code", [None, "OK", True, 1.0, (0, "ok"), _Foreign.TEXT, _Foreign.EMPTY])
def test_anything_else_is_a_type_error(code: object) -> None:
    with pytest.raises(TypeError, match="a status code is a StatusCode or its number"):
        status.normalize_code(code)


def test_status_mixes_with_a_named_tuple_as_users_of_grpcio_do() -> None:
    fields = collections.namedtuple("fields", ("code", "details", "trailing_metadata"))
    made = type("MyStatus", (fields, status.Status), {})(StatusCode.ABORTED, "why", None)
    assert isinstance(made, status.Status)
    assert (made.code, made.details, made.trailing_metadata) == (StatusCode.ABORTED, "why", None)


# -- what the library never says ---------------------------------------------------------------------------------------

APPLICATIONS = ("caller", "channelz", "demo", "descriptor_set", "health", "reflection", "route_guide", "serve")
"""Services and command lines that come with the library are applications of it: their statuses are their own."""


def named_codes(source: str) -> set[str]:
    """The names that are taken from a `StatusCode` in a module's text, whatever it is imported as."""
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and node.attr in StatusCode.__members__
    }


@pytest.mark.wire("W110")
def test_the_library_makes_no_status_that_is_the_applications() -> None:
    assert {code.name for code in status.APPLICATION_CODES} == {
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "DATA_LOSS",
    }
    never = {code.name for code in status.APPLICATION_CODES}
    folder = Path(status.__file__).parent
    files = [
        file
        for file in folder.rglob("*.py")
        if file.relative_to(folder).parts[0].removesuffix(".py") not in APPLICATIONS
    ]
    used: set[str] = set()
    for file in files:
        codes = named_codes(file.read_text(encoding="utf-8"))
        assert not codes & never, f"{file.relative_to(folder)} names {codes & never}"
        used |= codes
    assert {"UNAVAILABLE", "INTERNAL", "UNIMPLEMENTED"} <= used, "the search finds what is there"


def test_a_code_is_found_in_a_text() -> None:
    assert named_codes("import grpc_core as g\ng.StatusCode.ABORTED\nraise Error(StatusCode.OK)") == {"ABORTED", "OK"}


@pytest.mark.wire("W111")
@pytest.mark.parametrize("code", StatusCode)
def test_the_codes_of_applications_do_not_come_from_the_control_plane(code: StatusCode) -> None:
    expected = (code, "why")
    if code is StatusCode.OK or code in status.APPLICATION_CODES:
        text = f"Illegal status code from the resolver; original status: {code.name}: why"
        expected = (StatusCode.INTERNAL, text)
    assert status.from_control_plane(code, "why", "the resolver") == expected


@pytest.mark.wire("A9")
def test_a_peer_that_sends_too_much_exhausts_a_resource_and_any_other_fault_is_internal() -> None:
    for code in ErrorCode:
        expected = StatusCode.RESOURCE_EXHAUSTED if code is ErrorCode.ENHANCE_YOUR_CALM else StatusCode.INTERNAL
        assert status.status_from_fault(code) is expected
