"""Interceptors of asyncio servers: the same program on grpcio and on ours, in every pair, must end alike; and what
becomes of a call while they run."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref
from collections import namedtuple
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import grpc_core
from grpc_core import aio
from http2.frames import build_rst_stream
from tests.grpc_core.support import OK_TRAILERS, Events, Raw, message, request, run, status_of
from tests.grpc_core.support_interceptors import (
    KINDS,
    NAMES,
    PAIRS,
    SERVICE,
    Outcome,
    Scenario,
    Stage,
    played,
    server_interceptor,
)

SCENARIOS: dict[str, Scenario] = {}
METHOD_OF = {"unary_unary": "echo", "unary_stream": "count", "stream_unary": "join", "stream_stream": "chat"}

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[getattr(function, "__name__", "")] = function
    return function


async def call(stage: Stage, port: int, kind: str, name: str, **settings: Any) -> Any:
    channel = await stage.channel(port=port)
    requests: Any = b"a" if kind.startswith("unary") else [b"a", b"b"]
    return getattr(channel, kind)(f"/{SERVICE}/{name}")(requests, **settings)


# -- as grpcio ---------------------------------------------------------------------------------------------------------


@scenario
async def order_and_details(stage: Stage) -> Outcome:
    seen: list[Any] = []

    def named(name: str) -> Any:
        async def intercept(continuation: Any, details: Any) -> Any:
            metadata = [(pair.key, pair.value) for pair in details.invocation_metadata if pair.key.startswith("x-")]
            seen.append((f"{name} in", details.method, metadata))
            handler = await continuation(details)
            seen.append((f"{name} out", handler.request_streaming, handler.response_streaming))
            return handler

        return intercept

    port = await stage.serve(named("1"), named("2"), named("3"))
    outcomes = [
        await stage.outcome(await call(stage, port, kind, METHOD_OF[kind], metadata=(("x-a", "1"),))) for kind in KINDS
    ]
    return outcomes, seen


@scenario
async def wrapped_handlers(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any) -> Any:
        handler = await continuation(details)
        kind = {METHOD_OF[kind]: kind for kind in KINDS}[details.method.rpartition("/")[2]]
        behavior = getattr(handler, kind)

        async def one(request: Any, context: Any) -> bytes:
            return b"<" + await behavior(request, context) + b">"

        async def many(request: Any, context: Any) -> AsyncIterator[bytes]:
            async for response in behavior(request, context):
                yield b"<" + response + b">"

        return handler._replace(**{kind: many if handler.response_streaming else one})

    port = await stage.serve(intercept, intercept)
    return [await stage.outcome(await call(stage, port, kind, METHOD_OF[kind])) for kind in KINDS]


@scenario
async def refused_with_another_handler(stage: Stage) -> Outcome:
    grpc = stage.server_module

    async def refuse(request: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?", (("x-t", "1"),))

    async def intercept(continuation: Any, details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(refuse)

    port = await stage.serve(intercept)
    return await stage.outcome(await call(stage, port, "unary_unary", "echo"))


@scenario
async def none_is_not_found(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any) -> Any:
        return None

    port = await stage.serve(intercept)
    return [await stage.outcome(await call(stage, port, kind, METHOD_OF[kind])) for kind in ("unary_unary",)]


@scenario
async def unknown_methods_go_through_interceptors(stage: Stage) -> Outcome:
    found: list[Any] = []

    async def intercept(continuation: Any, details: Any) -> Any:
        found.append(await continuation(details))
        return found[0]

    port = await stage.serve(intercept)
    return await stage.outcome(await call(stage, port, "unary_unary", "no_such")), found


@scenario
async def an_exception(stage: Stage) -> Outcome:
    async def intercept(continuation: Any, details: Any) -> Any:
        raise ValueError("odd")

    port = await stage.serve(intercept)
    return await stage.outcome(await call(stage, port, "unary_unary", "echo"))


@scenario
async def context_variables_reach_handlers(stage: Stage) -> Outcome:
    grpc = stage.server_module

    async def intercept(continuation: Any, details: Any) -> Any:
        variable.set(dict(details.invocation_metadata)["x-user"])
        return await continuation(details)

    async def read(request: bytes, context: Any) -> bytes:
        return variable.get().encode()

    async def read_each(request: bytes, context: Any) -> AsyncIterator[bytes]:
        yield variable.get().encode()
        await asyncio.sleep(0)
        yield variable.get().encode()

    methods = {
        "read": grpc.unary_unary_rpc_method_handler(read),
        "read_each": grpc.unary_stream_rpc_method_handler(read_each),
    }
    more = (grpc.method_handlers_generic_handler("test.Variable", methods),)
    channel = await stage.channel(port=await stage.serve(intercept, more=more))
    outcomes = []
    for user in "ab":
        metadata = (("x-user", user),)
        outcomes.append(await channel.unary_unary("/test.Variable/read")(b"", metadata=metadata))
        each = channel.unary_stream("/test.Variable/read_each")(b"", metadata=metadata)
        outcomes.append([response async for response in each])
    return outcomes, variable.get()


@scenario
async def an_abort_is_told_from_a_fault(stage: Stage) -> Outcome:
    aio_errors = stage.server_module.aio
    seen: list[Any] = []

    async def intercept(continuation: Any, details: Any) -> Any:
        handler = await continuation(details)

        async def wrapped(request: Any, context: Any) -> Any:
            try:
                return await handler.unary_unary(request, context)
            except aio_errors.AbortError:
                seen.append(("abort", context.code().name))
                raise

        return handler._replace(unary_unary=wrapped)

    port = await stage.serve(intercept)
    return await stage.outcome(await call(stage, port, "unary_unary", "flaky")), seen


@scenario
async def one_waits_while_others_are_served(stage: Stage) -> Outcome:
    waits, release = asyncio.Event(), asyncio.Event()

    async def intercept(continuation: Any, details: Any) -> Any:
        if "x-wait" in dict(details.invocation_metadata):
            waits.set()
            await release.wait()
        return await continuation(details)

    port = await stage.serve(intercept)
    waiting = await call(stage, port, "stream_stream", "chat", metadata=(("x-wait", "1"),))
    await waits.wait()
    first = await stage.result(await call(stage, port, "unary_unary", "echo"))
    release.set()
    return first, await stage.result(waiting)


@pytest.fixture(scope="module")
def measure() -> dict[str, Outcome]:
    """The outcomes of grpcio with itself."""
    return played(SCENARIOS, "grpcio-grpcio")


@pytest.fixture(scope="module", params=PAIRS)
def outcomes(request: pytest.FixtureRequest) -> dict[str, Outcome]:
    """The outcomes of the three other pairs."""
    return played(SCENARIOS, request.param)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_ends_as_with_grpcio(name: str, outcomes: dict[str, Outcome], measure: dict[str, Outcome]) -> None:
    assert outcomes[name] == measure[name]


# -- ours --------------------------------------------------------------------------------------------------------------


class Interceptor(aio.ServerInterceptor):
    """Holds every call until it is released."""

    def __init__(self) -> None:
        self.entered = Events()
        self.ended = Events()
        self.release = asyncio.Event()

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        self.entered()
        try:
            await self.release.wait()
            return await continuation(handler_call_details)
        except BaseException as error:
            self.ended(type(error).__name__)
            raise


async def echo(request: bytes, context: Any) -> bytes:
    return request


async def join(requests: Any, context: Any) -> bytes:
    return b",".join([request async for request in requests])


def plain(request: bytes, context: Any) -> bytes:
    return variable.get().encode()


def plain_each(request: bytes, context: Any) -> Iterator[bytes]:
    yield variable.get().encode()
    yield variable.get().encode()


class Served:
    """A server with interceptors, and a channel to it."""

    def __init__(self, *interceptors: Any, **arguments: Any) -> None:
        self.server = aio.server(interceptors=interceptors, **arguments)
        methods = {
            "Echo": grpc_core.unary_unary_rpc_method_handler(echo),
            "Join": grpc_core.stream_unary_rpc_method_handler(join),
            "Plain": grpc_core.unary_unary_rpc_method_handler(plain),
            "PlainEach": grpc_core.unary_stream_rpc_method_handler(plain_each),
        }
        self.server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler("test.Service", methods),))
        self.port = self.server.add_insecure_port("127.0.0.1:0")
        self.channel = aio.insecure_channel(f"127.0.0.1:{self.port}")

    async def __aenter__(self) -> Served:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.channel.close()
        await self.server.stop(None)

    def call(self, name: str = "Echo", **settings: Any) -> Any:
        return self.channel.unary_unary(f"/test.Service/{name}")(b"x", **settings)


def test_context_variables_reach_plain_functions_in_threads() -> None:
    async def intercept(continuation: Any, details: Any) -> Any:
        variable.set(dict(details.invocation_metadata)["x-user"])
        return await continuation(details)

    async def main() -> None:
        async with Served(server_interceptor(grpc_core, intercept)) as served:
            for user in "ab":
                metadata = (("x-user", user),)
                assert await served.call("Plain", metadata=metadata) == user.encode()
                each = served.channel.unary_stream("/test.Service/PlainEach")(b"", metadata=metadata)
                assert [response async for response in each] == [user.encode()] * 2

    run(main())


def test_a_call_that_is_cancelled_cancels_the_interceptors() -> None:
    async def main() -> None:
        interceptor = Interceptor()
        async with Served(interceptor) as served:
            call = served.call()
            await interceptor.entered.count(1)
            call.cancel()
            assert await interceptor.ended.count(1) == ["CancelledError"]
            await asyncio.sleep(0)
            assert not served.server._rpcs

    run(main())


def test_a_call_that_is_cancelled_before_the_interceptors_begin_is_forgotten() -> None:
    async def main() -> None:
        interceptor = Interceptor()
        async with Served(interceptor) as served, await Raw.connect(served.port) as raw:
            raw.sends(raw.headers(1, request()), build_rst_stream(1, 8))
            interceptor.release.set()
            assert await served.call() == b"x"
            assert len(interceptor.entered.seen) == 1
            assert not served.server._rpcs

    run(main())


def test_the_deadline_passes_while_the_interceptors_run() -> None:
    async def main() -> None:
        interceptor = Interceptor()
        async with Served(interceptor) as served, await Raw.connect(served.port) as raw:
            raw.sends(raw.headers(1, request(grpc_timeout=b"50m")), raw.data(1, message(b""), end_stream=True))
            (head,) = await raw.answer(1)
            assert dict(head.fields)[b"grpc-status"] == b"4"
            assert interceptor.ended.seen == ["CancelledError"]
            raw.sends(raw.headers(3, request(grpc_timeout=b"0n")), raw.data(3, message(b""), end_stream=True))
            (head,) = await raw.answer(3)
            assert dict(head.fields)[b"grpc-status"] == b"4"
            assert len(interceptor.entered.seen) == 1, "a call whose deadline has passed does not begin"

    run(main())


def test_what_comes_while_the_interceptors_run_is_not_lost() -> None:
    async def main() -> None:
        interceptor = Interceptor()
        async with (
            Served(interceptor) as served,
            await Raw.connect(served.port) as raw,
            await Raw.connect(served.port) as other,
        ):
            join = served.channel.stream_unary("/test.Service/Join")
            call = join([b"1", b"2", b"3"])
            raw.sends(raw.headers(1, request()), raw.data(1, message(b"unary")))
            other.sends(other.headers(1, request()), other.data(1, message(b"") + message(b"")))
            await interceptor.entered.count(3)
            raw.sends(raw.data(1, b"", end_stream=True))
            interceptor.release.set()
            assert await call == b"1,2,3"
            answer = await raw.answer(1)
            assert [frame.payload for frame in answer if frame.type == 0] == [message(b"unary")]
            assert answer[-1].fields == OK_TRAILERS
            assert dict((await other.answer(1))[0].fields)[b"grpc-status"] == b"12"

    run(main())


def test_calls_in_the_hands_of_interceptors_count() -> None:
    async def main() -> None:
        interceptor = Interceptor()
        async with Served(interceptor, maximum_concurrent_rpcs=1) as served:
            first = served.call()
            await interceptor.entered.count(1)
            assert await status_of(served.call()) == (
                grpc_core.StatusCode.RESOURCE_EXHAUSTED,
                "Concurrent RPC limit exceeded!",
            )
            interceptor.release.set()
            assert await first == b"x"
            assert await served.call() == b"x"

    run(main())


def test_a_server_that_stops_ends_what_its_interceptors_have() -> None:
    async def main() -> None:
        interceptor = Interceptor()
        async with Served(interceptor) as served:
            call = served.call()
            await interceptor.entered.count(1)
            await served.server.stop(None)
            assert (await status_of(call))[0] is grpc_core.StatusCode.UNAVAILABLE
            assert interceptor.ended.seen == ["CancelledError"]

    run(main())


def test_what_an_interceptor_returns_must_be_a_handler(caplog: pytest.LogCaptureFixture) -> None:
    async def intercept(continuation: Any, details: Any) -> Any:
        return "no handler"

    async def cancels(continuation: Any, details: Any) -> Any:
        raise asyncio.CancelledError

    async def main() -> None:
        async with Served(server_interceptor(grpc_core, intercept)) as served:
            code, details = await status_of(served.call())
            assert code is grpc_core.StatusCode.UNKNOWN
            assert details is not None
            assert "'str' object has no attribute 'request_streaming'" in details
            assert not served.server._rpcs
        async with Served(server_interceptor(grpc_core, cancels)) as served:
            assert await status_of(served.call()) == (grpc_core.StatusCode.CANCELLED, "an interceptor was cancelled")

    run(main())


def test_an_interceptor_sends_a_call_elsewhere() -> None:
    """grpcio's continuation takes no details but its own."""
    made = namedtuple("made", ("method", "invocation_metadata"))  # as programs do for blocking servers

    async def intercept(continuation: Any, details: Any) -> Any:
        return await continuation(made("/test.Service/Echo", details.invocation_metadata))

    async def main() -> None:
        async with Served(server_interceptor(grpc_core, intercept)) as served:
            assert await served.call("None") == b"x"

    run(main())


def test_a_continuation_may_be_called_again() -> None:
    async def twice(continuation: Any, details: Any) -> Any:
        assert await continuation(details) is await continuation(details)
        return await continuation(details)

    async def main() -> None:
        async with Served(*[server_interceptor(grpc_core, twice)] * 3) as served:
            assert await served.call() == b"x"

    run(main())


def test_a_handler_that_an_interceptor_makes_for_one_call_is_kept_by_nobody() -> None:
    made: list[weakref.ref[Any]] = []

    async def intercept(continuation: Any, details: Any) -> Any:
        async def wrapped(request: bytes, context: object) -> bytes:
            return request

        made.append(weakref.ref(wrapped))
        return grpc_core.unary_unary_rpc_method_handler(wrapped)

    async def main() -> None:
        async with Served(server_interceptor(grpc_core, intercept)) as served:
            assert [await served.call() for _ in range(3)] == [b"x"] * 3
        gc.collect()
        assert [reference() for reference in made] == [None] * 3

    run(main())


def test_what_is_no_interceptor_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be ServerInterceptor, the following are invalid: \[7\]"):
        aio.server(interceptors=[Interceptor.__new__(Interceptor), 7])
    with pytest.raises(TypeError):
        aio.ServerInterceptor()  # type: ignore[abstract]  # that is the point
    assert list(NAMES) == list(KINDS)
