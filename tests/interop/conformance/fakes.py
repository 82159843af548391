"""Servers that answer in every way a verdict has a name for: Plait's, with what it says changed on its way out."""

from __future__ import annotations

from collections.abc import Callable

from http2.errors import ErrorCode
from http2.frames import GOAWAY, RST_STREAM, build_goaway, build_rst_stream, unpack_header
from interop.conformance.driving import Delivery, Options
from interop.conformance.memory import TARGET, MemoryConnector
from interop.conformance.model import Case, Expectation, Level, Role, Step
from interop.conformance.run import Result, run_case
from interop.conformance.stacks.plait import PlaitClient, PlaitServer

Rewrite = Callable[["Fake", bytes], bytes]


def frames_of(octets: bytes) -> list[bytes]:
    """The octets of each frame."""
    frames = []
    while octets:
        length = 9 + (unpack_header(octets)[0] >> 8)
        frames.append(octets[:length])
        octets = octets[length:]
    return frames


class Fake(PlaitServer):
    """Plait's server, with each frame it says given to `rewrite`; closed where `closed` says so, too."""

    def __init__(self, rewrite: Rewrite) -> None:
        super().__init__()
        self.rewrite = rewrite
        self.closed: bool | None = None

    def receive(self, octets: bytes) -> bytes:
        return b"".join(self.rewrite(self, frame) for frame in frames_of(super().receive(octets)))

    @property
    def is_closed(self) -> bool:
        return super().is_closed if self.closed is None else self.closed


def frame_type(frame: bytes) -> int:
    return frame[3]


def silent(fake: Fake, frame: bytes) -> bytes:
    """Closes on every error, and says nothing."""
    if frame_type(frame) in (GOAWAY, RST_STREAM):
        fake.closed = True
    return b"" if fake.closed else frame


def with_code(code: int) -> Rewrite:
    """Gives every error this code."""

    def rewrite(fake: Fake, frame: bytes) -> bytes:
        if frame_type(frame) == GOAWAY:
            return build_goaway(int.from_bytes(frame[9:13], "big"), code)
        return build_rst_stream(int.from_bytes(frame[5:9], "big"), code) if frame_type(frame) == RST_STREAM else frame

    return rewrite


def escalating(fake: Fake, frame: bytes) -> bytes:
    """Makes a connection error of every stream error."""
    if frame_type(frame) != RST_STREAM:
        return b"" if fake.closed else frame
    fake.closed = True
    return build_goaway(1, int.from_bytes(frame[9:13], "big"))


def hanging(fake: Fake, frame: bytes) -> bytes:
    """Says nothing any more after an error, and does not close."""
    if frame_type(frame) in (GOAWAY, RST_STREAM):
        fake.closed = False
    return b"" if fake.closed is False else frame


def lingering(fake: Fake, frame: bytes) -> bytes:
    """Says GOAWAY and does not close."""
    if frame_type(frame) == GOAWAY:
        fake.closed = False
    return frame


def crashing(fake: Fake, frame: bytes) -> bytes:
    """Raises where an error is due."""
    if frame_type(frame) in (GOAWAY, RST_STREAM):
        raise KeyError("stream")
    return frame


def as_it_is(fake: Fake, frame: bytes) -> bytes:
    return frame


def connector(rewrite: Rewrite) -> MemoryConnector:
    """A server that says it this way, and Plait's client."""
    return MemoryConnector(lambda: Fake(rewrite), PlaitClient)


def case(*steps: Step, allowed: Expectation, level: Level = Level.MUST, role: Role = Role.SERVER) -> Case:
    """A case for a test."""
    return Case("TST-01.test", role, level, "RFC 9113 §5.4", "A test.", steps, allowed)


def run(
    wanted: Case, rewrite: Rewrite = as_it_is, delivery: Delivery = Delivery.WHOLE, *, fresh: bool = True
) -> Result:
    """The result of a case against a fake."""
    return run_case(wanted, connector(rewrite), TARGET, Options(delivery, fresh=fresh))


WRONG_CODE = int(ErrorCode.CANCEL)
