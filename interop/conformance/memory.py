"""Runs cases against a sans-IO stack in memory: no socket, no clock, no thread; an answer that is not there never
comes.

What an adapter must have is a `Stack`: octets in, octets out. With that, any Python stack is tested in milliseconds:

    class MyServer:                                 # GET: 200 and KNOWN_BODY; POST: 200 and the request's content
        def __init__(self):
            self.engine = ...
        def receive(self, octets: bytes) -> bytes:  # b"": nothing came, but is there something to send?
            for event in self.engine.feed(octets):
                ...                                 # the application
            return self.engine.output()
        def receive_end(self) -> None: ...
        @property
        def is_closed(self) -> bool: ...            # it wants the transport closed once its output has left

    run_case(case, MemoryConnector(server=MyServer), TARGET)

A server consumes the content of a POST to `TARGET.hold_path` only when it has ended, and answers CONNECT with 200 at
once. A client has `request` and
`results()` besides. `stacks/` holds the adapters that are shipped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from interop.conformance.exchange import Answer, ClientResult, Target
from interop.conformance.model import Role
from interop.conformance.run import KNOWN_BODY
from interop.conformance.script import CannotDo

TARGET = Target(get=Answer(200, KNOWN_BODY), post=Answer(200, b""))
"""Whom requests in memory are for: the application that every adapter has."""

OCTETS_MAX = 1 << 26
"""Octets that a stack may emit on one connection before it counts as one that never stops."""


class Stack(Protocol):
    """One end of a connection."""

    def receive(self, octets: bytes) -> bytes:
        """Take octets (perhaps none) from the peer and give those that are to be sent."""

    def receive_end(self) -> None:
        """The peer has closed the connection."""

    @property
    def is_closed(self) -> bool:
        """Whether the transport is to be closed once the output has left."""


class ClientStack(Stack, Protocol):
    """A client's end."""

    def request(self, content: bytes | None, hold: bool, head: bool = False) -> None:
        """Make a request of `TARGET`: GET, POST of the content, or HEAD. The octets leave with the next `receive`.

        With `hold` nothing of the answer is consumed before it has ended.
        """

    def results(self) -> list[ClientResult]:
        """What became of the requests, in their order."""


class MemoryDriver:
    """A connection to a stack. What it raises is a crash, which ends the connection."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._output = bytearray()
        self._emitted = 0
        self._ended = False
        self._closed = False
        self.crashed = ""
        self.was_reset = False

    def send(self, octets: bytes) -> None:
        """Give octets to the stack and keep what it says."""
        if self._ended or self._closed:
            return
        try:
            output = self._stack.receive(octets)
            self._ended = self._stack.is_closed
        except Exception as error:
            self.crashed = f"{type(error).__name__}: {error}"
            self._ended = True
            return
        self._output += output
        self._emitted += len(output)
        if self._emitted > OCTETS_MAX:
            self._ended = True

    def receive(self, deadline: float) -> bytes | None:
        """What the stack has said; b"" when it has closed; None when it has nothing more to say."""
        if not self._output and not self._ended:
            self.send(b"")
        if self._output:
            octets = bytes(self._output)
            self._output.clear()
            return octets
        return b"" if self._ended or self._closed else None

    def close(self) -> None:
        """Tell the stack that its peer has gone."""
        if self._closed:
            return
        self._closed = True
        if self._ended:
            return
        try:
            self._stack.receive_end()
        except Exception as error:
            self.crashed = self.crashed or f"at the end: {type(error).__name__}: {error}"

    def now(self) -> float:
        """Time stands still."""
        return 0.0

    def request(self, content: bytes | None, hold: bool, head: bool = False) -> None:
        """Have the client make a request."""
        request = getattr(self._stack, "request", None)
        if request is None:
            raise CannotDo("the stack is no client")
        if self._ended:
            return
        try:
            request(content, hold, head)
        except Exception as error:
            self.crashed = f"{type(error).__name__}: {error}"
            self._ended = True

    def results(self) -> list[ClientResult]:
        """What the client has told."""
        results: Callable[[], list[ClientResult]] | None = getattr(self._stack, "results", None)
        return results() if results is not None else []


class MemoryConnector:
    """Makes a new stack for each connection."""

    offers: frozenset[str] = frozenset({"memory", "hold", "tunnel"})

    def __init__(
        self, server: Callable[[], Stack] | None = None, client: Callable[[], ClientStack] | None = None
    ) -> None:
        self._server = server
        self._client = client

    @property
    def roles(self) -> list[Role]:
        """The roles that there is a stack for."""
        return [role for role, stack in ((Role.SERVER, self._server), (Role.CLIENT, self._client)) if stack is not None]

    def connect(self, role: Role) -> MemoryDriver:
        """A new connection. Raises OSError when there is no stack in that role."""
        return MemoryDriver(self.stack(role))

    def stack(self, role: Role) -> Stack:
        """A new stack. Raises OSError when there is none in that role."""
        stack = self._server if role is Role.SERVER else self._client
        if stack is None:
            raise ConnectionRefusedError(f"there is no {role.value} to connect to")
        return stack()
