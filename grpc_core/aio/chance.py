"""Randomness for what must not happen everywhere at once: backoff, the age of connections, whose turn is first.

It is the operating system's. The generator of the `random` module belongs to the program, which may have seeded it to
get the same run twice, and a forked child would go through the same numbers as its parent. Nor is that module imported.
"""

from __future__ import annotations

import os


def fraction() -> float:
    """A number from 0 to below 1."""
    return (int.from_bytes(os.urandom(7)) >> 3) * 2.0**-53  # as many bits as a float has


def below(limit: int) -> int:
    """A whole number from 0 to below `limit`."""
    return int(fraction() * limit)
