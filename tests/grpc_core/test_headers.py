"""What request and response heads mean to gRPC: W001 to W034, W060 to W065 and W085 to W091 of the checklist."""

from __future__ import annotations

import pytest

from grpc_core.headers import (
    ACCEPT_ENCODING,
    RESPONSE_HEAD,
    TRAILERS,
    TRAILERS_ONLY,
    USER_AGENT,
    VERSION,
    RequestInfo,
    ResponseInfo,
    is_grpc,
    request_head,
    request_info,
    response_info,
    with_fields,
)
from grpc_core.status import StatusCode
from hpack_codec import Field
from http2 import Head, read_head
from tests.grpc_core.support import OK_TRAILERS, RESPONSE, request


def request_of(*more: Field, **changes: bytes | None) -> RequestInfo:
    return RequestInfo(read_head(request(**changes) + more, check_path=False))


def refused(info: RequestInfo) -> tuple[int, StatusCode, str]:
    assert info.refusal is not None
    fields = dict(info.refusal.head().fields)
    assert fields[b"content-type"] == b"application/grpc", "a refusal is a gRPC response, whatever was asked"
    assert int(fields[b"grpc-status"]) == info.refusal.code.value[0]
    assert int(fields[b":status"]) == info.refusal.http_status
    return info.refusal.http_status, info.refusal.code, info.refusal.details


# -- requests ----------------------------------------------------------------------------------------------------------


def test_a_request_that_is_in_order() -> None:
    info = request_of((b"x-a", b"1"), (b"k-bin", b"AAE"), grpc_timeout=b"250m", user_agent=b"me/1")
    assert info.refusal is None
    assert (info.path, info.authority, info.timeout_s) == ("/test.Service/Echo", "localhost", 0.25)
    assert info.metadata == (("user-agent", "me/1"), ("x-a", "1"), ("k-bin", b"\0\1"))


@pytest.mark.wire("W021")
def test_w021_without_grpc_timeout_there_is_no_deadline() -> None:
    assert request_of().timeout_s is None


CONTENT_TYPES = {
    b"application/grpc": True,
    b"application/grpc+proto": True,
    b"application/grpc+json": True,
    b"application/grpc;charset=utf-8": True,
    b"application/grpc+": True,
    b"application/grpc-web": False,
    b"application/grpc-web+proto": False,
    b"application/grpcfoo": False,
    b"application/grp": False,
    b"application/json": False,
    b"text/plain": False,
    b"Application/grpc": False,
    b"": False,
}


@pytest.mark.wire("W005", "W006")
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_w005_w006_the_content_type_says_whether_it_is_grpc(content_type: bytes) -> None:
    accepted = CONTENT_TYPES[content_type]
    assert is_grpc(content_type) == accepted
    info = request_of(content_type=content_type)
    if accepted:
        assert info.refusal is None
    else:
        text = f"content-type is {content_type!r}; application/grpc is required"
        assert refused(info) == (415, StatusCode.UNKNOWN, text)


@pytest.mark.wire("W006")
def test_w006_a_request_without_content_type_is_refused() -> None:
    assert refused(request_of(content_type=None))[:2] == (415, StatusCode.UNKNOWN)


@pytest.mark.wire("W007")
@pytest.mark.parametrize("name", [b"GET", b"PUT", b"post", b"OPTIONS"])
def test_w007_only_post(name: bytes) -> None:
    info = request_of(method=name)
    assert refused(info) == (405, StatusCode.INTERNAL, f":method is {name!r}; POST is required")
    assert info.refusal is not None
    assert (b"allow", b"POST") in info.refusal.head().fields, "RFC 9110 §15.5.6: a 405 says what is allowed"


PATHS = {
    b"/s/m": True,
    b"/test.Service/Echo": True,
    b"/a/b/c": True,  # the method's name is all after the second slash: nobody answers for it
    b"s/m": False,
    b"/s": False,
    b"/": False,
    b"//m": False,
    b"/s/": False,
    b"": False,
    b"*": False,
    b"no/slash": False,
}


@pytest.mark.wire("W016")
@pytest.mark.parametrize("path", PATHS)
def test_w016_a_path_is_slash_service_slash_method(path: bytes) -> None:
    info = request_of(path=path)
    if PATHS[path]:
        assert info.refusal is None
        assert info.path == path.decode()
    else:
        assert refused(info) == (200, StatusCode.UNIMPLEMENTED, f"malformed method name: {path!r}")


@pytest.mark.wire("W004")
def test_w004_a_missing_te_is_tolerated() -> None:
    assert request_of(te=None).refusal is None


@pytest.mark.wire("W023")
@pytest.mark.parametrize("value", [b"1", b"S", b"5", b"-5S", b"+5S", b"1x", b"1.5S", b"123456789S", b"5 S", b"-", b""])
def test_w023_a_malformed_timeout_is_refused(value: bytes) -> None:
    status, code, details = refused(request_of(grpc_timeout=value))
    assert (status, code) == (200, StatusCode.INTERNAL)
    assert details.startswith("Error parsing 'grpc-timeout' metadata: ")
    assert repr(value) in details


@pytest.mark.wire("W024", "W025")
def test_w024_w025_the_longest_and_the_shortest_timeout() -> None:
    assert request_of(grpc_timeout=b"99999999H").refusal is None
    assert request_of(grpc_timeout=b"0n").timeout_s == 0


@pytest.mark.wire("W064")
@pytest.mark.parametrize("coding", [b"snappy", b"IDENTITY", b"GZIP", b""])
def test_w064_a_coding_that_we_cannot_read_is_refused_with_those_that_we_can(coding: bytes) -> None:
    info = request_of(grpc_encoding=coding)
    assert refused(info) == (200, StatusCode.UNIMPLEMENTED, f"grpc-encoding {coding!r} is not supported")
    assert info.refusal is not None
    assert dict(info.refusal.head().fields)[b"grpc-accept-encoding"] == ACCEPT_ENCODING


@pytest.mark.wire("W060")
def test_w060_identity_is_the_coding_of_messages_as_they_are() -> None:
    assert request_of(grpc_encoding=b"identity").refusal is None


@pytest.mark.wire("W034")
def test_w034_metadata_that_is_not_base64_is_refused() -> None:
    status, code, details = refused(request_of((b"k-bin", b"!!!!")))
    assert (status, code) == (200, StatusCode.INTERNAL)
    assert 'key "k-bin" is not base64' in details


@pytest.mark.wire("W033")
def test_w033_binary_values_are_split_at_commas() -> None:
    assert request_of((b"k-bin", b"AA,AQ==")).metadata == (("k-bin", b"\0"), ("k-bin", b"\1"))


@pytest.mark.parametrize("name", ["content_type", "path", "grpc_encoding", "method"])
def test_an_answer_does_not_grow_with_what_was_sent(name: str) -> None:
    info = request_of(**{name: b"x" * 10_000})
    assert info.refusal is not None
    assert info.refusal.head().size < 1_000


def test_a_request_head_is_read_once() -> None:
    head = read_head(request())
    assert request_info(head) is request_info(head)


# -- responses ---------------------------------------------------------------------------------------------------------


def response_of(*fields: Field) -> ResponseInfo:
    return ResponseInfo(read_head(fields))


def test_a_response_that_is_in_order() -> None:
    info = response_of(*RESPONSE, (b"x-a", b"1"))
    assert info.error is None
    assert info.metadata == (("x-a", "1"),)


def test_trailers_carry_the_status() -> None:
    info = response_of((b"grpc-status", b"5"), (b"grpc-message", b"no%20%E2%98%BA"), (b"x-t", b"v"))
    assert (info.error, info.status, info.metadata) == (None, (StatusCode.NOT_FOUND, "no ☺"), (("x-t", "v"),))


@pytest.mark.wire("W085")
@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"17", StatusCode.UNKNOWN),
        (b"99", StatusCode.UNKNOWN),
        (b"4294967296", StatusCode.UNKNOWN),
        (b"00", StatusCode.OK),
        (b"007", StatusCode.PERMISSION_DENIED),
    ],
)
def test_w085_an_unknown_number_keeps_the_message(value: bytes, code: StatusCode) -> None:
    assert response_of((b"grpc-status", value), (b"grpc-message", b"said")).status == (code, "said")


@pytest.mark.wire("W085")
@pytest.mark.parametrize("value", [b"", b"-", b"-1", b"OK", b"1.0", b"0x1"])
def test_w085_a_status_that_is_no_number_is_unknown_and_quoted(value: bytes) -> None:
    code, details = response_of((b"grpc-status", value), (b"grpc-message", b"said")).status
    assert code is StatusCode.UNKNOWN
    assert details == f"Error parsing returned status: grpc-status is {value!r}, not a decimal number"


@pytest.mark.wire("W087")
def test_w087_trailers_without_a_status_are_unknown() -> None:
    assert response_of((b"x-t", b"v")).status == (StatusCode.UNKNOWN, "the response ended without grpc-status")


HTTP_STATUSES = {  # http-grpc-status-mapping.md
    200: StatusCode.UNKNOWN,
    204: StatusCode.UNKNOWN,
    302: StatusCode.UNKNOWN,
    400: StatusCode.INTERNAL,
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.UNIMPLEMENTED,
    418: StatusCode.UNKNOWN,
    429: StatusCode.UNAVAILABLE,
    500: StatusCode.UNKNOWN,
    502: StatusCode.UNAVAILABLE,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.UNAVAILABLE,
}


@pytest.mark.wire("A7")
@pytest.mark.parametrize("http_status", HTTP_STATUSES)
def test_a7_a_response_without_grpc_status_has_the_status_of_http(http_status: int) -> None:
    info = response_of((b":status", b"%d" % http_status), (b"content-type", b"text/html"))
    details = f"Received http2 header with status: {http_status} and content-type b'text/html'"
    assert info.error == info.status == (HTTP_STATUSES[http_status], details)


@pytest.mark.wire("W087")
@pytest.mark.parametrize("http_status", [h for h in HTTP_STATUSES if h != 200])
def test_w087_the_content_type_of_grpc_does_not_make_an_http_error_a_grpc_response(http_status: int) -> None:
    info = response_of((b":status", b"%d" % http_status), (b"content-type", b"application/grpc"))
    assert info.status[0] is HTTP_STATUSES[http_status]


@pytest.mark.wire("W088")
def test_w088_grpc_status_wins_over_the_http_status() -> None:
    info = response_of((b":status", b"503"), (b"grpc-status", b"7"), (b"grpc-message", b"no"))
    assert info.status == (StatusCode.PERMISSION_DENIED, "no")
    info = response_of((b":status", b"415"), (b"content-type", b"text/plain"), (b"grpc-status", b"3"))
    assert info.status == (StatusCode.INVALID_ARGUMENT, "")


@pytest.mark.wire("W065")
def test_w065_a_coding_that_we_cannot_read_is_an_error_of_the_response() -> None:
    info = response_of(*RESPONSE, (b"grpc-encoding", b"snappy"))
    assert info.error == (StatusCode.INTERNAL, "grpc-encoding b'snappy' is not supported")
    assert response_of(*RESPONSE, (b"grpc-encoding", b"gzip")).coding is not None
    assert response_of(*RESPONSE, (b"grpc-encoding", b"identity")).error is None


def test_bad_metadata_spoils_ok_and_no_other_status() -> None:
    bad = (b"k-bin", b"!")
    code, details = response_of((b"grpc-status", b"0"), bad).status
    assert code is StatusCode.INTERNAL
    assert "k-bin" in details
    info = response_of((b"grpc-status", b"5"), (b"grpc-message", b"gone"), bad)
    assert (info.status, info.metadata) == ((StatusCode.NOT_FOUND, "gone"), ())
    assert response_of(*RESPONSE, bad).error is not None


def test_a_response_head_is_read_once() -> None:
    head = read_head(OK_TRAILERS)
    assert response_info(head) is response_info(head)


# -- what we send ------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W001", "W008")
def test_w001_w008_the_request_head_in_its_order() -> None:
    head = request_head("/p.S/M", "host:1", "http", "me/1")
    assert head.fields == (
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/p.S/M"),
        (b":authority", b"host:1"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
        (b"user-agent", b"me/1"),
        (b"grpc-accept-encoding", ACCEPT_ENCODING),
    )
    assert request_info(head).refusal is None, "what we send we accept"


@pytest.mark.wire("W012")
def test_w012_the_user_agent_says_language_variant_and_version() -> None:
    assert USER_AGENT.startswith(f"grpc-python-plait/{VERSION} (")


@pytest.mark.parametrize(
    ("path", "authority"),
    [("no/slash", "host"), ("/a b/c", "host"), ("", "host"), ("/s/ü", "h"), ("/s/m", "user@host")],
)
def test_a_method_that_cannot_be_called_is_an_error_when_it_is_named(path: str, authority: str) -> None:
    with pytest.raises(ValueError, match="cannot be called"):
        request_head(path, authority, "http", "me")


def test_fields_are_added_at_the_end_of_a_head() -> None:
    assert with_fields(RESPONSE_HEAD, ()) is RESPONSE_HEAD
    head = with_fields(RESPONSE_HEAD, ((b"x-a", b"1"), (b"x-a", b"2")))
    assert head.fields == RESPONSE_HEAD.fields + ((b"x-a", b"1"), (b"x-a", b"2"))


def test_cookies_can_be_sent_as_metadata_each_in_its_field() -> None:
    cookies = ((b"cookie", b"a=1"), (b"cookie", b"b=2"))
    head = with_fields(request_head("/p.S/M", "host:1", "http", "me/1"), cookies)
    assert head.fields[-2:] == cookies
    assert head.path == b"/p.S/M"


@pytest.mark.wire("W081", "W082")
def test_w081_w082_the_heads_that_carry_a_status() -> None:
    for code in StatusCode:
        number = b"%d" % code.value[0]
        assert TRAILERS[code].fields == ((b"grpc-status", number),)
        assert TRAILERS_ONLY[code].fields == RESPONSE + ((b"grpc-status", number),)
    heads: list[Head] = [RESPONSE_HEAD, *TRAILERS.values(), *TRAILERS_ONLY.values()]
    assert all(response_info(head).error is None for head in heads), "what we send we accept"
