"""All streams of a connection (RFC 9113 §5.1.1, §5.1.2): what is known of those that are gone."""

from __future__ import annotations

import pytest

from http2.config import Config
from http2.stream import Stream
from http2.stream_states import (
    CLOSED_BY_LOCAL_RESET,
    CLOSED_BY_PEER_RESET,
    CLOSED_ENDED,
    CLOSED_FORGOTTEN,
    IDLE,
)
from http2.streams import NO_GOAWAY, Streams


def streams(is_client: bool, remembered: int = 2) -> Streams:
    return Streams(is_client, Config(reset_streams_remembered=remembered))


@pytest.mark.parametrize(
    ("is_client", "stream_id", "is_local"), [(True, 1, True), (True, 2, False), (False, 1, False), (False, 2, True)]
)
def test_clients_open_odd_streams_and_servers_even_ones(is_client: bool, stream_id: int, is_local: bool) -> None:
    assert streams(is_client).is_local(stream_id) is is_local


def test_one_number_says_which_of_our_streams_were_used() -> None:
    ours = streams(True)
    ours.last_local_id = 5
    assert [ours.state_of(i) for i in (1, 5, 7)] == [CLOSED_FORGOTTEN, CLOSED_FORGOTTEN, IDLE]


def test_one_number_says_which_of_the_peers_streams_were_used() -> None:
    theirs = streams(False)
    theirs.last_peer_id = 5
    assert [theirs.state_of(i) for i in (1, 5, 7)] == [CLOSED_ENDED, CLOSED_ENDED, IDLE]
    assert theirs.state_of(2) == IDLE, "we never opened one"


def test_what_came_after_our_goaway_was_ignored() -> None:
    theirs = streams(False)
    assert theirs.goaway_id == NO_GOAWAY
    theirs.last_peer_id, theirs.goaway_id = 9, 5
    assert [theirs.state_of(i) for i in (5, 7, 9, 11)] == [CLOSED_ENDED, CLOSED_FORGOTTEN, CLOSED_FORGOTTEN, IDLE]


def test_only_the_last_resets_are_remembered() -> None:
    theirs = streams(False, remembered=2)
    theirs.last_peer_id = 9
    theirs.remember(1, CLOSED_BY_LOCAL_RESET)
    theirs.remember(3, CLOSED_BY_PEER_RESET)
    assert [theirs.state_of(i) for i in (1, 3)] == [CLOSED_BY_LOCAL_RESET, CLOSED_BY_PEER_RESET]
    theirs.remember(5, CLOSED_BY_LOCAL_RESET)
    assert [theirs.state_of(i) for i in (1, 3, 5)] == [CLOSED_ENDED, CLOSED_BY_PEER_RESET, CLOSED_BY_LOCAL_RESET]


def test_nothing_need_be_remembered() -> None:
    theirs = streams(False, remembered=0)
    theirs.last_peer_id = 1
    theirs.remember(1, CLOSED_BY_LOCAL_RESET)
    assert theirs.state_of(1) == CLOSED_ENDED


def test_streams_are_counted_by_who_opened_them() -> None:
    ours = streams(True)
    assert ours.are_done()
    ours.local_open = ours.peer_open = 1
    ours.closed(Stream(1, 0, 0))
    assert (ours.local_open, ours.peer_open, ours.are_done()) == (0, 1, False)
    ours.closed(Stream(2, 0, 0))
    assert (ours.local_open, ours.peer_open, ours.are_done()) == (0, 0, True)
    ours.wait(Stream(3, 0, 0))
    assert not ours.are_done()
