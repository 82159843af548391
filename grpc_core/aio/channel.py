"""The asyncio channel: where calls come from (grpcio's `grpc.aio.Channel`)."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Generic, Protocol, Self

from grpc_core.aio import interfaces
from grpc_core.aio.call import CHANNEL_CLOSED, Call, UnaryUnaryCall
from grpc_core.aio.describing import register_channel
from grpc_core.aio.dialing import Connector
from grpc_core.aio.hedges import Hedges
from grpc_core.aio.held import HeldStreamStreamCall, HeldUnaryStreamCall
from grpc_core.aio.interceptors import Step, client_steps
from grpc_core.aio.link import Activity, Link
from grpc_core.aio.streaming import RequestIterator, StreamUnaryCall
from grpc_core.aio.streams import StreamCalls
from grpc_core.compression import Coding, coding_of
from grpc_core.connectivity import ChannelConnectivity
from grpc_core.counters import CallTally
from grpc_core.credentials import (
    INSECURE_CHANNEL,
    CallCredentials,
    ChannelCredentials,
    composite_call_credentials,
    insecure_channel_credentials,
)
from grpc_core.errors import UsageError
from grpc_core.headers import USER_AGENT, request_head, with_fields
from grpc_core.hedging import CallHedging
from grpc_core.interfaces import ChannelOptions
from grpc_core.metadata import Fields, MetadataValue
from grpc_core.options import parse_options
from grpc_core.retry import CallRetry, Throttle
from grpc_core.service_config import MethodConfig
from grpc_core.status import StatusCode
from grpc_core.target import parse_target
from grpc_core.type_variables import Request, Response
from http2 import Head
from http2.aio.transport import Tap

MetadataLike = Iterable[tuple[str, MetadataValue]]


class CallSettings:
    """What a caller says about a call. It never changes: calls of which nothing is said share `_PLAIN`."""

    __slots__ = ("coding", "credentials", "metadata", "timeout", "wait_for_ready")

    def __init__(
        self,
        timeout: float | None,
        metadata: MetadataLike | None,
        wait_for_ready: bool | None,
        credentials: CallCredentials | None = None,
        coding: Coding | None = None,
    ) -> None:
        self.credentials = credentials
        self.coding = coding
        self.timeout = timeout
        self.metadata = metadata
        self.wait_for_ready = wait_for_ready

    def under(self, config: MethodConfig) -> CallSettings:
        """With what the service config says where the caller does not; of two timeouts the shorter one holds."""
        wait_for_ready = config.wait_for_ready if self.wait_for_ready is None else self.wait_for_ready
        timeout = self.timeout
        if config.timeout_s is not None:
            timeout = config.timeout_s if timeout is None else min(timeout, config.timeout_s)
        return CallSettings(timeout, self.metadata, wait_for_ready, self.credentials, self.coding)


_PLAIN = CallSettings(None, None, None)

_HEADS_MAX = 64
"""Heads that a method remembers. Calls with metadata that never come again start it anew, and lose little by that."""


class Method(Generic[Request, Response]):
    """One method on one channel: its path, its codecs, and the heads that its requests share."""

    __slots__ = ("_heads", "channel", "config", "limits", "path", "request_serializer", "response_deserializer")

    def __init__(
        self,
        channel: Channel,
        path: str | bytes,
        request_serializer: Callable[[Request], bytes] | None,
        response_deserializer: Callable[[bytes], Response] | None,
    ) -> None:
        self.channel = channel
        self.path = path.decode("utf-8") if isinstance(path, bytes) else path
        self.request_serializer = request_serializer
        self.response_deserializer = response_deserializer
        self._heads: dict[tuple[Coding | None, Fields, bytes | None], Head] = {}
        self.head(None, (), None)  # a path that cannot be called is refused here
        self.config = channel.service_config.of(self.path)
        self.limits = None if self.config is None else channel.limits.at_most(self.config)

    def head(self, coding: Coding | None, fields: Fields, timeout: bytes | None) -> Head:
        """The head of a request with this coding, these metadata fields and this `grpc-timeout`. Raises ValueError."""
        key = coding, fields, timeout
        head = self._heads.get(key)
        if head is None:
            if fields or timeout is not None:
                head = with_fields(self.head(coding, (), None), fields, timeout)
            else:
                channel = self.channel
                head = request_head(self.path, channel.authority, channel.scheme, channel.user_agent, coding)
            if len(self._heads) >= _HEADS_MAX:
                self._heads.clear()
            self._heads[key] = head
        return head


class _MultiCallable(Generic[Request, Response]):
    def __init__(self, method: Method[Request, Response]) -> None:
        self._method = method


class UnaryUnaryMultiCallable(_MultiCallable[Request, Response]):
    """Makes calls with one request and one response."""

    def __call__(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> interfaces.UnaryUnaryCall[Request, Response]:
        """Start a call. `timeout` is in seconds; the call fails at once without a connection unless `wait_for_ready`.

        Await the result for the response; it raises AioRpcError for any status but OK.
        """
        settings = self._method.channel.settings(timeout, metadata, credentials, wait_for_ready, compression)
        return UnaryUnaryCall(self._method, settings, request)


class UnaryStreamMultiCallable(_MultiCallable[Request, Response]):
    """Makes calls with one request and a stream of responses."""

    def __call__(
        self,
        request: Request,
        *,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> interfaces.UnaryStreamCall[Request, Response]:
        """Start a call; iterate over it, or `read` from it."""
        settings = self._method.channel.settings(timeout, metadata, credentials, wait_for_ready, compression)
        return HeldUnaryStreamCall(self._method, settings, request)


class StreamUnaryMultiCallable(_MultiCallable[Request, Response]):
    """Makes calls with a stream of requests and one response."""

    def __call__(
        self,
        request_iterator: RequestIterator[Request] | None = None,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> interfaces.StreamUnaryCall[Request, Response]:
        """Start a call. Its requests come from the iterator (async or plain) or, without one, from `write`."""
        settings = self._method.channel.settings(timeout, metadata, credentials, wait_for_ready, compression)
        return StreamUnaryCall(self._method, settings, request_iterator)


class StreamStreamMultiCallable(_MultiCallable[Request, Response]):
    """Makes calls with a stream of requests and a stream of responses."""

    def __call__(
        self,
        request_iterator: RequestIterator[Request] | None = None,
        timeout: float | None = None,
        metadata: MetadataLike | None = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> interfaces.StreamStreamCall[Request, Response]:
        """Start a call. Requests as for `StreamUnaryMultiCallable`, responses as for `UnaryStreamMultiCallable`."""
        settings = self._method.channel.settings(timeout, metadata, credentials, wait_for_ready, compression)
        return HeldStreamStreamCall(self._method, settings, request_iterator)


class Running(Protocol):
    """What a channel ends when it is closed: a call, or the interceptors that have not made theirs yet."""

    async def code(self) -> StatusCode: ...

    def _cancel(self, details: str) -> bool: ...


class Channel(StreamCalls):
    """A channel to one target. Nothing happens before the first call, or `get_state(try_to_connect=True)`.

    It may be made without a running event loop; it belongs to the one that runs at its first use.
    """

    def __init__(
        self,
        target: str,
        options: ChannelOptions | None = None,
        credentials: ChannelCredentials | None = None,
        tap: Tap | None = None,
        compression: Any = None,
        connector: Connector | None = None,
        interceptors: Sequence[Any] | None = None,
    ) -> None:
        """`connector` opens the connections in place of sockets."""
        self._steps = client_steps(interceptors or ())
        settings = parse_options(options)
        parsed = parse_target(target)
        credentials = credentials or insecure_channel_credentials()
        self.target = target
        self.scheme = "http" if credentials.context() is None else "https"
        self.authority = settings.authority or parsed.authority
        self.user_agent = " ".join(
            part for part in (settings.primary_user_agent, USER_AGENT, settings.secondary_user_agent) if part
        )
        self._activity = Activity()
        self.link = Link(parsed, settings, credentials, tap, connector, self._activity)
        self._keeps_secrets = credentials.keeps_secrets
        self._call_credentials = credentials.call_credentials
        self._coding = coding_of(compression)
        self.limits = settings.limits
        self.service_config = settings.service_config
        throttling = self.service_config.throttling
        self._throttle = None if throttling is None else Throttle(throttling)
        self._retries = settings.retries_enabled
        self._retry_bytes_max = settings.retry_bytes_max
        self.is_closed = False
        self._calls: set[Running] = self._activity.calls
        self.tally = CallTally()
        if settings.is_introspected:
            register_channel(self)

    # -- grpcio's API --------------------------------------------------------------------------------------------------

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> UnaryUnaryMultiCallable[Request, Response]:
        """A callable for a method with one request and one response; `method` is "/package.Service/Method"."""
        made = Method(self, method, request_serializer, response_deserializer)
        steps = self._steps["unary_unary"]
        return _intercepting("unary_unary", made, steps) if steps else UnaryUnaryMultiCallable(made)

    def unary_stream(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> UnaryStreamMultiCallable[Request, Response]:
        """A callable for a method with one request and a stream of responses."""
        made = Method(self, method, request_serializer, response_deserializer)
        steps = self._steps["unary_stream"]
        return _intercepting("unary_stream", made, steps) if steps else UnaryStreamMultiCallable(made)

    def stream_unary(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> StreamUnaryMultiCallable[Request, Response]:
        """A callable for a method with a stream of requests and one response."""
        made = Method(self, method, request_serializer, response_deserializer)
        steps = self._steps["stream_unary"]
        return _intercepting("stream_unary", made, steps) if steps else StreamUnaryMultiCallable(made)

    def stream_stream(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes] | None = None,
        response_deserializer: Callable[[bytes], Response] | None = None,
        _registered_method: bool | None = False,
    ) -> StreamStreamMultiCallable[Request, Response]:
        """A callable for a method with a stream of requests and a stream of responses."""
        made = Method(self, method, request_serializer, response_deserializer)
        steps = self._steps["stream_stream"]
        return _intercepting("stream_stream", made, steps) if steps else StreamStreamMultiCallable(made)

    def get_state(self, try_to_connect: bool = False) -> ChannelConnectivity:
        """How the channel stands; with `try_to_connect` an idle one begins to connect."""
        if self.is_closed:
            return ChannelConnectivity.SHUTDOWN
        state = self.link.state
        if try_to_connect:
            self.link.connect()
        return state

    async def wait_for_state_change(self, last_observed_state: ChannelConnectivity) -> None:
        """Return when the state is another than `last_observed_state`."""
        await self.link.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """Connect, and return when the channel is READY."""
        while (state := self.get_state(try_to_connect=True)) is not ChannelConnectivity.READY:
            if state is ChannelConnectivity.SHUTDOWN:
                raise UsageError("Channel is closed.")
            await self.link.wait_for_state_change(state)

    async def close(self, grace: float | None = None) -> None:
        """Close the channel. Calls that still run have `grace` seconds to finish, then they are cancelled."""
        if self.is_closed:
            return
        self.is_closed = True
        calls = list(self._calls)
        try:
            if calls and grace:
                await asyncio.wait([asyncio.ensure_future(call.code()) for call in calls], timeout=grace)
        finally:  # who is cancelled while waiting cuts the grace short: nobody can close the channel again
            for call in calls:
                call._cancel(CHANNEL_CLOSED)
            await self.link.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __del__(self, _is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        """Nobody can make a call any more, and none runs: whoever has one, or its method, has the channel."""
        if not getattr(self, "is_closed", True) and not _is_finalizing():  # not there when the arguments were wrong
            self.link.abandon()

    # -- for calls -----------------------------------------------------------------------------------------------------

    def settings(
        self,
        timeout: float | None,
        metadata: MetadataLike | None,
        credentials: CallCredentials | None,
        wait_for_ready: bool | None,
        compression: Any,
    ) -> CallSettings:
        """What holds for one call: what its caller says, and what the channel says where the caller does not.

        Raises UsageError when no call can be made, or not one like this; ValueError for a timeout that is no number.
        """
        if self.is_closed:
            raise UsageError("Channel is closed.")
        is_plain = timeout is None and metadata is None and credentials is None and wait_for_ready is None
        if is_plain and compression is None and self._coding is None and self._call_credentials is None:
            return _PLAIN
        if timeout is not None and timeout != timeout:
            raise ValueError("a timeout is a number of seconds, not NaN")
        if self._call_credentials is not None:
            credentials = composite_call_credentials(self._call_credentials, *((credentials,) if credentials else ()))
        if credentials is not None and not self._keeps_secrets:
            raise UsageError(INSECURE_CHANNEL)
        coding = self._coding if compression is None else coding_of(compression)
        return CallSettings(timeout, metadata, wait_for_ready, credentials, coding)

    def retry(self, config: MethodConfig) -> CallRetry | None:
        """The retries of one call of a method with this config."""
        if config.retry is None or not self._retries:
            return None
        return CallRetry(config.retry, self._throttle, self._retry_bytes_max)

    def hedging(self, config: MethodConfig) -> CallHedging | None:
        """The hedging of one call of a method with this config."""
        return None if config.hedging is None or not self._retries else CallHedging(config.hedging, self._throttle)

    def hedges(self, call: Call[Any, Any], hedging: CallHedging) -> Hedges:
        """What stands for the attempts of a hedged call."""
        return Hedges(call, hedging, self._retry_bytes_max)

    def call_started(self, call: Running) -> None:
        """A call belongs to this channel until it is over: who only keeps the result alive keeps the call."""
        self._calls.add(call)
        self._activity.calls_begun += 1

    def call_over(self, call: Running) -> None:
        """The call has its status."""
        self._calls.discard(call)


def _intercepting(kind: str, method: Method[Any, Any], steps: tuple[Step, ...]) -> Any:
    """The callable of a method whose calls go through interceptors."""
    from grpc_core.aio.interception import intercepting  # built on the callables here

    return intercepting(kind, method, steps)


def insecure_channel(
    target: str,
    options: ChannelOptions | None = None,
    compression: Any = None,
    interceptors: Sequence[Any] | None = None,
) -> Channel:
    """A channel without TLS. Raises ValueError or TypeError for a malformed target or option, ValueError for an object
    that is no interceptor."""
    return Channel(target, options, compression=compression, interceptors=interceptors)


def secure_channel(
    target: str,
    credentials: ChannelCredentials,
    options: ChannelOptions | None = None,
    compression: Any = None,
    interceptors: Sequence[Any] | None = None,
) -> Channel:
    """A channel over TLS, or whatever else the credentials say.

    Raises ValueError or TypeError for a malformed target or option, and for bad credentials.
    """
    return Channel(target, options, credentials, compression=compression, interceptors=interceptors)
