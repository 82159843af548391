"""A session: the calls of one connection, without I/O. HTTP/2 events come in, and become events of calls.

A session never decides anything for the application: a server session hands each new call to `accept`, a client session
starts calls when it is told to. Both share one table of streams and one way to hand out events.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from grpc_core.calls import ClientCall, Observer, ServerCall
from grpc_core.compression import Coding
from grpc_core.counters import SocketCounts
from grpc_core.headers import Refusal, request_info, response_info
from grpc_core.service_config import MethodConfig
from grpc_core.status import StatusCode, status_from_fault
from grpc_core.wire import RECEIVE_BYTES_MAX
from hpack_codec import FieldList
from http2 import (
    Connection,
    ConnectionTerminated,
    DataReceived,
    ErrorCode,
    Event,
    Head,
    RequestReceived,
    ResponseReceived,
    StreamReset,
    StreamWritable,
    TrailersReceived,
    UsageError,
)
from http2.errors import StreamError, error_name
from http2.messages import MalformedMessage


class Limits(NamedTuple):
    """The sizes of messages, in octets; -1 is no limit (`grpc.max_receive_message_length`, `..._send_...`)."""

    receive_bytes_max: int = RECEIVE_BYTES_MAX
    send_bytes_max: int = -1

    def at_most(self, config: MethodConfig) -> Limits:
        """The smaller of these and those of a service config."""
        return Limits(
            _smaller(self.receive_bytes_max, config.response_bytes_max),
            _smaller(self.send_bytes_max, config.request_bytes_max),
        )


def _smaller(limit: int, other: int | None) -> int:
    """The smaller of two limits, of which the first is none when it is negative, the second when it is None."""
    if other is None:
        return limit
    return other if limit < 0 else min(limit, other)


class GrpcConnection(Connection):
    """An HTTP/2 connection that reads spaces at the ends of field values.

    RFC 9113 §8.2.1 makes such a message malformed, but gRPC's percent-encoding leaves %x20 as it is, wherever it stands
    ("Percent-Byte-Unencoded"), and C-core sends it so: in the `grpc-message` of an exception without text, for one.

    What a server answers to a request that breaks HTTP/2, or is too large, carries a gRPC status with the reason.
    """

    __slots__ = ()

    def _answer_to(self, error: StreamError, status: int) -> Head:
        return Refusal(status_from_fault(error.error_code), error.reason, status).head()

    def _read_head(self, fields: FieldList) -> Head:
        try:
            return super()._read_head(fields)
        except MalformedMessage:
            stripped = tuple([(name, value if name[:1] == b":" else value.strip(b" ")) for name, value in fields])
            if stripped == fields:
                raise
        head = super()._read_head(stripped)
        if head.fields == stripped:
            head.fields = fields
        return head


class ServerSession:
    """The calls that a client makes on one connection."""

    __slots__ = ("_accept", "_limits", "calls", "connection", "counts", "is_refusing", "unread")

    def __init__(
        self,
        connection: Connection,
        accept: Callable[[ServerCall], None],
        limits: Limits,
        counts: SocketCounts | None = None,
    ) -> None:
        self.connection = connection
        self.counts = counts or SocketCounts()
        self.calls: dict[int, ServerCall] = {}
        self._accept = accept
        self._limits = limits
        self.unread: list[int] = []
        """Streams that are answered, whose client still sends, and whose answer waits for a window."""
        self.is_refusing = False
        """Set when the server stops: calls that come now are told so."""

    def handle(self, events: list[Event]) -> None:
        """Take the connection's events, in order."""
        self.counts.now = self.counts.clock()
        for event in events:
            if type(event) is DataReceived:
                self._on_data(event)
            elif type(event) is RequestReceived:
                self._on_request(event)
            else:
                self._on_other(event)

    def _on_request(self, event: RequestReceived) -> None:
        counts = self.counts
        counts.streams_started += 1
        counts.stream_started_at = counts.now
        info = request_info(event.head)
        refusal = info.refusal
        if self.is_refusing:
            refusal = Refusal(StatusCode.UNAVAILABLE, "Server is shutting down")
        if refusal is not None:
            try:
                self.connection.send_headers(event.stream_id, refusal.head(), True)
            except UsageError:  # over the client's limit; or it reset the stream in the same octets
                self.connection.reset_stream(event.stream_id, ErrorCode.INTERNAL_ERROR)
            self._ask_to_stop(event.stream_id)
            return
        call = ServerCall(self, event.stream_id, info, self._limits)
        self.calls[event.stream_id] = call
        if event.end_stream:
            call.inbox.end()
        self._accept(call)

    def _on_data(self, event: DataReceived) -> None:
        call = self.calls.get(event.stream_id)
        if call is not None:
            call.on_data(event.data, event.end_stream)
        else:  # the call is over on our side; what the client still sends is read and forgotten
            self.connection.consume(event.stream_id, len(event.data))

    def _on_other(self, event: Event) -> None:
        if isinstance(event, TrailersReceived):
            call = self.calls.get(event.stream_id)
            if call is not None:  # a gRPC client sends none; they end its messages all the same
                call.on_data(b"", True)
        elif isinstance(event, StreamReset):
            call = self.calls.pop(event.stream_id, None)
            if call is not None:
                call.on_cancelled(event.reason or f"the client reset the stream: {error_name(event.error_code)}")
        elif isinstance(event, StreamWritable):
            call = self.calls.get(event.stream_id)
            if call is not None and call.observer is not None:
                call.observer.writable()
        elif isinstance(event, ConnectionTerminated):
            for call in list(self.calls.values()):
                call.on_cancelled(f"the connection was lost: {event}")
            self.calls.clear()

    def call_finished(self, call: ServerCall) -> None:
        """A call has sent its status, or was reset by us."""
        self.calls.pop(call.stream_id, None)
        inbox = call.inbox
        if not inbox.is_over:
            self._ask_to_stop(call.stream_id)
        if inbox.held_bytes:
            inbox.discard()

    def _ask_to_stop(self, stream_id: int) -> None:
        """RFC 9113 §8.1: after a complete response, RST_STREAM with NO_ERROR asks the client to stop sending.

        It must not overtake a status that still waits behind DATA: then `stop_unread` says it later.
        """
        if self.connection.queued_bytes(stream_id):
            self.unread.append(stream_id)
        else:
            self.connection.reset_stream(stream_id, ErrorCode.NO_ERROR)

    def stop_unread(self) -> None:
        """Queued DATA has been sent: ask those clients to stop whose answer has left with it."""
        unread, self.unread = self.unread, []
        for stream_id in unread:
            self._ask_to_stop(stream_id)


class ClientSession:
    """The calls that we make on one connection."""

    __slots__ = ("_limits", "calls", "connection", "counts")

    def __init__(self, connection: Connection, limits: Limits, counts: SocketCounts | None = None) -> None:
        self.connection = connection
        self.counts = counts or SocketCounts()
        self.calls: dict[int, ClientCall] = {}
        self._limits = limits

    @property
    def accepts_calls(self) -> bool:
        """Whether a call can be started: not after GOAWAY, nor when the connection is gone or its numbers are."""
        connection = self.connection
        return not (connection.is_closed or connection.is_draining) and connection.streams.last_local_id < 2**31 - 3

    def start(
        self, head: Head, observer: Observer, coding: Coding | None = None, limits: Limits | None = None
    ) -> ClientCall:
        """Start a call whose messages are compressed with `coding`, which the head names. `limits` are the call's own.

        Over the server's limit of streams it waits inside the connection, with all that is sent on it.
        Raises http2.UsageError when the head is over the server's size limit, http2.ConnectionClosedError when
        `accepts_calls` is False.
        """
        stream_id = self.connection.open_stream(head)
        call = ClientCall(self, stream_id, limits or self._limits, observer, coding)
        self.calls[stream_id] = call
        counts = self.counts
        counts.streams_started += 1
        counts.stream_started_at = counts.clock()
        return call

    def handle(self, events: list[Event]) -> None:
        """Take the connection's events, in order."""
        self.counts.now = self.counts.clock()
        for event in events:
            if type(event) is DataReceived:
                call = self.calls.get(event.stream_id)
                if call is None:
                    self.connection.consume(event.stream_id, len(event.data))
                else:
                    call.on_data(event)
            elif type(event) is ResponseReceived:
                call = self.calls.get(event.stream_id)
                if call is not None:
                    call.on_response(event.head, response_info(event.head), event.end_stream)
            elif type(event) is TrailersReceived:
                call = self.calls.get(event.stream_id)
                if call is not None:
                    call.on_trailers(response_info(event.head))
            elif isinstance(event, StreamReset):
                call = self.calls.pop(event.stream_id, None)
                if call is not None:
                    call.on_reset(event)
            elif isinstance(event, StreamWritable):
                call = self.calls.get(event.stream_id)
                if call is not None:
                    call.on_writable()
            elif isinstance(event, ConnectionTerminated):
                calls, self.calls = self.calls, {}
                for call in calls.values():
                    call.on_connection_lost(event)
