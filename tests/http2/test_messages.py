"""Valid messages (RFC 9113 §8.2, §8.3, §8.5), one fault at a time."""

from __future__ import annotations

import pytest

from hpack_codec import Field, FieldList, NeverIndexedField
from http2.messages import (
    INFORMATIONAL,
    REQUEST,
    RESPONSE,
    TRAILERS,
    MalformedMessage,
    extended,
    field_list,
    read_head,
)
from tests.support.pair import GET, OK

METHOD, SCHEME, PATH, AUTHORITY = GET
TRAILER = ((b"grpc-status", b"0"),)


def malformed(fields: FieldList, section: str, text: str = "") -> None:
    """The list breaks the rule of this section; in a server's answer that is a 400."""
    with pytest.raises(MalformedMessage) as caught:
        read_head(fields)
    assert caught.value.rule == section, str(caught.value)
    assert text in str(caught.value)
    assert caught.value.status == 400


def request(**changes: bytes | None) -> FieldList:
    """GET with some pseudo-fields replaced, or left out (None)."""
    result = [(b":" + name.encode(), value) for name, value in changes.items() if value is not None]
    kept = [field for field in GET if field[0][1:].decode() not in changes]
    return tuple(kept + result)


# -- what a head says --------------------------------------------------------------------------------------------------


def test_a_request_is_taken_apart() -> None:
    head = read_head((*GET, (b"content-length", b"12"), (b"x", b"y")))
    assert head.kind == REQUEST
    assert (head.method, head.scheme, head.path, head.authority) == (b"GET", b"https", b"/", b"example.com")
    assert (head.status, head.content_length, head.protocol) == (0, 12, b"")
    assert (head.get(b"x"), head.get(b"y"), head.get(b"y", b"none")) == (b"y", b"", b"none")
    assert repr(head).startswith("<request ((b':method', b'GET')")


@pytest.mark.parametrize(
    ("fields", "kind", "status"),
    [
        (OK, RESPONSE, 200),
        (((b":status", b"999"),), RESPONSE, 999),
        (((b":status", b"103"),), INFORMATIONAL, 103),
        (TRAILER, TRAILERS, 0),
        ((), TRAILERS, 0),
    ],
)
def test_the_kind_follows_from_the_fields(fields: FieldList, kind: int, status: int) -> None:
    head = read_head(fields)
    assert (head.kind, head.status, head.fields) == (kind, status, fields)


def test_the_size_is_counted_as_the_setting_counts_it() -> None:
    head = read_head(((b":status", b"200"), (b"a", b"bc")))
    assert head.size == 7 + 3 + 32 + 1 + 2 + 32
    assert head.size == 77, "and is counted once"


def test_there_is_room_for_what_the_layer_above_finds() -> None:
    assert read_head(OK).memo is None


# -- names and values (§8.2.1) -----------------------------------------------------------------------------------------

TOKEN = b"abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~"


@pytest.mark.parametrize("octet", range(256))
def test_each_octet_in_a_name(octet: int) -> None:
    """MSG-01, MSG-05: only the characters of a token, in lower case."""
    for name in (b"a" + bytes([octet]), b"a" + bytes([octet]) + b"z"):
        fields = (*GET, (name, b"v"))
        if octet in TOKEN:
            assert read_head(fields).fields == fields
        else:
            malformed(fields, "RFC 9113 §8.2.1", "a name is a token in lower case")


@pytest.mark.parametrize("octet", [octet for octet in range(256) if octet != ord(":")])
def test_each_octet_alone_as_a_name(octet: int) -> None:
    if octet not in TOKEN:
        malformed((*GET, (bytes([octet]), b"v")), "RFC 9113 §8.2.1")


def test_an_empty_name_and_a_colon_alone_are_no_names() -> None:
    malformed((*GET, (b"", b"v")), "RFC 9113 §8.2.1")  # MSG-02
    malformed((METHOD, (b":", b"v")), "RFC 9113 §8.3")


@pytest.mark.parametrize("octet", range(256))
def test_each_octet_in_a_value(octet: int) -> None:
    """MSG-03: at the beginning, in the middle, at the end."""
    c = bytes([octet])
    for value, at_the_edge in ((c + b"v", True), (b"v" + c + b"v", False), (b"v" + c, True)):
        for fields in ((*GET, (b"x", value)), (*TRAILER, (b"x", value)), (*OK, (b"x", value))):  # MSG-04
            if octet in b"\x00\r\n" or (at_the_edge and octet in b" \t"):
                malformed(fields, "RFC 9113 §8.2.1", "field 'x' is")
            else:
                assert read_head(fields).fields == fields


def test_an_empty_value_is_a_value() -> None:
    assert read_head((*GET, (b"x", b""))).get(b"x", b"none") == b""


def test_a_long_value_is_shortened_in_the_message() -> None:
    malformed((*GET, (b"x", b"v" * 100 + b"\0")), "RFC 9113 §8.2.1", "'" + "v" * 60 + "'...")


@pytest.mark.parametrize("name", [b":method", b":scheme", b":path", b":authority", b":status"])
@pytest.mark.parametrize("value", [b"a\0", b"a\r", b"a\n", b" a", b"a\t"])
def test_values_of_pseudo_fields_are_checked_as_well(name: bytes, value: bytes) -> None:
    malformed(((name, value), *(field for field in GET if field[0] != name)), "RFC 9113 §8.2.1")  # MSG-04


# -- fields with rules of their own (§8.2.2, §8.2.3, RFC 9110 §8.6) ----------------------------------------------------


@pytest.mark.parametrize("name", [b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"])
def test_connection_specific_fields_are_malformed(name: bytes) -> None:
    for fields in (GET, OK, TRAILER):
        malformed((*fields, (name, b"x")), "RFC 9113 §8.2.2", "connection-specific field")  # MSG-06


def test_te_says_trailers_or_nothing_and_only_in_requests() -> None:
    for value in (b"trailers", b"Trailers"):
        assert read_head((*GET, (b"te", value))).kind == REQUEST
    for value in (b"gzip", b"trailers, deflate", b""):
        malformed((*GET, (b"te", value)), "RFC 9113 §8.2.2", 'only "trailers" is allowed')
    for fields in (OK, TRAILER):
        malformed((*fields, (b"te", b"trailers")), "RFC 9113 §8.2.2", "te in a response")


def test_cookies_are_joined_for_the_application_where_the_first_one_was() -> None:
    fields = (*GET, (b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"), (b"cookie", b"c=3"))
    head = read_head(fields)
    assert head.fields == (*GET, (b"cookie", b"a=1; b=2; c=3"), (b"x", b"y")), "MSG-08"
    assert read_head(fields, join_cookies=False).fields == fields
    one = (*GET, NeverIndexedField(b"cookie", b"a=1"))
    assert read_head(one).fields is one, "a single one stays as it came"


@pytest.mark.parametrize("value", [b"0", b"5", b"007", b"9" * 19])
def test_a_content_length_is_a_number(value: bytes) -> None:
    for fields in (GET, OK, TRAILER):
        assert read_head((*fields, (b"content-length", value))).content_length == int(value)
        assert read_head((*fields, (b"content-length", value), (b"content-length", value))).content_length == int(value)


@pytest.mark.parametrize(
    "value", [b"", b"+5", b"-1", b"5,5", b"5, 6", b"0x5", b"5.0", b"1" * 20, "٥".encode(), b"five", b"5 5"]
)
def test_what_is_no_content_length(value: bytes) -> None:
    malformed((*GET, (b"content-length", value)), "RFC 9110 §8.6", "is not a number")  # MSG-20


def test_two_content_lengths_must_be_the_same() -> None:
    fields = (*GET, (b"content-length", b"5"), (b"content-length", b"6"))
    malformed(fields, "RFC 9110 §8.6", "two content-length fields that differ")


# -- pseudo-header fields (§8.3) ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", [*GET, (b":protocol", b"websocket")])
def test_a_pseudo_field_comes_once(field: Field) -> None:
    malformed((*(f for f in GET if f[0] != field[0]), field, field), "RFC 9113 §8.3", "twice")  # MSG-09


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ((*GET, *OK), ":status together with a request's"),  # MSG-10
        ((*OK, METHOD), ":status together with a request's"),  # CLI-01
        ((*GET, (b":foo", b"bar")), "':foo' is not defined"),
        ((METHOD, SCHEME, PATH, (b"x", b"y"), AUTHORITY), "':authority' after a regular field"),
        (((b"x", b"y"), *OK), "':status' after a regular field"),
        ((*TRAILER, PATH), "':path' after a regular field"),
        ((*OK, *OK), "':status' twice"),
    ],
)
def test_pseudo_fields_that_may_not_stand_there(fields: FieldList, text: str) -> None:
    malformed(fields, "RFC 9113 §8.3", text)


@pytest.mark.parametrize("value", [b"", b"abc", b"99", b"2000", b"099", b"20", b"+20", b"2 0", b"\xb2\xb2\xb2"])
def test_a_status_has_three_digits(value: bytes) -> None:
    malformed(((b":status", value),), "RFC 9113 §8.3.2", "it has three digits")  # CLI-01


def test_there_is_no_switching_of_protocols() -> None:
    malformed(((b":status", b"101"),), "RFC 9113 §8.6", ":status 101")  # CLI-02


# -- requests (§8.3.1) -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "text"), [("method", "a token"), ("scheme", "a scheme"), ("path", "without :path")])
def test_each_required_field_missing_alone(name: str, text: str) -> None:
    malformed(request(**{name: None}), "RFC 9113 §8.3.1", text)  # MSG-11


@pytest.mark.parametrize("value", [b"get", b"M-SEARCH", b"X_Y", b"PATCH"])
def test_any_token_is_a_method(value: bytes) -> None:
    assert read_head(request(method=value)).method == value  # MSG-15


@pytest.mark.parametrize("value", [b"", b"GE T", b"G\x01T", b"GET/", b"G(T", b"GET\x7f", b"G\xe9T"])
def test_what_is_no_method(value: bytes) -> None:
    malformed(request(method=value), "RFC 9113 §8.3.1", ":method is")  # MSG-15


@pytest.mark.parametrize("value", [b"/", b"/a/b?c=d&e", b"/%20", b"//", b"/a;b=c,d:e@f!$&'()*+"])
def test_paths_in_origin_form(value: bytes) -> None:
    assert read_head(request(path=value)).path == value


@pytest.mark.parametrize(
    "value", [b"", b"*", b"a", b"svc/Method", b"/a#b", b"/a b", b"/\x01", "/é".encode(), b"http://x/", b"?a", b"/\x7f"]
)
def test_what_is_no_path(value: bytes) -> None:
    malformed(request(path=value), "RFC 9113 §8.3.1", ":path is")  # MSG-12
    assert read_head(request(path=value), check_path=False).path == value, "a path is judged, never repaired"


def test_options_may_ask_about_the_server_as_a_whole() -> None:
    assert read_head(request(method=b"OPTIONS", path=b"*")).path == b"*"  # MSG-13
    malformed(request(method=b"OPTIONS", path=b"**"), "RFC 9113 §8.3.1")


@pytest.mark.parametrize("value", [b"http", b"https", b"HTTP", b"ftp", b"coap+tcp", b"a.b-c1"])
def test_schemes(value: bytes) -> None:
    assert read_head(request(scheme=value)).scheme == value


@pytest.mark.parametrize("value", [b"", b"http://", b"1a", b"a b", b"a:", b"h\xe9"])
def test_what_is_no_scheme(value: bytes) -> None:
    malformed(request(scheme=value), "RFC 9113 §8.3.1", ":scheme is")  # MSG-14


@pytest.mark.parametrize("value", [b"x", b"x:80", b"x:", b"[::1]", b"[::1]:443", b"a_b.c-d", b"10.0.0.1", b"%41"])
def test_authorities(value: bytes) -> None:
    assert read_head(request(authority=value)).authority == value


@pytest.mark.parametrize("value", [b"", b"x:y", b"x:80:81", b"[::1", b"::1", b"a/b", b"a b", b"a?b", b"a#b", b"\xe9"])
def test_what_is_no_authority(value: bytes) -> None:
    malformed(request(authority=value), "RFC 9113 §8.3.1", "host and optional port are required")  # MSG-16


def test_userinfo_is_forbidden() -> None:
    malformed(request(authority=b"me@example.com"), "RFC 9113 §8.3.1", "contains userinfo")  # MSG-16
    malformed((METHOD, SCHEME, PATH, (b"host", b"me@example.com")), "RFC 9113 §8.3.1", "contains userinfo")
    assert read_head(request(scheme=b"ftp", authority=b"me@x")).authority == b"me@x", "the rule is for http and https"


def test_an_authority_may_be_missing() -> None:
    assert read_head((METHOD, SCHEME, PATH)).authority == b""  # MSG-18: what to do is the application's policy


@pytest.mark.parametrize(
    ("scheme", "authority", "host"),
    [
        (b"https", b"example.com", b"example.com"),
        (b"https", b"example.com", b"EXAMPLE.com"),
        (b"https", b"example.com:443", b"example.com"),
        (b"http", b"example.com", b"example.com:80"),
    ],
)
def test_host_may_say_the_same_again(scheme: bytes, authority: bytes, host: bytes) -> None:
    head = read_head((*request(scheme=scheme, authority=authority), (b"host", host)))
    assert head.authority == authority  # MSG-17


def test_host_alone_becomes_the_authority() -> None:
    assert read_head((METHOD, SCHEME, PATH, (b"host", b"a:1"))).authority == b"a:1"


@pytest.mark.parametrize(
    ("scheme", "host"), [(b"https", b"example.com:80"), (b"http", b"example.com:443"), (b"http", b"example.org")]
)
def test_host_must_not_say_something_else(scheme: bytes, host: bytes) -> None:
    malformed((*request(scheme=scheme), (b"host", host)), "RFC 9113 §8.3.1", "differs from :authority")


def test_two_hosts_are_one_too_many() -> None:
    malformed((*GET, (b"host", b"example.com"), (b"host", b"example.com")), "RFC 9113 §8.3.1", "two host fields")


def test_in_a_response_host_means_nothing() -> None:
    assert read_head((*OK, (b"host", b"anything at all"))).authority == b""


# -- CONNECT (§8.5) and extended CONNECT (RFC 8441) --------------------------------------------------------------------


def test_connect_has_an_authority_and_nothing_else() -> None:
    head = read_head(((b":method", b"CONNECT"), (b":authority", b"example.com:443")))
    assert (head.kind, head.authority) == (REQUEST, b"example.com:443")  # MSG-24


@pytest.mark.parametrize("field", [SCHEME, PATH])
def test_connect_has_no_scheme_and_no_path(field: Field) -> None:
    fields = ((b":method", b"CONNECT"), AUTHORITY, field)
    malformed(fields, "RFC 9113 §8.5", "CONNECT with :scheme or :path")


@pytest.mark.parametrize("fields", [(), ((b":authority", b""),), ((b":authority", b"a@b:1"),)])
def test_connect_needs_an_authority(fields: FieldList) -> None:
    malformed(((b":method", b"CONNECT"), *fields), "RFC 9113 §8.5", "CONNECT with the :authority")


def test_extended_connect_was_never_announced() -> None:
    malformed((*request(method=b"CONNECT"), (b":protocol", b"websocket")), "RFC 8441 §3", ":protocol without")
    malformed((*GET, (b":protocol", b"websocket")), "RFC 8441 §3", ":protocol without")  # MSG-25


# -- a head with more --------------------------------------------------------------------------------------------------


def test_a_head_can_be_extended_and_only_the_rest_is_checked() -> None:
    head = read_head((*GET, (b"content-length", b"3")))
    more = extended(head, ((b"x", b"y"),))
    assert more.fields == (*GET, (b"content-length", b"3"), (b"x", b"y"))
    for name in ("kind", "method", "scheme", "path", "authority", "protocol", "status", "content_length"):
        assert getattr(more, name) == getattr(head, name)
    assert more.size == head.size + 34
    assert extended(read_head(OK), ()).status == 200


@pytest.mark.parametrize(
    "field", [(b"X", b"y"), (b"x", b"y\n"), (b":path", b"/"), (b"host", b"x"), (b"upgrade", b"h2c")]
)
def test_a_head_cannot_be_extended_by_what_needs_a_look_at_the_whole(field: Field) -> None:
    with pytest.raises(MalformedMessage, match="cannot be added to a head"):
        extended(read_head(GET), (field,))


# -- fields as people write them ---------------------------------------------------------------------------------------


def test_a_field_list_is_written_in_str_or_bytes_and_any_case() -> None:
    fields = field_list([("Content-Type", "text/plain"), (b"X-Bin", b"\xff"), ("x-latin", "é")])
    assert fields == ((b"content-type", b"text/plain"), (b"x-bin", b"\xff"), (b"x-latin", b"\xe9"))


def test_a_field_that_must_not_be_indexed_stays_one() -> None:
    (field,) = field_list([NeverIndexedField(b"Authorization", b"secret")])
    assert field == NeverIndexedField(b"authorization", b"secret")
