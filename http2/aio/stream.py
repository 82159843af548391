"""One stream on asyncio: what a server's `Request` and a client's `Response` have in common.

Both receive content and both send it, under the same two rules:

*   **Reading returns the window.** Content that arrives is queued as it came; each piece is consumed
    (`Connection.consume`) when it is handed to the reader. Who does not read stops the peer after one window, and what
    that costs us is that window (RFC 9113 §5.2).
*   **Sending waits for the peer.** `send_data` returns at once while little is queued, and waits while more than
    `SEND_QUEUE_BYTES` are: a sender that is faster than its reader costs a queue, not a file.

`StreamsProtocol` deals the events of a connection out to its streams. What a head means, and what a failure looks like
to the user, is left to the two sides.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, Self, TypeVar

from hpack_codec import FieldList
from http2.aio.transport import ConnectionProtocol, Tap, Timeouts
from http2.connection import Connection
from http2.errors import ErrorCode, StreamClosedError
from http2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    HeadEvent,
    RequestReceived,
    ResponseReceived,
    StreamReset,
    StreamWritable,
    TrailersReceived,
)
from http2.messages import Head

SEND_QUEUE_BYTES = 65_536
"""How much of a stream may wait for the peer before its sender has to."""


class ContentTooLarge(Exception):
    """The content is longer than the limit that its reader gave."""


class HttpStream:
    """One stream: `async for` and `read` receive its content, `send_data` sends some.

    One task may read and one may send at a time.
    """

    def __init__(self, protocol: StreamsProtocol[Self], stream_id: int) -> None:
        self.stream_id = stream_id
        self.trailers: FieldList = ()
        """The trailers, once the content has been read to its end."""
        self._protocol = protocol
        self._connection: Connection = protocol.connection
        self._chunks: deque[bytes] = deque()
        self._received_bytes = 0
        self._received_all = False
        self._discards = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._sender: asyncio.Future[None] | None = None

    # -- receiving -----------------------------------------------------------------------------------------------------

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next piece of content as it arrived, never empty."""
        while not self._chunks:
            if self._received_all:
                raise StopAsyncIteration
            await self._more_received()
        chunk = self._chunks.popleft()
        self._consume(len(chunk))
        return chunk

    async def all_received(self) -> None:
        """Wait until the content has arrived to its end, without reading it: its peer gets no window meanwhile.

        So content that is longer than the window never arrives. Raises what reading it would.
        """
        while not self._received_all:
            await self._more_received()

    async def _more_received(self) -> None:
        """Wait for content, or its end. Raises what ended the stream before it."""
        if self._error is not None:
            raise self._error
        if self._reader is not None:
            raise RuntimeError(f"stream {self.stream_id} is already being read by another task")
        self._reader = self._protocol.loop.create_future()
        try:
            await self._reader
        finally:
            self._reader = None

    async def _read(self, limit: int | None) -> bytes:
        """All content that is still to come. Raises ContentTooLarge as soon as there are more than `limit` octets."""
        chunks = []
        length = 0
        async for chunk in self:
            chunks.append(chunk)
            length += len(chunk)
            if limit is not None and length > limit:
                raise ContentTooLarge(f"the content of stream {self.stream_id} is longer than {limit} octets")
        return b"".join(chunks)

    def _consume(self, length: int) -> None:
        self._connection.consume(self.stream_id, length)
        if self._connection.has_output:
            self._protocol.schedule_flush()

    def _discard(self) -> None:
        """Nobody will read: throw away what has arrived and what still comes. Its credit goes back."""
        self._discards = True
        length = sum(map(len, self._chunks))
        self._chunks.clear()
        if length:
            self._consume(length)

    # -- sending -------------------------------------------------------------------------------------------------------

    async def send_data(self, data: bytes, end_stream: bool = False) -> None:
        """Send content; wait while more than `SEND_QUEUE_BYTES` of the stream are queued.

        `end_stream` says that nothing follows; then there is nothing to wait for. Raises StreamClosedError (the
        client: its own error) when the stream has ended, UsageError beyond content-length.
        """
        if self._error is not None:
            raise self._error
        connection = self._connection
        connection.send_data(self.stream_id, data, end_stream)
        self._protocol.schedule_flush()
        if end_stream:
            return
        while connection.queued_bytes(self.stream_id) > SEND_QUEUE_BYTES:
            if self._sender is not None:
                raise RuntimeError(f"another task is already sending on stream {self.stream_id}")
            self._sender = self._protocol.loop.create_future()
            try:
                await self._sender
            finally:
                self._sender = None
            if self._error is not None:
                raise self._error

    def reset(self, error_code: int = ErrorCode.CANCEL) -> None:
        """End the stream now with RST_STREAM. It can neither be read nor sent on any more."""
        self._connection.reset_stream(self.stream_id, error_code)
        self._protocol.schedule_flush()
        self._protocol.streams.pop(self.stream_id, None)
        self._chunks.clear()  # their credit went back with the stream
        self._received_all = False
        self._fail(StreamClosedError(f"stream {self.stream_id} was reset here"))

    # -- what the protocol tells ---------------------------------------------------------------------------------------

    def _data_received(self, data: bytes, end_stream: bool) -> None:
        self._received_bytes += len(data)
        if self._discards:
            self._consume(len(data))
        elif data:
            self._chunks.append(data)
        if end_stream:
            self._received_all = True
        _wake(self._reader)

    def _trailers_received(self, head: Head) -> None:
        self.trailers = head.fields
        self._received_all = True
        _wake(self._reader)

    def _fail(self, error: Exception) -> None:
        """Nothing more can be received or sent; what has arrived can still be read. The first reason counts."""
        if self._error is None:
            self._error = error
        _wake(self._reader)
        _wake(self._sender)

    def _room(self) -> None:
        _wake(self._sender)


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


S = TypeVar("S", bound=HttpStream)


class StreamsProtocol(ConnectionProtocol, Generic[S]):
    """A connection whose events are dealt out to the streams in `streams`. Subclasses put them in and take them out."""

    def __init__(self, connection: Connection, timeouts: Timeouts | None = None, tap: Tap | None = None) -> None:
        super().__init__(connection, timeouts, tap)
        self.streams: dict[int, S] = {}

    def events_received(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, (RequestReceived, ResponseReceived)):
                self.head_received(event)
            elif isinstance(event, DataReceived):
                self._on_data(event)
            elif isinstance(event, TrailersReceived):
                if (stream := self.streams.get(event.stream_id)) is not None:
                    stream._trailers_received(event.head)
                    self.content_ended(stream)
            elif isinstance(event, StreamWritable):
                if (stream := self.streams.get(event.stream_id)) is not None:
                    stream._room()
            elif isinstance(event, StreamReset):
                if (stream := self.streams.pop(event.stream_id, None)) is not None:
                    self.stream_reset(stream, event)
            elif isinstance(event, ConnectionTerminated):
                self.terminated(event)
            else:
                self.other_event(event)

    def _on_data(self, event: DataReceived) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is None:
            return  # it was reset here while this event was on its way up; the reset has given the credit back
        stream._data_received(event.data, event.end_stream)
        if event.end_stream:
            self.content_ended(stream)

    # -- for the two sides ---------------------------------------------------------------------------------------------

    def head_received(self, event: HeadEvent) -> None:
        """A request, or the final response."""
        raise NotImplementedError

    def content_ended(self, stream: S) -> None:
        """END_STREAM has come with content or trailers."""

    def stream_reset(self, stream: S, event: StreamReset) -> None:
        """The stream, already taken out of `streams`, was reset by the peer, or by us for the peer's fault."""
        raise NotImplementedError

    def terminated(self, event: ConnectionTerminated) -> None:
        """The connection is over, and with it all `streams`."""
        raise NotImplementedError

    def other_event(self, event: Event) -> None:
        """Anything that belongs to no stream."""
