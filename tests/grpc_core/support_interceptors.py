"""Scenarios with interceptors on asyncio: one program for grpcio's `grpc.aio` and for ours, in every pair of roles."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc_core
from tests.grpc_core.support import PATIENCE_S
from tests.support.modules import grpcio

SERVICE = "test.Intercepted"
KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
NAMES = {
    kind: "".join(word.title() for word in kind.split("_")) for kind in KINDS
}  # "unary_unary": "UnaryUnary", as in the names of the classes
PAIRS = ("plait-plait", "plait-grpcio", "grpcio-plait")

Outcome = Any


def handlers(grpc: Any, entered: Callable[[], None]) -> Any:
    """One method or two of each kind. `entered` is called when one that never ends has begun."""
    code = grpc.StatusCode

    def trailing(context: Any) -> None:
        pairs = tuple((key, value) for key, value in context.invocation_metadata() if key.startswith("x-"))
        context.set_trailing_metadata(pairs)

    async def echo(request: bytes, context: Any) -> bytes:
        trailing(context)
        return request

    async def flaky(request: bytes, context: Any) -> bytes:
        attempt = dict(context.invocation_metadata()).get("x-attempt")
        if attempt != "3":
            await context.abort(code.UNAVAILABLE, f"attempt {attempt}", (("x-t", "1"),))
        return request

    async def forever(request: bytes, context: Any) -> bytes:
        entered()
        await asyncio.Event().wait()
        return b""

    async def remaining(request: bytes, context: Any) -> bytes:
        left = context.time_remaining()
        return b"none" if left is None else b"short" if left < 15 else b"long"

    async def count(request: bytes, context: Any) -> AsyncIterator[bytes]:
        trailing(context)
        for index in range(3):
            yield b"%s %d" % (request, index)

    async def count_fail(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"one"
        await context.abort(code.DATA_LOSS, "lost")

    async def count_forever(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield b"one"
        entered()
        await asyncio.Event().wait()

    async def join(requests: Any, context: Any) -> bytes:
        trailing(context)
        return b",".join([request async for request in requests])

    async def join_one(requests: Any, context: Any) -> bytes:
        async for request in requests:
            return bytes(request)
        return b""

    async def chat(requests: Any, context: Any) -> AsyncIterator[bytes]:
        trailing(context)
        async for request in requests:
            yield b"re: " + request

    methods = {
        **{name.__name__: grpc.unary_unary_rpc_method_handler(name) for name in (echo, flaky, forever, remaining)},
        **{name.__name__: grpc.unary_stream_rpc_method_handler(name) for name in (count, count_fail, count_forever)},
        **{name.__name__: grpc.stream_unary_rpc_method_handler(name) for name in (join, join_one)},
        "chat": grpc.stream_stream_rpc_method_handler(chat),
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)


def interceptor(grpc: Any, kind: str, function: Callable[[Any, Any, Any], Awaitable[Any]]) -> Any:
    """An interceptor of the module's class for that kind, whose method is the function."""

    async def intercept(self: Any, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await function(continuation, client_call_details, request)

    base = getattr(grpc.aio, f"{NAMES[kind]}ClientInterceptor")
    return type("Interceptor", (base,), {f"intercept_{kind}": intercept})()


def server_interceptor(grpc: Any, function: Callable[[Any, Any], Awaitable[Any]]) -> Any:
    """A server interceptor of the module's class, whose method is the function."""

    async def intercept(self: Any, continuation: Any, handler_call_details: Any) -> Any:
        return await function(continuation, handler_call_details)

    return type("Interceptor", (grpc.aio.ServerInterceptor,), {"intercept_service": intercept})()


class Stage:
    """What a scenario uses: modules, the port of a running server, channels to it."""

    def __init__(self, server_module: Any, client_module: Any) -> None:
        self.server_module = server_module
        self.grpc = client_module
        self.entered = asyncio.Event()
        self.port = 0
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Stage:
        self.port = await self.serve()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def serve(self, *functions: Callable[[Any, Any], Awaitable[Any]], more: Any = ()) -> int:
        """A server whose interceptors are these functions; its port."""
        grpc = self.server_module
        server = grpc.aio.server(interceptors=[server_interceptor(grpc, function) for function in functions])
        server.add_generic_rpc_handlers((handlers(grpc, self.entered.set), *more))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        self._stack.push_async_callback(server.stop, None)
        return int(port)

    async def channel(self, *interceptors: Any, port: int = 0) -> Any:
        """A channel to the server, or to the one at that port."""
        channel = self.grpc.aio.insecure_channel(f"127.0.0.1:{port or self.port}", interceptors=list(interceptors))
        return await self._stack.enter_async_context(channel)

    async def method(self, kind: str, name: str, *functions: Callable[[Any, Any, Any], Awaitable[Any]]) -> Any:
        """The callable of a method, through interceptors that are these functions."""
        channel = await self.channel(*[interceptor(self.grpc, kind, function) for function in functions])
        return getattr(channel, kind)(f"/{SERVICE}/{name}")

    def error(self, code: str, details: str) -> Exception:
        """An AioRpcError of the client's module."""
        metadata = self.grpc.aio.Metadata
        error: Exception = self.grpc.aio.AioRpcError(
            self.grpc.StatusCode[code], metadata(("x-i", "1")), metadata(("x-t", "1")), details
        )
        return error

    async def said(self, call: Any) -> Outcome:
        """(code, details, trailing metadata) of a call."""
        metadata = await call.trailing_metadata()
        pairs = [(key, value) for key, value in metadata or () if key.startswith("x-")]
        return (await call.code()).name, await call.details(), pairs

    async def outcome(self, call: Any) -> Outcome:
        """What awaiting, or iterating over, a call gives, and what it says."""
        return await self.result(call), await self.said(call)

    async def result(self, call: Any) -> Outcome:
        """What awaiting, or iterating over, a call gives."""
        responses: list[Any] = []
        try:
            if hasattr(call, "__aiter__"):
                async for response in call:
                    responses.append(response)
                return responses
            return await call
        except asyncio.CancelledError:
            return responses, "cancelled"
        except self.grpc.RpcError as error:
            return responses, error.code().name, error.details()  # type: ignore[attr-defined]  # grpcio's RpcError has none by its types
        except Exception as error:
            return responses, type(error).__name__, str(error)


class Broken:
    """In place of the outcome of a scenario that could not be played; equal to nothing."""

    def __init__(self, name: str, error: Exception) -> None:
        self.text = f"{name}: {error!r}"

    def __repr__(self) -> str:
        return self.text


Scenario = Callable[[Stage], Awaitable[Outcome]]


def played(scenarios: dict[str, Scenario], pair: str) -> dict[str, Outcome]:
    """The outcomes of all scenarios with one pair of modules."""
    outcomes: dict[str, Outcome] = {}
    server, client = ({"plait": lambda: grpc_core, "grpcio": grpcio}[name]() for name in pair.split("-"))

    async def main() -> None:
        for name, play in scenarios.items():
            async with Stage(server, client) as stage:
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        outcomes[name] = await play(stage)
                except Exception as error:
                    outcomes[name] = Broken(name, error)

    logging.disable(logging.CRITICAL)
    try:
        asyncio.run(main())
    finally:
        logging.disable(logging.NOTSET)
    return outcomes
