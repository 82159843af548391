"""What channels, servers and connections say of themselves, after calls of every kind and end."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.counters import WARNING
from grpc_core.introspection import Address, ChannelInfo, ServerInfo, SocketInfo, snapshot
from grpc_core.status import StatusCode
from grpc_core.testing import Network, VirtualClock, in_memory
from tests.grpc_core.support import echo as echo_handler
from tests.grpc_core.support import joined, method, run, serving, status_of
from tests.support.tls import make_certificate
from tests.test_call_budget import pure_python_only

SINCE = time.time()
ECHO = grpc.unary_unary_rpc_method_handler(echo_handler)


async def refuse(request: bytes, context: aio.ServicerContext) -> bytes:
    await context.abort(StatusCode.NOT_FOUND, "no")


async def wait(request: bytes, context: aio.ServicerContext) -> bytes:
    await asyncio.Event().wait()
    return b""


@pytest.fixture(autouse=True)
def nothing_of_other_tests() -> None:
    """What other tests have dropped is still known until it is collected."""
    gc.collect()


def channel_to(target: str) -> ChannelInfo:
    """The latest channel to the target."""
    return [info for info in snapshot().channels if info.target == target][-1]


def socket_of(number: int) -> SocketInfo:
    (found,) = [info for info in snapshot().sockets if info.id == number]
    return found


def server_on(port: int) -> ServerInfo:
    listening = {info.id for info in snapshot().sockets if info.remote is None and info.local.port == port}
    (found,) = [info for info in snapshot().servers if listening & set(info.listen_sockets)]
    return found


def test_calls_are_counted_by_how_they_ended_on_both_sides() -> None:
    async def main() -> None:
        async with serving({"Refuse": refuse, "Wait": wait}) as (_, port), aio.Channel(f"127.0.0.1:{port}") as channel:
            target = f"127.0.0.1:{port}"
            idle = channel_to(target)
            assert (idle.state, idle.calls.started, idle.subchannels) == (ChannelConnectivity.IDLE, 0, ())
            for _ in range(3):
                await method(channel)(b"x")
            await status_of(method(channel, "Refuse")(b""))
            await status_of(method(channel, "NotThere")(b""))
            running = method(channel, "Wait")(b"")
            await running.wait_for_connection()
            cancelled = method(channel, "Wait")(b"")
            await cancelled.wait_for_connection()
            await method(channel)(b"x")  # the server has seen what was said before
            cancelled.cancel()
            await method(channel)(b"x")

            ours = channel_to(target)
            assert ours.state is ChannelConnectivity.READY
            assert (ours.calls.started, ours.calls.succeeded, ours.calls.failed) == (9, 5, 3)
            assert SINCE < ours.calls.last_started_at <= time.time()
            server = server_on(port)
            assert (server.calls.started, server.calls.succeeded, server.calls.failed) == (9, 5, 3)

            (subchannel,) = [info for info in snapshot().subchannels if info.id in ours.subchannels]
            assert (subchannel.target, subchannel.state) == (target, ChannelConnectivity.READY)
            assert (subchannel.calls.started, subchannel.calls.succeeded, subchannel.calls.failed) == (9, 5, 3)
            client_end = socket_of(*subchannel.sockets)
            server_end = socket_of(*server.sockets)
            assert client_end.is_client
            assert not server_end.is_client
            assert (client_end.local, client_end.remote) == (server_end.remote, server_end.local)
            assert server_end.local == Address("127.0.0.1", port)
            for end in (client_end, server_end):
                # Two ended with a status that is not OK, and count as streams that went well.
                assert (end.streams_started, end.streams_succeeded, end.streams_failed) == (9, 7, 1)
                assert SINCE < end.stream_started_at <= time.time()
                assert SINCE < end.message_sent_at <= time.time()
                assert SINCE < end.message_received_at <= time.time()
                assert end.security is None
            assert (client_end.messages_sent, client_end.messages_received) == (9, 5)
            # The request for a method that is not there was answered before it came, and thrown away.
            assert (server_end.messages_sent, server_end.messages_received) == (5, 8)
            assert client_end.peer_streams_max == 10_000
            running.cancel()

    run(main())


def test_messages_of_streams_are_counted_while_they_flow() -> None:
    async def count(request: bytes, context: aio.ServicerContext) -> AsyncIterator[bytes]:
        for _ in range(int(request)):
            yield bytes(1_000)
        await asyncio.Event().wait()

    async def main() -> None:
        handler = {"Count": grpc.unary_stream_rpc_method_handler(count)}
        async with in_memory(grpc.method_handlers_generic_handler("test.Service", handler)) as channel:
            made: aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream("/test.Service/Count")
            call = made(b"50")
            for _ in range(50):
                await call.read()
            (subchannel,) = [s for s in snapshot().subchannels if s.id in channel_to("in-memory").subchannels]
            end = socket_of(*subchannel.sockets)
            assert end.messages_received == 50
            assert end.remote == Address(path="in-memory")
            assert end.receive_window < 4_194_304, "half a window is announced at a time"
            assert end.send_window == 4_194_304 - 7
            call.cancel()

    run(main())


def test_connections_that_are_gone_leave_their_counts_behind() -> None:
    clock = VirtualClock()

    async def main() -> None:
        network = Network()
        server = aio.server()
        async with in_memory(server, network=network) as channel:
            before = {info.id for info in snapshot().sockets}
            for _ in range(3):
                await status_of(method(channel)(b""))
                network.break_connection()
                await clock.advance(0)
            assert {info.id for info in snapshot().sockets} == before, "what is closed is forgotten"
            ours = channel_to("in-memory")
            (subchannel,) = [info for info in snapshot().subchannels if info.id in ours.subchannels]
            assert (subchannel.calls.started, subchannel.calls.failed) == (3, 3)
            assert (ours.calls.started, ours.calls.failed) == (3, 3)
            assert snapshot().servers[-1].calls.started == 3

    clock.run(main())


def test_states_and_why_they_changed_are_traced() -> None:
    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1") as channel:
            await status_of(method(channel)(b""))
            info = channel_to("127.0.0.1:1")
            assert info.state is ChannelConnectivity.TRANSIENT_FAILURE
            texts = [(event.severity == WARNING, event.description) for event in info.trace.events]
            assert texts[:2] == [(False, "Channel created"), (False, "Connectivity state is now CONNECTING")]
            assert texts[2][0]
            assert texts[2][1].startswith("Connectivity state is now TRANSIENT_FAILURE: failed to connect to all")
            assert SINCE < info.trace.created_at <= info.trace.events[-1].at <= time.time()
        assert channel_to("127.0.0.1:1").state is ChannelConnectivity.SHUTDOWN

    run(main())


def test_a_server_tells_its_life_and_where_it_listens(tmp_path: Path) -> None:
    async def main() -> None:
        server = aio.server()
        port = server.add_insecure_port("127.0.0.1:0")
        server.add_insecure_port(f"unix:{tmp_path}/s")
        info = server_on(port)
        assert [socket_of(number).local for number in info.listen_sockets] == [
            Address("127.0.0.1", port),
            Address(path=f"{tmp_path}/s"),
        ]
        await server.start()
        await server.stop(None)
        (info,) = [found for found in snapshot().servers if found.id == info.id]
        texts = [event.description for event in info.trace.events]
        assert texts == ["Server created", "Server started", "Server is shutting down"]
        assert not set(info.listen_sockets) & {found.id for found in snapshot().sockets}

    run(main())


def test_tls_is_told_with_the_peers_certificate(tmp_path: Path) -> None:
    async def main() -> None:
        files = make_certificate(tmp_path)
        server = aio.server()
        key, chain = files.key.read_bytes(), files.cert.read_bytes()
        port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(key, chain)]))
        await server.start()
        async with aio.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(chain)) as channel:
            await channel.channel_ready()
            ours = channel_to(f"localhost:{port}")
            (subchannel,) = [info for info in snapshot().subchannels if info.id in ours.subchannels]
            security = socket_of(*subchannel.sockets).security
            assert security is not None
            assert security.version.startswith("TLSv1")
            assert "AES" in security.cipher or "CHACHA" in security.cipher
            assert len(security.remote_certificate) > 100
        await server.stop(None)

    run(main())


def test_keepalives_and_goaway_are_told() -> None:
    clock = VirtualClock()

    async def main() -> None:
        options = (("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_permit_without_calls", 1))
        permitting = (("grpc.http2.min_ping_interval_without_data_ms", 1_000),)
        server = aio.server(options=permitting)
        async with in_memory(server, channel_options=options) as channel:
            await channel.channel_ready()
            await clock.advance(25)
            (subchannel,) = [s for s in snapshot().subchannels if s.id in channel_to("in-memory").subchannels]
            end = socket_of(*subchannel.sockets)
            assert end.keepalives_sent == 2
            assert end.goaway_received is None

    clock.run(main())


@pytest.mark.parametrize("is_server", [True, False])
def test_what_wants_to_be_left_out_is(is_server: bool) -> None:
    async def main() -> None:
        hidden = (("grpc.enable_channelz", 0),)
        before = snapshot()
        sides: Any = {"options": hidden} if is_server else {"channel_options": hidden}
        async with joined(**sides) as (_, channel):
            await method(channel)(b"x")
            after = snapshot()
            known = {info.id for info in (*before.servers, *before.channels, *before.sockets)}
            assert len([info for info in after.servers if info.id not in known]) == (not is_server)
            assert len([info for info in after.channels if info.id not in known]) == is_server
            new = [info for info in after.sockets if info.id not in known and info.remote is not None]
            assert [info.is_client for info in new] == [is_server], "nor its connections"

    run(main())


@pure_python_only
def test_counting_calls_no_function_of_python() -> None:
    """What a call costs for this are additions, and a look at the clock, which is a function of C."""

    async def main() -> None:
        async with in_memory(grpc.method_handlers_generic_handler("test.Service", {"Echo": ECHO})) as channel:
            echo = method(channel)
            await echo(b"x")
            files: set[str] = set()

            def profile(frame: FrameType, event: str, argument: object) -> None:
                if event == "call":
                    files.add(Path(frame.f_code.co_filename).name)

            sys.setprofile(profile)
            try:
                await echo(b"x")
            finally:
                sys.setprofile(None)
            assert {"call.py", "calls.py", "session.py"} <= files, "the call was seen"
            assert not files & {"counters.py", "introspection.py", "describing.py", "channelz.py"}

    run(main())


def test_nothing_is_kept_alive() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            await method(channel)(b"x")

    before = snapshot()
    run(main())
    gc.collect()
    after = snapshot()
    assert {info.id for info in after.channels} <= {info.id for info in before.channels}
    assert {info.id for info in after.subchannels} <= {info.id for info in before.subchannels}
    assert {info.id for info in after.servers} <= {info.id for info in before.servers}
    assert {info.id for info in after.sockets} <= {info.id for info in before.sockets}
