"""What each frame does when it arrives (RFC 9113 §6), one function per type, in the RFC's order.

Every handler gets the connection, the flags, the stream identifier and the whole payload. It appends events and output,
or raises the `StreamError` or `errors.ConnectionError` that the RFC prescribes; who calls it turns those into frames.
Each checks everything before it changes anything, but for two things that must happen whatever becomes of the frame:
DATA counts against the connection's window (§6.9), and every field block is decoded (§4.3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hpack_codec import FieldListTooLarge, HpackError
from http2 import errors
from http2.errors import ErrorCode, StreamError
from http2.events import (
    DataReceived,
    GoAwayReceived,
    HeadEvent,
    InformationalReceived,
    PingReceived,
    RequestReceived,
    ResponseReceived,
    SettingsReceived,
    StreamReset,
    TrailersReceived,
)
from http2.frames import (
    ACK,
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    PADDED,
    PRIORITY_FLAG,
    SETTINGS_ACK,
    build_ping,
    check_ping,
    check_priority,
    parse_goaway,
    parse_headers,
    parse_rst_stream,
    parse_settings,
    parse_window_update,
    remove_padding,
)
from http2.going_away import peer_goes_away
from http2.messages import INFORMATIONAL, KIND_NAMES, REQUEST, RESPONSE, TRAILERS, Head, MalformedMessage
from http2.settings import check_entries
from http2.settings_synchronization import apply_peer_settings, settings_acknowledged
from http2.stream import CONTENT, HEAD_DUE, OVER, Stream
from http2.stream_states import (
    CLOSED_ENDED,
    CONNECTION_STREAM_CLOSED,
    DATA,
    DATA_END,
    HALF_CLOSED_LOCAL,
    HEADERS,
    HEADERS_END,
    IDLE,
    IGNORE,
    INPUT_NAMES,
    RECEIVED,
    RST_STREAM,
    STATE_NAMES,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    is_closed,
)
from http2.windows import grown, receive_in_both

if TYPE_CHECKING:
    from http2.connection import Connection


def _verdict(stream_id: int, state: int, frame: int) -> None:
    """Raise the error for a frame that `stream_states.RECEIVED` gives a verdict on; return when it is to be ignored."""
    verdict = RECEIVED[state][frame]
    if verdict == IGNORE:
        return
    message = f"{INPUT_NAMES[frame]} on stream {stream_id}, which is {STATE_NAMES[state]}"
    if verdict == STREAM_CLOSED:
        raise StreamError(stream_id, ErrorCode.STREAM_CLOSED, message, "RFC 9113 §5.1")
    code = ErrorCode.STREAM_CLOSED if verdict == CONNECTION_STREAM_CLOSED else ErrorCode.PROTOCOL_ERROR
    raise errors.ConnectionError(code, message, "RFC 9113 §5.1")


def _require_stream(stream_id: int, name: str, rule: str) -> None:
    if stream_id == 0:
        raise errors.ConnectionError(ErrorCode.PROTOCOL_ERROR, f"{name} on stream 0", rule)


def _require_connection(stream_id: int, name: str, rule: str) -> None:
    if stream_id != 0:
        raise errors.ConnectionError(
            ErrorCode.PROTOCOL_ERROR, f"{name} on stream {stream_id}; it belongs on stream 0", rule
        )


def _malformed(stream: Stream, message: str, rule: str = "RFC 9113 §8.1.1") -> StreamError:
    return StreamError(stream.id, ErrorCode.PROTOCOL_ERROR, f"malformed message on stream {stream.id}: {message}", rule)


# -- DATA (§6.1) -------------------------------------------------------------------------------------------------------


def on_data(c: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """Content of a message. Padding counts against the windows (§6.9.1) and is given back at once."""
    length = len(payload)
    end_stream = flags & END_STREAM
    frame = DATA_END if end_stream else DATA
    stream = c.streams.by_id.get(stream_id)
    if stream is None or (state := RECEIVED[stream.state][frame]) < 0:
        return _on_stray_data(c, stream_id, stream, frame, length)
    if not receive_in_both(c.receive_window, stream, length):
        _discard(c, length)
        raise StreamError(
            stream_id,
            ErrorCode.FLOW_CONTROL_ERROR,
            f"DATA of {length} octets; the window of stream {stream_id} has {stream.available}",
            "RFC 9113 §6.9.1",
        )
    if flags & PADDED:
        payload = remove_padding(payload, "DATA", "RFC 9113 §6.1")
        c.consume(stream_id, length - len(payload))
        length = len(payload)
    if stream.receive_phase != CONTENT:
        raise _malformed(stream, "DATA before the head", "RFC 9113 §8.1")
    if stream.content_left >= 0:
        left = stream.content_left - length
        if left < 0 or (end_stream and left):
            raise _malformed(stream, f"its content is {'longer' if left < 0 else 'shorter'} than content-length says")
        stream.content_left = left
    if end_stream:
        c.messages_received += 1
        stream.receive_phase = OVER
        c.events.append(DataReceived(stream_id, payload, True))
        stream.state = state
        if state >= CLOSED_ENDED:
            c.stream_closed(stream)
    elif length:
        c.messages_received += 1
        c.events.append(DataReceived(stream_id, payload, False))
    else:
        c.spend_idle()
    return None


def _discard(c: Connection, length: int) -> None:
    """DATA that nobody takes counts against the connection's window like any other, and its credit goes back."""
    if not c.receive_window.receive(length):
        raise over_window(c, length)
    c.return_credit(length)


def over_window(c: Connection, length: int) -> errors.ConnectionError:
    """§6.9.1: more DATA than the connection's window has room for."""
    return errors.ConnectionError(
        ErrorCode.FLOW_CONTROL_ERROR,
        f"DATA of {length} octets; the connection's window has {c.receive_window.available}",
        "RFC 9113 §6.9.1",
    )


def _on_stray_data(c: Connection, stream_id: int, stream: Stream | None, frame: int, length: int) -> None:
    """DATA that its stream cannot take, or for a stream that is gone. It is thrown away, so its credit goes back."""
    _discard(c, length)
    _require_stream(stream_id, "DATA", "RFC 9113 §6.1")
    if not length:
        c.spend_idle()  # others cost the peer more than us, and many may be in flight when we reset a stream
    _verdict(stream_id, c.streams.state_of(stream_id) if stream is None else stream.state, frame)


# -- HEADERS (§6.2) ----------------------------------------------------------------------------------------------------


def on_headers(c: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """A field section, whole or its first fragment."""
    if flags & (PADDED | PRIORITY_FLAG):
        payload = parse_headers(flags, payload)
    if not stream_id:
        _require_stream(stream_id, "HEADERS", "RFC 9113 §6.2")
    if len(payload) > c.config.field_block_bytes_max:
        raise endless_block(c, len(payload), 0)
    if flags & END_HEADERS:
        _on_field_block(c, stream_id, payload, flags & END_STREAM)
    else:
        c.open_block = OpenBlock(stream_id, payload, flags & END_STREAM)
        c.gate = continuation_gate


def _on_field_block(c: Connection, stream_id: int, block: bytes, end_stream: int) -> None:
    """A whole field block: decode it in every case, then see to whom it belongs."""
    head: Head | None = None
    fault: MalformedMessage | FieldListTooLarge | None = None
    try:
        head = c.decoder.decode(block)
    except HpackError as error:
        raise errors.ConnectionError(ErrorCode.COMPRESSION_ERROR, str(error), error.rule)
    except (MalformedMessage, FieldListTooLarge) as unusable:
        fault = unusable
    frame = HEADERS_END if end_stream else HEADERS
    streams = c.streams
    stream = streams.by_id.get(stream_id)
    if stream is None and stream_id > streams.last_peer_id and stream_id & 1 and not c.is_client:
        state = IDLE
        if stream_id > streams.goaway_id:
            streams.last_peer_id = stream_id  # §6.8: what is above the last stream id of our GOAWAY is ignored
            return c.spend_idle()
        stream = c.open_peer_stream(stream_id)
    else:
        state = streams.state_of(stream_id) if stream is None else stream.state
        if state == IDLE:
            raise _not_opened(stream_id, c.is_client)
    new_state = RECEIVED[state][frame]
    if stream is None or new_state < 0:
        c.spend_idle()
        return _verdict(stream_id, state, frame)
    if head is None:
        assert fault is not None
        raise _head_error(stream, fault)
    if not c.is_client and streams.peer_open > c.local.concurrent_streams_max and stream.receive_phase == HEAD_DUE:
        raise StreamError(
            stream_id,
            ErrorCode.REFUSED_STREAM,
            f"SETTINGS_MAX_CONCURRENT_STREAMS is {c.local.concurrent_streams_max}; stream {stream_id} is one too many",
            "RFC 9113 §5.1.2",
        )
    if c.is_client:
        event = _on_response_side(stream, head, end_stream, c.config.informational_max)
    else:
        event = _on_request_side(stream, head, end_stream)
    if end_stream:
        if stream.content_left > 0:
            raise _malformed(stream, f"it ends {stream.content_left} octets short of its content-length")
        stream.receive_phase = OVER
    c.messages_received += 1
    c.events.append(event)
    stream.state = new_state
    if new_state >= CLOSED_ENDED:
        c.stream_closed(stream)


def _not_opened(stream_id: int, is_client: bool) -> errors.ConnectionError:
    """§5.1.1: HEADERS on a stream that its sender may not open."""
    message = (
        f"HEADERS on stream {stream_id}, which the client has not opened"
        if is_client
        else f"HEADERS on stream {stream_id}; streams that a client opens have odd identifiers"
    )
    return errors.ConnectionError(ErrorCode.PROTOCOL_ERROR, message, "RFC 9113 §5.1.1")


def _head_error(stream: Stream, fault: MalformedMessage | FieldListTooLarge) -> StreamError:
    """The stream error for a field list that cannot be used, with the status a server answers (§8.2.1, RFC 6585 §5)."""
    if isinstance(fault, MalformedMessage):
        error = _malformed(stream, str(fault), fault.rule)
        error.answer_status = fault.status
        return error
    # §10.5.1: nothing is wrong with the list but its size, and what an endpoint does about that is left to it.
    return StreamError(stream.id, ErrorCode.ENHANCE_YOUR_CALM, str(fault), fault.rule, answer_status=431)


def _on_request_side(stream: Stream, head: Head, end_stream: int) -> HeadEvent:
    """A head that a server receives: the request, then perhaps trailers (§8.1)."""
    if stream.receive_phase == HEAD_DUE:
        if head.kind != REQUEST:
            raise _malformed(stream, f"{KIND_NAMES[head.kind]} where a request is due", "RFC 9113 §8.3.1")
        stream.receive_phase = CONTENT
        stream.content_left = head.content_length
        stream.is_head = head.method == b"HEAD"
        stream.is_connect = head.method == b"CONNECT"
        return RequestReceived(stream.id, head, bool(end_stream))
    return _on_trailers(stream, head, end_stream)


def _on_response_side(stream: Stream, head: Head, end_stream: int, informational_max: int) -> HeadEvent:
    """A head that a client receives: any number of 1xx, the response, then perhaps trailers (§8.1)."""
    if stream.receive_phase != HEAD_DUE:
        return _on_trailers(stream, head, end_stream)
    if head.kind == RESPONSE:
        stream.receive_phase = CONTENT
        stream.content_left = head.content_length
        if stream.is_head or head.status in (204, 304):
            stream.content_left = 0  # RFC 9110 §6.4.1: these have no content, whatever content-length says
        if stream.is_connect:
            stream.is_connect = head.status // 100 == 2  # else there is no tunnel
            if stream.is_connect:
                stream.content_left = -1  # RFC 9110 §9.3.6: "A client MUST ignore any Content-Length [...] fields"
        return ResponseReceived(stream.id, head, bool(end_stream))
    if head.kind != INFORMATIONAL:
        raise _malformed(stream, f"{KIND_NAMES[head.kind]} where a response is due", "RFC 9113 §8.3.2")
    if end_stream:
        raise _malformed(stream, "an informational response with END_STREAM", "RFC 9113 §8.1")
    stream.informational_count += 1
    if stream.informational_count > informational_max:
        raise StreamError(
            stream.id,
            ErrorCode.ENHANCE_YOUR_CALM,
            f"more than {informational_max} informational responses on stream {stream.id}",
            "RFC 9113 §10.5",
        )
    return InformationalReceived(stream.id, head, False)


def _on_trailers(stream: Stream, head: Head, end_stream: int) -> HeadEvent:
    if head.kind != TRAILERS:
        raise _malformed(stream, f"{KIND_NAMES[head.kind]} where only trailers may follow", "RFC 9113 §8.1")
    if not end_stream:
        raise _malformed(stream, "trailers without END_STREAM", "RFC 9113 §8.1")
    if stream.is_connect:
        raise _malformed(stream, "trailers on a tunnel", "RFC 9113 §8.5")
    return TrailersReceived(stream.id, head, True)


# -- PRIORITY (§6.3) ---------------------------------------------------------------------------------------------------


def on_priority(c: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """Deprecated (§5.3.2): checked for its length, then ignored in every state."""
    _require_stream(stream_id, "PRIORITY", "RFC 9113 §6.3")
    c.spend_idle()
    check_priority(stream_id, payload)


# -- RST_STREAM (§6.4) -------------------------------------------------------------------------------------------------


def on_rst_stream(c: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """The peer ends a stream before its time. It is never answered (§5.4.2)."""
    error_code = parse_rst_stream(payload)
    _require_stream(stream_id, "RST_STREAM", "RFC 9113 §6.4")
    stream = c.streams.by_id.get(stream_id)
    if stream is None or is_closed(stream.state):
        c.spend_idle()
        return _verdict(stream_id, c.streams.state_of(stream_id) if stream is None else stream.state, RST_STREAM)
    if stream.state == IDLE:
        return _verdict(stream_id, IDLE, RST_STREAM)
    c.events.append(
        StreamReset(stream_id, error_code, True, unprocessed=c.is_client and error_code == ErrorCode.REFUSED_STREAM)
    )
    if not c.is_client and stream.state != HALF_CLOSED_LOCAL:  # there the answer is complete, nothing was in vain
        c.guard.spend_reset(c.now, c.streams.completed)
    stream.state = RECEIVED[stream.state][RST_STREAM]
    c.stream_closed(stream)


# -- SETTINGS (§6.5) ---------------------------------------------------------------------------------------------------


def on_settings(c: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """The peer's settings, applied and acknowledged at once; or its acknowledgement of ours."""
    _require_connection(stream_id, "SETTINGS", "RFC 9113 §6.5")
    c.spend_idle()  # a SETTINGS frame is rare in a connection that works
    if flags & ACK:
        if payload:
            raise errors.ConnectionError(
                ErrorCode.FRAME_SIZE_ERROR, f"SETTINGS acknowledgement with {len(payload)} octets", "RFC 9113 §6.5"
            )
        return settings_acknowledged(c)
    entries = parse_settings(payload)
    check_entries(entries, from_server=c.is_client)
    if len(entries) > c.config.settings_entries_max:
        c.spend_idle(len(entries) - c.config.settings_entries_max)
    apply_peer_settings(c, entries)
    c.emit_control(SETTINGS_ACK)
    c.events.append(SettingsReceived(entries))


# -- PUSH_PROMISE (§6.6) -----------------------------------------------------------------------------------------------


def on_push_promise(c: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """Always an error: a client of ours says ENABLE_PUSH=0, and a client must not push (§8.4)."""
    message = "PUSH_PROMISE, although SETTINGS_ENABLE_PUSH is 0" if c.is_client else "PUSH_PROMISE from a client"
    raise errors.ConnectionError(ErrorCode.PROTOCOL_ERROR, message, "RFC 9113 §6.6" if c.is_client else "RFC 9113 §8.4")


# -- PING (§6.7) -------------------------------------------------------------------------------------------------------


def on_ping(c: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """Answer at once with the same octets, before any DATA that waits."""
    _require_connection(stream_id, "PING", "RFC 9113 §6.7")
    check_ping(payload)
    if flags & ACK:
        return c.ping_acknowledged(payload)
    c.spend_idle()
    c.emit_control(build_ping(payload, ack=True))
    c.events.append(PingReceived(payload))


# -- GOAWAY (§6.8) -----------------------------------------------------------------------------------------------------


def on_goaway(c: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """The peer takes no more streams: ours above its last stream id were not processed."""
    _require_connection(stream_id, "GOAWAY", "RFC 9113 §6.8")
    last_stream_id, error_code, debug_data = parse_goaway(payload)
    c.spend_idle()
    c.events.append(GoAwayReceived(last_stream_id, error_code, debug_data))
    peer_goes_away(c, last_stream_id, error_code, debug_data)


# -- WINDOW_UPDATE (§6.9) ----------------------------------------------------------------------------------------------


def on_window_update(c: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """The peer has consumed: we may send more, on one stream or on all."""
    increment = parse_window_update(payload)
    c.spend_idle()
    if stream_id == 0:
        c.send_window = grown(c.send_window, increment, 0)
        return
    stream = c.streams.by_id.get(stream_id)
    state = c.streams.state_of(stream_id) if stream is None else stream.state
    if stream is None or RECEIVED[state][WINDOW_UPDATE] < 0:
        return _verdict(stream_id, state, WINDOW_UPDATE)
    stream.send_window = grown(stream.send_window, increment, stream_id)
    if stream.queued_bytes and stream.send_window > 0:
        c.scheduler.add(stream)


# -- CONTINUATION (§6.10) ----------------------------------------------------------------------------------------------


class OpenBlock:
    """A field block whose end has not come (§4.3)."""

    __slots__ = ("end_stream", "fragments", "length", "stream_id")

    def __init__(self, stream_id: int, fragment: bytes, end_stream: int) -> None:
        self.stream_id = stream_id
        self.end_stream = end_stream
        self.fragments = [fragment]
        self.length = len(fragment)


def continuation_gate(c: Connection, length_and_type: int, flags: int, stream_id: int) -> None:
    """§6.10: a field block must be followed by its CONTINUATION frames and nothing else, not even an unknown frame."""
    assert c.open_block is not None
    if length_and_type & 0xFF != CONTINUATION or stream_id != c.open_block.stream_id:
        raise errors.ConnectionError(
            ErrorCode.PROTOCOL_ERROR,
            f"a frame of type {length_and_type & 0xFF:#x} on stream {stream_id} inside the field block of stream"
            f" {c.open_block.stream_id}; only its CONTINUATION may come",
            "RFC 9113 §6.10",
        )


def on_continuation(c: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """The next fragment of a field block, bounded in number and in size."""
    block = c.open_block
    if block is None:
        raise errors.ConnectionError(
            ErrorCode.PROTOCOL_ERROR,
            f"CONTINUATION on stream {stream_id} without an open field block",
            "RFC 9113 §6.10",
        )
    block.fragments.append(payload)
    block.length += len(payload)
    count = len(block.fragments) - 1
    if block.length > c.config.field_block_bytes_max or count > c.config.continuation_frames_max:
        raise endless_block(c, block.length, count)
    if flags & END_HEADERS:
        c.open_block = None
        c.gate = None
        _on_field_block(c, stream_id, b"".join(block.fragments), block.end_stream)


def endless_block(c: Connection, length: int, count: int) -> errors.ConnectionError:
    """§10.5.1: a field block over the limits, in its first frame (count 0) and so many that continue it."""
    return errors.ConnectionError(
        ErrorCode.ENHANCE_YOUR_CALM,
        f"a field block of {length} octets in {count} CONTINUATION frames; allowed are"
        f" {c.config.field_block_bytes_max} in {c.config.continuation_frames_max}",
        "RFC 9113 §10.5.1",
    )


# -- everything else (§4.1, §5.5) --------------------------------------------------------------------------------------


def on_unknown(c: Connection, flags: int, stream_id: int, payload: bytes) -> None:
    """§5.5: "Implementations MUST ignore unknown or unsupported values in all extensible protocol elements." """
    c.spend_idle()


Handler = Callable[["Connection", int, int, bytes], None]

HANDLERS: tuple[Handler, ...] = (
    on_data,
    on_headers,
    on_priority,
    on_rst_stream,
    on_settings,
    on_push_promise,
    on_ping,
    on_goaway,
    on_window_update,
    on_continuation,
) + (on_unknown,) * 246
