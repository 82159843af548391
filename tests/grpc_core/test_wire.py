"""Length-prefixed messages: W050 to W058 and W063 of the checklist, whole and in every chunking."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grpc_core.status import StatusCode
from grpc_core.wire import (
    LARGE_BYTES,
    PREFIX_BYTES,
    RECEIVE_BYTES_MAX,
    MessageError,
    MessageReader,
    Received,
    check_sent_size,
    frame_message,
    message_pieces,
    too_large,
)
from tests.support.strategies import chunked, cut_lists


def feed(reader: MessageReader, data: bytes) -> list[Received]:
    """The messages that `data` completes, taken."""
    reader.feed(data)
    messages = list(reader.messages)
    reader.messages.clear()
    return messages


def read(chunks: list[bytes], bytes_max: int = RECEIVE_BYTES_MAX) -> list[bytes]:
    reader = MessageReader(bytes_max)
    messages = [message for chunk in chunks for message, _, _ in feed(reader, chunk)]
    reader.finish()
    return messages


@pytest.mark.wire("W050")
def test_w050_the_layout_of_a_message() -> None:
    assert frame_message(b"abc") == b"\0\0\0\0\x03abc"
    assert frame_message(b"abc", True) == b"\x01\0\0\0\x03abc"
    assert frame_message(b"") == bytes(5)


@pytest.mark.wire("W051")
@pytest.mark.parametrize("payload", [b"", b"x", b"0123456789"])
def test_w051_a_message_may_be_cut_anywhere(payload: bytes) -> None:
    wire = frame_message(payload) + frame_message(b"next")
    for cut in range(len(wire) + 1):
        assert read([wire[:cut], wire[cut:]]) == [payload, b"next"], f"cut at {cut}"
    assert read([wire[i : i + 1] for i in range(len(wire))]) == [payload, b"next"], "octet by octet"


@pytest.mark.wire("W051")
def test_w051_one_frame_may_hold_many_messages() -> None:
    payloads = [b"a" * n for n in (0, 1, 100, 0, 3)]
    assert read([b"".join(map(frame_message, payloads))]) == payloads


@pytest.mark.wire("W053")
def test_w053_a_message_of_no_octets_is_a_message() -> None:
    assert read([bytes(5)]) == [b""]
    assert read([bytes(15)]) == [b"", b"", b""]
    assert read([]) == []
    assert read([b"", b""]) == [], "an empty DATA frame is nothing"


def test_the_octets_that_each_message_took_are_told() -> None:
    reader = MessageReader()
    assert feed(reader, frame_message(b"abc") + frame_message(b"") + b"\0\0") == [(b"abc", 8, 0), (b"", 5, 0)]
    assert reader.partial_bytes == 2
    assert feed(reader, b"\0\0\x01") == []
    assert reader.partial_bytes == 5
    assert feed(reader, b"z") == [(b"z", 6, 0)], "with those that came before"
    assert reader.partial_bytes == 0


@pytest.mark.wire("W052")
@pytest.mark.parametrize("flag", [2, 3, 128, 255])
def test_w052_a_flag_other_than_0_and_1_is_an_error(flag: int) -> None:
    with pytest.raises(MessageError, match=f"compressed flag {flag}; it is 0 or 1") as caught:
        MessageReader().feed(bytes([flag]) + bytes(4))
    assert caught.value.code is StatusCode.INTERNAL


@pytest.mark.wire("W063")
def test_w063_a_compressed_message_needs_a_coding() -> None:
    with pytest.raises(MessageError, match="Compression bit set but no encoding configured") as caught:
        MessageReader().feed(frame_message(b"abc", True))
    assert caught.value.code is StatusCode.INTERNAL


def test_a_compressed_message_is_decompressed_with_the_limit() -> None:
    seen = []

    def decompress(data: bytes, bytes_max: int) -> bytes:
        seen.append((data, bytes_max))
        return data * 2

    reader = MessageReader(100, decompress)
    assert feed(reader, frame_message(b"ab", True) + frame_message(b"cd")) == [(b"abab", 7, 1), (b"cd", 7, 0)]
    assert seen == [(b"ab", 100)], "W060: a message without the flag is never compressed"


@pytest.mark.wire("W057")
def test_w057_the_limit_is_judged_at_the_prefix() -> None:
    reader = MessageReader(10)
    assert feed(reader, b"\0\0\0\0") == []
    with pytest.raises(MessageError) as caught:
        reader.feed(b"\x0b")
    assert caught.value.code is StatusCode.RESOURCE_EXHAUSTED
    assert caught.value.details == "Received message larger than max (11 vs. 10)"
    assert str(caught.value) == caught.value.details


@pytest.mark.wire("W057")
def test_w057_a_message_of_exactly_the_limit_is_taken() -> None:
    assert read([frame_message(b"0123456789")], 10) == [b"0123456789"]
    assert read([frame_message(b"")], 0) == [b""]
    with pytest.raises(MessageError, match=r"\(1 vs\. 0\)"):
        read([frame_message(b"x")], 0)


@pytest.mark.wire("W057")
def test_w057_the_default_limit_is_4_mib() -> None:
    with pytest.raises(MessageError, match=r"larger than max \(5242880 vs\. 4194304\)"):
        MessageReader().feed(b"\0" + (5_242_880).to_bytes(4, "big"))


@pytest.mark.wire("W058")
@pytest.mark.parametrize("length", [2**31, 2**32 - 1])
def test_w058_a_huge_length_does_not_overflow(length: int) -> None:
    prefix = b"\0" + length.to_bytes(4, "big")
    with pytest.raises(MessageError, match=f"{length} vs"):
        MessageReader().feed(prefix)
    unlimited = MessageReader(-1)
    assert feed(unlimited, prefix + b"x") == [], "without a limit it is waited for"
    assert unlimited.partial_bytes == 6


@pytest.mark.wire("W055")
@pytest.mark.parametrize("cut", range(1, 8))
def test_w055_the_end_inside_a_message_is_an_error(cut: int) -> None:
    reader = MessageReader()
    reader.feed(frame_message(b"abc")[:cut])
    needed = 5 if cut < 5 else 8
    with pytest.raises(MessageError, match=f"{cut} octets have come, {needed} are needed") as caught:
        reader.finish()
    assert caught.value.code is StatusCode.INTERNAL


def test_the_limit_on_what_is_sent() -> None:
    check_sent_size(10, -1)
    check_sent_size(10, 10)
    with pytest.raises(MessageError) as caught:
        check_sent_size(11, 10)
    assert (caught.value.code, caught.value.details) == (
        StatusCode.RESOURCE_EXHAUSTED,
        "Sent message larger than max (11 vs. 10)",
    )
    assert too_large(11, 10).details == "Received message larger than max (11 vs. 10)"


@given(st.lists(st.binary(max_size=50), max_size=10), cut_lists)
def test_any_chunking_gives_the_same_messages(payloads: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(map(frame_message, payloads))
    assert read(chunked(wire, cuts)) == payloads


@given(st.binary(max_size=80), cut_lists, st.integers(0, 40))
def test_any_octets_in_any_chunking_end_alike_in_bounded_memory(wire: bytes, cuts: list[int], bytes_max: int) -> None:
    """Messages, or the one error that reading all at once gives; no more is kept than one message and its prefix."""

    def outcome(chunks: list[bytes]) -> tuple[list[bytes], str]:
        reader = MessageReader(bytes_max)
        messages = []
        try:
            for chunk in chunks:
                messages += [message for message, _, _ in feed(reader, chunk)]
                assert reader.partial_bytes <= bytes_max + PREFIX_BYTES
            reader.finish()
        except MessageError as error:
            return [], str(error)
        return messages, ""

    assert outcome(chunked(wire, cuts)) == outcome([wire])


def test_a_message_in_pieces_of_two_octets_costs_its_size_and_little_more() -> None:
    """DATA frames of two octets must not cost an object each while the message is not complete."""
    size = 1 << 20
    framed = frame_message(bytes(range(256)) * (size // 256))
    reader = MessageReader()
    tracemalloc.start()
    try:
        for offset in range(0, len(framed) - 2, 2):
            assert feed(reader, framed[offset : offset + 2]) == []
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held <= size * 1.2, f"{held} octets are held for {size}"
    rest = len(framed) - reader.partial_bytes
    assert feed(reader, framed[-rest:]) == [(framed[5:], len(framed), 0)]


@pytest.mark.parametrize("size", [0, 1, LARGE_BYTES - 1, LARGE_BYTES, LARGE_BYTES + 1])
def test_a_large_message_is_not_copied_for_its_prefix(size: int) -> None:
    payload = bytes(size)
    pieces = message_pieces(payload, True)
    assert b"".join(pieces) == frame_message(payload, True)
    assert (pieces[-1] is payload) == (size >= LARGE_BYTES)


def test_the_messages_before_one_that_cannot_be_read_are_not_lost() -> None:
    """Whether they came in the same octets or before must make no difference."""
    reader = MessageReader()
    with pytest.raises(MessageError):
        reader.feed(frame_message(b"good") + b"\x02" + bytes(4))
    assert list(reader.messages) == [(b"good", 9, 0)]
