"""The hand-written ClientHello: OpenSSL takes it, and what a server chooses is read from its first answer."""

from __future__ import annotations

import socket
import ssl

import pytest

from interop.conformance.tls_hello import DEFLATE, NONE, agrees_to_compress, chosen_compression, client_hello
from tests.interop.conformance.servers import scripted
from tests.support.tls import TlsFiles


def server_hello(compression: int, session: bytes = b"") -> bytes:
    hello = b"\x03\x03" + bytes(32) + bytes([len(session)]) + session + b"\xc0\x2f" + bytes([compression]) + b"\0\0"
    return b"\x16\x03\x03" + (len(hello) + 4).to_bytes(2, "big") + b"\2" + len(hello).to_bytes(3, "big") + hello


def alert(description: int) -> bytes:
    return b"\x15\x03\x03\0\2\2" + bytes([description])


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("localhost", "localhost"),
        ("127.0.0.1", None),  # SNI has names only
        ("::1", None),
        ("münchen.example", "xn--mnchen-3ya.example"),
    ],
)
def test_openssl_takes_it_and_does_not_compress(host: str, name: str | None, tls_files: TlsFiles) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files.cert, tls_files.key)
    context.set_alpn_protocols(["h2"])
    names: list[str | None] = []
    context.sni_callback = lambda connection, asked, of: names.append(asked)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(client_hello(host, bytes(range(32))))
    with pytest.raises(ssl.SSLWantReadError):
        server.do_handshake()
    answer = outgoing.read()
    assert answer[5] == 2, "a ServerHello"
    assert chosen_compression(answer) == NONE
    assert server.selected_alpn_protocol() == "h2"
    assert names == [name]


@pytest.mark.parametrize("session", [b"", bytes(32)])
@pytest.mark.parametrize("compression", [NONE, DEFLATE])
def test_what_was_chosen_is_known_when_the_hello_is_whole(compression: int, session: bytes) -> None:
    octets = server_hello(compression, session)
    assert [chosen_compression(octets[:length]) for length in range(len(octets))] == [None] * len(octets)
    assert chosen_compression(octets) == chosen_compression(octets + b"more") == compression


@pytest.mark.parametrize(
    "octets", [alert(70), b"HTTP/1.1 400 Bad", b"\x16\x03\x03\0\1\2", b"\x16\x03\x03\0\4\1\0\0\0", server_hello(1)[:9]]
)
def test_who_refuses_or_says_something_else_does_not_compress(octets: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1 << 14)
        connection.sendall(octets)

    with scripted(serve) as port:
        assert not agrees_to_compress(socket.create_connection(("127.0.0.1", port)), "localhost", 5)


def test_who_compresses_is_found_out() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1 << 14)
        for octet in server_hello(DEFLATE):
            connection.sendall(bytes([octet]))
        connection.recv(1)

    with scripted(serve) as port:
        assert agrees_to_compress(socket.create_connection(("127.0.0.1", port)), "localhost", 5)


def test_who_says_nothing_is_left_in_time() -> None:
    with (
        scripted(lambda connection: connection.recv(1 << 14) and connection.recv(1)) as port,
        pytest.raises(TimeoutError),
    ):
        agrees_to_compress(socket.create_connection(("127.0.0.1", port)), "localhost", 0.1)
