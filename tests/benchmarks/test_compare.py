"""Another commit is measured beside what is checked out: each side runs its own sources with the benchmarks of here."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import compare
from benchmarks.bench_server import Load
from benchmarks.compare import Row, codecs, laid_out, rows_of
from benchmarks.harness import Measured, Program, Result, StackFailed, Turn, measure
from benchmarks.progress import Progress
from benchmarks.stacks import codec_face
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parents[2]

needs_git = pytest.mark.skipif(
    subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, check=False, cwd=ROOT).returncode != 0,
    reason="this is no repository of git",
)


def test_a_row_tells_both_medians_and_the_ratio_of_the_turns() -> None:
    line = Row("something, µs", [10.0, 20.0, 30.0], [5.0, 5.0, 10.0]).line()
    assert line.split() == ["something,", "µs", "20.00", "5.00", "3.000x", "spread", "33.3%"]


def test_rows_pair_what_both_sides_have() -> None:
    def result(name: str, cost: float) -> Result:
        return Result(WORKLOADS["unary"], name, [Turn(cost, 2 * cost, 3 * cost, 4 * cost, 5 * cost)])

    results = [result("plait.aio of before", 8.0), result("plait.aio", 4.0), result("plait", 1.0)]
    rows = list(rows_of(Measured({("unary", each.name): each for each in results})))
    assert [(row.what, row.before, row.after) for row in rows] == [
        ("plait.aio unary, server, µs", [8.0], [4.0]),
        ("plait.aio unary, client, µs", [16.0], [8.0]),
        ("plait.aio unary, p50, µs", [32.0], [16.0]),
    ]


@needs_git
def test_each_side_runs_its_own_sources() -> None:
    with laid_out("HEAD") as folder, contextlib.ExitStack() as exits:
        code = "import benchmarks, grpc_core, http2; print(*[each.__file__ for each in (benchmarks, grpc_core, http2)])"
        for where, root in ((folder, folder), (None, ROOT)):
            told = Program([sys.executable, "-c", code], min(os.sched_getaffinity(0)), exits, where).hear(30.0)
            assert [Path(file).parents[1] for file in told.split()] == [root, root, root]
        assert (folder / "benchmarks/compare.py").read_bytes() == (ROOT / "benchmarks/compare.py").read_bytes()
        with pytest.raises(StackFailed):
            Program([sys.executable, "-m", "no_such_module"], min(os.sched_getaffinity(0)), exits, folder).hear(30.0)
    assert not folder.exists()


@needs_git
def test_everything_is_measured_on_both_sides() -> None:
    with laid_out("HEAD") as folder:
        rows = codecs(folder, 2, 0.001, Progress(0.0))
        assert [row.what for row in rows] == [f"{name}, µs" for name in codec_face.WORKS]
        assert all(len(row.before) == len(row.after) == 2 and min(row.before + row.after) > 0 for row in rows)
        measured = measure(compare._pairings(folder), [WORKLOADS["unary"]], turns=1, seconds=0.01)
        assert measured.failures == {}
        assert len(list(rows_of(measured))) == 3 * len(compare.FACES)


def test_servers_are_paired(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name + suffix for name in compare.FACES for suffix in (" of before", "")]
    load = Load({name: [1e6 / (number + 1)] for number, name in enumerate(names)})
    monkeypatch.setattr(compare.bench_server, "run", lambda *_, **__: load)
    rows = compare.servers(ROOT, 1, 0.0, Progress(0.0))
    assert [(row.before, row.after) for row in rows] == [([pytest.approx(1.0)], [2.0]), ([3.0], [4.0])]
    load.failures["plait"] = "a reason"
    with pytest.raises(StackFailed, match="plait: a reason"):
        compare.servers(ROOT, 1, 0.0, Progress(0.0))


@needs_git
def test_a_commit_that_is_not_there_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main(["no-such-commit"]) == 1
    assert "no-such-commit" in capsys.readouterr().err
