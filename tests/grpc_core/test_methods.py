"""What a server runs for a path: handlers, generic handlers, the table; ours and grpcio's, mixed."""

from __future__ import annotations

import functools
import types
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import grpc
import pytest

from grpc_core import methods
from grpc_core.methods import GenericRpcHandler, HandlerCallDetails, MethodHandler, MethodTable, RpcMethodHandler

METADATA = (("k", "v"),)
KINDS = [
    ("unary_unary", False, False),
    ("unary_stream", False, True),
    ("stream_unary", True, False),
    ("stream_stream", True, True),
]


def _behavior(request: bytes, context: object) -> bytes:
    return request


def _handler() -> MethodHandler:
    return methods.unary_unary_rpc_method_handler(_behavior)


def _service(service: str = "pkg.S", **handlers: RpcMethodHandler) -> GenericRpcHandler:
    return methods.method_handlers_generic_handler(service, handlers)


class _Asked(GenericRpcHandler):
    """A generic handler that must be asked each time: it counts, and may look at the metadata."""

    def __init__(self, answer: Callable[[HandlerCallDetails], RpcMethodHandler | None]) -> None:
        self.answer = answer
        self.calls: list[HandlerCallDetails] = []

    def service(self, handler_call_details: HandlerCallDetails) -> RpcMethodHandler | None:
        self.calls.append(handler_call_details)
        return self.answer(handler_call_details)


@pytest.mark.parametrize(("kind", "request_streaming", "response_streaming"), KINDS)
def test_a_factory_makes_what_grpcio_makes(kind: str, request_streaming: bool, response_streaming: bool) -> None:
    name = f"{kind}_rpc_method_handler"
    made = getattr(methods, name)(_behavior, request_deserializer=bytes, response_serializer=str)
    theirs = getattr(grpc, name)(_behavior, request_deserializer=bytes, response_serializer=str)
    assert (made.request_streaming, made.response_streaming) == (request_streaming, response_streaming)
    assert made._fields == theirs._fields, "same fields, in the same order"
    assert [getattr(made, field) for field in theirs._fields] == list(theirs)
    assert getattr(methods, name)(_behavior, bytes, str).request_deserializer is bytes, "positional, as in grpcio"


def test_replace_makes_a_changed_copy() -> None:
    handler = _handler()
    replaced = handler._replace(unary_unary=None, response_streaming=True, unary_stream=_behavior)
    assert (replaced.unary_unary, replaced.unary_stream, replaced.response_streaming) == (None, _behavior, True)
    assert (handler.unary_unary, handler.unary_stream, handler.response_streaming) == (_behavior, None, False)


def test_replace_refuses_an_unknown_attribute() -> None:
    changes: Any = {"behaviour": _behavior}
    with pytest.raises((ValueError, TypeError), match="behaviour"):  # the latter from CPython 3.13 on
        _handler()._replace(**changes)


def test_a_subclass_may_set_attributes_in_its_own_way() -> None:
    class Mine(RpcMethodHandler):
        def __init__(self) -> None:
            self.request_streaming = False
            self.response_streaming = True
            self.unary_stream = _behavior

    handler = Mine()
    assert handler.unary_stream is _behavior
    assert handler.request_deserializer is None


def test_a_subclass_may_be_a_named_tuple() -> None:
    class Fields(NamedTuple):
        request_streaming: bool
        response_streaming: bool
        unary_unary: Any

    class Mine(Fields, RpcMethodHandler):
        pass

    handler = Mine(False, False, _behavior)._replace(response_streaming=True)
    assert (type(handler), handler.response_streaming, handler.unary_unary) == (Mine, True, _behavior)
    assert handler.response_serializer is None


def test_the_generic_handler_of_a_service() -> None:
    handler = _handler()
    generic = methods.method_handlers_generic_handler("pkg.S", {"M": handler})
    assert isinstance(generic, methods.ServiceRpcHandler)
    assert generic.service_name() == "pkg.S"
    assert generic.service(HandlerCallDetails("/pkg.S/M", ())) is handler
    assert generic.service(HandlerCallDetails("/pkg.S/N", ())) is None


def test_the_abstract_handlers_cannot_be_made() -> None:
    abstract: Any
    for abstract in (methods.GenericRpcHandler, methods.ServiceRpcHandler):
        with pytest.raises(TypeError, match="abstract"):
            abstract()


@pytest.mark.wire("W016")
@pytest.mark.parametrize("path", ["", "/", "M", "pkg.S/M", "/pkg.S", "/pkg.S/", "//M", "/pkg.s/M", "/pkg.S/M/", "/x/M"])
def test_w016_a_path_that_nobody_answers_for_is_none(path: str) -> None:
    table = MethodTable()
    assert table.find(path, METADATA) is None, "an empty table"
    table.add_generic_rpc_handlers((_service(M=_handler()),))
    table.add_registered_method_handlers("pkg.R", {"M": _handler()})
    assert table.find(path, METADATA) is None


def test_the_first_generic_handler_answers() -> None:
    first, second, third = _handler(), _handler(), _handler()
    table = MethodTable()
    table.add_generic_rpc_handlers([_service(M=first), _service(M=second, N=second)])
    table.add_generic_rpc_handlers((_service(M=third, N=third, O=third),))
    assert [table.find(f"/pkg.S/{name}", ()) for name in "MNO"] == [first, second, third]


def test_registered_handlers_come_before_generic_ones_whenever_they_came() -> None:
    generic, earlier, later = _handler(), _handler(), _handler()
    table = MethodTable()
    table.add_generic_rpc_handlers((_service(M=generic),))
    table.add_registered_method_handlers("pkg.S", {"M": earlier})
    assert table.find("/pkg.S/M", ()) is earlier
    table.add_registered_method_handlers("pkg.S", {"M": later})
    table.add_generic_rpc_handlers((_service(M=generic),))
    assert table.find("/pkg.S/M", ()) is later, "the later registration replaces the earlier"


def test_a_handler_that_may_look_at_metadata_is_asked_for_every_call() -> None:
    handler = _handler()
    asked = _Asked(lambda details: handler if details.invocation_metadata == METADATA else None)
    table = MethodTable()
    table.add_generic_rpc_handlers((asked,))
    assert table.find("/a/b", METADATA) is handler
    assert table.find("/a/b", ()) is None
    assert table.find("/a/b", METADATA) is handler
    assert [call.method for call in asked.calls] == ["/a/b"] * 3


@pytest.mark.parametrize(("kind", "request_streaming", "response_streaming"), KINDS)
def test_what_is_served_is_looked_at_once_while_the_answer_is_the_same(
    kind: str, request_streaming: bool, response_streaming: bool
) -> None:
    async def coroutine(request: bytes, context: object) -> bytes:
        return request

    async def generator(request: bytes, context: object) -> AsyncIterator[bytes]:
        yield request

    table = MethodTable()
    make = getattr(methods, f"{kind}_rpc_method_handler")
    for behavior in (_behavior, coroutine, functools.partial(coroutine, b""), generator):
        handler = make(behavior, bytes, str)
        table.add_registered_method_handlers("pkg.S", {"M": handler})
        served = table.serve("/pkg.S/M", ())
        assert served is not None
        assert served is table.serve("/pkg.S/M", METADATA)
        assert (served.handler, served.behavior) == (handler, behavior)
        assert (served.request_streaming, served.response_streaming) == (request_streaming, response_streaming)
        assert served.request_deserializer is bytes
        assert served.response_serializer is str
        assert served.is_coroutine == (behavior not in (_behavior, generator))
        assert served.is_async_generator == (behavior is generator)
    assert table.serve("/pkg.S/N", ()) is None


def test_what_is_served_by_a_handler_that_is_asked_is_looked_at_for_every_call() -> None:
    handlers = [_handler(), _handler()]
    table = MethodTable()
    table.add_generic_rpc_handlers((_Asked(lambda _: handlers[0]),))
    first = table.serve("/a/b", ())
    handlers.reverse()
    second = table.serve("/a/b", ())
    assert first is not None
    assert second is not None
    assert [first.handler, second.handler] == handlers[::-1]


def test_a_service_may_not_overtake_a_catch_all_that_was_added_before_it() -> None:
    caught, before, after = _handler(), _handler(), _handler()
    asked = _Asked(lambda details: caught if details.method == "/pkg.S/N" else None)
    table = MethodTable()
    table.add_generic_rpc_handlers((_service(M=before), asked, _service(M=after, N=after, O=after)))
    assert table.find("/pkg.S/M", ()) is before
    assert asked.calls == [], "a static answer stands before it"
    assert table.find("/pkg.S/N", ()) is caught
    assert table.find("/pkg.S/O", ()) is after


def test_a_subclass_of_a_services_handler_is_asked() -> None:
    class Picky(type(_service())):  # type: ignore[misc]  # The class is private; users reach it like this or not at all.
        def service(self, handler_call_details: HandlerCallDetails) -> RpcMethodHandler | None:
            return None

    table = MethodTable()
    table.add_generic_rpc_handlers((Picky("pkg.S", {"M": _handler()}),))
    assert table.find("/pkg.S/M", ()) is None


def test_what_a_generic_handler_raises_is_the_callers_to_answer() -> None:
    def fail(details: HandlerCallDetails) -> RpcMethodHandler | None:
        raise LookupError(details.method)

    table = MethodTable()
    table.add_generic_rpc_handlers((_Asked(fail),))
    with pytest.raises(LookupError, match="/a/b"):
        table.find("/a/b", ())


def test_an_object_without_service_is_refused_and_nothing_is_added() -> None:
    table = MethodTable()
    foreign: Any = [_service(M=_handler()), object()]
    with pytest.raises(AttributeError, match='does not have "service" method'):
        table.add_generic_rpc_handlers(foreign)
    assert table.find("/pkg.S/M", ()) is None


def test_handlers_made_with_grpcio_are_found() -> None:
    handler: Any = grpc.unary_unary_rpc_method_handler(_behavior)
    table = MethodTable()
    generic: Any = grpc.method_handlers_generic_handler("pkg.S", {"M": handler})
    table.add_generic_rpc_handlers((generic,))
    table.add_registered_method_handlers("pkg.R", {"M": handler})
    assert table.find("/pkg.S/M", ()) is handler
    assert table.find("/pkg.R/M", ()) is handler


def test_our_generic_handler_reads_foreign_call_details() -> None:
    handler = _handler()
    details: Any = types.SimpleNamespace(method="/pkg.S/M", invocation_metadata=())
    assert _service(M=handler).service(details) is handler
