"""grpc-java's official interop programs, as a peer: `io.grpc:grpc-interop-testing`, fetched and started by Maven's and
this machine's Java. `Peer.java` gives them the contract of our peers, and `run` the certificates of the run: they load
their own from the class path, `certs/...`, and `run` puts the folder that holds ours in front of it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from interop.official_cases import COMPRESSION
from interop.peers.builds import BUILDS, Recipe, built
from interop.peers.peer import Commands

SOURCES = Path(__file__).parent


def _build_commands(output: Path) -> list[list[str]]:
    libraries = output / "libraries"
    fetch = ["mvn", "dependency:copy-dependencies", "--quiet", "--batch-mode", "-DincludeScope=runtime"]
    return [
        [*fetch, f"-DoutputDirectory={libraries}"],
        ["javac", "-d", str(output / "classes"), "-cp", f"{libraries}/*", "Peer.java"],
    ]


_RECIPE = Recipe(
    "grpc_java", "grpc-java's programs", "Java", ("pom.xml", "*.java"), ("java", "javac", "mvn"), _build_commands
)


def commands(sources: Path = SOURCES, builds: Path = BUILDS) -> Commands:
    """The commands, of programs that are fetched if need be. Raises Missing without Java or Maven, and BuildFailed."""
    programs, how = built(_RECIPE, sources, builds)
    server, client = ([sys.executable, "-m", f"{__name__}.run", str(programs), role] for role in ("server", "client"))
    version = re.findall(r"<version>(.*)</version>", (sources / "pom.xml").read_text())[1]
    why = "grpc-java's client wants another text of the error than grpc-java's library gives"
    lacks = dict.fromkeys(("rst_after_header", "rst_during_data", "rst_after_data"), why)
    lacks["concurrent_large_unary"] = "grpc-java's client has no such case"
    server_lacks = dict.fromkeys(COMPRESSION[:2], "grpc-java's server does not look whether a request came compressed")
    server_lacks["server_compressed_streaming"] = "grpc-java's server compresses single responses alone"
    return Commands(server, client, f"grpc-java {version}, its interop programs, {how}", lacks, server_lacks)
