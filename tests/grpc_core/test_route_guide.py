"""`routeguide.RouteGuide` of `serve`: all four methods, and that nobody can fill its memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from grpc_core import StatusCode, aio, route_guide, stub
from grpc_core.aio import AioRpcError
from grpc_core.route_guide import PLACES, Feature, Point, Rectangle, RouteNote, distance_m, is_within
from grpc_core.stub import service_handler
from tests.grpc_core.support import run
from tests.grpc_core.support_services import connected

WELL = Point(latitude=PLACES["Village Well"][0], longitude=PLACES["Village Well"][1])
NOWHERE = Point(latitude=1, longitude=1)


@asynccontextmanager
async def guide() -> AsyncIterator[Any]:
    server = aio.server()
    server.add_generic_rpc_handlers((service_handler(route_guide.DESCRIPTOR, route_guide.RouteGuide()),))
    async with connected(server) as channel:
        yield stub(route_guide.DESCRIPTOR)(channel)


def test_get_feature() -> None:
    async def main() -> None:
        async with guide() as client:
            assert await client.GetFeature(WELL) == Feature(name="Village Well", location=WELL)
            assert await client.GetFeature(NOWHERE) == Feature(location=NOWHERE), "nothing is there: no name"

    run(main())


def test_list_features_takes_the_corners_in_any_order() -> None:
    async def main() -> None:
        async with guide() as client:
            everything = Rectangle(
                lo={"latitude": 48_0000000, "longitude": -29_0000000},
                hi={"latitude": 47_0000000, "longitude": -28_0000000},
            )
            assert [feature.name async for feature in client.ListFeatures(everything)] == list(PLACES)
            assert [feature.name async for feature in client.ListFeatures(Rectangle(lo=WELL, hi=WELL))] == [
                "Village Well"
            ]
            assert [feature async for feature in client.ListFeatures(Rectangle())] == []

    run(main())


def test_record_route() -> None:
    async def main() -> None:
        async with guide() as client:
            summary = await client.RecordRoute(iter([WELL, NOWHERE, WELL]))
            assert (summary.point_count, summary.feature_count) == (3, 2)
            assert summary.distance == pytest.approx(2 * distance_m(WELL, NOWHERE), abs=1)
            assert (await client.RecordRoute(iter([]))).point_count == 0

    run(main())


def test_route_chat_tells_what_was_left_at_the_place_before() -> None:
    async def main() -> None:
        async with guide() as client:
            notes = [
                RouteNote(location=place, message=text) for place, text in ((WELL, "a"), (NOWHERE, "b"), (WELL, "c"))
            ]
            assert [note.message async for note in client.RouteChat(iter(notes))] == ["a"]
            assert [note.message async for note in client.RouteChat(iter(notes[:1]))] == ["a", "c"], "others too"

    run(main())


def test_notes_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route_guide, "NOTES_MAX", 2)

    async def main() -> None:
        async with guide() as client:
            texts = [note.message async for note in client.RouteChat(RouteNote(message=text) for text in "abcd")]
            assert texts == ["a", "a", "b", "b", "c"], "the oldest was forgotten"
            call = client.RouteChat(iter([RouteNote(message="x" * (route_guide.NOTE_LETTERS_MAX + 1))]))
            with pytest.raises(AioRpcError):
                await call.read()
            assert await status_of_stream(call) == (StatusCode.INVALID_ARGUMENT, "a note has at most 1000 letters")

    run(main())


async def status_of_stream(call: Any) -> tuple[StatusCode, str]:
    return await call.code(), await call.details()


@pytest.mark.parametrize(
    ("start", "end", "metres"),
    [((0, 0), (0, 0), 0), ((0, 0), (0, 1), 111_195), ((0, 0), (90, 0), 10_007_543), ((0, -90), (0, 90), 20_015_087)],
)
def test_distances_on_a_sphere(start: tuple[int, int], end: tuple[int, int], metres: int) -> None:
    points = [Point(latitude=latitude * 10**7, longitude=longitude * 10**7) for latitude, longitude in (start, end)]
    assert round(distance_m(*points)) == metres


def test_the_edge_of_a_rectangle_is_in_it() -> None:
    corners = (Point(latitude=1, longitude=5), Point(latitude=3, longitude=4))
    assert is_within(Point(latitude=1, longitude=4), corners)
    assert not is_within(Point(latitude=4, longitude=4), corners)
    assert not is_within(Point(latitude=1, longitude=3), corners)
