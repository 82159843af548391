"""What a program writes to stand between calls and what they are for: grpcio's interfaces, by their names.

On the client an interceptor is for one kind of call or for several, by the methods that it has. It is given

    continuation      an async function of (details, request or iterator of requests): goes on to the next interceptor,
                      and at last makes the call. It returns a call, and may be called as often as one likes
    details           what the call is to be: its method as `bytes`, timeout, metadata, credentials, wait_for_ready
    request           the request, or an iterator of them, async or plain

and returns a call, or what the caller shall have instead: a response, or an async iterator of responses. On the server
it is given a continuation, which finds the handler, and the details of a call that has arrived; it returns a handler,
or None for a method that there is not.

Nothing asks for these very classes: whatever has the methods is an interceptor, grpcio's classes too.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from grpc_core.aio.interfaces import Call, StreamStreamCall, StreamUnaryCall, UnaryStreamCall, UnaryUnaryCall
from grpc_core.interfaces import ClientCallDetails as _BlockingClientCallDetails
from grpc_core.methods import HandlerCallDetails, RpcMethodHandler

Requests = AsyncIterable[Any] | Iterable[Any]


class _Details(NamedTuple):
    method: str | bytes
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None


class ClientCallDetails(_Details, _BlockingClientCallDetails):
    """What a call is to be. `_replace` makes a copy with other values.

    `method` is "/package.Service/Method": `bytes` in what an interceptor is given, as in grpcio; either may be handed
    on. `timeout` is in seconds, from the moment when the call is made. `metadata` is a `Metadata`, or any pairs.
    """

    __slots__ = ()


Continuation = Callable[[ClientCallDetails, Any], Awaitable[Call]]
Step = Callable[[Any, ClientCallDetails, Any], Awaitable[Any]]
"""The method of an interceptor for one kind of call, bound: (continuation, details, request or requests)."""


class ClientInterceptor:
    """What the four kinds of interceptor have in common, in name."""


class UnaryUnaryClientInterceptor(ClientInterceptor, abc.ABC):
    """For calls with one request and one response."""

    @abc.abstractmethod
    async def intercept_unary_unary(
        self,
        continuation: Callable[[ClientCallDetails, Any], Awaitable[UnaryUnaryCall[Any, Any]]],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> Any:
        """A `UnaryUnaryCall`, or the response itself."""


class UnaryStreamClientInterceptor(ClientInterceptor, abc.ABC):
    """For calls with one request and a stream of responses."""

    @abc.abstractmethod
    async def intercept_unary_stream(
        self,
        continuation: Callable[[ClientCallDetails, Any], Awaitable[UnaryStreamCall[Any, Any]]],
        client_call_details: ClientCallDetails,
        request: Any,
    ) -> AsyncIterable[Any]:
        """A `UnaryStreamCall`, or an async iterator of responses."""


class StreamUnaryClientInterceptor(ClientInterceptor, abc.ABC):
    """For calls with a stream of requests and one response."""

    @abc.abstractmethod
    async def intercept_stream_unary(
        self,
        continuation: Callable[[ClientCallDetails, Requests], Awaitable[StreamUnaryCall[Any, Any]]],
        client_call_details: ClientCallDetails,
        request_iterator: Requests,
    ) -> Any:
        """A `StreamUnaryCall`, or the response itself."""


class StreamStreamClientInterceptor(ClientInterceptor, abc.ABC):
    """For calls with a stream of requests and a stream of responses."""

    @abc.abstractmethod
    async def intercept_stream_stream(
        self,
        continuation: Callable[[ClientCallDetails, Requests], Awaitable[StreamStreamCall[Any, Any]]],
        client_call_details: ClientCallDetails,
        request_iterator: Requests,
    ) -> AsyncIterable[Any]:
        """A `StreamStreamCall`, or an async iterator of responses."""


class ServerInterceptor(abc.ABC):
    """Stands between a call that has arrived and its handler."""

    @abc.abstractmethod
    async def intercept_service(
        self,
        continuation: Callable[[HandlerCallDetails], Awaitable[RpcMethodHandler | None]],
        handler_call_details: HandlerCallDetails,
    ) -> RpcMethodHandler | None:
        """The handler for the call: what `await continuation(handler_call_details)` returns, or another."""


KINDS: Final = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")


def client_steps(interceptors: Iterable[Any]) -> dict[str, tuple[Step, ...]]:
    """The methods of client interceptors by kind of call, each in the order of the interceptors.

    Raises ValueError, in grpcio's words, for an object that is none.
    """
    steps: dict[str, list[Step]] = {kind: [] for kind in KINDS}
    for interceptor in interceptors:
        found = [kind for kind in KINDS if callable(getattr(interceptor, f"intercept_{kind}", None))]
        if not found:
            raise ValueError(
                f"Interceptor {interceptor} must be UnaryUnaryClientInterceptor or UnaryStreamClientInterceptor or "
                "StreamUnaryClientInterceptor or StreamStreamClientInterceptor. "
            )
        for kind in found:
            steps[kind].append(getattr(interceptor, f"intercept_{kind}"))
    return {kind: tuple(methods) for kind, methods in steps.items()}


ServerStep = Callable[[Any, HandlerCallDetails], Awaitable[Any]]


def server_steps(interceptors: Sequence[Any] | None) -> tuple[ServerStep, ...]:
    """The methods of server interceptors, in their order. Raises ValueError for an object that is none."""
    invalid = [one for one in interceptors or () if not callable(getattr(one, "intercept_service", None))]
    if invalid:
        raise ValueError(f"Interceptor must be ServerInterceptor, the following are invalid: {invalid}")
    return tuple([one.intercept_service for one in interceptors or ()])
