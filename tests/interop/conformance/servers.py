"""Servers to point the kit at: Plait's own as processes, and small scripted ones for what no good server does.

python -m tests.interop.conformance.servers      every case against Plait's servers, over TCP and over TLS
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from interop.__main__ import main
from tests.support.tls import make_certificate

PATHS = ("--echo-path", "/echo", "--hold-path", "/hold")

Script = Callable[[socket.socket], None]
"""What a server does with a connection; it is closed afterwards."""


@contextlib.contextmanager
def scripted(script: Script, tls: object = None) -> Iterator[int]:
    """A server on a port of 127.0.0.1, each connection in a thread of its own; the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            script(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=serve, args=(connection,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        acceptor.join()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


@contextlib.contextmanager
def plait(*arguments: str) -> Iterator[str]:
    """`python -m http2 serve`; its HOST:PORT. Raises AssertionError when it says anything on standard error."""
    command = [sys.executable, "-m", "http2", "serve", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().removeprefix("LISTENING ").strip()
        finally:
            process.terminate()
            _, complaints = process.communicate(timeout=30)
    assert not complaints, complaints
    assert process.returncode == 0


@contextlib.contextmanager
def secured(tls: bool) -> Iterator[tuple[str, ...]]:
    """The arguments that have `plait` serve over TLS, or none."""
    with tempfile.TemporaryDirectory() as directory:
        if tls:
            files = make_certificate(Path(directory))
            yield ("--tls-cert", str(files.cert), "--tls-key", str(files.key))
        else:
            yield ()


def whole_suite() -> int:
    """Every case against Plait's servers; what the command line of the kit returns for the worst of them."""
    worst = 0
    for tls in (False, True):
        with secured(tls) as serving, plait(*serving) as address:
            arguments = ("server", address, *(("--tls",) if tls else ()), *PATHS, "--level", "may")
            worst = max(worst, timed(arguments))
    return worst


def timed(arguments: Sequence[str]) -> int:
    """A command of the kit, and how long it took."""
    start = time.monotonic()
    status = main(["conformance", *arguments])
    print(f"{' '.join(arguments)}: {time.monotonic() - start:.1f} s\n", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(whole_suite())
