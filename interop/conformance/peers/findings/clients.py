"""What clients do otherwise."""

from __future__ import annotations

from typing import Final

from interop.conformance.peers.findings.finding import ANY, Finding, of

CLIENTS: Final[tuple[Finding, ...]] = (
    of(
        "client/httpx", "PRE-09 PRE-10",
        "The first frame of the server need not be SETTINGS: h2 does not look.",
        about="o",
    ),
    of(
        "client/httpx client/go", "STR-16",
        "Frames on streams that nobody has opened are ignored.",
        about="tolerated",
    ),
    of(
        "client/httpx", ANY,
        "httpcore, under httpx, turns off h2's checks of the fields that come (validate_inbound_headers=False), and"
        " has none of its own: a malformed response is handed over.",
        about="handed the message over as complete",
    ),
    of(
        "client/httpx", ANY,
        "A connection error of h2, or what it does after one of its user, is an exception for httpx' user, and the"
        " connection is left without GOAWAY.",
        about="silent-close",
    ),
    of(
        "client/httpx", ANY,
        "httpx' user gets an error where nothing is wrong, or only a push or an extension frame is: h2 refuses it,"
        " or the request that comes behind it.",
        about="the client told its user: exit status 1",
    ),
    of(
        "client/go", "CLI-01 CLI-02 CLI-03 MSG-10.response-status",
        "The status and content-length of a response are read leniently.",
        about="handed the message over as complete",
    ),
    of(
        "client/go", "CLI-04 MSG-28",
        "A content-length, or content, in a response that has none by its status (204, 304) is taken for the length"
        " of what comes.",
    ),
    of(
        "client/go", "FRM-08.headers-padding",
        "Padding that does not fit into HEADERS resets the stream; the field block is not decoded, and the"
        " connection goes on.",
        about="RST_STREAM",
    ),
    of(
        "client/go", "SET-06.ack-unasked SET-09",
        "An acknowledgement of SETTINGS that were not sent, and a setting of RFC 8441 with a value that it must not"
        " have, end the connection.",
        about="the client told its user",
    ),
    of(
        "client/node", ANY,
        "When the connection ends under a response, after its own GOAWAY too, Node tells its user of a good end:"
        " the event end, rstCode 0, not aborted. The message never was complete.",
        about="the client says it was",
    ),
    of(
        "client/node", ANY,
        "A field whose name or value is not valid is left out, and the response is handed over without it; the"
        " message is malformed (§8.2.1).",
        about="handed the message over as complete",
    ),
    of(
        "client/node", "CLI-07 CLI-08 CLI-09",
        "What is pushed is looked at less than a response.",
        about="tolerated",
    ),
    of(
        "client/node", "CLI-08",
        "A promise that is not valid is answered with RST_STREAM on a stream that is not reserved yet.",
        about="nobody has opened that stream",
    ),
    of(
        "client/node", "FRM-01.0x0a CLI-16",
        "An ALTSVC frame (RFC 7838) that is too large or cannot be parsed ends the connection; a wrong one may be"
        " ignored.",
    ),
    of(
        "client/node", "PNG-01.ack",
        "A PING ACK that nobody asked for ends the connection with INTERNAL_ERROR.",
    ),
    of(
        "client/curl", ANY,
        "It answers with the right GOAWAY, takes the end of the connection that follows for the end of the message,"
        " and says that all went well (exit status 0) with a message that never was complete. Sometimes it waits for"
        " the server to close.",
        about="the client says it was",
    ),
    of(
        "client/curl", ANY,
        "It sends GOAWAY and waits for the server to close the connection.",
        about="the connection was not closed",
    ),
    of(
        "client/nghttp", ANY,
        "nghttp ends with exit status 0 whatever has happened, and writes what it has got: the frames are right,"
        " and its user is told nothing that a script could read.",
        about="handed the message over as complete",
    ),
    of(
        "client/nghttp", ANY,
        "nghttp ends with exit status 0 whatever has happened, and writes what it has got: the frames are right,"
        " and its user is told nothing that a script could read.",
        about="the client says it was",
    ),
    of(
        "client/curl client/nghttp client/node", "FRM-07.continuation",
        "A CONTINUATION frame that is too large is decoded all the same, and is a COMPRESSION_ERROR for what it"
        " holds; FRAME_SIZE_ERROR is due.",
    ),
    of(
        "client/curl client/nghttp client/node", "HPK-07 HPK-18 HPK-20",
        "A field list that is too large ends the request or the connection with another error than those of"
        " §10.5.1.",
    ),
    of(
        "client/curl client/nghttp client/node", "MSG-28",
        "content-length in a 204 makes the response malformed to nghttp2 (RFC 9110 §8.6 forbids to send it).",
    ),
)  # fmt: skip
