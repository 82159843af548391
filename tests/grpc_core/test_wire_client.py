"""What our client says on the wire, frame by frame, to servers played by hand; and grpcio, where both must agree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

import grpc_core
from grpc_core import aio
from grpc_core.compression import GZIP, Compression
from grpc_core.headers import USER_AGENT
from grpc_core.status import StatusCode
from hpack_codec import FieldList
from http2.errors import ErrorCode
from http2.frames import (
    DATA,
    END_STREAM,
    HEADERS,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    build_rst_stream,
    parse_settings,
)
from tests.grpc_core.support import (
    OK_TRAILERS,
    RESPONSE,
    Events,
    Raw,
    facing,
    message,
    method,
    raw_server,
    run,
    status_of,
)
from tests.support.modules import MODULES
from tests.support.peer import Frame

TEXT = b"compress me, " * 100


def answers(raw: Raw, stream_id: int, *payloads: bytes) -> None:
    """A good response."""
    raw.sends(
        raw.headers(stream_id, RESPONSE),
        *(raw.data(stream_id, message(payload)) for payload in payloads),
        raw.headers(stream_id, OK_TRAILERS, end_stream=True),
    )


class Listening:
    """A server that answers each request with `answer` and keeps its frames."""

    def __init__(self, answer: bytes = b"answer") -> None:
        self.answer = answer
        self.requests: list[list[Frame]] = []
        self.settings: list[Frame] = []

    async def __call__(self, raw: Raw) -> None:
        while True:
            frames = [await raw.next_of(HEADERS, SETTINGS)]
            if frames[0].type == SETTINGS:
                self.settings += frames
                continue
            while not frames[-1].flags & END_STREAM:
                frames.append(await raw.next_of(HEADERS, DATA))
            self.requests.append(frames)
            answers(raw, frames[0].stream_id, self.answer)

    @property
    def heads(self) -> list[FieldList]:
        """The fields of each request."""
        return [frames[0].fields for frames in self.requests]


# -- the head ----------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W001", "W002", "W003", "W004", "W005", "W008", "W012", "W020", "W032", "W035", "W060", "W061")
def test_a_request_field_by_field() -> None:
    server = Listening()

    async def main() -> None:
        async with facing(server) as channel:
            port = channel.target.rpartition(":")[2]
            metadata = (("x-a", "1"), ("x-bin", b"\xff\0"), ("x-a", "2"))
            call = method(channel)(TEXT, timeout=20, metadata=metadata, compression=Compression.Gzip)
            assert await call == b"answer"
            names = [name for name, _ in server.heads[0]]
            fields = dict(server.heads[0])
            assert names == [
                b":method",
                b":scheme",
                b":path",
                b":authority",
                b"grpc-timeout",
                b"te",
                b"content-type",
                b"user-agent",
                b"grpc-accept-encoding",
                b"grpc-encoding",
                b"x-a",
                b"x-bin",
                b"x-a",
            ]
            assert fields[b":method"] == b"POST"
            assert fields[b":scheme"] == b"http"
            assert fields[b":path"] == b"/test.Service/Echo"
            assert fields[b":authority"] == f"127.0.0.1:{port}".encode()
            assert fields[b"te"] == b"trailers"
            assert fields[b"content-type"] == b"application/grpc"
            assert fields[b"user-agent"] == USER_AGENT.encode()
            assert fields[b"grpc-encoding"] == b"gzip"
            assert fields[b"grpc-accept-encoding"].startswith(b"identity, deflate, gzip")
            assert fields[b"x-bin"] == b"/wA", "base64 without padding"
            assert fields[b"grpc-timeout"][-1:] == b"u"
            assert 19_000_000 < int(fields[b"grpc-timeout"][:-1]) <= 20_000_000

    run(main())
    head, data = server.requests[0]
    assert not head.flags & END_STREAM
    assert data.flags & END_STREAM, "the one message ends the request"
    assert GZIP.decompress(data.payload[5:], -1) == TEXT
    assert data.payload[:5] == message(data.payload[5:], flag=1)[:5]


@pytest.mark.wire("W021", "W060", "W069")
def test_what_a_plain_call_leaves_out() -> None:
    """No timeout, no coding; a call that asks for no compression on a channel that compresses."""
    server = Listening()

    async def main() -> None:
        async with facing(server) as channel:
            await method(channel)(TEXT)
        async with facing(server, compression=Compression.Gzip) as channel:
            await method(channel)(TEXT)
            await method(channel)(TEXT, compression=Compression.NoCompression)

    run(main())
    names = [{name for name, _ in head} for head in server.heads]
    assert not {b"grpc-timeout", b"grpc-encoding"} & names[0]
    assert [b"grpc-encoding" in each for each in names] == [False, True, False], "the call says more than the channel"
    assert [frames[1].payload[0] for frames in server.requests] == [0, 1, 0]


@pytest.mark.wire("W070")
def test_a_message_that_does_not_shrink_is_sent_plain_under_its_coding() -> None:
    server = Listening()

    async def main() -> None:
        async with facing(server, compression=Compression.Gzip) as channel:
            await method(channel)(b"ab")

    run(main())
    (head, data), *_ = server.requests
    assert (b"grpc-encoding", b"gzip") in head.fields
    assert data.payload == message(b"ab")


AUTHORITIES: list[tuple[str, tuple[tuple[str, Any], ...]]] = [
    ("127.0.0.1:{port}", ()),
    ("localhost:{port}", ()),
    ("dns:localhost:{port}", ()),
    ("dns:///localhost:{port}", ()),
    ("unix:{path}", ()),
    ("unix://{path}", ()),
    ("localhost:{port}", (("grpc.default_authority", "other.example"),)),
]


@pytest.mark.wire("W003")
@pytest.mark.parametrize(("target", "options"), AUTHORITIES)
def test_the_authority_is_that_of_grpcio(target: str, options: tuple[tuple[str, Any], ...], tmp_path: Path) -> None:
    """A channel of each, with the same target, to the same server."""
    server = Listening()

    async def main() -> None:
        path = tmp_path / "socket"
        async with raw_server(server) as port, raw_server(server, path=path):
            for name in ("plait", "grpcio"):
                module = MODULES[name]()
                where = target.format(port=port, path=path)
                async with module.aio.insecure_channel(where, options) as channel:
                    assert await channel.unary_unary("/test.Service/Echo")(b"") == b"answer"

    asyncio.run(main())
    ours, theirs = (dict(head)[b":authority"] for head in server.heads)
    if target.startswith("unix"):
        assert ours == b"localhost"
        theirs_is = quote(str(tmp_path / "socket").removeprefix("/"), safe="").encode()
        assert theirs in (b"localhost", theirs_is), "which of them has changed between versions"
    else:
        assert ours == theirs


@pytest.mark.wire("W017")
def test_the_fields_of_grpcio_in_their_order() -> None:
    """`:path` and `:authority` come first there; what our server makes of that is in test_wire_server.py."""
    server = Listening()

    async def main() -> None:
        async with raw_server(server) as port:
            grpc = MODULES["grpcio"]()
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                await channel.unary_unary("/test.Service/Echo")(b"", timeout=20)

    asyncio.run(main())
    names = [name for name, _ in server.heads[0]]
    assert names[:4] == [b":path", b":authority", b":method", b":scheme"]
    assert b"grpc-timeout" in names


@pytest.mark.wire("W036", "W121")
def test_grpcio_announces_true_binary_metadata_and_we_do_not_mind() -> None:
    """Its client shows the setting to a server by hand; that it works with ours is shown in test_aio_streaming.py."""
    server = Listening()

    async def main() -> None:
        async with raw_server(server) as port:
            grpc = MODULES["grpcio"]()
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                await channel.unary_unary("/test.Service/Echo")(b"")
        assert (0xFE03, 1) in parse_settings(server.settings[0].payload)
        async with facing(server, settings={0xFE03: 1, 0xFE04: 7}) as channel:
            assert await method(channel)(b"", metadata=(("k-bin", b"\xff"),)) == b"answer"
        assert dict(server.heads[1])[b"k-bin"] == b"/w", "base64 all the same"

    asyncio.run(main())


# -- the end of the requests -------------------------------------------------------------------------------------------


@pytest.mark.wire("W001", "W054")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_end_of_a_stream_of_requests_is_an_empty_frame(count: int) -> None:
    server = Listening()

    async def main() -> None:
        async with facing(server) as channel:
            call = channel.stream_unary("/test.Service/In")()
            for _ in range(count):
                await call.write(b"x")
            await call.done_writing()
            assert await call == b"answer"

    run(main())
    _, *frames = server.requests[0]
    assert b"".join(frame.payload for frame in frames) == message(b"x") * count
    assert (frames[-1].payload, frames[-1].flags & END_STREAM) == (b"", END_STREAM)
    assert not any(frame.flags & END_STREAM for frame in frames[:-1])


# -- the status --------------------------------------------------------------------------------------------------------

Script = Callable[[Raw], Awaitable[None]]


def streaming(*build: Callable[[Raw], bytes]) -> Script:
    """A server that says these frames on stream 1 when the head has come."""

    async def script(raw: Raw) -> None:
        await raw.next_of(HEADERS)
        raw.sends(*(one(raw) for one in build))
        await raw.rest()

    return script


THREE = [
    lambda raw: raw.headers(1, RESPONSE),
    lambda raw: raw.data(1, message(b"1") + message(b"2") + message(b"3")),
]
ENDS: dict[str, tuple[list[Any], StatusCode]] = {
    "OK": ([lambda raw: raw.headers(1, OK_TRAILERS, end_stream=True)], StatusCode.OK),
    "a status": ([lambda raw: raw.headers(1, ((b"grpc-status", b"10"),), end_stream=True)], StatusCode.ABORTED),
    "a reset": ([lambda raw: build_rst_stream(1, ErrorCode.CANCEL)], StatusCode.CANCELLED),
    "a bad message": ([lambda raw: raw.data(1, message(b"", flag=9))], StatusCode.INTERNAL),
}


@pytest.mark.wire("W093")
@pytest.mark.parametrize("end", ENDS)
def test_messages_first_then_the_status_and_nothing_after_it(end: str) -> None:
    """status_ordering.md: all came in one read, the application takes it piece by piece, and asks again and again."""
    build, code = ENDS[end]

    async def main() -> None:
        async with facing(streaming(*THREE, *build)) as channel:
            call = channel.stream_stream("/test.Service/Both")()
            assert await call.code() is code
            for expected in (b"1", b"2", b"3"):
                assert await call.read() == expected
            for _ in range(2):
                if code is StatusCode.OK:
                    assert await call.read() is aio.EOF
                else:
                    with pytest.raises(aio.AioRpcError) as caught:
                        await call.read()
                    assert caught.value.code() is code
            for _ in range(2):
                with pytest.raises(asyncio.InvalidStateError):
                    await call.write(b"late")

    run(main())


@pytest.mark.wire("W092")
@pytest.mark.parametrize("reset", [True, False])
def test_an_early_status_ends_a_stream_of_requests(reset: bool) -> None:
    """With RST_STREAM (NO_ERROR) behind the trailers, or without: the status is that of the trailers."""
    seen = Events()

    async def script(raw: Raw) -> None:
        await raw.next_of(HEADERS)
        await raw.next_of(DATA)
        trailers = (*RESPONSE, (b"grpc-status", b"9"), (b"grpc-message", b"enough"))
        raw.sends(raw.headers(1, trailers, end_stream=True))
        if reset:
            raw.sends(build_rst_stream(1, ErrorCode.NO_ERROR))
        seen([frame.type for frame in await raw.rest() if frame.stream_id == 1 and frame.type != WINDOW_UPDATE])

    async def main() -> None:
        async with facing(script) as channel:
            call = channel.stream_unary("/test.Service/In")()
            await call.write(b"1")
            assert await status_of(call) == (StatusCode.FAILED_PRECONDITION, "enough")
            with pytest.raises(asyncio.InvalidStateError):
                await call.write(b"2")
            await channel.close()
            (frames,) = await seen.count(1)
            assert frames == ([] if reset else [RST_STREAM]), "no more requests: the stream is over on both sides"

    run(main())


@pytest.mark.wire("W027", "A8")
@pytest.mark.parametrize("face", ["aio", "sync"])
def test_cancel_from_the_server_is_cancelled_for_a_call_without_deadline(face: str) -> None:
    async def main() -> None:
        async with raw_server(streaming(lambda raw: build_rst_stream(1, ErrorCode.CANCEL))) as port:
            if face == "aio":
                async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                    assert (await status_of(method(channel)(b"")))[0] is StatusCode.CANCELLED
                return

            def ask() -> Any:
                with grpc_core.insecure_channel(f"127.0.0.1:{port}") as channel:
                    with pytest.raises(grpc_core.RpcError) as caught:
                        channel.unary_unary("/test.Service/Echo")(b"")
                    return caught.value

            error = await asyncio.to_thread(ask)
            assert error.code() is StatusCode.CANCELLED

    asyncio.run(main())
