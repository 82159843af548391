"""Handlers and a router for people who think in streams: one class per handler, one method per kind of call.

    router = Router()
    router.register("demo.Chat", "Talk", Chat(), rpc_type="bidirectional_streaming")
    server.add_generic_rpc_handlers([router])

| `rpc_type`                  | method of the handler                            | it gives |
|-----------------------------|--------------------------------------------------|----------|
| `"unary"`                   | `handle_unary(request, stream)`                  | the response |
| `"client_streaming"`        | `handle_client_streaming(stream)`                | the response |
| `"server_streaming"`        | `handle_server_streaming(request, stream)`       | nothing; it sends |
| `"bidirectional_streaming"` | `handle_bidirectional_streaming(stream)`         | nothing; it receives and sends |

The stream is the call, seen from the server. There is a `Handler` for each face: `grpc_core.aio.Handler`, whose methods
are coroutines, for an asyncio server; `grpc_core.Handler`, whose methods are plain, for a blocking one. What a router
makes of them are ordinary method handlers: the calls are the same, and run in the same engine, as those of a servicer.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, Final, TypeVar

from grpc_core.methods import GenericRpcHandler, HandlerCallDetails, MethodHandler, RpcMethodHandler

Method = TypeVar("Method", bound=Callable[..., Any])

KINDS: Final = {  # (the request is a stream, the response is a stream)
    "unary": (False, False),
    "client_streaming": (True, False),
    "server_streaming": (False, True),
    "bidirectional_streaming": (True, True),
}
"""The kinds of call, by their names in `register`."""


class StreamHandler(abc.ABC):
    """What `Router.register` takes: the base of the two `Handler` classes, which are what to derive from."""

    has_coroutines = False
    """Whether the methods are coroutine functions."""

    @abc.abstractmethod
    def _behavior(self, rpc_type: str) -> Callable[..., Any]:
        """The function to run for calls of that kind, with what the engine gives to the behavior of a method."""

    def _has(self, name: str) -> bool:
        """Whether the method is one of the handler's own, not the one that stands in `Handler` to be overridden."""
        return getattr(getattr(type(self), name, None), "stands_in", False) is False


def stand_in(method: Method) -> Method:
    """Marks the methods of a `Handler` class that are there to be overridden."""
    method.stands_in = True  # type: ignore[attr-defined]
    return method


class Router(GenericRpcHandler):
    """Answers for the methods that were registered. Add it to a server, of either face, before or after registering."""

    def __init__(self) -> None:
        self._handlers: dict[str, RpcMethodHandler] = {}

    def register(
        self,
        service: str,
        method: str,
        handler: StreamHandler,
        rpc_type: str = "unary",
        *,
        request_deserializer: Callable[[bytes], Any] | None = None,
        response_serializer: Callable[[Any], bytes] | None = None,
    ) -> None:
        """Let `handler` answer calls of `/service/method`. Without codecs its messages are bytes.

        Raises ValueError for names that no call can have, for a method that is registered already and for an unknown
        `rpc_type`; TypeError for a handler that does not have the method for that kind of call, or is none.
        """
        for what, name in (("service", service), ("method", method)):
            if not name or "/" in name:
                raise ValueError(f"{name!r} is not the name of a {what}: it is empty or has a slash")
        if rpc_type not in KINDS:
            raise ValueError(f"rpc_type is {rpc_type!r}; it is one of {', '.join(map(repr, KINDS))}")
        path = f"/{service}/{method}"
        if path in self._handlers:
            raise ValueError(f"{path} is registered already")
        _check(handler, f"handle_{rpc_type}")
        streams_requests, streams_responses = KINDS[rpc_type]
        kind = f"{'stream' if streams_requests else 'unary'}_{'stream' if streams_responses else 'unary'}"
        behavior = {kind: handler._behavior(rpc_type)}
        self._handlers[path] = MethodHandler(
            streams_requests, streams_responses, request_deserializer, response_serializer, **behavior
        )

    def service(self, handler_call_details: HandlerCallDetails) -> RpcMethodHandler | None:
        """The method handler for a call, or None when the method was not registered."""
        return self._handlers.get(handler_call_details.method)


def _check(handler: object, name: str) -> None:
    """Raises TypeError unless the handler has a method of that name, of the right color."""
    if not isinstance(handler, StreamHandler):
        raise TypeError(f"{handler!r} is not a handler: derive from grpc_core.Handler or grpc_core.aio.Handler")
    if not handler._has(name):
        raise TypeError(f"{type(handler).__name__} has no method {name}")
    import inspect  # by whoever serves, and not by who imports stubs

    if inspect.iscoroutinefunction(getattr(handler, name)) is not handler.has_coroutines:
        wrong, right = ("a coroutine", "a plain function") if not handler.has_coroutines else ("no coroutine", "one")
        face = "grpc_core.aio.Handler" if handler.has_coroutines else "grpc_core.Handler"
        raise TypeError(f"{type(handler).__name__}.{name} is {wrong} function; with {face} it has to be {right}")
