"""Metadata: the key-value pairs that travel beside the messages of a call, and how HTTP/2 fields carry them.

Metadata and HTTP/2 header fields are nearly the same thing, which is why every difference matters (gRPC over HTTP2,
"Custom-Metadata"):

    key                     value in Python     field value on the wire
    name                    str                 printable ASCII, %x20-%x7E, as it is
    name-bin                bytes               base64 without padding; read with or without, and split at commas

Some fields of the block belong to HTTP and to gRPC. They are neither shown to the application nor taken from it:

    fields                                              received                    asked to send
    :path ..., content-type, te, grpc-*                 hidden                      ValueError, or left out: see below
    grpc-trace-bin and four more that applications use  shown                       sent
    host (it is, or stands for, :authority)             hidden                      left out
    user-agent                                          shown                       left out
    connection and its kin (RFC 9113 §8.2.2)            never get past HTTP/2       ValueError

What `decode_metadata` shows, `encode_metadata` accepts: a server may echo whatever it was sent. So a name outside the
key grammar is hidden, and a value outside printable ASCII, which HTTP allows and gRPC does not, is shown escaped.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Collection, ItemsView, Iterable, Iterator, KeysView, ValuesView
from functools import lru_cache
from typing import Any, Final, NamedTuple, Self

MetadataValue = str | bytes
MetadataPairs = tuple[tuple[str, MetadataValue], ...]
Fields = tuple[tuple[bytes, bytes], ...]


class Metadatum(NamedTuple):
    """One pair of metadata, with names: as programs are given it where grpcio gives it so."""

    key: str
    value: MetadataValue


def metadata_pairs(pairs: Iterable[tuple[str, MetadataValue]]) -> MetadataPairs:
    """Pairs with names, from pairs."""
    return tuple([Metadatum(key, value) for key, value in pairs])


class MetadataError(ValueError):
    """Metadata that cannot be sent, or that was received and cannot be read; the text names the key and the rule."""


class MetadataTypeError(MetadataError, TypeError):
    """Metadata of a wrong type; a `TypeError` too, as in grpcio."""


class Metadata(Collection[tuple[str, MetadataValue]]):
    """A multi-dict with the interface of grpcio's `grpc.aio.Metadata`: from each key to its values, in order.

    Iteration gives the pairs, grouped by key; `len` counts pairs; `metadata[key]` is the first value of `key`.
    """

    __slots__ = ("_values",)

    def __init__(self, *args: tuple[str, MetadataValue]) -> None:
        self._values: dict[str, list[MetadataValue]] = {}
        for key, value in args:
            self.add(key, value)

    @classmethod
    def from_tuple(cls, raw_metadata: Iterable[tuple[str, MetadataValue]] | None) -> Self:
        """The same pairs as a `Metadata`; None is no pairs."""
        return cls(*raw_metadata) if raw_metadata else cls()

    def add(self, key: str, value: MetadataValue) -> None:
        """Append one more value for `key`."""
        self._values.setdefault(key, []).append(value)

    def get(self, key: str, default: MetadataValue | None = None) -> MetadataValue | None:
        """The first value of `key`, or `default`."""
        values = self._values.get(key)
        return values[0] if values else default

    def get_all(self, key: str) -> list[MetadataValue]:
        """All values of `key`, in order; a list of the caller's own."""
        return list(self._values.get(key, ()))

    def set_all(self, key: str, values: Iterable[MetadataValue]) -> None:
        """Replace all values of `key`."""
        self._values[key] = list(values)

    def delete_all(self, key: str) -> None:
        """Remove `key` with all its values; `KeyError` when it has none."""
        del self._values[key]

    def keys(self) -> KeysView[str]:
        """The keys, each once."""
        return self._values.keys()

    def values(self) -> ValuesView[list[MetadataValue]]:
        """The list of values of each key."""
        return self._values.values()

    def items(self) -> ItemsView[str, list[MetadataValue]]:
        """Each key with the list of its values."""
        return self._values.items()

    def __getitem__(self, key: str) -> MetadataValue:
        values = self._values[key]
        if not values:
            raise KeyError(key)
        return values[0]

    def __setitem__(self, key: str, value: MetadataValue) -> None:
        """Replace the first value of `key`, or add it."""
        self._values.setdefault(key, [])[:1] = [value]

    def __delitem__(self, key: str) -> None:
        """Remove the first value of `key`."""
        values = self._values[key]
        if not values:
            raise KeyError(key)
        del values[0]
        if not values:
            del self._values[key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._values

    def __len__(self) -> int:
        return sum(map(len, self._values.values()))

    def __iter__(self) -> Iterator[tuple[str, MetadataValue]]:
        for key, values in self._values.items():
            for value in values:
                yield key, value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Metadata):
            return self._values == other._values
        if isinstance(other, tuple):
            return tuple(self) == other
        return NotImplemented

    def __add__(self, other: Metadata | MetadataPairs) -> Metadata:
        if isinstance(other, (Metadata, tuple)):
            return Metadata(*self, *other)
        return NotImplemented

    def __repr__(self) -> str:
        return f"{type(self).__name__}({tuple(self)!r})"


# --- Which keys, which values -----------------------------------------------------------------------------------------

_KEY: Final = re.compile(r"[0-9a-z_.-]+")
_NOT_ASCII_VALUE: Final = re.compile(rb"[^\x20-\x7e]")

# gRPC over HTTP2: names that start with "grpc-" are "reserved for future GRPC use"; these are the use so far that is
# the application's (or its tracing library's) own.
_APPLICATION_GRPC_KEYS: Final = frozenset(
    {
        "grpc-previous-rpc-attempts",
        "grpc-retry-pushback-ms",
        "grpc-status-details-bin",
        "grpc-tags-bin",
        "grpc-trace-bin",
    }
)
# Fields that the library writes itself. As in grpcio, a value given by the application changes nothing.
_LIBRARY_KEYS: Final = frozenset({"content-length", "content-type", "host", "te", "user-agent"})
# RFC 9113 §8.2.2: "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields."
_CONNECTION_KEYS: Final = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})

# Fields that every call has and no application sees. The other hidden ones, rare, fail the rules of `_read_key`.
_HIDDEN: Final = frozenset(
    {
        b":authority",
        b":method",
        b":path",
        b":scheme",
        b":status",
        b"content-length",
        b"content-type",
        b"grpc-accept-encoding",
        b"grpc-encoding",
        b"grpc-message",
        b"grpc-status",
        b"grpc-timeout",
        b"host",
        b"te",
    }
)


@lru_cache(maxsize=512)
def _check_key(key: str) -> tuple[bytes, bool] | None:
    """The field name for `key` and whether it is binary; None for a key whose pair is left out.

    Cached, because a program uses few keys and many values; values are not kept, because some of them are secrets.
    """
    if _KEY.fullmatch(key) is None:
        rule = "is empty" if not key else "has a character other than 0-9 a-z _ - ."
    elif key.startswith("grpc-") and key not in _APPLICATION_GRPC_KEYS:
        rule = 'starts with "grpc-", which is reserved for gRPC itself'
    elif key in _CONNECTION_KEYS:
        rule = "is a connection-specific field, which HTTP/2 does not have (RFC 9113 §8.2.2)"
    elif key in _LIBRARY_KEYS:
        return None
    else:
        return key.encode("ascii"), key.endswith("-bin")
    raise MetadataError(f"metadata was invalid: key {key!r} {rule}")


@lru_cache(maxsize=128)
def _read_key(name: bytes) -> tuple[str, bool] | None:
    """The key for a received field name and whether it is binary; None for a field that stays hidden.

    The cache is small because the peer chooses what is in it.
    """
    key = name.decode("latin-1")
    if _KEY.fullmatch(key) is None:
        return None
    if key.startswith("grpc-") and key not in _APPLICATION_GRPC_KEYS:
        return None
    return key, key.endswith("-bin")


# --- Metadata to fields -----------------------------------------------------------------------------------------------


def encode_metadata(metadata: Iterable[tuple[str, MetadataValue]] | None) -> Fields:
    """The HTTP/2 fields for `metadata`: None, `Metadata`, grpcio's `Metadata`, or any iterable of pairs.

    Pairs keep their order and are never joined. A `-bin` value is `bytes`; any other value is text in printable ASCII,
    as `str` or `bytes`, and loses white space at either end, which a field value cannot have (RFC 9113 §8.2.1).
    Raises `MetadataError`, a `ValueError`, that names the key and the rule broken; when a type is wrong, it is also a
    `TypeError`.
    """
    if not metadata:
        return ()
    return tuple([field for pair in metadata if (field := _encode_pair(pair)) is not None])


def _encode_pair(pair: Any) -> tuple[bytes, bytes] | None:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise MetadataTypeError(f"metadata was invalid: expected pairs of a key and a value, got {pair!r}")
    key, value = pair
    if isinstance(key, bytes):
        key = key.decode("latin-1")
    elif not isinstance(key, str):
        raise MetadataTypeError(f"metadata was invalid: key {key!r} is of {type(key)}, not str")
    checked = _check_key(key)
    if checked is None:
        return None
    name, is_binary = checked
    if is_binary:
        if not isinstance(value, bytes):
            raise MetadataTypeError(f'Binary metadata key="{key}" expected bytes, got {type(value)}')
        return name, binascii.b2a_base64(value, newline=False).rstrip(b"=")
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    elif not isinstance(value, bytes):
        raise MetadataTypeError(f'metadata was invalid: value of key "{key}" is of {type(value)}, not str')
    if (illegal := _NOT_ASCII_VALUE.search(value)) is not None:
        raise MetadataError(
            f'metadata was invalid: value of key "{key}" has byte 0x{illegal[0].hex()} outside printable ASCII'
            " (0x20-0x7e); a key that ends in -bin takes any bytes"
        )
    return name, value.strip(b" ")


# --- Fields to metadata -----------------------------------------------------------------------------------------------


def decode_metadata(fields: Iterable[tuple[bytes, bytes]]) -> MetadataPairs:
    """The metadata in a header or trailer block: its fields without those of HTTP and gRPC, in their order.

    A `-bin` field gives one pair for each of its comma-separated values. Raises `MetadataError` for bad base64.
    """
    pairs: list[tuple[str, MetadataValue]] = []
    for name, value in fields:
        if name in _HIDDEN:
            continue
        known = _read_key(name)
        if known is None:
            continue
        key, is_binary = known
        if is_binary:
            pairs.extend([(key, _decode_base64(key, item)) for item in value.split(b",")])
        else:
            pairs.append((key, _NOT_ASCII_VALUE.sub(_escape, value).decode("ascii")))
    return tuple(pairs)


def _decode_base64(key: str, item: bytes) -> bytes:
    item = item.strip(b" \t")
    if not item.endswith(b"="):
        item += b"=" * (-len(item) % 4)
    try:
        return binascii.a2b_base64(item, strict_mode=True)
    except binascii.Error as error:
        raise MetadataError(f'metadata was invalid: value of key "{key}" is not base64: {error}')


def _escape(byte: re.Match[bytes]) -> bytes:
    return b"\\x%02x" % ord(byte[0])


def metadata_size(fields: Iterable[tuple[bytes, bytes]]) -> int:
    """The size of a field list in bytes as HTTP/2 counts it: name, value and 32 for each field (RFC 9113 §6.5.2)."""
    return sum([len(name) + len(value) + 32 for name, value in fields])
