"""MSG: HTTP messages (RFC 9113 §8)."""

from __future__ import annotations

from collections.abc import Iterator

from interop.conformance.model import Case, Finish, H2spec, Level, Mark, Role, Step, malformed, send, works
from interop.conformance.phrases import before_head, head, head_stream
from interop.conformance.script import GET, STREAM, Block, Literal, headers, idle, replacing, without

BAD_NAME_OCTETS = (*range(0x21), *range(0x41, 0x5B), *range(0x7F, 0x100))


def _message(role: Role, *extra: Literal) -> tuple[Step, ...]:
    """A message with more fields."""
    return (*before_head(role), send(headers(head_stream(role), *head(role), *extra)), Finish())


def _fields(role: Role) -> Iterator[Case]:
    """MSG-01, MSG-02, MSG-03 and MSG-06: names and values."""
    clause = "RFC 9113 §8.2.1"
    reason = "A field name MUST NOT contain characters in the ranges 0x00-0x20, 0x41-0x5a, or 0x7f-0xff, nor a colon."
    for octet in BAD_NAME_OCTETS:
        steps = _message(role, Literal(b"x-" + bytes([octet]) + b"-y", b"v"))
        marks = (H2spec("http2/8.1.2/1"),) if octet == 0x41 else ()
        yield Case(f"MSG-01.{octet:#04x}", role, Level.MUST, clause, reason, steps, malformed(), h2spec=marks)
    steps = _message(role, Literal(b"x:y", b"v"))
    yield Case("MSG-01.colon", role, Level.MUST, clause, reason, steps, malformed())
    steps = _message(role, Literal(b"", b"v"))
    yield Case("MSG-02.empty", role, Level.MUST, clause, "A field has a name.", steps, malformed())
    for name, value in (
        ("nul", b"a\0b"),
        ("cr", b"a\rb"),
        ("lf", b"a\nb"),
        ("space-before", b" a"),
        ("tab-after", b"a\t"),
    ):
        reason = "A field value MUST NOT contain NUL, CR or LF, nor begin or end with white space."
        steps = _message(role, Literal(b"x-kit", value))
        yield Case(f"MSG-03.{name}", role, Level.MUST, clause, reason, steps, malformed())
    for name, value in (("empty", b""), ("obs-text", bytes(range(0x80, 0x100)))):
        steps = _message(role, Literal(b"x-kit", value))
        yield Case(f"MSG-03.{name}", role, Level.MUST, clause, "Such a value is allowed.", steps, works())
    for field in (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"):
        reason = "A message with connection-specific header fields MUST be treated as malformed."
        marks = (H2spec("http2/8.1.2.2/1", Mark.OVER_STRICT),) if field == b"connection" else ()
        steps = _message(role, Literal(field, b"close"))
        name = f"MSG-06.{field.decode()}"
        yield Case(name, role, Level.MUST, "RFC 9113 §8.2.2", reason, steps, malformed(), h2spec=marks)


def _pseudo() -> Iterator[Case]:
    """MSG-11: each pseudo-header field that a request must have, missing alone."""
    requests: tuple[tuple[str, Block], ...] = (
        ("method", without(GET, b":method")),
        ("scheme", without(GET, b":scheme")),
        ("path", without(GET, b":path")),
        ("path-empty", replacing(GET, b":path", b"")),
    )
    marks = {"method": "8.1.2.3/2", "scheme": "8.1.2.3/3", "path": "8.1.2.3/4", "path-empty": "8.1.2.3/1"}
    for name, block in requests:
        mark = H2spec(f"http2/{marks[name]}", Mark.BROKEN if name == "method" else Mark.OVER_STRICT)
        steps: tuple[Step, ...] = (send(headers(idle(), *block, end_stream=True)),)
        reason = "All HTTP/2 requests MUST include exactly one valid value for :method, :scheme and :path."
        line = "MSG-12" if name == "path-empty" else "MSG-11"
        yield Case(
            f"{line}.{name}",
            Role.SERVER,
            Level.MUST,
            "RFC 9113 §8.3.1",
            reason,
            steps,
            malformed(STREAM),
            h2spec=(mark,),
        )


def cases() -> list[Case]:
    """The group, as far as it goes."""
    return [case for role in Role for case in _fields(role)] + list(_pseudo())
