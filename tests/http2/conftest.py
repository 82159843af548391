"""Fixtures of the tests of `http2`."""

from __future__ import annotations

import asyncio

import pytest

from http2.aio import ConnectionProtocol
from tests.support.late_reader import server_ends
from tests.support.tls import tls_files

__all__ = ["server_ends", "tls_files"]


@pytest.fixture
def server_is_stuck(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the transport of a server takes no more, because its client does not read."""
    stuck = asyncio.Event()
    pause = ConnectionProtocol.pause_writing

    def pause_writing(protocol: ConnectionProtocol) -> None:
        pause(protocol)
        if not protocol.connection.is_client:
            stuck.set()

    monkeypatch.setattr(ConnectionProtocol, "pause_writing", pause_writing)
    return stuck
