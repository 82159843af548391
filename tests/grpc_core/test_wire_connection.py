"""What gRPC asks of an HTTP/2 connection beyond the RFC, on the wire: the greeting, limits on streams, PINGs, TLS."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

import grpc_core
from grpc_core import aio
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.status import StatusCode
from http2.errors import ErrorCode
from http2.frames import (
    PADDED,
    PING,
    PREFACE,
    SETTINGS_ACK,
    build_frame,
    build_ping,
    build_settings,
    parse_rst_stream,
    parse_settings,
)
from tests.grpc_core.support import (
    DATA,
    GOAWAY,
    HEADERS,
    OK_TRAILERS,
    REQUEST,
    RESPONSE,
    RST_STREAM,
    SETTINGS,
    Events,
    Raw,
    facing,
    joined,
    message,
    method,
    raw_server,
    run,
    serving,
    status_of,
)
from tests.support.modules import grpcio
from tests.support.tls import TlsFiles, tls_files

__all__ = ["tls_files"]


def answer(raw: Raw, stream_id: int, payload: bytes = b"x") -> None:
    raw.sends(
        raw.headers(stream_id, RESPONSE),
        raw.data(stream_id, message(payload)),
        raw.headers(stream_id, OK_TRAILERS, end_stream=True),
    )


# -- the greeting ------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W120")
def test_what_a_client_announces() -> None:
    async def main() -> None:
        greeting = Events()

        async def script(raw: Raw) -> None:
            greeting(dict(parse_settings((await raw.next_of(SETTINGS)).payload)))
            answer(raw, (await raw.next_request()).stream_id)
            await raw.rest()

        async with facing(script) as channel:
            assert await method(channel)(b"") == b"x"
        (settings,) = greeting.seen
        assert settings[2] == 0, "ENABLE_PUSH"
        assert settings[4] == 1_114_112, "a message of 1 MiB, with what is around it, needs no round trip"
        assert settings[6] == 16_384, "MAX_HEADER_LIST_SIZE"

    run(main())


@pytest.mark.wire("W120")
def test_a_client_that_is_pushed_to_ends_the_connection() -> None:
    """It has said ENABLE_PUSH 0, so PUSH_PROMISE is a connection error; MAX_CONCURRENT_STREAMS 0 would say no more."""

    async def main() -> None:
        frames = Events()

        async def script(raw: Raw) -> None:
            head = await raw.next_request()
            raw.sends(build_frame(5, 4, head.stream_id, (2).to_bytes(4, "big") + raw.encoder.encode(REQUEST)))
            frames((await raw.next_of(GOAWAY)).payload[4:8])

        async with facing(script) as channel:
            assert (await status_of(method(channel)(b"")))[0] is StatusCode.UNAVAILABLE
            assert await frames.count(1) == [b"\0\0\0\1"], "PROTOCOL_ERROR"

    run(main())


@pytest.mark.wire("W121")
def test_unknown_settings_and_frames_are_ignored_on_both_sides() -> None:
    unknown = build_settings({65027: 1, 65028: 2, 0xFFFF: 3}) + build_frame(0xEE, 0xFF, 0, b"what") + SETTINGS_ACK

    async def main() -> None:
        async def script(raw: Raw) -> None:
            raw.sends(unknown)
            answer(raw, (await raw.next_request()).stream_id)
            await raw.rest()

        async with facing(script, greet=False) as channel:
            assert await method(channel)(b"") == b"x"
        async with serving() as (_, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            async with Raw(reader, writer, True) as raw:
                raw.sends(PREFACE, unknown)
                frames = await raw.calls(1, REQUEST, message(b"x"))
                assert [frame.type for frame in frames] == [HEADERS, DATA, HEADERS]

    run(main())


@pytest.mark.wire("W174")
def test_ready_needs_the_servers_settings() -> None:
    async def main() -> None:
        greet = asyncio.Event()
        connected = Events()

        async def script(raw: Raw) -> None:
            await raw.next_of(SETTINGS)
            connected()
            await greet.wait()
            raw.sends(build_settings({}), SETTINGS_ACK)
            await raw.rest()

        async with facing(script, greet=False) as channel:
            channel.get_state(try_to_connect=True)
            await connected.count(1)
            assert channel.get_state() is ChannelConnectivity.CONNECTING
            greet.set()
            await channel.channel_ready()

    run(main())


# -- limits on streams -------------------------------------------------------------------------------------------------


@pytest.mark.wire("W122")
def test_calls_over_the_servers_limit_wait_also_when_it_is_lowered_and_when_it_is_0() -> None:
    async def main() -> None:
        open_streams: list[int] = []
        most = Events()

        async def script(raw: Raw) -> None:
            answer(raw, (await raw.next_request()).stream_id)
            raw.sends(build_settings({3: 0}))
            while not (await raw.next_of(SETTINGS)).flags & 1:
                pass
            most(None)  # it has acknowledged 0: a call that is made now must not come
            raw.sends(build_ping(b"anything"))
            frame = await raw.next_of(HEADERS, PING)
            assert frame.type == PING
            raw.sends(build_settings({3: 1}))
            for _ in range(10):
                open_streams.append((await raw.next_request()).stream_id)
                raw.sends(build_ping(b"no other"))
                assert (await raw.next_of(HEADERS, PING)).type == PING, "one at a time"
                answer(raw, open_streams[-1])
            await raw.rest()

        async with facing(script, settings={3: 100}) as channel:
            assert await method(channel)(b"") == b"x"
            await most.count(1)
            calls = [method(channel)(b"") for _ in range(10)]
            assert [await call for call in calls] == [b"x"] * 10
            assert len(open_streams) == 10

    run(main())


@pytest.mark.wire("W123")
def test_a_server_refuses_what_is_over_its_limit() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            await release.wait()
            return request

        limits = (("grpc.max_concurrent_streams", 2),)
        async with serving({"Echo": handle}, options=limits) as (_, port), await Raw.connect(port) as raw:
            assert dict(parse_settings((await raw.next_of(SETTINGS)).payload))[3] == 2
            while not (await raw.next_of(SETTINGS)).flags & 1:
                pass  # it knows that we know
            for stream_id in (1, 3, 5):
                raw.sends(raw.headers(stream_id, REQUEST), raw.data(stream_id, message(b"x"), end_stream=True))
            refused = await raw.next_of(RST_STREAM)
            assert (refused.stream_id, parse_rst_stream(refused.payload)) == (5, ErrorCode.REFUSED_STREAM)
            release.set()
            ended = [await raw.next_of(HEADERS) for _ in range(4)]
            assert {frame.stream_id for frame in ended} == {1, 3}

    run(main())


@pytest.mark.wire("W123", "W165")
def test_a_grpcio_client_is_not_harmed_by_the_limit() -> None:
    grpc = grpcio()

    async def main() -> None:
        async with (
            serving(options=(("grpc.max_concurrent_streams", 1),)) as (_, port),
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            echo = channel.unary_unary("/test.Service/Echo")
            assert await asyncio.gather(*[echo(b"%d" % n) for n in range(20)]) == [b"%d" % n for n in range(20)]

    asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.wire("W129")
def test_when_the_stream_numbers_are_used_up_the_next_call_opens_a_connection() -> None:
    async def main() -> None:
        async with joined() as (server, channel):
            assert await method(channel)(b"a") == b"a"
            first = channel.link.ready
            assert first is not None
            first.connection.streams.last_local_id = 2**31 - 5
            assert await method(channel)(b"last") == b"last"
            assert first.connection.streams.last_local_id == 2**31 - 3
            calls = [method(channel)(b"b"), method(channel)(b"c")]
            assert [await call for call in calls] == [b"b", b"c"]
            second = channel.link.ready
            assert second is not None
            assert second is not first
            assert second.connection.streams.last_local_id < 10
            assert len(server._protocols) == 2

    run(main())


# -- DATA and PING -----------------------------------------------------------------------------------------------------


@pytest.mark.wire("W124", "W125", "A20.18")
def test_a_response_of_mostly_padding_arrives() -> None:
    """data_frame_padding: 5 octets and 255 of padding in each frame, over more than both windows."""

    async def main() -> None:
        count = 20_000  # 5.2 MB on the wire, 100 kB of content

        async def script(raw: Raw) -> None:
            stream_id = (await raw.next_request()).stream_id
            raw.sends(raw.headers(stream_id, RESPONSE))
            content = message(bytes(count * 5 - 5))
            room = {0: 4_194_304, stream_id: 1_048_576}  # what the client has announced before its request
            for start in range(0, len(content), 5):
                payload = b"\xff" + content[start : start + 5] + bytes(255)
                while min(room.values()) < len(payload):
                    update = await raw.next_of(8)
                    if update.stream_id in room:
                        room[update.stream_id] += int.from_bytes(update.payload, "big")
                for key in room:
                    room[key] -= len(payload)
                raw.sends(build_frame(DATA, PADDED, stream_id, payload))
            raw.sends(raw.headers(stream_id, OK_TRAILERS, end_stream=True))
            await raw.rest()

        async with facing(script) as channel:
            assert await method(channel)(b"") == bytes(count * 5 - 5)

    run(main())


@pytest.mark.wire("W126", "W127")
def test_pings_are_answered_at_once_by_a_client_and_by_a_server_that_has_nothing_else_to_say() -> None:
    async def main() -> None:
        async def script(raw: Raw) -> None:
            stream_id = (await raw.next_request()).stream_id
            for payload in (b"measured", b"\0\xff\0\xff\0\xff\0\xff"):
                raw.sends(build_ping(payload))
                assert (await raw.next_of(PING)).payload == payload, "before the answer"
            answer(raw, stream_id)
            await raw.rest()

        async with facing(script) as channel:
            assert await method(channel)(b"") == b"x"

        async def hang(request: bytes, context: aio.ServicerContext) -> bytes:
            await asyncio.Event().wait()
            return b""

        async with serving({"Echo": hang}) as (_, port), await Raw.connect(port) as raw:
            raw.sends(raw.headers(1, REQUEST), raw.data(1, message(bytes(1000))), build_ping(b"with data"[:8]))
            frame = await raw.next_of(PING)
            assert (frame.payload, frame.flags) == (b"with dat", 1)

    run(main())


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W130", "W174")
def test_a_tls_server_that_does_not_speak_h2_is_named_and_so_is_what_it_speaks(tls_files: TlsFiles) -> None:
    async def main() -> None:
        for alpn in (["http/1.1"], []):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls_files.cert, tls_files.key)
            if alpn:
                context.set_alpn_protocols(alpn)

            async def script(raw: Raw) -> None:
                await raw.rest()

            credentials = grpc_core.ssl_channel_credentials(tls_files.cert.read_bytes())
            async with (
                raw_server(script, tls=context) as port,
                aio.secure_channel(f"localhost:{port}", credentials) as channel,
            ):
                code, details = await status_of(method(channel)(b""))
                assert code is StatusCode.UNAVAILABLE
                assert details is not None
                assert 'ALPN agreed on None; "h2" is required (RFC 9113 §3.2)' in details

    run(main())


@pytest.mark.wire("W130")
def test_a_channel_sends_sni_and_offers_h2_alone_over_tls_1_2_or_later(tls_files: TlsFiles) -> None:
    async def main() -> None:
        names: list[Any] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls_files.cert, tls_files.key)
        context.set_alpn_protocols(["http/1.1", "h2"])
        context.sni_callback = lambda connection, name, context: names.append(name)

        async def script(raw: Raw) -> None:
            names.append(raw.writer.get_extra_info("ssl_object").selected_alpn_protocol())
            answer(raw, (await raw.next_request()).stream_id)
            await raw.rest()

        credentials = grpc_core.ssl_channel_credentials(tls_files.cert.read_bytes())
        async with (
            raw_server(script, tls=context) as port,
            aio.secure_channel(f"localhost:{port}", credentials) as channel,
        ):
            assert await method(channel)(b"") == b"x"
        assert names == ["localhost", "h2"]

        old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        old.load_cert_chain(tls_files.cert, tls_files.key)
        old.set_alpn_protocols(["h2"])
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        async with (
            raw_server(script, tls=old) as port,
            aio.secure_channel(f"localhost:{port}", credentials) as channel,
        ):
            assert (await status_of(method(channel)(b"")))[0] is StatusCode.UNAVAILABLE

    run(main())
