"""grpc-go, the official gRPC for Go, as a peer: built with this machine's Go, and again only when a source changes.

The two programs share this folder's module: `go.mod` pins google.golang.org/grpc, `go.sum` what it is made of. They are
built into `interop/.build/grpc_go-DIGEST`, where DIGEST is that of the sources: a folder of that name is a build of
exactly these sources, and since it gets its name when it is whole, two runs at once do not disturb each other. An
installed distribution does not hold the Go sources; this peer wants a checkout of the repository.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from interop.peers.peer import BuildFailed, Commands, Missing

SOURCES = Path(__file__).parent
BUILDS = SOURCES.parent.parent / ".build"

_BUILD_TIMEOUT_S = 540.0
_DIGEST_LETTERS = 16
_STALE_S = 86_400.0  # A build of other sources that is younger may be in use by another run.


def commands(sources: Path = SOURCES, builds: Path = BUILDS) -> Commands:
    """The commands, of programs that are built if need be. Raises Missing without Go or sources, and BuildFailed."""
    programs, how = built(sources, builds, "grpc_go", ("./server", "./client"))
    server, client = ([str(programs / program)] for program in ("server", "client"))
    return Commands(server, client, f"grpc-go {pinned_version(sources)}, {how}")


def built(sources: Path, builds: Path, stem: str, packages: Sequence[str]) -> tuple[Path, str]:
    """The folder with the programs of the Go packages, built if need be; how it came about. Raises as `commands`."""
    if not (sources / "go.mod").is_file():
        raise Missing("the Go sources are not part of an installed Plait: run from a checkout of the repository")
    begin_s = time.monotonic()
    name = f"{stem}-{_digest(sources)}"
    if (builds / name).is_dir():
        return builds / name, "built before"
    _build(sources, builds, name, packages)
    return builds / name, f"built in {time.monotonic() - begin_s:.1f} s"


def _source_files(sources: Path) -> list[Path]:
    return sorted(path for pattern in ("go.*", "**/*.go") for path in sources.glob(pattern))


def _digest(sources: Path) -> str:
    digest = hashlib.sha256()
    for path in _source_files(sources):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(sources)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:_DIGEST_LETTERS]


def pinned_version(sources: Path) -> str:
    """The version of grpc-go that the sources name."""
    required = (sources / "go.mod").read_text()
    found = re.search(r"^\s*(?:require )?google\.golang\.org/grpc (v\S+)", required, re.MULTILINE)
    return found[1] if found else "of unknown version"


def _build(sources: Path, builds: Path, name: str, packages: Sequence[str]) -> None:
    go = shutil.which("go")
    if go is None:
        raise Missing("no Go on this machine: the command `go` is not on the path")
    print("building grpc-go's programs; the first time, this takes a minute or two", file=sys.stderr)
    builds.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=builds) as temporary:
        output = Path(temporary) / "programs"
        output.mkdir()
        command = [go, "build", "-buildvcs=false", "-o", f"{output}{os.sep}", *packages]
        try:
            done = subprocess.run(
                command,
                cwd=sources,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_BUILD_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as expired:
            text = (expired.output or b"").decode(errors="replace")
            raise BuildFailed(f"go build did not end within {_BUILD_TIMEOUT_S:g} s", text)
        if done.returncode != 0:
            raise BuildFailed(f"go build failed, exit status {done.returncode}", done.stdout.decode(errors="replace"))
        for other in builds.glob(f"{name.rpartition('-')[0]}-*"):
            if other.name != name and time.time() - other.stat().st_mtime > _STALE_S:
                shutil.rmtree(other, ignore_errors=True)
        try:
            output.rename(builds / name)
        except OSError:
            # Another run has built the same sources meanwhile.
            if not (builds / name).is_dir():
                raise
