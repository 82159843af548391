"""The exceptions of gRPC's Python API, with grpcio's names and meanings.

A program may use both libraries: stubs that grpcio generated work on our channels, and the code around them says
`except grpc.RpcError`. An `except` clause looks at the bases of an exception and at nothing else, so our errors get
grpcio's as further bases, as soon as there is an error in a process in which grpcio is loaded (docs/decisions).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

from grpc_core.metadata import Metadata
from grpc_core.status import StatusCode

if TYPE_CHECKING:
    from grpc_core.explanation import Explanation


class _Error(Exception):
    """Between `RpcError` and `Exception`: the bases of a class can be changed only while the first stays a class of
    Python's own making."""


class RpcError(_Error):
    """A call ended with a status other than OK. The base of every such error, in both faces.

    Where grpcio is loaded, `except grpc.RpcError` of grpcio's catches it too.
    """

    def __new__(cls, *arguments: Any, **named: Any) -> Self:
        if "grpc" in sys.modules:
            _join_grpcio()
        return super().__new__(cls, *arguments, **named)

    def explain(self) -> Explanation:
        """Why the call failed, as far as this side has seen it: a record, and as `str()` some lines of text."""
        from grpc_core.explanation import Explanation

        return Explanation(StatusCode.UNKNOWN, str(self))


class FutureTimeoutError(Exception):
    """A wait on a future ran out of time."""


class FutureCancelledError(Exception):
    """The computation behind a future was cancelled."""


class BaseError(Exception):
    """The base of the errors of `grpc_core.aio` that are not the status of a call."""


class UsageError(BaseError):
    """The API was used in a way that it does not allow."""


class AbortError(BaseError):
    """Raised inside a handler by `context.abort`, in both faces, to leave it; whoever wraps a handler lets it pass.

    It tells an abort, which is an answer, from an exception that is a fault. grpcio's blocking server raises a plain
    `Exception` here, of which this is one.
    """


class EndOfStream(BaseError, EOFError):
    """A stream has no more messages, or takes no more: its other side is done. For a call that ended with OK, or the
    requests of a client that said that they are all; any other end is an RpcError."""


class StreamTimeoutError(FutureTimeoutError, TimeoutError):
    """`recv(timeout=...)` ran out of time. No message is lost: the next `recv` gets it."""


class InternalError(BaseError):
    """A fault of this library."""


class AioRpcError(RpcError):
    """A call of `grpc_core.aio` ended with a status other than OK. Can be pickled."""

    def __init__(
        self,
        code: StatusCode,
        initial_metadata: Metadata | None = None,
        trailing_metadata: Metadata | None = None,
        details: str | None = None,
        debug_error_string: str | None = None,
        _explanation: Explanation | None = None,
    ) -> None:
        Exception.__init__(self)  # the next class may be grpcio's, which wants the arguments
        self._code = code
        self._details = details
        self._initial_metadata = initial_metadata if initial_metadata is not None else Metadata()
        self._trailing_metadata = trailing_metadata if trailing_metadata is not None else Metadata()
        self._debug_error_string = debug_error_string
        self._explanation = _explanation

    def explain(self) -> Explanation:
        """Why the call failed, as far as this side has seen it: a record, and as `str()` some lines of text."""
        from grpc_core.explanation import Explanation

        return self._explanation or Explanation(self._code, self._details or "")

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
            (
                self._code,
                self._initial_metadata,
                self._trailing_metadata,
                self._details,
                self._debug_error_string,
                self._explanation,
            ),
        )


def _join_grpcio() -> None:
    """Make grpcio's errors bases of ours, once, if it is grpcio that is loaded, and loaded to its end."""
    if len(RpcError.__bases__) > 1:
        return
    foreign = sys.modules["grpc"]
    theirs = getattr(foreign, "RpcError", None)
    if theirs is None or theirs is RpcError:  # the second where `grpc_core.compat` is installed
        return
    theirs_of_aio = getattr(getattr(foreign, "aio", None), "AioRpcError", None)
    if theirs_of_aio is None:
        return
    try:
        RpcError.__bases__ = (_Error, theirs)
        AioRpcError.__bases__ = (RpcError, theirs_of_aio)
    except TypeError:  # a subclass of both, somewhere, whose bases stand in the other order
        return
