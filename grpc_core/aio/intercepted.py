"""The calls of a channel with interceptors.

An intercepted call is a task that runs the interceptors, and the call that they return. It exists at once, like any
call; before the interceptors have returned, it can be cancelled (that cancels their task), written to (requests wait
for whoever takes them) and waited for. Afterwards everything is asked of the call that they returned.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from typing import TYPE_CHECKING, Any, Generic

from grpc_core.aio import interfaces
from grpc_core.aio.call import ALREADY_FINISHED, CANCELLED
from grpc_core.aio.eof import EOF, EndOfFile
from grpc_core.aio.interceptors import Requests
from grpc_core.aio.responses import WrittenRequests
from grpc_core.aio.streaming import HALF_CLOSED, STYLES_MIXED, RequestIterator
from grpc_core.errors import UsageError
from grpc_core.metadata import Metadata
from grpc_core.status import StatusCode, normalize_code
from grpc_core.type_variables import Request, Response

if TYPE_CHECKING:
    from grpc_core.aio.interception import Pipeline


class InterceptedCall(interfaces.Call):
    """What all four kinds of intercepted call have in common."""

    def __init__(self, pipeline: Pipeline, request: Any) -> None:
        """Starts the interceptors with the request, or the requests."""
        self._loop = asyncio.get_running_loop()
        timeout = pipeline.details.timeout
        self._deadline = None if timeout is None else self._loop.time() + timeout
        self._path = pipeline.details.method
        self._channel = pipeline.channel
        self._callbacks: list[Callable[[Any], None]] = []
        self._error: Any = None
        """The status that the interceptors ended with, when they ended with one and not with a call."""
        self._is_faulty = False
        self._task = self._loop.create_task(self._run(pipeline, request))
        self._task.add_done_callback(self._on_returned)
        self._channel.call_started(self)

    async def _run(self, pipeline: Pipeline, request: Any) -> Any:
        """The call that the interceptors return. None when they raise a status; other exceptions are faults of theirs
        and stay the task's, which complains of them when nobody else does."""
        try:
            return await pipeline.run(request)
        except Exception as error:
            if not callable(getattr(error, "code", None)):
                self._is_faulty = True
                raise
            self._error = error
            return None

    def _cancel(self, details: str) -> bool:
        """The channel is closed. The call, once it is made, is the channel's too."""
        return self._task.cancel()

    def _on_returned(self, task: asyncio.Task[Any]) -> None:
        self._channel.call_over(self)
        if self._callbacks:
            self._inform(self._returned())

    def _inform(self, call: Any) -> None:
        """Tell those who want to know when the call is over."""
        if call is None:
            self._on_over(None)
        else:
            call.add_done_callback(self._on_over)

    def _on_over(self, _: Any) -> None:
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self._loop.call_soon(callback, self)

    def _returned(self) -> Any:
        """The call that the interceptors returned; None when they returned none, or have not returned."""
        task = self._task
        return task.result() if task.done() and not task.cancelled() and not self._is_faulty else None

    async def _settled(self) -> Any:
        """The call that the interceptors return; None when they ended with a status, or were cancelled.

        Raises what they raised by mistake. A waiter that is cancelled does not cancel them.
        """
        await asyncio.wait([self._task])
        return None if self._task.cancelled() else self._task.result()

    async def _made(self) -> Any:
        """The same for who wants the response: raises what the interceptors ended with, and cancels them when the
        waiter is cancelled."""
        call = await self._task
        if self._error is not None:
            raise self._error
        return call

    # -- grpcio's API --------------------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Cancel the call, or the interceptors while they have not returned one. False when it was already over."""
        if not self._task.done():
            return self._task.cancel()
        call = self._returned()
        return call is not None and bool(call.cancel())

    def cancelled(self) -> bool:
        """Whether the call was cancelled from this side."""
        if self._error is not None:
            return normalize_code(self._error.code()) is StatusCode.CANCELLED
        call = self._returned()
        return self._task.cancelled() or (call is not None and bool(call.cancelled()))

    def done(self) -> bool:
        """Whether the call is over."""
        call = self._returned()
        return self._task.done() and (call is None or bool(call.done()))

    def time_remaining(self) -> float | None:
        """Seconds to the deadline, or None when there is none: the caller's, until the call is made."""
        call = self._returned()
        if call is not None:
            remaining: float | None = call.time_remaining()
            return remaining
        return None if self._deadline is None else max(self._deadline - self._loop.time(), 0.0)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call `callback(call)` when the call is over; at once when it is."""
        if self.done():
            callback(self)
            return
        self._callbacks.append(callback)
        if self._task.done() and len(self._callbacks) == 1:
            self._inform(self._returned())

    async def initial_metadata(self) -> Metadata:
        """What the server sent before its first message; waits for it."""
        answer: Metadata = await self._asked("initial_metadata", Metadata())
        return answer

    async def trailing_metadata(self) -> Metadata:
        """What the server sent with the status; waits for it."""
        answer: Metadata = await self._asked("trailing_metadata", Metadata())
        return answer

    async def code(self) -> StatusCode:
        """The status code; waits for it."""
        return normalize_code(await self._asked("code", StatusCode.CANCELLED))

    async def details(self) -> str:
        """The status text; waits for it."""
        answer: str = await self._asked("details", CANCELLED)
        return answer

    async def debug_error_string(self) -> str:
        """One line for a log; waits for the status."""
        answer: str = await self._asked("debug_error_string", "")
        return answer

    async def _asked(self, name: str, if_cancelled: Any) -> Any:
        """What the call says, or the status that the interceptors raised instead of returning one."""
        call = await self._settled()
        if call is not None:
            return await getattr(call, name)()
        return if_cancelled if self._error is None else getattr(self._error, name)()

    def response_was_compressed(self) -> bool:
        """Whether the response that was read last had come compressed. False where no call of ours is behind this."""
        asked = getattr(self._returned(), "response_was_compressed", None)
        return asked is not None and bool(asked())

    async def wait_for_connection(self) -> None:
        """Return when the call is on a connection; raise AioRpcError when it failed before."""
        call = await self._made()
        await call.wait_for_connection()

    def __repr__(self) -> str:
        state = "over" if self.done() else "running" if self._task.done() else "with the interceptors"
        return f"<{type(self).__name__} of {self._path!r} {state}>"


class _UnaryResponse(InterceptedCall, Generic[Request, Response]):
    """With one response."""

    def __await__(self) -> Generator[Any, None, Response]:
        return self._result().__await__()

    async def _result(self) -> Response:
        response: Response = await (await self._made())
        return response


class _StreamResponse(InterceptedCall, Generic[Request, Response]):
    """With a stream of responses: one iterator for `async for` and `read`, which may be mixed, as in grpcio."""

    _source: AsyncIterator[Response] | None = None

    def __aiter__(self) -> AsyncIterator[Response]:
        return self

    async def __anext__(self) -> Response:
        if self._source is None:
            self._source = aiter(await self._made())
        return await anext(self._source)

    async def read(self) -> Response | EndOfFile:
        """The next response, or `EOF` when the call is over and OK. Raises AioRpcError for any other end."""
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            return EOF


class _StreamRequest(InterceptedCall, Generic[Request, Response]):
    """With a stream of requests. Those that are written become an iterator for the interceptors."""

    def __init__(self, pipeline: Pipeline, requests: RequestIterator[Request] | None) -> None:
        self._written: WrittenRequests | None = None
        source: Requests
        if requests is None:
            source = self._written = WrittenRequests()
        else:
            source = requests
        super().__init__(pipeline, source)
        if self._written is not None:
            self.add_done_callback(lambda call: call._written.close())

    async def write(self, request: Request) -> None:
        """Send one request; returns when there is room for the next."""
        if self._written is None:
            raise UsageError(STYLES_MIXED)
        if self._written.is_over and not self.done():
            raise asyncio.InvalidStateError(HALF_CLOSED)
        if self.done() or not await self._written.put(request):
            raise asyncio.InvalidStateError(ALREADY_FINISHED)

    async def done_writing(self) -> None:
        """Send no more requests."""
        if self._written is None:
            raise UsageError(STYLES_MIXED)
        self._written.end()


class InterceptedUnaryUnaryCall(_UnaryResponse[Request, Response], interfaces.UnaryUnaryCall[Request, Response]):
    """One request, one response, through interceptors."""


class InterceptedUnaryStreamCall(_StreamResponse[Request, Response], interfaces.UnaryStreamCall[Request, Response]):
    """One request, a stream of responses, through interceptors."""


class InterceptedStreamUnaryCall(
    _StreamRequest[Request, Response],
    _UnaryResponse[Request, Response],
    interfaces.StreamUnaryCall[Request, Response],
):
    """A stream of requests, one response, through interceptors."""


class InterceptedStreamStreamCall(
    _StreamRequest[Request, Response],
    _StreamResponse[Request, Response],
    interfaces.StreamStreamCall[Request, Response],
):
    """A stream of requests and a stream of responses, through interceptors."""
