"""Deadlines on the wire: W020 to W025 of the checklist, by name."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from grpc_core.deadline import TIMEOUT_S_MAX, decode_timeout, encode_timeout

UNIT_S = {b"n": 1e-9, b"u": 1e-6, b"m": 1e-3, b"S": 1.0, b"M": 60.0, b"H": 3600.0}


@pytest.mark.wire("W022")
@pytest.mark.parametrize(
    ("timeout_s", "value"),
    [
        (1e-12, b"1n"),
        (1e-9, b"1n"),
        (0.00001, b"10000n"),
        (0.000010001, b"10010n"),  # Four digits, rounded up.
        (0.05, b"50000000n"),
        (0.09999, b"99990000n"),
        (0.0999900001, b"100000u"),  # Rounding up makes nine digits of nanoseconds: the next unit.
        (0.1, b"100000u"),
        (1, b"1000000u"),
        (5.0, b"5000000u"),
        (59.99998, b"60000000u"),
        (60.0, b"60000000u"),
        (99.99, b"99990000u"),
        (99.999999, b"100000m"),
        (100.0, b"100000m"),
        (99_999.999, b"100000S"),
        (100_000.0, b"100000S"),
        (99_990_000.0, b"99990000S"),
        (99_999_999.0, b"1667000M"),
        (100_000_000.0, b"1667000M"),
        (99_990_000 * 60.0, b"99990000M"),
        (99_999_999 * 60.0, b"1667000H"),
        (99_999_999 * 3600.0, b"99999999H"),
        (1e300, b"99999999H"),
        (math.inf, b"99999999H"),
    ],
)
def test_w022_four_digits_rounded_up_in_the_finest_unit_that_fits(timeout_s: float, value: bytes) -> None:
    assert encode_timeout(timeout_s) == value


@pytest.mark.wire("W022")
@pytest.mark.parametrize("timeout_s", [0, 0.0, -0.0, -1e-9, -5, -math.inf])
def test_w022_a_deadline_in_the_past_is_zero(timeout_s: float) -> None:
    assert encode_timeout(timeout_s) == b"0n"
    assert decode_timeout(b"0n") == 0.0


def test_not_a_number_is_a_local_error() -> None:
    with pytest.raises(ValueError, match="NaN"):
        encode_timeout(math.nan)


@pytest.mark.wire("W022")
@given(st.floats(min_value=0, exclude_min=True, max_value=TIMEOUT_S_MAX))
@example(math.nextafter(0.02854047, 1))  # Times 1e9, it rounds down to 28540470.
@example(math.nextafter(0.099999999, 1))
@example(math.nextafter(0.09999, 1))
@example(math.nextafter(99.999999, 100))
@example(math.nextafter(99999.999, 100_000))
@example(math.nextafter(100.0, 101))
@example(99.999999000001)
@example(5e-324)
def test_w022_a_server_never_gives_up_first_and_at_most_a_unit_or_a_thousandth_later(timeout_s: float) -> None:
    value = encode_timeout(timeout_s)
    assert len(value) <= 9
    decoded_s = decode_timeout(value)
    assert decoded_s >= timeout_s
    unit_s = UNIT_S[value[-1:]]
    assert decoded_s - timeout_s <= max(unit_s, timeout_s / 1000) * (1 + 1e-6)
    assert len(value[:-1].rstrip(b"0")) <= 4 or len(value) <= 6, "four digits and zeros"
    finer = {b"n": None, b"u": 1e-9, b"m": 1e-6, b"S": 1e-3, b"M": 1.0}[value[-1:]]
    assert finer is None or timeout_s / finer > 99_989_998, "a finer unit would have held it"


@pytest.mark.wire("W020")
@pytest.mark.parametrize(
    ("value", "timeout_s"),
    [
        (b"1n", 1e-9),
        (b"250u", 250e-6),
        (b"100m", 0.1),
        (b"00000005S", 5.0),
        (b"2M", 120.0),
        (b"3H", 10_800.0),
        (b"27000H", 97_200_000.0),  # The largest that C-core sends.
        (b"0H", 0.0),
        (b"00000000n", 0.0),
    ],
)
def test_w020_digits_and_a_unit(value: bytes, timeout_s: float) -> None:
    assert decode_timeout(value) == timeout_s


@pytest.mark.wire("W024")
@pytest.mark.parametrize("value", [b"99999999H", b"99999999M", b"876000H"])
def test_w024_the_largest_are_clamped(value: bytes) -> None:
    assert decode_timeout(value) == TIMEOUT_S_MAX


@pytest.mark.wire("W023")
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"5",
        b"S",
        b"-5S",
        b"+5S",
        b"5s",
        b"5x",
        b"1.5S",
        b" 5S",
        b"5 S",
        b"5S ",
        b"5S\n",
        b"0x5S",
        b"5SS",
        b"\xb25S",
    ]
    + [b"123456789n", b"1000000000S", b"9" * 5_000 + b"S", "٣S".encode()],
)
def test_w023_anything_else_is_refused_and_quoted(value: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        decode_timeout(value)
    assert repr(value[:32]) in str(caught.value)
    assert "1 to 8 digits" in str(caught.value)
    assert len(str(caught.value)) < 300, "the text goes into a status: it is bounded whatever came"
