"""The asyncio server (grpcio's `grpc.aio.Server`): its ports, its connections, and which handler a call goes to.

How a handler is run is in `rpc`, how a port is bound in `listening`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from grpc_core.aio.describing import (
    added,
    calls_of,
    forget_connection,
    register_connection,
    register_listening,
    register_server,
)
from grpc_core.aio.intercepted_rpc import InterceptedRpc, Interception
from grpc_core.aio.interceptors import server_steps
from grpc_core.aio.listening import bind
from grpc_core.aio.protocol import ServerProtocol
from grpc_core.aio.rpc import METHOD_NOT_FOUND, Rpc
from grpc_core.calls import ServerCall
from grpc_core.compression import coding_of
from grpc_core.counters import Trace
from grpc_core.credentials import ServerCredentials, insecure_server_credentials
from grpc_core.errors import UsageError
from grpc_core.interfaces import ChannelOptions
from grpc_core.introspection import NO_CALLS
from grpc_core.locality import LocalConnectionType
from grpc_core.logs import logger
from grpc_core.methods import GenericRpcHandler, MethodTable
from grpc_core.options import parse_options
from grpc_core.status import StatusCode
from grpc_core.target import parse_target
from http2 import ErrorCode
from http2.aio.transport import Tap

_log = logger("aio.server")

CONCURRENCY_EXCEEDED = "Concurrent RPC limit exceeded!"
_LISTEN_BACKLOG = 1024
_ANSWER_S = 0.5  # from GOAWAY to the final one, for a silent client; calls that come in between are refused anyway
_HANDSHAKE_S = 10.0  # as for the HTTP/2 preface: half a handshake must not hold a socket


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
        compression: Any = None,
        interceptors: Sequence[Any] | None = None,
        methods: MethodTable | None = None,
    ) -> None:
        """`methods`: a table that says how its handlers are run; `handlers` are added to it."""
        self._coding = coding_of(compression)
        self._thread_pool = migration_thread_pool
        self._options = parse_options(options)
        self._concurrent_max = maximum_concurrent_rpcs
        self._tap_factory = tap_factory
        self._methods = MethodTable() if methods is None else methods
        if handlers:
            self._methods.add_generic_rpc_handlers(handlers)
        steps = server_steps(interceptors)
        self._interception = Interception(steps, self._methods) if steps else None
        self._sockets: list[socket.socket] = []
        self._credentials: dict[socket.socket, ServerCredentials] = {}
        self._listeners: list[asyncio.Server] = []
        self._protocols: set[ServerProtocol] = set()
        self._rpcs: set[Rpc] = set()
        self._started = False
        self._stopping: asyncio.Task[None] | None = None
        self._grace_end: asyncio.Event | None = None
        self._grace_timers: list[asyncio.TimerHandle] = []
        self._terminated: asyncio.Event | None = None
        self.trace = Trace(time.time, "Server")
        self.listen_ids: list[int] = []
        """The ids of its listening sockets in `introspection`."""
        self.past_calls = NO_CALLS
        """The calls on connections that are closed."""
        if self._options.is_introspected:
            register_server(self)

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
        return self._add_port(address, insecure_server_credentials())

    def add_secure_port(self, address: str, server_credentials: ServerCredentials) -> int:
        """As `add_insecure_port`, with TLS, or whatever else the credentials say."""
        return self._add_port(address, server_credentials)

    def _add_port(self, address: str, credentials: ServerCredentials) -> int:
        if self._started:
            raise UsageError("Cannot add a port to a server that was started")
        bound: list[socket.socket] = []
        try:
            for candidate in parse_target(address).addresses:
                bound += bind(candidate, self._options.reuse_port)
        except (OSError, ValueError) as error:
            for listening in bound:
                listening.close()
            raise RuntimeError(
                f"Failed to bind to address {address}; set GRPC_VERBOSITY=debug environment variable to see detailed"
                f" error message. ({error})"
            )
        self._sockets.extend(bound)
        if self._options.is_introspected:
            self.listen_ids.extend(map(register_listening, bound))
        self._credentials.update(dict.fromkeys(bound, credentials))
        name = bound[0].getsockname()
        return int(name[1]) if isinstance(name, tuple) else 1

    async def start(self) -> None:
        """Begin to serve."""
        if self._started:
            raise UsageError("Cannot start already-started server!")
        self._started = True
        self.trace.add("Server started")
        self._terminated = asyncio.Event()
        self._grace_end = asyncio.Event()
        loop = asyncio.get_running_loop()
        for bound in self._sockets:
            create = loop.create_unix_server if bound.family == socket.AF_UNIX else loop.create_server
            credentials = self._credentials[bound]
            tls = credentials.context()
            listener = await create(
                partial(self._connected, credentials.locality),
                sock=bound,
                backlog=_LISTEN_BACKLOG,
                ssl=tls,
                ssl_handshake_timeout=_HANDSHAKE_S if tls is not None else None,
            )
            self._listeners.append(listener)

    async def stop(self, grace: float | None) -> None:
        """Stop: no new calls; those that run have `grace` seconds, then they are cancelled. None is no time at all.

        May be called again while it stops: the earlier end counts.
        """
        if not self._started:
            self.close_ports()
            return
        assert self._grace_end is not None
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop())
        if grace is None:
            self._grace_end.set()
        elif not self._stopping.done():
            self._grace_timers.append(asyncio.get_running_loop().call_later(grace, self._grace_end.set))
        await asyncio.shield(self._stopping)

    def close_ports(self) -> None:
        """Give up the ports of a server that was not started."""
        for bound in self._sockets:
            bound.close()

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
        self.trace.add("Server is shutting down")
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
            protocol.hurry()
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
        assert protocol.upkeep is not None
        protocol.session.is_refusing = True
        protocol.upkeep.go_away("", _ANSWER_S)

    # -- connections and calls -----------------------------------------------------------------------------------------

    @property
    def is_started(self) -> bool:
        """Whether `start` was called."""
        return self._started

    def new_connection(self) -> ServerProtocol:
        """A protocol for one more connection, whose transport comes from elsewhere than a port.

        Raises ConnectionRefusedError when the server does not run.
        """
        if not self._started or self._stopping is not None:
            raise ConnectionRefusedError("the server is not running")
        return self._connected(None)

    def _connected(self, locality: LocalConnectionType | None = None) -> ServerProtocol:
        tap = self._tap_factory() if self._tap_factory is not None else None
        return ServerProtocol(self._options, self, tap, locality)

    def connection_made(self, protocol: ServerProtocol) -> None:
        """A connection can be used. One whose TLS handshake fails never comes here, and asyncio says no more of it."""
        self._protocols.add(protocol)
        if self._options.is_introspected:
            register_connection(protocol)
        if self._stopping is not None:  # it was accepted just before the listener closed
            self._turn_away(protocol)
            if self._stopping.done():
                protocol.kill()

    def connection_closed(self, protocol: ServerProtocol) -> None:
        """The transport of a connection is gone."""
        self._protocols.discard(protocol)
        forget_connection(protocol)
        self.past_calls = added(self.past_calls, calls_of(protocol))

    def rpc_of(self, protocol: ServerProtocol, call: ServerCall) -> Rpc | None:
        """A call has come: the run of its handler, to begin when it can. None when there is none: it is answered."""
        request = call.request
        method = None
        if self._interception is None:
            try:
                method = self._methods.serve(request.path, request.metadata)
            except Exception as error:
                _log.exception("a generic handler raised for %s", request.path)
                call.finish(StatusCode.UNKNOWN, f"Exception servicing handler: {error}")
                return None
            if method is None:
                call.finish(StatusCode.UNIMPLEMENTED, METHOD_NOT_FOUND)
                return None
        if self._concurrent_max is not None and len(self._rpcs) >= self._concurrent_max:
            call.finish(StatusCode.RESOURCE_EXHAUSTED, CONCURRENCY_EXCEEDED)
            return None
        if self._coding is not None:
            call.compress_with(self._coding)
        if self._interception is not None:
            rpc: Rpc = InterceptedRpc(self, protocol, call, self._interception)
        else:
            assert method is not None
            rpc = Rpc(self, protocol, call, method)
        self._rpcs.add(rpc)
        call.observer = rpc
        return rpc

    def rpc_ended(self, rpc: Rpc) -> None:
        """A handler has ended, or never began and never will."""
        if rpc in self._rpcs:
            self._rpcs.discard(rpc)
            rpc.protocol.ended(rpc)

    @property
    def thread_pool(self) -> concurrent.futures.Executor | None:
        """Where plain functions run as handlers."""
        return self._thread_pool


def server(
    migration_thread_pool: concurrent.futures.Executor | None = None,
    handlers: Sequence[GenericRpcHandler] | None = None,
    interceptors: Sequence[Any] | None = None,
    options: ChannelOptions | None = None,
    maximum_concurrent_rpcs: int | None = None,
    compression: Any = None,
) -> Server:
    """A server. Plain functions run as handlers in `migration_thread_pool`, or the loop's default one.

    Raises ValueError for an object that is no interceptor.
    """
    return Server(
        migration_thread_pool,
        handlers,
        options,
        maximum_concurrent_rpcs,
        compression=compression,
        interceptors=interceptors,
    )
