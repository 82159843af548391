"""A session on an asyncio connection: HTTP/2 events go to the calls, and what the calls say leaves once per tick."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from grpc_core.aio.security import Security
from grpc_core.calls import ServerCall
from grpc_core.locality import LocalConnectionType, NotLocalError, check_local
from grpc_core.options import Options
from grpc_core.session import ClientSession, GrpcConnection, ServerSession
from grpc_core.target import format_peer
from http2 import ConnectionTerminated, Event, SettingsReceived
from http2.aio.transport import ConnectionProtocol, Tap


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
        self.session = ServerSession(self.connection, lambda call: accept(self, call), options.limits)
        self.running = 0
        """Handlers that have begun and not ended, whatever became of their streams."""
        self._peer = ""
        self._security: Security | None = None
        self._locality = locality

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._made(self)
        if self._locality is not None:
            try:
                check_local(transport.get_extra_info("socket"), self.peername, self._locality)
            except NotLocalError:
                self.kill()

    def events_received(self, events: list[Event]) -> None:
        self.session.handle(events)
        self.schedule_flush()

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
        self.session = ClientSession(self.connection, options.limits)
        self.ready: asyncio.Future[None] = self.loop.create_future()
        self._lost = lost

    def events_received(self, events: list[Event]) -> None:
        if not self.ready.done():
            self._watch_for_ready(events)
        self.session.handle(events)
        self.schedule_flush()
        if not self.session.accepts_calls:
            self._lost(self)

    def _watch_for_ready(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, SettingsReceived):
                self.ready.set_result(None)
                return
            if isinstance(event, ConnectionTerminated):
                self.ready.set_exception(ConnectionResetError(event.reason))
                return
