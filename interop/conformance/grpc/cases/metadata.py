"""GRP-09: metadata, as a server reads it and echoes it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

from interop.conformance.grpc.endings import ANY, ERRORS, INTERNAL, RESOURCE_EXHAUSTED, either, malformed, status, works
from interop.conformance.grpc.phrases import ANSWERED, asked, asked_with, server
from interop.conformance.grpc.service import DUPLEX, INITIAL, TRAILING, framed, head, output, simple
from interop.conformance.model import Await, Case, Finish, Level, What, send
from interop.conformance.script import STREAM, Literal, continuation, data, headers, idle, incremental, never_indexed

BINARIES = {
    "padded": b64encode(b"\xab\xab\xab\xab"),
    "unpadded": b64encode(b"\xab\xab\xab\xab").rstrip(b"="),
    "one-octet": b64encode(b"\x00").rstrip(b"="),
    "three-octets": b64encode(b"\x00\xff\xfe"),
    "plus-slash": b64encode(b"\xfb\xef\xff"),
    "many": b64encode(bytes(range(256))),
    "many-unpadded": b64encode(bytes(range(256))).rstrip(b"="),
}
ILLEGAL = {
    "characters": b"!!!!",
    "url-alphabet": b"-_-_",
    "length": b"QUJDR",
    "padding-inside": b"QQ==QUJD",
    "padding-first": b"=QUJ",
    "space": b"QU JD",
    "one": b"Q",
    "octets": b"\xab\xab\xab",
}
RESERVED = ("grpc-x-unknown", "grpc-status", "grpc-message", "grpc-trace-bin", "grpc-tags-bin",
            "grpc-previous-rpc-attempts", "grpc-retry-pushback-ms")  # fmt: skip


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _binaries()
    yield from _texts()
    yield from _sizes()


def _binaries() -> Iterator[Case]:
    for name, value in BINARIES.items():
        yield server(
            f"GRP-09.bin-{name}", Level.MUST, "W032", "A key that ends in -bin carries base64, padded or not.",
            asked_with(Literal(TRAILING, value)), works(),
        )  # fmt: skip
    yield server(
        "GRP-09.bin-joined", Level.MUST, "W033", "-bin values that were joined by commas are split before they are"
        " decoded.", asked_with(Literal(TRAILING, b"q6ur,QUJD")), works(),
    )  # fmt: skip
    yield server(
        "GRP-09.bin-empty", Level.MUST, "W032", "A -bin value may be empty.", asked_with(Literal(b"x-some-bin", b"")),
        works(),
    )  # fmt: skip
    for name, value in ILLEGAL.items():
        yield server(
            f"GRP-09.bin-illegal-{name}", Level.MUST, "W034",
            "What is no base64 is an error of the call or is left out, and hurts nobody else.",
            asked_with(Literal(b"x-some-bin", value)),
            either(status(INTERNAL, *ERRORS, resets=ANY, statuses=range(400, 500)), works()),
        )  # fmt: skip


def _texts() -> Iterator[Case]:
    for name, value in {"text": b"test_initial_metadata_value", "punctuation": b"!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~",
                        "spaces-inside": b"a b  c"}.items():  # fmt: skip
        yield server(
            f"GRP-09.ascii-{name}", Level.MUST, "W031", "Metadata is printable ASCII, and comes as it was sent.",
            asked_with(Literal(INITIAL, value)), works(),
        )  # fmt: skip
    yield server(
        "GRP-09.custom-metadata", Level.MUST, "W040", "Initial metadata comes before the first message, trailing"
        " metadata with the status.",
        (
            send(headers(idle(), *head(DUPLEX), Literal(INITIAL, b"first"), Literal(TRAILING, b"q6ur")),
                 data(STREAM, framed(output(7)))),
            Await(What.CONTENT, STREAM, 12),
            Finish(),
        ), works(),
    )  # fmt: skip
    for name, value in {"latin": b"caf\xe9", "utf-8": "☺".encode(), "tab": b"a\tb", "empty": b""}.items():
        yield server(
            f"GRP-09.value-{name}", Level.SHOULD, "W031", "A value that HTTP allows and gRPC does not is no error"
            " of the call.", asked_with(Literal(b"x-some", value)), works(),
        )  # fmt: skip
    for name in RESERVED:
        value = b"AAEC" if name.endswith("-bin") else b"1"
        yield server(
            f"GRP-09.{name}", Level.MUST, "W014", "Fields whose names begin with grpc- are gRPC's; what is not known of"
            " them is left alone.", asked_with(Literal(name.encode(), value)), works(),
        )  # fmt: skip
    yield server(
        "GRP-09.names", Level.MUST, "W030", "Keys are 0-9 a-z _ - and points.",
        asked_with(*(Literal(name, b"1") for name in (b"x_y", b"x.y", b"1", b"-", b"a-bin-a"))), works(),
    )  # fmt: skip
    yield server(
        "GRP-09.duplicates", Level.MUST, "W033", "A key may stand there more than once.",
        asked_with(Literal(b"x-some", b"1"), Literal(b"x-some", b"2"), Literal(b"x-some", b"1")), works(),
    )  # fmt: skip
    for name, literal in {"incremental": incremental(INITIAL, b"in the table"),
                          "never-indexed": never_indexed(INITIAL, b"nowhere"),
                          "huffman": Literal(INITIAL, b"huffman coded", huffman=True)}.items():  # fmt: skip
        yield server(
            f"GRP-09.hpack-{name}", Level.MUST, "W031", "Metadata comes through whatever HPACK makes of it.",
            asked_with(literal), works(),
        )  # fmt: skip
    block = (*head(), Literal(INITIAL, b"in two pieces"))
    yield server(
        "GRP-09.continuation", Level.MUST, "W001", "A head may need CONTINUATION.",
        (
            send(headers(idle(), *block[:3], end_headers=False), continuation(STREAM, *block[3:]),
                 data(STREAM, framed(simple(11)), end_stream=True)),
            ANSWERED,
        ), works(),
    )  # fmt: skip
    yield server(
        "GRP-09.trailers", Level.MAY, "W001", "A request has no trailers; some HTTP clients send them all the same.",
        (
            send(headers(idle(), *head()), data(STREAM, framed(simple(11))),
                 headers(STREAM, Literal(b"x-trailer", b"1"), end_stream=True)),
            ANSWERED,
        ), either(works(), status(INTERNAL, *ERRORS, resets=ANY)),
    )  # fmt: skip


def _sizes() -> Iterator[Case]:
    yield server(
        "GRP-09.four-kibi", Level.MUST, "W037", "4 KiB of metadata are below the limit of 8 KiB that is suggested.",
        asked_with(*(Literal(b"x-%d" % number, b"v" * 450) for number in range(8))), works(),
    )  # fmt: skip
    much = tuple(Literal(b"x-%d" % number, b"v" * 4_000) for number in range(12))
    yield server(
        "GRP-09.48-kibi", Level.MUST, "W037", "More than the server takes is an error of the call, or is served.",
        (
            send(headers(idle(), *head(), *much[:3], end_headers=False),
                 *(continuation(STREAM, *much[at : at + 3], end_headers=at == 9) for at in (3, 6, 9)),
                 data(STREAM, framed(simple(11)), end_stream=True)),
            ANSWERED,
        ),
        either(works(), malformed(RESOURCE_EXHAUSTED)),
    )  # fmt: skip
    few = asked(framed(simple(11)), *(Literal(b"x-%d" % number, b"") for number in range(60)))
    yield server("GRP-09.sixty-fields", Level.MUST, "W037", "Sixty empty fields are not many.", few, works())
