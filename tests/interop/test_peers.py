"""The other peers: how each says that it is not here, and what certificates are worth."""

from __future__ import annotations

import importlib.util
import shutil
import ssl
import sys
from importlib import metadata
from pathlib import Path

import pytest

from interop.peers import certificate, grpcio, plait
from interop.peers.http_tools import HTTP_TOOLS
from interop.peers.peer import Missing


def test_the_python_peers_are_modules_of_one_shape() -> None:
    commands = plait.commands()
    assert commands.server == [sys.executable, "-m", "interop.peers.plait.server"]
    assert commands.client == [sys.executable, "-m", "interop.peers.plait.client"]
    assert commands.version.startswith("plait 0.")
    blocking = plait.blocking_commands()
    assert blocking.server == [*commands.server, "--blocking"]
    assert blocking.client == [*commands.client, "--blocking"]
    assert blocking.version == f"{commands.version}, its blocking API"


def test_grpcio_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    with pytest.raises(Missing, match="pip install grpcio"):
        grpcio.commands()


def test_a_tool_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Missing, match="nghttp is not on the path"):
        HTTP_TOOLS["nghttp"].version()


@pytest.mark.parametrize("features", ["HTTP2 HTTPS-proxy", "HTTPS-proxy"])
def test_a_curl_without_http2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, features: str) -> None:
    (tmp_path / "curl").write_text(f"#!/bin/sh\necho curl 9.9.9\necho Features: {features}\n")
    (tmp_path / "curl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    if "HTTP2" in features:
        assert HTTP_TOOLS["curl"].version() == "curl 9.9.9"
    else:
        with pytest.raises(Missing, match="built without HTTP/2"):
            HTTP_TOOLS["curl"].version()


def check_certificate(files: certificate.Certificate) -> None:
    """A server can use it and who trusts its authority can trust it, for its address and its name and nothing else."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(files.certificate, files.key)
    client_context = ssl.create_default_context(cafile=str(files.authority))
    names = ("127.0.0.1", True), (certificate.NAME, True), ("127.0.0.2", False), ("other.interop.test", False)
    for host, is_trusted in names:
        assert handshake(server_context, client_context, host) is is_trusted
    assert not handshake(server_context, ssl.create_default_context(), "127.0.0.1"), "a stranger does not trust it"
    assert [path.relative_to(path.parent.parent).as_posix() for path in files] == [
        "certs/server1.pem",
        "certs/server1.key",
        "certs/ca.pem",
    ], "where grpc-java's programs look"


def handshake(server_context: ssl.SSLContext, client_context: ssl.SSLContext, host: str) -> bool:
    """Whether the client accepts the server's certificate. In memory."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLCertVerificationError:
                return False
    return client.version() is not None


def test_a_certificate_by_cryptography(tmp_path: Path) -> None:
    check_certificate(certificate.make(tmp_path))


def without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


def test_a_certificate_by_openssl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("the command openssl is not here")
    without_cryptography(monkeypatch)
    check_certificate(certificate.make(tmp_path))


def test_an_openssl_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_cryptography(monkeypatch)
    (tmp_path / "openssl").write_text("#!/bin/sh\necho no such curve >&2\nexit 1\n")
    (tmp_path / "openssl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="openssl failed: no such curve"):
        certificate.make(tmp_path)


def test_nothing_to_make_a_certificate_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_cryptography(monkeypatch)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Missing, match="neither the package cryptography nor the command openssl"):
        certificate.make(tmp_path)
