"""The messages that have come for a call, and back-pressure: whose credit is whose.

An `Inbox` gives octets back to the flow-control windows when the application takes the message they belong to. While
the application is waiting for a message, the parts of one that is still incomplete are given back as they come, or a
message larger than the window could never arrive; what that may cost is the message size limit.
"""

from __future__ import annotations

from collections import deque

from grpc_core.counters import SocketCounts
from grpc_core.wire import PREFIX_BYTES, MessageReader
from http2 import Connection


class Inbox(MessageReader):
    """The receiving half of a call: complete messages, and the credit for their octets.

    At every moment `held_bytes` are not yet given back to the windows. `_settle` makes it so that these are at most
    what the queued messages took, plus, unless the application is waiting, the incomplete message; less where a message
    was waited for while it came.
    """

    __slots__ = (
        "_connection",
        "_counts",
        "_queued_bytes",
        "_stream_id",
        "held_bytes",
        "is_over",
        "is_wanted",
        "taken_flag",
    )

    def __init__(
        self, connection: Connection, stream_id: int, bytes_max: int, counts: SocketCounts | None = None
    ) -> None:
        # As in `MessageReader.__init__`, without the call, which is a hundredth of a unary call.
        self._bytes_max = bytes_max
        self.decompress = None
        self.messages = deque()
        self.partial_bytes = 0
        self._chunks = []
        self._needed = PREFIX_BYTES
        self._flag = 0
        self._connection = connection
        self._counts = counts or SocketCounts()
        self._stream_id = stream_id
        self._queued_bytes = 0
        self.held_bytes = 0
        self.is_wanted = False  # the application waits for a message
        self.is_over = False  # no message follows those that are queued
        self.taken_flag = 0  # the compressed flag of the message that was taken last

    def __len__(self) -> int:
        return len(self.messages)

    def put(self, data: bytes) -> bool:
        """Take content. Returns whether it completed a message. Raises MessageError."""
        messages = self.messages
        length = len(data)
        count = len(messages)
        incomplete = self.partial_bytes + length
        self.held_bytes += length
        try:
            self.feed(data)
        finally:  # what came before a fault came in any case, however the octets were cut
            count = len(messages) - count
            if count:
                self._queued_bytes += incomplete - self.partial_bytes
                counts = self._counts
                counts.messages_received += count
                counts.message_received_at = counts.now
        if self.is_wanted and self.partial_bytes:
            self._settle()
        return count > 0

    def end(self) -> None:
        """No more content comes. Raises MessageError when it ended inside a message."""
        self.is_over = True
        if self.partial_bytes:
            self.finish()

    def take(self) -> bytes | None:
        """The next message; None when there is none now, and then the application counts as waiting for one."""
        messages = self.messages
        if not messages:
            self.is_wanted = True
            self._settle()
            return None
        self.is_wanted = False
        message, size, self.taken_flag = messages.popleft()
        self._queued_bytes -= size
        self._settle()
        return message

    def discard(self) -> None:
        """Nobody will take anything any more."""
        self.messages.clear()
        self._queued_bytes = 0
        self.is_wanted = True
        self._settle()

    def _settle(self) -> None:
        kept = self._queued_bytes if self.is_wanted else self._queued_bytes + self.partial_bytes
        surplus = self.held_bytes - kept
        if surplus > 0:
            self.held_bytes = kept
            self._connection.consume(self._stream_id, surplus)
