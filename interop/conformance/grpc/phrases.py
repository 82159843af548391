"""Pieces of scripts that many cases of the gRPC level share."""

from __future__ import annotations

from typing import Any

from interop.conformance.grpc.endings import clause
from interop.conformance.grpc.service import UNARY, framed, head, simple, unary
from interop.conformance.model import Await, Case, Expectation, Level, Role, Step, What, send
from interop.conformance.script import STREAM, Frame, Literal, data, headers, idle

ANSWERED = Await(What.ANSWER)


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
