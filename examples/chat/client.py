"""A client on asyncio: `python -m examples.chat.client HOST:PORT ROOM NAME`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable

import grpc_core as grpc
from examples import program
from examples.chat import words
from examples.chat.chat_pb2 import Heard, Said
from examples.chat.chat_pb2_grpc import ChatAsyncStub, ChatStub


async def talk(
    stub: ChatStub[grpc.aio.Channel], room: str, name: str, lines: AsyncIterator[str], hear: Callable[[Heard], None]
) -> None:
    """Join the room, say what comes in `lines`, until there is no more; `hear` is given all that is heard meanwhile."""

    async def said() -> AsyncIterator[Said]:
        yield words.join(room, name)
        async for line in lines:
            yield Said(text=line)

    async for heard in stub.Talk(said()):
        hear(heard)


async def chat(target: str, room: str, name: str) -> None:
    """On a channel of its own, at the terminal."""
    async with grpc.aio.insecure_channel(target) as channel:
        await talk(
            ChatAsyncStub(channel), room, name, program.lines(), lambda heard: print(words.text_of(heard), flush=True)
        )


def main() -> int:
    """The program; its exit status."""
    options = words.options()
    return program.run(lambda: chat(options.target, options.room, options.name))


if __name__ == "__main__":
    sys.exit(main())
