"""A server of others for the length of a `with` block: on a free port, in a directory and a process group of its own.

What was started is ended, and nothing else: first its process is asked to, and then its whole group is killed, which
holds the workers that it may have left behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from interop.conformance.peers.peer import Place, ServerPeer
from interop.peers.process import StartFailed, environment, last_lines, serving

ADDRESS: Final = "127.0.0.1"
START_TIMEOUT_S: Final = 20.0
END_TIMEOUT_S: Final = 5.0
ATTEMPTS: Final = 3
"""Starts, each with another port: between our look at a port and the server's, somebody else may take it."""

_POLL_S = 0.05
_BACKEND = (sys.executable, "-m", "interop.conformance.peers.backend")


@contextlib.contextmanager
def running(peer: ServerPeer) -> Iterator[int]:
    """The port of the server. Raises StartFailed with what it said, and Missing where it is not here."""
    with contextlib.ExitStack() as stack:
        backend_port = 0
        if peer.needs_backend:
            backend_port = int(stack.enter_context(serving(_BACKEND)).address.rpartition(":")[2])
        for attempt in range(1, ATTEMPTS + 1):
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{peer.name}-")))
            directory.chmod(0o755)  # workers of a server that root starts are somebody else
            place = Place(directory, free_port(), backend_port)
            output = stack.enter_context(tempfile.TemporaryFile())
            try:
                stack.enter_context(_process(peer.setup(place), place, output))
            except StartFailed:
                if attempt == ATTEMPTS:
                    raise
            else:
                break
        yield place.port


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _process(command: Sequence[str], place: Place, output: IO[bytes]) -> Iterator[None]:
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=place.directory,
            env=environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise StartFailed(f"cannot start {command[0]}: {error.strerror}", "")
    try:
        if problem := _wait(process, place.port):
            _end(process)
            output.seek(0)
            raise StartFailed(problem, last_lines(output.read().decode(errors="replace")))
        yield
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], port: int) -> str:
    """Until somebody listens on the port. Why not, or empty."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((ADDRESS, port), timeout=1):
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return f"it ended before it listened, exit status {process.wait(_POLL_S)}"
    return f"it did not listen within {START_TIMEOUT_S:g} s"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(END_TIMEOUT_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
