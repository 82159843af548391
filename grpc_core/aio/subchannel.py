"""A subchannel: keeps one connection to one of its addresses, and says how it stands.

    IDLE  -- connect -->  CONNECTING  -->  READY  -- connection lost, GOAWAY, stream numbers used up -->  IDLE
                              |              ^
               every address fails           |  an address answers
                              v              |
                        TRANSIENT_FAILURE  --+  tries again after the backoff, and stays what it is meanwhile (A62)

Addresses are raced (Happy Eyeballs, RFC 8305, gRFC A61): the next begins when the one before has failed, or has not
answered for 250 ms; the first that is READY wins.

The backoff is measured from the beginning of an attempt and ends with the server's SETTINGS (connection-backoff.md).
One thing is not in the document: a server that accepts connections and ends each before a call could use it would be
dialed in a tight loop. From the second such connection on it counts as a failed attempt.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from grpc_core.aio import chance
from grpc_core.aio.describing import added, calls_of, forget_connection, register_connection, register_subchannel
from grpc_core.aio.dialing import Dialer, DialFailed
from grpc_core.aio.protocol import ClientProtocol
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.counters import Trace
from grpc_core.introspection import NO_CALLS
from grpc_core.options import Options
from grpc_core.target import Address


class ResolutionFailed(Exception):
    """A name has no address now."""


class Subchannel:
    """One connection, made when asked for, made again when asked again. `changed` is told about every new state."""

    __slots__ = (
        "__weakref__",
        "_addresses",
        "_begun_at",
        "_changed",
        "_dialer",
        "_options",
        "_task",
        "_unused_in_a_row",
        "channelz_id",
        "failures",
        "last_error",
        "name",
        "past_calls",
        "protocol",
        "state",
        "trace",
    )

    def __init__(
        self,
        addresses: Callable[[], Awaitable[Sequence[Address]]],
        dialer: Dialer,
        options: Options,
        changed: Callable[[Subchannel], None],
        name: str = "",
    ) -> None:
        """`addresses` is asked before every round of attempts; it may raise ResolutionFailed. `name` is for people."""
        self._addresses = addresses
        self._dialer = dialer
        self._options = options
        self._changed = changed
        self.state = ChannelConnectivity.IDLE
        self.protocol: ClientProtocol | None = None
        """The connection, while the state is READY."""
        self.last_error = ""
        self.failures: list[DialFailed] = []
        """What became of the addresses in the last round that failed."""
        self._task: asyncio.Task[None] | None = None
        self._unused_in_a_row = 0
        self._begun_at = 0.0
        self.name = name
        self.trace = Trace(time.time, "Subchannel")
        self.past_calls = NO_CALLS
        """The calls on connections that are closed."""
        self.channelz_id = register_subchannel(self) if options.is_introspected else 0

    @property
    def protocols(self) -> list[ClientProtocol]:
        """Its connections that are not closed, with those that only finish their calls."""
        return [protocol for protocol in list(self._dialer.protocols) if protocol.keeper is self]

    def connect(self) -> None:
        """Begin to connect, unless that is going on or done."""
        if self.state is not ChannelConnectivity.IDLE:
            return
        loop = asyncio.get_running_loop()
        pause_s = 0.0
        if self._unused_in_a_row > 1:
            delay_s = self._options.backoff.delay_s(self._unused_in_a_row - 1, chance.fraction())
            pause_s = max(0.0, self._begun_at + delay_s - loop.time())
        self._task = loop.create_task(self._connect(pause_s))
        self._become(ChannelConnectivity.TRANSIENT_FAILURE if pause_s else ChannelConnectivity.CONNECTING)

    def stop(self) -> list[asyncio.Task[None]]:
        """Give up. The connection is left alone. What has to be waited for until everything has stopped."""
        task, self._task = self._task, None
        self.protocol = None
        self._changed = _nobody
        if task is None:
            return []
        task.cancel()
        return [task]

    def check(self) -> None:
        """Let go of a connection whose stream numbers are used up."""
        if self.protocol is not None and not self.protocol.session.accepts_calls:
            self.lost(self.protocol)

    async def _connect(self, pause_s: float) -> None:
        """Try until there is a connection, with a growing pause after each round of failures."""
        loop = asyncio.get_running_loop()
        failures = 0
        if pause_s:
            await asyncio.sleep(pause_s)
        while True:
            self._begun_at = loop.time()
            try:
                protocol = await self._race(await self._addresses())
            except ResolutionFailed as error:
                self.last_error = str(error)
            except DialFailed as error:
                self.last_error = f"failed to connect to all addresses; last error: UNKNOWN: {error}"
            else:
                if protocol.session.accepts_calls:
                    self.protocol = protocol
                    self._task = None
                    self._become(ChannelConnectivity.READY)
                    return
                self.last_error = _unused(protocol)  # it went away while the other attempts were being ended
            failures += 1
            due = self._begun_at + self._options.backoff.delay_s(failures, chance.fraction())
            self._become(ChannelConnectivity.TRANSIENT_FAILURE)
            await asyncio.sleep(max(0.0, due - loop.time()))

    async def _race(self, addresses: Sequence[Address]) -> ClientProtocol:
        """The first connection that is READY. Raises the last DialFailed when none is."""
        failures: list[DialFailed] = []
        self.failures = failures
        if len(addresses) == 1:
            try:
                return await self._dialer.dial(addresses[0], self)
            except DialFailed as error:
                failures.append(error)
                raise
        left = deque(addresses)
        running: set[asyncio.Task[ClientProtocol]] = set()
        try:
            while left or running:
                if left:
                    running.add(asyncio.create_task(self._dialer.dial(left.popleft(), self)))
                stagger_s = self._options.attempt_delay_s if left else None
                done, _ = await asyncio.wait(running, timeout=stagger_s, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    running.discard(task)
                    try:
                        winner = task.result()
                    except DialFailed as error:
                        failures.append(error)
                    else:
                        running |= done - {task}  # another one that won at the same moment is let go below
                        return winner
        finally:
            await _let_go(running)
        raise failures[-1]

    def opened(self, protocol: ClientProtocol) -> None:
        """The transport of a connection is there."""
        self._dialer.protocols.add(protocol)
        if self.channelz_id:
            register_connection(protocol)

    def closed(self, protocol: ClientProtocol) -> None:
        """The transport of a connection is gone."""
        self._dialer.protocols.discard(protocol)
        forget_connection(protocol)
        self.past_calls = added(self.past_calls, calls_of(protocol))

    def lost(self, protocol: ClientProtocol) -> None:
        """A connection takes no new calls any more: it was lost, or got GOAWAY."""
        if protocol is not self.protocol:
            return
        self.protocol = None
        if protocol.was_told_too_many_pings:
            self._dialer.told_too_many_pings()
        lived_s = protocol.loop.time() - self._begun_at
        if protocol.connection.progress or lived_s > self._options.backoff.initial_s:
            self._unused_in_a_row = 0
        else:
            self._unused_in_a_row += 1
            self.last_error = _unused(protocol)
        self._become(ChannelConnectivity.IDLE)

    def _become(self, state: ChannelConnectivity) -> None:
        self.state = state
        self.trace.became(state, self.last_error)
        self._changed(self)


def _nobody(_: Subchannel) -> None:
    """Nobody listens to a subchannel that was stopped."""


def _unused(protocol: ClientProtocol) -> str:
    """What is to be said of a connection that ended early, and what it ended with."""
    farewell = protocol.connection.termination if protocol.goaway is None else f"GOAWAY {protocol.goaway_text}"
    return f"the server ended the connection before a call could use it: {farewell}"


async def _let_go(tasks: set[asyncio.Task[ClientProtocol]]) -> None:
    """End attempts that are not needed any more."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, ClientProtocol):
            outcome.kill()
