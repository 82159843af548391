"""What lies between channels and a server in memory: connections, and all that may befall them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from grpc_core.aio.dialing import Connector
from grpc_core.aio.protocol import ClientProtocol
from grpc_core.aio.serving import Server
from grpc_core.target import Address
from grpc_core.testing.transports import MemoryTransport, join

TARGET = "in-memory"
"""The target of a channel in memory; also its `:authority`."""


class Network:
    """The connections between channels and a server, and the faults they suffer.

    Everything may be changed while calls are going on, from any thread.
    """

    def __init__(self, *, delay_s: float = 0.0, chunk_bytes: int | None = None) -> None:
        """`delay_s`: how long octets travel each way. `chunk_bytes`: the most that arrive in one piece; with 1 every
        octet arrives by itself, so whatever is read was cut at every position."""
        if chunk_bytes is not None and chunk_bytes < 1:
            raise ValueError(f"chunk_bytes is {chunk_bytes}; at least 1 is needed, or None for no cuts")
        self.delay_s = delay_s
        self.chunk_bytes = chunk_bytes
        self.is_held = False
        self.is_down = False
        """While true, connecting is refused; connections that there are stay."""
        self.connections_made = 0
        """How many connections there have been."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ends: list[MemoryTransport] = []  # the client's, of connections that may still be open

    def connector(self, server: Server) -> Connector:
        """What a channel connects to this server with: `aio.Channel(TARGET, connector=network.connector(server))`."""

        async def connect(make: Callable[[], ClientProtocol], address: Address) -> ClientProtocol:
            if self.is_down:
                raise ConnectionRefusedError("the network is down")
            accepted = server.new_connection()
            protocol = make()
            self._ends = [end for end in self._ends if not end.is_closing()]
            self._loop = asyncio.get_running_loop()
            client_end, _ = join(self._loop, protocol, accepted, self)
            self._ends.append(client_end)
            self.connections_made += 1
            return protocol

        return connect

    def break_connection(self) -> None:
        """Reset every connection that there is, as a cable that is cut: octets on their way are lost."""
        self._on_loop(self._break)

    def hold(self) -> None:
        """Let nothing arrive until `release`; nobody is told."""
        self.is_held = True

    def release(self) -> None:
        """Let everything arrive that was held."""
        self.is_held = False
        self._on_loop(self._go_on)

    def _break(self) -> None:
        ends, self._ends = self._ends, []
        for end in ends:
            end.abort()

    def _go_on(self) -> None:
        for end in self._ends:
            end.schedule()
            end.other.schedule()

    def _on_loop(self, function: Callable[[], None]) -> None:
        """Call a function in the thread of the event loop, and wait for it."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return  # there was no connection yet, or there is none any more
        try:
            is_here = asyncio.get_running_loop() is loop
        except RuntimeError:
            is_here = False

        async def called() -> None:
            function()

        if is_here:
            function()
        else:
            asyncio.run_coroutine_threadsafe(called(), loop).result()
