"""SETTINGS (RFC 9113 §6.5)."""

from __future__ import annotations

import pytest

from http2 import errors
from http2.config import MAX_UINT32, Config
from http2.errors import ErrorCode
from http2.settings import (
    ENABLE_PUSH,
    HEADER_TABLE_SIZE,
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    MAX_FRAME_SIZE_ID,
    MAX_HEADER_LIST_SIZE,
    STREAMS_BEFORE_SETTINGS,
    LocalSettings,
    PeerSettings,
    Setting,
    check_entries,
    initial_settings,
    setting_name,
)


def test_identifiers_have_the_rfcs_numbers() -> None:
    constants = (
        HEADER_TABLE_SIZE,
        ENABLE_PUSH,
        MAX_CONCURRENT_STREAMS,
        INITIAL_WINDOW_SIZE,
        MAX_FRAME_SIZE_ID,
        MAX_HEADER_LIST_SIZE,
    )
    assert constants == (1, 2, 3, 4, 5, 6)
    assert (Setting.ENABLE_CONNECT_PROTOCOL, Setting.NO_RFC7540_PRIORITIES) == (8, 9)
    assert (setting_name(4), setting_name(0xFFFF)) == ("INITIAL_WINDOW_SIZE", "0xffff")


# -- checking (§6.5.2) -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("identifier", "good", "bad", "code", "rule"),
    [
        (2, (0, 1), (2, MAX_UINT32), ErrorCode.PROTOCOL_ERROR, "RFC 9113 §6.5.2"),
        (4, (0, 2**31 - 1), (2**31, MAX_UINT32), ErrorCode.FLOW_CONTROL_ERROR, "RFC 9113 §6.5.2"),  # SET-04
        (5, (16_384, 2**24 - 1), (0, 16_383, 2**24), ErrorCode.PROTOCOL_ERROR, "RFC 9113 §6.5.2"),
        (8, (0, 1), (2,), ErrorCode.PROTOCOL_ERROR, "RFC 8441 §3"),  # SET-09
        (9, (0, 1), (2,), ErrorCode.PROTOCOL_ERROR, "RFC 9218 §2.1"),  # SET-08
    ],
)
def test_values_out_of_range_end_the_connection(
    identifier: int, good: tuple[int, ...], bad: tuple[int, ...], code: ErrorCode, rule: str
) -> None:
    for value in good:
        check_entries([(identifier, value)], from_server=False)
    for value in bad:
        text = f"SETTINGS_{setting_name(identifier)} is {value}; allowed are {good[0]} to {good[1]}"
        with pytest.raises(errors.ConnectionError, match=text) as caught:
            check_entries([(1, 1), (identifier, value)], from_server=False)
        assert (caught.value.error_code, caught.value.rule) == (code, rule)


def test_a_server_must_not_say_that_it_takes_pushes() -> None:
    check_entries([(2, 0)], from_server=True)
    with pytest.raises(errors.ConnectionError, match="SETTINGS_ENABLE_PUSH is 1; allowed are 0 to 0"):
        check_entries([(2, 1)], from_server=True)  # SET-03


@pytest.mark.parametrize("identifier", [0x0, 0x1, 0x3, 0x6, 0x7, 0xFF, 0x0A0A, 0xFFFF])
def test_other_identifiers_take_any_value(identifier: int) -> None:
    check_entries([(identifier, 0), (identifier, MAX_UINT32)], from_server=True)  # SET-05


# -- the peer's --------------------------------------------------------------------------------------------------------


def test_before_its_settings_a_peer_has_the_rfcs_defaults_but_for_the_number_of_streams() -> None:
    peer = PeerSettings()
    assert (peer.header_table_bytes, peer.push_enabled, peer.stream_window_bytes) == (4096, True, 65_535)
    assert (peer.frame_bytes_max, peer.field_list_bytes_max) == (16_384, MAX_UINT32)
    assert peer.concurrent_streams_max == STREAMS_BEFORE_SETTINGS == 100
    peer.apply([])
    assert peer.received
    assert peer.concurrent_streams_max == MAX_UINT32, "its SETTINGS name no limit"


def test_all_entries_are_applied_in_their_order_and_the_last_counts() -> None:
    peer = PeerSettings()
    peer.apply([(1, 0), (2, 0), (3, 7), (4, 1), (5, 20_000), (6, 100), (8, 1), (0xFFFF, 5), (1, 9), (4, 2)])  # SET-01
    assert (peer.header_table_bytes, peer.push_enabled, peer.concurrent_streams_max) == (9, False, 7)
    assert (peer.stream_window_bytes, peer.frame_bytes_max) == (2, 20_000)
    assert (peer.field_list_bytes_max, peer.connect_protocol) == (100, True)
    peer.apply([(4, 3)])
    assert (peer.stream_window_bytes, peer.concurrent_streams_max) == (3, 7), "what is not named stays"


def test_extended_connect_is_not_taken_back() -> None:
    peer = PeerSettings()
    peer.apply([(8, 0), (8, 1), (8, 1)])
    with pytest.raises(errors.ConnectionError, match="went back from 1 to 0") as caught:
        peer.apply([(8, 0)])  # SET-09
    assert (caught.value.error_code, caught.value.rule) == (ErrorCode.PROTOCOL_ERROR, "RFC 8441 §3")


# -- ours --------------------------------------------------------------------------------------------------------------


def test_between_sending_and_acknowledgement_the_more_generous_value_counts() -> None:
    local = LocalSettings()
    local.sent({INITIAL_WINDOW_SIZE: 10, MAX_FRAME_SIZE_ID: 20_000})  # one down, one up
    assert (local.stream_window_bytes, local.frame_bytes_max) == (65_535, 20_000), "FLW-10, FRM-10"
    local.sent({INITIAL_WINDOW_SIZE: 100_000})
    assert local.stream_window_bytes == 100_000
    assert local.acknowledge() == {INITIAL_WINDOW_SIZE: 10, MAX_FRAME_SIZE_ID: 20_000}
    assert (local.stream_window_bytes, local.frame_bytes_max) == (100_000, 20_000)
    local.sent({INITIAL_WINDOW_SIZE: 5})
    assert local.acknowledge() == {INITIAL_WINDOW_SIZE: 100_000}
    assert local.stream_window_bytes == 100_000
    assert local.acknowledge() == {INITIAL_WINDOW_SIZE: 5}
    assert local.stream_window_bytes == 5


def test_the_limit_on_streams_counts_at_once() -> None:
    local = LocalSettings()
    assert local.concurrent_streams_max == MAX_UINT32
    local.sent({MAX_CONCURRENT_STREAMS: 1})
    assert local.concurrent_streams_max == 1, "a burst must not race with the acknowledgement (CVE-2025-53020)"


def test_an_acknowledgement_of_nothing_ends_the_connection() -> None:
    local = LocalSettings()
    local.sent({})
    local.acknowledge()
    with pytest.raises(errors.ConnectionError, match="without a SETTINGS frame to acknowledge") as caught:
        local.acknowledge()  # SET-06
    assert (caught.value.error_code, caught.value.rule) == (ErrorCode.PROTOCOL_ERROR, "RFC 9113 §6.5")


def test_the_first_settings_name_what_differs_from_the_defaults() -> None:
    assert initial_settings(Config(), is_client=True) == {2: 0, 6: 65_536}, "a client takes no pushes"
    assert initial_settings(Config(), is_client=False) == {3: 100, 6: 65_536}
    config = Config(header_table_bytes=1, stream_window_bytes=2, frame_bytes_max=16_385, concurrent_streams_max=3)
    entries = initial_settings(config, is_client=False)
    assert list(entries.items()) == [(1, 1), (3, 3), (4, 2), (5, 16_385), (6, 65_536)]
