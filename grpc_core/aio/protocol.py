"""A session on an asyncio connection: HTTP/2 events go to the calls, and what the calls say leaves once per tick.

A read is one tick: its events go to the calls, then handlers and callers who have waited for them go on, and what all
these have said leaves in one write, before the loop turns.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Protocol

from grpc_core.aio import chance
from grpc_core.aio.eager import TaskStarter, resolve
from grpc_core.aio.security import Security
from grpc_core.aio.upkeep import Upkeep
from grpc_core.calls import ServerCall
from grpc_core.counters import SocketCounts
from grpc_core.keepalive import TOO_MANY_PINGS, Keepalive, PingPolice
from grpc_core.lifetime import Lifetime
from grpc_core.locality import LocalConnectionType, NotLocalError, check_local
from grpc_core.options import Options
from grpc_core.session import ClientSession, GrpcConnection, ServerSession
from grpc_core.target import format_peer
from http2 import ConnectionTerminated, ErrorCode, Event, GoAwayReceived, PingReceived, SettingsReceived
from http2.aio.transport import ConnectionProtocol, Tap
from http2.errors import error_name

if TYPE_CHECKING:
    from grpc_core.aio.rpc import Rpc


class CallProtocol(ConnectionProtocol):
    """What both sides have in common: how those who wait for something from the peer go on when it is there."""

    __slots__ = ("_woken", "tasks")

    def __init__(self, connection: GrpcConnection, tap: Tap | None) -> None:
        super().__init__(connection, tap=tap)
        self.tasks = TaskStarter(self.loop)
        """Where the tasks of handlers come from."""
        self._woken: list[asyncio.Future[None]] | None = None
        """Who has waited for what the read that is being looked at has brought; None outside one."""

    def data_received(self, data: bytes | memoryview) -> None:
        connection = self.connection
        said = connection.messages_sent
        was_scheduled = self._flush_scheduled
        woken: list[asyncio.Future[None]] = []
        self._woken = woken
        self._flush_waits = True
        try:
            super().data_received(data)
            self._woken = None
            if woken:
                self.tasks.resume(woken)
        finally:
            self._woken = None
            self._flush_waits = False
            if connection.messages_sent != said:
                self.flush()  # there are answers: nothing is gained by another turn of the loop
            elif self._flush_scheduled and not was_scheduled:
                self.loop.call_soon(self.flush)

    def wake(self, waiters: Iterable[asyncio.Future[None]]) -> None:
        """Let those go on who wait for these: when all of the read was looked at, or in the next turn of the loop."""
        if self._woken is None:
            resolve(waiters)
        else:
            self._woken += waiters


class ServerOfConnections(Protocol):
    """What a connection asks of its server, and tells it."""

    def connection_made(self, protocol: ServerProtocol) -> None:
        """It can be used."""

    def connection_closed(self, protocol: ServerProtocol) -> None:
        """Its transport is gone."""

    def rpc_of(self, protocol: ServerProtocol, call: ServerCall) -> Rpc | None:
        """The run of the handler of a call that has come; None when there is none, and the call is answered."""


class ServerProtocol(CallProtocol):
    """One client's connection to a server."""

    __slots__ = (
        "__weakref__",
        "_in_line",
        "_is_calling_up",
        "_locality",
        "_options",
        "_peer",
        "_ping_police",
        "_security",
        "_server",
        "channelz_id",
        "running",
        "session",
        "upkeep",
    )

    goaway: Final = None  # a client has no reason to send one

    def __init__(
        self,
        options: Options,
        server: ServerOfConnections,
        tap: Tap | None = None,
        locality: LocalConnectionType | None = None,
    ) -> None:
        super().__init__(GrpcConnection.server(options.config), tap)
        self._server = server
        self.session = ServerSession(self.connection, self.accept, options.limits, SocketCounts(time.time))
        self.channelz_id = 0
        """Its id in `introspection`, if it is known there."""
        self.running = 0
        """Handlers that may run and have not ended, whatever became of their streams."""
        self._in_line: dict[Rpc, None] | None = None  # made when the first has to wait
        self._is_calling_up = False
        self._peer = ""
        self._security: Security | None = None
        self._locality = locality
        self._options = options
        self._ping_police: PingPolice | None = None
        self.upkeep: Upkeep | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        limits = self._options.lifetime
        lifetime = None if limits.is_infinite else Lifetime(self.loop.time(), limits, chance.fraction())
        self.upkeep = Upkeep(self, Keepalive(self._options.server_keepalive), lifetime)
        self.upkeep.poll()
        self._server.connection_made(self)
        if self._locality is not None:
            try:
                check_local(transport.get_extra_info("socket"), self.peername, self._locality)
            except NotLocalError:
                self.kill()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.upkeep is not None:
            self.upkeep.stop()
        super().connection_lost(exc)
        self._server.connection_closed(self)

    @property
    def calls_begun(self) -> int:
        """A number that grows with every call that has come."""
        return self.connection.streams.last_peer_id

    @property
    def has_calls(self) -> bool:
        """Whether a call is open, or its handler still runs."""
        return bool(self.session.calls) or self.running > 0

    def accept(self, call: ServerCall) -> None:
        """A call has come: let its handler begin, as soon as fewer of them run than streams are allowed.

        A call that its client has cancelled counts until its handler ends: else opening and cancelling calls would cost
        a client nothing and us a handler each time (CVE-2023-44487). Who waits here has an open stream, and there is a
        limit on those.
        """
        rpc = self._server.rpc_of(self, call)
        if rpc is None:
            return
        if self.running < self._options.config.concurrent_streams_max:
            self.running += 1
            rpc.begin()
        else:
            if self._in_line is None:
                self._in_line = {}
            self._in_line[rpc] = None

    def ended(self, rpc: Rpc) -> None:
        """A call will not run, or not any longer."""
        if self._in_line and rpc in self._in_line:
            del self._in_line[rpc]
            return
        self.running -= 1
        if self._in_line and not self._is_calling_up:
            self._call_up()

    def _call_up(self) -> None:
        """Let those begin who wait, as long as there is room.

        One that ends while it begins makes room for the next, here and not in `ended`: else as many calls would end one
        inside the other as a client has sent.
        """
        self._is_calling_up = True
        while self._in_line and self.running < self._options.config.concurrent_streams_max:
            following = next(iter(self._in_line))
            del self._in_line[following]
            self.running += 1
            following.begin()
        self._is_calling_up = False

    def events_received(self, events: list[Event]) -> None:
        self.session.handle(events)
        for event in events:
            if type(event) is PingReceived:
                self._on_ping()

    def _on_ping(self) -> None:
        """The client pings. It was answered; but when it does so too often, it is told and left (gRFC A8)."""
        connection = self.connection
        if self._ping_police is None:
            self._ping_police = PingPolice(self._options.keepalive)
        police = self._ping_police
        if police.received(connection.now, connection.progress, bool(self.session.calls)) and not connection.is_closed:
            self.abort(ErrorCode.ENHANCE_YOUR_CALM, TOO_MANY_PINGS.decode())

    def flush(self) -> None:
        super().flush()
        if self.session.unread:
            self.session.stop_unread()
            if self.connection.has_output:
                self.schedule_flush()

    @property
    def peer(self) -> str:
        """The client's address in grpcio's spelling."""
        if not self._peer:
            self._peer = format_peer(self.peername)
        return self._peer

    @property
    def security(self) -> Security:
        """What TLS says about the connection."""
        if self._security is None:
            tls = self.transport.get_extra_info("ssl_object") if self.transport is not None else None
            self._security = Security(tls, self._locality)
        return self._security


class KeeperOfConnection(Protocol):
    """What a client's connection tells him who has asked for it."""

    def opened(self, protocol: ClientProtocol) -> None:
        """Its transport is there."""

    def lost(self, protocol: ClientProtocol) -> None:
        """It takes no new calls any more: it was lost, or got GOAWAY. Told with all that comes after that."""

    def closed(self, protocol: ClientProtocol) -> None:
        """Its transport is gone."""


class ClientProtocol(CallProtocol):
    """A client's connection. `keeper` hears what becomes of it."""

    __slots__ = (
        "__weakref__",
        "_ready",
        "channelz_id",
        "goaway",
        "keeper",
        "security_text",
        "session",
        "upkeep",
    )

    calls_begun: Final = 0  # asked for a server's sake: a client's connection has no limits on its life

    def __init__(self, options: Options, keeper: KeeperOfConnection, tap: Tap | None = None) -> None:
        super().__init__(GrpcConnection.client(options.config), tap)
        self.keeper = keeper
        self.session = ClientSession(self.connection, options.limits, SocketCounts(time.time))
        self.channelz_id = 0
        """Its id in `introspection`, if it is known there."""
        self._ready: asyncio.Future[str] | None = self.loop.create_future()  # until somebody has waited for it
        self.upkeep: Upkeep | None = None
        """Set where keepalive is on; it wants to be woken when the first call begins after a pause."""
        self.goaway: GoAwayReceived | None = None
        """The last GOAWAY that has come."""
        self.security_text = "plaintext"
        """What the connection is secured by, in words."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.security_text = f"{tls.version()}, ALPN {tls.selected_alpn_protocol()!r}"
        super().connection_made(transport)
        self.keeper.opened(self)

    async def wait_ready(self) -> None:
        """Return when the server's SETTINGS have come (gRPC: READY). To be awaited once.

        Raises ConnectionResetError when the connection ends before that.
        """
        assert self._ready is not None
        try:
            failure = await self._ready
        finally:
            self._ready = None
        if failure:
            raise ConnectionResetError(failure)

    @property
    def has_calls(self) -> bool:
        """Whether a call is running."""
        return bool(self.session.calls)

    @property
    def goaway_text(self) -> str:
        """The last GOAWAY in words, or nothing."""
        goaway = self.goaway
        if goaway is None:
            return ""
        text = goaway.debug_data[:200].decode("utf-8", "backslashreplace")
        return f"{error_name(goaway.error_code)}, last stream {goaway.last_stream_id}, {text!r}"

    def keep_alive(self, keepalive: Keepalive) -> None:
        """Ping while calls run, or always, as is configured. Called when the connection is ready."""
        if keepalive.is_on:
            self.upkeep = Upkeep(self, keepalive)
            self.upkeep.poll()

    @property
    def was_told_too_many_pings(self) -> bool:
        """Whether the server has sent us away because of our PINGs (gRFC A8)."""
        goaway = self.goaway
        return (
            goaway is not None
            and goaway.error_code == ErrorCode.ENHANCE_YOUR_CALM
            and goaway.debug_data == TOO_MANY_PINGS
        )

    def connection_lost(self, exc: Exception | None) -> None:
        if self.upkeep is not None:
            self.upkeep.stop()
        super().connection_lost(exc)
        self.keeper.closed(self)

    def events_received(self, events: list[Event]) -> None:
        if self._ready is not None:
            self._watch_for_ready(self._ready, events)
        self.session.handle(events)
        if not self.session.accepts_calls:
            for event in events:
                if isinstance(event, GoAwayReceived):
                    self.goaway = event
            self.keeper.lost(self)

    def _watch_for_ready(self, ready: asyncio.Future[str], events: list[Event]) -> None:
        for event in events:
            if ready.done():
                return
            if isinstance(event, SettingsReceived):
                ready.set_result("")
            elif isinstance(event, ConnectionTerminated):
                ready.set_result(event.reason)
