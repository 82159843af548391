"""The channel: how it is made, its states, how it closes, and event loops."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from grpc_core import aio
from grpc_core.aio.channel import Method
from grpc_core.aio.link import ConnectFailed
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.status import StatusCode
from http2.frames import HEADERS
from tests.grpc_core.support import (
    Events,
    WireTap,
    joined,
    method,
    run,
    service,
    serving,
    status_of,
)

NOBODY = "127.0.0.1:1"


async def forever(request: bytes, context: aio.ServicerContext) -> bytes:
    await asyncio.Event().wait()
    return request


# -- making ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"target": "host:port"}, ValueError, "'port' is not a port"),
        ({"target": "h", "options": [("a",)]}, ValueError, "a pair of key and value"),
        ({"target": "h", "options": [("grpc.max_send_message_length", "x")]}, TypeError, "is a number"),
        ({"target": "h", "interceptors": [7]}, ValueError, "Interceptor 7 must be UnaryUnaryClientInterceptor or "),
        ({"target": "h", "compression": 7}, ValueError, "7 is not a Compression"),
    ],
)
def test_what_is_wrong_with_a_channel_is_said_when_it_is_made(
    arguments: Any, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        aio.insecure_channel(**arguments)


def test_a_method_without_slash_is_an_error_when_it_is_named() -> None:
    channel = aio.insecure_channel(NOBODY)
    with pytest.raises(ValueError, match=r"method 'Echo' of '127\.0\.0\.1:1' cannot be called"):
        channel.unary_unary("Echo")


def test_a_method_may_be_named_in_octets_and_registered() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            call: Any = channel.unary_unary(b"/test.Service/Echo", None, None, True)  # type: ignore[arg-type]  # as old generated code does
            assert await call(b"x") == b"x"

    run(main())


def test_a_method_remembers_the_heads_of_its_calls_but_not_for_ever() -> None:
    made: Method[bytes, bytes] = Method(aio.insecure_channel(NOBODY), "/test.Service/Echo", None, None)
    fields = ((b"key", b"value"),)
    head = made.head(None, fields, b"60000000u")
    assert head is made.head(None, fields, b"60000000u")
    assert [name for name, _ in head.fields[4:5]] == [b"grpc-timeout"]
    assert head.fields[-1] == fields[0]
    assert head is not made.head(None, fields, None)
    assert head is not made.head(None, (), b"60000000u")
    for number in range(1000):
        varying = ((b"trace", b"%d" % number),)
        assert made.head(None, varying, None).fields[-1] == varying[0]
    assert len(made._heads) <= 64


@pytest.mark.wire("W003", "W012")
def test_w003_w012_authority_and_user_agent_come_from_the_options() -> None:
    seen: list[Any] = []

    async def look(request: bytes, context: aio.ServicerContext) -> bytes:
        seen.append((context._call.request.authority, dict(context.invocation_metadata())["user-agent"]))
        return b""

    async def main() -> None:
        options = (
            ("grpc.default_authority", "me.example"),
            ("grpc.primary_user_agent", "first/1"),
            ("grpc.secondary_user_agent", "last/2"),
        )
        async with joined({"Look": look}, channel_options=options) as (_, channel):
            await method(channel, "Look")(b"", metadata=(("user-agent", "ignored"), ("te", "ignored")))

    run(main())
    ((authority, user_agent),) = seen
    assert authority == "me.example"
    first, ours, *_, last = user_agent.split(" ")
    assert (first, last) == ("first/1", "last/2")
    assert ours.startswith("grpc-python-plait/")


def test_what_cannot_be_asked_of_a_call_yet_is_said() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            with pytest.raises(aio.UsageError, match="Call credentials are only valid on secure channels"):
                method(channel)(b"", credentials=object())
            with pytest.raises(ValueError, match="7 is not a Compression"):
                method(channel)(b"", compression=7)
            for none in (None, 0):
                assert await method(channel)(b"x", compression=none) == b"x"

    run(main())


# -- states ------------------------------------------------------------------------------------------------------------


def test_a_timeout_that_is_no_number_leaves_no_call() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            await channel.channel_ready()
            with pytest.raises(ValueError, match="not NaN"):
                method(channel)(b"", timeout=float("nan"))
            assert not channel._calls

    run(main())


def test_the_states_of_a_channel_from_idle_to_shutdown() -> None:
    async def main() -> None:
        seen: list[ChannelConnectivity] = []

        async def watch(channel: aio.Channel) -> None:
            seen.append(channel.get_state())
            while seen[-1] is not ChannelConnectivity.SHUTDOWN:
                await channel.wait_for_state_change(seen[-1])
                seen.append(channel.get_state())

        async with serving() as (server, port):
            channel = aio.insecure_channel(f"127.0.0.1:{port}", (("grpc.initial_reconnect_backoff_ms", 20),))
            watching = asyncio.create_task(watch(channel))
            await asyncio.sleep(0)
            assert channel.get_state() is ChannelConnectivity.IDLE, "nothing happens by itself"
            assert channel.get_state(try_to_connect=True) is ChannelConnectivity.IDLE, "the state before"
            await channel.channel_ready()
            assert channel.get_state() is ChannelConnectivity.READY
            await channel.channel_ready()
            await server.stop(None)
            await channel.wait_for_state_change(ChannelConnectivity.READY)
            assert channel.get_state() is ChannelConnectivity.IDLE, "a lost connection is not missed until a call comes"
            assert (await status_of(method(channel)(b"")))[0] is StatusCode.UNAVAILABLE
            assert channel.get_state() is ChannelConnectivity.TRANSIENT_FAILURE
            await channel.close()
            await watching
            assert channel.get_state(try_to_connect=True) is ChannelConnectivity.SHUTDOWN
        names = [state.name for state in seen]
        assert names == ["IDLE", "CONNECTING", "READY", "IDLE", "CONNECTING", "TRANSIENT_FAILURE", "SHUTDOWN"]

    run(main())


def test_channel_ready_on_a_closed_channel() -> None:
    async def main() -> None:
        channel = aio.insecure_channel(NOBODY)
        await channel.close()
        with pytest.raises(aio.UsageError, match=r"Channel is closed\."):
            await channel.channel_ready()

    run(main())


# -- closing -----------------------------------------------------------------------------------------------------------


def test_no_call_after_close() -> None:
    async def main() -> None:
        tap = WireTap()
        async with joined(channel_tap=tap) as (_, channel):
            call = method(channel)
            await channel.close()
            await channel.close()
            with pytest.raises(aio.UsageError, match=r"^Channel is closed\.$"):
                call(b"")
            assert tap.of("sent", HEADERS) == []

    run(main())


@pytest.mark.parametrize("grace", [None, 0, 0.02])
def test_close_cancels_what_runs_after_the_grace(grace: float | None) -> None:
    async def main() -> None:
        started, ended = Events(), Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            context.add_done_callback(ended)
            started()
            await asyncio.Event().wait()
            return b""

        async with joined({"Handle": handle}) as (_, channel):
            call = method(channel, "Handle")(b"")
            await started.count(1)
            await channel.close(grace)
            assert call.cancelled()
            assert await call.details() == "Channel closed!"
            with pytest.raises(asyncio.CancelledError):
                await call
            await ended.count(1)

    run(main())


def test_who_is_cancelled_while_closing_cuts_the_grace_short() -> None:
    async def main() -> None:
        async with joined({"Forever": forever}) as (_, channel):
            call = method(channel, "Forever")(b"")
            await call.wait_for_connection()
            protocol = channel.link.ready
            assert protocol is not None
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await channel.close(60)
            assert call.cancelled()
            assert protocol.closed.done()

    run(main())


def test_close_with_grace_lets_calls_finish() -> None:
    async def main() -> None:
        go_on = asyncio.Event()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            await go_on.wait()
            return b"finished"

        async with joined({"Handle": handle}) as (_, channel):
            call = method(channel, "Handle")(b"")
            closing = asyncio.create_task(channel.close(30))
            await call.wait_for_connection()
            with pytest.raises(aio.UsageError):
                method(channel)(b"")
            go_on.set()
            assert await call == b"finished"
            await closing

    run(main())


@pytest.mark.parametrize("target", [NOBODY, "127.0.0.1:9"])
@pytest.mark.parametrize("wait_for_ready", [True, False])
def test_close_while_connecting(target: str, wait_for_ready: bool) -> None:
    async def main() -> None:
        channel = aio.insecure_channel(target)
        call = method(channel)(b"", wait_for_ready=wait_for_ready)
        waiting = asyncio.create_task(channel.link.wait_ready(True))
        await asyncio.sleep(0)
        await channel.close()
        assert await call.code() is StatusCode.CANCELLED
        with pytest.raises(ConnectFailed, match="Channel closed!"):
            await waiting

    run(main())


def test_a_channel_that_was_never_used_leaves_nothing() -> None:
    channel = aio.insecure_channel(NOBODY)
    del channel
    gc.collect()
    run(aio.insecure_channel(NOBODY).close())


# -- event loops -------------------------------------------------------------------------------------------------------


def test_a_channel_can_be_made_without_a_running_loop() -> None:
    server = aio.Server(handlers=[service({})])
    port = server.add_insecure_port("127.0.0.1:0")
    channel = aio.insecure_channel(f"127.0.0.1:{port}")
    call: Any = method(channel)

    async def main() -> None:
        await server.start()
        assert await call(b"x") == b"x"
        await channel.close()
        await server.stop(None)

    run(main())


def test_fifty_loops_one_after_another() -> None:
    for _ in range(50):

        async def main() -> None:
            async with joined() as (_, channel):
                assert await method(channel)(b"x") == b"x"

        asyncio.run(main())


def test_two_loops_in_two_threads() -> None:
    failures: list[BaseException] = []

    def work() -> None:
        async def main() -> None:
            async with joined() as (_, channel):
                for index in range(100):
                    assert await method(channel)(b"%d" % index) == b"%d" % index

        try:
            asyncio.run(main())
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_call_that_nobody_keeps_is_kept_by_its_channel() -> None:
    async def main() -> None:
        done = Events()
        async with joined() as (_, channel):
            method(channel)(b"x").add_done_callback(lambda call: done(call._code))
            gc.collect()
            assert await done.count(1) == [StatusCode.OK]
            assert not channel._calls

    run(main())


# -- a channel that nobody has any more --------------------------------------------------------------------------------


class Connected:
    """A channel with a connection to a server: `let_go` forgets the channel, `gone` waits for the connection's end."""

    def __init__(self, server: aio.Server, channel: aio.Channel) -> None:
        self.channels = [channel]
        (self.protocol,) = server._protocols

    def let_go(self) -> None:
        self.channels.clear()

    async def gone(self) -> None:
        await self.protocol.closed
        termination = self.protocol.connection.termination
        assert termination is not None
        assert termination.is_clean, termination


async def connected(server: aio.Server, port: int) -> Connected:
    channel = aio.insecure_channel(f"127.0.0.1:{port}")
    assert await method(channel)(b"x") == b"x"
    return Connected(server, channel)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_channel_that_nobody_has_any_more_closes_its_connection(elsewhere: bool) -> None:
    """By counting references, in whatever thread the last one goes; as grpcio's does."""

    async def main() -> None:
        async with serving() as (server, port):
            one = await connected(server, port)
            gc.disable()
            try:
                await asyncio.to_thread(one.let_go) if elsewhere else one.let_go()
                await one.gone()
            finally:
                gc.enable()

    run(main())


def test_a_channel_lives_as_long_as_its_methods_and_calls() -> None:
    async def main() -> None:
        go, begun = asyncio.Event(), Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            begun()
            await go.wait()
            return request

        async with serving({"Handle": handle}) as (server, port):
            one = await connected(server, port)
            echo = method(one.channels[0])
            call = method(one.channels[0], "Handle")(b"y")
            await begun.count(1)
            one.let_go()
            gc.collect()
            assert await echo(b"x") == b"x"
            del echo
            gc.collect()
            go.set()
            assert await call == b"y"
            assert len(server._protocols) == 1
            del call
            gc.collect()
            await one.gone()

    run(main())


def test_a_channel_that_connects_in_vain_stops_when_nobody_has_it() -> None:
    async def main() -> None:
        channel = aio.insecure_channel(NOBODY)
        assert (await status_of(method(channel)(b"")))[0] is StatusCode.UNAVAILABLE
        (connecting,) = asyncio.all_tasks() - {asyncio.current_task()}
        del channel
        gc.collect()
        await asyncio.wait([connecting])
        assert connecting.cancelled()

    run(main())


def test_a_channel_that_is_let_go_after_its_event_loop_says_nothing() -> None:
    channels = []

    async def main() -> None:
        async with serving() as (server, port):
            one = await connected(server, port)
            channels.extend(one.channels)
            await server.stop(None)
            await one.gone()
            while channels[0].get_state() is ChannelConnectivity.READY:
                await channels[0].wait_for_state_change(ChannelConnectivity.READY)

    asyncio.run(main())
    channels.clear()
    gc.collect()
