"""Message compression (gRPC compression.md): the codings, and how much a message may grow when it is read.

Each message is compressed by itself, with its flag set; `grpc-encoding` names the coding of all of them, and
`grpc-accept-encoding` those that its sender can read. "deflate" is the zlib format (RFC 1950), never raw deflate.

"zstd" (RFC 8878) is there when the package `zstandard` is installed. Few others have it: a server answers with it only
where the client says that it reads it; a client that asks for it has to know its server.

A compressed message of a kilobyte can stand for gigabytes. Reading stops one octet beyond the size limit, whatever the
message claims, so a bomb costs the limit and not its size.
"""

from __future__ import annotations

import enum
import importlib.util
import zlib
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from grpc_core.status import StatusCode
from grpc_core.wire import Decompress, MessageError, too_large

_ZLIB: Final = 15  # the window of 32 KiB, in zlib's format
_GZIP: Final = 31  # the same, with gzip's header and check (RFC 1952)
_PIECE_BYTES_MIN: Final = 16_384

_ZSTD_WINDOW_BYTES_MAX: Final = 2**23  # RFC 9659: what a decoder has to provide for, and an encoder must not exceed


class Compression(enum.IntEnum):
    """What a caller asks for, with grpcio's values; `Zstd` is our own."""

    NoCompression = 0
    Deflate = 1
    Gzip = 2
    Zstd = 3


class Coding(NamedTuple):
    """One way to compress messages: its name on the wire, and both directions."""

    name: bytes
    compress: Callable[[bytes], bytes]
    decompress: Decompress


def _inflated(inflater: Any, compressed: bytes, bytes_max: int) -> bytes:
    """What a zlib object makes of the octets, piece by piece: asked for all at once it would hold twice the limit.

    Each piece costs a copy of the octets that are left, so there are few of them. Raises too_large, and zlib.error.
    """
    piece_bytes = max(bytes_max // 8, _PIECE_BYTES_MIN)
    pieces: list[bytes] = []
    size = 0
    while True:
        piece = inflater.decompress(compressed, min(piece_bytes, bytes_max + 1 - size))
        pieces.append(piece)
        size += len(piece)
        if size > bytes_max:
            raise too_large(size, bytes_max)
        compressed = inflater.unconsumed_tail
        if not compressed and len(piece) < piece_bytes:
            return piece if len(pieces) == 1 else b"".join(pieces)


def _coding(name: bytes, window_bits: int) -> Coding:
    def compress(message: bytes) -> bytes:
        return zlib.compress(message, wbits=window_bits)

    def decompress(compressed: bytes, bytes_max: int) -> bytes:
        inflater = zlib.decompressobj(window_bits)
        try:
            message = inflater.decompress(compressed) if bytes_max < 0 else _inflated(inflater, compressed, bytes_max)
        except zlib.error as error:
            raise MessageError(StatusCode.INTERNAL, f"a {name.decode()} message cannot be decompressed: {error}")
        if not inflater.eof or inflater.unused_data:
            raise MessageError(StatusCode.INTERNAL, f"a {name.decode()} message is cut short or has octets behind it")
        return message

    return Coding(name, compress, decompress)


def _zstd_compress(message: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(message)


def _zstd_decompress(compressed: bytes, bytes_max: int) -> bytes:
    """Two passes: the first stops at the limit but does not tell whether the frame ended; the second does."""
    import zstandard

    decompressor: Any = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES_MAX)
    try:
        if bytes_max >= 0:
            size = len(decompressor.stream_reader(compressed).read(bytes_max + 1))
            if size > bytes_max:
                raise too_large(size, bytes_max)
        inflater = decompressor.decompressobj()
        message: bytes = inflater.decompress(compressed)
    except (zstandard.ZstdError, MemoryError) as error:
        raise MessageError(StatusCode.INTERNAL, f"a zstd message cannot be decompressed: {error}")
    if not inflater.eof or inflater.unused_data:
        raise MessageError(StatusCode.INTERNAL, "a zstd message is cut short or has octets behind it")
    return message


DEFLATE: Final = _coding(b"deflate", _ZLIB)
GZIP: Final = _coding(b"gzip", _GZIP)
ZSTD: Final = Coding(b"zstd", _zstd_compress, _zstd_decompress)
_HAS_ZSTD = importlib.util.find_spec("zstandard") is not None
CODINGS: Final = {coding.name: coding for coding in (DEFLATE, GZIP, *((ZSTD,) if _HAS_ZSTD else ()))}
ACCEPT_ENCODING: Final = b", ".join((b"identity", *CODINGS))
"""The codings that we read, for `grpc-accept-encoding`."""

_ASKED_FOR: Final[dict[int, Coding | None]] = {
    Compression.NoCompression: None,
    Compression.Deflate: DEFLATE,
    Compression.Gzip: GZIP,
    Compression.Zstd: ZSTD,
}


def coding_of(compression: object) -> Coding | None:
    """The coding that a caller asks for, by our `Compression`, by grpcio's, or by its number; None is none.

    Raises ValueError for anything else, and for zstd where it cannot be had.
    """
    if compression is None:
        return None
    value = getattr(compression, "value", compression)
    if not isinstance(value, int) or value not in _ASKED_FOR:
        raise ValueError(f"{compression!r} is not a Compression")
    if value == Compression.Zstd and not _HAS_ZSTD:
        raise ValueError("Compression.Zstd needs the package zstandard: pip install 'plait[zstd]'")
    return _ASKED_FOR[value]


def accepted(value: bytes) -> frozenset[bytes]:
    """The names in a `grpc-accept-encoding` field."""
    return frozenset(name.strip() for name in value.split(b","))


def encoded(message: bytes, coding: Coding | None) -> tuple[bytes, bool]:
    """A message as it is sent, and whether it is compressed: only where that makes it smaller."""
    if coding is not None:
        compressed = coding.compress(message)
        if len(compressed) < len(message):
            return compressed, True
    return message, False
