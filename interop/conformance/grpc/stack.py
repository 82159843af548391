"""Plait's own gRPC, both roles, for the kit in memory: the server and the channel of `grpc_core.aio`, without a socket.

The server has `grpc.testing.TestService`, as the programs of `interop.peers.plait` have it; a client makes UnaryCalls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc_core
from grpc_core.aio import AioRpcError, Channel, server
from grpc_core.aio.protocol import ClientProtocol
from grpc_core.target import Address
from http2.aio.transport import ConnectionProtocol
from interop.conformance.exchange import ClientResult
from interop.conformance.grpc.memory import GrpcMemoryConnector, KeptTransport, RestingLoop
from interop.conformance.grpc.tester import told
from interop.faces import AsyncFace
from interop.official_service import METHODS, SERVICE, SimpleRequest, TestService

TARGET = "in-memory"


class _End:
    """One end of a connection, on an event loop of its own."""

    def __init__(self) -> None:
        self.rest = RestingLoop()
        self.transport: KeptTransport | None = None
        self._protocol: ConnectionProtocol | None = None
        self._octets = 0

    def joined(self, protocol: ConnectionProtocol) -> None:
        """The connection is made."""
        self._protocol = protocol
        self.transport = KeptTransport(self.rest.loop, protocol)
        protocol.connection_made(self.transport)

    def receive(self, octets: bytes) -> bytes:
        """Octets in, octets out; where none come in, time passes."""
        if octets:
            self.rest.call(self._received, octets)
        else:
            self.rest.skip()
        return self.transport.take() if self.transport is not None else b""

    def _received(self, octets: bytes) -> None:
        if self._protocol is not None and self.transport is not None and not self.transport.is_closed:
            self._protocol.data_received(octets)

    def receive_end(self) -> None:
        """The peer has gone."""
        if self.transport is not None:
            self.rest.call(self.transport.close)

    @property
    def is_closed(self) -> bool:
        """Whether the connection has ended."""
        return self.transport is not None and self.transport.is_closed

    def stop(self) -> None:
        """The loop is needed no more."""
        self.rest.close()


class PlaitServer(_End):
    """A server of TestService."""

    def __init__(self) -> None:
        super().__init__()
        face = AsyncFace(grpc_core)
        self.rest.call(self._serve, TestService(face).handler())
        self.receive(b"")

    def _serve(self, handler: Any) -> None:
        self._starting = asyncio.ensure_future(self._start(handler))

    async def _start(self, handler: Any) -> None:
        self._server = server()
        self._server.add_generic_rpc_handlers((handler,))
        await self._server.start()
        self.joined(self._server.new_connection())


class PlaitClient(_End):
    """A channel, and what its calls have told."""

    def __init__(self) -> None:
        super().__init__()
        self._results: list[ClientResult] = []
        self._calls: set[asyncio.Task[None]] = set()
        self.rest.call(self._connect)

    def _connect(self) -> None:
        async def connector(make: Callable[[], ClientProtocol], address: Address) -> ClientProtocol:
            if self.transport is not None:
                raise ConnectionRefusedError("there is one connection in memory")
            protocol = make()
            self.joined(protocol)
            return protocol

        self._channel = Channel(TARGET, connector=connector)
        self._channel.get_state(try_to_connect=True)

    def request(self, content: bytes | None, hold: bool, head: bool = False) -> None:
        """Make a UnaryCall, with a deadline in seconds where there is content."""
        number = len(self._results)
        self._results.append(ClientResult())
        self.rest.call(self._begin, number, float(content) if content is not None else None)

    def _begin(self, number: int, deadline_s: float | None) -> None:
        task = asyncio.ensure_future(self._call(number, deadline_s))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _call(self, number: int, deadline_s: float | None) -> None:
        _, request, response = METHODS["UnaryCall"]
        method = self._channel.unary_unary(f"/{SERVICE}/UnaryCall", request.SerializeToString, response.FromString)
        call = method(SimpleRequest(), timeout=deadline_s)
        try:
            reply = await call
        except AioRpcError as error:
            self._results[number] = told(error.code().value[0], error.details() or "")
        else:
            self._results[number] = told(0, await call.details() or "", len(reply.payload.body))

    def results(self) -> list[ClientResult]:
        """What the calls have told, in their order."""
        return list(self._results)


def connector() -> GrpcMemoryConnector:
    """Both roles."""
    return GrpcMemoryConnector(PlaitServer, PlaitClient)
