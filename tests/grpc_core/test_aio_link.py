"""The connection behind a channel: failing, backing off, coming back, going away."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import grpc_core
from grpc_core import aio
from grpc_core.aio import link
from grpc_core.aio.dialing import describe
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.credentials import ChannelCredentials
from grpc_core.status import StatusCode
from grpc_core.testing import Network
from http2.errors import ErrorCode
from http2.frames import build_goaway
from tests.grpc_core.support import (
    ACK,
    OK_TRAILERS,
    RESPONSE,
    SETTINGS,
    Events,
    Raw,
    facing,
    joined,
    message,
    method,
    raw_server,
    run,
    service,
    serving,
    status_of,
)
from tests.support.modules import MODULES
from tests.support.tls import TlsFiles, make_certificate

REFUSED = (
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect to remote host:"
    " Connection refused"
)
QUICK = (("grpc.initial_reconnect_backoff_ms", 10), ("grpc.max_reconnect_backoff_ms", 20))


async def answer(raw: Raw, stream_id: int, payload: bytes = b"x") -> None:
    raw.sends(
        raw.headers(stream_id, RESPONSE),
        raw.data(stream_id, message(payload)),
        raw.headers(stream_id, OK_TRAILERS, end_stream=True),
    )


# -- failing -----------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W170")
def test_w170_a_call_fails_fast_when_nobody_listens() -> None:
    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1") as channel:
            assert await status_of(method(channel)(b"")) == (StatusCode.UNAVAILABLE, REFUSED)
            assert channel.get_state() is ChannelConnectivity.TRANSIENT_FAILURE
            assert await status_of(method(channel)(b"")) == (StatusCode.UNAVAILABLE, REFUSED), "and does not try again"

    run(main())


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        ("ipv4:127.0.0.1:1,127.0.0.2:1", "ipv4:127.0.0.2:1: Failed to connect to remote host: Connection refused"),
    ],
)
def test_the_last_error_names_its_address(target: str, shown: str) -> None:
    async def main() -> None:
        async with aio.insecure_channel(target) as channel:
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert details.startswith(f"failed to connect to all addresses; last error: UNKNOWN: {shown}")

    run(main())


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "a..b", ".example"])
def test_a_host_that_is_no_name_fails_like_one_that_is_not_found(host: str) -> None:
    """The resolver refuses it with UnicodeError: a call must not wait for ever because of that."""

    async def main() -> None:
        async with aio.insecure_channel(f"{host}:1") as channel:
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert details.startswith(f"DNS resolution failed for {host}:1: ")
            assert channel.get_state() is ChannelConnectivity.TRANSIENT_FAILURE

    run(main())


def test_an_ipv6_and_a_unix_address_in_the_error(tmp_path: Path) -> None:
    async def main() -> None:
        for target, shown in (
            (f"unix:{tmp_path}/none", f"unix:{tmp_path}/none: Failed to connect to remote host: "),
            ("[::1]:1", "ipv6:%5B::1%5D:1: Failed to connect to remote host: "),
        ):
            async with aio.insecure_channel(target) as channel:
                _, details = await status_of(method(channel)(b""))
                assert details is not None
                assert shown in details

    run(main())


def test_a_server_that_says_nothing_is_given_up() -> None:
    async def main() -> None:
        async def script(raw: Raw) -> None:
            await raw.rest()

        options = (("grpc.min_reconnect_backoff_ms", 50),)
        async with facing(script, greet=False, options=options) as channel:
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert details.endswith("Failed to connect to remote host: Timeout occurred")

    run(main())


@pytest.mark.parametrize(
    ("says", "text"),
    [
        (b"", "the peer closed the connection"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP/1"),
        (b"\x15\x03\x03\x00\x02\x02\x46", ""),
        (b"SSH-2.0-OpenSSH_9.6\r\n", ""),
    ],
)
def test_a_server_that_speaks_something_else(says: bytes, text: str) -> None:
    async def main() -> None:
        async def script(raw: Raw) -> None:
            raw.sends(says)

        async with facing(script, greet=False) as channel:
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert "connection failed before SETTINGS: " in details
            assert text in details

    run(main())


def test_errors_of_connecting_in_words() -> None:
    assert describe(OSError(101, "Network is unreachable")) == (
        "Failed to connect to remote host: [Errno 101] Network is unreachable"
    )
    assert "CERTIFICATE" in describe(ssl.SSLError(1, "CERTIFICATE_VERIFY_FAILED"))


# -- waiting for ready, and coming back --------------------------------------------------------------------------------


def free_port() -> tuple[socket.socket, int]:
    """A port that is bound, but where nobody listens."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(("127.0.0.1", 0))
    return bound, bound.getsockname()[1]


async def started(port: int, **arguments: Any) -> aio.Server:
    server = aio.Server(handlers=[service({})], **arguments)
    assert server.add_insecure_port(f"127.0.0.1:{port}") == port
    await server.start()
    return server


@pytest.mark.wire("W170")
def test_w170_who_waits_for_ready_gets_a_server_that_appears_later() -> None:
    async def main() -> None:
        bound, port = free_port()
        with bound:
            async with aio.insecure_channel(f"127.0.0.1:{port}", QUICK) as channel:
                waits = method(channel)(b"waits", wait_for_ready=True)
                gives_up = method(channel)(b"", wait_for_ready=True, timeout=0.05)
                assert (await status_of(method(channel)(b"")))[0] is StatusCode.UNAVAILABLE
                assert (await status_of(gives_up))[0] is StatusCode.DEADLINE_EXCEEDED
                assert not waits.done()
                server = await started(port)
                assert await waits == b"waits"
                assert await method(channel)(b"x") == b"x"
                await server.stop(None)

    run(main())


def test_a_call_that_gave_up_is_forgotten_by_the_link() -> None:
    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1", QUICK) as channel:
            calls = [method(channel)(b"", wait_for_ready=True, timeout=0.01) for _ in range(20)]
            for call in calls:
                await call.code()
            failed = Events()
            fail_waiting = channel.link._fail_waiting

            def fail_and_tell() -> None:
                fail_waiting()
                failed()

            channel.link._fail_waiting = fail_and_tell  # type: ignore[method-assign]  # a round leaves no other trace
            await failed.count(2)
            assert not channel.link._waiting

    run(main())


def test_a_channel_comes_back_after_its_server_was_restarted() -> None:
    async def main() -> None:
        server = await started_anywhere()
        port = server._sockets[0].getsockname()[1]
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            for _ in range(3):
                assert await method(channel)(b"x") == b"x"
                await server.stop(None)
                await channel.wait_for_state_change(ChannelConnectivity.READY)
                server = await started(port)
            assert await method(channel)(b"x") == b"x"
            await server.stop(None)

    async def started_anywhere() -> aio.Server:
        server = aio.Server(handlers=[service({})])
        server.add_insecure_port("127.0.0.1:0")
        await server.start()
        return server

    run(main())


# -- going away --------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W152")
def test_w152_after_goaway_old_calls_finish_and_new_ones_go_elsewhere() -> None:
    async def main() -> None:
        connections: list[Raw] = []
        second = asyncio.Event()

        async def script(raw: Raw) -> None:
            connections.append(raw)
            stream_id = (await raw.next_request()).stream_id
            if len(connections) == 1:
                raw.sends(build_goaway(stream_id, ErrorCode.NO_ERROR))
                await second.wait()
                await answer(raw, stream_id, b"old")
            else:
                second.set()
                await answer(raw, stream_id, b"new")
            assert await raw.rest() is not None

        async with facing(script) as channel:
            old = method(channel)(b"")
            await channel.channel_ready()
            await channel.wait_for_state_change(ChannelConnectivity.READY)
            assert channel.get_state() is ChannelConnectivity.IDLE
            assert await method(channel)(b"") == b"new"
            assert await old == b"old"
            assert len(connections) == 2

    run(main())


def test_a_connection_whose_stream_identifiers_are_used_up_is_replaced() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            assert await method(channel)(b"a") == b"a"
            first = channel.link.ready
            assert first is not None
            first.connection.streams.last_local_id = 2**31 - 3
            assert channel.link.ready is None
            assert await method(channel)(b"b") == b"b"
            assert channel.link.ready is not first

    run(main())


def test_two_who_want_to_connect_make_one_connection() -> None:
    async def main() -> None:
        connections = Events()

        async def script(raw: Raw) -> None:
            connections()
            while True:
                await answer(raw, (await raw.next_request()).stream_id)

        async with facing(script) as channel:
            channel.get_state(try_to_connect=True)
            await asyncio.gather(method(channel)(b""), method(channel)(b""), channel.channel_ready())
            assert len(connections.seen) == 1
            assert await channel.link.wait_ready(False) is channel.link.ready

    run(main())


def test_who_stops_watching_the_state_is_forgotten() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(channel.wait_for_state_change(ChannelConnectivity.IDLE), 0.01)
            assert not channel.link._state_waiters
            await channel.channel_ready()

    run(main())


def test_a_connection_that_goes_away_while_other_attempts_are_ended_is_not_taken() -> None:
    """Two addresses are raced; the first wins, and says GOAWAY in the moment in which the second is given up."""

    async def main() -> None:
        server = aio.server()
        server.add_generic_rpc_handlers((service({}),))
        await server.start()
        network = Network()
        connect = network.connector(server)
        both_run = asyncio.Event()

        async def racing(make: Any, address: Any) -> Any:
            if address.host == "127.0.0.1":
                await both_run.wait()
                return await connect(make, address)
            both_run.set()
            try:
                await asyncio.Event().wait()
            finally:
                if network.connections_made == 1:
                    (protocol,) = channel.link._dialer.protocols
                    protocol.data_received(build_goaway(0, ErrorCode.NO_ERROR))

        async with aio.Channel("ipv4:127.0.0.1:1,127.0.0.2:1", QUICK, connector=racing) as channel:
            assert await method(channel)(b"x", wait_for_ready=True) == b"x"
            assert network.connections_made == 2
        await server.stop(None)

    run(main())


@pytest.mark.wire("W103")
def test_a_connection_that_breaks_while_a_call_runs() -> None:
    async def main() -> None:
        async def script(raw: Raw) -> None:
            await raw.next_request()
            raw.writer.transport.abort()

        async with facing(script) as channel:
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert details.startswith("the connection was lost: INTERNAL_ERROR: the peer closed the connection")
            with pytest.raises(aio.AioRpcError) as caught:
                await method(channel)(b"")
            assert "(peer ('127.0.0.1', " in caught.value.debug_error_string(), "also when it is gone"

    run(main())


def test_a_connection_that_got_goaway_between_ready_and_the_call() -> None:
    """Who waited for the connection finds it gone when its turn comes, and waits for the next."""

    async def main() -> None:
        connections: list[Raw] = []

        async def script(raw: Raw) -> None:
            connections.append(raw)
            while True:
                await answer(raw, (await raw.next_request()).stream_id)

        async with facing(script) as channel:
            call = method(channel)(b"")
            link = channel.link
            original = link._update

            def gone_at_first() -> None:
                original()
                if link.ready is not None and len(connections) < 2:
                    link.ready.data_received(build_goaway(0, ErrorCode.NO_ERROR))

            link._update = gone_at_first  # type: ignore[method-assign]  # the moment cannot be hit from outside
            assert await call == b"x"
            assert len(connections) == 2

    run(main())


def test_a_connection_closed_by_a_server_without_calls_is_replaced_at_the_next_call() -> None:
    async def main() -> None:
        async def script(raw: Raw) -> None:
            await answer(raw, (await raw.next_request()).stream_id)

        async with raw_server(script) as port, aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            for _ in range(3):
                assert await method(channel)(b"") == b"x"
                await channel.wait_for_state_change(ChannelConnectivity.READY)

    run(main())


# -- several addresses -------------------------------------------------------------------------------------------------


async def hangs(raw: Raw) -> None:
    await raw.rest()


@asynccontextmanager
async def naming(*hosts: str) -> AsyncIterator[list[str]]:
    """A resolver: the name "name.test" has the addresses in the list that this gives."""
    loop: Any = asyncio.get_running_loop()
    addresses = list(hosts)
    asked = loop.getaddrinfo

    async def getaddrinfo(host: str, port: int, **arguments: Any) -> Any:
        if host != "name.test":
            return await asked(host, port, **arguments)
        if not addresses:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET6 if ":" in a else socket.AF_INET, 1, 6, "", (a, port)) for a in addresses]

    loop.getaddrinfo = getaddrinfo
    yield addresses


@pytest.mark.wire("W173")
def test_an_address_that_hangs_does_not_hold_up_the_next() -> None:
    async def main() -> None:
        options = (("grpc.happy_eyeballs_connection_attempt_delay_ms", 1),)  # raised to 100
        async with (
            raw_server(hangs, greet=False) as silent,
            serving() as (_, port),
            aio.insecure_channel(f"ipv4:127.0.0.1:{silent},127.0.0.1:{port}", options) as channel,
        ):
            begun = asyncio.get_running_loop().time()
            assert await method(channel)(b"x") == b"x"
            assert 0.09 < asyncio.get_running_loop().time() - begun < 10
            assert len(channel.link._dialer.protocols) == 1, "the other attempt was given up"

    run(main())


@pytest.mark.wire("W173")
def test_the_first_address_is_taken_when_it_answers() -> None:
    async def main() -> None:
        async with serving() as (first, port), serving() as (second, other):
            async with aio.insecure_channel(f"ipv4:127.0.0.1:{port},127.0.0.1:{other}") as channel:
                for _ in range(5):
                    assert await method(channel)(b"x") == b"x"
            assert not second._protocols
            await first.stop(None)
            async with aio.insecure_channel(f"ipv4:127.0.0.1:{port},127.0.0.1:{other}") as channel:
                assert await method(channel)(b"x") == b"x", "the next one at once when the first fails"
                assert second._protocols

    run(main())


@pytest.mark.wire("W173")
def test_a_name_is_resolved_again_after_a_failure_but_not_too_often() -> None:
    async def main() -> None:
        server = aio.Server(handlers=[service({})])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with naming("127.0.0.2") as addresses:
            for interval_ms, outcome in ((30_000, StatusCode.DEADLINE_EXCEEDED), (0, StatusCode.OK)):
                addresses[:] = ["127.0.0.2"]
                options = (*QUICK, ("grpc.dns_min_time_between_resolutions_ms", interval_ms))
                async with aio.insecure_channel(f"name.test:{port}", options) as channel:
                    assert (await status_of(method(channel)(b"")))[0] is StatusCode.UNAVAILABLE
                    addresses[:] = ["127.0.0.1"]
                    patience = 0.3 if outcome is not StatusCode.OK else 20
                    call = method(channel)(b"", wait_for_ready=True, timeout=patience)
                    assert await call.code() is outcome
        await server.stop(None)

    run(main())


@pytest.mark.wire("W170")
def test_who_waits_for_ready_waits_for_a_name_too() -> None:
    async def main() -> None:
        async with (
            naming() as addresses,
            serving() as (_, port),
            aio.insecure_channel(f"name.test:{port}", QUICK) as channel,
        ):
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details == f"DNS resolution failed for name.test:{port}: [Errno -2] Name or service not known"
            call = method(channel)(b"x", wait_for_ready=True)
            addresses.append("127.0.0.1")
            assert await call == b"x"

    run(main())


@pytest.mark.wire("W173", "W170")
def test_transient_failure_lasts_until_a_connection_is_ready() -> None:
    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1", QUICK) as channel:
            await status_of(method(channel)(b""))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(channel.wait_for_state_change(ChannelConnectivity.TRANSIENT_FAILURE), 0.1)

    run(main())


@pytest.mark.wire("W184")
def test_round_robin_takes_turns_and_keeps_all_connected() -> None:
    async def main() -> None:
        async with naming("127.0.0.1", "127.0.0.2") as addresses:
            counts: dict[str, int] = {}

            def counting(name: str) -> Any:
                async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
                    counts[name] = counts.get(name, 0) + 1
                    return name.encode()

                return handle

            bound, port = free_port()
            bound.close()
            servers = {}
            for name in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
                servers[name] = server = aio.Server(handlers=[service({"Echo": counting(name)})])
                server.add_insecure_port(f"{name}:{port}")
                await server.start()
            options = (*QUICK, ("grpc.lb_policy_name", "round_robin"), ("grpc.dns_min_time_between_resolutions_ms", 0))
            async with aio.insecure_channel(f"name.test:{port}", options) as channel:
                await channel.channel_ready()
                while len(channel.link._rotation.items) < 2:
                    await method(channel)(b"")
                counts.clear()
                for _ in range(10):
                    await method(channel)(b"")
                assert counts == {"127.0.0.1": 5, "127.0.0.2": 5}
                addresses[:] = ["127.0.0.1", "127.0.0.3"]
                await servers["127.0.0.2"].stop(None)
                seen: set[bytes] = set()
                while seen != {b"127.0.0.1", b"127.0.0.3"}:
                    seen.add(await method(channel)(b""))
                assert channel.get_state() is ChannelConnectivity.READY
            for server in servers.values():
                await server.stop(None)

    run(main())


@pytest.mark.wire("W184", "W170")
def test_round_robin_fails_when_all_fail_and_comes_back_by_itself() -> None:
    async def main() -> None:
        bound, port = free_port()
        options = (*QUICK, ("grpc.lb_policy_name", "round_robin"))
        with bound:
            target = f"ipv4:127.0.0.1:{port},127.0.0.1:1"
            async with aio.insecure_channel(target, options) as channel:
                assert (await status_of(method(channel)(b"")))[0] is StatusCode.UNAVAILABLE
                assert channel.get_state() is ChannelConnectivity.TRANSIENT_FAILURE
                server = await started(port)
                assert await method(channel)(b"x", wait_for_ready=True) == b"x"
                await server.stop(None)
            async with naming() as addresses, aio.insecure_channel("name.test:1", options) as channel:
                code, details = await status_of(method(channel)(b""))
                assert (code, str(details)[:22]) == (StatusCode.UNAVAILABLE, "DNS resolution failed ")
                addresses.append("127.0.0.1")
                while not str(details).startswith("failed to connect"):
                    code, details = await status_of(method(channel)(b""))

    run(main())


@pytest.mark.wire("W172", "W170")
def test_a_server_that_ends_each_connection_before_a_call_is_not_dialed_in_a_tight_loop() -> None:
    async def main() -> None:
        connections = Events()

        async def script(raw: Raw) -> None:
            connections()
            while not (await raw.next_of(SETTINGS)).flags & ACK:
                pass  # the client has our SETTINGS by the time it acknowledges them: GOAWAY comes apart
            raw.sends(build_goaway(0, ErrorCode.NO_ERROR))

        options = (("grpc.initial_reconnect_backoff_ms", 60_000),)
        async with facing(script, options=options) as channel:
            for _ in range(20):
                channel.get_state(try_to_connect=True)
                await channel.wait_for_state_change(ChannelConnectivity.IDLE)
                if channel.get_state() is ChannelConnectivity.TRANSIENT_FAILURE:
                    break
                while channel.get_state() not in (ChannelConnectivity.IDLE, ChannelConnectivity.TRANSIENT_FAILURE):
                    await channel.wait_for_state_change(channel.get_state())
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert details.startswith("the server ended the connection before a call could use it: GOAWAY NO_ERROR")
            assert len(connections.seen) == 2

    run(main())


@pytest.mark.wire("W180")
@pytest.mark.skipif(not hasattr(socket, "AF_VSOCK"), reason="the platform has no vsock")
def test_a_vsock_address_is_tried_and_named() -> None:
    async def main() -> None:
        async with aio.insecure_channel("vsock:1:1", (("grpc.min_reconnect_backoff_ms", 50),)) as channel:
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert "last error: UNKNOWN: vsock:1:1: Failed to connect to remote host: " in details

    run(main())


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def contexts(files: TlsFiles, alpn: list[str]) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(the server's, the client's): the client offers h2, the server agrees to `alpn`."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(files.cert, files.key)
    server.set_alpn_protocols(alpn)
    client = ssl.create_default_context(cafile=str(files.cert))
    client.set_alpn_protocols(["h2"])
    return server, client


@pytest.mark.wire("W130")
@pytest.mark.parametrize("options", [None, (("grpc.default_authority", "localhost:443"),)])
def test_w130_a_channel_over_tls(tls_files: TlsFiles, options: Any) -> None:
    """READY means that TLS is up too. The name that is verified is the authority's."""
    heads: list[Any] = []

    async def script(raw: Raw) -> None:
        while True:
            head = await raw.next_request()
            heads.append(dict(head.fields))
            await answer(raw, head.stream_id)

    async def main() -> None:
        server, client = contexts(tls_files, ["h2"])
        async with (
            raw_server(script, tls=server) as port,
            aio.Channel(f"127.0.0.1:{port}", options, ChannelCredentials(lambda: client)) as channel,
        ):
            assert await method(channel)(b"") == b"x"
        assert heads[0][b":scheme"] == b"https"

    run(main())


@pytest.mark.parametrize(
    ("alpn", "authority", "text"),
    [
        ("h2", "other.example:443", "certificate is not valid for 'other.example'"),
        ("http/1.1", "localhost:443", "ALPN agreed on None"),
    ],
)
def test_tls_that_fails_says_why(tls_files: TlsFiles, alpn: str, authority: str, text: str) -> None:
    async def script(raw: Raw) -> None:
        await raw.rest()

    async def main() -> None:
        server, client = contexts(tls_files, [alpn])
        options = (("grpc.default_authority", authority),)
        async with (
            raw_server(script, tls=server) as port,
            aio.Channel(f"127.0.0.1:{port}", options, ChannelCredentials(lambda: client)) as channel,
        ):
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert text in details

    run(main())


# -- closing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_a_channel_over_tls_closes_without_waiting_for_the_server_to_close(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-core sends no close_notify: to wait for it is to wait for a timeout, which here never comes."""
    monkeypatch.setattr(link, "CLOSE_TIMEOUT_S", 3600.0)
    module, files = MODULES[name](), make_certificate(tmp_path)

    async def echo(request: bytes, context: Any) -> bytes:
        return request

    async def main() -> None:
        server = module.aio.server()
        handler = module.unary_unary_rpc_method_handler(echo)
        server.add_generic_rpc_handlers((module.method_handlers_generic_handler("s", {"Echo": handler}),))
        credentials = module.ssl_server_credentials([(files.key.read_bytes(), files.cert.read_bytes())])
        port = server.add_secure_port("127.0.0.1:0", credentials)
        await server.start()
        channel = aio.secure_channel(f"127.0.0.1:{port}", grpc_core.ssl_channel_credentials(files.cert.read_bytes()))
        assert await channel.unary_unary("/s/Echo")(b"hello") == b"hello"
        await channel.close()
        await server.stop(None)

    run(main())
