"""The attempts of a hedged call: they stand in for its one attempt until one of them has begun to answer.

Until then everything that the call sends goes to all of them, and is kept for those that begin later; nothing can have
been received. Then the winner takes the place of the stand-in, and the others are cancelled.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from grpc_core.aio.link import ConnectFailed
from grpc_core.aio.protocol import ClientProtocol
from grpc_core.calls import ClientCall
from grpc_core.hedging import CallHedging
from grpc_core.retry import PUSHBACK
from grpc_core.status import StatusCode
from grpc_core.wire import MessageError
from http2 import UsageError

if TYPE_CHECKING:
    from grpc_core.aio.call import Call
    from grpc_core.aio.link import Link

LOST = "another attempt of the call was faster"


class Leg:
    """One attempt: the observer of its `ClientCall`."""

    def __init__(self, hedges: Hedges, protocol: ClientProtocol) -> None:
        self._hedges = hedges
        self.protocol = protocol
        self.attempt: ClientCall | None = None

    def headers_received(self) -> None:
        self._hedges.answered(self)

    def message_received(self) -> None:
        """Comes only after headers, when the call itself is told."""

    def writable(self) -> None:
        self._hedges.call.writable()

    def finished(self) -> None:
        self._hedges.ended(self)


class NoInbox:
    """Where nothing has come yet; remembers whether somebody waits."""

    taken_flag = 0
    held_bytes = 0

    def __init__(self) -> None:
        self.is_wanted = False

    def take(self) -> None:
        self.is_wanted = True

    def discard(self) -> None:
        """Nothing is there."""


class Hedges:
    """What a hedged call has for an attempt while several run."""

    code: StatusCode | None = None
    details = decided_by = ""
    initial_metadata = None
    trailing_metadata = ()
    is_unprocessed = is_unsent = False
    stream_id = 0

    def __init__(self, call: Call[Any, Any], hedging: CallHedging, bytes_max: int) -> None:
        self.call = call
        self.inbox = NoInbox()
        self._hedging = hedging
        self._bytes_left = bytes_max
        self._legs: list[Leg] = []
        self._failed: Leg | None = None
        """The attempt that failed last, and left the call running."""
        self._sent: list[tuple[bytes, bool]] = []
        self._half_closed = False
        self._is_over = False
        self._repeated = False
        self._timer: asyncio.TimerHandle | None = None
        self._starting: set[asyncio.Task[None]] = set()

    # -- as an attempt -------------------------------------------------------------------------------------------------

    def send_message(self, message: bytes, end: bool = False, plain: bool = False) -> None:
        """Send a request on every attempt. One that cannot be kept for more of them leaves the first one alone."""
        self._bytes_left -= len(message)
        for leg in list(self._legs):
            assert leg.attempt is not None
            leg.attempt.send_message(message, plain=plain)
        self._sent.append((message, plain))
        if end:
            self.half_close()
        if self._bytes_left < 0 and self._legs:
            self._adopt(self._legs[0])
        self._flush()

    def half_close(self) -> None:
        """No more requests."""
        self._half_closed = True
        for leg in self._legs:
            assert leg.attempt is not None
            leg.attempt.half_close()
        self._flush()

    @property
    def can_send(self) -> bool:
        """Whether one of the attempts has room for one more message; while there is none, what may be kept has."""
        if not self._legs:
            return self._bytes_left >= 0
        return any(leg.attempt is not None and leg.attempt.can_send for leg in self._legs)

    def cancel(self, code: StatusCode, details: str, decided_by: str = "this side") -> None:
        """End all attempts."""
        self._stop(None, details)

    # -- beginning -----------------------------------------------------------------------------------------------------

    def begin(self, protocol: ClientProtocol) -> None:
        """Begin the first attempt, and set the timer for the next. Raises http2.UsageError."""
        self._hedging.begun += 1
        self._begin_on(protocol)
        self._wait(self._hedging.delay_s)

    def _begin_another(self, *, counted: bool) -> None:
        """Begin an attempt, on a connection that there is or one that has to be found; set the timer for the next."""
        if self._is_over:
            return
        if counted:
            self._hedging.begun += 1
        link = self.call.method.channel.link
        protocol = link.ready
        if protocol is not None:
            self._try_on(protocol)
        else:
            self._starting.add(asyncio.get_running_loop().create_task(self._begin_when_ready(link)))
        self._wait(self._hedging.delay_s)

    async def _begin_when_ready(self, link: Link) -> None:
        protocol, failure = None, ""
        try:
            protocol = await link.wait_ready(bool(self.call.settings.wait_for_ready))
        except ConnectFailed as error:
            failure = str(error)
        self._starting = {task for task in self._starting if task is not asyncio.current_task()}
        if protocol is None:
            self._did_not_begin(StatusCode.UNAVAILABLE, failure)
        elif not self._is_over:
            self._try_on(protocol)

    def _try_on(self, protocol: ClientProtocol) -> None:
        """Begin an attempt that is not the first: nobody is there to be told what goes wrong but the call."""
        try:
            self._begin_on(protocol)
        except UsageError as error:  # this server takes less metadata
            self._did_not_begin(StatusCode.RESOURCE_EXHAUSTED, str(error))
        except MessageError as error:  # a request that came while no attempt ran
            self.call.end_with(error.code, error.details)

    def _did_not_begin(self, code: StatusCode, details: str) -> None:
        """There was no stream for an attempt: that is the call's end where no other one runs."""
        if not self._legs and not self._starting:
            self.call.end_with(code, details)

    def _begin_on(self, protocol: ClientProtocol) -> None:
        leg = Leg(self, protocol)
        leg.attempt = attempt = self.call.start_attempt(protocol, leg, self._hedging.begun - 1)
        self._legs.append(leg)
        for message, plain in self._sent:
            attempt.send_message(message, plain=plain)
        if self._half_closed:
            attempt.half_close()
        protocol.schedule_flush()
        if self._bytes_left < 0:
            self._adopt(leg)

    def _wait(self, delay_s: float) -> None:
        """Begin the next attempt after this time, if there may be one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._hedging.may_begin and not self._is_over and delay_s < math.inf:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._hedging.may_begin:
            self._begin_another(counted=True)
        elif self._failed is not None and not self._legs and not self._starting:
            self._end_as(self._failed)  # other calls have used up the tokens meanwhile

    # -- what becomes of the attempts ----------------------------------------------------------------------------------

    def answered(self, leg: Leg) -> None:
        """An attempt has response headers: it is the call from now on."""
        if not self._is_over:
            self._adopt(leg)
            self.call.headers_received()

    def ended(self, leg: Leg) -> None:
        """An attempt is over before it had headers."""
        if leg in self._legs:
            self._legs.remove(leg)
        attempt = leg.attempt
        if self._is_over or attempt is None or attempt.code is None:
            return
        if attempt.is_unprocessed and (attempt.is_unsent or not self._repeated):
            self._repeated = self._repeated or not attempt.is_unsent
            self._begin_another(counted=False)
            return
        pushback = next((str(value) for key, value in attempt.trailing_metadata if key == PUSHBACK), None)
        pause_s = None if attempt.code is StatusCode.OK else self._hedging.failed(attempt.code, pushback)
        if pause_s is None or (pause_s == math.inf and not self._legs and not self._starting):
            self._end_as(leg)
        else:
            self._failed = leg
            self._wait(pause_s)

    def _end_as(self, leg: Leg) -> None:
        """The call ends as this attempt has ended."""
        self._adopt(leg)
        self.call.finished()

    def _adopt(self, winner: Leg) -> None:
        assert winner.attempt is not None
        self._stop(winner, LOST)
        winner.attempt.inbox.is_wanted = self.inbox.is_wanted
        winner.attempt.observe(self.call)
        self.call.settle_on(winner.attempt, winner.protocol)

    def _stop(self, winner: Leg | None, details: str) -> None:
        """No further attempt, and none of those that run but the winner."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._starting:
            task.cancel()
        for leg in list(self._legs):
            if leg is not winner and leg.attempt is not None:
                leg.attempt.cancel(StatusCode.CANCELLED, details)
                leg.protocol.schedule_flush()
        self._sent.clear()

    def _flush(self) -> None:
        for leg in self._legs:
            leg.protocol.schedule_flush()
