"""Errors (RFC 9113 §5.4, §7)."""

from __future__ import annotations

import pytest

from http2 import errors
from http2.errors import ErrorCode, StreamError, error_name


def test_the_codes_are_those_of_the_rfc() -> None:
    assert [code.name for code in ErrorCode] == [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ]
    assert [int(code) for code in ErrorCode] == list(range(14)), "§7: consecutive from zero"


@pytest.mark.parametrize(("code", "name"), [(8, "CANCEL"), (0xE, "0xe"), (2**32 - 1, "0xffffffff")])
def test_an_unknown_code_has_a_name_too(code: int, name: str) -> None:
    assert error_name(code) == name


def test_the_type_is_the_scope_and_the_reason_names_the_rule() -> None:
    stream_error = StreamError(3, ErrorCode.PROTOCOL_ERROR, "what came", "RFC 9113 §8.1.1", answer_status=400)
    connection_error = errors.ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "too long", "RFC 9113 §4.2")
    assert (stream_error.stream_id, stream_error.answer_status) == (3, 400)
    assert stream_error.reason == "what came (RFC 9113 §8.1.1)"
    assert connection_error.reason == "too long (RFC 9113 §4.2)"
    assert not isinstance(connection_error, StreamError)


def test_errors_of_the_caller_are_no_errors_of_the_peer() -> None:
    for error in (errors.StreamClosedError, errors.ConnectionClosedError):
        assert issubclass(error, errors.UsageError)
        assert not issubclass(error, errors.PeerError)
