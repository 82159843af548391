"""Octets of HTTP/2 as lines to read: what `python -m http2 explain` prints, and what a log of a connection shows.

A `FrameLog` reads one direction of one connection, from its first octet, and keeps that direction's HPACK table, so
that it can show the fields which the octets only point at:

    client  HEADERS        stream 1  END_STREAM END_HEADERS  15 octets
                :method: GET
                :path: /

It judges as little as possible: a log is most useful where somebody breaks the rules. What a frame says is shown even
where it may not stand; only what cannot be read at all is a `problem`.
"""

from __future__ import annotations

from collections.abc import Callable

from hpack_codec import FieldListTooLarge, HpackError, NeverIndexedField, field_decoder
from http2.errors import PeerError, error_name
from http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_HEADER_BYTES,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PRIORITY_FLAG,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM_ID_MASK,
    WINDOW_UPDATE,
    FrameType,
    check_ping,
    check_priority,
    parse_goaway,
    parse_headers,
    parse_rst_stream,
    parse_settings,
    parse_window_update,
    remove_padding,
    unpack_header,
)
from http2.settings import setting_name

CLIENT = "client"
SERVER = "server"

DescribeData = Callable[[int, bytes], str]
"""Says what the content of a DATA frame means: called with the stream and the octets, returns any number of lines."""

FLAG_NAMES: dict[int, tuple[tuple[int, str], ...]] = {
    DATA: ((END_STREAM, "END_STREAM"), (PADDED, "PADDED")),
    HEADERS: (
        (END_STREAM, "END_STREAM"),
        (END_HEADERS, "END_HEADERS"),
        (PADDED, "PADDED"),
        (PRIORITY_FLAG, "PRIORITY"),
    ),
    SETTINGS: ((ACK, "ACK"),),
    PUSH_PROMISE: ((END_HEADERS, "END_HEADERS"), (PADDED, "PADDED")),
    PING: ((ACK, "ACK"),),
    CONTINUATION: ((END_HEADERS, "END_HEADERS"),),
}
"""The flags that RFC 9113 §6 defines for each type."""

_NAME_WIDTH = len("WINDOW_UPDATE")
_INDENT = " " * 12
_OCTETS_SHOWN = 32
_LIST_BYTES_MAX = 2**20
_FIELDS_MAX = 2**12
_TABLE_BYTES_MAX = 2**24


class FrameLog:
    """Reads what one side sent. `role`, "client" or "server", is the side, and begins the line of each frame.

    `describe_data` says what DATA means; without it, the first octets are shown. `problem` is None, or why the log
    could not be continued: what comes after it is ignored.
    """

    def __init__(self, role: str, describe_data: DescribeData | None = None) -> None:
        if role not in (CLIENT, SERVER):
            raise ValueError(f"role is {role!r}; {CLIENT!r} or {SERVER!r} is required")
        self.role = role
        self.problem: str | None = None
        self._describe_data = describe_data or _show_octets
        self._buffer = bytearray()
        self._at_start = True
        self._block = bytearray()  # the field block that CONTINUATION goes on with
        self._decoder = field_decoder(list_bytes_max=_LIST_BYTES_MAX, fields_max=_FIELDS_MAX)
        # The limit is what the other side's SETTINGS allow, which a log of one direction does not see.
        self._decoder.set_table_bytes_max(_TABLE_BYTES_MAX)

    def feed(self, data: bytes) -> list[str]:
        """The lines for all frames that are complete with these octets. Never raises for what they say."""
        if self.problem is not None:
            return []
        buffer = self._buffer
        buffer += data
        lines: list[str] = []
        if self._at_start and not self._read_start(lines):
            return lines
        offset = 0
        while self.problem is None and len(buffer) - offset >= FRAME_HEADER_BYTES:
            length_and_type, flags, stream_id = unpack_header(buffer, offset)
            stop = offset + FRAME_HEADER_BYTES + (length_and_type >> 8)
            if stop > len(buffer):
                break
            payload = bytes(buffer[offset + FRAME_HEADER_BYTES : stop])
            lines += self._describe(length_and_type & 0xFF, flags, stream_id & STREAM_ID_MASK, payload)
            offset = stop
        del buffer[:offset]
        return lines

    def finish(self) -> str | None:
        """After the last octet: the `problem`, or what is missing of an incomplete frame; None when all is well."""
        have = len(self._buffer)
        if self.problem is None and have:
            if self._at_start:
                self.problem = f"the preface is cut short: {have} of {len(PREFACE)} octets"
            elif have < FRAME_HEADER_BYTES:
                self.problem = f"a frame is cut short: {have} of the {FRAME_HEADER_BYTES} octets of its header"
            else:
                length = unpack_header(self._buffer)[0] >> 8
                self.problem = (
                    f"a frame is cut short: {have - FRAME_HEADER_BYTES} of the {length} octets of its payload"
                )
        return self.problem

    # -- inside --------------------------------------------------------------------------------------------------------

    def _read_start(self, lines: list[str]) -> bool:
        """See whether the client's preface begins the log (§3.4); a log may also begin with a frame. False: not yet."""
        buffer = self._buffer
        if buffer[: len(PREFACE)] == PREFACE:
            lines.append(f"{self.role}  preface        PRI * HTTP/2.0")
            del buffer[: len(PREFACE)]
        elif PREFACE.startswith(buffer):
            return False
        elif (foreign := _foreign(bytes(buffer[:_OCTETS_SHOWN]))) is not None:
            self.problem = f"this is not HTTP/2: {foreign}"
            return False
        self._at_start = False
        return True

    def _describe(self, frame_type: int, flags: int, stream_id: int, payload: bytes) -> list[str]:
        """One frame: its header in a line, and what its payload says in lines under it."""
        try:
            name = FrameType(frame_type).name
        except ValueError:
            name = f"type {frame_type:#04x}"
        where = f"stream {stream_id}" if stream_id else "connection"
        head = f"{self.role}  {name:<{_NAME_WIDTH}}  {where}{_flags(frame_type, flags)}  {_octets(len(payload))}"
        try:
            described = self._payload(frame_type, flags, stream_id, payload)
        except PeerError as error:
            described = [f"not valid: {error.reason}"]
        return [head, *(_INDENT + line for line in described)]

    def _payload(self, frame_type: int, flags: int, stream_id: int, payload: bytes) -> list[str]:
        """What a payload says, by the layouts of §6."""
        if frame_type == DATA:
            content = remove_padding(payload, "DATA", "RFC 9113 §6.1") if flags & PADDED else payload
            return self._describe_data(stream_id, content).splitlines() if content else []
        if frame_type == HEADERS:
            self._block[:] = parse_headers(flags, payload)
            return self._fields(flags)
        if frame_type == PRIORITY:
            check_priority(stream_id, payload)
            return ["deprecated (RFC 9113 §5.3.2)"]
        if frame_type == RST_STREAM:
            return [error_name(parse_rst_stream(payload))]
        if frame_type == SETTINGS:
            return [f"{setting_name(identifier)} = {value}" for identifier, value in parse_settings(payload)]
        if frame_type == PUSH_PROMISE:
            content = remove_padding(payload, "PUSH_PROMISE", "RFC 9113 §6.6") if flags & PADDED else payload
            self._block[:] = content[4:]
            promised = int.from_bytes(content[:4], "big") & STREAM_ID_MASK
            return [f"promises stream {promised}", *self._fields(flags)]
        if frame_type == PING:
            check_ping(payload)
            return [_show_octets(stream_id, payload)]
        if frame_type == GOAWAY:
            last_stream_id, error_code, debug_data = parse_goaway(payload)
            debug = [f"debug data: {_text(debug_data)}"] if debug_data else []
            return [f"{error_name(error_code)}, last stream {last_stream_id}", *debug]
        if frame_type == WINDOW_UPDATE:
            return [f"+{parse_window_update(payload)}"]
        if frame_type == CONTINUATION:
            self._block += payload
            return self._fields(flags)
        return [_show_octets(stream_id, payload)] if payload else []

    def _fields(self, flags: int) -> list[str]:
        """The fields of a block that is complete; the table must see every block, so one that fails ends the log."""
        if not flags & END_HEADERS:
            return ["(the field block goes on)"]
        block = bytes(self._block)
        self._block.clear()
        try:
            fields = self._decoder.decode(block)
        except FieldListTooLarge as error:
            return [str(error)]
        except HpackError as error:
            self.problem = f"a field block cannot be decoded: {error}"
            return [self.problem]
        return [
            f"{_text(name)}: {_text(value)}{'  (never indexed)' if isinstance(field, NeverIndexedField) else ''}"
            for field in fields
            for name, value in (field,)
        ]


def tap(is_client: bool, emit: Callable[[str], None], describe_data: DescribeData | None = None) -> Callable[..., None]:
    """A function for `http2.aio`'s `tap` that gives the lines of both directions, in their order, to `emit`.

    `is_client` says which side is tapped.
    """
    sent = FrameLog(CLIENT if is_client else SERVER, describe_data)
    received = FrameLog(SERVER if is_client else CLIENT, describe_data)

    def see(direction: str, data: bytes) -> None:
        log = sent if direction == "sent" else received
        was_readable = log.problem is None
        for line in log.feed(data):
            emit(line)
        if was_readable and log.problem is not None:
            emit(f"{log.role}  {log.problem}")

    return see


def _foreign(start: bytes) -> str | None:
    """What else than HTTP/2 begins like this; None when it may well be a frame."""
    if start[:2] == b"\x16\x03":
        return "it begins with a TLS handshake"
    if start[:2] == b"\x15\x03":
        return "it begins with a TLS alert"
    if start[0] >= 0x20:  # as a frame, its payload would have more than two million octets
        return f"it begins with {start!r}"
    return None


def _flags(frame_type: int, flags: int) -> str:
    """The flags by name; bits without one as hexadecimal."""
    names = []
    for bit, name in FLAG_NAMES.get(frame_type, ()):
        if flags & bit:
            names.append(name)
            flags &= ~bit
    if flags:
        names.append(f"{flags:#04x}")
    return "  " + " ".join(names) if names else ""


def _octets(count: int) -> str:
    return "1 octet" if count == 1 else f"{count} octets"


def _text(octets: bytes) -> str:
    """Octets as text that is safe to print: a peer's octets must not command a terminal."""
    text = octets.decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def _show_octets(stream_id: int, octets: bytes) -> str:
    """The first octets: as text where they are text, else as hexadecimal."""
    shown = octets[:_OCTETS_SHOWN]
    more = f" ... ({len(octets)} octets)" if len(octets) > _OCTETS_SHOWN else ""
    if shown.isascii() and all(octet >= 0x20 or octet in b"\t\r\n" for octet in shown):
        return repr(shown.decode("ascii")) + more
    return shown.hex(" ") + more
