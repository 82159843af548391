"""What both clients of RouteGuide send, and how they say what they get."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from examples.route_guide.route_guide_pb2 import Feature, Point, Rectangle, RouteNote, RouteSummary
from grpc_core.route_guide import PLACES


def point(name: str) -> Point:
    """Where a place of the island is."""
    latitude, longitude = PLACES[name]
    return Point(latitude=latitude, longitude=longitude)


WELL = point("Village Well")
SEA = Point(latitude=46_0000000, longitude=-27_0000000)
EAST = Rectangle(lo=point("Saltern"), hi=point("North Stairs"))


def points() -> Iterator[Point]:
    """A walk by the first ten places, in the order of the alphabet."""
    for name in list(PLACES)[:10]:
        yield point(name)


def notes() -> Iterator[RouteNote]:
    """Three notes at two places: the third gets the first back."""
    for place, message in ((WELL, "the rope is new"), (SEA, "no land in sight"), (WELL, "the water is good")):
        yield RouteNote(location=place, message=message)


def place_text(location: Point) -> str:
    """Degrees, for people."""
    return f"{location.latitude / 10**7:.4f}, {location.longitude / 10**7:.4f}"


def feature_text(feature: Feature) -> str:
    """What is where."""
    return f"{feature.name or '(nothing)'} at {place_text(feature.location)}"


def summary_text(summary: RouteSummary) -> str:
    """A walk in a line."""
    return (
        f"{summary.point_count} points, {summary.feature_count} features, {summary.distance} m,"
        f" {summary.elapsed_time} s"
    )


def target() -> str:
    """The server that the command line names."""
    parser = argparse.ArgumentParser(description="Calls every method of RouteGuide once.")
    parser.add_argument("target", nargs="?", default="localhost:50051", metavar="HOST:PORT")
    return str(parser.parse_args().target)
