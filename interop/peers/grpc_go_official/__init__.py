"""The official interop programs of grpc-go, as a peer: google.golang.org/grpc/interop/{client,server,http2}, unchanged.

They are built from the pinned module, as `grpc_go` builds its own. Their command lines are not those of our peers, so
`server` and `client` here start them: the first waits until the port is known, the second runs the program once for
each case, for it ends at the first that fails.
"""

from __future__ import annotations

import sys
from pathlib import Path

from interop.official_cases import COMPRESSION
from interop.peers import grpc_go
from interop.peers.builds import BUILDS, built
from interop.peers.peer import Commands

SOURCES = Path(__file__).parent
PACKAGES = tuple(f"google.golang.org/grpc/interop/{program}" for program in ("client", "server", "http2"))


def commands(sources: Path = SOURCES, builds: Path = BUILDS) -> Commands:
    """The commands, of programs that are built if need be. Raises Missing without Go or sources, and BuildFailed."""
    lacks = dict.fromkeys(COMPRESSION, "grpc-go's client has no such case")
    lacks["concurrent_large_unary"] = "grpc-go's client has no such case"
    lacks["rst_during_data"] = "grpc-go's client wants UNKNOWN, and grpc-go's library says INTERNAL"
    programs, how = built(grpc_go.recipe("grpc_go_official", *PACKAGES), sources, builds)
    server, client = ([sys.executable, "-m", f"{__name__}.{role}", str(programs)] for role in ("server", "client"))
    return Commands(
        server,
        client,
        f"grpc-go {grpc_go.pinned_version(sources)}, its interop programs, {how}",
        lacks,
        dict.fromkeys(COMPRESSION, "grpc-go's server neither compresses nor looks whether a request came compressed"),
    )
