"""Methods: what a server runs for a path.

A service is a set of methods; each is one of four kinds, by whether the request and the response are a stream. A
*method handler* says which kind, how to read and write the messages, and what function to run. A *generic handler*
answers, for the path of a call, with a method handler or with None. The names and shapes are grpcio's, and nothing here
asks for its own types: handlers made with grpcio work as they are, because only their attributes are read.

A generic handler made by `method_handlers_generic_handler` always answers the same, so `MethodTable` flattens it into
one dictionary. Any other may decide by the metadata of the call, so it is asked anew for every call.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from grpc_core.metadata import MetadataPairs, metadata_pairs

Behavior = Callable[..., Any]
"""`behavior(request or request iterator, context)`, plain or async; returns or yields the response."""
Deserializer = Callable[[bytes], Any]
Serializer = Callable[[Any], bytes]


class RpcMethodHandler:
    """One method of a service. Exactly one of the four behaviors is set, the one that the two flags name.

    Without a (de)serializer the behavior sees and gives `bytes`. Subclasses may set the attributes as they like.
    """

    request_streaming: bool = False
    response_streaming: bool = False
    request_deserializer: Deserializer | None = None
    response_serializer: Serializer | None = None
    unary_unary: Behavior | None = None
    unary_stream: Behavior | None = None
    stream_unary: Behavior | None = None
    stream_stream: Behavior | None = None


class _Fields(NamedTuple):
    request_streaming: bool
    response_streaming: bool
    request_deserializer: Deserializer | None = None
    response_serializer: Serializer | None = None
    unary_unary: Behavior | None = None
    unary_stream: Behavior | None = None
    stream_unary: Behavior | None = None
    stream_stream: Behavior | None = None


class MethodHandler(_Fields, RpcMethodHandler):
    """A method handler as the factories make it: a named tuple, so that interceptors may `_replace` its fields."""


def unary_unary_rpc_method_handler(
    behavior: Behavior,
    request_deserializer: Deserializer | None = None,
    response_serializer: Serializer | None = None,
) -> MethodHandler:
    """A handler for a method with one request and one response."""
    return MethodHandler(False, False, request_deserializer, response_serializer, unary_unary=behavior)


def unary_stream_rpc_method_handler(
    behavior: Behavior,
    request_deserializer: Deserializer | None = None,
    response_serializer: Serializer | None = None,
) -> MethodHandler:
    """A handler for a method with one request and a stream of responses."""
    return MethodHandler(False, True, request_deserializer, response_serializer, unary_stream=behavior)


def stream_unary_rpc_method_handler(
    behavior: Behavior,
    request_deserializer: Deserializer | None = None,
    response_serializer: Serializer | None = None,
) -> MethodHandler:
    """A handler for a method with a stream of requests and one response."""
    return MethodHandler(True, False, request_deserializer, response_serializer, stream_unary=behavior)


def stream_stream_rpc_method_handler(
    behavior: Behavior,
    request_deserializer: Deserializer | None = None,
    response_serializer: Serializer | None = None,
) -> MethodHandler:
    """A handler for a method with a stream of requests and a stream of responses."""
    return MethodHandler(True, True, request_deserializer, response_serializer, stream_stream=behavior)


class Served:
    """A method handler, looked at once for all calls of its method: what it runs, and of which sort that is.

    `behavior` is the function that the two flags name. A plain function is neither a coroutine function nor an async
    generator function. `start`, where there is one, runs calls with one request and one response in its place: a face
    whose handlers run in threads needs no task that waits for them.
    """

    __slots__ = (
        "behavior",
        "handler",
        "is_async_generator",
        "is_coroutine",
        "request_deserializer",
        "request_streaming",
        "response_serializer",
        "response_streaming",
        "start",
    )

    def __init__(self, handler: RpcMethodHandler) -> None:
        self.handler = handler
        self.start: Callable[..., Any] | None = getattr(handler, "start", None)
        self.request_streaming = handler.request_streaming
        self.response_streaming = handler.response_streaming
        self.request_deserializer = handler.request_deserializer
        self.response_serializer = handler.response_serializer
        if handler.request_streaming:
            self.behavior = handler.stream_stream if handler.response_streaming else handler.stream_unary
        else:
            self.behavior = handler.unary_stream if handler.response_streaming else handler.unary_unary
        import inspect  # by whoever serves, and not by who imports stubs

        self.is_coroutine = inspect.iscoroutinefunction(self.behavior)
        self.is_async_generator = inspect.isasyncgenfunction(self.behavior)


class HandlerCallDetails(NamedTuple):
    """A call that has just arrived: its path, as `/package.Service/Method`, and its metadata."""

    method: str
    invocation_metadata: MetadataPairs


class GenericRpcHandler(abc.ABC):
    """Answers for any number of methods."""

    @abc.abstractmethod
    def service(self, handler_call_details: HandlerCallDetails) -> RpcMethodHandler | None:
        """The handler for this call, or None when the method is not one of this object's."""


class ServiceRpcHandler(GenericRpcHandler):
    """Answers for the methods of one service."""

    @abc.abstractmethod
    def service_name(self) -> str:
        """The full name of the service, `package.Service`."""


class _ServiceHandler(ServiceRpcHandler):
    """The methods of one service, from a dictionary: the same answer to the same path, always."""

    def __init__(self, service: str, method_handlers: Mapping[str, RpcMethodHandler]) -> None:
        self._service = service
        self.handlers_by_path: Final = _by_path(service, method_handlers)

    def service_name(self) -> str:
        return self._service

    def service(self, handler_call_details: HandlerCallDetails) -> RpcMethodHandler | None:
        return self.handlers_by_path.get(handler_call_details.method)


def method_handlers_generic_handler(service: str, method_handlers: Mapping[str, RpcMethodHandler]) -> GenericRpcHandler:
    """A generic handler for the service of that full name, from its method handlers by method name."""
    return _ServiceHandler(service, method_handlers)


def _by_path(service: str, method_handlers: Mapping[str, RpcMethodHandler]) -> dict[str, RpcMethodHandler]:
    return {f"/{service}/{method}": handler for method, handler in method_handlers.items()}


class MethodTable:
    """All that a server answers for. The order of precedence is grpcio's:

    registered handlers before generic ones; the later registration of a path replaces the earlier; of the generic
    handlers the one added first answers.
    """

    __slots__ = ("_asked", "_known", "_served")

    def __init__(self) -> None:
        self._known: dict[str, RpcMethodHandler] = {}
        self._served: dict[str, Served] = {}  # of those that are known, the ones that were called
        # From the first generic handler on that has to be asked, in order: what stands after it may not overtake it.
        self._asked: list[GenericRpcHandler] = []

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[GenericRpcHandler]) -> None:
        """Add generic handlers, ours or foreign. Raises `AttributeError`, and adds none, if one lacks `service`."""
        handlers = tuple(generic_rpc_handlers)
        for handler in handlers:
            if not callable(getattr(handler, "service", None)):
                raise AttributeError(
                    f'"{handler}" must conform to grpc.GenericRpcHandler type but does not have "service" method!'
                )
        self._served.clear()
        for handler in handlers:
            if type(handler) is _ServiceHandler and not self._asked:
                self._known = handler.handlers_by_path | self._known
            else:
                self._asked.append(handler)

    def add_registered_method_handlers(self, service: str, method_handlers: Mapping[str, RpcMethodHandler]) -> None:
        """Add the methods of the service of that full name, by method name."""
        self._served.clear()
        self._known |= _by_path(service, method_handlers)

    def serve(self, path: str, invocation_metadata: MetadataPairs) -> Served | None:
        """As `find`, for whoever runs the handler."""
        served = self._served.get(path)
        if served is None:
            handler = self.find(path, invocation_metadata)
            if handler is not None:
                served = self.prepared(handler)
                if handler is self._known.get(path):
                    self._served[path] = served
        return served

    def prepared(self, handler: RpcMethodHandler) -> Served:
        """What is run for a handler; asked once for those that are always the answer to their path."""
        return Served(handler)

    def find(self, path: str, invocation_metadata: MetadataPairs) -> RpcMethodHandler | None:
        """The handler for a call, or None: UNIMPLEMENTED. Raises what a generic handler raises when it is asked.

        A path that is not `/service/method` is one that nobody answers for; it needs no error of its own.
        """
        handler = self._known.get(path)
        if handler is None and self._asked:
            details = HandlerCallDetails(path, metadata_pairs(invocation_metadata))
            for generic_handler in self._asked:
                handler = generic_handler.service(details)
                if handler is not None:
                    return handler
        return handler
