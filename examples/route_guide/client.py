"""A client on asyncio: `python -m examples.route_guide.client [HOST:PORT]` calls every method once."""

from __future__ import annotations

import sys
from collections.abc import Callable

import grpc_core as grpc
from examples import program
from examples.route_guide import walk
from examples.route_guide.route_guide_pb2_grpc import RouteGuideAsyncStub, RouteGuideStub

TIMEOUT_S = 30.0

Say = Callable[[str], None]


async def get_feature(stub: RouteGuideStub[grpc.aio.Channel], say: Say) -> None:
    """One request, one response: a call is awaited."""
    for point in (walk.WELL, walk.SEA):
        say(walk.feature_text(await stub.GetFeature(point, timeout=TIMEOUT_S)))


async def list_features(stub: RouteGuideStub[grpc.aio.Channel], say: Say) -> None:
    """A stream of responses: a call is iterated over."""
    async for feature in stub.ListFeatures(walk.EAST, timeout=TIMEOUT_S):
        say(walk.feature_text(feature))


async def record_route(stub: RouteGuideStub[grpc.aio.Channel], say: Say) -> None:
    """A stream of requests: from an iterator, or, as here, written one by one."""
    call = stub.RecordRoute(timeout=TIMEOUT_S)
    for point in walk.points():
        await call.write(point)
    await call.done_writing()
    say(walk.summary_text(await call))


async def route_chat(stub: RouteGuideStub[grpc.aio.Channel], say: Say) -> None:
    """A stream each way: requests from an iterator, while responses are read."""
    async for note in stub.RouteChat(walk.notes(), timeout=TIMEOUT_S):
        say(f"{note.message!r} was left at {walk.place_text(note.location)}")


async def tour(stub: RouteGuideStub[grpc.aio.Channel], say: Say) -> None:
    """Every method once."""
    for method in (get_feature, list_features, record_route, route_chat):
        say(f"-- {method.__name__}")
        await method(stub, say)


async def call_all(target: str) -> None:
    """On a channel of its own."""
    async with grpc.aio.insecure_channel(target) as channel:
        await tour(RouteGuideAsyncStub(channel), print)


def main() -> int:
    """The program; its exit status."""
    target = walk.target()
    return program.run(lambda: call_all(target))


if __name__ == "__main__":
    sys.exit(main())
