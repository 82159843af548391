"""Calls with a stream of responses, as their callers hold them: who lets go of one, ends it.

    async for response in stub.Watch(request):
        break

Nobody can read the rest of these responses, but the server goes on making them, and to the engine a call that runs is
alive: it is in the tables of its channel and its connection. So what a caller gets is a handle on the call, and the
tables hold the call. When the last reference to the handle goes, the call is cancelled, with grpcio's words; while its
requests are taken from an iterator it holds itself. A call with one response needs no handle: it ends by itself.

A handle is used in its event loop, but it may be collected in any thread.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Generic

from grpc_core.aio import interfaces
from grpc_core.aio.eof import EOF, EndOfFile
from grpc_core.aio.streaming import RequestIterator, StreamResponse, StreamStreamCall, UnaryStreamCall
from grpc_core.explanation import Explanation
from grpc_core.metadata import Metadata
from grpc_core.status import StatusCode
from grpc_core.type_variables import Request, Response

if TYPE_CHECKING:
    from grpc_core.aio.channel import CallSettings, Method


class _Held(interfaces.Call, Generic[Request, Response]):
    """A handle on a call with a stream of responses."""

    def __init__(self, call: StreamResponse[Request, Response]) -> None:
        self._call = call

    def __del__(self) -> None:
        call: StreamResponse[Request, Response] | None = self.__dict__.get("_call")  # None where it could not be made
        if call is not None:
            call.abandon()

    def __getattr__(self, name: str) -> Any:
        """What is not in grpcio's interface is the call's own."""
        if name == "_call":  # of a handle that is being made or copied
            raise AttributeError(name)
        return getattr(self._call, name)

    # -- the responses -------------------------------------------------------------------------------------------------

    async def read(self) -> Response | EndOfFile:
        """The next response, or `EOF` when the call is over and OK. Raises AioRpcError for any other end."""
        self._call.use("read")
        return await self._call.next_response()

    def __aiter__(self) -> AsyncIterator[Response]:
        self._call.use("iterator")
        return self._iterate()

    async def _iterate(self) -> AsyncIterator[Response]:
        """A generator of the handle, which it holds: the call lives as long as it is iterated over."""
        while (response := await self._call.next_response()) is not EOF:
            yield response  # type: ignore[misc]  # it is not EOF

    # -- about the call ------------------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Cancel the call. False when it was already over."""
        return self._call.cancel()

    def cancelled(self) -> bool:
        """Whether the call was cancelled from this side."""
        return self._call.cancelled()

    def done(self) -> bool:
        """Whether the call is over."""
        return self._call.done()

    def time_remaining(self) -> float | None:
        """Seconds to the deadline, or None when there is none."""
        return self._call.time_remaining()

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call `callback(call)` when the call is over; at once when it is. The callback holds the call till then."""
        self._call.add_done_callback(lambda _: callback(self))

    async def initial_metadata(self) -> Metadata:
        """What the server sent before its first message; waits for it."""
        return await self._call.initial_metadata()

    async def trailing_metadata(self) -> Metadata:
        """What the server sent with the status; waits for it."""
        return await self._call.trailing_metadata()

    async def code(self) -> StatusCode:
        """The status code; waits for it."""
        return await self._call.code()

    async def details(self) -> str:
        """The status text; waits for it."""
        return await self._call.details()

    async def debug_error_string(self) -> str:
        """One line for a log; waits for the status."""
        return await self._call.debug_error_string()

    async def wait_for_connection(self) -> None:
        """Return when the call is on a connection; raise AioRpcError when it failed before."""
        await self._call.wait_for_connection()

    def explain(self) -> Explanation:
        """Why the call ended as it did; for one that is over."""
        return self._call.explain()

    def __repr__(self) -> str:
        return repr(self._call)


class HeldUnaryStreamCall(_Held[Request, Response], interfaces.UnaryStreamCall[Request, Response]):
    """A handle on a call with one request."""

    def __init__(self, method: Method[Request, Response], settings: CallSettings, request: Request) -> None:
        super().__init__(UnaryStreamCall(method, settings, request))


class HeldStreamStreamCall(_Held[Request, Response], interfaces.StreamStreamCall[Request, Response]):
    """A handle on a call with a stream of requests."""

    _call: StreamStreamCall[Request, Response]

    def __init__(
        self, method: Method[Request, Response], settings: CallSettings, requests: RequestIterator[Request] | None
    ) -> None:
        call = StreamStreamCall(method, settings, requests)
        super().__init__(call)
        if call.sending is not None:
            call.sending.add_done_callback(lambda _: self._call)  # which holds this handle until then

    async def write(self, request: Request) -> None:
        """Send one request; returns when there is room for the next."""
        await self._call.write(request)

    async def done_writing(self) -> None:
        """Send no more requests."""
        await self._call.done_writing()
