"""Channel arguments: which are understood, which are ignored, and which are errors."""

from __future__ import annotations

import math
from typing import Any

import pytest

from grpc_core.options import Options, parse_options
from grpc_core.wire import RECEIVE_BYTES_MAX


@pytest.mark.wire("W057")
@pytest.mark.parametrize("nothing", [None, (), []])
def test_without_options_the_defaults_hold(nothing: Any) -> None:
    options = parse_options(nothing)
    assert options == Options()
    assert options.limits.receive_bytes_max == RECEIVE_BYTES_MAX
    assert options.limits.send_bytes_max == -1
    assert options.reuse_port
    assert options.authority is None
    assert not options.config.check_path, "gRPC answers a malformed path with a status"


UNDERSTOOD: list[tuple[str, Any, str, Any]] = [
    ("grpc.max_receive_message_length", 5, "limits.receive_bytes_max", 5),
    ("grpc.max_receive_message_length", -1, "limits.receive_bytes_max", -1),
    ("grpc.max_send_message_length", 7, "limits.send_bytes_max", 7),
    ("grpc.max_concurrent_streams", 3, "config.concurrent_streams_max", 3),
    ("grpc.max_concurrent_streams", -1, "config.concurrent_streams_max", 2**31 - 1),
    ("grpc.http2.max_frame_size", 1_000_000, "config.frame_bytes_max", 1_000_000),
    ("grpc.http2.max_frame_size", 1, "config.frame_bytes_max", 16_384),
    ("grpc.http2.max_frame_size", 1 << 30, "config.frame_bytes_max", 16_777_215),
    ("grpc.http2.bdp_probe", 0, "config.stream_window_bytes_max", 0),
    ("grpc.http2.bdp_probe", 1, "config.stream_window_bytes_max", 16_777_216),
    ("grpc.http2.lookahead_bytes", 100_000, "config.stream_window_bytes", 100_000),
    ("grpc.http2.lookahead_bytes", 1, "config.stream_window_bytes", 65_535),
    ("grpc.http2.lookahead_bytes", 100_000, "config.connection_window_bytes", 4_194_304),
    ("grpc.http2.lookahead_bytes", 8_000_000, "config.connection_window_bytes", 8_000_000),
    ("grpc.http2.hpack_table_size.decoder", 100, "config.header_table_bytes", 100),
    ("grpc.http2.hpack_table_size.encoder", 0, "config.encoder_table_bytes_max", 0),
    ("grpc.max_metadata_size", 100, "config.field_list_bytes_max", 16_384),
    ("grpc.max_metadata_size", 100_000, "config.field_list_bytes_max", 125_000),
    ("grpc.max_metadata_size", 1_000_000, "config.field_block_bytes_max", 2_500_000),
    ("grpc.max_metadata_size", 1_000_000, "config.continuation_frames_max", 153),
    ("grpc.absolute_max_metadata_size", 1_000, "config.field_list_bytes_max", 1_000),
    ("grpc.initial_reconnect_backoff_ms", 50, "backoff.initial_s", 0.05),
    ("grpc.max_reconnect_backoff_ms", 2_000, "backoff.maximum_s", 2.0),
    ("grpc.min_reconnect_backoff_ms", 500, "backoff.connect_timeout_s", 0.5),
    ("grpc.default_authority", "me", "authority", "me"),
    ("grpc.default_authority", b"me", "authority", "me"),
    ("grpc.default_authority", "", "authority", None),
    ("grpc.primary_user_agent", "one", "primary_user_agent", "one"),
    ("grpc.secondary_user_agent", "two", "secondary_user_agent", "two"),
    ("grpc.so_reuseport", 0, "reuse_port", False),
    ("grpc.keepalive_time_ms", 2_500, "keepalive.time_s", 2.5),
    ("grpc.keepalive_time_ms", 2**31 - 1, "keepalive.time_s", math.inf),
    ("grpc.keepalive_timeout_ms", 50, "keepalive.timeout_s", 0.05),
    ("grpc.keepalive_permit_without_calls", 1, "keepalive.without_calls", True),
    ("grpc.http2.max_pings_without_data", 0, "keepalive.pings_without_data_max", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10, "keepalive.ping_interval_s_min", 0.01),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 0, "keepalive.ping_interval_s_min", 0.0),
    ("grpc.http2.max_ping_strikes", 5, "keepalive.ping_strikes_max", 5),
    ("grpc.max_connection_idle_ms", 100, "lifetime.idle_s", 0.1),
    ("grpc.max_connection_age_ms", 100, "lifetime.age_s", 0.1),
    ("grpc.max_connection_age_ms", 2**31 - 1, "lifetime.age_s", math.inf),
    ("grpc.max_connection_age_grace_ms", 0, "lifetime.age_grace_s", 0.0),
    ("grpc.client_idle_timeout_ms", 90_000, "idle_timeout_s", 90.0),
    ("grpc.happy_eyeballs_connection_attempt_delay_ms", 1, "attempt_delay_s", 0.1),
    ("grpc.happy_eyeballs_connection_attempt_delay_ms", 1_000, "attempt_delay_s", 1.0),
    ("grpc.happy_eyeballs_connection_attempt_delay_ms", 9_000, "attempt_delay_s", 2.0),
    ("grpc.dns_min_time_between_resolutions_ms", 0, "resolution_interval_s", 0.0),
    ("grpc.lb_policy_name", "round_robin", "lb_policy", "round_robin"),
    ("grpc.service_config", '{"loadBalancingPolicy": "round_robin"}', "service_config.lb_policy", "round_robin"),
    ("grpc.enable_retries", 0, "retries_enabled", False),
    ("grpc.per_rpc_retry_buffer_size", 7, "retry_bytes_max", 7),
    ("grpc.http_proxy", "http://p:1", "proxy", "http://p:1"),
    ("grpc.enable_http_proxy", 0, "proxy_enabled", False),
    ("grpc.so_reuseport", True, "reuse_port", True),
]


@pytest.mark.parametrize(("key", "value", "place", "meaning"), UNDERSTOOD)
def test_an_option_that_is_understood(key: str, value: Any, place: str, meaning: Any) -> None:
    found: Any = parse_options([(key, value)])
    for name in place.split("."):
        found = getattr(found, name)
    assert found == meaning


def test_the_last_of_several_counts() -> None:
    options = parse_options([("grpc.max_send_message_length", 1), ("grpc.max_send_message_length", 2)])
    assert options.limits.send_bytes_max == 2


class Number:
    def __int__(self) -> int:
        return 9


def test_keys_may_be_bytes_and_values_anything_with_int() -> None:
    options = parse_options(((b"grpc.max_send_message_length", Number()),))  # type: ignore[arg-type]  # as grpcio takes
    assert options.limits.send_bytes_max == 9


@pytest.mark.parametrize("key", ["grpc.http2.true_binary", "grpc.dscp", "my.own", ""])
def test_other_keys_are_accepted_and_ignored(key: str) -> None:
    assert parse_options([(key, object())]) == Options()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ([("grpc.max_send_message_length",)], ValueError, "a pair of key and value"),
        (["ab"], ValueError, "a pair of key and value"),
        ([("a", "b", "c")], ValueError, "a pair of key and value"),
        ([(5, 5)], TypeError, "the key of a channel option is a str, not 5"),
        ([("grpc.max_send_message_length", "many")], TypeError, "grpc.max_send_message_length is a number"),
        ([("grpc.max_send_message_length", None)], TypeError, "grpc.max_send_message_length is a number"),
        ([("grpc.http2.hpack_table_size.decoder", -1)], ValueError, "header_table_bytes is -1"),
        (5, TypeError, ""),
    ],
)
def test_a_malformed_option_is_named(options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        parse_options(options)
    assert text in str(caught.value)
