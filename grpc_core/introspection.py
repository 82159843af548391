"""The channels, servers and connections of this process, as plain objects: what they are and what they have counted.

    for channel in introspection.snapshot().channels:
        print(channel.target, channel.state, channel.calls.started, channel.calls.failed)

`channelz` serves the same to other programs. Nothing is kept alive for it: the registry knows things by weak
references, and describes them when it is asked. It may be asked from any thread, and tells how things stand at about
that moment. An id is a number that no other thing in the process has. Times are seconds of the day's clock
(`time.time`), 0 for never.
"""

from __future__ import annotations

import enum
import itertools
import weakref
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

from grpc_core.connectivity import ChannelConnectivity
from grpc_core.counters import Trace, TraceEvent

Thing = TypeVar("Thing", bound=object)


class CallCounts(NamedTuple):
    """The calls of a channel, or those that came to a server."""

    started: int = 0
    succeeded: int = 0
    failed: int = 0
    last_started_at: float = 0.0


NO_CALLS: Final = CallCounts()


class TraceInfo(NamedTuple):
    """The latest events, and how many there have been."""

    created_at: float
    events_logged: int
    events: tuple[TraceEvent, ...]

    @classmethod
    def of(cls, trace: Trace) -> TraceInfo:
        """What a trace holds now."""
        return cls(trace.created_at, trace.events_logged, tuple(trace.events))


class ChannelInfo(NamedTuple):
    """A channel."""

    id: int
    target: str
    state: ChannelConnectivity
    calls: CallCounts
    trace: TraceInfo
    subchannels: tuple[int, ...]


class SubchannelInfo(NamedTuple):
    """What keeps the connections of a channel to one target."""

    id: int
    target: str
    state: ChannelConnectivity
    calls: CallCounts
    trace: TraceInfo
    sockets: tuple[int, ...]


class ServerInfo(NamedTuple):
    """A server. `sockets` are its clients' connections."""

    id: int
    calls: CallCounts
    trace: TraceInfo
    listen_sockets: tuple[int, ...]
    sockets: tuple[int, ...]


class Address(NamedTuple):
    """An end of a connection: a host and port, or the path of a unix socket, or nothing that is known."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def of(cls, name: object) -> Address:
        """From what a socket says."""
        if isinstance(name, tuple) and len(name) >= 2:
            return cls(host=str(name[0]).partition("%")[0], port=int(name[1]))
        return cls(path=name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name or ""))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TlsInfo(NamedTuple):
    """How a connection is encrypted; the certificate is the peer's, in DER, or empty."""

    version: str
    cipher: str
    remote_certificate: bytes = b""


class SocketInfo(NamedTuple):
    """A connection, or a socket that listens, of which there is only the local address.

    The windows are octets: `send_window` is what the peer lets us send, `receive_window` what we let it.
    """

    id: int
    local: Address
    remote: Address | None = None
    is_client: bool = False
    security: TlsInfo | None = None
    streams_started: int = 0
    streams_succeeded: int = 0
    streams_failed: int = 0
    messages_sent: int = 0
    messages_received: int = 0
    keepalives_sent: int = 0
    stream_started_at: float = 0.0
    message_sent_at: float = 0.0
    message_received_at: float = 0.0
    send_window: int = 0
    receive_window: int = 0
    peer_streams_max: int = 0
    goaway_received: int | None = None
    """The error code of the GOAWAY that has come, if one has."""


Info = ChannelInfo | SubchannelInfo | ServerInfo | SocketInfo


class Kind(enum.Enum):
    """The kinds of things that are known."""

    CHANNEL = "channel"
    SUBCHANNEL = "subchannel"
    SERVER = "server"
    SOCKET = "socket"


class _Entry(weakref.ref[Any]):
    """A thing that is known, with what is known of it."""

    __slots__ = ("describe", "kind", "number")

    describe: Callable[[Any, int], Any]
    kind: Kind
    number: int

    def described(self) -> Info | None:
        """What the thing tells about itself; None when it is gone, or has nothing to tell."""
        thing = self()
        info: Info | None = None if thing is None else self.describe(thing, self.number)
        return info


class Registry:
    """What there is, by id, in the order in which it was made."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._entries: dict[int, _Entry] = {}
        entries = self._entries

        def collected(entry: _Entry) -> None:
            entries.pop(entry.number, None)

        self._collected = collected

    def add(self, kind: Kind, thing: Thing, describe: Callable[[Thing, int], Any]) -> int:
        """Know a thing from now on, until nothing else knows it; its id. `describe(thing, id)` tells about it.

        `describe` must not hold the thing. From any thread.
        """
        entry = _Entry(thing, self._collected)
        entry.kind = kind
        entry.describe = describe
        entry.number = number = next(self._ids)
        self._entries[number] = entry
        return number

    def forget(self, number: int) -> None:
        """Know a thing no longer."""
        self._entries.pop(number, None)

    def find(self, kind: Kind, number: int) -> Any:
        """The thing of that kind with that id, described; None when there is none."""
        entry = self._entries.get(number)
        return entry.described() if entry is not None and entry.kind is kind else None

    def all(self, kind: Kind, start: int = 0) -> list[Any]:
        """All things of a kind whose id is at least `start`, described, in the order of their ids."""
        # A dictionary is copied in one step, whatever other threads do to it. A list of its items is not: what is
        # collected while it is made is taken out of the dictionary.
        entries = [entry for entry in self._entries.copy().values() if entry.number >= start and entry.kind is kind]
        return [info for entry in entries if (info := entry.described()) is not None]


REGISTRY: Final = Registry()
"""That of this process."""


class Snapshot(NamedTuple):
    """All that there is."""

    channels: tuple[ChannelInfo, ...]
    subchannels: tuple[SubchannelInfo, ...]
    servers: tuple[ServerInfo, ...]
    sockets: tuple[SocketInfo, ...]


def snapshot(registry: Registry = REGISTRY) -> Snapshot:
    """The channels, servers and connections of this process, as they are now."""
    return Snapshot(
        tuple(registry.all(Kind.CHANNEL)),
        tuple(registry.all(Kind.SUBCHANNEL)),
        tuple(registry.all(Kind.SERVER)),
        tuple(registry.all(Kind.SOCKET)),
    )
