"""What each frame does when it arrives (RFC 9113 §6), right and wrong.

Most tests begin on the same *stage*: a connection with one stream in each state, whichever side plays it.

    1 open                     3 ended                     5 reset by the peer    7 reset by us
    9 half-closed (remote)     11 half-closed (local)      13 idle
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hpack_codec import FieldList
from http2.config import Config
from http2.errors import ErrorCode
from http2.events import (
    DataReceived,
    GoAwayReceived,
    InformationalReceived,
    PingAcknowledged,
    PingReceived,
    RequestReceived,
    ResponseReceived,
    SettingsAcknowledged,
    SettingsReceived,
    StreamReset,
    TrailersReceived,
)
from http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_STREAM,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    SETTINGS_ACK,
    WINDOW_UPDATE,
    build_frame,
    build_goaway,
    build_ping,
    build_push_promise,
    build_rst_stream,
    build_settings,
    build_window_update,
)
from http2.messages import read_head
from http2.stream_states import (
    CLOSED_BY_LOCAL_RESET,
    CLOSED_BY_PEER_RESET,
    HALF_CLOSED_LOCAL,
    HALF_CLOSED_REMOTE,
    OPEN,
)
from tests.support.pair import GET, OK, POST, TRAILERS, content_of
from tests.support.peer import Peer, data, headers, ping_ack, rst_stream, settings_ack, window_update
from tests.support.strategies import BLOCKS

Frames = Callable[[Peer], bytes]
HEAD = ((b":method", b"HEAD"), *GET[1:])
CONNECT = ((b":method", b"CONNECT"), (b":authority", b"example.com:443"))
LENGTH_5 = (b"content-length", b"5")
EARLY_HINTS = ((b":status", b"103"),)
BOTH = pytest.mark.parametrize("is_client", [True, False], ids=["client", "server"])


def stage(is_client: bool, config: Config | None = None) -> Peer:
    """A client or a server under test, with one stream in each state."""
    peer = Peer.of_client(config) if is_client else Peer.of_server(config)
    connection = peer.connection
    for stream_id in (1, 3, 5, 7, 9, 11):
        ends = stream_id in (3, 11) if is_client else stream_id in (3, 9)
        assert peer.opens(GET if ends else POST, end_stream=ends) == stream_id
    if is_client:
        peer.sends(peer.headers(1, OK), peer.headers(3, OK, end_stream=True), peer.headers(9, OK, end_stream=True))
    else:
        connection.send_headers(1, OK)
        connection.send_headers(3, OK, True)
        connection.send_headers(11, OK, True)
    peer.sends(build_rst_stream(5, ErrorCode.CANCEL))
    connection.reset_stream(7)
    peer.skip()
    peer.take_events()
    states = {stream_id: stream.state for stream_id, stream in connection.streams.by_id.items()}
    assert states == {1: OPEN, 9: HALF_CLOSED_REMOTE, 11: HALF_CLOSED_LOCAL}
    if connection.config.reset_streams_remembered:
        assert connection.streams.state_of(5) == CLOSED_BY_PEER_RESET
        assert connection.streams.state_of(7) == CLOSED_BY_LOCAL_RESET
    return peer


def last_id(peer: Peer) -> int:
    """What the engine's GOAWAY names: the last stream that the peer has opened."""
    return 11 if peer.is_client else 0


# -- stream or connection: which stream a frame may stand on -----------------------------------------------------------

WRONG_STREAM = [
    ("DATA", lambda p: build_frame(DATA, 0, 0, b"x"), "DATA on stream 0", "RFC 9113 §6.1"),
    ("HEADERS", lambda p: p.headers(0, GET), "HEADERS on stream 0", "RFC 9113 §6.2"),
    ("PRIORITY", lambda p: build_frame(PRIORITY, 0, 0, bytes(5)), "PRIORITY on stream 0", "RFC 9113 §6.3"),
    ("RST_STREAM", lambda p: build_rst_stream(0, 8), "RST_STREAM on stream 0", "RFC 9113 §6.4"),
    (
        "SETTINGS",
        lambda p: build_frame(SETTINGS, 0, 1),
        "SETTINGS on stream 1; it belongs on stream 0",
        "RFC 9113 §6.5",
    ),
    ("SETTINGS ACK", lambda p: build_frame(SETTINGS, ACK, 1), "SETTINGS on stream 1", "RFC 9113 §6.5"),  # SET-07
    ("PING", lambda p: build_frame(PING, 0, 1, bytes(8)), "PING on stream 1; it belongs on stream 0", "RFC 9113 §6.7"),
    ("GOAWAY", lambda p: build_frame(7, 0, 1, bytes(8)), "GOAWAY on stream 1; it belongs on stream 0", "RFC 9113 §6.8"),
    (
        "CONTINUATION",
        lambda p: build_frame(9, 4, 1, b""),
        "CONTINUATION on stream 1 without an open field block",
        "RFC 9113 §6.10",
    ),
]


@BOTH
@pytest.mark.parametrize(("frames", "text", "rule"), [c[1:] for c in WRONG_STREAM], ids=[c[0] for c in WRONG_STREAM])
def test_a_frame_on_the_wrong_kind_of_stream(is_client: bool, frames: Frames, text: str, rule: str) -> None:
    peer = stage(is_client)
    peer.sends(frames(peer))
    peer.connection_failed("wrong stream", ErrorCode.PROTOCOL_ERROR, last_id(peer), text, rule)


# -- frames of the wrong size ------------------------------------------------------------------------------------------

WRONG_SIZE = [
    ("DATA", build_frame(DATA, PADDED, 1), "DATA frame with a payload of 0", "RFC 9113 §6.1"),
    ("HEADERS", build_frame(HEADERS, PADDED | 4, 1), "HEADERS frame with a payload of 0", "RFC 9113 §6.2"),
    ("HEADERS, priority", build_frame(HEADERS, 0x24, 1, bytes(4)), "needs 5 octets", "RFC 9113 §6.2"),
    ("RST_STREAM", build_frame(RST_STREAM, 0, 1, bytes(3)), "a payload of 3 octets; it has 4", "RFC 9113 §6.4"),
    ("SETTINGS", build_frame(SETTINGS, 0, 0, bytes(7)), "a payload of 7 octets", "RFC 9113 §6.5"),
    ("SETTINGS ACK", build_frame(SETTINGS, ACK, 0, bytes(6)), "acknowledgement with 6 octets", "RFC 9113 §6.5"),
    ("PING", build_frame(PING, 0, 0, bytes(9)), "a payload of 9 octets; it has 8", "RFC 9113 §6.7"),
    ("PING ACK", build_frame(PING, ACK, 0, bytes(7)), "a payload of 7 octets; it has 8", "RFC 9113 §6.7"),
    ("GOAWAY", build_frame(7, 0, 0, bytes(7)), "a payload of 7 octets; it has at least 8", "RFC 9113 §6.8"),
    ("WINDOW_UPDATE", build_frame(8, 0, 0, bytes(5)), "a payload of 5 octets; it has 4", "RFC 9113 §6.9"),
    (
        "PRIORITY, idle stream",
        build_frame(PRIORITY, 0, 99, bytes(4)),
        "a payload of 4 octets; it has 5",
        "RFC 9113 §6.3",
    ),
]


@BOTH
@pytest.mark.parametrize(("frame", "text", "rule"), [c[1:] for c in WRONG_SIZE], ids=[c[0] for c in WRONG_SIZE])
def test_a_frame_of_the_wrong_size(is_client: bool, frame: bytes, text: str, rule: str) -> None:
    """FRM-08, SET-07. A PRIORITY on an idle stream cannot be answered by RST_STREAM (§6.4)."""
    peer = stage(is_client)
    peer.sends(frame)
    peer.connection_failed("wrong size", ErrorCode.FRAME_SIZE_ERROR, last_id(peer), text, rule)


@BOTH
def test_more_padding_than_frame(is_client: bool) -> None:
    peer = stage(is_client)
    peer.sends(build_frame(DATA, PADDED, 1, b"\x04abc"))
    peer.connection_failed("padding", ErrorCode.PROTOCOL_ERROR, last_id(peer), "4 octets of padding", "RFC 9113 §6.1")


# -- frames in each state (§5.1) ---------------------------------------------------------------------------------------

STREAM, CONNECTION = "stream error", "connection error"
CLOSED, PROTOCOL, FRAME_SIZE = ErrorCode.STREAM_CLOSED, ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR
LATE: dict[str, tuple[Frames, dict[int, tuple[str, ErrorCode] | None]]] = {
    "DATA": (
        lambda p: build_frame(DATA, 0, 0, b"late"),
        {
            1: None,
            3: (STREAM, CLOSED),
            5: (CONNECTION, CLOSED),
            7: None,
            9: (STREAM, CLOSED),
            13: (CONNECTION, PROTOCOL),
        },
    ),
    "empty DATA with END_STREAM": (
        lambda p: build_frame(DATA, END_STREAM, 0),
        {
            1: None,
            3: (STREAM, CLOSED),
            5: (CONNECTION, CLOSED),
            7: None,
            9: (STREAM, CLOSED),
            13: (CONNECTION, PROTOCOL),
        },
    ),
    "trailers": (
        lambda p: p.headers(0, TRAILERS, end_stream=True),
        {1: None, 3: (CONNECTION, CLOSED), 5: (CONNECTION, CLOSED), 7: None, 9: (STREAM, CLOSED)},
    ),
    "RST_STREAM": (
        lambda p: build_rst_stream(0, ErrorCode.CANCEL),
        {1: None, 3: None, 5: None, 7: None, 9: None, 11: None, 13: (CONNECTION, PROTOCOL)},
    ),
    "WINDOW_UPDATE": (
        lambda p: build_window_update(0, 1),
        {1: None, 3: None, 5: None, 7: None, 9: None, 11: None, 13: (CONNECTION, PROTOCOL)},
    ),
    "PRIORITY": (
        lambda p: build_frame(PRIORITY, 0, 0, bytes(5)),
        {1: None, 3: None, 5: None, 7: None, 9: None, 11: None, 13: None, 2: None},
    ),
    "PRIORITY of the wrong length": (
        lambda p: build_frame(PRIORITY, 0, 0, bytes(6)),
        # §5.4.2: not more than one RST_STREAM; §6.4: none for an idle stream, and none for one that the peer has reset.
        {
            1: (STREAM, FRAME_SIZE),
            3: (STREAM, FRAME_SIZE),
            5: (CONNECTION, FRAME_SIZE),
            7: None,
            9: (STREAM, FRAME_SIZE),
            11: (STREAM, FRAME_SIZE),
            13: (CONNECTION, FRAME_SIZE),
        },
    ),
    "unknown": (lambda p: build_frame(0x42, 0, 0), {1: None, 3: None, 5: None, 7: None, 9: None, 13: None}),
}
LATE_CASES = [(name, stream_id) for name, (_, verdicts) in LATE.items() for stream_id in verdicts]


@BOTH
@pytest.mark.parametrize(("name", "stream_id"), LATE_CASES)
def test_a_frame_in_each_state(is_client: bool, name: str, stream_id: int) -> None:
    """STR-01, STR-03, STR-06 to STR-09: three outcomes, and what must hold after each."""
    peer = stage(is_client)
    build, verdicts = LATE[name]
    frame = build(peer)
    peer.sends(frame[:5] + stream_id.to_bytes(4, "big") + frame[9:])
    # Of its own streams a client does not remember which ended and which it reset: late frames may be in order.
    verdict = None if is_client and stream_id == 3 else verdicts[stream_id]
    if verdict is None:
        assert not [f for f in peer.skip() if f.type == RST_STREAM], "STR-10, STR-11: it is not answered"
        peer.innocent_completes(f"{name} on stream {stream_id} is no error")
        return
    scope, code = verdict
    text, rule = f"on stream {stream_id}, which is", "RFC 9113 §5.1"
    if code == FRAME_SIZE:
        text, rule = "it has 5", "RFC 9113 §6.3"
    if scope == STREAM:
        peer.expects_only("the stream is reset", rst_stream(stream_id, code))
        event = peer.take_events()[-1]
        assert isinstance(event, StreamReset)
        assert (event.stream_id, event.error_code, event.by_peer, event.unprocessed) == (stream_id, code, False, False)
        assert text in event.reason
        again = build(peer)
        peer.sends(again[:5] + stream_id.to_bytes(4, "big") + again[9:])
        peer.expects_nothing("STR-11: one RST_STREAM is enough")
        peer.innocent_completes("the others go on")
    else:
        peer.connection_failed(f"{name} on {stream_id}", code, last_id(peer), text, rule)


@pytest.mark.parametrize("stream_id", [2, 2**31 - 2])
@pytest.mark.parametrize("name", ["DATA", "RST_STREAM", "WINDOW_UPDATE"])
@BOTH
def test_streams_that_a_server_would_open_are_idle_for_ever(is_client: bool, name: str, stream_id: int) -> None:
    """STR-02, STR-16."""
    peer = stage(is_client)
    frame = LATE[name][0](peer)
    peer.sends(frame[:5] + stream_id.to_bytes(4, "big") + frame[9:])
    peer.connection_failed("idle", PROTOCOL, last_id(peer), f"stream {stream_id}, which is idle", "RFC 9113 §5.1")


@pytest.mark.parametrize(
    ("is_client", "stream_id", "text"),
    [
        (False, 2, "HEADERS on stream 2; streams that a client opens have odd identifiers"),
        (True, 2, "HEADERS on stream 2, which the client has not opened"),
        (True, 13, "HEADERS on stream 13, which the client has not opened"),
    ],
)
def test_headers_on_a_stream_that_its_sender_may_not_open(is_client: bool, stream_id: int, text: str) -> None:
    peer = stage(is_client)
    peer.sends(peer.headers(stream_id, OK if is_client else GET))
    peer.connection_failed("not to be opened", PROTOCOL, last_id(peer), text, "RFC 9113 §5.1.1")


@pytest.mark.parametrize("name", ["DATA", "RST_STREAM", "WINDOW_UPDATE"])
def test_a_request_that_waits_is_idle_for_the_server(name: str) -> None:
    peer = Peer.of_client(settings={3: 0})
    peer.connection.open_stream(GET, True)
    frame = LATE[name][0](peer)
    peer.sends(frame[:5] + b"\0\0\0\1" + frame[9:])
    peer.connection_failed("idle", PROTOCOL, 0, "on stream 1, which is idle", "RFC 9113 §5.1")


def test_a_response_to_a_request_that_waits() -> None:
    peer = Peer.of_client(settings={3: 0})
    peer.connection.open_stream(GET, True)
    peer.sends(peer.headers(1, OK))
    peer.connection_failed("idle", PROTOCOL, 0, "HEADERS on stream 1, which the client has not", "RFC 9113 §5.1.1")


def test_identifiers_that_were_skipped_are_used_up() -> None:
    """STR-03."""
    peer = Peer.of_server()
    peer.sends(peer.headers(7, GET, end_stream=True))
    peer.sends(build_window_update(3, 1), build_frame(DATA, 0, 5, b"x"))
    peer.expects_only("treated as closed", rst_stream(5, CLOSED))
    peer.sends(peer.headers(3, GET, end_stream=True))
    peer.connection_failed(
        "used up", CLOSED, 7, "HEADERS with END_STREAM on stream 3, which is closed", "RFC 9113 §5.1"
    )


# -- DATA (§6.1) -------------------------------------------------------------------------------------------------------


@BOTH
def test_content_arrives_and_its_end(is_client: bool) -> None:
    peer = stage(is_client)
    peer.sends(peer.data(1, b"hello"), peer.data(1), peer.data(1, b"!"), peer.data(1, end_stream=True))
    assert peer.take_events() == [
        DataReceived(1, b"hello", False),
        DataReceived(1, b"!", False),
        DataReceived(1, b"", True),
    ], "MSG-29: empty frames in between say nothing"
    peer.innocent_completes("then")


@BOTH
def test_padding_counts_and_is_given_back(is_client: bool) -> None:
    """FLW-02: Pad Length and padding use both windows, and the application never sees them."""
    peer = stage(is_client, Config(stream_window_bytes=400, connection_window_bytes=65_535))
    connection = peer.connection
    window = connection.streams.by_id[1]
    peer.sends(peer.data(1, b"x", padding=200))
    assert (window.available, window.held, window.unsent) == (399, 1, 0), "Pad Length, padding and one octet"
    assert connection.receive_window.held == 1
    peer.expects_only("what is over half the window is announced at once", window_update(1, 201))
    assert peer.take_events() == [DataReceived(1, b"x", False)]
    for _ in range(400):
        peer.sends(peer.data(1, padding=255))
        peer.skip()
    assert not connection.is_closed, "256 octets of padding, 400 times, on a window of 400"
    connection.consume(1, 1)
    assert (window.available + window.unsent, connection.receive_window.held) == (400, 0)


@BOTH
def test_padding_can_use_the_window_up(is_client: bool) -> None:
    peer = stage(is_client, Config(stream_window_bytes=256))
    peer.sends(peer.data(1, b"x", padding=255))
    peer.expects_only("FLW-01: 257 octets", rst_stream(1, ErrorCode.FLOW_CONTROL_ERROR))
    assert "DATA of 257 octets; the window of stream 1 has 256" in repr(peer.take_events())
    peer.innocent_completes("afterwards")
    assert peer.connection.receive_window.held == 0


@BOTH
def test_the_last_octet_of_a_window_is_taken_and_the_next_is_not(is_client: bool) -> None:
    peer = stage(is_client, Config(stream_window_bytes=100))
    peer.sends(peer.data(1, bytes(100)))
    assert content_of(peer.take_events(), 1) == bytes(100)
    peer.sends(peer.data(1, b"x"))
    peer.expects_only("FLW-01", rst_stream(1, ErrorCode.FLOW_CONTROL_ERROR))
    peer.innocent_completes("afterwards")
    assert peer.connection.receive_window.held == 0, "what the stream held went back to the connection"


@BOTH
def test_the_connections_window_is_everybodys(is_client: bool) -> None:
    peer = stage(is_client, Config(stream_window_bytes=2**20, connection_window_bytes=65_535))
    peer.sends(
        *[peer.data(1, bytes(16_000))] * 4, peer.data(11, bytes(1535)) if not is_client else peer.data(1, bytes(1535))
    )
    assert not peer.connection.is_closed
    peer.sends(peer.data(1, b"x"))
    text = "DATA of 1 octets; the connection's window has 0"
    peer.connection_failed("FLW-01", ErrorCode.FLOW_CONTROL_ERROR, last_id(peer), text, "RFC 9113 §6.9.1")


@BOTH
@pytest.mark.parametrize("kind", ["reset by us", "forgotten", "not even open"])
def test_data_that_is_thrown_away_does_not_stall_the_connection(is_client: bool, kind: str) -> None:
    """FLW-03: 100 times 64 KiB."""
    peer = stage(is_client, Config(reset_streams_remembered=0 if kind == "forgotten" else 128, faults_max=1000))
    stream_id = {"reset by us": 7, "forgotten": 7, "not even open": 3}[kind]
    peer.skip()
    for _ in range(400):
        assert peer.connection.receive_window.available >= 16_384, "as the peer counts it"
        peer.sends(peer.data(stream_id, bytes(16_384)))
        peer.skip()
    assert not peer.connection.is_closed
    assert peer.connection.receive_window.held == 0
    peer.innocent_completes("afterwards")


@BOTH
def test_much_late_content_in_small_pieces_is_no_abuse(is_client: bool) -> None:
    """A stream of small messages that we reset: thousands of frames may be on their way."""
    peer = stage(is_client)
    peer.sends(*[peer.data(7, b"tiny")] * 5000)
    peer.innocent_completes("nothing happened")


def test_content_before_the_head_is_malformed() -> None:
    """STR-17."""
    peer = stage(True)
    peer.sends(peer.data(11, b"early"))
    peer.expects_only("no response yet", rst_stream(11, PROTOCOL))
    assert "DATA before the head" in repr(peer.take_events())
    peer.innocent_completes("afterwards")


# -- content-length (§8.1.1) -------------------------------------------------------------------------------------------

GOOD_LENGTHS: list[tuple[str, Frames]] = [
    ("in one", lambda p: p.data(1, b"hello", end_stream=True)),
    ("in pieces", lambda p: p.data(1, b"he") + p.data(1) + p.data(1, b"llo") + p.data(1, end_stream=True)),
    ("padded", lambda p: p.data(1, b"hello", padding=9, end_stream=True)),
    ("trailers", lambda p: p.data(1, b"hello") + p.headers(1, TRAILERS, end_stream=True)),
]
BAD_LENGTHS: list[tuple[str, Frames, str]] = [
    ("short", lambda p: p.data(1, b"hell", end_stream=True), "its content is shorter than content-length says"),
    ("none", lambda p: p.data(1, end_stream=True), "its content is shorter"),
    ("long", lambda p: p.data(1, b"hello!"), "its content is longer than content-length says"),
    ("long in pieces", lambda p: p.data(1, b"hello") + p.data(1, b"!", end_stream=True), "its content is longer"),
    ("trailers", lambda p: p.data(1, b"hell") + p.headers(1, TRAILERS, end_stream=True), "it ends 1 octets short"),
]


def with_length(is_client: bool) -> Peer:
    """Stream 1 carries content of five octets."""
    peer = Peer.of_client() if is_client else Peer.of_server()
    assert peer.opens(POST if is_client else (*POST, LENGTH_5)) == 1
    if is_client:
        peer.sends(peer.headers(1, (*OK, LENGTH_5)))
    peer.take_events()
    return peer


@BOTH
@pytest.mark.parametrize("frames", [c[1] for c in GOOD_LENGTHS], ids=[c[0] for c in GOOD_LENGTHS])
def test_content_as_long_as_declared(is_client: bool, frames: Frames) -> None:
    peer = with_length(is_client)
    peer.sends(frames(peer))
    events = peer.take_events()
    assert content_of(events, 1) == b"hello"
    assert getattr(events[-1], "end_stream", False)
    peer.innocent_completes("MSG-19")


@BOTH
@pytest.mark.parametrize(("frames", "text"), [c[1:] for c in BAD_LENGTHS], ids=[c[0] for c in BAD_LENGTHS])
def test_content_of_another_length_is_malformed(is_client: bool, frames: Frames, text: str) -> None:
    """MSG-19, CLI-03."""
    peer = with_length(is_client)
    peer.sends(frames(peer))
    assert peer.skip()[-1].type == RST_STREAM
    event = peer.take_events()[-1]
    assert isinstance(event, StreamReset)
    assert (event.error_code, event.by_peer) == (PROTOCOL, False)
    assert text in event.reason
    assert event.reason.endswith("(RFC 9113 §8.1.1)")
    peer.innocent_completes("the next one is well")


@BOTH
def test_an_end_with_the_head_where_content_was_declared(is_client: bool) -> None:
    """MSG-19. The slot of the stream is free again: a hundred more do not fill the connection."""
    peer = Peer.of_client() if is_client else Peer.of_server(Config(faults_max=1000, concurrent_streams_max=5))
    for _ in range(50):
        if is_client:
            stream_id = peer.opens(GET, end_stream=True)
            peer.sends(peer.headers(stream_id, (*OK, LENGTH_5), end_stream=True))
        else:
            stream_id = peer.opens((*POST, LENGTH_5), end_stream=True)
        assert stream_id not in peer.connection.streams.by_id
    streams = peer.connection.streams
    assert (streams.local_open, streams.peer_open) == (0, 0)
    peer.innocent_completes("afterwards")


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        (HEAD, (*OK, LENGTH_5)),
        (GET, ((b":status", b"204"),)),
        (GET, ((b":status", b"304"), LENGTH_5)),
    ],
)
def test_answers_that_have_no_content(fields: FieldList, answer: FieldList) -> None:
    """CLI-04, MSG-28: they end without content, whatever content-length says; and content is malformed."""
    peer = Peer.of_client()
    for end in (True, False):
        stream_id = peer.opens(fields, end_stream=True)
        peer.sends(peer.headers(stream_id, answer, end_stream=end))
        peer.sends(b"" if end else peer.data(stream_id, end_stream=True))
        assert peer.take_events()[-1] == (
            ResponseReceived(stream_id, read_head(answer), True) if end else DataReceived(stream_id, b"", True)
        )
    stream_id = peer.opens(fields, end_stream=True)
    peer.sends(peer.headers(stream_id, answer), peer.data(stream_id, b"x"))
    peer.expects_only("content", rst_stream(stream_id, PROTOCOL))
    peer.innocent_completes("afterwards")


# -- HEADERS (§6.2): messages ------------------------------------------------------------------------------------------


def test_a_request_with_everything() -> None:
    """MSG-27, MSG-30."""
    peer = Peer.of_server()
    fields = (*POST, (b"expect", b"100-continue"))
    peer.sends(peer.headers(1, fields), peer.data(1, b"hello"), peer.headers(1, TRAILERS, end_stream=True))
    assert peer.take_events() == [
        RequestReceived(1, read_head(fields), False),
        DataReceived(1, b"hello", False),
        TrailersReceived(1, read_head(TRAILERS), True),
    ]
    peer.innocent_completes("afterwards")


def test_a_response_with_everything() -> None:
    """CLI-02, CLI-05."""
    peer = Peer.of_client()
    peer.opens(GET, end_stream=True)
    peer.sends(peer.headers(1, EARLY_HINTS), peer.headers(1, ((b":status", b"100"),)), peer.headers(1, OK))
    peer.sends(peer.data(1, b"hello"), peer.headers(1, TRAILERS, end_stream=True))
    assert peer.take_events() == [
        InformationalReceived(1, read_head(EARLY_HINTS), False),
        InformationalReceived(1, read_head(((b":status", b"100"),)), False),
        ResponseReceived(1, read_head(OK), False),
        DataReceived(1, b"hello", False),
        TrailersReceived(1, read_head(TRAILERS), True),
    ]
    peer.innocent_completes("afterwards")


# (what, on a client?, frames on stream 13 of the stage or on stream 1, code, text, section, status of the answer)
MALFORMED: list[tuple[str, bool, int, Frames, str, str, int | None]] = [
    (
        "a response as a request",
        False,
        13,
        lambda p: p.headers(13, OK),
        "response where a request is due",
        "§8.3.1",
        None,
    ),
    (
        "trailers as a request",
        False,
        13,
        lambda p: p.headers(13, TRAILERS),
        "trailers where a request is due",
        "§8.3.1",
        None,
    ),
    ("no method", False, 13, lambda p: p.headers(13, GET[1:]), ":method is ''", "§8.3.1", 400),
    ("upper case", False, 13, lambda p: p.headers(13, (*GET, (b"X", b"y"))), "field name 'X'", "§8.2.1", 400),
    ("connection field", False, 13, lambda p: p.headers(13, (*GET, (b"upgrade", b"h2c"))), "'upgrade'", "§8.2.2", 400),
    ("two requests", False, 1, lambda p: p.headers(1, GET, end_stream=True), "only trailers may follow", "§8.1", None),
    ("trailers, no end", False, 1, lambda p: p.headers(1, TRAILERS), "trailers without END_STREAM", "§8.1", None),
    (
        "bad trailers",
        False,
        1,
        lambda p: p.headers(1, ((b"", b"x"),), end_stream=True),
        "field name ''",
        "§8.2.1",
        None,
    ),
    (
        "pseudo in trailers",
        False,
        1,
        lambda p: p.headers(1, (*TRAILERS, OK[0]), end_stream=True),
        "after a regular",
        "§8.3",
        None,
    ),
    (
        "a request as a response",
        True,
        11,
        lambda p: p.headers(11, GET),
        "request where a response is due",
        "§8.3.2",
        None,
    ),
    (
        "trailers as a response",
        True,
        11,
        lambda p: p.headers(11, TRAILERS),
        "trailers where a response is due",
        "§8.3.2",
        None,
    ),
    ("bad status", True, 11, lambda p: p.headers(11, ((b":status", b"99"),)), ":status is '99'", "§8.3.2", None),
    ("1xx that ends", True, 11, lambda p: p.headers(11, EARLY_HINTS, end_stream=True), "END_STREAM", "§8.1", None),
    ("1xx too late", True, 1, lambda p: p.headers(1, EARLY_HINTS), "informational response where only", "§8.1", None),
    (
        "two responses",
        True,
        1,
        lambda p: p.headers(1, OK, end_stream=True),
        "response where only trailers",
        "§8.1",
        None,
    ),
    (
        "trailers, no end, client",
        True,
        1,
        lambda p: p.headers(1, TRAILERS),
        "trailers without END_STREAM",
        "§8.1",
        None,
    ),
    ("bad value", True, 11, lambda p: p.headers(11, (*OK, (b"x", b"\0"))), "NUL, CR, LF", "§8.2.1", None),
]


@pytest.mark.parametrize(
    ("is_client", "stream_id", "frames", "text", "section", "status"),
    [case[1:] for case in MALFORMED],
    ids=[case[0] for case in MALFORMED],
)
def test_a_malformed_message_costs_its_stream(
    is_client: bool, stream_id: int, frames: Frames, text: str, section: str, status: int | None
) -> None:
    """MSG-04, MSG-10, MSG-21 to MSG-23, CLI-01 to CLI-05."""
    peer = stage(is_client)
    peer.sends(frames(peer))
    if status is not None:
        answer = ((b":status", b"%d" % status), (b"content-length", b"0"))
        peer.expects("MSG-23: an answer first", headers(stream_id, answer, end_stream=True))
    peer.expects_only("then the end of the stream", rst_stream(stream_id, PROTOCOL))
    (event,) = peer.take_events()
    assert isinstance(event, StreamReset)
    assert (event.stream_id, event.error_code, event.by_peer) == (stream_id, PROTOCOL, False)
    assert event.reason.startswith(f"malformed message on stream {stream_id}: ")
    assert text in event.reason
    assert event.reason.endswith(f"(RFC 9113 {section})")
    assert stream_id not in peer.connection.streams.by_id
    peer.innocent_completes("the next one is well")


def test_an_answer_that_has_begun_is_not_begun_again() -> None:
    peer = Peer.of_server()
    peer.opens(POST)
    peer.connection.send_headers(1, OK)
    peer.skip()
    peer.sends(peer.headers(1, ((b"X", b"y"),), end_stream=True))
    peer.expects_only("no 400 behind a 200", rst_stream(1, PROTOCOL))


def test_a_malformed_end_of_a_request_is_answered_when_the_answer_is_still_due() -> None:
    peer = Peer.of_server()
    peer.opens(POST)
    peer.sends(peer.headers(1, ((b"X", b"y"),), end_stream=True))
    answer = ((b":status", b"400"), (b"content-length", b"0"))
    peer.expects_only("400", headers(1, answer, end_stream=True), rst_stream(1, PROTOCOL))


def test_a_request_that_is_too_large_is_answered_by_431() -> None:
    """HPK-20."""
    peer = Peer.of_server(Config(field_list_bytes_max=300))
    peer.sends(peer.headers(1, (*GET, (b"x", b"y" * 300)), end_stream=True))
    answer = ((b":status", b"431"), (b"content-length", b"0"))
    peer.expects_only("too large", headers(1, answer, end_stream=True), rst_stream(1, ErrorCode.ENHANCE_YOUR_CALM))
    assert "field list of" in repr(peer.take_events())
    peer.innocent_completes("afterwards")


@pytest.mark.parametrize("fields", [[(b"x", b"")] * 300, [(b"cookie", b"a=b")] * 300])
def test_the_number_of_fields_is_limited_also_that_of_cookie_crumbs(fields: list[tuple[bytes, bytes]]) -> None:
    """HPK-20, DOS-12: CVE-2026-49975."""
    peer = Peer.of_server()
    peer.sends(peer.headers(1, (*GET, *fields), end_stream=True))
    peer.expects("too many", headers(1, end_stream=True), rst_stream(1, ErrorCode.ENHANCE_YOUR_CALM))
    assert f"{len(fields) + 4} fields" in repr(peer.take_events())
    peer.innocent_completes("afterwards")


def test_informational_responses_are_bounded() -> None:
    """CLI-02."""
    peer = Peer.of_client(Config(informational_max=3))
    peer.opens(GET, end_stream=True)
    peer.sends(*[peer.headers(1, EARLY_HINTS)] * 3)
    assert len(peer.take_events()) == 3
    peer.sends(peer.headers(1, EARLY_HINTS))
    peer.expects_only("one too many", rst_stream(1, ErrorCode.ENHANCE_YOUR_CALM))
    assert "more than 3 informational responses on stream 1" in repr(peer.take_events())
    peer.innocent_completes("afterwards")


@BOTH
def test_padding_and_priority_of_headers_are_skipped(is_client: bool) -> None:
    """PRI-01: a stream that depends on itself is no error any more."""
    peer = Peer.of_client() if is_client else Peer.of_server()
    stream_id = peer.opens(GET, end_stream=True) if is_client else 1
    fields = OK if is_client else GET
    itself = stream_id.to_bytes(4, "big") + b"\xff"
    peer.sends(peer.headers(stream_id, fields, flags=0x28, prefix=b"\x04" + itself, suffix=b"PADS"))
    assert [getattr(event, "head", None) and event.head.fields for event in peer.take_events()] == [fields]  # type: ignore[attr-defined]


def test_a_tunnel() -> None:
    """MSG-24: content flows both ways, no content-length counts, trailers do not exist."""
    peer = Peer.of_client()
    peer.opens(CONNECT)
    peer.sends(peer.headers(1, (*OK, LENGTH_5)), peer.data(1, b"more than five"), peer.data(1, b"!"))
    assert content_of(peer.take_events(), 1) == b"more than five!"
    peer.sends(peer.headers(1, TRAILERS, end_stream=True))
    peer.expects_only("trailers", rst_stream(1, PROTOCOL))
    assert "trailers on a tunnel (RFC 9113 §8.5)" in repr(peer.take_events())

    server = Peer.of_server()
    server.opens(CONNECT)
    server.connection.send_headers(1, OK)
    server.skip()
    server.sends(server.data(1, b"to you"), server.headers(1, TRAILERS, end_stream=True))
    server.expects_only("trailers", rst_stream(1, PROTOCOL))
    server.innocent_completes("afterwards")


def test_a_tunnel_that_was_refused_is_an_ordinary_response() -> None:
    peer = Peer.of_client()
    peer.opens(CONNECT)
    peer.sends(peer.headers(1, ((b":status", b"403"), LENGTH_5)), peer.data(1, b"sorry"))
    peer.sends(peer.headers(1, TRAILERS, end_stream=True))
    assert isinstance(peer.take_events()[-1], TrailersReceived)


# -- concurrency (§5.1.2) ----------------------------------------------------------------------------------------------


def test_one_stream_too_many_is_refused_and_only_that_one() -> None:
    """STR-12."""
    peer = Peer.of_server(Config(concurrent_streams_max=2))
    first, second = peer.opens(POST), peer.opens(POST)
    third = peer.opens(GET, end_stream=True)
    refused = [frame for frame in peer.all_frames if frame.type == RST_STREAM]
    assert [(frame.stream_id, frame.payload[-1]) for frame in refused] == [(third, ErrorCode.REFUSED_STREAM)]
    for stream_id in (first, second):
        peer.sends(peer.data(stream_id, b"still here", end_stream=True))
        assert content_of(peer.take_events(), stream_id) == b"still here"
    peer.connection.send_headers(first, OK, True)
    peer.connection.consume(first, 10)
    peer.innocent_completes("a slot is free when both sides have ended")
    peer.sends(build_rst_stream(second, 8))
    peer.innocent_completes("and after a reset")
    assert peer.connection.streams.peer_open == 0


def test_streams_that_are_open_survive_a_lower_limit() -> None:
    """STR-13: also their trailers."""
    peer = Peer.of_server(Config(concurrent_streams_max=2))
    first, second = peer.opens(POST), peer.opens(POST)
    peer.connection.update_settings({3: 1})
    for stream_id in (first, second):
        peer.sends(peer.headers(stream_id, TRAILERS, end_stream=True))
        assert isinstance(peer.take_events()[-1], TrailersReceived)
    peer.skip()
    peer.sends(peer.headers(5, GET))
    peer.expects_only("over the lower limit, which counts at once", rst_stream(5, ErrorCode.REFUSED_STREAM))


# -- HPACK is kept in step (§4.3) --------------------------------------------------------------------------------------

DISCARDED = ["refused", "reset by us", "forgotten", "malformed", "too large", "after GOAWAY", "bad trailers"]


@pytest.mark.parametrize("way", DISCARDED)
def test_the_table_is_in_step_after_a_block_that_nobody_wants(way: str) -> None:
    """HPK-17, PNG-03: each block adds an entry that a later request uses."""
    entry = (b"x-entry", b"from a block that was thrown away")
    config = Config(
        concurrent_streams_max=1 if way == "refused" else 100,
        reset_streams_remembered=0 if way == "forgotten" else 128,
        field_list_bytes_max=400,
    )
    peer = Peer.of_server(config)
    stream_id = peer.opens(POST)
    if way == "refused":
        peer.sends(peer.headers(3, (*GET, entry), end_stream=True))
        peer.sends(peer.data(1, end_stream=True))
        peer.connection.send_headers(1, OK, True)
    elif way == "reset by us":
        peer.connection.reset_stream(stream_id)
        peer.sends(peer.headers(1, (entry,), end_stream=True))
    elif way == "forgotten":
        pass  # on a client, below
    elif way == "malformed":
        peer.sends(peer.headers(3, (*GET, entry, (b"UPPER", b"case"))))
    elif way == "too large":
        peer.sends(peer.headers(3, (*GET, entry, (b"x", b"y" * 500))))
    elif way == "after GOAWAY":
        peer.connection.shut_down()
        peer.sends(build_ping(b"goodbye?", ack=True), peer.headers(3, (*GET, entry)))
    elif way == "bad trailers":
        peer.sends(peer.headers(1, (entry,)))
    if way == "forgotten":
        peer = Peer.of_client(config)
        stream_id = peer.opens(POST)
        peer.connection.reset_stream(stream_id)
        peer.skip()
        peer.sends(peer.headers(stream_id, (*OK, entry)))
        later = peer.opens(GET, end_stream=True)
        peer.sends(peer.headers(later, (*OK, entry), end_stream=True))
        expected: object = ResponseReceived(later, read_head((*OK, entry)), True)
    elif way == "after GOAWAY":
        peer.sends(peer.headers(1, (entry,), end_stream=True))
        expected = TrailersReceived(1, read_head((entry,)), True)
    else:
        peer.sends(peer.headers(5, (*GET, entry), end_stream=True))
        expected = RequestReceived(5, read_head((*GET, entry)), True)
    assert peer.take_events()[-1] == expected


@BOTH
@pytest.mark.parametrize(
    "block", [b"\x80", b"\xfe", b"\x3f\xe2\x1f", b"\x82\x20", b"\x00\x7f", b"\xff\xff\xff\xff\xff\xff"]
)
def test_a_block_that_cannot_be_decoded_ends_the_connection(is_client: bool, block: bytes) -> None:
    """HPK-01 to HPK-08, HPK-18: also on a stream that nobody wants any more."""
    for stream_id in (1, 7):
        peer = stage(is_client)
        peer.sends(build_frame(HEADERS, 4, stream_id, block))
        connection = peer.connection
        assert connection.termination is not None
        assert connection.termination.error_code == ErrorCode.COMPRESSION_ERROR
        assert "octet" in connection.termination.reason
        assert "RFC 7541" in connection.termination.reason
        assert [f.type for f in peer.skip()] == [7]


def test_a_smaller_table_must_be_answered() -> None:
    """HPK-09: once the peer has acknowledged it, its next block begins with a size update."""
    peer = Peer.of_server(Config(header_table_bytes=100))
    peer.encoder.set_table_bytes_max(100)
    peer.innocent_completes("with a size update")
    peer = Peer.of_server(Config(header_table_bytes=100))
    peer.sends(peer.headers(1, GET))
    text = "a block without size update after the table was reduced to 100 bytes"
    peer.connection_failed("HPK-09", ErrorCode.COMPRESSION_ERROR, 0, text, "RFC 9113 §4.3.1")


# -- PRIORITY (§6.3), RST_STREAM (§6.4) --------------------------------------------------------------------------------


def test_priority_opens_nothing() -> None:
    """PRI-02: streams that are only named cost nothing."""
    peer = Peer.of_server()
    for stream_id in range(1, 1001, 2):
        peer.sends(build_frame(PRIORITY, 0, stream_id, stream_id.to_bytes(4, "big") + b"\0"))
    streams = peer.connection.streams
    assert (streams.by_id, streams.peer_open, streams.last_peer_id) == ({}, 0, 0)
    peer.innocent_completes("afterwards")


@BOTH
@pytest.mark.parametrize("code", [0, 8, 0xE, 2**32 - 1])
def test_a_reset_by_the_peer(is_client: bool, code: int) -> None:
    """PNG-07: unknown codes are codes; STR-10: no answer."""
    peer = stage(is_client)
    peer.sends(build_rst_stream(1, code))
    assert peer.take_events() == [StreamReset(1, code, True)]
    peer.expects_nothing("a reset is not answered")
    peer.innocent_completes("afterwards")


def test_what_the_server_refused_was_not_processed() -> None:
    """CLI-12."""
    peer = stage(True)
    peer.sends(build_rst_stream(11, ErrorCode.REFUSED_STREAM))
    assert peer.take_events() == [StreamReset(11, ErrorCode.REFUSED_STREAM, True, unprocessed=True)]
    server = stage(False)
    server.sends(build_rst_stream(9, ErrorCode.REFUSED_STREAM))
    assert server.take_events() == [StreamReset(9, ErrorCode.REFUSED_STREAM, True, unprocessed=False)]


def test_a_complete_response_then_a_reset() -> None:
    """PNG-10: the response is not lost, although the request was not over."""
    peer = Peer.of_client()
    peer.opens(POST)
    peer.sends(peer.headers(1, OK), peer.data(1, b"done", end_stream=True), build_rst_stream(1, 0))
    assert peer.take_events() == [
        ResponseReceived(1, read_head(OK), False),
        DataReceived(1, b"done", True),
        StreamReset(1, 0, True),
    ]


# -- SETTINGS (§6.5) ---------------------------------------------------------------------------------------------------


@BOTH
def test_each_settings_frame_is_acknowledged_once_and_in_order(is_client: bool) -> None:
    """SET-01, SET-02, SET-05."""
    peer = stage(is_client)
    many = [(6, value) for value in range(32)]
    payload = b"".join(key.to_bytes(2, "big") + value.to_bytes(4, "big") for key, value in many)
    peer.sends(build_settings({}), build_settings({0: 1, 0x7: 2, 0xFFFF: 3}), build_frame(SETTINGS, 0, 0, payload))
    peer.expects_only("three of them", settings_ack(), settings_ack(), settings_ack())
    assert peer.take_events() == [
        SettingsReceived([]),
        SettingsReceived([(0, 1), (7, 2), (0xFFFF, 3)]),
        SettingsReceived(many),
    ]
    assert peer.connection.peer.field_list_bytes_max == 31, "the last one counts"


@pytest.mark.parametrize(
    ("is_client", "entries", "code", "text", "rule"),
    [
        (False, {2: 2}, PROTOCOL, "SETTINGS_ENABLE_PUSH is 2; allowed are 0 to 1", "RFC 9113 §6.5.2"),  # SET-03
        (True, {2: 1}, PROTOCOL, "SETTINGS_ENABLE_PUSH is 1; allowed are 0 to 0", "RFC 9113 §6.5.2"),
        (True, {4: 2**31}, ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE", "RFC 9113 §6.5.2"),  # SET-04
        (True, {5: 0}, PROTOCOL, "SETTINGS_MAX_FRAME_SIZE is 0", "RFC 9113 §6.5.2"),
        (True, {3: 5, 5: 2**24}, PROTOCOL, "SETTINGS_MAX_FRAME_SIZE is 16777216", "RFC 9113 §6.5.2"),
    ],
)
def test_bad_settings(is_client: bool, entries: dict[int, int], code: ErrorCode, text: str, rule: str) -> None:
    peer = stage(is_client)
    before = peer.connection.peer.concurrent_streams_max
    peer.sends(build_settings(entries))
    assert peer.connection.peer.concurrent_streams_max == before, "a bad frame changes nothing"
    peer.connection_failed("bad settings", code, last_id(peer), text, rule)


@BOTH
def test_an_acknowledgement_that_nobody_waits_for(is_client: bool) -> None:
    """SET-06."""
    peer = stage(is_client)
    peer.sends(SETTINGS_ACK)
    peer.connection_failed(
        "SET-06", PROTOCOL, last_id(peer), "without a SETTINGS frame to acknowledge", "RFC 9113 §6.5"
    )


def test_our_settings_count_when_they_are_acknowledged() -> None:
    peer = Peer.of_server(Config(stream_window_bytes=100))
    peer.opens(POST)
    peer.connection.update_settings({4: 10, 1: 0})
    peer.skip()
    peer.sends(peer.data(1, bytes(50)))
    assert content_of(peer.take_events(), 1) == bytes(50), "FLW-10: sent before the acknowledgement"
    peer.sends(SETTINGS_ACK)
    assert peer.take_events() == [SettingsAcknowledged({4: 10, 1: 0})]
    assert peer.connection.streams.by_id[1].available == -40
    peer.sends(peer.data(1, b"x"))
    peer.expects_only("now it counts", rst_stream(1, ErrorCode.FLOW_CONTROL_ERROR))


def test_entries_beyond_the_usual_number_cost_something() -> None:
    peer = Peer.of_server(Config(idle_frames_max=100))
    peer.sends(build_settings(dict.fromkeys(range(16, 16 + 132), 1)))
    text = "too many frames without content"
    peer.connection_failed("100 more than 32", ErrorCode.ENHANCE_YOUR_CALM, 0, text, "RFC 9113 §10.5")


# -- PUSH_PROMISE (§6.6) -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("is_client", "text", "rule"),
    [
        (True, "PUSH_PROMISE, although SETTINGS_ENABLE_PUSH is 0", "RFC 9113 §6.6"),
        (False, "PUSH_PROMISE from a client", "RFC 9113 §8.4"),
    ],
)
@pytest.mark.parametrize(
    "frame",
    [
        build_push_promise(1, 2, BLOCKS[0]),
        build_push_promise(7, 2, BLOCKS[0]),
        build_frame(PUSH_PROMISE, 0, 1, b"\0\0\0\2"),
        build_frame(PUSH_PROMISE, 4, 0, b"\0\0\0\2"),
        build_frame(PUSH_PROMISE, 4, 1, b"\0"),
    ],
)
def test_nobody_pushes(is_client: bool, frame: bytes, text: str, rule: str) -> None:
    """CLI-06, CLI-07, MSG-26."""
    peer = stage(is_client)
    peer.sends(frame)
    peer.connection_failed("push", PROTOCOL, last_id(peer), text, rule)


# -- PING (§6.7) -------------------------------------------------------------------------------------------------------


@BOTH
def test_a_ping_comes_back_as_it_was(is_client: bool) -> None:
    """PNG-01."""
    peer = stage(is_client)
    for payload in (b"12345678", bytes(8), b"\xff" * 8):
        peer.sends(build_ping(payload))
        peer.expects_only("echo", ping_ack(payload))
        assert peer.take_events() == [PingReceived(payload)]
    peer.sends(build_ping(b"unasked!", ack=True))
    peer.expects_nothing("an answer is not answered")
    assert peer.take_events() == []


def test_a_ping_is_answered_before_the_content_that_waits() -> None:
    peer = stage(False)
    peer.connection.send_data(1, bytes(200_000))
    peer.sends(build_ping(b"12345678"))
    frames = peer.skip()
    assert frames[0].type == PING, "PNG-01"


@BOTH
def test_answers_to_pings_may_come_in_any_order(is_client: bool) -> None:
    peer = stage(is_client)
    for payload in (b"first---", b"second--"):
        peer.connection.ping(payload)
    peer.sends(build_ping(b"second--", ack=True), build_ping(b"first---", ack=True), build_ping(b"first---", ack=True))
    assert peer.take_events() == [PingAcknowledged(b"second--"), PingAcknowledged(b"first---")]


# -- GOAWAY (§6.8): what it does stands in test_going_away -------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("debug_data", [b"", bytes(16_376), b"\xff\xfe not utf-8"])
def test_goaway_is_told_with_its_debug_data(is_client: bool, debug_data: bytes) -> None:
    """PNG-08."""
    peer = stage(is_client)
    peer.sends(build_goaway(11, 0, debug_data))
    assert peer.take_events()[0] == GoAwayReceived(11, 0, debug_data)
    assert not peer.connection.is_closed, "streams are open"


# -- WINDOW_UPDATE (§6.9) ----------------------------------------------------------------------------------------------


@BOTH
def test_windows_grow_to_the_largest_and_no_further(is_client: bool) -> None:
    """FLW-08."""
    peer = stage(is_client)
    most = 2**31 - 1 - 65_535
    peer.sends(build_window_update(0, most), build_window_update(1, most))
    assert (peer.connection.send_window, peer.connection.streams.by_id[1].send_window) == (2**31 - 1, 2**31 - 1)
    peer.sends(build_window_update(1, 1))
    peer.expects_only("one more on a stream", rst_stream(1, ErrorCode.FLOW_CONTROL_ERROR))
    peer.innocent_completes("afterwards")
    peer.sends(build_window_update(0, 2**31 - 1))
    last = peer.connection.streams.last_peer_id
    text = "at most 2147483647 are allowed"
    peer.connection_failed("on the connection", ErrorCode.FLOW_CONTROL_ERROR, last, text, "RFC 9113 §6.9.1")


@BOTH
@pytest.mark.parametrize("increment", [bytes(4), b"\x80\0\0\0"])
def test_an_increment_of_nothing(is_client: bool, increment: bytes) -> None:
    """FLW-09: also with the reserved bit; on a stream that is gone it does not matter."""
    peer = stage(is_client)
    peer.sends(build_frame(WINDOW_UPDATE, 0, 3, increment), build_frame(WINDOW_UPDATE, 0, 7, increment))
    peer.expects_nothing("gone")
    peer.sends(build_frame(WINDOW_UPDATE, 0, 9, increment))
    peer.expects_only("a stream", rst_stream(9, PROTOCOL))
    peer.innocent_completes("afterwards")
    peer.sends(build_frame(WINDOW_UPDATE, 0, 0, increment))
    last = peer.connection.streams.last_peer_id
    peer.connection_failed("the connection", PROTOCOL, last, "increment of 0", "RFC 9113 §6.9")


def test_control_frames_need_no_window() -> None:
    """FLW-11."""
    peer = Peer.of_server(settings={4: 0})
    peer.opens(POST)
    peer.connection.send_headers(1, OK)
    peer.connection.send_data(1, b"waits")
    peer.skip()
    peer.sends(build_ping(b"12345678"), build_settings({}), build_window_update(0, 1), peer.headers(3, GET))
    peer.expects_only("no deadlock", ping_ack(b"12345678"), settings_ack())
    peer.sends(build_window_update(1, 5))
    peer.expects_only("and on it goes", data(1, b"waits"))


# -- CONTINUATION (§6.10) ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fragment_bytes", range(1, 30))
def test_a_block_may_be_cut_anywhere(fragment_bytes: int) -> None:
    """HPK-16: in a string, in an integer, with an empty CONTINUATION at the end."""
    peer = Peer.of_server(Config(continuation_frames_max=200))
    fields = (*GET, (b"x-" + b"n" * 20, b"v" * 130))
    peer.sends(peer.headers(1, fields, fragment_bytes=fragment_bytes, end_stream=True))
    assert peer.take_events() == [RequestReceived(1, read_head(fields), True)]
    peer.innocent_completes("afterwards")


@pytest.mark.parametrize("stream_id", [1, 3])
def test_nothing_may_come_between_the_parts_of_a_block(stream_id: int) -> None:
    peer = Peer.of_server()
    peer.sends(
        build_frame(HEADERS, 0, 1, BLOCKS[0]), build_frame(DATA if stream_id == 1 else CONTINUATION, 0, stream_id)
    )
    text = f"on stream {stream_id} inside the field block of stream 1; only its CONTINUATION may come"
    peer.connection_failed("interrupted", PROTOCOL, 0, text, "RFC 9113 §6.10")


@pytest.mark.parametrize("fragment", [b"", b"x" * 10])
@pytest.mark.parametrize("stream_id", [1, 7, 13])
def test_endless_blocks_are_stopped_by_their_number(stream_id: int, fragment: bytes) -> None:
    """DOS-10: CVE-2024-27316, CVE-2026-33871; also on streams that nobody wants."""
    peer = stage(False)
    peer.sends(build_frame(HEADERS, 0, stream_id, BLOCKS[0]), build_frame(CONTINUATION, 0, stream_id, fragment) * 16)
    assert not peer.connection.is_closed
    peer.sends(build_frame(CONTINUATION, 0, stream_id, fragment))
    text = f"a field block of {len(BLOCKS[0]) + 17 * len(fragment)} octets in 17 CONTINUATION frames"
    peer.connection_failed("endless", ErrorCode.ENHANCE_YOUR_CALM, 11, text, "RFC 9113 §10.5.1")


def test_endless_blocks_are_stopped_by_their_size() -> None:
    peer = Peer.of_server(Config(field_block_bytes_max=20_000))
    peer.sends(build_frame(HEADERS, 0, 1, bytes(16_000)), build_frame(CONTINUATION, 0, 1, bytes(4_001)))
    text = "a field block of 20001 octets in 1 CONTINUATION frames; allowed are 20000 in 16"
    peer.connection_failed("endless", ErrorCode.ENHANCE_YOUR_CALM, 0, text, "RFC 9113 §10.5.1")
    peer = Peer.of_server(Config(field_block_bytes_max=100))
    peer.sends(build_frame(HEADERS, 4, 1, bytes(101)))
    text = "a field block of 101 octets in 0 CONTINUATION frames"
    peer.connection_failed("too large", ErrorCode.ENHANCE_YOUR_CALM, 0, text, "RFC 9113 §10.5.1")
