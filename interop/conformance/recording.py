"""Everything that passes on one connection, as the tester sees it: the frames of both directions, and what they make.

`Recording` is fed with octets, those that were sent (`note_sent`) and the frames of those that came (`frames_in`,
`note_received`). It keeps every frame with its decoded fields, in the order in which the tester sent and read them,
makes an `Exchange` of each stream, and shows all of it to the rules that hold at all times (`checks.Passive`). Frames
that were sent are found in the octets, however those were built: so it is known what a hand-written frame did.

It says nothing by itself; that is `tester.Tester`, which is a recording that also speaks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from hpack_codec import FieldDecoder, FieldList, FieldListTooLarge, HpackError, field_decoder
from http2.errors import ErrorCode
from http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY_FLAG,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM_ID_MASK,
)
from http2.settings import HEADER_TABLE_SIZE, MAX_FRAME_SIZE_ID
from interop.conformance.checks import Passive, Violation, settings_entries
from interop.conformance.exchange import Exchange
from interop.conformance.model import Role
from interop.conformance.script import Frame, Raw, Ref, Spec, StreamId
from interop.conformance.wire import RAW, FrameCutter, WireFrame, show

_LIMIT = 1 << 24


class Phase(Enum):
    """The parts of a run, in their order. The value says what the frames of each are for."""

    HANDSHAKE = "the handshake"
    SCRIPT = "the case"
    BARRIER = "a PING behind it, so that all of it has been read"
    PROBE = "another request on the same connection"


@dataclass(frozen=True)
class Notes:
    """What is known of the frames of a recording, by their places in it."""

    phases: tuple[tuple[int, Phase], ...] = ()
    """Where each part of the run begins."""

    stimulus: frozenset[int] = field(default_factory=frozenset)
    """What the script sent by itself, not to open or to end an exchange."""

    broken: tuple[tuple[int, Violation], ...] = ()
    """The frames that broke a rule in passing."""


class Recording:
    """What passed. `role` is the role of the other end, whom is tested."""

    def __init__(self, role: Role) -> None:
        self.role = role
        self.frames: list[WireFrame] = []
        self.phases: list[tuple[int, Phase]] = []
        self.stimulus: set[int] = set()
        self.broken: list[tuple[int, Violation]] = []
        self.exchanges: list[Exchange] = []  # in the order in which their requests began
        self.by_id: dict[int, Exchange] = {}
        self.passive = Passive(role)
        self.foreign = ""  # what came is not HTTP/2
        self.foreign_status = 0  # of an answer in HTTP/1
        self.error_goaway: WireFrame | None = None
        self.goaways: list[WireFrame] = []
        self.settings_received = 0
        self.settings_unacked = 0  # of ours
        self.pings_unanswered: list[bytes] = []  # payloads of ours
        self.peer_settings: dict[int, int] = {}
        self._received = FrameCutter(is_sent=False)
        self._sent = FrameCutter(is_sent=True)
        self._sent_preface_left = len(PREFACE) if role is Role.SERVER else 0
        self._preface_left = PREFACE if role is Role.CLIENT else b""
        self._blocks: dict[bool, list[WireFrame]] = {True: [], False: []}
        self._decoders: dict[bool, FieldDecoder | None] = {sent: _decoder() for sent in (True, False)}
        decoder = self._decoders[True]
        assert decoder is not None
        decoder.set_table_bytes_max(_LIMIT)  # what the other end allows is its business, and its table's

    def enter(self, phase: Phase) -> None:
        """What passes from here on belongs to this part of the run."""
        self.phases.append((len(self.frames), phase))

    def notes(self) -> Notes:
        """What is known of `frames` so far."""
        return Notes(tuple(self.phases), frozenset(self.stimulus), tuple(self.broken))

    # -- what was sent -------------------------------------------------------------------------------------------------

    def note_sent(self, spec: Spec, octets: bytes) -> None:
        """These octets leave, which `spec` has built."""
        if isinstance(spec, Frame) and spec.length is not None:
            stream_id = int.from_bytes(octets[5:9], "big") & STREAM_ID_MASK
            length = int.from_bytes(octets[:3], "big")
            lie = WireFrame(True, spec.type, spec.flags, stream_id, octets[9:], spec.reserved, length)
            self.frames.append(lie)  # what follows it, only the other end can tell
            return
        if isinstance(spec, Raw):
            self.frames.append(WireFrame(True, RAW, 0, 0, octets, length=len(octets)))
        if self._sent_preface_left:
            dropped = octets[: self._sent_preface_left]
            self._sent_preface_left -= len(dropped)
            octets = octets[len(dropped) :]
        for frame in self._sent.feed(octets):
            self._note_sent_frame(self._with_fields(frame))

    def _note_sent_frame(self, frame: WireFrame) -> None:
        self.frames.append(frame)
        self.passive.sent(frame)
        if frame.type == SETTINGS and not frame.is_ack and frame.stream_id == 0 and len(frame.payload) % 6 == 0:
            self.settings_unacked += 1
        elif frame.type == PING and not frame.is_ack and frame.stream_id == 0 and len(frame.payload) == 8:
            self.pings_unanswered.append(frame.payload)
        elif frame.type == HEADERS and frame.stream_id:
            self._note_sent_head(frame)
        elif frame.type == CONTINUATION and frame.fields is not None and frame.stream_id in self.by_id:
            self._note_method(self.by_id[frame.stream_id], frame.fields)
            self._note_status(self.by_id[frame.stream_id], frame.fields)
        elif frame.type == PUSH_PROMISE and len(frame.payload) >= 4:
            promised = frame.uint32() & STREAM_ID_MASK
            self.by_id.setdefault(promised, Exchange(promised))
        exchange = self.by_id.get(frame.stream_id)
        if exchange is not None:
            if frame.type == DATA and not exchange.sent_end:
                exchange.content_sent += frame.content()
            exchange.sent_end = exchange.sent_end or frame.ends_stream
            if frame.type == RST_STREAM and exchange.sent_reset is None:
                exchange.sent_reset = frame.uint32()

    def _note_sent_head(self, frame: WireFrame) -> None:
        exchange = self.by_id.get(frame.stream_id)
        if exchange is None and self.role is Role.SERVER and frame.stream_id & 1:
            exchange = self._new_exchange(frame.stream_id)
        if exchange is not None and (self.role is Role.SERVER or not _is_informational(frame.fields)):
            exchange.sent_head = True
            if frame.fields is not None:
                self._note_method(exchange, frame.fields)
                self._note_status(exchange, frame.fields)

    def _note_method(self, exchange: Exchange, fields: Iterable[tuple[bytes, bytes]]) -> None:
        exchange.method = exchange.method or dict(fields).get(b":method", b"")

    def _note_status(self, exchange: Exchange, fields: Iterable[tuple[bytes, bytes]]) -> None:
        status = dict(fields).get(b":status", b"")
        is_final = status.isdigit() and not status.startswith(b"1")
        exchange.sent_status = exchange.sent_status or (int(status) if is_final else 0)

    def _new_exchange(self, stream_id: int) -> Exchange:
        exchange = Exchange(stream_id)
        self.exchanges.append(exchange)
        self.by_id[stream_id] = exchange
        return exchange

    # -- what came -----------------------------------------------------------------------------------------------------

    def frames_in(self, octets: bytes) -> list[WireFrame]:
        """The frames that are complete with these octets; none where they show that it is not HTTP/2 (`foreign`)."""
        if self._preface_left:
            part = octets[: len(self._preface_left)]
            if not self._preface_left.startswith(part):
                self.foreign = f"the connection begins with {show(octets)} instead of the preface"
                return []
            self._preface_left = self._preface_left[len(part) :]
            octets = octets[len(part) :]
        if not self.frames_received and (self._received.buffer + octets[:5])[:5] == b"HTTP/":
            self._received.buffer += octets
            line = bytes(self._received.buffer[:80]).partition(b"\r\n")[0]
            self.foreign = f"the other end speaks HTTP/1: {show(line)}"
            status = line[9:12]
            self.foreign_status = int(status) if status.isdigit() else 0
            return []
        return self._received.feed(octets)

    def note_received(self, frame: WireFrame) -> None:
        """A frame has come: one of `frames_in`, in their order."""
        known = len(self.passive.violations)
        frame = self._with_fields(frame)
        self.frames.append(frame)
        self.passive.received(frame)
        self.broken += [(len(self.frames) - 1, violation) for violation in self.passive.violations[known:]]
        if frame.type == SETTINGS:
            self._note_settings(frame)
        elif frame.type == PING:
            if frame.is_ack and frame.payload in self.pings_unanswered:
                self.pings_unanswered.remove(frame.payload)
        elif frame.type == GOAWAY and len(frame.payload) >= 8:
            self.goaways.append(frame)
            if frame.uint32(4) != ErrorCode.NO_ERROR and self.error_goaway is None:
                self.error_goaway = frame
        elif frame.fields is not None and frame.type != PUSH_PROMISE:
            self._note_head(frame, frame.fields)
        exchange = self.by_id.get(frame.stream_id)
        if exchange is None:
            return
        if frame.type == DATA:
            exchange.content += frame.content()
            exchange.ended = exchange.ended or frame.ends_stream
        elif frame.type == RST_STREAM and exchange.reset_code is None:
            exchange.reset_code = frame.uint32()

    def _note_settings(self, frame: WireFrame) -> None:
        if not frame.is_ack:
            self.settings_received += 1
            self.peer_settings.update(settings_entries(frame.payload))
            return
        self.settings_unacked = max(0, self.settings_unacked - 1)
        decoder = self._decoders[False]
        acknowledged = self.passive.acknowledged
        if decoder is not None and HEADER_TABLE_SIZE in acknowledged:
            decoder.set_table_bytes_max(acknowledged[HEADER_TABLE_SIZE])

    def _note_head(self, frame: WireFrame, fields: FieldList) -> None:
        exchange = self.by_id.get(frame.stream_id)
        if exchange is None:
            if self.role is Role.SERVER:
                return
            exchange = self._new_exchange(frame.stream_id)
        exchange.heads.append(fields)
        self._note_method(exchange, fields)
        exchange.ended = exchange.ended or self.passive.has_ended(frame.stream_id)

    # -- what is known by it -------------------------------------------------------------------------------------------

    @property
    def frames_received(self) -> int:
        """How many frames have come."""
        return self.passive.frames

    def exchange(self, stream: StreamId) -> Exchange | None:
        """The exchange on a stream, if it has begun."""
        if isinstance(stream, int) or stream.kind == "even":
            return self.by_id.get(self.stream_id(stream))
        if stream.kind != "begun" or not -len(self.exchanges) <= stream.number < len(self.exchanges):
            return None
        return self.exchanges[stream.number]

    def stream_id(self, stream: StreamId) -> int:
        """The number of a stream. Raises LookupError for one that has not begun."""
        if isinstance(stream, int):
            return stream
        return self._number_of(stream)

    def _number_of(self, ref: Ref) -> int:
        if ref.kind == "even":
            return 2 + 2 * ref.number
        if ref.kind == "idle":
            highest = max((stream_id for stream_id in self.by_id if stream_id & 1), default=-1)
            return highest + 2 + 2 * ref.number
        exchange = self.exchange(ref)
        if exchange is None:
            raise LookupError(f"the script names {ref}, and only {len(self.exchanges)} streams have begun")
        return exchange.stream_id

    def setting(self, identifier: int, initial: int) -> int:
        """What whom is tested has announced; `initial` where it has not."""
        return self.peer_settings.get(identifier, initial)

    @property
    def frame_bytes_max(self) -> int:
        """The SETTINGS_MAX_FRAME_SIZE of whom is tested."""
        return self.setting(MAX_FRAME_SIZE_ID, 16_384)

    def room(self, stream_id: int) -> int:
        """What both windows of whom is tested allow us to send on a stream; on 0, the connection's window."""
        return self.passive.room(stream_id)

    # -- field blocks --------------------------------------------------------------------------------------------------

    def _with_fields(self, frame: WireFrame) -> WireFrame:
        """The frame, with the fields of the block that it ends. Blocks are decoded in order, both ways (§4.3)."""
        if frame.type not in (HEADERS, CONTINUATION, PUSH_PROMISE):
            return frame
        fragments = self._blocks[frame.is_sent]
        if frame.type != CONTINUATION:
            fragments.clear()
        fragments.append(frame)
        decoder = self._decoders[frame.is_sent]
        if not frame.flags & END_HEADERS or decoder is None:
            return frame
        block = b"".join(_fragment(part) for part in fragments)
        fragments.clear()
        try:
            return replace(frame, fields=decoder.decode(block))
        except FieldListTooLarge:
            return frame
        except HpackError as error:
            self._decoders[frame.is_sent] = None
            if not frame.is_sent:
                self.passive.fault("HPK", f"a field block cannot be decoded: {error} ({error.rule})")
            return frame


def _decoder() -> FieldDecoder:
    return field_decoder(list_bytes_max=_LIMIT, fields_max=_LIMIT, string_bytes_max=_LIMIT)


def _fragment(frame: WireFrame) -> bytes:
    """The part of a field block that a frame carries; b"" where its padding or priority is wrong."""
    payload = frame.payload
    if frame.type == CONTINUATION:
        return payload
    if frame.flags & PADDED and payload:
        payload = payload[1 : max(1, len(payload) - payload[0])]
    if frame.type == HEADERS and frame.flags & PRIORITY_FLAG:
        payload = payload[5:]
    return payload[4:] if frame.type == PUSH_PROMISE else payload


def _is_informational(fields: FieldList | None) -> bool:
    return fields is not None and dict(fields).get(b":status", b"").startswith(b"1")
