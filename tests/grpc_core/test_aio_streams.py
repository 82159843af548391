"""Calls as streams, on asyncio: both sides, their errors, and that no message is lost however the waiting ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from grpc_core.status import StatusCode
from grpc_core.testing import Network, VirtualClock, in_memory
from tests.grpc_core.support import PATIENCE_S
from tests.support.modules import grpcio

Stream = aio.ClientStream[bytes, bytes]
Serving = aio.ServerStream[bytes, bytes]
BIDI = "/t.T/Bidi"


class Handling(aio.Handler[bytes, bytes]):
    """Runs one function for the streams of all kinds."""

    def __init__(self, behavior: Callable[..., Coroutine[Any, Any, Any]]) -> None:
        self._run = behavior

    async def handle_unary(self, request: bytes, stream: Serving) -> bytes:
        return await self._run(request, stream)  # type: ignore[no-any-return]

    async def handle_client_streaming(self, stream: Serving) -> bytes:
        return await self._run(stream)  # type: ignore[no-any-return]

    async def handle_server_streaming(self, request: bytes, stream: Serving) -> None:
        await self._run(request, stream)

    async def handle_bidirectional_streaming(self, stream: Serving) -> None:
        await self._run(stream)


def routed(behavior: Callable[..., Coroutine[Any, Any, Any]], rpc_type: str = "bidirectional_streaming") -> grpc.Router:
    router = grpc.Router()
    router.register("t.T", "Bidi", Handling(behavior), rpc_type)
    return router


def run(main: Callable[[VirtualClock], Coroutine[Any, Any, None]]) -> None:
    """Run a test under a clock of its own; nothing of it may be left."""
    clock = VirtualClock(PATIENCE_S)

    async def whole() -> None:
        await main(clock)
        await clock.advance(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}, "no task is left"

    clock.run(whole())


async def echo(stream: Serving) -> None:
    async for message in stream:
        await stream.send(message)


async def drain(stream: Serving) -> None:
    async for _ in stream:
        pass


# -- the client --------------------------------------------------------------------------------------------------------


def test_a_conversation_and_its_end() -> None:
    async def serve(stream: Serving) -> None:
        assert dict(stream.metadata)["x-who"] == "me"
        await stream.send_initial_metadata((("x-hello", "there"),))
        stream.set_trailing_metadata((("x-bye", "bye"),))
        await echo(stream)

    async def main(clock: VirtualClock) -> None:
        async with (
            in_memory(routed(serve)) as channel,
            channel.stream(BIDI, metadata=(("x-who", "me"),), timeout=10) as stream,
        ):
            assert dict(await stream.initial_metadata())["x-hello"] == "there"
            for message in (b"a", b"", b"b" * 100_000):
                await stream.send(message)
                assert await stream.recv() == message
            assert not stream.done()
            assert stream.time_remaining() == pytest.approx(10)
            await stream.close_send()
            await stream.close_send()
            for _ in range(2):
                with pytest.raises(grpc.EndOfStream, match="there are no more messages"):
                    await stream.recv()
            assert [message async for message in stream] == []
            assert (await stream.code(), await stream.details()) == (StatusCode.OK, "")
            assert dict(await stream.trailing_metadata())["x-bye"] == "bye"
            assert stream.done()
            assert not stream.cancel()

    run(main)


def test_codecs_and_iteration() -> None:
    async def main(clock: VirtualClock) -> None:
        async with (
            in_memory(routed(echo)) as channel,
            channel.stream(BIDI, str.encode, bytes.decode) as stream,
        ):
            for word in ("ä", "b"):
                await stream.send(word)
            await stream.close_send()
            assert [word async for word in stream] == ["ä", "b"]

    run(main)


def test_a_recv_that_runs_out_of_time_loses_nothing_and_the_call_goes_on() -> None:
    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(echo)) as channel, channel.stream(BIDI) as stream:
            for attempt in range(3):
                waiting = asyncio.create_task(stream.recv(timeout=5))
                await clock.advance(4.9)
                assert not waiting.done()
                await clock.advance(0.2)
                with pytest.raises(grpc.StreamTimeoutError, match="no message within 5 s") as caught:
                    await waiting
                assert isinstance(caught.value, TimeoutError | grpc.FutureTimeoutError)
                await stream.send(b"%d" % attempt)
                await clock.advance(0)  # it has arrived, and nobody waits
                assert await stream.recv(timeout=0) == b"%d" % attempt
            for index in range(3):
                await stream.send(b"%d" % index)
            await clock.advance(0)
            assert [await stream.recv(timeout=0) for _ in range(3)] == [b"0", b"1", b"2"]
            with pytest.raises(grpc.StreamTimeoutError):
                await stream.recv(timeout=0)

    run(main)


def test_a_recv_whose_task_is_cancelled_loses_nothing() -> None:
    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(echo)) as channel, channel.stream(BIDI) as stream:
            waiting = asyncio.create_task(stream.recv())
            await clock.advance(0)
            await stream.send(b"a")
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            await clock.advance(0)
            assert not stream.done(), "the call is not cancelled with it"
            assert await stream.recv() == b"a"

    run(main)


def test_a_recv_that_waits_does_not_hold_up_a_send() -> None:
    async def main(clock: VirtualClock) -> None:
        received = 0

        async def serve(stream: Serving) -> None:
            nonlocal received
            async for _ in stream:
                received += 1

        async with in_memory(routed(serve)) as channel, channel.stream(BIDI) as stream:
            waiting = asyncio.create_task(stream.recv())
            await clock.advance(1)
            for _ in range(100):
                await stream.send(bytes(1_000))
            await clock.advance(0)
            assert (received, waiting.done()) == (100, False)
            await stream.close_send()
            with pytest.raises(grpc.EndOfStream):
                await waiting

    run(main)


def test_a_send_that_waits_for_room_does_not_hold_up_a_recv() -> None:
    read_now = asyncio.Event()

    async def serve(stream: Serving) -> None:
        for index in range(50):
            await stream.send(b"%d" % index)
        await read_now.wait()
        await drain(stream)

    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(serve)) as channel, channel.stream(BIDI) as stream:
            sent = 0

            async def send_all() -> None:
                nonlocal sent
                for _ in range(100):
                    await stream.send(bytes(100_000))
                    sent += 1
                await stream.close_send()

            sending = asyncio.create_task(send_all())
            await clock.advance(0)
            stuck_at = sent
            assert stuck_at < 100, "ten megabytes do not fit: the sender waits"
            for index in range(50):
                assert await stream.recv(timeout=1) == b"%d" % index
            await clock.advance(60)
            assert sent == stuck_at, "and still does"
            read_now.set()
            await sending
            assert sent == 100
            with pytest.raises(grpc.EndOfStream):
                await stream.recv()

    run(main)


def test_an_end_other_than_ok_is_told_to_every_recv() -> None:
    async def serve(stream: Serving) -> None:
        await stream.send(b"first")
        await stream.close(StatusCode.NOT_FOUND, "no such room")

    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(serve)) as channel, channel.stream(BIDI) as stream:
            await stream.code()
            assert await stream.recv() == b"first", "what came before the end is still there"
            for _ in range(2):
                with pytest.raises(aio.AioRpcError) as caught:
                    await stream.recv()
                assert (caught.value.code(), caught.value.details()) == (StatusCode.NOT_FOUND, "no such room")
            with pytest.raises(aio.AioRpcError):
                async for _ in stream:
                    pass
            with pytest.raises(grpc.EndOfStream, match=r"the call is over \(NOT_FOUND: no such room\): nothing can be"):
                await stream.send(b"late")
            await stream.close_send()

    run(main)


def test_a_stream_that_is_cancelled_ends_both_ways() -> None:
    handler_over = asyncio.Event()

    async def serve(stream: Serving) -> None:
        try:
            await drain(stream)
        finally:
            handler_over.set()

    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(serve)) as channel:
            async with channel.stream(BIDI) as stream:
                waiting = asyncio.create_task(stream.recv())
                await clock.advance(0)
                assert stream.cancel()
                with pytest.raises(aio.AioRpcError) as caught:
                    await waiting
                assert caught.value.code() is StatusCode.CANCELLED
                assert caught.value.details() == "Locally cancelled by application!"
                with pytest.raises(grpc.EndOfStream, match="CANCELLED: Locally"):
                    await stream.send(b"")
            await handler_over.wait()

    run(main)


def test_a_send_that_waits_is_freed_when_the_call_ends() -> None:
    async def main(clock: VirtualClock) -> None:
        async def serve(stream: Serving) -> None:
            await asyncio.sleep(10)  # and reads nothing

        async with in_memory(routed(serve)) as channel, channel.stream(BIDI) as stream:

            async def send_for_ever() -> None:
                while True:
                    await stream.send(bytes(100_000))

            sending = asyncio.create_task(send_for_ever())
            await clock.advance(9)
            assert not sending.done()
            await clock.advance(1)
            with pytest.raises(grpc.EndOfStream, match=r"the call is over \(OK\)"):
                await sending

    run(main)


def test_leaving_the_context_cancels_what_is_not_over() -> None:
    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(echo)) as channel:
            async with channel.stream(BIDI) as stream:
                with pytest.raises(grpc.StreamTimeoutError):
                    await stream.recv(timeout=0)
            assert await stream.code() is StatusCode.CANCELLED

    run(main)


def test_leaving_the_context_does_not_wait_for_an_interceptor() -> None:
    class Own(aio.StreamStreamClientInterceptor):
        async def intercept_stream_stream(self, continuation: Any, details: Any, requests: Any) -> Any:
            async def responses() -> Any:
                yield b"mine"
                await asyncio.Event().wait()

            return responses()

    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(echo), channel_interceptors=[Own()]) as channel, channel.stream(BIDI) as stream:
            assert await stream.recv() == b"mine"
            with pytest.raises(grpc.StreamTimeoutError):
                await stream.recv(timeout=0)

    run(main)


def test_a_deadline_ends_the_stream() -> None:
    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(echo)) as channel, channel.stream(BIDI, timeout=60) as stream:
            waiting = asyncio.create_task(stream.recv())
            await clock.advance(60)
            with pytest.raises(aio.AioRpcError) as caught:
                await waiting
            assert caught.value.code() is StatusCode.DEADLINE_EXCEEDED

    run(main)


def test_what_the_caller_does_wrong_is_said_and_changes_nothing() -> None:
    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(echo)) as channel:
            with pytest.raises(TypeError, match="a call has no setting tiemout"):
                channel.stream(BIDI, tiemout=1)  # type: ignore[call-overload]
            with pytest.raises(ValueError, match="path"):
                channel.stream("no slash")
            stream = channel.stream(BIDI)
            for use in (stream.send(b""), stream.recv(), stream.close_send(), stream.code(), stream.initial_metadata()):
                with pytest.raises(aio.UsageError, match="the stream was not started"):
                    await use
            for plain in (stream.cancel, stream.done, stream.time_remaining):
                with pytest.raises(aio.UsageError, match="the stream was not started"):
                    plain()
            assert await stream.start() is stream
            with pytest.raises(aio.UsageError, match="the stream was started already"):
                await stream.start()
            with pytest.raises(TypeError, match="bytes are required"):
                await stream.send("text")  # type: ignore[arg-type]
            waiting = asyncio.create_task(stream.recv())
            await clock.advance(0)
            with pytest.raises(aio.UsageError, match="another task is receiving"):
                await stream.recv()
            await stream.send(b"a")
            assert await waiting == b"a", "the stream is as it was"
            await stream.close_send()
            with pytest.raises(aio.UsageError, match="nothing can be sent after close_send"):
                await stream.send(b"")
            with pytest.raises(grpc.EndOfStream):
                await stream.recv()

    run(main)


def test_a_response_that_cannot_be_read_ends_the_call() -> None:
    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(echo)) as channel, channel.stream(BIDI, str.encode, int) as stream:
            await stream.send("one")
            with pytest.raises(aio.AioRpcError) as caught:
                await stream.recv()
            assert caught.value.code() is StatusCode.INTERNAL
            assert caught.value.details() == "Exception deserializing response!"

    run(main)


def test_a_message_over_the_limit_ends_the_call() -> None:
    async def main(clock: VirtualClock) -> None:
        limit = (("grpc.max_send_message_length", 10),)
        async with in_memory(routed(echo), channel_options=limit) as channel, channel.stream(BIDI) as stream:
            await stream.send(bytes(10))
            with pytest.raises(grpc.EndOfStream, match=r"RESOURCE_EXHAUSTED: .*larger than max.*nothing can be sent"):
                await stream.send(bytes(11))
            assert await stream.code() is StatusCode.RESOURCE_EXHAUSTED

    run(main)


def test_a_stream_that_cannot_start_says_why() -> None:
    async def main(clock: VirtualClock) -> None:
        network = Network()
        network.is_down = True
        async with in_memory(routed(echo), network=network) as channel:
            stream = channel.stream(BIDI)
            with pytest.raises(aio.AioRpcError, match="Connection refused") as caught:
                await stream.start()
            assert caught.value.code() is StatusCode.UNAVAILABLE
            with pytest.raises(aio.AioRpcError, match="Connection refused"):
                await stream.recv()
            with pytest.raises(grpc.EndOfStream, match="UNAVAILABLE"):
                await stream.send(b"")

            patient = channel.stream(BIDI, wait_for_ready=True)
            starting = asyncio.create_task(patient.start())
            await clock.advance(0)
            patient.cancel()
            with pytest.raises(aio.AioRpcError, match="Locally cancelled"):
                await starting
            impatient = channel.stream(BIDI, wait_for_ready=True)
            starting = asyncio.create_task(impatient.start())
            await clock.advance(0)
            starting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await starting
            assert await impatient.code() is StatusCode.CANCELLED, "nobody else would end it"

    run(main)


def test_a_connection_that_breaks_ends_the_stream() -> None:
    async def main(clock: VirtualClock) -> None:
        network = Network()
        async with in_memory(routed(echo), network=network) as channel, channel.stream(BIDI) as stream:
            await stream.send(b"a")
            assert await stream.recv() == b"a"
            network.break_connection()
            with pytest.raises(aio.AioRpcError) as caught:
                await stream.recv()
            assert caught.value.code() is StatusCode.UNAVAILABLE

    run(main)


class Counting(aio.StreamStreamClientInterceptor):
    """Sees every message, both ways."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []

    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        async def requests() -> Any:
            async for request in request_iterator:
                self.seen.append(request)
                yield request

        call = await continuation(client_call_details, requests())

        async def responses() -> Any:
            async for response in call:
                self.seen.append(response)
                yield response

        return responses()


def test_a_stream_goes_through_interceptors() -> None:
    async def main(clock: VirtualClock) -> None:
        counting = Counting()
        async with (
            in_memory(routed(echo), channel_interceptors=[counting]) as channel,
            channel.stream(BIDI, timeout=60) as stream,
        ):
            waiting = asyncio.create_task(stream.recv(timeout=5))
            await clock.advance(5)
            with pytest.raises(grpc.StreamTimeoutError):
                await waiting
            for word in (b"a", b"b"):
                await stream.send(word)
                assert await stream.recv() == word
            await stream.close_send()
            with pytest.raises(grpc.EndOfStream):
                await stream.recv()
            assert counting.seen == [b"a", b"a", b"b", b"b"]

    run(main)


# -- helpers -----------------------------------------------------------------------------------------------------------


def test_helpers_for_all_four_kinds() -> None:
    async def greet(request: bytes, stream: Serving) -> bytes:
        return b"Hello, " + request

    async def count(request: bytes, stream: Serving) -> None:
        for index in range(int(request)):
            await stream.send(b"%d" % index)

    async def join(stream: Serving) -> bytes:
        return b",".join([message async for message in stream])

    async def main(clock: VirtualClock) -> None:
        router = grpc.Router()
        router.register("t.T", "Greet", Handling(greet))
        router.register("t.T", "Count", Handling(count), "server_streaming")
        router.register("t.T", "Join", Handling(join), "client_streaming")
        router.register("t.T", "Bidi", Handling(echo), "bidirectional_streaming")
        async with in_memory(router) as channel:
            assert await channel.call_unary("/t.T/Greet", b"you", timeout=1) == b"Hello, you"
            assert await channel.call_unary("/t.T/Greet", "you", str.encode, bytes.decode) == "Hello, you"
            counted = channel.call_server_streaming("/t.T/Count", 3, lambda n: b"%d" % n, int)
            assert [number async for number in counted] == [0, 1, 2]
            assert await channel.call_client_streaming("/t.T/Join", [b"a", b"b"]) == b"a,b"
            talked = channel.call_bidirectional_streaming("/t.T/Bidi", ["a", "b"], str.encode, bytes.decode)
            assert [word async for word in talked] == ["a", "b"]
            with pytest.raises(aio.AioRpcError) as caught:
                await channel.call_unary("/t.T/None", b"")
            assert caught.value.code() is StatusCode.UNIMPLEMENTED

    run(main)


# -- the server --------------------------------------------------------------------------------------------------------


def test_a_server_stream_can_give_up_waiting_and_lose_nothing() -> None:
    seen: list[object] = []

    async def serve(stream: Serving) -> None:
        try:
            await stream.recv(timeout=5)
        except grpc.StreamTimeoutError as error:
            seen.append(str(error))
            await stream.send(b"still there?")
        seen.append(await stream.recv(timeout=5))
        with pytest.raises(grpc.EndOfStream, match="there are no more messages"):
            await stream.recv()

    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(serve)) as channel, channel.stream(BIDI) as stream:
            await clock.advance(5)
            assert await stream.recv() == b"still there?"
            await stream.send(b"yes")
            await stream.close_send()
            with pytest.raises(grpc.EndOfStream):
                await stream.recv()
            assert seen == ["no message within 5 s", b"yes"]

    run(main)


def test_a_server_stream_that_often_gives_up_waiting_grows_by_nothing() -> None:
    async def patient(stream: Serving) -> None:
        for _ in range(3):
            with pytest.raises(grpc.StreamTimeoutError):
                await stream.recv(timeout=1)
        assert not stream.context._waiters

    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(patient)) as channel, channel.stream(BIDI) as stream:
            await clock.advance(3)
            assert await stream.code() is StatusCode.OK

    run(main)


def test_a_task_of_a_handler_that_receives_hears_of_the_end_of_the_stream_that_another_closes() -> None:
    async def two(stream: Serving) -> None:
        receiving = asyncio.create_task(drain(stream))
        await asyncio.sleep(0)
        await stream.close(StatusCode.ABORTED, "enough")
        await receiving

    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(two)) as channel, channel.stream(BIDI) as stream:
            with pytest.raises(aio.AioRpcError, match="enough"):
                await stream.recv()

    run(main)


def test_a_handler_may_receive_in_one_task_and_send_in_another() -> None:
    async def serve(stream: Serving) -> None:
        async def tell() -> None:
            for index in range(10):
                await stream.send(b"%d" % index)

        telling = asyncio.create_task(tell())
        await drain(stream)
        await telling

    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(serve)) as channel, channel.stream(BIDI) as stream:
            for index in range(10):
                assert await stream.recv(timeout=1) == b"%d" % index, "though the handler waits for a request"

    run(main)


def test_a_stream_that_its_handler_closes_is_closed_while_the_handler_goes_on() -> None:
    finished, told = asyncio.Event(), asyncio.Event()

    async def serve(stream: Serving) -> None:
        stream.context.add_done_callback(lambda _: told.set())
        await stream.send(b"last")
        stream.set_trailing_metadata((("x-why", "because"),))
        await stream.close(StatusCode.OK, "enough")
        assert stream.done()
        with pytest.raises(aio.UsageError, match="the stream was closed by its handler: nothing can be sent any more"):
            await stream.send(b"")
        with pytest.raises(aio.UsageError, match="closed by its handler already"):
            await stream.close()
        with pytest.raises(grpc.EndOfStream, match="the call is over"):
            await stream.recv()
        await asyncio.sleep(60)
        finished.set()

    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(serve)) as channel, channel.stream(BIDI) as stream:
            assert [message async for message in stream] == [b"last"]
            assert (await stream.code(), await stream.details()) == (StatusCode.OK, "enough")
            assert dict(await stream.trailing_metadata())["x-why"] == "because"
            assert told.is_set()
            assert not finished.is_set()
            await clock.advance(60)
            assert finished.is_set()

    run(main)


@pytest.mark.parametrize("rpc_type", ["unary", "client_streaming"])
def test_a_method_with_one_response_ends_with_ok_by_returning_it(rpc_type: str) -> None:
    async def serve(*arguments: Any) -> bytes:
        stream = arguments[-1]
        with pytest.raises(aio.UsageError, match="a method with one response ends with OK by returning it"):
            await stream.close()
        with pytest.raises(aio.UsageError, match="write is for methods with a stream of responses"):
            await stream.send(b"")
        if rpc_type == "unary":
            with pytest.raises(aio.UsageError, match="read is for methods with a stream of requests"):
                await stream.recv()
        else:
            await drain(stream)  # the client has said all before it is answered
        assert stream.time_remaining() is not None
        await stream.close(StatusCode.OUT_OF_RANGE, "too far")
        return b"too late"

    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(serve, rpc_type)) as channel, channel.stream(BIDI, timeout=5) as stream:
            await stream.send(b"")
            await stream.close_send()
            with pytest.raises(aio.AioRpcError) as caught:
                await stream.recv()
            assert (caught.value.code(), caught.value.details()) == (StatusCode.OUT_OF_RANGE, "too far")

    run(main)


def test_a_handler_whose_client_has_gone_is_cancelled_and_can_send_no_more() -> None:
    seen: list[str] = []
    over = asyncio.Event()

    async def serve(stream: Serving) -> None:
        try:
            await stream.recv()
        except asyncio.CancelledError:
            try:
                await stream.send(b"")
            except grpc.EndOfStream as error:
                seen.append(str(error))
            raise
        finally:
            over.set()

    async def main(clock: VirtualClock) -> None:
        async with in_memory(routed(serve)) as channel:
            async with channel.stream(BIDI):
                await clock.advance(0)
            await over.wait()
            assert seen == ["the call is over: nothing can be sent any more"]

    run(main)


# -- with grpcio -------------------------------------------------------------------------------------------------------


def test_streams_and_grpcio_understand_each_other() -> None:
    grpc_official = grpcio()

    async def official_echo(requests: Any, context: Any) -> Any:
        async for request in requests:
            yield request

    async def main() -> None:
        server = aio.server()
        server.add_generic_rpc_handlers([routed(echo)])
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc_official.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.stream_stream(BIDI)()
            await call.write(b"a")
            assert await call.read() == b"a"
            await call.done_writing()
            assert await call.code() is grpc_official.StatusCode.OK
        await server.stop(None)

        official = grpc_official.aio.server()
        handler = grpc_official.stream_stream_rpc_method_handler(official_echo)
        official.add_generic_rpc_handlers([grpc_official.method_handlers_generic_handler("t.T", {"Bidi": handler})])
        port = official.add_insecure_port("127.0.0.1:0")
        await official.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}") as ours, ours.stream(BIDI) as stream:
            await stream.send(b"a")
            assert await stream.recv(timeout=PATIENCE_S) == b"a"
            await stream.close_send()
            with pytest.raises(grpc.EndOfStream):
                await stream.recv(timeout=PATIENCE_S)
        await official.stop(None)

    asyncio.run(main())
