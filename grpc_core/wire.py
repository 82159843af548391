"""Length-prefixed messages (gRPC over HTTP2, "Length-Prefixed-Message").

    +----------------+-------------------------------+----------------------+
    | Compressed (8) |      Message-Length (32)      |   Message (0...)   ...
    +----------------+-------------------------------+----------------------+

A message knows nothing of DATA frames: one frame may hold many messages, and one message many frames. The length is
judged as soon as its five octets are there, before anything of the message is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from struct import Struct

from grpc_core.status import StatusCode
from http2 import heap

PREFIX_BYTES = 5
_SMALL_BYTES = 1024  # pieces below this are gathered: a message in frames of one octet must not cost an object for each
_GATHERED_BYTES_MAX = 16_384
LARGE_BYTES = 65_536
"""A message of this size is worth a frame more, if that spares a copy."""
RECEIVE_BYTES_MAX = 4 * 1024 * 1024
"""The default of `grpc.max_receive_message_length` in every implementation."""

_PREFIX = Struct(">BL")
_pack_prefix = _PREFIX.pack
_unpack_prefix = _PREFIX.unpack_from

Received = tuple[bytes, int, int]
"""A message that has come: its octets, how many it took on the wire, and its compressed flag (0 or 1)."""

Decompress = Callable[[bytes, int], bytes]
"""(compressed message, size limit in octets or -1) -> message; raises MessageError."""


class MessageError(Exception):
    """A message that cannot be read or must not be sent: the status that the call ends with."""

    def __init__(self, code: StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


def frame_message(message: bytes, compressed: bool = False) -> bytes:
    """A message with its prefix."""
    return _pack_prefix(compressed, len(message)) + message


def message_pieces(message: bytes, compressed: bool = False) -> tuple[bytes, bytes]:
    """A message with its prefix: as (nothing, both), or, where it is large and not to be copied, (prefix, message)."""
    prefix = _pack_prefix(compressed, len(message))
    return (b"", prefix + message) if len(message) < LARGE_BYTES else (prefix, message)


class MessageReader:
    """Finds the messages in the content of a stream, and queues them in `messages`, for others to take.

    `bytes_max` is the size limit of one message, -1 for none. `decompress` is the function for messages with the
    compressed flag, None where no coding was agreed on. `partial_bytes` are the octets of a message that is not
    complete.
    """

    __slots__ = ("_bytes_max", "_chunks", "_flag", "_needed", "decompress", "messages", "partial_bytes")

    def __init__(self, bytes_max: int = RECEIVE_BYTES_MAX, decompress: Decompress | None = None) -> None:
        self._bytes_max = bytes_max
        self.decompress = decompress
        self.messages: deque[Received] = deque()
        self.partial_bytes = 0
        self._chunks: list[bytes | bytearray] = []  # of that message: what has come, without a prefix that is complete
        self._needed = PREFIX_BYTES  # octets, from the beginning of the prefix, that the next step needs
        self._flag = 0

    def feed(self, data: bytes) -> None:
        """Take content, and queue the messages that it completes.

        Raises MessageError when those before it are queued: INTERNAL for a bad flag, RESOURCE_EXHAUSTED for a length
        over the limit.
        """
        if self.partial_bytes:
            data = self._resume(data)
        offset = 0
        end = len(data)
        while end - offset >= PREFIX_BYTES:
            flag, length = _unpack_prefix(data, offset)
            if flag > 1 or 0 <= self._bytes_max < length:
                raise self._unacceptable(flag, length)
            offset += PREFIX_BYTES
            stop = offset + length
            if stop > end:
                self._flag = flag
                self._needed = PREFIX_BYTES + length
                self.partial_bytes = PREFIX_BYTES
                if length >= LARGE_BYTES:
                    heap.prepare_for(length)
                break
            message = data[offset:stop]
            self.messages.append((self._decompressed(message) if flag else message, PREFIX_BYTES + length, flag))
            offset = stop
        if offset < end:
            self._keep(data[offset:] if offset else data)

    def _resume(self, data: bytes) -> bytes:
        """Take what is missing of the message that is not complete; return what follows it."""
        missing = self._needed - self.partial_bytes
        if len(data) < missing:
            self._keep(data)
            return b""
        chunks = self._chunks
        needed = self._needed
        self.partial_bytes = 0
        self._needed = PREFIX_BYTES
        if needed == PREFIX_BYTES:  # its length was not known
            data = b"".join([*chunks, data])
            chunks.clear()
            return data
        chunks.append(data[:missing])
        message = b"".join(chunks)
        chunks.clear()
        self.messages.append((self._decompressed(message) if self._flag else message, needed, self._flag))
        return data[missing:]

    def _keep(self, data: bytes) -> None:
        """Keep a piece of a message that is not complete."""
        self.partial_bytes += len(data)
        chunks = self._chunks
        if len(data) >= _SMALL_BYTES:
            chunks.append(data)
        elif chunks and isinstance(last := chunks[-1], bytearray) and len(last) < _GATHERED_BYTES_MAX:
            last += data
        else:
            chunks.append(bytearray(data))

    def finish(self) -> None:
        """The content is over. Raises MessageError when it ends inside a message."""
        if self.partial_bytes:
            raise MessageError(
                StatusCode.INTERNAL,
                f"the stream ended inside a message: {self.partial_bytes} octets have come, {self._needed} are needed",
            )

    def _unacceptable(self, flag: int, length: int) -> MessageError:
        if flag > 1:
            return MessageError(
                StatusCode.INTERNAL, f"Received a message with the compressed flag {flag}; it is 0 or 1"
            )
        return too_large(length, self._bytes_max)

    def _decompressed(self, message: bytes) -> bytes:
        if self.decompress is None:
            raise MessageError(StatusCode.INTERNAL, "Compression bit set but no encoding configured")
        return self.decompress(message, self._bytes_max)


def too_large(length: int, bytes_max: int) -> MessageError:
    """The error for a received message over the limit, in grpcio's words."""
    return MessageError(StatusCode.RESOURCE_EXHAUSTED, f"Received message larger than max ({length} vs. {bytes_max})")


def check_sent_size(length: int, bytes_max: int) -> None:
    """Raise MessageError for a message that is over `grpc.max_send_message_length`; -1 is no limit."""
    if 0 <= bytes_max < length:
        raise MessageError(StatusCode.RESOURCE_EXHAUSTED, f"Sent message larger than max ({length} vs. {bytes_max})")
