"""grpc-js, the official gRPC for Node.js, as a peer: our `server.js` and `client.js` on the package `@grpc/grpc-js`.

The project's own interop programs for it are in no package, so the cases are written here once more, in JavaScript.
The build is a folder with the programs and, by npm and `package-lock.json`, what they need.
"""

from __future__ import annotations

import json
from pathlib import Path

from interop.official_cases import SOAK_ITERATIONS
from interop.peers.builds import BUILDS, Recipe, built
from interop.peers.peer import Commands

SOURCES = Path(__file__).parent

_FILES = ("package.json", "package-lock.json", "test.proto", "service.js", "server.js", "client.js")


def _build_commands(output: Path) -> list[list[str]]:
    fetch = ["npm", "ci", "--prefix", str(output), "--ignore-scripts", "--no-audit", "--no-fund"]
    return [["cp", *_FILES, str(output)], fetch]


_RECIPE = Recipe("grpc_js", "grpc-js's programs", "Node.js", _FILES, ("node", "npm"), _build_commands)


def commands(sources: Path = SOURCES, builds: Path = BUILDS) -> Commands:
    """The commands, of programs that are built if need be. Raises Missing without Node.js or sources, BuildFailed."""
    programs, how = built(_RECIPE, sources, builds)
    server, client = (["node", str(programs / f"{role}.js")] for role in ("server", "client"))
    version = json.loads((sources / "package.json").read_text())["dependencies"]["@grpc/grpc-js"]
    tells_nothing = "grpc-js does not tell whether a response came compressed"
    does_not_look = "grpc-js does not tell a handler whether a request came compressed"
    sends_plain = "grpc-js's server compresses nothing"
    return Commands(
        server,
        [*client, "--soak-iterations", str(SOAK_ITERATIONS)],
        f"@grpc/grpc-js {version}, {how}",
        dict.fromkeys(("server_compressed_unary", "server_compressed_streaming"), tells_nothing),
        {
            "client_compressed_unary": does_not_look,
            "client_compressed_streaming": does_not_look,
            "server_compressed_unary": sends_plain,
            "server_compressed_streaming": sends_plain,
        },
    )
