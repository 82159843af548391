"""grpc-java's official interop programs, as a peer: `io.grpc:grpc-interop-testing`, fetched and started by Maven's and
this machine's Java. `Peer.java` gives them the contract of our peers.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from interop.official_cases import SOAK_ITERATIONS
from interop.peers.builds import BUILDS, Recipe, built
from interop.peers.peer import Commands

SOURCES = Path(__file__).parent

# A program that runs for seconds gains nothing from the optimizing compiler and a parallel collector.
_JVM_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


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
    class_path = os.pathsep.join((str(programs / "classes"), f"{programs / 'libraries'}/*"))
    java = ["java", *_JVM_OPTIONS, f"-Dsoak_iterations={SOAK_ITERATIONS}", "-cp", class_path]
    server, client = ([*java, "io.grpc.testing.integration.Peer", role] for role in ("server", "client"))
    version = re.findall(r"<version>(.*)</version>", (sources / "pom.xml").read_text())[1]
    why = "grpc-java's client wants another text of the error than grpc-java's library gives"
    lacks = dict.fromkeys(("rst_after_header", "rst_during_data", "rst_after_data"), why)
    lacks["concurrent_large_unary"] = "grpc-java's client has no such case"
    return Commands(server, client, f"grpc-java {version}, its interop programs, {how}", lacks)
