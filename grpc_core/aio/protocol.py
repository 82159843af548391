"""A session on an asyncio connection: HTTP/2 events go to the calls, and what the calls say leaves once per tick."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from grpc_core.aio import chance
from grpc_core.aio.eager import TaskStarter
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


class ServerProtocol(ConnectionProtocol):
    """One client's connection to a server: `made` hears of it when it can be used, `accept` of its calls."""

    def __init__(
        self,
        options: Options,
        made: Callable[[ServerProtocol], None],
        accept: Callable[[ServerProtocol, ServerCall], None],
        tap: Tap | None = None,
        locality: LocalConnectionType | None = None,
    ) -> None:
        super().__init__(GrpcConnection.server(options.config), tap=tap)
        self._made = made
        counts = SocketCounts(time.time)
        self.session = ServerSession(self.connection, partial(accept, self), options.limits, counts)
        self.channelz_id = 0
        """Its id in `introspection`, if it is known there."""
        self.goaway: GoAwayReceived | None = None  # a client has no reason to send one
        self.tasks = TaskStarter(self.loop)
        """Where its handlers' tasks come from."""
        self.running = 0
        """Handlers that may run and have not ended, whatever became of their streams."""
        self._in_line: dict[Rpc, None] = {}
        self._is_calling_up = False
        self._peer = ""
        self._security: Security | None = None
        self._locality = locality
        self._options = options
        self._ping_police = PingPolice(options.keepalive)
        self.upkeep: Upkeep | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        lifetime = Lifetime(self.loop.time(), self._options.lifetime, chance.fraction())
        self.upkeep = Upkeep(
            self,
            Keepalive(self._options.keepalive.for_server()),
            lifetime,
            lambda: self.connection.streams.last_peer_id,
            self._has_calls,
        )
        self.upkeep.poll()
        self._made(self)
        if self._locality is not None:
            try:
                check_local(transport.get_extra_info("socket"), self.peername, self._locality)
            except NotLocalError:
                self.kill()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.upkeep is not None:
            self.upkeep.stop()
        super().connection_lost(exc)

    def _has_calls(self) -> bool:
        return bool(self.session.calls) or self.running > 0

    def run_in_turn(self, rpc: Rpc) -> None:
        """Let a call begin, as soon as fewer handlers run than streams are allowed.

        A call that its client has cancelled counts until its handler ends: else opening and cancelling calls would cost
        a client nothing and us a handler each time (CVE-2023-44487). Who waits here has an open stream, and there is a
        limit on those.
        """
        if self.running < self._options.config.concurrent_streams_max:
            self.running += 1
            rpc.begin()
        else:
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
            self.run_in_turn(following)
        self._is_calling_up = False

    def events_received(self, events: list[Event]) -> None:
        self.session.handle(events)
        self.schedule_flush()
        for event in events:
            if type(event) is PingReceived:
                self._on_ping()

    def _on_ping(self) -> None:
        """The client pings. It was answered; but when it does so too often, it is told and left (gRFC A8)."""
        connection = self.connection
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


class ClientProtocol(ConnectionProtocol):
    """A client's connection. `ready` is done when the server's SETTINGS have come (gRPC: READY), or it has failed."""

    def __init__(self, options: Options, lost: Callable[[ClientProtocol], None], tap: Tap | None = None) -> None:
        super().__init__(GrpcConnection.client(options.config), tap=tap)
        self.session = ClientSession(self.connection, options.limits, SocketCounts(time.time))
        self.channelz_id = 0
        """Its id in `introspection`, if it is known there."""
        self.ready: asyncio.Future[None] = self.loop.create_future()
        self.upkeep: Upkeep | None = None
        """Set where keepalive is on; it wants to be woken when the first call begins after a pause."""
        self.goaway: GoAwayReceived | None = None
        """The last GOAWAY that has come."""
        self.security_text = "plaintext"
        """What the connection is secured by, in words."""
        self._lost = lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        tls = transport.get_extra_info("ssl_object")
        if tls is not None:
            self.security_text = f"{tls.version()}, ALPN {tls.selected_alpn_protocol()!r}"
        super().connection_made(transport)

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
            session = self.session
            self.upkeep = Upkeep(self, keepalive, None, lambda: 0, lambda: bool(session.calls))
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

    def events_received(self, events: list[Event]) -> None:
        if not self.ready.done():
            self._watch_for_ready(events)
        self.session.handle(events)
        self.schedule_flush()
        if not self.session.accepts_calls:
            for event in events:
                if isinstance(event, GoAwayReceived):
                    self.goaway = event
            self._lost(self)

    def _watch_for_ready(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, SettingsReceived):
                self.ready.set_result(None)
                return
            if isinstance(event, ConnectionTerminated):
                self.ready.set_exception(ConnectionResetError(event.reason))
                return
