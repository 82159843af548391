"""Local credentials, ours against ours and against grpcio in both roles, over loopback and over Unix sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

import grpc_core
from grpc_core.locality import LocalConnectionType, NotLocalError, check_local
from tests.support.modules import pair

__all__ = ["pair"]

PATIENCE_S = 30.0
KINDS = ["LOCAL_TCP", "UDS"]


@asynccontextmanager
async def served(grpc: Any, address: str, credentials: Any) -> AsyncIterator[str]:
    """The target of a server that tells what it knows of its client."""

    async def who(request: bytes, context: Any) -> bytes:
        sent = [value for key, value in context.invocation_metadata() if key == "authorization"]
        identities = list(context.peer_identities() or ())
        return repr((context.peer_identity_key(), identities, dict(context.auth_context()), sent)).encode()

    server = grpc.aio.server()
    handlers = {"AmI": grpc.unary_unary_rpc_method_handler(who)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Who", handlers),))
    port = server.add_secure_port(address, credentials)
    await server.start()
    try:
        yield address if address.startswith("unix:") else f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def ask(grpc: Any, target: str, credentials: Any) -> Any:
    async with asyncio.timeout(PATIENCE_S), grpc.aio.secure_channel(target, credentials) as channel:
        return eval(await channel.unary_unary("/test.Who/AmI")(b""))  # made by `repr` in this file


def address_of(kind: str, directory: Path) -> str:
    return "127.0.0.1:0" if kind == "LOCAL_TCP" else f"unix:{directory / 's'}"


@pytest.mark.wire("W200", "W201", "W204")
@pytest.mark.parametrize("kind", KINDS)
def test_call_credentials_may_go_over_local_connections(pair: tuple[Any, Any], kind: str, tmp_path: Path) -> None:
    server, client = pair

    async def main() -> None:
        credentials = server.local_server_credentials(server.LocalConnectionType[kind])
        async with served(server, address_of(kind, tmp_path), credentials) as target:
            local = client.local_channel_credentials(client.LocalConnectionType[kind])
            secret = client.access_token_call_credentials("secret")
            key, identities, properties, sent = await ask(
                client, target, client.composite_channel_credentials(local, secret)
            )
        assert (key, identities, sent) == ("transport_security_type", [b"local"], ["Bearer secret"])
        assert properties == {
            "transport_security_type": [b"local"],
            "security_level": [b"TSI_PRIVACY_AND_INTEGRITY"],
        }

    asyncio.run(main())


def test_a_server_for_unix_sockets_has_nothing_for_tcp(pair: tuple[Any, Any]) -> None:
    server, client = pair

    async def main() -> None:
        credentials = server.local_server_credentials(server.LocalConnectionType.UDS)
        async with served(server, "127.0.0.1:0", credentials) as target:
            with pytest.raises(client.RpcError) as caught:
                await ask(client, target, client.local_channel_credentials())
        assert caught.value.code() is client.StatusCode.UNAVAILABLE

    asyncio.run(main())


def test_a_channel_for_tcp_has_nothing_for_unix_sockets(pair: tuple[Any, Any], tmp_path: Path) -> None:
    server, client = pair

    async def main() -> None:
        credentials = server.local_server_credentials(server.LocalConnectionType.UDS)
        async with served(server, f"unix:{tmp_path / 's'}", credentials) as target:
            with pytest.raises(client.RpcError) as caught:
                await ask(client, target, client.local_channel_credentials())
        assert caught.value.code() is client.StatusCode.UNAVAILABLE
        assert "Endpoint is neither UDS or TCP loopback address." in caught.value.details()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("family", "peername", "kind", "is_local"),
    [
        (socket.AF_INET, ("127.8.9.1", 1), "LOCAL_TCP", True),
        (socket.AF_INET, ("10.0.0.1", 1), "LOCAL_TCP", False),
        (socket.AF_INET6, ("::1", 1, 0, 0), "LOCAL_TCP", True),
        (socket.AF_INET6, ("::ffff:127.0.0.1", 1, 0, 0), "LOCAL_TCP", True),
        (socket.AF_INET6, ("::ffff:10.0.0.1", 1, 0, 0), "LOCAL_TCP", False),
        (socket.AF_INET6, ("fe80::1%eth0", 1, 0, 2), "LOCAL_TCP", False),
        (socket.AF_INET, ("127.0.0.1", 1), "UDS", False),
        (socket.AF_UNIX, "", "UDS", True),
        (socket.AF_UNIX, "", "LOCAL_TCP", False),
    ],
)
def test_what_is_local(family: int, peername: Any, kind: str, is_local: bool) -> None:
    with socket.socket(family) as endpoint:
        if is_local:
            check_local(endpoint, peername, LocalConnectionType[kind])
        else:
            with pytest.raises(NotLocalError):
                check_local(endpoint, peername, LocalConnectionType[kind])


def test_a_connection_without_a_socket_is_not_known_to_be_local() -> None:
    with pytest.raises(NotLocalError):
        check_local(None, None, LocalConnectionType.UDS)


def test_what_is_no_kind_of_connection_is_refused() -> None:
    for make in (grpc_core.local_channel_credentials, grpc_core.local_server_credentials):
        with pytest.raises(ValueError, match="7 is not a LocalConnectionType"):
            make(7)  # type: ignore[operator]  # the wrong type is what is tested
