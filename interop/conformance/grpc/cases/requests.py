"""GRP-01 to GRP-03: the head of a request, as a server reads it.

Where gRPC demands no certain answer, what is demanded is that the method is not called: an error of any kind will do.
"""

from __future__ import annotations

from collections.abc import Iterator

from interop.conformance.grpc.endings import (
    ANY,
    ERRORS,
    INTERNAL,
    UNIMPLEMENTED,
    either,
    http,
    malformed,
    status,
    works,
)
from interop.conformance.grpc.phrases import ANSWERED, asked_of, asked_with, server
from interop.conformance.grpc.service import GRPC_FIELDS, UNARY, framed, head, simple
from interop.conformance.model import Case, Level, Step, send
from interop.conformance.script import (
    POST,
    STREAM,
    Block,
    Literal,
    Symbol,
    data,
    headers,
    idle,
    replacing,
    settings,
    without,
)

SERVICE = UNARY.rpartition(b"/")[0]
MALFORMED = malformed()
"""Malformed in HTTP/2 (RFC 9113 §8.1.1), or refused by gRPC."""

ACCEPTED = {
    "plain": b"application/grpc",
    "proto": b"application/grpc+proto",
}
REFUSED = {
    "text": b"text/plain",
    "json": b"application/json",
    "x-protobuf": b"application/x-protobuf",
    "form": b"application/x-www-form-urlencoded",
    "empty": b"",
    "in-front": b"x-application/grpc",
}
LONGER = {
    "longer": b"application/grpcfoo",
    "web": b"application/grpc-web",
    "web-proto": b"application/grpc-web+proto",
    "web-text": b"application/grpc-web-text",
}
METHODS = ("GET", "PUT", "HEAD", "OPTIONS", "PATCH", "DELETE", "post")
NOT_METHODS = {
    "no-slash": SERVICE[1:] + b"/UnaryCall",
    "no-method": SERVICE,
    "empty-method": SERVICE + b"/",
    "empty-service": b"//UnaryCall",
    "root": b"/",
    "slash-behind": UNARY + b"/",
    "slash-twice": SERVICE + b"//UnaryCall",
    "slash-in-front": b"/" + UNARY,
    "prefix": b"/api" + UNARY,
    "dots": b"/other/.." + UNARY,
    "query": UNARY + b"?a=b",
    "percent": UNARY.replace(b"U", b"%55"),
    "service-case": UNARY.replace(b"TestService", b"testservice"),
    "method-case": UNARY.replace(b"Unary", b"unary"),
    "no-package": b"/TestService/UnaryCall",
    "space": UNARY + b" x",
    "utf-8": SERVICE + "/Únary".encode(),
    "long": SERVICE + b"/" + b"x" * 2_000,
}
UNKNOWN_METHODS = {
    "method": SERVICE + b"/UnimplementedCall",
    "service": b"/grpc.testing.UnimplementedService/UnimplementedCall",
    "both": b"/no.such.Service/NoSuchMethod",
}


def _head_with(block: Block) -> tuple[Step, ...]:
    return send(headers(idle(), *block), data(STREAM, framed(simple(11)), end_stream=True)), ANSWERED


def _typed(value: bytes) -> tuple[Step, ...]:
    return _head_with(replacing(head(), b"content-type", value))


def _content_types() -> Iterator[Case]:
    for name, value in ACCEPTED.items():
        yield server(
            f"GRP-01.{name}", Level.MUST, "W005",
            f"A request with the content-type {value.decode()} is a call.", _typed(value), works(),
        )  # fmt: skip
    may = either(works(), status(UNIMPLEMENTED, INTERNAL), http(415))
    yield server(
        "GRP-01.as-json", Level.MUST, "W005", "+json is a call, if only in a coding that is not served.",
        _typed(b"application/grpc+json"), may,
    )  # fmt: skip
    yield server(
        "GRP-01.custom", Level.MUST, "W005", "Any coding may follow the plus; one that is not served is refused.",
        _typed(b"application/grpc+x-custom"), may,
    )  # fmt: skip
    for name, value in {"charset": b";charset=utf-8", "parameter": b"; a=b"}.items():
        yield server(
            f"GRP-01.{name}", Level.SHOULD, "W005", "A content-type may have parameters.",
            _typed(b"application/grpc" + value), works(),
        )  # fmt: skip
    for name, value in REFUSED.items():
        yield server(
            f"GRP-01.{name}", Level.SHOULD, "W006",
            "Where the content-type does not begin with application/grpc, servers SHOULD answer 415 (no call is made).",
            _typed(value), http(415),
        )  # fmt: skip
    yield server(
        "GRP-01.none", Level.SHOULD, "W006", "A request without a content-type is no call.",
        _head_with(without(head(), b"content-type")), http(415),
    )  # fmt: skip
    for name, value in LONGER.items():
        yield server(
            f"GRP-01.{name}", Level.MAY, "W005",
            "A content-type that begins with application/grpc and goes on otherwise is not gRPC's.",
            _typed(value), http(415, others=ERRORS, resets=ANY),
        )  # fmt: skip


def _methods() -> Iterator[Case]:
    for method in METHODS:
        yield server(
            f"GRP-02.{method}", Level.SHOULD, "W007", "Calls are POST; another method calls nothing.",
            _head_with(replacing(head(), b":method", method.encode())),
            http(405, *range(400, 600), others=ERRORS, resets=ANY),
        )  # fmt: skip
    te = without(head(), b"te")
    yield server(
        "GRP-02.te-missing", Level.MAY, "W004",
        "A server may refuse a request without te: trailers, which finds proxies that are no good; it need not.",
        _head_with(te), either(works(), MALFORMED),
    )  # fmt: skip
    yield server(
        "GRP-02.te-other", Level.SHOULD, "W004", "Another value of te than trailers is malformed (RFC 9113 §8.2.2).",
        _head_with((*te, Literal(b"te", b"gzip"))), MALFORMED,
    )  # fmt: skip
    for name, path in NOT_METHODS.items():
        yield server(
            f"GRP-02.path-{name}", Level.MUST, "W016",
            "A path that is not /service/method of a method there is, is UNIMPLEMENTED; nothing is called, whatever it"
            " may be made to look like.",
            asked_of(path), status(UNIMPLEMENTED, *ERRORS, resets=ANY, statuses=range(400, 500)),
        )  # fmt: skip
    yield server(
        "GRP-02.path-empty", Level.MUST, "W016", "An empty :path is malformed (RFC 9113 §8.3.1).", asked_of(b""),
        malformed(UNIMPLEMENTED),
    )  # fmt: skip


def _heads() -> Iterator[Case]:
    """What else may be in a head, or must not."""
    block = head()
    for name, order in {"reversed": (3, 2, 1, 0), "path-first": (3, 2, 0, 1), "authority-first": (2, 0, 3, 1)}.items():
        yield server(
            f"GRP-02.order-{name}", Level.MUST, "W017", "Pseudo-header fields may come in any order.",
            _head_with((*(block[index] for index in order), *block[4:])), works(),
        )  # fmt: skip
    yield server(
        "GRP-02.order-metadata", Level.MUST, "W008", "The order in which clients should send the fields is not theirs"
        " to rely on who reads them: metadata may come first.",
        _head_with((*POST_UNARY, Literal(b"x-first", b"1"), *reversed(GRPC_FIELDS))), works(),
    )  # fmt: skip
    for name, value in {"grpc": b"grpc-ada/1.0", "odd": b"?", "long": b"grpc-" + b"x" * 500, "empty": b""}.items():
        yield server(
            f"GRP-02.agent-{name}", Level.MUST, "W012", "Whatever a user-agent is like, its calls are served.",
            asked_with(Literal(b"user-agent", value)), works(),
        )  # fmt: skip
    yield server(
        "GRP-02.message-type", Level.MUST, "W013", "grpc-message-type may be there, and means nothing.",
        asked_with(Literal(b"grpc-message-type", b"grpc.testing.SimpleRequest")), works(),
    )  # fmt: skip
    yield server(
        "GRP-02.upper-case", Level.MUST, "W009", "A field name in upper case is malformed.",
        asked_with(Literal(b"X-Upper", b"1")), MALFORMED,
    )  # fmt: skip
    yield server(
        "GRP-02.connection", Level.SHOULD, "W010", "A connection field makes a request malformed.",
        asked_with(Literal(b"connection", b"close")), MALFORMED,
    )  # fmt: skip
    yield server(
        "GRP-02.authorities", Level.MUST, "W011", "More than one :authority is refused.",
        _head_with((block[0], *block[1:3], Literal(b":authority", b"other.example"), *block[3:])), MALFORMED,
    )  # fmt: skip
    yield server(
        "GRP-02.host", Level.MUST, "W011", "Without :authority, host stands for it.",
        _head_with((*without(block, b":authority"), Literal(b"host", Symbol.AUTHORITY))), works(),
    )  # fmt: skip
    yield server(
        "GRP-02.no-authority", Level.MAY, "W011", "A request with neither :authority nor host may be served or not.",
        _head_with(without(block, b":authority")), either(works(), MALFORMED),
    )  # fmt: skip
    yield server(
        "GRP-02.setting", Level.MUST, "W036", "The setting for true binary metadata (65027) breaks nothing.",
        (send(settings((65_027, 1))), *asked_with()), works(),
    )  # fmt: skip
    yield server(
        "GRP-02.schemes", Level.MAY, "W002", "The other :scheme may be served, as behind a proxy that ends TLS.",
        _head_with(replacing(block, b":scheme", b"x-other")), either(works(), MALFORMED),
    )  # fmt: skip


POST_UNARY: Block = replacing(POST, b":path", UNARY)


def _unknown() -> Iterator[Case]:
    for name, path in UNKNOWN_METHODS.items():
        yield server(
            f"GRP-03.{name}", Level.MUST, "A9",
            "What is not served is UNIMPLEMENTED, in an answer with the HTTP status 200.",
            asked_of(path), status(UNIMPLEMENTED),
        )  # fmt: skip
    yield server(
        "GRP-03.messages", Level.MUST, "W092",
        "What a client still sends, of a call that has been refused, is read and given back to the connection.",
        (
            send(headers(idle(), *head(UNKNOWN_METHODS["both"]))),
            send(*(data(STREAM, framed(bytes(1_000))) for _ in range(10)), data(STREAM, b"", end_stream=True)),
            ANSWERED,
        ),
        status(UNIMPLEMENTED),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _content_types()
    yield from _methods()
    yield from _heads()
    yield from _unknown()
