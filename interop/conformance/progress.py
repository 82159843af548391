"""How far a run has come, on one line of a terminal; nothing where there is no terminal."""

from __future__ import annotations

import shutil
from typing import TextIO

from interop.conformance.model import Level
from interop.conformance.run import Result

BAR = 24
_CLEAR = "\r\x1b[K"


class Progress:
    """`update` with each result, `clear` before anything else is printed."""

    def __init__(self, stream: TextIO, total: int, level: Level) -> None:
        self._stream = stream
        self._total = total
        self._level = level
        self._done = 0
        self._failed = 0
        self._is_terminal = stream.isatty()

    def update(self, result: Result) -> None:
        """One more is done."""
        self._done += 1
        self._failed += not result.passes(self._level)
        if self._is_terminal:
            filled = BAR * self._done // max(1, self._total)
            line = f"[{'#' * filled}{'.' * (BAR - filled)}] {self._done}/{self._total}"
            line += f", {self._failed} failed  {result.case.id}"
            self._write(_CLEAR + line[: shutil.get_terminal_size().columns - 1])

    def clear(self) -> None:
        """Take the line away."""
        if self._is_terminal:
            self._write(_CLEAR)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
