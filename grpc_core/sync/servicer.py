"""How a blocking handler runs: one call, between the engine on the I/O thread and a function in the user's threads.

The engine sees a coroutine for each kind of method. It submits the handler to the thread pool, carries messages to and
fro, and does not end before the handler does, even when the client is long gone: a handler that still runs still counts
(`maximum_concurrent_rpcs`). Messages are read and written, and the user's code is called, only in the pool.

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
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn, Self

from grpc_core import aio, interfaces
from grpc_core.aio.eof import EOF
from grpc_core.errors import AbortError, RpcError, UsageError
from grpc_core.interfaces import MetadataLike
from grpc_core.metadata import MetadataPairs
from grpc_core.methods import MethodHandler
from grpc_core.status import StatusCode, normalize_code
from grpc_core.sync.loop import Callbacks, IoThread
from grpc_core.sync.pipes import Inlet, Outlet

_log = logging.getLogger("grpc_core.sync")

DESERIALIZING_FAILED: Final = "Exception deserializing request!"
SERIALIZING_FAILED: Final = "Failed to serialize response!"
CANCELLED: Final = "Cancelled on the server side"
STOPPED: Final = "Server is shutting down"


class ServicerContext(interfaces.ServicerContext):
    """One call, as its handler sees it; from any thread."""

    def __init__(self, engine: aio.ServicerContext, io: IoThread, notifier: Callbacks) -> None:
        self._engine = engine
        self._io = io
        self._notifier = notifier
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] | None = []
        self._code: Any = None
        self._details: bytes | None = None
        self._takes_initial_metadata = True
        self._skips_compression = False
        self.inlet: Inlet | None = None
        """Where the requests come from when they are a stream; set by the server."""
        self.aborted = False
        self.put: Callable[[Any], bool] | None = None
        """For a method with a stream of responses: sends one; False when nobody takes it any more."""
        self.outlet: Outlet | None = None
        self.sending: asyncio.Task[None] | None = None  # takes from the outlet
        engine.add_done_callback(self._on_over)

    def _on_over(self, engine: aio.ServicerContext) -> None:
        with self._lock:
            callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            self._notifier.post(callback)

    # -- about the call ------------------------------------------------------------------------------------------------

    def is_active(self) -> bool:
        """Whether the call is not over."""
        return not self._engine.done()

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline, or None when it has none."""
        return self._engine.time_remaining()

    def cancel(self) -> None:
        """End the call with CANCELLED."""
        self._io.post(self._cancel)

    def _cancel(self) -> None:
        self._engine.finish(StatusCode.CANCELLED, CANCELLED)
        self._engine.handled.cancel(is_late=False)
        self._engine.run_callbacks()
        self._engine.wake()

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Call `callback()` when the call is over. False, and it is not called, when the call is over already."""
        with self._lock:
            if self._callbacks is None:
                return False
            self._callbacks.append(callback)
            return True

    def invocation_metadata(self) -> MetadataPairs:
        """The client's metadata: pairs that have a `key` and a `value`."""
        return self._engine.invocation_metadata()

    def peer(self) -> str:
        """The client's address, e.g. "ipv4:127.0.0.1:5000"."""
        return self._engine.peer()

    def peer_identities(self) -> Iterable[bytes] | None:
        """Who the client has proved to be; None without TLS client certificates."""
        return self._engine.peer_identities()

    def peer_identity_key(self) -> str | None:
        """By what the client was identified; None without TLS client certificates."""
        return self._engine.peer_identity_key()

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What is known of the connection's security."""
        return self._engine.auth_context()

    # -- the answer ----------------------------------------------------------------------------------------------------

    def set_compression(self, compression: Any) -> None:
        """How to compress the responses."""
        self._engine.set_compression(compression)

    def disable_next_message_compression(self) -> None:
        """Send the next response as it is."""
        self._skips_compression = True

    def request_was_compressed(self) -> bool:
        """Whether the request that was taken last had come compressed. Not in grpcio."""
        return self._engine.request_was_compressed() if self.inlet is None else self.inlet.taken_was_compressed

    def take_skips_compression(self) -> bool:
        """For the server: whether the response that comes now is the one that is sent as it is."""
        skips, self._skips_compression = self._skips_compression, False
        return skips

    def send_initial_metadata(self, initial_metadata: MetadataLike) -> None:
        """Send initial metadata now, instead of with the first response. Raises ValueError when that is too late."""
        if not self._takes_initial_metadata:
            raise ValueError("Initial metadata no longer allowed!")
        self._takes_initial_metadata = False
        try:
            self._io.run(self._engine.send_initial_metadata(tuple(initial_metadata)))
        except UsageError:
            raise ValueError("Initial metadata no longer allowed!")

    def set_trailing_metadata(self, trailing_metadata: MetadataLike) -> None:
        """The metadata to send with the status. Raises ValueError when it is not valid."""
        self._engine.set_trailing_metadata(trailing_metadata)

    def trailing_metadata(self) -> MetadataPairs:
        """What `set_trailing_metadata` was given."""
        return self._engine.trailing_metadata()

    def abort(self, code: Any, details: str) -> NoReturn:
        """Leave the handler, by raising AbortError, and end the call with this status."""
        if code is None or getattr(code, "value", code) == StatusCode.OK.value:
            _log.error("abort() called with %s; returning UNKNOWN", code)
            code, details = StatusCode.UNKNOWN, "" if code is not None else details
        self.aborted = True
        self._code = code
        self.set_details(details)
        raise AbortError("Locally aborted.")

    def abort_with_status(self, status: Any) -> NoReturn:
        """As `abort`, with an object that has `code`, `details` and `trailing_metadata`."""
        if status.trailing_metadata:
            self.set_trailing_metadata(status.trailing_metadata)
        self.abort(status.code, status.details)

    def set_code(self, code: Any) -> None:
        """The status code to end with when the handler returns; the default is OK."""
        self._code = code

    def set_details(self, details: str) -> None:
        """The status text to end with."""
        self._details = details if isinstance(details, bytes) else details.encode("utf-8", "surrogatepass")

    def code(self) -> Any:
        """What `set_code` was given."""
        return self._code

    def details(self) -> bytes | None:
        """What `set_details` was given, as UTF-8."""
        return self._details

    # -- for the server and for streams --------------------------------------------------------------------------------

    def close(self, code: Any, details: str) -> None:
        """End the call with this status as soon as what was put before is sent, and wait for that."""
        self._code = code
        self.set_details(details)
        if self.outlet is not None:
            self.outlet.end()
        self._io.run(self._close())

    async def _close(self) -> None:
        if self.sending is not None:
            await asyncio.wait([self.sending])
        self.settle()
        self._engine.finish(self._engine.code() or StatusCode.OK, self._engine.details())
        self._engine.run_callbacks()
        self._engine.wake()

    def end_with(self, code: StatusCode, details: str) -> None:
        """The status of a call that went wrong, unless the handler has set its own."""
        if self._code is None:
            self._code = code
        if self._details is None:
            self.set_details(details)

    def settle(self) -> None:
        """On the I/O thread: tell the engine the status to end with."""
        if self._code is not None:
            try:
                code = normalize_code(self._code)
            except (TypeError, ValueError):
                code = StatusCode.UNKNOWN
            self._engine.set_code(code)
        self._engine.set_details((self._details or b"").decode("utf-8", "replace"))


class _ClientGone(RpcError):
    """Raised in a handler that takes requests of a client that has gone."""


class RequestIterator:
    """The requests of a stream, for a handler: an iterator."""

    def __init__(self, inlet: Inlet, deserialize: Callable[[bytes], Any], context: ServicerContext) -> None:
        self._inlet = inlet
        self._deserialize = deserialize
        self._context = context

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self.take(None)

    def take(self, timeout: float | None) -> Any:
        """The next request. Raises StopIteration after the last, TimeoutError when `timeout` seconds have passed."""
        message = self._inlet.take(timeout)
        if message is not None:
            return self._deserialize(message)
        if self._context.is_active():
            raise StopIteration
        raise _ClientGone

    def next(self) -> Any:
        """The next request; raises StopIteration after the last."""
        return self.__next__()


class _BadMessage(Exception):
    """A request that cannot be read, or a response that cannot be written; logged, and noted in the context."""


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
        self.method = MethodHandler(handler.request_streaming, handler.response_streaming, None, None, **{kind: run})

    # -- on the I/O thread ---------------------------------------------------------------------------------------------

    async def _run_unary(self, request: Any, engine: aio.ServicerContext) -> bytes:
        context = ServicerContext(engine, self._io, self._notifier)
        async with self._requests(request, engine) as inlet:
            context.inlet = inlet
            message = await self._in_pool(context, self._respond, inlet or request, context)
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
                loop.call_soon_threadsafe(_resolve, done, result)

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

        def deserialize(message: bytes) -> Any:
            if self.handler.request_deserializer is None:
                return message
            try:
                return self.handler.request_deserializer(message)
            except Exception:
                _log.exception(DESERIALIZING_FAILED)
                context.end_with(StatusCode.INTERNAL, DESERIALIZING_FAILED)
                raise _BadMessage

        return RequestIterator(source, deserialize, context) if isinstance(source, Inlet) else deserialize(source)

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
        if context.aborted or isinstance(error, (_BadMessage, _ClientGone)):
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
