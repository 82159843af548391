"""Pieces of scripts that many cases of the gRPC level share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from interop.conformance.grpc.endings import clause
from interop.conformance.grpc.service import UNARY, framed, head, simple, unary
from interop.conformance.grpc.tester import ANSWER, response, trailers
from interop.conformance.model import Await, Begin, Case, Expectation, Level, Role, Step, What, send
from interop.conformance.script import STREAM, Frame, Literal, Spec, data, headers, idle

ANSWERED = Await(What.ANSWER)
"""The other half of the call is over: a server's answer, a client's request."""

TOLD = Await(What.RESULT)
"""The client has told its user how the call ended."""

REPLY = framed(response(31))
"""A message that a client can read."""


# -- servers -----------------------------------------------------------------------------------------------------------


def server(
    name: str, level: Level, statement: str, reason: str, steps: tuple[Step, ...], allowed: Expectation, **more: Any
) -> Case:
    """A case for servers about a statement of docs/grpc-wire.md."""
    return Case(name, Role.SERVER, level, clause(statement), reason, steps, allowed, **more)


def asked(content: bytes, *extra: Literal, path: bytes = UNARY) -> tuple[Step, ...]:
    """A whole call, and its answer. `content` is that of the stream, prefixes and all."""
    return send(*unary(content, *extra, path=path)), ANSWERED


def asked_with(*extra: Literal) -> tuple[Step, ...]:
    """A good UnaryCall with more fields at the end of its head."""
    return asked(framed(simple(11)), *extra)


def asked_of(path: bytes, content: bytes = framed()) -> tuple[Step, ...]:
    """A call of any path."""
    return asked(content, path=path)


def pieces(path: bytes, *frames: Frame) -> tuple[Step, ...]:
    """A call whose DATA frames are given, and its answer."""
    return send(headers(idle(), *head(path)), *frames), ANSWERED


def in_data(*contents: bytes, ends: bool = True) -> tuple[Frame, ...]:
    """Contents in a DATA frame each, the last one with END_STREAM."""
    last = len(contents) - 1
    return tuple(data(STREAM, content, end_stream=ends and number == last) for number, content in enumerate(contents))


# -- clients -----------------------------------------------------------------------------------------------------------


def client(
    name: str, level: Level, statement: str, reason: str, steps: tuple[Step, ...], allowed: Expectation, **more: Any
) -> Case:
    """A case for clients about a statement of docs/grpc-wire.md."""
    return Case(name, Role.CLIENT, level, clause(statement), reason, steps, allowed, **more)


def called(deadline_s: float) -> tuple[Step, ...]:
    """The client makes its call with a deadline; the case `needs` "deadline"."""
    return (Begin(content=b"%g" % deadline_s),)


def told_after(*steps: Step) -> tuple[Step, ...]:
    """The client has made its call; the steps; it tells its user what came of it."""
    return (Begin(), ANSWERED, *steps, TOLD)


def answered(*specs: Spec) -> tuple[Step, ...]:
    """The client has made its call, and gets this."""
    return told_after(send(*specs))


def reply_of(size: int) -> tuple[Frame, Frame, Frame]:
    """An answer that is good: head, message, trailers."""
    end = headers(STREAM, *trailers(), end_stream=True)
    return headers(STREAM, *ANSWER), data(STREAM, framed(response(size))), end


def content_in(content: bytes, part: int = 16_384, padding: int | None = None) -> Iterator[Step]:
    """DATA frames with so much of the content each, as the windows allow it."""
    for start in range(0, len(content), part):
        piece = content[start : start + part]
        yield Await(What.WINDOW, STREAM, len(piece) + (0 if padding is None else padding + 1))
        yield send(data(STREAM, piece, padding=padding))
