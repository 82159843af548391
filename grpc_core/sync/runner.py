"""How a blocking handler runs: one call, between the engine on the I/O thread and a function in the user's threads.

The engine sees a coroutine for each kind of method with a stream, and for the others a future (`Run`). It submits the
handler to the thread pool, carries messages to and fro, and does not end before the handler does, even when the client
is long gone: a handler that still runs still counts (`maximum_concurrent_rpcs`). Messages are read and written, and the
user's code is called, only in the pool.

What a handler does becomes a status by these rules, which are grpcio's:

    returns                            the code that was set, or OK; the details that were set
    context.abort                      the code and the details given to it
    raises                             the code that was set, or UNKNOWN; the details that were set, or the exception
    raises because the client is gone  nothing: nobody is there to be told
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import functools
from collections.abc import Callable
from typing import Any, Final

from grpc_core import aio
from grpc_core.aio.eof import EOF
from grpc_core.aio.rpc import Rpc
from grpc_core.logs import logger
from grpc_core.methods import MethodHandler, Served
from grpc_core.propagation import HANDLED
from grpc_core.status import StatusCode
from grpc_core.sync.loop import Callbacks, IoThread
from grpc_core.sync.pipes import Inlet, Outlet
from grpc_core.sync.servicer import ClientGone, RequestIterator, ServicerContext

_log = logger("sync")

DESERIALIZING_FAILED: Final = "Exception deserializing request!"
SERIALIZING_FAILED: Final = "Failed to serialize response!"
STOPPED: Final = "Server is shutting down"


class _BadMessage(Exception):
    """A request that cannot be read, or a response that cannot be written; logged, and noted in the context."""


class _Method(MethodHandler):
    """What the engine takes for the method handler. `start` is there for `methods.Served`."""

    start: Callable[..., asyncio.Future[None]] | None = None


class Run(asyncio.Future[None]):
    """A call with one request and one response, in the pool; for the engine in place of a task. Done when it has ended.

    A task that waits for a future that waits for a thread would be three things to make and to wake for each call; this
    is one. It takes 14 % off what a call costs a blocking server when they come one at a time, 28 % with 64 at a time.
    """

    def __init__(self, io: IoThread, rpc: Rpc, context: ServicerContext) -> None:
        super().__init__(loop=io.loop)
        self._io = io
        self._rpc: Rpc | None = rpc
        self._context = context
        self._running: concurrent.futures.Future[None] | None = None

    def begin(
        self,
        pool: concurrent.futures.Executor,
        variables: contextvars.Context,
        respond: Callable[[Any, ServicerContext], bytes | None],
        request: bytes,
    ) -> None:
        """On the I/O thread: let the pool call `respond(request, context)` in a context of variables."""
        try:
            self._running = pool.submit(self._work, variables, respond, request)
        except RuntimeError:  # the pool was shut down before the server
            self._context.end_with(StatusCode.UNAVAILABLE, STOPPED)
            self._end(None)

    def _work(
        self,
        variables: contextvars.Context,
        respond: Callable[[Any, ServicerContext], bytes | None],
        request: bytes,
    ) -> None:
        message = None
        try:
            message = variables.run(self._respond, respond, request)
        finally:
            self._io.hand_over(self._end, message)

    def _respond(self, respond: Callable[[Any, ServicerContext], bytes | None], request: bytes) -> bytes | None:
        HANDLED.set(self._context.handled)
        return respond(request, self._context)

    def _end(self, message: bytes | None) -> None:
        """On the I/O thread: the handler has ended, or will never begin."""
        context, rpc = self._context, self._rpc
        assert rpc is not None
        self._rpc = self._running = None  # which hold this, and would be left to the garbage collector
        context.settle()
        if context.take_skips_compression():
            context.engine.disable_next_message_compression()
        rpc.conclude(message or b"")
        context.over()
        if not self.done():
            self.set_result(None)

    def cancel(self, msg: object = None) -> bool:
        """The call is over. A handler that waits for a thread will not get one; one that runs ends when it ends."""
        self._context.over()
        if self._running is not None and self._running.cancel():
            self._end(None)
        return False


class Runner:
    """Runs the calls of one method handler. Its coroutines are what the engine takes for the handler."""

    def __init__(
        self,
        handler: Any,
        io: IoThread,
        pool: concurrent.futures.Executor,
        notifier: Callbacks,
        variables: contextvars.Context | None = None,
    ) -> None:
        """`variables`: the context variables to run in, as interceptors have left them."""
        self.handler = handler
        self._io = io
        self._notifier = notifier
        self._variables = variables
        kind = ("stream" if handler.request_streaming else "unary") + (
            "_stream" if handler.response_streaming else "_unary"
        )
        self._behavior = getattr(handler, kind)
        self._pool = getattr(self._behavior, "experimental_thread_pool", None) or pool
        run: Any = self._run_stream if handler.response_streaming else self._run_unary
        self.method = _Method(handler.request_streaming, handler.response_streaming, None, None, **{kind: run})
        if kind == "unary_unary":
            self.method.start = self._start
        self.served = Served(self.method)

    # -- on the I/O thread ---------------------------------------------------------------------------------------------

    def _start(
        self, rpc: Rpc, request: bytes, engine: aio.ServicerContext, variables: contextvars.Context | None
    ) -> asyncio.Future[None]:
        """Begin a call with one request and one response."""
        context = ServicerContext(engine, self._io, self._notifier, is_told=True)
        run = Run(self._io, rpc, context)
        run.begin(self._pool, self._variables or variables or contextvars.copy_context(), self._respond, request)
        return run

    async def _run_unary(self, request: Any, engine: aio.ServicerContext) -> bytes:
        context = ServicerContext(engine, self._io, self._notifier)
        async with self._requests(request, engine) as inlet:
            context.inlet = inlet
            message = await self._in_pool(context, self._respond, inlet, context)
        context.settle()
        if context.take_skips_compression():
            engine.disable_next_message_compression()
        return message or b""

    async def _run_stream(self, request: Any, engine: aio.ServicerContext) -> None:
        context = ServicerContext(engine, self._io, self._notifier)
        outlet = Outlet(self._io.loop)
        outlet.before_plain = engine.disable_next_message_compression
        async with self._requests(request, engine) as inlet:
            context.inlet = inlet
            sending = self._io.loop.create_task(self._send(outlet, engine))
            context.outlet, context.sending = outlet, sending
            context.put = functools.partial(self._put, context, outlet)
            try:
                await self._in_pool(context, self._respond_all, inlet or request, context, outlet)
                outlet.end()  # it is not over yet when the pool has not taken the handler
                await sending
            finally:
                sending.cancel()
                outlet.close()
        context.settle()

    @contextlib.asynccontextmanager
    async def _requests(self, request: Any, engine: aio.ServicerContext) -> Any:
        """For a stream of requests, where a thread takes them from; it is filled meanwhile."""
        if not self.handler.request_streaming:
            yield None
            return
        inlet = Inlet(self._io.loop)
        receiving = self._io.loop.create_task(self._receive(engine, inlet))
        engine.add_done_callback(lambda engine: inlet.end(discard=engine.cancelled()))
        try:
            yield inlet
        finally:
            receiving.cancel()

    @staticmethod
    async def _receive(engine: aio.ServicerContext, inlet: Inlet) -> None:
        try:
            while (message := await engine.read()) is not EOF:
                await inlet.put(message, engine.request_was_compressed())
        except asyncio.InvalidStateError:
            pass  # the call is over
        finally:
            inlet.end()

    @staticmethod
    async def _send(outlet: Outlet, engine: aio.ServicerContext) -> None:
        try:
            async for message in outlet:
                await engine.write(message)
        except asyncio.InvalidStateError:
            pass  # the call is over
        finally:
            outlet.close()

    async def _in_pool(self, context: ServicerContext, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run a function in the pool, and wait until it has returned, also when the call is cancelled meanwhile."""
        loop = self._io.loop
        done: asyncio.Future[Any] = loop.create_future()
        variables = (self._variables or contextvars.copy_context()).run

        def work() -> None:
            result = None
            try:
                result = variables(function, *arguments)
            finally:
                self._io.hand_over(_resolve, done, result)

        try:
            running = self._pool.submit(work)
        except RuntimeError:  # the pool was shut down before the server
            context.end_with(StatusCode.UNAVAILABLE, STOPPED)
            return None
        try:
            return await done
        except asyncio.CancelledError:
            if not running.cancel():
                await asyncio.wait([asyncio.wrap_future(running)])
            raise

    # -- in the pool ---------------------------------------------------------------------------------------------------

    def _respond(self, source: Any, context: ServicerContext) -> bytes | None:
        """Run a handler with one response: the response as octets, or None with a status in the context."""
        try:
            return self._serialized(self._behavior(self._request(source, context), context), context)
        except BaseException as error:
            self._note(error, "Exception calling application", context)
            return None

    def _respond_all(self, source: Any, context: ServicerContext, outlet: Outlet) -> None:
        """Run a handler with a stream of responses, and hand them over."""
        doing = "Exception calling application"
        try:
            responses = self._behavior(self._request(source, context), context)
            doing = "Exception iterating responses"
            for response in responses:
                if not self._put(context, outlet, response):
                    break
        except BaseException as error:
            self._note(error, doing, context)
        finally:
            outlet.end()

    def _put(self, context: ServicerContext, outlet: Outlet, response: Any) -> bool:
        """Hand over one response. False when nobody takes it any more. Raises _BadMessage."""
        message = self._serialized(response, context)
        if message is None:
            raise _BadMessage
        return outlet.put(message, context.take_skips_compression())

    def _request(self, source: Any, context: ServicerContext) -> Any:
        """What the handler is given: the request, or an iterator of them."""
        if isinstance(source, Inlet):
            return RequestIterator(source, functools.partial(self._deserialized, context), context)
        return self._deserialized(context, source)

    def _deserialized(self, context: ServicerContext, message: bytes) -> Any:
        deserialize = self.handler.request_deserializer
        if deserialize is None:
            return message
        try:
            return deserialize(message)
        except Exception:
            _log.exception(DESERIALIZING_FAILED)
            context.end_with(StatusCode.INTERNAL, DESERIALIZING_FAILED)
            raise _BadMessage

    def _serialized(self, response: Any, context: ServicerContext) -> bytes | None:
        serializer = self.handler.response_serializer
        try:
            message = serializer(response) if serializer is not None else response
        except Exception:
            _log.exception(SERIALIZING_FAILED)
            message = None
        if not isinstance(message, bytes):
            context.end_with(StatusCode.INTERNAL, SERIALIZING_FAILED)
            return None
        return message

    def _note(self, error: BaseException, doing: str, context: ServicerContext) -> None:
        """An exception of the handler's: what it means for the status."""
        if context.aborted or isinstance(error, (_BadMessage, ClientGone)):
            return
        try:
            details = f"{doing}: {error}"
        except Exception:
            details = "Calling application raised unprintable Exception!"
        _log.error(details, exc_info=error)
        context.end_with(StatusCode.UNKNOWN, details)


def _resolve(future: asyncio.Future[Any], result: Any) -> None:
    if not future.done():
        future.set_result(result)
