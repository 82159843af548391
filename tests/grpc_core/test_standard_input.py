"""Standard input as it comes, from a pipe of the test's own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator

import pytest

from grpc_core import standard_input
from grpc_core.standard_input import chunks
from tests.grpc_core.support import PATIENCE_S, run


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """(to read, to write); the test closes the second."""
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)


def test_each_chunk_comes_before_the_next_is_written(pipe: tuple[int, int]) -> None:
    reading, writing = pipe

    async def main() -> None:
        input = chunks(reading)
        for octets in (b"one", b"two"):
            os.write(writing, octets)
            assert await anext(input) == octets
        os.close(writing)
        assert [chunk async for chunk in input] == []

    run(main())


def test_what_cannot_be_read_is_an_error() -> None:
    async def main() -> None:
        with pytest.raises(OSError, match="Bad file descriptor"):
            await anext(chunks(1_000_000))

    run(main())


def test_nobody_waits_for_input_when_the_loop_ends(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread waits in `read`; when something comes at last, there is no loop any more to tell it to."""
    reading, writing = pipe
    is_reading = threading.Event()
    read = os.read

    def noted_read(descriptor: int, size: int) -> bytes:
        is_reading.set()
        return read(descriptor, size)

    monkeypatch.setattr(standard_input.os, "read", noted_read)

    async def main() -> None:
        waiting = asyncio.ensure_future(anext(chunks(reading)))
        assert await asyncio.to_thread(is_reading.wait, PATIENCE_S)
        waiting.cancel()
        await asyncio.wait([waiting])

    run(main())
    (thread,) = [thread for thread in threading.enumerate() if thread.name == "standard input"]
    os.write(writing, b"y")
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    os.close(writing)


def test_no_thread_is_left_when_the_reader_has_enough(pipe: tuple[int, int]) -> None:
    reading, writing = pipe

    async def main() -> None:
        input = chunks(reading)
        os.write(writing, b"x")
        assert await anext(input) == b"x"
        await input.aclose()

    run(main())
    for thread in threading.enumerate():
        if thread.name == "standard input":
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
    os.close(writing)
