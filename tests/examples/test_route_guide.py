"""RouteGuide: both clients, with either library on either side, and the one that `grpc_core serve` has."""

from __future__ import annotations

import asyncio

import pytest

import grpc_core
from examples.route_guide import client, client_sync
from examples.route_guide.route_guide_pb2_grpc import RouteGuideStub, add_RouteGuideServicer_to_server
from examples.route_guide.server import RouteGuide
from grpc_core import route_guide
from grpc_core.stub import service_handler
from tests.examples.support import EVERY_PAIR, modules_of, run, served

EXPECTED = """\
-- get_feature
Village Well at 47.1402, -28.2488
(nothing) at 46.0000, -27.0000
-- list_features
Fennel Bay at 47.0975, -28.3018
Gull Rock at 47.0891, -28.2877
Inn at the Three Winds at 47.1377, -28.2995
Kiln Lane at 47.1260, -28.2791
Larkfield at 47.1448, -28.2701
Mill of Nettle Brook at 47.1539, -28.2888
North Stairs at 47.1788, -28.3102
Orchard of the Widow at 47.1183, -28.2604
Pilots' House at 47.0933, -28.2512
Quarry at 47.1690, -28.2655
Rope Ferry at 47.1044, -28.2399
Saltern at 47.0866, -28.2289
Tern Cliffs at 47.1725, -28.2410
Under Arches at 47.1356, -28.2311
Village Well at 47.1402, -28.2488
-- record_route
10 points, 10 features, 29415 m, 0 s
-- route_chat
'the rope is new' was left at 47.1402, -28.2488
""".splitlines()


@EVERY_PAIR
def test_a_tour_on_asyncio(pair: str) -> None:
    server_module, client_module = modules_of(pair)

    async def main() -> None:
        async with served(server_module, lambda server: add_RouteGuideServicer_to_server(RouteGuide(), server)) as port:
            said: list[str] = []
            async with client_module.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                await client.tour(RouteGuideStub(channel), said.append)
            assert said == EXPECTED

    run(main())


@EVERY_PAIR
def test_a_tour_in_a_thread(pair: str) -> None:
    server_module, client_module = modules_of(pair)
    said: list[str] = []

    def tour(port: int) -> None:
        with client_module.insecure_channel(f"127.0.0.1:{port}") as channel:
            client_sync.tour(RouteGuideStub(channel), said.append)

    async def main() -> None:
        async with served(server_module, lambda server: add_RouteGuideServicer_to_server(RouteGuide(), server)) as port:
            await asyncio.to_thread(tour, port)

    run(main())
    assert said == EXPECTED


@pytest.mark.parametrize("tours", [1, 3])
def test_the_service_of_serve_is_the_same(tours: int) -> None:
    """`python -m grpc_core serve` has it without generated code; a client cannot tell."""

    async def main() -> None:
        async with (
            served(
                grpc_core,
                lambda server: server.add_generic_rpc_handlers(
                    (service_handler(route_guide.DESCRIPTOR, route_guide.RouteGuide()),)
                ),
            ) as port,
            grpc_core.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            for _ in range(tours):
                said: list[str] = []
                await client.tour(RouteGuideStub(channel), said.append)
            assert said[: len(EXPECTED) - 1] == EXPECTED[:-1]
            assert len(said) - len(EXPECTED) == 5 * (tours - 1), "notes of earlier tours"

    run(main())
