"""TLS contexts for HTTP/2 (RFC 9113 §3.2 and §9.2).

ALPN says "h2" or there is no HTTP/2; TLS is 1.2 or newer (§9.2), without compression (§9.2.1), without renegotiation
(§9.2.1), and with TLS 1.2 only the forward-secret AEAD suites that the list of §9.2.2 leaves over.
"""

from __future__ import annotations

import ssl
from pathlib import Path

_ALPN = ["h2"]
_TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def client_ssl_context(cafile: str | Path | None = None, verify: bool = True) -> ssl.SSLContext:
    """A context for `connect`. `cafile` (PEM) replaces the system's certificate authorities.

    `verify=False` accepts any certificate and any name: the connection is then secret, but with whom is unknown.
    Raises OSError (ssl.SSLError is one) for a file that cannot be read or is no certificate.
    """
    _require_readable(cafile)
    try:
        context = ssl.create_default_context(cafile=cafile)
    except ssl.SSLError as error:
        raise ssl.SSLError(f"{cafile} holds no certificates ({error.reason})")
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return for_http2(context)


def server_ssl_context(cert: str | Path, key: str | Path | None = None) -> ssl.SSLContext:
    """A context for `serve`, with a certificate chain and its private key (PEM; one file may hold both).

    Raises OSError (ssl.SSLError is one) for files that cannot be read, are no certificate, or do not belong together.
    """
    _require_readable(cert)
    _require_readable(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password="")  # an encrypted key is an error, not a question on a terminal
    except ssl.SSLError as error:
        raise ssl.SSLError(f"{cert} and {key or 'the same file'} are no certificate with its key ({error.reason})")
    return for_http2(context)


def _require_readable(path: str | Path | None) -> None:
    """Raise the OSError that names the file; OpenSSL's does not."""
    if path is not None:
        with open(path, "rb"):
            pass


def for_http2(context: ssl.SSLContext) -> ssl.SSLContext:
    """Restrict a context to what HTTP/2 allows, and return it."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(_TLS_1_2_CIPHERS)
    context.set_alpn_protocols(_ALPN)
    return context
