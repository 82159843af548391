"""gRPC's windows grow by default, on both sides, and no peer takes offence at the PINGs that it needs."""

from __future__ import annotations

import pytest

from grpc_core.keepalive import KeepaliveOptions, PingPolice
from grpc_core.options import parse_options
from http2 import PingReceived
from tests.support.long_path import LongPath

ROUND_TRIP_S = 0.05


def path_of(*options: tuple[str, int]) -> LongPath:
    config = parse_options(options).config
    return LongPath(ROUND_TRIP_S, config, config)


@pytest.mark.parametrize("to_server", [True, False], ids=["upload", "download"])
def test_at_50_ms_four_fifths_of_what_the_largest_window_allows(to_server: bool) -> None:
    path = path_of()
    streams = [path.open(to_server)]
    path.bytes_per_s_over(0.6, streams, to_server)
    measured = path.bytes_per_s_over(1.0, streams, to_server)
    print(f"{measured / 1e6:.0f} MB/s")
    assert measured >= 0.8 * 16_777_216 / ROUND_TRIP_S


def test_it_can_be_turned_off_and_the_window_be_set() -> None:
    path = path_of(("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 2_097_152))
    measured = path.bytes_per_s_over(1.0, [path.open(True)], True)
    assert measured == pytest.approx(2_097_152 / ROUND_TRIP_S, rel=0.1)


@pytest.mark.parametrize("piece", [1 << 20, 300_000], ids=["without a pause", "with pauses"])
def test_a_server_that_counts_pings_finds_none_too_many(piece: int) -> None:
    """The client downloads and measures. The server is as strict as it can be: no PING is forgiven."""
    path = path_of()
    police = PingPolice(KeepaliveOptions(ping_interval_s_min=7_200.0, ping_strikes_max=1))
    stream_id = path.open(False)
    pings = 0
    for _ in range(60):
        path.server.send_data(stream_id, bytes(piece))
        path.carry()
        for _ in range(10):
            path.step()
        for event in path.server_events:
            if isinstance(event, PingReceived):
                pings += 1
                assert not police.received(path.now, path.server.progress, True), "no PING is one too many"
                assert police.strikes == 0
        path.server_events.clear()
    assert pings >= 2
