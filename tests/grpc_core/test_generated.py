"""The base of generated stubs at run time; its types are tested with the code generator."""

from __future__ import annotations

import re
from typing import Any

import pytest

from grpc_core import generated
from grpc_core.generated import Stub, UnaryStream, UnaryUnary


class _Message:
    """What a method asks of a message class."""

    SerializeToString = staticmethod(repr)
    FromString = staticmethod(str)


class _Other(_Message):
    FromString = staticmethod(bytes)


class _Channel:
    def __getattr__(self, kind: str) -> Any:
        return lambda path, **serializers: (kind, path, serializers)


class _GreeterStub(Stub[generated.ChannelT]):
    Hello = UnaryUnary("/s/Hello", _Message, _Other)
    Bye = UnaryUnary("/s/Bye", _Message, _Message)


class _MoreStub(_GreeterStub[generated.ChannelT]):
    Bye = UnaryStream("/s/ByeBye", _Message, _Message)  # type: ignore[assignment]  # another kind than the one it hides


def _codecs(request: Any, response: Any) -> dict[str, Any]:
    return {"request_serializer": request.SerializeToString, "response_deserializer": response.FromString}


def test_an_instance_has_what_the_channel_makes_of_each_method() -> None:
    channel: Any = _Channel()
    assert vars(_GreeterStub(channel)) == {
        "Hello": ("unary_unary", "/s/Hello", _codecs(_Message, _Other)),
        "Bye": ("unary_unary", "/s/Bye", _codecs(_Message, _Message)),
    }


def test_a_subclass_has_the_methods_of_its_base_and_may_hide_them() -> None:
    channel: Any = _Channel()
    stub: Any = _MoreStub(channel)
    assert stub.Hello[1] == "/s/Hello"
    assert stub.Bye[:2] == ("unary_stream", "/s/ByeBye")


def test_the_class_itself_has_the_descriptions() -> None:
    assert (_GreeterStub.Hello.path, _GreeterStub.Hello.kind) == ("/s/Hello", "unary_unary")


def test_the_alias_for_the_other_face_makes_the_same_stub() -> None:
    channel: Any = _Channel()
    alias: Any = _GreeterStub["grpc.aio.Channel"]  # type: ignore[name-defined]  # as generated code has it
    assert type(alias(channel)) is _GreeterStub


@pytest.mark.parametrize("kind", ["UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream"])
def test_the_kinds_have_the_names_of_the_factories(kind: str) -> None:
    method = getattr(generated, kind)("/s/m", _Message, _Message)
    assert method.on(_Channel())[0] == re.sub("(?<=[a-z])(?=[A-Z])", "_", kind).lower()
