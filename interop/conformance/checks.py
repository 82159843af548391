"""Rules that hold for every octet that whom we test emits, whatever the case is about.

`Passive` sees all frames of a connection, those the tester sent and those that came, in the order in which the tester
sent and read them, and notes a `Violation` for each rule that what came has broken. It knows no case. Where the order
at the other end cannot be known (our SETTINGS may be on its way while DATA comes), it takes the order that excuses
most.

| rule                                                                                    | line of the list       |
|-----------------------------------------------------------------------------------------|------------------------|
| SETTINGS first, and not an acknowledgement                                              | PRE-06, PRE-08         |
| SETTINGS acknowledged exactly once, PING answered as often as it came, with its octets  | PRE-07, SET-02, PNG-01 |
| reserved bit, undefined flags and padding are zero; frames have the length of their type| FRM-04                 |
| no frame is larger than our SETTINGS_MAX_FRAME_SIZE                                     | FRM-09                 |
| field blocks are contiguous and can be decoded; a reduced table is announced            | FRM-12, HPK-10         |
| no frame after the end of a stream, one RST_STREAM a round trip, none in answer to ours | STR-06, STR-10, STR-11 |
| no frame on a stream that nobody opened; client streams are odd and increase            | STR-01, STR-15         |
| not more streams at once than our SETTINGS_MAX_CONCURRENT_STREAMS                       | STR-14                 |
| DATA stays within both windows; windows stay below 2^31; no increment of zero           | FLW-05, FLW-08, FLW-09 |
| values of SETTINGS are in range; a server neither pushes unasked nor sends ENABLE_PUSH=1| SET-03, SET-04         |
| the last stream identifier of GOAWAY never grows, and covers what was answered          | PNG-02, PNG-06         |
| one GOAWAY with an error; a client opens no stream once it has read ours                | FRM-13, PNG-05         |
| messages are well-formed: fields, their order, DATA between head and trailers, length   | MSG-07, CLI-10, MSG-28 |
"""

from __future__ import annotations

from dataclasses import dataclass

from hpack_codec import FieldList
from http2.errors import ErrorCode
from http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PRIORITY_FLAG,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM_ID_MASK,
    WINDOW_UPDATE,
)
from http2.messages import (
    INFORMATIONAL,
    KIND_NAMES,
    REQUEST,
    RESPONSE,
    TRAILERS,
    Head,
    MalformedMessage,
    read_head,
)
from http2.settings import (
    ENABLE_PUSH,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE_ID,
    Setting,
    setting_name,
)
from interop.conformance.granted import DEFAULT_WINDOW, Granted
from interop.conformance.model import Level, Role
from interop.conformance.wire import WireFrame

MAX_WINDOW = 2**31 - 1
_FLAGS = {
    DATA: END_STREAM | PADDED,
    HEADERS: END_STREAM | END_HEADERS | PADDED | PRIORITY_FLAG,
    SETTINGS: ACK,
    PUSH_PROMISE: END_HEADERS | PADDED,
    PING: ACK,
    CONTINUATION: END_HEADERS,
}
_LENGTHS = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}
_ON_CONNECTION = (SETTINGS, PING, GOAWAY)
_RANGES = {
    ENABLE_PUSH: (0, 1),
    INITIAL_WINDOW_SIZE: (0, MAX_WINDOW),
    MAX_FRAME_SIZE_ID: (2**14, 2**24 - 1),
    int(Setting.ENABLE_CONNECT_PROTOCOL): (0, 1),
    int(Setting.NO_RFC7540_PRIORITIES): (0, 1),
}


@dataclass(frozen=True)
class Violation:
    """A rule that was broken in passing: the line of the list, the level, what happened."""

    rule: str
    text: str
    level: Level = Level.MUST

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


def settings_entries(payload: bytes) -> list[tuple[int, int]]:
    """The entries of a SETTINGS frame; what is left over at the end is left out."""
    return [
        (int.from_bytes(payload[i : i + 2], "big"), int.from_bytes(payload[i + 2 : i + 6], "big"))
        for i in range(0, len(payload) - 5, 6)
    ]


@dataclass
class _Stream:
    """What the other end did on a stream."""

    opened: bool = False
    ended: bool = False  # it sent END_STREAM
    reset: bool = False  # it sent RST_STREAM
    we_came_late: bool = False  # we sent something on it when its RST_STREAM had come
    head: Head | None = None
    method: bytes = b""  # of the request, whoever sent it
    length: int = 0  # of its DATA
    we_ended: bool = False
    over_at_ping: int | None = None  # we sent RST_STREAM before our PING with this number
    we_went_on: bool = False  # we sent more than we may after our RST_STREAM
    granted_to_us: int = 0  # by WINDOW_UPDATE, without the initial window


class Passive:
    """The watch over one connection. `violations` grows; `frames` counts what came."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.violations: list[Violation] = []
        self.frames = 0
        self.granted = Granted()
        self.acknowledged: dict[int, int] = {}  # the settings of ours that the last acknowledgement was for
        self._streams: dict[int, _Stream] = {}
        self._settings: list[dict[int, int]] = []  # ours, unacknowledged
        self._frame_max = [2**14]
        self._push_forbidden = False
        self._streams_max: int | None = None
        self._settings_due = 0  # acknowledgements of theirs
        self._pings_due: list[bytes] = []
        self._pings_sent = self._pongs = 0
        self._open_block: int | None = None
        self._open_block_ends = False
        self._last_goaway: int | None = None
        self._failed = False  # it sent GOAWAY with an error
        self._over_at_ping: int | None = None  # we sent GOAWAY before our PING with this number
        self._highest = 0
        self._connection_granted_to_us = DEFAULT_WINDOW
        self._initial_granted_to_us = DEFAULT_WINDOW

    def fault(self, rule: str, text: str, level: Level = Level.MUST) -> None:
        """Note a violation, once."""
        violation = Violation(rule, text, level)
        if violation not in self.violations:
            self.violations.append(violation)

    def has_ended(self, stream_id: int) -> bool:
        """Whether the other end has sent END_STREAM."""
        stream = self._streams.get(stream_id)
        return stream is not None and stream.ended

    def room(self, stream_id: int) -> int:
        """What the windows that were granted to us allow us to send on a stream; on 0, the connection's window."""
        if stream_id == 0:
            return self._connection_granted_to_us
        stream = self._streams.get(stream_id)
        own = self._initial_granted_to_us + (stream.granted_to_us if stream is not None else 0)
        return min(own, self._connection_granted_to_us)

    @property
    def we_went_away(self) -> bool:
        """Whether we sent GOAWAY, so that the other end may close when all is done."""
        return self._over_at_ping is not None

    # -- what we sent --------------------------------------------------------------------------------------------------

    def sent(self, frame: WireFrame) -> None:
        """A frame of ours has left."""
        known = self._streams.get(frame.stream_id)
        if known is not None and known.reset:
            known.we_came_late = True
        if frame.type == SETTINGS and frame.stream_id == 0 and not frame.flags & ACK and len(frame.payload) % 6 == 0:
            values = dict(settings_entries(frame.payload))
            self._settings.append(values)
            self._settings_due += 1
            self.granted.announce(values.get(INITIAL_WINDOW_SIZE, self.granted.initial))
            self._frame_max.append(values.get(MAX_FRAME_SIZE_ID, self._frame_max[-1]))
        elif frame.type == PING and frame.stream_id == 0 and not frame.flags & ACK and len(frame.payload) == 8:
            self._pings_due.append(frame.payload)
            self._pings_sent += 1
        elif frame.type == WINDOW_UPDATE and len(frame.payload) == 4:
            increment = frame.uint32() & STREAM_ID_MASK
            if frame.stream_id:
                by_stream = self.granted.by_stream
                by_stream[frame.stream_id] = by_stream.get(frame.stream_id, 0) + increment
            else:
                self.granted.connection += increment
        elif frame.type == GOAWAY and frame.stream_id == 0 and len(frame.payload) >= 8:
            if self._over_at_ping is None:
                self._over_at_ping = self._pings_sent
        elif frame.type in (DATA, HEADERS) and frame.stream_id:
            stream = self._streams.setdefault(frame.stream_id, _Stream())
            stream.we_went_on = stream.over_at_ping is not None
            stream.opened = stream.opened or frame.type == HEADERS
            if frame.type == HEADERS and self.role is Role.SERVER and frame.stream_id & 1:
                self._highest = max(self._highest, frame.stream_id)
            stream.we_ended = stream.we_ended or frame.ends_stream
            if frame.type == DATA:
                self._connection_granted_to_us -= len(frame.payload)
                stream.granted_to_us -= len(frame.payload)
            elif frame.fields is not None:
                stream.method = stream.method or dict(frame.fields).get(b":method", b"")
        elif frame.type == RST_STREAM and frame.stream_id:
            stream = self._streams.setdefault(frame.stream_id, _Stream())
            if stream.over_at_ping is None:
                stream.over_at_ping = self._pings_sent

    # -- what came -----------------------------------------------------------------------------------------------------

    def received(self, frame: WireFrame) -> None:
        """A frame has come."""
        self.frames += 1
        self._check_layout(frame)
        if self.frames == 1 and (frame.type != SETTINGS or frame.flags & ACK):
            rule = "PRE-06" if self.role is Role.SERVER else "PRE-08"
            self.fault(rule, f"the first frame is {frame}; SETTINGS must come first (RFC 9113 §3.4)")
        self._check_block(frame)
        if frame.stream_id and frame.type <= CONTINUATION:
            self._check_stream(frame)
        handler = _HANDLERS.get(frame.type)
        if handler is not None:
            handler(self, frame)

    def _check_layout(self, frame: WireFrame) -> None:
        if frame.reserved:
            self.fault("FRM-04", f"the reserved bit is set in {frame} (RFC 9113 §4.1)")
        if frame.type > CONTINUATION:
            return
        undefined = frame.flags & ~_FLAGS.get(frame.type, 0)
        if undefined:
            self.fault("FRM-04", f"undefined flags {undefined:#04x} in {frame} (RFC 9113 §4.1)")
        if len(frame.payload) > max(self._frame_max):
            self.fault("FRM-09", f"{frame.name} with {len(frame.payload)} octets; our SETTINGS_MAX_FRAME_SIZE is"
                       f" {max(self._frame_max)} (RFC 9113 §4.2)")  # fmt: skip
        wanted = _LENGTHS.get(frame.type)
        if wanted is not None and len(frame.payload) != wanted:
            self.fault("FRM-04", f"{frame.name} with {len(frame.payload)} octets; it has {wanted} (RFC 9113 §6)")
        if (frame.stream_id == 0) != (frame.type in _ON_CONNECTION) and frame.type != WINDOW_UPDATE:
            self.fault("FRM-04", f"{frame}, which does not belong there (RFC 9113 §6)")
        if frame.flags & PADDED and frame.type in (DATA, HEADERS, PUSH_PROMISE):
            pad = frame.payload[0] if frame.payload else 0
            if not frame.payload or pad >= len(frame.payload):
                self.fault("FRM-04", f"the padding of {frame.name} does not fit into it (RFC 9113 §6.1)")
            elif any(frame.payload[len(frame.payload) - pad :]):
                self.fault("FRM-04", f"the padding of {frame.name} is not zero (RFC 9113 §6.1)")

    def _check_block(self, frame: WireFrame) -> None:
        if self._open_block is not None and (frame.type != CONTINUATION or frame.stream_id != self._open_block):
            self.fault("FRM-12", f"{frame} inside the field block of stream {self._open_block} (RFC 9113 §4.3)")
            self._open_block = None
        if frame.type == CONTINUATION and self._open_block is None:
            self.fault("FRM-12", f"{frame} without an open field block (RFC 9113 §6.10)")
        if frame.type in (HEADERS, PUSH_PROMISE, CONTINUATION):
            if frame.type == HEADERS:
                self._open_block_ends = frame.ends_stream
            self._open_block = None if frame.flags & END_HEADERS else frame.stream_id

    def _check_stream(self, frame: WireFrame) -> None:
        stream = self._streams.get(frame.stream_id)
        if stream is None or not stream.opened:
            if frame.type == PRIORITY:
                return
            if self.role is Role.CLIENT and frame.type == HEADERS:
                stream = self._open(frame.stream_id)
            elif self.role is Role.SERVER and frame.stream_id & 1 and frame.stream_id < self._highest:
                # §5.1.1: the streams below one that was opened are closed, not idle.
                stream = self._streams.setdefault(frame.stream_id, _Stream())
            elif frame.type != CONTINUATION:
                return self.fault("STR-01", f"{frame}: nobody has opened that stream (RFC 9113 §5.1)")
        if stream is None or frame.type == PRIORITY:
            return
        if stream.reset and frame.type == RST_STREAM:
            # "... SHOULD NOT send more than one RST_STREAM frame for any stream", but "MAY send additional RST_STREAM
            # frames if it receives frames on a closed stream after more than a round-trip time."
            if not stream.we_came_late:
                self.fault("STR-11", f"{frame} after its own RST_STREAM (RFC 9113 §5.4.2)", Level.SHOULD)
        elif stream.reset:
            self.fault("STR-06", f"{frame} after its own RST_STREAM (RFC 9113 §5.1)")
        elif stream.ended and frame.type in (DATA, HEADERS, CONTINUATION, PUSH_PROMISE):
            self.fault("STR-06", f"{frame} after its END_STREAM (RFC 9113 §5.1)")
        answers_misuse = frame.type == RST_STREAM and stream.we_went_on
        if stream.over_at_ping is not None and self._pongs > stream.over_at_ping and not answers_misuse:
            self.fault("STR-10", f"{frame} after it had read our RST_STREAM (RFC 9113 §5.1)")

    def _open(self, stream_id: int) -> _Stream:
        """A client begins a request."""
        if stream_id % 2 == 0 or stream_id <= self._highest:
            self.fault("STR-15", f"stream {stream_id} opened after {self._highest}; they are odd and increase"
                       " (RFC 9113 §5.1.1)")  # fmt: skip
        if self._over_at_ping is not None and self._pongs > self._over_at_ping:
            self.fault("PNG-05", f"stream {stream_id} opened after it had read our GOAWAY (RFC 9113 §6.8)")
        self._highest = max(self._highest, stream_id)
        stream = self._streams.setdefault(stream_id, _Stream())
        stream.opened = True
        running = [s for s in self._streams.values() if s.opened and not self._is_closed(s)]
        if self._streams_max is not None and len(running) > self._streams_max:
            self.fault("STR-14", f"{len(running)} streams at once; our SETTINGS_MAX_CONCURRENT_STREAMS is"
                       f" {self._streams_max} (RFC 9113 §5.1.2)")  # fmt: skip
        return stream

    @staticmethod
    def _is_closed(stream: _Stream) -> bool:
        return stream.reset or stream.over_at_ping is not None or (stream.ended and stream.we_ended)

    def _on_data(self, frame: WireFrame) -> None:
        problem = self.granted.use(frame.stream_id, len(frame.payload))
        if problem:
            self.fault("FLW-05", f"{problem} (RFC 9113 §6.9.1)")
        stream = self._streams.get(frame.stream_id)
        if stream is None:
            return
        stream.length += len(frame.content())
        if stream.head is None:
            self.fault("STR-17", f"{frame} before the head of its message (RFC 9113 §8.1)")
        if frame.ends_stream:
            self._end(stream, frame)

    def _end(self, stream: _Stream, frame: WireFrame) -> None:
        stream.ended = True
        head = stream.head
        if head is None or stream.reset:
            return
        declared = head.content_length
        if self.role is Role.SERVER and (stream.method == b"HEAD" or head.status in (204, 304)):
            declared = 0
        tunnel = stream.method == b"CONNECT"
        if declared >= 0 and declared != stream.length and not tunnel:
            self.fault("MSG-19", f"stream {frame.stream_id} has {stream.length} octets of content; {declared} were to"
                       " come (RFC 9113 §8.1.1)")  # fmt: skip

    def _on_fields(self, frame: WireFrame) -> None:
        """The last frame of a field block, or one of them."""
        if not frame.flags & END_HEADERS:
            return
        stream = self._streams.get(frame.stream_id)
        if stream is None:
            return
        if frame.fields is not None:
            self._check_message(stream, frame, frame.fields)
        if self._open_block_ends:
            self._open_block_ends = False
            if stream.head is not None and stream.head.kind == INFORMATIONAL:
                self.fault("CLI-02", f"{frame} ends the stream before the final response (RFC 9113 §8.1)")
            self._end(stream, frame)

    def _check_message(self, stream: _Stream, frame: WireFrame, fields: FieldList) -> None:
        due = RESPONSE if self.role is Role.SERVER else REQUEST
        try:
            head = read_head(fields)
        except MalformedMessage as error:
            self.fault("MSG-07" if self.role is Role.SERVER else "CLI-10", f"{frame}: {error} ({error.rule})")
            return
        had_head = stream.head is not None and stream.head.kind != INFORMATIONAL
        if had_head and (head.kind != TRAILERS or not self._open_block_ends):
            self.fault("MSG-21", f"{frame} where only trailers may follow (RFC 9113 §8.1)")
        elif not had_head and head.kind != due and not (due == RESPONSE and head.kind == INFORMATIONAL):
            self.fault("MSG-21", f"{KIND_NAMES[head.kind]} where a {KIND_NAMES[due]} is due: {frame} (RFC 9113 §8.1)")
        if not had_head:
            stream.head = head
            stream.method = stream.method or head.method

    def _on_rst_stream(self, frame: WireFrame) -> None:
        stream = self._streams.get(frame.stream_id)
        if stream is not None:
            stream.reset = True

    def _on_settings(self, frame: WireFrame) -> None:
        if frame.flags & ACK:
            return self._on_settings_ack(frame)
        if len(frame.payload) % 6:
            self.fault("FRM-04", f"SETTINGS with {len(frame.payload)} octets (RFC 9113 §6.5)")
        for key, value in settings_entries(frame.payload):
            low, high = _RANGES.get(key, (0, 2**32 - 1))
            if key == ENABLE_PUSH and self.role is Role.SERVER:
                high = 0
            if not low <= value <= high:
                rule = "SET-03" if key == ENABLE_PUSH else "SET-04"
                self.fault(
                    rule, f"SETTINGS_{setting_name(key)} is {value}; {low} to {high} are allowed (RFC 9113 §6.5.2)"
                )
            if key == INITIAL_WINDOW_SIZE:
                self._initial_granted_to_us = value

    def _on_settings_ack(self, frame: WireFrame) -> None:
        if frame.payload:
            self.fault("FRM-04", f"an acknowledgement with {len(frame.payload)} octets (RFC 9113 §6.5)")
        if not self._settings_due:
            return self.fault("PRE-07", "SETTINGS acknowledged that were not sent (RFC 9113 §6.5.3)")
        self._settings_due -= 1
        self.acknowledged = self._settings.pop(0)
        self.granted.acknowledge()
        if len(self._frame_max) > 1:
            del self._frame_max[0]
        if self.acknowledged.get(ENABLE_PUSH) == 0:
            self._push_forbidden = True
        if MAX_CONCURRENT_STREAMS in self.acknowledged:
            self._streams_max = self.acknowledged[MAX_CONCURRENT_STREAMS]

    def _on_push_promise(self, frame: WireFrame) -> None:
        if self.role is Role.CLIENT or self._push_forbidden:
            why = "a client must not push" if self.role is Role.CLIENT else "although SETTINGS_ENABLE_PUSH is 0"
            self.fault("SET-03", f"{frame}: {why} (RFC 9113 §8.4)")

    def _on_ping(self, frame: WireFrame) -> None:
        if not frame.flags & ACK:
            return
        if frame.payload not in self._pings_due:
            return self.fault("PNG-01", f"{frame} answers no PING of ours (RFC 9113 §6.7)")
        self._pings_due.remove(frame.payload)
        self._pongs += 1

    def _on_goaway(self, frame: WireFrame) -> None:
        if len(frame.payload) < 8:
            return self.fault("FRM-04", f"GOAWAY with {len(frame.payload)} octets (RFC 9113 §6.8)")
        last = frame.uint32() & STREAM_ID_MASK
        if self._last_goaway is not None and last > self._last_goaway:
            self.fault("PNG-02", f"GOAWAY with last stream {last} after one with {self._last_goaway} (RFC 9113 §6.8)")
        self._last_goaway = last
        if frame.uint32(4) == ErrorCode.NO_ERROR:
            return
        if self._failed:
            text = f"a second GOAWAY with an error, {frame} (RFC 9113 §5.4)"
            self.fault("FRM-13", text, Level.SHOULD)
        self._failed = True
        answered = max((key for key, s in self._streams.items() if s.ended), default=0)
        if self.role is Role.SERVER and last < answered:
            self.fault("PNG-06", f"{frame}, and stream {answered} has been answered (RFC 9113 §6.8)")

    def _on_window_update(self, frame: WireFrame) -> None:
        increment = frame.uint32() & STREAM_ID_MASK
        if increment == 0:
            self.fault("FLW-09", f"{frame} of zero (RFC 9113 §6.9)")
        if frame.stream_id == 0:
            self._connection_granted_to_us += increment
            window = self._connection_granted_to_us
        else:
            stream = self._streams.setdefault(frame.stream_id, _Stream())
            stream.granted_to_us += increment
            window = stream.granted_to_us + self._initial_granted_to_us
        if window > MAX_WINDOW:
            self.fault("FLW-08", f"{frame} makes a window of {window} octets (RFC 9113 §6.9.1)")


_HANDLERS = {
    DATA: Passive._on_data,
    HEADERS: Passive._on_fields,
    RST_STREAM: Passive._on_rst_stream,
    SETTINGS: Passive._on_settings,
    PUSH_PROMISE: Passive._on_push_promise,
    PING: Passive._on_ping,
    GOAWAY: Passive._on_goaway,
    WINDOW_UPDATE: Passive._on_window_update,
    CONTINUATION: Passive._on_fields,
}
