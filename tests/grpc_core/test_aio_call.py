"""Unary calls over loopback, seen from the client: results, metadata, status, deadlines, cancellation, retries."""

from __future__ import annotations

import asyncio
import math
import pickle
from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from grpc_core.status import StatusCode
from http2.errors import ErrorCode
from http2.frames import HEADERS, RST_STREAM, build_goaway, build_rst_stream
from tests.grpc_core.support import (
    OK_TRAILERS,
    RESPONSE,
    Events,
    Raw,
    WireTap,
    facing,
    joined,
    message,
    method,
    run,
    status_of,
)


async def forever(request: bytes, context: aio.ServicerContext) -> bytes:
    await asyncio.Event().wait()
    return request


# -- results -----------------------------------------------------------------------------------------------------------


def test_a_call_gives_its_response_as_often_as_it_is_awaited() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            call = method(channel)(b"hello")
            assert isinstance(call, aio.UnaryUnaryCall)
            assert isinstance(call, aio.Call)
            assert not call.done()
            assert repr(call) == "<UnaryUnaryCall of /test.Service/Echo running>"
            assert [await call, await call, *await asyncio.gather(call, call)] == [b"hello"] * 4
            assert call.done()
            assert not call.cancelled()
            assert not call.cancel(), "it is over"
            assert (await call.code(), await call.details()) == (StatusCode.OK, "")
            assert repr(call) == "<UnaryUnaryCall of /test.Service/Echo OK>"
            assert (await call.debug_error_string()).startswith("OK: (peer")

    run(main())


def test_a_call_starts_without_being_awaited() -> None:
    async def main() -> None:
        called = Events()

        async def note(request: bytes, context: aio.ServicerContext) -> bytes:
            called(request)
            return b""

        async with joined({"Note": note}) as (_, channel):
            call = method(channel, "Note")(b"x")
            assert await called.count(1) == [b"x"]
            assert await call.code() is StatusCode.OK, "the status can be had without the response"

    run(main())


@pytest.mark.wire("W051", "W053")
@pytest.mark.parametrize("size", [0, 1, 16_384, 100_000, 3_000_000, 4 * 1024 * 1024])
def test_messages_of_all_sizes(size: int) -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            assert await method(channel)(bytes(size)) == bytes(size)

    run(main())


def test_a_failed_call_raises_as_often_as_it_is_awaited() -> None:
    async def fail(request: bytes, context: aio.ServicerContext) -> bytes:
        await context.abort(StatusCode.FAILED_PRECONDITION, "not möglich\n☺", (("x-t", "1"),))
        return b""

    async def main() -> None:
        async with joined({"Fail": fail}) as (_, channel):
            call = method(channel, "Fail")(b"")
            for _ in range(2):
                with pytest.raises(aio.AioRpcError) as caught:
                    await call
                error = caught.value
                assert (error.code(), error.details()) == (StatusCode.FAILED_PRECONDITION, "not möglich\n☺")
                assert error.trailing_metadata() == (("x-t", "1"),)
                assert error.initial_metadata() == ()
                assert error.debug_error_string().startswith("FAILED_PRECONDITION:not möglich\n☺ (peer ")
            assert str(pickle.loads(pickle.dumps(error))) == str(error)
            assert (await call.code(), await call.details()) == (error.code(), error.details())
            assert not call.cancelled()

    run(main())


def test_what_is_not_awaited_holds_no_window() -> None:
    """Responses of 100 kB lie unread in a hundred calls, more than the connection's window; another call goes on."""

    async def main() -> None:
        async with joined() as (_, channel):
            echo = method(channel)
            calls = [echo(bytes(100_000)) for _ in range(100)]
            assert await echo(bytes(1_000_000)) == bytes(1_000_000)
            for call in reversed(calls):
                assert len(await call) == 100_000
            protocol = channel.link.ready
            assert protocol is not None
            assert protocol.connection.receive_window.held == 0

    run(main())


def test_the_message_of_a_failed_call_holds_no_window() -> None:
    async def script(raw: Raw) -> None:
        while True:
            stream_id = (await raw.next_request()).stream_id
            raw.sends(
                raw.headers(stream_id, RESPONSE),
                raw.data(stream_id, message(bytes(10_000))),
                raw.headers(stream_id, ((b"grpc-status", b"5"),), end_stream=True),
            )

    async def main() -> None:
        async with facing(script) as channel:
            assert await status_of(method(channel)(b"")) == (StatusCode.NOT_FOUND, "")
            protocol = channel.link.ready
            assert protocol is not None
            assert protocol.connection.receive_window.held == 0

    run(main())


# -- serializers -------------------------------------------------------------------------------------------------------


def test_codecs_turn_requests_and_responses_into_octets() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            call = method(channel, request_serializer=str.encode, response_deserializer=bytes.decode)("über")
            assert await call == "über"

    run(main())


def test_an_exception_of_the_serializer_reaches_the_caller_and_nothing_is_sent() -> None:
    def broken(request: object) -> bytes:
        raise ZeroDivisionError

    async def main() -> None:
        tap = WireTap()
        async with joined(channel_tap=tap) as (_, channel):
            with pytest.raises(ZeroDivisionError):
                method(channel, request_serializer=broken)(b"")
            with pytest.raises(TypeError, match="Echo is str after serializing"):
                method(channel)("text")
        assert tap.of("sent", HEADERS) == []

    run(main())


@pytest.mark.wire("A9")
def test_an_exception_of_the_deserializer_is_internal() -> None:
    def broken(response: bytes) -> object:
        raise ZeroDivisionError

    async def main() -> None:
        async with joined() as (_, channel):
            call = method(channel, response_deserializer=broken)(b"")
            for _ in range(2):
                assert await status_of(call) == (StatusCode.INTERNAL, "Exception deserializing response!")

    run(main())


# -- metadata ----------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W032", "W033", "W035")
def test_metadata_both_ways_with_binary_and_duplicate_keys() -> None:
    sent = (("x-a", "1"), ("x-bin", b"\0\xff"), ("x-a", "2"), ("x-bin", b""), ("cookie", "c=1"), ("cookie", "c=2"))
    seen: list[Any] = []

    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        seen.append(context.invocation_metadata())
        await context.send_initial_metadata(sent[:4])
        context.set_trailing_metadata(aio.Metadata(("x-t", "3"), ("x-t-bin", b"\1")))
        return b""

    async def main() -> None:
        async with joined({"Handle": handle}) as (_, channel):
            for given in (sent, list(sent), iter(sent)):
                call = method(channel, "Handle")(b"", metadata=given)
                assert await call == b""
                initial = await call.initial_metadata()
                trailing = await call.trailing_metadata()
                assert isinstance(initial, aio.Metadata)
                assert initial.get_all("x-a") == ["1", "2"]
                assert initial.get_all("x-bin") == [b"\0\xff", b""]
                assert trailing == (("x-t", "3"), ("x-t-bin", b"\1"))
        for metadata in seen:
            pairs = [pair for pair in metadata if pair[0] != "user-agent"]
            assert [pair for pair in pairs if pair[0] != "cookie"] == list(sent[:4]), "in their order"
            assert dict(pairs)["cookie"] == "c=1; c=2", "cookie fields are joined as RFC 9113 §8.2.3 says"
            assert dict(metadata)["user-agent"].startswith("grpc-python-plait/")

    run(main())


@pytest.mark.wire("W040")
def test_w040_initial_metadata_comes_before_the_response() -> None:
    go_on = asyncio.Event()

    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        await context.send_initial_metadata((("x-i", "1"),))
        await go_on.wait()
        return b"later"

    async def main() -> None:
        async with joined({"Handle": handle}) as (_, channel):
            call = method(channel, "Handle")(b"")
            assert await call.initial_metadata() == (("x-i", "1"),)
            assert not call.done()
            go_on.set()
            assert await call == b"later"
            assert await call.trailing_metadata() == ()

    run(main())


def test_metadata_of_a_call_without_any() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            call = method(channel)(b"", metadata=())
            assert await call.trailing_metadata() == ()
            assert await call.initial_metadata() == ()
            failed = method(channel, "Nope")(b"")
            assert await failed.initial_metadata() == (), "Trailers-Only has none"

    run(main())


@pytest.mark.wire("W030", "W031")
@pytest.mark.parametrize("metadata", [(("Upper", "x"),), (("x", b"\n"),), (("x-bin", "text"),), (("x",),), ("xy",)])
def test_metadata_that_cannot_be_sent_is_the_callers_error(metadata: Any) -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            with pytest.raises(ValueError, match="etadata"):
                method(channel)(b"", metadata=metadata)

    run(main())


@pytest.mark.wire("W039")
def test_w039_metadata_over_the_servers_limit_fails_the_call_alone() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            assert await method(channel)(b"a") == b"a"
            code, details = await status_of(method(channel)(b"", metadata=(("x-a", "v" * 20_000),)))
            assert code is StatusCode.RESOURCE_EXHAUSTED
            assert details is not None
            assert "the peer's SETTINGS_MAX_HEADER_LIST_SIZE is 16384" in details
            assert await method(channel)(b"b") == b"b"

    run(main())


# -- deadlines ---------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W026", "A9")
def test_w026_the_clients_deadline_ends_the_call_on_both_sides() -> None:
    async def main() -> None:
        tap = WireTap()
        ended = Events()
        cancelled = Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            context.add_done_callback(lambda context: ended(context.cancelled()))
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled()
                raise
            return b""

        async with joined({"Handle": handle}, channel_tap=tap) as (_, channel):
            call = method(channel, "Handle")(b"", timeout=0.1)
            remaining = call.time_remaining()
            assert 0 < remaining <= 0.1
            assert await status_of(call) == (StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
            assert call.time_remaining() == 0
            assert not call.cancelled(), "it was not cancelled, it was too late"
            await cancelled.count(1)
            assert await ended.count(1) == [True]

    run(main())


@pytest.mark.wire("W026")
def test_w026_a_server_that_knows_no_deadlines_is_told_with_a_reset() -> None:
    async def main() -> None:
        reset = Events()

        async def script(raw: Raw) -> None:
            await raw.next_request()
            reset(await raw.next_of(RST_STREAM))

        async with facing(script) as channel:
            code, _ = await status_of(method(channel)(b"", timeout=0.05))
            assert code is StatusCode.DEADLINE_EXCEEDED
            (frame,) = await reset.count(1)
            assert frame.payload == ErrorCode.CANCEL.to_bytes(4, "big")

    run(main())


@pytest.mark.wire("W027")
def test_w027_a_reset_after_the_deadline_is_the_deadline() -> None:
    """The event loop was busy while the deadline passed, and sees the server's RST_STREAM (CANCEL) first."""

    async def script(raw: Raw) -> None:
        for _ in range(2):
            stream_id = (await raw.next_request()).stream_id
            raw.sends(build_rst_stream(stream_id, ErrorCode.CANCEL))
        await raw.rest()

    async def main() -> None:
        async with facing(script) as channel:
            await channel.channel_ready()
            call = method(channel)(b"", timeout=30)
            call._deadline = asyncio.get_running_loop().time()
            assert await status_of(call) == (StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
            call = method(channel)(b"", timeout=30)
            assert await status_of(call) == (StatusCode.CANCELLED, "Received RST_STREAM with error code CANCEL")
            assert not call.cancelled(), "not from this side"

    run(main())


@pytest.mark.wire("W026")
@pytest.mark.parametrize("timeout", [0, -1, -math.inf])
def test_a_deadline_in_the_past_ends_the_call_without_a_request(timeout: float) -> None:
    async def main() -> None:
        tap = WireTap()
        async with joined(channel_tap=tap) as (_, channel):
            await channel.channel_ready()
            call = method(channel)(b"", timeout=timeout)
            assert not call.done(), "its end comes through the event loop, like any other"
            assert await status_of(call) == (StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        assert tap.of("sent", HEADERS) == []

    run(main())


def test_a_long_timeout_and_none() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            assert await method(channel)(b"a", timeout=math.inf) == b"a"
            assert await method(channel)(b"a", timeout=1e9) == b"a"
            call = method(channel)(b"a")
            assert call.time_remaining() is None
            await call

    run(main())


@pytest.mark.wire("W022")
def test_the_timeout_on_the_wire_is_what_is_left_when_the_call_leaves() -> None:
    async def main() -> None:
        seen: list[float | None] = []

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            seen.append(context.time_remaining())
            return b""

        async with joined({"Handle": handle}) as (_, channel):
            await method(channel, "Handle")(b"", timeout=30)
            await method(channel, "Handle")(b"")
        with_deadline, without = seen
        assert without is None
        assert with_deadline is not None
        assert 20 < with_deadline <= 30

    run(main())


def test_a_deadline_while_connecting() -> None:
    async def main() -> None:
        async def script(raw: Raw) -> None:
            await raw.rest()

        async with facing(script, greet=False) as channel:
            assert (await status_of(method(channel)(b"", timeout=0.05)))[0] is StatusCode.DEADLINE_EXCEEDED

    run(main())


# -- cancellation ------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W101")
def test_w101_cancelling_a_call_cancels_its_handler() -> None:
    async def main() -> None:
        started, ended = Events(), Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            context.add_done_callback(lambda context: ended((context.cancelled(), context.done())))
            started()
            await asyncio.Event().wait()
            return b""

        tap = WireTap()
        async with joined({"Handle": handle}, channel_tap=tap) as (_, channel):
            call = method(channel, "Handle")(b"")
            await started.count(1)
            assert call.cancel()
            assert not call.cancel(), "only once"
            assert call.cancelled()
            assert call.done()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert await call.code() is StatusCode.CANCELLED
            assert await call.details() == "Locally cancelled by application!"
            assert await call.initial_metadata() == ()
            assert await call.trailing_metadata() == ()
            assert await ended.count(1) == [(True, True)]
            assert tap.resets() == [("sent", 1, ErrorCode.CANCEL)]

    run(main())


def test_a_call_that_is_cancelled_at_once_is_never_sent() -> None:
    async def main() -> None:
        tap = WireTap()
        async with joined(channel_tap=tap) as (_, channel):
            call = method(channel)(b"")
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            await channel.channel_ready()
        assert tap.of("sent", HEADERS) == []

    run(main())


@pytest.mark.wire("W101")
def test_cancelling_the_task_that_awaits_cancels_the_call() -> None:
    async def main() -> None:
        started, ended = Events(), Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            context.add_done_callback(ended)
            started()
            await asyncio.Event().wait()
            return b""

        async with joined({"Handle": handle}) as (_, channel):
            call = method(channel, "Handle")(b"")

            async def wait() -> bytes:
                response: bytes = await call
                return response

            task = asyncio.create_task(wait())
            await started.count(1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert call.cancelled()
            await ended.count(1)

    run(main())


def test_waiting_for_less_than_the_response_does_not_cancel() -> None:
    async def main() -> None:
        go_on = asyncio.Event()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            await go_on.wait()
            return b"x"

        async with joined({"Handle": handle}) as (_, channel):
            call = method(channel, "Handle")(b"")
            for waiting in (call.code(), call.initial_metadata(), call.trailing_metadata(), call.details()):
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(waiting, 0.01)
            go_on.set()
            assert await call == b"x"

    run(main())


def test_done_callbacks_get_the_call() -> None:
    async def main() -> None:
        async with joined() as (_, channel):
            call = method(channel)(b"x")
            done = Events()
            call.add_done_callback(done)
            call.add_done_callback(done)
            await call
            assert await done.count(2) == [call, call]
            call.add_done_callback(done)
            assert len(done.seen) == 3, "of a call that is over, at once"

    run(main())


def test_a_done_callback_sees_the_status_that_the_caller_sees() -> None:
    """Two responses are UNIMPLEMENTED, and were so when the call ended."""

    async def script(raw: Raw) -> None:
        stream_id = (await raw.next_request()).stream_id
        raw.sends(
            raw.headers(stream_id, RESPONSE),
            raw.data(stream_id, message(b"1") + message(b"2")),
            raw.headers(stream_id, OK_TRAILERS, end_stream=True),
        )
        await raw.rest()

    async def main() -> None:
        async with facing(script) as channel:
            call = method(channel)(b"")
            done = Events()
            call.add_done_callback(lambda call: done(call._code))
            details = "the server sent 2 responses with OK; exactly one is required"
            assert await status_of(call) == (StatusCode.UNIMPLEMENTED, details)
            assert await done.count(1) == [StatusCode.UNIMPLEMENTED]

    run(main())


# -- connections -------------------------------------------------------------------------------------------------------


def test_wait_for_connection() -> None:
    async def main() -> None:
        async with joined({"Forever": forever}) as (_, channel):
            call = method(channel, "Forever")(b"")
            await call.wait_for_connection()
            assert not call.done()
            call.cancel()
        async with aio.insecure_channel("127.0.0.1:1") as channel:
            call = method(channel)(b"")
            with pytest.raises(aio.AioRpcError) as caught:
                await call.wait_for_connection()
            assert caught.value.code() is StatusCode.UNAVAILABLE
            call = method(channel)(b"", wait_for_ready=True)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call.wait_for_connection()

    run(main())


def test_an_error_before_there_is_a_connection_names_no_peer() -> None:
    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1") as channel:
            with pytest.raises(aio.AioRpcError) as caught:
                await method(channel)(b"")
            assert caught.value.debug_error_string() == f"UNAVAILABLE:{caught.value.details()}"

    run(main())


@pytest.mark.wire("W057")
def test_a_message_over_the_send_limit_is_not_sent() -> None:
    async def main() -> None:
        options = (("grpc.max_send_message_length", 3),)
        async with joined(channel_options=options) as (_, channel):
            assert await method(channel)(b"123") == b"123"
            code, details = await status_of(method(channel)(b"1234"))
            assert (code, details) == (StatusCode.RESOURCE_EXHAUSTED, "Sent message larger than max (4 vs. 3)")
            assert await method(channel)(b"123") == b"123"

    run(main())


@pytest.mark.wire("A9", "W057")
def test_a_response_over_the_receive_limit() -> None:
    async def main() -> None:
        options = (("grpc.max_receive_message_length", 3),)
        tap = WireTap()
        async with joined(channel_options=options, channel_tap=tap) as (_, channel):
            code, details = await status_of(method(channel)(b"1234"))
            assert (code, details) == (StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (4 vs. 3)")
            assert await method(channel)(b"123") == b"123"

    run(main())


# -- transparent retries -----------------------------------------------------------------------------------------------


class Refusing:
    """A server that refuses the first `refusals` requests in one way or another, and answers the others."""

    def __init__(self, refusals: int, how: str) -> None:
        self.left = refusals
        self.how = how
        self.requests = 0

    async def __call__(self, raw: Raw) -> None:
        while (frame := await raw.next_frame()) is not None:
            if frame.type == HEADERS:
                self.requests += 1
            if not frame.flags & 1 or frame.type not in (0, HEADERS):
                continue
            stream_id = frame.stream_id
            if not self.left:
                raw.sends(
                    raw.headers(stream_id, RESPONSE),
                    raw.data(stream_id, message(b"at last")),
                    raw.headers(stream_id, OK_TRAILERS, end_stream=True),
                )
                continue
            self.left -= 1
            if self.how == "after headers":
                raw.sends(raw.headers(stream_id, RESPONSE))
            if self.how == "goaway":
                raw.sends(build_goaway(0, ErrorCode.NO_ERROR))
            else:
                raw.sends(build_rst_stream(stream_id, ErrorCode.REFUSED_STREAM))


@pytest.mark.wire("W165", "A20.17")
@pytest.mark.parametrize("how", ["refused", "goaway"])
def test_w165_an_unprocessed_request_is_made_again_once(how: str) -> None:
    async def main() -> None:
        server = Refusing(1, how)
        async with facing(server) as channel:
            assert await method(channel)(b"", timeout=20) == b"at last"
        assert server.requests == 2
        server = Refusing(2, how)
        async with facing(server) as channel:
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert details.startswith("Received RST_STREAM with error code REFUSED_STREAM")
            assert server.requests == 2, "exactly once"
            assert await method(channel)(b"") == b"at last"

    run(main())


def test_a_request_whose_response_has_begun_is_not_made_again() -> None:
    async def main() -> None:
        server = Refusing(1, "after headers")
        async with facing(server) as channel:
            assert (await status_of(method(channel)(b"")))[0] is StatusCode.UNAVAILABLE
        assert server.requests == 1

    run(main())


def test_a_call_that_was_cancelled_is_not_made_again() -> None:
    async def main() -> None:
        server = Refusing(1, "refused")
        async with facing(server) as channel:
            await channel.channel_ready()
            call = method(channel)(b"")
            await asyncio.sleep(0)
            call.cancel()
            assert await method(channel)(b"") == b"at last"
            assert await call.code() is StatusCode.CANCELLED

    run(main())


def test_a_server_that_goes_away_with_its_settings_does_not_hang_the_call() -> None:
    async def main() -> None:
        greetings = Events()

        async def script(raw: Raw) -> None:
            greetings()
            raw.sends(build_goaway(0, ErrorCode.NO_ERROR))
            await raw.rest()

        async with facing(script, options=(("grpc.initial_reconnect_backoff_ms", 10),)) as channel:
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert details.endswith("the server went away at once")
            call = method(channel)(b"", wait_for_ready=True, timeout=5)
            await greetings.count(3)
            call.cancel()

    run(main())


# -- many calls --------------------------------------------------------------------------------------------------------


def test_a_thousand_calls_on_one_connection_to_a_server_that_allows_a_hundred_streams() -> None:
    async def main() -> None:
        running = peak = 0

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            nonlocal running, peak
            running += 1
            peak = max(peak, running)
            await asyncio.sleep(0)
            running -= 1
            return request

        tap = WireTap()
        options = (("grpc.max_concurrent_streams", 100),)
        async with joined({"Handle": handle}, options=options, channel_tap=tap) as (_, channel):
            await channel.channel_ready()
            call = method(channel, "Handle")
            responses = await asyncio.gather(*(call(b"%d" % i) for i in range(1000)))
            assert responses == [b"%d" % i for i in range(1000)]
        assert tap.resets() == [], "none was refused"
        assert len({stream_id for stream_id, _ in tap.of("sent", HEADERS)}) == 1000
        assert 1 < peak <= 100

    run(main())


def test_hundreds_of_cancelled_calls_do_not_cost_the_connection() -> None:
    """A client that gives up often is not an attack: what it starts costs us no more than its streams."""

    async def main() -> None:
        async with joined({"Forever": forever}) as (_, channel):
            await channel.channel_ready()
            first = channel.link.ready
            for _ in range(5):
                calls = [method(channel, "Forever")(b"") for _ in range(90)]
                await method(channel)(b"")
                for call in calls:
                    call.cancel()
                assert await method(channel)(b"x") == b"x"
            assert channel.link.ready is first

    run(main())


def test_grpc_core_exports_the_asyncio_face_lazily() -> None:
    assert grpc.aio is aio
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = grpc.nothing
