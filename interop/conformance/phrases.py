"""Pieces of scripts that many cases share, in the words of either role."""

from __future__ import annotations

from typing import NamedTuple

from http2.errors import ErrorCode
from interop.conformance.model import Begin, Finish, Role, Step, send
from interop.conformance.script import (
    OK,
    POST,
    STREAM,
    Block,
    Frame,
    Instruction,
    StreamId,
    continuation,
    data,
    goaway,
    headers,
    idle,
    ping,
    priority,
    rst_stream,
    settings,
    window_update,
)

EXCHANGE: tuple[Step, ...] = (Begin(end=True), Finish())
"""A request that goes well."""


def opened(role: Role) -> tuple[Step, ...]:
    """A stream on which we may send DATA."""
    return (Begin(),) if role is Role.SERVER else (Begin(), send(headers(STREAM, *OK)))


def before_head(role: Role) -> tuple[Step, ...]:
    """What must have happened before we may send a head: nothing, or the client's request."""
    return () if role is Role.SERVER else (Begin(),)


def head(role: Role) -> Block:
    """The head of our message, which does not end the stream."""
    return POST if role is Role.SERVER else OK


def head_stream(role: Role) -> StreamId:
    """The stream that our head is for: a new one, or the client's."""
    return idle() if role is Role.SERVER else STREAM


def message(role: Role, *block: Instruction) -> tuple[Step, ...]:
    """A message that has begun, with these instructions behind the pseudo-header fields of its head."""
    return (*before_head(role), send(headers(head_stream(role), *head(role), *block)))


def following(role: Role, *block: Instruction) -> tuple[Step, ...]:
    """One more exchange, with these instructions behind the pseudo-header fields of our head."""
    return (*message(role, *block), Finish())


class Sample(NamedTuple):
    """A frame as it should be, and the steps around it. `goes_on`: whether the connection takes a request
    afterwards."""

    name: str
    before: tuple[Step, ...]
    frame: Frame
    after: tuple[Step, ...]
    goes_on: bool = True


def samples(role: Role) -> list[Sample]:
    """A valid frame of every type that this role may be sent, but PUSH_PROMISE, which clients forbid."""
    finish: tuple[Step, ...] = (Finish(),)
    begun = opened(role)
    last = 2**31 - 1 if role is Role.CLIENT else 0  # a server's: what it may still answer; a client's: pushes
    return [
        Sample("data", begun, data(STREAM, b"sample"), finish),
        Sample("headers", before_head(role), headers(head_stream(role), *head(role)), finish),
        Sample("priority", begun, priority(STREAM), finish),
        Sample("rst-stream", begun, rst_stream(STREAM, ErrorCode.CANCEL), ()),
        Sample("settings", begun, settings(), finish),
        Sample("ping", begun, ping(b"a sample"), finish),
        Sample("goaway", begun, goaway(last, ErrorCode.NO_ERROR), finish, goes_on=False),
        Sample("window-update", begun, window_update(STREAM, 1), finish),
        Sample(
            "continuation",
            (*before_head(role), send(headers(head_stream(role), *head(role)[:1], end_headers=False))),
            continuation(STREAM, *head(role)[1:]),
            finish,
        ),
    ]
