"""What a bound address gives to the connections that are accepted there."""

from __future__ import annotations

import asyncio
import socket

import pytest

from grpc_core.aio.listening import bind
from grpc_core.target import Address


@pytest.mark.parametrize("host", ["127.0.0.1", "::"])
def test_accepted_connections_do_not_wait_to_fill_segments(host: str) -> None:
    """Else the end of a large message waits for a delayed acknowledgement: asyncio sees to it only for such sockets."""

    async def main() -> int:
        accepted: asyncio.Future[asyncio.BaseTransport] = asyncio.get_running_loop().create_future()

        class Accepts(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                accepted.set_result(transport)

        (listening,) = bind(Address(host, 0), False)
        server = await asyncio.get_running_loop().create_server(Accepts, sock=listening)
        _, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
        try:
            transport = await accepted
            option: int = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            transport.close()
        finally:
            writer.close()
            await writer.wait_closed()
            server.close()
        return option

    assert asyncio.run(main()) != 0
