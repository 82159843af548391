"""Files in a folder, whole ones and parts of some: what the server and the clients of Files have on their disks.

A file has its name when it is whole and its digest was checked, and not before. What has come of it until then is in
`.parts/DIGEST`, so that parts of different files, or of two versions of one, cannot get mixed up.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

CHUNK_BYTES: Final = 64 * 1024
NAME_BYTES_MAX: Final = 255
PARTS: Final = ".parts"


class BadName(ValueError):
    """A name that could lead out of the folder, or that no file can have."""


def checked(name: str) -> str:
    """The name, if it is that of a file and not a path. Names that begin with a dot are ours. Raises BadName."""
    if not name or name.startswith(".") or any(letter in name for letter in "/\\\0"):
        raise BadName(f"{name!r} is not the name of a file")
    if len(os.fsencode(name)) > NAME_BYTES_MAX:
        raise BadName(f"the name is longer than {NAME_BYTES_MAX} octets")
    return name


def digest_of(path: Path) -> bytes:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def measured(path: Path) -> tuple[int, bytes]:
    """(size, SHA-256) of a file."""
    return path.stat().st_size, digest_of(path)


def chunks_of(path: Path, offset: int) -> Iterator[bytes]:
    """The content from the offset on."""
    with path.open("rb") as file:
        file.seek(offset)
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


class Folder:
    """A folder with files and parts."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()

    def find(self, name: str) -> Path | None:
        """The whole file of that name, if there is one; what a symbolic link leads to is not ours. Raises BadName."""
        path = self._path / checked(name)
        return path if path.is_file() and not path.is_symlink() else None

    def part_bytes(self, digest: bytes) -> int:
        """So much of the file with that digest has come."""
        path = self._part(digest)
        return path.stat().st_size if path.exists() else 0

    def part(self, name: str, digest: bytes, size: int, offset: int) -> Part:
        """To take the rest of a file, from the offset on. Raises BadName, and ValueError when that is not possible."""
        return Part(self._part(digest), self._path / checked(name), digest, size, offset)

    def _part(self, digest: bytes) -> Path:
        return self._path / PARTS / digest.hex()


class Part:
    """A file that is coming. What has been written stays when it is left before it is whole."""

    def __init__(self, path: Path, target: Path, digest: bytes, size: int, offset: int) -> None:
        here = path.stat().st_size if path.exists() else 0
        if not 0 <= offset <= here:
            raise ValueError(f"{offset} is not an offset to go on from: {here} octets are here")
        if offset > size:
            raise ValueError(f"{offset} is behind the end of a file of {size} octets")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._target = target
        self._digest = digest
        self.size = size
        self.received = offset
        self._file: BinaryIO = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(offset)
        self._file.seek(offset)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, chunk: bytes) -> None:
        """Take what comes next. Raises ValueError for more than there should be."""
        if self.received + len(chunk) > self.size:
            raise ValueError(f"more than the {self.size} octets of the file have come")
        self._file.write(chunk)
        self.received += len(chunk)

    def finish(self) -> bool:
        """The file is whole: give it its name. False, and nothing is left of it, when its digest is not the right one.

        Raises ValueError when some of it is missing; that may still come.
        """
        self._file.close()
        if self.received != self.size:
            raise ValueError(f"{self.received} of {self.size} octets have come")
        if digest_of(self._path) != self._digest:
            self._path.unlink()
            return False
        self._path.replace(self._target)
        return True
