"""docs/call.md says nothing that was not run: its sessions are typed again, its tables are those of the parsers."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from grpc_core import __main__ as command
from tests.grpc_core.support import run
from tests.grpc_core.support_main import program

PAGE = (Path(__file__).parents[2] / "docs/call.md").read_text(encoding="utf-8")
TARGET = "localhost:50051"


def sessions() -> list[tuple[str, str]]:
    """(command, all that it prints)."""
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    typed = [part.partition("\n") for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(line, printed) for line, _, printed in typed]


def test_every_session_prints_what_the_page_shows() -> None:
    assert len(sessions()) == 7

    async def main() -> None:
        async with program("serve") as server:
            target = (await server.stdout.readline()).decode().removeprefix("LISTENING ").strip()
            for line, expected in sessions():
                python, *arguments = shlex.split(line.replace(TARGET, target))
                assert [python, *arguments[:2]] == ["python", "-m", "grpc_core"]
                async with program(*arguments[2:]) as caller:
                    output, error = await caller.communicate(b"")
                    assert (output + error).decode() == expected, line

    run(main())


@pytest.mark.parametrize(("name", "options"), [("call", 13), ("serve", 6)])
def test_the_options_of_the_page_are_those_that_there_are(name: str, options: int) -> None:
    section = PAGE.partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`-[^|]*)\|", section, re.MULTILINE)
    listed = {option for row in rows for option in re.findall(r"`(--?[\w-]+)", row)}
    commands = next(action for action in command._parsers()[0]._actions if action.dest == "command")
    assert commands.choices is not None
    parser = dict(commands.choices)[name]
    known = {option for action in parser._actions for option in action.option_strings} - {"-h", "--help"}
    assert listed == known
    assert len(known) == options
