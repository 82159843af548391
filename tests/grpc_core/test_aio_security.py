"""The auth context: what a handler learns of TLS and of a client's certificate, beside what grpcio tells."""

from __future__ import annotations

import datetime
import ipaddress
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import grpc_core
from grpc_core.aio.security import _escaped
from tests.support.modules import grpcio
from tests.support.tls import TlsFiles, tls_files

__all__ = ["tls_files"]

SUBJECT = (
    (NameOID.COUNTRY_NAME, "DE"),
    (NameOID.STATE_OR_PROVINCE_NAME, "Some State"),
    (NameOID.LOCALITY_NAME, "Town"),
    (NameOID.ORGANIZATION_NAME, "Org, Inc. <x>"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "One"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "Two"),
    (NameOID.COMMON_NAME, "lö calhost"),
    (NameOID.EMAIL_ADDRESS, "a@b.c"),
)
SPIFFE = x509.UniformResourceIdentifier("spiffe://example.org/a/b")
URI = x509.UniformResourceIdentifier("https://example.org/")
NAMES: dict[str, tuple[x509.GeneralName, ...] | None] = {
    "all kinds": (
        x509.DNSName("localhost"),
        x509.DNSName("*.x.example"),
        SPIFFE,
        x509.RFC822Name("me@example.com"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
    ),
    "a URI that is no SPIFFE id": (URI,),
    "none": (),
    "no certificate": None,
}


def certificate(names: tuple[x509.GeneralName, ...]) -> tuple[bytes, bytes]:
    """(private key, certificate) of a client, which signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in SUBJECT])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def seen_by(module: Any, client: Any, files: TlsFiles, identity: tuple[bytes, bytes] | None) -> tuple[Any, ...]:
    """(auth context, identity key, identities) in a handler of one module, called with grpcio."""
    key, chain = files.key.read_bytes(), files.cert.read_bytes()
    seen: list[tuple[Any, ...]] = []

    def look(request: bytes, context: Any) -> bytes:
        auth = {name: list(values) for name, values in context.auth_context().items()}
        seen.append((auth, context.peer_identity_key(), context.peer_identities()))
        return b""

    server = module.server(ThreadPoolExecutor(1))
    handlers = {"M": module.unary_unary_rpc_method_handler(look)}
    server.add_generic_rpc_handlers((module.method_handlers_generic_handler("s", handlers),))
    roots = None if identity is None else identity[1]
    # grpcio asks for a certificate only where it requires one.
    wanting = module.ssl_server_credentials([(key, chain)], roots, identity is not None)
    port = server.add_secure_port("localhost:0", wanting)
    server.start()
    credentials = client.ssl_channel_credentials(chain, *(identity or ()))
    with client.secure_channel(f"localhost:{port}", credentials) as channel:
        channel.unary_unary("/s/M")(b"", timeout=20)
    server.stop(None).wait()
    return seen[0]


@pytest.mark.wire("W203", "W204", "W205")
@pytest.mark.parametrize("names", NAMES)
def test_a_handler_learns_what_grpcios_handler_learns(names: str, tls_files: TlsFiles) -> None:
    official = grpcio()
    alternatives = NAMES[names]
    identity = None if alternatives is None else certificate(alternatives)
    auth, identity_key, identities = seen_by(grpc_core, official, tls_files, identity)
    expected, expected_key, expected_identities = seen_by(official, official, tls_files, identity)
    del expected["ssl_negotiated_key_exchange_group"]  # Python's ssl cannot tell before 3.15
    assert auth == expected
    assert identity_key == expected_key
    assert identities == expected_identities
    assert auth["ssl_requested_server_name"] == [b"localhost"], "SNI"


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        ("plain", "plain"),
        ('a,b+c"d\\e<f>g;h', 'a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h'),
        ("#x", "\\#x"),
        (" x ", "\\ x\\ "),
        ("ö\n", "\\C3\\B6\\0A"),
        ("", ""),
    ],
)
def test_how_a_subject_is_written(value: str, escaped: str) -> None:
    assert _escaped(value) == escaped
