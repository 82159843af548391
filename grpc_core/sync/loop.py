"""The I/O thread: one daemon thread per process with an event loop, where all that waits is done.

Nothing happens at import. `current()` starts the thread when it is first needed. The loop runs as long as the process:
as a daemon thread it does not keep the interpreter alive, and nothing has to be stopped at exit.

**Fork.** A child process has the memory of the I/O thread but not the thread, and it shares its sockets with the
parent. So the child forgets that thread and starts its own when it needs one. It must not close the old loop: that
would unregister descriptors from an epoll set which is the parent's too. Instead each descriptor is replaced, in the
child alone, by one of the null device: the connection is the parent's again, and a number that the old loop believes to
be its own is not given to anybody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from grpc_core.logs import logger
from grpc_core.sync.waking import hand_over_to, new_event_loop

Result = TypeVar("Result")

THREAD_NAME: Final = "grpc_core I/O"
_log = logger("sync")


class IoThread:
    """An event loop in a thread of its own; `selector` and `loop` are given where it is not to be an ordinary one."""

    __slots__ = ("_held", "hand_over", "loop", "selector", "thread")

    hand_over: Callable[..., object]
    """As `post`, but where the thread sleeps the function has been called when this returns (`waking`)."""

    def __init__(
        self, selector: selectors.BaseSelector | None = None, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        self._held: set[asyncio.Task[Any]] = set()
        if selector is None or loop is None:
            selector, loop = new_event_loop()
        self.selector = selector
        self.loop = loop
        self.hand_over = hand_over_to(loop)
        self.thread = threading.Thread(target=self.loop.run_forever, name=THREAD_NAME, daemon=True)
        self.thread.start()

    def is_here(self) -> bool:
        """Whether the caller runs in this thread or in its place, and so must not wait for it."""
        return asyncio._get_running_loop() is self.loop

    def post(self, function: Callable[..., object], *arguments: Any) -> None:
        """Let the thread call a function, in order with all that is posted; do not wait for it."""
        self.loop.call_soon_threadsafe(function, *arguments)

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Let the thread run a coroutine, and wait for its result. Not to be called in the thread itself."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def run_unwatched(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Let the thread run a coroutine that nobody waits for. From any thread."""
        self.post(self._hold, function)

    def _hold(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        task = self.loop.create_task(function())
        self._held.add(task)
        task.add_done_callback(self._held.discard)

    def abandon(self) -> None:
        """In a forked child: leave the loop to the parent."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        descriptors = [key.fd for key in self.selector.get_map().values()]
        if isinstance(self.selector, selectors.EpollSelector):
            descriptors.append(self.selector.fileno())
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.dup2(nowhere, descriptor, inheritable=False)
        os.close(nowhere)


class _Process:
    """What belongs to one process; a forked child begins with a new one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.io: IoThread | None = None
        self.others: set[IoThread] = set()
        self.abandoned: list[IoThread] = []


_process = _Process()
_watches_forks = False


def current() -> IoThread:
    """The I/O thread of this process, started when there is none."""
    return _process.io or _start()


def is_current(io: IoThread) -> bool:
    """Whether this I/O thread runs in this process; not in a child that was forked since."""
    return io is _process.io or io in _process.others


def adopt(io: IoThread) -> None:
    """Let one more I/O thread be current in this process, for those that were told to use it (`grpc_core.testing`)."""
    current()  # which watches for forks
    _process.others.add(io)


def dismiss(io: IoThread) -> None:
    """End an I/O thread that was adopted. Nothing may use it any more."""
    _process.others.discard(io)
    io.post(io.loop.stop)
    io.thread.join()
    io.loop.close()


def lock() -> threading.Lock:
    """A lock of this process, for short moments; never the one that another thread held when the process forked."""
    return _process.lock


def _start() -> IoThread:
    global _watches_forks
    with _process.lock:
        if _process.io is None:
            if not _watches_forks:
                os.register_at_fork(after_in_child=_after_fork_in_child)
                _watches_forks = True
            _process.io = IoThread()
        return _process.io


def _after_fork_in_child() -> None:
    global _process
    old, _process = _process, _Process()
    # Kept for ever: collecting the loop would close it.
    _process.abandoned = old.abandoned
    for io in (old.io, *old.others):
        if io is not None:
            _process.abandoned.append(io)
            io.abandon()


class Callbacks:
    """Calls functions of the user's one after the other on a thread of their own, which exists while there are any.

    They may block, and make calls, without holding up the I/O thread.
    """

    __slots__ = ("_functions", "_is_running", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._functions: deque[Callable[[], object]] = deque()
        self._is_running = False

    def post(self, function: Callable[[], object]) -> None:
        """Call a function after those that were posted before."""
        with self._lock:
            self._functions.append(function)
            if self._is_running:
                return
            self._is_running = True
        threading.Thread(target=self._run, name="grpc_core callbacks", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._functions:
                    self._is_running = False
                    return
                function = self._functions.popleft()
            try:
                function()
            except BaseException:  # whatever it is, those that follow are called too
                _log.exception("a callback raised")
