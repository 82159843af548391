"""A short soak: what `make soak` does with a hundred thousand calls. And the soak itself: it must see what is left."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks import soak
from http2.windows import ReceiveWindow

CALLS = 2_000


def test_nothing_is_left_of_many_calls() -> None:
    report = asyncio.run(soak.soak(CALLS, seed=1))
    assert report.calls.total() == report.ended.total() == CALLS
    assert len(report.calls) == 4, "all four kinds"
    assert set(report.ended) == {"OK", "CANCELLED"}
    assert report.ended["CANCELLED"] >= CALLS / 5, "a fifth of the calls, and more, was cancelled while it ran"


def test_an_octet_of_credit_that_is_lost_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    consume = ReceiveWindow.consume

    def lossy(window: ReceiveWindow, length: int) -> int:
        return consume(window, length - 1 if length == 1006 else length)

    monkeypatch.setattr(ReceiveWindow, "consume", lossy)
    monkeypatch.setattr(soak, "_QUIET_S_MAX", 0.0)
    with pytest.raises(soak.Leak, match=r"octets of credit|streams of the"):
        asyncio.run(soak.soak(200, seed=2))


def test_memory_that_is_kept_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []

    async def keeping(request: bytes, context: object) -> bytes:
        kept.append(bytes(100_000))
        return request

    monkeypatch.setattr(soak, "_echo", keeping)
    with pytest.raises(soak.Leak, match="memory: "):
        asyncio.run(soak.soak(300, seed=3))
