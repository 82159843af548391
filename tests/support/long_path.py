"""A `Pair` with a long path between its ends, in virtual time: octets arrive half a round trip after they were sent.

The path has no end to its bandwidth, or `bytes_per_s` each way, with a queue without end before it. Nobody sleeps: time
is a number that `step` moves to the next arrival.
"""

from __future__ import annotations

import heapq

from http2.config import Config
from http2.connection import Connection
from http2.events import DataReceived, Event
from tests.support.pair import OK, POST, Pair

READ_BYTES = 65_536
"""How much an end reads at a time, as a socket would give it."""


class LongPath(Pair):
    """Applications that consume all they get at once, unless `consumes` is False for their end."""

    def __init__(
        self,
        round_trip_s: float,
        client_config: Config | None = None,
        server_config: Config | None = None,
        bytes_per_s: float = float("inf"),
    ) -> None:
        super().__init__(client_config, server_config, handshake=False)
        self.one_way_s = round_trip_s / 2
        self.bytes_per_s = bytes_per_s
        self.received = {True: 0, False: 0}  # octets of content, by whether the server got them
        self.consumes = {True: True, False: True}
        self.octets_sent = {True: 0, False: 0}
        self._free_at = {True: 0.0, False: 0.0}  # when the path has taken what was sent before
        self._arrivals: list[tuple[float, int, bool, bytes]] = []
        self._count = 0
        self.carry()

    def end(self, is_server: bool) -> Connection:
        """One of the two."""
        return self.server if is_server else self.client

    def carry(self) -> None:
        """Put on the path what both ends have to say."""
        for to_server in (True, False):
            connection = self.end(not to_server)
            while parts := connection.data_to_send():
                octets = b"".join(parts)
                self.octets_sent[to_server] += len(octets)
                for start in range(0, len(octets), READ_BYTES):
                    chunk = octets[start : start + READ_BYTES]
                    free_at = max(self.now, self._free_at[to_server]) + len(chunk) / self.bytes_per_s
                    self._free_at[to_server] = free_at
                    self._count += 1
                    heapq.heappush(self._arrivals, (free_at + self.one_way_s, self._count, to_server, chunk))
            (self.client_events if to_server else self.server_events).extend(connection.next_events())

    def step(self) -> bool:
        """Let the next octets arrive, and both ends answer. False when none are on their way."""
        if not self._arrivals:
            return False
        self.now, _, to_server, chunk = heapq.heappop(self._arrivals)
        connection = self.end(to_server)
        events: list[Event] = connection.receive_data(chunk, self.now)
        for event in events:
            if isinstance(event, DataReceived):
                self.received[to_server] += len(event.data)
                if self.consumes[to_server]:
                    connection.consume(event.stream_id, len(event.data))
        (self.server_events if to_server else self.client_events).extend(events)
        self.carry()
        self.check()
        return True

    def settle(self) -> None:
        """Until nothing is on its way."""
        while self.step():
            pass

    def open(self, to_server: bool) -> int:
        """A stream on which the one end can send content to the other."""
        stream_id = self.client.open_stream(POST, not to_server)
        self.carry()
        self.settle()
        if not to_server:
            self.server.send_headers(stream_id, OK)
            self.carry()
            self.settle()
        return stream_id

    def bytes_per_s_over(self, seconds: float, stream_ids: list[int], to_server: bool) -> float:
        """Send on these streams for so long, without a pause; the content that arrived, per second."""
        sender = self.end(not to_server)
        piece = bytes(1 << 20)
        end, before = self.now + seconds, self.received[to_server]
        while self.now < end:
            for stream_id in stream_ids:
                while sender.queued_bytes(stream_id) < len(piece):
                    sender.send_data(stream_id, piece)
            self.carry()
            if not self.step():
                break
        return (self.received[to_server] - before) / seconds
