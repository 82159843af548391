"""A channel and a server joined in memory, on either face: the real engine on both sides, and no socket between."""

from __future__ import annotations

import concurrent.futures
import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from grpc_core import aio, sync
from grpc_core.interfaces import ChannelOptions
from grpc_core.methods import GenericRpcHandler
from grpc_core.sync.loop import IoThread, adopt, current, dismiss
from grpc_core.testing.clock import VirtualClock
from grpc_core.testing.network import TARGET, Network

WORKERS = 16
"""The threads of a blocking server that is made here."""

Handlers = GenericRpcHandler | Iterable[GenericRpcHandler]


def _handlers(served: Handlers) -> list[GenericRpcHandler]:
    return list(served) if isinstance(served, Iterable) else [served]


@contextlib.asynccontextmanager
async def in_memory(
    served: aio.Server | Handlers,
    *,
    network: Network | None = None,
    channel_options: ChannelOptions | None = None,
    server_options: ChannelOptions | None = None,
    channel_compression: Any = None,
    channel_interceptors: Sequence[Any] | None = None,
    **server_arguments: Any,
) -> AsyncIterator[aio.Channel]:
    """A channel to `served`: a server, or generic handlers that a server is made for (`server_options` and other
    arguments of `aio.server` are for it).

    A server that was not started is started, and stopped at the end. Faults are played through `network`.
    """
    if isinstance(served, aio.Server):
        if server_options is not None or server_arguments:
            raise TypeError("a server is there already: it takes no arguments any more")
        server = served
    else:
        server = aio.server(handlers=_handlers(served), options=server_options, **server_arguments)
    connector = (network or Network()).connector(server)
    async with contextlib.AsyncExitStack() as stack:
        if not server.is_started:
            await server.start()
            stack.push_async_callback(server.stop, None)
        yield await stack.enter_async_context(
            aio.Channel(
                TARGET,
                channel_options,
                compression=channel_compression,
                connector=connector,
                interceptors=channel_interceptors,
            )
        )


@contextlib.contextmanager
def in_memory_sync(
    served: sync.Server | Handlers,
    *,
    network: Network | None = None,
    clock: VirtualClock | None = None,
    channel_options: ChannelOptions | None = None,
    server_options: ChannelOptions | None = None,
    channel_compression: Any = None,
    **server_arguments: Any,
) -> Iterator[sync.Channel]:
    """The same for the blocking face.

    With `clock` both sides live on a thread whose time is that clock's, which `clock.advance_threadsafe` moves; then
    `served` is handlers, for whom the server is made here. Waits of the caller's own thread, as in
    `future.result(timeout=...)`, are real time all the same.
    """
    if isinstance(served, sync.Server) and (clock is not None or server_options is not None or server_arguments):
        raise TypeError("a server is there already: it takes no arguments any more, nor another clock")
    network = network or Network()
    with contextlib.ExitStack() as stack:
        io = current() if clock is None else stack.enter_context(_io_thread(clock))
        if isinstance(served, sync.Server):
            server = served
        else:
            pool = stack.enter_context(concurrent.futures.ThreadPoolExecutor(WORKERS))
            given: dict[str, Any] = {
                "interceptors": None,
                "maximum_concurrent_rpcs": None,
                "compression": None,
                **server_arguments,
            }
            server = sync.Server(pool, _handlers(served), options=server_options, io=lambda: io, **given)
        if not server.is_started:
            server.start()
            stack.callback(server.stop, None)
        connector = network.connector(server.engine)

        def make() -> aio.Channel:
            return aio.Channel(TARGET, channel_options, compression=channel_compression, connector=connector)

        yield stack.enter_context(sync.Channel(make, lambda: io))


@contextlib.contextmanager
def _io_thread(clock: VirtualClock) -> Iterator[IoThread]:
    loop = clock.new_loop()
    clock.patience_s = None  # who waits is in another thread, and does not look stalled to this one
    io = IoThread(loop.selector, loop)
    adopt(io)
    try:
        yield io
    finally:
        dismiss(io)
