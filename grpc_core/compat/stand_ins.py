"""What stands in the alias for things of grpcio that nothing here corresponds to.

Most are C-core's: constants that programs spell out instead of writing the string, and functions that a program may
replace or look for, but can have no use for here.
"""

from __future__ import annotations

import enum
import os
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from grpc_core.status import StatusCode

if TYPE_CHECKING:
    from grpc_core.metadata import MetadataPairs

API_VERSION: Final = "1.85.3"
"""`grpc.__version__` of the alias: the grpcio whose API this is."""


def first_version_is_lower(version1: str, version2: str) -> bool:
    """Whether the first version is older than the second: what generated code asks before it refuses to be imported.

    It asks with `grpc.__version__` and the version of grpcio-tools that wrote it, because that code belongs to a C-core
    of that age. The answer for our own version is always no: what generated code uses is in `names`, however new it is.
    """
    if version1 == API_VERSION:
        return False
    first, second = (_numbers(version) for version in (version1, version2))
    return first is not None and second is not None and first < second


def _numbers(version: str) -> tuple[int, ...] | None:
    """The numbers of a release; None for what is no version."""
    try:
        return tuple(int(part) for part in version.split(".")[:3])
    except ValueError:
        return None


# -- grpc._channel -----------------------------------------------------------------------------------------------------

_EMPTY_FLAGS: Final = 0


class _RPCState:
    """The end of a call, as tests make it: `_InactiveRpcError(_RPCState((), None, None, StatusCode.ABORTED, "x"))`."""

    def __init__(
        self,
        due: Any,
        initial_metadata: MetadataPairs | None,
        trailing_metadata: MetadataPairs | None,
        code: StatusCode,
        details: str,
    ) -> None:
        self.due = due
        self.initial_metadata = initial_metadata
        self.trailing_metadata = trailing_metadata
        self.code = code
        self.details = details
        self.debug_error_string = f"{code.name}:{details}"


def _handle_event(*arguments: Any) -> NoReturn:
    """There are no events of C-core here. Raises NotImplementedError."""
    raise NotImplementedError("Plait has no completion queue whose events could be handled")


_event_handler = _handle_event


# -- grpc._common ------------------------------------------------------------------------------------------------------


def encode(value: str | bytes) -> bytes:
    """Text as UTF-8; octets as they are."""
    return value if isinstance(value, bytes) else value.encode("utf-8")


def decode(value: str | bytes) -> str:
    """UTF-8 as text, with replacements where it is none; text as it is."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


# -- grpc._cython.cygrpc -----------------------------------------------------------------------------------------------


class ChannelArgKey:
    """Channel options by name."""

    default_authority = b"grpc.default_authority"
    enable_census = b"grpc.census"
    http2_initial_sequence_number = b"grpc.http2.initial_sequence_number"
    max_concurrent_streams = b"grpc.max_concurrent_streams"
    max_receive_message_length = b"grpc.max_receive_message_length"
    max_send_message_length = b"grpc.max_send_message_length"
    primary_user_agent_string = b"grpc.primary_user_agent"
    secondary_user_agent_string = b"grpc.secondary_user_agent"
    ssl_session_cache = b"grpc.ssl_session_cache"
    ssl_target_name_override = b"grpc.ssl_target_name_override"


class OperationType(enum.IntEnum):
    """The operations of C-core."""

    send_initial_metadata = 0
    send_message = 1
    send_close_from_client = 2
    send_status_from_server = 3
    receive_initial_metadata = 4
    receive_message = 5
    receive_status_on_client = 6
    receive_close_on_server = 7


class CompressionAlgorithm(enum.IntEnum):
    """The codings of messages, by C-core's numbers."""

    none = 0
    deflate = 1
    gzip = 2


class ReceiveMessageOperation:
    """One operation of C-core; there is nothing here that would carry it out."""

    def __init__(self, flags: int = _EMPTY_FLAGS) -> None:
        self.flags = flags

    def type(self) -> OperationType:
        """What it is."""
        return OperationType.receive_message


_forks = 0


def _forked() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_forked)


def get_fork_epoch() -> int:
    """How often the process has been forked since this was first asked for."""
    return _forks


# -- grpc._typing, grpc.aio._typing ------------------------------------------------------------------------------------

RequestType = TypeVar("RequestType")
ResponseType = TypeVar("ResponseType")
SerializingFunction = Callable[[Any], bytes]
DeserializingFunction = Callable[[bytes], Any]
MetadataKey = str
MetadataValue = str | bytes
MetadatumType = tuple[MetadataKey, MetadataValue]
MetadataType = Sequence[MetadatumType]
RequestIterableType = Iterable[Any] | AsyncIterable[Any]
ResponseIterableType = AsyncIterable[Any]
DoneCallbackType = Callable[[Any], None]
