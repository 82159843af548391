"""A server for RouteGuide: `python -m examples.route_guide.server [--port 50051]`.

A method is a coroutine function, or, where responses are a stream, an async generator function. The island is that of
`python -m grpc_core serve`.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import AsyncIterator

import grpc_core as grpc
from examples import program
from examples.route_guide.route_guide_pb2 import Feature, Point, Rectangle, RouteNote, RouteSummary
from examples.route_guide.route_guide_pb2_grpc import RouteGuideServicer, add_RouteGuideServicer_to_server
from grpc_core.route_guide import PLACES, distance_m, is_within

NOTES_MAX = 1000
"""So many notes are kept, the last ones: visitors may write for ever."""


class RouteGuide(RouteGuideServicer):
    """A method of each kind."""

    def __init__(self) -> None:
        self._features = [
            Feature(name=name, location=Point(latitude=latitude, longitude=longitude))
            for name, (latitude, longitude) in PLACES.items()
        ]
        self._notes: deque[RouteNote] = deque(maxlen=NOTES_MAX)

    def _name_at(self, point: Point) -> str:
        return next((feature.name for feature in self._features if feature.location == point), "")

    async def GetFeature(self, request: Point, context: grpc.aio.ServicerContext) -> Feature:
        """One request, one response."""
        return Feature(name=self._name_at(request), location=request)

    async def ListFeatures(self, request: Rectangle, context: grpc.aio.ServicerContext) -> AsyncIterator[Feature]:
        """One request, a stream of responses: each `yield` waits until there is room for it."""
        for feature in self._features:
            if is_within(feature.location, (request.lo, request.hi)):
                yield feature

    async def RecordRoute(
        self, request_iterator: AsyncIterator[Point], context: grpc.aio.ServicerContext
    ) -> RouteSummary:
        """A stream of requests, one response: the client is held back while a request is not taken."""
        began_s = time.monotonic()
        summary = RouteSummary()
        metres, last = 0.0, None
        async for point in request_iterator:
            summary.point_count += 1
            summary.feature_count += bool(self._name_at(point))
            metres += distance_m(last, point) if last is not None else 0.0
            last = point
        summary.distance = round(metres)
        summary.elapsed_time = round(time.monotonic() - began_s)
        return summary

    async def RouteChat(
        self, request_iterator: AsyncIterator[RouteNote], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[RouteNote]:
        """A stream each way: here, each request has its responses before the next is taken."""
        async for note in request_iterator:
            for earlier in [earlier for earlier in self._notes if earlier.location == note.location]:
                yield earlier
            self._notes.append(note)


def main() -> int:
    """The program; its exit status."""
    options = program.server_parser(__doc__, 50051).parse_args()
    return program.serve(
        options.host, options.port, lambda server: add_RouteGuideServicer_to_server(RouteGuide(), server)
    )


if __name__ == "__main__":
    sys.exit(main())
