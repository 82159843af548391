"""Messages from one thread to the other, in order and bounded: what makes back-pressure cross the border.

    Inlet     the I/O thread puts, a user's thread takes          (responses on a client, requests on a server)
    Outlet    a user's thread puts, the I/O thread takes          (requests on a client, responses on a server)

The user's side blocks, the I/O side awaits. A side is woken only when it waits, so that a stream that flows costs less
than one wake-up per message. The lock is held for a few instructions, and given up while a side waits.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

QUEUED_BYTES_MAX: Final = 65_536
"""A side that puts waits while so much is queued. That is also what the slow side may lag behind the flow windows."""
_OVERHEAD_BYTES: Final = 64
"""What a message counts besides its content, so that empty ones are bounded too."""


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Inlet:
    """Messages for a thread of the user's."""

    __slots__ = ("_bytes", "_condition", "_is_over", "_loop", "_messages", "_room", "taken_was_compressed")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._condition = threading.Condition(threading.Lock())
        self._messages: deque[tuple[bytes, bool]] = deque()
        self._bytes = 0
        self._is_over = False
        self._room: asyncio.Future[None] | None = None
        self.taken_was_compressed = False
        """Whether the message that was taken last had come compressed."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is put any more; what is queued can still be taken."""
        return self._is_over

    async def put(self, message: bytes, was_compressed: bool = False) -> None:
        """On the I/O thread: queue a message; returns when there is room for the next."""
        with self._condition:
            self._messages.append((message, was_compressed))
            self._bytes += len(message) + _OVERHEAD_BYTES
            self._condition.notify()
            if self._bytes < QUEUED_BYTES_MAX or self._is_over:
                return
            self._room = room = self._loop.create_future()
        await room

    def end(self, discard: bool = False) -> None:
        """No more comes; with `discard`, not even what is queued. On the I/O thread, or in a forked child."""
        with self._condition:
            self._is_over = True
            if discard:
                self._messages.clear()
            room, self._room = self._room, None
            self._condition.notify_all()
        if room is not None:
            _wake(room)

    def take(self, timeout: float | None = None) -> bytes | None:
        """On a user's thread: wait for the next message; None when there is no more.

        Raises TimeoutError when `timeout` seconds have passed before that.
        """
        with self._condition:
            if timeout is not None and not self._condition.wait_for(lambda: self._messages or self._is_over, timeout):
                raise TimeoutError
            while not self._messages:
                if self._is_over:
                    return None
                self._condition.wait()
            message, self.taken_was_compressed = self._messages.popleft()
            self._bytes -= len(message) + _OVERHEAD_BYTES
            room = None
            if self._room is not None and self._bytes <= QUEUED_BYTES_MAX // 2:
                room, self._room = self._room, None
        if room is not None:
            self._loop.call_soon_threadsafe(_wake, room)
        return message


class Outlet:
    """Messages from a thread of the user's: an asynchronous iterator on the I/O thread."""

    __slots__ = ("_bytes", "_condition", "_is_closed", "_is_over", "_loop", "_messages", "_waiter", "before_plain")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._condition = threading.Condition(threading.Lock())
        self._messages: deque[tuple[bytes, bool]] = deque()
        self._bytes = 0
        self._is_over = False
        self._is_closed = False
        self._waiter: asyncio.Future[None] | None = None
        self.before_plain: Callable[[], None] | None = None
        """Called on the I/O thread before it takes a message that is to be sent as it is; must not wait."""

    def put(self, message: bytes, plain: bool = False) -> bool:
        """On a user's thread: wait for room, and queue a message. False when nobody takes it any more."""
        with self._condition:
            while self._bytes >= QUEUED_BYTES_MAX and not self._is_closed:
                self._condition.wait()
            if self._is_closed:
                return False
            self._messages.append((message, plain))
            self._bytes += len(message) + _OVERHEAD_BYTES
            waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._loop.call_soon_threadsafe(_wake, waiter)
        return True

    def end(self) -> None:
        """On a user's thread: no more comes."""
        with self._condition:
            self._is_over = True
            waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._loop.call_soon_threadsafe(_wake, waiter)

    def close(self) -> None:
        """On the I/O thread: nothing more is taken."""
        with self._condition:
            self._is_closed = True
            self._messages.clear()
            self._condition.notify_all()

    def __aiter__(self) -> Outlet:
        return self

    async def __anext__(self) -> bytes:
        while True:
            with self._condition:
                if self._messages:
                    message, is_plain = self._messages.popleft()
                    self._bytes -= len(message) + _OVERHEAD_BYTES
                    if self._bytes <= QUEUED_BYTES_MAX // 2:
                        self._condition.notify()
                    if is_plain and self.before_plain is not None:
                        self.before_plain()
                    return message
                if self._is_over or self._is_closed:
                    raise StopAsyncIteration
                self._waiter = waiter = self._loop.create_future()
            await waiter
