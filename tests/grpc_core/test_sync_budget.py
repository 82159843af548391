"""The call budget of one blocking unary RPC: the caller's thread, the I/O thread with both connections, and the pool's.

As in test_call_budget, calls are counted, not time, and the budgets are about a twentieth above what was measured.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

import grpc_core
from grpc_core.sync.waking import WakingSelector
from grpc_core.testing import VirtualClock, in_memory_sync
from tests.grpc_core.support import SERVICE
from tests.test_call_budget import within

CALLS = 100


def echo(request: bytes, context: grpc_core.ServicerContext) -> bytes:
    return request


def served() -> grpc_core.GenericRpcHandler:
    return grpc_core.method_handlers_generic_handler(SERVICE, {"Echo": grpc_core.unary_unary_rpc_method_handler(echo)})


class Counts:
    """The calls of all threads that begin while it counts, and of the one that made it; each counts on its own."""

    def __init__(self) -> None:
        self.is_on = False
        self._of: dict[int, list[int]] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if self.is_on and event in ("call", "c_call"):
            own = self._of.setdefault(threading.get_ident(), [0, 0])
            own[event == "c_call"] += 1

    def of_each(self, count: int) -> tuple[float, float]:
        """(Python calls, C calls) for each of so many operations."""
        python, c = map(sum, zip(*self._of.values(), strict=True))
        return python / count, c / count


@contextmanager
def counting() -> Iterator[Counts]:
    counts = Counts()
    gc.disable()  # it would run at any time, and call what other tests have left
    threading.setprofile(counts)
    sys.setprofile(counts)
    try:
        yield counts
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        gc.enable()


def test_calls_per_blocking_unary_rpc() -> None:
    with counting() as counts, in_memory_sync(served(), clock=VirtualClock()) as channel:
        call = channel.unary_unary(f"/{SERVICE}/Echo")
        for _ in range(20):
            call(b"x")
        counts.is_on = True
        for _ in range(CALLS):
            call(b"x")
        counts.is_on = False
    within(counts.of_each(CALLS), python=375, c=254)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the loop is asyncio's own")
def test_calls_one_at_a_time_wake_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is sent by the caller's thread, the response by the handler's; the loop only wakes to read, and turns
    once more to tell the caller. When it is not asleep yet it does as they say."""
    rings: list[int] = []
    ring = os.eventfd_write
    turns: list[float | None] = []
    turn = WakingSelector.select
    with ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(1) as callers:
        server = grpc_core.server(pool, [served()])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc_core.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary(f"/{SERVICE}/Echo")

            def calls() -> None:
                for _ in range(CALLS):
                    assert call(b"x") == b"x"

            callers.submit(calls).result()  # the first connects, which many callbacks have a part in
            monkeypatch.setattr(os, "eventfd_write", lambda bell, value: (rings.append(value), ring(bell, value)))
            monkeypatch.setattr(WakingSelector, "select", lambda self, wait: (turns.append(wait), turn(self, wait))[1])
            callers.submit(calls).result()
            monkeypatch.undo()
        server.stop(None)
    assert len(rings) < CALLS / 10
    assert len(turns) < 3.5 * CALLS


def test_a_blocking_call_that_is_over_leaves_nothing_to_the_garbage_collector() -> None:
    with ThreadPoolExecutor(1) as pool:
        server = grpc_core.server(pool, [served()])
        with in_memory_sync(server) as channel:
            call = channel.unary_unary(f"/{SERVICE}/Echo")
            call(b"x")
            gc.collect()
            gc.disable()
            try:
                left = []
                for _ in range(2):  # what other tests have left may come to light in one of them
                    for _ in range(CALLS):
                        call(b"x", timeout=60.0)
                    left.append(gc.collect())
                assert min(left) < CALLS / 2, "objects in circles, for all calls"
            finally:
                gc.enable()
