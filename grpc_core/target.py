"""Targets: the names that channels connect to (gRPC naming.md).

    dns:[//authority/]host[:port]      the default, also for a bare "host:port"; the port is 443 when it is left out
    ipv4:address[:port][,address...]   ipv6:[address][:port][,...]
    unix:path   unix:///absolute/path  unix-abstract:name   vsock:cid:port

An unknown scheme is no scheme: the whole text is then a dns name, as in every implementation.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

DEFAULT_PORT = 443


class Address(NamedTuple):
    """Where to connect: a host (name or literal) and port, the path of a unix socket, or a vsock's number and port."""

    host: str = ""
    port: int = 0
    path: str = ""
    cid: int | None = None  # of a vsock address

    def __str__(self) -> str:
        if self.cid is not None:
            return f"vsock:{self.cid}:{self.port}"
        if self.path:
            return f"unix:{self.path}" if self.path[0] != "\0" else f"unix-abstract:{self.path[1:]}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Target(NamedTuple):
    """A parsed target: the addresses to try in their order, and the `:authority` that calls carry by default."""

    text: str
    addresses: tuple[Address, ...]
    authority: str
    is_dns: bool = False


@lru_cache(maxsize=256)
def parse_target(text: str) -> Target:
    """Parse the target of a channel. Raises ValueError with the part that is wrong."""
    scheme, colon, rest = text.partition(":")
    if colon and scheme == "unix":
        path = rest[2:] if rest.startswith("///") else rest
        if not path:
            raise ValueError(f"target {text!r}: unix: needs a path")
        return Target(text, (Address(path=path),), "localhost")
    if colon and scheme == "unix-abstract":
        return Target(text, (Address(path="\0" + rest),), "localhost")
    if colon and scheme == "vsock":
        return Target(text, (_vsock(rest, text),), "localhost")
    if colon and scheme in ("ipv4", "ipv6"):
        parts = rest.lstrip("/").split(",")
        addresses = tuple(_host_port(part, text) for part in parts)
        return Target(text, addresses, _authority(parts[0], addresses[0]))
    name = text
    if colon and scheme == "dns":
        name = rest
        if name.startswith("//"):
            name = name[2:].partition("/")[2]
    address = _host_port(name, text)
    return Target(text, (address,), quote(_authority(name, address), safe="[]:.-_~%"), is_dns=True)


def _authority(name: str, address: Address) -> str:
    """A host and port as they are written; but an IPv6 address in brackets, and without its interface, which means
    nothing elsewhere: RFC 6874 §4 has clients "remove any ZoneID attached to an outgoing URI".
    """
    authority = f"[{name}]" if name == address.host and ":" in name else name
    host, bracket, port = authority.partition("]")
    return host.partition("%")[0] + bracket + port if bracket else authority


def _vsock(rest: str, text: str) -> Address:
    cid, _, port = rest.partition(":")
    for part in (cid, port):
        if not (part.isascii() and part.isdigit() and int(part) < 2**32):
            raise ValueError(f"target {text!r}: vsock: needs two 32-bit numbers, cid:port")
    return Address(port=int(port), cid=int(cid))


def _host_port(name: str, text: str) -> Address:
    if name.startswith("["):
        host, bracket, port = name[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise ValueError(f"target {text!r}: {name!r} is not [IPv6 address]:port")
        port = port[1:]
    elif name.count(":") > 1:
        host, port = name, ""
    else:
        host, _, port = name.partition(":")
    if not host:
        raise ValueError(f"target {text!r}: the host is missing")
    if port and not (port.isascii() and port.isdigit() and int(port) < 65_536):
        raise ValueError(f"target {text!r}: {port!r} is not a port")
    return Address(host, int(port) if port else DEFAULT_PORT)


def format_peer(peername: object) -> str:
    """The peer as grpcio's `context.peer()` gives it, from an address of the socket module."""
    if isinstance(peername, tuple) and len(peername) >= 2:
        host, port = peername[0], peername[1]
        if isinstance(host, int):
            return f"vsock:{host}:{port}"
        return f"ipv6:%5B{host}%5D:{port}" if ":" in host else f"ipv4:{host}:{port}"
    return "unix:" + (peername if isinstance(peername, str) else "")
