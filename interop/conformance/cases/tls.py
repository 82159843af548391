"""PRE-14 to PRE-16: HTTP/2 over TLS, and what must not become HTTP/2 (RFC 9113 §3.2, §3.3, §9.2)."""

from __future__ import annotations

from http2.errors import ErrorCode
from http2.frames import PREFACE
from interop.conformance.model import (
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

PROHIBITED = (
    "AES128-SHA:AES256-SHA:AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384"
    ":@SECLEVEL=0"
)
"""Suites of TLS 1.2 that Appendix A of RFC 9113 prohibits: without forward secrecy, or with CBC."""


def _case(name: str, level: Level, clause: str, reason: str, offer: TlsOffer, allowed: Expectation) -> Case:
    """HTTP/2 is tried as if all were well, whatever the handshake came to."""
    steps = (send(Raw(PREFACE), settings(), headers(idle(), *GET, end_stream=True)), Finish())
    behaviour = Behaviour(handshake=False, tls=offer)
    return Case(name, Role.SERVER, level, clause, reason, steps, allowed, behaviour, needs=frozenset({"tls"}))


def cases() -> list[Case]:
    """The group."""
    reason = "HTTP/2 over TLS is agreed on by ALPN with h2."
    both = Behaviour(tls=TlsOffer(alpn=("h2", "http/1.1")))
    return [
        Case(
            "PRE-14.h2", Role.SERVER, Level.MUST, "RFC 9113 §3.2", reason, EXCHANGE, works(), both,
            needs=frozenset({"tls"}),
        ),
        _case(
            "PRE-14.http-1", Level.MUST, "RFC 9113 §3.2",
            "Where ALPN offers only http/1.1, HTTP/2 is not spoken.", TlsOffer(alpn=("http/1.1",)), NO_HTTP_2,
        ),
        _case(
            "PRE-15.no-alpn", Level.MUST, "RFC 9113 §3.3",
            "Prior knowledge is for cleartext: over TLS HTTP/2 is not spoken without ALPN.", TlsOffer(alpn=()),
            NO_HTTP_2,
        ),
        _case(
            "PRE-16.tls-1-1", Level.MUST, "RFC 9113 §9.2", "HTTP/2 uses TLS 1.2 or higher.",
            TlsOffer(version="1.1", ciphers="DEFAULT:@SECLEVEL=0"), INSECURE,
        ),
        _case(
            "PRE-16.tls-1-2", Level.MUST, "RFC 9113 §9.2.2",
            "TLS 1.2 with ephemeral keys and AEAD works, or is not offered at all.",
            TlsOffer(version="1.2", ciphers="ECDHE+AESGCM"), either(works(), REFUSED),
        ),
        _case(
            "PRE-16.prohibited-suite", Level.MAY, "RFC 9113 §9.2.2",
            "The prohibited cipher suites of TLS 1.2 may be refused, in the handshake or as INADEQUATE_SECURITY.",
            TlsOffer(version="1.2", ciphers=PROHIBITED), either(INSECURE, works()),
        ),
    ]  # fmt: skip
