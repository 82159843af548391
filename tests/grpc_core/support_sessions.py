"""A client session and a server session joined in memory: calls without I/O."""

from __future__ import annotations

from grpc_core.calls import ClientCall, ServerCall
from grpc_core.headers import request_head, with_fields
from grpc_core.metadata import Fields
from grpc_core.session import ClientSession, Limits, ServerSession
from http2.config import Config
from tests.support.pair import Pair

HEAD = request_head("/test.Service/Echo", "localhost", "http", "test/1")


class Log:
    """An observer that writes down what it is told."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def headers_received(self) -> None:
        self.seen.append("headers")

    def message_received(self) -> None:
        self.seen.append("message")

    def writable(self) -> None:
        self.seen.append("writable")

    def finished(self) -> None:
        self.seen.append("finished")


class Sessions(Pair):
    """Both sessions; `accepted` are the server's calls. Credit is checked after every step, as in `Pair`."""

    def __init__(
        self,
        *,
        client_limits: Limits | None = None,
        server_limits: Limits | None = None,
        client_config: Config | None = None,
        server_config: Config | None = None,
        chunk_bytes: int = 1 << 30,
    ) -> None:
        super().__init__(client_config, server_config or Config(check_path=False), chunk_bytes=chunk_bytes)
        self.accepted: list[ServerCall] = []
        self.client_session = ClientSession(self.client, client_limits or Limits())
        self.server_session = ServerSession(self.server, self.accept, server_limits or Limits())
        self.server_log = Log()
        self.is_wanted = False  # what the server's application says of the next calls

    def accept(self, call: ServerCall) -> None:
        call.observer = self.server_log
        call.inbox.is_wanted = self.is_wanted
        self.accepted.append(call)

    def start(self, fields: Fields = ()) -> tuple[ClientCall, Log]:
        """A call, whose request head is on its way."""
        log = Log()
        return self.client_session.start(with_fields(HEAD, fields), log), log

    def open(self, fields: Fields = ()) -> tuple[ClientCall, ServerCall, Log]:
        """A call that the server has accepted."""
        call, log = self.start(fields)
        self.exchange()
        return call, self.accepted[-1], log

    def exchange(self) -> None:
        """Let octets and events flow until nothing moves."""
        while True:
            self.run()
            client_events, server_events = self.take_events()
            if not client_events and not server_events:
                return
            self.client_session.handle(client_events)
            self.server_session.handle(server_events)
            self.check()
