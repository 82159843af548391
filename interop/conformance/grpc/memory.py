"""asyncio stacks in memory: an event loop that runs until nothing is left to do, and a transport that keeps octets.

    rest = RestingLoop()
    protocol.connection_made(KeptTransport(rest.loop, protocol))
    rest.call(protocol.data_received, octets)       # and all that follows from it, without waiting
    rest.skip()                                     # the next timer is due now, where it is due soon

So a gRPC stack, whose calls are coroutines, is a `memory.Stack`: octets in, octets out. Time stands still, but for
`skip`: a deadline of 100 ms passes when there is nothing else to do, and one of an hour never does.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, Final

from interop.conformance.memory import MemoryConnector, MemoryDriver
from interop.conformance.model import Role

SOON_S: Final = 5.0
"""Timers that are due later than that are not skipped to."""


class _Selector(selectors.DefaultSelector):
    """Where the loop would wait, it stops."""

    def __init__(self, rest: RestingLoop) -> None:
        super().__init__()
        self._rest = rest

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events and (timeout is None or timeout > 0):
            self._rest.next_timer_s = timeout
            self._rest.loop.stop()
        return events


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, rest: RestingLoop) -> None:
        self._rest = rest
        super().__init__(_Selector(rest))

    def time(self) -> float:
        """Seconds, which pass where they are skipped."""
        return self._rest.now


class RestingLoop:
    """An event loop of which only as much runs as can run at once. `now` is its time, in seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.next_timer_s: float | None = None
        self.loop: asyncio.AbstractEventLoop = _Loop(self)

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call it in the loop, with all that follows at once. Raises what it raises."""
        raised: list[Exception] = []

        def guarded() -> None:
            try:
                function(*arguments)
            except Exception as error:
                raised.append(error)

        self.loop.call_soon(guarded)
        self.loop.run_forever()
        if raised:
            raise raised[0]

    def skip(self) -> None:
        """Let the next timer be due, if that is soon."""
        if self.next_timer_s is not None and self.next_timer_s <= SOON_S:
            self.now += self.next_timer_s
            self.call(lambda: None)

    def close(self) -> None:
        """End what still runs, and the loop."""
        if self.loop.is_closed():
            return
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.call(lambda: None)
        self.loop.close()


class KeptTransport(asyncio.Transport):
    """A connection whose octets are taken with `take`; it can always be written to."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: asyncio.BaseProtocol) -> None:
        super().__init__({"peername": "in-memory", "sockname": "in-memory"})
        self._loop = loop
        self._protocol = protocol
        self._output = bytearray()
        self.is_closed = False

    def take(self) -> bytes:
        """What was written."""
        octets = bytes(self._output)
        self._output.clear()
        return octets

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._output += data

    def write_eof(self) -> None:
        self.close()

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return 0

    def is_reading(self) -> bool:
        return not self.is_closed

    def pause_reading(self) -> None:
        """The tester does not wait: what comes is kept by whom is tested."""

    def resume_reading(self) -> None:
        """As ever."""

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()


class GrpcMemoryDriver(MemoryDriver):
    """A connection to a stack with a loop of its own, which is closed with it."""

    def close(self) -> None:
        """Tell the stack that its peer has gone, and end its loop."""
        super().close()
        stop: Callable[[], None] = getattr(self._stack, "stop")  # noqa: B009 - of the stacks here, not of every Stack
        stop()


class GrpcMemoryConnector(MemoryConnector):
    """Makes a new stack for each connection. Time passes where nothing else is to be done."""

    offers: frozenset[str] = frozenset({"memory", "time", "deadline"})

    def connect(self, role: Role) -> GrpcMemoryDriver:
        """A new connection. Raises OSError when there is no stack in that role."""
        return GrpcMemoryDriver(self.stack(role))
