"""Settings synchronization (RFC 9113 §6.5.3): what new values do to what runs already."""

from __future__ import annotations

import pytest

from http2.events import (
    DataReceived,
    SettingsAcknowledged,
)
from http2.frames import (
    build_frame,
)
from tests.support.pair import GET, POST, Pair
from tests.support.peer import Peer


def test_settings_can_change_while_streams_are_open() -> None:
    pair = Pair()
    stream_id = pair.client.open_stream(POST)
    pair.run()
    pair.take_events()
    pair.server.update_settings({4: 100_000, 5: 20_000, 3: 5, 1: 0})
    pair.run()
    assert pair.take_events()[1] == [SettingsAcknowledged({4: 100_000, 5: 20_000, 3: 5, 1: 0})]
    pair.client.send_data(stream_id, bytes(100_000), True)
    pair.run()
    lengths = [len(e.data) for e in pair.server_events if isinstance(e, DataReceived)]
    assert (sum(lengths), max(lengths)) == (100_000, 20_000)


@pytest.mark.parametrize(
    ("sizes", "update"),
    [([0], "20"), ([100], "3f45"), ([0, 4096], "203fe11f"), ([0, 100, 4096], "203fe11f"), ([2**32 - 1], "")],
)
def test_our_encoder_signals_the_smallest_table_and_then_the_last(sizes: list[int], update: str) -> None:
    """HPK-10, HPK-19: also when all of them came in one frame."""
    for one_frame in (True, False):
        peer = Peer.of_client()
        entries = [b"\0\1" + size.to_bytes(4, "big") for size in sizes]
        frames = [b"".join(entries)] if one_frame else entries
        peer.sends(*[build_frame(4, 0, 0, payload) for payload in frames])
        peer.skip()
        peer.decoder.set_table_bytes_max(max(*sizes, 4096))
        peer.connection.open_stream(GET, True)
        (frame,) = peer.skip()
        assert frame.payload.hex().startswith(update)
        assert frame.fields == GET
        assert frame.payload[:1] == bytes.fromhex(update)[:1] or not update
