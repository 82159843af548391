"""grpcurl, the usual command line to call a gRPC server with, as a peer: unchanged, built with this machine's Go.

It is a client alone, with a command line of its own, and asks a server's reflection for all that it knows.
"""

from __future__ import annotations

import re
from pathlib import Path

from interop.peers import grpc_go
from interop.peers.builds import BUILDS, built

SOURCES = Path(__file__).parent
NAME = "grpcurl"
PACKAGE = "github.com/fullstorydev/grpcurl/cmd/grpcurl"


def program(sources: Path = SOURCES, builds: Path = BUILDS) -> Path:
    """The program, built if need be. Raises Missing without Go or sources, and BuildFailed."""
    place, _ = built(grpc_go.recipe(NAME, PACKAGE, what="grpcurl"), sources, builds)
    return place / NAME


def pinned_version(sources: Path = SOURCES) -> str:
    """The version of grpcurl that the sources name."""
    found = re.search(
        r"^\s*(?:require )?github\.com/fullstorydev/grpcurl (v\S+)", (sources / "go.mod").read_text(), re.M
    )
    return found[1] if found else "of unknown version"
