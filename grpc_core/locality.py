"""Local credentials: connections that are trusted because they do not leave the machine.

There is no TLS on them. What they promise is checked on every connection, on both sides: the peer is a Unix socket, or
it has a loopback address. Whoever can read those already is this machine, so call credentials may go over them.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

NOT_LOCAL = "Endpoint is neither UDS or TCP loopback address."


@enum.unique
class LocalConnectionType(enum.Enum):
    """Which connections count as local: Unix domain sockets, or TCP over loopback."""

    UDS = 0
    LOCAL_TCP = 1


class NotLocalError(OSError):
    """A connection that local credentials were to secure leaves the machine, or is of the other type."""


def check_local(endpoint: socket.socket | None, peername: Any, kind: LocalConnectionType) -> None:
    """Check a connection, by its socket and the address of its peer. Raises NotLocalError."""
    if endpoint is None or not _is_local(endpoint.family, peername, kind):
        raise NotLocalError(NOT_LOCAL)


def _is_local(family: int, peername: Any, kind: LocalConnectionType) -> bool:
    import ipaddress  # by who has connections, and not by who has only credentials
    import socket

    if kind is LocalConnectionType.UDS:
        return family == getattr(socket, "AF_UNIX", None)
    if family not in (socket.AF_INET, socket.AF_INET6):
        return False
    address = ipaddress.ip_address(peername[0].partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
