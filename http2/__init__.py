"""HTTP/2 (RFC 9113) for Python, without I/O: bytes in, events out. `http2.aio` puts it on asyncio.

Where is ...?

| question                                          | file                       | RFC 9113        |
|---------------------------------------------------|----------------------------|-----------------|
| the public API                                    | `connection`               |                 |
| what the peer did, as objects                     | `events`                   |                 |
| every limit                                       | `config`                   | §10.5           |
| error codes and scopes                            | `errors`                   | §5.4, §7        |
| the layout of each frame                          | `frames`                   | §4.1, §6        |
| finding frames in a stream of octets, the preface | `frame_reader`             | §3.4, §4, §6.10 |
| what each frame does when it arrives              | `receiving`                | §6              |
| SETTINGS and their acknowledgement                | `settings`                 | §6.5            |
| what SETTINGS change, and from when on            | `settings_synchronization` | §6.5.3, §6.9.2  |
| going away, and the end of a connection           | `going_away`               | §6.8, §5.4.1    |
| flow control                                      | `windows`                  | §5.2, §6.9      |
| windows that grow with the path                   | `bandwidth_delay`          | §5.2.2          |
| the life of a stream                              | `stream_states`            | §5.1            |
| one stream, all streams                           | `stream`,`streams`         | §5.1.1, §5.1.2  |
| who sends DATA next                               | `scheduler`                | §5.3, §6.9      |
| valid messages: fields, pseudo-fields, order      | `messages`                 | §8              |
| budgets against abuse                             | `guard`                    | §10.5           |
| memory that is kept for large messages            | `heap`                     |                 |
"""

from http2 import connection as _connection
from http2.config import Config
from http2.connection import Connection
from http2.errors import ConnectionClosedError, ErrorCode, StreamClosedError, UsageError
from http2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    GoAwayReceived,
    InformationalReceived,
    PingAcknowledged,
    PingReceived,
    RequestReceived,
    ResponseReceived,
    SettingsAcknowledged,
    SettingsReceived,
    StreamReset,
    StreamWritable,
    TrailersReceived,
)
from http2.messages import Head, MalformedMessage, field_list, read_head

__all__ = [
    "IS_COMPILED",
    "Config",
    "Connection",
    "ConnectionClosedError",
    "ConnectionTerminated",
    "DataReceived",
    "ErrorCode",
    "Event",
    "GoAwayReceived",
    "Head",
    "InformationalReceived",
    "MalformedMessage",
    "PingAcknowledged",
    "PingReceived",
    "RequestReceived",
    "ResponseReceived",
    "SettingsAcknowledged",
    "SettingsReceived",
    "StreamClosedError",
    "StreamReset",
    "StreamWritable",
    "TrailersReceived",
    "UsageError",
    "field_list",
    "read_head",
]

IS_COMPILED = not _connection.__file__.endswith((".py", ".pyc"))
"""Whether this is the optional build by mypyc (docs/compiled.md) and not pure Python."""
