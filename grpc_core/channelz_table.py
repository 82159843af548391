"""`python -m grpc_core channelz HOST:PORT`: what a server tells by channelz, as tables for people.

Works with every server that has `grpc.channelz.v1.Channelz`, whatever it is written in.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from typing import Any

from grpc_core import channelz
from grpc_core.descriptions import message_class
from grpc_core.stub import stub

_STATES = {0: "?", 1: "IDLE", 2: "CONNECTING", 3: "READY", 4: "FAILING", 5: "SHUTDOWN"}


def _request(name: str, **fields: Any) -> Any:
    return message_class(f"grpc.channelz.v1.{name}Request")(**fields)


async def report(channel: Any, timeout_s: float | None = None) -> list[str]:
    """The lines to print: channels, servers and their connections. Raises AioRpcError."""
    service = stub(channelz.DESCRIPTOR)(channel)

    async def ask(method: str, **fields: Any) -> Any:
        return await getattr(service, method)(_request(method, **fields), timeout=timeout_s)

    async def pages(method: str, field: str, start: str, id_of: Any, **fields: Any) -> list[Any]:
        found: list[Any] = []
        while True:
            after = id_of(found[-1]) + 1 if found else 0
            page = await ask(method, **{start: after}, **fields)
            items = getattr(page, field)
            found += items
            if page.end or not items:
                return found

    channels = await pages("GetTopChannels", "channel", "start_channel_id", lambda item: item.ref.channel_id)
    servers = await pages("GetServers", "server", "start_server_id", lambda item: item.ref.server_id)
    owners: list[tuple[str, int]] = []
    for found in channels:
        for reference in found.subchannel_ref:
            subchannel = (await ask("GetSubchannel", subchannel_id=reference.subchannel_id)).subchannel
            owners += [(f"channel {found.ref.channel_id}", socket.socket_id) for socket in subchannel.socket_ref]
    for found in servers:
        number = found.ref.server_id
        start, field = "start_socket_id", "socket_ref"
        sockets = await pages("GetServerSockets", field, start, lambda item: item.socket_id, server_id=number)
        owners += [(f"server {number}", socket.socket_id) for socket in sockets]
    rows = [_socket_row(owner, (await ask("GetSocket", socket_id=number)).socket) for owner, number in owners]
    return [
        *_table(
            "channels",
            ("id", "target", "state", "started", "ok", "failed", "last call"),
            [
                (str(item.ref.channel_id), item.data.target, _STATES[item.data.state.state], *_calls(item))
                for item in channels
            ],
        ),
        *_table(
            "servers",
            ("id", "listens on", "started", "ok", "failed", "last call"),
            [
                (str(item.ref.server_id), ", ".join(listening.name for listening in item.listen_socket), *_calls(item))
                for item in servers
            ],
        ),
        *_table("connections", ("id", "of", "local", "remote", "streams", "failed", "sent", "received", "TLS"), rows),
    ]


def _calls(item: Any) -> tuple[str, ...]:
    data = item.data
    at = data.last_call_started_timestamp
    last = datetime.datetime.fromtimestamp(at.seconds).strftime("%H:%M:%S") if at.seconds else "-"
    return str(data.calls_started), str(data.calls_succeeded), str(data.calls_failed), last


def _socket_row(owner: str, socket: Any) -> tuple[str, ...]:
    data = socket.data
    numbers = (data.streams_started, data.streams_failed, data.messages_sent, data.messages_received)
    ends = (_address(socket.local), _address(socket.remote))
    tls = socket.security.tls.standard_name if socket.HasField("security") else "-"
    return (str(socket.ref.socket_id), owner, *ends, *map(str, numbers), tls)


def _address(address: Any) -> str:
    kind = address.WhichOneof("address")
    if kind == "tcpip_address":
        host = str(ipaddress.ip_address(address.tcpip_address.ip_address))
        return f"[{host}]:{address.tcpip_address.port}" if ":" in host else f"{host}:{address.tcpip_address.port}"
    if kind == "uds_address":
        return f"unix:{address.uds_address.filename}"
    return address.other_address.name or "-"


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A title and its rows in columns; where there is nothing, that is said."""
    if not rows:
        return [f"no {title}", ""]
    cells = [[_clean(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in [heads, *cells]]
    return [title, *(f"  {line}".rstrip() for line in lines), ""]


def _clean(text: str) -> str:
    """Text of the server's for a terminal: what does not print is shown as it is written in Python."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
