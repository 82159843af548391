"""What is measured of memory, imports and sizes, in small numbers."""

from __future__ import annotations

import mmap
import os

import pytest

from benchmarks import footprint
from benchmarks.harness import StackFailed
from benchmarks.progress import Progress
from benchmarks.stacks import ALONE, Pairing, Stack
from benchmarks.workloads import HOLDS

HOLDERS = [pairing for pairing in ALONE if pairing.can(HOLDS[0])]


@pytest.mark.parametrize("what", HOLDS)
@pytest.mark.parametrize("pairing", HOLDERS, ids=[pairing.name for pairing in HOLDERS])
def test_what_is_held_takes_memory(pairing: Pairing, what: str) -> None:
    if (lacking := pairing.missing()) is not None:
        pytest.skip(lacking)
    server_kib, client_kib = footprint.held(pairing, what, 200)
    # Pages are taken by the process in lots, and in small numbers one end may need none.
    assert server_kib + client_kib > 0


def test_memory_that_is_taken_shows() -> None:
    before = footprint.own_kib(os.getpid())
    with mmap.mmap(-1, 8 << 20) as taken:  # from the system: an allocator may have as much in stock
        taken.write(bytes(8 << 20))
        assert footprint.own_kib(os.getpid()) - before == pytest.approx(8192, rel=0.1)


def test_a_stack_that_is_absent_is_named() -> None:
    absent = Stack("absent", "asyncio_face", "grpc_core", needs=("no_such_module",))
    with pytest.raises(StackFailed, match="no_such_module is missing"):
        footprint.held(Pairing(absent, absent), HOLDS[0], 1)


def test_imports_that_can_be_and_those_that_cannot() -> None:
    with_channel = "grpc_core.aio" + footprint.FIRST_CHANNEL
    times = footprint.imports(2, Progress(0.0), ["hpack_codec", with_channel, "no_such_module"])
    assert list(times) == ["hpack_codec", with_channel]
    assert [len(values) for values in times.values()] == [2, 2]
    with pytest.raises(StackFailed, match="import no_such_module: exit status 1"):
        footprint.import_cpu_ms("import no_such_module")


def test_sizes() -> None:
    sizes = footprint.sizes()
    assert 0.5 < sizes["plait"] < sizes["plait with protobuf"] < sizes["grpcio"]
