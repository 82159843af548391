"""Where clients of gRPC are tested: `conformance.bench`, whose server answers calls."""

from __future__ import annotations

from typing import Final

from interop.conformance.bench import Bench
from interop.conformance.driving import Connector, Options
from interop.conformance.grpc.clients import Function, Program
from interop.conformance.grpc.run import check, run_case
from interop.conformance.grpc.tester import GrpcTarget
from interop.conformance.model import Case, Role
from interop.conformance.run import SECOND_CHANCES, Result, Unusable

CALLS: Final = GrpcTarget()


class GrpcBench(Bench):
    """As `Bench`, for calls. `client` is a `grpc.clients.Program` or `Function`."""

    cannot_send = "the client is not told deadlines: its command has no {timeout}"

    def __init__(
        self,
        client: Program | Function,
        *,
        tls: bool = False,
        timeout_s: float = 5.0,
        second_chances: int = SECOND_CHANCES,
    ) -> None:
        super().__init__(client, tls=tls, timeout_s=timeout_s, second_chances=second_chances)
        self._takes_deadlines = client.takes_deadlines

    @property
    def offers(self) -> frozenset[str]:
        """As for other clients, and deadlines where it can be told one."""
        return super().offers | ({"deadline"} if self._takes_deadlines else set())

    def url(self, port: int) -> str:
        """The target."""
        return f"{self.host}:{port}"

    def target(self, port: int) -> GrpcTarget:
        """What calls are for."""
        return GrpcTarget("https" if self.tls is not None else "http", self.url(port))

    def run_case(self, case: Case, connector: Connector, options: Options) -> Result:
        """Run a case of the gRPC level. Raises OSError when the client does not connect."""
        return run_case(case, connector, CALLS, options)

    def first_exchange(self, connector: Connector) -> str:
        """One call: what is wrong with it, or empty."""
        try:
            check(connector, Role.CLIENT, CALLS, self.timeout_s)
        except Unusable as reason:
            return str(reason)
        return ""
