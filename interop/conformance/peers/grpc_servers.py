"""The servers of gRPC of the matrix: the official interop programs, with `grpc.testing.TestService`.

They are the peers of `python -m interop matrix`, which knows how they are built and started (`interop.peers`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from interop.peers import grpc_go_official, grpc_java, grpc_js, grpcio, plait
from interop.peers.peer import Commands


@dataclass(frozen=True)
class GrpcServerPeer:
    """A server of TestService. `commands` raises Missing and BuildFailed."""

    name: str
    title: str
    install: str
    commands: Callable[[], Commands]


GRPC_SERVERS: Final = {
    peer.name: peer
    for peer in (
        GrpcServerPeer("plait", "Plait's grpc_core", "this distribution", plait.commands),
        GrpcServerPeer("grpcio", "grpcio (on gRPC's C core)", "pip install grpcio", grpcio.commands),
        GrpcServerPeer("grpc_go", "grpc-go", "Go, which builds it", grpc_go_official.commands),
        GrpcServerPeer("grpc_js", "grpc-js (on Node.js)", "Node.js and npm, which build it", grpc_js.commands),
        GrpcServerPeer("grpc_java", "grpc-java (on Netty)", "Java and Maven, which build it", grpc_java.commands),
    )
}
"""Name -> server, in the order of the report."""
