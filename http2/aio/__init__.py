"""HTTP/2 on asyncio: a server, a client, and the transport they stand on. The only asyncio in this package.

| question                                         | file        |
|--------------------------------------------------|-------------|
| octets between a socket and a `Connection`       | `transport` |
| how a connection is closed                       | `linger`    |
| one stream: reading, sending, back-pressure      | `stream`    |
| `serve`, `Request`                               | `server`    |
| `connect`, `Client`, `Response`                  | `client`    |
| what a client raises                             | `errors`    |
| TLS contexts with ALPN                           | `tls`       |
| the site that `python -m http2 serve` serves     | `site`      |
| files from a directory                           | `files`     |
| `python -m http2 serve` and `get`                | `commands`  |
"""

import importlib
from typing import TYPE_CHECKING, Any

from http2.aio.errors import (
    ClientError,
    ConnectError,
    ConnectionLost,
    NotHTTP2Error,
    RequestTimeout,
    StreamResetError,
    TLSError,
    TruncatedBody,
)
from http2.aio.transport import ConnectionProtocol, Tap, Timeouts

if TYPE_CHECKING:
    from http2.aio.client import Client, Response, connect
    from http2.aio.server import Handler, Request, Server, serve
    from http2.aio.stream import ContentTooLarge
    from http2.aio.tls import client_ssl_context, server_ssl_context

__all__ = [
    "Client",
    "ClientError",
    "ConnectError",
    "ConnectionLost",
    "ConnectionProtocol",
    "ContentTooLarge",
    "Handler",
    "NotHTTP2Error",
    "Request",
    "RequestTimeout",
    "Response",
    "Server",
    "StreamResetError",
    "TLSError",
    "Tap",
    "Timeouts",
    "TruncatedBody",
    "client_ssl_context",
    "connect",
    "serve",
    "server_ssl_context",
]

_MODULE_OF = {
    "Client": "client",
    "ContentTooLarge": "stream",
    "Handler": "server",
    "Request": "server",
    "Response": "client",
    "Server": "server",
    "client_ssl_context": "tls",
    "connect": "client",
    "serve": "server",
    "server_ssl_context": "tls",
}


def __dir__() -> list[str]:
    """All that can be asked for, loaded or not: for completion, `help` and `unittest.mock.create_autospec`."""
    return sorted({*globals(), *__all__})


if not TYPE_CHECKING:  # For type checkers any name would be one of these.

    def __getattr__(name: str) -> Any:
        """Clients and servers are imported when they are first asked for: `grpc_core` needs the transport alone."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        return value
