"""The blocking server: limits, stopping, contexts, interceptors, TLS; in every pair of modules where both know it."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import grpc_core
from http2.frames import PREFACE, SETTINGS_ACK, build_settings
from tests.grpc_core.sync_support import PAIRS, PATIENCE_S, SERVICE, Gate, Peers, handlers, joined, modules_of, status
from tests.support.tls import TlsFiles, tls_files

__all__ = ["tls_files"]  # a fixture is used by its name

LIMITED = "RESOURCE_EXHAUSTED", "Concurrent RPC limit exceeded!"


def _echo(request: bytes, context: Any) -> bytes:
    return request


@pytest.mark.wire("A9")
@pytest.mark.parametrize("pair", PAIRS)
def test_calls_over_the_limit_are_refused(pair: str) -> None:
    begun, release = Gate(), Gate()

    def uu_wait(request: bytes, context: Any) -> bytes:
        begun.open()
        release.wait()
        return request

    with joined(pair, lambda grpc: {"uu_wait": uu_wait}, maximum_concurrent_rpcs=1) as peers:
        first = peers.method("uu_wait").future(b"1")
        begun.wait()
        assert peers.status_of(lambda: peers.method("uu_wait")(b"2")) == LIMITED
        release.open()
        assert first.result(PATIENCE_S) == b"1"
        _until_answered(peers)


def _until_answered(peers: Peers) -> None:
    """The place of a call is free when its handler's thread is; that may be a moment after its answer."""
    gate = threading.Event()
    for _ in range(500):
        call = peers.method("uu_wait").future(b"3")
        if call.code().name == "OK":
            return
        assert status(call) == LIMITED
        gate.wait(0.01)
    pytest.fail("the place is never free again")


def test_a_handler_whose_client_is_gone_still_counts() -> None:
    """What a client cancels does not make room for more handlers than the limit allows."""
    begun, release = Gate(), Gate()

    def uu_wait(request: bytes, context: Any) -> bytes:
        begun.open()
        release.wait()
        return request

    with joined("plait-plait", lambda grpc: {"uu_wait": uu_wait}, maximum_concurrent_rpcs=1) as peers:
        first = peers.method("uu_wait").future(b"1")
        begun.wait()
        first.cancel()
        assert peers.status_of(lambda: peers.method("uu_wait")(b"2")) == LIMITED
        release.open()
        _until_answered(peers)


def test_a_call_that_is_cancelled_before_its_thread_is_free_does_not_run() -> None:
    begun, release = Gate(), Gate()
    ran: list[bytes] = []

    def uu_wait(request: bytes, context: Any) -> bytes:
        ran.append(request)
        begun.open()
        release.wait()
        return request

    with joined("plait-plait", lambda grpc: {"uu_wait": uu_wait}, workers=1) as peers:
        first = peers.method("uu_wait").future(b"1")
        begun.wait()
        peers.status_of(lambda: peers.method("uu_wait")(b"2", timeout=0.1))
        peers.status_of(lambda: peers.method("uu_none")(b""))  # what is sent after the cancellation was answered
        release.open()
        assert first.result(PATIENCE_S) == b"1"
        assert peers.method("uu_wait")(b"3") == b"3"
    assert ran == [b"1", b"3"]


@pytest.mark.parametrize("pair", PAIRS)
def test_a_server_stops_at_once_or_after_a_grace(pair: str) -> None:
    begun, release = Gate(), Gate()

    def uu_wait(request: bytes, context: Any) -> bytes:
        begun.open()
        release.wait()
        return request

    with joined(pair, lambda grpc: {"uu_wait": uu_wait}) as peers:
        assert peers.server.wait_for_termination(timeout=0.01) is True
        with pytest.raises(ValueError, match="Cannot start already-started server!"):
            peers.server.start()
        call = peers.method("uu_wait").future(b"1")
        begun.wait()
        stopped = peers.server.stop(PATIENCE_S)
        assert not stopped.is_set()
        release.open()
        assert call.result(PATIENCE_S) == b"1"
        assert stopped.wait(PATIENCE_S)
        assert peers.server.wait_for_termination(timeout=PATIENCE_S) is False
        assert peers.server.stop(None).is_set()


def test_a_stop_does_not_spend_its_grace_on_clients_that_are_silent() -> None:
    server = grpc_core.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.sendall(PREFACE + build_settings({}) + SETTINGS_ACK)
        heard = b""
        while not heard.endswith(SETTINGS_ACK):
            heard += silent.recv(1000)
        assert server.stop(PATIENCE_S).wait(PATIENCE_S / 2)


@pytest.mark.parametrize("pair", PAIRS[:3])
def test_a_grace_that_is_over_ends_the_calls(pair: str) -> None:
    begun, over = Gate(), Gate()

    def uu_wait(request: bytes, context: Any) -> bytes:
        context.add_callback(over.open)
        begun.open()
        over.wait()
        return request

    with joined(pair, lambda grpc: {"uu_wait": uu_wait}) as peers:
        call = peers.method("uu_wait").future(b"1")
        begun.wait()
        assert peers.server.stop(0.1).wait(PATIENCE_S)
        assert call.code().name in ("UNAVAILABLE", "CANCELLED")


def test_a_server_that_was_not_started_is_stopped() -> None:
    server = grpc_core.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    assert server.stop(None).is_set()
    socket.create_server(("127.0.0.1", port)).close()


def test_it_is_stopped_where_an_event_loop_runs_too() -> None:
    async def main() -> None:
        server = grpc_core.server(ThreadPoolExecutor(1))
        port = server.add_insecure_port("127.0.0.1:0")
        assert server.stop(None).is_set()
        socket.create_server(("127.0.0.1", port)).close()

    asyncio.run(main())


def test_a_port_that_cannot_be_bound_and_arguments_that_make_no_sense() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = grpc_core.server(ThreadPoolExecutor(1), options=(("grpc.so_reuseport", 0),))
        with pytest.raises(RuntimeError, match="Failed to bind to address"):
            server.add_insecure_port(f"127.0.0.1:{taken.getsockname()[1]}")
    with pytest.raises(AttributeError, match="GenericRpcHandler"):
        server.add_generic_rpc_handlers((object(),))  # type: ignore[arg-type]  # what is tested
    with pytest.raises(ValueError, match="intercept_service"):
        grpc_core.server(ThreadPoolExecutor(1), interceptors=[object()])
    with pytest.raises(ValueError, match="xDS"):
        grpc_core.server(ThreadPoolExecutor(1), xds=True)


@pytest.mark.parametrize("pair", PAIRS)
def test_handlers_are_registered_by_name_until_the_server_starts(pair: str, caplog: pytest.LogCaptureFixture) -> None:
    server_module, client_module = modules_of(pair)
    method = server_module.unary_unary_rpc_method_handler(_echo)
    with ThreadPoolExecutor(2) as pool:
        server = server_module.server(pool)
        server.add_registered_method_handlers(SERVICE, {"uu_echo": method})
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with caplog.at_level(logging.WARNING):
            server.add_registered_method_handlers(SERVICE, {"uu_late": method})
        assert "Cannot register method handlers once server has started" in caplog.text
        with client_module.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert channel.unary_unary(f"/{SERVICE}/uu_echo", _registered_method=True)(b"x") == b"x"
            late = channel.unary_unary(f"/{SERVICE}/uu_late").future(b"x")
            assert late.code().name == "UNIMPLEMENTED"
        server.stop(None)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_generic_handler_that_raises(pair: str) -> None:
    server_module, _ = modules_of(pair)

    class Broken(server_module.GenericRpcHandler):  # type: ignore[misc, name-defined]  # the module is Any
        def service(self, handler_call_details: Any) -> Any:
            if handler_call_details.method.endswith("broken"):
                raise ZeroDivisionError
            return None

    logging.disable(logging.CRITICAL)
    try:
        with joined(pair, lambda grpc: {"uu_echo": _echo}, handlers=(Broken(),)) as peers:
            assert peers.method("uu_echo")(b"x") == b"x"
            expected = "UNKNOWN", "Error in service handler!"
            assert peers.status_of(lambda: peers.method("uu_broken")(b"x")) == expected
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("pair", PAIRS)
def test_interceptors_stand_before_handlers_in_their_order(pair: str) -> None:
    server_module, _ = modules_of(pair)
    seen: list[Any] = []
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user", default="nobody")

    class Interceptor(server_module.ServerInterceptor):  # type: ignore[misc, name-defined]  # the module is Any
        def __init__(self, name: str) -> None:
            self.name = name

        def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
            keys = [pair.key for pair in handler_call_details.invocation_metadata if pair.key.startswith("x-")]
            seen.append((self.name, handler_call_details.method, keys))
            if "x-deny" in keys:
                return server_module.unary_unary_rpc_method_handler(
                    lambda request, context: context.abort(server_module.StatusCode.PERMISSION_DENIED, self.name)
                )
            user.set(self.name)
            return continuation(handler_call_details)

    def uu_user(request: bytes, context: Any) -> bytes:
        return user.get().encode()

    interceptors = (Interceptor("outer"), Interceptor("inner"))
    with joined(pair, lambda grpc: {"uu_user": uu_user}, interceptors=interceptors) as peers:
        assert peers.method("uu_user")(b"", metadata=(("x-a", "1"),)) == b"inner", "variables reach the handler"
        path = f"/{SERVICE}/uu_user"
        assert seen == [("outer", path, ["x-a"]), ("inner", path, ["x-a"])]
        refused = peers.status_of(lambda: peers.method("uu_user")(b"", metadata=(("x-deny", "1"),)))
        assert refused == ("PERMISSION_DENIED", "outer")
        assert peers.method("uu_none").future(b"").code().name == "UNIMPLEMENTED"
    assert user.get() == "nobody"


@pytest.mark.parametrize("pair", PAIRS)
def test_a_context_is_told_of_the_end_and_can_cancel(pair: str) -> None:
    over = Gate()
    late: list[Any] = []
    cancelled: list[bool] = []

    def uu_watched(request: bytes, context: Any) -> bytes:
        assert context.add_callback(over.open) is True
        late.append(context)
        return request

    def cancels(context: Any) -> None:
        gone = Gate()
        context.add_callback(gone.open)
        context.cancel()
        gone.wait()
        cancelled.append(context.is_active())

    def uu_cancels(request: bytes, context: Any) -> bytes:
        cancels(context)
        return request

    def ss_cancels(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        yield next(requests)
        cancels(context)
        yield from requests

    behaviors: dict[str, Callable[..., Any]] = {
        "uu_watched": uu_watched,
        "uu_cancels": uu_cancels,
        "ss_cancels": ss_cancels,
    }
    with joined(pair, lambda grpc: behaviors) as peers:
        assert peers.method("uu_watched")(b"x") == b"x"
        over.wait()
        assert late[0].is_active() is False
        assert late[0].add_callback(over.open) is False
        assert peers.method("uu_cancels").future(b"").code().name == "CANCELLED"
        hold = Gate()

        def requests() -> Iterator[bytes]:
            yield b"first"
            hold.wait()

        call = peers.method("ss_cancels", "stream_stream")(requests())
        assert peers.status_of(lambda: list(call))[0] == "CANCELLED"
        hold.open()
    assert cancelled == [False, False]


def test_a_pool_that_was_shut_down_first() -> None:
    pool = ThreadPoolExecutor(1)
    server = grpc_core.server(pool)
    server.add_generic_rpc_handlers((handlers(grpc_core, {"uu_echo": _echo, "ss_echo": lambda requests, _: requests}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    pool.shutdown()
    with grpc_core.insecure_channel(f"127.0.0.1:{port}") as channel:
        expected = "UNAVAILABLE", "Server is shutting down"
        assert status(channel.unary_unary(f"/{SERVICE}/uu_echo").future(b"")) == expected
        assert status(channel.stream_stream(f"/{SERVICE}/ss_echo")(iter([b""]))) == expected
    server.stop(None)


def test_a_handler_may_call_its_own_server() -> None:
    """Handlers wait in their own threads, never on the I/O thread."""
    channels: list[Any] = []

    def uu_outer(request: bytes, context: Any) -> bytes:
        inner: bytes = channels[0].unary_unary(f"/{SERVICE}/uu_echo")(request, timeout=PATIENCE_S)
        return inner * 2

    def us_all(request: bytes, context: Any) -> Iterator[bytes]:
        yield from channels[0].stream_stream(f"/{SERVICE}/ss_echo")(iter([request, request]))

    def ss_echo(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        yield from requests

    with joined(
        "plait-plait", lambda grpc: {"uu_echo": _echo, "uu_outer": uu_outer, "us_all": us_all, "ss_echo": ss_echo}
    ) as peers:
        channels.append(peers.channel)
        assert peers.method("uu_outer")(b"x") == b"xx"
        assert list(peers.method("us_all", "unary_stream")(b"y")) == [b"y", b"y"]


@pytest.mark.parametrize("pair", PAIRS)
def test_tls_and_call_credentials(pair: str, tls_files: TlsFiles) -> None:
    server_module, client_module = modules_of(pair)
    key, certificate = tls_files.key.read_bytes(), tls_files.cert.read_bytes()

    def uu_about(request: bytes, context: Any) -> bytes:
        token = dict(context.invocation_metadata()).get("authorization")
        return repr((token, context.auth_context()["transport_security_type"])).encode()

    with ThreadPoolExecutor(2) as pool:
        server = server_module.server(pool)
        server.add_generic_rpc_handlers((handlers(server_module, {"uu_about": uu_about}),))
        port = server.add_secure_port("localhost:0", server_module.ssl_server_credentials([(key, certificate)]))
        server.start()
        trusting = client_module.ssl_channel_credentials(certificate)
        with client_module.secure_channel(f"localhost:{port}", trusting) as channel:
            method = channel.unary_unary(f"/{SERVICE}/uu_about")
            token = client_module.access_token_call_credentials("abc")
            assert method(b"", timeout=PATIENCE_S, credentials=token) == b"('Bearer abc', [b'ssl'])"
            assert method(b"", timeout=PATIENCE_S) == b"(None, [b'ssl'])"
        server.stop(None)


@pytest.mark.parametrize("pair", PAIRS)
def test_messages_are_compressed_by_channel_by_call_and_by_handler(pair: str) -> None:
    server_module, client_module = modules_of(pair)
    text = b"compressible " * 10_000

    def us_thrice(request: bytes, context: Any) -> Iterator[bytes]:
        context.set_compression(server_module.Compression.Deflate)
        yield request
        context.disable_next_message_compression()
        yield request
        yield request

    behaviors: dict[str, Callable[..., Any]] = {"uu_echo": _echo, "us_thrice": us_thrice}
    with joined(pair, lambda grpc: behaviors, compression=server_module.Compression.Gzip) as peers:
        target = f"127.0.0.1:{peers.port}"
        with client_module.insecure_channel(target, compression=client_module.Compression.Gzip) as channel:
            echo = channel.unary_unary(f"/{SERVICE}/uu_echo")
            assert echo(text) == text
            assert echo(text, compression=client_module.Compression.Deflate) == text
            assert echo.future(text, compression=client_module.Compression.NoCompression).result(PATIENCE_S) == text
            assert list(channel.unary_stream(f"/{SERVICE}/us_thrice")(text)) == [text] * 3


@pytest.mark.wire("W060", "W069")
def test_both_sides_can_tell_which_messages_came_compressed_and_send_one_plain() -> None:
    text = b"compressible " * 10_000
    seen: list[bool] = []

    def uu_tell(request: bytes, context: Any) -> bytes:
        seen.append(context.request_was_compressed())
        context.set_compression(grpc_core.Compression.Gzip if request else grpc_core.Compression.NoCompression)
        return text

    def ss_tell(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        context.set_compression(grpc_core.Compression.Gzip)
        for number, request in enumerate(requests):
            seen.append(context.request_was_compressed())
            if number == 1:
                context.disable_next_message_compression()
            yield request

    behaviors: dict[str, Callable[..., Any]] = {"uu_tell": uu_tell, "ss_tell": ss_tell}
    with joined("plait-plait", lambda grpc: behaviors) as peers:
        unary = peers.method("uu_tell")
        for request, compression in ((b"", None), (text, grpc_core.Compression.Gzip)):
            response, call = unary.with_call(request, timeout=PATIENCE_S, compression=compression)
            assert response == text
            assert (seen.pop(), call.response_was_compressed()) == (bool(request), bool(request))
        assert unary.future(text, timeout=PATIENCE_S).response_was_compressed(), "it waits for the response"
        seen.clear()
        calls: list[Any] = []
        is_there = Gate()

        def requests() -> Iterator[bytes]:
            is_there.wait()
            yield text
            calls[0].disable_next_message_compression()
            yield text
            yield text

        calls.append(
            peers.method("ss_tell", "stream_stream")(
                requests(), timeout=PATIENCE_S, compression=grpc_core.Compression.Gzip
            )
        )
        assert not calls[0].response_was_compressed(), "there is none yet"
        is_there.open()
        assert [calls[0].response_was_compressed() for _ in calls[0]] == [True, False, True]
        assert seen == [True, False, True]
