"""Whatever is at the other end in the place of HTTP/2, over TCP and over TLS: one line that says so, exit status 2."""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys

import pytest

from http2.frames import SETTINGS, build_frame
from interop.__main__ import main
from tests.interop.conformance.servers import Script, scripted
from tests.support.tls import TlsFiles

FIRST = build_frame(SETTINGS, 0, 0)
UNKNOWN = build_frame(0x55, 0, 0, b"again") * 100
AGREED = ("h2",)
HTTP_1 = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"


def said_in_a_line(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error of a run that cannot be: exit status 2, and nothing else is said."""
    assert main(["conformance", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("interop conformance: ")
    assert printed.err.count("\n") == 1
    return printed.err


def over_tls(script: Script, files: TlsFiles, alpn: tuple[str, ...]) -> Script:
    """The same behind a TLS handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert, files.key)
    if alpn:
        context.set_alpn_protocols(list(alpn))

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            script(secure)

    return serve


def say(octets: bytes) -> Script:
    """Says this, and reads until the end."""

    def script(connection: socket.socket) -> None:
        connection.sendall(octets)
        while connection.recv(1 << 16):
            pass

    return script


def unknown_for_ever(connection: socket.socket) -> None:
    connection.sendall(FIRST)
    while True:
        connection.sendall(UNKNOWN)


def closes(connection: socket.socket) -> None:
    connection.recv(1 << 16)


# -- servers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [(), ("--tls",)], ids=["tcp", "tls"])
def test_nobody_listens(tls: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    line = said_in_a_line(("server", f"127.0.0.1:{port}", *tls), capsys)
    assert f"nothing can be reached at 127.0.0.1:{port}: Connection refused" in line


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (say(HTTP_1), "the server speaks HTTP/1 on this port, and no HTTP/2 with prior knowledge: HTTP/1.1 400 Bad"),
        (say(b""), "the server said nothing within 0.5 s"),
        (say(b"\x00" * 100), "what the server says is not HTTP/2: it begins with 0x0000"),
        (say(FIRST), "SETTINGS and their acknowledgement did not come"),
        (unknown_for_ever, "SETTINGS and their acknowledgement did not come"),
        (closes, "the server closed the connection and said nothing"),
    ],
    ids=["http-1", "silent", "garbage", "settings-only", "unknown-frames", "closes"],
)
def test_a_server_without_http_2(script: Script, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(script) as port:
        line = said_in_a_line(("server", f"127.0.0.1:{port}", "--timeout", "0.5"), capsys)
    assert f"127.0.0.1:{port} cannot be tested: {reason}" in line


@pytest.mark.parametrize(
    ("script", "alpn", "reason"),
    [
        (say(HTTP_1), AGREED, "the other end speaks HTTP/1: HTTP/1.1 400 Bad Request"),
        (say(HTTP_1), ("http/1.1",), 'the TLS server does not agree on "h2" by ALPN (RFC 9113 §3.2)'),
        (say(b""), (), 'the TLS server does not agree on "h2" by ALPN (RFC 9113 §3.2), but on None'),
        (say(b""), AGREED, "SETTINGS and their acknowledgement did not come"),
        (say(b"\x00" * 100), AGREED, "SETTINGS and their acknowledgement did not come"),
        (unknown_for_ever, AGREED, "SETTINGS and their acknowledgement did not come"),
        (closes, AGREED, "SETTINGS and their acknowledgement did not come"),
    ],
    ids=["http-1-as-h2", "http-1", "no-alpn", "silent", "garbage", "unknown-frames", "closes"],
)
def test_a_tls_server_without_http_2(
    script: Script, alpn: tuple[str, ...], reason: str, tls_files: TlsFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    with scripted(over_tls(script, tls_files, alpn)) as port:
        line = said_in_a_line(("server", f"127.0.0.1:{port}", "--tls", "--timeout", "0.5"), capsys)
    assert f"127.0.0.1:{port} cannot be tested: {reason}" in line


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (say(HTTP_1), "the server does not speak TLS on this port; it said b'HTTP/1.1 400"),
        (say(b""), "the TLS handshake did not end within 0.5 s"),
        (say(b"\x00" * 100), "the server does not speak TLS on this port"),
        (say(FIRST), "the server does not speak TLS on this port"),
        (closes, "the server closed the connection during the TLS handshake"),
    ],
    ids=["http-1", "silent", "garbage", "plaintext-http-2", "closes"],
)
def test_a_server_without_tls(script: Script, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with scripted(script) as port:
        line = said_in_a_line(("server", f"127.0.0.1:{port}", "--tls", "--timeout", "0.5"), capsys)
    assert f"127.0.0.1:{port} cannot be tested: {reason}" in line


def test_a_tls_server_that_is_asked_in_plaintext(tls_files: TlsFiles, capsys: pytest.CaptureFixture[str]) -> None:
    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(ssl.SSLError):
            over_tls(closes, tls_files, AGREED)(connection)

    with scripted(serve) as port:
        line = said_in_a_line(("server", f"127.0.0.1:{port}", "--timeout", "0.5"), capsys)
    assert "use --tls" in line or "does it speak HTTP/2 without TLS on this port?" in line


# -- clients -----------------------------------------------------------------------------------------------------------

CONNECTED = """import socket, ssl, sys, time
from urllib.parse import urlsplit
where = urlsplit(sys.argv[1])
connection = socket.create_connection((where.hostname, where.port))
if where.scheme == "https" and {tls}:
    context = ssl.create_default_context(cafile=sys.argv[2])
    context.set_alpn_protocols({alpn})
    connection = context.wrap_socket(connection, server_hostname=where.hostname)
{then}
"""
READS = "\nwhile connection.recv(65536): pass\nsys.exit('it was closed')"
PREFACE_AND_UNKNOWN = f"""connection.sendall(b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n' + {FIRST!r})
while True: connection.sendall({UNKNOWN!r})"""


def client(then: str, *, tls: bool, alpn: tuple[str, ...] = AGREED, speaks_tls: bool = True) -> tuple[str, ...]:
    """The arguments that test a program of this text."""
    code = CONNECTED.format(tls=speaks_tls, alpn=list(alpn), then=then)
    return ("client", *(("--tls",) if tls else ()), "--timeout", "1", "--", sys.executable, "-c", code, "{url}", "{ca}")


@pytest.mark.parametrize("tls", [False, True], ids=["tcp", "tls"])
@pytest.mark.parametrize(
    ("then", "reason"),
    [
        (f"connection.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n'){READS}", "the connection begins with GET / HTTP/1.1"),
        ("time.sleep(60)", "the handshake did not come to its end"),
        (f"connection.sendall(bytes(100)){READS}", "the connection begins with 0x0000"),
        (PREFACE_AND_UNKNOWN, "the handshake did not come to its end"),
        ("connection.close(); sys.exit('I give up')", "I give up"),
    ],
    ids=["http-1", "silent", "garbage", "unknown-frames", "closes"],
)
def test_a_client_without_http_2(then: str, reason: str, tls: bool, capsys: pytest.CaptureFixture[str]) -> None:
    line = said_in_a_line(client(then, tls=tls), capsys)
    assert f"{sys.executable} cannot be tested: " in line
    assert reason in line


@pytest.mark.parametrize("alpn", [("http/1.1",), ()], ids=["http-1", "none"])
def test_a_client_that_does_not_offer_h2(alpn: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    line = said_in_a_line(client(READS, tls=True, alpn=alpn), capsys)
    assert "ALPN" in line or "the TLS handshake failed: no application protocol" in line


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        (f"connection.sendall(b'PRI * HTTP/2.0'){READS}", "TLS"),
        ("time.sleep(60)", "the TLS handshake did not end within"),
        (f"connection.sendall(bytes(100)){READS}", "TLS"),
    ],
    ids=["plaintext", "silent", "garbage"],
)
def test_a_client_without_tls(then: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = said_in_a_line(client(then, tls=True, speaks_tls=False), capsys)
    assert reason in line
