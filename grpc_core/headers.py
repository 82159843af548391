"""The header fields of gRPC (gRPC over HTTP2, "Requests" and "Responses"): from heads to calls and back.

What the fields of a request or a response mean to gRPC is worked out once and kept with the head (`Head.memo`), which
HTTP/2 keeps with the field block it came in: a client that repeats itself costs one dictionary lookup.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Final

from grpc_core import __version__
from grpc_core.compression import ACCEPT_ENCODING, CODINGS, Coding, accepted
from grpc_core.deadline import decode_timeout
from grpc_core.metadata import Fields, MetadataError, MetadataPairs, decode_metadata
from grpc_core.status import (
    STATUS_HEADER,
    StatusCode,
    decode_message,
    encode_message,
    parse_status,
    status_from_http,
)
from http2 import Head, read_head
from http2.messages import MalformedMessage, extended

VERSION: Final = __version__
USER_AGENT: Final = f"grpc-python-plait/{VERSION} ({sys.platform}; {sys.implementation.name})"
_ABSENT: Final = b" "  # no field has this value: RFC 9113 §8.2.1 forbids white space at either end
_CONTENT_TYPE: Final = (b"content-type", b"application/grpc")


def is_grpc(content_type: bytes) -> bool:
    """Whether a content-type is one of gRPC's: `application/grpc`, alone or followed by `+format` or `;parameters`."""
    return content_type == b"application/grpc" or content_type[:17] in (b"application/grpc+", b"application/grpc;")


class Refusal:
    """The answer to a request that never becomes a call: HTTP status, gRPC status, and perhaps more fields."""

    __slots__ = ("code", "details", "http_status", "more")

    def __init__(self, code: StatusCode, details: str, http_status: int = 200, more: Fields = ()) -> None:
        self.code = code
        self.details = details
        self.http_status = http_status
        self.more = more

    def head(self) -> Head:
        """The Trailers-Only response that says it."""
        fields = (
            (b":status", b"%d" % self.http_status),
            _CONTENT_TYPE,
            (b"grpc-status", STATUS_HEADER[self.code]),
            (b"grpc-message", encode_message(self.details)),
        )
        return read_head(fields + self.more)


class RequestInfo:
    """What a request head means: a call (`refusal` is None), or why not.

    `path` is the method's full name, `timeout_s` the client's deadline from now or None, `metadata` what the
    application sees, `coding` that of the compressed messages or None, `accepts` the codings that the client reads.
    """

    __slots__ = ("accepts", "authority", "coding", "metadata", "path", "refusal", "timeout_s")

    def __init__(self, head: Head) -> None:
        self.path = head.path.decode("latin-1")
        self.authority = head.authority.decode("latin-1")
        self.metadata: MetadataPairs = ()
        self.timeout_s: float | None = None
        self.coding: Coding | None = None
        self.accepts = accepted(head.get(b"grpc-accept-encoding"))
        self.refusal = self._read(head)

    def _read(self, head: Head) -> Refusal | None:
        content_type = head.get(b"content-type")
        if not is_grpc(content_type):
            text = f"content-type is {_quoted(content_type)}; application/grpc is required"
            return Refusal(StatusCode.UNKNOWN, text, 415)
        if head.method != b"POST":
            text = f":method is {_quoted(head.method)}; POST is required"
            return Refusal(StatusCode.INTERNAL, text, 405, ((b"allow", b"POST"),))
        if not _is_method_path(self.path):
            return Refusal(StatusCode.UNIMPLEMENTED, f"malformed method name: {_quoted(head.path)}")
        timeout = head.get(b"grpc-timeout", _ABSENT)
        if timeout != _ABSENT:
            try:
                self.timeout_s = decode_timeout(timeout)
            except ValueError as error:
                return Refusal(StatusCode.INTERNAL, f"Error parsing 'grpc-timeout' metadata: {error}")
        encoding = head.get(b"grpc-encoding", b"identity")
        self.coding = CODINGS.get(encoding)
        if encoding != b"identity" and self.coding is None:
            return Refusal(
                StatusCode.UNIMPLEMENTED,
                f"grpc-encoding {_quoted(encoding)} is not supported",
                more=((b"grpc-accept-encoding", ACCEPT_ENCODING),),
            )
        try:
            self.metadata = decode_metadata(head.fields)
        except MetadataError as error:
            return Refusal(StatusCode.INTERNAL, str(error))
        return None


def _quoted(value: bytes) -> str:
    """What the peer sent, in an answer that must not grow with it."""
    return repr(value if len(value) <= 80 else value[:80] + b"...")


def _is_method_path(path: str) -> bool:
    """`/Service/Method`: nothing is repaired (CVE-2026-33186)."""
    service, slash, method = path[1:].partition("/")
    return path[:1] == "/" and bool(service and slash and method)


def request_info(head: Head) -> RequestInfo:
    """The meaning of a request head, worked out once per head."""
    info = head.memo
    if type(info) is not RequestInfo:
        head.memo = info = RequestInfo(head)
    return info


class ResponseInfo:
    """What a response head or trailers mean to the client.

    `metadata` is what the application sees. `error` is the status of a head that is not a gRPC response, else None.
    `status` is the (code, details) of a head that ends the call. `coding` is that of the compressed messages, or None.
    """

    __slots__ = ("coding", "error", "metadata", "status")

    def __init__(self, head: Head) -> None:
        self.error: tuple[StatusCode, str] | None = None
        self.metadata: MetadataPairs = ()
        try:
            self.metadata = decode_metadata(head.fields)
        except MetadataError as error:
            self.error = (StatusCode.INTERNAL, str(error))
        if head.status and (head.status != 200 or not is_grpc(head.get(b"content-type"))):
            content_type = _quoted(head.get(b"content-type"))
            self.error = (
                status_from_http(head.status),
                f"Received http2 header with status: {head.status} and content-type {content_type}",
            )
        encoding = head.get(b"grpc-encoding", b"identity")
        self.coding = CODINGS.get(encoding)
        if self.error is None and encoding != b"identity" and self.coding is None:
            self.error = (StatusCode.INTERNAL, f"grpc-encoding {_quoted(encoding)} is not supported")
        self.status = self._read_status(head)

    def _read_status(self, head: Head) -> tuple[StatusCode, str]:
        value = head.get(b"grpc-status", _ABSENT)
        if value == _ABSENT:
            return self.error or (StatusCode.UNKNOWN, "the response ended without grpc-status")
        code, fault = parse_status(value)
        if self.error is not None and self.error[0] is StatusCode.INTERNAL and code is StatusCode.OK:
            return self.error
        return code, fault if fault is not None else decode_message(head.get(b"grpc-message"))


def response_info(head: Head) -> ResponseInfo:
    """The meaning of a response head or of trailers, worked out once per head."""
    info = head.memo
    if type(info) is not ResponseInfo:
        head.memo = info = ResponseInfo(head)
    return info


# -- what we send ------------------------------------------------------------------------------------------------------


def with_fields(head: Head, fields: Fields, timeout: bytes | None = None) -> Head:
    """A head with metadata fields at its end, and perhaps `grpc-timeout`.

    gRPC over HTTP2: "implementations should send Timeout immediately after the reserved headers".
    """
    if not fields and timeout is None:
        return head
    early: Fields = () if timeout is None else ((b"grpc-timeout", timeout),)
    try:
        return extended(head, fields, early)
    except MalformedMessage:  # a field with rules of its own in HTTP: cookie, which may stand there any number of times
        plain = extended(head, (), early)
        return read_head(plain.fields + fields, check_path=False, join_cookies=False)


@lru_cache(maxsize=256)
def request_head(path: str, authority: str, scheme: str, user_agent: str, coding: Coding | None = None) -> Head:
    """The part of a request head that is the same for every call of a method.

    Pseudo-header fields first, then what gRPC defines, as the document asks; `grpc-timeout` and metadata are added by
    `with_fields`. Raises ValueError.
    """
    fields: Fields = (
        (b":method", b"POST"),
        (b":scheme", scheme.encode("ascii")),
        (b":path", path.encode("utf-8")),
        (b":authority", authority.encode("utf-8")),
        (b"te", b"trailers"),
        _CONTENT_TYPE,
        (b"user-agent", user_agent.encode("ascii", "replace")),
        (b"grpc-accept-encoding", ACCEPT_ENCODING),
    )
    if coding is not None:
        fields += ((b"grpc-encoding", coding.name),)
    try:
        return read_head(fields)
    except MalformedMessage as error:
        raise ValueError(f"method {path!r} of {authority!r} cannot be called: {error}")


RESPONSE_HEAD: Final = read_head(((b":status", b"200"), _CONTENT_TYPE, (b"grpc-accept-encoding", ACCEPT_ENCODING)))
CODED_RESPONSE_HEADS: Final = {
    coding: extended(RESPONSE_HEAD, ((b"grpc-encoding", coding.name),)) for coding in CODINGS.values()
}
_TRAILERS_ONLY: Final = read_head(((b":status", b"200"), _CONTENT_TYPE))
TRAILERS: Final = {code: read_head(((b"grpc-status", value),)) for code, value in STATUS_HEADER.items()}
TRAILERS_ONLY: Final = {
    code: extended(_TRAILERS_ONLY, ((b"grpc-status", value),)) for code, value in STATUS_HEADER.items()
}
