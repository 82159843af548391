"""`python -m hpack_codec explain HEX`: what a field block says, instruction by instruction.

Exit status: 0, or 1 for a block that is not valid, or 2 for a command line that is not.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from hpack_codec.decoder import STRING_BYTES_MAX, InstructionReader
from hpack_codec.dynamic_table import TABLE_BYTES_DEFAULT
from hpack_codec.errors import HpackError
from hpack_codec.explain import describe, steps
from hpack_codec.integers import INTEGER_MAX


def _octets(text: str) -> bytes:
    """Hexadecimal octets as tools print them: spaces, colons and a leading 0x are passed over."""
    digits = text.strip().lower().removeprefix("0x").replace(":", " ")
    try:
        return bytes.fromhex(digits)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a sequence of octets in hexadecimal")


def _table_size(text: str) -> int:
    if not text.isdecimal() or len(text) > len(str(INTEGER_MAX)) or int(text) > INTEGER_MAX:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a size in bytes, 0 to {INTEGER_MAX}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; the exit status. As argparse does, leaves by SystemExit(2) for a bad one."""
    parser = argparse.ArgumentParser(prog="python -m hpack_codec", description="HPACK (RFC 7541), explained.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    explain = commands.add_parser("explain", help="every instruction of a field block")
    explain.add_argument("blocks", metavar="HEX", nargs="+", type=_octets, help="a block; several share one table")
    explain.add_argument(
        "--table",
        metavar="BYTES",
        type=_table_size,
        default=TABLE_BYTES_DEFAULT,
        help="SETTINGS_HEADER_TABLE_SIZE of the decoder (default %(default)s)",
    )
    options = parser.parse_args(arguments)
    reader = InstructionReader(table_bytes_max=options.table, string_bytes_max=STRING_BYTES_MAX)
    for number, block in enumerate(options.blocks, 1):
        if len(options.blocks) > 1:
            print(f"block {number} of {len(options.blocks)}, {len(block)} octets")
        try:
            for step in steps(reader, block):
                print(describe(step))
        except HpackError as error:
            sys.stdout.flush()
            print(f"hpack_codec: {error}", file=sys.stderr)
            return 1
    return 0


def run() -> int:
    """`main`, for a reader of the output who may leave before its end."""
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(run())
