"""Keepalive and its police, without I/O: a table of moments and what follows."""

from __future__ import annotations

import math

import pytest

from grpc_core.keepalive import Keepalive, KeepaliveOptions, PingPolice, Verdict

WAIT, PING, DEAD = Verdict.WAIT, Verdict.PING, Verdict.DEAD


def keepalive(backoff: float = 1.0, **options: float) -> Keepalive:
    return Keepalive(KeepaliveOptions(**{"time_s": 10.0, "timeout_s": 5.0, **options}), backoff)  # type: ignore[arg-type]  # bool and int are floats here


@pytest.mark.wire("W140", "W143")
def test_the_times_of_the_two_roles() -> None:
    nothing = KeepaliveOptions()
    assert nothing.for_client().time_s == math.inf, "a client pings only when it is asked to"
    assert not nothing.for_client().without_calls
    assert nothing.for_client().timeout_s == nothing.for_server().timeout_s == 20
    assert KeepaliveOptions(time_s=0.5).for_client().time_s == 10, "the floor of gRFC A8"
    assert KeepaliveOptions(time_s=11).for_client().time_s == 11
    server = nothing.for_server()
    assert (server.time_s, server.without_calls) == (7200, True)
    assert KeepaliveOptions(time_s=0.5).for_server().time_s == 1


def test_off_is_off() -> None:
    off = keepalive(time_s=math.inf)
    assert not off.is_on
    assert off.poll(1e9, 0, 0, True) is WAIT
    assert off.due == math.inf


@pytest.mark.wire("W140")
def test_a_ping_goes_out_after_silence_counted_from_the_last_octet() -> None:
    k = keepalive()
    assert k.poll(0, 0, 0, True) is WAIT
    assert k.due == 10
    assert k.poll(10, 4, 0, True) is WAIT, "an octet has come at 4"
    assert k.due == 14
    assert k.poll(14, 4, 0, True) is PING
    assert k.due == 19
    assert k.poll(16, 15, 0, True) is WAIT, "it was answered at 15"
    assert k.due == 25, "from the last octet, not from the PING"


@pytest.mark.wire("W140")
def test_without_calls_it_sleeps_and_a_call_after_a_long_pause_pings_at_once() -> None:
    k = keepalive()
    assert k.poll(50, 0, 0, False) is WAIT
    assert k.due == math.inf
    assert k.poll(60, 0, 0, True) is PING, "with the call that begins"


def test_permitted_without_calls_it_pings_all_the_same() -> None:
    assert keepalive(without_calls=True).poll(10, 0, 0, False) is PING


@pytest.mark.wire("W141", "W128")
def test_a_ping_that_nothing_follows_is_the_end() -> None:
    k = keepalive()
    assert k.poll(10, 0, 0, True) is PING
    assert k.poll(14.9, 0, 0, True) is WAIT
    assert k.due == 15
    assert k.poll(15, 0, 0, False) is DEAD, "also when the calls are gone by then"


def test_an_answer_that_comes_soon_makes_the_next_ping_due_before_the_timeout_would_be() -> None:
    k = keepalive(timeout_s=60)
    assert k.poll(10, 0, 0, True) is PING
    assert k.due == 20
    assert k.poll(20, 10.1, 0, True) is WAIT
    assert k.poll(20.1, 10.1, 0, True) is PING


def test_an_octet_at_the_very_moment_of_the_ping_counts() -> None:
    k = keepalive()
    assert k.poll(10, 0, 0, True) is PING
    assert k.poll(15, 10, 0, True) is WAIT


@pytest.mark.wire("W142")
def test_pings_without_data_are_few() -> None:
    k = keepalive(pings_without_data_max=2)
    now = heard = 0.0
    pings = []
    while now < 300:
        if k.poll(now, heard, 7, True) is PING:
            pings.append(now)
            heard = now + 1
        now += 1
    assert pings == [10, 21, 81, 141, 201, 261], "two, then one a minute"
    k.poll(300, 299, 8, True)
    assert k.due == 309, "something was sent: the count begins anew"


@pytest.mark.wire("W142")
def test_zero_is_no_limit_on_pings_without_data() -> None:
    k = keepalive(pings_without_data_max=0)
    for n in range(1, 20):
        assert k.poll(n * 10, (n - 1) * 10, 0, True) is PING
        assert k.poll(n * 10, n * 10, 0, True) is WAIT


@pytest.mark.wire("W145")
def test_a_server_that_complained_is_pinged_half_as_often() -> None:
    k = keepalive(backoff=2.0)
    assert k.poll(10, 0, 0, True) is WAIT
    assert k.due == 20


# -- the police --------------------------------------------------------------------------------------------------------


def verdicts(options: KeepaliveOptions, *pings: tuple[float, int, bool]) -> list[bool]:
    police = PingPolice(options)
    return [police.received(*ping) for ping in pings]


@pytest.mark.wire("W144")
def test_the_third_strike_after_the_tolerated_two_is_one_too_many() -> None:
    assert verdicts(KeepaliveOptions(), *[(n, 0, True) for n in range(6)]) == [False, False, False, True, True, True]


@pytest.mark.wire("W144")
@pytest.mark.parametrize(
    ("has_calls", "permitted", "every_s", "is_tolerated"),
    [
        (True, False, 300, True),
        (True, False, 299, False),
        (False, False, 7200, True),
        (False, False, 300, False),
        (False, True, 300, True),
        (False, True, 299, False),
    ],
)
def test_how_often_a_client_may_ping(has_calls: bool, permitted: bool, every_s: float, is_tolerated: bool) -> None:
    options = KeepaliveOptions(without_calls=permitted)
    assert any(verdicts(options, *[(n * every_s, 0, has_calls) for n in range(10)])) is not is_tolerated


@pytest.mark.wire("W144")
def test_what_we_send_excuses_the_pings_before() -> None:
    police = PingPolice(KeepaliveOptions())
    for progress in range(20):
        assert not police.received(0, progress, True)
        assert not police.received(0, progress, True)
    assert police.strikes == 1


@pytest.mark.wire("W144")
def test_the_number_of_strikes_and_none_at_all() -> None:
    assert verdicts(KeepaliveOptions(ping_strikes_max=1), *[(0, 0, True)] * 3) == [False, False, True]
    assert not any(verdicts(KeepaliveOptions(ping_strikes_max=0), *[(0, 0, True)] * 100)), "0 is no limit"
