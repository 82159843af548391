"""`python -m grpc_core call`: calls any method of a server that has reflection, with JSON in and out.

What it prints is one line for each message. What goes wrong is one line too, with an exit code that says who is to
blame: the server (1: a status other than OK), the user (2), or the way between them (3: there was no connection).
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from grpc_core.errors import AioRpcError
from grpc_core.metadata import MetadataPairs, MetadataValue, encode_metadata
from grpc_core.proto_text import describe_symbol
from grpc_core.reflection_client import NotConnected, ReflectionClient, ReflectionError
from grpc_core.status import StatusCode
from grpc_core.stub import KINDS

Emit = Callable[[str], None]

STATUS: Final = 1
USAGE: Final = 2
CONNECTION: Final = 3


class Failure(Exception):
    """What the user is told, and the exit code."""

    def __init__(self, exit_code: int, text: str) -> None:
        super().__init__(one_line(text))
        self.exit_code = exit_code


def one_line(text: str) -> str:
    """The text without line ends and control characters: what a server says does not steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


@dataclass(frozen=True)
class Request:
    """What is asked of a server: `list`, `describe` (with a symbol or without), or a method to call."""

    what: str = "list"
    symbol: str | None = None
    documents: tuple[Any, ...] | None = None
    """The JSON to send; None when none was given."""
    metadata: MetadataPairs = ()
    timeout_s: float | None = None
    is_ascii: bool = False
    """Whether other characters are written as escapes."""
    _began: float = field(default_factory=time.monotonic)

    def remaining_s(self) -> float | None:
        """The time that is left of the whole, not of one call."""
        return None if self.timeout_s is None else max(self.timeout_s - (time.monotonic() - self._began), 0.0)


# -- what the command line says ----------------------------------------------------------------------------------------


def read_documents(argument: str | None) -> tuple[Any, ...] | None:
    """The JSON documents of `-d`: in the argument, in the file after `@`, or for `-` on standard input."""
    if argument is None:
        return None
    try:
        if argument in ("-", "@-"):
            argument = sys.stdin.buffer.read().decode("utf-8")
        elif argument.startswith("@"):
            with open(argument[1:], encoding="utf-8") as file:
                argument = file.read()
    except OSError as error:
        raise Failure(USAGE, f"-d {argument}: {error.strerror}")
    except UnicodeDecodeError as error:
        raise Failure(USAGE, f"-d {argument}: {error}")
    return parse_documents(argument)


def parse_documents(text: str) -> tuple[Any, ...]:
    """Any number of JSON documents, with nothing but white space between them."""
    decoder = json.JSONDecoder()
    documents = []
    position = len(text) - len(text.lstrip())
    try:
        while position < len(text):
            document, position = decoder.raw_decode(text, position)
            documents.append(document)
            position = len(text) - len(text[position:].lstrip())
    except json.JSONDecodeError as error:
        raise Failure(USAGE, f"-d is not JSON: {error}")
    except RecursionError:
        raise Failure(USAGE, "-d is nested too deeply")
    return tuple(documents)


def parse_metadata(headers: Iterable[str]) -> MetadataPairs:
    """The metadata of `-H "key: value"`; the value of a key that ends in -bin is base64."""
    pairs: list[tuple[str, MetadataValue]] = []
    for header in headers:
        key, colon, value = header.partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            raise Failure(USAGE, f"-H {header!r} is not 'key: value'")
        try:
            decoded: MetadataValue = value
            if key.endswith("-bin"):
                decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
            encode_metadata([(key, decoded)])
        except binascii.Error as error:
            raise Failure(USAGE, f"-H {header!r}: the value of a key that ends in -bin is base64: {error}")
        except ValueError as error:
            raise Failure(USAGE, f"-H {header!r}: {error}")
        pairs.append((key, decoded))
    return tuple(pairs)


def parse_timeout(text: str) -> float:
    """Seconds, more than none. Raises ValueError."""
    seconds = float(text)
    if not (math.isfinite(seconds) and seconds > 0):
        raise ValueError(text)
    return seconds


# -- what is done ------------------------------------------------------------------------------------------------------


async def run(channel: Any, request: Request, emit: Emit) -> None:
    """Do what is asked, on a channel of `grpc_core.aio`; each line of the answer goes to `emit`. Raises Failure."""
    reflection = ReflectionClient(channel, request.metadata, request.remaining_s)
    try:
        if request.what == "list":
            for name in await reflection.services():
                emit(one_line(name))
        elif request.what == "describe":
            for symbol in [request.symbol] if request.symbol is not None else await reflection.services():
                emit(await _describe(reflection, symbol.lstrip(".")))
        else:
            await _call(channel, await _method(reflection, request.what), request, reflection, emit)
    except NotConnected as error:
        raise Failure(CONNECTION, f"no connection to {channel.target}: {error}")
    except ReflectionError as error:
        raise Failure(STATUS, f"{error.code.name}: {error}")
    except AioRpcError as error:
        raise Failure(STATUS, f"{error.code().name}: {error.details()}")
    finally:
        reflection.close()


async def _describe(reflection: ReflectionClient, symbol: str) -> str:
    await reflection.find(symbol)
    try:
        return describe_symbol(reflection.pool, symbol)
    except KeyError:
        raise Failure(STATUS, f"NOT_FOUND: {symbol} is not a service, a method, a message or an enum")


async def _method(reflection: ReflectionClient, name: str) -> MethodDescriptor:
    """The method called `package.Service/Method`, with a slash before it or without."""
    service_name, _, method_name = name.lstrip("/").rpartition("/")
    await reflection.find(service_name)
    try:
        service = reflection.pool.FindServiceByName(service_name)
    except KeyError:
        raise Failure(STATUS, f"NOT_FOUND: {service_name} is not a service")
    try:
        return service.methods_by_name[method_name]
    except KeyError:
        names = ", ".join(service.methods_by_name) or "none"
        raise Failure(STATUS, f"NOT_FOUND: {service_name} has no method {method_name!r}; it has {names}")


async def _call(
    channel: Any, method: MethodDescriptor, request: Request, reflection: ReflectionClient, emit: Emit
) -> None:
    service = method.containing_service.full_name
    messages = await _messages(method, request, reflection)
    make = getattr(channel, KINDS[method.client_streaming, method.server_streaming])(
        f"/{service}/{method.name}",
        request_serializer=GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    argument = iter(messages) if method.client_streaming else messages[0]
    call = make(argument, metadata=request.metadata, timeout=request.remaining_s())
    if method.server_streaming:
        async for response in call:
            emit(await _to_json(response, request, reflection))
    else:
        emit(await _to_json(await call, request, reflection))


# -- JSON to messages and back -----------------------------------------------------------------------------------------
#
# google.protobuf.Any holds a message of whatever type; its name stands in the JSON under "@type", or in the message. No
# descriptor refers to that type, so it is asked for as soon as its name is seen.


async def _messages(method: MethodDescriptor, request: Request, reflection: ReflectionClient) -> list[Any]:
    """The messages to send. Without -d it is one without any field, or for a stream of them none."""
    documents = request.documents or ()
    if not method.client_streaming:
        if len(documents) > 1:
            raise Failure(USAGE, f"-d has {len(documents)} JSON documents; {method.name} takes one message")
        documents = documents or ({},)
    for name in _types_named(documents):
        await reflection.find_message(name)
    message_class = GetMessageClass(method.input_type)
    messages = []
    for number, document in enumerate(documents, 1):
        try:
            messages.append(json_format.ParseDict(document, message_class(), descriptor_pool=reflection.pool))
        except (json_format.ParseError, TypeError, ValueError, AttributeError) as error:
            # json_format raises what it stumbles upon when a document is not of the shape of the message.
            name = method.input_type.full_name
            raise Failure(USAGE, f"-d, document {number} is not a {name}: {error}")
    return messages


def _types_named(documents: Iterable[Any]) -> set[str]:
    """The names under "@type", however deep."""
    names = set()
    waiting = list(documents)
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
            names.add(str(value.get("@type", "")).rpartition("/")[2])
        elif isinstance(value, list):
            waiting += value
    return names - {""}


async def _to_json(message: Any, request: Request, reflection: ReflectionClient) -> str:
    await _find_types_in(message, reflection)
    try:
        return json_format.MessageToJson(
            message, indent=None, ensure_ascii=request.is_ascii, descriptor_pool=reflection.pool
        )
    except (json_format.Error, DecodeError, TypeError, ValueError) as error:
        raise Failure(STATUS, f"{StatusCode.INTERNAL.name}: a response cannot be written as JSON: {error}")


async def _find_types_in(message: Any, reflection: ReflectionClient) -> None:
    """Have the pool know the types of what is in an Any, however deep."""
    waiting = [message]
    while waiting:
        value = waiting.pop()
        if value.DESCRIPTOR.full_name == "google.protobuf.Any":
            descriptor = await reflection.find_message(value.type_url.rpartition("/")[2])
            if descriptor is not None:
                try:
                    waiting.append(GetMessageClass(descriptor).FromString(value.value))
                except DecodeError:
                    pass  # json_format says so too
            continue
        for field_descriptor, content in value.ListFields():
            if field_descriptor.message_type is None:
                continue
            if isinstance(content, Message):
                waiting.append(content)
            else:
                parts = content.values() if isinstance(content, Mapping) else content
                waiting += [part for part in parts if isinstance(part, Message)]
