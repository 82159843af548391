"""A server for Chat: `python -m examples.chat.server [--port 50052]`.

Every member has an outbox, a queue with a bound. Who speaks puts the words into everybody's outbox, which never waits;
each member's call carries its own outbox to its own client, at the pace at which that one reads. When an outbox is
full, its member is put out: nobody waits for the slow, and nothing grows without end.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import grpc_core as grpc
from examples import program
from examples.chat.chat_pb2 import Heard, Join, Said
from examples.chat.chat_pb2_grpc import ChatServicer, add_ChatServicer_to_server

OUTBOX_MAX = 100
"""So many messages may wait for a member, besides those that the connection holds."""
LETTERS_MAX = 4000
NAME_LETTERS_MAX = 40


class Member:
    """Somebody in a room."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lags = asyncio.Event()
        self._outbox: asyncio.Queue[Heard] = asyncio.Queue(OUTBOX_MAX)

    def tell(self, heard: Heard) -> None:
        """Put a message into the outbox, if there is room."""
        try:
            self._outbox.put_nowait(heard)
        except asyncio.QueueFull:
            self.lags.set()

    async def carry(self, context: grpc.aio.ServicerContext) -> None:
        """Send what is in the outbox, for ever. `write` waits while the client does not read."""
        while True:
            await context.write(await self._outbox.get())


class Room:
    """Who is in a room, by their names."""

    def __init__(self) -> None:
        self.members: dict[str, Member] = {}

    def tell(self, heard: Heard) -> None:
        """Let everybody hear it."""
        for member in self.members.values():
            member.tell(heard)

    def enter(self, member: Member) -> None:
        """Let everybody, and the one who comes, know who is here."""
        self.members[member.name] = member
        self.tell(Heard(kind=Heard.JOINED, name=member.name, members=sorted(self.members)))

    def leave(self, member: Member) -> None:
        """Let the others know who is gone; the second time it does nothing."""
        if self.members.get(member.name) is not member:
            return
        del self.members[member.name]
        self.tell(Heard(kind=Heard.LEFT, name=member.name))


class Chat(ChatServicer):
    """Rooms by their names; a room is there while somebody is in it."""

    def __init__(self) -> None:
        self.rooms: dict[str, Room] = {}

    async def Talk(self, request_iterator: AsyncIterator[Said], context: grpc.aio.ServicerContext) -> None:
        """From the joining of a member to the leaving, however that comes about."""
        join = await self._join(request_iterator, context)
        member, room = Member(join.name), self.rooms.setdefault(join.room, Room())
        room.enter(member)
        try:
            # Whatever ends first ends the call; the client's cancelling ends this `await`.
            await program.either(
                self._listen(member, room, request_iterator, context),
                member.carry(context),
                self._put_out(member, room, context),
            )
        finally:
            room.leave(member)
            if not room.members:
                self.rooms.pop(join.room, None)

    async def _join(self, requests: AsyncIterator[Said], context: grpc.aio.ServicerContext) -> Join:
        async for said in requests:
            join = said.join
            if not (said.HasField("join") and join.room and join.name):
                break
            if max(len(join.room), len(join.name)) > NAME_LETTERS_MAX:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"a name has at most {NAME_LETTERS_MAX} letters")
            if join.room in self.rooms and join.name in self.rooms[join.room].members:
                await context.abort(grpc.StatusCode.ALREADY_EXISTS, f"{join.name!r} is in {join.room!r} already")
            return join
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the first message joins a room, under a name")
        raise AssertionError("abort raises")

    async def _listen(
        self, member: Member, room: Room, requests: AsyncIterator[Said], context: grpc.aio.ServicerContext
    ) -> None:
        async for said in requests:
            if len(said.text) > LETTERS_MAX:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"say at most {LETTERS_MAX} letters at once")
            if said.text:
                room.tell(Heard(kind=Heard.TEXT, name=member.name, text=said.text))

    async def _put_out(self, member: Member, room: Room, context: grpc.aio.ServicerContext) -> None:
        await member.lags.wait()
        room.leave(member)  # now: the end of the call may have to wait until the slow one reads
        await context.abort(
            grpc.StatusCode.RESOURCE_EXHAUSTED, f"you read too slowly: {OUTBOX_MAX} messages were waiting for you"
        )


def main() -> int:
    """The program; its exit status."""
    options = program.server_parser(__doc__, 50052).parse_args()
    return program.serve(options.host, options.port, lambda server: add_ChatServicer_to_server(Chat(), server))


if __name__ == "__main__":
    sys.exit(main())
