"""Plait's own `http2.Connection`, both roles, for the kit."""

from __future__ import annotations

from http2 import (
    Config,
    Connection,
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    ResponseReceived,
    StreamReset,
    TrailersReceived,
    UsageError,
)
from interop.conformance.exchange import Answer, ClientResult
from interop.conformance.memory import TARGET, MemoryConnector
from interop.conformance.run import KNOWN_BODY

GET = (
    (b":method", b"GET"),
    (b":scheme", TARGET.scheme.encode()),
    (b":authority", TARGET.authority.encode()),
    (b":path", TARGET.path.encode()),
)
HEAD = ((b":method", b"HEAD"), *GET[1:])
HOLD = TARGET.hold_path.encode()
POST = ((b":method", b"POST"), *GET[1:3], (b":path", TARGET.echo_path.encode()))


class PlaitServer:
    """GET is answered with the known body at once, anything else with its content when it has ended, CONNECT's head at
    once."""

    def __init__(self, config: Config | None = None) -> None:
        self.connection = Connection.server(config)
        self._contents: dict[int, bytearray] = {}
        self._held: set[int] = set()
        self._tunnels: set[int] = set()

    def receive(self, octets: bytes) -> bytes:
        """Octets in, octets out."""
        connection = self.connection
        for event in connection.receive_data(octets) if octets else ():
            self._on_event(event)
        return b"".join(connection.data_to_send())

    def receive_end(self) -> None:
        """The client has gone."""
        self.connection.receive_eof()

    @property
    def is_closed(self) -> bool:
        """Whether the connection has ended."""
        return self.connection.is_closed

    def _on_event(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._contents[event.stream_id] = bytearray(KNOWN_BODY if event.head.method == b"GET" else b"")
            if event.head.path == HOLD:
                self._held.add(event.stream_id)
            if event.head.method == b"CONNECT":
                self._tunnels.add(event.stream_id)
                self.connection.send_headers(event.stream_id, ((b":status", b"200"),))
        elif isinstance(event, DataReceived):
            self._contents[event.stream_id] += event.data
            if event.stream_id not in self._held:
                self.connection.consume(event.stream_id, len(event.data))
        elif isinstance(event, StreamReset):
            self._contents.pop(event.stream_id, None)
        if isinstance(event, RequestReceived | DataReceived | TrailersReceived) and event.end_stream:
            content = bytes(self._contents.pop(event.stream_id))
            if event.stream_id in self._held:
                self.connection.consume(event.stream_id, len(content))
            try:
                if event.stream_id not in self._tunnels:
                    self.connection.send_headers(event.stream_id, ((b":status", b"200"),))
                self.connection.send_data(event.stream_id, content, True)
            except UsageError:
                pass  # what came behind the request, in the same octets, has ended the stream or the connection


class PlaitClient:
    """Makes requests and keeps what they get."""

    def __init__(self, config: Config | None = None) -> None:
        self.connection = Connection.client(config)
        self._streams: list[int] = []
        self._results: dict[int, ClientResult] = {}
        self._answers: dict[int, tuple[int, bytearray]] = {}
        self._held: set[int] = set()

    def receive(self, octets: bytes) -> bytes:
        """Octets in, octets out."""
        for event in self.connection.receive_data(octets) if octets else ():
            self._on_event(event)
        return b"".join(self.connection.data_to_send())

    def receive_end(self) -> None:
        """The server has gone."""
        for event in self.connection.receive_eof():
            self._on_event(event)

    @property
    def is_closed(self) -> bool:
        """Whether the connection has ended."""
        return self.connection.is_closed

    def request(self, content: bytes | None, hold: bool, head: bool = False) -> None:
        """GET, POST of the content, or HEAD."""
        try:
            fields = HEAD if head else GET if content is None else POST
            stream_id = self.connection.open_stream(fields, content is None)
            if content is not None:
                self.connection.send_data(stream_id, content, True)
        except UsageError as error:
            stream_id = -len(self._streams) - 1
            self._results[stream_id] = ClientResult(True, error=str(error))
        self._streams.append(stream_id)
        if hold:
            self._held.add(stream_id)

    def results(self) -> list[ClientResult]:
        """What became of the requests."""
        return [self._results.get(stream_id, ClientResult()) for stream_id in self._streams]

    def _on_event(self, event: Event) -> None:
        if isinstance(event, ResponseReceived):
            self._answers[event.stream_id] = (event.head.status, bytearray())
        elif isinstance(event, DataReceived):
            self._answers[event.stream_id][1].extend(event.data)
            if event.stream_id not in self._held:
                self.connection.consume(event.stream_id, len(event.data))
        elif isinstance(event, StreamReset):
            error = f"reset with {event.error_code:#x} {event.reason}"
            self._results.setdefault(event.stream_id, ClientResult(True, error=error))
        elif isinstance(event, ConnectionTerminated):
            for stream_id in self._streams:
                self._results.setdefault(stream_id, ClientResult(True, error=str(event)))
        if isinstance(event, ResponseReceived | DataReceived | TrailersReceived) and event.end_stream:
            status, content = self._answers.pop(event.stream_id)
            if event.stream_id in self._held:
                self.connection.consume(event.stream_id, len(content))
            self._results.setdefault(event.stream_id, ClientResult(True, Answer(status, bytes(content))))


def connector() -> MemoryConnector:
    """Both roles."""
    return MemoryConnector(PlaitServer, PlaitClient)
