"""JSON to messages and back, for types that are known only when a server has told of them.

google.protobuf.Any holds a message of whatever type; its name stands in the JSON under "@type", or in the message. No
descriptor refers to that type, so it is asked for as soon as its name is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass


class Types(Protocol):
    """Who knows the types of messages: `reflection_client.ReflectionClient` and `descriptor_set.DescriptorSet`."""

    pool: DescriptorPool

    async def services(self) -> list[str]:
        """The full names of the services."""

    async def find(self, symbol: str) -> None:
        """Have the pool know the symbol."""

    async def find_message(self, name: str) -> Descriptor | None:
        """The descriptor of a message, or None."""

    def close(self) -> None:
        """Ask no more."""


async def from_json(document: Any, descriptor: Descriptor, types: Types) -> Message:
    """The message of that type that a document describes. Raises ValueError."""
    for name in _types_named(document):
        await types.find_message(name)
    try:
        message: Message = json_format.ParseDict(document, GetMessageClass(descriptor)(), descriptor_pool=types.pool)
    except (json_format.ParseError, TypeError, ValueError, AttributeError) as error:
        # json_format raises what it stumbles upon when a document is not of the shape of the message.
        raise ValueError(f"is not a {descriptor.full_name}: {error}")
    return message


def _types_named(document: Any) -> set[str]:
    """The names under "@type", however deep."""
    names = set()
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
            names.add(str(value.get("@type", "")).rpartition("/")[2])
        elif isinstance(value, list):
            waiting += value
    return names - {""}


async def to_json(message: Message, types: Types, is_ascii: bool) -> str:
    """The message as one line of JSON; `is_ascii` writes other characters as escapes. Raises ValueError."""
    await _find_types_in(message, types)
    try:
        return json_format.MessageToJson(message, indent=None, ensure_ascii=is_ascii, descriptor_pool=types.pool)
    except (json_format.Error, DecodeError, TypeError, ValueError) as error:
        raise ValueError(f"a response cannot be written as JSON: {error}")


async def _find_types_in(message: Any, types: Types) -> None:
    """Have the pool know the types of what is in an Any, however deep."""
    waiting = [message]
    while waiting:
        value = waiting.pop()
        if value.DESCRIPTOR.full_name == "google.protobuf.Any":
            descriptor = await types.find_message(value.type_url.rpartition("/")[2])
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
