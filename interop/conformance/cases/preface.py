"""PRE: how a connection begins (RFC 9113 §3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from http2.errors import ErrorCode
from http2.frames import ACK, PREFACE, SETTINGS, build_frame
from interop.conformance.model import (
    Ask,
    Await,
    Begin,
    Behaviour,
    Case,
    Expectation,
    Finish,
    H2spec,
    Kind,
    Level,
    Mark,
    Outcome,
    Pattern,
    Role,
    Step,
    What,
    connection_error,
    either,
    send,
    works,
)
from interop.conformance.phrases import EXCHANGE
from interop.conformance.script import (
    GET,
    OK,
    Frame,
    Raw,
    Spec,
    data,
    goaway,
    headers,
    idle,
    ping,
    priority,
    rst_stream,
    settings,
    settings_ack,
    unknown,
    window_update,
)

BY_HAND = Behaviour(handshake=False)
PROTOCOL = connection_error(ErrorCode.PROTOCOL_ERROR)
NO_HTTP_2 = Expectation(
    (
        *PROTOCOL.patterns[:1],
        Pattern(Kind.CLOSED, Outcome.EXACT, best=True),
        Pattern(Kind.ANSWER, Outcome.ANSWERED, statuses=frozenset(range(200, 600)), best=True),
        *PROTOCOL.patterns[1:2],
    )
)
"""§3.4: "An endpoint MAY omit sending a GOAWAY frame" where the preface shows that the peer does not use HTTP/2; it may
also answer in HTTP/1. What it must not do is to go on in HTTP/2, or to switch to it."""


def _splits() -> Iterator[Case]:
    """PRE-01: the start of a connection, in two writes, cut at every octet."""
    reason = "The preface and SETTINGS are found however they are cut."
    octets = PREFACE + build_frame(SETTINGS, 0, 0, b"\x00\x03\x00\x00\x00\x64")
    for cut in range(1, len(octets)):
        steps: tuple[Step, ...] = (send(Raw(octets[:cut])), send(Raw(octets[cut:])), Await(What.SETTINGS), *EXCHANGE)
        yield Case(
            f"PRE-01.at-{cut:02}", Role.SERVER, Level.MUST, "RFC 9113 §3.4", reason, steps, works(), BY_HAND,
            h2spec=(H2spec("http2/3.5/1"),) if cut == 24 else (),
        )  # fmt: skip
    octets = octets[len(PREFACE) :]
    for cut in range(1, len(octets)):
        steps = (send(Raw(octets[:cut])), send(Raw(octets[cut:])), Await(What.SETTINGS), *EXCHANGE)
        yield Case(f"PRE-01.at-{cut:02}", Role.CLIENT, Level.MUST, "RFC 9113 §3.4", reason, steps, works(), BY_HAND)


def _first_frames() -> Iterator[Case]:
    """PRE-02, PRE-03 and PRE-09: another first frame than SETTINGS."""
    first: tuple[tuple[str, Spec], ...] = (
        ("ping", ping()),
        ("window-update", window_update(0, 1)),
        ("priority", priority(1)),
        ("rst-stream", rst_stream(1, ErrorCode.CANCEL)),
        ("goaway", goaway(0, ErrorCode.NO_ERROR)),
        ("data", data(1, b"x")),
        ("unknown", unknown(0x20)),
        ("settings-ack", Frame(SETTINGS, ACK)),
    )
    reason = "The preface is followed by a SETTINGS frame, which MUST be the first frame; else it is a PROTOCOL_ERROR."
    for name, frame in (*first, ("headers", headers(idle(), *GET, end_stream=True))):
        line = "PRE-03" if name == "settings-ack" else "PRE-02"
        steps: tuple[Step, ...] = (send(Raw(PREFACE), frame, settings()),)
        yield Case(f"{line}.{name}", Role.SERVER, Level.MUST, "RFC 9113 §3.4", reason, steps, PROTOCOL, BY_HAND)
    for name, frame in (*first, ("headers", headers(1, *OK))):
        steps = (Ask(), send(frame, settings()))  # no request comes from who waits for SETTINGS
        alone = replace(BY_HAND, ack_settings=False)  # else an acknowledgement would come before it
        yield Case(f"PRE-09.{name}", Role.CLIENT, Level.MUST, "RFC 9113 §3.4", reason, steps, PROTOCOL, alone)


def _wrong_starts() -> Iterator[Case]:
    """PRE-04, PRE-10 and PRE-13: what is no preface."""
    reason = "An invalid preface MUST be treated as a connection error of type PROTOCOL_ERROR; GOAWAY may be omitted."
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    )
    wrong = {
        "last-octet": PREFACE[:-1] + b"\r",
        "first-octet": b"Q" + PREFACE[1:],
        "lower-case": PREFACE.lower(),
        "version": PREFACE.replace(b"2.0", b"2.1"),
        "no-preface": b"",
        "garbage": bytes(range(128, 192)),
    }
    tail = build_frame(SETTINGS, 0, 0)
    for name, octets in wrong.items():
        steps: tuple[Step, ...] = (send(Raw(octets + tail * 4)),)
        marks = (H2spec("http2/3.5/2", Mark.OVER_STRICT),) if name == "first-octet" else ()
        yield Case(
            f"PRE-04.{name}", Role.SERVER, Level.MUST, "RFC 9113 §3.4", reason, steps, NO_HTTP_2, BY_HAND,
            h2spec=marks, barrier=False, probe=False,
        )  # fmt: skip
    yield Case(
        "PRE-04.truncated",
        Role.SERVER,
        Level.SHOULD,
        "RFC 9113 §3.4",
        "A preface that is begun and never ended does not hold a connection for ever.",
        (send(Raw(PREFACE[:-1])), Await(What.END)),
        either(NO_HTTP_2, connection_error(ErrorCode.SETTINGS_TIMEOUT)),
        BY_HAND,
        needs=frozenset({"time"}),
        patience_s=15.0,
        barrier=False,
        probe=False,
    )
    yield Case(
        "PRE-13.upgrade",
        Role.SERVER,
        Level.MAY,
        "RFC 9113 §3.1",
        "The upgrade from HTTP/1.1 to h2c is deprecated: who speaks only HTTP/2 closes, who speaks both ignores it.",
        (send(Raw(upgrade)),),
        NO_HTTP_2,
        BY_HAND,
        barrier=False,
        probe=False,
    )
    yield Case(
        "PRE-10.http-1",
        Role.CLIENT,
        Level.MUST,
        "RFC 9113 §3.4",
        "A server that answers in HTTP/1 is no HTTP/2 server: the client ends with an error, and does not wait.",
        (Begin(), send(Raw(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")), Await(What.RESULT)),
        either(PROTOCOL, Expectation((Pattern(Kind.CLOSED, Outcome.EXACT, best=True),))),
        BY_HAND,
        barrier=False,
        probe=False,
    )


def _ways_to_begin() -> Iterator[Case]:
    """PRE-05 to PRE-08, PRE-11, PRE-12: the order of the first frames, and acknowledgements that stay away."""
    steps: tuple[Step, ...]
    steps = (send(Raw(PREFACE), settings(), ping(b"no wait!"), headers(idle(), *GET, end_stream=True)), Finish())
    reason = "A client may send frames right behind its preface, without waiting for the server's."
    yield Case("PRE-05.at-once", Role.SERVER, Level.MUST, "RFC 9113 §3.4", reason, steps, works(), BY_HAND)
    for line, role in (("PRE-06", Role.SERVER), ("PRE-08", Role.CLIENT)):
        reason = "The first frame is SETTINGS, and not an acknowledgement; a client's follows its preface."
        yield Case(f"{line}.first", role, Level.MUST, "RFC 9113 §3.4", reason, EXCHANGE, works())
    for role in Role:
        reason = "SETTINGS is acknowledged exactly once, and not before SETTINGS of its own."
        steps = (*EXCHANGE, send(settings()), Await(What.SETTINGS_ACK), *EXCHANGE)
        yield Case("PRE-07.once", role, Level.MUST, "RFC 9113 §6.5.3", reason, steps, works())
    for line, role in (("PRE-11", Role.CLIENT), ("PRE-12", Role.SERVER)):
        reason = "An endpoint whose SETTINGS are not acknowledged keeps the old values, or says SETTINGS_TIMEOUT."
        allowed = either(works(), connection_error(ErrorCode.SETTINGS_TIMEOUT))
        quiet = Behaviour(ack_settings=False)
        clause = "RFC 9113 §6.5.3"
        yield Case(f"{line}.no-ack", role, Level.SHOULD, clause, reason, EXCHANGE, allowed, quiet, probe=False)
        steps = (Begin(), send(settings_ack()), Finish())
        reason = "An acknowledgement may be late: a stream that was begun before it goes on."
        yield Case(f"{line}.late-ack", role, Level.SHOULD, "RFC 9113 §6.5.3", reason, steps, works(), quiet)


def cases() -> list[Case]:
    """The group."""
    return [*_splits(), *_first_frames(), *_wrong_starts(), *_ways_to_begin()]
