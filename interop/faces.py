"""The two APIs of a Python gRPC module, `grpc.aio` and the blocking one, made alike: what uses them is written once.

Cases and services are coroutines for the asyncio API. On the blocking one they run too: `Blocking*` have the methods of
the asyncio API, and what is awaited there is simply done, in the thread that awaits. So a coroutine that rests on them
never suspends, and `complete` runs it to its end in one step, without an event loop.

    face              a channel's calls               at once            a handler
    AsyncFace         grpc.aio's own                  asyncio.gather     a coroutine or an asynchronous generator
    BlockingFace      BlockingCall, on the            a thread for       a function or a generator in the server's pool,
                      blocking API's calls            each coroutine     which completes the coroutine
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, Protocol, TypeVar

Result = TypeVar("Result")

SERVER_THREADS: Final = 32
"""How many handlers of a blocking server run at once."""


class Trust(NamedTuple):
    """What a client knows of a server that speaks TLS: who signs for it, in PEM, and the name that it proves."""

    authority: bytes
    name: str


class Identity(NamedTuple):
    """What a server that speaks TLS proves itself with, in PEM."""

    certificate: bytes
    key: bytes


class Face(Protocol):
    """One of the two APIs of a module."""

    grpc: Any
    end_of_stream: Any
    """What `read` returns after the last response."""

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Runs a program on this API to its end."""

    def channel(self, address: str, trust: Trust | None) -> Any:
        """A channel, in plaintext without `trust`."""

    async def close(self, channel: Any) -> None:
        """Closes a channel."""

    def begin(self, channel: Any, kind: str, path: str, codecs: Sequence[Any], *request: Any, **options: Any) -> Any:
        """A call in grpc.aio's shape. `kind` is as "unary_stream", `codecs` are the serializer and the deserializer."""

    async def together(self, coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
        """Runs all at once; raises what one raises."""

    async def no_longer_ready(self, channel: Any, timeout_s: float) -> None:
        """Returns when the channel is in another state than READY. Raises TimeoutError."""

    async def sleep(self, seconds: float) -> None:
        """Returns after the time."""

    def behavior(self, method: Callable[..., Any], kind: str) -> Callable[..., Any]:
        """What a server of this API takes for the handler, given one in grpc.aio's shape."""

    def server(self) -> Any:
        """A server to which handlers, and then a port, are added."""

    async def start(self, server: Any) -> None:
        """Starts it."""

    async def stop(self, server: Any) -> None:
        """Stops it, and returns when it has stopped."""


def _channel(module: Any, grpc: Any, address: str, trust: Trust | None) -> Any:
    if trust is None:
        return module.insecure_channel(address)
    credentials = grpc.ssl_channel_credentials(trust.authority)
    return module.secure_channel(address, credentials, options=[("grpc.ssl_target_name_override", trust.name)])


def add_port(grpc: Any, server: Any, address: str, identity: Identity | None) -> int:
    """Binds the address, in plaintext without `identity`; the port. Raises RuntimeError or OSError."""
    if identity is None:
        port: int = server.add_insecure_port(address)
    else:
        credentials = grpc.ssl_server_credentials([(identity.key, identity.certificate)])
        port = server.add_secure_port(address, credentials)
    return port


class AsyncFace:
    """`grpc.aio`, as it is."""

    def __init__(self, grpc: Any) -> None:
        self.grpc = grpc
        self.end_of_stream = grpc.aio.EOF

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Runs it on an event loop."""
        return asyncio.run(coroutine)

    def channel(self, address: str, trust: Trust | None) -> Any:
        """A channel of `grpc.aio`."""
        return _channel(self.grpc.aio, self.grpc, address, trust)

    async def close(self, channel: Any) -> None:
        """Closes it."""
        await channel.close()

    def begin(self, channel: Any, kind: str, path: str, codecs: Sequence[Any], *request: Any, **options: Any) -> Any:
        """The call of `grpc.aio`."""
        return getattr(channel, kind)(path, *codecs)(*request, **options)

    async def together(self, coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
        """As tasks."""
        await asyncio.gather(*coroutines)

    async def no_longer_ready(self, channel: Any, timeout_s: float) -> None:
        """Waits for changes of the channel's state."""
        ready = self.grpc.ChannelConnectivity.READY
        async with asyncio.timeout(timeout_s):
            while (state := channel.get_state()) is ready:
                await channel.wait_for_state_change(state)

    async def sleep(self, seconds: float) -> None:
        """On the event loop."""
        await asyncio.sleep(seconds)

    def behavior(self, method: Callable[..., Any], kind: str) -> Callable[..., Any]:
        """The method itself."""
        return method

    def server(self) -> Any:
        """A server of `grpc.aio`."""
        return self.grpc.aio.server()

    async def start(self, server: Any) -> None:
        """Starts it."""
        await server.start()

    async def stop(self, server: Any) -> None:
        """Stops it."""
        await server.stop(None)


# The blocking API.


def complete(coroutine: Any) -> Any:
    """The result of a coroutine, or of a step of an asynchronous generator, that does not suspend."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("a coroutine on the blocking API has suspended")


class BlockingCall:
    """A call of the blocking API in grpc.aio's shape.

    One with a single request and a single response begins when it is first asked for something, for there are two ways
    to make it: `with_call` for who wants the response, `future` for who wants the rest.
    """

    def __init__(self, multicallable: Any, kind: str, request: Sequence[Any], options: dict[str, Any]) -> None:
        self._requests: queue.SimpleQueue[tuple[Any, bool] | None] = queue.SimpleQueue()
        self._next_is_plain = False
        self._multicallable = multicallable
        self._argument = self._written() if kind.startswith("stream") else request[0]
        self._options = options
        self._has_stream = kind.endswith("stream")
        self._begun: Any = None
        if kind != "unary_unary":
            begin = multicallable if self._has_stream else multicallable.future
            self._begun = begin(self._argument, **options)
            self._begun.add_callback(lambda: self._requests.put(None))

    @property
    def _call(self) -> Any:
        if self._begun is None:
            self._begun = self._multicallable.future(self._argument, **self._options)
        return self._begun

    def _written(self) -> Iterator[Any]:
        """What `write` was given, for the thread that takes the requests; ends with the call."""
        while (item := self._requests.get()) is not None:
            request, is_plain = item
            if is_plain:
                self._call.disable_next_message_compression()
            yield request

    def __await__(self) -> Generator[Any, None, Any]:
        return self._result().__await__()

    async def _result(self) -> Any:
        if self._begun is None:
            response, self._begun = self._multicallable.with_call(self._argument, **self._options)
            return response
        return self._call.result()

    async def read(self) -> Any:
        """The next response, or None after the last; raises RpcError for a status that is not OK."""
        return next(self._call, None)

    async def write(self, request: Any) -> None:
        """Sends one request."""
        self._requests.put((request, self._next_is_plain))
        self._next_is_plain = False

    async def done_writing(self) -> None:
        """Sends no more."""
        self._requests.put(None)

    def disable_next_message_compression(self) -> None:
        """Sends the next request as it is."""
        self._next_is_plain = True

    def response_was_compressed(self) -> Any:
        """Of the response that was read last."""
        return self._call.response_was_compressed()

    def cancel(self) -> None:
        """Cancels the call."""
        self._call.cancel()

    async def code(self) -> Any:
        """The status code."""
        return self._call.code()

    async def details(self) -> Any:
        """The status text."""
        return self._call.details()

    async def initial_metadata(self) -> Any:
        """What came before the first response."""
        return self._call.initial_metadata()

    async def trailing_metadata(self) -> Any:
        """What came with the status."""
        return self._call.trailing_metadata()


class BlockingRequests:
    """The requests of a blocking handler, to be iterated over asynchronously."""

    def __init__(self, requests: Iterator[Any]) -> None:
        self._requests = requests

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        for request in self._requests:
            return request
        raise StopAsyncIteration


class BlockingContext:
    """The context of a blocking handler in grpc.aio's shape."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def send_initial_metadata(self, metadata: Any) -> None:
        """Sends it now."""
        self._context.send_initial_metadata(metadata)

    async def abort(self, code: Any, details: str) -> None:
        """Leaves the handler with an exception."""
        self._context.abort(code, details)


class BlockingFace:
    """The blocking API."""

    end_of_stream = None

    def __init__(self, grpc: Any) -> None:
        self.grpc = grpc

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Runs it in this thread."""
        result: Result = complete(coroutine)
        return result

    def channel(self, address: str, trust: Trust | None) -> Any:
        """A channel of the blocking API."""
        return _channel(self.grpc, self.grpc, address, trust)

    async def close(self, channel: Any) -> None:
        """Closes it."""
        channel.close()

    def begin(self, channel: Any, kind: str, path: str, codecs: Sequence[Any], *request: Any, **options: Any) -> Any:
        """A BlockingCall."""
        return BlockingCall(getattr(channel, kind)(path, *codecs), kind, request, options)

    async def together(self, coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
        """Each in a thread of its own."""
        with ThreadPoolExecutor(len(coroutines)) as pool:
            for done in [pool.submit(complete, coroutine) for coroutine in coroutines]:
                done.result()

    async def no_longer_ready(self, channel: Any, timeout_s: float) -> None:
        """Subscribes to the channel's state."""
        has_left = threading.Event()

        def changed(state: Any) -> None:
            if state is not self.grpc.ChannelConnectivity.READY:
                has_left.set()

        channel.subscribe(changed)
        try:
            if not has_left.wait(timeout_s):
                raise TimeoutError
        finally:
            channel.unsubscribe(changed)

    async def sleep(self, seconds: float) -> None:
        """In this thread."""
        time.sleep(seconds)  # noqa: ASYNC251 - there is no event loop

    def behavior(self, method: Callable[..., Any], kind: str) -> Callable[..., Any]:
        """A function that completes the method's coroutine, or a generator that completes its steps."""

        def begin(request: Any, context: Any) -> Any:
            return method(BlockingRequests(request) if kind.startswith("stream") else request, BlockingContext(context))

        def respond(request: Any, context: Any) -> Any:
            return complete(begin(request, context))

        def respond_all(request: Any, context: Any) -> Iterator[Any]:
            responses = begin(request, context)
            try:
                while True:
                    yield complete(responses.__anext__())
            except StopAsyncIteration:
                return
            finally:
                complete(responses.aclose())

        return respond_all if kind.endswith("stream") else respond

    def server(self) -> Any:
        """A server with a pool of threads."""
        return self.grpc.server(ThreadPoolExecutor(SERVER_THREADS))

    async def start(self, server: Any) -> None:
        """Starts it."""
        server.start()

    async def stop(self, server: Any) -> None:
        """Stops it."""
        server.stop(None).wait()
