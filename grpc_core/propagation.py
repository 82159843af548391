"""What a call that is being handled hands down to the calls made from its handler: its deadline, and its end.

A server sets `HANDLED`, a context variable, around every handler; a client looks into it when it makes a call.

    the handled call ...                       the calls made from its handler ...
    has a deadline                             end then at the latest: min(their own timeout, what is left)
    is cancelled, its client has gone,         are cancelled too, with CANCELLED, or DEADLINE_EXCEEDED after its
      its deadline passes, the server stops      deadline; and so is every call that is made from it afterwards
    ends by itself, well or not                go on; those made afterwards have nothing to inherit

Context variables follow the flow of the program: into coroutines, async generators, tasks (`asyncio.create_task`),
`asyncio.to_thread`, and the threads in which servers run plain functions; not into threads that the handler starts by
itself. What shall outlive the handled call is started inside `with detached():`.

No clock and no event loop here: the server says how to tell the time, a call how to be ended.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from types import TracebackType
from typing import Final, Protocol

from grpc_core.status import StatusCode

PARENT_CANCELLED: Final = "The call that this call was made from was cancelled!"
PARENT_DEADLINE: Final = "Deadline Exceeded"


class Heir(Protocol):
    """A call that was made from a handler."""

    def end_with_parent(self, code: StatusCode, details: str) -> None:
        """End, soon. May be called in any thread, and when the call is over."""


class HandledCall:
    """The call that is being handled, as those made from its handler see it.

    It outlives the handled call in the context of whoever was started from there, so it keeps nothing alive: not the
    call, not its handler, and of its heirs only those that are running.

    Heirs may come and go in other threads, without a lock: an heir is entered before it looks whether the call has been
    cancelled, and the cancellation is noted before it looks for heirs. So each is seen by one of the two at least.
    """

    __slots__ = ("_clock", "_deadline", "_ending", "_heirs", "_is_over")

    def __init__(self, clock: Callable[[], float] | None = None, deadline: float | None = None) -> None:
        """`clock()` and `deadline` in seconds, of the same clock; None is no deadline."""
        self._clock = clock
        self._deadline = deadline
        self._heirs: set[Heir] = set()
        self._ending: tuple[StatusCode, str] | None = None
        self._is_over = False

    # -- the client's side ---------------------------------------------------------------------------------------------

    def limit(self, timeout_s: float | None) -> float | None:
        """The timeout of a call made now, whose caller wants this one."""
        clock, deadline = self._clock, self._deadline
        if clock is None or deadline is None:
            return timeout_s
        left_s = deadline - clock()
        return left_s if timeout_s is None or left_s < timeout_s else timeout_s

    def enter(self, heir: Heir) -> tuple[StatusCode, str] | None:
        """A call begins that shall end with this one. Returns the status to end it with at once, if it is too late."""
        if not self._is_over:
            self._heirs.add(heir)
        return self._ending

    def leave(self, heir: Heir) -> None:
        """That call is over."""
        self._heirs.discard(heir)

    # -- the server's side ---------------------------------------------------------------------------------------------

    def cancel(self, is_late: bool) -> None:
        """The call was ended from outside; `is_late`: by its deadline."""
        code = StatusCode.DEADLINE_EXCEEDED if is_late else StatusCode.CANCELLED
        details = PARENT_DEADLINE if is_late else PARENT_CANCELLED
        if self._ending is None and not self._is_over:
            self._ending = code, details
            for heir in list(self._heirs):
                heir.end_with_parent(code, details)
            self.end()

    def end(self) -> None:
        """The handler has ended, and with it the inheritance."""
        self._is_over = True
        self._clock = None
        if self._heirs:
            self._heirs.clear()


HANDLED: Final[contextvars.ContextVar[HandledCall | None]] = contextvars.ContextVar("grpc_core.handled", default=None)
"""The call whose handler runs in this context; None outside of handlers, and where a program has detached itself."""


class detached:  # used like a function, as contextlib's are
    """Calls made inside `with detached():` do not inherit: they have the deadline that they are given, and go on when
    the call that is being handled ends. A task that is created inside is detached for good."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = HANDLED.set(None)

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        HANDLED.reset(self._token)
