"""Files: whole and broken transfers with either library on either side, and everything that is refused."""

from __future__ import annotations

import asyncio
import hashlib
import io
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import grpc_core
from examples.files import client, client_sync, store, transfer
from examples.files import server as server_program
from examples.files.files_pb2 import DownloadRequest, StatRequest, UploadHead, UploadPart
from examples.files.files_pb2_grpc import FilesStub, add_FilesServicer_to_server
from examples.files.server import Files
from examples.files.store import CHUNK_BYTES, Part
from tests.examples.support import EVERY_PAIR, cuttable, modules_of, run, served

SIZE = 3_000_001
CONTENT = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(SIZE // 32 + 1))[:SIZE]
DIGEST = hashlib.sha256(CONTENT).digest()
EVERY_FACE = pytest.mark.parametrize("face", ["asyncio", "threads"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The server's."""
    path = tmp_path / "server"
    path.mkdir()
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The client's."""
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAUSE_S", 0.01)


class Noted(Files):
    """Notes where transfers begin."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.offsets: list[int] = []

    def _part(self, head: UploadHead) -> Part:
        self.offsets.append(head.offset)
        return super()._part(head)

    async def Download(self, request: DownloadRequest, context: Any) -> AsyncIterator[Any]:
        self.offsets.append(request.offset)
        async for part in super().Download(request, context):
            yield part


@asynccontextmanager
async def files_server(grpc: Any, folder: Path) -> AsyncIterator[tuple[Noted, int]]:
    files = Noted(folder)
    async with served(grpc, lambda server: add_FilesServicer_to_server(files, server)) as port:
        yield files, port


async def upload(face: str, grpc: Any, port: int, path: Path, name: str, progress: Any = lambda *_: None) -> None:
    if face == "asyncio":
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await client.upload(FilesStub(channel), path, name, progress, grpc.RpcError)
        return

    def in_thread() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            client_sync.upload(FilesStub(channel), path, name, progress, grpc.RpcError)

    await asyncio.to_thread(in_thread)


async def download(face: str, grpc: Any, port: int, name: str, path: Path, progress: Any = lambda *_: None) -> None:
    if face == "asyncio":
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            await client.download(FilesStub(channel), name, path, progress, grpc.RpcError)
        return

    def in_thread() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            client_sync.download(FilesStub(channel), name, path, progress, grpc.RpcError)

    await asyncio.to_thread(in_thread)


@EVERY_PAIR
@EVERY_FACE
def test_up_and_down_again(pair: str, face: str, folder: Path, file: Path) -> None:
    server_module, client_module = modules_of(pair)

    async def main() -> None:
        async with files_server(server_module, folder) as (files, port):
            told: list[tuple[int, int]] = []
            await upload(face, client_module, port, file, "a file", lambda *octets: told.append(octets))
            assert (folder / "a file").read_bytes() == CONTENT
            assert told[-1] == (SIZE, SIZE)
            assert len(told) == SIZE // CHUNK_BYTES + 1
            await upload(face, client_module, port, file, "a file")
            assert files.offsets == [0], "what is there is not sent again"
            copy = file.with_name("copy")
            await download(face, client_module, port, "a file", copy)
            assert copy.read_bytes() == CONTENT
            for place in (folder, file.parent):
                assert list((place / store.PARTS).iterdir()) == []

    run(main())


@EVERY_FACE
def test_an_empty_file(face: str, folder: Path, tmp_path: Path) -> None:
    async def main() -> None:
        empty = tmp_path / "empty"
        empty.touch()
        async with files_server(grpc_core, folder) as (_, port):
            await upload(face, grpc_core, port, empty, "empty")
            assert (folder / "empty").read_bytes() == b""
            await download(face, grpc_core, port, "empty", tmp_path / "copy")
            assert (tmp_path / "copy").read_bytes() == b""

    run(main())


# -- transfers that break ----------------------------------------------------------------------------------------------


@EVERY_PAIR
@EVERY_FACE
def test_an_upload_goes_on_after_its_connection_broke(
    pair: str, face: str, folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_module, client_module = modules_of(pair)
    written = 0
    write = Part.write

    async def main() -> None:
        async with files_server(server_module, folder) as (files, port), cuttable(port) as way:

            def write_and_cut(part: Part, chunk: bytes) -> None:
                nonlocal written
                write(part, chunk)
                written += 1
                if written == 5:
                    way.cut()

            monkeypatch.setattr(Part, "write", write_and_cut)
            await upload(face, client_module, way.port, file, "a file")
            assert way.cuts == 1
            first, second = files.offsets
            assert first == 0
            assert 5 * CHUNK_BYTES <= second <= SIZE, "not from the beginning"
            assert (folder / "a file").read_bytes() == CONTENT

    run(main())


@EVERY_PAIR
@EVERY_FACE
def test_a_download_goes_on_after_its_connection_broke(pair: str, face: str, folder: Path, tmp_path: Path) -> None:
    server_module, client_module = modules_of(pair)
    (folder / "a file").write_bytes(CONTENT)

    async def main() -> None:
        async with files_server(server_module, folder) as (files, port), cuttable(port) as way:

            def progress(octets: int, of: int) -> None:
                if octets == 5 * CHUNK_BYTES and not way.cuts:
                    way.cut()

            await download(face, client_module, way.port, "a file", tmp_path / "copy", progress)
            assert (tmp_path / "copy").read_bytes() == CONTENT
            assert files.offsets[0] == 0
            assert all(5 * CHUNK_BYTES <= offset <= SIZE for offset in files.offsets[1:]), files.offsets

    run(main())


def test_an_upload_that_was_cancelled_goes_on(folder: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = threading.Event()
    write = Part.write

    def write_and_tell(part: Part, chunk: bytes) -> None:
        write(part, chunk)
        some.set()

    monkeypatch.setattr(Part, "write", write_and_tell)

    async def main() -> None:
        async with (
            files_server(grpc_core, folder) as (files, port),
            grpc_core.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            stub = FilesStub(channel)
            call = stub.Upload()
            await call.write(head())
            await call.write(UploadPart(data=CONTENT[:CHUNK_BYTES]))
            assert await asyncio.to_thread(some.wait, 30)
            call.cancel()
            while files._coming:
                await stub.Stat(StatRequest(name="a file", sha256=DIGEST))
            assert not (folder / "a file").exists(), "it is not whole"
            await upload("asyncio", grpc_core, port, file, "a file")
            assert files.offsets == [0, CHUNK_BYTES]
            assert (folder / "a file").read_bytes() == CONTENT

    run(main())


@EVERY_FACE
def test_nobody_waits_for_a_server_that_was_never_there(face: str, file: Path) -> None:
    async def main() -> None:
        with pytest.raises(grpc_core.RpcError) as caught:
            await upload(face, grpc_core, 1, file, "a file")
        error: Any = caught.value
        assert error.code() is grpc_core.StatusCode.UNAVAILABLE

    run(main())


def test_a_transfer_that_does_not_get_on_is_given_up() -> None:
    class Error:
        def code(self) -> Any:
            return grpc_core.StatusCode.UNAVAILABLE

    attempts = transfer.Attempts()
    assert not attempts.may_go_on(Error(), 0), "no server has answered yet"
    attempts.have_begun = True
    assert attempts.may_go_on(Error(), 10)
    tries = 0
    while attempts.may_go_on(Error(), 10):
        tries += 1
    assert tries == transfer.ATTEMPTS_MAX - 1
    assert attempts.may_go_on(Error(), 11), "it got on"


# -- back-pressure -----------------------------------------------------------------------------------------------------

BIG = 32 * 2**20
LEAD_MAX = 8 * 2**20
"""So far at most is the reading end of a file ahead of the writing end: windows and queues, and not the file."""


def test_a_slow_disk_holds_back_an_upload(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    big = tmp_path / "big"
    big.write_bytes(bytes(BIG))
    written, leads = 0, []
    write = Part.write

    def write_slowly(part: Part, chunk: bytes) -> None:
        nonlocal written
        time.sleep(0.002)  # the disk
        write(part, chunk)
        written += len(chunk)

    monkeypatch.setattr(Part, "write", write_slowly)

    async def main() -> None:
        async with files_server(grpc_core, folder) as (_, port):
            await upload("asyncio", grpc_core, port, big, "big", lambda octets, _: leads.append(octets - written))
        assert written == BIG
        assert max(leads) < LEAD_MAX

    run(main())


def test_a_slow_reader_holds_back_a_download(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "big").write_bytes(bytes(BIG))
    read, leads = 0, []

    def counted(path: Path, offset: int) -> Iterator[bytes]:
        nonlocal read
        for chunk in store.chunks_of(path, offset):
            read += len(chunk)
            yield chunk

    monkeypatch.setattr(server_program, "chunks_of", counted)

    def progress(octets: int, of: int) -> None:
        time.sleep(0.002)  # the reader
        leads.append(read - octets)

    async def main() -> None:
        async with files_server(grpc_core, folder) as (_, port):
            await download("threads", grpc_core, port, "big", tmp_path / "copy", progress)
        assert read == BIG
        assert max(leads) < LEAD_MAX

    run(main())


# -- what is refused ---------------------------------------------------------------------------------------------------

BAD_NAMES = ["", ".", "..", "../file", "a/b", "/etc/passwd", "a\\b", "a\0b", ".parts", ".hidden", "x" * 256]


@asynccontextmanager
async def stub_of(pair: str, folder: Path) -> AsyncIterator[tuple[Any, Any]]:
    """(a stub on asyncio, the client's module)."""
    server_module, client_module = modules_of(pair)
    async with (
        files_server(server_module, folder) as (_, port),
        client_module.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        yield FilesStub(channel), client_module


async def status_of(call: Any) -> tuple[str, str]:
    return (await call.code()).name, await call.details()


def head(name: str = "a file", size: int = SIZE, digest: bytes = DIGEST, offset: int = 0) -> UploadPart:
    return UploadPart(head=UploadHead(name=name, size=size, sha256=digest, offset=offset))


@EVERY_PAIR
def test_a_path_is_not_a_name(pair: str, folder: Path, file: Path) -> None:
    async def main() -> None:
        async with stub_of(pair, folder) as (stub, _):
            for name in BAD_NAMES:
                for call in (
                    stub.Stat(StatRequest(name=name)),
                    stub.Upload(iter([head(name)])),
                    stub.Download(DownloadRequest(name=name)),
                ):
                    code, details = await status_of(call)
                    assert code == "INVALID_ARGUMENT", name
                    assert "not the name of a file" in details or "longer than 255 octets" in details
            (folder / "link").symlink_to(file)
            code, _ = await status_of(stub.Download(DownloadRequest(name="link")))
            assert code == "NOT_FOUND", "what a link leads to is not the server's"
        assert sorted(path.name for path in folder.parent.iterdir()) == ["file", "server"], "nothing was written"

    run(main())


@EVERY_PAIR
@pytest.mark.parametrize(
    ("parts", "code", "details"),
    [
        ([], "INVALID_ARGUMENT", "the first message is a head, with a size and 32 octets of digest"),
        ([UploadPart(data=b"x")], "INVALID_ARGUMENT", "the first message is a head, with a size and 32 octets"),
        ([head(digest=b"short")], "INVALID_ARGUMENT", "the first message is a head, with a size and 32 octets"),
        ([head(size=-1)], "INVALID_ARGUMENT", "the first message is a head, with a size and 32 octets"),
        ([head(size=2**34 + 1)], "RESOURCE_EXHAUSTED", "a file may have at most 17179869184 octets"),
        ([head(offset=1)], "FAILED_PRECONDITION", "1 is not an offset to go on from: 0 octets are here"),
        ([head(offset=-1)], "FAILED_PRECONDITION", "-1 is not an offset to go on from: 0 octets are here"),
        ([head(size=3), UploadPart(data=b"four")], "FAILED_PRECONDITION", "more than the 3 octets of the file have"),
        ([head(size=3), UploadPart(data=b"ab")], "FAILED_PRECONDITION", "2 of 3 octets have come"),
        ([head(size=3), UploadPart(data=b"abc")], "DATA_LOSS", "the digest is not that of what has come: begin again"),
    ],
)
def test_an_upload_that_cannot_be(pair: str, parts: list[UploadPart], code: str, details: str, folder: Path) -> None:
    async def main() -> None:
        async with stub_of(pair, folder) as (stub, _):
            told, text = await status_of(stub.Upload(iter(parts)))
            assert told == code
            assert text.startswith(details)
            if code == "DATA_LOSS":
                assert list((folder / store.PARTS).iterdir()) == [], "what is damaged is not kept"
        assert not (folder / "a file").exists()

    run(main())


@EVERY_PAIR
def test_a_file_is_uploaded_by_one_at_a_time(pair: str, folder: Path) -> None:
    async def main() -> None:
        async with stub_of(pair, folder) as (stub, _):
            first = stub.Upload()
            await first.write(head())
            while not (folder / store.PARTS / DIGEST.hex()).exists():
                await stub.Stat(StatRequest(name="a file", sha256=DIGEST))
            assert await status_of(stub.Upload(iter([head()]))) == (
                "ABORTED",
                "somebody is uploading this file; try again later",
            )
            await first.write(UploadPart(data=CONTENT))
            await first.done_writing()
            assert (await first).size == SIZE

    run(main())


@EVERY_PAIR
def test_a_download_that_cannot_be(pair: str, folder: Path, tmp_path: Path) -> None:
    (folder / "a file").write_bytes(b"abc")

    async def main() -> None:
        async with stub_of(pair, folder) as (stub, grpc):
            for offset in (-1, 4):
                call = stub.Download(DownloadRequest(name="a file", offset=offset))
                assert await status_of(call) == ("OUT_OF_RANGE", "the file has 3 octets")
            with pytest.raises(grpc.RpcError, match="there is no file 'other'"):
                await client.download(stub, "other", tmp_path / "copy", lambda *_: None, grpc.RpcError)

    run(main())


@EVERY_FACE
def test_a_download_that_is_damaged_is_not_kept(
    face: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a file").write_bytes(b"abc")

    def damaged(path: Path, offset: int) -> Iterator[bytes]:
        yield b"abd"

    monkeypatch.setattr(server_program, "chunks_of", damaged)

    async def main() -> None:
        async with files_server(grpc_core, folder) as (_, port):
            with pytest.raises(transfer.Damaged, match="the digest is not that of what has come"):
                await download(face, grpc_core, port, "a file", tmp_path / "copy")
        assert not (tmp_path / "copy").exists()
        assert list((tmp_path / store.PARTS).iterdir()) == []

    run(main())


# -- at the terminal ---------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_on_a_terminal_and_nowhere_else() -> None:
    for stream in (Terminal(), io.StringIO()):
        bar = transfer.Bar("a file", stream)
        bar(5, 10)
        bar(10, 10)
        bar.end()
        shown = stream.getvalue()
        if stream.isatty():
            assert "\ra file  50 % of 10 octets, " in shown
            assert "\ra file 100 % of 10 octets, " in shown
            assert shown.endswith("\n")
        else:
            assert shown == ""
