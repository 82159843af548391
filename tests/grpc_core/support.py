"""What the tests of calls share: servers and channels on loopback, a tap on the wire, and peers played by hand."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import SSLContext
from typing import Any, Self

import pytest

import grpc_core as grpc
from grpc_core import aio
from hpack_codec import Field
from http2.errors import error_name
from http2.frames import (
    ACK,
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    SETTINGS_ACK,
    WINDOW_UPDATE,
    build_settings,
    parse_goaway,
    parse_rst_stream,
    unpack_header,
)
from tests.support.peer import Frame, Script

PATIENCE_S = 30.0
"""No test waits longer for what it expects."""

SERVICE = "test.Service"

REQUEST: tuple[Field, ...] = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/test.Service/Echo"),
    (b":authority", b"localhost"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
)
RESPONSE: tuple[Field, ...] = ((b":status", b"200"), (b"content-type", b"application/grpc"))
OK_TRAILERS: tuple[Field, ...] = ((b"grpc-status", b"0"),)


def request(**changes: bytes | None) -> tuple[Field, ...]:
    """The request fields with changes: `path=b"/x"` is `:path`, `grpc_timeout=b"1S"` a field; None takes one out."""
    fields = dict(REQUEST)
    for key, value in changes.items():
        name = key.replace("_", "-").encode()
        name = b":" + name if name in (b"method", b"scheme", b"path", b"authority") else name
        if value is None:
            del fields[name]
        else:
            fields[name] = value
    return tuple(fields.items())


def message(payload: bytes, flag: int = 0, length: int | None = None) -> bytes:
    """A length-prefixed message, right or wrong."""
    return bytes([flag]) + (len(payload) if length is None else length).to_bytes(4, "big") + payload


def run(main: Awaitable[None]) -> None:
    """Run a test to its end, but not for ever; then nothing of it may be left: no task, no timer, no open transport."""

    async def bounded() -> None:
        async with asyncio.timeout(PATIENCE_S):
            await main
        await asyncio.sleep(0)  # callbacks of what was closed last
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        assert not tasks, f"tasks are left: {tasks}"
        timers = [timer for timer in loop._scheduled if not timer.cancelled()]  # type: ignore[attr-defined]  # asyncio has no public list of timers
        assert not timers, f"timers are left: {timers}"

    asyncio.run(bounded())
    gc.collect()  # an unclosed transport or socket warns when it is collected, and a warning is an error


# -- servers and channels ----------------------------------------------------------------------------------------------


async def echo(request: bytes, context: aio.ServicerContext) -> bytes:
    """The smallest handler."""
    return request


def service(behaviors: Mapping[str, Callable[..., Any]]) -> grpc.GenericRpcHandler:
    """`test.Service` with an `Echo` and these unary methods, without serializers."""
    methods = {"Echo": echo, **behaviors}
    return grpc.method_handlers_generic_handler(
        SERVICE, {name: grpc.unary_unary_rpc_method_handler(behavior) for name, behavior in methods.items()}
    )


@asynccontextmanager
async def serving(
    behaviors: Mapping[str, Callable[..., Any]] | None = None, *, stop_grace: float | None = None, **arguments: Any
) -> AsyncIterator[tuple[aio.Server, int]]:
    """A server that runs, and its port; stopped at the end."""
    server = aio.Server(**arguments)
    server.add_generic_rpc_handlers((service(behaviors or {}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield server, port
    finally:
        await server.stop(stop_grace)


@asynccontextmanager
async def joined(
    behaviors: Mapping[str, Callable[..., Any]] | None = None, **arguments: Any
) -> AsyncIterator[tuple[aio.Server, aio.Channel]]:
    """A server and a channel to it. Arguments that begin with `channel_` are the channel's."""
    channel_arguments = {key[8:]: arguments.pop(key) for key in list(arguments) if key.startswith("channel_")}
    async with (
        serving(behaviors, **arguments) as (server, port),
        aio.Channel(f"127.0.0.1:{port}", **channel_arguments) as channel,
    ):
        yield server, channel


def method(channel: aio.Channel, name: str = "Echo", **codecs: Any) -> Any:
    """The callable of a method of `test.Service`, or of the one with that path."""
    return channel.unary_unary(name if name.startswith("/") else f"/{SERVICE}/{name}", **codecs)


async def status_of(call: Any) -> tuple[grpc.StatusCode, str | None]:
    """(code, details) of a call that must fail."""
    with pytest.raises(aio.AioRpcError) as caught:
        await call
    error = caught.value
    assert (await call.code(), await call.details()) == (error.code(), error.details())
    return error.code(), error.details()


class Events:
    """A list that can be waited on."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self._changed = asyncio.Event()

    def __call__(self, value: Any = None) -> None:
        self.seen.append(value)
        self._changed.set()

    async def count(self, count: int) -> list[Any]:
        """Wait until there are so many."""
        while len(self.seen) < count:
            self._changed.clear()
            await self._changed.wait()
        return self.seen


class WireTap:
    """Every frame that passes, as (direction, type, stream id, payload)."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, int, int, bytes]] = []
        self._buffers = {"sent": b"", "received": b""}

    def __call__(self, direction: str, data: bytes) -> None:
        buffer = (self._buffers[direction] + data).removeprefix(PREFACE)
        while len(buffer) >= 9:
            length_and_type, _, stream_id = unpack_header(buffer)
            end = 9 + (length_and_type >> 8)
            if len(buffer) < end:
                break
            self.frames.append((direction, length_and_type & 0xFF, stream_id, buffer[9:end]))
            buffer = buffer[end:]
        self._buffers[direction] = buffer

    def of(self, direction: str, frame_type: int) -> list[tuple[int, bytes]]:
        """(stream id, payload) of the frames of one type in one direction."""
        return [frame[2:] for frame in self.frames if frame[:2] == (direction, frame_type)]

    def resets(self) -> list[tuple[str, int, int]]:
        """(direction, stream id, error code) of every RST_STREAM."""
        return [(d, s, parse_rst_stream(payload)) for d, t, s, payload in self.frames if t == RST_STREAM]


# -- peers by hand -----------------------------------------------------------------------------------------------------


class _Nowhere:
    """The wire of a `Script` that is read and written by `Raw` itself."""

    def send(self, data: bytes) -> None:
        raise NotImplementedError

    def receive(self) -> bytes:
        raise NotImplementedError


class Gone(Exception):
    """The connection ended before what was waited for had come."""


class Raw(Script):
    """One end of a connection, played by hand on asyncio streams."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_client: bool) -> None:
        super().__init__(_Nowhere())
        self.reader = reader
        self.writer = writer
        self._preface_left = 0 if is_client else len(PREFACE)

    @classmethod
    async def connect(cls, port: int, settings: dict[int, int] | None = None) -> Self:
        """A client that has said its preface and SETTINGS."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        raw = cls(reader, writer, True)
        raw.sends(PREFACE, build_settings(settings or {}), SETTINGS_ACK)
        return raw

    def sends(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def next_frame(self) -> Frame | None:
        """The next frame; None at the end of the connection."""
        while not self.frames:
            try:
                data = await self.reader.read(65_536)
            except ConnectionError:
                data = b""
            if not data:
                return None
            self._feed(data)
        return self.frames.pop(0)

    async def next_of(self, *types: int) -> Frame:
        """The next frame of one of these types; others are skipped."""
        while True:
            frame = await self.next_frame()
            if frame is None:
                raise Gone(f"the connection ended before a frame of type {types}")
            if frame.type in types:
                return frame

    async def next_request(self) -> Frame:
        """The head of the next request, after its content has come."""
        head = await self.next_of(HEADERS)
        frame = head
        while not frame.flags & END_STREAM:
            frame = await self.next_of(DATA)
        return head

    async def rest(self) -> list[Frame]:
        """Everything up to the end of the connection."""
        frames = []
        while (frame := await self.next_frame()) is not None:
            frames.append(frame)
        return frames

    async def answer(self, stream_id: int) -> list[Frame]:
        """The frames of one stream, up to its end or that of the connection; GOAWAY counts too.

        An end may be followed by RST_STREAM, so a PING is sent, whose answer comes after it.
        """
        frames = []
        while (frame := await self.next_frame()) is not None:
            if frame.type == GOAWAY:
                frames.append(frame)
            elif frame.stream_id == stream_id and frame.type != WINDOW_UPDATE:
                frames.append(frame)
                if frame.type == RST_STREAM or frame.flags & END_STREAM:
                    break
        if frames and frames[-1].type == HEADERS:
            self.sends(b"\0\0\x08\x06\0\0\0\0\0are you?")
            while (frame := await self.next_frame()) is not None and frame.type != 6:
                if frame.stream_id == stream_id:
                    frames.append(frame)
        return frames

    async def calls(self, stream_id: int, fields: Iterable[Field], *content: bytes) -> list[Frame]:
        """Make a request in one write, its last frame with END_STREAM; the answer.

        One write, because a server that refuses the head asks a client to stop which has not ended its request yet.
        """
        frames = [self.headers(stream_id, fields, end_stream=not content)]
        frames += [self.data(stream_id, part) for part in content[:-1]]
        if content:
            frames.append(self.data(stream_id, content[-1], end_stream=True))
        self.sends(*frames)
        return await self.answer(stream_id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close, and wait until that is done."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass


def described(frames: Iterable[Frame]) -> str:
    """An answer in words, as the tables of docs/grpc.md have it."""
    words = []
    for frame in frames:
        if frame.type == HEADERS:
            fields = dict(frame.fields)
            words += [
                f"`{name} {fields[name.encode()].decode()}`"
                for name in (":status", "grpc-status")
                if name.encode() in fields
            ]
        elif frame.type == RST_STREAM:
            words.append(f"RST_STREAM {error_name(parse_rst_stream(frame.payload))}")
        elif frame.type == GOAWAY:
            words.append(f"GOAWAY {error_name(parse_goaway(frame.payload)[1])}")
        elif frame.type == DATA:
            words.append("DATA")
    return ", ".join(words) or "nothing"


Script_ = Callable[[Raw], Awaitable[None]]


@asynccontextmanager
async def raw_server(
    script: Script_,
    settings: dict[int, int] | None = None,
    greet: bool = True,
    tls: SSLContext | None = None,
    path: Path | None = None,
) -> AsyncIterator[int]:
    """A server that plays `script` on each connection, after the handshake; its port, 0 where it listens at `path`."""
    tasks: list[asyncio.Task[None]] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.append(task)
        raw = Raw(reader, writer, False)
        try:
            if greet:
                raw.sends(build_settings(settings or {}), SETTINGS_ACK)
            await script(raw)
        except (asyncio.CancelledError, Gone):
            pass  # the test is over, or the client had enough
        finally:
            await raw.close()

    if path is not None:
        server = await asyncio.start_unix_server(play, path)
    else:
        server = await asyncio.start_server(play, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1] if path is None else 0
    finally:
        server.close()
        await server.wait_closed()
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert not [result for result in results if isinstance(result, Exception)], results


@asynccontextmanager
async def facing(
    script: Script_, settings: dict[int, int] | None = None, greet: bool = True, **arguments: Any
) -> AsyncIterator[aio.Channel]:
    """A channel to a server that plays `script` on each connection."""
    async with (
        raw_server(script, settings, greet) as port,
        aio.Channel(f"127.0.0.1:{port}", **arguments) as channel,
    ):
        yield channel


__all__ = [
    "ACK",
    "DATA",
    "GOAWAY",
    "HEADERS",
    "OK_TRAILERS",
    "REQUEST",
    "RESPONSE",
    "RST_STREAM",
    "SETTINGS",
    "SETTINGS_ACK",
    "Events",
    "Frame",
    "Raw",
    "WireTap",
    "described",
    "echo",
    "facing",
    "joined",
    "message",
    "method",
    "raw_server",
    "request",
    "run",
    "service",
    "serving",
    "status_of",
]
