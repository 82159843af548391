"""W060 to W071: message compression, ours against ours and against grpcio in both roles; bombs; what is on the wire."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import grpc_core
from grpc_core import aio, compression
from grpc_core.compression import (
    ACCEPT_ENCODING,
    CODINGS,
    DEFLATE,
    GZIP,
    ZSTD,
    Coding,
    Compression,
    accepted,
    coding_of,
    encoded,
)
from grpc_core.status import StatusCode
from grpc_core.wire import MessageError, MessageReader
from http2.explain import FrameLog
from tests.support.modules import MODULES

PATIENCE_S = 30.0
TEXT = b"compress me, " * 1_000


# -- codings -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", CODINGS.values(), ids=lambda coding: coding.name.decode())
@given(message=st.binary(max_size=4_000))
def test_what_is_compressed_is_read_again(coding: Coding, message: bytes) -> None:
    assert coding.decompress(coding.compress(message), -1) == message
    assert coding.decompress(coding.compress(message), len(message)) == message


@pytest.mark.wire("W062")
def test_w062_deflate_is_the_zlib_format_and_gzip_is_gzip() -> None:
    assert zlib.decompress(DEFLATE.compress(TEXT)) == TEXT
    assert gzip.decompress(GZIP.compress(TEXT)) == TEXT
    raw = zlib.compressobj(wbits=-15)
    with pytest.raises(MessageError) as caught:
        DEFLATE.decompress(raw.compress(TEXT) + raw.flush(), -1)
    assert caught.value.code is StatusCode.INTERNAL


@pytest.mark.wire("W066")
@pytest.mark.parametrize("coding", CODINGS.values(), ids=lambda coding: coding.name.decode())
def test_w066_what_cannot_be_decompressed_is_internal(coding: Coding) -> None:
    good = coding.compress(TEXT)
    for bad in (b"", b"garbage", good[:-1], good[: len(good) // 2], good + b"x", good[:-3] + b"abc"):
        with pytest.raises(MessageError) as caught:
            coding.decompress(bad, -1)
        assert caught.value.code is StatusCode.INTERNAL, bad[:20]


@pytest.mark.wire("W057")
@pytest.mark.parametrize("coding", CODINGS.values(), ids=lambda coding: coding.name.decode())
def test_w057_a_bomb_costs_the_limit_and_not_its_size(coding: Coding) -> None:
    bomb = coding.compress(bytes(64 << 20))
    limit = 1 << 20
    tracemalloc.start()
    try:
        with pytest.raises(MessageError) as caught:
            coding.decompress(bomb, limit)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.code is StatusCode.RESOURCE_EXHAUSTED
    assert peak < 1.5 * limit, f"{peak} octets for a limit of {limit}"


@pytest.mark.wire("W063")
def test_w063_the_flag_without_a_coding_is_internal() -> None:
    with pytest.raises(MessageError) as caught:
        MessageReader().feed(b"\1\0\0\0\1x")
    assert caught.value.code is StatusCode.INTERNAL


@pytest.mark.wire("W061")
def test_what_callers_ask_for() -> None:
    assert coding_of(None) is None
    assert coding_of(Compression.NoCompression) is None
    assert coding_of(1) is DEFLATE
    assert coding_of(Compression.Gzip) is GZIP
    for nonsense in (7, "gzip", 1.5):
        with pytest.raises(ValueError, match="is not a Compression"):
            coding_of(nonsense)
    assert accepted(b"identity,deflate , gzip") == {b"identity", b"deflate", b"gzip"}


@pytest.mark.wire("W061")
def test_zstd_is_there_where_its_package_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ACCEPT_ENCODING == b"identity, deflate, gzip, zstd"
    assert coding_of(Compression.Zstd) is ZSTD
    monkeypatch.setattr(compression, "_HAS_ZSTD", False)
    with pytest.raises(ValueError, match=r"needs the package zstandard: pip install 'plait\[zstd\]'"):
        coding_of(Compression.Zstd)


def test_a_zstd_window_over_eight_mebibytes_is_refused() -> None:
    """What a sender declares, its reader would have to allocate before it knows the size of the message."""
    import zstandard

    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    wide = compressor.compress(TEXT) + compressor.flush()
    with pytest.raises(MessageError) as caught:
        ZSTD.decompress(wide, 1 << 20)
    assert caught.value.code is StatusCode.INTERNAL


@pytest.mark.wire("W070")
def test_w070_what_does_not_shrink_is_sent_as_it_is() -> None:
    assert encoded(b"ab", GZIP) == (b"ab", False)
    compressed, flag = encoded(TEXT, GZIP)
    assert flag
    assert len(compressed) < len(TEXT)


# -- calls -------------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W060", "W062")
@pytest.mark.parametrize(
    ("names", "compression"),
    [
        *itertools.product(["plait-plait", "plait-grpcio", "grpcio-plait"], ["Gzip", "Deflate"]),
        ("plait-plait", "Zstd"),
    ],
)
def test_requests_and_responses_are_compressed_and_read(names: str, compression: str) -> None:
    server_module, client_module = (MODULES[name]() for name in names.split("-"))

    async def echo(request: bytes, context: Any) -> bytes:
        context.set_compression(getattr(server_module.Compression, compression))
        return request

    async def echo_all(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        context.set_compression(getattr(server_module.Compression, compression))
        async for request in requests:
            if request == b"plain":
                context.disable_next_message_compression()
            yield request

    async def main() -> None:
        server = server_module.aio.server()
        handlers = {
            "Echo": server_module.unary_unary_rpc_method_handler(echo),
            "EchoAll": server_module.stream_stream_rpc_method_handler(echo_all),
        }
        server.add_generic_rpc_handlers((server_module.method_handlers_generic_handler("s", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        asked = getattr(client_module.Compression, compression)
        async with asyncio.timeout(PATIENCE_S):
            async with client_module.aio.insecure_channel(f"127.0.0.1:{port}", compression=asked) as channel:
                assert await channel.unary_unary("/s/Echo")(TEXT) == TEXT
                assert await channel.unary_unary("/s/Echo")(b"") == b""
                call = channel.stream_stream("/s/EchoAll")(iter([TEXT, b"plain", TEXT]))
                assert [response async for response in call] == [TEXT, b"plain", TEXT]
            async with client_module.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                assert await channel.unary_unary("/s/Echo")(TEXT, compression=asked) == TEXT
        await server.stop(None)

    asyncio.run(main())


@pytest.mark.wire("W068", "W069")
def test_w068_w069_what_is_on_the_wire() -> None:
    """Compressed only where it was asked for, and where the client reads it; the default is no compression."""
    lines: list[str] = []

    def tap_factory() -> Callable[[str, bytes], None]:
        log = FrameLog("server")
        return lambda direction, data: lines.extend(log.feed(data)) if direction == "sent" else None

    async def large(request: bytes, context: aio.ServicerContext) -> bytes:
        if request == b"deflate":
            context.set_compression(Compression.Deflate)
        if request == b"plain":
            context.disable_next_message_compression()
        return TEXT

    async def main() -> None:
        server = aio.Server(compression=Compression.Gzip, tap_factory=tap_factory)
        handler = grpc_core.unary_unary_rpc_method_handler(large)
        server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler("s", {"M": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with asyncio.timeout(PATIENCE_S), aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            for request, coding, is_short in (
                (b"", "gzip", True),
                (b"deflate", "deflate", True),
                (b"plain", "gzip", False),
            ):
                lines.clear()
                assert await channel.unary_unary("/s/M")(request) == TEXT
                assert any(f"grpc-encoding: {coding}" in line for line in lines)
                octets = [int(line.split()[-2]) for line in lines if line.startswith("server  DATA")]
                assert (sum(octets) < 1_000) is is_short
        await server.stop(None)

    asyncio.run(main())


# -- what came compressed ----------------------------------------------------------------------------------------------


@pytest.mark.wire("W060", "W069")
@pytest.mark.parametrize("client", ["plait", "grpcio"])
def test_a_handler_can_tell_whether_a_request_came_compressed(client: str) -> None:
    client_module = MODULES[client]()
    seen: list[bool] = []

    async def unary(request: bytes, context: Any) -> bytes:
        seen.append(context.request_was_compressed())
        return b""

    async def stream(requests: AsyncIterator[bytes], context: Any) -> bytes:
        seen.append(context.request_was_compressed())
        async for _ in requests:
            seen.append(context.request_was_compressed())
        return b""

    async def main() -> None:
        server = aio.server()
        handlers = {
            "Unary": grpc_core.unary_unary_rpc_method_handler(unary),
            "Stream": grpc_core.stream_unary_rpc_method_handler(stream),
        }
        server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler("s", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        gzip = client_module.Compression.Gzip
        async with asyncio.timeout(PATIENCE_S):
            async with client_module.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                await channel.unary_unary("/s/Unary")(TEXT)
                await channel.unary_unary("/s/Unary")(TEXT, compression=gzip)
                assert seen == [False, True]
                seen.clear()
                await channel.stream_unary("/s/Stream")(iter([TEXT, TEXT]), compression=gzip)
                assert seen == [False, True, True], "nothing was read before the first"
                if client_module is grpc_core:
                    seen.clear()
                    call = channel.stream_unary("/s/Stream")(compression=gzip)
                    await call.write(TEXT)
                    call.disable_next_message_compression()
                    await call.write(TEXT)
                    await call.write(TEXT)
                    await call.done_writing()
                    await call
                    assert seen == [False, True, False, True], "one message is plain, not the rest"
        await server.stop(None)

    asyncio.run(main())


@pytest.mark.wire("W060", "W069")
@pytest.mark.parametrize("server_name", ["plait", "grpcio"])
def test_a_caller_can_tell_whether_a_response_came_compressed(server_name: str) -> None:
    server_module = MODULES[server_name]()

    async def unary(request: bytes, context: Any) -> bytes:
        if request:
            context.set_compression(server_module.Compression.Gzip)
            await context.send_initial_metadata(())  # without it grpcio's asyncio server forgets the coding
        return TEXT

    async def stream(request: bytes, context: Any) -> AsyncIterator[bytes]:
        context.set_compression(server_module.Compression.Gzip)
        yield TEXT
        context.disable_next_message_compression()
        yield TEXT
        yield TEXT

    async def main() -> None:
        server = server_module.aio.server()
        handlers = {
            "Unary": server_module.unary_unary_rpc_method_handler(unary),
            "Stream": server_module.unary_stream_rpc_method_handler(stream),
        }
        server.add_generic_rpc_handlers((server_module.method_handlers_generic_handler("s", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with asyncio.timeout(PATIENCE_S), aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            for request in (b"", b"compress"):
                call = channel.unary_unary("/s/Unary")(request)
                assert not call.response_was_compressed(), "there is none yet"
                assert await call == TEXT
                assert call.response_was_compressed() is bool(request)
            streaming = channel.unary_stream("/s/Stream")(b"")
            assert [streaming.response_was_compressed() async for _ in streaming] == [True, False, True]
        await server.stop(None)

    asyncio.run(main())
