"""`python -m interop matrix | demo | conformance`: the interop table, a few calls frame by frame, the conformance kit.

Exit status of `matrix` and `conformance`: 0, or 1 when a scenario or a case is at fault, or 2 for a command line that
is not valid, or 130 when it was interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys

INTERRUPTED = 130  # What a shell reports for a command that SIGINT has ended.
UNREAD = 141  # The same for SIGPIPE.


def main(argv: list[str] | None = None) -> int:
    """Runs the command line; the exit status. As argparse does, leaves by SystemExit(2) for a bad one."""
    argv = sys.argv[1:] if argv is None else argv
    parser = argparse.ArgumentParser(prog="python -m interop", description="Plait against other implementations.")
    commands = parser.add_subparsers(dest="command", metavar="matrix|demo|conformance", required=True)
    matrix_parser = commands.add_parser("matrix", help="every pairing of server and client, as a table")
    commands.add_parser("demo", help="a few calls, frame by frame; its options: demo --help", add_help=False)
    conformance_parser = commands.add_parser("conformance", help="HTTP/2 by the RFC: cases with verdicts")
    try:
        if argv[:1] == ["demo"]:
            from interop import demo

            return demo.main(argv[1:])
        if argv[:1] == ["conformance"]:
            from interop.conformance import commands as conformance

            conformance.add_arguments(conformance_parser)
            end = argv.index("--") if "--" in argv else len(argv)  # behind it comes a program that is to be tested
            arguments = parser.parse_args(argv[:end])
            arguments.program = argv[end + 1 :]
            return conformance.run_conformance(arguments)
        from interop import matrix

        matrix.add_arguments(matrix_parser)
        return matrix.run_matrix(parser.parse_args(argv))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # What is still buffered must not fail again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD


if __name__ == "__main__":
    sys.exit(main())
