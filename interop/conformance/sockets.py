"""Connections over TCP and TLS: what a server on the network is tested through.

    endpoint = Endpoint.find("example.org", 443, tls=True)     # raises Unreachable, in words
    run_case(case, SocketConnector(endpoint), target, Options(timeout_s=5))

`SocketDriver` is blocking for whom it serves and never blocks for ever: the socket itself does not block, every wait
has an end. While it waits to write it reads, so that two ends which both have much to say do not hold each other up.

**How a connection ended is kept apart**, since verdicts differ: an end (FIN, close_notify) is b"" from `receive`; a
reset (RST) is that and `was_reset`; nothing at all is None when the deadline passes. What had come before a reset is
still read: a GOAWAY in front of it counts.

TLS runs on memory, between the octets and the socket (`ssl.MemoryBIO`): so a reset while writing does not take away
what can still be read, as it would from an `ssl.SSLSocket`.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
import warnings
from dataclasses import dataclass, field
from functools import cache

from interop.conformance.checks import Violation
from interop.conformance.exchange import ClientResult
from interop.conformance.model import Role, TlsOffer
from interop.conformance.script import CannotDo
from interop.conformance.tls_hello import agrees_to_compress

H2_OFFER = TlsOffer()
FIRST_OCTETS = 256
"""How much of what came first is kept, to say what a server speaks that does not speak HTTP/2."""

_PIECE = 1 << 16
_KEY_UPDATE = 27
"""Octets of a record with the KeyUpdate of TLS 1.3: header, message, type, tag."""
_VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2}


class Unreachable(OSError):
    """There is no connection of the kind that is asked for; the text says why."""


class SocketDriver:
    """One connection (`driving.Driver`). `timeout_s` is how long the other end may refuse to read."""

    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        self.first = b""
        self.crashed = ""
        self.was_reset = False
        self.tls: ssl.SSLObject | None = None
        self.was_asked_for_certificate = False
        """Whether a server of TLS 1.3 has asked for one behind the handshake."""
        self._socket = connection
        self._timeout_s = timeout_s
        self._ended = False  # nothing more comes
        self._deaf = False  # nothing more can be sent
        self._closed = False
        self._received = bytearray()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        connection.setblocking(False)
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start_tls(self, context: ssl.SSLContext, host: str | None) -> None:
        """The TLS handshake; without a host, of the server's end. Raises Unreachable with what went wrong."""
        deadline = self.now() + self._timeout_s
        tls = context.wrap_bio(self._incoming, self._outgoing, host is None, host)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                self._write(self._outgoing.read())  # the alert
                raise Unreachable(_tls_reason(error, self.first, self._ended))
            else:
                break
            self._write(self._outgoing.read())
            octets = self._read(deadline)
            if octets is None:
                raise Unreachable(f"the TLS handshake did not end within {self._timeout_s:g} s")
            if octets:
                self._incoming.write(octets)
            else:
                self._incoming.write_eof()
        self._write(self._outgoing.read())
        self.tls = tls
        self._received += self._incoming.read()  # a client says more right behind its Finished
        self.first = b""

    # -- driving.Driver ------------------------------------------------------------------------------------------------

    def send(self, octets: bytes) -> None:
        """Send octets, in a segment of their own where the kernel has room for it."""
        if self.tls is None or self._deaf:
            self._write(octets)
            return
        try:
            self.tls.write(octets)
        except ssl.SSLError:  # it was closed from the other side
            self._deaf = True
        self._write(self._outgoing.read())

    def receive(self, deadline: float) -> bytes | None:
        """What has come; b"" at the end of the connection; None when nothing comes in time."""
        while True:
            if self._received:
                octets = bytes(self._received)
                self._received.clear()
            else:
                raw = self._read(deadline)
                if raw is None:
                    return None
                octets = raw
            if self.tls is None:
                return octets
            content = self._decrypt(self.tls, octets)
            if content is not None:
                return content

    def close(self) -> None:
        """Close the connection, with close_notify."""
        if self._closed:
            return
        self._closed = self._deaf = True
        try:
            if self.tls is not None:
                try:
                    self.tls.unwrap()
                except ssl.SSLError:  # it waits for the other end's
                    pass
                self._socket.send(self._outgoing.read())
        except OSError:
            pass
        self._socket.close()

    def end(self) -> None:
        """Nothing more comes, and nothing can be sent: the TLS handshake has failed."""
        self._ended = self._deaf = True

    def abort(self) -> None:
        """From another thread: let whoever waits for this connection find its end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    @property
    def has_ended(self) -> bool:
        """Whether the other end has ended the connection."""
        return self._ended

    def now(self) -> float:
        """Seconds of the monotonic clock."""
        return time.monotonic()

    def request(self, content: bytes | None, hold: bool, head: bool = False) -> None:
        """There is no client here."""
        raise CannotDo("whom is tested is a server")

    def results(self) -> list[ClientResult]:
        """There is no client here."""
        return []

    # -- inside --------------------------------------------------------------------------------------------------------

    def _decrypt(self, tls: ssl.SSLObject, octets: bytes) -> bytes | None:
        """What the records say; b"" at the end; None when none is complete."""
        if octets:
            self._incoming.write(octets)
        else:
            self._incoming.write_eof()
        content = bytearray()
        try:
            while piece := tls.read(_PIECE):
                content += piece
            self._ended = True  # close_notify
        except ssl.SSLWantReadError:
            self._answer(tls)
            return bytes(content) or None
        except ssl.SSLError:  # an alert, or an end without close_notify
            self._ended = True
        return bytes(content)

    def _answer(self, tls: ssl.SSLObject) -> None:
        """Send what TLS itself has to answer: to a KeyUpdate another one, to a CertificateRequest more than that."""
        answer = self._outgoing.read()
        self.was_asked_for_certificate |= tls.version() == "TLSv1.3" and len(answer) % _KEY_UPDATE != 0
        self._write(answer)

    def _write(self, octets: bytes) -> None:
        """All of it, unless the other end does not read any more."""
        if self._deaf:
            return
        deadline = self.now() + self._timeout_s
        view = memoryview(octets)
        while view:
            try:
                view = view[self._socket.send(view) :]
                continue
            except BlockingIOError:
                pass
            except ConnectionResetError:
                self.was_reset = self._deaf = True
                return
            except OSError:  # EPIPE: it had closed in order before
                self._deaf = True
                return
            readable, writable = _wait(self._socket, deadline - self.now(), read=not self._ended, write=True)
            if readable:
                octets_in = self._take()
                self._received += octets_in
            if not readable and not writable:
                self._deaf = True
                return

    def _read(self, deadline: float) -> bytes | None:
        """Octets of the socket; b"" at its end; None at the deadline."""
        while not self._ended and not self._closed:
            readable, _ = _wait(self._socket, deadline - self.now(), read=True, write=False)
            if not readable:
                return None
            octets = self._take()
            if octets or self._ended:
                return octets
        return b""

    def _take(self) -> bytes:
        """What can be read at once; at the end nothing, and `_ended` is set."""
        try:
            octets = self._socket.recv(_PIECE)
        except BlockingIOError:
            return b""
        except OSError:
            self._ended = self.was_reset = True
            return b""
        if not octets:
            self._ended = True
        if len(self.first) < FIRST_OCTETS:
            self.first += octets[: FIRST_OCTETS - len(self.first)]
        return octets


def _wait(connection: socket.socket, seconds: float, *, read: bool, write: bool) -> tuple[bool, bool]:
    """(readable, writable) after at most so many seconds."""
    poll = select.poll()
    poll.register(connection, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
    events = poll.poll(max(0.0, seconds) * 1000)
    event = events[0][1] if events else 0
    trouble = bool(event & (select.POLLERR | select.POLLHUP | select.POLLNVAL))
    return bool(event & select.POLLIN) or (trouble and read), bool(event & select.POLLOUT) or (trouble and write)


class NoConnection(SocketDriver):
    """In place of a connection whose TLS handshake was refused, where a case wants to see that: it has ended."""

    def __init__(self, reason: str) -> None:
        ours, theirs = socket.socketpair()
        theirs.close()
        super().__init__(ours, 0.0)
        self.reason = reason


# -- where to ----------------------------------------------------------------------------------------------------------


Address = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]


@dataclass(frozen=True)
class Endpoint:
    """An address that was found, and how it is spoken to."""

    host: str
    port: int
    address: Address
    family: int
    tls: bool = False
    timeout_s: float = 5.0

    @classmethod
    def find(cls, host: str, port: int, *, tls: bool = False, timeout_s: float = 5.0) -> Endpoint:
        """Resolve the host, and take the first address that somebody listens on. Raises Unreachable."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"{host} has no address: {getattr(error, 'strerror', None) or error}")
        problem: Exception | None = None
        for family, _, _, _, address in found:
            endpoint = cls(host, port, address, family, tls, timeout_s)
            try:
                endpoint.open().close()
            except OSError as error:
                problem = problem or error
            else:
                return endpoint
        raise Unreachable(f"nothing can be reached at {host}:{port}: {_reason(problem)}")

    def open(self) -> socket.socket:
        """A TCP connection. Raises OSError."""
        connection = socket.socket(self.family, socket.SOCK_STREAM)
        try:
            connection.settimeout(self.timeout_s)
            connection.connect(self.address)
        except OSError:
            connection.close()
            raise
        return connection


def _reason(error: Exception | None) -> str:
    if isinstance(error, TimeoutError):
        return "no answer to the connection attempt"
    return getattr(error, "strerror", None) or str(error)


@dataclass(eq=False)
class SocketConnector:
    """Connections to an endpoint (`driving.Connector`). The first one is made with `offer`; all others ask for h2."""

    endpoint: Endpoint
    offer: TlsOffer | None = None
    needs: frozenset[str] = frozenset()
    last: SocketDriver | None = field(default=None, init=False)
    _first: SocketDriver | None = field(default=None, init=False)  # of the case
    _compresses: bool = field(default=False, init=False)
    _aborted: bool = field(default=False, init=False)

    @property
    def offers(self) -> frozenset[str]:
        """Time passes here; a server is not told when to consume."""
        return frozenset({"time", "tls"} if self.endpoint.tls else {"time"}) | self.needs

    def connect(self, role: Role) -> SocketDriver:
        """A new connection. Raises OSError; Unreachable where TLS is at fault."""
        if role is not Role.SERVER:
            raise ConnectionRefusedError("whom is tested is a server")
        if self._aborted:
            raise ConnectionAbortedError("interrupted")
        offer, self.offer = self.offer, None
        driver = self.last = SocketDriver(self.endpoint.open(), self.endpoint.timeout_s)
        if offer is not None:
            self._first = driver
        if self._aborted:
            driver.abort()
        if not self.endpoint.tls:
            return driver
        if offer is not None and offer.compression:
            self._try_compression()
        try:
            driver.start_tls(tls_context(offer or H2_OFFER), self.endpoint.host)
            assert driver.tls is not None
            agreed = driver.tls.selected_alpn_protocol()
            if offer is None and agreed != "h2":
                raise Unreachable(f'the TLS server does not agree on "h2" by ALPN (RFC 9113 §3.2), but on {agreed}')
        except OSError as error:
            driver.close()
            if offer is None:
                raise
            return NoConnection(str(error))
        return driver

    def _try_compression(self) -> None:
        with contextlib.suppress(OSError):  # it refuses, and there is nothing wrong with that
            self._compresses = agrees_to_compress(self.endpoint.open(), self.endpoint.host, self.endpoint.timeout_s)

    @property
    def violations(self) -> list[Violation]:
        """Rules of TLS that were broken, which no frame shows."""
        found = []
        if self._compresses:
            found.append(Violation("PRE-16", "the server agrees to compress what TLS 1.2 carries (RFC 9113 §9.2.1)"))
        if self._first is not None and self._first.was_asked_for_certificate:
            text = "the server asks for a certificate behind the handshake (RFC 9113 §9.2.3)"
            found.append(Violation("PRE-18", text))
        return found

    def abort(self) -> None:
        """From another thread: end the connection that is there, and make no more."""
        self._aborted = True
        if self.last is not None:
            self.last.abort()


@cache
def tls_context(offer: TlsOffer) -> ssl.SSLContext:
    """A client's context. Certificates are not verified: this is about HTTP/2, and test servers sign their own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.post_handshake_auth = offer.post_handshake_auth
    apply_offer(context, offer)
    return context


def apply_offer(context: ssl.SSLContext, offer: TlsOffer) -> None:
    """Have either end's context do what a case says."""
    if offer.version:
        with warnings.catch_warnings():  # that these versions are deprecated is why they are offered
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = _VERSIONS[offer.version]
    if offer.ciphers:
        context.set_ciphers(offer.ciphers)
    if offer.alpn:
        context.set_alpn_protocols(list(offer.alpn))


def _tls_reason(error: ssl.SSLError, first: bytes, has_ended: bool) -> str:
    """Why a TLS handshake failed."""
    if first and first[0] not in (0x15, 0x16):
        return f"the server does not speak TLS on this port; it said {first[:40]!r}"
    said = (error.reason or str(error).partition("(_ssl.c")[0]).replace("_", " ").lower().strip()
    if "alert no application protocol" in said:
        return 'the TLS server does not agree on "h2" by ALPN (RFC 9113 §3.2): alert no_application_protocol'
    if has_ended and not first:
        return "the server closed the connection during the TLS handshake; does it speak TLS on this port?"
    return f"the TLS handshake failed: {said}"
