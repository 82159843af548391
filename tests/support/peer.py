"""A peer that is played by hand: it says exactly the frames a test names, right or wrong, and checks the answers.

    peer = Peer.of_server()                       # a client, by hand, facing a `Connection.server()`
    peer.sends(peer.headers(1, GET, end_stream=True))
    peer.expects("the request is malformed", rst_stream(1, ErrorCode.PROTOCOL_ERROR))

The reason comes first, as in Go's `wantFrame`. The peer has an HPACK encoder and decoder of its own. What it talks to
is a `Wire`: a `Connection` in memory (`EngineWire`) or a socket (`SocketWire`).
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from hpack_codec import Encoder, Field, FieldDecoder, FieldList, field_decoder
from http2.config import Config
from http2.connection import Connection
from http2.errors import ErrorCode
from http2.events import DataReceived, Event, HeadEvent
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
    PREFACE,
    RST_STREAM,
    SETTINGS,
    SETTINGS_ACK,
    STREAM_ID_MASK,
    WINDOW_UPDATE,
    build_frame,
    build_settings,
    parse_goaway,
    parse_rst_stream,
    parse_settings,
    parse_window_update,
    unpack_header,
)
from tests.support.pair import GET, OK, content_of


class Wire(Protocol):
    """Where the peer's octets go and the answers come from."""

    def send(self, data: bytes) -> None:
        """Give octets to the other end."""

    def receive(self) -> bytes:
        """Some octets from the other end; b"" when there are no more."""


class EngineWire:
    """A `Connection` in memory. Its events are kept in `events`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.events: list[Event] = []
        self.now = 0.0

    def send(self, data: bytes) -> None:
        self.events += self.connection.receive_data(data, self.now)

    def receive(self) -> bytes:
        data = b"".join(self.connection.data_to_send())
        self.events += self.connection.next_events()
        return data


class SocketWire:
    """A connected socket. It should have a timeout: what is expected and does not come is then an error."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def receive(self) -> bytes:
        return self.sock.recv(65_536)


@dataclass(frozen=True)
class Frame:
    """A frame as it came. Of a field block, `fields` is what it decodes to."""

    type: int
    flags: int
    stream_id: int
    payload: bytes
    fields: FieldList = ()


@dataclass(frozen=True)
class Matcher:
    """What a frame should be: in words, and as a check."""

    text: str
    check: Callable[[Frame], bool]


class Script:
    """The peer's half that needs no engine: builds frames, and cuts what comes into frames."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.encoder = Encoder()
        self.decoder: FieldDecoder = field_decoder()
        self.frames: list[Frame] = []
        self.all_frames: list[Frame] = []
        self._buffer = b""
        self._preface_left = 0
        self._fragments: list[Frame] = []

    # -- building ------------------------------------------------------------------------------------------------------

    def headers(
        self,
        stream_id: int,
        fields: Iterable[Field],
        *,
        end_stream: bool = False,
        fragment_bytes: int = 0,
        flags: int = 0,
        prefix: bytes = b"",
        suffix: bytes = b"",
    ) -> bytes:
        """HEADERS (and CONTINUATION, of `fragment_bytes` each); `prefix` and `suffix` are padding and priority."""
        block = self.encoder.encode(tuple(fields))
        flags |= END_STREAM if end_stream else 0
        if not fragment_bytes:
            return build_frame(HEADERS, flags | END_HEADERS, stream_id, prefix + block + suffix)
        parts = [block[i : i + fragment_bytes] for i in range(0, len(block), fragment_bytes)] + [b""]
        frames = [build_frame(HEADERS, flags, stream_id, parts[0])]
        frames += [build_frame(CONTINUATION, 0, stream_id, part) for part in parts[1:-1]]
        return b"".join(frames) + build_frame(CONTINUATION, END_HEADERS, stream_id)

    @staticmethod
    def data(stream_id: int, payload: bytes = b"", *, end_stream: bool = False, padding: int = -1) -> bytes:
        """DATA; with `padding` octets of padding when that is not negative."""
        flags = END_STREAM if end_stream else 0
        if padding >= 0:
            flags |= PADDED
            payload = bytes([padding]) + payload + bytes(padding)
        return build_frame(DATA, flags, stream_id, payload)

    # -- talking -------------------------------------------------------------------------------------------------------

    def sends(self, *frames: bytes) -> None:
        """Say these octets."""
        self.wire.send(b"".join(frames))

    def expects(self, reason: str, *matchers: Matcher) -> list[Frame]:
        """The next frames are these, in this order. More may follow. Returns them."""
        self._read(len(matchers))
        seen = self.frames[: len(matchers)]
        wanted = [matcher.text for matcher in matchers]
        assert len(seen) == len(matchers), f"{reason}: {wanted} wanted, only {seen} came"
        for matcher, frame in zip(matchers, seen, strict=True):
            assert matcher.check(frame), f"{reason}: {matcher.text} wanted, {frame} came (all: {self.frames})"
        del self.frames[: len(matchers)]
        return seen

    def expects_only(self, reason: str, *matchers: Matcher) -> list[Frame]:
        """As `expects`, and then nothing more."""
        frames = self.expects(reason, *matchers)
        self.expects_nothing(reason)
        return frames

    def expects_nothing(self, reason: str) -> None:
        """No frame is on its way. (In memory only: on a socket, send a PING and expect nothing but its answer.)"""
        self._read(1)
        assert not self.frames, f"{reason}: nothing wanted, {self.frames} came"

    def skip(self) -> list[Frame]:
        """Read what there is and forget it. (In memory only.)"""
        self._read(1 << 30)
        frames, self.frames = self.frames, []
        return frames

    def _read(self, count: int) -> None:
        while len(self.frames) < count:
            data = self.wire.receive()
            if not data:
                break
            self._feed(data)

    def _feed(self, data: bytes) -> None:
        buffer = self._buffer + data
        if self._preface_left:
            part = buffer[: self._preface_left]
            assert PREFACE[-self._preface_left :].startswith(part), f"{part!r} is not the preface"
            self._preface_left -= len(part)
            buffer = buffer[len(part) :]
        while len(buffer) >= 9:
            length_and_type, flags, stream_id = unpack_header(buffer)
            length = 9 + (length_and_type >> 8)
            if len(buffer) < length:
                break
            assert stream_id <= STREAM_ID_MASK, "FRM-04: the reserved bit is never set"
            self._add(Frame(length_and_type & 0xFF, flags, stream_id, bytes(buffer[9:length])))
            buffer = buffer[length:]
        self._buffer = buffer

    def _add(self, frame: Frame) -> None:
        if frame.type in (HEADERS, CONTINUATION):
            self._fragments.append(frame)
            if not frame.flags & END_HEADERS:
                return
            head = self._fragments[0]
            block = b"".join(part.payload for part in self._fragments)
            self._fragments = []
            frame = Frame(HEADERS, head.flags | END_HEADERS, head.stream_id, block, self.decoder.decode(block))
        allowed = _FLAGS.get(frame.type, 0)
        assert not frame.flags & ~allowed, f"FRM-04: undefined flags in {frame}"
        self.frames.append(frame)
        self.all_frames.append(frame)


_FLAGS = {DATA: END_STREAM, HEADERS: END_STREAM | END_HEADERS, SETTINGS: ACK, PING: ACK}


class Peer(Script):
    """A script that faces a `Connection` in memory."""

    def __init__(
        self, connection: Connection, *, settings: dict[int, int] | None = None, handshake: bool = True
    ) -> None:
        self.engine_wire = EngineWire(connection)
        super().__init__(self.engine_wire)
        self.connection = connection
        self.is_client = not connection.is_client
        self._preface_left = 0 if self.is_client else len(PREFACE)
        self._next_id = 1
        if handshake:
            self.sends(PREFACE if self.is_client else b"", build_settings(settings or {}), SETTINGS_ACK)
            self.skip()
            self.take_events()

    @classmethod
    def of_server(cls, config: Config | None = None, *, settings: dict[int, int] | None = None) -> Peer:
        """A client by hand; the server's SETTINGS are acknowledged."""
        return cls(Connection.server(config), settings=settings)

    @classmethod
    def of_client(cls, config: Config | None = None, *, settings: dict[int, int] | None = None) -> Peer:
        """A server by hand; the client's SETTINGS are acknowledged."""
        return cls(Connection.client(config), settings=settings)

    @property
    def now(self) -> float:
        """The time that the engine is told."""
        return self.engine_wire.now

    @now.setter
    def now(self, value: float) -> None:
        self.engine_wire.now = value

    def take_events(self) -> list[Event]:
        """The engine's events since the last time."""
        events = self.engine_wire.events + self.connection.next_events()
        self.engine_wire.events = []
        return events

    def opens(self, fields: Iterable[Field] = GET, *, end_stream: bool = False) -> int:
        """A stream that the client's side has opened, whoever plays it; what it caused is skipped."""
        if self.is_client:
            stream_id = self._next_id
            self._next_id += 2
            self.sends(self.headers(stream_id, fields, end_stream=end_stream))
        else:
            stream_id = self.connection.open_stream(tuple(fields), end_stream)
        self.skip()
        self.take_events()
        return stream_id

    def innocent_completes(self, reason: str) -> None:
        """A stream that did nothing wrong goes through from its first octet to its last, with a field in the table."""
        fields = GET + ((b"x-innocent", b"a value for the dynamic table"),)
        answer = OK + ((b"server", b"plait"),)
        self.skip()
        self.take_events()
        connection = self.connection
        if self.is_client:
            stream_id = max(self._next_id, connection.streams.last_peer_id + 1 | 1)
            self._next_id = stream_id + 2
            self.sends(self.headers(stream_id, fields, end_stream=True))
            events = self.take_events()
            assert [e.head.fields for e in events if isinstance(e, HeadEvent)] == [fields], f"{reason}: {events}"
            connection.send_headers(stream_id, answer)
            connection.send_data(stream_id, b"innocent", True)
            self.expects(reason, headers(stream_id, answer), data(stream_id, b"innocent", end_stream=True))
        else:
            stream_id = connection.open_stream(fields, True)
            self.expects(reason, headers(stream_id, fields, end_stream=True))
            self.sends(self.headers(stream_id, answer), self.data(stream_id, b"innocent", end_stream=True))
            events = self.take_events()
            assert content_of(events, stream_id) == b"innocent", f"{reason}: {events}"
            assert any(isinstance(e, DataReceived) and e.end_stream for e in events), f"{reason}: {events}"
            connection.consume(stream_id, 8)
        assert stream_id not in connection.streams.by_id, reason

    def connection_failed(self, reason: str, code: ErrorCode, last_stream_id: int, text: str, rule: str) -> None:
        """The connection has ended with one GOAWAY that says why, one last event, and says nothing afterwards."""
        frame = self.skip()[-1]
        assert frame.type == GOAWAY, f"{reason}: {frame}"
        goaways = [frame for frame in self.all_frames if frame.type == GOAWAY and parse_goaway(frame.payload)[1]]
        assert len(goaways) == 1, f"{reason}: {goaways}"
        last, error_code, debug_data = parse_goaway(frame.payload)
        assert (last, error_code) == (last_stream_id, code), f"{reason}: {frame}"
        termination = self.connection.termination
        assert termination is not None, reason
        assert (termination.error_code, termination.by_peer) == (code, False), f"{reason}: {termination}"
        assert text in termination.reason, f"{reason}: {termination}"
        assert termination.reason.endswith(f"({rule})"), f"{reason}: {termination}"
        assert debug_data.decode() == termination.reason, f"{reason}: the debug data is the reason"
        assert self.take_events()[-1:] == [termination], f"{reason}: the last event"
        self.sends(build_frame(PING, 0, 0, bytes(8)), b"garbage" * 10)
        self.expects_nothing(f"{reason}: nothing is read or said after GOAWAY")
        assert self.take_events() == [], f"{reason}: no event after the last"


# -- matchers ----------------------------------------------------------------------------------------------------------


def _matcher(text: str, frame_type: int, stream_id: int, check: Callable[[Frame], bool]) -> Matcher:
    return Matcher(text, lambda frame: frame.type == frame_type and frame.stream_id == stream_id and check(frame))


def headers(stream_id: int, fields: Iterable[Field] | None = None, *, end_stream: bool = False) -> Matcher:
    """A whole field block, with exactly these fields."""
    wanted = None if fields is None else tuple(fields)

    def check(frame: Frame) -> bool:
        return (wanted is None or frame.fields == wanted) and bool(frame.flags & END_STREAM) == end_stream

    return _matcher(f"HEADERS({stream_id}, {wanted}, end_stream={end_stream})", HEADERS, stream_id, check)


def data(stream_id: int, payload: bytes | None = None, *, end_stream: bool = False) -> Matcher:
    """DATA with exactly this payload."""

    def check(frame: Frame) -> bool:
        return payload in (None, frame.payload) and bool(frame.flags & END_STREAM) == end_stream

    return _matcher(f"DATA({stream_id}, {payload!r}, end_stream={end_stream})", DATA, stream_id, check)


def rst_stream(stream_id: int, error_code: int) -> Matcher:
    """RST_STREAM with this code."""
    text = f"RST_STREAM({stream_id}, {error_code!r})"
    return _matcher(text, RST_STREAM, stream_id, lambda frame: parse_rst_stream(frame.payload) == error_code)


def settings(entries: dict[int, int]) -> Matcher:
    """SETTINGS with exactly these entries."""

    def check(frame: Frame) -> bool:
        return not frame.flags & ACK and parse_settings(frame.payload) == list(entries.items())

    return _matcher(f"SETTINGS({entries})", SETTINGS, 0, check)


def settings_ack() -> Matcher:
    """The acknowledgement of SETTINGS."""
    return _matcher("SETTINGS ACK", SETTINGS, 0, lambda frame: frame.flags == ACK and not frame.payload)


def ping(payload: bytes) -> Matcher:
    """A PING that wants an answer."""
    return _matcher(f"PING({payload!r})", PING, 0, lambda frame: frame.flags == 0 and frame.payload == payload)


def ping_ack(payload: bytes) -> Matcher:
    """The answer to a PING."""
    return _matcher(f"PING ACK({payload!r})", PING, 0, lambda frame: frame.flags == ACK and frame.payload == payload)


def goaway(last_stream_id: int, error_code: int, debug_text: str | None = None) -> Matcher:
    """GOAWAY with this last stream id and code, and this debug data if it is given."""

    def check(frame: Frame) -> bool:
        *numbers, debug_data = parse_goaway(frame.payload)
        return numbers == [last_stream_id, error_code] and debug_text in (None, debug_data.decode())

    return _matcher(f"GOAWAY({last_stream_id}, {error_code!r}, {debug_text!r})", GOAWAY, 0, check)


def window_update(stream_id: int, increment: int) -> Matcher:
    """WINDOW_UPDATE of exactly this increment."""
    text = f"WINDOW_UPDATE({stream_id}, {increment})"
    return _matcher(text, WINDOW_UPDATE, stream_id, lambda frame: parse_window_update(frame.payload) == increment)
