"""The test peer, without I/O: says what a case tells it to, behaves otherwise, and keeps what it saw.

    tester = Tester(Role.SERVER, target, Behaviour())     # it is a client, then
    tester.start()                                        # preface, SETTINGS
    transport.write(tester.take_output())
    tester.receive(octets)                                # frames are kept, answers are in the output
    tester.send(ping(b"12345678"))
    tester.is_met(Await(What.PONG)), tester.is_over

It acknowledges SETTINGS, answers PING and gives windows back as its `Behaviour` says. What passes is kept by
`recording.Recording`, which it is; `exchange.Exchange` is one stream: what was sent, what came.
"""

from __future__ import annotations

from http2.errors import ErrorCode
from http2.frames import DATA, PING, PREFACE, SETTINGS
from http2.settings import ENABLE_PUSH, INITIAL_WINDOW_SIZE
from interop.conformance.exchange import UNSEEN, Answer, ClientResult, Exchange, Target, difference
from interop.conformance.granted import DEFAULT_WINDOW
from interop.conformance.model import Await, Begin, Behaviour, Role, What
from interop.conformance.recording import Recording
from interop.conformance.script import (
    GET,
    OK,
    POST,
    Raw,
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
from interop.conformance.wire import WireFrame, show

FRAMES_MAX = 200_000
"""Frames from one connection before it counts as a flood that never ends."""


class Tester(Recording):
    """The peer of whom is tested. `role` is the role of the other end."""

    __test__ = False  # for pytest, which collects classes by their name

    def __init__(self, role: Role, target: Target, behaviour: Behaviour) -> None:
        super().__init__(role)
        self.target = target
        self.behaviour = behaviour
        self.ack_settings = behaviour.ack_settings
        self.answer_pings = behaviour.answer_pings
        self.give_windows = behaviour.give_windows
        self.answer = False  # every request of a client at once, as any server would
        self.results: list[ClientResult] = []  # of the client under test, in the order of its requests
        self.has_ended = False
        self.was_reset = False  # the transport ended with an error instead of an end
        self._ping_count = 0
        self._output = bytearray()

    # -- what it says --------------------------------------------------------------------------------------------------

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
            self.note_sent(spec, octets)

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
            content = self.target.get.content if exchange.method != b"HEAD" else b""
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

    # -- what comes, and how it answers --------------------------------------------------------------------------------

    def receive(self, octets: bytes) -> None:
        """Octets from the other end."""
        for frame in self.frames_in(octets):
            self.note_received(frame)
            self._react(frame)

    def receive_end(self, *, was_reset: bool = False) -> None:
        """The other end has closed the connection."""
        self.has_ended = True
        self.was_reset = was_reset

    def _react(self, frame: WireFrame) -> None:
        """Say what anybody would say to a frame, as far as it is to."""
        if frame.type == SETTINGS and not frame.is_ack and self.ack_settings:
            self.send(settings_ack())
        elif frame.type == PING and not frame.is_ack and self.answer_pings:
            self.send(ping(frame.payload, ack=True))
        exchange = self.by_id.get(frame.stream_id)
        if exchange is None:
            return
        if frame.type == DATA and self.give_windows and frame.payload:
            self.send(window_update(0, len(frame.payload)))
            if not frame.ends_stream:
                self.send(window_update(frame.stream_id, len(frame.payload)))
        if self.answer and exchange.ended:
            self.finish(exchange.stream_id, b"")

    # -- what is waited for --------------------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether nothing that is waited for can come any more."""
        return (
            self.has_ended or self.error_goaway is not None or bool(self.foreign) or self.frames_received > FRAMES_MAX
        )

    @property
    def all_is_said(self) -> bool:
        """Whether every request of a client has its answer, or an end: one that makes no more may go."""
        return bool(self.exchanges) and all(
            exchange.sent_end or exchange.sent_reset is not None or exchange.reset_code is not None
            for exchange in self.exchanges
        )

    @property
    def has_left(self) -> bool:
        """Whether a client has ended the connection when it had all its answers, and nothing to complain of."""
        return self.role is Role.CLIENT and self.has_ended and self.error_goaway is None and self.all_is_said

    @property
    def was_asked_again(self) -> bool:
        """Whether a client has made its one request more than once here."""
        return self.role is Role.CLIENT and len(self.exchanges) > len(self.results)

    def is_met(self, wait: Await) -> bool:
        """Whether what is waited for has come."""
        if wait.what is What.SETTINGS:
            return self.settings_received > 0 and self.settings_unacked == 0
        if wait.what is What.SETTINGS_ACK:
            return self.settings_unacked == 0
        if wait.what is What.PONG:
            return not self.pings_unanswered
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

    # -- what became of an exchange ------------------------------------------------------------------------------------

    def result_of(self, exchange: Exchange) -> ClientResult:
        """What the client's user was told about an exchange."""
        if exchange not in self.exchanges:
            return ClientResult()  # of a push: its user has not asked for it
        number = self.exchanges.index(exchange)
        return self.results[number] if number < len(self.results) else ClientResult()

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
            return difference(name, result.answer, wanted) if exchange.method != b"HEAD" else ""
        if exchange.reset_code not in (None, ErrorCode.NO_ERROR):
            return f"{name} was reset with {exchange.reset_code:#x}"
        if not exchange.ended:
            return f"no complete answer on {name}"
        known = {b"GET": self.target.get, b"POST": self.target.post}.get(exchange.method)
        if known is not None and exchange.method == b"POST" and self.target.echoes:
            known = Answer(known.status, bytes(exchange.content_sent))
        return difference(name, Answer(exchange.status, bytes(exchange.content)), known) if known is not None else ""
