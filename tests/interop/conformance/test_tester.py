"""The test peer by itself: what it says, what it keeps, and when what it waits for has come."""

from __future__ import annotations

import pytest

from hpack_codec import Encoder
from hpack_codec.integers import encode_integer
from http2.errors import ErrorCode
from http2.frames import (
    ACK,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    SETTINGS_ACK,
    build_data_header,
    build_frame,
    build_goaway,
    build_ping,
    build_rst_stream,
    build_settings,
    build_window_update,
)
from interop.conformance.exchange import Answer, ClientResult, Exchange
from interop.conformance.memory import TARGET
from interop.conformance.model import Await, Begin, Behaviour, Role, What
from interop.conformance.script import (
    GET,
    POST,
    STREAM,
    Content,
    Literal,
    Raw,
    begun,
    data,
    even,
    headers,
    idle,
    ping,
    rst_stream,
    settings,
    unknown,
)
from interop.conformance.tester import Tester


def block(stream_id: int, *fields: tuple[bytes, bytes], end_stream: bool = False) -> bytes:
    flags = END_HEADERS | (END_STREAM if end_stream else 0)
    return build_frame(HEADERS, flags, stream_id, Encoder(table_bytes_max=0).encode(fields))


def data_frame(stream_id: int, content: bytes, end_stream: bool = False) -> bytes:
    return build_data_header(len(content), stream_id, end_stream) + content


def client(behaviour: Behaviour | None = None) -> Tester:
    """A tester of servers, behind the handshake."""
    tester = Tester(Role.SERVER, TARGET, behaviour or Behaviour())
    tester.start()
    tester.receive(build_settings({}) + SETTINGS_ACK)
    tester.take_output()
    return tester


def server() -> Tester:
    """A tester of clients, behind the handshake."""
    tester = Tester(Role.CLIENT, TARGET, Behaviour())
    tester.start()
    tester.receive(PREFACE + build_settings({}) + SETTINGS_ACK)
    tester.take_output()
    return tester


def exchange_of(tester: Tester) -> Exchange:
    exchange = tester.exchange(STREAM)
    assert exchange is not None
    return exchange


def said(tester: Tester, count: int) -> list[str]:
    """The last frames that it sent."""
    return [str(frame) for frame in tester.frames if frame.is_sent][-count:]


def test_a_client_s_handshake() -> None:
    tester = Tester(Role.SERVER, TARGET, Behaviour(settings=((4, 5),)))
    tester.start()
    output = tester.take_output()
    assert output == PREFACE + build_settings({2: 0, 4: 5}), "it wants no PUSH_PROMISE, and what the case says"
    assert not tester.is_met(Await(What.SETTINGS))
    tester.receive(build_settings({}))
    assert tester.take_output() == SETTINGS_ACK
    assert not tester.is_met(Await(What.SETTINGS)), "its own are not acknowledged yet"
    tester.receive(SETTINGS_ACK)
    assert tester.is_met(Await(What.SETTINGS))


def test_a_server_reads_the_preface_octet_by_octet() -> None:
    tester = Tester(Role.CLIENT, TARGET, Behaviour())
    tester.start()
    assert tester.take_output() == build_settings({})
    for octet in PREFACE + build_settings({5: 20_000}):
        tester.receive(bytes([octet]))
    assert tester.settings_received == 1
    assert tester.frame_bytes_max == 20_000


@pytest.mark.parametrize(
    ("role", "octets", "text"),
    [
        (Role.CLIENT, b"GET / HTTP/1.1\r\n", "begins with GET / HTTP/1.1"),
        (Role.SERVER, b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP/1: HTTP/1.1 400 Bad Request"),
    ],
)
def test_what_is_not_http_2_is_said_so(role: Role, octets: bytes, text: str) -> None:
    tester = Tester(role, TARGET, Behaviour())
    tester.receive(octets)
    assert text in tester.foreign
    assert tester.is_over


def test_it_answers_pings_and_settings_and_gives_windows_back() -> None:
    tester = client()
    tester.send(headers(idle(), *GET, end_stream=True))
    tester.take_output()
    tester.receive(
        build_ping(b"12345678") + build_settings({}) + block(1, (b":status", b"200")) + data_frame(1, b"abc")
    )
    assert tester.take_output() == (
        build_ping(b"12345678", ack=True) + SETTINGS_ACK + build_window_update(0, 3) + build_window_update(1, 3)
    )
    tester.receive(data_frame(1, b"d", end_stream=True))
    assert tester.take_output() == build_window_update(0, 1), "a stream that has ended needs no window"


def test_it_holds_back_what_it_is_told_to() -> None:
    tester = client(Behaviour(ack_settings=False, answer_pings=False, give_windows=False, settings=((4, 0),)))
    tester.send(headers(idle(), *GET, end_stream=True))
    tester.take_output()
    tester.receive(
        build_ping(b"12345678") + build_settings({}) + block(1, (b":status", b"200")) + data_frame(1, b"abc")
    )
    assert tester.take_output() == b""
    tester.restore()
    assert tester.take_output() == build_settings({4: 65_535}) + build_window_update(0, 3)


def test_pings_are_met_by_their_answers() -> None:
    tester = client()
    tester.ping()
    tester.send(ping(b"12345678"))
    octets = tester.take_output()
    assert octets[9:17] != octets[26:34], "each barrier has a payload of its own"
    tester.receive(build_ping(b"unasked!", ack=True))
    assert not tester.is_met(Await(What.PONG))
    tester.receive(build_frame(6, ACK, 0, octets[9:17]) + build_ping(b"12345678", ack=True))
    assert tester.is_met(Await(What.PONG))


def test_an_exchange_is_known_by_the_frames_that_were_sent() -> None:
    """However they were built: here, a request over CONTINUATION, written as octets."""
    tester = client()
    whole = b"".join(part.octets(tester) for part in POST)
    tester.send(Raw(build_frame(HEADERS, 0, 1, whole[:9]) + build_frame(9, END_HEADERS, 1, whole[9:])))
    exchange = exchange_of(tester)
    assert (exchange.stream_id, exchange.method, exchange.sent_end) == (1, b"POST", False)
    tester.send(data(STREAM, b"one", padding=5), Content(STREAM, 3, end_stream=True))
    assert (bytes(exchange.content_sent), exchange.is_sent) == (b"oneccc", True)
    tester.receive(block(1, (b":status", b"103")) + block(1, (b":status", b"200")))
    assert exchange.status == 200, "informational ones do not count"
    assert not tester.is_met(Await(What.ANSWER))
    tester.receive(data_frame(1, b"onecc") + data_frame(1, b"c", end_stream=True))
    assert tester.is_met(Await(What.ANSWER))
    assert tester.problem_of(exchange) == ""


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (block(1, (b":status", b"200")) + data_frame(1, b"x", True), "the content on stream 1 is x; y was due"),
        (block(1, (b":status", b"404")) + data_frame(1, b"y", True), "answered with 404; 200"),
        (block(1, (b":status", b"200")) + data_frame(1, b"y"), "no complete answer on stream 1"),
        (build_rst_stream(1, ErrorCode.CANCEL), "stream 1 was reset with 0x8"),
        (block(1, (b":status", b"200")) + data_frame(1, b"y", True) + build_rst_stream(1, 0), ""),
    ],
)
def test_an_answer_is_compared_octet_for_octet(answer: bytes, problem: str) -> None:
    tester = client()
    tester.send(headers(idle(), *POST), data(STREAM, b"y", end_stream=True))
    tester.receive(answer)
    found = tester.problem_of(exchange_of(tester))
    assert (found == "") if not problem else (problem in found)


def test_streams_have_names() -> None:
    tester = client()
    assert [tester.stream_id(ref) for ref in (idle(), idle(1), even(), even(2), 9)] == [1, 3, 2, 6, 9]
    tester.begin(Begin())
    tester.send(unknown(0x20, idle()))
    assert tester.stream_id(idle()) == 3, "only HEADERS use a stream up"
    tester.begin(Begin(end=True))
    assert [tester.stream_id(ref) for ref in (STREAM, begun(0), begun(1), idle())] == [3, 1, 3, 5]
    with pytest.raises(LookupError, match="only 2 streams"):
        tester.stream_id(begun(2))


def test_a_client_s_request_begins_an_exchange_and_is_answered() -> None:
    tester = server()
    assert not tester.is_met(Await(What.REQUEST, count=1))
    tester.receive(block(1, (b":method", b"GET"), (b":path", b"/"), (b":scheme", b"http"), end_stream=True))
    assert tester.is_met(Await(What.REQUEST, count=1))
    assert tester.is_met(Await(What.HEAD))
    exchange = exchange_of(tester)
    assert (exchange.method, exchange.ended) == (b"GET", True)
    tester.finish(STREAM, b"ignored: a server answers with what it always answers")
    assert said(tester, 2) == [
        "HEADERS END_HEADERS on stream 1: :status=200",
        "DATA END_STREAM on stream 1: 42 octets A known body, the same f...",
    ]
    assert "no result" in tester.problem_of(exchange)
    tester.results = [ClientResult(True, TARGET.get)]
    assert tester.is_met(Await(What.RESULT))
    assert tester.problem_of(exchange) == ""
    tester.results = [ClientResult(True, error="broken")]
    assert "failed: broken" in tester.problem_of(exchange)


def test_a_half_that_was_ended_or_reset_is_not_finished_again() -> None:
    tester = client()
    tester.begin(Begin())
    tester.send(rst_stream(STREAM, 8))
    tester.take_output()
    tester.finish(STREAM, b"late")
    assert tester.take_output() == b""
    assert not exchange_of(tester).is_sent


def test_the_end_is_known() -> None:
    tester = client()
    tester.receive(build_goaway(0, ErrorCode.NO_ERROR))
    assert tester.is_met(Await(What.GOAWAY))
    assert not tester.is_over, "a graceful one ends nothing"
    tester.receive(build_goaway(0, ErrorCode.PROTOCOL_ERROR))
    assert tester.is_over
    assert not tester.is_met(Await(What.END))
    tester.receive_end()
    assert tester.is_met(Await(What.END))


def test_a_block_that_cannot_be_decoded_is_noted() -> None:
    tester = client()
    tester.begin(Begin(end=True))
    tester.receive(build_frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff\xff"))
    assert [violation.rule for violation in tester.passive.violations] == ["HPK"]


def test_a_reduced_table_must_be_announced() -> None:
    """RFC 9113 §4.3.1: the first block after the acknowledgement begins with a size update."""
    tester = client()
    tester.send(settings((1, 0)))
    tester.begin(Begin(end=True))
    tester.receive(SETTINGS_ACK + build_frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x88"))
    assert "cannot be decoded" in str(tester.passive.violations[0])


def test_a_window_is_waited_for() -> None:
    tester = client()
    tester.begin(Begin())
    tester.send(Content(STREAM, 65_535))
    waits = Await(What.WINDOW, count=10), Await(What.WINDOW, 0, count=10)
    assert [tester.is_met(wait) for wait in waits] == [False, False]
    tester.receive(build_window_update(0, 10))
    assert [tester.is_met(wait) for wait in waits] == [False, True]
    tester.receive(build_window_update(1, 10))
    assert [tester.is_met(wait) for wait in waits] == [True, True]


def test_a_client_is_told_the_status_that_was_sent() -> None:
    tester = server()
    tester.receive(block(1, (b":method", b"GET"), (b":path", b"/"), (b":scheme", b"http"), end_stream=True))
    for status in (b"103", b"204"):
        tester.send(headers(STREAM, Literal(b":status", status), end_stream=status == b"204"))
    tester.results = [ClientResult(True, Answer(200, b""))]
    assert "answered with 200; 204" in tester.problem_of(exchange_of(tester))
    tester.results = [ClientResult(True, Answer(204, b""))]
    assert tester.problem_of(exchange_of(tester)) == ""


def test_a_table_may_be_as_large_as_was_announced() -> None:
    tester = client(Behaviour(settings=((1, 2**32 - 1),)))
    tester.begin(Begin(end=True))
    update = b"\x3f" + encode_integer(2**32 - 1, 5)[1:]
    tester.receive(build_frame(HEADERS, END_HEADERS | END_STREAM, 1, update + b"\x88"))
    assert exchange_of(tester).status == 200
    assert tester.passive.violations == []
