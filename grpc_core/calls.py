"""Calls: what a stream means to gRPC, without I/O.

A call is two half-streams. Each side sends metadata, then messages, then an end; the server's end carries the status.
All four kinds of call are this one thing: "unary" only says how many messages a half has, and that is checked by those
who know the method (`aio.serving`, `aio.call`), not here.

    client  ----- initial metadata ----- message* ----- half-close ------------------------------->  server
    client  <---- [initial metadata] --- message* ----- status, details, trailing metadata --------  server

`ClientCall` and `ServerCall` are driven by a session (`session`), which hands them the events of their stream, and used
by a face (`aio`), which is told through an *observer* and asks through plain methods. Neither side ever waits here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from grpc_core.compression import Coding, encoded
from grpc_core.headers import (
    CODED_RESPONSE_HEADS,
    RESPONSE_HEAD,
    TRAILERS,
    TRAILERS_ONLY,
    RequestInfo,
    ResponseInfo,
    with_fields,
)
from grpc_core.inbox import Inbox
from grpc_core.metadata import Fields, MetadataPairs
from grpc_core.status import OK, StatusCode, encode_message, reset_from_status, status_from_fault, status_from_reset
from grpc_core.wire import (
    LARGE_BYTES,
    MessageError,
    check_sent_size,
    frame_message,
    message_pieces,
)
from http2 import ConnectionTerminated, DataReceived, ErrorCode, Head, StreamReset
from http2.errors import StreamClosedError, UsageError, error_name

if TYPE_CHECKING:
    from grpc_core.session import ClientSession, Limits, ServerSession

_OK_TRAILERS = TRAILERS[OK]

SEND_QUEUE_BYTES_MAX = 65_536
"""A sender that waits for room goes on while less than this is queued in its stream."""


class Observer(Protocol):
    """Who is told what happens to a call. Every method is called from the thread and the moment of the event."""

    def headers_received(self) -> None:
        """The client has initial metadata."""

    def message_received(self) -> None:
        """A message, or the end of the messages, can be taken from the inbox."""

    def writable(self) -> None:
        """The send queue has drained."""

    def finished(self) -> None:
        """The call is over: `ClientCall.code` is set, or the server's call was cancelled or lost."""


class ClientCall:
    """One attempt of a call, on one stream, seen from the client.

    Until `code` is set the call is running. `is_unprocessed` says that the server never saw it (§8.7 of RFC 9113), so
    that it can be sent again without harm; `is_unsent`, that it has not even left. `decided_by` names what ended it.
    """

    __slots__ = (
        "_coding",
        "_connection",
        "_half_closed",
        "_limits",
        "_observer",
        "_session",
        "code",
        "decided_by",
        "details",
        "inbox",
        "initial_metadata",
        "is_unprocessed",
        "is_unsent",
        "stream_id",
        "trailing_metadata",
    )

    def __init__(
        self, session: ClientSession, stream_id: int, limits: Limits, observer: Observer, coding: Coding | None
    ) -> None:
        self._coding = coding
        self._session = session
        self._connection = connection = session.connection
        self._limits = limits
        self._observer: Observer = observer
        self._half_closed = False
        self.stream_id = stream_id
        self.inbox = Inbox(connection, stream_id, limits.receive_bytes_max, session.counts)
        self.initial_metadata: MetadataPairs | None = None
        self.trailing_metadata: MetadataPairs = ()
        self.code: StatusCode | None = None
        self.details = ""
        self.decided_by = ""
        self.is_unprocessed = False
        self.is_unsent = False

    # -- the face's side -----------------------------------------------------------------------------------------------

    def send_message(self, message: bytes, end: bool = False, plain: bool = False) -> None:
        """Send a request message, with `end` the last one, with `plain` as it is, whatever the call's coding.

        Raises MessageError when it is over the limit.
        """
        check_sent_size(len(message), self._limits.send_bytes_max)
        if self.code is None and not self._half_closed:
            self._half_closed = end
            coding = None if plain else self._coding
            before, last = message_pieces(message) if coding is None else message_pieces(*encoded(message, coding))
            if before:
                self._connection.send_data(self.stream_id, before)
            self._connection.send_data(self.stream_id, last, end)
            counts = self._session.counts
            counts.messages_sent += 1
            counts.message_sent_at = counts.clock()

    def half_close(self) -> None:
        """No more requests."""
        if self.code is None and not self._half_closed:
            self._half_closed = True
            self._connection.send_data(self.stream_id, b"", True)

    def observe(self, observer: Observer) -> None:
        """Tell another one from now on."""
        if self.code is None:
            self._observer = observer

    @property
    def can_send(self) -> bool:
        """Whether the send queue has room for one more message."""
        return self._connection.queued_bytes(self.stream_id) < SEND_QUEUE_BYTES_MAX

    def cancel(self, code: StatusCode, details: str, decided_by: str = "this side: what came cannot be used") -> None:
        """End the call from this side, with a status of ours and RST_STREAM (CANCEL)."""
        if self.code is None:
            self._connection.reset_stream(self.stream_id, ErrorCode.CANCEL)
            self._finish(code, details, decided_by)

    # -- the session's side --------------------------------------------------------------------------------------------

    def on_response(self, head: Head, info: ResponseInfo, end_stream: bool) -> None:
        """Response-Headers, or Trailers-Only."""
        if end_stream:
            self.initial_metadata = ()
            self._on_end(info, "HEADERS with END_STREAM (Trailers-Only)")
            return
        if info.error is not None:
            # Not a gRPC response: its content is no messages and is not waited for.
            self._connection.reset_stream(self.stream_id, ErrorCode.CANCEL)
            self._finish(*info.error, f"HEADERS with :status {head.status}, which are no gRPC response")
            return
        if info.coding is not None:
            self.inbox.decompress = info.coding.decompress
        self.initial_metadata = info.metadata
        self._observer.headers_received()

    def on_data(self, event: DataReceived) -> None:
        """Content."""
        try:
            complete = self.inbox.put(event.data)
            if event.end_stream:
                self.inbox.end()
        except MessageError as error:
            self.cancel(error.code, error.details)
            return
        if event.end_stream:
            text = "the response ended without trailers: no grpc-status"
            self._finish(StatusCode.UNKNOWN, text, "DATA with END_STREAM")
        elif complete:
            self._observer.message_received()

    def on_trailers(self, info: ResponseInfo) -> None:
        """Trailers: the status."""
        self._on_end(info, "trailers: HEADERS with END_STREAM")

    def on_reset(self, event: StreamReset) -> None:
        """The stream was reset, by the peer or for its fault."""
        self.is_unprocessed = event.unprocessed
        self.is_unsent = event.unsent
        name = error_name(event.error_code)
        if event.by_peer:
            detail = f" ({event.reason})" if event.reason else ""
            details = f"Received RST_STREAM with error code {name}{detail}"
            self._finish(status_from_reset(event.error_code), details, event.reason or f"RST_STREAM ({name})")
        else:
            code = status_from_fault(event.error_code)
            fault = "is more than we take" if code is StatusCode.RESOURCE_EXHAUSTED else "breaks HTTP/2"
            details = f"the server's answer {fault}: {event.reason}"
            self._finish(code, details, f"this side, which sent RST_STREAM ({name})")

    def on_connection_lost(self, event: ConnectionTerminated) -> None:
        """The connection is gone. A request that still waited for the server's permission was never sent."""
        self.is_unprocessed = self.is_unsent = self._connection.streams.is_waiting(self.stream_id)
        self._finish(StatusCode.UNAVAILABLE, f"the connection was lost: {event}", "the end of the connection")

    def on_writable(self) -> None:
        """The send queue has drained."""
        self._observer.writable()

    # -- inside --------------------------------------------------------------------------------------------------------

    def _on_end(self, info: ResponseInfo, decided_by: str) -> None:
        self.trailing_metadata = info.metadata
        code, details = info.status
        try:
            self.inbox.end()
        except MessageError as error:
            code, details = (error.code, error.details) if code is OK else (code, details)
        if not self._half_closed or self._connection.queued_bytes(self.stream_id):
            self._half_closed = True
            # The server has answered before we were done: nobody reads the rest of our requests.
            self._connection.reset_stream(self.stream_id, ErrorCode.CANCEL)
        counts = self._session.counts
        counts.streams_succeeded += 1
        counts.calls_succeeded += code is OK
        self._finish(code, details, decided_by)

    def _finish(self, code: StatusCode, details: str, decided_by: str) -> None:
        self.code = code
        self.details = details
        self.decided_by = decided_by
        self.inbox.is_over = True
        self._session.calls.pop(self.stream_id, None)
        if self.initial_metadata is None:
            self.initial_metadata = ()
        observer, self._observer = self._observer, _NOBODY  # a call that is over and dropped needs no garbage collector
        observer.finished()


class _Nobody:
    """Who is told when nobody cares any more."""

    def headers_received(self) -> None:
        """Nothing."""

    def message_received(self) -> None:
        """Nothing."""

    def writable(self) -> None:
        """Nothing."""

    def finished(self) -> None:
        """Nothing."""


_NOBODY = _Nobody()


def _status_fields(details: str, fields: Fields) -> Fields:
    """What stands behind `grpc-status`: the status text and the trailing metadata."""
    return ((b"grpc-message", encode_message(details)),) + fields


class ServerCall:
    """One call, on one stream, seen from the server.

    `observer` is set by whoever accepts the call. `headers_sent` says that initial metadata is on its way,
    `is_finished` that the status is, `is_cancelled` that the client or the connection has gone away, and `is_over`
    either of these two: whatever is sent after that is thrown away quietly.
    """

    __slots__ = (
        "_coding",
        "_connection",
        "_limits",
        "_next_is_plain",
        "_session",
        "cancel_reason",
        "headers_sent",
        "inbox",
        "is_cancelled",
        "is_finished",
        "is_over",
        "observer",
        "request",
        "stream_id",
    )

    def __init__(self, session: ServerSession, stream_id: int, request: RequestInfo, limits: Limits) -> None:
        self._session = session
        self._connection = session.connection
        self._limits = limits
        self._coding: Coding | None = None
        self._next_is_plain = False
        self.observer: Observer | None = None
        self.stream_id = stream_id
        self.request = request
        self.inbox = Inbox(session.connection, stream_id, limits.receive_bytes_max, session.counts)
        if request.coding is not None:
            self.inbox.decompress = request.coding.decompress
        self.headers_sent = False
        self.is_cancelled = False
        self.is_finished = False
        self.is_over = False
        self.cancel_reason = ""

    # -- the face's side -----------------------------------------------------------------------------------------------

    @property
    def can_send(self) -> bool:
        """Whether the send queue has room for one more message."""
        return self._connection.queued_bytes(self.stream_id) < SEND_QUEUE_BYTES_MAX

    def send_initial_metadata(self, fields: Fields = ()) -> None:
        """Send Response-Headers with these metadata fields; only the first time counts.

        Raises MessageError when they are over the client's limit.
        """
        if self.is_over or self.headers_sent:
            return
        head = RESPONSE_HEAD if self._coding is None else CODED_RESPONSE_HEADS[self._coding]
        head = with_fields(head, fields)
        try:
            self._connection.send_headers(self.stream_id, head)
        except UsageError as error:
            raise MessageError(StatusCode.RESOURCE_EXHAUSTED, f"initial metadata: {error}")
        self.headers_sent = True

    def send_message(self, message: bytes) -> None:
        """Send a response message, after initial metadata. Raises MessageError when it is over the limit."""
        check_sent_size(len(message), self._limits.send_bytes_max)
        if not self.is_over:
            if not self.headers_sent:
                self.send_initial_metadata()
            coding = None if self._next_is_plain else self._coding
            self._next_is_plain = False
            before, last = message_pieces(message) if coding is None else message_pieces(*encoded(message, coding))
            if before:
                self._connection.send_data(self.stream_id, before)
            self._connection.send_data(self.stream_id, last)
            counts = self._session.counts
            counts.messages_sent += 1
            counts.message_sent_at = counts.clock()

    def respond(self, message: bytes, details: str = "", fields: Fields = ()) -> None:
        """Send the only response message and the status OK: what `send_message` and `finish` do, in one step."""
        if self.is_over:
            return
        check_sent_size(len(message), self._limits.send_bytes_max)
        if not self.headers_sent and self._coding is None and len(message) < LARGE_BYTES:
            trailers = _OK_TRAILERS
            if details or fields:
                trailers = with_fields(trailers, _status_fields(details, fields) if details else fields)
            try:
                self._connection.send_response(self.stream_id, RESPONSE_HEAD, frame_message(message), trailers)
            except UsageError:
                pass  # the client is gone, or takes no fields of that size: which of them, is found out step by step
            else:
                self.headers_sent = self.is_finished = self.is_over = True
                session = self._session
                counts = session.counts
                counts.messages_sent += 1
                counts.message_sent_at = counts.clock()
                counts.streams_succeeded += 1
                counts.calls_succeeded += 1
                session.call_finished(self)
                return
        self.send_message(message)
        self.finish(OK, details, fields)

    def compress_with(self, coding: Coding | None) -> None:
        """Compress the messages that follow, if the client reads this coding: else they are sent as they are.

        Only before initial metadata, which names the coding; later it has no effect.
        """
        if not self.headers_sent:
            self._coding = coding if coding is not None and coding.name in self.request.accepts else None

    def send_next_plain(self) -> None:
        """The next message is sent as it is, whatever the coding (compression.md: against CRIME and BREACH)."""
        self._next_is_plain = True

    def finish(self, code: StatusCode, details: str = "", fields: Fields = ()) -> None:
        """Send the status: as trailers, or alone (Trailers-Only) when nothing was sent before.

        When the client is still sending, RST_STREAM (NO_ERROR) asks it to stop (RFC 9113 §8.1).
        """
        if self.is_over:
            return
        self.is_finished = self.is_over = True
        counts = self._session.counts
        counts.streams_succeeded += 1
        counts.calls_succeeded += code is OK
        extra = _status_fields(details, fields) if details else fields
        if self.headers_sent:
            head = TRAILERS[code]
        else:
            head = TRAILERS_ONLY[code]
        try:
            self._connection.send_headers(self.stream_id, with_fields(head, extra), True)
        except StreamClosedError:
            pass  # the client reset the stream in the same octets, and its StreamReset is still to be handled
        except UsageError as error:
            self._finish_small(f"status and trailing metadata: {error}")
        self._session.call_finished(self)

    def reset(self, error_code: int) -> None:
        """End the call with RST_STREAM, where a status cannot be sent any more."""
        if not self.is_over:
            self.is_finished = self.is_over = True
            self._connection.reset_stream(self.stream_id, error_code)
            self._session.call_finished(self)

    def _finish_small(self, details: str) -> None:
        """End a call whose trailers are over the client's limit, with a status that says so if there is room for it."""
        code = StatusCode.RESOURCE_EXHAUSTED
        heads = TRAILERS if self.headers_sent else TRAILERS_ONLY
        try:
            head = with_fields(heads[code], _status_fields(details, ()))
            self._connection.send_headers(self.stream_id, head, True)
        except UsageError:
            self._connection.reset_stream(self.stream_id, reset_from_status(code))

    # -- the session's side --------------------------------------------------------------------------------------------

    def on_data(self, data: bytes, end_stream: bool) -> None:
        """Content."""
        try:
            complete = self.inbox.put(data)
            if end_stream:
                self.inbox.end()
        except MessageError as error:
            self.fail(error.code, error.details)
            return
        if (complete or end_stream) and self.observer is not None:
            self.observer.message_received()

    def fail(self, code: StatusCode, details: str) -> None:
        """End the call for a fault of the client's, its deadline, or ours, and let the handler know."""
        if not self.is_over:
            if code is StatusCode.DEADLINE_EXCEEDED and self._connection.queued_bytes(self.stream_id):
                # A status would wait behind messages that the client has no window for, and no time: gRPC over HTTP2
                # ("Errors") has RST_STREAM for when "the payload byte sequence is incomplete".
                self.reset(reset_from_status(code))
            else:
                self.finish(code, details)
            self.is_cancelled = self.is_over = True
            self.cancel_reason = details
            if self.observer is not None:
                self.observer.finished()

    def on_cancelled(self, reason: str) -> None:
        """The client reset the stream, or the connection is gone."""
        if not self.is_cancelled:
            self.is_cancelled = self.is_over = True
            self.cancel_reason = reason
            if self.observer is not None:
                self.observer.finished()
