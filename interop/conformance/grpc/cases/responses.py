"""GRP-10: the status of an answer, and its message, as a server writes them."""

from __future__ import annotations

from collections.abc import Iterator

from interop.conformance.grpc.endings import ERRORS, UNKNOWN, either, name_of, status, works
from interop.conformance.grpc.phrases import asked, server
from interop.conformance.grpc.service import DUPLEX, OUTPUT, framed, output, simple
from interop.conformance.model import Case, Level

TEXTS = {
    "ascii": "test status message",
    "spaces": "two  spaces, three   spaces",
    "space-ends": " a space at either end ",
    "percent": "100% of 50%",
    "percent-encoded": "%41%zz%",
    "bmp": "Unicode BMP ☺",
    "non-bmp": "Unicode non-BMP 😈",
    "special": "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n",
    "cr-lf": "a\r\ngrpc-status: 0\r\n",
    "controls": "".join(map(chr, range(1, 32))) + "\x7f",
    "nul": "a\0b",
    "tilde": "~}|{",
    "quotes": "\"'`\\",
    "latin": "é ÿ ß",
    "long": "long, " * 200 + "end",
}


def cases() -> Iterator[Case]:
    """All of them."""
    for code in range(1, 17):
        yield server(
            f"GRP-10.status-{code}", Level.MUST, "W081", f"grpc-status is the number of {name_of(code)}.",
            asked(framed(simple(code=code, text="as asked"))), works(),
        )  # fmt: skip
    for name, text in TEXTS.items():
        yield server(
            f"GRP-10.text-{name}", Level.MUST, "W084" if not text.isascii() or "\n" in text else "W083",
            "grpc-message is UTF-8 and percent-encoded: every text comes as it was.",
            asked(framed(simple(code=2, text=text))), works(),
        )  # fmt: skip
    yield server(
        "GRP-10.text-none", Level.MUST, "W081", "A status may have no message.", asked(framed(simple(code=5))), works()
    )
    for name, code in {"above": 17, "far-above": 2**31 - 1}.items():
        yield server(
            f"GRP-10.status-{name}", Level.MAY, "W085", "A status that there is not is UNKNOWN, or is passed on.",
            asked(framed(simple(code=code, text="no such status"))), either(status(UNKNOWN, *ERRORS), works()),
        )  # fmt: skip
    yield server(
        "GRP-10.after-messages", Level.MUST, "W093", "A status that follows messages is behind all of them.",
        asked(framed(output(5, 6)) + framed(output(code=10, text="after two")), path=DUPLEX), works(),
    )  # fmt: skip
    yield server(
        "GRP-10.no-responses", Level.MUST, "W082", "A stream of no responses is a status.",
        asked(framed(output()), path=OUTPUT), works(),
    )  # fmt: skip
    yield server(
        "GRP-10.ok", Level.MUST, "W081", "The status is sent even when it is OK.", asked(framed(simple(3))), works()
    )
