"""What docs/conformance.md says is so."""

from __future__ import annotations

import re
from pathlib import Path

from interop.__main__ import main
from interop.conformance.model import Outcome
from tests.interop.conformance.servers import plait

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "conformance.md").read_text("utf-8")


def test_the_code_on_the_page_runs_as_written() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    exec(compile("\n".join(blocks), "docs/conformance.md", "exec"), {"__name__": "page"})


def test_the_page_names_every_outcome() -> None:
    for outcome in Outcome:
        assert f"| `{outcome.value}`" in PAGE, outcome


def test_the_commands_on_the_page_are_commands() -> None:
    commands = re.findall(r"^    python -m interop (conformance .*?)(?: +#.*)?$", PAGE, re.MULTILINE)
    assert len(commands) == 14
    with plait() as address:
        for command in commands:
            if "client --" not in command and ("--list" in command or "--explain" in command):
                assert main(command.replace("localhost:8080", address).split()) == 0, command
