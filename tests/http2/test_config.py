"""Limits are checked where they are set, by name."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from http2.config import _RANGES, MAX_UINT32, MAX_WINDOW, Config


def test_the_defaults_are_allowed() -> None:
    assert Config() == Config()


def test_every_limit_has_a_range() -> None:
    limits = {field.name for field in dataclasses.fields(Config) if field.type == "int"}
    assert limits == {name for name, _, _ in _RANGES}


@pytest.mark.parametrize(("name", "low", "high"), _RANGES)
def test_a_value_out_of_range_fails_with_the_name_of_the_field(name: str, low: int, high: int) -> None:
    for value in (low, high):
        assert getattr(Config(**_config(name, value)), name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(ValueError, match=rf"Config\.{name} is {value}; allowed are {low} to {high}"):
            Config(**_config(name, value))


@pytest.mark.parametrize(("value", "type_name"), [(1.5, "float"), ("1", "str"), (True, "bool"), (None, "NoneType")])
def test_a_limit_of_another_type_fails_with_the_name_of_the_field(value: Any, type_name: str) -> None:
    with pytest.raises(TypeError, match=f"Config.fields_max must be an int, not {type_name}"):
        Config(fields_max=value)


@pytest.mark.parametrize("name", ["resets_per_s", "faults_per_s", "idle_frames_per_s"])
@pytest.mark.parametrize("value", [-0.1, float("nan")])
def test_a_rate_is_not_negative(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"Config.{name} is {value}"):
        Config(**_config(name, value))
    assert getattr(Config(**_config(name, 0.0)), name) == 0.0


def test_the_bounds_are_those_of_the_rfc() -> None:
    ranges = {name: (low, high) for name, low, high in _RANGES}
    assert ranges["frame_bytes_max"] == (16_384, 2**24 - 1), "§4.2"
    assert ranges["connection_window_bytes"] == (65_535, MAX_WINDOW), "§6.9.2: it starts there and cannot shrink"
    assert ranges["stream_window_bytes"] == (0, MAX_WINDOW)
    assert ranges["header_table_bytes"] == (0, MAX_UINT32)


def _config(name: str, value: Any) -> dict[str, Any]:
    return {name: value}
