"""The five states of a channel (connectivity-semantics-and-api.md) have grpcio's names and values."""

from __future__ import annotations

import grpc_core as grpc


def test_the_states_are_grpcios() -> None:
    assert {state.name: state.value for state in grpc.ChannelConnectivity} == {
        "IDLE": (0, "idle"),
        "CONNECTING": (1, "connecting"),
        "READY": (2, "ready"),
        "TRANSIENT_FAILURE": (3, "transient failure"),
        "SHUTDOWN": (4, "shutdown"),
    }
