"""grpcurl, which knows of a server only what its reflection says, against both faces of our server."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import grpc_core
from grpc_core import aio, ssl_server_credentials
from grpc_core.health import SERVICE_NAME as HEALTH
from grpc_core.health import ServingStatus, add_health
from grpc_core.reflection import DESCRIPTORS, SERVICE_NAMES, ReflectionServicer, enable_reflection
from grpc_core.stub import service_handler
from interop.matrix import required
from interop.peers import grpcurl
from interop.peers.peer import Missing
from tests.grpc_core.support_main import KEEPER, POOL, Animal, Keeper
from tests.support.tls import TlsFiles, tls_files

__all__ = ["tls_files"]

TIMEOUT_S = 60.0
Grpcurl = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture(scope="module")
def program() -> Path:
    """The program; without Go the tests are skipped, unless INTEROP_REQUIRE names it."""
    try:
        return grpcurl.program()
    except Missing as error:
        (pytest.fail if grpcurl.NAME in required() else pytest.skip)(f"grpcurl is missing: {error}")


class BlockingKeeper:
    """`zoo.Keeper` for threads: the same answers as those of `Keeper`."""

    def Unary(self, request: Any, context: Any) -> Any:
        if request.name == "bad":
            context.abort(grpc_core.StatusCode.FAILED_PRECONDITION, "bad\nanimal")
        return Animal(name=request.name, legs=request.legs + 1)

    def Out(self, request: Any, context: Any) -> Iterator[Any]:
        for number in range(request.legs):
            yield Animal(name=request.name, legs=number + 1)

    def In(self, requests: Any, context: Any) -> Any:
        return Animal(friends=[request.name for request in requests])

    def Both(self, requests: Any, context: Any) -> Iterator[Any]:
        for request in requests:
            yield Animal(name=request.name)


def equip(server: Any, keeper: Any) -> None:
    server.add_generic_rpc_handlers((service_handler(KEEPER, keeper),))
    add_health(server).set("zoo.Keeper", ServingStatus.SERVING)
    enable_reflection([KEEPER, HEALTH], server)


@asynccontextmanager
async def served(face: str, credentials: Any) -> AsyncIterator[int]:
    """The port of a server of that face, with the zoo, health and reflection."""

    def bind(server: Any) -> int:
        if credentials is None:
            return int(server.add_insecure_port("127.0.0.1:0"))
        return int(server.add_secure_port("127.0.0.1:0", credentials))

    if face == "aio":
        server = aio.server()
        equip(server, Keeper(grpc_core))
        port = bind(server)
        await server.start()
        yield port
        await server.stop(None)
        return
    with ThreadPoolExecutor(4) as pool:
        blocking = grpc_core.server(pool)
        equip(blocking, BlockingKeeper())
        port = bind(blocking)
        blocking.start()
        try:
            yield port
        finally:
            await asyncio.to_thread(blocking.stop(None).wait)


def called(program: Path, port: int, *options: str) -> Grpcurl:
    """grpcurl with that server: (exit status, standard output, standard error) of a call."""

    async def call(*arguments: str, data: str | None = None) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            str(program),
            *options,
            *(() if data is None else ("-d", "@")),
            f"localhost:{port}",
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, error = await process.communicate((data or "").encode())
        assert process.returncode is not None
        return process.returncode, output.decode(), error.decode()

    return call


def run(main: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(TIMEOUT_S):
            await main

    asyncio.run(bounded())


def messages(output: str) -> list[Any]:
    """The JSON documents that grpcurl prints, one after the other."""
    decoder, found, rest = json.JSONDecoder(), [], output.lstrip()
    while rest:
        document, end = decoder.raw_decode(rest)
        found.append(document)
        rest = rest[end:].lstrip()
    return found


async def check_everything(call: Grpcurl) -> None:
    exit_status, output, error = await call("list")
    assert (exit_status, error) == (0, "")
    assert output.splitlines() == [HEALTH, *SERVICE_NAMES, "zoo.Keeper"]
    assert (await call("list", "zoo.Keeper"))[1].splitlines() == [
        f"zoo.Keeper.{method}" for method in ("Both", "In", "Out", "Unary")
    ]
    _, output, _ = await call("describe", "zoo.Keeper")
    assert "rpc Both ( stream .zoo.Animal ) returns ( stream .zoo.Animal );" in output
    _, output, _ = await call("describe", "zoo.Animal")
    assert "map<string, int32> ages = 6;" in output
    assert "optional string nick = 9;" in output

    two = '{"name": "a"}{"name": "b"}'
    for method, data, expected in (
        ("Unary", '{"name": "Ämil", "legs": 3}', [{"name": "Ämil", "legs": 4}]),
        ("Out", '{"legs": 2}', [{"legs": 1}, {"legs": 2}]),
        ("In", two, [{"friends": ["a", "b"]}]),
        ("Both", two, [{"name": "a"}, {"name": "b"}]),
    ):
        exit_status, output, error = await call(f"zoo.Keeper/{method}", data=data)
        assert (exit_status, error) == (0, ""), method
        assert messages(output) == expected

    exit_status, output, error = await call("zoo.Keeper/Unary", data='{"name": "bad"}')
    assert exit_status == 64 + grpc_core.StatusCode.FAILED_PRECONDITION.value[0]
    assert "Code: FailedPrecondition" in error
    assert "Message: bad\nanimal" in error

    assert messages((await call(f"{HEALTH}/Check", data='{"service": "zoo.Keeper"}'))[1]) == [{"status": "SERVING"}]
    assert messages((await call(f"{HEALTH}/List"))[1]) == [
        {"statuses": {"": {"status": "SERVING"}, "zoo.Keeper": {"status": "SERVING"}}}
    ]
    exit_status, _, error = await call(f"{HEALTH}/Check", data='{"service": "nobody"}')
    assert "Code: NotFound" in error

    exit_status, _, error = await call("describe", "zoo.Nobody")
    assert exit_status == 1
    assert "Symbol not found: zoo.Nobody" in error, "the ErrorResponse is understood"


@pytest.mark.wire("W190", "W192")
@pytest.mark.timeout(600)  # The first one builds the program.
@pytest.mark.parametrize("over_tls", [False, True], ids=["plaintext", "tls"])
@pytest.mark.parametrize("face", ["aio", "sync"])
def test_everything(program: Path, face: str, over_tls: bool, tls_files: TlsFiles) -> None:
    credentials, options = None, ["-plaintext"]
    if over_tls:
        credentials = ssl_server_credentials([(tls_files.key.read_bytes(), tls_files.cert.read_bytes())])
        options = ["-cacert", str(tls_files.cert)]

    async def main() -> None:
        async with served(face, credentials) as port:
            await check_everything(called(program, port, *options))

    run(main())


@pytest.mark.wire("W192")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("version", [0, 1], ids=["v1", "v1alpha"])
def test_each_version_of_reflection_alone(program: Path, version: int) -> None:
    async def main() -> None:
        server = aio.server()
        reflection = ReflectionServicer(DESCRIPTORS[version], ["zoo.Keeper"], [POOL])
        for descriptor, servicer in ((KEEPER, Keeper(grpc_core)), (DESCRIPTORS[version], reflection)):
            server.add_generic_rpc_handlers((service_handler(descriptor, servicer),))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        call = called(program, port, "-plaintext")
        assert await call("list") == (0, "zoo.Keeper\n", "")
        assert messages((await call("zoo.Keeper/Unary", data='{"legs": 3}'))[1]) == [{"legs": 4}]
        await server.stop(None)

    run(main())


def test_the_version_is_the_pinned_one() -> None:
    assert grpcurl.pinned_version().startswith("v1.")


def test_without_its_sources_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="run from a checkout of the repository"):
        grpcurl.program(tmp_path, tmp_path)
