"""An HTTP/2 connection without I/O (RFC 9113): bytes in, events out; commands in, bytes out.

    events = connection.receive_data(octets from the peer)      # never raises for what the peer did
    connection.send_headers(...), .send_data(...), .consume(...) # raise UsageError for what the caller did
    transport.write(b"".join(connection.data_to_send()))        # after every call of either kind

A client opens with `open_stream`; a server answers `RequestReceived`. Both roles share everything else. Nothing here
knows a socket, a clock or a thread: time is the argument `now`, and who calls decides when the output leaves.

Where to find the rest: `receiving` holds what each frame does when it arrives, `scheduler` who sends DATA next,
`windows` flow control, `stream_states` the tables of §5.1, `messages` what a valid message looks like,
`settings_synchronization` what SETTINGS change, `going_away` the end, `settings`, `streams`, `guard` and `config` what
their names say.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Self

from hpack_codec import Decoder, Encoder, Field, FieldList
from http2 import errors
from http2.bandwidth_delay import PATH_PING, BandwidthDelay
from http2.config import MAX_UINT32, MIN_FRAME_SIZE, Config
from http2.errors import ConnectionClosedError, ErrorCode, StreamClosedError, StreamError, UsageError
from http2.events import ConnectionTerminated, Event, PingAcknowledged, StreamReset
from http2.frame_reader import HTTP_1_ANSWER, FrameReader, first_frame_gate
from http2.frames import (
    PREFACE,
    STREAM_ID_MASK,
    build_data_header,
    build_field_block,
    build_ping,
    build_rst_stream,
    build_window_update,
)
from http2.going_away import CLEAN_FAREWELL, GRACE_PING, announce, finish_draining, go_away, go_away_finally, terminate
from http2.guard import Guard
from http2.messages import INFORMATIONAL, REQUEST, RESPONSE, TRAILERS, Head, MalformedMessage, read_head
from http2.receiving import OpenBlock
from http2.scheduler import Scheduler, frame_bytes_max
from http2.settings import (
    DEFAULT_WINDOW,
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE_ID,
    LocalSettings,
    PeerSettings,
    check_entries,
    initial_settings,
    setting_name,
)
from http2.settings_synchronization import send_settings
from http2.stream import CONTENT, HEAD_DUE, OVER, Stream
from http2.stream_states import (
    CLOSED_BY_LOCAL_RESET,
    CLOSED_BY_PEER_RESET,
    CLOSED_ENDED,
    CLOSED_FORGOTTEN,
    DATA_END,
    HEADERS,
    HEADERS_END,
    IDLE,
    OPEN,
    SENT,
    is_closed,
)
from http2.streams import Streams
from http2.windows import ReceiveWindow, consume_in_both


class Connection:
    """One HTTP/2 connection, as a client or as a server.

    `Connection.client()` and `Connection.server()` make one; its first output (preface, SETTINGS) is ready at once.
    """

    __slots__ = (
        "_output",
        "_output_taken",
        "_pings",
        "_reader",
        "_reply_bytes",
        "config",
        "decoder",
        "encoder",
        "events",
        "farewell",
        "gate",
        "guard",
        "is_client",
        "is_closed",
        "is_draining",
        "local",
        "messages_received",
        "messages_sent",
        "now",
        "open_block",
        "output_data_bytes",
        "path",
        "peer",
        "receive_window",
        "scheduler",
        "send_window",
        "shut_down_reason",
        "streams",
        "taken_data_bytes",
        "termination",
        "windows_sent",
    )

    def __init__(self, is_client: bool, config: Config | None = None) -> None:
        self.is_client = is_client
        self.config = config = config or Config()
        self.now = 0.0
        self.is_closed = False  # terminated: nothing more is read, and no event follows
        self.is_draining = False  # our GOAWAY is out, or the peer's came: no new streams
        self.termination: ConnectionTerminated | None = None

        # Shared with the parts named in the module docstring.
        self.events: list[Event] = []
        self.messages_sent = 0  # frames of messages, HEADERS and DATA, that we sent
        self.messages_received = 0  # and that the peer sent; empty DATA is none
        self.windows_sent = 0  # WINDOW_UPDATE frames for streams
        self.peer = PeerSettings()
        self.local = LocalSettings()
        self.streams = Streams(is_client, config)
        self.scheduler = Scheduler()
        self.guard = Guard(config)
        self.decoder: Decoder[Head] = Decoder(
            self._read_head,
            list_bytes_max=config.field_list_bytes_max,
            fields_max=config.fields_max,
            # No string may be what ends the connection in a block that is not too large: Huffman at most doubles it.
            string_bytes_max=2 * config.field_block_bytes_max,
        )
        self.encoder = Encoder(table_bytes_max=config.encoder_table_bytes_max)
        self.receive_window = ReceiveWindow(DEFAULT_WINDOW)
        self.send_window = DEFAULT_WINDOW
        self.path = (
            BandwidthDelay(config.stream_window_bytes_max)
            if config.stream_window_bytes_max > config.stream_window_bytes
            else None
        )
        self.open_block: OpenBlock | None = None
        self.gate: Callable[[Connection, int, int, int], None] | None = first_frame_gate
        self.output_data_bytes = 0
        self.taken_data_bytes = 0  # of DATA in what `data_to_send` gave last

        self._reader = FrameReader(expect_preface=not is_client)
        self._output: list[bytes | memoryview] = [PREFACE] if is_client else []
        self._output_taken = False
        self._reply_bytes = 0
        self._pings: list[bytes] = []
        self.shut_down_reason = b""
        # What the connection ends with when its last stream is done: see ConnectionTerminated.
        self.farewell = CLEAN_FAREWELL
        send_settings(self, initial_settings(config, is_client))
        if config.connection_window_bytes > DEFAULT_WINDOW:
            increment = config.connection_window_bytes - DEFAULT_WINDOW
            self.receive_window.resize(config.connection_window_bytes)
            self.emit_control(build_window_update(0, increment))

    @classmethod
    def client(cls, config: Config | None = None) -> Self:
        """The client's end of a connection."""
        return cls(True, config)

    @classmethod
    def server(cls, config: Config | None = None) -> Self:
        """The server's end of a connection."""
        return cls(False, config)

    # -- bytes in, events out ------------------------------------------------------------------------------------------

    def receive_data(self, data: bytes | memoryview, now: float = 0.0) -> list[Event]:
        """Take octets from the peer and return what they mean, in their order.

        A memoryview may be of a buffer that is used again afterwards: no event refers to it.
        `now` is a monotonic time in seconds, for the budgets of `guard`; a caller without a clock leaves it out.
        Never raises for anything the peer does: its stream errors become RST_STREAM and a `StreamReset` event, its
        connection errors GOAWAY and a final `ConnectionTerminated`. Afterwards `data_to_send` may have output.
        """
        self.now = now
        if not self.is_closed:
            try:
                path = self.path
                if path is not None and path.is_armed and now >= path.due:
                    self._read_and_measure(path, data)
                else:
                    self._reader.read(self, data)
                if self.streams.waiting:
                    self._admit_waiting()
            except errors.ConnectionError as error:
                self._fail(error)
        return self.next_events()

    def receive_eof(self) -> list[Event]:
        """The peer has closed the transport. Returns the last events: nothing more will come."""
        if not self.is_closed:
            code, _, reason = self.farewell
            if code == ErrorCode.NO_ERROR:
                code = ErrorCode.NO_ERROR if self.streams.are_done() else ErrorCode.INTERNAL_ERROR
                when = "" if self.peer.received else " before its SETTINGS (RFC 9113 §3.4)"
                reason = f"the peer closed the connection{when}"
            terminate(self, code, True, reason)  # after GOAWAY with an error, that error is why
        return self.next_events()

    def next_events(self) -> list[Event]:
        """Events that did not come from `receive_data`, e.g. `StreamWritable` after `data_to_send`."""
        events = self.events
        self.events = []
        return events

    # -- commands in, bytes out ----------------------------------------------------------------------------------------

    def data_to_send(self) -> list[bytes | memoryview]:
        """Take the output that is ready, in order; join and write it. Call `next_events` afterwards.

        A piece of a large content is a view of it: joining is the only time that it is copied here.
        """
        if self.streams.waiting and not self.is_closed:
            self._admit_waiting()
        if self.scheduler.ring:
            self.scheduler.fill(self)
        output = self._output
        if output:
            self._output = []
            self._output_taken = True
            self._reply_bytes = 0
            self.taken_data_bytes = self.output_data_bytes
            self.output_data_bytes = 0
        return output

    @property
    def has_output(self) -> bool:
        """Whether `data_to_send` has something to give."""
        return bool(self._output) or (bool(self.scheduler.ring) and self.send_window > 0)

    @property
    def wants_data(self) -> bool:
        """False while so many replies lie unsent that the peer should not be read (`unsent_control_bytes_max`)."""
        return self._reply_bytes < self.config.unsent_control_bytes_max

    def open_stream(self, fields: Iterable[Field] | Head, end_stream: bool = False) -> int:
        """Send a request (client only) and return its stream identifier.

        Over the peer's SETTINGS_MAX_CONCURRENT_STREAMS the request waits inside, with whatever is sent on its stream,
        and leaves when another stream has closed. Raises UsageError, and changes nothing, for a malformed request;
        ConnectionClosedError when no new stream can be opened.
        """
        if not self.is_client:
            raise UsageError("a server cannot open streams: this implementation does not push (RFC 9113 §8.4)")
        if self.is_closed or self.is_draining:
            raise ConnectionClosedError(f"no new streams: {self.termination or 'the connection is going away'}")
        streams = self.streams
        stream_id = streams.last_local_id + 2
        if stream_id > STREAM_ID_MASK:
            raise ConnectionClosedError("all stream identifiers are used up; open a new connection (RFC 9113 §5.1.1)")
        head = self._outgoing(fields, REQUEST)
        if head.content_length >= 0:
            self._check_content(head.content_length, 0, end_stream)
        stream = Stream(stream_id, self.peer.stream_window_bytes, self.local.stream_window_bytes)
        stream.is_head = head.method == b"HEAD"
        stream.is_connect = head.method == b"CONNECT"
        stream.send_left = head.content_length
        stream.send_phase = OVER if end_stream else CONTENT
        streams.last_local_id = stream_id
        streams.by_id[stream_id] = stream
        if streams.waiting or streams.local_open >= self.peer.concurrent_streams_max:
            stream.head_queued = head
            stream.end_queued = end_stream
            streams.wait(stream)
        else:
            streams.local_open += 1
            self.emit_head(stream, head, end_stream)
        return stream_id

    def send_headers(self, stream_id: int, fields: Iterable[Field] | Head, end_stream: bool = False) -> None:
        """Send a response, a 1xx response (server), or trailers (both; they need `end_stream`).

        `fields` may be a `Head` from `read_head`, which is then not checked again. Trailers wait behind queued DATA.
        Raises UsageError, and changes nothing, for malformed fields or the wrong kind at this point;
        StreamClosedError when the stream cannot send.
        """
        stream = self._sending(stream_id)
        kind = RESPONSE if stream.send_phase == HEAD_DUE else TRAILERS
        head = self._outgoing(fields, kind)
        if head.kind == INFORMATIONAL:
            if end_stream:
                raise UsageError("an informational response cannot end the stream (RFC 9113 §8.1)")
            return self.emit_head(stream, head, False)
        if kind == RESPONSE:
            declared = self._content_declared(stream, head)
            if declared >= 0:
                self._check_content(declared, 0, end_stream)
            stream.send_left = declared
            stream.is_connect = stream.is_connect and head.status // 100 == 2  # else there is no tunnel
        else:
            if not end_stream:
                raise UsageError("trailers end the stream: end_stream is required (RFC 9113 §8.1)")
            if stream.is_connect:
                raise UsageError("a tunnel has no trailers (RFC 9113 §8.5)")
            self._check_content(stream.send_left, 0, True)
        stream.send_phase = OVER if end_stream else CONTENT
        if stream.queued_bytes or stream.head_queued is not None:
            stream.trailers_queued = head
            stream.end_queued = True
        else:
            self.emit_head(stream, head, end_stream)
        return None

    def send_data(self, stream_id: int, data: bytes, end_stream: bool = False) -> None:
        """Send content. What finds no room in a window is queued and leaves by itself later.

        Watch `queued_bytes` to know how much waits; `StreamWritable` tells when all of it has left.
        Raises UsageError before the head was sent or beyond content-length, StreamClosedError after the end.
        """
        stream = self._sending(stream_id)
        if stream.send_phase != CONTENT:
            raise UsageError(f"DATA on stream {stream_id} before the head (RFC 9113 §8.1)")
        length = len(data)
        if stream.send_left >= 0:
            self._check_content(stream.send_left, length, end_stream)
            stream.send_left -= length
        if end_stream:
            stream.send_phase = OVER
        if stream.queued_bytes or stream.head_queued is not None or not self._has_room(stream, length):
            if stream.queue is None:
                stream.queue = deque()
            if length:
                stream.queue.append(data)
                stream.queued_bytes += length
            stream.end_queued = end_stream
            if stream.head_queued is None and stream.send_window > 0:
                self.scheduler.add(stream)
        elif length or end_stream:
            self.emit_data(stream, data, end_stream)

    def send_response(self, stream_id: int, head: Head, content: bytes, trailers: Head) -> None:
        """Send a whole response in one step: as `send_headers`, `send_data` and `send_headers` with `end_stream` would.

        Raises as those do, and then changes nothing.
        """
        stream = self._sending(stream_id)
        limit = self.peer.field_list_bytes_max
        if head.kind != RESPONSE or trailers.kind != TRAILERS or head.size > limit or trailers.size > limit:
            self._outgoing(head, RESPONSE)
            self._outgoing(trailers, TRAILERS)
        if stream.send_phase != HEAD_DUE or head.kind == INFORMATIONAL or stream.is_connect:
            raise UsageError(f"no whole response can be sent on stream {stream_id} (RFC 9113 §8.1)")
        length = len(content)
        if head.content_length >= 0 or stream.is_head or head.status != 200:
            self._check_content(self._content_declared(stream, head), length, True)
        if length and self._has_room(stream, length):
            stream.send_phase = OVER
            self._emit_response(stream, head, content, trailers)
        else:
            self.send_headers(stream_id, head)
            self.send_data(stream_id, content)
            self.send_headers(stream_id, trailers, True)

    def queued_bytes(self, stream_id: int) -> int:
        """How many octets of DATA wait in the stream; 0 for a stream that is gone."""
        stream = self.streams.by_id.get(stream_id)
        return stream.queued_bytes if stream is not None else 0

    def consume(self, stream_id: int, length: int) -> None:
        """The application is done with `length` octets that `DataReceived` brought: let the peer send as many more.

        On a stream that is gone this does nothing: its octets were given back when it went. Nor does it on a
        connection that is closed.
        Raises UsageError, and changes nothing, for more than was received.
        """
        stream = self.streams.by_id.get(stream_id)
        if stream is None or self.is_closed:
            return
        if not 0 <= length <= stream.held:
            raise UsageError(f"{length} octets consumed on stream {stream_id}; {stream.held} are held")
        if consume_in_both(self.receive_window, stream, length):
            self.return_credit(0)
            increment = stream.consume(0)
            if increment and stream.receive_phase != OVER:
                self.emit_control(build_window_update(stream_id, increment))
                self.windows_sent += 1
                if self.path is not None:
                    self.path.is_armed = True
        if not stream.held and stream.state >= CLOSED_ENDED:
            del self.streams.by_id[stream_id]

    def reset_stream(self, stream_id: int, error_code: int = ErrorCode.CANCEL) -> None:
        """End a stream before its time with RST_STREAM. A stream that is gone stays gone; no event follows."""
        stream = self.streams.by_id.get(stream_id)
        if stream is None or self.is_closed:
            return
        if stream.head_queued is None and not is_closed(stream.state):
            self.emit_control(build_rst_stream(stream_id, error_code))
        self.drop(stream)

    def ping(self, payload: bytes) -> None:
        """Send a PING with eight octets; `PingAcknowledged` brings them back (§6.7)."""
        if len(payload) != 8:
            raise UsageError(f"PING with {len(payload)} octets; it has 8 (RFC 9113 §6.7)")
        if self.is_closed:
            raise ConnectionClosedError(f"no PING: {self.termination}")
        self._pings.append(payload)
        self.emit_control(build_ping(payload))

    def update_settings(self, values: dict[int, int]) -> None:
        """Announce new values of ours; they count when `SettingsAcknowledged` comes (§6.5.3)."""
        for identifier, value in values.items():
            if identifier not in (HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE_ID):
                raise UsageError(f"SETTINGS_{setting_name(identifier)} cannot be changed on a running connection")
            if not 0 <= value <= MAX_UINT32:
                raise UsageError(f"SETTINGS_{setting_name(identifier)} is {value}; it has 32 bits (RFC 9113 §6.5.1)")
        try:
            check_entries(list(values.items()), from_server=not self.is_client)
        except errors.ConnectionError as error:
            raise UsageError(error.reason)
        if self.is_closed:
            raise ConnectionClosedError(f"no SETTINGS: {self.termination}")
        send_settings(self, values)

    def shut_down(self, reason: str = "") -> None:
        """Go away gracefully (§6.8): no new streams, those that are open finish, then `ConnectionTerminated`.

        A server first announces it with the highest identifier and waits a round trip, so that requests which are
        already on their way still count. `reason` is told to the peer, as debug data.
        """
        if self.is_closed or self.is_draining:
            return
        announce(self, reason)

    def finish_shut_down(self) -> bool:
        """Do not wait for that round trip any longer: requests that come after this are lost to their sender.

        Returns whether it was still waited for.
        """
        if not self.is_draining or self.is_closed or GRACE_PING not in self._pings:
            return False
        self._pings.remove(GRACE_PING)
        go_away_finally(self)
        return True

    def close(self, error_code: int = ErrorCode.NO_ERROR, reason: str = "closed by the application") -> None:
        """End the connection now: GOAWAY, then `ConnectionTerminated`. Streams that are open are lost."""
        if not self.is_closed:
            go_away(self, error_code, reason)

    # -- for the parts of this package ---------------------------------------------------------------------------------

    def emit_control(self, frame: bytes) -> None:
        """Put a frame into the output that is not DATA and counts against `unsent_control_bytes_max`."""
        self._output.append(frame)
        self._reply_bytes += len(frame)

    def emit_head(self, stream: Stream, head: Head, end_stream: bool) -> None:
        """Encode a head and put it into the output: here the stream's state changes (§5.1) and HPACK's (§4.3)."""
        block = self.encoder.encode(head.fields)
        frame = build_field_block(block, stream.id, end_stream, self.peer.frame_bytes_max)
        self._output.append(frame)
        if not self.is_client:
            # An answer without content ends its stream, so that no limit on streams bounds how many lie unsent.
            # A client's requests do not count: two peers that both stop reading would wait for each other.
            self._reply_bytes += len(frame)
        self.messages_sent += 1
        stream.state = state = SENT[stream.state][HEADERS_END if end_stream else HEADERS]
        if state >= CLOSED_ENDED:
            self.stream_closed(stream)

    def emit_data(self, stream: Stream, payload: bytes | memoryview, end_stream: bool) -> None:
        """Put one DATA frame into the output; the caller has checked both windows."""
        length = len(payload)
        self._output += (build_data_header(length, stream.id, end_stream), payload)
        stream.send_window -= length
        self.send_window -= length
        self.output_data_bytes += length
        self.messages_sent += 1
        if end_stream:  # else it leaves the state as it is
            stream.state = state = SENT[stream.state][DATA_END]
            if state >= CLOSED_ENDED:
                self.stream_closed(stream)

    def _emit_response(self, stream: Stream, head: Head, content: bytes, trailers: Head) -> None:
        """Put a whole response into the output: what `emit_head`, `emit_data` and `emit_head` do, in one step."""
        stream_id = stream.id
        length = len(content)
        encoder = self.encoder
        frame_bytes_max = self.peer.frame_bytes_max
        first = build_field_block(encoder.encode(head.fields), stream_id, False, frame_bytes_max)
        last = build_field_block(encoder.encode(trailers.fields), stream_id, True, frame_bytes_max)
        self._output += (first, build_data_header(length, stream_id, False), content, last)
        self._reply_bytes += len(first) + len(last)
        stream.send_window -= length
        self.send_window -= length
        self.output_data_bytes += length
        self.messages_sent += 3
        stream.state = state = SENT[stream.state][HEADERS_END]  # which HEADERS and DATA before it leave as it is
        if state >= CLOSED_ENDED:
            self.stream_closed(stream)

    def return_credit(self, length: int) -> None:
        """Octets that were taken into the connection's window are free again; the one place that says so (§6.9)."""
        increment = self.receive_window.consume(length)
        if increment:
            self.emit_control(build_window_update(0, increment))
            if self.path is not None:
                self.path.is_armed = True

    def spend_idle(self, cost: int = 1) -> None:
        """A frame without content has come."""
        self.guard.idle.spend(self.now, self.work, cost)

    @property
    def work(self) -> int:
        """Frames of messages, both ways: what refills the idle budget."""
        return self.messages_sent + self.messages_received

    @property
    def progress(self) -> int:
        """What we have sent of messages and windows of streams: that excuses a PING in between (gRFC A8)."""
        return self.messages_sent + self.windows_sent

    def open_peer_stream(self, stream_id: int) -> Stream:
        """The record for a stream that the peer opens now. All lower ones are thereby used (§5.1.1)."""
        stream = Stream(stream_id, self.peer.stream_window_bytes, self.local.stream_window_bytes)
        stream.state = OPEN
        streams = self.streams
        streams.by_id[stream_id] = stream
        streams.last_peer_id = stream_id
        streams.peer_open += 1
        return stream

    def stream_closed(self, stream: Stream) -> None:
        """The state of a stream has become one of the closed ones: count it, keep of it what is still needed."""
        streams = self.streams
        streams.closed(stream)
        if stream.state == CLOSED_ENDED:
            streams.completed += 1
            if not stream.held:
                del streams.by_id[stream.id]
        else:
            self._forget(stream)
        if self.is_draining:
            finish_draining(self)

    def fail_stream(self, error: StreamError) -> None:
        """The peer's stream error: RST_STREAM, after the answer that the RFC asks for, and an event (§5.4.2)."""
        if error.error_code != ErrorCode.REFUSED_STREAM or not self.local.pending:
            # Before the peer has seen our SETTINGS it cannot know how many streams we refuse.
            self.guard.spend_fault(self.now, self.streams.completed)
        stream = self.streams.by_id.get(error.stream_id)
        state = self.streams.state_of(error.stream_id) if stream is None else stream.state
        if state in (CLOSED_BY_LOCAL_RESET, CLOSED_FORGOTTEN):
            return  # §5.4.2: "an endpoint SHOULD NOT send more than one RST_STREAM frame for any stream."
        if state in (IDLE, CLOSED_BY_PEER_RESET):
            # §6.4: "RST_STREAM frames MUST NOT be sent for a stream in the 'idle' state"; after receiving one "the
            # receiver MUST NOT send additional frames for that stream, except for PRIORITY". What is left is §5.4.1.
            raise errors.ConnectionError(error.error_code, str(error), error.rule)
        if stream is not None and error.answer_status and not self.is_client and stream.send_phase == HEAD_DUE:
            answer = self._answer_to(error, error.answer_status)
            if answer.size <= self.peer.field_list_bytes_max:
                self.emit_control(build_field_block(self.encoder.encode(answer.fields), stream.id, True, 16_384))
        self.emit_control(build_rst_stream(error.stream_id, error.error_code))
        self.events.append(StreamReset(error.stream_id, error.error_code, False, error.reason))
        if stream is not None:
            self.drop(stream)
        self.streams.remember(error.stream_id, CLOSED_BY_LOCAL_RESET)  # also if it had ended

    def ping_acknowledged(self, payload: bytes) -> None:
        """The answer to a PING of ours, in whatever order they come; one that nobody asked for is ignored."""
        if payload not in self._pings:
            return self.spend_idle()
        self._pings.remove(payload)
        if payload == GRACE_PING and self.is_draining:
            go_away_finally(self)
        elif payload == PATH_PING and self.path is not None and self.path.is_sampling:
            self.path.acknowledged(self)
        else:
            self.events.append(PingAcknowledged(payload))

    def drop(self, stream: Stream) -> None:
        """End a stream on our side, whatever it was doing."""
        state = stream.state
        if is_closed(state):
            return self._forget(stream)
        stream.state = CLOSED_BY_LOCAL_RESET
        if state != IDLE:
            return self.stream_closed(stream)
        # It waited for the peer's concurrency limit: the peer has never seen it.
        assert self.streams.waiting is not None
        del self.streams.waiting[stream.id]
        stream.head_queued = None
        self._forget(stream)
        if self.is_draining:
            finish_draining(self)
        return None

    # -- inside --------------------------------------------------------------------------------------------------------

    def _answer_to(self, error: StreamError, status: int) -> Head:
        """What a server answers to a request that it cannot use, before it resets the stream."""
        return read_head(((b":status", b"%d" % status), (b"content-length", b"0")))

    def _read_head(self, fields: FieldList) -> Head:
        return read_head(fields, check_path=self.config.check_path, join_cookies=self.config.join_cookies)

    def _outgoing(self, fields: Iterable[Field] | Head, kind: int) -> Head:
        """What the caller wants to send, checked like what a peer sends."""
        if isinstance(fields, Head):
            head = fields
        else:
            try:
                head = read_head(tuple(fields), check_path=self.config.check_path, join_cookies=False)
            except MalformedMessage as error:
                raise UsageError(f"{error} ({error.rule})")
        if head.kind != kind and not (kind == RESPONSE and head.kind == INFORMATIONAL):
            raise UsageError(f"{head!r} cannot be sent at this point of the stream (RFC 9113 §8.1)")
        limit = self.peer.field_list_bytes_max  # MAX_UINT32 when the peer has none, which is more than any list
        if head.size > limit:
            raise UsageError(
                f"a field list of {head.size} octets; the peer's SETTINGS_MAX_HEADER_LIST_SIZE is {limit}"
                " (RFC 9113 §10.5.1)"
            )
        return head

    def _sending(self, stream_id: int) -> Stream:
        """The stream, if it is one that may still send."""
        stream = self.streams.by_id.get(stream_id)
        if stream is None or stream.send_phase == OVER or stream.state >= CLOSED_ENDED or self.is_closed:
            raise StreamClosedError(f"stream {stream_id} cannot send: it has ended or was reset, or never existed")
        return stream

    @staticmethod
    def _content_declared(stream: Stream, head: Head) -> int:
        """How much content a response has: as it says, -1 for any; 0 where it must have none (RFC 9110 §6.4.1)."""
        return head.content_length if not stream.is_head and head.status not in (204, 304) else 0

    @staticmethod
    def _check_content(left: int, length: int, end_stream: bool) -> None:
        """What we declared with content-length must be what we send (§8.1.1)."""
        if left >= 0 and (length > left or (end_stream and length != left)):
            raise UsageError(f"{length} octets where content-length leaves {left} (RFC 9113 §8.1.1)")

    def _has_room(self, stream: Stream, length: int) -> bool:
        """Whether DATA of this length can enter the output now, as one frame, and nobody's turn is before it."""
        return not length or (
            not self.scheduler.ring
            and length <= stream.send_window
            and length <= self.send_window
            and (length <= MIN_FRAME_SIZE or length <= frame_bytes_max(self))
            and self.output_data_bytes < self.config.output_bytes_max
        )

    def _read_and_measure(self, path: BandwidthDelay, data: bytes | memoryview) -> None:
        """Read; if DATA has come, it is the first of a sample (`bandwidth_delay`)."""
        window = self.receive_window
        arrived = window.announced - window.available
        self._reader.read(self, data)
        if window.announced - window.available > arrived and not self.is_closed:
            path.begin(self.now, arrived)
            self.ping(PATH_PING)

    def _admit_waiting(self) -> None:
        """Open streams that waited for the peer's concurrency limit, as far as it allows now."""
        streams = self.streams
        while streams.waiting and streams.local_open < self.peer.concurrent_streams_max:
            _, stream = streams.waiting.popitem(last=False)
            head = stream.head_queued
            assert head is not None
            stream.head_queued = None
            streams.local_open += 1
            if stream.queued_bytes or not stream.end_queued:
                self.emit_head(stream, head, False)
                if stream.queued_bytes and stream.send_window > 0:
                    self.scheduler.add(stream)
            elif stream.trailers_queued is not None:
                self.emit_head(stream, head, False)
                self.emit_head(stream, stream.trailers_queued, True)
            else:
                self.emit_head(stream, head, True)

    def _forget(self, stream: Stream) -> None:
        """A reset stream leaves: its held octets go back to the connection, its queue is thrown away."""
        del self.streams.by_id[stream.id]
        self.scheduler.remove(stream)
        self.streams.remember(stream.id, stream.state)
        held = stream.held
        if held:
            stream.consume(held)
            self.return_credit(held)
        stream.queue = None
        stream.queued_bytes = 0
        stream.trailers_queued = None
        stream.send_phase = OVER

    def _fail(self, error: errors.ConnectionError) -> None:
        """The peer's connection error: GOAWAY with the reason as debug data, and the final event (§5.4.1)."""
        if self._reader.saw_http_1 and not self._output_taken:
            # §3.4 lets us leave out the GOAWAY for a peer that does not speak HTTP/2; it gets an answer it can read.
            self._output = [HTTP_1_ANSWER]
            return terminate(self, error.error_code, False, error.reason)
        return go_away(self, error.error_code, error.reason)
