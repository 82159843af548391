"""`grpc.channelz.v1.Channelz`: the official client asks our servers, ours asks an official one, on both faces."""

from __future__ import annotations

import asyncio
import datetime
import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto

import grpc_core as grpc
from grpc_core import aio, channelz, stub
from grpc_core.channelz import ChannelzServicer, add_channelz, channel_message, socket_message
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.descriptions import message_class
from grpc_core.introspection import (
    Address,
    CallCounts,
    ChannelInfo,
    Kind,
    Registry,
    SocketInfo,
    SubchannelInfo,
    TlsInfo,
    TraceInfo,
)
from grpc_core.status import StatusCode
from grpc_core.testing import in_memory
from tests.grpc_core.support import method, run, service
from tests.grpc_core.sync_support import PATIENCE_S
from tests.support.modules import grpcio

TRACE = TraceInfo(1.5, 0, ())


@pytest.fixture(autouse=True)
def nothing_of_other_tests() -> None:
    """What other tests have dropped is still known until it is collected."""
    gc.collect()


def official() -> tuple[Any, Any]:
    """The official messages and stubs; skipped, or an error, as grpcio's absence is."""
    grpcio()
    from grpc_channelz.v1 import channelz_pb2, channelz_pb2_grpc

    return channelz_pb2, channelz_pb2_grpc


def request(name: str, **fields: Any) -> Any:
    return message_class(f"grpc.channelz.v1.{name}Request")(**fields)


class Thing:
    """Something to register."""


def registered(kind: Kind, *infos: Any) -> tuple[Registry, list[Thing], list[int]]:
    """A registry that knows things which are described by these functions of their ids."""
    registry = Registry()
    things = [Thing() for _ in infos]
    ids = [
        registry.add(kind, thing, lambda _, number, describe=describe: describe(number))  # type: ignore[misc]
        for thing, describe in zip(things, infos, strict=True)
    ]
    return registry, things, ids


def a_channel(number: int) -> ChannelInfo:
    return ChannelInfo(number, "somewhere", ChannelConnectivity.READY, CallCounts(), TRACE, ())


# -- the messages ------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W193")
def test_the_messages_and_the_service_are_the_official_ones() -> None:
    messages, _ = official()
    ours, theirs = FileDescriptorProto(), FileDescriptorProto()
    channelz.DESCRIPTOR.file.CopyToProto(ours)
    messages.DESCRIPTOR.CopyToProto(theirs)

    def facts(file: FileDescriptorProto) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def walk(message: Any, prefix: str) -> None:
            name = prefix + message.name
            found[name] = {
                (
                    field.name,
                    field.number,
                    field.type,
                    field.label,
                    field.type_name,
                    message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else "",
                )
                for field in message.field
            }
            for enum in message.enum_type:
                found[f"{name}.{enum.name}"] = {(value.name, value.number) for value in enum.value}
            for nested in message.nested_type:
                walk(nested, f"{name}.")

        for message in file.message_type:
            walk(message, "")
        for described in file.service:
            found[described.name] = {(m.name, m.input_type, m.output_type) for m in described.method}
        return found

    assert facts(ours) == facts(theirs)
    assert len(facts(ours)) > 30


# -- the official client asks our servers ------------------------------------------------------------------------------


@contextmanager
def blocking_server() -> Iterator[int]:
    with ThreadPoolExecutor(4) as pool:
        server = grpc.server(pool)
        handler = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Service", {"Echo": handler})])
        add_channelz(server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield port
        server.stop(None)


@contextmanager
def asyncio_server() -> Iterator[int]:
    """On the I/O thread of the blocking face, whose server it is underneath."""
    from grpc_core.sync import loop

    server = aio.server(handlers=[service({})])
    add_channelz(server)
    port = server.add_insecure_port("127.0.0.1:0")
    io = loop.current()
    io.run(server.start())
    yield port
    io.run(server.stop(None))


@pytest.mark.wire("W193")
@pytest.mark.parametrize("serving", [asyncio_server, blocking_server])
def test_the_official_client_finds_its_way_from_server_to_socket(serving: Any) -> None:
    messages, stubs = official()
    with serving() as port, grpcio().insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = stubs.ChannelzStub(channel)
        echo = channel.unary_unary("/test.Service/Echo")
        for _ in range(3):
            assert echo(b"hello", timeout=PATIENCE_S) == b"hello"
        with pytest.raises(grpcio().RpcError):
            channel.unary_unary("/test.Service/None")(b"", timeout=PATIENCE_S)

        servers = ask.GetServers(messages.GetServersRequest(), timeout=PATIENCE_S)
        assert servers.end
        (server,) = [s for s in servers.server if any(name.name.endswith(f":{port}") for name in s.listen_socket)]
        number = server.ref.server_id
        server = ask.GetServer(messages.GetServerRequest(server_id=number), timeout=PATIENCE_S).server
        assert (server.data.calls_started, server.data.calls_succeeded, server.data.calls_failed) == (6, 4, 1)
        assert [event.description for event in server.data.trace.events] == ["Server created", "Server started"]
        now = datetime.datetime.now(datetime.UTC)
        begun = server.data.last_call_started_timestamp.ToDatetime(datetime.UTC)
        assert now - datetime.timedelta(minutes=1) < begun <= now

        asked = messages.GetServerSocketsRequest(server_id=number)
        sockets = ask.GetServerSockets(asked, timeout=PATIENCE_S)
        assert sockets.end
        (reference,) = sockets.socket_ref
        socket = ask.GetSocket(messages.GetSocketRequest(socket_id=reference.socket_id), timeout=PATIENCE_S).socket
        assert socket.ref == reference
        assert (socket.local.tcpip_address.ip_address, socket.local.tcpip_address.port) == (b"\x7f\0\0\1", port)
        assert socket.remote.tcpip_address.port > 0
        assert not socket.HasField("security")
        assert (socket.data.streams_started, socket.data.streams_failed) == (8, 0)
        assert socket.data.messages_sent == 6
        assert socket.data.local_flow_control_window.value > 0
        assert socket.data.remote_flow_control_window.value > 0
        assert socket.data.HasField("last_remote_stream_created_timestamp")
        assert not socket.data.HasField("last_local_stream_created_timestamp")

        listening = ask.GetSocket(messages.GetSocketRequest(socket_id=server.listen_socket[0].socket_id))
        assert listening.socket.local.tcpip_address.port == port
        assert not listening.socket.HasField("remote")


@pytest.mark.wire("W193")
@pytest.mark.parametrize("serving", [asyncio_server, blocking_server])
def test_the_official_client_finds_its_way_from_channel_to_socket(serving: Any) -> None:
    messages, stubs = official()
    with (
        serving() as port,
        grpcio().insecure_channel(f"127.0.0.1:{port}") as channel,
        grpc.insecure_channel(f"127.0.0.1:{port}") as ours,
    ):
        assert ours.unary_unary("/test.Service/Echo")(b"hello", timeout=PATIENCE_S) == b"hello"
        ask = stubs.ChannelzStub(channel)
        top = ask.GetTopChannels(messages.GetTopChannelsRequest(), timeout=PATIENCE_S)
        assert top.end
        found = [c for c in top.channel if c.data.target == f"127.0.0.1:{port}"][-1]
        answer = ask.GetChannel(messages.GetChannelRequest(channel_id=found.ref.channel_id), timeout=PATIENCE_S)
        assert answer.channel.ref.name == f"127.0.0.1:{port}"
        assert answer.channel.data.state.state == messages.ChannelConnectivityState.READY
        assert (answer.channel.data.calls_started, answer.channel.data.calls_succeeded) == (1, 1)
        trace = answer.channel.data.trace
        assert (trace.num_events_logged, trace.events[-1].severity) == (3, messages.ChannelTraceEvent.CT_INFO)
        assert trace.events[-1].description == "Connectivity state is now READY"
        (reference,) = answer.channel.subchannel_ref
        asked = messages.GetSubchannelRequest(subchannel_id=reference.subchannel_id)
        subchannel = ask.GetSubchannel(asked, timeout=PATIENCE_S).subchannel
        assert subchannel.data.calls_succeeded == 1
        (socket_reference,) = subchannel.socket_ref
        asked = messages.GetSocketRequest(socket_id=socket_reference.socket_id)
        socket = ask.GetSocket(asked, timeout=PATIENCE_S).socket
        assert socket.remote.tcpip_address.port == port
        assert (socket.data.messages_sent, socket.data.messages_received) == (1, 1)
        assert socket.data.HasField("last_local_stream_created_timestamp")


@pytest.mark.wire("W193")
@pytest.mark.parametrize("serving", [asyncio_server, blocking_server])
def test_unknown_ids_and_nonsense_are_answered_with_a_status(serving: Any) -> None:
    messages, stubs = official()
    with serving() as port, grpcio().insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = stubs.ChannelzStub(channel)

        def status(name: str, **fields: int) -> tuple[str, str]:
            with pytest.raises(grpcio().RpcError) as caught:
                getattr(ask, name)(getattr(messages, f"{name}Request")(**fields), timeout=PATIENCE_S)
            error: Any = caught.value
            return error.code().name, error.details()

        for name, field, kind in (
            ("GetServer", "server_id", "server"),
            ("GetServerSockets", "server_id", "server"),
            ("GetChannel", "channel_id", "channel"),
            ("GetSubchannel", "subchannel_id", "subchannel"),
            ("GetSocket", "socket_id", "socket"),
        ):
            for number in (0, 2**60, -1):
                assert status(name, **{field: number}) == ("NOT_FOUND", f"there is no {kind} with the id {number}")
        negative = "an id is not negative; this one is -1"
        assert status("GetTopChannels", start_channel_id=-1) == ("INVALID_ARGUMENT", negative)
        assert status("GetServers", start_server_id=-1) == ("INVALID_ARGUMENT", negative)
        text = "max_results is -1; it must not be negative"
        assert status("GetServers", max_results=-1) == ("INVALID_ARGUMENT", text)


# -- ours asks an official server --------------------------------------------------------------------------------------


@pytest.mark.wire("W193")
def test_our_stub_asks_an_official_server() -> None:
    official()
    from grpc_channelz.v1 import channelz as official_channelz

    grpc_official = grpcio()

    async def main() -> None:
        server = grpc_official.aio.server(options=[("grpc.enable_channelz", 1)])
        official_channelz.add_channelz_servicer(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            ask = stub(channelz.DESCRIPTOR)(channel)
            servers = await ask.GetServers(request("GetServers"))
            assert servers.server[-1].data.calls_started >= 1
            with pytest.raises(aio.AioRpcError) as caught:
                await ask.GetSocket(request("GetSocket", socket_id=2**40))
            assert caught.value.code() is StatusCode.NOT_FOUND, "as ours"
        await server.stop(None)

    asyncio.run(main())


# -- pages -------------------------------------------------------------------------------------------------------------


def test_pages_go_on_where_the_one_before_has_ended() -> None:
    registry, things, ids = registered(Kind.CHANNEL, *[a_channel] * 250)
    servicer = ChannelzServicer(registry)
    seen, start = [], 0
    for size, is_last in ((100, False), (100, False), (50, True)):
        page = servicer.answer("GetTopChannels", request("GetTopChannels", start_channel_id=start))
        assert (len(page.channel), page.end) == (size, is_last)
        seen += [channel.ref.channel_id for channel in page.channel]
        start = seen[-1] + 1
    assert seen == ids
    page = servicer.answer("GetTopChannels", request("GetTopChannels", max_results=7))
    assert (len(page.channel), page.end) == (7, False)
    page = servicer.answer("GetTopChannels", request("GetTopChannels", max_results=1_000))
    assert (len(page.channel), page.end) == (100, False), "a page has a limit, whatever is asked for"
    page = servicer.answer("GetTopChannels", request("GetTopChannels", start_channel_id=ids[-1] + 1))
    assert (len(page.channel), page.end) == (0, True)
    assert things


def test_the_sockets_of_a_server_come_in_pages_too() -> None:
    async def main() -> None:
        server = aio.server(handlers=[service({})])
        await server.start()
        async with in_memory(server) as one, in_memory(server) as two, in_memory(server) as three:
            for channel in (one, two, three):
                await method(channel)(b"x")
            number = max(info.id for info in channelz.snapshot().servers)
            servicer = ChannelzServicer()
            seen: list[int] = []
            for is_last in (False, False, True):
                asked = request(
                    "GetServerSockets",
                    server_id=number,
                    start_socket_id=seen[-1] + 1 if seen else 0,
                    max_results=1,
                )
                page = servicer.answer("GetServerSockets", asked)
                assert page.end is is_last
                seen += [reference.socket_id for reference in page.socket_ref]
            assert len(set(seen)) == 3
        await server.stop(None)

    run(main())


# -- what things look like ---------------------------------------------------------------------------------------------


def test_a_socket_with_everything() -> None:
    info = SocketInfo(
        id=7,
        local=Address(path="/tmp/s"),
        remote=Address("::1", 443),
        is_client=True,
        security=TlsInfo("TLSv1.3", "TLS_AES_128_GCM_SHA256", b"DER"),
        keepalives_sent=3,
        stream_started_at=1.25,
        peer_streams_max=100,
        goaway_received=11,
    )
    message = socket_message(info)
    assert message.ref.name == "unix:/tmp/s -> [::1]:443"
    assert message.local.uds_address.filename == "/tmp/s"
    assert message.remote.tcpip_address.ip_address == bytes(15) + b"\1"
    assert message.security.tls.standard_name == "TLS_AES_128_GCM_SHA256"
    assert message.security.tls.remote_certificate == b"DER"
    assert message.data.keep_alives_sent == 3
    assert message.data.last_local_stream_created_timestamp.ToNanoseconds() == 1_250_000_000
    assert not message.data.HasField("last_message_sent_timestamp"), "never"
    assert message.data.received_goaway_error.value == 11
    assert message.data.peer_max_concurrent_streams == 100
    other = socket_message(SocketInfo(1, Address(host="a name", port=1)))
    assert other.local.other_address.name == "a name:1"


def test_sockets_that_are_gone_are_left_out() -> None:
    info = SubchannelInfo(1, "t", ChannelConnectivity.IDLE, CallCounts(), TRACE, (98, 99))
    assert not channel_message(info, Registry()).socket_ref


@pytest.mark.parametrize("state", ChannelConnectivity)
def test_every_state_has_its_name(state: ChannelConnectivity) -> None:
    messages, _ = official()
    made = channel_message(ChannelInfo(1, "t", state, CallCounts(), TRACE, (99,)), Registry())
    assert messages.ChannelConnectivityState.State.Name(made.data.state.state) == state.name
    assert not made.subchannel_ref, "one that is gone is left out"
