"""HTTP messages in fields (RFC 9113 §8): what a valid field list looks like, checked in one pass.

`read_head` takes a decoded field list and returns a `Head`: the same fields, known to be valid, with the parts that
everybody needs taken out. The kind of a head follows from its fields alone: with `:method` it is a request, with
`:status` a response, without pseudo-header fields the trailers of either. Whether that kind may stand where it came is
the stream's business, so a head can be cached together with the octets of its field block: validation happens once per
distinct block, and never not.

The same function checks what the caller wants to send, so a peer of ours never sees what we would not accept.

A list that breaks a rule is *malformed* (§8.1.1): a stream error of type PROTOCOL_ERROR.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from hpack_codec import Field, FieldList, NeverIndexedField

REQUEST: Final = 0
RESPONSE: Final = 1
INFORMATIONAL: Final = 2
TRAILERS: Final = 3
KIND_NAMES: Final = ("request", "response", "informational response", "trailers")


class MalformedMessage(Exception):
    """A field list that breaks a rule of §8. `rule` is the section; `status` what a server answers (§8.2.1: 400)."""

    def __init__(self, message: str, rule: str, status: int = 400) -> None:
        super().__init__(message)
        self.rule = rule
        self.status = status


def _list_bytes(fields: FieldList) -> int:
    """What a field list counts against SETTINGS_MAX_HEADER_LIST_SIZE (§6.5.2)."""
    return sum([len(name) + len(value) + 32 for name, value in fields])


class Head:
    """A valid field list, as `read_head` found it. Treat it as immutable: it may be shared by many messages.

    kind            REQUEST, RESPONSE, INFORMATIONAL or TRAILERS
    fields          all fields in order, pseudo-header fields first; several cookie fields joined to one (§8.2.3)
    method, scheme, path, protocol      of a request, b"" where absent
    authority       of a request: `:authority`, or `host` where only that was sent (§8.3.1)
    status          of a response, else 0
    content_length  the declared length in octets, or -1
    size            of the list as SETTINGS_MAX_HEADER_LIST_SIZE counts it: name + value + 32 for each field (§6.5.2)
    memo            a place for what the layer above derives from this head; it lives as long as the cached block
    """

    __slots__ = (
        "authority",
        "content_length",
        "fields",
        "kind",
        "memo",
        "method",
        "path",
        "protocol",
        "scheme",
        "size",
        "status",
    )

    def __init__(self, kind: int, fields: FieldList) -> None:
        self.kind = kind
        self.fields = fields
        self.method = b""
        self.scheme = b""
        self.authority = b""
        self.path = b""
        self.protocol = b""
        self.status = 0
        self.content_length = -1
        self.memo: object = None
        self.size = _list_bytes(fields)

    def __repr__(self) -> str:
        return f"<{KIND_NAMES[self.kind]} {self.fields!r}>"

    def get(self, name: bytes, default: bytes = b"") -> bytes:
        """The value of the first field with this (lower-case) name."""
        for field_name, value in self.fields:
            if field_name == name:
                return value
        return default


# §8.2.1 forbids 0x00-0x20, 0x41-0x5a and 0x7f-0xff; RFC 9110 §5.6.2 allows only the characters of a token. A colon
# may only begin a pseudo-header field, which is looked up by its whole name and never gets here.
_is_name = re.compile(rb"[a-z0-9!#$%&'*+\-.^_`|~]+").fullmatch
# §8.2.1: "A field value MUST NOT contain the zero value (ASCII NUL, 0x00), line feed (ASCII LF, 0x0a), or carriage
# return (ASCII CR, 0x0d) at any position", nor "start or end with an ASCII whitespace character".
_bad_value = re.compile(rb"[\x00\r\n]|\A[ \t]|[ \t]\Z").search
_is_token = re.compile(rb"[A-Za-z0-9!#$%&'*+\-.^_`|~]+").fullmatch
_is_scheme = re.compile(rb"[A-Za-z][A-Za-z0-9+\-.]*").fullmatch
_is_status = re.compile(rb"[1-9][0-9]{2}").fullmatch
_is_length = re.compile(rb"[0-9]{1,19}").fullmatch  # RFC 9110 §8.6: 1*DIGIT; 19 digits are beyond any disk
# RFC 3986 §3.3 and §3.4 without fragment; octets from 0x80 must be percent-encoded.
_is_path = re.compile(rb"/[\x21\x22\x24-\x7e]*").fullmatch
# §8.3.1: no userinfo. Host, and a port of digits; what a host may look like is left to the resolver.
_is_authority = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[^\x00-\x20@/?#\[\]\\:\x7f-\xff]+)(?::[0-9]*)?").fullmatch

# §8.2.2: "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields."
_CONNECTION_SPECIFIC: Final = frozenset(
    {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"}
)

_PSEUDO_REQUEST: Final = frozenset({b":method", b":scheme", b":path", b":authority", b":protocol"})
_NEEDS_A_LOOK: Final = _CONNECTION_SPECIFIC | {b"te", b"host", b"cookie", b"content-length"}


def _text(value: bytes) -> str:
    """Peer octets as they may stand in a message: printable, and not longer than a line."""
    shown = repr(value[:60])[1:]
    return shown + "..." if len(value) > 60 else shown


def _malformed(message: str, section: str = "§8.2.1") -> MalformedMessage:
    return MalformedMessage(message, f"RFC 9113 {section}")


def read_head(fields: FieldList, *, check_path: bool = True, join_cookies: bool = True) -> Head:
    """Check a field list against RFC 9113 §8.2 and §8.3 and return its `Head`. Raises MalformedMessage."""
    pseudo: dict[bytes, bytes] = {}
    special: dict[bytes, bytes] = {}
    cookies = 0
    pseudo_over = False
    for name, value in fields:
        if _bad_value(value):
            raise _malformed(
                f"field {_text(name)} is {_text(value)}; NUL, CR, LF and white space around it are not allowed"
            )
        if name[:1] == b":":
            _read_pseudo(pseudo, name, value, pseudo_over)
            continue
        pseudo_over = True
        if not _is_name(name):
            raise _malformed(f"field name {_text(name)}; a name is a token in lower case")
        if name in _NEEDS_A_LOOK:
            cookies += name == b"cookie"
            _read_special(special, name, value)
    head = _head_of_pseudo(pseudo, fields)
    if special:
        _judge_special(head, special, b":authority" in pseudo)
    if head.kind == REQUEST:
        _check_request(head, pseudo, check_path)
    if cookies > 1 and join_cookies:
        head.fields = _join_cookies(fields)
        head.size = _list_bytes(head.fields)
    return head


def extended(head: Head, fields: FieldList, early: FieldList = ()) -> Head:
    """A head with more (regular) fields: `early` right behind its pseudo-header fields, `fields` at its end.

    Only these are checked. Raises MalformedMessage. For a caller that sends much the same head again and again; fields
    with rules of their own belong into the first.
    """
    for name, value in early + fields:
        if not _is_name(name) or _bad_value(value) or name in _NEEDS_A_LOOK:
            raise _malformed(f"field {_text(name)}: {_text(value)} cannot be added to a head")
    all_fields = head.fields
    if early:
        index = sum([name[:1] == b":" for name, _ in all_fields])
        all_fields = all_fields[:index] + early + all_fields[index:]
    result = Head(head.kind, all_fields + fields)
    result.method, result.scheme, result.authority, result.path = head.method, head.scheme, head.authority, head.path
    result.protocol, result.status, result.content_length = head.protocol, head.status, head.content_length
    return result


def _read_pseudo(pseudo: dict[bytes, bytes], name: bytes, value: bytes, pseudo_over: bool) -> None:
    if pseudo_over:
        raise _malformed(f"pseudo-header field {_text(name)} after a regular field", "§8.3")
    if name in pseudo:
        raise _malformed(f"pseudo-header field {_text(name)} twice", "§8.3")
    if name not in _PSEUDO_REQUEST and name != b":status":
        raise _malformed(f"pseudo-header field {_text(name)} is not defined", "§8.3")
    pseudo[name] = value


def _read_special(special: dict[bytes, bytes], name: bytes, value: bytes) -> None:
    """Note the fields that have rules of their own, and reject the ones that may not appear at all or not twice."""
    if name in _CONNECTION_SPECIFIC:
        raise _malformed(f"connection-specific field {_text(name)}", "§8.2.2")
    if name == b"host" and name in special:
        raise _malformed("two host fields", "§8.3.1")
    if name == b"content-length":
        if not _is_length(value):
            raise MalformedMessage(f"content-length {_text(value)} is not a number", "RFC 9110 §8.6")
        if special.get(name, value) != value:
            raise MalformedMessage("two content-length fields that differ", "RFC 9110 §8.6")
    if name == b"te" and value.lower() != b"trailers":
        raise _malformed(f'te is {_text(value)}; only "trailers" is allowed', "§8.2.2")
    special[name] = value


def _head_of_pseudo(pseudo: dict[bytes, bytes], fields: FieldList) -> Head:
    """The kind and the pseudo-header parts of a head."""
    if not pseudo:
        return Head(TRAILERS, fields)
    status = pseudo.get(b":status")
    if status is None:
        head = Head(REQUEST, fields)
        head.method = pseudo.get(b":method", b"")
        head.scheme = pseudo.get(b":scheme", b"")
        head.path = pseudo.get(b":path", b"")
        head.authority = pseudo.get(b":authority", b"")
        head.protocol = pseudo.get(b":protocol", b"")
        return head
    if len(pseudo) > 1:
        raise _malformed(":status together with a request's pseudo-header field", "§8.3")
    if not _is_status(status):
        raise _malformed(f":status is {_text(status)}; it has three digits", "§8.3.2")
    if status == b"101":
        raise _malformed(":status 101 does not exist in HTTP/2", "§8.6")
    head = Head(INFORMATIONAL if status[:1] == b"1" else RESPONSE, fields)
    head.status = int(status)
    return head


def _judge_special(head: Head, special: dict[bytes, bytes], has_authority: bool) -> None:
    length = special.get(b"content-length")
    if length is not None:
        head.content_length = int(length)
    if b"te" in special and head.kind != REQUEST:
        raise _malformed("te in a response or in trailers", "§8.2.2")
    host = special.get(b"host")
    if host is not None and head.kind == REQUEST:
        if not has_authority:
            head.authority = host
        elif not _same_authority(host, head.authority, head.scheme):
            # §8.3.1: "A server SHOULD treat a request as malformed if it contains a Host header field that identifies
            # an entity that differs from the entity in the ':authority' pseudo-header field."
            raise _malformed(f"host {_text(host)} differs from :authority {_text(head.authority)}", "§8.3.1")


def _same_authority(one: bytes, other: bytes, scheme: bytes) -> bool:
    if one == other:
        return True
    default_port = b":443" if scheme == b"https" else b":80"
    return one.lower().removesuffix(default_port) == other.lower().removesuffix(default_port)


def _check_request(head: Head, pseudo: dict[bytes, bytes], check_path: bool) -> None:
    """The rules of §8.3.1 (requests), §8.5 (CONNECT) and RFC 8441 §4 (extended CONNECT)."""
    if not _is_token(head.method):
        raise _malformed(f":method is {_text(head.method)}; a token is required", "§8.3.1")
    if b":protocol" in pseudo:
        # RFC 8441 §3 allows :protocol only to clients that saw SETTINGS_ENABLE_CONNECT_PROTOCOL, which we never send.
        raise MalformedMessage(":protocol without SETTINGS_ENABLE_CONNECT_PROTOCOL", "RFC 8441 §3")
    if head.method == b"CONNECT":
        if b":scheme" in pseudo or b":path" in pseudo:
            raise _malformed("CONNECT with :scheme or :path", "§8.5")
        if not _is_authority(head.authority):
            raise _malformed(f"CONNECT with the :authority {_text(head.authority)}", "§8.5")
        return
    if not _is_scheme(head.scheme):
        raise _malformed(f":scheme is {_text(head.scheme)}; a scheme is required", "§8.3.1")
    if b":path" not in pseudo:
        raise _malformed("request without :path", "§8.3.1")
    if check_path and not _is_path(head.path) and not (head.path == b"*" and head.method == b"OPTIONS"):
        raise _malformed(f':path is {_text(head.path)}; "/" begins it, no fragment, space or raw octet', "§8.3.1")
    if (head.authority or b":authority" in pseudo) and head.scheme.lower() in (b"http", b"https"):
        if b"@" in head.authority:
            raise _malformed(f":authority {_text(head.authority)} contains userinfo", "§8.3.1")
        if not _is_authority(head.authority):
            raise _malformed(f":authority is {_text(head.authority)}; host and optional port are required", "§8.3.1")


def _join_cookies(fields: FieldList) -> FieldList:
    """§8.2.3: several cookie fields "MUST be concatenated into a single octet string" with "; " for the application."""
    joined: Field = (b"cookie", b"; ".join(value for name, value in fields if name == b"cookie"))
    result: list[Field] = []
    for field in fields:
        if field[0] != b"cookie":
            result.append(field)
        elif joined not in result:
            result.append(joined)
    return tuple(result)


def field_list(fields: Iterable[tuple[str | bytes, str | bytes] | NeverIndexedField]) -> FieldList:
    """Fields as people write them (str or bytes, names in any case) as a field list: lower-case names, octets.

    A `NeverIndexedField` stays one.
    """
    return tuple(map(_field, fields))  # not a comprehension: in one, mypyc makes plain tuples of its items


def _field(field: tuple[str | bytes, str | bytes] | NeverIndexedField) -> Field:
    name, value = field
    octets = (
        (name.encode("ascii") if isinstance(name, str) else name).lower(),
        value.encode("latin-1") if isinstance(value, str) else value,
    )
    if isinstance(field, NeverIndexedField):
        return NeverIndexedField(*octets)
    return octets
