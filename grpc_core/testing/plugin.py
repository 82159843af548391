"""Fixtures for pytest. In the `conftest.py` of your tests:

    pytest_plugins = ["grpc_core.testing.plugin"]

It is not registered as an entry point: pytest would then load it, and gRPC with it, in every project that has Plait
installed for whatever reason, and its fixtures would be among theirs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from grpc_core import sync
    from grpc_core.testing import Network, VirtualClock

__all__ = ["grpc_channel_to", "grpc_network", "virtual_clock"]


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """A clock that stands still: `virtual_clock.run(main())` runs a test on its event loop."""
    from grpc_core.testing import VirtualClock

    return VirtualClock()


@pytest.fixture
def grpc_network() -> Network:
    """What lies between the channels of `grpc_channel_to` and their servers: break it, hold it, cut it."""
    from grpc_core.testing import Network

    return Network()


@pytest.fixture
def grpc_channel_to(grpc_network: Network) -> Iterator[Callable[..., sync.Channel]]:
    """A function: a blocking channel to handlers, or to a server, in memory; closed at the end of the test.

    It takes what `grpc_core.testing.in_memory_sync` takes.
    """
    from grpc_core.testing import in_memory_sync

    with contextlib.ExitStack() as stack:

        def channel_to(served: Any, **arguments: Any) -> sync.Channel:
            arguments.setdefault("network", grpc_network)
            return stack.enter_context(in_memory_sync(served, **arguments))

        yield channel_to
