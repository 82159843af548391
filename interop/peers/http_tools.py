"""curl and nghttp, the HTTP/2 clients of the system, as peers of `python -m http2 serve`.

Both rest on nghttp2 and yet differ: curl announces windows of many megabytes and verifies certificates; nghttp keeps
the initial windows of 64 KiB (RFC 9113 §6.9.2) and sends the deprecated priority signals.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interop.peers.peer import Missing

TRANSFER_TIMEOUT_S = 60


@dataclass(frozen=True)
class HttpTool:
    """A program that writes the content of a response to its standard output."""

    name: str
    package: str
    """The package of Debian that holds it."""
    arguments: Callable[[Path | None], list[str]]
    """Its arguments for every request, given the certificate to trust where the server speaks TLS."""
    post: Callable[[Path], list[str]]
    """Its further arguments for a POST with the content of a file."""

    def command(self) -> str:
        """Where the program is. Raises Missing."""
        path = shutil.which(self.name)
        if path is None:
            raise Missing(f"{self.name} is not on the path (in Debian: the package {self.package})")
        return path

    def version(self) -> str:
        """What the program says of its version. Raises Missing, also where it was built without HTTP/2."""
        said = subprocess.run(
            [self.command(), "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        ).stdout
        if self.name == "curl" and "HTTP2" not in said:
            raise Missing("this curl was built without HTTP/2")
        return " ".join(said.split()[:2])


def _curl_arguments(certificate: Path | None) -> list[str]:
    common = ["--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", str(TRANSFER_TIMEOUT_S)]
    if certificate is None:
        return [*common, "--http2-prior-knowledge"]
    return [*common, "--http2", "--cacert", str(certificate)]


def _curl_post(content: Path) -> list[str]:
    return ["--header", "content-type: application/octet-stream", "--data-binary", f"@{content}"]


def _nghttp_arguments(certificate: Path | None) -> list[str]:
    # nghttp has no option for a certificate to trust; curl is the peer that verifies.
    return [f"--timeout={TRANSFER_TIMEOUT_S}s", *([] if certificate is None else ["--no-verify-peer"])]


def _nghttp_post(content: Path) -> list[str]:
    return ["--header=content-type: application/octet-stream", f"--data={content}"]


HTTP_TOOLS = {
    tool.name: tool
    for tool in (
        HttpTool("curl", "curl", _curl_arguments, _curl_post),
        HttpTool("nghttp", "nghttp2-client", _nghttp_arguments, _nghttp_post),
    )
}
