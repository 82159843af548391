"""HTTP/2 on asyncio: a server, a client, and the transport they stand on. The only asyncio in this package.

| question                                         | file        |
|--------------------------------------------------|-------------|
| octets between a socket and a `Connection`       | `transport` |
| one stream: reading, sending, back-pressure      | `stream`    |
| `serve`, `Request`                               | `server`    |
| `connect`, `Client`, `Response`                  | `client`    |
| what a client raises                             | `errors`    |
| TLS contexts with ALPN                           | `tls`       |
| the site that `python -m http2 serve` serves     | `site`      |
| files from a directory                           | `files`     |
| `python -m http2 serve` and `get`                | `commands`  |
"""

from http2.aio.client import Client, Response, connect
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
from http2.aio.server import Handler, Request, Server, serve
from http2.aio.stream import ContentTooLarge
from http2.aio.tls import client_ssl_context, server_ssl_context
from http2.aio.transport import ConnectionProtocol, Tap, Timeouts

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
