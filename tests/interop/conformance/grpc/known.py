"""What other implementations do otherwise: patterns of cases that fail at SHOULD or above, and why.

docs/conformance.md has the same in a table; the tests hold both to what is seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from typing import Final

from interop.conformance.model import Case

_CORE: Final = {
    "GRP-01.[!acp]*": "no content-type is refused",
    "GRP-02.connection": "a connection field is tolerated",
    "GRP-04.inner-space": "grpc-timeout may have a space in it",
    "GRP-05.flag-*": "any compressed flag is taken for 1 or for 0",
    "GRP-06.ends-in-*": "END_STREAM inside a message of a stream is OK",
    "GRP-06.padded": "padded DATA is a stream error (grpc/grpc#9779)",
    "GRP-07.answer-*": "an answer is compressed whatever the client has listed",
    "GRP-07.coding-*": "an unknown coding is INTERNAL",
    "GRP-08.t*": "of many requests to a method that takes one, the first is served",
    "GRP-09.bin-joined": "-bin values that are joined by a comma are INTERNAL",
}
KNOWN: Final[Mapping[str, Mapping[str, str]]] = {
    "plait": {},
    "plait_sync": {},
    "grpcio": _CORE
    | {
        "GRP-06.ends-at-*": "a request that ends inside its message is never answered",
        "GRP-08.none-*": "a request without a message is never answered",
    },
    "grpcio_sync": _CORE,
    "grpc_go": {
        "GRP-02.te-other": "te is not looked at",
        "GRP-09.bin-joined": "-bin values that are joined by a comma are INTERNAL",
        "GRP-04.passes*": "now and then RST_STREAM follows the trailers of a call that was too late",
        "GRP-16.timeout-on-sleeping-server": "now and then RST_STREAM follows the trailers of a call that was too late",
    },
}

_CORE_CLIENT: Final = {
    "GRP-11.informational": "a 1xx response makes the call UNKNOWN",
    "GRP-13.cut-*": "an answer that ends inside its message is OK, without a reply",
    "GRP-13.flag-2*": "any compressed flag is taken for 1 or for 0",
    "GRP-13.flag-128": "any compressed flag is taken for 1 or for 0",
    "GRP-13.no-message*": "OK without a message is OK, without a reply",
    "GRP-13.not-a-number-sign": "a grpc-status of +0 is OK",
    "GRP-13.two-messages*": "two messages to a unary call wait for the deadline, or are OK",
    "GRP-14.data-frame-padding": "padded DATA is a stream error (grpc/grpc#9779)",
}
KNOWN_CLIENTS: Final[Mapping[str, Mapping[str, str]]] = {
    "plait": {},
    "plait_sync": {},
    "grpcio": _CORE_CLIENT | {"GRP-13.not-protobuf": "a message that cannot be parsed is OK, without a reply"},
    "grpcio_sync": _CORE_CLIENT,
    "grpc_go": {
        "GRP-11.*-grpc": "with gRPC's content-type the HTTP status is not looked at",
        "GRP-13.not-a-number-minus": "a grpc-status of -1 is passed on",
        "GRP-13.not-a-number-sign": "a grpc-status of +0 is OK",
    },
}


def parted(cases: Sequence[Case], known: Mapping[str, str]) -> tuple[list[Case], list[Case]]:
    """The cases that may well pass, and those that are known to fail: these need no second chance when they hang."""
    fails = {case.id for case in cases if any(fnmatch(case.id, pattern) for pattern in known)}
    return [case for case in cases if case.id not in fails], [case for case in cases if case.id in fails]


def surprises(failing: set[str], known: Mapping[str, str]) -> list[str]:
    """Cases that fail and are not known to, and patterns that nothing fails by, unless it is only now and then."""
    unknown = [case for case in sorted(failing) if not any(fnmatch(case, pattern) for pattern in known)]
    always = [pattern for pattern, reason in known.items() if not reason.startswith("now and then ")]
    passed = [pattern for pattern in always if not any(fnmatch(case, pattern) for case in failing)]
    return [f"{case} fails" for case in unknown] + [f"nothing fails by {pattern}" for pattern in passed]


def table() -> str:
    """The same for docs/conformance-grpc.md."""
    rows = ["| whose | | cases | what it does |", "|---|---|---|---|"]
    for side, known in (("server", KNOWN), ("client", KNOWN_CLIENTS)):
        said: dict[tuple[str, str], list[str]] = {}
        for name, patterns in known.items():
            for pattern, reason in patterns.items():
                said.setdefault((pattern, reason), []).append(name)
        for (pattern, reason), names in said.items():
            rows.append(f"| {', '.join(names)} | {side} | `{pattern}` | {reason} |")
    return "\n".join(rows) + "\n"
