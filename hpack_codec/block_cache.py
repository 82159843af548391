"""A bounded memory of what the codec did last time, for field blocks that repeat.

A block that leaves the dynamic table as it was means the same for as long as the table stays as it is. An
RPC peer sends a handful of such blocks over and over; remembering them turns both directions into one
dictionary lookup. The codec clears the cache whenever its table changes, so a remembered answer is always
the one that it would compute again.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ENTRIES_MAX = 256
"""More than the distinct header lists of a busy RPC client; a peer whose every block is new stays cheap."""

BYTES_MAX = 128 * 1024
"""Memory a peer can pin on one connection, in octets of blocks and bytes of lists: twice the largest list."""


class BlockCache(Generic[K, V]):
    """`values.get(key)` is the value stored for it, or None. `values` is one dictionary for good: it may be held."""

    __slots__ = ("_size_bytes", "values")

    def __init__(self) -> None:
        self.values: dict[K, V] = {}
        self._size_bytes = 0

    def store(self, key: K, value: V, cost_bytes: int) -> None:
        """Remembers `value`. A full cache starts again from nothing: what repeats is soon back."""
        self._size_bytes += cost_bytes
        if self._size_bytes > BYTES_MAX or len(self.values) >= ENTRIES_MAX:
            self.clear()
            self._size_bytes = cost_bytes
        if cost_bytes <= BYTES_MAX:
            self.values[key] = value

    def clear(self) -> None:
        self.values.clear()
        self._size_bytes = 0
