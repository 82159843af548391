"""The public API: what the caller may do, what it costs when it is wrong, and how a connection ends."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import GetSetDescriptorType

import pytest

from hpack_codec import FieldList
from http2 import errors
from http2.config import Config
from http2.connection import Connection
from http2.errors import ConnectionClosedError, ErrorCode, StreamClosedError, StreamError, UsageError
from http2.events import (
    DataReceived,
    PingAcknowledged,
    RequestReceived,
    ResponseReceived,
    SettingsAcknowledged,
    StreamReset,
    StreamWritable,
    TrailersReceived,
)
from http2.frame_reader import HTTP_1_ANSWER
from http2.frames import (
    DATA,
    HEADERS,
    PREFACE,
    SETTINGS_ACK,
    build_frame,
    build_ping,
    build_rst_stream,
    build_settings,
    build_window_update,
)
from http2.messages import read_head
from tests.support.pair import GET, OK, POST, TRAILERS, Pair, content_of, events_of
from tests.support.peer import Peer, data, headers, ping_ack, rst_stream, settings, window_update

HEAD = ((b":method", b"HEAD"), *GET[1:])
CONNECT = ((b":method", b"CONNECT"), (b":authority", b"example.com:443"))
EARLY_HINTS = ((b":status", b"103"),)
LENGTH_5 = (b"content-length", b"5")
OK_HEAD, OK_5, EARLY, LAST = (read_head(fields) for fields in (OK, (*OK, LENGTH_5), EARLY_HINTS, TRAILERS))
BOTH = pytest.mark.parametrize("is_client", [True, False], ids=["client", "server"])


# -- a whole exchange --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"12345", bytes(100_000)], ids=["empty", "small", "over the window"])
@pytest.mark.parametrize("before", [b"", bytes(70_000)], ids=["in turn", "behind another stream"])
def test_a_whole_response_is_what_its_three_parts_are(content: bytes, before: bytes) -> None:
    """The same octets, whether they find room at once or have to wait."""
    seen = []
    for is_whole in (True, False):
        pair = Pair()
        one, other = pair.client.open_stream(GET, True), pair.client.open_stream(GET, True)
        pair.run()
        pair.server.send_headers(one, OK)
        pair.server.send_data(one, before)
        if is_whole:
            pair.server.send_response(other, OK_HEAD, content, LAST)
        else:
            pair.server.send_headers(other, OK)
            pair.server.send_data(other, content)
            pair.server.send_headers(other, TRAILERS, True)
        sent = pair.server.data_to_send()
        events = pair.client.receive_data(b"".join(sent))
        seen.append((sent, events))
        if is_whole and len(content) < 10 and not before:
            assert content_of(events, other) == content
            assert isinstance(events[-1], TrailersReceived)
    assert seen[0] == seen[1]


def test_a_whole_response_to_head_has_no_content() -> None:
    pair = Pair()
    stream_id = pair.client.open_stream(HEAD, True)
    pair.run()
    with pytest.raises(UsageError, match="leaves 0"):
        pair.server.send_response(stream_id, OK_5, b"12345", LAST)
    pair.server.send_response(stream_id, OK_5, b"", LAST)
    pair.run()
    assert [type(event) for event in pair.take_events()[0]] == [ResponseReceived, TrailersReceived]


@pytest.mark.parametrize("chunk_bytes", [1, 7, 1 << 20])
def test_a_request_and_its_response_with_everything(chunk_bytes: int) -> None:
    pair = Pair(chunk_bytes=chunk_bytes)
    stream_id = pair.client.open_stream(POST)
    pair.client.send_data(stream_id, b"ques")
    pair.client.send_data(stream_id, b"tion")
    pair.client.send_headers(stream_id, TRAILERS, True)
    _, seen = pair.run_consuming()
    assert seen[0] == RequestReceived(1, read_head(POST), False)
    assert content_of(seen, 1) == b"question"
    assert seen[-1] == TrailersReceived(1, read_head(TRAILERS), True)
    pair.server.send_headers(1, EARLY_HINTS)
    pair.server.send_headers(1, OK)
    pair.server.send_data(1, b"answer")
    pair.server.send_headers(1, TRAILERS, True)
    seen, _ = pair.run_consuming()
    assert [type(event).__name__ for event in seen] == [
        "InformationalReceived",
        "ResponseReceived",
        "DataReceived",
        "TrailersReceived",
    ]
    pair.check_nothing_left()


def test_ten_mebibytes_go_both_ways_at_once_through_small_windows() -> None:
    small = Config(stream_window_bytes=65_535, connection_window_bytes=65_535)
    pair = Pair(small, small, chunk_bytes=50_000)
    content = bytes(range(256)) * 4096 * 10
    stream_id = pair.client.open_stream(POST)
    pair.client.send_data(stream_id, content, True)
    pair.run()
    pair.server.send_headers(stream_id, OK)
    pair.server.send_data(stream_id, content, True)
    for event in list(pair.server_events):
        if isinstance(event, DataReceived):
            pair.server.consume(1, len(event.data))
    first = content_of(pair.server_events, 1)
    pair.take_events()
    client_seen, server_seen = pair.run_consuming()
    assert first + content_of(server_seen, 1) == content
    assert content_of(client_seen, 1) == content
    pair.check_nothing_left()


def test_a_reader_that_does_not_consume_stops_its_sender() -> None:
    """FLW-12: back-pressure; what is held is at most the window."""
    pair = Pair(Config(stream_window_bytes=1000), Config(stream_window_bytes=1000))
    stream_id = pair.client.open_stream(POST)
    pair.client.send_data(stream_id, bytes(5000))
    pair.run()
    assert len(content_of(pair.server_events, 1)) == 1000
    assert pair.client.queued_bytes(stream_id) == 4000
    assert pair.client_events == []
    pair.run()
    assert len(content_of(pair.server_events, 1)) == 1000, "no progress without consumption"
    for _ in range(4):
        pair.server.consume(1, 1000)
        pair.run()
    assert pair.client.queued_bytes(stream_id) == 0
    assert pair.client_events == [StreamWritable(1)]


def test_the_clients_first_output_can_include_requests() -> None:
    connection = Connection.client()
    connection.open_stream(GET, True)
    output = b"".join(connection.data_to_send())
    assert output.startswith(PREFACE)
    assert connection.data_to_send() == []
    assert not connection.has_output
    server = Connection.server()
    assert isinstance(server.receive_data(output)[-1], RequestReceived), "PRE-05"


# -- windows -----------------------------------------------------------------------------------------------------------


@BOTH
def test_the_connections_window_is_announced_at_once(is_client: bool) -> None:
    peer = Peer(Connection(is_client, Config(connection_window_bytes=100_000)), handshake=False)
    peer.expects("settings first", settings({2: 0, 6: 65_536} if is_client else {3: 100, 6: 65_536}))
    peer.expects_only("then the window", window_update(0, 100_000 - 65_535))


def test_consumption_is_announced_at_half_of_each_window() -> None:
    peer = Peer.of_server(Config(stream_window_bytes=65_536, connection_window_bytes=65_536))
    stream_id = peer.opens(POST)
    peer.sends(peer.data(stream_id, bytes(16_384)), peer.data(stream_id, bytes(16_384)))
    peer.connection.consume(stream_id, 32_767)
    peer.expects_nothing("not yet half")
    peer.connection.consume(stream_id, 1)
    peer.expects_only("at half", window_update(0, 32_768), window_update(stream_id, 32_768))


def test_a_stream_that_has_ended_needs_no_window() -> None:
    peer = Peer.of_server(Config(stream_window_bytes=100))
    stream_id = peer.opens(POST)
    peer.sends(peer.data(stream_id, bytes(100), end_stream=True))
    peer.connection.consume(stream_id, 100)
    peer.expects_nothing("the connection's window is large, the stream's is of no use")


def test_a_lowered_window_does_not_leave_the_sender_waiting_for_ever() -> None:
    """What was consumed and not yet worth a frame is due when the window becomes smaller."""
    pair = Pair(None, Config(stream_window_bytes=100))
    stream_id = pair.client.open_stream(POST)
    pair.client.send_data(stream_id, bytes(100))
    pair.run()
    pair.server.consume(stream_id, 40)
    pair.server.update_settings({4: 40})
    pair.run()
    pair.server.consume(stream_id, 60)
    pair.client.send_data(stream_id, bytes(10))
    pair.run()
    assert len(content_of(pair.server_events, 1)) == 110
    assert pair.server.streams.by_id[1].limit == 40

    pair = Pair(None, Config(stream_window_bytes=100))
    stream_id = pair.client.open_stream(POST)
    pair.client.send_data(stream_id, bytes(40))
    pair.run()
    pair.server.consume(stream_id, 40)  # everything is consumed: no call of `consume` will follow
    pair.server.update_settings({4: 40})
    pair.client.send_data(stream_id, bytes(10), True)
    pair.run()
    assert len(content_of(pair.server_events, 1)) == 50


def test_initial_window_size_moves_open_streams_but_not_the_connection() -> None:
    """FLW-06: up, down, below zero, and back by WINDOW_UPDATE."""
    peer = Peer.of_server()
    stream_id = peer.opens(POST)
    connection = peer.connection
    stream = connection.streams.by_id[stream_id]
    connection.send_headers(stream_id, OK)
    peer.skip()
    peer.sends(build_settings({4: 100_000}))
    assert (stream.send_window, connection.send_window) == (100_000, 65_535)
    peer.sends(build_settings({4: 10, 1: 4096}))
    connection.send_data(stream_id, bytes(30))
    assert [len(f.payload) for f in peer.skip() if f.type == DATA] == [10]
    peer.sends(build_settings({4: 3}))
    assert (stream.send_window, stream.queued_bytes, connection.send_window) == (-7, 20, 65_525)
    peer.skip()
    peer.sends(build_window_update(stream_id, 7))
    peer.expects_nothing("the window is at zero")
    peer.sends(build_window_update(stream_id, 2))
    peer.expects_only("two octets above zero", data(stream_id, bytes(2)))
    peer.sends(build_settings({4: 100}))
    assert [len(f.payload) for f in peer.skip() if f.type == DATA] == [18]


def test_a_stream_that_has_ended_has_no_window_to_overflow() -> None:
    """Its content may lie unread here; for the peer it is closed, and so its window is not one that counts."""
    peer = Peer.of_server()
    peer.sends(peer.headers(1, POST), peer.data(1, b"unread", end_stream=True), build_window_update(1, 2**31 - 65_536))
    peer.connection.send_headers(1, OK, True)
    peer.sends(build_settings({4: 100_000}))
    assert not peer.connection.is_closed


@BOTH
def test_initial_window_size_must_not_overflow_any_window(is_client: bool) -> None:
    """FLW-07: a connection error that names the stream."""
    peer = Peer.of_client() if is_client else Peer.of_server()
    stream_id = peer.opens(POST)
    peer.sends(build_window_update(stream_id, 2**31 - 1 - 65_535), build_settings({4: 65_535}))
    assert not peer.connection.is_closed
    peer.skip()
    peer.sends(build_settings({4: 65_536}))
    text = f"SETTINGS_INITIAL_WINDOW_SIZE overflows the window of stream {stream_id}"
    last = 0 if is_client else stream_id
    peer.connection_failed("FLW-07", ErrorCode.FLOW_CONTROL_ERROR, last, text, "RFC 9113 §6.9.2")


@pytest.mark.parametrize("window", [0, -1])
def test_an_end_without_content_passes_a_closed_window(window: int) -> None:
    """FLW-04."""
    pair = Pair(Config(stream_window_bytes=1))
    stream_id = pair.client.open_stream(GET, True)
    pair.run()
    pair.server.send_headers(stream_id, OK)
    pair.server.send_data(stream_id, b"x")
    pair.run()
    if window < 0:
        pair.client.update_settings({4: 0})
        pair.run()
    assert pair.server.streams.by_id[stream_id].send_window == window
    pair.server.send_data(stream_id, b"", True)
    pair.run()
    assert pair.client_events[-1] == DataReceived(stream_id, b"", True)
    assert not pair.client.is_closed


# -- limits on streams (§5.1.2) ----------------------------------------------------------------------------------------


def test_requests_wait_for_the_servers_limit_in_their_order() -> None:
    """STR-14, STR-15: limit 1; a slot is free when a stream has ended on both sides or was reset."""
    pair = Pair(None, Config(concurrent_streams_max=1))
    ids = [pair.client.open_stream(GET, True) for _ in range(4)]
    assert ids == [1, 3, 5, 7]
    for stream_id in ids:
        pair.run()
        opened = [e.stream_id for e in pair.take_events()[1] if isinstance(e, RequestReceived)]
        assert opened == [stream_id], "one at a time"
        if stream_id == 3:
            pair.client.reset_stream(3)
        else:
            pair.server.send_headers(stream_id, OK, True)
    pair.run()
    pair.check_nothing_left()


def test_no_stream_is_allowed_then_two_are() -> None:
    """STR-14: limit 0, raised later; what was sent on the waiting streams goes with them."""
    pair = Pair(None, Config(concurrent_streams_max=0))
    client = pair.client
    plain = client.open_stream(GET, True)
    with_data = client.open_stream(POST)
    client.send_data(with_data, b"content")
    client.send_data(with_data, b"")
    client.send_headers(with_data, TRAILERS, True)
    only_trailers = client.open_stream(POST)
    client.send_headers(only_trailers, TRAILERS, True)
    empty = client.open_stream(POST)
    client.send_data(empty, b"", True)
    unfinished = client.open_stream(POST)
    assert client.queued_bytes(with_data) == 7
    pair.run()
    assert pair.take_events() == ([], [])
    pair.server.update_settings({3: 100})
    _, seen = pair.run_consuming()
    assert list(events_of(seen, plain)) == [RequestReceived(plain, read_head(GET), True)]
    assert content_of(seen, with_data) == b"content"
    assert list(events_of(seen, with_data))[-1] == TrailersReceived(with_data, read_head(TRAILERS), True)
    assert [type(e) for e in events_of(seen, only_trailers)] == [RequestReceived, TrailersReceived]
    assert list(events_of(seen, empty)) == [RequestReceived(empty, read_head(POST), True)]
    assert list(events_of(seen, unfinished)) == [RequestReceived(unfinished, read_head(POST), False)]
    client.send_data(unfinished, b"later", True)
    _, seen = pair.run_consuming()
    assert content_of(seen, unfinished) == b"later"


def test_a_waiting_request_with_content_also_waits_for_its_window() -> None:
    peer = Peer.of_client(settings={3: 0, 4: 0})
    stream_id = peer.connection.open_stream(POST)
    peer.connection.send_data(stream_id, b"content", True)
    peer.expects_nothing("no stream is allowed")
    peer.sends(build_settings({3: 1}))
    assert [f.type for f in peer.skip()] == [4, HEADERS]
    peer.sends(build_window_update(stream_id, 7))
    peer.expects_only("now it can go", data(stream_id, b"content", end_stream=True))


def test_a_new_request_does_not_overtake_those_that_wait() -> None:
    """STR-15: a slot has become free, and nobody has asked for output since: identifiers still go up on the wire."""
    peer = Peer.of_client(settings={3: 1})
    connection = peer.connection
    first, second = connection.open_stream(GET, True), connection.open_stream(GET, True)
    peer.expects_only("one at a time", headers(first, GET, end_stream=True))
    connection.reset_stream(first)
    third = connection.open_stream(GET, True)
    peer.expects_only("in order", rst_stream(first, ErrorCode.CANCEL), headers(second, GET, end_stream=True))
    connection.reset_stream(second)
    peer.expects_only("in order", rst_stream(second, ErrorCode.CANCEL), headers(third, GET, end_stream=True))


def test_a_waiting_request_that_is_cancelled_leaves_no_trace() -> None:
    """Neither on the wire nor in memory: cancelled requests must not pile up behind a long one."""
    peer = Peer.of_client(settings={3: 1})
    peer.opens(POST)
    for _ in range(1000):
        stream_id = peer.connection.open_stream(GET, True)
        peer.connection.reset_stream(stream_id)
        with pytest.raises(StreamClosedError):
            peer.connection.send_data(stream_id, b"x")
    waiting = peer.connection.open_stream(GET, True)
    assert len(peer.connection.streams.by_id) == 2
    assert len(peer.connection.streams.waiting) == 1
    peer.expects_nothing("the server never hears of them")
    peer.sends(peer.headers(1, OK, end_stream=True), build_rst_stream(1, 0))
    peer.expects_only("the next one that is still wanted", headers(waiting, GET, end_stream=True))


def test_a_thousand_requests_against_a_limit_of_a_hundred() -> None:
    pair = Pair(None, Config(concurrent_streams_max=100), chunk_bytes=5000)
    ids = [pair.client.open_stream(GET, True) for _ in range(1000)]
    answered: list[int] = []
    most = 0
    while len(answered) < len(ids):
        pair.run()
        client_events, server_events = pair.take_events()
        answered += [e.stream_id for e in client_events if isinstance(e, ResponseReceived)]
        most = max(most, pair.server.streams.peer_open)
        for event in server_events:
            assert isinstance(event, RequestReceived), "none is refused"
            pair.server.send_headers(event.stream_id, OK, True)
    assert sorted(answered) == ids
    assert most == 100, "the limit is used to the full"
    pair.check_nothing_left()


def test_before_the_servers_settings_a_hundred_streams_are_opened() -> None:
    connection = Connection.client()
    for _ in range(150):
        connection.open_stream(GET, True)
    assert (connection.streams.local_open, len(connection.streams.waiting)) == (100, 50)
    connection.receive_data(build_settings({}))
    assert connection.streams.local_open == 150


def test_identifiers_run_out() -> None:
    """STR-05: no wrap-around; a new connection is needed."""
    pair = Pair()
    pair.client.streams.last_local_id = 2**31 - 3
    last = pair.client.open_stream(GET, True)
    assert last == 2**31 - 1
    with pytest.raises(ConnectionClosedError, match="all stream identifiers are used up"):
        pair.client.open_stream(GET, True)
    pair.run()
    pair.server.send_headers(last, OK, True)
    pair.run()
    assert isinstance(pair.client_events[-1], ResponseReceived)
    pair.server.shut_down()
    pair.run()
    pair.hang_up()
    assert pair.server.is_closed, "also the last identifier can be drained"


# -- what the caller does wrong ----------------------------------------------------------------------------------------


def snapshot(connection: Connection) -> object:
    """Everything a connection consists of, deep enough to be compared."""

    def look(value: object, depth: int = 0) -> object:
        if isinstance(value, (int, str, bytes, float, bool, type(None))):
            return value
        if isinstance(value, dict):
            return {key: look(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)) or type(value).__name__ == "deque":
            return [look(item, depth + 1) for item in value]  # type: ignore[attr-defined]
        if callable(value) and not hasattr(value, "__slots__"):
            return repr(value)
        names = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
        names += list(getattr(value, "__dict__", ()))
        # What mypyc has compiled has neither: its attributes are descriptors in C.
        for cls in type(value).__mro__:
            members = vars(cls).items()
            names += [name for name, member in members if type(member) is GetSetDescriptorType and name[:2] != "__"]
        return {name: look(getattr(value, name, None), depth + 1) for name in names if name != "lookup"}

    return look(connection)


def busy(is_client: bool) -> Connection:
    """A connection with something on every side: see the identifiers below."""
    small = {4: 10}
    peer = Peer.of_client(settings=small) if is_client else Peer.of_server(settings=small)
    connection = peer.connection
    for number in range(8):
        fields = {2: (*POST, LENGTH_5), 3: HEAD, 4: CONNECT}.get(number, POST)
        peer.opens(fields)
    if is_client:
        connection.send_data(7, b"", True)
        connection.send_data(11, b"more than the window", False)
        peer.sends(peer.headers(1, OK), peer.data(1, b"12345678"))
    else:
        connection.send_headers(3, OK)
        connection.send_headers(5, (*OK, LENGTH_5))
        connection.send_data(5, b"123")
        connection.send_headers(7, (*OK, LENGTH_5))
        connection.send_headers(9, OK)
        connection.send_headers(11, OK, True)
        peer.sends(peer.data(1, b"12345678"))
    peer.sends(build_rst_stream(13, 8))
    return connection


Misuse = tuple[str, bool, Callable[[Connection], object], type[UsageError], str]
MISUSES: list[Misuse] = [
    ("open without path", True, lambda c: c.open_stream(POST[:2]), UsageError, "without :path"),
    ("open with a bad value", True, lambda c: c.open_stream((*GET, (b"x", b"a\r\nb"))), UsageError, "CR, LF"),
    ("open with upgrade", True, lambda c: c.open_stream((*GET, (b"upgrade", b"h2c"))), UsageError, "'upgrade'"),
    ("open with upper case", True, lambda c: c.open_stream((*GET, (b"X", b"y"))), UsageError, "lower case"),
    ("open with a response", True, lambda c: c.open_stream(OK), UsageError, "cannot be sent at this point"),
    ("open with trailers", True, lambda c: c.open_stream(read_head(TRAILERS)), UsageError, "cannot be sent"),
    ("open short of content", True, lambda c: c.open_stream((*POST, LENGTH_5), True), UsageError, "leaves 5"),
    ("open on a server", False, lambda c: c.open_stream(GET), UsageError, "a server cannot open streams"),
    ("respond on a client", True, lambda c: c.send_headers(1, OK, True), UsageError, "cannot be sent at this point"),
    ("trailers that do not end", True, lambda c: c.send_headers(1, TRAILERS), UsageError, "end_stream is required"),
    ("bad trailers", True, lambda c: c.send_headers(1, ((b":path", b"/"),), True), UsageError, "without :path|:method"),
    ("trailers short of content", True, lambda c: c.send_headers(5, TRAILERS, True), UsageError, "leaves 5"),
    ("trailers on a tunnel", True, lambda c: c.send_headers(9, TRAILERS, True), UsageError, "a tunnel has no trailers"),
    ("headers after the end", True, lambda c: c.send_headers(7, TRAILERS, True), StreamClosedError, "stream 7 cannot"),
    ("headers after a reset", True, lambda c: c.send_headers(13, TRAILERS, True), StreamClosedError, "stream 13"),
    ("headers on no stream", True, lambda c: c.send_headers(99, TRAILERS, True), StreamClosedError, "stream 99"),
    ("data after the end", True, lambda c: c.send_data(7, b"x"), StreamClosedError, "stream 7 cannot send"),
    ("data after a reset", True, lambda c: c.send_data(13, b"x"), StreamClosedError, "stream 13 cannot send"),
    ("data beyond the length", True, lambda c: c.send_data(5, b"123456"), UsageError, "6 octets where .* leaves 5"),
    ("data that ends short", True, lambda c: c.send_data(5, b"1234", True), UsageError, "4 octets where .* leaves 5"),
    ("data before the head", False, lambda c: c.send_data(1, b"x"), UsageError, "DATA on stream 1 before the head"),
    ("1xx that ends", False, lambda c: c.send_headers(1, EARLY_HINTS, True), UsageError, "cannot end the stream"),
    ("1xx after the head", False, lambda c: c.send_headers(3, EARLY_HINTS), UsageError, "cannot be sent"),
    ("request on a server", False, lambda c: c.send_headers(1, GET), UsageError, "cannot be sent"),
    ("short response", False, lambda c: c.send_headers(1, (*OK, LENGTH_5), True), UsageError, "leaves 5"),
    ("long response", False, lambda c: c.send_data(5, b"456"), UsageError, "3 octets where content-length leaves 2"),
    ("trailers, short", False, lambda c: c.send_headers(5, TRAILERS, True), UsageError, "leaves 2"),
    ("content after HEAD", False, lambda c: c.send_data(7, b"12345"), UsageError, "leaves 0"),
    ("trailers on a tunnel, server", False, lambda c: c.send_headers(9, TRAILERS, True), UsageError, "tunnel"),
    ("whole, 1xx", False, lambda c: c.send_response(1, EARLY, b"", LAST), UsageError, "no whole response"),
    (
        "whole response, second",
        False,
        lambda c: c.send_response(3, OK_HEAD, b"", LAST),
        UsageError,
        "no whole response",
    ),
    ("whole, no head", False, lambda c: c.send_response(1, LAST, b"", LAST), UsageError, "cannot be sent"),
    (
        "whole response, no end",
        False,
        lambda c: c.send_response(1, OK_HEAD, b"", OK_HEAD),
        UsageError,
        "cannot be sent",
    ),
    ("whole, short", False, lambda c: c.send_response(1, OK_5, b"1234", LAST), UsageError, "leaves 5"),
    ("second response", False, lambda c: c.send_headers(3, OK), UsageError, "cannot be sent"),
    ("response after the end", False, lambda c: c.send_headers(11, OK), StreamClosedError, "stream 11"),
    ("consume too much", False, lambda c: c.consume(1, 9), UsageError, "9 octets consumed on stream 1; 8 are held"),
    ("consume less than nothing", True, lambda c: c.consume(1, -1), UsageError, "-1 octets consumed"),
    ("short ping", True, lambda c: c.ping(b"1234567"), UsageError, "PING with 7 octets; it has 8"),
    ("push", False, lambda c: c.update_settings({2: 1}), UsageError, "SETTINGS_ENABLE_PUSH cannot be changed"),
    ("unknown setting", True, lambda c: c.update_settings({3: 1, 0x42: 1}), UsageError, "SETTINGS_0x42 cannot be"),
    ("large window", True, lambda c: c.update_settings({4: 2**31}), UsageError, "INITIAL_WINDOW_SIZE is 2147483648"),
    ("small frames", False, lambda c: c.update_settings({5: 1}), UsageError, "SETTINGS_MAX_FRAME_SIZE is 1"),
    ("33 bits", False, lambda c: c.update_settings({4: 5, 3: 2**32}), UsageError, "it has 32 bits"),
    ("negative", False, lambda c: c.update_settings({1: -1}), UsageError, "HEADER_TABLE_SIZE is -1; it has 32 bits"),
]


@pytest.mark.parametrize(
    ("is_client", "misuse", "error", "text"), [case[1:] for case in MISUSES], ids=[case[0] for case in MISUSES]
)
def test_misuse_raises_and_changes_nothing(
    is_client: bool, misuse: Callable[[Connection], object], error: type[UsageError], text: str
) -> None:
    """MSG-07, CLI-11. Neither the state, nor one octet of what comes out afterwards."""
    connection, other = busy(is_client), busy(is_client)
    before = copy.deepcopy(snapshot(connection))
    with pytest.raises(error, match=text):
        misuse(connection)
    assert snapshot(connection) == before
    for one in (connection, other):
        one.receive_data(build_window_update(0, 1000) + build_window_update(11, 5))
        one.ping(b"12345678")
    assert b"".join(connection.data_to_send()) == b"".join(other.data_to_send())
    assert connection.next_events() == other.next_events()


def test_a_snapshot_sees_a_change() -> None:
    connection = busy(True)
    before = copy.deepcopy(snapshot(connection))
    connection.streams.by_id[1].held += 1
    assert snapshot(connection) != before


def test_the_peers_limit_on_field_lists_is_kept() -> None:
    """CLI-14."""
    peer = Peer.of_client(settings={6: 200})
    peer.connection.open_stream(GET, True)
    with pytest.raises(
        UsageError, match=r"a field list of \d+ octets; the peer's SETTINGS_MAX_HEADER_LIST_SIZE is 200"
    ):
        peer.connection.open_stream((*GET, (b"x", b"y" * 100)))


def test_settings_that_the_caller_changes_afterwards_are_not_changed() -> None:
    peer = Peer.of_server()
    values = {4: 10}
    peer.connection.update_settings(values)
    values[4] = 20
    peer.sends(SETTINGS_ACK)
    assert peer.take_events() == [SettingsAcknowledged({4: 10})]


def test_things_that_do_nothing() -> None:
    connection = busy(True)
    before = copy.deepcopy(snapshot(connection))
    connection.reset_stream(99)
    connection.reset_stream(13)
    connection.consume(13, 1000)
    connection.consume(1, 0)
    connection.send_data(1, b"")
    assert connection.queued_bytes(99) == 0
    assert snapshot(connection) == before


# -- what a server may answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_fields", "answer"),
    [(HEAD, (*OK, LENGTH_5)), (GET, ((b":status", b"304"), LENGTH_5)), (GET, ((b":status", b"204"),))],
)
@pytest.mark.parametrize("with_head", [True, False])
def test_answers_without_content_may_declare_some(
    request_fields: FieldList, answer: FieldList, with_head: bool
) -> None:
    """MSG-28."""
    pair = Pair()
    stream_id = pair.client.open_stream(request_fields, True)
    pair.run()
    pair.server.send_headers(stream_id, answer, with_head)
    if not with_head:
        pair.server.send_data(stream_id, b"", True)
    pair.run()
    pair.check_nothing_left()
    assert not [e for e in pair.client_events if isinstance(e, StreamReset)]


def test_a_tunnel_and_a_tunnel_that_was_refused() -> None:
    """MSG-24."""
    pair = Pair()
    open_one, refused = pair.client.open_stream(CONNECT), pair.client.open_stream(CONNECT)
    pair.run()
    pair.server.send_headers(open_one, OK)
    pair.server.send_headers(refused, ((b":status", b"502"),))
    pair.server.send_headers(refused, TRAILERS, True)
    pair.client.send_data(open_one, b"there")
    pair.server.send_data(open_one, b"back", True)
    client_seen, server_seen = pair.run_consuming()
    assert (content_of(client_seen, open_one), content_of(server_seen, open_one)) == (b"back", b"there")
    assert list(events_of(client_seen, refused))[-1] == TrailersReceived(refused, read_head(TRAILERS), True)
    pair.client.send_headers(refused, TRAILERS, True)
    pair.client.send_data(open_one, b"", True)
    pair.run()
    pair.check_nothing_left()


def test_a_head_that_was_checked_before_is_not_checked_again() -> None:
    peer = Peer.of_client()
    head = read_head(GET)
    stream_id = peer.connection.open_stream(head, True)
    peer.expects_only("as it is", headers(stream_id, GET, end_stream=True))


def test_an_early_answer_then_the_end_of_the_stream() -> None:
    """PNG-09: the rest of the request is read and thrown away."""
    pair = Pair()
    stream_id = pair.client.open_stream(POST)
    pair.client.send_data(stream_id, bytes(100))
    pair.run()
    pair.server.send_headers(stream_id, OK, True)
    pair.server.reset_stream(stream_id, ErrorCode.NO_ERROR)
    pair.client.send_data(stream_id, bytes(100))
    pair.run()
    assert [type(e) for e in pair.client_events] == [ResponseReceived, StreamReset]
    pair.check_nothing_left()


# -- resetting ---------------------------------------------------------------------------------------------------------


@BOTH
def test_a_reset_gives_back_what_was_held_and_says_no_more(is_client: bool) -> None:
    peer = (
        Peer.of_client(Config(connection_window_bytes=65_535))
        if is_client
        else Peer.of_server(Config(connection_window_bytes=65_535))
    )
    connection = peer.connection
    stream_id = peer.opens(POST)
    if is_client:
        peer.sends(peer.headers(stream_id, OK))
    else:
        connection.send_headers(stream_id, OK)
    connection.send_data(stream_id, bytes(100_000))
    peer.skip()
    peer.sends(*[peer.data(stream_id, bytes(16_000))] * 4)
    assert connection.receive_window.held == 64_000
    connection.reset_stream(stream_id, ErrorCode.INTERNAL_ERROR)
    connection.reset_stream(stream_id)
    peer.expects_only("STR-11", rst_stream(stream_id, ErrorCode.INTERNAL_ERROR), window_update(0, 64_000))
    assert connection.receive_window.held == 0
    assert connection.queued_bytes(stream_id) == 0
    peer.sends(build_window_update(0, 1_000_000))
    peer.innocent_completes("its queue is gone")


def test_a_stream_that_ended_with_unread_content_can_be_dropped() -> None:
    pair = Pair()
    stream_id = pair.client.open_stream(POST)
    pair.client.send_data(stream_id, bytes(100), True)
    pair.run()
    pair.server.send_headers(stream_id, OK, True)
    pair.run()
    assert stream_id in pair.server.streams.by_id, "its content is not consumed"
    pair.server.reset_stream(stream_id)
    pair.run()
    pair.check_nothing_left()
    assert not [e for e in pair.client_events if isinstance(e, StreamReset)], "it had ended: there is nothing to say"


# -- pings (§6.7) ------------------------------------------------------------------------------------------------------


def test_a_ping_and_its_answer() -> None:
    pair = Pair()
    pair.client.ping(b"12345678")
    pair.run()
    assert pair.client_events == [PingAcknowledged(b"12345678")]


# -- faults of the peer, as the public API shows them ------------------------------------------------------------------


def test_a_fault_on_an_idle_stream_cannot_be_answered_by_a_reset() -> None:
    """§6.4: RST_STREAM must not be sent on an idle stream, also where the fault is one of the stream."""
    connection = Connection.server()
    with pytest.raises(errors.ConnectionError) as caught:
        connection.fail_stream(StreamError(1, ErrorCode.FRAME_SIZE_ERROR, "what", "RFC 9113 §6.3"))
    assert (str(caught.value), caught.value.error_code) == ("what", ErrorCode.FRAME_SIZE_ERROR)


def test_a_malformed_request_is_answered_and_reset() -> None:
    peer = Peer.of_server()
    peer.sends(peer.headers(1, ((b"X", b"y"),)))
    answer = ((b":status", b"400"), (b"content-length", b"0"))
    peer.expects_only("§8.2.1", headers(1, answer, end_stream=True), rst_stream(1, ErrorCode.PROTOCOL_ERROR))
    assert isinstance(peer.take_events()[0], StreamReset)
    peer.innocent_completes("afterwards")


def test_a_fault_on_a_stream_that_is_gone_is_reset_once() -> None:
    peer = Peer.of_server()
    peer.innocent_completes("stream 1 is over")
    peer.sends(peer.data(1, b"late"), peer.data(1, b"later"))
    peer.expects_only("STR-11", rst_stream(1, ErrorCode.STREAM_CLOSED))
    peer.innocent_completes("afterwards")


def test_streams_that_are_refused_before_our_limit_is_known_cost_nothing() -> None:
    peer = Peer(Connection.server(Config(concurrent_streams_max=0, faults_max=1)), handshake=False)
    peer.sends(PREFACE, build_settings({}), peer.headers(1, GET), peer.headers(3, GET), peer.headers(5, GET))
    assert not peer.connection.is_closed
    peer.sends(SETTINGS_ACK, peer.headers(7, GET), peer.headers(9, GET))
    assert peer.connection.is_closed


def test_unsent_answers_stop_the_reading() -> None:
    peer = Peer.of_server(Config(unsent_control_bytes_max=34))
    peer.sends(build_ping(b"12345678"))
    assert peer.connection.wants_data
    peer.sends(build_ping(b"12345678"))
    assert not peer.connection.wants_data
    peer.expects_only("two answers", ping_ack(b"12345678"), ping_ack(b"12345678"))
    assert peer.connection.wants_data


def test_an_answer_to_no_ping_is_ignored() -> None:
    peer = Peer.of_server()
    peer.sends(build_ping(b"12345678", ack=True))
    assert peer.take_events() == []
    peer.innocent_completes("afterwards")


def test_an_http_1_request_is_answered_in_http_1() -> None:
    connection = Connection.server()
    events = connection.receive_data(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
    assert events == [connection.termination]
    assert connection.data_to_send() == [HTTP_1_ANSWER]


def test_events_before_a_connection_error_are_not_lost() -> None:
    peer = Peer.of_server()
    peer.sends(peer.headers(1, POST), peer.data(1, b"hello"), build_frame(4, 0, 1))
    assert [type(e).__name__ for e in peer.take_events()] == ["RequestReceived", "DataReceived", "ConnectionTerminated"]


def test_the_list_of_events_belongs_to_the_caller() -> None:
    connection = Connection.server()
    first = connection.receive_data(PREFACE)
    connection.receive_data(build_settings({}))
    assert first == []
