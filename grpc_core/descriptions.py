"""Messages and services described in code, in a descriptor pool of Plait's own.

The services that every gRPC server may have (health, reflection) and `google.rpc.Status` are defined by small .proto
files. Generated code for them would register in protobuf's default pool, where the official packages register the same
names: whoever comes second may fail. So they are written down here in the words of a .proto, as data, and live in
`POOL`, of which nobody else knows. On the wire there is no difference.

A message is its fields, by the message's name; a nested one has its parent's name and a dot before its own:

    "Reply": ("string text = 1", "repeated bytes parts = 2", "choice: int32 number = 3", "Kind kind = 4")

`choice:` puts a field into the oneof of that name. A type that is not a scalar is a name in the file's package, or a
full name when it starts with a dot. A nested message called `...Entry` is the entry of a map. An enum is its values in
their order, from 0. A method is its request and response type, each with `stream` before it if it is one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import any_pb2, descriptor_pool, duration_pb2, message_factory, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

POOL: Final = descriptor_pool.DescriptorPool()
for _file in (any_pb2, duration_pb2, timestamp_pb2, wrappers_pb2):
    POOL.AddSerializedFile(_file.DESCRIPTOR.serialized_pb)

_FIELD: Final = re.compile(
    r"(?:(?P<oneof>\w+): )?(?P<repeated>repeated )?(?P<type>[\w.]+) (?P<name>\w+) = (?P<number>\d+)"
)
_SCALARS: Final = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "string": FieldDescriptorProto.TYPE_STRING,
}


def describe(
    name: str,
    package: str,
    *,
    imports: tuple[str, ...] = (),
    messages: Mapping[str, tuple[str, ...]],
    enums: Mapping[str, tuple[str, ...]] = {},
    services: Mapping[str, Mapping[str, tuple[str, str]]] = {},
) -> FileDescriptor:
    """Add the proto3 file of that name to `POOL`; its parts as the top of this module says."""
    file = FileDescriptorProto(name=name, package=package, dependency=imports, syntax="proto3")
    made: dict[str, DescriptorProto] = {}
    for full_name, fields in messages.items():
        parent, _, short_name = full_name.rpartition(".")
        made[full_name] = message = made[parent].nested_type.add() if parent else file.message_type.add()
        message.name = short_name
        message.options.map_entry = bool(parent) and short_name.endswith("Entry")
        for field in fields:
            _add_field(message, field, package, enums)
    for full_name, values in enums.items():
        parent, _, short_name = full_name.rpartition(".")
        enum = made[parent].enum_type.add() if parent else file.enum_type.add()
        enum.name = short_name
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for service_name, methods in services.items():
        service = file.service.add(name=service_name)
        for method_name, (request, response) in methods.items():
            service.method.add(
                name=method_name,
                input_type=_full_name(request.removeprefix("stream "), package),
                output_type=_full_name(response.removeprefix("stream "), package),
                client_streaming=request.startswith("stream "),
                server_streaming=response.startswith("stream "),
            )
    POOL.AddSerializedFile(file.SerializeToString())
    return POOL.FindFileByName(name)


def _add_field(message: DescriptorProto, text: str, package: str, enums: Mapping[str, tuple[str, ...]]) -> None:
    parts = _FIELD.fullmatch(text)
    assert parts is not None, f"{text!r} is not a field"
    is_repeated = parts["repeated"] is not None
    field = message.field.add(
        name=parts["name"],
        number=int(parts["number"]),
        label=FieldDescriptorProto.LABEL_REPEATED if is_repeated else FieldDescriptorProto.LABEL_OPTIONAL,
    )
    if parts["type"] in _SCALARS:
        field.type = _SCALARS[parts["type"]]
    else:
        field.type_name = _full_name(parts["type"], package)
        field.type = FieldDescriptorProto.TYPE_ENUM if parts["type"] in enums else FieldDescriptorProto.TYPE_MESSAGE
    if parts["oneof"] is not None:
        names = [oneof.name for oneof in message.oneof_decl]
        if parts["oneof"] not in names:
            names.append(parts["oneof"])
            message.oneof_decl.add(name=parts["oneof"])
        field.oneof_index = names.index(parts["oneof"])


def _full_name(name: str, package: str) -> str:
    return name if name.startswith(".") else f".{package}.{name}"


def message_class(full_name: str) -> Any:
    """The class of a message in `POOL`."""
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(full_name))
