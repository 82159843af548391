"""`python -m grpc_core serve` as a program: what it offers, over plaintext and TLS, and how it ends."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from grpc_core import StatusCode, aio, reflection, route_guide, ssl_channel_credentials, stub
from grpc_core.__main__ import main as command
from tests.grpc_core.support import PATIENCE_S, run
from tests.grpc_core.support_main import Capture, program
from tests.support.tls import TlsFiles, make_certificate, tls_files

__all__ = ["tls_files"]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Capture:
    return Capture(capsys)


async def target_of(server: Any) -> str:
    """Where it listens, from the first line that it prints."""
    line = (await server.stdout.readline()).decode()
    assert line.startswith("LISTENING "), line
    return line.removeprefix("LISTENING ").strip()


async def stopped(server: Any, number: int) -> tuple[int, bytes]:
    """(exit code, standard error) after the signal."""
    server.send_signal(number)
    _, error = await server.communicate()
    return server.returncode, error


def test_it_has_two_services_with_health_and_reflection(call: Capture) -> None:
    async def main() -> None:
        async with program("serve") as server:
            target = await target_of(server)
            _, names, _ = await call(target)
            assert names.splitlines() == [
                "grpc.channelz.v1.Channelz",
                "grpc.health.v1.Health",
                *reflection.SERVICE_NAMES,
                "helloworld.Greeter",
                "routeguide.RouteGuide",
            ]
            assert await call(target, "helloworld.Greeter/SayHello", "-d", '{"name": "you"}') == (
                0,
                '{"message": "Hello you"}\n',
                "",
            )
            for service in ("helloworld.Greeter", "routeguide.RouteGuide", ""):
                answer = await call(target, "grpc.health.v1.Health/Check", "-d", f'{{"service": "{service}"}}')
                assert answer == (0, '{"status": "SERVING"}\n', "")
            assert await call(
                target, "routeguide.RouteGuide/RecordRoute", "-d", '{"latitude": 471402000, "longitude": -282488000}{}'
            ) == (0, '{"pointCount": 2, "featureCount": 1, "distance": 5914210}\n', "")
            assert await stopped(server, signal.SIGTERM) == (0, b"")

    run(main())


def test_ctrl_c_ends_it_while_calls_are_going_on() -> None:
    """A bidirectional call that never ends is given a moment, and then cancelled."""

    async def main() -> None:
        async with program("serve", "--host", "::1") as server:
            target = await target_of(server)
            assert target.startswith("[::1]:")
            async with aio.insecure_channel(target) as channel:
                chat = stub(route_guide.DESCRIPTOR)(channel).RouteChat()
                for _ in range(2):
                    await chat.write(route_guide.RouteNote(message="here"))
                assert (await chat.read()).message == "here"
                assert await stopped(server, signal.SIGINT) == (0, b"")
                assert await chat.code() in (StatusCode.UNAVAILABLE, StatusCode.CANCELLED)

    run(main())


def test_verbose_prints_frames() -> None:
    async def main() -> None:
        async with program("serve", "--verbose") as server:
            target = await target_of(server)
            async with aio.insecure_channel(target) as channel:
                await stub(route_guide.DESCRIPTOR)(channel).GetFeature(route_guide.Point())
            server.send_signal(signal.SIGTERM)
            output, error = await server.communicate()
            assert b":path: /routeguide.RouteGuide/GetFeature" in output, output
            assert error == b""

    run(main())


def test_tls_for_clients_that_have_a_certificate(tls_files: TlsFiles, tmp_path: Path, call: Capture) -> None:
    client = make_certificate(tmp_path)
    pem = tmp_path / "both.pem"
    pem.write_bytes(tls_files.key.read_bytes() + tls_files.cert.read_bytes())

    async def main() -> None:
        async with program("serve", "--tls-cert", str(pem), "--tls-client-ca", str(client.cert)) as server:
            target = await target_of(server)
            trust = ("--tls-ca", str(tls_files.cert))
            ours = ("--tls-cert", str(client.cert), "--tls-key", str(client.key))
            exit_code, names, error = await call(target, "list", *trust, *ours)
            assert (exit_code, error) == (0, "")
            assert "routeguide.RouteGuide" in names
            exit_code, _, error = await call(target, "list", *trust, "--timeout", "20")
            assert exit_code in (1, 3), error
            assert error.count("\n") == 1
            assert await stopped(server, signal.SIGTERM) == (0, b"")

    run(main())


def test_tls_for_everybody(tls_files: TlsFiles) -> None:
    async def main() -> None:
        async with program("serve", "--tls-cert", str(tls_files.cert), "--tls-key", str(tls_files.key)) as server:
            credentials = ssl_channel_credentials(tls_files.cert.read_bytes())
            async with aio.secure_channel(await target_of(server), credentials) as channel:
                feature = await stub(route_guide.DESCRIPTOR)(channel).GetFeature(
                    route_guide.Point(), timeout=PATIENCE_S
                )
                assert feature.name == ""
            assert await stopped(server, signal.SIGTERM) == (0, b"")

    run(main())


def test_a_port_that_another_one_serves_on() -> None:
    async def main() -> None:
        async with program("serve") as server:
            port = (await target_of(server)).rpartition(":")[2]
            async with program("serve", "--port", port) as second:
                _, error = await second.communicate()
                assert second.returncode == 2
                assert error.startswith(b"grpc_core serve: Failed to bind to address 127.0.0.1:")
                assert error.count(b"\n") == 1

    run(main())


def test_a_port_in_use() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            async with program("serve", "--port", str(taken.getsockname()[1])) as server:
                _, error = await server.communicate()
                assert server.returncode == 2
                assert error.startswith(b"grpc_core serve: Failed to bind to address 127.0.0.1:")
                assert error.count(b"\n") == 1

    run(main())


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--tls-key", "CERT"], "--tls-key needs --tls-cert"),
        (["--tls-client-ca", "CERT"], "--tls-client-ca needs --tls-cert"),
        (["--tls-cert", "no-such-file"], "--tls-cert no-such-file: No such file or directory"),
        (["--tls-cert", "CERT"], "--tls-cert CERT: private key and certificate chain cannot be used: "),
        (["--tls-cert", "CERT", "--tls-key", "no-such-file"], "--tls-key no-such-file: No such file or directory"),
        (["--tls-cert", "CERT", "--tls-key", "KEY", "--tls-client-ca", "KEY"], "--tls-cert CERT: root certificates "),
        (["--port", "99999"], "Failed to bind to address 127.0.0.1:99999"),
        (["--host", ""], "Failed to bind to address :0"),
    ],
)
def test_what_cannot_be_served_is_one_line(
    arguments: list[str], reason: str, tls_files: TlsFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {"CERT": str(tls_files.cert), "KEY": str(tls_files.key)}
    assert command(["serve", *(paths.get(argument, argument) for argument in arguments)]) == 2
    captured = capsys.readouterr()
    for name, path in paths.items():
        captured = captured._replace(err=captured.err.replace(path, name))
    assert captured.out == ""
    assert captured.err.startswith(f"grpc_core serve: {reason}"), captured.err
    assert captured.err.count("\n") == 1
