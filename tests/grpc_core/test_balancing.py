"""Balancing policies, without connections."""

from __future__ import annotations

import pytest

from grpc_core.balancing import Rotation, aggregate
from grpc_core.connectivity import ChannelConnectivity

STATES = {state.name[0]: state for state in ChannelConnectivity}


@pytest.mark.wire("W184", "W171")
@pytest.mark.parametrize(
    ("states", "whole"), [("TTR", "R"), ("ICR", "R"), ("TCI", "C"), ("TIT", "I"), ("TT", "T"), ("", "T")]
)
def test_how_a_channel_stands_follows_from_its_connections(states: str, whole: str) -> None:
    assert aggregate(STATES[state] for state in states) is STATES[whole]


@pytest.mark.wire("W184")
def test_items_are_taken_in_turn_also_when_they_change() -> None:
    rotation: Rotation[str] = Rotation(5)
    assert rotation.next() is None
    rotation.items = "abc"
    assert sorted(str(rotation.next()) for _ in range(3)) == ["a", "b", "c"]
    first = rotation.next()
    rotation.items = "xy"
    assert {rotation.next(), rotation.next()} == {"x", "y"}
    assert first in "abc"
