"""The same engine on an event loop that is not asyncio's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import grpc_core as grpc
from grpc_core import aio
from interop.peers import certificate

uvloop = pytest.importorskip("uvloop")

LARGE = bytes(300_000)


async def _unary(request: bytes, context: aio.ServicerContext) -> bytes:
    return request


async def _stream(requests: AsyncIterator[bytes], context: aio.ServicerContext) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


async def _calls(folder: Path | None) -> tuple[bytes, list[bytes]]:
    server = aio.server()
    handlers = {
        "Unary": grpc.unary_unary_rpc_method_handler(_unary),
        "Stream": grpc.stream_stream_rpc_method_handler(_stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("some.Service", handlers),))
    if folder is None:
        port = server.add_insecure_port("127.0.0.1:0")
        channel = aio.insecure_channel(f"127.0.0.1:{port}")
    else:
        files = certificate.make(folder)
        pair = files.key.read_bytes(), files.certificate.read_bytes()
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        trust = grpc.ssl_channel_credentials(files.authority.read_bytes())
        channel = aio.secure_channel(f"127.0.0.1:{port}", trust)
    await server.start()
    async with channel:
        reply = await channel.unary_unary("/some.Service/Unary")(b"request", timeout=20)
        call = channel.stream_stream("/some.Service/Stream")(iter([b"1", LARGE, b"3"]), timeout=20)
        replies = [message async for message in call]
    await server.stop(None)
    return reply, replies


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
def test_calls_on_uvloop(is_tls: bool, tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        reply, replies = runner.run(_calls(tmp_path if is_tls else None))
    assert reply == b"request"
    assert replies == [b"1", LARGE, b"3"]
