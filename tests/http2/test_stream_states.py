"""Stream states (RFC 9113 §5.1): the tables say what the RFC says, and the two sides agree."""

from __future__ import annotations

import pytest

from http2.stream_states import (
    CLOSED_BY_LOCAL_RESET,
    CLOSED_BY_PEER_RESET,
    CLOSED_ENDED,
    CLOSED_FORGOTTEN,
    CONNECTION_PROTOCOL_ERROR,
    CONNECTION_STREAM_CLOSED,
    DATA,
    DATA_END,
    HALF_CLOSED_LOCAL,
    HALF_CLOSED_REMOTE,
    HEADERS,
    HEADERS_END,
    IDLE,
    IGNORE,
    INPUT_NAMES,
    OPEN,
    PUSH_PROMISE,
    RECEIVED,
    RESERVED_LOCAL,
    RESERVED_REMOTE,
    RST_STREAM,
    SENT,
    STATE_NAMES,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    is_closed,
)

STATES = range(len(STATE_NAMES))
INPUTS = range(len(INPUT_NAMES))
CLOSED = (CLOSED_ENDED, CLOSED_BY_LOCAL_RESET, CLOSED_BY_PEER_RESET, CLOSED_FORGOTTEN)

MIRROR = {
    IDLE: IDLE,
    RESERVED_LOCAL: RESERVED_REMOTE,
    RESERVED_REMOTE: RESERVED_LOCAL,
    OPEN: OPEN,
    HALF_CLOSED_LOCAL: HALF_CLOSED_REMOTE,
    HALF_CLOSED_REMOTE: HALF_CLOSED_LOCAL,
    CLOSED_ENDED: CLOSED_ENDED,
    CLOSED_BY_LOCAL_RESET: CLOSED_BY_PEER_RESET,
    CLOSED_BY_PEER_RESET: CLOSED_BY_LOCAL_RESET,
}


def test_there_are_enough_cells_to_prove_something() -> None:
    assert sum(SENT[state][frame] >= 0 for state in STATES for frame in INPUTS) == 22, (
        "a change of the tables is seen here"
    )


@pytest.mark.parametrize("state", STATES, ids=STATE_NAMES)
@pytest.mark.parametrize("frame", INPUTS, ids=INPUT_NAMES)
def test_what_one_side_may_send_the_other_may_receive(state: int, frame: int) -> None:
    """Duality: the sender's next state and the receiver's are mirror images."""
    after = SENT[state][frame]
    if after >= 0:
        assert RECEIVED[MIRROR[state]][frame] == MIRROR[after]


@pytest.mark.parametrize("state", [state for state in STATES if state in MIRROR], ids=lambda s: STATE_NAMES[s])
@pytest.mark.parametrize("frame", INPUTS, ids=INPUT_NAMES)
def test_what_may_be_received_may_be_sent(state: int, frame: int) -> None:
    """The other way round: we accept nothing that a peer like us would not send."""
    after = RECEIVED[state][frame]
    if after >= 0:
        assert SENT[MIRROR[state]][frame] == MIRROR[after]


@pytest.mark.parametrize("state", CLOSED, ids=lambda s: STATE_NAMES[s])
def test_nothing_is_sent_on_a_closed_stream_and_nothing_opens_it_again(state: int) -> None:
    assert set(SENT[state]) == {CONNECTION_PROTOCOL_ERROR}
    assert all(after < 0 for after in RECEIVED[state])
    assert is_closed(state)


def test_only_the_closed_states_are_closed() -> None:
    assert [state for state in STATES if is_closed(state)] == list(CLOSED)


@pytest.mark.parametrize("frame", [f for f in INPUTS if f != PUSH_PROMISE], ids=lambda f: INPUT_NAMES[f])
def test_whatever_was_in_flight_when_we_reset_a_stream_is_ignored(frame: int) -> None:
    assert RECEIVED[CLOSED_BY_LOCAL_RESET][frame] == IGNORE, "STR-09 (§5.4.2)"
    assert RECEIVED[CLOSED_FORGOTTEN][frame] == IGNORE


@pytest.mark.parametrize("state", CLOSED, ids=lambda s: STATE_NAMES[s])
@pytest.mark.parametrize("frame", [RST_STREAM, WINDOW_UPDATE], ids=lambda f: INPUT_NAMES[f])
def test_reset_and_window_update_on_a_closed_stream_are_no_error(state: int, frame: int) -> None:
    assert RECEIVED[state][frame] == IGNORE, "STR-07"


@pytest.mark.parametrize(
    ("state", "frame", "verdict"),
    [
        (IDLE, DATA, CONNECTION_PROTOCOL_ERROR),  # STR-01
        (IDLE, RST_STREAM, CONNECTION_PROTOCOL_ERROR),
        (IDLE, WINDOW_UPDATE, CONNECTION_PROTOCOL_ERROR),
        (RESERVED_REMOTE, DATA, CONNECTION_PROTOCOL_ERROR),  # CLI-09
        (RESERVED_REMOTE, WINDOW_UPDATE, CONNECTION_PROTOCOL_ERROR),
        (RESERVED_LOCAL, HEADERS, CONNECTION_PROTOCOL_ERROR),
        (OPEN, PUSH_PROMISE, CONNECTION_PROTOCOL_ERROR),
        (HALF_CLOSED_REMOTE, HEADERS, STREAM_CLOSED),  # STR-06
        (HALF_CLOSED_REMOTE, DATA, STREAM_CLOSED),
        (HALF_CLOSED_REMOTE, WINDOW_UPDATE, HALF_CLOSED_REMOTE),
        (HALF_CLOSED_REMOTE, RST_STREAM, CLOSED_BY_PEER_RESET),
        (CLOSED_ENDED, HEADERS, CONNECTION_STREAM_CLOSED),  # STR-04
        (CLOSED_ENDED, DATA_END, STREAM_CLOSED),
        (CLOSED_BY_PEER_RESET, DATA, CONNECTION_STREAM_CLOSED),
        (CLOSED_BY_PEER_RESET, HEADERS_END, CONNECTION_STREAM_CLOSED),
    ],
)
def test_verdicts_of_the_rfc(state: int, frame: int, verdict: int) -> None:
    assert RECEIVED[state][frame] == verdict


def test_both_orders_of_ending_lead_to_the_same_end() -> None:
    assert RECEIVED[SENT[OPEN][DATA_END]][DATA_END] == CLOSED_ENDED
    assert SENT[RECEIVED[OPEN][HEADERS_END]][HEADERS_END] == CLOSED_ENDED
