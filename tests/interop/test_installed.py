"""What an installed Plait does without the repository: its command lines run, and name what is not there.

It has no sources in other languages, and none of the packages that tests and peers need beyond its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import google.protobuf
import pytest

ROOT = Path(__file__).parents[2]
NEEDS_CHECKOUT = "not part of an installed Plait: run from a checkout of the repository"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """What a wheel holds, and what it requires: protobuf alone."""
    installed, required = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("required")
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(installed)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (required / "google").symlink_to(Path(google.protobuf.__file__).parents[1])
    return installed, required


@pytest.fixture
def interop(packages: tuple[Path, Path], tmp_path: Path) -> Run:
    """Runs `python -m interop ...` elsewhere, with these packages and the standard library."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, packages))}
    environment.pop("INTEROP_REQUIRE", None)  # what CI requires of its machine is not here on purpose

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", "-m", "interop", *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return done

    return run


def test_the_demonstration_names_who_does_not_take_part(interop: Run) -> None:
    done = interop("demo")
    assert done.returncode == 0
    assert "the error: StatusCode.INVALID_ARGUMENT" in done.stdout
    assert f"grpc-go does not take part: the Go sources are {NEEDS_CHECKOUT}" in done.stdout


def test_the_matrix_names_the_peers_that_are_not_there(interop: Run) -> None:
    arguments = ("--case", "ping_pong", "--peers", "grpc_go,grpc_java,grpc_js,grpcio", "--over", "plaintext")
    done = interop("matrix", *arguments)
    assert done.returncode == 0, done.stdout
    for language in ("Go", "Java", "Node.js"):
        assert f"the {language} sources are {NEEDS_CHECKOUT}" in done.stdout
    assert "grpcio is not installed for this Python: pip install grpcio" in done.stdout


def test_the_conformance_matrix_names_the_peers_that_are_not_there(interop: Run, tmp_path: Path) -> None:
    ours = ["server/plait", "grpc-client/plait"]
    others = ["server/node", "server/go", "client/node", "client/go", "grpc-server/grpc_go", "grpc-client/grpc_go"]
    pages = ("--markdown", "page.md", "--html", "page.html", "--json", "all.json")
    done = interop("conformance", "matrix", "PNG-01", "GRP-01", "--only", *ours, *others, *pages)
    assert done.returncode == 0, "who is not here is no failure"
    rows = {f"{row['kind']}/{row['name']}": row for row in json.loads((tmp_path / "all.json").read_text())["rows"]}
    assert {name for name, row in rows.items() if not row["problem"]} == set(ours)
    for name in others:
        assert rows[name]["problem"].endswith(NEEDS_CHECKOUT), rows[name]
        assert rows[name]["install"] == "", "no installing would help"
    for page in ("page.md", "page.html"):
        assert NEEDS_CHECKOUT in (tmp_path / page).read_text()


@pytest.mark.parametrize("level", [["PNG-01"], ["--grpc", "GRP-01"]])
def test_the_kit_is_whole(interop: Run, tmp_path: Path, level: list[str]) -> None:
    done = interop("conformance", "memory", "--html", "report.html", "--junit", "report.xml", *level)
    assert (done.returncode, done.stderr) == (0, "")
    assert "</html>" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["memory", "--stack", "h2"], "the stack h2 needs a package: No module named 'h2'"),
        (["client", "PNG-01", "--", "nobody"], "the command has no {url}: nothing would tell nobody where to connect"),
        (["server", "127.0.0.1:1", "PNG-01"], "127.0.0.1:1 cannot be tested: nothing can be reached at 127.0.0.1:1"),
        (
            ["matrix", "--from-json", "none.json", "--markdown", "page.md"],
            "none.json holds no matrix: [Errno 2] No such file or directory",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line(interop: Run, arguments: list[str], reason: str) -> None:
    done = interop("conformance", *arguments)
    assert done.returncode == 2
    assert reason in done.stderr
    assert done.stderr.startswith("interop conformance: ")
    assert done.stderr.count("\n") == 1
