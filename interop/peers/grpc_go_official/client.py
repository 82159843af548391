"""`python -m interop.peers.grpc_go_official.client FOLDER`: grpc-go's interop clients, with the contract of ours."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from interop.official_cases import SOAK_ITERATIONS
from interop.peers.command_line import add_client_tls
from interop.peers.process import run

CASE_TIMEOUT_S = 30.0

_LARGE_UNARY_BY_CLIENT = ("client", "large_unary")
_PROGRAMS = {
    # Its client for the negative cases lacks these two. The official client's case is to pass under the same server.
    "data_frame_padding": _LARGE_UNARY_BY_CLIENT,
    "no_df_padding_sanity_test": _LARGE_UNARY_BY_CLIENT,
}


def _run_case(programs: Path, address: str, suite: str, case: str, tls: list[str]) -> bool:
    """Runs a program for the case and prints the line of JSON; whether the case held."""
    program, name = _PROGRAMS.get(case, ("http2" if suite == "negative" else "client", case))
    host, port = address.rsplit(":", 1)
    command = [str(programs / program), "--server_host", host, "--server_port", port, "--test_case", name]
    if program == "client":
        command += ["--soak_iterations", str(SOAK_ITERATIONS), *tls]
    done = run(command, timeout_s=CASE_TIMEOUT_S)
    ok = done.problem is None and done.exit_status == 0
    said = done.stderr.splitlines()[-1:] or [""]
    detail = "exit status 0" if ok else f"{done.problem or f'exit status {done.exit_status}'}: {said[0]}"
    print(json.dumps({"check": case, "ok": ok, "detail": detail}), flush=True)
    return ok


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="grpc-go's interop clients.")
    parser.add_argument("programs", type=Path, metavar="FOLDER", help="where grpc-go's programs are")
    parser.add_argument("--addr", required=True, metavar="HOST:PORT,...", help="the server, or those of the cases")
    parser.add_argument("--suite", choices=("official", "negative"), default="official")
    parser.add_argument("--check", required=True, metavar="NAME,...", help="the cases")
    add_client_tls(parser)
    options = parser.parse_args()
    tls = []
    if options.tls_ca is not None:
        tls = ["--use_tls", "--use_test_ca", "--ca_file", str(options.tls_ca)]
        tls += ["--server_host_override", options.tls_name]
    names, addresses = options.check.split(","), options.addr.split(",")
    if options.suite == "official":
        addresses *= len(names)
    pairs = zip(names, addresses, strict=True)
    held = [_run_case(options.programs, address, options.suite, name, tls) for name, address in pairs]
    sys.exit(0 if all(held) else 1)
