"""GRP-07: compressed messages. A server need not read any coding; then it says so."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator

from interop.conformance.grpc.endings import (
    ERRORS,
    INTERNAL,
    RESOURCE_EXHAUSTED,
    UNIMPLEMENTED,
    either,
    status,
    works,
)
from interop.conformance.grpc.phrases import ANSWERED, asked, asked_with, server
from interop.conformance.grpc.service import INPUT, UNARY, framed, head, simple, streamed
from interop.conformance.model import Case, Level, send
from interop.conformance.script import STREAM, Literal, data, headers, idle
from interop.official_service import BoolValue

ENCODING = b"grpc-encoding"
ACCEPT = b"grpc-accept-encoding"
GZIP = Literal(ENCODING, b"gzip")
DEFLATE = Literal(ENCODING, b"deflate")
PLAIN = simple(11, 100)
BOMB_OCTETS = 12 * 1024 * 1024
UNREAD = status(UNIMPLEMENTED)
"""What a server says that does not read this coding."""
READ = either(works(), UNREAD)
SPOILT = {
    "not-gzip": b"this is no gzip at all",
    "header-only": gzip.compress(PLAIN, mtime=0)[:10],
    "cut": gzip.compress(PLAIN, mtime=0)[:-9],
    "bad-crc": gzip.compress(PLAIN, mtime=0)[:-8] + bytes(8),
    "deflate": zlib.compress(PLAIN),
}


def packed(octets: bytes) -> bytes:
    """A message compressed with gzip."""
    return framed(gzip.compress(octets, mtime=0), 1)


def _raw_deflate(octets: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(octets) + deflate.flush()


def _flags() -> Iterator[Case]:
    reason = "The compressed flag without a coding is INTERNAL."
    yield server("GRP-07.flag-none", Level.MUST, "W063", reason, asked(packed(PLAIN)), status(INTERNAL))
    identity = Literal(ENCODING, b"identity")
    yield server(
        "GRP-07.flag-identity", Level.MUST, "W063", "So it is with identity, which compresses nothing.",
        asked(framed(PLAIN, 1), identity), status(INTERNAL),
    )  # fmt: skip
    yield server(
        "GRP-07.identity", Level.MUST, "W060", "identity may be named, and then nothing is compressed.",
        asked(framed(PLAIN), identity), works(),
    )  # fmt: skip


def _codings() -> Iterator[Case]:
    yield server("GRP-07.gzip", Level.MUST, "W060", "A message with flag 1 is in the coding that the head names.",
                 asked(packed(PLAIN), GZIP), READ)  # fmt: skip
    yield server("GRP-07.deflate", Level.MUST, "W062", "deflate is the zlib format.",
                 asked(framed(zlib.compress(PLAIN), 1), DEFLATE), READ)  # fmt: skip
    yield server("GRP-07.raw-deflate", Level.MUST, "W062", "Raw deflate is an error, or is read all the same.",
                 asked(framed(_raw_deflate(PLAIN), 1), DEFLATE), either(status(INTERNAL), READ))  # fmt: skip
    yield server("GRP-07.gzip-plain", Level.MUST, "W070", "A message with flag 0 is plain, whatever the head names.",
                 asked(framed(PLAIN), GZIP), READ)  # fmt: skip
    mixed = packed(streamed(5)) + framed(streamed(6)) + packed(streamed(7))
    yield server("GRP-07.mixed", Level.MUST, "W060", "Each message says for itself whether it is compressed, and each"
                 " has a context of its own.", asked(mixed, GZIP, path=INPUT), READ)  # fmt: skip
    octets = packed(PLAIN)
    split = (data(STREAM, octets[index : index + 1], end_stream=index == len(octets) - 1)
             for index in range(len(octets)))  # fmt: skip
    yield server("GRP-07.split", Level.MUST, "W051", "A compressed message may come octet by octet.",
                 (send(headers(idle(), *head(UNARY), GZIP), *split), ANSWERED),
                 READ)  # fmt: skip
    for name, coding in {"unknown": b"x-unknown", "brotli": b"br", "upper": b"GZIP", "list": b"gzip, deflate"}.items():
        yield server(
            f"GRP-07.coding-{name}", Level.MUST, "W064", "A message in a coding that the server does not know is"
            " UNIMPLEMENTED.", asked(framed(b"compressed", 1), Literal(ENCODING, coding)), UNREAD,
        )  # fmt: skip
    yield server(
        "GRP-07.coding-unused", Level.MUST, "W064", "Where nothing is compressed with it, it may also be served.",
        asked(framed(PLAIN), Literal(ENCODING, b"x-unknown")), READ,
    )  # fmt: skip


def _spoilt() -> Iterator[Case]:
    for name, octets in SPOILT.items():
        yield server(
            f"GRP-07.spoilt-{name}", Level.MUST, "W066", "What its coding cannot decode is INTERNAL.",
            asked(framed(octets, 1), GZIP), status(INTERNAL, UNIMPLEMENTED),
        )  # fmt: skip
    yield server(
        "GRP-07.spoilt-empty", Level.MAY, "W066", "No octets at all are no gzip; some read the empty message.",
        asked(framed(b"", 1), GZIP), status(INTERNAL, UNIMPLEMENTED),
    )  # fmt: skip
    yield server(
        "GRP-07.behind", Level.MAY, "W066", "Octets behind the compressed data may be an error.",
        asked(framed(gzip.compress(PLAIN, mtime=0) + b"behind", 1), GZIP), either(status(INTERNAL), READ),
    )  # fmt: skip
    bomb = gzip.compress(simple(1, BOMB_OCTETS), mtime=0)
    yield server(
        "GRP-07.bomb", Level.MUST, "W057", "The limit holds for the message that comes out, too: 12 MiB in 12 KiB.",
        asked(framed(bomb, 1), GZIP), status(RESOURCE_EXHAUSTED, UNIMPLEMENTED),
    )  # fmt: skip
    yield server(
        "GRP-07.bombs", Level.MUST, "W057", "Also where many come, one behind the other.",
        asked(packed(streamed(1)) + framed(bomb, 1), GZIP, path=INPUT), status(RESOURCE_EXHAUSTED, UNIMPLEMENTED),
    )  # fmt: skip


def _answers() -> Iterator[Case]:
    for name, value in {
        "all": b"identity,deflate,gzip",
        "spaces": b"identity, deflate, gzip",
        "unknown": b"x-unknown",
        "empty": b"",
        "commas": b",,gzip,",
        "long": b"x" * 1_000,
    }.items():
        yield server(
            f"GRP-07.accept-{name}", Level.MUST, "W061", "Whatever codings a client lists, its calls are served.",
            asked_with(Literal(ACCEPT, value)), works(),
        )  # fmt: skip
    wanted = framed(simple(2_000, response_compressed=BoolValue(value=True)))
    for name, fields in {
        "listed": (Literal(ACCEPT, b"identity,gzip"),),
        "not-listed": (Literal(ACCEPT, b"identity"),),
        "no-list": (),
    }.items():
        yield server(
            f"GRP-07.answer-{name}", Level.MUST, "W068", "An answer is compressed with what the client has listed (or"
            " used), or not at all.", asked(wanted, *fields), works(),
        )  # fmt: skip
    yield server(
        "GRP-07.other-way", Level.MUST, "W071", "The coding of the answer need not be that of the request.",
        asked(packed(PLAIN), GZIP, Literal(ACCEPT, b"identity")), either(works(), status(UNIMPLEMENTED, *ERRORS)),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _flags()
    yield from _codings()
    yield from _spoilt()
    yield from _answers()
