"""A server for Files: `python -m examples.files.server --folder DIR [--port 50053]`.

A client is held back while its data is not written, and a client that reads slowly holds back the reading of its file:
that is what streams do when each message is taken, or yielded, only when the one before is done with.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import grpc_core as grpc
from examples import program
from examples.files.files_pb2 import (
    DownloadHead,
    DownloadPart,
    DownloadRequest,
    StatReply,
    StatRequest,
    Stored,
    UploadHead,
    UploadPart,
)
from examples.files.files_pb2_grpc import FilesServicer, add_FilesServicer_to_server
from examples.files.store import BadName, Folder, Part, chunks_of, digest_of

DIGEST_BYTES = 32
SIZE_MAX = 2**34
"""No larger file is taken: 16 GiB."""
Context = grpc.aio.ServicerContext


class Files(FilesServicer):
    """The files of one folder. What waits for the disk does so in a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = Folder(folder)
        self._coming: set[bytes] = set()  # digests of the files that are being uploaded

    async def Stat(self, request: StatRequest, context: Context) -> StatReply:
        """How much of a file is here."""
        path = await self._find(request.name, context)
        if path is not None:
            digest = await asyncio.to_thread(digest_of, path)
            if request.sha256 in (b"", digest):
                return StatReply(is_whole=True, size=path.stat().st_size, sha256=digest)
        if not request.sha256:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no file {request.name!r}")
        return StatReply(size=self._folder.part_bytes(request.sha256))

    async def Upload(self, request_iterator: AsyncIterator[UploadPart], context: Context) -> Stored:
        """Take a file, or the rest of one."""
        head = await self._head(request_iterator, context)
        if head.sha256 in self._coming:
            await context.abort(grpc.StatusCode.ABORTED, "somebody is uploading this file; try again later")
        self._coming.add(head.sha256)
        try:
            with self._part(head) as part:
                async for message in request_iterator:
                    await asyncio.to_thread(part.write, message.data)
                is_right = await asyncio.to_thread(part.finish)
        except BadName as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except ValueError as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        finally:
            self._coming.discard(head.sha256)
        if not is_right:
            await context.abort(grpc.StatusCode.DATA_LOSS, "the digest is not that of what has come: begin again")
        return Stored(size=head.size)

    async def Download(self, request: DownloadRequest, context: Context) -> AsyncIterator[DownloadPart]:
        """Give a file, or the rest of one."""
        path = await self._find(request.name, context)
        if path is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no file {request.name!r}")
        size = path.stat().st_size
        if not 0 <= request.offset <= size:
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, f"the file has {size} octets")
        yield DownloadPart(head=DownloadHead(size=size, sha256=await asyncio.to_thread(digest_of, path)))
        chunks = chunks_of(path, request.offset)
        while chunk := await asyncio.to_thread(next, chunks, b""):
            yield DownloadPart(data=chunk)

    async def _find(self, name: str, context: Context) -> Path | None:
        try:
            return self._folder.find(name)
        except BadName as error:
            await self._refuse(context, str(error))

    async def _head(self, requests: AsyncIterator[UploadPart], context: Context) -> UploadHead:
        async for message in requests:
            if message.HasField("head") and len(message.head.sha256) == DIGEST_BYTES and message.head.size >= 0:
                if message.head.size > SIZE_MAX:
                    await context.abort(
                        grpc.StatusCode.RESOURCE_EXHAUSTED, f"a file may have at most {SIZE_MAX} octets"
                    )
                return message.head
            break
        await self._refuse(context, f"the first message is a head, with a size and {DIGEST_BYTES} octets of digest")

    def _part(self, head: UploadHead) -> Part:
        return self._folder.part(head.name, head.sha256, head.size, head.offset)

    async def _refuse(self, context: Context, why: str) -> NoReturn:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, why)
        raise AssertionError("abort raises")


def main() -> int:
    """The program; its exit status."""
    parser = program.server_parser(__doc__, 50053)
    parser.add_argument("--folder", type=Path, required=True, metavar="DIR", help="where the files are")
    options = parser.parse_args()
    if not options.folder.is_dir():
        print(f"{options.folder} is not a folder", file=sys.stderr)
        return program.USAGE
    return program.serve(
        options.host, options.port, lambda server: add_FilesServicer_to_server(Files(options.folder), server)
    )


if __name__ == "__main__":
    sys.exit(main())
