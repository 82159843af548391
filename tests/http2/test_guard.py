"""Budgets (RFC 9113 §10.5): their arithmetic, then the attacks, each beside its legitimate twin."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from http2 import errors
from http2.config import Config
from http2.connection import Connection
from http2.errors import ErrorCode
from http2.events import DataReceived, StreamReset
from http2.frames import (
    PREFACE,
    SETTINGS_ACK,
    WINDOW_UPDATE,
    build_frame,
    build_goaway,
    build_ping,
    build_rst_stream,
    build_settings,
    build_window_update,
)
from http2.guard import Budget, Guard
from tests.support.pair import GET, OK, POST, TRAILERS
from tests.support.peer import Peer, ping_ack

LENGTH_5 = (b"content-length", b"5")


def test_a_budget_lasts_as_long_as_it_says_and_then_ends_the_connection() -> None:
    budget = Budget("noises", 3, per_s=0.0, work_value=0.0)
    for _ in range(3):
        budget.spend(0.0, 0)
    with pytest.raises(errors.ConnectionError, match="too many noises; 3 are tolerated") as caught:
        budget.spend(0.0, 0)
    assert caught.value.error_code == ErrorCode.ENHANCE_YOUR_CALM
    assert caught.value.rule == "RFC 9113 §10.5"


def test_time_refills_it() -> None:
    budget = Budget("noises", 3, per_s=0.5, work_value=0.0)
    for step in range(100):
        budget.spend(step * 2.0, 0)


def test_time_that_goes_back_neither_refills_nor_takes() -> None:
    budget = Budget("noises", 2, per_s=1.0, work_value=0.0)
    budget.spend(100.0, 0)
    budget.spend(50.0, 0)
    with pytest.raises(errors.ConnectionError):
        budget.spend(50.0, 0)


def test_work_refills_it() -> None:
    budget = Budget("noises", 3, per_s=0.0, work_value=2.0)
    for work in range(100):
        budget.spend(0.0, work, cost=2.0)


def test_it_never_holds_more_than_its_size() -> None:
    budget = Budget("noises", 3, per_s=1.0, work_value=1.0)
    budget.spend(1e9, 10**9, cost=3.0)
    with pytest.raises(errors.ConnectionError):
        budget.spend(1e9, 10**9)


def test_the_sizes_come_from_the_config() -> None:
    guard = Guard(Config(resets_max=1, faults_max=2, idle_frames_max=3))
    for spend, size in ((guard.spend_reset, 1), (guard.spend_fault, 2), (guard.idle.spend, 3)):
        spend(0.0, 0, cost=size)
        with pytest.raises(errors.ConnectionError, match=f"; {size} are tolerated"):
            spend(0.0, 0)


# -- attacks, and their legitimate twins (§10.5) -----------------------------------------------------------------------


def calm_down(peer: Peer, text: str, last_stream_id: int | None = None) -> None:
    last = peer.connection.streams.last_peer_id if last_stream_id is None else last_stream_id
    peer.connection_failed("abuse", ErrorCode.ENHANCE_YOUR_CALM, last, text, "RFC 9113 §10.5")


def send_until_closed(peer: Peer, frames: Callable[[int], bytes], at_most: int) -> int:
    """How many of the frames it takes."""
    for count in range(at_most):
        peer.sends(frames(count))
        if peer.connection.is_closed:
            return count
        peer.skip()
    raise AssertionError(f"{at_most} frames were not enough")


def test_rapid_reset() -> None:
    """DOS-04: CVE-2023-44487."""
    peer = Peer.of_server()
    count = send_until_closed(
        peer, lambda n: peer.headers(2 * n + 1, GET, end_stream=True) + build_rst_stream(2 * n + 1, 8), 300
    )
    assert count == 200
    assert isinstance(peer.take_events()[-2], StreamReset), "also the last reset is told"
    assert peer.connection.termination is not None
    assert "too many cancelled requests; 200 are tolerated" in peer.connection.termination.reason


def test_rapid_reset_of_answers_that_cannot_leave() -> None:
    """An answer that waits for a window is not a finished one."""
    peer = Peer.of_server(settings={4: 0})

    def attack(number: int) -> bytes:
        stream_id = 2 * number + 1
        peer.sends(peer.headers(stream_id, GET, end_stream=True))
        peer.connection.send_headers(stream_id, OK)
        peer.connection.send_data(stream_id, b"never leaves", True)
        peer.skip()
        return build_rst_stream(stream_id, 8)

    assert send_until_closed(peer, attack, 300) == 200


def test_a_client_that_cancels_half_of_its_calls_goes_on() -> None:
    peer = Peer.of_server()
    connection = peer.connection
    try:
        for number in range(100_000):
            if number == 95_000:
                tracemalloc.start()
            stream_id = 2 * number + 1
            connection.receive_data(peer.headers(stream_id, GET, end_stream=True))
            if number % 2:
                connection.receive_data(build_rst_stream(stream_id, 8))
            else:
                connection.send_headers(stream_id, OK, True)
            connection.data_to_send()
        grown_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not connection.is_closed
    assert grown_bytes < 50_000, "DOS-19: of 5,000 streams that are gone no memory is left"
    assert connection.streams.by_id == {}


def test_calls_that_are_answered_early_may_be_reset_by_the_client() -> None:
    """A server that answers at once (401, say) makes the client stop its upload by RST_STREAM: no abuse."""
    peer = Peer.of_server()
    for number in range(5_000):
        stream_id = 2 * number + 1
        peer.sends(peer.headers(stream_id, POST))
        peer.connection.send_headers(stream_id, ((b":status", b"401"),), True)
        peer.sends(build_rst_stream(stream_id, 8))
        peer.skip()
    peer.innocent_completes("no abuse")


# The ways to make a server reset a stream that it has taken (CVE-2025-8671).
MADE_YOU_RESET: list[tuple[str, Callable[[Peer, int], bytes]]] = [
    ("increment 0", lambda p, i: p.headers(i, POST) + build_window_update(i, 0)),
    ("overflow", lambda p, i: p.headers(i, POST) + build_window_update(i, 2**31 - 1)),
    ("DATA after the end", lambda p, i: p.headers(i, GET, end_stream=True) + p.data(i, b"x")),
    ("HEADERS after the end", lambda p, i: p.headers(i, GET, end_stream=True) + p.headers(i, GET, end_stream=True)),
    ("PRIORITY too short", lambda p, i: p.headers(i, POST) + build_frame(2, 0, i, bytes(4))),
    ("content-length", lambda p, i: p.headers(i, (*POST, LENGTH_5)) + p.data(i, b"123456")),
    ("malformed trailers", lambda p, i: p.headers(i, POST) + p.headers(i, ((b"X", b"y"),), end_stream=True)),
    ("malformed request", lambda p, i: p.headers(i, OK)),
    ("window", lambda p, i: p.headers(i, POST) + p.data(i, bytes(16_384)) * 5),
]


@pytest.mark.parametrize("attack", [case[1] for case in MADE_YOU_RESET], ids=[case[0] for case in MADE_YOU_RESET])
def test_made_you_reset(attack: Callable[[Peer, int], bytes]) -> None:
    """DOS-05."""
    peer = Peer.of_server()
    count = send_until_closed(peer, lambda n: attack(peer, 2 * n + 1), 200)
    assert count == 100
    calm_down(peer, "too many stream errors; 100 are tolerated")


def test_streams_over_the_limit_are_abuse_once_the_limit_is_known() -> None:
    """DOS-20; before our SETTINGS are acknowledged a client cannot know better."""
    peer = Peer(Connection.server(Config(concurrent_streams_max=0)), handshake=False)
    peer.sends(PREFACE, build_settings({}))
    for number in range(300):
        peer.sends(peer.headers(2 * number + 1, GET))
    assert not peer.connection.is_closed
    peer.sends(SETTINGS_ACK)
    send_until_closed(peer, lambda n: peer.headers(601 + 2 * n, GET), 200)
    calm_down(peer, "too many stream errors")


FLOODS: list[tuple[str, Callable[[Peer], bytes]]] = [
    ("PING", lambda p: build_ping(b"12345678")),  # DOS-02
    ("PING ACK", lambda p: build_ping(b"12345678", ack=True)),
    ("SETTINGS", lambda p: build_settings({})),  # DOS-06
    ("SETTINGS entries", lambda p: build_settings(dict.fromkeys(range(16, 16 + 2000), 1))),
    ("empty DATA", lambda p: p.data(1)),  # DOS-09
    ("padding without content", lambda p: p.data(1, padding=200)),
    ("PRIORITY", lambda p: build_frame(2, 0, 99, bytes(5))),  # DOS-03
    ("unknown", lambda p: build_frame(0x42, 0, 0)),  # DOS-18
    ("GOAWAY", lambda p: build_goaway(0, 0)),
    ("WINDOW_UPDATE, connection", lambda p: build_window_update(0, 1)),  # DOS-17
    ("WINDOW_UPDATE, stream", lambda p: build_window_update(1, 1)),
    ("RST_STREAM, gone", lambda p: build_rst_stream(3, 8)),
    ("WINDOW_UPDATE, gone", lambda p: build_window_update(3, 1)),
    ("empty DATA, gone", lambda p: p.data(3)),
    ("HEADERS, gone", lambda p: p.headers(3, TRAILERS, end_stream=True)),
    ("window oscillation", lambda p: build_settings({4: 0}) + build_settings({4: 2**31 - 1 - 65_535})),  # DOS-16
]


@pytest.mark.parametrize("frames", [case[1] for case in FLOODS], ids=[case[0] for case in FLOODS])
def test_floods(frames: Callable[[Peer], bytes]) -> None:
    """Legal one by one; by the thousand, and with nothing to show for it, the end of the connection."""
    peer = Peer.of_server()
    peer.opens(POST)
    gone = peer.opens(POST)
    peer.connection.reset_stream(gone)
    peer.skip()
    assert send_until_closed(peer, lambda n: frames(peer), 1100) <= 1001
    calm_down(peer, "too many frames without content; 1000 are tolerated")


def test_a_change_of_all_windows_costs_as_much_as_there_are_streams() -> None:
    """DOS-16: each touches every open stream."""
    peer = Peer.of_server()
    for _ in range(96):
        peer.opens(POST)
    count = send_until_closed(peer, lambda n: build_settings({4: n % 2}), 200)
    assert count == 142, "1 for the frame and 96 / 16 for the streams: 7 of a budget of 1,000"
    calm_down(peer, "too many frames without content")


def test_a_request_that_is_sent_again_and_again_after_goaway() -> None:
    peer = Peer.of_server()
    peer.opens(POST)
    peer.connection.shut_down()
    peer.sends(build_ping(b"goodbye?", ack=True))
    send_until_closed(peer, lambda n: peer.headers(2 * n + 3, GET), 1100)
    calm_down(peer, "too many frames without content", last_stream_id=1)


def test_many_small_messages_with_a_window_update_each_go_on() -> None:
    """DOS-09's twin: 10^5 messages, each acknowledged on both windows."""
    peer = Peer.of_client()
    stream_id = peer.opens(POST)
    connection = peer.connection
    updates = build_window_update(0, 5) + build_window_update(stream_id, 5)
    for _ in range(100_000):
        connection.send_data(stream_id, b"hello")
        connection.data_to_send()
        connection.receive_data(updates)
    assert not connection.is_closed


def test_a_stream_of_small_messages_that_are_consumed_goes_on() -> None:
    peer = Peer.of_server()
    stream_id = peer.opens(POST)
    connection = peer.connection
    frame = peer.data(stream_id, b"hello") + peer.data(stream_id)
    for _ in range(20_000):
        connection.receive_data(frame)
        connection.consume(stream_id, 5)
        connection.data_to_send()
        connection.next_events()
    assert not connection.is_closed


def test_keepalive_pings_go_on_for_ever() -> None:
    peer = Peer.of_server()
    for number in range(10_000):
        peer.now = number * 10.0
        peer.sends(build_ping(b"12345678"))
        peer.expects_only("an answer", ping_ack(b"12345678"))
    peer.innocent_completes("after a day")


def test_a_peer_that_never_reads_is_not_read_either() -> None:
    """DOS-02, DOS-06: acknowledgements must not pile up."""
    peer = Peer.of_server(Config(unsent_control_bytes_max=1000))
    assert peer.connection.wants_data
    count = 0
    while peer.connection.wants_data:
        peer.sends(build_ping(b"12345678"))
        count += 1
    assert count == 59, "17 octets each"
    peer.skip()
    assert peer.connection.wants_data


def test_a_peer_that_asks_and_never_reads_is_not_read_either() -> None:
    """DOS-06: an answer without content ends its stream, so nothing else would bound how many of them pile up."""
    peer = Peer.of_server(Config(unsent_control_bytes_max=1000))
    stream_id = 1
    while peer.connection.wants_data:
        peer.sends(peer.headers(stream_id, GET, end_stream=True))
        peer.connection.send_headers(stream_id, OK, True)
        stream_id += 2
        assert stream_id < 1000
    peer.skip()
    assert peer.connection.wants_data


def test_requests_that_lie_unsent_do_not_stop_the_reading() -> None:
    """Or a client and a server that both have much to write would wait for each other."""
    peer = Peer.of_client(Config(unsent_control_bytes_max=1000), settings={3: 1000})
    for _ in range(1000):
        peer.connection.open_stream(GET, True)
    assert peer.connection.wants_data


def test_a_settings_frame_with_many_entries_costs_more_than_one_frame() -> None:
    peer = Peer.of_server()
    peer.sends(build_settings(dict.fromkeys(range(16, 16 + 500), 1)))
    assert not peer.connection.is_closed
    peer.sends(build_settings(dict.fromkeys(range(16, 16 + 600), 1)))
    calm_down(peer, "too many frames without content")


def test_unread_content_costs_no_more_than_the_windows() -> None:
    peer = Peer.of_server(Config(concurrent_streams_max=100))
    for number in range(100):
        peer.sends(peer.headers(2 * number + 1, POST))
    connection = peer.connection
    sent = 0
    while connection.receive_window.available >= 16_000:
        stream_id = 1 + 2 * (sent // 4 % 100)
        peer.sends(peer.data(stream_id, bytes(16_000)))
        sent += 1
    assert not connection.is_closed
    assert connection.receive_window.held <= 1_048_576
    assert sum(len(e.data) for e in peer.take_events() if isinstance(e, DataReceived)) == connection.receive_window.held
    assert [f for f in peer.skip() if f.type == WINDOW_UPDATE] == [], "nothing was consumed"
