"""Clients over sockets: Plait's at its best, curl and nghttp as they are, and clients that no bench may believe."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from http2.aio import Client, connect
from interop.conformance import clients as of_kit
from interop.conformance.bench import Bench
from interop.conformance.clients import Fetched, Function, Program
from interop.conformance.driving import Delivery
from interop.conformance.exchange import Answer
from interop.conformance.model import Case, Level, Outcome, Role
from interop.conformance.report import failure_line
from interop.conformance.run import Result
from interop.conformance.sockets import Unreachable
from interop.conformance.table import all_cases, select
from tests.interop.conformance.clients import (
    GET,
    careless,
    closes_on_everything,
    connected,
    exchange,
    insistent,
    lying,
    plait_bench,
)

QUICK = (
    "PRE-09.ping", "PRE-09.headers", "PRE-10", "PRE-14", "PRE-15", "PRE-16", "PRE-17", "FRM-01.0x0c", "FRM-02",
    "FRM-06.data-longest", "FRM-08.ping-7", "FRM-12.ping", "SET-01", "SET-03", "SET-04", "PNG-01.echo-all",
    "PNG-02.above", "PNG-06", "STR-06", "STR-16", "FLW-08", "HPK-01", "HPK-12", "MSG-02", "MSG-03",
    "MSG-06.connection", "CLI",
)  # fmt: skip


def cases(*ids: str) -> list[Case]:
    return select(all_cases(), role=Role.CLIENT, ids=ids)


def results(bench: Bench, wanted: Sequence[Case], deliveries: Sequence[Delivery]) -> list[Result]:
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(bench.run, case, delivery) for case in wanted for delivery in deliveries]
        return [run.result() for run in runs]


def one(client: of_kit.Client, case_id: str, timeout_s: float = 5.0) -> Result:
    """The result of one case."""
    with Bench(client, timeout_s=timeout_s) as bench:
        (case,) = cases(case_id)
        return bench.run(case)


def broken(result: Result) -> tuple[Outcome, Level | None, str]:
    assert result.verdict is not None
    faults = [fault.text for fault in result.verdict.faults]
    violations = [str(violation) for violation in result.verdict.violations]
    return result.verdict.outcome, result.verdict.breaks, "; ".join(faults + violations)


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
def test_plait_is_at_its_best(tls: bool) -> None:
    with plait_bench(tls=tls) as bench:
        bench.check()
        found = results(bench, cases(*QUICK), [Delivery.WHOLE] if tls else [Delivery.WHOLE, Delivery.OCTETS])
    assert [failure_line(result) for result in found if result.verdict is not None and not result.verdict.best] == []
    ran = {result.case.id for result in found if result.verdict is not None}
    assert len(ran) > 120
    assert ("PRE-17.sni" in ran) is tls


def test_the_command_of_plait_is_at_its_best() -> None:
    with Bench(Program(GET), timeout_s=20) as bench:
        wanted = cases("PRE-09.ping", "SET-03.1", "CLI-03.length-longer", "CLI-18.in-content")
        found = results(bench, wanted, [Delivery.WHOLE])
    assert [broken(result)[1:] for result in found] == [(None, "")] * 4


def required(program: str) -> str:
    """The path of a program. Where it is missing, the test is skipped; if INTEROP_REQUIRE lists it, it fails."""
    path = shutil.which(program)
    if path is None:
        assert program not in os.environ.get("INTEROP_REQUIRE", "").replace(" ", "").split(","), f"{program} is missing"
        pytest.skip(f"{program} is not installed")
    return path


def test_curl() -> None:
    command = [required("curl"), "-sS", "--http2-prior-knowledge", "{url}"]
    wanted = cases(
        "SET-01", "SET-03", "PNG-01", "CLI-01", "CLI-03.length-longer", "CLI-18.in-content", "MSG-06.connection"
    )
    with Bench(Program(command), timeout_s=10) as bench:
        bench.check()
        found = results(bench, wanted, [Delivery.WHOLE, Delivery.OCTETS])
    assert [failure_line(result) for result in found if not result.passes(Level.SHOULD)] == []


def test_curl_over_tls() -> None:
    command = [required("curl"), "-sS", "--cacert", "{ca}", "{url}"]
    with Bench(Program(command), tls=True, timeout_s=10) as bench:
        found = results(bench, cases("PRE-17", "SET-03", "CLI-18.in-content"), [Delivery.WHOLE])
    assert [broken(result)[1:] for result in found] == [(None, "")] * 4


def test_nghttp_sees_errors_and_does_not_tell() -> None:
    """nghttp 1.52 exits with 0 whatever happened: right on the wire, and a truncated file would count as complete."""
    command = [required("nghttp"), "{url}"]
    with Bench(Program(command), timeout_s=10) as bench:
        found = results(bench, cases("SET-01.empty", "SET-03.1"), [Delivery.WHOLE])
    assert broken(found[0]) == (Outcome.TOLERATED, None, "")
    outcome, level, faults = broken(found[1])
    assert (outcome, level) == (Outcome.EXACT, Level.MUST)
    assert faults.endswith("never was complete, and the client says it was")


# -- clients that must not be believed ---------------------------------------------------------------------------------


def plait(url: str) -> Fetched:
    return asyncio.run(exchange(url, None, None))


@pytest.mark.parametrize("case_id", ["CLI-03.length-longer", "CLI-18.in-content", "SET-03.1", "MSG-02.empty"])
def test_a_client_that_lies_fails(case_id: str) -> None:
    result = one(Function(lying(plait)), case_id)
    assert broken(result)[1] is Level.MUST
    assert "the client" in broken(result)[2]


def test_a_client_that_closes_on_everything_fails_what_demands_an_error() -> None:
    outcome, level, faults = broken(one(Function(closes_on_everything), "SET-03.1"))
    assert (outcome, level) == (Outcome.SILENT_CLOSE, Level.MUST)
    assert faults.startswith("a fresh connection does not work afterwards")
    assert broken(one(Function(closes_on_everything), "CLI-10.request"))[1] is Level.MUST


def test_content_is_compared() -> None:
    def upper(url: str) -> Fetched:
        answer = plait(url)
        assert isinstance(answer, Answer)
        return answer.content.upper()

    assert broken(one(Function(upper), "CLI-10.request"))[2].endswith("was due")


def test_a_client_that_never_ends_is_given_up() -> None:
    stop = threading.Event()
    kept: list[socket.socket] = []

    def waits(url: str) -> Fetched:
        kept.append(connected(url))
        stop.wait()
        raise TimeoutError

    try:
        outcome, level, faults = broken(one(Function(waits), "CLI-10.request", timeout_s=0.3))
    finally:
        stop.set()
        for connection in kept:
            connection.close()
    assert (outcome, level) == (Outcome.HUNG, Level.MUST)
    assert faults.startswith("the connection is over, and the client still waits on stream 1; a fresh connection ")


def test_a_client_that_does_not_come() -> None:
    with Bench(Function(lambda url: b"from a cache")) as bench:
        with pytest.raises(Unreachable, match="ended without having connected: it reported success"):
            bench.check()
        (case,) = cases("CLI-10.request")
        assert broken(bench.run(case))[:2] == (Outcome.HUNG, Level.MUST)


def test_a_client_that_connects_again_and_again() -> None:
    def loops(url: str) -> Fetched:
        for _ in range(15):
            with connected(url) as connection:
                while connection.recv(4096):
                    pass
        raise ConnectionError("fifteen times")

    outcome, _, violations = broken(one(Function(loops), "CLI-19.calm", timeout_s=1.0))
    assert outcome is Outcome.REPORTED
    assert "CLI-19: the client connected " in violations


def test_a_request_that_is_made_again_elsewhere_is_answered() -> None:
    def again(url: str) -> Fetched:
        try:
            return plait(url)
        except Exception:
            return plait(url)

    assert broken(one(Function(again), "CLI-12.refused")) == (Outcome.REPORTED, None, "")


@pytest.mark.parametrize("lingers_s", [0.0, 0.3])
def test_how_fast_a_client_goes_decides_nothing(lingers_s: float) -> None:
    """It goes when it has been told how its request went, at once or later: what the script does then is not run."""

    def goes(url: str) -> Fetched:
        async def fetch() -> Answer:
            client = await connect(url.rstrip("/"))
            try:
                response = await client.request("GET", "/", timeout_s=20)
                return Answer(response.status, await response.read())
            finally:
                await asyncio.sleep(lingers_s)
                await client.close()

        return asyncio.run(fetch())

    wanted = cases("STR-07.priority", "STR-07.window-update", "HPK-18.fields", "HPK-12.twice", "STR-10.no-error")
    with Bench(Function(goes)) as bench:
        found = {case.id: bench.run(case) for case in wanted}
    ran = {name for name, result in found.items() if result.verdict is not None and result.verdict.best}
    assert ran == {"STR-10.no-error"}
    skipped = {result.skipped for name, result in found.items() if name not in ran}
    assert skipped == {"the client goes when it has its answer, and the script goes on"}


@pytest.mark.parametrize("delivery", [Delivery.WHOLE, Delivery.OCTETS])
def test_what_comes_in_one_piece_with_its_answer_a_client_still_sees(delivery: Delivery) -> None:
    with plait_bench() as bench:
        results = [bench.run(case, delivery) for case in cases("CLI-07.ended", "STR-06.headers")]
    assert [result.verdict is not None and result.verdict.outcome for result in results] == [Outcome.EXACT] * 2


def test_a_post_that_may_have_been_processed_is_not_made_again() -> None:
    with Bench(Function(plait, post=insistent)) as bench:
        found = {case.id: broken(bench.run(case)) for case in cases("CLI-12")}
    for name in ("internal-error", "cancel", "goaway", "close"):
        _, level, faults = found[f"CLI-12.post-{name}"]
        assert (level, "made a POST again that may have been processed" in faults) == (Level.SHOULD, True), name
    assert found["CLI-12.refused"][1:] == (None, "")


def test_a_client_that_speaks_http_2_over_any_tls() -> None:
    with Bench(Function(careless), tls=True) as bench:
        bench.check()
        found = {case.id: broken(bench.run(case)) for case in cases("PRE-14", "PRE-15", "PRE-16")}
    wrong = {case_id for case_id, (_, level, _) in found.items() if level is not None}
    assert wrong == {"PRE-14.http-1", "PRE-15.no-alpn", "PRE-16.tls-1-1"}
    assert {found[case_id][:2] for case_id in wrong} == {(Outcome.TOLERATED, Level.MUST)}


def test_what_is_not_in_order_over_tls() -> None:
    def plaintext(url: str) -> Fetched:
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2].strip("/")))) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            connection.recv(100)
        raise ConnectionError("no TLS here")

    with Bench(Function(plaintext), tls=True) as bench, pytest.raises(Unreachable, match="TLS"):
        bench.check()


def test_a_client_of_many_requests_is_asked_for_them() -> None:
    """One that keeps its connection: the second request of a script, and the probe, come on it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    clients: dict[str, Client] = {}

    async def close_all() -> None:
        for client in clients.values():
            await client.close()

    async def on_one_connection(url: str) -> bytes:
        if url not in clients:
            clients[url] = await connect(url.rstrip("/"))
        return await (await clients[url].request("GET", "/", timeout_s=10)).read()

    client = Function(
        lambda url: asyncio.run_coroutine_threadsafe(on_one_connection(url), loop).result(10), reuses=True
    )
    try:
        with Bench(client) as bench:
            found = [
                bench.run(case) for case in cases("PNG-06.after-two", "SET-01.empty", "HPK-12.twice", "MSG-02.empty")
            ]
    finally:
        asyncio.run_coroutine_threadsafe(close_all(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
    assert [broken(result)[1:] for result in found] == [(None, "")] * 4


def test_a_bench_is_for_clients() -> None:
    from interop.conformance.bench import _Connector

    with Bench(Function(plait)) as bench, pytest.raises(ConnectionRefusedError):
        _Connector(bench).connect(Role.SERVER)
