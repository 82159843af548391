"""A gRPC server on the network: what makes `conformance.server` run calls.

    target = reference(endpoint, target)                           # raises Unusable: why it cannot be tested
    results = run_cases(cases, endpoint, target, of_calls(Plan()))

The server needs the official `grpc.testing.TestService`, which every official implementation has a program for.
"""

from __future__ import annotations

from dataclasses import replace

from interop.conformance.exchange import Target
from interop.conformance.grpc.run import check, run_case
from interop.conformance.grpc.service import UNARY
from interop.conformance.grpc.tester import GrpcTarget
from interop.conformance.model import Role
from interop.conformance.run import Unusable
from interop.conformance.server import Plan, diagnosis
from interop.conformance.sockets import Endpoint, SocketConnector


def reference(endpoint: Endpoint, target: Target) -> GrpcTarget:
    """The same target, for calls, one of which has worked. Raises Unusable and OSError, with a text for a person."""
    path = UNARY.decode()
    calls = GrpcTarget(target.scheme, target.authority, path, path, path)
    connector = SocketConnector(endpoint)
    try:
        check(connector, Role.SERVER, calls, endpoint.timeout_s)
    except Unusable as reason:
        raise Unusable(diagnosis(connector.last, endpoint) or str(reason)) from None
    return calls


def of_calls(plan: Plan) -> Plan:
    """The plan for cases of the gRPC level."""
    return replace(plan, run_case=run_case, excuses=False)
