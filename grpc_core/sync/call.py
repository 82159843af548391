"""What a caller gets: errors that are calls and futures, and responses that are iterators, calls and futures.

The odd unions are grpcio's, and programs use every side of them: `except RpcError as error: error.code()`;
`for response in call: ...` and `call.cancel()` from another thread; `future.add_done_callback(...)`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from grpc_core.errors import FutureCancelledError, FutureTimeoutError, RpcError
from grpc_core.explanation import Explanation
from grpc_core.interfaces import Call, CallFuture, CallIterator, Future
from grpc_core.logs import logger
from grpc_core.metadata import MetadataPairs
from grpc_core.status import StatusCode
from grpc_core.sync.exchange import Exchange, Outcome
from grpc_core.type_variables import Result

Deserializer = Callable[[bytes], Any]

CANCELLED: Final = "Locally cancelled by application!"
COLLECTED: Final = "Cancelled upon garbage collection!"
DESERIALIZING_FAILED: Final = "Exception deserializing response!"

_log = logger("sync")
_NONE: Final = object()


def _described(name: str, outcome: Outcome) -> str:
    text = f'<{name} of RPC that terminated with:\n\tstatus = {outcome.code}\n\tdetails = "{outcome.details}"\n'
    if outcome.code is not StatusCode.OK:
        text += f'\tdebug_error_string = "{outcome.debug_error_string}"\n'
    return text + ">"


class _InactiveRpcError(RpcError, Call, Future[NoReturn]):
    """A call that is over and failed. Can be pickled."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self._outcome = outcome

    def code(self) -> StatusCode:
        """The status code."""
        return self._outcome.code

    def details(self) -> str:
        """The status text."""
        return self._outcome.details

    def initial_metadata(self) -> MetadataPairs:
        """What the server sent before its first message."""
        return self._outcome.initial_metadata

    def trailing_metadata(self) -> MetadataPairs:
        """What the server sent with the status."""
        return self._outcome.trailing_metadata

    def debug_error_string(self) -> str:
        """One line for a log."""
        return self._outcome.debug_error_string

    def explain(self) -> Explanation:
        """Why the call failed, as far as this side has seen it: a record, and as `str()` some lines of text."""
        return self._outcome.explain()

    def is_active(self) -> bool:
        """It is over."""
        return False

    def time_remaining(self) -> float | None:
        """It has no deadline any more."""
        return None

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """It is over: the callback is not called."""
        return False

    def cancel(self) -> bool:
        """It is over."""
        return False

    def cancelled(self) -> bool:
        """It failed; a call that is cancelled cannot be waited for with this error."""
        return False

    def running(self) -> bool:
        """It is over."""
        return False

    def done(self) -> bool:
        """It is over."""
        return True

    def result(self, timeout: float | None = None) -> NoReturn:
        """Raise this error."""
        raise self

    def exception(self, timeout: float | None = None) -> Self:
        """This error."""
        return self

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        """The traceback of this error."""
        try:
            raise self
        except RpcError:
            return sys.exc_info()[2]

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        """Call `fn` at once."""
        fn(self)

    def __str__(self) -> str:
        return _described(type(self).__name__, self._outcome)

    __repr__ = __str__


def take_response(exchange: Exchange, deserializer: Deserializer | None) -> Any:
    """The response of a call with one; waits for it. Raises _InactiveRpcError for any status but OK."""
    if exchange.is_ok():
        message = exchange.response()
        if deserializer is None:
            return message
        try:
            return deserializer(message)
        except Exception:
            _log.exception(DESERIALIZING_FAILED)
            exchange.fail(StatusCode.INTERNAL, DESERIALIZING_FAILED)
    raise _InactiveRpcError(exchange.outcome())


class _Rendezvous(RpcError):
    """A call in progress, for programs that ask by grpcio's name of the base class."""


class _MultiThreadedRendezvous(_Rendezvous, CallFuture[Result], CallIterator[Result]):
    """A call in progress; every method may be called from every thread.

    When the call fails, it is this object that is raised. A call that nobody holds any more is cancelled.
    """

    def __init__(self, exchange: Exchange, deserializer: Callable[[bytes], Result] | None) -> None:
        super().__init__()
        self._exchange = exchange
        self._deserializer = deserializer
        self._response: Any = _NONE

    # -- about the call ------------------------------------------------------------------------------------------------

    def code(self) -> StatusCode:
        """The status code; waits for it."""
        return self._settled().code

    def details(self) -> str:
        """The status text; waits for it."""
        return self._settled().details

    def initial_metadata(self) -> MetadataPairs:
        """What the server sent before its first message; waits for it."""
        return self._exchange.initial_metadata()

    def trailing_metadata(self) -> MetadataPairs:
        """What the server sent with the status; waits for it."""
        return self._settled().trailing_metadata

    def debug_error_string(self) -> str:
        """One line for a log; waits for the status."""
        return self._settled().debug_error_string

    def explain(self) -> Explanation:
        """Why the call ended as it did; waits for the status."""
        return self._settled().explain()

    def is_active(self) -> bool:
        """Whether the call is not over."""
        return not self._exchange.is_over

    def time_remaining(self) -> float | None:
        """Seconds to the deadline, or None when there is none."""
        deadline = self._exchange.deadline
        return None if deadline is None else max(deadline - self._exchange.io.loop.time(), 0.0)

    def cancel(self) -> bool:
        """Cancel the call. False when it was over."""
        return self._exchange.end_with(StatusCode.CANCELLED, CANCELLED)

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Call `callback()` when the call is over. False, and it is not called, when the call is over already."""
        return self._exchange.add_callback(callback)

    # -- compression; not in grpcio -----------------------------------------------------------------------------------

    def response_was_compressed(self) -> bool:
        """Whether the response that was taken last had come compressed; waits for the only one of a call."""
        return self._exchange.response_was_compressed()

    def disable_next_message_compression(self) -> None:
        """Send the next request of a stream as it is, whatever the compression of the call.

        To be called by the iterator of the requests, before it gives the one that is meant.
        """
        self._exchange.next_is_plain = True

    # -- the responses, when they are a stream -------------------------------------------------------------------------

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Result:
        return self.take(None)

    def take(self, timeout: float | None) -> Result:
        """The next response, as `next` gives it. Raises TimeoutError after `timeout` seconds; no response is lost."""
        inlet = self._exchange.inlet
        if inlet is None:
            raise TypeError("a call with one response is not an iterator")
        if self._exchange.is_over:
            inlet = self._exchange.inlet  # in a forked child it was replaced
            assert inlet is not None
        message = inlet.take(timeout)
        if message is None:
            if self._exchange.is_ok():
                raise StopIteration
            raise self
        if self._deserializer is None:
            return message  # type: ignore[return-value]  # without a deserializer, Result is bytes
        try:
            return self._deserializer(message)
        except Exception:
            _log.exception(DESERIALIZING_FAILED)
            self._exchange.fail(StatusCode.INTERNAL, DESERIALIZING_FAILED)
            inlet.end(discard=True)
            raise self

    def next(self) -> Result:
        """The next response; raises StopIteration after the last."""
        return self.__next__()

    def wait_for_connection(self) -> bool:
        """Wait until the call is on a connection. False when it has failed before that."""
        return self._exchange.wait_for_connection()

    # -- the future ----------------------------------------------------------------------------------------------------

    def cancelled(self) -> bool:
        """Whether the call was cancelled from this side."""
        return self._exchange.is_cancelled

    def running(self) -> bool:
        """Whether the call is not over."""
        return not self._exchange.is_over

    def done(self) -> bool:
        """Whether the call is over."""
        return self._exchange.is_over

    def result(self, timeout: float | None = None) -> Result:
        """The response; waits for it. None when the responses are a stream.

        Raises FutureTimeoutError, FutureCancelledError, or this object when the status is not OK.
        """
        error = self.exception(timeout)
        if error is not None:
            raise error
        response: Any = None if self._response is _NONE else self._response
        return response  # type: ignore[no-any-return]  # what the deserializer gave

    def exception(self, timeout: float | None = None) -> Self | None:
        """None when the status is OK, else this object; waits as `result` does."""
        if not self._exchange.wait(timeout):
            raise FutureTimeoutError
        code = self._settled().code
        if self._exchange.is_cancelled:
            raise FutureCancelledError
        return None if code is StatusCode.OK else self

    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        """The traceback of what `result` raises, or None; waits as it does."""
        error = self.exception(timeout)
        try:
            if error is not None:
                raise error
        except RpcError:
            return sys.exc_info()[2]
        return None

    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        """Call `fn(self)` when the call is over; at once when it is."""
        if not self._exchange.add_callback(lambda: fn(self)):
            fn(self)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _settled(self) -> Outcome:
        """How the call ended; waits for it. One response is read here: it is not OK when it cannot be."""
        if self._response is _NONE and self._exchange.inlet is None and self._exchange.is_ok():
            try:
                self._response = take_response(self._exchange, self._deserializer)
            except _InactiveRpcError:
                pass
        return self._exchange.outcome()

    def __repr__(self) -> str:
        if not self._exchange.is_over:
            return f"<{type(self).__name__} object>"
        return _described(type(self).__name__, self._exchange.outcome())

    __str__ = __repr__

    def __del__(self) -> None:
        exchange = getattr(self, "_exchange", None)
        if exchange is not None and (exchange.inlet is not None or not exchange.is_over) and not sys.is_finalizing():
            exchange.abandon(COLLECTED)
