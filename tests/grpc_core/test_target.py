"""Targets and peers: W180 of the checklist."""

from __future__ import annotations

import pytest

from grpc_core.headers import request_head
from grpc_core.target import DEFAULT_PORT, Address, format_peer, parse_target

TARGETS = {
    "host:1": (("host", 1), "host:1"),
    "host": (("host", DEFAULT_PORT), "host"),
    "host:": (("host", DEFAULT_PORT), "host:"),
    "127.0.0.1:50051": (("127.0.0.1", 50051), "127.0.0.1:50051"),
    "[::1]:50051": (("::1", 50051), "[::1]:50051"),
    "[::]:0": (("::", 0), "[::]:0"),
    "[::1]": (("::1", DEFAULT_PORT), "[::1]"),
    "::1": (("::1", DEFAULT_PORT), "[::1]"),
    "dns:host:1": (("host", 1), "host:1"),
    "dns:///host:1": (("host", 1), "host:1"),
    "dns://8.8.8.8/host:1": (("host", 1), "host:1"),
    "dns:host": (("host", DEFAULT_PORT), "host"),
    "localhost:65535": (("localhost", 65535), "localhost:65535"),
    "ipv4:127.0.0.1:1": (("127.0.0.1", 1), "127.0.0.1:1"),
    "ipv6:[::1]:1": (("::1", 1), "[::1]:1"),
    "ipv4:///127.0.0.1:1": (("127.0.0.1", 1), "127.0.0.1:1"),
    "[fe80::1%eth0]:1": (("fe80::1%eth0", 1), "[fe80::1]:1"),
    "fe80::1%eth0": (("fe80::1%eth0", DEFAULT_PORT), "[fe80::1]"),
    "ipv6:::1": (("::1", DEFAULT_PORT), "[::1]"),
    "ipv6:[fe80::1%eth0]:1": (("fe80::1%eth0", 1), "[fe80::1]:1"),
}


@pytest.mark.wire("W180")
@pytest.mark.parametrize("text", TARGETS)
def test_w180_a_target_has_addresses_and_an_authority(text: str) -> None:
    (host, port), authority = TARGETS[text]
    target = parse_target(text)
    assert target.text == text
    assert target.addresses == (Address(host, port),)
    assert target.authority == authority
    request_head("/s/m", target.authority, "http", "test")  # what is parsed can be sent


def test_several_addresses_are_tried_in_their_order() -> None:
    target = parse_target("ipv4:127.0.0.1:1,127.0.0.2:2,127.0.0.3")
    assert [str(address) for address in target.addresses] == ["127.0.0.1:1", "127.0.0.2:2", "127.0.0.3:443"]
    assert target.authority == "127.0.0.1:1"


@pytest.mark.wire("W003")
@pytest.mark.parametrize(
    ("text", "path", "shown"),
    [
        ("unix:relative/path", "relative/path", "unix:relative/path"),
        ("unix:/run/x", "/run/x", "unix:/run/x"),
        ("unix:///run/x", "/run/x", "unix:/run/x"),
        ("unix-abstract:name", "\0name", "unix-abstract:name"),
    ],
)
def test_w003_a_unix_socket_has_the_authority_localhost(text: str, path: str, shown: str) -> None:
    target = parse_target(text)
    assert target.addresses == (Address(path=path),)
    assert str(target.addresses[0]) == shown
    assert target.authority == "localhost"


@pytest.mark.wire("W180")
def test_a_vsock_target_is_two_numbers() -> None:
    target = parse_target("vsock:2:5000")
    assert target.addresses == (Address(port=5000, cid=2),)
    assert (str(target.addresses[0]), target.authority) == ("vsock:2:5000", "localhost")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("vsock:2", "vsock: needs two 32-bit numbers"),
        ("vsock:2:x", "vsock: needs two 32-bit numbers"),
        ("vsock:-1:5", "vsock: needs two 32-bit numbers"),
        ("vsock:4294967296:5", "vsock: needs two 32-bit numbers"),
        ("", "the host is missing"),
        (":1", "the host is missing"),
        ("dns:", "the host is missing"),
        ("host:x", "'x' is not a port"),
        ("host:65536", "'65536' is not a port"),
        ("host:-1", "'-1' is not a port"),
        ("host:٣", "is not a port"),
        ("[::1", "is not [IPv6 address]:port"),
        ("[::1]x", "is not [IPv6 address]:port"),
        ("[]:1", "the host is missing"),
        ("unix:", "unix: needs a path"),
        ("ipv4:", "the host is missing"),
        ("ipv4:127.0.0.1:1,", "the host is missing"),
    ],
)
def test_a_malformed_target_says_what_is_wrong(text: str, part: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_target(text)
    assert part in str(caught.value)
    assert repr(text) in str(caught.value)


def test_an_authority_has_no_octets_that_http_forbids() -> None:
    assert parse_target("hö st:1").authority == "h%C3%B6%20st:1"


@pytest.mark.parametrize(
    ("peername", "text"),
    [
        (("127.0.0.1", 5000), "ipv4:127.0.0.1:5000"),
        ((2, 5000), "vsock:2:5000"),
        (("::1", 5000, 0, 0), "ipv6:%5B::1%5D:5000"),
        ("", "unix:"),
        ("/run/x", "unix:/run/x"),
        (b"\0abstract", "unix:"),
        (None, "unix:"),
    ],
)
def test_peers_in_grpcios_spelling(peername: object, text: str) -> None:
    assert format_peer(peername) == text
