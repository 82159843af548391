"""GRP-11 and GRP-13: how a client reads an answer: HTTP statuses, trailers, statuses and their messages, messages."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

from interop.conformance.grpc.calls import encode_text
from interop.conformance.grpc.cases.compression import BOMB_OCTETS
from interop.conformance.grpc.cases.responses import TEXTS
from interop.conformance.grpc.endings import (
    ERRORS,
    INTERNAL,
    PERMISSION_DENIED,
    RESOURCE_EXHAUSTED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    UNIMPLEMENTED,
    UNKNOWN,
    either,
    name_of,
    status,
    works,
)
from interop.conformance.grpc.phrases import REPLY, answered, client, content_in, reply_of, told_after
from interop.conformance.grpc.service import framed
from interop.conformance.grpc.tester import ANSWER, response, trailers
from interop.conformance.model import Case, Level, send
from interop.conformance.script import STREAM, Block, Instruction, Literal, data, headers, replacing

MAPPED = {400: INTERNAL, 401: UNAUTHENTICATED, 403: PERMISSION_DENIED, 404: UNIMPLEMENTED, 429: UNAVAILABLE,
          502: UNAVAILABLE, 503: UNAVAILABLE, 504: UNAVAILABLE}  # fmt: skip
OTHERS = (201, 204, 300, 301, 302, 304, 307, 402, 405, 408, 409, 413, 415, 418, 451, 500, 501, 505, 511, 599)
HTML: Block = (Literal(b"content-type", b"text/html"),)
SIZE = 31
TEXT = b"grpc-message"


def head(http_status: int, *fields: Instruction) -> Block:
    """The head of an answer."""
    return (Literal(b":status", b"%d" % http_status), *fields)


def _http_statuses() -> Iterator[Case]:
    reason = "An answer without grpc-status has the status that its HTTP status maps to"
    for number, code in {**MAPPED, **dict.fromkeys(OTHERS, UNKNOWN)}.items():
        said = f"{reason}: {number} is {name_of(code)}."
        yield client(f"GRP-11.{number}", Level.MUST, "A7", said,
                     answered(headers(STREAM, *head(number, *HTML), end_stream=True)), status(code))  # fmt: skip
        if number not in (204, 304):
            body = (headers(STREAM, *head(number, *HTML)), data(STREAM, b"<html>not gRPC</html>", end_stream=True))
            yield client(f"GRP-11.{number}-body", Level.MUST, "A7", said, answered(*body), status(code))
    for number in (404, 503):
        fields = head(number, Literal(b"content-type", b"application/grpc"))
        yield client(f"GRP-11.{number}-grpc", Level.MUST, "A7", f"{reason}, whatever its content-type is.",
                     answered(headers(STREAM, *fields, end_stream=True)), status(MAPPED[number]))  # fmt: skip
    for number in (400, 503):
        fields = head(number, Literal(b"content-type", b"application/grpc"), *trailers(7, Literal(TEXT, b"as I say")))
        yield client(f"GRP-11.{number}-status", Level.MUST, "W088", "grpc-status counts more than the HTTP status.",
                     answered(headers(STREAM, *fields, end_stream=True)), status(7, text="as I say"))  # fmt: skip
    continued = (headers(STREAM, *head(100)), headers(STREAM, *head(103, Literal(b"link", b"</>"))), *reply_of(SIZE))
    yield client("GRP-11.informational", Level.MUST, "W089", "1xx responses are skipped.", answered(*continued),
                 works())  # fmt: skip
    yield client("GRP-11.informational-end", Level.MUST, "W089", "A 1xx response that ends the stream is malformed.",
                 answered(headers(STREAM, *head(103), end_stream=True)), status(INTERNAL, *ERRORS))  # fmt: skip


def _endings() -> Iterator[Case]:
    """What is missing, or too much, at the end of an answer."""
    started = (headers(STREAM, *ANSWER), data(STREAM, framed(response(SIZE))))
    yield client("GRP-13.reply", Level.MUST, "W081", "Head, message, trailers: OK, and the reply.",
                 answered(*reply_of(SIZE)), works())  # fmt: skip
    for code in range(1, 17):
        fields = (*ANSWER, *trailers(code, Literal(TEXT, b"said%20so")))
        yield client(f"GRP-13.trailers-only-{code}", Level.MUST, "W082", "Trailers-Only is an answer.",
                     answered(headers(STREAM, *fields, end_stream=True)), status(code, text="said so"))  # fmt: skip
        yield client(f"GRP-13.status-{code}", Level.MUST, "W081", "The status is that of the trailers.",
                     answered(*started, headers(STREAM, *trailers(code, Literal(TEXT, b"why")), end_stream=True)),
                     status(code, text="why"))  # fmt: skip
    lost = status(UNKNOWN, INTERNAL)
    yield client("GRP-13.no-status", Level.MUST, "W087", "Trailers without grpc-status are UNKNOWN.",
                 answered(*started, headers(STREAM, Literal(b"x-trailer", b"1"), end_stream=True)),
                 status(UNKNOWN))  # fmt: skip
    yield client("GRP-13.no-status-head", Level.MUST, "W087", "So is a head that is the whole answer and has none.",
                 answered(headers(STREAM, *ANSWER, end_stream=True)), lost)  # fmt: skip
    yield client("GRP-13.no-trailers", Level.MUST, "W087", "So is an answer that ends with its DATA.",
                 answered(*started, data(STREAM, b"", end_stream=True)), lost)  # fmt: skip
    yield client("GRP-13.trailers-open", Level.MUST, "W090", "A second head that does not end the stream is an error.",
                 answered(*started, headers(STREAM, *trailers())), status(INTERNAL, *ERRORS))  # fmt: skip
    yield client("GRP-13.head-twice", Level.MUST, "W090", "So is a second head in front of the message.",
                 answered(headers(STREAM, *ANSWER), headers(STREAM, *ANSWER), *started[1:],
                          headers(STREAM, *trailers(), end_stream=True)), status(INTERNAL, *ERRORS))  # fmt: skip
    late = (send(data(STREAM, b"late", end_stream=True)),)
    yield client("GRP-13.data-behind", Level.MAY, "W093", "What comes behind the trailers changes nothing any more.",
                 (*answered(*reply_of(SIZE)), *late), either(works(), status(INTERNAL, *ERRORS)),
                 barrier=False, probe=False)  # fmt: skip
    yield client("GRP-13.status-in-head", Level.MAY, "W080", "A grpc-status that trailers follow is not the status.",
                 answered(headers(STREAM, *ANSWER, *trailers(5)), *started[1:],
                          headers(STREAM, *trailers(), end_stream=True)),
                 either(works(), status(5, *ERRORS)))  # fmt: skip
    for name, kind in {"proto": b"application/grpc+proto", "charset": b"application/grpc;charset=utf-8"}.items():
        level = Level.MUST if name == "proto" else Level.SHOULD
        fields = replacing(ANSWER, b"content-type", kind)
        yield client(f"GRP-13.type-{name}", level, "W005", "A content-type of gRPC may say more.",
                     answered(headers(STREAM, *fields), *reply_of(SIZE)[1:]), works())  # fmt: skip
    for name, fields in {"text": head(200, Literal(b"content-type", b"text/plain")), "none": head(200)}.items():
        yield client(f"GRP-13.type-{name}", Level.MUST, "W091", "A 200 that is not gRPC, and no status, is UNKNOWN.",
                     answered(headers(STREAM, *fields), data(STREAM, b"hello", end_stream=True)),
                     status(UNKNOWN, INTERNAL))  # fmt: skip
        yield client(f"GRP-13.type-{name}-status", Level.MAY, "W091", "With a status it may be taken for gRPC.",
                     answered(headers(STREAM, *fields, *trailers(9), end_stream=True)),
                     status(UNKNOWN, 9, INTERNAL))  # fmt: skip


def _statuses() -> Iterator[Case]:
    def ending(value: bytes, *extra: Literal) -> Block:
        return (*ANSWER, *trailers(value, *extra))

    for value in (b"17", b"99", b"255", b"4294967296"):
        yield client(f"GRP-13.unknown-{value.decode()}", Level.MUST, "W085", "A status that there is not is UNKNOWN.",
                     answered(headers(STREAM, *ending(value, Literal(TEXT, b"new")), end_stream=True)),
                     status(UNKNOWN, min(int(value), 2**31), INTERNAL))  # fmt: skip
    for name, value in {"word": b"OK", "empty": b"", "sign": b"+0", "minus": b"-1", "point": b"0.0", "hex": b"0x0",
                        "inner-space": b"1 3", "list": b"0, 0"}.items():  # fmt: skip
        yield client(f"GRP-13.not-a-number-{name}", Level.MUST, "W085", "What is no number is UNKNOWN, and never OK.",
                     answered(headers(STREAM, *ANSWER), data(STREAM, framed(response(SIZE))),
                              headers(STREAM, *trailers(value), end_stream=True)),
                     status(UNKNOWN, INTERNAL, *ERRORS))  # fmt: skip
    yield client("GRP-13.leading-zero", Level.MAY, "W081", "A leading zero is not to be written, and may be read.",
                 answered(*reply_of(SIZE)[:2], headers(STREAM, *trailers(b"00"), end_stream=True)),
                 either(works(), status(UNKNOWN, INTERNAL)))  # fmt: skip
    for name, text in TEXTS.items():
        yield client(f"GRP-13.text-{name}", Level.MUST, "W083", "grpc-message is percent-encoded UTF-8.",
                     answered(headers(STREAM, *ending(b"9", Literal(TEXT, _encoded(text))), end_stream=True)),
                     status(9, text=text))  # fmt: skip
    for name, (value, text) in {
        "lower-hex": (b"%e2%98%ba", "☺"),
        "all-encoded": (b"%41%42", "AB"),
        "bad-hex": (b"a%20b%zz", "a b%zz"),
        "cut-hex": (b"a%4", "a%4"),
        "cut-percent": (b"a%", "a%"),
        "plus": (b"a+b", "a+b"),
    }.items():
        yield client(f"GRP-13.decode-{name}", Level.MUST, "W083", "A grpc-message that is badly encoded is not lost.",
                     answered(headers(STREAM, *ending(b"9", Literal(TEXT, value)), end_stream=True)),
                     status(9, text=text))  # fmt: skip
    yield client("GRP-13.decode-not-utf-8", Level.MUST, "W083", "Octets that are no UTF-8 do not hide the status.",
                 answered(headers(STREAM, *ending(b"9", Literal(TEXT, b"%FF%FE")), end_stream=True)),
                 status(9))  # fmt: skip
    for name, literal in {"illegal-bin": Literal(b"x-some-bin", b"!!!"), "details": Literal(
        b"grpc-status-details-bin", b"CAUSAndoeQ"), "unknown": Literal(b"grpc-x-unknown", b"1")}.items():  # fmt: skip
        yield client(f"GRP-13.trailing-{name}", Level.MUST, "W034", "Odd trailing metadata does not hide the status.",
                     answered(headers(STREAM, *ending(b"5", literal), end_stream=True)),
                     status(5, INTERNAL, UNKNOWN))  # fmt: skip


def _encoded(text: str) -> bytes:
    """A message, whose spaces at the ends are encoded too: RFC 9113 §8.2.1 wants none there."""
    value = encode_text(text)
    if value[:1] == b" ":
        value = b"%20" + value[1:]
    return value[:-1] + b"%20" if value[-1:] == b" " else value


def _messages() -> Iterator[Case]:
    end = headers(STREAM, *trailers(), end_stream=True)
    open_ = headers(STREAM, *ANSWER)
    not_one = status(UNIMPLEMENTED, INTERNAL)
    yield client("GRP-13.no-message", Level.MUST, "W056", "OK without the one message that is due is an error.",
                 answered(open_, end), not_one)  # fmt: skip
    yield client("GRP-13.no-message-at-all", Level.MUST, "W056", "So is Trailers-Only with OK.",
                 answered(headers(STREAM, *ANSWER, *trailers(), end_stream=True)), not_one)  # fmt: skip
    yield client("GRP-13.two-messages", Level.MUST, "W056", "So are two messages.",
                 answered(open_, data(STREAM, REPLY + REPLY), end), not_one)  # fmt: skip
    yield client("GRP-13.two-messages-frames", Level.MUST, "W056", "In whatever frames.",
                 answered(open_, data(STREAM, REPLY), data(STREAM, REPLY), end), not_one)  # fmt: skip
    for flag in (2, 0x80, 0xFF):
        yield client(f"GRP-13.flag-{flag}", Level.MUST, "W052", "The compressed flag is 0 or 1.",
                     answered(open_, data(STREAM, framed(response(SIZE), flag)), end),
                     status(INTERNAL, *ERRORS))  # fmt: skip
    for cut in (1, 4, 5, 9, len(REPLY) - 1):
        yield client(f"GRP-13.cut-{cut}", Level.MUST, "W055", "An answer that ends inside its message is INTERNAL.",
                     answered(open_, data(STREAM, REPLY[:cut]), end),
                     status(INTERNAL, UNIMPLEMENTED, UNKNOWN))  # fmt: skip
    yield client("GRP-13.cut-behind", Level.MUST, "W055", "So is one that ends inside a second one.",
                 answered(open_, data(STREAM, REPLY + b"\0\0\0"), end),
                 status(INTERNAL, UNIMPLEMENTED, UNKNOWN))  # fmt: skip
    yield client("GRP-13.not-protobuf", Level.MUST, "A9", "A message that cannot be parsed is INTERNAL.",
                 answered(open_, data(STREAM, framed(b"\xff\xff\xff")), end), status(INTERNAL))  # fmt: skip
    for name, length in {"limit-and-1": 4 * 1024 * 1024 + 1, "2-gibi": 2**31, "4-gibi-less-1": 2**32 - 1}.items():
        yield client(f"GRP-13.over-{name}", Level.MUST if length > 2**30 else Level.SHOULD, "W057",
                     "A message over the limit is RESOURCE_EXHAUSTED by its prefix.",
                     answered(open_, data(STREAM, framed(b"", 0, length))), status(RESOURCE_EXHAUSTED))  # fmt: skip
    for name, content in {"whole": (REPLY,), "octets": tuple(REPLY[at : at + 1] for at in range(len(REPLY))),
                          "empty-frames": (b"", REPLY[:2], b"", REPLY[2:], b"")}.items():  # fmt: skip
        yield client(f"GRP-13.split-{name}", Level.MUST, "W051", "DATA frames have nothing to do with messages.",
                     answered(open_, *(data(STREAM, part) for part in content), end), works())  # fmt: skip
    yield client("GRP-13.empty-reply", Level.MUST, "W053", "A message of no octets is a message.",
                 answered(open_, data(STREAM, framed()), end), works())  # fmt: skip
    yield client("GRP-13.large", Level.MUST, "W051", "A reply may be larger than the windows are at first.",
                 told_after(send(open_), *content_in(framed(response(314_159))), send(end)), works())  # fmt: skip


def _codings() -> Iterator[Case]:
    end = headers(STREAM, *trailers(), end_stream=True)

    def coded(name: bytes) -> Block:
        return (*ANSWER, Literal(b"grpc-encoding", name))

    packed = gzip.compress(response(SIZE), mtime=0)
    yield client("GRP-13.gzip", Level.MUST, "W060", "A reply in gzip is read, or is INTERNAL where it was not offered.",
                 answered(headers(STREAM, *coded(b"gzip")), data(STREAM, framed(packed, 1)), end),
                 either(works(), status(INTERNAL)))  # fmt: skip
    yield client("GRP-13.gzip-plain", Level.MUST, "W070", "Flag 0 is plain, whatever the head names.",
                 answered(headers(STREAM, *coded(b"gzip")), data(STREAM, REPLY), end),
                 either(works(), status(INTERNAL)))  # fmt: skip
    yield client("GRP-13.flag-1", Level.MUST, "W063", "The compressed flag without a coding is INTERNAL.",
                 answered(headers(STREAM, *ANSWER), data(STREAM, framed(packed, 1)), end),
                 status(INTERNAL))  # fmt: skip
    yield client("GRP-13.flag-1-identity", Level.MUST, "W063", "So it is with identity.",
                 answered(headers(STREAM, *coded(b"identity")), data(STREAM, framed(response(SIZE), 1)), end),
                 status(INTERNAL))  # fmt: skip
    yield client("GRP-13.coding-unknown", Level.MUST, "W065", "A coding that the client does not know is INTERNAL.",
                 answered(headers(STREAM, *coded(b"x-unknown")), data(STREAM, framed(b"abc", 1)), end),
                 status(INTERNAL))  # fmt: skip
    for name, octets in {"not": b"no gzip", "cut": packed[:-9], "crc": packed[:-8] + bytes(8)}.items():
        yield client(f"GRP-13.gzip-{name}", Level.MUST, "W066", "What its coding cannot decode is INTERNAL.",
                     answered(headers(STREAM, *coded(b"gzip")), data(STREAM, framed(octets, 1)), end),
                     status(INTERNAL))  # fmt: skip
    bomb = gzip.compress(response(BOMB_OCTETS), mtime=0)
    yield client("GRP-13.bomb", Level.MUST, "W057", "The limit holds for what comes out, too: 12 MiB in 12 KiB.",
                 answered(headers(STREAM, *coded(b"gzip")), data(STREAM, framed(bomb, 1)), end),
                 status(RESOURCE_EXHAUSTED, INTERNAL))  # fmt: skip


def cases() -> Iterator[Case]:
    """All of them."""
    yield from _http_statuses()
    yield from _endings()
    yield from _statuses()
    yield from _messages()
    yield from _codings()
