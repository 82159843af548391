"""Standard input on asyncio, as it comes: a terminal, a pipe or a file."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from typing import Final

READ_BYTES: Final = 1 << 16
_STDIN: Final = 0


async def chunks(descriptor: int = _STDIN) -> AsyncIterator[bytes]:
    """What can be read, as soon as it can be, until the end. Raises OSError. The next read waits for the last chunk.

    It is read in a daemon thread: an event loop cannot wait for a file, and nothing can end a thread that waits for a
    terminal. So it does not hold up the end of the program, and holds no lock that the interpreter needs then.
    """
    loop = asyncio.get_running_loop()
    read: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    wanted = threading.Semaphore(0)
    is_over = False

    def read_all() -> None:
        while True:
            wanted.acquire()
            if is_over:
                return
            try:
                result: bytes | OSError = os.read(descriptor, READ_BYTES)
            except OSError as error:
                result = error
            try:
                loop.call_soon_threadsafe(read.put_nowait, result)
            except RuntimeError:
                return  # the loop has ended: nobody asks any more

    threading.Thread(target=read_all, name="standard input", daemon=True).start()
    try:
        while True:
            wanted.release()
            chunk = await read.get()
            if isinstance(chunk, OSError):
                raise chunk
            if not chunk:
                return
            yield chunk
    finally:
        is_over = True
        wanted.release()
