"""Small programs in a peer's place, for what no good peer does. As command lines for this Python."""

from __future__ import annotations

import json
import sys

from interop.cases import CHECKS

Line = tuple[str, bool, str]

GOOD_SERVER = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(f"LISTENING {os.getpid()}", flush=True)
sys.stdin.read()
"""
"""Says its process id where its address should be."""

ALL_HELD: list[Line] = [(name, True, "as it should be") for name in CHECKS]


def python(program: str) -> list[str]:
    """The command line of a program in Python."""
    return [sys.executable, "-c", program]


def client(lines: list[Line], exit_status: int = 0, stderr: str = "") -> list[str]:
    """A client that reports the lines and ends so."""
    printed = "\n".join(json.dumps(dict(zip(("check", "ok", "detail"), line, strict=True))) for line in lines)
    return python(f"import sys; print({printed!r}); sys.stderr.write({stderr!r}); sys.exit({exit_status})")
