"""A connection on an asyncio transport: the one place where octets meet the event loop.

`ConnectionProtocol` moves octets both ways and nothing else; what the events mean is its subclass's business
(`events_received`). It keeps four promises:

*   **One write per tick.** Whatever is queued while the loop runs its callbacks leaves in one `write` at their end: the
    head, content and trailers of a reply, or the replies of a hundred streams.
*   **Back-pressure from the socket.** While the transport's buffer is full nothing is taken out of the connection, so
    DATA waits in its stream, where it is bounded by the senders' own waiting.
*   **Back-pressure to the peer.** While so many of our own replies are stuck that it looks like abuse
    (`Connection.wants_data`), we stop reading.
*   **A last word that arrives.** When a connection is over we close our side and keep reading for a moment, because
    octets that come to a closed socket would destroy what we have just sent (`linger`).
"""

from __future__ import annotations

import asyncio
import mmap
import sys
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from http2 import heap
from http2.aio.linger import Linger
from http2.connection import Connection
from http2.errors import ErrorCode
from http2.events import Event

Tap = Callable[[str, bytes], None]
"""Sees every octet: called with "sent" or "received" and the octets. For tracing and tests."""

RECEIVE_BYTES = 266_240
"""How much is received at once, at most: of 1 MiB and what is around it, a quarter, so that no fifth read is needed."""

LARGE_BYTES = 131_072
"""A piece of content of this size is written without being joined to what stands around it."""
_HEAD_BYTES = 16_384  # but for its beginning: else the header of its frame would travel alone
_CONTROL_BYTES = 65_536  # what a peer has on its way besides content, when a connection is over
_SMALL_BYTES = 4096  # octets that are not more are looked into as bytes, which is quicker than in a buffer
_COMMON_MESSAGE_BYTES = 1024 * 1024

_buffers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, memoryview] = weakref.WeakKeyDictionary()


def receive_buffer(loop: asyncio.AbstractEventLoop) -> memoryview:
    """What the connections of an event loop receive into, one after the other: nothing is kept in it between two calls.

    asyncio's own way, a new object of 256 KiB for each read, is fresh memory each time, which costs page faults. The
    kernel copies fastest to where a page begins: 128 KiB in 11 us, and in 15 to 30 to where malloc may place a block.
    The pages are private, for a process that forks must not see what its children receive.
    """
    buffer = _buffers.get(loop)
    if buffer is None:
        buffer = memoryview(mmap.mmap(-1, RECEIVE_BYTES, access=mmap.ACCESS_COPY))
        if sys.platform != "win32":  # there, a loop on libuv hands the buffer to the system long before octets come
            _buffers[loop] = buffer
        heap.prepare_for(_COMMON_MESSAGE_BYTES)
    return buffer


class Timeouts(NamedTuple):
    """How long a connection waits for its peer, in seconds. None waits for ever."""

    handshake_s: float | None = 10.0
    """From the connection to the peer's preface with SETTINGS (RFC 9113 §3.4): half of one must not hold a socket."""

    settings_s: float | None = 10.0
    """From the peer's SETTINGS to its acknowledgement of ours (§6.5.3: else the error SETTINGS_TIMEOUT)."""

    linger_s: float = 1.0
    """How long we go on reading, and ignoring, when the connection is over and all that we said has arrived; after an
    error, or an end that streams did not survive, also when it has not (`linger`)."""

    stall_s: float = 20.0
    """How long, when the connection is over, what we said may make no way towards the peer before we give up."""


_TIMEOUTS = Timeouts()


class ConnectionProtocol(asyncio.BufferedProtocol):
    """An asyncio protocol around one `Connection`. Subclasses say what events mean in `events_received`."""

    __slots__ = (
        "_buffer",
        "_closed",
        "_ending",
        "_flush_scheduled",
        "_flush_waits",
        "_handshake_done",
        "_linger",
        "_reading_paused",
        "_refusal",
        "_timer",
        "_writing_paused",
        "connection",
        "is_gone",
        "loop",
        "tap",
        "timeouts",
        "transport",
    )

    def __init__(self, connection: Connection, timeouts: Timeouts | None = None, tap: Tap | None = None) -> None:
        self.connection = connection
        self.timeouts = timeouts or _TIMEOUTS
        self.tap = tap
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.is_gone = False
        """Whether there was a transport, and is none any more."""
        self._closed: asyncio.Future[None] | None = None
        self._buffer = receive_buffer(self.loop)
        self._flush_scheduled = False
        self._flush_waits = False  # a subclass looks itself, after a read, whether to write at once
        self._writing_paused = False
        self._reading_paused = False
        self._ending = False
        self._linger: Linger | None = None
        self._refusal = ""
        self._handshake_done = False
        self._timer: asyncio.TimerHandle | None = None

    def events_received(self, events: list[Event]) -> None:
        """Called with the events of the connection, in order. The last of all is `ConnectionTerminated`."""
        raise NotImplementedError

    # -- asyncio's side ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: the transports of uvloop are none of asyncio's classes, and have the same methods.
        self.transport = transport = cast(asyncio.Transport, transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            # RFC 9113 §3.2 and §3.3: over TLS, HTTP/2 is spoken only where ALPN has agreed on it.
            self._refusal = f'ALPN agreed on {tls.selected_alpn_protocol()!r}; "h2" is required (RFC 9113 §3.2)'
            if self.connection.is_client:
                self.connection.close(ErrorCode.PROTOCOL_ERROR, self._refusal)
                self._deliver(self.connection.next_events())
                transport.close()
                return
        self._start_timer(self.timeouts.handshake_s, self._on_handshake_timeout)
        if self.connection.is_client:
            self.flush()  # a server first looks at what the client says: an HTTP/1 request gets an HTTP/1 answer

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = self._buffer[:nbytes]
        self.data_received(bytes(data) if nbytes <= _SMALL_BYTES else data)

    def data_received(self, data: bytes | memoryview) -> None:
        """Octets from the peer. A memoryview is of a buffer that is used again when this returns."""
        if self.tap is not None:
            self.tap("received", bytes(data))
        connection = self.connection
        events = connection.receive_data(data, self.loop.time())
        if self._refusal and not connection.is_closed:
            # A server waits for these octets to say no: by now an HTTP/1 request has its answer, HTTP/2 gets a GOAWAY.
            connection.close(ErrorCode.PROTOCOL_ERROR, self._refusal)
            events = connection.next_events()
        if events:
            self._deliver(events)
        elif self._linger is not None:
            self._linger.received(len(data))
        if connection.has_output and self._handshake_done:
            self.schedule_flush()
        if not connection.wants_data and self._writing_paused and not self._reading_paused:
            assert self.transport is not None
            self._reading_paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        self._deliver(self.connection.receive_eof())
        return False  # asyncio closes the transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        if self._linger is not None:
            self._linger.stop()
        self._ending = True
        self._deliver(self.connection.receive_eof())
        self.is_gone = True
        if self._closed is not None and not self._closed.done():
            self._closed.set_result(None)

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        # asyncio calls this in the middle of its own writing, and loses a transport twice that is closed meanwhile.
        self._writing_paused = False
        self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """There is room again: write what has waited for it, and read again if that was what we waited for."""
        self.flush()
        if self._reading_paused and self.connection.wants_data and self.transport is not None:
            self._reading_paused = False
            self.transport.resume_reading()

    # -- the subclass's side -------------------------------------------------------------------------------------------

    def schedule_flush(self) -> None:
        """Write what the connection has, once, at the end of this turn of the event loop."""
        if not self._flush_scheduled:
            self._flush_scheduled = True
            if not self._flush_waits:
                self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what the connection has, as far as the transport takes it."""
        self._flush_scheduled = False
        transport = self.transport
        if transport is None:
            return
        connection = self.connection
        while not self._writing_paused and not transport.is_closing():
            chunks = connection.data_to_send()
            if not chunks:
                break
            if self.tap is not None:
                self.tap("sent", b"".join(chunks))
            if connection.taken_data_bytes < LARGE_BYTES:
                transport.write(b"".join(chunks))
            else:
                write_large(transport, chunks)
            if connection.events:
                self._deliver(connection.next_events())
        if connection.is_closed and not self._ending:
            self._end()

    def abort(self, error_code: int, reason: str) -> None:
        """End the connection now, with GOAWAY."""
        self.connection.close(error_code, reason)
        self._deliver(self.connection.next_events())
        self.flush()

    def finish_shut_down(self) -> None:
        """Wait no longer for the answer to the PING that follows the first GOAWAY.

        A peer that has not answered will hardly notice when we close, either: that is not waited for.
        """
        if self.connection.finish_shut_down():
            self.flush()
            self.hurry()

    def hurry(self) -> None:
        """If the connection is over, close it as soon as the peer has got all that was said."""
        if self._linger is not None:
            self._linger.hurry()

    def kill(self) -> None:
        """Close the socket now, whatever it still has to send."""
        if self.transport is not None:
            self.transport.abort()

    @property
    def closed(self) -> asyncio.Future[None]:
        """Done when the transport is gone."""
        if self._closed is None:
            self._closed = self.loop.create_future()
            if self.is_gone:
                self._closed.set_result(None)
        return self._closed

    @property
    def has_said_all(self) -> bool:
        """Whether the connection is over, and our side of it closed, with everything before that written.

        Then only the peer's end is out, which a client has no reason to wait for, no more than for a close_notify
        (RFC 8446 §6.1: "Both parties need not wait to receive a close_notify alert before closing their read side").
        """
        return self._ending and self.transport is not None and self.transport.get_write_buffer_size() == 0

    @property
    def peername(self) -> Any:
        """The peer's address as the socket gives it."""
        return self.transport.get_extra_info("peername") if self.transport is not None else None

    # -- inside --------------------------------------------------------------------------------------------------------

    def _deliver(self, events: list[Event]) -> None:
        if not events:
            return
        if not self._handshake_done and self.connection.peer.received:
            self._watch_settings()
        self.events_received(events)
        if self.connection.is_closed:
            self.schedule_flush()

    def _end(self) -> None:
        """The connection is over: shut down our side when its last octets are written, and let `Linger` do the rest.

        asyncio's TLS can only be closed as a whole, and then takes what still comes from the peer for an error. So a
        server whose streams are all done leaves that to its client, who knows from GOAWAY, for as long as it lingers.
        Everybody else closes: whose streams were cut off must hear of it now, and a client has no last word to lose.
        """
        transport, connection = self.transport, self.connection
        assert transport is not None
        assert connection.termination is not None
        is_drained = connection.termination.is_clean and connection.streams.are_done()
        if self._linger is None:
            self._stop_timer()
            in_flight_bytes = connection.receive_window.available + _CONTROL_BYTES
            self._linger = Linger(self.loop, transport, self.timeouts, is_drained, in_flight_bytes)
        if transport.is_closing():
            self._ending = True
        elif not self._writing_paused or not connection.has_output:  # else `resume_writing` brings us back
            self._ending = True
            if not transport.can_write_eof():
                if connection.is_client or not is_drained:
                    transport.close()
                return
            try:
                transport.write_eof()
            except OSError:  # ENOTCONN: the peer has reset the connection, which asyncio is about to tell us
                transport.abort()

    def _watch_settings(self) -> None:
        """The peer's SETTINGS have come; from here on only the acknowledgement of ours is waited for."""
        self._handshake_done = True
        self._stop_timer()
        if self.connection.local.pending and not self.connection.is_closed:
            self._start_timer(self.timeouts.settings_s, self._on_settings_timeout)

    def _on_handshake_timeout(self) -> None:
        self._timer = None
        self.abort(ErrorCode.SETTINGS_TIMEOUT, f"no SETTINGS within {self.timeouts.handshake_s} s (RFC 9113 §3.4)")

    def _on_settings_timeout(self) -> None:
        self._timer = None
        if self.connection.local.pending:
            reason = f"SETTINGS not acknowledged within {self.timeouts.settings_s} s (RFC 9113 §6.5.3)"
            self.abort(ErrorCode.SETTINGS_TIMEOUT, reason)

    def _start_timer(self, delay_s: float | None, callback: Callable[[], None]) -> None:
        if delay_s is not None:
            self._timer = self.loop.call_later(delay_s, callback)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def write_large(transport: asyncio.Transport, chunks: list[bytes | memoryview]) -> None:
    """Write what holds large pieces of content, without a copy of these."""
    small: list[bytes | memoryview] = []
    for chunk in chunks:
        if len(chunk) < LARGE_BYTES:
            small.append(chunk)
        else:
            piece = memoryview(chunk)
            small.append(piece[:_HEAD_BYTES])
            transport.write(b"".join(small))
            transport.write(piece[_HEAD_BYTES:])
            small.clear()
    if small:
        transport.write(b"".join(small))
