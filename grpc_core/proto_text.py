"""What a descriptor says, in the words of a .proto: for people who ask a server what it has.

It is made for reading, not for protoc: type names are full names, and options, defaults and reserved numbers are left
out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool

from grpc_core.reflection import file_of_symbol

INDENT: Final = "  "
_LABELS: Final = {
    FieldDescriptorProto.LABEL_OPTIONAL: "optional ",
    FieldDescriptorProto.LABEL_REQUIRED: "required ",
    FieldDescriptorProto.LABEL_REPEATED: "repeated ",
}


def describe_symbol(pool: DescriptorPool, name: str) -> str:
    """The definition of the service, method, message or enum of that full name. Raises KeyError when it is none."""
    file = FileDescriptorProto.FromString(file_of_symbol(pool, name).serialized_pb)
    says_optional = file.syntax in ("", "proto2")
    for full_name, proto in _definitions(file):
        if full_name == name:
            if isinstance(proto, DescriptorProto):
                lines = _message(proto, full_name, says_optional)
            elif isinstance(proto, ServiceDescriptorProto):
                lines = _block(f"service {proto.name}", [_method(method) for method in proto.method])
            else:
                lines = _enum(proto) if isinstance(proto, EnumDescriptorProto) else [_method(proto)]
            return "\n".join([f"// {name}", *lines])
    raise KeyError(name)


_Definition = ServiceDescriptorProto | MethodDescriptorProto | DescriptorProto | EnumDescriptorProto


def _definitions(file: FileDescriptorProto) -> Iterator[tuple[str, _Definition]]:
    """What the file defines, each with its full name."""
    package = f"{file.package}." if file.package else ""
    for service in file.service:
        yield package + service.name, service
        yield from ((f"{package}{service.name}.{method.name}", method) for method in service.method)
    yield from ((package + enum.name, enum) for enum in file.enum_type)
    waiting = [(package, message) for message in file.message_type]
    while waiting:
        scope, message = waiting.pop()
        yield scope + message.name, message
        scope += f"{message.name}."
        yield from ((scope + enum.name, enum) for enum in message.enum_type)
        waiting += [(scope, nested) for nested in message.nested_type]


def _block(head: str, lines: list[str]) -> list[str]:
    return [f"{head} {{", *(INDENT + line for line in lines), "}"] if lines else [f"{head} {{}}"]


def _method(proto: MethodDescriptorProto) -> str:
    takes = "stream " * proto.client_streaming + proto.input_type.lstrip(".")
    gives = "stream " * proto.server_streaming + proto.output_type.lstrip(".")
    return f"rpc {proto.name} ({takes}) returns ({gives});"


def _enum(proto: EnumDescriptorProto) -> list[str]:
    return _block(f"enum {proto.name}", [f"{value.name} = {value.number};" for value in proto.value])


def _message(proto: DescriptorProto, full_name: str, says_optional: bool) -> list[str]:
    entries = {f".{full_name}.{nested.name}": nested for nested in proto.nested_type if nested.options.map_entry}
    lines = list(_fields(proto, entries, says_optional))
    for nested in proto.nested_type:
        if not nested.options.map_entry:
            lines += _message(nested, f"{full_name}.{nested.name}", says_optional)
    for enum in proto.enum_type:
        lines += _enum(enum)
    return _block(f"message {proto.name}", lines)


def _fields(proto: DescriptorProto, entries: dict[str, DescriptorProto], says_optional: bool) -> Iterator[str]:
    told = set()
    for field in proto.field:
        if not _is_in_oneof(field):
            yield _field(field, entries, says_optional)
        elif field.oneof_index not in told:
            told.add(field.oneof_index)
            members = [one for one in proto.field if _is_in_oneof(one) and one.oneof_index == field.oneof_index]
            head = f"oneof {proto.oneof_decl[field.oneof_index].name}"
            yield from _block(head, [f"{_type(one)} {one.name} = {one.number};" for one in members])


def _is_in_oneof(field: FieldDescriptorProto) -> bool:
    """A proto3 field that says `optional` is in a oneof of its own, which nobody has written."""
    return field.HasField("oneof_index") and not field.proto3_optional


def _field(field: FieldDescriptorProto, entries: dict[str, DescriptorProto], says_optional: bool) -> str:
    if field.type_name in entries:
        key, value = entries[field.type_name].field
        return f"map<{_type(key)}, {_type(value)}> {field.name} = {field.number};"
    is_plain = field.label == FieldDescriptorProto.LABEL_OPTIONAL and not (says_optional or field.proto3_optional)
    return f"{'' if is_plain else _LABELS[field.label]}{_type(field)} {field.name} = {field.number};"


def _type(field: FieldDescriptorProto) -> str:
    return field.type_name.lstrip(".") or FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()
