"""GRP-12, GRP-14, GRP-15: how a client takes the end of a stream or of a connection, and what it sends.

The scenarios of the document `http2-interop-test-descriptions` are the lines of GRP-14.
"""

from __future__ import annotations

from collections.abc import Iterator

from http2.errors import ErrorCode, error_name
from http2.settings import INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE
from interop.conformance.grpc.endings import (
    CANCELLED,
    DEADLINE_EXCEEDED,
    ERRORS,
    INTERNAL,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    UNAVAILABLE,
    UNKNOWN,
    either,
    status,
    works,
)
from interop.conformance.grpc.phrases import (
    ANSWERED,
    REPLY,
    TOLD,
    answered,
    called,
    client,
    content_in,
    reply_of,
    told_after,
)
from interop.conformance.grpc.service import framed
from interop.conformance.grpc.tester import ANSWER, response, trailers
from interop.conformance.model import (
    Ask,
    Await,
    Barrier,
    Begin,
    Behave,
    Behaviour,
    Case,
    Close,
    Expectation,
    Finish,
    Level,
    What,
    send,
)
from interop.conformance.script import (
    STREAM,
    Literal,
    data,
    goaway,
    headers,
    ping,
    rst_stream,
    settings,
    unknown,
    window_update,
)

SIZE = 31
DEADLINE_S = 0.5
REFUSED = either(works(), status(UNAVAILABLE))
"""The call may be made again without asking, elsewhere or here, or its user is told that he may."""

RESETS: dict[int, Expectation] = {
    **dict.fromkeys((0, 1, 2, 4, 6, 9, 10), status(INTERNAL)),
    3: status(INTERNAL, RESOURCE_EXHAUSTED),
    5: status(INTERNAL, UNKNOWN, UNAVAILABLE),
    7: REFUSED,
    8: status(CANCELLED),
    11: status(RESOURCE_EXHAUSTED),
    12: status(PERMISSION_DENIED),
    13: status(INTERNAL, UNKNOWN, UNAVAILABLE),
    0xEE: status(INTERNAL, UNKNOWN),
}
"""The table of gRPC over HTTP2, "Errors"; where it has no row, what others do."""

ONE_MORE = Behave(answer=True)
"""Answer a call that is made again."""


def _resets() -> Iterator[Case]:
    started = (headers(STREAM, *ANSWER), data(STREAM, REPLY))
    for code, allowed in RESETS.items():
        name = error_name(code).lower().replace("_", "-")
        what = f"RST_STREAM {error_name(code)}"
        said = f"{what} is {allowed}."
        yield client(f"GRP-12.{name}", Level.MUST, "A8", said,
                     (Begin(), ANSWERED, ONE_MORE, send(rst_stream(STREAM, code)), TOLD), allowed)  # fmt: skip
        if code != ErrorCode.REFUSED_STREAM:
            yield client(f"GRP-12.{name}-after-head", Level.MUST, "A8", said,
                         answered(started[0], rst_stream(STREAM, code)), allowed)  # fmt: skip
            yield client(f"GRP-12.{name}-after-message", Level.MUST, "A8", f"{said} A message before it is no reply.",
                         answered(*started, rst_stream(STREAM, code)), allowed)  # fmt: skip
    yield client("GRP-12.after-trailers", Level.MUST, "W092", "RST_STREAM NO_ERROR behind the trailers takes nothing"
                 " away.", answered(*reply_of(SIZE), rst_stream(STREAM, ErrorCode.NO_ERROR)), works())  # fmt: skip
    yield client("GRP-12.early-trailers", Level.MUST, "W092", "Trailers may come before the request has ended, and"
                 " RST_STREAM NO_ERROR behind them.",
                 (Begin(), send(headers(STREAM, *ANSWER, *trailers(9), end_stream=True),
                                rst_stream(STREAM, ErrorCode.NO_ERROR)), TOLD), status(9))  # fmt: skip


def _scenarios() -> Iterator[Case]:
    """GRP-14: http2_test."""
    started = (headers(STREAM, *ANSWER), data(STREAM, REPLY[: len(REPLY) // 2]))
    failed = status(INTERNAL, UNKNOWN)
    yield client("GRP-14.rst-after-header", Level.MUST, "A8", "A reset behind the head: the call fails.",
                 answered(started[0], rst_stream(STREAM, 0)), failed)  # fmt: skip
    yield client("GRP-14.rst-during-data", Level.MUST, "A8", "A reset inside the message: the call fails.",
                 answered(*started, rst_stream(STREAM, 0)), failed)  # fmt: skip
    yield client("GRP-14.rst-after-data", Level.MUST, "A8", "A reset in the place of trailers: the call fails.",
                 answered(started[0], data(STREAM, REPLY), rst_stream(STREAM, 0)), failed)  # fmt: skip
    yield client("GRP-14.goaway", Level.MUST, "W152", "A call below the last stream of GOAWAY goes on.",
                 answered(goaway(STREAM, ErrorCode.NO_ERROR), *reply_of(SIZE)), works(), barrier=False,
                 probe=False)  # fmt: skip
    yield client("GRP-14.goaway-twice", Level.MUST, "W151", "So it does through the two of a graceful end.",
                 answered(goaway(2**31 - 1, ErrorCode.NO_ERROR), ping(), goaway(STREAM, ErrorCode.NO_ERROR),
                          *reply_of(SIZE)), works(), barrier=False, probe=False)  # fmt: skip
    yield client("GRP-14.goaway-above", Level.MUST, "W152", "A call above it may be made again, elsewhere.",
                 (Begin(), ANSWERED, send(goaway(0, ErrorCode.NO_ERROR)), TOLD), REFUSED, barrier=False,
                 probe=False)  # fmt: skip
    yield client("GRP-14.ping", Level.MUST, "W127", "PINGs around every frame are answered, and change nothing.",
                 (Begin(), Barrier(), ANSWERED, send(ping(b"before-1"), headers(STREAM, *ANSWER), ping(b"before-2"),
                  data(STREAM, framed(response(SIZE))), ping(b"before-3"), ping(b"before-4")), Await(What.PONG),
                  send(headers(STREAM, *trailers(), end_stream=True)), TOLD), works())  # fmt: skip
    yield client("GRP-14.max-streams", Level.MUST, "W122", "A server may allow one stream at once.",
                 answered(*reply_of(SIZE)), works(),
                 behaviour=Behaviour(settings=((MAX_CONCURRENT_STREAMS, 1),)))  # fmt: skip
    yield client("GRP-14.no-streams", Level.MUST, "W122", "Where none is allowed, the call waits until one is.",
                 (Barrier(), send(settings((MAX_CONCURRENT_STREAMS, 10))), *answered(*reply_of(SIZE))), works(),
                 behaviour=Behaviour(settings=((MAX_CONCURRENT_STREAMS, 0),)))  # fmt: skip
    content = framed(response(2_000))
    yield client("GRP-14.data-frame-padding", Level.MUST, "W124", "DATA frames of 5 octets and 255 of padding, more"
                 " than the windows hold.",
                 told_after(send(headers(STREAM, *ANSWER)), *content_in(content, 5, padding=255),
                            send(headers(STREAM, *trailers(), end_stream=True))), works())  # fmt: skip
    yield client("GRP-14.no-padding", Level.MUST, "W051", "DATA frames of 5 octets.",
                 told_after(send(headers(STREAM, *ANSWER)), *content_in(content, 5),
                            send(headers(STREAM, *trailers(), end_stream=True))), works())  # fmt: skip
    yield client("GRP-14.no-window", Level.MUST, "W125", "A request waits for a window, and goes when it opens.",
                 (Begin(), Barrier(), send(window_update(STREAM, 1_000)), ANSWERED, Finish()), works(),
                 behaviour=Behaviour(settings=((INITIAL_WINDOW_SIZE, 0),)))  # fmt: skip
    yield client("GRP-14.unknown-frame", Level.MUST, "W121", "Frames and settings of unknown kinds mean nothing.",
                 answered(unknown(0xEE, STREAM, b"unknown"), settings((65_027, 1), (0xEEEE, 7)), *reply_of(SIZE)),
                 works())  # fmt: skip
    yield client("GRP-14.header-list", Level.MUST, "W039", "A limit on header lists that a head fits into is none.",
                 answered(*reply_of(SIZE)), works(),
                 behaviour=Behaviour(settings=((MAX_HEADER_LIST_SIZE, 8_192),)))  # fmt: skip
    yield client("GRP-14.header-list-small", Level.MUST, "W039", "A head over it is not sent; the call fails.",
                 (Ask(), TOLD), status(RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE),
                 behaviour=Behaviour(settings=((MAX_HEADER_LIST_SIZE, 40),)), probe=False)  # fmt: skip


def _connections() -> Iterator[Case]:
    yield client("GRP-15.too-many-pings", Level.MUST, "W145", "Who is told that it pings too often loses its calls:"
                 " UNAVAILABLE.",
                 (Begin(), ANSWERED, send(goaway(STREAM, ErrorCode.ENHANCE_YOUR_CALM, b"too_many_pings")),
                  Close(), TOLD),
                 status(UNAVAILABLE, RESOURCE_EXHAUSTED), barrier=False, probe=False)  # fmt: skip
    for name, frames in {
        "before-head": (),
        "after-head": (headers(STREAM, *ANSWER),),
        "in-message": (headers(STREAM, *ANSWER), data(STREAM, REPLY[:7])),
        "after-message": (headers(STREAM, *ANSWER), data(STREAM, REPLY)),
    }.items():
        yield client(f"GRP-15.lost-{name}", Level.MUST, "W103", "When the connection is lost, the call is UNAVAILABLE"
                     " (one that nothing was heard of may be made again).",
                     (Begin(), ANSWERED, send(*frames), Close(), TOLD),
                     either(status(UNAVAILABLE), *([works()] if not frames else [])), barrier=False,
                     probe=False)  # fmt: skip
    yield client("GRP-15.deadline", Level.MUST, "W026", "When the deadline passes: DEADLINE_EXCEEDED.",
                 (*called(DEADLINE_S), ANSWERED, TOLD),
                 status(DEADLINE_EXCEEDED), needs=frozenset({"deadline"}))  # fmt: skip
    yield client("GRP-15.deadline-in-answer", Level.MUST, "W026", "Also when the answer has begun.",
                 (*called(DEADLINE_S), ANSWERED, send(headers(STREAM, *ANSWER), data(STREAM, REPLY)), TOLD),
                 status(DEADLINE_EXCEEDED), needs=frozenset({"deadline"}))  # fmt: skip
    yield client("GRP-15.deadline-kept", Level.MUST, "W020", "A deadline is told to the server, and an answer in time"
                 " is OK.", (*called(60.0), ANSWERED, Finish()), works(), needs=frozenset({"deadline"}))  # fmt: skip
    much = tuple(Literal(b"x-%d" % number, b"v" * 4_000) for number in range(4))
    yield client("GRP-15.much-metadata", Level.MUST, "W037", "More metadata than a client takes is an error, or OK.",
                 answered(headers(STREAM, *ANSWER, *much[:4]), *reply_of(SIZE)[1:]),
                 either(works(), status(RESOURCE_EXHAUSTED, *ERRORS)))  # fmt: skip
    yield client("GRP-15.metadata", Level.MUST, "W040", "Metadata in head and trailers is no reason to fail.",
                 answered(headers(STREAM, *ANSWER, Literal(b"x-some", b"1"), Literal(b"x-some-bin", b"q6s")),
                          data(STREAM, REPLY),
                          headers(STREAM, *trailers(0, Literal(b"x-more-bin", b"q6s=")), end_stream=True)),
                 works())  # fmt: skip
    yield client("GRP-15.upper-case", Level.MUST, "W009", "A field name in upper case is malformed: an error.",
                 answered(headers(STREAM, *ANSWER, Literal(b"X-Upper", b"1")), *reply_of(SIZE)[1:]),
                 status(INTERNAL, *ERRORS))  # fmt: skip


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _resets()
    yield from _scenarios()
    yield from _connections()
