"""TLS contexts: what RFC 9113 §9.2 asks for, and errors that name the file."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from http2.aio import client_ssl_context, server_ssl_context
from tests.support.tls import TlsFiles


def test_both_contexts_keep_the_rules_of_http2(tls_files: TlsFiles) -> None:
    for context in (client_ssl_context(tls_files.cert), server_ssl_context(tls_files.cert, tls_files.key)):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.options & ssl.OP_NO_COMPRESSION
        assert context.options & ssl.OP_NO_RENEGOTIATION
        old = [suite for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"]
        assert old, "TLS 1.2 is possible"
        assert all(suite["aead"] and "DHE" in suite["kea"].upper() for suite in old if "kea" in suite)


def test_a_client_verifies_unless_told_otherwise(tls_files: TlsFiles) -> None:
    context = client_ssl_context(tls_files.cert)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    context = client_ssl_context(verify=False)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_missing_files_are_named(tls_files: TlsFiles, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(FileNotFoundError) as caught:
        client_ssl_context(missing)
    assert caught.value.filename == str(missing)
    for cert, key in ((missing, tls_files.key), (tls_files.cert, missing)):
        with pytest.raises(FileNotFoundError) as caught:
            server_ssl_context(cert, key)
        assert caught.value.filename == str(missing)


def test_files_that_are_no_certificates_are_named(tls_files: TlsFiles, tmp_path: Path) -> None:
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("not PEM at all")
    with pytest.raises(ssl.SSLError, match=r"rubbish.pem holds no certificates"):
        client_ssl_context(rubbish)
    with pytest.raises(ssl.SSLError, match=r"rubbish.pem and .*key.pem are no certificate with its key"):
        server_ssl_context(rubbish, tls_files.key)
    with pytest.raises(ssl.SSLError, match=r"cert.pem and the same file are no certificate with its key"):
        server_ssl_context(tls_files.cert)


def test_an_encrypted_key_is_an_error_and_not_a_question(tls_files: TlsFiles, tmp_path: Path) -> None:
    key = serialization.load_pem_private_key(tls_files.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    encrypted = tmp_path / "encrypted.pem"
    encrypted.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(ssl.SSLError, match=r"encrypted.pem are no certificate with its key"):
        server_ssl_context(tls_files.cert, encrypted)
