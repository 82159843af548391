"""Retries: whether a call that failed is made again, when, and with what (gRFC A6).

    attempt fails  --  is the call committed?  ------------------------  yes: that is its status
                       is the code retryable, are attempts left?  -----  no:  that is its status
                       what does the server say (pushback)?  ----------  "no": that is its status
                       are there tokens (throttling)?  ----------------  no:  that is its status
                       wait, replay what was sent, and go on

A call is *committed* to an attempt as soon as the server's Response-Headers have come (the caller has seen them), or
what it has sent is too much to be kept for a replay. `CallRetry` is one call's part, `Throttle` the one that all calls
of a channel share. Both are without I/O; randomness is an argument.

What is made again without a policy, because the server's application never saw it, is another matter: transparent
retries, in `aio.call`. They count for nothing here.
"""

from __future__ import annotations

from typing import Final, Protocol

from grpc_core.service_config import RetryPolicy, Throttling
from grpc_core.status import StatusCode

JITTER: Final = 0.2
"""gRFC A6: the delay is spread by `random(0.8, 1.2)`."""

BUFFER_BYTES_MAX: Final = 262_144
"""`grpc.per_rpc_retry_buffer_size`: what a call may keep of its requests."""

PUSHBACK: Final = "grpc-retry-pushback-ms"


class Throttle:
    """Tokens: a failure takes one, a success gives back a part of one; below half of them nothing is made again."""

    __slots__ = ("_config", "tokens")

    def __init__(self, config: Throttling) -> None:
        self._config = config
        self.tokens = config.tokens_max

    def failed(self) -> None:
        """An attempt failed with a retryable status, or the server said not to retry."""
        self.tokens = max(self.tokens - 1, 0.0)

    def succeeded(self) -> None:
        """An attempt ended with OK."""
        self.tokens = min(self.tokens + self._config.token_ratio, self._config.tokens_max)

    @property
    def allows(self) -> bool:
        """Whether calls may be made again."""
        return self.tokens > self._config.tokens_max / 2


class Sink(Protocol):
    """What requests are sent on: `calls.ClientCall`."""

    def send_message(self, message: bytes, end: bool = False, *, plain: bool = False) -> None: ...

    def half_close(self) -> None: ...


class CallRetry:
    """One call's attempts. `attempts` counts those that were made because of the policy, with the first."""

    __slots__ = (
        "_backoffs",
        "_bytes",
        "_bytes_max",
        "_ended",
        "_policy",
        "_sent",
        "_throttle",
        "attempts",
        "committed",
    )

    def __init__(self, policy: RetryPolicy, throttle: Throttle | None, bytes_max: int = BUFFER_BYTES_MAX) -> None:
        self._policy = policy
        self._throttle = throttle
        self._bytes_max = bytes_max
        self._bytes = 0
        self._sent: list[tuple[bytes, bool]] = []
        self._ended = False
        self._backoffs = 0
        self.attempts = 1
        self.committed = False

    # -- what was sent -------------------------------------------------------------------------------------------------

    def has_room_for(self, length: int) -> bool:
        """Whether a request of this length can be kept."""
        return self._bytes + length <= self._bytes_max

    def keep(self, message: bytes, *, plain: bool = False) -> None:
        """A request was sent: keep it for a replay, as long as there is room for all of them."""
        if self.committed:
            return
        if self.has_room_for(len(message)):
            self._bytes += len(message)
            self._sent.append((message, plain))
        else:
            self.commit()

    def half_closed(self) -> None:
        """No request follows."""
        self._ended = True

    def replay(self, sink: Sink) -> None:
        """Send everything again that was sent."""
        for message, plain in self._sent:
            sink.send_message(message, plain=plain)
        if self._ended:
            sink.half_close()

    def commit(self) -> None:
        """There will be no other attempt; what was kept for one is given up."""
        self.committed = True
        self._sent.clear()

    # -- what becomes of an attempt ------------------------------------------------------------------------------------

    def succeeded(self) -> None:
        """The call has ended with OK."""
        if self._throttle is not None:
            self._throttle.succeeded()

    def delay_s(self, code: StatusCode, pushback: str | None, random: float) -> float | None:
        """An attempt has failed: after how many seconds the next one is made; None when there is none.

        `pushback` is what the server's trailers say, `random` is from 0 to 1. The caller makes the next attempt.
        """
        wait_ms = None if pushback is None else milliseconds(pushback)
        refused = pushback is not None and wait_ms is None
        retryable = code in self._policy.codes
        if self._throttle is not None and (retryable or refused):
            self._throttle.failed()
        if self.committed or refused or not retryable or self.attempts >= self._policy.attempts_max:
            return None
        if self._throttle is not None and not self._throttle.allows:
            return None
        self.attempts += 1
        if wait_ms is not None:
            self._backoffs = 0  # "the backoff is reset": the one after this begins anew
            return wait_ms / 1000
        policy = self._policy
        # A float overflows only after hundreds of attempts; there are at most five.
        grown = min(policy.initial_backoff_s * policy.backoff_multiplier**self._backoffs, policy.maximum_backoff_s)
        self._backoffs += 1
        return grown * (1 - JITTER + 2 * JITTER * random)


def milliseconds(pushback: str) -> int | None:
    """What a server asks to wait; None for a negative number and for what is none, which both mean: do not retry."""
    return int(pushback) if pushback.isascii() and pushback.isdigit() and len(pushback) < 10 else None
