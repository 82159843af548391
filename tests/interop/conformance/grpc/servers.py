"""Servers of `grpc.testing.TestService` as processes, and the gRPC level run against them.

python -m tests.interop.conformance.grpc.servers NAME ...     what fails with each, as `known` has it
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from interop.conformance.driving import Delivery
from interop.conformance.exchange import Target
from interop.conformance.grpc import server
from interop.conformance.grpc.table import all_cases
from interop.conformance.model import Case, Level, Role
from interop.conformance.run import Result
from interop.conformance.server import Plan, run_cases
from interop.conformance.sockets import Endpoint
from interop.peers import grpc_go_official, grpcio, plait
from interop.peers.peer import Commands
from interop.peers.process import serving
from tests.interop.conformance.grpc.known import KNOWN, parted
from tests.support.tls import TlsFiles

SERVERS: Final[dict[str, Callable[[], Commands]]] = {
    "plait": plait.commands,
    "plait_sync": plait.blocking_commands,
    "grpcio": grpcio.commands,
    "grpcio_sync": grpcio.blocking_commands,
    "grpc_go": grpc_go_official.commands,
}


def server_cases() -> list[Case]:
    """Those for servers."""
    return [case for case in all_cases() if case.role is Role.SERVER]


def results_of(
    name: str, cases: Sequence[Case], *, tls: TlsFiles | None = None, deliveries: Sequence[Delivery] = (Delivery.WHOLE,)
) -> list[Result]:
    """Every case against a server that is started for it. Raises Missing where the server cannot be."""
    arguments = [] if tls is None else ["--tls-cert", str(tls.cert), "--tls-key", str(tls.key)]
    with serving([*SERVERS[name]().server, *arguments, "--port", "0"]) as running:
        host, port = running.address.rsplit(":", 1)
        endpoint = Endpoint.find(host, int(port), tls=tls is not None, timeout_s=5.0)
        scheme = "http" if tls is None else "https"
        target = server.reference(endpoint, Target(scheme, running.address))
        plan = server.of_calls(Plan(tuple(deliveries), parallel=8, timeout_s=3.0))
        fair, hopeless = parted(cases, KNOWN[name])
        results = run_cases(fair, endpoint, target, plan)
        results += run_cases(hopeless, endpoint, target, replace(plan, second_chances=0))
    assert running.problem is None, running.problem
    return results


def failing(results: Sequence[Result]) -> set[str]:
    """The ids of cases that fail at SHOULD or above."""
    return {result.case.id for result in results if not result.passes(Level.SHOULD)}


if __name__ == "__main__":
    for each in sys.argv[1:] or SERVERS:
        print(each, *sorted(failing(results_of(each, server_cases()))), sep="\n    ")
