"""MSG-01 to MSG-18: the fields of messages (RFC 9113 §8.2, §8.3); `exchanges` has the rest of the group.

Single faults: a message differs from one that is answered in the one thing that the case is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from http2.errors import ErrorCode
from interop.conformance.model import (
    CLIENT_FAULTS,
    Begin,
    Case,
    Expectation,
    Finish,
    H2spec,
    Level,
    Mark,
    Role,
    Step,
    answer,
    either,
    malformed,
    send,
    stream_error,
    works,
)
from interop.conformance.phrases import EXCHANGE, before_head, head, head_stream, opened
from interop.conformance.script import (
    GET,
    OK,
    STREAM,
    Block,
    Instruction,
    Literal,
    Symbol,
    data,
    headers,
    idle,
    never_indexed,
    replacing,
    without,
)

NAMES = "RFC 9113 §8.2.1"
CONNECTION_FIELDS = (
    (b"connection", b"close"),
    (b"proxy-connection", b"keep-alive"),
    (b"keep-alive", b"timeout=5"),
    (b"transfer-encoding", b"chunked"),
    (b"upgrade", b"h2c"),
)
BAD_NAME_OCTETS = (*range(0x21), *range(0x41, 0x5B), *range(0x7F, 0x100))
ENDS = (0x00, 0x20, 0x41, 0x7F, 0xFF)
SEPARATORS = {
    "quote": b'"',
    "parenthesis": b"(",
    "comma": b",",
    "slash": b"/",
    "semicolon": b";",
    "less": b"<",
    "equals": b"=",
    "question-mark": b"?",
    "at": b"@",
    "bracket": b"[",
    "backslash": b"\\",
    "brace": b"{",
}
BAD_VALUES = {
    "nul": b"a\0b",
    "nul-first": b"\0a",
    "nul-last": b"a\0",
    "cr": b"a\rb",
    "cr-first": b"\ra",
    "cr-last": b"a\r",
    "lf": b"a\nb",
    "lf-first": b"\na",
    "lf-last": b"a\n",
    "cr-lf": b"a\r\nx-more: b",
    "space-before": b" a",
    "space-after": b"a ",
    "tab-before": b"\ta",
    "tab-after": b"a\t",
    "only-space": b" ",
}
GOOD_VALUES = {
    "empty": b"",
    "obs-text": bytes(range(0x80, 0x100)),
    "inner-white": b"a \t b",
    "visible": bytes(range(0x21, 0x7F)),
}
VALUE = "A field value MUST NOT contain NUL, CR or LF, nor begin or end with white space."
NAME = "A field name MUST NOT contain characters in the ranges 0x00-0x20, 0x41-0x5a, or 0x7f-0xff, nor a colon."
STATUS = Literal(b":status", b"200")


def _must(
    name: str, role: Role, clause: str, reason: str, steps: tuple[Step, ...], expectation: Expectation, *marks: H2spec
) -> Case:
    return Case(name, role, Level.MUST, clause, reason, steps, expectation, h2spec=marks)


def _message(role: Role, *extra: Literal) -> tuple[Step, ...]:
    """A message with more fields."""
    return (*before_head(role), send(headers(head_stream(role), *head(role), *extra)), Finish())


def _trailers(role: Role, *fields: Literal) -> tuple[Step, ...]:
    """A message with these trailers."""
    return (*opened(role), send(data(STREAM, b"content"), headers(STREAM, *fields, end_stream=True)), Finish())


def _request(*block: Instruction) -> tuple[Step, ...]:
    """A request without content."""
    return (send(headers(idle(), *block, end_stream=True)), Finish())


def _changed(name: bytes, value: bytes | Symbol) -> tuple[Step, ...]:
    """GET with another value for one of its pseudo-header fields."""
    return _request(*replacing(GET, name, value))


def _names(role: Role) -> Iterator[Case]:
    """MSG-01, MSG-02 and MSG-05: names."""
    for octet in BAD_NAME_OCTETS:
        steps = _message(role, Literal(b"x-" + bytes([octet]) + b"-y", b"v"))
        marks = (H2spec("http2/8.1.2/1", Mark.OVER_STRICT),) if octet == 0x41 else ()
        yield _must(f"MSG-01.{octet:#04x}", role, NAMES, NAME, steps, malformed(), *marks)
    for octet in ENDS:
        for place, field in (("first", bytes([octet]) + b"x"), ("last", b"x" + bytes([octet]))):
            steps = _message(role, Literal(field, b"v"))
            yield _must(f"MSG-01.{octet:#04x}-{place}", role, NAMES, NAME, steps, malformed())
    for name, field in (("colon", b"x:y"), ("colon-last", b"x:")):
        yield _must(f"MSG-01.{name}", role, NAMES, NAME, _message(role, Literal(field, b"v")), malformed())
    for name, field in (("empty", b""), ("only-colon", b":")):
        reason = "A field has a name, and a colon alone is none."
        yield _must(f"MSG-02.{name}", role, NAMES, reason, _message(role, Literal(field, b"v")), malformed())
    for name, octets in SEPARATORS.items():
        reason = "A field name is a token: recipients SHOULD treat what is none as malformed."
        steps = _message(role, Literal(b"x" + octets + b"y", b"v"))
        yield Case(f"MSG-05.{name}", role, Level.SHOULD, "RFC 9110 §5.1", reason, steps, malformed())


def _values(role: Role) -> Iterator[Case]:
    """MSG-03: values."""
    for name, value in BAD_VALUES.items():
        yield _must(f"MSG-03.{name}", role, NAMES, VALUE, _message(role, Literal(b"x-kit", value)), malformed())
    for name, value in GOOD_VALUES.items():
        reason = "Such a value is allowed."
        yield _must(f"MSG-03.{name}", role, NAMES, reason, _message(role, Literal(b"x-kit", value)), works())


def _elsewhere(role: Role) -> Iterator[Case]:
    """MSG-04: the same in trailers, in pseudo-header fields and in informational responses."""
    bad = {
        "name-upper": Literal(b"X-Kit", b"v"),
        "name-space": Literal(b"x kit", b"v"),
        "name-empty": Literal(b"", b"v"),
        "nul": Literal(b"x-kit", b"a\0b"),
        "cr": Literal(b"x-kit", b"a\rb"),
        "lf": Literal(b"x-kit", b"a\nb"),
        "space-before": Literal(b"x-kit", b" a"),
        "tab-after": Literal(b"x-kit", b"a\t"),
    }
    for name, field in bad.items():
        reason = "The rules for names and values hold in trailers too."
        yield _must(f"MSG-04.trailers-{name}", role, NAMES, reason, _trailers(role, field), malformed())
    reason = "The rules for values hold for pseudo-header fields too."
    octets = {"nul": b"\0", "cr": b"\r", "lf": b"\n", "space": b" ", "tab": b"\t"}
    if role is Role.SERVER:
        fields = {b":method": b"GET", b":scheme": b"http", b":authority": b"localhost", b":path": b"/kit"}
        for (field_name, value), (octet_name, octet) in product(fields.items(), octets.items()):
            case = f"MSG-04.{field_name[1:].decode()}-{octet_name}"
            yield _must(case, role, NAMES, reason, _changed(field_name, value + octet), malformed())
        return
    for octet_name, octet in octets.items():
        steps: tuple[Step, ...] = (Begin(), send(headers(STREAM, Literal(b":status", b"200" + octet))), Finish())
        yield _must(f"MSG-04.status-{octet_name}", role, NAMES, reason, steps, malformed())
    for name, field in bad.items():
        reason = "The rules for names and values hold in informational responses too."
        early = headers(STREAM, Literal(b":status", b"103"), field)
        steps = (Begin(), send(early, headers(STREAM, *OK)), Finish())
        yield _must(f"MSG-04.informational-{name}", role, NAMES, reason, steps, malformed())


def _connection_fields(role: Role) -> Iterator[Case]:
    """MSG-06 and MSG-07: fields of HTTP/1."""
    clause = "RFC 9113 §8.2.2"
    reason = "A message with connection-specific header fields MUST be treated as malformed."
    for field, value in CONNECTION_FIELDS:
        marks = (H2spec("http2/8.1.2.2/1", Mark.OVER_STRICT),) if field == b"connection" else ()
        steps = _message(role, Literal(field, value))
        yield _must(f"MSG-06.{field.decode()}", role, clause, reason, steps, malformed(), *marks)
        steps = _trailers(role, Literal(field, value))
        yield _must(f"MSG-06.trailers-{field.decode()}", role, clause, reason, steps, malformed())
    reason = "TE may be in a request only, and says nothing but trailers."
    if role is Role.SERVER:
        yield _must("MSG-06.te-trailers", role, clause, reason, _message(role, Literal(b"te", b"trailers")), works())
        for name, value in (("gzip", b"gzip"), ("both", b"trailers, deflate"), ("weight", b"trailers;q=0.5")):
            marks = (H2spec("http2/8.1.2.2/2", Mark.OVER_STRICT),) if name == "both" else ()
            steps = _message(role, Literal(b"te", value))
            yield _must(f"MSG-06.te-{name}", role, clause, reason, steps, malformed(), *marks)
    else:
        steps = _message(role, Literal(b"te", b"trailers"))
        yield _must("MSG-06.te-trailers", role, clause, reason, steps, malformed())
    reason = "No message that is sent has connection-specific fields: watched in this and in every other case."
    steps = (*EXCHANGE, *opened(role), Finish())
    yield _must("MSG-07.exchange", role, clause, reason, steps, works())


def _cookies() -> Iterator[Case]:
    """MSG-08: cookies may come in crumbs."""
    role, clause = Role.SERVER, "RFC 9113 §8.2.3"
    reason = "The Cookie header field MAY be split into separate header fields, one for each cookie pair."
    crumbs = [Literal(b"cookie", b"%d=c" % number) for number in range(3)]
    yield _must("MSG-08.crumbs", role, clause, reason, _message(role, *crumbs), works())
    apart = (crumbs[0], Literal(b"x-between", b"v"), never_indexed(b"cookie", b"secret=s"))
    yield _must("MSG-08.apart", role, clause, reason, _message(role, *apart), works())
    reason = "Very many crumbs may be too much, and only for their own request."
    calm = stream_error(ErrorCode.ENHANCE_YOUR_CALM)
    many = _message(role, *(Literal(b"cookie", b"") for _ in range(1_000)))
    allowed = either(calm, answer(*CLIENT_FAULTS), works())
    yield Case("MSG-08.thousand", role, Level.SHOULD, "RFC 9113 §10.5.1", reason, many, allowed)


def _duplicates() -> Iterator[Case]:
    """MSG-09: pseudo-header fields that come twice."""
    role, clause = Role.SERVER, "RFC 9113 §8.3"
    reason = "The same pseudo-header field name MUST NOT appear more than once in a field block."
    for field in _literals(GET):
        name = _name(field)
        mark = {"method": "8.1.2.3/5", "scheme": "8.1.2.3/6", "path": "8.1.2.3/7"}.get(name)
        cited = (H2spec(f"http2/{mark}", Mark.OVER_STRICT),) if mark else ()
        yield _must(f"MSG-09.{name}-equal", role, clause, reason, _request(*GET, field), malformed(), *cited)
        other = Literal(field.name, b"POST" if name == "method" else b"/other")
        yield _must(f"MSG-09.{name}-other", role, clause, reason, _request(*GET, other), malformed())
    extended = (*replacing(GET, b":method", b"CONNECT"), *(Literal(b":protocol", b"websocket") for _ in range(2)))
    yield _must("MSG-09.protocol-equal", role, clause, reason, _request(*extended), malformed())


def _misplaced() -> Iterator[Case]:
    """MSG-10: pseudo-header fields of a request that are not defined, or not where they should be."""
    role, clause = Role.SERVER, "RFC 9113 §8.3"
    reason = "Endpoints MUST NOT generate pseudo-header fields that are not defined for where they are."
    for name, field, mark in (
        ("status", STATUS, "8.1.2.1/2"),
        ("unknown", Literal(b":kit", b"v"), "8.1.2.1/1"),
        ("upper", Literal(b":Path", b"/"), ""),
    ):
        cited = (H2spec(f"http2/{mark}", Mark.OVER_STRICT),) if mark else ()
        yield _must(f"MSG-10.{name}", role, clause, reason, _request(*GET, field), malformed(), *cited)
    reason = "All pseudo-header fields MUST appear in a field block before all regular field lines."
    for field in _literals(GET):
        steps = _request(*(item for item in GET if item is not field), Literal(b"x-kit", b"v"), field)
        name = _name(field)
        cited = (H2spec("http2/8.1.2.1/4", Mark.OVER_STRICT),) if name == "method" else ()
        yield _must(f"MSG-10.{name}-after", role, clause, reason, steps, malformed(), *cited)


def _missing() -> Iterator[Case]:
    """MSG-11: pseudo-header fields that a request must have."""
    role, clause = Role.SERVER, "RFC 9113 §8.3.1"
    reason = "All HTTP/2 requests MUST include exactly one valid value for :method, :scheme and :path."
    missing: tuple[tuple[bytes, H2spec], ...] = (
        (b":method", H2spec("http2/8.1.2.3/2", Mark.BROKEN)),
        (b":scheme", H2spec("http2/8.1.2.3/3", Mark.OVER_STRICT)),
        (b":path", H2spec("http2/8.1.2.3/4", Mark.OVER_STRICT)),
    )
    for name, mark in missing:
        steps = _request(*without(GET, name))
        yield _must(f"MSG-11.{name[1:].decode()}", role, clause, reason, steps, malformed(), mark)
    yield _must("MSG-11.all", role, clause, reason, _request(Literal(b"x-kit", b"v")), malformed())


def _literals(block: Block) -> list[Literal]:
    return [item for item in block if isinstance(item, Literal)]


def _name(field: Literal) -> str:
    """The name of a pseudo-header field, without its colon."""
    assert isinstance(field.name, bytes)
    return field.name[1:].decode()


def _pseudo_elsewhere(role: Role) -> Iterator[Case]:
    """MSG-10: pseudo-header fields in trailers, and in responses where they have no place."""
    clause = "RFC 9113 §8.1"
    reason = "Trailers MUST NOT include pseudo-header fields."
    for name, field in (("path", Literal(b":path", b"/")), ("status", STATUS), ("unknown", Literal(b":kit", b"v"))):
        marks = (H2spec("http2/8.1.2.1/3", Mark.OVER_STRICT),) if role is Role.SERVER and name == "path" else ()
        steps = _trailers(role, field)
        yield _must(f"MSG-10.trailers-{name}", role, clause, reason, steps, malformed(), *marks)
    if role is Role.CLIENT:
        reason = "Pseudo-header fields come first, once, and only those that are defined for responses."
        blocks: tuple[tuple[str, Block], ...] = (
            ("status-after", (Literal(b"x-kit", b"v"), STATUS)),
            ("status-twice", (STATUS, STATUS)),
            ("method", (STATUS, Literal(b":method", b"GET"))),
            ("path", (STATUS, Literal(b":path", b"/"))),
            ("unknown", (STATUS, Literal(b":kit", b"v"))),
            ("status-missing", (Literal(b"x-kit", b"v"),)),
            ("status-text", (Literal(b":status", b"abc"),)),
            ("status-empty", (Literal(b":status", b""),)),
            ("status-two-digits", (Literal(b":status", b"20"),)),
            ("status-four-digits", (Literal(b":status", b"2000"),)),
            ("status-signed", (Literal(b":status", b"+20"),)),
            ("status-switching-protocols", (Literal(b":status", b"101"),)),
        )
        for name, block in blocks:
            steps = (Begin(), send(headers(STREAM, *block)), Finish())
            yield _must(f"MSG-10.response-{name}", role, "RFC 9113 §8.3", reason, steps, malformed())


def _targets() -> Iterator[Case]:
    """MSG-12 to MSG-15: path, scheme and method."""
    role, clause = Role.SERVER, "RFC 9113 §8.3.1"
    reason = 'The :path of an http URI is not empty and begins with "/"; only OPTIONS may have "*".'
    mark = H2spec("http2/8.1.2.3/1", Mark.OVER_STRICT)
    for name, path in (
        ("path-empty", b""),
        ("no-slash", b"kit"),
        ("asterisk", b"*"),
        ("absolute", b"http://localhost/"),
    ):
        marks = (mark,) if name == "path-empty" else ()
        yield _must(f"MSG-12.{name}", role, clause, reason, _changed(b":path", path), malformed(), *marks)
    reason = "The :path is the path and query of a URI: neither fragment nor space, control or raw octet."
    for name, path in (
        ("fragment", b"/#x"),
        ("space", b"/a b"),
        ("control", b"/a\x01b"),
        ("delete", b"/a\x7fb"),
        ("raw-utf-8", "/ä".encode()),
    ):
        yield Case(f"MSG-12.{name}", role, Level.SHOULD, clause, reason, _changed(b":path", path), malformed())
    reason = 'OPTIONS of the server itself has the :path "*".'
    steps = _request(*replacing(replacing(GET, b":method", b"OPTIONS"), b":path", b"*"))
    yield _must("MSG-13.asterisk", role, clause, reason, steps, works())
    policy = either(works(), malformed(), answer(*range(400, 600)))
    reason = "A scheme is not restricted to http and https; what is done with another is the server's choice."
    for scheme in (b"ftp", b"HTTP", b"http", b"https"):
        name = scheme.decode() if scheme.islower() else "upper"
        yield Case(f"MSG-14.{name}", role, Level.MAY, clause, reason, _changed(b":scheme", scheme), policy)
    for name, scheme in (("empty", b""), ("with-slashes", b"http://"), ("digit-first", b"2http")):
        reason = "The :scheme is a URI's scheme; a value that is none makes the request malformed."
        steps = _changed(b":scheme", scheme)
        yield Case(f"MSG-14.{name}", role, Level.SHOULD, "RFC 9113 §8.3.1", reason, steps, malformed())
    reason = "Any token is a method; an unknown one is answered."
    for name, method in (("extension", b"KIT"), ("lower", b"get"), ("symbols", b"M-SEARCH!#$%&'*+.^_`|~1")):
        yield _must(f"MSG-15.{name}", role, "RFC 9110 §9.1", reason, _changed(b":method", method), works())
    reason = "A method is a token; a request with another one is malformed."
    for name, method in (
        ("empty", b""),
        ("space", b"GET /"),
        ("control", b"GE\x01T"),
        ("separator", b"GET/"),
        ("comma", b"GET,POST"),
        ("raw", b"G\xc3\x8bT"),
    ):
        yield _must(f"MSG-15.{name}", role, "RFC 9110 §9.1", reason, _changed(b":method", method), malformed())


def _authorities() -> Iterator[Case]:
    """MSG-16, MSG-17 and MSG-18: whom a request is for."""
    role, clause = Role.SERVER, "RFC 9113 §8.3.1"
    reason = "Userinfo MUST NOT be in :authority, and who receives it SHOULD take it for an error (RFC 9110 §4.2.4)."
    for name, value in (("userinfo", b"user@localhost"), ("password", b"user:secret@localhost")):
        yield Case(f"MSG-16.{name}", role, Level.SHOULD, clause, reason, _changed(b":authority", value), malformed())
    reason = "The :authority is a host and perhaps a port, and not empty."
    for name, value in (
        ("empty", b""),
        ("port-text", b"localhost:http"),
        ("two-ports", b"localhost:80:80"),
        ("path", b"localhost/x"),
        ("space", b"local host"),
        ("list", b"localhost, other"),
    ):
        allowed = malformed() if name != "list" else either(malformed(), works())
        yield Case(f"MSG-16.{name}", role, Level.SHOULD, clause, reason, _changed(b":authority", value), allowed)
    reason = "A request whose Host names another entity than its :authority SHOULD be treated as malformed."
    same = Literal(b"host", Symbol.AUTHORITY)
    for name, value in (("other-host", b"other.example"), ("other-port", b"localhost:1"), ("host-list", b"a,b")):
        steps = _request(*GET, Literal(b"host", value))
        yield Case(f"MSG-17.{name}", role, Level.SHOULD, clause, reason, steps, malformed())
    reason = "Host and :authority may both be there when they say the same."
    yield Case("MSG-17.equal", role, Level.SHOULD, clause, reason, _request(*GET, same), works())
    known = either(works(), answer(403, 404, 421))
    for name, value in (("other-case", b"KIT.example"), ("default-port", b"kit.example:80")):
        block = replacing(replacing(GET, b":scheme", b"http"), b":authority", b"kit.example")
        steps = _request(*block, Literal(b"host", value))
        yield Case(f"MSG-17.{name}", role, Level.MAY, "RFC 9110 §4.2.3", reason, steps, either(known, malformed()))
    reason = "A request without :authority and with Host is for that one."
    only = (*without(GET, b":authority"), same)
    yield Case("MSG-17.host-only", role, Level.SHOULD, clause, reason, _request(*only), works())
    reason = "A request has one Host; one with two is malformed."
    steps = _request(*GET, same, same)
    yield Case("MSG-17.two-hosts", role, Level.SHOULD, "RFC 9110 §7.2", reason, steps, malformed())
    reason = "A request that does not say whom it is for may be answered or rejected."
    steps = _request(*without(GET, b":authority"))
    yield Case("MSG-18.nobody", role, Level.MAY, clause, reason, steps, either(works(), malformed()))


def cases() -> list[Case]:
    """The fields."""
    parts = (_names, _values, _elsewhere, _connection_fields, _pseudo_elsewhere)
    by_role = [case for role in Role for part in parts for case in part(role)]
    return [*by_role, *_cookies(), *_duplicates(), *_misplaced(), *_missing(), *_targets(), *_authorities()]
