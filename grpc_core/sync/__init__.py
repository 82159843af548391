"""gRPC for threads, with the API of grpcio's `grpc`: a facade over `grpc_core.aio`, which does all the waiting.

Its names are found in `grpc_core` itself, which loads this package when one of them is asked for.

| question                                            | file           |
|-----------------------------------------------------|----------------|
| the I/O thread, and what happens at a fork          | `loop`         |
| the loop that it runs, and what wakes it            | `waking`       |
| messages from thread to thread, with back-pressure  | `pipes`        |
| one call across the border                          | `exchange`     |
| what a caller gets: errors, iterators, futures      | `call`         |
| the channel and its callables                       | `channel`      |
| calls as streams, on both sides                     | `streams`      |
| requests that are sent one by one                   | `feed`         |
| client interceptors                                 | `interceptors` |
| `subscribe`, `channel_ready_future`                 | `connectivity` |
| the server                                          | `server`       |
| what a handler is given                             | `servicer`     |
| how a handler runs                                  | `runner`       |
"""

from grpc_core.sync.channel import Channel, insecure_channel, secure_channel
from grpc_core.sync.connectivity import channel_ready_future
from grpc_core.sync.interceptors import intercept_channel
from grpc_core.sync.server import Server, server
from grpc_core.sync.streams import ClientStream, Handler, ServerStream

__all__ = [
    "Channel",
    "ClientStream",
    "Handler",
    "Server",
    "ServerStream",
    "channel_ready_future",
    "insecure_channel",
    "intercept_channel",
    "secure_channel",
    "server",
]
