"""The tutorial service `routeguide.RouteGuide`, which has a method of each kind: a map of an island, and its visitors.

It is what `python -m grpc_core serve` offers to try a client on. The messages are those of
`examples/protos/route_guide.proto`, described here in code, so that an installed Plait needs no generated file. The
island does not exist; `examples/route_guide` has the same one.

| method         | request           | response           | what it does                                              |
|----------------|-------------------|--------------------|-----------------------------------------------------------|
| `GetFeature`   | a point           | a feature          | what is there; a feature without a name when nothing is   |
| `ListFeatures` | a rectangle       | stream of features | all that is in it                                         |
| `RecordRoute`  | stream of points  | a summary          | points, features, metres and seconds of a walk            |
| `RouteChat`    | stream of notes   | stream of notes    | for each note, those that were left at its place before   |
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from typing import Any, Final, Protocol

from grpc_core.descriptions import describe, message_class
from grpc_core.status import StatusCode

DESCRIPTOR: Final = describe(
    "plait/demo/route_guide.proto",
    "routeguide",
    messages={
        "Point": ("int32 latitude = 1", "int32 longitude = 2"),
        "Rectangle": ("Point lo = 1", "Point hi = 2"),
        "Feature": ("string name = 1", "Point location = 2"),
        "RouteNote": ("Point location = 1", "string message = 2"),
        "RouteSummary": (
            "int32 point_count = 1",
            "int32 feature_count = 2",
            "int32 distance = 3",
            "int32 elapsed_time = 4",
        ),
    },
    services={
        "RouteGuide": {
            "GetFeature": ("Point", "Feature"),
            "ListFeatures": ("Rectangle", "stream Feature"),
            "RecordRoute": ("stream Point", "RouteSummary"),
            "RouteChat": ("stream RouteNote", "stream RouteNote"),
        }
    },
).services_by_name["RouteGuide"]

Point: Final = message_class("routeguide.Point")
Rectangle: Final = message_class("routeguide.Rectangle")
Feature: Final = message_class("routeguide.Feature")
RouteNote: Final = message_class("routeguide.RouteNote")
RouteSummary: Final = message_class("routeguide.RouteSummary")

NOTES_MAX: Final = 1000
"""So many notes are kept, the last ones: visitors may write for ever."""
NOTE_LETTERS_MAX: Final = 1000
"""And none of them is longer than this."""

PLACES: Final = {
    "Adder Lighthouse": (47_1012000, -28_4031500),
    "Bramble Ford": (47_1330500, -28_3702000),
    "Cinder Hill": (47_1418000, -28_3555000),
    "Dovecote Farm": (47_1201000, -28_3349000),
    "Eel Weir": (47_1289500, -28_3120500),
    "Fennel Bay": (47_0975000, -28_3018000),
    "Gull Rock": (47_0891500, -28_2877000),
    "Hollow Oak": (47_1502000, -28_3247500),
    "Inn at the Three Winds": (47_1377000, -28_2995000),
    "Juniper Gate": (47_1611000, -28_3404000),
    "Kiln Lane": (47_1260000, -28_2790500),
    "Larkfield": (47_1448500, -28_2701000),
    "Mill of Nettle Brook": (47_1539000, -28_2888000),
    "North Stairs": (47_1788000, -28_3101500),
    "Orchard of the Widow": (47_1183000, -28_2604000),
    "Pilots' House": (47_0933000, -28_2512500),
    "Quarry": (47_1690500, -28_2655000),
    "Rope Ferry": (47_1044000, -28_2399000),
    "Saltern": (47_0866000, -28_2288500),
    "Tern Cliffs": (47_1725000, -28_2410000),
    "Under Arches": (47_1356500, -28_2311000),
    "Village Well": (47_1402000, -28_2488000),
    "Weather Station": (47_1833500, -28_2799000),
    "Yew Walk": (47_1570000, -28_2215500),
}
"""The places of the island: (latitude, longitude) by their names, in degrees times 10**7, as the messages have them."""

_EARTH_RADIUS_M: Final = 6_371_000
_UNITS_PER_DEGREE: Final = 10_000_000


class Located(Protocol):
    """A point: latitude and longitude in degrees times 10**7."""

    latitude: int
    longitude: int


def distance_m(start: Located, end: Located) -> float:
    """Metres between two points along a great circle (the haversine formula), on an Earth that is a sphere."""
    latitudes = [math.radians(point.latitude / _UNITS_PER_DEGREE) for point in (start, end)]
    turn = math.radians((end.longitude - start.longitude) / _UNITS_PER_DEGREE)
    half_chord_squared = (
        math.sin((latitudes[1] - latitudes[0]) / 2) ** 2
        + math.cos(latitudes[0]) * math.cos(latitudes[1]) * math.sin(turn / 2) ** 2
    )
    return 2 * _EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(half_chord_squared)))


def is_within(point: Located, corners: Iterable[Located]) -> bool:
    """Whether the point is in the rectangle, or on its edge, whichever corners of it are given."""
    one, other = corners
    return min(one.latitude, other.latitude) <= point.latitude <= max(one.latitude, other.latitude) and min(
        one.longitude, other.longitude
    ) <= point.longitude <= max(one.longitude, other.longitude)


class RouteGuide:
    """The service, for a server on asyncio."""

    def __init__(self) -> None:
        self._features = [
            Feature(name=name, location={"latitude": latitude, "longitude": longitude})
            for name, (latitude, longitude) in PLACES.items()
        ]
        self._notes: deque[Any] = deque(maxlen=NOTES_MAX)

    def _name_at(self, point: Any) -> str:
        return next((str(feature.name) for feature in self._features if feature.location == point), "")

    async def GetFeature(self, request: Any, context: Any) -> Any:
        """What is at the point."""
        return Feature(name=self._name_at(request), location=request)

    async def ListFeatures(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """What is in the rectangle."""
        for feature in self._features:
            if is_within(feature.location, (request.lo, request.hi)):
                yield feature

    async def RecordRoute(self, requests: AsyncIterator[Any], context: Any) -> Any:
        """The length of a walk, and what was on the way."""
        began_s = time.monotonic()
        points, features, metres, last = 0, 0, 0.0, None
        async for point in requests:
            points += 1
            features += bool(self._name_at(point))
            metres += distance_m(last, point) if last is not None else 0.0
            last = point
        return RouteSummary(
            point_count=points,
            feature_count=features,
            distance=round(metres),
            elapsed_time=round(time.monotonic() - began_s),
        )

    async def RouteChat(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        """The notes that others have left where this one is left."""
        async for note in requests:
            if len(note.message) > NOTE_LETTERS_MAX:
                await context.abort(StatusCode.INVALID_ARGUMENT, f"a note has at most {NOTE_LETTERS_MAX} letters")
            for earlier in [earlier for earlier in self._notes if earlier.location == note.location]:
                yield earlier
            self._notes.append(note)
