"""Invariant: whatever octets a peer sends, in whatever pieces, a connection raises nothing, gives the same events and
output as for the same octets in one piece, keeps at most one incomplete frame, never loses an octet of a window, and
ends at most once, with the termination as its last event.

    python fuzz/fuzz_frames.py --iterations 100000 --seed 1

Each iteration takes a valid session of a client or of a server, puts faults into it (in its frames, so that they get
past the frame reader; or anywhere), and feeds it to connections of the other role: whole, octet by octet, in pieces,
and to one with an application that answers. A failure prints the iteration's own seed, with which `--only` repeats it.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from http2 import Config, Connection, ConnectionTerminated, Event
from http2.errors import UsageError
from http2.frames import PREFACE, build_frame
from tests.support.pair import GET, OK, POST, TRAILERS
from tests.support.strategies import BLOCKS, client_session, server_session

INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF)


def frames_of(session: bytes) -> list[bytearray]:
    """A session cut into its frames; the preface, if there is one, stays in front of the first."""
    start = len(PREFACE) if session.startswith(PREFACE) else 0
    frames = []
    while start < len(session):
        stop = start + 9 + int.from_bytes(session[start : start + 3], "big")
        frames.append(bytearray(session[start:stop]))
        start = stop
    return frames


def mutated(frames: list[bytearray], rng: random.Random) -> bytes:
    """Some frames changed, moved, dropped, doubled, invented, resized."""
    frames = [bytearray(frame) for frame in frames]
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        place = rng.randrange(len(frames))
        rng.choice(MUTATIONS)(frames, place, rng)
    data = bytearray(b"".join(frames))
    if rng.random() < 0.1 and data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _flip_header(frames: list[bytearray], place: int, rng: random.Random) -> None:
    frames[place][rng.choice((3, 4, 8))] = rng.choice((rng.randrange(256), rng.randrange(12)))


def _flip_payload(frames: list[bytearray], place: int, rng: random.Random) -> None:
    if len(frames[place]) > 9:
        frames[place][rng.randrange(9, len(frames[place]))] = rng.choice((*INTERESTING, rng.randrange(256)))


def _resize(frames: list[bytearray], place: int, rng: random.Random) -> None:
    payload = frames[place][9:]
    payload = payload[: rng.randrange(len(payload) + 1)] + rng.randbytes(rng.choice((0, 0, 1, 5, 300)))
    frames[place][:3] = len(payload).to_bytes(3, "big")
    frames[place][9:] = payload


def _drop(frames: list[bytearray], place: int, rng: random.Random) -> None:
    if len(frames) > 1:
        del frames[place]


def _double(frames: list[bytearray], place: int, rng: random.Random) -> None:
    frames[place:place] = [bytearray(frames[place])] * rng.choice((1, 1, 2, 300))


def _move(frames: list[bytearray], place: int, rng: random.Random) -> None:
    frames.insert(rng.randrange(len(frames)), frames.pop(place))


def _invent(frames: list[bytearray], place: int, rng: random.Random) -> None:
    payload = rng.choice((*BLOCKS, rng.randbytes(rng.choice((0, 4, 5, 8, 100)))))
    frame = build_frame(rng.randrange(12), rng.choice((0, 1, 4, 5, 8, 0x2D)), rng.choice((0, 1, 3, 5, 9, 2)), payload)
    frames.insert(place, bytearray(frame))


Mutation = Callable[[list[bytearray], int, random.Random], None]
MUTATIONS: tuple[Mutation, ...] = (_flip_header, _flip_payload, _resize, _drop, _double, _move, _invent)


def connection_of(is_client: bool) -> Connection:
    """A connection with small limits, so that they are reached."""
    config = Config(
        stream_window_bytes=500,
        concurrent_streams_max=3,
        field_list_bytes_max=600,
        fields_max=10,
        field_block_bytes_max=500,
        continuation_frames_max=5,
        reset_streams_remembered=1,
        idle_frames_max=200,
    )
    connection = Connection(is_client, config)
    if is_client:
        for fields in (GET, POST, GET, POST):
            connection.open_stream(fields)
    connection.data_to_send()
    return connection


def application(connection: Connection, events: list[Event], rng: random.Random) -> None:
    """Answers, consumes and resets, as the generator says; what is not allowed just now is not done."""
    for event in events:
        stream_id = getattr(event, "stream_id", 0)
        try:
            if hasattr(event, "data"):
                connection.consume(stream_id, len(event.data))
            elif hasattr(event, "head") and not connection.is_client:
                connection.send_headers(stream_id, OK)
                connection.send_data(stream_id, b"x" * rng.choice((0, 10, 2000)))
                connection.send_headers(stream_id, TRAILERS, True)
            elif rng.random() < 0.1:
                connection.reset_stream(stream_id)
        except UsageError:
            pass


def feed(connection: Connection, chunks: list[bytes], seed: int | None) -> tuple[list[Event], bytes]:
    """Events and output. With a seed an application answers in between."""
    rng = random.Random(seed)
    events: list[Event] = []
    output = b""
    for chunk in chunks:
        new = connection.receive_data(chunk)
        if seed is not None:
            application(connection, new, rng)
        output += b"".join(connection.data_to_send())
        events += new + connection.next_events()
        check(connection)
    endings = [event for event in events if isinstance(event, ConnectionTerminated)]
    assert len(endings) <= 1, endings
    assert not endings or events[-1] is endings[0], events[-3:]
    return events, output


def check(connection: Connection) -> None:
    """What holds after every step."""
    assert connection._reader.buffered_bytes <= 9 + connection.local.frame_bytes_max
    if connection.is_closed:
        return
    streams = connection.streams.by_id.values()
    assert connection.receive_window.is_balanced()
    assert all(stream.is_balanced() for stream in streams)
    assert connection.receive_window.held == sum(stream.held for stream in streams)
    assert connection.streams.peer_open <= connection.config.concurrent_streams_max


def iteration(seed: int) -> None:
    """One mutated session, four ways: whole, octet by octet, in random pieces, and with an application."""
    rng = random.Random(seed)
    is_client = rng.random() < 0.5
    frames = frames_of(server_session() if is_client else client_session())
    data = (b"" if is_client else PREFACE) + mutated(frames, rng)
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((1, 5, 50))))
    pieces = [data[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    whole = feed(connection_of(is_client), [data], None)
    assert feed(connection_of(is_client), pieces, None) == whole, "in pieces it means something else"
    if len(data) < 2000:
        octets = [data[i : i + 1] for i in range(len(data))]
        assert feed(connection_of(is_client), octets, None) == whole, "octet by octet it means something else"
    feed(connection_of(is_client), pieces, seed)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--iterations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first iteration; the next has one more")
    parser.add_argument("--only", action="store_true", help="repeat the iteration with this very seed")
    options = parser.parse_args(arguments)
    count = 1 if options.only else options.iterations
    for seed in range(options.seed, options.seed + count):
        try:
            iteration(seed)
        except Exception:
            print(f"failed; repeat with --only --seed {seed}", file=sys.stderr)
            raise
    print(f"{count} iterations, the invariant holds")
    return 0


if __name__ == "__main__":
    sys.exit(main())
