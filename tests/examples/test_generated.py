"""The generated code that is checked in is what the generators write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from examples.generate import EXAMPLES, NAMES


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that `make generate` writes, by the protoc that is here."""
    folder = tmp_path_factory.mktemp("generated")
    for what in ("messages", "grpc"):
        command = [sys.executable, str(EXAMPLES / "generate.py"), what, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_proto_is_generated() -> None:
    assert sorted(path.stem for path in (EXAMPLES / "protos").glob("*.proto")) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_grpc_part_is_the_same_octet_for_octet(name: str, written: Path) -> None:
    path = f"{name}/{name}_pb2_grpc.py"
    assert (written / path).read_bytes() == (EXAMPLES / path).read_bytes(), "run: make generate"


@pytest.mark.parametrize("name", NAMES)
def test_the_messages_are_those_of_the_proto(name: str, written: Path) -> None:
    """`*_pb2.py` differs from protoc to protoc, the descriptor inside does not."""
    path = f"{name}/{name}_pb2.py"
    ours, new = (
        next(line for line in (folder / path).read_text().splitlines() if line.startswith("DESCRIPTOR ="))
        for folder in (EXAMPLES, written)
    )
    assert ours == new, "run: make generate"


def test_a_wrong_word_is_one_line() -> None:
    command = [sys.executable, str(EXAMPLES / "generate.py"), "everything"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "usage: python examples/generate.py messages|grpc [FOLDER]\n")
