"""The command `plait`: that it reaches every layer, loads no other, and says in a line what is wrong."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

from interop import cli
from interop.cli import COMMANDS, Command, main

ROOT = Path(cli.__file__).parent.parent


def plait(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "interop.cli", *argv], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_usage_names_every_command(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag]) == 0
    output = capsys.readouterr().out
    assert output.startswith("usage: plait COMMAND")
    for name, command in COMMANDS.items():
        assert f"  {name.ljust(7)}  {command.purpose}\n" in output


def test_no_command_is_an_error_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("usage: plait COMMAND")


@pytest.mark.parametrize("name", ["htp2", "", "--verbose"])
def test_an_unknown_command_is_told_in_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name]) == 2
    error = capsys.readouterr().err
    assert error == f"plait: there is no command {name!r}; there are hpack, http2, grpc, interop, demo\n"


def test_the_version_is_the_distribution_s(capsys: pytest.CaptureFixture[str]) -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"plait {setup['metadata']['version']}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_line_is_there(name: str) -> None:
    """The real packages, in an interpreter of their own: each has a --help and takes a list of arguments."""
    done = plait(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


def test_the_arguments_go_to_the_command() -> None:
    done = plait("hpack", "explain", "82")
    assert done.returncode == 0
    assert ":method: GET" in done.stdout
    assert plait("hpack", "explain", "80").returncode == 1, "the exit status is the command's own"


@pytest.mark.parametrize(
    ("argv", "expected"), [(["fake", "a", "--b"], ["a", "--b"]), (["short", "a"], ["first", "a"]), (["fake"], [])]
)
def test_what_a_command_is_given(argv: list[str], expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []

    def fake(argv: list[str]) -> int:
        given.append(argv)
        return 7

    module = types.ModuleType("a_fake_command")
    module.__dict__["main"] = fake
    monkeypatch.setitem(sys.modules, "a_fake_command", module)
    monkeypatch.setitem(COMMANDS, "fake", Command("a_fake_command", (), "nothing"))
    monkeypatch.setitem(COMMANDS, "short", Command("a_fake_command", ("first",), "nothing"))
    assert main(argv) == 7
    assert given == [expected]


def test_ctrl_c_has_the_shell_s_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(argv: list[str]) -> int:
        raise KeyboardInterrupt

    module = types.ModuleType("a_fake_command")
    module.__dict__["main"] = interrupted
    monkeypatch.setitem(sys.modules, "a_fake_command", module)
    monkeypatch.setitem(COMMANDS, "fake", Command("a_fake_command", (), "nothing"))
    assert main(["fake"]) == 130


def test_a_reader_who_leaves_early_sees_no_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    with os.fdopen(write_end, "wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "interop.cli", "hpack", "explain", "82"],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("name", ["hpack", "http2"])
def test_a_command_loads_only_the_layers_below_it(name: str) -> None:
    program = (
        "import sys\nfrom interop.cli import main\n"
        f"try:\n    main([{name!r}, '--help'])\nexcept SystemExit:\n    pass\n"
        "print('LOADED', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.split("LOADED ")[1].split()
    assert not {"grpc_core", "google.protobuf", "interop.matrix", "grpc"} & set(loaded)
    assert ("http2" in loaded) == (name == "http2")
