"""What may befall a connection in memory, as calls see it: real engines on both sides."""

from __future__ import annotations

import asyncio

import pytest

from grpc_core import aio
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.status import StatusCode
from grpc_core.testing import Network, VirtualClock, in_memory
from tests.grpc_core.support import method, service, status_of


class Waiting:
    """A handler that waits until it is let go; `begun` tells that it runs."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()

    async def __call__(self, request: bytes, context: aio.ServicerContext) -> bytes:
        self.begun.set()
        await self.let_go.wait()
        return request


def waiting_service(waiting: Waiting) -> object:
    async def wait(request: bytes, context: aio.ServicerContext) -> bytes:
        return await waiting(request, context)

    return service({"Wait": wait})


@pytest.mark.parametrize("chunk_bytes", [1, 2, 5, 9])
def test_calls_survive_octets_that_arrive_one_by_one(chunk_bytes: int) -> None:
    clock = VirtualClock()

    async def main() -> None:
        async with in_memory(service({}), network=Network(chunk_bytes=chunk_bytes)) as channel:
            for size in (0, 1, 1_000, 40_000):
                assert await method(channel)(bytes(size), timeout=1) == bytes(size)

    clock.run(main())


def test_a_network_takes_its_time_both_ways_by_the_clock() -> None:
    clock = VirtualClock()

    async def main() -> None:
        network = Network(delay_s=0.25)
        async with in_memory(service({}), network=network) as channel:
            ready = asyncio.create_task(channel.channel_ready())
            await clock.advance(1)
            await ready
            call = method(channel)(b"x")
            await clock.advance(0.49)
            assert not call.done(), "there and back is half a second"
            await clock.advance(0.02)
            assert call.done()
            assert await call == b"x"
            network.delay_s = 0

    clock.run(main())


def test_a_connection_that_breaks_fails_its_calls_and_the_next_call_has_a_new_one() -> None:
    clock = VirtualClock()

    async def main() -> None:
        network, waiting = Network(), Waiting()
        network.break_connection()  # there is none
        async with in_memory(waiting_service(waiting), network=network) as channel:  # type: ignore[arg-type]
            call = method(channel, "Wait")(b"")
            await waiting.begun.wait()
            network.break_connection()
            code, details = await status_of(call)
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert details.startswith("the connection was lost")
            assert await method(channel)(b"again") == b"again"
            assert network.connections_made == 2

    clock.run(main())


def test_a_network_that_is_held_delivers_nothing_until_it_is_released() -> None:
    clock = VirtualClock()

    async def main() -> None:
        network = Network()
        async with in_memory(service({}), network=network) as channel:
            assert await method(channel)(b"before") == b"before"
            network.hold()
            late = method(channel)(b"late", timeout=1)
            held = method(channel)(b"held")
            await clock.advance(10)
            assert await late.code() is StatusCode.DEADLINE_EXCEEDED
            assert not held.done()
            network.release()
            assert await held == b"held"

    clock.run(main())


def test_a_network_that_is_down_refuses_and_the_backoff_runs_by_the_clock() -> None:
    clock = VirtualClock()

    async def main() -> None:
        network = Network()
        network.is_down = True
        async with in_memory(service({}), network=network) as channel:
            code, details = await status_of(method(channel)(b""))
            assert code is StatusCode.UNAVAILABLE
            assert details is not None
            assert "Connection refused" in details
            patient = method(channel)(b"patient", wait_for_ready=True)
            await clock.advance(0.79)  # the first pause is a second, a fifth more or less
            network.is_down = False
            assert not patient.done()
            assert channel.get_state() is ChannelConnectivity.TRANSIENT_FAILURE
            await clock.advance(0.42)
            assert await patient == b"patient"

    clock.run(main())


def test_cuts_of_no_octet_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 is needed"):
        Network(chunk_bytes=0)
