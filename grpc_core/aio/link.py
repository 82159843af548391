"""A link: a channel's way to its target. Resolves names, keeps subchannels, and finds calls a connection.

    target  -- resolver -->  addresses  -- balancing policy -->  subchannels  -->  connections

With pick_first, the default, there is one subchannel for all addresses, which is connected when a call wants it. With
round_robin there is one for each, all are kept connected, and calls take turns. How the channel stands follows from
how they stand (connectivity-semantics-and-api.md).

A call that finds no connection waits for one; it fails at once in TRANSIENT_FAILURE, unless it waits for ready
(wait-for-ready.md). Without calls the link becomes idle in time: it drops connections, attempts and addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import socket
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from grpc_core.aio import chance
from grpc_core.aio.dialing import Connector, Dialer
from grpc_core.aio.eager import resolve
from grpc_core.aio.protocol import ClientProtocol
from grpc_core.aio.subchannel import ResolutionFailed, Subchannel
from grpc_core.balancing import ROUND_ROBIN, Rotation, aggregate
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.counters import Trace
from grpc_core.credentials import ChannelCredentials
from grpc_core.explanation import Attempt, failed_attempt
from grpc_core.lifetime import Idle
from grpc_core.options import Options
from grpc_core.propagation import detached
from grpc_core.proxy import proxy_for
from grpc_core.resolver import Pacing, found, interleaved, is_name
from grpc_core.target import Address, Target
from http2.aio.transport import Tap

CLOSE_TIMEOUT_S = 1.0
"""So long a channel that is closed waits for what it says last to leave, and for the server to close too."""


class Activity:
    """The calls of a channel, as far as its link has to know of them: without any it goes idle in time.

    The link does not know the channel, and so can neither keep it nor be kept by it.
    """

    __slots__ = ("calls", "calls_begun")

    def __init__(self) -> None:
        self.calls: set[Any] = set()
        """Those that run."""
        self.calls_begun = 0


class ConnectFailed(Exception):
    """There is no connection for a call; the text tells the last error, in grpcio's words."""


class Link:
    """One channel's way to its target. Bound to the event loop that is running when it is first used."""

    def __init__(
        self,
        target: Target,
        options: Options,
        credentials: ChannelCredentials,
        tap: Tap | None = None,
        connector: Connector | None = None,
        activity: Activity | None = None,
    ) -> None:
        """Raises ValueError for a proxy that is configured and cannot be understood."""
        self._options = options
        self.target_text = target.text
        self.trace = Trace(time.time, "Channel")
        self._names: Sequence[Address] = target.addresses
        proxy = None
        if target.is_dns and connector is None:
            host, port = target.addresses[0].host, target.addresses[0].port
            proxy = proxy_for(host, port, options.proxy, options.proxy_enabled, os.environ)
        if proxy is not None:
            self._names = (proxy.address,)
        self._looks_up = connector is None
        self._dialer = Dialer(target, options, credentials, tap, connector, proxy)
        self._activity = activity or Activity()
        self._balances = options.lb_policy == ROUND_ROBIN
        self.state = ChannelConnectivity.IDLE
        self._subchannels: dict[Address | None, Subchannel] = {}
        self._rotation: Rotation[ClientProtocol] = Rotation(chance.below(1 << 16) if self._balances else 0)
        self._pacing = Pacing(options.resolution_interval_s)
        self._addresses: tuple[Address, ...] = ()
        self._tasks: list[asyncio.Task[None]] = []  # that resolve, for round_robin
        self._waiting: list[tuple[asyncio.Future[ClientProtocol], bool]] = []
        self._state_waiters: list[asyncio.Future[None]] = []
        self._last_error = ""
        self._idle_timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def tried(self) -> tuple[Attempt, ...]:
        """What became of the addresses when connecting failed last."""
        failures = [failure for subchannel in self._subchannels.values() for failure in subchannel.failures]
        return tuple(failed_attempt(str(failure.address), failure.cause) for failure in failures)

    @property
    def ready(self) -> ClientProtocol | None:
        """The connection for a new call, or None when there is none yet."""
        rotation = self._rotation
        items = rotation.items
        if len(items) == 1:  # as with pick_first: on the way of every call
            only = items[0]
            return only if only.session.accepts_calls else None
        for _ in items:
            protocol = rotation.next()
            if protocol is not None and protocol.session.accepts_calls:
                return protocol
        return None

    async def wait_ready(self, wait_for_ready: bool) -> ClientProtocol:
        """A connection for a new call, made if need be.

        Raises ConnectFailed when connecting fails, or has failed and waits to try again; with `wait_for_ready` it goes
        on waiting instead.
        """
        protocol = self.ready
        while protocol is None or not protocol.session.accepts_calls:  # it may go away before it is our turn
            for subchannel in list(self._subchannels.values()):
                subchannel.check()  # one whose stream identifiers are used up says so only when it is asked
            self.connect()
            if self.state is ChannelConnectivity.TRANSIENT_FAILURE and not wait_for_ready:
                raise ConnectFailed(self._last_error)
            future: asyncio.Future[ClientProtocol] = asyncio.get_running_loop().create_future()
            self._waiting.append((future, wait_for_ready))
            protocol = await future
        return protocol

    def connect(self) -> None:
        """Begin to connect, unless that is going on."""
        if self.state is ChannelConnectivity.IDLE:
            with detached():  # a connection is nobody's in particular, whoever's call it is made for
                self._begin_to_connect()

    def _begin_to_connect(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watch_idleness()
        if self._balances:
            self._set_state(ChannelConnectivity.CONNECTING)
            self._spawn(self._balance())
            return
        if not self._subchannels:
            self._subchannels[None] = Subchannel(
                self._resolve, self._dialer, self._options, self._on_change, self.target_text
            )
        self._subchannels[None].connect()

    async def wait_for_state_change(self, last_state: ChannelConnectivity) -> None:
        """Return when the state is another than `last_state`."""
        while self.state is last_state:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._state_waiters.append(future)
            try:
                await future
            finally:
                if future in self._state_waiters:
                    self._state_waiters.remove(future)

    async def close(self) -> None:
        """Close every connection: gracefully where calls are still running."""
        stopping = self._shut_down()
        if stopping:
            await asyncio.wait(stopping)
        for future, _ in self._waiting:
            if not future.done():
                future.set_exception(ConnectFailed("Channel closed!"))
        self._waiting.clear()
        protocols = self._dialer.shut_down()
        if unsaid := [protocol.closed for protocol in protocols if not protocol.has_said_all]:
            await asyncio.wait(unsaid, timeout=CLOSE_TIMEOUT_S)
        for protocol in protocols:
            protocol.kill()
        if protocols:
            await asyncio.wait([protocol.closed for protocol in protocols], timeout=CLOSE_TIMEOUT_S)

    def abandon(self) -> None:
        """Close every connection, and wait for nothing. From any thread, also when the event loop has ended."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(self._abandon)

    def _abandon(self) -> None:
        self._shut_down()
        for protocol in self._dialer.shut_down():
            if protocol.has_said_all:
                protocol.kill()

    def _shut_down(self) -> list[asyncio.Task[None]]:
        """Never connect again. What has to be waited for until that has stopped."""
        self._set_state(ChannelConnectivity.SHUTDOWN)
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        return self._stop()

    # -- resolving -----------------------------------------------------------------------------------------------------

    async def _resolve(self) -> tuple[Address, ...]:
        """The addresses to try now. Raises ResolutionFailed when there are none."""
        if not self._looks_up or not any(is_name(name) for name in self._names):
            return tuple(self._names)
        loop = asyncio.get_running_loop()
        if self._addresses and not self._pacing.is_due(loop.time()):
            return self._addresses
        addresses: list[Address] = []
        for name in self._names:
            if not is_name(name):
                addresses.append(name)
                continue
            try:
                infos = await loop.getaddrinfo(name.host, name.port, type=socket.SOCK_STREAM)
            except (OSError, ValueError) as error:  # ValueError: a host that is no name, UnicodeError too
                raise ResolutionFailed(f"DNS resolution failed for {name}: {error}")
            addresses += found(name, infos)
        self._pacing.resolved(loop.time())
        self._addresses = interleaved(addresses)
        return self._addresses

    async def _balance(self) -> None:
        """For round_robin: a subchannel for each address; repeated until there is an answer."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            begun_at = loop.time()
            try:
                addresses = await self._resolve()
                break
            except ResolutionFailed as error:
                self._last_error = str(error)
            failures += 1
            if not self._subchannels:
                self._set_state(ChannelConnectivity.TRANSIENT_FAILURE)
                self._fail_waiting()
            due = begun_at + self._options.backoff.delay_s(failures, chance.fraction())
            await asyncio.sleep(max(0.0, due - loop.time()))
        for gone in self._subchannels.keys() - set(addresses):
            assert gone is not None
            subchannel = self._subchannels.pop(gone)
            if subchannel.protocol is not None:
                subchannel.protocol.connection.shut_down("the name has another address now")
                subchannel.protocol.schedule_flush()
            subchannel.stop()
        for address in addresses:
            if address not in self._subchannels:
                self._subchannels[address] = Subchannel(
                    _only(address), self._dialer, self._options, self._on_change, str(address)
                )
        for subchannel in list(self._subchannels.values()):
            subchannel.connect()
        self._update()

    def _spawn(self, task: Coroutine[Any, Any, None]) -> None:
        made = asyncio.get_running_loop().create_task(task)
        self._tasks.append(made)
        made.add_done_callback(self._tasks.remove)

    # -- what becomes of the subchannels -------------------------------------------------------------------------------

    def _on_change(self, subchannel: Subchannel) -> None:
        """A subchannel stands otherwise. round_robin keeps all connected, and resolves again when one fails."""
        if self._balances and subchannel.state in (ChannelConnectivity.IDLE, ChannelConnectivity.TRANSIENT_FAILURE):
            if not self._tasks and self._pacing.is_due(asyncio.get_running_loop().time()):
                self._spawn(self._balance())
            if subchannel.state is ChannelConnectivity.IDLE:
                subchannel.connect()
                return  # which has told us what it is now
        self._last_error = subchannel.last_error or self._last_error
        self._update()

    def _update(self) -> None:
        """See how the channel stands, and tell the calls that wait."""
        subchannels = self._subchannels.values()
        self._rotation.items = [s.protocol for s in subchannels if s.protocol is not None]
        self._set_state(aggregate(s.state for s in subchannels))
        if self.state is ChannelConnectivity.READY:
            waiting, self._waiting = self._waiting, []
            for future, wait_for_ready in waiting:
                if future.done():
                    continue  # the call was cancelled, or its deadline has passed
                protocol = self.ready
                if protocol is None:
                    self._waiting.append((future, wait_for_ready))
                else:
                    future.set_result(protocol)
        elif self.state is ChannelConnectivity.TRANSIENT_FAILURE:
            self._fail_waiting()

    def _fail_waiting(self) -> None:
        """Tell those who do not wait for ready that connecting has failed."""
        waiting, self._waiting = self._waiting, []
        for future, wait_for_ready in waiting:
            if future.done():
                continue
            if wait_for_ready:
                self._waiting.append((future, wait_for_ready))
            else:
                future.set_exception(ConnectFailed(self._last_error))

    def _stop(self) -> list[asyncio.Task[None]]:
        """Give up all subchannels; what has to be waited for until they have stopped."""
        stopping = [task for subchannel in self._subchannels.values() for task in subchannel.stop()]
        self._subchannels.clear()
        self._rotation.items = ()
        for task in self._tasks:
            task.cancel()
        return stopping + self._tasks

    @property
    def subchannels(self) -> list[Subchannel]:
        """Those that there are now."""
        return list(self._subchannels.values())

    # -- idleness ------------------------------------------------------------------------------------------------------

    def _watch_idleness(self) -> None:
        """From the first attempt to connect on: without calls for `idle_timeout_s`, be as if nothing had been asked."""
        timeout_s = self._options.idle_timeout_s
        if timeout_s < math.inf and self._idle_timer is None:
            loop = asyncio.get_running_loop()
            idle = Idle(loop.time(), timeout_s, self._activity.calls_begun)
            self._idle_timer = loop.call_at(idle.due, self._on_idle_timer, idle)

    def _on_idle_timer(self, idle: Idle) -> None:
        self._idle_timer = None
        loop = asyncio.get_running_loop()
        if not idle.poll(loop.time(), self._activity.calls_begun, bool(self._activity.calls)):
            self._idle_timer = loop.call_at(idle.due, self._on_idle_timer, idle)
            return
        self._stop()
        self._dialer.shut_down("the channel is idle")
        self._set_state(ChannelConnectivity.IDLE)

    # -- states --------------------------------------------------------------------------------------------------------

    def _set_state(self, state: ChannelConnectivity) -> None:
        if state is self.state or self.state is ChannelConnectivity.SHUTDOWN:
            return
        self.state = state
        self.trace.became(state, self._last_error)
        waiters, self._state_waiters = self._state_waiters, []
        resolve(waiters)


def _only(address: Address) -> Callable[[], Coroutine[Any, Any, tuple[Address, ...]]]:
    """What a subchannel with one address asks for its addresses."""

    async def addresses() -> tuple[Address, ...]:
        return (address,)

    return addresses
