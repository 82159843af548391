"""What a blocking handler is given: the context of its call, and the requests of a stream."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn, Self

from grpc_core import aio, interfaces
from grpc_core.errors import AbortError, RpcError, UsageError
from grpc_core.interfaces import MetadataLike
from grpc_core.logs import logger
from grpc_core.metadata import MetadataPairs
from grpc_core.propagation import HandledCall
from grpc_core.status import StatusCode, normalize_code
from grpc_core.sync.loop import Callbacks, IoThread
from grpc_core.sync.pipes import Inlet, Outlet

_log = logger("sync")

CANCELLED: Final = "Cancelled on the server side"


class ServicerContext(interfaces.ServicerContext):
    """One call, as its handler sees it; from any thread."""

    def __init__(self, engine: aio.ServicerContext, io: IoThread, notifier: Callbacks, is_told: bool = False) -> None:
        """`is_told`: the server calls `over` by itself when the call is over."""
        self._engine = engine
        self._io = io
        self._notifier = notifier
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] | None = []
        self._code: Any = None
        self._details: bytes | None = None
        self._takes_initial_metadata = True
        self._skips_compression = False
        self.inlet: Inlet | None = None
        """Where the requests come from when they are a stream; set by the server."""
        self.aborted = False
        self.put: Callable[[Any], bool] | None = None
        """For a method with a stream of responses: sends one; False when nobody takes it any more."""
        self.outlet: Outlet | None = None
        self.sending: asyncio.Task[None] | None = None  # takes from the outlet
        if not is_told:
            engine.add_done_callback(self.over)

    def over(self, engine: object = None) -> None:
        """For the server: the call is over, and those who asked to know are told. May be called again."""
        with self._lock:
            callbacks, self._callbacks = self._callbacks, None
        for callback in callbacks or ():
            self._notifier.post(callback)

    @property
    def engine(self) -> aio.ServicerContext:
        """For the server: the context of the engine, for use on the I/O thread."""
        return self._engine

    @property
    def handled(self) -> HandledCall:
        """For the server: what the calls made from the handler inherit."""
        return self._engine.handled

    # -- about the call ------------------------------------------------------------------------------------------------

    def is_active(self) -> bool:
        """Whether the call is not over."""
        return not self._engine.done()

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline, or None when it has none."""
        return self._engine.time_remaining()

    def cancel(self) -> None:
        """End the call with CANCELLED."""
        self._io.post(self._cancel)

    def _cancel(self) -> None:
        self._engine.finish(StatusCode.CANCELLED, CANCELLED)
        self._engine.handled.cancel(is_late=False)
        self.over()
        self._engine.run_callbacks()
        self._engine.wake()

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Call `callback()` when the call is over. False, and it is not called, when the call is over already."""
        with self._lock:
            if self._callbacks is None:
                return False
            self._callbacks.append(callback)
            return True

    def invocation_metadata(self) -> MetadataPairs:
        """The client's metadata: pairs that have a `key` and a `value`."""
        return self._engine.invocation_metadata()

    def peer(self) -> str:
        """The client's address, e.g. "ipv4:127.0.0.1:5000"."""
        return self._engine.peer()

    def peer_identities(self) -> Iterable[bytes] | None:
        """Who the client has proved to be; None without TLS client certificates."""
        return self._engine.peer_identities()

    def peer_identity_key(self) -> str | None:
        """By what the client was identified; None without TLS client certificates."""
        return self._engine.peer_identity_key()

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What is known of the connection's security."""
        return self._engine.auth_context()

    # -- the answer ----------------------------------------------------------------------------------------------------

    def set_compression(self, compression: Any) -> None:
        """How to compress the responses."""
        self._engine.set_compression(compression)

    def disable_next_message_compression(self) -> None:
        """Send the next response as it is."""
        self._skips_compression = True

    def request_was_compressed(self) -> bool:
        """Whether the request that was taken last had come compressed. Not in grpcio."""
        return self._engine.request_was_compressed() if self.inlet is None else self.inlet.taken_was_compressed

    def take_skips_compression(self) -> bool:
        """For the server: whether the response that comes now is the one that is sent as it is."""
        skips, self._skips_compression = self._skips_compression, False
        return skips

    def send_initial_metadata(self, initial_metadata: MetadataLike) -> None:
        """Send initial metadata now, instead of with the first response. Raises ValueError when that is too late."""
        if not self._takes_initial_metadata:
            raise ValueError("Initial metadata no longer allowed!")
        self._takes_initial_metadata = False
        try:
            self._io.run(self._engine.send_initial_metadata(tuple(initial_metadata)))
        except UsageError:
            raise ValueError("Initial metadata no longer allowed!")

    def set_trailing_metadata(self, trailing_metadata: MetadataLike) -> None:
        """The metadata to send with the status. Raises ValueError when it is not valid."""
        self._engine.set_trailing_metadata(trailing_metadata)

    def trailing_metadata(self) -> MetadataPairs:
        """What `set_trailing_metadata` was given."""
        return self._engine.trailing_metadata()

    def abort(self, code: Any, details: str) -> NoReturn:
        """Leave the handler, by raising AbortError, and end the call with this status."""
        if code is None or getattr(code, "value", code) == StatusCode.OK.value:
            _log.error("abort() called with %s; returning UNKNOWN", code)
            code, details = StatusCode.UNKNOWN, "" if code is not None else details
        self.aborted = True
        self._code = code
        self.set_details(details)
        raise AbortError("Locally aborted.")

    def abort_with_status(self, status: Any) -> NoReturn:
        """As `abort`, with an object that has `code`, `details` and `trailing_metadata`."""
        if status.trailing_metadata:
            self.set_trailing_metadata(status.trailing_metadata)
        self.abort(status.code, status.details)

    def set_code(self, code: Any) -> None:
        """The status code to end with when the handler returns; the default is OK."""
        self._code = code

    def set_details(self, details: str) -> None:
        """The status text to end with."""
        self._details = details if isinstance(details, bytes) else details.encode("utf-8", "surrogatepass")

    def code(self) -> Any:
        """What `set_code` was given."""
        return self._code

    def details(self) -> bytes | None:
        """What `set_details` was given, as UTF-8."""
        return self._details

    # -- for the server and for streams --------------------------------------------------------------------------------

    def close(self, code: Any, details: str) -> None:
        """End the call with this status as soon as what was put before is sent, and wait for that."""
        self._code = code
        self.set_details(details)
        if self.outlet is not None:
            self.outlet.end()
        self._io.run(self._close())

    async def _close(self) -> None:
        if self.sending is not None:
            await asyncio.wait([self.sending])
        self.settle()
        self._engine.finish(self._engine.code() or StatusCode.OK, self._engine.details())
        self.over()
        self._engine.run_callbacks()
        self._engine.wake()

    def end_with(self, code: StatusCode, details: str) -> None:
        """The status of a call that went wrong, unless the handler has set its own."""
        if self._code is None:
            self._code = code
        if self._details is None:
            self.set_details(details)

    def settle(self) -> None:
        """On the I/O thread: tell the engine the status to end with."""
        if self._code is not None:
            try:
                code = normalize_code(self._code)
            except (TypeError, ValueError):
                code = StatusCode.UNKNOWN
            self._engine.set_code(code)
        if self._details is not None:
            self._engine.set_details(self._details.decode("utf-8", "replace"))


class ClientGone(RpcError):
    """Raised in a handler that takes requests of a client that has gone."""


class RequestIterator:
    """The requests of a stream, for a handler: an iterator."""

    def __init__(self, inlet: Inlet, deserialize: Callable[[bytes], Any], context: ServicerContext) -> None:
        self._inlet = inlet
        self._deserialize = deserialize
        self._context = context

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self.take(None)

    def take(self, timeout: float | None) -> Any:
        """The next request. Raises StopIteration after the last, TimeoutError when `timeout` seconds have passed."""
        message = self._inlet.take(timeout)
        if message is not None:
            return self._deserialize(message)
        if self._context.is_active():
            raise StopIteration
        raise ClientGone

    def next(self) -> Any:
        """The next request; raises StopIteration after the last."""
        return self.__next__()
