"""What intercepted calls of asyncio do here beyond what grpcio's do, and what they must not."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

import grpc_core
from grpc_core import StatusCode, aio
from tests.grpc_core.support import Events, joined, method, run, service, status_of
from tests.grpc_core.support_interceptors import NAMES, interceptor
from tests.support.modules import grpcio
from tests.support.tls import TlsFiles, tls_files

__all__ = ["tls_files"]


async def passes(continuation: Any, details: Any, request: Any) -> Any:
    return await continuation(details, request)


def through(function: Any, kind: str = "unary_unary") -> list[Any]:
    return [interceptor(grpc_core, kind, function)]


async def numbers() -> AsyncIterator[bytes]:
    yield b"1"
    yield b"2"


async def forever(request: bytes, context: aio.ServicerContext) -> bytes:
    await asyncio.Event().wait()
    return b""


def test_the_time_that_remains_is_the_callers_until_the_call_is_made() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def intercept(continuation: Any, details: Any, request: Any) -> Any:
            await release.wait()
            return await continuation(details._replace(timeout=100), request)

        async with joined({"Forever": forever}, channel_interceptors=through(intercept)) as (_, channel):
            call = method(channel, "Forever")(b"", timeout=20)
            remaining = call.time_remaining()
            assert remaining is not None
            assert 10 < remaining <= 20
            assert method(channel)(b"").time_remaining() is None
            release.set()
            await call.wait_for_connection()
            remaining = call.time_remaining()
            assert remaining is not None
            assert 90 < remaining <= 100
            call.cancel()

    run(main())


def test_who_asks_whether_the_response_came_compressed_asks_the_call_behind() -> None:
    text = b"compressible " * 1_000

    async def compress(request: bytes, context: aio.ServicerContext) -> bytes:
        if request == text:
            context.set_compression(grpc_core.Compression.Gzip)
        return text

    async def answer(continuation: Any, details: Any, request: Any) -> Any:
        return text

    async def main() -> None:
        async with joined({"Compress": compress}, channel_interceptors=through(passes)) as (_, channel):
            for request in (text, b"plain"):
                call = method(channel, "Compress")(request)
                assert not call.response_was_compressed(), "there is none yet"
                assert await call == text
                assert call.response_was_compressed() is (request == text)
        async with joined(channel_interceptors=through(answer)) as (_, channel):
            call = method(channel)(b"")
            assert await call == text
            assert not call.response_was_compressed(), "the response never was on the wire"

    run(main())


def test_who_waits_for_the_status_and_gives_up_cancels_nothing() -> None:
    async def main() -> None:
        entered, release = Events(), asyncio.Event()

        async def intercept(continuation: Any, details: Any, request: Any) -> Any:
            entered()
            await release.wait()
            return await continuation(details, request)

        async with joined(channel_interceptors=through(intercept)) as (_, channel):
            call = method(channel)(b"x")
            await entered.count(1)
            for ask in (call.code, call.details, call.initial_metadata, call.trailing_metadata):
                waiting = asyncio.ensure_future(ask())
                await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            release.set()
            assert await call == b"x"

    run(main())


def test_writing_does_not_wait_for_interceptors_that_wait_for_what_is_written() -> None:
    """One that returns only when its call is over; with grpcio the writer waits for it, and it for the writer."""

    async def intercept(continuation: Any, details: Any, requests: Any) -> Any:
        call = await continuation(details, requests)
        await call
        return call

    async def join(requests: Any, context: aio.ServicerContext) -> bytes:
        return b",".join([request async for request in requests])

    async def main() -> None:
        handlers = {"Join": grpc_core.stream_unary_rpc_method_handler(join)}
        service = grpc_core.method_handlers_generic_handler("test.Join", handlers)
        async with joined(handlers=[service], channel_interceptors=through(intercept, "stream_unary")) as (_, channel):
            call = channel.stream_unary("/test.Join/Join")()
            await call.write(b"1")
            await call.write(b"2")
            await call.done_writing()
            assert await call == b"1,2"

    run(main())


def test_writing_ends_when_the_interceptor_takes_nothing() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def intercept(continuation: Any, details: Any, requests: Any) -> Any:
            await release.wait()
            return b"not interested"

        async with joined(channel_interceptors=through(intercept, "stream_unary")) as (_, channel):
            call = channel.stream_unary("/test.Service/Echo")()
            writing = asyncio.ensure_future(call.write(b"1"))
            await asyncio.sleep(0)
            release.set()
            with pytest.raises(asyncio.InvalidStateError, match="already finished"):
                await writing
            with pytest.raises(asyncio.InvalidStateError, match="already finished"):
                await call.write(b"2")
            await call.done_writing()
            assert await call == b"not interested"
            assert (await call.code(), await call.details()) == (StatusCode.OK, "")
            assert (await call.debug_error_string(), call.time_remaining(), call.done()) == ("", None, True)
            await call.wait_for_connection()

    run(main())


def test_an_iterator_without_any_call_is_a_call_too() -> None:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        return numbers()

    async def main() -> None:
        for kind in ("unary_stream", "stream_stream"):
            done = Events()
            async with joined(channel_interceptors=through(intercept, kind)) as (_, channel):
                make = getattr(channel, kind)("/test.Service/Echo")
                call = make(b"" if kind == "unary_stream" else None)
                call.add_done_callback(done)
                assert [response async for response in call] == [b"1", b"2"]
                assert await done.count(1) == [call]
                assert (await call.code(), await call.details(), call.done()) == (StatusCode.OK, "", True)
                assert (list(await call.initial_metadata()), list(await call.trailing_metadata())) == ([], [])
                assert (call.cancel(), call.cancelled(), call.time_remaining()) == (False, False, None)
                await call.wait_for_connection()
                assert await call.debug_error_string() == ""
                assert await call.read() is aio.EOF
                call.add_done_callback(done)
                await done.count(2)

    run(main())


def test_an_iterator_without_any_call_can_be_cancelled() -> None:
    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        return numbers()

    async def main() -> None:
        async with joined(channel_interceptors=through(intercept, "unary_stream")) as (_, channel):
            call = channel.unary_stream("/test.Service/Echo")(b"")
            assert await call.read() == b"1"
            assert not call.done()
            assert (call.cancel(), call.cancelled(), call.done(), call.cancel()) == (True, True, True, False)
            with pytest.raises(asyncio.CancelledError):
                await call.read()
            assert (await call.code(), await call.details()) == (
                StatusCode.CANCELLED,
                "Locally cancelled by application!",
            )

    run(main())


def test_an_iterator_that_raises_ends_its_call() -> None:
    async def breaks() -> AsyncIterator[bytes]:
        yield b"1"
        raise ZeroDivisionError

    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        return breaks()

    async def main() -> None:
        async with joined(channel_interceptors=through(intercept, "unary_stream")) as (_, channel):
            call = channel.unary_stream("/test.Service/Echo")(b"")
            assert await call.read() == b"1"
            with pytest.raises(ZeroDivisionError):
                await call.read()
            assert call.done()

    run(main())


def test_an_outer_interceptor_writes_to_the_call_that_an_inner_one_wraps() -> None:
    """What continuation returns is a call of its kind, whoever made it: it can be read and written."""

    async def inner(continuation: Any, details: Any, requests: Any) -> Any:
        call = await continuation(details, None)

        async def responses() -> AsyncIterator[bytes]:
            async for response in call:
                yield b"<" + response + b">"

        return responses()

    async def outer(continuation: Any, details: Any, requests: Any) -> Any:
        call = await continuation(details, requests)
        assert isinstance(call, aio.StreamStreamCall)
        await call.write(b"from outside")
        await call.done_writing()
        assert await call.read() == b"<from outside>"
        assert (await call.read(), call.cancelled(), call.done()) == (aio.EOF, False, True)
        return numbers()

    async def chat(requests: Any, context: aio.ServicerContext) -> AsyncIterator[bytes]:
        async for request in requests:
            yield request

    async def main() -> None:
        handlers = {"Chat": grpc_core.stream_stream_rpc_method_handler(chat)}
        service = grpc_core.method_handlers_generic_handler("test.Chat", handlers)
        interceptors = through(outer, "stream_stream") + through(inner, "stream_stream")
        async with joined(handlers=[service], channel_interceptors=interceptors) as (_, channel):
            call = channel.stream_stream("/test.Chat/Chat")()
            assert [response async for response in call] == [b"1", b"2"]
            assert await call.code() is StatusCode.OK

    run(main())


def test_one_object_is_asked_for_each_kind_that_it_has_a_method_for() -> None:
    """Of whatever class; grpcio asks for its own classes, and takes an object for the first of its kinds alone."""
    seen: list[str] = []

    class Everything:
        async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            seen.append("unary_unary")
            return await continuation(details, request)

        async def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
            seen.append("stream_stream")
            return numbers()

    async def main() -> None:
        async with joined(channel_interceptors=[Everything()]) as (_, channel):
            assert await method(channel)(b"x") == b"x"
            assert [response async for response in channel.stream_stream("/test.Service/Echo")([])] == [b"1", b"2"]
            assert [response async for response in channel.unary_stream("/test.Service/Echo")(b"x")] == [b"x"]
            async with channel.stream("/test.Service/Echo") as stream:
                assert [await stream.recv(), await stream.recv()] == [b"1", b"2"]
        assert seen == ["unary_unary", "stream_stream", "stream_stream"]

    run(main())


def test_grpcios_classes_on_our_channel() -> None:
    theirs = grpcio().aio

    class Retries(theirs.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpcio has no types
        async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
            made = theirs.ClientCallDetails(
                client_call_details.method, 10, theirs.Metadata(("x-a", "1")), None, client_call_details.wait_for_ready
            )
            call = await continuation(made, request)
            raise theirs.AioRpcError(
                grpcio().StatusCode.ABORTED, theirs.Metadata(), theirs.Metadata(("x-t", str(await call))), "after all"
            )

    class Server(theirs.ServerInterceptor):  # type: ignore[misc]  # the same
        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            assert ("x-a", "1") in handler_call_details.invocation_metadata
            return await continuation(handler_call_details)

    async def main() -> None:
        async with joined(interceptors=[Server()], channel_interceptors=[Retries()]) as (_, channel):
            call = method(channel)(b"x")
            with pytest.raises(theirs.AioRpcError):
                await call
            assert (await call.code(), await call.details()) == (StatusCode.ABORTED, "after all")
            assert list(await call.trailing_metadata()) == [("x-t", "b'x'")]
            assert (call.done(), call.cancelled(), call.cancel()) == (True, False, False)

    run(main())


def test_a_call_of_another_library_is_a_call() -> None:
    class Foreign:
        """A call by its methods."""

        def __await__(self) -> Any:
            yield from ()
            return b"foreign"

        async def trailing_metadata(self) -> Any:
            return aio.Metadata(("x-t", "1"))

        def add_done_callback(self, callback: Any) -> None:
            callback(self)

    async def intercept(continuation: Any, details: Any, request: Any) -> Any:
        return Foreign()

    async def main() -> None:
        async with joined(channel_interceptors=through(intercept)) as (_, channel):
            call = method(channel)(b"x")
            assert await call == b"foreign"
            assert list(await call.trailing_metadata()) == [("x-t", "1")]

    run(main())


def test_what_a_call_without_interceptors_refuses_is_refused_by_one_with_them() -> None:
    async def secured(continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(details._replace(credentials=grpc_core.access_token_call_credentials("t")), request)

    async def malformed(continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(details._replace(metadata=(("Upper", "x"),)), request)

    async def nowhere(continuation: Any, details: Any, request: Any) -> Any:
        return await continuation(details._replace(method="no slash"), request)

    async def main() -> None:
        for function, error in ((secured, aio.UsageError), (malformed, ValueError), (nowhere, ValueError)):
            async with joined(channel_interceptors=through(function)) as (_, channel):
                with pytest.raises(error):
                    await method(channel)(b"x")

    run(main())


def test_an_interceptor_adds_credentials(tls_files: TlsFiles) -> None:
    """Call credentials of an interceptor's, beside those of the channel's."""
    seen: list[Any] = []

    async def identify(continuation: Any, details: Any, request: Any) -> Any:
        seen.append(details.credentials)
        token = grpc_core.access_token_call_credentials("call")
        return await continuation(details._replace(credentials=token), request)

    async def tokens(request: bytes, context: aio.ServicerContext) -> bytes:
        pairs: Any = context.invocation_metadata()
        return ",".join(sorted(pair.value for pair in pairs if pair.key == "authorization")).encode()

    async def main() -> None:
        chain = tls_files.cert.read_bytes()
        server = aio.server()
        server.add_generic_rpc_handlers((service({"Tokens": tokens}),))
        credentials = grpc_core.ssl_server_credentials([(tls_files.key.read_bytes(), chain)])
        port = server.add_secure_port("localhost:0", credentials)
        await server.start()
        composite = grpc_core.composite_channel_credentials(
            grpc_core.ssl_channel_credentials(chain), grpc_core.access_token_call_credentials("channel")
        )
        target = f"localhost:{port}"
        async with aio.secure_channel(target, composite, interceptors=through(identify)) as channel:
            assert await method(channel, "Tokens")(b"") == b"Bearer call,Bearer channel"
            assert seen == [None]
        await server.stop(None)

    run(main())


def test_wait_for_ready_and_compression_are_for_the_call() -> None:
    async def main() -> None:
        async def intercept(continuation: Any, details: Any, request: Any) -> Any:
            assert details.wait_for_ready is None
            return await continuation(details._replace(wait_for_ready=True, metadata=None), request)

        async def encoding(request: bytes, context: aio.ServicerContext) -> bytes:
            return repr(context._call.request.coding).encode()

        interceptors = through(intercept)
        async with joined({"Encoding": encoding}, channel_interceptors=interceptors) as (_, channel):
            gzip = grpc_core.Compression.Gzip
            assert b"gzip" in await method(channel, "Encoding")(b"x" * 100, compression=gzip)
        async with aio.insecure_channel("127.0.0.1:1", interceptors=through(intercept)) as channel:
            call = method(channel)(b"", timeout=0.1)
            assert (await status_of(call))[0] is StatusCode.DEADLINE_EXCEEDED

    run(main())


def test_a_status_that_nobody_asks_for_is_not_complained_of() -> None:
    """A fault of an interceptor's is: asyncio tells of it when the call is dropped."""

    async def main() -> None:
        complaints: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))

        async def fails(continuation: Any, details: Any, request: Any) -> Any:
            raise aio.AioRpcError(StatusCode.ABORTED, aio.Metadata(), aio.Metadata(), "no")

        async def errs(continuation: Any, details: Any, request: Any) -> Any:
            raise ZeroDivisionError

        for function, expected in ((fails, 0), (errs, 1)):
            async with joined(channel_interceptors=through(function)) as (_, channel):
                call = method(channel)(b"")
                while not call._task.done():  # noqa: ASYNC110  # nothing else may look at how it ended
                    await asyncio.sleep(0)
                await asyncio.sleep(0)
                del call
            gc.collect()  # the error and its traceback hold each other
            assert len(complaints) == expected

    run(main())


def test_callbacks_are_told_once_whenever_they_came() -> None:
    async def main() -> None:
        release, told = asyncio.Event(), Events()

        async def waits(request: bytes, context: aio.ServicerContext) -> bytes:
            await release.wait()
            return request

        async with joined({"Waits": waits}, channel_interceptors=through(passes)) as (_, channel):
            call = method(channel, "Waits")(b"x")
            call.add_done_callback(lambda call: told("before"))
            await call.wait_for_connection()
            call.add_done_callback(lambda call: told("after"))
            call.add_done_callback(lambda call: told("later"))
            release.set()
            await call
            assert await told.count(3) == ["before", "after", "later"]
            call.add_done_callback(lambda call: told("at last"))
            assert told.seen[3:] == ["at last"]

    run(main())


def test_what_a_call_says_of_itself() -> None:
    async def main() -> None:
        release = asyncio.Event()

        async def intercept(continuation: Any, details: Any, request: Any) -> Any:
            await release.wait()
            return await continuation(details, request)

        async with joined({"Forever": forever}, channel_interceptors=through(intercept)) as (_, channel):
            call = method(channel, "Forever")(b"")
            assert repr(call) == "<InterceptedUnaryUnaryCall of b'/test.Service/Forever' with the interceptors>"
            release.set()
            await call.wait_for_connection()
            assert repr(call) == "<InterceptedUnaryUnaryCall of b'/test.Service/Forever' running>"
            call.cancel()
            assert repr(call) == "<InterceptedUnaryUnaryCall of b'/test.Service/Forever' over>"
            assert (await call.debug_error_string()).startswith("CANCELLED:")
            with contextlib.suppress(asyncio.CancelledError):
                await call

    run(main())


def test_the_abstract_methods_are_grpcios() -> None:
    for name in (*[f"{name}ClientInterceptor" for name in NAMES.values()], "ServerInterceptor"):
        ours, theirs = getattr(aio, name), getattr(grpcio().aio, name)
        assert ours.__abstractmethods__ == theirs.__abstractmethods__
        with pytest.raises(TypeError):
            ours()
    assert aio.ClientCallDetails._fields == grpcio().aio.ClientCallDetails._fields
    assert issubclass(aio.ClientCallDetails, grpc_core.ClientCallDetails)
    assert issubclass(aio.UnaryUnaryClientInterceptor, aio.ClientInterceptor)
