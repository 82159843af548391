"""How a call ends: the seventeen status codes, and every way one is written, read, mapped or guessed.

A gRPC call ends with a number and a text. On the wire they are two trailer fields: `grpc-status`, a decimal number, and
`grpc-message`, UTF-8 text whose bytes outside printable ASCII are percent-encoded (gRPC over HTTP2, "Responses").
When the peer, or something in between that speaks HTTP but not gRPC, ends the stream without them, the status is
derived from what did arrive: the HTTP status (http-grpc-status-mapping.md) or the error code of RST_STREAM
(gRPC over HTTP2, "Errors"). Each of these mappings is a table below; a missing row is the default named beside it.
"""

from __future__ import annotations

import abc
import enum
import re
from collections.abc import Mapping, Sequence
from typing import Final


@enum.unique
class StatusCode(enum.Enum):
    """The status codes of gRPC (statuscodes.md), with grpcio's values: `(number on the wire, text in lower case)`."""

    __hash__ = object.__hash__  # each is the only one of its kind, and Enum's own is a function in Python

    OK = (0, "ok")
    CANCELLED = (1, "cancelled")
    UNKNOWN = (2, "unknown")
    INVALID_ARGUMENT = (3, "invalid argument")
    DEADLINE_EXCEEDED = (4, "deadline exceeded")
    NOT_FOUND = (5, "not found")
    ALREADY_EXISTS = (6, "already exists")
    PERMISSION_DENIED = (7, "permission denied")
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    FAILED_PRECONDITION = (9, "failed precondition")
    ABORTED = (10, "aborted")
    OUT_OF_RANGE = (11, "out of range")
    UNIMPLEMENTED = (12, "unimplemented")
    INTERNAL = (13, "internal")
    UNAVAILABLE = (14, "unavailable")
    DATA_LOSS = (15, "data loss")
    UNAUTHENTICATED = (16, "unauthenticated")


OK: Final = StatusCode.OK
"""For the path of every call: `StatusCode.OK` asks the metaclass of enums each time, which takes 0.1 µs."""

CODES: Final[tuple[StatusCode, ...]] = tuple(StatusCode)
"""`CODES[number]` is the status code with that number."""

STATUS_HEADER: Final[Mapping[StatusCode, bytes]] = {code: b"%d" % code.value[0] for code in StatusCode}
"""The value of the `grpc-status` field of each code: decimal, without leading zeros."""


class Status(abc.ABC):
    """What `abort_with_status` takes: any object with these three attributes; subclassing is a courtesy to readers."""

    code: StatusCode
    details: str
    trailing_metadata: Sequence[tuple[str, str | bytes]] | None


def normalize_code(code: object) -> StatusCode:
    """The `StatusCode` meant by ours, by another library's enum with grpcio's values, or by a plain number.

    Raises `TypeError` for what is none of these, and `ValueError` for a number that no status code has.
    """
    if isinstance(code, StatusCode):
        return code
    number = code
    if isinstance(code, enum.Enum) and not isinstance(code, int):
        value = code.value
        number = value[0] if isinstance(value, tuple) and value else value
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError(f"a status code is a StatusCode or its number, not {code!r}")
    if not 0 <= number < len(CODES):
        raise ValueError(f"{code!r} is not a status code: the numbers are 0 to {len(CODES) - 1}")
    return CODES[number]


# --- grpc-status and grpc-message -------------------------------------------------------------------------------------


def parse_status(value: bytes) -> tuple[StatusCode, str | None]:
    """Read a `grpc-status` field: the code, and a text only when the field itself is at fault.

    A number that is not in the table is UNKNOWN, with no text, so that the peer's `grpc-message` stands; what is not a
    number is UNKNOWN with a text that quotes it (statuscodes.md: "Error parsing returned status"). Leading zeros,
    although no encoder may write them, are read past.
    """
    if not value.isdigit():
        return StatusCode.UNKNOWN, f"Error parsing returned status: grpc-status is {value!r}, not a decimal number"
    digits = value.lstrip(b"0")
    if len(digits) > 2:
        return StatusCode.UNKNOWN, None
    number = int(digits or b"0")
    return (CODES[number] if number < len(CODES) else StatusCode.UNKNOWN), None


# gRPC over HTTP2: "Percent-Byte-Unencoded -> 1*( %x20-%x24 / %x26-%x7E )". A space at either end is encoded all the
# same, because RFC 9113 §8.2.1 makes a field malformed whose value starts or ends with white space.
_TO_ENCODE: Final = re.compile(rb"[^\x20-\x24\x26-\x7e]|\A\x20|\x20\Z")
_ENCODED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


def encode_message(text: str) -> bytes:
    """The `grpc-message` field for `text`: UTF-8, then percent-encoded. A lone surrogate becomes a question mark."""
    return _TO_ENCODE.sub(lambda match: b"%%%02X" % ord(match[0]), text.encode("utf-8", "replace"))


def decode_message(value: bytes) -> str:
    """The text of a `grpc-message` field; never fails.

    gRPC over HTTP2: a decoder "MUST NOT error or throw away the message" for an invalid encoding: a `%` without two
    hexadecimal digits stands for itself, and bytes that are not UTF-8 become U+FFFD.
    """
    if b"%" in value:
        value = _ENCODED.sub(lambda match: bytes((int(match[1], 16),)), value)
    return value.decode("utf-8", "replace")


# --- A status for an ending that carried none -------------------------------------------------------------------------

_FROM_HTTP: Final[Mapping[int, StatusCode]] = {  # http-grpc-status-mapping.md
    400: StatusCode.INTERNAL,
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.UNIMPLEMENTED,
    429: StatusCode.UNAVAILABLE,
    502: StatusCode.UNAVAILABLE,
    503: StatusCode.UNAVAILABLE,
    504: StatusCode.UNAVAILABLE,
}


def status_from_http(http_status: int) -> StatusCode:
    """The status of a response without `grpc-status`, from its `:status`. For clients: a server never maps back."""
    return _FROM_HTTP.get(http_status, StatusCode.UNKNOWN)


_APPLICATION_NAMES: Final = (
    "INVALID_ARGUMENT NOT_FOUND ALREADY_EXISTS FAILED_PRECONDITION ABORTED OUT_OF_RANGE DATA_LOSS"
)
APPLICATION_CODES: Final = frozenset(map(StatusCode.__getitem__, _APPLICATION_NAMES.split()))
"""What only applications say: statuscodes.md, "Status codes that are never generated by the library"."""


def from_control_plane(code: StatusCode, details: str, source: str) -> tuple[StatusCode, str]:
    """The status for a call that failed in `source`, something on the client's side that is not the server.

    gRFC A54: the codes of applications, and OK, would look like the server's; they become INTERNAL, in the text.
    """
    if code is not StatusCode.OK and code not in APPLICATION_CODES:
        return code, details
    return StatusCode.INTERNAL, f"Illegal status code from {source}; original status: {code.name}: {details}"


# The error codes of RFC 9113 §7 that mean more to gRPC than "something broke" (gRPC over HTTP2, "Errors"). All others
# are INTERNAL: NO_ERROR before the trailers, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR, SETTINGS_TIMEOUT,
# STREAM_CLOSED, FRAME_SIZE_ERROR, COMPRESSION_ERROR, CONNECT_ERROR, HTTP_1_1_REQUIRED, and codes yet to be invented.
_INTERNAL_ERROR: Final = 0x2
_REFUSED_STREAM: Final = 0x7
_CANCEL: Final = 0x8
_ENHANCE_YOUR_CALM: Final = 0xB
_INADEQUATE_SECURITY: Final = 0xC

_FROM_RESET: Final[Mapping[int, StatusCode]] = {
    _REFUSED_STREAM: StatusCode.UNAVAILABLE,
    _CANCEL: StatusCode.CANCELLED,
    _ENHANCE_YOUR_CALM: StatusCode.RESOURCE_EXHAUSTED,
    _INADEQUATE_SECURITY: StatusCode.PERMISSION_DENIED,
}

_TO_RESET: Final[Mapping[StatusCode, int]] = {
    StatusCode.CANCELLED: _CANCEL,
    StatusCode.DEADLINE_EXCEEDED: _CANCEL,
    StatusCode.RESOURCE_EXHAUSTED: _ENHANCE_YOUR_CALM,
    StatusCode.PERMISSION_DENIED: _INADEQUATE_SECURITY,
    StatusCode.UNAVAILABLE: _REFUSED_STREAM,
}


def status_from_reset(error_code: int) -> StatusCode:
    """The status of a call whose stream the peer reset with this HTTP/2 error code.

    The caller knows the one thing that this table cannot: after its own deadline, CANCELLED reads DEADLINE_EXCEEDED.
    """
    return _FROM_RESET.get(error_code, StatusCode.INTERNAL)


def status_from_fault(error_code: int) -> StatusCode:
    """The status of a call whose peer broke HTTP/2, or sent more than we take, from the code that we reset it with.

    statuscodes.md: RESOURCE_EXHAUSTED where a side cannot hold what it is sent, INTERNAL for every other fault.
    """
    return StatusCode.RESOURCE_EXHAUSTED if error_code == _ENHANCE_YOUR_CALM else StatusCode.INTERNAL


def reset_from_status(code: StatusCode) -> int:
    """The HTTP/2 error code for a stream that is aborted with this status and without trailers."""
    return _TO_RESET.get(code, _INTERNAL_ERROR)
