"""How much free memory the C library keeps for the next large message.

What is free at the end of the heap goes back to the system, and comes anew, page by page, with the next message: that
took 2 of the 5 ms of a unary call of 1 MiB, and 15 of 27 ms of one of 4 MiB. How much glibc keeps is twice the largest
block that it has mapped by itself and freed (mallopt(3), M_MMAP_THRESHOLD and M_TRIM_THRESHOLD), so one is freed here.
It is never written to, so it has no pages. Other C libraries lose nothing by it.
"""

from __future__ import annotations

from typing import Final

BLOCK_BYTES_MAX: Final = 33_488_896
"""glibc does not learn from a block above 32 MiB."""
_BLOCK_BYTES_MIN: Final = 4 * 1024 * 1024

_freed_bytes = 0


def prepare_for(message_bytes: int) -> None:
    """A message of this size comes: from now on, keep what such messages take, in parts, as a whole, and one of before.

    Who has no messages of this size has the memory back.
    """
    global _freed_bytes
    if 2 * message_bytes > _freed_bytes < BLOCK_BYTES_MAX:
        _freed_bytes = min(max(2 * message_bytes, _BLOCK_BYTES_MIN), BLOCK_BYTES_MAX)
        bytes(_freed_bytes)
