"""Tasks that take their steps at once: what can be done with the octets of a read is done before the loop goes on.

A new asyncio task takes its first step in the next turn of the event loop, and one that waits for a future goes on in
the turn after the one in which that has its result. For a handler that answers at once, and for a caller who has the
answer, such a turn is wasted, and all that the call is made of lies about until then. So here tasks begin at once, and
go on at once. From Python 3.12 on a task can be told to begin eagerly. All else asks the loop, with `call_soon`, for a
step: that is caught here, and taken.

Measured with unary calls: handlers that begin at once, 64 at a time: 42 µs of the server's time for each, not 46.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

_BEGINS_EAGERLY: Final = sys.version_info >= (3, 12)
_Step = tuple[Callable[..., object], tuple[Any, ...], contextvars.Context | None]


class TaskStarter:
    """Makes the tasks of the running event loop, and lets them go on.

    Where somebody's task is running already, or the loop has a task factory, or somebody has replaced its `call_soon`,
    a task takes its step in the next turn as ever.
    """

    __slots__ = ("_caught", "_is_plain", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._caught: list[_Step] = []
        self._is_plain = loop.get_task_factory() is not None or not hasattr(loop, "__dict__")

    def _must_wait(self) -> bool:
        loop = self._loop
        return self._is_plain or "call_soon" in loop.__dict__ or asyncio.current_task(loop) is not None

    def start(
        self, coroutine: Coroutine[Any, Any, None], name: str, context: contextvars.Context | None = None
    ) -> asyncio.Task[None]:
        """A task for `coroutine`, in `context` or a copy of the current one. It may be done by now."""
        loop = self._loop
        if self._must_wait():
            return loop.create_task(coroutine, name=name, context=context)
        if _BEGINS_EAGERLY:
            return asyncio.Task(coroutine, loop=loop, name=name, context=context, eager_start=True)  # type: ignore[call-arg]
        loop.call_soon = self._catch  # type: ignore[method-assign,assignment]  # what a Task uses of it
        try:
            task = asyncio.Task(coroutine, loop=loop, name=name, context=context)
        finally:
            del loop.call_soon
        caught, self._caught = self._caught, []
        for callback, arguments, wanted in caught:
            if wanted is not None and getattr(callback, "__self__", None) is task:
                wanted.run(callback, *arguments)
            else:  # of a finalizer that ran meanwhile
                loop.call_soon(callback, *arguments, context=wanted)
        return task

    def resume(self, futures: Iterable[asyncio.Future[None]]) -> None:
        """Give these futures their result, unless they are done, and let those go on who wait for them."""
        loop = self._loop
        if self._must_wait():
            resolve(futures)
            return
        loop.call_soon = self._catch  # type: ignore[method-assign,assignment]  # what a Future uses of it
        try:
            resolve(futures)
        finally:
            del loop.call_soon
        caught, self._caught = self._caught, []
        steps = iter(caught)
        try:
            for callback, arguments, wanted in steps:
                if wanted is None:  # of a finalizer that ran meanwhile
                    loop.call_soon(callback, *arguments)
                else:
                    wanted.run(callback, *arguments)
        finally:
            for callback, arguments, wanted in steps:  # a task has raised what ends the loop: SystemExit or such
                loop.call_soon(callback, *arguments, context=wanted)

    def _catch(
        self, callback: Callable[..., object], *arguments: Any, context: contextvars.Context | None = None
    ) -> None:
        self._caught.append((callback, arguments, context))


def resolve(futures: Iterable[asyncio.Future[None]]) -> None:
    """Give these futures their result, unless they are done. Who waits for one goes on in the next turn of the loop."""
    for future in futures:
        if not future.done():
            future.set_result(None)
