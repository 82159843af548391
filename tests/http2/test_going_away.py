"""Going away (RFC 9113 §6.8): who hears what, and in which order, until the connection ends."""

from __future__ import annotations

import pytest

from http2.config import Config
from http2.connection import Connection
from http2.errors import ConnectionClosedError, ErrorCode, StreamClosedError
from http2.events import (
    ConnectionTerminated,
    ResponseReceived,
    StreamReset,
)
from http2.frames import (
    PREFACE,
    build_frame,
    build_goaway,
    build_ping,
    build_settings,
)
from tests.support.pair import GET, OK, POST, Pair
from tests.support.peer import Peer, goaway, ping

BOTH = pytest.mark.parametrize("is_client", [True, False], ids=["client", "server"])


def test_a_server_goes_away_in_two_steps() -> None:
    """PNG-04: what is on its way when it says so still counts."""
    peer = Peer.of_server()
    first = peer.opens(POST)
    peer.connection.shut_down()
    peer.connection.shut_down()
    peer.expects_only("first step, once", goaway(2**31 - 1, 0), ping(b"goodbye?"))
    second = peer.opens(GET, end_stream=True)
    assert second in peer.connection.streams.by_id
    peer.sends(build_ping(b"goodbye?", ack=True))
    peer.expects_only("second step", goaway(second, 0))
    assert peer.take_events() == [], "the answer to that PING is not for the application"
    peer.sends(peer.headers(5, GET, end_stream=True), peer.data(5, b"ignored"))
    peer.expects_nothing("what comes later is ignored")
    assert peer.take_events() == []
    for stream_id in (first, second):
        peer.connection.send_headers(stream_id, OK, True)
    peer.sends(peer.data(first, b"end", end_stream=True))
    assert peer.take_events()[-1] == peer.connection.termination
    assert peer.connection.termination == ConnectionTerminated(0, False, "all streams are done after GOAWAY")


def test_an_error_after_the_final_goaway_does_not_name_a_higher_stream() -> None:
    """§6.8: "Endpoints MUST NOT increase the value they send in the last stream identifier"."""
    peer = Peer.of_server()
    first = peer.opens(POST)
    peer.connection.shut_down()
    peer.sends(build_ping(b"goodbye?", ack=True), peer.headers(9, GET))
    peer.expects("two steps", goaway(2**31 - 1, 0), ping(b"goodbye?"), goaway(first, 0))
    peer.sends(build_frame(4, 0, 1))
    peer.expects_only("an error", goaway(first, ErrorCode.PROTOCOL_ERROR))


def test_a_server_without_streams_goes_at_once_when_the_client_has_answered() -> None:
    pair = Pair()
    pair.server.shut_down()
    pair.run()
    pair.hang_up()
    for end in (pair.client, pair.server):
        assert end.termination is not None
        assert end.termination.is_clean


def test_a_server_waits_for_the_answer_also_when_its_streams_are_done() -> None:
    peer = Peer.of_server()
    stream_id = peer.opens(GET, end_stream=True)
    peer.connection.shut_down()
    peer.connection.send_headers(stream_id, OK, True)
    assert not peer.connection.is_closed, "a request may be on its way"
    peer.sends(build_ping(b"goodbye?", ack=True))
    assert peer.connection.is_closed


def test_the_reason_of_a_shut_down_is_in_both_goaways_and_the_second_need_not_wait_for_ever() -> None:
    peer = Peer.of_server()
    peer.connection.finish_shut_down()
    peer.connection.shut_down("max_age")
    peer.expects("announced", goaway(2**31 - 1, 0, "max_age"), ping(b"goodbye?"))
    stream_id = peer.opens(GET, end_stream=True)
    assert peer.connection.finish_shut_down()
    assert not peer.connection.finish_shut_down()
    peer.expects_only("once, without the answer", goaway(stream_id, 0, "max_age"))
    peer.sends(build_ping(b"goodbye?", ack=True))
    peer.connection.send_headers(stream_id, OK, True)
    assert peer.connection.is_closed


def test_progress_counts_heads_content_and_windows_of_streams_that_were_sent() -> None:
    peer = Peer.of_server()
    connection = peer.connection
    stream_id = peer.opens(POST)
    peer.sends(peer.data(stream_id, bytes(16_384)), peer.data(stream_id, bytes(16_384)), build_ping(b"12345678"))
    assert connection.progress == 0, "receiving, and answering PINGs, is none"
    connection.consume(stream_id, 32_768)
    assert connection.progress == 1
    connection.send_headers(stream_id, OK)
    connection.send_data(stream_id, b"x", True)
    assert connection.progress == 3


def test_a_client_goes_away_when_its_streams_are_done() -> None:
    pair = Pair(None, Config(concurrent_streams_max=1))
    first, waiting = pair.client.open_stream(GET, True), pair.client.open_stream(GET, True)
    pair.client.shut_down()
    with pytest.raises(ConnectionClosedError, match="the connection is going away"):
        pair.client.open_stream(GET, True)
    for stream_id in (first, waiting):
        pair.run()
        pair.server.send_headers(stream_id, OK, True)
    pair.run()
    responses = [e.stream_id for e in pair.client_events if isinstance(e, ResponseReceived)]
    assert responses == [first, waiting], "what was opened before also finishes"
    assert isinstance(pair.client_events[-1], ConnectionTerminated)
    assert pair.client.is_closed
    pair.hang_up()
    assert pair.server.termination == ConnectionTerminated(0, True, "the peer closed the connection")


def test_a_client_that_cancels_its_last_waiting_request_is_done() -> None:
    peer = Peer.of_client(settings={3: 0})
    stream_id = peer.connection.open_stream(GET, True)
    peer.connection.shut_down()
    assert not peer.connection.is_closed
    peer.connection.reset_stream(stream_id)
    assert peer.connection.is_closed
    assert peer.take_events() == [peer.connection.termination]


@pytest.mark.parametrize("code", [ErrorCode.NO_ERROR, ErrorCode.ENHANCE_YOUR_CALM, 0xFF])
def test_goaway_tells_which_requests_were_not_processed(code: int) -> None:
    """PNG-02, PNG-05, CLI-19."""
    peer = Peer.of_client(settings={3: 3})
    ids = [peer.connection.open_stream(GET, True) for _ in range(4)]
    peer.skip()
    peer.sends(build_goaway(3, code, b"why"))
    events = peer.take_events()
    assert [type(event).__name__ for event in events] == ["GoAwayReceived", "StreamReset", "StreamReset"]
    for event, stream_id in zip(events[1:], ids[2:], strict=True):
        reason = "not processed before GOAWAY"
        unsent = stream_id == ids[3]  # it waited for the server's limit
        assert event == StreamReset(stream_id, ErrorCode.REFUSED_STREAM, True, reason, True, unsent)
    peer.expects_nothing("neither the waiting one nor anything else is sent")
    with pytest.raises(ConnectionClosedError):
        peer.connection.open_stream(GET, True)
    peer.sends(
        peer.headers(1, OK, end_stream=True), build_goaway(2**31 - 1, code), peer.headers(3, OK, end_stream=True)
    )
    events = peer.take_events()
    assert [type(event).__name__ for event in events] == [
        "ResponseReceived",
        "GoAwayReceived",
        "ResponseReceived",
        "ConnectionTerminated",
    ], "streams at or below it complete"
    termination = peer.connection.termination
    assert termination is not None
    assert (termination.error_code, termination.by_peer) == (code, code != 0)


def test_goaway_takes_nothing_from_a_response_that_is_complete() -> None:
    """Its content may lie unread, and the server may say a last stream id that is too low for it: it is here."""
    peer = Peer.of_client()
    for _ in range(2):
        peer.opens(GET, end_stream=True)
    peer.sends(peer.headers(3, OK), peer.data(3, b"unread", end_stream=True))
    peer.take_events()
    peer.sends(build_goaway(1, 0))
    assert [type(event).__name__ for event in peer.take_events()] == ["GoAwayReceived"]
    assert peer.connection.receive_window.held == 6
    peer.connection.consume(3, 6)
    assert peer.connection.receive_window.held == 0


@pytest.mark.parametrize("has_streams", [True, False])
def test_goaway_with_an_error_ends_a_client_that_has_nothing_left_once(has_streams: bool) -> None:
    peer = Peer.of_client()
    if has_streams:
        peer.opens(GET, end_stream=True)
    peer.sends(build_goaway(0, ErrorCode.PROTOCOL_ERROR, b"\xffno"))
    events = peer.take_events()
    assert [type(event).__name__ for event in events] == (
        ["GoAwayReceived"] + ["StreamReset"] * has_streams + ["ConnectionTerminated"]
    )
    assert events[-1] == ConnectionTerminated(ErrorCode.PROTOCOL_ERROR, True, "GOAWAY PROTOCOL_ERROR '\\\\xffno'")
    peer.expects_nothing("there is nobody to answer")


def test_a_client_with_unread_content_ends_by_the_servers_error_all_the_same() -> None:
    peer = Peer.of_client()
    peer.opens(GET, end_stream=True)
    peer.sends(peer.headers(1, OK), peer.data(1, b"unread", end_stream=True), build_goaway(1, 2))
    assert peer.take_events()[-1] == ConnectionTerminated(2, True, "GOAWAY INTERNAL_ERROR ''")


def test_a_server_ends_by_the_clients_error_when_it_has_no_streams() -> None:
    peer = Peer.of_server()
    peer.sends(build_goaway(0, 0))
    assert not peer.connection.is_closed, "a client that opens no more streams may still wait for answers"
    peer.innocent_completes("or change its mind")
    stream_id = peer.opens(GET, end_stream=True)
    peer.sends(build_goaway(0, ErrorCode.INTERNAL_ERROR, b"out of memory"))
    assert not peer.connection.is_closed
    peer.connection.send_headers(stream_id, OK, True)
    peer.skip()
    peer.sends(build_goaway(0, ErrorCode.INTERNAL_ERROR, b"out of memory"))
    assert peer.take_events()[-1] == ConnectionTerminated(2, True, "GOAWAY INTERNAL_ERROR 'out of memory'")


@BOTH
def test_close_ends_at_once_and_once(is_client: bool) -> None:
    peer = Peer.of_client() if is_client else Peer.of_server()
    stream_id = peer.opens(POST)
    peer.connection.close(ErrorCode.INTERNAL_ERROR, "out of disk " + "x" * 2000)
    peer.connection.close()
    frames = peer.expects_only("one GOAWAY", goaway(0 if is_client else stream_id, ErrorCode.INTERNAL_ERROR))
    assert len(frames[0].payload) == 8 + 1024, "debug data fits into any frame"
    (event,) = peer.take_events()
    assert isinstance(event, ConnectionTerminated)
    assert (event.error_code, event.by_peer, event.is_clean) == (ErrorCode.INTERNAL_ERROR, False, False)


def test_nothing_is_said_or_accepted_after_the_end() -> None:
    peer = Peer.of_server(Config(stream_window_bytes=100))
    stream_id = peer.opens(POST)
    peer.sends(peer.data(stream_id, bytes(100)))
    connection = peer.connection
    connection.close()
    peer.skip()
    peer.take_events()
    connection.consume(stream_id, 100)
    connection.reset_stream(stream_id)
    connection.shut_down()
    with pytest.raises(ConnectionClosedError, match="closed by the application"):
        connection.ping(bytes(8))
    with pytest.raises(ConnectionClosedError, match="closed by the application"):
        connection.update_settings({4: 1})
    with pytest.raises(StreamClosedError):
        connection.send_data(stream_id, b"x")
    with pytest.raises(StreamClosedError):
        connection.send_headers(stream_id, OK)
    peer.expects_nothing("GOAWAY was the last word")
    assert connection.receive_data(build_ping(bytes(8))) == []
    assert connection.receive_eof() == []


def test_a_client_that_is_closed_opens_no_streams() -> None:
    connection = Connection.client()
    connection.close()
    with pytest.raises(ConnectionClosedError, match="no new streams: NO_ERROR: closed by the application"):
        connection.open_stream(GET)


@pytest.mark.parametrize(("open_streams", "code"), [(False, ErrorCode.NO_ERROR), (True, ErrorCode.INTERNAL_ERROR)])
@BOTH
def test_the_end_of_the_octets(is_client: bool, open_streams: bool, code: ErrorCode) -> None:
    """CLI-18: with an open stream it is not a clean end."""
    peer = Peer.of_client() if is_client else Peer.of_server()
    if open_streams:
        peer.opens(GET, end_stream=True)
    assert peer.connection.receive_eof() == [ConnectionTerminated(code, True, "the peer closed the connection")]
    assert peer.connection.receive_eof() == []


@pytest.mark.parametrize("octets", [b"", PREFACE[:10], PREFACE, PREFACE + build_settings({4: 1})[:12]])
def test_the_end_of_the_octets_before_settings_says_so(octets: bytes) -> None:
    """PRE-04: a truncated preface; a proxy, a port scanner, a server that speaks something else and waits."""
    server = Connection.server()
    assert server.receive_data(octets) == []
    reason = "the peer closed the connection before its SETTINGS (RFC 9113 §3.4)"
    assert server.receive_eof() == [ConnectionTerminated(0, True, reason)]


def test_the_end_of_the_octets_while_requests_wait() -> None:
    peer = Peer.of_client(settings={3: 0})
    peer.connection.open_stream(GET, True)
    assert [getattr(e, "error_code", None) for e in peer.connection.receive_eof()] == [ErrorCode.INTERNAL_ERROR]


def test_the_end_of_the_octets_after_goaway_with_an_error_is_because_of_it() -> None:
    peer = Peer.of_client()
    peer.connection.open_stream(GET, True)
    peer.sends(build_goaway(1, ErrorCode.ENHANCE_YOUR_CALM, b"too_many_pings"))
    reason = "GOAWAY ENHANCE_YOUR_CALM 'too_many_pings'"
    assert peer.connection.receive_eof()[-1] == ConnectionTerminated(ErrorCode.ENHANCE_YOUR_CALM, True, reason)
