"""The asking end of reflection, against servers that tell less than they should, or something else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

from grpc_core import StatusCode, aio, reflection_client
from grpc_core.descriptions import message_class
from grpc_core.reflection import DESCRIPTORS
from grpc_core.reflection_client import NotConnected, ReflectionClient, ReflectionError
from grpc_core.stub import service_handler
from tests.grpc_core.support import run
from tests.grpc_core.support_services import connected, describe_zoo

Response = message_class("grpc.reflection.v1.ServerReflectionResponse")
ZOO = describe_zoo()
Answer = Callable[[Any], Any]


def file_response(*names: str) -> Any:
    """Files of the zoo, without what they import."""
    files = [ZOO.FindFileByName(name).serialized_pb for name in names]
    return Response(file_descriptor_response={"file_descriptor_proto": files})


def made_response(name: str, *dependencies: str, **parts: Any) -> Any:
    """A file that the test makes up."""
    file = FileDescriptorProto(name=name, dependency=dependencies, **parts)
    return Response(file_descriptor_response={"file_descriptor_proto": [file.SerializeToString()]})


def asking(answer: Answer, ask: Callable[[ReflectionClient], Awaitable[None]]) -> list[str]:
    """Let `ask` ask a server that answers each request with `answer(request)`; the questions."""
    questions: list[str] = []

    class Servicer:
        async def ServerReflectionInfo(self, requests: Any, context: Any) -> None:
            async for request in requests:
                questions.append(getattr(request, request.WhichOneof("message_request")))
                response = answer(request)
                if response is None:
                    return
                await context.write(response)

    async def main() -> None:
        server = aio.server()
        server.add_generic_rpc_handlers((service_handler(DESCRIPTORS[0], Servicer()),))
        async with connected(server) as channel:
            client = ReflectionClient(channel, (), lambda: 20.0)
            await ask(client)
            client.close()

    run(main())
    return questions


async def find_keeper(client: ReflectionClient) -> None:
    await client.find("zoo.Keeper")
    assert set(client.pool.FindServiceByName("zoo.Keeper").methods_by_name) == {"Unary", "Out", "In", "Both"}


def test_imports_that_were_left_out_are_asked_for() -> None:
    def answer(request: Any) -> Any:
        return file_response(request.file_by_filename or "zoo/zoo.proto")

    questions = asking(answer, find_keeper)
    assert questions[0] == "zoo.Keeper"
    assert sorted(questions[1:]) == ["zoo/base.proto", "zoo/left.proto", "zoo/right.proto"], "each once"


def test_the_order_of_the_files_does_not_matter() -> None:
    questions = asking(
        lambda _: file_response("zoo/zoo.proto", "zoo/right.proto", "zoo/left.proto", "zoo/base.proto"), find_keeper
    )
    assert questions == ["zoo.Keeper"]


def test_what_was_sent_before_is_not_needed_again() -> None:
    async def ask(client: ReflectionClient) -> None:
        await client.find("zoo.base.Open")
        await find_keeper(client)
        await client.find("zoo.Keeper")

    answers = iter(
        [
            file_response("zoo/base.proto"),
            file_response("zoo/zoo.proto", "zoo/right.proto", "zoo/left.proto"),
            file_response("zoo/zoo.proto"),
        ]
    )
    assert asking(lambda _: next(answers), ask) == ["zoo.base.Open", "zoo.Keeper", "zoo.Keeper"]


def endless(request: Any) -> Any:
    """Each file imports one more."""
    number = int(request.file_by_filename or 0)
    return made_response(str(number), str(number + 1))


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        (
            lambda request: file_response("zoo/zoo.proto"),
            StatusCode.INTERNAL,
            r"the server does not send its file 'zoo/(right|left)\.proto'",
        ),
        (
            lambda request: made_response("a", "b") if request.file_by_filename != "b" else made_response("b", "a"),
            StatusCode.INTERNAL,
            "descriptors do not fit together: .*cycle",
        ),
        (
            lambda request: made_response("a", service=[{"name": "S", "method": [{"name": "M", "input_type": ".X"}]}]),
            StatusCode.INTERNAL,
            "descriptors do not fit together: ",
        ),
        (
            lambda request: Response(file_descriptor_response={"file_descriptor_proto": [b"\xff\xff"]}),
            StatusCode.INTERNAL,
            "the server sends what is not a descriptor: ",
        ),
        (endless, StatusCode.RESOURCE_EXHAUSTED, "the server sends more than 50 files"),
        (
            lambda request: Response(error_response={"error_code": 7, "error_message": "secret"}),
            StatusCode.PERMISSION_DENIED,
            "^secret$",
        ),
        (
            lambda request: Response(error_response={"error_code": 99}),
            StatusCode.UNKNOWN,
            "^no answer to file_containing_symbol 'zoo.Keeper'$",
        ),
        (lambda request: Response(), StatusCode.INTERNAL, "the server answers file_containing_symbol with None"),
        (
            lambda request: Response(all_extension_numbers_response={}),
            StatusCode.INTERNAL,
            "the server answers file_containing_symbol with all_extension_numbers_response",
        ),
        (lambda request: None, StatusCode.INTERNAL, "answers file_containing_symbol with end of the stream"),
    ],
)
def test_what_cannot_be_used_is_an_error(
    answer: Answer, code: StatusCode, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflection_client, "FILES_MAX", 50)

    async def ask(client: ReflectionClient) -> None:
        with pytest.raises(ReflectionError, match=reason) as caught:
            await client.find("zoo.Keeper")
        assert caught.value.code is code

    asking(answer, ask)


def test_a_question_after_the_end_of_the_stream_is_an_error_too() -> None:
    answers = iter([Response(list_services_response={"service": [{"name": "b"}, {"name": "a"}]}), None])

    async def ask(client: ReflectionClient) -> None:
        assert await client.services() == ["a", "b"]
        for _ in range(2):
            with pytest.raises(ReflectionError, match="end of the stream"):
                await client.services()

    asking(lambda _: next(answers), ask)


def test_any_message_is_looked_up_once() -> None:
    async def ask(client: ReflectionClient) -> None:
        for _ in range(2):
            found = await client.find_message("zoo.base.Open")
            assert found is not None
            assert found.full_name == "zoo.base.Open"
        assert await client.find_message("zoo.base.Closed") is None

    assert asking(lambda _: file_response("zoo/base.proto"), ask) == ["zoo.base.Open", "zoo.base.Closed"]


def test_a_status_of_the_stream_reaches_the_caller() -> None:
    async def ask(client: ReflectionClient) -> None:
        with pytest.raises(aio.AioRpcError) as caught:
            await client.services()
        assert caught.value.code() is StatusCode.UNKNOWN

    def answer(request: Any) -> Any:
        raise ValueError("broken")

    asking(answer, ask)


def test_no_connection_is_an_error_of_its_own() -> None:
    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1") as channel:
            client = ReflectionClient(channel, (), lambda: None)
            with pytest.raises(NotConnected, match="Connection refused"):
                await client.services()
            client.close()

    run(main())


def test_closing_what_never_asked() -> None:
    async def main() -> None:
        async with aio.insecure_channel("127.0.0.1:1") as channel:
            ReflectionClient(channel, (), lambda: None).close()

    run(main())
