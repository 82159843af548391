"""What holds for any input and any order of things: contracts, drawn by hypothesis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from http2.config import Config
from http2.connection import Connection
from http2.errors import ErrorCode, UsageError
from http2.events import ConnectionTerminated, DataReceived, Event, StreamReset
from http2.frames import PREFACE, SETTINGS_ACK, build_settings
from http2.stream import HEAD_DUE, OVER
from tests.support import strategies
from tests.support.pair import GET, OK, POST, TRAILERS, Pair

FAULTS = st.tuples(st.integers(0, 2000), st.integers(1, 255), st.sampled_from(["flip", "cut", "double"]))
HANDSHAKE = build_settings({}) + SETTINGS_ACK


def engine(is_client: bool) -> Connection:
    """A connection with something going on, its own opening already on the wire."""
    connection = Connection(is_client, Config(field_block_bytes_max=500, continuation_frames_max=5))
    if is_client:
        for fields in (GET, POST, GET):
            connection.open_stream(fields)
    connection.data_to_send()
    return connection


def reused(chunks: Iterable[bytes]) -> Iterator[memoryview]:
    """The same octets, always in the same buffer, which is overwritten in between."""
    buffer = bytearray(1)
    for chunk in chunks:
        if len(buffer) < len(chunk):
            buffer = bytearray(len(chunk))
        buffer[: len(chunk)] = chunk
        yield memoryview(buffer)[: len(chunk)]
        buffer[:] = b"\xee" * len(buffer)


def feed(connection: Connection, chunks: Iterable[bytes | memoryview]) -> tuple[list[Event], bytes]:
    """All events and all output; nothing escapes, and what is kept of a frame is bounded."""
    events: list[Event] = []
    output = b""
    bound = 9 + connection.local.frame_bytes_max
    for chunk in chunks:
        events += connection.receive_data(chunk)
        assert connection._reader.buffered_bytes <= bound, "no more than one incomplete frame is kept"
        output += b"".join(connection.data_to_send())
        events += connection.next_events()
    return events, output


def check_contract(is_client: bool, data: bytes, cuts: list[int]) -> None:
    """However the octets are cut: the same events, the same output, the end once and last."""
    whole = feed(engine(is_client), [data])
    octet_by_octet = feed(engine(is_client), [data[i : i + 1] for i in range(len(data))])
    cut = feed(engine(is_client), strategies.chunked(data, cuts))
    assert feed(engine(is_client), reused(strategies.chunked(data, cuts))) == whole
    assert octet_by_octet == whole
    assert cut == whole
    endings = [event for event in whole[0] if isinstance(event, ConnectionTerminated)]
    assert len(endings) <= 1
    assert not endings or whole[0][-1] is endings[0]


@settings(max_examples=300)
@given(st.booleans(), strategies.octets, strategies.cut_lists)
def test_any_octets_after_the_handshake_are_read_alike_in_any_chunks(
    is_client: bool, data: bytes, cuts: list[int]
) -> None:
    check_contract(is_client, (b"" if is_client else PREFACE) + HANDSHAKE + data, cuts)


@given(st.booleans(), st.binary(max_size=80))
def test_any_octets_at_all_raise_nothing(is_client: bool, data: bytes) -> None:
    feed(engine(is_client), [data])
    feed(engine(is_client), [data[i : i + 1] for i in range(len(data))])


@settings(max_examples=300)
@given(st.booleans(), st.lists(FAULTS, max_size=4), strategies.cut_lists)
def test_valid_sessions_with_faults_put_in_keep_the_contract(
    is_client: bool, faults: list[tuple[int, int, str]], cuts: list[int]
) -> None:
    data = bytearray(strategies.server_session() if is_client else strategies.client_session())
    first = 0 if is_client else len(PREFACE)
    for where, value, kind in faults:
        if len(data) == first:
            break  # the cuts have left nothing
        place = first + where % (len(data) - first)
        if kind == "flip":
            data[place] ^= value
        elif kind == "cut":
            del data[place : place + value]
        else:
            data[place:place] = data[place : place + value]
    check_contract(is_client, bytes(data), cuts)


@pytest.mark.parametrize("is_client", [True, False])
def test_the_sessions_that_are_mutated_are_valid(is_client: bool) -> None:
    data = strategies.server_session() if is_client else strategies.client_session()
    events, _ = feed(engine(is_client), [data])
    faults = [e for e in events if isinstance(e, ConnectionTerminated) and e.error_code]
    assert not faults
    assert not [e for e in events if isinstance(e, StreamReset) and not e.by_peer]


class Model:
    """A pair, and what both applications have done on it. Every octet that arrives must be one that was sent."""

    def __init__(self, chunk_bytes: int) -> None:
        small = Config(stream_window_bytes=100, concurrent_streams_max=3)
        self.pair = Pair(small, small, chunk_bytes=chunk_bytes)
        self.ids: list[int] = []
        self.ends = {True: self.pair.client, False: self.pair.server}
        self.sent: dict[tuple[bool, int], bytes] = {}
        self.received: dict[tuple[bool, int], bytes] = {}
        self.unread: dict[tuple[bool, int], int] = {}
        self.lost: set[int] = set()
        self.draining = False

    def step(self, operation: tuple[Any, ...]) -> None:
        name, *arguments = operation
        try:
            getattr(self, name)(*arguments)
        except UsageError:
            pass  # not allowed at this point; that nothing has changed is what `check` and the end show
        self.pair.check()
        self.look()

    def look(self) -> None:
        """Both applications read their events."""
        client_events, server_events = self.pair.take_events()
        for is_client, events in ((True, client_events), (False, server_events)):
            for event in events:
                if isinstance(event, DataReceived):
                    key = (is_client, event.stream_id)
                    self.received[key] = self.received.get(key, b"") + event.data
                    self.unread[key] = self.unread.get(key, 0) + len(event.data)
                    assert self.sent.get((not is_client, event.stream_id), b"").startswith(self.received[key])
                elif isinstance(event, StreamReset):
                    refused = event.error_code == ErrorCode.REFUSED_STREAM
                    assert event.by_peer or refused, f"two correct ends find no fault in each other: {event}"
                    self.lost.add(event.stream_id)
                elif isinstance(event, ConnectionTerminated):
                    assert self.draining, f"nobody wanted the connection to end: {event}"
                    assert event.is_clean, event

    def pick(self, which: int) -> int:
        if not self.ids:
            raise UsageError("no stream yet")
        return self.ids[-1 - which % len(self.ids)]

    def open(self, end_stream: bool) -> None:
        self.ids.append(self.pair.client.open_stream(POST, end_stream))

    def respond(self, which: int, end_stream: bool) -> None:
        self.pair.server.send_headers(self.pick(which), OK + ((b"x-table", b"%d" % which),), end_stream)

    def data(self, is_client: bool, which: int, length: int, end_stream: bool) -> None:
        stream_id = self.pick(which)
        payload = bytes([len(self.sent) % 256]) * length
        self.ends[is_client].send_data(stream_id, payload, end_stream)
        self.sent[is_client, stream_id] = self.sent.get((is_client, stream_id), b"") + payload

    def trailers(self, is_client: bool, which: int) -> None:
        stream_id = self.pick(which)
        stream = self.ends[is_client].streams.by_id.get(stream_id)
        if stream is not None and stream.send_phase != HEAD_DUE:
            self.ends[is_client].send_headers(stream_id, TRAILERS, True)

    def consume(self, is_client: bool, which: int, length: int) -> None:
        stream_id = self.pick(which)
        length = min(length, self.unread.get((is_client, stream_id), 0))
        self.ends[is_client].consume(stream_id, length)
        if length:
            self.unread[is_client, stream_id] -= length

    def reset(self, is_client: bool, which: int) -> None:
        stream_id = self.pick(which)
        if stream_id in self.ends[is_client].streams.by_id:
            self.lost.add(stream_id)
        self.ends[is_client].reset_stream(stream_id)

    def ping(self, is_client: bool) -> None:
        self.ends[is_client].ping(b"12345678")

    def settings(self, is_client: bool, entry: tuple[int, int]) -> None:
        self.ends[is_client].update_settings(dict([entry]))

    def pump(self) -> None:
        self.pair.pump()

    def deliver(self, to_server: bool, length: int) -> None:
        self.pair.deliver(to_server, length)

    def run(self) -> None:
        self.pair.run()

    def shut_down(self, is_client: bool) -> None:
        self.draining = True
        self.ends[is_client].shut_down()

    def finish(self) -> None:
        """Let every stream come to its end, and see that all has arrived and nothing is left."""
        for is_client, connection in self.ends.items():
            if not connection.is_closed:
                connection.update_settings({3: 100, 4: 100})
            for stream_id in self.ids:
                self.consume_all(is_client, stream_id)
        for _ in range(100):
            self.pair.run()
            self.look()
            done = True
            for is_client, connection in self.ends.items():
                for stream_id in self.ids:
                    done = self.finish_one(is_client, connection, stream_id) and done
            if done:
                break
        self.pair.run()
        self.look()
        self.pair.hang_up()
        self.look()
        assert not self.pair.client.streams.by_id or self.pair.client.is_closed
        if not (self.pair.client.is_closed or self.pair.server.is_closed):
            self.pair.check_nothing_left()
        for (is_client, stream_id), content in self.sent.items():
            if stream_id not in self.lost:
                assert self.received.get((not is_client, stream_id), b"") == content, "all content has arrived"

    def consume_all(self, is_client: bool, stream_id: int) -> bool:
        length = self.unread.get((is_client, stream_id), 0)
        if length:
            self.unread[is_client, stream_id] = 0
            self.ends[is_client].consume(stream_id, length)
        return not length

    def finish_one(self, is_client: bool, connection: Connection, stream_id: int) -> bool:
        """One thing that is still to be done on a stream; True when there is none."""
        if not self.consume_all(is_client, stream_id):
            return False
        stream = connection.streams.by_id.get(stream_id)
        if stream is None or connection.is_closed:
            return True
        if stream.send_phase == HEAD_DUE:
            connection.send_headers(stream_id, OK, True)
        elif stream.send_phase != OVER:
            connection.send_data(stream_id, b"", True)
        return False


@settings(max_examples=400)
@given(st.integers(1, 400), st.lists(strategies.operations, max_size=60))
def test_a_pair_keeps_its_invariants_whatever_is_done(chunk_bytes: int, operations: list[tuple[Any, ...]]) -> None:
    model = Model(chunk_bytes)
    for operation in operations:
        model.step(operation)
    model.finish()


@settings(max_examples=200)
@given(
    st.lists(strategies.operations, max_size=25),
    st.booleans(),
    st.lists(strategies.operations, max_size=25),
)
def test_a_pair_that_shuts_down_in_the_middle_finishes_what_is_open(
    before: list[tuple[Any, ...]], is_client: bool, after: list[tuple[Any, ...]]
) -> None:
    model = Model(1 << 20)
    for operation in before:
        model.step(operation)
    model.shut_down(is_client)
    for operation in after:
        model.step(operation)
    model.finish()
    assert model.ends[is_client].is_closed, "who shut down has come to the end"
    assert model.ends[is_client].termination is not None
