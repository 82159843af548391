"""What both clients of Files share: what is sent, what is tried again, and what a terminal shows meanwhile."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TextIO

from examples.files.files_pb2 import UploadHead, UploadPart
from examples.files.store import Part, chunks_of

ATTEMPTS_MAX: Final = 5
"""So often is a transfer tried that does not get on; one that does begins to count again."""
PAUSE_S: Final = 0.5
PATIENCE_S: Final = 30.0
WORTH_ANOTHER: Final = ("UNAVAILABLE", "ABORTED", "CANCELLED", "INTERNAL", "UNKNOWN")
"""Codes after which a transfer goes on where it stopped: what a broken connection looks like."""

Progress = Callable[[int, int], None]
"""Is told how many octets are there, and how many there will be."""


class Damaged(Exception):
    """What has come is not what should have come."""


def upload_parts(
    path: Path, name: str, size: int, digest: bytes, offset: int, progress: Progress
) -> Iterator[UploadPart]:
    """The messages of an upload. A part is read when there is room for it, and not before."""
    yield UploadPart(head=UploadHead(name=name, size=size, sha256=digest, offset=offset))
    for chunk in chunks_of(path, offset):
        yield UploadPart(data=chunk)
        offset += len(chunk)
        progress(offset, size)


class Attempts:
    """Counts attempts that get nowhere."""

    def __init__(self) -> None:
        self.have_begun = False  # a server has answered; where there is none from the beginning, nothing is waited for
        self._left = ATTEMPTS_MAX
        self._before = -1

    def settings(self) -> dict[str, Any]:
        """Of the call that begins an attempt: it waits for a connection that was there before, but not for ever."""
        return {"wait_for_ready": self.have_begun, "timeout": PATIENCE_S}

    def may_go_on(self, error: Any, octets: int) -> bool:
        """After an error, when so many octets are there: whether to try again."""
        self._left = ATTEMPTS_MAX if octets > self._before else self._left - 1
        self._before = max(octets, self._before)
        return self.have_begun and error.code().name in WORTH_ANOTHER and self._left > 0


def end(part: Part) -> None:
    """A download has ended. Raises Damaged."""
    if not part.finish():
        raise Damaged("the digest is not that of what has come")


class Bar:
    """Progress on a terminal; silent where there is none."""

    def __init__(self, what: str, stream: TextIO | None = None) -> None:
        self._what = what
        self._stream = sys.stderr if stream is None else stream
        self._is_shown = self._stream.isatty()
        self._began_s = time.monotonic()
        self._first = -1

    def __call__(self, octets: int, of: int) -> None:
        """Show how far it is."""
        if not self._is_shown:
            return
        if self._first < 0:
            self._first = octets
        seconds = max(time.monotonic() - self._began_s, 0.001)
        share = 100 * octets // of if of else 100
        speed = (octets - self._first) / seconds / 2**20
        self._stream.write(f"\r{self._what} {share:3d} % of {of} octets, {speed:.1f} MiB/s\x1b[K")
        self._stream.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._is_shown and self._first >= 0:
            self._stream.write("\n")


def options() -> argparse.Namespace:
    """What the command line says: target, what to do, and a file."""
    parser = argparse.ArgumentParser(description="Carries files; what was cut off goes on where it stopped.")
    parser.add_argument("target", metavar="HOST:PORT", help="e.g. localhost:50053")
    parser.add_argument("what", choices=("upload", "download"))
    parser.add_argument("file", type=Path, help="to send, or to write")
    parser.add_argument("--name", help="what it is called on the server (default: like here)")
    told = parser.parse_args()
    told.name = told.name or told.file.name
    return told
