"""GRP-16: the official interop cases (interop-test-descriptions.md), frame by frame, with a server under test.

The sizes are those of the document. What a case there is about the client is not here: with it the server is the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from http2.errors import ErrorCode
from interop.conformance.grpc.endings import DEADLINE_EXCEEDED, UNIMPLEMENTED, status, works
from interop.conformance.grpc.phrases import ANSWERED, asked, asked_of, server
from interop.conformance.grpc.service import (
    DUPLEX,
    EMPTY,
    INITIAL,
    INPUT,
    OUTPUT,
    TRAILING,
    UNARY,
    framed,
    head,
    output,
    simple,
    streamed,
)
from interop.conformance.model import Await, Case, Expectation, Finish, Level, Step, What, send
from interop.conformance.script import STREAM, Literal, data, headers, idle, rst_stream

REQUEST_OCTETS = 271_828
RESPONSE_OCTETS = 314_159
REQUESTS = (27_182, 8, 1_828, 45_904)
RESPONSES = (31_415, 9, 2_653, 58_979)
PART = 16_384
WORKS = works()


def _sent(path: bytes, content: bytes, *extra: Literal) -> Iterator[Step]:
    """A request that is larger than windows are at first."""
    yield send(headers(idle(), *head(path, *extra)))
    for start in range(0, len(content), PART):
        part = content[start : start + PART]
        yield Await(What.WINDOW, STREAM, len(part))
        yield send(data(STREAM, part, end_stream=start + PART >= len(content)))
    yield ANSWERED


def _case(name: str, reason: str, steps: tuple[Step, ...], allowed: Expectation = WORKS) -> Case:
    return server(f"GRP-16.{name}", Level.MUST, "W093", reason, steps, allowed)


def cases() -> Iterator[Case]:
    """All of them."""
    yield _case("empty-unary", "EmptyCall: the empty message.", asked(framed(), path=EMPTY))
    yield _case("large-unary", "UnaryCall: 271,828 octets there, 314,159 back.",
                tuple(_sent(UNARY, framed(simple(RESPONSE_OCTETS, REQUEST_OCTETS)))))  # fmt: skip
    requests = b"".join(framed(streamed(size)) for size in REQUESTS)
    yield _case("client-streaming", "StreamingInputCall: the sum of four payloads.", tuple(_sent(INPUT, requests)))
    yield _case("server-streaming", "StreamingOutputCall: four payloads, in order.",
                asked(framed(output(*RESPONSES)), path=OUTPUT))  # fmt: skip
    yield _case("ping-pong", "FullDuplexCall: a response, then the next request.", tuple(_ping_pong()))
    yield _case("empty-stream", "FullDuplexCall: no request, no response, OK.",
                (send(headers(idle(), *head(DUPLEX)), data(STREAM, b"", end_stream=True)), ANSWERED))  # fmt: skip
    yield _case("cancel-after-begin", "StreamingInputCall, cancelled at once.",
                (send(headers(idle(), *head(INPUT))), send(rst_stream(STREAM, ErrorCode.CANCEL))))  # fmt: skip
    yield _case("cancel-after-first-response", "FullDuplexCall, cancelled after a response.",
                (send(headers(idle(), *head(DUPLEX)), data(STREAM, framed(output(RESPONSES[0])))),
                 Await(What.CONTENT, STREAM, RESPONSES[0]), send(rst_stream(STREAM, ErrorCode.CANCEL))))  # fmt: skip
    late = (send(headers(idle(), *head(DUPLEX), Literal(b"grpc-timeout", b"1m")),
                 data(STREAM, framed(output(REQUESTS[0])))), ANSWERED)  # fmt: skip
    yield server("GRP-16.timeout-on-sleeping-server", Level.SHOULD, "W027", "FullDuplexCall with a deadline of 1 ms.",
                 late, status(DEADLINE_EXCEEDED, resets={ErrorCode.CANCEL}), needs=frozenset({"time"}))  # fmt: skip
    echo = (Literal(INITIAL, b"test_initial_metadata_value"), Literal(TRAILING, b"q6ur"))
    yield _case("custom-metadata-unary", "Metadata comes back, initial and trailing.",
                tuple(_sent(UNARY, framed(simple(RESPONSE_OCTETS, REQUEST_OCTETS)), *echo)))  # fmt: skip
    yield _case("custom-metadata-duplex", "So it does of a stream.", (*_duplex(*echo), ANSWERED))
    text = "test status message"
    yield _case("status-unary", "The status that is asked for, with its message.",
                asked(framed(simple(code=2, text=text))))  # fmt: skip
    yield _case("status-duplex", "So it is of a stream.", asked(framed(output(code=2, text=text)), path=DUPLEX))
    yield _case("unimplemented-method", "A method that the service has not got.",
                asked_of(UNARY.replace(b"UnaryCall", b"UnimplementedCall")), status(UNIMPLEMENTED))  # fmt: skip
    yield _case("unimplemented-service", "A service that the server has not got.",
                asked_of(b"/grpc.testing.UnimplementedService/UnimplementedCall"),
                status(UNIMPLEMENTED))  # fmt: skip


def _ping_pong() -> Iterator[Step]:
    yield send(headers(idle(), *head(DUPLEX)))
    content = 0
    for size in RESPONSES:
        yield send(data(STREAM, framed(output(size))))
        content += size
        yield Await(What.CONTENT, STREAM, content)
    yield Finish()


def _duplex(*extra: Literal) -> tuple[Step, ...]:
    opened = send(headers(idle(), *head(DUPLEX), *extra), data(STREAM, framed(output(RESPONSE_OCTETS))))
    return (opened, Await(What.CONTENT, STREAM, RESPONSE_OCTETS), send(data(STREAM, b"", end_stream=True)))
