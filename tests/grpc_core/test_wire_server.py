"""What our server answers on the wire, frame by frame, to clients played by hand that do what is allowed.

What it answers to what is not allowed is the table of docs/grpc.md (test_bad_input.py).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import grpc_core as grpc
from grpc_core import aio
from grpc_core.compression import DEFLATE, GZIP, Compression
from grpc_core.status import StatusCode, encode_message
from hpack_codec import Field
from http2.errors import ErrorCode
from http2.frames import (
    DATA,
    END_STREAM,
    HEADERS,
    RST_STREAM,
    SETTINGS,
    build_rst_stream,
    build_window_update,
    parse_rst_stream,
    parse_settings,
)
from tests.grpc_core.support import (
    REQUEST,
    RESPONSE,
    Events,
    Raw,
    facing,
    joined,
    message,
    method,
    request,
    run,
    serving,
    status_of,
)
from tests.support.modules import MODULES
from tests.support.peer import Frame

TEXT = b"compress me, " * 100
SENT = (("x-i", "1"), ("x-i-bin", b"\xff\0"), ("x-i", "2"))
SENT_FIELDS: tuple[Field, ...] = ((b"x-i", b"1"), (b"x-i-bin", b"/wA"), (b"x-i", b"2"))


def fields_of(frame: Frame) -> dict[bytes, bytes]:
    return dict(frame.fields)


async def tells(request: bytes, context: aio.ServicerContext) -> bytes:
    """What the handler sees of its request, evaluated by `seen`."""
    path, authority = context._call.request.path, context._call.request.authority
    metadata = tuple(tuple(pair) for pair in context.invocation_metadata())
    return repr((path, authority, metadata, context.time_remaining())).encode()


def seen(frames: list[Frame]) -> Any:
    return eval(frames[1].payload[5:])  # made by `repr` above


# -- the answer --------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W001", "W032", "W033", "W040", "W050", "W080", "W081")
def test_a_response_frame_by_frame() -> None:
    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        await context.send_initial_metadata(SENT)
        context.set_details("über")
        context.set_trailing_metadata((("x-t", "3"), ("x-t-bin", b"\xff")))
        return b"answer"

    async def main() -> None:
        async with serving({"Handle": handle}) as (_, port), await Raw.connect(port) as raw:
            head, data, trailers = await raw.calls(1, request(path=b"/test.Service/Handle"), message(b""))
            assert head.fields[:2] == ((b":status", b"200"), (b"content-type", b"application/grpc"))
            assert head.fields[2][0] == b"grpc-accept-encoding"
            assert head.fields[3:] == SENT_FIELDS
            assert (data.payload, data.flags) == (message(b"answer"), 0)
            assert trailers.flags & END_STREAM
            assert trailers.fields == (
                (b"grpc-status", b"0"),
                (b"grpc-message", b"%C3%BCber"),
                (b"x-t", b"3"),
                (b"x-t-bin", b"/w"),
            )

    run(main())


@pytest.mark.wire("W081", "W082", "A7")
@pytest.mark.parametrize("code", [code for code in StatusCode if code is not StatusCode.OK])
@pytest.mark.parametrize("begins", [False, True])
def test_a_status_of_the_application(code: StatusCode, begins: bool) -> None:
    """Trailers-Only when nothing was sent before; and `:status` is 200 whatever the gRPC status is."""

    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        if begins:
            await context.send_initial_metadata(())
        await context.abort(code, "why", (("x-t", "1"),))
        raise AssertionError

    async def main() -> None:
        async with serving({"Handle": handle}) as (_, port), await Raw.connect(port) as raw:
            frames = await raw.calls(1, request(path=b"/test.Service/Handle"), message(b""))
            assert [frame.type for frame in frames] == [HEADERS] * (2 if begins else 1)
            assert fields_of(frames[0])[b":status"] == b"200"
            trailers = frames[-1]
            assert trailers.flags & END_STREAM
            number = b"%d" % code.value[0]
            ours = ((b"grpc-status", number), (b"grpc-message", b"why"), (b"x-t", b"1"))
            assert trailers.fields[-3:] == ours
            assert (fields_of(trailers).get(b"content-type") == b"application/grpc") is not begins

    run(main())


@pytest.mark.wire("W083", "W084")
def test_a_message_of_all_sorts_of_characters_on_the_wire() -> None:
    text = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈 100%\t\n"

    async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        await context.abort(StatusCode.UNKNOWN, text)
        raise AssertionError

    async def main() -> None:
        async with joined({"Handle": handle}) as (_, channel):
            assert await status_of(method(channel, "Handle")(b"")) == (StatusCode.UNKNOWN, text)
        async with serving({"Handle": handle}) as (_, port), await Raw.connect(port) as raw:
            (trailers,) = await raw.calls(1, request(path=b"/test.Service/Handle"), message(b""))
            assert fields_of(trailers)[b"grpc-message"] == encode_message(text)
            assert b"%09%0Atest with whitespace%0D%0A" in encode_message(text)

    run(main())


@pytest.mark.wire("W082")
def test_response_headers_wait_for_the_first_message() -> None:
    """So that a stream which fails before its first message is Trailers-Only, and may be retried (gRFC A6)."""
    go_on = asyncio.Event()

    async def out(request: bytes, context: aio.ServicerContext) -> AsyncIterator[bytes]:
        await go_on.wait()
        if request == b"fail":
            await context.abort(StatusCode.UNAVAILABLE, "not now")
        yield b"one"

    async def main() -> None:
        async with streaming(out=out) as port, await Raw.connect(port) as raw:
            for stream_id, content in ((1, b"fail"), (3, b"go")):
                raw.sends(raw.headers(stream_id, request(path=b"/test.Stream/Out")))
                raw.sends(raw.data(stream_id, message(content), end_stream=True))
            raw.sends(b"\0\0\x08\x06\0\0\0\0\0are you?")
            assert (await raw.next_of(6, HEADERS)).type == 6, "nothing is said yet"
            go_on.set()
            first = await raw.answer(1)
            assert [(frame.type, frame.flags & END_STREAM) for frame in first] == [(HEADERS, END_STREAM)]

    run(main())


@asynccontextmanager
async def streaming(**behaviors: Any) -> AsyncIterator[int]:
    """A server with `/test.Stream/Out`, `In` and `Both`, as they are given; its port."""
    server = aio.server()
    kinds = {
        "out": grpc.unary_stream_rpc_method_handler,
        "in_": grpc.stream_unary_rpc_method_handler,
        "both": grpc.stream_stream_rpc_method_handler,
    }
    handlers = {name.strip("_").title(): kinds[name](behavior) for name, behavior in behaviors.items()}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Stream", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


# -- the request -------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W012", "W013", "W014", "W015", "W021", "W028", "W031", "W035", "W036")
def test_what_a_handler_sees_of_a_request() -> None:
    more: tuple[Field, ...] = (
        (b"grpc-message-type", b"test.Message"),
        (b"grpc-something-new", b"1"),
        (b"grpc-trace-bin", b"AQ"),
        (b"user-agent", b"me/1"),
        (b"x-a", b"1"),
        (b"x-bin", b"AAE="),
        (b"x-a", "é".encode()),
        (b"grpc-accept-encoding", b"identity,gzip"),
        (b"host", b"localhost"),
    )

    async def main() -> None:
        async with serving({"Tells": tells}) as (_, port), await Raw.connect(port, {0xFE03: 1}) as raw:
            frames = await raw.calls(1, request(path=b"/test.Service/Tells") + more, message(b""))
            path, authority, metadata, remaining = seen(frames)
            assert (path, authority, remaining) == ("/test.Service/Tells", "localhost", None)
            assert metadata == (
                ("grpc-trace-bin", b"\1"),
                ("user-agent", "me/1"),
                ("x-a", "1"),
                ("x-bin", b"\0\1"),
                ("x-a", r"\xc3\xa9"),
            )

    run(main())


@pytest.mark.wire("W028")
def test_without_a_deadline_a_blocking_handler_has_no_time_remaining_either() -> None:
    """grpcio says a very large number there; its documentation says None, and so do we."""

    def handle(request: bytes, context: aio.ServicerContext) -> bytes:
        return repr((context.time_remaining(),)).encode()

    async def main() -> None:
        async with joined({"Handle": handle}) as (_, channel):
            assert await method(channel, "Handle")(b"") == b"(None,)"
            (remaining,) = eval(await method(channel, "Handle")(b"", timeout=20))
            assert 0 < remaining <= 20
            call = method(channel, "Handle")(b"")
            assert call.time_remaining() is None
            await call

    run(main())


PSEUDO = [field for field in REQUEST if field[0][:1] == b":"]
REST = tuple(field for field in REQUEST if field[0][:1] != b":")


@pytest.mark.wire("W017")
def test_pseudo_header_fields_in_any_order() -> None:
    """`:path` first, `:authority`, `:method`, `:scheme` is what C-core sends."""

    async def main() -> None:
        async with serving() as (_, port), await Raw.connect(port) as raw:
            for index, order in enumerate(itertools.permutations(PSEUDO)):
                head, _, trailers = await raw.calls(2 * index + 1, order + REST, message(b""))
                assert fields_of(head)[b":status"] == b"200"
                assert fields_of(trailers)[b"grpc-status"] == b"0"

    run(main())


@pytest.mark.wire("W002")
def test_paths_are_case_sensitive_and_services_need_no_package() -> None:
    async def main() -> None:
        server = aio.server()
        handler = grpc.unary_unary_rpc_method_handler(tells)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("Bare", {"Tells": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with await Raw.connect(port) as raw:
            assert seen(await raw.calls(1, request(path=b"/Bare/Tells"), message(b"")))[0] == "/Bare/Tells"
            for stream_id, path in ((3, b"/bare/Tells"), (5, b"/Bare/tells"), (7, b"/Bare/Tells/")):
                (trailers,) = await raw.calls(stream_id, request(path=path), message(b""))
                assert fields_of(trailers)[b"grpc-status"] == b"12", path
        await server.stop(None)

    run(main())


@pytest.mark.wire("W011")
def test_host_stands_for_authority() -> None:
    """gRFC A41. The same for both is allowed, and Host is never metadata."""

    async def main() -> None:
        async with serving({"Tells": tells}) as (_, port), await Raw.connect(port) as raw:
            path = b"/test.Service/Tells"
            host: tuple[Field, ...] = ((b"host", b"elsewhere:1"),)
            alone = await raw.calls(1, request(path=path, authority=None) + host, message(b""))
            assert seen(alone)[1:3] == ("elsewhere:1", ())
            both = await raw.calls(3, request(path=path, authority=b"elsewhere:1") + host, message(b""))
            assert seen(both)[1:3] == ("elsewhere:1", ())

    run(main())


@pytest.mark.wire("W020", "W024")
def test_the_deadline_of_the_head_reaches_the_handler() -> None:
    async def main() -> None:
        async with serving({"Tells": tells}) as (_, port), await Raw.connect(port) as raw:
            for index, (value, most_s) in enumerate(
                ((b"20S", 20.0), (b"1M", 60.0), (b"99999999H", 100 * 365 * 86400.0))
            ):
                fields = request(path=b"/test.Service/Tells", grpc_timeout=value)
                remaining = seen(await raw.calls(2 * index + 1, fields, message(b"")))[3]
                assert most_s - 10 < remaining <= most_s

    run(main())


async def collects(requests: AsyncIterator[bytes], context: aio.ServicerContext) -> bytes:
    return repr([request async for request in requests]).encode()


@pytest.mark.wire("W051", "W053", "W054")
@pytest.mark.parametrize("end", ["with the head", "empty", "with the last message"])
@pytest.mark.parametrize("padding", [-1, 0, 255])
def test_messages_and_frames_are_cut_alike_nowhere(end: str, padding: int) -> None:
    """Octet by octet, all in one frame, padded or not; the end on HEADERS, on the last frame, or on one of its own."""
    payloads = [b"one", b"", b"three"]

    async def main() -> None:
        async with streaming(in_=collects) as port, await Raw.connect(port) as raw:
            fields = request(path=b"/test.Stream/In")
            if end == "with the head":
                assert (await raw.calls(1, fields))[1].payload == message(b"[]")
                return
            octets = b"".join(map(message, payloads))
            for stream_id, size in ((1, 1), (3, 2), (5, 7), (7, len(octets))):
                raw.sends(raw.headers(stream_id, fields))
                pieces = [octets[i : i + size] for i in range(0, len(octets), size)]
                if end == "empty":
                    pieces.append(b"")
                for index, piece in enumerate(pieces):
                    raw.sends(raw.data(stream_id, piece, end_stream=index == len(pieces) - 1, padding=padding))
                _, data, trailers = await raw.answer(stream_id)
                assert data.payload == message(repr(payloads).encode())
                assert fields_of(trailers)[b"grpc-status"] == b"0"

    run(main())


@pytest.mark.wire("W124", "W125", "A20.18")
def test_padding_far_beyond_the_window_is_credited_back() -> None:
    """The shape of the interop case data_frame_padding, on the server: 5 octets of content and 255 of padding a frame.

    The padding alone is more than both windows; lost credit would stop the client.
    """
    payload = bytes(100_000)

    async def main() -> None:
        async with serving() as (_, port), await Raw.connect(port) as raw:
            raw.sends(raw.headers(1, REQUEST))
            octets = message(payload)
            for index in range(0, len(octets), 5):
                end = index + 5 >= len(octets)
                raw.sends(raw.data(1, octets[index : index + 5], end_stream=end, padding=255))
                if index % 5_000 == 0:
                    await raw.writer.drain()
            raw.sends(build_window_update(0, 1 << 20), build_window_update(1, 1 << 20))
            answer = await raw.answer(1)
            assert b"".join(frame.payload for frame in answer if frame.type == DATA) == octets
            assert fields_of(answer[-1])[b"grpc-status"] == b"0"

    run(main())


# -- compression -------------------------------------------------------------------------------------------------------


async def large(request: bytes, context: aio.ServicerContext) -> bytes:
    if request == b"deflate":
        context.set_compression(Compression.Deflate)
    if request == b"plain":
        context.disable_next_message_compression()
    return TEXT + request


@pytest.mark.wire("W060", "W061", "W067", "W068", "W069", "W071")
def test_the_coding_of_a_response_is_one_that_the_client_reads() -> None:
    async def main() -> None:
        async with (
            serving({"Large": large}, compression=Compression.Gzip) as (_, port),
            await Raw.connect(port) as raw,
        ):
            cases: list[tuple[bytes | None, bytes, bytes | None, int]] = [
                # what the client reads, what it asks for, the coding of the response, the flag of its message
                (b"identity, deflate, gzip", b"", b"gzip", 1),
                (b"identity,deflate,gzip", b"deflate", b"deflate", 1),
                (b"gzip", b"", b"gzip", 1),
                (b" deflate ,gzip", b"deflate", b"deflate", 1),
                (b"gzip", b"deflate", None, 0),
                (b"deflate", b"", None, 0),
                (b"identity", b"", None, 0),
                (None, b"", None, 0),
                (b"gzip", b"plain", b"gzip", 0),
            ]
            for index, (accepts, asks, coding, flag) in enumerate(cases):
                # The request itself is in deflate, whatever the response is to be.
                fields = request(path=b"/test.Service/Large", grpc_encoding=b"deflate")
                if accepts is not None:
                    fields += ((b"grpc-accept-encoding", accepts.strip()),)
                content = message(DEFLATE.compress(asks), flag=1)
                head, data, trailers = await raw.calls(2 * index + 1, fields, content)
                assert fields_of(head).get(b"grpc-encoding") == coding, (accepts, asks)
                listed = fields_of(head)[b"grpc-accept-encoding"].replace(b" ", b"").split(b",")
                assert {b"identity", b"deflate", b"gzip"} <= set(listed), "W067: also what the client did not know"
                assert data.payload[0] == flag
                codings = {b"gzip": GZIP, b"deflate": DEFLATE}
                body = data.payload[5:]
                assert (codings[coding].decompress(body, -1) if flag and coding else body) == TEXT + asks
                assert fields_of(trailers)[b"grpc-status"] == b"0"

    run(main())


@pytest.mark.wire("W060")
def test_each_message_has_a_context_of_its_own_and_flag_0_is_plain() -> None:
    async def main() -> None:
        async with streaming(in_=collects) as port, await Raw.connect(port) as raw:
            fields = request(path=b"/test.Stream/In", grpc_encoding=b"gzip")
            content = [
                message(GZIP.compress(b"a" * 50), flag=1),
                message(b"plain"),
                message(GZIP.compress(b"b"), flag=1),
            ]
            _, data, _ = await raw.calls(1, fields, *content)
            assert data.payload[5:] == repr([b"a" * 50, b"plain", b"b"]).encode()

    run(main())


@pytest.mark.wire("W064")
def test_an_unsupported_coding_is_refused_even_where_nothing_is_compressed() -> None:
    """compression.md: UNIMPLEMENTED, and the answer lists what the server reads, without that coding."""

    async def main() -> None:
        async with serving() as (_, port), await Raw.connect(port) as raw:
            (trailers,) = await raw.calls(1, request(grpc_encoding=b"snappy"), message(b"x"))
            fields = fields_of(trailers)
            assert fields[b"grpc-status"] == b"12"
            assert b"snappy" not in fields[b"grpc-accept-encoding"]
            assert {b"deflate", b"gzip"} <= {name.strip() for name in fields[b"grpc-accept-encoding"].split(b",")}

    run(main())


# -- the end of a call -------------------------------------------------------------------------------------------------


@pytest.mark.wire("W092")
def test_an_answer_before_the_end_of_the_requests_asks_the_client_to_stop() -> None:
    async def first(requests: AsyncIterator[bytes], context: aio.ServicerContext) -> bytes:
        return await anext(aiter(requests))

    async def main() -> None:
        async with streaming(in_=first) as port, await Raw.connect(port) as raw:
            raw.sends(raw.headers(1, request(path=b"/test.Stream/In")), raw.data(1, message(b"1")))
            *_, trailers, reset = await raw.answer(1)
            assert fields_of(trailers)[b"grpc-status"] == b"0"
            assert (reset.type, parse_rst_stream(reset.payload)) == (RST_STREAM, ErrorCode.NO_ERROR)
            raw.sends(raw.data(1, message(b"2"), end_stream=True))  # it was on its way
            good = await raw.calls(3, request(path=b"/test.Stream/In"), message(b"x"))
            assert fields_of(good[2])[b"grpc-status"] == b"0", "nothing else is harmed"

    run(main())


@pytest.mark.wire("W101")
def test_a_reset_cancels_the_handler_and_calls_its_callbacks() -> None:
    async def main() -> None:
        started, ended = Events(), Events()

        async def both(requests: AsyncIterator[bytes], context: aio.ServicerContext) -> AsyncIterator[bytes]:
            context.add_done_callback(lambda context: ended((context.cancelled(), context.done())))
            started()
            async for each in requests:
                yield each

        async with streaming(both=both) as port, await Raw.connect(port) as raw:
            raw.sends(raw.headers(1, request(path=b"/test.Stream/Both")))
            await started.count(1)
            raw.sends(build_rst_stream(1, ErrorCode.CANCEL))
            assert await ended.count(1) == [(True, True)]

    run(main())


@pytest.mark.wire("W027", "W100", "W102")
@pytest.mark.parametrize("reads", [True, False])
def test_the_deadline_of_a_stream_ends_it_with_a_status_or_a_reset(reads: bool) -> None:
    """A status, unless it would have to wait behind messages that the client gives no window for."""
    cancelled = Events()

    async def out(request: bytes, context: aio.ServicerContext) -> AsyncIterator[bytes]:
        try:
            while True:
                yield bytes(10_000)
                if reads:
                    await asyncio.Event().wait()
        finally:
            cancelled()

    async def main() -> None:
        async with streaming(out=out) as port, await Raw.connect(port) as raw:
            fields = request(path=b"/test.Stream/Out", grpc_timeout=b"200m")
            raw.sends(raw.headers(1, fields), raw.data(1, message(b""), end_stream=True))
            *_, last = await raw.answer(1) if reads else [await raw.next_of(RST_STREAM)]
            if reads:
                assert fields_of(last)[b"grpc-status"] == b"4"
            else:
                assert parse_rst_stream(last.payload) == ErrorCode.CANCEL
            await cancelled.count(1)
            raw.sends(build_window_update(0, 1 << 20))
            good = await raw.calls(3, request(path=b"/test.Stream/Nope"), message(b""))
            assert fields_of(good[0])[b"grpc-status"] == b"12", "the connection goes on"

    run(main())


@pytest.mark.wire("W103")
def test_a_connection_that_is_lost_cancels_its_handlers() -> None:
    async def main() -> None:
        started, ended = Events(), Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            context.add_done_callback(lambda context: ended(context.cancelled()))
            started()
            await asyncio.Event().wait()
            return b""

        async with serving({"Handle": handle}) as (_, port):
            async with await Raw.connect(port) as raw:
                for stream_id in (1, 3):
                    raw.sends(raw.headers(stream_id, request(path=b"/test.Service/Handle")))
                    raw.sends(raw.data(stream_id, message(b""), end_stream=True))
                await started.count(2)
            assert await ended.count(2) == [True, True]

    run(main())


@pytest.mark.wire("W101", "A8")
@pytest.mark.parametrize("code", ErrorCode)
def test_whatever_the_code_of_a_reset_the_handler_is_cancelled(code: ErrorCode) -> None:
    async def main() -> None:
        started, ended = Events(), Events()

        async def handle(request: bytes, context: aio.ServicerContext) -> bytes:
            context.add_done_callback(lambda context: ended(context.cancelled()))
            started()
            await asyncio.Event().wait()
            return b""

        async with serving({"Handle": handle}) as (_, port), await Raw.connect(port) as raw:
            raw.sends(raw.headers(1, request(path=b"/test.Service/Handle")))
            raw.sends(raw.data(1, message(b""), end_stream=True))
            await started.count(1)
            raw.sends(build_rst_stream(1, code))
            assert await ended.count(1) == [True]
            *_, trailers = await raw.calls(3, REQUEST, message(b""))
            assert fields_of(trailers)[b"grpc-status"] == b"0", "the connection goes on"

    run(main())


# -- the size of metadata ----------------------------------------------------------------------------------------------

SIZES = [
    ((), 16_384),
    ((("grpc.max_metadata_size", 4_000),), 16_384),
    ((("grpc.max_metadata_size", 40_000),), 50_000),
    ((("grpc.max_metadata_size", 1_000_000),), 1_250_000),
    ((("grpc.absolute_max_metadata_size", 2_000),), 2_000),
]


def filled(fields: tuple[Field, ...], size: int) -> tuple[Field, ...]:
    """The fields and one more, so that they are exactly so large (name and value and 32 for each)."""
    used = sum(len(name) + len(value) + 32 for name, value in fields) + len(b"x-fill") + 32
    return (*fields, (b"x-fill", b"v" * (size - used)))


@pytest.mark.wire("W037", "W038")
@pytest.mark.parametrize(("options", "limit"), SIZES)
def test_the_limit_of_metadata_is_announced_and_exact(options: tuple[tuple[str, int], ...], limit: int) -> None:
    """C-core refuses at random between a soft and a hard limit; here the hard one is the only one."""

    async def main() -> None:
        async with serving(options=options) as (_, port), await Raw.connect(port) as raw:
            settings = dict(parse_settings((await raw.next_of(SETTINGS)).payload))
            assert settings[6] == limit
            for stream_id, size, status in ((1, limit, b"0"), (3, limit + 1, b"8"), (5, limit, b"0")):
                fields = filled(REQUEST, size)
                raw.sends(raw.headers(stream_id, fields, fragment_bytes=16_000))
                raw.sends(raw.data(stream_id, message(b""), end_stream=True))
                answer = await raw.answer(stream_id)
                heads = [fields_of(frame) for frame in answer if frame.type == HEADERS]
                assert heads[-1][b"grpc-status"] == status
                assert heads[0][b":status"] == (b"200" if status == b"0" else b"431")

    run(main())


@pytest.mark.wire("W037", "W038")
@pytest.mark.parametrize("over", [0, 1])
@pytest.mark.parametrize("where", ["initial", "trailing", "alone"])
def test_the_limit_of_metadata_holds_for_responses_too(where: str, over: int) -> None:
    """`alone` is Trailers-Only. Another call on the connection is not harmed."""
    limit = 2_000
    announced = Events()

    async def script(raw: Raw) -> None:
        announced(dict(parse_settings((await raw.next_of(SETTINGS)).payload))[6])
        stream_id = (await raw.next_request()).stream_id
        trailers: tuple[Field, ...] = ((b"grpc-status", b"0"),)
        if where == "alone":
            failed = filled((*RESPONSE, (b"grpc-status", b"5")), limit + over)
            raw.sends(raw.headers(stream_id, failed, end_stream=True))
        else:
            raw.sends(raw.headers(stream_id, filled(RESPONSE, limit + over) if where == "initial" else RESPONSE))
            raw.sends(raw.data(stream_id, message(b"x")))
            trailers = filled(trailers, limit + over) if where == "trailing" else trailers
            raw.sends(raw.headers(stream_id, trailers, end_stream=True))
        stream_id = (await raw.next_request()).stream_id
        raw.sends(raw.headers(stream_id, RESPONSE), raw.data(stream_id, message(b"y")))
        raw.sends(raw.headers(stream_id, ((b"grpc-status", b"0"),), end_stream=True))
        await raw.rest()

    async def main() -> None:
        options = (("grpc.absolute_max_metadata_size", limit),)
        async with facing(script, options=options) as channel:
            call = method(channel)(b"")
            expected = StatusCode.NOT_FOUND if where == "alone" else StatusCode.OK
            assert await call.code() is (StatusCode.RESOURCE_EXHAUSTED if over else expected)
            assert await method(channel)(b"") == b"y"
            assert announced.seen == [limit]

    run(main())


@pytest.mark.wire("W037", "W039")
@pytest.mark.parametrize("size", [9_000, 17_000, 100_000])
def test_metadata_over_the_limit_between_grpcio_and_us(size: int) -> None:
    """Whoever finds it, the sender by the announced limit or the receiver: RESOURCE_EXHAUSTED, in all directions."""
    grpcio = MODULES["grpcio"]()
    metadata = (("x-large", "v" * size),)

    async def large(request: bytes, context: Any) -> bytes:
        if request == b"initial":
            await context.send_initial_metadata(metadata)
        if request == b"trailing":
            context.set_trailing_metadata(metadata)
        return request

    async def main() -> None:
        handler = grpc.unary_unary_rpc_method_handler(large)
        server = aio.server()
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("s", {"M": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        # Its own soft limit would refuse at random what is between 8 and 16 KiB.
        options = (("grpc.max_metadata_size", 16_384), ("grpc.absolute_max_metadata_size", 16_384))
        async with grpcio.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            echo = channel.unary_unary("/s/M")
            expected = "OK" if size < 16_384 else "RESOURCE_EXHAUSTED"
            for request, sent in ((b"x", metadata), (b"initial", ()), (b"trailing", ())):
                call = echo(request, metadata=sent, timeout=20)
                assert (await call.code()).name == expected, request
            assert await echo(b"good") == b"good"
        await server.stop(None)

    asyncio.run(main())
