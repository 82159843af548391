"""The helloworld case: what a Greeter server answers and what a client checks, written once for every Python peer.

grpcio and Plait have the same API, so servicer and checks are given the module as `grpc` and use nothing that only one
of the two has. The peers in other languages (`peers/grpc_go`) are the same table in their own words:

| check           | the call                                   | what must come back                                  |
|-----------------|--------------------------------------------|------------------------------------------------------|
| `greeting`      | name "world"                               | "Hello world"                                        |
| `metadata_echo` | `x-echo`, and `x-echo-bin` with all octets | the one as initial, the other as trailing metadata   |
| `error_status`  | name "error"                               | FAILED_PRECONDITION, with details that need escaping |
| `unimplemented` | a method that the service does not have    | UNIMPLEMENTED                                        |
| `deadline`      | name "sleep", 200 ms                       | DEADLINE_EXCEEDED, and a connection still good       |
| `large_message` | a name of 1 MiB, 16 initial windows        | "Hello " and the name                                |
| `concurrent`    | 100 calls at once                          | to each its own reply                                |

A client prints one line of JSON for each check, `{"check": ..., "ok": ..., "detail": ...}`, and exits with 0 if all
held, else with 1. The harness holds the names against `CHECKS`: a client that leaves one out has failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SERVICE: Final = "helloworld.Greeter"
FAILURE_DETAILS: Final = "nicht möglich\n☺"
EVERY_OCTET: Final = bytes(range(256))  # its length is no multiple of three: base64 comes with its padding rule
LARGE_NAME: Final = "0123456789abcdef" * (2**20 // 16)
CONCURRENT_CALLS: Final = 100
SHORT_TIMEOUT_S: Final = 0.2
CALL_TIMEOUT_S: Final = 20.0


# The messages. They are described here and not in generated code, which would tie `interop` to one protobuf release.
# The pool is private: a program that has its own helloworld.proto may import this module.


def _message_types() -> tuple[type[Any], type[Any]]:
    described = descriptor_pb2.FileDescriptorProto(name="helloworld.proto", package="helloworld", syntax="proto3")
    for message, field in (("HelloRequest", "name"), ("HelloReply", "message")):
        described.message_type.add(name=message).field.add(
            name=field,
            number=1,
            type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
            label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(described)
    request, reply = (pool.FindMessageTypeByName(f"helloworld.{name}") for name in ("HelloRequest", "HelloReply"))
    return message_factory.GetMessageClass(request), message_factory.GetMessageClass(reply)


HelloRequest, HelloReply = _message_types()


# The server.


class Greeter:
    """helloworld.Greeter on the given module, `grpc` or `grpc_core`; the methods are coroutines for its `aio`."""

    def __init__(self, grpc: Any) -> None:
        self._grpc = grpc

    async def SayHello(self, request: Any, context: Any) -> Any:
        """The reply "Hello NAME". The names "error" and "sleep" do as they say."""
        received = tuple(context.invocation_metadata())
        await context.send_initial_metadata(tuple(pair for pair in received if pair[0] == "x-echo"))
        context.set_trailing_metadata(tuple(pair for pair in received if pair[0] == "x-echo-bin"))
        if request.name == "error":
            await context.abort(self._grpc.StatusCode.FAILED_PRECONDITION, FAILURE_DETAILS)
        if request.name == "sleep":
            await asyncio.Event().wait()  # The deadline or the client's cancellation ends it.
        return HelloReply(message=f"Hello {request.name}")

    def handler(self) -> Any:
        """The generic handler to add to a server of the same module."""
        say_hello = self._grpc.unary_unary_rpc_method_handler(
            self.SayHello,
            request_deserializer=HelloRequest.FromString,
            response_serializer=HelloReply.SerializeToString,
        )
        return self._grpc.method_handlers_generic_handler(SERVICE, {"SayHello": say_hello})


# The client.


class CheckFailed(Exception):
    """Something other than what was due came back. The text says what."""


@dataclass(frozen=True)
class Outcome:
    """What became of one check. `detail` says what was seen, or what was wrong with it."""

    check: str
    ok: bool
    detail: str


class Calls:
    """The calls that the checks make, on a channel of the given module."""

    def __init__(self, grpc: Any, channel: Any) -> None:
        self.grpc = grpc
        self._channel = channel
        self._say_hello = self._method("SayHello")

    def _method(self, name: str) -> Any:
        return self._channel.unary_unary(
            f"/{SERVICE}/{name}",
            request_serializer=HelloRequest.SerializeToString,
            response_deserializer=HelloReply.FromString,
        )

    def begin(self, name: str, *, metadata: Any = None, timeout: float = CALL_TIMEOUT_S) -> Any:
        """A call of SayHello that has begun: awaited, it is the HelloReply."""
        return self._say_hello(HelloRequest(name=name), metadata=metadata, timeout=timeout)

    async def greet(self, name: str) -> None:
        """One call of SayHello, whose reply must be the greeting for the name."""
        reply = await self.begin(name)
        if reply.message != f"Hello {name}":
            raise CheckFailed(f"the reply to {_shortened(name)} is {_shortened(reply.message)}")

    async def expect(self, code: Any, call: Any) -> str:
        """The details of a call that must end with the status code."""
        try:
            reply = await call
        except self.grpc.aio.AioRpcError as error:
            if error.code() is not code:
                raise CheckFailed(f"status {error.code().name}, {error.details()!r}; {code.name} was due")
            return error.details() or ""
        raise CheckFailed(f"the reply {_shortened(reply.message)}; {code.name} was due")

    def no_such_method(self) -> Any:
        """A call of a method that the service does not have."""
        return self._method("NoSuchMethod")(HelloRequest(name="nobody"), timeout=CALL_TIMEOUT_S)


def _shortened(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:40]!r}... of {len(text)} characters"


async def _greeting(calls: Calls) -> str:
    await calls.greet("world")
    return "Hello world"


async def _metadata_echo(calls: Calls) -> str:
    call = calls.begin("metadata", metadata=(("x-echo", "plain text"), ("x-echo-bin", EVERY_OCTET)))
    await call
    initial = [value for key, value in await call.initial_metadata() if key == "x-echo"]
    trailing = [value for key, value in await call.trailing_metadata() if key == "x-echo-bin"]
    if initial != ["plain text"]:
        raise CheckFailed(f"initial metadata x-echo is {initial}")
    if trailing != [EVERY_OCTET]:
        raise CheckFailed(f"trailing metadata x-echo-bin is {trailing}")
    return "x-echo initial, 256 octets of x-echo-bin trailing"


async def _error_status(calls: Calls) -> str:
    details = await calls.expect(calls.grpc.StatusCode.FAILED_PRECONDITION, calls.begin("error"))
    if details != FAILURE_DETAILS:
        raise CheckFailed(f"details are {details!r}")
    return f"FAILED_PRECONDITION {details!r}"


async def _unimplemented(calls: Calls) -> str:
    details = await calls.expect(calls.grpc.StatusCode.UNIMPLEMENTED, calls.no_such_method())
    return f"UNIMPLEMENTED {details!r}"


async def _deadline(calls: Calls) -> str:
    await calls.expect(calls.grpc.StatusCode.DEADLINE_EXCEEDED, calls.begin("sleep", timeout=SHORT_TIMEOUT_S))
    await calls.greet("after")
    return "DEADLINE_EXCEEDED, and the next call succeeds"


async def _large_message(calls: Calls) -> str:
    await calls.greet(LARGE_NAME)
    return f"{len(LARGE_NAME)} octets there and back"


async def _concurrent(calls: Calls) -> str:
    await asyncio.gather(*(calls.greet(f"caller {number}") for number in range(CONCURRENT_CALLS)))
    return f"{CONCURRENT_CALLS} calls at once"


Check = Callable[[Calls], Awaitable[str]]

CHECKS: Final[dict[str, Check]] = {
    "greeting": _greeting,
    "metadata_echo": _metadata_echo,
    "error_status": _error_status,
    "unimplemented": _unimplemented,
    "deadline": _deadline,
    "large_message": _large_message,
    "concurrent": _concurrent,
}
"""The checks, in the order in which every client makes them."""


async def run_checks(grpc: Any, channel: Any, names: Iterable[str] = tuple(CHECKS)) -> AsyncIterator[Outcome]:
    """Makes the named checks on the channel, one after the other; yields what became of each, as it is known."""
    calls = Calls(grpc, channel)
    for name in names:
        yield await outcome_of(grpc, name, CHECKS[name](calls))


async def outcome_of(grpc: Any, name: str, check: Awaitable[str]) -> Outcome:
    """What becomes of a check, which raises CheckFailed or what a call raised."""
    try:
        return Outcome(name, True, await check)
    except CheckFailed as failure:
        return Outcome(name, False, str(failure))
    except grpc.RpcError as error:
        return Outcome(name, False, f"status {error.code().name}, {error.details()!r}")
    except Exception as error:
        # A fault in the library under test is that check's result, not the end of the run.
        return Outcome(name, False, f"{type(error).__name__}: {error}")
