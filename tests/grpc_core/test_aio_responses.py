"""What is no call, made into one, and what is written, made into an iterator: each by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from grpc_core import StatusCode, aio
from grpc_core.aio.responses import ResponseOnly, ResponsesOnly, WrittenRequests
from tests.grpc_core.support import Events, run


async def numbers() -> AsyncIterator[int]:
    yield 1
    yield 2


def test_a_response_is_a_call_that_is_over() -> None:
    async def main() -> None:
        call, told = ResponseOnly(None, b"x"), Events()
        assert isinstance(call, aio.UnaryUnaryCall)
        assert isinstance(call, aio.StreamUnaryCall)
        assert [await call, await call] == [b"x", b"x"]
        assert (call.done(), call.cancelled(), call.cancel(), call.time_remaining()) == (True, False, False, None)
        assert (await call.code(), await call.details()) == (StatusCode.OK, "")
        assert (list(await call.initial_metadata()), list(await call.trailing_metadata())) == ([], [])
        call.add_done_callback(told)
        assert told.seen == [call]
        with pytest.raises(asyncio.InvalidStateError, match="already finished"):
            await call.write(b"")
        await call.done_writing()

    run(main())


def test_an_iterator_that_was_cancelled_before_it_began_gives_nothing() -> None:
    async def main() -> None:
        call, told = ResponsesOnly(None, numbers()), Events()
        call.add_done_callback(told)
        assert call.cancel()
        assert told.seen == [call]
        with pytest.raises(asyncio.CancelledError, match="Locally cancelled by application!"):
            await anext(aiter(call))

    run(main())


def test_an_iterator_is_over_when_it_has_been_taken_to_its_end() -> None:
    async def main() -> None:
        call = ResponsesOnly(None, numbers())
        assert [await call.read(), await call.read(), call.done()] == [1, 2, False]
        assert (await call.read(), call.done(), call.cancel()) == (aio.EOF, True, False)
        assert await call.read() is aio.EOF

    run(main())


def test_who_writes_waits_until_it_is_taken() -> None:
    async def main() -> None:
        requests = WrittenRequests()
        writing = asyncio.ensure_future(requests.put(1))
        await asyncio.sleep(0)
        assert not writing.done()
        assert await anext(requests) == 1
        assert await writing
        taking = asyncio.ensure_future(anext(requests))
        await asyncio.sleep(0)
        assert await requests.put(2)
        assert await taking == 2

    run(main())


def test_two_may_write_and_each_is_told_of_its_own() -> None:
    async def main() -> None:
        requests = WrittenRequests()
        first, second = asyncio.ensure_future(requests.put(1)), asyncio.ensure_future(requests.put(2))
        await asyncio.sleep(0)
        assert await anext(requests) == 1
        assert await first
        assert not second.done()
        requests.close()
        assert not await second

    run(main())


def test_what_is_written_ends() -> None:
    async def main() -> None:
        requests = WrittenRequests()
        taking = asyncio.ensure_future(anext(requests, "end"))
        await asyncio.sleep(0)
        requests.end()
        assert await taking == "end"
        assert [request async for request in requests] == []

    run(main())


def test_what_is_closed_takes_and_gives_nothing() -> None:
    async def main() -> None:
        requests = WrittenRequests()
        requests.close()
        assert not await requests.put(1)
        assert await anext(requests, "end") == "end"

    run(main())
