"""Server reflection (W192): both names of the service, all five questions, and the official client over grpcio."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

import grpc_core
from grpc_core import aio, stub
from grpc_core.descriptions import message_class
from grpc_core.health import SERVICE_NAME as HEALTH
from grpc_core.reflection import DESCRIPTORS, SERVICE_NAMES, enable_reflection
from tests.grpc_core.support import PATIENCE_S, run
from tests.grpc_core.support_services import connected, describe_zoo, official, running

POOL = describe_zoo()
BOTH = pytest.mark.parametrize("descriptor", DESCRIPTORS, ids=["v1", "v1alpha"])


def server_of_the_zoo() -> aio.Server:
    server = aio.server()
    enable_reflection(["zoo.Keeper", HEALTH], server, POOL)
    return server


async def asked(channel: Any, descriptor: Any, *queries: dict[str, Any]) -> list[Any]:
    """The answers to the questions, all asked on one stream."""
    request_class = message_class(descriptor.methods[0].input_type.full_name)
    call = stub(descriptor)(channel).ServerReflectionInfo(iter([request_class(**query) for query in queries]))
    return [response async for response in call]


def answers(descriptor: Any, *queries: dict[str, Any]) -> list[Any]:
    async def main() -> None:
        async with connected(server_of_the_zoo()) as channel:
            found.extend(await asked(channel, descriptor, *queries))

    found: list[Any] = []
    run(main())
    assert len(found) == len(queries), "each question has one answer"
    return found


def file_names(response: Any) -> list[str]:
    files = response.file_descriptor_response.file_descriptor_proto
    return [descriptor_pb2.FileDescriptorProto.FromString(file).name for file in files]


@pytest.mark.wire("W192")
@BOTH
def test_list_services(descriptor: Any) -> None:
    (response,) = answers(descriptor, {"list_services": "", "host": "h"})
    assert [service.name for service in response.list_services_response.service] == [
        HEALTH,
        *SERVICE_NAMES,
        "zoo.Keeper",
    ]
    assert response.valid_host == "h"
    assert response.original_request.WhichOneof("message_request") == "list_services"


@pytest.mark.wire("W192")
@BOTH
def test_a_file_comes_with_what_it_imports_each_once_on_a_stream(descriptor: Any) -> None:
    first, second, third = answers(
        descriptor,
        {"file_by_filename": "zoo/left.proto"},
        {"file_containing_symbol": "zoo.Keeper"},
        {"file_by_filename": "zoo/zoo.proto"},
    )
    assert file_names(first) == ["zoo/left.proto", "zoo/base.proto"]
    assert file_names(second) == ["zoo/zoo.proto", "zoo/right.proto"], "the others have been sent"
    assert file_names(third) == ["zoo/zoo.proto"], "what is asked for is sent again"


def test_a_new_stream_begins_anew() -> None:
    for _ in range(2):
        (response,) = answers(DESCRIPTORS[0], {"file_by_filename": "zoo/zoo.proto"})
        assert file_names(response) == ["zoo/zoo.proto", "zoo/left.proto", "zoo/right.proto", "zoo/base.proto"]


@pytest.mark.parametrize(
    ("symbol", "file"),
    [
        ("zoo.Keeper", "zoo/zoo.proto"),
        ("zoo.Keeper.Both", "zoo/zoo.proto"),
        ("zoo.Animal", "zoo/zoo.proto"),
        ("zoo.Animal.name", "zoo/zoo.proto"),
        ("zoo.Kind", "zoo/zoo.proto"),
        ("zoo.base.Open", "zoo/base.proto"),
        ("zoo.right.extra", "zoo/right.proto"),
        (HEALTH, "grpc/health/v1/health.proto"),
        ("grpc.health.v1.HealthCheckResponse.ServingStatus", "grpc/health/v1/health.proto"),
        ("grpc.reflection.v1.ServerReflection", "grpc/reflection/v1/reflection.proto"),
    ],
)
def test_file_containing_symbol(symbol: str, file: str) -> None:
    (response,) = answers(DESCRIPTORS[0], {"file_containing_symbol": symbol})
    assert file_names(response)[0] == file


@pytest.mark.wire("W192")
@BOTH
def test_extensions(descriptor: Any) -> None:
    by_number, numbers, none = answers(
        descriptor,
        {"file_containing_extension": {"containing_type": "zoo.base.Open", "extension_number": 200}},
        {"all_extension_numbers_of_type": "zoo.base.Open"},
        {"all_extension_numbers_of_type": "zoo.Animal"},
    )
    assert file_names(by_number) == ["zoo/right.proto", "zoo/base.proto"]
    assert numbers.all_extension_numbers_response.base_type_name == "zoo.base.Open"
    assert list(numbers.all_extension_numbers_response.extension_number) == [100, 200]
    assert none.WhichOneof("message_response") == "all_extension_numbers_response"
    assert list(none.all_extension_numbers_response.extension_number) == []


@pytest.mark.wire("W192")
@BOTH
def test_what_is_not_there_is_an_answer_and_the_stream_goes_on(descriptor: Any) -> None:
    queries: list[dict[str, Any]] = [
        {"file_by_filename": "no.proto"},
        {"file_containing_symbol": "zoo.Nobody"},
        {"file_containing_symbol": ""},
        {"file_containing_extension": {"containing_type": "zoo.base.Open", "extension_number": 300}},
        {"file_containing_extension": {"containing_type": "zoo.Nobody", "extension_number": 100}},
        {"all_extension_numbers_of_type": "zoo.Nobody"},
    ]
    *errors, last = answers(descriptor, *queries, {"list_services": ""})
    for response in errors:
        assert response.WhichOneof("message_response") == "error_response"
        assert response.error_response.error_code == 5
        assert response.error_response.error_message.endswith("is not known here")
    assert last.WhichOneof("message_response") == "list_services_response"


def test_a_question_of_a_later_version_is_invalid() -> None:
    (response,) = answers(DESCRIPTORS[0], {"host": "h"})
    assert response.error_response.error_code == 3


def test_a_service_may_be_given_as_its_descriptor() -> None:
    async def main() -> None:
        server = aio.server()
        enable_reflection([POOL.FindServiceByName("zoo.Keeper")], server)
        async with connected(server) as channel:
            listed, file = await asked(
                channel, DESCRIPTORS[0], {"list_services": ""}, {"file_containing_symbol": "zoo.Animal"}
            )
            assert "zoo.Keeper" in [service.name for service in listed.list_services_response.service]
            assert file_names(file)[0] == "zoo/zoo.proto"

    run(main())


def test_a_service_that_nobody_can_describe_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"no descriptor pool has the service 'zoo\.Keeper'; is its"):
        enable_reflection(["zoo.Keeper"], aio.server())


@pytest.mark.wire("W192")
def test_a_blocking_server() -> None:
    request_class = message_class("grpc.reflection.v1.ServerReflectionRequest")
    with ThreadPoolExecutor(2) as pool:
        server = grpc_core.server(pool)
        enable_reflection(["zoo.Keeper"], server, POOL)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc_core.insecure_channel(f"127.0.0.1:{port}") as channel:
            requests = [request_class(list_services=""), request_class(file_by_filename="zoo/left.proto")] * 2
            call = stub(DESCRIPTORS[0])(channel).ServerReflectionInfo(iter(requests), timeout=PATIENCE_S)
            listed, first, _, second = call
            assert listed.list_services_response.service[-1].name == "zoo.Keeper"
            assert file_names(first) == ["zoo/left.proto", "zoo/base.proto"]
            assert file_names(second) == ["zoo/left.proto"]
        server.stop(None).wait(PATIENCE_S)


@pytest.mark.wire("W192")
@pytest.mark.parametrize("face", ["aio", "sync"])
def test_the_official_client_of_grpcio(face: str) -> None:
    grpc = official("grpc")
    database_module = official("grpc_reflection.v1alpha.proto_reflection_descriptor_database")

    def ask(port: int) -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            database = database_module.ProtoReflectionDescriptorDatabase(channel)
            assert "zoo.Keeper" in database.get_services()
            pool = descriptor_pool.DescriptorPool(database)
            service = pool.FindServiceByName("zoo.Keeper")
            assert [method.name for method in service.methods] == ["Unary", "Out", "In", "Both"]
            side = service.methods[0].input_type.fields_by_name["side"]
            assert side.message_type is not None
            assert side.message_type.full_name == "zoo.left.Side"
            assert list(database.FindAllExtensionNumbers("zoo.base.Open")) == [100, 200]
            assert database.FindFileContainingSymbol("zoo.right.extra").name == "zoo/right.proto"
            with pytest.raises(KeyError):
                database.FindFileByName("no.proto")

    async def main() -> None:
        async with running(server_of_the_zoo()) as port:
            await asyncio.to_thread(ask, port)

    if face == "aio":
        run(main())
        return
    with ThreadPoolExecutor(2) as workers:
        server = grpc_core.server(workers)
        enable_reflection(["zoo.Keeper", HEALTH], server, POOL)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        ask(port)
        server.stop(None).wait(PATIENCE_S)
