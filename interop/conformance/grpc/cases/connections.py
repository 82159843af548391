"""GRP-15: PINGs, and what else gRPC makes of a connection, for servers."""

from __future__ import annotations

from collections.abc import Iterator

from http2.errors import ErrorCode
from interop.conformance.grpc.endings import ERRORS, either, status, works
from interop.conformance.grpc.phrases import ANSWERED, server
from interop.conformance.grpc.service import DUPLEX, UNARY, framed, head, output, simple, unary
from interop.conformance.model import (
    Await,
    Barrier,
    Behave,
    Case,
    Expectation,
    Finish,
    Kind,
    Level,
    Outcome,
    Pattern,
    What,
    send,
)
from interop.conformance.script import STREAM, begun, data, goaway, headers, idle, ping, unknown, window_update

CALMED = Expectation(
    (Pattern(Kind.CONNECTION_ERROR, Outcome.EXACT, frozenset({int(ErrorCode.ENHANCE_YOUR_CALM)}), best=True),)
)
"""GOAWAY ENHANCE_YOUR_CALM, "too_many_pings": gRFC A8 allows two strikes."""
MANY = 30


def cases() -> Iterator[Case]:
    """All of them."""
    yield server(
        "GRP-15.ping", Level.MUST, "W127", "A PING is answered with its eight octets.", (Barrier(),), works(),
    )  # fmt: skip
    yield server(
        "GRP-15.ping-in-call", Level.MUST, "W126", "So it is while a call runs, at once.",
        (send(headers(idle(), *head(DUPLEX)), data(STREAM, framed(output(4)))), Await(What.CONTENT, STREAM, 9),
         Barrier(), Finish()),
        works(),
    )  # fmt: skip
    yield server(
        "GRP-15.pings", Level.MAY, "W144", "Many PINGs in a row may be too many: GOAWAY ENHANCE_YOUR_CALM.",
        (send(*(ping(b"many-%03d" % number) for number in range(MANY))),), either(works(), CALMED),
    )  # fmt: skip
    yield server(
        "GRP-15.pings-in-call", Level.MAY, "W144", "Also while a call runs that nobody says anything on.",
        (send(headers(idle(), *head(DUPLEX)), *(ping(b"call-%03d" % number) for number in range(MANY))), Barrier(),
         Finish()),
        either(works(), status(*ERRORS), CALMED),
    )  # fmt: skip
    yield server(
        "GRP-15.streams", Level.MUST, "W001", "Calls run side by side, and each gets its own answer.",
        (*(send(headers(idle(), *head(UNARY)), data(STREAM, framed(simple(30 + number)))) for number in range(10)),
         send(*(data(begun(9 - number), b"", end_stream=True) for number in range(10))),
         *(Await(What.ANSWER, begun(number)) for number in range(10))),
        works(),
    )  # fmt: skip
    yield server(
        "GRP-15.interleaved", Level.MUST, "W051", "Their DATA may come in turns, octet by octet.",
        (send(*(headers(idle(), *head(UNARY)) for _ in range(3)),
              *(data(begun(call), framed(simple(40 + call))[at : at + 1]) for at in range(7) for call in range(3)),
              *(data(begun(call), b"", end_stream=True) for call in range(3))),
         *(Await(What.ANSWER, begun(call)) for call in range(3))),
        works(),
    )  # fmt: skip
    yield server(
        "GRP-15.small-window", Level.MUST, "W125", "An answer waits for the windows, and comes when they open.",
        (Behave(give_windows=False), send(*unary(framed(simple(100_000)))), Await(What.CONTENT, STREAM, 65_535),
         Behave(give_windows=True), send(window_update(0, 100_000), window_update(STREAM, 100_000)), ANSWERED),
        works(),
    )  # fmt: skip
    yield server(
        "GRP-15.unknown-frame", Level.MUST, "W121", "A frame of an unknown type means nothing.",
        (send(headers(idle(), *head(UNARY)), unknown(0xEE, STREAM, b"unknown"),
              data(STREAM, framed(simple(6)), end_stream=True)), ANSWERED),
        works(),
    )  # fmt: skip
    yield server(
        "GRP-15.goaway", Level.MUST, "W152", "A client that goes away still gets the answers to its calls.",
        (send(headers(idle(), *head(UNARY)), goaway(0, ErrorCode.NO_ERROR),
              data(STREAM, framed(simple(6)), end_stream=True)), ANSWERED),
        works(), probe=False, barrier=False,
    )  # fmt: skip
