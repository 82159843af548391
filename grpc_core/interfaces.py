"""The interfaces of gRPC's blocking API: grpcio's abstract classes, by their names.

`grpc_core.sync` implements them. They stand apart from it so that a program can annotate with them, or implement them
for a test, without loading an event loop.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Self

from grpc_core.connectivity import ChannelConnectivity
from grpc_core.credentials import CallCredentials, ServerCredentials
from grpc_core.metadata import MetadataPairs, MetadataValue
from grpc_core.methods import GenericRpcHandler, RpcMethodHandler
from grpc_core.status import Status, StatusCode
from grpc_core.type_variables import Request, Response, Result

if TYPE_CHECKING:
    import threading

    from grpc_core.compression import Compression

ChannelOptions = Iterable[tuple[str, Any]]
MetadataLike = Iterable[tuple[str, MetadataValue]]


class Future(Generic[Result], abc.ABC):
    """A computation that is going on somewhere else."""

    @abc.abstractmethod
    def cancel(self) -> bool:
        """Try to cancel. False when it was over."""

    @abc.abstractmethod
    def cancelled(self) -> bool:
        """Whether it was cancelled from this side."""

    @abc.abstractmethod
    def running(self) -> bool:
        """Whether it is not over."""

    @abc.abstractmethod
    def done(self) -> bool:
        """Whether it is over."""

    @abc.abstractmethod
    def result(self, timeout: float | None = None) -> Result:
        """Wait, for at most `timeout` seconds, and return the result, or raise what it raised.

        Raises FutureTimeoutError when it is not over in time, FutureCancelledError when it was cancelled.
        """

    @abc.abstractmethod
    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait as `result` does, and return what it raised, or None."""

    @abc.abstractmethod
    def traceback(self, timeout: float | None = None) -> TracebackType | None:
        """Wait as `result` does, and return the traceback of what it raised, or None."""

    @abc.abstractmethod
    def add_done_callback(self, fn: Callable[[Any], object]) -> None:
        """Call `fn(future)` when it is over; at once when it is."""


class RpcContext(abc.ABC):
    """What both sides of a call can ask and do."""

    @abc.abstractmethod
    def is_active(self) -> bool:
        """Whether the call is not over."""

    @abc.abstractmethod
    def time_remaining(self) -> float | None:
        """Seconds to the deadline, or None when there is none."""

    @abc.abstractmethod
    def cancel(self) -> Any:
        """Cancel the call."""

    @abc.abstractmethod
    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Call `callback()` when the call is over. False, and it is not called, when the call is over already."""


class Call(RpcContext):
    """A call, seen from the client."""

    @abc.abstractmethod
    def initial_metadata(self) -> MetadataPairs:
        """What the server sent before its first message; waits for it."""

    @abc.abstractmethod
    def trailing_metadata(self) -> MetadataPairs:
        """What the server sent with the status; waits for it."""

    @abc.abstractmethod
    def code(self) -> StatusCode:
        """The status code; waits for it."""

    @abc.abstractmethod
    def details(self) -> str:
        """The status text; waits for it."""


class CallFuture(Call, Future[Result]):
    """A call with one response that is going on: what `future` returns."""


class CallIterator(Call, Iterator[Result]):
    """A call with a stream of responses: an iterator over them."""


class UnaryUnaryMultiCallable(Generic[Request, Response], abc.ABC):
    """Makes calls with one request and one response."""

    @abc.abstractmethod
    def __call__(
        self,
        request: Request,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> Response:
        """Make a call and wait for the response. Raises RpcError for any status but OK."""

    @abc.abstractmethod
    def with_call(
        self,
        request: Request,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> tuple[Response, Call]:
        """Make a call and wait for it; the response and the `Call`."""

    @abc.abstractmethod
    def future(
        self,
        request: Request,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> CallFuture[Response]:
        """Start a call: an object that is a `Future` and a `Call`."""


class UnaryStreamMultiCallable(Generic[Request, Response], abc.ABC):
    """Makes calls with one request and a stream of responses."""

    @abc.abstractmethod
    def __call__(
        self,
        request: Request,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> CallIterator[Response]:
        """Start a call: an iterator over the responses that is a `Future` and a `Call` too."""


class StreamUnaryMultiCallable(Generic[Request, Response], abc.ABC):
    """Makes calls with an iterator of requests and one response."""

    @abc.abstractmethod
    def __call__(
        self,
        request_iterator: Iterable[Request],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> Response:
        """Make a call and wait for the response. Raises RpcError for any status but OK."""

    @abc.abstractmethod
    def with_call(
        self,
        request_iterator: Iterable[Request],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> tuple[Response, Call]:
        """Make a call and wait for it; the response and the `Call`."""

    @abc.abstractmethod
    def future(
        self,
        request_iterator: Iterable[Request],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> CallFuture[Response]:
        """Start a call: an object that is a `Future` and a `Call`."""


class StreamStreamMultiCallable(Generic[Request, Response], abc.ABC):
    """Makes calls with an iterator of requests and a stream of responses."""

    @abc.abstractmethod
    def __call__(
        self,
        request_iterator: Iterable[Request],
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: CallCredentials | None = None,
        wait_for_ready: bool | None = None,
        compression: Compression | None = None,
    ) -> CallIterator[Response]:
        """Start a call: an iterator over the responses that is a `Future` and a `Call` too."""


class Channel(abc.ABC):
    """A channel to one target."""

    @abc.abstractmethod
    def subscribe(self, callback: Callable[[ChannelConnectivity], None], try_to_connect: bool | None = False) -> None:
        """Call `callback(state)` on another thread, now and whenever the state of the channel changes."""

    @abc.abstractmethod
    def unsubscribe(self, callback: Callable[[ChannelConnectivity], None]) -> None:
        """No longer."""

    @abc.abstractmethod
    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> UnaryUnaryMultiCallable[Request, Response]:
        """A callable for a method with one request and one response; `method` is "/package.Service/Method"."""

    @abc.abstractmethod
    def unary_stream(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> UnaryStreamMultiCallable[Request, Response]:
        """A callable for a method with one request and a stream of responses."""

    @abc.abstractmethod
    def stream_unary(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> StreamUnaryMultiCallable[Request, Response]:
        """A callable for a method with a stream of requests and one response."""

    @abc.abstractmethod
    def stream_stream(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> StreamStreamMultiCallable[Request, Response]:
        """A callable for a method with a stream of requests and a stream of responses."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close the channel: calls that still run are cancelled, and no new ones can be made."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self.close()
        return None


class ServicerContext(RpcContext):
    """A call, as its handler sees it."""

    @abc.abstractmethod
    def invocation_metadata(self) -> MetadataPairs:
        """The client's metadata."""

    @abc.abstractmethod
    def peer(self) -> str:
        """The client's address, e.g. "ipv4:127.0.0.1:5000"."""

    @abc.abstractmethod
    def peer_identities(self) -> Iterable[bytes] | None:
        """Who the client has proved to be."""

    @abc.abstractmethod
    def peer_identity_key(self) -> str | None:
        """By what the client was identified."""

    @abc.abstractmethod
    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """What is known of the connection's security."""

    def set_compression(self, compression: Any) -> None:
        """How to compress the responses."""
        raise NotImplementedError

    def disable_next_message_compression(self) -> None:
        """Send the next response as it is."""
        raise NotImplementedError

    @abc.abstractmethod
    def send_initial_metadata(self, initial_metadata: MetadataLike) -> None:
        """Send initial metadata now, instead of with the first response."""

    @abc.abstractmethod
    def set_trailing_metadata(self, trailing_metadata: MetadataLike) -> None:
        """The metadata to send with the status."""

    def trailing_metadata(self) -> MetadataPairs:
        """What `set_trailing_metadata` was given."""
        raise NotImplementedError

    @abc.abstractmethod
    def abort(self, code: StatusCode, details: str) -> NoReturn:
        """Leave the handler, with an exception, and end the call with this status."""

    @abc.abstractmethod
    def abort_with_status(self, status: Status) -> NoReturn:
        """As `abort`, with an object that has `code`, `details` and `trailing_metadata`."""

    @abc.abstractmethod
    def set_code(self, code: StatusCode) -> None:
        """The status code to end with."""

    @abc.abstractmethod
    def set_details(self, details: str) -> None:
        """The status text to end with."""

    def code(self) -> StatusCode | None:
        """What `set_code` was given."""
        raise NotImplementedError

    def details(self) -> bytes | None:
        """What `set_details` was given, as UTF-8."""
        raise NotImplementedError


class ClientCallDetails:
    """What a call is to be, for client interceptors: an object with these attributes.

    method: "/package.Service/Method"; timeout: seconds or None; metadata: pairs or None; credentials: CallCredentials
    or None; wait_for_ready: bool or None; compression: Compression or None.
    """


class UnaryUnaryClientInterceptor(abc.ABC):
    """Stands before calls with one request and one response."""

    @abc.abstractmethod
    def intercept_unary_unary(
        self, continuation: Callable[[Any, Any], Any], client_call_details: Any, request: Any
    ) -> Any:
        """The outcome of the call: an object that is a `Call` and a `Future`, as `continuation(details, request)`
        returns, also when the call has failed."""


class UnaryStreamClientInterceptor(abc.ABC):
    """Stands before calls with one request and a stream of responses."""

    @abc.abstractmethod
    def intercept_unary_stream(
        self, continuation: Callable[[Any, Any], Any], client_call_details: Any, request: Any
    ) -> Any:
        """An iterator of responses that is a `Call` and a `Future`, as `continuation(details, request)` returns."""


class StreamUnaryClientInterceptor(abc.ABC):
    """Stands before calls with an iterator of requests and one response."""

    @abc.abstractmethod
    def intercept_stream_unary(
        self, continuation: Callable[[Any, Any], Any], client_call_details: Any, request_iterator: Iterator[Any]
    ) -> Any:
        """The outcome of the call, as for `UnaryUnaryClientInterceptor`."""


class StreamStreamClientInterceptor(abc.ABC):
    """Stands before calls with an iterator of requests and a stream of responses."""

    @abc.abstractmethod
    def intercept_stream_stream(
        self, continuation: Callable[[Any, Any], Any], client_call_details: Any, request_iterator: Iterator[Any]
    ) -> Any:
        """An iterator of responses, as for `UnaryStreamClientInterceptor`."""


class ServerInterceptor(abc.ABC):
    """Stands between a call that has arrived and its handler."""

    @abc.abstractmethod
    def intercept_service(
        self, continuation: Callable[[Any], RpcMethodHandler | None], handler_call_details: Any
    ) -> RpcMethodHandler | None:
        """The handler for the call: what `continuation(handler_call_details)` returns, or another."""


class Server(abc.ABC):
    """A server. Ports and handlers are added before it is started."""

    @abc.abstractmethod
    def add_generic_rpc_handlers(self, generic_rpc_handlers: Sequence[GenericRpcHandler]) -> None:
        """Add services: objects with `service(handler_call_details)`."""

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        """Add the methods of one service, by method name."""
        raise NotImplementedError

    @abc.abstractmethod
    def add_insecure_port(self, address: str) -> int:
        """Bind a port without TLS; the port's number. Raises RuntimeError when it cannot be bound."""

    @abc.abstractmethod
    def add_secure_port(self, address: str, server_credentials: ServerCredentials) -> int:
        """Bind a port with TLS; the port's number. Raises RuntimeError when it cannot be bound."""

    @abc.abstractmethod
    def start(self) -> None:
        """Begin to serve. Raises ValueError the second time."""

    @abc.abstractmethod
    def stop(self, grace: float | None) -> threading.Event:
        """Stop: no new calls; those that run have `grace` seconds, then they are cancelled. The event is set when the
        server has stopped. With None they are cancelled at once, and this returns when it has stopped."""

    def wait_for_termination(self, timeout: float | None = None) -> bool:
        """Wait until the server has stopped. True when `timeout` seconds have passed before that."""
        raise NotImplementedError
