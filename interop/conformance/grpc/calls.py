"""A stream as gRPC reads it: heads, messages, status; and the rules of form that every answer and every request keeps.

    call = read_call(exchange.heads, bytes(exchange.content), exchange.ended)
    call.status, call.text, call.messages, call.is_trailers_only

Nothing is repaired here: what cannot be read is left out, and `answer_violations` or `request_violations` says so. The
rules are those of the document "gRPC over HTTP2"; the numbers are those of docs/grpc-wire.md.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hpack_codec import FieldList
from interop.conformance.checks import Violation
from interop.conformance.model import Level
from interop.conformance.wire import show

PREFIX_OCTETS: Final = 5
CONTENT_TYPE: Final = b"application/grpc"
_MESSAGE_TEXT: Final = re.compile(rb"(?:[\x20-\x24\x26-\x7e]|%[0-9A-Fa-f]{2})*")
_STATUS: Final = re.compile(rb"0|[1-9][0-9]*")
_TIMEOUT: Final = re.compile(rb"[0-9]{1,8}[HMSmun]")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_PERCENT: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_PATH: Final = re.compile(rb"/[^/]+/[^/]+")

WATCHED: Final = frozenset(
    "W002 W003 W004 W005 W008 W012 W020 W022 W032 W050 W052 W063 W068 W080 W081 W083".split()  # noqa: SIM905
)
"""The statements whose keeping is watched in every case."""


@dataclass(frozen=True)
class Message:
    """A length-prefixed message: its compressed flag and its octets, as they came."""

    flag: int
    octets: bytes


@dataclass(frozen=True)
class Call:
    """One half of a call. `status` is None where no `grpc-status` is there, or none that is a number.

    `head` are the fields of the request or of the final response, `trailers` those of the trailers, empty where there
    are none. `rest` are octets behind the last whole message.
    """

    head: FieldList = ()
    trailers: FieldList = ()
    messages: tuple[Message, ...] = ()
    rest: bytes = b""
    ended: bool = False

    @property
    def http_status(self) -> int:
        """`:status`; 0 without one."""
        value = field_of(self.head, b":status")
        return int(value) if value.isdigit() else 0

    @property
    def is_trailers_only(self) -> bool:
        """Whether the response is one head, with the status in it."""
        return self.ended and not self.trailers and not self.messages and not self.rest and b"grpc-status" in dict(
            self.head
        )  # fmt: skip

    @property
    def ending(self) -> FieldList:
        """The fields among which the status is."""
        return self.head if self.is_trailers_only else self.trailers

    @property
    def status(self) -> int | None:
        """`grpc-status`."""
        value = field_of(self.ending, b"grpc-status")
        return int(value) if value.isdigit() else None

    @property
    def text(self) -> str:
        """`grpc-message`, decoded."""
        return decode_text(field_of(self.ending, b"grpc-message"))

    @property
    def coding(self) -> bytes:
        """`grpc-encoding`."""
        return field_of(self.head, b"grpc-encoding") or b"identity"

    def plain(self, message: Message) -> bytes:
        """A message without its compression. Raises ValueError where that cannot be undone."""
        if not message.flag:
            return message.octets
        try:
            if self.coding == b"gzip":
                return zlib.decompress(message.octets, 31)
            if self.coding == b"deflate":
                return zlib.decompress(message.octets)
        except zlib.error as error:
            raise ValueError(f"{show(self.coding)} cannot undo it: {error}") from None
        raise ValueError(f"the compressed flag is {message.flag}, and grpc-encoding {show(self.coding)}")


def field_of(fields: FieldList, name: bytes) -> bytes:
    """The first value of a field, or nothing."""
    return next((value for key, value in fields if key == name), b"")


def values_of(fields: FieldList, name: bytes) -> list[bytes]:
    """All values of a field."""
    return [value for key, value in fields if key == name]


def decode_text(value: bytes) -> str:
    """A `grpc-message`, percent-decoded; what is no UTF-8 is U+FFFD."""
    return _PERCENT.sub(lambda match: bytes((int(match[1], 16),)), value).decode("utf-8", "replace")


def encode_text(text: str) -> bytes:
    """A `grpc-message` for a text."""
    return b"".join(
        bytes((octet,)) if 0x20 <= octet <= 0x7E and octet != 0x25 else b"%%%02X" % octet for octet in text.encode()
    )


def decode_binary(values: Sequence[bytes]) -> list[bytes]:
    """The octets of `-bin` fields, which may be joined by commas, padded or not. Raises ValueError."""
    parts = [part.strip() for value in values for part in value.split(b",")]
    try:
        return [base64.b64decode(part + b"=" * (-len(part) % 4), validate=True) for part in parts]
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def cut_messages(content: bytes) -> tuple[tuple[Message, ...], bytes]:
    """The whole messages in the content of a stream, and what is behind them."""
    messages = []
    while len(content) >= PREFIX_OCTETS:
        stop = PREFIX_OCTETS + int.from_bytes(content[1:PREFIX_OCTETS], "big")
        if stop > len(content):
            break
        messages.append(Message(content[0], content[PREFIX_OCTETS:stop]))
        content = content[stop:]
    return tuple(messages), content


def read_call(heads: Sequence[FieldList], content: bytes, ended: bool) -> Call:
    """A half-stream as a call. `heads` are its field blocks, in order."""
    final = [fields for fields in heads if not field_of(fields, b":status").startswith(b"1")]
    messages, rest = cut_messages(content)
    return Call(final[0] if final else (), final[-1] if len(final) > 1 else (), messages, rest, ended)


# -- what every answer of a server keeps -------------------------------------------------------------------------------


def answer_violations(call: Call, request: Call, name: str) -> Iterator[Violation]:
    """What is wrong with the form of an answer, whatever it says; `name` is its stream's, for the reader."""
    if not call.head:
        return
    content_type = field_of(call.head, b"content-type")
    if call.http_status == 200 and not is_grpc(content_type):
        text = f"{name} is answered with 200 and the content-type {show(content_type)}, which is not gRPC's"
        yield Violation("W080", f"{text} (gRPC over HTTP2, Response-Headers)")
    yield from _status_violations(call, name)
    for message in call.messages:
        yield from _message_violations(call, request, message, name)
    if call.status == 0 and call.rest:
        yield Violation("W050", f"{name} ends with OK inside a message ({len(call.rest)} octets are left over)")
    for key, value in (*call.head, *call.trailers):
        if key.endswith(b"-bin") and not all(_BASE64.fullmatch(part.strip()) for part in value.split(b",")):
            yield Violation("W032", f"{name}: {show(key)} is {show(value)}, which is no base64")


def is_grpc(content_type: bytes) -> bool:
    """Whether a content-type is gRPC's."""
    return content_type == CONTENT_TYPE or content_type.startswith((CONTENT_TYPE + b"+", CONTENT_TYPE + b";"))


def _status_violations(call: Call, name: str) -> Iterator[Violation]:
    if not call.ended or call.http_status != 200:
        return
    statuses = values_of(call.ending, b"grpc-status")
    if not statuses:
        yield Violation("W081", f"{name} ends without grpc-status; it is sent even when it is OK")
        return
    if len(statuses) > 1:
        yield Violation("W081", f"{name} has {len(statuses)} grpc-status fields")
    if not _STATUS.fullmatch(statuses[0]):
        yield Violation("W081", f"{name}: grpc-status is {show(statuses[0])}, which is no number without leading zeros")
    if not call.is_trailers_only and field_of(call.head, b"grpc-status"):
        yield Violation("W080", f"{name} has a grpc-status in Response-Headers, which trailers follow")
    text = field_of(call.ending, b"grpc-message")
    if not _MESSAGE_TEXT.fullmatch(text):
        yield Violation("W083", f"{name}: grpc-message is {show(text)}, which is not percent-encoded")
    if text.strip(b" ") != text:
        said = "begins or ends with a space: gRPC's encoding allows that, and RFC 9113 §8.2.1 does not"
        yield Violation("W083", f"{name}: grpc-message {said}", Level.MAY)


def _message_violations(call: Call, request: Call, message: Message, name: str) -> Iterator[Violation]:
    if message.flag > 1:
        yield Violation("W052", f"{name} has a message whose compressed flag is {message.flag}; it is 0 or 1")
    elif message.flag:
        listed = {part.strip() for value in values_of(request.head, b"grpc-accept-encoding")
                  for part in value.split(b",")}  # fmt: skip
        used = field_of(request.head, b"grpc-encoding")
        if call.coding == b"identity":
            yield Violation("W063", f"{name} has a compressed message, and no grpc-encoding says how")
        elif call.coding not in listed and call.coding != used:
            yield Violation("W068", f"{name} is compressed with {show(call.coding)}, which the client has not listed")


# -- what every request of a client keeps ------------------------------------------------------------------------------


_UNITS_S: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


def _deadline_violations(timeout: bytes | None, deadline_s: float, name: str) -> Iterator[Violation]:
    """Of the deadline that the client's user has set: a server is to be told, and not less than there is."""
    if timeout is None:
        yield Violation("W020", f"{name}: the call has a deadline, and there is no grpc-timeout", Level.SHOULD)
    elif _TIMEOUT.fullmatch(timeout):
        told_s = int(timeout[:-1]) * _UNITS_S[timeout[-1:]]
        if not deadline_s / 2 < told_s <= deadline_s * 1.5:
            text = f"{name}: grpc-timeout is {show(timeout)}; the deadline is {deadline_s:g} s away"
            yield Violation("W022", text, Level.SHOULD)


def request_violations(call: Call, name: str, deadline_s: float | None = None) -> Iterator[Violation]:
    """What is wrong with the form of a request; `deadline_s` is the deadline that its user has set, if any."""
    fields = dict(call.head)
    wanted = ((b":method", (b"POST",), "W002"), (b":scheme", (b"http", b"https"), "W002"),
              (b"te", (b"trailers",), "W004"))  # fmt: skip
    for key, allowed, rule in wanted:
        value = fields.get(key, b"")
        if value not in allowed:
            yield Violation(rule, f"{name}: {show(key)} is {show(value)!r}; {show(allowed[0])} is due")
    if not _PATH.fullmatch(fields.get(b":path", b"")):
        yield Violation("W002", f"{name}: :path is {show(fields.get(b':path', b''))!r}; /service/method is due")
    if not fields.get(b":authority") and not fields.get(b"host"):
        yield Violation("W003", f"{name} has no :authority")
    if not fields.get(b"content-type", b"").startswith(CONTENT_TYPE):
        yield Violation("W005", f"{name}: content-type is {show(fields.get(b'content-type', b''))!r}")
    timeout = fields.get(b"grpc-timeout")
    if deadline_s is not None:
        yield from _deadline_violations(timeout, deadline_s, name)
    if timeout is not None and not _TIMEOUT.fullmatch(timeout):
        yield Violation("W020", f"{name}: grpc-timeout is {show(timeout)!r}; one to eight digits and a unit are due")
    if timeout is not None and timeout != call.head[_pseudo_fields(call.head)][1]:
        text = f"{name}: grpc-timeout should directly follow the pseudo-header fields"
        yield Violation("W008", text, Level.MAY)
    agent = fields.get(b"user-agent", b"")
    if not agent:
        yield Violation("W012", f"{name} has no user-agent", Level.MAY)
    for key, value in call.head:
        if key.endswith(b"-bin") and not all(_BASE64.fullmatch(part.strip()) for part in value.split(b",")):
            yield Violation("W032", f"{name}: {show(key)} is {show(value)}, which is no base64")
    for message in call.messages:
        if message.flag > 1:
            yield Violation("W052", f"{name} has a message whose compressed flag is {message.flag}; it is 0 or 1")
        elif message.flag and call.coding == b"identity":
            yield Violation("W063", f"{name} has a compressed message, and no grpc-encoding says how")
    if call.ended and call.rest:
        yield Violation("W050", f"{name} ends inside a message ({len(call.rest)} octets are left over)")


def _pseudo_fields(fields: FieldList) -> int:
    """How many pseudo-header fields stand in front."""
    return sum(key.startswith(b":") for key, _ in fields)
