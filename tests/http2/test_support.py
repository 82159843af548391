"""The tests' own tools: a check that cannot fail proves nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from http2.connection import Connection
from http2.errors import ErrorCode
from http2.frames import PREFACE, SETTINGS_ACK, build_frame, build_ping, build_settings
from tests.support.pair import GET, OK, POST, Pair, content_of
from tests.support.peer import Peer, Script, SocketWire, data, headers, ping_ack, rst_stream, settings, settings_ack


def busy_pair() -> Pair:
    """Stream 1 is open, and the server holds five octets of it."""
    pair = Pair()
    pair.client.open_stream(POST)
    pair.client.send_data(1, b"hello")
    pair.run()
    return pair


BREAKS: list[tuple[str, Callable[[Pair], object]]] = [
    ("balance of a stream", lambda p: setattr(p.server.streams.by_id[1], "unsent", 1)),
    ("balance of the connection", lambda p: setattr(p.server.receive_window, "available", 1)),
    ("held by the connection", lambda p: p.server.receive_window.consume(1)),
    ("our count", lambda p: setattr(p.client.streams, "local_open", 0)),
    ("the peer's count", lambda p: setattr(p.server.streams, "peer_open", 2)),
    ("a closed stream that is kept", lambda p: setattr(p.client.streams.by_id[1], "state", 6)),
    ("an idle stream that does not wait", lambda p: setattr(p.client.streams.by_id[1], "state", 0)),
    ("the length of a queue", lambda p: setattr(p.client.streams.by_id[1], "queued_bytes", 1)),
    ("the connection's send window", lambda p: setattr(p.client, "send_window", 1)),
    ("a stream's send window", lambda p: setattr(p.client.streams.by_id[1], "send_window", 1)),
]


@pytest.mark.parametrize("break_it", [case[1] for case in BREAKS], ids=[case[0] for case in BREAKS])
def test_a_pair_notices(break_it: Callable[[Pair], object]) -> None:
    pair = busy_pair()
    break_it(pair)
    with pytest.raises(AssertionError):
        pair.run()


def test_a_pair_notices_what_is_left() -> None:
    with pytest.raises(AssertionError, match="no record of a stream is left"):
        busy_pair().check_nothing_left()


def test_a_pair_carries_as_much_as_it_is_told() -> None:
    pair = Pair(handshake=False)
    pair.pump()
    assert pair.deliver(True, 10)
    assert not pair.server.peer.received
    assert pair.deliver(True, 1 << 20)
    assert pair.server.peer.received
    assert not pair.deliver(True, 1)


def test_a_peer_says_the_reason_when_something_else_comes() -> None:
    peer = Peer.of_server()
    peer.sends(build_ping(b"12345678"))
    with pytest.raises(AssertionError, match=r"^the reason: RST_STREAM\(1, .*\) wanted, Frame\(type=6"):
        peer.expects("the reason", rst_stream(1, ErrorCode.CANCEL))
    with pytest.raises(AssertionError, match=r"^too much: nothing wanted"):
        peer.expects_nothing("too much")
    with pytest.raises(AssertionError, match=r"^too little: .* only "):
        peer.expects("too little", ping_ack(b"12345678"), ping_ack(b"12345678"))
    peer.expects_only("it is still there", ping_ack(b"12345678"))


@pytest.mark.parametrize(
    "frame", [build_frame(6, 2, 0, bytes(8)), build_frame(8, 1, 0, bytes(4)), build_frame(6, 0, 2**31, bytes(8))]
)
def test_a_peer_notices_flags_and_bits_that_must_not_be_set(frame: bytes) -> None:
    """FRM-04."""
    peer = Peer.of_server()
    peer.connection._output.append(frame)
    with pytest.raises(AssertionError, match="FRM-04"):
        peer.skip()


def test_an_innocent_that_fails_is_noticed() -> None:
    peer = Peer.of_client()
    peer.sends(build_settings({3: 0}))  # its request will wait for ever
    with pytest.raises(AssertionError, match="the reason"):
        peer.innocent_completes("the reason")


def test_a_script_talks_over_a_socket_as_well() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(10)
        script = Script(SocketWire(theirs))
        server = Connection.server()
        script.sends(PREFACE, build_settings({}), SETTINGS_ACK, script.headers(1, GET, end_stream=True))
        server.receive_data(ours.recv(65_536))
        server.send_headers(1, OK)
        server.send_data(1, b"over a socket", True)
        ours.sendall(b"".join(server.data_to_send()))
        script.expects("the opening", settings({3: 100, 6: 65_536}))
        script.frames.pop(0)  # the connection's window
        script.expects("the answer", settings_ack(), headers(1, OK), data(1, b"over a socket", end_stream=True))


def test_content_is_told_apart_by_stream() -> None:
    assert content_of(busy_pair().server_events, 1) == b"hello"
    assert content_of(busy_pair().server_events, 3) == b""
