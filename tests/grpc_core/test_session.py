"""Sessions: which call an event belongs to, and what happens to the events that belong to none."""

from __future__ import annotations

import pytest

from grpc_core.calls import ServerCall
from grpc_core.session import ClientSession, GrpcConnection, Limits, ServerSession
from grpc_core.status import StatusCode
from hpack_codec import FieldList
from http2 import ConnectionClosedError, ErrorCode, UsageError
from http2.config import Config
from http2.frames import SETTINGS, build_frame, build_goaway, build_rst_stream, build_settings
from tests.grpc_core.support import OK_TRAILERS, REQUEST, RESPONSE, message, request
from tests.grpc_core.support_sessions import HEAD, Log, Sessions
from tests.support.pair import OK
from tests.support.peer import Peer, headers, rst_stream

SERVER = Config(check_path=False)


class Faced:
    """A server session that faces a client by hand; every call is accepted and logged."""

    def __init__(self, settings: dict[int, int] | None = None) -> None:
        self.peer = Peer.of_server(SERVER, settings=settings)
        self.log = Log()
        self.calls: list[ServerCall] = []
        self.session = ServerSession(self.peer.connection, self.accept, Limits())

    def accept(self, call: ServerCall) -> None:
        call.observer = self.log
        self.calls.append(call)
        if call.request.path == "/test.Service/Nope":
            call.finish(StatusCode.UNIMPLEMENTED, "Method not found!")

    def receives(self, *frames: bytes) -> None:
        self.peer.sends(*frames)
        self.session.handle(self.peer.take_events())


def test_a_request_without_content_is_a_call_whose_messages_are_over() -> None:
    faced = Faced()
    faced.receives(faced.peer.headers(1, REQUEST, end_stream=True))
    (call,) = faced.calls
    assert call.inbox.is_over
    assert call.inbox.take() is None
    assert not call.is_over


@pytest.mark.wire("W006", "W092")
@pytest.mark.parametrize("end_stream", [True, False])
def test_a_refused_request_never_becomes_a_call(end_stream: bool) -> None:
    faced = Faced()
    faced.receives(faced.peer.headers(1, request(content_type=b"text/plain"), end_stream=end_stream))
    (frame,) = faced.peer.expects("an answer that HTTP understands too", headers(1, end_stream=True))
    assert dict(frame.fields)[b":status"] == b"415"
    if end_stream:
        faced.peer.expects_nothing("the request was over")
    else:
        faced.peer.expects_only("the client should stop", rst_stream(1, ErrorCode.NO_ERROR))
    assert not faced.calls
    assert not faced.session.calls


def test_content_after_a_refusal_is_given_back() -> None:
    faced = Faced()
    faced.receives(
        faced.peer.headers(1, request(method=b"GET")),
        faced.peer.data(1, bytes(1000)),
        faced.peer.data(1, bytes(1000), end_stream=True),
    )
    assert faced.peer.connection.receive_window.held == 0


@pytest.mark.wire("W155")
def test_w155_a_server_that_stops_refuses_new_calls_and_keeps_the_old() -> None:
    faced = Faced()
    faced.receives(faced.peer.headers(1, REQUEST))
    faced.session.is_refusing = True
    faced.receives(faced.peer.headers(3, REQUEST, end_stream=True))
    (frame,) = faced.peer.expects("a status", headers(3, end_stream=True))
    fields = dict(frame.fields)
    assert (fields[b"grpc-status"], fields[b"grpc-message"]) == (b"14", b"Server is shutting down")
    assert list(faced.session.calls) == [1]


RESET = build_rst_stream(1, ErrorCode.CANCEL)
GARBAGE = build_frame(SETTINGS, 0, 0, b"12345")


@pytest.mark.parametrize("end", [RESET, GARBAGE], ids=["reset", "broken connection"])
@pytest.mark.parametrize("path", [b"/test.Service/Nope", b"malformed"])
def test_a_request_that_is_gone_before_its_answer(end: bytes, path: bytes) -> None:
    """The events of the octets come together: the answer must not fall over a stream that has ended since."""
    faced = Faced()
    faced.receives(faced.peer.headers(1, request(path=path)), end)
    assert not faced.session.calls
    faced.peer.connection.data_to_send()


@pytest.mark.parametrize("end", [RESET, GARBAGE], ids=["reset", "broken connection"])
def test_a_message_that_fails_a_call_which_is_gone(end: bytes) -> None:
    faced = Faced()
    faced.receives(faced.peer.headers(1, REQUEST), faced.peer.data(1, message(b"", flag=7)), end)
    assert not faced.session.calls
    assert faced.log.seen == ["finished"]


@pytest.mark.wire("W100")
def test_an_answer_that_the_client_has_no_room_for_becomes_a_reset() -> None:
    faced = Faced(settings={6: 50})
    faced.receives(
        faced.peer.headers(1, request(method=b"GET")), faced.peer.headers(3, request(path=b"/test.Service/Nope"))
    )
    faced.peer.expects_only(
        "no field list fits into 50 octets",
        rst_stream(1, ErrorCode.INTERNAL_ERROR),
        rst_stream(3, ErrorCode.ENHANCE_YOUR_CALM),
    )


@pytest.mark.wire("W103")
def test_w103_a_lost_connection_cancels_the_calls_of_a_server() -> None:
    faced = Faced()
    faced.receives(faced.peer.headers(1, REQUEST), faced.peer.headers(3, REQUEST))
    faced.session.handle(faced.peer.connection.receive_eof())
    assert [call.is_cancelled for call in faced.calls] == [True, True]
    assert faced.calls[0].cancel_reason.startswith("the connection was lost: ")
    assert faced.log.seen == ["finished", "finished"]
    assert not faced.session.calls


def test_events_of_no_call_are_ignored() -> None:
    faced = Faced()
    faced.receives(faced.peer.headers(1, REQUEST))
    faced.calls[0].finish(StatusCode.OK)
    faced.receives(faced.peer.headers(3, REQUEST))
    call = faced.session.calls.pop(3)
    call.observer = None
    faced.receives(faced.peer.data(3, b"late"), faced.peer.headers(3, ((b"x-t", b"1"),), end_stream=True))
    assert faced.peer.connection.receive_window.held == 0
    faced.receives(build_rst_stream(3, 8))
    assert not call.is_cancelled


def test_a_reset_for_the_clients_fault_says_which() -> None:
    faced = Faced()
    faced.receives(faced.peer.headers(1, REQUEST), faced.peer.headers(1, OK_TRAILERS))
    assert faced.calls[0].is_cancelled
    assert "trailers without END_STREAM" in faced.calls[0].cancel_reason


# -- the client --------------------------------------------------------------------------------------------------------


class Facing:
    """A client session that faces a server by hand."""

    def __init__(self, settings: dict[int, int] | None = None) -> None:
        self.peer = Peer.of_client(settings=settings)
        self.session = ClientSession(self.peer.connection, Limits())

    def receives(self, *frames: bytes) -> None:
        self.peer.sends(*frames)
        self.session.handle(self.peer.take_events())


@pytest.mark.wire("W103")
def test_w103_a_lost_connection_makes_calls_unavailable() -> None:
    facing = Facing()
    log = Log()
    call = facing.session.start(HEAD, log)
    assert facing.session.accepts_calls
    facing.session.handle(facing.peer.connection.receive_eof())
    assert call.code is StatusCode.UNAVAILABLE
    assert call.details.startswith("the connection was lost: INTERNAL_ERROR: the peer closed the connection")
    assert not call.is_unprocessed, "the server may have seen it"
    assert log.seen == ["finished"]
    assert not facing.session.accepts_calls
    with pytest.raises(ConnectionClosedError):
        facing.session.start(HEAD, log)


def test_a_call_that_was_never_sent_is_unprocessed_when_the_connection_is_lost() -> None:
    facing = Facing(settings={3: 1})
    sent = facing.session.start(HEAD, Log())
    waits = facing.session.start(HEAD, Log())
    facing.session.handle(facing.peer.connection.receive_eof())
    assert (sent.is_unprocessed, waits.is_unprocessed) == (False, True)
    assert waits.code is StatusCode.UNAVAILABLE


@pytest.mark.wire("W152")
def test_w152_calls_above_the_last_stream_of_goaway_are_unprocessed() -> None:
    facing = Facing()
    calls = [facing.session.start(HEAD, Log()) for _ in range(3)]
    facing.receives(build_goaway(3, ErrorCode.NO_ERROR))
    assert [call.code for call in calls] == [None, None, StatusCode.UNAVAILABLE]
    assert calls[2].is_unprocessed
    assert not facing.session.accepts_calls
    facing.receives(facing.peer.headers(1, RESPONSE + OK_TRAILERS, end_stream=True))
    assert calls[0].code is StatusCode.OK, "what the server has seen goes on"


@pytest.mark.wire("W122")
def test_w122_calls_over_the_servers_limit_wait_and_are_not_refused() -> None:
    pair = Sessions(server_config=Config(check_path=False, concurrent_streams_max=2))
    calls = [pair.start()[0] for _ in range(10)]
    for call in calls:
        call.send_message(b"x", end=True)
    done = 0
    while done < 10:
        pair.exchange()
        assert len(pair.accepted) - done <= 2
        for served in pair.accepted[done:]:
            served.finish(StatusCode.OK)
            done += 1
    pair.exchange()
    assert [call.code for call in calls] == [StatusCode.OK] * 10
    pair.check_nothing_left()


@pytest.mark.wire("W039")
def test_w039_a_request_over_the_servers_limit_is_not_sent() -> None:
    facing = Facing(settings={6: 100})
    with pytest.raises(UsageError, match="SETTINGS_MAX_HEADER_LIST_SIZE is 100"):
        facing.session.start(HEAD, Log())
    assert not facing.session.calls


@pytest.mark.wire("W089")
def test_w089_informational_responses_are_skipped() -> None:
    facing = Facing()
    call = facing.session.start(HEAD, Log())
    facing.receives(
        facing.peer.headers(1, ((b":status", b"100"),)),
        facing.peer.headers(1, ((b":status", b"103"), (b"link", b"</x>"))),
        facing.peer.headers(1, RESPONSE + OK_TRAILERS, end_stream=True),
    )
    assert call.code is StatusCode.OK


def test_what_comes_after_the_end_of_a_call_is_ignored_and_credited() -> None:
    facing = Facing()
    call = facing.session.start(HEAD, Log())
    facing.session.calls.clear()
    facing.receives(
        facing.peer.headers(1, OK),
        facing.peer.data(1, bytes(1000)),
        facing.peer.headers(1, OK_TRAILERS, end_stream=True),
    )
    assert facing.peer.connection.receive_window.held == 0
    facing.receives(build_rst_stream(1, 0), build_settings({4: 10}))
    assert call.code is None


def test_room_in_the_window_of_a_call_that_is_over_is_nobodys_business() -> None:
    facing = Facing(settings={4: 10})
    call = facing.session.start(HEAD, Log())
    call.send_message(bytes(100))
    facing.peer.skip()
    facing.session.calls.clear()
    facing.receives(build_frame(8, 0, 1, b"\0\0\1\0"))
    facing.peer.skip()
    facing.session.handle(facing.peer.take_events())
    assert call.can_send


def test_room_in_the_window_of_a_served_call_that_is_over() -> None:
    faced = Faced(settings={4: 10})
    faced.receives(faced.peer.headers(1, REQUEST), faced.peer.headers(3, REQUEST))
    for call in faced.calls:
        call.send_message(bytes(100))
    faced.calls[1].observer = None
    del faced.session.calls[1]
    faced.peer.skip()
    for stream_id in (1, 3):
        faced.receives(build_frame(8, 0, stream_id, b"\0\0\1\0"))
    faced.peer.skip()
    faced.session.handle(faced.peer.take_events())
    assert faced.log.seen == []


# -- spaces at the ends of values --------------------------------------------------------------------------------------


def test_spaces_at_the_ends_of_values_are_read_as_c_core_sends_them() -> None:
    """RFC 9113 §8.2.1 forbids them, gRPC's percent-encoding allows them, and grpcio sends them."""
    peer = Peer(GrpcConnection.client())
    session = ClientSession(peer.connection, Limits())
    call = session.start(HEAD, Log())
    call.half_close()
    peer.skip()
    details = b"Unexpected <class 'ZeroDivisionError'>: "
    trailers = ((b"grpc-status", b"2"), (b"grpc-message", details), (b"x-t", b" v "))
    peer.sends(peer.headers(1, RESPONSE + trailers, end_stream=True))
    session.handle(peer.take_events())
    assert (call.code, call.details) == (StatusCode.UNKNOWN, details.decode())
    assert call.trailing_metadata == (("x-t", " v "),)


@pytest.mark.parametrize(
    ("more", "seen"),
    [
        (((b"x-a", b" v"),), (("x-a", " v"),)),
        # Cookies are joined by HTTP/2 (§8.2.3), so the fields are not those that came; spaces may be stripped.
        (((b"x-a", b" v"), (b"cookie", b" a=1"), (b"cookie", b"b=2 ")), (("x-a", "v"), ("cookie", "a=1; b=2"))),
    ],
)
def test_spaces_in_request_metadata(more: FieldList, seen: object) -> None:
    peer = Peer(GrpcConnection.server(SERVER))
    calls: list[ServerCall] = []
    session = ServerSession(peer.connection, calls.append, Limits())
    peer.sends(peer.headers(1, REQUEST + more))
    session.handle(peer.take_events())
    assert calls[0].request.metadata == seen


@pytest.mark.parametrize("field", [(b"x-a", b"v\0"), (b"x-a", b"\tv"), (b"Upper", b" v"), (b":path", b" /a/b")])
def test_what_else_is_malformed_stays_so(field: tuple[bytes, bytes]) -> None:
    peer = Peer(GrpcConnection.server(Config()))
    fields = request(path=field[1]) if field[0] == b":path" else (*REQUEST, field)
    peer.sends(peer.headers(1, fields))
    peer.expects("RFC 9113 §8.1.1", headers(1, end_stream=True), rst_stream(1, ErrorCode.PROTOCOL_ERROR))


def test_a_client_that_still_sends_is_asked_to_stop_when_the_answer_has_left() -> None:
    """RFC 9113 §8.1: not before the whole answer, which waits for the client's window here, and not never."""
    sessions = Sessions()
    call, served, _ = sessions.open()
    served.send_message(b"x" * 100_000)
    served.finish(StatusCode.OK)
    sessions.exchange()
    assert call.code is None, "the status waits behind the message"
    assert sessions.server_session.unread == [1]
    while call.code is None:
        call.inbox.take()
        sessions.exchange()
    sessions.server_session.stop_unread()
    sessions.exchange()
    assert call.code is StatusCode.OK
    assert not sessions.server_session.unread
    assert 1 not in sessions.server.streams.by_id, "its slot is free"
