"""The blocking server (grpcio's `grpc.Server`): an `aio.Server` on the I/O thread, handlers in the caller's threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from grpc_core import aio, interfaces
from grpc_core.credentials import ServerCredentials
from grpc_core.interfaces import ChannelOptions
from grpc_core.logs import logger
from grpc_core.metadata import MetadataPairs
from grpc_core.methods import (
    GenericRpcHandler,
    HandlerCallDetails,
    MethodTable,
    RpcMethodHandler,
    Served,
    stream_stream_rpc_method_handler,
)
from grpc_core.status import StatusCode
from grpc_core.sync import loop
from grpc_core.sync.loop import Callbacks, IoThread
from grpc_core.sync.runner import STOPPED, Runner

_log = logger("sync")

_RUNNERS_MAX: Final = 1024
SERVICE_FAILED: Final = "Error in service handler!"

Continuation = Callable[[Any], Any]


class _Handlers(MethodTable):
    """All handlers of a server without interceptors, for the engine: each with what runs it in a thread."""

    __slots__ = ("_notifier", "_pool", "_runners", "io")

    def __init__(self, pool: concurrent.futures.Executor) -> None:
        super().__init__()
        self._pool = pool
        self._notifier = Callbacks()
        self._runners: dict[int, Runner] = {}
        self.io: IoThread | None = None

    def prepared(self, handler: RpcMethodHandler) -> Served:
        assert self.io is not None
        known = self._runners.get(id(handler))
        if known is None:
            if len(self._runners) >= _RUNNERS_MAX:  # a generic handler that makes new ones for every call
                self._runners.clear()
            known = self._runners[id(handler)] = Runner(handler, self.io, self._pool, self._notifier)
        return known.served

    def find(self, path: str, invocation_metadata: MetadataPairs) -> RpcMethodHandler | None:
        try:
            return super().find(path, invocation_metadata)
        except Exception as error:
            return _failing(error)


class _Interceptors(aio.ServerInterceptor):
    """All interceptors of a server, for the engine: one that asks them in the pool, where they may wait and make calls.

    The handler then runs in the context that they have left, in whatever thread it gets.
    """

    def __init__(self, pool: concurrent.futures.Executor, interceptors: Sequence[Any], methods: MethodTable) -> None:
        self._pool = pool
        self._interceptors = interceptors
        self._methods = methods
        self._notifier = Callbacks()
        self.io: IoThread | None = None

    async def intercept_service(
        self, continuation: object, handler_call_details: HandlerCallDetails
    ) -> RpcMethodHandler | None:
        assert self.io is not None
        variables = contextvars.copy_context()
        try:
            asking = self._pool.submit(variables.run, _asked, self._from(0), handler_call_details)
        except RuntimeError:  # the pool was shut down before the server
            return stream_stream_rpc_method_handler(_stopped)
        try:
            handler = await asyncio.wrap_future(asking)
        except asyncio.CancelledError:
            if not asking.cancel():  # they still run, and so the call still counts
                await asyncio.wait([asyncio.wrap_future(asking)])
            raise
        return None if handler is None else Runner(handler, self.io, self._pool, self._notifier, variables).method

    def _from(self, index: int) -> Continuation:
        """Asks the interceptors from that one on, and then the handlers."""
        if index == len(self._interceptors):
            return lambda details: self._methods.find(details.method, details.invocation_metadata)
        return lambda details: self._interceptors[index].intercept_service(self._from(index + 1), details)


def _asked(find: Continuation, details: HandlerCallDetails) -> Any:
    """What is found for a call; when that raises, a handler that says so."""
    try:
        return find(details)
    except Exception as error:
        return _failing(error)


def _failing(error: Exception) -> RpcMethodHandler:
    """The handler of a call for which a generic handler, or an interceptor, has raised this."""
    _log.exception("Exception servicing handler: %s", error)
    return stream_stream_rpc_method_handler(_failed)


def _failed(requests: object, context: interfaces.ServicerContext) -> Iterable[bytes]:
    """The handler of a call for which no handler could be found out."""
    context.set_code(StatusCode.UNKNOWN)
    context.set_details(SERVICE_FAILED)
    return ()


async def _stopped(requests: object, context: aio.ServicerContext) -> None:
    """For the engine: the handler of a call for whose interceptors there is no thread any more."""
    await context.abort(StatusCode.UNAVAILABLE, STOPPED)


class Server(interfaces.Server):
    """A server; its methods may be called from any thread."""

    def __init__(
        self,
        thread_pool: concurrent.futures.Executor,
        handlers: Sequence[GenericRpcHandler] | None,
        interceptors: Sequence[Any] | None,
        options: ChannelOptions | None,
        maximum_concurrent_rpcs: int | None,
        compression: Any,
        io: Callable[[], IoThread] = loop.current,
    ) -> None:
        """`io` gives the thread that the engine lives in."""
        for interceptor in interceptors or ():
            if not callable(getattr(interceptor, "intercept_service", None)):
                raise ValueError(f"{interceptor!r} is not a server interceptor: it has no intercept_service")
        self._entry: _Handlers | _Interceptors
        if interceptors:
            self._methods = MethodTable()
            self._entry = entry = _Interceptors(thread_pool, tuple(interceptors), self._methods)
            self._engine = aio.server(None, None, [entry], options, maximum_concurrent_rpcs, compression)
        else:
            self._methods = self._entry = table = _Handlers(thread_pool)
            self._engine = aio.Server(None, None, options, maximum_concurrent_rpcs, None, compression, methods=table)
        if handlers:
            self._methods.add_generic_rpc_handlers(handlers)
        self._lock = threading.Lock()
        self._io_of = io
        self._io: IoThread | None = None
        self._terminated = threading.Event()
        self._stopped: concurrent.futures.Future[None] | None = None

    @property
    def is_started(self) -> bool:
        """Whether `start` was called."""
        return self._io is not None

    @property
    def engine(self) -> aio.Server:
        """The server on the I/O thread that does the work; only for use there."""
        return self._engine

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[GenericRpcHandler]) -> None:
        """Add services: objects with `service(handler_call_details)`. Raises AttributeError for others."""
        self._methods.add_generic_rpc_handlers(generic_rpc_handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Add the methods of one service, by method name."""
        if self._io is not None:
            _log.warning("Cannot register method handlers once server has started")
            return
        self._methods.add_registered_method_handlers(service_name, method_handlers)

    def add_insecure_port(self, address: str) -> int:
        """Bind a port without TLS: "host:port" (0 chooses one), "[::]:port", "unix:path". Returns the port, 1 for unix.

        Raises RuntimeError when it cannot be bound.
        """
        return self._engine.add_insecure_port(address)

    def add_secure_port(self, address: str, server_credentials: ServerCredentials) -> int:
        """Bind a port with TLS, as `add_insecure_port` does without."""
        return self._engine.add_secure_port(address, server_credentials)

    def start(self) -> None:
        """Begin to serve. Raises ValueError the second time."""
        with self._lock:
            if self._io is not None:
                raise ValueError("Cannot start already-started server!")
            self._io = self._entry.io = io = self._io_of()
        io.run(self._engine.start())

    def stop(self, grace: float | None) -> threading.Event:
        """Stop: no new calls; those that run have `grace` seconds, then they are cancelled. May be called again.

        The event is set when the server has stopped. With None that is so when this returns.
        """
        io = self._io
        if io is None or not loop.is_current(io):
            stopped = threading.Event()
            stopped.set()
            if io is None:
                self._engine.close_ports()
            return stopped
        stopping = asyncio.run_coroutine_threadsafe(self._engine.stop(grace), io.loop)
        stopping.add_done_callback(lambda _: self._terminated.set())
        if grace is None and not io.is_here():
            stopping.result()
            self._terminated.wait()
        return self._terminated

    def wait_for_termination(self, timeout: float | None = None) -> bool:
        """Wait until the server has stopped. Returns True when `timeout` seconds have passed before that."""
        return not self._terminated.wait(timeout)


def server(
    thread_pool: concurrent.futures.Executor,
    handlers: Sequence[GenericRpcHandler] | None = None,
    interceptors: Sequence[Any] | None = None,
    options: ChannelOptions | None = None,
    maximum_concurrent_rpcs: int | None = None,
    compression: Any = None,
    xds: bool = False,
) -> Server:
    """A server whose handlers run in `thread_pool`. `xds` is there for grpcio's sake; only False can be had."""
    if xds:
        raise ValueError("there is no xDS here")
    return Server(thread_pool, handlers, interceptors, options, maximum_concurrent_rpcs, compression)
