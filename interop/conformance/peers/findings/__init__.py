"""What the failures of the matrix are, in words: each was looked at frame by frame (`--explain`), with the RFC open.

A finding holds for a peer, or for all, and for the lines or cases it names, where `about` is in what came. The first
one that fits speaks for a case. A failure without a finding is shown as one that nobody has looked into.

| question                                  | file      |
|-------------------------------------------|-----------|
| what a finding is, and when it fits       | `finding` |
| what a server does otherwise              | `servers` |
| what a client does otherwise              | `clients` |
| what a server or client of gRPC does so   | `grpc`    |
| what many do                              | `many`    |
"""

from typing import Final

from interop.conformance.peers.findings.clients import CLIENTS
from interop.conformance.peers.findings.finding import ANY, Finding, finding_for
from interop.conformance.peers.findings.grpc import GRPC
from interop.conformance.peers.findings.many import MANY
from interop.conformance.peers.findings.servers import SERVERS

__all__ = ["ANY", "FINDINGS", "Finding", "finding_for"]

FINDINGS: Final[tuple[Finding, ...]] = (*SERVERS, *CLIENTS, *GRPC, *MANY)
