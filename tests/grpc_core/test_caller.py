"""What `call` does during a call: input that comes meanwhile, metadata, TLS, and a server without reflection.

The rest of it, lists and descriptions and single messages, is in `test_main`.
"""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

import grpc_core
from grpc_core import aio, demo, reflection, ssl_server_credentials
from grpc_core.stub import service_handler
from tests.grpc_core.support import run
from tests.grpc_core.support_main import EVERY_SERVER, KEEPER, POOL, Animal, Capture, Keeper, our_server, program
from tests.grpc_core.support_services import running
from tests.support.aio import run as run_loosely
from tests.support.tls import TlsFiles, make_certificate, tls_files

__all__ = ["tls_files"]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Capture:
    return Capture(capsys)


# -- standard input ----------------------------------------------------------------------------------------------------


async def said(process: Any) -> Any:
    """The next message that the program prints."""
    return json.loads(await process.stdout.readline())


@EVERY_SERVER
def test_a_bidirectional_call_by_hand(make_server: Callable[[], Any]) -> None:
    """Each answer is read before the next message is typed; a document need not end with its line."""

    async def main() -> None:
        async with (
            running(make_server()) as port,
            program("call", f"127.0.0.1:{port}", "zoo.Keeper/Both", "-d", "-") as caller,
        ):
            for octets, answer in (
                (b'{"name": "a"}', "a"),
                (b'\n{"name":\n "b"} {"na', "b"),
                ('me": "ä"}'.encode(), "ä"),
            ):
                caller.stdin.write(octets)
                assert await said(caller) == {"name": answer}
            assert await caller.communicate(b"") == (b"", b"")
            assert caller.returncode == 0

    run_loosely(main())


def test_a_stream_of_requests_with_one_response(call: Capture) -> None:
    async def main() -> None:
        async with (
            running(our_server()) as port,
            program("call", f"127.0.0.1:{port}", "zoo.Keeper/In", "-d", "@-") as caller,
        ):
            assert await caller.communicate(b'{"name": "a"}{"name": "b"}') == (b'{"friends": ["a", "b"]}\n', b"")

    run(main())


def test_one_message_from_standard_input() -> None:
    async def main() -> None:
        async with (
            running(our_server()) as port,
            program("call", f"127.0.0.1:{port}", "zoo.Keeper/Unary", "-d", "-") as caller,
        ):
            assert await caller.communicate(b'{"legs": 2}\n') == (b'{"legs": 3}\n', b"")

    run(main())


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (b'{"name": }', b"-d is not JSON: Expecting value: line 1 column 10"),
        (b'{"no": 1}', b"-d, document 2 is not a zoo.Animal: "),
        (b'["a"]', b"-d, document 2 is not a zoo.Animal: "),
    ],
)
def test_a_mistake_in_mid_stream_ends_the_call(typed: bytes, reason: bytes) -> None:
    """What was right before it was sent and answered; nothing is waited for after it."""

    async def main() -> None:
        async with (
            running(our_server()) as port,
            program("call", f"127.0.0.1:{port}", "zoo.Keeper/Both", "-d", "-") as caller,
        ):
            caller.stdin.write(b'{"name": "a"}')
            assert await said(caller) == {"name": "a"}
            caller.stdin.write(typed)
            error = await caller.stderr.read()
            assert error.startswith(b"grpc_core call: " + reason), error
            assert error.count(b"\n") == 1
            assert await caller.wait() == 2

    run(main())


class Brief(Keeper):
    """Ends a stream after its first message, whatever may still come."""

    async def Both(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield Animal(name=request.name)
            await context.abort(grpc_core.StatusCode.ABORTED, "enough")


def test_the_end_of_the_call_does_not_wait_for_standard_input() -> None:
    async def main() -> None:
        server = aio.server()
        server.add_generic_rpc_handlers((service_handler(KEEPER, Brief(grpc_core)),))
        reflection.enable_reflection([KEEPER], server)
        async with (
            running(server) as port,
            program("call", f"127.0.0.1:{port}", "zoo.Keeper/Both", "-d", "-") as caller,
        ):
            caller.stdin.write(b"{}")
            assert await said(caller) == {}
            assert await caller.stderr.read() == b"grpc_core call: ABORTED: enough\n"
            assert await caller.wait() == 1

    run(main())


def test_ctrl_c_while_standard_input_is_waited_for() -> None:
    async def main() -> None:
        async with (
            running(our_server()) as port,
            program("call", f"127.0.0.1:{port}", "zoo.Keeper/Both", "-d", "-") as caller,
        ):
            caller.stdin.write(b"{}")
            assert await said(caller) == {}
            caller.send_signal(signal.SIGINT)
            assert await caller.stderr.read() == b""
            assert await caller.wait() == 130

    run(main())


# -- metadata and status -----------------------------------------------------------------------------------------------


class Talkative(Keeper):
    """Sends metadata before and after."""

    async def Unary(self, request: Any, context: Any) -> Any:
        await context.send_initial_metadata((("x-first", "1"), ("x-raw-bin", b"\x00\xff")))
        context.set_trailing_metadata((("x-last", "2"),))
        if request.name == "bad":
            await context.abort(self._grpc.StatusCode.NOT_FOUND, "no such animal")
        return Animal()


def talkative_server() -> aio.Server:
    server = aio.server()
    server.add_generic_rpc_handlers((service_handler(KEEPER, Talkative(grpc_core)),))
    reflection.enable_reflection([KEEPER], server)
    return server


@pytest.mark.parametrize(
    ("name", "status", "end"), [("good", "OK", ""), ("bad", "NOT_FOUND", "grpc_core call: NOT_FOUND: no such animal\n")]
)
def test_metadata_and_status_are_told_when_asked_for(call: Capture, name: str, status: str, end: str) -> None:
    async def main() -> None:
        async with running(talkative_server()) as port:
            arguments = (f"127.0.0.1:{port}", "zoo.Keeper/Unary", "-d", f'{{"name": "{name}"}}')
            exit_code, output, told = await call(*arguments, "-v")
            assert told == (
                "initial metadata: x-first: 1\n"
                "initial metadata: x-raw-bin: AP8\n"
                "trailing metadata: x-last: 2\n"
                f"status: {status}\n{end}"
            )
            quiet = await call(*arguments)
            assert quiet == (exit_code, output, end.removeprefix("grpc_core call: ")), "and only then"

    run(main())


def test_an_error_before_anything_was_sent_has_a_status_too(call: Capture) -> None:
    async def main() -> None:
        async with running(our_server()) as port:
            _, _, told = await call(f"127.0.0.1:{port}", "zoo.Keeper/Unary", "-d", '{"name": "bad"}', "--show-metadata")
            assert told == "status: FAILED_PRECONDITION\ngrpc_core call: FAILED_PRECONDITION: bad\\nanimal\n"

    run(main())


# -- the way there -----------------------------------------------------------------------------------------------------


def test_a_unix_socket(call: Capture, tmp_path: Path) -> None:
    async def main() -> None:
        server = our_server()
        path = tmp_path / "socket"
        server.add_insecure_port(f"unix:{path}")
        await server.start()
        assert await call(f"unix:{path}", "zoo.Keeper/Unary") == (0, '{"legs": 1}\n', "")
        await server.stop(None)
        exit_code, _, error = await call(f"unix:{tmp_path / 'nobody'}", "list")
        assert exit_code == 3
        assert error.count("\n") == 1

    run(main())


def test_tls(call: Capture, tls_files: TlsFiles, tmp_path: Path) -> None:
    """The certificate is for localhost: trusted under that name, refused under others, believed when told to."""
    ours = make_certificate(tmp_path)
    pem = tls_files.key.read_bytes(), tls_files.cert.read_bytes()

    async def main() -> None:
        server = our_server()
        port = server.add_secure_port("127.0.0.1:0", ssl_server_credentials([pem], ours.cert.read_bytes(), True))
        await server.start()
        target = f"127.0.0.1:{port}"
        good = (0, '{"legs": 1}\n', "")
        known = ("--tls-cert", str(ours.cert), "--tls-key", str(ours.key))
        trusting = ("--tls-ca", str(tls_files.cert))
        assert await call(target, "zoo.Keeper/Unary", *trusting, *known) == good
        assert await call(target, *trusting, *known, "--tls-name", "localhost", "zoo.Keeper/Unary") == good
        assert await call(target, "--insecure-skip-verify", *known, "zoo.Keeper/Unary") == good
        for options in (
            (*trusting, *known, "--tls-name", "example.org"),
            ("--tls", *known),
            (),
        ):
            exit_code, output, error = await call(target, *options, "--timeout", "20", "list")
            assert (exit_code, output) == (3, ""), options
            assert error.startswith(f"no connection to {target}: "), error
            assert error.count("\n") == 1
        await server.stop(None)

    run_loosely(main())  # asyncio leaves what it knows of a handshake that failed


def test_authority(call: Capture) -> None:
    tap: list[str] = []

    async def main() -> None:
        server = demo.make_server(tap.append)
        reflection.enable_reflection([demo.GREETER], server)
        async with running(server) as port:
            assert (await call(f"127.0.0.1:{port}", "list", "--authority", "greetings.example"))[0] == 0

    run(main())
    assert any(":authority: greetings.example" in line for line in tap), tap


# -- without reflection ------------------------------------------------------------------------------------------------


@pytest.fixture
def descriptor_set(tmp_path: Path) -> str:
    """The zoo in a file, as protoc writes it."""
    files = [
        FileDescriptorProto.FromString(POOL.FindFileByName(f"zoo/{name}.proto").serialized_pb)
        for name in ("base", "left", "right", "zoo")
    ]
    path = tmp_path / "zoo.pb"
    path.write_bytes(FileDescriptorSet(file=files).SerializeToString())
    return str(path)


def silent_server() -> aio.Server:
    """One without reflection."""
    server = aio.server()
    server.add_generic_rpc_handlers((service_handler(KEEPER, Keeper(grpc_core)),))
    return server


def test_a_descriptor_set_in_place_of_reflection(call: Capture, descriptor_set: str) -> None:
    async def main() -> None:
        async with running(silent_server()) as port:
            target = (f"127.0.0.1:{port}", "--proto-descriptor", descriptor_set)
            assert await call(*target, "list") == (0, "zoo.Keeper\n", "")
            assert (await call(*target, "describe", "zoo.Kind"))[0] == 0
            assert await call(*target, "zoo.Keeper/Out", "-d", '{"legs": 1}') == (0, '{"legs": 1}\n', "")
            assert await call(*target, "zoo.Keeper/In", "-d", '{"name": "a"}') == (0, '{"friends": ["a"]}\n', "")
            assert await call(*target, "zoo.Nobody/In") == (
                1,
                "",
                "NOT_FOUND: symbol 'zoo.Nobody' is not in the descriptor set\n",
            )

    run(main())


@pytest.mark.parametrize("method", ["Unary", "Both"])
def test_a_descriptor_set_and_no_server(call: Capture, descriptor_set: str, method: str) -> None:
    async def main() -> None:
        target = ("127.0.0.1:1", "--proto-descriptor", descriptor_set)
        assert (await call(*target, "list"))[0] == 0, "nobody has to be asked"
        exit_code, output, error = await call(*target, f"zoo.Keeper/{method}", "-d", "{}")
        assert (exit_code, output) == (3, "")
        assert error.startswith("no connection to 127.0.0.1:1: failed to connect")
        assert error.count("\n") == 1

    run(main())
