"""What calls of an asyncio client promise: grpcio's abstract classes, by their names.

The calls that a channel makes are in `call` and `streaming`; those that went through interceptors, in `intercepted`. A
program asks `isinstance(call, aio.UnaryUnaryCall)` of both, and may implement these classes for a test.
"""

from __future__ import annotations

import abc
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any, Generic

from grpc_core.aio.eof import EndOfFile
from grpc_core.metadata import Metadata
from grpc_core.status import StatusCode
from grpc_core.type_variables import Request, Response


class RpcContext(abc.ABC):
    """What both sides of a call can ask and do."""

    @abc.abstractmethod
    def cancelled(self) -> bool:
        """Whether the call was cancelled."""

    @abc.abstractmethod
    def done(self) -> bool:
        """Whether the call is over."""

    @abc.abstractmethod
    def time_remaining(self) -> float | None:
        """Seconds to the deadline, or None when there is none."""

    @abc.abstractmethod
    def cancel(self) -> bool:
        """Cancel the call. False when it was already over."""

    @abc.abstractmethod
    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call `callback(call)` when the call is over; at once when it is."""


class Call(RpcContext):
    """A call, seen from the client."""

    @abc.abstractmethod
    async def initial_metadata(self) -> Metadata:
        """What the server sent before its first message; waits for it."""

    @abc.abstractmethod
    async def trailing_metadata(self) -> Metadata:
        """What the server sent with the status; waits for it."""

    @abc.abstractmethod
    async def code(self) -> StatusCode:
        """The status code; waits for it."""

    @abc.abstractmethod
    async def details(self) -> str:
        """The status text; waits for it."""

    @abc.abstractmethod
    async def wait_for_connection(self) -> None:
        """Return when the call is on a connection; raise AioRpcError when it failed before."""

    async def debug_error_string(self) -> str:
        """One line for a log; waits for the status."""
        return f"{(await self.code()).name}:{await self.details()}"


class UnaryUnaryCall(Call, Generic[Request, Response]):
    """One request, one response."""

    @abc.abstractmethod
    def __await__(self) -> Generator[Any, None, Response]:
        """The response; raises AioRpcError for any status but OK."""


class UnaryStreamCall(Call, Generic[Request, Response]):
    """One request, a stream of responses."""

    @abc.abstractmethod
    def __aiter__(self) -> AsyncIterator[Response]:
        """The responses; raises AioRpcError for any status but OK."""

    @abc.abstractmethod
    async def read(self) -> Response | EndOfFile:
        """The next response, or `EOF` when the call is over and OK. Raises AioRpcError for any other end."""


class StreamUnaryCall(Call, Generic[Request, Response]):
    """A stream of requests, one response."""

    @abc.abstractmethod
    async def write(self, request: Request) -> None:
        """Send one request; returns when there is room for the next."""

    @abc.abstractmethod
    async def done_writing(self) -> None:
        """Send no more requests."""

    @abc.abstractmethod
    def __await__(self) -> Generator[Any, None, Response]:
        """The response; raises AioRpcError for any status but OK."""


class StreamStreamCall(Call, Generic[Request, Response]):
    """A stream of requests and a stream of responses, each at its own pace."""

    @abc.abstractmethod
    def __aiter__(self) -> AsyncIterator[Response]:
        """The responses; raises AioRpcError for any status but OK."""

    @abc.abstractmethod
    async def read(self) -> Response | EndOfFile:
        """The next response, or `EOF` when the call is over and OK. Raises AioRpcError for any other end."""

    @abc.abstractmethod
    async def write(self, request: Request) -> None:
        """Send one request; returns when there is room for the next."""

    @abc.abstractmethod
    async def done_writing(self) -> None:
        """Send no more requests."""
