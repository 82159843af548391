"""Listening addresses of a server, bound when they are named: so the port that was chosen is known before it starts."""

from __future__ import annotations

import os
import socket
import stat
from typing import Any

from grpc_core.target import Address


def bind(address: Address, reuse_port: bool) -> list[socket.socket]:
    """A listening address, bound; a host name is bound on all its addresses, with one port. Raises OSError.

    "[::]" is 0.0.0.0 on a machine without IPv6, as with grpcio.
    """
    if address.path:
        return [_bind_unix(address.path)]
    if address.cid is not None:
        return [_bind_vsock(address)]
    try:
        return _bind_host(address, reuse_port)
    except OSError:
        if address.host != "::":
            raise
        return _bind_host(Address("0.0.0.0", address.port), reuse_port)


def _bind_host(address: Address, reuse_port: bool) -> list[socket.socket]:
    infos = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    try:
        for family, _, _, _, name in infos:
            if bound and not address.port:  # the port that was chosen for the first
                name = (name[0], bound[0].getsockname()[1], *name[2:])
            bound.append(_bind_tcp(family, name, reuse_port))
    except OSError:
        for listening in bound:
            listening.close()
        raise
    return bound


def _bind_tcp(family: int, name: Any, reuse_port: bool) -> socket.socket:
    """A TCP address, bound. "[::]" takes IPv4 too, as grpcio's does."""
    # asyncio sets TCP_NODELAY on what is accepted only where the listening socket was made with the protocol named.
    # Without it, the last segment of a large message waits some 40 ms for the peer's delayed acknowledgement.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port and hasattr(socket, "SO_REUSEPORT"):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(name)
    except OSError:
        bound.close()
        raise
    return bound


def _bind_vsock(address: Address) -> socket.socket:
    """A vsock address, bound, where the platform has them."""
    if not hasattr(socket, "AF_VSOCK"):
        raise OSError("this platform has no vsock")
    bound = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    try:
        bound.bind((address.cid, address.port))
    except OSError:
        bound.close()
        raise
    return bound


def _bind_unix(path: str) -> socket.socket:
    """A unix socket, bound. The file that an earlier server has left behind is taken away first, as grpcio does."""
    if path[0] != "\0" and os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
        os.unlink(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(path)
    except OSError:
        bound.close()
        raise
    return bound
