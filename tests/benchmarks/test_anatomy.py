"""The time of a profile is divided by files, and nothing of it is lost."""

from __future__ import annotations

import pytest

from benchmarks.anatomy import LOOP, PROGRAM, ROOT, dissect, main, place, table

OURS = str(ROOT / "http2/connection.py")
ASYNCIO = "/usr/lib/python/asyncio/base_events.py"
SEND = ("~", 0, "<method 'send' of '_socket.socket' objects>")
POLL = ("~", 0, "<method 'poll' of 'select.epoll' objects>")
LEN = ("~", 0, "<built-in method builtins.len>")


def test_where_a_function_belongs() -> None:
    assert place(OURS) == "http2/connection.py"
    assert place(ASYNCIO) == LOOP
    assert place(str(ROOT / "benchmarks/stacks/asyncio_face.py")) == PROGRAM


def test_a_profile_is_divided() -> None:
    """Ten operations. What C takes counts where it is called, system calls by themselves, and waiting not at all."""
    stats = {
        (OURS, 1, "send_data"): (20, 20, 2.0, 4.0, {}),
        (str(ROOT / "hpack_codec/decoder.py"), 1, "decode"): (40, 40, 0.5, 0.5, {}),
        (str(ROOT / "hpack_codec/decoder.py"), 2, "_execute"): (4, 4, 0.5, 0.5, {}),
        (ASYNCIO, 1, "_run_once"): (10, 10, 1.0, 9.0, {}),
        LEN: (30, 30, 4.0, 4.0, {(OURS, 1, "send_data"): (20, 20, 3.0, 3.0), (ASYNCIO, 1, "x"): (10, 10, 1.0, 1.0)}),
        SEND: (5, 5, 2.0, 2.0, {(ASYNCIO, 1, "write"): (5, 5, 2.0, 2.0)}),
        POLL: (10, 10, 90.0, 90.0, {(ASYNCIO, 1, "select"): (10, 10, 90.0, 90.0)}),
    }
    anatomy = dissect(stats, 10)
    assert anatomy.shares == {"http2/connection.py": 0.5, "hpack_codec/decoder.py": 0.1, LOOP: 0.2, "send": 0.2}
    assert (anatomy.calls["http2/connection.py"], anatomy.calls["send"], anatomy.calls["epoll_wait"]) == (2.0, 0.5, 1.0)
    assert anatomy.hits("decoder.py:decode", "decoder.py:_execute") == pytest.approx(0.9)
    assert anatomy.hits("encoder.py:encode", "encoder.py:_compose") == 0.0
    lines = list(table("server", anatomy, 50.0))
    assert "| http2/connection.py | 2.00 | 25.00 | 50.0% |" in lines


def test_both_ends_are_profiled(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--seconds", "0.05", "--workload", "unary"])
    said = capsys.readouterr().out
    assert said.count("| http2/connection.py |") == 2
    assert said.count("Blocks decoded: 1.00") == 1, "a request is one block"
    assert said.count("Blocks decoded: 2.00") == 1, "a response has two"
