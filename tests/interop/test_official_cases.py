"""Every official case can fail: where a server is wrong in one thing, that case fails and no other.

The server is ours, with a servicer that is wrong; the client is ours too, and is the one that grpcio runs. grpc-js's,
which is written apart, meets the same servers.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from pathlib import Path

import pytest

import grpc_core
from interop import negative_server
from interop.cases import Outcome
from interop.faces import AsyncFace
from interop.matrix import Result, Scenario, Workplace, required
from interop.official_cases import NEGATIVE, OFFICIAL, TestClient
from interop.official_matrix import NEGATIVE_SERVER, PROGRAMS, run_scenarios
from interop.official_service import (
    EchoStatus,
    Empty,
    ResponseParameters,
    SimpleRequest,
    StreamingOutputCallRequest,
    TestService,
    payload,
)
from interop.peers import plait
from interop.peers.peer import Commands, Missing
from interop.peers.process import run, serving
from tests.interop.programs import python

SERVER = """
import asyncio, sys

import grpc_core
from interop.official_service import *
from interop.peers import command_line

class Wrong(TestService):
{members}

command_line.TestService = Wrong
sys.exit(command_line.run_server(grpc_core))
"""

LONG = {"rpc_soak", "channel_soak", "concurrent_large_unary"}
LARGE = {"large_unary", *LONG}

WRONG_SERVERS: dict[str, tuple[set[str], str]] = {
    "a message that is not empty": (
        {"empty_unary"},
        "async def EmptyCall(self, request, context):\n    return Empty.FromString(b'\\x08\\x01')",
    ),
    "an octet too few": (
        {*LARGE, "client_compressed_unary", "server_compressed_unary"},
        "async def UnaryCall(self, request, context):\n"
        "    response = await super().UnaryCall(request, context)\n"
        "    if request.response_size > 1: response.payload.body = response.payload.body[1:]\n"
        "    return response",
    ),
    "a sum that is too large": (
        {"client_streaming", "client_compressed_streaming"},
        "async def StreamingInputCall(self, requests, context):\n"
        "    total = await super().StreamingInputCall(requests, context)\n"
        "    return StreamingInputCallResponse(aggregated_payload_size=total.aggregated_payload_size + 1)",
    ),
    "responses in another order": (
        {"server_streaming", "server_compressed_streaming"},
        "async def StreamingOutputCall(self, request, context):\n"
        "    responses = [response async for response in super().StreamingOutputCall(request, context)]\n"
        "    for response in reversed(responses): yield response",
    ),
    "responses without their last": (
        {"server_streaming", "server_compressed_streaming"},
        "async def StreamingOutputCall(self, request, context):\n"
        "    responses = [response async for response in super().StreamingOutputCall(request, context)]\n"
        "    for response in responses[:-1]: yield response",
    ),
    "a response too many": (
        {"ping_pong", "empty_stream", "custom_metadata"},
        "async def FullDuplexCall(self, requests, context):\n"
        "    async for response in super().FullDuplexCall(requests, context): yield response\n"
        "    yield StreamingOutputCallResponse()",
    ),
    "metadata that is all trailing": (
        {"custom_metadata"},
        "async def _echo_metadata(self, context):\n    context.set_trailing_metadata(context.invocation_metadata())",
    ),
    "another status": (
        {"status_code_and_message", "special_status_message"},
        "async def _end_with(self, status, context):\n"
        "    if status.code: await context.abort(grpc_core.StatusCode.INTERNAL, status.message)",
    ),
    "a message without white space at its ends": (
        {"special_status_message"},
        "async def _end_with(self, status, context):\n"
        "    if status.code: await context.abort(grpc_core.StatusCode.UNKNOWN, status.message.strip())",
    ),
    "a method that nobody asked for": (
        {"unimplemented_method"},
        "def handler(self):\n"
        "    METHODS['UnimplementedCall'] = METHODS['EmptyCall']\n"
        "    self.UnimplementedCall = self.EmptyCall\n"
        "    return super().handler()",
    ),
    "a service that nobody asked for": (
        {"unimplemented_service"},
        "def handler(self):\n"
        "    mine = super().handler()\n"
        "    class Any(grpc_core.GenericRpcHandler):\n"
        "        def service(self, details):\n"
        "            if details.method.endswith('Service/UnimplementedCall') and 'Unimpl' in details.method[:30]:\n"
        "                details = details._replace(method='/grpc.testing.TestService/EmptyCall')\n"
        "            return mine.service(details)\n"
        "    return Any()",
    ),
    "a server that does not look": (
        {"client_compressed_unary", "client_compressed_streaming"},
        "async def _expect_compression(self, request, context): pass",
    ),
    "a server that finds every request uncompressed": (
        {"client_compressed_unary", "client_compressed_streaming"},
        "async def _expect_compression(self, request, context):\n"
        "    if request.expect_compressed.value:\n"
        "        await context.abort(grpc_core.StatusCode.INVALID_ARGUMENT, 'not compressed')",
    ),
    "a server that compresses nothing": (
        {"server_compressed_unary", "server_compressed_streaming"},
        "def handler(self):\n"
        "    grpc_core.aio.ServicerContext.set_compression = lambda self, compression: None\n"
        "    return super().handler()",
    ),
    "a server that compresses every response": (
        {"server_compressed_unary", "server_compressed_streaming"},
        "def handler(self):\n"
        "    grpc_core.aio.ServicerContext.disable_next_message_compression = lambda self: None\n"
        "    return super().handler()\n"
        "async def UnaryCall(self, request, context):\n"
        "    if request.HasField('response_compressed'): request.response_compressed.value = True\n"
        "    return await super().UnaryCall(request, context)",
    ),
    "a call that takes too long": (
        LARGE - {"large_unary", "concurrent_large_unary"},
        "calls = 0\n"
        "async def UnaryCall(self, request, context):\n"
        "    self.calls += request.response_size > 1\n"
        "    if self.calls in (5, 30): await asyncio.sleep(1.2)\n"
        "    return await super().UnaryCall(request, context)",
    ),
}
"""What is wrong -> (the cases that must fail, the members that make it so)."""

COMPRESSING_WRONGLY = {"a server that compresses nothing", "a server that compresses every response"}
"""What a client that cannot tell whether a response came compressed does not see."""

SEEN_BY_THE_FACE = (
    "responses without their last",
    "a response too many",
    "metadata that is all trailing",
    "another status",
    "a server that does not look",
    "a server that compresses nothing",
)
"""What the cases learn by what is different on the blocking API: its responses, metadata, status and flags."""


def wrong_server(members: str) -> list[str]:
    """The command line of a server with these members."""
    return python(SERVER.format(members="\n".join(f"    {line}" for line in members.splitlines())))


def commands(program: str) -> Commands:
    """How the program is started; skips where its peer is not here and need not be."""
    try:
        return PROGRAMS[program].commands()
    except Missing as missing:
        if PROGRAMS[program].peer in required():
            raise
        pytest.skip(str(missing))


def failing(command: list[str], server: list[str], suite: str, names: list[str]) -> set[str]:
    """The cases of a client that fail with the server."""
    with serving(server) as running:
        address = ",".join([running.address] * len(names)) if suite == "negative" else running.address
        arguments = ["--addr", address, "--suite", suite, "--check", ",".join(names)]
        done = run([*command, *arguments], timeout_s=100)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["check"] for line in told] == names, done
    assert done.exit_status == (0 if all(line["ok"] for line in told) else 1)
    return {line["check"] for line in told if not line["ok"]}


@pytest.mark.parametrize("fault", WRONG_SERVERS)
def test_a_wrong_server_fails_its_cases_and_no_other(fault: str) -> None:
    must_fail, members = WRONG_SERVERS[fault]
    names = [name for name in OFFICIAL if name in must_fail or name not in LONG]
    assert failing(plait.commands().client, wrong_server(members), "official", names) == must_fail


@pytest.mark.parametrize("fault", SEEN_BY_THE_FACE)
def test_the_blocking_api_shows_the_cases_what_the_asyncio_api_shows_them(fault: str) -> None:
    must_fail, members = WRONG_SERVERS[fault]
    names = [name for name in OFFICIAL if name not in LONG]
    assert failing(plait.blocking_commands().client, wrong_server(members), "official", names) == must_fail


@pytest.mark.timeout(600)  # The first one fetches what the client needs.
@pytest.mark.parametrize("fault", [fault for fault in WRONG_SERVERS if fault not in COMPRESSING_WRONGLY])
def test_the_cases_that_are_written_in_javascript_can_fail_too(fault: str) -> None:
    must_fail, members = WRONG_SERVERS[fault]
    client = commands("grpc_js")
    names = [name for name in OFFICIAL if (name in must_fail or name not in LONG) and name not in client.lacks]
    assert failing(client.client, wrong_server(members), "official", names) == must_fail - client.lacks.keys()


# The negative servers.


def test_what_a_negative_server_sees_counts_as_much_as_what_the_client_says() -> None:
    """A client that says PASS, and has made two calls on a connection with a GOAWAY."""
    program = """
import asyncio, sys
from http2 import frames
from hpack_codec import Encoder

async def main(host, port):
    reader, writer = await asyncio.open_connection(host, int(port))
    block = Encoder().encode([(b":method", b"POST")])
    writer.write(frames.PREFACE + frames.build_settings({}))
    for stream_id in (1, 3):
        writer.write(frames.build_field_block(block, stream_id, False, 16384))
    writer.write(frames.build_ping(bytes(8)))
    while bytes(8) not in await reader.read(65536):
        pass
    print('{"check": "goaway", "ok": true, "detail": "it says"}')
    writer.close()

asyncio.run(main(*sys.argv[sys.argv.index("--addr") + 1].split(":")))
"""
    commands = Commands([], python(program), "careless 1")
    scenario = Scenario("careless", NEGATIVE_SERVER, "careless")
    (report,) = run_scenarios([scenario], Workplace(Path(), {"careless": lambda: commands}), ["goaway"])
    assert report.result is Result.FAIL
    assert report.checks == [Outcome("goaway", False, "a call on a connection after its GOAWAY")]


@pytest.mark.parametrize("program", ["plait", "plait_sync", "grpcio", "grpc_js"])
def test_with_a_good_server_the_cases_of_resets_fail(program: str) -> None:
    """They hold where the call fails, so they must not hold where it succeeds."""
    resets = [name for name in NEGATIVE if name.startswith("rst_")]
    assert failing(commands(program).client, plait.commands().server, "negative", resets) == set(resets)


def test_the_negative_servers_are_those_of_the_cases() -> None:
    assert list(negative_server.ANSWERS) == list(NEGATIVE)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (
            ["interop.negative_server", "--case", "ping,no_such_case"],
            "no case is named 'no_such_case'; there are goaway,",
        ),
        (["interop.negative_server", "--case", "ping,goaway", "--port", "9"], "one port is for one case"),
        (["interop.negative_server", "--case", "ping", "--port", "PORT"], "cannot listen on 127.0.0.1:"),
        (["interop.peers.plait.client", "--addr", "127.0.0.1:9", "--suite", "negative"], "8 checks of negative need"),
        (
            ["interop.peers.plait.client", "--addr", "127.0.0.1:9", "--suite", "official", "--check", "ping"],
            "no check of official is named 'ping'; there are empty_unary,",
        ),
        (["interop.peers.plait.client", "--addr", "127.0.0.1:9", "--blocking"], "helloworld is for the asyncio API"),
        (["interop.peers.plait.client", "--addr", "127.0.0.1:9", "--tls-ca", "x"], "--tls-ca and --tls-name go"),
        (["interop.peers.plait.server", "--tls-cert", "x"], "--tls-cert and --tls-key go together"),
        (["interop.peers.plait.server", "--tls-cert", "no/x", "--tls-key", "y"], "cannot read no/x: No such file"),
    ],
)
def test_a_command_line_that_is_not_valid(arguments: list[str], reason: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run([sys.executable, "-m", *(port if word == "PORT" else word for word in arguments)], timeout_s=60)
    assert (done.problem, done.stdout) == (None, "")
    assert done.exit_status != 0
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


# The messages.


def test_the_messages_are_those_of_the_official_proto() -> None:
    """As a program that was built from messages.proto writes them."""
    request = SimpleRequest(response_size=3, payload=payload(2), response_status=EchoStatus(code=2, message="m"))
    assert request.SerializeToString() == b"\x10\x03\x1a\x04\x12\x02\0\0\x3a\x05\x08\x02\x12\x01m"
    assert ResponseParameters(size=1, interval_us=2).SerializeToString() == b"\x08\x01\x10\x02"
    assert SimpleRequest.DESCRIPTOR.full_name == "grpc.testing.SimpleRequest"


def test_half_duplex_answers_after_the_last_request_and_after_the_interval() -> None:
    """No official case calls it; the official servers have it."""

    async def main() -> None:
        server = grpc_core.aio.server()
        face = AsyncFace(grpc_core)
        server.add_generic_rpc_handlers((TestService(face).handler(),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            async with TestClient(face, f"127.0.0.1:{port}") as client:
                call = client.begin("HalfDuplexCall")
                for size in (3, 5):
                    parameters = [ResponseParameters(size=size, interval_us=1)]
                    await call.write(StreamingOutputCallRequest(response_parameters=parameters))
                reading = asyncio.ensure_future(call.read())
                await client.begin("EmptyCall", Empty())
                assert not reading.done()
                await call.done_writing()
                assert (await reading).payload == payload(3)
                await client.expect_payload(call, 5)
                await client.expect_end(call)
        finally:
            await server.stop(None)

    asyncio.run(main())
