"""One call across the border between two threads: the engine's call on the I/O thread, a user who waits on another.

    user's thread                                     I/O thread
    start()      ------- IoThread.hand_over ------->  the engine's call begins
    wait()       <------ a lock is released --------  it is over

The user's side never looks into a running call of the engine. Once it is over nothing in it changes any more, and any
thread may read it: its coroutines return without waiting, which is what `_now` relies on.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from typing import Any, Final, NamedTuple, TypeVar

from grpc_core.aio.call import CHANNEL_CLOSED, Call
from grpc_core.aio.eof import EOF
from grpc_core.errors import RpcError
from grpc_core.explanation import Explanation
from grpc_core.logs import logger
from grpc_core.metadata import MetadataPairs, metadata_pairs
from grpc_core.propagation import HANDLED
from grpc_core.status import StatusCode
from grpc_core.sync.loop import Callbacks, IoThread, is_current
from grpc_core.sync.pipes import Inlet, Outlet

Result = TypeVar("Result")
Serializer = Callable[[Any], bytes]

FORKED: Final = "Channel closed due to fork"
ITERATING_FAILED: Final = "Exception iterating requests!"
SERIALIZING_FAILED: Final = "Exception serializing request!"

_log = logger("sync")


class Outcome(NamedTuple):
    """How a call ended."""

    code: StatusCode
    details: str
    initial_metadata: MetadataPairs = ()
    trailing_metadata: MetadataPairs = ()
    debug_error_string: str = ""
    reason: Explanation | None = None
    """What the engine has to say about it, where it took part."""

    def explain(self) -> Explanation:
        """Why the call ended so; what this face has put in the engine's place goes first."""
        if self.reason is None:
            return Explanation(self.code, self.details, decided_by="this side")
        if self.reason.code is self.code:
            return self.reason
        return dataclasses.replace(self.reason, code=self.code, details=self.details, decided_by="this side")


def _now(coroutine: Coroutine[Any, Any, Result] | Generator[Any, Any, Result]) -> Result:
    """The result of a coroutine that does not have to wait."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    coroutine.close()
    raise RuntimeError("a call that is over made its reader wait")


class Exchange:
    """One call. `begin` makes the engine's call, on the I/O thread; `inlet` takes its responses if they are a stream,
    `outlet` gives its requests if they are."""

    __slots__ = (
        "_begin",
        "_call",
        "_callbacks",
        "_failure",
        "_is_over",
        "_lock",
        "_notifier",
        "_over",
        "_pump",
        "_refusal",
        "deadline",
        "inlet",
        "io",
        "next_is_plain",
        "outlet",
    )

    def __init__(
        self,
        io: IoThread,
        begin: Callable[[Exchange], Any],
        notifier: Callbacks,
        timeout: float | None,
        streams_requests: bool = False,
        streams_responses: bool = False,
    ) -> None:
        self.io = io
        self._begin = begin
        self._notifier = notifier
        handled = HANDLED.get()
        if handled is not None:  # as the engine does
            timeout = handled.limit(timeout)
        self.deadline = None if timeout is None else io.loop.time() + timeout
        self.inlet = Inlet(io.loop) if streams_responses else None
        self.outlet = Outlet(io.loop) if streams_requests else None
        self.next_is_plain = False  # the next request is sent as it is; for the thread that takes requests
        self._call: Call[Any, Any] | None = None
        self._failure: Outcome | None = None  # a status of ours, instead of the engine's
        self._refusal: Exception | None = None
        self._pump: asyncio.Task[None] | None = None
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] = []
        self._is_over = False
        # Held until the call is over. Who waits acquires it, and passes it on.
        self._over = threading.Lock()
        self._over.acquire()

    # -- on the I/O thread ---------------------------------------------------------------------------------------------

    def _start(self) -> None:
        try:
            self._call = self._begin(self)
        except Exception as error:  # the channel was closed just now, or cannot make a call like this
            self._refusal = error
            self._failure = Outcome(StatusCode.CANCELLED, str(error), debug_error_string=str(error))
            self._finish()
            return
        if self.inlet is not None:
            self._pump = self.io.loop.create_task(self._receive(self._call, self.inlet))
        if self.outlet is not None:
            self.outlet.before_plain = getattr(self._call, "disable_next_message_compression", None)
        self._call.add_done_callback(self._on_over)

    async def _receive(self, call: Any, inlet: Inlet) -> None:
        try:
            while (message := await call.read()) is not EOF:
                await inlet.put(message, call.response_was_compressed())
        except (Exception, asyncio.CancelledError):
            pass  # the call is over, and says itself how
        finally:
            inlet.end()

    def _on_over(self, call: Call[Any, Any]) -> None:
        if self.inlet is not None and call.cancelled():
            self.inlet.end(discard=True)
        self._finish()

    def _finish(self) -> None:
        if self.outlet is not None:
            self.outlet.close()
        if self._pump is None and self.inlet is not None:
            self.inlet.end()
        with self._lock:
            self._is_over = True
            callbacks, self._callbacks = self._callbacks, []
        self._over.release()
        for callback in callbacks:
            self._notifier.post(callback)

    def _end_with(self, code: StatusCode, details: str) -> bool:
        """End the engine's call. False when it was over."""
        if self._call is None or self._call.done():
            return False
        self._call.end_with(code, details)
        return True

    def _abandon(self, details: str) -> None:
        self._end_with(StatusCode.CANCELLED, details)
        if self.inlet is not None:
            self.inlet.end(discard=True)

    # -- on a user's thread --------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Let the call begin."""
        self.io.hand_over(self._start)

    def start_checked(self) -> None:
        """Let the call begin, and wait for that. Raises UsageError when the engine refuses to make it."""
        self.io.run(self._start_soon())

    async def _start_soon(self) -> None:
        self._start()
        if self._refusal is not None:
            raise self._refusal

    @property
    def is_over(self) -> bool:
        """Whether the call is over."""
        return self._is_lost() or self._is_over

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` has ended the call. The end of the channel is an error, as it is in grpcio."""
        call = self._call
        return self._is_over and call is not None and call.cancelled() and _now(call.details()) != CHANNEL_CLOSED

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the call is over. False when `timeout` seconds have passed before that."""
        if self._is_over or self._is_lost():
            return True
        if not self._over.acquire(timeout=-1 if timeout is None else min(max(timeout, 0), threading.TIMEOUT_MAX)):
            return False
        self._over.release()
        return True

    def wait_for_connection(self) -> bool:
        """Wait until the call is on a connection. False when it has ended before that, other than with OK."""
        if self._is_lost():
            return False
        return self.io.run(self._connected())

    async def _connected(self) -> bool:
        if self._call is None:
            return False
        try:
            await self._call.wait_for_connection()
        except (RpcError, asyncio.CancelledError):
            return False
        return True

    def outcome(self) -> Outcome:
        """How the call ended; waits for it."""
        self.wait()
        if self._failure is not None:
            return self._failure
        call = self._call
        assert call is not None
        code = _now(call.code())
        return Outcome(
            code,
            _now(call.details()),
            metadata_pairs(_now(call.initial_metadata())),
            metadata_pairs(_now(call.trailing_metadata())),
            _now(call.debug_error_string()),
            None if code is StatusCode.OK else call.explain(),
        )

    def is_ok(self) -> bool:
        """Whether the call ended with OK; waits for it."""
        self.wait()
        return self._failure is None and self._call is not None and self._call.status_code is StatusCode.OK

    def response(self) -> bytes:
        """The one response of a call that ended with OK."""
        call: Any = self._call
        with self._lock:  # taking it changes the call, and any number of threads may ask a future
            message: bytes = call.take_response()
        return message

    def response_was_compressed(self) -> bool:
        """Whether the response that was taken last had come compressed; waits for the only one of a call."""
        if self.inlet is not None:
            return self.inlet.taken_was_compressed
        self.wait()
        return self._failure is None and self._call is not None and self._call.response_was_compressed()

    def initial_metadata(self) -> MetadataPairs:
        """What the server sent before its first message; waits for it."""
        if self.is_over:
            return self.outcome().initial_metadata
        return metadata_pairs(self.io.run(self._initial_metadata()))

    async def _initial_metadata(self) -> Any:
        return () if self._call is None else await self._call.initial_metadata()

    def end_with(self, code: StatusCode, details: str) -> bool:
        """End the call with a status of ours. False when it was over."""
        if self.is_over:
            return False
        if self.io.is_here():
            return self._end_with(code, details)
        return self.io.run(self._end_soon(code, details))

    async def _end_soon(self, code: StatusCode, details: str) -> bool:
        if not self._end_with(code, details):
            return False
        await asyncio.sleep(0)  # in which the engine tells `_on_over`
        return True

    def fail(self, code: StatusCode, details: str) -> None:
        """What the server sent cannot be used: a status of ours in place of its own."""
        if not self.end_with(code, details):
            self._failure = self.outcome()._replace(code=code, details=details, debug_error_string=details)

    def abandon(self, details: str) -> None:
        """Nobody is interested any more. Does not wait."""
        if not self._is_lost():
            try:
                self.io.post(self._abandon, details)
            except RuntimeError:
                pass  # the loop is closed: the interpreter exits

    def add_callback(self, callback: Callable[[], object]) -> bool:
        """Call `callback()`, on a thread for callbacks, when the call is over. False when it is over already."""
        with self._lock:
            if self._is_over:
                return False
            self._callbacks.append(callback)
            return True

    def send_all(self, requests: Iterator[Any], serializer: Serializer | None) -> None:
        """Send what the iterator gives, from a thread of its own."""
        threading.Thread(
            target=contextvars.copy_context().run,
            args=(self._send_all, requests, serializer),
            name="grpc_core requests",
            daemon=True,
        ).start()

    def _send_all(self, requests: Iterator[Any], serializer: Serializer | None) -> None:
        assert self.outlet is not None
        while True:
            try:
                request = next(requests)
            except StopIteration:
                break
            except Exception:
                _log.exception(ITERATING_FAILED)
                self.end_with(StatusCode.UNKNOWN, ITERATING_FAILED)
                return
            try:
                message = serialized(request, serializer)
            except Exception:
                _log.exception(SERIALIZING_FAILED)
                self.end_with(StatusCode.INTERNAL, SERIALIZING_FAILED)
                return
            is_plain, self.next_is_plain = self.next_is_plain, False
            if not self.outlet.put(message, is_plain):
                return
        self.outlet.end()

    def _is_lost(self) -> bool:
        """Whether the call is the parent's, and this is a forked child: for us it is over."""
        if is_current(self.io):
            return False
        if not self._is_over or (self.inlet is not None and not self.inlet.is_over):
            self._lock = threading.Lock()
            if self.inlet is not None:
                self.inlet = Inlet(self.io.loop)
                self.inlet.end()
            if self.outlet is not None:
                self.outlet = Outlet(self.io.loop)
                self.outlet.close()
            self._failure = Outcome(StatusCode.CANCELLED, FORKED, debug_error_string=f"CANCELLED:{FORKED}")
            self._is_over = True
        return True


def serialized(request: Any, serializer: Serializer | None) -> bytes:
    """A request as octets. Raises whatever the serializer raises, TypeError when no bytes come of it."""
    message = serializer(request) if serializer is not None else request
    if not isinstance(message, bytes):
        raise TypeError(f"the request is {type(message).__name__} after serializing; bytes are required")
    return message
