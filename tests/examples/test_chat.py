"""Chat: rooms, slow members, and every way to leave; with either library on either side."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import grpc_core
from examples.chat import client, client_sync, words
from examples.chat import server as server_program
from examples.chat.chat_pb2 import Heard, Said
from examples.chat.chat_pb2_grpc import ChatStub, add_ChatServicer_to_server
from examples.chat.server import Chat
from tests.examples.support import EVERY_PAIR, cuttable, modules_of, run, served


class Talker:
    """Somebody at a terminal: says lines, and hears."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[str] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def hear(self, heard: Heard) -> None:
        self._loop.call_soon_threadsafe(self._heard.put_nowait, words.text_of(heard))

    async def heard(self) -> str:
        return await self._heard.get()


class AsyncTalker(Talker):
    """One with the client on asyncio."""

    def __init__(self, grpc: Any, port: int, room: str, name: str) -> None:
        super().__init__()
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()
        self.task = asyncio.ensure_future(self._talk(grpc, port, room, name))

    async def _talk(self, grpc: Any, port: int, room: str, name: str) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await client.talk(ChatStub(channel), room, name, self._typed(), self.hear)

    async def _typed(self) -> AsyncIterator[str]:
        while (line := await self._lines.get()) is not None:
            yield line

    def say(self, line: str | None) -> None:
        self._lines.put_nowait(line)


class BlockingTalker(Talker):
    """One with the client for threads."""

    def __init__(self, grpc: Any, port: int, room: str, name: str) -> None:
        super().__init__()
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.task = asyncio.ensure_future(asyncio.to_thread(self._talk, grpc, port, room, name))

    def _talk(self, grpc: Any, port: int, room: str, name: str) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            client_sync.talk(ChatStub(channel), room, name, self._typed(), self.hear)

    def _typed(self) -> Iterator[str]:
        while (line := self._lines.get()) is not None:
            yield line

    def say(self, line: str | None) -> None:
        self._lines.put(line)


@asynccontextmanager
async def chat_server(grpc: Any) -> AsyncIterator[tuple[Chat, int]]:
    chat = Chat()
    async with served(grpc, lambda server: add_ChatServicer_to_server(chat, server)) as port:
        yield chat, port


@EVERY_PAIR
@pytest.mark.parametrize("talker", [AsyncTalker, BlockingTalker], ids=["asyncio", "threads"])
def test_two_rooms(pair: str, talker: Any) -> None:
    server_module, client_module = modules_of(pair)

    async def main() -> None:
        async with chat_server(server_module) as (chat, port):
            ann = talker(client_module, port, "den", "ann")
            assert await ann.heard() == "* ann has come; here are ann"
            bob = talker(client_module, port, "den", "bob")
            for one in (ann, bob):
                assert await one.heard() == "* bob has come; here are ann, bob"
            eve = talker(client_module, port, "attic", "eve")
            assert await eve.heard() == "* eve has come; here are eve", "another room"
            ann.say("hello")
            ann.say("")
            ann.say("anybody?")
            for one in (ann, bob):
                assert await one.heard() == "ann: hello"
                assert await one.heard() == "ann: anybody?", "nothing is not said"
            eve.say("alone")
            assert await eve.heard() == "eve: alone"
            bob.say(None)
            await bob.task
            assert await ann.heard() == "* bob has gone"
            for one in (ann, eve):
                one.say(None)
                await one.task
        assert chat.rooms == {}

    run(main())


def slow_test_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small outboxes and big messages: so that flow control ends soon what a slow reader has."""
    monkeypatch.setattr(server_program, "OUTBOX_MAX", 4)
    monkeypatch.setattr(server_program, "LETTERS_MAX", 2**20)


@EVERY_PAIR
def test_who_reads_too_slowly_is_put_out_and_holds_up_nobody(pair: str, monkeypatch: pytest.MonkeyPatch) -> None:
    server_module, client_module = modules_of(pair)
    slow_test_settings(monkeypatch)

    async def main() -> None:
        async with (
            chat_server(server_module) as (chat, port),
            client_module.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            slow = ChatStub(channel).Talk()
            await slow.write(words.join("den", "slow"))
            assert (await slow.read()).kind == Heard.JOINED
            ann = AsyncTalker(client_module, port, "den", "ann")
            assert await ann.heard() == "* ann has come; here are ann, slow"
            said = 0
            while (heard := await said_and_heard(ann, said)) != "* slow has gone":
                assert heard == f"ann: {said}" + "x" * 500_000, "the one who speaks is not held up"
                said += 1
                assert said < 100, "the outbox has no end"
            assert list(chat.rooms["den"].members) == ["ann"]
            with pytest.raises(client_module.RpcError):
                await read_to_the_end(slow, client_module.aio.EOF)
            assert (await slow.code()).name == "RESOURCE_EXHAUSTED"
            assert await slow.details() == "you read too slowly: 4 messages were waiting for you"
            ann.say(None)
            await ann.task

    run(main())


async def read_to_the_end(call: Any, end: Any) -> None:
    """What was on its way comes, and then the reason."""
    while (await call.read()) is not end:
        pass


async def said_and_heard(talker: AsyncTalker, number: int) -> str:
    talker.say(f"{number}" + "x" * 500_000)
    return await talker.heard()


@EVERY_PAIR
def test_who_cancels_has_gone(pair: str) -> None:
    server_module, client_module = modules_of(pair)

    async def main() -> None:
        async with (
            chat_server(server_module) as (chat, port),
            client_module.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            ann = AsyncTalker(client_module, port, "den", "ann")
            await ann.heard()
            call = ChatStub(channel).Talk()
            await call.write(words.join("den", "bob"))
            await call.read()
            assert await ann.heard() == "* bob has come; here are ann, bob"
            call.cancel()
            assert await ann.heard() == "* bob has gone"
            ann.say(None)
            await ann.task
        assert chat.rooms == {}

    run(main())


@EVERY_PAIR
def test_whose_connection_breaks_has_gone(pair: str) -> None:
    server_module, client_module = modules_of(pair)

    async def main() -> None:
        async with chat_server(server_module) as (_, port), cuttable(port) as way:
            ann = AsyncTalker(client_module, port, "den", "ann")
            await ann.heard()
            bob = AsyncTalker(client_module, way.port, "den", "bob")
            await bob.heard()
            await ann.heard()
            way.cut()
            assert await ann.heard() == "* bob has gone"
            with pytest.raises(client_module.RpcError) as caught:
                await bob.task
            error: Any = caught.value
            assert error.code().name == "UNAVAILABLE"
            ann.say(None)
            await ann.task

    run(main())


@EVERY_PAIR
@pytest.mark.parametrize(
    ("first", "code", "details"),
    [
        (Said(text="hello"), "INVALID_ARGUMENT", "the first message joins a room, under a name"),
        (Said(), "INVALID_ARGUMENT", "the first message joins a room, under a name"),
        (words.join("", "ann"), "INVALID_ARGUMENT", "the first message joins a room, under a name"),
        (words.join("den", "a" * 41), "INVALID_ARGUMENT", "a name has at most 40 letters"),
        (words.join("den", "ann"), "ALREADY_EXISTS", "'ann' is in 'den' already"),
        (None, "INVALID_ARGUMENT", "the first message joins a room, under a name"),
    ],
    ids=["no join", "nothing in it", "no room", "long name", "name taken", "no message"],
)
def test_who_may_not_join_is_told(pair: str, first: Said | None, code: str, details: str) -> None:
    server_module, client_module = modules_of(pair)

    async def main() -> None:
        async with (
            chat_server(server_module) as (chat, port),
            client_module.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            ann = AsyncTalker(client_module, port, "den", "ann")
            await ann.heard()
            call = ChatStub(channel).Talk(iter(() if first is None else (first,)))
            assert ((await call.code()).name, await call.details()) == (code, details)
            assert list(chat.rooms["den"].members) == ["ann"]
            ann.say("x" * (server_program.LETTERS_MAX + 1))
            with pytest.raises(client_module.RpcError, match="say at most 4000 letters at once"):
                await ann.task
        while chat.rooms:  # noqa: ASYNC110  # grpcio's server does not wait for its handlers to end
            await asyncio.sleep(0.001)

    run(main())


def test_a_stopped_server_leaves_nobody_in_a_room() -> None:
    async def main() -> None:
        async with chat_server(grpc_core) as (chat, port):
            ann = AsyncTalker(grpc_core, port, "den", "ann")
            await ann.heard()
        assert chat.rooms == {}
        with pytest.raises(grpc_core.RpcError):
            await ann.task

    run(main())
