"""The channels, servers and connections of this process, for other programs: `grpc.channelz.v1.Channelz`.

    add_channelz(server)

| asked                           | answer                                                                     |
|---------------------------------|----------------------------------------------------------------------------|
| GetTopChannels, GetServers      | those whose id is at least the one that is given, page by page             |
| GetServerSockets                | the connections of a server, page by page                                  |
| GetChannel, GetSubchannel, GetServer, GetSocket | the thing with that id, or NOT_FOUND                       |

Ids are those of `introspection`, which has the same as plain objects. A page has at most `max_results` things, 100 when
that is 0; `end` says that it is the last. What is served shows addresses and certificates, and who asks may be anybody
that reaches the port: serve it on one that strangers do not reach.
"""

from __future__ import annotations

import inspect
import ipaddress
from collections.abc import Callable
from typing import Any, Final, TypeVar

from grpc_core.connectivity import ChannelConnectivity
from grpc_core.descriptions import describe, message_class
from grpc_core.introspection import (
    REGISTRY,
    Address,
    ChannelInfo,
    Kind,
    Registry,
    ServerInfo,
    Snapshot,
    SocketInfo,
    SubchannelInfo,
    TraceInfo,
    snapshot,
)
from grpc_core.status import StatusCode
from grpc_core.stub import service_handler

__all__ = ["DESCRIPTOR", "SERVICE_NAME", "ChannelzServicer", "Snapshot", "add_channelz", "snapshot"]

SERVICE_NAME: Final = "grpc.channelz.v1.Channelz"
PAGE_MAX: Final = 100
"""How many things a page has when the client does not say, and at most."""

_TIMESTAMP: Final = ".google.protobuf.Timestamp"
_DATA_OF_CALLS: Final = ("int64 calls_started", "int64 calls_succeeded", "int64 calls_failed")
_OF_CHANNEL: Final = (
    "ChannelData data = 2",
    "repeated ChannelRef channel_ref = 3",
    "repeated SubchannelRef subchannel_ref = 4",
    "repeated SocketRef socket_ref = 5",
)
_TCP_INFO: Final = (
    "state ca_state retransmits probes backoff options snd_wscale rcv_wscale rto ato snd_mss rcv_mss unacked sacked"
    " lost retrans fackets last_data_sent last_ack_sent last_data_recv last_ack_recv pmtu rcv_ssthresh rtt rttvar"
    " snd_ssthresh snd_cwnd advmss reordering"
)
_METHODS: Final = (
    "GetTopChannels",
    "GetServers",
    "GetServer",
    "GetServerSockets",
    "GetChannel",
    "GetSubchannel",
    "GetSocket",
)

DESCRIPTOR: Final = describe(
    "grpc/channelz/v1/channelz.proto",
    "grpc.channelz.v1",
    imports=tuple(f"google/protobuf/{name}.proto" for name in ("any", "duration", "timestamp", "wrappers")),
    messages={
        "Channel": ("ChannelRef ref = 1", *_OF_CHANNEL),
        "Subchannel": ("SubchannelRef ref = 1", *_OF_CHANNEL),
        "ChannelConnectivityState": ("ChannelConnectivityState.State state = 1",),
        "ChannelData": (
            "ChannelConnectivityState state = 1",
            "string target = 2",
            "ChannelTrace trace = 3",
            *(f"{field} = {number}" for number, field in enumerate(_DATA_OF_CALLS, 4)),
            f"{_TIMESTAMP} last_call_started_timestamp = 7",
            "uint32 max_connections_per_subchannel = 8",
        ),
        "ChannelTraceEvent": (
            "string description = 1",
            "ChannelTraceEvent.Severity severity = 2",
            f"{_TIMESTAMP} timestamp = 3",
            "child_ref: ChannelRef channel_ref = 4",
            "child_ref: SubchannelRef subchannel_ref = 5",
        ),
        "ChannelTrace": (
            "int64 num_events_logged = 1",
            f"{_TIMESTAMP} creation_timestamp = 2",
            "repeated ChannelTraceEvent events = 3",
        ),
        "ChannelRef": ("int64 channel_id = 1", "string name = 2"),
        "SubchannelRef": ("int64 subchannel_id = 7", "string name = 8"),
        "SocketRef": ("int64 socket_id = 3", "string name = 4"),
        "ServerRef": ("int64 server_id = 5", "string name = 6"),
        "Server": ("ServerRef ref = 1", "ServerData data = 2", "repeated SocketRef listen_socket = 3"),
        "ServerData": (
            "ChannelTrace trace = 1",
            *(f"{field} = {number}" for number, field in enumerate(_DATA_OF_CALLS, 2)),
            f"{_TIMESTAMP} last_call_started_timestamp = 5",
        ),
        "Socket": (
            "SocketRef ref = 1",
            "SocketData data = 2",
            "Address local = 3",
            "Address remote = 4",
            "Security security = 5",
            "string remote_name = 6",
        ),
        "SocketData": (
            "int64 streams_started = 1",
            "int64 streams_succeeded = 2",
            "int64 streams_failed = 3",
            "int64 messages_sent = 4",
            "int64 messages_received = 5",
            "int64 keep_alives_sent = 6",
            f"{_TIMESTAMP} last_local_stream_created_timestamp = 7",
            f"{_TIMESTAMP} last_remote_stream_created_timestamp = 8",
            f"{_TIMESTAMP} last_message_sent_timestamp = 9",
            f"{_TIMESTAMP} last_message_received_timestamp = 10",
            ".google.protobuf.Int64Value local_flow_control_window = 11",
            ".google.protobuf.Int64Value remote_flow_control_window = 12",
            "repeated SocketOption option = 13",
            ".google.protobuf.UInt32Value received_goaway_error = 14",
            "uint32 peer_max_concurrent_streams = 15",
        ),
        "Address": (
            "address: Address.TcpIpAddress tcpip_address = 1",
            "address: Address.UdsAddress uds_address = 2",
            "address: Address.OtherAddress other_address = 3",
        ),
        "Address.TcpIpAddress": ("bytes ip_address = 1", "int32 port = 2"),
        "Address.UdsAddress": ("string filename = 1",),
        "Address.OtherAddress": ("string name = 1", ".google.protobuf.Any value = 2"),
        "Security": ("model: Security.Tls tls = 1", "model: Security.OtherSecurity other = 2"),
        "Security.Tls": (
            "cipher_suite: string standard_name = 1",
            "cipher_suite: string other_name = 2",
            "bytes local_certificate = 3",
            "bytes remote_certificate = 4",
        ),
        "Security.OtherSecurity": ("string name = 1", ".google.protobuf.Any value = 2"),
        "SocketOption": ("string name = 1", "string value = 2", ".google.protobuf.Any additional = 3"),
        "SocketOptionTimeout": (".google.protobuf.Duration duration = 1",),
        "SocketOptionLinger": ("bool active = 1", ".google.protobuf.Duration duration = 2"),
        "SocketOptionTcpInfo": tuple(
            f"uint32 tcpi_{name} = {number}" for number, name in enumerate(_TCP_INFO.split(), 1)
        ),
        "GetTopChannelsRequest": ("int64 start_channel_id = 1", "int64 max_results = 2"),
        "GetTopChannelsResponse": ("repeated Channel channel = 1", "bool end = 2"),
        "GetServersRequest": ("int64 start_server_id = 1", "int64 max_results = 2"),
        "GetServersResponse": ("repeated Server server = 1", "bool end = 2"),
        "GetServerRequest": ("int64 server_id = 1",),
        "GetServerResponse": ("Server server = 1",),
        "GetServerSocketsRequest": ("int64 server_id = 1", "int64 start_socket_id = 2", "int64 max_results = 3"),
        "GetServerSocketsResponse": ("repeated SocketRef socket_ref = 1", "bool end = 2"),
        "GetChannelRequest": ("int64 channel_id = 1",),
        "GetChannelResponse": ("Channel channel = 1",),
        "GetSubchannelRequest": ("int64 subchannel_id = 1",),
        "GetSubchannelResponse": ("Subchannel subchannel = 1",),
        "GetSocketRequest": ("int64 socket_id = 1", "bool summary = 2"),
        "GetSocketResponse": ("Socket socket = 1",),
    },
    enums={
        "ChannelConnectivityState.State": ("UNKNOWN", *ChannelConnectivity.__members__),
        "ChannelTraceEvent.Severity": ("CT_UNKNOWN", "CT_INFO", "CT_WARNING", "CT_ERROR"),
    },
    services={"Channelz": {name: (f"{name}Request", f"{name}Response") for name in _METHODS}},
).services_by_name["Channelz"]

Item = TypeVar("Item")


def _class(name: str) -> Any:
    return message_class(f"grpc.channelz.v1.{name}")


# -- what things look like ---------------------------------------------------------------------------------------------


def _set_time(timestamp: Any, at: float) -> None:
    """Seconds of the day's clock; 0 is never, and stays unset."""
    if at:
        timestamp.seconds, timestamp.nanos = divmod(round(at * 1e9), 1_000_000_000)


def _fill_trace(message: Any, trace: TraceInfo) -> None:
    message.num_events_logged = trace.events_logged
    _set_time(message.creation_timestamp, trace.created_at)
    for event in trace.events:
        added = message.events.add(description=event.description, severity=event.severity)
        _set_time(added.timestamp, event.at)


def _fill_data(data: Any, info: ChannelInfo | SubchannelInfo | ServerInfo) -> None:
    """What channels, subchannels and servers have in common."""
    calls = info.calls
    data.calls_started, data.calls_succeeded, data.calls_failed = calls.started, calls.succeeded, calls.failed
    _set_time(data.last_call_started_timestamp, calls.last_started_at)
    _fill_trace(data.trace, info.trace)


def channel_message(info: ChannelInfo | SubchannelInfo, registry: Registry) -> Any:
    """A `Channel`, or a `Subchannel`."""
    if isinstance(info, ChannelInfo):
        message = _class("Channel")()
        message.ref.channel_id, message.ref.name = info.id, info.target
        for number in info.subchannels:
            found = registry.find(Kind.SUBCHANNEL, number)
            if found is not None:
                message.subchannel_ref.add(subchannel_id=number, name=found.target)
    else:
        message = _class("Subchannel")()
        message.ref.subchannel_id, message.ref.name = info.id, info.target
        _add_sockets(message.socket_ref, info.sockets, registry)
    message.data.target = info.target
    message.data.state.state = info.state.value[0] + 1
    _fill_data(message.data, info)
    return message


def server_message(info: ServerInfo, registry: Registry) -> Any:
    """A `Server`."""
    message = _class("Server")()
    message.ref.server_id = info.id
    _fill_data(message.data, info)
    _add_sockets(message.listen_socket, info.listen_sockets, registry)
    return message


def _socket_name(info: SocketInfo) -> str:
    return str(info.local) if info.remote is None else f"{info.local} -> {info.remote}"


def _add_sockets(references: Any, numbers: tuple[int, ...], registry: Registry) -> None:
    for number in numbers:
        info = registry.find(Kind.SOCKET, number)
        if info is not None:
            references.add(socket_id=number, name=_socket_name(info))


def _fill_address(message: Any, address: Address) -> None:
    if not address.host:
        message.uds_address.filename = address.path
        return
    try:
        message.tcpip_address.ip_address = ipaddress.ip_address(address.host).packed
        message.tcpip_address.port = address.port
    except ValueError:
        message.other_address.name = str(address)


def socket_message(info: SocketInfo) -> Any:
    """A `Socket`."""
    message = _class("Socket")()
    message.ref.socket_id, message.ref.name = info.id, _socket_name(info)
    _fill_address(message.local, info.local)
    if info.remote is None:
        return message
    _fill_address(message.remote, info.remote)
    if info.security is not None:
        message.security.tls.standard_name = info.security.cipher
        message.security.tls.remote_certificate = info.security.remote_certificate
    data = message.data
    data.streams_started, data.streams_succeeded = info.streams_started, info.streams_succeeded
    data.streams_failed, data.keep_alives_sent = info.streams_failed, info.keepalives_sent
    data.messages_sent, data.messages_received = info.messages_sent, info.messages_received
    started_at = "last_local_stream_created_timestamp" if info.is_client else "last_remote_stream_created_timestamp"
    _set_time(getattr(data, started_at), info.stream_started_at)
    _set_time(data.last_message_sent_timestamp, info.message_sent_at)
    _set_time(data.last_message_received_timestamp, info.message_received_at)
    # "the window granted to the local endpoint by the remote endpoint" is what we may send.
    data.local_flow_control_window.value = info.send_window
    data.remote_flow_control_window.value = info.receive_window
    data.peer_max_concurrent_streams = info.peer_streams_max
    if info.goaway_received is not None:
        data.received_goaway_error.value = info.goaway_received
    return message


# -- the service -------------------------------------------------------------------------------------------------------


class _Refused(Exception):
    """A question that is answered with a status: the arguments of `context.abort`."""


class ChannelzServicer:
    """Answers for what a registry knows; by default for this process."""

    def __init__(self, registry: Registry = REGISTRY) -> None:
        self._registry = registry

    def answer(self, method: str, request: Any) -> Any:
        """The answer to one of the seven questions. Raises what stands in its place."""
        answers: dict[str, Callable[[Any], dict[str, Any]]] = {
            "GetTopChannels": lambda asked: self._page_of(Kind.CHANNEL, "channel", asked.start_channel_id, asked),
            "GetServers": lambda asked: self._page_of(Kind.SERVER, "server", asked.start_server_id, asked),
            "GetServer": lambda asked: {"server": self._one(Kind.SERVER, asked.server_id)},
            "GetServerSockets": self._server_sockets,
            "GetChannel": lambda asked: {"channel": self._one(Kind.CHANNEL, asked.channel_id)},
            "GetSubchannel": lambda asked: {"subchannel": self._one(Kind.SUBCHANNEL, asked.subchannel_id)},
            "GetSocket": lambda asked: {"socket": self._one(Kind.SOCKET, asked.socket_id)},
        }
        return _class(f"{method}Response")(**answers[method](request))

    def _message(self, info: Any) -> Any:
        if isinstance(info, SocketInfo):
            return socket_message(info)
        make: Callable[[Any, Registry], Any] = server_message if isinstance(info, ServerInfo) else channel_message
        return make(info, self._registry)

    def _one(self, kind: Kind, number: int) -> Any:
        return self._message(self._found(kind, number))

    def _found(self, kind: Kind, number: int) -> Any:
        info = self._registry.find(kind, number)
        if info is None:
            raise _Refused(StatusCode.NOT_FOUND, f"there is no {kind.value} with the id {number}")
        return info

    def _page_of(self, kind: Kind, field: str, start: int, request: Any) -> dict[str, Any]:
        page, is_last = _page(self._registry.all(kind, _from(start)), request.max_results)
        return {field: [self._message(info) for info in page], "end": is_last}

    def _server_sockets(self, request: Any) -> dict[str, Any]:
        server = self._found(Kind.SERVER, request.server_id)
        start = _from(request.start_socket_id)
        page, is_last = _page([number for number in server.sockets if number >= start], request.max_results)
        response = _class("GetServerSocketsResponse")()
        _add_sockets(response.socket_ref, tuple(page), self._registry)
        return {"socket_ref": response.socket_ref, "end": is_last}


def _from(start: int) -> int:
    if start < 0:
        raise _Refused(StatusCode.INVALID_ARGUMENT, f"an id is not negative; this one is {start}")
    return start


def _page(items: list[Item], results_max: int) -> tuple[list[Item], bool]:
    """The first page, and whether it is the last."""
    if results_max < 0:
        raise _Refused(StatusCode.INVALID_ARGUMENT, f"max_results is {results_max}; it must not be negative")
    size = min(results_max or PAGE_MAX, PAGE_MAX)
    return items[:size], len(items) <= size


def _methods_of(servicer: ChannelzServicer, is_async: bool) -> object:
    """An object with a method for each question, for one of the faces."""

    def blocking(name: str) -> Callable[[Any, Any], Any]:
        def method(request: Any, context: Any) -> Any:
            try:
                return servicer.answer(name, request)
            except _Refused as refused:
                context.abort(*refused.args)

        return method

    def asynchronous(name: str) -> Callable[[Any, Any], Any]:
        async def method(request: Any, context: Any) -> Any:
            try:
                return servicer.answer(name, request)
            except _Refused as refused:
                await context.abort(*refused.args)

        return method

    make = asynchronous if is_async else blocking
    return type("Methods", (), {name: staticmethod(make(name)) for name in _METHODS})()


def add_channelz(server: Any, servicer: ChannelzServicer | None = None) -> None:
    """Make the server, of either face, tell about the channels, servers and connections of this process."""
    methods = _methods_of(servicer or ChannelzServicer(), inspect.iscoroutinefunction(server.start))
    server.add_generic_rpc_handlers((service_handler(DESCRIPTOR, methods),))
