"""Who sends DATA next: turns, frame sizes, ends."""

from __future__ import annotations

from collections import deque

import pytest

from http2.config import Config
from http2.connection import Connection
from http2.events import StreamWritable
from http2.frames import build_settings, build_window_update
from http2.scheduler import LONE_TURN_BYTES, _take
from http2.stream import Stream
from tests.support.pair import GET, POST, TRAILERS
from tests.support.peer import Frame, Peer, data, headers, window_update


def client(window: int = 65_535, streams: int = 2, config: Config | None = None) -> Peer:
    """A client whose streams 1, 3, ... are open, each with a window of `window`."""
    peer = Peer.of_client(config, settings={4: window})
    for _ in range(streams):
        peer.opens(POST)
    return peer


def close_connection_window(peer: Peer) -> None:
    """Use up the 65,535 octets of the connection on a stream of its own."""
    stream_id = peer.connection.open_stream(POST)
    peer.connection.send_data(stream_id, bytes(65_535))
    peer.skip()
    assert peer.connection.send_window == 0
    peer.connection.reset_stream(stream_id)
    peer.skip()
    peer.take_events()


def sizes(frames: list[Frame]) -> list[tuple[int, int]]:
    return [(frame.stream_id, len(frame.payload)) for frame in frames]


def test_streams_take_turns_frame_by_frame() -> None:
    peer = client(streams=3)
    close_connection_window(peer)
    for stream_id in (1, 3, 5):
        peer.connection.send_data(stream_id, bytes(40_000), True)
    peer.expects_nothing("the connection's window is closed")
    assert not peer.connection.has_output
    peer.sends(build_window_update(0, 65_535))
    assert peer.connection.has_output
    assert sizes(peer.skip()) == [(1, 16_384), (3, 16_384), (5, 16_384), (1, 16_383)]
    peer.sends(build_window_update(0, 65_535))
    frames = peer.skip()
    assert [frame.stream_id for frame in frames] == [3, 5, 1, 3, 5], "who was next is next"
    assert sum(len(frame.payload) for frame in frames) == 120_000 - 65_535
    assert [frame.stream_id for frame in frames if frame.flags] == [1, 3, 5]


def test_what_is_sent_now_does_not_overtake_whose_turn_it_is() -> None:
    """A stream that always has a little to say must not starve one that has much."""
    peer = client()
    close_connection_window(peer)
    peer.connection.send_data(1, bytes(1000))
    peer.sends(build_window_update(0, 500))
    peer.connection.send_data(3, b"small")
    assert sizes(peer.skip()) == [(1, 500)]
    peer.sends(build_window_update(0, 500))
    assert sizes(peer.skip()) == [(3, 5), (1, 495)]


def test_a_stream_with_a_closed_window_holds_up_nobody() -> None:
    peer = client(window=10)
    peer.connection.send_data(1, b"a" * 15)
    peer.connection.send_data(3, b"b" * 5)
    assert sizes(peer.skip()) == [(1, 10), (3, 5)], "FLW-05: never more than the window"
    assert not peer.connection.has_output
    assert peer.take_events() == [StreamWritable(3)]
    peer.sends(build_window_update(1, 2))
    peer.expects_only("the window takes two more", data(1, b"aa"))
    peer.sends(build_window_update(1, 2000))
    peer.expects_only("and the rest", data(1, b"aaa"))
    assert peer.take_events() == [StreamWritable(1)]


@pytest.mark.parametrize("window", [1, 2, 16_383, 65_535])
def test_frames_keep_to_every_window(window: int) -> None:
    """FLW-05: with a window of one octet each octet is a frame of its own."""
    peer = client(window=window, streams=1)
    length = min(100, window * 3) if window < 10 else 100_000
    peer.connection.send_data(1, bytes(length), True)
    sent = 0
    stream_window = connection_window = 0
    stream_window += window
    connection_window += 65_535
    while sent < length:
        frames = peer.skip()
        assert frames
        for frame in frames:
            stream_window -= len(frame.payload)
            connection_window -= len(frame.payload)
            sent += len(frame.payload)
            assert stream_window >= 0
            assert connection_window >= 0
            assert len(frame.payload) <= 16_384
        returned = window - stream_window
        stream_window += returned
        connection_window += returned
        for stream_id in (0, 1):
            peer.sends(build_window_update(stream_id, returned))
    assert sent == length


def test_small_pieces_that_waited_leave_in_one_frame() -> None:
    peer = client(window=0, streams=1)
    for piece in (b"a", b"bc", b"", b"def"):
        peer.connection.send_data(1, piece)
    peer.expects_nothing("the window is closed")
    peer.sends(build_window_update(1, 100))
    peer.expects_only("together", data(1, b"abcdef"))


def test_trailers_wait_behind_the_content() -> None:
    peer = client(window=3, streams=1)
    peer.connection.send_data(1, b"abcdef")
    peer.connection.send_headers(1, TRAILERS, True)
    peer.expects_only("the trailers come last", data(1, b"abc"))
    peer.sends(build_window_update(1, 100))
    peer.expects_only("behind the last octet", data(1, b"def"), headers(1, TRAILERS, end_stream=True))
    assert peer.take_events() == [], "a stream that has ended is not writable"


def test_an_end_that_waits_goes_with_the_last_frame() -> None:
    peer = client(window=3, streams=1)
    peer.connection.send_data(1, b"abcdef")
    peer.connection.send_data(1, b"", True)
    peer.expects_only("as far as it goes", data(1, b"abc"))
    peer.sends(build_window_update(1, 100))
    peer.expects_only("END_STREAM with the last octet", data(1, b"def", end_stream=True))


def test_a_stream_that_was_reset_leaves_the_ring() -> None:
    peer = client()
    close_connection_window(peer)
    peer.connection.send_data(1, bytes(100))
    peer.connection.send_data(3, b"three")
    peer.connection.reset_stream(1)
    peer.skip()
    peer.sends(build_window_update(0, 1000))
    peer.expects_only("only what is left", data(3, b"three"))


def test_a_reset_stream_leaves_the_ring_while_the_connection_window_is_closed() -> None:
    """Closed streams cost nothing: a peer that never opens that window must not collect them."""
    peer = client(streams=0)
    close_connection_window(peer)
    for _ in range(10):
        stream_id = peer.opens(POST)
        peer.connection.send_data(stream_id, b"waits")
        assert list(peer.connection.scheduler.ring) == [stream_id]
        peer.connection.reset_stream(stream_id)
        assert not peer.connection.scheduler.ring


def test_a_stream_whose_window_shrank_leaves_the_ring_and_comes_back() -> None:
    peer = client()
    close_connection_window(peer)
    peer.connection.send_data(1, b"one")
    peer.sends(build_settings({4: 0}))
    peer.sends(build_window_update(0, 1000))
    assert sizes([frame for frame in peer.skip() if frame.type == 0]) == []
    peer.sends(build_settings({4: 2}))
    assert sizes([frame for frame in peer.skip() if frame.type == 0]) == [(1, 2)], "SETTINGS opens it too"


def test_output_is_bounded_until_it_is_taken() -> None:
    """DATA moves into the output up to `output_bytes_max`; more with each time it is taken."""
    connection = Connection.client(Config(output_bytes_max=20_000))
    peer = Peer(connection, settings={4: 2**20})
    peer.sends(build_window_update(0, 2**20))
    stream_id = peer.opens(POST)
    connection.send_data(stream_id, bytes(100_000), True)
    lengths = []
    while connection.has_output:
        lengths.append(len(b"".join(connection.data_to_send())))
    assert max(lengths) <= 20_000 + 16_384 + 9
    assert sum(lengths) == 100_000 + 9 * 7
    assert peer.connection.streams.by_id[stream_id].queued_bytes == 0


def test_a_frame_may_be_as_large_as_the_peer_allows() -> None:
    peer = Peer.of_client(settings={5: 50_000})  # FRM-09
    stream_id = peer.opens(GET[:1] + POST[1:])
    peer.connection.send_data(stream_id, bytes(60_000))
    assert sizes(peer.skip()) == [(1, 50_000), (1, 10_000)]
    peer.sends(build_settings({5: 16_384}))
    peer.skip()
    peer.sends(build_window_update(0, 60_000))
    peer.sends(build_window_update(1, 60_000))
    peer.connection.send_data(stream_id, bytes(20_000))
    assert sizes(peer.skip()) == [(1, 16_384), (1, 3_616)], "and no larger when it has changed its mind"


def test_a_stream_sends_its_longest_frames_while_it_is_alone() -> None:
    """Among others it sends frames of 64 KiB, for whose end the others wait."""
    peer = Peer.of_client(settings={4: 2**24, 5: 2**24 - 1})
    peer.sends(build_window_update(0, 2**24))
    first = peer.opens(POST)
    peer.connection.send_data(first, bytes(2_000_000))
    assert sizes(peer.skip()) == [(first, LONE_TURN_BYTES), (first, 2_000_000 - LONE_TURN_BYTES)]
    peer.connection.send_data(first, bytes(LONE_TURN_BYTES))
    assert sizes(peer.skip()) == [(first, LONE_TURN_BYTES)], "without having been queued, too"
    second = peer.opens(POST)
    peer.connection.send_data(first, bytes(100_000))
    peer.connection.send_data(second, bytes(70_000))
    frames = [(first, 65_536), (second, 65_536), (first, 34_464), (second, 4_464)]
    assert sizes(peer.skip()) == frames
    peer.connection.reset_stream(second)
    peer.connection.send_data(first, bytes(100_000))
    assert sizes(peer.skip())[1:] == [(first, 100_000)]


def test_a_large_piece_begins_a_frame() -> None:
    """Joined to the small one before it, it would be copied."""
    stream = Stream(1, 0, 0)
    large = bytes(100_000)
    stream.queue = deque([b"12", b"345", large, b"6"])
    stream.queued_bytes = 100_006
    assert _take(stream, 200_000) == b"12345"
    view = _take(stream, 80_000)
    assert isinstance(view, memoryview)
    assert view.obj is large
    assert (len(view), stream.queued_bytes) == (80_000, 20_001)
    assert _take(stream, 200_000) == bytes(20_000) + b"6"


@pytest.mark.parametrize(
    ("room", "taken", "left"),
    [(3, b"abc", 5), (5, b"abcde", 3), (6, b"abcdef", 2), (8, b"abcdefgh", 0), (100, b"abcdefgh", 0), (1, b"a", 7)],
)
def test_taking_from_a_queue(room: int, taken: bytes, left: int) -> None:
    stream = Stream(1, 0, 0)
    stream.queue = deque([b"abc", b"de", b"fgh"])
    stream.queued_bytes = 8
    assert _take(stream, room) == taken
    assert stream.queued_bytes == left == sum(len(chunk) for chunk in stream.queue)
    assert taken + _take(stream, 100) == b"abcdefgh"


def test_window_update_frames_reach_a_client() -> None:
    """The other half of the dialogue: what the client consumed is announced on both windows."""
    peer = client(streams=1)
    peer.connection.send_data(1, b"", True)
    peer.skip()
    peer.sends(peer.headers(1, ((b":status", b"200"),)), *[peer.data(1, bytes(16_000))] * 3)
    peer.connection.consume(1, 40_000)
    peer.expects_only("the stream's window at half; the connection's is larger", window_update(1, 40_000))
