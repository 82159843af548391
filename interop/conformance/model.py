"""A case of the kit, as data: whom it is for, what is done, what may come of it.

A `Case` never does anything. Its `steps` are small frozen values that `run` carries out, its `expectation` a list of
patterns that `verdicts` compares with what was seen, best first. So the same case runs in memory, over sockets and
against a client that is started for it, and can be printed, counted and mapped to the clauses of the RFC.

**Both roles.** `Case.role` is the role of *whom is tested*. A rule for both is two cases with the same id, one a role;
`for_both` makes them. Two steps let them share their script:

    Begin()     server: we send the head of a request and leave it open;   client: it makes a request, we have its head
    Finish()    server: we end the request and wait for the answer;        client: we answer, it tells what it got

Begun and finished around a stimulus, they show that the stimulus was *tolerated*; without them a script shows what
error it causes. **A script must lead to a decision whether or not the stimulus is tolerated**: then nobody waits for a
timeout.

**Levels.** `Case.level` is the level of the rule (RFC 2119). A pattern may break a lower one than the case: a
connection that is closed without GOAWAY has met the MUST of a connection error, and not the SHOULD of saying which
(§5.4.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum

from http2.errors import ErrorCode, error_name
from interop.conformance.script import STREAM, Block, Spec, StreamId


class Role(Enum):
    """Which end of the connection is tested."""

    SERVER = "server"
    CLIENT = "client"


class Level(IntEnum):
    """How strong a rule is; higher is stronger."""

    MAY = 1
    SHOULD = 2
    MUST = 3


# -- steps -------------------------------------------------------------------------------------------------------------


class What(Enum):
    """What can be waited for. Every wait also ends when it can no longer be fulfilled: see `Tester.is_over`."""

    SETTINGS = "SETTINGS and the acknowledgement of ours"
    SETTINGS_ACK = "the acknowledgement of all our SETTINGS"
    PONG = "the answer to all our PINGs"
    HEAD = "the head of the message on the stream"
    CONTENT = "so much content on the stream"
    ANSWER = "the whole message on the stream"
    REQUEST = "so many requests"
    RESULT = "what the client's user is told about the stream"
    WINDOW = "a window of so many octets"
    GOAWAY = "GOAWAY"
    END = "the end of the connection"


@dataclass(frozen=True)
class Send:
    """Send these, in one piece (or one octet at a time, where the case is run so)."""

    specs: tuple[Spec, ...]


@dataclass(frozen=True)
class Begin:
    """Have a request begin. `STREAM` is its stream from here on.

    Server: we send its head, POST to the echo without END_STREAM; with `end` it is a GET that is complete.
    Client: it is made to send a GET, with `content` a POST, with `head` a HEAD.
    """

    end: bool = False
    extra: Block = ()
    content: bytes | None = None
    head: bool = False
    hold: bool = False
    """What comes for the application stays unused, so that no window is given back; the case `needs` "hold"."""


@dataclass(frozen=True)
class Ask:
    """Have the client's user ask for one more request, and do not wait for it: perhaps it must not come here."""

    content: bytes | None = None


@dataclass(frozen=True)
class Finish:
    """End our half of a stream the right way, with whatever is missing of it, and wait for the other's."""

    stream: StreamId = STREAM
    content: bytes = b"finished"


@dataclass(frozen=True)
class Await:
    """Wait for something. What does not come in time is `hung`."""

    what: What
    stream: StreamId = STREAM
    count: int = 0


@dataclass(frozen=True)
class Barrier:
    """PING, and wait for its answer: what was sent before has been read then."""


@dataclass(frozen=True)
class Behave:
    """Change how we behave from here on. None leaves a thing as it is."""

    ack_settings: bool | None = None
    answer_pings: bool | None = None
    give_windows: bool | None = None
    answer: bool | None = None


@dataclass(frozen=True)
class OnlyIf:
    """Go on only where this setting of whom is tested has this value; the case is skipped otherwise. `initial` is what
    holds where nothing was announced."""

    setting: int
    value: int
    initial: int = 0


@dataclass(frozen=True)
class Close:
    """Close the connection from our side."""


Step = Send | Begin | Ask | Finish | Await | Barrier | Behave | OnlyIf | Close


def send(*specs: Spec) -> Send:
    """A `Send` step."""
    return Send(specs)


@dataclass(frozen=True)
class TlsOffer:
    """Our end of the TLS handshake: what we offer as a client, or would take as a server.

    `version` is the only one ("1.1", "1.2"; empty: 1.2 and 1.3), `ciphers` a list as OpenSSL writes it. A handshake
    that fails is seen as a connection that was closed.
    """

    alpn: tuple[str, ...] = ("h2",)
    version: str = ""
    ciphers: str = ""
    post_handshake_auth: bool = False
    """A client's: the server may ask for a certificate behind the handshake, which in HTTP/2 it must not."""

    compression: bool = False
    """A client's: a handshake besides, broken off after its first answer, offers to compress what TLS carries."""


@dataclass(frozen=True)
class Behaviour:
    """How the tester behaves by itself."""

    settings: tuple[tuple[int, int], ...] = ()
    """The entries of its first SETTINGS, behind the ones it always sends (a client of ours: ENABLE_PUSH=0)."""

    handshake: bool = True
    """Exchange preface and SETTINGS and their acknowledgements before the first step; else the script does."""

    ack_settings: bool = True
    answer_pings: bool = True
    give_windows: bool = True
    """Give every octet of DATA back at once, on both windows."""

    tls: TlsOffer | None = None
    """What the connection of the case offers in its TLS handshake; the case `needs` "tls"."""

    again: tuple[Spec, ...] = ()
    """What a client gets in the place of an answer on every connection that it makes behind the first."""


# -- what may come of it -----------------------------------------------------------------------------------------------


class Outcome(Enum):
    """The classes of what is seen. What is allowed depends on the case; `HUNG` and `CRASHED` are never."""

    EXACT = "exact"  # the demanded error, with the demanded code
    GENERIC = "generic"  # PROTOCOL_ERROR or INTERNAL_ERROR instead of a more specific code (§5.4)
    ESCALATED = "escalated"  # a connection error instead of a stream error (§5.4.1)
    ANSWERED = "answered"  # an HTTP status (§8.1.1)
    REPORTED = "reported"  # nothing on the wire, but the client's user was told that it failed (§8.1.1)
    SILENT_CLOSE = "silent-close"  # the connection ended, and nobody said why
    TOLERATED = "tolerated"  # everything went on working
    WRONG = "wrong"  # an error, and not one that is allowed
    HUNG = "hung"  # no answer in time
    CRASHED = "crashed"  # an exception, or a process that died


class Kind(Enum):
    """What is seen on the wire."""

    CONNECTION_ERROR = "connection error"
    STREAM_ERROR = "stream error"
    ANSWER = "answer"
    REPORTED = "report"
    WORKS = "works"
    CLOSED = "close"
    STATUS = "status"  # of a gRPC call: see `interop.conformance.grpc`


@dataclass(frozen=True)
class Pattern:
    """One allowed outcome. `codes` of an error or `statuses` of an answer, empty for any; `breaks` is the level that
    is broken even so; `best` says that nothing better could be asked for."""

    kind: Kind
    outcome: Outcome
    codes: frozenset[int] = frozenset()
    statuses: frozenset[int] = frozenset()
    breaks: Level | None = None
    best: bool = False

    def __str__(self) -> str:
        if self.kind is Kind.WORKS:
            return "goes on working"
        if self.kind is Kind.CLOSED:
            return "close without GOAWAY"
        if self.kind is Kind.REPORTED:
            return "an error for the client's user"
        if self.kind is Kind.ANSWER:
            return f"answer {_statuses(self.statuses)}"
        frame = "GOAWAY" if self.kind is Kind.CONNECTION_ERROR else "RST_STREAM"
        return f"{frame} {'/'.join(error_name(code) for code in sorted(self.codes)) or 'of any code'}"


def _statuses(statuses: frozenset[int]) -> str:
    return f"{min(statuses)}-{max(statuses)}" if len(statuses) > 1 else "".join(map(str, statuses)) or "of any status"


@dataclass(frozen=True)
class Expectation:
    """The allowed outcomes, best first, and the stream that they are about."""

    patterns: tuple[Pattern, ...]
    stream: StreamId = STREAM

    def __str__(self) -> str:
        allowed = [str(pattern) for pattern in self.patterns if pattern.breaks is None]
        return "; ".join(dict.fromkeys(allowed)) or "nothing"

    @property
    def allows_work(self) -> bool:
        """Whether the stimulus may be tolerated."""
        return any(pattern.kind is Kind.WORKS for pattern in self.patterns)

    @property
    def is_about_stream(self) -> bool:
        """Whether the outcome that is preferred is one stream's."""
        return self.patterns[0].kind in (Kind.STREAM_ERROR, Kind.ANSWER)


GENERIC_CODES = frozenset({int(ErrorCode.PROTOCOL_ERROR), int(ErrorCode.INTERNAL_ERROR)})
"""§5.4: these may stand for a more specific code."""

CLIENT_FAULTS = frozenset(range(400, 500))
BAD_GATEWAY = frozenset({502})
"""What an intermediary answers that finds out on the way: it has begun to pass the request on, and gives it up."""

SILENT = Pattern(Kind.CLOSED, Outcome.SILENT_CLOSE, breaks=Level.SHOULD)
"""§5.4.1: "Endpoints SHOULD send a GOAWAY frame when ending a connection, providing that circumstances permit it." """


def _error(kind: Kind, codes: frozenset[int], outcome: Outcome) -> tuple[Pattern, Pattern]:
    generic = outcome if outcome is Outcome.ESCALATED else Outcome.GENERIC
    return (
        Pattern(kind, outcome, codes, best=outcome is Outcome.EXACT),
        Pattern(kind, generic, GENERIC_CODES - codes),
    )


def connection_error(*codes: ErrorCode) -> Expectation:
    """A connection error of one of these types, the first of them named by the RFC (§5.4.1)."""
    return Expectation((*_error(Kind.CONNECTION_ERROR, frozenset(map(int, codes)), Outcome.EXACT), SILENT))


def stream_error(*codes: ErrorCode, stream: StreamId = STREAM) -> Expectation:
    """A stream error of one of these types; a connection error is allowed in its place (§5.4.1, §5.4.2)."""
    numbers = frozenset(map(int, codes))
    exact = _error(Kind.STREAM_ERROR, numbers, Outcome.EXACT)
    escalated = _error(Kind.CONNECTION_ERROR, numbers, Outcome.ESCALATED)
    return Expectation((*exact, *escalated, SILENT), stream)


def malformed(stream: StreamId = STREAM) -> Expectation:
    """A malformed message (§8.1.1): a stream error PROTOCOL_ERROR, or, of a server, an answer 4xx before it,
    or 502 of an intermediary.

    Of a client, where both halves of the stream have ended and there is nothing to reset: an error for its user.
    """
    error = stream_error(ErrorCode.PROTOCOL_ERROR, stream=stream)
    answer = Pattern(Kind.ANSWER, Outcome.ANSWERED, statuses=CLIENT_FAULTS, best=True)
    gave_up = Pattern(Kind.ANSWER, Outcome.ANSWERED, statuses=BAD_GATEWAY)
    reported = Pattern(Kind.REPORTED, Outcome.REPORTED, best=True)
    return Expectation((error.patterns[0], answer, reported, *error.patterns[1:], gave_up), stream)


def answer(*statuses: int, stream: StreamId = STREAM) -> Expectation:
    """An answer with one of these statuses, and a connection that goes on."""
    return Expectation((Pattern(Kind.ANSWER, Outcome.ANSWERED, statuses=frozenset(statuses), best=True),), stream)


def works(stream: StreamId = STREAM) -> Expectation:
    """Nothing happens to anybody: every exchange of the script completes, and so does another one."""
    return Expectation((Pattern(Kind.WORKS, Outcome.TOLERATED, best=True),), stream)


def or_calm(expectation: Expectation) -> Expectation:
    """The expectation, and an end of the connection with ENHANCE_YOUR_CALM: what is sent may look like an attack."""
    calm = frozenset({int(ErrorCode.ENHANCE_YOUR_CALM)})
    suspicious = Pattern(Kind.CONNECTION_ERROR, Outcome.EXACT, calm, breaks=Level.MAY)
    return replace(expectation, patterns=(*expectation.patterns, suspicious))


def or_waits(expectation: Expectation) -> Expectation:
    """The expectation, and that nothing happens yet: for what must be an error, but not necessarily so soon."""
    return replace(
        expectation, patterns=(*expectation.patterns, Pattern(Kind.WORKS, Outcome.TOLERATED, breaks=Level.MAY))
    )


def either(*expectations: Expectation) -> Expectation:
    """What any of them allows, the first preferred; the stream is the first one's."""
    patterns = dict.fromkeys(pattern for expectation in expectations for pattern in expectation.patterns)
    return Expectation(tuple(patterns), expectations[0].stream)


# -- the case ----------------------------------------------------------------------------------------------------------


class Mark(Enum):
    """What RFC 9113 makes of a case of h2spec, which was written for RFC 7540."""

    VALID = "valid"
    STRICTER = "stricter than RFC 9113"
    OVER_STRICT = "over-strict: fails an outcome that is allowed"
    OBSOLETE = "obsolete"
    DUPLICATE = "duplicate"
    WEAK = "weak: accepts what is not allowed"
    BROKEN = "does not test what it says"


@dataclass(frozen=True)
class H2spec:
    """A case of h2spec that this one stands for, e.g. "http2/6.5.2/1"."""

    id: str
    mark: Mark = Mark.VALID


@dataclass(frozen=True)
class Case:
    """One case. `group` is the line of the list it belongs to (`FRM-01`), `id` the group and a name in it.

    `needs` names what not every way of running offers: "hold" (`Begin.hold`), "tunnel" (CONNECT opens one at once),
    "time" (a timeout of the other end passes; `patience_s` is how long that may take), "tls", "program" (a client that
    connects by itself, so that it can connect again).
    """

    id: str
    role: Role
    level: Level
    clause: str
    reason: str
    steps: tuple[Step, ...]
    expectation: Expectation
    behaviour: Behaviour = field(default_factory=Behaviour)
    h2spec: tuple[H2spec, ...] = ()
    needs: frozenset[str] = frozenset()
    patience_s: float = 0.0
    barrier: bool = True
    """Whether a PING may follow the script: not inside a field block, nor inside a frame that never ends."""

    probe: bool = True
    """Whether another exchange on the same connection must work where the connection survives."""

    answer_status: int = 0
    """The status with which a server SHOULD answer before it resets the stream, and 0 where it is free to."""

    @property
    def group(self) -> str:
        """The line of the list, e.g. `FRM-01`."""
        return self.id.partition(".")[0]

    @property
    def key(self) -> str:
        """Unique in the table: role and id."""
        return f"{self.role.value}/{self.id}"

    @property
    def section(self) -> str:
        """The section of the clause, e.g. "6.9.1"."""
        return self.clause.partition("§")[2].split(" ")[0]


def for_both(cases: Iterable[Case]) -> list[Case]:
    """Each case for servers, and the same for clients."""
    return [replace(case, role=role) for case in cases for role in Role]
