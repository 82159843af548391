"""A call on a server with interceptors: first they are asked for its handler, in a task, then it is run as ever.

The handler runs in a copy of the context that the interceptors have left: what they set in context variables, it sees.
While the interceptors run, the call can be cancelled and its deadline can pass: that cancels them.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from typing import TYPE_CHECKING

from grpc_core.aio.interceptors import ServerStep
from grpc_core.aio.protocol import ServerProtocol
from grpc_core.aio.rpc import METHOD_NOT_FOUND, Rpc
from grpc_core.calls import ServerCall
from grpc_core.metadata import metadata_pairs
from grpc_core.methods import HandlerCallDetails, MethodTable, RpcMethodHandler, Served
from grpc_core.propagation import HANDLED
from grpc_core.status import StatusCode

if TYPE_CHECKING:
    from grpc_core.aio.serving import Server

_UNDECIDED = Served(RpcMethodHandler())


class Interception:
    """The interceptors of a server, and the methods behind them."""

    __slots__ = ("_methods", "_steps")

    def __init__(self, steps: tuple[ServerStep, ...], methods: MethodTable) -> None:
        self._steps = steps
        self._methods = methods

    async def find(self, details: HandlerCallDetails) -> RpcMethodHandler | None:
        """The handler for a call, or None when there is none. Raises what interceptors and generic handlers raise."""
        return await self._find(0, details)

    async def _find(self, index: int, details: HandlerCallDetails) -> RpcMethodHandler | None:
        """Ask the interceptors from that one on, and then the methods."""
        if index == len(self._steps):
            return self._methods.find(details.method, details.invocation_metadata)
        handler: RpcMethodHandler | None = await self._steps[index](functools.partial(self._find, index + 1), details)
        return handler


class InterceptedRpc(Rpc):
    """One call on a server with interceptors."""

    __slots__ = ("_interception",)

    def __init__(self, server: Server, protocol: ServerProtocol, call: ServerCall, interception: Interception) -> None:
        super().__init__(server, protocol, call, _UNDECIDED)
        self._interception = interception

    def begin(self) -> None:
        """Start the interceptors; a call whose deadline has passed does not begin."""
        if self._call.request.timeout_s == 0:
            self._on_deadline()
        else:
            self.task = self.protocol.loop.create_task(self._intercept())

    def message_received(self) -> None:
        if self._method is not _UNDECIDED:
            super().message_received()

    async def _intercept(self) -> None:
        self._has_begun = True
        HANDLED.set(self._context.handled)
        request = self._call.request
        try:
            handler = await self._interception.find(HandlerCallDetails(request.path, metadata_pairs(request.metadata)))
            if handler is not None and not self._call.is_over:
                self._handle_with(Served(handler))
                return
            self._context.finish(StatusCode.UNIMPLEMENTED, METHOD_NOT_FOUND)
        except asyncio.CancelledError:
            self._context.finish(StatusCode.CANCELLED, "an interceptor was cancelled")
        except Exception as error:
            self._on_exception(error)
        self._end()

    def _handle_with(self, method: Served) -> None:
        """The interceptors have decided: go on as a call without them does."""
        self._context.handle_with(method)
        self._method = method
        self._variables = contextvars.copy_context()
        self.task = None
        self._has_begun = False
        super().begin()
        if self.task is None:
            super().message_received()  # what came meanwhile: more than one request is answered now
