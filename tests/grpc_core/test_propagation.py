"""What a call hands down to the calls made from its handler: chains of servers, on both faces."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import itertools
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import grpc_core
from grpc_core import StatusCode, aio
from grpc_core.propagation import HANDLED, PARENT_CANCELLED, HandledCall, detached
from tests.grpc_core.support import Events, Raw, joined, message, method, request, run, serving, status_of
from tests.grpc_core.sync_support import PATIENCE_S, Gate


def assert_shrinking(*left_s: float) -> None:
    """Each has less time left than the one before, but for what the encoder rounds up: a thousandth at most."""
    for earlier, later in itertools.pairwise(left_s):
        assert earlier / 2 < later < earlier * 1.001


# -- the rules, without calls ------------------------------------------------------------------------------------------


class Heir:
    def __init__(self) -> None:
        self.ended: list[tuple[StatusCode, str]] = []

    def end_with_parent(self, code: StatusCode, details: str) -> None:
        self.ended.append((code, details))


@pytest.mark.parametrize(
    ("left", "own", "expected"),
    [(None, None, None), (None, 5.0, 5.0), (3.0, None, 3.0), (3.0, 5.0, 3.0), (3.0, 2.0, 2.0), (-1.0, 2.0, -1.0)],
)
def test_a_timeout_is_the_shorter_of_ones_own_and_what_is_left(
    left: float | None, own: float | None, expected: float | None
) -> None:
    handled = HandledCall(lambda: 100.0, None if left is None else 100.0 + left)
    assert handled.limit(own) == expected


def test_what_is_left_is_told_by_the_servers_clock() -> None:
    now = [100.0]
    handled = HandledCall(lambda: now[0], 110.0)
    assert handled.limit(None) == 10.0
    now[0] = 107.5
    assert handled.limit(None) == 2.5


def test_a_call_that_is_cancelled_ends_its_heirs_once() -> None:
    handled, heir, gone, late = HandledCall(lambda: 0.0, None), Heir(), Heir(), Heir()
    assert handled.enter(heir) is None
    assert handled.enter(gone) is None
    handled.leave(gone)
    handled.cancel(is_late=False)
    handled.cancel(is_late=True)
    assert heir.ended == [(StatusCode.CANCELLED, PARENT_CANCELLED)]
    assert gone.ended == []
    assert handled.enter(late) == (StatusCode.CANCELLED, PARENT_CANCELLED), "it comes too late"
    assert late.ended == []


def test_a_call_that_is_late_says_so() -> None:
    handled, heir = HandledCall(lambda: 0.0, 1.0), Heir()
    handled.enter(heir)
    handled.cancel(is_late=True)
    assert heir.ended == [(StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")]


def test_a_call_that_has_ended_by_itself_hands_nothing_down() -> None:
    handled, heir, late = HandledCall(lambda: 0.0, 1.0), Heir(), Heir()
    handled.enter(heir)
    handled.end()
    handled.cancel(is_late=False)
    assert heir.ended == []
    assert handled.enter(late) is None
    assert handled.limit(None) is None
    assert handled.limit(5.0) == 5.0


def test_a_call_that_has_ended_keeps_nothing_alive() -> None:
    class Clock:
        def __call__(self) -> float:
            return 0.0

    for end in (HandledCall.end, lambda handled: handled.cancel(is_late=False)):
        clock, heir, late = Clock(), Heir(), Heir()
        handled = HandledCall(clock, 1.0)
        handled.enter(heir)
        end(handled)
        handled.enter(late)
        alive = [weakref.ref(clock), weakref.ref(heir), weakref.ref(late)]
        del clock, heir, late
        gc.collect()
        assert [ref() for ref in alive] == [None] * 3


def test_detached_is_for_a_block() -> None:
    def main() -> None:
        handled = HandledCall(lambda: 0.0, None)
        HANDLED.set(handled)
        with detached():
            assert HANDLED.get() is None
            with detached():
                assert HANDLED.get() is None
        assert HANDLED.get() is handled
        with contextlib.suppress(ZeroDivisionError), detached():
            raise ZeroDivisionError
        assert HANDLED.get() is handled

    contextvars.copy_context().run(main)
    assert HANDLED.get() is None


# -- chains on asyncio -------------------------------------------------------------------------------------------------

Behavior = Callable[[bytes, aio.ServicerContext], Any]


@contextlib.asynccontextmanager
async def chain(tail: Behavior, *links: Callable[[aio.Channel], Behavior]) -> AsyncIterator[aio.Channel]:
    """Servers in a row: the last one handles `Echo` with `tail`, each before it with `link(channel to the next)`. The
    channel is to the first."""
    async with contextlib.AsyncExitStack() as stack:
        behavior = tail
        for link in (*reversed(links), None):
            _, port = await stack.enter_async_context(serving({"Echo": behavior}))
            channel = await stack.enter_async_context(aio.insecure_channel(f"127.0.0.1:{port}"))
            if link is not None:
                behavior = link(channel)
        yield channel


def forwards(channel: aio.Channel) -> Behavior:
    async def behavior(request: bytes, context: aio.ServicerContext) -> bytes:
        response: bytes = await method(channel)(request)
        return response

    return behavior


def test_the_deadline_shrinks_along_a_chain() -> None:
    left: list[float] = []

    def noting(channel: aio.Channel) -> Behavior:
        async def behavior(request: bytes, context: aio.ServicerContext) -> bytes:
            remaining = context.time_remaining()
            assert remaining is not None
            left.append(remaining)
            response: bytes = await method(channel)(request)
            return response

        return behavior

    async def tail(request: bytes, context: aio.ServicerContext) -> bytes:
        remaining = context.time_remaining()
        assert remaining is not None
        left.append(remaining)
        return request

    async def main() -> None:
        async with chain(tail, noting, noting) as channel:
            assert await method(channel)(b"x", timeout=20) == b"x"
            assert_shrinking(20.0, *left)
            assert len(left) == 3

    run(main())


def test_ones_own_timeout_counts_when_it_is_shorter() -> None:
    left: list[float | None] = []

    def shorter(channel: aio.Channel) -> Behavior:
        async def behavior(request: bytes, context: aio.ServicerContext) -> bytes:
            await method(channel)(request, timeout=10)
            await method(channel)(request, timeout=40)
            call = method(channel)(request)
            left.append(call.time_remaining())
            await call
            return request

        return behavior

    async def tail(request: bytes, context: aio.ServicerContext) -> bytes:
        left.append(context.time_remaining())
        return request

    async def main() -> None:
        async with chain(tail, shorter) as channel:
            await method(channel)(b"", timeout=20)
            assert [round(value, -1) for value in left if value is not None] == [10, 20, 20, 20]
            left.clear()
            await method(channel)(b"")
            assert [value and round(value, -1) for value in left] == [10, 40, None, None], (
                "no deadline, none to inherit"
            )

    run(main())


def test_cancelling_the_head_reaches_the_tail() -> None:
    async def main() -> None:
        begun, ended = Events(), Events()

        async def tail(request: bytes, context: aio.ServicerContext) -> bytes:
            context.add_done_callback(lambda context: ended(context.cancelled()))
            begun()
            await asyncio.Event().wait()
            return b""

        async with chain(tail, forwards, forwards) as channel:
            call = method(channel)(b"")
            await begun.count(1)
            call.cancel()
            assert await ended.count(1) == [True]

    run(main())


def test_a_client_that_is_gone_ends_the_tail() -> None:
    async def main() -> None:
        begun, ended = Events(), Events()

        async def tail(payload: bytes, context: aio.ServicerContext) -> bytes:
            begun()
            try:
                await asyncio.Event().wait()
            finally:
                ended()
            return b""

        async with (
            serving({"Echo": tail}) as (_, tail_port),
            aio.insecure_channel(f"127.0.0.1:{tail_port}") as to_tail,
            serving({"Echo": forwards(to_tail)}) as (_, port),
        ):
            raw = await Raw.connect(port)
            raw.sends(raw.headers(1, request()), raw.data(1, message(b""), end_stream=True))
            await begun.count(1)
            await raw.close()
            await ended.count(1)

    run(main())


def test_a_deadline_at_the_head_ends_the_tail() -> None:
    async def main() -> None:
        ended = Events()

        async def tail(request: bytes, context: aio.ServicerContext) -> bytes:
            try:
                await asyncio.Event().wait()
            finally:
                ended()
            return b""

        async with chain(tail, forwards, forwards) as channel:
            assert await status_of(method(channel)(b"", timeout=0.1)) == (
                StatusCode.DEADLINE_EXCEEDED,
                "Deadline Exceeded",
            )
            await ended.count(1)

    run(main())


def test_a_server_that_stops_cancels_what_its_handlers_have_begun() -> None:
    async def main() -> None:
        begun, ended = Events(), Events()

        async def tail(request: bytes, context: aio.ServicerContext) -> bytes:
            begun()
            try:
                await asyncio.Event().wait()
            finally:
                ended()
            return b""

        async with (
            serving({"Echo": tail}) as (_, tail_port),
            aio.insecure_channel(f"127.0.0.1:{tail_port}") as to_tail,
            joined({"Echo": forwards(to_tail)}) as (server, channel),
        ):
            call = method(channel)(b"")
            await begun.count(1)
            await server.stop(None)
            await ended.count(1)
            assert (await status_of(call))[0] is StatusCode.UNAVAILABLE

    run(main())


def test_streams_inherit_too() -> None:
    """A bidirectional call made by a handler of one ends with it; its reader is told by a status."""

    async def main() -> None:
        begun, ended = Events(), Events()

        async def tail(requests: Any, context: aio.ServicerContext) -> AsyncIterator[bytes]:
            begun(context.time_remaining())
            try:
                async for request in requests:
                    yield request
            finally:
                ended()

        def streaming(behavior: Any) -> Any:
            handlers = {"Chat": grpc_core.stream_stream_rpc_method_handler(behavior)}
            return grpc_core.method_handlers_generic_handler("test.Streams", handlers)

        async with (
            serving(handlers=[streaming(tail)]) as (_, tail_port),
            aio.insecure_channel(f"127.0.0.1:{tail_port}") as to_tail,
        ):

            async def head(requests: Any, context: aio.ServicerContext) -> AsyncIterator[bytes]:
                call = to_tail.stream_stream("/test.Streams/Chat")(requests)
                async for response in call:
                    yield response

            async with joined(handlers=[streaming(head)]) as (_, channel):
                call = channel.stream_stream("/test.Streams/Chat")(timeout=20)
                await call.write(b"1")
                assert await call.read() == b"1"
                assert 10 < (await begun.count(1))[0] < 20
                call.cancel()
                await ended.count(1)

    run(main())


def test_detached_calls_go_on() -> None:
    async def main() -> None:
        begun, release, kept = Events(), asyncio.Event(), Events()

        async def tail(request: bytes, context: aio.ServicerContext) -> bytes:
            begun(context.time_remaining())
            await release.wait()
            return b"done"

        def detaching(channel: aio.Channel) -> Behavior:
            async def behavior(request: bytes, context: aio.ServicerContext) -> bytes:
                with detached():
                    call = method(channel)(request)
                call.add_done_callback(kept)
                await asyncio.Event().wait()
                return b""

            return behavior

        async with chain(tail, detaching) as channel:
            call = method(channel)(b"", timeout=20)
            assert await begun.count(1) == [None]
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            release.set()
            (inner,) = await kept.count(1)
            assert await inner == b"done"

    run(main())


def test_tasks_that_a_handler_starts_inherit_while_it_runs() -> None:
    """A background task is cancelled by nobody; the calls that it has made end with a status that says why, and those
    that it makes then, at once."""

    async def main() -> None:
        begun, said, tasks = Events(), Events(), []

        async def tail(request: bytes, context: aio.ServicerContext) -> bytes:
            begun(request)
            await asyncio.Event().wait()
            return b""

        def spawning(channel: aio.Channel) -> Behavior:
            async def background() -> None:
                for payload in (b"first", b"second"):
                    said(await status_of(method(channel)(payload)))

            async def behavior(request: bytes, context: aio.ServicerContext) -> bytes:
                tasks.append(asyncio.create_task(background()))
                await asyncio.Event().wait()
                return b""

            return behavior

        async with chain(tail, spawning) as channel:
            call = method(channel)(b"")
            await begun.count(1)
            call.cancel()
            assert await said.count(2) == [(StatusCode.CANCELLED, PARENT_CANCELLED)] * 2
            await tasks[0]
            assert begun.seen == [b"first"], "the second never left"

    run(main())


def test_tasks_that_outlive_a_handler_that_has_returned_go_on() -> None:
    async def main() -> None:
        begun, release, tasks = Events(), asyncio.Event(), []

        async def tail(request: bytes, context: aio.ServicerContext) -> bytes:
            begun(context.time_remaining())
            await release.wait()
            return request

        def spawning(channel: aio.Channel) -> Behavior:
            async def background() -> list[bytes]:
                return [await method(channel)(b"first"), await method(channel)(b"second")]

            async def behavior(request: bytes, context: aio.ServicerContext) -> bytes:
                tasks.append(asyncio.create_task(background()))
                await begun.count(1)
                return b"returned"

            return behavior

        async with chain(tail, spawning) as channel:
            assert await method(channel)(b"", timeout=20) == b"returned"
            release.set()
            assert await tasks[0] == [b"first", b"second"]
            first, second = begun.seen
            assert 10 < first < 20, "made while the handler ran: it has its deadline"
            assert second is None, "made afterwards"

    run(main())


def test_a_handler_that_cleans_up_with_a_call_detaches_it() -> None:
    async def main() -> None:
        waits, seen = Events(), Events()

        async def tail(request: bytes, context: aio.ServicerContext) -> bytes:
            seen(request)
            return request

        def cleaning(channel: aio.Channel) -> Behavior:
            async def behavior(request: bytes, context: aio.ServicerContext) -> bytes:
                try:
                    waits()
                    await asyncio.Event().wait()
                finally:
                    with pytest.raises(aio.AioRpcError, match="was cancelled"):
                        await method(channel)(b"inherits")
                    with detached():
                        await method(channel)(b"detached")
                return b""

            return behavior

        async with chain(tail, cleaning) as channel:
            call = method(channel)(b"")
            await waits.count(1)
            call.cancel()
            assert await seen.count(1) == [b"detached"]

    run(main())


def test_server_interceptors_and_client_interceptors_are_on_the_way() -> None:
    async def main() -> None:
        left, begun, ended = Events(), Events(), Events()

        async def tail(request: bytes, context: aio.ServicerContext) -> bytes:
            begun(context.time_remaining())
            try:
                await asyncio.Event().wait()
            finally:
                ended()
            return b""

        class Client(aio.UnaryUnaryClientInterceptor):
            async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
                return await continuation(client_call_details, request)

        class Server(aio.ServerInterceptor):
            async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
                call = method(to_tail)(b"")
                left(call.time_remaining())
                await call
                return await continuation(handler_call_details)

        async with (
            serving({"Echo": tail}) as (_, tail_port),
            aio.insecure_channel(f"127.0.0.1:{tail_port}", interceptors=[Client()]) as to_tail,
            joined(interceptors=[Server()]) as (_, channel),
        ):
            call = method(channel)(b"", timeout=20)
            assert 10 < (await begun.count(1))[0] < 20
            assert left.seen == [None], "the call is only made when its own interceptors have let it"
            call.cancel()
            await ended.count(1)

    run(main())


def test_a_connection_is_nobodys_in_particular() -> None:
    """The first handler has it made, but it is the channel's: what happens on it happens outside of any handler."""

    async def main() -> None:
        seen: set[tuple[str, bool]] = set()

        def tap(direction: str, data: bytes) -> None:
            seen.add((direction, HANDLED.get() is None))

        async with (
            serving() as (_, tail_port),
            aio.Channel(f"127.0.0.1:{tail_port}", tap=tap) as to_tail,
            joined({"Echo": forwards(to_tail)}) as (_, channel),
        ):
            assert await method(channel)(b"x") == b"x"
            assert ("received", True) in seen
            assert ("received", False) not in seen

    run(main())


def test_calls_outside_of_handlers_inherit_nothing() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            assert HANDLED.get() is None
            call = method(channel)(b"x")
            assert call.time_remaining() is None
            assert await call == b"x"
            assert HANDLED.get() is None

    run(main())


def test_what_has_ended_is_not_kept_alive_by_who_was_started_from_it() -> None:
    """A background task keeps the context of its handler, and in it no context of the call, no request, no child."""

    class Request:
        """Stands for all that a call holds."""

    async def main() -> None:
        alive: list[weakref.ref[Any]] = []
        release, tasks = asyncio.Event(), []

        async def tail(request: bytes, context: aio.ServicerContext) -> bytes:
            return request

        def spawning(channel: aio.Channel) -> Behavior:
            async def behavior(request: bytes, context: aio.ServicerContext) -> bytes:
                tasks.append(asyncio.create_task(release.wait()))
                held, call = Request(), method(channel)(b"child")
                context.held = held  # type: ignore[attr-defined]  # the context of this test has room for it
                alive.extend([weakref.ref(held), weakref.ref(call)])
                await call
                return request

            return behavior

        async with chain(tail, spawning) as channel:
            await method(channel)(b"x")
            gc.collect()
            assert [ref() for ref in alive] == [None, None]
            release.set()
            await tasks[0]

    class Roomy(aio.ServicerContext):  # without __slots__ of its own it takes any attribute
        pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("grpc_core.aio.rpc.ServicerContext", Roomy)
        run(main())


# -- in threads --------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def blocking(name: str, behavior: Callable[[bytes, Any], Any], **arguments: Any) -> Iterator[grpc_core.Channel]:
    """A blocking server with one unary method, and a channel to it."""
    with ThreadPoolExecutor(4) as pool:
        server = grpc_core.server(pool, **arguments)
        handlers = {name: grpc_core.unary_unary_rpc_method_handler(behavior)}
        server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler("test.Sync", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with grpc_core.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield channel
        finally:
            assert server.stop(None).wait(PATIENCE_S)


def passing_on(channel: grpc_core.Channel) -> Callable[[bytes, Any], bytes]:
    def behavior(request: bytes, context: Any) -> bytes:
        response: bytes = channel.unary_unary("/test.Sync/Echo")(request)
        return response

    return behavior


class PassesOn(grpc_core.ServerInterceptor):
    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        return continuation(handler_call_details)


@pytest.mark.parametrize("interceptors", [(), (PassesOn(),)], ids=["plain", "intercepted"])
def test_the_deadline_shrinks_along_a_blocking_chain(interceptors: Any) -> None:
    left: list[float] = []
    left_to_futures: list[float] = []

    def noting(channel: grpc_core.Channel) -> Callable[[bytes, Any], bytes]:
        def behavior(request: bytes, context: Any) -> bytes:
            left.append(context.time_remaining())
            future = channel.unary_unary("/test.Sync/Echo").future(request)
            left_to_futures.append(future.time_remaining())
            response: bytes = future.result(PATIENCE_S)
            return response

        return behavior

    def tail(request: bytes, context: Any) -> bytes:
        left.append(context.time_remaining())
        return request

    with (
        blocking("Echo", tail) as last,
        blocking("Echo", noting(last), interceptors=interceptors) as middle,
        blocking("Echo", noting(middle), interceptors=interceptors) as first,
    ):
        assert first.unary_unary("/test.Sync/Echo")(b"x", timeout=20) == b"x"
    assert_shrinking(20.0, *left)
    assert [10 < value < 20 for value in left_to_futures] == [True, True]


@pytest.mark.parametrize("interceptors", [(), (PassesOn(),)], ids=["plain", "intercepted"])
def test_cancelling_the_head_of_a_blocking_chain_reaches_the_tail(interceptors: Any) -> None:
    begun, ended, freed = Gate(), Gate(), Gate()

    def tail(request: bytes, context: Any) -> bytes:
        context.add_callback(ended.open)
        begun.open()
        ended.wait()
        return b""

    def middle(channel: grpc_core.Channel) -> Callable[[bytes, Any], bytes]:
        def behavior(request: bytes, context: Any) -> bytes:
            with pytest.raises(grpc_core.RpcError) as caught:
                channel.unary_unary("/test.Sync/Echo")(request)
            error: Any = caught.value
            assert (error.code(), error.details()) == (StatusCode.CANCELLED, PARENT_CANCELLED)
            freed.open()
            return b""

        return behavior

    with (
        blocking("Echo", tail) as last,
        blocking("Echo", middle(last), interceptors=interceptors) as second,
        blocking("Echo", passing_on(second), interceptors=interceptors) as first,
    ):
        future = first.unary_unary("/test.Sync/Echo").future(b"")
        begun.wait()
        future.cancel()
        ended.wait()
        freed.wait()


def test_a_blocking_handler_that_cancels_its_own_call_cancels_what_it_has_begun() -> None:
    begun, ended = Gate(), Gate()

    def tail(request: bytes, context: Any) -> bytes:
        context.add_callback(ended.open)
        begun.open()
        ended.wait()
        return b""

    def cancels(channel: grpc_core.Channel) -> Callable[[bytes, Any], bytes]:
        def behavior(request: bytes, context: Any) -> bytes:
            future = channel.unary_unary("/test.Sync/Echo").future(request)
            begun.wait()
            context.cancel()
            assert future.exception(PATIENCE_S).code() is StatusCode.CANCELLED
            return b""

        return behavior

    with blocking("Echo", tail) as last, blocking("Echo", cancels(last)) as first:
        with pytest.raises(grpc_core.RpcError):
            first.unary_unary("/test.Sync/Echo")(b"")
        ended.wait()


def test_blocking_calls_are_detached_by_the_block_and_in_threads_of_ones_own() -> None:
    left: list[float | None] = []

    def tail(request: bytes, context: Any) -> bytes:
        left.append(context.time_remaining())
        return request

    def detaching(channel: grpc_core.Channel) -> Callable[[bytes, Any], bytes]:
        def behavior(request: bytes, context: Any) -> bytes:
            call = channel.unary_unary("/test.Sync/Echo")
            with detached():
                call(b"detached")
            thread = threading.Thread(target=call, args=(b"in a thread",))
            thread.start()
            thread.join()
            thread = threading.Thread(target=contextvars.copy_context().run, args=(call, b"with the context"))
            thread.start()
            thread.join()
            return request

        return behavior

    with blocking("Echo", tail) as last, blocking("Echo", detaching(last)) as first:
        first.unary_unary("/test.Sync/Echo")(b"", timeout=20)
    assert left[:2] == [None, None]
    assert left[2] is not None
    assert 10 < left[2] < 20


def test_an_iterator_of_requests_runs_in_the_context_of_its_call() -> None:
    """It is consumed in a thread of its own, and may make calls."""
    left: list[float | None] = []

    def tail(request: bytes, context: Any) -> bytes:
        left.append(context.time_remaining())
        return request

    def join(requests: Any, context: Any) -> bytes:
        return b",".join(requests)

    def asking(channel: grpc_core.Channel, joining: grpc_core.Channel) -> Callable[[bytes, Any], bytes]:
        def behavior(request: bytes, context: Any) -> bytes:
            def requests() -> Iterator[bytes]:
                for letter in (b"a", b"b"):
                    yield channel.unary_unary("/test.Sync/Echo")(letter)

            response: bytes = joining.stream_unary("/test.Sync/Join")(requests())
            return response

        return behavior

    with ThreadPoolExecutor(2) as pool:
        server = grpc_core.server(pool)
        handlers = {"Join": grpc_core.stream_unary_rpc_method_handler(join)}
        server.add_generic_rpc_handlers((grpc_core.method_handlers_generic_handler("test.Sync", handlers),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with (
            grpc_core.insecure_channel(f"127.0.0.1:{port}") as joining,
            blocking("Echo", tail) as last,
            blocking("Echo", asking(last, joining)) as first,
        ):
            assert first.unary_unary("/test.Sync/Echo")(b"", timeout=20) == b"a,b"
        assert server.stop(None).wait(PATIENCE_S)
    assert [value is not None and 10 < value < 20 for value in left] == [True, True]


def test_a_plain_function_on_an_asyncio_server_hands_down_to_blocking_calls() -> None:
    """From one face to the other: the handler runs in a thread, and the call that it makes on the I/O thread."""
    left: list[float | None] = []
    begun, ended = Gate(), Gate()

    def tail(request: bytes, context: Any) -> bytes:
        left.append(context.time_remaining())
        if request == b"waits":
            context.add_callback(ended.open)
            begun.open()
            ended.wait()
        return request

    with blocking("Echo", tail) as last:

        async def main() -> None:
            async with joined({"Echo": passing_on(last)}) as (_, channel):
                assert await method(channel)(b"x", timeout=20) == b"x"
                call = method(channel)(b"waits")
                await asyncio.to_thread(begun.wait)
                call.cancel()
                await asyncio.to_thread(ended.wait)

        run(main())
    assert left[0] is not None
    assert 10 < left[0] < 20
    assert left[1] is None
