"""`python -m grpc_core call`: calls any method of a server, with JSON in and out.

What the server has, its reflection says, or a descriptor set in a file. What is printed is one line for each message.
What goes wrong is one line too, with an exit code that says who is to blame: the server (1: a status other than OK),
the user (2), or the way between them (3: there was no connection).

A stream of requests from standard input is sent as it comes, each message when its JSON is whole, while responses are
printed as they come: so a bidirectional call can be used by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from grpc_core.caller_arguments import CONNECTION, STATUS, USAGE, Failure, metadata_text, one_line
from grpc_core.documents import DocumentSplitter, NotJson
from grpc_core.errors import AioRpcError
from grpc_core.json_messages import Types, from_json, to_json
from grpc_core.metadata import MetadataPairs
from grpc_core.proto_text import describe_symbol
from grpc_core.reflection_client import NotConnected, ReflectionClient, ReflectionError
from grpc_core.status import StatusCode
from grpc_core.stub import KINDS

Emit = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What is asked of a server: `list`, `describe` (with a symbol or without), or a method to call."""

    what: str = "list"
    symbol: str | None = None
    documents: tuple[Any, ...] = ()
    """The JSON to send, where it is known before the call."""
    arriving: AsyncIterable[bytes] | None = None
    """The JSON to send, where it comes during the call: UTF-8, cut anywhere."""
    metadata: MetadataPairs = ()
    timeout_s: float | None = None
    is_ascii: bool = False
    """Whether other characters are written as escapes."""
    types: Types | None = None
    """Who knows what the server has; None asks its reflection."""
    tell: Emit | None = None
    """Is told initial and trailing metadata and the status, if anybody is."""
    _began: float = field(default_factory=time.monotonic)

    def remaining_s(self) -> float | None:
        """The time that is left of the whole, not of one call."""
        return None if self.timeout_s is None else max(self.timeout_s - (time.monotonic() - self._began), 0.0)


async def run(channel: Any, request: Request, emit: Emit) -> None:
    """Do what is asked, on a channel of `grpc_core.aio`; each line of the answer goes to `emit`. Raises Failure."""
    types = request.types or ReflectionClient(channel, request.metadata, request.remaining_s)
    try:
        if request.what == "list":
            for name in await types.services():
                emit(one_line(name))
        elif request.what == "describe":
            for symbol in [request.symbol] if request.symbol is not None else await types.services():
                emit(await _describe(types, symbol.lstrip(".")))
        else:
            await _Exchange(channel, await _method(types, request.what), request, types, emit).run()
    except NotConnected as error:
        raise Failure(CONNECTION, f"no connection to {channel.target}: {error}")
    except ReflectionError as error:
        raise Failure(STATUS, f"{error.code.name}: {error}")
    except AioRpcError as error:
        raise Failure(STATUS, f"{error.code().name}: {error.details()}")
    finally:
        types.close()


async def _describe(types: Types, symbol: str) -> str:
    await types.find(symbol)
    try:
        return describe_symbol(types.pool, symbol)
    except KeyError:
        raise Failure(STATUS, f"NOT_FOUND: {symbol} is not a service, a method, a message or an enum")


async def _method(types: Types, name: str) -> MethodDescriptor:
    """The method called `package.Service/Method`, with a slash before it or without."""
    service_name, _, method_name = name.lstrip("/").rpartition("/")
    await types.find(service_name)
    try:
        service = types.pool.FindServiceByName(service_name)
    except KeyError:
        raise Failure(STATUS, f"NOT_FOUND: {service_name} is not a service")
    try:
        return service.methods_by_name[method_name]
    except KeyError:
        names = ", ".join(service.methods_by_name) or "none"
        raise Failure(STATUS, f"NOT_FOUND: {service_name} has no method {method_name!r}; it has {names}")


class _Exchange:
    """One call: what is sent, and what comes back, each at its own pace."""

    def __init__(self, channel: Any, method: MethodDescriptor, request: Request, types: Types, emit: Emit) -> None:
        self._method = method
        self._request = request
        self._types = types
        self._emit = emit
        self._failure: Failure | None = None  # of what was to be sent
        self._asking = asyncio.Lock()  # questions and answers about types go over one stream
        self._make = getattr(channel, KINDS[method.client_streaming, method.server_streaming])(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=GetMessageClass(method.input_type).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )

    async def run(self) -> None:
        """Make the call. Raises AioRpcError, NotConnected and Failure."""
        settings = {"metadata": self._request.metadata}
        if not self._method.client_streaming:
            message = await self._only_message()
            call = self._make(message, timeout=self._request.remaining_s(), **settings)
            await self._receive(call)
            return
        # What is known before the call is looked through before the call.
        known = [message async for message in self._messages()] if self._request.arriving is None else None
        call = self._make(timeout=self._request.remaining_s(), **settings)
        sending = asyncio.get_running_loop().create_task(self._send(call, known))
        try:
            await self._receive(call)
        except asyncio.CancelledError:
            if self._failure is None:
                raise
            raise self._failure
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    # -- what is sent --------------------------------------------------------------------------------------------------

    async def _only_message(self) -> Message:
        """The message to send; without -d it is one without any field."""
        messages = [message async for message in self._messages()]
        if len(messages) > 1:
            raise Failure(USAGE, f"-d has {len(messages)} JSON documents; {self._method.name} takes one message")
        return messages[0] if messages else GetMessageClass(self._method.input_type)()

    async def _messages(self) -> AsyncIterator[Message]:
        """The messages to send, each as soon as it is whole. Raises Failure."""
        number = 0
        async for document in self._documents():
            number += 1
            try:
                async with self._asking:
                    message = await from_json(document, self._method.input_type, self._types)
            except ValueError as error:
                raise Failure(USAGE, f"-d, document {number} {error}")
            except AioRpcError as error:
                raise Failure(STATUS, f"{error.code().name}: {error.details()}")
            yield message

    async def _documents(self) -> AsyncIterator[Any]:
        for document in self._request.documents:
            yield document
        if self._request.arriving is None:
            return
        splitter = DocumentSplitter()
        try:
            async for octets in self._request.arriving:
                for document in splitter.feed(octets):
                    yield document
            for document in splitter.feed(b"", is_last=True):
                yield document
        except NotJson as error:
            raise Failure(USAGE, f"-d {error}")
        except OSError as error:
            raise Failure(USAGE, f"-d -: {error.strerror}")

    async def _send(self, call: Any, known: list[Message] | None) -> None:
        """Send all messages; when one of them is none, the call is cancelled."""
        try:
            if known is not None:
                for message in known:
                    await call.write(message)
            else:
                async for message in self._messages():
                    await call.write(message)
            await call.done_writing()
        except Failure as failure:
            self._failure = failure
            call.cancel()
        except (asyncio.InvalidStateError, AioRpcError):
            pass  # the call is over: who receives is told why

    # -- what comes back -----------------------------------------------------------------------------------------------

    async def _receive(self, call: Any) -> None:
        try:
            await call.wait_for_connection()
        except AioRpcError as error:
            if error.code() in (StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED):
                raise NotConnected(error.details())
            raise
        try:
            await self._tell_metadata("initial", call.initial_metadata)
            if self._method.server_streaming:
                async for response in call:
                    await self._show(response)
            else:
                await self._show(await call)
        finally:
            if self._request.tell is not None and call.done() and not call.cancelled():
                await self._tell_metadata("trailing", call.trailing_metadata)
                self._request.tell(f"status: {(await call.code()).name}")

    async def _tell_metadata(self, which: str, get: Callable[[], Any]) -> None:
        if self._request.tell is not None:
            with contextlib.suppress(AioRpcError):  # the call says so itself
                for key, value in await get():
                    self._request.tell(one_line(f"{which} metadata: {metadata_text(key, value)}"))

    async def _show(self, message: Message) -> None:
        try:
            async with self._asking:
                line = await to_json(message, self._types, self._request.is_ascii)
        except ValueError as error:
            raise Failure(STATUS, f"{StatusCode.INTERNAL.name}: {error}")
        self._emit(line)
