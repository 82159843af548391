"""Stubs and services made from descriptors, all four kinds; the channel and the servicer are stand-ins."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message_factory import GetMessageClass

from grpc_core.methods import HandlerCallDetails, RpcMethodHandler
from grpc_core.status import StatusCode
from grpc_core.stub import python_names, service_handler, stub

ROOT = Path(__file__).parents[2]
KINDS = ["unary_unary", "unary_stream", "stream_unary", "stream_stream"]


@pytest.fixture(scope="module")
def service() -> ServiceDescriptor:
    """A service with a method of each kind, named like it, and one whose name is a keyword."""
    file = descriptor_pb2.FileDescriptorProto(name="test_stub.proto", package="stub.test", syntax="proto3")
    for name, field in (("Ask", "question"), ("Say", "answer")):
        message = file.message_type.add(name=name)
        message.field.add(name=field, number=1, type="TYPE_STRING", label="LABEL_OPTIONAL")
    service = file.service.add(name="Talk")
    for kind in [*KINDS, "import"]:
        request, _, response = kind.partition("_")
        service.method.add(
            name=kind,
            input_type=".stub.test.Ask",
            output_type=".stub.test.Say",
            client_streaming=request == "stream",
            server_streaming=response == "stream",
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found: ServiceDescriptor = pool.FindServiceByName("stub.test.Talk")
    return found


class _Channel:
    """A channel whose multi-callables are the arguments that they were asked for with."""

    def __getattr__(self, kind: str) -> Any:
        assert kind in KINDS
        return lambda path, **serializers: (kind, path, serializers)


class _Context:
    code: object = None
    details: object = None

    def set_code(self, code: object) -> None:
        self.code = code

    def set_details(self, details: object) -> None:
        self.details = details


def _messages(service: ServiceDescriptor) -> tuple[Any, Any]:
    method = service.methods[0]
    return GetMessageClass(method.input_type)(question="q"), GetMessageClass(method.output_type)(answer="a")


def test_a_stub_has_a_callable_for_each_method(service: ServiceDescriptor) -> None:
    ask, say = _messages(service)
    class_ = stub(service)
    talk = class_(_Channel())
    assert class_.__name__ == "TalkStub"
    for name, kind in [*zip(KINDS, KINDS, strict=True), ("import", "unary_unary")]:
        made_kind, path, serializers = vars(talk)["import_" if name == "import" else name]
        assert (made_kind, path) == (kind, f"/stub.test.Talk/{name}")
        assert serializers.keys() == {"request_serializer", "response_deserializer"}
        assert serializers["request_serializer"](ask) == b"\n\x01q"
        assert serializers["response_deserializer"](b"\n\x01a") == say
    assert len(vars(talk)) == 5


def _found(service: ServiceDescriptor, servicer: object, method: str) -> RpcMethodHandler:
    handler = service_handler(service, servicer).service(HandlerCallDetails(f"/stub.test.Talk/{method}", ()))
    assert handler is not None
    return handler


@pytest.mark.parametrize("kind", KINDS)
def test_a_service_runs_the_methods_of_the_servicer(service: ServiceDescriptor, kind: str) -> None:
    class Servicer:
        pass

    servicer = Servicer()
    behavior = object()
    setattr(servicer, kind, behavior)
    ask, say = _messages(service)
    handler = _found(service, servicer, kind)
    assert {name: getattr(handler, name) for name in KINDS} == dict.fromkeys(KINDS) | {kind: behavior}
    assert (handler.request_streaming, handler.response_streaming) == (kind[:6] == "stream", kind[-6:] == "stream")
    assert handler.request_deserializer is not None
    assert handler.request_deserializer(b"\n\x01q") == ask
    assert handler.response_serializer is not None
    assert handler.response_serializer(say) == b"\n\x01a"


def test_a_method_whose_name_is_a_keyword_has_an_underscore_behind(service: ServiceDescriptor) -> None:
    class Servicer:
        def import_(self) -> None:
            """Runs for /stub.test.Talk/import."""

    servicer = Servicer()
    assert _found(service, servicer, "import").unary_unary == servicer.import_


@pytest.mark.parametrize("kind", KINDS)
def test_a_method_that_the_servicer_lacks_is_unimplemented(service: ServiceDescriptor, kind: str) -> None:
    context = _Context()
    behavior = getattr(_found(service, object(), kind), kind)
    with pytest.raises(NotImplementedError, match="Method not implemented!"):
        behavior(None, context)
    assert (context.code, context.details) == (StatusCode.UNIMPLEMENTED, "Method not implemented!")


def test_a_service_answers_for_no_other_path(service: ServiceDescriptor) -> None:
    assert service_handler(service, object()).service(HandlerCallDetails("/stub.test.Talk/other", ())) is None


@pytest.mark.parametrize(
    ("names", "python_names_of"),
    [
        (["Get", "get", "match"], {"Get": "Get", "get": "get", "match": "match"}),
        (["import", "None"], {"import": "import_", "None": "None_"}),
        (["import", "import_"], {"import": "import__", "import_": "import_"}),
        (["import_", "import__", "import"], {"import": "import___", "import_": "import_", "import__": "import__"}),
    ],
)
def test_python_names_are_no_keywords_and_never_meet(names: list[str], python_names_of: dict[str, str]) -> None:
    assert python_names(names) == python_names_of


def test_protobuf_is_not_imported_before_it_is_needed() -> None:
    program = "import sys, grpc_core.stub; assert 'google.protobuf' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, cwd=ROOT)
