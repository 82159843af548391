"""The test peer, without I/O: says what a case tells it to, behaves otherwise, and keeps what it saw.

    tester = Tester(Role.SERVER, target, Behaviour())     # it is a client, then
    tester.start()                                        # preface, SETTINGS
    transport.write(tester.take_output())
    tester.receive(octets)                                # frames are kept, answers are in the output
    tester.send(ping(b"12345678"))
    tester.is_met(Await(What.PONG)), tester.is_over

It acknowledges SETTINGS, answers PING and gives windows back as its `Behaviour` says. Every frame of both directions is
kept in `frames`, with its decoded fields; the frames it sent are found in the octets it sent, so that it knows what a
hand-written frame did. `Exchange` is one stream: what was sent, what came. The rules that hold at all times are watched
by `checks.Passive`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

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
from http2.settings import ENABLE_PUSH, HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE_ID
from interop.conformance.checks import Passive, settings_entries
from interop.conformance.model import Await, Begin, Behaviour, Role, What
from interop.conformance.script import (
    GET,
    OK,
    POST,
    Frame,
    Raw,
    Ref,
    Spec,
    StreamId,
    Symbol,
    data,
    headers,
    idle,
    ping,
    replacing,
    settings,
    settings_ack,
    window_update,
)
from interop.conformance.wire import RAW, FrameCutter, WireFrame, show

DEFAULT_WINDOW = 65_535
_LIMIT = 1 << 24
FRAMES_MAX = 200_000
"""Frames from one connection before it counts as a flood that never ends."""


@dataclass(frozen=True)
class Answer:
    """What a request gets: the reference that others are compared with."""

    status: int
    content: bytes


@dataclass(frozen=True)
class Target:
    """Whom the requests are for, and what is known of the answers.

    `get` is the answer to GET of `path`, `post` that to a POST of `echo_path`; with `echoes` the content of the latter
    is the request's. None: not learned yet. In the role of a server the tester answers with `get` itself.
    """

    scheme: str = "http"
    authority: str = "localhost"
    path: str = "/"
    echo_path: str = "/echo"
    hold_path: str = "/hold"
    echoes: bool = True
    get: Answer | None = None
    post: Answer | None = None


@dataclass(frozen=True)
class ClientResult:
    """What a client tells its user about a request: nothing yet (`is_done` false), an answer, or an error."""

    is_done: bool = False
    answer: Answer | None = None
    error: str = ""
    retried: bool = False
    """Whether it has made the request again, on another connection, where it was answered as it should be."""


UNSEEN = Answer(0, b"")
"""An answer of which nothing is known but that the client called it complete."""


@dataclass
class Exchange:
    """One stream of requests and answers: what we sent of it and what came."""

    stream_id: int
    method: bytes = b""
    sent_head: bool = False
    sent_status: int = 0  # of the final response
    sent_end: bool = False
    sent_reset: int | None = None  # the code
    content_sent: bytearray = field(default_factory=bytearray)
    asked: bytes | None = None  # what the user of a client under test gave it as content
    heads: list[FieldList] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset_code: int | None = None

    @property
    def status(self) -> int:
        """The final status of a response; 0 before it."""
        for fields in self.heads:
            status = dict(fields).get(b":status", b"")
            if status.isdigit() and not status.startswith(b"1"):
                return int(status)
        return 0

    @property
    def is_sent(self) -> bool:
        """Whether we sent all of our half: ended, and not broken off by a RST_STREAM that says more than NO_ERROR."""
        return self.sent_end and not self.sent_reset

    @property
    def is_decided(self) -> bool:
        """Whether nothing more comes."""
        return self.ended or self.reset_code is not None


class Tester:
    """The peer of whom is tested. `role` is the role of the other end."""

    __test__ = False  # for pytest, which collects classes by their name

    def __init__(self, role: Role, target: Target, behaviour: Behaviour) -> None:
        self.role = role
        self.target = target
        self.behaviour = behaviour
        self.ack_settings = behaviour.ack_settings
        self.answer_pings = behaviour.answer_pings
        self.give_windows = behaviour.give_windows
        self.answer = False  # every request of a client at once, as any server would
        self.frames: list[WireFrame] = []
        self.exchanges: list[Exchange] = []
        self.by_id: dict[int, Exchange] = {}
        self.results: list[ClientResult] = []  # of the client under test, in the order of its requests
        self.passive = Passive(role)
        self.has_ended = False
        self.was_reset = False  # the transport ended with an error instead of an end
        self.foreign = ""  # what came is not HTTP/2
        self.foreign_status = 0  # of an answer in HTTP/1
        self.error_goaway: WireFrame | None = None
        self.goaways: list[WireFrame] = []
        self.settings_received = 0
        self.peer_settings: dict[int, int] = {}
        self._settings_unacked = 0
        self._pings: list[bytes] = []
        self._ping_count = 0
        self._output = bytearray()
        self._received = FrameCutter(is_sent=False)
        self._sent = FrameCutter(is_sent=True)
        self._sent_preface_left = len(PREFACE) if role is Role.SERVER else 0
        self._preface_left = PREFACE if role is Role.CLIENT else b""
        self._blocks: dict[bool, list[WireFrame]] = {True: [], False: []}
        self._decoders: dict[bool, FieldDecoder | None] = {sent: _decoder() for sent in (True, False)}
        decoder = self._decoders[True]
        assert decoder is not None
        decoder.set_table_bytes_max(_LIMIT)  # what the other end allows is its business, and its table's

    # -- sending -------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Preface and SETTINGS."""
        entries = self.behaviour.settings
        if self.role is Role.SERVER:
            self.send(Raw(PREFACE))
            entries = ((ENABLE_PUSH, 0), *entries)
        self.send(settings(*entries))

    def take_output(self) -> bytes:
        """What is to be written now."""
        output = bytes(self._output)
        self._output.clear()
        return output

    def send(self, *specs: Spec) -> None:
        """Put frames into the output, with the values that are known now."""
        for spec in specs:
            octets = spec.octets(self)
            self._output += octets
            if isinstance(spec, Frame) and spec.length is not None:
                payload = octets[9:]
                stream_id = int.from_bytes(octets[5:9], "big") & STREAM_ID_MASK
                length = int.from_bytes(octets[:3], "big")
                lie = WireFrame(True, spec.type, spec.flags, stream_id, payload, spec.reserved, length)
                self.frames.append(lie)  # what follows it, only the other end can tell
                continue
            if isinstance(spec, Raw):
                self.frames.append(WireFrame(True, RAW, 0, 0, octets, length=len(octets)))
            if self._sent_preface_left:
                dropped = octets[: self._sent_preface_left]
                self._sent_preface_left -= len(dropped)
                octets = octets[len(dropped) :]
            for frame in self._sent.feed(octets):
                self._note_sent(self._with_fields(frame))

    def begin(self, step: Begin) -> None:
        """The head of a request."""
        block = GET if step.end else replacing(POST, b":path", Symbol.HOLD) if step.hold else POST
        self.send(headers(idle(), *block, *step.extra, end_stream=step.end))

    def finish(self, stream: StreamId, content: bytes) -> None:
        """Send what is missing of our half of a stream."""
        exchange = self.exchange(stream)
        if exchange is None or exchange.sent_end or exchange.sent_reset is not None:
            return
        if self.role is Role.CLIENT:
            assert self.target.get is not None, "a tester that answers knows with what"
            if not exchange.sent_head:
                self.send(headers(exchange.stream_id, *OK))
            content = self.target.get.content
        self.send(data(exchange.stream_id, content, end_stream=True))

    def ping(self) -> None:
        """A PING with a payload of its own; `What.PONG` is met when its answer is here."""
        self._ping_count += 1
        self.send(ping(b"plait-%02x" % (self._ping_count & 0xFF)))

    def restore(self) -> None:
        """Behave as anybody does: what a case held back, comes now, so that another exchange can work."""
        self.ack_settings = self.answer_pings = self.give_windows = True
        window = self.passive.granted.initial
        if window < DEFAULT_WINDOW:
            self.send(settings((INITIAL_WINDOW_SIZE, DEFAULT_WINDOW)))
        missing = DEFAULT_WINDOW - self.passive.granted.connection
        if missing > 0:
            self.send(window_update(0, missing))

    # -- receiving -----------------------------------------------------------------------------------------------------

    def receive(self, octets: bytes) -> None:
        """Octets from the other end."""
        if self._preface_left:
            part = octets[: len(self._preface_left)]
            if not self._preface_left.startswith(part):
                self.foreign = f"the connection begins with {show(octets)} instead of the preface"
                return
            self._preface_left = self._preface_left[len(part) :]
            octets = octets[len(part) :]
        if not self.frames_received and (self._received.buffer + octets[:5])[:5] == b"HTTP/":
            self._received.buffer += octets
            line = bytes(self._received.buffer[:80]).partition(b"\r\n")[0]
            self.foreign = f"the other end speaks HTTP/1: {show(line)}"
            status = line[9:12]
            self.foreign_status = int(status) if status.isdigit() else 0
            return
        for frame in self._received.feed(octets):
            self._note_received(self._with_fields(frame))

    def receive_end(self, *, was_reset: bool = False) -> None:
        """The other end has closed the connection."""
        self.has_ended = True
        self.was_reset = was_reset

    @property
    def frames_received(self) -> int:
        """How many frames have come."""
        return self.passive.frames

    @property
    def is_over(self) -> bool:
        """Whether nothing that is waited for can come any more."""
        return (
            self.has_ended or self.error_goaway is not None or bool(self.foreign) or self.frames_received > FRAMES_MAX
        )

    @property
    def has_left(self) -> bool:
        """Whether a client has ended the connection when it had all its answers, and nothing to complain of."""
        settled = all(
            exchange.sent_end or exchange.sent_reset is not None or exchange.reset_code is not None
            for exchange in self.exchanges
        )
        return self.role is Role.CLIENT and self.has_ended and self.error_goaway is None and settled

    def is_met(self, wait: Await) -> bool:
        """Whether what is waited for has come."""
        if wait.what is What.SETTINGS:
            return self.settings_received > 0 and self._settings_unacked == 0
        if wait.what is What.SETTINGS_ACK:
            return self._settings_unacked == 0
        if wait.what is What.PONG:
            return not self._pings
        if wait.what is What.REQUEST:
            return len(self.exchanges) >= wait.count
        if wait.what is What.GOAWAY:
            return bool(self.goaways)
        if wait.what is What.END:
            return self.has_ended
        if wait.what is What.WINDOW:
            return self.room(self.stream_id(wait.stream)) >= wait.count
        exchange = self.exchange(wait.stream)
        if exchange is None:
            return False
        if wait.what is What.HEAD:
            return bool(exchange.status) or (self.role is Role.CLIENT and bool(exchange.heads))
        if wait.what is What.CONTENT:
            return len(exchange.content) >= wait.count
        if wait.what is What.RESULT:
            return self.result_of(exchange).is_done
        return exchange.is_decided

    def result_of(self, exchange: Exchange) -> ClientResult:
        """What the client's user was told about an exchange."""
        if exchange not in self.exchanges:
            return ClientResult()  # of a push: its user has not asked for it
        number = self.exchanges.index(exchange)
        return self.results[number] if number < len(self.results) else ClientResult()

    def exchange(self, stream: StreamId) -> Exchange | None:
        """The exchange on a stream, if it has begun."""
        if isinstance(stream, int) or stream.kind == "even":
            return self.by_id.get(self.stream_id(stream))
        if stream.kind != "begun" or not -len(self.exchanges) <= stream.number < len(self.exchanges):
            return None
        return self.exchanges[stream.number]

    def problem_of(self, exchange: Exchange) -> str:
        """What is wrong with an exchange that should have gone well; empty when it did."""
        name = f"stream {exchange.stream_id}"
        if self.role is Role.CLIENT:
            result = self.result_of(exchange)
            if not result.is_done:
                return f"the client has no result for {name}"
            if result.answer is None:
                return f"the client's request on {name} failed: {result.error}"
            if exchange.ended and exchange.asked is not None and exchange.content != exchange.asked:
                return f"the content on {name} is {show(bytes(exchange.content))}; {show(exchange.asked)} was asked for"
            if result.retried or result.answer is UNSEEN:
                return ""
            status = exchange.sent_status or result.answer.status  # 0 where our own decoder refused our block
            wanted = Answer(status, bytes(exchange.content_sent))
            return _difference(name, result.answer, wanted) if exchange.method != b"HEAD" else ""
        if exchange.reset_code not in (None, ErrorCode.NO_ERROR):
            return f"{name} was reset with {exchange.reset_code:#x}"
        if not exchange.ended:
            return f"no complete answer on {name}"
        known = {b"GET": self.target.get, b"POST": self.target.post}.get(exchange.method)
        if known is not None and exchange.method == b"POST" and self.target.echoes:
            known = Answer(known.status, bytes(exchange.content_sent))
        return _difference(name, Answer(exchange.status, bytes(exchange.content)), known) if known is not None else ""

    # -- what symbols stand for (script.Context) -----------------------------------------------------------------------

    def stream_id(self, stream: StreamId) -> int:
        """The number of a stream."""
        if isinstance(stream, int):
            return stream
        return self._number_of(stream)

    def setting(self, identifier: int, initial: int) -> int:
        """What whom is tested has announced; `initial` where it has not."""
        return self.peer_settings.get(identifier, initial)

    @property
    def frame_bytes_max(self) -> int:
        """The SETTINGS_MAX_FRAME_SIZE of whom is tested."""
        return self.peer_settings.get(MAX_FRAME_SIZE_ID, 16_384)

    @property
    def was_asked_again(self) -> bool:
        """Whether a client has made its one request more than once here."""
        return self.role is Role.CLIENT and len(self.exchanges) > len(self.results)

    def room(self, stream_id: int) -> int:
        """What both windows of whom is tested allow us to send on a stream; on 0, the connection's window."""
        return self.passive.room(stream_id)

    def value(self, symbol: Symbol) -> bytes:
        """The octets that a symbol stands for."""
        target = self.target
        values = {
            Symbol.SCHEME: target.scheme,
            Symbol.AUTHORITY: target.authority,
            Symbol.PATH: target.path,
            Symbol.ECHO: target.echo_path,
            Symbol.HOLD: target.hold_path,
        }
        return values[symbol].encode()

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

    # -- inside --------------------------------------------------------------------------------------------------------

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

    def _note_sent(self, frame: WireFrame) -> None:
        self.frames.append(frame)
        self.passive.sent(frame)
        if frame.type == SETTINGS and not frame.is_ack and frame.stream_id == 0 and len(frame.payload) % 6 == 0:
            self._settings_unacked += 1
        elif frame.type == PING and not frame.is_ack and frame.stream_id == 0 and len(frame.payload) == 8:
            self._pings.append(frame.payload)
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

    def _note_received(self, frame: WireFrame) -> None:
        self.frames.append(frame)
        self.passive.received(frame)
        if frame.type == SETTINGS:
            self._on_settings(frame)
        elif frame.type == PING:
            if not frame.is_ack and self.answer_pings:
                self.send(ping(frame.payload, ack=True))
            elif frame.is_ack and frame.payload in self._pings:
                self._pings.remove(frame.payload)
        elif frame.type == GOAWAY and len(frame.payload) >= 8:
            self.goaways.append(frame)
            if frame.uint32(4) != ErrorCode.NO_ERROR and self.error_goaway is None:
                self.error_goaway = frame
        elif frame.fields is not None and frame.type != PUSH_PROMISE:
            self._on_head(frame, frame.fields)
        exchange = self.by_id.get(frame.stream_id)
        if exchange is None:
            return
        if frame.type == DATA:
            exchange.content += frame.content()
            if self.give_windows and frame.payload:
                self.send(window_update(0, len(frame.payload)))
                if not frame.ends_stream:
                    self.send(window_update(frame.stream_id, len(frame.payload)))
        elif frame.type == RST_STREAM and exchange.reset_code is None:
            exchange.reset_code = frame.uint32()
        if frame.ends_stream and frame.type == DATA:
            exchange.ended = True
        if self.answer and exchange.ended:
            self.finish(exchange.stream_id, b"")

    def _on_settings(self, frame: WireFrame) -> None:
        if frame.is_ack:
            self._settings_unacked = max(0, self._settings_unacked - 1)
            decoder = self._decoders[False]
            acknowledged = self.passive.acknowledged
            if decoder is not None and HEADER_TABLE_SIZE in acknowledged:
                decoder.set_table_bytes_max(acknowledged[HEADER_TABLE_SIZE])
            return
        self.settings_received += 1
        self.peer_settings.update(settings_entries(frame.payload))
        if self.ack_settings:
            self.send(settings_ack())

    def _on_head(self, frame: WireFrame, fields: FieldList) -> None:
        exchange = self.by_id.get(frame.stream_id)
        if exchange is None:
            if self.role is Role.SERVER:
                return
            exchange = self._new_exchange(frame.stream_id)
        exchange.heads.append(fields)
        self._note_method(exchange, fields)
        exchange.ended = exchange.ended or self.passive.has_ended(frame.stream_id)


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


def _difference(name: str, came: Answer, wanted: Answer) -> str:
    if came.status not in (wanted.status, UNSEEN.status):
        return f"{name} was answered with {came.status}; {wanted.status} is what such a request gets"
    if came.content != wanted.content:
        return f"the content on {name} is {show(came.content)}; {show(wanted.content)} was due"
    return ""
