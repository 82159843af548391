"""The gRPC level in memory: Plait's own server and channel, and the loop that stands still."""

from __future__ import annotations

import asyncio

import pytest

from interop.__main__ import main
from interop.conformance.commands import in_memory
from interop.conformance.driving import Delivery, Options
from interop.conformance.grpc.memory import SOON_S, KeptTransport, RestingLoop
from interop.conformance.grpc.run import run_case
from interop.conformance.grpc.stack import PlaitClient, connector
from interop.conformance.grpc.table import all_cases
from interop.conformance.grpc.tester import GrpcTarget
from interop.conformance.model import Case, Level, Role
from interop.conformance.report import failure_line

CASES = all_cases()
BY_ID = {case.key: case for case in CASES}


@pytest.mark.parametrize("delivery", [Delivery.WHOLE, Delivery.OCTETS])
@pytest.mark.parametrize("role", Role)
def test_plait_is_at_its_best(role: Role, delivery: Delivery) -> None:
    made = connector()
    cases = [case for case in CASES if case.role is role]
    results = [run_case(case, made, GrpcTarget(), Options(delivery)) for case in cases]
    assert not [failure_line(result) for result in results if not result.passed]
    assert all(result.verdict is not None for result in results)
    assert not [
        result.case.id
        for result in results
        if result.verdict is not None and not result.verdict.best and result.case.level > Level.MAY
    ]


@pytest.mark.parametrize("key", ["server/GRP-01.plain", "server/GRP-05.flag-2", "client/GRP-13.reply"])
def test_every_cut_in_two(key: str) -> None:
    case: Case = BY_ID[key]
    results = in_memory(case, connector(), True, run_case, GrpcTarget())
    assert len(results) > 100
    assert not [failure_line(result) for result in results if not result.passed]


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["conformance", "memory", "--grpc", "GRP-08", "--role", "server"]) == 0
    assert "0 failed at SHOULD" in capsys.readouterr().out
    assert main(["conformance", "memory", "--grpc", "--stack", "h2"]) == 2
    assert "the stack h2 speaks no gRPC; there are plait" in capsys.readouterr().err


def test_a_loop_runs_what_can_run_and_skips_to_what_is_due_soon() -> None:
    rest = RestingLoop()
    ran: list[str] = []

    def begin() -> None:
        asyncio.get_running_loop().call_soon(ran.append, "at once")
        asyncio.get_running_loop().call_later(SOON_S, ran.append, "soon")

    rest.call(begin)
    assert ran == ["at once"]
    rest.skip()
    assert ran == ["at once", "soon"]
    rest.call(lambda: rest.loop.call_later(SOON_S + 1, ran.append, "late"))
    rest.skip()
    assert ran == ["at once", "soon"]
    with pytest.raises(ZeroDivisionError):
        rest.call(lambda: 1 // 0)
    rest.close()
    rest.close()
    assert rest.loop.is_closed()


def test_a_transport_keeps_what_is_written_and_closes_once() -> None:
    rest = RestingLoop()
    lost: list[Exception | None] = []

    class Protocol(asyncio.Protocol):
        def connection_lost(self, exc: Exception | None) -> None:
            lost.append(exc)

    transport = KeptTransport(rest.loop, Protocol())
    transport.write(b"ab")
    transport.write(b"c")
    assert (transport.take(), transport.take()) == (b"abc", b"")
    assert transport.is_reading()
    assert transport.can_write_eof()
    transport.write_eof()
    transport.abort()
    rest.call(lambda: None)
    assert lost == [None]
    assert transport.is_closing()
    assert not transport.is_reading()
    rest.close()


def test_a_client_connects_once() -> None:
    client = PlaitClient()
    assert client.receive(b"").startswith(b"PRI * HTTP/2.0")
    client.receive_end()
    client.request(None, False)
    for _ in range(3):
        client.receive(b"")
    client.stop()
    result = client.results()[0]
    assert result.is_done
    assert result.error.startswith("UNAVAILABLE")
