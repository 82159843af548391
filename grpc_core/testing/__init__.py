"""For tests of programs that use gRPC: the real client and server, without sockets and without waiting.

    async def test_greets() -> None:
        async with in_memory(handlers) as channel:
            assert await channel.unary_unary("/demo.Greeter/SayHello")(b"you") == b"Hello, you!"

| question                                                | file         |
|---------------------------------------------------------|--------------|
| a channel and a server joined in memory, on either face | `in_memory`  |
| breaking, holding, delaying and cutting what travels    | `network`    |
| time that a test moves: deadlines, backoff, sleeps      | `clock`      |
| transports in memory, with flow control                 | `transports` |
| fixtures for pytest                                     | `plugin`     |

All of HTTP/2 and gRPC is spoken: frames, header compression, windows, statuses. grpcio-testing is something else: it
has stand-ins for channel and server that speak nothing. pytest is needed by `plugin` alone, which is not imported here.
"""

from grpc_core.testing.clock import Stalled, VirtualClock, VirtualTimeLoop
from grpc_core.testing.in_memory import in_memory, in_memory_sync
from grpc_core.testing.network import TARGET, Network
from grpc_core.testing.transports import MemoryTransport, join

__all__ = [
    "TARGET",
    "MemoryTransport",
    "Network",
    "Stalled",
    "VirtualClock",
    "VirtualTimeLoop",
    "in_memory",
    "in_memory_sync",
    "join",
]
