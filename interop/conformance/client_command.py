"""`python -m interop conformance client -- CMD ...`: its arguments, and what is told when a client cannot be tested."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from interop.conformance import commands
from interop.conformance.bench import Bench
from interop.conformance.clients import Program
from interop.conformance.driving import Delivery
from interop.conformance.model import Case, Role
from interop.conformance.progress import Progress
from interop.conformance.run import Result, Unusable
from interop.conformance.server_command import DELIVERIES, count_from, seconds_from
from interop.peers.peer import Missing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What only this way of running has."""
    parser.usage = "%(prog)s [options] [ID ...] -- CMD ..."
    parser.epilog = (
        "CMD is started for each case; {url} in it is where it must connect, {ca} with --tls the file with the"
        " authority to trust (PEM). It must write the content to its standard output, and exit with 0 when the"
        " transfer was complete and with something else when it was not. Example:"
        " client -- curl -sS --http2-prior-knowledge {url}. With --grpc, it must make one UnaryCall of"
        " grpc.testing.TestService to {target} (HOST:PORT), with the deadline {timeout} in seconds if it has that, and"
        " write to its standard output: status CODE MESSAGE."
    )
    parser.add_argument("--tls", action="store_true", help="over TLS, with a certificate for localhost")
    parser.add_argument(
        "--timeout", type=seconds_from, default=5.0, metavar="S", help="seconds that CMD may take (default: 5)"
    )
    parser.add_argument("--parallel", type=count_from, default=4, metavar="N", help="so many at once (default: 4)")
    parser.add_argument("--delivery", choices=DELIVERIES, default="both", help="whole, octet by octet (default: both)")
    parser.add_argument(
        "--any-output", action="store_true", help="what CMD writes is not the content: only its exit status counts"
    )


def run(arguments: argparse.Namespace) -> int:
    """The exit status."""
    cases = commands.chosen(arguments, (Role.CLIENT,))
    if not cases:
        return commands.refuse("no case for clients is named so; see --list")
    if arguments.list:
        return commands.list_cases(cases)
    if problem := commands.unwritable(arguments):
        return commands.refuse(problem)
    try:
        bench = _bench(arguments)
    except (ValueError, Missing) as error:
        return commands.refuse(str(error))
    deliveries = DELIVERIES[arguments.delivery]
    progress = Progress(sys.stderr, len(cases) * len(deliveries), commands.LEVELS[arguments.level])
    with bench:
        try:
            bench.check()
            results = run_cases(bench, cases, deliveries, arguments.parallel, progress.update)
        except (Unusable, OSError) as error:
            return commands.refuse(f"{arguments.program[0]} cannot be tested: {error}")
        finally:
            progress.clear()
    return commands.finish(
        arguments,
        results,
        f"the client {shlex.join(arguments.program)}{', over TLS' if arguments.tls else ''}",
        by_section=True,
    )


def _bench(arguments: argparse.Namespace) -> Bench:
    """Where the command is tested. Raises ValueError for one that cannot be, and Missing."""
    if arguments.grpc:
        from interop.conformance.grpc import bench, clients  # which need protobuf

        return bench.GrpcBench(clients.Program(arguments.program), tls=arguments.tls, timeout_s=arguments.timeout)
    client = Program(arguments.program, shows_content=not arguments.any_output)
    return Bench(client, tls=arguments.tls, timeout_s=arguments.timeout)


def run_cases(
    bench: Bench,
    cases: Sequence[Case],
    deliveries: Iterable[Delivery],
    parallel: int,
    update: Callable[[Result], None],
) -> list[Result]:
    """Every case in every way, so many at once; the results in their order, `update` with each as it comes."""
    pool = ThreadPoolExecutor(parallel, thread_name_prefix="conformance-case")
    runs = [pool.submit(bench.run, case, delivery) for case in cases for delivery in deliveries]
    results = []
    try:
        for future in runs:
            results.append(future.result())
            update(results[-1])
    finally:
        pool.shutdown(cancel_futures=True)
    return results
