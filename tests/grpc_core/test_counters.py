"""The log of events, and counters before anything happened. What they count is seen in `test_aio_describing`."""

from __future__ import annotations

from grpc_core.connectivity import ChannelConnectivity
from grpc_core.counters import INFO, TRACE_EVENTS_MAX, WARNING, SocketCounts, Trace


def test_a_trace_keeps_the_latest_events_and_counts_all() -> None:
    now = 100.0

    def clock() -> float:
        nonlocal now
        now += 1
        return now

    trace = Trace(clock, "Channel")
    assert trace.created_at == 101
    assert [event.description for event in trace.events] == ["Channel created"]
    trace.became(ChannelConnectivity.CONNECTING, "an error from before")
    trace.became(ChannelConnectivity.TRANSIENT_FAILURE, "nobody is there")
    assert list(trace.events)[1:] == [
        (103, INFO, "Connectivity state is now CONNECTING"),
        (104, WARNING, "Connectivity state is now TRANSIENT_FAILURE: nobody is there"),
    ]
    for number in range(100):
        trace.add(f"event {number}")
    assert trace.events_logged == 103
    assert len(trace.events) == TRACE_EVENTS_MAX
    assert trace.events[-1].description == "event 99"


def test_counters_begin_at_nothing_and_their_clock_stands_still_unless_one_is_given() -> None:
    counts = SocketCounts()
    assert {getattr(counts, name) for name in dir(counts) if name[0] != "_" and name != "clock"} == {0}
    assert counts.clock() == 0.0
