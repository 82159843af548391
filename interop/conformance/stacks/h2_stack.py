"""python-hyper's `h2`, both roles, for the kit: an extra that must be installed (`pip install h2`)."""

from __future__ import annotations

from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from interop.conformance.exchange import Answer, ClientResult
from interop.conformance.memory import TARGET, MemoryConnector
from interop.conformance.run import KNOWN_BODY


class _H2End:
    """What both roles share. h2 raises for what the peer did; its GOAWAY is in the output all the same."""

    def __init__(self, is_client: bool) -> None:
        config = h2.config.H2Configuration(client_side=is_client, header_encoding=None)
        self.connection: Any = h2.connection.H2Connection(config=config)
        self.connection.initiate_connection()
        self.is_closed = False
        self.held: dict[int, int] = {}  # stream -> octets that its application has not used yet

    def receive(self, octets: bytes) -> bytes:
        """Octets in, octets out."""
        connection = self.connection
        try:
            for event in connection.receive_data(octets) if octets else ():
                self.on_event(event)
        except h2.exceptions.ProtocolError as error:
            self.on_end(f"{type(error).__name__}: {error}")
        self.pump()
        output: bytes = connection.data_to_send()
        return output

    def receive_end(self) -> None:
        """The peer has gone."""
        self.on_end("the peer closed the connection")

    def on_end(self, reason: str) -> None:
        """The connection is over."""
        self.is_closed = True

    def on_event(self, event: Any) -> None:
        """The application."""

    def pump(self) -> None:
        """Send what waits for a window."""

    def give_back(self, event: Any) -> None:
        """The application has used the DATA of an event, or holds it."""
        if event.stream_id in self.held:
            self.held[event.stream_id] += event.flow_controlled_length
        elif event.flow_controlled_length:
            self.connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)

    def release(self, stream_id: int) -> None:
        """The application has used what it held."""
        length = self.held.pop(stream_id, 0)
        if length:
            self.connection.acknowledge_received_data(length, stream_id)

    def send_queued(self, queue: dict[int, bytes]) -> None:
        """As much of each stream's content as the windows allow."""
        connection = self.connection
        for stream_id, content in list(queue.items()):
            try:
                while True:
                    room = min(connection.local_flow_control_window(stream_id), connection.max_outbound_frame_size)
                    if content and room <= 0:
                        break
                    part, content = content[:room], content[room:]
                    connection.send_data(stream_id, part, end_stream=not content)
                    if not content:
                        break
            except h2.exceptions.ProtocolError:
                content = b""  # the stream or the connection is gone
            if content:
                queue[stream_id] = content
            else:
                del queue[stream_id]


class H2Server(_H2End):
    """GET is answered with the known body, anything else with its content when it has ended."""

    def __init__(self) -> None:
        self._contents: dict[int, bytes] = {}
        self._answers: dict[int, bytes] = {}
        self._tunnels: set[int] = set()
        super().__init__(is_client=False)

    def on_event(self, event: Any) -> None:
        """The application."""
        if isinstance(event, h2.events.RequestReceived):
            self._contents[event.stream_id] = KNOWN_BODY if (b":method", b"GET") in event.headers else b""
            if (b":path", TARGET.hold_path.encode()) in event.headers:
                self.held[event.stream_id] = 0
            if (b":method", b"CONNECT") in event.headers:
                self._tunnels.add(event.stream_id)
                self.connection.send_headers(event.stream_id, [(b":status", b"200")])
        elif isinstance(event, h2.events.DataReceived):
            self._contents[event.stream_id] += event.data
            self.give_back(event)
        elif isinstance(event, h2.events.StreamReset):
            self._contents.pop(event.stream_id, None)
            self._answers.pop(event.stream_id, None)
        elif isinstance(event, h2.events.StreamEnded) and event.stream_id in self._contents:
            self.release(event.stream_id)
            try:
                if event.stream_id not in self._tunnels:
                    self.connection.send_headers(event.stream_id, [(b":status", b"200")])
            except h2.exceptions.ProtocolError:
                return  # what came behind the request, in the same octets, has ended the stream
            self._answers[event.stream_id] = self._contents.pop(event.stream_id)
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.is_closed = event.error_code != 0

    def pump(self) -> None:
        """Send what waits for a window."""
        if not self.is_closed:
            self.send_queued(self._answers)


class H2Client(_H2End):
    """Makes requests and keeps what they get."""

    def __init__(self) -> None:
        self._streams: list[int] = []
        self._statuses: dict[int, int] = {}
        self._contents: dict[int, bytes] = {}
        self._requests: dict[int, bytes] = {}
        self._results: dict[int, ClientResult] = {}
        super().__init__(is_client=True)

    def request(self, content: bytes | None, hold: bool, head: bool = False) -> None:
        """GET, POST of the content, or HEAD."""
        connection = self.connection
        try:
            stream_id = connection.get_next_available_stream_id()
            fields = [
                (b":method", b"HEAD" if head else b"GET" if content is None else b"POST"),
                (b":scheme", TARGET.scheme.encode()),
                (b":authority", TARGET.authority.encode()),
                (b":path", (TARGET.path if content is None else TARGET.echo_path).encode()),
            ]
            connection.send_headers(stream_id, fields, end_stream=content is None)
            if content is not None:
                self._requests[stream_id] = content
        except h2.exceptions.H2Error as error:
            stream_id = -len(self._streams) - 1
            self._results[stream_id] = ClientResult(True, error=f"{type(error).__name__}: {error}")
        self._streams.append(stream_id)
        if hold:
            self.held[stream_id] = 0

    def results(self) -> list[ClientResult]:
        """What became of the requests."""
        return [self._results.get(stream_id, ClientResult()) for stream_id in self._streams]

    def on_event(self, event: Any) -> None:
        """The application."""
        if isinstance(event, h2.events.ResponseReceived):
            self._statuses[event.stream_id] = int(dict(event.headers)[b":status"])
            self._contents[event.stream_id] = b""
        elif isinstance(event, h2.events.DataReceived):
            self._contents[event.stream_id] += event.data
            self.give_back(event)
        elif isinstance(event, h2.events.StreamReset):
            error = f"reset with {event.error_code!r}"
            self._results.setdefault(event.stream_id, ClientResult(True, error=error))
            self._requests.pop(event.stream_id, None)
        elif isinstance(event, h2.events.StreamEnded):
            self.release(event.stream_id)
            answer = Answer(self._statuses[event.stream_id], self._contents[event.stream_id])
            self._results.setdefault(event.stream_id, ClientResult(True, answer))
        elif isinstance(event, h2.events.ConnectionTerminated):
            self._on_goaway(event)

    def _on_goaway(self, event: Any) -> None:
        for stream_id in self._streams:
            if stream_id > (event.last_stream_id or 0):
                self._results.setdefault(stream_id, ClientResult(True, error=f"GOAWAY {event.error_code!r}"))
        if event.error_code != 0:
            self.on_end(f"GOAWAY {event.error_code!r}")

    def on_end(self, reason: str) -> None:
        """The connection is over."""
        self.is_closed = True
        for stream_id in self._streams:
            self._results.setdefault(stream_id, ClientResult(True, error=reason))

    def pump(self) -> None:
        """Send what waits for a window."""
        if not self.is_closed:
            self.send_queued(self._requests)


def connector() -> MemoryConnector:
    """Both roles."""
    return MemoryConnector(H2Server, H2Client)
