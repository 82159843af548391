"""The servers and clients of gRPC of the matrix, with `grpc.testing.TestService`.

The servers, and how all are built, are those of `python -m interop matrix` (`interop.peers`). A client makes one call.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from interop.conformance.driving import Delivery
from interop.conformance.peers.peer import STARTED
from interop.conformance.peers.servers import plait_version
from interop.peers import grpc_go, grpc_go_official, grpc_java, grpc_js, grpcio, plait
from interop.peers.peer import Commands

CALL: Final = ("--timeout", "{timeout}", "{target}")


@dataclass(frozen=True)
class GrpcServerPeer:
    """A server of TestService. `commands` raises Missing and BuildFailed."""

    name: str
    title: str
    install: str
    commands: Callable[[], Commands]


@dataclass(frozen=True)
class GrpcClientPeer:
    """A client that makes one UnaryCall to {target}. `version` and `command` raise Missing and BuildFailed."""

    name: str
    title: str
    install: str
    version: Callable[[], str]
    command: Callable[[], Sequence[str]]
    deliveries: tuple[Delivery, ...] = (Delivery.WHOLE,)
    note: str = STARTED


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


def _python(package: str) -> list[str]:
    return [sys.executable, "-m", f"{package}.call", *CALL]


GRPC_CLIENTS: Final = {
    peer.name: peer
    for peer in (
        GrpcClientPeer(
            "plait", "Plait's grpc_core", "this distribution", plait_version,
            lambda: _python(plait.__name__),
        ),
        GrpcClientPeer(
            "grpcio", "grpcio (on gRPC's C core)", "pip install grpcio", lambda: grpcio.commands().version,
            lambda: _python(grpcio.__name__),
        ),
        GrpcClientPeer(
            "grpc_go", "grpc-go", "Go, which builds it", lambda: grpc_go.pinned_version(grpc_go.SOURCES),
            lambda: [*grpc_go.call_command(), "-timeout", "{timeout}", "{target}"],
        ),
    )
}  # fmt: skip
"""Name -> client, in the order of the report."""
