"""grpcio's `grpc.experimental.session_cache`: TLS sessions to be resumed, as an object for a channel option."""

from __future__ import annotations


class SSLSessionCache:
    """The value of the channel option "grpc.ssl_session_cache". It is accepted, and every connection shakes hands anew:
    a channel opens one connection and keeps it, so that there is next to nothing to gain."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity

    def __int__(self) -> int:
        return id(self)


def ssl_session_cache_lru(capacity: int) -> SSLSessionCache:
    """A cache for at most `capacity` sessions. See `SSLSessionCache` for what it is worth."""
    return SSLSessionCache(capacity)
