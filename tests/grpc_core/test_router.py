"""What a router takes and refuses, and that it answers for what was registered. How handlers run: see the faces."""

from __future__ import annotations

from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from grpc_core.methods import HandlerCallDetails
from grpc_core.router import KINDS


class Chat(aio.Handler[bytes, bytes]):
    async def handle_unary(self, request: bytes, stream: aio.ServerStream[bytes, bytes]) -> bytes:
        return request

    async def handle_bidirectional_streaming(self, stream: aio.ServerStream[bytes, bytes]) -> None:
        pass


class Blocking(grpc.Handler[bytes, bytes]):
    def handle_unary(self, request: bytes, stream: grpc.ServerStream[bytes, bytes]) -> bytes:
        return request


class Everything(aio.Handler[bytes, bytes]):
    async def handle_unary(self, request: bytes, stream: Any) -> bytes:
        return request

    async def handle_client_streaming(self, stream: Any) -> bytes:
        return b""

    async def handle_server_streaming(self, request: bytes, stream: Any) -> None:
        pass

    async def handle_bidirectional_streaming(self, stream: Any) -> None:
        pass


def details(path: str) -> HandlerCallDetails:
    return HandlerCallDetails(path, ())


@pytest.mark.parametrize("rpc_type", KINDS)
def test_a_method_is_answered_for_by_a_handler_of_its_kind(rpc_type: str) -> None:
    router = grpc.Router()
    router.register(
        "a.B", "C", Everything(), rpc_type, request_deserializer=bytes.decode, response_serializer=str.encode
    )
    made = router.service(details("/a.B/C"))
    assert made is not None
    assert (made.request_streaming, made.response_streaming) == KINDS[rpc_type]
    assert (made.request_deserializer, made.response_serializer) == (bytes.decode, str.encode)
    behaviors = (made.unary_unary, made.stream_unary, made.unary_stream, made.stream_stream)
    assert [behavior is not None for behavior in behaviors] == [kind == rpc_type for kind in KINDS]
    for path in ("/a.B/D", "/a/C", "a.B/C", "", "/a.B/C/"):
        assert router.service(details(path)) is None


def test_unary_is_the_default() -> None:
    router = grpc.Router()
    router.register("a.B", "C", Blocking())
    made = router.service(details("/a.B/C"))
    assert made is not None
    assert made.unary_unary is not None


def test_a_method_is_registered_once() -> None:
    router = grpc.Router()
    router.register("a.B", "C", Chat())
    with pytest.raises(ValueError, match=r"/a\.B/C is registered already"):
        router.register("a.B", "C", Chat(), "bidirectional_streaming")
    router.register("a.B", "D", Chat(), "bidirectional_streaming")


@pytest.mark.parametrize("rpc_type", ["stream", "unary_unary", "", "UNARY"])
def test_an_unknown_kind_is_refused_with_those_that_there_are(rpc_type: str) -> None:
    with pytest.raises(ValueError, match=r"rpc_type is .*; it is one of 'unary', 'client_streaming', 'server_"):
        grpc.Router().register("a.B", "C", Chat(), rpc_type)


@pytest.mark.parametrize(
    ("service", "method", "reason"),
    [
        ("", "C", "'' is not the name of a service"),
        ("a.B", "", "'' is not the name of a method"),
        ("/a.B", "C", "'/a.B' is not the name of a service"),
        ("a.B", "C/D", "'C/D' is not the name of a method"),
    ],
)
def test_names_that_no_call_can_have_are_refused(service: str, method: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        grpc.Router().register(service, method, Chat())


class Awaits(grpc.Handler[bytes, bytes]):
    async def handle_unary(self, request: bytes, stream: Any) -> bytes:  # type: ignore[override]
        return request


class DoesNotAwait(aio.Handler[bytes, bytes]):
    def handle_unary(self, request: bytes, stream: Any) -> bytes:  # type: ignore[override]
        return request


class Inherits(Chat):
    pass


@pytest.mark.parametrize(
    ("handler", "rpc_type", "reason"),
    [
        (Chat(), "client_streaming", "Chat has no method handle_client_streaming"),
        (Blocking(), "server_streaming", "Blocking has no method handle_server_streaming"),
        (Chat, "unary", "is not a handler: derive from grpc_core.Handler or grpc_core.aio.Handler"),
        (object(), "unary", "is not a handler"),
        (Awaits(), "unary", "Awaits.handle_unary is a coroutine function; with grpc_core.Handler it has to be a plain"),
        (DoesNotAwait(), "unary", "DoesNotAwait.handle_unary is no coroutine function; with grpc_core.aio.Handler it"),
    ],
)
def test_a_handler_that_cannot_handle_is_refused_at_once(handler: Any, rpc_type: str, reason: str) -> None:
    router = grpc.Router()
    with pytest.raises(TypeError, match=reason):
        router.register("a.B", "C", handler, rpc_type)
    assert router.service(details("/a.B/C")) is None, "and nothing was registered"


def test_a_method_may_be_inherited() -> None:
    grpc.Router().register("a.B", "C", Inherits())
