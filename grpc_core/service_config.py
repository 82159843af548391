"""Service config: what the owner of a service wants of its clients (service_config.md, gRFC A2, A6, A21).

    {"loadBalancingConfig": [{"round_robin": {}}],
     "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
     "methodConfig": [{"name": [{"service": "demo.Greeter", "method": "SayHello"}],
                       "timeout": "1.5s", "waitForReady": true, "maxRequestMessageBytes": 1024,
                       "retryPolicy": {"maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "1s",
                                       "backoffMultiplier": 2, "retryableStatusCodes": ["UNAVAILABLE"]}}]}

Unknown fields are ignored, so that a config may say more than a client understands; a field that is known and wrong
makes the whole config wrong, and the error names it. A method takes the entry with its own name, else the one with its
service alone, else the one with neither.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from grpc_core.balancing import POLICIES
from grpc_core.status import StatusCode

ATTEMPTS_MAX: Final = 5
"""gRFC A6: "maxAttempts ... values greater than 5 are treated as 5"."""

_DURATION: Final = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)s")
_CODES: Final[Mapping[object, StatusCode]] = {
    **{code.name: code for code in StatusCode},
    **{code.value[0]: code for code in StatusCode},
}


class RetryPolicy(NamedTuple):
    """When and how often a call that failed is made again; times in seconds."""

    attempts_max: int
    initial_backoff_s: float
    maximum_backoff_s: float
    backoff_multiplier: float
    codes: frozenset[StatusCode]


class HedgingPolicy(NamedTuple):
    """How many attempts are made at the same time, how far apart they begin, and which statuses do not end them."""

    attempts_max: int
    delay_s: float
    non_fatal_codes: frozenset[StatusCode]


class Throttling(NamedTuple):
    """How many failures there may be for each success before calls are not made again (gRFC A6)."""

    tokens_max: float
    token_ratio: float


class MethodConfig(NamedTuple):
    """What holds for a method; None where the config says nothing."""

    wait_for_ready: bool | None = None
    timeout_s: float | None = None
    request_bytes_max: int | None = None
    response_bytes_max: int | None = None
    retry: RetryPolicy | None = None
    hedging: HedgingPolicy | None = None


class ServiceConfig(NamedTuple):
    """A config that is right as a whole. `methods` is keyed by "service/method", "service/" and ""."""

    lb_policy: str | None = None
    throttling: Throttling | None = None
    methods: Mapping[str, MethodConfig] = MappingProxyType({})

    def of(self, path: str) -> MethodConfig | None:
        """What holds for the method "/service/method"."""
        name = path[1:]
        service = name[: name.rfind("/") + 1]
        return self.methods.get(name) or self.methods.get(service) or self.methods.get("")


def parse_service_config(text: str) -> ServiceConfig:
    """Read a config in JSON. Raises ValueError that names the field which is wrong."""
    import json  # few channels have one

    try:
        whole = json.loads(text)
    except ValueError as error:
        raise ValueError(f"the service config is no JSON: {error}")
    config = _Fields(whole, "service config")
    throttling = config.object("retryThrottling")
    methods: dict[str, MethodConfig] = {}
    for entry in config.objects("methodConfig"):
        method = _method(entry)
        for name in entry.objects("name"):
            key = _key(name)
            if key in methods:
                raise ValueError(f"{name.path}: multiple method configs with the same name {key!r}")
            methods[key] = method
    return ServiceConfig(_policy(config), None if throttling is None else _throttling(throttling), methods)


class _Fields:
    """The fields of one JSON object, and the path to it for errors."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{path}: is not an object")
        self._values: dict[str, Any] = value
        self.path = path

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def at(self, name: str) -> str:
        """The path of a field."""
        return name if self.path == "service config" else f"{self.path}.{name}"

    def get(self, name: str, kind: type | tuple[type, ...], what: str) -> Any:
        """The value of a field of one type, or None without it."""
        value = self._values.get(name)
        if value is not None and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
            raise ValueError(f"{self.at(name)}: is not {what}")
        return value

    def object(self, name: str) -> _Fields | None:
        value = self._values.get(name)
        return None if value is None else _Fields(value, self.at(name))

    def objects(self, name: str) -> list[_Fields]:
        items = self.get(name, list, "an array") or []
        return [_Fields(item, f"{self.at(name)}[{index}]") for index, item in enumerate(items)]

    def text(self, name: str) -> str:
        return str(self.get(name, str, "a string") or "")

    def duration(self, name: str) -> float | None:
        """Seconds, from JSON's spelling of google.protobuf.Duration, which "1.5s" is an example of."""
        value = self.get(name, str, "a duration")
        if value is None:
            return None
        match = _DURATION.fullmatch(value)
        if match is None:
            raise ValueError(f'{self.at(name)}: {value!r} is not a duration like "1.5s"')
        return float(match[1])

    def size(self, name: str) -> int | None:
        """A number of octets: JSON's spelling of google.protobuf.UInt32Value may be a string."""
        value = self.get(name, (int, str), "a number")
        if value is None:
            return None
        if isinstance(value, str) and not (value.isascii() and value.isdigit()):
            raise ValueError(f"{self.at(name)}: is not a number")
        if int(value) < 0:
            raise ValueError(f"{self.at(name)}: must not be negative")
        return int(value)

    def attempts(self) -> int:
        value = self.get("maxAttempts", int, "a whole number")
        if value is None or value < 2:
            raise ValueError(f"{self.at('maxAttempts')}: must be at least 2")
        return min(int(value), ATTEMPTS_MAX)

    def positive(self, name: str, value: float | None) -> float:
        if value is None or not value > 0:
            raise ValueError(f"{self.at(name)}: must be greater than 0")
        return value

    def codes(self, name: str) -> frozenset[StatusCode]:
        codes = set()
        for value in self.get(name, list, "an array") or []:
            key = value.upper() if isinstance(value, str) else value
            if isinstance(key, bool) or not isinstance(key, (str, int)) or key not in _CODES:
                raise ValueError(f"{self.at(name)}: {value!r} is no status code")
            codes.add(_CODES[key])
        return frozenset(codes)


def _key(name: _Fields) -> str:
    service, method = name.text("service"), name.text("method")
    if method and not service:
        raise ValueError(f"{name.path}: has a method, but no service")
    return f"{service}/{method}" if service else ""


def _method(entry: _Fields) -> MethodConfig:
    retry, hedging = entry.object("retryPolicy"), entry.object("hedgingPolicy")
    if retry is not None and hedging is not None:
        raise ValueError(f"{entry.path}: retryPolicy and hedgingPolicy exclude each other")
    return MethodConfig(
        wait_for_ready=entry.get("waitForReady", bool, "a boolean"),
        timeout_s=entry.duration("timeout"),
        request_bytes_max=entry.size("maxRequestMessageBytes"),
        response_bytes_max=entry.size("maxResponseMessageBytes"),
        retry=None if retry is None else _retry(retry),
        hedging=None if hedging is None else _hedging(hedging),
    )


def _retry(policy: _Fields) -> RetryPolicy:
    codes = policy.codes("retryableStatusCodes")
    if not codes:
        raise ValueError(f"{policy.at('retryableStatusCodes')}: must not be empty")
    return RetryPolicy(
        attempts_max=policy.attempts(),
        initial_backoff_s=policy.positive("initialBackoff", policy.duration("initialBackoff")),
        maximum_backoff_s=policy.positive("maxBackoff", policy.duration("maxBackoff")),
        backoff_multiplier=policy.positive(
            "backoffMultiplier", policy.get("backoffMultiplier", (int, float), "a number")
        ),
        codes=codes,
    )


def _hedging(policy: _Fields) -> HedgingPolicy:
    return HedgingPolicy(policy.attempts(), policy.duration("hedgingDelay") or 0.0, policy.codes("nonFatalStatusCodes"))


def _throttling(fields: _Fields) -> Throttling:
    tokens_max = fields.get("maxTokens", (int, float), "a number")
    if tokens_max is None or not 0 < tokens_max <= 1000:
        raise ValueError(f"{fields.at('maxTokens')}: must be greater than 0 and at most 1000")
    ratio = fields.positive("tokenRatio", fields.get("tokenRatio", (int, float), "a number"))
    if not ratio < float("inf"):
        raise ValueError(f"{fields.at('tokenRatio')}: must be finite")
    return Throttling(float(tokens_max), int(ratio * 1000) / 1000)  # "up to 3 decimal places"


def _policy(config: _Fields) -> str | None:
    """The balancing policy: the first known one of loadBalancingConfig, else loadBalancingPolicy."""
    names: list[str] = []
    for entry in config.objects("loadBalancingConfig"):
        if len(entry._values) != 1:
            raise ValueError(f"{entry.path}: must have one field, the name of the policy")
        names += entry._values
    if names:
        for name in names:
            if name in POLICIES:
                return name
        raise ValueError(f"loadBalancingConfig: no known policies in list: {' '.join(names)}")
    name = config.text("loadBalancingPolicy").lower()
    if name and name not in POLICIES:
        raise ValueError(f"loadBalancingPolicy: unknown policy {name!r}")
    return name or None
