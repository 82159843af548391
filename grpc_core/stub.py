"""Stubs and services from descriptors: gRPC for a `.proto` without a generated `*_pb2_grpc.py`.

A `*_pb2.py` already holds the description of its services: names, kinds, message types. That is all a stub is made of:

    Greeter = grpc_core.stub(helloworld_pb2.DESCRIPTOR.services_by_name["Greeter"])
    greeter = Greeter(channel)
    reply = await greeter.SayHello(helloworld_pb2.HelloRequest(name="you"))

    server.add_generic_rpc_handlers([grpc_core.service_handler(service_descriptor, servicer)])

What a generated file adds is types that a type checker can read; see `docs/codegen.md`. Only this module and the code
generator know protobuf, and this one imports it when it is asked for something.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Never

from grpc_core import methods
from grpc_core.status import StatusCode

if TYPE_CHECKING:
    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

KINDS: Final = {  # (the request is a stream, the response is a stream)
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}
"""The name of each kind of method, as channels and handler factories have it."""


def python_names(names: Iterable[str]) -> dict[str, str]:
    """The Python name of each method: its own, unless that is a keyword; then with `_` behind (PEP 8)."""
    taken = set(names)
    python_name_of = {}
    for name in sorted(taken):
        python_name = name
        while keyword.iskeyword(python_name) or (python_name != name and python_name in taken):
            python_name += "_"
        taken.add(python_name)
        python_name_of[name] = python_name
    return python_name_of


def stub(service_descriptor: ServiceDescriptor) -> type[Any]:
    """A stub class for the service: `Stub(channel)` has a callable for each method, named like it.

    The class asks nothing of the channel but grpcio's four factories, so it works on any channel with that interface.
    """
    from google.protobuf.message_factory import GetMessageClass

    callables = [
        (
            python_name,
            KINDS[method.client_streaming, method.server_streaming],
            f"/{service_descriptor.full_name}/{method.name}",
            GetMessageClass(method.input_type).SerializeToString,
            GetMessageClass(method.output_type).FromString,
        )
        for python_name, method in _methods(service_descriptor)
    ]

    def __init__(self: Any, channel: Any) -> None:
        for python_name, kind, path, serializer, deserializer in callables:
            factory = getattr(channel, kind)
            setattr(self, python_name, factory(path, request_serializer=serializer, response_deserializer=deserializer))

    members = {"__init__": __init__, "__doc__": f"Calls of the service {service_descriptor.full_name}."}
    return type(f"{service_descriptor.name}Stub", (), members)


def service_handler(service_descriptor: ServiceDescriptor, servicer: object) -> methods.GenericRpcHandler:
    """A generic handler that runs the methods of the service on `servicer`, whose methods are named like them.

    A method that the servicer does not have answers UNIMPLEMENTED, as in a generated base class.
    """
    from google.protobuf.message_factory import GetMessageClass

    handlers = {}
    for python_name, method in _methods(service_descriptor):
        kind = KINDS[method.client_streaming, method.server_streaming]
        factory: Callable[..., methods.RpcMethodHandler] = getattr(methods, f"{kind}_rpc_method_handler")
        handlers[method.name] = factory(
            getattr(servicer, python_name, _unimplemented),
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )
    return methods.method_handlers_generic_handler(service_descriptor.full_name, handlers)


def _methods(service_descriptor: ServiceDescriptor) -> list[tuple[str, MethodDescriptor]]:
    python_name_of = python_names(method.name for method in service_descriptor.methods)
    return [(python_name_of[method.name], method) for method in service_descriptor.methods]


def _unimplemented(request_or_iterator: object, context: Any) -> Never:
    """What the methods of a generated servicer do until they are overridden."""
    context.set_code(StatusCode.UNIMPLEMENTED)
    context.set_details("Method not implemented!")
    raise NotImplementedError("Method not implemented!")
