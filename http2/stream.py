"""One stream: where it stands, what may still come, and what waits to be sent.

A stream looks at two different things. Its *state* (§5.1, `stream_states`) is what the wire has seen: it changes when a
frame arrives or enters the output. Its *phases* are where the message stands in each direction (§8.1): the head, then
content, then the end. The sending phase runs ahead of the state while DATA waits in the queue for a window.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from http2.messages import Head
from http2.stream_states import IDLE
from http2.windows import ReceiveWindow

# The phases of a message, in each direction.
HEAD_DUE: Final = 0  # the head (on the client: the final response) has not come yet
CONTENT: Final = 1  # DATA or trailers may come
OVER: Final = 2  # END_STREAM


class Stream(ReceiveWindow):
    """The record of one stream; `Connection` and its parts read and write it.

    It is its own receive window: one object less for each stream is a hundredth of a unary call.
    """

    __slots__ = (
        "content_left",
        "end_queued",
        "head_queued",
        "id",
        "informational_count",
        "is_connect",
        "is_head",
        "queue",
        "queued_bytes",
        "receive_phase",
        "send_left",
        "send_phase",
        "send_window",
        "state",
        "trailers_queued",
    )

    def __init__(self, stream_id: int, send_window: int, receive_limit: int) -> None:
        # As in `ReceiveWindow.__init__`, without the call.
        self.limit = receive_limit
        self.announced = receive_limit
        self.available = receive_limit
        self.held = 0
        self.unsent = 0

        self.id = stream_id
        self.state: int = IDLE
        # What the request was: a response to HEAD has no content (RFC 9110 §9.3.2), a CONNECT opens a tunnel (§8.5).
        self.is_head = False
        self.is_connect = False

        self.receive_phase: int = HEAD_DUE
        self.content_left = -1  # octets of content still to come by content-length, -1 when it was not declared
        self.informational_count = 0

        self.send_phase: int = HEAD_DUE
        self.send_window = send_window
        self.send_left = -1  # as content_left, for what we send
        self.queue: deque[bytes | memoryview] | None = None  # DATA that waits for a window; made at the first need
        self.queued_bytes = 0
        self.head_queued: Head | None = None  # of a request that waits for SETTINGS_MAX_CONCURRENT_STREAMS
        self.trailers_queued: Head | None = None
        self.end_queued = False  # END_STREAM follows the queue
