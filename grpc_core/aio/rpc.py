"""The running of handlers: one call on the server, from its first octet to its status.

A call becomes a task when its handler can do something: for a method with one request, when that has come whole; for a
stream of requests, at once. So a slow client costs no task, and the deadline has been running all the while.

A handler is a coroutine function, an async generator function (for a stream of responses), or a plain function, which
runs in a thread. All three may end by returning, by `context.abort`, or by any other exception.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from typing import TYPE_CHECKING, Any

from grpc_core.aio.context import RequestIterator, ServicerContext, SyncRequestIterator, SyncServicerContext
from grpc_core.aio.protocol import ServerProtocol
from grpc_core.calls import ServerCall
from grpc_core.errors import AbortError
from grpc_core.logs import logger
from grpc_core.methods import Behavior, Served
from grpc_core.propagation import HANDLED
from grpc_core.status import StatusCode
from grpc_core.wire import MessageError

if TYPE_CHECKING:
    from grpc_core.aio.serving import Server

_log = logger("aio.server")

METHOD_NOT_FOUND = "Method not found!"


class Rpc:
    """One call on the server: waits for its request, runs its handler, sends what comes of it."""

    __slots__ = (
        "_call",
        "_context",
        "_has_begun",
        "_is_late",
        "_method",
        "_server",
        "_timer",
        "_variables",
        "protocol",
        "task",
    )

    def __init__(self, server: Server, protocol: ServerProtocol, call: ServerCall, method: Served) -> None:
        self._server = server
        self._call = call
        self._method = method
        self.protocol = protocol
        self.task: asyncio.Future[None] | None = None
        self._has_begun = False
        self._timer: asyncio.TimerHandle | None = None
        timeout_s = call.request.timeout_s
        deadline = None
        if timeout_s is not None:
            deadline = protocol.loop.time() + timeout_s
            self._timer = protocol.loop.call_later(timeout_s, self._on_deadline)
        self._context = ServicerContext(call, method, protocol, deadline)
        self._is_late = False
        self._variables: contextvars.Context | None = None
        """What the handler's task runs in, where interceptors have run before it."""

    def begin(self) -> None:
        """Start the handler, or wait for its request; a call whose deadline has passed does not begin."""
        if self._call.request.timeout_s == 0:
            self._on_deadline()
        elif self._method.request_streaming:
            self._start(None)
        else:
            self._call.inbox.is_wanted = True
            if self._call.inbox.is_over:
                self.message_received()

    # -- what the observer of `calls` is told --------------------------------------------------------------------------

    def headers_received(self) -> None:
        """A server receives no response."""

    def message_received(self) -> None:
        if self._method.request_streaming:
            self._context.wake()
            return
        call = self._call
        inbox = call.inbox
        count = len(inbox.messages)
        if (count < 2 and not inbox.is_over) or self.task is not None or call.is_over:
            return
        if count != 1:
            call.fail(StatusCode.UNIMPLEMENTED, f"{count} requests for a method that takes one: {call.request.path}")
            self.protocol.schedule_flush()  # it may be known long after the octets came: the call had to wait
            return
        message = inbox.take()
        assert message is not None
        self._start(message)

    def writable(self) -> None:
        self._context.wake()

    def finished(self) -> None:
        """The call was cancelled, or failed before the handler could end it."""
        self._context.run_callbacks()
        self._context.wake()
        if self.task is not None:
            self.task.cancel()
        self._context.handled.cancel(self._is_late)
        if not self._has_begun:  # a task that is cancelled before its first step never takes it
            self._end()

    # -- the handler ---------------------------------------------------------------------------------------------------

    def _start(self, message: bytes | None) -> None:
        """Run the handler in a task that is named after the method, which also spares asyncio to think of a name.

        One that runs in a thread and has one request and one response needs no task: what `start` gives stands in for
        it, is cancelled like one, and calls `conclude`.
        """
        start = self._method.start
        if start is not None and message is not None:
            self._has_begun = True
            self.task = start(self, message, self._context, self._variables)
            return
        self.task = self.protocol.tasks.start(self._run(message), self._call.request.path, self._variables)

    async def _run(self, message: bytes | None) -> None:
        """Run the handler: for one request, or, with None, for the stream of them."""
        self._has_begun = True
        context = self._context
        method = self._method
        HANDLED.set(context.handled)
        try:
            request = RequestIterator(context) if message is None else context.deserialize(message)
            assert method.behavior is not None
            if method.response_streaming:
                await self._stream(method.behavior, request)
            elif method.is_coroutine:
                context.respond(await method.behavior(request, context))
            else:
                response = await self._in_thread(method.behavior, request)
                context.respond(await response if inspect.isawaitable(response) else response)
        except MessageError as error:
            context.finish(error.code, error.details)
        except asyncio.CancelledError:
            context.finish(StatusCode.CANCELLED, "the handler was cancelled")
        except Exception as error:
            self._on_exception(error)
        finally:
            self._end()

    def conclude(self, response: Any) -> None:
        """The handler that `start` has begun has ended with this response."""
        try:
            self._context.respond(response)
        except MessageError as error:
            self._context.finish(error.code, error.details)
        except Exception as error:
            self._on_exception(error)
        finally:
            self._end()

    async def _stream(self, behavior: Behavior, request: Any) -> None:
        """Run a handler with a stream of responses, which it yields or writes itself."""
        context = self._context
        if self._method.is_async_generator:
            responses: Any = behavior(request, context)
        elif self._method.is_coroutine:
            responses = await behavior(request, context)
        else:
            responses = await self._in_thread(self._iterate_in_thread, behavior, request)
            if isinstance(responses, Awaitable):
                responses = await responses
        if isinstance(responses, AsyncIterable):
            try:
                async for response in responses:
                    await context.write(response)
            finally:
                if isinstance(responses, AsyncGenerator):  # left to the garbage collector, it would end in another task
                    await responses.aclose()
        context.finish(context.code() or StatusCode.OK, context.details())

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        """Run a plain function with the request (the last of the arguments) and a context, in the server's threads."""
        *before, request = arguments
        if self._method.request_streaming:
            request = SyncRequestIterator(self._context)
        work = functools.partial(function, *before, request, SyncServicerContext(self._context))
        running = self.protocol.loop.run_in_executor(
            self._server.thread_pool, contextvars.copy_context().run, self._unless_over, work
        )
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # A thread cannot be stopped, and a handler that still runs still counts; nobody is told how it ends.
            await asyncio.wait([running])
            if running.exception() is None and inspect.iscoroutine(made := running.result()):
                made.close()  # else it would complain that nobody has awaited it
            raise

    def _unless_over(self, work: Callable[[], Any]) -> Any:
        """In a thread: do it, unless the call is over before the thread was free."""
        return None if self._call.is_over else work()

    def _iterate_in_thread(self, behavior: Behavior, request: Any, context: SyncServicerContext) -> Any:
        """In a thread: send what a plain function yields. What it may return for the event loop is handed on."""
        responses = behavior(request, context)
        if responses is None or isinstance(responses, (AsyncIterable, Awaitable)):
            return responses
        for response in responses:
            context.write(response)
        return None

    def _on_exception(self, error: Exception) -> None:
        context = self._context
        if isinstance(error, AbortError) and context.aborted:
            return
        code = context.code()
        if code is None or code is StatusCode.OK:
            if not self._call.is_over:
                _log.exception("the handler of %s raised", self._call.request.path)
            context.finish(StatusCode.UNKNOWN, f"Unexpected {type(error)}: {error}")
        else:
            context.finish(code, context.details())

    # -- ending --------------------------------------------------------------------------------------------------------

    def _on_deadline(self) -> None:
        self._timer = None
        self._is_late = True
        self._call.fail(StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        self.protocol.schedule_flush()

    def stop(self, reason: str) -> None:
        """The server stops: whoever still waits for an answer gets this one, and the handler is cancelled."""
        self._call.fail(StatusCode.UNAVAILABLE, reason)
        if self._call.is_finished and not self._call.is_cancelled and self.task is not None:
            self.task.cancel()  # the handler has ended the call itself, and went on

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._context.end()
        self._server.rpc_ended(self)
