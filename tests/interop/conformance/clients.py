"""Clients for tests of the kit: Plait's over sockets, and some that behave badly.

python -m tests.interop.conformance.clients      every case against Plait's clients, over TCP and over TLS
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import sys
import warnings
from collections.abc import Callable
from urllib.parse import urlsplit

from http2.aio import ClientError, client_ssl_context, connect
from http2.frames import END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS_ACK, build_frame, build_settings
from interop.conformance import report
from interop.conformance.bench import Bench
from interop.conformance.client_command import run_cases
from interop.conformance.clients import Fetched, Function
from interop.conformance.driving import Delivery
from interop.conformance.exchange import Answer
from interop.conformance.model import Level, Role, TlsOffer
from interop.conformance.run import KNOWN_BODY
from interop.conformance.sockets import tls_context
from interop.conformance.stacks.plait import PlaitClient
from interop.conformance.table import all_cases, select
from tests.interop.conformance.servers import timed

GET = (sys.executable, "-m", "http2", "get", "{url}")


def command(tls: bool) -> tuple[str, ...]:
    """`python -m http2 get`, as the kit starts it."""
    return (*GET[:-1], "--cacert", "{ca}", GET[-1]) if tls else GET


async def exchange(url: str, content: bytes | None, authority: str | None, method: str = "") -> Answer:
    context = client_ssl_context(authority) if authority is not None else None
    method = method or ("GET" if content is None else "POST")
    async with await connect(url.rstrip("/"), ssl=context) as client:
        response = await client.request(method, "/", body=content, timeout_s=20)
        return Answer(response.status, await response.read())


def plait_bench(*, tls: bool = False, timeout_s: float = 10.0) -> Bench:
    """Plait's client of `http2.aio` in this process."""

    def authority() -> str | None:
        return str(bench.authority) if bench.authority is not None else None

    client = Function(
        lambda url: asyncio.run(exchange(url, None, authority())),
        post=lambda url, content: asyncio.run(exchange(url, content, authority())),
        head=lambda url: asyncio.run(exchange(url, None, authority(), "HEAD")),
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


def careless(url: str) -> Fetched:
    """Speaks HTTP/2 over any TLS there is, whatever ALPN says."""
    context = tls_context(TlsOffer(ciphers="DEFAULT:@SECLEVEL=0"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    client = PlaitClient()
    client.request(None, False)
    parts = urlsplit(url)
    with context.wrap_socket(socket.create_connection((parts.hostname or "", parts.port or 0))) as connection:
        connection.sendall(client.receive(b""))
        while not client.results()[0].is_done and (octets := connection.recv(1 << 14)):
            connection.sendall(client.receive(octets))
    (result,) = client.results()
    if result.answer is None:
        raise ConnectionError(result.error)
    return result.answer


def insistent(url: str, content: bytes) -> Fetched:
    """Posts again until it gets an answer."""
    for _ in range(5):
        with contextlib.suppress(ClientError):
            return asyncio.run(exchange(url, content, None))
    raise ConnectionError("five times")


def closes_on_everything(url: str) -> Fetched:
    """Waits for the server's first octets behind the handshake, and closes."""
    with connected(url) as connection:
        seen = b""
        while len(seen) <= 18 and (octets := connection.recv(4096)):
            seen += octets
    raise ConnectionError("something came")


def whole_suite() -> int:
    """Every case against Plait's clients, a command and a function; 1 when one is not at its best."""
    worst = 0
    for tls in (False, True):
        over = ("--tls",) if tls else ()
        arguments = ("client", *over, "--timeout", "10", "--delivery", "whole", "--level", "may", "--", *command(tls))
        worst = max(worst, timed(arguments))
        with plait_bench(tls=tls) as bench:
            cases, both = select(all_cases(), role=Role.CLIENT), (Delivery.WHOLE, Delivery.OCTETS)
            results = run_cases(bench, cases, both, 4, lambda result: None)
        print(f"http2.aio{' over TLS' if tls else ''}: {report.summary(results, Level.MAY)}\n", flush=True)
        for result in results:
            if result.verdict is not None and not result.verdict.best:
                worst = 1
                print(report.failure_line(result), flush=True)
    return worst


if __name__ == "__main__":
    sys.exit(whole_suite())
