"""What servers do otherwise: first what holds for several, then one by one."""

from __future__ import annotations

from typing import Final

from interop.conformance.peers.findings.finding import ANY, Finding, of

NGHTTP2 = "server/nghttpd server/node server/apache2"
GO = "server/go server/caddy"

SERVERS: Final[tuple[Finding, ...]] = (
    of(
        "server/node server/nghttpd server/apache2", "FRM-02.goaway FRM-03.goaway",
        "A GOAWAY of a client whose last stream is not one that a server can open is an error to nghttp2.",
        about="GOAWAY on the connection",
    ),
    # -- one server, before what holds for many --
    of(
        "server/node", ANY,
        "It sends GOAWAY with the right code and keeps the connection open for ever (100 s were waited for), where"
        " §5.4.1 demands that it be closed: Node closes it itself only where its own code has found the error.",
        about="the connection was not closed",
    ),
    of(
        "server/node", "MSG-01 MSG-02 MSG-03 MSG-04 MSG-05 HPK-06 MSG-23.value",
        "A field whose name or value is not valid is left out, and the request goes on without it. §8.2.1 wants the"
        " request to be malformed; no handler sees the field.",
        about="tolerated",
    ),
    of(
        "server/node", "PNG-01.ack",
        "A PING ACK that nobody asked for ends the connection with INTERNAL_ERROR. No rule says what to do with"
        " one; to ignore it is what everybody else does.",
    ),
    of(
        "server/nghttpd server/node server/apache2 server/envoy client/curl client/nghttp client/node", "HPK-16",
        "nghttp2 takes eight CONTINUATION frames and no more, and counts one again for every read that brings a"
        " part of its frame header: a block that comes in small segments is given up, nghttpd and Apache without"
        " GOAWAY.",
    ),
    of(
        NGHTTP2, "FRM-06.continuation",
        "A CONTINUATION frame that is too large is refused when its payload is there, not at its header.",
        about="tolerated",
    ),
    of(
        NGHTTP2, "FRM-07.continuation",
        "A CONTINUATION frame that is too large is decoded all the same, and is a COMPRESSION_ERROR for what it"
        " holds; FRAME_SIZE_ERROR is due.",
    ),
    of(
        NGHTTP2, "STR-03 STR-04 STR-05",
        "HEADERS on a stream with a lower number than one that was opened before are ignored. §5.1.1 demands a"
        " connection error, also where the stream was skipped and never used.",
        about="tolerated",
    ),
    of(
        NGHTTP2, "PNG-02.highest PNG-02.smaller",
        "A GOAWAY of a client whose last stream is not one that a server can open is an error to nghttp2.",
    ),
    of(
        "server/nghttpd server/apache2", "HPK-07 HPK-18 HPK-20",
        "A field list that is too large ends the connection, without GOAWAY or with a code that no RFC knows, and"
        " not with 431 or the end of its stream alone.",
    ),
    of(
        "server/apache2", "FLW-06 FLW-11 STR-06 STR-10 PNG-01 MSG-21",
        "With a window of 0, the head of an answer is held back until the next frame comes in, although flow"
        " control is about DATA only (§5.2.2); what the case is about could not be tried. PING is answered"
        " meanwhile.",
        about="hung",
    ),
    of(
        "server/apache2", "STR-12",
        "It announces 100 streams and has fewer workers: a request is read by one worker until its end, so that a"
        " client which opens all of them first and ends them later waits for ever, or is told that there are too"
        " many.",
    ),
    of(
        "server/apache2", "MSG-06",
        "A trailer field that is about the connection ends it without GOAWAY.",
    ),
    of(
        "server/apache2", "PRE-04",
        "What is no HTTP at all is answered as if it were HTTP/1.1 or HTTP/0.9.",
    ),
    of(
        "server/haproxy", "MSG-19.zero MSG-25.websocket",
        "A request that needs no more content is answered before its END_STREAM, and what comes then is reset with"
        " CANCEL, where §8.1 has NO_ERROR.",
        about="CANCEL",
    ),
    of(
        "server/haproxy", "MSG-19.shorter-before-trailers",
        "Content that is shorter than its content-length and has trailers behind it is never answered.",
        about="hung",
    ),
    of(
        "server/haproxy", "HPK-03.size-10-octets",
        "A table size that takes ten octets to write is not refused.",
    ),
    of(
        "server/apache2", "PRE-01",
        "In plaintext, a preface that does not come in one read is taken for HTTP/1.1 and refused with 400.",
    ),
    of(
        "server/apache2", "HPK-17.after-goaway PNG-02 PNG-08 FRM-02.goaway FRM-03.goaway",
        "After a GOAWAY of the client, an open request is answered, or the connection ends before: it depends on"
        " which of its threads is faster. §6.8: such requests complete.",
        about="no complete answer",
    ),
    # -- granian --
    of(
        "server/granian", "MSG-21.second-head",
        "A second HEADERS frame on an open request that does not end it is not refused.",
    ),
    of(
        "server/granian", "MSG-10",
        "Pseudo-header fields in trailers are taken.",
        about="tolerated",
    ),
    of(
        "server/granian", "FLW-02.only-padding-returned",
        "Four hundred DATA frames of nothing but padding end the connection with ENHANCE_YOUR_CALM: a defence"
        " (§10.5).",
    ),
    # -- hypercorn --
    of(
        "server/hypercorn", "PNG-02 PNG-08 HPK-17 FRM-02.goaway FRM-03.goaway",
        "After a GOAWAY of the client, the python library h2 takes the connection for over: the streams that are"
        " open are not answered, and the next frame on them is a PROTOCOL_ERROR. §6.8: they complete.",
    ),
    of(
        "server/hypercorn", "FRM-01.0x0a",
        "An ALTSVC frame (RFC 7838) that cannot be parsed is a FRAME_SIZE_ERROR; a server has to ignore the type.",
    ),
    of(
        "server/hypercorn", "FRM-06",
        "A frame that is too large is refused when its payload is there, not at its header.",
        about="tolerated",
    ),
    of(
        "server/hypercorn", "MSG-12.raw-utf-8 MSG-15.raw MSG-24",
        "What it cannot decode as ASCII, and CONNECT, ends the connection without GOAWAY: an exception in its own"
        " code.",
        about="silent-close",
    ),
    of(
        "server/hypercorn", "PRI-02.flood",
        "So many PRIORITY frames end the connection without GOAWAY: its tree of priorities is full.",
    ),
    of(
        "server/hypercorn", "STR-01.rst-stream STR-02.rst-stream",
        "RST_STREAM on a stream that nobody has opened is ignored, and the stream is used afterwards.",
    ),
    of(
        "server/hypercorn", "MSG-19",
        "Such a content-length is not held against the content.",
        about="tolerated",
    ),
    # -- Go --
    of(
        GO, "SET-01",
        "A SETTINGS frame with the same identifier twice is a PROTOCOL_ERROR: Go refuses on purpose what §6.5.3"
        " says how to process.",
    ),
    of(
        GO, "SET-02.five",
        "Of SETTINGS frames that come close behind each other only some are acknowledged.",
        about="did not come",
    ),
    of(
        GO, "FRM-08.headers-padding",
        "Padding that does not fit into HEADERS resets the stream. The field block is not decoded, and the"
        " connection goes on with tables that differ (§4.3: COMPRESSION_ERROR for the connection).",
        about="RST_STREAM",
    ),
    of(
        GO, "FRM-08 MSG-26",
        "A frame that ends in the middle of a field that it must have ends the connection without GOAWAY.",
        about="silent-close",
    ),
    of(
        GO, "PRI-01.idle-itself",
        "PRIORITY that makes an idle stream depend on itself is answered with RST_STREAM on that stream, which"
        " nobody has opened.",
    ),
    of(
        GO, "MSG-06",
        "Fields about the connection are left out of the trailers, and the request goes on.",
        about="tolerated",
    ),
    of(
        GO, "MSG-19 MSG-20",
        "A content-length that does not fit, or is there twice and differs, is not always held against the content.",
        about="tolerated",
    ),
    of(
        GO, "HPK-08",
        "A size update behind a field of the block is taken.",
        about="tolerated",
    ),
    # -- nginx --
    of(
        "server/nginx", "MSG-30 MSG-19.before-trailers HPK-17.trailers",
        "Trailers of a request are an error of the connection: this version has none.",
        about="PROTOCOL_ERROR",
    ),
    of(
        "server/nginx", "HPK-17.after-goaway",
        "Trailers of a request are an error of the connection: this version has none.",
    ),
    of(
        "server/nginx server/haproxy", "HPK-16.empty MSG-30.empty",
        "An empty HEADERS or CONTINUATION frame in front of the rest of its block is a FRAME_SIZE_ERROR, although"
        " no octet is mandatory in it.",
    ),
    of(
        "server/nginx", "HPK-04 HPK-05",
        "A field block that ends inside a field is a FRAME_SIZE_ERROR, and not the COMPRESSION_ERROR of §4.3.",
    ),
    of(
        "server/nginx", "HPK-06",
        "Huffman padding of eight bits and more is taken.",
        about="tolerated",
    ),
    of(
        "server/nginx", "HPK-08",
        "A size update behind a field of the block is taken.",
        about="tolerated",
    ),
    of(
        "server/nginx", "MSG-01 MSG-05",
        "A field with such a name is left out, and the request goes on without it (ignore_invalid_headers).",
        about="tolerated",
    ),
    of(
        "server/nginx", "MSG-06",
        "Fields about the connection are taken.",
        about="tolerated",
    ),
    of(
        "server/nginx", "HPK-13 MSG-09 MSG-10 MSG-11",
        "Pseudo-header fields behind others, and such that do not belong to the request, are taken.",
        about="tolerated",
    ),
    of(
        "server/nginx", "MSG-17.equal",
        "A Host beside :authority is refused also where it says the same.",
    ),
    of(
        "server/nginx", "STR-01 STR-02",
        "DATA, RST_STREAM and WINDOW_UPDATE on a stream that nobody has opened are ignored.",
        about="tolerated",
    ),
    # -- haproxy --
    of(
        "server/haproxy", "FRM-01 FLW-11.ours",
        "The rules of stream states are held against frames of unknown types: PROTOCOL_ERROR on an idle stream,"
        " STREAM_CLOSED on a half-closed one. §5.1: those rules are not about them, §5.5: they are ignored.",
    ),
    of(
        "server/haproxy", "MSG-29 MSG-19.padded MSG-19.padding-counted FLW-02 FRM-05.data-padded",
        "A padded DATA frame with another frame behind it in the same read is a PROTOCOL_ERROR: the padding is"
        " skipped wrongly (one alone, or one of padding 0, is read well).",
        about="PROTOCOL_ERROR",
    ),
    of(
        "server/haproxy", "HPK-11",
        "A dynamic table size update is checked and not carried out: entries that should be gone can still be"
        " named.",
    ),
    of(
        "server/haproxy", "HPK-06 MSG-02 MSG-04 MSG-08",
        "A field that is not valid, and a list of too many fields, is a COMPRESSION_ERROR of the connection,"
        " although the block can be decoded.",
        about="COMPRESSION_ERROR",
    ),
    of(
        "server/haproxy", "MSG-01.0x5a",
        "Of upper case letters in a name, A to Y are refused and Z is not.",
    ),
    of(
        "server/haproxy", "STR-09 HPK-17 MSG-19.longer-before-trailers STR-11",
        "HEADERS on a stream that it has reset itself, and which were on their way, are a STREAM_CLOSED of the"
        " connection; §5.1 lets it only ignore them, decoded.",
        about="GOAWAY on the connection: STREAM_CLOSED",
    ),
    of(
        "server/haproxy", ANY,
        "It sends WINDOW_UPDATE on a stream that it has just reset, which is closed then (§5.1). Nobody is hurt by"
        " it.",
        about="WINDOW_UPDATE on stream",
    ),
    of(
        "server/haproxy", "FLW-03",
        "What comes on a stream that it has reset is not given back to the connection's window.",
        about="not given back",
    ),
    of(
        "server/haproxy", "FLW-09",
        "A WINDOW_UPDATE of 0 is a FLOW_CONTROL_ERROR where the reserved bit is set: the bit is not masked.",
    ),
    of(
        "server/haproxy", "FRM-05.headers FRM-05.continuation",
        "A field block of 16 KiB is more than its buffer takes: the connection ends with PROTOCOL_ERROR.",
    ),
    of(
        "server/haproxy", "PRE-02 PRE-03 PRE-04",
        "The first frame need not be SETTINGS where it is GOAWAY; else the connection ends without GOAWAY.",
    ),
    of(
        "server/haproxy", "MSG-25.get",
        ":protocol is taken in a request that is no CONNECT.",
    ),
    # -- h2o --
    of(
        "server/h2o", "HPK-10 HPK-19",
        "It does not say in its next field block that it has made its table smaller (§4.3.1), although its encoder"
        " keeps to the new size.",
    ),
    of(
        "server/h2o", "MSG-04",
        "A trailer field that is not valid ends the connection with the code 0xfe, which is not registered.",
        about="0xfe",
    ),
    of(
        "server/h2o", "STR-09 HPK-17 STR-11",
        "HEADERS on a stream that it has reset itself, and which were on their way, are a STREAM_CLOSED of the"
        " connection; §5.1 lets it only ignore them, decoded.",
        about="GOAWAY on the connection: STREAM_CLOSED",
    ),
    of(
        "server/h2o", "MSG-24",
        "CONNECT with :scheme and :path is served as any request.",
        about="tolerated",
    ),
    of(
        "server/h2o", "MSG-06",
        "Keep-alive and Proxy-Connection are taken.",
        about="tolerated",
    ),
    of(
        "server/h2o", "PRE-04.truncated",
        "A preface that never ends is answered with GOAWAY, and no SETTINGS before.",
    ),
    of(
        "server/h2o", "MSG-02.empty",
        "A field without a name is taken.",
        about="tolerated",
    ),
    # -- several --
    of(
        ANY, "PRI-02 STR-12.priority-opens-nothing",
        "PRIORITY on idle streams opens something: more than some hundred end the connection.",
        about="ENHANCE_YOUR_CALM",
    ),
    # -- Envoy --
    of(
        "server/envoy", ANY,
        "The error is noticed, and the connection is closed without GOAWAY: for one request that is not valid too,"
        " since override_stream_error_on_invalid_http_message is not set.",
        about="silent-close",
    ),
    of(
        "server/envoy", "HPK-17.after-goaway FRM-02.goaway FRM-03.goaway PNG-02 PNG-08",
        "After a GOAWAY of the client, open requests are answered when they can be, but PING no more, and not"
        " always whole.",
    ),
    of(
        "server/envoy", "STR-03 STR-04 STR-05",
        "HEADERS on a stream with a lower number than one that was opened before are ignored. §5.1.1 demands a"
        " connection error.",
        about="tolerated",
    ),
)  # fmt: skip
