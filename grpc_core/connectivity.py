"""Channel connectivity (gRPC connectivity-semantics-and-api.md): the five states of a channel."""

from __future__ import annotations

import enum


@enum.unique
class ChannelConnectivity(enum.Enum):
    """The states, with grpcio's values."""

    IDLE = (0, "idle")
    CONNECTING = (1, "connecting")
    READY = (2, "ready")
    TRANSIENT_FAILURE = (3, "transient failure")
    SHUTDOWN = (4, "shutdown")
