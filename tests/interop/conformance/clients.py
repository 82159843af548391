"""Clients for tests of the kit: Plait's over sockets, and some that behave badly."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

from http2.aio import client_ssl_context, connect
from http2.frames import END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS_ACK, build_frame, build_settings
from interop.conformance.bench import Bench
from interop.conformance.clients import Fetched, Function
from interop.conformance.exchange import Answer
from interop.conformance.run import KNOWN_BODY

GET = (sys.executable, "-m", "http2", "get", "{url}")


async def exchange(url: str, content: bytes | None, authority: str | None) -> Answer:
    ssl = client_ssl_context(authority) if authority is not None else None
    async with await connect(url.rstrip("/"), ssl=ssl) as client:
        response = await client.request("GET" if content is None else "POST", "/", body=content, timeout_s=20)
        return Answer(response.status, await response.read())


def plait_bench(*, tls: bool = False, timeout_s: float = 10.0) -> Bench:
    """Plait's client of `http2.aio` in this process."""

    def authority() -> str | None:
        return str(bench.authority) if bench.authority is not None else None

    client = Function(
        lambda url: asyncio.run(exchange(url, None, authority())),
        post=lambda url, content: asyncio.run(exchange(url, content, authority())),
    )
    bench = Bench(client, tls=tls, timeout_s=timeout_s)
    return bench


def lying(fetch: Callable[[str], Fetched]) -> Callable[[str], Fetched]:
    """A client that calls everything a success."""

    def lie(url: str) -> Fetched:
        try:
            return fetch(url)
        except Exception:
            return KNOWN_BODY

    return lie


def connected(url: str) -> socket.socket:
    """A connection that asks for `url` in HTTP/2, by hand."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = socket.create_connection((parts.hostname, parts.port))
    authority = parts.netloc.encode()
    block = b"\x82\x86\x84\x01" + bytes([len(authority)]) + authority
    request = build_frame(HEADERS, END_HEADERS | END_STREAM, 1, block)
    connection.sendall(PREFACE + build_settings({}) + SETTINGS_ACK + request)
    return connection


def closes_on_everything(url: str) -> Fetched:
    """Waits for the server's first octets behind the handshake, and closes."""
    with connected(url) as connection:
        seen = b""
        while len(seen) <= 18 and (octets := connection.recv(4096)):
            seen += octets
    raise ConnectionError("something came")
