"""The whole table again and again while the machine is busy: every run must come to the same verdicts.

    python -m tests.interop.conformance.repeat server --tls         # Plait's server
    python -m tests.interop.conformance.repeat function             # Plait's client of http2.aio, in this process
    python -m tests.interop.conformance.repeat command --whole      # python -m http2 get, a process for each case

A kit that is right only on an idle machine is wrong: what is slow must not look like a fault. So each core has a
process that does nothing but count, and the results of a run are compared, case by case, with those of the first. The
exit status is 1 when two runs differ, or when a case is not at its best. `--idle` leaves the cores alone.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator

from interop.conformance.bench import Bench
from interop.conformance.client_command import run_cases as run_client_cases
from interop.conformance.clients import Program
from interop.conformance.driving import Delivery
from interop.conformance.exchange import Target
from interop.conformance.model import Case, Role
from interop.conformance.run import Result
from interop.conformance.server import Plan, reference, run_cases
from interop.conformance.sockets import Endpoint
from interop.conformance.table import all_cases, select
from tests.interop.conformance.clients import command, plait_bench
from tests.interop.conformance.servers import plait, secured

BOTH = (Delivery.WHOLE, Delivery.OCTETS)
TIMEOUT_S = 10.0
Suite = Callable[[list[Case], bool, tuple[Delivery, ...]], list[Result]]


def of_server(cases: list[Case], tls: bool, deliveries: tuple[Delivery, ...]) -> list[Result]:
    """The results of `python -m http2 serve`."""
    with secured(tls) as arguments, plait(*arguments) as address:
        host, _, port = address.rpartition(":")
        endpoint = Endpoint.find(host, int(port), tls=tls, timeout_s=TIMEOUT_S)
        target = Target("https" if tls else "http", address, "/", "/echo", "/hold")
        plan = Plan(deliveries, timeout_s=TIMEOUT_S, needs=frozenset({"hold"}))
        return run_cases(cases, endpoint, reference(endpoint, target), plan)


def of_function(cases: list[Case], tls: bool, deliveries: tuple[Delivery, ...]) -> list[Result]:
    """The results of a client of `http2.aio`."""
    with plait_bench(tls=tls, timeout_s=TIMEOUT_S) as bench:
        return run_client_cases(bench, cases, deliveries, 4, lambda result: None)


def of_command(cases: list[Case], tls: bool, deliveries: tuple[Delivery, ...]) -> list[Result]:
    """The results of `python -m http2 get`."""
    with Bench(Program(command(tls)), tls=tls, timeout_s=TIMEOUT_S) as bench:
        return run_client_cases(bench, cases, deliveries, 4, lambda result: None)


SUITES: dict[str, tuple[Role, Suite]] = {
    "server": (Role.SERVER, of_server),
    "function": (Role.CLIENT, of_function),
    "command": (Role.CLIENT, of_command),
}


def _count() -> None:
    number = 0
    while True:
        number += 1


@contextlib.contextmanager
def busy(processes: int) -> Iterator[None]:
    """So many processes that never rest; they are ended with the block, and with this process."""
    spinning = [multiprocessing.get_context("spawn").Process(target=_count, daemon=True) for _ in range(processes)]
    for process in spinning:
        process.start()
    try:
        yield
    finally:
        for process in spinning:
            process.kill()
            process.join()


def verdicts(results: list[Result]) -> dict[str, str]:
    """What became of each case in each delivery: skipped and why, or the outcome, what it breaks, if it is best."""
    return {f"{result.case.key} ({result.delivery.value})": _verdict(result) for result in results}


def _verdict(result: Result) -> str:
    verdict = result.verdict
    if verdict is None:
        return f"skipped: {result.skipped}"
    broken = f", breaks {verdict.breaks.name}" if verdict.breaks is not None else ""
    if not verdict.best:
        broken += f", {verdict.seen}"
    beside = [fault.text for fault in verdict.faults] + [str(violation) for violation in verdict.violations]
    return "; ".join([f"{verdict.outcome.value}{broken}{', best' if verdict.best else ''}", *beside])


def differences(first: dict[str, str], later: dict[str, str]) -> list[str]:
    """What a later run says otherwise than the first, one line a case."""
    keys = sorted(first.keys() | later.keys())
    return [
        f"{key}: first {first.get(key, 'not run')}; now {later.get(key, 'not run')}"
        for key in keys
        if first.get(key) != later.get(key)
    ]


def not_best(found: dict[str, str]) -> list[str]:
    """The cases that have run, and could have gone better."""
    return [f"{key}: {said}" for key, said in found.items() if not said.startswith("skipped") and ", best" not in said]


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def main(argv: list[str] | None = None) -> int:
    """The exit status: 1 when runs differ or are not at their best."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop.conformance.repeat", description=__doc__)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("ids", nargs="*", metavar="ID", help="only these groups, lines or cases")
    parser.add_argument("--runs", type=int, default=10, metavar="N")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--whole", action="store_true", help="each case once, and not octet by octet too")
    parser.add_argument("--idle", action="store_true", help="do not keep the cores busy")
    arguments = parser.parse_args(argv)
    role, suite = SUITES[arguments.suite]
    cases = select(all_cases(), role=role, ids=arguments.ids)
    deliveries = BOTH[:1] if arguments.whole else BOTH
    first: dict[str, str] = {}
    wrong = 0
    with busy(0 if arguments.idle else os.cpu_count() or 1):
        for number in range(1, arguments.runs + 1):
            start, cpu = time.monotonic(), _cpu_seconds()
            found = verdicts(suite(cases, arguments.tls, deliveries))
            first = first or found
            lines = [*not_best(found), *differences(first, found)]
            wrong += len(lines)
            took = f"{time.monotonic() - start:.1f} s, {_cpu_seconds() - cpu:.1f} s of CPU"
            skipped = sum(said.startswith("skipped") for said in found.values())
            print(f"run {number}: {len(found)} verdicts, {skipped} skipped, {len(lines)} lines, {took}", flush=True)
            for line in lines:
                print(f"  {line}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
