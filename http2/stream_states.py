"""Stream states (RFC 9113 §5.1): the life of a stream as two tables.

                                 +--------+
                         send PP |        | recv PP
                        ,--------+  idle  +--------.
                       /         |        |         \\
                      v          +--------+          v
               +----------+          |           +----------+
               |          |          | send H /  |          |
        ,------+ reserved |          | recv H    | reserved +------.
        |      | (local)  |          |           | (remote) |      |
        |      +---+------+          v           +------+---+      |
        |          |             +--------+             |          |
        |          |     recv ES |        | send ES     |          |
        |   send H |     ,-------+  open  +-------.     | recv H   |
        |          |    /        |        |        \\    |          |
        |          v   v         +---+----+         v   v          |
        |      +----------+          |           +----------+      |
        |      |   half-  |          |           |   half-  |      |
        |      |  closed  |          | send R /  |  closed  |      |
        |      | (remote) |          | recv R    | (local)  |      |
        |      +----+-----+          |           +-----+----+      |
        |           | send ES /      |       recv ES / |           |
        |           |  send R / recv R        send R / |           |
        |           v                v          recv R v           |
        |  send R / recv R       +--------+   send R / recv R      |
        `----------------------->| closed |<-----------------------'
                                 +--------+

`RECEIVED[state][input]` says what a frame from the peer does to a stream: the next state, or a verdict. `SENT` says the
same of our own frames. A cell that is not there is the error: for the peer the one that `MISSING` names, for the caller
a `UsageError`. The tables are written as dicts to be read and flattened to tuples at import to be fast.

*closed* is four states, so that late frames need no side table:

    CLOSED_ENDED           both sides sent END_STREAM: nothing more may come but WINDOW_UPDATE and RST_STREAM
    CLOSED_BY_LOCAL_RESET  we sent RST_STREAM: frames that were in flight then are read and ignored
    CLOSED_BY_PEER_RESET   the peer sent RST_STREAM: it must send nothing more
    CLOSED_FORGOTTEN       we opened it, and so many streams were reset since that we no longer know how it ended

A stream that the peer opened and that we no longer remember counts as CLOSED_ENDED.
PRIORITY may arrive in every state (§5.3.2) and changes none, so it is not an input.
"""

from __future__ import annotations

from typing import Final

# States.
IDLE: Final = 0
RESERVED_LOCAL: Final = 1
RESERVED_REMOTE: Final = 2
OPEN: Final = 3
HALF_CLOSED_LOCAL: Final = 4
HALF_CLOSED_REMOTE: Final = 5
CLOSED_ENDED: Final = 6
CLOSED_BY_LOCAL_RESET: Final = 7
CLOSED_BY_PEER_RESET: Final = 8
CLOSED_FORGOTTEN: Final = 9

STATE_NAMES: Final = (
    "idle",
    "reserved (local)",
    "reserved (remote)",
    "open",
    "half-closed (local)",
    "half-closed (remote)",
    "closed",
    "closed (reset by us)",
    "closed (reset by the peer)",
    "closed (forgotten)",
)

# Inputs: the frames that matter to a stream's state. `_END` is the frame with END_STREAM.
HEADERS: Final = 0
HEADERS_END: Final = 1
DATA: Final = 2
DATA_END: Final = 3
PUSH_PROMISE: Final = 4  # on the stream it reserves, not on the one it arrives on
RST_STREAM: Final = 5
WINDOW_UPDATE: Final = 6

INPUT_NAMES: Final = (
    "HEADERS",
    "HEADERS with END_STREAM",
    "DATA",
    "DATA with END_STREAM",
    "PUSH_PROMISE",
    "RST_STREAM",
    "WINDOW_UPDATE",
)

# Verdicts: what happens instead of a new state. All are negative, so that one comparison tells them from states.
IGNORE: Final = -1
STREAM_CLOSED: Final = -2  # stream error STREAM_CLOSED
CONNECTION_STREAM_CLOSED: Final = -3  # connection error STREAM_CLOSED
CONNECTION_PROTOCOL_ERROR: Final = -4  # connection error PROTOCOL_ERROR

_RECEIVED: dict[int, dict[int, int]] = {
    IDLE: {
        HEADERS: OPEN,
        HEADERS_END: HALF_CLOSED_REMOTE,
        PUSH_PROMISE: RESERVED_REMOTE,
    },
    RESERVED_LOCAL: {
        RST_STREAM: CLOSED_BY_PEER_RESET,
        WINDOW_UPDATE: RESERVED_LOCAL,
    },
    RESERVED_REMOTE: {
        HEADERS: HALF_CLOSED_LOCAL,
        HEADERS_END: CLOSED_ENDED,
        RST_STREAM: CLOSED_BY_PEER_RESET,
    },
    OPEN: {
        HEADERS: OPEN,
        HEADERS_END: HALF_CLOSED_REMOTE,
        DATA: OPEN,
        DATA_END: HALF_CLOSED_REMOTE,
        RST_STREAM: CLOSED_BY_PEER_RESET,
        WINDOW_UPDATE: OPEN,
    },
    HALF_CLOSED_LOCAL: {
        HEADERS: HALF_CLOSED_LOCAL,
        HEADERS_END: CLOSED_ENDED,
        DATA: HALF_CLOSED_LOCAL,
        DATA_END: CLOSED_ENDED,
        RST_STREAM: CLOSED_BY_PEER_RESET,
        WINDOW_UPDATE: HALF_CLOSED_LOCAL,
    },
    HALF_CLOSED_REMOTE: {
        # §5.1: "If an endpoint receives additional frames, other than WINDOW_UPDATE, PRIORITY, or RST_STREAM, for a
        # stream that is in this state, it MUST respond with a stream error (Section 5.4.2) of type STREAM_CLOSED."
        HEADERS: STREAM_CLOSED,
        HEADERS_END: STREAM_CLOSED,
        DATA: STREAM_CLOSED,
        DATA_END: STREAM_CLOSED,
        RST_STREAM: CLOSED_BY_PEER_RESET,
        WINDOW_UPDATE: HALF_CLOSED_REMOTE,
    },
    CLOSED_ENDED: {
        HEADERS: CONNECTION_STREAM_CLOSED,
        HEADERS_END: CONNECTION_STREAM_CLOSED,
        DATA: STREAM_CLOSED,
        DATA_END: STREAM_CLOSED,
        RST_STREAM: IGNORE,
        WINDOW_UPDATE: IGNORE,
    },
    CLOSED_BY_LOCAL_RESET: {
        # §5.4.2: "The peer that sends the RST_STREAM frame MUST be prepared to receive any frames that were sent or
        # enqueued for sending by the remote peer." They are ignored, after their part in HPACK and in flow control.
        HEADERS: IGNORE,
        HEADERS_END: IGNORE,
        DATA: IGNORE,
        DATA_END: IGNORE,
        RST_STREAM: IGNORE,
        WINDOW_UPDATE: IGNORE,
    },
    CLOSED_BY_PEER_RESET: {
        HEADERS: CONNECTION_STREAM_CLOSED,
        HEADERS_END: CONNECTION_STREAM_CLOSED,
        DATA: CONNECTION_STREAM_CLOSED,
        DATA_END: CONNECTION_STREAM_CLOSED,
        RST_STREAM: IGNORE,
        WINDOW_UPDATE: IGNORE,
    },
    CLOSED_FORGOTTEN: {
        HEADERS: IGNORE,
        HEADERS_END: IGNORE,
        DATA: IGNORE,
        DATA_END: IGNORE,
        RST_STREAM: IGNORE,
        WINDOW_UPDATE: IGNORE,
    },
}

_SENT: dict[int, dict[int, int]] = {
    IDLE: {
        HEADERS: OPEN,
        HEADERS_END: HALF_CLOSED_LOCAL,
        PUSH_PROMISE: RESERVED_LOCAL,
    },
    RESERVED_LOCAL: {
        HEADERS: HALF_CLOSED_REMOTE,
        HEADERS_END: CLOSED_ENDED,
        RST_STREAM: CLOSED_BY_LOCAL_RESET,
    },
    RESERVED_REMOTE: {
        RST_STREAM: CLOSED_BY_LOCAL_RESET,
        WINDOW_UPDATE: RESERVED_REMOTE,
    },
    OPEN: {
        HEADERS: OPEN,
        HEADERS_END: HALF_CLOSED_LOCAL,
        DATA: OPEN,
        DATA_END: HALF_CLOSED_LOCAL,
        RST_STREAM: CLOSED_BY_LOCAL_RESET,
        WINDOW_UPDATE: OPEN,
    },
    HALF_CLOSED_LOCAL: {
        RST_STREAM: CLOSED_BY_LOCAL_RESET,
        WINDOW_UPDATE: HALF_CLOSED_LOCAL,
    },
    HALF_CLOSED_REMOTE: {
        HEADERS: HALF_CLOSED_REMOTE,
        HEADERS_END: CLOSED_ENDED,
        DATA: HALF_CLOSED_REMOTE,
        DATA_END: CLOSED_ENDED,
        RST_STREAM: CLOSED_BY_LOCAL_RESET,
        WINDOW_UPDATE: HALF_CLOSED_REMOTE,
    },
}

MISSING: Final = CONNECTION_PROTOCOL_ERROR


def _flatten(table: dict[int, dict[int, int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(
        tuple(table.get(state, {}).get(frame, MISSING) for frame in range(len(INPUT_NAMES)))
        for state in range(len(STATE_NAMES))
    )


RECEIVED: Final = _flatten(_RECEIVED)
SENT: Final = _flatten(_SENT)


def is_closed(state: int) -> bool:
    """Whether no frame of ours may follow."""
    return state >= CLOSED_ENDED
