"""How many times as fast as the `hpack` package, cold and on blocks that repeat.

    python benchmarks/bench_hpack.py

Both codecs run in this process, in turn, on the same field lists; each figure is the median over the rounds
of hpack's CPU time divided by ours, so the machine's speed and its noise divide out.

    fresh      a new codec for each list: tables are empty, nothing is remembered
    new values one codec, and in every list a path, a date and a trace id that never came before
    repeated   one codec, one list again and again: what an RPC client sends
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import hpack

from hpack_codec import Encoder, Field, field_decoder

ROUNDS = 15
LISTS = 200

REQUEST: tuple[Field, ...] = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/helloworld.Greeter/SayHello"),
    (b":authority", b"localhost:50051"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
    (b"user-agent", b"grpc-python/1.60.0 grpc-c/37.0.0 (linux; chttp2)"),
    (b"grpc-accept-encoding", b"identity, deflate, gzip"),
)

NAMES = tuple(f"{way}, {what}" for way in ("encode", "decode") for what in ("fresh", "new values", "repeated"))
"""What is measured."""

Work = Callable[[], object]


def _new_values(number: int) -> tuple[Field, ...]:
    path = (b":path", b"/items/%032x" % (number * 2654435761))
    return (
        *(path if field[0] == b":path" else field for field in REQUEST),
        (b"date", b"Mon, 23 Nov 2026 03:%02d:%02d GMT" % (number // 60 % 60, number % 60)),
        (b"traceparent", b"00-%032x-%016x-01" % (number * 40503 << 64, number * 69069)),
    )


def _blocks(lists: list[tuple[Field, ...]]) -> list[bytes]:
    encoder = hpack.Encoder()
    return [encoder.encode(fields) for fields in lists]


def pairs() -> dict[str, tuple[Work, Work]]:
    """Each measurement: the same work by hpack and by us."""
    first_block = hpack.Encoder().encode(REQUEST)
    new_lists = [_new_values(number) for number in range(LISTS)]
    new_blocks = _blocks(new_lists)
    repeated_block = _blocks([REQUEST, REQUEST])[1]

    their_encoder, our_encoder = hpack.Encoder(), Encoder()
    their_decoder, our_decoder = hpack.Decoder(), field_decoder()
    for prepare in (their_encoder.encode, our_encoder.encode):
        prepare(REQUEST)
    for decode in (lambda block: their_decoder.decode(block, raw=True), our_decoder.decode):
        decode(first_block)

    def encode_new(make: Callable[[], hpack.Encoder | Encoder]) -> Work:
        def run() -> None:
            encode = make().encode
            for fields in new_lists:
                encode(fields)

        return run

    def their_decode_new() -> None:
        decoder = hpack.Decoder()
        for block in new_blocks:
            decoder.decode(block, raw=True)

    def our_decode_new() -> None:
        decoder = field_decoder()
        for block in new_blocks:
            decoder.decode(block)

    times = range(LISTS)
    return {
        "encode, fresh": (
            lambda: [hpack.Encoder().encode(REQUEST) for _ in times],
            lambda: [Encoder().encode(REQUEST) for _ in times],
        ),
        "encode, new values": (encode_new(hpack.Encoder), encode_new(Encoder)),
        "encode, repeated": (
            lambda: [their_encoder.encode(REQUEST) for _ in times],
            lambda: [our_encoder.encode(REQUEST) for _ in times],
        ),
        "decode, fresh": (
            lambda: [hpack.Decoder().decode(first_block, raw=True) for _ in times],
            lambda: [field_decoder().decode(first_block) for _ in times],
        ),
        "decode, new values": (their_decode_new, our_decode_new),
        "decode, repeated": (
            lambda: [their_decoder.decode(repeated_block, raw=True) for _ in times],
            lambda: [our_decoder.decode(repeated_block) for _ in times],
        ),
    }


def _cpu_s(work: Work, turns: int) -> float:
    begin = time.process_time()
    for _ in range(turns):
        work()
    return (time.process_time() - begin) / turns


def measure() -> dict[str, tuple[float, float, float]]:
    """For each measurement: the median ratio, and both medians in microseconds a list."""
    results = {}
    for name, (theirs, ours) in pairs().items():
        theirs()
        ours()
        turns = 10 if "repeated" in name else 1  # So that our time is well above the clock's grain.
        times = [(_cpu_s(theirs, 1), _cpu_s(ours, turns)) for _ in range(ROUNDS)]
        results[name] = (
            statistics.median(their_s / our_s for their_s, our_s in times),
            statistics.median(their_s for their_s, _ in times) / LISTS * 1e6,
            statistics.median(our_s for _, our_s in times) / LISTS * 1e6,
        )
    return results


def ratios() -> dict[str, float]:
    """For each measurement, how many times as fast as hpack."""
    return {name: ratio for name, (ratio, _, _) in measure().items()}


def main() -> None:
    print(f"{'':20}{'hpack':>10}{'hpack_codec':>14}{'ratio':>10}")
    for name, (ratio, their_us, our_us) in measure().items():
        print(f"{name:20}{their_us:7.2f} us{our_us:11.2f} us{ratio:9.1f}x")


if __name__ == "__main__":
    main()
