"""Calls as state machines, on two sessions joined in memory: what each side may say, and whose credit is whose."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from grpc_core.calls import SEND_QUEUE_BYTES_MAX
from grpc_core.metadata import Fields
from grpc_core.session import Limits, ServerSession
from grpc_core.status import StatusCode
from grpc_core.wire import MessageError
from hpack_codec import Field
from http2 import ErrorCode
from http2.config import Config
from tests.grpc_core.support import OK_TRAILERS, REQUEST, RESPONSE, message
from tests.grpc_core.support_sessions import Sessions
from tests.support.peer import Peer, headers, rst_stream

WINDOW = 65_535


# -- a whole call ------------------------------------------------------------------------------------------------------


def test_a_call_from_its_request_to_its_status() -> None:
    pair = Sessions()
    call, served, log = pair.open(((b"x-a", b"1"),))
    assert served.request.path == "/test.Service/Echo"
    assert served.request.metadata == (("user-agent", "test/1"), ("x-a", "1"))
    call.send_message(b"question", end=True)
    pair.exchange()
    assert pair.server_log.seen == ["message"], "told once for the message and its end"
    assert (served.inbox.take(), served.inbox.is_over) == (b"question", True)
    served.send_initial_metadata(((b"x-i", b"2"),))
    served.send_initial_metadata(((b"x-i", b"3"),))
    pair.exchange()
    assert call.initial_metadata == (("x-i", "2"),), "only the first time counts"
    served.send_message(b"answer")
    served.finish(StatusCode.OK, fields=((b"x-t", b"4"),))
    pair.exchange()
    assert log.seen == ["headers", "message", "finished"]
    assert (call.code, call.details, call.trailing_metadata) == (StatusCode.OK, "", (("x-t", "4"),))
    assert call.inbox.take() == b"answer"
    assert served.is_over
    assert not served.is_cancelled
    assert not pair.client_session.calls
    assert not pair.server_session.calls
    pair.exchange()
    pair.check_nothing_left()


def test_streams_of_messages_are_the_same_machine() -> None:
    pair = Sessions()
    call, served, _ = pair.open()
    for index in range(3):
        call.send_message(b"question %d" % index)
        pair.exchange()
        assert served.inbox.take() == b"question %d" % index
        served.send_message(b"answer %d" % index)
        pair.exchange()
        assert call.inbox.take() == b"answer %d" % index
    call.half_close()
    call.half_close()
    call.send_message(b"too late")
    pair.exchange()
    assert served.inbox.is_over
    assert served.inbox.take() is None, "what is sent after the end is nothing"
    served.finish(StatusCode.OK)
    pair.exchange()
    assert call.code is StatusCode.OK
    pair.check_nothing_left()


@pytest.mark.wire("W082")
def test_w082_a_status_before_anything_else_is_trailers_only() -> None:
    peer = Peer.of_server(Config(check_path=False))
    session = ServerSession(peer.connection, lambda call: call.finish(StatusCode.NOT_FOUND, "no"), Limits())
    peer.sends(peer.headers(1, REQUEST, end_stream=True))
    session.handle(peer.take_events())
    fields = RESPONSE + ((b"grpc-status", b"5"), (b"grpc-message", b"no"))
    peer.expects_only("one field block, and no reset: the request was over", headers(1, fields, end_stream=True))


@pytest.mark.wire("W040", "W082")
def test_a_trailers_only_answer_is_all_trailing_metadata() -> None:
    pair = Sessions()
    call, served, log = pair.open()
    call.half_close()
    served.finish(StatusCode.ABORTED, "über", ((b"x-t", b"1"),))
    pair.exchange()
    assert (call.code, call.details) == (StatusCode.ABORTED, "über")
    assert (call.initial_metadata, call.trailing_metadata) == ((), (("x-t", "1"),)), "W040"
    assert log.seen == ["finished"]


@pytest.mark.wire("W092")
def test_w092_an_early_answer_asks_the_client_to_stop() -> None:
    pair = Sessions()
    call, served, log = pair.open()
    call.send_message(b"one")
    served.finish(StatusCode.FAILED_PRECONDITION, "stop it")
    assert served.is_over
    pair.exchange()
    assert (call.code, call.details) == (StatusCode.FAILED_PRECONDITION, "stop it"), "the trailers, not the RST_STREAM"
    call.send_message(b"two")
    call.half_close()
    call.cancel(StatusCode.CANCELLED, "late")
    pair.exchange()
    assert log.seen == ["finished"]
    assert call.code is StatusCode.FAILED_PRECONDITION
    pair.check_nothing_left()


@pytest.mark.wire("W093")
def test_the_status_does_not_overtake_data_that_waits_for_the_window() -> None:
    pair = Sessions(client_config=Config(stream_window_bytes=10))
    call, served, _ = pair.open()
    served.send_message(b"x" * 100)
    served.finish(StatusCode.OK)
    pair.exchange()
    assert call.code is None, "10 octets have come, and no RST_STREAM"
    call.inbox.is_wanted = True
    call.inbox.take()
    pair.exchange()
    assert call.code is StatusCode.OK
    assert call.inbox.take() == b"x" * 100
    pair.exchange()
    pair.check_nothing_left()


@pytest.mark.wire("W092")
def test_an_answer_before_the_request_has_left_resets_the_rest() -> None:
    """The request waits for a window that the server will never open: nobody may wait for it for ever."""
    pair = Sessions(server_config=Config(stream_window_bytes=10))
    call, served, _ = pair.open()
    call.send_message(b"x" * 1000, end=True)
    pair.exchange()
    # A server that says nothing after its trailers, unlike ours.
    pair.server.send_headers(served.stream_id, RESPONSE + ((b"grpc-status", b"5"),), True)
    pair.exchange()
    assert call.code is StatusCode.NOT_FOUND
    assert pair.client.streams.are_done(), "the stream was reset"


def test_the_send_queue_tells_when_there_is_room() -> None:
    pair = Sessions()
    call, served, log = pair.open()
    assert call.can_send
    assert served.can_send
    size = WINDOW + SEND_QUEUE_BYTES_MAX
    call.send_message(bytes(size))
    served.send_message(bytes(size))
    pair.exchange()
    assert not call.can_send, "what the window does not take is queued"
    assert not served.can_send
    for inbox in (served.inbox, call.inbox):
        inbox.take()
    pair.exchange()
    assert call.can_send
    assert served.can_send
    assert "writable" in log.seen
    assert "writable" in pair.server_log.seen


# -- sizes -------------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W057")
def test_a_message_over_the_senders_limit_is_not_sent() -> None:
    pair = Sessions(client_limits=Limits(send_bytes_max=3), server_limits=Limits(send_bytes_max=4))
    call, served, _ = pair.open()
    with pytest.raises(MessageError, match=r"Sent message larger than max \(4 vs\. 3\)"):
        call.send_message(b"1234", end=True)
    with pytest.raises(MessageError, match=r"Sent message larger than max \(5 vs\. 4\)"):
        served.send_message(b"12345")
    call.send_message(b"123", end=True)
    pair.exchange()
    assert served.inbox.take() == b"123", "and nothing has changed"


@pytest.mark.wire("W057")
def test_w057_a_request_over_the_limit_ends_the_call_at_its_prefix() -> None:
    pair = Sessions(server_limits=Limits(receive_bytes_max=10))
    call, served, _ = pair.open()
    call.send_message(bytes(100_000), end=True)
    pair.exchange()
    assert (call.code, call.details) == (
        StatusCode.RESOURCE_EXHAUSTED,
        "Received message larger than max (100000 vs. 10)",
    )
    assert served.is_cancelled
    assert served.cancel_reason == call.details
    assert pair.server_log.seen == ["finished"]
    pair.check_nothing_left()


@pytest.mark.wire("W057")
def test_w057_a_response_over_the_limit_ends_the_call_with_a_reset() -> None:
    pair = Sessions(client_limits=Limits(receive_bytes_max=10))
    call, served, _ = pair.open()
    call.half_close()
    served.send_message(bytes(11))
    pair.exchange()
    assert (call.code, call.details) == (StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max (11 vs. 10)")
    assert served.is_cancelled
    assert served.cancel_reason == "the client reset the stream: CANCEL"
    pair.check_nothing_left()


@pytest.mark.wire("W037", "W100")
@pytest.mark.parametrize("limit", [100, 250, 300])
def test_metadata_over_the_clients_limit_ends_the_call_with_a_status_if_there_is_room(limit: int) -> None:
    pair = Sessions(client_config=Config(field_list_bytes_max=limit))
    call, served, _ = pair.open()
    call.half_close()
    with pytest.raises(MessageError, match="initial metadata: a field list of") as caught:
        served.send_initial_metadata(((b"x-i", b"v" * 300),))
    assert caught.value.code is StatusCode.RESOURCE_EXHAUSTED
    served.finish(StatusCode.OK, fields=((b"x-t", b"v" * 300),))
    pair.exchange()
    assert call.code is StatusCode.RESOURCE_EXHAUSTED, "by trailers, or by RST_STREAM (ENHANCE_YOUR_CALM)"
    assert served.is_over
    pair.check_nothing_left()


@pytest.mark.wire("W037")
def test_trailers_over_the_clients_limit_after_the_headers() -> None:
    pair = Sessions(client_config=Config(field_list_bytes_max=300))
    call, served, _ = pair.open()
    call.half_close()
    served.send_initial_metadata()
    served.finish(StatusCode.OK, fields=((b"x-t", b"v" * 300),))
    pair.exchange()
    assert call.code is StatusCode.RESOURCE_EXHAUSTED
    assert "status and trailing metadata: a field list of" in call.details
    pair.check_nothing_left()


# -- a response in one step --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fields", [(), ((b"x-t", b"1"),)], ids=["plain", "with trailing metadata"])
@pytest.mark.parametrize("details", ["", "über"])
@pytest.mark.parametrize("has_headers", [False, True])
@pytest.mark.parametrize("size", [0, 5, 100_000])
def test_a_response_in_one_step_is_a_message_and_a_status(
    fields: Fields, details: str, has_headers: bool, size: int
) -> None:
    pair = Sessions()
    call, served, log = pair.open()
    call.half_close()
    pair.exchange()
    if has_headers:
        served.send_initial_metadata()
    served.respond(bytes(size), details, fields)
    assert served.is_finished
    served.respond(b"again")
    call.inbox.is_wanted = True
    pair.exchange()
    assert call.inbox.take() == bytes(size)
    assert (call.code, call.details, len(call.trailing_metadata)) == (StatusCode.OK, details, len(fields))
    assert log.seen.count("finished") == 1
    counts = pair.server_session.counts
    assert (counts.messages_sent, counts.streams_succeeded, counts.calls_succeeded) == (1, 1, 1)
    pair.check_nothing_left()


def test_a_response_in_one_step_before_the_client_is_done_asks_it_to_stop() -> None:
    pair = Sessions()
    call, served, _ = pair.open()
    served.respond(b"x")
    pair.exchange()
    assert (call.inbox.take(), call.code) == (b"x", StatusCode.OK)
    pair.check_nothing_left()


def test_a_response_over_a_limit_is_not_sent() -> None:
    pair = Sessions(server_limits=Limits(send_bytes_max=4), client_config=Config(field_list_bytes_max=300))
    call, served, _ = pair.open()
    call.half_close()
    with pytest.raises(MessageError, match=r"Sent message larger than max \(5 vs\. 4\)"):
        served.respond(b"12345")
    assert not served.headers_sent
    served.respond(b"1234", fields=((b"x-t", b"v" * 300),))
    pair.exchange()
    assert call.inbox.take() == b"1234"
    assert call.code is StatusCode.RESOURCE_EXHAUSTED
    assert "status and trailing metadata: a field list of" in call.details
    pair.check_nothing_left()


def test_a_response_to_a_client_that_has_gone_goes_nowhere() -> None:
    pair = Sessions()
    call, served, _ = pair.open()
    call.cancel(StatusCode.CANCELLED, "")
    events = pair.server.receive_data(b"".join(pair.client.data_to_send()))  # what they mean is still to be handled
    with pytest.raises(MessageError, match="initial metadata: stream 1 cannot send"):
        served.respond(b"x")
    pair.server_session.handle(events)
    served.respond(b"x")
    assert not served.is_finished


# -- the client's faults -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code", "details"),
    [
        (message(b"x", flag=2), StatusCode.INTERNAL, "Received a message with the compressed flag 2; it is 0 or 1"),
        (message(b"x", flag=1), StatusCode.INTERNAL, "Compression bit set but no encoding configured"),
        (
            b"\0\0\0\0\x09abc",
            StatusCode.INTERNAL,
            "the stream ended inside a message: 8 octets have come, 14 are needed",
        ),
    ],
)
def test_content_that_is_no_messages_ends_the_call(content: bytes, code: StatusCode, details: str) -> None:
    pair = Sessions()
    call, served, _ = pair.open()
    pair.client.send_data(call.stream_id, content, True)
    pair.exchange()
    assert (call.code, call.details) == (code, details)
    assert served.is_cancelled
    assert pair.server_log.seen == ["finished"]
    served.fail(StatusCode.UNKNOWN, "again")
    assert pair.server_log.seen == ["finished"], "a call fails once"


def test_a_call_without_observer_fails_quietly() -> None:
    pair = Sessions()
    call, served, _ = pair.open()
    served.observer = None
    pair.client.send_data(call.stream_id, message(b"x"))
    pair.client.send_data(call.stream_id, message(b"x", flag=2))
    pair.exchange()
    assert call.code is StatusCode.INTERNAL
    served.on_cancelled("again")
    call, served, _ = pair.open()
    served.observer = None
    call.cancel(StatusCode.CANCELLED, "")
    pair.exchange()
    assert served.is_cancelled


@pytest.mark.wire("W054")
def test_request_trailers_end_the_messages() -> None:
    pair = Sessions()
    call, served, _ = pair.open()
    pair.client.send_data(call.stream_id, message(b"x"))
    pair.client.send_headers(call.stream_id, ((b"x-t", b"1"),), True)
    pair.exchange()
    assert (served.inbox.take(), served.inbox.is_over) == (b"x", True)
    served.finish(StatusCode.OK)
    pair.exchange()
    assert call.code is StatusCode.OK
    pair.check_nothing_left()


@pytest.mark.wire("W125")
def test_data_that_comes_after_the_status_is_credited_back() -> None:
    """By more than the connection's window, so that lost credit would stop it."""
    pair = Sessions(server_config=Config(connection_window_bytes=WINDOW))
    for _ in range(4):
        call, served, _ = pair.open()
        call.send_message(bytes(50_000))
        pair.pump()  # on the wire before the status is
        served.finish(StatusCode.OK)
        pair.exchange()
        assert call.code is StatusCode.OK
    assert pair.server.receive_window.held == 0
    call, served, _ = pair.open()
    call.send_message(b"x", end=True)
    pair.exchange()
    assert served.inbox.take() == b"x"


# -- the server's faults -----------------------------------------------------------------------------------------------


def client_and_peer() -> tuple[Sessions, Peer]:
    peer = Peer.of_client()
    pair = Sessions()
    pair.client_session.connection = peer.connection
    return pair, peer


def trailers(peer: Peer, *fields: Field) -> bytes:
    return peer.headers(1, fields, end_stream=True)


ANSWERS: list[tuple[Callable[[Peer], list[bytes]], StatusCode, str]] = [
    (
        lambda p: [p.data(1, message(b"x"), end_stream=True)],
        StatusCode.UNKNOWN,
        "ended without trailers: no grpc-status",
    ),
    (lambda p: [p.data(1, b"\0\0"), trailers(p, *OK_TRAILERS)], StatusCode.INTERNAL, "ended inside a message"),
    (lambda p: [p.data(1, b"\0\0"), trailers(p, (b"grpc-status", b"5"))], StatusCode.NOT_FOUND, ""),
    (lambda p: [p.data(1, b"\0\0", end_stream=True)], StatusCode.INTERNAL, "ended inside a message"),
    (lambda p: [p.data(1, message(b"x", flag=2))], StatusCode.INTERNAL, "compressed flag 2"),
    (lambda p: [p.headers(1, RESPONSE)], StatusCode.INTERNAL, "the server's answer breaks HTTP/2: malformed message"),
    (lambda p: [trailers(p, (b"x-t", b"v"))], StatusCode.UNKNOWN, "ended without grpc-status"),
]


@pytest.mark.parametrize(("frames", "code", "details"), ANSWERS)
def test_an_answer_that_is_no_grpc_ends_the_call(
    frames: Callable[[Peer], list[bytes]], code: StatusCode, details: str
) -> None:
    pair, peer = client_and_peer()
    call, log = pair.start()
    call.half_close()
    peer.skip()
    peer.sends(peer.headers(1, RESPONSE), *frames(peer))
    pair.client_session.handle(peer.take_events())
    assert call.code is code
    assert details in call.details
    assert log.seen == ["headers", "finished"]
    assert not pair.client_session.calls


@pytest.mark.wire("W091")
def test_a_response_that_is_not_grpc_is_not_waited_for() -> None:
    pair, peer = client_and_peer()
    call, log = pair.start()
    call.half_close()
    peer.skip()
    peer.sends(peer.headers(1, ((b":status", b"200"), (b"content-type", b"text/html"))))
    pair.client_session.handle(peer.take_events())
    peer.expects_only("nobody reads its content", rst_stream(1, ErrorCode.CANCEL))
    assert call.code is StatusCode.UNKNOWN
    assert "content-type b'text/html'" in call.details
    assert log.seen == ["finished"]
    peer.sends(peer.data(1, b"<html>"))
    pair.client_session.handle(peer.take_events())
    assert peer.connection.receive_window.held == 0


RESETS = {
    ErrorCode.NO_ERROR: StatusCode.INTERNAL,
    ErrorCode.PROTOCOL_ERROR: StatusCode.INTERNAL,
    ErrorCode.INTERNAL_ERROR: StatusCode.INTERNAL,
    ErrorCode.FLOW_CONTROL_ERROR: StatusCode.INTERNAL,
    ErrorCode.SETTINGS_TIMEOUT: StatusCode.INTERNAL,
    ErrorCode.STREAM_CLOSED: StatusCode.INTERNAL,
    ErrorCode.FRAME_SIZE_ERROR: StatusCode.INTERNAL,
    ErrorCode.REFUSED_STREAM: StatusCode.UNAVAILABLE,
    ErrorCode.CANCEL: StatusCode.CANCELLED,
    ErrorCode.COMPRESSION_ERROR: StatusCode.INTERNAL,
    ErrorCode.CONNECT_ERROR: StatusCode.INTERNAL,
    ErrorCode.ENHANCE_YOUR_CALM: StatusCode.RESOURCE_EXHAUSTED,
    ErrorCode.INADEQUATE_SECURITY: StatusCode.PERMISSION_DENIED,
    ErrorCode.HTTP_1_1_REQUIRED: StatusCode.INTERNAL,
}


@pytest.mark.wire("A8")
@pytest.mark.parametrize("error_code", RESETS)
def test_a8_the_status_of_a_call_that_was_reset(error_code: ErrorCode) -> None:
    pair = Sessions()
    call, served, log = pair.open()
    served.reset(error_code)
    assert served.is_over
    served.reset(error_code)
    pair.exchange()
    assert call.code is RESETS[error_code]
    assert call.details == f"Received RST_STREAM with error code {error_code.name}"
    assert call.is_unprocessed == (error_code == ErrorCode.REFUSED_STREAM)
    assert log.seen == ["finished"]
    pair.check_nothing_left()


@pytest.mark.wire("W101")
def test_w101_cancelling_tells_the_server() -> None:
    pair = Sessions()
    call, served, log = pair.open()
    call.cancel(StatusCode.CANCELLED, "enough")
    call.cancel(StatusCode.UNKNOWN, "again")
    assert (call.code, call.details, log.seen) == (StatusCode.CANCELLED, "enough", ["finished"])
    pair.exchange()
    assert served.is_cancelled
    assert served.cancel_reason == "the client reset the stream: CANCEL"
    assert pair.server_log.seen == ["finished"]
    served.send_initial_metadata()
    served.send_message(b"x")
    served.finish(StatusCode.OK)
    served.reset(ErrorCode.CANCEL)
    pair.exchange()
    pair.check_nothing_left()
