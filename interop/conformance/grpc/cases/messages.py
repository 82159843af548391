"""GRP-05, GRP-06, GRP-08: length-prefixed messages, where DATA frames cut them, and how many a method takes."""

from __future__ import annotations

from collections.abc import Iterator

from http2.errors import ErrorCode
from interop.conformance.grpc.endings import (
    ANY,
    CANCELLED,
    ERRORS,
    INTERNAL,
    RESOURCE_EXHAUSTED,
    UNIMPLEMENTED,
    UNKNOWN,
    either,
    status,
    works,
)
from interop.conformance.grpc.phrases import ANSWERED, asked, in_data, pieces, server
from interop.conformance.grpc.service import (
    DUPLEX,
    EMPTY,
    INPUT,
    OUTPUT,
    UNARY,
    framed,
    head,
    output,
    simple,
    streamed,
    unary,
)
from interop.conformance.model import Await, Case, Finish, Level, Step, What, send
from interop.conformance.script import STREAM, begun, data, headers, idle, rst_stream

REQUEST = framed(simple(11))
FLAGS = (2, 3, 4, 0x10, 0x80, 0x81, 0xFE, 0xFF)
LIMIT = 4 * 1024 * 1024
TOO_LONG = {"limit-and-1": LIMIT + 1, "64-mebi": 2**26, "2-gibi-less-1": 2**31 - 1, "2-gibi": 2**31,
            "4-gibi-less-1": 2**32 - 1}  # fmt: skip
PART = 16_384
NOT_ONE = status(UNIMPLEMENTED, INTERNAL)
"""Not the number of messages that a method takes: statuscodes.md says UNIMPLEMENTED, many say INTERNAL."""


def _prefixes() -> Iterator[Case]:
    for flag in FLAGS:
        yield server(
            f"GRP-05.flag-{flag}", Level.MUST, "W052", "The compressed flag is 0 or 1: another is no message.",
            asked(framed(simple(11), flag)), status(INTERNAL, *ERRORS, resets=ANY),
        )  # fmt: skip
    yield server(
        "GRP-05.flag-later", Level.MUST, "W052", "Also of a message that follows a good one.",
        asked(framed(streamed(3)) + framed(streamed(4), 2), path=INPUT), status(INTERNAL, *ERRORS, resets=ANY),
    )  # fmt: skip
    too_large = status(RESOURCE_EXHAUSTED, resets={ErrorCode.ENHANCE_YOUR_CALM})
    for name, length in TOO_LONG.items():
        level = Level.MUST if length > 2**26 else Level.SHOULD
        yield server(
            f"GRP-05.{name}", level, "W057",
            "A message over the limit (4 MiB by default) is refused by its prefix; nothing of it is waited for.",
            (send(headers(idle(), *head(UNARY)), data(STREAM, framed(b"", 0, length))), ANSWERED), too_large,
        )  # fmt: skip
        yield server(
            f"GRP-05.{name}-ended", level, "W058", "A length that never comes is an error, whatever it is.",
            asked(framed(b"a few", 0, length)),
            status(RESOURCE_EXHAUSTED, INTERNAL, UNIMPLEMENTED, resets={ErrorCode.ENHANCE_YOUR_CALM}),
        )  # fmt: skip
    yield server(
        "GRP-05.later", Level.MUST, "W057", "Also of a message that follows a good one.",
        (send(headers(idle(), *head(INPUT)), data(STREAM, framed(streamed(3)) + framed(b"", 0, 2**32 - 1))), ANSWERED),
        too_large,
    )  # fmt: skip
    yield server(
        "GRP-05.mebi", Level.MUST, "W057", "A message of 1 MiB is below the limit, as windows allow it.",
        (send(headers(idle(), *head(UNARY))), *_large(framed(simple(12, 2**20))), ANSWERED), works(),
    )  # fmt: skip


def _large(content: bytes) -> Iterator[Step]:
    """DATA frames, each when the windows are open for it."""
    for start in range(0, len(content), PART):
        part = content[start : start + PART]
        yield Await(What.WINDOW, STREAM, len(part))
        yield send(data(STREAM, part, end_stream=start + PART >= len(content)))


def _boundaries() -> Iterator[Case]:
    reason = "DATA frames and messages have nothing to do with each other."

    def so(name: str, steps: tuple[Step, ...]) -> Case:
        return server(f"GRP-06.{name}", Level.MUST, "W051", reason, steps, works())

    octets = [REQUEST[index : index + 1] for index in range(len(REQUEST))]
    yield so("octet-by-octet", pieces(UNARY, *in_data(*octets)))
    for cut in range(1, len(REQUEST)):
        yield so(f"cut-{cut}", pieces(UNARY, *in_data(REQUEST[:cut], REQUEST[cut:])))
    yield so("end-apart", pieces(UNARY, *in_data(REQUEST, b"")))
    yield so("empty-frames", pieces(UNARY, *in_data(b"", REQUEST[:3], b"", b"", REQUEST[3:], b"", b"")))
    padded = [data(STREAM, octet, padding=index % 4) for index, octet in enumerate(octets)]
    yield so("padded", pieces(UNARY, *padded, data(STREAM, b"", end_stream=True, padding=200)))
    three = [framed(streamed(size)) for size in (1, 20, 300)]
    yield so("many-in-one", pieces(INPUT, *in_data(b"".join(three))))
    yield so("hundred-in-one", pieces(INPUT, *in_data(framed(streamed(1)) * 100)))
    yield so("across", pieces(INPUT, *in_data((three[0] + three[1])[:9], (three[0] + three[1])[9:] + three[2])))
    yield so("prefix-with-the-one-before", pieces(INPUT, *in_data(three[0] + three[1][:2], three[1][2:] + three[2])))
    yield server(
        "GRP-06.empty-message", Level.MUST, "W053", "A message of no octets is a message.", asked(framed(), path=EMPTY),
        works(),
    )  # fmt: skip
    yield server(
        "GRP-06.empty-messages", Level.MUST, "W053", "So are many of them.", asked(framed() * 50, path=INPUT), works(),
    )  # fmt: skip
    yield server(
        "GRP-06.no-message", Level.MUST, "W054", "END_STREAM on HEADERS is the end of the requests.",
        (send(headers(idle(), *head(DUPLEX), end_stream=True)), ANSWERED), works(),
    )  # fmt: skip
    yield server(
        "GRP-06.no-message-data", Level.MUST, "W054", "So it is on an empty DATA frame.",
        pieces(DUPLEX, *in_data(b"")), works(),
    )  # fmt: skip
    partial = status(INTERNAL, UNIMPLEMENTED, CANCELLED, UNKNOWN, resets=ANY)
    for cut in (*range(1, 6), len(REQUEST) - 1):
        yield server(
            f"GRP-06.ends-at-{cut}", Level.MUST, "W055", "END_STREAM inside a message is an error, and never a call.",
            asked(REQUEST[:cut]), partial,
        )  # fmt: skip
    for name, path, content in (
        ("input", INPUT, framed(streamed(3)) + framed(streamed(30))[:-1]),
        ("input-prefix", INPUT, framed(streamed(3)) + framed(streamed(30))[:2]),
        ("duplex", DUPLEX, framed(output(30))[:-1]),
    ):
        yield server(
            f"GRP-06.ends-in-{name}", Level.MUST, "W055", "So it is in a stream of requests.",
            asked(content, path=path), partial,
        )  # fmt: skip
    yield server(
        "GRP-06.not-protobuf", Level.MUST, "A9", "A message that cannot be parsed is an error of the call.",
        asked(framed(b"\xff\xff\xff\xff")), status(INTERNAL, *ERRORS),
    )  # fmt: skip


def _counts() -> Iterator[Case]:
    reason = "A method that takes one request is not called with another number of them."
    for name, path in (("unary", UNARY), ("empty", EMPTY), ("output", OUTPUT)):
        yield server(
            f"GRP-08.none-{name}", Level.MUST, "W056", reason,
            (send(headers(idle(), *head(path), end_stream=True)), ANSWERED), NOT_ONE,
        )  # fmt: skip
        yield server(
            f"GRP-08.none-{name}-data", Level.MUST, "W056", reason, pieces(path, *in_data(b"")), NOT_ONE,
        )  # fmt: skip
    for name, path, content in (("unary", UNARY, REQUEST), ("output", OUTPUT, framed(output(3)))):
        yield server(
            f"GRP-08.two-{name}", Level.MUST, "W056", reason, asked(content + content, path=path), NOT_ONE,
        )  # fmt: skip
        yield server(
            f"GRP-08.two-{name}-frames", Level.MUST, "W056", reason,
            pieces(path, *in_data(content, content)), NOT_ONE,
        )  # fmt: skip
    yield server(
        "GRP-08.three-at-once", Level.MUST, "W056", "Many are no better.", asked(REQUEST * 3), NOT_ONE,
    )  # fmt: skip


def _cancelled() -> Iterator[Case]:
    reason = "RST_STREAM ends a call at once, and nothing else."
    cancel = rst_stream(STREAM, ErrorCode.CANCEL)
    first = Await(What.CONTENT, STREAM, 6)
    open_call = (headers(idle(), *head(DUPLEX)), data(STREAM, framed(output(9))))
    yield server(
        "GRP-08.cancel-running", Level.MUST, "W101", reason, (send(*open_call), first, send(cancel)), works(),
    )  # fmt: skip
    yield server(
        "GRP-08.cancel-at-once", Level.MUST, "W101", reason, (send(headers(idle(), *head(INPUT)), cancel),), works(),
    )  # fmt: skip
    yield server(
        "GRP-08.cancel-in-message", Level.MUST, "W101", reason,
        (send(headers(idle(), *head(UNARY)), data(STREAM, REQUEST[:4]), cancel),), works(),
    )  # fmt: skip
    slow = unary(framed(output(9, interval_us=2_000_000)), path=OUTPUT)
    yield server(
        "GRP-08.cancel-slow", Level.MUST, "W101", "Also of a handler that is busy.", (send(*slow, cancel),), works(),
    )  # fmt: skip
    yield server(
        "GRP-08.cancel-other-code", Level.MUST, "W101", "Whatever the code is.",
        (send(*open_call), first, send(rst_stream(STREAM, ErrorCode.INTERNAL_ERROR))), works(),
    )  # fmt: skip
    yield server(
        "GRP-08.cancel-many", Level.MUST, "W101", "Many calls that are cancelled at once leave the others alone.",
        (
            send(headers(idle(), *head(DUPLEX)), data(STREAM, framed(output(5)))),
            *(send(headers(idle(), *head(UNARY)), data(STREAM, REQUEST), cancel) for _ in range(20)),
            send(data(begun(0), b"", end_stream=True)),
            Await(What.ANSWER, begun(0)),
        ),
        either(works(begun(0))), barrier=True,
    )  # fmt: skip
    yield server(
        "GRP-08.half-close", Level.MUST, "W001", "Requests may end long after the last of them.",
        (
            send(headers(idle(), *head(DUPLEX)), data(STREAM, framed(output(7, 8)))),
            Await(What.CONTENT, STREAM, 20),
            Finish(),
        ),
        works(),
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _prefixes()
    yield from _boundaries()
    yield from _counts()
    yield from _cancelled()
