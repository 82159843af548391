"""A link: what keeps one connection for a channel, and says how it stands (connectivity-semantics-and-api.md).

    IDLE  -- a call, or try_to_connect -->  CONNECTING  -->  READY  -- connection lost or GOAWAY -->  IDLE
                                                |  ^
                               every address fails  |  after the backoff (connection-backoff.md)
                                                v  |
                                         TRANSIENT_FAILURE

Addresses are tried in their order (pick_first). READY means that TLS is up and the server's SETTINGS have come. A
connection that got GOAWAY is left to finish the calls it has; new calls make a new one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import math
import random
from collections.abc import Awaitable, Callable

from grpc_core.aio.protocol import ClientProtocol
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.credentials import ChannelCredentials
from grpc_core.keepalive import Keepalive
from grpc_core.lifetime import Idle
from grpc_core.locality import NotLocalError, check_local
from grpc_core.options import Options
from grpc_core.target import Address, Target
from http2.aio.transport import Tap

_log = logging.getLogger("grpc_core.aio.link")


Activity = Callable[[], tuple[int, bool]]

Connector = Callable[[Callable[[], ClientProtocol], Address], Awaitable[ClientProtocol]]
"""Opens a connection some other way than by a socket: makes the protocol, joins it to a transport that leads to the
address, and gives it back. Raises OSError when that fails. `grpc_core.testing` has one."""


class ConnectFailed(Exception):
    """No address of the target could be connected to; the text tells the last error, in grpcio's words."""


class Link:
    """One channel's way to its target. Bound to the event loop that is running when it is first used."""

    def __init__(
        self,
        target: Target,
        options: Options,
        credentials: ChannelCredentials,
        tap: Tap | None = None,
        connector: Connector | None = None,
        activity: Activity = lambda: (0, False),
    ) -> None:
        """`activity` gives (calls ever begun, whether one runs): without calls the link goes idle in time."""
        self._target = target
        self._options = options
        self._tls = credentials.context()
        self._locality = credentials.locality
        self._tap = tap
        self._connector = connector
        self.state = ChannelConnectivity.IDLE
        self._ready: ClientProtocol | None = None
        self._protocols: set[ClientProtocol] = set()  # all that are not closed, with those that only finish their calls
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: list[tuple[asyncio.Future[ClientProtocol], bool]] = []
        self._state_waiters: list[asyncio.Future[None]] = []
        self._last_error = ""
        self._ping_backoff = 1.0  # by how much servers have stretched our keepalive time
        self._activity = activity
        self._idle_timer: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> ClientProtocol | None:
        """The connection for a new call, or None when there is none yet."""
        protocol = self._ready
        return protocol if protocol is not None and protocol.session.accepts_calls else None

    async def wait_ready(self, wait_for_ready: bool) -> ClientProtocol:
        """A connection for a new call, made if need be.

        Raises ConnectFailed when connecting fails, or has failed and waits to try again; with `wait_for_ready` it goes
        on waiting instead.
        """
        protocol = self.ready
        if protocol is not None:
            return protocol
        if self._ready is not None:
            self._on_lost(self._ready)  # it takes no more calls: its stream identifiers are used up
        if self.state is ChannelConnectivity.TRANSIENT_FAILURE and not wait_for_ready:
            raise ConnectFailed(self._last_error)
        self.connect()
        future: asyncio.Future[ClientProtocol] = asyncio.get_running_loop().create_future()
        self._waiting.append((future, wait_for_ready))
        return await future

    def connect(self) -> None:
        """Begin to connect, unless that is going on."""
        if self.state is ChannelConnectivity.IDLE:
            self._set_state(ChannelConnectivity.CONNECTING)
            self._watch_idleness()
            self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def wait_for_state_change(self, last_state: ChannelConnectivity) -> None:
        """Return when the state is another than `last_state`."""
        while self.state is last_state:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._state_waiters.append(future)
            await future

    async def close(self) -> None:
        """Close every connection: gracefully where calls are still running."""
        self._set_state(ChannelConnectivity.SHUTDOWN)
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        for future, _ in self._waiting:
            if not future.done():
                future.set_exception(ConnectFailed("Channel closed!"))
        self._waiting.clear()
        protocols = list(self._protocols)
        for protocol in protocols:
            protocol.connection.shut_down()
            protocol.flush()
        if protocols:
            await asyncio.wait([protocol.closed for protocol in protocols], timeout=1.0)
        for protocol in protocols:
            if protocol.transport is not None:
                protocol.transport.abort()

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        """Try until there is a connection, with a growing pause after each round of failures."""
        failures = 0
        while True:
            self._set_state(ChannelConnectivity.CONNECTING)
            protocol = await self._try_addresses()
            if protocol is not None:
                self._ready = protocol
                self._set_state(ChannelConnectivity.READY)
                waiting, self._waiting = self._waiting, []
                for future, _ in waiting:
                    if not future.done():
                        future.set_result(protocol)
                return
            failures += 1
            self._set_state(ChannelConnectivity.TRANSIENT_FAILURE)
            self._fail_waiting()
            await asyncio.sleep(self._options.backoff.delay_s(failures, random.random()))

    def _fail_waiting(self) -> None:
        """Tell those who do not wait for ready that connecting has failed."""
        waiting, self._waiting = self._waiting, []
        for future, wait_for_ready in waiting:
            if future.done():
                continue  # the call was cancelled, or its deadline has passed
            if wait_for_ready:
                self._waiting.append((future, wait_for_ready))
            else:
                future.set_exception(ConnectFailed(self._last_error))

    async def _try_addresses(self) -> ClientProtocol | None:
        for address in self._target.addresses:
            try:
                async with asyncio.timeout(self._options.backoff.connect_timeout_s):
                    return await self._open(address)
            except (OSError, TimeoutError, ValueError) as error:  # ValueError: a host that is no name, UnicodeError too
                self._last_error = (
                    "failed to connect to all addresses; last error: UNKNOWN: "
                    f"{_grpcio_address(address)}: {_describe(error)}"
                )
        return None

    async def _open(self, address: Address) -> ClientProtocol:
        loop = asyncio.get_running_loop()

        def factory() -> ClientProtocol:
            return ClientProtocol(self._options, self._on_lost, self._tap)

        hostname = None
        if self._tls is not None:
            authority = self._options.tls_name or self._options.authority or self._target.authority
            hostname = _host_of(authority) or address.host
        if self._connector is not None:
            protocol = await self._connector(factory, address)
        elif address.path:
            _, protocol = await loop.create_unix_connection(
                factory, address.path, ssl=self._tls, server_hostname=hostname
            )
        else:
            _, protocol = await loop.create_connection(
                factory,
                address.host,
                address.port,
                ssl=self._tls,
                server_hostname=hostname,
                happy_eyeballs_delay=None if _is_literal(address.host) else 0.25,
            )
        self._protocols.add(protocol)
        protocol.closed.add_done_callback(lambda _: self._protocols.discard(protocol))
        assert protocol.transport is not None
        try:
            if self._locality is not None:
                check_local(protocol.transport.get_extra_info("socket"), protocol.peername, self._locality)
            await protocol.ready
            if not protocol.session.accepts_calls:
                raise ConnectionResetError("the server went away at once")
        except BaseException:
            protocol.transport.abort()
            raise
        protocol.keep_alive(Keepalive(self._options.keepalive.for_client(), self._ping_backoff))
        return protocol

    def _on_lost(self, protocol: ClientProtocol) -> None:
        """A connection takes no new calls any more: it was lost, or got GOAWAY."""
        if protocol is self._ready:
            self._ready = None
            if protocol.was_told_too_many_pings:
                self._ping_backoff *= 2
                text = "%s sent GOAWAY too_many_pings: new connections of this channel ping at %g times keepalive_time"
                _log.warning(text, self._target.text, self._ping_backoff)
            if self.state is ChannelConnectivity.READY:
                self._set_state(ChannelConnectivity.IDLE)

    # -- idleness ------------------------------------------------------------------------------------------------------

    def _watch_idleness(self) -> None:
        """From the first attempt to connect on: without calls for `idle_timeout_s`, be as if nothing had been asked."""
        timeout_s = self._options.idle_timeout_s
        if timeout_s < math.inf and self._idle_timer is None:
            loop = asyncio.get_running_loop()
            idle = Idle(loop.time(), timeout_s, self._activity()[0])
            self._idle_timer = loop.call_at(idle.due, self._on_idle_timer, idle)

    def _on_idle_timer(self, idle: Idle) -> None:
        self._idle_timer = None
        loop = asyncio.get_running_loop()
        if not idle.poll(loop.time(), *self._activity()):
            self._idle_timer = loop.call_at(idle.due, self._on_idle_timer, idle)
        else:
            self._become_idle()

    def _become_idle(self) -> None:
        """Give up the connection, or the attempts to make one (gRFC A62); the next call begins anew."""
        if self._connecting is not None:
            self._connecting.cancel()
        self._ready = None
        for protocol in list(self._protocols):
            protocol.connection.shut_down("the channel is idle")
            protocol.flush()
        self._set_state(ChannelConnectivity.IDLE)

    # -- states --------------------------------------------------------------------------------------------------------

    def _set_state(self, state: ChannelConnectivity) -> None:
        if state is self.state or self.state is ChannelConnectivity.SHUTDOWN:
            return
        self.state = state
        waiters, self._state_waiters = self._state_waiters, []
        for future in waiters:
            if not future.done():
                future.set_result(None)


def _is_literal(host: str) -> bool:
    """Whether a host is an address, so that there is no second one to race it against."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _host_of(authority: str) -> str:
    """The host in "host", "host:port" or "[address]:port"."""
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0] if authority.count(":") < 2 else authority


def _grpcio_address(address: Address) -> str:
    if address.path:
        return str(address)
    return f"ipv6:%5B{address.host}%5D:{address.port}" if ":" in address.host else f"ipv4:{address}"


def _describe(error: BaseException) -> str:
    """An error of connecting, in words that say what happened."""
    if isinstance(error, ConnectionRefusedError):
        return "Failed to connect to remote host: Connection refused"
    if isinstance(error, TimeoutError):
        return "Failed to connect to remote host: Timeout occurred"
    if isinstance(error, NotLocalError):
        return str(error)
    if isinstance(error, ConnectionResetError):
        return f"connection failed before SETTINGS: {error}"
    return f"Failed to connect to remote host: {error}"
