"""The stacks that are compared: for each a server and a client, in processes of their own.

grpcio and Plait have the same API, so one program serves for both: it is told which module to import. A program is

    python -m benchmarks.stacks.FACE server MODULE          prints its port and serves until it is ended
    python -m benchmarks.stacks.FACE client MODULE PORT     reads lines "WORKLOAD SECONDS", answers each with a line of
                                                            JSON: operations, and latencies_us where they are told
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Stack:
    """One way to make calls: a program of this package, and the module that it runs on."""

    name: str
    face: str
    module: str

    def command(self, role: str, *arguments: str) -> list[str]:
        """What follows the interpreter on the command line."""
        return ["-m", f"benchmarks.stacks.{self.face}", role, self.module, *arguments]

    def missing(self) -> str | None:
        """What this stack needs and this machine lacks."""
        return None if importlib.util.find_spec(self.module) else self.module


STACKS: Final = {
    stack.name: stack
    for stack in (
        Stack("plait.aio", "asyncio_face", "grpc_core"),
        Stack("grpc.aio", "asyncio_face", "grpc"),
        Stack("plait", "blocking_face", "grpc_core"),
        Stack("grpc", "blocking_face", "grpc"),
    )
}

PAIRS: Final = (("plait.aio", "grpc.aio"), ("plait", "grpc"))
"""What is compared with what."""
