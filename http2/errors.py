"""Errors (RFC 9113 §5.4 and §7).

HTTP/2 knows two scopes of error. A *stream error* ends one stream with RST_STREAM and leaves the connection and every
other stream working (§5.4.2). A *connection error* makes the whole connection unusable and ends it with GOAWAY
(§5.4.1). Here the type is the scope: `StreamError` or `ConnectionError`.

Both describe a fault of the **peer**. They are raised by the parsers and tables of this package and caught in one
place, `Connection.receive_data`, which turns them into a frame and an event: users of `Connection` never see them
raised. What the **caller** of `Connection` does wrong raises a `UsageError` and changes nothing.

`ConnectionError` shadows a builtin, so it is always written `errors.ConnectionError`.
"""

from __future__ import annotations

from enum import IntEnum


class ErrorCode(IntEnum):
    """The error codes of RFC 9113 §7, carried by RST_STREAM and GOAWAY."""

    NO_ERROR = 0x00
    PROTOCOL_ERROR = 0x01
    INTERNAL_ERROR = 0x02
    FLOW_CONTROL_ERROR = 0x03
    SETTINGS_TIMEOUT = 0x04
    STREAM_CLOSED = 0x05
    FRAME_SIZE_ERROR = 0x06
    REFUSED_STREAM = 0x07
    CANCEL = 0x08
    COMPRESSION_ERROR = 0x09
    CONNECT_ERROR = 0x0A
    ENHANCE_YOUR_CALM = 0x0B
    INADEQUATE_SECURITY = 0x0C
    HTTP_1_1_REQUIRED = 0x0D


def error_name(code: int) -> str:
    """The RFC's name of an error code; an unknown code as hexadecimal (§7: unknown codes have no special meaning)."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"{code:#x}"


class PeerError(Exception):
    """What the peer did wrong: the base of `StreamError` and `ConnectionError`.

    `error_code` is the code that goes on the wire, `rule` the section that was broken, e.g. `"RFC 9113 §6.9.1"`, and
    `str(error)` says what came and what was allowed.
    """

    def __init__(self, error_code: ErrorCode, message: str, rule: str) -> None:
        super().__init__(message)
        self.error_code = error_code
        self.rule = rule

    @property
    def reason(self) -> str:
        """The one text that reaches the log, the event and the debug data of GOAWAY."""
        return f"{self} ({self.rule})"


class StreamError(PeerError):
    """Ends one stream with RST_STREAM (§5.4.2).

    `answer_status` is the HTTP status that a server sends before the RST_STREAM, where the RFC asks for an answer
    (§8.2.1: "an implementation SHOULD generate a 400 (Bad Request) status code"), else None.
    """

    def __init__(
        self, stream_id: int, error_code: ErrorCode, message: str, rule: str, answer_status: int | None = None
    ) -> None:
        super().__init__(error_code, message, rule)
        self.stream_id = stream_id
        self.answer_status = answer_status


class ConnectionError(PeerError):  # the module docstring says how the name is used
    """Ends the connection with GOAWAY (§5.4.1)."""


class UsageError(Exception):
    """The caller asked for something that HTTP/2 does not allow now. Nothing was sent and nothing has changed."""


class StreamClosedError(UsageError):
    """The stream cannot be used for this any more: it has ended, was reset, or its sending side is closed."""


class ConnectionClosedError(UsageError):
    """The connection accepts no new work: it has failed, was closed, or is going away."""
