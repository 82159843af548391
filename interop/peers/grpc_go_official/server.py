"""`python -m interop.peers.grpc_go_official.server FOLDER`: grpc-go's interop server, with the contract of ours.

It says its port in a line of its log and has no way to end but a signal. (It listens on every interface, as it always
does; the tests come over loopback.)
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import sys
from pathlib import Path

from interop.peers.command_line import add_server_tls, told_to_stop

_LISTENING = re.compile(rb"interop server listening on \S*:(\d+)")


async def _serve(program: Path, port: int, tls: list[str]) -> int:
    server = await asyncio.create_subprocess_exec(
        program,
        "--port",
        str(port),
        *tls,
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "GRPC_GO_LOG_SEVERITY_LEVEL": "info"},
    )
    assert server.stderr is not None
    stop = told_to_stop()
    try:
        while (found := _LISTENING.search(line := await server.stderr.readline())) is None:
            if not line:
                return await server.wait() or 1
            sys.stderr.buffer.write(line)
        print(f"LISTENING 127.0.0.1:{found[1].decode()}", flush=True)
        stopped = asyncio.ensure_future(stop.wait())
        log = asyncio.ensure_future(server.stderr.read())
        await asyncio.wait((stopped, log), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
    finally:
        if server.returncode is None:
            server.terminate()
        exit_status = await server.wait()
    log_text = await log
    if exit_status == -signal.SIGTERM:
        return 0
    sys.stderr.buffer.write(log_text)
    return 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="grpc-go's interop server.")
    parser.add_argument("programs", type=Path, metavar="FOLDER", help="where grpc-go's programs are")
    parser.add_argument("--port", type=int, default=0, help="the port to listen on (default: any free one)")
    add_server_tls(parser)
    options = parser.parse_args()
    tls = []
    if options.tls_cert is not None:
        tls = ["--use_tls", "--tls_cert_file", str(options.tls_cert), "--tls_key_file", str(options.tls_key)]
    sys.exit(asyncio.run(_serve(options.programs / "server", options.port, tls)))
