"""The workloads on connectrpc, which speaks gRPC where it is told to: see `benchmarks.stacks`.

It is no stack of its own. Its client sends through pyqwest, in Rust; its server is an ASGI application, here on
hypercorn, which is in Python, on h2, and sends the trailers that gRPC needs. A figure is that of the whole.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import hypercorn
from connectrpc.client import ConnectClient
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from connectrpc.protocol import ProtocolType
from connectrpc.server import ConnectASGIApplication, Endpoint
from hypercorn.asyncio import serve as serve_asgi
from pyqwest import Client as HttpClient
from pyqwest import HTTPTransport, HTTPVersion

from benchmarks.stacks.command import Options, answer, options, orders, refuse
from benchmarks.workloads import (
    CONNECT,
    DOWNLOAD,
    PING_PONG,
    SERVICE,
    UNARY,
    UPLOAD,
    Workload,
    repeat_request,
    repeated,
)

_METHODS: Final = {
    name: MethodInfo(
        name=name,
        service_name=SERVICE,
        input=bytes,
        output=bytes,
        idempotency_level=IdempotencyLevel.UNKNOWN,
        stream_type=kind,
    )
    for name, kind in (
        (UNARY, StreamType.UNARY),
        (DOWNLOAD, StreamType.SERVER_STREAM),
        (UPLOAD, StreamType.CLIENT_STREAM),
        (PING_PONG, StreamType.BIDI_STREAM),
    )
}


class Octets:
    """Messages as they are, without a serializer, as with the other stacks."""

    def name(self) -> str:
        """What stands in the content type."""
        return "proto"

    def encode(self, message: bytes) -> bytes:
        """The message itself."""
        return message

    def decode(self, data: bytes | bytearray, message_class: type[bytes]) -> bytes:
        """The message itself."""
        return bytes(data)


async def _echo(request: bytes, context: Any) -> bytes:
    return request


async def _repeat(request: bytes, context: Any) -> AsyncIterator[bytes]:
    count, message = repeated(request)
    for _ in range(count):
        yield message


async def _collect(requests: AsyncIterator[bytes], context: Any) -> bytes:
    async for _ in requests:
        pass
    return b""


async def _ping_pong(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request


class Application(ConnectASGIApplication[None]):
    """The service."""

    @property
    def path(self) -> str:
        """Where it is mounted."""
        return f"/{SERVICE}"


async def serve() -> None:
    """Serve until the process is ended."""
    endpoints: dict[str, Any] = {
        UNARY: Endpoint.unary(_METHODS[UNARY], _echo),
        DOWNLOAD: Endpoint.server_stream(_METHODS[DOWNLOAD], _repeat),
        UPLOAD: Endpoint.client_stream(_METHODS[UPLOAD], _collect),
        PING_PONG: Endpoint.bidi_stream(_METHODS[PING_PONG], _ping_pong),
    }
    application = Application(
        service=None,
        endpoints=lambda _: {f"/{SERVICE}/{name}": endpoint for name, endpoint in endpoints.items()},
        codecs=[Octets()],
        compressions=[],
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = hypercorn.Config()
        config.bind = [f"fd://{listener.fileno()}"]
        config.h2_max_concurrent_streams = 1000
        config.keep_alive_max_requests = 1 << 62
        print(listener.getsockname()[1], flush=True)
        await serve_asgi(application, config)


def connector(told: Options) -> Callable[[], ConnectClient]:
    """What makes a client with connections of its own."""

    def connect() -> ConnectClient:
        http = HttpClient(HTTPTransport(http_version=HTTPVersion.HTTP2))
        return ConnectClient(
            f"http://{told.target}",
            codec=Octets(),
            protocol=ProtocolType.GRPC,
            accept_compression=[],
            send_compression=None,
            http_client=http,
        )

    return connect


class Client:
    """Makes the calls of one workload until the time is over."""

    def __init__(self, connect: Callable[[], ConnectClient], client: ConnectClient, workload: Workload) -> None:
        self._connect = connect
        self._client = client
        self._workload = workload
        self._method = _METHODS[workload.method]
        self._message = bytes(workload.size)
        self._end = 0.0
        self.latencies_s: list[float] = []
        self.operations = 0

    async def run(self, seconds: float) -> None:
        """As many workers as the workload has calls at a time."""
        works = {
            UNARY: self._unary,
            DOWNLOAD: self._download,
            UPLOAD: self._upload,
            PING_PONG: self._ping_pong,
            CONNECT: self._reconnect,
        }
        self._end = time.perf_counter() + seconds
        await asyncio.gather(*[works[self._workload.kind]() for _ in range(self._workload.concurrency)])

    def _over(self, before: float) -> float:
        now = time.perf_counter()
        self.latencies_s.append(now - before)
        self.operations += 1
        return now

    def _goes_on(self, now: float) -> bool:
        # One operation at least: a machine may be so busy that the time is over before the first.
        return now < self._end or not self.operations

    async def _unary(self) -> None:
        before = time.perf_counter()
        while self._goes_on(before):
            await self._client.execute_unary(request=self._message, method=self._method)
            before = self._over(before)

    async def _reconnect(self) -> None:
        before = time.perf_counter()
        while self._goes_on(before):
            async with self._connect() as client:
                await client.execute_unary(request=self._message, method=self._method)
            before = self._over(before)

    async def _download(self) -> None:
        while self._goes_on(time.perf_counter()):
            request = repeat_request(self._workload)
            async for _ in self._client.execute_server_stream(request=request, method=self._method):
                self.operations += 1

    async def _upload(self) -> None:
        async def requests() -> AsyncIterator[bytes]:
            for _ in range(self._workload.count):
                yield self._message

        while self._goes_on(time.perf_counter()):
            await self._client.execute_client_stream(request=requests(), method=self._method)
            self.operations += self._workload.count

    async def _ping_pong(self) -> None:
        while self._goes_on(time.perf_counter()):
            queue: asyncio.Queue[bytes | None] = asyncio.Queue()

            async def requests(queue: asyncio.Queue[bytes | None] = queue) -> AsyncIterator[bytes]:
                while (message := await queue.get()) is not None:
                    yield message

            responses = self._client.execute_bidi_stream(request=requests(), method=self._method)
            before = time.perf_counter()
            for _ in range(self._workload.count):
                queue.put_nowait(self._message)
                await anext(responses)
                before = self._over(before)
            queue.put_nowait(None)
            async for _ in responses:
                pass


async def measure(connect: Callable[[], ConnectClient]) -> None:
    """Do what the lines of the standard input say."""
    async with connect() as client:
        for order, number in orders():
            try:
                if isinstance(order, str):
                    raise NotImplementedError(f"{order} is nothing that this client holds")
                measured = Client(connect, client, order)
                await measured.run(number)
                answer(order, measured.operations, measured.latencies_s)
            except Exception as error:
                refuse(error)


def main() -> None:
    """Run the server or the client."""
    told = options()
    asyncio.run(serve() if told.role == "server" else measure(connector(told)))


if __name__ == "__main__":
    main()
