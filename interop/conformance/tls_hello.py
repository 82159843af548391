"""A handshake of TLS 1.2 by hand, as far as its first answer: would the server compress what TLS carries?

RFC 9113 §9.2.1: "A deployment of HTTP/2 over TLS 1.2 MUST disable compression." The `ssl` module cannot offer it (most
builds of OpenSSL have no compression), so the ClientHello is written here (RFC 5246 §7.4.1.2), with DEFLATE (RFC 3749)
in front of none, and the ServerHello says which of the two was chosen. Nothing is encrypted yet, so that nothing more
is needed. A server that refuses TLS 1.2, or this hello, does not compress.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable

NONE, DEFLATE = 0, 1
_ALERT, _HANDSHAKE = 0x15, 0x16
_CLIENT_HELLO, _SERVER_HELLO = 1, 2
_VERSION = b"\x03\x03"
_SUITES = (0xC02F, 0xC02B, 0xC030, 0xC02C, 0xCCA8, 0xCCA9)  # ECDHE with RSA or ECDSA, and AEAD
_SERVER_NAME, _GROUPS, _POINT_FORMATS, _SIGNATURES, _ALPN = 0, 10, 11, 13, 16
_X25519, _P256, _P384 = 29, 23, 24
_ALGORITHMS = (0x0403, 0x0503, 0x0804, 0x0805, 0x0401, 0x0501)  # ECDSA and RSA, with SHA-256 and SHA-384


def _vector(octets: bytes, length_octets: int = 2) -> bytes:
    return len(octets).to_bytes(length_octets, "big") + octets


def _uint16s(numbers: Iterable[int]) -> bytes:
    return b"".join(number.to_bytes(2, "big") for number in numbers)


def client_hello(host: str, random: bytes) -> bytes:
    """The record with a ClientHello of TLS 1.2 that offers h2, and to compress. `random` has 32 octets."""
    extensions = {
        _GROUPS: _vector(_uint16s((_X25519, _P256, _P384))),
        _POINT_FORMATS: _vector(b"\0", 1),
        _SIGNATURES: _vector(_uint16s(_ALGORITHMS)),
        _ALPN: _vector(_vector(b"h2", 1)),
    }
    if not host.replace(".", "").isdigit() and ":" not in host:  # RFC 6066 §3: no addresses
        extensions[_SERVER_NAME] = _vector(b"\0" + _vector(host.encode("idna")))
    hello = _VERSION + random + _vector(b"", 1) + _vector(_uint16s(_SUITES)) + _vector(bytes([DEFLATE, NONE]), 1)
    hello += _vector(b"".join(_uint16s([key]) + _vector(octets) for key, octets in sorted(extensions.items())))
    return bytes([_HANDSHAKE]) + _VERSION + _vector(bytes([_CLIENT_HELLO]) + _vector(hello, 3))


def chosen_compression(octets: bytes) -> int | None:
    """The compression that the records of a server choose: 0 for none, also where they refuse; None: not there yet."""
    if octets[:1] and octets[0] != _HANDSHAKE:
        return NONE
    length = int.from_bytes(octets[3:5], "big")
    hello = octets[5 : 5 + length]
    if len(octets) < 5 or len(hello) < length:
        return None
    if hello[:1] != bytes([_SERVER_HELLO]) or len(hello) < 39 or len(hello) < 42 + hello[38]:
        return NONE
    return hello[41 + hello[38]]  # behind type, length, version, random, session and suite


def agrees_to_compress(connection: socket.socket, host: str, timeout_s: float) -> bool:
    """Whether the server at the other end of a new connection chooses DEFLATE. Raises OSError; closes it."""
    with connection:
        connection.settimeout(timeout_s)
        connection.sendall(client_hello(host, os.urandom(32)))
        octets = b""
        while (chosen := chosen_compression(octets)) is None:
            piece = connection.recv(1 << 14)
            if not piece:
                return False
            octets += piece
        return chosen == DEFLATE
