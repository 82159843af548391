"""Descriptors in the words of a .proto."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2

from grpc_core.descriptions import POOL
from grpc_core.proto_text import describe_symbol
from tests.grpc_core.support_services import describe_zoo

NESTED = """\
// zoo.base.Outer
message Outer {
  required bytes key = 1;
  optional zoo.base.Outer.Inner inner = 2;
  repeated double values = 3;
  message Inner {
    enum Size {
      SMALL = 0;
      LARGE = 5;
    }
  }
  message Empty {}
}"""


def test_what_is_defined_in_a_message_stands_in_it() -> None:
    pool = describe_zoo()
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="outer.proto", package="zoo.base", syntax="proto2")
    outer = file.message_type.add(name="Outer")
    outer.field.add(name="key", number=1, type=field.TYPE_BYTES, label=field.LABEL_REQUIRED)
    outer.field.add(
        name="inner", number=2, type=field.TYPE_MESSAGE, type_name=".zoo.base.Outer.Inner", label=field.LABEL_OPTIONAL
    )
    outer.field.add(name="values", number=3, type=field.TYPE_DOUBLE, label=field.LABEL_REPEATED)
    size = outer.nested_type.add(name="Inner").enum_type.add(name="Size")
    size.value.add(name="SMALL", number=0)
    size.value.add(name="LARGE", number=5)
    outer.nested_type.add(name="Empty")
    pool.AddSerializedFile(file.SerializeToString())
    assert describe_symbol(pool, "zoo.base.Outer") == NESTED
    assert describe_symbol(pool, "zoo.base.Outer.Empty") == "// zoo.base.Outer.Empty\nmessage Empty {}"
    assert describe_symbol(pool, "zoo.base.Outer.Inner.Size").startswith("// zoo.base.Outer.Inner.Size\nenum Size {")


def test_fields_of_a_oneof_stand_together() -> None:
    text = describe_symbol(POOL, "grpc.reflection.v1.ServerReflectionRequest")
    assert text.count("oneof message_request {") == 1
    assert text.index("string host = 1;") < text.index("oneof") < text.index("    string list_services = 7;")


@pytest.mark.parametrize("name", ["", "zoo.Nobody", "zoo.Animal.name", "zoo.left.extra"])
def test_what_has_no_definition_of_its_own(name: str) -> None:
    with pytest.raises(KeyError):
        describe_symbol(describe_zoo(), name)
