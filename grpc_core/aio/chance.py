"""Randomness for what must not happen everywhere at once: backoff, the age of connections, whose turn is first.

It is the operating system's. The generator of the `random` module belongs to the program, which may have seeded it to
get the same run twice, and a forked child would go through the same numbers as its parent.
"""

from __future__ import annotations

import random
from typing import Final

_SYSTEM: Final = random.SystemRandom()


def fraction() -> float:
    """A number from 0 to below 1."""
    return _SYSTEM.random()


def below(limit: int) -> int:
    """A whole number from 0 to below `limit`."""
    return _SYSTEM.randrange(limit)
