"""GRP-04: `grpc-timeout`."""

from __future__ import annotations

from collections.abc import Iterator

from http2.errors import ErrorCode
from interop.conformance.grpc.endings import (
    ANY,
    DEADLINE_EXCEEDED,
    ERRORS,
    INTERNAL,
    either,
    status,
    works,
)
from interop.conformance.grpc.phrases import ANSWERED, asked_with, server
from interop.conformance.grpc.service import DUPLEX, OUTPUT, framed, head, output, unary
from interop.conformance.model import Case, Level, send
from interop.conformance.script import STREAM, Literal, data, headers, idle

TIMEOUT = b"grpc-timeout"
GOOD = ("1H", "27000H", "99999999H", "5M", "99999999M", "30S", "99999999S", "60000m", "99999999m", "60000000u",
        "99999999u", "00000030S")  # fmt: skip
MALFORMED = {
    "no-unit": b"1",
    "no-digits": b"S",
    "empty": b"",
    "minus": b"-1S",
    "plus": b"+1S",
    "point": b"1.5S",
    "inner-space": b"1 S",
    "unit-unknown": b"1x",
    "unit-lower": b"30s",
    "unit-upper": b"30U",
    "unit-twice": b"1SS",
    "unit-word": b"30sec",
    "unit-first": b"S30",
    "hex": b"0x1S",
    "utf-8": "３S".encode(),
    "comma": b"1S,2S",
}
TOO_LONG = {"nine-digits": b"123456789S", "twenty-digits": b"1" * 20 + b"n", "many-digits": b"9" * 1_000 + b"H"}
REFUSED = status(INTERNAL, *ERRORS, resets=ANY, statuses=range(400, 500))
PASSED = status(DEADLINE_EXCEEDED, resets={ErrorCode.CANCEL})


def cases() -> Iterator[Case]:
    """All of them."""
    for value in GOOD:
        statement = "W024" if value.startswith("99999999") else "W020"
        yield server(
            f"GRP-04.{value}", Level.MUST, statement, "A deadline far away changes nothing, in whatever unit.",
            asked_with(Literal(TIMEOUT, value.encode())), works(),
        )  # fmt: skip
    yield server(
        "GRP-04.absent", Level.MUST, "W021", "Without grpc-timeout there is no deadline.", asked_with(), works(),
    )  # fmt: skip
    for name, octets in MALFORMED.items():
        yield server(
            f"GRP-04.{name}", Level.SHOULD, "W023", "A grpc-timeout that is not one to eight digits and a unit is an"
            " error of the call, and of nothing else.", asked_with(Literal(TIMEOUT, octets)), REFUSED,
        )  # fmt: skip
    for name, octets in TOO_LONG.items():
        yield server(
            f"GRP-04.{name}", Level.MUST, "W023", "More than eight digits are an error, or a time that is far away.",
            asked_with(Literal(TIMEOUT, octets)), either(REFUSED, works()),
        )  # fmt: skip
    for value in ("0n", "0S", "00000000H"):
        yield server(
            f"GRP-04.{value}", Level.SHOULD, "W025", "A time that is over is DEADLINE_EXCEEDED; zero may also be taken"
            " for malformed, since the number is a positive one.", asked_with(Literal(TIMEOUT, value.encode())),
            status(DEADLINE_EXCEEDED, INTERNAL, resets={ErrorCode.CANCEL}, statuses={400}),
        )  # fmt: skip
    yield server(
        "GRP-04.passes", Level.SHOULD, "W027", "When the deadline passes, a server ends the call that still runs.",
        (
            send(*unary(framed(output(3, interval_us=3_000_000)), Literal(TIMEOUT, b"100m"), path=OUTPUT)),
            ANSWERED,
        ),
        PASSED, needs=frozenset({"time"}), patience_s=6.0,
    )  # fmt: skip
    yield server(
        "GRP-04.passes-open", Level.SHOULD, "W027", "So it does when it waits for a request.",
        (send(headers(idle(), *head(DUPLEX), Literal(TIMEOUT, b"100m")), data(STREAM, framed(output(3)))), ANSWERED),
        PASSED, needs=frozenset({"time"}),
    )  # fmt: skip
    yield server(
        "GRP-04.tiny", Level.MAY, "W025", "A nanosecond is over before the call has begun, or when it has been served.",
        asked_with(Literal(TIMEOUT, b"1n")), either(PASSED, works()),
    )  # fmt: skip
    yield server(
        "GRP-04.twice", Level.MAY, "W023", "Two deadlines may be an error, or one of them is taken.",
        asked_with(Literal(TIMEOUT, b"30S"), Literal(TIMEOUT, b"40S")), either(works(), REFUSED),
    )  # fmt: skip
