"""Rich errors: `google.rpc.Status` beside the status of a call.

A status has room for a code and a text. What a program shall understand of an error travels as a `google.rpc.Status`,
with any number of messages in `details`, in the trailing metadata under `grpc-status-details-bin`:

    await context.abort_with_status(status_details.to_status(status))       # in a handler
    except grpc.RpcError as error: status = status_details.from_call(error)  # in a client

The names are those of grpcio-status, `grpc_status.rpc_status`. The code stands twice on the wire then, and whoever
reads both has to see that they agree (gRPC over HTTP2, "Status"): one that does not is an error, not a choice.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.message import DecodeError

from grpc_core.descriptions import describe, message_class
from grpc_core.status import CODES, Status, StatusCode, normalize_code

DETAILS_KEY: Final = "grpc-status-details-bin"

describe(
    "google/rpc/status.proto",
    "google.rpc",
    imports=("google/protobuf/any.proto",),
    messages={"Status": ("int32 code = 1", "string message = 2", "repeated .google.protobuf.Any details = 3")},
)
_OwnStatus: Final = message_class("google.rpc.Status")


def status_class() -> Any:
    """The class of `google.rpc.Status`: that of googleapis-common-protos where it can be imported, else our own.

    The two are alike but for their class, and what is compared with `==` has to be of one.
    """
    try:
        return importlib.import_module("google.rpc.status_pb2").Status
    except ImportError:
        return _OwnStatus


@dataclass(frozen=True)
class _RichStatus(Status):
    """What `abort_with_status` takes."""

    code: StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, bytes], ...]


def to_status(status: Any) -> Status:
    """What `context.abort_with_status` takes, for a `google.rpc.Status` of whichever class.

    Raises ValueError for a code that gRPC does not have.
    """
    if not 0 <= status.code < len(CODES):
        raise ValueError(f"Invalid status code {status.code}: the codes of gRPC are 0 to {len(CODES) - 1}")
    return _RichStatus(CODES[status.code], status.message, ((DETAILS_KEY, status.SerializeToString()),))


def from_call(call: Any) -> Any:
    """The `google.rpc.Status` that came with the end of a call, or None when none did.

    `call` is an `RpcError` of either face, or a call of the blocking face; for a call of asyncio there is
    `await aio.from_call(call)`. Raises ValueError when what came cannot be read, or has another code or text than the
    call's own status.
    """
    if inspect.iscoroutinefunction(call.code):
        raise TypeError(f"from_call: the status of {call!r} has to be awaited: use `await aio.from_call(call)`")
    return _read(call.code(), call.details(), call.trailing_metadata())


class aio:
    """The same for calls of asyncio, under the name that grpcio-status gives it."""

    @staticmethod
    async def from_call(call: Any) -> Any:
        """Wait for the end of an asyncio call, then as `from_call`."""
        return _read(await call.code(), await call.details(), await call.trailing_metadata())


def _read(code: Any, details: str | None, trailing_metadata: Any) -> Any:
    value = next((value for key, value in trailing_metadata or () if key == DETAILS_KEY), None)
    if value is None:
        return None
    try:
        status = status_class().FromString(value)
    except DecodeError as error:
        raise ValueError(f"the value of {DETAILS_KEY} is not a google.rpc.Status: {error}")
    if normalize_code(code).value[0] != status.code:
        raise ValueError(f"Code in Status proto ({_code_text(status.code)}) doesn't match status code ({code})")
    if (details or "") != status.message:
        raise ValueError(f"Message in Status proto ({status.message}) doesn't match status details ({details})")
    return status


def _code_text(number: int) -> str:
    return str(CODES[number]) if 0 <= number < len(CODES) else str(number)
