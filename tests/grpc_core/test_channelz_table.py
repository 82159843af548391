"""`python -m grpc_core channelz`: tables of what any server tells by channelz."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from grpc_core import aio
from grpc_core.channelz import ChannelzServicer, add_channelz, socket_message
from grpc_core.channelz_table import _address, _clean, _table, report
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.introspection import Address, CallCounts, ChannelInfo, Kind, Registry, SocketInfo, TraceInfo
from grpc_core.testing import in_memory
from tests.grpc_core.support import PATIENCE_S, method, run, service
from tests.support.modules import grpcio

ROOT = Path(__file__).parents[2]


class Thing:
    """Something to register."""


def a_channel(thing: Thing, number: int) -> ChannelInfo:
    return ChannelInfo(number, "far.away:443", ChannelConnectivity.IDLE, CallCounts(), TraceInfo(1.0, 0, ()), ())


def test_channels_servers_and_connections_in_tables() -> None:
    async def main() -> None:
        server = aio.server(handlers=[service({})])
        add_channelz(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await method(channel)(b"x")
            text = "\n".join(await report(channel))
        await server.stop(None)
        assert re.search(
            rf"^channels\n  id +target +state +started +ok +failed +last call\n.*127\.0\.0\.1:{port} +READY",
            text,
            re.M | re.S,
        )
        assert re.search(rf"^servers\n  id +listens on .*\n.*127\.0\.0\.1:{port} ", text, re.M | re.S)
        assert re.search(
            rf"^connections\n(.*\n)*  \d+ +server \d+ +127\.0\.0\.1:{port} +127\.0\.0\.1:\d+ +\d+", text, re.M
        )
        assert re.search(rf"  \d+ +channel \d+ +127\.0\.0\.1:\d+ +127\.0\.0\.1:{port} ", text)

    run(main())


def test_a_server_of_grpcio_tells_as_well() -> None:
    grpc_official = grpcio()
    from grpc_channelz.v1 import channelz as official_channelz

    async def main() -> None:
        server = grpc_official.aio.server(options=[("grpc.enable_channelz", 1)])
        official_channelz.add_channelz_servicer(server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            text = "\n".join(await report(channel, PATIENCE_S))
        await server.stop(None)
        assert re.search(rf"^connections\n(.*\n)*  \d+ +server \d+ +127\.0\.0\.1:{port} ", text, re.M)

    asyncio.run(main())


def test_more_than_a_page_is_asked_for_page_by_page() -> None:
    registry, things = Registry(), [Thing() for _ in range(250)]
    for thing in things:
        registry.add(Kind.CHANNEL, thing, a_channel)

    async def main() -> None:
        server = aio.server()
        add_channelz(server, ChannelzServicer(registry))
        async with in_memory(server) as channel:
            lines = await report(channel)
        assert len([line for line in lines if " far.away:443 " in line]) == 250
        assert lines[-4:] == ["no servers", "", "no connections", ""]

    run(main())


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (Address("10.0.0.1", 80), "10.0.0.1:80"),
        (Address("::1", 80), "[::1]:80"),
        (Address(path="/tmp/s"), "unix:/tmp/s"),
        (Address("a name", 80), "a name:80"),
    ],
)
def test_addresses_of_every_kind(address: Address, text: str) -> None:
    assert _address(socket_message(SocketInfo(1, address)).local) == text


def test_an_address_that_is_not_told() -> None:
    assert _address(socket_message(SocketInfo(1, Address(path="x"))).remote) == "-"


def test_where_there_is_nothing_that_is_said_and_text_is_made_fit_for_a_terminal() -> None:
    assert _table("servers", ("id",), []) == ["no servers", ""]
    assert _table("t", ("a", "b"), [("1", "2\x1b[0m")]) == ["t", "  a  b", "  1  2\\x1b[0m", ""]
    assert _clean("grün\n") == "grün\\n"


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["127.0.0.1:1"], 3, "grpc_core channelz: UNAVAILABLE: failed to connect to all addresses"),
        (["127.0.0.1:1", "--timeout", "x"], 2, "grpc_core channelz: --timeout 'x' is not"),
        (["127.0.0.1:x"], 2, "grpc_core channelz: target '127.0.0.1:x': 'x' is not a port"),
    ],
)
def test_what_goes_wrong_is_one_line_and_an_exit_code(arguments: list[str], code: int, error: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "grpc_core", "channelz", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(error)
    assert done.stderr.count("\n") == 1


def test_the_command_asks_a_server_that_runs() -> None:
    serving = subprocess.Popen(
        [sys.executable, "-m", "grpc_core", "serve"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert serving.stdout is not None
        address = serving.stdout.readline().split()[-1]
        command = [sys.executable, "-m", "grpc_core", "channelz", address]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("no channels\n\nservers\n")
        assert f"  {address} " in done.stdout
    finally:
        serving.terminate()
        serving.communicate(timeout=60)
