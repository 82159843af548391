"""A client that reads late and does not stop sending: to it a connection must be closed with care."""

from __future__ import annotations

import asyncio
import socket
from typing import Self

import pytest

from http2.aio import ConnectionProtocol
from http2.frames import (
    GOAWAY,
    PREFACE,
    SETTINGS_ACK,
    build_settings,
    build_window_update,
    parse_goaway,
    unpack_header,
)


class LateReader:
    """A client with room for little, who reads late and tells the server of every octet that it has read."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.loop = asyncio.get_running_loop()
        self.frames: list[tuple[int, bytes]] = []
        """Types and payloads of what it has heard."""
        self._heard = b""

    @classmethod
    async def connect(cls, port: int) -> Self:
        """One that is connected, has said its preface and SETTINGS, and opened its windows wide."""
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        reader = cls(sock)
        await reader.loop.sock_connect(sock, ("127.0.0.1", port))
        window = 1 << 30
        await reader.says(PREFACE + build_settings({4: window}) + SETTINGS_ACK + build_window_update(0, window))
        return reader

    async def says(self, octets: bytes) -> None:
        await self.loop.sock_sendall(self.sock, octets)

    def of(self, frame_type: int) -> list[bytes]:
        """The payloads of the frames of one type."""
        return [payload for type_, payload in self.frames if type_ == frame_type]

    async def hears(self) -> bool:
        """Read a little. False at the end."""
        octets = await self.loop.sock_recv(self.sock, 4096)
        self._heard += octets
        while len(self._heard) >= 9:
            length_and_type, _, _ = unpack_header(self._heard)
            end = 9 + (length_and_type >> 8)
            if len(self._heard) < end:
                break
            self.frames.append((length_and_type & 0xFF, self._heard[9:end]))
            self._heard = self._heard[end:]
        return bool(octets)

    async def hears_goaway(self) -> list[tuple[int, int]]:
        """Read until the server says GOAWAY finally; the last stream and the code of each."""
        while not (goaways := [parse_goaway(payload)[:2] for payload in self.of(GOAWAY)]) or goaways[-1][0] > 1:
            assert await self.hears()
        return goaways

    async def hears_all(self) -> None:
        """Read to the end of file, slowly, and say so all the time. Raises ConnectionError for a reset."""
        await self.says(build_window_update(0, 1))
        while await self.hears():
            await self.says(build_window_update(0, 1))


async def turns_of_the_loop() -> None:
    """More of them than a transport needs to be closed."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
def server_ends(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the connection of a server is over."""
    ends = asyncio.Event()
    end = ConnectionProtocol._end

    def _end(protocol: ConnectionProtocol) -> None:
        end(protocol)
        if not protocol.connection.is_client:
            ends.set()

    monkeypatch.setattr(ConnectionProtocol, "_end", _end)
    return ends
