"""Requests put one by one: handed over to whoever iterates, or straight to a call (see `test_sync_streams`)."""

from __future__ import annotations

import threading

import pytest

from grpc_core.sync.feed import Feed
from tests.grpc_core.sync_support import PATIENCE_S


def in_background(function: object) -> threading.Thread:
    thread = threading.Thread(target=function, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_messages_are_handed_over_in_order_one_at_a_time() -> None:
    feed: Feed[int] = Feed()
    assert not feed.is_attached
    taken: list[int] = []
    thread = in_background(lambda: taken.extend(feed))
    for number in range(100):
        assert feed.put(number)
    feed.end()
    thread.join(PATIENCE_S)
    assert taken == list(range(100))
    with pytest.raises(StopIteration):
        next(feed)


def test_put_waits_until_the_message_before_is_taken() -> None:
    feed: Feed[int] = Feed()
    feed.put(1)
    second = in_background(lambda: feed.put(2))
    second.join(0.05)
    assert second.is_alive()
    assert next(feed) == 1
    second.join(PATIENCE_S)
    assert not second.is_alive()
    assert next(feed) == 2


def test_what_is_left_is_given_before_the_end() -> None:
    feed: Feed[int] = Feed()
    feed.put(1)
    feed.end()
    assert list(feed) == [1]


def test_a_call_that_is_over_frees_both_sides() -> None:
    feed: Feed[int] = Feed()
    feed.put(1)
    results: list[bool] = []
    waiting = in_background(lambda: results.append(feed.put(2)))
    feed.close()
    waiting.join(PATIENCE_S)
    assert results == [False]
    assert feed.put(3) is False
    empty: Feed[int] = Feed()
    thread = in_background(lambda: results.extend(list(empty)))
    empty.close()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
