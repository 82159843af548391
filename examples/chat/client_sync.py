"""A client for threads: `python -m examples.chat.client_sync HOST:PORT ROOM NAME`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator

import grpc_core as grpc
from examples import program
from examples.chat import words
from examples.chat.chat_pb2 import Heard, Said
from examples.chat.chat_pb2_grpc import ChatStub


def talk(
    stub: ChatStub[grpc.Channel], room: str, name: str, lines: Iterable[str], hear: Callable[[Heard], None]
) -> None:
    """Join the room, say what comes in `lines`, until there is no more; `hear` is given all that is heard meanwhile.

    The iterator of requests is consumed in a thread of its own, which may wait for a terminal.
    """

    def said() -> Iterator[Said]:
        yield words.join(room, name)
        for line in lines:
            yield Said(text=line)

    for heard in stub.Talk(said()):
        hear(heard)


def chat(target: str, room: str, name: str) -> None:
    """On a channel of its own, at the terminal."""
    with grpc.insecure_channel(target) as channel:
        lines = (line.rstrip("\n") for line in sys.stdin)
        talk(ChatStub(channel), room, name, lines, lambda heard: print(words.text_of(heard), flush=True))


def main() -> int:
    """The program; its exit status."""
    options = words.options()
    return program.run(lambda: chat(options.target, options.room, options.name))


if __name__ == "__main__":
    sys.exit(main())
