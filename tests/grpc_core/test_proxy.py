"""HTTP CONNECT proxies: which, when, and what is said; then through a small one to a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from grpc_core import aio
from grpc_core.proxy import Proxy, ProxyError, proxy_for
from grpc_core.status import StatusCode
from grpc_core.target import Address
from tests.grpc_core.support import method, run, serving, status_of

HERE = Address("proxy.example", 8080)
OPEN = b"HTTP/1.1 200 OK\r\nVia: test\r\n\r\n"


@pytest.mark.wire("W185")
@pytest.mark.parametrize(
    ("option", "environment", "proxied"),
    [
        (None, {}, False),
        (None, {"http_proxy": "http://proxy.example:8080"}, True),
        (None, {"https_proxy": "http://proxy.example:8080", "http_proxy": "http://other.example"}, True),
        (None, {"grpc_proxy": "proxy.example:8080", "https_proxy": "http://other.example"}, True),
        ("http://proxy.example:8080", {"grpc_proxy": "http://other.example"}, True),
        (None, {"http_proxy": ""}, False),
        (None, {"http_proxy": "http://proxy.example:8080", "no_proxy": "other, server.example"}, False),
        (None, {"http_proxy": "http://proxy.example:8080", "no_proxy": ".example"}, False),
        (None, {"http_proxy": "http://proxy.example:8080", "no_proxy": "xample,erver.example"}, True),
        (None, {"http_proxy": "http://proxy.example:8080", "no_proxy": "*"}, False),
        (None, {"http_proxy": "http://proxy.example:8080", "no_proxy": "*", "no_grpc_proxy": "other"}, True),
        ("http://proxy.example:8080", {"no_proxy": "server.example"}, False),
    ],
)
def test_which_proxy_is_used_and_when(option: str | None, environment: dict[str, str], proxied: bool) -> None:
    assert proxy_for("server.example", 443, option, True, environment) == (Proxy(HERE) if proxied else None)
    assert proxy_for("server.example", 443, option, False, environment) is None, "turned off"


@pytest.mark.wire("W185")
def test_networks_that_are_reached_directly() -> None:
    environment = {"http_proxy": "http://proxy.example", "no_proxy": "10.0.0.0/8,::1"}
    for host, proxied in (("10.1.2.3", False), ("11.1.2.3", True), ("::1", False), ("::2", True), ("name", True)):
        assert (proxy_for(host, 1, None, True, environment) is not None) is proxied, host


def test_what_is_asked_of_a_proxy() -> None:
    proxy = proxy_for("server", 1, "http://me:p%40ss@proxy.example", True, {})
    assert proxy is not None
    assert proxy.address == Address("proxy.example", 80)
    assert proxy.request("server:1") == (
        b"CONNECT server:1 HTTP/1.1\r\nHost: server:1\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"
    )
    assert b"Authorization" not in Proxy(HERE).request("server:1")


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("https://proxy.example", "only http:// proxies can be used"),
        ("http://", "it has no host"),
        ("http://proxy.example:port", "its port is no number"),
    ],
)
def test_a_proxy_that_cannot_be_understood(option: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        aio.Channel("server:1", (("grpc.http_proxy", option),))


@pytest.mark.parametrize(
    ("head", "text"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "refused the tunnel: 407 Proxy Authentication Required",
        ),
        (b"HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n", "refused the tunnel: 302 Found"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "which is not HTTP/1"),
        (b"HTTP/1.1 2xx\r\n\r\n", "refused the tunnel: 2xx"),
    ],
)
def test_answers_that_open_no_tunnel(head: bytes, text: str) -> None:
    with pytest.raises(ProxyError, match=text):
        Proxy(HERE).check_answer(head)
    Proxy(HERE).check_answer(b"HTTP/1.1 200 Connection established\r\n\r\n")


# -- a proxy -----------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def tunnels(port: int, answer: bytes = OPEN) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A proxy whose tunnels all lead to one port of this machine: its own port, and what it was asked."""
    asked: list[bytes] = []
    tasks: list[asyncio.Task[None]] = []

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass  # one end is gone: so is the tunnel
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if b" 200 " not in answer:
            writer.write(answer)
            writer.close()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(answer)
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)


@pytest.mark.wire("W185")
def test_a_call_through_a_proxy_which_alone_knows_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with serving() as (_, port), tunnels(port) as (proxy_port, asked):
            monkeypatch.setenv("grpc_proxy", f"http://user@127.0.0.1:{proxy_port}")
            async with aio.insecure_channel("only.the.proxy.knows:7777") as channel:
                assert await method(channel)(b"x" * 100_000) == b"x" * 100_000
            assert asked[0].startswith(b"CONNECT only.the.proxy.knows:7777 HTTP/1.1\r\n")
            assert b"Basic dXNlcjo=" in asked[0]
            async with aio.insecure_channel(f"127.0.0.1:{port}", (("grpc.enable_http_proxy", 0),)) as channel:
                assert await method(channel)(b"x") == b"x"
            async with aio.insecure_channel(f"ipv4:127.0.0.1:{port}") as channel:
                assert await method(channel)(b"x") == b"x", "only dns targets"
            assert len(asked) == 1

    run(main())


@pytest.mark.wire("W185")
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "refused the tunnel: 403 Forbidden"),
        (b"", "closed the connection, or answers without end"),
    ],
)
def test_a_proxy_that_refuses_is_named(answer: bytes, text: str) -> None:
    async def main() -> None:
        async with tunnels(0, answer) as (proxy_port, _):
            options = (("grpc.http_proxy", f"http://127.0.0.1:{proxy_port}"),)
            async with aio.insecure_channel("server.example:1", options) as channel:
                code, details = await status_of(method(channel)(b""))
                assert code is StatusCode.UNAVAILABLE
                assert details is not None
                assert f"the HTTP proxy 127.0.0.1:{proxy_port} {text}" in details

    run(main())
