"""A client for threads: `python -m examples.files.client_sync HOST:PORT upload|download FILE [--name NAME]`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import grpc_core as grpc
from examples import program
from examples.files import transfer
from examples.files.files_pb2 import DownloadRequest, StatRequest
from examples.files.files_pb2_grpc import FilesStub
from examples.files.store import Folder, measured

Stub = FilesStub[grpc.Channel]


def upload(stub: Stub, path: Path, name: str, progress: transfer.Progress, rpc_error: Any = grpc.RpcError) -> None:
    """Send a file. When the connection breaks, the server is asked how much it has, and gets the rest."""
    size, digest = measured(path)
    attempts = transfer.Attempts()
    offset = 0
    while True:
        try:
            here = stub.Stat(StatRequest(name=name, sha256=digest), **attempts.settings())
            if here.is_whole:
                return
            attempts.have_begun = True
            offset = min(here.size, size)
            stub.Upload(transfer.upload_parts(path, name, size, digest, offset, progress))
            return
        except rpc_error as error:
            if not attempts.may_go_on(error, offset):
                raise
        time.sleep(transfer.PAUSE_S)


def download(stub: Stub, name: str, path: Path, progress: transfer.Progress, rpc_error: Any = grpc.RpcError) -> None:
    """Fetch a file. When the connection breaks, only the rest is asked for. Raises Damaged."""
    folder = Folder(path.parent)
    attempts = transfer.Attempts()
    offset = 0
    while True:
        try:
            there = stub.Stat(StatRequest(name=name), **attempts.settings())
            attempts.have_begun = True
            offset = folder.part_bytes(there.sha256)
            with folder.part(path.name, there.sha256, there.size, offset) as part:
                for message in stub.Download(DownloadRequest(name=name, offset=offset)):
                    if message.HasField("head"):
                        if message.head.sha256 != there.sha256:
                            raise transfer.Damaged("the file has just been changed")
                        continue
                    part.write(message.data)
                    offset = part.received
                    progress(offset, part.size)
                transfer.end(part)
            return
        except rpc_error as error:
            if not attempts.may_go_on(error, offset):
                raise
        time.sleep(transfer.PAUSE_S)


def carry(target: str, what: str, path: Path, name: str) -> None:
    """One file, on a channel of its own."""
    bar = transfer.Bar(name)
    try:
        with grpc.insecure_channel(target) as channel:
            stub = FilesStub(channel)
            if what == "upload":
                upload(stub, path, name, bar)
            else:
                download(stub, name, path, bar)
    except (transfer.Damaged, ValueError) as error:
        raise program.Problem(f"{name}: {error}")
    finally:
        bar.end()


def main() -> int:
    """The program; its exit status."""
    options = transfer.options()
    return program.run(lambda: carry(options.target, options.what, options.file, options.name))


if __name__ == "__main__":
    sys.exit(main())
