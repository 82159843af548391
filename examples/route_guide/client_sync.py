"""A client for threads: `python -m examples.route_guide.client_sync [HOST:PORT]` calls every method once."""

from __future__ import annotations

import sys
from collections.abc import Callable

import grpc_core as grpc
from examples import program
from examples.route_guide import walk
from examples.route_guide.route_guide_pb2_grpc import RouteGuideStub

TIMEOUT_S = 30.0

Say = Callable[[str], None]


def get_feature(stub: RouteGuideStub[grpc.Channel], say: Say) -> None:
    """One request, one response."""
    for point in (walk.WELL, walk.SEA):
        say(walk.feature_text(stub.GetFeature(point, timeout=TIMEOUT_S)))


def list_features(stub: RouteGuideStub[grpc.Channel], say: Say) -> None:
    """A stream of responses: an iterator."""
    for feature in stub.ListFeatures(walk.EAST, timeout=TIMEOUT_S):
        say(walk.feature_text(feature))


def record_route(stub: RouteGuideStub[grpc.Channel], say: Say) -> None:
    """A stream of requests: an iterator, which is consumed in a thread of its own."""
    say(walk.summary_text(stub.RecordRoute(walk.points(), timeout=TIMEOUT_S)))


def route_chat(stub: RouteGuideStub[grpc.Channel], say: Say) -> None:
    """A stream each way."""
    for note in stub.RouteChat(walk.notes(), timeout=TIMEOUT_S):
        say(f"{note.message!r} was left at {walk.place_text(note.location)}")


def tour(stub: RouteGuideStub[grpc.Channel], say: Say) -> None:
    """Every method once."""
    for method in (get_feature, list_features, record_route, route_chat):
        say(f"-- {method.__name__}")
        method(stub, say)


def call_all(target: str) -> None:
    """On a channel of its own."""
    with grpc.insecure_channel(target) as channel:
        tour(RouteGuideStub(channel), print)


def main() -> int:
    """The program; its exit status."""
    target = walk.target()
    return program.run(lambda: call_all(target))


if __name__ == "__main__":
    sys.exit(main())
