"""What the failures of the matrix are, in words: each was looked at frame by frame (`--explain`), with the RFC open.

A finding holds for a peer, or for all, and for the lines or cases it names, where `about` is in what came. The first
one that fits speaks for a case. A failure without a finding is shown as one that nobody has looked into.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ANY: Final = "*"


@dataclass(frozen=True)
class Finding:
    """`peers` are keys of rows or `ANY`, `cases` beginnings of ids: "FRM", "FRM-06", "FRM-06.data"; the last one names
    FRM-06.data-longest too. `about` is looked for in "outcome: what came; what was wrong besides"."""

    peers: tuple[str, ...]
    cases: tuple[str, ...]
    says: str
    about: str = ""

    def fits(self, peer: str, case_id: str, text: str) -> bool:
        """Whether it speaks of this failure."""
        return (
            (ANY in self.peers or peer in self.peers)
            and any(_begins(case_id, name) for name in self.cases)
            and self.about in text
        )


def _begins(case_id: str, name: str) -> bool:
    return name == ANY or case_id == name or case_id.startswith((f"{name}.", f"{name}-"))


def finding_for(findings: Sequence[Finding], peer: str, case_id: str, text: str) -> Finding | None:
    """The finding that speaks for a failure."""
    return next((finding for finding in findings if finding.fits(peer, case_id, text)), None)


def _of(peers: str, cases: str, says: str, about: str = "") -> Finding:
    return Finding(tuple(peers.split()), tuple(cases.split()), says, about)


NGHTTP2 = "server/nghttpd server/node server/apache2"
GO = "server/go server/caddy"

FINDINGS: Final[tuple[Finding, ...]] = (
    _of(
        "server/node server/nghttpd server/apache2", "FRM-02.goaway FRM-03.goaway",
        "A GOAWAY of a client whose last stream is not one that a server can open is an error to nghttp2.",
        about="GOAWAY on the connection",
    ),
    # -- one server, before what holds for many --
    _of(
        "server/node", ANY,
        "It sends GOAWAY with the right code and keeps the connection open for ever (100 s were waited for), where"
        " §5.4.1 demands that it be closed: Node closes it itself only where its own code has found the error.",
        about="the connection was not closed",
    ),
    _of(
        "server/node", "MSG-01 MSG-02 MSG-03 MSG-04 MSG-05 HPK-06 MSG-23.value",
        "A field whose name or value is not valid is left out, and the request goes on without it. §8.2.1 wants the"
        " request to be malformed; no handler sees the field.",
        about="tolerated",
    ),
    _of(
        "server/node", "PNG-01.ack",
        "A PING ACK that nobody asked for ends the connection with INTERNAL_ERROR. No rule says what to do with"
        " one; to ignore it is what everybody else does.",
    ),
    _of(
        "server/nghttpd server/node server/apache2 server/envoy client/curl client/nghttp client/node", "HPK-16",
        "nghttp2 takes eight CONTINUATION frames and no more, and counts one again for every read that brings a"
        " part of its frame header: a block that comes in small segments is given up, nghttpd and Apache without"
        " GOAWAY.",
    ),
    _of(
        NGHTTP2, "FRM-06.continuation",
        "A CONTINUATION frame that is too large is refused when its payload is there, not at its header.",
        about="tolerated",
    ),
    _of(
        NGHTTP2, "FRM-07.continuation",
        "A CONTINUATION frame that is too large is decoded all the same, and is a COMPRESSION_ERROR for what it"
        " holds; FRAME_SIZE_ERROR is due.",
    ),
    _of(
        NGHTTP2, "STR-03 STR-04 STR-05",
        "HEADERS on a stream with a lower number than one that was opened before are ignored. §5.1.1 demands a"
        " connection error, also where the stream was skipped and never used.",
        about="tolerated",
    ),
    _of(
        NGHTTP2, "PNG-02.highest PNG-02.smaller",
        "A GOAWAY of a client whose last stream is not one that a server can open is an error to nghttp2.",
    ),
    _of(
        "server/nghttpd server/apache2", "HPK-07 HPK-18 HPK-20",
        "A field list that is too large ends the connection, without GOAWAY or with a code that no RFC knows, and"
        " not with 431 or the end of its stream alone.",
    ),
    _of(
        "server/apache2", "FLW-06 FLW-11 STR-06 STR-10 PNG-01 MSG-21",
        "With a window of 0, the head of an answer is held back until the next frame comes in, although flow"
        " control is about DATA only (§5.2.2); what the case is about could not be tried. PING is answered"
        " meanwhile.",
        about="hung",
    ),
    _of(
        "server/apache2", "STR-12",
        "It announces 100 streams and has fewer workers: a request is read by one worker until its end, so that a"
        " client which opens all of them first and ends them later waits for ever, or is told that there are too"
        " many.",
    ),
    _of(
        "server/apache2", "MSG-06",
        "A trailer field that is about the connection ends it without GOAWAY.",
    ),
    _of(
        "server/apache2", "PRE-04",
        "What is no HTTP at all is answered as if it were HTTP/1.1 or HTTP/0.9.",
    ),
    _of(
        "server/haproxy", "MSG-19.zero MSG-25.websocket",
        "A request that needs no more content is answered before its END_STREAM, and what comes then is reset with"
        " CANCEL, where §8.1 has NO_ERROR.",
        about="CANCEL",
    ),
    _of(
        "server/haproxy", "MSG-19.shorter-before-trailers",
        "Content that is shorter than its content-length and has trailers behind it is never answered.",
        about="hung",
    ),
    _of(
        "server/haproxy", "HPK-03.size-10-octets",
        "A table size that takes ten octets to write is not refused.",
    ),
    _of(
        "server/apache2", "PRE-01",
        "In plaintext, a preface that does not come in one read is taken for HTTP/1.1 and refused with 400.",
    ),
    _of(
        "server/apache2", "HPK-17.after-goaway PNG-02 PNG-08 FRM-02.goaway FRM-03.goaway",
        "After a GOAWAY of the client, an open request is answered, or the connection ends before: it depends on"
        " which of its threads is faster. §6.8: such requests complete.",
        about="no complete answer",
    ),
    # -- granian --
    _of(
        "server/granian", "MSG-21.second-head",
        "A second HEADERS frame on an open request that does not end it is not refused.",
    ),
    _of(
        "server/granian", "MSG-10",
        "Pseudo-header fields in trailers are taken.",
        about="tolerated",
    ),
    # -- hypercorn --
    _of(
        "server/hypercorn", "PNG-02 PNG-08 HPK-17 FRM-02.goaway FRM-03.goaway",
        "After a GOAWAY of the client, the python library h2 takes the connection for over: the streams that are"
        " open are not answered, and the next frame on them is a PROTOCOL_ERROR. §6.8: they complete.",
    ),
    _of(
        "server/hypercorn", "FRM-01.0x0a",
        "An ALTSVC frame (RFC 7838) that cannot be parsed is a FRAME_SIZE_ERROR; a server has to ignore the type.",
    ),
    _of(
        "server/hypercorn", "FRM-06",
        "A frame that is too large is refused when its payload is there, not at its header.",
        about="tolerated",
    ),
    _of(
        "server/hypercorn", "MSG-12.raw-utf-8 MSG-15.raw MSG-24",
        "What it cannot decode as ASCII, and CONNECT, ends the connection without GOAWAY: an exception in its own"
        " code.",
        about="silent-close",
    ),
    _of(
        "server/hypercorn", "PRI-02.flood",
        "So many PRIORITY frames end the connection without GOAWAY: its tree of priorities is full.",
    ),
    _of(
        "server/hypercorn", "STR-01.rst-stream STR-02.rst-stream",
        "RST_STREAM on a stream that nobody has opened is ignored, and the stream is used afterwards.",
    ),
    _of(
        "server/hypercorn", "MSG-19",
        "Such a content-length is not held against the content.",
        about="tolerated",
    ),
    # -- Go --
    _of(
        GO, "SET-01",
        "A SETTINGS frame with the same identifier twice is a PROTOCOL_ERROR: Go refuses on purpose what §6.5.3"
        " says how to process.",
    ),
    _of(
        GO, "SET-02.five",
        "Of SETTINGS frames that come close behind each other only some are acknowledged.",
        about="did not come",
    ),
    _of(
        GO, "FRM-08.headers-padding",
        "Padding that does not fit into HEADERS resets the stream. The field block is not decoded, and the"
        " connection goes on with tables that differ (§4.3: COMPRESSION_ERROR for the connection).",
        about="RST_STREAM",
    ),
    _of(
        GO, "FRM-08 MSG-26",
        "A frame that ends in the middle of a field that it must have ends the connection without GOAWAY.",
        about="silent-close",
    ),
    _of(
        GO, "PRI-01.idle-itself",
        "PRIORITY that makes an idle stream depend on itself is answered with RST_STREAM on that stream, which"
        " nobody has opened.",
    ),
    _of(
        GO, "MSG-06",
        "Fields about the connection are left out of the trailers, and the request goes on.",
        about="tolerated",
    ),
    _of(
        GO, "MSG-19 MSG-20",
        "A content-length that does not fit, or is there twice and differs, is not always held against the content.",
        about="tolerated",
    ),
    _of(
        GO, "HPK-08",
        "A size update behind a field of the block is taken.",
        about="tolerated",
    ),
    # -- nginx --
    _of(
        "server/nginx", "MSG-30 MSG-19.before-trailers HPK-17.trailers",
        "Trailers of a request are an error of the connection: this version has none.",
        about="PROTOCOL_ERROR",
    ),
    _of(
        "server/nginx", "HPK-17.after-goaway",
        "Trailers of a request are an error of the connection: this version has none.",
    ),
    _of(
        "server/nginx server/haproxy", "HPK-16.empty MSG-30.empty",
        "An empty HEADERS or CONTINUATION frame in front of the rest of its block is a FRAME_SIZE_ERROR, although"
        " no octet is mandatory in it.",
    ),
    _of(
        "server/nginx", "HPK-04 HPK-05",
        "A field block that ends inside a field is a FRAME_SIZE_ERROR, and not the COMPRESSION_ERROR of §4.3.",
    ),
    _of(
        "server/nginx", "HPK-06",
        "Huffman padding of eight bits and more is taken.",
        about="tolerated",
    ),
    _of(
        "server/nginx", "HPK-08",
        "A size update behind a field of the block is taken.",
        about="tolerated",
    ),
    _of(
        "server/nginx", "MSG-01 MSG-05",
        "A field with such a name is left out, and the request goes on without it (ignore_invalid_headers).",
        about="tolerated",
    ),
    _of(
        "server/nginx", "MSG-06",
        "Fields about the connection are taken.",
        about="tolerated",
    ),
    _of(
        "server/nginx", "HPK-13 MSG-09 MSG-10 MSG-11",
        "Pseudo-header fields behind others, and such that do not belong to the request, are taken.",
        about="tolerated",
    ),
    _of(
        "server/nginx", "MSG-17.equal",
        "A Host beside :authority is refused also where it says the same.",
    ),
    _of(
        "server/nginx", "STR-01 STR-02",
        "DATA, RST_STREAM and WINDOW_UPDATE on a stream that nobody has opened are ignored.",
        about="tolerated",
    ),
    # -- haproxy --
    _of(
        "server/haproxy", "FRM-01 FLW-11.ours",
        "The rules of stream states are held against frames of unknown types: PROTOCOL_ERROR on an idle stream,"
        " STREAM_CLOSED on a half-closed one. §5.1: those rules are not about them, §5.5: they are ignored.",
    ),
    _of(
        "server/haproxy", "MSG-29 MSG-19.padded MSG-19.padding-counted FLW-02 FRM-05.data-padded",
        "A padded DATA frame with another frame behind it in the same read is a PROTOCOL_ERROR: the padding is"
        " skipped wrongly (one alone, or one of padding 0, is read well).",
        about="PROTOCOL_ERROR",
    ),
    _of(
        "server/haproxy", "HPK-11",
        "A dynamic table size update is checked and not carried out: entries that should be gone can still be"
        " named.",
    ),
    _of(
        "server/haproxy", "HPK-06 MSG-02 MSG-04 MSG-08",
        "A field that is not valid, and a list of too many fields, is a COMPRESSION_ERROR of the connection,"
        " although the block can be decoded.",
        about="COMPRESSION_ERROR",
    ),
    _of(
        "server/haproxy", "MSG-01.0x5a",
        "Of upper case letters in a name, A to Y are refused and Z is not.",
    ),
    _of(
        "server/haproxy", "STR-09 HPK-17 MSG-19.longer-before-trailers STR-11",
        "HEADERS on a stream that it has reset itself, and which were on their way, are a STREAM_CLOSED of the"
        " connection; §5.1 lets it only ignore them, decoded.",
        about="GOAWAY on the connection: STREAM_CLOSED",
    ),
    _of(
        "server/haproxy", ANY,
        "It sends WINDOW_UPDATE on a stream that it has just reset, which is closed then (§5.1). Nobody is hurt by"
        " it.",
        about="WINDOW_UPDATE on stream",
    ),
    _of(
        "server/haproxy", "FLW-03",
        "What comes on a stream that it has reset is not given back to the connection's window.",
        about="not given back",
    ),
    _of(
        "server/haproxy", "FLW-09",
        "A WINDOW_UPDATE of 0 is a FLOW_CONTROL_ERROR where the reserved bit is set: the bit is not masked.",
    ),
    _of(
        "server/haproxy", "FRM-05.headers FRM-05.continuation",
        "A field block of 16 KiB is more than its buffer takes: the connection ends with PROTOCOL_ERROR.",
    ),
    _of(
        "server/haproxy", "PRE-02 PRE-03 PRE-04",
        "The first frame need not be SETTINGS where it is GOAWAY; else the connection ends without GOAWAY.",
    ),
    _of(
        "server/haproxy", "MSG-25.get",
        ":protocol is taken in a request that is no CONNECT.",
    ),
    # -- h2o --
    _of(
        "server/h2o", "HPK-10 HPK-19",
        "It does not say in its next field block that it has made its table smaller (§4.3.1), although its encoder"
        " keeps to the new size.",
    ),
    _of(
        "server/h2o", "MSG-04",
        "A trailer field that is not valid ends the connection with the code 0xfe, which is not registered.",
        about="0xfe",
    ),
    _of(
        "server/h2o", "STR-09 HPK-17 STR-11",
        "HEADERS on a stream that it has reset itself, and which were on their way, are a STREAM_CLOSED of the"
        " connection; §5.1 lets it only ignore them, decoded.",
        about="GOAWAY on the connection: STREAM_CLOSED",
    ),
    _of(
        ANY, "PRI-02 STR-12.priority-opens-nothing",
        "PRIORITY on idle streams opens something: more than some hundred end the connection.",
        about="ENHANCE_YOUR_CALM",
    ),
    _of(
        "server/h2o", "MSG-24",
        "CONNECT with :scheme and :path is served as any request.",
        about="tolerated",
    ),
    _of(
        "server/h2o", "MSG-06",
        "Keep-alive and Proxy-Connection are taken.",
        about="tolerated",
    ),
    _of(
        "server/h2o", "PRE-04.truncated",
        "A preface that never ends is answered with GOAWAY, and no SETTINGS before.",
    ),
    # -- clients --
    _of(
        "client/httpx", "PRE-09 PRE-10",
        "The first frame of the server need not be SETTINGS: h2 does not look.",
        about="o",
    ),
    _of(
        "client/httpx client/go", "STR-16",
        "Frames on streams that nobody has opened are ignored.",
        about="tolerated",
    ),
    _of(
        "client/httpx", ANY,
        "httpcore, under httpx, turns off h2's checks of the fields that come (validate_inbound_headers=False), and"
        " has none of its own: a malformed response is handed over.",
        about="handed the message over as complete",
    ),
    _of(
        "client/httpx", ANY,
        "A connection error of h2, or what it does after one of its user, is an exception for httpx' user, and the"
        " connection is left without GOAWAY.",
        about="silent-close",
    ),
    _of(
        "client/httpx", ANY,
        "httpx' user gets an error where nothing is wrong, or only a push or an extension frame is: h2 refuses it,"
        " or the request that comes behind it.",
        about="the client told its user: exit status 1",
    ),
    _of(
        "client/go", "CLI-01 CLI-02 CLI-03 MSG-10.response-status",
        "The status and content-length of a response are read leniently.",
        about="handed the message over as complete",
    ),
    _of(
        "client/go", "CLI-04 MSG-28",
        "A content-length, or content, in a response that has none by its status (204, 304) is taken for the length"
        " of what comes.",
    ),
    _of(
        "client/go", "FRM-08.headers-padding",
        "Padding that does not fit into HEADERS resets the stream; the field block is not decoded, and the"
        " connection goes on.",
        about="RST_STREAM",
    ),
    _of(
        "client/go", "SET-06.ack-unasked SET-09",
        "An acknowledgement of SETTINGS that were not sent, and a setting of RFC 8441 with a value that it must not"
        " have, end the connection.",
        about="the client told its user",
    ),
    _of(
        "server/envoy", ANY,
        "The error is noticed, and the connection is closed without GOAWAY: for one request that is not valid too,"
        " since override_stream_error_on_invalid_http_message is not set.",
        about="silent-close",
    ),
    _of(
        "server/envoy", "HPK-17.after-goaway FRM-02.goaway FRM-03.goaway PNG-02 PNG-08",
        "After a GOAWAY of the client, open requests are answered when they can be, but PING no more, and not"
        " always whole.",
    ),
    _of(
        "server/envoy", "STR-03 STR-04 STR-05",
        "HEADERS on a stream with a lower number than one that was opened before are ignored. §5.1.1 demands a"
        " connection error.",
        about="tolerated",
    ),
    _of(
        "server/h2o", "MSG-02.empty",
        "A field without a name is taken.",
        about="tolerated",
    ),
    _of(
        "server/granian", "FLW-02.only-padding-returned",
        "Four hundred DATA frames of nothing but padding end the connection with ENHANCE_YOUR_CALM: a defence"
        " (§10.5).",
    ),
    _of(
        "client/node", ANY,
        "When the connection ends under a response, after its own GOAWAY too, Node tells its user of a good end:"
        " the event end, rstCode 0, not aborted. The message never was complete.",
        about="the client says it was",
    ),
    _of(
        "client/node", ANY,
        "A field whose name or value is not valid is left out, and the response is handed over without it; the"
        " message is malformed (§8.2.1).",
        about="handed the message over as complete",
    ),
    _of(
        "client/node", "CLI-07 CLI-08 CLI-09",
        "What is pushed is looked at less than a response.",
        about="tolerated",
    ),
    _of(
        "client/node", "CLI-08",
        "A promise that is not valid is answered with RST_STREAM on a stream that is not reserved yet.",
        about="nobody has opened that stream",
    ),
    _of(
        "client/node", "FRM-01.0x0a CLI-16",
        "An ALTSVC frame (RFC 7838) that is too large or cannot be parsed ends the connection; a wrong one may be"
        " ignored.",
    ),
    _of(
        "client/node", "PNG-01.ack",
        "A PING ACK that nobody asked for ends the connection with INTERNAL_ERROR.",
    ),
    _of(
        "client/curl", ANY,
        "It answers with the right GOAWAY, takes the end of the connection that follows for the end of the message,"
        " and says that all went well (exit status 0) with a message that never was complete. Sometimes it waits for"
        " the server to close.",
        about="the client says it was",
    ),
    _of(
        "client/curl", ANY,
        "It sends GOAWAY and waits for the server to close the connection.",
        about="the connection was not closed",
    ),
    _of(
        "client/nghttp", ANY,
        "nghttp ends with exit status 0 whatever has happened, and writes what it has got: the frames are right,"
        " and its user is told nothing that a script could read.",
        about="handed the message over as complete",
    ),
    _of(
        "client/nghttp", ANY,
        "nghttp ends with exit status 0 whatever has happened, and writes what it has got: the frames are right,"
        " and its user is told nothing that a script could read.",
        about="the client says it was",
    ),
    _of(
        "client/curl client/nghttp client/node", "FRM-07.continuation",
        "A CONTINUATION frame that is too large is decoded all the same, and is a COMPRESSION_ERROR for what it"
        " holds; FRAME_SIZE_ERROR is due.",
    ),
    _of(
        "client/curl client/nghttp client/node", "HPK-07 HPK-18 HPK-20",
        "A field list that is too large ends the request or the connection with another error than those of"
        " §10.5.1.",
    ),
    _of(
        "client/curl client/nghttp client/node", "MSG-28",
        "content-length in a 204 makes the response malformed to nghttp2 (RFC 9110 §8.6 forbids to send it).",
    ),
    # -- gRPC --
    _of(
        "grpc-server/grpc_java", ANY,
        "A request that is refused at its head leaves no stream: the DATA that was on its way is a PROTOCOL_ERROR"
        " of the connection, and ends all other calls.",
        about="Stream 1 does",
    ),
    _of(
        "grpc-server/grpc_java", "GRP-07.spoilt",
        "A message that cannot be decompressed is UNKNOWN; INTERNAL is due.",
    ),
    _of(
        "grpc-server/grpc_java", "GRP-02.HEAD",
        "HEAD is answered with 405 and with content.",
    ),
    _of(
        "grpc-server/grpc_java", "GRP-09.48-kibi",
        "Metadata that is too large for its limit of 8 KiB ends the connection.",
    ),
    _of(
        "grpc-server/grpc_java", "GRP-10.text-space-ends GRP-02.path-root",
        "A grpc-message with a space at an end is sent as it is: gRPC's encoding allows it, and HTTP/2 does not"
        " (§8.2.1).",
        about="space",
    ),
    _of(
        "grpc-server/grpc_java", "GRP-04",
        "A grpc-timeout in another form is taken, or ignored, and not refused.",
        about="tolerated",
    ),
    _of(
        "grpc-server/grpcio grpc-server/grpc_js", "GRP-01",
        "Requests of any content-type are answered as calls.",
        about="tolerated",
    ),
    _of(
        "grpc-server/grpcio", "GRP-02.connection",
        "A field about the connection is tolerated.",
        about="tolerated",
    ),
    _of(
        "grpc-server/grpc_js", "GRP-02",
        "The method is not looked at: a call may be a GET or a PUT.",
        about="tolerated",
    ),
    _of(
        "grpc-server/grpc_js", "GRP-02.HEAD",
        "HEAD is answered without grpc-status: Node sends no trailers for it.",
    ),
    _of(
        "grpc-server/grpc_js", "GRP-02.path-utf-8",
        "A path that is not ASCII comes back in grpc-message without being percent-encoded.",
    ),
    _of(
        "grpc-server/grpc_go", "GRP-02.te-other",
        "The field te is not looked at.",
        about="tolerated",
    ),
    _of(
        "grpc-server/grpcio grpc-server/grpc_js", "GRP-04",
        "A grpc-timeout in another form is taken, or ignored, and not refused.",
        about="tolerated",
    ),
    _of(
        "grpc-server/grpcio grpc-server/grpc_js", "GRP-05.flag",
        "Any compressed flag is taken for 1 or for 0.",
        about="tolerated",
    ),
    _of(
        "grpc-server/grpcio grpc-client/grpcio", "GRP-06.padded GRP-14.data-frame-padding",
        "Padded DATA is a stream error to gRPC's C core (its issue 9779).",
    ),
    _of(
        "grpc-server/grpcio", "GRP-06.ends-at",
        "A request that ends inside its message is never answered.",
        about="hung",
    ),
    _of(
        "grpc-server/grpcio grpc-server/grpc_js", "GRP-06.ends-in",
        "The end of the stream inside a message of a stream of requests is taken for its good end.",
        about="tolerated",
    ),
    _of(
        "grpc-server/grpcio", "GRP-07.coding",
        "A coding of messages that it does not know is INTERNAL; UNIMPLEMENTED is due.",
    ),
    _of(
        "grpc-server/grpcio", "GRP-07.spoilt-empty",
        "An empty message with the compressed flag is not decompressed.",
        about="tolerated",
    ),
    _of(
        "grpc-server/grpcio", "GRP-07.answer",
        "An answer is compressed although the client has not listed the coding in grpc-accept-encoding.",
    ),
    _of(
        "grpc-server/grpc_js", "GRP-07.flag-identity",
        "A compressed flag without a coding is not refused.",
        about="tolerated",
    ),
    _of(
        "grpc-server/grpcio", "GRP-08.none",
        "A request without a message, to a method that takes one, is never answered.",
        about="hung",
    ),
    _of(
        "grpc-server/grpcio", "GRP-08.two GRP-08.three",
        "Of more requests to a method that takes one, the first is served.",
        about="tolerated",
    ),
    _of(
        "grpc-server/grpcio grpc-server/grpc_go", "GRP-09.bin-joined",
        "Two binary values that are joined by a comma, as HTTP allows, are refused.",
    ),
    _of(
        "grpc-server/grpc_go", "GRP-09.trailers",
        "Trailers of a request are an error of the connection.",
    ),
    _of(
        "grpc-server/grpcio grpc-server/grpc_go", "GRP-10.text-space-ends GRP-02.path-empty-service",
        "A grpc-message with a space at an end is sent as it is: gRPC's encoding allows it, and HTTP/2 does not"
        " (§8.2.1).",
        about="space",
    ),
    _of(
        "grpc-client/grpcio grpc-client/grpc_go", "GRP-11.informational",
        "A 1xx response in front of the answer makes the call UNKNOWN.",
        about="UNKNOWN",
    ),
    _of(
        "grpc-client/grpcio", "GRP-13.cut",
        "An answer that ends inside its message is OK, without a reply.",
        about="told its user OK",
    ),
    _of(
        "grpc-client/grpcio", "GRP-13.flag",
        "Any compressed flag is taken for 1 or for 0.",
        about="told its user OK",
    ),
    _of(
        "grpc-client/grpcio", "GRP-13.no-message",
        "OK without a message is OK, without a reply.",
        about="told its user OK",
    ),
    _of(
        "grpc-client/grpcio grpc-client/grpc_go", "GRP-13.not-a-number-sign",
        "A grpc-status with a sign is taken for a number.",
        about="tolerated",
    ),
    _of(
        "grpc-client/grpc_go", "GRP-13.not-a-number-minus",
        "A grpc-status of -1 is handed to the user, as 4294967295.",
    ),
    _of(
        "grpc-client/grpcio", "GRP-13.two-messages GRP-13.cut-behind",
        "What comes behind the message of a unary call makes it wait for its deadline, or is not noticed.",
    ),
    _of(
        "grpc-client/grpcio", "GRP-13.not-protobuf",
        "A message that cannot be parsed is OK, without a reply.",
        about="told its user OK",
    ),
    _of(
        "grpc-client/grpc_go", "GRP-11",
        "With gRPC's content-type the HTTP status is not looked at.",
        about="tolerated",
    ),
    _of(
        "grpc-client/grpcio grpc-client/grpc_go", ANY,
        "grpc-timeout does not directly follow the pseudo-header fields, which gRPC's document wishes for: every"
        " call has it, and it hurts nobody.",
        about="grpc-timeout should directly follow",
    ),
    # -- what many do --
    _of(
        ANY, "MSG-06",
        "Fields about the connection are taken.",
        about="tolerated",
    ),
    _of(
        "client/nghttp server/hypercorn", "FRM-01.0x0a CLI-16.altsvc",
        "An ALTSVC frame (RFC 7838) that cannot be parsed is a FRAME_SIZE_ERROR; a wrong one may be ignored, and by"
        " a server must be.",
    ),
    _of(
        ANY, "MSG-23",
        "The request is refused, by an error and not with the status 400 that §8.2.1 asks for.",
        about="not answered with 400",
    ),
    _of(
        ANY, "PRI-01",
        "A stream that depends on itself is an error, as it was in RFC 7540.",
    ),
    _of(
        ANY, "PRE-13",
        "The upgrade from HTTP/1.1 to h2c, which RFC 9113 has deprecated, is still offered.",
    ),
    _of(
        ANY, "PRE-02 PRE-03 PRE-04",
        "What comes behind the preface, or in its place, is not checked: the first frame need not be SETTINGS.",
        about="tolerated",
    ),
    _of(
        ANY, "PRE-04.truncated",
        "A preface that is never finished holds its connection for 15 s and longer.",
        about="hung",
    ),
    _of(
        ANY, "FRM-06",
        "A frame that is too large is refused when its payload is there, not at its header.",
        about="tolerated",
    ),
    _of(
        ANY, "FLW-07",
        "SETTINGS that make a window larger than 2^31-1 end a stream, or nothing; §6.9.2 demands that they end the"
        " connection.",
    ),
    _of(
        ANY, "MSG-03 MSG-04",
        "White space at the ends of a value is taken, and mostly cut off, as HTTP/1.1 has it; in HTTP/2 it makes a"
        " message malformed.",
        about="tolerated",
    ),
    _of(
        ANY, "MSG-05",
        "A name with such a character is no token (RFC 9110 §5.1), and is taken.",
        about="tolerated",
    ),
    _of(
        ANY, "MSG-12",
        "A :path that no HTTP client would send is taken.",
        about="tolerated",
    ),
    _of(
        ANY, "MSG-14",
        "A :scheme that is none is taken.",
        about="tolerated",
    ),
    _of(
        ANY, "MSG-15",
        "A method that is no token is taken.",
        about="tolerated",
    ),
    _of(
        ANY, "MSG-16",
        "What :authority says is not looked at, or not so closely.",
        about="tolerated",
    ),
    _of(
        ANY, "MSG-17",
        "Host and :authority may differ.",
        about="tolerated",
    ),
    _of(
        ANY, "MSG-19 MSG-20",
        "A content-length that does not fit the content is not noticed.",
        about="tolerated",
    ),
    _of(
        ANY, "HPK-08",
        "A size update in a place where none may be is taken.",
        about="tolerated",
    ),
    _of(
        ANY, ANY,
        "It sends another RST_STREAM for a stream that it has reset: §5.4.2 wants one, since more tell nothing new.",
        about="after its own RST_STREAM",
    ),
    _of(
        ANY, ANY,
        "The error is noticed and the connection ended, but no GOAWAY arrives that says which (§5.4.1: SHOULD).",
        about="silent-close",
    ),
)  # fmt: skip
