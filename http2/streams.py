"""All streams of a connection: identifiers (RFC 9113 §5.1.1) and concurrency (§5.1.2).

A client opens odd streams, a server even ones, each in increasing order. So one number per side says everything about
streams that are gone: an identifier that is not above it has been used. Only the last few reset streams are remembered
one by one, because their late frames are treated differently (`stream_states`).

Who opens more streams than the other allows is refused; whom the other does not allow another stream, waits: requests
over the peer's limit stay in `waiting`, in the order of their identifiers, until a stream closes.
"""

from __future__ import annotations

from collections import OrderedDict

from http2.config import Config
from http2.frames import STREAM_ID_MASK
from http2.stream import Stream
from http2.stream_states import CLOSED_ENDED, CLOSED_FORGOTTEN, IDLE

NO_GOAWAY = STREAM_ID_MASK + 1  # above every stream identifier


class Streams:
    """The open streams and what is left of the closed ones."""

    __slots__ = (
        "_remembered",
        "_remembered_max",
        "by_id",
        "completed",
        "goaway_id",
        "is_client",
        "last_local_id",
        "last_peer_id",
        "local_open",
        "peer_open",
        "waiting",
    )

    def __init__(self, is_client: bool, config: Config) -> None:
        self.is_client = is_client
        self.by_id: dict[int, Stream] = {}
        self.last_local_id = -1 if is_client else 0  # the next one is two higher: 1, 3, ... or 2, 4, ...
        self.last_peer_id = 0
        self.goaway_id = NO_GOAWAY  # the last stream id of our final GOAWAY: streams above it are ignored
        self.local_open = 0
        self.peer_open = 0
        self.completed = 0  # streams that ended without a reset, ever
        self.waiting: OrderedDict[int, Stream] | None = None  # made when the first has to wait
        self._remembered: dict[int, int] = {}
        self._remembered_max = config.reset_streams_remembered

    def wait(self, stream: Stream) -> None:
        """A stream of ours, behind those that wait already."""
        if self.waiting is None:
            self.waiting = OrderedDict()
        self.waiting[stream.id] = stream

    def is_waiting(self, stream_id: int) -> bool:
        """Whether the stream waits to be opened."""
        return self.waiting is not None and stream_id in self.waiting

    def is_local(self, stream_id: int) -> bool:
        """Whether the stream is (or would be) opened by us."""
        return (stream_id & 1) == self.is_client

    def state_of(self, stream_id: int) -> int:
        """The state of a stream that is not in `by_id`."""
        state = self._remembered.get(stream_id)
        if state is not None:
            return state
        if self.is_local(stream_id):
            return IDLE if stream_id > self.last_local_id else CLOSED_FORGOTTEN
        if stream_id > self.goaway_id and stream_id <= self.last_peer_id:
            return CLOSED_FORGOTTEN  # ignored since our GOAWAY
        return IDLE if stream_id > self.last_peer_id else CLOSED_ENDED

    def remember(self, stream_id: int, state: int) -> None:
        """Keep in mind how a stream was reset, in place of the oldest one that is remembered."""
        self._remembered[stream_id] = state
        if len(self._remembered) > self._remembered_max:
            del self._remembered[next(iter(self._remembered))]

    def are_done(self) -> bool:
        """Whether no stream is open and none waits to be opened."""
        return not (self.local_open or self.peer_open or self.waiting)

    def closed(self, stream: Stream) -> None:
        """Count a stream that has closed."""
        if (stream.id & 1) == self.is_client:
            self.local_open -= 1
        else:
            self.peer_open -= 1
