"""docs/migration.md says nothing that was not run, and the two programs do what they do on grpcio."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.modules import grpcio

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"


def run(source: str) -> str:
    """What a program prints to either stream. Warnings are errors."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "GRPC_VERBOSITY": "NONE"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("number", range(3))
def test_a_block_of_the_guide_runs(number: int) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/migration.md").read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    if number == 2:
        grpcio()
    assert run(blocks[number]) == ""


@pytest.mark.parametrize(
    ("name", "line", "ours"),
    [
        ("blocking.py", "import grpc\n", "import grpc_core as grpc\n"),
        ("asynchronous.py", "import grpc\n", "import grpc_core as grpc\n"),
    ],
)
def test_a_program_for_grpcio_says_the_same_with_one_line_changed(name: str, line: str, ours: str) -> None:
    grpcio()
    source = (PROGRAMS / name).read_text(encoding="utf-8")
    assert source.count(line) == 1
    said = run(source)
    assert len(said.splitlines()) > 20, "it says what it does"
    assert run(source.replace(line, ours)) == said
