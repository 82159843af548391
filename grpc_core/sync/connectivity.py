"""How a channel stands, for threads: `subscribe` and `channel_ready_future`."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from grpc_core import aio, interfaces
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.errors import FutureCancelledError, FutureTimeoutError
from grpc_core.sync.loop import Callbacks, IoThread

StateCallback = Callable[[ChannelConnectivity], None]


class Watch:
    """Tells callbacks about the state of one channel. There is a task for it as long as there are callbacks.

    All attributes belong to the I/O thread; callbacks are called on a thread for them.
    """

    __slots__ = ("_callbacks", "_channel", "_io", "_subscribed", "_task")

    def __init__(self, io: IoThread, channel: aio.Channel, callbacks: Callbacks) -> None:
        self._io = io
        self._channel = channel
        self._callbacks = callbacks
        self._subscribed: list[tuple[StateCallback, bool]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, callback: StateCallback, try_to_connect: bool) -> None:
        """Subscribe. From any thread."""
        self._io.post(self._add, callback, try_to_connect)

    def remove(self, callback: StateCallback) -> None:
        """Unsubscribe. From any thread."""
        self._io.post(self._remove, callback)

    def _add(self, callback: StateCallback, try_to_connect: bool) -> None:
        self._subscribed.append((callback, try_to_connect))
        self._tell(callback, self._channel.get_state(try_to_connect))
        if self._task is not None:
            self._task.cancel()  # it would miss what connecting has changed just now
        self._task = self._io.loop.create_task(self._watch(self._channel.get_state()))

    def _remove(self, callback: StateCallback) -> None:
        for index, (subscribed, _) in enumerate(self._subscribed):
            if subscribed == callback:
                del self._subscribed[index]
                break
        if not self._subscribed and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self, state: ChannelConnectivity) -> None:
        while state is not ChannelConnectivity.SHUTDOWN:
            await self._channel.wait_for_state_change(state)
            connects = any(try_to_connect for _, try_to_connect in self._subscribed)
            state = self._channel.get_state()
            for callback, _ in self._subscribed:
                self._tell(callback, state)
            if connects:
                self._channel.get_state(try_to_connect=True)

    def _tell(self, callback: StateCallback, state: ChannelConnectivity) -> None:
        self._callbacks.post(functools.partial(callback, state))


class ChannelReadyFuture(interfaces.Future):
    """Is over when a channel is READY. It has no result but that."""

    def __init__(self, channel: interfaces.Channel) -> None:
        self._channel = channel
        self._condition = threading.Condition()
        self._is_ready = False
        self._is_cancelled = False
        self._callbacks: list[Callable[[Any], object]] = []

    def _update(self, state: ChannelConnectivity) -> None:
        if state is ChannelConnectivity.READY:
            self._end(is_cancelled=False)

    def _end(self, is_cancelled: bool) -> bool:
        with self._condition:
            if self._is_ready or self._is_cancelled:
                return False
            self._is_ready = not is_cancelled
            self._is_cancelled = is_cancelled
            callbacks, self._callbacks = self._callbacks, []
            self._condition.notify_all()
        self._channel.unsubscribe(self._update)
        for callback in callbacks:
            callback(self)
        return True

    def cancel(self) -> bool:
        """Wait no longer. False when the channel was ready, or this cancelled already."""
        return self._end(is_cancelled=True)

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._is_cancelled

    def running(self) -> bool:
        """Whether it still waits."""
        return not self.done()

    def done(self) -> bool:
        """Whether it does not."""
        return self._is_ready or self._is_cancelled

    def result(self, timeout: float | None = None) -> None:
        """Wait until the channel is ready. Raises FutureTimeoutError after `timeout` seconds, FutureCancelledError."""
        with self._condition:
            if not self._condition.wait_for(self.done, timeout):
                raise FutureTimeoutError
            if self._is_cancelled:
                raise FutureCancelledError

    def exception(self, timeout: float | None = None) -> None:
        """As `result`: becoming ready does not fail."""
        self.result(timeout)

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        """As `result`."""
        self.result(timeout)
        return None

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        """Call `fn(self)` when it is over; at once when it is."""
        with self._condition:
            if not self.done():
                self._callbacks.append(fn)
                return
        fn(self)


def channel_ready_future(channel: interfaces.Channel) -> ChannelReadyFuture:
    """A future that is over when the channel is READY; it begins to connect."""
    future = ChannelReadyFuture(channel)
    channel.subscribe(future._update, try_to_connect=True)
    return future
