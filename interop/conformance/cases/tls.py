"""PRE-14 to PRE-18: HTTP/2 over TLS, and what must not become HTTP/2 (RFC 9113 §3.2, §3.3, §9.2)."""

from __future__ import annotations

from collections.abc import Iterator

from http2.errors import ErrorCode
from http2.frames import PREFACE
from interop.conformance.model import (
    Begin,
    Behaviour,
    Case,
    Expectation,
    Finish,
    Kind,
    Level,
    Outcome,
    Pattern,
    Role,
    TlsOffer,
    connection_error,
    either,
    send,
    works,
)
from interop.conformance.phrases import EXCHANGE
from interop.conformance.script import GET, Raw, headers, idle, settings

REFUSED = Expectation((Pattern(Kind.CLOSED, Outcome.EXACT, best=True),))
"""The handshake fails, or the connection is closed: without HTTP/2 there is no GOAWAY to send."""

NO_HTTP_2 = either(
    REFUSED,
    connection_error(ErrorCode.PROTOCOL_ERROR),
    Expectation((Pattern(Kind.ANSWER, Outcome.ANSWERED, statuses=frozenset(range(200, 600)), best=True),)),
)
INSECURE = either(REFUSED, connection_error(ErrorCode.INADEQUATE_SECURITY))

TLS = frozenset({"tls"})
GOOD_1_2 = TlsOffer(version="1.2", ciphers="ECDHE+AESGCM")
EPHEMERAL = "TLS 1.2 with ephemeral keys and AEAD works, or is refused as a whole."
SUITES = "The prohibited cipher suites of TLS 1.2 may be refused, in the handshake or as INADEQUATE_SECURITY."
PROHIBITED = (
    "AES128-SHA:AES256-SHA:AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384"
    ":@SECLEVEL=0"
)
"""Suites of TLS 1.2 that Appendix A of RFC 9113 prohibits: without forward secrecy, or with CBC."""


PERMISSIVE = "DEFAULT:@SECLEVEL=0"
"""With it OpenSSL still speaks TLS 1.1, where it can at all."""


def _server(name: str, level: Level, clause: str, reason: str, offer: TlsOffer, allowed: Expectation) -> Case:
    """HTTP/2 is tried as if all were well, whatever the handshake came to."""
    steps = (send(Raw(PREFACE), settings(), headers(idle(), *GET, end_stream=True)), Finish())
    behaviour = Behaviour(handshake=False, tls=offer)
    return Case(name, Role.SERVER, level, clause, reason, steps, allowed, behaviour, needs=TLS)


def _client(name: str, level: Level, clause: str, reason: str, takes: TlsOffer, allowed: Expectation) -> Case:
    """The client is answered as if all were well."""
    return Case(name, Role.CLIENT, level, clause, reason, EXCHANGE, allowed, Behaviour(tls=takes), needs=TLS)


def _of_servers() -> Iterator[Case]:
    reason = "HTTP/2 over TLS is agreed on by ALPN with h2."
    both = Behaviour(tls=TlsOffer(alpn=("h2", "http/1.1")))
    yield Case("PRE-14.h2", Role.SERVER, Level.MUST, "RFC 9113 §3.2", reason, EXCHANGE, works(), both, needs=TLS)
    yield _server(
        "PRE-14.http-1", Level.MUST, "RFC 9113 §3.2", "Where ALPN offers only http/1.1, HTTP/2 is not spoken.",
        TlsOffer(alpn=("http/1.1",)), NO_HTTP_2,
    )  # fmt: skip
    yield _server(
        "PRE-15.no-alpn", Level.MUST, "RFC 9113 §3.3",
        "Prior knowledge is for cleartext: over TLS HTTP/2 is not spoken without ALPN.", TlsOffer(alpn=()), NO_HTTP_2,
    )  # fmt: skip
    yield _server(
        "PRE-16.tls-1-1", Level.MUST, "RFC 9113 §9.2", "HTTP/2 uses TLS 1.2 or higher.",
        TlsOffer(version="1.1", ciphers=PERMISSIVE), INSECURE,
    )  # fmt: skip
    yield _server("PRE-16.tls-1-2", Level.MUST, "RFC 9113 §9.2.2", EPHEMERAL, GOOD_1_2, either(works(), REFUSED))
    yield _server(
        "PRE-16.prohibited-suite", Level.MAY, "RFC 9113 §9.2.2", SUITES,
        TlsOffer(version="1.2", ciphers=PROHIBITED), either(INSECURE, works()),
    )  # fmt: skip
    reason = "TLS 1.2 compresses nothing, also where the client offers it."
    compression = Behaviour(tls=TlsOffer(compression=True))
    yield Case(
        "PRE-16.compression", Role.SERVER, Level.MUST, "RFC 9113 §9.2.1", reason, EXCHANGE, works(), compression,
        needs=TLS,
    )  # fmt: skip
    reason = "Behind the handshake of TLS 1.3 a server asks for no certificate, also where the client lets it."
    asking = Behaviour(tls=TlsOffer(post_handshake_auth=True))
    steps = (*EXCHANGE, Begin(), Finish())
    yield Case(
        "PRE-18.certificate-request", Role.SERVER, Level.MUST, "RFC 9113 §9.2.3", reason, steps, works(), asking,
        needs=TLS,
    )  # fmt: skip


def _of_clients() -> Iterator[Case]:
    yield _client(
        "PRE-14.http-1", Level.MUST, "RFC 9113 §3.2", "Where the server chooses http/1.1, HTTP/2 is not spoken.",
        TlsOffer(alpn=("http/1.1",)), REFUSED,
    )  # fmt: skip
    yield _client(
        "PRE-15.no-alpn", Level.MUST, "RFC 9113 §3.3",
        "Prior knowledge is for cleartext: over TLS HTTP/2 is not spoken to a server without ALPN.", TlsOffer(alpn=()),
        REFUSED,
    )  # fmt: skip
    yield _client(
        "PRE-16.tls-1-1", Level.MUST, "RFC 9113 §9.2", "HTTP/2 uses TLS 1.2 or higher.",
        TlsOffer(version="1.1", ciphers=PERMISSIVE), INSECURE,
    )  # fmt: skip
    yield _client("PRE-16.tls-1-2", Level.MUST, "RFC 9113 §9.2.2", EPHEMERAL, GOOD_1_2, either(works(), REFUSED))
    yield _client(
        "PRE-16.prohibited-suite", Level.MAY, "RFC 9113 §9.2.2", SUITES,
        TlsOffer(version="1.2", ciphers=PROHIBITED), either(INSECURE, works()),
    )  # fmt: skip


def cases() -> list[Case]:
    """The group."""
    return [*_of_servers(), *_of_clients()]
