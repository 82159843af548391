"""Descriptor sets in place of reflection: what is found in them, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from grpc_core.descriptor_set import DescriptorSet
from grpc_core.reflection_client import ReflectionError
from grpc_core.status import StatusCode
from tests.grpc_core.support import run
from tests.grpc_core.support_services import describe_zoo


def serialized(*files: FileDescriptorProto) -> bytes:
    return FileDescriptorSet(file=files).SerializeToString()


def zoo_files() -> list[FileDescriptorProto]:
    """Those of the zoo, what imports before what is imported: the order in a set is anybody's."""
    pool = describe_zoo()
    names = ("zoo/zoo.proto", "zoo/right.proto", "zoo/left.proto", "zoo/base.proto")
    return [FileDescriptorProto.FromString(pool.FindFileByName(name).serialized_pb) for name in names]


def test_it_answers_like_a_server() -> None:
    async def main() -> None:
        types = DescriptorSet(serialized(*zoo_files()))
        assert await types.services() == ["zoo.Keeper"]
        await types.find("zoo.Keeper.Both")
        with pytest.raises(ReflectionError) as caught:
            await types.find("zoo.Nobody")
        assert (caught.value.code, str(caught.value)) == (
            StatusCode.NOT_FOUND,
            "symbol 'zoo.Nobody' is not in the descriptor set",
        )
        animal = await types.find_message("zoo.Animal")
        assert animal is not None
        assert animal.full_name == "zoo.Animal"
        assert await types.find_message("zoo.Nobody") is None
        types.close()

    run(main())


def test_what_comes_with_protobuf_may_be_missing() -> None:
    file = FileDescriptorProto(name="a.proto", dependency=["google/protobuf/timestamp.proto"], syntax="proto3")
    file.message_type.add(name="A").field.add(
        name="at", number=1, type=11, type_name=".google.protobuf.Timestamp", label=1
    )
    types = DescriptorSet(serialized(file))
    field = types.pool.FindMessageTypeByName("A").fields_by_name["at"]
    assert field.message_type is not None
    assert field.message_type.full_name == timestamp_pb2.Timestamp.DESCRIPTOR.full_name


def importing(*names: str, **more: Any) -> FileDescriptorProto:
    return FileDescriptorProto(name="a.proto", dependency=names, **more)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"\xff", "is not a FileDescriptorSet: "),
        (b"", "is a FileDescriptorSet without files"),
        (serialized(importing("b.proto")), r"without 'b\.proto', which 'a\.proto' imports \(protoc has --include"),
        (serialized(importing("google/protobuf/nothing.proto")), r"without 'google/protobuf/nothing\.proto'"),
        (serialized(importing("a.proto")), "whose files do not fit together"),
        (serialized(importing(syntax="proto4")), "whose files do not fit together|is not"),
    ],
    ids=["no message", "empty", "not whole", "not protobuf's", "circle", "no file"],
)
def test_a_set_that_is_of_no_use_is_refused(octets: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        DescriptorSet(octets)
