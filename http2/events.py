"""Events: what `Connection.receive_data` tells its caller.

Every event is a small object with plain attributes. The last one a connection ever gives is `ConnectionTerminated`.
What a request or a response looks like in events:

    RequestReceived | (InformationalReceived* ResponseReceived)
    DataReceived*
    TrailersReceived?

The last of them has `end_stream` set: the peer sends nothing more on this stream. Instead of it, `StreamReset` may come
at any time. DATA that was received must be handed back with `Connection.consume` once it has been used, or the peer
will stop sending: that is flow control.
"""

from __future__ import annotations

from typing import ClassVar

from http2.errors import ErrorCode, error_name
from http2.messages import Head


class Event:
    """The base of all events; prints its attributes, and is compared by them.

    Their names stand in `ATTRIBUTES`, since a compiled class has no `__slots__` to read.
    """

    ATTRIBUTES: ClassVar[tuple[str, ...]] = ()
    __slots__ = ()

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.ATTRIBUTES)
        return f"{type(self).__name__}({values})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.ATTRIBUTES)

    __hash__ = None  # type: ignore[assignment]  # events are compared by value in tests, and never used as keys


class HeadEvent(Event):
    """The base of the four events that carry a field section: on `stream_id`, with `head` and `end_stream`."""

    __slots__ = ("end_stream", "head", "stream_id")

    def __init__(self, stream_id: int, head: Head, end_stream: bool) -> None:
        self.stream_id = stream_id
        self.head = head
        self.end_stream = end_stream

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.stream_id}, {self.head.fields!r}, end_stream={self.end_stream})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        assert isinstance(other, HeadEvent)
        return (self.stream_id, self.head.fields, self.end_stream) == (
            other.stream_id,
            other.head.fields,
            other.end_stream,
        )


class RequestReceived(HeadEvent):
    """A server received the head of a request (§8.3.1)."""

    __slots__ = ()


class ResponseReceived(HeadEvent):
    """A client received the head of the final response (§8.3.2)."""

    __slots__ = ()


class InformationalReceived(HeadEvent):
    """A client received a 1xx response; the final one is still to come (RFC 9110 §15.2)."""

    __slots__ = ()


class TrailersReceived(HeadEvent):
    """Trailers, the last thing on a stream (§8.1)."""

    __slots__ = ()


class DataReceived(Event):
    """A piece of content. Hand `len(data)` octets back with `Connection.consume(stream_id, len(data))` when used."""

    ATTRIBUTES = ("data", "end_stream", "stream_id")
    __slots__ = ATTRIBUTES

    def __init__(self, stream_id: int, data: bytes, end_stream: bool) -> None:
        self.stream_id = stream_id
        self.data = data
        self.end_stream = end_stream


class StreamReset(Event):
    """The stream has ended before its time; nothing more comes and nothing more can be sent.

    `by_peer` tells who ended it, `reason` says why in words (empty for a plain RST_STREAM from the peer).
    `unprocessed` is True when the peer promises that it did nothing with the request (§8.7: REFUSED_STREAM, or GOAWAY
    with a lower last stream id, or never sent at all), so that it is safe to send it again; `unsent` when it has not
    even left: it waited for the peer's limit on streams.
    """

    ATTRIBUTES = ("by_peer", "error_code", "reason", "stream_id", "unprocessed", "unsent")
    __slots__ = ATTRIBUTES

    def __init__(
        self,
        stream_id: int,
        error_code: int,
        by_peer: bool,
        reason: str = "",
        unprocessed: bool = False,
        unsent: bool = False,
    ) -> None:
        self.stream_id = stream_id
        self.error_code = error_code
        self.by_peer = by_peer
        self.reason = reason
        self.unprocessed = unprocessed
        self.unsent = unsent


class StreamWritable(Event):
    """All DATA that was queued on the stream has left it; a caller that waited for room may send more."""

    ATTRIBUTES = ("stream_id",)
    __slots__ = ATTRIBUTES

    def __init__(self, stream_id: int) -> None:
        self.stream_id = stream_id


class SettingsReceived(Event):
    """The peer's SETTINGS, already applied and acknowledged: the entries in their order."""

    ATTRIBUTES = ("entries",)
    __slots__ = ATTRIBUTES

    def __init__(self, entries: list[tuple[int, int]]) -> None:
        self.entries = entries


class SettingsAcknowledged(Event):
    """The peer has confirmed a SETTINGS frame of ours: its values."""

    ATTRIBUTES = ("values",)
    __slots__ = ATTRIBUTES

    def __init__(self, values: dict[int, int]) -> None:
        self.values = values


class PingReceived(Event):
    """The peer sent a PING; the answer is already in the output."""

    ATTRIBUTES = ("payload",)
    __slots__ = ATTRIBUTES

    def __init__(self, payload: bytes) -> None:
        self.payload = payload


class PingAcknowledged(Event):
    """The answer to a PING of ours."""

    ATTRIBUTES = ("payload",)
    __slots__ = ATTRIBUTES

    def __init__(self, payload: bytes) -> None:
        self.payload = payload


class GoAwayReceived(Event):
    """The peer accepts no new streams. Our streams above `last_stream_id` follow as `StreamReset` (unprocessed)."""

    ATTRIBUTES = ("debug_data", "error_code", "last_stream_id")
    __slots__ = ATTRIBUTES

    def __init__(self, last_stream_id: int, error_code: int, debug_data: bytes) -> None:
        self.last_stream_id = last_stream_id
        self.error_code = error_code
        self.debug_data = debug_data


class ConnectionTerminated(Event):
    """The connection is over: send what `data_to_send` still holds, then close the transport.

    All streams that were open are lost with it. `by_peer` is True when the peer ended it (its GOAWAY with an error, or
    end of file). `reason` says why in words; for an error of the peer's it is also the debug data of our GOAWAY.
    """

    ATTRIBUTES = ("by_peer", "error_code", "reason")
    __slots__ = ATTRIBUTES

    def __init__(self, error_code: int, by_peer: bool, reason: str) -> None:
        self.error_code = error_code
        self.by_peer = by_peer
        self.reason = reason

    @property
    def is_clean(self) -> bool:
        """Whether the connection ended without an error."""
        return self.error_code == ErrorCode.NO_ERROR

    def __str__(self) -> str:
        return f"{error_name(self.error_code)}: {self.reason}"
