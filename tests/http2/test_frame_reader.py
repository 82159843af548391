"""Finding frames in octets (RFC 9113 §3.4, §4.1-4.3, §6.10)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hpack_codec.integers import encode_integer
from http2 import frame_reader
from http2.config import Config
from http2.connection import Connection
from http2.errors import ErrorCode
from http2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    PingReceived,
    RequestReceived,
    StreamReset,
)
from http2.frame_reader import HTTP_1_ANSWER, describe_start, frame_name, is_http_1, may_become_http_1
from http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PRIORITY_FLAG,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    SETTINGS_ACK,
    WINDOW_UPDATE,
    build_frame,
    build_ping,
    build_settings,
    pack_header,
    unpack_header,
)
from tests.support.pair import GET, POST, TRAILERS
from tests.support.peer import Peer, ping_ack, rst_stream, settings, settings_ack, window_update
from tests.support.strategies import BLOCKS, client_session

OPENING = PREFACE + build_settings({})
PING_FRAME = build_ping(b"trailing")


def failure(connection: Connection) -> tuple[int, str]:
    assert connection.termination is not None
    return connection.termination.error_code, connection.termination.reason


# -- the preface (§3.4) ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", range(len(OPENING) + 1))
def test_the_preface_may_come_in_two_pieces_cut_anywhere(cut: int) -> None:
    """PRE-01, and PRE-05: frames right behind it are not waited with."""
    connection = Connection.server()
    whole = OPENING + PING_FRAME
    connection.receive_data(whole[:cut])
    connection.receive_data(whole[cut:])
    peer = Peer(connection, handshake=False)
    peer.expects("PRE-06: the server's first frame is SETTINGS", settings({3: 100, 6: 65_536}))
    peer.expects("the connection's window is raised at once", window_update(0, 1_048_576 - 65_535))
    peer.expects_only("PRE-07: one acknowledgement, behind our SETTINGS", settings_ack(), ping_ack(b"trailing"))


def test_the_client_says_the_preface_and_settings_first() -> None:
    output = b"".join(Connection.client(Config(connection_window_bytes=65_535)).data_to_send())
    assert output == PREFACE + build_settings({2: 0, 6: 65_536}), "PRE-08"


@pytest.mark.parametrize(
    ("opening", "text"),
    [
        (PREFACE[:-1] + b"!", "instead of the HTTP/2 preface"),  # PRE-04
        (b"\x16\x03\x01\x02\x00\x01\x00", "a TLS handshake, but this is a plaintext port"),
        (b"\x00" * 24, "instead of the HTTP/2 preface"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "b'SSH-2.0-OpenSSH_9.2\\r\\n' instead of the HTTP/2 preface"),
    ],
)
def test_another_beginning_ends_the_connection_and_says_what_it_looked_like(opening: bytes, text: str) -> None:
    peer = Peer(Connection.server(), handshake=False)
    peer.sends(opening)
    peer.connection_failed("no preface", ErrorCode.PROTOCOL_ERROR, 0, text, "RFC 9113 §3.4")


@pytest.mark.parametrize("cut", [0, 1, 2, 4, 5, 100])
@pytest.mark.parametrize(
    "line", [b"POST / HTTP/1.1", b"GET / HTTP/1.1", b"CONNECT h:1 HTTP/1.1", b"OPTIONS * HTTP/1.1"]
)
def test_an_http_1_request_gets_an_answer_in_its_own_language(line: bytes, cut: int) -> None:
    """PRE-13: also one that asks for an upgrade, and wherever it is cut; the P of POST is the preface's."""
    connection = Connection.server()
    request = line + b"\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n"
    events = connection.receive_data(request[:cut])
    events += connection.receive_data(request[cut:])
    code, reason = failure(connection)
    assert code == ErrorCode.PROTOCOL_ERROR
    assert f"an HTTP/1 request, but this port speaks only HTTP/2: b'{line.decode()[:3]}" in reason
    assert connection.data_to_send() == [HTTP_1_ANSWER]
    assert events == [connection.termination]
    head, _, body = HTTP_1_ANSWER.partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(body) in head


def test_the_http_1_answer_is_not_mixed_with_frames_that_are_already_out() -> None:
    connection = Connection.server()
    connection.data_to_send()
    connection.receive_data(b"GET / HTTP/1.1\r\n\r\n")
    assert b"".join(connection.data_to_send())[3] == GOAWAY


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        (b"G", True),
        (b"PRI ", True),
        (b"CONNECT a.long.name:443", True),
        (b"OPTIONS * HTTP/1", False),  # it has become one
        (b"GET /", False),
        (b"get", False),
        (b"SSH-", False),
        (b"A" * 17, False),
        (b"CONNECT " + b"a" * 248, False),
        (b"HELO example.com\r\n", False),
    ],
)
def test_what_may_become_http_1(start: bytes, answer: bool) -> None:
    assert may_become_http_1(start) is answer


@pytest.mark.parametrize(
    ("start", "answer"),
    [
        (b"GET / HTTP/1.1\r\n", True),
        (b"OPTIONS * HTTP/1.1\r\n", True),
        (PREFACE, False),
        (b"CONNECT example.com:443 HTTP/1.1\r\n", True),
        (b"GET", False),
        (b"get / HTTP/1.1\r\n", False),
        (b"SSH-2.0 x", False),
        (b"HELO example.com", False),
        (b"", False),
    ],
)
def test_what_looks_like_http_1(start: bytes, answer: bool) -> None:
    assert is_http_1(start) is answer


def test_one_octet_of_tls_is_enough_to_see_it() -> None:
    assert describe_start(b"\x16").startswith("a TLS handshake")
    assert not describe_start(b"\x16\x04").startswith("a TLS handshake")


# -- the first frame (§3.4) --------------------------------------------------------------------------------------------

NOT_SETTINGS = [
    (build_frame(PING, 0, 0, bytes(8)), "the first frame is PING; SETTINGS is required"),
    (build_frame(HEADERS, 5, 1, BLOCKS[0]), "the first frame is HEADERS"),
    (build_frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1"), "the first frame is WINDOW_UPDATE"),
    (build_frame(0xAA, 0, 0), "the first frame is a frame of type 0xaa"),
    (SETTINGS_ACK, "the first frame is an acknowledgement of SETTINGS"),  # PRE-03
]


@pytest.mark.parametrize(("frame", "text"), NOT_SETTINGS)
@pytest.mark.parametrize("is_client", [True, False])
def test_the_first_frame_must_be_settings(is_client: bool, frame: bytes, text: str) -> None:
    """PRE-02, PRE-03, PRE-09."""
    peer = Peer(Connection(is_client), handshake=False)
    peer.sends(b"" if is_client else PREFACE, frame)
    peer.connection_failed("no SETTINGS", ErrorCode.PROTOCOL_ERROR, 0, text, "RFC 9113 §3.4")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "the peer answered with HTTP/1, it does not speak HTTP/2"),  # PRE-10
        (b"\x15\x03\x01\x00\x02\x02\x46\x00\x00", "the peer answered with a TLS alert, it expects TLS"),
    ],
)
def test_a_client_says_who_answered_instead(answer: bytes, text: str) -> None:
    peer = Peer(Connection.client(), handshake=False)
    peer.sends(answer)
    peer.connection_failed("no HTTP/2", ErrorCode.PROTOCOL_ERROR, 0, text, "RFC 9113 §3.4")


# -- frames in octets (§4.1) -------------------------------------------------------------------------------------------

# A valid frame of each type, on a server where stream 1 is open and waits for content.
VALID: dict[str, Callable[[Peer], bytes]] = {
    "DATA": lambda peer: build_frame(DATA, 0, 1, b"content"),
    "DATA, padded": lambda peer: build_frame(DATA, PADDED, 1, b"\x02contentPP"),
    "HEADERS": lambda peer: peer.headers(3, GET, end_stream=True),
    "HEADERS, priority": lambda peer: peer.headers(3, GET, flags=PRIORITY_FLAG, prefix=bytes(5)),
    "HEADERS, continued": lambda peer: peer.headers(3, GET, fragment_bytes=3),
    "trailers": lambda peer: peer.headers(1, TRAILERS, end_stream=True),
    "PRIORITY": lambda peer: build_frame(PRIORITY, 0, 99, bytes(5)),
    "RST_STREAM": lambda peer: build_frame(RST_STREAM, 0, 1, bytes(4)),
    "SETTINGS": lambda peer: build_settings({4: 1, 0x7: 9}),
    "PING": lambda peer: build_frame(PING, 0, 0, b"12345678"),
    "PING ACK": lambda peer: build_frame(PING, ACK, 0, b"12345678"),
    "GOAWAY": lambda peer: build_frame(GOAWAY, 0, 0, bytes(8) + b"why"),
    "WINDOW_UPDATE": lambda peer: build_frame(WINDOW_UPDATE, 0, 1, b"\0\0\1\0"),
    "unknown": lambda peer: build_frame(0x42, 0xFF, 1, b"anything"),
}


def through_buffer(connection: Connection, data: bytes, length: int) -> list[Event]:
    """Let a connection receive from one buffer of so many octets, which is overwritten after each time."""
    buffer = bytearray(length)
    events: list[Event] = []
    for start in range(0, len(data), length):
        piece = data[start : start + length]
        buffer[: len(piece)] = piece
        events += connection.receive_data(memoryview(buffer)[: len(piece)])
        buffer[:] = b"\xee" * length
    return events


def three_ways(name: str) -> tuple[list[Event], list[Event], list[Event]]:
    """The events of a frame that comes whole, octet by octet, and with another one behind it."""
    results = []
    for way in ("whole", "octets", "trailing"):
        peer = Peer.of_server()
        assert peer.opens(POST) == 1
        frame = VALID[name](peer)
        if way == "octets":
            for i in range(len(frame)):
                peer.sends(frame[i : i + 1])
                assert peer.connection._reader.buffered_bytes < 9 + 16_384
        else:
            peer.sends(frame + (PING_FRAME if way == "trailing" else b""))
        assert peer.connection._reader.buffered_bytes == 0
        assert not peer.connection.is_closed
        results.append(peer.take_events())
    return results[0], results[1], results[2]


@pytest.mark.parametrize("name", VALID)
def test_a_frame_means_the_same_however_it_comes(name: str) -> None:
    """FRM-11."""
    whole, octets, trailing = three_ways(name)
    assert octets == whole
    assert trailing[:-1] == whole
    assert getattr(trailing[-1], "payload", None) == b"trailing"


def test_a_whole_session_means_the_same_cut_in_two_anywhere() -> None:
    data = client_session()
    expected = Connection.server().receive_data(data)
    assert any(isinstance(event, RequestReceived) for event in expected)
    for cut in range(len(data)):
        connection = Connection.server()
        assert connection.receive_data(data[:cut]) + connection.receive_data(data[cut:]) == expected


LARGE = Config(frame_bytes_max=1_000_000, stream_window_bytes=1_000_000)


def large_session() -> bytes:
    """Frames of all sizes in between, among them such that are copied out of a buffer by themselves."""
    sizes = (5, 4_095, 4_096, 100, 16_384, 0, 16_385, 3, 300_000, 1, 65_536, 9, 4_087)
    frames = [build_frame(DATA, 0, 1, bytes([index]) * size) for index, size in enumerate(sizes)]
    opening = PREFACE + build_settings({}) + SETTINGS_ACK
    return opening + Peer(Connection.client(), handshake=False).headers(1, POST) + b"".join(frames) + PING_FRAME


@pytest.mark.parametrize("length", [1, 10, 4_000, 4_105, 16_384, 20_000, 262_144, 1_000_000])
def test_a_buffer_that_is_used_again_may_be_received_from(length: int) -> None:
    """Nothing refers to it afterwards, and the events are those of the same octets in one piece."""
    data = large_session()
    whole = Connection.server(LARGE)
    expected = whole.receive_data(data)
    assert sum(isinstance(event, DataReceived) for event in expected) == 12
    assert [type(event) for event in expected[-1:]] == [PingReceived]
    connection = Connection.server(LARGE)
    assert through_buffer(connection, data, length) == expected
    assert connection._reader.buffered_bytes == 0
    assert b"".join(connection.data_to_send()) == b"".join(whole.data_to_send())


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("length", [1, 7, 100_000])
def test_a_frame_means_the_same_out_of_a_buffer(name: str, length: int) -> None:
    results = []
    for way in ("whole", "buffer"):
        peer = Peer.of_server()
        assert peer.opens(POST) == 1
        frame = VALID[name](peer)
        if way == "whole":
            results.append(peer.connection.receive_data(frame))
        else:
            results.append(through_buffer(peer.connection, frame, length))
    assert results[0] == results[1]


@pytest.mark.parametrize("length", [9, 100, 100_000])
def test_a_fault_in_a_large_frame_is_one_of_its_stream(length: int) -> None:
    """One that is put together from parts, and one that is copied out of a buffer."""
    peer = Peer.of_server(Config(stream_window_bytes=20_000, frame_bytes_max=100_000))
    assert peer.opens(POST) == 1
    events = through_buffer(peer.connection, build_frame(DATA, 0, 1, bytes(30_000)) + PING_FRAME, length)
    assert [type(event) for event in events] == [StreamReset, PingReceived]
    peer.expects("the window of the stream was too small", rst_stream(1, ErrorCode.FLOW_CONTROL_ERROR))


def test_nothing_is_handled_behind_the_frame_that_ends_the_connection() -> None:
    """A large one, whether it comes at once or in two parts."""
    data = build_frame(SETTINGS, 0, 0, bytes(16_383)) + PING_FRAME
    for length in (10_000, 100_000):
        peer = Peer.of_server()
        events = through_buffer(peer.connection, data, length)
        assert [type(event) for event in events] == [ConnectionTerminated]
        code, reason = failure(peer.connection)
        assert (code, "16383" in reason) == (ErrorCode.FRAME_SIZE_ERROR, True)


EXCESSIVE = {
    "DATA over the connection's window": (DATA, 1_048_577, ErrorCode.FLOW_CONTROL_ERROR, "RFC 9113 §6.9.1"),
    "HEADERS over the limit of a block": (HEADERS, 65_536 + 262, ErrorCode.ENHANCE_YOUR_CALM, "RFC 9113 §10.5.1"),
    "SETTINGS without end": (SETTINGS, 65_538, ErrorCode.ENHANCE_YOUR_CALM, "RFC 9113 §10.5"),
    "an unknown frame without end": (0x42, 65_537, ErrorCode.ENHANCE_YOUR_CALM, "RFC 9113 §10.5"),
    "larger than announced": (DATA, 2_000_001, ErrorCode.FRAME_SIZE_ERROR, "RFC 9113 §4.2"),
}


@pytest.mark.parametrize("as_buffer", [False, True])
@pytest.mark.parametrize("name", EXCESSIVE)
def test_what_will_not_be_accepted_is_not_waited_for(name: str, as_buffer: bool) -> None:
    """However large the frames are that we announce: an excess is judged by the frame's header."""
    frame_type, length, code, rule = EXCESSIVE[name]
    peer = Peer.of_server(Config(frame_bytes_max=2_000_000))
    assert peer.opens(POST) == 1
    header = pack_header(length << 8 | frame_type, 0, 1)
    peer.connection.receive_data(memoryview(header) if as_buffer else header)
    assert peer.connection._reader.buffered_bytes == 0
    seen, reason = failure(peer.connection)
    assert seen == code
    assert f"{length} octets" in reason
    assert reason.endswith(f"({rule})")


@pytest.mark.parametrize(
    ("frame_type", "length"), [(DATA, 1_048_576), (HEADERS, 65_536 + 261), (SETTINGS, 65_532), (0x42, 65_536)]
)
def test_the_largest_frame_that_is_waited_for(frame_type: int, length: int) -> None:
    peer = Peer.of_server(Config(frame_bytes_max=2_000_000))
    assert peer.opens(POST) == 1
    peer.connection.receive_data(pack_header(length << 8 | frame_type, 0, 1))
    assert not peer.connection.is_closed
    assert peer.connection._reader.buffered_bytes == 9


def test_a_continuation_over_the_limit_of_a_block_is_not_waited_for() -> None:
    peer = Peer.of_server(Config(frame_bytes_max=2_000_000))
    peer.connection.receive_data(build_frame(HEADERS, 0, 1, b"\x82"))
    peer.connection.receive_data(pack_header(65_798 << 8 | CONTINUATION, 0, 1))
    code, reason = failure(peer.connection)
    assert (code, "65798 octets" in reason) == (ErrorCode.ENHANCE_YOUR_CALM, True)


def test_the_octets_of_an_incomplete_frame_are_kept_and_no_more() -> None:
    peer = Peer.of_server()
    reader = peer.connection._reader
    frame = build_frame(0x42, 0, 0, bytes(100))
    peer.sends(frame + frame[:50])
    assert reader.buffered_bytes == 50
    peer.sends(frame[50:] + frame[:4])
    assert reader.buffered_bytes == 4
    peer.sends(frame[4:])
    assert reader.buffered_bytes == 0


def test_a_peer_that_drips_is_not_looked_at_for_every_drop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Octet by octet, a frame of 16 KiB is looked at when its header is complete, and when it is."""
    looks = 0

    def counting(data: bytes, offset: int) -> tuple[int, int, int]:
        nonlocal looks
        looks += 1
        return unpack_header(data, offset)

    monkeypatch.setattr(frame_reader, "unpack_header", counting)
    peer = Peer.of_server()
    looks = 0
    for octet in build_frame(0x42, 0, 0, bytes(16_384)):
        peer.sends(bytes([octet]))
    assert looks == 2


@pytest.mark.parametrize("name", VALID)
def test_the_reserved_bit_is_ignored(name: str) -> None:
    """FRM-03."""
    plain, marked = Peer.of_server(), Peer.of_server()
    for peer in (plain, marked):
        assert peer.opens(POST) == 1
    frame = VALID[name](plain)
    plain.sends(frame)
    octets = bytearray(VALID[name](marked))
    offset = 0
    while offset < len(octets):
        length = int.from_bytes(octets[offset : offset + 3], "big")
        octets[offset + 5] |= 0x80
        offset += 9 + length
    marked.sends(bytes(octets))
    assert marked.take_events() == plain.take_events()
    assert not marked.connection.is_closed


@pytest.mark.parametrize("name", VALID)
def test_flags_that_a_type_does_not_define_are_ignored(name: str) -> None:
    """FRM-02."""
    defined = {DATA: 0x09, HEADERS: 0x2D, CONTINUATION: 0x04, SETTINGS: 0x01, PING: 0x01}
    plain, marked = Peer.of_server(), Peer.of_server()
    for peer in (plain, marked):
        assert peer.opens(POST) == 1
    plain.sends(VALID[name](plain))
    frame = bytearray(VALID[name](marked))
    frame[4] |= 0xFF & ~defined.get(frame[3], 0)
    marked.sends(bytes(frame))
    assert marked.take_events() == plain.take_events()
    assert not marked.connection.is_closed


@pytest.mark.parametrize("frame_type", [*range(0x0A, 0x10), *range(0x11, 0x100, 7), 0xFF])
def test_unknown_types_are_ignored_everywhere(frame_type: int) -> None:
    """FRM-01: on stream 0, an open stream and an idle one, empty and full."""
    peer = Peer.of_server()
    peer.opens(POST)
    for stream_id in (0, 1, 9):
        peer.sends(build_frame(frame_type, 0xFF, stream_id), build_frame(frame_type, 0, stream_id, bytes(16_384)))
    assert peer.take_events() == []
    peer.expects_nothing("unknown frames have no answer")
    peer.innocent_completes("after unknown frames")


# -- the size limit (§4.2) ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("frame_type", [*range(10), 0x42])
@pytest.mark.parametrize("length", [16_385, 2**24 - 1])
def test_a_frame_that_is_too_large_is_refused_by_its_header(frame_type: int, length: int) -> None:
    """FRM-06, FRM-07."""
    peer = Peer.of_server()
    peer.sends(pack_header(length << 8 | frame_type, 0, 1))
    text = f"{frame_name(frame_type)} frame with a payload of {length} octets; SETTINGS_MAX_FRAME_SIZE is 16384"
    peer.connection_failed("oversized", ErrorCode.FRAME_SIZE_ERROR, 0, text, "RFC 9113 §4.2")


def test_a_frame_of_exactly_the_limit_is_taken() -> None:
    """FRM-05, and FRM-10: a limit that we raise counts from when we have said so."""
    peer = Peer(Connection.server(Config(frame_bytes_max=20_000)), handshake=False)
    peer.sends(OPENING, build_frame(0x42, 0, 0, bytes(20_000)), build_frame(PRIORITY, 0, 1, bytes(5)))
    assert not peer.connection.is_closed
    peer.sends(build_frame(0x42, 0, 0, bytes(20_001)))
    assert failure(peer.connection)[0] == ErrorCode.FRAME_SIZE_ERROR


def test_known_frames_of_exactly_the_limit_are_taken() -> None:
    """FRM-05."""
    peer = Peer.of_server(Config(settings_entries_max=10_000))
    length = 16_384 - len(BLOCKS[0]) - 6
    block = BLOCKS[0] + b"\x00\x01x" + encode_integer(length, 7) + b"y" * length
    peer.sends(
        build_frame(HEADERS, 4, 1, block),
        build_frame(HEADERS, 0, 3, BLOCKS[0]),
        build_frame(CONTINUATION, 4, 3, block[len(BLOCKS[0]) :]),
        build_frame(DATA, 0, 1, bytes(16_384)),
        build_frame(SETTINGS, 0, 0, bytes(16_380)),
    )
    assert not peer.connection.is_closed
    sizes = [len(event.head.get(b"x")) for event in peer.take_events() if isinstance(event, RequestReceived)]
    assert sizes == [length, length]


# -- nothing between the parts of a field block (§6.10) ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (build_frame(PING, 0, 0, bytes(8)), "a frame of type 0x6 on stream 0 inside the field block of stream 1"),
        (build_frame(DATA, 0, 1, b"x"), "a frame of type 0x0 on stream 1 inside"),
        (build_frame(CONTINUATION, 4, 3, b"x"), "a frame of type 0x9 on stream 3 inside"),
        (build_frame(HEADERS, 4, 1, b"x"), "a frame of type 0x1 on stream 1 inside"),
        (build_frame(PUSH_PROMISE, 4, 1, bytes(5)), "a frame of type 0x5 on stream 1 inside"),
        (build_frame(0x42, 0, 1), "a frame of type 0x42 on stream 1 inside"),  # FRM-12
    ],
)
@pytest.mark.parametrize("continued", [False, True])
def test_a_field_block_must_not_be_interrupted(continued: bool, frame: bytes, text: str) -> None:
    peer = Peer.of_server()
    peer.sends(build_frame(HEADERS, 0, 1, BLOCKS[0][:2]))
    if continued:
        peer.sends(build_frame(CONTINUATION, 0, 1, BLOCKS[0][2:3]))
    peer.sends(frame)
    peer.connection_failed("interrupted", ErrorCode.PROTOCOL_ERROR, 0, text, "RFC 9113 §6.10")


def test_an_interruption_is_seen_by_its_header() -> None:
    peer = Peer.of_server()
    peer.sends(build_frame(HEADERS, 0, 1, BLOCKS[0][:2]), build_frame(DATA, 0, 1, bytes(100))[:9])
    assert peer.connection.is_closed


# -- errors end the reading (§5.4) -------------------------------------------------------------------------------------


def test_the_first_connection_error_is_the_one_that_counts() -> None:
    """FRM-13; events that came before it are not lost."""
    peer = Peer.of_server()
    peer.sends(
        peer.headers(1, GET, end_stream=True), build_frame(SETTINGS, 0, 1), build_frame(PING, 0, 1), b"\xff" * 1000
    )
    events = peer.take_events()
    assert [type(event) for event in events] == [RequestReceived, ConnectionTerminated]
    assert "SETTINGS on stream 1" in failure(peer.connection)[1]
    peer.skip()
    assert [frame.type for frame in peer.all_frames].count(GOAWAY) == 1
    assert peer.connection._reader.buffered_bytes == 0


def test_frames_behind_the_end_are_not_read() -> None:
    """A connection may also end without an error of its own: by the peer's GOAWAY."""
    peer = Peer.of_client()
    peer.sends(build_frame(GOAWAY, 0, 0, bytes(7) + b"\x01"), PING_FRAME, b"rest")
    assert [type(event).__name__ for event in peer.take_events()] == ["GoAwayReceived", "ConnectionTerminated"]
    peer.expects_nothing("no answer to the PING")
    assert peer.connection._reader.buffered_bytes == 0


def test_frames_behind_a_stream_error_are_read() -> None:
    peer = Peer.of_server()
    peer.opens(POST)
    peer.sends(build_frame(WINDOW_UPDATE, 0, 1, bytes(4)), peer.headers(3, GET, end_stream=True))
    assert [type(event).__name__ for event in peer.take_events()] == ["StreamReset", "RequestReceived"]


@pytest.mark.parametrize(("frame_type", "name"), [(0, "DATA"), (9, "CONTINUATION"), (0x42, "a frame of type 0x42")])
def test_every_type_has_a_name(frame_type: int, name: str) -> None:
    assert frame_name(frame_type) == name
