"""A client and a server joined in memory, with everything that must always hold checked after every step.

Octets travel through two *wires*. `pump` lets both ends put their output on the wires, `deliver` carries a chunk of one
wire to its end, `run` does both until nothing moves. After each of them `check` asks for what holds at any time:

*   every receive window is balanced (limit == available + held + unsent);
*   what the streams hold is what the connection holds;
*   the counts of open streams are the number of streams that are open;
*   a closed stream is kept only while it holds octets that nobody has consumed.

`check_quiet` asks for what holds when nothing is on its way: the sender of a window and its receiver agree on it.
"""

from __future__ import annotations

from collections.abc import Iterator

from http2.config import Config
from http2.connection import Connection
from http2.events import DataReceived, Event
from http2.stream import OVER
from http2.stream_states import IDLE, is_closed

GET = ((b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/"), (b":authority", b"example.com"))
POST = ((b":method", b"POST"), (b":scheme", b"https"), (b":path", b"/echo"), (b":authority", b"example.com"))
OK = ((b":status", b"200"),)
TRAILERS = ((b"grpc-status", b"0"),)


class Pair:
    """Both ends of a connection. `client_events` and `server_events` grow until `take_*` empties them."""

    def __init__(
        self,
        client_config: Config | None = None,
        server_config: Config | None = None,
        *,
        chunk_bytes: int = 1 << 30,
        handshake: bool = True,
    ) -> None:
        self.client = Connection.client(client_config)
        self.server = Connection.server(server_config)
        self.chunk_bytes = chunk_bytes
        self.now = 0.0
        self.client_events: list[Event] = []
        self.server_events: list[Event] = []
        self._to_client = bytearray()
        self._to_server = bytearray()
        if handshake:
            self.run()
            self.take_events()

    # -- moving octets -------------------------------------------------------------------------------------------------

    def pump(self) -> None:
        """Both ends put what they have to say on the wires."""
        for connection, wire, events in (
            (self.client, self._to_server, self.client_events),
            (self.server, self._to_client, self.server_events),
        ):
            for part in connection.data_to_send():
                wire += part
            events += connection.next_events()
        self.check()

    def deliver(self, to_server: bool, length: int) -> bool:
        """Carry up to `length` octets to one end. False when there were none."""
        wire = self._to_server if to_server else self._to_client
        chunk = bytes(wire[:length])
        if not chunk:
            return False
        del wire[:length]
        if to_server:
            self.server_events += self.server.receive_data(chunk, self.now)
        else:
            self.client_events += self.client.receive_data(chunk, self.now)
        self.check()
        return True

    def run(self) -> None:
        """Carry octets both ways until nothing moves."""
        moved = True
        while moved:
            self.pump()
            moved = self.deliver(True, self.chunk_bytes)
            moved = self.deliver(False, self.chunk_bytes) or moved
        self.check_quiet()

    def hang_up(self) -> None:
        """An end that is closed also closes its transport: the other one sees the end of the octets."""
        if self.client.is_closed:
            self.server_events += self.server.receive_eof()
        if self.server.is_closed:
            self.client_events += self.client.receive_eof()

    def take_events(self) -> tuple[list[Event], list[Event]]:
        """(of the client, of the server) since the last time."""
        events = (self.client_events[:], self.server_events[:])
        self.client_events.clear()
        self.server_events.clear()
        return events

    def run_consuming(self) -> tuple[list[Event], list[Event]]:
        """`run`, with both applications consuming all DATA as soon as it comes; what they have seen."""
        seen: tuple[list[Event], list[Event]] = ([], [])
        while True:
            self.run()
            client_events, server_events = self.take_events()
            if not client_events and not server_events:
                return seen
            for connection, events, all_events in (
                (self.client, client_events, seen[0]),
                (self.server, server_events, seen[1]),
            ):
                all_events += events
                for event in events:
                    if isinstance(event, DataReceived):
                        connection.consume(event.stream_id, len(event.data))

    # -- what must hold ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """What holds at any time on a connection that has not failed."""
        for connection in (self.client, self.server):
            if connection.is_closed:
                continue
            streams = connection.streams
            assert connection.receive_window.is_balanced(), "the connection's window is balanced"
            for stream in streams.by_id.values():
                assert stream.is_balanced(), f"the window of stream {stream.id} is balanced"
                assert not is_closed(stream.state) or stream.held, f"{stream.id} is closed but kept"
                assert (stream.state == IDLE) == streams.is_waiting(stream.id), f"{stream.id} is idle iff it waits"
                assert stream.queued_bytes == sum(len(chunk) for chunk in stream.queue or ()), "the queue is counted"
            held = sum(stream.held for stream in streams.by_id.values())
            assert held == connection.receive_window.held, "what the streams hold is what the connection holds"
            live = [s.id for s in streams.by_id.values() if s.state != IDLE and not is_closed(s.state)]
            local = sum(streams.is_local(stream_id) for stream_id in live)
            assert streams.local_open == local, "our open streams are counted"
            assert streams.peer_open == len(live) - local, "the peer's open streams are counted"

    def check_quiet(self) -> None:
        """What holds when nothing is on its way: both ends of a window have the same idea of it."""
        assert not self._to_client
        assert not self._to_server
        if self.client.is_closed or self.server.is_closed:
            return
        assert self.client.streams.local_open == self.server.streams.peer_open, "both count the same streams"
        assert self.client.send_window == self.server.receive_window.available
        assert self.server.send_window == self.client.receive_window.available
        for sender, receiver in ((self.client, self.server), (self.server, self.client)):
            for stream in sender.streams.by_id.values():
                other = receiver.streams.by_id.get(stream.id)
                if other is not None and other.receive_phase != OVER and stream.state != IDLE:
                    assert stream.send_window == other.available, f"the window of stream {stream.id}"

    def check_nothing_left(self) -> None:
        """All streams have ended and all DATA is consumed: nothing may be left of them."""
        for connection in (self.client, self.server):
            streams = connection.streams
            assert not streams.by_id, "no record of a stream is left"
            assert streams.are_done(), "no stream counts as open or waiting"
            assert connection.receive_window.held == 0, "nothing is held"


def events_of(events: list[Event], stream_id: int) -> Iterator[Event]:
    """Those of the events that belong to one stream."""
    return (event for event in events if getattr(event, "stream_id", 0) == stream_id)


def content_of(events: list[Event], stream_id: int) -> bytes:
    """The content that a stream's events carry, joined."""
    return b"".join(event.data for event in events_of(events, stream_id) if isinstance(event, DataReceived))
