"""grpcio's `grpc.experimental.gevent`: there to say that it is not there."""

from __future__ import annotations

from typing import NoReturn


def init_gevent() -> NoReturn:
    """Raises NotImplementedError.

    grpcio lets its core wait in gevent's loop. The blocking API of Plait waits in an asyncio loop on a real thread,
    which gevent's monkey patching takes away: leave `threading`, `selectors` and `socket` out of it to use both.
    """
    raise NotImplementedError("Plait does not run on gevent: its I/O thread needs real threads and an asyncio loop")
