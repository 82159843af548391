"""The clients of the matrix: the command with which each makes one request of {url}."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Final

from interop.conformance.peers.peer import ClientPeer, package_version, program, python_with, version_of
from interop.conformance.peers.servers import go_program, own_program, plait_version

URL: Final = "{url}"


def _command(name: str, *arguments: str) -> Callable[[], Sequence[str]]:
    return lambda: [program(name), *arguments, URL]


CLIENTS: Final = {
    peer.name: peer
    for peer in (
        ClientPeer(
            "plait", "Plait's python -m http2 get", "this distribution", plait_version,
            lambda: [sys.executable, "-m", "http2", "get", URL],
        ),
        ClientPeer(
            "curl", "curl (on nghttp2)", "apt-get install curl", version_of("curl", "--version"),
            _command("curl", "-sS", "--noproxy", "*", "--http2-prior-knowledge"),
        ),
        ClientPeer(
            "nghttp", "nghttp, of nghttp2", "apt-get install nghttp2-client", version_of("nghttp", "--version"),
            _command("nghttp"),
        ),
        ClientPeer(
            "node", "Node.js, its module http2 (on nghttp2)", "https://nodejs.org", version_of("node", "--version"),
            lambda: [program("node"), own_program("node_client.mjs"), URL],
        ),
        ClientPeer(
            "httpx", "httpx (on h2)", "pip install httpx[http2]", package_version("httpx", "httpx"),
            lambda: [python_with("httpx"), own_program("httpx_client.py"), URL],
        ),
        ClientPeer(
            "go", "Go's net/http", "https://go.dev", version_of("go", "version"), lambda: [go_program("client"), URL]
        ),
    )
}  # fmt: skip
"""Name -> client, in the order of the report."""
