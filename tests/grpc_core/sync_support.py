"""What the tests of the blocking API share: one program for grpcio's module and for ours, in every pair of roles.

The pair grpcio-grpcio is among them: what the tests expect is what grpcio does, not what we think that it does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest

import grpc_core
from tests.support.modules import grpcio

PATIENCE_S = 30.0
SERVICE = "test.Sync"
PAIRS = ["plait-plait", "plait-grpcio", "grpcio-plait", "grpcio-grpcio"]


def modules_of(pair: str) -> tuple[Any, Any]:
    """(the server's module, the client's module); skips the test when grpcio is needed and not there."""
    server, client = (grpc_core if name == "plait" else grpcio() for name in pair.split("-"))
    return server, client


def stop(server: Any) -> None:
    """Stop a server, and wait until it has stopped.

    grpcio's has been seen to wait for ever, with all its threads idle: its `stop(None)` waits inside, without end, so
    it is stopped without grace and waited for only a while.
    """
    if isinstance(server, grpc_core.Server):
        assert server.stop(None).wait(PATIENCE_S)
    else:
        server.stop(0).wait(5)


class Gate:
    """An event that a handler waits for; a test that forgets to open it does not hang."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def open(self, *_: object) -> None:
        self._event.set()

    def wait(self) -> None:
        assert self._event.wait(PATIENCE_S), "what the test waits for did not happen"

    def is_open(self) -> bool:
        return self._event.is_set()


class Peers(NamedTuple):
    """A running server, and a channel to it."""

    server_module: Any
    client_module: Any
    server: Any
    channel: Any
    port: int

    def method(self, name: str, kind: str = "unary_unary", *codecs: Any) -> Any:
        return getattr(self.channel, kind)(f"/{SERVICE}/{name}", *codecs)

    def status_of(self, function: Callable[[], Any]) -> tuple[str, str]:
        """(code, details) of a call that must fail."""
        with pytest.raises(self.client_module.RpcError) as caught:
            function()
        error: Any = caught.value
        return status(error)

    def stalled(self, progress: Callable[[], int]) -> int:
        """Wait until a sender makes no more progress, and return how far it came.

        Progress is looked at after round trips on the same connection, in which a sender that has room would have sent:
        calls without messages, which need no window, of a method that nobody has.
        """
        before, quiet = -1, 0
        while quiet < 20:
            code, _ = self.status_of(lambda: self.method("nobody_has", "stream_unary")(iter(())))
            assert code == "UNIMPLEMENTED"
            quiet = quiet + 1 if progress() == before else 0
            before = progress()
        return before


def status(call: Any) -> tuple[str, str]:
    """(code, details) of a call or an error. C-core says "Stream removed (...)" of what its own side has ended."""
    details = call.details()
    if details.startswith("Stream removed ("):
        details = details[len("Stream removed (") : -1]
    return call.code().name, details


def handlers(grpc: Any, behaviors: dict[str, Callable[..., Any]]) -> Any:
    """`test.Sync` with these methods, without codecs. The name's prefix tells the kind: `us_count` is unary-stream."""
    kinds = {"uu": "unary_unary", "us": "unary_stream", "su": "stream_unary", "ss": "stream_stream"}
    methods = {
        name: getattr(grpc, f"{kinds[name[:2]]}_rpc_method_handler")(behavior) for name, behavior in behaviors.items()
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)


@contextmanager
def joined(
    pair: str,
    behaviors: Callable[[Any], dict[str, Callable[..., Any]]],
    workers: int = 8,
    channel_options: Any = None,
    **arguments: Any,
) -> Iterator[Peers]:
    """A server with the methods that `behaviors(module)` gives, and a channel to it; both closed at the end."""
    server_module, client_module = modules_of(pair)
    with ThreadPoolExecutor(workers) as pool:
        server = server_module.server(pool, **arguments)
        server.add_generic_rpc_handlers((handlers(server_module, behaviors(server_module)),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with client_module.insecure_channel(f"127.0.0.1:{port}", channel_options) as channel:
                yield Peers(server_module, client_module, server, channel, port)
        finally:
            stop(server)
