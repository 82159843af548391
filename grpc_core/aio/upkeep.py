"""The upkeep of a connection: one timer, by which keepalive, age and idleness are looked after.

What is to be done is decided without I/O, in `keepalive` and `lifetime`; here is when they are asked, and what follows.
The timer is set for the earliest moment at which something could be due. What happens in between (octets come, calls
begin and end) moves it only further away, so nothing on the way of a call has to touch it; the one exception is a
client's first call after a pause, which wakes a keepalive that sleeps while there are no calls.
"""

from __future__ import annotations

import asyncio
import math
import socket
from typing import TYPE_CHECKING

from grpc_core.keepalive import Keepalive, Verdict
from grpc_core.lifetime import GRACE_PING_S, Lifetime, Step
from http2 import ErrorCode

if TYPE_CHECKING:
    from grpc_core.aio.protocol import ClientProtocol, ServerProtocol

_PING = b"keepaliv"


class Upkeep:
    """Keeps one connection alive, and ends it in time."""

    __slots__ = ("_farewell", "_keepalive", "_lifetime", "_protocol", "_since", "_timer", "pings_sent")

    def __init__(
        self, protocol: ServerProtocol | ClientProtocol, keepalive: Keepalive, lifetime: Lifetime | None = None
    ) -> None:
        self._protocol = protocol
        self._keepalive = keepalive
        self._lifetime = lifetime
        self._since = protocol.loop.time()
        self.pings_sent = 0
        self._timer: asyncio.TimerHandle | None = None
        self._farewell: asyncio.TimerHandle | None = None
        if keepalive.is_on:
            _set_user_timeout(protocol, keepalive.options.timeout_s)

    def poll(self) -> None:
        """Do what is due, and set the timer for what will be."""
        protocol = self._protocol
        connection = protocol.connection
        self.cancel_timer()
        if connection.is_closed:
            return
        now = protocol.loop.time()
        has_calls = protocol.has_calls
        lifetime = self._lifetime
        if lifetime is not None and (step := lifetime.poll(now, protocol.calls_begun, has_calls)) is not Step.STAY:
            if step is Step.CUT:
                protocol.abort(ErrorCode.NO_ERROR, step.value)
                return
            if not connection.is_draining:  # else the server stops, and waits less long for the answer
                self.go_away(step.value, GRACE_PING_S)
        verdict = self._keepalive.poll(now, max(connection.now, self._since), connection.progress, has_calls)
        if verdict is Verdict.DEAD:
            timeout_s = self._keepalive.options.timeout_s
            reason = f"keepalive watchdog timeout: nothing came within {timeout_s:g} s after a PING"
            protocol.abort(ErrorCode.INTERNAL_ERROR, reason)
            return
        if verdict is Verdict.PING:
            connection.ping(_PING)
            self.pings_sent += 1
            protocol.schedule_flush()
        due = min(self._keepalive.due, math.inf if lifetime is None else lifetime.due)
        if due < math.inf:
            self._timer = protocol.loop.call_at(due, self.poll)

    def go_away(self, reason: str, answer_s: float) -> None:
        """Say GOAWAY, and wait so long for the answer to the PING that follows the first one (W151)."""
        protocol = self._protocol
        protocol.connection.shut_down(reason)
        protocol.schedule_flush()
        if self._farewell is not None:
            self._farewell.cancel()
        self._farewell = protocol.loop.call_later(answer_s, protocol.finish_shut_down)

    def cancel_timer(self) -> None:
        """Poll no more, until `poll` is called."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def stop(self) -> None:
        """The connection is gone."""
        self.cancel_timer()
        if self._farewell is not None:
            self._farewell.cancel()


def _set_user_timeout(protocol: ServerProtocol | ClientProtocol, timeout_s: float) -> None:
    """gRFC A18: octets that TCP cannot deliver end the connection too, where the platform can (Linux)."""
    transport = protocol.transport
    sock = transport.get_extra_info("socket") if transport is not None else None
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(min(timeout_s * 1000, 2**31 - 1)))
