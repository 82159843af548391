"""Connections over TCP and TLS: how they end is told apart, nothing blocks for ever, no octet is lost."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
from pathlib import Path

import pytest

from http2.aio.tls import server_ssl_context
from interop.conformance.model import Role, TlsOffer
from interop.conformance.script import CannotDo
from interop.conformance.sockets import Endpoint, NoConnection, SocketConnector, SocketDriver, Unreachable
from tests.interop.conformance.servers import scripted
from tests.support.tls import TlsFiles

LARGE = 4 << 20
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: close resets


def connector(port: int, *, tls: bool = False, timeout_s: float = 5.0) -> SocketConnector:
    return SocketConnector(Endpoint("127.0.0.1", port, ("127.0.0.1", port), socket.AF_INET, tls, timeout_s))


def everything(driver: SocketDriver) -> bytes:
    octets = b""
    while piece := driver.receive(driver.now() + 5):
        octets += piece
    assert piece == b"", "it ends"
    return octets


def say_hello(connection: socket.socket) -> None:
    connection.sendall(b"hello")


def test_an_end_is_an_end() -> None:
    with scripted(say_hello) as port:
        driver = connector(port).connect(Role.SERVER)
        assert everything(driver) == b"hello"
        assert driver.receive(driver.now() + 5) == b"", "and it stays one"
        assert (driver.was_reset, driver.has_ended, driver.crashed) == (False, True, "")
        driver.send(b"too late")
        driver.send(b"much too late")
        driver.close()
        driver.close()
    assert (driver.request, driver.results()) == (driver.request, [])
    with pytest.raises(CannotDo):
        driver.request(None, False)


def test_a_reset_is_a_reset_and_what_came_before_it_counts() -> None:
    def reset(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"the reason")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)

    with scripted(reset) as port:
        driver = connector(port).connect(Role.SERVER)
        driver.send(b"go on")
        assert everything(driver) == b"the reason"
        assert driver.was_reset
        driver.close()


def test_a_reset_that_is_met_while_writing() -> None:
    was_closed = threading.Event()

    def reset(connection: socket.socket) -> None:
        connection.recv(1)  # not before the client is there: its connect() would be what fails
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        connection.close()
        was_closed.set()

    with scripted(reset) as port:
        driver = connector(port).connect(Role.SERVER)
        driver.send(b"x")
        assert was_closed.wait(10)
        driver.send(b"x")
        assert driver.was_reset
        assert everything(driver) == b""
        driver.close()


def test_silence_is_neither() -> None:
    with scripted(lambda connection: connection.recv(1) and None) as port:
        driver = connector(port).connect(Role.SERVER)
        assert driver.receive(driver.now() + 0.01) is None
        assert not driver.has_ended
        driver.close()


@pytest.mark.parametrize("tls", [False, True])
def test_two_ends_that_both_have_much_to_say_do_not_block(tls: bool, tls_files: TlsFiles) -> None:
    context = server_ssl_context(tls_files.cert, tls_files.key)
    heard = []

    def talk(connection: socket.socket) -> None:
        if tls:
            connection = context.wrap_socket(connection, server_side=True)
        connection.sendall(bytes(LARGE))  # all of it before the first octet is read
        count = 0
        while count < LARGE and (octets := connection.recv(1 << 16)):
            count += len(octets)
        heard.append(count)
        if tls:
            connection.close()

    with scripted(talk) as port:
        driver = connector(port, tls=tls).connect(Role.SERVER)
        driver.send(b"c" * LARGE)
        assert len(everything(driver)) == LARGE
        driver.close()
    assert heard == [LARGE]


def test_who_does_not_read_holds_nobody_up() -> None:
    done = threading.Event()
    with scripted(lambda connection: done.wait(30) and None) as port:
        driver = connector(port, timeout_s=0.05).connect(Role.SERVER)
        driver.send(bytes(4 * LARGE))
        driver.send(b"more")
        assert driver.receive(driver.now()) is None
        driver.close()
        done.set()


def test_over_tls_alpn_must_agree_on_h2(tls_files: TlsFiles) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files.cert, tls_files.key)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.sendall(b"hello")

    with scripted(serve) as port:
        with pytest.raises(Unreachable, match=r'does not agree on "h2" by ALPN .*, but on None'):
            connector(port, tls=True).connect(Role.SERVER)
        wanted = connector(port, tls=True)
        wanted.offer = TlsOffer(alpn=())
        driver = wanted.connect(Role.SERVER)
        assert everything(driver) == b"hello"
        driver.close()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS on this port; it said b'HTTP/1.1 400"),
        (b"", "closed the connection during the TLS handshake"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "the TLS handshake failed: .*alert handshake failure"),
        (b"\x15\x03\x03\x00\x02\x02\x78", "alert no_application_protocol"),
    ],
)
def test_a_tls_handshake_that_fails(answer: bytes, reason: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(answer)

    with scripted(serve) as port:
        with pytest.raises(Unreachable, match=reason):
            connector(port, tls=True).connect(Role.SERVER)
        refused = connector(port, tls=True)
        refused.offer = TlsOffer(version="1.1", ciphers="DEFAULT:@SECLEVEL=0")
        driver = refused.connect(Role.SERVER)
        assert isinstance(driver, NoConnection), "for a case about the handshake, that is an outcome"
        assert driver.receive(driver.now() + 5) == b""
        driver.close()


def test_a_tls_handshake_that_is_not_answered() -> None:
    done = threading.Event()
    with scripted(lambda connection: done.wait(30) and None) as port:
        with pytest.raises(Unreachable, match=r"did not end within 0\.05 s"):
            connector(port, tls=True, timeout_s=0.05).connect(Role.SERVER)
        done.set()


def test_an_end_without_close_notify_is_an_end(tls_files: TlsFiles) -> None:
    context = server_ssl_context(tls_files.cert, tls_files.key)

    def serve(connection: socket.socket) -> None:
        os.close(context.wrap_socket(connection, server_side=True).detach())

    with scripted(serve) as port:
        driver = connector(port, tls=True).connect(Role.SERVER)
        assert everything(driver) == b""
        driver.send(b"late")
        driver.close()


def test_an_address_that_is_found() -> None:
    with scripted(say_hello) as port:
        assert Endpoint.find("localhost", port).port == port
    with pytest.raises(Unreachable, match=rf"nothing can be reached at 127\.0\.0\.1:{port}: Connection refused"):
        Endpoint.find("127.0.0.1", port)
    with pytest.raises(Unreachable, match=r"no\.such\.host\.invalid has no address"):
        Endpoint.find("no.such.host.invalid", 80)
    with pytest.raises(Unreachable, match="has no address"):
        Endpoint.find("a" * 70 + ".example", 80)
    refused = connector(port)
    with pytest.raises(ConnectionRefusedError):
        refused.connect(Role.SERVER)
    with pytest.raises(ConnectionRefusedError, match="is a server"):
        refused.connect(Role.CLIENT)


def test_what_it_offers(tmp_path: Path) -> None:
    assert connector(1).offers == {"time"}
    assert connector(1, tls=True).offers == {"time", "tls"}
