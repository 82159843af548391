"""A new stream has done nothing."""

from __future__ import annotations

from http2.stream import HEAD_DUE, Stream
from http2.stream_states import IDLE


def test_a_new_stream() -> None:
    stream = Stream(7, send_window=10, receive_limit=20)
    assert (stream.id, stream.state) == (7, IDLE)
    assert (stream.send_phase, stream.receive_phase) == (HEAD_DUE, HEAD_DUE)
    assert (stream.send_window, stream.available) == (10, 20)
    assert (stream.content_left, stream.send_left) == (-1, -1), "no content-length was declared"
    assert (stream.queue, stream.queued_bytes, stream.head_queued, stream.trailers_queued) == (None, 0, None, None)
    flags = (stream.end_queued, stream.is_head, stream.is_connect)
    assert not any(flags)


def test_a_stream_carries_no_dict() -> None:
    assert not hasattr(Stream(1, 0, 0), "__dict__"), "ten thousand of them may be open"
