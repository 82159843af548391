"""Tells `introspection` about the channels, servers and connections of `grpc_core.aio`: from what they have anyway, and
from the few counters that they keep for it."""

from __future__ import annotations

import functools
import socket
from typing import TYPE_CHECKING, Any

from grpc_core.aio.protocol import ClientProtocol, ServerProtocol
from grpc_core.introspection import (
    REGISTRY,
    Address,
    CallCounts,
    ChannelInfo,
    Kind,
    ServerInfo,
    SocketInfo,
    SubchannelInfo,
    TlsInfo,
    TraceInfo,
)

if TYPE_CHECKING:
    from grpc_core.aio.channel import Channel
    from grpc_core.aio.serving import Server
    from grpc_core.aio.subchannel import Subchannel


def register_channel(channel: Channel) -> None:
    """Let a channel be known."""
    REGISTRY.add(Kind.CHANNEL, channel, describe_channel)


def register_subchannel(subchannel: Subchannel) -> int:
    """Let a subchannel be known; its id."""
    return REGISTRY.add(Kind.SUBCHANNEL, subchannel, describe_subchannel)


def register_server(server: Server) -> None:
    """Let a server be known."""
    REGISTRY.add(Kind.SERVER, server, describe_server)


def register_listening(listening: socket.socket) -> int:
    """Let a listening socket be known."""
    return REGISTRY.add(
        Kind.SOCKET, listening, functools.partial(_describe_listening, Address.of(listening.getsockname()))
    )


def register_connection(protocol: ServerProtocol | ClientProtocol) -> None:
    """Let a connection be known."""
    protocol.channelz_id = REGISTRY.add(Kind.SOCKET, protocol, describe_connection)


def forget_connection(protocol: ServerProtocol | ClientProtocol) -> None:
    """A connection is closed: it is known no longer, if it was."""
    REGISTRY.forget(protocol.channelz_id)


# -- what they are -----------------------------------------------------------------------------------------------------


def describe_channel(channel: Channel, number: int) -> ChannelInfo:
    """A channel, as it is now."""
    link, tally = channel.link, channel.tally
    calls = CallCounts(tally.started, tally.succeeded, tally.failed, tally.started_at)
    subchannels = tuple(sorted(subchannel.channelz_id for subchannel in link.subchannels))
    return ChannelInfo(number, channel.target, link.state, calls, TraceInfo.of(link.trace), subchannels)


def describe_subchannel(subchannel: Subchannel, number: int) -> SubchannelInfo:
    """A subchannel, as it is now. Its calls are the streams of its connections."""
    protocols = subchannel.protocols
    sockets = tuple(sorted(protocol.channelz_id for protocol in protocols))
    calls = _sum(subchannel.past_calls, protocols)
    return SubchannelInfo(number, subchannel.name, subchannel.state, calls, TraceInfo.of(subchannel.trace), sockets)


def describe_server(server: Server, number: int) -> ServerInfo:
    """A server, as it is now. Its calls are the streams of its connections."""
    protocols = list(server._protocols)
    sockets = tuple(sorted(protocol.channelz_id for protocol in protocols))
    counts = _sum(server.past_calls, protocols)
    return ServerInfo(number, counts, TraceInfo.of(server.trace), tuple(server.listen_ids), sockets)


def _describe_listening(local: Address, listening: socket.socket, number: int) -> SocketInfo | None:
    return SocketInfo(number, local) if listening.fileno() >= 0 else None


def describe_connection(protocol: ServerProtocol | ClientProtocol, number: int) -> SocketInfo:
    """A connection, as it is now. It is registered when its transport is there."""
    transport = protocol.transport
    assert transport is not None
    connection, counts = protocol.connection, protocol.session.counts
    upkeep, goaway = protocol.upkeep, protocol.goaway
    return SocketInfo(
        id=number,
        local=Address.of(transport.get_extra_info("sockname")),
        remote=Address.of(protocol.peername),
        is_client=connection.is_client,
        security=_security(transport.get_extra_info("ssl_object")),
        streams_started=counts.streams_started,
        streams_succeeded=counts.streams_succeeded,
        streams_failed=max(counts.streams_started - counts.streams_succeeded - len(protocol.session.calls), 0),
        messages_sent=counts.messages_sent,
        messages_received=counts.messages_received,
        keepalives_sent=0 if upkeep is None else upkeep.pings_sent,
        stream_started_at=counts.stream_started_at,
        message_sent_at=counts.message_sent_at,
        message_received_at=counts.message_received_at,
        send_window=connection.send_window,
        receive_window=connection.receive_window.available,
        peer_streams_max=connection.peer.concurrent_streams_max,
        goaway_received=None if goaway is None else goaway.error_code,
    )


def _security(tls: Any) -> TlsInfo | None:
    if tls is None:
        return None
    cipher = tls.cipher()
    return TlsInfo(tls.version() or "", cipher[0] if cipher else "", tls.getpeercert(binary_form=True) or b"")


def calls_of(protocol: ServerProtocol | ClientProtocol) -> CallCounts:
    """The calls on one connection."""
    counts = protocol.session.counts
    failed = max(counts.streams_started - counts.calls_succeeded - len(protocol.session.calls), 0)
    return CallCounts(counts.streams_started, counts.calls_succeeded, failed, counts.stream_started_at)


def added(some: CallCounts, more: CallCounts) -> CallCounts:
    """The calls of both."""
    return CallCounts(
        some.started + more.started,
        some.succeeded + more.succeeded,
        some.failed + more.failed,
        max(some.last_started_at, more.last_started_at),
    )


def _sum(past: CallCounts, protocols: list[Any]) -> CallCounts:
    return functools.reduce(added, map(calls_of, protocols), past)
