"""Files from a directory, and nothing but them (RFC 9110 §17.3: attacks based on file and path names).

A path from the network is decoded once, cut at its slashes, and followed with its symbolic links to where it really
leads; what lies outside the root is forbidden, however it was spelled. Only regular files are opened. All of it happens
in a thread, since a disk may be slow, and the content is read piece by piece, as the client takes it.
"""

from __future__ import annotations

import asyncio
import mimetypes
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from http2.aio.server import Request, logger
from http2.errors import ErrorCode

CHUNK_BYTES = 131_072
"""One piece of a file: what a slow client may cost us, and long enough that the hand-over between threads is cheap."""

INDEX = "index.html"


class Refused(Exception):
    """The file is not to be had: `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def find(root: Path, path: str) -> Path:
    """The file under `root` (resolved) that a request's path names; a directory stands for its index.

    Raises Refused: 404 for what is not there, 403 for what is outside of `root` or no regular file.
    """
    octets = unquote_to_bytes(path.partition("?")[0])
    segments = [part for part in os.fsdecode(octets).split("/") if part not in ("", ".")]
    if "\0" in "".join(segments):
        raise Refused(404)
    if any(part == ".." or os.path.splitdrive(part)[0] or (os.altsep and os.sep in part) for part in segments):
        raise Refused(403)
    try:
        found = root.joinpath(*segments).resolve(strict=True)
        if found.is_relative_to(root) and found.is_dir():
            found = found.joinpath(INDEX).resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(404)
    except (OSError, RuntimeError):  # no permission, a name that is too long, a loop of symbolic links
        raise Refused(403)
    if not found.is_relative_to(root):
        raise Refused(403)
    return found


def open_file(root: Path, path: str) -> tuple[BinaryIO, int, str]:
    """The file that a request's path names, opened, with its size in octets and its media type. Raises Refused."""
    found = find(root, path)
    try:
        descriptor = os.open(found, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise Refused(404)
    except OSError:
        raise Refused(403)
    status = os.fstat(descriptor)  # asked of what is open, not of a name that may since mean something else
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Refused(403)
    return open(descriptor, "rb", buffering=0), status.st_size, media_type(found.name)


def media_type(name: str) -> str:
    """The media type that a file's name suggests."""
    guessed, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return "application/gzip" if encoding == "gzip" else "application/octet-stream"
    return guessed or "application/octet-stream"


async def chunks(file: BinaryIO, left: int) -> AsyncIterator[bytes]:
    """The next `left` octets of a file, read in a thread; fewer when it ends before."""
    while left:
        chunk = await asyncio.to_thread(file.read, min(left, CHUNK_BYTES))
        if not chunk:
            return
        left -= len(chunk)
        yield chunk


async def send_file(request: Request, root: Path) -> None:
    """Answer GET or HEAD with the file that the request names."""
    try:
        file, size, kind = await asyncio.to_thread(open_file, root, request.path)
    except Refused as refused:
        return await request.respond(refused.status)
    with file:
        request.send_headers(200, [("content-type", kind), ("content-length", str(size))])
        if request.method == "HEAD":
            return
        left = size
        async for chunk in chunks(file, size):
            await request.send_data(chunk)
            left -= len(chunk)
        if left:
            logger.warning("%r: the file has become %d octets shorter", request, left)
            request.reset(ErrorCode.INTERNAL_ERROR)
