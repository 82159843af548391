"""When the Go peer is built, when not, and what is said when it cannot be. A script stands in for `go`."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from interop.peers import builds, grpc_go
from interop.peers.peer import BuildFailed, Commands, Missing

GO = """#!/bin/sh
[ "$1" = build ] || exit 9
echo built >> {log}
while [ "$1" != -o ]; do shift; done
touch "$2server" "$2client"
"""


class Checkout:
    """A copy of the sources, a place for builds, and a `go` on the path that notes when it is called."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sources = directory / "sources"
        self.builds = directory / "builds"
        self.path = directory / "bin"
        self._log = directory / "log"
        shutil.copytree(grpc_go.SOURCES, self.sources, ignore=shutil.ignore_patterns("*.py*", "__pycache__"))
        self.path.mkdir()
        self.install_go(GO.format(log=self._log))
        monkeypatch.setenv("PATH", f"{self.path}{os.pathsep}{os.environ['PATH']}")

    def install_go(self, script: str) -> None:
        (self.path / "go").write_text(script)
        (self.path / "go").chmod(0o755)

    def commands(self) -> Commands:
        return grpc_go.commands(self.sources, self.builds)

    @property
    def builds_made(self) -> int:
        return len(self._log.read_text().splitlines()) if self._log.exists() else 0


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    return Checkout(tmp_path, monkeypatch)


def test_it_is_built_once(checkout: Checkout) -> None:
    first, second = checkout.commands(), checkout.commands()
    assert checkout.builds_made == 1
    assert "built in" in first.version
    assert second.version.endswith("built before")
    assert (first.server, first.client) == (second.server, second.client)
    assert all(Path(command[0]).is_file() for command in (first.server, first.client))


def test_the_version_is_the_pinned_one(checkout: Checkout) -> None:
    pinned = (checkout.sources / "go.mod").read_text().split("google.golang.org/grpc ")[1].split()[0]
    assert checkout.commands().version.startswith(f"grpc-go {pinned}, ")
    assert pinned.startswith("v1.")


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "server/main.go", "client/main.go", "client/new.go"])
def test_a_changed_source_is_built_again(checkout: Checkout, changed: str) -> None:
    before = checkout.commands()
    with (checkout.sources / changed).open("a") as file:
        file.write("// changed\n")
    after = checkout.commands()
    assert checkout.builds_made == 2
    assert before.server != after.server
    assert Path(before.server[0]).exists(), "another run may be using it"


def test_an_old_build_of_other_sources_is_removed(checkout: Checkout) -> None:
    before = checkout.commands()
    yesterday = time.time() - 2 * 86_400
    os.utime(Path(before.server[0]).parent, (yesterday, yesterday))
    (checkout.sources / "client" / "new.go").write_text("package main\n")
    after = checkout.commands()
    assert sorted(checkout.builds.iterdir()) == [Path(after.server[0]).parent]


def test_a_build_that_fails_leaves_nothing_and_says_why(checkout: Checkout) -> None:
    checkout.install_go("#!/bin/sh\necho main.go:1: oops >&2\nexit 2\n")
    with pytest.raises(BuildFailed, match="go build failed, exit status 2") as raised:
        checkout.commands()
    assert raised.value.output == "main.go:1: oops\n"
    assert list(checkout.builds.iterdir()) == []


def test_a_build_that_does_not_end(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "TIMEOUT_S", 0.5)
    checkout.install_go("#!/bin/sh\necho downloading\nexec sleep 60\n")
    with pytest.raises(BuildFailed, match="go build did not end within 0"):
        checkout.commands()


def test_another_run_that_was_faster(checkout: Checkout) -> None:
    """Both build; whoever is last finds the folder there, and uses it."""
    name = Path(checkout.commands().server[0]).parent.name
    shutil.rmtree(checkout.builds / name)
    faster = checkout.builds / name
    script = GO.format(log=os.devnull) + f"mkdir {faster}; touch {faster}/server {faster}/client {faster}/theirs\n"
    checkout.install_go(script)
    assert Path(checkout.commands().server[0]).is_file()
    assert sorted(path.name for path in checkout.builds.iterdir()) == [name]
    assert (faster / "theirs").exists()


def test_without_go_the_peer_is_missing(checkout: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Missing, match="the command `go` is not on the path"):
        checkout.commands()


def test_without_its_sources_the_peer_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="run from a checkout of the repository"):
        grpc_go.commands(tmp_path)
