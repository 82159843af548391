"""The exceptions of gRPC's Python API, with grpcio's names and meanings."""

from __future__ import annotations

from grpc_core.metadata import Metadata
from grpc_core.status import StatusCode


class RpcError(Exception):
    """A call ended with a status other than OK. The base of every such error, in both faces."""


class FutureTimeoutError(Exception):
    """A wait on a future ran out of time."""


class FutureCancelledError(Exception):
    """The computation behind a future was cancelled."""


class BaseError(Exception):
    """The base of the errors of `grpc_core.aio` that are not the status of a call."""


class UsageError(BaseError):
    """The API was used in a way that it does not allow."""


class AbortError(BaseError):
    """Raised inside a handler by `context.abort`, to leave it. Not to be caught."""


class InternalError(BaseError):
    """A fault of this library."""


class AioRpcError(RpcError):
    """A call of `grpc_core.aio` ended with a status other than OK. Can be pickled."""

    def __init__(
        self,
        code: StatusCode,
        initial_metadata: Metadata,
        trailing_metadata: Metadata,
        details: str | None = None,
        debug_error_string: str | None = None,
    ) -> None:
        super().__init__()
        self._code = code
        self._details = details
        self._initial_metadata = initial_metadata
        self._trailing_metadata = trailing_metadata
        self._debug_error_string = debug_error_string

    def code(self) -> StatusCode:
        """The status code."""
        return self._code

    def details(self) -> str | None:
        """What the server, or the library, says about it."""
        return self._details

    def initial_metadata(self) -> Metadata:
        """What the server sent before its first message."""
        return self._initial_metadata

    def trailing_metadata(self) -> Metadata:
        """What the server sent with the status."""
        return self._trailing_metadata

    def debug_error_string(self) -> str:
        """One line for a log."""
        return self._debug_error_string or ""

    def __str__(self) -> str:
        return (
            f"<{type(self).__name__} of RPC that terminated with:\n"
            f"\tstatus = {self._code}\n"
            f'\tdetails = "{self._details}"\n'
            f'\tdebug_error_string = "{self._debug_error_string}"\n'
            ">"
        )

    __repr__ = __str__

    def __reduce__(self) -> tuple[type[AioRpcError], tuple[object, ...]]:
        return (
            type(self),
            (self._code, self._initial_metadata, self._trailing_metadata, self._details, self._debug_error_string),
        )
