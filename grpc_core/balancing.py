"""Load balancing: which connection a call takes, and how a channel stands that has several (load-balancing.md).

    pick_first    one connection, to the first address that answers; the default
    round_robin   a connection to each address; calls take those that are READY in turn

A policy is named by `loadBalancingConfig` or `loadBalancingPolicy` of the service config, else by the option
`grpc.lb_policy_name`. Of a list, the first that is known here counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Generic, TypeVar

from grpc_core.connectivity import ChannelConnectivity

PICK_FIRST: Final = "pick_first"
ROUND_ROBIN: Final = "round_robin"
POLICIES: Final = frozenset({PICK_FIRST, ROUND_ROBIN})

Item = TypeVar("Item")


def aggregate(states: Iterable[ChannelConnectivity]) -> ChannelConnectivity:
    """How a channel stands whose connections stand like this.

    READY when one is, else CONNECTING when one is, else IDLE when one is, else TRANSIENT_FAILURE: when all have failed.
    """
    present = set(states)
    for state in (ChannelConnectivity.READY, ChannelConnectivity.CONNECTING, ChannelConnectivity.IDLE):
        if state in present:
            return state
    return ChannelConnectivity.TRANSIENT_FAILURE


class Rotation(Generic[Item]):
    """Takes one item after the other, and goes on where it was when the items change."""

    __slots__ = ("_turn", "items")

    def __init__(self, first_turn: int = 0) -> None:
        """`first_turn` is where to begin: at random, so that many clients do not all begin with the same server."""
        self.items: Sequence[Item] = ()
        self._turn = first_turn

    def next(self) -> Item | None:
        """The next item; None when there are none."""
        items = self.items
        if not items:
            return None
        self._turn = (self._turn + 1) % len(items)
        return items[self._turn]
