"""The call budget of one unary RPC through all layers: the caller's await, both connections, the handler.

As in tests/test_call_budget.py, calls are counted, not time. Channel and server are joined in memory, so nothing is cut
differently from one run to the next, and the clock stands still, so that every call names the same deadline. What the
transports in memory call is few, and counted too. The budgets are about a twentieth above what was measured.
"""

from __future__ import annotations

import gc
import sys

import pytest

from grpc_core import aio
from grpc_core.testing import VirtualClock, in_memory
from tests.grpc_core.support import method, service
from tests.test_call_budget import Count, within

CALLS = 100


async def unary_calls(channel: aio.Channel, timeout: float | None) -> tuple[float, float]:
    """(Python calls, C calls) of one of many calls, one after the other."""
    echo = method(channel)
    for _ in range(20):
        await echo(b"x", timeout=timeout)
    count = Count()
    gc.disable()  # it would run at any time, and call what other tests have left
    sys.setprofile(count)
    try:
        for _ in range(CALLS):
            await echo(b"x", timeout=timeout)
    finally:
        sys.setprofile(None)
        gc.enable()
    return count.python / CALLS, count.c / CALLS


def test_a_call_that_is_over_leaves_nothing_to_the_garbage_collector() -> None:
    """Neither at the client nor at the server is a call part of a circle: its memory is free for the next one."""

    async def main() -> None:
        async with in_memory(service({})) as channel:
            echo = method(channel)
            await echo(b"x")
            gc.collect()
            gc.disable()
            try:
                left = []
                for _ in range(2):  # what other tests have left may come to light in one of them
                    for _ in range(CALLS):
                        await echo(b"x", timeout=60.0)
                    left.append(gc.collect())
                assert min(left) < CALLS / 2, "objects in circles, for all calls"
            finally:
                gc.enable()

    VirtualClock().run(main())


@pytest.mark.parametrize(
    ("timeout", "python", "c"), [(None, 302, 183), (60.0, 336, 216)], ids=["plain", "with a deadline"]
)
def test_calls_per_unary_rpc(timeout: float | None, python: float, c: float) -> None:
    async def main() -> None:
        async with in_memory(service({})) as channel:
            first = await unary_calls(channel, timeout)
            second = await unary_calls(channel, timeout)
        assert second == pytest.approx(first, abs=1), "the count is the same, but for where a window is announced"
        within(second, python, c)

    VirtualClock().run(main())
