"""What a call does about its retries: the part of `call.Call` that follows a retry policy.

The decisions are made in `retry`, without I/O; a call without a policy has `_retry` None and none of this.
"""

from __future__ import annotations

import asyncio

from grpc_core.aio import chance
from grpc_core.calls import ClientCall
from grpc_core.metadata import MetadataPairs
from grpc_core.retry import PUSHBACK, CallRetry
from grpc_core.status import StatusCode


class Retrying:
    """A call that may be made again. The class that has it says how an attempt is started."""

    _loop: asyncio.AbstractEventLoop
    _attempt: ClientCall | None
    _code: StatusCode | None
    _retry: CallRetry | None = None
    _retry_timer: asyncio.TimerHandle | None = None

    def _start(self) -> None:
        """Begin an attempt."""
        raise NotImplementedError

    def _tries_again(self, code: StatusCode, trailing_metadata: MetadataPairs = ()) -> bool:
        """Whether the retry policy has another attempt made, after a while (gRFC A6)."""
        retry = self._retry
        if retry is None or self._code is not None:
            return False
        if code is StatusCode.OK:
            retry.succeeded()
            return False
        pushback = next((str(value) for key, value in trailing_metadata if key == PUSHBACK), None)
        delay_s = retry.delay_s(code, pushback, chance.fraction())
        if delay_s is None:
            return False
        self._attempt = None
        self._retry_timer = self._loop.call_later(delay_s, self._start)
        return True

    def _commit(self) -> None:
        """There will be no further attempt."""
        if self._retry is not None:
            self._retry.commit()

    def _hold(self, request: bytes) -> None:
        """The one request is at hand for every attempt; one that is too large is not to be held for another."""
        if self._retry is not None and not self._retry.has_room_for(len(request)):
            self._retry.commit()

    def keep(self, message: bytes, *, plain: bool) -> None:
        """A request was sent, and may have to be sent again in another attempt."""
        if self._retry is not None:
            self._retry.keep(message, plain=plain)

    def keep_end(self) -> None:
        """No request follows those that were kept."""
        if self._retry is not None:
            self._retry.half_closed()

    @property
    def keeps_requests(self) -> bool:
        """Whether what was sent can be sent again."""
        return self._retry is not None and not self._retry.committed
