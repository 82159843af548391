"""Hedging: the same call several times at once, and the first answer counts (gRFC A6, "Hedging Policy").

    attempt 1  ----------------------------------------------------------------.
        attempt 2, `hedgingDelay` later, or when attempt 1 has failed  -------. |
            attempt 3 ...                                                     v v
                    the first that begins to answer is the call; the others are cancelled

It buys a better worst case with more load, for methods that do no harm when they run more than once. A status that is
not in `nonFatalStatusCodes` ends the call; one that is makes the next attempt begin at once. The server may put it off
or forbid it (pushback), and failures use up the same tokens as those of retries (throttling).

`CallHedging` is what one call decides, without I/O; `aio.hedges` has the attempts.
"""

from __future__ import annotations

import math

from grpc_core.retry import Throttle, milliseconds
from grpc_core.service_config import HedgingPolicy
from grpc_core.status import StatusCode


class CallHedging:
    """How many attempts of one call have begun, and whether another may."""

    __slots__ = ("_is_forbidden", "_policy", "_throttle", "begun")

    def __init__(self, policy: HedgingPolicy, throttle: Throttle | None) -> None:
        self._policy = policy
        self._throttle = throttle
        self._is_forbidden = False
        self.begun = 0

    @property
    def delay_s(self) -> float:
        """How long to wait between attempts while none has failed."""
        return self._policy.delay_s

    @property
    def may_begin(self) -> bool:
        """Whether one more attempt may begin."""
        if self.begun == 0:
            return True
        allowed = self._throttle is None or self._throttle.allows
        return allowed and not self._is_forbidden and self.begun < self._policy.attempts_max

    def succeeded(self) -> None:
        """The call has ended with OK."""
        if self._throttle is not None:
            self._throttle.succeeded()

    def failed(self, code: StatusCode, pushback: str | None) -> float | None:
        """An attempt has failed. None: its status is the call's. Else after how many seconds the next one may begin;
        infinity is never, and those that run go on."""
        wait_ms = None if pushback is None else milliseconds(pushback)
        refused = pushback is not None and wait_ms is None
        is_fatal = code not in self._policy.non_fatal_codes
        if self._throttle is not None and (refused or not is_fatal):
            self._throttle.failed()
        if is_fatal:
            return None
        if refused:
            self._is_forbidden = True
        if not self.may_begin:
            return math.inf
        return 0.0 if wait_ms is None else wait_ms / 1000
