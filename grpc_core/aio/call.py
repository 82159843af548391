"""The calls of an asyncio client: what a multi-callable returns (grpcio's `grpc.aio.Call` and its four kinds).

A call exists at once and starts at once: nothing has to be awaited for its request to leave. It lives through at most a
few *attempts* (`calls.ClientCall`): when an attempt is known not to have reached the server's application, it is made
again on another stream without anybody noticing (gRFC A6, "transparent retries").

Whoever waits, waits in `_changed`: everything that happens to the attempt wakes all waiters, and each looks again at
the state it waits for. There is no second copy of that state.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, cast

from grpc_core.aio import interfaces
from grpc_core.aio.authentication import CredentialsFailed, credential_fields
from grpc_core.aio.eager import resolve
from grpc_core.aio.link import ConnectFailed
from grpc_core.aio.protocol import ClientProtocol
from grpc_core.aio.retrying import Retrying
from grpc_core.calls import ClientCall, Observer
from grpc_core.deadline import encode_timeout
from grpc_core.errors import AioRpcError
from grpc_core.explanation import Explanation
from grpc_core.hedging import CallHedging
from grpc_core.metadata import Fields, Metadata, MetadataPairs, encode_metadata
from grpc_core.propagation import HANDLED, HandledCall
from grpc_core.status import OK, StatusCode
from grpc_core.target import format_peer
from grpc_core.type_variables import Request, Response
from grpc_core.wire import MessageError
from http2 import UsageError as Http2UsageError

if TYPE_CHECKING:
    from grpc_core.aio.channel import CallSettings, Method


DEADLINE_EXCEEDED = "Deadline Exceeded"
CANCELLED = "Locally cancelled by application!"
CHANNEL_CLOSED = "Channel closed!"
ALREADY_FINISHED = "RPC already finished."


class Call(Retrying, interfaces.Call, Generic[Request, Response]):
    """What all four kinds of call have in common: metadata, status, cancellation, deadline, callbacks."""

    def __init__(self, method: Method[Request, Response], settings: CallSettings) -> None:
        # Not defaults in the class: reading one there takes as long as assigning three here, and most are read.
        self._credential_fields: Fields = ()
        self._attempt: ClientCall | None = None
        self._protocol: ClientProtocol | None = None
        self._code: StatusCode | None = None
        self._details = ""
        self._decided_by = ""
        self._initial_metadata: MetadataPairs | None = None
        self._trailing_metadata: MetadataPairs = ()
        self._cancelled = False
        self._starting: asyncio.Task[None] | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._hedging: CallHedging | None = None
        self._parent: HandledCall | None = None
        self._retry = None
        self._retry_timer = None
        self._repeats = 0  # of attempts that the server has not processed
        self.method = method
        self._loop = asyncio.get_running_loop()
        self._fields: Fields = encode_metadata(settings.metadata)
        self._waiters: list[asyncio.Future[None]] = []
        self._done_callbacks: list[Callable[[Any], None]] = []
        if method.config is not None:
            settings = settings.under(method.config)
            self._retry = method.channel.retry(method.config)
            self._hedging = method.channel.hedging(method.config)
        self._settings = settings
        timeout = settings.timeout
        parent = HANDLED.get()
        if parent is not None:
            self._parent = parent
            timeout = parent.limit(timeout)
        self._timeout = timeout
        if timeout is not None:
            self._deadline = self._loop.time() + timeout
            self._timer = self._loop.call_later(max(timeout, 0), self._on_deadline)
        method.channel.call_started(self)
        tally = method.channel.tally
        tally.started += 1
        tally.started_at = time.time()
        if parent is not None and (ending := parent.enter(self)) is not None:
            self._finish(*ending, "the end of the call that this one was made for")

    # -- grpcio's API --------------------------------------------------------------------------------------------------

    def cancel(self) -> bool:
        """Cancel the call. False when it was already over."""
        return self._cancel(CANCELLED, decided_by="this side: cancel()")

    def cancelled(self) -> bool:
        """Whether the call was cancelled from this side."""
        return self._code is StatusCode.CANCELLED and self._cancelled

    def done(self) -> bool:
        """Whether the call is over."""
        return self._code is not None

    def time_remaining(self) -> float | None:
        """Seconds to the deadline, or None when there is none."""
        return None if self._deadline is None else max(self._deadline - self._loop.time(), 0.0)

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call `callback(call)` when the call is over; at once when it is."""
        if self._code is not None:
            callback(self)
        else:
            self._done_callbacks.append(callback)

    async def initial_metadata(self) -> Metadata:
        """What the server sent before its first message; waits for it."""
        while self._initial_metadata is None and self._code is None:
            await self._changed()
        return Metadata(*(self._initial_metadata or ()))

    async def trailing_metadata(self) -> Metadata:
        """What the server sent with the status; waits for it."""
        await self._over()
        return Metadata(*self._trailing_metadata)

    async def code(self) -> StatusCode:
        """The status code; waits for it."""
        await self._over()
        assert self._code is not None
        return self._code

    async def details(self) -> str:
        """The status text; waits for it."""
        await self._over()
        return self._details

    async def debug_error_string(self) -> str:
        """One line for a log; waits for the status."""
        await self._over()
        return self._debug_error_string()

    @property
    def status_code(self) -> StatusCode | None:
        """What `code` gives, for those who do not wait: None while the call is not over. Not in grpcio."""
        return self._code

    def response_was_compressed(self) -> bool:
        """Whether the response that was read last had come compressed. False before the first. Not in grpcio."""
        return self._attempt is not None and self._attempt.inbox.taken_flag == 1

    async def wait_for_connection(self) -> None:
        """Return when the call is on a connection; raise AioRpcError when it failed before."""
        while self._attempt is None and self._code is None:
            await self._changed()
        if self._attempt is None:
            self.raise_for_status()

    # -- what the observer of `calls` is told --------------------------------------------------------------------------

    def headers_received(self) -> None:
        assert self._attempt is not None
        self._initial_metadata = self._attempt.initial_metadata or ()
        if self._retry is not None:
            self._retry.commit()
        if self._waiters:
            self._wake()

    def message_received(self) -> None:
        self._wake()

    def writable(self) -> None:
        self._wake()

    def finished(self) -> None:
        attempt = self._attempt
        assert attempt is not None
        assert attempt.code is not None
        if attempt.is_unprocessed and self._can_repeat(attempt):
            self._attempt = None
            if not attempt.is_unsent:
                self._repeats += 1
            self._start()
            return
        if self._retry is not None and self._tries_again(attempt.code, attempt.trailing_metadata):
            return
        if self._hedging is not None and attempt.code is OK:
            self._hedging.succeeded()
        code, details = attempt.code, attempt.details
        if self._deadline is not None and code is StatusCode.CANCELLED and self._loop.time() >= self._deadline:
            code, details = StatusCode.DEADLINE_EXCEEDED, DEADLINE_EXCEEDED
        self._trailing_metadata = attempt.trailing_metadata
        if self._initial_metadata is None:
            self._initial_metadata = attempt.initial_metadata or ()
        code, details = self._judged(attempt, code, details)
        self._finish(code, details, attempt.decided_by)

    def _judged(self, attempt: ClientCall, code: StatusCode, details: str) -> tuple[StatusCode, str]:
        """The status that the caller sees, for the one that the attempt ended with."""
        return code, details

    # -- starting ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Begin an attempt: now when there is a connection, else when there is one."""
        if self._code is not None:
            return  # the call that this one is made from has been cancelled
        if self._timeout is not None and self._timeout <= 0:
            self._loop.call_soon(self._on_deadline)
            return
        protocol = self.method.channel.link.ready
        if protocol is not None and self._settings.credentials is None:
            self._start_on(protocol)
        else:
            self._starting = self._loop.create_task(self._start_when_ready())

    async def _start_when_ready(self) -> None:
        link = self.method.channel.link
        credentials = self._settings.credentials
        try:
            if credentials is not None and self._repeats == 0:
                self._credential_fields = await credential_fields(credentials, self.method)
            protocol = await link.wait_ready(bool(self._settings.wait_for_ready))
        except CredentialsFailed as failure:
            self._finish(failure.code, str(failure), "this side: the call credentials gave no metadata")
        except ConnectFailed as error:
            if not self._tries_again(StatusCode.UNAVAILABLE):
                self._finish(StatusCode.UNAVAILABLE, str(error), "this side: there was no connection to send it on")
        except Exception as error:  # whatever it is, a call ends with a status and never just hangs
            details = f"the call could not be started: {error!r}"
            self._finish(StatusCode.INTERNAL, details, "this side: a fault of the library")
        else:
            if self._code is None:
                self._start_on(protocol)

    def _start_on(self, protocol: ClientProtocol) -> None:
        retry = self._retry
        try:
            if self._hedging is None:
                self._attempt = self.start_attempt(protocol, self, 0 if retry is None else retry.attempts - 1)
            else:
                hedges = self.method.channel.hedges(self, self._hedging)
                hedges.begin(protocol)
                self._attempt = cast(ClientCall, hedges)  # it stands in for the one that will win
        except Http2UsageError as error:
            self._finish(
                StatusCode.RESOURCE_EXHAUSTED, str(error), "this side: the metadata is more than the server takes"
            )
            return
        self._protocol = protocol
        try:
            self._on_started(self._attempt)
            if retry is not None:
                retry.replay(self._attempt)
        except MessageError as error:
            self._cancel(error.details, error.code, "this side: the request is more than may be sent")
        protocol.schedule_flush()
        if self._waiters:
            self._wake()

    def start_attempt(self, protocol: ClientProtocol, observer: Observer, previous: int) -> ClientCall:
        """A stream with the call's head, after so many attempts that failed. Raises http2.UsageError."""
        fields = self._fields + self._credential_fields
        if previous:
            fields += ((b"grpc-previous-rpc-attempts", b"%d" % previous),)
        timeout = None if self._deadline is None else encode_timeout(self._deadline - self._loop.time())
        coding = self._settings.coding
        head = self.method.head(coding, fields, timeout)
        attempt = protocol.session.start(head, observer, coding, self.method.limits)
        if protocol.upkeep is not None:
            protocol.upkeep.poll()
        return attempt

    def settle_on(self, attempt: ClientCall, protocol: ClientProtocol) -> None:
        """Of several attempts this is the one."""
        self._attempt = attempt
        self._protocol = protocol
        self._wake()

    @property
    def settings(self) -> CallSettings:
        """What the caller and the service config say about this call."""
        return self._settings

    def _on_started(self, attempt: ClientCall) -> None:
        """Send what can be sent at once."""
        raise NotImplementedError

    def _can_repeat(self, attempt: ClientCall) -> bool:
        """Whether an attempt that the server has not processed may be made again: only while nobody has seen of it,
        and once when the server had it in its hands (gRFC A6)."""
        return (
            (self._repeats == 0 or attempt.is_unsent)
            and self._code is None
            and self._hedging is None
            and self._initial_metadata is None
            and not self.method.channel.is_closed
        )

    # -- ending --------------------------------------------------------------------------------------------------------

    def _cancel(self, details: str, code: StatusCode = StatusCode.CANCELLED, decided_by: str = "this side") -> bool:
        if self._code is not None:
            return False
        self._cancelled = code is StatusCode.CANCELLED
        self._commit()
        if self._attempt is not None:
            self._attempt.cancel(code, details, decided_by)
            if self._protocol is not None:
                self._protocol.schedule_flush()
        self._finish(code, details, decided_by)
        return True

    def end_with_parent(self, code: StatusCode, details: str) -> None:
        """The call that this one was made from has been cancelled. From any thread."""
        try:
            self._loop.call_soon_threadsafe(self._end_with_parent, code, details)
        except RuntimeError:
            pass  # the loop is closed, and the call gone with it

    def _end_with_parent(self, code: StatusCode, details: str) -> None:
        if self._cancel(details, code):
            self._cancelled = False  # a status for the caller, and no asyncio.CancelledError: its task is not cancelled

    def _on_deadline(self) -> None:
        self._timer = None
        self._cancel(DEADLINE_EXCEEDED, StatusCode.DEADLINE_EXCEEDED, "this side: the deadline passed")

    def _finish(self, code: StatusCode, details: str, decided_by: str) -> None:
        if self._code is not None:
            return
        self._code = code
        self._details = details
        self._decided_by = decided_by
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._retry_timer is not None:
            self._retry_timer.cancel()
        if self._starting is not None and self._starting is not asyncio.current_task(self._loop):
            self._starting.cancel()
        if self._parent is not None:
            self._parent.leave(self)
            self._parent = None
        self.method.channel.call_over(self)
        if code is OK:
            self.method.channel.tally.succeeded += 1
        else:
            self.method.channel.tally.failed += 1
        if self._waiters:
            self._wake()
        callbacks, self._done_callbacks = self._done_callbacks, []
        for callback in callbacks:
            self._loop.call_soon(callback, self)

    # -- for a writer of requests (`streaming.RequestWriter`) ----------------------------------------------------------

    async def started(self) -> ClientCall:
        """The attempt, as soon as there is one. Raises when the call is over."""
        while self._attempt is None and self._code is None:
            await self._changed()
        if self._code is not None or self._attempt is None:
            self.raise_for_status()
            raise asyncio.InvalidStateError(ALREADY_FINISHED)
        return self._attempt

    async def wait_for_room(self) -> None:
        """Return when one more message may be queued, or the call is over."""
        while self._code is None and self._attempt is not None and not self._attempt.can_send:
            await self._changed()

    def end_with(self, code: StatusCode, details: str) -> None:
        """End the call with a status of ours, unless it is over."""
        self._cancel(details, code)

    def flush(self) -> None:
        """What was said on the connection leaves at the end of this turn of the loop."""
        if self._protocol is not None and self._protocol.connection.has_output:
            self._protocol.schedule_flush()

    # -- waiting -------------------------------------------------------------------------------------------------------

    async def _changed(self) -> None:
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiters.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future in self._waiters:  # a call that goes on does not collect those who gave up
                self._waiters.remove(future)
            raise

    async def _over(self) -> None:
        while self._code is None:
            await self._changed()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        if self._protocol is not None:
            self._protocol.wake(waiters)
        else:
            resolve(waiters)

    # -- results -------------------------------------------------------------------------------------------------------

    def _deserialize(self, message: bytes) -> Response:
        """The response; ends the call with INTERNAL when it cannot be read."""
        deserialize = self.method.response_deserializer
        if deserialize is None:
            return message  # type: ignore[return-value]  # without a deserializer, Response is bytes
        try:
            return deserialize(message)
        except Exception:
            self._fail_locally(StatusCode.INTERNAL, "Exception deserializing response!")
            raise self._error()

    def _fail_locally(self, code: StatusCode, details: str) -> None:
        """A status of ours in place of the server's: what it sent cannot be used."""
        if not self._cancel(details, code):
            self._code, self._details = code, details
            self._decided_by = "this side: what the server sent cannot be used"

    def _error(self) -> AioRpcError:
        assert self._code is not None
        return AioRpcError(
            self._code,
            Metadata(*(self._initial_metadata or ())),
            Metadata(*self._trailing_metadata),
            self._details,
            self._debug_error_string(),
            self.explain(),
        )

    def explain(self) -> Explanation:
        """Why the call ended as it did; for one that is over."""
        assert self._code is not None
        attempt, protocol = self._attempt, self._protocol
        link = self.method.channel.link
        again = 0 if self._retry is None else self._retry.attempts - 1
        again += 0 if self._hedging is None else max(self._hedging.begun - 1, 0)
        return Explanation(
            self._code,
            self._details,
            target=self.method.channel.target,
            tried=link.tried if protocol is None else (),
            peer="" if protocol is None else format_peer(protocol.peername),
            security="" if protocol is None else protocol.security_text,
            goaway="" if protocol is None else protocol.goaway_text,
            decided_by=self._decided_by,
            attempts=self._repeats + again + (attempt is not None),
            is_unprocessed=protocol is None or (attempt is not None and attempt.is_unprocessed),
        )

    def _debug_error_string(self) -> str:
        assert self._code is not None
        peer = f" (peer {self._protocol.peername})" if self._protocol is not None else ""
        return f"{self._code.name}:{self._details}{peer}"

    def raise_for_status(self) -> None:
        """Raise for a call that is over and not OK."""
        if self._code is None or self._code is OK:
            return
        if self.cancelled():
            raise asyncio.CancelledError(self._details)
        raise self._error()

    def __repr__(self) -> str:
        state = self._code.name if self._code is not None else "running"
        return f"<{type(self).__name__} of {self.method.path} {state}>"


def serialize(method: Method[Request, Response], request: Request) -> bytes:
    """A request as octets. Raises whatever the serializer raises."""
    serializer = method.request_serializer
    message = serializer(request) if serializer is not None else request
    if not isinstance(message, bytes):
        raise TypeError(
            f"the request of {method.path} is {type(message).__name__} after serializing; bytes are required"
        )
    return message


class UnaryResponse(Call[Request, Response]):
    """A call with one response: it can be awaited, as often as one likes."""

    _message: bytes | None  # of a call that is over and OK, until it is deserialized
    _response: Response

    def __await__(self) -> Generator[Any, None, Response]:
        return self._result().__await__()

    async def _result(self) -> Response:
        try:
            while self._code is None:
                future: asyncio.Future[None] = self._loop.create_future()
                self._waiters.append(future)  # as in `_changed`, but nobody stays behind: the call ends with its waiter
                await future
        except asyncio.CancelledError:
            self.cancel()
            raise
        return self.take_response()

    def take_response(self) -> Response:
        """The response of a call that is over, as often as one likes. Raises as `await` does."""
        if self._code is not OK:
            self.raise_for_status()
        if self._message is not None:
            self._response = self._deserialize(self._message)
            self._message = None
        return self._response

    def message_received(self) -> None:
        """The one response is taken at the end of the call."""

    def _judged(self, attempt: ClientCall, code: StatusCode, details: str) -> tuple[StatusCode, str]:
        """OK needs exactly one response (statuscodes.md). All are taken now, whether somebody awaits them or not: what
        lies unread in one call would hold the connection's window, which the others need."""
        inbox = attempt.inbox
        count = len(inbox)
        if code is OK and count == 1:
            self._message = inbox.take()
            return code, details
        inbox.discard()
        if code is OK:
            return StatusCode.UNIMPLEMENTED, f"the server sent {count} responses with OK; exactly one is required"
        return code, details

    def _on_started(self, attempt: ClientCall) -> None:
        attempt.inbox.is_wanted = True


class UnaryUnaryCall(UnaryResponse[Request, Response], interfaces.UnaryUnaryCall[Request, Response]):
    """One request, one response."""

    def __init__(self, method: Method[Request, Response], settings: CallSettings, request: Request) -> None:
        self._request = serialize(method, request)
        super().__init__(method, settings)
        if self._retry is not None:
            self._hold(self._request)
        self._start()

    def _on_started(self, attempt: ClientCall) -> None:
        attempt.inbox.is_wanted = True
        attempt.send_message(self._request, end=True)
