"""A path with latency and nothing else: what comes in at one end leaves at the other after half a round trip.

    python -m benchmarks.relay

reads lines "PORT SECONDS" and answers each with the port on which it now listens, for connections that it carries to
PORT with that round-trip time. Bandwidth and queue have no end, no octet is lost. The kernel's own emulation (netem)
would need rights and a module that are not everywhere.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque


class _End(asyncio.Protocol):
    """One side of a connection; what it hears, `other` says later."""

    def __init__(self, one_way_s: float) -> None:
        self.other: _End | None = None
        self._one_way_s = one_way_s
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._late: deque[tuple[float, bytes | None]] = deque()  # what is said, and when: b"" ends it, None closes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._say()

    def data_received(self, data: bytes) -> None:
        self._pass_on(data)

    def eof_received(self) -> bool:
        self._pass_on(b"")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._pass_on(None)

    def _pass_on(self, data: bytes | None) -> None:
        other = self.other
        if other is not None:
            other._late.append((self._loop.time() + self._one_way_s, data))
            if len(other._late) == 1:
                other._say()

    def _say(self) -> None:
        """Say all that is due; come back for the rest."""
        transport = self._transport
        if transport is None:
            return
        now = self._loop.time()
        while self._late and self._late[0][0] <= now:
            data = self._late.popleft()[1]
            if transport.is_closing():
                return self._late.clear()
            if data is None:
                return transport.close()
            if data:
                transport.write(data)
            else:
                try:
                    transport.write_eof()
                except OSError:  # ENOTCONN: whom it was for has reset the connection; asyncio will tell
                    return transport.abort()
        if self._late:
            self._loop.call_at(self._late[0][0], self._say)
        return None


async def listen(port: int, round_trip_s: float) -> int:
    """Listen for connections that are carried to `port`. Returns the port to connect to."""
    loop = asyncio.get_running_loop()
    dialing = set()

    def accepted() -> _End:
        near, far = _End(round_trip_s / 2), _End(round_trip_s / 2)
        near.other, far.other = far, near
        task = loop.create_task(loop.create_connection(lambda: far, "127.0.0.1", port))
        dialing.add(task)
        task.add_done_callback(dialing.discard)
        return near

    server = await loop.create_server(accepted, "127.0.0.1", 0)
    listening: int = server.sockets[0].getsockname()[1]
    _servers.append(server)
    return listening


_servers: list[asyncio.Server] = []


async def main() -> None:
    """Do what the lines of the standard input say."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        port, round_trip_s = line.split()
        print(await listen(int(port), float(round_trip_s)), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
