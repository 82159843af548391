"""The inbox of a call: what is held, what is given back, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpc_core.inbox import Inbox
from grpc_core.status import StatusCode
from grpc_core.wire import MessageError, frame_message
from http2 import DataReceived
from http2.config import Config
from tests.grpc_core.support import REQUEST
from tests.grpc_core.support_sessions import Sessions
from tests.support.peer import Peer
from tests.support.strategies import chunked, cut_lists

WINDOW = 65_535


def open_inbox(bytes_max: int = -1) -> tuple[Peer, Inbox]:
    peer = Peer.of_server(Config(connection_window_bytes=1_000_000, stream_window_bytes=1_000_000))
    peer.sends(peer.headers(1, REQUEST))
    peer.take_events()
    return peer, Inbox(peer.connection, 1, bytes_max)


def put(peer: Peer, inbox: Inbox, content: bytes) -> bool:
    complete = False
    peer.sends(peer.data(1, content))
    for event in peer.take_events():
        assert isinstance(event, DataReceived)
        complete = inbox.put(event.data) or complete
    return complete


def held(peer: Peer) -> int:
    return peer.connection.receive_window.held


def test_while_nobody_waits_all_is_held() -> None:
    peer, inbox = open_inbox()
    assert put(peer, inbox, frame_message(b"12345") + b"\0\0\0")
    assert (held(peer), len(inbox)) == (13, 1)
    assert inbox.take() == b"12345"
    assert (held(peer), len(inbox)) == (3, 0), "the part of the next one stays held"
    assert inbox.take() is None
    assert inbox.is_wanted
    assert held(peer) == 0, "who waits for a message lets its parts come"
    assert not put(peer, inbox, b"\0\x05123")
    assert held(peer) == 0
    assert put(peer, inbox, b"45")
    assert held(peer) == 2, "the message is whole: what comes now is held until it is taken"
    assert inbox.take() == b"12345"
    assert held(peer) == 0


def test_what_nobody_will_take_is_given_back() -> None:
    peer, inbox = open_inbox()
    put(peer, inbox, frame_message(b"12345") * 3 + b"\0")
    assert held(peer) == 31
    inbox.discard()
    assert (held(peer), len(inbox)) == (0, 0)


def test_the_end_inside_a_message_is_an_error_and_the_end_all_the_same() -> None:
    peer, inbox = open_inbox()
    put(peer, inbox, b"\0\0")
    with pytest.raises(MessageError):
        inbox.end()
    assert inbox.is_over


@given(st.lists(st.binary(max_size=40), max_size=8), cut_lists, st.lists(st.booleans(), max_size=30))
def test_held_is_what_is_queued_and_unless_wanted_what_is_partial(
    payloads: list[bytes], cuts: list[int], takes: list[bool]
) -> None:
    """At most that; exactly that as long as no message was waited for, and nothing when one is and none is there."""
    peer, inbox = open_inbox()
    takes = takes[::-1]
    sizes = [len(payload) + 5 for payload in payloads]
    taken: list[bytes] = []
    came = 0
    was_wanted = False
    for chunk in chunked(b"".join(map(frame_message, payloads)), cuts):
        if chunk:
            put(peer, inbox, chunk)
        came += len(chunk)
        if takes and takes.pop() and (got := inbox.take()) is not None:
            taken.append(got)
        was_wanted = was_wanted or inbox.is_wanted
        queued = sum(sizes[len(taken) : len(taken) + len(inbox)])
        partial = came - sum(sizes[: len(taken) + len(inbox)])
        assert inbox.partial_bytes == partial
        assert held(peer) <= (queued if inbox.is_wanted else queued + partial)
        if not was_wanted:
            assert held(peer) == queued + partial
        if inbox.is_wanted and not inbox:
            assert held(peer) == 0
    while (got := inbox.take()) is not None:
        taken.append(got)
    assert taken == payloads
    assert held(peer) == 0


@pytest.mark.parametrize("wanted", [True, False])
def test_a_message_larger_than_the_window_arrives_only_while_it_is_wanted(wanted: bool) -> None:
    pair = Sessions(server_config=Config(stream_window_bytes=1_000, connection_window_bytes=WINDOW))
    pair.is_wanted = wanted
    call, served, _ = pair.open()
    call.send_message(bytes(10_000), end=True)
    pair.exchange()
    if wanted:
        assert served.inbox.take() == bytes(10_000)
    else:
        assert (len(served.inbox), served.inbox.partial_bytes) == (0, 1_000), "the sender stalls at the window"
        assert pair.client.queued_bytes(call.stream_id) == 10_005 - 1_000
        assert served.inbox.take() is None
        pair.exchange()
        assert served.inbox.take() == bytes(10_000)
    served.finish(StatusCode.OK)
    pair.exchange()
    pair.check_nothing_left()


@pytest.mark.wire("W125")
def test_a_reader_that_does_not_consume_stalls_its_sender_in_both_directions() -> None:
    pair = Sessions()
    call, served, _ = pair.open()
    for _ in range(100):
        call.send_message(bytes(10_000))
        served.send_message(bytes(10_000))
        pair.exchange()
    for inbox, stream in (
        (served.inbox, pair.server.streams.by_id[1]),
        (call.inbox, pair.client.streams.by_id[1]),
    ):
        assert stream.held <= WINDOW
        assert len(inbox) * 10_005 + inbox.partial_bytes == stream.held
    assert not call.can_send
    assert not served.can_send
    taken = 0
    while taken < 100:
        taken += served.inbox.take() is not None
        call.inbox.take()
        pair.exchange()
    assert call.can_send
