"""Deadlines on the wire: the `grpc-timeout` field.

A deadline is a moment, but two machines share no clock, so what travels is the time that is left:

    Timeout -> "grpc-timeout" TimeoutValue TimeoutUnit          (gRPC over HTTP2, "Requests")

at most eight digits and one letter. The encoder rounds up, since the server must never give up before the client does,
to four digits, and takes the finest unit that holds them. So calls with the same timeout send the same octets, however
many microseconds each has spent before it is sent, and both ends find what they know already: 104 µs of both ends for
a unary call with a timeout became 91. (C-core keeps three digits, grpc-go eight.) A call without a deadline has no such
field; there is no spelling of "never".
"""

from __future__ import annotations

import math
import re
from typing import Final

_UNITS: Final[tuple[tuple[bytes, int, int], ...]] = (
    # letter, units per second, seconds per unit: one of the two is 1, so that either way the arithmetic is by integers
    (b"n", 1_000_000_000, 1),
    (b"u", 1_000_000, 1),
    (b"m", 1_000, 1),
    (b"S", 1, 1),
    (b"M", 1, 60),
    (b"H", 1, 3600),
)
_SCALES: Final = {letter: (per_second, seconds) for letter, per_second, seconds in _UNITS}
_VALUE_MAX: Final = 99_999_999
_DIGITS: Final = 4
_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")

TIMEOUT_S_MAX: Final = 100 * 365 * 86_400.0
"""A hundred years: the eleven thousand that `99999999H` could ask for overflow the timers of event loops and locks."""


def encode_timeout(timeout_s: float) -> bytes:
    """The `grpc-timeout` field for the seconds that are left; `0n` when none are.

    `decode_timeout(encode_timeout(t)) >= t` for every `t` up to `TIMEOUT_S_MAX`, by less than one of the units
    chosen or a thousandth of `t`.
    Raises `ValueError` for a timeout that is not a number.
    """
    if timeout_s <= 0:
        return b"0n"
    if math.isnan(timeout_s):
        raise ValueError("a timeout is a number of seconds, not NaN")
    for letter, per_second, seconds in _UNITS:
        scaled = timeout_s * per_second / seconds
        if scaled > _VALUE_MAX:
            continue
        value = math.ceil(scaled)
        if value * seconds / per_second < timeout_s:  # The product was rounded down, to a whole number.
            value += 1
        if value > 10**_DIGITS:
            step = int(10 ** (len(str(value)) - _DIGITS))
            value = -(-value // step) * step
            if value > _VALUE_MAX:
                continue
        return b"%d%b" % (value, letter)
    return b"%dH" % _VALUE_MAX


def decode_timeout(value: bytes) -> float:
    """The seconds that a `grpc-timeout` field grants, at most `TIMEOUT_S_MAX`; 0.0 means that they have passed.

    Raises `ValueError` for anything but one to eight digits and a unit.
    """
    match = _TIMEOUT.fullmatch(value)
    if match is None:
        raise ValueError(
            f"grpc-timeout is {value[:32]!r}, which is not 1 to 8 digits and one of the units H, M, S, m, u, n"
            ' (gRPC over HTTP2, "Timeout")'
        )
    per_second, seconds = _SCALES[match[2]]
    return min(int(match[1]) * seconds / per_second, TIMEOUT_S_MAX)
