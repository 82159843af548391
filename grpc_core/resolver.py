"""From a target to addresses (naming.md): what has to be looked up, in which order to try, and when to look again.

The look-up itself waits and is done in `aio.link`; here is everything about it that does not.

    dns        names are looked up; literals are not
    ipv4, ipv6, unix, unix-abstract, vsock    say their addresses themselves

Addresses of both families alternate (RFC 8305 §4), so that a machine whose IPv6 leads nowhere finds out after one
attempt. A name is looked up again when a connection was lost or could not be made, but not more often than
`grpc.dns_min_time_between_resolutions_ms` allows, once there was an answer.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterable, Sequence
from typing import Any

from grpc_core.target import Address


def is_name(address: Address) -> bool:
    """Whether an address has to be looked up."""
    if address.path or address.cid is not None:
        return False
    try:
        ipaddress.ip_address(address.host.partition("%")[0])  # an IPv6 address may name its interface
    except ValueError:
        return True
    return False


def found(name: Address, infos: Iterable[tuple[Any, ...]]) -> tuple[Address, ...]:
    """The addresses in what `getaddrinfo` has found for a name, each once, in its order."""
    return tuple(dict.fromkeys(Address(str(info[4][0]), name.port) for info in infos))


def interleaved(addresses: Sequence[Address]) -> tuple[Address, ...]:
    """The addresses with their families in turn, beginning with the first one's; else in their order, each once."""
    first: list[Address] = []
    second: list[Address] = []
    for address in dict.fromkeys(addresses):
        (first if _is_ipv6(address) == _is_ipv6(addresses[0]) else second).append(address)
    mixed = [address for pair in zip(first, second, strict=False) for address in pair]
    shorter = min(len(first), len(second))
    return (*mixed, *first[shorter:], *second[shorter:])


def _is_ipv6(address: Address) -> bool:
    return ":" in address.host


class Pacing:
    """When a name may be looked up: whenever there is no answer, and so often when there is one."""

    __slots__ = ("_interval_s", "_resolved_at")

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._resolved_at = -math.inf

    def is_due(self, now: float) -> bool:
        """Whether to look again, rather than to use the last answer."""
        return now >= self._resolved_at + self._interval_s

    def resolved(self, now: float) -> None:
        """There was an answer."""
        self._resolved_at = now
