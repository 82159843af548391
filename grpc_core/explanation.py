"""Why a call failed: what `RpcError.explain()` gives. Facts that this side has seen, nothing that it guesses.

A status says that a call failed. Whoever has to mend it asks other things: which addresses were tried, and what did
each say? Did TLS come about? What was the last frame, and whose? May I send it again? An `Explanation` answers these in
its fields, and as text, a fact a line:

    UNAVAILABLE: failed to connect to all addresses; ...
      target       dns:backend:50051
      tried        127.0.0.1:50051: ConnectionRefusedError [ECONNREFUSED]
      decided by   the way to the server: there was no connection
      again?       yes: the server has not seen the request

It holds plain values only, so it can be pickled with its error, and keeps no connection alive.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import NamedTuple

from grpc_core.status import StatusCode

_WIDTH = 13


class Attempt(NamedTuple):
    """One address that was tried, and why that came to nothing."""

    address: str
    problem: str
    errno: int | None = None

    def __str__(self) -> str:
        name = errno.errorcode.get(self.errno, str(self.errno)) if self.errno is not None else ""
        return f"{self.address}: {self.problem}" + (f" [{name}]" if name else "")


def failed_attempt(address: str, error: BaseException) -> Attempt:
    """What an exception says of an address. The numbers in errors of `ssl` and of name resolution are no errno."""
    name = type(error).__name__
    number = error.errno if isinstance(error, OSError) and type(error).__module__ != "ssl" else None
    if number not in errno.errorcode:
        number = None
    return Attempt(address, f"{name}: {error}" if str(error) else name, number)


@dataclass(frozen=True)
class Explanation:
    """What is known of a call that failed. Empty strings and tuples stand for what did not take place.

    Not a tuple, for which `"%s" % error.explain()` would not work.
    """

    code: StatusCode
    details: str
    target: str = ""
    """What the channel was made for."""
    tried: tuple[Attempt, ...] = ()
    """Addresses of the last round of connecting that failed, if the call had no connection."""
    peer: str = ""
    """The address at the other end of the connection that the call was on."""
    security: str = ""
    """How that connection is secured: the version of TLS and what ALPN agreed on, or "plaintext"."""
    goaway: str = ""
    """The last GOAWAY of that connection: its error code, last stream, and debug data."""
    decided_by: str = ""
    """The frame, or the event on this side, that ended the call."""
    attempts: int = 1
    """How often the request was sent, with retries that nobody saw."""
    is_unprocessed: bool = False
    """Whether it is certain that the server's application never saw the request."""

    @property
    def again(self) -> str:
        """Whether the call may be made again, and why."""
        if self.is_unprocessed:
            return "yes: the server has not seen the request"
        if self.code in (StatusCode.UNAVAILABLE, StatusCode.RESOURCE_EXHAUSTED):
            return "with care: this status often passes, but the server may have acted on the request"
        return "only if doing it twice does no harm: the server may have acted on the request"

    def __str__(self) -> str:
        facts = (
            ("target", self.target),
            *(("tried", str(attempt)) for attempt in self.tried),
            ("peer", self.peer),
            ("security", self.security),
            ("GOAWAY", self.goaway),
            ("decided by", self.decided_by),
            ("attempts", str(self.attempts) if self.attempts > 1 else ""),
            ("again?", self.again),
        )
        lines = [f"{self.code.name}: {self.details}"]
        lines += [f"  {name.ljust(_WIDTH)}{fact}" for name, fact in facts if fact]
        return "\n".join(lines)
