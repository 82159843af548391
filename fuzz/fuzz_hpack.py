"""Invariant: whatever octets come, a decoder returns a list or raises HpackError or FieldListTooLarge, agrees with
a decoder that remembers nothing, and what it returned survives being encoded and decoded again.

    python fuzz/fuzz_hpack.py --iterations 100000 --seed 1

Each iteration is one connection: a few blocks, encoded from random lists and then, often, damaged. A failure
prints the seed of its iteration, with which `--iterations 1 --seed N` repeats it, and the blocks as octets.
"""

import argparse
import random
import sys

from hpack_codec import Decoder, Encoder, Field, FieldList, FieldListTooLarge, HpackError, NeverIndexedField
from hpack_codec.decoder import InstructionReader
from hpack_codec.explain import steps
from hpack_codec.static_table import STATIC_TABLE

BLOCKS_MAX = 8
NAMES = (b":path", b"cookie", b"date", b"set-cookie", b"x", b"grpc-status", b"")


class Remembering(Decoder[FieldList]):
    """The decoder under test."""

    def __init__(self, limits: dict[str, int]) -> None:
        super().__init__(lambda fields: fields, **limits)

    def outcome(self, block: bytes) -> FieldList | str:
        """What `decode` makes of `block`, with an error as text; any other exception is a finding."""
        try:
            return self.decode(block)
        except (HpackError, FieldListTooLarge) as error:
            return repr(error)


class Forgetful(Remembering):
    """The same decoder, which reads every block's octets."""

    def outcome(self, block: bytes) -> FieldList | str:
        self._cache.clear()
        return super().outcome(block)


def random_field(chance: random.Random) -> Field:
    if chance.random() < 0.3:
        return chance.choice(STATIC_TABLE[1:])
    name = chance.choice(NAMES)
    value = chance.randbytes(chance.choice((0, 1, 5, 40, 200)))
    if chance.random() < 0.5:
        value = value.hex().encode()
    return NeverIndexedField(name, value) if chance.random() < 0.1 else (name, value)


def damaged(chance: random.Random, block: bytes) -> bytes:
    """`block` with a few octets flipped, replaced, removed, doubled or added, or cut short."""
    octets = bytearray(block)
    for _ in range(chance.randrange(4)):
        place = chance.randrange(len(octets) + 1)
        match chance.randrange(6):
            case 0:
                octets[place : place + 1] = bytes((chance.randrange(256),))
            case 1:
                octets[place:place] = chance.randbytes(chance.randrange(1, 5))
            case 2:
                del octets[place : place + chance.randrange(1, 4)]
            case 3:
                del octets[place:]
            case 4:
                octets[place:place] = octets[place : place + 8]
            case _:
                octets[place:place] = chance.choice((b"\xff" * 5, b"\x3f\xe1\x1f", b"\x80", b"\xbe", b"\x20"))
    return bytes(octets)


def connection(chance: random.Random, blocks: list[bytes]) -> None:
    """One connection's blocks, appended to `blocks` as they are sent; raises AssertionError on a finding."""
    limits = {
        "table_bytes_max": chance.choice((0, 64, 300, 4096)),
        "list_bytes_max": chance.choice((100, 1000, 65536)),
        "fields_max": chance.choice((3, 256)),
        "string_bytes_max": chance.choice((30, 65536)),
    }
    sender = Encoder(table_bytes_max=limits["table_bytes_max"])
    remembering, forgetful = Remembering(limits), Forgetful(limits)
    reader = InstructionReader(table_bytes_max=limits["table_bytes_max"], string_bytes_max=limits["string_bytes_max"])
    proxy, behind = Encoder(), Decoder[FieldList](lambda fields: fields)
    for _ in range(chance.randrange(1, BLOCKS_MAX)):
        if blocks and chance.random() < 0.3:
            block = chance.choice(blocks)
        else:
            block = sender.encode(tuple(random_field(chance) for _ in range(chance.randrange(6))))
            if chance.random() < 0.7:
                block = damaged(chance, block)
        blocks.append(block)
        outcome = remembering.outcome(block)
        assert outcome == forgetful.outcome(block), "the cache changed a result"
        assert remembering.generation == forgetful.generation, "the cache changed the table"
        try:
            explained: FieldList | str = tuple(step.field for step in steps(reader, block) if step.field is not None)
        except HpackError as error:
            explained = repr(error)
        if isinstance(outcome, str):
            assert explained == outcome or outcome.startswith("FieldListTooLarge"), "explain saw another error"
            if outcome.startswith("HpackError"):
                return
        else:
            assert explained == outcome, "explain saw other fields"
            again = behind.decode(proxy.encode(outcome))
            assert list(map(tuple, again)) == list(map(tuple, outcome)), "fields changed on the way through a proxy"
            kept = [type(field) is NeverIndexedField for field in again]
            for was, still in zip(outcome, kept, strict=True):
                assert still or type(was) is not NeverIndexedField, "a never-indexed field lost its mark"


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the HPACK codec by random mutation.")
    parser.add_argument("--iterations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for seed in range(options.seed, options.seed + options.iterations):
        blocks: list[bytes] = []
        try:
            connection(random.Random(seed), blocks)
        except Exception:
            print(f"--iterations 1 --seed {seed} fails on {[block.hex() for block in blocks]}", file=sys.stderr)
            raise
    print(f"{options.iterations} connections from seed {options.seed}: nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
