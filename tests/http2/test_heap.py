"""The heap is kept for large messages, as large as they have been and no larger."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from http2 import IS_COMPILED, heap

KEEPS = """
import resource
from http2 import heap

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def come_and_go():
    parts = [bytes(b"x" * 1_048_576) for _ in range({size} >> 20)]
    return len(b"".join(parts))

heap.prepare_for({size})
come_and_go()
before = faults()
come_and_go()
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide by themselves")
@pytest.mark.parametrize("size", [4 << 20, 16 << 20])
def test_pages_do_not_come_anew_with_the_next_large_message(size: int) -> None:
    told = subprocess.run(
        [sys.executable, "-c", KEEPS.format(size=size)], capture_output=True, text=True, check=True, timeout=60
    )
    assert int(told.stdout) < 256, "a block of 1 MiB has as many pages"


@pytest.mark.skipif(IS_COMPILED, reason="compiled functions do not look at a name that is replaced")
def test_a_block_is_freed_once_for_each_size_up_to_what_glibc_learns_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "_freed_bytes", 0)
    freed: list[int] = []
    monkeypatch.setattr(heap, "bytes", freed.append, raising=False)
    for message_bytes in (1, 1 << 20, 1 << 22, 1 << 21, 1 << 22, 1 << 30, 1 << 31):
        heap.prepare_for(message_bytes)
    assert freed == [1 << 22, 1 << 23, heap.BLOCK_BYTES_MAX]
