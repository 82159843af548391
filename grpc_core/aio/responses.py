"""What interceptors return instead of calls, made into calls; and what callers write, made into an iterator."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Generator
from typing import Any

from grpc_core.aio import interfaces
from grpc_core.aio.call import ALREADY_FINISHED, CANCELLED
from grpc_core.aio.eager import resolve
from grpc_core.aio.eof import EOF
from grpc_core.metadata import Metadata
from grpc_core.status import StatusCode


class ResponseOnly(interfaces.UnaryUnaryCall[Any, Any], interfaces.StreamUnaryCall[Any, Any]):
    """A response that an interceptor returned: a call that is over, and OK, whatever became of the calls behind it."""

    def __init__(self, last: interfaces.Call | None, response: Any) -> None:
        self._response = response

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result().__await__()

    async def _result(self) -> Any:
        return self._response

    def cancel(self) -> bool:
        return False

    def cancelled(self) -> bool:
        return False

    def done(self) -> bool:
        return True

    def time_remaining(self) -> float | None:
        return None

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        callback(self)

    async def initial_metadata(self) -> Metadata:
        return Metadata()

    async def trailing_metadata(self) -> Metadata:
        return Metadata()

    async def code(self) -> StatusCode:
        return StatusCode.OK

    async def details(self) -> str:
        return ""

    async def debug_error_string(self) -> str:
        return ""

    async def wait_for_connection(self) -> None:
        return None

    async def write(self, request: Any) -> None:
        raise asyncio.InvalidStateError(ALREADY_FINISHED)

    async def done_writing(self) -> None:
        return None


class _NoCall(ResponseOnly):
    """Behind an iterator that an interceptor made by itself: a call that is over when the iterator is."""

    def __init__(self) -> None:
        super().__init__(None, None)
        self._is_over = False
        self._is_cancelled = False
        self._callbacks: list[Callable[[Any], None]] = []

    def cancel(self) -> bool:
        if self._is_over:
            return False
        self._is_cancelled = True
        self.end()
        return True

    def cancelled(self) -> bool:
        return self._is_cancelled

    def done(self) -> bool:
        return self._is_over

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        if self._is_over:
            callback(self)
        else:
            self._callbacks.append(callback)

    async def code(self) -> StatusCode:
        return StatusCode.CANCELLED if self._is_cancelled else StatusCode.OK

    async def details(self) -> str:
        return CANCELLED if self._is_cancelled else ""

    def end(self) -> None:
        """The iterator has ended."""
        self._is_over = True
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


class ResponsesOnly(interfaces.UnaryStreamCall[Any, Any]):
    """Responses that an interceptor iterates over itself. All else is asked of the last call that it made, if any."""

    def __init__(self, last: interfaces.Call | None, responses: AsyncIterable[Any]) -> None:
        self._call: Any = _NoCall() if last is None else last
        self._responses = aiter(responses)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if isinstance(self._call, _NoCall) and self._call.cancelled():
            raise asyncio.CancelledError(CANCELLED)
        try:
            return await anext(self._responses)
        except BaseException:
            if isinstance(self._call, _NoCall) and not self._call.done():
                self._call.end()
            raise

    async def read(self) -> Any:
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            return EOF

    def cancel(self) -> bool:
        return bool(self._call.cancel())

    def cancelled(self) -> bool:
        return bool(self._call.cancelled())

    def done(self) -> bool:
        return bool(self._call.done())

    def time_remaining(self) -> float | None:
        remaining: float | None = self._call.time_remaining()
        return remaining

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._call.add_done_callback(lambda _: callback(self))

    async def initial_metadata(self) -> Metadata:
        metadata: Metadata = await self._call.initial_metadata()
        return metadata

    async def trailing_metadata(self) -> Metadata:
        metadata: Metadata = await self._call.trailing_metadata()
        return metadata

    async def code(self) -> StatusCode:
        code: StatusCode = await self._call.code()
        return code

    async def details(self) -> str:
        details: str = await self._call.details()
        return details

    async def debug_error_string(self) -> str:
        line: str = await self._call.debug_error_string()
        return line

    async def wait_for_connection(self) -> None:
        await self._call.wait_for_connection()


class StreamResponsesOnly(ResponsesOnly, interfaces.StreamStreamCall[Any, Any]):
    """The same for a call with a stream of requests."""

    async def write(self, request: Any) -> None:
        await self._call.write(request)

    async def done_writing(self) -> None:
        await self._call.done_writing()


class WrittenRequests:
    """The requests that a caller writes, as an async iterator for the interceptors."""

    def __init__(self) -> None:
        self.is_over = False
        self._is_closed = False
        self._requests: deque[Any] = deque()
        self._given = 0
        self._taken = 0
        self._waiters: list[asyncio.Future[None]] = []

    async def put(self, request: Any) -> bool:
        """Give one request; returns when it was taken. False when nobody takes any more."""
        if self._is_closed:
            return False
        self._requests.append(request)
        self._given += 1
        mine = self._given
        self._wake()
        while self._taken < mine and not self._is_closed:
            await self._changed()
        return self._taken >= mine

    def end(self) -> None:
        """The caller writes no more."""
        self.is_over = True
        self._wake()

    def close(self) -> None:
        """The call is over: nothing is taken any more."""
        self._is_closed = True
        self._requests.clear()
        self._wake()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        while not self._requests:
            if self.is_over or self._is_closed:
                raise StopAsyncIteration
            await self._changed()
        request = self._requests.popleft()
        self._taken += 1
        self._wake()
        return request

    async def _changed(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(future)
        await future

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        resolve(waiters)
