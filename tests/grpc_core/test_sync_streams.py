"""Calls as streams, for threads: that sending and receiving do not hold each other up, and every end of a stream."""

from __future__ import annotations

import functools
import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from grpc_core.status import StatusCode
from grpc_core.sync.exchange import serialized
from grpc_core.testing import Network, VirtualClock, in_memory_sync
from tests.grpc_core.sync_support import PATIENCE_S, Gate
from tests.support.modules import grpcio

Serving = grpc.ServerStream[bytes, bytes]
BIDI = "/t.T/Bidi"


class Handling(grpc.Handler[bytes, bytes]):
    """Runs one function for the streams of all kinds."""

    def __init__(self, behavior: Callable[..., Any]) -> None:
        self._run = behavior

    def handle_unary(self, request: bytes, stream: Serving) -> bytes:
        return self._run(request, stream)  # type: ignore[no-any-return]

    def handle_client_streaming(self, stream: Serving) -> bytes:
        return self._run(stream)  # type: ignore[no-any-return]

    def handle_server_streaming(self, request: bytes, stream: Serving) -> None:
        self._run(request, stream)

    def handle_bidirectional_streaming(self, stream: Serving) -> None:
        self._run(stream)


def routed(behavior: Callable[..., Any], rpc_type: str = "bidirectional_streaming", **codecs: Any) -> grpc.Router:
    router = grpc.Router()
    router.register("t.T", "Bidi", Handling(behavior), rpc_type, **codecs)
    return router


def echo(stream: Serving) -> None:
    for message in stream:
        stream.send(message)


def drain(stream: Serving) -> None:
    for _ in stream:
        pass


def send_for_ever(stream: grpc.ClientStream[bytes, bytes]) -> None:
    while True:
        stream.send(bytes(100_000))


class Background:
    """A function in a thread of its own; `result` is what it returned or raised."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self.result: object = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.result = self._function()
        except Exception as error:
            self.result = error

    def is_running(self) -> bool:
        return self._thread.is_alive()

    def ended(self) -> object:
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive(), "what the test waits for did not happen"
        return self.result


# -- the client --------------------------------------------------------------------------------------------------------


def test_a_conversation_and_its_end() -> None:
    def serve(stream: Serving) -> None:
        assert dict(stream.metadata)["x-who"] == "me"
        stream.send_initial_metadata((("x-hello", "there"),))
        stream.set_trailing_metadata((("x-bye", "bye"),))
        echo(stream)

    with (
        in_memory_sync(routed(serve)) as channel,
        channel.stream(BIDI, metadata=(("x-who", "me"),), timeout=PATIENCE_S) as stream,
    ):
        assert dict(stream.initial_metadata())["x-hello"] == "there"
        for message in (b"a", b"", b"b" * 100_000):
            stream.send(message)
            assert stream.recv() == message
        assert not stream.done()
        remaining = stream.time_remaining()
        assert remaining is not None
        assert 0 < remaining <= PATIENCE_S
        stream.close_send()
        stream.close_send()
        for _ in range(2):
            with pytest.raises(grpc.EndOfStream, match="there are no more messages"):
                stream.recv(timeout=PATIENCE_S)
        assert list(stream) == []
        assert (stream.code(), stream.details()) == (StatusCode.OK, "")
        assert dict(stream.trailing_metadata())["x-bye"] == "bye"
        assert stream.done()
        assert not stream.cancel()


def test_codecs_and_iteration() -> None:
    with in_memory_sync(routed(echo)) as channel, channel.stream(BIDI, str.encode, bytes.decode) as stream:
        assert stream.time_remaining() is None
        for word in ("ä", "b"):
            stream.send(word)
        stream.close_send()
        assert list(stream) == ["ä", "b"]


def test_a_recv_that_runs_out_of_time_loses_nothing_and_the_call_goes_on() -> None:
    with in_memory_sync(routed(echo)) as channel, channel.stream(BIDI) as stream:
        for attempt in range(3):
            with pytest.raises(grpc.StreamTimeoutError, match=r"no message within 0\.01 s") as caught:
                stream.recv(timeout=0.01)
            assert isinstance(caught.value, TimeoutError)
            assert isinstance(caught.value, grpc.FutureTimeoutError)
            stream.send(b"%d" % attempt)
            assert stream.recv(timeout=PATIENCE_S) == b"%d" % attempt


def test_a_recv_that_waits_for_ever_does_not_hold_up_a_send() -> None:
    received = threading.Semaphore(0)

    def serve(stream: Serving) -> None:
        for _ in stream:
            received.release()

    with in_memory_sync(routed(serve)) as channel, channel.stream(BIDI) as stream:
        waiting = Background(stream.recv)
        for _ in range(200):
            stream.send(bytes(1_000))
        for _ in range(200):
            assert received.acquire(timeout=PATIENCE_S)
        assert waiting.is_running(), "the server has sent nothing"
        stream.close_send()
        assert isinstance(waiting.ended(), grpc.EndOfStream)


def test_a_send_that_waits_for_room_does_not_hold_up_a_recv() -> None:
    read_now = Gate()

    def serve(stream: Serving) -> None:
        for index in range(50):
            stream.send(b"%d" % index)
        read_now.wait()
        drain(stream)

    sent = 0
    with in_memory_sync(routed(serve)) as channel, channel.stream(BIDI) as stream:

        def send_all() -> None:
            nonlocal sent
            for _ in range(100):
                stream.send(bytes(100_000))
                sent += 1
            stream.close_send()

        sending = Background(send_all)
        for index in range(50):
            assert stream.recv(timeout=PATIENCE_S) == b"%d" % index
        with pytest.raises(grpc.StreamTimeoutError):
            stream.recv(timeout=0.05)
        assert sending.is_running()
        assert sent < 100, "ten megabytes do not fit: the sender waits"
        read_now.open()
        assert sending.ended() is None
        assert sent == 100
        with pytest.raises(grpc.EndOfStream):
            stream.recv(timeout=PATIENCE_S)


def test_many_threads_send_and_many_receive() -> None:
    with in_memory_sync(routed(echo)) as channel, channel.stream(BIDI) as stream, ThreadPoolExecutor(8) as pool:
        receiving = [pool.submit(lambda: [stream.recv(timeout=PATIENCE_S) for _ in range(100)]) for _ in range(4)]
        sending = [pool.submit(lambda n=n: [stream.send(b"%d" % n) for _ in range(100)]) for n in range(4)]  # type: ignore[misc]
        for done in sending:
            done.result(PATIENCE_S)
        received = [message for done in receiving for message in done.result(PATIENCE_S)]
        assert sorted(received) == sorted(b"%d" % n for n in range(4) for _ in range(100))


def test_an_end_other_than_ok_is_told_to_every_recv() -> None:
    def serve(stream: Serving) -> None:
        stream.send(b"first")
        stream.close(StatusCode.NOT_FOUND, "no such room")

    with in_memory_sync(routed(serve)) as channel, channel.stream(BIDI) as stream:
        assert stream.code() is StatusCode.NOT_FOUND
        assert stream.recv() == b"first", "what came before the end is still there"
        for _ in range(2):
            with pytest.raises(grpc.RpcError) as caught:
                stream.recv()
            error: Any = caught.value
            assert (error.code(), error.details()) == (StatusCode.NOT_FOUND, "no such room")
        with pytest.raises(grpc.RpcError):
            list(stream)
        with pytest.raises(
            grpc.EndOfStream, match=r"the call is over \(NOT_FOUND: no such room\): nothing can be sent"
        ):
            stream.send(b"late")
        stream.close_send()


def test_a_stream_that_is_cancelled_ends_both_ways() -> None:
    over = Gate()

    def serve(stream: Serving) -> None:
        stream.context.add_callback(over.open)
        stream.send(b"begun")
        over.wait()

    with in_memory_sync(routed(serve)) as channel, channel.stream(BIDI) as stream:
        assert stream.recv(timeout=PATIENCE_S) == b"begun"
        waiting = Background(stream.recv)
        sending = Background(functools.partial(send_for_ever, stream))
        assert stream.cancel()
        error: Any = waiting.ended()
        assert isinstance(error, grpc.RpcError)
        assert error.code() is StatusCode.CANCELLED  # type: ignore[attr-defined]
        assert isinstance(sending.ended(), grpc.EndOfStream)
        over.wait()


def test_leaving_the_context_cancels_what_is_not_over_and_so_does_forgetting_it() -> None:
    over = [Gate(), Gate()]

    def serve(stream: Serving) -> None:
        stream.context.add_callback(over[int(dict(stream.metadata)["x-n"])].open)
        stream.send(b"begun")
        drain(stream)

    with in_memory_sync(routed(serve)) as channel:
        with channel.stream(BIDI, metadata=(("x-n", "0"),)) as stream:
            assert stream.recv(timeout=PATIENCE_S) == b"begun"
        over[0].wait()
        assert stream.code() is StatusCode.CANCELLED
        stream = channel.stream(BIDI, metadata=(("x-n", "1"),)).start()
        assert stream.recv(timeout=PATIENCE_S) == b"begun"
        del stream
        gc.collect()
        over[1].wait()


def test_a_deadline_ends_the_stream() -> None:
    clock = VirtualClock()
    with in_memory_sync(routed(drain), clock=clock) as channel, channel.stream(BIDI, timeout=3600) as stream:
        waiting = Background(stream.recv)
        clock.advance_threadsafe(3600)
        error: Any = waiting.ended()
        assert error.code() is StatusCode.DEADLINE_EXCEEDED


def test_what_the_caller_does_wrong_is_said_and_changes_nothing() -> None:
    with in_memory_sync(routed(echo)) as channel:
        with pytest.raises(TypeError, match="a call has no setting tiemout"):
            channel.stream(BIDI, tiemout=1)  # type: ignore[call-overload]
        stream = channel.stream(BIDI)
        uses: list[Callable[[], object]] = [
            lambda: stream.send(b""),
            stream.recv,
            stream.close_send,
            stream.code,
            stream.details,
            stream.initial_metadata,
            stream.trailing_metadata,
            stream.cancel,
            stream.done,
            stream.time_remaining,
        ]
        for use in uses:
            with pytest.raises(aio.UsageError, match="the stream was not started"):
                use()
        assert stream.start() is stream
        with pytest.raises(aio.UsageError, match="the stream was started already"):
            stream.start()
        with pytest.raises(TypeError, match="bytes are required"):
            stream.send("text")  # type: ignore[arg-type]
        stream.send(b"a")
        assert stream.recv(timeout=PATIENCE_S) == b"a", "the stream is as it was"
        stream.close_send()
        with pytest.raises(aio.UsageError, match="nothing can be sent after close_send"):
            stream.send(b"")
        with pytest.raises(grpc.EndOfStream):
            stream.recv(timeout=PATIENCE_S)


def test_a_response_that_cannot_be_read_ends_the_call() -> None:
    with in_memory_sync(routed(echo)) as channel, channel.stream(BIDI, str.encode, int) as stream:
        stream.send("one")
        with pytest.raises(grpc.RpcError, match="Exception deserializing response!"):
            stream.recv(timeout=PATIENCE_S)
        assert stream.code() is StatusCode.INTERNAL


def test_a_message_over_the_limit_ends_the_call() -> None:
    limit = (("grpc.max_send_message_length", 10),)
    with in_memory_sync(routed(echo), channel_options=limit) as channel, channel.stream(BIDI) as stream:
        stream.send(bytes(11))
        with pytest.raises(grpc.RpcError, match="larger than max"):
            stream.recv(timeout=PATIENCE_S)
        assert stream.code() is StatusCode.RESOURCE_EXHAUSTED


def test_a_stream_that_cannot_start_says_why() -> None:
    network = Network()
    network.is_down = True
    with in_memory_sync(routed(echo), network=network) as channel:
        stream = channel.stream(BIDI)
        with pytest.raises(grpc.RpcError, match="Connection refused"):
            stream.start()
        with pytest.raises(grpc.RpcError, match="Connection refused"):
            stream.recv(timeout=PATIENCE_S)
        with pytest.raises(grpc.EndOfStream, match="UNAVAILABLE"):
            stream.send(b"")
    with pytest.raises(ValueError, match="closed channel"):
        channel.stream(BIDI).start()


# -- through interceptors ----------------------------------------------------------------------------------------------


class Shouting(grpc.StreamStreamClientInterceptor):
    """Changes what is sent and what is received, with iterators of its own."""

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        call = continuation(client_call_details, (request.upper() for request in request_iterator))
        return Wrapped(call)


class Wrapped:
    """A call that an interceptor returns in place of the channel's."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __next__(self) -> Any:
        return next(self._call) + b"!"

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


class Quiet(grpc.StreamStreamClientInterceptor):
    """Only adds metadata."""

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        details = client_call_details._replace(metadata=(("x-quiet", "yes"),))
        return continuation(details, request_iterator)


def test_a_stream_goes_through_interceptors_that_leave_the_iterators_alone() -> None:
    def serve(stream: Serving) -> None:
        stream.send(str(dict(stream.metadata)["x-quiet"]).encode())
        echo(stream)

    with in_memory_sync(routed(serve)) as channel:
        quiet: Any = grpc.intercept_channel(channel, Quiet())
        with quiet.stream(BIDI) as stream:
            assert stream._feed.is_attached, "no thread is needed"
            assert stream.recv(timeout=PATIENCE_S) == b"yes"
            stream.send(b"a")
            assert stream.recv(timeout=PATIENCE_S) == b"a"


def test_a_stream_goes_through_interceptors_that_wrap_the_iterators() -> None:
    with in_memory_sync(routed(echo)) as channel:
        shouting: Any = grpc.intercept_channel(channel, Shouting())
        with shouting.stream(BIDI, timeout=PATIENCE_S) as stream:
            for _ in range(2):
                with pytest.raises(grpc.StreamTimeoutError):
                    stream.recv(timeout=0.01)
            waiting = Background(stream.recv)
            while not stream._receiving.locked():
                pass
            with pytest.raises(aio.UsageError, match="is receiving from this stream"):
                stream.recv()
            for word in (b"a", b"b"):
                stream.send(word)
            assert waiting.ended() == b"A!"
            assert stream.recv() == b"B!"
            stream.close_send()
            with pytest.raises(grpc.EndOfStream):
                stream.recv(timeout=PATIENCE_S)
            assert stream.code() is StatusCode.OK
        with shouting.stream(BIDI) as stream:
            assert stream.cancel()
            error = Background(functools.partial(send_for_ever, stream)).ended()
            assert "CANCELLED" in str(error)
            with pytest.raises(grpc.RpcError, match="CANCELLED"):
                stream.recv(timeout=PATIENCE_S)
        assert shouting.call_unary("/t.T/Bidi", b"x", timeout=PATIENCE_S) == b"x", "its own kind is left alone"


class Raising(grpc.StreamStreamClientInterceptor):
    """Makes no call at all."""

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        raise ValueError("not today")


def test_an_interceptor_that_raises_ends_the_stream() -> None:
    with in_memory_sync(routed(echo)) as channel:
        failing: Any = grpc.intercept_channel(channel, Raising())
        stream = failing.stream(BIDI).start()
        with pytest.raises(ValueError, match="not today"):
            stream.recv(timeout=PATIENCE_S)
        with pytest.raises(grpc.EndOfStream, match="the call is over"):
            stream.send(b"")


# -- helpers -----------------------------------------------------------------------------------------------------------


def test_helpers_for_all_four_kinds() -> None:
    def count(request: bytes, stream: Serving) -> None:
        for index in range(int(request)):
            stream.send(b"%d" % index)

    router = grpc.Router()
    router.register("t.T", "Greet", Handling(lambda request, stream: b"Hello, " + request))
    router.register("t.T", "Count", Handling(count), "server_streaming")
    router.register("t.T", "Join", Handling(b",".join), "client_streaming")
    router.register("t.T", "Bidi", Handling(echo), "bidirectional_streaming")
    with in_memory_sync(router) as channel:
        assert channel.call_unary("/t.T/Greet", b"you", timeout=PATIENCE_S) == b"Hello, you"
        assert channel.call_unary("/t.T/Greet", "you", str.encode, bytes.decode) == "Hello, you"
        assert list(channel.call_server_streaming("/t.T/Count", 3, lambda n: b"%d" % n, int)) == [0, 1, 2]
        assert channel.call_client_streaming("/t.T/Join", [b"a", b"b"]) == b"a,b"
        talked = channel.call_bidirectional_streaming("/t.T/Bidi", ["a", "b"], str.encode, bytes.decode)
        assert list(talked) == ["a", "b"]
        with pytest.raises(grpc.RpcError, match="UNIMPLEMENTED"):
            channel.call_unary("/t.T/None", b"")


# -- the server --------------------------------------------------------------------------------------------------------


def test_a_server_stream_can_give_up_waiting_and_lose_nothing() -> None:
    seen: list[object] = []

    def serve(stream: Serving) -> None:
        try:
            stream.recv(timeout=0.01)
        except grpc.StreamTimeoutError as error:
            seen.append(str(error))
            stream.send(b"still there?")
        seen.append(stream.recv(timeout=PATIENCE_S))
        with pytest.raises(grpc.EndOfStream, match="there are no more messages"):
            stream.recv(timeout=PATIENCE_S)

    with in_memory_sync(routed(serve)) as channel, channel.stream(BIDI) as stream:
        assert stream.recv(timeout=PATIENCE_S) == b"still there?"
        stream.send(b"yes")
        stream.close_send()
        with pytest.raises(grpc.EndOfStream):
            stream.recv(timeout=PATIENCE_S)
        assert seen == ["no message within 0.01 s", b"yes"]


def test_a_handler_may_receive_in_one_thread_and_send_in_another() -> None:
    def serve(stream: Serving) -> None:
        telling = Background(lambda: [stream.send(b"%d" % index) for index in range(10)])
        drain(stream)
        telling.ended()

    with in_memory_sync(routed(serve)) as channel, channel.stream(BIDI) as stream:
        for index in range(10):
            assert stream.recv(timeout=PATIENCE_S) == b"%d" % index, "though the handler waits for a request"


def test_a_stream_that_its_handler_closes_is_closed_while_the_handler_goes_on() -> None:
    go_on = Gate()
    seen: list[object] = []

    def serve(stream: Serving) -> None:
        for _ in range(20):
            stream.send(bytes(100_000))
        stream.set_trailing_metadata((("x-why", "because"),))
        stream.close(StatusCode.OK, "enough")
        seen.append(stream.done())
        for use, text in (
            (lambda: stream.send(b""), "the stream was closed by its handler: nothing can be sent any more"),
            (stream.close, "the stream was closed by its handler already"),
        ):
            with pytest.raises(aio.UsageError, match=text):
                use()
        with pytest.raises(grpc.RpcError):
            stream.recv()
        go_on.wait()
        seen.append("finished")

    with in_memory_sync(routed(serve)) as channel:
        with channel.stream(BIDI) as stream:
            assert list(stream) == [bytes(100_000)] * 20, "all that was sent before"
            assert (stream.code(), stream.details()) == (StatusCode.OK, "enough")
            assert dict(stream.trailing_metadata())["x-why"] == "because"
        go_on.open()
    assert seen == [True, "finished"]


@pytest.mark.parametrize("rpc_type", ["unary", "client_streaming"])
def test_a_method_with_one_response_ends_with_ok_by_returning_it(rpc_type: str) -> None:
    def serve(*arguments: Any) -> bytes:
        stream = arguments[-1]
        with pytest.raises(aio.UsageError, match="a method with one response ends with OK by returning it"):
            stream.close()
        with pytest.raises(aio.UsageError, match="send is for methods with a stream of responses"):
            stream.send(b"")
        if rpc_type == "unary":
            with pytest.raises(aio.UsageError, match="recv is for methods with a stream of requests"):
                stream.recv()
        else:
            drain(stream)  # the client has said all before it is answered
        assert stream.time_remaining() is not None
        stream.close(StatusCode.OUT_OF_RANGE, "too far")
        return b"too late"

    with in_memory_sync(routed(serve, rpc_type)) as channel, channel.stream(BIDI, timeout=PATIENCE_S) as stream:
        stream.send(b"")
        stream.close_send()
        with pytest.raises(grpc.RpcError, match="too far"):
            stream.recv()
        assert stream.code() is StatusCode.OUT_OF_RANGE


def test_a_handler_whose_client_has_gone_can_send_and_receive_no_more() -> None:
    seen: list[object] = []
    begun, over = Gate(), Gate()

    def serve(stream: Serving) -> None:
        begun.open()
        try:
            stream.recv()
        except grpc.RpcError as error:
            seen.append(error)
        while len(seen) < 2:  # what was put before the end was heard of is not missed
            try:
                stream.send(bytes(100_000))
            except grpc.EndOfStream as error:
                seen.append(str(error))
        over.open()

    with in_memory_sync(routed(serve)) as channel:
        with channel.stream(BIDI):
            begun.wait()
        over.wait()
    assert seen[1] == "the call is over: nothing can be sent any more"


def test_messages_that_cannot_be_read_or_written_end_the_call() -> None:
    def refuse(message: object) -> Any:
        raise ValueError("no")

    for codecs, details in (
        ({"request_deserializer": refuse}, "Exception deserializing request!"),
        ({"response_serializer": refuse}, "Failed to serialize response!"),
    ):
        with in_memory_sync(routed(echo, **codecs)) as channel, channel.stream(BIDI) as stream:
            stream.send(b"a")
            with pytest.raises(grpc.RpcError, match=details):
                stream.recv(timeout=PATIENCE_S)


def test_a_blocking_handler_on_an_asyncio_server_is_told_so() -> None:
    import asyncio

    from grpc_core.testing import in_memory

    async def main() -> None:
        async with in_memory(routed(echo)) as channel, channel.stream(BIDI) as stream:
            with pytest.raises(aio.AioRpcError, match=r"on an asyncio server derive from aio\.Handler"):
                await stream.recv()

    asyncio.run(main())


# -- with grpcio -------------------------------------------------------------------------------------------------------


def test_streams_and_grpcio_understand_each_other() -> None:
    official = grpcio()
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        server.add_generic_rpc_handlers([routed(echo)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with official.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert list(channel.stream_stream(BIDI)(iter([b"a", b"b"]), timeout=PATIENCE_S)) == [b"a", b"b"]
        server.stop(None)

        theirs = official.server(pool)
        handler = official.stream_stream_rpc_method_handler(lambda requests, context: requests)
        theirs.add_generic_rpc_handlers([official.method_handlers_generic_handler("t.T", {"Bidi": handler})])
        port = theirs.add_insecure_port("127.0.0.1:0")
        theirs.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as ours, ours.stream(BIDI) as stream:
            stream.send(serialized("a", str.encode))
            assert stream.recv(timeout=PATIENCE_S) == b"a"
            stream.close_send()
            with pytest.raises(grpc.EndOfStream):
                stream.recv(timeout=PATIENCE_S)
        theirs.stop(None).wait(PATIENCE_S)
