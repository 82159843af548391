"""What is counted while calls go on, for `introspection` to tell: integers on the hot path, a short log off it.

A counter costs an addition where the thing happens. Everything that can be worked out when somebody asks is: calls that
failed are those that began, less those that run and those that succeeded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from grpc_core.connectivity import ChannelConnectivity

TRACE_EVENTS_MAX: Final = 32
"""A trace keeps the latest events; who changes state all day must not fill the memory."""

INFO: Final = 1
WARNING: Final = 2
"""How much an event matters, as channelz numbers it."""


class SocketCounts:
    """The counters of one connection. `clock` gives the time of day in seconds; by default it stands still.

    `now` is the time of day when octets came last: that of everything that came with them.
    """

    __slots__ = (
        "calls_succeeded",
        "clock",
        "message_received_at",
        "message_sent_at",
        "messages_received",
        "messages_sent",
        "now",
        "stream_started_at",
        "streams_started",
        "streams_succeeded",
    )

    def __init__(self, clock: Callable[[], float] = float) -> None:
        self.clock = clock
        self.now = 0.0
        self.streams_started = 0
        self.streams_succeeded = 0  # that ended with a status, whichever
        self.calls_succeeded = 0  # that ended with the status OK
        self.messages_sent = 0
        self.messages_received = 0
        self.stream_started_at = 0.0
        self.message_sent_at = 0.0
        self.message_received_at = 0.0


class CallTally:
    """The calls of a channel."""

    __slots__ = ("failed", "started", "started_at", "succeeded")

    def __init__(self) -> None:
        self.started = 0
        self.succeeded = 0
        self.failed = 0
        self.started_at = 0.0


class TraceEvent(NamedTuple):
    """Something that happened to a channel or a server, at a time of day in seconds."""

    at: float
    severity: int
    description: str


_BECAME: Final = {state: f"Connectivity state is now {state.name}" for state in ChannelConnectivity}


class Trace:
    """The latest events of a channel, a subchannel or a server."""

    __slots__ = ("_clock", "created_at", "events", "events_logged")

    def __init__(self, clock: Callable[[], float], what: str) -> None:
        self._clock = clock
        self.created_at = clock()
        self.events_logged = 0
        self.events: list[TraceEvent] = []
        self.add(f"{what} created")

    def became(self, state: ChannelConnectivity, error: str) -> None:
        """Note a new state; with why, where it is a failure."""
        if state is ChannelConnectivity.TRANSIENT_FAILURE:
            self.add(f"Connectivity state is now {state.name}: {error}", WARNING)
        else:
            self.add(_BECAME[state])

    def add(self, description: str, severity: int = INFO) -> None:
        """Note an event, in place of the oldest one when there are too many."""
        self.events_logged += 1
        if len(self.events) == TRACE_EVENTS_MAX:
            del self.events[0]
        self.events.append(TraceEvent(self._clock(), severity, description))
