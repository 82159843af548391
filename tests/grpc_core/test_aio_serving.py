"""The asyncio server: ports, handlers, limits, deadlines, and every way of stopping."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from grpc_core.aio import listening
from grpc_core.methods import GenericRpcHandler, HandlerCallDetails
from grpc_core.status import StatusCode
from hpack_codec import Encoder
from http2.aio import Timeouts
from http2.errors import ErrorCode
from http2.frames import (
    DATA,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    WINDOW_UPDATE,
    build_frame,
    build_ping,
    build_rst_stream,
    build_settings,
    build_window_update,
    parse_goaway,
    parse_window_update,
)
from tests.grpc_core.support import (
    PATIENCE_S,
    REQUEST,
    Events,
    Frame,
    Raw,
    described,
    joined,
    message,
    method,
    request,
    run,
    service,
    serving,
    status_of,
)
from tests.support.late_reader import LateReader, server_ends, turns_of_the_loop

__all__ = ["server_ends"]


async def forever(request: bytes, context: aio.ServicerContext) -> bytes:
    await asyncio.Event().wait()
    return request


# -- ports -------------------------------------------------------------------------------------------------------------


async def serves(target: str, options: Any = None) -> None:
    async with aio.insecure_channel(target, options) as channel:
        assert await method(channel)(b"x", timeout=20) == b"x"


@contextlib.asynccontextmanager
async def bound(address: str, **arguments: Any) -> Any:
    """A server that runs on an address, and the port."""
    server = aio.server(handlers=[service({})], **arguments)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield server, port
    finally:
        await server.stop(None)


def test_port_0_chooses_a_port() -> None:
    async def main() -> None:
        async with bound("127.0.0.1:0") as (_, port):
            assert port > 0
            await serves(f"127.0.0.1:{port}")

    run(main())


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")
def test_the_ipv6_wildcard_takes_ipv4_too() -> None:
    async def main() -> None:
        async with bound("[::]:0") as (_, port):
            await serves(f"127.0.0.1:{port}")
            await serves(f"[::1]:{port}")
            await serves(f"ipv6:[::1]:{port}")

    run(main())


def test_a_name_is_bound_on_all_its_addresses_with_one_port() -> None:
    async def main() -> None:
        async with bound("localhost:0") as (_, port):
            for family, *_, name in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM):
                assert name[1] == port
                await serves(f"[{name[0]}]:{port}" if family == socket.AF_INET6 else f"{name[0]}:{port}")
            await serves(f"localhost:{port}")

    run(main())


def names(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """`two.example` has these addresses."""
    original = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, **arguments: Any) -> Any:
        real = hosts if host == "two.example" else (host,)
        return [info for one in real for info in original(one, port, **arguments)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_name_with_two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "127.0.0.1", "127.0.0.2")

    async def main() -> None:
        async with bound("two.example:0") as (_, port):
            await serves(f"127.0.0.1:{port}")
            await serves(f"127.0.0.2:{port}")

    run(main())


def test_a_name_of_which_one_address_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, "127.0.0.1", "203.0.113.1")
    with pytest.raises(RuntimeError, match=r"Failed to bind to address two\.example:0"):
        aio.server().add_insecure_port("two.example:0")


def test_the_ipv6_wildcard_on_a_machine_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    original = listening._bind_tcp

    def without_ipv6(family: int, name: Any, reuse_port: bool) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return original(family, name, reuse_port)

    monkeypatch.setattr(listening, "_bind_tcp", without_ipv6)

    async def main() -> None:
        async with bound("[::]:0") as (_, port):
            await serves(f"127.0.0.1:{port}")
        with pytest.raises(RuntimeError, match="not supported by protocol"):
            aio.server().add_insecure_port("[::1]:0")

    run(main())


def test_several_addresses_for_one_server() -> None:
    async def main() -> None:
        server = aio.Server(handlers=[service({})])
        ports = [server.add_insecure_port("127.0.0.1:0") for _ in range(3)]
        await server.start()
        for port in ports:
            await serves(f"127.0.0.1:{port}")
        await server.stop(None)

    run(main())


def test_unix_sockets(tmp_path: Path) -> None:
    async def main() -> None:
        peers: list[str] = []

        async def peer(request: bytes, context: aio.ServicerContext) -> bytes:
            peers.append(context.peer())
            return b""

        for scheme in (f"unix:{tmp_path}/s", f"unix://{tmp_path}/s"):
            async with bound(scheme) as (server, port):
                assert port == 1
                server.add_generic_rpc_handlers((service({"Peer": peer}),))
                await serves(scheme)
            # The file of the first is still there, and the second server takes its place.

    run(main())


def test_an_abstract_unix_socket() -> None:
    async def main() -> None:
        name = f"unix-abstract:plait-test-{os.getpid()}"
        async with bound(name):
            await serves(name)

    run(main())


def test_a_port_in_use_is_an_error_that_names_it() -> None:
    async def main() -> None:
        options = (("grpc.so_reuseport", 0),)
        async with bound("127.0.0.1:0", options=options) as (_, port):
            address = f"127.0.0.1:{port}"
            with pytest.raises(RuntimeError) as caught:
                aio.server(options=options).add_insecure_port(address)
            assert str(caught.value).startswith(
                f"Failed to bind to address {address}; set GRPC_VERBOSITY=debug environment variable to see detailed"
                " error message."
            )
            assert "Address already in use" in str(caught.value)

    run(main())


def test_two_servers_may_share_a_port() -> None:
    async def main() -> None:
        async with bound("127.0.0.1:0") as (_, port), bound(f"127.0.0.1:{port}") as (_, second):
            assert second == port

    run(main())


def test_an_address_that_cannot_be_bound_leaves_no_socket(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a socket")
    for address in (
        "203.0.113.1:0",
        f"unix:{tmp_path}/file",
        f"unix:{tmp_path}/none/s",
        "ipv4:127.0.0.1:0,203.0.113.1:0",
        "127.0.0.1:port",
        "no-such-host.invalid:0",
    ):
        with pytest.raises(RuntimeError, match="Failed to bind to address"):
            aio.server().add_insecure_port(address)
    assert (tmp_path / "file").read_text() == "not a socket"


# -- starting ----------------------------------------------------------------------------------------------------------


def test_a_server_can_be_made_without_an_event_loop() -> None:
    server = aio.server(handlers=[service({})])
    port = server.add_insecure_port("127.0.0.1:0")

    async def main() -> None:
        await server.start()
        await serves(f"127.0.0.1:{port}")
        await server.stop(None)

    run(main())


def test_a_server_starts_once() -> None:
    async def main() -> None:
        async with serving() as (server, _):
            with pytest.raises(aio.UsageError, match="Cannot start already-started server!"):
                await server.start()
            with pytest.raises(aio.UsageError, match="Cannot add a port"):
                server.add_insecure_port("127.0.0.1:0")

    run(main())


def test_a_server_that_never_started_can_be_stopped() -> None:
    async def main() -> None:
        server = aio.server()
        server.add_insecure_port("127.0.0.1:0")
        with pytest.raises(aio.UsageError, match="not started"):
            await server.wait_for_termination()
        await server.stop(None)
        await server.stop(10)

    run(main())


# -- which handler -----------------------------------------------------------------------------------------------------


def test_registered_generic_and_foreign_handlers() -> None:
    class Any_(GenericRpcHandler):
        def service(self, handler_call_details: HandlerCallDetails) -> grpc.RpcMethodHandler | None:
            if handler_call_details.method == "/any/Boom":
                raise ValueError("boom")
            if not handler_call_details.method.startswith("/any/"):
                return None
            path = handler_call_details.method.encode()

            async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
                return path

            return grpc.unary_unary_rpc_method_handler(handle)

    async def one(request: bytes, context: aio.ServicerContext) -> bytes:
        return b"registered"

    async def main() -> None:
        async with joined() as (server, channel):
            server.add_generic_rpc_handlers((Any_(),))
            server.add_registered_method_handlers("reg", {"One": grpc.unary_unary_rpc_method_handler(one)})
            assert await method(channel, "/any/Thing")(b"") == b"/any/Thing"
            assert await method(channel, "/reg/One")(b"") == b"registered"
            for path in ("/any", "/reg/Two", "/test.Service/echo", "/test.Service/Echo/"):
                code, details = await status_of(method(channel, path)(b""))
                assert code is StatusCode.UNIMPLEMENTED
                assert details in ("Method not found!", f"malformed method name: {path.encode()!r}")
            code, details = await status_of(method(channel, "/any/Boom")(b""))
            assert (code, details) == (StatusCode.UNKNOWN, "Exception servicing handler: boom")

    run(main())


# -- codecs ------------------------------------------------------------------------------------------------------------


def broken(value: object) -> bytes:
    raise ZeroDivisionError


@pytest.mark.wire("A9")
def test_codecs_of_the_handler_and_what_breaks_them(caplog: pytest.LogCaptureFixture) -> None:
    async def echo(request: Any, context: aio.ServicerContext) -> Any:
        return request

    async def nothing(request: Any, context: aio.ServicerContext) -> None:
        return None

    handlers = {
        "Text": grpc.unary_unary_rpc_method_handler(echo, bytes.decode, str.encode),
        "BadIn": grpc.unary_unary_rpc_method_handler(echo, broken, None),
        "BadOut": grpc.unary_unary_rpc_method_handler(echo, None, broken),
        "NotBytes": grpc.unary_unary_rpc_method_handler(echo, bytes.decode, None),
        "Nothing": grpc.unary_unary_rpc_method_handler(nothing),
    }

    async def main() -> None:
        async with joined() as (server, channel):
            server.add_registered_method_handlers("c", handlers)
            assert await method(channel, "/c/Text")("über".encode()) == "über".encode()
            for name, text in {
                "BadIn": "Exception deserializing request!",
                "BadOut": "Failed to serialize response!",
                "NotBytes": "Failed to serialize response!",
                "Nothing": "Failed to serialize response!",
            }.items():
                assert await status_of(method(channel, f"/c/{name}")(b"")) == (StatusCode.INTERNAL, text)

    with caplog.at_level(logging.ERROR, "grpc_core.aio.server"):
        run(main())
    assert "a request of /c/BadIn cannot be deserialized" in caplog.text
    assert "a response of /c/BadOut cannot be serialized" in caplog.text


# -- sizes -------------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W057")
def test_size_limits_of_the_server_both_ways() -> None:
    async def grow(request: bytes, context: aio.ServicerContext) -> bytes:
        return request * 10

    async def main() -> None:
        options = (("grpc.max_receive_message_length", 10), ("grpc.max_send_message_length", 50))
        async with joined({"Grow": grow}, options=options) as (_, channel):
            assert await method(channel, "Grow")(b"12345") == b"12345" * 10
            code, details = await status_of(method(channel)(b"12345678901"))
            assert (code, details) == (
                StatusCode.RESOURCE_EXHAUSTED,
                "Received message larger than max (11 vs. 10)",
            )
            code, details = await status_of(method(channel, "Grow")(b"123456"))
            assert (code, details) == (StatusCode.RESOURCE_EXHAUSTED, "Sent message larger than max (60 vs. 50)")

    run(main())


@pytest.mark.wire("W057")
def test_the_default_limit_is_4_mib_and_minus_one_is_none() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            code, details = await status_of(method(channel)(bytes(4_194_305)))
            assert (code, details) == (
                StatusCode.RESOURCE_EXHAUSTED,
                "Received message larger than max (4194305 vs. 4194304)",
            )
        options = (("grpc.max_receive_message_length", -1),)
        async with joined(options=options, channel_options=options) as (_, channel):
            assert len(await method(channel)(bytes(6_000_000))) == 6_000_000

    run(main())


# -- concurrency -------------------------------------------------------------------------------------------------------


def test_maximum_concurrent_rpcs_counts_without_going_wrong() -> None:
    """Whatever way a call ends, its place is free again, and never two places."""

    async def fail(request: bytes, context: aio.ServicerContext) -> bytes:
        raise ValueError

    async def main() -> None:
        ended = Events()

        async def forever(request: bytes, context: aio.ServicerContext) -> bytes:
            try:
                await asyncio.Event().wait()
            finally:
                ended()
            return b""

        async with joined({"Forever": forever, "Fail": fail}, maximum_concurrent_rpcs=2) as (server, channel):
            exceeded = (StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")
            for turn in range(5):
                waiting = [method(channel, "Forever")(b"") for _ in range(2)]
                assert await status_of(method(channel)(b"")) == exceeded
                assert await status_of(method(channel, "Nope")(b"")) == (StatusCode.UNIMPLEMENTED, "Method not found!")
                waiting[0].cancel()
                await ended.count(3 * turn + 1)
                assert await method(channel)(b"x") == b"x"
                assert (await status_of(method(channel, "Fail")(b"")))[0] is StatusCode.UNKNOWN
                again = method(channel, "Forever")(b"", timeout=0.05)
                assert await status_of(method(channel)(b"")) == exceeded
                assert (await status_of(again))[0] is StatusCode.DEADLINE_EXCEEDED
                waiting[1].cancel()
                await ended.count(3 * turn + 3)
                assert list(await asyncio.gather(*(method(channel)(x) for x in (b"a", b"b")))) == [b"a", b"b"]
            assert not server._rpcs

    run(main())


def test_cve_2023_44487_handlers_of_cancelled_calls_count_until_they_end() -> None:
    async def main() -> None:
        started = Events()
        hold = asyncio.Event()

        async def stubborn(request: bytes, context: aio.ServicerContext) -> bytes:
            started()
            while not hold.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await hold.wait()
            return b""

        options = (("grpc.max_concurrent_streams", 3),)
        async with serving({"Stubborn": stubborn}, options=options) as (server, port), await Raw.connect(port) as raw:
            fields = request(path=b"/test.Service/Stubborn")
            for stream_id in (1, 3, 5):
                raw.sends(raw.headers(stream_id, fields), raw.data(stream_id, message(b""), end_stream=True))
            await started.count(3)
            raw.sends(*(build_rst_stream(stream_id, ErrorCode.CANCEL) for stream_id in (1, 3, 5)))
            raw.sends(raw.headers(7, REQUEST), raw.data(7, message(b"7"), end_stream=True))
            raw.sends(raw.headers(9, REQUEST), raw.data(9, message(b"9"), end_stream=True))
            raw.sends(build_rst_stream(7, ErrorCode.CANCEL))
            raw.sends(build_ping(bytes(8)))
            await raw.next_of(PING)
            (protocol,) = server._protocols
            assert protocol.running == 3, "the call that is not cancelled waits for its turn"
            await serves(f"127.0.0.1:{port}")  # other connections do not
            hold.set()
            assert described(await raw.answer(9)) == "`:status 200`, DATA, `grpc-status 0`"
            assert described(await raw.calls(11, REQUEST, message(b""))) == "`:status 200`, DATA, `grpc-status 0`"

    run(main())


def test_any_number_of_calls_may_wait_for_their_turn_and_end_as_soon_as_it_comes() -> None:
    """Requests without a message end while they begin: each gives its place to the next, not from inside its end."""

    async def main() -> None:
        started = Events()
        hold = asyncio.Event()

        async def stubborn(request: bytes, context: aio.ServicerContext) -> bytes:
            started()
            while not hold.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await hold.wait()
            return b""

        count = 300  # each takes eight frames of Python, which has a thousand
        options = (("grpc.max_concurrent_streams", count),)
        fields = request(path=b"/test.Service/Stubborn")
        async with serving({"Stubborn": stubborn}, options=options) as (server, port), await Raw.connect(port) as raw:
            for stream_id in range(1, 2 * count, 2):
                raw.sends(raw.headers(stream_id, fields), raw.data(stream_id, message(b""), end_stream=True))
            await started.count(count)
            raw.sends(*(build_rst_stream(stream_id, ErrorCode.CANCEL) for stream_id in range(1, 2 * count, 2)))
            for stream_id in range(2 * count + 1, 4 * count, 2):
                raw.sends(raw.headers(stream_id, REQUEST, end_stream=True))
            raw.sends(build_ping(bytes(8)))
            await raw.next_of(PING)
            (protocol,) = server._protocols
            hold.set()
            assert described(await raw.answer(4 * count - 1)) == "`:status 200`, `grpc-status 12`"
            last = 4 * count + 1
            assert described(await raw.calls(last, REQUEST, message(b""))) == "`:status 200`, DATA, `grpc-status 0`"
            assert (protocol.running, server._rpcs) == (0, set())

    run(main())


def test_a_call_that_is_cancelled_before_its_handler_runs_leaves_nothing() -> None:
    """The request and its RST_STREAM come in one piece: the handler's task is cancelled before its first step."""

    async def main() -> None:
        options = (("grpc.max_concurrent_streams", 3),)
        async with (
            serving(options=options, maximum_concurrent_rpcs=3) as (server, port),
            await Raw.connect(port) as raw,
        ):
            for stream_id in range(1, 21, 2):
                raw.sends(
                    raw.headers(stream_id, REQUEST),
                    raw.data(stream_id, message(b""), end_stream=True),
                    build_rst_stream(stream_id, ErrorCode.CANCEL),
                )
            assert described(await raw.calls(21, REQUEST, message(b""))) == "`:status 200`, DATA, `grpc-status 0`"
            assert not server._rpcs

    run(main())


# -- deadlines ---------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W027")
def test_w027_the_servers_deadline_cancels_the_handler_and_answers() -> None:
    async def main() -> None:
        ended = Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            context.add_done_callback(lambda context: ended((context.cancelled(), context.time_remaining())))
            await asyncio.Event().wait()
            return b""

        # A client that asks for a deadline and does not keep it itself.
        async with serving({"Handle": handle}) as (_, port), await Raw.connect(port) as raw:
            fields = request(path=b"/test.Service/Handle", grpc_timeout=b"50m")
            (trailers,) = await raw.calls(1, fields, message(b""))
            assert dict(trailers.fields)[b"grpc-status"] == b"4"
            assert dict(trailers.fields)[b"grpc-message"] == b"Deadline Exceeded"
            assert await ended.count(1) == [(True, 0.0)]

    run(main())


@pytest.mark.wire("W025")
@pytest.mark.parametrize("has_content", [True, False])
def test_w025_a_deadline_that_has_passed_never_runs_the_handler(has_content: bool) -> None:
    async def main() -> None:
        ran = Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            ran()
            return b""

        async with serving({"Handle": handle}) as (_, port), await Raw.connect(port) as raw:
            fields = request(path=b"/test.Service/Handle", grpc_timeout=b"0n")
            frames = await raw.calls(1, fields, *([message(b"")] if has_content else []))
            assert dict(frames[0].fields)[b"grpc-status"] == b"4"
            assert not ran.seen

    run(main())


@pytest.mark.wire("W027")
def test_a_deadline_while_the_request_is_still_coming() -> None:
    async def main() -> None:
        async with serving() as (server, port), await Raw.connect(port) as raw:
            raw.sends(raw.headers(1, request(grpc_timeout=b"20m")), raw.data(1, message(b"half")[:-2]))
            frames = await raw.answer(1)
            assert described(frames) == "`:status 200`, `grpc-status 4`, RST_STREAM NO_ERROR"
            assert not server._rpcs

    run(main())


# -- slow peers --------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W057", "W092")
def test_a_client_that_sends_without_end_is_told_to_stop_and_costs_no_memory() -> None:
    """A unary method, and a client that keeps its windows full for 40 MB whatever it is told."""

    async def main() -> None:
        async with serving({"Forever": forever}) as (_, port), await Raw.connect(port) as raw:
            raw.sends(raw.headers(1, request(path=b"/test.Service/Forever")))
            raw.sends(raw.data(1, b"\0" + (4 * 1024 * 1024).to_bytes(4, "big")))
            stream_window, connection_window = 65_535 + 983_041 - 5, 4_194_304 - 5
            sent, peak = 0, 0
            frames: list[Frame] = []
            tracemalloc.start()
            chunk = build_frame(DATA, 0, 1, bytes(16_384))
            while sent < 40_000_000 and not frames:
                while min(stream_window, connection_window) >= 16_384 and not raw.reader._buffer:  # type: ignore[attr-defined]  # asyncio does not say whether octets wait
                    raw.writer.write(chunk)
                    await raw.writer.drain()
                    sent += 16_384
                    stream_window -= 16_384
                    connection_window -= 16_384
                frame = await raw.next_frame()
                assert frame is not None
                if frame.type == WINDOW_UPDATE:
                    if frame.stream_id:
                        stream_window += parse_window_update(frame.payload)
                    else:
                        connection_window += parse_window_update(frame.payload)
                if frame.type in (HEADERS, RST_STREAM):
                    frames.append(frame)
                peak = max(peak, tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert frames, "the second message is one too many"
            assert dict(frames[0].fields)[b"grpc-status"] == b"12", "what comes after the first is a second message"
            assert sent < 4_194_304 + 1_048_576 + 65_536
            assert peak < 2 * 4_194_304 + 1_048_576 + 1_048_576, "the message, its parts, a window and 1 MiB"

    run(main())


def test_a_client_that_never_reads_costs_its_responses_and_no_more() -> None:
    """100 streams are allowed; each may wait with the one response of its call, and new ones are refused."""
    size = 50_000
    streams = 20

    async def big(request: bytes, context: aio.ServicerContext) -> bytes:
        return bytes(size)

    async def main() -> None:
        options = (("grpc.max_concurrent_streams", streams),)
        async with serving({"Big": big}, options=options) as (server, port):
            await serves(f"127.0.0.1:{port}")
            async with await Raw.connect(port, {4: 0}) as raw:  # no window at all: nothing of a response can leave
                fields = request(path=b"/test.Service/Big")
                tracemalloc.start()
                refused = 0
                for index in range(80):
                    stream_id = 1 + 2 * index
                    raw.sends(raw.headers(stream_id, fields), raw.data(stream_id, message(b""), end_stream=True))
                    if index >= streams:
                        frame = await raw.next_of(RST_STREAM)
                        refused += frame.payload == ErrorCode.REFUSED_STREAM.to_bytes(4, "big")
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                assert refused == 60
                assert peak < streams * size + 1_048_576
                await serves(f"127.0.0.1:{port}")
                raw.sends(build_rst_stream(1, ErrorCode.CANCEL))
                raw.sends(raw.headers(201, fields), raw.data(201, message(b""), end_stream=True))
                raw.sends(build_window_update(201, size + 5))
                frames = await raw.answer(201)
                assert sum(len(frame.payload) for frame in frames if frame.type == DATA) == size + 5, "one out, one in"
                await raw.close()
                while server._protocols:
                    await asyncio.wait([protocol.closed for protocol in server._protocols])

    run(main())


# -- stopping ----------------------------------------------------------------------------------------------------------


@pytest.mark.wire("A9", "W155")
def test_stop_without_grace_ends_calls_with_unavailable() -> None:
    async def main() -> None:
        started, ended = Events(), Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            context.add_done_callback(ended)
            started()
            await asyncio.Event().wait()
            return b""

        async with joined({"Handle": handle}) as (server, channel):
            call = method(channel, "Handle")(b"")
            await started.count(1)
            await server.stop(None)
            assert await status_of(call) == (StatusCode.UNAVAILABLE, "Server is shutting down")
            await ended.count(1)
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert details.startswith("failed to connect to all addresses")

    run(main())


@pytest.mark.wire("W155")
def test_w155_stop_with_grace_lets_calls_finish_and_takes_no_new_ones() -> None:
    async def main() -> None:
        started = Events()
        go_on = asyncio.Event()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            started()
            await go_on.wait()
            return b"finished"

        async with joined({"Handle": handle}) as (server, channel):
            call = method(channel, "Handle")(b"")
            await started.count(1)
            stopping = asyncio.create_task(server.stop(30))
            await channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
            code, _ = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert not stopping.done()
            go_on.set()
            assert await call == b"finished"
            await stopping

    run(main())


def test_a_stop_while_nothing_runs_is_quick_and_clean() -> None:
    async def main() -> None:
        async with joined() as (server, channel):
            await method(channel)(b"")
            await server.stop(30)
            await server.stop(30)
            await server.stop(None)
            assert await server.wait_for_termination() is False

    run(main())


def test_a_stop_does_not_spend_its_grace_on_clients_that_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """One never says a word and does not close; one has a call, and does not answer the PING after GOAWAY."""
    monkeypatch.setattr("http2.aio.transport._TIMEOUTS", Timeouts(linger_s=PATIENCE_S))

    async def main() -> None:
        go = asyncio.Event()
        called = Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            called()
            await go.wait()
            return b""

        async with serving({"Handle": handle}) as (server, port), await Raw.connect(port) as raw:
            _, mute = await asyncio.open_connection("127.0.0.1", port)
            raw.sends(raw.headers(1, request(path=b"/test.Service/Handle")), raw.data(1, message(b""), end_stream=True))
            await called.count(1)
            while len(server._protocols) < 2:
                await serves(f"127.0.0.1:{port}")
            stopping = asyncio.create_task(server.stop(PATIENCE_S))
            await raw.next_of(GOAWAY)
            assert parse_goaway((await raw.next_of(GOAWAY)).payload)[:2] == (1, ErrorCode.NO_ERROR)
            assert not stopping.done(), "there is a call"
            go.set()
            assert described(await raw.answer(1)) == "`:status 200`, DATA, `grpc-status 0`"
            await raw.close()
            async with asyncio.timeout(PATIENCE_S / 2):
                await stopping
            mute.close()

    run(main())


def test_a_later_stop_may_shorten_the_grace_and_not_lengthen_it() -> None:
    async def main() -> None:
        for first, second in ((30, None), (30, 0.01), (0.01, 30)):
            started = Events()

            async def handle(request: bytes, context: aio.ServicerContext, started: Events = started) -> bytes:
                started()
                await asyncio.Event().wait()
                return b""

            async with joined({"Handle": handle}) as (server, channel):
                call = method(channel, "Handle")(b"")
                await started.count(1)
                stops = [asyncio.create_task(server.stop(first)), asyncio.create_task(server.stop(second))]
                async with asyncio.timeout(10):
                    await asyncio.gather(*stops)
                assert (await status_of(call))[0] is StatusCode.UNAVAILABLE

    run(main())


def test_cancelling_who_waits_for_stop_does_not_cancel_the_stop() -> None:
    async def main() -> None:
        async with joined({"Forever": forever}) as (server, channel):
            call = method(channel, "Forever")(b"")
            await call.wait_for_connection()
            waiting = asyncio.ensure_future(server.stop(0.2))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert await server.wait_for_termination() is False
            assert (await status_of(call))[0] is StatusCode.UNAVAILABLE

    run(main())


def test_wait_for_termination_says_whether_it_gave_up() -> None:
    async def main() -> None:
        async with serving() as (server, _):
            assert await server.wait_for_termination(0.01) is True
            waiting = [asyncio.create_task(server.wait_for_termination(t)) for t in (None, 30)]
            await asyncio.sleep(0)
            await server.stop(None)
            assert await asyncio.gather(*waiting) == [False, False]

    run(main())


@pytest.mark.wire("W153")
def test_w153_a_server_that_stops_says_goaway() -> None:
    async def main() -> None:
        async with serving() as (server, port), await Raw.connect(port) as raw:
            await raw.calls(1, REQUEST, message(b""))
            stopping = asyncio.create_task(server.stop(30))
            first = await raw.next_of(GOAWAY)
            assert parse_goaway(first.payload)[:2] == (2**31 - 1, ErrorCode.NO_ERROR), "W151: the warning"
            raw.sends(raw.headers(3, REQUEST), raw.data(3, message(b""), end_stream=True))
            (refused,) = await raw.answer(3)
            assert dict(refused.fields)[b"grpc-message"] == b"Server is shutting down"
            ping = build_frame(6, 1, 0, b"goodbye?")
            raw.sends(ping)
            last = await raw.next_of(GOAWAY)
            assert parse_goaway(last.payload)[:2] == (3, ErrorCode.NO_ERROR)
            assert await raw.rest() == []
            await stopping

    run(main())


@pytest.mark.parametrize("grace", [30, 0])
def test_the_last_response_reaches_a_client_that_goes_on_sending(server_ends: asyncio.Event, grace: float) -> None:
    """Octets that come to a closed socket would destroy what is on its way from there (`http2.aio.linger`)."""
    response = bytes(range(256)) * 800

    async def main() -> None:
        go, called = asyncio.Event(), Events()

        async def large(request: bytes, context: aio.ServicerContext) -> bytes:
            called()
            await go.wait()
            return response

        async with serving({"Large": large}) as (server, port):
            client = await LateReader.connect(port)
            head = Encoder().encode(request(path=b"/test.Service/Large"))
            await client.says(build_frame(HEADERS, 4, 1, head) + build_frame(DATA, 1, 1, message(b"")))
            await called.count(1)
            stopping = asyncio.create_task(server.stop(30))
            await asyncio.sleep(0)
            await client.says(build_ping(b"goodbye?", ack=True))
            await client.hears_goaway()
            go.set()
            await server_ends.wait()
            await turns_of_the_loop()
            if not grace:  # no time is left for calls, but this one is done
                hurrying = asyncio.create_task(server.stop(0))
                await turns_of_the_loop()
            await client.hears_all()
            assert b"".join(client.of(DATA)) == message(response)
            assert len(client.of(HEADERS)) == 2, "the status has arrived"
            client.sock.close()
            await stopping
            if not grace:
                await hurrying

    run(main())


def test_a_client_that_ignores_goaway_is_cut_off_at_the_end_of_the_grace() -> None:
    async def main() -> None:
        async with serving({"Forever": forever}) as (server, port), await Raw.connect(port) as raw:
            raw.sends(
                raw.headers(1, request(path=b"/test.Service/Forever")), raw.data(1, message(b""), end_stream=True)
            )
            await serves(f"127.0.0.1:{port}")
            await server.stop(0.05)
            frames = await raw.rest()
            assert described(frame for frame in frames if frame.stream_id == 1) == "`:status 200`, `grpc-status 14`"

    run(main())


def test_a_connection_that_comes_while_the_server_stops_is_turned_away() -> None:
    async def main() -> None:
        async with joined({"Forever": forever}) as (server, channel):
            call = method(channel, "Forever")(b"")
            await call.wait_for_connection()
            stopping = asyncio.create_task(server.stop(30))
            await asyncio.sleep(0)
            loop = asyncio.get_running_loop()
            for _ in range(2):
                ours, theirs = socket.socketpair()
                # As asyncio does for a socket that it accepted before the listener closed.
                transport, late = await loop.connect_accepted_socket(server._connected, ours)
                assert late.session.is_refusing
                assert late.connection.is_draining
                assert transport.is_closing() == stopping.done(), "cut off when nobody waits for it any more"
                late.kill()
                await late.closed
                theirs.close()
                call.cancel()
                await stopping

    run(main())


def test_stop_waits_a_moment_for_handlers_that_do_not_end_at_once() -> None:
    async def main() -> None:
        ended = Events()

        async def tidy(request: bytes, context: aio.ServicerContext) -> bytes:
            try:
                await asyncio.Event().wait()
            finally:
                for _ in range(10):
                    await asyncio.sleep(0)
                ended()
            return b""

        async with serving({"Tidy": tidy}) as (server, port), await Raw.connect(port) as raw:
            raw.sends(raw.headers(1, request(path=b"/test.Service/Tidy")), raw.data(1, message(b""), end_stream=True))
            await serves(f"127.0.0.1:{port}")
            await server.stop(None)
            assert len(ended.seen) == 1
            assert not server._rpcs

    run(main())


def test_stop_cancels_a_handler_that_goes_on_after_it_has_ended_its_call() -> None:
    async def main() -> None:
        ended = Events()

        async def goes_on(request: bytes, context: aio.ServicerContext) -> bytes:
            with contextlib.suppress(aio.AbortError):
                await context.abort(StatusCode.ABORTED, "")
            try:
                await asyncio.Event().wait()
            finally:
                ended("cancelled")
            return b""

        async with joined({"GoesOn": goes_on}) as (server, channel):
            assert (await status_of(method(channel, "GoesOn")(b"")))[0] is StatusCode.ABORTED
            await server.stop(None)
            assert (ended.seen, server._rpcs) == (["cancelled"], set())

    run(main())


def test_stop_cuts_off_a_client_that_does_not_read() -> None:
    """More than the sockets' buffers is on its way to it, and nothing of it will ever arrive."""

    async def main() -> None:
        called = Events()

        async def big(request: bytes, context: aio.ServicerContext) -> bytes:
            called()
            return bytes(50_000_000)

        async with serving({"Big": big}) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
            raw = Raw(reader, writer, True)
            windows = (build_settings({4: 2**31 - 1, 5: 2**24 - 1}), build_window_update(0, 2**31 - 1 - 65_535))
            raw.sends(PREFACE, *windows, raw.headers(1, request(path=b"/test.Service/Big")))
            raw.sends(raw.data(1, message(b""), end_stream=True))
            await called.count(1)
            await serves(f"127.0.0.1:{port}")
            assert [protocol for protocol in server._protocols if protocol._writing_paused], "the response is stuck"
            async with asyncio.timeout(10):
                await server.stop(None)
            await raw.close()

    run(main())


def test_a_handler_that_cancels_itself() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        raise asyncio.CancelledError

    async def main() -> None:
        async with joined({"Handle": handle}) as (_, channel):
            call = method(channel, "Handle")(b"")
            assert await status_of(call) == (StatusCode.CANCELLED, "the handler was cancelled")
            assert not call.cancelled()

    run(main())
