"""How far it is: a bar on the terminal, on the standard error, and nothing at all where that is no terminal."""

from __future__ import annotations

import shutil
import sys
from typing import Final

_BAR: Final = 24


class Progress:
    """Counts the seconds that were measured against those that will be."""

    def __init__(self, total_s: float) -> None:
        self._total_s = total_s
        self._done_s = 0.0
        self._is_shown = total_s > 0 and sys.stderr.isatty()

    def step(self, seconds: float, what: str) -> None:
        """Say what is measured now, and for how long."""
        if self._is_shown:
            share = min(self._done_s / self._total_s, 1.0)
            bar = "#" * round(share * _BAR)
            line = f"[{bar:<{_BAR}}] {share:4.0%}  {what}"
            print(f"\r{line[: shutil.get_terminal_size().columns - 1]}\x1b[K", end="", file=sys.stderr, flush=True)
        self._done_s += seconds

    def clear(self) -> None:
        """Take the bar away, so that something can be printed."""
        if self._is_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
