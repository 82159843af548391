"""grpc-go, the official gRPC for Go, as a peer: built with this machine's Go, and again only when a source changes.

The two programs share this folder's module: `go.mod` pins google.golang.org/grpc, `go.sum` what it is made of.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from interop.peers.builds import BUILDS, Recipe, built
from interop.peers.peer import Commands, NeedsCheckout

SOURCES = Path(__file__).parent


def recipe(stem: str, *packages: str, what: str = "grpc-go's programs") -> Recipe:
    """How the Go packages are built, each a program. `what` they are is said while that goes on."""

    def commands(output: Path) -> list[list[str]]:
        return [["go", "build", "-buildvcs=false", "-o", f"{output}{os.sep}", *packages]]

    return Recipe(stem, what, "Go", ("go.mod", "go.sum", "**/*.go"), ("go",), commands)


def _built(sources: Path, builds: Path) -> tuple[Path, str]:
    return built(recipe("grpc_go", "./server", "./client", "./call"), sources, builds)


def call_command(sources: Path = SOURCES, builds: Path = BUILDS) -> list[str]:
    """The command that makes one call, without its target. Raises Missing and BuildFailed."""
    programs, _ = _built(sources, builds)
    return [str(programs / "call")]


def bench_command(sources: Path = SOURCES, builds: Path = BUILDS) -> list[str]:
    """The command of the program that benchmarks/ measures, without its role. Raises Missing and BuildFailed."""
    programs, _ = built(recipe("grpc_go_bench", "./bench", what="grpc-go's part of the benchmarks"), sources, builds)
    return [str(programs / "bench")]


def commands(sources: Path = SOURCES, builds: Path = BUILDS) -> Commands:
    """The commands, of programs that are built if need be. Raises Missing without Go or sources, and BuildFailed."""
    programs, how = _built(sources, builds)
    server, client = ([str(programs / program)] for program in ("server", "client"))
    return Commands(server, client, f"grpc-go {pinned_version(sources)}, {how}")


def pinned_version(sources: Path) -> str:
    """The version of grpc-go that the sources name. Raises NeedsCheckout without them."""
    try:
        required = (sources / "go.mod").read_text()
    except FileNotFoundError:
        raise NeedsCheckout("the Go sources are")
    found = re.search(r"^\s*(?:require )?google\.golang\.org/grpc (v\S+)", required, re.MULTILINE)
    return found[1] if found else "of unknown version"
