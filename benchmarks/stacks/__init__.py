"""The stacks that are compared: for each a server and a client, in processes of their own.

grpcio and Plait have the same API, so one program serves for both: it is told which module to import. A program is

    PROGRAM server [--module MODULE] [--loop LOOP] [--tls FOLDER]        prints its port and serves until it is ended
    PROGRAM client [--module MODULE] [--loop LOOP] [--tls FOLDER] --port PORT
                                                                         carries out orders

An order is a line of JSON, and so is its answer:

    {"name": WORKLOAD, "number": SECONDS, ...}    operations, and latencies_us where they are told
    {"name": HOLD, "number": NUMBER}              opens that many of what `workloads.HOLDS` names, and keeps them

or the answer is {"error": "..."}. With a workload comes what the table says of it, for programs in other languages.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.workloads import HOLDS, WORKLOADS

GO: Final = "go"


@dataclass(frozen=True)
class Stack:
    """One way to make calls: a program, and what it is told."""

    name: str
    face: str
    """The module of this package that is the program, or `GO`."""
    module: str = ""
    loop: str = "asyncio"
    needs: tuple[str, ...] = ()
    """The modules that must be there."""
    distribution: str = ""
    """What the version is told of."""
    orders: tuple[str, ...] = (*WORKLOADS, *HOLDS)
    """What it can be told to do."""
    folder: Path | None = None
    """Where its program and its module are; here, when it is not told."""

    def command(self, role: str, port: str = "", tls: Path | None = None) -> list[str]:
        """The command line. Raises interop's Missing and BuildFailed where a program has to be built and cannot be."""
        if self.face == GO:
            words = [*_go_command(), role]
        else:
            words = [sys.executable, "-m", f"benchmarks.stacks.{self.face}", role]
            words += [f"--module={self.module}", f"--loop={self.loop}"]
        return words + ([f"--tls={tls}"] if tls else []) + ([f"--port={port}"] if port else [])

    def missing(self) -> str | None:
        """What this stack needs and this machine lacks."""
        lacking = [name for name in self.needs if not importlib.util.find_spec(name)]
        if lacking:
            return f"{' and '.join(lacking)} is missing"
        if self.face == GO:
            from interop.peers.peer import BuildFailed, Missing

            try:
                _go_command()
            except (Missing, BuildFailed) as problem:
                return str(problem)
        return None


def _go_command() -> list[str]:
    # Not at the top: this module is also in the processes that are measured, where interop is none of the stack's.
    from interop.peers import grpc_go

    return grpc_go.bench_command()


_WORKLOADS_ALONE: Final = tuple(WORKLOADS)

STACKS: Final = {
    stack.name: stack
    for stack in (
        Stack("plait.aio", "asyncio_face", "grpc_core", distribution="plait"),
        Stack("plait.uvloop", "asyncio_face", "grpc_core", "uvloop", ("uvloop",), "uvloop"),
        Stack("grpc.aio", "asyncio_face", "grpc", needs=("grpc",), distribution="grpcio"),
        Stack("grpclib", "grpclib_face", needs=("grpclib",), distribution="grpclib"),
        Stack(
            "connectrpc",
            "connect_face",
            needs=("connectrpc", "hypercorn"),
            distribution="connectrpc",
            orders=_WORKLOADS_ALONE,
        ),
        Stack("grpc-go", GO),
        Stack("plait", "blocking_face", "grpc_core", orders=_WORKLOADS_ALONE),
        Stack("grpc", "blocking_face", "grpc", needs=("grpc",), orders=_WORKLOADS_ALONE),
        Stack("echo.aio", "echo_face", orders=("ping-pong",)),
        Stack("echo", "echo_face", loop="none", orders=("ping-pong",)),
    )
}


@dataclass(frozen=True)
class Pairing:
    """A server and a client that run against each other."""

    server: Stack
    client: Stack
    is_tls: bool = False

    @property
    def name(self) -> str:
        """As the tables have it."""
        name = self.client.name if self.client == self.server else f"{self.client.name} to {self.server.name}"
        return f"{name}, TLS" if self.is_tls else name

    def can(self, order: str) -> bool:
        """Whether both ends can do it."""
        return order in self.server.orders and order in self.client.orders

    def missing(self) -> str | None:
        """What one of them needs and this machine lacks."""
        return self.server.missing() or self.client.missing()


ALONE: Final = tuple(Pairing(stack, stack) for stack in STACKS.values())
OVER_TLS: Final = tuple(
    Pairing(STACKS[name], STACKS[name], is_tls=True)
    for name in ("plait.aio", "plait.uvloop", "grpc.aio", "grpclib", "grpc-go", "plait", "grpc")
)
CROSSED: Final = tuple(
    Pairing(STACKS[server], STACKS[client])
    for server, client in (
        ("grpc.aio", "plait.aio"),
        ("plait.aio", "grpc.aio"),
        ("grpc-go", "plait.aio"),
        ("plait.aio", "grpc-go"),
    )
)

PAIRS: Final = (("plait.aio", "grpc.aio"), ("plait", "grpc"))
"""What the terminal and the targets compare with what."""
