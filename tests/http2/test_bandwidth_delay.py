"""Windows that grow with the path (RFC 9113 §5.2.2): the samples alone, and connections over a path in virtual time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from http2 import Config, Connection, PingAcknowledged, PingReceived
from http2.bandwidth_delay import PATH_PING, WAIT_S_MAX, BandwidthDelay
from http2.config import MAX_WINDOW
from http2.frames import build_frame, build_ping
from tests.support.long_path import LongPath
from tests.support.pair import POST
from tests.support.peer import Peer

MIB = 1 << 20
GRPC = Config(
    stream_window_bytes=MIB, connection_window_bytes=4 * MIB, stream_window_bytes_max=16 * MIB, frame_bytes_max=65_536
)
ROUND_TRIPS_TO_GROW = 12  # four doublings, each in two, and the beginning
both_ways = pytest.mark.parametrize("to_server", [True, False], ids=["upload", "download"])


# -- the samples -------------------------------------------------------------------------------------------------------


def sampled(path: BandwidthDelay, octets: int, seconds: float, window: int, at: float = 0.0) -> int:
    path.begin(at, 1_000)
    return path.end(at + seconds, 1_000 + octets, window)


@pytest.mark.parametrize(
    ("octets", "grown"), [(100, 200), (50, 200), (49, 0), (0, 0), (150, 300), (600, 1_000)], ids=str
)
def test_half_of_the_window_doubles_it(octets: int, grown: int) -> None:
    assert sampled(BandwidthDelay(1_000), octets, 0.1, window=100) == grown


def test_without_more_bandwidth_a_longer_queue_is_all_there_is() -> None:
    path = BandwidthDelay(10_000)
    assert sampled(path, 100, 0.1, 100) == 200
    assert sampled(path, 200, 0.2, 200) == 0, "twice the octets in twice the time"
    assert sampled(path, 200, 0.185, 200) == 0, "8 % more may be chance"
    assert sampled(path, 200, 0.1, 200) == 400


def test_nothing_grows_without_a_clock_or_back_or_beyond_the_maximum() -> None:
    assert sampled(BandwidthDelay(1_000), 100, 0.0, 100) == 0
    assert sampled(BandwidthDelay(100), 100, 0.1, 120) == 0, "SETTINGS made it larger than the maximum"
    path = BandwidthDelay(1_000)
    assert sampled(path, 600, 0.1, 600) == 1_000
    assert path.due == math.inf, "there is nothing more to learn"


def test_samples_that_lead_to_nothing_become_rarer() -> None:
    path = BandwidthDelay(1_000)
    waits = []
    for _ in range(20):
        assert sampled(path, 1, 0.5, 100) == 0
        waits.append(path.due - 0.5)
    assert waits[:8] == pytest.approx([0.0, 0.0, 0.0, 0.1, 0.2, 0.4, 0.8, 1.0])
    assert waits[-1] == WAIT_S_MAX
    assert sampled(path, 100, 0.5, 100) == 200
    assert path.due == 1.0, "what works is tried again, when the new credit has had its round trip"


def test_one_sample_at_a_time() -> None:
    path = BandwidthDelay(1_000)
    assert path.due == -math.inf
    path.is_armed = True
    path.begin(1.0, 0)
    assert (path.is_armed, path.is_sampling, path.due) == (False, True, math.inf)
    path.end(2.0, 0, 100)
    assert (path.is_sampling, path.due) == (False, 2.0)


# -- on a connection ---------------------------------------------------------------------------------------------------


def grow(connection: Connection) -> tuple[int, int]:
    """(window of streams, window of the connection)."""
    return connection.local.stream_window_bytes, connection.receive_window.limit


@pytest.mark.parametrize("maximum", [0, 65_535])
def test_by_default_windows_do_not_grow(maximum: int) -> None:
    assert Connection.server(Config(stream_window_bytes_max=maximum)).path is None


def test_no_ping_before_a_window_is_announced_and_none_without_data() -> None:
    peer = Peer.of_server(Config(stream_window_bytes=65_536, stream_window_bytes_max=MIB))
    stream_id = peer.opens(POST)
    connection = peer.connection
    data = build_frame(0, 0, stream_id, bytes(16_384))
    connection.receive_data(data, 1.0)
    connection.consume(stream_id, 16_384)
    assert connection.data_to_send() == [], "16 KiB of 64 were consumed"
    connection.receive_data(data, 1.1)
    connection.consume(stream_id, 16_384)
    assert len(connection.data_to_send()) == 1, "a window is announced"
    connection.receive_data(build_ping(b"whatever"), 1.2)
    assert connection.data_to_send() == [build_ping(b"whatever", ack=True)], "no DATA has come"
    connection.receive_data(data, 1.3)
    assert connection.data_to_send() == [build_ping(PATH_PING)]
    connection.consume(stream_id, 16_384)
    connection.receive_data(data, 1.4)
    connection.consume(stream_id, 16_384)
    assert build_ping(PATH_PING) not in connection.data_to_send(), "one sample at a time"
    assert connection.receive_data(build_ping(PATH_PING, ack=True), 1.5) == [], "the application hears nothing of it"


def test_what_is_not_our_measurement_goes_to_the_application() -> None:
    peer = Peer.of_server(Config(stream_window_bytes_max=MIB))
    peer.connection.ping(PATH_PING)
    events = peer.connection.receive_data(build_ping(PATH_PING, ack=True), 1.0)
    assert [type(event) for event in events] == [PingAcknowledged]


def test_nothing_is_measured_on_a_connection_that_has_failed() -> None:
    peer = Peer.of_server(Config(stream_window_bytes=65_536, stream_window_bytes_max=MIB))
    stream_id = peer.opens(POST)
    peer.connection.receive_data(build_frame(0, 0, stream_id, bytes(16_384)) * 2, 1.0)
    peer.connection.consume(stream_id, 32_768)
    peer.connection.data_to_send()
    peer.connection.receive_data(build_frame(0, 0, stream_id, bytes(10)) + build_frame(0, 0, 99, b""), 2.0)
    assert peer.connection.is_closed
    assert build_ping(PATH_PING) not in peer.connection.data_to_send()


def test_the_connection_s_window_stays_within_what_is_allowed() -> None:
    config = Config(
        stream_window_bytes=65_536, stream_window_bytes_max=MAX_WINDOW, connection_window_bytes=MAX_WINDOW - 10
    )
    path = LongPath(0.05, config, config)
    path.bytes_per_s_over(0.5, [path.open(True)], True)
    assert path.server.receive_window.limit == MAX_WINDOW
    assert path.server.local.stream_window_bytes > 65_536


# -- over a path -------------------------------------------------------------------------------------------------------


@both_ways
@pytest.mark.parametrize("round_trip_s", [0.001, 0.01, 0.05, 0.1])
def test_a_long_path_is_used_to_four_fifths_of_what_the_window_allows(round_trip_s: float, to_server: bool) -> None:
    """The bandwidth has no end, so the window is all that limits: it should be the maximum, and go round whole."""
    path = LongPath(round_trip_s, GRPC, GRPC)
    streams = [path.open(to_server)]
    path.bytes_per_s_over(ROUND_TRIPS_TO_GROW * round_trip_s, streams, to_server)
    measured = path.bytes_per_s_over(20 * round_trip_s, streams, to_server)
    optimum = 16 * MIB / round_trip_s
    print(f"{measured / optimum:.0%} of {optimum / 1e6:.0f} MB/s")
    assert measured >= 0.8 * optimum
    assert grow(path.end(to_server)) == (16 * MIB, 19 * MIB)
    assert grow(path.end(not to_server)) == (MIB, 4 * MIB), "nothing came from there"


@both_ways
def test_without_growth_the_same_path_gives_one_window_in_a_round_trip(to_server: bool) -> None:
    """What the test above would measure if nothing grew: it can fail."""
    fixed = Config(stream_window_bytes=MIB, connection_window_bytes=4 * MIB, frame_bytes_max=65_536)
    path = LongPath(0.05, fixed, fixed)
    measured = path.bytes_per_s_over(1.0, [path.open(to_server)], to_server)
    assert measured == pytest.approx(MIB / 0.05, rel=0.1)


@both_ways
def test_a_window_grows_to_what_the_path_holds_and_not_to_the_maximum(to_server: bool) -> None:
    path = LongPath(0.02, GRPC, GRPC, bytes_per_s=100e6)  # the path holds 2 MB
    streams = [path.open(to_server)]
    path.bytes_per_s_over(0.5, streams, to_server)
    assert path.bytes_per_s_over(1.0, streams, to_server) >= 0.95 * 100e6
    assert 2e6 <= path.end(to_server).local.stream_window_bytes <= 8 * MIB


def test_many_streams_share_what_one_would_get() -> None:
    path = LongPath(0.05, GRPC, GRPC)
    streams = [path.open(True) for _ in range(20)]
    path.bytes_per_s_over(ROUND_TRIPS_TO_GROW * 0.05, streams, True)
    assert path.bytes_per_s_over(1.0, streams, True) >= 0.8 * 19 * MIB / 0.05, "the connection's window is the limit"


def test_who_does_not_read_is_not_sent_more() -> None:
    path = LongPath(0.05, GRPC, GRPC)
    stream_id = path.open(True)
    path.consumes[True] = False
    path.bytes_per_s_over(1.0, [stream_id], True)
    assert path.received[True] == MIB
    assert grow(path.server) == (MIB, 4 * MIB)


def test_a_grown_window_is_what_an_application_costs_that_stops_to_read() -> None:
    path = LongPath(0.05, GRPC, GRPC)
    greedy, other = path.open(True), path.open(True)
    path.bytes_per_s_over(1.0, [greedy], True)
    path.consumes[True] = False
    path.bytes_per_s_over(1.0, [greedy], True)
    assert path.server.streams.by_id[greedy].held == 16 * MIB
    path.consumes[True] = True
    assert path.bytes_per_s_over(1.0, [other], True) >= 0.8 * 3 * MIB / 0.05, "3 MiB are left to the others, as before"


def test_small_messages_cause_no_ping() -> None:
    path = LongPath(0.05, GRPC, GRPC)
    stream_id = path.open(True)
    before = path.octets_sent[False]
    for _ in range(1_000):  # 100 KB in all: less than is worth a WINDOW_UPDATE
        path.client.send_data(stream_id, bytes(100))
        path.carry()
        path.settle()
    assert path.octets_sent[False] == before


def test_pings_become_rare_where_nothing_is_to_be_gained() -> None:
    path = LongPath(0.0005, GRPC, GRPC, bytes_per_s=50e6)
    stream_id = path.open(True)
    path.client_events.clear()
    path.bytes_per_s_over(5.0, [stream_id], True)
    pings = sum(type(event) is PingReceived for event in path.client_events)
    assert 5 <= pings <= 16, "one second between them in the end"


@settings(max_examples=30, deadline=None)
@given(
    round_trip_s=st.floats(0.0001, 0.5),
    bytes_per_s=st.sampled_from([1e6, 20e6, 1e9, math.inf]),
    window=st.integers(1, 100_000),
    maximum=st.integers(0, 2_000_000),
    data=st.data(),
)
def test_credit_is_conserved_while_windows_grow(
    round_trip_s: float, bytes_per_s: float, window: int, maximum: int, data: st.DataObject
) -> None:
    """Whoever sends, consumes, resets or ends in whatever order: `LongPath` checks every window after every step."""
    config = Config(stream_window_bytes=window, stream_window_bytes_max=maximum, connection_window_bytes=200_000)
    path = LongPath(round_trip_s, config, config, bytes_per_s)
    streams = [path.open(True), path.open(False), path.open(False)]
    for _ in range(data.draw(st.integers(1, 12), "turns")):
        to_server = data.draw(st.booleans(), "to the server")
        stream_id = streams[0] if to_server else data.draw(st.sampled_from(streams[1:]), "stream")
        sender, receiver = path.end(not to_server), path.end(to_server)
        action = data.draw(st.sampled_from(["send", "send", "send", "read", "stall", "steps", "reset"]), "action")
        if action == "send" and stream_id in sender.streams.by_id:
            sender.send_data(stream_id, bytes(data.draw(st.integers(0, 400_000), "octets")))
        elif action in ("read", "stall"):
            path.consumes[to_server] = action == "read"
            if action == "read":
                for stream in list(receiver.streams.by_id.values()):
                    receiver.consume(stream.id, stream.held)
        elif action == "reset":
            receiver.reset_stream(stream_id)
        path.carry()
        for _ in range(data.draw(st.integers(0, 40), "steps")):
            path.step()
    path.settle()
    path.check()
    for connection in (path.client, path.server):
        assert not connection.is_closed, connection.termination
        assert connection.local.stream_window_bytes <= max(window, maximum)
        growth = connection.local.stream_window_bytes - window
        assert connection.receive_window.limit == 200_000 + growth, "both windows grow by as many octets"
    assert path.client.send_window == path.server.receive_window.available
    assert path.server.send_window == path.client.receive_window.available
