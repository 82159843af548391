"""Requests that are sent one by one, for a call that wants an iterator of them.

A call of ours takes its messages without a detour: `put` goes straight into the call's `Outlet`. An interceptor may
have put an iterator of its own around this one; then a thread takes from that, and so from here, and `put` hands each
message over to it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, Self

from grpc_core.sync.exchange import Exchange, serialized
from grpc_core.type_variables import Request


class Feed(Generic[Request]):
    """An iterator of requests, which ends at `end`. `put` blocks while there is no room."""

    def __init__(self) -> None:
        self._exchange: Exchange | None = None
        self._serializer: Callable[[Request], bytes] | None = None
        self._condition = threading.Condition(threading.Lock())
        self._messages: deque[Request] = deque()
        self._is_over = False
        self._is_closed = False

    def attach(self, exchange: Exchange, serializer: Callable[[Request], bytes] | None) -> None:
        """From now on messages go straight to this call."""
        self._exchange, self._serializer = exchange, serializer

    @property
    def is_attached(self) -> bool:
        """Whether messages go straight to a call."""
        return self._exchange is not None

    def put(self, message: Request) -> bool:
        """Send a message. False when nobody takes it any more; raises whatever the serializer raises."""
        if self._exchange is not None:
            octets = serialized(message, self._serializer)
            if self._exchange.is_over:
                return False
            assert self._exchange.outlet is not None
            return self._exchange.outlet.put(octets)
        with self._condition:
            while self._messages and not self._is_closed:
                self._condition.wait()
            if not self._is_closed:
                self._messages.append(message)
                self._condition.notify_all()
            return not self._is_closed

    def end(self) -> None:
        """No more comes."""
        if self._exchange is not None:
            assert self._exchange.outlet is not None
            self._exchange.outlet.end()
            return
        with self._condition:
            self._is_over = True
            self._condition.notify_all()

    def close(self) -> None:
        """The call is over: nobody takes anything any more."""
        with self._condition:
            self._is_over = self._is_closed = True
            self._condition.notify_all()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Request:
        with self._condition:
            while not self._messages:
                if self._is_over:
                    raise StopIteration
                self._condition.wait()
            message = self._messages.popleft()
            self._condition.notify_all()
            return message
