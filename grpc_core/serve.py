"""`python -m grpc_core serve`: a server to try a client on: Greeter and RouteGuide, with health, reflection and
channelz."""

from __future__ import annotations

import asyncio
import signal
import sys

from grpc_core import demo, route_guide
from grpc_core.channelz import SERVICE_NAME as CHANNELZ
from grpc_core.channelz import add_channelz
from grpc_core.credentials import ServerCredentials, ssl_server_credentials
from grpc_core.health import SERVICE_NAME as HEALTH
from grpc_core.health import ServingStatus, add_health
from grpc_core.reflection import enable_reflection
from grpc_core.stub import service_handler
from grpc_core.tls_files import FileProblem, read_pem

GRACE_S = 1.0
"""How long calls may go on after the server was told to stop."""
OPTIONS = (("grpc.so_reuseport", 0),)
"""By default gRPC servers share a port; who starts this one twice by mistake would not be told."""


def server_credentials(cert: str | None, key: str | None, client_ca: str | None) -> ServerCredentials | None:
    """TLS from the files of the command line, None for plaintext. Raises FileProblem.

    Without `key`, the file of the certificate chain holds the private key too. With `client_ca` there is no connection
    without a certificate that those authorities have signed.
    """
    if cert is None:
        for option, path in (("--tls-key", key), ("--tls-client-ca", client_ca)):
            if path is not None:
                raise FileProblem(f"{option} needs --tls-cert")
        return None
    chain = read_pem("--tls-cert", cert)
    private_key = chain if key is None else read_pem("--tls-key", key)
    roots = None if client_ca is None else read_pem("--tls-client-ca", client_ca)
    try:
        return ssl_server_credentials([(private_key, chain)], roots, require_client_auth=roots is not None)
    except ValueError as error:
        raise FileProblem(f"--tls-cert {cert}: {error}")


async def run(host: str, port: int, is_verbose: bool, credentials: ServerCredentials | None) -> int:
    """Serve until SIGINT or SIGTERM; the exit status. `is_verbose` prints every frame."""
    server = demo.make_server(print if is_verbose else None, OPTIONS)
    server.add_generic_rpc_handlers((service_handler(route_guide.DESCRIPTOR, route_guide.RouteGuide()),))
    services = (demo.GREETER, route_guide.DESCRIPTOR)
    health = add_health(server)
    for service in services:
        health.set(service.full_name, ServingStatus.SERVING)
    add_channelz(server)
    enable_reflection([*services, HEALTH, CHANNELZ], server)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        if credentials is None:
            bound = server.add_insecure_port(address)
        else:
            bound = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        print(f"grpc_core serve: {error}", file=sys.stderr)
        return 2
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await server.start()
    print(f"LISTENING {address.rpartition(':')[0]}:{bound}", flush=True)
    await stop.wait()
    health.enter_graceful_shutdown()
    await server.stop(GRACE_S)
    return 0
