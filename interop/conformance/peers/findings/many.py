"""What many do otherwise, servers and clients, where no finding about one of them says more."""

from __future__ import annotations

from typing import Final

from interop.conformance.peers.findings.finding import ANY, Finding, of

MANY: Final[tuple[Finding, ...]] = (
    of(
        ANY, "MSG-06",
        "Fields about the connection are taken.",
        about="tolerated",
    ),
    of(
        "client/nghttp server/hypercorn", "FRM-01.0x0a CLI-16.altsvc",
        "An ALTSVC frame (RFC 7838) that cannot be parsed is a FRAME_SIZE_ERROR; a wrong one may be ignored, and by"
        " a server must be.",
    ),
    of(
        ANY, "MSG-23",
        "The request is refused, by an error and not with the status 400 that §8.2.1 asks for.",
        about="not answered with 400",
    ),
    of(
        ANY, "PRI-01",
        "A stream that depends on itself is an error, as it was in RFC 7540.",
    ),
    of(
        ANY, "PRE-13",
        "The upgrade from HTTP/1.1 to h2c, which RFC 9113 has deprecated, is still offered.",
    ),
    of(
        ANY, "PRE-02 PRE-03 PRE-04",
        "What comes behind the preface, or in its place, is not checked: the first frame need not be SETTINGS.",
        about="tolerated",
    ),
    of(
        ANY, "PRE-04.truncated",
        "A preface that is never finished holds its connection for 15 s and longer.",
        about="hung",
    ),
    of(
        ANY, "FRM-06",
        "A frame that is too large is refused when its payload is there, not at its header.",
        about="tolerated",
    ),
    of(
        ANY, "FLW-07",
        "SETTINGS that make a window larger than 2^31-1 end a stream, or nothing; §6.9.2 demands that they end the"
        " connection.",
    ),
    of(
        ANY, "MSG-03 MSG-04",
        "White space at the ends of a value is taken, and mostly cut off, as HTTP/1.1 has it; in HTTP/2 it makes a"
        " message malformed.",
        about="tolerated",
    ),
    of(
        ANY, "MSG-05",
        "A name with such a character is no token (RFC 9110 §5.1), and is taken.",
        about="tolerated",
    ),
    of(
        ANY, "MSG-12",
        "A :path that no HTTP client would send is taken.",
        about="tolerated",
    ),
    of(
        ANY, "MSG-14",
        "A :scheme that is none is taken.",
        about="tolerated",
    ),
    of(
        ANY, "MSG-15",
        "A method that is no token is taken.",
        about="tolerated",
    ),
    of(
        ANY, "MSG-16",
        "What :authority says is not looked at, or not so closely.",
        about="tolerated",
    ),
    of(
        ANY, "MSG-17",
        "Host and :authority may differ.",
        about="tolerated",
    ),
    of(
        ANY, "MSG-19 MSG-20",
        "A content-length that does not fit the content is not noticed.",
        about="tolerated",
    ),
    of(
        ANY, "HPK-08",
        "A size update in a place where none may be is taken.",
        about="tolerated",
    ),
    of(
        ANY, ANY,
        "It sends another RST_STREAM for a stream that it has reset: §5.4.2 wants one, since more tell nothing new.",
        about="after its own RST_STREAM",
    ),
    of(
        ANY, ANY,
        "The error is noticed and the connection ended, but no GOAWAY arrives that says which (§5.4.1: SHOULD).",
        about="silent-close",
    ),
)  # fmt: skip
