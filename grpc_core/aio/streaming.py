"""The streaming calls of an asyncio client: those whose requests, or responses, or both, are a stream.

What a unary call does at once, these do as the application goes along: `RequestWriter` sends requests one after the
other and waits while too much of them is queued; `StreamResponse` takes responses one after the other, and what is not
taken holds the server back. Neither waits for the other: one task may write while another reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, Generic

from grpc_core.aio import interfaces
from grpc_core.aio.call import ALREADY_FINISHED, Call, UnaryResponse, serialize
from grpc_core.aio.eof import EOF, EndOfFile
from grpc_core.calls import ClientCall
from grpc_core.errors import UsageError
from grpc_core.status import StatusCode
from grpc_core.type_variables import Request, Response
from grpc_core.wire import MessageError

if TYPE_CHECKING:
    from grpc_core.aio.channel import CallSettings, Method

RequestIterator = AsyncIterable[Request] | Iterable[Request]

HALF_CLOSED = 'RPC is half closed after calling "done_writing".'
COLLECTED = "Cancelled upon garbage collection!"
STYLES_MIXED = "The iterator and read/write APIs may not be mixed on a single RPC."


class RequestWriter(Generic[Request]):
    """The sending half of a call with a stream of requests: from an iterator, or by `write`."""

    def __init__(self, call: Call[Request, Any], requests: RequestIterator[Request] | None) -> None:
        self._call = call
        self._is_over = False
        self.has_sent = False
        self.next_is_plain = False
        self._by_iterator = requests is not None
        self.task: asyncio.Task[None] | None = None
        if requests is not None:
            self.task = asyncio.get_running_loop().create_task(self._send_all(requests))
            call.add_done_callback(lambda _: self.stop())

    def stop(self) -> None:
        """The call is over: take no more from the iterator."""
        if self.task is not None and not self.task.done():
            self.task.cancel()

    async def write(self, request: Request) -> None:
        """Send one request; returns when there is room for the next."""
        if self._by_iterator:
            raise UsageError(STYLES_MIXED)
        await self._write(request)

    async def done_writing(self) -> None:
        """Send no more."""
        if self._by_iterator:
            raise UsageError(STYLES_MIXED)
        await self._end()

    async def _write(self, request: Request) -> None:
        call = self._call
        if call.done():
            raise asyncio.InvalidStateError(ALREADY_FINISHED)
        if self._is_over:
            raise asyncio.InvalidStateError(HALF_CLOSED)
        message = serialize(call.method, request)
        is_plain, self.next_is_plain = self.next_is_plain, False
        attempt = await call.started()
        try:
            attempt.send_message(message, plain=is_plain)
        except MessageError as error:
            call.end_with(error.code, error.details)
            call.raise_for_status()
        self.has_sent = True
        call.keep(message, plain=is_plain)
        call.flush()
        await call.wait_for_room()

    async def _end(self) -> None:
        if self._is_over or self._call.done():
            return
        self._is_over = True
        attempt = await self._call.started()
        attempt.half_close()
        self.has_sent = True
        self._call.keep_end()
        self._call.flush()

    async def _send_all(self, requests: RequestIterator[Request]) -> None:
        call = self._call
        try:
            if isinstance(requests, AsyncIterable):
                async for request in requests:
                    await self._write(request)
            else:
                for request in requests:
                    await self._write(request)
            await self._end()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not call.done():
                call.end_with(StatusCode.UNKNOWN, f"Exception iterating requests! {error!r}")


class StreamResponse(Call[Request, Response]):
    """A call with a stream of responses; callers hold it by a handle (`held`)."""

    _style: str | None = None

    def abandon(self) -> None:
        """Nobody will read the responses: end the call. From any thread.

        What has come and was not read is given back to the windows, which other calls need.
        """
        if self._code is not None and (self._attempt is None or not self._attempt.inbox.held_bytes):
            return
        try:
            self._loop.call_soon_threadsafe(self._abandon)
        except RuntimeError:
            pass  # the loop is closed, and the call gone with it

    def _abandon(self) -> None:
        self._cancel(COLLECTED)
        if self._attempt is not None:
            self._attempt.inbox.discard()
            self.flush()

    def use(self, style: str) -> None:
        """The responses are taken in this style; raises UsageError when they were taken in another."""
        if self._style not in (None, style):
            raise UsageError(STYLES_MIXED)
        self._style = style

    async def next_response(self) -> Response | EndOfFile:
        """The next response, or `EOF` when the call is over and OK. Raises AioRpcError for any other end."""
        try:
            while True:
                attempt = self._attempt
                message = attempt.inbox.take() if attempt is not None else None
                if message is not None:
                    self.flush()
                    return self._deserialize(message)
                if self._code is not None:
                    self.raise_for_status()
                    return EOF
                self.flush()
                await self._changed()
        except asyncio.CancelledError:
            self.cancel()
            raise


class UnaryStreamCall(StreamResponse[Request, Response]):
    """One request, a stream of responses."""

    def __init__(self, method: Method[Request, Response], settings: CallSettings, request: Request) -> None:
        self._request = serialize(method, request)
        super().__init__(method, settings)
        self._hold(self._request)
        self._start()

    def _on_started(self, attempt: ClientCall) -> None:
        attempt.send_message(self._request, end=True)


class StreamRequest(Call[Request, Response]):
    """A call with a stream of requests."""

    def __init__(
        self, method: Method[Request, Response], settings: CallSettings, requests: RequestIterator[Request] | None
    ) -> None:
        super().__init__(method, settings)
        self._start()
        self._writer = RequestWriter(self, requests)

    async def write(self, request: Request) -> None:
        """Send one request; returns when there is room for the next."""
        await self._writer.write(request)

    async def done_writing(self) -> None:
        """Send no more requests."""
        await self._writer.done_writing()

    def disable_next_message_compression(self) -> None:
        """Send the next request as it is, whatever the compression of the call. Not in grpcio."""
        self._writer.next_is_plain = True

    def _can_repeat(self, attempt: ClientCall) -> bool:
        return super()._can_repeat(attempt) and (self.keeps_requests or not self._writer.has_sent)


class StreamUnaryCall(
    StreamRequest[Request, Response],
    UnaryResponse[Request, Response],
    interfaces.StreamUnaryCall[Request, Response],
):
    """A stream of requests, one response."""


class StreamStreamCall(StreamRequest[Request, Response], StreamResponse[Request, Response]):
    """A stream of requests and a stream of responses, each at its own pace."""

    @property
    def sending(self) -> asyncio.Task[None] | None:
        """What takes requests from the iterator that was given, if one was."""
        return self._writer.task

    def _on_started(self, attempt: ClientCall) -> None:
        """Requests follow one by one."""
