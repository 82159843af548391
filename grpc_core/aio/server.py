"""The asyncio server (grpcio's `grpc.aio.Server`): ports, connections, and the running of handlers.

A call becomes a task when its handler can do something: for a method with one request, when that has come whole. So a
slow client costs no task, and the deadline has been running all the while.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import logging
import os
import socket
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from grpc_core.aio.context import ServicerContext, SyncServicerContext
from grpc_core.aio.protocol import ServerProtocol
from grpc_core.calls import ServerCall
from grpc_core.errors import AbortError, UsageError
from grpc_core.methods import GenericRpcHandler, MethodTable, RpcMethodHandler
from grpc_core.options import ChannelOptions, parse_options
from grpc_core.status import StatusCode
from grpc_core.target import Address, parse_target
from grpc_core.wire import MessageError
from http2 import ErrorCode
from http2.aio.transport import Tap

_log = logging.getLogger("grpc_core.aio.server")

METHOD_NOT_FOUND = "Method not found!"
CONCURRENCY_EXCEEDED = "Concurrent RPC limit exceeded!"
_LISTEN_BACKLOG = 1024

_is_coroutine_function = lru_cache(maxsize=1024)(inspect.iscoroutinefunction)


class Server:
    """A server. Ports are bound when they are added; handlers run when it has been started.

    `tap_factory` makes a `Tap` for each connection, which sees all its octets: for tracing.
    """

    def __init__(
        self,
        migration_thread_pool: concurrent.futures.Executor | None = None,
        handlers: Iterable[GenericRpcHandler] | None = None,
        options: ChannelOptions | None = None,
        maximum_concurrent_rpcs: int | None = None,
        tap_factory: Callable[[], Tap] | None = None,
    ) -> None:
        self._thread_pool = migration_thread_pool
        self._options = parse_options(options)
        self._concurrent_max = maximum_concurrent_rpcs
        self._tap_factory = tap_factory
        self._methods = MethodTable()
        if handlers:
            self._methods.add_generic_rpc_handlers(handlers)
        self._sockets: list[socket.socket] = []
        self._listeners: list[asyncio.Server] = []
        self._protocols: set[ServerProtocol] = set()
        self._rpcs: set[_Rpc] = set()
        self._started = False
        self._stopping: asyncio.Task[None] | None = None
        self._grace_end: asyncio.Event | None = None
        self._grace_timers: list[asyncio.TimerHandle] = []
        self._terminated: asyncio.Event | None = None

    # -- grpcio's API --------------------------------------------------------------------------------------------------

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[GenericRpcHandler]) -> None:
        """Add services: objects with `service(handler_call_details)`."""
        self._methods.add_generic_rpc_handlers(generic_rpc_handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Add the methods of one service, by method name."""
        self._methods.add_registered_method_handlers(service_name, method_handlers)

    def add_insecure_port(self, address: str) -> int:
        """Bind a port without TLS: "host:port" (0 chooses one), "[::]:port", "unix:path". Returns the port, 1 for unix.

        Raises RuntimeError when it cannot be bound.
        """
        if self._started:
            raise UsageError("Cannot add a port to a server that was started")
        bound: list[socket.socket] = []
        try:
            for candidate in parse_target(address).addresses:
                bound += _bind(candidate, self._options.reuse_port)
        except (OSError, ValueError) as error:
            for listening in bound:
                listening.close()
            raise RuntimeError(
                f"Failed to bind to address {address}; set GRPC_VERBOSITY=debug environment variable to see detailed"
                f" error message. ({error})"
            )
        self._sockets.extend(bound)
        name = bound[0].getsockname()
        return int(name[1]) if isinstance(name, tuple) else 1

    async def start(self) -> None:
        """Begin to serve."""
        if self._started:
            raise UsageError("Cannot start already-started server!")
        self._started = True
        self._terminated = asyncio.Event()
        self._grace_end = asyncio.Event()
        loop = asyncio.get_running_loop()
        for bound in self._sockets:
            if bound.family == socket.AF_UNIX:
                listener = await loop.create_unix_server(self._connected, sock=bound, backlog=_LISTEN_BACKLOG)
            else:
                listener = await loop.create_server(self._connected, sock=bound, backlog=_LISTEN_BACKLOG)
            self._listeners.append(listener)

    async def stop(self, grace: float | None) -> None:
        """Stop: no new calls; those that run have `grace` seconds, then they are cancelled. None is no time at all.

        May be called again while it stops: the earlier end counts.
        """
        if not self._started:
            for bound in self._sockets:
                bound.close()
            return
        assert self._grace_end is not None
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop())
        if grace is None:
            self._grace_end.set()
        elif not self._stopping.done():
            self._grace_timers.append(asyncio.get_running_loop().call_later(grace, self._grace_end.set))
        await asyncio.shield(self._stopping)

    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        """Wait until the server has stopped. Returns True when `timeout` seconds have passed before that."""
        if self._terminated is None:
            raise UsageError("the server was not started")
        try:
            async with asyncio.timeout(timeout):
                await self._terminated.wait()
        except TimeoutError:
            return True
        return False

    # -- stopping ------------------------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        assert self._terminated is not None
        assert self._grace_end is not None
        for listener in self._listeners:
            listener.close()
        for protocol in self._protocols:
            self._turn_away(protocol)
        grace_end: asyncio.Future[Any] = asyncio.ensure_future(self._grace_end.wait())
        while self._protocols and not grace_end.done():
            awaited: list[asyncio.Future[Any]] = [protocol.closed for protocol in self._protocols]
            await asyncio.wait([*awaited, grace_end], return_when=asyncio.FIRST_COMPLETED)
        grace_end.cancel()
        for rpc in list(self._rpcs):
            rpc.stop("Server is shutting down")
        for protocol in list(self._protocols):
            protocol.abort(ErrorCode.NO_ERROR, "the server has stopped")
        if self._protocols:
            await asyncio.wait([protocol.closed for protocol in self._protocols], timeout=1.0)
        for protocol in list(self._protocols):
            if protocol.transport is not None:
                protocol.transport.abort()
        tasks = [rpc.task for rpc in self._rpcs if rpc.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=1.0)
        for timer in self._grace_timers:
            timer.cancel()
        self._terminated.set()

    @staticmethod
    def _turn_away(protocol: ServerProtocol) -> None:
        """No new calls on this connection; those that run may finish."""
        protocol.session.is_refusing = True
        protocol.connection.shut_down()
        protocol.schedule_flush()

    # -- connections and calls -----------------------------------------------------------------------------------------

    def _connected(self) -> ServerProtocol:
        tap = self._tap_factory() if self._tap_factory is not None else None
        protocol = ServerProtocol(self._options, self._accept, tap)
        self._protocols.add(protocol)
        protocol.closed.add_done_callback(lambda _: self._protocols.discard(protocol))
        if self._stopping is not None:  # it was accepted just before the listener closed
            self._turn_away(protocol)
        return protocol

    def _accept(self, protocol: ServerProtocol, call: ServerCall) -> None:
        """A call has come: find its handler, and let it run when it can."""
        request = call.request
        try:
            handler = self._methods.find(request.path, request.metadata)
        except Exception as error:
            _log.exception("a generic handler raised for %s", request.path)
            call.finish(StatusCode.UNKNOWN, f"Exception servicing handler: {error}")
            return
        if handler is None:
            call.finish(StatusCode.UNIMPLEMENTED, METHOD_NOT_FOUND)
            return
        if handler.request_streaming or handler.response_streaming:
            call.finish(StatusCode.UNIMPLEMENTED, "streaming methods are not supported yet")
            return
        if self._concurrent_max is not None and len(self._rpcs) >= self._concurrent_max:
            call.finish(StatusCode.RESOURCE_EXHAUSTED, CONCURRENCY_EXCEEDED)
            return
        if protocol.running >= self._options.config.concurrent_streams_max:
            # Calls that their client has cancelled count until their handlers end (CVE-2023-44487).
            call.reset(ErrorCode.REFUSED_STREAM)
            return
        rpc = _Rpc(self, protocol, call, handler)
        self._rpcs.add(rpc)
        protocol.running += 1
        call.observer = rpc
        rpc.begin()

    def rpc_ended(self, rpc: _Rpc) -> None:
        """A handler has ended, or never began and never will."""
        if rpc in self._rpcs:
            self._rpcs.discard(rpc)
            rpc.protocol.running -= 1

    @property
    def thread_pool(self) -> concurrent.futures.Executor | None:
        """Where plain functions run as handlers."""
        return self._thread_pool


class _Rpc:
    """One call on the server: waits for its request, runs its handler, sends what comes of it."""

    __slots__ = ("_call", "_context", "_handler", "_has_begun", "_server", "_timer", "protocol", "task")

    def __init__(self, server: Server, protocol: ServerProtocol, call: ServerCall, handler: RpcMethodHandler) -> None:
        self._server = server
        self._call = call
        self._handler = handler
        self.protocol = protocol
        self.task: asyncio.Task[None] | None = None
        self._has_begun = False
        self._timer: asyncio.TimerHandle | None = None
        timeout_s = call.request.timeout_s
        deadline = None
        if timeout_s is not None:
            deadline = protocol.loop.time() + timeout_s
            self._timer = protocol.loop.call_later(timeout_s, self._on_deadline)
        self._context = ServicerContext(call, protocol, deadline)

    def begin(self) -> None:
        """Wait for the request; a call whose deadline has passed does not begin."""
        if self._call.request.timeout_s == 0:
            self._on_deadline()
            return
        self._call.inbox.is_wanted = True
        if self._call.inbox.is_over:
            self.message_received()

    # -- what the observer of `calls` is told --------------------------------------------------------------------------

    def headers_received(self) -> None:
        """A server receives no response."""

    def message_received(self) -> None:
        inbox = self._call.inbox
        count = len(inbox)
        if self.task is not None or self._call.is_over or (count < 2 and not inbox.is_over):
            return
        if count != 1:
            self._call.fail(
                StatusCode.UNIMPLEMENTED, f"{count} requests for a method that takes one: {self._call.request.path}"
            )
            return
        message = inbox.take()
        assert message is not None
        self.task = self.protocol.loop.create_task(self._run(message))

    def writable(self) -> None:
        """A unary response is queued whole."""

    def finished(self) -> None:
        """The call was cancelled, or failed before the handler could end it."""
        self._context.run_callbacks()
        if self.task is not None:
            self.task.cancel()
        if not self._has_begun:  # a task that is cancelled before its first step never takes it
            self._end()

    # -- the handler ---------------------------------------------------------------------------------------------------

    async def _run(self, message: bytes) -> None:
        self._has_begun = True
        try:
            response = await self._respond(message)
            if response is not None and not self._call.is_over:
                self._call.send_message(response)
                self._context.finish(self._context.code() or StatusCode.OK, self._context.details())
        except MessageError as error:
            self._context.finish(error.code, error.details)
        except asyncio.CancelledError:
            self._context.finish(StatusCode.CANCELLED, "the handler was cancelled")
        except Exception as error:
            self._on_exception(error)
        finally:
            self._end()

    async def _respond(self, message: bytes) -> bytes | None:
        """The serialized response; None when the call has got its status already."""
        handler = self._handler
        context = self._context
        request: Any = message
        if handler.request_deserializer is not None:
            try:
                request = handler.request_deserializer(message)
            except Exception:
                _log.exception("the request of %s cannot be deserialized", self._call.request.path)
                context.finish(StatusCode.INTERNAL, "Exception deserializing request!")
                return None
        behavior = handler.unary_unary
        assert behavior is not None
        if _is_coroutine_function(behavior):
            response = await behavior(request, context)
        else:
            response = await self.protocol.loop.run_in_executor(
                self._server.thread_pool, behavior, request, SyncServicerContext(context)
            )
            if inspect.isawaitable(response):
                response = await response
        code = context.code()
        if code is not None and code is not StatusCode.OK:
            context.finish(code, context.details())  # a call that failed has no response, as in grpcio
            return None
        if handler.response_serializer is None:
            serialized = response
        else:
            try:
                serialized = handler.response_serializer(response)
            except Exception:
                _log.exception("the response of %s cannot be serialized", self._call.request.path)
                context.finish(StatusCode.INTERNAL, "Failed to serialize response!")
                return None
        if not isinstance(serialized, bytes):
            context.finish(StatusCode.INTERNAL, "Failed to serialize response!")
            return None
        return serialized

    def _on_exception(self, error: Exception) -> None:
        context = self._context
        if isinstance(error, AbortError) and context.aborted:
            return
        code = context.code()
        if code is None or code is StatusCode.OK:
            _log.exception("the handler of %s raised", self._call.request.path)
            context.finish(StatusCode.UNKNOWN, f"Unexpected {type(error)}: {error}")
        else:
            context.finish(code, context.details())

    # -- ending --------------------------------------------------------------------------------------------------------

    def _on_deadline(self) -> None:
        self._timer = None
        self._call.fail(StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
        self.protocol.schedule_flush()

    def stop(self, reason: str) -> None:
        """The server stops: whoever still waits for an answer gets this one."""
        self._call.fail(StatusCode.UNAVAILABLE, reason)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._context.run_callbacks()
        self._server.rpc_ended(self)


def _bind(address: Address, reuse_port: bool) -> list[socket.socket]:
    """A listening address, bound; a host name is bound on all its addresses, with one port. Raises OSError."""
    if address.path:
        return [_bind_unix(address.path)]
    infos = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    bound: list[socket.socket] = []
    try:
        for family, _, _, _, name in infos:
            if bound and not address.port:  # the port that was chosen for the first
                name = (name[0], bound[0].getsockname()[1], *name[2:])
            bound.append(_bind_tcp(family, name, reuse_port))
    except OSError:
        for listening in bound:
            listening.close()
        raise
    return bound


def _bind_tcp(family: int, name: Any, reuse_port: bool) -> socket.socket:
    """A TCP address, bound. "[::]" takes IPv4 too, as grpcio's does."""
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port and hasattr(socket, "SO_REUSEPORT"):
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind(name)
    except OSError:
        bound.close()
        raise
    return bound


def _bind_unix(path: str) -> socket.socket:
    """A unix socket, bound. The file that an earlier server has left behind is taken away first, as grpcio does."""
    if path[0] != "\0" and os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
        os.unlink(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(path)
    except OSError:
        bound.close()
        raise
    return bound


def server(
    migration_thread_pool: concurrent.futures.Executor | None = None,
    handlers: Sequence[GenericRpcHandler] | None = None,
    interceptors: Sequence[Any] | None = None,
    options: ChannelOptions | None = None,
    maximum_concurrent_rpcs: int | None = None,
    compression: Any = None,
) -> Server:
    """A server. Plain functions run as handlers in `migration_thread_pool`, or the loop's default one."""
    if interceptors:
        raise UsageError("server interceptors are not supported yet")
    if getattr(compression, "value", compression) not in (None, 0):
        raise UsageError(f"compression {compression!r} is not supported; messages are sent as they are")
    return Server(migration_thread_pool, handlers, options, maximum_concurrent_rpcs)
