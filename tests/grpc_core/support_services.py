"""What the tests of services share: the official packages, and a .proto with everything in it."""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from grpc_core import aio


def official(module: str) -> Any:
    """A module of grpcio or of its companions. Without it the test is skipped, or fails if INTEROP_REQUIRE has it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        if "grpcio" in os.environ.get("INTEROP_REQUIRE", "").replace(" ", "").split(","):
            raise
        pytest.skip(f"{module} is not installed")


@asynccontextmanager
async def running(server: Any) -> AsyncIterator[int]:
    """The port of a server, ours or grpcio's, that runs and is stopped at the end."""
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


@asynccontextmanager
async def connected(server: aio.Server) -> AsyncIterator[aio.Channel]:
    """Our channel to our server, both running."""
    async with running(server) as port, aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel


_Field = descriptor_pb2.FieldDescriptorProto
_STRING, _INT32, _MESSAGE, _ENUM = _Field.TYPE_STRING, _Field.TYPE_INT32, _Field.TYPE_MESSAGE, _Field.TYPE_ENUM
_ONE, _MANY = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED


def describe_zoo() -> descriptor_pool.DescriptorPool:
    """A pool of four files: `zoo.proto` imports `left.proto` and `right.proto`, and both of these `base.proto`.

    `zoo.Keeper` has a method of each kind, `Unary`, `Out`, `In` and `Both`; `zoo.base.Open` (proto2) has two
    extensions, 100 in left.proto and 200 in right.proto.
    """
    base = descriptor_pb2.FileDescriptorProto(name="zoo/base.proto", package="zoo.base", syntax="proto2")
    message = base.message_type.add(name="Open")
    message.field.add(name="name", number=1, type=_STRING, label=_ONE)
    message.extension_range.add(start=100, end=1000)
    sides = []
    for side, number in (("left", 100), ("right", 200)):
        file = descriptor_pb2.FileDescriptorProto(
            name=f"zoo/{side}.proto", package=f"zoo.{side}", syntax="proto2", dependency=["zoo/base.proto"]
        )
        file.extension.add(
            name="extra", number=number, type=_INT32, label=_ONE, extendee=".zoo.base.Open", json_name="extra"
        )
        file.message_type.add(name="Side").field.add(
            name="open", number=1, type=_MESSAGE, type_name=".zoo.base.Open", label=_ONE
        )
        sides.append(file)
    zoo = descriptor_pb2.FileDescriptorProto(
        name="zoo/zoo.proto", package="zoo", syntax="proto3", dependency=["zoo/left.proto", "zoo/right.proto"]
    )
    animal = zoo.message_type.add(name="Animal")
    animal.field.add(name="name", number=1, type=_STRING, label=_ONE)
    animal.field.add(name="legs", number=2, type=_INT32, label=_ONE)
    animal.field.add(name="side", number=3, type=_MESSAGE, type_name=".zoo.left.Side", label=_ONE)
    animal.field.add(name="kind", number=4, type=_ENUM, type_name=".zoo.Kind", label=_ONE)
    animal.field.add(name="friends", number=5, type=_STRING, label=_MANY)
    animal.field.add(name="ages", number=6, type=_MESSAGE, type_name=".zoo.Animal.AgesEntry", label=_MANY)
    animal.field.add(name="meat", number=7, type=_STRING, label=_ONE, oneof_index=0)
    animal.field.add(name="plants", number=8, type=_INT32, label=_ONE, oneof_index=0)
    animal.field.add(name="nick", number=9, type=_STRING, label=_ONE, oneof_index=1, proto3_optional=True)
    animal.oneof_decl.add(name="food")
    animal.oneof_decl.add(name="_nick")
    entry = animal.nested_type.add(name="AgesEntry")
    entry.field.add(name="key", number=1, type=_STRING, label=_ONE)
    entry.field.add(name="value", number=2, type=_INT32, label=_ONE)
    entry.options.map_entry = True
    kind = zoo.enum_type.add(name="Kind")
    for number, value in enumerate(("WILD", "TAME")):
        kind.value.add(name=value, number=number)
    keeper = zoo.service.add(name="Keeper")
    for name, takes_stream, gives_stream in (
        ("Unary", False, False),
        ("Out", False, True),
        ("In", True, False),
        ("Both", True, True),
    ):
        keeper.method.add(
            name=name,
            input_type=".zoo.Animal",
            output_type=".zoo.Animal",
            client_streaming=takes_stream,
            server_streaming=gives_stream,
        )
    pool = descriptor_pool.DescriptorPool()
    for file in (base, *sides, zoo):
        pool.AddSerializedFile(file.SerializeToString())
    return pool
