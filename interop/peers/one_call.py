"""`python -m interop.peers.plait.call HOST:PORT`: one UnaryCall of TestService, and how it ended.

A client for `python -m interop conformance client --grpc`, on either Python module and either of its APIs:

    reply SIZE                  the octets in the payload of the reply
    status CODE MESSAGE         the status, as a number, and its message, percent-encoded
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from urllib.parse import quote

from interop.faces import AsyncFace, BlockingFace, Face, Trust
from interop.official_service import METHODS, SERVICE, SimpleRequest


def run(grpc: Any, argv: list[str] | None = None) -> int:
    """Makes the call with the module and prints how it ended; the exit status is 0 whatever that is."""
    parser = argparse.ArgumentParser(description="One UnaryCall of grpc.testing.TestService.")
    parser.add_argument("target", metavar="HOST:PORT")
    parser.add_argument("--timeout", type=float, help="the deadline, in seconds (default: none)")
    parser.add_argument("--tls-ca", type=Path, metavar="FILE", help="speak TLS, and trust this authority, in PEM")
    parser.add_argument("--blocking", action="store_true", help="with the blocking API")
    options = parser.parse_args(argv)
    trust = Trust(options.tls_ca.read_bytes(), "localhost") if options.tls_ca is not None else None
    face: Face = BlockingFace(grpc) if options.blocking else AsyncFace(grpc)
    code, text, size = face.run(call(face, options.target, options.timeout, trust))
    if size is not None:
        print(f"reply {size}")
    print(f"status {code} {quote(text)}", flush=True)
    return 0


async def call(face: Face, target: str, timeout_s: float | None, trust: Trust | None) -> tuple[int, str, int | None]:
    """One call: the number of its status, the message, the octets in the payload of the reply."""
    channel = face.channel(target, trust)
    kind, request, response = METHODS["UnaryCall"]
    codecs = request.SerializeToString, response.FromString
    try:
        begun = face.begin(channel, kind, f"/{SERVICE}/UnaryCall", codecs, SimpleRequest(), timeout=timeout_s)
        code, details = await begun.code(), await begun.details()
        size = None
        if code is face.grpc.StatusCode.OK:
            try:
                reply = await begun
                size = len(reply.payload.body) if reply is not None else None
            except face.grpc.RpcError as error:  # it came whole, and cannot be parsed
                code, details = error.code(), error.details()
        return code.value[0], details or "", size
    finally:
        await face.close(channel)
