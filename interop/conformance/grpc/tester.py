"""The test peer of the gRPC level: the HTTP/2 one (`conformance.tester`), which reads its streams as calls.

As a client it makes calls of TestService, as a server it answers those of whom is tested. `sent` and `came` are the two
halves of a call; `problem_of` compares what came with what the other half asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from hpack_codec import FieldList
from interop.conformance.checks import Passive, Violation
from interop.conformance.exchange import UNSEEN, ClientResult, Exchange, Target
from interop.conformance.grpc.calls import Call, answer_violations, read_call, request_violations
from interop.conformance.grpc.endings import name_of
from interop.conformance.grpc.service import UNARY, content_of, difference, framed, head, reply_due, simple
from interop.conformance.model import Await, Begin, Behaviour, Role, What
from interop.conformance.script import Block, Literal, StreamId, data, headers, idle
from interop.conformance.tester import Tester
from interop.conformance.wire import WireFrame
from interop.official_service import SimpleResponse, payload

ANSWER: Final[Block] = (Literal(b":status", b"200"), Literal(b"content-type", b"application/grpc"))
"""The head of an answer."""


def trailers(code: int | bytes = 0, *extra: Literal) -> Block:
    """The fields of trailers."""
    return (Literal(b"grpc-status", b"%d" % code if isinstance(code, int) else code), *extra)


def response(size: int) -> bytes:
    """A SimpleResponse with a payload of so many octets."""
    octets: bytes = SimpleResponse(payload=payload(size)).SerializeToString()
    return octets


@dataclass(frozen=True)
class CallResult(ClientResult):
    """What a client tells its user about a call: the status, its message, and of the reply the octets in its payload.

    None: nothing of the kind was told.
    """

    code: int = -1
    text: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class GrpcTarget(Target):
    """Whom the calls are for."""

    def tester(self, role: Role, behaviour: Behaviour) -> Tester:
        """One that speaks gRPC."""
        return GrpcTester(role, self, behaviour)


class GrpcPassive(Passive):
    """The rules of HTTP/2, but that a `grpc-message` may begin and end with a space: gRPC's encoding leaves it."""

    def _check_message(self, stream: Any, frame: WireFrame, fields: FieldList) -> None:
        stripped = tuple((name, value.strip(b" ") if name == b"grpc-message" else value) for name, value in fields)
        super()._check_message(stream, frame, stripped)


class GrpcTester(Tester):
    """The peer of whom is tested. `role` is the role of the other end. `Exchange.asked` is the deadline of a call."""

    def __init__(self, role: Role, target: Target, behaviour: Behaviour) -> None:
        super().__init__(role, target, behaviour)
        self.passive = GrpcPassive(role)

    def begin(self, step: Begin) -> None:
        """The head of a call, which asks for a size that no other call of the connection has; whole with `end`."""
        self.send(headers(idle(), *head(UNARY), *step.extra))
        if step.end:
            stream_id = self.exchanges[-1].stream_id
            self.send(data(stream_id, framed(simple(self._size_of(stream_id))), end_stream=True))

    def finish(self, stream: StreamId, content: bytes) -> None:
        """What is missing of our half of a call."""
        exchange = self.exchange(stream)
        if exchange is None or exchange.sent_end or exchange.sent_reset is not None:
            return
        stream_id = exchange.stream_id
        if self.role is Role.SERVER:
            message = b"" if exchange.content_sent else framed(simple(self._size_of(stream_id)))
            self.send(data(stream_id, message, end_stream=True))
            return
        if not exchange.sent_head:
            self.send(headers(stream_id, *ANSWER))
        if not exchange.content_sent:
            self.send(data(stream_id, framed(response(self._size_of(stream_id)))))
        self.send(headers(stream_id, *trailers(), end_stream=True))

    def _size_of(self, stream_id: int) -> int:
        return 20 + stream_id

    # -- streams as calls ----------------------------------------------------------------------------------------------

    def _heads(self, exchange: Exchange, *, is_sent: bool) -> list[FieldList]:
        return [
            frame.fields
            for frame in self.frames
            if frame.is_sent is is_sent and frame.stream_id == exchange.stream_id and frame.fields is not None
        ]

    def sent(self, exchange: Exchange) -> Call:
        """Our half."""
        return read_call(self._heads(exchange, is_sent=True), bytes(exchange.content_sent), exchange.sent_end)

    def came(self, exchange: Exchange) -> Call:
        """The other half."""
        return read_call(exchange.heads, bytes(exchange.content), exchange.ended)

    def is_met(self, wait: Await) -> bool:
        """Whether what is waited for has come; a client may tell its user how a call ended that it never made."""
        if wait.what is What.RESULT and not self.exchanges:
            return any(result.is_done for result in self.results)
        return super().is_met(wait)

    def result_of(self, exchange: Exchange) -> ClientResult:
        """What the client's user was told about a call; the same about one that was made again."""
        if exchange not in self.exchanges or not self.results:
            return ClientResult()
        return self.results[min(self.exchanges.index(exchange), len(self.results) - 1)]

    def call_result(self, exchange: Exchange | None) -> CallResult:
        """The same, as calls end; without a call, what was told of one that was not made."""
        result = self.result_of(exchange) if exchange is not None else [*self.results, ClientResult()][0]
        return result if isinstance(result, CallResult) else CallResult(result.is_done, error=result.error)

    def problem_of(self, exchange: Exchange) -> str:
        """What is wrong with a call that should have gone well; empty when it did."""
        name = f"stream {exchange.stream_id}"
        if self.role is Role.CLIENT:
            return self.problem_told(exchange, self.call_result(exchange))
        if exchange.reset_code is not None and not exchange.ended:
            return f"{name} was reset with {exchange.reset_code:#x}"
        if not exchange.ended:
            return f"no complete answer on {name}"
        due = reply_due(self.sent(exchange))
        problem = difference(self.sent(exchange), self.came(exchange), due) if due is not None else ""
        return f"{name}: {problem}" if problem else ""

    def problem_told(self, exchange: Exchange, result: CallResult) -> str:
        """What is wrong with what a client told its user of a call that should have gone well."""
        name = f"stream {exchange.stream_id}"
        if not result.is_done:
            return f"the client has no status for {name}"
        if result.code != 0:
            return f"the client's call on {name} failed: {result.error}"
        sent = self.sent(exchange)
        if result.retried or result.size is None:
            return ""
        try:
            due = [len(content_of(UNARY, sent.plain(message))) for message in sent.messages]
        except ValueError as error:
            return f"the client says OK on {name}, and what it was sent cannot be read: {error}"
        if due != [result.size]:
            return f"the client has a reply of {result.size} octets on {name}; {due} were sent"
        return ""

    def form_violations(self) -> Iterator[Violation]:
        """What is wrong with the form of all that came, whatever it says."""
        for exchange in self.exchanges:
            name = f"stream {exchange.stream_id}"
            if self.role is Role.SERVER:
                yield from answer_violations(self.came(exchange), self.sent(exchange), name)
            elif exchange.heads:
                deadline_s = float(exchange.asked) if exchange.asked else None
                yield from request_violations(self.came(exchange), name, deadline_s)


def told(code: int, text: str | None = None, size: int | None = None) -> CallResult:
    """What a client has told its user: the end of a call."""
    error = "" if code == 0 else f"{name_of(code)}{f' {text!r}' if text else ''}"
    return CallResult(True, UNSEEN if code == 0 else None, error, code=code, text=text, size=size)
