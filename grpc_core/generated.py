"""What generated code is made of: stubs whose methods know which face they are on.

A generated stub is a class with a method description for each method of the service:

    class GreeterStub(grpc.generated.Stub[grpc.generated.ChannelT]):
        SayHello = grpc.generated.UnaryUnary("/helloworld.Greeter/SayHello", HelloRequest, HelloReply)

On an instance, `SayHello` is what the channel makes of it, a multi-callable of the blocking face or of the asyncio one.
The type of the channel is the stub's parameter, so a type checker knows which: `GreeterStub(channel).SayHello(request)`
is a `HelloReply` or an awaitable of one. At run time nothing is asked of the channel but grpcio's four factories, and a
channel of grpcio's will do.

A servicer may be written for either face too. A method of the base class takes what is *both* a context of the
blocking face and one of the asyncio face (`EitherContext`, a type that exists for type checkers alone), so an override
may ask for either; that a parameter may become wider in a subclass is the rule that makes it right.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Generic, Self, overload

from grpc_core import interfaces
from grpc_core.type_variables import Request, Response, Result

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from grpc_core import aio

    ChannelT = TypeVar("ChannelT", bound=interfaces.Channel | aio.Channel, default=interfaces.Channel, covariant=True)

    class EitherContext(interfaces.ServicerContext, aio.ServicerContext[Any, Any]):  # type: ignore[misc]  # never made
        """The context of a handler, on whichever face it runs."""

    class EitherIterator(Iterator[Result], AsyncIterator[Result]):
        """The requests of a stream, on whichever face the handler runs."""

else:
    from typing import TypeVar

    ChannelT = TypeVar("ChannelT", covariant=True)
    EitherContext = Any
    EitherIterator = AsyncIterator


class Stub(Generic[ChannelT]):
    """The base of a generated stub. Its channel decides on which face its methods are."""

    def __init__(self, channel: ChannelT) -> None:
        for class_ in reversed(type(self).__mro__):
            for name, method in vars(class_).items():
                if isinstance(method, Method):
                    setattr(self, name, method.on(channel))


class Method(Generic[Request, Response]):
    """One method: its path and the classes of its messages. Its kind is its subclass."""

    kind = ""

    def __init__(self, path: str, request: type[Request], response: type[Response]) -> None:
        self.path = path
        self._request: Any = request
        self._response: Any = response

    def on(self, channel: Any) -> Any:
        """The multi-callable that the channel has for the method."""
        return getattr(channel, self.kind)(
            self.path,
            request_serializer=self._request.SerializeToString,
            response_deserializer=self._response.FromString,
        )


class UnaryUnary(Method[Request, Response]):
    """A method with one request and one response."""

    kind = "unary_unary"

    if TYPE_CHECKING:  # an instance of a stub has the multi-callable itself, and never asks

        @overload
        def __get__(self, stub: None, owner: object) -> Self: ...
        @overload
        def __get__(
            self, stub: Stub[interfaces.Channel], owner: object
        ) -> interfaces.UnaryUnaryMultiCallable[Request, Response]: ...
        @overload
        def __get__(self, stub: Stub[aio.Channel], owner: object) -> aio.UnaryUnaryMultiCallable[Request, Response]: ...
        def __get__(self, stub: Any, owner: object) -> Any: ...


class UnaryStream(Method[Request, Response]):
    """A method with one request and a stream of responses."""

    kind = "unary_stream"

    if TYPE_CHECKING:  # an instance of a stub has the multi-callable itself, and never asks

        @overload
        def __get__(self, stub: None, owner: object) -> Self: ...
        @overload
        def __get__(
            self, stub: Stub[interfaces.Channel], owner: object
        ) -> interfaces.UnaryStreamMultiCallable[Request, Response]: ...
        @overload
        def __get__(
            self, stub: Stub[aio.Channel], owner: object
        ) -> aio.UnaryStreamMultiCallable[Request, Response]: ...
        def __get__(self, stub: Any, owner: object) -> Any: ...


class StreamUnary(Method[Request, Response]):
    """A method with a stream of requests and one response."""

    kind = "stream_unary"

    if TYPE_CHECKING:  # an instance of a stub has the multi-callable itself, and never asks

        @overload
        def __get__(self, stub: None, owner: object) -> Self: ...
        @overload
        def __get__(
            self, stub: Stub[interfaces.Channel], owner: object
        ) -> interfaces.StreamUnaryMultiCallable[Request, Response]: ...
        @overload
        def __get__(
            self, stub: Stub[aio.Channel], owner: object
        ) -> aio.StreamUnaryMultiCallable[Request, Response]: ...
        def __get__(self, stub: Any, owner: object) -> Any: ...


class StreamStream(Method[Request, Response]):
    """A method with a stream of requests and a stream of responses."""

    kind = "stream_stream"

    if TYPE_CHECKING:  # an instance of a stub has the multi-callable itself, and never asks

        @overload
        def __get__(self, stub: None, owner: object) -> Self: ...
        @overload
        def __get__(
            self, stub: Stub[interfaces.Channel], owner: object
        ) -> interfaces.StreamStreamMultiCallable[Request, Response]: ...
        @overload
        def __get__(
            self, stub: Stub[aio.Channel], owner: object
        ) -> aio.StreamStreamMultiCallable[Request, Response]: ...
        def __get__(self, stub: Any, owner: object) -> Any: ...
