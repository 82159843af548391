"""From targets to addresses, without looking anything up."""

from __future__ import annotations

import pytest

from grpc_core.resolver import Pacing, found, interleaved, is_name
from grpc_core.target import Address, parse_target


@pytest.mark.wire("W180")
@pytest.mark.parametrize(
    ("target", "names"),
    [
        ("localhost:1", [True]),
        ("dns:///example.com", [True]),
        ("127.0.0.1:1", [False]),
        ("[::1]:1", [False]),
        ("[fe80::1%eth0]:1", [False]),
        ("ipv4:1.2.3.4:5,6.7.8.9:10", [False, False]),
        ("unix:/run/s", [False]),
        ("unix-abstract:s", [False]),
        ("vsock:2:5", [False]),
        ("unknown:5", [True]),
    ],
)
def test_what_has_to_be_looked_up(target: str, names: list[bool]) -> None:
    assert [is_name(address) for address in parse_target(target).addresses] == names


def test_what_getaddrinfo_finds_is_taken_once_with_the_port_of_the_name() -> None:
    infos = [(2, 1, 6, "", ("1.1.1.1", 80)), (10, 1, 6, "", ("::1", 80, 0, 0)), (2, 1, 6, "", ("1.1.1.1", 80))]
    assert found(Address("name", 80), infos) == (Address("1.1.1.1", 80), Address("::1", 80))


@pytest.mark.wire("W173")
@pytest.mark.parametrize(
    ("hosts", "mixed"),
    [
        ("::1 ::2 ::3 1.1.1.1 2.2.2.2", "::1 1.1.1.1 ::2 2.2.2.2 ::3"),
        ("1.1.1.1 ::1 ::2 ::3", "1.1.1.1 ::1 ::2 ::3"),
        ("1.1.1.1 2.2.2.2 ::1", "1.1.1.1 ::1 2.2.2.2"),
        ("1.1.1.1 2.2.2.2", "1.1.1.1 2.2.2.2"),
        ("::1 ::1 1.1.1.1", "::1 1.1.1.1"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_families_alternate_beginning_with_the_first(hosts: str, mixed: str) -> None:
    addresses = [Address(host, 1) for host in hosts.split()]
    assert interleaved(addresses) == tuple(Address(host, 1) for host in mixed.split())


def test_a_name_is_looked_up_so_often_once_there_was_an_answer() -> None:
    pacing = Pacing(30)
    assert pacing.is_due(0)
    assert pacing.is_due(0.1), "there was no answer"
    pacing.resolved(1)
    assert not pacing.is_due(30.9)
    assert pacing.is_due(31)
