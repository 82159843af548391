"""Hedged calls on real connections: the first answer counts, the others are cancelled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from grpc_core.aio.protocol import ClientProtocol
from grpc_core.status import StatusCode
from http2.errors import ErrorCode
from http2.frames import build_goaway
from http2.settings import MAX_CONCURRENT_STREAMS
from tests.grpc_core.support import (
    HEADERS,
    SERVICE,
    Events,
    Raw,
    facing,
    joined,
    method,
    raw_server,
    run,
    status_of,
)
from tests.grpc_core.test_aio_retry import UNAVAILABLE, Failing

Behavior = Callable[[int, bytes, aio.ServicerContext], Awaitable[bytes]]


def options(delay: str = "0.02s", *more: tuple[str, Any], throttling: Any = None) -> list[tuple[str, Any]]:
    policy = {"maxAttempts": 3, "hedgingDelay": delay, "nonFatalStatusCodes": ["UNAVAILABLE"]}
    config: dict[str, Any] = {"methodConfig": [{"name": [{}], "hedgingPolicy": policy}]}
    if throttling is not None:
        config["retryThrottling"] = throttling
    return [("grpc.service_config", json.dumps(config)), *more]


class Attempts:
    """A handler that does something else for each attempt, and knows which were cancelled."""

    def __init__(self, behavior: Behavior) -> None:
        self._behavior = behavior
        self.seen: list[str | None] = []
        self.cancelled = Events()

    async def __call__(self, request: bytes, context: aio.ServicerContext) -> bytes:
        number = len(self.seen)
        self.seen.append(dict(context.invocation_metadata()).get("grpc-previous-rpc-attempts"))
        try:
            return await self._behavior(number, request, context)
        except asyncio.CancelledError:
            self.cancelled(number)
            raise


async def never() -> None:
    await asyncio.Event().wait()


@pytest.mark.wire("W168", "W163")
def test_the_first_answer_counts_and_the_others_are_cancelled() -> None:
    async def main() -> None:
        async def behavior(number: int, request: bytes, context: aio.ServicerContext) -> bytes:
            if number != 2:
                await never()
            return request + b" from the third"

        attempts = Attempts(behavior)
        async with joined({"Echo": attempts}, channel_options=options()) as (_, channel):
            assert await method(channel)(b"answer") == b"answer from the third"
            assert sorted(await attempts.cancelled.count(2)) == [0, 1]
            assert attempts.seen == [None, "1", "2"]
            assert not channel.link.ready.session.calls

    run(main())


@pytest.mark.wire("W168")
def test_an_answer_in_time_needs_no_hedge() -> None:
    async def main() -> None:
        async def behavior(number: int, request: bytes, context: aio.ServicerContext) -> bytes:
            return request

        attempts = Attempts(behavior)
        async with joined({"Echo": attempts}, channel_options=options("60s")) as (_, channel):
            assert await method(channel)(b"x") == b"x"
        assert attempts.seen == [None]

    run(main())


@pytest.mark.wire("W168", "W164")
@pytest.mark.parametrize(
    ("answers", "code", "attempts"),
    [
        ([UNAVAILABLE, UNAVAILABLE, "ok"], StatusCode.OK, 3),
        ([UNAVAILABLE], UNAVAILABLE, 3),
        ([StatusCode.INTERNAL], StatusCode.INTERNAL, 1),
        ([UNAVAILABLE, StatusCode.INTERNAL], StatusCode.INTERNAL, 2),
        ([(UNAVAILABLE, "-1")], UNAVAILABLE, 1),
        ([(UNAVAILABLE, "5"), "ok"], StatusCode.OK, 2),
        (["headers"], UNAVAILABLE, 1),
        (["refused", "ok"], StatusCode.OK, 2),
        (["goaway", "ok"], StatusCode.OK, 2),
    ],
)
def test_a_failure_makes_the_next_attempt_begin_at_once(answers: list[Any], code: StatusCode, attempts: int) -> None:
    async def main() -> None:
        server = Failing(*answers)
        async with facing(server, options=options("60s")) as channel:
            assert await method(channel)(b"x").code() is code
        assert len(server.attempts) == attempts

    run(main())


@pytest.mark.wire("W168")
@pytest.mark.parametrize("kind", ["stream_unary", "stream_stream", "unary_stream"])
def test_streams_are_hedged_too(kind: str) -> None:
    async def main() -> None:
        begun = Events()

        async def handle(requests: Any, context: aio.ServicerContext) -> Any:
            begun()
            content = [r async for r in requests] if kind != "unary_stream" else [requests]
            if len(begun.seen) < 3:
                await never()
            return b"".join(content)

        async def stream(requests: Any, context: aio.ServicerContext) -> AsyncIterator[bytes]:
            yield await handle(requests, context)

        server = aio.server()
        behavior = handle if kind == "stream_unary" else stream
        handler = getattr(grpc, f"{kind}_rpc_method_handler")(behavior)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {"M": handler})])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()

        async def requests() -> AsyncIterator[bytes]:
            yield b"a"
            await begun.count(2)  # an attempt that begins while the requests are being sent gets all of them
            yield b"b"

        async with aio.insecure_channel(f"127.0.0.1:{port}", options()) as channel:
            call = getattr(channel, kind)(f"/{SERVICE}/M")(b"ab" if kind == "unary_stream" else requests())
            answer = await call if kind == "stream_unary" else b"".join([m async for m in call])
            assert answer == b"ab"
        await server.stop(None)

    run(main())


@pytest.mark.wire("W168")
def test_requests_too_large_to_be_kept_leave_the_first_attempt_alone() -> None:
    async def main() -> None:
        async def behavior(number: int, request: bytes, context: aio.ServicerContext) -> bytes:
            await asyncio.sleep(0.1)
            return request

        attempts = Attempts(behavior)
        small = options("0.01s", ("grpc.per_rpc_retry_buffer_size", 10))
        async with joined({"Echo": attempts}, channel_options=small) as (_, channel):
            assert await method(channel)(bytes(11)) == bytes(11)
            assert attempts.seen == [None]
            assert await method(channel)(bytes(10)) == bytes(10)
            assert len(attempts.seen) == 4

    run(main())


def test_a_request_over_the_limit_ends_the_call() -> None:
    async def main() -> None:
        async def behavior(number: int, request: bytes, context: aio.ServicerContext) -> bytes:
            return request

        attempts = Attempts(behavior)
        limited = options("60s", ("grpc.max_send_message_length", 10))
        async with joined({"Echo": attempts}, channel_options=limited) as (_, channel):
            assert (await status_of(method(channel)(bytes(11))))[0] is StatusCode.RESOURCE_EXHAUSTED
            assert await method(channel)(bytes(10)) == bytes(10)
            assert (await status_of(channel.stream_unary(f"/{SERVICE}/Echo")(iter([bytes(11)]))))[0] is (
                StatusCode.RESOURCE_EXHAUSTED
            )

    run(main())


def test_a_hedged_call_without_a_server_fails() -> None:
    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1", options("0.001s")) as channel:
            assert (await status_of(method(channel)(b"x")))[0] is UNAVAILABLE

    run(main())


@pytest.mark.wire("W168", "W167")
def test_cancelling_and_the_deadline_end_all_attempts() -> None:
    async def main() -> None:
        async def behavior(number: int, request: bytes, context: aio.ServicerContext) -> bytes:
            await never()
            return b""

        attempts = Attempts(behavior)
        async with joined({"Echo": attempts}, channel_options=options("0.001s")) as (_, channel):
            call = method(channel)(b"x", timeout=0.3)
            assert await call.code() is StatusCode.DEADLINE_EXCEEDED
            assert sorted(await attempts.cancelled.count(3)) == [0, 1, 2]
            call = method(channel)(b"x")
            await call.wait_for_connection()
            call.cancel()
            assert await call.code() is StatusCode.CANCELLED

    run(main())


@pytest.mark.wire("W168", "W166")
def test_throttled_calls_are_not_hedged() -> None:
    async def main() -> None:
        server = Failing(UNAVAILABLE)
        throttling = {"maxTokens": 2, "tokenRatio": 0.1}
        async with facing(server, options=options("60s", throttling=throttling)) as channel:
            for _ in range(3):
                assert (await status_of(method(channel)(b"x")))[0] is UNAVAILABLE
        assert server.attempts == [None] * 3

    run(main())


@pytest.mark.wire("W168", "W166", "W167")
def test_a_call_that_waits_for_its_next_attempt_ends_when_others_use_up_the_tokens() -> None:
    async def main() -> None:
        server = Failing((UNAVAILABLE, "100"), (UNAVAILABLE, "-1"))
        throttling = {"maxTokens": 6, "tokenRatio": 0.1}
        async with facing(server, options=options("60s", throttling=throttling)) as channel:
            waiting = method(channel)(b"x")
            for _ in range(3):
                assert (await status_of(method(channel)(b"x")))[0] is UNAVAILABLE
            assert (await status_of(waiting))[0] is UNAVAILABLE
        assert len(server.attempts) == 4

    run(main())


class Vanishing:
    """A server that takes one call, processes nothing of it, and goes away at `goes`. Who connects again waits for
    `comes_back`, and is refused without one."""

    def __init__(self, comes_back: asyncio.Event | None = None) -> None:
        self.connections = Events()
        self.goes = asyncio.Event()
        self._comes_back = comes_back

    @asynccontextmanager
    async def facing(self, options: Any) -> AsyncIterator[aio.Channel]:
        async with raw_server(self._play, {MAX_CONCURRENT_STREAMS: 1}) as port:

            async def connect(make: Callable[[], ClientProtocol], address: Any) -> ClientProtocol:
                self.connections()
                if len(self.connections.seen) > 1:
                    if self._comes_back is None:
                        raise ConnectionRefusedError("nobody is there any more")
                    await self._comes_back.wait()
                _, protocol = await asyncio.get_running_loop().create_connection(make, "127.0.0.1", port)
                return protocol

            async with aio.Channel("127.0.0.1:1", options, connector=connect) as channel:
                yield channel

    async def _play(self, raw: Raw) -> None:
        if len(self.connections.seen) > 1:
            await Failing("ok")(raw)
        await raw.next_of(HEADERS)
        await self.goes.wait()
        raw.sends(build_goaway(0, ErrorCode.NO_ERROR))
        await raw.next_frame()


@pytest.mark.wire("W168")
def test_attempts_that_all_look_for_a_connection_in_vain_end_the_call() -> None:
    async def main() -> None:
        server = Vanishing()
        async with server.facing(options("0.01s")) as channel:
            call = method(channel)(b"x")
            while call._hedging.begun < 3:  # noqa: ASYNC110  # the later ones are not sent, and nobody is told
                await asyncio.sleep(0.001)
            server.goes.set()
            assert (await status_of(call))[0] is UNAVAILABLE
        assert len(server.connections.seen) == 2

    run(main())


@pytest.mark.wire("W168")
@pytest.mark.parametrize(
    ("length", "code"), [(5, StatusCode.OK), (11, StatusCode.OK), (21, StatusCode.RESOURCE_EXHAUSTED)]
)
def test_requests_are_sent_while_no_attempt_runs(length: int, code: StatusCode) -> None:
    """They are kept for the next one, as many as may be kept; one that is too large ends the call, and nothing else."""

    async def main() -> None:
        comes_back = asyncio.Event()
        server = Vanishing(comes_back)
        server.goes.set()
        limited = options("60s", ("grpc.per_rpc_retry_buffer_size", 10), ("grpc.max_send_message_length", 20))
        async with server.facing(limited) as channel:
            call = channel.stream_unary(f"/{SERVICE}/M")()
            await server.connections.count(2)
            writing = asyncio.create_task(call.write(bytes(length)))
            await asyncio.sleep(0)
            assert writing.done() == (length <= 10), "a writer waits when there is too much to keep"
            comes_back.set()
            await writing
            if code is StatusCode.OK:
                await call.done_writing()
                assert await call == b"ok"
            else:
                assert (await status_of(call))[0] is code

    run(main())


@pytest.mark.wire("W168", "W169")
def test_hedging_is_turned_off_with_retries() -> None:
    async def main() -> None:
        server = Failing(UNAVAILABLE)
        async with facing(server, options=options("60s", ("grpc.enable_retries", 0))) as channel:
            assert (await status_of(method(channel)(b"x")))[0] is UNAVAILABLE
        assert len(server.attempts) == 1

    run(main())


@pytest.mark.wire("W168", "W184")
def test_hedges_go_to_different_servers() -> None:
    async def main() -> None:
        hung = Events()

        async def hang(request: bytes, context: aio.ServicerContext) -> bytes:
            hung()
            await never()
            return b""

        async def echo(request: bytes, context: aio.ServicerContext) -> bytes:
            return request

        ports = []
        servers = []
        for behavior in (hang, echo):
            handler = grpc.unary_unary_rpc_method_handler(behavior)
            server = aio.server()
            server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {"Echo": handler})])
            ports.append(server.add_insecure_port("127.0.0.1:0"))
            await server.start()
            servers.append(server)
        target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
        balanced = options("0.01s", ("grpc.lb_policy_name", "round_robin"))
        async with aio.insecure_channel(target, balanced) as channel:
            await channel.channel_ready()
            while not hung.seen:
                assert await method(channel)(b"x") == b"x"
        for server in servers:
            await server.stop(None)

    run(main())
