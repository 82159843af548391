"""Keepalive, ping abuse, idleness and age on real connections: by hand, against ourselves and against grpcio."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from grpc_core import aio
from grpc_core import keepalive as keepalive_module
from grpc_core import options as options_module
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.status import StatusCode
from http2.errors import ErrorCode
from http2.frames import PING, SETTINGS, build_goaway, build_ping, parse_goaway
from interop.peers import grpc_go, process
from interop.peers.peer import Missing
from tests.grpc_core.support import (
    GOAWAY,
    HEADERS,
    OK_TRAILERS,
    PATIENCE_S,
    REQUEST,
    RESPONSE,
    Events,
    Raw,
    WireTap,
    facing,
    joined,
    message,
    method,
    run,
    serving,
    status_of,
)
from tests.support.modules import grpcio


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """The floors that protect servers would make the tests last."""
    monkeypatch.setattr(keepalive_module, "CLIENT_TIME_S_MIN", 0.0)
    monkeypatch.setattr(keepalive_module, "SERVER_TIME_S_MIN", 0.0)
    monkeypatch.setattr(options_module, "_IDLE_MS_MIN", 1)
    monkeypatch.setattr(options_module, "_known_settings", options_module._known_settings.__wrapped__)  # no memory


def options(**values: int) -> list[tuple[str, int]]:
    """`keepalive_time_ms=5` is `grpc.keepalive_time_ms`; two underscores are a dot."""
    return [("grpc." + key.replace("__", "."), value) for key, value in values.items()]


def answer(raw: Raw, stream_id: int, payload: bytes = b"x") -> None:
    raw.sends(
        raw.headers(stream_id, RESPONSE),
        raw.data(stream_id, message(payload)),
        raw.headers(stream_id, OK_TRAILERS, end_stream=True),
    )


# -- the client's keepalive --------------------------------------------------------------------------------------------


@pytest.mark.wire("W140", "W142")
def test_a_client_pings_while_a_call_waits_and_its_call_lives() -> None:
    async def main() -> None:
        async def script(raw: Raw) -> None:
            stream_id = (await raw.next_request()).stream_id
            for _ in range(3):
                raw.sends(build_ping((await raw.next_of(PING)).payload, ack=True))
            answer(raw, stream_id)
            await raw.rest()

        with_pings = options(keepalive_time_ms=20, http2__max_pings_without_data=0)
        async with facing(script, options=with_pings) as channel:
            assert await method(channel)(b"") == b"x"

    run(main())


@pytest.mark.wire("W140")
def test_a_client_does_not_ping_without_calls_unless_it_is_permitted() -> None:
    async def main() -> None:
        for permitted in (False, True):
            pings = Events()
            done = asyncio.Event()

            async def script(raw: Raw, pings: Events = pings, done: asyncio.Event = done) -> None:
                while (frame := await raw.next_frame()) is not None:
                    if frame.type == PING and not frame.flags:
                        pings()
                        raw.sends(build_ping(frame.payload, ack=True))

            settings = options(
                keepalive_time_ms=5, http2__max_pings_without_data=0, keepalive_permit_without_calls=permitted
            )
            async with facing(script, options=settings) as channel:
                await channel.channel_ready()
                if permitted:
                    await pings.count(3)
                else:
                    upkeep = channel.link.ready.upkeep  # type: ignore[union-attr]  # it is ready
                    assert upkeep is not None
                    assert upkeep._timer is None, "nothing will ever ping"
                    assert not pings.seen

    run(main())


@pytest.mark.wire("W141", "W128")
def test_a_server_that_does_not_answer_pings_is_given_up() -> None:
    async def main() -> None:
        hold = asyncio.Event()

        async def script(raw: Raw) -> None:
            await raw.next_request()
            await raw.next_of(PING)
            await hold.wait()

        async with facing(script, options=options(keepalive_time_ms=10, keepalive_timeout_ms=20)) as channel:
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert "keepalive watchdog timeout: nothing came within 0.02 s after a PING" in details
            assert channel.get_state() is ChannelConnectivity.IDLE
            hold.set()

    run(main())


@pytest.mark.wire("W145")
def test_too_many_pings_doubles_the_keepalive_time_of_the_channel(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async def script(raw: Raw) -> None:
            stream_id = (await raw.next_request()).stream_id
            answer(raw, stream_id)
            raw.sends(build_goaway(stream_id, ErrorCode.ENHANCE_YOUR_CALM, b"too_many_pings"))
            await raw.rest()

        async with facing(script, options=options(keepalive_time_ms=60_000)) as channel:
            for times in (2, 4):
                assert await method(channel)(b"") == b"x"
                await channel.wait_for_state_change(ChannelConnectivity.READY)
                assert f"ping at {times} times keepalive_time" in caplog.text
            assert channel.link._dialer.ping_backoff == 4
            assert {record.levelno for record in caplog.records} == {logging.WARNING}, "shown by default"

    run(main())


@pytest.mark.wire("W146")
@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the platform has no TCP_USER_TIMEOUT")
def test_tcp_user_timeout_is_the_keepalive_timeout() -> None:
    async def main() -> None:
        def timeout_of(protocol: Any) -> int:
            sock = protocol.transport.get_extra_info("socket")
            return int(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))

        async with joined() as (server, channel):
            await channel.channel_ready()
            assert timeout_of(channel.link.ready) == 0, "keepalive is off"
            (accepted,) = server._protocols
            assert timeout_of(accepted) == 20_000
        async with joined(channel_options=options(keepalive_time_ms=60_000, keepalive_timeout_ms=7_000)) as (
            _,
            channel,
        ):
            await channel.channel_ready()
            assert timeout_of(channel.link.ready) == 7_000

    run(main())


# -- the server's keepalive --------------------------------------------------------------------------------------------


@pytest.mark.wire("W143", "W128")
def test_a_server_pings_without_calls_and_cancels_those_of_a_client_that_is_gone() -> None:
    async def main() -> None:
        cancelled = Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled()
            return b""

        settings = options(keepalive_time_ms=10, keepalive_timeout_ms=30, http2__max_pings_without_data=0)
        async with serving({"Hang": handle}, options=settings) as (_, port), await Raw.connect(port) as raw:
            for _ in range(2):
                raw.sends(build_ping((await raw.next_of(PING)).payload, ack=True))
            fields = tuple((n, b"/test.Service/Hang" if n == b":path" else v) for n, v in REQUEST)
            raw.sends(raw.headers(1, fields), raw.data(1, message(b""), end_stream=True))
            goaway = await raw.next_of(GOAWAY)
            assert b"keepalive watchdog timeout" in parse_goaway(goaway.payload)[2]
            await cancelled.count(1)

    run(main())


# -- enforcement -------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W144", "W127")
def test_a_client_that_pings_too_often_is_answered_and_then_sent_away() -> None:
    async def main() -> None:
        async with serving() as (_, port), await Raw.connect(port) as raw:
            answer_frames = await raw.calls(1, REQUEST, message(b"x"))
            assert answer_frames, "an honest call first"
            raw.sends(*[build_ping(b"%08d" % n) for n in range(6)])
            frames = await raw.rest()
            goaway = frames[-1]
            assert goaway.type == GOAWAY
            assert parse_goaway(goaway.payload) == (1, ErrorCode.ENHANCE_YOUR_CALM, b"too_many_pings")
            acks = [frame.payload for frame in frames if frame.type == PING]
            assert acks == [b"%08d" % n for n in range(6)], "each was answered, with its own octets"

    run(main())


@pytest.mark.wire("W144")
def test_pings_between_answers_are_no_abuse() -> None:
    async def main() -> None:
        async with serving() as (_, port), await Raw.connect(port) as raw:
            for stream_id in range(1, 41, 2):
                assert await raw.calls(stream_id, REQUEST, message(b"x")), "`calls` sends a PING of its own"
                raw.sends(build_ping(b"measures"))
                await raw.next_of(PING)
            raw.sends(build_ping(b"is it ok"))
            assert (await raw.next_of(PING, GOAWAY)).type == PING

    run(main())


@pytest.mark.wire("W144")
def test_what_a_server_tolerates_can_be_configured() -> None:
    async def main() -> None:
        for key in ("http2__min_recv_ping_interval_without_data_ms", "http2__min_ping_interval_without_data_ms"):
            settings = options(**{key: 0}, keepalive_permit_without_calls=1)
            async with serving(options=settings) as (_, port), await Raw.connect(port) as raw:
                raw.sends(*[build_ping(b"%08d" % n) for n in range(50)])
                for n in range(50):
                    assert (await raw.next_of(PING, GOAWAY)).payload == b"%08d" % n

    run(main())


# -- idleness and age --------------------------------------------------------------------------------------------------


async def _goaways(raw: Raw) -> list[tuple[int, int, bytes]]:
    """All GOAWAYs up to the end of the connection; the PING between them is answered."""
    found = []
    while (frame := await raw.next_frame()) is not None:
        if frame.type == GOAWAY:
            found.append(parse_goaway(frame.payload))
        elif frame.type == PING and not frame.flags:
            raw.sends(build_ping(frame.payload, ack=True))
    return found


@pytest.mark.wire("W150", "W151")
def test_an_idle_connection_is_ended_with_two_goaways() -> None:
    async def main() -> None:
        settings = options(max_connection_idle_ms=20)
        async with serving(options=settings) as (_, port), await Raw.connect(port) as raw:
            assert await _goaways(raw) == [
                (2**31 - 1, ErrorCode.NO_ERROR, b"max_idle"),
                (0, ErrorCode.NO_ERROR, b"max_idle"),
            ]

    run(main())


@pytest.mark.wire("W150", "W151")
def test_an_old_connection_finishes_the_calls_it_has_and_those_on_their_way() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            await release.wait()
            return request

        settings = options(max_connection_age_ms=20)
        async with serving({"Echo": handle}, options=settings) as (_, port), await Raw.connect(port) as raw:
            raw.sends(raw.headers(1, REQUEST), raw.data(1, message(b"old"), end_stream=True))
            first = await raw.next_of(GOAWAY)
            assert parse_goaway(first.payload) == (2**31 - 1, ErrorCode.NO_ERROR, b"max_age")
            ping = await raw.next_of(PING)
            raw.sends(raw.headers(3, REQUEST), raw.data(3, message(b"on its way"), end_stream=True))
            raw.sends(build_ping(ping.payload, ack=True))
            second = await raw.next_of(GOAWAY)
            assert parse_goaway(second.payload) == (3, ErrorCode.NO_ERROR, b"max_age")
            release.set()
            frames = await raw.rest()
            ended = {frame.stream_id for frame in frames if frame.type == HEADERS and frame.flags & 1}
            assert ended == {1, 3}

    run(main())


@pytest.mark.wire("W150")
def test_after_the_grace_of_age_the_calls_are_cancelled() -> None:
    async def main() -> None:
        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            await asyncio.Event().wait()
            return b""

        settings = options(max_connection_age_ms=10, max_connection_age_grace_ms=20)
        async with joined({"Hang": handle}, options=settings) as (server, channel):
            # A slow machine may need more than one connection: the age may be over before the call is there.
            code, details = await status_of(method(channel, "Hang")(b"", wait_for_ready=True))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert "the connection was lost" in details
            assert not server._rpcs

    run(main())


@pytest.mark.wire("W151")
def test_a_client_that_does_not_answer_the_ping_gets_the_second_goaway_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grpc_core.aio.upkeep.GRACE_PING_S", 0.02)

    async def main() -> None:
        async with serving(options=options(max_connection_age_ms=10)) as (_, port), await Raw.connect(port) as raw:
            goaways = [parse_goaway(frame.payload)[0] for frame in await raw.rest() if frame.type == GOAWAY]
            assert goaways == [2**31 - 1, 0]

    run(main())


def test_an_age_that_is_reached_while_the_server_stops_does_not_put_that_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grpc_core.aio.upkeep.GRACE_PING_S", PATIENCE_S)

    async def main() -> None:
        async with (
            serving(options=options(max_connection_age_ms=3_600_000)) as (server, port),
            await Raw.connect(port) as raw,
        ):
            await raw.next_of(SETTINGS)
            (protocol,) = server._protocols
            stopping = asyncio.create_task(server.stop(PATIENCE_S))
            assert parse_goaway((await raw.next_of(GOAWAY)).payload)[0] == 2**31 - 1
            upkeep = protocol.upkeep
            assert upkeep is not None
            assert upkeep._lifetime is not None
            upkeep._lifetime._old_at = protocol.loop.time()
            upkeep.poll()
            async with asyncio.timeout(PATIENCE_S / 2):
                assert parse_goaway((await raw.next_of(GOAWAY)).payload)[0] == 0
                await raw.close()
                await stopping

    run(main())


@pytest.mark.wire("W150", "W152")
def test_calls_do_not_notice_that_their_connections_grow_old() -> None:
    async def main() -> None:
        async with joined(options=options(max_connection_age_ms=100)) as (server, channel):
            seen = set()
            deadline = asyncio.get_running_loop().time() + 20
            while len(seen) < 5:
                assert await method(channel)(b"x") == b"x"
                seen |= {id(protocol) for protocol in server._protocols}
                assert asyncio.get_running_loop().time() < deadline

    run(main())


# -- an idle channel ---------------------------------------------------------------------------------------------------


@pytest.mark.wire("W171", "W154")
def test_a_channel_without_calls_becomes_idle_and_comes_back() -> None:
    async def main() -> None:
        async with joined(channel_options=options(client_idle_timeout_ms=20)) as (server, channel):
            for _ in range(2):
                assert await method(channel)(b"x") == b"x"
                await channel.wait_for_state_change(ChannelConnectivity.READY)
                assert channel.get_state() is ChannelConnectivity.IDLE
                for protocol in list(server._protocols):
                    await protocol.closed

    run(main())


@pytest.mark.wire("W171")
def test_a_running_call_keeps_a_channel_from_becoming_idle() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            await release.wait()
            return request

        async with joined({"Hang": handle}, channel_options=options(client_idle_timeout_ms=5)) as (_, channel):
            call = method(channel, "Hang")(b"x")
            await channel.channel_ready()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(channel.wait_for_state_change(ChannelConnectivity.READY), 0.05)
            release.set()
            assert await call == b"x"

    run(main())


@pytest.mark.wire("W171")
def test_a_channel_that_cannot_connect_gives_that_up_when_nobody_calls() -> None:
    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1", options(client_idle_timeout_ms=20)) as channel:
            channel.get_state(try_to_connect=True)
            while channel.get_state() is not ChannelConnectivity.IDLE:
                await channel.wait_for_state_change(channel.get_state())
            assert not channel.link._subchannels
            assert (await status_of(method(channel)(b"")))[0] is StatusCode.UNAVAILABLE, "and begins anew"

    run(main())


def test_the_idle_timeout_is_half_an_hour_and_not_below_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options_module, "_IDLE_MS_MIN", 1_000)
    assert options_module.parse_options(None).idle_timeout_s == 1_800
    assert options_module.parse_options(options(client_idle_timeout_ms=5)).idle_timeout_s == 1
    assert options_module.parse_options(options(client_idle_timeout_ms=2**31 - 1)).idle_timeout_s == math.inf


# -- grpcio as the peer ------------------------------------------------------------------------------------------------


@pytest.fixture
def grpcio_server() -> Iterator[Any]:
    """Makes grpcio servers with options and a `test.Service/Wait` that answers after so many milliseconds."""
    grpc = grpcio()
    servers = []

    def make(settings: list[tuple[str, int]]) -> int:
        import time

        def wait(request: bytes, context: Any) -> bytes:
            time.sleep(int(request) / 1000)  # grpcio's handlers are threads
            return b"done"

        server = grpc.server(ThreadPoolExecutor(4), options=settings)
        handlers = {"Wait": grpc.unary_unary_rpc_method_handler(wait)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return int(port)

    yield make
    for server in servers:
        server.stop(None).wait()


@pytest.mark.wire("W140", "W145")
def test_a_grpcio_server_answers_our_pings_or_sends_us_away(grpcio_server: Any) -> None:
    async def main() -> None:
        pinging = options(keepalive_time_ms=20, http2__max_pings_without_data=0)
        port = grpcio_server(options(http2__min_ping_interval_without_data_ms=5))
        tap = WireTap()
        async with aio.Channel(f"127.0.0.1:{port}", pinging, tap=tap) as channel:
            assert await method(channel, "Wait")(b"300") == b"done"
            assert len(tap.of("sent", PING)) > 3
        port = grpcio_server([])
        async with aio.Channel(f"127.0.0.1:{port}", pinging) as channel:
            code, details = await status_of(method(channel, "Wait")(b"1000"))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert details == "Too many pings", "grpcio ends the calls too, with words of its own"
            assert channel.link._dialer.ping_backoff == 2

    run(main())


@pytest.mark.wire("W140", "W145")
@pytest.mark.timeout(600)  # it may build the Go programs
def test_a_grpc_go_server_sends_us_away_for_too_many_pings(caplog: pytest.LogCaptureFixture) -> None:
    try:
        command = grpc_go.commands().server
    except Missing as missing:
        if "grpc_go" in os.environ.get("INTEROP_REQUIRE", "").replace(" ", "").split(","):
            raise
        pytest.skip(str(missing))

    async def main(address: str) -> None:
        pinging = options(keepalive_time_ms=20, keepalive_permit_without_calls=1, http2__max_pings_without_data=0)
        tap = WireTap()
        async with aio.Channel(address, pinging, tap=tap) as channel:
            await channel.channel_ready()
            await channel.wait_for_state_change(ChannelConnectivity.READY)
            assert channel.link._dialer.ping_backoff == 2
        goaways = [parse_goaway(payload) for _, payload in tap.of("received", GOAWAY)]
        assert [(code, text) for _, code, text in goaways] == [(ErrorCode.ENHANCE_YOUR_CALM, b"too_many_pings")]

    with process.serving(command) as server:
        run(main(server.address))
    assert "too_many_pings" in caplog.text


@pytest.mark.wire("W144")
def test_a_grpcio_client_that_pings_too_often_is_sent_away() -> None:
    grpc = grpcio()

    async def main() -> None:
        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            await asyncio.sleep(5)
            return b""

        async with serving({"Hang": handle}) as (_, port):
            settings = options(keepalive_time_ms=10, http2__max_pings_without_data=0)
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", settings) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await channel.unary_unary("/test.Service/Hang")(b"")
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
                assert "too_many_pings" in caught.value.debug_error_string().lower() or "too_many_pings" in str(
                    caught.value
                )

    asyncio.run(asyncio.wait_for(main(), 30))


@pytest.mark.wire("W150", "W151")
def test_a_grpcio_client_does_not_notice_that_its_connections_grow_old() -> None:
    grpc = grpcio()

    async def main() -> None:
        async with (
            serving(options=options(max_connection_age_ms=20)) as (server, port),
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            seen = set()
            while len(seen) < 4:
                assert await channel.unary_unary("/test.Service/Echo")(b"x") == b"x"
                seen |= {protocol.peer for protocol in server._protocols}

    asyncio.run(asyncio.wait_for(main(), 30))
