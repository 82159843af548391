"""Programs of peers: started with pipes, waited for by their LISTENING line, ended by their own process id.

A server is never left behind. It ends when the `with` block ends, however that ends; and when this process dies without
a last word, the end of its standard input tells it (`command_line` says which servers listen to that).
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

import interop

START_TIMEOUT_S = 30.0
END_TIMEOUT_S = 5.0
STDERR_LINES_MAX = 15
"""So many lines of a peer's standard error, the last ones, are worth a reader's time."""

_READ_BYTES = 4096
_TAIL_BYTES = 65_536
_NOT_FOUND = 127  # What a shell reports for a program that it cannot start.
_LISTENING = "LISTENING "


class StartFailed(Exception):
    """A server did not get as far as its LISTENING line. `stderr` is what it said."""

    def __init__(self, reason: str, stderr: str) -> None:
        super().__init__(reason)
        self.stderr = stderr


@dataclass(frozen=True)
class Finished:
    """A program that has ended. `problem` says why the run means nothing, a time-out or a signal; else it is None."""

    exit_status: int
    stdout: str
    stderr: str
    problem: str | None


class Server:
    """A running server. `problem`, after the `with` block, says what was wrong with how it ended, or is None."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.problem: str | None = None
        self.stderr = ""


def environment() -> dict[str, str]:
    """The environment of a peer: this process's, with this `interop` importable and no proxy in the way of loopback."""
    here = str(Path(interop.__file__).parent.parent)
    path = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"}


@contextmanager
def serving(command: Sequence[str], *, timeout_s: float = START_TIMEOUT_S) -> Iterator[Server]:
    """A server for the length of a `with` block. Raises StartFailed."""
    with tempfile.TemporaryFile() as stderr:
        try:
            with _started(command, subprocess.PIPE, subprocess.PIPE, stderr) as process:
                server = Server(_address(process, timeout_s))
                yield server
                server.problem = _died(process)
                _end(process)
                server.problem = server.problem or _ended_badly(process)
                server.stderr = _tail(stderr)
        except StartFailed as failure:
            failure.stderr = _tail(stderr)
            raise


@contextmanager
def _started(
    command: Sequence[str], stdin: int, stdout: int | IO[bytes], stderr: int | IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that does not outlive the `with` block. Raises StartFailed where there is no such program."""
    process = None
    try:
        with _signals_held_back():
            process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=environment())
        yield process
    except OSError as error:
        if process is not None:
            raise
        raise StartFailed(f"cannot start {command[0]}: {error.strerror}", "")
    finally:
        if process is not None:
            _end(process)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Lets SIGINT and SIGTERM come when the block is over: inside Popen, one would lose a process just made."""
    if threading.current_thread() is not threading.main_thread():
        yield  # No signal is handled in this thread.
        return
    came: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, frame: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for late in came:
            signal.raise_signal(late)


def _address(process: subprocess.Popen[bytes], timeout_s: float) -> str:
    """The host and port on the server's first line. Raises StartFailed."""
    assert process.stdout is not None
    deadline_s = time.monotonic() + timeout_s
    seen = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while b"\n" not in seen:
            if not selector.select(deadline_s - time.monotonic()):
                raise StartFailed(f"no LISTENING line within {timeout_s:g} s", "")
            octets = os.read(process.stdout.fileno(), _READ_BYTES)
            if not octets:
                _end(process)
                raise StartFailed(f"ended before its LISTENING line, {_how(process.returncode)}", "")
            seen += octets
    line = seen.split(b"\n")[0].decode(errors="replace").rstrip("\r")
    if not line.startswith(_LISTENING):
        raise StartFailed(f"its first line is {line[:80]!r}, not LISTENING host:port", "")
    return line.removeprefix(_LISTENING)


def _died(process: subprocess.Popen[bytes]) -> str | None:
    return None if process.poll() is None else f"ended on its own, {_how(process.returncode)}"


def _ended_badly(process: subprocess.Popen[bytes]) -> str | None:
    if process.returncode == 0:
        return None
    if process.returncode == -signal.SIGKILL:
        return f"was still running {END_TIMEOUT_S:g} s after SIGTERM"
    return f"did not stop cleanly on SIGTERM: {_how(process.returncode)}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process, takes its exit status, closes its pipes. When it is interrupted itself, it ends it at once."""
    try:
        process.terminate()  # Popen sends no signal to a process whose exit status it has taken.
        if process.stdin is not None:
            process.stdin.close()
        process.wait(END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def run(command: Sequence[str], *, timeout_s: float, stdout: IO[bytes] | None = None) -> Finished:
    """Runs a program to its end, which comes within the time. With `stdout`, its output goes there and is not kept."""
    problem = None
    try:
        with _started(command, subprocess.DEVNULL, stdout or subprocess.PIPE, subprocess.PIPE) as process:
            try:
                output, errors = process.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                problem = f"was still running after {timeout_s:g} s"
                process.kill()
                output, errors = process.communicate()
    except StartFailed as failure:
        return Finished(_NOT_FOUND, "", "", str(failure))
    if problem is None and process.returncode < 0:
        problem = f"ended by {_how(process.returncode)}"
    return Finished(process.returncode, _text(output), last_lines(_text(errors)), problem)


def _text(octets: bytes | None) -> str:
    return (octets or b"").decode(errors="replace")


def _tail(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL_BYTES))
    return last_lines(_text(file.read()))


def last_lines(text: str) -> str:
    """The last lines of the text, as many as fit a report."""
    return "\n".join(text.rstrip().splitlines()[-STDERR_LINES_MAX:])


def _how(exit_status: int) -> str:
    return f"exit status {exit_status}" if exit_status >= 0 else signal.Signals(-exit_status).name


@contextmanager
def ends_on_sigterm() -> Iterator[None]:
    """Lets SIGTERM unwind the stack as Ctrl-C does, so that every `with` block ends the program it has started."""

    def leave(number: int, frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
