"""The copies of a large message, each way: none out of it on its way out, two on its way in, where it comes in parts.

What the transport does with it is shown in tests/http2/test_aio_transport.py: large pieces are written as they are.
"""

from __future__ import annotations

import pytest

from grpc_core.inbox import Inbox
from grpc_core.options import Options
from grpc_core.wire import message_pieces
from http2 import IS_COMPILED, DataReceived
from http2.aio.transport import RECEIVE_BYTES
from http2.frames import build_frame, build_window_update
from tests.support.pair import POST
from tests.support.peer import Peer

MESSAGE = bytes(range(256)) * 4_096  # 1 MiB


def test_a_message_on_its_way_out_is_not_copied() -> None:
    """One after the other, so that the second has to wait in the queue of its stream, prefix and all."""
    config = Options().config
    peer = Peer.of_client(settings={4: config.stream_window_bytes, 5: config.frame_bytes_max})
    peer.sends(build_window_update(0, config.connection_window_bytes))
    stream_id = peer.opens(POST)
    connection = peer.connection
    for _ in range(2):
        for piece in message_pieces(MESSAGE):
            connection.send_data(stream_id, piece)
    chunks = connection.data_to_send() + connection.data_to_send()
    connection.receive_data(build_window_update(stream_id, config.stream_window_bytes))
    chunks += connection.data_to_send()
    large = [chunk for chunk in chunks if len(chunk) > 16_384]
    assert sum(map(len, large)) == 2 * len(MESSAGE)
    assert large[0] is MESSAGE
    parts = [chunk for chunk in large[1:] if isinstance(chunk, memoryview)]
    assert len(parts) == len(large) - 1 == 2, "the window ends in the midst of the second one"
    assert all(part.obj is MESSAGE for part in parts)


@pytest.mark.skipif(IS_COMPILED, reason="a slice of all octets is a copy there: this budget is for pure Python")
def test_a_message_on_its_way_in_is_copied_out_of_the_buffer_and_put_together_once() -> None:
    """The frame's payload is the message: what holds the parts together makes no other copy."""
    peer = Peer.of_server(Options().config)
    stream_id = peer.opens(POST)
    inbox = Inbox(peer.connection, stream_id, -1)
    content = b"".join(build_frame(0, 0, stream_id, piece) for piece in message_pieces(MESSAGE))
    payloads: list[bytes] = []
    for start in range(0, len(content), RECEIVE_BYTES):
        for event in peer.connection.receive_data(memoryview(content)[start : start + RECEIVE_BYTES]):
            assert isinstance(event, DataReceived)
            payloads.append(event.data)
            inbox.put(event.data)
    message = inbox.take()
    assert message == MESSAGE
    assert message is payloads[1]
    assert len(payloads) == 2
