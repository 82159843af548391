"""Dialing: one attempt to make one connection to one address, up to the server's SETTINGS.

    socket (perhaps through an HTTP CONNECT proxy)  ->  TLS with ALPN  ->  HTTP/2 preface and SETTINGS  ->  READY

What goes wrong on the way is raised as `DialFailed`, in grpcio's words where it has some. A connection that was made
is watched by `Upkeep`, and belongs to the dialer until it is closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from grpc_core.aio.protocol import ClientProtocol, KeeperOfConnection
from grpc_core.credentials import ChannelCredentials
from grpc_core.keepalive import Keepalive
from grpc_core.locality import NotLocalError, check_local
from grpc_core.logs import logger
from grpc_core.options import Options
from grpc_core.proxy import ANSWER_BYTES_MAX, Proxy, ProxyError
from grpc_core.target import Address, Target
from http2.aio.transport import Tap

_log = logger("aio.link")

Connector = Callable[[Callable[[], ClientProtocol], Address], Awaitable[ClientProtocol]]
"""Opens a connection some other way than by a socket: makes the protocol, joins it to a transport that leads to the
address, and gives it back. Raises OSError when that fails. `grpc_core.testing` has one."""


class DialFailed(Exception):
    """A connection was not made. The text says to whom and why; `address` and `cause` say it to programs."""

    def __init__(self, address: Address, cause: BaseException) -> None:
        super().__init__(f"{grpcio_address(address)}: {describe(cause)}")
        self.address = address
        self.cause = cause


class Dialer:
    """Makes the connections of one channel, and knows those that are open."""

    __slots__ = (
        "_connector",
        "_locality",
        "_options",
        "_proxy",
        "_tap",
        "_target",
        "_tls",
        "ping_backoff",
        "protocols",
    )

    def __init__(
        self,
        target: Target,
        options: Options,
        credentials: ChannelCredentials,
        tap: Tap | None,
        connector: Connector | None,
        proxy: Proxy | None,
    ) -> None:
        self._target = target
        self._options = options
        self._tls = credentials.context()
        self._locality = credentials.locality
        self._tap = tap
        self._connector = connector
        self._proxy = proxy
        self.protocols: set[ClientProtocol] = set()
        """All that are not closed, with those that only finish their calls. Their keepers see to that."""
        self.ping_backoff = 1.0
        """By how much servers have stretched our keepalive time."""

    async def dial(self, address: Address, keeper: KeeperOfConnection) -> ClientProtocol:
        """A connection that is READY, for its keeper. Raises DialFailed."""
        try:
            async with asyncio.timeout(self._options.backoff.connect_timeout_s):
                return await self._open(address, keeper)
        except (OSError, TimeoutError, ValueError) as error:
            raise DialFailed(address, error)

    async def _open(self, address: Address, keeper: KeeperOfConnection) -> ClientProtocol:
        def factory() -> ClientProtocol:
            return ClientProtocol(self._options, keeper, self._tap)

        protocol = await self._connect(address, factory)
        assert protocol.transport is not None
        try:
            if self._locality is not None:
                check_local(protocol.transport.get_extra_info("socket"), protocol.peername, self._locality)
            await protocol.wait_ready()
            if not protocol.session.accepts_calls:
                raise ConnectionResetError("the server went away at once")
        except BaseException:
            protocol.transport.abort()
            raise
        protocol.keep_alive(Keepalive(self._options.client_keepalive, self.ping_backoff))
        return protocol

    async def _connect(self, address: Address, factory: Callable[[], ClientProtocol]) -> ClientProtocol:
        """The transport, with its protocol."""
        if self._connector is not None:
            return await self._connector(factory, address)
        loop = asyncio.get_running_loop()
        tls, name = self._tls, None
        if tls is not None:
            name = _host_of(self._options.tls_name or self._options.authority or self._target.authority) or address.host
        if address.path:
            _, protocol = await loop.create_unix_connection(factory, address.path, ssl=tls, server_hostname=name)
        elif address.cid is not None or self._proxy is not None:
            sock = await self._tunnel(address, self._proxy) if self._proxy is not None else await _vsock(address)
            _, protocol = await loop.create_connection(factory, sock=sock, ssl=tls, server_hostname=name)
        else:
            _, protocol = await loop.create_connection(
                factory, address.host, address.port, ssl=tls, server_hostname=name
            )
        return protocol

    async def _tunnel(self, address: Address, proxy: Proxy) -> socket.socket:
        """A socket to the proxy at this address, after which the target's octets follow."""
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, (address.host, address.port))
            await loop.sock_sendall(sock, proxy.request(str(self._target.addresses[0])))
            head = b""
            while not head.endswith(b"\r\n\r\n"):  # octet by octet: what follows is the target's already
                octet = await loop.sock_recv(sock, 1)
                head += octet
                if not octet or len(head) > ANSWER_BYTES_MAX:
                    raise ProxyError(f"the HTTP proxy {proxy.address} closed the connection, or answers without end")
            proxy.check_answer(head)
        except BaseException:
            sock.close()
            raise
        return sock

    def told_too_many_pings(self) -> None:
        """A server has sent us away because of our PINGs: new connections ping half as often (gRFC A8)."""
        self.ping_backoff *= 2
        text = "%s sent GOAWAY too_many_pings: new connections of this channel ping at %g times keepalive_time"
        _log.warning(text, self._target.text, self.ping_backoff)

    def shut_down(self, reason: str = "") -> list[ClientProtocol]:
        """Let every connection finish the calls it has, and close. Those that are not closed yet."""
        protocols = list(self.protocols)
        for protocol in protocols:
            protocol.connection.shut_down(reason)
            protocol.flush()
        return protocols


async def _vsock(address: Address) -> socket.socket:
    if not hasattr(socket, "AF_VSOCK"):
        raise OSError("this platform has no vsock")
    sock = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (address.cid, address.port))
    except BaseException:
        sock.close()
        raise
    return sock


def _host_of(authority: str) -> str:
    """The host in "host", "host:port" or "[address]:port"."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0] if authority.count(":") < 2 else authority


def grpcio_address(address: Address) -> str:
    """An address in grpcio's spelling."""
    if address.path or address.cid is not None:
        return str(address)
    return f"ipv6:%5B{address.host}%5D:{address.port}" if ":" in address.host else f"ipv4:{address}"


def describe(error: BaseException) -> str:
    """An error of connecting, in words that say what happened."""
    if isinstance(error, ConnectionRefusedError):
        return "Failed to connect to remote host: Connection refused"
    if isinstance(error, TimeoutError):
        return "Failed to connect to remote host: Timeout occurred"
    if isinstance(error, NotLocalError | ProxyError):
        return str(error)
    if isinstance(error, ConnectionResetError):
        return f"connection failed before SETTINGS: {error}"
    return f"Failed to connect to remote host: {error}"
