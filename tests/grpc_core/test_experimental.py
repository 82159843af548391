"""`grpc_core.experimental`: the same calls on grpcio's module and on ours, the channels it keeps, what it is not."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import grpc_core
from grpc_core import experimental
from grpc_core.experimental import gevent, session_cache
from grpc_core.experimental.channel_cache import ChannelCache
from grpc_core.interfaces import Channel
from tests.grpc_core.sync_support import modules_of
from tests.support.modules import grpcio
from tests.support.tls import TlsFiles, tls_files

__all__ = ["tls_files"]

ROOT = Path(__file__).parents[2]
KINDS = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]


def _handlers(grpc: Any) -> Any:
    behaviors: dict[str, Callable[..., Any]] = {
        "unary_unary": lambda request, context: request.upper(),
        "unary_stream": lambda request, context: iter([request, request]),
        "stream_unary": lambda requests, context: b"".join(requests),
        "stream_stream": lambda requests, context: (request * 2 for request in requests),
    }
    methods = {kind: getattr(grpc, f"{kind}_rpc_method_handler")(behavior) for kind, behavior in behaviors.items()}
    return grpc.method_handlers_generic_handler("s", methods)


def _served(grpc: Any, pool: ThreadPoolExecutor, credentials: Any = None) -> tuple[Any, int]:
    server = grpc.server(pool)
    server.add_generic_rpc_handlers((_handlers(grpc),))
    port = server.add_secure_port("localhost:0", credentials or grpc.insecure_server_credentials())
    server.start()
    return server, port


@pytest.fixture(params=["plait-plait", "grpcio-plait", "plait-grpcio", "grpcio-grpcio"])
def peer(request: pytest.FixtureRequest) -> Iterator[tuple[Any, str]]:
    """(the client's `experimental`, the address of a server)"""
    server_module, client_module = modules_of(request.param)
    client = experimental if client_module is grpc_core else __import__("grpc.experimental").experimental
    with ThreadPoolExecutor(4) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", client.ExperimentalApiWarning)
        server, port = _served(server_module, pool)
        yield client, f"localhost:{port}"
        server.stop(None).wait()


def test_calls_of_all_kinds(peer: tuple[Any, str]) -> None:
    client, target = peer
    settings: dict[str, Any] = {"insecure": True, "timeout": 30}
    assert client.unary_unary(b"a", target, "/s/unary_unary", **settings) == b"A"
    assert list(client.unary_stream(b"a", target, "/s/unary_stream", **settings)) == [b"a", b"a"]
    assert client.stream_unary(iter([b"a", b"b"]), target, "/s/stream_unary", **settings) == b"ab"
    assert list(client.stream_stream(iter([b"a", b"b"]), target, "/s/stream_stream", **settings)) == [b"aa", b"bb"]
    codecs: tuple[Any, Any] = (str.encode, bytes.decode)
    assert client.unary_unary("a", target, "/s/unary_unary", *codecs, **settings, metadata=(("x", "y"),)) == "A"


def test_insecure_and_credentials_exclude_each_other(peer: tuple[Any, str]) -> None:
    client, target = peer
    module = grpc_core if client is experimental else grpcio()
    with pytest.raises(ValueError, match="insecure option is mutually exclusive with the channel_credentials option"):
        client.unary_unary(
            b"", target, "/s/m", insecure=True, channel_credentials=module.ssl_channel_credentials(), timeout=30
        )


def test_insecure_credentials_make_an_insecure_channel(peer: tuple[Any, str]) -> None:
    client, target = peer
    credentials = client.insecure_channel_credentials()
    assert client.unary_unary(b"a", target, "/s/unary_unary", channel_credentials=credentials, timeout=30) == b"A"


def test_it_waits_for_a_connection_unless_that_is_unwanted() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", experimental.ExperimentalApiWarning)
        with pytest.raises(grpc_core.RpcError) as caught:
            experimental.unary_unary(b"", "127.0.0.1:1", "/s/m", insecure=True, timeout=0.05)
        assert caught.value.code() is grpc_core.StatusCode.DEADLINE_EXCEEDED  # type: ignore[attr-defined]  # also a Call
        with pytest.raises(grpc_core.RpcError) as caught:
            experimental.unary_unary(b"", "127.0.0.1:1", "/s/m", insecure=True, timeout=30, wait_for_ready=False)
        assert caught.value.code() is grpc_core.StatusCode.UNAVAILABLE  # type: ignore[attr-defined]  # also a Call


def test_without_a_word_about_security_there_is_tls(tls_files: TlsFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(tls_files.cert))
    pairs = [(tls_files.key.read_bytes(), tls_files.cert.read_bytes())]
    with ThreadPoolExecutor(2) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore", experimental.ExperimentalApiWarning)
        server, port = _served(grpc_core, pool, grpc_core.ssl_server_credentials(pairs))
        call: Any = experimental.unary_unary
        assert call(b"a", f"localhost:{port}", "/s/unary_unary", timeout=30) == b"A"
        server.stop(None)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_call_warns(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experimental, "_warned", set())
    function = getattr(experimental, kind)
    settings: Any = {"insecure": True, "channel_credentials": experimental.insecure_channel_credentials()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            with pytest.raises(ValueError, match="mutually exclusive"):
                function(b"", "x:1", "/s/m", **settings)
    assert [warning.category for warning in caught] == [experimental.ExperimentalApiWarning]
    assert str(caught[0].message).startswith(f"'{kind}' is an experimental API. It is subject to change")
    assert caught[0].filename == __file__, "it points at the caller"


def test_channels_that_are_still_kept_at_exit_go_without_a_word() -> None:
    program = """
from concurrent.futures import ThreadPoolExecutor
from grpc_core import experimental
import grpc_core as grpc
import warnings
warnings.simplefilter("ignore")
with ThreadPoolExecutor(1) as pool:
    server = grpc.server(pool)
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("s", {"m": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(experimental.unary_unary(b"x", "127.0.0.1:" + str(port), "/s/m", insecure=True))
    server.stop(None)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "b'x'\n", "")


def test_a_handler_is_wrapped() -> None:
    def behavior(request: bytes, context: object) -> bytes:
        return request

    def wrapper(wrapped: Callable[..., Any]) -> Callable[..., Any]:
        return lambda request, context: (wrapped(request, context), "wrapped")

    for module in (grpc_core, grpcio()):
        for kind in KINDS:
            handler = getattr(module, f"{kind}_rpc_method_handler")(behavior, bytes, repr)
            wrapped: Any = experimental.wrap_server_method_handler(wrapper, handler)
            assert getattr(wrapped, kind)(b"x", None) == (b"x", "wrapped")
            assert (wrapped.request_deserializer, wrapped.response_serializer) == (bytes, repr)
            assert wrapped.request_streaming is handler.request_streaming
    assert experimental.wrap_server_method_handler(wrapper, None) is None


# -- the channels that are kept ----------------------------------------------------------------------------------------


class _Channels:
    """Stands for `grpc_core`: makes channels that say when they are closed."""

    def __init__(self) -> None:
        self.made: list[tuple[Any, ...]] = []
        self.closed: list[int] = []

    def _make(self, *arguments: Any) -> Any:
        self.made.append(arguments)
        number = len(self.made)

        class Made:
            def close(made) -> None:
                self.closed.append(number)

        return Made()

    insecure_channel = secure_channel = _make

    def ssl_channel_credentials(self) -> str:
        return "tls"


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def channels(monkeypatch: pytest.MonkeyPatch) -> _Channels:
    made = _Channels()
    monkeypatch.setattr("grpc_core.experimental.channel_cache.grpc_core", made)
    return made


def _get(cache: ChannelCache, target: str = "a", **changes: Any) -> Channel:
    settings: dict[str, Any] = {"options": (), "credentials": None, "insecure": True, "compression": None} | changes
    return cache.get(target, *settings.values())


def test_the_same_settings_get_the_same_channel(channels: _Channels) -> None:
    cache = ChannelCache()
    first = _get(cache)
    assert _get(cache) is first
    credentials: Any = object()
    others = [
        _get(cache, "b"),
        _get(cache, options=(("x", 1),)),
        _get(cache, insecure=False),
        _get(cache, insecure=False, credentials=credentials),
        _get(cache, compression=grpc_core.Compression.Gzip),
    ]
    assert len({id(channel) for channel in (first, *others)}) == len(channels.made) == len(cache) == 6
    assert channels.made[3] == ("a", "tls", (), None), "without credentials: TLS"


def test_a_channel_that_nobody_used_for_long_is_closed_at_the_next_call(channels: _Channels) -> None:
    clock = _Clock()
    cache = ChannelCache(unused_s_max=10, now=clock)
    first = _get(cache, "a")
    _get(cache, "b")
    clock.now = 9
    assert _get(cache, "a") is first
    clock.now = 11
    assert _get(cache, "a") is first
    assert channels.closed == [2]
    clock.now = 1000
    assert _get(cache, "a") is first, "it is wanted now"


def test_there_are_never_more_than_the_most(channels: _Channels) -> None:
    cache = ChannelCache(channels_max=2, now=_Clock())
    for target in "abac":
        _get(cache, target)
    assert channels.closed == [2], "the one used longest ago"
    assert len(cache) == 2


def test_a_forked_child_does_not_wait_for_a_lock_of_its_parents(channels: _Channels) -> None:
    cache = ChannelCache()
    cache._lock.acquire()  # as another thread holds it at the moment of the fork
    child = os.fork()
    if child == 0:
        _get(cache)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


# -- what is there in name ---------------------------------------------------------------------------------------------


def test_the_module_for_asyncio_is_the_same() -> None:
    assert experimental.aio is grpc_core.aio
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = experimental.other  # type: ignore[attr-defined]  # that is the point


def test_what_is_not_there_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Plait does not run on gevent"):
        gevent.init_gevent()
    with pytest.raises(NotImplementedError, match="Python's ssl module signs"):
        experimental.ssl_channel_credentials_with_custom_signer(private_key_sign_fn=print, certificate_chain=b"")


def test_a_session_cache_is_accepted() -> None:
    cache = session_cache.ssl_session_cache_lru(10)
    assert (cache.capacity, int(cache)) == (10, id(cache))
    grpc_core.insecure_channel("localhost:1", options=[("grpc.ssl_session_cache", cache)]).close()


def test_signatures_survive_the_warning() -> None:
    assert list(inspect.signature(experimental.unary_unary).parameters)[:3] == ["request", "target", "method"]
