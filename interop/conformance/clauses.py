"""Clauses as a reader wants them: the title of a section, where it can be read, a name for an anchor on a page.

A clause is what a `Case` carries: a document, a section sign, a number, e.g. "RFC 9113 §6.9.1". Those of gRPC are about
the statements of docs/grpc-wire.md, whose sections are counted here. A document that is not in the tables is shown as
it stands, without a title or a link; nothing else depends on them.
"""

from __future__ import annotations

import re

_TITLES = {
    "RFC 7541": "2.1 Header List Ordering;2.2 Encoding and Decoding Contexts;2.3 Indexing Tables;"
    "4.1 Calculating Table Size;4.2 Maximum Table Size;4.3 Entry Eviction When Dynamic Table Size Changes;"
    "4.4 Entry Eviction When Adding New Entries;5.1 Integer Representation;5.2 String Literal Representation;"
    "6 Binary Format;6.1 Indexed Header Field Representation;6.2 Literal Header Field Representation;"
    "6.3 Dynamic Table Size Update;7.1 Probing Dynamic Table State;7.4 Implementation Limits",
    "RFC 7838": "4 The ALTSVC HTTP/2 Frame",
    "RFC 8336": "2.1 The ORIGIN HTTP/2 Frame: Syntax",
    "RFC 8441": "3 The SETTINGS_ENABLE_CONNECT_PROTOCOL SETTINGS Parameter;4 The Extended CONNECT Method",
    "RFC 9110": "4.1 URI References;4.2 HTTP-Related URI Schemes;5.1 Field Names;5.3 Field Order;5.4 Field Limits;"
    "5.5 Field Values;5.6 Common Rules for Defining Field Values;6.1 Framing and Completeness;6.2 Control Data;"
    "6.3 Header Fields;6.4 Content;6.5 Trailer Fields;6.6 Message Metadata;7.1 Determining the Target Resource;"
    "7.2 Host and :authority;7.4 Rejecting Misdirected Requests;7.6 Message Forwarding;7.8 Upgrade;8.3 Content-Type;"
    "8.4 Content-Encoding;8.6 Content-Length;9.1 Methods: Overview;9.2 Common Method Properties;9.3 Method Definitions;"
    "10.1 Request Context Fields;10.2 Response Context Fields;15.2 Informational 1xx;15.3 Successful 2xx;"
    "15.4 Redirection 3xx;15.5 Client Error 4xx;15.6 Server Error 5xx",
    "RFC 9113": "3.1 HTTP/2 Version Identification;3.2 Starting HTTP/2 for https URIs;"
    "3.3 Starting HTTP/2 with Prior Knowledge;3.4 HTTP/2 Connection Preface;4.1 Frame Format;4.2 Frame Size;"
    "4.3 Field Section Compression and Decompression;5.1 Stream States;5.2 Flow Control;5.3 Prioritization;"
    "5.4 Error Handling;5.5 Extending HTTP/2;6.1 DATA;6.2 HEADERS;6.3 PRIORITY;6.4 RST_STREAM;6.5 SETTINGS;"
    "6.6 PUSH_PROMISE;6.7 PING;6.8 GOAWAY;6.9 WINDOW_UPDATE;6.10 CONTINUATION;7 Error Codes;"
    "8.1 HTTP Message Framing;8.2 HTTP Fields;8.3 HTTP Control Data;8.4 Server Push;8.5 The CONNECT Method;"
    "8.6 The Upgrade Header Field;8.7 Request Reliability;9.1 Connection Management;9.2 Use of TLS Features;"
    "10.5 Denial-of-Service Considerations",
    "gRPC": "1 Request headers;2 Deadlines;3 Metadata;4 Messages;5 Compression;6 Responses;"
    "7 Statuses from HTTP, from HTTP/2, from the library;8 The HTTP/2 connection;9 Keepalive;"
    "10 The life of connections;11 Retries;12 Connecting;13 Naming and balancing",
    "RFC 9218": "2.1 Disabling RFC 7540 Stream Priorities;4 Priority Parameters;7.1 HTTP/2 PRIORITY_UPDATE Frame",
}
_DOCUMENTS = {
    "gRPC": "over HTTP/2",
    "RFC 7541": "HPACK",
    "RFC 7838": "Alternative Services",
    "RFC 8336": "The ORIGIN Frame",
    "RFC 8441": "WebSockets over HTTP/2",
    "RFC 9110": "HTTP Semantics",
    "RFC 9113": "HTTP/2",
    "RFC 9218": "Extensible Priorities",
}
_GRPC = "https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md"
_SECTION = re.compile(r"[0-9]+(\.[0-9]+)*|[A-Z](\.[0-9]+)*")
_SECTION_TITLES = {
    f"{document} §{number}": title
    for document, titles in _TITLES.items()
    for number, _, title in (entry.partition(" ") for entry in titles.split(";"))
}


def document_of(clause: str) -> str:
    """The document of a clause or a section: "RFC 9113"."""
    return clause.partition(" §")[0]


def document_title(document: str) -> str:
    """What a document is about: "HTTP/2" for "RFC 9113"; empty where that is not known."""
    return _DOCUMENTS.get(document, "")


def section_title(section: str) -> str:
    """The title of a section as `report.section_of` names it: "Flow Control" for "RFC 9113 §5.2"; or empty."""
    return _SECTION_TITLES.get(section, "")


def anchor(*parts: str) -> str:
    """A name for `id` and `href`, the same for the same words: `anchor("RFC 9113 §6.9", "exact")` is
    "rfc-9113-6.9-exact"."""
    return re.sub(r"[^a-z0-9.]+", "-", " ".join(parts).lower()).strip("-")


def url(clause: str) -> str:
    """Where a clause can be read: its section on the pages of the RFC Editor, or the document of gRPC. Empty for what
    is neither."""
    document, _, section = clause.partition(" §")
    if document == "gRPC":
        return _GRPC
    series, _, number = document.partition(" ")
    if series != "RFC" or not (number.isascii() and number.isdigit()):
        return ""
    page = f"https://www.rfc-editor.org/rfc/rfc{number}.html"
    found = _SECTION.match(section)
    if found is None:
        return page
    return f"{page}#{'section' if found[0][0].isdigit() else 'appendix'}-{found[0]}"
