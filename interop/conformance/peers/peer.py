"""What is known of a server or a client of others before it runs: where its program is, and how it is started."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from interop.conformance.driving import Delivery
from interop.peers.peer import Missing

PROGRAMS: Final = Path(__file__).parent / "programs"
_SYSTEM: Final = ("/usr/sbin", "/usr/local/sbin")
"""Where Debian installs servers; not on everybody's path."""

_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+~-]*")


STARTED: Final = "Run whole only: a program is started for every case."


def program(name: str) -> str:
    """The path of a program. Raises Missing."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(_SYSTEM))
    if found is None:
        raise Missing(f"the program {name} is not on the path")
    return found


def python_with(module: str) -> str:
    """A Python that has a module: the first on the path that can import it. Raises Missing."""
    for folder in os.get_exec_path():
        candidate = Path(folder) / "python"
        if candidate.is_file() and said([str(candidate), "-c", f"import {module}"]) is not None:
            return str(candidate)
    raise Missing(f"no python on the path has the package {module}")


def said(command: Sequence[str]) -> str | None:
    """What a short command prints, of both its outputs; None where it fails."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None


def version_in(text: str | None) -> str:
    """The first thing in a text that looks like a version."""
    found = _VERSION.search(text or "")
    return found[0] if found else "of unknown version"


def version_of(*command: str) -> Callable[[], str]:
    """The version that a command prints, its program looked up. The function raises Missing."""
    return lambda: version_in(said([program(command[0]), *command[1:]]))


def package_version(package: str, module: str) -> Callable[[], str]:
    """The version of a Python package, as the Python that has it says. The function raises Missing."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return lambda: version_in(said([python_with(module), "-c", code]))


@dataclass(frozen=True)
class Place:
    """What a server is given: a free port of 127.0.0.1, a directory of its own, and the port of the backend."""

    directory: Path
    port: int
    backend_port: int = 0

    def write(self, name: str, text: str) -> str:
        """Write a file into the directory; its path."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        return str(path)


@dataclass(frozen=True)
class ServerPeer:
    """A server. `setup` writes its configuration and returns its command. `version` and `setup` raise Missing."""

    name: str
    title: str
    """What it is, for the reader."""
    install: str
    """How it is installed."""
    answers: str
    """What answers GET and POST."""
    version: Callable[[], str]
    setup: Callable[[Place], Sequence[str]]
    needs_backend: bool = False
    path: str = "/"
    echo_path: str = "/echo"
    hold_path: str = ""
    """A path that waits for the whole content before it reads any of it, where there is one."""

    status: int = 200
    """What GET of `path` is answered with."""

    deliveries: tuple[Delivery, ...] = ()
    """The only deliveries that say something, where the others do not: `note` says why."""

    note: str = ""
    """A sentence for the reader, where something is special."""


@dataclass(frozen=True)
class ClientPeer:
    """A client: `command` makes one request of {url}. `version` and `command` raise Missing."""

    name: str
    title: str
    install: str
    version: Callable[[], str]
    command: Callable[[], Sequence[str]]
    shows_content: bool = True
    deliveries: tuple[Delivery, ...] = (Delivery.WHOLE,)
    note: str = STARTED
