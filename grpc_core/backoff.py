"""Connection backoff (gRPC connection-backoff.md): how long to wait before the next attempt to connect.

The delay grows by 1.6 from attempt to attempt up to a maximum, and each is spread by a fifth either way, so that the
clients of a server that comes back do not come back all at once. The random number is an argument.
"""

from __future__ import annotations

from typing import NamedTuple

MULTIPLIER = 1.6
JITTER = 0.2


class Backoff(NamedTuple):
    """The parameters, in seconds. `connect_timeout_s` is how long one attempt may take at least."""

    initial_s: float = 1.0
    maximum_s: float = 120.0
    connect_timeout_s: float = 20.0

    def delay_s(self, failures: int, random: float) -> float:
        """The delay after that many failures in a row (from 1), with `random` from 0 to 1."""
        grown = min(self.initial_s * MULTIPLIER ** min(failures - 1, 64), self.maximum_s)
        return grown * (1 - JITTER + 2 * JITTER * random)
