"""Channel and server options: grpcio's channel arguments, turned into the settings they stand for.

An option is a pair of a key and a value. A key that means nothing to us is accepted and ignored, as grpcio does with
those that its core does not know; a malformed option raises.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from grpc_core.backoff import Backoff
from grpc_core.balancing import PICK_FIRST
from grpc_core.interfaces import ChannelOptions
from grpc_core.keepalive import KeepaliveOptions
from grpc_core.lifetime import LifetimeOptions
from grpc_core.retry import BUFFER_BYTES_MAX
from grpc_core.service_config import ServiceConfig, parse_service_config
from grpc_core.session import Limits
from grpc_core.wire import RECEIVE_BYTES_MAX
from http2 import Config
from http2.scheduler import LONE_TURN_BYTES

_FIELD_BLOCK_BYTES_MIN = 262_144
_CONFIG = Config(
    # A message of 1 MiB, with what is around it, needs no round trip, and one of the default size limit not many; what
    # an unread stream costs stays bounded.
    stream_window_bytes=LONE_TURN_BYTES,
    connection_window_bytes=4_194_304,
    # A long path holds more. grpc-go lets windows grow to the same size.
    stream_window_bytes_max=16_777_216,
    # A frame costs much the same whatever it holds, and a message in one frame is not put together from parts. Who
    # sends one has to think of the other streams, which wait for its end (`http2.scheduler`).
    frame_bytes_max=LONE_TURN_BYTES,
    # gRPC limits metadata, not header lists for their own sake; C-core's hard limit is 16 KiB.
    field_list_bytes_max=16_384,
    field_block_bytes_max=_FIELD_BLOCK_BYTES_MIN,
    continuation_frames_max=_FIELD_BLOCK_BYTES_MIN // 16_384 + 1,
    # Cancelling is ordinary in gRPC (deadlines, hedging): a whole connection's calls at once, several times a second.
    # What a cancelled call may cost is bounded by `aio.serving`, which counts handlers until they end.
    resets_max=2_000,
    resets_per_s=500.0,
    # Other implementations have no limit, and there are programs with a stream for each of their users. What all
    # streams of a connection may hold together is bounded by its window.
    concurrent_streams_max=10_000,
    # A malformed path is answered with UNIMPLEMENTED, by us.
    check_path=False,
)
_LIMITS = Limits()
_BACKOFF = Backoff()
_KEEPALIVE = KeepaliveOptions()
_LIFETIME = LifetimeOptions()
_SERVICE_CONFIG = ServiceConfig()
_IDLE_MS_MIN = 1_000
_INT_MAX = 2**31 - 1  # as milliseconds it stands for infinity


class Options(NamedTuple):
    """What the options of a channel or a server come to."""

    config: Config = _CONFIG
    limits: Limits = _LIMITS
    backoff: Backoff = _BACKOFF
    authority: str | None = None
    tls_name: str | None = None  # for SNI, verification and, unless it is set by itself, `:authority`
    primary_user_agent: str = ""
    secondary_user_agent: str = ""
    reuse_port: bool = True
    keepalive: KeepaliveOptions = _KEEPALIVE
    lifetime: LifetimeOptions = _LIFETIME
    idle_timeout_s: float = 1_800.0  # of a channel
    attempt_delay_s: float = 0.25  # between the attempts of Happy Eyeballs
    resolution_interval_s: float = 30.0
    lb_policy: str = PICK_FIRST
    service_config: ServiceConfig = _SERVICE_CONFIG
    retries_enabled: bool = True
    retry_bytes_max: int = BUFFER_BYTES_MAX
    proxy: str | None = None
    proxy_enabled: bool = True
    is_introspected: bool = True  # `grpc.enable_channelz`

    @property
    def client_keepalive(self) -> KeepaliveOptions:
        """The keepalive of a channel."""
        return self.keepalive.for_client()

    @property
    def server_keepalive(self) -> KeepaliveOptions:
        """The keepalive of a server."""
        return self.keepalive.for_server()


_PLAIN: Final = frozenset({str, bytes, int, float, bool})


def parse_options(options: ChannelOptions | None) -> Options:
    """Read channel arguments. Raises TypeError or ValueError that names the one that is malformed.

    Channels with the same arguments share what they come to.
    """
    values = _values(options)
    if all(type(value) in _PLAIN for value in values.values()):
        return _known_settings(tuple((key, type(value), value) for key, value in values.items()))  # for 1 == True
    return _settings(values)


def _values(options: ChannelOptions | None) -> dict[str, Any]:
    """The values by their keys, without the "grpc." that most begin with."""
    values: dict[str, Any] = {}
    for option in options or ():
        if not isinstance(option, Iterable):
            raise TypeError(f"a channel option is a pair of key and value, not {option!r}")
        if not isinstance(option, (tuple, list)) or len(option) != 2:
            raise ValueError(f"a channel option is a pair of key and value, not {option!r}")
        key, value = option
        if isinstance(key, bytes):
            key = key.decode("ascii")
        if not isinstance(key, str):
            raise TypeError(f"the key of a channel option is a str, not {key!r}")
        values[key.removeprefix("grpc.")] = value
    return values


@lru_cache(maxsize=64)
def _known_settings(values: tuple[tuple[str, type, Any], ...]) -> Options:
    return _settings({key: value for key, _, value in values})


def _settings(values: dict[str, Any]) -> Options:
    """What the values come to."""

    def number(key: str, default: int) -> int:
        if key not in values:
            return default
        try:
            return int(values[key])
        except (TypeError, ValueError):
            raise TypeError(f"channel option grpc.{key} is a number, not {values[key]!r}")

    def seconds(key: str, default_s: float, least_ms: int = 1) -> float:
        """An option in milliseconds; INT_MAX, and what is no positive number, is never."""
        if key not in values:
            return default_s
        milliseconds = number(key, _INT_MAX)
        return max(milliseconds, least_ms) / 1_000 if 0 <= milliseconds < _INT_MAX else math.inf

    def text(key: str) -> str:
        value = values.get(key, "")
        return value.decode("utf-8") if isinstance(value, bytes) else str(value)

    service_config = _SERVICE_CONFIG
    if text("service_config"):
        try:
            service_config = parse_service_config(text("service_config"))
        except ValueError as error:
            raise ValueError(f"channel option grpc.service_config: {error}")
    field_list_bytes_max = number(
        "absolute_max_metadata_size", max(number("max_metadata_size", 8_192) * 5 // 4, _CONFIG.field_list_bytes_max)
    )
    # Metadata somewhat over the limit costs its call alone; only what is over this costs the connection.
    field_block_bytes_max = max(2 * field_list_bytes_max, _FIELD_BLOCK_BYTES_MIN)
    stream_window_bytes = min(max(number("http2.lookahead_bytes", _CONFIG.stream_window_bytes), 65_535), 2**31 - 1)
    config = replace(
        _CONFIG,
        stream_window_bytes=stream_window_bytes,
        connection_window_bytes=max(stream_window_bytes, _CONFIG.connection_window_bytes),
        stream_window_bytes_max=_CONFIG.stream_window_bytes_max if number("http2.bdp_probe", 1) else 0,
        field_block_bytes_max=field_block_bytes_max,
        continuation_frames_max=field_block_bytes_max // 16_384 + 1,
        field_list_bytes_max=field_list_bytes_max,
        concurrent_streams_max=_positive(number("max_concurrent_streams", _CONFIG.concurrent_streams_max)),
        frame_bytes_max=min(max(number("http2.max_frame_size", _CONFIG.frame_bytes_max), 16_384), 16_777_215),
        header_table_bytes=number("http2.hpack_table_size.decoder", _CONFIG.header_table_bytes),
        encoder_table_bytes_max=number("http2.hpack_table_size.encoder", _CONFIG.encoder_table_bytes_max),
    )
    return Options(
        config=config,
        limits=Limits(
            receive_bytes_max=number("max_receive_message_length", RECEIVE_BYTES_MAX),
            send_bytes_max=number("max_send_message_length", -1),
        ),
        backoff=Backoff(
            initial_s=number("initial_reconnect_backoff_ms", 1_000) / 1_000,
            maximum_s=number("max_reconnect_backoff_ms", 120_000) / 1_000,
            connect_timeout_s=number("min_reconnect_backoff_ms", 20_000) / 1_000,
        ),
        authority=text("default_authority") or text("ssl_target_name_override") or None,
        tls_name=text("ssl_target_name_override") or None,
        primary_user_agent=text("primary_user_agent"),
        secondary_user_agent=text("secondary_user_agent"),
        reuse_port=bool(number("so_reuseport", 1)),
        keepalive=KeepaliveOptions(
            time_s=seconds("keepalive_time_ms", 0.0) or None,
            timeout_s=seconds("keepalive_timeout_ms", _KEEPALIVE.timeout_s),
            without_calls=bool(number("keepalive_permit_without_calls", 0)),
            pings_without_data_max=number("http2.max_pings_without_data", _KEEPALIVE.pings_without_data_max),
            ping_interval_s_min=seconds(
                "http2.min_recv_ping_interval_without_data_ms",
                seconds("http2.min_ping_interval_without_data_ms", _KEEPALIVE.ping_interval_s_min, 0),
                0,
            ),
            ping_strikes_max=number("http2.max_ping_strikes", _KEEPALIVE.ping_strikes_max),
        ),
        lifetime=LifetimeOptions(
            idle_s=seconds("max_connection_idle_ms", math.inf),
            age_s=seconds("max_connection_age_ms", math.inf),
            age_grace_s=seconds("max_connection_age_grace_ms", math.inf, 0),
        ),
        is_introspected=bool(number("enable_channelz", 1)),
        idle_timeout_s=seconds("client_idle_timeout_ms", 1_800.0, _IDLE_MS_MIN),
        attempt_delay_s=min(max(number("happy_eyeballs_connection_attempt_delay_ms", 250), 100), 2_000) / 1_000,
        resolution_interval_s=seconds("dns_min_time_between_resolutions_ms", 30.0, 0),
        lb_policy=service_config.lb_policy or text("lb_policy_name") or PICK_FIRST,
        service_config=service_config,
        retries_enabled=bool(number("enable_retries", 1)),
        retry_bytes_max=number("per_rpc_retry_buffer_size", BUFFER_BYTES_MAX),
        proxy=text("http_proxy") or None,
        proxy_enabled=bool(number("enable_http_proxy", 1)),
    )


def _positive(value: int) -> int:
    return value if value >= 0 else 2**31 - 1
