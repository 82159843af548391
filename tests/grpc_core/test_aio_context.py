"""What a handler is given: metadata, status, abort, callbacks; for coroutines and for plain functions."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from grpc_core.aio.context import SyncServicerContext
from grpc_core.status import StatusCode
from tests.grpc_core.support import Events, joined, method, run, status_of

Behavior = Callable[..., Any]


async def outcome(behavior: Behavior, **arguments: Any) -> tuple[StatusCode, str, tuple[Any, ...]]:
    """(code, details, trailing metadata) of a call of this handler."""
    async with joined({"Handle": behavior}, **arguments) as (_, channel):
        call = method(channel, "Handle")(b"")
        return await call.code(), await call.details(), tuple(await call.trailing_metadata())


def outcomes(behavior: Behavior) -> tuple[StatusCode, str, tuple[Any, ...]]:
    result: list[tuple[StatusCode, str, tuple[Any, ...]]] = []

    async def main() -> None:
        result.append(await outcome(behavior))

    run(main())
    return result[0]


# -- about the call ----------------------------------------------------------------------------------------------------


def test_what_a_handler_can_ask() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        assert dict(context.invocation_metadata())["x-a"] == "1"
        assert context.peer().startswith("ipv4:127.0.0.1:")
        assert context.peer() is context.peer()
        assert context.peer_identities() is None
        assert context.peer_identity_key() is None
        assert context.auth_context() == {
            "transport_security_type": [b"insecure"],
            "security_level": [b"TSI_SECURITY_NONE"],
        }
        assert (context.cancelled(), context.done(), context.time_remaining()) == (False, False, None)
        assert (context.code(), context.details(), context.trailing_metadata()) == (None, "", ())
        assert not context.aborted
        context.set_code(StatusCode.OK)
        context.set_details("fine")
        context.set_trailing_metadata([("x-t", "1")])
        assert (context.code(), context.details()) == (StatusCode.OK, "fine")
        assert context.trailing_metadata() == (("x-t", "1"),)
        context.set_compression(None)
        context.set_compression(0)
        context.disable_next_message_compression()
        with pytest.raises(ValueError, match="7 is not a Compression"):
            context.set_compression(7)
        return b"ok"

    async def main() -> None:
        async with joined({"Handle": handle}) as (_, channel):
            call = method(channel, "Handle")(b"", metadata=(("x-a", "1"),))
            assert await call == b"ok"
            assert await call.details() == "fine"
            assert await call.trailing_metadata() == (("x-t", "1"),)

    run(main())


@pytest.mark.wire("W028")
def test_w028_the_time_that_remains() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        remaining = context.time_remaining()
        assert remaining is not None
        assert 0 < remaining <= 20
        return b""

    async def main() -> None:
        async with joined({"Handle": handle}) as (_, channel):
            await method(channel, "Handle")(b"", timeout=20)

    run(main())


# -- the status --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [StatusCode.NOT_FOUND, 5, (5, "not found")[0]])
def test_a_code_that_is_set_is_the_status_and_there_is_no_response(code: Any) -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        context.set_code(code)
        context.set_details("no such thing")
        context.set_trailing_metadata((("x-t", "1"),))
        return b"discarded"

    assert outcomes(handle) == (StatusCode.NOT_FOUND, "no such thing", (("x-t", "1"),))


def test_a_handler_may_return_nothing_with_a_code() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> None:
        context.set_code(StatusCode.UNIMPLEMENTED)
        context.set_details(12)  # type: ignore[arg-type]  # what is not text is made so

    assert outcomes(handle) == (StatusCode.UNIMPLEMENTED, "12", ())


@pytest.mark.wire("A9")
def test_an_exception_is_unknown_and_says_what_it_was() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        raise ValueError("odd")

    assert outcomes(handle) == (StatusCode.UNKNOWN, "Unexpected <class 'ValueError'>: odd", ())


def test_an_exception_after_a_code_was_set_keeps_the_code() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        context.set_code(StatusCode.UNIMPLEMENTED)
        context.set_details("Method not implemented!")
        raise NotImplementedError

    assert outcomes(handle) == (StatusCode.UNIMPLEMENTED, "Method not implemented!", ())


@pytest.mark.wire("W031")
@pytest.mark.parametrize("metadata", [(("Bad", "x"),), (("x", b"\n"),)])
def test_trailing_metadata_that_cannot_be_sent_is_the_handlers_error(metadata: Any) -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        context.set_trailing_metadata(metadata)
        return b""

    code, details, _ = outcomes(handle)
    assert code is StatusCode.UNKNOWN
    assert "metadata was invalid" in details


# -- abort -------------------------------------------------------------------------------------------------------------


class Teapot(grpc.Status):
    code = StatusCode.PERMISSION_DENIED
    details = "short and stout"
    trailing_metadata = (("x-t", "spout"),)


class Plain(grpc.Status):
    code = StatusCode.ABORTED
    details = "plain"
    trailing_metadata = None


def test_abort_ends_the_call_and_leaves_the_handler() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        with pytest.raises(aio.AbortError, match="Locally aborted"):
            await context.abort(StatusCode.NOT_FOUND, "gone", (("x-t", "1"),))
        assert context.aborted
        assert context.done()
        with pytest.raises(aio.UsageError, match="Abort already called!"):
            await context.abort(StatusCode.OK)
        await context.send_initial_metadata((("too", "late"),))
        return b"ignored"

    assert outcomes(handle) == (StatusCode.NOT_FOUND, "gone", (("x-t", "1"),))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Teapot(), (StatusCode.PERMISSION_DENIED, "short and stout", (("x-t", "spout"),))),
        (Plain(), (StatusCode.ABORTED, "plain", ())),
    ],
)
def test_abort_with_status(status: grpc.Status, expected: Any) -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        await context.abort_with_status(status)

    assert outcomes(handle) == expected


def test_abort_frees_the_other_tasks_of_the_handler() -> None:
    """One that waits for a request, while the client waits for the end of the call."""

    async def main() -> None:
        outcomes: list[Any] = []

        async def handle(requests: object, context: aio.ServicerContext) -> None:
            outcomes.extend(
                await asyncio.gather(
                    context.read(), context.abort(StatusCode.ABORTED, "enough"), return_exceptions=True
                )
            )

        handlers = {"Both": grpc.stream_stream_rpc_method_handler(handle)}
        async with joined() as (server, channel):
            server.add_registered_method_handlers("test.Service", handlers)
            call = channel.stream_stream("/test.Service/Both")()
            assert (await call.code(), await call.details()) == (StatusCode.ABORTED, "enough")
        assert [type(outcome) for outcome in outcomes] == [asyncio.InvalidStateError, aio.AbortError]

    run(main())


def test_abort_with_ok_is_a_mistake() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        await context.abort(StatusCode.OK, "all is well")

    assert outcomes(handle)[:2] == (
        StatusCode.UNKNOWN,
        "abort() called with StatusCode.OK; details: all is well",
    )


def test_abort_keeps_trailing_metadata_that_was_set_before() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        context.set_trailing_metadata((("x-t", "before"),))
        await context.abort(StatusCode.ABORTED)

    assert outcomes(handle) == (StatusCode.ABORTED, "", (("x-t", "before"),))


def test_an_abort_error_that_nobody_asked_for_is_an_exception_like_any_other() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        raise aio.AbortError("by hand")

    code, details, _ = outcomes(handle)
    assert code is StatusCode.UNKNOWN
    assert details.endswith("AbortError'>: by hand")


# -- initial metadata --------------------------------------------------------------------------------------------------


def test_initial_metadata_can_be_sent_once() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        await context.send_initial_metadata((("x-i", "1"),))
        with pytest.raises(aio.UsageError, match="Initial metadata already sent"):
            await context.send_initial_metadata(())
        await context.abort(StatusCode.ABORTED, "after headers", (("x-t", "2"),))

    async def main() -> None:
        async with joined({"Handle": handle}) as (_, channel):
            call = method(channel, "Handle")(b"")
            assert await status_of(call) == (StatusCode.ABORTED, "after headers")
            assert await call.initial_metadata() == (("x-i", "1"),)
            assert await call.trailing_metadata() == (("x-t", "2"),)

    run(main())


@pytest.mark.wire("W037")
def test_initial_metadata_over_the_clients_limit_is_resource_exhausted() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        await context.send_initial_metadata((("x-i", "v" * 20_000),))
        return b""

    code, details, _ = outcomes(handle)
    assert code is StatusCode.RESOURCE_EXHAUSTED
    assert details.startswith("initial metadata: a field list of ")


# -- callbacks ---------------------------------------------------------------------------------------------------------


def test_done_callbacks_of_a_call_that_ends_well() -> None:
    async def main() -> None:
        done = Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            context.add_done_callback(done)
            context.add_done_callback(done)
            return b""

        async with joined({"Handle": handle}) as (_, channel):
            await method(channel, "Handle")(b"")
            first, second = await done.count(2)
            assert first is second
            assert first.done()
            assert not first.cancelled()
            first.add_done_callback(done)
            assert len(done.seen) == 3, "of a call that is over, at once"

    run(main())


# -- plain functions ---------------------------------------------------------------------------------------------------


async def handlers_end(server: aio.Server) -> None:
    await asyncio.wait([rpc.task for rpc in server._rpcs if rpc.task is not None])


def test_a_plain_function_runs_in_the_migration_pool_and_waits_for_what_it_calls() -> None:
    names: list[str] = []

    def handle(request: bytes, context: SyncServicerContext) -> bytes:
        names.append(threading.current_thread().name)
        assert context.is_active()
        assert dict(context.invocation_metadata())["x-a"] == "1"
        context.send_initial_metadata((("x-i", "1"),))
        with pytest.raises(aio.UsageError, match="already sent"):
            context.send_initial_metadata(())
        context.set_trailing_metadata((("x-t", "2"),))
        return request * 2

    async def main() -> None:
        with ThreadPoolExecutor(1, thread_name_prefix="migration") as pool:
            async with joined({"Handle": handle}, migration_thread_pool=pool) as (_, channel):
                call = method(channel, "Handle")(b"ab", metadata=(("x-a", "1"),))
                assert await call == b"abab"
                assert await call.initial_metadata() == (("x-i", "1"),)
                assert await call.trailing_metadata() == (("x-t", "2"),)
        assert names == ["migration_0"]

    run(main())


def test_a_plain_function_can_abort() -> None:
    def handle(request: bytes, context: SyncServicerContext) -> bytes:
        context.abort(StatusCode.NOT_FOUND, "gone", (("x-t", "1"),))
        raise AssertionError("abort leaves the handler")

    def handle_status(request: bytes, context: SyncServicerContext) -> bytes:
        context.abort_with_status(Teapot())
        raise AssertionError("abort leaves the handler")

    assert outcomes(handle) == (StatusCode.NOT_FOUND, "gone", (("x-t", "1"),))
    assert outcomes(handle_status)[0] is StatusCode.PERMISSION_DENIED


def test_a_plain_function_can_set_a_code_and_raise() -> None:
    def refuse(request: bytes, context: SyncServicerContext) -> bytes:
        context.set_code(StatusCode.ALREADY_EXISTS)
        context.set_details("twice")
        return b""

    def fail(request: bytes, context: SyncServicerContext) -> bytes:
        raise ValueError("odd")

    assert outcomes(refuse) == (StatusCode.ALREADY_EXISTS, "twice", ())
    assert outcomes(fail) == (StatusCode.UNKNOWN, "Unexpected <class 'ValueError'>: odd", ())


class AsyncCallable:
    """Its instances are no coroutine functions, but calling them gives a coroutine."""

    async def __call__(self, request: bytes, context: Any) -> bytes:
        await context.send_initial_metadata(())
        await context.abort(StatusCode.ABORTED, "from the event loop")
        return b""


def test_a_function_that_gives_a_coroutine_has_it_awaited() -> None:
    assert outcomes(AsyncCallable()) == (StatusCode.ABORTED, "from the event loop", ())


def test_a_plain_function_goes_on_after_its_call_was_cancelled() -> None:
    """A thread cannot be stopped. What it sends then is thrown away, and it counts until it ends."""

    async def main() -> None:
        started, ended = threading.Event(), Events()
        go_on = threading.Event()
        loop = asyncio.get_running_loop()

        def handle(request: bytes, context: SyncServicerContext) -> bytes:
            started.set()
            assert go_on.wait(10)
            active = context.is_active()
            loop.call_soon_threadsafe(ended, active)
            return b""

        async with joined({"Handle": handle}) as (_, channel):
            call = method(channel, "Handle")(b"")
            assert await loop.run_in_executor(None, started.wait, 10)
            call.cancel()
            assert await method(channel)(b"x") == b"x"
            go_on.set()
            assert await ended.count(1) == [False]

    run(main())


def test_a_coroutine_that_a_plain_function_gives_too_late_is_closed() -> None:
    """Left alone, it would warn that nobody has awaited it."""

    async def main() -> None:
        started, go_on = threading.Event(), threading.Event()
        given: list[Coroutine[Any, Any, bytes]] = []

        async def answer() -> bytes:
            return b""

        def handle(request: bytes, context: SyncServicerContext) -> Coroutine[Any, Any, bytes]:
            started.set()
            assert go_on.wait(10)
            given.append(answer())
            return given[0]

        async with joined({"Handle": handle}) as (server, channel):
            call = method(channel, "Handle")(b"")
            assert await asyncio.get_running_loop().run_in_executor(None, started.wait, 10)
            call.cancel()
            assert await method(channel)(b"x") == b"x"
            go_on.set()
            await handlers_end(server)
        assert inspect.getcoroutinestate(given[0]) == inspect.CORO_CLOSED

    run(main())


def test_a_plain_function_counts_until_it_ends_and_one_that_waits_for_a_thread_never_runs() -> None:
    async def main() -> None:
        began: list[bytes] = []
        started, go_on = threading.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def handle(request: bytes, context: SyncServicerContext) -> bytes:
            began.append(request)
            started.set()
            assert go_on.wait(10)
            context.set_code(StatusCode.OK)
            raise ValueError("nobody is told")

        with ThreadPoolExecutor(1) as pool:
            arguments = {"migration_thread_pool": pool, "maximum_concurrent_rpcs": 2}
            async with joined({"Handle": handle}, **arguments) as (server, channel):
                calls = [method(channel, "Handle")(request) for request in (b"1", b"2")]
                assert await loop.run_in_executor(None, started.wait, 10)
                await status_of(method(channel, "None")(b""))  # the server has heard of both
                for call in calls:
                    call.cancel()
                for _ in range(2):
                    await status_of(method(channel, "None")(b""))
                code, _ = await status_of(method(channel)(b""))
                assert code is StatusCode.RESOURCE_EXHAUSTED, "both are still in the hands of the pool"
                go_on.set()
                await handlers_end(server)
                assert await method(channel)(b"x") == b"x"
        assert began == [b"1"]

    run(main())


def test_a_plain_function_has_callbacks_as_grpcios_has() -> None:
    async def main() -> None:
        called = Events()
        answers: list[bool] = []
        started, go_on = threading.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def handle(request: bytes, context: SyncServicerContext) -> bytes:
            answers.append(context.add_callback(called))
            started.set()
            assert go_on.wait(10)
            answers.append(context.add_callback(called))
            return b""

        async with joined({"Handle": handle}) as (server, channel):
            call = method(channel, "Handle")(b"")
            assert await loop.run_in_executor(None, started.wait, 10)
            call.cancel()
            await called.count(1)
            go_on.set()
            await handlers_end(server)
        assert (answers, len(called.seen)) == ([True, False], 1)

    run(main())
