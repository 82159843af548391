"""What holds for any metadata, text, timeout and message, in any pieces, and for calls in any order of events.

Everything goes through real sessions, both ends or one that faces a peer by hand; the credit of every window is checked
after every step (`tests/support/pair.py`).
"""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from grpc_core.calls import ClientCall, ServerCall
from grpc_core.compression import CODINGS, GZIP, Coding
from grpc_core.deadline import TIMEOUT_S_MAX, encode_timeout
from grpc_core.headers import with_fields
from grpc_core.inbox import Inbox
from grpc_core.metadata import MetadataPairs, encode_metadata
from grpc_core.session import ClientSession, Limits, ServerSession
from grpc_core.status import StatusCode
from http2 import Event
from http2.config import Config
from tests.grpc_core.support import OK_TRAILERS, RESPONSE, message, request
from tests.grpc_core.support_sessions import HEAD, Log, Sessions
from tests.support.peer import Peer
from tests.support.strategies import chunked, cut_lists

_KEYS = st.text("abz09_.-", min_size=1, max_size=6).map(lambda key: "x" + key)
_PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30).map(str.strip)
metadata_pairs = st.lists(
    st.one_of(
        st.tuples(_KEYS.filter(lambda key: not key.endswith("-bin")), _PRINTABLE),
        st.tuples(_KEYS.map(lambda key: key + "-bin"), st.binary(max_size=30)),
    ),
    max_size=8,
).map(tuple)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
codes = st.sampled_from([code for code in StatusCode if code is not StatusCode.OK])
chunk_sizes = st.integers(1, 300)


@pytest.mark.wire("W031", "W032", "W033", "W035", "W040")
@given(metadata_pairs, metadata_pairs, metadata_pairs, chunk_sizes)
def test_metadata_comes_out_as_it_went_in(
    sent: MetadataPairs, initial: MetadataPairs, trailing: MetadataPairs, chunk_bytes: int
) -> None:
    pair = Sessions(chunk_bytes=chunk_bytes)
    call, served, _ = pair.open(encode_metadata(sent))
    assert served.request.metadata == (("user-agent", "test/1"), *sent)
    call.half_close()
    served.send_initial_metadata(encode_metadata(initial))
    served.finish(StatusCode.OK, fields=encode_metadata(trailing))
    pair.exchange()
    assert (call.initial_metadata, call.trailing_metadata) == (initial, trailing)
    pair.check_nothing_left()


@pytest.mark.wire("W081", "W083", "W084")
@given(codes, texts, st.booleans(), chunk_sizes)
@example(StatusCode.UNKNOWN, " ", True, 1)
@example(StatusCode.UNKNOWN, "%41%zz 100%", False, 7)
@example(StatusCode.UNKNOWN, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n", False, 300)
def test_a_status_comes_out_as_it_went_in(code: StatusCode, text: str, begins: bool, chunk_bytes: int) -> None:
    pair = Sessions(chunk_bytes=chunk_bytes)
    call, served, _ = pair.open()
    call.half_close()
    if begins:
        served.send_initial_metadata()
    served.finish(code, text)
    pair.exchange()
    assert (call.code, call.details) == (code, text)
    pair.check_nothing_left()


@pytest.mark.wire("W020", "W022")
@given(st.floats(min_value=1e-9, max_value=TIMEOUT_S_MAX))
def test_the_server_grants_at_least_the_time_that_the_client_has(timeout_s: float) -> None:
    pair = Sessions()
    pair.client_session.start(with_fields(HEAD, (), encode_timeout(timeout_s)), Log())
    pair.exchange()
    granted_s = pair.accepted[0].request.timeout_s
    assert granted_s is not None
    assert timeout_s <= granted_s <= timeout_s * 1.001 + 1e-9


# -- messages in any pieces --------------------------------------------------------------------------------------------

payload_lists = st.lists(st.binary(max_size=60), max_size=6)


def framed(payloads: list[bytes], is_compressed: list[bool]) -> bytes:
    """The payloads as messages, some of them compressed."""
    flags = is_compressed + [False] * len(payloads)
    return b"".join(
        message(GZIP.compress(payload), flag=1) if flag else message(payload)
        for payload, flag in zip(payloads, flags, strict=False)
    )


def all_of(inbox: Inbox) -> list[bytes]:
    taken = []
    while (payload := inbox.take()) is not None:
        taken.append(payload)
    return taken


segmented = given(
    payload_lists,
    st.lists(st.booleans(), max_size=6),
    cut_lists,
    st.lists(st.integers(-1, 255), max_size=21),
    cut_lists,
    st.booleans(),
)
"""Payloads, which are compressed, cuts into DATA frames, their padding, cuts into reads, END_STREAM by itself."""


@pytest.mark.wire("W050", "W051", "W053", "W060", "W124")
@segmented
def test_a_server_reads_messages_in_any_pieces(
    payloads: list[bytes],
    is_compressed: list[bool],
    frame_cuts: list[int],
    paddings: list[int],
    read_cuts: list[int],
    ends_alone: bool,
) -> None:
    peer = Peer.of_server(Config(check_path=False))
    calls: list[ServerCall] = []
    session = ServerSession(peer.connection, calls.append, Limits())
    octets = peer.headers(1, request(grpc_encoding=b"gzip"))
    octets += _data_frames(peer, framed(payloads, is_compressed), frame_cuts, paddings, True, ends_alone)
    for piece in chunked(octets, read_cuts):
        peer.sends(piece)
        session.handle(peer.take_events())
    (call,) = calls
    assert all_of(call.inbox) == payloads
    assert call.inbox.is_over
    assert peer.connection.receive_window.held == 0, "all credit is back"


@pytest.mark.wire("W050", "W051", "W053", "W060", "W124")
@segmented
def test_a_client_reads_messages_in_any_pieces(
    payloads: list[bytes],
    is_compressed: list[bool],
    frame_cuts: list[int],
    paddings: list[int],
    read_cuts: list[int],
    ends_alone: bool,
) -> None:
    peer = Peer.of_client()
    session = ClientSession(peer.connection, Limits())
    call = session.start(HEAD, Log())
    call.half_close()
    peer.skip()
    octets = peer.headers(1, (*RESPONSE, (b"grpc-encoding", b"gzip")))
    octets += _data_frames(peer, framed(payloads, is_compressed), frame_cuts, paddings, False, ends_alone)
    octets += peer.headers(1, OK_TRAILERS, end_stream=True)
    for piece in chunked(octets, read_cuts):
        peer.sends(piece)
        session.handle(peer.take_events())
    assert (call.code, all_of(call.inbox)) == (StatusCode.OK, payloads)
    assert peer.connection.receive_window.held == 0, "all credit is back"


def _data_frames(
    peer: Peer, content: bytes, cuts: list[int], paddings: list[int], ends: bool, ends_alone: bool
) -> bytes:
    pieces = chunked(content, cuts)
    if ends_alone or not pieces:
        pieces.append(b"")
    paddings = paddings + [-1] * len(pieces)
    return b"".join(
        peer.data(1, piece, end_stream=ends and index == len(pieces) - 1, padding=padding)
        for index, (piece, padding) in enumerate(zip(pieces, paddings, strict=False))
    )


# -- bombs -------------------------------------------------------------------------------------------------------------


@pytest.mark.wire("W057")
@pytest.mark.parametrize("coding", CODINGS.values(), ids=lambda coding: coding.name.decode())
@pytest.mark.parametrize("role", ["server", "client"])
def test_a_kilobyte_that_stands_for_a_megabyte_costs_the_limit(coding: Coding, role: str) -> None:
    """statuscodes.md: RESOURCE_EXHAUSTED; and never more memory than a message of the limit's size may take."""
    limit = 256 * 1024
    bomb = message(coding.compress(bytes(1 << 20)), flag=1)
    assert len(bomb) < 1_100
    if role == "server":
        peer = Peer.of_server(Config(check_path=False))
        calls: list[ServerCall] = []
        server = ServerSession(peer.connection, calls.append, Limits(receive_bytes_max=limit))
        octets = peer.headers(1, request(grpc_encoding=coding.name)) + peer.data(1, bomb, end_stream=True)
        peer.sends(octets)
        handle = server.handle
    else:
        peer = Peer.of_client()
        client = ClientSession(peer.connection, Limits(receive_bytes_max=limit))
        call = client.start(HEAD, Log())
        peer.skip()
        peer.sends(peer.headers(1, (*RESPONSE, (b"grpc-encoding", coding.name))), peer.data(1, bomb))
        handle = client.handle
    events = peer.take_events()
    peak = _peak(handle, events)
    assert peak < 1.5 * limit, f"{peak} octets for a limit of {limit}"
    if role == "client":
        assert call.code is StatusCode.RESOURCE_EXHAUSTED
        assert call.details.startswith("Received message larger than max (")
    else:
        assert calls[0].is_over
        (trailers,) = [frame for frame in peer.skip() if frame.fields]
        assert (b"grpc-status", b"8") in trailers.fields


def _peak(handle: object, events: list[Event]) -> int:
    """The most memory that was in use at once while the events were handled, above what was there before."""
    assert callable(handle)
    tracemalloc.start()
    try:
        handle(events)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# -- calls in any order of events --------------------------------------------------------------------------------------

few = st.integers(0, 4)
sizes = st.sampled_from([0, 1, 5, 100, 3_000, 20_000])
actions = st.one_of(
    st.tuples(st.just("start"), few, sizes),
    st.tuples(st.sampled_from(["client sends", "client sends the last", "server sends"]), few, sizes),
    st.tuples(
        st.sampled_from(
            ["half-close", "client takes", "server takes", "headers", "finish", "fail", "reset", "cancel", "deadline"]
        ),
        few,
        st.just(0),
    ),
    st.tuples(st.just("deliver to the server"), few, st.sampled_from([1, 9, 40, 1_000, 100_000])),
    st.tuples(st.just("deliver to the client"), few, st.sampled_from([1, 9, 40, 1_000, 100_000])),
)
"""(what, to which of the calls, octets)."""
ALL = ("deliver to the server", 0, 100_000)
BEGUN = (("start", 0, 0), ALL)


class Both(Sessions):
    """Both sessions in small windows, and what each side has sent and taken, by call."""

    def __init__(self) -> None:
        super().__init__(
            client_config=Config(stream_window_bytes=1_000, connection_window_bytes=65_535),
            server_config=Config(
                stream_window_bytes=1_000,
                connection_window_bytes=65_535,
                check_path=False,
                concurrent_streams_max=2,
                resets_max=1_000_000,
            ),
        )
        self.calls: list[ClientCall] = []
        self.sent: dict[tuple[str, int], list[bytes]] = {}
        self.taken: dict[tuple[str, int], list[bytes]] = {}
        self.finished: set[int] = set()  # the server said OK
        self.cancelled: set[int] = set()

    def act(self, what: str, which: int, size: int) -> None:
        if what == "start":
            self.calls.append(self.start()[0])
        elif what.startswith("deliver"):
            self.pump()
            self.deliver(what.endswith("server"), size)
            client_events, server_events = self.take_events()
            self.client_session.handle(client_events)
            self.server_session.handle(server_events)
        elif what.startswith("server") or what in ("headers", "finish", "fail", "reset", "deadline"):
            if self.accepted:
                self.serve(self.accepted[which % len(self.accepted)], what, size)
        elif self.calls:
            self.call(self.calls[which % len(self.calls)], what, size)
        self.check()

    def call(self, call: ClientCall, what: str, size: int) -> None:
        key = ("client", call.stream_id)
        if what.startswith("client sends"):
            if call.code is None and not call._half_closed:
                self.sent.setdefault(key, []).append(bytes([len(self.sent.get(key, ()))]) * size)
            call.send_message(self.sent.get(key, [b""])[-1], end=what.endswith("last"))
        elif what == "client takes":
            self._took(("server", call.stream_id), call.inbox)
        elif what == "half-close":
            call.half_close()
        else:
            if call.code is None:
                self.cancelled.add(call.stream_id)
            call.cancel(StatusCode.CANCELLED, "enough")

    def serve(self, served: ServerCall, what: str, size: int) -> None:
        key = ("server", served.stream_id)
        if what == "server sends":
            if not served.is_over:
                self.sent.setdefault(key, []).append(bytes([len(self.sent.get(key, ()))]) * size)
                served.send_message(self.sent[key][-1])
        elif what == "server takes":
            self._took(("client", served.stream_id), served.inbox)
        elif what == "headers":
            served.send_initial_metadata()
        elif what == "finish":
            self._finish(served)
        elif what == "reset":
            served.reset(2)
        else:
            code = StatusCode.DEADLINE_EXCEEDED if what == "deadline" else StatusCode.INTERNAL
            served.fail(code, what)

    def _finish(self, served: ServerCall) -> None:
        if not served.is_over:
            self.finished.add(served.stream_id)
        served.finish(StatusCode.OK)

    def _took(self, key: tuple[str, int], inbox: Inbox) -> None:
        if (payload := inbox.take()) is not None:
            self.taken.setdefault(key, []).append(payload)

    def end(self) -> None:
        """Everybody takes what there is, the server ends what is open, and the octets flow until nothing moves."""
        for _ in range(1_000):
            before = self.client.work + self.server.work
            self.exchange()
            for call in self.calls:
                if call.code is None:
                    call.half_close()
                self._take_all(("server", call.stream_id), call.inbox)
            for served in self.accepted:
                self._take_all(("client", served.stream_id), served.inbox)
                self._finish(served)
            self.server_session.stop_unread()
            self.exchange()
            if self.client.work + self.server.work == before and all(call.code for call in self.calls):
                return
        raise AssertionError("it never ends")

    def _take_all(self, key: tuple[str, int], inbox: Inbox) -> None:
        self.taken.setdefault(key, []).extend(all_of(inbox))


@pytest.mark.wire("W093", "W101", "W122", "W125")
@settings(max_examples=200)
@given(st.lists(actions, max_size=60))
@example([*BEGUN, ("server sends", 0, 3_000), ("finish", 0, 0), ("client sends", 0, 100), ALL])
@example([*BEGUN, ("server sends", 0, 3_000), ("deadline", 0, 0), ("client sends", 0, 100), ALL])
@example([*BEGUN, ("client sends", 0, 20_000), ALL, ("cancel", 0, 0), ALL])
def test_calls_in_any_order_of_events(steps: list[tuple[str, int, int]]) -> None:
    """Every call ends with one status; what arrives is a beginning of what was sent, in order, and all of it under OK;
    nothing is left of any call, and no credit is lost."""
    both = Both()
    for step in steps:
        both.act(*step)
    both.end()
    for call in both.calls:
        for side in ("client", "server"):
            key = (side, call.stream_id)
            sent, taken = both.sent.get(key, []), both.taken.get(key, [])
            assert taken == sent[: len(taken)]
            if side == "server" and call.code is StatusCode.OK:
                assert taken == sent, "OK comes after all messages"
        if call.stream_id in both.finished - both.cancelled:
            assert call.code is StatusCode.OK, "what the server says is what the client hears"
    assert not both.client_session.calls
    assert not both.server_session.calls
    both.check_nothing_left()
