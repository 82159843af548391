"""Every check of the helloworld case can fail: where a server is wrong in one thing, that check fails and no other.

So it is for each client that has its own copy of the checks; grpcio's is the same code as ours.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from interop import cases
from interop.cases import CHECKS, HelloReply, HelloRequest
from interop.matrix import GRPC_PEERS, required
from interop.peers import plait
from interop.peers.peer import Missing
from interop.peers.process import run, serving
from tests.interop.programs import python

SERVER = """
import sys

import grpc_core
from interop import cases
from interop.peers.command_line import run_server

class Wrong(cases.Greeter):
    async def SayHello(self, request, context):
        name = request.name
{statements}
        return await super().SayHello(request, context)

    def handler(self):
        {handler}

cases.Greeter = Wrong
sys.exit(run_server(grpc_core))
"""

SAME_HANDLER = "return super().handler()"
ANY_METHOD = """
        say_hello = super().handler()
        class Any(grpc_core.GenericRpcHandler):
            def service(self, details):
                return say_hello.service(details._replace(method="/helloworld.Greeter/SayHello"))
        return Any()
"""

WRONG_SERVERS = {
    "a greeting that is another": ("greeting", "if name == 'world': return cases.HelloReply(message='Hi world')"),
    "metadata that is all trailing": (
        "metadata_echo",
        "if name == 'metadata':\n"
        "    context.set_trailing_metadata(context.invocation_metadata())\n"
        "    return cases.HelloReply(message='Hello metadata')",
    ),
    "binary metadata that is cut": (
        "metadata_echo",
        "if name == 'metadata':\n"
        "    await context.send_initial_metadata((('x-echo', 'plain text'),))\n"
        "    context.set_trailing_metadata((('x-echo-bin', cases.EVERY_OCTET[:-1]),))\n"
        "    return cases.HelloReply(message='Hello metadata')",
    ),
    "details without the last letter": (
        "error_status",
        "if name == 'error': await context.abort(grpc_core.StatusCode.FAILED_PRECONDITION, cases.FAILURE_DETAILS[:-1])",
    ),
    "another status code": (
        "error_status",
        "if name == 'error': await context.abort(grpc_core.StatusCode.INTERNAL, cases.FAILURE_DETAILS)",
    ),
    "success where an error is due": (
        "error_status",
        "if name == 'error': return cases.HelloReply(message='Hello error')",
    ),
    "a deadline that is not waited for": ("deadline", "if name == 'sleep': return cases.HelloReply()"),
    "a connection that is worn out": (
        "deadline",
        "if name == 'after': await context.abort(grpc_core.StatusCode.UNAVAILABLE, 'closing')",
    ),
    "a large message that is cut": (
        "large_message",
        "if len(name) > 1000: return cases.HelloReply(message='Hello ' + name[:-1])",
    ),
    "replies that are mixed up": (
        "concurrent",
        "if name == 'caller 42': return cases.HelloReply(message='Hello caller 43')",
    ),
    "a method that nobody described": ("unimplemented", "pass"),
}


@pytest.mark.timeout(600)  # The first one may build the Go programs.
@pytest.mark.parametrize("fault", WRONG_SERVERS)
@pytest.mark.parametrize("peer", ["plait", "grpc_go"])
def test_a_wrong_server_fails_its_check_and_no_other(peer: str, fault: str) -> None:
    try:
        client = (plait.commands if peer == "plait" else GRPC_PEERS[peer])().client
    except Missing as missing:
        if peer in required():
            raise
        pytest.skip(str(missing))
    check, statements = WRONG_SERVERS[fault]
    program = SERVER.format(
        statements="\n".join(f"        {line}" for line in statements.splitlines()),
        handler=ANY_METHOD if check == "unimplemented" else SAME_HANDLER,
    )
    with serving(python(program)) as server:
        done = run([*client, "--addr", server.address], timeout_s=60)
    assert (server.problem, server.stderr) == (None, "")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["check"] for line in told] == list(CHECKS), done
    assert [line["check"] for line in told if not line["ok"]] == [check], told
    assert done.exit_status == 1


@pytest.mark.parametrize("peer", ["plait", "grpc_go"])
def test_one_check_can_be_made_alone(peer: str) -> None:
    try:
        client = (plait.commands if peer == "plait" else GRPC_PEERS[peer])().client
    except Missing as missing:
        pytest.skip(str(missing))
    with serving(plait.commands().server) as server:
        done = run([*client, "--addr", server.address, "--check", "error_status"], timeout_s=60)
        unknown = run([*client, "--addr", server.address, "--check", "no_such_check"], timeout_s=60)
    assert [json.loads(line)["check"] for line in done.stdout.splitlines()] == ["error_status"]
    assert done.exit_status == 0
    assert (unknown.stdout, unknown.exit_status != 0) == ("", True)
    assert "no_such_check" in unknown.stderr


def test_nobody_at_the_address_is_a_failed_check_and_no_traceback() -> None:
    done = run([*plait.commands().client, "--addr", "127.0.0.1:1", "--check", "greeting"], timeout_s=60)
    assert (done.exit_status, done.stderr) == (1, "")
    assert "UNAVAILABLE" in json.loads(done.stdout)["detail"]


def test_the_messages_are_helloworld_s() -> None:
    """Field 1, a string: as in the proto that the Go peer's official package was generated from."""
    assert HelloRequest(name="abc").SerializeToString() == b"\x0a\x03abc"
    assert HelloReply.FromString(b"\x0a\x03abc").message == "abc"
    assert HelloRequest.DESCRIPTOR.full_name == "helloworld.HelloRequest"


def test_the_messages_leave_the_common_pool_alone() -> None:
    """A program with a helloworld.proto of its own can import this module. In an interpreter that has no other."""
    program = (
        "import interop.cases\nfrom google.protobuf import descriptor_pool\n"
        "try:\n    print(descriptor_pool.Default().FindFileByName('helloworld.proto'))\n"
        "except KeyError:\n    print('not there')"
    )
    assert run(python(program), timeout_s=30).stdout == "not there\n"


def test_the_table_in_the_docstring_and_the_go_client_have_the_same_checks() -> None:
    go_client = Path(cases.__file__).parent / "peers" / "grpc_go" / "client" / "main.go"
    rows = [line.split("`")[1] for line in (cases.__doc__ or "").splitlines() if line.startswith("| `")]
    go_table = go_client.read_text(encoding="utf-8").split("var checks = []check{")[1].split("\n}")[0]
    assert rows == [line.split('"')[1] for line in go_table.split("\n")[1:]] == list(CHECKS)
