"""Peers that are built here, with this machine's tools, and again only when a source changes.

A build goes to `interop/.build/STEM-DIGEST`, where DIGEST is that of the sources: a folder of that name is a build of
exactly these sources, and since it gets its name when it is whole, two runs at once do not disturb each other. An
installed distribution does not hold sources in other languages; such a peer wants a checkout of the repository.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from interop.peers.peer import BuildFailed, Missing, NeedsCheckout

BUILDS = Path(__file__).parent.parent / ".build"
TIMEOUT_S = 540.0

_DIGEST_LETTERS = 16
_STALE_S = 86_400.0  # A build of other sources that is younger may be in use by another run.


@dataclass(frozen=True)
class Recipe:
    """How a peer is built."""

    stem: str
    what: str
    """What is built, for the reader."""
    language: str
    patterns: tuple[str, ...]
    """Which files of the folder are sources. The first file of the first pattern says whether they are here."""
    tools: tuple[str, ...]
    """The programs that `commands` needs on the path."""
    commands: Callable[[Path], Sequence[Sequence[str]]]
    """The command lines that build into a folder, run one after the other where the sources are."""


def built(recipe: Recipe, sources: Path, builds: Path = BUILDS) -> tuple[Path, str]:
    """The folder with the build, made if need be, and how it came about. Raises Missing and BuildFailed."""
    files = sorted(path for pattern in recipe.patterns for path in sources.glob(pattern))
    if not any(sources.glob(recipe.patterns[0])):
        raise NeedsCheckout(f"the {recipe.language} sources are")
    begin_s = time.monotonic()
    place = builds / f"{recipe.stem}-{_digest(sources, files)}"
    if place.is_dir():
        return place, "built before"
    _build(recipe, sources, place)
    return place, f"built in {time.monotonic() - begin_s:.1f} s"


def _digest(sources: Path, files: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(sources)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:_DIGEST_LETTERS]


def _build(recipe: Recipe, sources: Path, place: Path) -> None:
    for tool in recipe.tools:
        if shutil.which(tool) is None:
            raise Missing(f"no {recipe.language} on this machine: the command `{tool}` is not on the path")
    print(f"building {recipe.what}; the first time, this takes a minute or two", file=sys.stderr)
    place.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
        output = Path(temporary) / "programs"
        output.mkdir()
        for command in recipe.commands(output):
            _run(command, sources)
        for other in place.parent.glob(f"{recipe.stem}-*"):
            if other != place and time.time() - other.stat().st_mtime > _STALE_S:
                shutil.rmtree(other, ignore_errors=True)
        try:
            output.rename(place)
        except OSError:
            # Another run has built the same sources meanwhile.
            if not place.is_dir():
                raise


def _run(command: Sequence[str], sources: Path) -> None:
    name = " ".join([Path(command[0]).name, *command[1:2]])
    try:
        done = subprocess.run(
            [shutil.which(command[0]) or command[0], *command[1:]],
            cwd=sources,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as expired:
        text = (expired.output or b"").decode(errors="replace")
        raise BuildFailed(f"{name} did not end within {TIMEOUT_S:g} s", text)
    if done.returncode != 0:
        raise BuildFailed(f"{name} failed, exit status {done.returncode}", done.stdout.decode(errors="replace"))
