"""Channels that are kept for the next call to the same target with the same settings.

Invariants: a channel that is given out counts as used now; one that has not been used for `unused_s_max` seconds is
closed when the next one is asked for; there are never more than `channels_max`, the one that was used longest ago goes
first. grpcio closes them from a thread of its own; here nobody's thread waits for the time to pass.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import grpc_core
from grpc_core.compression import Compression
from grpc_core.credentials import ChannelCredentials
from grpc_core.interfaces import Channel


class ChannelCache:
    """Gives out channels, from any thread. `now` gives seconds on a clock that never goes back."""

    def __init__(
        self,
        channels_max: int = int(os.environ.get("GRPC_PYTHON_MANAGED_CHANNEL_MAXIMUM", "256")),
        unused_s_max: float = float(os.environ.get("GRPC_PYTHON_MANAGED_CHANNEL_EVICTION_SECONDS", "600")),
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channels_max = channels_max
        self._unused_s_max = unused_s_max
        self._now = now
        self._lock = threading.Lock()
        self._channels: OrderedDict[Any, tuple[Channel, float]] = OrderedDict()  # the one used last stands last
        self._process = os.getpid()

    def get(
        self,
        target: str,
        options: tuple[tuple[Any, Any], ...],
        credentials: ChannelCredentials | None,
        insecure: bool,
        compression: Compression | None,
    ) -> Channel:
        """A channel like this, the one that was given out before if there is one. Raises as `secure_channel`."""
        key = target, options, None if credentials is None else id(credentials), insecure, compression
        if self._process != os.getpid():  # a forked child: its parent's lock may be held by a thread that is not here
            self._lock, self._process = threading.Lock(), os.getpid()
        with self._lock:
            channel, _ = self._channels.pop(key, (None, 0.0))
            if channel is None:
                if insecure:
                    channel = grpc_core.insecure_channel(target, options, compression)
                else:
                    # The channel holds the credentials, so that their id stays theirs.
                    secure = credentials if credentials is not None else grpc_core.ssl_channel_credentials()
                    channel = grpc_core.secure_channel(target, secure, options, compression)
            self._channels[key] = channel, self._now()
            outdated = self._take_outdated()
        for old in outdated:
            old.close()
        return channel

    def _take_outdated(self) -> list[Channel]:
        limit = self._now() - self._unused_s_max
        outdated = []
        while self._channels:
            key, (channel, used_at) = next(iter(self._channels.items()))
            if used_at > limit and len(self._channels) <= self._channels_max:
                break
            if len(self._channels) == 1:  # the one that is given out now
                break
            del self._channels[key]
            outdated.append(channel)
        return outdated

    def __len__(self) -> int:
        """How many channels are kept."""
        return len(self._channels)
