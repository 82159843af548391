"""What is measured: the table of workloads. What an *operation* is, a call or a message, stands beside each.

All of them are methods of one service, `bench.Bench`, whose messages are plain octets:

    Echo      unary         the request
    Repeat    server stream `count` messages of `size` octets; the request is these two numbers (`repeat_request`)
    Collect   client stream an empty response when all requests have come
    PingPong  bidirectional each request, as it comes
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Final

SERVICE: Final = "bench.Bench"
_REPEAT: Final = Struct(">LL")

UNARY: Final = "Echo"
DOWNLOAD: Final = "Repeat"
UPLOAD: Final = "Collect"
PING_PONG: Final = "PingPong"
CONNECT: Final = "connect"
"""No method, but a way to call `Echo`: each time on a connection of its own."""

STREAMS: Final = "open-streams"
CONNECTIONS: Final = "idle-connections"
HOLDS: Final = (STREAMS, CONNECTIONS)
"""What a client can be told to open and to keep: streams on which a message went each way, connections that made a
call and make no more."""

STREAMS_MAX: Final = 20_000
"""How many streams a server is told to allow on a connection."""


@dataclass(frozen=True)
class Workload:
    """Calls of one method: messages of `size` octets, `count` of them in each call, `concurrency` calls at a time.

    An operation is one message of that size: in a unary call, the request with its response.
    """

    name: str
    text: str
    method: str
    size: int
    count: int = 1
    concurrency: int = 1
    reconnects: bool = False
    """Whether each call has a connection of its own, whose opening belongs to the operation."""

    @property
    def path(self) -> str:
        """The method's full name."""
        return f"/{SERVICE}/{self.method}"

    @property
    def kind(self) -> str:
        """What a client does: it calls the method of that name, or it connects."""
        return CONNECT if self.reconnects else self.method

    @property
    def has_latency(self) -> bool:
        """Whether the time of one operation can be told: where each waits for the one before."""
        return self.method in (UNARY, PING_PONG)


_MIB: Final = 2**20

WORKLOADS: Final = {
    workload.name: workload
    for workload in (
        Workload("unary", "unary calls, 100 B, one after the other", UNARY, 100),
        Workload("unary-64", "unary calls, 100 B, 64 at a time", UNARY, 100, concurrency=64),
        Workload("download", "messages of a server stream, 100 B", DOWNLOAD, 100, count=1000),
        Workload("upload", "messages of a client stream, 100 B", UPLOAD, 100, count=1000),
        Workload("ping-pong", "round trips in a stream, 100 B", PING_PONG, 100, count=200),
        Workload("unary-1m", "unary calls, 1 MiB", UNARY, _MIB),
        Workload("download-1m", "messages of a server stream, 1 MiB", DOWNLOAD, _MIB, count=16),
        Workload("upload-1m", "messages of a client stream, 1 MiB", UPLOAD, _MIB, count=16),
        Workload("connect", "connections, each with one unary call, 100 B", UNARY, 100, reconnects=True),
    )
}

TLS_WORKLOADS: Final = ("unary", "unary-64", "download", "upload", "ping-pong", "download-1m", "upload-1m", "connect")
"""What is measured over TLS as well."""

CROSS_WORKLOADS: Final = ("unary", "unary-64", "download", "upload", "download-1m")
"""What is measured between the client of one stack and the server of another."""


def repeat_request(workload: Workload) -> bytes:
    """The request of `Repeat`."""
    return _REPEAT.pack(workload.count, workload.size)


def repeated(request: bytes) -> tuple[int, bytes]:
    """(count, message) that `Repeat` was asked for."""
    count, size = _REPEAT.unpack(request)
    return count, bytes(size)
