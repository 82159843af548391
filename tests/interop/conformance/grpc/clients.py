"""Clients for the gRPC level: in this process with Plait and grpcio on either API, and grpc-go as a program.

python -m tests.interop.conformance.grpc.clients NAME ...     what fails with each, as `known` has it
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import grpc_core
from interop.conformance.client_command import run_cases
from interop.conformance.driving import Delivery
from interop.conformance.grpc.bench import GrpcBench
from interop.conformance.grpc.clients import Ended, Function, Program
from interop.conformance.grpc.table import all_cases
from interop.conformance.model import Case, Role
from interop.conformance.run import SECOND_CHANCES, Result
from interop.faces import AsyncFace, BlockingFace, Face, Trust
from interop.peers import grpc_go, one_call
from interop.peers.peer import Missing
from tests.interop.conformance.grpc.known import KNOWN_CLIENTS, parted
from tests.interop.conformance.grpc.servers import failing


def client_cases() -> list[Case]:
    """Those for clients."""
    return [case for case in all_cases() if case.role is Role.CLIENT]


def function(face: Face, authority: Callable[[], Path | None]) -> Function:
    """A client of a Python module in this process."""

    def call(target: str, deadline_s: float) -> Ended:
        path = authority()
        trust = Trust(path.read_bytes(), "localhost") if path is not None else None
        return face.run(one_call.call(face, target, deadline_s, trust))

    return Function(call)


def _grpcio() -> Any:
    try:
        import grpc
        import grpc.aio
    except ImportError as error:
        raise Missing(f"grpcio: {error}") from None
    return grpc


FACES: Final[dict[str, Callable[[], Face]]] = {
    "plait": lambda: AsyncFace(grpc_core),
    "plait_sync": lambda: BlockingFace(grpc_core),
    "grpcio": lambda: AsyncFace(_grpcio()),
    "grpcio_sync": lambda: BlockingFace(_grpcio()),
}
CLIENTS: Final = (*FACES, "grpc_go")


def bench_of(name: str, *, tls: bool = False, second_chances: int = SECOND_CHANCES) -> GrpcBench:
    """Where a client is tested. Raises Missing."""
    bench: GrpcBench
    if name == "grpc_go":
        security = ["-tls-ca", "{ca}"] if tls else []
        client: Program | Function = Program([*grpc_go.call_command(), "-timeout", "{timeout}", *security, "{target}"])
    else:
        client = function(FACES[name](), lambda: bench.authority)
    bench = GrpcBench(client, tls=tls, timeout_s=4.0, second_chances=second_chances)
    return bench


def results_of(
    name: str, cases: Sequence[Case], *, tls: bool = False, deliveries: Sequence[Delivery] = (Delivery.WHOLE,)
) -> list[Result]:
    """Every case against a client. Raises Missing."""
    fair, hopeless = parted(cases, KNOWN_CLIENTS[name])
    results = []
    for some, chances in ((fair, SECOND_CHANCES), (hopeless, 0)):
        with bench_of(name, tls=tls, second_chances=chances) as bench:
            bench.check()
            results += run_cases(bench, some, deliveries, 8, lambda result: None)
    return results


if __name__ == "__main__":
    for each in sys.argv[1:] or CLIENTS:
        print(each, *sorted(failing(results_of(each, client_cases()))), sep="\n    ")
