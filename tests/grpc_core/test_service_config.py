"""Service configs: what is read, what is ignored, and what makes all of it wrong."""

from __future__ import annotations

import json
from typing import Any

import pytest

from grpc_core import aio
from grpc_core.options import parse_options
from grpc_core.service_config import (
    HedgingPolicy,
    MethodConfig,
    RetryPolicy,
    ServiceConfig,
    Throttling,
    parse_service_config,
)
from grpc_core.status import StatusCode

RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
EVERYTHING = {
    "loadBalancingConfig": [{"not_known": {}}, {"round_robin": {"x": 1}}],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.12345},
    "methodConfig": [
        {
            "name": [{"service": "a.S", "method": "M"}, {"service": "b.S"}],
            "waitForReady": True,
            "timeout": "1.5s",
            "maxRequestMessageBytes": "10",
            "maxResponseMessageBytes": 20,
            "retryPolicy": RETRY,
            "of the future": [1, 2, 3],
        },
        {"name": [{"service": "a.S"}], "waitForReady": False},
        {"name": [{}], "hedgingPolicy": {"maxAttempts": 3, "hedgingDelay": "0.5s", "nonFatalStatusCodes": [14]}},
    ],
}


def parsed(config: Any) -> ServiceConfig:
    return parse_service_config(json.dumps(config))


def with_method(**fields: Any) -> Any:
    return {"methodConfig": [{"name": [{}], **fields}]}


@pytest.mark.wire("W181", "W182")
def test_everything_that_is_known() -> None:
    config = parsed(EVERYTHING)
    assert config.lb_policy == "round_robin"
    assert config.throttling == Throttling(10, 0.123), "three decimals"
    retry = RetryPolicy(4, 0.1, 1.0, 2, frozenset({StatusCode.UNAVAILABLE}))
    assert config.of("/a.S/M") == MethodConfig(True, 1.5, 10, 20, retry)
    assert config.of("/b.S/Whatever") is config.of("/a.S/M"), "a service alone stands for its methods"


@pytest.mark.wire("W182")
def test_a_method_takes_the_nearest_entry() -> None:
    config = parsed(EVERYTHING)
    assert config.of("/a.S/Other") == MethodConfig(wait_for_ready=False)
    hedging = HedgingPolicy(3, 0.5, frozenset({StatusCode.UNAVAILABLE}))
    assert config.of("/c.S/M") == MethodConfig(hedging=hedging), "the default"
    assert ServiceConfig().of("/a.S/M") is None


@pytest.mark.wire("W181")
@pytest.mark.parametrize("config", [{}, {"methodConfig": []}, {"new": 1}, with_method(new=1), {"methodConfig": None}])
def test_unknown_fields_and_none_at_all(config: Any) -> None:
    parsed(config)


def test_the_older_way_to_name_a_policy() -> None:
    assert parsed({"loadBalancingPolicy": "ROUND_ROBIN"}).lb_policy == "round_robin"


@pytest.mark.wire("W160")
def test_attempts_are_at_most_five_and_codes_are_names_or_numbers() -> None:
    config = parsed(with_method(retryPolicy={**RETRY, "maxAttempts": 99, "retryableStatusCodes": ["unavailable", 4]}))
    method = config.of("/x/y")
    assert method is not None
    assert method.retry is not None
    assert method.retry.attempts_max == 5
    assert method.retry.codes == {StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED}


WRONG: list[tuple[Any, str]] = [
    (5, "service config: is not an object"),
    ({"methodConfig": 5}, "methodConfig: is not an array"),
    ({"methodConfig": [5]}, r"methodConfig\[0\]: is not an object"),
    ({"methodConfig": [{"name": [{"method": "M"}]}]}, r"methodConfig\[0\].name\[0\]: has a method, but no service"),
    ({"methodConfig": [{"name": [{}, {}]}]}, "multiple method configs with the same name"),
    (with_method(timeout=5), r"methodConfig\[0\].timeout: is not a duration"),
    (with_method(timeout="5"), "is not a duration like"),
    (with_method(timeout="-1s"), "is not a duration like"),
    (with_method(waitForReady="yes"), "waitForReady: is not a boolean"),
    (with_method(maxRequestMessageBytes=True), "maxRequestMessageBytes: is not a number"),
    (with_method(maxRequestMessageBytes="x"), "maxRequestMessageBytes: is not a number"),
    (with_method(maxResponseMessageBytes=-1), "maxResponseMessageBytes: must not be negative"),
    (with_method(retryPolicy={**RETRY, "maxAttempts": 1}), "retryPolicy.maxAttempts: must be at least 2"),
    (with_method(retryPolicy={**RETRY, "maxAttempts": 2.5}), "maxAttempts: is not a whole number"),
    (with_method(retryPolicy={**RETRY, "initialBackoff": "0s"}), "initialBackoff: must be greater than 0"),
    (with_method(retryPolicy={**RETRY, "maxBackoff": None}), "maxBackoff: must be greater than 0"),
    (with_method(retryPolicy={**RETRY, "backoffMultiplier": 0}), "backoffMultiplier: must be greater than 0"),
    (with_method(retryPolicy={**RETRY, "retryableStatusCodes": []}), "retryableStatusCodes: must not be empty"),
    (with_method(retryPolicy={**RETRY, "retryableStatusCodes": ["NEW"]}), "'NEW' is no status code"),
    (with_method(retryPolicy={**RETRY, "retryableStatusCodes": [True]}), "True is no status code"),
    (with_method(retryPolicy=RETRY, hedgingPolicy={"maxAttempts": 2}), "exclude each other"),
    (with_method(hedgingPolicy={"maxAttempts": 1}), "hedgingPolicy.maxAttempts: must be at least 2"),
    ({"retryThrottling": {"maxTokens": 0, "tokenRatio": 1}}, "retryThrottling.maxTokens: must be greater than 0"),
    ({"retryThrottling": {"maxTokens": 1001, "tokenRatio": 1}}, "at most 1000"),
    ({"retryThrottling": {"maxTokens": 10, "tokenRatio": 0}}, "tokenRatio: must be greater than 0"),
    ({"retryThrottling": {"maxTokens": 10, "tokenRatio": float("inf")}}, "retryThrottling.tokenRatio: must be finite"),
    ({"loadBalancingConfig": [{"foo": {}}, {"bar": {}}]}, "loadBalancingConfig: no known policies in list: foo bar"),
    ({"loadBalancingConfig": [{"pick_first": {}, "round_robin": {}}]}, "must have one field"),
    ({"loadBalancingPolicy": "foo"}, "unknown policy 'foo'"),
    ({"loadBalancingPolicy": 5}, "loadBalancingPolicy: is not a string"),
]


@pytest.mark.wire("W160", "W166", "W181", "W182")
@pytest.mark.parametrize(("config", "text"), WRONG)
def test_one_wrong_field_makes_the_whole_config_wrong(config: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        parsed(config)


def test_a_channel_with_a_wrong_config_is_not_made() -> None:
    with pytest.raises(ValueError, match=r"grpc\.service_config: the service config is no JSON"):
        aio.insecure_channel("localhost:1", (("grpc.service_config", "{"),))


def test_the_config_decides_over_the_option_on_balancing() -> None:
    option = ("grpc.lb_policy_name", "pick_first")
    assert parse_options((option, ("grpc.service_config", json.dumps(EVERYTHING)))).lb_policy == "round_robin"
    assert parse_options((option, ("grpc.service_config", "{}"))).lb_policy == "pick_first"
