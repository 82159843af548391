"""What can go wrong for a client, each with a message that says what happened and to whom."""

from __future__ import annotations


class ClientError(OSError):
    """The base of all errors that the peer or the network causes a client. Misuse raises `http2.UsageError` instead."""


class ConnectError(ClientError):
    """No connection: the name is unknown, nobody listens, nobody answers."""


class TLSError(ClientError):
    """The TLS handshake failed, the certificate is not trusted, or ALPN did not agree on "h2"."""


class NotHTTP2Error(ClientError):
    """Somebody answered, but not in HTTP/2."""


class ConnectionLost(ClientError):
    """The connection has ended, or is going away and takes no new request.

    `error_code` is that of its end (RFC 9113 §7); `unprocessed` is True when the server cannot have seen the request,
    so that it is safe to send it again.
    """

    def __init__(self, message: str, error_code: int, unprocessed: bool = False) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.unprocessed = unprocessed


class TruncatedBody(ConnectionLost):
    """The connection has ended in the middle of a response's content."""


class StreamResetError(ClientError):
    """The stream of the request was reset with `error_code`; `unprocessed` as in `ConnectionLost`."""

    def __init__(self, message: str, error_code: int, unprocessed: bool = False) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.unprocessed = unprocessed


class RequestTimeout(ClientError, TimeoutError):
    """The exchange was not complete in time; its stream was reset."""
