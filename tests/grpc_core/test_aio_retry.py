"""Retries and service configs on real calls: by hand, against our server and against grpcio's."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from grpc_core.status import StatusCode
from http2.errors import ErrorCode
from http2.frames import RST_STREAM, build_goaway, build_rst_stream
from tests.grpc_core.support import (
    DATA,
    HEADERS,
    OK_TRAILERS,
    RESPONSE,
    SERVICE,
    Events,
    Raw,
    facing,
    joined,
    message,
    method,
    run,
    status_of,
)
from tests.support.modules import grpcio

RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.01s",
    "maxBackoff": "0.02s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE", "ABORTED", "CANCELLED", "DEADLINE_EXCEEDED"],
}


def options(*more: tuple[str, Any], throttling: Any = None, **fields: Any) -> list[tuple[str, Any]]:
    """The option of a service config with one entry for all methods."""
    config: dict[str, Any] = {"methodConfig": [{"name": [{}], **(fields or {"retryPolicy": RETRY})}]}
    if throttling is not None:
        config["retryThrottling"] = throttling
    return [("grpc.service_config", json.dumps(config)), *more]


class Failing:
    """A server by hand: each request is answered as the next of `answers` says, the last one for ever.

    "ok", a status code, (status code, pushback), "headers" (then UNAVAILABLE), "refused", "goaway".
    """

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.attempts: list[str | None] = []
        self.requests: list[bytes] = []
        self.times: list[float] = []

    async def __call__(self, raw: Raw) -> None:
        content: dict[int, bytes] = {}
        while (frame := await raw.next_frame()) is not None:
            if frame.type == HEADERS:
                fields = dict(frame.fields)
                attempt = fields.get(b"grpc-previous-rpc-attempts")
                self.attempts.append(None if attempt is None else attempt.decode())
                self.times.append(asyncio.get_running_loop().time())
                content[frame.stream_id] = b""
            elif frame.type == DATA:
                content[frame.stream_id] += frame.payload
            if frame.type in (HEADERS, DATA) and frame.flags & 1:
                self.requests.append(content[frame.stream_id])
                self.answer(raw, frame.stream_id)

    def answer(self, raw: Raw, stream_id: int) -> None:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        pushback = ()
        if isinstance(answer, tuple):
            answer, pause = answer
            pushback = ((b"grpc-retry-pushback-ms", pause.encode()),)  # type: ignore[assignment]  # a longer tuple
        if answer == "ok":
            raw.sends(raw.headers(stream_id, RESPONSE), raw.data(stream_id, message(b"ok")))
            raw.sends(raw.headers(stream_id, OK_TRAILERS, end_stream=True))
        elif answer == "refused":
            raw.sends(build_rst_stream(stream_id, ErrorCode.REFUSED_STREAM))
        elif answer == "goaway":
            raw.sends(build_goaway(0, ErrorCode.NO_ERROR))
        else:
            if answer == "headers":
                raw.sends(raw.headers(stream_id, RESPONSE))
                fields = ((b"grpc-status", b"14"),)
            else:
                fields = (*RESPONSE, (b"grpc-status", b"%d" % answer.value[0]), *pushback)  # type: ignore[assignment]
            raw.sends(raw.headers(stream_id, fields, end_stream=True))


async def decided(call: Any, attempts: int) -> None:
    """Wait until the call has decided to make so many attempts; nothing outside tells when."""
    retry, decided = call._retry, asyncio.Event()

    class Telling(type(retry)):  # type: ignore[misc]  # the class of a call that retries
        __slots__ = ()

        def delay_s(self, *arguments: Any) -> float | None:
            delay: float | None = super().delay_s(*arguments)
            decided.set()
            return delay

    retry.__class__ = Telling
    if retry.attempts < attempts:
        await decided.wait()


UNAVAILABLE, INTERNAL = StatusCode.UNAVAILABLE, StatusCode.INTERNAL


@pytest.mark.wire("W160", "W161", "W162", "W163")
def test_a_call_is_made_again_until_it_succeeds() -> None:
    async def main() -> None:
        server = Failing(UNAVAILABLE, StatusCode.ABORTED, "ok")
        async with facing(server, options=options()) as channel:
            assert await method(channel)(b"x") == b"ok"
        assert server.attempts == [None, "1", "2"]
        assert server.requests == [message(b"x")] * 3

    run(main())


@pytest.mark.parametrize(
    ("answers", "code", "attempts"),
    [
        ([UNAVAILABLE], UNAVAILABLE, 4),
        ([INTERNAL], INTERNAL, 1),
        ([UNAVAILABLE, INTERNAL], INTERNAL, 2),
        (["headers"], UNAVAILABLE, 1),
        ([(UNAVAILABLE, "-1")], UNAVAILABLE, 1),
        ([(UNAVAILABLE, "never")], UNAVAILABLE, 1),
        ([(UNAVAILABLE, "0")], UNAVAILABLE, 4),
        (["refused"], UNAVAILABLE, 5),  # one of them transparent
    ],
)
@pytest.mark.wire("W160", "W162", "W164", "W165")
def test_when_it_is_not_made_again(answers: list[Any], code: StatusCode, attempts: int) -> None:
    async def main() -> None:
        server = Failing(*answers)
        async with facing(server, options=options()) as channel:
            call = method(channel)(b"x")
            assert (await status_of(call))[0] is code
            assert call.explain().attempts == attempts
        assert len(server.attempts) == attempts

    run(main())


@pytest.mark.wire("W164")
def test_pushback_says_when() -> None:
    async def main() -> None:
        server = Failing((UNAVAILABLE, "200"), "ok")
        async with facing(server, options=options()) as channel:
            assert await method(channel)(b"x") == b"ok"
        assert 0.19 < server.times[1] - server.times[0] < 10

    run(main())


@pytest.mark.wire("W165")
def test_transparent_retries_count_for_nothing() -> None:
    async def main() -> None:
        server = Failing("goaway", UNAVAILABLE, "ok")
        async with facing(server, options=options(throttling={"maxTokens": 4, "tokenRatio": 0.1})) as channel:
            assert await method(channel)(b"x") == b"ok"
            assert channel._throttle is not None
            assert channel._throttle.tokens == pytest.approx(3.1), "one failure, one success"
        assert server.attempts == [None, None, "1"]

    run(main())


@pytest.mark.wire("W165")
def test_what_never_left_is_made_again_without_end() -> None:
    """Each connection allows no stream and goes away; the call waits inside it, and goes to the next, and the next."""

    async def main() -> None:
        connections = Events()

        async def script(raw: Raw) -> None:
            connections()
            if len(connections.seen) < 5:
                while not (await raw.next_of(4)).flags & 1:
                    pass
                await raw.reader.read(0)
                raw.sends(build_goaway(0, ErrorCode.NO_ERROR))
                return
            raw.sends(b"\0\0\x06\x04\0\0\0\0\0" + b"\0\x03" + (100).to_bytes(4, "big"))
            stream_id = (await raw.next_request()).stream_id
            raw.sends(raw.headers(stream_id, RESPONSE), raw.data(stream_id, message(b"ok")))
            raw.sends(raw.headers(stream_id, OK_TRAILERS, end_stream=True))
            await raw.rest()

        quick = (("grpc.initial_reconnect_backoff_ms", 1), ("grpc.max_reconnect_backoff_ms", 1))
        async with facing(script, settings={3: 0}, options=quick) as channel:
            assert await method(channel)(b"x", wait_for_ready=True) == b"ok"
        assert len(connections.seen) == 5

    run(main())


@pytest.mark.wire("W166")
def test_throttling_is_shared_by_the_calls_of_a_channel() -> None:
    async def main() -> None:
        server = Failing(UNAVAILABLE)
        async with facing(server, options=options(throttling={"maxTokens": 6, "tokenRatio": 0.1})) as channel:
            for _ in range(3):
                await status_of(method(channel)(b"x"))
        assert server.attempts == [None, "1", "2", None, None], "3 tokens are gone with the first call"

    run(main())


@pytest.mark.wire("W167")
def test_the_deadline_is_for_all_attempts() -> None:
    async def main() -> None:
        server = Failing((UNAVAILABLE, "10000"))
        async with facing(server, options=options()) as channel:
            assert (await status_of(method(channel)(b"x", timeout=0.1)))[0] is StatusCode.DEADLINE_EXCEEDED
        assert len(server.attempts) == 1

    run(main())


@pytest.mark.wire("W169")
def test_retries_can_be_turned_off() -> None:
    async def main() -> None:
        server = Failing(UNAVAILABLE)
        async with facing(server, options=options(("grpc.enable_retries", 0))) as channel:
            await status_of(method(channel)(b"x"))
        assert len(server.attempts) == 1

    run(main())


@pytest.mark.wire("W162")
def test_a_request_too_large_to_be_kept_is_sent_once() -> None:
    async def main() -> None:
        for size, attempts in ((100, 4), (101, 1)):
            server = Failing(UNAVAILABLE)
            async with facing(server, options=options(("grpc.per_rpc_retry_buffer_size", 100))) as channel:
                await status_of(method(channel)(bytes(size)))
            assert len(server.attempts) == attempts

    run(main())


@pytest.mark.wire("W167")
def test_a_channel_that_cannot_connect_is_tried_again_too() -> None:
    async def main() -> None:
        policy = {**RETRY, "initialBackoff": "0.05s", "maxBackoff": "0.05s"}
        async with aio.insecure_channel("127.0.0.1:1", options(retryPolicy=policy)) as channel:
            begun = asyncio.get_running_loop().time()
            assert (await status_of(method(channel)(b"x")))[0] is UNAVAILABLE
            assert asyncio.get_running_loop().time() - begun > 0.1, "three pauses"

    run(main())


def test_cancelling_while_it_waits_and_while_it_runs() -> None:
    async def main() -> None:
        server = Failing((UNAVAILABLE, "60000"))
        async with facing(server, options=options()) as channel:
            call = method(channel)(b"x")
            await decided(call, 2)
            assert call.cancel()
            assert await call.code() is StatusCode.CANCELLED
        resets = Events()

        async def hangs(raw: Raw) -> None:
            while True:
                resets((await raw.next_of(HEADERS, RST_STREAM)).type)

        async with facing(hangs, options=options()) as channel:
            call = method(channel)(b"x")
            await resets.count(1)
            call.cancel()
            await resets.count(2)
            assert (await status_of(method(channel)(b"x", timeout=0.05)))[0] is StatusCode.DEADLINE_EXCEEDED
            await resets.count(4)
        assert resets.seen == [HEADERS, RST_STREAM] * 2, "CANCELLED is retryable here, but not our own"

    run(main())


# -- streams -----------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W162", "W163")
def test_streams_are_replayed() -> None:
    async def main() -> None:
        for kind in ("stream_unary", "stream_stream", "unary_stream"):
            server = Failing(UNAVAILABLE, UNAVAILABLE, "ok")

            async def requests() -> AsyncIterator[bytes]:
                yield b"one"
                yield b"two"

            async with facing(server, options=options()) as channel:
                call = getattr(channel, kind)(f"/{SERVICE}/Echo")(b"x" if kind == "unary_stream" else requests())
                assert (await call if kind == "stream_unary" else [m async for m in call]) in (b"ok", [b"ok"])
            sent = message(b"x") if kind == "unary_stream" else message(b"one") + message(b"two")
            assert server.requests == [sent] * 3

    run(main())


@pytest.mark.wire("W162")
def test_a_stream_that_has_written_goes_on_after_a_replay() -> None:
    async def main() -> None:
        seen: list[list[bytes]] = []

        async def handle(requests: Any, context: aio.ServicerContext) -> bytes:
            seen.append([])
            async for request in requests:
                seen[-1].append(request)
                if len(seen) < 3 and len(seen[-1]) == len(seen):
                    await context.abort(StatusCode.UNAVAILABLE)
            return b"ok"

        server = aio.server()
        handler = grpc.stream_unary_rpc_method_handler(handle)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {"Sum": handler})])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}", options()) as channel:
            call = channel.stream_unary(f"/{SERVICE}/Sum")()
            for number in range(4):
                await call.write(b"%d" % number)
                if number < 2:
                    await decided(call, number + 2)
            await call.done_writing()
            assert await call == b"ok"
        await server.stop(None)
        assert seen == [[b"0"], [b"0", b"1"], [b"0", b"1", b"2", b"3"]]

    run(main())


# -- the rest of a method's config -------------------------------------------------------------------------------------


@pytest.mark.wire("W182")
def test_a_methods_timeout_and_limits() -> None:
    async def main() -> None:
        async def hang(request: bytes, context: aio.ServicerContext) -> bytes:
            await asyncio.Event().wait()
            return b""

        fields = {"timeout": "0.05s", "maxRequestMessageBytes": 10, "maxResponseMessageBytes": 5}
        async with joined({"Hang": hang}, channel_options=options(**fields)) as (_, channel):
            assert (await status_of(method(channel, "Hang")(b"")))[0] is StatusCode.DEADLINE_EXCEEDED
            assert (await status_of(method(channel, "Hang")(b"", timeout=20)))[0] is StatusCode.DEADLINE_EXCEEDED
            code, details = await status_of(method(channel)(bytes(11)))
            assert code is StatusCode.RESOURCE_EXHAUSTED
            assert details is not None
            assert "11 vs. 10" in details
            code, details = await status_of(method(channel)(bytes(6)))
            assert code is StatusCode.RESOURCE_EXHAUSTED
            assert "6 vs. 5" in str(details)
            assert await method(channel)(bytes(5)) == bytes(5)

    run(main())


@pytest.mark.wire("W182", "W170")
def test_a_methods_wait_for_ready_holds_unless_the_caller_says_otherwise() -> None:
    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1", options(waitForReady=True)) as channel:
            assert (await status_of(method(channel)(b"", timeout=0.1)))[0] is StatusCode.DEADLINE_EXCEEDED
            call = method(channel)(b"", timeout=20, wait_for_ready=False)
            assert (await status_of(call))[0] is UNAVAILABLE

    run(main())


def test_the_blocking_face_retries_too() -> None:
    calls: list[str | None] = []

    def handle(request: bytes, context: grpc.ServicerContext) -> bytes:
        metadata = dict(context.invocation_metadata())
        calls.append(metadata.get("grpc-previous-rpc-attempts"))
        if len(calls) < 3:
            context.abort(StatusCode.UNAVAILABLE, "not yet")
        return request

    server = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(handle)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, {"Echo": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}", options()) as channel:
        assert channel.unary_unary(f"/{SERVICE}/Echo")(b"x", timeout=20) == b"x"
    server.stop(None).wait()
    assert calls == [None, "1", "2"]


# -- grpcio ------------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W160", "W163", "W164")
@pytest.mark.parametrize("client", ["plait", "grpcio"])
@pytest.mark.parametrize(
    ("pushback", "attempts"), [(None, [None, "1", "2", "3"]), ("5", [None, "1", "2", "3"]), ("-1", [None])]
)
def test_a_grpcio_server_sees_the_same_attempts_from_us_as_from_grpcio(
    client: str, pushback: str | None, attempts: list[str | None]
) -> None:
    official = grpcio()
    seen: list[str | None] = []

    def handle(request: bytes, context: Any) -> bytes:
        seen.append(dict(context.invocation_metadata()).get("grpc-previous-rpc-attempts"))
        if pushback is not None:
            context.set_trailing_metadata((("grpc-retry-pushback-ms", pushback),))
        context.abort(official.StatusCode.UNAVAILABLE, "never")
        return b""

    server = official.server(ThreadPoolExecutor(1))
    handlers = {"Fail": official.unary_unary_rpc_method_handler(handle)}
    server.add_generic_rpc_handlers((official.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    module: Any = official if client == "grpcio" else grpc
    with (
        module.insecure_channel(f"127.0.0.1:{port}", options()) as channel,
        pytest.raises(module.RpcError, match="never"),
    ):
        channel.unary_unary(f"/{SERVICE}/Fail")(b"", timeout=20)
    server.stop(None).wait()
    assert seen == attempts
