"""Messages from one thread to the other, in order and bounded: what makes back-pressure cross the border.

    Inlet     the I/O thread puts, a user's thread takes          (responses on a client, requests on a server)
    Outlet    a user's thread puts, the I/O thread takes          (requests on a client, responses on a server)

The user's side blocks, the I/O side awaits. A side is woken only when it waits, so that a stream that flows costs less
than one wake-up per message. The lock is held for a few instructions, and given up while a side waits.

Whoever waits does so at a lock of its own, its *gate*, which is held already and is released to wake it. That is what a
`threading.Condition` does too, in eight Python calls: interleaved, the messages of a stream take 0.9 of its CPU time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from grpc_core.sync.waking import hand_over_to

QUEUED_BYTES_MAX: Final = 65_536
"""A side that puts waits while so much is queued. That is also what the slow side may lag behind the flow windows."""
_OVERHEAD_BYTES: Final = 64
"""What a message counts besides its content, so that empty ones are bounded too."""


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _gate(gates: deque[threading.Lock]) -> threading.Lock:
    """A gate, closed, at the end of the line; under the lock that the line belongs to."""
    gate = threading.Lock()
    gate.acquire()
    gates.append(gate)
    return gate


def _pass(gate: threading.Lock, gates: deque[threading.Lock], lock: threading.Lock, until: float | None = None) -> bool:
    """Wait at a gate. False when it is later than `until`, by `time.monotonic`.

    Who leaves early leaves the line; and where the gate was opened in that moment, lets the next one in its place.
    """
    is_open = False
    try:
        left = -1.0 if until is None else min(max(until - time.monotonic(), 0.0), threading.TIMEOUT_MAX)
        is_open = gate.acquire(timeout=left)
    finally:
        if not is_open:  # the time is over, or a signal's handler has raised
            with lock:
                if gate in gates:
                    gates.remove(gate)
                elif gates:
                    gates.popleft().release()
    return is_open


def _open_all(gates: deque[threading.Lock]) -> None:
    while gates:
        gates.popleft().release()


class Inlet:
    """Messages for a thread of the user's."""

    __slots__ = ("_bytes", "_gates", "_is_over", "_lock", "_loop", "_messages", "_room", "taken_was_compressed")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._lock = threading.Lock()
        self._gates: deque[threading.Lock] = deque()
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
        with self._lock:
            self._messages.append((message, was_compressed))
            self._bytes += len(message) + _OVERHEAD_BYTES
            if self._gates:
                self._gates.popleft().release()
            if self._bytes < QUEUED_BYTES_MAX or self._is_over:
                return
            self._room = room = self._loop.create_future()
        await room

    def end(self, discard: bool = False) -> None:
        """No more comes; with `discard`, not even what is queued. On the I/O thread, or in a forked child."""
        with self._lock:
            self._is_over = True
            if discard:
                self._messages.clear()
            room, self._room = self._room, None
            _open_all(self._gates)
        if room is not None:
            _wake(room)

    def take(self, timeout: float | None = None) -> bytes | None:
        """On a user's thread: wait for the next message; None when there is no more.

        Raises TimeoutError when `timeout` seconds have passed before that.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._lock:
                if self._messages:
                    message, self.taken_was_compressed = self._messages.popleft()
                    self._bytes -= len(message) + _OVERHEAD_BYTES
                    room = None
                    if self._room is not None and self._bytes <= QUEUED_BYTES_MAX // 2:
                        room, self._room = self._room, None
                    break
                if self._is_over:
                    return None
                gate = _gate(self._gates)
            if not _pass(gate, self._gates, self._lock, until):
                raise TimeoutError
        if room is not None:
            self._loop.call_soon_threadsafe(_wake, room)
        return message


class Outlet:
    """Messages from a thread of the user's: an asynchronous iterator on the I/O thread."""

    __slots__ = (
        "_bytes",
        "_gates",
        "_hand_over",
        "_is_closed",
        "_is_over",
        "_lock",
        "_loop",
        "_messages",
        "_waiter",
        "before_plain",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._hand_over = hand_over_to(loop)
        self._lock = threading.Lock()
        self._gates: deque[threading.Lock] = deque()
        self._messages: deque[tuple[bytes, bool]] = deque()
        self._bytes = 0
        self._is_over = False
        self._is_closed = False
        self._waiter: asyncio.Future[None] | None = None
        self.before_plain: Callable[[], None] | None = None
        """Called on the I/O thread before it takes a message that is to be sent as it is; must not wait."""

    def put(self, message: bytes, plain: bool = False) -> bool:
        """On a user's thread: wait for room, and queue a message. False when nobody takes it any more."""
        while True:
            with self._lock:
                if self._is_closed:
                    return False
                if self._bytes < QUEUED_BYTES_MAX:
                    self._messages.append((message, plain))
                    self._bytes += len(message) + _OVERHEAD_BYTES
                    waiter, self._waiter = self._waiter, None
                    break
                gate = _gate(self._gates)
            _pass(gate, self._gates, self._lock)
        if waiter is not None:
            self._hand_over(_wake, waiter)
        return True

    def end(self) -> None:
        """On a user's thread: no more comes."""
        with self._lock:
            self._is_over = True
            waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._hand_over(_wake, waiter)

    def close(self) -> None:
        """On the I/O thread: nothing more is taken."""
        with self._lock:
            self._is_closed = True
            self._messages.clear()
            _open_all(self._gates)

    def __aiter__(self) -> Outlet:
        return self

    async def __anext__(self) -> bytes:
        while True:
            with self._lock:
                if self._messages:
                    message, is_plain = self._messages.popleft()
                    self._bytes -= len(message) + _OVERHEAD_BYTES
                    if self._gates and self._bytes <= QUEUED_BYTES_MAX // 2:
                        self._gates.popleft().release()
                    if is_plain and self.before_plain is not None:
                        self.before_plain()
                    return message
                if self._is_over or self._is_closed:
                    raise StopAsyncIteration
                self._waiter = waiter = self._loop.create_future()
            await waiter
