"""SET: SETTINGS (RFC 9113 §6.5, RFC 8441 §3, RFC 9218 §2.1)."""

from __future__ import annotations

from collections.abc import Iterator

from http2.errors import ErrorCode
from http2.frames import ACK, SETTINGS
from http2.settings import Setting
from interop.conformance.model import (
    Await,
    Begin,
    Behaviour,
    Case,
    Expectation,
    Finish,
    H2spec,
    Level,
    Mark,
    Role,
    Step,
    What,
    connection_error,
    either,
    for_both,
    send,
    works,
)
from interop.conformance.script import STREAM, Frame, Spec, settings, settings_ack

MAX_WINDOW = 2**31 - 1
ACKNOWLEDGED = Await(What.SETTINGS_ACK)
EXCHANGE: tuple[Step, ...] = (Begin(end=True), Finish())


def _taken(name: str, clause: str, reason: str, *specs: Spec, role: Role = Role.SERVER) -> Case:
    """SETTINGS that are acknowledged, and an exchange that works under them."""
    steps: tuple[Step, ...] = (send(*specs), ACKNOWLEDGED, *EXCHANGE)
    return Case(name, role, Level.MUST, clause, reason, steps, works())


def _refused(
    name: str,
    clause: str,
    reason: str,
    spec: Spec,
    expectation: Expectation,
    *h2spec: H2spec,
    level: Level = Level.MUST,
    role: Role = Role.SERVER,
) -> Case:
    """A frame that is an error."""
    return Case(name, role, level, clause, reason, (send(spec),), expectation, h2spec=h2spec)


def _repeated() -> Iterator[Case]:
    """SET-01: the last of several values counts, and they are taken in order."""
    reason = (
        "The values in the SETTINGS frame are processed in the order they appear; the last of one identifier counts."
    )
    values = {
        Setting.HEADER_TABLE_SIZE: (0, 4096),
        Setting.ENABLE_PUSH: (0, 0),
        Setting.MAX_CONCURRENT_STREAMS: (0, 100),
        Setting.INITIAL_WINDOW_SIZE: (0, 65_535),
        Setting.MAX_FRAME_SIZE: (16_384, 32_768),
        Setting.MAX_HEADER_LIST_SIZE: (1, 65_536),
    }
    for setting, (first, last) in values.items():
        name = setting.name.lower().replace("_", "-")
        key = int(setting)
        yield _taken(f"SET-01.{name}", "RFC 9113 §6.5.3", reason, settings((key, first), (key, last)))
    small = int(Setting.INITIAL_WINDOW_SIZE)
    yield _taken(
        "SET-01.window-becomes-small",
        "RFC 9113 §6.5.3",
        "A window that the last entry makes small is small: not one octet of DATA may go beyond it.",
        settings((small, 65_535), (small, 3)),
    )
    yield _taken(
        "SET-01.empty", "RFC 9113 §6.5", "A SETTINGS frame may have no entry, and is acknowledged.", settings()
    )
    yield Case(
        "SET-01.full",
        Role.SERVER,
        Level.MUST,
        "RFC 9113 §6.5.3",
        "A frame with as many entries as fit into it is processed; a limit on them is a policy (§10.5).",
        (send(settings(*((0xF000 + i % 256, i) for i in range(2_730)))), *EXCHANGE),
        either(works(), connection_error(ErrorCode.ENHANCE_YOUR_CALM)),
    )


def _acknowledged() -> Iterator[Case]:
    """SET-02: each frame gets one acknowledgement."""
    window = int(Setting.INITIAL_WINDOW_SIZE)
    yield _taken(
        "SET-02.five",
        "RFC 9113 §6.5.3",
        "The recipient MUST immediately emit a SETTINGS frame with the ACK flag set, for each SETTINGS frame.",
        *(settings((window, 65_535 + i)) for i in range(5)),
    )
    yield Case(
        "SET-02.before-data",
        Role.SERVER,
        Level.MUST,
        "RFC 9113 §6.5.3",
        "Once all values are processed the acknowledgement follows: DATA by the new window does not come before it.",
        (send(settings((window, 65_535))), *EXCHANGE, ACKNOWLEDGED),
        works(),
        Behaviour(settings=((window, 0),)),
    )


def _out_of_range() -> Iterator[Case]:
    """SET-03 and SET-04: values that are no values."""
    push = int(Setting.ENABLE_PUSH)
    for role, values in ((Role.SERVER, (2, 2**32 - 1)), (Role.CLIENT, (1, 2))):
        for value in values:
            reason = (
                "Any value of SETTINGS_ENABLE_PUSH other than 0 or 1 MUST be treated as a connection error."
                if value != 1
                else "A client MUST treat receipt of SETTINGS_ENABLE_PUSH set to 1 as a connection error."
            )
            marks = (H2spec("http2/6.5.2/1"),) if role is Role.SERVER and value == 2 else ()
            yield _refused(
                f"SET-03.{value}",
                "RFC 9113 §6.5.2",
                reason,
                settings((push, value)),
                connection_error(ErrorCode.PROTOCOL_ERROR),
                *marks,
                role=role,
            )
    window, frame = int(Setting.INITIAL_WINDOW_SIZE), int(Setting.MAX_FRAME_SIZE)
    for role in Role:
        for value in (2**31, 2**32 - 1):
            yield _refused(
                f"SET-04.window-{value}",
                "RFC 9113 §6.5.2",
                "SETTINGS_INITIAL_WINDOW_SIZE above 2^31-1 MUST be a connection error of type FLOW_CONTROL_ERROR.",
                settings((window, value)),
                connection_error(ErrorCode.FLOW_CONTROL_ERROR),
                *((H2spec("http2/6.5.2/2"), H2spec("http2/6.9.2/3", Mark.DUPLICATE)) if value == 2**31 else ()),
                role=role,
            )
        marks_of = {16_383: "http2/6.5.2/3", 2**24: "http2/6.5.2/4"}
        for value in (0, 16_383, 2**24, 2**32 - 1):
            yield _refused(
                f"SET-04.frame-size-{value}",
                "RFC 9113 §6.5.2",
                "SETTINGS_MAX_FRAME_SIZE outside 2^14 to 2^24-1 MUST be a connection error of type PROTOCOL_ERROR.",
                settings((frame, value)),
                connection_error(ErrorCode.PROTOCOL_ERROR),
                *((H2spec(marks_of[value]),) if value in marks_of else ()),
                role=role,
            )


def _unknown() -> Iterator[Case]:
    """SET-05: what nobody has defined is ignored, and acknowledged."""
    reason = "An endpoint that receives a SETTINGS frame with any unknown or unsupported identifier MUST ignore it."
    for identifier in (0x0, 0x7, 0xFF, 0xFFFF, 0x0A0A, 0x1A1A, 0x7A7A, 0xFAFA):
        case = _taken(f"SET-05.{identifier:#06x}", "RFC 9113 §6.5.2", reason, settings((identifier, 0xFFFF_FFFF)))
        yield case if identifier != 0xFF else Case(**{**vars(case), "h2spec": (H2spec("http2/6.5.2/5"),)})


def _shape() -> Iterator[Case]:
    """SET-06 and SET-07: acknowledgements, stream, length."""
    yield Case(
        "SET-06.ack-unasked",
        Role.SERVER,
        Level.MAY,
        "RFC 9113 §6.5",
        "An acknowledgement that nothing is outstanding for may be ignored or be an error, and breaks nothing.",
        (send(settings_ack()), *EXCHANGE),
        either(works(), connection_error(ErrorCode.PROTOCOL_ERROR)),
    )
    protocol, size = connection_error(ErrorCode.PROTOCOL_ERROR), connection_error(ErrorCode.FRAME_SIZE_ERROR)
    on_stream = "SETTINGS with a stream identifier other than 0 MUST be a connection error of type PROTOCOL_ERROR."
    begun: tuple[Step, ...] = (Begin(),)
    for name, flags in (("settings", 0), ("ack", ACK)):
        steps = (*begun, send(Frame(SETTINGS, flags, STREAM)))
        marks = (H2spec("http2/6.5/2"),) if name == "settings" else ()
        yield Case(
            f"SET-07.{name}-on-stream",
            Role.SERVER,
            Level.MUST,
            "RFC 9113 §6.5",
            on_stream,
            steps,
            protocol,
            h2spec=marks,
        )
    for length in (1, 5, 7):
        yield _refused(
            f"SET-07.length-{length}",
            "RFC 9113 §6.5",
            "A length that is no multiple of 6 octets MUST be a connection error of type FRAME_SIZE_ERROR.",
            Frame(SETTINGS, payload=(bytes(length),)),
            size,
            *((H2spec("http2/6.5/3"),) if length == 5 else ()),
        )
    for length in (1, 6):
        yield _refused(
            f"SET-07.ack-length-{length}",
            "RFC 9113 §6.5",
            "An acknowledgement with a length other than 0 MUST be a connection error of type FRAME_SIZE_ERROR.",
            Frame(SETTINGS, ACK, payload=(bytes(length),)),
            size,
            *((H2spec("http2/6.5/1"),) if length == 1 else ()),
        )
    yield Case(
        "SET-07.ack-due-length-6",
        Role.SERVER,
        Level.MUST,
        "RFC 9113 §6.5",
        "So MUST the acknowledgement that is waited for.",
        (Await(What.SETTINGS), send(Frame(SETTINGS, ACK, payload=(bytes(6),)))),
        size,
        Behaviour(ack_settings=False),
    )


def _extensions() -> Iterator[Case]:
    """SET-08 and SET-09: the settings of RFC 9218 and RFC 8441, which not everybody has to know."""
    error = either(connection_error(ErrorCode.PROTOCOL_ERROR), works())
    for name, rfc, setting in (
        ("SET-08", "RFC 9218 §2.1", Setting.NO_RFC7540_PRIORITIES),
        ("SET-09", "RFC 8441 §3", Setting.ENABLE_CONNECT_PROTOCOL),
    ):
        reason = f"SETTINGS_{setting.name} is 0 or 1; who knows it treats another value as a connection error."
        steps: tuple[Step, ...] = (send(settings((int(setting), 2))), *EXCHANGE)
        yield Case(f"{name}.2", Role.SERVER, Level.SHOULD, rfc, reason, steps, error)
        reason = f"SETTINGS_{setting.name} must not be changed once it was sent; who knows it may object."
        steps = (send(settings((int(setting), 1)), settings((int(setting), 0))), *EXCHANGE)
        yield Case(f"{name}.changed", Role.SERVER, Level.MAY, rfc, reason, steps, error)


def cases() -> list[Case]:
    """The group."""
    shared = [*_repeated(), *_acknowledged(), *_unknown(), *_shape(), *_extensions()]
    return for_both(shared) + list(_out_of_range())
