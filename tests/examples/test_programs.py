"""The examples as programs: what they print, how they end, and that nobody sees a traceback."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.examples.support import listening, program, run

NAMES = ["route_guide", "chat", "files"]
EVERY_CLIENT = pytest.mark.parametrize("client", ["client", "client_sync"])


def server_arguments(name: str, tmp_path: Path) -> list[str]:
    folder = tmp_path / "server"
    folder.mkdir(exist_ok=True)
    return ["--port", "0", *(["--folder", str(folder)] if name == "files" else [])]


def client_arguments(name: str, tmp_path: Path) -> list[str]:
    (tmp_path / "file").write_bytes(b"content")
    return {"route_guide": [], "chat": ["den", "ann"], "files": ["upload", str(tmp_path / "file")]}[name]


@asynccontextmanager
async def running(name: str, tmp_path: Path) -> AsyncIterator[str]:
    """The target of a server that is stopped with Ctrl-C, and ends well."""
    async with program(f"{name}.server", *server_arguments(name, tmp_path)) as server:
        yield await listening(server)
        server.send_signal(signal.SIGINT)
        assert await server.communicate(b"") == (b"", b"")
        assert server.returncode == 0


async def outcome(process: Any, typed: bytes = b"") -> tuple[int, str, str]:
    """(exit status, standard output, standard error)."""
    output, error = await process.communicate(typed)
    return process.returncode, output.decode(), error.decode()


@EVERY_CLIENT
def test_route_guide(client: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with running("route_guide", tmp_path) as target, program(f"route_guide.{client}", target) as process:
            status, output, error = await outcome(process)
            assert (status, error) == (0, "")
            assert output.startswith("-- get_feature\nVillage Well at 47.1402, -28.2488\n")
            assert "10 points, 10 features, 29415 m, " in output

    run(main())


@EVERY_CLIENT
def test_chat(client: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with running("chat", tmp_path) as target, program(f"chat.{client}", target, "den", "ann") as ann:
            assert await ann.stdout.readline() == b"* ann has come; here are ann\n"
            async with program(f"chat.{client}", target, "den", "bob") as bob:
                assert await ann.stdout.readline() == b"* bob has come; here are ann, bob\n"
                bob.stdin.write("hällo\n".encode())
                assert await ann.stdout.readline() == "bob: hällo\n".encode()
                bob.send_signal(signal.SIGINT)
                assert await bob.stderr.read() == b""
                assert await bob.wait() == 130
            assert await ann.stdout.readline() == b"* bob has gone\n"
            assert await outcome(ann, b"bye\n") in [(0, "ann: bye\n", ""), (0, "", "")]

    run(main())


@EVERY_CLIENT
def test_files(client: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with running("files", tmp_path) as target:
            upload = client_arguments("files", tmp_path)
            async with program(f"files.{client}", target, *upload, "--name", "there") as process:
                assert await outcome(process) == (0, "", ""), "no progress where there is no terminal"
            copy = tmp_path / "copy"
            async with program(f"files.{client}", target, "download", str(copy), "--name", "there") as process:
                assert await outcome(process) == (0, "", "")
            assert copy.read_bytes() == b"content"
            for arguments, status, reason in (
                (["download", str(copy), "--name", "nothing"], 1, "NOT_FOUND: there is no file 'nothing'\n"),
                (["download", str(copy), "--name", "../x"], 1, "INVALID_ARGUMENT: '../x' is not the name of a file\n"),
                (["upload", "/no/such"], 2, "[Errno 2] No such file or directory: '/no/such'\n"),
            ):
                async with program(f"files.{client}", target, *arguments) as process:
                    assert await outcome(process) == (status, "", reason)

    run(main())


def test_files_without_a_folder(tmp_path: Path) -> None:
    async def main() -> None:
        async with program("files.server", "--folder", str(tmp_path / "none")) as process:
            assert await outcome(process) == (2, "", f"{tmp_path / 'none'} is not a folder\n")

    run(main())


@EVERY_CLIENT
@pytest.mark.parametrize("name", NAMES)
def test_a_refused_connection_is_one_line(name: str, client: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with program(f"{name}.{client}", "127.0.0.1:1", *client_arguments(name, tmp_path)) as process:
            status, _, error = await outcome(process)
            assert status == 1
            assert error.startswith("UNAVAILABLE: failed to connect to all addresses"), error
            assert error.count("\n") == 1

    run(main())


@pytest.mark.parametrize("name", NAMES)
def test_a_port_in_use_is_one_line(name: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with running(name, tmp_path) as target:
            arguments = server_arguments(name, tmp_path)
            arguments[1] = target.rpartition(":")[2]
            async with program(f"{name}.server", *arguments) as second:
                status, output, error = await outcome(second)
                assert (status, output) == (2, "")
                assert error.startswith(f"cannot listen on {target}: "), error
                assert error.count("\n") == 1

    run(main())


@pytest.mark.parametrize("name", NAMES)
def test_help(name: str) -> None:
    async def main() -> None:
        for part in ("server", "client", "client_sync"):
            async with program(f"{name}.{part}", "--help") as process:
                status, output, error = await outcome(process)
                assert (status, error) == (0, "")
                assert output.startswith("usage: ")

    run(main())


def test_a_server_ends_while_a_call_is_going_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with program("chat.server", "--port", "0") as server:
            target = await listening(server)
            async with program("chat.client", target, "den", "ann") as ann:
                assert await ann.stdout.readline() == b"* ann has come; here are ann\n"
                server.send_signal(signal.SIGTERM)
                assert await outcome(server) == (0, "", "")
                status = await asyncio.wait_for(ann.wait(), 30)
                error = (await ann.stderr.read()).decode()
                assert (status, error.count("\n")) == (1, 1)
                assert error.startswith(("UNAVAILABLE: ", "CANCELLED: ")), error

    run(main())
